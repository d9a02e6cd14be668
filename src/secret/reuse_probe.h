/*
 * reuse_probe.h
 *		Values that somebody tries who may not read the secret.
 *
 * A type with a history refuses a value that was there before, and takes any other.  Who may
 * write and not read learns from that whether a probe is right, and can take back the
 * versions that wrong probes make by rolling back.  So each try that is not committed, the
 * refused ones too, counts as a denial (THROTTLE_DENIAL); one that is committed costs a place in
 * the history.
 */
#ifndef VAULT_SECRET_REUSE_PROBE_H
#define VAULT_SECRET_REUSE_PROBE_H

#include "secret/write.h"

/* Before the value is compared with the history; its fingerprint is known. */
extern void reuse_probe_record(const Write *write);

extern void reuse_probe_init(void);

#endif

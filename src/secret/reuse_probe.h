/*
 * reuse_probe.h
 *		Values that a caller tries for a secret that it may write but not read.
 *
 * A type with a history refuses a value that was there before, and takes any other. A principal
 * that may write but not read learns from that whether a probe is right. It can take back the
 * versions that wrong probes make by rolling back. Therefore each try that is not committed counts
 * as a denial (THROTTLE_DENIAL), also a refused one. A try that is committed costs a place in the
 * history.
 */
#ifndef VAULT_SECRET_REUSE_PROBE_H
#define VAULT_SECRET_REUSE_PROBE_H

#include "secret/write.h"

/*
 * Record a probe. Call it before the value is compared with the history, once its fingerprint is
 * known.
 */
extern void reuse_probe_record(const Write *write);

extern void reuse_probe_init(void);

#endif

/*
 * retention.h
 *		Creates partitions for the months to come, and retires those that are over.
 */
#ifndef VAULT_EVIDENCE_RETENTION_H
#define VAULT_EVIDENCE_RETENTION_H

#include "platform/compat.h"

/* Create the partitions. In a transaction. */
extern void retention_make_partitions(void);

/* vault.init() calls the first before it makes the first key, and the second after it. */
extern void retention_prepare_trail(void);
extern void retention_begin_trail(void);

#endif

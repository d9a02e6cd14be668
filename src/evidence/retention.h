/*
 * retention.h
 *		Partitions of months to come, and retirement of those that are over.
 */
#ifndef VAULT_EVIDENCE_RETENTION_H
#define VAULT_EVIDENCE_RETENTION_H

#include "platform/compat.h"

/* As a superuser, in a transaction. */
extern void retention_make_partitions(void);

/* Before and after the first key is made, by vault.init(). */
extern void retention_prepare_trail(void);
extern void retention_begin_trail(void);

#endif

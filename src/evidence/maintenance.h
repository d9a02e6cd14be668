/*
 * maintenance.h
 *		Partitions of months to come, and retirement of those that are over.
 */
#ifndef VAULT_EVIDENCE_MAINTENANCE_H
#define VAULT_EVIDENCE_MAINTENANCE_H

#include "platform/compat.h"

/* As a superuser, in a transaction. */
extern void maintenance_make_partitions(void);

/* Before and after the first key is made, by vault.init(). */
extern void maintenance_prepare_trail(void);
extern void maintenance_begin_trail(void);

#endif

/*
 * store.h
 *		Appends rows to vault_data.audit_log, without an executor.
 *
 * Rows go straight into the partition of their time: no trigger, no privilege and
 * no row security stands between, which is why nothing else may insert there.
 */
#ifndef VAULT_AUDIT_STORE_H
#define VAULT_AUDIT_STORE_H

#include "audit/audit_row.h"

/*
 * Gives each row its id, the present transaction's xid and its MAC, and appends them,
 * with their index entries.  Inside a transaction.
 */
extern void audit_store(AuditRow *rows, int count);

/* Ids are given out above this one from now on; returns the last that was given out. */
extern int64 audit_ids_above(int64 id);

extern void audit_store_init(void);

#endif

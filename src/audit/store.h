/*
 * store.h
 *		Appends rows to vault_data.audit_log, without an executor.
 *
 * Rows go straight into the partition of their time.  No trigger, privilege or row security
 * applies, so no other code may insert there.
 */
#ifndef VAULT_AUDIT_STORE_H
#define VAULT_AUDIT_STORE_H

#include "audit/audit_row.h"

/*
 * Give each row its id, the present transaction's xid and its MAC, and append them with their index
 * entries.  Must be called inside a transaction.
 */
extern void audit_store(AuditRow *rows, int count);

/*
 * Give out only ids above this one from now on.  Returns the id that was given out last, or this
 * one if that is greater.
 */
extern int64 audit_ids_above(int64 id);

extern void audit_store_init(void);

#endif

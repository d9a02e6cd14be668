/*
 * audit.h
 *		Writes the audit trail: one row for each change, in the transaction that made the change.
 *
 * Changes come from row triggers on the tables (vault_data.audit_change), so a change is in the
 * trail exactly if it commits.  audit_event() records an operation that changes no row of a watched
 * table.  A change that did not come through the entry is recorded as an alert.  A row has the
 * caller, the operation, the time and the origin of the connection; it never holds a value.
 */
#ifndef VAULT_AUDIT_AUDIT_H
#define VAULT_AUDIT_AUDIT_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "audit/audit_describe.h"
#include "audit/audit_row.h"
#include "audit/audit_state.h"
#include "context/call.h"

/* Write the row of a record in the present transaction. */
extern void audit_write(const AuditRecord *record);

/* Record an operation of the present call that has no row of its own. */
extern void audit_event(const char *operation, const char *reason);

/* Begin or end a COPY FROM, for all rows of which audit_is_restoring() is asked once. */
extern void audit_set_copying(bool begins);

/* Run a statement as sql_run() does; the append-only triggers accept its changes. */
struct Sql;
extern void audit_maintain(struct Sql *sql, Datum *values);

/*
 * Let the append-only triggers accept changes while vault itself appends seals or retires old rows.
 * The caller must set it back to false on every exit path, errors included.
 */
extern void audit_set_maintaining(bool maintaining);

extern void audit_init(void);

#endif

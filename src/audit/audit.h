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

#include "audit/audit_row.h"
#include "context/call.h"

typedef struct AuditRecord
{
	const char *operation;
	const char *decision;    /* 'allow', 'deny' or 'alert' */
	const char *object_kind; /* 'secret', 'grant', 'tenant', …; may be NULL */
	pg_uuid_t tenant;        /* the zero uuid stands for the instance */
	const pg_uuid_t *object; /* may be NULL */
	const char *secret;      /* name of the secret; may be NULL */
	const char *environment; /* may be NULL */
	int version;             /* version of the secret, or 0 */
	const char *reason;      /* may be NULL */
	Datum detail;            /* jsonb, or 0 */
} AuditRecord;

/*
 * Fill the row of a record; caller and connection are taken from the session and the entry.  With a
 * call, it reads no table: audit_know_caller() read them when the call began.
 */
extern void audit_describe(const AuditRecord *record, const VaultCall *call, AuditRow *row);
extern void audit_know_caller(void);

/* Fill the row of a record of a worker of the vault itself.  Reads no table. */
extern void audit_describe_own(const AuditRecord *record, AuditRow *row);
extern bool audit_caller_is_superuser(void);

/*
 * True if the session is a background worker of another extension: it has no client that logged in.
 */
extern bool audit_is_without_client(void);

/* Write the row of a record in the present transaction. */
extern void audit_write(const AuditRecord *record);

/* Record an operation of the present call that has no row of its own. */
extern void audit_event(const char *operation, const char *reason);

/*
 * States of the trail.  While a superuser loads a dump, the superuser's own acts are not recorded:
 * inserted rows, and the statements that TRAIL_RESTORING lets through (audit.c).  That state ends
 * when the vault is opened, which writes one row; see evidence/log_consumer.c.
 */
typedef enum TrailState
{
	TRAIL_NONE,      /* no vault, or not yet: no record is written */
	TRAIL_RESTORING, /* a dump was loaded, and the vault has not been opened since */
	TRAIL_KEPT
} TrailState;

extern TrailState audit_trail_state(void);

/*
 * Set the callbacks that return the state, and that record a session which loads rows of a dump.
 * Preload only.
 */
extern void audit_set_state(TrailState (*state)(void), void (*note_restorer)(void));

/* True if a superuser's statement inserts rows into a vault that is not opened. */
extern bool audit_is_restoring(void);

/* Begin or end a COPY FROM, for all rows of which audit_is_restoring() is asked once. */
extern void audit_set_copying(bool begins);

/*
 * Let the append-only triggers accept changes while vault itself appends seals or retires old rows.
 * The caller must set it back to false on every exit path, errors included.
 */
extern void audit_set_maintaining(bool maintaining);

/*
 * Set the callback that returns the client program's name by its certificate, or NULL.  It is
 * called once in a session.
 */
extern void audit_set_service(const char *(*service)(void) );

extern void audit_init(void);

#endif

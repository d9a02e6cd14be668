/*
 * audit.h
 *		The trail: one row for each change, written in the transaction that made it.
 *
 * Changes come from row triggers on the tables (vault_data.audit_change), so a
 * change is in the trail exactly if it commits; what changes no row of a
 * watched table is written by audit_event().  A change that did not come
 * through the entry is written as an alert.  A row says who, what, when and from
 * where, and never holds a value.
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
	const char *decision;    /* allow, deny, alert */
	const char *object_kind; /* secret, grant, tenant, …; may be NULL */
	pg_uuid_t tenant;        /* zero: the instance */
	const pg_uuid_t *object; /* may be NULL */
	const char *secret;      /* name; may be NULL */
	const char *environment; /* may be NULL */
	int version;             /* 0: none */
	const char *reason;      /* may be NULL */
	Datum detail;            /* jsonb; 0: none */
} AuditRecord;

/*
 * The row of a record: who and where are taken from the session and the entry.  With a
 * entry, reads no table: audit_know_caller() did, when the call began.
 */
extern void audit_describe(const AuditRecord *record, const VaultCall *call, AuditRow *row);
extern void audit_know_caller(void);

/* The same for what a worker of the vault itself has to say; reads no table. */
extern void audit_describe_own(const AuditRecord *record, AuditRow *row);
extern bool audit_caller_is_superuser(void);

/* The session is a background worker that is none of the vault's: nobody has logged in. */
extern bool audit_is_without_client(void);

/* Writes it in the present transaction. */
extern void audit_write(const AuditRecord *record);

/* An operation of the present call that has no row of its own. */
extern void audit_event(const char *operation, const char *reason);

/*
 * What there is to keep a trail of.  While a superuser loads a dump, its own acts are not noted:
 * rows that are inserted, and what TRAIL_RESTORING lets through of statements (audit.c).  That
 * ends when the vault is opened, and leaves one row; see evidence/log_consumer.c.
 */
typedef enum TrailState
{
	TRAIL_NONE,      /* no vault, or not yet: nothing is written */
	TRAIL_RESTORING, /* a dump was loaded, and the vault has not been opened since */
	TRAIL_KEPT
} TrailState;

extern TrailState audit_trail_state(void);

/* Who tells it, and what to do when a session loads rows of a dump.  Preload. */
extern void audit_set_state(TrailState (*state)(void), void (*note_restorer)(void));

/* A superuser's statement inserts rows into a vault that is not opened. */
extern bool audit_is_restoring(void);

/* The same for all of a COPY FROM, so that it is asked once. */
extern void audit_set_copying(bool begins);

/*
 * While vault itself appends seals or retires what is old, the append-only triggers let it.
 * Whoever sets it takes it back on every way out.
 */
extern void audit_set_maintaining(bool maintaining);

/* Who the client program is by its certificate, or NULL; asked once a session. */
extern void audit_set_service(const char *(*service)(void) );

extern void audit_init(void);

#endif

/*
 * audit_describe.h
 *		An audit record, and the row that describes it with caller, session and connection.
 */
#ifndef VAULT_AUDIT_AUDIT_DESCRIBE_H
#define VAULT_AUDIT_AUDIT_DESCRIBE_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "audit/audit_row.h"
#include "audit/decision.h"
#include "context/call.h"

typedef struct AuditRecord
{
	const char *operation;
	AuditDecision decision;
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

/*
 * Set the callback that returns the client program's name by its certificate, or NULL.  It is
 * called once in a session.
 */
extern void audit_set_service(const char *(*service)(void) );

extern void audit_describe_init(void);

#endif

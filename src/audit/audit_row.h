/*
 * audit_row.h
 *		A row of the trail in C: its fields, its line, its MAC, its tuple.
 *
 * The line is what the MAC and the seals are about, and what an export shows: one
 * JSON object, members in the order of the columns, those that are null left out,
 * times in UTC with microseconds.  Whoever has the line can check its hash without
 * the database.
 */
#ifndef VAULT_AUDIT_AUDIT_ROW_H
#define VAULT_AUDIT_AUDIT_ROW_H

#include "platform/compat.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "access/transam.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#define AUDIT_MAC_BYTES 32

/* Columns of vault_data.audit_log. */
enum
{
	AUDIT_TENANT_ID = 1,
	AUDIT_ID,
	AUDIT_AT,
	AUDIT_XID,
	AUDIT_TENANT,
	AUDIT_PRINCIPAL_ID,
	AUDIT_PRINCIPAL,
	AUDIT_ROLE,
	AUDIT_SESSION_ROLE,
	AUDIT_AUTHENTICATED_ROLE,
	AUDIT_ADDRESS,
	AUDIT_PORT,
	AUDIT_TLS,
	AUDIT_APPLICATION_NAME,
	AUDIT_REQUEST_ID,
	AUDIT_OPERATION,
	AUDIT_DECISION,
	AUDIT_OBJECT_KIND,
	AUDIT_OBJECT_ID,
	AUDIT_SECRET,
	AUDIT_ENVIRONMENT,
	AUDIT_VERSION,
	AUDIT_GRANT_ID,
	AUDIT_REASON,
	AUDIT_DETAIL,
	AUDIT_SUBJECT,
	AUDIT_SERVICE,
	AUDIT_CLAIMED_ADDRESS,
	AUDIT_MAC,
	AUDIT_COLUMNS = AUDIT_MAC
};

/* NULL texts, unset ids and a zero version are null columns. */
typedef struct AuditRow
{
	pg_uuid_t tenant_id; /* zero: the instance */
	int64 id;
	TimestampTz at;
	uint64 xid; /* of the transaction that wrote the row */
	const char *tenant;
	bool has_principal;
	pg_uuid_t principal_id;
	const char *principal;
	const char *role;
	const char *session_role;
	const char *authenticated_role;
	const char *address;
	int port; /* -1: none */
	bool tls;
	const char *application_name;
	const char *request_id;
	const char *operation;
	const char *decision;
	const char *object_kind;
	bool has_object;
	pg_uuid_t object_id;
	const char *secret;
	const char *environment;
	int version;
	bool has_grant;
	pg_uuid_t grant_id;
	const char *reason;
	Datum detail;                /* jsonb; 0: none */
	const char *subject;         /* of the token that the caller showed */
	const char *service;         /* of the client certificate, as in a grant */
	const char *claimed_address; /* that a verified token gives the client */
	bool has_mac;
	unsigned char mac[AUDIT_MAC_BYTES];
	Oid trail;        /* the table that it is for, which is another one after a drop */
	bool by_operator; /* no column: which part of the ring it takes */
} AuditRow;

/* Appends the line, without a line feed; in the database's encoding. */
extern void audit_line(const AuditRow *row, StringInfo line);

/* SHA-256 of the line in UTF-8, as the code of a row is: a dump converts the text, not these. */
extern void audit_line_hash(const StringInfoData *line, unsigned char *hash);

/* Members of a line; each begins with a comma unless it is the first. */
extern void line_name(StringInfo line, const char *name);
extern void line_text(StringInfo line, const char *name, const char *value); /* NULL: nothing */
extern void line_uuid(StringInfo line, const char *name, const pg_uuid_t *value);
extern void line_int(StringInfo line, const char *name, int64 value);
extern void line_time(StringInfo line, const char *name, TimestampTz value);

/* Fills the columns of a slot of vault_data.audit_log, which it clears first. */
extern void audit_row_store(const AuditRow *row, TupleTableSlot *slot);

/* The other way; what it points to lives in the present memory context. */
extern void audit_row_load(TupleTableSlot *slot, AuditRow *row);

/*
 * How rows are authenticated; set by a later feature.  False while the vault is
 * sealed: such rows have no MAC, and only their seal covers them.
 */
typedef bool (*AuditMac)(const void *data, size_t size, unsigned char mac[AUDIT_MAC_BYTES]);
extern void audit_set_mac(AuditMac mac);

/* Fills has_mac and mac.  The digest is the MAC, or without one the hash of the line. */
extern void audit_row_authenticate(AuditRow *row, unsigned char digest[AUDIT_MAC_BYTES]);

/* The same of a row that is there already. */
extern void audit_row_digest(const AuditRow *row, const StringInfoData *line,
							 unsigned char digest[AUDIT_MAC_BYTES]);

typedef enum AuditRowState
{
	AUDIT_ROW_GENUINE,
	AUDIT_ROW_WITHOUT_MAC,
	AUDIT_ROW_ALTERED
} AuditRowState;

/* Only while unsealed. */
extern AuditRowState audit_row_check(const AuditRow *row);

/* The same for whoever has the row's line already. */
extern AuditRowState audit_line_check(const AuditRow *row, const StringInfoData *line);

#endif

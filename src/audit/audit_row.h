/*
 * audit_row.h
 *		A row of the audit trail in C: its fields, its line, its MAC, its tuple.
 *
 * The MAC and the seals cover the line, and an export shows it: one JSON object, members in the
 * order of the columns, null columns left out, times in UTC with microseconds.  The hash of a line
 * can be checked without the database.
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
	AUDIT_NO_COLUMN,
#define AUDIT_COLUMN(id, ...) AUDIT_##id,
#include "audit/columns.h"
#undef AUDIT_COLUMN
	AUDIT_COLUMNS = AUDIT_MAC
};

/* A row.  NULL texts, unset ids and a zero version are null columns. */
typedef struct AuditRow
{
#define MEMBER_UUID(name) pg_uuid_t name;
#define MEMBER_OPTIONAL_UUID(name, flag) \
	bool flag;                           \
	pg_uuid_t name;
#define MEMBER_ASSIGNED(name)          int64 name;
#define MEMBER_XID(name)               uint64 name;
#define MEMBER_TIME(name)              TimestampTz name;
#define MEMBER_TEXT(name, place, size) const char *name;
#define MEMBER_INET(name, place, size) const char *name;
#define MEMBER_REST(name)              const char *name;
#define MEMBER_INT(name, absent)       int name;
#define MEMBER_BOOL(name)              bool name;
#define MEMBER_JSONB(name)             Datum name;
#define MEMBER_MAC(name) \
	bool has_##name;     \
	unsigned char name[AUDIT_MAC_BYTES];
#define AUDIT_COLUMN(id, name, kind, ...) MEMBER_##kind(name, ##__VA_ARGS__)
#include "audit/columns.h"
#undef AUDIT_COLUMN
	Oid trail;        /* table of the row, which is another one after a drop */
	bool by_operator; /* not a column: selects the lane of the ring */
} AuditRow;

/* Append the line, without a line feed, in the database's encoding. */
extern void audit_line(const AuditRow *row, StringInfo line);

/*
 * Compute SHA-256 of the line in UTF-8, as the code of a row is: a dump converts the text, but not
 * the hash and the MAC.
 */
extern void audit_line_hash(const StringInfoData *line, unsigned char *hash);

/* Append a member to a line.  Each begins with a comma unless it is the first. */
extern void line_name(StringInfo line, const char *name);
extern void
line_text(StringInfo line, const char *name, const char *value); /* NULL appends nothing */
extern void line_uuid(StringInfo line, const char *name, const pg_uuid_t *value);
extern void line_int(StringInfo line, const char *name, int64 value);
extern void line_time(StringInfo line, const char *name, TimestampTz value);

/* Fill the columns of a slot of vault_data.audit_log, which is cleared first. */
extern void audit_row_store(const AuditRow *row, TupleTableSlot *slot);

/* Fill a row from a slot.  The data that it points to lives in the current memory context. */
extern void audit_row_load(TupleTableSlot *slot, AuditRow *row);

/*
 * Computes the MAC of a row; a later feature sets the function.  It returns false while the vault
 * is sealed: such rows have no MAC, and only their seal covers them.
 */
typedef bool (*AuditMac)(const void *data, size_t size, unsigned char mac[AUDIT_MAC_BYTES]);
extern void audit_set_mac(AuditMac mac);

/* Fill has_mac and mac.  The digest is the MAC, or without one the hash of the line. */
extern void audit_row_authenticate(AuditRow *row, unsigned char digest[AUDIT_MAC_BYTES]);

/* Get the same digest of a row that is stored already. */
extern void audit_row_digest(const AuditRow *row, const StringInfoData *line,
							 unsigned char digest[AUDIT_MAC_BYTES]);

typedef enum AuditRowState
{
	AUDIT_ROW_GENUINE,
	AUDIT_ROW_WITHOUT_MAC,
	AUDIT_ROW_ALTERED
} AuditRowState;

/* Check the MAC of a row.  Only while unsealed. */
extern AuditRowState audit_row_check(const AuditRow *row);

/* Check the MAC of a row whose line the caller has already.  Only while unsealed. */
extern AuditRowState audit_line_check(const AuditRow *row, const StringInfoData *line);

#endif

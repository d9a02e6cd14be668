/*
 * packed_row.c
 *		Pack rows of the trail; packed_row.h has the contract.
 *
 * A packed row has the fixed columns in a struct, and the texts behind it, each with its NUL. What
 * is done with a column depends on its kind in columns.h.
 */
#include "audit/packed_row.h"

#include "mb/pg_wchar.h"

/* What is done with a column of each kind (columns.h): the member of PackedHead, and its copy. */
#define HEAD_UUID(name) pg_uuid_t name;
#define HEAD_OPTIONAL_UUID(name, flag) \
	pg_uuid_t name;                    \
	bool flag;
#define HEAD_ASSIGNED(name)
#define HEAD_XID(name)
#define HEAD_TIME(name) TimestampTz name;
#define HEAD_TEXT(name, place, size)
#define HEAD_INET(name, place, size)
#define HEAD_REST(name)
#define HEAD_INT(name, absent) int name;
#define HEAD_BOOL(name)        bool name;
#define HEAD_JSONB(name)
#define HEAD_MAC(name)

#define COPY_UUID(name) to->name = from->name;
#define COPY_OPTIONAL_UUID(name, flag) \
	to->name = from->name;             \
	to->flag = from->flag;
#define COPY_ASSIGNED(name)
#define COPY_XID(name)
#define COPY_TIME(name) to->name = from->name;
#define COPY_TEXT(name, place, size)
#define COPY_INET(name, place, size)
#define COPY_REST(name)
#define COPY_INT(name, absent) to->name = from->name;
#define COPY_BOOL(name)        to->name = from->name;
#define COPY_JSONB(name)
#define COPY_MAC(name)

#define TURN_UUID(name)
#define TURN_OPTIONAL_UUID(name, flag)
#define TURN_ASSIGNED(name)
#define TURN_XID(name)
#define TURN_TIME(name)
#define TURN_TEXT(name, place, size) [place] = {offsetof(AuditRow, name), size},
#define TURN_INET(name, place, size) [place] = {offsetof(AuditRow, name), size},
#define TURN_REST(name)
#define TURN_INT(name, absent)
#define TURN_BOOL(name)
#define TURN_JSONB(name)
#define TURN_MAC(name)

/* The fixed part of a packed row; texts follow, each with its NUL. */
typedef struct PackedHead
{
#define AUDIT_COLUMN(id, name, kind, ...) HEAD_##kind(name, ##__VA_ARGS__)
#include "audit/columns.h"
#undef AUDIT_COLUMN
	Oid trail;
	bool by_operator;
} PackedHead;

/* The texts of a row, in the order in which they get room; a missing text is "". */
static const struct
{
	size_t offset;
	size_t size;
} row_texts[] = {
#define AUDIT_COLUMN(id, name, kind, ...) TURN_##kind(name, ##__VA_ARGS__)
#include "audit/columns.h"
#undef AUDIT_COLUMN
};

#define ROW_TEXTS ((int) lengthof(row_texts))

static inline const char **
row_text(AuditRow *row, int number)
{
	return (const char **) ((char *) row + row_texts[number].offset);
}

/* Append at most `limit` bytes of a text, and leave room for the NULs of the `following` texts. */
static void
pack_text(PackedRow *packed, const char *text, size_t limit, int following)
{
	size_t room = sizeof(packed->bytes) - packed->size - 1 - following;
	size_t size = text ? strlen(text) : 0;

	if (size > Min(room, limit))
		size = pg_mbcliplen(text, size, Min(room, limit));
	if (size > 0)
		memcpy(packed->bytes + packed->size, text, size);
	packed->bytes[packed->size + size] = 0;
	packed->size += size + 1;
}

static void
pack_head(PackedHead *to, const AuditRow *from)
{
#define AUDIT_COLUMN(id, name, kind, ...) COPY_##kind(name, ##__VA_ARGS__)
#include "audit/columns.h"
	to->trail = from->trail;
	to->by_operator = from->by_operator;
}

static void
unpack_head(AuditRow *to, const PackedHead *from)
{
#include "audit/columns.h"
#undef AUDIT_COLUMN
	to->trail = from->trail;
	to->by_operator = from->by_operator;
}

void
packed_row_pack(const AuditRow *row, PackedRow *packed)
{
	PackedHead head;

	pack_head(&head, row);
	memcpy(packed->bytes, &head, sizeof(head));
	packed->size = sizeof(head);
	for (int i = 0; i < ROW_TEXTS; i++)
		pack_text(packed, *row_text((AuditRow *) row, i), row_texts[i].size, ROW_TEXTS - i);
	pack_text(packed, row->reason, sizeof(packed->bytes), 0);
}

static const char *
unpack_text(const char **at)
{
	const char *text = *at;

	*at += strlen(text) + 1;
	return *text ? text : NULL;
}

void
packed_row_unpack(const PackedRow *packed, AuditRow *row)
{
	const char *at = packed->bytes + sizeof(PackedHead);
	PackedHead head;

	memcpy(&head, packed->bytes, sizeof(head));
	memset(row, 0, sizeof(*row));
	unpack_head(row, &head);
	for (int i = 0; i < ROW_TEXTS; i++)
		*row_text(row, i) = unpack_text(&at);
	row->reason = unpack_text(&at);
}

TimestampTz
packed_row_time(const PackedRow *packed)
{
	PackedHead head;

	memcpy(&head, packed->bytes, sizeof(head));
	return head.at;
}

/* A place that columns.h leaves out would be taken for a text. */
void
packed_row_init(void)
{
	for (int i = 0; i < ROW_TEXTS; i++)
		if (row_texts[i].size == 0)
			elog(FATAL, "no text of an audit row has place %d", i);
}

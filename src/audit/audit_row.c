/*
 * audit_row.c
 *		Line, MAC and tuple of a row of the audit trail.
 *
 * columns.h lists the columns. LINE_KIND, STORE_KIND and LOAD_KIND handle the columns of each kind,
 * here and in no other place.
 */
#include "audit/audit_row.h"

#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/xid8.h"

#include "crypto/primitives.h"
#include "crypto/raise.h"
#include "platform/bytes.h"
#include "platform/encoding.h"

static AuditMac compute_mac = NULL;

void
audit_set_mac(AuditMac mac)
{
	compute_mac = mac;
}

/*
 * Append the name of a member.  Every read makes a line, so as much as possible is copied in one
 * piece.
 */
void
line_name(StringInfo line, const char *name)
{
	size_t size = strlen(name);
	char *at;

	enlargeStringInfo(line, size + 4);
	at = line->data + line->len;
	if (at[-1] != '{')
		*at++ = ',';
	*at++ = '"';
	memcpy(at, name, size);
	at += size;
	*at++ = '"';
	*at++ = ':';
	*at = 0;
	line->len = at - line->data;
}

/* True if escape_json() would not change the text. */
static bool
is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char) *text < ' ' || *text == '"' || *text == '\\')
			return false;
	return true;
}

void
line_text(StringInfo line, const char *name, const char *value)
{
	if (value == NULL)
		return;
	line_name(line, name);
	if (!is_plain(value))
	{
		escape_json(line, value);
		return;
	}
	appendStringInfoChar(line, '"');
	appendBinaryStringInfo(line, value, strlen(value));
	appendStringInfoChar(line, '"');
}

void
line_uuid(StringInfo line, const char *name, const pg_uuid_t *value)
{
	static const char hex[] = "0123456789abcdef";
	char text[2 * UUID_LEN + 6];
	char *out = text;

	*out++ = '"';
	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex[value->data[i] >> 4];
		*out++ = hex[value->data[i] & 15];
	}
	*out++ = '"';
	line_name(line, name);
	appendBinaryStringInfo(line, text, out - text);
}

void
line_int(StringInfo line, const char *name, int64 value)
{
	char digits[32];

	line_name(line, name);
	pg_lltoa(value, digits);
	appendStringInfoString(line, digits);
}

void
line_time(StringInfo line, const char *name, TimestampTz value)
{
	struct pg_tm tm;
	fsec_t fraction;

	char text[64];
	char *at = text;

	/* Vault never writes such a time, but a superuser may have done. */
	if (TIMESTAMP_NOT_FINITE(value))
	{
		line_text(line, name, TIMESTAMP_IS_NOBEGIN(value) ? "-infinity" : "infinity");
		return;
	}
	if (timestamp2tm(value, NULL, &tm, &fraction, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time of an audit row out of range")));
	*at++ = '"';
	at = pg_ultostr_zeropad(at, tm.tm_year, 4);
	*at++ = '-';
	at = pg_ultostr_zeropad(at, tm.tm_mon, 2);
	*at++ = '-';
	at = pg_ultostr_zeropad(at, tm.tm_mday, 2);
	*at++ = 'T';
	at = pg_ultostr_zeropad(at, tm.tm_hour, 2);
	*at++ = ':';
	at = pg_ultostr_zeropad(at, tm.tm_min, 2);
	*at++ = ':';
	at = pg_ultostr_zeropad(at, tm.tm_sec, 2);
	*at++ = '.';
	at = pg_ultostr_zeropad(at, fraction, 6);
	*at++ = 'Z';
	*at++ = '"';
	line_name(line, name);
	appendBinaryStringInfo(line, text, at - text);
}

static void
line_json(StringInfo line, const char *name, Datum value)
{
	Jsonb *json = DatumGetJsonbP(value);

	line_name(line, name);
	(void) JsonbToCString(line, &json->root, VARSIZE(json));
}

static void
line_bool(StringInfo line, const char *name, bool value)
{
	line_name(line, name);
	appendStringInfoString(line, value ? "true" : "false");
}

#define LINE_UUID(name) line_uuid(line, #name, &row->name);
#define LINE_OPTIONAL_UUID(name, flag) \
	if (row->flag)                     \
		line_uuid(line, #name, &row->name);
#define LINE_ASSIGNED(name)          line_int(line, #name, row->name);
#define LINE_XID(name)               line_int(line, #name, (int64) row->name);
#define LINE_TIME(name)              line_time(line, #name, row->name);
#define LINE_TEXT(name, place, size) line_text(line, #name, row->name);
#define LINE_INET(name, place, size) line_text(line, #name, row->name);
#define LINE_REST(name)              line_text(line, #name, row->name);
#define LINE_INT(name, absent) \
	if (row->name != (absent)) \
		line_int(line, #name, row->name);
#define LINE_BOOL(name) line_bool(line, #name, row->name);
#define LINE_JSONB(name) \
	if (row->name)       \
		line_json(line, #name, row->name);
#define LINE_MAC(name)

void
audit_line(const AuditRow *row, StringInfo line)
{
	appendStringInfoChar(line, '{');
#define AUDIT_COLUMN(id, name, kind, ...) LINE_##kind(name, ##__VA_ARGS__)
#include "audit/columns.h"
#undef AUDIT_COLUMN
	appendStringInfoChar(line, '}');
}

static void
audit_row_put_value(TupleTableSlot *slot, int column, Datum value, bool present)
{
	slot->tts_values[column - 1] = value;
	slot->tts_isnull[column - 1] = !present;
}

static void
audit_row_put_text(TupleTableSlot *slot, int column, const char *text)
{
	audit_row_put_value(slot, column, text ? CStringGetTextDatum(text) : (Datum) 0, text != NULL);
}

static void
put_mac(const AuditRow *row, TupleTableSlot *slot)
{
	bytea *mac;

	audit_row_put_value(slot, AUDIT_MAC, (Datum) 0, false);
	if (!row->has_mac)
		return;
	mac = bytes_from(row->mac, AUDIT_MAC_BYTES);
	audit_row_put_value(slot, AUDIT_MAC, PointerGetDatum(mac), true);
}

static void
audit_row_put_inet(TupleTableSlot *slot, int column, const char *text)
{
	Datum value = text ? DirectFunctionCall1(inet_in, CStringGetDatum(text)) : (Datum) 0;

	audit_row_put_value(slot, column, value, text != NULL);
}

#define STORE_UUID(id, name) audit_row_put_value(slot, id, UUIDPGetDatum(&row->name), true);
#define STORE_OPTIONAL_UUID(id, name, flag) \
	audit_row_put_value(slot, id, UUIDPGetDatum(&row->name), row->flag);
#define STORE_ASSIGNED(id, name) audit_row_put_value(slot, id, Int64GetDatum(row->name), true);

#define STORE_XID(id, name)  audit_row_put_value(slot, id, UInt64GetDatum(row->name), true);
#define STORE_TIME(id, name) audit_row_put_value(slot, id, TimestampTzGetDatum(row->name), true);

#define STORE_TEXT(id, name, place, size) audit_row_put_text(slot, id, row->name);
#define STORE_INET(id, name, place, size) audit_row_put_inet(slot, id, row->name);
#define STORE_REST(id, name)              audit_row_put_text(slot, id, row->name);
#define STORE_INT(id, name, absent) \
	audit_row_put_value(slot, id, Int32GetDatum(row->name), row->name != (absent));
#define STORE_BOOL(id, name)  audit_row_put_value(slot, id, BoolGetDatum(row->name), true);
#define STORE_JSONB(id, name) audit_row_put_value(slot, id, row->name, row->name != 0);
#define STORE_MAC(id, name)   put_mac(row, slot);

void
audit_row_store(const AuditRow *row, TupleTableSlot *slot)
{
	ExecClearTuple(slot);
#define AUDIT_COLUMN(id, name, kind, ...) STORE_##kind(AUDIT_##id, name, ##__VA_ARGS__)
#include "audit/columns.h"
#undef AUDIT_COLUMN
	ExecStoreVirtualTuple(slot);
}

static Datum
get_value(TupleTableSlot *slot, int column, bool *present)
{
	bool isnull;
	Datum value = slot_getattr(slot, column, &isnull);

	*present = !isnull;
	return value;
}

static const char *
get_text(TupleTableSlot *slot, int column)
{
	bool present;
	Datum value = get_value(slot, column, &present);

	return present ? TextDatumGetCString(value) : NULL;
}

static const char *
get_inet(TupleTableSlot *slot, int column)
{
	bool present;
	Datum value = get_value(slot, column, &present);

	return present ? DatumGetCString(DirectFunctionCall1(inet_out, value)) : NULL;
}

static bool
get_uuid(TupleTableSlot *slot, int column, pg_uuid_t *uuid)
{
	bool present;
	Datum value = get_value(slot, column, &present);

	if (present)
		*uuid = *DatumGetUUIDP(value);
	return present;
}

static int
get_int(TupleTableSlot *slot, int column, int absent)
{
	bool present;
	Datum value = get_value(slot, column, &present);

	return present ? DatumGetInt32(value) : absent;
}

static void
get_mac(TupleTableSlot *slot, AuditRow *row)
{
	Datum value = get_value(slot, AUDIT_MAC, &row->has_mac);
	bytea *mac;

	memset(row->mac, 0, AUDIT_MAC_BYTES);
	if (!row->has_mac)
		return;
	mac = DatumGetByteaPP(value);
	if (VARSIZE_ANY_EXHDR(mac) == AUDIT_MAC_BYTES)
		memcpy(row->mac, VARDATA_ANY(mac), AUDIT_MAC_BYTES);
}

#define LOAD_UUID(id, name)                (void) get_uuid(slot, id, &row->name);
#define LOAD_OPTIONAL_UUID(id, name, flag) row->flag = get_uuid(slot, id, &row->name);

#define LOAD_ASSIGNED(id, name) row->name = DatumGetInt64(get_value(slot, id, &present));
#define LOAD_XID(id, name)      row->name = DatumGetUInt64(get_value(slot, id, &present));
#define LOAD_TIME(id, name)     row->name = DatumGetTimestampTz(get_value(slot, id, &present));

#define LOAD_TEXT(id, name, place, size) row->name = get_text(slot, id);
#define LOAD_INET(id, name, place, size) row->name = get_inet(slot, id);
#define LOAD_REST(id, name)              row->name = get_text(slot, id);
#define LOAD_INT(id, name, absent)       row->name = get_int(slot, id, absent);
#define LOAD_BOOL(id, name)              row->name = DatumGetBool(get_value(slot, id, &present));
#define LOAD_JSONB(id, name)                   \
	row->name = get_value(slot, id, &present); \
	row->name = present ? row->name : (Datum) 0;
#define LOAD_MAC(id, name) get_mac(slot, row);

void
audit_row_load(TupleTableSlot *slot, AuditRow *row)
{
	bool present;

	memset(row, 0, sizeof(*row));
	slot_getallattrs(slot);
#define AUDIT_COLUMN(id, name, kind, ...) LOAD_##kind(AUDIT_##id, name, ##__VA_ARGS__)
#include "audit/columns.h"
#undef AUDIT_COLUMN
}

static bool
line_mac(const StringInfoData *line, unsigned char *mac)
{
	size_t size = line->len;
	const char *bytes = encoding_for_digest(line->data, &size);
	bool made = compute_mac(bytes, size, mac);

	if (bytes != line->data)
		pfree((char *) bytes);
	return made;
}

void
audit_line_hash(const StringInfoData *line, unsigned char *hash)
{
	size_t size = line->len;
	const char *bytes = encoding_for_digest(line->data, &size);

	crypto_require(crypto_sha256(bytes, size, hash));
	if (bytes != line->data)
		pfree((char *) bytes);
}

void
audit_row_digest(const AuditRow *row, const StringInfoData *line,
				 unsigned char digest[AUDIT_MAC_BYTES])
{
	if (row->has_mac)
		memcpy(digest, row->mac, AUDIT_MAC_BYTES);
	else
		audit_line_hash(line, digest);
}

void
audit_row_authenticate(AuditRow *row, unsigned char digest[AUDIT_MAC_BYTES])
{
	StringInfoData line;

	initStringInfo(&line);
	audit_line(row, &line);
	row->has_mac = line_mac(&line, row->mac);
	audit_row_digest(row, &line, digest);
	pfree(line.data);
}

AuditRowState
audit_line_check(const AuditRow *row, const StringInfoData *line)
{
	unsigned char expected[AUDIT_MAC_BYTES];

	if (!row->has_mac)
		return AUDIT_ROW_WITHOUT_MAC;
	if (!line_mac(line, expected) || !secret_equal(expected, row->mac, AUDIT_MAC_BYTES))
		return AUDIT_ROW_ALTERED;
	return AUDIT_ROW_GENUINE;
}

AuditRowState
audit_row_check(const AuditRow *row)
{
	StringInfoData line;
	AuditRowState state;

	initStringInfo(&line);
	audit_line(row, &line);
	state = audit_line_check(row, &line);
	pfree(line.data);
	return state;
}

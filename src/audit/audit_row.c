/*
 * audit_row.c
 *		Line, MAC and tuple of a row of the audit trail.
 *
 */
#include "audit/audit_row.h"

#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/xid8.h"

#include "crypto/primitives.h"
#include "crypto/raise.h"
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
add_detail(StringInfo line, Datum detail)
{
	Jsonb *json = DatumGetJsonbP(detail);

	line_name(line, "detail");
	(void) JsonbToCString(line, &json->root, VARSIZE(json));
}

void
audit_line(const AuditRow *row, StringInfo line)
{
	appendStringInfoChar(line, '{');
	line_uuid(line, "tenant_id", &row->tenant_id);
	line_int(line, "id", row->id);
	line_time(line, "at", row->at);
	line_int(line, "xid", (int64) row->xid);
	line_text(line, "tenant", row->tenant);
	if (row->has_principal)
		line_uuid(line, "principal_id", &row->principal_id);
	line_text(line, "principal", row->principal);
	line_text(line, "role", row->role);
	line_text(line, "session_role", row->session_role);
	line_text(line, "authenticated_role", row->authenticated_role);
	line_text(line, "address", row->address);
	if (row->port >= 0)
		line_int(line, "port", row->port);
	line_name(line, "tls");
	appendStringInfoString(line, row->tls ? "true" : "false");
	line_text(line, "application_name", row->application_name);
	line_text(line, "request_id", row->request_id);
	line_text(line, "operation", row->operation);
	line_text(line, "decision", row->decision);
	line_text(line, "object_kind", row->object_kind);
	if (row->has_object)
		line_uuid(line, "object_id", &row->object_id);
	line_text(line, "secret", row->secret);
	line_text(line, "environment", row->environment);
	if (row->version)
		line_int(line, "version", row->version);
	if (row->has_grant)
		line_uuid(line, "grant_id", &row->grant_id);
	line_text(line, "reason", row->reason);
	if (row->detail)
		add_detail(line, row->detail);
	line_text(line, "subject", row->subject);
	line_text(line, "service", row->service);
	line_text(line, "claimed_address", row->claimed_address);
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
	mac = palloc(VARHDRSZ + AUDIT_MAC_BYTES);
	SET_VARSIZE(mac, VARHDRSZ + AUDIT_MAC_BYTES);
	memcpy(VARDATA(mac), row->mac, AUDIT_MAC_BYTES);
	audit_row_put_value(slot, AUDIT_MAC, PointerGetDatum(mac), true);
}

void
audit_row_store(const AuditRow *row, TupleTableSlot *slot)
{
	ExecClearTuple(slot);
	audit_row_put_value(slot, AUDIT_TENANT_ID, UUIDPGetDatum(&row->tenant_id), true);
	audit_row_put_value(slot, AUDIT_ID, Int64GetDatum(row->id), true);
	audit_row_put_value(slot, AUDIT_AT, TimestampTzGetDatum(row->at), true);
	audit_row_put_value(slot, AUDIT_XID, UInt64GetDatum(row->xid), true);
	audit_row_put_text(slot, AUDIT_TENANT, row->tenant);
	audit_row_put_value(slot, AUDIT_PRINCIPAL_ID, UUIDPGetDatum(&row->principal_id),
						row->has_principal);
	audit_row_put_text(slot, AUDIT_PRINCIPAL, row->principal);
	audit_row_put_text(slot, AUDIT_ROLE, row->role);
	audit_row_put_text(slot, AUDIT_SESSION_ROLE, row->session_role);
	audit_row_put_text(slot, AUDIT_AUTHENTICATED_ROLE, row->authenticated_role);
	audit_row_put_value(slot, AUDIT_ADDRESS,
						row->address ? DirectFunctionCall1(inet_in, CStringGetDatum(row->address))
									 : (Datum) 0,
						row->address != NULL);
	audit_row_put_value(slot, AUDIT_PORT, Int32GetDatum(row->port), row->port >= 0);
	audit_row_put_value(slot, AUDIT_TLS, BoolGetDatum(row->tls), true);
	audit_row_put_text(slot, AUDIT_APPLICATION_NAME, row->application_name);
	audit_row_put_text(slot, AUDIT_REQUEST_ID, row->request_id);
	audit_row_put_text(slot, AUDIT_OPERATION, row->operation);
	audit_row_put_text(slot, AUDIT_DECISION, row->decision);
	audit_row_put_text(slot, AUDIT_OBJECT_KIND, row->object_kind);
	audit_row_put_value(slot, AUDIT_OBJECT_ID, UUIDPGetDatum(&row->object_id), row->has_object);
	audit_row_put_text(slot, AUDIT_SECRET, row->secret);
	audit_row_put_text(slot, AUDIT_ENVIRONMENT, row->environment);
	audit_row_put_value(slot, AUDIT_VERSION, Int32GetDatum(row->version), row->version != 0);
	audit_row_put_value(slot, AUDIT_GRANT_ID, UUIDPGetDatum(&row->grant_id), row->has_grant);
	audit_row_put_text(slot, AUDIT_REASON, row->reason);
	audit_row_put_value(slot, AUDIT_DETAIL, row->detail, row->detail != 0);
	audit_row_put_text(slot, AUDIT_SUBJECT, row->subject);
	audit_row_put_text(slot, AUDIT_SERVICE, row->service);
	audit_row_put_text(slot, AUDIT_CLAIMED_ADDRESS, row->claimed_address);
	put_mac(row, slot);
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

void
audit_row_load(TupleTableSlot *slot, AuditRow *row)
{
	bool present;
	Datum value;

	memset(row, 0, sizeof(*row));
	slot_getallattrs(slot);
	(void) get_uuid(slot, AUDIT_TENANT_ID, &row->tenant_id);
	row->id = DatumGetInt64(get_value(slot, AUDIT_ID, &present));
	row->at = DatumGetTimestampTz(get_value(slot, AUDIT_AT, &present));
	row->xid = DatumGetUInt64(get_value(slot, AUDIT_XID, &present));
	row->tenant = get_text(slot, AUDIT_TENANT);
	row->has_principal = get_uuid(slot, AUDIT_PRINCIPAL_ID, &row->principal_id);
	row->principal = get_text(slot, AUDIT_PRINCIPAL);
	row->role = get_text(slot, AUDIT_ROLE);
	row->session_role = get_text(slot, AUDIT_SESSION_ROLE);
	row->authenticated_role = get_text(slot, AUDIT_AUTHENTICATED_ROLE);
	value = get_value(slot, AUDIT_ADDRESS, &present);
	row->address = present ? DatumGetCString(DirectFunctionCall1(inet_out, value)) : NULL;
	row->port = get_int(slot, AUDIT_PORT, -1);
	row->tls = DatumGetBool(get_value(slot, AUDIT_TLS, &present));
	row->application_name = get_text(slot, AUDIT_APPLICATION_NAME);
	row->request_id = get_text(slot, AUDIT_REQUEST_ID);
	row->operation = get_text(slot, AUDIT_OPERATION);
	row->decision = get_text(slot, AUDIT_DECISION);
	row->object_kind = get_text(slot, AUDIT_OBJECT_KIND);
	row->has_object = get_uuid(slot, AUDIT_OBJECT_ID, &row->object_id);
	row->secret = get_text(slot, AUDIT_SECRET);
	row->environment = get_text(slot, AUDIT_ENVIRONMENT);
	row->version = get_int(slot, AUDIT_VERSION, 0);
	row->has_grant = get_uuid(slot, AUDIT_GRANT_ID, &row->grant_id);
	row->reason = get_text(slot, AUDIT_REASON);
	value = get_value(slot, AUDIT_DETAIL, &present);
	row->detail = present ? value : (Datum) 0;
	row->subject = get_text(slot, AUDIT_SUBJECT);
	row->service = get_text(slot, AUDIT_SERVICE);
	row->claimed_address = get_text(slot, AUDIT_CLAIMED_ADDRESS);
	get_mac(slot, row);
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

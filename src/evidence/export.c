/*
 * export.c
 *		vault.export_audit(): writes lines that vault-audit-verify reads.
 *
 * For each tenant there is a header; then a line for each month that was retired; the seals that
 * only link others; and the rows in the order of time, each seal before the first of its rows.
 */
#include "platform/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "entry/entry.h"
#include "evidence/log_consumer.h"
#include "evidence/audit_access.h"
#include "evidence/seal.h"
#include "evidence/log_walk.h"
#include "platform/sql.h"

typedef struct Export
{
	ReturnSetInfo *result;
	pg_uuid_t tenant;
	TimestampTz since;
	TimestampTz until;
} Export;

static void
put_line(Export *export, StringInfo line)
{
	Datum value = PointerGetDatum(cstring_to_text_with_len(line->data, line->len));
	bool isnull = false;

	tuplestore_putvalues(export->result->setResult, export->result->setDesc, &value, &isnull);
	pfree(DatumGetPointer(value));
}

static void
put_seal(Export *export, const Seal *seal)
{
	StringInfoData line;

	initStringInfo(&line);
	seal_line(seal, &line);
	put_line(export, &line);
	pfree(line.data);
}

static void
put_header(Export *export)
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfoChar(&line, '{');
	line_uuid(&line, "tenant_id", &export->tenant);
	line_text(&line, "trail", "vault audit v1");
	line_time(&line, "since", export->since);
	line_time(&line, "until", export->until);
	line_time(&line, "exported_at", GetCurrentTimestamp());
	line_text(&line, "tenant", audit_access_name(&export->tenant));
	appendStringInfoChar(&line, '}');
	put_line(export, &line);
}

static void
put_retired(Export *export)
{
	static Sql sql = {"SELECT '{\"tenant_id\":\"' || r.tenant_id || '\",\"retired\":\"'"
					  " || to_char(r.month, 'YYYY-MM') || '\",\"rows\":' || r.rows || '}'"
					  " FROM vault_data.audit_retired r"
					  " WHERE r.tenant_id = $1 ORDER BY r.month",
					  1,
					  {UUIDOID}};
	Datum key = UUIDPGetDatum(&export->tenant);
	Portal portal = sql_open(&sql, &key, NULL);
	uint64 count;

	while ((count = sql_fetch(portal, 100)) > 0)
		for (uint64 i = 0; i < count; i++)
		{
			StringInfoData line;

			initStringInfo(&line);
			appendStringInfoString(&line, TextDatumGetCString(sql_value(i, 1, NULL)));
			put_line(export, &line);
		}
	sql_close(portal);
}

/* Write the seals that link those of the period, and have no row in it themselves. */
static void
put_links(Export *export)
{
	static Sql sql = {
		"SELECT " SEAL_COLUMNS " FROM vault_data.audit_seal s,"
		" (SELECT min(w.seq) AS first, max(w.seq) AS last FROM vault_data.audit_seal w"
		"  WHERE w.tenant_id = $1 AND w.last_at >= $2 AND w.first_at < $3) AS within"
		" WHERE s.tenant_id = $1 AND s.seq BETWEEN within.first AND within.last"
		" AND NOT (s.last_at >= $2 AND s.first_at < $3) ORDER BY s.seq",
		3,
		{UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	Datum values[] = {UUIDPGetDatum(&export->tenant), TimestampTzGetDatum(export->since),
					  TimestampTzGetDatum(export->until)};
	Portal portal = sql_open(&sql, values, NULL);
	uint64 count;

	while ((count = sql_fetch(portal, 20)) > 0)
		for (uint64 i = 0; i < count; i++)
		{
			Seal seal;

			seal_load(i, &seal);
			put_seal(export, &seal);
			pfree(seal.ranges);
		}
	sql_close(portal);
}

static void
visit_opened(void *state, OpenSeal *open)
{
	put_seal(state, &open->seal);
}

static void
export_visit_row(void *state, const AuditRow *row, StringInfo line, OpenSeal *open, bool again)
{
	put_line(state, line);
}

static void
export_tenant(Export *export)
{
	static const LogVisitor visitor = {.opened = visit_opened, .row = export_visit_row};

	audit_access_enter(&export->tenant);
	put_header(export);
	put_retired(export);
	put_links(export);
	log_walk(&export->tenant, export->since, export->until, &visitor, export);
}

static Datum
export_body(FunctionCallInfo fcinfo)
{
	VaultCall before = *call_required();
	char *tenant = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Export export = {
		.since = PG_ARGISNULL(1) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(1),
		.until = PG_ARGISNULL(2) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(2),
	};
	pg_uuid_t *tenants;
	int count;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	export.result = (ReturnSetInfo *) fcinfo->resultinfo;
	(void) consumer_request();
	sql_begin();
	PushActiveSnapshot(GetTransactionSnapshot());
	tenants = audit_access_tenants(tenant, &count);
	for (int i = 0; i < count; i++)
	{
		export.tenant = tenants[i];
		export_tenant(&export);
	}
	PopActiveSnapshot();
	sql_end();
	call_return_tenant(&before);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(vault_export_audit);

Datum
vault_export_audit(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_VIEW, fcinfo, export_body);
}

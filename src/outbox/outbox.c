/*
 * outbox.c
 *		The outbox for callers in C; the rest is SQL.
 */
#include "outbox/outbox.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/uuid.h"

#include "context/call.h"
#include "platform/sql.h"

void
outbox_announce(const char *kind, const char *severity, const char *payload)
{
	static Sql sql = {"SELECT vault_data.announce($1, $2, $3, $4::pg_catalog.jsonb)",
					  4,
					  {UUIDOID, TEXTOID, TEXTOID, TEXTOID}};
	Datum values[4] = {UUIDPGetDatum(&call_required()->tenant), CStringGetTextDatum(kind),
					   CStringGetTextDatum(severity),
					   payload ? CStringGetTextDatum(payload) : (Datum) 0};
	char nulls[] = "    ";

	nulls[3] = payload ? ' ' : 'n';
	sql_begin();
	(void) sql_run(&sql, values, nulls);
	sql_end();
}

PG_FUNCTION_INFO_V1(vault_policy_changed);

/* policy_changed(): only the first change of a call is announced. */
Datum
vault_policy_changed(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	StringInfoData payload;

	if (call->policy_announced)
		PG_RETURN_VOID();
	call->policy_announced = true;
	initStringInfo(&payload);
	appendStringInfoString(&payload, "{\"operation\": ");
	escape_json(&payload, call->operation);
	if (call->caller.is_identified)
	{
		appendStringInfoString(&payload, ", \"principal\": ");
		escape_json(&payload, call->caller.principal_name);
	}
	appendStringInfoChar(&payload, '}');
	outbox_announce("policy_changed", "info", payload.data);
	PG_RETURN_VOID();
}

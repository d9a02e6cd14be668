/*
 * change.c
 *		Row triggers that record changes in the audit trail, and that keep the trail append-only.
 *
 * vault_data.audit_change(kind, column, …) is attached to every watched table.  Only the contents
 * of the named columns may enter the trail.  "*" before a name records only that the column
 * changed.  "=" records an unchanged column beside others that changed, for rows that no other
 * column identifies.  Kinds marked "-" are recorded only outside of a call, because inside a call
 * their change is part of another row's.
 *
 * A row that a superuser inserts while a dump is loaded is not recorded; see TrailState.
 */
#include "platform/compat.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/rel.h"

#include "audit/audit.h"
#include "context/call.h"
#include "platform/errors.h"
#include "platform/printable.h"
#include "platform/sql.h"
#include "platform/tables.h"

static bool copying = false; /* a COPY FROM of a dump is under way */
static bool maintaining = false;

void
audit_set_copying(bool begins)
{
	copying = begins && audit_is_restoring();
}

void
audit_set_maintaining(bool value)
{
	maintaining = value;
}

void
audit_maintain(Sql *sql, Datum *values)
{
	audit_set_maintaining(true);
	PG_TRY();
	{
		sql_run(sql, values, NULL);
	}
	PG_FINALLY();
	{
		audit_set_maintaining(false);
	}
	PG_END_TRY();
}

static JsonbValue
json_string(char *text)
{
	JsonbValue value;

	text = unconstify(char *, printable_text(text));
	value.type = text ? jbvString : jbvNull;
	if (text)
	{
		value.val.string.val = text;
		value.val.string.len = strlen(text);
	}
	return value;
}

/*
 * Return the number of a column, or 0 if it does not exist.  The search starts after the last
 * column found and wraps around, because most calls ask for columns in the order of the table.
 */
static int
column_number(TupleDesc layout, const char *column)
{
	static int last = 0;

	for (int i = 0; i < layout->natts; i++)
	{
		int index = (last + i) % layout->natts;
		Form_pg_attribute attribute = TupleDescAttr(layout, index);

		if (attribute->attisdropped || strcmp(NameStr(attribute->attname), column) != 0)
			continue;
		last = index + 1;
		return last;
	}
	return 0;
}

/* Return the column's content as text, or NULL if it is null or absent. */
static char *
number_text(HeapTuple row, TupleDesc layout, int number)
{
	return row && number > 0 ? SPI_getvalue(row, layout, number) : NULL;
}

static char *
column_text(HeapTuple row, TupleDesc layout, const char *column)
{
	return number_text(row, layout, column_number(layout, column));
}

static bool
change_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/*
 * True if both rows have the same bytes in the column, so that neither has to be printed.
 * Different bytes may still have the same text.
 */
static bool
same_bytes(HeapTuple before, HeapTuple after, TupleDesc layout, int number)
{
	Form_pg_attribute attribute = TupleDescAttr(layout, number - 1);
	bool no_old;
	bool no_new;
	Datum old = heap_getattr(before, number, layout, &no_old);
	Datum new = heap_getattr(after, number, layout, &no_new);

	if (no_old || no_new)
		return no_old && no_new;
	return datumIsEqual(old, new, attribute->attbyval, attribute->attlen);
}

/* Add "column": value, or [old, new] for an update that changed it.  Returns true if it changed. */
static bool
add_column(CompatJsonbState *state, const char *column, HeapTuple before, HeapTuple after,
		   TupleDesc layout)
{
	bool masked = column[0] == '*';
	bool names = column[0] == '=';
	const char *name = masked || names ? column + 1 : column;
	int number = column_number(layout, name);
	char *old;
	char *new;
	bool same;
	JsonbValue value;

	if (number == 0 || (!names && before && after && same_bytes(before, after, layout, number)))
		return false;
	old = number_text(before, layout, number);
	new = number_text(after, layout, number);
	same = change_same_text(old, new);
	if (same && (!names || new == NULL))
		return false;
	value = json_string(pstrdup(name));
	compat_push_jsonb(state, WJB_KEY, &value);
	if (masked)
		value = json_string("changed");
	else if (same || before == NULL || after == NULL)
		value = json_string(after ? new : old);
	else
	{
		compat_push_jsonb(state, WJB_BEGIN_ARRAY, NULL);
		value = json_string(old);
		compat_push_jsonb(state, WJB_ELEM, &value);
		value = json_string(new);
		compat_push_jsonb(state, WJB_ELEM, &value);
		compat_push_jsonb(state, WJB_END_ARRAY, NULL);
		return true;
	}
	compat_push_jsonb(state, WJB_VALUE, &value);
	return !same;
}

/* Mark the row as deleted; it would read like an inserted one otherwise. */
static void
add_deleted(CompatJsonbState *state)
{
	JsonbValue value = json_string("deleted");

	compat_push_jsonb(state, WJB_KEY, &value);
	value.type = jbvBool;
	value.val.boolean = true;
	compat_push_jsonb(state, WJB_VALUE, &value);
}

static Datum
changed_columns(Trigger *trigger, HeapTuple before, HeapTuple after, TupleDesc layout)
{
	CompatJsonbState state = {0};
	bool any = false;

	compat_push_jsonb(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 1; i < trigger->tgnargs; i++)
		any |= add_column(&state, trigger->tgargs[i], before, after, layout);
	if (after == NULL)
		add_deleted(&state);
	compat_push_jsonb(&state, WJB_END_OBJECT, NULL);
	return any ? JsonbPGetDatum(JsonbValueToJsonb(state.result)) : (Datum) 0;
}

static bool
column_uuid(HeapTuple row, TupleDesc layout, const char *column, pg_uuid_t *value)
{
	int number = column_number(layout, column);
	bool isnull;
	Datum datum;

	if (number == 0)
		return false;
	datum = heap_getattr(row, number, layout, &isnull);
	if (!isnull)
		*value = *DatumGetUUIDP(datum);
	return !isnull;
}

static const char *
direct_operation(TriggerEvent event)
{
	if (TRIGGER_FIRED_BY_INSERT(event))
		return "direct insert";
	return TRIGGER_FIRED_BY_UPDATE(event) ? "direct update" : "direct delete";
}

/* True for an update that changed no recorded column and has no reason. */
static bool
says_nothing(const AuditRecord *record, HeapTuple before, HeapTuple after)
{
	return before && after && record->detail == 0 &&
		(record->reason == NULL || *record->reason == 0);
}

static void
write_change(TriggerData *data, HeapTuple before, HeapTuple after)
{
	TupleDesc layout = RelationGetDescr(data->tg_relation);
	HeapTuple row = after ? after : before;
	VaultCall *call = call_current();
	const char *kind = data->tg_trigger->tgargs[0];
	char *version = column_text(row, layout, "current_version");
	pg_uuid_t id;
	AuditRecord record = {
		.operation = call ? call->operation : direct_operation(data->tg_event),
		.decision = call ? DECISION_ALLOW : DECISION_ALERT,
		.object_kind = kind[0] == '-' ? kind + 1 : kind,
		.environment = column_text(row, layout, "environment"),
		.version = version ? pg_strtoint32(version) : 0,
		.reason = call ? call->reason : "changed outside vault",
		.detail = changed_columns(data->tg_trigger, before, after, layout),
	};

	if (call && call->version)
		record.version = call->version;
	if (strcmp(kind, "secret") == 0)
		record.secret = column_text(row, layout, "name");
	if (column_uuid(row, layout, "id", &id))
		record.object = &id;
	(void) column_uuid(row, layout, "tenant_id", &record.tenant);
	if (!says_nothing(&record, before, after))
		audit_write(&record);
}

static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function is a trigger")));
	return (TriggerData *) fcinfo->context;
}

static bool
loads_dump(void)
{
	return copying || audit_is_restoring();
}

PG_FUNCTION_INFO_V1(vault_audit_change);
PG_FUNCTION_INFO_V1(vault_refuse_change);
PG_FUNCTION_INFO_V1(vault_decision_changed);

Datum
vault_audit_change(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo);
	bool inside = call_current() != NULL;

	if (inside && data->tg_trigger->tgargs[0][0] == '-')
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event) && !inside && loads_dump())
		return PointerGetDatum(NULL);
	require_running_vault();
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		write_change(data, data->tg_trigtuple, data->tg_newtuple);
	else if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		write_change(data, NULL, data->tg_trigtuple);
	else
		write_change(data, data->tg_trigtuple, NULL);
	return PointerGetDatum(NULL);
}

/*
 * Refuse changes of the audit trail.  Rows come from audit_store(), which fires no trigger, or from
 * a dump that is restored.
 */
Datum
vault_refuse_change(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo);

	if (TRIGGER_FIRED_BY_INSERT(data->tg_event) && loads_dump())
		return PointerGetDatum(data->tg_trigtuple);
	if (maintaining)
		return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple
																	   : data->tg_trigtuple);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("the audit trail is append-only"),
			 errhint("Only vault itself appends to it.")));
}

/* Invalidate the rows of this table that backends have cached, once this transaction commits. */
Datum
vault_decision_changed(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcache(trigger_data(fcinfo)->tg_relation);
	return PointerGetDatum(NULL);
}

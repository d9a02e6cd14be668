/*
 * repair.c
 *		vault.repair(): triggers that do not fire always, jobs that are missing or changed.
 *
 * It only switches on. Rows, functions and policies that were changed stay in vault.verify(). It
 * writes an alert for each fault to the trail, in the transaction that mends it. So a repair cannot
 * hide what was switched off.
 */
#include "repair/repair.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/resowner.h"

#include "audit/audit.h"
#include "entry/entry.h"
#include "jobs/jobs.h"
#include "keyring/keyring.h"
#include "platform/as_role.h"
#include "platform/errors.h"
#include "platform/sql.h"
#include "platform/tables.h"

typedef struct SilencedTrigger
{
	Fault fault;     /* the first fault */
	char *statement; /* NULL if the trigger is not the vault's, and stays off */
} SilencedTrigger;

/* Return the triggers in the order of their tables: every caller locks the tables in this order. */
static List *
silenced_triggers(void)
{
	static Sql find = {
		"SELECT t.name, t.fault, CASE WHEN t.internal"
		" OR EXISTS (SELECT FROM pg_catalog.pg_trigger g"
		"  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass"
		"   AND d.objid = g.tgfoid AND d.deptype = 'e'"
		"   AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
		"  JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'vault'"
		"  WHERE g.tgrelid = t.relation AND g.tgname = t.trigger)"
		" THEN pg_catalog.format('ALTER TABLE %s ENABLE %s TRIGGER %I',"
		" t.relation, CASE WHEN t.internal THEN '' ELSE 'ALWAYS' END, t.trigger) END"
		" FROM vault_data.silenced_triggers() t ORDER BY t.relation::oid, t.trigger",
		0};
	MemoryContext context = CurrentMemoryContext;
	List *found = NIL;
	uint64 count;

	sql_begin();
	count = sql_read(&find, NULL, NULL);
	MemoryContextSwitchTo(context);
	for (uint64 row = 0; row < count; row++)
	{
		SilencedTrigger *trigger = palloc0(sizeof(SilencedTrigger));
		Datum statement;
		bool isnull;

		trigger->fault.kind = "extension";
		trigger->fault.object = TextDatumGetCString(sql_value(row, 1, &isnull));
		trigger->fault.fault = TextDatumGetCString(sql_value(row, 2, &isnull));
		trigger->fault.hint =
			"Its function is not the vault's, so it stays as it is; a superuser drops it.";
		statement = sql_value(row, 3, &isnull);
		trigger->statement = isnull ? NULL : TextDatumGetCString(statement);
		found = lappend(found, trigger);
	}
	sql_end();
	return found;
}

static void
enable_triggers(List *triggers)
{
	ListCell *cell;
	AsRole before;

	as_role_begin(&before, BOOTSTRAP_SUPERUSERID, 0);
	sql_begin();
	foreach(cell, triggers)
	{
		SilencedTrigger *trigger = lfirst(cell);
		int result;

		if (trigger->statement == NULL)
			continue;
		result = SPI_execute(trigger->statement, false, 0);
		if (result < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not enable a trigger: %s", SPI_result_code_string(result))));
		trigger->fault.done = "it fires always again";
	}
	sql_end();
	as_role_end(&before);
}

/* Return all faults that were found, each with what was done about it. */
static List *
mend_jobs(bool by_superuser)
{
	List *found = jobs_faults();
	ListCell *cell;
	bool more = false;

	foreach(cell, found)
		more |= jobs_mend(lfirst(cell), by_superuser);
	return more ? list_concat(found, mend_jobs(by_superuser)) : found;
}

/* ---- reports ---- */

static bool
is_told(List *faults, int place)
{
	const Fault *fault = list_nth(faults, place);

	for (int i = 0; i < place; i++)
		if (strcmp(((Fault *) list_nth(faults, i))->fault, fault->fault) == 0)
			return true;
	return false;
}

static List *
objects_with(List *faults, const char *text)
{
	List *objects = NIL;
	ListCell *cell;

	foreach(cell, faults)
	{
		Fault *fault = lfirst(cell);

		if (strcmp(fault->fault, text) == 0)
			objects = lappend(objects, unconstify(char *, fault->object));
	}
	return objects;
}

/* "vault:rotate: the job is missing", "9 objects: the job is missing" */
static char *
in_words(List *objects, const char *fault)
{
	if (list_length(objects) == 1)
		return psprintf("%s: %s", (char *) linitial(objects), fault);
	return psprintf("%d objects: %s", list_length(objects), fault);
}

static Datum
as_detail(List *objects)
{
	static Sql build = {"SELECT pg_catalog.jsonb_build_object('objects', $1)", 1, {TEXTARRAYOID}};
	Datum *texts = palloc(list_length(objects) * sizeof(Datum));
	MemoryContext context = CurrentMemoryContext;
	Datum array;
	Datum detail;
	bool isnull;

	for (int i = 0; i < list_length(objects); i++)
		texts[i] = CStringGetTextDatum(list_nth(objects, i));
	array = PointerGetDatum(
		construct_array(texts, list_length(objects), TEXTOID, -1, false, TYPALIGN_INT));
	sql_begin();
	sql_run(&build, &array, NULL);
	MemoryContextSwitchTo(context);
	detail = PointerGetDatum(PG_DETOAST_DATUM_COPY(sql_value(0, 1, &isnull)));
	sql_end();
	return detail;
}

/* Write one row of the trail for each kind of fault that is gone now, with its objects. */
static void
repair_alert(List *faults)
{
	for (int i = 0; i < list_length(faults); i++)
	{
		const Fault *fault = list_nth(faults, i);
		List *objects;
		AuditRecord record = {
			.operation = "repair",
			.decision = DECISION_ALERT,
			.object_kind = fault->kind,
		};

		if (fault->done == NULL || is_told(faults, i))
			continue;
		objects = objects_with(faults, fault->fault);
		record.reason = in_words(objects, fault->fault);
		record.detail = as_detail(objects);
		audit_write(&record);
	}
}

static char *
repair_summary(List *faults)
{
	int left = 0;
	ListCell *cell;

	foreach(cell, faults)
		left += ((Fault *) lfirst(cell))->done == NULL;
	if (faults == NIL)
		return "nothing was wrong";
	return psprintf("%d faults were mended, %d are left", list_length(faults) - left, left);
}

static void
return_rows(FunctionCallInfo fcinfo, List *faults)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, faults)
	{
		const Fault *fault = lfirst(cell);
		bool nulls[3] = {false, false, fault->done == NULL};
		Datum values[3] = {CStringGetTextDatum(fault->object), CStringGetTextDatum(fault->fault),
						   fault->done ? CStringGetTextDatum(fault->done) : (Datum) 0};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		if (fault->done == NULL)
			ereport(NOTICE,
					(errmsg("not mended: %s: %s", fault->object, fault->fault),
					 errhint("%s", fault->hint)));
	}
}

/* Lock out other repairs, which would find the same faults. */
static void
wait_for_turn(void)
{
	static Sql lock = {"LOCK TABLE vault_data.origin IN SHARE ROW EXCLUSIVE MODE", 0};

	sql_begin();
	(void) sql_run(&lock, NULL, NULL);
	sql_end();
}

static Datum
repair_body(FunctionCallInfo fcinfo)
{
	bool by_superuser = superuser_arg(call_required()->caller.role);
	List *faults;

	wait_for_turn();
	extension_hold();
	faults = silenced_triggers();
	enable_triggers(faults);
	faults = list_concat(faults, mend_jobs(by_superuser));
	repair_alert(faults);
	audit_event("repair", repair_summary(faults));
	return_rows(fcinfo, faults);
	return (Datum) 0;
}

static char *
all_in_words(List *faults)
{
	StringInfoData text;

	if (faults == NIL)
		return NULL;
	initStringInfo(&text);
	for (int i = 0; i < list_length(faults); i++)
	{
		const Fault *fault = list_nth(faults, i);

		if (!is_told(faults, i))
			appendStringInfo(&text, "%s%s", text.len > 0 ? "; " : "",
							 in_words(objects_with(faults, fault->fault), fault->fault));
	}
	return text.data;
}

/*
 * Return the faults for status(), which works also if objects that this needs were dropped, or
 * privileges on them revoked.
 */
static char *
repair_problems(void)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char *volatile text = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		text = all_in_words(list_concat(silenced_triggers(), jobs_faults()));
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		if (ERRCODE_TO_CATEGORY(geterrcode()) !=
			ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_PRIVILEGE))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		text = psprintf("triggers and jobs were not looked at: %s", CopyErrorData()->message);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return text;
}

PG_FUNCTION_INFO_V1(vault_repair);

Datum
vault_repair(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_OPERATOR, fcinfo, repair_body);
}

void
repair_init(void)
{
	keyring_set_problems(repair_problems);
}

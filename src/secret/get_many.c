/*
 * get_many.c
 *		get_many: read all secrets that match a pattern and that the caller may read.
 *
 * Secrets and versions are read under one fresh snapshot, as in get.c. The rows stay in the result
 * until their records are safe, and each is then checked again.
 */
#include "platform/compat.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "audit/recorder.h"
#include "entry/entry.h"
#include "integrity/integrity.h"
#include "keyring/root_page.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/settings.h"
#include "policy/environment.h"
#include "policy/name.h"
#include "secret/read.h"
#include "secret/secret_version.h"
#include "type/type.h"

/* A row of the result, for the second check after a long wait for its record. */
typedef struct Kept
{
	HeadMark mark;
	ItemPointerData place;
	bool in_grace;
	bool refused;
} Kept;

/* State of one get_many call. */
typedef struct BulkRead
{
	const Caller *caller;
	const char *pattern;
	size_t pattern_size;
	const char *environment;
	size_t environment_size;
	bool strict;
	bool database_urls;
	bool surveys; /* true: look for secrets that would be left out, and return no value */
	StringInfoData left_out;
	int left_out_count;
	ReturnSetInfo *result;
	MemoryContext result_memory; /* memory of the result, overwritten when the query ends */
	TableScan versions;          /* scan of the versions, open from the first row on */
	bool versions_open;
	TableScan heads; /* scan of the heads of the rows of the result */
	bool heads_open;
	Snapshot snapshot;
	MemoryContext memory; /* memory of the call */
	MemoryContext row_memory;
	int64 bytes;
	Kept *kept; /* one entry for each row, in the order of the rows */
	int64 kept_count;
	int64 kept_room;
	int64 refused; /* number of kept rows that were refused */
} BulkRead;

/* Prepare the result, which is handed over when the call returns and dropped if the call fails. */
static void
begin_result(FunctionCallInfo fcinfo, BulkRead *bulk)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (result == NULL || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("get_many returns a set and was called where none is expected")));
	old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &result->setDesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "get_many must return rows");
	result->setDesc = CreateTupleDescCopy(result->setDesc);
	result->returnMode = SFRM_Materialize;
	MemoryContextSwitchTo(old);
	bulk->result = result;
	bulk->result_memory = secret_rows_memory(result);
	secret_rows_begin(result, bulk->result_memory);
	bulk->row_memory = secret_context_new(CurrentMemoryContext, "vault bulk read");
}

static void
bulk_account(BulkRead *bulk, const bytea *value)
{
	bulk->bytes += VARSIZE(value) + 128;
	if (bulk->bytes / 1024 >= setting_max_result_memory)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the values take more memory than vault.max_result_memory"),
				 errhint("Read fewer secrets at once, with a narrower pattern.")));
}

/*
 * Move the scan of versions to the current version of the secret. The scan is opened in the memory
 * of the call, because it outlives the row.
 */
static bool
find_version(BulkRead *bulk, const SecretHead *head)
{
	MemoryContext row = MemoryContextSwitchTo(bulk->memory);
	Datum keys[3] = {UUIDPGetDatum(&head->tenant), UUIDPGetDatum(&head->id),
					 Int32GetDatum(head->current)};
	bool found;

	if (!bulk->versions_open)
		scan_begin(&bulk->versions, TABLE_SECRET_VERSION, INDEX_SECRET_VERSION, bulk->snapshot,
				   keys, 3);
	else
		scan_again(&bulk->versions, keys, 3);
	bulk->versions_open = true;
	found = scan_next(&bulk->versions);
	MemoryContextSwitchTo(row);
	return found;
}

static bytea *
bulk_value(BulkRead *bulk, SecretHead *head, uint8_t *format)
{
	if (!find_version(bulk, head))
		return NULL;
	row_require_authentic(&bulk->versions, TABLE_SECRET_VERSION);
	return secret_version_open(&bulk->versions, head, head->current, format);
}

#define MAX_NAMED 20

/* Note a secret that matches and that the caller may read, but that is missing in the result. */
static void
leave_out(BulkRead *bulk, const SecretName *name, const char *why)
{
	MemoryContext row = MemoryContextSwitchTo(bulk->memory);

	if (bulk->left_out_count++ < MAX_NAMED)
		appendStringInfo(&bulk->left_out, "%s\"%.*s\" (%s)", bulk->left_out.len ? ", " : "",
						 (int) name->name_size, name->name, why);
	MemoryContextSwitchTo(row);
}

/*
 * Return true if the secret can be read; note it as left out otherwise. A deleted secret is not
 * noted, because it was removed on purpose.
 */
static bool
is_readable(BulkRead *bulk, const SecretName *name, const SecretHead *head)
{
	if (secret_is_readable(head))
		return true;
	if (head->state != STATE_DELETED)
		leave_out(bulk, name, head->state == STATE_EXPIRED ? "expired" : "deactivated");
	return false;
}

/* Get the value in the form that the result has; NULL if it is left out. */
static bytea *
bulk_text(BulkRead *bulk, TableScan *scan, const SecretName *name, SecretHead *head)
{
	const ValueType *type;
	uint8_t format;
	bytea *value = secret_version_open_copy(scan, head, &format);

	if (value == NULL)
		value = bulk_value(bulk, head, &format);
	if (value == NULL || !read_is_text(value, format))
	{
		leave_out(bulk, name, value ? "binary" : "destroyed");
		return NULL;
	}
	type = bulk->database_urls ? type_find(head->type) : NULL;
	if (type && type->url_field)
		value = read_part_of(value, head, type->url_field);
	return value;
}

static void
bulk_refuse_characters(const SecretName *name)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_VAULT_WRONG_FORM),
		 errmsg(
			 "the value of \"%.*s\" has characters that the encoding of the database does not have",
			 (int) name->name_size, name->name),
		 errhint("Read it with vault.get_bytes(), and the others with another pattern.")));
}

/*
 * Raise an error if strict is set and a secret was left out: all or nothing. The survey checks
 * that all matching secrets can be returned before any of them is recorded as read. The second
 * reading finds the changes in between.
 */
static void
require_whole(const BulkRead *bulk)
{
	if (!bulk->strict || bulk->left_out_count == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg_plural("%d secret cannot be given: %s%s", "%d secrets cannot be given: %s%s",
						   (unsigned long) bulk->left_out_count, bulk->left_out_count,
						   bulk->left_out.data, bulk->left_out_count > MAX_NAMED ? ", ..." : ""),
			 errhint("Put new values, reactivate them, read binary ones with vault.get_bytes(), "
					 "or leave strict out.")));
}

static Kept *
new_kept(BulkRead *bulk)
{
	if (bulk->kept_count == bulk->kept_room)
	{
		int64 room = Max(64, 2 * bulk->kept_room);
		Size size = room * sizeof(Kept);

		bulk->kept = bulk->kept ? repalloc_huge(bulk->kept, size)
								: MemoryContextAllocHuge(bulk->memory, size);
		bulk->kept_room = room;
	}
	return &bulk->kept[bulk->kept_count++];
}

/* Keep the row in the result until its record is safe. */
static void
bulk_keep(BulkRead *bulk, TableScan *scan, const SecretHead *head, bytea *value)
{
	bool nulls[4] = {0};
	Datum values[4] = {scan_get(scan, SECRET_NAME, NULL), scan_get(scan, SECRET_ENVIRONMENT, NULL),
					   Int32GetDatum(head->current), PointerGetDatum(value)};
	Kept *kept;

	tuplestore_putvalues(bulk->result->setResult, bulk->result->setDesc, values, nulls);
	kept = new_kept(bulk);
	kept->mark = secret_mark(head);
	kept->place = scan->place;
	kept->in_grace = head->state == STATE_GRACE;
	kept->refused = false;
}

/* Return true if the head is at the same place and unchanged, as most are. */
static bool
bulk_stands(BulkRead *bulk, const Kept *kept)
{
	MemoryContext row = MemoryContextSwitchTo(bulk->memory);
	bool found;

	if (bulk->heads_open)
		found = scan_at(&bulk->heads, &kept->place);
	else
		found = scan_begin_at(&bulk->heads, TABLE_SECRET, bulk->snapshot, &kept->place);
	bulk->heads_open = true;
	MemoryContextSwitchTo(row);
	return found && secret_head_stands(&bulk->heads, &kept->mark);
}

static bool
may_leave(BulkRead *bulk, const SecretName *name, const Kept *kept)
{
	TableScan scan;
	SecretHead head;
	bool may = false;

	if (!(policy_permissions(bulk->caller, name, MAY_READ, NULL) & MAY_READ))
		return false;
	if (bulk_stands(bulk, kept))
		return true;
	if (secret_scan_from(&scan, &kept->mark.tenant, name, bulk->snapshot, &kept->place))
	{
		secret_head_from(&scan, &head);
		may = uuid_equal(&head.id, &kept->mark.id) && secret_is_readable(&head) &&
			((head.current == kept->mark.version && secret_version_has_copy(&scan)) ||
			 secret_version_may_leave(&head, kept->mark.version, bulk->snapshot));
	}
	scan_end(&scan);
	return may;
}

/* Get the name from a row of the result. All rows are of one environment. */
static SecretName
name_in(const BulkRead *bulk, TupleTableSlot *slot)
{
	bool isnull;
	text *name = DatumGetTextPP(slot_getattr(slot, 1, &isnull));
	SecretName secret = {bulk->environment, bulk->environment_size, VARDATA_ANY(name),
						 VARSIZE_ANY_EXHDR(name)};

	return secret;
}

static void
check_row_again(BulkRead *bulk, TupleTableSlot *slot, Kept *kept)
{
	SecretName name = name_in(bulk, slot);

	kept->refused = !may_leave(bulk, &name, kept);
	if (!kept->refused)
		return;
	bulk->refused++;
	leave_out(bulk, &name, "it changed meanwhile");
}

/*
 * Visit the rows of a result and their Kept entries, without moving the read pointer of the
 * executor.
 */
static void
each_row(BulkRead *bulk, Tuplestorestate *rows,
		 void (*visit)(BulkRead *bulk, TupleTableSlot *slot, Kept *kept))
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(bulk->result->setDesc, &TTSOpsMinimalTuple);

	tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, 0));
	for (int64 i = 0; i < bulk->kept_count; i++)
	{
		if (!tuplestore_gettupleslot(rows, true, false, slot))
			elog(ERROR, "a row of the result is missing");
		MemoryContextSwitchTo(bulk->row_memory);
		visit(bulk, slot, &bulk->kept[i]);
		MemoryContextSwitchTo(bulk->memory);
		MemoryContextReset(bulk->row_memory);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_select_read_pointer(rows, 0);
}

static void
copy_row(BulkRead *bulk, TupleTableSlot *slot, Kept *kept)
{
	if (!kept->refused)
		tuplestore_puttupleslot(bulk->result->setResult, slot);
}

/*
 * Check each row again, and leave out those that cannot be read any more, as if that had been so
 * at first. Their values stay in the old tuplestore, because the memory of both is overwritten in
 * the end.
 */
static void
bulk_check_again(BulkRead *bulk)
{
	Tuplestorestate *rows = bulk->result->setResult;

	bulk->snapshot = RegisterSnapshot(GetLatestSnapshot());
	each_row(bulk, rows, check_row_again);
	if (bulk->heads_open)
		scan_end(&bulk->heads);
	UnregisterSnapshot(bulk->snapshot);
	require_whole(bulk);
	if (bulk->refused == 0)
		return;
	secret_rows_begin(bulk->result, bulk->result_memory);
	each_row(bulk, rows, copy_row);
}

static int64
count_in_grace(const BulkRead *bulk)
{
	int64 count = 0;

	for (int64 i = 0; i < bulk->kept_count; i++)
		count += bulk->kept[i].in_grace && !bulk->kept[i].refused;
	return count;
}

static void
bulk_row(BulkRead *bulk, TableScan *scan)
{
	Datum name = scan_get(scan, SECRET_NAME, NULL);
	Datum environment = scan_get(scan, SECRET_ENVIRONMENT, NULL);
	SecretName secret = {VARDATA_ANY(DatumGetTextPP(environment)),
						 VARSIZE_ANY_EXHDR(DatumGetTextPP(environment)),
						 VARDATA_ANY(DatumGetTextPP(name)),
						 VARSIZE_ANY_EXHDR(DatumGetTextPP(name))};
	SecretHead head;
	pg_uuid_t grant;
	bytea *value;

	if (!pattern_matches(bulk->pattern, bulk->pattern_size, secret.name, secret.name_size) ||
		!(policy_permissions(bulk->caller, &secret, MAY_READ, &grant) & MAY_READ))
		return;
	secret_head_from(scan, &head);
	if (!is_readable(bulk, &secret, &head))
		return;
	value = bulk_text(bulk, scan, &secret, &head);
	if (value == NULL)
		return;
	value = secret_as_text(value);
	if (value == NULL && bulk->strict)
		leave_out(bulk, &secret, "not in the encoding of the database");
	else if (value == NULL)
		bulk_refuse_characters(&secret);
	if (bulk->surveys || value == NULL)
		return;
	bulk_account(bulk, value);
	read_record(&secret, &head, head.current, &grant, NULL);
	bulk_keep(bulk, scan, &head, value);
}

/*
 * Return true if the scan is past the fixed prefix of the pattern. Names are in order, so nothing
 * matches from there on.
 */
static bool
is_past_prefix(TableScan *scan, const char *pattern, size_t prefix)
{
	text *name = DatumGetTextPP(scan_get(scan, SECRET_NAME, NULL));
	size_t size = VARSIZE_ANY_EXHDR(name);

	return size < prefix || memcmp(VARDATA_ANY(name), pattern, prefix) != 0;
}

static void
bulk_read(BulkRead *bulk)
{
	size_t prefix = pattern_prefix(bulk->pattern, bulk->pattern_size);
	Datum keys[2] = {UUIDPGetDatum(&bulk->caller->tenant),
					 PointerGetDatum(
						 cstring_to_text_with_len(bulk->environment, bulk->environment_size))};
	Datum from = PointerGetDatum(cstring_to_text_with_len(bulk->pattern, prefix));
	TableScan scan;

	bulk->memory = CurrentMemoryContext;
	bulk->snapshot = RegisterSnapshot(GetLatestSnapshot());
	scan_begin_from(&scan, TABLE_SECRET, INDEX_SECRET_NAME, bulk->snapshot, keys, 2, from);
	while (scan_next(&scan) && !is_past_prefix(&scan, bulk->pattern, prefix))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(bulk->row_memory);
		bulk_row(bulk, &scan);
		MemoryContextSwitchTo(bulk->memory);
		MemoryContextReset(bulk->row_memory);
	}
	scan_end(&scan);
	if (bulk->versions_open)
		scan_end(&bulk->versions);
	bulk->versions_open = false;
	UnregisterSnapshot(bulk->snapshot);
}

static void
bulk_survey(BulkRead *bulk)
{
	if (!bulk->strict)
		return;
	bulk->surveys = true;
	bulk_read(bulk);
	bulk->surveys = false;
	require_whole(bulk);
}

static void
bulk_arguments(FunctionCallInfo fcinfo, BulkRead *bulk)
{
	text *pattern;
	const char *fault;

	if (PG_ARGISNULL(0))
		error_bad_argument("name pattern", "must not be null", NULL);
	pattern = PG_GETARG_TEXT_PP(0);
	bulk->pattern = VARDATA_ANY(pattern);
	bulk->pattern_size = VARSIZE_ANY_EXHDR(pattern);
	fault = pattern_fault(bulk->pattern, bulk->pattern_size);
	if (fault)
		error_bad_argument(
			"name pattern", fault,
			"A pattern is a name with \"*\" within segments and \"**\" for whole ones.");
	bulk->environment = PG_ARGISNULL(1) ? default_environment() : VARDATA_ANY(PG_GETARG_TEXT_PP(1));
	bulk->environment_size =
		PG_ARGISNULL(1) ? strlen(default_environment()) : VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(1));
	environment_require_form("environment", bulk->environment, bulk->environment_size);
	environment_require_declared(bulk->environment, bulk->environment_size);
	bulk->strict = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	bulk->database_urls = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	initStringInfo(&bulk->left_out);
}

/* Record a call that found nothing. */
static void
record_nothing(const BulkRead *bulk)
{
	AuditRead release = {.secret = bulk->pattern,
						 .secret_size = bulk->pattern_size,
						 .environment = bulk->environment,
						 .environment_size = bulk->environment_size,
						 .reason = "no secret that may be read matches"};

	audit_read(&release);
}

/*
 * get_many(name_pattern, environment, strict, database_urls): return the matching secrets that the
 * caller may read, that are readable, and that are text.
 */
static Datum
get_many_body(FunctionCallInfo fcinfo)
{
	BulkRead bulk = {.caller = &call_required()->caller};
	uint64 epoch = root_epoch();
	int64 in_grace;

	secret_refuse_holdable_cursor();
	bulk_arguments(fcinfo, &bulk);
	begin_result(fcinfo, &bulk);
	bulk_survey(&bulk);
	bulk_read(&bulk);
	require_whole(&bulk);
	if (bulk.kept_count == 0)
		record_nothing(&bulk);
	if (read_await_records(epoch))
		bulk_check_again(&bulk);
	in_grace = count_in_grace(&bulk);
	if (in_grace > 0)
		ereport(
			NOTICE,
			(errcode(ERRCODE_VAULT_EXPIRED),
			 errmsg_plural("%lld of these secrets has expired and can be read for a while only",
						   "%lld of these secrets have expired and can be read for a while only",
						   (unsigned long) in_grace, (long long) in_grace),
			 errhint("vault.expiring() shows which.")));
	PG_RETURN_NULL();
}

READ_FUNCTION(get_many)

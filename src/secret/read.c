/*
 * read.c
 *		get, get_bytes, get_json, get_field, get_many.
 *
 * A read executes no SQL: identity, policy and the two index walks are done
 * here, so it needs no other user and leaves nothing to undo.  Secret and
 * version are read under one fresh snapshot, in every isolation level: what
 * was deleted, deactivated or rotated is so for the next call.  The values leave
 * only after the audit record is safe; what was decided before that wait is then decided once
 * more: who calls, what it may, whether the secret and its version can be read.
 */
#include "platform/compat.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "audit/recorder.h"
#include "crypto/raise.h"
#include "entry/entry.h"
#include "integrity/integrity.h"
#include "keyring/keyring.h"
#include "keyring/root_page.h"
#include "platform/arguments.h"
#include "platform/encoding.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/settings.h"
#include "policy/delegation.h"
#include "policy/environment.h"
#include "policy/name.h"
#include "secret/secret.h"
#include "type/registry.h"

#define MAX_FIELD 63

/*
 * A holdable cursor would keep plaintext, on disk too, for whoever comes next.  A loop of PL/pgSQL
 * becomes one when it commits: what is left of its rows is made at once, and stored.
 */
void
secret_refuse_holdable_cursor(void)
{
	Portal portal = ActivePortal;

	if (portal == NULL)
		return;
	if (portal->cursorOptions & CURSOR_OPT_HOLD)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("secrets cannot be read through a cursor WITH HOLD"),
				 errhint("Declare the cursor WITHOUT HOLD.")));
	if (portal->strategy == PORTAL_ONE_SELECT && portal->holdStore)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("secrets cannot be read by the query of a loop that commits"),
				 errhint("Read the secret inside the loop, or end the transaction after it.")));
}

/* Sealing between the check and now must win. */
static void
require_same_epoch(uint64 epoch)
{
	if (root_epoch() != epoch)
		keyring_require_unsealed();
}

/*
 * Opens the version that the scan stands on; NULL if it was destroyed.  A version has the type that
 * the secret had when it was made, which is left in the head.
 */
static bytea *
open_version(TableScan *scan, SecretHead *head, int version, uint8_t *format)
{
	bool destroyed;
	bool no_type;
	Datum envelope = scan_get(scan, VERSION_ENVELOPE, &destroyed);
	Datum type = scan_get(scan, VERSION_TYPE, &no_type);

	if (destroyed)
		return NULL;
	if (no_type)
		crypto_require(CRYPTO_ERR_AUTH);
	text_to_cstring_buffer(DatumGetTextPP(type), head->type, sizeof(head->type));
	return secret_open(head, version, DatumGetInt32(scan_get(scan, VERSION_KEY_GENERATION, NULL)),
					   DatumGetByteaPP(envelope), format);
}

/* Whether the overlap is over of a rotation that the job has not ended yet. */
static bool
overlap_is_over(const SecretHead *head, int version, Snapshot snapshot)
{
	Datum keys[3] = {UUIDPGetDatum(&head->tenant), UUIDPGetDatum(&head->id),
					 Int32GetDatum(version)};
	TimestampTz now = GetCurrentTimestamp();
	TableScan scan;
	bool over = false;

	scan_begin(&scan, TABLE_ROTATION, INDEX_ROTATION_RETIRE, snapshot, keys, 3);
	while (!over && scan_next(&scan))
	{
		row_require_authentic(&scan, TABLE_ROTATION);
		over = DatumGetTimestampTz(scan_get(&scan, ROTATION_RETIRE_AT, NULL)) <= now;
	}
	scan_end(&scan);
	return over;
}

/* Why a version that is not the current one cannot be read, or NULL; of that one the head tells. */
static const char *
past_fault(TableScan *scan, const SecretHead *head, int version, Snapshot snapshot)
{
	bool lasts;
	bool in_use;
	Datum end;

	if (version == head->current)
		return NULL;
	end = scan_get(scan, VERSION_EXPIRES_AT, &lasts);
	if (!lasts && DatumGetTimestampTz(end) <= GetCurrentTimestamp())
		return "has expired";
	(void) scan_get(scan, VERSION_RETIRED_AT, &in_use);
	return !in_use || overlap_is_over(head, version, snapshot) ? "was retired" : NULL;
}

static void
refuse_past(TableScan *scan, const SecretHead *head, int version, Snapshot snapshot)
{
	const char *fault = past_fault(scan, head, version, snapshot);

	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_EXPIRED), errmsg("version %d %s", version, fault),
				 errhint("Read the current version; vault.rollback() puts an earlier one back.")));
}

static bool
is_destroyed(TableScan *scan)
{
	bool destroyed;

	(void) scan_get(scan, VERSION_ENVELOPE, &destroyed);
	return destroyed;
}

static void
begin_version(TableScan *scan, const SecretHead *head, int version, Snapshot snapshot)
{
	Datum keys[3] = {UUIDPGetDatum(&head->tenant), UUIDPGetDatum(&head->id),
					 Int32GetDatum(version)};

	scan_begin(scan, TABLE_SECRET_VERSION, INDEX_SECRET_VERSION, snapshot, keys, 3);
}

VAULT_NORETURN static void
refuse_no_version(int version)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_NO_SECRET), errmsg("no version %d of the secret", version),
			 errhint("The view vault.versions shows what there is.")));
}

static bytea *
read_version(SecretHead *head, int version, Snapshot snapshot, bool retired_too, uint8_t *format)
{
	TableScan scan;
	bytea *value;

	begin_version(&scan, head, version, snapshot);
	if (!scan_next(&scan))
		refuse_no_version(version);
	row_require_authentic(&scan, TABLE_SECRET_VERSION);
	if (!retired_too)
		refuse_past(&scan, head, version, snapshot);
	value = open_version(&scan, head, version, format);
	scan_end(&scan);
	if (value == NULL)
		secret_refuse_destroyed(version);
	return value;
}

bytea *
secret_open_version(const SecretHead *head, int version, uint8_t *format)
{
	SecretHead of_version = *head;

	return read_version(&of_version, version, NULL, true, format);
}

bool
secret_is_current_value(const SecretHead *head, const void *value, size_t size, uint8_t format)
{
	Datum keys[3] = {UUIDPGetDatum(&head->tenant), UUIDPGetDatum(&head->id),
					 Int32GetDatum(head->current)};
	SecretHead of_version = *head;
	TableScan scan;
	bytea *current = NULL;
	uint8_t current_format;

	scan_begin(&scan, TABLE_SECRET_VERSION, INDEX_SECRET_VERSION, NULL, keys, 3);
	if (scan_next(&scan))
	{
		row_require_authentic(&scan, TABLE_SECRET_VERSION);
		current = open_version(&scan, &of_version, head->current, &current_format);
	}
	scan_end(&scan);
	if (current == NULL)
		return false;
	return (format == FORMAT_BYTES) == (current_format == FORMAT_BYTES) &&
		VARSIZE_ANY_EXHDR(current) == size && secret_equal(VARDATA_ANY(current), value, size);
}

/* The value of the current version from the copy in the head; NULL if there is none. */
static bytea *
open_copy(TableScan *scan, SecretHead *head, uint8_t *format)
{
	bool absent;
	Datum datum = scan_get(scan, SECRET_ENVELOPE, &absent);
	bytea *envelope;

	if (absent)
		return NULL;
	envelope = DatumGetByteaPP(datum);
	crypto_require(
		envelope_check((unsigned char *) VARDATA_ANY(envelope), VARSIZE_ANY_EXHDR(envelope)));
	head->in_head = true;
	return secret_open(head, head->current,
					   envelope_generation((unsigned char *) VARDATA_ANY(envelope)), envelope,
					   format);
}

/* The value that a read by name asks for, and its head; version 0: the current one. */
static bytea *
read_value(const SecretName *name, int version, SecretHead *head, uint8_t *format)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScan scan;
	bytea *value = NULL;

	if (!secret_scan(&scan, &call_required()->tenant, name, snapshot))
		secret_refuse_absent(name);
	secret_head_from(&scan, head);
	secret_require_readable(head);
	if (version == 0 || version == head->current)
		value = open_copy(&scan, head, format);
	scan_end(&scan);
	if (value == NULL)
		value = read_version(head, version ? version : head->current, snapshot, false, format);
	UnregisterSnapshot(snapshot);
	return value;
}

/* Where the arguments of a read by name stand; -1: it has none. */
typedef struct ReadArguments
{
	int version;
	int environment;
	const char *field; /* NULL: the whole value */
} ReadArguments;

/* The version argument; 0: the current one. */
static int
wanted_version(FunctionCallInfo fcinfo, int number)
{
	if (number < 0 || PG_ARGISNULL(number))
		return 0;
	if (PG_GETARG_INT32(number) <= 0)
		error_bad_argument("version", "it is not positive", "Versions start at 1.");
	return PG_GETARG_INT32(number);
}

static void
record_read(const SecretName *name, const SecretHead *head, int version, const pg_uuid_t *grant,
			const char *field)
{
	const char *grace = head->state == STATE_GRACE ? "expired, read within its grace" : NULL;
	AuditRead release = {.secret = name->name,
						 .secret_size = name->name_size,
						 .environment = name->environment,
						 .environment_size = name->environment_size,
						 .id = &head->id,
						 .version = version,
						 .grant = grant,
						 .reason = field ? psprintf("field %s%s%s", field, grace ? ", " : "",
													grace ? grace : "")
										 : grace};

	audit_read(&release);
}

/* A version whose value is not in the head, or that was replaced meanwhile. */
static void
require_version(const SecretHead *head, int version, Snapshot snapshot)
{
	TableScan scan;
	bool destroyed;

	begin_version(&scan, head, version, snapshot);
	if (!scan_next(&scan))
		refuse_no_version(version);
	row_require_authentic(&scan, TABLE_SECRET_VERSION);
	refuse_past(&scan, head, version, snapshot);
	destroyed = is_destroyed(&scan);
	scan_end(&scan);
	if (destroyed)
		secret_refuse_destroyed(version);
}

/* The same without an error, for a bulk read. */
static bool
version_may_leave(const SecretHead *head, int version, Snapshot snapshot)
{
	TableScan scan;
	bool may = false;

	begin_version(&scan, head, version, snapshot);
	if (scan_next(&scan))
	{
		row_require_authentic(&scan, TABLE_SECRET_VERSION);
		may = !is_destroyed(&scan) && past_fault(&scan, head, version, snapshot) == NULL;
	}
	scan_end(&scan);
	return may;
}

/* Whether the head that the scan stands on has the value in it. */
static bool
has_copy(TableScan *scan)
{
	bool absent;

	(void) scan_get(scan, SECRET_ENVELOPE, &absent);
	return !absent;
}

/* The same of a head that has been written since, or whose value is not in it. */
static void
require_head(TableScan *scan, const SecretName *name, const SecretHead *before, int version,
			 Snapshot snapshot)
{
	SecretHead head;

	secret_head_from(scan, &head);
	if (!uuid_equal(&head.id, &before->id))
		secret_refuse_absent(name);
	secret_require_readable(&head);
	if (version != head.current || !has_copy(scan))
		require_version(&head, version, snapshot);
}

/* The secret of this name is the same, and this version of it can be read as of now. */
static void
require_readable_still(const SecretName *name, const SecretHead *before, int version)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	HeadMark mark = secret_mark(before);
	TableScan scan;

	if (!secret_scan(&scan, &before->tenant, name, snapshot))
		secret_refuse_absent(name);
	if (!secret_head_stands(&scan, &mark))
		require_head(&scan, name, before, version, snapshot);
	scan_end(&scan);
	UnregisterSnapshot(snapshot);
}

/*
 * While the record was on its way to the disk, a seal may have come, or whatever else takes the
 * value away.  True if there was such a while.
 */
static bool
await_records(uint64 epoch)
{
	bool waited = audit_await_reads();

	if (waited)
		entry_check_again();
	else
		AcceptInvalidationMessages();
	require_same_epoch(epoch);
	return waited;
}

/* The field of the value, if one is asked for. */
static bytea *
read_part_of(bytea *value, const SecretHead *head, const char *field)
{
	if (field == NULL)
		return value;
	return secret_require_text(
		type_field(head->type, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), field));
}

/* The whole of a read by name, which is the first argument. */
static bytea *
read_by_name(FunctionCallInfo fcinfo, const ReadArguments *arguments, uint8_t *format)
{
	int environment = arguments->environment;
	const Caller *caller = &call_required()->caller;
	uint64 epoch = root_epoch();
	uint64 generation = policy_generation();
	pg_uuid_t grant;
	SecretName name;
	SecretHead head;
	bytea *value;
	int version;
	bool waited;

	secret_refuse_holdable_cursor();
	if (PG_ARGISNULL(0))
		error_bad_argument("name", "it is null", NULL);
	secret_name_from(PG_GETARG_TEXT_PP(0),
					 PG_ARGISNULL(environment) ? NULL : PG_GETARG_TEXT_PP(environment), &name);
	environment_require_declared(name.environment, name.environment_size);
	call_required()->version = wanted_version(fcinfo, arguments->version);
	policy_require(caller, &name, MAY_READ, &grant);

	value = read_value(&name, call_required()->version, &head, format);
	value = read_part_of(value, &head, arguments->field);
	version = call_required()->version ? call_required()->version : head.current;
	record_read(&name, &head, version, &grant, arguments->field);
	waited = await_records(epoch);
	if (waited || policy_generation() != generation)
		policy_require(caller, &name, MAY_READ, &grant);
	if (waited)
		require_readable_still(&name, &head, version);
	if (head.state == STATE_GRACE)
		ereport(NOTICE,
				(errcode(ERRCODE_VAULT_EXPIRED),
				 errmsg("secret has expired and can be read until %s",
						timestamptz_to_str(head.grace_until)),
				 errhint("Put a new value with vault.put() or vault.rotate().")));
	return value;
}

/* Some drivers send text as bytes: such a value is text, too, if it is valid and prints. */
static bool
read_is_text(const bytea *value, uint8_t format)
{
	const char *at = VARDATA_ANY(value);
	int size = VARSIZE_ANY_EXHDR(value);

	if (format != FORMAT_BYTES)
		return true;
	for (int i = 0; i < size; i++)
		if (((unsigned char) at[i] < ' ' && !strchr("\t\r\n", at[i])) || at[i] == 0 ||
			at[i] == 0x7f)
			return false;
	return encoding_is_stored_text(at, size);
}

static void
require_text(bytea *value, uint8_t format)
{
	if (read_is_text(value, format))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_WRONG_FORM), errmsg("the value is binary"),
			 errhint("Read it with vault.get_bytes().")));
}

/* Parses without letting the parser show what it stumbled over. */
Datum
secret_parse_json(text *value)
{
	const char *why;
	struct varlena *json = jsonb_of_text(text_to_cstring(value), &why);

	if (json == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_WRONG_FORM),
				 strcmp(why, "it is not JSON") == 0 ? errmsg("the value is not JSON")
													: errmsg("the value is JSON, and %s", why),
				 errhint("Read it with vault.get().")));
	return PointerGetDatum(json);
}

static const ReadArguments whole = {.version = 1, .environment = 2};

PG_FUNCTION_INFO_V1(vault_get);
PG_FUNCTION_INFO_V1(vault_get_field);
PG_FUNCTION_INFO_V1(vault_conninfo);
PG_FUNCTION_INFO_V1(vault_database_url);
PG_FUNCTION_INFO_V1(vault_get_bytes);
PG_FUNCTION_INFO_V1(vault_get_json);
PG_FUNCTION_INFO_V1(vault_get_many);

static Datum
get_body(FunctionCallInfo fcinfo)
{
	uint8_t format;
	bytea *value = read_by_name(fcinfo, &whole, &format);

	require_text(value, format);
	PG_RETURN_TEXT_P(secret_require_text(value));
}

static Datum
get_bytes_body(FunctionCallInfo fcinfo)
{
	uint8_t format;

	PG_RETURN_BYTEA_P(read_by_name(fcinfo, &whole, &format));
}

static Datum
get_json_body(FunctionCallInfo fcinfo)
{
	uint8_t format;
	bytea *value = read_by_name(fcinfo, &whole, &format);

	require_text(value, format);
	return secret_parse_json(secret_require_text(value));
}

/* A name of a field is shown in the trail. */
static char *
field_argument(FunctionCallInfo fcinfo)
{
	char *field = PG_ARGISNULL(1) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(1));

	if (*field == 0 || strlen(field) > MAX_FIELD)
		error_bad_argument("field", "it is null, empty or longer than 63 bytes",
						   "vault.types shows the fields of each type.");
	for (const char *p = field; *p; p++)
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			error_bad_argument("field", "it has control characters", NULL);
	return field;
}

/* get_field(name, field, version, environment) */
static Datum
get_field_body(FunctionCallInfo fcinfo)
{
	ReadArguments arguments = {.version = 2, .environment = 3, .field = field_argument(fcinfo)};
	uint8_t format;

	PG_RETURN_TEXT_P(read_by_name(fcinfo, &arguments, &format));
}

/* conninfo(name, environment) */
static Datum
conninfo_body(FunctionCallInfo fcinfo)
{
	static const ReadArguments arguments = {.version = -1, .environment = 1, .field = "conninfo"};
	uint8_t format;

	PG_RETURN_TEXT_P(read_by_name(fcinfo, &arguments, &format));
}

/* database_url(name, environment) */
static Datum
database_url_body(FunctionCallInfo fcinfo)
{
	static const ReadArguments arguments = {.version = -1, .environment = 1, .field = "url"};
	uint8_t format;

	PG_RETURN_TEXT_P(read_by_name(fcinfo, &arguments, &format));
}

Datum
vault_get_field(PG_FUNCTION_ARGS)
{
	return entry_read(fcinfo, get_field_body);
}

Datum
vault_conninfo(PG_FUNCTION_ARGS)
{
	return entry_read(fcinfo, conninfo_body);
}

Datum
vault_database_url(PG_FUNCTION_ARGS)
{
	return entry_read(fcinfo, database_url_body);
}

Datum
vault_get(PG_FUNCTION_ARGS)
{
	return entry_read(fcinfo, get_body);
}

Datum
vault_get_bytes(PG_FUNCTION_ARGS)
{
	return entry_read(fcinfo, get_bytes_body);
}

Datum
vault_get_json(PG_FUNCTION_ARGS)
{
	return entry_read(fcinfo, get_json_body);
}

/* A row of the result, by which it is judged again if the wait for its record was long. */
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
	bool surveys; /* looks for what would be left out, and gives nothing */
	StringInfoData left_out;
	int left_out_count;
	ReturnSetInfo *result;
	MemoryContext result_memory; /* overwritten when the query ends */
	TableScan versions;          /* open from the first row on */
	bool versions_open;
	TableScan heads; /* the same, of those that are handed out */
	bool heads_open;
	Snapshot snapshot;
	MemoryContext memory; /* of the call */
	MemoryContext row_memory;
	int64 bytes;
	Kept *kept; /* as many as rows, and in their order */
	int64 kept_count;
	int64 kept_room;
	int64 refused; /* of these rows */
} BulkRead;

/*
 * The rows are kept in memory whatever work_mem says, because a tuplestore that
 * spills would write plaintext to a temporary file.
 */
static void
begin_rows(BulkRead *bulk)
{
	MemoryContext old = MemoryContextSwitchTo(bulk->result_memory);

	bulk->result->setResult =
		tuplestore_begin_heap((bulk->result->allowedModes & SFRM_Materialize_Random) != 0, false,
							  MAX_KILOBYTES);
	MemoryContextSwitchTo(old);
}

/* They are handed over when the call returns, and not if it fails. */
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
	bulk->result = result;
	bulk->result_memory = secret_area_new(CurrentMemoryContext)->memory;
	MemoryContextSwitchTo(old);
	begin_rows(bulk);
	bulk->row_memory =
		AllocSetContextCreate(CurrentMemoryContext, "vault bulk read", ALLOCSET_DEFAULT_SIZES);
}

static void
read_account(BulkRead *bulk, const bytea *value)
{
	bulk->bytes += VARSIZE(value) + 128;
	if (bulk->bytes / 1024 >= setting_max_result_memory)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the values take more memory than vault.max_result_memory"),
				 errhint("Read fewer secrets at once, with a narrower pattern.")));
}

/* Stands the scan of versions on the current one; in the memory of the call, as it lives on. */
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
	return open_version(&bulk->versions, head, head->current, format);
}

#define MAX_NAMED 20

/* A secret that matches, that the caller may read, and that the result does not have. */
static void
leave_out(BulkRead *bulk, const SecretName *name, const char *why)
{
	MemoryContext row = MemoryContextSwitchTo(bulk->memory);

	if (bulk->left_out_count++ < MAX_NAMED)
		appendStringInfo(&bulk->left_out, "%s\"%.*s\" (%s)", bulk->left_out.len ? ", " : "",
						 (int) name->name_size, name->name, why);
	MemoryContextSwitchTo(row);
}

/* What was deleted is gone on purpose, and nobody waits for it. */
static bool
is_readable(BulkRead *bulk, const SecretName *name, const SecretHead *head)
{
	if (secret_is_readable(head))
		return true;
	if (head->state != STATE_DELETED)
		leave_out(bulk, name, head->state == STATE_EXPIRED ? "expired" : "deactivated");
	return false;
}

/* The value as the result has it; NULL: it is left out. */
static bytea *
bulk_text(BulkRead *bulk, TableScan *scan, const SecretName *name, SecretHead *head)
{
	uint8_t format;
	bytea *value = open_copy(scan, head, &format);

	if (value == NULL)
		value = bulk_value(bulk, head, &format);
	if (value == NULL || !read_is_text(value, format))
	{
		leave_out(bulk, name, value ? "binary" : "destroyed");
		return NULL;
	}
	if (bulk->database_urls && strcmp(head->type, "database") == 0)
		value = read_part_of(value, head, "url");
	return value;
}

static void
read_refuse_characters(const SecretName *name)
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
 * All or nothing: first looks whether all that matches can be given, before anything is recorded
 * as given.  What changes in between is found by the second reading.
 */
static void
require_whole(const BulkRead *bulk)
{
	if (!bulk->strict || bulk->left_out_count == 0)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		 errmsg_plural("%d secret cannot be given: %s%s", "%d secrets cannot be given: %s%s",
					   (unsigned long) bulk->left_out_count, bulk->left_out_count,
					   bulk->left_out.data, bulk->left_out_count > MAX_NAMED ? ", ..." : ""),
		 errhint(
			 "Put new values, reactivate them, read binary ones with vault.get_bytes(), or leave strict out.")));
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

/* The row waits in the result until its record is safe. */
static void
read_keep(BulkRead *bulk, TableScan *scan, const SecretHead *head, bytea *value)
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

/* Whether it is where it was and as it was: most are. */
static bool
read_stands(BulkRead *bulk, const Kept *kept)
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
	if (read_stands(bulk, kept))
		return true;
	if (secret_scan_from(&scan, &kept->mark.tenant, name, bulk->snapshot, &kept->place))
	{
		secret_head_from(&scan, &head);
		may = uuid_equal(&head.id, &kept->mark.id) && secret_is_readable(&head) &&
			((head.current == kept->mark.version && has_copy(&scan)) ||
			 version_may_leave(&head, kept->mark.version, bulk->snapshot));
	}
	scan_end(&scan);
	return may;
}

/* The name in a row of the result; all are of one environment. */
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

/* Walks the rows of a result, and what is kept of each, without moving who will read it. */
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
 * What cannot be read any more is left out as if it had been so before.  The rows with it stay
 * where they were, as the memory of all is overwritten in the end.
 */
static void
read_check_again(BulkRead *bulk)
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
	begin_rows(bulk);
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
		read_refuse_characters(&secret);
	if (bulk->surveys || value == NULL)
		return;
	read_account(bulk, value);
	record_read(&secret, &head, head.current, &grant, NULL);
	read_keep(bulk, scan, &head, value);
}

/* Names are in order: past the pattern's fixed beginning nothing can match. */
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
read_survey(BulkRead *bulk)
{
	if (!bulk->strict)
		return;
	bulk->surveys = true;
	bulk_read(bulk);
	bulk->surveys = false;
	require_whole(bulk);
}

static void
read_bulk_arguments(FunctionCallInfo fcinfo, BulkRead *bulk)
{
	text *pattern;
	const char *fault;

	if (PG_ARGISNULL(0))
		error_bad_argument("name pattern", "it is null", NULL);
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

/* A call that found nothing is a record, too. */
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
 * get_many(name_pattern, environment, strict, database_urls): what the caller may read of what
 * matches, is readable and is text.
 */
static Datum
get_many_body(FunctionCallInfo fcinfo)
{
	BulkRead bulk = {.caller = &call_required()->caller};
	uint64 epoch = root_epoch();
	int64 in_grace;

	secret_refuse_holdable_cursor();
	read_bulk_arguments(fcinfo, &bulk);
	begin_result(fcinfo, &bulk);
	read_survey(&bulk);
	bulk_read(&bulk);
	require_whole(&bulk);
	if (bulk.kept_count == 0)
		record_nothing(&bulk);
	if (await_records(epoch))
		read_check_again(&bulk);
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

Datum
vault_get_many(PG_FUNCTION_ARGS)
{
	return entry_read(fcinfo, get_many_body);
}

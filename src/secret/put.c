/*
 * put.c
 *		put, rotate and generate as they are called: their arguments.
 */
#include "policy/policy_arguments.h"
#include "secret/write.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "entry/entry.h"
#include "platform/arguments.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/sql.h"
#include "policy/environment.h"

#define MAX_TAGS              64
#define MAX_TAG_BYTES         8192
#define MAX_DESCRIPTION_BYTES 1024
#define YEAR_10000            (INT64CONST(252455616000) * USECS_PER_SEC)

/* Arguments of put, as in secret.api.sql. */
enum
{
	ARG_NAME,
	ARG_VALUE,
	ARG_TYPE,
	ARG_ENVIRONMENT,
	ARG_DESCRIPTION,
	ARG_TAGS,
	ARG_EXPIRES_AT,
	ARG_EXPECTED_VERSION,
	ARG_LABEL,
	ARG_ACCEPT_WEAK,
	ARG_IF_CHANGED
};

static SecretRotator rotator = NULL;

/* Raise an error unless the tags are a small object of strings. */
static void
check_tags(Jsonb *tags)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(tags))
		error_bad_argument("tags", "must be a JSON object", "Give {\"team\": \"payments\"}.");
	if (JB_ROOT_COUNT(tags) > MAX_TAGS || VARSIZE(tags) > MAX_TAG_BYTES)
		error_bad_argument("tags", "must be at most 64, of 8 kB together",
						   "Use fewer tags, or shorter ones.");
	iterator = JsonbIteratorInit(&tags->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_VALUE && value.type != jbvString)
			error_bad_argument("tags", "each must be a string", "Give {\"team\": \"payments\"}.");
}

static void
read_name(FunctionCallInfo fcinfo, int environment_argument, Write *write)
{
	if (PG_ARGISNULL(ARG_NAME))
		error_bad_argument("name", "must not be null", NULL);
	secret_name_from(PG_GETARG_TEXT_PP(ARG_NAME),
					 PG_ARGISNULL(environment_argument) ? NULL
														: PG_GETARG_TEXT_PP(environment_argument),
					 &write->name);
	environment_require_declared(write->name.environment, write->name.environment_size);
}

static void
put_read_label(FunctionCallInfo fcinfo, Write *write)
{
	char *label = PG_ARGISNULL(ARG_LABEL) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(ARG_LABEL));

	write->pending = pg_strcasecmp(label, "pending") == 0;
	if (!write->pending && pg_strcasecmp(label, "current") != 0)
		error_bad_argument("label", "must be \"current\" or \"pending\"",
						   "A new version is \"current\" or \"pending\".");
}

static void
read_metadata(FunctionCallInfo fcinfo, Write *write)
{
	write->given_type =
		PG_ARGISNULL(ARG_TYPE) ? "generic" : text_to_cstring(PG_GETARG_TEXT_PP(ARG_TYPE));
	(void) type_in_tenant(&call_required()->tenant, write->given_type);
	if (!PG_ARGISNULL(ARG_DESCRIPTION))
		write->description = text_to_cstring(PG_GETARG_TEXT_PP(ARG_DESCRIPTION));
	if (write->description && strlen(write->description) > MAX_DESCRIPTION_BYTES)
		error_bad_argument("description", "must be at most 1024 bytes long", NULL);
	if (!PG_ARGISNULL(ARG_TAGS))
	{
		check_tags(PG_GETARG_JSONB_P(ARG_TAGS));
		write->tags = PG_GETARG_DATUM(ARG_TAGS);
	}
	write->expires_at =
		PG_ARGISNULL(ARG_EXPIRES_AT) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(ARG_EXPIRES_AT);
	if (write->pending && !PG_ARGISNULL(ARG_EXPIRES_AT))
		error_bad_argument("expires_at", "must be null for a pending version",
						   "Give it when the version becomes current.");
	if (write->expires_at <= GetCurrentTimestamp())
		error_bad_argument("expires_at", "must be in the future", "Give a time to come, or NULL.");
	if (write->expires_at >= YEAR_10000 && write->expires_at != DT_NOEND)
		error_bad_argument("expires_at", "must not be after the year 9999",
						   "Give NULL or 'infinity' for no expiry.");
}

/*
 * Get a flag; false if there is no such argument. Functions of other features that end here do not
 * have the last arguments.
 */
static bool
put_flag(FunctionCallInfo fcinfo, int number)
{
	return number < fcinfo->nargs && !PG_ARGISNULL(number) && PG_GETARG_BOOL(number);
}

/*
 * Read the flags. With if_changed, the answer tells whether a guessed value is the stored one, and
 * a caller can ask without limit. Therefore it requires the permission to read, not only to write.
 */
static void
read_flags(FunctionCallInfo fcinfo, Write *write)
{
	write->accept_weak = put_flag(fcinfo, ARG_ACCEPT_WEAK);
	write->if_changed = put_flag(fcinfo, ARG_IF_CHANGED);
	if (write->if_changed && write->pending)
		error_bad_argument("if_changed", "a pending version is always a new one",
						   "Leave one of if_changed and label out.");
	if (write->if_changed)
	{
		write_require(write, MAY_WRITE);
		write_require(write, MAY_READ);
	}
}

static Datum
put(FunctionCallInfo fcinfo, Write *write)
{
	if (write->given == NULL)
		error_bad_argument("value", "must not be null",
						   "To take a secret away, use vault.delete().");
	read_name(fcinfo, ARG_ENVIRONMENT, write);
	put_read_label(fcinfo, write);
	read_metadata(fcinfo, write);
	read_flags(fcinfo, write);
	write->expected =
		PG_ARGISNULL(ARG_EXPECTED_VERSION) ? -1 : PG_GETARG_INT32(ARG_EXPECTED_VERSION);
	if (write->expected < 0 && !PG_ARGISNULL(ARG_EXPECTED_VERSION))
		error_bad_argument("expected_version", "must not be negative",
						   "0 asks that the secret does not exist, NULL asks nothing.");
	PG_RETURN_INT32(write_store(write, MAY_WRITE));
}

static Datum
put_varlena(FunctionCallInfo fcinfo, uint8_t format)
{
	Write write = {.given_format = format};
	struct varlena *value;

	if (!PG_ARGISNULL(ARG_VALUE))
	{
		value = PG_GETARG_VARLENA_PP(ARG_VALUE);
		write.given = VARDATA_ANY(value);
		write.given_size = VARSIZE_ANY_EXHDR(value);
	}
	return put(fcinfo, &write);
}

Datum
secret_put_text(FunctionCallInfo fcinfo)
{
	return put_varlena(fcinfo, FORMAT_TEXT);
}

/*
 * Return a copy of the call with its tags converted from any type that JSON comes in. The original
 * keeps its argument: a constant stands there for the next row, too.
 */
static FunctionCallInfo
with_tags(FunctionCallInfo given)
{
	FunctionCallInfo fcinfo = palloc(SizeForFunctionCallInfo(given->nargs));

	memcpy(fcinfo, given, SizeForFunctionCallInfo(given->nargs));
	argument_to_jsonb(fcinfo, ARG_TAGS, "tags");
	return fcinfo;
}

static Datum
put_text_body(FunctionCallInfo fcinfo)
{
	return put_varlena(with_tags(fcinfo), FORMAT_TEXT);
}

static Datum
put_bytes_body(FunctionCallInfo fcinfo)
{
	return put_varlena(with_tags(fcinfo), FORMAT_BYTES);
}

/* put for JSON that is not jsonb: the value is stored as it was written. */
static Datum
put_json_body(FunctionCallInfo fcinfo)
{
	return put_varlena(with_tags(fcinfo), FORMAT_JSON);
}

/* Take a jsonb value as PostgreSQL prints it. */
static void
take_jsonb(FunctionCallInfo fcinfo, int number, Write *write)
{
	Jsonb *json;
	char *text;

	write->given_format = FORMAT_JSON;
	if (PG_ARGISNULL(number))
		return;
	json = PG_GETARG_JSONB_P(number);
	text = JsonbToCString(NULL, &json->root, VARSIZE(json));
	write->given = text;
	write->given_size = strlen(text);
}

static Datum
put_jsonb_body(FunctionCallInfo fcinfo)
{
	Write write = {0};

	fcinfo = with_tags(fcinfo);
	take_jsonb(fcinfo, ARG_VALUE, &write);
	return put(fcinfo, &write);
}

void
secret_set_rotator(SecretRotator function)
{
	rotator = function;
}

/* Announce the new version of a secret; for what is rare, as outbox_announce(). */
static void
put_announce_rotated(const Write *write)
{
	static Sql sql = {"SELECT vault_data.announce($1, 'rotated', 'info', $2, $3::pg_catalog.jsonb)",
					  3,
					  {UUIDOID, UUIDOID, TEXTOID}};
	char *payload = psprintf("{\"version\": %d, \"operation\": \"rotate\"}", write->version);
	Datum values[3] = {UUIDPGetDatum(&call_required()->tenant), UUIDPGetDatum(&write->secret),
					   CStringGetTextDatum(payload)};

	sql_begin();
	(void) sql_run(&sql, values, NULL);
	sql_end();
}

/* Rotate as put_rotate() does without another rotator. */
static int
rotate_here(Write *write)
{
	write_store(write, MAY_ROTATE);
	put_announce_rotated(write);
	return write->version;
}

static void
put_take_value(FunctionCallInfo fcinfo, int number, uint8_t format, Write *write)
{
	text *value;

	write->given_format = format;
	if (PG_ARGISNULL(number))
		return;
	value = PG_GETARG_TEXT_PP(number);
	write->given = VARDATA_ANY(value);
	write->given_size = VARSIZE_ANY_EXHDR(value);
}

/* Retire the version that was current: it is refused from now on. */
static void
retire_previous(const Write *write)
{
	static Sql retire = {"SELECT vault_data.retire_previous($1)", 1, {UUIDOID}};
	Datum id = UUIDPGetDatum(&write->secret);

	sql_begin();
	(void) sql_run(&retire, &id, NULL);
	sql_end();
}

static bool
takes_now(FunctionCallInfo fcinfo, int number)
{
	if (PG_ARGISNULL(number))
		return false;
	if (strcmp(text_to_cstring(PG_GETARG_TEXT_PP(number)), "now") != 0)
		error_bad_argument("retire", "must be 'now'",
						   "Leave it out for an overlap, or say 'now' for a value that leaked.");
	return true;
}

/* rotate(name, new_value, environment, retire). The caller has taken the value already. */
static Datum
put_rotate(FunctionCallInfo fcinfo, Write *write)
{
	bool retire_now = takes_now(fcinfo, 3);
	int version;

	write->given_type = "generic";
	write->expires_at = DT_NOEND;
	write->expected = -1;
	write->must_exist = true;
	read_name(fcinfo, 2, write);
	write_require(write, MAY_ROTATE);
	if (!rotator(&write->name, write->given, write->given_size, write->given_format, retire_now,
				 &version))
	{
		version = rotate_here(write);
		if (retire_now)
			retire_previous(write);
	}
	if (version == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(version);
}

static Datum
put_rotate_body(FunctionCallInfo fcinfo)
{
	Write write = {0};

	put_take_value(fcinfo, 1, FORMAT_TEXT, &write);
	return put_rotate(fcinfo, &write);
}

static Datum
rotate_bytes_body(FunctionCallInfo fcinfo)
{
	Write write = {0};

	put_take_value(fcinfo, 1, FORMAT_BYTES, &write);
	return put_rotate(fcinfo, &write);
}

static Datum
rotate_json_body(FunctionCallInfo fcinfo)
{
	Write write = {0};

	put_take_value(fcinfo, 1, FORMAT_JSON, &write);
	return put_rotate(fcinfo, &write);
}

static Datum
rotate_jsonb_body(FunctionCallInfo fcinfo)
{
	Write write = {0};

	take_jsonb(fcinfo, 1, &write);
	return put_rotate(fcinfo, &write);
}

/* generate(type, length) */
static Datum
generate_body(FunctionCallInfo fcinfo)
{
	const char *name = PG_ARGISNULL(0) ? "password" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	int length = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	const TenantType *type = type_in_tenant(&call_required()->tenant, name);
	Write write = {0};
	text *result;

	if (length < 0 || length > 1024 || (length == 0 && !PG_ARGISNULL(1)))
		error_bad_argument("length", "must be between 1 and 1024", "Give a number of bytes.");
	value_check_begin(&write);
	write.value_check->generated = type_generate(type, length, &write.value_check->generated_size);
	type_require_value(type, write.value_check->generated, write.value_check->generated_size, false,
					   &write.value_check->facts);
	result =
		cstring_to_text_with_len(write.value_check->generated, write.value_check->generated_size);
	PG_RETURN_TEXT_P(secret_require_text(result));
}

PG_FUNCTION_INFO_V1(vault_put_text);
PG_FUNCTION_INFO_V1(vault_put_bytes);
PG_FUNCTION_INFO_V1(vault_put_json);
PG_FUNCTION_INFO_V1(vault_put_jsonb);
PG_FUNCTION_INFO_V1(vault_rotate);
PG_FUNCTION_INFO_V1(vault_rotate_bytes);
PG_FUNCTION_INFO_V1(vault_rotate_json);
PG_FUNCTION_INFO_V1(vault_rotate_jsonb);
PG_FUNCTION_INFO_V1(vault_retype);
PG_FUNCTION_INFO_V1(vault_rotate_plain);
PG_FUNCTION_INFO_V1(vault_generate);
PG_FUNCTION_INFO_V1(vault_check_tags);
PG_FUNCTION_INFO_V1(vault_secret_id);

Datum
vault_put_text(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, put_text_body);
}

Datum
vault_put_bytes(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, put_bytes_body);
}

Datum
vault_put_json(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, put_json_body);
}

Datum
vault_put_jsonb(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, put_jsonb_body);
}

Datum
vault_rotate(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, put_rotate_body);
}

Datum
vault_rotate_bytes(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, rotate_bytes_body);
}

Datum
vault_rotate_json(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, rotate_json_body);
}

Datum
vault_rotate_jsonb(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, rotate_jsonb_body);
}

static Datum
put_retype(FunctionCallInfo fcinfo)
{
	Write write = {.given_type = "generic",
				   .expires_at = DT_NOEND,
				   .expected = -1,
				   .must_exist = true,
				   .given_is_stored = true};
	SecretHead head;
	bytea *value;

	read_name(fcinfo, 1, &write);
	if (!secret_find(&call_required()->tenant, &write.name, &head))
		secret_refuse_absent(&write.name);
	secret_require_readable(&head);
	write.new_type = text_to_cstring(PG_GETARG_TEXT_PP(2));
	value = secret_open_version(&head, head.current, &write.given_format);
	write.given = VARDATA_ANY(value);
	write.given_size = VARSIZE_ANY_EXHDR(value);
	PG_RETURN_INT32(write_change_type(&write));
}

/* retype(name, environment, type): store the same value as a new version, inside a call. */
Datum
vault_retype(PG_FUNCTION_ARGS)
{
	(void) call_required();
	return secret_area_call(fcinfo, put_retype);
}

static Datum
rotate_plain(FunctionCallInfo fcinfo)
{
	Write write = {.given_format = FORMAT_TEXT,
				   .given_type = "generic",
				   .expires_at = DT_NOEND,
				   .expected = -1,
				   .must_exist = true};

	read_name(fcinfo, 1, &write);
	PG_RETURN_INT32(rotate_here(&write));
}

/* rotate_plain(name, environment): rotate inside a call, without another rotator. */
Datum
vault_rotate_plain(PG_FUNCTION_ARGS)
{
	(void) call_required();
	return secret_area_call(fcinfo, rotate_plain);
}

Datum
vault_generate(PG_FUNCTION_ARGS)
{
	secret_refuse_holdable_cursor();
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, generate_body);
}

/* check_tags(tags): raise 22023 unless the tags may be stored. */
Datum
vault_check_tags(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		error_bad_argument("tags", "must not be null", NULL);
	check_tags(PG_GETARG_JSONB_P(0));
	PG_RETURN_VOID();
}

/*
 * secret_id(name, environment): return the id in the call's tenant; NULL if the secret does not
 * exist.
 */
Datum
vault_secret_id(PG_FUNCTION_ARGS)
{
	SecretName name;
	SecretHead head;
	pg_uuid_t *id = palloc(sizeof(pg_uuid_t));

	secret_name_from(PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1), &name);
	if (!secret_find(&call_required()->tenant, &name, &head))
		PG_RETURN_NULL();
	*id = head.id;
	PG_RETURN_UUID_P(id);
}

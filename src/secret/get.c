/*
 * get.c
 *		Read one secret by name: get, get_bytes, get_json, get_field, conninfo, database_url.
 *
 * Secret and version are read under one fresh snapshot, in every isolation level. A deletion,
 * deactivation or rotation takes effect for the next call. read.c describes the moment at which
 * the value leaves.
 */
#include "platform/compat.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

#include "entry/entry.h"
#include "keyring/root_page.h"
#include "platform/arguments.h"
#include "platform/errors.h"
#include "policy/environment.h"
#include "policy/grants.h"
#include "policy/policy_arguments.h"
#include "secret/read.h"
#include "secret/secret_version.h"

#define MAX_FIELD 63

/* Read the head and the value of a secret by name. Version 0 is the current one. */
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
		value = secret_version_open_copy(&scan, head, format);
	scan_end(&scan);
	if (value == NULL)
		value =
			secret_version_read(head, version ? version : head->current, snapshot, false, format);
	UnregisterSnapshot(snapshot);
	return value;
}

/* Positions of the arguments of a read by name; -1 if the function does not have the argument. */
typedef struct ReadArguments
{
	int version;
	int environment;
	const char *field; /* name of the field; NULL for the whole value */
} ReadArguments;

/* Get the version argument; 0 for the current version. */
static int
wanted_version(FunctionCallInfo fcinfo, int number)
{
	if (number < 0 || PG_ARGISNULL(number))
		return 0;
	if (PG_GETARG_INT32(number) <= 0)
		error_bad_argument("version", "must be positive", "Versions start at 1.");
	return PG_GETARG_INT32(number);
}

/* Do the same for a head that was written since, or that does not hold the value. */
static void
require_head(TableScan *scan, const SecretName *name, const SecretHead *before, int version,
			 Snapshot snapshot)
{
	SecretHead head;

	secret_head_from(scan, &head);
	if (!uuid_equal(&head.id, &before->id))
		secret_refuse_absent(name);
	secret_require_readable(&head);
	if (version != head.current || !secret_version_has_copy(scan))
		secret_version_require(&head, version, snapshot);
}

/*
 * Raise an error unless the name still leads to the same secret and this version is readable now.
 */
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

/* Perform a read by name. The name is the first argument. */
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
		error_bad_argument("name", "must not be null", NULL);
	secret_name_from(PG_GETARG_TEXT_PP(0),
					 PG_ARGISNULL(environment) ? NULL : PG_GETARG_TEXT_PP(environment), &name);
	environment_require_declared(name.environment, name.environment_size);
	call_required()->version = wanted_version(fcinfo, arguments->version);
	policy_require(caller, &name, MAY_READ, &grant);

	value = read_value(&name, call_required()->version, &head, format);
	value = read_part_of(value, &head, arguments->field);
	version = call_required()->version ? call_required()->version : head.current;
	read_record(&name, &head, version, &grant, arguments->field);
	waited = read_await_records(epoch);
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

static void
require_text(bytea *value, uint8_t format)
{
	if (read_is_text(value, format))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_WRONG_FORM), errmsg("the value is binary"),
			 errhint("Read it with vault.get_bytes().")));
}

/* Parse the value without the parser's error message, which would show a part of it. */
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

/* Get the name of the field, which is shown in the trail. */
static char *
field_argument(FunctionCallInfo fcinfo)
{
	char *field = PG_ARGISNULL(1) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(1));

	if (*field == 0 || strlen(field) > MAX_FIELD)
		error_bad_argument("field", "must be 1 to 63 bytes long",
						   "vault.types shows the fields of each type.");
	for (const char *p = field; *p; p++)
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			error_bad_argument("field", "must not have control characters", NULL);
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

READ_FUNCTION(get_field)
READ_FUNCTION(conninfo)
READ_FUNCTION(database_url)
READ_FUNCTION(get)
READ_FUNCTION(get_bytes)
READ_FUNCTION(get_json)

/*
 * rotation.c
 *		Connects the state machine, which is SQL, to values: SQL knows version numbers only, and
 *		rotators open the versions here. Also the hook of rotate().
 */
#include "rotation/rotation.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "entry/entry.h"
#include "identity/identity.h"
#include "integrity/integrity.h"
#include "platform/errors.h"
#include "platform/lock.h"
#include "platform/secret_memory.h"
#include "platform/settings.h"
#include "platform/sql.h"
#include "policy/policy_arguments.h"
#include "rotation/rotator.h"
#include "tenant/tenant.h"
#include "type/registry.h"

/* The value that rotate() or complete_rotation() was given, while it runs. */
static struct
{
	const void *value; /* NULL if none */
	size_t size;
	uint8_t format;
} given;

static void
rotation_check(const Rotator *rotator, const Rotation *rotation)
{
	static const char *const none[] = {NULL};

	if (rotator->has_users)
		credential_require_type(rotation);
	if (rotator->check)
		rotator->check(rotation);
	else
		config_require_only(rotation, none);
}

/* Create a pending version from the given value, from the rotator's, or from a generated one. */
static int
rotation_create(const Rotator *rotator, const Rotation *rotation)
{
	const void *value = given.value;
	size_t size = given.size;
	uint8_t format = FORMAT_TEXT;
	bool is_stored = value == NULL && rotator->has_users;

	if (value == NULL && rotator->create)
		value = rotator->create(rotation, &size);
	if (value)
		(void) secret_open_version(&rotation->head, rotation->previous, &format);
	if (given.value && rotator->has_users)
	{
		(void) secret_require_text(cstring_to_text_with_len(value, size));
		credential_require_turn(rotation, value, size);
	}
	else if (given.value && given.format == FORMAT_BYTES)
		return secret_store_pending(&rotation->name, value, size, FORMAT_BYTES, false);
	if (format == FORMAT_JSON && !is_stored)
		(void) secret_parse_json(cstring_to_text_with_len(value, size));
	else if (format != FORMAT_JSON)
		format = FORMAT_TEXT;
	return secret_store_pending(&rotation->name, value, size, format, is_stored);
}

static void
rotation_act(void (*action)(const Rotation *), const Rotation *rotation)
{
	if (action)
		action(rotation);
}

static void
rotation_from(FunctionCallInfo fcinfo, Rotation *rotation)
{
	secret_name_from(PG_GETARG_TEXT_PP(3), PG_GETARG_TEXT_PP(4), &rotation->name);
	if (!secret_find(&call_required()->tenant, &rotation->name, &rotation->head))
		secret_refuse_absent(&rotation->name);
	rotation->config = PG_GETARG_JSONB_P(2);
	rotation->version = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT32(5);
	rotation->previous = PG_ARGISNULL(6) ? 0 : PG_GETARG_INT32(6);
}

PG_FUNCTION_INFO_V1(vault_rotator_act);
PG_FUNCTION_INFO_V1(vault_can_generate);
PG_FUNCTION_INFO_V1(vault_has_schedule);
PG_FUNCTION_INFO_V1(vault_complete_rotation);
PG_FUNCTION_INFO_V1(vault_complete_rotation_bytes);
PG_FUNCTION_INFO_V1(vault_complete_rotation_jsonb);
PG_FUNCTION_INFO_V1(vault_is_bound_elsewhere);
PG_FUNCTION_INFO_V1(vault_may_lend);
PG_FUNCTION_INFO_V1(vault_is_own_write);
PG_FUNCTION_INFO_V1(vault_refuse_transaction_block);
PG_FUNCTION_INFO_V1(vault_rotation_retry);
PG_FUNCTION_INFO_V1(vault_rotation_batch);
PG_FUNCTION_INFO_V1(vault_lock_rotated_users);

/* lock_rotated_users(): in the tenant of the call */
Datum
vault_lock_rotated_users(PG_FUNCTION_ARGS)
{
	lock_named(LOCK_ROTATED_USERS, &call_required()->tenant, UUID_LEN, ExclusiveLock);
	PG_RETURN_VOID();
}

static void
do_action(const char *action, const Rotator *rotator, Rotation *rotation)
{
	if (strcmp(action, "check") == 0)
		rotation_check(rotator, rotation);
	else if (strcmp(action, "create") == 0)
		rotation->version = rotation_create(rotator, rotation);
	else if (strcmp(action, "set") == 0)
		rotation_act(rotator->set, rotation);
	else if (strcmp(action, "test") == 0)
		rotation_act(rotator->test, rotation);
	else if (strcmp(action, "undo") == 0)
		rotation_act(rotator->undo, rotation);
	else if (strcmp(action, "retire") == 0)
		rotation_act(rotator->retire, rotation);
	else
		elog(ERROR, "no such action of a rotator");
}

/*
 * Replace a data error of the server: it could quote a part of the value, and is kept with the run.
 */
static void
refuse_data(MemoryContext area)
{
	int code = geterrcode();

	MemoryContextSwitchTo(area);
	if (ERRCODE_TO_CATEGORY(code) != ERRCODE_DATA_EXCEPTION || error_is_ours())
		return;
	secret_forget_error();
	ereport(ERROR,
			(errcode(code), errmsg("the value cannot be used for a rotation"),
			 errhint("Put one that its type takes.")));
}

static Datum
rotator_act(FunctionCallInfo fcinfo)
{
	MemoryContext area = CurrentMemoryContext;
	Rotation rotation;

	rotation_from(fcinfo, &rotation);
	PG_TRY();
	{
		do_action(text_to_cstring(PG_GETARG_TEXT_PP(0)),
				  rotator_require(text_to_cstring(PG_GETARG_TEXT_PP(1))), &rotation);
	}
	PG_CATCH();
	{
		refuse_data(area);
		PG_RE_THROW();
	}
	PG_END_TRY();
	PG_RETURN_INT32(rotation.version);
}

/*
 * rotator_act(action, rotator, config, name, environment, version, previous): returns the version
 */
Datum
vault_rotator_act(PG_FUNCTION_ARGS)
{
	(void) call_required();
	for (int i = 0; i < 5; i++)
		if (PG_ARGISNULL(i))
			error_bad_argument("rotation", "must not have null parts",
							   "Use the functions of schema vault.");
	return secret_area_call(fcinfo, rotator_act);
}

/* Run a statement that returns a version, while `given` holds the value. 0 stands for NULL. */
static int
with_value(Sql *sql, Datum *values, const void *value, size_t size, uint8_t format)
{
	int version = 0;
	bool isnull;

	given.value = value;
	given.size = size;
	given.format = format;
	PG_TRY();
	{
		Datum answer;

		sql_begin();
		(void) sql_run(sql, values, NULL);
		answer = sql_value(0, 1, &isnull);
		if (!isnull)
			version = DatumGetInt32(answer);
		sql_end();
	}
	PG_FINALLY();
	{
		given.value = NULL;
		given.size = 0;
	}
	PG_END_TRY();
	return version;
}

static bool
has_schedule(const SecretHead *head)
{
	Datum keys[2] = {UUIDPGetDatum(&head->tenant), UUIDPGetDatum(&head->id)};
	TableScan scan;
	bool found;

	scan_begin(&scan, TABLE_ROTATION_SCHEDULE, INDEX_ROTATION_SECRET, NULL, keys, 2);
	found = scan_next(&scan);
	scan_end(&scan);
	return found;
}

/* Lock the head row: serializes with set_rotation() and remove_rotation(). */
static void
lock_head(const SecretHead *head)
{
	static Sql lock = {
		"SELECT FROM vault_data.secret WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
		2,
		{UUIDOID, UUIDOID}};
	Datum values[2] = {UUIDPGetDatum(&head->tenant), UUIDPGetDatum(&head->id)};

	sql_begin();
	(void) sql_run(&lock, values, NULL);
	sql_end();
}

static bool
rotate_on_demand(const SecretName *name, const void *value, size_t size, uint8_t format,
				 bool retire_now, int *version)
{
	static Sql rotate = {"SELECT vault_data.rotate_on_demand($1, $2, $3, $4)",
						 4,
						 {TEXTOID, TEXTOID, BOOLOID, BOOLOID}};
	SecretHead head;
	Datum values[4];

	if (!secret_find(&call_required()->tenant, name, &head))
		return false;
	lock_head(&head);
	if (!has_schedule(&head))
		return false;
	/* The schedule and its runs could be what they are no longer. */
	error_if_old_snapshot("a secret with a rotation cannot be rotated");
	values[0] = PointerGetDatum(cstring_to_text_with_len(name->name, name->name_size));
	values[1] =
		PointerGetDatum(cstring_to_text_with_len(name->environment, name->environment_size));
	values[2] = BoolGetDatum(value != NULL);
	values[3] = BoolGetDatum(retire_now);
	*version = with_value(&rotate, values, value, size, format);
	return true;
}

/* has_schedule(secret): answers for now, in every isolation level */
Datum
vault_has_schedule(PG_FUNCTION_ARGS)
{
	SecretHead head = {.tenant = call_required()->tenant, .id = *PG_GETARG_UUID_P(0)};

	PG_RETURN_BOOL(has_schedule(&head));
}

/* can_generate(type) */
Datum
vault_can_generate(PG_FUNCTION_ARGS)
{
	const char *type = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_BOOL(type_can_generate(type_in_tenant(&call_required()->tenant, type)));
}

/* complete_rotation(rotation, value) */
static Datum
rotation_complete(FunctionCallInfo fcinfo, uint8_t format)
{
	static Sql statement = {"SELECT vault_data.complete_rotation($1)", 1, {UUIDOID}};
	Datum id = PG_GETARG_DATUM(0);
	text *value;

	if (PG_ARGISNULL(0))
		error_bad_argument("rotation", "must not be null", NULL);
	if (PG_ARGISNULL(1))
		error_bad_argument("value", "must not be null", "Give the new value.");
	value = PG_GETARG_TEXT_PP(1);
	PG_RETURN_INT32(
		with_value(&statement, &id, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), format));
}

static Datum
complete_body(FunctionCallInfo fcinfo)
{
	return rotation_complete(fcinfo, FORMAT_TEXT);
}

static Datum
complete_bytes_body(FunctionCallInfo fcinfo)
{
	return rotation_complete(fcinfo, FORMAT_BYTES);
}

/* Work on a copy of the call: a constant argument is the same for the next row. */
static Datum
complete_jsonb_body(FunctionCallInfo fcinfo)
{
	LOCAL_FCINFO(call, 2);

	InitFunctionCallInfoData(*call, fcinfo->flinfo, 2, fcinfo->fncollation, NULL, NULL);
	memcpy(call->args, fcinfo->args, 2 * sizeof(NullableDatum));
	if (!PG_ARGISNULL(1))
	{
		Jsonb *json = PG_GETARG_JSONB_P(1);

		call->args[1].value = CStringGetTextDatum(JsonbToCString(NULL, &json->root, VARSIZE(json)));
	}
	return complete_body(call);
}

Datum
vault_complete_rotation_bytes(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, complete_bytes_body);
}

Datum
vault_complete_rotation_jsonb(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, complete_jsonb_body);
}

Datum
vault_complete_rotation(PG_FUNCTION_ARGS)
{
	return entry_run_with_values(ENTRY_CLIENT, fcinfo, complete_body);
}

/* Return true if the role is reserved for other tenants, and not for this one. */
static bool
is_reserved_elsewhere(const char *role, const pg_uuid_t *tenant)
{
	Datum key = CStringGetTextDatum(role);
	bool elsewhere = false;
	bool here = false;
	TableScan scan;

	scan_begin(&scan, TABLE_ROLE_RESERVATION, INDEX_ROLE_RESERVATION, NULL, &key, 1);
	while (scan_next(&scan))
	{
		bool own = uuid_equal(DatumGetUUIDP(scan_get(&scan, 1, NULL)), tenant);

		here |= own;
		elsewhere |= !own;
	}
	scan_end(&scan);
	return elsewhere && !here;
}

/*
 * is_bound_elsewhere(role, tenant): true if another tenant has the role in any way: as a principal,
 * to show tokens, for rotation, or by reservation
 */
Datum
vault_is_bound_elsewhere(PG_FUNCTION_ARGS)
{
	Oid role = PG_GETARG_OID(0);
	pg_uuid_t *tenant = PG_GETARG_UUID_P(1);

	(void) call_required();
	PG_RETURN_BOOL(identity_serves_elsewhere(role, tenant) ||
				   is_reserved_elsewhere(GetUserNameFromId(role, false), tenant));
}

/* may_lend(role): true if the caller could grant the role to anybody with the server's own GRANT */
Datum
vault_may_lend(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(is_admin_of_role(call_required()->caller.role, PG_GETARG_OID(0)));
}

/* is_own_write(xmin): true if this transaction, or a subtransaction, has written the row */
Datum
vault_is_own_write(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(TransactionIdIsCurrentTransactionId(PG_GETARG_TRANSACTIONID(0)));
}

/*
 * Refuse a transaction block: a change at another server stays if the transaction is rolled back.
 */
Datum
vault_refuse_transaction_block(PG_FUNCTION_ARGS)
{
	if (IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("the target is another server, "
						"which cannot be changed inside a transaction block"),
				 errhint("Call it as a statement of its own.")));
	PG_RETURN_VOID();
}

Datum
vault_rotation_retry(PG_FUNCTION_ARGS)
{
	Interval *pause = palloc0(sizeof(Interval));

	pause->time = setting_rotation_retry * USECS_PER_SEC;
	PG_RETURN_INTERVAL_P(pause);
}

Datum
vault_rotation_batch(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(setting_rotation_batch);
}

void
rotation_init(void)
{
	secret_set_rotator(rotate_on_demand);
}

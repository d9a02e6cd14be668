/*
 * rotator_function.c
 *		Rotates with functions of the tenant's own.
 *
 * The configuration names functions for the steps create, set, test, undo and retire, each with the
 * arguments (name text, environment text, version integer, value text, previous_value text). They
 * run as their owner. It must be a role that the tenant's administrator has bound to a principal,
 * and not a superuser. They run as a security-restricted operation, so they leave nothing behind
 * that would run later as another role. They can neither call the vault nor read its views. Only
 * the SQLSTATE of an error is passed on, also of a cancellation: it could be made up by the
 * function. The trail records that a function got a value.
 */
#include "platform/as_role.h"
#include "platform/compat.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "audit/recorder.h"
#include "context/call.h"
#include "origin/origin.h"
#include "keyring/keyring.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/settings.h"
#include "platform/sql.h"
#include "rotation/rotator.h"
#include "tenant/tenant.h"

#define ARGUMENTS 5

typedef struct Step
{
	const char *name;
	Oid function;
	Oid schema;
	Oid owner;
	Oid result;
} Step;

static void
refuse_function(const char *fault)
{
	error_bad_argument(
		"config", psprintf("a function %s", fault),
		"Name functions with their schema, with the arguments (text, text, integer, text, text).");
}

/* Require an owner that is a principal of this tenant, by a binding in force. */
static void
require_owner(Oid owner)
{
	static Sql check = {"SELECT vault_data.require_authentic(b) FROM vault_data.principal_binding b"
						" WHERE b.tenant_id = vault.current_tenant_id() AND b.db_role = $1"
						" AND vault_data.is_live(b)",
						1,
						{OIDOID}};
	Datum value = ObjectIdGetDatum(owner);
	uint64 found;

	sql_begin();
	found = sql_run(&check, &value, NULL);
	sql_end();
	if (found == 0 || superuser_arg(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the owner of the rotator's function is not a principal of the tenant, "
						"or is a superuser"),
				 errhint("Bind the owner with vault.create_principal().")));
}

/* Look up a function by its exact arguments. The current user's privileges do not matter. */
static bool
rotator_function_look_up(const char *name, Step *step)
{
	static const Oid types[ARGUMENTS] = {TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID};
	List *names;
	HeapTuple tuple;
	Oid schema;
	bool strict;

	if (!SplitIdentifierString(pstrdup(name), '.', &names))
		refuse_function("has no valid name");
	if (list_length(names) != 2)
		refuse_function("is named without its schema");
	schema = get_namespace_oid(linitial(names), true);
	tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum(lsecond(names)),
							PointerGetDatum(buildoidvector(types, ARGUMENTS)),
							ObjectIdGetDatum(schema));
	if (!HeapTupleIsValid(tuple))
		return false;
	step->name = name;
	step->schema = schema;
	step->function = ((Form_pg_proc) GETSTRUCT(tuple))->oid;
	step->owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	step->result = ((Form_pg_proc) GETSTRUCT(tuple))->prorettype;
	if (((Form_pg_proc) GETSTRUCT(tuple))->prokind != PROKIND_FUNCTION ||
		((Form_pg_proc) GETSTRUCT(tuple))->proretset)
		step->result = InvalidOid;
	strict = ((Form_pg_proc) GETSTRUCT(tuple))->proisstrict;
	ReleaseSysCache(tuple);
	if (strict)
		refuse_function("is STRICT");
	return true;
}

/* Returns false if the configuration has no function for this step. */
static bool
find_step(const Rotation *rotation, const char *name, Oid result, Step *step)
{
	char *function = config_text(rotation, name);

	if (function == NULL)
		return false;
	if (!rotator_function_look_up(function, step))
		refuse_function("does not exist");
	if (step->result != result)
		refuse_function(result == TEXTOID       ? "for \"create\" does not return text"
							: result == BOOLOID ? "for \"test\" does not return boolean"
												: "does not return void");
	require_owner(step->owner);
	return true;
}

/* The caller needs EXECUTE on the function, which then runs with its owner's rights. */
static bool
check_step(const Rotation *rotation, const char *name, Oid result)
{
	Oid caller = call_required()->caller.role;
	Step step;

	if (!find_step(rotation, name, result, &step))
		return false;
	if (compat_schema_aclcheck(step.schema, caller) != ACLCHECK_OK ||
		compat_function_aclcheck(step.function, caller) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for the rotator's function \"%s\"", name),
				 errhint("Its owner grants EXECUTE on it and USAGE on its schema.")));
	return true;
}

static void
rotator_function_check(const Rotation *rotation)
{
	static const char *const members[] = {"create", "set", "test", "undo", "retire", NULL};

	config_require_only(rotation, members);
	(void) check_step(rotation, "create", TEXTOID);
	if (!check_step(rotation, "set", VOIDOID))
		error_bad_argument("config", "must name a function \"set\"",
						   "Give {\"set\": \"schema.function\"}.");
	(void) check_step(rotation, "test", BOOLOID);
	(void) check_step(rotation, "undo", VOIDOID);
	(void) check_step(rotation, "retire", VOIDOID);
}

/* Return the text of a version; null for version 0. */
static NullableDatum
value_of(const Rotation *rotation, int version)
{
	uint8_t format = FORMAT_TEXT;
	NullableDatum value = {.isnull = version == 0};
	bytea *stored;

	if (version == 0)
		return value;
	stored = secret_open_version(&rotation->head, version, &format);
	if (format == FORMAT_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_WRONG_FORM),
				 errmsg("the value cannot be rotated: it is binary"),
				 errhint("Functions take texts; put the value as text.")));
	value.value = PointerGetDatum(secret_require_text(stored));
	return value;
}

static void
record_handing_over(const Rotation *rotation, int version, const Step *step)
{
	const SecretName *name = &rotation->name;
	AuditRead release = {.secret = name->name,
						 .secret_size = name->name_size,
						 .environment = name->environment,
						 .environment_size = name->environment_size,
						 .id = &rotation->head.id,
						 .version = version,
						 .reason = psprintf("given to the function %s", step->name)};

	if (version != 0)
		audit_read(&release);
}

static Datum
rotator_function_text_of(const char *text, size_t size)
{
	return PointerGetDatum(cstring_to_text_with_len(text, size));
}

static void
fill_arguments(FunctionCallInfo call, const Rotation *rotation)
{
	const SecretName *name = &rotation->name;

	call->args[0].value = rotator_function_text_of(name->name, name->name_size);
	call->args[1].value = rotator_function_text_of(name->environment, name->environment_size);
	call->args[2].value = Int32GetDatum(rotation->version);
	call->args[2].isnull = rotation->version == 0;
	call->args[3] = value_of(rotation, rotation->version);
	call->args[4] = value_of(rotation, rotation->previous);
	call->args[0].isnull = call->args[1].isnull = false;
}

VAULT_NORETURN static void
refuse_error(int state)
{
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION),
			 errmsg("the rotator's function failed with SQLSTATE %s", unpack_sql_state(state)),
			 errhint("Call the function directly with a test value.")));
}

static TimeoutId limit;
static volatile sig_atomic_t limit_reached = false;

static void
reach_limit(void)
{
	limit_reached = true;
	InterruptPending = QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* Limit the time of a step, since a job has no statement_timeout. */
static void
begin_limit(void)
{
	static bool registered = false;

	if (!registered)
		limit = RegisterTimeout(USER_TIMEOUT, reach_limit);
	registered = true;
	limit_reached = false;
	/* Repeat the timeout: a function may catch the first cancellation. */
	enable_timeout_every(
		limit, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), setting_rotation_timeout), 1000);
}

/* End the limit. If it was reached, the pending cancellation is ours and has done its work. */
static void
end_limit(void)
{
	disable_timeout(limit, false);
	if (limit_reached)
		QueryCancelPending = false;
}

/*
 * Call the function as its owner. An error ends the transaction, and with it all changes of the
 * function.
 */
static Datum
call_as_owner(const Step *step, FunctionCallInfo call)
{
	MemoryContext context = CurrentMemoryContext;
	Datum result = (Datum) 0;
	AsRole before;
	int failure = 0;
	VaultCall *hidden;

	hidden = call_hide();
	as_role_begin(&before, step->owner, SECURITY_RESTRICTED_OPERATION);
	PG_TRY();
	{
		begin_limit();
		result = FunctionCallInvoke(call);
		end_limit();
	}
	PG_CATCH();
	{
		call_show(hidden);
		end_limit();
		MemoryContextSwitchTo(context);
		failure = geterrcode();
		secret_forget_error();
		refuse_error(failure);
	}
	PG_END_TRY();
	call_show(hidden);
	as_role_end(&before);
	return result;
}

/*
 * Check again after the record was written, because the vault may be sealed or the tenant suspended
 * by then. This step has locked the secret.
 */
static void
require_tenant_still(const pg_uuid_t *tenant)
{
	char name[64];
	TenantState state;

	keyring_require_unsealed();
	if (!tenant_describe(tenant, name, &state) || state != TENANT_ACTIVE)
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_NO_TENANT), errmsg("the tenant is suspended"),
				 errhint("An operator resumes it with vault.resume_tenant().")));
}

/* Returns false if there is no function for this step. */
static bool
call_step(const Rotation *rotation, const char *name, Oid type, NullableDatum *result)
{
	LOCAL_FCINFO(call, ARGUMENTS);
	FmgrInfo function;
	Step step;

	if (!find_step(rotation, name, type, &step))
		return false;
	origin_require();
	if (compat_function_aclcheck(step.function, step.owner) != ACLCHECK_OK)
		refuse_function("may not be executed by its owner");
	fmgr_info(step.function, &function);
	InitFunctionCallInfoData(*call, &function, ARGUMENTS, DEFAULT_COLLATION_OID, NULL, NULL);
	fill_arguments(call, rotation);
	record_handing_over(rotation, rotation->version, &step);
	record_handing_over(rotation, rotation->previous, &step);
	if (audit_await_reads())
		require_tenant_still(&rotation->head.tenant);
	result->value = call_as_owner(&step, call);
	result->isnull = call->isnull;
	return true;
}

static char *
rotator_function_create(const Rotation *rotation, size_t *size)
{
	NullableDatum result;
	text *value;

	if (!call_step(rotation, "create", TEXTOID, &result))
		return NULL;
	if (result.isnull)
		refuse_error(ERRCODE_NULL_VALUE_NOT_ALLOWED);
	value = DatumGetTextPP(result.value);
	*size = VARSIZE_ANY_EXHDR(value);
	return VARDATA_ANY(value);
}

static void
rotator_function_set(const Rotation *rotation)
{
	NullableDatum result;

	(void) call_step(rotation, "set", VOIDOID, &result);
}

static void
rotator_function_test(const Rotation *rotation)
{
	NullableDatum result;

	if (!call_step(rotation, "test", BOOLOID, &result))
		return;
	if (result.isnull || !DatumGetBool(result.value))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("the target does not accept the new value"),
				 errhint("The rotator's function \"test\" did not return true.")));
}

static void
rotator_function_undo(const Rotation *rotation)
{
	NullableDatum result;

	(void) call_step(rotation, "undo", VOIDOID, &result);
}

static void
rotator_function_retire(const Rotation *rotation)
{
	NullableDatum result;

	(void) call_step(rotation, "retire", VOIDOID, &result);
}

const Rotator function_rotator = {.name = "function",
								  .has_target = true,
								  .acts_outside = true,
								  .gets_values = true,
								  .check = rotator_function_check,
								  .create = rotator_function_create,
								  .set = rotator_function_set,
								  .test = rotator_function_test,
								  .undo = rotator_function_undo,
								  .retire = rotator_function_retire};

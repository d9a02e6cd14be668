/*
 * door.c
 *		Going in and out.
 */
#include "door/door.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "door/call.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/tables.h"
#include "redaction/redaction.h"

static Door *current = NULL;
static void (*require_unsealed) (void) = NULL;
static void (*identify) (Oid role, Caller *caller) = NULL;
static void (*admit) (const Caller *caller) = NULL;
static void (*denied) (const Door *door) = NULL;

static void
no_call(void)
{
}

static bool
no_pass(const Door *door)
{
	return false;
}

static void
no_failure(const Door *door, const ErrorData *error)
{
}

/* Loaded late, the module refuses every call, and nobody keeps a trail. */
static DoorRecorder recorder = {no_call, no_pass, no_failure};

Door *
door_current(void)
{
	return current;
}

Door *
door_required(void)
{
	if (current == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("internal function of vault called from outside"),
				 errhint("Use the functions of schema vault.")));
	return current;
}

PG_FUNCTION_INFO_V1(vault_is_inside);
PG_FUNCTION_INFO_V1(vault_is_inside_tenant);

Datum
vault_is_inside(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(current != NULL);
}

/* The zero id is that of the instance, while an operator has entered no tenant. */
Datum
vault_is_inside_tenant(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(current != NULL && !PG_ARGISNULL(0) &&
				   memcmp(PG_GETARG_UUID_P(0), &current->tenant, UUID_LEN) == 0);
}

Door *
door_hide(void)
{
	Door	   *hidden = current;

	current = NULL;
	return hidden;
}

void
door_show(Door *hidden)
{
	current = hidden;
}

void
door_set_seal_check(void (*check) (void))
{
	require_unsealed = check;
}

void
door_set_identify(void (*function) (Oid role, Caller *caller))
{
	identify = function;
}

void
door_set_limits(void (*admit_function) (const Caller *caller),
				void (*denied_function) (const Door *door))
{
	admit = admit_function;
	denied = denied_function;
}

void
door_set_recorder(const DoorRecorder *given)
{
	recorder = *given;
}

static bool
has_role(Oid role, const char *name)
{
	Oid			wanted = get_role_oid(name, true);

	return OidIsValid(wanted) && has_privs_of_role(role, wanted);
}

/* Of the role that was asked for last, until roles or memberships change. */
static struct
{
	bool		known;
	Oid			role;
	bool		is_operator;
	bool		is_overseer;
} oversight;
static uint64 oversight_changes = 0;

static void
forget_oversight(Datum arg, int cacheid, uint32 hashvalue)
{
	oversight.known = false;
	oversight_changes++;
}

/* If looking up makes what was found stale, it is not kept. */
static void
learn_oversight(Oid role)
{
	static bool listens = false;
	uint64		before = oversight_changes;
	bool		is_operator;
	bool		is_overseer;

	if (oversight.known && oversight.role == role)
		return;
	if (!listens)
	{
		CacheRegisterSyscacheCallback(AUTHOID, forget_oversight, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, forget_oversight, (Datum) 0);
		listens = true;
	}
	is_operator = has_role(role, "vault_admin");
	is_overseer = is_operator || has_role(role, "vault_auditor");
	oversight.role = role;
	oversight.is_operator = is_operator;
	oversight.is_overseer = is_overseer;
	oversight.known = before == oversight_changes;
}

bool
role_is_operator(Oid role)
{
	learn_oversight(role);
	return oversight.is_operator;
}

bool
role_is_overseer(Oid role)
{
	learn_oversight(role);
	return oversight.is_overseer;
}

static void
check_surroundings(DoorKind kind)
{
	if (IsParallelWorker())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("vault cannot be used in a parallel worker")));
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("vault cannot be used inside a security-restricted operation"),
				 errhint("Index expressions, materialized views and autovacuum cannot use secrets.")));
	if (kind != DOOR_ANYONE && RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("vault cannot be used on a standby server"),
				 errhint("Connect to the primary server.")));
}

static void
refuse_unidentified(const Caller *caller)
{
	if (caller->candidates > 1)
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_NO_TENANT),
				 errmsg("the current role belongs to several tenants"),
				 errhint("SET vault.tenant to the name of one of them.")));
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_NO_TENANT),
			 errmsg("the current role is not a principal of any tenant"),
			 errhint("A tenant's administrator binds the role with vault.create_principal().")));
}

static void
refuse_suspended(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_NO_TENANT),
			 errmsg("the tenant is suspended"),
			 errhint("An operator resumes it with vault.resume_tenant().")));
}

static void
refuse_non_operator(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied: this is for vault operators"),
			 errhint("Operators are members of the role vault_admin.")));
}

/*
 * Operators' work must see what others committed: checks under an old snapshot
 * would pass that no longer hold.
 */
static void
refuse_old_snapshot(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("this function cannot run in REPEATABLE READ or SERIALIZABLE"),
				 errhint("Call it in a transaction of READ COMMITTED.")));
}

static void
check_caller(DoorKind kind, const Caller *caller)
{
	bool		needs_client = kind == DOOR_CLIENT ||
		(kind == DOOR_CLIENT_OR_OPERATOR && !caller->is_operator);

	if ((kind == DOOR_OPERATOR || kind == DOOR_KEY_HOLDER) && !caller->is_operator)
		refuse_non_operator();
	if (caller->is_operator && (kind == DOOR_OPERATOR || kind == DOOR_CLIENT_OR_OPERATOR))
		refuse_old_snapshot();
	if (needs_client && !caller->is_identified)
		refuse_unidentified(caller);
	if (needs_client && caller->is_suspended)
		refuse_suspended();
	if (needs_client && admit)
		admit(caller);
}

static void
door_close(Door *door)
{
	if (current != door)
		return;
	current = door->outer;
	if (door->settings_level == 0)
		return;
	SetUserIdAndSecContext(door->saved_user, door->saved_security);
	AtEOXact_GUC(false, door->settings_level);
}

/* Closes the door after an error and records it; what it returns is to be raised. */
static ErrorData *
door_fail(Door *door, MemoryContext context)
{
	ErrorData  *error;

	door_close(door);
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	door->hides = call_hide_arguments(door, error);
	recorder.failed(door, error);
	if (denied && door->caller.is_identified &&
		error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
		denied(door);
	return error;
}

/* A view opens no door: that a token was refused, or a row was changed, is told here. */
static void
identify_viewer(Caller *caller)
{
	MemoryContext context = CurrentMemoryContext;

	recorder.begins();
	PG_TRY();
	{
		identify(caller->role, caller);
	}
	PG_CATCH();
	{
		Door		door = {.kind = DOOR_VIEW,.operation = "view",.caller = *caller};

		(void) door_fail(&door, context);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

void
door_check(DoorKind kind, Caller *caller)
{
	require_running_vault();
	redaction_session_holds_secrets();
	check_surroundings(kind);
	AcceptInvalidationMessages();
	if (kind != DOOR_ANYONE && kind != DOOR_KEY_HOLDER)
		require_unsealed();

	memset(caller, 0, sizeof(Caller));
	caller->role = GetUserId();
	if (kind != DOOR_CLIENT)
		caller->is_operator = role_is_operator(caller->role);
	if (kind == DOOR_VIEW)
		identify_viewer(caller);
	else if (kind != DOOR_KEY_HOLDER)
		identify(caller->role, caller);
	check_caller(kind, caller);
}

/* A token that was revoked, a binding that went, a tenant that was suspended, a seal. */
static void
check_again(Door *door)
{
	Caller		caller;

	door_check(door->kind, &caller);
	if (door->caller.is_identified &&
		(!caller.is_identified || !uuid_equal(&caller.tenant, &door->caller.tenant) ||
		 !uuid_equal(&caller.principal, &door->caller.principal)))
		refuse_unidentified(&caller);
	/* What decides is then judged with the roles that the token gives now. */
	door->caller.token_role_count = caller.token_role_count;
	memcpy(door->caller.token_roles, caller.token_roles, sizeof(caller.token_roles));
}

void
door_check_again(void)
{
	check_again(door_required());
}

/*
 * What only looked has waited for its record after the door was closed.  Whoever works while the
 * vault is sealed has perhaps just sealed it.
 */
static void
check_after_wait(Door *door, MemoryContext context)
{
	if (door->records > 0 || door->kind == DOOR_ANYONE || door->kind == DOOR_KEY_HOLDER)
		return;
	PG_TRY();
	{
		check_again(door);
	}
	PG_CATCH();
	{
		ErrorData  *error = door_fail(door, context);

		FlushErrorState();
		ThrowErrorData(error);
	}
	PG_END_TRY();
}

static void
pin_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/* What an operator waits at most for a lock: anybody can leave a transaction open. */
#define OPERATOR_PATIENCE_MS 10000

static void
limit_patience(const Door *door)
{
	if (door->kind == DOOR_CLIENT || door->caller.is_identified)
		return;
	if (LockTimeout == 0 || LockTimeout > OPERATOR_PATIENCE_MS)
		pin_setting("lock_timeout", CppAsString2(OPERATOR_PATIENCE_MS));
}

static void
pin_settings(void)
{
	pin_setting("search_path", "pg_catalog, pg_temp");
	/* What the trail and errors show must not depend on the caller's taste. */
	if (DateStyle != USE_ISO_DATES)
		pin_setting("DateStyle", "ISO");
	if (IntervalStyle != INTSTYLE_POSTGRES)
		pin_setting("IntervalStyle", "postgres");
	if (strcmp(pg_get_timezone_name(session_timezone), "UTC") != 0)
		pin_setting("TimeZone", "UTC");
	if (!row_security)
		pin_setting("row_security", "on");
}

/* The caller's own tenant, if it may work in it. */
static void
take_tenant(Door *door)
{
	if (!door->caller.is_identified || door->caller.is_suspended)
		return;
	door->has_tenant = true;
	door->tenant = door->caller.tenant;
	strlcpy(door->tenant_name, door->caller.tenant_name, sizeof(door->tenant_name));
}

static void
door_open(Door *door)
{
	door_check(door->kind, &door->caller);
	take_tenant(door);
	GetUserIdAndSecContext(&door->saved_user, &door->saved_security);
	door->settings_level = NewGUCNestLevel();
	pin_settings();
	limit_patience(door);
	SetUserIdAndSecContext(get_role_oid("vault_exec", false),
						   door->saved_security | SECURITY_LOCAL_USERID_CHANGE);
	door->outer = current;
	current = door;
}

static void
explain(ErrorData *error, char *message, char *hint)
{
	error->message = message;
	error->hint = hint;
	error->detail = NULL;
	error->domain = TEXTDOMAIN;
}

/* What the server says of statements inside means nothing to who called the function. */
static void
explain_from_inside(const Door *door, ErrorData *error)
{
	if (error->domain && strcmp(error->domain, TEXTDOMAIN) == 0)
		return;
	if (error->sqlerrcode == ERRCODE_READ_ONLY_SQL_TRANSACTION)
		explain(error, psprintf("cannot execute %s in a read-only transaction", door->operation),
				"Call it in a transaction that is READ WRITE; reads of secrets work in both.");
	else if (error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION && error->constraint_name)
		explain(error, "what is to be made exists already, or somebody else is making it",
				"Try again; the views of schema vault show what there is.");
}

/*
 * Passes an error on without what the inside added to it: the context names
 * internal functions, the detail of a constraint internal columns.
 */
static void
rethrow_from_inside(const Door *door, ErrorData *error)
{
	FlushErrorState();
	explain_from_inside(door, error);
	error->context = NULL;
	error->internalquery = NULL;
	error->internalpos = 0;
	redaction_vouch(error);
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		error->detail = NULL;
	ThrowErrorData(error);
}

/* Closes the door after an error, and whatever the call has made of values is overwritten. */
static ErrorData *
fail_and_forget(Door *door, MemoryContext context, SecretArea *area)
{
	ErrorData  *error = door_fail(door, context);

	secret_area_end(area);
	return error;
}

/* What is returned is copied out of the area, which ends. */
static Datum
leave_area(const Door *door, SecretArea *area, MemoryContext context, Datum result)
{
	MemoryContextSwitchTo(context);
	if (!door->call->isnull && result != (Datum) 0 && !door->by_value)
		result = datumCopy(result, false, -1);
	secret_area_end(area);
	return result;
}

static Datum
run(DoorKind kind, FunctionCallInfo fcinfo, DoorBody body, bool holds_values)
{
	MemoryContext context = CurrentMemoryContext;
	SecretArea *volatile area = NULL;
	Datum		result = (Datum) 0;
	Door		door = {.kind = kind};

	call_note(&door, fcinfo);
	recorder.begins();
	PG_TRY();
	{
		door_open(&door);
		if (holds_values)
		{
			area = secret_area_new(context);
			MemoryContextSwitchTo(area->memory);
		}
		result = body(fcinfo);
		if (holds_values)
			result = leave_area(&door, area, context, result);
	}
	PG_CATCH();
	{
		rethrow_from_inside(&door, fail_and_forget(&door, context, area));
	}
	PG_END_TRY();
	door_close(&door);
	if (recorder.passed(&door))
		check_after_wait(&door, context);
	return result;
}

Datum
door_run(DoorKind kind, FunctionCallInfo fcinfo, DoorBody body)
{
	return run(kind, fcinfo, body, false);
}

Datum
door_run_with_values(DoorKind kind, FunctionCallInfo fcinfo, DoorBody body)
{
	return run(kind, fcinfo, body, true);
}

Datum
door_read(FunctionCallInfo fcinfo, DoorBody body)
{
	MemoryContext context = CurrentMemoryContext;
	SecretArea *volatile area = NULL;
	Datum		result = (Datum) 0;
	Door		door = {.kind = DOOR_CLIENT};

	call_note(&door, fcinfo);
	recorder.begins();
	PG_TRY();
	{
		door_check(DOOR_CLIENT, &door.caller);
		take_tenant(&door);
		door.outer = current;
		current = &door;
		area = secret_area_new(context);
		MemoryContextSwitchTo(area->memory);
		result = body(fcinfo);
		result = leave_area(&door, area, context, result);
	}
	PG_CATCH();
	{
		ErrorData  *error = fail_and_forget(&door, context, area);

		if (!door.hides)
			PG_RE_THROW();
		FlushErrorState();
		ThrowErrorData(error);
	}
	PG_END_TRY();
	door_close(&door);
	return result;
}

void
door_enter_tenant(const pg_uuid_t *tenant, const char *name)
{
	Door	   *door = door_required();

	door->has_tenant = true;
	door->tenant = *tenant;
	strlcpy(door->tenant_name, name, sizeof(door->tenant_name));
}

/*
 * entry.c
 *		The checks on the way in, the change of user, and the ways out.
 *
 * The state of a call is a local variable of the function that runs its body; context/call.c points
 * to the innermost one.  An error leaves through entry_fail(), which closes the entry before it
 * records the error.
 */
#include "entry/entry.h"

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

#include "audit/recorder.h"
#include "context/operators.h"
#include "entry/request.h"
#include "identity/identity.h"
#include "keyring/keyring.h"
#include "platform/as_role.h"
#include "platform/errors.h"
#include "platform/secret_memory.h"
#include "platform/tables.h"
#include "redaction/log.h"
#include "redaction/redaction.h"
#include "throttle/denials.h"
#include "token/token.h"

static void
check_surroundings(EntryKind kind)
{
	if (IsParallelWorker())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("vault cannot be used in a parallel worker")));
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("vault cannot be used inside a security-restricted operation"),
				 errhint(
					 "Index expressions, materialized views and autovacuum cannot use secrets.")));
	if (kind != ENTRY_ANYONE && RecoveryInProgress())
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
			(errcode(ERRCODE_VAULT_NO_TENANT), errmsg("the tenant is suspended"),
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

static void
check_caller(EntryKind kind, const Caller *caller)
{
	bool needs_client =
		kind == ENTRY_CLIENT || (kind == ENTRY_CLIENT_OR_OPERATOR && !caller->is_operator);

	if ((kind == ENTRY_OPERATOR || kind == ENTRY_KEY_HOLDER) && !caller->is_operator)
		refuse_non_operator();
	/* Checks of operators' work must see what other sessions have committed. */
	if (caller->is_operator && (kind == ENTRY_OPERATOR || kind == ENTRY_CLIENT_OR_OPERATOR))
		error_if_old_snapshot("this function cannot run");
	if (needs_client && !caller->is_identified)
		refuse_unidentified(caller);
	if (needs_client && caller->is_suspended)
		refuse_suspended();
	if (needs_client)
		denials_admit(caller);
}

/* Undo what entry_open() did; does nothing for a call that was not opened. */
static void
entry_close(VaultCall *call)
{
	if (!call_pop(call) || call->outside.level == 0)
		return;
	as_role_end(&call->outside);
}

/*
 * Close the entry after an error, and record the error.  Returns a copy in the given context, for
 * the caller to raise; arguments that are no names are replaced in it.
 */
static ErrorData *
entry_fail(VaultCall *call, MemoryContext context)
{
	ErrorData *error;

	entry_close(call);
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	call->hides = request_hide_arguments(call, error);
	recorder_failed(call, error);
	if (call->caller.is_identified && error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
		denials_count(call);
	return error;
}

/* A verified token goes before the bindings of the role. */
static void
identify(Caller *caller)
{
	if (!token_identify(caller))
		identity_resolve(caller);
}

/* Identify the caller of a view, and record an error: a refused token, or a changed row. */
static void
identify_viewer(Caller *caller)
{
	MemoryContext context = CurrentMemoryContext;

	recorder_begin();
	PG_TRY();
	{
		identify(caller);
	}
	PG_CATCH();
	{
		VaultCall call = {.kind = ENTRY_VIEW, .operation = "view", .caller = *caller};

		(void) entry_fail(&call, context);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

void
entry_check(EntryKind kind, Caller *caller)
{
	require_running_vault();
	redaction_session_holds_secrets();
	check_surroundings(kind);
	AcceptInvalidationMessages();
	if (kind != ENTRY_ANYONE && kind != ENTRY_KEY_HOLDER)
		keyring_require_unsealed();

	memset(caller, 0, sizeof(Caller));
	caller->role = GetUserId();
	if (kind != ENTRY_CLIENT)
		caller->is_operator = role_is_operator(caller->role);
	if (kind == ENTRY_VIEW)
		identify_viewer(caller);
	else if (kind != ENTRY_KEY_HOLDER)
		identify(caller);
	check_caller(kind, caller);
}

/*
 * Check again after a wait: a token may be revoked, a binding gone, a tenant suspended, the vault
 * sealed.
 */
static void
entry_check_caller_again(VaultCall *call)
{
	Caller caller;

	entry_check(call->kind, &caller);
	if (call->caller.is_identified &&
		(!caller.is_identified || !uuid_equal(&caller.tenant, &call->caller.tenant) ||
		 !uuid_equal(&caller.principal, &call->caller.principal)))
		refuse_unidentified(&caller);
	/* Decide from now on with the roles that the token gives now. */
	call->caller.token_role_count = caller.token_role_count;
	memcpy(call->caller.token_roles, caller.token_roles, sizeof(caller.token_roles));
}

void
entry_check_again(void)
{
	entry_check_caller_again(call_required());
}

/*
 * Check again a call that made no records inside, and has waited for its one record after the entry
 * was closed.  Functions that work while the vault is sealed are exempt: the call may have been the
 * one that sealed it.
 */
static void
check_after_wait(VaultCall *call, MemoryContext context)
{
	if (call->records > 0 || call->kind == ENTRY_ANYONE || call->kind == ENTRY_KEY_HOLDER)
		return;
	PG_TRY();
	{
		entry_check_caller_again(call);
	}
	PG_CATCH();
	{
		ErrorData *error = entry_fail(call, context);

		FlushErrorState();
		ThrowErrorData(error);
	}
	PG_END_TRY();
}

/* The longest wait of an operator for a lock. */
#define OPERATOR_PATIENCE_MS 10000

/* Limit the waits of operators: any role can leave a transaction open. */
static void
limit_lock_wait(const VaultCall *call)
{
	if (call->kind == ENTRY_CLIENT || call->caller.is_identified)
		return;
	if (LockTimeout == 0 || LockTimeout > OPERATOR_PATIENCE_MS)
		as_role_set("lock_timeout", CppAsString2(OPERATOR_PATIENCE_MS));
}

static void
pin_settings(void)
{
	/* The text of the audit trail and of errors must not depend on the caller's settings. */
	if (DateStyle != USE_ISO_DATES)
		as_role_set("DateStyle", "ISO");
	if (IntervalStyle != INTSTYLE_POSTGRES)
		as_role_set("IntervalStyle", "postgres");
	if (strcmp(pg_get_timezone_name(session_timezone), "UTC") != 0)
		as_role_set("TimeZone", "UTC");
	if (!row_security)
		as_role_set("row_security", "on");
}

/* Set the tenant of the call to the caller's own, if that is active. */
static void
entry_take_tenant(VaultCall *call)
{
	if (!call->caller.is_identified || call->caller.is_suspended)
		return;
	call->has_tenant = true;
	call->tenant = call->caller.tenant;
	strlcpy(call->tenant_name, call->caller.tenant_name, sizeof(call->tenant_name));
}

static void
entry_open(VaultCall *call)
{
	entry_check(call->kind, &call->caller);
	entry_take_tenant(call);
	as_role_begin(&call->outside, get_role_oid("vault_exec", false), 0);
	pin_settings();
	limit_lock_wait(call);
	call_push(call);
}

static void
entry_explain(ErrorData *error, char *message, char *hint)
{
	error->message = message;
	error->hint = hint;
	error->detail = NULL;
	error->domain = TEXTDOMAIN;
}

/* Replace messages of the server about statements inside: the caller does not know these. */
static void
explain_from_inside(const VaultCall *call, ErrorData *error)
{
	if (error->domain && strcmp(error->domain, TEXTDOMAIN) == 0)
		return;
	if (error->sqlerrcode == ERRCODE_READ_ONLY_SQL_TRANSACTION)
		entry_explain(
			error, psprintf("cannot execute %s in a read-only transaction", call->operation),
			"Call it in a transaction that is READ WRITE; reads of secrets work in both.");
	else if (error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION && error->constraint_name)
		entry_explain(error, "the object already exists, or another session is creating it",
					  "Try again; the views of schema vault show what there is.");
}

/*
 * Raise the error without what the inside added to it: the context names internal functions, and
 * the detail of a constraint names internal columns.
 */
static void
rethrow_from_inside(const VaultCall *call, ErrorData *error)
{
	FlushErrorState();
	explain_from_inside(call, error);
	error->context = NULL;
	error->internalquery = NULL;
	error->internalpos = 0;
	log_mark_own(error);
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		error->detail = NULL;
	ThrowErrorData(error);
}

/* Close the entry after an error, and overwrite the values in the area, which may be NULL. */
static ErrorData *
fail_and_forget(VaultCall *call, MemoryContext context, SecretArea *area)
{
	ErrorData *error = entry_fail(call, context);

	secret_area_end(area);
	return error;
}

/* Copy the result out of the area, and end the area. */
static Datum
leave_area(const VaultCall *call, SecretArea *area, MemoryContext context, Datum result)
{
	MemoryContextSwitchTo(context);
	if (!call->fcinfo->isnull && result != (Datum) 0 && !call->by_value)
		result = datumCopy(result, false, -1);
	secret_area_end(area);
	return result;
}

static Datum
entry_run_kind(EntryKind kind, FunctionCallInfo fcinfo, EntryBody body, bool holds_values)
{
	MemoryContext context = CurrentMemoryContext;
	SecretArea *volatile area = NULL;
	Datum result = (Datum) 0;
	VaultCall call = {.kind = kind};

	request_fill(&call, fcinfo);
	recorder_begin();
	PG_TRY();
	{
		entry_open(&call);
		if (holds_values)
		{
			area = secret_area_new(context);
			MemoryContextSwitchTo(area->memory);
		}
		result = body(fcinfo);
		if (holds_values)
			result = leave_area(&call, area, context, result);
	}
	PG_CATCH();
	{
		rethrow_from_inside(&call, fail_and_forget(&call, context, area));
	}
	PG_END_TRY();
	entry_close(&call);
	if (recorder_passed(&call))
		check_after_wait(&call, context);
	return result;
}

Datum
entry_run(EntryKind kind, FunctionCallInfo fcinfo, EntryBody body)
{
	return entry_run_kind(kind, fcinfo, body, false);
}

Datum
entry_run_with_values(EntryKind kind, FunctionCallInfo fcinfo, EntryBody body)
{
	return entry_run_kind(kind, fcinfo, body, true);
}

Datum
entry_read(FunctionCallInfo fcinfo, EntryBody body)
{
	MemoryContext context = CurrentMemoryContext;
	SecretArea *volatile area = NULL;
	Datum result = (Datum) 0;
	VaultCall call = {.kind = ENTRY_CLIENT};

	request_fill(&call, fcinfo);
	recorder_begin();
	PG_TRY();
	{
		entry_check(ENTRY_CLIENT, &call.caller);
		entry_take_tenant(&call);
		call_push(&call);
		area = secret_area_new(context);
		MemoryContextSwitchTo(area->memory);
		result = body(fcinfo);
		result = leave_area(&call, area, context, result);
	}
	PG_CATCH();
	{
		ErrorData *error = fail_and_forget(&call, context, area);

		if (!call.hides)
			PG_RE_THROW();
		FlushErrorState();
		ThrowErrorData(error);
	}
	PG_END_TRY();
	entry_close(&call);
	return result;
}

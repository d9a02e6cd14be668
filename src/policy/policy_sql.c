/*
 * policy_sql.c
 *		SQL functions about policy: rows that views show, administrators, environments.
 */
#include "policy/policy.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "context/operators.h"
#include "entry/entry.h"
#include "platform/errors.h"
#include "platform/tables.h"
#include "policy/administrators.h"
#include "policy/delegation.h"
#include "policy/environment.h"

PG_FUNCTION_INFO_V1(vault_sees_secret);
PG_FUNCTION_INFO_V1(vault_sees_policy);
PG_FUNCTION_INFO_V1(vault_administers);
PG_FUNCTION_INFO_V1(vault_may_administer);
PG_FUNCTION_INFO_V1(vault_reaches_administrator);
PG_FUNCTION_INFO_V1(vault_administrators);
PG_FUNCTION_INFO_V1(vault_check_environment);

/* Find the caller of a view, inside of a call or outside; true if it sees all tenants. */
static bool
view_caller(Caller *caller)
{
	VaultCall *call = call_current();

	if (call)
		*caller = call->caller;
	else
		entry_check(ENTRY_VIEW, caller);
	return role_sees_all_tenants(caller->role);
}

/* sees_secret(tenant, name, environment): for rows of views about secrets. */
Datum
vault_sees_secret(PG_FUNCTION_ARGS)
{
	Caller caller;
	SecretName secret;

	if (view_caller(&caller))
		PG_RETURN_BOOL(true);
	if (!caller.is_identified || caller.is_suspended || PG_ARGISNULL(0) ||
		!uuid_equal(&caller.tenant, PG_GETARG_UUID_P(0)))
		PG_RETURN_BOOL(false);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_BOOL(policy_is_administrator(&caller));
	secret_name_from(PG_GETARG_TEXT_PP(1), PG_GETARG_TEXT_PP(2), &secret);
	PG_RETURN_BOOL((policy_permissions(&caller, &secret, 0, NULL) & MAY_LIST) != 0);
}

/*
 * sees_policy(tenant, principal): for rows of views about principals and grants, and rows of the
 * audit trail.  A principal sees its own and those of its roles; administrators and auditors of the
 * tenant see all of them.
 */
Datum
vault_sees_policy(PG_FUNCTION_ARGS)
{
	Caller caller;

	if (view_caller(&caller))
		PG_RETURN_BOOL(true);
	if (!caller.is_identified || caller.is_suspended || PG_ARGISNULL(0) ||
		!uuid_equal(&caller.tenant, PG_GETARG_UUID_P(0)))
		PG_RETURN_BOOL(false);
	if (!PG_ARGISNULL(1) && policy_has_role(&caller, PG_GETARG_UUID_P(1)))
		PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(policy_is_auditor(&caller) || policy_is_administrator(&caller));
}

/* administers(principal): return true for an administrator of the call's tenant. */
Datum
vault_administers(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(administrators_include(&call_required()->tenant, PG_GETARG_UUID_P(0), NULL));
}

/* may_administer(principal): do the same without regard to denials. */
Datum
vault_may_administer(PG_FUNCTION_ARGS)
{
	bool may;

	(void) administrators_include(&call_required()->tenant, PG_GETARG_UUID_P(0), &may);
	PG_RETURN_BOOL(may);
}

/* reaches_administrator(subject): return true if it, or a member of it, may administer. */
Datum
vault_reaches_administrator(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	PG_RETURN_BOOL(administrators_reached(&call->tenant, PG_GETARG_UUID_P(0)));
}

/* administrators(for_good): return those of the call's tenant whose database roles exist. */
Datum
vault_administrators(PG_FUNCTION_ARGS)
{
	return administrators_list(&call_required()->tenant, PG_GETARG_BOOL(0));
}

/* check_environment(given): return it, or raise 22023 if a call may not name it. */
Datum
vault_check_environment(PG_FUNCTION_ARGS)
{
	text *given;

	if (PG_ARGISNULL(0))
		error_bad_argument("environment", "it is null", NULL);
	given = PG_GETARG_TEXT_PP(0);
	environment_require_form("environment", VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	environment_require_declared(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	PG_RETURN_TEXT_P(given);
}

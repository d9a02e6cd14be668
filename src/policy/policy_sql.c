/*
 * policy_sql.c
 *		SQL functions that views ask: may the caller see this row?
 */
#include "policy/policy.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "context/operators.h"
#include "entry/entry.h"
#include "platform/tables.h"
#include "policy/delegation.h"

PG_FUNCTION_INFO_V1(vault_sees_secret);
PG_FUNCTION_INFO_V1(vault_sees_policy);

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

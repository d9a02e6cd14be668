/*
 * policy_sql.c
 *		The SQL functions of policy.
 */
#include "policy/policy.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

#include "context/operators.h"
#include "entry/entry.h"
#include "platform/errors.h"
#include "platform/settings.h"
#include "platform/tables.h"
#include "policy/administrators.h"
#include "policy/delegation.h"
#include "policy/environment.h"
#include "policy/grants.h"
#include "policy/name.h"
#include "policy/policy_arguments.h"

PG_FUNCTION_INFO_V1(vault_sees_secret);
PG_FUNCTION_INFO_V1(vault_sees_policy);
PG_FUNCTION_INFO_V1(vault_administers);
PG_FUNCTION_INFO_V1(vault_may_administer);
PG_FUNCTION_INFO_V1(vault_reaches_administrator);
PG_FUNCTION_INFO_V1(vault_administrators);
PG_FUNCTION_INFO_V1(vault_check_environment);
PG_FUNCTION_INFO_V1(vault_all_permissions);
PG_FUNCTION_INFO_V1(vault_may_delegate);
PG_FUNCTION_INFO_V1(vault_may_change_member);
PG_FUNCTION_INFO_V1(vault_check_membership);
PG_FUNCTION_INFO_V1(vault_holds_nothing);
PG_FUNCTION_INFO_V1(vault_holds_denial);
PG_FUNCTION_INFO_V1(vault_require);
PG_FUNCTION_INFO_V1(vault_require_administrator);
PG_FUNCTION_INFO_V1(vault_is_administrator);
PG_FUNCTION_INFO_V1(vault_is_auditor);
PG_FUNCTION_INFO_V1(vault_permitted);
PG_FUNCTION_INFO_V1(vault_name_matches);
PG_FUNCTION_INFO_V1(vault_check_identifier);
PG_FUNCTION_INFO_V1(vault_check_name);
PG_FUNCTION_INFO_V1(vault_check_pattern);
PG_FUNCTION_INFO_V1(vault_check_permissions);
PG_FUNCTION_INFO_V1(vault_check_addresses);
PG_FUNCTION_INFO_V1(vault_check_windows);
PG_FUNCTION_INFO_V1(vault_check_services);
PG_FUNCTION_INFO_V1(vault_environment);

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
		error_bad_argument("environment", "must not be null", NULL);
	given = PG_GETARG_TEXT_PP(0);
	environment_require_form("environment", VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	environment_require_declared(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	PG_RETURN_TEXT_P(given);
}

/* ---- delegation ---- */

static void
grant_from_record(HeapTupleHeader header, Grant *grant)
{
	TupleDesc layout =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	Datum values[GRANT_COLUMNS];
	bool nulls[GRANT_COLUMNS];

	if (layout->natts != GRANT_COLUMNS)
		elog(ERROR, "a grant has %d columns", layout->natts);
	heap_deform_tuple(&tuple, layout, values, nulls);
	grant_compile(values, nulls, grant);
	ReleaseTupleDesc(layout);
}

Datum
vault_all_permissions(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(permission_array(MAY_EVERYTHING));
}

/* may_delegate(given access_grant, permissions text[]) */
Datum
vault_may_delegate(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	Grant proposal;

	grant_from_record(PG_GETARG_HEAPTUPLEHEADER(0), &proposal);
	PG_RETURN_BOOL(delegation_may_hand_out(call, permission_mask(PG_GETARG_DATUM(1)), &proposal));
}

/* may_change_member(role, removes) */
Datum
vault_may_change_member(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(
		delegation_may_change_member(call_required(), PG_GETARG_UUID_P(0), PG_GETARG_BOOL(1)));
}

/* check_membership(role, member) */
Datum
vault_check_membership(PG_FUNCTION_ARGS)
{
	delegation_check_membership(&call_required()->tenant, PG_GETARG_UUID_P(0), PG_GETARG_UUID_P(1));
	PG_RETURN_VOID();
}

/* holds_nothing(role), holds_denial(role): check the role itself and its own roles. */
Datum
vault_holds_nothing(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(grants_load(&call_required()->tenant, PG_GETARG_UUID_P(0)).count == 0);
}

Datum
vault_holds_denial(PG_FUNCTION_ARGS)
{
	GrantSet set = grants_load(&call_required()->tenant, PG_GETARG_UUID_P(0));

	for (int i = 0; i < set.count; i++)
		if (set.grants[i].denies)
			PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(false);
}

/* ---- decisions ---- */

static Permission
permission_argument(FunctionCallInfo fcinfo)
{
	return (Permission) permission_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
}

/* require(permission, name, environment): raise 42501 unless permitted; note the deciding grant. */
Datum
vault_require(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	SecretName secret;

	secret_name_from(PG_GETARG_TEXT_PP(1), PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2), &secret);
	policy_require(&call->caller, &secret, permission_argument(fcinfo), &call->grant);
	call->has_grant = true;
	PG_RETURN_VOID();
}

/* permitted(permission, name, environment): return the decision without an error. */
Datum
vault_permitted(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	SecretName secret;

	secret_name_from(PG_GETARG_TEXT_PP(1), PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2), &secret);
	PG_RETURN_BOOL(
		call->caller.is_identified &&
		(policy_permissions(&call->caller, &secret, 0, NULL) & permission_argument(fcinfo)));
}

Datum
vault_is_administrator(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	PG_RETURN_BOOL(call->caller.is_identified && !call->caller.is_suspended &&
				   uuid_equal(&call->caller.tenant, &call->tenant) &&
				   policy_is_administrator(&call->caller));
}

/*
 * is_auditor(): return true if the caller is a member of the built-in role "auditor" of the call's
 * tenant.
 */
Datum
vault_is_auditor(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	PG_RETURN_BOOL(call->caller.is_identified && !call->caller.is_suspended &&
				   uuid_equal(&call->caller.tenant, &call->tenant) &&
				   policy_is_auditor(&call->caller));
}

/*
 * require_administrator(): raise an error for a caller that is no administrator. Operators pass if
 * the operation does not concern a value.
 */
Datum
vault_require_administrator(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	if (!role_is_operator(call->caller.role) && !DatumGetBool(vault_is_administrator(fcinfo)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: this is for administrators of the tenant"),
				 errhint("An administrator holds \"grant\" on ** in every environment.")));
	PG_RETURN_VOID();
}

Datum
vault_name_matches(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(0);
	text *pattern = PG_GETARG_TEXT_PP(1);

	if (pattern_fault(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern)) != NULL ||
		name_fault(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) != NULL)
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(pattern_matches(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern),
								   VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)));
}

/* ---- arguments ---- */

static text *
text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : PG_GETARG_TEXT_PP(number);
}

/* The check_… functions return their argument, or raise 22023. */
Datum
vault_check_identifier(PG_FUNCTION_ARGS)
{
	char *what = PG_ARGISNULL(0) ? "argument" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	text *given = text_argument(fcinfo, 1);

	policy_check_identifier(what, given);
	PG_RETURN_TEXT_P(given);
}

Datum
vault_check_name(PG_FUNCTION_ARGS)
{
	text *given = text_argument(fcinfo, 0);

	policy_check_name(given);
	PG_RETURN_TEXT_P(given);
}

Datum
vault_check_pattern(PG_FUNCTION_ARGS)
{
	text *given = text_argument(fcinfo, 0);

	policy_check_pattern(given);
	PG_RETURN_TEXT_P(given);
}

Datum
vault_check_permissions(PG_FUNCTION_ARGS)
{
	policy_check_permissions(PG_ARGISNULL(0) ? NULL : PG_GETARG_ARRAYTYPE_P(0));
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* check_addresses(text[]): return each address in its canonical form. */
Datum
vault_check_addresses(PG_FUNCTION_ARGS)
{
	return policy_check_addresses(PG_GETARG_ARRAYTYPE_P(0));
}

/* check_windows(text[]): return each window in its canonical form. */
Datum
vault_check_windows(PG_FUNCTION_ARGS)
{
	return policy_check_windows(PG_GETARG_ARRAYTYPE_P(0));
}

/* check_services(text[]) */
Datum
vault_check_services(PG_FUNCTION_ARGS)
{
	policy_check_services(PG_GETARG_ARRAYTYPE_P(0));
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* environment(given): return the environment of a call that names none. */
Datum
vault_environment(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_TEXT_P(cstring_to_text(default_environment()));
	PG_RETURN_TEXT_P(PG_GETARG_TEXT_PP(0));
}

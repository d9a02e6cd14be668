/*
 * identity_sql.c
 *		SQL functions about identities: vault.whoami(), and bindings and reservations of roles.
 */
#include "identity/identity.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "context/operators.h"
#include "entry/entry.h"
#include "identity/reservation.h"

PG_FUNCTION_INFO_V1(vault_bind_role);
PG_FUNCTION_INFO_V1(vault_whoami);
PG_FUNCTION_INFO_V1(vault_require_reservable);

/* bind_role(principal, db_role): in the tenant of the call */
Datum
vault_bind_role(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	identity_bind(call, PG_GETARG_UUID_P(0), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

/* require_reservable(db_role): for the tenant of the call */
Datum
vault_require_reservable(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	reservation_require(text_to_cstring(PG_GETARG_TEXT_PP(0)), &call->tenant);
	PG_RETURN_VOID();
}

/* Fill the columns as in identity.api.sql. */
static Datum
whoami_body(FunctionCallInfo fcinfo)
{
	const Caller *caller = &call_required()->caller;
	TupleDesc layout;
	Datum values[9];
	bool nulls[9] = {0};

	if (get_call_result_type(fcinfo, NULL, &layout) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "whoami must return a row");
	nulls[0] = nulls[1] = !caller->is_identified;
	values[0] = CStringGetTextDatum(caller->tenant_name);
	values[1] = CStringGetTextDatum(caller->principal_name);
	values[2] = CStringGetTextDatum(GetUserNameFromId(caller->role, false));
	values[3] = CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
	values[4] = BoolGetDatum(role_is_operator(caller->role));
	values[5] = BoolGetDatum(role_sees_all_tenants(caller->role));
	nulls[6] = caller->subject[0] == 0;
	nulls[7] = caller->issuer[0] == 0;
	nulls[8] = caller->subject[0] == 0;
	values[6] = CStringGetTextDatum(caller->subject);
	values[7] = CStringGetTextDatum(caller->issuer);
	values[8] = identity_token_role_names(caller);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(layout), values, nulls));
}

/* whoami() */
Datum
vault_whoami(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_ANYONE, fcinfo, whoami_body);
}

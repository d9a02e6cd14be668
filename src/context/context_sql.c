/*
 * context_sql.c
 *		Functions for the policies of row security: they tell whether a call is open, and of which
 *		tenant.
 */
#include "context/call.h"

#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(vault_is_inside);
PG_FUNCTION_INFO_V1(vault_is_inside_tenant);

/* is_inside(): return true inside of a call. */
Datum
vault_is_inside(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(call_current() != NULL);
}

/*
 * is_inside(tenant): return true inside of a call of this tenant. The zero id is that of the
 * instance: it matches while an operator has entered no tenant.
 */
Datum
vault_is_inside_tenant(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_current();

	PG_RETURN_BOOL(call != NULL && !PG_ARGISNULL(0) &&
				   memcmp(PG_GETARG_UUID_P(0), &call->tenant, UUID_LEN) == 0);
}

/*
 * audit_access.c
 *		Access of callers to trails.
 */
#include "evidence/audit_access.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "context/call.h"
#include "context/operators.h"
#include "evidence/log_walk.h"
#include "platform/errors.h"
#include "platform/tables.h"
#include "policy/policy.h"
#include "tenant/tenant.h"

void
audit_access_require(void)
{
	if (!role_sees_all_tenants(call_required()->caller.role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: this is for operators and auditors"),
				 errhint("Operators are members of vault_admin, auditors of vault_auditor.")));
}

static bool
is_uuid(const char *text)
{
	return strlen(text) == 36 && strspn(text, "0123456789abcdefABCDEF-") == 36;
}

static pg_uuid_t *
own_tenant(VaultCall *call, const char *tenant)
{
	pg_uuid_t *own = palloc(sizeof(pg_uuid_t));

	if (!call->caller.is_identified || call->caller.is_suspended ||
		!policy_is_administrator(&call->caller))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: this is for administrators of the tenant, "
						"operators and auditors"),
				 errhint("An administrator holds \"grant\" on ** in every environment.")));
	if (tenant && strcmp(tenant, call->tenant_name) != 0)
		tenant_refuse_unknown();
	*own = call->caller.tenant;
	return own;
}

pg_uuid_t *
audit_access_tenants(const char *tenant, int *count)
{
	VaultCall *call = call_required();
	pg_uuid_t *one;

	*count = 1;
	if (!role_sees_all_tenants(call->caller.role))
		return own_tenant(call, tenant);
	if (tenant == NULL)
		return log_tenants(count);
	one = palloc(sizeof(pg_uuid_t));
	if (tenant_find(tenant, one))
		return one;
	if (!is_uuid(tenant))
		tenant_refuse_unknown();
	*one = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(tenant)));
	return one;
}

char *
audit_access_name(const pg_uuid_t *tenant)
{
	char name[64];
	pg_uuid_t zero = UUID_ZERO;

	if (uuid_equal(tenant, &zero))
		return NULL;
	if (tenant_describe(tenant, name, NULL))
		return pstrdup(name);
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(tenant)));
}

void
audit_access_enter(const pg_uuid_t *tenant)
{
	char *name = audit_access_name(tenant);

	call_enter_tenant(tenant, name ? name : "");
}

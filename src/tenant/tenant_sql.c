/*
 * tenant_sql.c
 *		SQL functions about tenants: the choice of a call's tenant, and what row security compares.
 *
 * The functions for views check the caller as the entry does; all others run inside a call.
 */
#include "tenant/tenant.h"

#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "audit/audit.h"
#include "audit/recorder.h"
#include "context/operators.h"
#include "crypto/raise.h"
#include "entry/entry.h"
#include "platform/errors.h"
#include "platform/lock.h"
#include "platform/tables.h"
#include "tenant/tenant_key.h"

PG_FUNCTION_INFO_V1(vault_visible_tenants);
PG_FUNCTION_INFO_V1(vault_current_tenant_id);
PG_FUNCTION_INFO_V1(vault_sees_all_tenants);
PG_FUNCTION_INFO_V1(vault_enter_tenant);
PG_FUNCTION_INFO_V1(vault_enter_new_tenant);
PG_FUNCTION_INFO_V1(vault_choose_tenant);
PG_FUNCTION_INFO_V1(vault_find_tenant);
PG_FUNCTION_INFO_V1(vault_tenant_names);
PG_FUNCTION_INFO_V1(vault_all_tenant_ids);
PG_FUNCTION_INFO_V1(vault_enter_tenant_id);
PG_FUNCTION_INFO_V1(vault_new_id);
PG_FUNCTION_INFO_V1(vault_note);
PG_FUNCTION_INFO_V1(vault_alert);
PG_FUNCTION_INFO_V1(vault_caller_principal);
PG_FUNCTION_INFO_V1(vault_lock_policy);
PG_FUNCTION_INFO_V1(vault_new_tenant_key);

/* lock_policy(): lines up changes of the tenant's policy until the end of the transaction. */
Datum
vault_lock_policy(PG_FUNCTION_ARGS)
{
	lock_named(LOCK_POLICY, &call_required()->tenant, UUID_LEN, ExclusiveLock);
	PG_RETURN_VOID();
}

/*
 * visible_tenants(): return, for views, the caller's tenant; all of them for operators and
 * auditors.
 */
Datum
vault_visible_tenants(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_current();
	pg_uuid_t tenant = UUID_ZERO;
	Datum datum = UUIDPGetDatum(&tenant);
	Caller caller;

	if (call)
	{
		tenant = call->tenant;
		return tenant_id_array(&datum, 1);
	}
	entry_check(ENTRY_VIEW, &caller);
	if (role_sees_all_tenants(caller.role))
		return tenant_all_ids();
	tenant = caller.tenant;
	return tenant_id_array(&datum, caller.is_identified && !caller.is_suspended ? 1 : 0);
}

/*
 * current_tenant_id(): the id that row security compares with.  Inside a call it is the call's
 * tenant; the zero id stands for the instance, while an operator has entered no tenant.  Outside it
 * is the tenant of the current role.
 */
Datum
vault_current_tenant_id(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_current();
	pg_uuid_t *tenant = palloc(sizeof(pg_uuid_t));
	Caller caller;

	if (call)
	{
		*tenant = call->tenant;
		PG_RETURN_UUID_P(tenant);
	}
	entry_check(ENTRY_VIEW, &caller);
	if (!caller.is_identified || caller.is_suspended)
		PG_RETURN_NULL();
	*tenant = caller.tenant;
	PG_RETURN_UUID_P(tenant);
}

/* sees_all_tenants(): for views; false inside a call. */
Datum
vault_sees_all_tenants(PG_FUNCTION_ARGS)
{
	Caller caller;

	if (call_current())
		PG_RETURN_BOOL(false);
	entry_check(ENTRY_VIEW, &caller);
	PG_RETURN_BOOL(role_sees_all_tenants(caller.role));
}

static void
tenant_require_operator(const VaultCall *call)
{
	if (!role_is_operator(call->caller.role))
		tenant_refuse_unknown();
}

static Datum
return_uuid(const pg_uuid_t *id)
{
	pg_uuid_t *copy = palloc(sizeof(pg_uuid_t));

	*copy = *id;
	PG_RETURN_UUID_P(copy);
}

/* enter_tenant(name): make the call of an operator look into that tenant. */
Datum
vault_enter_tenant(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	char *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	pg_uuid_t tenant;

	tenant_require_operator(call);
	if (name == NULL || !tenant_find(name, &tenant))
		tenant_refuse_unknown();
	call_enter_tenant(&tenant, name);
	return return_uuid(&tenant);
}

/* enter_new_tenant(name): do the same with a fresh id, for create_tenant(). */
Datum
vault_enter_new_tenant(PG_FUNCTION_ARGS)
{
	pg_uuid_t tenant = id_new();

	tenant_require_operator(call_required());
	recorder_new_tenant(&tenant);
	call_enter_tenant(&tenant, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	return return_uuid(&tenant);
}

/*
 * choose_tenant(name): return the caller's own tenant for NULL or its name; for an operator any
 * other. Another caller learns nothing about other tenants.
 */
Datum
vault_choose_tenant(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	char *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (name == NULL && !call->has_tenant)
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_NO_TENANT),
				 errmsg("no tenant: the current role is not a principal of any"),
				 errhint("An operator names the tenant in the argument \"tenant\".")));
	if (name == NULL || (call->has_tenant && strcmp(name, call->tenant_name) == 0))
		return return_uuid(&call->tenant);
	return vault_enter_tenant(fcinfo);
}

/* find_tenant(name): return the id or NULL; for operators only. */
Datum
vault_find_tenant(PG_FUNCTION_ARGS)
{
	pg_uuid_t tenant;

	tenant_require_operator(call_required());
	if (!tenant_find(text_to_cstring(PG_GETARG_TEXT_PP(0)), &tenant))
		PG_RETURN_NULL();
	return return_uuid(&tenant);
}

/* tenant_names(): return the tenants that are not destroyed, for batch jobs of operators. */
Datum
vault_tenant_names(PG_FUNCTION_ARGS)
{
	tenant_require_operator(call_required());
	return tenant_names();
}

static void
tenant_require_batch_operator(void)
{
	if (!role_is_operator(call_required()->caller.role))
		tenant_refuse_unknown();
}

/* all_tenant_ids(): destroyed ones too, and the zero id, for an operator's batch jobs. */
Datum
vault_all_tenant_ids(PG_FUNCTION_ARGS)
{
	ArrayBuildState *ids = initArrayResult(UUIDOID, CurrentMemoryContext, false);
	pg_uuid_t zero = UUID_ZERO;
	TableScan scan;

	tenant_require_batch_operator();
	ids = accumArrayResult(ids, UUIDPGetDatum(&zero), false, UUIDOID, CurrentMemoryContext);
	scan_begin(&scan, TABLE_TENANT, INDEX_TENANT, NULL, NULL, 0);
	while (scan_next(&scan))
		ids = accumArrayResult(ids, scan_get(&scan, 1, NULL), false, UUIDOID, CurrentMemoryContext);
	scan_end(&scan);
	return makeArrayResult(ids, CurrentMemoryContext);
}

/* enter_tenant_id(id): make an operator's call see that tenant; the zero id means none. */
Datum
vault_enter_tenant_id(PG_FUNCTION_ARGS)
{
	pg_uuid_t *id = PG_GETARG_UUID_P(0);
	pg_uuid_t zero = UUID_ZERO;
	char name[64] = "";

	tenant_require_batch_operator();
	if (!uuid_equal(id, &zero) && !tenant_describe(id, name, NULL))
		tenant_refuse_unknown();
	call_enter_tenant(id, name);
	PG_RETURN_VOID();
}

/* new_id(): return a random uuid from OpenSSL. */
Datum
vault_new_id(PG_FUNCTION_ARGS)
{
	pg_uuid_t id = id_new();

	return return_uuid(&id);
}

/* note(reason, version): set both in the audit rows of this call. */
Datum
vault_note(PG_FUNCTION_ARGS)
{
	text_to_cstring_buffer(PG_GETARG_TEXT_PP(0), call_required()->reason,
						   sizeof(call_required()->reason));
	call_required()->version = PG_GETARG_INT32(1);
	PG_RETURN_VOID();
}

/* alert(object_kind, object, reason): record an alert about an object of the call's tenant. */
Datum
vault_alert(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	AuditRecord record = {
		.operation = call->operation,
		.decision = DECISION_ALERT,
		.object_kind = text_to_cstring(PG_GETARG_TEXT_PP(0)),
		.tenant = call->tenant,
		.object = PG_GETARG_UUID_P(1),
		.reason = text_to_cstring(PG_GETARG_TEXT_PP(2)),
	};

	audit_write(&record);
	PG_RETURN_VOID();
}

/* caller_principal(): return the principal that called; NULL for an operator without identity. */
Datum
vault_caller_principal(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	if (!call->caller.is_identified)
		PG_RETURN_NULL();
	return return_uuid(&call->caller.principal);
}

/* new_tenant_key(): make the next key of the call's tenant. */
Datum
vault_new_tenant_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(tenant_key_make());
}

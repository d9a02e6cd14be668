/*
 * tenant.c
 *		Tenants by name, and the helpers with which the SQL of this feature works.
 */
#include "tenant/tenant.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "audit/recorder.h"
#include "audit/audit.h"
#include "context/operators.h"
#include "crypto/raise.h"
#include "entry/entry.h"
#include "platform/errors.h"
#include "platform/lock.h"
#include "platform/tables.h"

/* Columns of vault_data.tenant. */
enum
{
	COL_TENANT = 1,
	COL_NAME,
	COL_STATE
};

static void (*check_row)(TableScan *scan) = NULL;

void
tenant_set_check(void (*check)(TableScan *scan))
{
	check_row = check;
}

bool
tenant_find(const char *name, pg_uuid_t *tenant)
{
	TableScan scan;
	Datum key = CStringGetTextDatum(name);
	bool found;

	scan_begin(&scan, TABLE_TENANT, INDEX_TENANT_NAME, NULL, &key, 1);
	found = scan_next(&scan);
	if (found)
	{
		check_row(&scan);
		*tenant = *DatumGetUUIDP(scan_get(&scan, COL_TENANT, NULL));
	}
	scan_end(&scan);
	return found;
}

bool
tenant_describe(const pg_uuid_t *tenant, char name[64], char state[16])
{
	TableScan scan;
	Datum key = UUIDPGetDatum(tenant);
	bool found;

	scan_begin(&scan, TABLE_TENANT, INDEX_TENANT, NULL, &key, 1);
	found = scan_next(&scan);
	if (found)
	{
		text_to_cstring_buffer(DatumGetTextPP(scan_get(&scan, COL_NAME, NULL)), name, 64);
		text_to_cstring_buffer(DatumGetTextPP(scan_get(&scan, COL_STATE, NULL)), state, 16);
	}
	scan_end(&scan);
	return found;
}

void
tenant_refuse_unknown(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_NO_TENANT), errmsg("no such tenant"),
			 errhint("Operators see all tenants in the view vault.tenants.")));
}

static Datum
tenant_array(const Datum *tenants, int count)
{
	return PointerGetDatum(
		construct_array((Datum *) tenants, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

/* Every tenant, and the instance's own rows (the zero id), for operators and auditors. */
static Datum
all_tenants(void)
{
	int count = 0;
	int capacity = 64;
	Datum *tenants = palloc(capacity * sizeof(Datum));
	pg_uuid_t *id = palloc0(sizeof(pg_uuid_t));
	TableScan scan;

	tenants[count++] = UUIDPGetDatum(id);
	scan_begin(&scan, TABLE_TENANT, INDEX_TENANT, NULL, NULL, 0);
	while (scan_next(&scan))
	{
		if (count == capacity)
			tenants = repalloc(tenants, (capacity *= 2) * sizeof(Datum));
		id = palloc(sizeof(pg_uuid_t));
		*id = *DatumGetUUIDP(scan_get(&scan, COL_TENANT, NULL));
		tenants[count++] = UUIDPGetDatum(id);
	}
	scan_end(&scan);
	return tenant_array(tenants, count);
}

PG_FUNCTION_INFO_V1(vault_visible_tenants);
PG_FUNCTION_INFO_V1(vault_current_tenant_id);
PG_FUNCTION_INFO_V1(vault_sees_all_tenants);
PG_FUNCTION_INFO_V1(vault_enter_tenant);
PG_FUNCTION_INFO_V1(vault_enter_new_tenant);
PG_FUNCTION_INFO_V1(vault_choose_tenant);
PG_FUNCTION_INFO_V1(vault_find_tenant);
PG_FUNCTION_INFO_V1(vault_tenant_names);
PG_FUNCTION_INFO_V1(vault_new_id);
PG_FUNCTION_INFO_V1(vault_note);
PG_FUNCTION_INFO_V1(vault_alert);
PG_FUNCTION_INFO_V1(vault_caller_principal);
PG_FUNCTION_INFO_V1(vault_lock_policy);

/* lock_policy() */
Datum
vault_lock_policy(PG_FUNCTION_ARGS)
{
	lock_named(LOCK_POLICY, &call_required()->tenant, UUID_LEN, ExclusiveLock);
	PG_RETURN_VOID();
}

/* For views: the caller's tenant, or all of them for operators and auditors. */
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
		return tenant_array(&datum, 1);
	}
	entry_check(ENTRY_VIEW, &caller);
	if (role_sees_all_tenants(caller.role))
		return all_tenants();
	tenant = caller.tenant;
	return tenant_array(&datum, caller.is_identified && !caller.is_suspended ? 1 : 0);
}

/*
 * What row security compares with: inside a call its tenant (the zero id while
 * an operator has entered none: rows of the instance), outside that of the
 * current role.
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

/* enter_tenant(name): an operator's entry looks into that tenant. */
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

/* enter_new_tenant(name): the same with a fresh id, for create_tenant. */
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
 * choose_tenant(name): the caller's own tenant (NULL or its name), or for an
 * operator any other.  Anybody else learns nothing about other tenants.
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

/* find_tenant(name): its id or NULL; operators only. */
Datum
vault_find_tenant(PG_FUNCTION_ARGS)
{
	pg_uuid_t tenant;

	tenant_require_operator(call_required());
	if (!tenant_find(text_to_cstring(PG_GETARG_TEXT_PP(0)), &tenant))
		PG_RETURN_NULL();
	return return_uuid(&tenant);
}

/* tenant_names(): all that are not destroyed, for an operator's batch jobs. */
Datum
vault_tenant_names(PG_FUNCTION_ARGS)
{
	ArrayBuildState *names = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	TableScan scan;

	tenant_require_operator(call_required());
	scan_begin(&scan, TABLE_TENANT, INDEX_TENANT_NAME, NULL, NULL, 0);
	while (scan_next(&scan))
		names = accumArrayResult(names, scan_get(&scan, COL_NAME, NULL), false, TEXTOID,
								 CurrentMemoryContext);
	scan_end(&scan);
	return makeArrayResult(names, CurrentMemoryContext);
}

/* new_id(): a random uuid from OpenSSL. */
Datum
vault_new_id(PG_FUNCTION_ARGS)
{
	pg_uuid_t id = id_new();

	return return_uuid(&id);
}

/* note(reason, version): for the audit rows of this call. */
Datum
vault_note(PG_FUNCTION_ARGS)
{
	text_to_cstring_buffer(PG_GETARG_TEXT_PP(0), call_required()->reason,
						   sizeof(call_required()->reason));
	call_required()->version = PG_GETARG_INT32(1);
	PG_RETURN_VOID();
}

/* alert(object_kind, object, reason): about something of the call's tenant. */
Datum
vault_alert(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();
	AuditRecord record = {
		.operation = call->operation,
		.decision = "alert",
		.object_kind = text_to_cstring(PG_GETARG_TEXT_PP(0)),
		.tenant = call->tenant,
		.object = PG_GETARG_UUID_P(1),
		.reason = text_to_cstring(PG_GETARG_TEXT_PP(2)),
	};

	audit_write(&record);
	PG_RETURN_VOID();
}

/* caller_principal(): who called, NULL for an operator without identity. */
Datum
vault_caller_principal(PG_FUNCTION_ARGS)
{
	VaultCall *call = call_required();

	if (!call->caller.is_identified)
		PG_RETURN_NULL();
	return return_uuid(&call->caller.principal);
}

/*
 * tenant.c
 *		Reads of vault_data.tenant.
 *
 * All of them are index scans under a fresh snapshot, which execute no SQL.
 */
#include "tenant/tenant.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "platform/errors.h"
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

/* A state that does not exist counts as suspended. */
static TenantState
tenant_state(const char *text)
{
	if (strcmp(text, "active") == 0)
		return TENANT_ACTIVE;
	return strcmp(text, "destroyed") == 0 ? TENANT_DESTROYED : TENANT_SUSPENDED;
}

bool
tenant_describe(const pg_uuid_t *tenant, char name[64], TenantState *state)
{
	TableScan scan;
	Datum key = UUIDPGetDatum(tenant);
	bool found;

	scan_begin(&scan, TABLE_TENANT, INDEX_TENANT, NULL, &key, 1);
	found = scan_next(&scan);
	if (found)
	{
		text_to_cstring_buffer(DatumGetTextPP(scan_get(&scan, COL_NAME, NULL)), name, 64);
		if (state)
			*state = tenant_state(TextDatumGetCString(scan_get(&scan, COL_STATE, NULL)));
	}
	scan_end(&scan);
	return found;
}

void
tenant_refuse_unknown(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_VAULT_NO_TENANT), errmsg("tenant does not exist"),
			 errhint("Operators see all tenants in the view vault.tenants.")));
}

Datum
tenant_id_array(const Datum *tenants, int count)
{
	return PointerGetDatum(
		construct_array((Datum *) tenants, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

Datum
tenant_all_ids(void)
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
	return tenant_id_array(tenants, count);
}

Datum
tenant_names(void)
{
	ArrayBuildState *names = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	TableScan scan;

	scan_begin(&scan, TABLE_TENANT, INDEX_TENANT_NAME, NULL, NULL, 0);
	while (scan_next(&scan))
		names = accumArrayResult(names, scan_get(&scan, COL_NAME, NULL), false, TEXTOID,
								 CurrentMemoryContext);
	scan_end(&scan);
	return makeArrayResult(names, CurrentMemoryContext);
}

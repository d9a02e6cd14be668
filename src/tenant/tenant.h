/*
 * tenant.h
 *		Tenants by name and by id.
 */
#ifndef VAULT_TENANT_TENANT_H
#define VAULT_TENANT_TENANT_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "platform/tables.h"

/* Register the check of a tenant's row that is found by name; it raises.  Preload. */
extern void tenant_set_check(void (*check)(TableScan *scan));

/* Find a tenant that is not destroyed by its name; false if there is none. */
extern bool tenant_find(const char *name, pg_uuid_t *tenant);

typedef enum TenantState
{
	TENANT_ACTIVE,
	TENANT_SUSPENDED,
	TENANT_DESTROYED
} TenantState;

/* Get name and state of a tenant; false if there is no such row. The state may be NULL. */
extern bool tenant_describe(const pg_uuid_t *tenant, char name[64], TenantState *state);

/* Make a uuid[] of ids. */
extern Datum tenant_id_array(const Datum *tenants, int count);

/* Return the ids of all tenants as uuid[]; the first is the zero id, of the instance's own rows. */
extern Datum tenant_all_ids(void);

/* Return the names of all tenants that are not destroyed as text[], in their order. */
extern Datum tenant_names(void);

/* Raise VT010: no such tenant. */
VAULT_NORETURN extern void tenant_refuse_unknown(void);

#endif

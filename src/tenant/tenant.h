/*
 * tenant.h
 *		Tenants by name, and which of them row security shows.
 */
#ifndef VAULT_TENANT_TENANT_H
#define VAULT_TENANT_TENANT_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "platform/tables.h"

/* What a later feature has against a tenant's row that is found by name: it raises. */
extern void tenant_set_check(void (*check)(TableScan *scan));

/* False if there is none of this name that is not destroyed. */
extern bool tenant_find(const char *name, pg_uuid_t *tenant);

/* Name and state of a tenant; false if there is no such row. */
extern bool tenant_describe(const pg_uuid_t *tenant, char name[64], char state[16]);

/* Raises VT010: no such tenant. */
VAULT_NORETURN extern void tenant_refuse_unknown(void);

#endif

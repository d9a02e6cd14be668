/*
 * audit_access.h
 *		Decides whose trails a caller may verify and export: operators and auditors those of all
 *		tenants, administrators of a tenant its own.
 */
#ifndef VAULT_EVIDENCE_AUDIT_ACCESS_H
#define VAULT_EVIDENCE_AUDIT_ACCESS_H

#include "platform/compat.h"

#include "utils/uuid.h"

/*
 * Return the trails that the argument "tenant" selects; NULL selects all that the caller may see.
 * For operators and auditors the argument may also be an id, as of a destroyed tenant. Raises if
 * the caller may see none.
 */
extern pg_uuid_t *audit_access_tenants(const char *tenant, int *count);

/* Raises unless the caller is an operator or an auditor. */
extern void audit_access_require(void);

/* Return the name of a tenant, its id if it has no row, or NULL for the instance. */
extern char *audit_access_name(const pg_uuid_t *tenant);

/* Make this the tenant of the call, so that row security shows its rows. */
extern void audit_access_enter(const pg_uuid_t *tenant);

#endif

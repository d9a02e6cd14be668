/*
 * audit_access.h
 *		Decide on checks and exports of trails: operators and auditors all, a tenant's
 *		administrators its own.
 */
#ifndef VAULT_EVIDENCE_AUDIT_ACCESS_H
#define VAULT_EVIDENCE_AUDIT_ACCESS_H

#include "platform/compat.h"

#include "utils/uuid.h"

/*
 * The trails that an argument "tenant" means (NULL: all that the caller may see; for
 * operators and auditors it may be an id, as of a destroyed tenant).  Raises if it may see none.
 */
extern pg_uuid_t *audit_access_tenants(const char *tenant, int *count);

/* Raises unless the caller is operator or auditor. */
extern void audit_access_require(void);

/* The name that goes with an id; NULL for the instance. */
extern char *audit_access_name(const pg_uuid_t *tenant);

/* Row security shows this tenant from here on. */
extern void audit_access_enter(const pg_uuid_t *tenant);

#endif

/*
 * operators.h
 *		Database roles that operate the vault or audit it.
 *
 * The answers come from a cache of this backend, which changes of roles and memberships empty.
 * Call inside of a transaction: a miss reads the system catalogs.
 */
#ifndef VAULT_CONTEXT_OPERATORS_H
#define VAULT_CONTEXT_OPERATORS_H

#include "platform/compat.h"

/* True for superusers and members of vault_admin. */
extern bool role_is_operator(Oid role);

/* True for operators and members of vault_auditor. */
extern bool role_sees_all_tenants(Oid role);

#endif

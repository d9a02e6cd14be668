/*
 * policy.h
 *		Permissions of principals: the decision over a principal's grants.
 *
 * The default is to deny. The grants of a principal are its own and those of its roles. A grant
 * applies if its environment list (none: all) holds the environment, its pattern matches the name
 * and its conditions are met (see condition.h). The principal has the permissions that applying
 * grants allow, without those that applying denials deny. "list" comes with any other permission
 * unless it is denied. A principal without any permission on a name gets the same answer whether
 * the name exists or not.
 *
 * Decisions are made from a per-backend cache of compiled grants. It is read under a fresh
 * snapshot and dropped when vault_data.access_grant or vault_data.role_member changes, so that a
 * revoke takes effect at the next call in every isolation level.
 */
#ifndef VAULT_POLICY_POLICY_H
#define VAULT_POLICY_POLICY_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "context/call.h"
#include "policy/permission.h"

/*
 * Return the mask of the caller's permissions on the name. Sets grant (may be NULL) to the first
 * one that allows `wanted`.
 */
extern int policy_permissions(const Caller *caller, const SecretName *secret, Permission wanted,
							  pg_uuid_t *grant);

/* Raise 42501 unless permitted, with one text for denied and absent secrets. */
extern void
policy_require(const Caller *caller, const SecretName *secret, Permission wanted, pg_uuid_t *grant);

/*
 * Return true if the caller administers the whole tenant: it has "grant" on every name in every
 * environment, and nothing is denied.
 */
extern bool policy_is_administrator(const Caller *caller);

/*
 * Return true for a member of the built-in role "auditor", which sees policy and trail of the
 * tenant.
 */
extern bool policy_is_auditor(const Caller *caller);

/*
 * Return true if the role is the caller itself, or a role that it is a member of, directly or not.
 */
extern bool policy_has_role(const Caller *caller, const pg_uuid_t *role);

extern void policy_init(void);

#endif

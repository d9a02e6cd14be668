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

/*
 * List of all permissions. Masks, names, arrays and loops are made of it, so that all of them
 * cover every permission.
 */
#define EACH_PERMISSION(_) \
	_(READ, "read")        \
	_(WRITE, "write")      \
	_(ROTATE, "rotate")    \
	_(DELETE, "delete")    \
	_(GRANT, "grant")      \
	_(LIST, "list")        \
	_(OVERRIDE, "override")

#define PERMISSION_NUMBER(name, text) NUMBER_##name,
enum
{
	EACH_PERMISSION(PERMISSION_NUMBER) PERMISSION_COUNT
};

#define PERMISSION_BIT(name, text) MAY_##name = 1 << NUMBER_##name,
typedef enum Permission
{
	EACH_PERMISSION(PERMISSION_BIT) MAY_EVERYTHING = (1 << PERMISSION_COUNT) - 1
} Permission;

/* Environment and name of a secret. Neither text needs a NUL. */
typedef struct SecretName
{
	const char *environment;
	size_t environment_size;
	const char *name;
	size_t name_size;
} SecretName;

/*
 * Return a number that grows when the grants of any principal may have changed. While it stays,
 * another decision of the same moment is the same. Conditions change with time and not with this
 * number.
 */
extern uint64 policy_generation(void);

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

/*
 * policy.h
 *		Who may do what: the decision over a principal's grants.
 *
 * Default deny.  The grants of a principal are its own and those of its roles.  A grant
 * applies if its environment list (none: all) holds the environment, its pattern matches
 * the name and its conditions are met (see condition.h).  What applying grants allow,
 * less what applying denials deny, is what the principal may do; "list" comes
 * with any other permission unless it is denied.  A principal that may do
 * nothing with a name is told the same whether the name exists or not.
 *
 * Decisions are made from a per-backend cache of compiled grants, read under a
 * fresh snapshot and dropped when vault_data.access_grant or vault_data.role_member
 * changes, so that a revoke is in force at the next call in every isolation level.
 */
#ifndef VAULT_POLICY_POLICY_H
#define VAULT_POLICY_POLICY_H

#include "platform/compat.h"

#include "utils/uuid.h"

#include "context/call.h"

/*
 * Every permission there is: the one list.  Masks, names, arrays and whoever walks them are made
 * of it, so that nothing ends before its end.
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

/* A secret's place; neither text needs a NUL. */
typedef struct SecretName
{
	const char *environment;
	size_t environment_size;
	const char *name;
	size_t name_size;
} SecretName;

/*
 * Grows when what is granted to anybody may have changed: while it stays, another decision of the
 * same moment is the same.  Conditions change with time and not with this.
 */
extern uint64 policy_generation(void);

/*
 * Mask of what the caller may do with the name.  grant (may be NULL) becomes the
 * first that allows `wanted`.
 */
extern int policy_permissions(const Caller *caller, const SecretName *secret, Permission wanted,
							  pg_uuid_t *grant);

/* Raises 42501 unless permitted; one text for denied and absent. */
extern void
policy_require(const Caller *caller, const SecretName *secret, Permission wanted, pg_uuid_t *grant);

/* The whole tenant: "grant" on every name in every environment, nothing denied. */
extern bool policy_is_administrator(const Caller *caller);

/* A member of the built-in role "auditor": sees policy and trail of the tenant. */
extern bool policy_is_auditor(const Caller *caller);

/* The caller itself, or a role that it is a member of, directly or not. */
extern bool policy_has_role(const Caller *caller, const pg_uuid_t *role);

extern void policy_init(void);

#endif

/*
 * operators.c
 *		Membership in vault_admin and vault_auditor.
 *
 * The cache has one entry, of the role that was asked for last.  Invalidations of pg_authid and
 * pg_auth_members empty it.
 */
#include "context/operators.h"

#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/syscache.h"

static struct
{
	bool known;
	Oid role;
	bool is_operator;
	bool sees_all_tenants;
} latest;

/* Number of invalidations so far. */
static uint64 invalidations = 0;

static bool
has_role(Oid role, const char *name)
{
	Oid wanted = get_role_oid(name, true);

	return OidIsValid(wanted) && has_privs_of_role(role, wanted);
}

static void
operators_forget(Datum arg, int cacheid, uint32 hashvalue)
{
	latest.known = false;
	invalidations++;
}

/* Fill the cache.  A result that an invalidation overtakes is used once, and not kept. */
static void
operators_learn(Oid role)
{
	static bool listens = false;
	uint64 before = invalidations;
	bool is_operator;
	bool sees_all_tenants;

	if (latest.known && latest.role == role)
		return;
	if (!listens)
	{
		CacheRegisterSyscacheCallback(AUTHOID, operators_forget, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, operators_forget, (Datum) 0);
		listens = true;
	}
	is_operator = has_role(role, "vault_admin");
	sees_all_tenants = is_operator || has_role(role, "vault_auditor");
	latest.role = role;
	latest.is_operator = is_operator;
	latest.sees_all_tenants = sees_all_tenants;
	latest.known = before == invalidations;
}

bool
role_is_operator(Oid role)
{
	operators_learn(role);
	return latest.is_operator;
}

bool
role_sees_all_tenants(Oid role)
{
	operators_learn(role);
	return latest.sees_all_tenants;
}

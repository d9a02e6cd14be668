/*
 * administrators.c
 *		Who administers a tenant, as others see it: operators, who appoint somebody only where
 *		nobody does, and those who change what administrators hold.
 *
 * An administrator holds "grant" on everything, and nothing denies it anywhere.  Conditions
 * of allowances count as met and those of denials as not, until they are over: at night, too,
 * the tenant has an administrator.  For good is another matter: what begins later or ends
 * does not count then, and every denial does that is not over.
 */
#include "policy/delegation.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#include "context/call.h"
#include "platform/sql.h"
#include "policy/grants.h"

static bool
administrators_administers(const pg_uuid_t *tenant, const pg_uuid_t *principal, bool *may)
{
	GrantSet set = grants_load(tenant, principal);
	AccessRequest request = {.assumption = ASSUME_GENEROUS, .at = GetCurrentTimestamp()};

	return grants_administer(&set, &request, may);
}

static bool
administrators_lasts(const Condition *condition, TimestampTz now)
{
	return condition == NULL ||
		(condition->valid_from <= now && TIMESTAMP_IS_NOEND(condition->valid_until));
}

static bool
administers_for_good(const pg_uuid_t *tenant, const pg_uuid_t *principal)
{
	GrantSet set = grants_load(tenant, principal);
	TimestampTz now = GetCurrentTimestamp();
	bool allowed = false;

	for (int i = 0; i < set.count; i++)
	{
		const Grant *g = &set.grants[i];

		if (!(g->mask & MAY_GRANT))
			continue;
		if (g->denies && !condition_is_over(g->condition, now))
			return false;
		allowed |=
			!g->denies && administrators_lasts(g->condition, now) && grant_is_on_everything(g);
	}
	return allowed;
}

PG_FUNCTION_INFO_V1(vault_administers);
PG_FUNCTION_INFO_V1(vault_may_administer);
PG_FUNCTION_INFO_V1(vault_reaches_administrator);
PG_FUNCTION_INFO_V1(vault_administrators);

/* administers(principal): in the call's tenant. */
Datum
vault_administers(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(administrators_administers(&call_required()->tenant, PG_GETARG_UUID_P(0), NULL));
}

/* may_administer(principal): the same but for denials; of a role, whether it makes one. */
Datum
vault_may_administer(PG_FUNCTION_ARGS)
{
	bool may;

	(void) administrators_administers(&call_required()->tenant, PG_GETARG_UUID_P(0), &may);
	PG_RETURN_BOOL(may);
}

/* reaches_administrator(subject): it, or somebody who is a member of it, may administer. */
Datum
vault_reaches_administrator(PG_FUNCTION_ARGS)
{
	static Sql members = {"WITH RECURSIVE down (id) AS (SELECT $2 UNION"
						  " SELECT m.member_id FROM down d JOIN vault_data.role_member m"
						  " ON m.tenant_id = $1 AND m.role_id = d.id) SELECT id FROM down",
						  2,
						  {UUIDOID, UUIDOID}};
	VaultCall *call = call_required();
	Datum values[2] = {UUIDPGetDatum(&call->tenant), PG_GETARG_DATUM(0)};
	bool reaches = false;
	uint64 count;

	sql_begin();
	count = sql_read(&members, values, NULL);
	for (uint64 i = 0; !reaches && i < count; i++)
		(void) administrators_administers(&call->tenant, DatumGetUUIDP(sql_value(i, 1, NULL)),
										  &reaches);
	sql_end();
	PG_RETURN_BOOL(reaches);
}

/*
 * Whoever may administer has the one allowance by which one does, from a role perhaps; of
 * these, who are bound to a role that is there, by a row that is the vault's.
 */
static Sql candidates = {
	"WITH RECURSIVE down (id) AS ("
	" SELECT g.principal_id FROM vault_data.access_grant g WHERE g.tenant_id = $1"
	" AND g.effect = 'allow' AND 'grant' = ANY (g.permissions)"
	" AND g.name_pattern = '**' AND g.environments IS NULL"
	" UNION SELECT p.id FROM vault_data.principal p"
	" WHERE p.tenant_id = $1 AND p.kind = 'built-in role' AND vault_data.may_administer(p.id)"
	" UNION SELECT m.member_id FROM down d JOIN vault_data.role_member m"
	" ON m.tenant_id = $1 AND m.role_id = d.id)"
	" SELECT d.id FROM down d WHERE EXISTS (SELECT FROM vault_data.principal_binding b"
	" WHERE b.tenant_id = $1 AND b.principal_id = d.id AND vault_data.is_live(b)"
	" AND vault_data.is_authentic(b))",
	1,
	{UUIDOID}};

/* administrators(for_good): of the call's tenant, whose database roles exist. */
Datum
vault_administrators(PG_FUNCTION_ARGS)
{
	const pg_uuid_t *tenant = &call_required()->tenant;
	bool for_good = PG_GETARG_BOOL(0);
	MemoryContext outer = CurrentMemoryContext;
	ArrayBuildState *found = initArrayResult(UUIDOID, outer, false);
	Datum value = UUIDPGetDatum(tenant);
	uint64 count;

	sql_begin();
	count = sql_read(&candidates, &value, NULL);
	for (uint64 i = 0; i < count; i++)
	{
		Datum id = sql_value(i, 1, NULL);

		if (for_good ? administers_for_good(tenant, DatumGetUUIDP(id))
					 : administrators_administers(tenant, DatumGetUUIDP(id), NULL))
			found = accumArrayResult(found, id, false, UUIDOID, outer);
	}
	sql_end();
	return makeArrayResult(found, outer);
}

/*
 * administrators.c
 *		The administrators of a tenant. Operators appoint one only if the tenant has none, and
 *		changes of the grants of administrators are restricted.
 *
 * An administrator holds "grant" on everything, and nothing denies it anywhere. Conditions of
 * allowances count as met and those of denials as not met, until they are over: the tenant has an
 * administrator at night, too. For an administrator for good the rules are stricter. An allowance
 * that begins later or ends does not count, and every denial that is not over counts.
 */
#include "policy/administrators.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "platform/sql.h"
#include "policy/grants.h"

bool
administrators_include(const pg_uuid_t *tenant, const pg_uuid_t *principal, bool *may)
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

bool
administrators_reached(const pg_uuid_t *tenant, const pg_uuid_t *subject)
{
	static Sql members = {"WITH RECURSIVE down (id) AS (SELECT $2 UNION"
						  " SELECT m.member_id FROM down d JOIN vault_data.role_member m"
						  " ON m.tenant_id = $1 AND m.role_id = d.id) SELECT id FROM down",
						  2,
						  {UUIDOID, UUIDOID}};
	Datum values[2] = {UUIDPGetDatum(tenant), UUIDPGetDatum(subject)};
	bool reaches = false;
	uint64 count;

	sql_begin();
	count = sql_read(&members, values, NULL);
	for (uint64 i = 0; !reaches && i < count; i++)
		(void) administrators_include(tenant, DatumGetUUIDP(sql_value(i, 1, NULL)), &reaches);
	sql_end();
	return reaches;
}

/*
 * Principals that may administer have the one allowance for it, perhaps from a role. Only those
 * count that are bound to an existing role by an authentic row.
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

Datum
administrators_list(const pg_uuid_t *tenant, bool for_good)
{
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
					 : administrators_include(tenant, DatumGetUUIDP(id), NULL))
			found = accumArrayResult(found, id, false, UUIDOID, outer);
	}
	sql_end();
	return makeArrayResult(found, outer);
}

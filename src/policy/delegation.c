/*
 * delegation.c
 *		The rules for handing out permissions.
 *
 * A principal cannot raise its own rights. To hand out an allowance, or to take a denial back, it
 * must hold "grant" and each permission concerned. It must hold them on patterns that cover the
 * pattern of the grant, in each environment of the grant, with no denial of any of them that
 * overlaps the grant. To take an allowance back, or to add a denial, only "grant" is required in
 * the same way.
 *
 * A permission under a condition counts if the condition is met now, and only for a grant whose
 * own conditions are at least as narrow. A denial counts whether its conditions are met now or
 * not, until it is over.
 *
 * An allowance from a group of a token (vault.map_group) lasts as long as the token, and does not
 * count; a denial from such a group counts.
 *
 * Adding a member to a role hands out all that the role holds, and removing the member takes it
 * back.
 */
#include "policy/delegation.h"

#include "catalog/pg_type.h"

#include "platform/errors.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "policy/name.h"

static bool
environments_cover(const Grant *grant, const Grant *proposal)
{
	if (grant->environments == NULL)
		return true;
	if (proposal->environments == NULL)
		return false;
	for (int i = 0; i < proposal->environment_count; i++)
		if (!grant_has_environment(grant, proposal->environments[i],
								   strlen(proposal->environments[i])))
			return false;
	return true;
}

static bool
environments_overlap(const Grant *grant, const Grant *proposal)
{
	if (grant->environments == NULL || proposal->environments == NULL)
		return true;
	for (int i = 0; i < proposal->environment_count; i++)
		if (grant_has_environment(grant, proposal->environments[i],
								  strlen(proposal->environments[i])))
			return true;
	return false;
}

static bool
denies_part_of(const Grant *g, const Grant *proposal, const AccessRequest *request)
{
	return g->denies && environments_overlap(g, proposal) &&
		!condition_is_over(g->condition, request->at) &&
		pattern_overlaps(g->pattern, g->pattern_size, proposal->pattern, proposal->pattern_size);
}

static bool
allows_all_of(const Grant *g, const Grant *proposal, const AccessRequest *request)
{
	return !g->denies && environments_cover(g, proposal) && grant_is_in_force(g, request) &&
		condition_covers(g->condition, proposal->condition) &&
		pattern_covers(g->pattern, g->pattern_size, proposal->pattern, proposal->pattern_size);
}

/*
 * Return true if the set holds one permission over the whole of the proposal. Any permission gives
 * "list".
 */
static bool
holds_throughout(const GrantSet *set, int permission, const Grant *proposal,
				 const AccessRequest *request)
{
	int given_by = permission == MAY_LIST ? MAY_EVERYTHING : permission;
	bool covered = false;

	for (int i = 0; i < set->count; i++)
	{
		const Grant *g = &set->grants[i];

		if ((g->mask & permission) && denies_part_of(g, proposal, request))
			return false;
		if ((g->mask & given_by) && !set->sources[g->source].by_token &&
			allows_all_of(g, proposal, request))
			covered = true;
	}
	return covered;
}

/*
 * Return true if the set may hand out the permissions. Every permission gives "list", so a denial
 * of "list" prevents handing out any of them.
 */
static bool
may_hand_out(const GrantSet *set, int mask, const Grant *proposal, const AccessRequest *request)
{
	if (mask != 0)
		mask |= MAY_LIST;
	mask |= MAY_GRANT;
	for (int number = 0; number < PERMISSION_COUNT; number++)
		if ((mask & (1 << number)) && !holds_throughout(set, 1 << number, proposal, request))
			return false;
	return true;
}

/*
 * Get the grants and the request of the caller. Returns false if the caller is no principal of the
 * call's tenant.
 */
static bool
delegation_take_caller(const VaultCall *call, GrantSet *set, AccessRequest *request)
{
	if (!call->caller.is_identified || !uuid_equal(&call->caller.tenant, &call->tenant))
		return false;
	*set = grants_of_caller(&call->caller);
	access_request_now(&call->caller, request);
	return true;
}

bool
delegation_may_hand_out(const VaultCall *call, int mask, const Grant *proposal)
{
	GrantSet set;
	AccessRequest request;

	return delegation_take_caller(call, &set, &request) &&
		may_hand_out(&set, mask, proposal, &request);
}

bool
delegation_may_change_member(const VaultCall *call, const pg_uuid_t *role_id, bool removes)
{
	GrantSet role = grants_load(&call->tenant, role_id);
	bool holds = false;
	GrantSet set;
	AccessRequest request;

	if (!delegation_take_caller(call, &set, &request))
		return false;
	for (int i = 0; i < role.count; i++)
	{
		const Grant *g = &role.grants[i];

		if (condition_is_over(g->condition, request.at))
			continue;
		if (!may_hand_out(&set, g->denies == removes ? g->mask : 0, g, &request))
			return false;
		holds = true;
	}
	return holds || grants_administer(&set, &request, NULL);
}

void
delegation_check_membership(const pg_uuid_t *tenant, const pg_uuid_t *role, const pg_uuid_t *member)
{
	static Sql chains = {
		"WITH RECURSIVE up (id, n) AS (SELECT $2, 0 UNION"
		" SELECT m.role_id, u.n + 1 FROM up u JOIN vault_data.role_member m"
		" ON m.tenant_id = $1 AND m.member_id = u.id WHERE u.n < 9),"
		" down (id, n) AS (SELECT $3, 0 UNION"
		" SELECT m.member_id, d.n + 1 FROM down d JOIN vault_data.role_member m"
		" ON m.tenant_id = $1 AND m.role_id = d.id WHERE d.n < 9)"
		" SELECT EXISTS (SELECT FROM up WHERE id = $3),"
		" (SELECT pg_catalog.max(n) FROM up) + 1 + (SELECT pg_catalog.max(n) FROM down)",
		3,
		{UUIDOID, UUIDOID, UUIDOID}};
	Datum values[3] = {UUIDPGetDatum(tenant), UUIDPGetDatum(role), UUIDPGetDatum(member)};
	bool cycle;
	int depth;

	sql_begin();
	(void) sql_read(&chains, values, NULL);
	cycle = DatumGetBool(sql_value(0, 1, NULL));
	depth = DatumGetInt32(sql_value(0, 2, NULL));
	sql_end();
	if (cycle)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_GRANT_OPERATION),
				 errmsg("the role would become a member of itself"),
				 errhint("The view vault.role_members shows who is a member of what.")));
	if (depth > MAX_ROLE_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("roles are nested deeper than %d", MAX_ROLE_DEPTH),
				 errhint("Make the principals members of a higher role directly.")));
}

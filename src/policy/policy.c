/*
 * policy.c
 *		Decisions over compiled grants.
 */
#include "policy/policy.h"

#include "platform/errors.h"
#include "platform/tables.h"
#include "policy/grants.h"
#include "policy/name.h"

bool
grant_has_environment(const Grant *grant, const char *environment, size_t size)
{
	if (grant->environments == NULL)
		return true;
	for (int i = 0; i < grant->environment_count; i++)
		if (strlen(grant->environments[i]) == size &&
			memcmp(grant->environments[i], environment, size) == 0)
			return true;
	return false;
}

/*
 * Return true if the pattern matches. Most patterns are a name, or a prefix and "**", and need no
 * full matching.
 */
static bool
name_fits(const Grant *grant, const SecretName *secret)
{
	size_t rest = grant->pattern_size - grant->prefix_size;

	if (secret->name_size < grant->prefix_size ||
		memcmp(secret->name, grant->pattern, grant->prefix_size) != 0)
		return false;
	if (rest == 0)
		return secret->name_size == grant->prefix_size;
	if (rest == 2 && memcmp(grant->pattern + grant->prefix_size, "**", 2) == 0)
		return secret->name_size > grant->prefix_size;
	return pattern_matches(grant->pattern, grant->pattern_size, secret->name, secret->name_size);
}

bool
grant_is_in_force(const Grant *grant, const AccessRequest *request)
{
	const char *fault;

	if (grant->condition == NULL)
		return true;
	if (request->assumption != ASSUME_NOTHING)
		return !condition_is_over(grant->condition, request->at) &&
			(request->assumption == ASSUME_GENEROUS) != grant->denies;
	fault = condition_fault(grant->condition, request);
	return fault == NULL || (grant->denies && fault == condition_address_unknown);
}

bool
grant_applies(const Grant *grant, const SecretName *secret, const AccessRequest *request)
{
	return grant_has_environment(grant, secret->environment, secret->environment_size) &&
		name_fits(grant, secret) && grant_is_in_force(grant, request);
}

const char *
grant_place_fault(const Grant *grant, const SecretName *secret, GrantPlace place)
{
	if (place == PLACE_ENVIRONMENT)
		return grant_has_environment(grant, secret->environment, secret->environment_size)
			? NULL
			: "not for this environment";
	return name_fits(grant, secret) ? NULL : "its pattern does not match the name";
}

/* Find the first of the heads from..to, all of one size, that is not before the tail. */
static uint32
find_head(const GrantHead *heads, uint32 from, uint32 to, uint64 tail)
{
	while (from < to)
	{
		uint32 middle = from + (to - from) / 2;

		if (heads[middle].tail < tail)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Decision so far. */
typedef struct Decision
{
	int allowed;
	int denied;
	int wanted;
	int first; /* first grant that allows `wanted`; INT_MAX: none */
} Decision;

static void
policy_judge(const GrantSet *set, int number, const SecretName *secret,
			 const AccessRequest *request, Decision *decision)
{
	const Grant *g = &set->grants[number];

	if (!name_fits(g, secret) ||
		!grant_has_environment(g, secret->environment, secret->environment_size) ||
		!grant_is_in_force(g, request))
		return;
	if (g->denies)
		decision->denied |= g->mask;
	else
		decision->allowed |= g->mask;
	if (!g->denies && (g->mask & decision->wanted))
		decision->first = Min(decision->first, number);
}

/*
 * Decide. For each prefix length that occurs, look only at the grants whose prefix ends with the
 * same bytes as that prefix of the name.
 */
int
grants_decide(const GrantSet *set, const SecretName *secret, const AccessRequest *request,
			  Permission wanted, const Grant **first)
{
	char padded[sizeof(uint64) + NAME_MAX_BYTES];
	Decision decision = {.wanted = wanted, .first = INT_MAX};
	uint32 begin = 0;

	if (secret->name_size > NAME_MAX_BYTES)
		return 0;
	memset(padded, 0, sizeof(uint64));
	memcpy(padded + sizeof(uint64), secret->name, secret->name_size);
	for (int i = 0; i < set->length_count; i++)
	{
		const GrantLength *length = &set->lengths[i];
		uint64 tail;

		if (length->prefix_size > secret->name_size)
			break;
		memcpy(&tail, padded + length->prefix_size, sizeof(tail));
		for (uint32 head = find_head(set->heads, begin, length->end, tail);
			 head < length->end && set->heads[head].tail == tail; head++)
			policy_judge(set, set->heads[head].grant, secret, request, &decision);
		begin = length->end;
	}
	decision.allowed &= ~decision.denied;
	if (decision.allowed && !(decision.denied & MAY_LIST))
		decision.allowed |= MAY_LIST;
	if (first)
		*first = decision.first == INT_MAX ? NULL : &set->grants[decision.first];
	return decision.allowed;
}

int
policy_permissions(const Caller *caller, const SecretName *secret, Permission wanted,
				   pg_uuid_t *grant)
{
	GrantSet set = grants_of_caller(caller);
	const Grant *first = NULL;
	AccessRequest request;
	int allowed;

	if (set.conditional)
		access_request_now(caller, &request);
	allowed = grants_decide(&set, secret, &request, wanted, &first);
	if (grant && first)
		*grant = first->id;
	return allowed;
}

void
policy_require(const Caller *caller, const SecretName *secret, Permission wanted, pg_uuid_t *grant)
{
	if (policy_permissions(caller, secret, wanted, grant) & wanted)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for secret \"%.*s\" in environment \"%.*s\"",
					(int) secret->name_size, secret->name, (int) secret->environment_size,
					secret->environment),
			 errhint("Ask an administrator of the tenant for a grant; "
					 "vault.explain_access() shows the deciding rule.")));
}

bool
grant_is_on_everything(const Grant *grant)
{
	return grant->environments == NULL && strcmp(grant->pattern, "**") == 0;
}

bool
grants_administer(const GrantSet *set, const AccessRequest *request, bool *may)
{
	bool allowed = false;
	bool denied = false;

	for (int i = 0; i < set->count; i++)
	{
		const Grant *g = &set->grants[i];

		if (!(g->mask & MAY_GRANT) || !grant_is_in_force(g, request))
			continue;
		denied |= g->denies;
		allowed |= !g->denies && grant_is_on_everything(g);
	}
	if (may)
		*may = allowed;
	return allowed && !denied;
}

bool
policy_is_administrator(const Caller *caller)
{
	GrantSet set = grants_of_caller(caller);
	AccessRequest request;

	if (set.conditional)
		access_request_now(caller, &request);
	return grants_administer(&set, &request, NULL);
}

bool
policy_is_auditor(const Caller *caller)
{
	GrantSet set = grants_of_caller(caller);

	for (int i = 0; i < set.source_count; i++)
		if (set.sources[i].built_in && strcmp(set.sources[i].name, "auditor") == 0)
			return true;
	return false;
}

bool
policy_has_role(const Caller *caller, const pg_uuid_t *role)
{
	GrantSet set = grants_of_caller(caller);

	return grant_has_source(&set, role);
}

void
policy_init(void)
{
	grants_init();
}

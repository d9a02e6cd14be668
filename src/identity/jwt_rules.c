/*
 * jwt_rules.c
 *		Check the rules for an issuer's tokens, and the claims that they require.
 */
#include "identity/jwt_rules.h"

#include <stdlib.h>
#include <string.h>

#include "identity/jws.h"
#include "identity/strict_json.h"

bool
jwt_text_is_clean(const char *text)
{
	size_t size = strlen(text);

	return size > 0 && size <= JWT_MAX_CLAIM && text[0] != ' ' && text[size - 1] != ' ' &&
		strict_json_is_printable(text);
}

struct JwtRequired
{
	json_t *object;
};

static bool
is_simple(const json_t *value)
{
	return json_is_boolean(value) ||
		(json_is_string(value) && jwt_text_is_clean(json_string_value(value)));
}

static bool
is_wanted(const json_t *wanted)
{
	if (!json_is_array(wanted))
		return is_simple(wanted);
	for (size_t i = 0; i < json_array_size(wanted); i++)
	{
		if (!is_simple(json_array_get(wanted, i)))
			return false;
	}
	return json_array_size(wanted) > 0;
}

const char *
jwt_required_parse(const char *text, size_t size, JwtRequired **required)
{
	json_t *object;
	const char *name;
	json_t *wanted;
	bool good = true;

	*required = NULL;
	if (size > JWT_MAX_BYTES || strict_json_parse(text, size, &object) != STRICT_JSON_OK)
		return "required_claims is not a JSON object, too large, or has a number out of range";
	json_object_foreach(object, name, wanted) good &=
		jwt_text_is_clean(name) && strict_json_pointer_is_valid(name) && is_wanted(wanted);
	*required = good ? malloc(sizeof(JwtRequired)) : NULL;
	if (*required == NULL)
	{
		json_decref(object);
		return "required_claims has a value that is no string, true, false or list of these, or a "
			   "name that is none";
	}
	(*required)->object = object;
	return NULL;
}

void
jwt_required_free(JwtRequired *required)
{
	if (required == NULL)
		return;
	json_decref(required->object);
	free(required);
}

/* Return true if the claim, or an element of it, is the wanted value or one of the alternatives. */
static bool
claim_fits(const json_t *claim, const json_t *wanted)
{
	if (json_is_array(wanted))
	{
		for (size_t i = 0; i < json_array_size(wanted); i++)
		{
			if (claim_fits(claim, json_array_get(wanted, i)))
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < json_array_size(claim); i++)
	{
		if (json_equal(json_array_get(claim, i), wanted))
			return true;
	}
	return json_equal(claim, wanted) == 1;
}

bool
jwt_required_fits(const json_t *object, const JwtRequired *required)
{
	const char *name;
	json_t *wanted;

	json_object_foreach(required->object, name, wanted)
	{
		const json_t *claim = strict_json_at(object, name);

		if (claim == NULL || !claim_fits(claim, wanted))
			return false;
	}
	return true;
}

/*
 * Return true for a name or pointer that a mapped claim may have: the claims with a fixed meaning
 * are excluded.
 */
static bool
claim_name_fits(const char *name)
{
	static const char *const fixed[] = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti"};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
	{
		if (strcmp(name + (*name == '/'), fixed[i]) == 0)
			return false;
	}
	return jwt_text_is_clean(name) && strict_json_pointer_is_valid(name);
}

static bool
rules_differ(const char *a, const char *b)
{
	return a == NULL || b == NULL || strcmp(a, b) != 0;
}

const char *
jwt_rules_fault(const JwtRules *rules)
{
	const char *principal = rules->principal_claim;
	const char *tenant = rules->tenant_claim;
	const char *role = rules->role_claim;
	const char *address = rules->address_claim;
	const char *groups = rules->groups_claim;

	if (rules->issuer == NULL || !jwt_text_is_clean(rules->issuer))
		return "issuer is empty, too long, or has control characters or spaces around it";
	if (rules->audience == NULL || !jwt_text_is_clean(rules->audience))
		return "audience is empty, too long, or has control characters or spaces around it";
	if (rules->skew < 0 || rules->skew > JWT_MAX_SKEW)
		return "skew is not 0 to 60 seconds";
	if (rules->max_lifetime < 1 || rules->max_lifetime > YEAR_9999)
		return "maximum lifetime is not at least one second";
	if (principal != NULL && strcmp(principal, "sub") != 0 && !claim_name_fits(principal))
		return "claim for the principal has a fixed meaning or is no name";
	if (tenant != NULL && !claim_name_fits(tenant))
		return "claim for the tenant has a fixed meaning or is no name";
	if (role != NULL && !claim_name_fits(role))
		return "claim for the role has a fixed meaning or is no name";
	if (address != NULL && !claim_name_fits(address))
		return "claim for the address has a fixed meaning or is no name";
	if (groups != NULL && !claim_name_fits(groups))
		return "claim for the groups has a fixed meaning or is no name";
	if (rules->group_count < 0 || rules->group_count > JWT_MAX_GROUPS)
		return "groups are more than 256";
	if (!rules_differ(principal, tenant) || !rules_differ(principal, role) ||
		!rules_differ(principal, address) || !rules_differ(tenant, role) ||
		!rules_differ(tenant, address) || !rules_differ(role, address))
		return "one claim is named for two purposes";
	return NULL;
}

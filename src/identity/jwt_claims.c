/*
 * jwt_claims.c
 *		Checks the claims of a token whose signature is right, under the rules and at the current
 *		time.
 */
#include "identity/jwt_claims.h"

#include <string.h>

#include "identity/strict_json.h"

bool
jwt_claims_copy(const json_t *claims, const char *name, char out[JWT_MAX_CLAIM + 1])
{
	const char *text = json_string_value(strict_json_at(claims, name));

	if (text == NULL || !jwt_text_is_clean(text))
		return false;
	strcpy(out, text);
	return true;
}

/* Copy a claim if the token has it. name may be NULL. */
static bool
copy_optional(const json_t *claims, const char *name, char out[JWT_MAX_CLAIM + 1])
{
	return name == NULL || strict_json_at(claims, name) == NULL ||
		jwt_claims_copy(claims, name, out);
}

/* Copy the principal: sub, or another mapped claim, which also stands for a missing sub. */
static JwtFault
copy_subject(const json_t *object, const JwtRules *rules, JwtClaims *claims)
{
	const char *principal = rules->principal_claim != NULL ? rules->principal_claim : "sub";
	bool is_mapped = strcmp(principal, "sub") != 0;

	if (is_mapped ? !copy_optional(object, "sub", claims->subject)
				  : !jwt_claims_copy(object, "sub", claims->subject))
		return JWT_FAULT_SUBJECT;
	if (!jwt_claims_copy(object, principal, claims->principal))
		return JWT_FAULT_PRINCIPAL;
	if (claims->subject[0] == '\0')
		strcpy(claims->subject, claims->principal);
	return JWT_OK;
}

static bool
claim_is_text(const json_t *value, const char *text)
{
	return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

static void
find_group(const json_t *value, const JwtRules *rules, bool has_group[JWT_MAX_GROUPS])
{
	for (int i = 0; i < rules->group_count; i++)
		has_group[i] |= claim_is_text(value, rules->groups[i]);
}

/*
 * Find the groups of the rules that the token lists. A malformed list is refused and not taken for
 * an empty one, because a role can also deny.
 */
static bool
find_groups(const json_t *object, const JwtRules *rules, bool has_group[JWT_MAX_GROUPS])
{
	const json_t *list =
		rules->groups_claim != NULL ? strict_json_at(object, rules->groups_claim) : NULL;

	if (list == NULL || json_is_null(list))
		return true;
	if (json_is_string(list))
		find_group(list, rules, has_group);
	else if (!json_is_array(list))
		return false;
	for (size_t i = 0; i < json_array_size(list); i++)
	{
		const json_t *element = json_array_get(list, i);

		if (!json_is_string(element))
			return false;
		find_group(element, rules, has_group);
	}
	return true;
}

static JwtFault
copy_claims(const json_t *object, const JwtRules *rules, JwtClaims *claims)
{
	JwtFault fault = copy_subject(object, rules, claims);

	if (fault != JWT_OK)
		return fault;
	if (!copy_optional(object, rules->tenant_claim, claims->tenant))
		return JWT_FAULT_TENANT;
	if (!copy_optional(object, rules->role_claim, claims->role))
		return JWT_FAULT_ROLE;
	if (!copy_optional(object, rules->address_claim, claims->address))
		return JWT_FAULT_ADDRESS;
	if (!find_groups(object, rules, claims->has_group))
		return JWT_FAULT_GROUPS;
	if (!copy_optional(object, "jti", claims->token_id))
		return JWT_FAULT_TOKEN_ID;
	return JWT_OK;
}

/* Return true if the audience is this string, or an array of strings that contains it. */
static bool
audience_fits(const json_t *audience, const char *wanted)
{
	bool found = false;

	if (!json_is_array(audience))
		return claim_is_text(audience, wanted);
	for (size_t i = 0; i < json_array_size(audience); i++)
	{
		const json_t *element = json_array_get(audience, i);

		if (!json_is_string(element))
			return false;
		found |= claim_is_text(element, wanted);
	}
	return found;
}

/*
 * Read a number in range, without its fraction (RFC 7519 section 2 allows one). *out is unchanged
 * if there is no such claim.
 */
static bool
read_time(const json_t *claims, const char *name, int64_t *out)
{
	const json_t *value = json_object_get(claims, name);
	double seconds = json_number_value(value);

	if (value == NULL)
		return true;
	if (!json_is_number(value) || !(seconds >= 0 && seconds <= (double) YEAR_9999))
		return false;
	*out = (int64_t) seconds;
	return true;
}

static JwtFault
check_times(const json_t *object, const JwtRules *rules, int64_t now, JwtClaims *claims)
{
	int64_t expires = -1;
	int64_t not_before = 0;
	int64_t issued = -1;
	int64_t start;

	if (!read_time(object, "exp", &expires) || expires < 0)
		return JWT_FAULT_EXPIRY;
	if (!read_time(object, "nbf", &not_before))
		return JWT_FAULT_NOT_BEFORE;
	if (!read_time(object, "iat", &issued))
		return JWT_FAULT_ISSUED_AT;

	if (now >= expires + rules->skew)
		return JWT_FAULT_EXPIRED;
	if (now + rules->skew < not_before)
		return JWT_FAULT_NOT_YET_VALID;
	if (now + rules->skew < issued)
		return JWT_FAULT_ISSUED_IN_FUTURE;
	start = issued >= 0 ? issued : now;
	if (expires - start > rules->max_lifetime || (issued >= 0 && expires <= issued))
		return JWT_FAULT_LIFETIME;

	claims->issued_at = issued >= 0 ? issued : 0;
	claims->expires_at = expires;
	claims->valid_until = expires + rules->skew;
	return JWT_OK;
}

JwtFault
jwt_claims_check(const json_t *object, const JwtRules *rules, int64_t now, JwtClaims *claims)
{
	JwtFault fault;

	if (!claim_is_text(json_object_get(object, "iss"), rules->issuer))
		return JWT_FAULT_ISSUER;
	if (!audience_fits(json_object_get(object, "aud"), rules->audience))
		return JWT_FAULT_AUDIENCE;
	fault = check_times(object, rules, now, claims);
	if (fault == JWT_OK && rules->required != NULL && !jwt_required_fits(object, rules->required))
		fault = JWT_FAULT_REQUIRED;
	return fault != JWT_OK ? fault : copy_claims(object, rules, claims);
}

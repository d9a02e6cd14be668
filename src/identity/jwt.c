/*
 * jwt.c
 *		Tokens; jwt.h has the rules.
 *
 * Guards who a caller is.  jws_verify decides whether a key of the set signed the
 * text, check_claims whether what it signed holds here and now.  There is one way to
 * JWT_OK, through both.  Nothing is read from a payload before its signature holds,
 * but for jwt_peek_issuer, whose answer decides nothing.
 */
#include "identity/jwt.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "identity/strict_json.h"

#define YEAR_9999 INT64_C(253402300799)

_Static_assert(JWT_FAULT_HEADER_DUPLICATE - JWT_FAULT_HEADER_SYNTAX ==
					   STRICT_JSON_DUPLICATE - STRICT_JSON_SYNTAX &&
				   JWT_FAULT_CLAIMS_DUPLICATE - JWT_FAULT_CLAIMS_SYNTAX ==
					   STRICT_JSON_DUPLICATE - STRICT_JSON_SYNTAX,
			   "faults of JSON have one order");

typedef struct JwtSegment
{
	const char *text;
	size_t size;
} JwtSegment;

typedef struct Segments
{
	JwtSegment header;
	JwtSegment payload;
	JwtSegment signature;
	JwtSegment signed_part; /* header and payload, with the dot between them */
} Segments;

const char *
jwt_fault_text(JwtFault fault)
{
	static const char *const texts[] = {
		[JWT_OK] = "the token is valid",
		[JWT_FAULT_RULES] = "the issuer's rules are not complete",
		[JWT_FAULT_SIZE] = "the token is larger than 16 KiB",
		[JWT_FAULT_SEGMENTS] = "the token does not have three segments",
		[JWT_FAULT_ENCRYPTED] = "the token has five segments: it is encrypted, not signed",
		[JWT_FAULT_BASE64] = "a segment is not base64url without padding",
		[JWT_FAULT_HEADER_SYNTAX] = "the header is not a JSON object",
		[JWT_FAULT_HEADER_NESTING] = "the header is nested too deeply",
		[JWT_FAULT_HEADER_DUPLICATE] = "the header has a member twice",
		[JWT_FAULT_HEADER_MEMBER] = "the header has crit or b64, which change what a token means",
		[JWT_FAULT_HEADER_KEY] = "the header brings a key along (jwk)",
		[JWT_FAULT_TYPE] = "typ is not that of an access token",
		[JWT_FAULT_ALGORITHM_NONE] = "alg is none",
		[JWT_FAULT_ALGORITHM_SYMMETRIC] = "alg is symmetric",
		[JWT_FAULT_ALGORITHM] = "alg is missing or not that of the key",
		[JWT_FAULT_KID] = "kid is missing or malformed",
		[JWT_FAULT_KEY_UNKNOWN] = "kid is not that of a key of the issuer",
		[JWT_FAULT_SIGNATURE] = "the signature is wrong",
		[JWT_FAULT_CLAIMS_SYNTAX] = "the claims are not a JSON object",
		[JWT_FAULT_CLAIMS_NESTING] = "the claims are nested too deeply",
		[JWT_FAULT_CLAIMS_DUPLICATE] = "the claims have a member twice",
		[JWT_FAULT_ISSUER] = "iss is not the issuer",
		[JWT_FAULT_AUDIENCE] = "aud is missing or does not hold the audience",
		[JWT_FAULT_EXPIRY] = "exp is missing or malformed",
		[JWT_FAULT_EXPIRED] = "the token has expired",
		[JWT_FAULT_NOT_BEFORE] = "nbf is malformed",
		[JWT_FAULT_NOT_YET_VALID] = "the token is not valid yet",
		[JWT_FAULT_ISSUED_AT] = "iat is malformed",
		[JWT_FAULT_ISSUED_IN_FUTURE] = "the token was issued in the future",
		[JWT_FAULT_LIFETIME] = "the token lives longer than the issuer's may (max_lifetime)",
		[JWT_FAULT_REQUIRED] = "a required claim is missing or has another value",
		[JWT_FAULT_SUBJECT] = "sub is missing or malformed",
		[JWT_FAULT_PRINCIPAL] = "the claim for the principal is missing or malformed",
		[JWT_FAULT_TENANT] = "the claim for the tenant is malformed",
		[JWT_FAULT_ROLE] = "the claim for the role is malformed",
		[JWT_FAULT_ADDRESS] = "the claim for the address is malformed",
		[JWT_FAULT_GROUPS] = "the claim for the groups is not a list of strings",
		[JWT_FAULT_TOKEN_ID] = "jti is malformed",
		[JWT_FAULT_INTERNAL] = "the token could not be checked",
	};

	return texts[fault];
}

/* ---- form ---- */

/* The text up to the next dot, or to its end; what follows the dot is left in rest. */
static bool
jwt_cut(JwtSegment *rest, JwtSegment *segment)
{
	const char *dot = rest->size > 0 ? memchr(rest->text, '.', rest->size) : NULL;

	*segment = *rest;
	if (dot == NULL)
		return false;
	segment->size = (size_t) (dot - rest->text);
	rest->text = dot + 1;
	rest->size -= segment->size + 1;
	return true;
}

/* What follows three segments is two more: the compact form of JWE. */
static bool
has_two_more(JwtSegment rest)
{
	JwtSegment segment;

	return jwt_cut(&rest, &segment) && !jwt_cut(&rest, &segment);
}

static JwtFault
jwt_split(const char *text, size_t size, Segments *s)
{
	JwtSegment rest = {text, size};

	if (size > JWT_MAX_BYTES)
		return JWT_FAULT_SIZE;
	if (!jwt_cut(&rest, &s->header) || !jwt_cut(&rest, &s->payload))
		return JWT_FAULT_SEGMENTS;
	if (jwt_cut(&rest, &s->signature))
		return has_two_more(rest) ? JWT_FAULT_ENCRYPTED : JWT_FAULT_SEGMENTS;
	if (s->header.size == 0 || s->signature.size == 0)
		return JWT_FAULT_SEGMENTS;
	s->signed_part.text = text;
	s->signed_part.size = s->header.size + 1 + s->payload.size;
	return JWT_OK;
}

static bool
jwt_decode(const JwtSegment *segment, unsigned char out[JWT_MAX_PAYLOAD], size_t *size)
{
	return base64_decode(BASE64_URL, segment->text, segment->size, out, JWT_MAX_PAYLOAD, size) ==
		CRYPTO_OK;
}

static bool
is_of_token(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
		c == '_' || c == '.';
}

const char *
jwt_form_fault(const char *text, size_t size)
{
	if (size == 0)
		return "it is empty";
	if (size >= 7 && strncasecmp(text, "Bearer ", 7) == 0)
		return "it begins with \"Bearer \", which is the header's and not the token's";
	if (text[0] == '"' || text[0] == '\'')
		return "it is in quotes";
	if (strchr(" \t\r\n", text[0]) != NULL)
		return "there is white space before it";
	if (strchr(" \t\r\n", text[size - 1]) != NULL)
		return "there is white space or a line feed behind it";
	if (size > JWT_MAX_BYTES)
		return jwt_fault_text(JWT_FAULT_SIZE);
	for (size_t i = 0; i < size; i++)
	{
		if (!is_of_token(text[i]))
			return "it is no token: it has characters that none has";
	}
	return NULL;
}

/* syntax is the fault that the first of StrictJsonFault's stands for. */
static JwtFault
jwt_parse(const unsigned char *text, size_t size, JwtFault syntax, json_t **object)
{
	StrictJsonFault fault = strict_json_parse_numbers(text, size, object);

	return fault == STRICT_JSON_OK ? JWT_OK : syntax + (fault - STRICT_JSON_SYNTAX);
}

/* ---- the header ---- */

static JwtFault
check_algorithm(const char *algorithm)
{
	if (algorithm == NULL)
		return JWT_FAULT_ALGORITHM;
	if (strcasecmp(algorithm, "none") == 0)
		return JWT_FAULT_ALGORITHM_NONE;
	if (strncasecmp(algorithm, "HS", 2) == 0)
		return JWT_FAULT_ALGORITHM_SYMMETRIC;
	return JWT_OK;
}

/* Media types have no case (RFC 2045 section 5.1), and "application/" may be left out. */
static bool
type_fits(const json_t *header)
{
	static const char *const types[] = {"JWT", "at+jwt", "JOSE"};
	const char *type = strict_json_string(header, "typ");

	if (!strict_json_has(header, "typ"))
		return true;
	if (type == NULL)
		return false;
	if (strncasecmp(type, "application/", 12) == 0)
		type += 12;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		if (strcasecmp(type, types[i]) == 0)
			return true;
	}
	return false;
}

/* Finds the key, and copies its kid. */
static JwtFault
check_header(const json_t *header, const JwtKeySet *keys, const PublicKey **key,
			 char kid[JWKS_MAX_KID + 1])
{
	const char *algorithm = strict_json_string(header, "alg");
	const char *name = strict_json_string(header, "kid");
	JwtFault fault = check_algorithm(algorithm);

	if (fault != JWT_OK)
		return fault;
	if (strict_json_has(header, "jwk"))
		return JWT_FAULT_HEADER_KEY;
	if (strict_json_has(header, "crit") || strict_json_has(header, "b64"))
		return JWT_FAULT_HEADER_MEMBER;
	if (!type_fits(header))
		return JWT_FAULT_TYPE;
	if (name == NULL || !jwks_kid_is_valid(name))
		return JWT_FAULT_KID;
	*key = jwks_find(keys, name);
	if (*key == NULL)
		return JWT_FAULT_KEY_UNKNOWN;
	if (strcmp(algorithm, jwks_algorithm_name(public_key_algorithm(*key))) != 0)
		return JWT_FAULT_ALGORITHM;
	strcpy(kid, name);
	return JWT_OK;
}

static JwtFault
jwt_read_header(const JwtSegment *segment, const JwtKeySet *keys, const PublicKey **key,
				char kid[JWKS_MAX_KID + 1])
{
	unsigned char text[JWT_MAX_PAYLOAD];
	size_t size;
	json_t *header;
	JwtFault fault;

	if (!jwt_decode(segment, text, &size))
		return JWT_FAULT_BASE64;
	fault = jwt_parse(text, size, JWT_FAULT_HEADER_SYNTAX, &header);
	if (fault == JWT_OK)
		fault = check_header(header, keys, key, kid);
	json_decref(header);
	return fault;
}

/* ---- the signature ---- */

static JwtFault
check_signature(const Segments *s, const PublicKey *key)
{
	unsigned char signature[JWT_MAX_PAYLOAD];
	size_t size;

	if (!jwt_decode(&s->signature, signature, &size))
		return JWT_FAULT_BASE64;
	switch (signature_verify(key, s->signed_part.text, s->signed_part.size, signature, size))
	{
		case CRYPTO_OK:
			return JWT_OK;
		case CRYPTO_ERR_INTERNAL:
			return JWT_FAULT_INTERNAL;
		default:
			return JWT_FAULT_SIGNATURE;
	}
}

JwtFault
jws_verify(const JwtKeySet *keys, const char *text, size_t size, char kid[JWKS_MAX_KID + 1],
		   unsigned char payload[JWT_MAX_PAYLOAD], size_t *payload_size)
{
	char found[JWKS_MAX_KID + 1];
	Segments segments;
	const PublicKey *key = NULL;
	JwtFault fault;

	*kid = '\0';
	*payload_size = 0;
	fault = jwt_split(text, size, &segments);
	if (fault == JWT_OK)
		fault = jwt_read_header(&segments.header, keys, &key, found);
	if (fault == JWT_OK)
		fault = check_signature(&segments, key);
	if (fault == JWT_OK && !jwt_decode(&segments.payload, payload, payload_size))
		fault = JWT_FAULT_BASE64;
	if (fault == JWT_OK)
		strcpy(kid, found);
	return fault;
}

/* ---- the claims ---- */

/* 1 to JWT_MAX_CLAIM bytes of UTF-8, no control character, no space at either end. */
static bool
text_is_clean(const char *text)
{
	size_t size = strlen(text);

	return size > 0 && size <= JWT_MAX_CLAIM && text[0] != ' ' && text[size - 1] != ' ' &&
		strict_json_is_printable(text);
}

static bool
copy_required(const json_t *claims, const char *name, char out[JWT_MAX_CLAIM + 1])
{
	const char *text = json_string_value(strict_json_at(claims, name));

	if (text == NULL || !text_is_clean(text))
		return false;
	strcpy(out, text);
	return true;
}

/* name may be NULL; out stays as it is if there is no such claim. */
static bool
copy_optional(const json_t *claims, const char *name, char out[JWT_MAX_CLAIM + 1])
{
	return name == NULL || strict_json_at(claims, name) == NULL || copy_required(claims, name, out);
}

/* Who: sub, unless another claim says it; then that one stands for a sub that is missing. */
static JwtFault
copy_subject(const json_t *object, const JwtRules *rules, JwtClaims *claims)
{
	const char *principal = rules->principal_claim != NULL ? rules->principal_claim : "sub";
	bool is_mapped = strcmp(principal, "sub") != 0;

	if (is_mapped ? !copy_optional(object, "sub", claims->subject)
				  : !copy_required(object, "sub", claims->subject))
		return JWT_FAULT_SUBJECT;
	if (!copy_required(object, principal, claims->principal))
		return JWT_FAULT_PRINCIPAL;
	if (claims->subject[0] == '\0')
		strcpy(claims->subject, claims->principal);
	return JWT_OK;
}

static bool
jwt_is_text(const json_t *value, const char *text)
{
	return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

static void
find_group(const json_t *value, const JwtRules *rules, bool has_group[JWT_MAX_GROUPS])
{
	for (int i = 0; i < rules->group_count; i++)
		has_group[i] |= jwt_is_text(value, rules->groups[i]);
}

/*
 * Which of the rules' groups the token lists.  Malformed is refused and not taken for none:
 * a role can take rights away, too.
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

/* One string, or an array of strings and nothing else. */
static bool
audience_fits(const json_t *audience, const char *wanted)
{
	bool found = false;

	if (!json_is_array(audience))
		return jwt_is_text(audience, wanted);
	for (size_t i = 0; i < json_array_size(audience); i++)
	{
		const json_t *element = json_array_get(audience, i);

		if (!json_is_string(element))
			return false;
		found |= jwt_is_text(element, wanted);
	}
	return found;
}

/*
 * A number in range, without its fraction (RFC 7519 section 2 allows one); *out stays as it is
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

/* ---- required claims ---- */

struct JwtRequired
{
	json_t *object;
};

static bool
is_simple(const json_t *value)
{
	return json_is_boolean(value) ||
		(json_is_string(value) && text_is_clean(json_string_value(value)));
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
		return "required_claims is no JSON object, too large, or has a number out of range";
	json_object_foreach(object, name, wanted) good &=
		text_is_clean(name) && strict_json_pointer_is_valid(name) && is_wanted(wanted);
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

/* The claim, or an element of it, is what is wanted, or one of the alternatives. */
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

static bool
required_fits(const json_t *object, const JwtRequired *required)
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

static JwtFault
check_claims(const json_t *object, const JwtRules *rules, int64_t now, JwtClaims *claims)
{
	JwtFault fault;

	if (!jwt_is_text(json_object_get(object, "iss"), rules->issuer))
		return JWT_FAULT_ISSUER;
	if (!audience_fits(json_object_get(object, "aud"), rules->audience))
		return JWT_FAULT_AUDIENCE;
	fault = check_times(object, rules, now, claims);
	if (fault == JWT_OK && rules->required != NULL && !required_fits(object, rules->required))
		fault = JWT_FAULT_REQUIRED;
	return fault != JWT_OK ? fault : copy_claims(object, rules, claims);
}

/* ---- the rules ---- */

/* A name or pointer for a mapped claim: none of those whose meaning is fixed. */
static bool
claim_name_fits(const char *name)
{
	static const char *const fixed[] = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti"};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
	{
		if (strcmp(name + (*name == '/'), fixed[i]) == 0)
			return false;
	}
	return text_is_clean(name) && strict_json_pointer_is_valid(name);
}

static bool
jwt_differ(const char *a, const char *b)
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

	if (rules->issuer == NULL || !text_is_clean(rules->issuer))
		return "issuer is empty, too long, or has control characters or spaces around it";
	if (rules->audience == NULL || !text_is_clean(rules->audience))
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
	if (!jwt_differ(principal, tenant) || !jwt_differ(principal, role) ||
		!jwt_differ(principal, address) || !jwt_differ(tenant, role) ||
		!jwt_differ(tenant, address) || !jwt_differ(role, address))
		return "one claim is named for two purposes";
	return NULL;
}

/* ---- the whole ---- */

JwtFault
jwt_verify(const JwtKeySet *keys, const JwtRules *rules, const char *text, size_t size, int64_t now,
		   JwtClaims *claims)
{
	unsigned char payload[JWT_MAX_PAYLOAD];
	size_t payload_size;
	json_t *object = NULL;
	JwtFault fault;

	memset(claims, 0, sizeof(*claims));
	if (jwt_rules_fault(rules) != NULL || now < 0 || now > YEAR_9999)
		return JWT_FAULT_RULES;
	fault = jws_verify(keys, text, size, claims->kid, payload, &payload_size);
	if (fault == JWT_OK)
		fault = jwt_parse(payload, payload_size, JWT_FAULT_CLAIMS_SYNTAX, &object);
	if (fault == JWT_OK)
		fault = check_claims(object, rules, now, claims);
	json_decref(object);
	if (fault != JWT_OK)
		memset(claims, 0, sizeof(*claims));
	return fault;
}

bool
jwt_signed_claim(const JwtKeySet *keys, const char *text, size_t size, const char *claim,
				 char value[JWT_MAX_CLAIM + 1])
{
	unsigned char payload[JWT_MAX_PAYLOAD];
	char kid[JWKS_MAX_KID + 1];
	size_t payload_size;
	json_t *object = NULL;
	bool found;

	*value = '\0';
	if (jws_verify(keys, text, size, kid, payload, &payload_size) != JWT_OK)
		return false;
	found = jwt_parse(payload, payload_size, JWT_FAULT_CLAIMS_SYNTAX, &object) == JWT_OK &&
		copy_required(object, claim, value);
	json_decref(object);
	return found;
}

JwtFault
jwt_peek_issuer(const char *text, size_t size, char issuer[JWT_MAX_CLAIM + 1])
{
	unsigned char payload[JWT_MAX_PAYLOAD];
	size_t payload_size;
	Segments segments;
	json_t *object = NULL;
	JwtFault fault;

	*issuer = '\0';
	fault = jwt_split(text, size, &segments);
	if (fault == JWT_OK && !jwt_decode(&segments.payload, payload, &payload_size))
		fault = JWT_FAULT_BASE64;
	if (fault == JWT_OK)
		fault = jwt_parse(payload, payload_size, JWT_FAULT_CLAIMS_SYNTAX, &object);
	if (fault == JWT_OK && !copy_required(object, "iss", issuer))
		fault = JWT_FAULT_ISSUER;
	json_decref(object);
	return fault;
}

/* ---- making ---- */

/* Empty, or a claim that the rules have a name for: no pointer, which would need objects. */
static bool
can_say(const char *value, const char *name)
{
	return *value == '\0' || (name != NULL && *name != '/' && text_is_clean(value));
}

static bool
can_make(const char *kid, const JwtRules *rules, const JwtClaims *c)
{
	const char *principal = rules->principal_claim;
	bool is_subject = principal == NULL || strcmp(principal, "sub") == 0;

	return jwks_kid_is_valid(kid) && jwt_rules_fault(rules) == NULL && text_is_clean(c->subject) &&
		can_say(c->principal, is_subject ? "sub" : principal) && c->principal[0] != '\0' &&
		(!is_subject || strcmp(c->principal, c->subject) == 0) &&
		can_say(c->tenant, rules->tenant_claim) && can_say(c->role, rules->role_claim) &&
		can_say(c->address, rules->address_claim) && can_say(c->token_id, "jti") &&
		c->issued_at >= 0 && c->expires_at > c->issued_at && c->expires_at <= YEAR_9999 &&
		c->expires_at - c->issued_at <= rules->max_lifetime;
}

/* Adds a claim that is not empty; false if it is not UTF-8. */
static bool
jwt_say(json_t *object, const char *name, const char *value)
{
	return *value == '\0' || json_object_set_new(object, name, json_string(value)) == 0;
}

/* NULL if the claims are not UTF-8. */
static json_t *
claims_object(const JwtRules *rules, const JwtClaims *c)
{
	json_t *object =
		json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", rules->issuer, "aud", rules->audience, "sub",
				  c->subject, "iat", (json_int_t) c->issued_at, "exp", (json_int_t) c->expires_at);

	if (object != NULL && jwt_say(object, "jti", c->token_id) &&
		jwt_say(object, rules->principal_claim != NULL ? rules->principal_claim : "sub",
				c->principal) &&
		jwt_say(object, rules->tenant_claim, c->tenant) &&
		jwt_say(object, rules->role_claim, c->role) &&
		jwt_say(object, rules->address_claim, c->address))
		return object;
	json_decref(object);
	return NULL;
}

/* Appends the object as a segment, and a dot; takes it over.  False if it does not fit. */
static bool
append_object(json_t *object, char out[JWT_MAX_BYTES + 1], size_t *size)
{
	char text[JWT_MAX_PAYLOAD];
	size_t text_size;

	if (object == NULL)
		return false;
	text_size = json_dumpb(object, text, sizeof(text), JSON_COMPACT);
	json_decref(object);
	if (text_size == 0 || text_size > sizeof(text) ||
		*size + base64_size(text_size) + 1 > JWT_MAX_BYTES)
		return false;
	*size += base64_encode(BASE64_URL, text, text_size, out + *size);
	out[(*size)++] = '.';
	return true;
}

CryptoStatus
jwt_make(const SecretKey *seed, const char *kid, const JwtRules *rules, const JwtClaims *claims,
		 char out[JWT_MAX_BYTES + 1], size_t *size)
{
	unsigned char signature[ED25519_SIGNATURE_BYTES];
	CryptoStatus status;

	*size = 0;
	*out = '\0';
	if (!can_make(kid, rules, claims))
		return CRYPTO_ERR_FORMAT;
	if (!append_object(json_pack("{s:s, s:s, s:s}", "alg", jwks_algorithm_name(SIGNATURE_EDDSA),
								 "kid", kid, "typ", "JWT"),
					   out, size) ||
		!append_object(claims_object(rules, claims), out, size) ||
		*size + base64_size(sizeof(signature)) > JWT_MAX_BYTES)
		status = CRYPTO_ERR_FORMAT;
	else
		status = ed25519_sign(seed, out, *size - 1, signature); /* without the last dot */
	if (status == CRYPTO_OK)
		*size += base64_encode(BASE64_URL, signature, sizeof(signature), out + *size);
	else
	{
		secret_wipe(out, JWT_MAX_BYTES + 1);
		*size = 0;
	}
	return status;
}

/*
 * jwt.c
 *		Verifies and makes tokens; jwt.h has the rules.
 *
 * It guards the identity of callers. jws_verify() decides whether a key of the set has signed the
 * text, and jwt_claims_check() whether the claims are true now. The only way to JWT_OK leads
 * through both.
 */
#include "identity/jwt.h"

#include <string.h>

#include "identity/jws.h"
#include "identity/strict_json.h"

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
		fault = jws_parse_json(payload, payload_size, JWT_FAULT_CLAIMS_SYNTAX, &object);
	if (fault == JWT_OK)
		fault = jwt_claims_check(object, rules, now, claims);
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
	found = jws_parse_json(payload, payload_size, JWT_FAULT_CLAIMS_SYNTAX, &object) == JWT_OK &&
		jwt_claims_copy(object, claim, value);
	json_decref(object);
	return found;
}

JwtFault
jwt_peek_issuer(const char *text, size_t size, char issuer[JWT_MAX_CLAIM + 1])
{
	unsigned char payload[JWT_MAX_PAYLOAD];
	size_t payload_size;
	json_t *object = NULL;
	JwtFault fault;

	*issuer = '\0';
	fault = jws_peek(text, size, payload, &payload_size);
	if (fault == JWT_OK)
		fault = jws_parse_json(payload, payload_size, JWT_FAULT_CLAIMS_SYNTAX, &object);
	if (fault == JWT_OK && !jwt_claims_copy(object, "iss", issuer))
		fault = JWT_FAULT_ISSUER;
	json_decref(object);
	return fault;
}

/*
 * Return true if the value is empty, or a claim has a name in the rules. The name may not be a
 * pointer, which would need nested objects.
 */
static bool
can_say(const char *value, const char *name)
{
	return *value == '\0' || (name != NULL && *name != '/' && jwt_text_is_clean(value));
}

static bool
can_make(const char *kid, const JwtRules *rules, const JwtClaims *c)
{
	const char *principal = rules->principal_claim;
	bool is_subject = principal == NULL || strcmp(principal, "sub") == 0;

	return jwks_kid_is_valid(kid) && jwt_rules_fault(rules) == NULL &&
		jwt_text_is_clean(c->subject) && can_say(c->principal, is_subject ? "sub" : principal) &&
		c->principal[0] != '\0' && (!is_subject || strcmp(c->principal, c->subject) == 0) &&
		can_say(c->tenant, rules->tenant_claim) && can_say(c->role, rules->role_claim) &&
		can_say(c->address, rules->address_claim) && can_say(c->token_id, "jti") &&
		c->issued_at >= 0 && c->expires_at > c->issued_at && c->expires_at <= YEAR_9999 &&
		c->expires_at - c->issued_at <= rules->max_lifetime;
}

/* Add a claim that is not empty. Returns false if it is not UTF-8. */
static bool
jwt_say(json_t *object, const char *name, const char *value)
{
	return *value == '\0' || json_object_set_new(object, name, json_string(value)) == 0;
}

/* Return the claims as an object; NULL if they are not UTF-8. */
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

/* Append the object as a segment, and a dot. Frees the object. Returns false if it does not fit. */
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
	secret_wipe(signature, sizeof(signature));
	return status;
}

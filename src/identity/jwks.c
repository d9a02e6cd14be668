/*
 * jwks.c
 *		Reading key sets; jwks.h has the rules.
 *
 * Guards what a token may be verified with: a key that gets in here is trusted for
 * its kid until the set is replaced.
 */
#include "identity/jwks.h"

#include <stdlib.h>
#include <string.h>

#include "identity/strict_json.h"

typedef struct PinnedKey
{
	char kid[JWKS_MAX_KID + 1];
	PublicKey *key;
} PinnedKey;

struct JwtKeySet
{
	int count;
	PinnedKey keys[JWKS_MAX_KEYS];
};

/* A decoded member; larger than any that is accepted. */
typedef struct Number
{
	unsigned char bytes[RSA_MAX_BITS / 8 + 1];
	size_t size;
} Number;

const char *
jwks_algorithm_name(SignatureAlgorithm algorithm)
{
	static const char *const names[] = {
		[SIGNATURE_EDDSA] = "EdDSA",
		[SIGNATURE_ES256] = "ES256",
		[SIGNATURE_RS256] = "RS256",
		[SIGNATURE_PS256] = "PS256",
	};

	return names[algorithm];
}

bool
jwks_kid_is_valid(const char *kid)
{
	size_t size = strlen(kid);

	for (size_t i = 0; i < size; i++)
	{
		if (kid[i] < ' ' || kid[i] > '~')
			return false;
	}
	return size > 0 && size <= JWKS_MAX_KID;
}

static bool
decode_number(const json_t *jwk, const char *name, Number *number)
{
	const char *text = strict_json_string(jwk, name);

	return text != NULL &&
		base64_decode(BASE64_URL, text, strlen(text), number->bytes, sizeof(number->bytes),
					  &number->size) == CRYPTO_OK;
}

/* The member is absent or this string. */
static bool
absent_or(const json_t *jwk, const char *name, const char *value)
{
	const char *text = strict_json_string(jwk, name);

	return !strict_json_has(jwk, name) || (text != NULL && strcmp(text, value) == 0);
}

static bool
is_string(const json_t *jwk, const char *name, const char *value)
{
	return strict_json_has(jwk, name) && absent_or(jwk, name, value);
}

/* Absent, or verifying and nothing else. */
static bool
operations_fit(const json_t *jwk)
{
	const json_t *operations = json_object_get(jwk, "key_ops");
	const char *first = json_string_value(json_array_get(operations, 0));

	return operations == NULL ||
		(json_array_size(operations) == 1 && first != NULL && strcmp(first, "verify") == 0);
}

static const char *
okp_key(const json_t *jwk, PublicKey **key)
{
	Number x;

	if (!is_string(jwk, "crv", "Ed25519"))
		return "member crv of an OKP key is not Ed25519";
	if (!absent_or(jwk, "alg", jwks_algorithm_name(SIGNATURE_EDDSA)))
		return "member alg of an OKP key is not EdDSA";
	if (!decode_number(jwk, "x", &x) || public_key_ed25519(x.bytes, x.size, key) != CRYPTO_OK)
		return "member x is not an Ed25519 public key in base64url";
	return NULL;
}

static const char *
ec_key(const json_t *jwk, PublicKey **key)
{
	Number x;
	Number y;

	if (!is_string(jwk, "crv", "P-256"))
		return "member crv of an EC key is not P-256";
	if (!absent_or(jwk, "alg", jwks_algorithm_name(SIGNATURE_ES256)))
		return "member alg of an EC key is not ES256";
	if (!decode_number(jwk, "x", &x) || !decode_number(jwk, "y", &y) ||
		public_key_p256(x.bytes, x.size, y.bytes, y.size, key) != CRYPTO_OK)
		return "members x and y are not a point on P-256, 32 bytes each in base64url";
	return NULL;
}

static const char *
rsa_key(const json_t *jwk, PublicKey **key)
{
	SignatureAlgorithm algorithm = SIGNATURE_RS256;
	Number n;
	Number e;

	if (is_string(jwk, "alg", jwks_algorithm_name(SIGNATURE_PS256)))
		algorithm = SIGNATURE_PS256;
	else if (!is_string(jwk, "alg", jwks_algorithm_name(SIGNATURE_RS256)))
		return "member alg of an RSA key is not RS256 or PS256";
	if (!decode_number(jwk, "n", &n) || !decode_number(jwk, "e", &e) ||
		public_key_rsa(algorithm, n.bytes, n.size, e.bytes, e.size, key) != CRYPTO_OK)
		return "members n and e are not an RSA public key of 2048 to 8192 bits in base64url";
	return NULL;
}

static bool
has_private_member(const json_t *jwk)
{
	static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strict_json_has(jwk, names[i]))
			return true;
	}
	return false;
}

static const char *
pin_key(const json_t *jwk, JwtKeySet *keys)
{
	PinnedKey *pinned = &keys->keys[keys->count];
	const char *kid = strict_json_string(jwk, "kid");
	const char *type = strict_json_string(jwk, "kty");
	const char *fault;

	if (!json_is_object(jwk))
		return "member keys holds something that is not an object";
	if (type == NULL)
		return "member kty is missing or not a string";
	if (strcmp(type, "OKP") != 0 && strcmp(type, "EC") != 0 && strcmp(type, "RSA") != 0)
		return "member kty is not OKP, EC or RSA";
	if (has_private_member(jwk))
		return "a member of private keys is there (d, p, q, dp, dq, qi, oth or k)";
	if (kid == NULL || !jwks_kid_is_valid(kid))
		return "member kid is missing or not 1 to 128 printable ASCII characters";
	if (jwks_find(keys, kid) != NULL)
		return "member kid is that of an earlier key";
	if (!absent_or(jwk, "use", "sig"))
		return "member use is not sig";
	if (!operations_fit(jwk))
		return "member key_ops is not verify alone";

	fault = *type == 'O' ? okp_key(jwk, &pinned->key)
		: *type == 'E'   ? ec_key(jwk, &pinned->key)
						 : rsa_key(jwk, &pinned->key);
	if (fault != NULL)
		return fault;
	strcpy(pinned->kid, kid);
	keys->count++;
	return NULL;
}

static const char *
pin_all(const json_t *list, JwtKeySet *keys, int *position)
{
	const char *fault = NULL;

	if (!json_is_array(list))
		return "member keys is missing or not an array";
	if (json_array_size(list) < 1 || json_array_size(list) > JWKS_MAX_KEYS)
		return "member keys does not hold 1 to 16 keys";
	for (size_t i = 0; i < json_array_size(list) && fault == NULL; i++)
	{
		*position = (int) i + 1;
		fault = pin_key(json_array_get(list, i), keys);
	}
	return fault;
}

static const char *
load(const char *text, size_t size, json_t **object)
{
	if (size > JWKS_MAX_BYTES)
		return "the key set is larger than 64 KiB";
	switch (strict_json_parse(text, size, object))
	{
		case STRICT_JSON_OK:
			return NULL;
		case STRICT_JSON_NESTING:
			return "the key set is nested more than 8 levels deep";
		case STRICT_JSON_DUPLICATE:
			return "the key set has an object with two members of one name";
		case STRICT_JSON_SYNTAX:
			break;
	}
	return "the key set is not a JSON object";
}

const char *
jwks_parse(const char *text, size_t size, JwtKeySet **keys, int *position)
{
	json_t *object;
	JwtKeySet *fresh;
	const char *fault;

	*keys = NULL;
	*position = 0;
	fault = load(text, size, &object);
	if (fault != NULL)
		return fault;

	fresh = calloc(1, sizeof(JwtKeySet));
	fault = fresh == NULL ? "there is no memory for the key set"
						  : pin_all(json_object_get(object, "keys"), fresh, position);
	json_decref(object);
	if (fault != NULL)
	{
		jwks_free(fresh);
		return fault;
	}
	*position = 0;
	*keys = fresh;
	return NULL;
}

CryptoStatus
jwks_of_ed25519(const char *kid, const unsigned char public_key[ED25519_PUBLIC_BYTES],
				JwtKeySet **keys)
{
	JwtKeySet *fresh;
	CryptoStatus status;

	*keys = NULL;
	if (!jwks_kid_is_valid(kid))
		return CRYPTO_ERR_FORMAT;
	fresh = calloc(1, sizeof(JwtKeySet));
	if (fresh == NULL)
		return CRYPTO_ERR_INTERNAL;
	status = public_key_ed25519(public_key, ED25519_PUBLIC_BYTES, &fresh->keys[0].key);
	if (status != CRYPTO_OK)
	{
		jwks_free(fresh);
		return status;
	}
	strcpy(fresh->keys[0].kid, kid);
	fresh->count = 1;
	*keys = fresh;
	return CRYPTO_OK;
}

int
jwks_count(const JwtKeySet *keys)
{
	return keys->count;
}

const PublicKey *
jwks_find(const JwtKeySet *keys, const char *kid)
{
	for (int i = 0; i < keys->count; i++)
	{
		if (strcmp(keys->keys[i].kid, kid) == 0)
			return keys->keys[i].key;
	}
	return NULL;
}

void
jwks_free(JwtKeySet *keys)
{
	if (keys == NULL)
		return;
	for (int i = 0; i < keys->count; i++)
		public_key_free(keys->keys[i].key);
	free(keys);
}

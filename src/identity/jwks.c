/*
 * jwks.c
 *		Parses key sets; jwks.h has the rules.
 *
 * It guards which keys a token may be verified with: a key that is taken here is trusted for its
 * kid until the set is replaced.
 */
#include "identity/jwks.h"

#include <stdlib.h>
#include <string.h>

#include "identity/strict_json.h"

typedef struct PinnedKey
{
	char kid[JWKS_MAX_KID + 1];
	PublicKey *key;
	json_t *members; /* members that are stored; NULL for a key that was not parsed */
} PinnedKey;

#define COORDINATE_BYTES 32 /* of P-256; an Ed25519 key has as many */

struct JwtKeySet
{
	int count;
	PinnedKey keys[JWKS_MAX_KEYS];
};

/* A decoded member. It has room for more than is accepted. */
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

const char *
jwks_algorithms(const char *const *names, int count, JwksAlgorithms *algorithms)
{
	bool has_rsa = false;

	memset(algorithms, 0, sizeof(*algorithms));
	algorithms->rsa = SIGNATURE_RS256;
	if (count < 1)
		return "algorithms are an empty list";
	for (int i = 0; i < count; i++)
	{
		int found = -1;

		for (int a = SIGNATURE_EDDSA; a <= SIGNATURE_PS256; a++)
			found = strcmp(names[i], jwks_algorithm_name(a)) == 0 ? a : found;
		if (found < 0)
			return "algorithms holds one that is not EdDSA, ES256, RS256 or PS256";
		algorithms->allowed[found] = true;
		if (!has_rsa && (found == SIGNATURE_RS256 || found == SIGNATURE_PS256))
		{
			algorithms->rsa = found;
			has_rsa = true;
		}
	}
	return NULL;
}

bool
jwks_kid_is_valid(const char *kid)
{
	size_t size = strlen(kid);

	return size > 0 && size <= JWKS_MAX_KID && strict_json_is_printable(kid);
}

/* Decode a base64url number. Padding is optional, and leading zeros are removed. */
static bool
decode_number(const json_t *jwk, const char *name, Number *number)
{
	const char *text = strict_json_string(jwk, name);
	size_t size = text != NULL ? strlen(text) : 0;
	size_t zeros = 0;

	for (int i = 0; i < 2 && size > 0 && size % 4 != 1 && text[size - 1] == '='; i++)
		size--;
	if (text == NULL ||
		base64_decode(BASE64_URL, text, size, number->bytes, sizeof(number->bytes),
					  &number->size) != CRYPTO_OK)
		return false;
	while (zeros < number->size && number->bytes[zeros] == 0)
		zeros++;
	number->size -= zeros;
	memmove(number->bytes, number->bytes + zeros, number->size);
	return true;
}

/* Decode a coordinate: as many bytes as the curve's numbers have, with leading zeros. */
static bool
decode_coordinate(const json_t *jwk, const char *name, Number *number)
{
	size_t zeros;

	if (!decode_number(jwk, name, number) || number->size > COORDINATE_BYTES)
		return false;
	zeros = COORDINATE_BYTES - number->size;
	memmove(number->bytes + zeros, number->bytes, number->size);
	memset(number->bytes, 0, zeros);
	number->size = COORDINATE_BYTES;
	return true;
}

/* Return true if the member is absent or this string. */
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

/* Return true if key_ops is absent, or a list of strings with "verify". */
static bool
operations_fit(const json_t *jwk)
{
	const json_t *operations = json_object_get(jwk, "key_ops");
	bool verifies = operations == NULL;

	for (size_t i = 0; i < json_array_size(operations); i++)
	{
		const char *operation = json_string_value(json_array_get(operations, i));

		if (operation == NULL)
			return false;
		verifies |= strcmp(operation, "verify") == 0;
	}
	return verifies;
}

static const char *
okp_key(const json_t *jwk, PublicKey **key)
{
	const char *x = strict_json_string(jwk, "x");
	unsigned char bytes[COORDINATE_BYTES + 1];
	size_t size = x != NULL ? strlen(x) : 0;

	if (!is_string(jwk, "crv", "Ed25519"))
		return "member crv of an OKP key is not Ed25519";
	if (!absent_or(jwk, "alg", jwks_algorithm_name(SIGNATURE_EDDSA)))
		return "member alg of an OKP key is not EdDSA";
	/* It is not a number, so its zeros count. 32 bytes have one character of padding. */
	if (size == 44 && x[43] == '=')
		size--;
	if (x == NULL || base64_decode(BASE64_URL, x, size, bytes, sizeof(bytes), &size) != CRYPTO_OK ||
		public_key_ed25519(bytes, size, key) != CRYPTO_OK)
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
	if (!decode_coordinate(jwk, "x", &x) || !decode_coordinate(jwk, "y", &y) ||
		public_key_p256(x.bytes, x.size, y.bytes, y.size, key) != CRYPTO_OK)
		return "members x and y are not a point on P-256, 32 bytes each in base64url";
	return NULL;
}

static const char *
rsa_key(const json_t *jwk, SignatureAlgorithm algorithm, PublicKey **key)
{
	Number n;
	Number e;

	if (is_string(jwk, "alg", jwks_algorithm_name(SIGNATURE_PS256)))
		algorithm = SIGNATURE_PS256;
	else if (is_string(jwk, "alg", jwks_algorithm_name(SIGNATURE_RS256)))
		algorithm = SIGNATURE_RS256;
	else if (strict_json_has(jwk, "alg"))
		return "member alg of an RSA key is not RS256 or PS256";
	if (!decode_number(jwk, "n", &n) || !decode_number(jwk, "e", &e))
		return "members n and e are not numbers in base64url";
	if (n.size < RSA_MIN_BITS / 8 || (n.size == RSA_MIN_BITS / 8 && n.bytes[0] < 0x80))
		return "members n and e are an RSA key of fewer than 2048 bits";
	if (public_key_rsa(algorithm, n.bytes, n.size, e.bytes, e.size, key) != CRYPTO_OK)
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
key_of_type(const json_t *jwk, const JwksAlgorithms *algorithms, PublicKey **key)
{
	const char *type = strict_json_string(jwk, "kty");

	if (strcmp(type, "OKP") == 0)
		return okp_key(jwk, key);
	if (strcmp(type, "EC") == 0)
		return ec_key(jwk, key);
	if (strcmp(type, "RSA") == 0)
		return rsa_key(jwk, algorithms->rsa, key);
	return "member kty is not OKP, EC or RSA";
}

/* Make the key.  Return NULL, or the reason why it does not verify tokens. */
static const char *
use_key(const json_t *jwk, const JwksAlgorithms *algorithms, PublicKey **key)
{
	const char *kid = strict_json_string(jwk, "kid");
	const char *fault;

	if (!json_is_object(jwk))
		return "it is not an object";
	if (strict_json_string(jwk, "kty") == NULL)
		return "member kty is missing or not a string";
	if (is_string(jwk, "kty", "oct"))
		return "member kty is oct: a symmetric key";
	if (!absent_or(jwk, "use", "sig") && !is_string(jwk, "use", "jwt-svid"))
		return "member use is not sig";
	if (!operations_fit(jwk))
		return "member key_ops is not a list with verify";
	if (kid == NULL || !jwks_kid_is_valid(kid))
		return "member kid is missing, or not 1 to 255 bytes without control characters";
	fault = key_of_type(jwk, algorithms, key);
	if (fault == NULL && !algorithms->allowed[public_key_algorithm(*key)])
	{
		public_key_free(*key);
		*key = NULL;
		return "member alg is not one of the issuer's algorithms";
	}
	return fault;
}

/* Return the members of a key that are stored, as they were given; for RSA with the algorithm. */
static json_t *
members_of(const json_t *jwk, const PublicKey *key)
{
	static const char *const names[] = {"kty", "kid", "use", "alg", "crv", "x", "y", "n", "e"};
	SignatureAlgorithm algorithm = public_key_algorithm(key);
	json_t *members = json_pack("{}");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		json_t *value = json_object_get(jwk, names[i]);

		if (json_is_string(value))
			json_object_set(members, names[i], value);
	}
	if (algorithm == SIGNATURE_RS256 || algorithm == SIGNATURE_PS256)
		json_object_set_new(members, "alg", json_string(jwks_algorithm_name(algorithm)));
	return members;
}

/*
 * Take a key, or report that it was passed over. Returns the fault if the key makes the whole set
 * invalid.
 */
static const char *
jwks_take_key(const json_t *jwk, int position, const JwksAlgorithms *algorithms, JwtKeySet *keys,
			  JwksReport *report)
{
	PinnedKey *pinned = &keys->keys[keys->count];
	const char *reason;

	if (has_private_member(jwk) && !is_string(jwk, "kty", "oct"))
		return "a member of private keys is there (d, p, q, dp, dq, qi, oth or k)";
	reason = use_key(jwk, algorithms, &pinned->key);
	if (reason != NULL)
	{
		report->passed[report->passed_over].position = position;
		report->passed[report->passed_over].reason = reason;
		report->passed_over++;
		return NULL;
	}
	if (jwks_find(keys, strict_json_string(jwk, "kid")) != NULL)
	{
		public_key_free(pinned->key);
		pinned->key = NULL;
		return "member kid is that of an earlier key";
	}
	strcpy(pinned->kid, strict_json_string(jwk, "kid"));
	pinned->members = members_of(jwk, pinned->key);
	keys->count++;
	return NULL;
}

static const char *
take_all(const json_t *list, const JwksAlgorithms *algorithms, JwtKeySet *keys, JwksReport *report)
{
	const char *fault = NULL;

	if (!json_is_array(list))
		return "member keys is missing or not an array";
	if (json_array_size(list) < 1 || json_array_size(list) > JWKS_MAX_KEYS)
		return "member keys does not hold 1 to 64 keys";
	for (size_t i = 0; i < json_array_size(list) && fault == NULL; i++)
	{
		report->position = (int) i + 1;
		fault = jwks_take_key(json_array_get(list, i), (int) i + 1, algorithms, keys, report);
	}
	if (fault != NULL || keys->count > 0)
		return fault;
	report->position = report->passed[0].position;
	return report->passed[0].reason;
}

/* Take a set, or a single key as a set of one. An object that could be both is refused. */
static const char *
take_object(json_t *object, const JwksAlgorithms *algorithms, JwtKeySet *keys, JwksReport *report)
{
	const char *fault;

	if (!strict_json_has(object, "kty"))
		return take_all(json_object_get(object, "keys"), algorithms, keys, report);
	if (strict_json_has(object, "keys"))
		return "it has member keys of a set and member kty of a key";
	report->position = 1;
	fault = jwks_take_key(object, 1, algorithms, keys, report);
	return fault == NULL && keys->count == 0 ? report->passed[0].reason : fault;
}

static const char *
jwks_load(const char *text, size_t size, json_t **object)
{
	static const char mark[] = "\xef\xbb\xbf"; /* byte order mark, which editors put before UTF-8 */

	*object = NULL;
	if (size > JWKS_MAX_BYTES)
		return "the key set is larger than 256 KiB";
	if (size > strlen(mark) && memcmp(text, mark, strlen(mark)) == 0)
	{
		text += strlen(mark);
		size -= strlen(mark);
	}
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
jwks_read(const char *text, size_t size, const JwksAlgorithms *algorithms, JwtKeySet **keys,
		  JwksReport *report)
{
	static const JwksAlgorithms all = {{true, true, true, true}, SIGNATURE_RS256};
	json_t *object;
	JwtKeySet *fresh;
	const char *fault;

	*keys = NULL;
	memset(report, 0, sizeof(*report));
	fault = jwks_load(text, size, &object);
	if (fault != NULL)
		return fault;

	fresh = calloc(1, sizeof(JwtKeySet));
	fault = fresh == NULL
		? "there is no memory for the key set"
		: take_object(object, algorithms != NULL ? algorithms : &all, fresh, report);
	json_decref(object);
	if (fault != NULL)
	{
		jwks_free(fresh);
		return fault;
	}
	report->position = 0;
	*keys = fresh;
	return NULL;
}

const char *
jwks_parse(const char *text, size_t size, JwtKeySet **keys, int *position)
{
	JwksReport report;
	const char *fault = jwks_read(text, size, NULL, keys, &report);

	*position = report.position;
	return fault;
}

char *
jwks_text(const JwtKeySet *keys)
{
	json_t *list = json_array();
	json_t *set;
	char *text;

	for (int i = 0; i < keys->count; i++)
		json_array_append(list, keys->keys[i].members);
	set = json_pack("{s:o}", "keys", list);
	text = json_dumps(set, JSON_COMPACT);
	json_decref(set);
	return text;
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
	{
		public_key_free(keys->keys[i].key);
		json_decref(keys->keys[i].members);
	}
	free(keys);
}

/*
 * fuzz_jwks.c
 *		A key set is refused with a phrase and nothing else, or taken with 1 to 16 keys;
 *		the phrase says nothing of the text.
 */
#include "identity/jwks.h"

#include "compose.h"

#define X   "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define PX  "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define PY  "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
#define A32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define N   "gg" A32 A32 A32 A32 A32 A32 A32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ"

static const char *const fragments[] = {"{\"keys\":[",
										"]}",
										"{",
										"}",
										",",
										"[",
										"]",
										":",
										"\"keys\"",
										"null",
										"1",
										"\"\\u0000\"",
										"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X
										"\",\"kid\":\"a\"}",
										"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" PX
										"\",\"y\":\"" PY "\",\"kid\":\"b\"}",
										"{\"kty\":\"RSA\",\"alg\":\"RS256\",\"n\":\"" N
										"\",\"e\":\"AQAB\",\"kid\":\"c\"}",
										"\"kty\":\"OKP\"",
										"\"kty\":\"EC\"",
										"\"kty\":\"RSA\"",
										"\"kty\":\"oct\"",
										"\"crv\":\"Ed25519\"",
										"\"crv\":\"P-256\"",
										"\"x\":\"" X "\"",
										"\"x\":\"" PX "\"",
										"\"y\":\"" PY "\"",
										"\"n\":\"" N "\"",
										"\"e\":\"AQAB\"",
										"\"e\":\"Aw\"",
										"\"x\":\"AA\"",
										"\"alg\":\"EdDSA\"",
										"\"alg\":\"ES256\"",
										"\"alg\":\"RS256\"",
										"\"alg\":\"PS256\"",
										"\"use\":\"sig\"",
										"\"use\":\"enc\"",
										"\"key_ops\":[\"verify\"]",
										"\"d\":\"AA\"",
										"\"kid\":\"a\"",
										"\"kid\":\"b\"",
										"\"kid\":\"",
										"\""};

#define FRAGMENTS (sizeof(fragments) / sizeof(fragments[0]))

static void
parse(const char *text, size_t size)
{
	char *copy = exact_copy(text, size);
	JwtKeySet *keys;
	int position = -1;
	const char *fault = jwks_parse(copy, size, &keys, &position);

	free(copy);
	if (fault != NULL)
	{
		MUST(keys == NULL && *fault != '\0' && strlen(fault) < 100);
		MUST(position >= 0 && position <= JWKS_MAX_KEYS);
		return;
	}
	MUST(position == 0 && jwks_count(keys) >= 1 && jwks_count(keys) <= JWKS_MAX_KEYS);
	MUST(jwks_find(keys, "") == NULL);
	jwks_free(keys);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[JWKS_MAX_BYTES + 4096];
	Input input = {data, size};

	switch (take_byte(&input) % 3)
	{
		case 0:
			parse((const char *) input.data, input.size);
			break;
		case 1:
			parse(text, compose(&input, fragments, FRAGMENTS, text, sizeof(text)));
			break;
		default:
			/* the members of one key */
			strcpy(text, "{\"keys\":[{");
			size = strlen(text);
			size += compose(&input, fragments + 15, FRAGMENTS - 15, text + size, 4096);
			memcpy(text + size, "}]}", 3);
			parse(text, size + 3);
			break;
	}
	return 0;
}

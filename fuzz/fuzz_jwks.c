/*
 * fuzz_jwks.c
 *		A key set is refused with a phrase and nothing else, or taken with 1 to 64 keys,
 *		each other one with a reason; the phrases say nothing of the text.  What is kept of a
 *		set that was taken reads as the same keys again.
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
										"\"",
										"\"kty\":\"AKP\"",
										"\"alg\":\"RSA-OAEP\"",
										"\"use\":\"jwt-svid\"",
										"\"key_ops\":[\"verify\",\"sign\"]",
										"\"key_ops\":[\"encrypt\",",
										"\"x5c\":[\"AA==\"]",
										"\"k\":\"AA\"",
										"\"x\":\"" X "=\"",
										"\"y\":\"AA" PY "\"",
										"\"n\":\"AA" N "==\"",
										"\"e\":\"AAEAAQ==\"",
										"\"kid\":\"\xc3\xa9\"",
										"\"kid\":\"c\"",
										"\xef\xbb\xbf"};

#define FRAGMENTS (sizeof(fragments) / sizeof(fragments[0]))

/* Keys that are kept read the same. */
static void
check_kept(const JwtKeySet *keys)
{
	char *text = jwks_text(keys);
	JwtKeySet *again;
	JwksReport report;

	MUST(text != NULL);
	MUST(jwks_read(text, strlen(text), NULL, &again, &report) == NULL);
	MUST(jwks_count(again) == jwks_count(keys) && report.passed_over == 0);
	for (int i = 0; i < 3; i++)
	{
		char kid[2] = {(char) ('a' + i), '\0'};
		const PublicKey *was = jwks_find(keys, kid);
		const PublicKey *is = jwks_find(again, kid);

		MUST((was == NULL) == (is == NULL));
		MUST(was == NULL || public_key_algorithm(was) == public_key_algorithm(is));
	}
	jwks_free(again);
	free(text);
}

static void
parse_with(const char *text, size_t size, const JwksAlgorithms *algorithms)
{
	char *copy = exact_copy(text, size);
	JwtKeySet *keys;
	JwksReport report;
	const char *fault = jwks_read(copy, size, algorithms, &keys, &report);

	free(copy);
	MUST(report.position >= 0 && report.position <= JWKS_MAX_KEYS);
	MUST(report.passed_over >= 0 && report.passed_over <= JWKS_MAX_KEYS);
	for (int i = 0; i < report.passed_over; i++)
		MUST(report.passed[i].position > 0 && strlen(report.passed[i].reason) < 100);
	if (fault != NULL)
	{
		MUST(keys == NULL && *fault != '\0' && strlen(fault) < 100);
		return;
	}
	MUST(report.position == 0 && jwks_count(keys) >= 1 && jwks_count(keys) <= JWKS_MAX_KEYS);
	MUST(jwks_count(keys) + report.passed_over <= JWKS_MAX_KEYS);
	MUST(jwks_find(keys, "") == NULL);
	check_kept(keys);
	jwks_free(keys);
}

static void
parse(const char *text, size_t size)
{
	static const JwksAlgorithms some = {{true, false, false, true}, SIGNATURE_PS256};

	parse_with(text, size, NULL);
	parse_with(text, size, &some);
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

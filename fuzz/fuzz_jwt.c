/*
 * fuzz_jwt.c
 *		No token that was not signed is taken; one that was signed is taken only if its
 *		claims keep the rules, and they can be made into a token again; a refusal leaves
 *		nothing behind.
 */
#include "identity/jwt.h"

#include "compose.h"

#define NOW 1800000000

static const char *const fragments[] = {
	"{",
	"}",
	"[",
	"]",
	",",
	":",
	"\"",
	"\\u0000",
	"null",
	"1",
	"1e400",
	"-1",
	"\"a\"",
	"\"alg\":\"EdDSA\"",
	"\"alg\":\"none\"",
	"\"alg\":\"HS256\"",
	"\"kid\":\"k\"",
	"\"kid\":\"x\"",
	"\"typ\":\"JWT\"",
	"\"jwk\":{}",
	"\"crit\":[]",
	"\"iss\":\"issuer\"",
	"\"iss\":\"other\"",
	"\"aud\":\"vault\"",
	"\"aud\":[\"vault\",\"b\"]",
	"\"aud\":",
	"\"sub\":\"s\"",
	"\"sub\":\"\xc3\xa9\\\"\"",
	"\"sub\":",
	"\"exp\":1800000300",
	"\"exp\":",
	"\"iat\":1800000000",
	"\"iat\":",
	"\"nbf\":1799999999",
	"\"nbf\":1900000000",
	"\"jti\":\"j\"",
	"\"tenant\":\"t\"",
	"\"tenant\":",
	"\"role\":\"r\"",
	"\"ip\":\"::1\"",
	"{\"iss\":\"issuer\",\"aud\":\"vault\",\"sub\":\"s\",\"exp\":1800000300",
	"253402300800",
	"1800000300.75",
	"1.8000003e9",
	"123456789012345678901234567890",
	"\"typ\":\"application/at+jwt\"",
	"\"x5c\":[\"AA\"]",
	"\"jku\":\"a\"",
	"\"g\":{\"r\":[\"x\",\"y\"]}",
	"\"g\":{\"r\":",
	"\"p\":[\"s\",\"t\"]",
	"\"p\":",
	"\"q\":\"one\"",
	"\"q\":[true,\"two\"]"};

#define FRAGMENTS (sizeof(fragments) / sizeof(fragments[0]))

static const char *const groups[] = {"x", "y"};
static const JwtRules rules = {.issuer = "issuer",
							   .audience = "vault",
							   .skew = 60,
							   .max_lifetime = 1000000,
							   .tenant_claim = "tenant",
							   .role_claim = "role",
							   .address_claim = "ip",
							   .groups_claim = "/g/r",
							   .groups = groups,
							   .group_count = 2};
static const char wanted[] = "{\"q\":[\"one\",\"two\"],\"/p/1\":\"t\"}";
static JwtRules mapped = {.issuer = "issuer",
						  .audience = "vault",
						  .max_lifetime = 1000000,
						  .principal_claim = "/p/0",
						  .tenant_claim = "/g/r/0"};
static const SecretKey seed = {{1}};
static JwtKeySet *keys;
static JwtRequired *required;

static void
prepare(void)
{
	unsigned char public_key[ED25519_PUBLIC_BYTES];

	if (keys != NULL)
		return;
	MUST(ed25519_public_key(&seed, public_key) == CRYPTO_OK);
	MUST(jwks_of_ed25519("k", public_key, &keys) == CRYPTO_OK);
	MUST(jwt_required_parse(wanted, strlen(wanted), &required) == NULL);
	mapped.required = required;
}

static JwtFault
verify(const char *text, size_t size, JwtClaims *claims)
{
	char issuer[JWT_MAX_CLAIM + 1];
	char *copy = exact_copy(text, size);
	JwtClaims other;
	JwtFault fault;

	memset(claims, 0xaa, sizeof(*claims));
	fault = jwt_verify(keys, &rules, copy, size, NOW, claims);
	if (fault != JWT_OK)
		MUST(all_zero(claims, sizeof(*claims)));
	else
		MUST(jwt_peek_issuer(copy, size, issuer) == JWT_OK && strcmp(issuer, "issuer") == 0);
	MUST(jwt_fault_text(fault) != NULL);
	MUST(fault != JWT_OK || jwt_form_fault(copy, size) == NULL);
	if (jwt_verify(keys, &mapped, copy, size, NOW, &other) == JWT_OK)
		MUST(other.principal[0] != '\0' && other.subject[0] != '\0' && !other.has_group[0]);
	else
		MUST(all_zero(&other, sizeof(other)));
	free(copy);
	return fault;
}

/* An accepted token has the claims that it must, and they make an equal token. */
static void
check_taken(const JwtClaims *claims)
{
	char token[JWT_MAX_BYTES + 1];
	JwtClaims again;
	JwtClaims found;
	size_t size;

	memcpy(&again, claims, sizeof(again));               /* with what is between its members */
	memset(again.has_group, 0, sizeof(again.has_group)); /* jwt_make() writes no groups */
	MUST(!claims->has_group[2]);
	MUST(strcmp(claims->kid, "k") == 0);
	MUST(claims->subject[0] != '\0' && strcmp(claims->subject, claims->principal) == 0);
	MUST(claims->expires_at > NOW - 60 && claims->valid_until == claims->expires_at + 60);
	MUST(claims->issued_at <= NOW + 60);
	if (again.issued_at == 0)
		again.issued_at = again.expires_at - 1 > NOW ? NOW : again.expires_at - 1;
	MUST(jwt_make(&seed, "k", &rules, &again, token, &size) == CRYPTO_OK);
	MUST(verify(token, size, &found) == JWT_OK);
	MUST(memcmp(&again, &found, sizeof(found)) == 0);
}

/* Signs whatever header and claims these are. */
static void
sign(const char *header, size_t header_size, const char *claims, size_t claims_size)
{
	static char token[2 * JWT_MAX_BYTES];
	unsigned char signature[ED25519_SIGNATURE_BYTES];
	JwtClaims found;
	size_t size;

	size = base64_encode(BASE64_URL, header, header_size, token);
	token[size++] = '.';
	size += base64_encode(BASE64_URL, claims, claims_size, token + size);
	MUST(ed25519_sign(&seed, token, size, signature) == CRYPTO_OK);
	token[size++] = '.';
	size += base64_encode(BASE64_URL, signature, sizeof(signature), token + size);
	if (verify(token, size, &found) == JWT_OK)
		check_taken(&found);
}

/* Bytes of the input in turn: where, and what to put there. */
static void
change(Input *input)
{
	static char good[JWT_MAX_BYTES + 1];
	static size_t good_size;
	JwtClaims claims = {
		.subject = "s", .principal = "s", .tenant = "t", .issued_at = NOW, .expires_at = NOW + 300};
	char token[JWT_MAX_BYTES + 1];

	if (good_size == 0)
		MUST(jwt_make(&seed, "k", &rules, &claims, good, &good_size) == CRYPTO_OK);
	memcpy(token, good, good_size);
	while (input->size >= 3)
	{
		size_t at = take_byte(input);

		at = (at << 8 | take_byte(input)) % good_size;
		token[at] = (char) take_byte(input);
	}
	MUST((verify(token, good_size, &claims) == JWT_OK) == (memcmp(token, good, good_size) == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char header[] = "{\"alg\":\"EdDSA\",\"kid\":\"k\"}";
	static const char claims[] =
		"{\"iss\":\"issuer\",\"aud\":\"vault\",\"sub\":\"s\",\"exp\":1800000300}";
	char text[4096];
	Input input = {data, size};
	JwtClaims found;

	prepare();
	switch (take_byte(&input) % 5)
	{
		case 0:
			MUST(verify((const char *) input.data, input.size, &found) != JWT_OK);
			break;
		case 1:
			change(&input);
			break;
		case 2:
			size = input.size < sizeof(text) ? input.size : sizeof(text);
			sign(header, strlen(header), (const char *) input.data, size);
			break;
		case 3:
			size = compose(&input, fragments, FRAGMENTS, text, sizeof(text));
			sign(header, strlen(header), text, size);
			break;
		default:
			size = compose(&input, fragments, FRAGMENTS, text, sizeof(text));
			sign(text, size, claims, strlen(claims));
			break;
	}
	return 0;
}

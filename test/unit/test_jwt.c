/*
 * test_jwt.c
 *		Tokens that must be refused are refused for the reason that is theirs, each
 *		beside the token that differs in that one thing and is taken; so are key sets.
 *
 * Tokens are signed here with OpenSSL itself, so that what is tested does not test
 * itself.
 */
#include "crypto/signature.h"
#include "identity/jwks.h"
#include "identity/jwt.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "harness.h"

#define NOW  INT64_C(1800000000)
#define ISS  "\"iss\":\"https://id.example\""
#define AUD  "\"aud\":\"vault\""
#define SUB  "\"sub\":\"svc\""
#define IAT  "\"iat\":1800000000"
#define EXP  "\"exp\":1800000300"
#define GOOD "{" ISS "," AUD "," SUB "," IAT "," EXP "}"

#define ROOM 32768

typedef enum Kind
{
	ED,
	EC,
	RS,
	PS,
	KINDS
} Kind;

static const char *const algorithms[KINDS] = {"EdDSA", "ES256", "RS256", "PS256"};
static const char *const kids[KINDS] = {"ed", "ec", "rs", "ps"};

static EVP_PKEY *private_keys[KINDS];
static JwtKeySet *keys;
static char key_set[ROOM]; /* its text */
static char n_text[512];
static char x_text[64];
static char y_text[64];
static char ed_text[64];
static SecretKey seed;

static const JwtRules standard_rules = {
	.issuer = "https://id.example",
	.audience = "vault",
	.skew = 30,
	.max_lifetime = 3600,
	.tenant_claim = "tenant",
	.role_claim = "db_role",
	.address_claim = "ip",
};

/*
 * The server has a function of this name. The dynamic linker binds references to libjansson's
 * function to it, and in this program to this one.
 */
extern void *json_object(void);

void *
json_object(void)
{
	fprintf(stderr, "libjansson's json_object is called by way of the server's\n");
	abort();
}

/* ---- making tokens ---- */

static void
join(char *out, const char *first, const char *second)
{
	strcpy(out, first);
	strcat(out, second);
}

/* Appends. */
static void
encode_to(char *out, const void *bytes, size_t size)
{
	out += strlen(out);
	base64_encode(BASE64_URL, bytes, size, out);
}

static size_t
sign(Kind kind, const void *text, size_t size, unsigned char *out)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *parameters;
	size_t written = 2048;

	if (EVP_DigestSignInit(context, &parameters, kind == ED ? NULL : EVP_sha256(), NULL,
						   private_keys[kind]) != 1)
		abort();
	if (kind == PS &&
		(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
		 EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 32) != 1))
		abort();
	if (EVP_DigestSign(context, out, &written, text, size) != 1)
		abort();
	EVP_MD_CTX_free(context);
	return written;
}

/* ECDSA's DER as r || s */
static size_t
der_to_raw(unsigned char *bytes, size_t size)
{
	const unsigned char *at = bytes;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long) size);

	if (pair == NULL || BN_bn2binpad(ECDSA_SIG_get0_r(pair), bytes, 32) != 32 ||
		BN_bn2binpad(ECDSA_SIG_get0_s(pair), bytes + 32, 32) != 32)
		abort();
	ECDSA_SIG_free(pair);
	return 64;
}

static void
signing_input(char *out, const char *header, const void *payload, size_t size)
{
	*out = '\0';
	encode_to(out, header, strlen(header));
	strcat(out, ".");
	encode_to(out, payload, size);
}

static void
make_of_bytes(Kind kind, const char *header, const void *payload, size_t payload_size, char *out)
{
	unsigned char signature[2048];
	size_t size;

	signing_input(out, header, payload, payload_size);
	size = sign(kind, out, strlen(out), signature);
	if (kind == EC)
		size = der_to_raw(signature, size);
	strcat(out, ".");
	encode_to(out, signature, size);
}

static void
make(Kind kind, const char *header, const char *claims, char *out)
{
	make_of_bytes(kind, header, claims, strlen(claims), out);
}

/* A header with a member more, if any. */
static const char *
header_of(Kind kind, const char *more)
{
	static char header[ROOM];

	snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"%s}", algorithms[kind],
			 kids[kind], more);
	return header;
}

static void
make_good(Kind kind, char *out)
{
	make(kind, header_of(kind, ""), GOOD, out);
}

/* ---- verifying ---- */

/* From memory of exactly the size; a refusal leaves nothing behind. */
static JwtFault
verify_bytes(const JwtRules *rules, const char *text, size_t size, int64_t now, JwtClaims *claims)
{
	char *copy = room(size);
	JwtFault fault;

	memcpy(copy, text, size);
	memset(claims, 0xaa, sizeof(*claims));
	fault = jwt_verify(keys, rules, copy, size, now, claims);
	if (fault != JWT_OK)
		CHECK(all_zero(claims, sizeof(*claims)), "a refused token leaves claims (%d)", fault);
	CHECK(ERR_peek_error() == 0, "an error is left in OpenSSL's queue (%d)", fault);
	free(copy);
	return fault;
}

static void
expect_text(JwtFault wanted, const char *text, size_t size, const char *what)
{
	JwtClaims claims;
	JwtFault fault = verify_bytes(&standard_rules, text, size, NOW, &claims);

	CHECK(fault == wanted, "%s: \"%s\" instead of \"%s\"", what, jwt_fault_text(fault),
		  jwt_fault_text(wanted));
}

static void
expect_header(JwtFault wanted, Kind kind, const char *header)
{
	char token[ROOM];

	make(kind, header, GOOD, token);
	expect_text(wanted, token, strlen(token), header);
}

static void
expect_claims(JwtFault wanted, const char *claims)
{
	char token[ROOM];

	make(ED, header_of(ED, ""), claims, token);
	expect_text(wanted, token, strlen(token), claims);
}

static void
expect_at(JwtFault wanted, const JwtRules *rules, const char *claims, int64_t now)
{
	char token[ROOM];
	JwtClaims found;
	JwtFault fault;

	make(ED, header_of(ED, ""), claims, token);
	fault = verify_bytes(rules, token, strlen(token), now, &found);
	CHECK(fault == wanted, "%s at %lld: \"%s\" instead of \"%s\"", claims, (long long) (now - NOW),
		  jwt_fault_text(fault), jwt_fault_text(wanted));
}

/* ---- set-up ---- */

static void
public_number(Kind kind, const char *name, char *out)
{
	BIGNUM *number = NULL;
	unsigned char bytes[1024];
	size_t size;

	if (EVP_PKEY_get_bn_param(private_keys[kind], name, &number) != 1)
		abort();
	size = kind == EC ? 32 : (size_t) BN_num_bytes(number);
	BN_bn2binpad(number, bytes, (int) size);
	BN_free(number);
	*out = '\0';
	encode_to(out, bytes, size);
}

static void
set_up(void)
{
	unsigned char x[32];
	size_t size = sizeof(x);
	int position;
	const char *fault;

	memset(seed.bytes, 7, sizeof(seed.bytes));
	private_keys[ED] = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.bytes, 32);
	private_keys[EC] = EVP_EC_gen("P-256");
	private_keys[RS] = EVP_RSA_gen(2048);
	private_keys[PS] = private_keys[RS];
	if (private_keys[ED] == NULL || private_keys[EC] == NULL || private_keys[RS] == NULL ||
		EVP_PKEY_get_raw_public_key(private_keys[ED], x, &size) != 1)
		abort();
	encode_to(ed_text, x, size);
	public_number(EC, OSSL_PKEY_PARAM_EC_PUB_X, x_text);
	public_number(EC, OSSL_PKEY_PARAM_EC_PUB_Y, y_text);
	public_number(RS, OSSL_PKEY_PARAM_RSA_N, n_text);

	snprintf(key_set, sizeof(key_set),
			 "{\"keys\":[{\"kid\":\"ed\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"},"
			 "{\"kid\":\"ec\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"},"
			 "{\"kid\":\"rs\",\"kty\":\"RSA\",\"alg\":\"RS256\",\"n\":\"%s\",\"e\":\"AQAB\"},"
			 "{\"kid\":\"ps\",\"kty\":\"RSA\",\"alg\":\"PS256\",\"n\":\"%s\",\"e\":\"AQAB\"}]}",
			 ed_text, x_text, y_text, n_text, n_text);
	fault = jwks_parse(key_set, strlen(key_set), &keys, &position);
	CHECK(fault == NULL, "the key set is refused: %s", fault);
	if (fault != NULL)
		abort();
}

static void
tear_down(void)
{
	jwks_free(keys);
	for (Kind kind = ED; kind <= RS; kind++)
		EVP_PKEY_free(private_keys[kind]);
}

/* ---- tokens ---- */

/* Every algorithm is taken, and its claims come out as they went in. */
static void
test_good(void)
{
	static const char claims[] =
		"{" ISS "," AUD "," SUB "," IAT "," EXP ",\"nbf\":1800000000,\"jti\":\"one\","
		"\"tenant\":\"acme\",\"db_role\":\"app\",\"ip\":\"10.0.0.1\",\"other\":[1,{\"a\":null}]}";
	char token[ROOM];
	JwtClaims found;

	for (Kind kind = ED; kind < KINDS; kind++)
	{
		make(kind, header_of(kind, ",\"typ\":\"JWT\",\"x5t\":\"ignored\""), claims, token);
		CHECK(verify_bytes(&standard_rules, token, strlen(token), NOW, &found) == JWT_OK,
			  "%s is refused", algorithms[kind]);
		CHECK(strcmp(found.kid, kids[kind]) == 0, "kid");
		CHECK(strcmp(found.subject, "svc") == 0, "subject");
		CHECK(strcmp(found.principal, "svc") == 0, "principal");
		CHECK(strcmp(found.tenant, "acme") == 0, "tenant");
		CHECK(strcmp(found.role, "app") == 0, "role");
		CHECK(strcmp(found.address, "10.0.0.1") == 0, "address");
		CHECK(strcmp(found.token_id, "one") == 0, "token id");
		CHECK(found.issued_at == NOW && found.expires_at == NOW + 300, "times");
		CHECK(found.valid_until == NOW + 330, "valid until");
	}
	make_good(ED, token);
	CHECK(verify_bytes(&standard_rules, token, strlen(token), NOW, &found) == JWT_OK, "plain");
	CHECK(found.tenant[0] == '\0' && found.token_id[0] == '\0', "absent claims are empty");
}

static void
test_header(void)
{
	for (Kind kind = ED; kind < KINDS; kind++)
	{
		static const char *const refused[] = {",\"jwk\":{\"kty\":\"OKP\"}", ",\"jwk\":null"};
		static const char *const critical[] = {",\"crit\":[\"exp\"]", ",\"b64\":false",
											   ",\"crit\":null",
											   ",\"b64\":true,\"crit\":[\"b64\"]"};
		static const char *const ignored[] = {",\"jku\":\"https://evil.example\"",
											  ",\"x5u\":\"https://evil.example\"",
											  ",\"x5c\":[\"AAAA\"]",
											  ",\"x5t\":1",
											  ",\"x5t#S256\":\"AAAA\"",
											  ",\"cty\":\"JWT\""};
		static const char *const types[] = {",\"typ\":\"\"",
											",\"typ\":\"logout+jwt\"",
											",\"typ\":null",
											",\"typ\":[\"JWT\"]",
											",\"typ\":\"JWT \"",
											",\"typ\":\"application/\"",
											",\"typ\":\"application/logout+jwt\"",
											",\"typ\":\"text/JWT\""};
		static const char *const taken[] = {
			"JWT", "jwt", "at+jwt", "AT+JWT", "JOSE", "application/at+jwt", "Application/JWT"};
		char more[64];

		expect_header(JWT_OK, kind, header_of(kind, ""));
		for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		{
			snprintf(more, sizeof(more), ",\"typ\":\"%s\"", taken[i]);
			expect_header(JWT_OK, kind, header_of(kind, more));
		}
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			expect_header(JWT_FAULT_TYPE, kind, header_of(kind, types[i]));
		for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
			expect_header(JWT_FAULT_HEADER_KEY, kind, header_of(kind, refused[i]));
		for (size_t i = 0; i < sizeof(critical) / sizeof(critical[0]); i++)
			expect_header(JWT_FAULT_HEADER_MEMBER, kind, header_of(kind, critical[i]));
		/* never a help: what another key signed is refused with them as well */
		for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		{
			expect_header(JWT_OK, kind, header_of(kind, ignored[i]));
			expect_header(JWT_FAULT_SIGNATURE, kind == ED ? EC : ED, header_of(kind, ignored[i]));
		}
		expect_header(JWT_FAULT_HEADER_DUPLICATE, kind, header_of(kind, ",\"kid\":\"ed\""));
		expect_header(JWT_FAULT_HEADER_DUPLICATE, kind, header_of(kind, ",\"\\u0061lg\":\"none\""));
		expect_header(JWT_OK, kind, header_of(kind, ",\"deep\":[[[[[[[1]]]]]]]"));
		expect_header(JWT_FAULT_HEADER_NESTING, kind,
					  header_of(kind, ",\"deep\":[[[[[[[[1]]]]]]]]"));
		expect_header(JWT_OK, kind, header_of(kind, ",\"flat\":\"\\\\\\\"[[[[[[[[[[[\""));
	}
	expect_header(JWT_FAULT_HEADER_SYNTAX, ED, "[]");
	expect_header(JWT_FAULT_HEADER_SYNTAX, ED, "\"alg\"");
	expect_header(JWT_FAULT_HEADER_SYNTAX, ED, "{\"alg\":\"EdDSA\",\"kid\":\"ed\"");
	expect_header(JWT_FAULT_HEADER_SYNTAX, ED, "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}{}");
	expect_header(JWT_FAULT_HEADER_SYNTAX, ED, "\xef\xbb\xbf{\"alg\":\"EdDSA\",\"kid\":\"ed\"}");
	expect_header(JWT_FAULT_HEADER_SYNTAX, ED, "{\"alg\":\"EdDSA\",\"kid\":\"ed\xff\"}");
	expect_header(JWT_FAULT_HEADER_SYNTAX, ED, "{\"alg\":\"EdDSA\",\"kid\":\"ed\\u0000\"}");
}

/* alg is that of the key, whatever else signed the token well */
static void
test_algorithm(void)
{
	static const char *const nones[] = {"none", "None", "nOnE", "NONE"};
	static const char *const symmetric[] = {"HS256", "HS384", "HS512", "hs256"};
	static const char *const others[] = {"ES384", "RS512", "eddsa", "Ed25519", "ES256K", "", "A"};
	char header[256];

	for (Kind kind = ED; kind < KINDS; kind++)
	{
		expect_header(JWT_OK, kind, header_of(kind, ""));
		for (Kind other = ED; other < KINDS; other++)
		{
			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", algorithms[other],
					 kids[kind]);
			expect_header(kind == other ? JWT_OK : JWT_FAULT_ALGORITHM, kind, header);
			expect_header(kind == other ? JWT_OK : JWT_FAULT_ALGORITHM, other, header);
			/* the right words about a signature of another key or padding */
			if (kind != other)
				expect_header(JWT_FAULT_SIGNATURE, other, header_of(kind, ""));
		}
		for (size_t i = 0; i < sizeof(nones) / sizeof(nones[0]); i++)
		{
			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", nones[i],
					 kids[kind]);
			expect_header(JWT_FAULT_ALGORITHM_NONE, kind, header);
		}
		for (size_t i = 0; i < sizeof(symmetric) / sizeof(symmetric[0]); i++)
		{
			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", symmetric[i],
					 kids[kind]);
			expect_header(JWT_FAULT_ALGORITHM_SYMMETRIC, kind, header);
		}
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		{
			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", others[i],
					 kids[kind]);
			expect_header(JWT_FAULT_ALGORITHM, kind, header);
		}
	}
	expect_header(JWT_FAULT_ALGORITHM, ED, "{\"kid\":\"ed\"}");
	expect_header(JWT_FAULT_ALGORITHM, ED, "{\"alg\":[\"EdDSA\"],\"kid\":\"ed\"}");
}

/* An unsigned token, with and without the last dot. */
static void
test_unsigned(void)
{
	char token[ROOM];

	for (Kind kind = ED; kind < KINDS; kind++)
	{
		char header[64];

		make_good(kind, token);
		expect_text(JWT_OK, token, strlen(token), "signed");
		*(strrchr(token, '.') + 1) = '\0';
		expect_text(JWT_FAULT_SEGMENTS, token, strlen(token), "signature taken off");
		snprintf(header, sizeof(header), "{\"alg\":\"none\",\"kid\":\"%s\"}", kids[kind]);
		signing_input(token, header, GOOD, strlen(GOOD));
		expect_text(JWT_FAULT_SEGMENTS, token, strlen(token), "none, two segments");
		strcat(token, ".");
		expect_text(JWT_FAULT_SEGMENTS, token, strlen(token), "none, no signature");
		strcat(token, "AA");
		expect_text(JWT_FAULT_ALGORITHM_NONE, token, strlen(token), "none, some signature");
	}
}

/* The public key's PEM as an HMAC key: refused by its alg, and under the key's by the signature */
static void
test_symmetric_confusion(void)
{
	for (Kind kind = ED; kind < KINDS; kind++)
	{
		BIO *memory = BIO_new(BIO_s_mem());
		unsigned char tag[SHA256_BYTES];
		char token[ROOM];
		char header[64];
		char *pem;
		long size;

		PEM_write_bio_PUBKEY(memory, private_keys[kind]);
		size = BIO_get_mem_data(memory, &pem);
		for (int honest = 0; honest < 2; honest++)
		{
			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
					 honest ? "HS256" : algorithms[kind], kids[kind]);
			signing_input(token, header, GOOD, strlen(GOOD));
			crypto_hmac_sha256(pem, (size_t) size, token, strlen(token), tag);
			strcat(token, ".");
			encode_to(token, tag, sizeof(tag));
			expect_text(honest ? JWT_FAULT_ALGORITHM_SYMMETRIC : JWT_FAULT_SIGNATURE, token,
						strlen(token), "HMAC under the public key");
		}
		BIO_free(memory);
	}
}

static void
test_kid(void)
{
	static const struct
	{
		const char *kid;
		JwtFault fault;
	} cases[] = {
		{"\"ed\"", JWT_OK},
		{"\"\\u0065d\"", JWT_OK},
		{"\"../../x\"", JWT_FAULT_KEY_UNKNOWN},
		{"\"' or 1=1 --\"", JWT_FAULT_KEY_UNKNOWN},
		{"\"ED\"", JWT_FAULT_KEY_UNKNOWN},
		{"\"ed \"", JWT_FAULT_KEY_UNKNOWN},
		{"\"e\"", JWT_FAULT_KEY_UNKNOWN},
		{"\"ec\"", JWT_FAULT_ALGORITHM},
		{"\"\"", JWT_FAULT_KID},
		{"\"ed\\n\"", JWT_FAULT_KID},
		{"\"\xc3\xa9\"", JWT_FAULT_KEY_UNKNOWN},
		{"\"\\u0085\"", JWT_FAULT_KID},
		{"null", JWT_FAULT_KID},
		{"1", JWT_FAULT_KID},
		{"[\"ed\"]", JWT_FAULT_KID},
	};
	static char header[ROOM];
	char kid[14 * 1024 + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		snprintf(header, sizeof(header), "{\"alg\":\"EdDSA\",\"kid\":%s}", cases[i].kid);
		expect_header(cases[i].fault, ED, header);
	}
	expect_header(JWT_FAULT_KID, ED, "{\"alg\":\"EdDSA\"}");

	for (int size = 254; size < 258; size++)
	{
		snprintf(header, sizeof(header), "{\"alg\":\"EdDSA\",\"kid\":\"%0*d\"}", size, 0);
		expect_header(size <= JWKS_MAX_KID ? JWT_FAULT_KEY_UNKNOWN : JWT_FAULT_KID, ED, header);
	}
	memset(kid, 'k', sizeof(kid) - 1);
	kid[sizeof(kid) - 1] = '\0';
	snprintf(header, sizeof(header), "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", kid);
	expect_header(JWT_FAULT_SIZE, ED, header);
}

/* Not three segments, not canonical base64url: whatever is around or inside a good token. */
static void
test_form(void)
{
	static const char *const behind[] = {"=", "==", " ", "\n", "+", "A\n", "%3D"};
	char good[ROOM];
	char token[ROOM];
	size_t size;

	make_good(ED, good);
	size = strlen(good);
	expect_text(JWT_OK, good, size, "as it is");
	expect_text(JWT_FAULT_BASE64, good, size + 1, "NUL behind it");
	expect_text(JWT_FAULT_SEGMENTS, good, 0, "nothing");
	expect_text(JWT_FAULT_SEGMENTS, "..", 2, "dots");
	expect_text(JWT_FAULT_SEGMENTS, "{\"payload\":\"e30\"}", 17, "JSON serialization");
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++)
	{
		join(token, good, behind[i]);
		expect_text(JWT_FAULT_BASE64, token, strlen(token), "something behind it");
	}
	join(token, good, ".");
	expect_text(JWT_FAULT_SEGMENTS, token, strlen(token), "a fourth segment, empty");
	join(token, good, ".AA.AA");
	expect_text(JWT_FAULT_ENCRYPTED, token, strlen(token), "five segments");
	join(token, good, ".AA.AA.AA");
	expect_text(JWT_FAULT_SEGMENTS, token, strlen(token), "six segments");
	strcpy(token, strchr(good, '.'));
	expect_text(JWT_FAULT_SEGMENTS, token, strlen(token), "no header");
	join(token, " ", good);
	expect_text(JWT_FAULT_BASE64, token, strlen(token), "a space before it");
	join(token, "\xef\xbb\xbf", good);
	expect_text(JWT_FAULT_BASE64, token, strlen(token), "a byte order mark");
	join(token, "Bearer ", good);
	expect_text(JWT_FAULT_BASE64, token, strlen(token), "the scheme of HTTP");

	/* 64 bytes leave four bits of the last character unused */
	strcpy(token, good);
	token[size - 1]++;
	expect_text(JWT_FAULT_BASE64, token, size, "unused bits are set");
	strcpy(token, good);
	token[3] = '\0';
	expect_text(JWT_FAULT_BASE64, token, size, "NUL in it");
}

/* Payloads whose base64 is not canonical, signed as they stand */
static void
test_signed_malformed(void)
{
	static const char *const bad[] = {"e30=", "e3 0", "e31", "e3?", "e", "e30\n", "+/+/"};
	unsigned char signature[2048];
	char token[ROOM];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		*token = '\0';
		encode_to(token, header_of(ED, ""), strlen(header_of(ED, "")));
		strcat(token, ".");
		strcat(token, bad[i]);
		sign(ED, token, strlen(token), signature);
		strcat(token, ".");
		encode_to(token, signature, 64);
		expect_text(JWT_FAULT_BASE64, token, strlen(token), bad[i]);
	}
}

/* No character can be changed for another, under any algorithm. */
static void
test_every_character(void)
{
	char token[ROOM];
	JwtClaims claims;

	for (Kind kind = ED; kind < KINDS; kind++)
	{
		make_good(kind, token);
		for (char *at = token; *at != '\0'; at++)
		{
			char was = *at;

			*at = was == 'A' ? 'B' : 'A';
			CHECK(verify_bytes(&standard_rules, token, strlen(token), NOW, &claims) != JWT_OK,
				  "%s: character %d can be changed", algorithms[kind], (int) (at - token));
			*at = was;
		}
		expect_text(JWT_OK, token, strlen(token), "put back");
	}
}

static void
test_ecdsa_forms(void)
{
	unsigned char signature[2048];
	char input[ROOM];
	char token[ROOM];
	size_t size;

	signing_input(input, header_of(EC, ""), GOOD, strlen(GOOD));
	size = sign(EC, input, strlen(input), signature);
	join(token, input, ".");
	encode_to(token, signature, size);
	expect_text(JWT_FAULT_SIGNATURE, token, strlen(token), "DER");

	der_to_raw(signature, size);
	for (int zero = 0; zero < 4; zero++)
	{
		unsigned char changed[64];

		memcpy(changed, signature, sizeof(changed));
		memset(changed, zero & 1 ? 0 : changed[0], zero & 1 ? 32 : 1);
		memset(changed + 32, zero & 2 ? 0 : changed[32], zero & 2 ? 32 : 1);
		join(token, input, ".");
		encode_to(token, changed, sizeof(changed));
		expect_text(zero == 0 ? JWT_OK : JWT_FAULT_SIGNATURE, token, strlen(token), "r or s is 0");
	}
	for (size_t length = 0; length <= 65; length += 13)
	{
		join(token, input, ".");
		encode_to(token, signature, length);
		expect_text(length == 0 ? JWT_FAULT_SEGMENTS : JWT_FAULT_SIGNATURE, token, strlen(token),
					"length of the signature");
	}
}

static void
test_size(void)
{
	static char claims[ROOM];
	static char token[ROOM * 2];
	static char large[1024 * 1024];
	int at_limit = 0;
	int over = 0;

	for (int padding = 11900; padding < 12300; padding++)
	{
		size_t size;

		snprintf(claims, sizeof(claims), "{" ISS "," AUD "," SUB "," EXP ",\"pad\":\"%0*d\"}",
				 padding, 0);
		make(ED, header_of(ED, ""), claims, token);
		size = strlen(token);
		if (size < JWT_MAX_BYTES - 4 || size > JWT_MAX_BYTES + 4)
			continue;
		expect_text(size <= JWT_MAX_BYTES ? JWT_OK : JWT_FAULT_SIZE, token, size, "size");
		at_limit += size <= JWT_MAX_BYTES;
		over += size > JWT_MAX_BYTES;
	}
	CHECK(at_limit > 0 && over > 0, "sizes around the limit were tried");
	memset(large, 'A', sizeof(large));
	expect_text(JWT_FAULT_SIZE, large, sizeof(large), "1 MiB");
	large[4] = large[8] = '.';
	expect_text(JWT_FAULT_SIZE, large, sizeof(large), "1 MiB in three segments");
}

/* ---- claims ---- */

static void
test_claims_json(void)
{
	static char deep[4096];

	expect_claims(JWT_OK, GOOD);
	expect_claims(JWT_FAULT_CLAIMS_SYNTAX, "");
	expect_claims(JWT_FAULT_CLAIMS_SYNTAX, "null");
	expect_claims(JWT_FAULT_CLAIMS_SYNTAX, "[" GOOD "]");
	expect_claims(JWT_FAULT_CLAIMS_SYNTAX, GOOD GOOD);
	expect_claims(JWT_FAULT_CLAIMS_SYNTAX, GOOD "x");
	expect_claims(JWT_FAULT_CLAIMS_SYNTAX, "\xef\xbb\xbf" GOOD);
	expect_claims(JWT_FAULT_CLAIMS_SYNTAX, "{" ISS "," AUD "," SUB "," EXP ",}");
	expect_claims(JWT_FAULT_CLAIMS_SYNTAX, "{" ISS "," AUD "," SUB "," EXP ",\"a\":\"\\ud800\"}");
	expect_claims(JWT_FAULT_CLAIMS_SYNTAX, "{" ISS "," AUD "," SUB "," EXP ",\"a\":\"\xc0\xaf\"}");
	expect_claims(JWT_FAULT_CLAIMS_SYNTAX, "{" ISS "," AUD "," SUB "," EXP ",\"a\\u0000\":1}");
	expect_claims(JWT_FAULT_CLAIMS_DUPLICATE,
				  "{" ISS "," AUD "," SUB "," EXP ",\"tenant\":\"T1\",\"tenant\":\"T2\"}");
	expect_claims(JWT_FAULT_CLAIMS_DUPLICATE,
				  "{" ISS "," AUD "," SUB "," EXP ",\"tenant\":\"T1\",\"t\\u0065nant\":\"T2\"}");
	expect_claims(JWT_FAULT_CLAIMS_DUPLICATE,
				  "{" ISS "," AUD "," SUB "," EXP ",\"a\":[{\"b\":1,\"b\":1}]}");
	expect_claims(JWT_OK, "{" ISS "," AUD "," SUB "," EXP ",\"a\":[[[[[[[]]]]]]]}");
	expect_claims(JWT_FAULT_CLAIMS_NESTING,
				  "{" ISS "," AUD "," SUB "," EXP ",\"a\":[[[[[[[{}]]]]]]]}");
	strcpy(deep, "{" ISS "," AUD "," SUB "," EXP ",\"a\":");
	memset(deep + strlen(deep), '[', 1000);
	memset(deep + strlen(deep), ']', 1000);
	strcat(deep, "}");
	expect_claims(JWT_FAULT_CLAIMS_NESTING, deep);
}

static void
test_issuer_and_audience(void)
{
	static const char *const issuers[] = {"\"https://id.example/\"",
										  "\"https://id.exampl\"",
										  "\"HTTPS://id.example\"",
										  "\"\"",
										  "null",
										  "[\"https://id.example\"]",
										  "\"https://id.example \""};
	static const char *const audiences[] = {"\"vaul\"",
											"\"vault2\"",
											"\"Vault\"",
											"\"vault/x\"",
											"\"\"",
											"null",
											"1",
											"[]",
											"[\"other\"]",
											"[\"vault2\",\"vaul\"]",
											"[\"vault\",1]",
											"[[\"vault\"]]",
											"{\"vault\":1}",
											"\"other vault\""};
	char claims[512];

	expect_claims(JWT_OK, "{" ISS "," AUD "," SUB "," EXP "}");
	expect_claims(JWT_FAULT_ISSUER, "{" AUD "," SUB "," EXP "}");
	for (size_t i = 0; i < sizeof(issuers) / sizeof(issuers[0]); i++)
	{
		snprintf(claims, sizeof(claims), "{\"iss\":%s," AUD "," SUB "," EXP "}", issuers[i]);
		expect_claims(JWT_FAULT_ISSUER, claims);
	}
	expect_claims(JWT_OK, "{" ISS ",\"aud\":[\"vault\"]," SUB "," EXP "}");
	expect_claims(JWT_OK, "{" ISS ",\"aud\":[\"other\",\"vault\"]," SUB "," EXP "}");
	expect_claims(JWT_FAULT_AUDIENCE, "{" ISS "," SUB "," EXP "}");
	for (size_t i = 0; i < sizeof(audiences) / sizeof(audiences[0]); i++)
	{
		snprintf(claims, sizeof(claims), "{" ISS ",\"aud\":%s," SUB "," EXP "}", audiences[i]);
		expect_claims(JWT_FAULT_AUDIENCE, claims);
	}
}

/* Values that are no instant, for each of the three claims */
static void
test_time_forms(void)
{
	static const char *const bad[] = {"\"1800000300\"",
									  "-1",
									  "-0.5",
									  "null",
									  "true",
									  "[1800000300]",
									  "1e12",
									  "253402300799.5",
									  "253402300800",
									  "1e300",
									  "9223372036854775807",
									  "92233720368547758089223372036854775808"};
	static const char *const no_number[] = {"1e400", "0x6b49d2ac", "01", "NaN", "+1", "1.", ".5"};
	static const struct
	{
		const char *name;
		JwtFault fault;
	} cases[] = {{"exp", JWT_FAULT_EXPIRY},
				 {"nbf", JWT_FAULT_NOT_BEFORE},
				 {"iat", JWT_FAULT_ISSUED_AT}};
	char claims[512];

	expect_claims(JWT_FAULT_EXPIRY, "{" ISS "," AUD "," SUB "}");
	for (size_t c = 0; c < 3; c++)
	{
		const char *rest = c == 0 ? "" : "," EXP;

		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		{
			snprintf(claims, sizeof(claims), "{" ISS "," AUD "," SUB "%s,\"%s\":%s}", rest,
					 cases[c].name, bad[i]);
			expect_claims(cases[c].fault, claims);
		}
		for (size_t i = 0; i < sizeof(no_number) / sizeof(no_number[0]); i++)
		{
			snprintf(claims, sizeof(claims), "{" ISS "," AUD "," SUB "%s,\"%s\":%s}", rest,
					 cases[c].name, no_number[i]);
			expect_claims(JWT_FAULT_CLAIMS_SYNTAX, claims);
		}
	}
	expect_claims(JWT_FAULT_EXPIRED, "{" ISS "," AUD "," SUB ",\"exp\":0}");
	expect_claims(JWT_FAULT_EXPIRED, "{" ISS "," AUD "," SUB ",\"exp\":-0.0}");
	/* no claim that is not looked at is in the way, however large its number */
	expect_claims(JWT_OK,
				  "{" ISS "," AUD "," SUB "," EXP
				  ",\"id\":123456789012345678901234567890,\"x\":1.5e300}");
	expect_claims(JWT_FAULT_LIFETIME, "{" ISS "," AUD "," SUB ",\"exp\":253402300799}");
}

/* Fractions and exponents are cut off: each beside the second at which the answer changes. */
static void
test_time_fractions(void)
{
	static const char *const ends[] = {"1800000300.0", "1800000300.999", "18000003e2",
									   "1.8000003E+9", "1800000300.5",   "1800000300"};
	char claims[512];
	JwtRules rules = standard_rules;

	rules.skew = 0;
	rules.max_lifetime = 300;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
	{
		snprintf(claims, sizeof(claims), "{" ISS "," AUD "," SUB "," IAT ",\"exp\":%s}", ends[i]);
		expect_at(JWT_OK, &rules, claims, NOW + 299);
		expect_at(JWT_FAULT_EXPIRED, &rules, claims, NOW + 300);
		snprintf(claims, sizeof(claims), "{" ISS "," AUD "," SUB ",\"exp\":1800000600,\"iat\":%s}",
				 ends[i]);
		expect_at(JWT_OK, &rules, claims, NOW + 300);
		expect_at(JWT_FAULT_ISSUED_IN_FUTURE, &rules, claims, NOW + 299);
		snprintf(claims, sizeof(claims), "{" ISS "," AUD "," SUB ",\"exp\":1800000600,\"nbf\":%s}",
				 ends[i]);
		expect_at(JWT_OK, &rules, claims, NOW + 300);
		expect_at(JWT_FAULT_NOT_YET_VALID, &rules, claims, NOW + 299);
	}
	/* a life that the fraction would make longer or shorter */
	expect_at(JWT_OK, &rules,
			  "{" ISS "," AUD "," SUB ",\"iat\":1800000000.75,\"exp\":1800000300.25}", NOW);
	expect_at(JWT_FAULT_LIFETIME, &rules,
			  "{" ISS "," AUD "," SUB ",\"iat\":1800000000.75,\"exp\":1800000301.25}", NOW + 1);
	rules.skew = 30;
	expect_at(JWT_FAULT_LIFETIME, &rules,
			  "{" ISS "," AUD "," SUB ",\"iat\":1800000000.1,\"exp\":1800000000.9}", NOW);
}

/* The second at which each answer changes, with a skew and without */
static void
test_clock(void)
{
	JwtRules rules = standard_rules;

	for (rules.skew = 0; rules.skew <= JWT_MAX_SKEW; rules.skew += 30)
	{
		int64_t skew = rules.skew;

		expect_at(JWT_OK, &rules, GOOD, NOW + 299 + skew);
		expect_at(JWT_FAULT_EXPIRED, &rules, GOOD, NOW + 300 + skew);
		expect_at(JWT_FAULT_EXPIRED, &rules, GOOD, NOW + 301 + skew);
		expect_at(JWT_OK, &rules, GOOD, NOW - skew);
		expect_at(JWT_FAULT_ISSUED_IN_FUTURE, &rules, GOOD, NOW - skew - 1);
		expect_at(JWT_OK, &rules, "{" ISS "," AUD "," SUB "," EXP ",\"nbf\":1800000000}",
				  NOW - skew);
		expect_at(JWT_FAULT_NOT_YET_VALID, &rules,
				  "{" ISS "," AUD "," SUB "," EXP ",\"nbf\":1800000000}", NOW - skew - 1);
	}
	expect_at(JWT_FAULT_RULES, &standard_rules, GOOD, -1);
	expect_at(JWT_FAULT_RULES, &standard_rules, GOOD, INT64_MAX);
}

static void
test_lifetime(void)
{
	JwtRules rules = standard_rules;

	rules.max_lifetime = 300;
	expect_at(JWT_OK, &rules, GOOD, NOW);
	expect_at(JWT_OK, &rules, GOOD, NOW + 200);
	expect_at(JWT_OK, &rules, "{" ISS "," AUD "," SUB "," EXP "}", NOW);
	expect_at(JWT_FAULT_LIFETIME, &rules, "{" ISS "," AUD "," SUB "," EXP "}", NOW - 1);
	expect_at(JWT_FAULT_LIFETIME, &rules, "{" ISS "," AUD "," SUB "," EXP ",\"iat\":1799999999}",
			  NOW);
	expect_at(JWT_FAULT_LIFETIME, &rules, "{" ISS "," AUD "," SUB "," EXP ",\"iat\":0}", NOW);
	expect_at(JWT_FAULT_LIFETIME, &rules, "{" ISS "," AUD "," SUB "," EXP ",\"iat\":1800000300}",
			  NOW + 299);
	rules.max_lifetime = 299;
	expect_at(JWT_FAULT_LIFETIME, &rules, GOOD, NOW);
}

/* Strings that a claim may be, and those that it may not */
static void
test_strings(void)
{
	static const char *const bad[] = {"\"\"",       "null",           "1",
									  "[\"svc\"]",  "\" svc\"",       "\"svc \"",
									  "\"s\\nvc\"", "\"s\\u007fvc\"", "\"s\\u0085vc\"",
									  "\"\\u0009\""};
	static const char *const good[] = {"\"S VC\"", "\"caf\xc3\xa9\"", "\"a\\u00a0b\"",
									   "\"\\u00c2\\u00a9\"", "\"spiffe://example.org/ns/a\""};
	static const struct
	{
		const char *name;
		JwtFault fault;
	} cases[] = {{"sub", JWT_FAULT_SUBJECT},
				 {"jti", JWT_FAULT_TOKEN_ID},
				 {"tenant", JWT_FAULT_TENANT},
				 {"db_role", JWT_FAULT_ROLE},
				 {"ip", JWT_FAULT_ADDRESS}};
	char claims[1024];

	expect_claims(JWT_FAULT_SUBJECT, "{" ISS "," AUD "," EXP "}");
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		const char *rest = c == 0 ? "" : "," SUB;

		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		{
			snprintf(claims, sizeof(claims), "{" ISS "," AUD "," EXP "%s,\"%s\":%s}", rest,
					 cases[c].name, bad[i]);
			expect_claims(cases[c].fault, claims);
		}
		for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		{
			snprintf(claims, sizeof(claims), "{" ISS "," AUD "," EXP "%s,\"%s\":%s}", rest,
					 cases[c].name, good[i]);
			expect_claims(JWT_OK, claims);
		}
		for (int size = 511; size < 514; size++)
		{
			snprintf(claims, sizeof(claims), "{" ISS "," AUD "," EXP "%s,\"%s\":\"%0*d\"}", rest,
					 cases[c].name, size, 0);
			expect_claims(size <= JWT_MAX_CLAIM ? JWT_OK : cases[c].fault, claims);
		}
	}
}

/* The claims that the rules name, and no others, say who and where. */
static void
test_mapping(void)
{
	static const char claims[] = "{" ISS "," AUD "," SUB "," EXP
								 ",\"https://x/user\":\"anna\",\"org\":\"acme\",\"tenant\":5}";
	JwtRules rules = standard_rules;
	char token[ROOM];
	JwtClaims found;

	rules.principal_claim = "https://x/user";
	rules.tenant_claim = "org";
	make(ED, header_of(ED, ""), claims, token);
	CHECK(verify_bytes(&rules, token, strlen(token), NOW, &found) == JWT_OK, "mapped");
	CHECK(strcmp(found.subject, "svc") == 0 && strcmp(found.principal, "anna") == 0, "principal");
	CHECK(strcmp(found.tenant, "acme") == 0, "tenant");
	rules.tenant_claim = NULL;
	CHECK(verify_bytes(&rules, token, strlen(token), NOW, &found) == JWT_OK, "no tenant asked");
	CHECK(found.tenant[0] == '\0', "a claim that is not mapped is not read");
	expect_at(JWT_FAULT_PRINCIPAL, &rules, GOOD, NOW);
	rules.principal_claim = "sub";
	expect_at(JWT_OK, &rules, GOOD, NOW);
}

/* A principal by another claim needs no sub; where sub says it, it must be there. */
static void
test_without_subject(void)
{
	static const char claims[] = "{" ISS "," AUD "," EXP ",\"client_id\":\"anna\"}";
	JwtRules rules = standard_rules;
	char token[ROOM];
	JwtClaims found;

	make(ED, header_of(ED, ""), claims, token);
	expect_at(JWT_FAULT_SUBJECT, &rules, claims, NOW);
	rules.principal_claim = "client_id";
	CHECK(verify_bytes(&rules, token, strlen(token), NOW, &found) == JWT_OK, "without sub");
	CHECK(strcmp(found.subject, "anna") == 0 && strcmp(found.principal, "anna") == 0,
		  "its subject");
	expect_at(JWT_FAULT_SUBJECT, &rules,
			  "{" ISS "," AUD "," EXP ",\"client_id\":\"anna\",\"sub\":1}", NOW);
	expect_at(JWT_FAULT_PRINCIPAL, &rules, GOOD, NOW);
}

/* Pointers reach what a name cannot, and names with "/" inside are names. */
static void
test_pointers(void)
{
	static const char claims[] =
		"{" ISS "," AUD "," SUB "," EXP ",\"kubernetes.io\":{\"namespace\":\"prod\","
		"\"serviceaccount\":{\"name\":\"billing\"}},\"a/b\":\"slash\",\"m~n\":\"tilde\","
		"\"\":\"empty\","
		"\"list\":[\"zero\",{\"in\":\"one\"}],\"https://x/user\":\"anna\",\"01\":\"digits\"}";
	static const struct
	{
		const char *pointer;
		const char *value; /* NULL: there is none */
	} cases[] = {
		{"/kubernetes.io/serviceaccount/name", "billing"},
		{"/kubernetes.io/namespace", "prod"},
		{"/kubernetes.io/serviceaccount", NULL},
		{"/kubernetes.io/serviceaccount/name/", NULL},
		{"/kubernetes.io/serviceaccount/name/x", NULL},
		{"/kubernetes/io", NULL},
		{"/a~1b", "slash"},
		{"a/b", "slash"},
		{"/a/b", NULL},
		{"/m~0n", "tilde"},
		{"m~n", "tilde"},
		{"/", "empty"},
		{"/list/0", "zero"},
		{"/list/1/in", "one"},
		{"/list/2", NULL},
		{"/list/00", NULL},
		{"/list/-", NULL},
		{"/list/-1", NULL},
		{"/list/99999999999", NULL},
		{"/list", NULL},
		{"/01", "digits"},
		{"https://x/user", "anna"},
		{"/https:~1~1x~1user", "anna"},
	};
	static const char *const malformed[] = {"/a~", "/a~2", "/~", "/exp", "/iss", "/sub", "/a/~x"};
	char token[ROOM];
	JwtRules rules = standard_rules;
	JwtClaims found;

	make(ED, header_of(ED, ""), claims, token);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		JwtFault fault;

		rules.principal_claim = cases[i].pointer;
		fault = verify_bytes(&rules, token, strlen(token), NOW, &found);
		CHECK(fault == (cases[i].value != NULL ? JWT_OK : JWT_FAULT_PRINCIPAL), "%s: %s",
			  cases[i].pointer, jwt_fault_text(fault));
		CHECK(fault != JWT_OK || strcmp(found.principal, cases[i].value) == 0, "%s: %s",
			  cases[i].pointer, found.principal);
	}
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
	{
		rules.principal_claim = malformed[i];
		CHECK(jwt_rules_fault(&rules) != NULL, "%s is a pointer", malformed[i]);
	}
	rules = standard_rules;
	rules.tenant_claim = "/kubernetes.io/namespace";
	CHECK(verify_bytes(&rules, token, strlen(token), NOW, &found) == JWT_OK &&
			  strcmp(found.tenant, "prod") == 0,
		  "the tenant by a pointer");
}

static void
test_groups(void)
{
	static const char *const groups[] = {"reader", "Reader", "billing", "none"};
	static const struct
	{
		const char *claim;
		JwtFault fault;
		const char *found; /* one digit for each group */
	} cases[] = {
		{"[\"reader\",\"billing\",\"other\"]", JWT_OK, "1010"},
		{"[\"Reader\"]", JWT_OK, "0100"},
		{"\"reader\"", JWT_OK, "1000"},
		{"\"reader billing\"", JWT_OK, "0000"},
		{"[]", JWT_OK, "0000"},
		{"null", JWT_OK, "0000"},
		{"[\"reader\",1]", JWT_FAULT_GROUPS, ""},
		{"[[\"reader\"]]", JWT_FAULT_GROUPS, ""},
		{"{\"reader\":true}", JWT_FAULT_GROUPS, ""},
		{"true", JWT_FAULT_GROUPS, ""},
	};
	JwtRules rules = standard_rules;
	char claims[512];
	char token[ROOM];
	JwtClaims found;

	rules.groups_claim = "/realm_access/roles";
	rules.groups = groups;
	rules.group_count = 4;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		JwtFault fault;

		snprintf(claims, sizeof(claims),
				 "{" ISS "," AUD "," SUB "," EXP ",\"realm_access\":{\"roles\":%s}}",
				 cases[i].claim);
		make(ED, header_of(ED, ""), claims, token);
		fault = verify_bytes(&rules, token, strlen(token), NOW, &found);
		CHECK(fault == cases[i].fault, "%s: %s", claims, jwt_fault_text(fault));
		for (int g = 0; g < 4 && fault == JWT_OK; g++)
			CHECK(found.has_group[g] == (cases[i].found[g] == '1'), "%s: group %d", claims, g);
	}
	expect_at(JWT_OK, &rules, GOOD, NOW);
	rules.group_count = JWT_MAX_GROUPS + 1;
	CHECK(jwt_rules_fault(&rules) != NULL, "too many groups");
}

static void
expect_required(JwtFault wanted, const char *required, const char *more)
{
	JwtRules rules = standard_rules;
	JwtRequired *parsed;
	char claims[512];

	CHECK(jwt_required_parse(required, strlen(required), &parsed) == NULL, "%s", required);
	rules.required = parsed;
	snprintf(claims, sizeof(claims), "{" ISS "," AUD "," SUB "," EXP "%s}", more);
	expect_at(wanted, &rules, claims, NOW);
	jwt_required_free(parsed);
}

static void
test_required(void)
{
	static const char *const bad[] = {"",
									  "[]",
									  "1",
									  "{\"a\":1}",
									  "{\"a\":null}",
									  "{\"a\":[]}",
									  "{\"a\":{}}",
									  "{\"a\":[1]}",
									  "{\"/a~2\":\"x\"}",
									  "{\"a\":\"\"}",
									  "{\"\":\"x\"}",
									  "{\"a\":\"x\",\"a\":\"y\"}"};
	JwtRequired *parsed;

	expect_required(JWT_OK, "{}", "");
	expect_required(JWT_OK, "{\"org\":\"acme\"}", ",\"org\":\"acme\"");
	expect_required(JWT_FAULT_REQUIRED, "{\"org\":\"acme\"}", ",\"org\":\"Acme\"");
	expect_required(JWT_FAULT_REQUIRED, "{\"org\":\"acme\"}", "");
	expect_required(JWT_FAULT_REQUIRED, "{\"org\":\"acme\"}", ",\"org\":null");
	expect_required(JWT_OK, "{\"org\":\"acme\"}", ",\"org\":[\"b\",\"acme\"]");
	expect_required(JWT_OK, "{\"org\":[\"acme\",\"b\"]}", ",\"org\":\"b\"");
	expect_required(JWT_FAULT_REQUIRED, "{\"org\":[\"acme\",\"b\"]}", ",\"org\":\"c\"");
	expect_required(JWT_OK, "{\"email_verified\":true}", ",\"email_verified\":true");
	expect_required(JWT_FAULT_REQUIRED, "{\"email_verified\":true}",
					",\"email_verified\":\"true\"");
	expect_required(JWT_FAULT_REQUIRED, "{\"email_verified\":true}", ",\"email_verified\":false");
	expect_required(JWT_OK, "{\"/a/b\":\"x\",\"c\":\"y\"}", ",\"a\":{\"b\":\"x\"},\"c\":\"y\"");
	expect_required(JWT_FAULT_REQUIRED, "{\"/a/b\":\"x\",\"c\":\"y\"}", ",\"a\":{\"b\":\"x\"}");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		CHECK(jwt_required_parse(bad[i], strlen(bad[i]), &parsed) != NULL && parsed == NULL,
			  "required claims: %s", bad[i]);
	}
}

/* Usual wrappings of tokens are named in the fault. */
static void
test_form_faults(void)
{
	static const struct
	{
		const char *before;
		const char *behind;
		const char *phrase; /* NULL: it is one */
	} cases[] = {
		{"", "", NULL},
		{"", "\n", "behind"},
		{"", "\r\n", "behind"},
		{"", " ", "behind"},
		{" ", "", "before"},
		{"Bearer ", "", "Bearer"},
		{"bearer ", "", "Bearer"},
		{"\"", "\"", "in quotes"},
		{"", "=", "characters"},
		{"", "\xc3\xa9", "characters"},
	};
	static char text[ROOM * 2];
	char good[ROOM];

	make_good(ED, good);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *fault;

		snprintf(text, sizeof(text), "%s%s%s", cases[i].before, good, cases[i].behind);
		fault = jwt_form_fault(text, strlen(text));
		CHECK(cases[i].phrase == NULL ? fault == NULL
									  : fault != NULL && strstr(fault, cases[i].phrase) != NULL,
			  "\"%s\" around a token: %s", cases[i].before, fault);
	}
	CHECK(jwt_form_fault("", 0) != NULL, "nothing");
	memset(text, 'a', JWT_MAX_BYTES + 1);
	CHECK(jwt_form_fault(text, JWT_MAX_BYTES) == NULL, "as large as allowed");
	CHECK(jwt_form_fault(text, JWT_MAX_BYTES + 1) != NULL, "larger");
}

static void
test_rules(void)
{
	JwtRules rules = standard_rules;

	CHECK(jwt_rules_fault(&rules) == NULL, "the standard rules");
#define WRONG(field, value)                                                         \
	do                                                                              \
	{                                                                               \
		rules = standard_rules;                                                     \
		rules.field = (value);                                                      \
		CHECK(jwt_rules_fault(&rules) != NULL, "rules with %s %s", #field, #value); \
		expect_at(JWT_FAULT_RULES, &rules, GOOD, NOW);                              \
	} while (0)
	WRONG(issuer, NULL);
	WRONG(issuer, "");
	WRONG(issuer, "https://id.example ");
	WRONG(audience, NULL);
	WRONG(audience, "");
	WRONG(skew, -1);
	WRONG(skew, 61);
	WRONG(max_lifetime, 0);
	WRONG(max_lifetime, INT64_MAX);
	WRONG(principal_claim, "");
	WRONG(principal_claim, "aud");
	WRONG(tenant_claim, "sub");
	WRONG(tenant_claim, "iss");
	WRONG(role_claim, "tenant");
	WRONG(role_claim, "a\nb");
	WRONG(address_claim, "exp");
	WRONG(address_claim, "db_role");
#undef WRONG
}

static void
test_peek(void)
{
	char issuer[JWT_MAX_CLAIM + 1];
	char token[ROOM];

	make_good(ED, token);
	CHECK(jwt_peek_issuer(token, strlen(token), issuer) == JWT_OK, "peek");
	CHECK(strcmp(issuer, "https://id.example") == 0, "issuer");
	make(ED, header_of(ED, ""), "{\"iss\":1}", token);
	CHECK(jwt_peek_issuer(token, strlen(token), issuer) == JWT_FAULT_ISSUER, "issuer is no string");
	make(ED, header_of(ED, ""), "{\"iss\":\"a\",\"iss\":\"b\"}", token);
	CHECK(jwt_peek_issuer(token, strlen(token), issuer) == JWT_FAULT_CLAIMS_DUPLICATE,
		  "two issuers");
	CHECK(issuer[0] == '\0', "no issuer beside a fault");
	CHECK(jwt_peek_issuer("a.!.a", 5, issuer) == JWT_FAULT_BASE64, "peek into no base64");
	CHECK(jwt_peek_issuer("a.b", 3, issuer) == JWT_FAULT_SEGMENTS, "peek into two segments");
}

/* Only of what a key of the set has signed, whatever else is wrong with it. */
static void
test_signed_subject(void)
{
	char subject[JWT_MAX_CLAIM + 1];
	char token[ROOM];

	make(ED, header_of(ED, ""), "{\"sub\":\"app\",\"exp\":1}", token);
	CHECK(jwt_signed_claim(keys, token, strlen(token), "sub", subject), "an expired token");
	CHECK(strcmp(subject, "app") == 0, "its subject");
	token[strlen(token) - 3] ^= 1;
	CHECK(!jwt_signed_claim(keys, token, strlen(token), "sub", subject), "a wrong signature");
	CHECK(subject[0] == '\0', "no subject beside it");
	make(ED, header_of(ED, ""), "{\"sub\":1}", token);
	CHECK(!jwt_signed_claim(keys, token, strlen(token), "sub", subject),
		  "a subject that is no string");
}

/* A bare signature over something that is not claims */
static void
test_jws(void)
{
	unsigned char payload[JWT_MAX_PAYLOAD];
	char kid[JWKS_MAX_KID + 1];
	char token[ROOM];
	size_t size;

	make_of_bytes(RS, header_of(RS, ""), "\0\1", 2, token);
	CHECK(jws_verify(keys, token, strlen(token), kid, payload, &size) == JWT_OK, "jws");
	CHECK(size == 2 && memcmp(payload, "\0\1", 2) == 0 && strcmp(kid, "rs") == 0, "payload");
	expect_text(JWT_FAULT_CLAIMS_SYNTAX, token, strlen(token), "not claims");
	token[0]++;
	CHECK(jws_verify(keys, token, strlen(token), kid, payload, &size) != JWT_OK, "changed jws");
	CHECK(size == 0 && kid[0] == '\0', "nothing beside a fault");
}

static void
test_fault_texts(void)
{
	for (JwtFault fault = JWT_OK; fault <= JWT_FAULT_INTERNAL; fault++)
	{
		CHECK(jwt_fault_text(fault) != NULL, "fault %d has a text", fault);
		for (JwtFault other = JWT_OK; other < fault; other++)
			CHECK(strcmp(jwt_fault_text(fault), jwt_fault_text(other)) != 0, "text %d is %d's",
				  fault, other);
	}
}

/* ---- making ---- */

static void
test_make(void)
{
	JwtClaims claims = {.subject = "svc \"\\ \xc3\xa9",
						.principal = "svc \"\\ \xc3\xa9",
						.tenant = "acme",
						.token_id = "t-1",
						.issued_at = NOW,
						.expires_at = NOW + 3600};
	JwtRules rules = standard_rules;
	unsigned char public_key[ED25519_PUBLIC_BYTES];
	JwtKeySet *own = NULL;
	JwtClaims found;
	char token[JWT_MAX_BYTES + 1];
	size_t size;

	CHECK(ed25519_public_key(&seed, public_key) == CRYPTO_OK, "public key");
	CHECK(jwks_of_ed25519("a\"b\\", public_key, &own) == CRYPTO_OK, "own set");
	CHECK(jwt_make(&seed, "a\"b\\", &rules, &claims, token, &size) == CRYPTO_OK, "make");
	CHECK(size == strlen(token), "size");
	CHECK(jwt_verify(own, &rules, token, size, NOW, &found) == JWT_OK, "verify the own one");
	CHECK(strcmp(found.subject, claims.subject) == 0 && strcmp(found.tenant, "acme") == 0 &&
			  strcmp(found.token_id, "t-1") == 0 && found.role[0] == '\0',
		  "the own claims");
	CHECK(jwt_verify(keys, &rules, token, size, NOW, &found) == JWT_FAULT_KEY_UNKNOWN,
		  "not theirs");

	CHECK(jwt_make(&seed, "", &rules, &claims, token, &size) == CRYPTO_ERR_FORMAT, "no kid");
	CHECK(size == 0 && token[0] == '\0', "nothing made");
	rules.tenant_claim = NULL;
	CHECK(jwt_make(&seed, "k", &rules, &claims, token, &size) == CRYPTO_ERR_FORMAT,
		  "tenant unsaid");
	rules = standard_rules;
	rules.principal_claim = "user";
	strcpy(claims.principal, "anna");
	CHECK(jwt_make(&seed, "ed", &rules, &claims, token, &size) == CRYPTO_OK, "mapped principal");
	CHECK(jwt_verify(keys, &rules, token, size, NOW, &found) == JWT_OK &&
			  strcmp(found.principal, "anna") == 0,
		  "the mapped principal");
	rules.principal_claim = NULL;
	CHECK(jwt_make(&seed, "k", &rules, &claims, token, &size) == CRYPTO_ERR_FORMAT, "two subjects");
	strcpy(claims.principal, claims.subject);
	claims.expires_at++;
	CHECK(jwt_make(&seed, "k", &rules, &claims, token, &size) == CRYPTO_ERR_FORMAT,
		  "too long a life");
	claims.expires_at = NOW;
	CHECK(jwt_make(&seed, "k", &rules, &claims, token, &size) == CRYPTO_ERR_FORMAT, "no life");
	claims.expires_at = NOW + 1;
	strcpy(claims.tenant, "a\nb");
	CHECK(jwt_make(&seed, "k", &rules, &claims, token, &size) == CRYPTO_ERR_FORMAT,
		  "control character");
	strcpy(claims.tenant, "a\xff");
	CHECK(jwt_make(&seed, "k", &rules, &claims, token, &size) == CRYPTO_ERR_FORMAT, "not UTF-8");
	jwks_free(own);
}

/* ---- key sets ---- */

/* Wraps the key; NULL wanted means taken, else the phrase contains it. */
static void
expect_key(const char *wanted, const char *key)
{
	static char text[ROOM];
	JwtKeySet *set;
	const char *fault;
	int position;

	snprintf(text, sizeof(text), "{\"keys\":[%s]}", key);
	fault = jwks_parse(text, strlen(text), &set, &position);
	if (wanted == NULL)
		CHECK(fault == NULL && jwks_count(set) == 1 && position == 0, "refused: %s: %s", key,
			  fault);
	else
		CHECK(fault != NULL && strstr(fault, wanted) != NULL && set == NULL && position == 1,
			  "%s: \"%s\" instead of \"%s\"", key, fault != NULL ? fault : "taken", wanted);
	CHECK(ERR_peek_error() == 0, "an error is left in OpenSSL's queue");
	jwks_free(set);
}

static void
expect_set(const char *wanted, const char *text, size_t size)
{
	JwtKeySet *set;
	int position;
	char *copy = room(size);
	const char *fault;

	memcpy(copy, text, size);
	fault = jwks_parse(copy, size, &set, &position);
	CHECK(wanted == NULL ? fault == NULL : fault != NULL && strstr(fault, wanted) != NULL,
		  "\"%s\" instead of \"%s\"", fault != NULL ? fault : "taken",
		  wanted != NULL ? wanted : "taken");
	jwks_free(set);
	free(copy);
}

/* An Ed25519 key with these members instead of kid and crv */
static const char *
okp(const char *members)
{
	static char key[ROOM];

	snprintf(key, sizeof(key), "{\"kty\":\"OKP\",\"x\":\"%s\"%s}", ed_text, members);
	return key;
}

#define KID    ",\"kid\":\"k\""
#define ED_CRV KID ",\"crv\":\"Ed25519\""

static void
test_key_members(void)
{
	static const char *const private_members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
	char members[512];

	expect_key(NULL, okp(ED_CRV));
	expect_key(NULL, okp(",\"crv\":\"Ed25519\",\"kid\":\"\xc3\xa9 \xe2\x82\xac/:|\""));
	expect_key(NULL, okp(ED_CRV ",\"key_ops\":[\"verify\",\"sign\"]"));
	expect_key(NULL, okp(ED_CRV ",\"use\":\"jwt-svid\""));
	expect_key("use", okp(ED_CRV ",\"use\":\"x509-svid\""));
	expect_key("key_ops", okp(ED_CRV ",\"key_ops\":[\"verify\",1]"));
	expect_key(NULL, okp(ED_CRV ",\"alg\":\"EdDSA\",\"use\":\"sig\",\"key_ops\":[\"verify\"]"));
	expect_key(NULL, okp(ED_CRV ",\"x5c\":[\"ignored\"],\"exp\":1"));
	expect_key("kid", okp(",\"crv\":\"Ed25519\""));
	expect_key("kid", okp(",\"crv\":\"Ed25519\",\"kid\":\"\""));
	expect_key("kid", okp(",\"crv\":\"Ed25519\",\"kid\":1"));
	expect_key("kid", okp(",\"crv\":\"Ed25519\",\"kid\":\"a\\tb\""));
	snprintf(members, sizeof(members), ",\"crv\":\"Ed25519\",\"kid\":\"%0*d\"", 255, 0);
	expect_key(NULL, okp(members));
	snprintf(members, sizeof(members), ",\"crv\":\"Ed25519\",\"kid\":\"%0*d\"", 256, 0);
	expect_key("kid", okp(members));
	expect_key("use", okp(ED_CRV ",\"use\":\"enc\""));
	expect_key("use", okp(ED_CRV ",\"use\":null"));
	expect_key("key_ops", okp(ED_CRV ",\"key_ops\":[\"sign\"]"));
	expect_key("key_ops", okp(ED_CRV ",\"key_ops\":\"verify\""));
	expect_key("key_ops", okp(ED_CRV ",\"key_ops\":[]"));
	expect_key("alg", okp(ED_CRV ",\"alg\":\"ES256\""));
	expect_key("alg", okp(ED_CRV ",\"alg\":\"none\""));
	expect_key("alg", okp(ED_CRV ",\"alg\":null"));
	expect_key("crv", okp(KID));
	expect_key("crv", okp(KID ",\"crv\":\"X25519\""));
	expect_key("crv", okp(KID ",\"crv\":\"Ed448\""));
	for (size_t i = 0; i < sizeof(private_members) / sizeof(private_members[0]); i++)
	{
		snprintf(members, sizeof(members), ED_CRV ",\"%s\":\"AQAB\"", private_members[i]);
		expect_key("private", okp(members));
	}
	expect_key("kty", "{\"kty\":\"oct\",\"kid\":\"k\",\"alg\":\"HS256\",\"k\":\"AAAA\"}");
	expect_key("kty", "{\"kty\":\"okp\",\"kid\":\"k\"}");
	expect_key("kty", "{\"kid\":\"k\"}");
	expect_key("object", "1");
	expect_key("object", "null");
}

static void
test_ed25519_keys(void)
{
	static const char *const small[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};
	unsigned char x[33] = {9};
	char text[64];
	char key[256];

	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
	{
		from_hex(small[i], x);
		*text = '\0';
		encode_to(text, x, 32);
		snprintf(key, sizeof(key), "{\"kty\":\"OKP\",\"x\":\"%s\"" ED_CRV "}", text);
		expect_key("member x", key);
	}
	for (size_t size = 0; size <= 33; size += 11)
	{
		*text = '\0';
		encode_to(text, x, size);
		snprintf(key, sizeof(key), "{\"kty\":\"OKP\",\"x\":\"%s\"" ED_CRV "}", text);
		expect_key("member x", key);
	}
	snprintf(key, sizeof(key), "{\"kty\":\"OKP\",\"x\":\"%s=\"" ED_CRV "}", ed_text);
	expect_key(NULL, key);
	snprintf(key, sizeof(key), "{\"kty\":\"OKP\",\"x\":\"%s==\"" ED_CRV "}", ed_text);
	expect_key("member x", key);
	expect_key("member x", "{\"kty\":\"OKP\"" ED_CRV "}");
}

static void
expect_ec(const char *wanted, const char *x, const char *y, const char *members)
{
	char key[512];

	snprintf(key, sizeof(key), "{\"kty\":\"EC\"" KID ",\"x\":\"%s\",\"y\":\"%s\"%s}", x, y,
			 members);
	expect_key(wanted, key);
}

static void
test_ec_keys(void)
{
	static const char crv[] = ",\"crv\":\"P-256\"";
	static const char zeros[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	unsigned char x[33];
	char longer[80];
	size_t size;

	expect_ec(NULL, x_text, y_text, crv);
	expect_ec(NULL, x_text, y_text, ",\"crv\":\"P-256\",\"alg\":\"ES256\"");
	expect_ec("alg", x_text, y_text, ",\"crv\":\"P-256\",\"alg\":\"ES384\"");
	expect_ec("crv", x_text, y_text, ",\"crv\":\"P-384\"");
	expect_ec("crv", x_text, y_text, ",\"crv\":\"secp256k1\"");
	expect_ec("crv", x_text, y_text, "");
	expect_ec("point", y_text, x_text, crv);
	expect_ec("point", zeros, zeros, crv);
	expect_ec("point", "", "", crv);
	expect_ec("point", x_text, "AQAB", crv);
	expect_ec("point", "====", y_text, crv);
	snprintf(longer, sizeof(longer), "%s=", x_text);
	expect_ec(NULL, longer, y_text, crv);
	*longer = '\0';
	x[0] = 0;
	base64_decode(BASE64_URL, x_text, strlen(x_text), x + 1, 32, &size);
	encode_to(longer, x, 33);
	expect_ec(NULL, longer, y_text, crv);
	snprintf(longer, sizeof(longer), "%sAA", zeros);
	expect_ec("point", longer, y_text, crv);
}

/* bits: the modulus has exactly as many; last: its last byte */
static void
expect_rsa(const char *wanted, size_t bits, unsigned char last, const char *e, const char *alg)
{
	unsigned char n[1100];
	static char text[2048];
	static char key[4096];
	size_t size = (bits + 7) / 8;

	memset(n, 0x5a, sizeof(n));
	n[0] = (unsigned char) (0x80 >> (size * 8 - bits));
	n[size - 1] = last;
	*text = '\0';
	encode_to(text, n, size);
	snprintf(key, sizeof(key), "{\"kty\":\"RSA\"" KID ",\"n\":\"%s\",\"e\":\"%s\"%s}", text, e,
			 alg);
	expect_key(wanted, key);
}

static void
test_rsa_keys(void)
{
	static const char rs[] = ",\"alg\":\"RS256\"";
	unsigned char longer[257]; /* 2048 bits behind a zero */
	char text[512];
	char key[1024];

	snprintf(key, sizeof(key),
			 "{\"kty\":\"RSA\"" KID ",\"n\":\"%s\",\"e\":\"AQAB\",\"alg\":\"PS256\"}", n_text);
	expect_key(NULL, key);
	longer[0] = 0;
	memset(longer + 1, 0x81, sizeof(longer) - 1);
	for (size_t zeros = 0; zeros < 2; zeros++)
	{
		*text = '\0';
		encode_to(text, longer + 1 - zeros, sizeof(longer) - 1 + zeros);
		snprintf(key, sizeof(key),
				 "{\"kty\":\"RSA\"" KID ",\"n\":\"%s\",\"e\":\"AQAB\",\"alg\":\"PS256\"}", text);
		expect_key(NULL, key);
		snprintf(key, sizeof(key), "{\"kty\":\"RSA\"" KID ",\"n\":\"%s%s\",\"e\":\"AQAB\"}", text,
				 zeros == 0 ? "==" : "=");
		expect_key(NULL, key);
	}
	expect_rsa(NULL, 2048, 1, "AQAB", rs);
	expect_rsa(NULL, 8192, 1, "AQAB", rs);
	expect_rsa(NULL, 2048, 1, "__________8", ",\"alg\":\"PS256\"");
	expect_rsa("members n and e", 2048, 2, "AQAB", rs); /* even */
	expect_rsa("members n and e", 1024, 1, "AQAB", rs);
	expect_rsa("members n and e", 2047, 1, "AQAB", rs);
	expect_rsa("members n and e", 8193, 1, "AQAB", rs);
	expect_rsa("members n and e", 2048, 1, "Aw", rs);           /* 3 */
	expect_rsa("members n and e", 2048, 1, "__8", rs);          /* 65535 */
	expect_rsa("members n and e", 2048, 1, "AQAA", rs);         /* 65536 */
	expect_rsa("members n and e", 2048, 1, "AQAC", rs);         /* 65538 */
	expect_rsa(NULL, 2048, 1, "AAEAAQ", rs);                    /* a leading zero */
	expect_rsa("members n and e", 2048, 1, "AQAAAAAAAAAB", rs); /* nine bytes */
	expect_rsa("members n and e", 2048, 1, "", rs);
	expect_rsa(NULL, 2048, 1, "AQAB", "");
	expect_rsa("fewer than 2048", 2047, 1, "AQAB", "");
	expect_rsa("alg", 2048, 1, "AQAB", ",\"alg\":\"RSA-OAEP\"");
	expect_rsa("alg", 2048, 1, "AQAB", ",\"alg\":\"RS512\"");
	expect_rsa("alg", 2048, 1, "AQAB", ",\"alg\":\"HS256\"");
	expect_rsa("alg", 2048, 1, "AQAB", ",\"alg\":null");
	expect_key("members n and e",
			   "{\"kty\":\"RSA\"" KID ",\"n\":\"\",\"e\":\"AQAB\",\"alg\":\"RS256\"}");
}

static void
test_key_sets(void)
{
	static char text[JWKS_MAX_BYTES + 2];
	size_t size;

	expect_set(NULL, key_set, strlen(key_set));
	for (size_t cut = 0; cut < strlen(key_set); cut += 37)
		expect_set("not a JSON object", key_set, cut);
	expect_set("not a JSON object", "[]", 2);
	expect_set("member keys", "{}", 2);
	expect_set("member keys", "{\"keys\":{}}", 11);
	expect_set("member keys", "{\"keys\":[]}", 11);
	expect_set("two members", "{\"keys\":[],\"keys\":[]}", 21);
	expect_set("nested", "{\"a\":[[[[[[[[1]]]]]]]]}", 23);
	snprintf(text, sizeof(text),
			 "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\",\"x\":\"%s\","
			 "\"kid\":\"k\"}]}",
			 ed_text, ed_text);
	expect_set("two members", text, strlen(text));

	for (int count = 63; count <= 65; count++)
	{
		strcpy(text, "{\"keys\":[");
		for (int i = 0; i < count; i++)
			sprintf(text + strlen(text),
					"%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%d\",\"x\":\"%s\"}",
					i > 0 ? "," : "", i, ed_text);
		strcat(text, "]}");
		expect_set(count <= JWKS_MAX_KEYS ? NULL : "1 to 64", text, strlen(text));
	}

	/* white space up to the limit, and one more */
	size = strlen(key_set);
	memset(text, ' ', sizeof(text));
	memcpy(text, key_set, size);
	expect_set(NULL, text, JWKS_MAX_BYTES);
	expect_set("256 KiB", text, JWKS_MAX_BYTES + 1);
}

/* The second of two keys is at fault, and its place is told. */
static void
test_key_position(void)
{
	char text[1024];
	JwtKeySet *set;
	const char *fault;
	int position;

	snprintf(text, sizeof(text),
			 "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\",\"x\":\"%s\"},"
			 "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\",\"x\":\"%s\"}]}",
			 ed_text, ed_text);
	fault = jwks_parse(text, strlen(text), &set, &position);
	CHECK(fault != NULL && strstr(fault, "earlier key") != NULL, "two keys of one kid");
	CHECK(position == 2 && set == NULL, "position");
}

/* Beside a key that signs, all that providers publish: passed over, each with its reason. */
static void
test_passed_over(void)
{
	static const struct
	{
		const char *key;
		const char *reason;
	} others[] = {
		{"{\"kty\":\"RSA\",\"use\":\"enc\",\"alg\":\"RSA-OAEP\",\"kid\":\"e\",\"n\":\"AQAB\","
		 "\"e\":\"AQAB\"}",
		 "use"},
		{"{\"kty\":\"RSA\",\"alg\":\"RSA-OAEP-256\",\"kid\":\"e\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		 "alg"},
		{"{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"AAAA\"}", "symmetric"},
		{"{\"kty\":\"EC\",\"crv\":\"P-521\",\"kid\":\"p\",\"x\":\"AA\",\"y\":\"AA\"}", "crv"},
		{"{\"kty\":\"AKP\",\"kid\":\"q\",\"alg\":\"ML-DSA-44\",\"pub\":\"AA\"}", "kty"},
		{"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"alg\":\"ES256K\",\"kid\":\"b\"}", "crv"},
		{"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"kid\":\"x\",\"x\":\"AA\"}", "crv"},
		{"{\"kty\":\"RSA\",\"kid\":\"w\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "2048"},
		{"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "kid"},
		{"{\"kty\":\"RSA\",\"kid\":\"o\",\"key_ops\":[\"encrypt\"]}", "key_ops"},
		{"{}", "kty"},
		{"null", "object"},
		{"\"text\"", "object"},
	};
	static char text[ROOM];
	JwksReport report;
	JwtKeySet *set;
	JwtKeySet *again;
	const char *fault;
	size_t size;
	int count = sizeof(others) / sizeof(others[0]);
	int position;
	char *kept;

	strcpy(text, "\xef\xbb\xbf{\"keys\":[");
	for (int i = 0; i < count; i++)
		sprintf(text + strlen(text), "%s,", others[i].key);
	size = strlen(text);
	sprintf(text + size, "%s]}",
			okp(ED_CRV ",\"x5c\":[\"AAAA\"],\"jku\":\"https://evil.example\""));
	fault = jwks_read(text, strlen(text), NULL, &set, &report);
	CHECK(fault == NULL && jwks_count(set) == 1, "one key signs: %s", fault);
	CHECK(report.passed_over == count && report.position == 0, "%d are passed over",
		  report.passed_over);
	for (int i = 0; i < count; i++)
		CHECK(report.passed[i].position == i + 1 &&
				  strstr(report.passed[i].reason, others[i].reason),
			  "key %d: %s", i + 1, report.passed[i].reason);
	CHECK(jwks_find(set, "k") != NULL && jwks_find(set, "h") == NULL && jwks_find(set, "e") == NULL,
		  "no other can be found");

	/* stored keys are the used ones, and read as the same */
	kept = jwks_text(set);
	CHECK(kept != NULL && strstr(kept, "AAAA") == NULL && strstr(kept, "evil") == NULL, "%s", kept);
	CHECK(jwks_parse(kept, strlen(kept), &again, &position) == NULL && jwks_count(again) == 1 &&
			  jwks_find(again, "k") != NULL,
		  "read again");
	free(kept);
	jwks_free(again);
	jwks_free(set);

	strcpy(text + size - 1, "]}");
	fault = jwks_read(text, strlen(text), NULL, &set, &report);
	CHECK(fault != NULL && set == NULL && report.position == 1 && strstr(fault, "use"),
		  "none is left: %s", fault);
	/* a private key is no key of another kind: it should not be there at all */
	sprintf(text + size - 1, ",{\"kty\":\"RSA\",\"use\":\"enc\",\"d\":\"AQAB\"},%s]}", okp(ED_CRV));
	fault = jwks_read(text, strlen(text), NULL, &set, &report);
	CHECK(fault != NULL && set == NULL && report.position == count + 1 && strstr(fault, "private"),
		  "a private key: %s", fault);
}

/* A key by itself is a set; what could be either is refused. */
static void
test_single_key(void)
{
	char text[ROOM];

	expect_set(NULL, okp(ED_CRV), strlen(okp(ED_CRV)));
	expect_set("use", okp(ED_CRV ",\"use\":\"enc\""), strlen(okp(ED_CRV ",\"use\":\"enc\"")));
	expect_set("private", okp(ED_CRV ",\"d\":\"AA\""), strlen(okp(ED_CRV ",\"d\":\"AA\"")));
	snprintf(text, sizeof(text), "%s", okp(ED_CRV ",\"keys\":[]"));
	expect_set("member keys of a set", text, strlen(text));
	expect_set("not a JSON object", "\xef\xbb\xbf", 3);
	expect_set("not a JSON object", "\xef\xbb\xbf\xef\xbb\xbf{}", 8);
}

/* An RSA key without alg has one algorithm, that of the list; a key with one keeps it. */
static void
test_rsa_without_alg(void)
{
	static const struct
	{
		const char *names[3];
		int count;
		JwtFault fault[2]; /* of a token with RS256 and one with PS256 */
	} cases[] = {
		{{NULL}, 0, {JWT_OK, JWT_FAULT_ALGORITHM}},
		{{"RS256"}, 1, {JWT_OK, JWT_FAULT_ALGORITHM}},
		{{"PS256"}, 1, {JWT_FAULT_ALGORITHM, JWT_OK}},
		{{"EdDSA", "PS256", "RS256"}, 3, {JWT_FAULT_ALGORITHM, JWT_OK}},
	};
	static const char *const bad[] = {"none", "HS256", "rs256", "RS512", ""};
	JwksAlgorithms counting;
	char text[ROOM];
	char header[64];
	char token[ROOM];
	JwtKeySet *set;
	JwksReport report;
	JwtClaims found;

	snprintf(
		text, sizeof(text),
		"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"rs\",\"use\":\"sig\",\"n\":\"%s\",\"e\":\"AQAB\"}]}",
		n_text);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *fault =
			cases[i].count == 0 ? NULL : jwks_algorithms(cases[i].names, cases[i].count, &counting);

		CHECK(fault == NULL, "algorithms: %s", fault);
		CHECK(jwks_read(text, strlen(text), cases[i].count == 0 ? NULL : &counting, &set,
						&report) == NULL,
			  "case %d", (int) i);
		for (int pss = 0; pss < 2; pss++)
		{
			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"rs\"}",
					 pss ? "PS256" : "RS256");
			make(pss ? PS : RS, header, GOOD, token);
			CHECK(jwt_verify(set, &standard_rules, token, strlen(token), NOW, &found) ==
					  cases[i].fault[pss],
				  "case %d, PSS %d", (int) i, pss);
		}
		jwks_free(set);
	}
	/* bound to its alg, whatever the list says; and left out if the list has it not */
	CHECK(jwks_algorithms((const char *const[]){"PS256"}, 1, &counting) == NULL, "PS256");
	CHECK(jwks_read(key_set, strlen(key_set), &counting, &set, &report) == NULL &&
			  jwks_count(set) == 1 && report.passed_over == 3 && jwks_find(set, "ps") != NULL,
		  "of four keys the one of PS256");
	jwks_free(set);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(jwks_algorithms(&bad[i], 1, &counting) != NULL, "%s", bad[i]);
	CHECK(jwks_algorithms(NULL, 0, &counting) != NULL, "an empty list");
}

int
main(void)
{
	set_up();
	test_good();
	test_header();
	test_algorithm();
	test_unsigned();
	test_symmetric_confusion();
	test_kid();
	test_form();
	test_signed_malformed();
	test_every_character();
	test_ecdsa_forms();
	test_size();
	test_claims_json();
	test_issuer_and_audience();
	test_time_forms();
	test_time_fractions();
	test_clock();
	test_lifetime();
	test_strings();
	test_mapping();
	test_without_subject();
	test_pointers();
	test_groups();
	test_required();
	test_form_faults();
	test_rules();
	test_peek();
	test_signed_subject();
	test_jws();
	test_fault_texts();
	test_make();
	test_key_members();
	test_ed25519_keys();
	test_ec_keys();
	test_rsa_keys();
	test_key_sets();
	test_key_position();
	test_passed_over();
	test_single_key();
	test_rsa_without_alg();
	tear_down();
	return finish("test_jwt");
}

/*
 * vectors.c
 *		Runs published test vectors against the functions that ship.
 *
 * Reads cases from standard input, one a line, as vectors.pl writes them, and
 * prints one summary.  The argument names the file that they come from.  A line
 * has a word for the kind, the number of the case, "valid" or "invalid", and
 * hex fields, "-" if empty:
 *
 *		gcm		key iv aad msg ct tag
 *		hkdf	ikm salt info okm, with the size of okm in decimal before it
 *		hmac256, hmac512	key msg tag
 *		ed25519	x msg sig
 *		es256	point msg sig, the point uncompressed
 *		rs256, ps256	n e msg sig
 *		jws		JWK token, both text in hex, with "taken" or "refused" before them:
 *				what must become of the key
 *
 * The last line is "end", so that a writer that died is not taken for success.
 */
#define _POSIX_C_SOURCE 200809L

#include "crypto/ed25519.h"
#include "crypto/primitives.h"
#include "crypto/signature.h"
#include "identity/jwks.h"
#include "identity/jwt.h"

#include "harness.h"

#define MAX_FIELDS 6

typedef enum Verdict
{
	PASSED,
	FAILED,
	NOT_OFFERED
} Verdict;

typedef struct Field
{
	unsigned char *bytes;
	size_t size;
} Field;

/* Exactly as large as its bytes, so that reading beyond is seen. */
static Field
field(const char *hex)
{
	Field result;

	if (strcmp(hex, "-") == 0)
		hex = "";
	result.bytes = room(strlen(hex) / 2);
	result.size = from_hex(hex, result.bytes);
	return result;
}

static bool
equal(const Field *expected, const unsigned char *found, size_t size)
{
	return expected->size == size && memcmp(expected->bytes, found, size) == 0;
}

static Verdict
run_gcm(const Field *f, bool valid)
{
	const Field *iv = &f[1];
	const Field *aad = &f[2];
	const Field *msg = &f[3];
	const Field *ct = &f[4];
	const Field *tag = &f[5];
	SecretKey key;
	unsigned char made[GCM_TAG_BYTES];
	unsigned char *out;
	CryptoStatus opened;
	bool right;

	if (f[0].size != KEY_BYTES || iv->size != GCM_IV_BYTES || tag->size != GCM_TAG_BYTES)
		return NOT_OFFERED;
	memcpy(key.bytes, f[0].bytes, KEY_BYTES);

	out = room(ct->size);
	memset(out, 0xaa, ct->size);
	opened = crypto_gcm_open(&key, iv->bytes, aad->bytes, aad->size, ct->bytes, ct->size,
							 tag->bytes, out);
	if (valid)
		right = opened == CRYPTO_OK && equal(msg, out, ct->size);
	else
		right = opened == CRYPTO_ERR_AUTH && all_zero(out, ct->size);
	free(out);

	out = room(msg->size);
	right = right &&
		crypto_gcm_seal(&key, iv->bytes, aad->bytes, aad->size, msg->bytes, msg->size, out, made) ==
			CRYPTO_OK &&
		(equal(ct, out, msg->size) && equal(tag, made, sizeof(made))) == valid;
	free(out);
	return right ? PASSED : FAILED;
}

static Verdict
run_hkdf(const Field *f, size_t size, bool valid)
{
	unsigned char *out = room(size);
	CryptoStatus status = crypto_hkdf_sha512(f[0].bytes, f[0].size, f[1].bytes, f[1].size,
											 f[2].bytes, f[2].size, out, size);
	bool right =
		(status == CRYPTO_OK && equal(&f[3], out, size)) == valid && (status == CRYPTO_OK) == valid;

	free(out);
	return right ? PASSED : FAILED;
}

/* A tag shorter than the function's is its prefix. */
static Verdict
run_hmac(const Field *f, bool wide, bool valid)
{
	unsigned char out[SHA512_BYTES];
	size_t full = wide ? SHA512_BYTES : SHA256_BYTES;
	CryptoStatus status;

	status = (wide ? crypto_hmac_sha512 : crypto_hmac_sha256)(f[0].bytes, f[0].size, f[1].bytes,
															  f[1].size, out);
	if (status != CRYPTO_OK || f[2].size == 0 || f[2].size > full)
		return FAILED;
	return secret_equal(out, f[2].bytes, f[2].size) == valid ? PASSED : FAILED;
}

/* Takes the key over.  A key that is refused verifies nothing. */
static Verdict
verify_with(CryptoStatus made, PublicKey *key, const Field *msg, const Field *sig, bool valid)
{
	CryptoStatus status = CRYPTO_ERR_AUTH;

	if (made == CRYPTO_OK)
		status = signature_verify(key, msg->bytes, msg->size, sig->bytes, sig->size);
	public_key_free(key);
	return status == (valid ? CRYPTO_OK : CRYPTO_ERR_AUTH) ? PASSED : FAILED;
}

static Verdict
run_ed25519(const Field *f, bool valid)
{
	PublicKey *key;
	CryptoStatus made = public_key_ed25519(f[0].bytes, f[0].size, &key);
	CryptoStatus status = CRYPTO_ERR_AUTH;

	if (f[0].size == ED25519_PUBLIC_BYTES)
		status = ed25519_verify(f[0].bytes, f[1].bytes, f[1].size, f[2].bytes, f[2].size);
	if (status != (valid ? CRYPTO_OK : CRYPTO_ERR_AUTH))
	{
		public_key_free(key);
		return FAILED;
	}
	return verify_with(made, key, &f[1], &f[2], valid);
}

static Verdict
run_es256(const Field *f, bool valid)
{
	PublicKey *key;
	CryptoStatus made;

	if (f[0].size != 65 || f[0].bytes[0] != 4)
		return FAILED;
	made = public_key_p256(f[0].bytes + 1, 32, f[0].bytes + 33, 32, &key);
	return verify_with(made, key, &f[1], &f[2], valid);
}

static Verdict
run_rsa(const Field *f, SignatureAlgorithm algorithm, bool valid)
{
	PublicKey *key;
	CryptoStatus made =
		public_key_rsa(algorithm, f[0].bytes, f[0].size, f[1].bytes, f[1].size, &key);

	return verify_with(made, key, &f[2], &f[3], valid);
}

/* A set of this one key.  What is expected of it is not taken from what it does. */
static Verdict
run_jws(const Field *f, bool valid, bool refused)
{
	static const char before[] = "{\"keys\":[";
	static const char after[] = "]}";
	size_t size = sizeof(before) - 1 + f[0].size + sizeof(after) - 1;
	unsigned char payload[JWT_MAX_PAYLOAD];
	char kid[JWKS_MAX_KID + 1];
	char *text = room(size);
	size_t payload_size;
	JwtKeySet *keys;
	int position;
	Verdict verdict;

	memcpy(text, before, sizeof(before) - 1);
	memcpy(text + sizeof(before) - 1, f[0].bytes, f[0].size);
	memcpy(text + size - (sizeof(after) - 1), after, sizeof(after) - 1);
	if (jwks_parse(text, size, &keys, &position) != NULL)
		verdict = !refused ? FAILED : valid ? NOT_OFFERED : PASSED;
	else if (refused)
		verdict = FAILED;
	else
		verdict = (jws_verify(keys, (const char *) f[1].bytes, f[1].size, kid, payload,
							  &payload_size) == JWT_OK) == valid
			? PASSED
			: FAILED;
	jwks_free(keys);
	free(text);
	return verdict;
}

/* Cuts the line at its spaces; takes it apart for the kind that it names. */
static Verdict
run_line(char *line)
{
	Field fields[MAX_FIELDS] = {{NULL, 0}};
	const char *kind = strtok(line, " ");
	const char *number = strtok(NULL, " ");
	const char *result = strtok(NULL, " ");
	bool is_hkdf = kind != NULL && strcmp(kind, "hkdf") == 0;
	bool is_jws = kind != NULL && strcmp(kind, "jws") == 0;
	const char *size = is_hkdf || is_jws ? strtok(NULL, " ") : "0"; /* or what becomes of the key */
	Verdict verdict = FAILED;
	bool valid;
	int count = 0;

	if (number == NULL || result == NULL || size == NULL)
		return FAILED;
	valid = strcmp(result, "valid") == 0;
	for (const char *hex; count < MAX_FIELDS && (hex = strtok(NULL, " ")) != NULL; count++)
		fields[count] = field(hex);

	if (strcmp(kind, "gcm") == 0 && count == 6)
		verdict = run_gcm(fields, valid);
	else if (is_hkdf && count == 4)
		verdict = run_hkdf(fields, strtoul(size, NULL, 10), valid);
	else if (strncmp(kind, "hmac", 4) == 0 && count == 3)
		verdict = run_hmac(fields, strcmp(kind, "hmac512") == 0, valid);
	else if (strcmp(kind, "ed25519") == 0 && count == 3)
		verdict = run_ed25519(fields, valid);
	else if (strcmp(kind, "es256") == 0 && count == 3)
		verdict = run_es256(fields, valid);
	else if (strcmp(kind, "rs256") == 0 && count == 4)
		verdict = run_rsa(fields, SIGNATURE_RS256, valid);
	else if (strcmp(kind, "ps256") == 0 && count == 4)
		verdict = run_rsa(fields, SIGNATURE_PS256, valid);
	else if (is_jws && count == 2)
		verdict = run_jws(fields, valid, strcmp(size, "refused") == 0);
	if (verdict == FAILED)
		printf("failed: %s case %s, which is %s\n", kind, number, result);

	for (int i = 0; i < count; i++)
		free(fields[i].bytes);
	return verdict;
}

int
main(int argc, char **argv)
{
	unsigned long counts[3] = {0};
	char *line = NULL;
	size_t capacity = 0;
	bool complete = false;

	while (!complete && getline(&line, &capacity, stdin) > 0)
	{
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "end") == 0)
			complete = true;
		else
			counts[run_line(line)]++;
	}
	free(line);

	printf("vectors %s: %lu passed, %lu failed, %lu not offered\n", argc > 1 ? argv[1] : "-",
		   counts[PASSED], counts[FAILED], counts[NOT_OFFERED]);
	if (!complete)
		printf("vectors: input ended early\n");
	return complete && counts[FAILED] == 0 && counts[PASSED] > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

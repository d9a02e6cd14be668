/*
 * test_primitives.c
 *		Each primitive computes what its standard says, refuses what it must, and
 *		leaves no plaintext behind a refusal.
 *
 * Vectors of the published kind are in vectors.c; those here are the few that
 * the standards themselves print (RFC 4231, RFC 4648, RFC 5869's shape, FIPS
 * 180-2), so that the program means something without any file beside it.
 */
#include "crypto/primitives.h"

#include <openssl/err.h>

#include "harness.h"

static void
test_sha256(void)
{
	unsigned char digest[SHA256_BYTES];
	unsigned char expected[SHA256_BYTES];

	from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", expected);
	CHECK(crypto_sha256("abc", 3, digest) == CRYPTO_OK, "sha256 status");
	CHECK(secret_equal(digest, expected, sizeof(digest)), "sha256 of abc");
	from_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", expected);
	CHECK(crypto_sha256(NULL, 0, digest) == CRYPTO_OK, "sha256 of nothing: status");
	CHECK(secret_equal(digest, expected, sizeof(digest)), "sha256 of nothing");
}

/* RFC 4231, test case 2 */
static void
test_hmac(void)
{
	static const char key[] = "Jefe";
	static const char data[] = "what do ya want for nothing?";
	unsigned char tag[SHA512_BYTES];
	unsigned char expected[SHA512_BYTES];

	from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", expected);
	CHECK(crypto_hmac_sha256(key, 4, data, 28, tag) == CRYPTO_OK, "hmac-sha256 status");
	CHECK(secret_equal(tag, expected, SHA256_BYTES), "hmac-sha256");
	from_hex("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
			 "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
			 expected);
	CHECK(crypto_hmac_sha512(key, 4, data, 28, tag) == CRYPTO_OK, "hmac-sha512 status");
	CHECK(secret_equal(tag, expected, SHA512_BYTES), "hmac-sha512");
	CHECK(crypto_hmac_sha256(NULL, 0, NULL, 0, tag) == CRYPTO_OK, "hmac of nothing: status");
	from_hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", expected);
	CHECK(secret_equal(tag, expected, SHA256_BYTES), "hmac-sha256 of nothing");
}

/* Straight from RFC 5869, with nothing but HMAC. */
static void
slow_hkdf(const unsigned char *key, size_t key_size, const unsigned char *salt, size_t salt_size,
		  const unsigned char *info, size_t info_size, unsigned char *out, size_t out_size)
{
	static const unsigned char zeros[SHA512_BYTES];
	unsigned char prk[SHA512_BYTES];
	unsigned char block[SHA512_BYTES];
	unsigned char input[SHA512_BYTES + 300 + 1];
	size_t done = 0;

	crypto_hmac_sha512(salt_size > 0 ? salt : zeros, salt_size > 0 ? salt_size : SHA512_BYTES, key,
					   key_size, prk);
	for (unsigned char counter = 1; done < out_size; counter++)
	{
		size_t size = counter > 1 ? SHA512_BYTES : 0;
		size_t wanted = out_size - done < SHA512_BYTES ? out_size - done : SHA512_BYTES;

		memcpy(input, block, size);
		memcpy(input + size, info, info_size);
		size += info_size;
		input[size++] = counter;
		crypto_hmac_sha512(prk, sizeof(prk), input, size, block);
		memcpy(out + done, block, wanted);
		done += wanted;
	}
}

static void
test_hkdf(void)
{
	static const size_t sizes[] = {0, 1, 13, 64, 128, 129, 300};
	unsigned char material[300];
	unsigned char expected[1000];
	unsigned char out[1000];

	for (size_t i = 0; i < sizeof(material); i++)
		material[i] = (unsigned char) pick(256);
	for (size_t s = 0; s < 7; s++)
		for (size_t i = 0; i < 7; i++)
			for (size_t n = 1; n <= sizeof(out); n += 333)
			{
				slow_hkdf(material, 32, material, sizes[s], material, sizes[i], expected, n);
				CHECK(crypto_hkdf_sha512(material, 32, material, sizes[s], material, sizes[i], out,
										 n) == CRYPTO_OK,
					  "hkdf status");
				CHECK(secret_equal(out, expected, n), "hkdf, salt %zu, info %zu, out %zu", sizes[s],
					  sizes[i], n);
			}
	CHECK(crypto_hkdf_sha512(material, 32, NULL, 0, NULL, 0, out, 0) == CRYPTO_ERR_FORMAT,
		  "hkdf of no output");
}

static void
test_hkdf_extract(void)
{
	static const unsigned char zeros[SHA512_BYTES];
	unsigned char prk[SHA512_BYTES];
	unsigned char expected[SHA512_BYTES];
	unsigned char *large = room(255 * SHA512_BYTES + 1);

	crypto_hmac_sha512(zeros, sizeof(zeros), "key material", 12, expected);
	CHECK(crypto_hkdf_extract_sha512("key material", 12, NULL, 0, prk) == CRYPTO_OK,
		  "extract status");
	CHECK(secret_equal(prk, expected, sizeof(prk)), "extract without salt");
	crypto_hmac_sha512("salt", 4, "key material", 12, expected);
	CHECK(crypto_hkdf_extract_sha512("key material", 12, "salt", 4, prk) == CRYPTO_OK,
		  "extract status");
	CHECK(secret_equal(prk, expected, sizeof(prk)), "extract with salt");

	CHECK(crypto_hkdf_sha512("k", 1, NULL, 0, NULL, 0, large, 255 * SHA512_BYTES) == CRYPTO_OK,
		  "largest output");
	CHECK(crypto_hkdf_sha512("k", 1, NULL, 0, NULL, 0, large, 255 * SHA512_BYTES + 1) ==
			  CRYPTO_ERR_FORMAT,
		  "too large an output");
	free(large);
}

/* OpenSSL refuses HKDF without a key, with an entry in its queue. */
static void
test_refusal(void)
{
	unsigned char out[40];

	memset(out, 0xaa, sizeof(out));
	CHECK(crypto_hkdf_sha512(NULL, 0, NULL, 0, NULL, 0, out, sizeof(out)) == CRYPTO_ERR_INTERNAL,
		  "hkdf without a key");
	CHECK(all_zero(out, sizeof(out)), "refused, and out wiped");
	CHECK(ERR_peek_error() == 0, "refused, and the error queue is empty");
}

/* As OpenSSL's own HMAC, for keys and data of all sizes around the blocks of the hash. */
static void
prf_of(PrfHash hash, size_t key_size, const unsigned char *data, size_t data_size)
{
	unsigned char expected[SHA512_BYTES];
	unsigned char out[SHA512_BYTES];
	Prf *prf;

	CHECK(prf_new(hash, data, key_size, &prf) == CRYPTO_OK, "prf_new with %zu bytes", key_size);
	for (size_t n = 0; n <= data_size; n++)
	{
		if (hash == PRF_SHA512)
			crypto_hmac_sha512(data, key_size, data, n, expected);
		else
			crypto_hmac_sha256(data, key_size, data, n, expected);
		CHECK(prf_compute(prf, data, n, out) == CRYPTO_OK && secret_equal(out, expected, hash),
			  "prf %d under a key of %zu bytes, of %zu bytes", (int) hash, key_size, n);
	}
	prf_free(prf);
}

static void
test_prf(void)
{
	static const size_t keys[] = {0, 1, 31, 32, 63, 64, 65, 127, 128, 129};
	unsigned char data[300];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char) pick(256);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		prf_of(PRF_SHA512, keys[i], data, sizeof(data));
		prf_of(PRF_SHA256, keys[i], data, sizeof(data));
	}
	prf_free(NULL);
}

static void
gcm_round_trip(size_t size, size_t aad_size)
{
	SecretKey key;
	unsigned char iv[GCM_IV_BYTES];
	unsigned char aad[64];
	unsigned char tag[GCM_TAG_BYTES];
	unsigned char *plain = room(size);
	unsigned char *sealed = room(size);
	unsigned char *opened = room(size);

	crypto_random(&key, sizeof(key));
	crypto_random(iv, sizeof(iv));
	crypto_random(aad, sizeof(aad));
	crypto_random(plain, size);

	CHECK(crypto_gcm_seal(&key, iv, aad, aad_size, plain, size, sealed, tag) == CRYPTO_OK,
		  "seal of %zu", size);
	CHECK(crypto_gcm_open(&key, iv, aad, aad_size, sealed, size, tag, opened) == CRYPTO_OK,
		  "open of %zu", size);
	CHECK(secret_equal(plain, opened, size), "round trip of %zu", size);

	/* in place, both ways */
	memcpy(opened, plain, size);
	crypto_gcm_seal(&key, iv, aad, aad_size, opened, size, opened, tag);
	CHECK(secret_equal(sealed, opened, size), "seal of %zu in place", size);
	CHECK(crypto_gcm_open(&key, iv, aad, aad_size, opened, size, tag, opened) == CRYPTO_OK &&
			  secret_equal(plain, opened, size),
		  "open of %zu in place", size);

	/* every part matters, and a refusal wipes */
	tag[size % GCM_TAG_BYTES] ^= 1;
	memset(opened, 0x55, size);
	CHECK(crypto_gcm_open(&key, iv, aad, aad_size, sealed, size, tag, opened) == CRYPTO_ERR_AUTH,
		  "changed tag of %zu", size);
	CHECK(all_zero(opened, size), "changed tag of %zu: out wiped", size);
	tag[size % GCM_TAG_BYTES] ^= 1;
	iv[size % GCM_IV_BYTES] ^= 1;
	CHECK(crypto_gcm_open(&key, iv, aad, aad_size, sealed, size, tag, opened) == CRYPTO_ERR_AUTH,
		  "changed iv of %zu", size);
	iv[size % GCM_IV_BYTES] ^= 1;
	CHECK(crypto_gcm_open(&key, iv, aad, aad_size + 1, sealed, size, tag, opened) ==
			  CRYPTO_ERR_AUTH,
		  "longer aad of %zu", size);
	CHECK(ERR_peek_error() == 0, "error queue of OpenSSL is empty");

	free(plain);
	free(sealed);
	free(opened);
}

static void
test_random_and_compare(void)
{
	unsigned char a[64] = {0};
	unsigned char b[64];

	CHECK(crypto_random(a, sizeof(a)) == CRYPTO_OK && crypto_random(b, sizeof(b)) == CRYPTO_OK,
		  "random status");
	CHECK(!all_zero(a, sizeof(a)) && memcmp(a, b, sizeof(a)) != 0, "random differs");
	CHECK(crypto_random(NULL, 0) == CRYPTO_OK, "no random bytes");

	memcpy(b, a, sizeof(a));
	CHECK(secret_equal(a, b, sizeof(a)), "equal");
	CHECK(secret_equal(a, b, 0) && secret_equal(NULL, NULL, 0), "nothing is equal to nothing");
	for (size_t i = 0; i < sizeof(a); i++)
	{
		b[i] ^= 0x80;
		CHECK(!secret_equal(a, b, sizeof(a)), "differs at %zu", i);
		b[i] ^= 0x80;
	}
	secret_wipe(a, sizeof(a));
	CHECK(all_zero(a, sizeof(a)), "wipe");
	secret_wipe(NULL, 0);
}

/* RFC 4648 section 10, and what its strict reading refuses */
static void
test_base64_tables(void)
{
	static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
	static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
										"Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
	static const char *const bad[] = {"Z",     "Zg",       "Zg=",      "Zg===",
									  "=",     "==",       "====",     "Zh==",
									  "Zm9=",  "Zm8=Zm8=", "Zm9v\n",   " Zm9v",
									  "Zm 9v", "Zm9v=",    "Zm9v====", "Zm-_",
									  "Z=8=",  "=m9v",     "Zm9\xc3",  "Zm9v\x80\x80\x80\x80"};
	static const char *const bad_url[] = {"Z",     "Zg==",  "Zm8=",  "Zh", "Zm9",     "Zm+/",
										  "Zm9v=", "Zm9vY", "Zm9v ", "=",  "\xff\xff"};
	char text[16];
	unsigned char out[16];
	size_t size;

	for (size_t i = 0; i < 7; i++)
	{
		CHECK(base64_encode(BASE64_STANDARD, plain[i], i, text) == strlen(coded[i]) &&
				  strcmp(text, coded[i]) == 0,
			  "encode %s", plain[i]);
		CHECK(base64_size(i) == strlen(coded[i]), "size of %s", plain[i]);
		CHECK(base64_decode(BASE64_STANDARD, coded[i], strlen(coded[i]), out, sizeof(out), &size) ==
					  CRYPTO_OK &&
				  size == i && memcmp(out, plain[i], i) == 0,
			  "decode %s", coded[i]);
		CHECK(base64_encode(BASE64_URL, plain[i], i, text) == strcspn(coded[i], "=") &&
				  strncmp(text, coded[i], strlen(text)) == 0,
			  "url form of %s", plain[i]);
		CHECK(i == 0 ||
				  base64_decode(BASE64_STANDARD, coded[i], strlen(coded[i]), out, i - 1, &size) ==
					  CRYPTO_ERR_FORMAT,
			  "no room for %s", plain[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(base64_decode(BASE64_STANDARD, bad[i], strlen(bad[i]), out, sizeof(out), &size) ==
					  CRYPTO_ERR_FORMAT &&
				  size == 0,
			  "refused: %s", bad[i]);
	for (size_t i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++)
		CHECK(base64_decode(BASE64_URL, bad_url[i], strlen(bad_url[i]), out, sizeof(out), &size) ==
				  CRYPTO_ERR_FORMAT,
			  "refused as url: %s", bad_url[i]);
	CHECK(base64_decode(BASE64_STANDARD, "Zm\0v", 4, out, sizeof(out), &size) == CRYPTO_ERR_FORMAT,
		  "NUL inside");
}

/* The two alphabets, character by character. */
static void
test_base64_alphabets(void)
{
	static const char *const alphabets[] = {
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};
	char text[8];
	unsigned char out[8];
	size_t size;

	for (int a = 0; a < 2; a++)
	{
		for (int c = 0; c < 256; c++)
		{
			char in[4] = {(char) c, 'A', 'A', 'A'};
			const char *at = memchr(alphabets[a], c, 64);
			CryptoStatus status = base64_decode((Base64Alphabet) a, in, 4, out, 3, &size);

			if (at == NULL)
				CHECK(status == CRYPTO_ERR_FORMAT, "character %d in alphabet %d", c, a);
			else
				CHECK(status == CRYPTO_OK && out[0] == (at - alphabets[a]) << 2,
					  "value of %c in alphabet %d", c, a);
		}
		for (int v = 0; v < 64; v++)
		{
			unsigned char in[3] = {(unsigned char) (v << 2), 0, 0};

			base64_encode((Base64Alphabet) a, in, 3, text);
			CHECK(text[0] == alphabets[a][v], "character of %d in alphabet %d", v, a);
		}
	}
}

/* Valid input of decode is exactly the output of encode. */
static void
test_base64_canonical(void)
{
	static const char letters[] = "AQgw/+-_=\n";
	char text[16];
	char again[16];
	unsigned char out[16];
	size_t size;

	for (int i = 0; i < 200000; i++)
	{
		Base64Alphabet alphabet = (Base64Alphabet) pick(2);
		size_t length = pick(9);

		for (size_t c = 0; c < length; c++)
			text[c] = letters[pick(sizeof(letters) - 1)];
		if (base64_decode(alphabet, text, length, out, sizeof(out), &size) != CRYPTO_OK)
			continue;
		CHECK(base64_encode(alphabet, out, size, again) == length &&
				  memcmp(text, again, length) == 0,
			  "canonical: %.*s", (int) length, text);
	}
}

int
main(void)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 64, 1000, 65536};

	CHECK(crypto_init() == CRYPTO_OK && crypto_init() == CRYPTO_OK, "init twice");
	test_sha256();
	test_hmac();
	test_hkdf();
	test_hkdf_extract();
	test_refusal();
	test_prf();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t aad = 0; aad < 40; aad += 13)
			gcm_round_trip(sizes[i], aad);
	test_random_and_compare();
	test_base64_tables();
	test_base64_alphabets();
	test_base64_canonical();
	return finish("primitives");
}

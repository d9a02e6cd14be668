/*
 * test_envelope.c
 *		An envelope opens only under its key, in its place and unchanged; anything
 *		else is refused with the same status and leaves no plaintext.
 *
 * The two-key part solves for one block over GF(2^128) and so builds a ciphertext
 * that plain GCM opens under two keys.  It shows that the commitment refuses it
 * under the key that it does not commit to.
 */
#include "crypto/envelope.h"

#include <openssl/evp.h>

#include "harness.h"

#define BLOCK 16

static const unsigned char zero_iv[GCM_IV_BYTES];
static EnvelopeKey *key_one;
static EnvelopeKey *key_two;
static SecretKey raw_one;
static SecretKey raw_two;

static EnvelopeContext
sample_context(void)
{
	EnvelopeContext context;

	memset(&context, 0, sizeof(context));
	context.purpose = PURPOSE_SECRET_VALUE;
	memset(context.instance, 0x11, ENVELOPE_ID_BYTES);
	memset(context.tenant, 0x22, ENVELOPE_ID_BYTES);
	memset(context.object, 0x33, ENVELOPE_ID_BYTES);
	context.version = 7;
	context.generation = 3;
	context.type = "password";
	context.type_size = 8;
	return context;
}

/* The context as the header describes it, written a second time. */
static size_t
expected_context(const EnvelopeContext *context, unsigned char *out)
{
	unsigned char fixed[59] = {1, (unsigned char) context->purpose};

	memcpy(fixed + 2, context->instance, 16);
	memcpy(fixed + 18, context->tenant, 16);
	memcpy(fixed + 34, context->object, 16);
	for (int i = 0; i < 4; i++)
	{
		fixed[50 + i] = (unsigned char) (context->version >> (24 - 8 * i));
		fixed[54 + i] = (unsigned char) (context->generation >> (24 - 8 * i));
	}
	fixed[58] = (unsigned char) context->type_size;
	memcpy(out, fixed, 59);
	memcpy(out + 59, context->type, context->type_size);
	return 59 + context->type_size;
}

/* The status, having checked that a refusal gives nothing away. */
static CryptoStatus
try_open(EnvelopeKey *key, const EnvelopeContext *context, const unsigned char *envelope,
		 size_t size)
{
	size_t padded = envelope_padded_size(size);
	unsigned char *out = room(padded);
	unsigned char *exact = room(size); /* so that reading beyond it is seen */
	size_t value_size = 99;
	uint8_t format = 99;
	CryptoStatus status;

	memset(out, 0xaa, padded);
	memcpy(exact, envelope, size);
	status = envelope_open(key, context, exact, size, out, &value_size, &format);
	if (status != CRYPTO_OK)
		CHECK(all_zero(out, padded) && value_size == 0 && format == 0,
			  "refused envelope of %zu bytes left something behind", size);
	free(out);
	free(exact);
	return status;
}

static unsigned char *
sealed(EnvelopeKey *key, const EnvelopeContext *context, size_t value_size)
{
	unsigned char *value = room(value_size);
	unsigned char *envelope = room(envelope_size(value_size));

	crypto_random(value, value_size);
	if (envelope_seal(key, context, value, value_size, 5, envelope) != CRYPTO_OK)
		abort();
	free(value);
	return envelope;
}

static void
round_trip(size_t value_size)
{
	EnvelopeContext context = sample_context();
	size_t size = envelope_size(value_size);
	size_t padded = envelope_padded_size(size);
	unsigned char *value = room(value_size);
	unsigned char *envelope = room(size);
	unsigned char *out = room(padded);
	size_t opened_size;
	uint8_t format;

	crypto_random(value, value_size);
	CHECK(padded == size - ENVELOPE_OVERHEAD && padded % 64 == 0 && padded >= value_size + 5,
		  "padded size for %zu", value_size);
	CHECK(envelope_seal(key_one, &context, value, value_size, 0xf7, envelope) == CRYPTO_OK,
		  "seal of %zu", value_size);
	CHECK(envelope_check(envelope, size) == CRYPTO_OK, "check of %zu", value_size);
	CHECK(envelope_generation(envelope) == context.generation, "generation of %zu", value_size);
	CHECK(envelope_open(key_one, &context, envelope, size, out, &opened_size, &format) == CRYPTO_OK,
		  "open of %zu", value_size);
	CHECK(opened_size == value_size && format == 0xf7 && memcmp(out, value, value_size) == 0,
		  "round trip of %zu", value_size);
	CHECK(try_open(key_two, &context, envelope, size) == CRYPTO_ERR_AUTH, "another key, %zu",
		  value_size);
	for (size_t less = 1; less <= 64 && less < size; less += 21)
		CHECK(try_open(key_one, &context, envelope, size - less) != CRYPTO_OK,
			  "truncated by %zu of %zu", less, size);
	free(value);
	free(envelope);
	free(out);
}

static void
test_sizes(void)
{
	static const size_t expected[][2] = {{0, 64},
										 {59, 64},
										 {60, 128},
										 {123, 128},
										 {124, 192},
										 {955, 960},
										 {956, 1024},
										 {1019, 1024},
										 {1020, 1088},
										 {2043, 2048},
										 {2044, 2176},
										 {4091, 4096},
										 {4092, 4352},
										 {ENVELOPE_MAX_VALUE - 5, 1 << 20},
										 {ENVELOPE_MAX_VALUE, (1 << 20) + (1 << 15)}};
	size_t last = 0;
	size_t buckets = 0;

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		CHECK(envelope_size(expected[i][0]) == expected[i][1] + ENVELOPE_OVERHEAD,
			  "size for %zu is %zu", expected[i][0], envelope_size(expected[i][0]));
	CHECK(envelope_size(ENVELOPE_MAX_VALUE + 1) == 0, "too large a value");
	CHECK(envelope_size(SIZE_MAX) == 0 && envelope_padded_size(SIZE_MAX) == 0, "overflow");

	/* grows, by at most 1/8 above one bucket, and only to sizes that it knows again */
	for (size_t n = 0; n <= ENVELOPE_MAX_VALUE; n++)
	{
		size_t size = envelope_size(n);
		size_t padded = size - ENVELOPE_OVERHEAD;

		if (size == last)
			continue;
		buckets++;
		CHECK(size > last && padded >= n + 5 && padded < n + 5 + 64 + n / 8, "bucket of %zu", n);
		CHECK(envelope_padded_size(size) == padded, "size %zu known", size);
		CHECK(envelope_padded_size(size - 1) == 0 && envelope_padded_size(size + 1) == 0,
			  "neighbours of %zu unknown", size);
		last = size;
	}
	for (size_t size = 0; size <= last + 100000; size++)
		buckets -= envelope_padded_size(size) != 0;
	CHECK(buckets == 0, "as many sizes are accepted as are written");
}

/* Compute derivation and layout again, as the header promises them. */
static void
test_derivation(void)
{
	for (size_t type_size = 0; type_size <= ENVELOPE_MAX_TYPE; type_size++)
	{
		EnvelopeContext context = sample_context();
		unsigned char info[32 + 79];
		unsigned char derived[64];
		unsigned char out[128];
		unsigned char *envelope;
		size_t size;
		SecretKey key;

		context.type = "abcdefghijklmnopqrst";
		context.type_size = type_size;
		envelope = sealed(key_one, &context, 100);
		memcpy(info, envelope + 8, 32);
		size = expected_context(&context, info + 32);

		CHECK(crypto_hkdf_sha512(raw_one.bytes, KEY_BYTES, NULL, 0, info, 32 + size, derived,
								 sizeof(derived)) == CRYPTO_OK,
			  "hkdf");
		CHECK(memcmp(derived + 32, envelope + 40, 32) == 0,
			  "commitment is the second half of HKDF, type %zu", type_size);
		memcpy(key.bytes, derived, KEY_BYTES);
		CHECK(crypto_gcm_open(&key, zero_iv, info + 32, size, envelope + 72, 128,
							  envelope + 72 + 128, out) == CRYPTO_OK,
			  "key is the first half of HKDF, type %zu", type_size);
		CHECK(all_zero(out + 100, 23) && out[123] == 5 && out[124] == 0 && out[125] == 0 &&
				  out[126] == 0 && out[127] == 100,
			  "zeros, format and length");
		free(envelope);
	}
}

static void
test_every_byte(size_t value_size)
{
	EnvelopeContext context = sample_context();
	size_t size = envelope_size(value_size);
	unsigned char *envelope = sealed(key_one, &context, value_size);

	for (size_t i = 0; i < size; i++)
		for (int bit = 0; bit < 8; bit++)
		{
			CryptoStatus status;

			envelope[i] ^= (unsigned char) (1 << bit);
			status = try_open(key_one, &context, envelope, size);
			CHECK(status == (i < 4 ? CRYPTO_ERR_FORMAT : CRYPTO_ERR_AUTH) ||
					  (i < 8 && status == CRYPTO_ERR_FORMAT && envelope_generation(envelope) == 0),
				  "bit %d of byte %zu changed: status %d", bit, i, (int) status);
			envelope[i] ^= (unsigned char) (1 << bit);
		}
	CHECK(try_open(key_one, &context, envelope, size) == CRYPTO_OK, "unchanged again");
	free(envelope);
}

static void
test_lengths(void)
{
	EnvelopeContext context = sample_context();
	size_t size = envelope_size(100);
	unsigned char *envelope = sealed(key_one, &context, 100);
	unsigned char *longer = room(size + 600);

	memcpy(longer, envelope, size);
	memset(longer + size, 0, 600);
	for (size_t n = 0; n <= size + 600; n++)
	{
		CryptoStatus status = try_open(key_one, &context, longer, n);
		CryptoStatus expected = n == size  ? CRYPTO_OK
			: envelope_padded_size(n) == 0 ? CRYPTO_ERR_FORMAT
										   : CRYPTO_ERR_AUTH;

		CHECK(status == expected, "%zu of %zu bytes: status %d", n, size, (int) status);
	}

	/* a block more or less, with the tag at its place */
	memcpy(longer + size + 64 - 16, envelope + size - 16, 16);
	CHECK(try_open(key_one, &context, longer, size + 64) == CRYPTO_ERR_AUTH, "64 bytes more");
	memcpy(longer + size - 64 - 16, envelope + size - 16, 16);
	CHECK(try_open(key_one, &context, longer, size - 64) == CRYPTO_ERR_AUTH, "64 bytes less");
	free(envelope);
	free(longer);
}

static void
check_elsewhere(const unsigned char *envelope, size_t size, EnvelopeContext context,
				const char *field)
{
	CHECK(try_open(key_one, &context, envelope, size) == CRYPTO_ERR_AUTH, "opened with another %s",
		  field);
}

static void
test_every_field(void)
{
	EnvelopeContext right = sample_context();
	EnvelopeContext wrong;
	size_t size = envelope_size(40);
	unsigned char *envelope = sealed(key_one, &right, 40);

	for (int i = 0; i < ENVELOPE_ID_BYTES; i++)
	{
		wrong = right;
		wrong.instance[i] ^= 1;
		check_elsewhere(envelope, size, wrong, "instance");
		wrong = right;
		wrong.tenant[i] ^= 1;
		check_elsewhere(envelope, size, wrong, "tenant");
		wrong = right;
		wrong.object[i] ^= 1;
		check_elsewhere(envelope, size, wrong, "object");
	}
	for (int i = 0; i < 32; i++)
	{
		wrong = right;
		wrong.version ^= 1u << i;
		check_elsewhere(envelope, size, wrong, "version");
		wrong = right;
		wrong.generation ^= 1u << i;
		check_elsewhere(envelope, size, wrong, "generation");
	}

	/* the envelope and the context agree on a generation that is not the sealed one */
	wrong = right;
	wrong.generation = 4;
	envelope[7] = 4;
	check_elsewhere(envelope, size, wrong, "generation on both sides");
	envelope[7] = 3;

	wrong = right;
	wrong.purpose = PURPOSE_TENANT_KEY;
	check_elsewhere(envelope, size, wrong, "purpose");
	wrong = right;
	wrong.type = "passwore";
	check_elsewhere(envelope, size, wrong, "type");
	wrong.type = "password1";
	wrong.type_size = 9;
	check_elsewhere(envelope, size, wrong, "longer type");
	wrong.type_size = 7;
	check_elsewhere(envelope, size, wrong, "shorter type");
	wrong.type = NULL;
	wrong.type_size = 0;
	check_elsewhere(envelope, size, wrong, "empty type");
	CHECK(try_open(key_one, &right, envelope, size) == CRYPTO_OK, "the right place");
	free(envelope);
}

static void
test_invalid_context(void)
{
	EnvelopeContext right = sample_context();
	unsigned char *envelope = sealed(key_one, &right, 40);
	unsigned char out[512];

	for (int i = 0; i < 4; i++)
	{
		EnvelopeContext wrong = right;

		if (i == 0)
			wrong.generation = 0;
		else if (i == 1)
			wrong.purpose = (EnvelopePurpose) 0;
		else if (i == 2)
			wrong.purpose = (EnvelopePurpose) 257;
		else
		{
			wrong.type = "abcdefghijklmnopqrstu";
			wrong.type_size = ENVELOPE_MAX_TYPE + 1;
		}
		memset(out, 0xaa, sizeof(out));
		CHECK(envelope_seal(key_one, &wrong, "x", 1, 0, out) == CRYPTO_ERR_FORMAT &&
				  all_zero(out, envelope_size(1)),
			  "sealed an invalid context %d", i);
		CHECK(try_open(key_one, &wrong, envelope, envelope_size(40)) == CRYPTO_ERR_FORMAT,
			  "opened an invalid context %d", i);
	}
	CHECK(envelope_seal(key_one, &right, out, ENVELOPE_MAX_VALUE + 1, 0, out) == CRYPTO_ERR_FORMAT,
		  "sealed too much");
	free(envelope);
}

/* Two versions of one object, each in the place of the other. */
static void
test_swapped(void)
{
	EnvelopeContext first = sample_context();
	EnvelopeContext second = sample_context();
	size_t size = envelope_size(40);
	unsigned char *a;
	unsigned char *b;
	unsigned char mixed[512];

	second.version++;
	a = sealed(key_one, &first, 40);
	b = sealed(key_one, &second, 40);
	CHECK(memcmp(a + 8, b + 8, 32) != 0, "random bytes differ");
	CHECK(try_open(key_one, &first, b, size) == CRYPTO_ERR_AUTH, "second as first");
	CHECK(try_open(key_one, &second, a, size) == CRYPTO_ERR_AUTH, "first as second");

	/* header of one, body of the other, even of the same place */
	free(b);
	b = sealed(key_one, &first, 40);
	memcpy(mixed, a, ENVELOPE_HEADER_BYTES);
	memcpy(mixed + ENVELOPE_HEADER_BYTES, b + ENVELOPE_HEADER_BYTES, size - ENVELOPE_HEADER_BYTES);
	CHECK(try_open(key_one, &first, mixed, size) == CRYPTO_ERR_AUTH, "mixed");
	free(a);
	free(b);
}

/* An envelope around this padded text, made with the right keys. */
static void
forge(const unsigned char *text, size_t padded, unsigned char *envelope)
{
	EnvelopeContext context = sample_context();
	unsigned char info[32 + 79];
	unsigned char derived[64];
	SecretKey key;
	size_t size;

	memcpy(envelope, "VE\1\0\0\0\0\3", 8);
	crypto_random(envelope + 8, 32);
	memcpy(info, envelope + 8, 32);
	size = expected_context(&context, info + 32);
	crypto_hkdf_sha512(raw_one.bytes, KEY_BYTES, NULL, 0, info, 32 + size, derived, 64);
	memcpy(key.bytes, derived, KEY_BYTES);
	memcpy(envelope + 40, derived + 32, 32);
	crypto_gcm_seal(&key, zero_iv, info + 32, size, text, padded, envelope + 72,
					envelope + 72 + padded);
}

/* Padding that the writer never writes is refused, even under the right key. */
static void
test_padding(void)
{
	EnvelopeContext context = sample_context();
	unsigned char text[128] = "value";
	unsigned char envelope[128 + ENVELOPE_OVERHEAD];

	text[127] = 100;
	forge(text, 128, envelope);
	CHECK(try_open(key_one, &context, envelope, sizeof(envelope)) == CRYPTO_OK, "as written");
	for (int i = 100; i < 123; i++)
	{
		text[i] = 1;
		forge(text, 128, envelope);
		CHECK(try_open(key_one, &context, envelope, sizeof(envelope)) == CRYPTO_ERR_AUTH,
			  "padding byte %d set", i);
		text[i] = 0;
	}
	for (uint32_t size = 0; size < 256; size++)
	{
		text[127] = (unsigned char) size;
		forge(text, 128, envelope);
		CHECK(try_open(key_one, &context, envelope, sizeof(envelope)) ==
				  (size > 59 && size <= 123 ? CRYPTO_OK : CRYPTO_ERR_AUTH),
			  "length %u", size);
	}
	for (int i = 124; i < 127; i++)
	{
		text[i] = 0x80;
		text[127] = 100;
		forge(text, 128, envelope);
		CHECK(try_open(key_one, &context, envelope, sizeof(envelope)) == CRYPTO_ERR_AUTH,
			  "length with byte %d set", i);
		text[i] = 0;
	}
}

/* Multiplication in the field of GHASH, bit by bit; out may be an input. */
static void
field_multiply(const unsigned char *a, const unsigned char *b, unsigned char *out)
{
	unsigned char z[BLOCK] = {0};
	unsigned char v[BLOCK];

	memcpy(v, b, BLOCK);
	for (int bit = 0; bit < 128; bit++)
	{
		int carry = v[BLOCK - 1] & 1;

		if (a[bit / 8] >> (7 - bit % 8) & 1)
			for (int i = 0; i < BLOCK; i++)
				z[i] ^= v[i];
		for (int i = BLOCK - 1; i > 0; i--)
			v[i] = (unsigned char) (v[i] >> 1 | v[i - 1] << 7);
		v[0] >>= 1;
		if (carry)
			v[0] ^= 0xe1;
	}
	memcpy(out, z, BLOCK);
}

/* a^(2^128 - 2) */
static void
field_inverse(const unsigned char *a, unsigned char *out)
{
	unsigned char power[BLOCK];
	unsigned char product[BLOCK] = {0x80}; /* one */

	memcpy(power, a, BLOCK);
	for (int i = 0; i < 127; i++)
	{
		field_multiply(power, power, power);
		field_multiply(product, power, product);
	}
	memcpy(out, product, BLOCK);
}

static void
aes_block(const unsigned char *key, const unsigned char *in, unsigned char *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int size;

	if (ctx == NULL || EVP_EncryptInit_ex(ctx, EVP_aes_256_ecb(), NULL, key, NULL) != 1 ||
		EVP_EncryptUpdate(ctx, out, &size, in, BLOCK) != 1 || size != BLOCK)
		abort();
	EVP_CIPHER_CTX_free(ctx);
}

static void
absorb(unsigned char *y, const unsigned char *h, const unsigned char *data, size_t size)
{
	for (size_t at = 0; at < size; at += BLOCK)
	{
		for (size_t i = 0; i < BLOCK && at + i < size; i++)
			y[i] ^= data[at + i];
		field_multiply(y, h, y);
	}
}

/* The GCM tag of a ciphertext under the zero IV, from AES and field arithmetic alone. */
static void
slow_tag(const unsigned char *key, const unsigned char *aad, size_t aad_size,
		 const unsigned char *text, size_t size, unsigned char *tag)
{
	static const unsigned char zero[BLOCK];
	unsigned char first[BLOCK] = {0};
	unsigned char h[BLOCK];
	unsigned char lengths[BLOCK] = {0};
	unsigned char y[BLOCK] = {0};

	first[BLOCK - 1] = 1;
	aes_block(key, zero, h);
	aes_block(key, first, tag);
	lengths[6] = (unsigned char) (aad_size * 8 >> 8);
	lengths[7] = (unsigned char) (aad_size * 8);
	lengths[14] = (unsigned char) (size * 8 >> 8);
	lengths[15] = (unsigned char) (size * 8);
	absorb(y, h, aad, aad_size);
	absorb(y, h, text, size);
	absorb(y, h, lengths, BLOCK);
	for (int i = 0; i < BLOCK; i++)
		tag[i] ^= y[i];
}

/*
 * Sets the first block of text so that both keys give the same tag: a block
 * that k multiplications follow adds block · H^k to each tag.
 */
static void
solve_first_block(const unsigned char *one, const unsigned char *two, const unsigned char *aad,
				  size_t aad_size, unsigned char *text, size_t size)
{
	const unsigned char *const keys[2] = {one, two};
	unsigned char sum[BLOCK] = {0};
	unsigned char difference[BLOCK] = {0};

	memset(text, 0, BLOCK);
	for (int k = 0; k < 2; k++)
	{
		static const unsigned char zero[BLOCK];
		unsigned char h[BLOCK];
		unsigned char power[BLOCK];
		unsigned char tag[BLOCK];

		slow_tag(keys[k], aad, aad_size, text, size, tag);
		aes_block(keys[k], zero, h);
		memcpy(power, h, BLOCK);
		for (size_t i = 0; i < size / BLOCK; i++)
			field_multiply(power, h, power);
		for (int i = 0; i < BLOCK; i++)
		{
			sum[i] ^= power[i];
			difference[i] ^= tag[i];
		}
	}
	field_inverse(sum, sum);
	field_multiply(sum, difference, text);
}

static void
derive(const SecretKey *root, const unsigned char *info, size_t size, unsigned char *derived)
{
	if (crypto_hkdf_sha512(root->bytes, KEY_BYTES, NULL, 0, info, size, derived, 64) != CRYPTO_OK)
		abort();
}

static void
test_two_keys(void)
{
	EnvelopeContext context = sample_context();
	unsigned char envelope[128 + ENVELOPE_OVERHEAD];
	unsigned char *body = envelope + ENVELOPE_HEADER_BYTES;
	unsigned char info[32 + 79];
	unsigned char derived[2][64];
	SecretKey keys[2];
	unsigned char text[128] = {0};
	unsigned char other[128];
	unsigned char tag[BLOCK];
	size_t size;

	memcpy(envelope, "VE\1\0\0\0\0\3", 8);
	crypto_random(envelope + 8, 32);
	memcpy(info, envelope + 8, 32);
	size = expected_context(&context, info + 32);
	derive(&raw_one, info, 32 + size, derived[0]);
	derive(&raw_two, info, 32 + size, derived[1]);
	memcpy(keys[0].bytes, derived[0], KEY_BYTES);
	memcpy(keys[1].bytes, derived[1], KEY_BYTES);

	/* under the first key a valid value of 100 bytes, but for its first block */
	text[127] = 100;
	crypto_gcm_seal(&keys[0], zero_iv, info + 32, size, text, 128, body, tag);
	slow_tag(keys[0].bytes, info + 32, size, body, 128, other);
	CHECK(memcmp(tag, other, BLOCK) == 0, "the test's GHASH is right");
	solve_first_block(keys[0].bytes, keys[1].bytes, info + 32, size, body, 128);
	slow_tag(keys[0].bytes, info + 32, size, body, 128, body + 128);

	CHECK(crypto_gcm_open(&keys[0], zero_iv, info + 32, size, body, 128, body + 128, text) ==
			  CRYPTO_OK,
		  "plain GCM opens it under the first key");
	CHECK(crypto_gcm_open(&keys[1], zero_iv, info + 32, size, body, 128, body + 128, other) ==
			  CRYPTO_OK,
		  "plain GCM opens it under the second key");
	CHECK(memcmp(text, other, 128) != 0, "as two different texts");

	memcpy(envelope + 40, derived[0] + 32, 32);
	CHECK(try_open(key_one, &context, envelope, sizeof(envelope)) == CRYPTO_OK,
		  "committed to the first key, opens under it");
	CHECK(try_open(key_two, &context, envelope, sizeof(envelope)) == CRYPTO_ERR_AUTH,
		  "committed to the first key, refused under the second");
	memcpy(envelope + 40, derived[1] + 32, 32);
	CHECK(try_open(key_one, &context, envelope, sizeof(envelope)) == CRYPTO_ERR_AUTH,
		  "committed to the second key, refused under the first");
	crypto_random(envelope + 40, 32);
	CHECK(try_open(key_one, &context, envelope, sizeof(envelope)) == CRYPTO_ERR_AUTH &&
			  try_open(key_two, &context, envelope, sizeof(envelope)) == CRYPTO_ERR_AUTH,
		  "committed to neither, refused under both");
}

/* HKDF-Expand under the same PRK, with the label as info. */
static void
test_derived_keys(void)
{
	SecretKey key;
	SecretKey derived;
	SecretKey expected;
	EnvelopeKey *prepared;
	char label[ENVELOPE_LABEL_BYTES + 2];

	memset(key.bytes, 7, KEY_BYTES);
	CHECK(envelope_key_new(&key, &prepared) == CRYPTO_OK, "a key");
	CHECK(envelope_key_derive(prepared, "one use", &derived) == CRYPTO_OK, "derive");
	CHECK(crypto_hkdf_sha512(key.bytes, KEY_BYTES, NULL, 0, "one use", 7, expected.bytes,
							 KEY_BYTES) == CRYPTO_OK,
		  "hkdf");
	CHECK(secret_equal(&derived, &expected, KEY_BYTES), "the key of a label");
	CHECK(envelope_key_derive(prepared, "two use", &derived) == CRYPTO_OK, "derive");
	CHECK(!secret_equal(&derived, &expected, KEY_BYTES), "another label, another key");
	memset(label, 'x', sizeof(label));
	label[ENVELOPE_LABEL_BYTES + 1] = 0;
	CHECK(envelope_key_derive(prepared, label, &derived) == CRYPTO_ERR_FORMAT, "a label too long");
	envelope_key_free(prepared);
}

int
main(void)
{
	static const size_t sizes[] = {0,
								   1,
								   16,
								   40,
								   123,
								   124,
								   4096,
								   65536,
								   ENVELOPE_MAX_VALUE - 5,
								   ENVELOPE_MAX_VALUE - 4,
								   ENVELOPE_MAX_VALUE};

	crypto_random(&raw_one, sizeof(raw_one));
	crypto_random(&raw_two, sizeof(raw_two));
	CHECK(envelope_key_new(&raw_one, &key_one) == CRYPTO_OK &&
			  envelope_key_new(&raw_two, &key_two) == CRYPTO_OK,
		  "keys");
	envelope_key_free(NULL);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		round_trip(sizes[i]);
	for (size_t n = 58; n <= 60; n++)
		round_trip(n);
	for (size_t n = 1019; n <= 1030; n++)
		round_trip(n);
	test_sizes();
	test_derivation();
	test_every_byte(40);
	test_every_byte(1030);
	test_lengths();
	test_every_field();
	test_invalid_context();
	test_swapped();
	test_padding();
	test_two_keys();
	test_derived_keys();

	envelope_key_free(key_one);
	envelope_key_free(key_two);
	return finish("envelope");
}

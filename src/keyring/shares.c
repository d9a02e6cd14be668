/*
 * shares.c
 *		Splits and restores the root key; shares.h has the format.
 *
 * It guards the root key while it is in parts. Arithmetic is over GF(256) with the polynomial of
 * AES, x^8 + x^4 + x^3 + x + 1. Shares are secret, so no branch, no index and no table depends on
 * their data; x, threshold and set are public. Coefficients are drawn uniformly, including zero:
 * any rule about them would reveal something about the key. Intermediate results are wiped, and a
 * refused call leaves only zeros in its result.
 */
#include "keyring/shares.h"

#include <string.h>

#define SHARE_VERSION    1
#define SHARE_PREFIX     "vault-share-1-"
#define PREFIX_BYTES     (sizeof(SHARE_PREFIX) - 1)
#define CHECKSUM_BYTES   4
#define SET_OFFSET       1
#define X_OFFSET         (SET_OFFSET + SHARE_SET_BYTES)
#define THRESHOLD_OFFSET (X_OFFSET + 1)
#define DATA_OFFSET      (THRESHOLD_OFFSET + 1)
#define CHECKSUM_OFFSET  (DATA_OFFSET + KEY_BYTES)
#define BINARY_BYTES     (CHECKSUM_OFFSET + CHECKSUM_BYTES)

/* base64_encode() needs room for the padded form in each alphabet. */
_Static_assert(PREFIX_BYTES + (BINARY_BYTES + 2) / 3 * 4 + 1 <= SHARE_TEXT_BYTES,
			   "the text form fits");

static uint8_t
gf_multiply(uint8_t a, uint8_t b)
{
	unsigned int left = a;
	unsigned int right = b;
	unsigned int product = 0;

	for (int i = 0; i < 8; i++)
	{
		product ^= left & (0U - (right & 1));
		left = (left << 1) ^ ((0U - (left >> 7)) & 0x11b);
		right >>= 1;
	}
	return (uint8_t) product;
}

/* Return a^254, which is 1/a, and 0 for 0. */
static uint8_t
gf_inverse(uint8_t a)
{
	uint8_t power = a;
	uint8_t product = 1;

	for (int i = 0; i < 7; i++)
	{
		power = gf_multiply(power, power);
		product = gf_multiply(product, power);
	}
	return product;
}

/* Evaluate the polynomial at x with Horner's method; coefficients[i] belongs to x^(i + 1). */
static void
shares_evaluate(const SecretKey *key, const SecretKey *coefficients, int degree, Share *share)
{
	for (int byte = 0; byte < KEY_BYTES; byte++)
	{
		uint8_t value = 0;

		for (int i = degree - 1; i >= 0; i--)
			value = gf_multiply(value ^ coefficients[i].bytes[byte], share->x);
		share->data[byte] = value ^ key->bytes[byte];
	}
}

CryptoStatus
shares_split(const SecretKey *key, int threshold, int count, Share *shares)
{
	CryptoStatus status;
	SecretKey coefficients[SHARE_MAX_COUNT - 1];
	unsigned char set[SHARE_SET_BYTES];
	size_t used;

	if (threshold < 2 || threshold > count || count > SHARE_MAX_COUNT)
		return CRYPTO_ERR_FORMAT;
	used = (size_t) (threshold - 1) * sizeof(SecretKey);

	status = crypto_random(set, sizeof(set));
	if (status == CRYPTO_OK)
		status = crypto_random(coefficients, used);
	for (int i = 0; i < count && status == CRYPTO_OK; i++)
	{
		memcpy(shares[i].set, set, sizeof(set));
		shares[i].x = (uint8_t) (i + 1);
		shares[i].threshold = (uint8_t) threshold;
		shares_evaluate(key, coefficients, threshold - 1, &shares[i]);
	}

	secret_wipe(coefficients, sizeof(coefficients));
	if (status != CRYPTO_OK)
		secret_wipe(shares, (size_t) count * sizeof(Share));
	return status;
}

static bool
share_valid(const Share *share)
{
	return share->x >= 1 && share->x <= SHARE_MAX_COUNT && share->threshold >= 2 &&
		share->threshold <= SHARE_MAX_COUNT;
}

/* Return true for exactly threshold shares of one set, each at its own x. */
static bool
shares_combinable(const Share *shares, int count)
{
	if (count < 2 || count > SHARE_MAX_COUNT)
		return false;
	for (int i = 0; i < count; i++)
	{
		if (!share_valid(&shares[i]) || shares[i].threshold != count ||
			memcmp(shares[i].set, shares[0].set, SHARE_SET_BYTES) != 0)
			return false;
		for (int j = 0; j < i; j++)
			if (shares[i].x == shares[j].x)
				return false;
	}
	return true;
}

/* Return Lagrange's coefficient at zero of the share at this index. */
static uint8_t
shares_weight(const Share *shares, int count, int index)
{
	uint8_t numerator = 1;
	uint8_t denominator = 1;

	for (int j = 0; j < count; j++)
	{
		if (j == index)
			continue;
		numerator = gf_multiply(numerator, shares[j].x);
		denominator = gf_multiply(denominator, shares[j].x ^ shares[index].x);
	}
	return gf_multiply(numerator, gf_inverse(denominator));
}

CryptoStatus
shares_combine(const Share *shares, int count, SecretKey *key)
{
	secret_wipe(key, sizeof(SecretKey));
	if (!shares_combinable(shares, count))
		return CRYPTO_ERR_FORMAT;

	for (int i = 0; i < count; i++)
	{
		uint8_t factor = shares_weight(shares, count, i);

		for (int byte = 0; byte < KEY_BYTES; byte++)
			key->bytes[byte] ^= gf_multiply(factor, shares[i].data[byte]);
	}
	return CRYPTO_OK;
}

static CryptoStatus
shares_checksum(const unsigned char *binary, unsigned char *out)
{
	unsigned char digest[SHA256_BYTES];
	CryptoStatus status = crypto_sha256(binary, CHECKSUM_OFFSET, digest);

	memcpy(out, digest, CHECKSUM_BYTES);
	secret_wipe(digest, sizeof(digest));
	return status;
}

CryptoStatus
share_encode(const Share *share, char text[SHARE_TEXT_BYTES])
{
	CryptoStatus status;
	unsigned char binary[BINARY_BYTES];

	secret_wipe(text, SHARE_TEXT_BYTES);
	if (!share_valid(share))
		return CRYPTO_ERR_FORMAT;

	binary[0] = SHARE_VERSION;
	memcpy(binary + SET_OFFSET, share->set, SHARE_SET_BYTES);
	binary[X_OFFSET] = share->x;
	binary[THRESHOLD_OFFSET] = share->threshold;
	memcpy(binary + DATA_OFFSET, share->data, KEY_BYTES);
	status = shares_checksum(binary, binary + CHECKSUM_OFFSET);
	if (status == CRYPTO_OK)
	{
		memcpy(text, SHARE_PREFIX, PREFIX_BYTES);
		base64_encode(BASE64_URL, binary, sizeof(binary), text + PREFIX_BYTES);
	}
	secret_wipe(binary, sizeof(binary));
	return status;
}

static bool
shares_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Remove white space from both ends. */
static void
shares_trim(const char **text, size_t *size)
{
	while (*size > 0 && shares_is_space((*text)[0]))
	{
		(*text)++;
		(*size)--;
	}
	while (*size > 0 && shares_is_space((*text)[*size - 1]))
		(*size)--;
}

/* Decode the text, and check prefix, length, version and checksum. */
static CryptoStatus
decode_binary(const char *text, size_t size, unsigned char binary[BINARY_BYTES])
{
	CryptoStatus status;
	unsigned char expected[CHECKSUM_BYTES];
	size_t decoded;

	shares_trim(&text, &size);
	if (size < PREFIX_BYTES || memcmp(text, SHARE_PREFIX, PREFIX_BYTES) != 0)
		return CRYPTO_ERR_FORMAT;
	status = base64_decode(BASE64_URL, text + PREFIX_BYTES, size - PREFIX_BYTES, binary,
						   BINARY_BYTES, &decoded);
	if (status != CRYPTO_OK)
		return status;
	if (decoded != BINARY_BYTES || binary[0] != SHARE_VERSION)
		return CRYPTO_ERR_FORMAT;
	status = shares_checksum(binary, expected);
	if (status != CRYPTO_OK)
		return status;
	return secret_equal(expected, binary + CHECKSUM_OFFSET, CHECKSUM_BYTES) ? CRYPTO_OK
																			: CRYPTO_ERR_FORMAT;
}

CryptoStatus
share_decode(const char *text, size_t size, Share *share)
{
	unsigned char binary[BINARY_BYTES];
	CryptoStatus status = decode_binary(text, size, binary);

	if (status == CRYPTO_OK)
	{
		memcpy(share->set, binary + SET_OFFSET, SHARE_SET_BYTES);
		share->x = binary[X_OFFSET];
		share->threshold = binary[THRESHOLD_OFFSET];
		memcpy(share->data, binary + DATA_OFFSET, KEY_BYTES);
		if (!share_valid(share))
			status = CRYPTO_ERR_FORMAT;
	}
	secret_wipe(binary, sizeof(binary));
	if (status != CRYPTO_OK)
		secret_wipe(share, sizeof(Share));
	return status;
}

/*
 * primitives.c
 *		Every call to OpenSSL that touches key material.
 *
 * It guards three things. The algorithms: they are fetched once per process into one static state
 * and never looked up by name again. The key material that OpenSSL keeps: each context is reset,
 * freed or initialized again before the function returns. So no key, and nothing derived from one,
 * outlives the call that needed it; only a Prf keeps its key. The error queue: crypto_settle()
 * drains it, and no code prints it.
 *
 * Not for threads: all calls of the process share the cipher context. A child inherits the state
 * over fork and may use it.
 */
#include "crypto/primitives.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#define HKDF_MAX_OUTPUT (255 * SHA512_BYTES)

struct Prf
{
	EVP_MAC_CTX *mac;
	size_t size;
	bool ready; /* keyed, without any input */
};

static struct
{
	bool ready;
	EVP_CIPHER *gcm;
	EVP_CIPHER_CTX *cipher; /* holds no key between calls */
	EVP_MAC *hmac;
	EVP_KDF *hkdf;
	EVP_MD *sha256;
} state;

CryptoStatus
crypto_settle(CryptoStatus status)
{
	if (status != CRYPTO_OK)
		ERR_clear_error();
	return status;
}

static void
release_state(void)
{
	EVP_CIPHER_CTX_free(state.cipher);
	EVP_CIPHER_free(state.gcm);
	EVP_MAC_free(state.hmac);
	EVP_KDF_free(state.hkdf);
	EVP_MD_free(state.sha256);
	memset(&state, 0, sizeof(state));
}

CryptoStatus
crypto_init(void)
{
	if (state.ready)
		return CRYPTO_OK;

	state.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	state.cipher = EVP_CIPHER_CTX_new();
	state.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	state.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	state.sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	state.ready = state.gcm != NULL && state.cipher != NULL && state.hmac != NULL &&
		state.hkdf != NULL && state.sha256 != NULL;

	if (!state.ready)
	{
		release_state();
		return crypto_settle(CRYPTO_ERR_INTERNAL);
	}
	return CRYPTO_OK;
}

void
secret_wipe(void *memory, size_t size)
{
	if (size > 0)
		OPENSSL_cleanse(memory, size);
}

bool
secret_equal(const void *a, const void *b, size_t size)
{
	return size == 0 || CRYPTO_memcmp(a, b, size) == 0;
}

CryptoStatus
crypto_random(void *out, size_t size)
{
	if (size == 0)
		return CRYPTO_OK;
	if (size > INT_MAX || RAND_priv_bytes(out, (int) size) != 1)
	{
		secret_wipe(out, size);
		return crypto_settle(CRYPTO_ERR_INTERNAL);
	}
	return CRYPTO_OK;
}

/* Construct a parameter. It takes a pointer to non-const, but OpenSSL only reads from it. */
static OSSL_PARAM
primitives_octets(const char *name, const void *data, size_t size)
{
	return OSSL_PARAM_construct_octet_string(name, (void *) data, size);
}

static OSSL_PARAM
primitives_utf8(const char *name, const char *value)
{
	return OSSL_PARAM_construct_utf8_string(name, (char *) value, 0);
}

/* Run HKDF-SHA-512 in the given mode. Empty inputs are left out, which is how RFC 5869 reads. */
static CryptoStatus
primitives_hkdf(int mode, const void *key, size_t key_size, const void *salt, size_t salt_size,
				const void *info, size_t info_size, void *out, size_t out_size)
{
	CryptoStatus status = CRYPTO_ERR_INTERNAL;
	EVP_KDF_CTX *kdf = NULL;
	OSSL_PARAM params[6];
	int n = 0;

	if (crypto_init() != CRYPTO_OK)
		goto done;

	params[n++] = primitives_utf8(OSSL_KDF_PARAM_DIGEST, "SHA2-512");
	params[n++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	params[n++] = primitives_octets(OSSL_KDF_PARAM_KEY, key, key_size);
	if (salt_size > 0)
		params[n++] = primitives_octets(OSSL_KDF_PARAM_SALT, salt, salt_size);
	if (info_size > 0)
		params[n++] = primitives_octets(OSSL_KDF_PARAM_INFO, info, info_size);
	params[n] = OSSL_PARAM_construct_end();

	kdf = EVP_KDF_CTX_new(state.hkdf);
	if (kdf != NULL && EVP_KDF_derive(kdf, out, out_size, params) == 1)
		status = CRYPTO_OK;

done:
	EVP_KDF_CTX_free(kdf);
	if (status != CRYPTO_OK)
		secret_wipe(out, out_size);
	return crypto_settle(status);
}

CryptoStatus
crypto_hkdf_sha512(const void *key, size_t key_size, const void *salt, size_t salt_size,
				   const void *info, size_t info_size, void *out, size_t out_size)
{
	if (out_size == 0 || out_size > HKDF_MAX_OUTPUT)
		return CRYPTO_ERR_FORMAT;
	return primitives_hkdf(EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, key, key_size, salt, salt_size,
						   info, info_size, out, out_size);
}

CryptoStatus
crypto_hkdf_extract_sha512(const void *key, size_t key_size, const void *salt, size_t salt_size,
						   unsigned char prk[SHA512_BYTES])
{
	return primitives_hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, key, key_size, salt, salt_size, NULL, 0,
						   prk, SHA512_BYTES);
}

/* Return a keyed HMAC context, which the caller frees, or NULL if OpenSSL refuses. */
static EVP_MAC_CTX *
hmac_start(const char *digest, const void *key, size_t key_size)
{
	EVP_MAC_CTX *mac;
	OSSL_PARAM params[2];

	if (crypto_init() != CRYPTO_OK)
		return NULL;
	params[0] = primitives_utf8(OSSL_MAC_PARAM_DIGEST, digest);
	params[1] = OSSL_PARAM_construct_end();
	mac = EVP_MAC_CTX_new(state.hmac);

	/* With a NULL key, OpenSSL would use the key that was set before. */
	if (mac != NULL &&
		EVP_MAC_init(mac, key_size > 0 ? key : (const void *) "", key_size, params) != 1)
	{
		EVP_MAC_CTX_free(mac);
		mac = NULL;
	}
	return mac;
}

/* Compute the tag and check that it has the expected size; otherwise wipe "out". */
static CryptoStatus
hmac_finish(EVP_MAC_CTX *mac, const void *data, size_t size, unsigned char *out, size_t out_size)
{
	size_t written = 0;

	if (mac != NULL && (size == 0 || EVP_MAC_update(mac, data, size) == 1) &&
		EVP_MAC_final(mac, out, &written, out_size) == 1 && written == out_size)
		return CRYPTO_OK;
	secret_wipe(out, out_size);
	return crypto_settle(CRYPTO_ERR_INTERNAL);
}

static CryptoStatus
primitives_hmac(const char *digest, const void *key, size_t key_size, const void *data, size_t size,
				unsigned char *out, size_t out_size)
{
	EVP_MAC_CTX *mac = hmac_start(digest, key, key_size);
	CryptoStatus status = hmac_finish(mac, data, size, out, out_size);

	EVP_MAC_CTX_free(mac);
	return status;
}

CryptoStatus
crypto_hmac_sha256(const void *key, size_t key_size, const void *data, size_t data_size,
				   unsigned char out[SHA256_BYTES])
{
	return primitives_hmac("SHA2-256", key, key_size, data, data_size, out, SHA256_BYTES);
}

CryptoStatus
crypto_hmac_sha512(const void *key, size_t key_size, const void *data, size_t data_size,
				   unsigned char out[SHA512_BYTES])
{
	return primitives_hmac("SHA2-512", key, key_size, data, data_size, out, SHA512_BYTES);
}

CryptoStatus
crypto_sha256(const void *data, size_t data_size, unsigned char out[SHA256_BYTES])
{
	unsigned int written = 0;

	if (crypto_init() == CRYPTO_OK &&
		EVP_Digest(data, data_size, out, &written, state.sha256, NULL) == 1 &&
		written == SHA256_BYTES)
		return CRYPTO_OK;
	secret_wipe(out, SHA256_BYTES);
	return crypto_settle(CRYPTO_ERR_INTERNAL);
}

/*
 * Set the key of the shared context and feed aad and data. "in" and "out" may be the same. Returns
 * true if OpenSSL took everything. The caller resets the context in both cases.
 */
static bool
gcm_run(bool seal, const SecretKey *key, const unsigned char *iv, const OSSL_PARAM *params,
		const void *aad, size_t aad_size, const void *in, size_t size, void *out)
{
	int written = 0;

	if (aad_size > INT_MAX || size > INT_MAX || crypto_init() != CRYPTO_OK)
		return false;
	if (EVP_CipherInit_ex2(state.cipher, state.gcm, key->bytes, iv, seal, params) != 1)
		return false;
	if (aad_size > 0 && EVP_CipherUpdate(state.cipher, NULL, &written, aad, (int) aad_size) != 1)
		return false;
	if (size == 0)
		return true;
	return EVP_CipherUpdate(state.cipher, out, &written, in, (int) size) == 1 &&
		written == (int) size;
}

CryptoStatus
crypto_gcm_seal(const SecretKey *key, const unsigned char iv[GCM_IV_BYTES], const void *aad,
				size_t aad_size, const void *in, size_t size, void *out,
				unsigned char tag[GCM_TAG_BYTES])
{
	CryptoStatus status = CRYPTO_ERR_INTERNAL;
	unsigned char nothing[GCM_TAG_BYTES];
	int written = 0;
	OSSL_PARAM wanted[2];

	wanted[0] = primitives_octets(OSSL_CIPHER_PARAM_AEAD_TAG, tag, GCM_TAG_BYTES);
	wanted[1] = OSSL_PARAM_construct_end();

	if (gcm_run(true, key, iv, NULL, aad, aad_size, in, size, out) &&
		EVP_CipherFinal_ex(state.cipher, nothing, &written) == 1 && written == 0 &&
		EVP_CIPHER_CTX_get_params(state.cipher, wanted) == 1)
		status = CRYPTO_OK;

	EVP_CIPHER_CTX_reset(state.cipher);
	if (status != CRYPTO_OK)
	{
		secret_wipe(out, size);
		secret_wipe(tag, GCM_TAG_BYTES);
	}
	return crypto_settle(status);
}

CryptoStatus
crypto_gcm_open(const SecretKey *key, const unsigned char iv[GCM_IV_BYTES], const void *aad,
				size_t aad_size, const void *in, size_t size,
				const unsigned char tag[GCM_TAG_BYTES], void *out)
{
	CryptoStatus status = CRYPTO_ERR_INTERNAL;
	unsigned char nothing[GCM_TAG_BYTES];
	int written = 0;
	OSSL_PARAM expected[2];

	expected[0] = primitives_octets(OSSL_CIPHER_PARAM_AEAD_TAG, tag, GCM_TAG_BYTES);
	expected[1] = OSSL_PARAM_construct_end();

	if (gcm_run(false, key, iv, expected, aad, aad_size, in, size, out))
	{
		if (EVP_CipherFinal_ex(state.cipher, nothing, &written) == 1 && written == 0)
			status = CRYPTO_OK;
		else
			status = CRYPTO_ERR_AUTH;
	}

	EVP_CIPHER_CTX_reset(state.cipher);
	if (status != CRYPTO_OK)
		secret_wipe(out, size);
	return crypto_settle(status);
}

CryptoStatus
prf_new(PrfHash hash, const void *key, size_t key_size, Prf **prf)
{
	Prf *fresh = malloc(sizeof(Prf));

	*prf = NULL;
	if (fresh == NULL)
		return CRYPTO_ERR_INTERNAL;
	fresh->mac = hmac_start(hash == PRF_SHA512 ? "SHA2-512" : "SHA2-256", key, key_size);
	fresh->size = hash;
	fresh->ready = true;
	if (fresh->mac == NULL)
	{
		free(fresh);
		return crypto_settle(CRYPTO_ERR_INTERNAL);
	}
	*prf = fresh;
	return CRYPTO_OK;
}

/*
 * Initialize the context again after its use and not before the next. OpenSSL would keep the output
 * in its digest state, and the output is a key to our callers.
 */
CryptoStatus
prf_compute(Prf *prf, const void *data, size_t size, unsigned char *out)
{
	CryptoStatus status = CRYPTO_ERR_INTERNAL;

	if (prf->ready || EVP_MAC_init(prf->mac, NULL, 0, NULL) == 1)
		status = hmac_finish(prf->mac, data, size, out, prf->size);
	prf->ready = EVP_MAC_init(prf->mac, NULL, 0, NULL) == 1;

	if (status != CRYPTO_OK || !prf->ready)
	{
		secret_wipe(out, prf->size);
		return crypto_settle(CRYPTO_ERR_INTERNAL);
	}
	return CRYPTO_OK;
}

void
prf_free(Prf *prf)
{
	if (prf == NULL)
		return;
	EVP_MAC_CTX_free(prf->mac);
	free(prf);
}

/*
 * Return all ones if x is negative, else zero. The base64 code below uses it instead of tables and
 * branches, so that its time does not depend on the bytes.
 */
static int
primitives_negative(int x)
{
	return -(int) ((unsigned int) x >> (sizeof(int) * CHAR_BIT - 1));
}

static char
base64_char(Base64Alphabet alphabet, int value)
{
	bool url = alphabet == BASE64_URL;
	int c = value + 'A';

	c += primitives_negative(25 - value) & ('a' - 26 - 'A');
	c += primitives_negative(51 - value) & ('0' - 52 - ('a' - 26));
	c += primitives_negative(61 - value) & ((url ? '-' : '+') - 62 - ('0' - 52));
	c += primitives_negative(62 - value) & ((url ? '_' - '-' : '/' - '+') - 1);
	return (char) c;
}

/* Return value + (c - first) + 1 if first <= c <= last, else 0. */
static int
in_range(int c, int first, int last, int value)
{
	return ~primitives_negative(c - first) & ~primitives_negative(last - c) &
		(c - first + value + 1);
}

/* Return the value of a character, or -1 if it is not in the alphabet. */
static int
base64_value(Base64Alphabet alphabet, unsigned char c)
{
	bool url = alphabet == BASE64_URL;
	int c62 = url ? '-' : '+';
	int c63 = url ? '_' : '/';

	return in_range(c, 'A', 'Z', 0) + in_range(c, 'a', 'z', 26) + in_range(c, '0', '9', 52) +
		in_range(c, c62, c62, 62) + in_range(c, c63, c63, 63) - 1;
}

size_t
base64_size(size_t size)
{
	return (size / 3 + (size % 3 != 0)) * 4;
}

size_t
base64_encode(Base64Alphabet alphabet, const void *in, size_t size, char *out)
{
	const unsigned char *bytes = in;
	size_t written = 0;

	for (size_t at = 0; at < size; at += 3)
	{
		size_t left = size - at;
		uint32_t group = (uint32_t) bytes[at] << 16;
		size_t chars = left >= 3 ? 4 : left + 1;

		if (left > 1)
			group |= (uint32_t) bytes[at + 1] << 8;
		if (left > 2)
			group |= bytes[at + 2];
		for (size_t i = 0; i < chars; i++)
			out[written++] = base64_char(alphabet, (int) (group >> (18 - 6 * i) & 63));
		for (size_t i = chars; i < 4 && alphabet == BASE64_STANDARD; i++)
			out[written++] = '=';
	}
	out[written] = '\0';
	return written;
}

/* Subtract the padding from the size. Returns false if length or padding is impossible. */
static bool
base64_unpad(Base64Alphabet alphabet, const char *in, size_t *size)
{
	if (alphabet == BASE64_STANDARD)
	{
		if (*size % 4 != 0)
			return false;
		for (int i = 0; i < 2 && *size > 0 && in[*size - 1] == '='; i++)
			(*size)--;
	}
	return *size % 4 != 1;
}

/*
 * Decode up to four characters to up to three bytes. Returns false if a character is unknown or a
 * bit is set that belongs to no byte.
 */
static bool
base64_group(Base64Alphabet alphabet, const char *in, size_t chars, unsigned char *out)
{
	uint32_t group = 0;
	int faults = 0;

	for (size_t i = 0; i < chars; i++)
	{
		int value = base64_value(alphabet, (unsigned char) in[i]);

		faults |= value;
		group |= (uint32_t) (value & 63) << (18 - 6 * i);
	}
	for (size_t i = 0; i + 1 < chars; i++)
		out[i] = (unsigned char) (group >> (16 - 8 * i));
	return faults >= 0 && (chars == 4 || (group & (chars == 3 ? 0xff : 0xffff)) == 0);
}

CryptoStatus
base64_decode(Base64Alphabet alphabet, const char *in, size_t in_size, void *out,
			  size_t out_capacity, size_t *out_size)
{
	unsigned char *bytes = out;
	size_t size;
	bool valid = true;

	*out_size = 0;
	if (!base64_unpad(alphabet, in, &in_size))
		return CRYPTO_ERR_FORMAT;
	size = in_size / 4 * 3 + (in_size % 4 > 0 ? in_size % 4 - 1 : 0);
	if (size > out_capacity)
		return CRYPTO_ERR_FORMAT;

	for (size_t at = 0; at < in_size; at += 4)
	{
		size_t chars = in_size - at < 4 ? in_size - at : 4;

		valid &= base64_group(alphabet, in + at, chars, bytes + at / 4 * 3);
	}
	if (!valid)
	{
		secret_wipe(out, size);
		return CRYPTO_ERR_FORMAT;
	}
	*out_size = size;
	return CRYPTO_OK;
}

/*
 * signature.c
 *		Verification of signatures by OpenSSL.
 *
 * It guards the choice of algorithm: padding, digest, salt and curve are fixed by the key and set
 * explicitly for each verification. No secrets are handled here, so nothing is wiped. Only
 * crypto_settle() drains the error queue.
 */
#include "crypto/signature.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define ED25519_BYTES   32
#define P256_BYTES      32
#define RSA_MIN_E       65537
#define RSA_MAX_E_BYTES 8

struct PublicKey
{
	SignatureAlgorithm algorithm;
	EVP_PKEY *key;
};

/* Adopt the key. NULL is a key that OpenSSL refused. */
static CryptoStatus
signature_wrap(SignatureAlgorithm algorithm, EVP_PKEY *key, PublicKey **made)
{
	PublicKey *wrapper;

	if (key == NULL)
		return crypto_settle(CRYPTO_ERR_FORMAT);
	wrapper = malloc(sizeof(PublicKey));
	if (wrapper == NULL)
	{
		EVP_PKEY_free(key);
		return CRYPTO_ERR_INTERNAL;
	}
	wrapper->algorithm = algorithm;
	wrapper->key = key;
	*made = wrapper;
	return CRYPTO_OK;
}

/* Make a key. Returns NULL if OpenSSL refuses the parameters, such as a point off its curve. */
static EVP_PKEY *
signature_key_from(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (context == NULL || params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
		EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
	{
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(context);
	return key;
}

/*
 * Return true for a point of small order. With such a public key anybody can sign, and OpenSSL
 * accepts it. The table has the y of these points, including those that are not reduced.
 */
static bool
has_small_order(const unsigned char x[ED25519_BYTES])
{
	static const unsigned char points[][ED25519_BYTES] = {
		{0x00},
		{0x01},
		{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
		 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
		 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
		{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
		 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
		 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
		{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		{0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	};
	unsigned char y[ED25519_BYTES];

	memcpy(y, x, ED25519_BYTES);
	y[ED25519_BYTES - 1] &= 0x7f; /* without the sign of the other coordinate */
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
	{
		if (memcmp(y, points[i], ED25519_BYTES) == 0)
			return true;
	}
	return false;
}

CryptoStatus
public_key_ed25519(const unsigned char *x, size_t x_size, PublicKey **made)
{
	*made = NULL;
	if (x_size != ED25519_BYTES || has_small_order(x))
		return CRYPTO_ERR_FORMAT;
	return signature_wrap(SIGNATURE_EDDSA,
						  EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, x_size), made);
}

CryptoStatus
public_key_p256(const unsigned char *x, size_t x_size, const unsigned char *y, size_t y_size,
				PublicKey **made)
{
	unsigned char point[1 + 2 * P256_BYTES];
	char group[] = "P-256";
	OSSL_PARAM params[3];

	*made = NULL;
	if (x_size != P256_BYTES || y_size != P256_BYTES)
		return CRYPTO_ERR_FORMAT;
	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	memcpy(point + 1, x, P256_BYTES);
	memcpy(point + 1 + P256_BYTES, y, P256_BYTES);

	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
	params[2] = OSSL_PARAM_construct_end();
	return signature_wrap(SIGNATURE_ES256, signature_key_from("EC", params), made);
}

/* Check the numbers of an RSA key. The caller has checked the upper bounds. */
static bool
signature_rsa_numbers_fit(const BIGNUM *n, const BIGNUM *e)
{
	return BN_num_bits(n) >= RSA_MIN_BITS && BN_is_odd(n) && BN_is_odd(e) &&
		(BN_num_bits(e) > 17 || BN_get_word(e) >= RSA_MIN_E);
}

/*
 * Make an RSA key. There is no test for primes: it takes many seconds for a modulus that was made
 * to be slow, and an issuer with a weak key harms only those who trust the issuer.
 */
CryptoStatus
public_key_rsa(SignatureAlgorithm algorithm, const unsigned char *n, size_t n_size,
			   const unsigned char *e, size_t e_size, PublicKey **made)
{
	CryptoStatus status = CRYPTO_ERR_INTERNAL;
	BIGNUM *modulus = NULL;
	BIGNUM *exponent = NULL;
	OSSL_PARAM_BLD *build = NULL;
	OSSL_PARAM *params = NULL;

	*made = NULL;
	if ((algorithm != SIGNATURE_RS256 && algorithm != SIGNATURE_PS256) || n_size == 0 ||
		n_size > RSA_MAX_BITS / 8 || e_size == 0 || e_size > RSA_MAX_E_BYTES || n[0] == 0 ||
		e[0] == 0)
		return CRYPTO_ERR_FORMAT;

	modulus = BN_bin2bn(n, (int) n_size, NULL);
	exponent = BN_bin2bn(e, (int) e_size, NULL);
	build = OSSL_PARAM_BLD_new();
	if (modulus == NULL || exponent == NULL || build == NULL)
		goto done;
	if (!signature_rsa_numbers_fit(modulus, exponent))
	{
		status = CRYPTO_ERR_FORMAT;
		goto done;
	}
	if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1 &&
		(params = OSSL_PARAM_BLD_to_param(build)) != NULL)
		status = signature_wrap(algorithm, signature_key_from("RSA", params), made);

done:
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(exponent);
	BN_free(modulus);
	return crypto_settle(status);
}

SignatureAlgorithm
public_key_algorithm(const PublicKey *key)
{
	return key->algorithm;
}

void
public_key_free(PublicKey *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->key);
	free(key);
}

/* Return r || s in DER, as OpenSSL needs it; NULL if out of memory. */
static unsigned char *
ecdsa_der(const unsigned char *raw, size_t *size)
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, P256_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(raw + P256_BYTES, P256_BYTES, NULL);
	unsigned char *der = NULL;
	int written = -1;

	if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1)
	{
		r = NULL; /* the pair owns it now */
		s = NULL;
		written = i2d_ECDSA_SIG(pair, &der);
	}
	BN_free(s);
	BN_free(r);
	ECDSA_SIG_free(pair);
	*size = written > 0 ? (size_t) written : 0;
	return written > 0 ? der : NULL;
}

static bool
start_verification(EVP_MD_CTX *context, const PublicKey *key)
{
	static const char *const padding[] = {
		[SIGNATURE_RS256] = OSSL_PKEY_RSA_PAD_MODE_PKCSV15,
		[SIGNATURE_PS256] = OSSL_PKEY_RSA_PAD_MODE_PSS,
	};
	bool is_rsa = key->algorithm == SIGNATURE_RS256 || key->algorithm == SIGNATURE_PS256;
	const char *digest = key->algorithm == SIGNATURE_EDDSA ? NULL : "SHA2-256";
	char mgf1[] = "SHA2-256";
	int salt = SHA256_BYTES;
	OSSL_PARAM params[4];
	int n = 0;

	if (is_rsa)
		params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE,
													   (char *) padding[key->algorithm], 0);
	if (key->algorithm == SIGNATURE_PS256)
	{
		params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, mgf1, 0);
		params[n++] = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt);
	}
	params[n] = OSSL_PARAM_construct_end();
	return EVP_DigestVerifyInit_ex(context, NULL, digest, NULL, NULL, key->key,
								   is_rsa ? params : NULL) == 1;
}

CryptoStatus
signature_verify(const PublicKey *key, const void *message, size_t size, const void *signature,
				 size_t signature_size)
{
	CryptoStatus status = CRYPTO_ERR_INTERNAL;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char *der = NULL;

	if (context == NULL || !start_verification(context, key))
		goto done;
	status = CRYPTO_ERR_AUTH;
	if (key->algorithm == SIGNATURE_ES256)
	{
		if (signature_size != 2 * P256_BYTES)
			goto done;
		der = ecdsa_der(signature, &signature_size);
		if (der == NULL)
		{
			status = CRYPTO_ERR_INTERNAL;
			goto done;
		}
		signature = der;
	}
	if (EVP_DigestVerify(context, signature, signature_size, message, size) == 1)
		status = CRYPTO_OK;

done:
	OPENSSL_free(der);
	EVP_MD_CTX_free(context);
	return crypto_settle(status);
}

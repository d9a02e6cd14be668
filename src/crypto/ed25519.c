/*
 * ed25519.c
 *		Ed25519 by OpenSSL. It is used rarely, so each call makes its keys and frees them.
 */
#include "crypto/ed25519.h"

#include <openssl/evp.h>

CryptoStatus
ed25519_public_key(const SecretKey *seed, unsigned char public_key[ED25519_PUBLIC_BYTES])
{
	CryptoStatus status = CRYPTO_ERR_INTERNAL;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed->bytes, KEY_BYTES);
	size_t size = ED25519_PUBLIC_BYTES;

	if (key != NULL && EVP_PKEY_get_raw_public_key(key, public_key, &size) == 1 &&
		size == ED25519_PUBLIC_BYTES)
		status = CRYPTO_OK;
	EVP_PKEY_free(key);
	return crypto_settle(status);
}

CryptoStatus
ed25519_sign(const SecretKey *seed, const void *message, size_t size,
			 unsigned char signature[ED25519_SIGNATURE_BYTES])
{
	CryptoStatus status = CRYPTO_ERR_INTERNAL;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed->bytes, KEY_BYTES);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t written = ED25519_SIGNATURE_BYTES;

	if (key != NULL && context != NULL &&
		EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
		EVP_DigestSign(context, signature, &written, message, size) == 1 &&
		written == ED25519_SIGNATURE_BYTES)
		status = CRYPTO_OK;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return crypto_settle(status);
}

CryptoStatus
ed25519_verify(const unsigned char public_key[ED25519_PUBLIC_BYTES], const void *message,
			   size_t size, const void *signature, size_t signature_size)
{
	CryptoStatus status = CRYPTO_ERR_INTERNAL;
	EVP_PKEY *key =
		EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, public_key, ED25519_PUBLIC_BYTES);
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (key != NULL && context != NULL &&
		EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1)
		status = signature_size == ED25519_SIGNATURE_BYTES &&
				EVP_DigestVerify(context, signature, signature_size, message, size) == 1
			? CRYPTO_OK
			: CRYPTO_ERR_AUTH;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return crypto_settle(status);
}

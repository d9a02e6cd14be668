/*
 * key_build.h
 *		Keys made from their numbers, without OpenSSL's decoders, which leave copies of them in
 *		freed memory.
 *
 * Plain C without server headers, for this folder only: it shows OpenSSL's types.
 */
#ifndef VAULT_PKI_KEY_BUILD_H
#define VAULT_PKI_KEY_BUILD_H

#include <stddef.h>

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define KEY_MAX_RSA_BITS 8192

/*
 * Return a positive number of at most KEY_MAX_RSA_BITS bits from big-endian bytes, with or without
 * leading zeros, for BN_clear_free(); NULL otherwise.
 */
extern BIGNUM *key_build_number(const unsigned char *data, size_t size);

/* Return the key of this type with these parameters, which the caller frees; NULL on failure. */
extern EVP_PKEY *key_build_pair(const char *type, OSSL_PARAM_BLD *build);

#endif

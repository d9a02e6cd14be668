/*
 * key_ec.h
 *		EC keys on named curves: from their secret, from SEC1, and to PKCS#8.
 *
 * Plain C without server headers, for this folder only: it shows OpenSSL's types.
 */
#ifndef VAULT_PKI_KEY_EC_H
#define VAULT_PKI_KEY_EC_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>

/*
 * Return the key on this curve, which the caller frees; NULL if a point, unless its size is 0,
 * is not that of the secret.
 */
extern EVP_PKEY *
key_ec_from_secret(int curve, const BIGNUM *secret, const unsigned char *point, size_t size);

/*
 * Decode an ECPrivateKey of SEC1, of this curve or, if that is NID_undef, of the one that it
 * names.  Return NULL and the key, which the caller frees, or the rule that is broken.
 */
extern const char *
key_ec_from_der(int curve, const unsigned char *der, size_t size, EVP_PKEY **made);

/* Write the key as PKCS#8 in PEM, not encrypted; false on failure. */
extern bool key_ec_write(BIO *bio, const EVP_PKEY *key);

/* Return true if the curve has a name.  A curve given by its parameters may be any at all. */
extern bool key_ec_has_curve_name(const EVP_PKEY *key);

#endif

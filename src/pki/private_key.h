/*
 * private_key.h
 *		Private keys in PKCS#8, PKCS#1 and SEC1.
 *
 * Plain C without server headers, for this folder only: it shows OpenSSL's types. Rules are static
 * phrases. The caller from outside drains OpenSSL's error queue.
 */
#ifndef VAULT_PKI_PRIVATE_KEY_H
#define VAULT_PKI_PRIVATE_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/bio.h>
#include <openssl/evp.h>

#include "pki/pem.h"

/* Return true if the block holds a private key. */
extern bool private_key_is(const PemBlock *block);

/* Return true if it does, and needs a passphrase. */
extern bool private_key_is_encrypted(const PemBlock *block);

/*
 * Decode such a block. Returns NULL and its key, which the caller frees, or the rule that is
 * broken.
 */
extern const char *private_key_from(PemBlock *block, const char *passphrase, EVP_PKEY **key);

/* Check that a public or private key has a supported kind and size. Returns NULL, or the rule. */
extern const char *private_key_check_kind(const EVP_PKEY *key);

/* Return "RSA", "RSA-PSS", "EC", "Ed25519" or "Ed448" for a key that passed that check. */
extern const char *private_key_kind(const EVP_PKEY *key);

/*
 * Return the strength of a public or private key in bits. RSA has the least of the class of its
 * modulus (NIST SP 800-57: 1024 bits are 80, 2048 are 112, 3072 are 128, 7680 are 192) and 0 below.
 * OpenSSL's own figure is not used, because it rounds 2000 bits up to the strength of 2048.
 */
extern int private_key_strength(const EVP_PKEY *key);

/* Return true if the public part verifies a signature of the key. */
extern bool private_key_works(EVP_PKEY *key);

/* Write the key as PKCS#8 in PEM, not encrypted. */
extern bool private_key_write(BIO *bio, const EVP_PKEY *key);

#endif

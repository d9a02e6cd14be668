/*
 * passphrase.h
 *		Encryption by a passphrase: the derivations and ciphers that there are, and their limits.
 *
 * Plain C without server headers, for this folder only: it shows OpenSSL's types.
 *
 * The ciphers of files from before 2020 (RC2 of PKCS#12 by macOS, Windows and Java, DES of
 * PEM) are in OpenSSL's provider "legacy", which no program has unless it asks.  It is
 * loaded into a context of its own, in which nothing happens but opening such a file, and
 * only if a file needs it.  Where OpenSSL is held to FIPS, or without that provider, the file
 * is refused for its cipher and not for its passphrase.
 */
#ifndef VAULT_PKI_PASSPHRASE_H
#define VAULT_PKI_PASSPHRASE_H

#include <stdbool.h>
#include <stddef.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "pki/pem.h"

/* Limits for the check of a passphrase: rounds of its key derivation. */
#define PASSPHRASE_MAX_ROUNDS 1000000

/*
 * NULL, and the context of OpenSSL in which what was encrypted with this algorithm opens; or
 * the rule that is broken: a derivation that costs too much, or a cipher that is not there.
 */
extern const char *passphrase_algorithm(const X509_ALGOR *algorithm, OSSL_LIB_CTX **context);

/* The same for a cipher that DEK-Info names, which goes with MD5; the caller frees it. */
extern const char *passphrase_old_cipher(const char *name, EVP_CIPHER **cipher);

/*
 * Decrypt such a block into der, which has room for its body and EVP_MAX_BLOCK_LENGTH more, and
 * is secret.  The key is what openssl derived before PKCS#8: MD5 once, with the beginning of the
 * IV as salt.  False: the passphrase does not fit, which one in 256 wrong ones seems to.
 */
extern bool passphrase_open_old(const PemBlock *block, const EVP_CIPHER *cipher,
								const char *passphrase, unsigned char *der, size_t *size);

#endif

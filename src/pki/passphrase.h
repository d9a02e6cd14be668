/*
 * passphrase.h
 *		Encryption by a passphrase: the known derivations and ciphers, and their limits.
 *
 * Plain C without server headers, for this folder only: it shows OpenSSL's types.
 *
 * The ciphers of files from before 2020 (RC2 of PKCS#12 by macOS, Windows and Java, DES of PEM) are
 * in OpenSSL's provider "legacy", which must be loaded explicitly. It is loaded into a context of
 * its own, which is used only for opening such a file, and only if a file needs it. If OpenSSL is
 * restricted to FIPS, or the provider is missing, the error names the cipher and not the
 * passphrase.
 */
#ifndef VAULT_PKI_PASSPHRASE_H
#define VAULT_PKI_PASSPHRASE_H

#include <stdbool.h>
#include <stddef.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "pki/pem.h"

/* Maximum rounds of key derivation for the check of a passphrase. */
#define PASSPHRASE_MAX_ROUNDS 1000000

/*
 * Return NULL, and the context of OpenSSL that can decrypt this algorithm, or the rule that is
 * broken: a derivation that costs too much, or a missing cipher.
 */
extern const char *passphrase_algorithm(const X509_ALGOR *algorithm, OSSL_LIB_CTX **context);

/* The same for a cipher that DEK-Info names, which is used with MD5. The caller frees it. */
extern const char *passphrase_old_cipher(const char *name, EVP_CIPHER **cipher);

/*
 * Decrypt such a block into der, which is secret and has room for its body and EVP_MAX_BLOCK_LENGTH
 * more. The key is derived as openssl did before PKCS#8: MD5 once, with the beginning of the IV as
 * salt. Returns false if the passphrase is wrong; one in 256 wrong ones seems right.
 */
extern bool passphrase_open_old(const PemBlock *block, const EVP_CIPHER *cipher,
								const char *passphrase, unsigned char *der, size_t *size);

#endif

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

#include <openssl/evp.h>
#include <openssl/x509.h>

/* Limits for the check of a passphrase: rounds of its key derivation. */
#define PASSPHRASE_MAX_ROUNDS 1000000

/*
 * NULL, and the context of OpenSSL in which what was encrypted with this algorithm opens; or
 * the rule that is broken: a derivation that costs too much, or a cipher that is not there.
 */
extern const char *passphrase_algorithm(const X509_ALGOR *algorithm, OSSL_LIB_CTX **context);

/* The same for a cipher that DEK-Info names, which goes with MD5; the caller frees it. */
extern const char *passphrase_old_cipher(const char *name, EVP_CIPHER **cipher);

#endif

/*
 * pkcs8.h
 *		Private keys in PKCS#8, plain and encrypted ("shrouded").
 *
 * Plain C without server headers, for this folder only: it shows OpenSSL's types.
 * Each function returns NULL and the key, which the caller frees, or the rule that is broken.
 */
#ifndef VAULT_PKI_PKCS8_H
#define VAULT_PKI_PKCS8_H

#include <stddef.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

/* Return the key of a decoded PKCS#8. */
extern const char *pkcs8_key(const PKCS8_PRIV_KEY_INFO *info, EVP_PKEY **key);

/* Return the key of a shrouded PKCS#8, of a PEM block or of PKCS#12. The passphrase may be NULL. */
extern const char *pkcs8_unshroud(const X509_SIG *shrouded, const char *passphrase, EVP_PKEY **key);

/* The same from DER, which must end with the key. */
extern const char *pkcs8_from_der(const unsigned char *der, size_t size, EVP_PKEY **key);
extern const char *pkcs8_from_shrouded_der(const unsigned char *der, size_t size,
										   const char *passphrase, EVP_PKEY **key);

#endif

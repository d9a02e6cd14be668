/*
 * bundle.h
 *		Certificates and a private key in the form that the caller gave: PEM, DER, PKCS#7 or
 *		PKCS#12.
 *
 * Plain C without server headers, for this folder only: it shows OpenSSL's types.
 */
#ifndef VAULT_PKI_BUNDLE_H
#define VAULT_PKI_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#define BUNDLE_MAX_BYTES        (256 * 1024)
#define BUNDLE_MAX_CERTIFICATES 16

typedef struct Bundle
{
	int count;
	X509 *certificates[BUNDLE_MAX_CERTIFICATES]; /* in the order given */
	EVP_PKEY *key;                               /* NULL if none */
} Bundle;

/*
 * Read into an empty bundle. Returns NULL, or the rule that is broken. The caller frees the bundle
 * in both cases. passphrase may be NULL.
 */
extern const char *
bundle_read(const void *data, size_t size, const char *passphrase, Bundle *bundle);
extern void bundle_free(Bundle *bundle);

/* Add a certificate or the key. Both adopt it, even if they return a rule. */
extern const char *bundle_add_certificate(Bundle *bundle, X509 *certificate);
extern const char *bundle_add_key(Bundle *bundle, EVP_PKEY *key);

/* Read the contents of a PKCS#12 in DER (pkcs12.c). *is_one is false if it is not one. */
extern const char *bundle_read_pkcs12(const unsigned char *der, size_t size, const char *passphrase,
									  Bundle *bundle, bool *is_one);

#endif

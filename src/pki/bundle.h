/*
 * bundle.h
 *		Certificates and a private key as somebody gave them: PEM, DER, PKCS#7 or PKCS#12.
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
	EVP_PKEY *key;                               /* NULL: none */
} Bundle;

/*
 * Reads into an empty bundle, or returns the rule that is broken.  The caller frees
 * the bundle in both cases.  passphrase may be NULL.
 */
extern const char *
bundle_read(const void *data, size_t size, const char *passphrase, Bundle *bundle);
extern void bundle_free(Bundle *bundle);

/* Each takes over what it adds, also where it returns a rule. */
extern const char *bundle_add_certificate(Bundle *bundle, X509 *certificate);
extern const char *bundle_add_key(Bundle *bundle, EVP_PKEY *key);

/* pkcs12.c: the contents of a PKCS#12 in DER; *is_one tells whether it is one at all. */
extern const char *bundle_read_pkcs12(const unsigned char *der, size_t size, const char *passphrase,
									  Bundle *bundle, bool *is_one);

#endif

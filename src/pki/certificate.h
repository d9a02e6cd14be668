/*
 * certificate.h
 *		An X.509 certificate with the chain of its issuers and, optionally, its private key: reading
 *		it, its facts, and its parts.
 *
 * Plain C without server headers. Input may be PEM, DER or PKCS#12. Output is PEM: the leaf, its
 * issuers in order, and the key last as PKCS#8. OpenSSL's errors do not outlive a call, and its
 * keys only inside a Certificate.
 */
#ifndef VAULT_PKI_CERTIFICATE_H
#define VAULT_PKI_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "type/type.h"

/* Default strength of keys and signatures, in bits. */
#define CERTIFICATE_STRENGTH 112

/* Limit of names and other facts together, as JSON. */
#define CERTIFICATE_MAX_METADATA (32 * 1024)

/* Names of fields, as shown to users. */
#define CERTIFICATE_FIELDS                                                                 \
	"certificate, chain, fullchain, private_key, subject, issuer, serial, not_before, "    \
	"not_after, valid_until, sans, key_type, key_bits, signature_algorithm, fingerprint, " \
	"self_signed, chain_length, "                                                          \
	"has_private_key"

typedef struct Certificate Certificate;

/*
 * Make a certificate, which the caller frees. Returns NULL, or the rule that is broken, a static
 * phrase. passphrase may be NULL.
 */
extern const char *certificate_read(const void *data, size_t size, const char *passphrase,
									int min_strength, Certificate **made);
extern void certificate_free(Certificate *certificate); /* NULL is allowed */

/* Return the earliest end of validity in the chain, in seconds since 1970. */
extern int64_t certificate_valid_until(const Certificate *certificate);

/* Return a JSON object of facts, in ASCII. It belongs to the certificate. */
extern const char *certificate_metadata(const Certificate *certificate);

/* Return all of it in PEM, for value_free(); NULL if out of memory. */
extern char *certificate_pem(const Certificate *certificate, size_t *size);

/* Return a part or a fact as text, for value_free(). */
extern TypeField
certificate_field(const Certificate *certificate, const char *name, char **out, size_t *out_size);

#endif

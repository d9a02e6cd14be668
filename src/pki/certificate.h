/*
 * certificate.h
 *		An X.509 certificate with the chain of its issuers and, perhaps, its private key:
 *		how it is read, what it says, and its parts.
 *
 * Plain C without server headers.  What it is given may be PEM, DER or PKCS#12; what it
 * writes is PEM: the leaf, its issuers in order, the key last as PKCS#8.  OpenSSL's errors
 * and keys do not outlive a call, but for what the Certificate holds.
 */
#ifndef VAULT_PKI_CERTIFICATE_H
#define VAULT_PKI_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "type/type.h"

/* The strength in bits that keys and signatures have where no policy says more. */
#define CERTIFICATE_STRENGTH 112

/* Names and other facts together, as JSON. */
#define CERTIFICATE_MAX_METADATA (32 * 1024)

/* The names of fields, for people. */
#define CERTIFICATE_FIELDS                                                                 \
	"certificate, chain, fullchain, private_key, subject, issuer, serial, not_before, "    \
	"not_after, valid_until, sans, key_type, key_bits, signature_algorithm, fingerprint, " \
	"self_signed, chain_length, "                                                          \
	"has_private_key"

typedef struct Certificate Certificate;

/*
 * Makes a certificate that the caller frees and returns NULL; or returns the rule that
 * is broken, a static phrase.  passphrase may be NULL.
 */
extern const char *certificate_read(const void *data, size_t size, const char *passphrase,
									int min_strength, Certificate **made);
extern void certificate_free(Certificate *certificate); /* NULL is allowed */

/* The earliest end of validity in the chain, in seconds since 1970. */
extern int64_t certificate_valid_until(const Certificate *certificate);

/* A JSON object of facts, in ASCII; belongs to the certificate. */
extern const char *certificate_metadata(const Certificate *certificate);

/* All of it in PEM, for value_free(); NULL: no memory. */
extern char *certificate_pem(const Certificate *certificate, size_t *size);

/* A part or a fact as text, for value_free(). */
extern TypeField
certificate_field(const Certificate *certificate, const char *name, char **out, size_t *out_size);

#endif

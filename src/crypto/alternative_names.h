/*
 * certificate.h
 *		Names in a certificate.
 */
#ifndef VAULT_CRYPTO_CERTIFICATE_H
#define VAULT_CRYPTO_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Calls visit with each subject alternative name of the X509: kind "dns", "uri" or
 * "email", and its text, which has no NUL and is not terminated by one.  visit must not
 * throw.  Other kinds and names with NUL or control characters are passed over.
 */
extern void certificate_alternative_names(const void *x509,
										  void (*visit)(const char *kind, const char *name,
														size_t size, void *argument),
										  void *argument);

#endif

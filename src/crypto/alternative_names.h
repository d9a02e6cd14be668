/*
 * alternative_names.h
 *		Names in a certificate.
 */
#ifndef VAULT_CRYPTO_CERTIFICATE_H
#define VAULT_CRYPTO_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Call visit with each subject alternative name of the X509: its kind "dns", "uri" or "email", and
 * its text, which has no NUL and is not terminated by one. visit must not raise. Other kinds are
 * skipped, and names with blanks, NUL, control or non-ASCII characters.
 */
extern void certificate_alternative_names(const void *x509,
										  void (*visit)(const char *kind, const char *name,
														size_t size, void *argument),
										  void *argument);

#endif

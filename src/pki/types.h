/*
 * types.h
 *		The types of this feature.  Plain C without server headers.
 */
#ifndef VAULT_PKI_TYPES_H
#define VAULT_PKI_TYPES_H

#include "type/type.h"

/* At start. */
extern void pki_register(void);

/* The check of type certificate, of a file that may have a passphrase; see ValueType. */
extern const char *certificate_check(const void *value, size_t size, const char *passphrase,
									 const TypeContext *context, TypeFacts *facts);

#endif

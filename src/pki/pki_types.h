/*
 * pki_types.h
 *		The types of this feature.  Plain C without server headers.
 */
#ifndef VAULT_PKI_PKI_TYPES_H
#define VAULT_PKI_PKI_TYPES_H

#include "type/type.h"

/* Register the types. Called once, at start. */
extern void pki_register(void);

/* Register the parts that need the server (import.c). Called once, at start. */
extern void pki_init(void);

#endif

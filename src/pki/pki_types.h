/*
 * pki_types.h
 *		The types of this feature.  Plain C without server headers.
 */
#ifndef VAULT_PKI_PKI_TYPES_H
#define VAULT_PKI_PKI_TYPES_H

#include "type/type.h"

/* At start. */
extern void pki_register(void);

/* At start, in the server (import.c). */
extern void pki_init(void);

#endif

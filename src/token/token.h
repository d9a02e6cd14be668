/*
 * token.h
 *		Callers who show a token; see token.c.
 */
#ifndef VAULT_TOKEN_TOKEN_H
#define VAULT_TOKEN_TOKEN_H

#include "platform/compat.h"

extern void token_init(void);

#endif

/*
 * builtin.h
 *		The built-in types of this feature. Plain C without server headers.
 */
#ifndef VAULT_TYPE_BUILTIN_H
#define VAULT_TYPE_BUILTIN_H

#include "type/type.h"

/* Register the types. Called once, at start. */
extern void types_register(void);

#endif

/*
 * builtin.h
 *		The types of this feature.  Plain C without server headers.
 */
#ifndef VAULT_TYPE_BUILTIN_H
#define VAULT_TYPE_BUILTIN_H

#include "type/type.h"

/* At start. */
extern void types_register(void);

#endif

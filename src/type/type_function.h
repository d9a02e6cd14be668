/*
 * type_function.h
 *		Functions in SQL that check values or make them, of types that operators added.
 *
 * The rule of who: a superuser names the function, whose owner is one, too, when the type is
 * made and at each call.  The rule of what: written in SQL or PL/pgSQL, outside of the server's and
 * the vault's schemas and of extensions; one that checks is not VOLATILE, so that it writes
 * nothing.  The rule of how: as its owner, in a security-restricted operation, with a
 * pinned search_path, and with no message reaching client or log; an error inside becomes
 * one that says only its SQLSTATE.
 */
#ifndef VAULT_TYPE_TYPE_FUNCTION_H
#define VAULT_TYPE_TYPE_FUNCTION_H

#include "platform/compat.h"

#include "utils/array.h"

/*
 * NULL, or the rule that the function named, if it is one that was declared with the type; what
 * else it returns could be made of the value, and is told as a rule without a name.
 */
extern const char *function_check(const char *type, const text *function, const ArrayType *rules,
								  const void *value, size_t size);

/* For value_free(). */
extern char *function_generate(const char *type, const text *function, size_t *size);

#endif

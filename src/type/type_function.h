/*
 * type_function.h
 *		SQL functions that check or generate values, for types that operators added.
 *
 * Author: a superuser names the function, and its owner is a superuser, too, when the type is made
 * and at each call. Form: it is written in SQL or PL/pgSQL, outside of the server's and the
 * vault's schemas and of extensions. A function that checks is not VOLATILE, so that it writes
 * nothing. Execution: it runs as its owner, in a security-restricted operation, with a pinned
 * search_path, and no message of it reaches client or log. An error inside becomes an error that
 * contains only its SQLSTATE.
 */
#ifndef VAULT_TYPE_TYPE_FUNCTION_H
#define VAULT_TYPE_TYPE_FUNCTION_H

#include "platform/compat.h"

#include "utils/array.h"

/*
 * Return NULL, or the rule that the function named, if it is one that was declared with the type.
 * Any other result could be made of the value, and is reported as a rule without a name.
 */
extern const char *function_check(const char *type, const text *function, const ArrayType *rules,
								  const void *value, size_t size);

/* Generate a value, which the caller frees with value_free(). */
extern char *function_generate(const char *type, const text *function, size_t *size);

#endif

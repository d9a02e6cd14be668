/*
 * strict_json.h
 *		Parses JSON from outside, strictly, so that no two parsers can understand it differently.
 *
 * Plain C without server headers. They could not be included here: the server and libjansson each
 * have a function json_object(). The server's would be called, so no code may refer to that name;
 * script/lint and the unit test check it.
 */
#ifndef VAULT_IDENTITY_STRICT_JSON_H
#define VAULT_IDENTITY_STRICT_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#define STRICT_JSON_DEPTH 8

typedef enum StrictJsonFault
{
	STRICT_JSON_OK = 0,
	STRICT_JSON_SYNTAX,   /* not a JSON object in UTF-8, text after it, or NUL in a string */
	STRICT_JSON_NESTING,  /* deeper than STRICT_JSON_DEPTH; checked before parsing */
	STRICT_JSON_DUPLICATE /* an object has two members of one name */
} StrictJsonFault;

/*
 * Parse one object, which the caller releases with json_decref(); NULL unless OK. The caller has
 * checked the size.
 */
extern StrictJsonFault strict_json_parse(const void *text, size_t size, json_t **object);

/* The same with every number as a double, so that large integers are no fault. */
extern StrictJsonFault strict_json_parse_numbers(const void *text, size_t size, json_t **object);

/* Return true for UTF-8 without control characters (C0, DEL, C1). */
extern bool strict_json_is_printable(const char *text);

/* Return true if the object has a member of this name, even with the value null. */
extern bool strict_json_has(const json_t *object, const char *name);

/*
 * Return the member's string, which has no NUL inside; NULL if there is none or it is not a string.
 */
extern const char *strict_json_string(const json_t *object, const char *name);

/*
 * Return a member by its name, or, if the argument begins with "/", a value anywhere inside by a
 * JSON pointer (RFC 6901); NULL if there is none.
 */
extern const json_t *strict_json_at(const json_t *object, const char *pointer);

/* Return false for a text that begins like a pointer and is malformed. */
extern bool strict_json_pointer_is_valid(const char *pointer);

#endif

/*
 * strict_json.h
 *		JSON from outside, read so that no two readers can differ about it.
 *
 * Plain C without server headers, which could not be included here anyway: the
 * server and libjansson each have a function json_object().  The server's would be
 * called, so nothing may refer to that name; script/lint and the unit test look.
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
	STRICT_JSON_SYNTAX,   /* no JSON object in UTF-8, something behind it, NUL in a string */
	STRICT_JSON_NESTING,  /* deeper than STRICT_JSON_DEPTH; seen before parsing */
	STRICT_JSON_DUPLICATE /* an object has two members of one name */
} StrictJsonFault;

/*
 * Parses one object, which the caller gives back with json_decref(); NULL unless OK.
 * The caller has bounded the size.
 */
extern StrictJsonFault strict_json_parse(const void *text, size_t size, json_t **object);

/* The same with every number a double: for who rejects nothing because of a large integer. */
extern StrictJsonFault strict_json_parse_numbers(const void *text, size_t size, json_t **object);

/* UTF-8 without control characters (C0, DEL, C1). */
extern bool strict_json_is_printable(const char *text);

/* The object has a member of this name, null included. */
extern bool strict_json_has(const json_t *object, const char *name);

/* The member's string, without NUL inside; NULL if there is none or it is no string. */
extern const char *strict_json_string(const json_t *object, const char *name);

/*
 * A member by its name, or, if what is given begins with "/", a value anywhere inside by a
 * JSON pointer (RFC 6901); NULL if there is none.
 */
extern const json_t *strict_json_at(const json_t *object, const char *pointer);

/* False for what begins like a pointer and is none. */
extern bool strict_json_pointer_is_valid(const char *pointer);

#endif

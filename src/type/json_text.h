/*
 * json_text.h
 *		JSON that is kept as it was written: checked strictly, and read in place.
 *
 * Nothing is converted. A number may therefore have any size and form, and comes out again byte
 * for byte. Parts are spans of the text; they live as long as it does. Plain C without server
 * headers.
 */
#ifndef VAULT_TYPE_JSON_TEXT_H
#define VAULT_TYPE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_TEXT_DEPTH 8

/* Span of a text that json_text_fault() has accepted. */
typedef struct JsonPart
{
	const char *at;
	size_t size;
} JsonPart;

typedef enum PartKind
{
	PART_OBJECT,
	PART_ARRAY,
	PART_STRING,
	PART_NUMBER,
	PART_BOOLEAN,
	PART_NULL
} PartKind;

/*
 * Check that the text is one object in UTF-8. Returns NULL and sets *object to it, without the
 * white space around it; otherwise returns the rule that the text breaks. No two members of an
 * object may have one name.
 */
extern const char *json_text_fault(const void *text, size_t size, JsonPart *object);

/* Do the same with another depth limit than JSON_TEXT_DEPTH; each level is a frame of the stack. */
extern const char *
json_text_fault_within(int depth, const void *text, size_t size, JsonPart *object);

/* Return true if a C string, which is not JSON, is UTF-8. */
extern bool json_text_is_utf8(const char *text);

/* Return the kind of a part. */
extern PartKind part_kind(JsonPart part);

/* Return true if the object has the member, and set *member; *member stays unchanged if not. */
extern bool part_member(JsonPart object, const char *name, JsonPart *member);

/* Walk over the members of an object, or the elements of an array; name may be NULL. */
typedef struct PartWalk
{
	const char *at;
	const char *end;
	bool in_object;
} PartWalk;

extern PartWalk part_walk(JsonPart container);
extern bool part_next(PartWalk *walk, JsonPart *name, JsonPart *value);

/*
 * Return a string without its quotes and escapes, with NUL behind it; free it with value_free().
 * Returns NULL if there is no memory.
 */
extern char *part_string(JsonPart string, size_t *size);

/* Return the size that this string has in bytes. */
extern size_t part_string_size(JsonPart string);

/* Return true if the string is exactly this text. */
extern bool part_says(JsonPart string, const char *text);

/*
 * Return true if zero bytes or other control characters (U+0000 to U+001F, U+007F) occur in the
 * string.
 */
extern bool part_has_controls(JsonPart string);

/*
 * Get the whole seconds of a number, or of a string that is one. Returns false if it is no number,
 * or out of range.
 */
extern bool part_seconds(JsonPart part, int64_t *seconds);

/* Get the same from a string that is a time of RFC 3339, with its zone; it may be before 1970. */
extern bool part_instant(JsonPart part, int64_t *seconds);

#endif

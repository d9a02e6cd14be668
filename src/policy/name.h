/*
 * name.h
 *		Grammar of secret names, environments and grant patterns, and matching.
 *
 * Plain C without server headers. A name is 1 to 255 bytes: segments of [A-Za-z0-9._-] with "/"
 * between them, no segment empty, "." or "..". An identifier (environment, tenant, principal) is
 * one such segment of at most 63 bytes.
 *
 * A pattern is a name in which "*" stands for any run of characters within its segment, and a
 * segment "**" for any number of whole segments. At the end of a pattern "**" stands for at least
 * one segment. The segments a, ** match the names inside a, but not a itself. The segments a, **,
 * b match a/b and a/x/y/b; "**" alone matches everything. "**" beside other characters in a
 * segment is refused. Matching is byte-exact, needs no memory and takes at most pattern × name
 * steps.
 */
#ifndef VAULT_POLICY_NAME_H
#define VAULT_POLICY_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_MAX_BYTES       255
#define IDENTIFIER_MAX_BYTES 63

/*
 * Check a text. Each function returns NULL if the text is valid, and otherwise a static phrase
 * with the fault.
 */
extern const char *name_fault(const char *name, size_t size);
extern const char *identifier_fault(const char *text, size_t size);
extern const char *pattern_fault(const char *pattern, size_t size);

/* Return true if the pattern matches the name. Both arguments must be valid. */
extern bool
pattern_matches(const char *pattern, size_t pattern_size, const char *name, size_t name_size);

/* Return true only if outer matches every name that inner matches. */
extern bool
pattern_covers(const char *outer, size_t outer_size, const char *inner, size_t inner_size);

/* Return false only if no name is matched by both. */
extern bool pattern_overlaps(const char *a, size_t a_size, const char *b, size_t b_size);

/*
 * Return the number of bytes at the start of the pattern that every matching name starts with; all
 * of them if it has no "*".
 */
extern size_t pattern_prefix(const char *pattern, size_t size);

#endif

/*
 * subject.h
 *		Subjects of identity providers, and patterns of them.
 *
 * Plain C without server headers.  A subject is what a provider calls somebody: 1 to
 * SUBJECT_MAX_BYTES bytes of UTF-8 without control characters and without a space at either
 * end, compared byte by byte.
 *
 * A pattern is such a text in which "*" stands for one or more bytes other than the
 * separators "/", ":", "|" and "@", and "**", at its end and nowhere else, for one or more
 * bytes of any kind.  It is matched from the first byte to the last.  So that it cannot match
 * whatever the provider signs, it has something else than wildcards and separators, in front
 * of a "**" in any case.  Matching needs no memory and at most pattern × subject steps.
 */
#ifndef VAULT_IDENTITY_SUBJECT_H
#define VAULT_IDENTITY_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#define SUBJECT_MAX_BYTES 512

/* Each returns NULL if the text is valid, else a static phrase that says why not. */
extern const char *subject_fault(const char *subject);
extern const char *subject_pattern_fault(const char *pattern);

/* The pattern is valid. */
extern bool subject_matches(const char *pattern, const char *subject);

#endif

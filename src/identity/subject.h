/*
 * subject.h
 *		Subjects of identity providers, and patterns of them.
 *
 * Plain C without server headers. A subject is the name that a provider gives to a person or a
 * workload: 1 to SUBJECT_MAX_BYTES bytes of UTF-8 without control characters and without a space at
 * either end, compared byte by byte.
 *
 * A pattern is such a text in which "*" stands for one or more bytes other than the separators "/",
 * ":", "|" and "@". "**" stands for one or more bytes of any kind, and is allowed only at the end.
 * A pattern is matched from the first byte to the last. It must contain something else than
 * wildcards and separators, and this must precede a "**", so that it cannot match everything that
 * the provider signs. Matching needs no memory and at most pattern × subject steps.
 */
#ifndef VAULT_IDENTITY_SUBJECT_H
#define VAULT_IDENTITY_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#define SUBJECT_MAX_BYTES 512

/* Both return NULL if the text is valid, else a static phrase with the reason. */
extern const char *subject_fault(const char *subject);
extern const char *subject_pattern_fault(const char *pattern);

/* Match a subject. The pattern must be valid. */
extern bool subject_matches(const char *pattern, const char *subject);

#endif

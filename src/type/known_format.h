/*
 * known_format.h
 *		Credentials that are known by their look.  Plain C without server headers.
 */
#ifndef VAULT_TYPE_KNOWN_FORMAT_H
#define VAULT_TYPE_KNOWN_FORMAT_H

#include <stddef.h>

typedef struct KnownFormat
{
	const char *label; /* "an AWS access key" */
	const char *type;  /* that serves it better than generic */
} KnownFormat;

/* NULL: it looks like nothing that is known. */
extern const KnownFormat *known_format_find(const void *value, size_t size);

#endif

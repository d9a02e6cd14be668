/*
 * known_format.h
 *		Recognizes well-known formats of credentials. Plain C without server headers.
 */
#ifndef VAULT_TYPE_KNOWN_FORMAT_H
#define VAULT_TYPE_KNOWN_FORMAT_H

#include <stddef.h>

typedef struct KnownFormat
{
	const char *label; /* such as "an AWS access key" */
	const char *type;  /* a type that fits better than generic */
} KnownFormat;

/* Returns NULL if the value has no known format. */
extern const KnownFormat *known_format_find(const void *value, size_t size);

#endif

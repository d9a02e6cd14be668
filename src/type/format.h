/*
 * format.h
 *		Credentials that are known by their look.  Plain C without server headers.
 */
#ifndef VAULT_TYPE_FORMAT_H
#define VAULT_TYPE_FORMAT_H

#include <stddef.h>

typedef struct KnownFormat
{
	const char *label;			/* "an AWS access key" */
	const char *type;			/* that serves it better than generic */
} KnownFormat;

/* NULL: it looks like nothing that is known. */
extern const KnownFormat *format_recognise(const void *value, size_t size);

#endif

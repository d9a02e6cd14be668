/*
 * bytes.h
 *		Values of type bytea, and columns of type text.
 *
 * All inline.  They are allocated in the current memory context, and are no secrets.
 */
#ifndef VAULT_PLATFORM_BYTES_H
#define VAULT_PLATFORM_BYTES_H

#include "platform/compat.h"

#include "utils/builtins.h"

/* Return a bytea of this size, for the caller to fill. */
static inline bytea *
bytes_alloc(Size size)
{
	bytea *bytes = palloc(VARHDRSZ + size);

	SET_VARSIZE(bytes, VARHDRSZ + size);
	return bytes;
}

/* Return a copy. */
static inline bytea *
bytes_from(const void *data, Size size)
{
	bytea *bytes = bytes_alloc(size);

	memcpy(VARDATA(bytes), data, size);
	return bytes;
}

/* Return the content of a bytea of bytes_alloc(). */
static inline unsigned char *
bytes_data(bytea *bytes)
{
	return (unsigned char *) VARDATA(bytes);
}

/* Return the value of a column of type text.  NULL sets *isnull. */
static inline Datum
text_datum_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

#endif

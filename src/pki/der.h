/*
 * der.h
 *		Just enough DER to read and write a private key without OpenSSL's decoders and encoders,
 *		which leave copies of it in freed memory.
 *
 * Plain C; the reader is inline. After an unexpected element a reader stays broken and returns
 * empty elements, so it is enough to check once, at the end.
 */
#ifndef VAULT_PKI_DER_H
#define VAULT_PKI_DER_H

#include <stdbool.h>
#include <stddef.h>

#define DER_INTEGER      0x02
#define DER_BIT_STRING   0x03
#define DER_OCTET_STRING 0x04
#define DER_OBJECT       0x06
#define DER_SEQUENCE     0x30
#define DER_EXPLICIT(n)  (0xa0 + (n))

typedef struct DerReader
{
	const unsigned char *at;
	size_t left;
	bool broken;
} DerReader;

/* Read the length of an element, in its only form, and move after it. */
static inline size_t
der_length(DerReader *reader)
{
	size_t length = *reader->at++;
	size_t bytes = length & 0x7f;

	reader->left--;
	if (length < 0x80)
		return length;
	reader->broken = bytes < 1 || bytes > 3 || bytes > reader->left || *reader->at == 0;
	if (reader->broken)
		return 0;
	reader->left -= bytes;
	for (length = 0; bytes > 0; bytes--)
		length = length << 8 | *reader->at++;
	reader->broken = length < 0x80;
	return length;
}

static inline bool
der_is(const DerReader *reader, unsigned char tag)
{
	return !reader->broken && reader->left >= 2 && *reader->at == tag;
}

/* Return the content of the next element, which must have this tag. */
static inline DerReader
der_next(DerReader *reader, unsigned char tag)
{
	DerReader content = {reader->at, 0, false};
	size_t length = 0;

	reader->broken = !der_is(reader, tag);
	if (!reader->broken)
	{
		reader->at++;
		reader->left--;
		length = der_length(reader);
		reader->broken = reader->broken || length > reader->left;
	}
	content.broken = reader->broken;
	if (!reader->broken)
	{
		content.at = reader->at;
		content.left = length;
		reader->at += length;
		reader->left -= length;
	}
	return content;
}

/* Return true if all elements were as expected, and none is left. */
static inline bool
der_ended(const DerReader *reader)
{
	return !reader->broken && reader->left == 0;
}

/*
 * Write backwards, before `at`, and return the new beginning. The caller has ensured the room: a
 * header has at most 4 bytes, and its content at most 65535.
 */
extern unsigned char *der_prepend(unsigned char *at, const void *data, size_t size);

/* Write the header of the element whose content is between `at` and `end`. */
extern unsigned char *
der_prepend_header(unsigned char *at, unsigned char tag, const unsigned char *end);

/* Write an object identifier that OpenSSL knows by this number. */
extern unsigned char *der_prepend_object(unsigned char *at, int nid);

#endif

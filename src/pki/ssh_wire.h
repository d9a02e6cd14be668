/*
 * ssh_wire.h
 *		The encoding of SSH (RFC 4251 section 5): numbers and strings with their length.
 *
 * Plain C, all inline. After reading past its end a reader stays broken and returns empty strings,
 * so it is enough to check once, at the end.
 */
#ifndef VAULT_PKI_SSH_WIRE_H
#define VAULT_PKI_SSH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct WireString
{
	const unsigned char *data;
	size_t size;
} WireString;

typedef struct WireReader
{
	const unsigned char *at;
	size_t left;
	bool broken;
} WireReader;

static inline WireString
wire_bytes(WireReader *reader, size_t size)
{
	WireString string = {reader->at, size};

	if (reader->broken || size > reader->left)
	{
		reader->broken = true;
		string.size = 0;
		return string;
	}
	reader->at += size;
	reader->left -= size;
	return string;
}

static inline uint32_t
wire_number(WireReader *reader)
{
	WireString string = wire_bytes(reader, 4);

	if (string.size != 4)
		return 0;
	return (uint32_t) string.data[0] << 24 | (uint32_t) string.data[1] << 16 |
		(uint32_t) string.data[2] << 8 | string.data[3];
}

static inline WireString
wire_string(WireReader *reader)
{
	return wire_bytes(reader, wire_number(reader));
}

static inline bool
wire_is(WireString string, const char *text)
{
	return string.size == strlen(text) && memcmp(string.data, text, string.size) == 0;
}

static inline bool
wire_same(WireString a, WireString b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* Writes without checks; the caller has ensured the room. */
typedef struct WireWriter
{
	unsigned char *at;
} WireWriter;

static inline void
wire_put(WireWriter *writer, const void *data, size_t size)
{
	memcpy(writer->at, data, size);
	writer->at += size;
}

static inline void
wire_put_number(WireWriter *writer, uint32_t number)
{
	unsigned char bytes[4] = {number >> 24, number >> 16, number >> 8, number};

	wire_put(writer, bytes, 4);
}

static inline void
wire_put_string(WireWriter *writer, const void *data, size_t size)
{
	wire_put_number(writer, (uint32_t) size);
	wire_put(writer, data, size);
}

#endif

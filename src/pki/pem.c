/*
 * pem.c
 *		Parses and writes PEM; pem.h has the contract.
 *
 * Private keys are handled here, so everything that is allocated is wiped before it is freed.
 */
#include "pki/pem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/primitives.h"

#define DASHES "-----"
#define BEGIN  "-----BEGIN "
#define END    "-----END "

static const char *const no_memory = "there is no memory to read it";

void
pki_text_free(PkiText *text)
{
	if (text->data)
		secret_wipe(text->data, text->size);
	free(text->data);
	memset(text, 0, sizeof(*text));
}

void
pem_block_free(PemBlock *block)
{
	pki_text_free(&block->body);
}

static const char *
pem_find(const char *from, const char *end, const char *wanted)
{
	size_t length = strlen(wanted);

	for (; (size_t) (end - from) >= length; from++)
	{
		from = memchr(from, wanted[0], end - from);
		if (from == NULL || (size_t) (end - from) < length)
			return NULL;
		if (memcmp(from, wanted, length) == 0)
			return from;
	}
	return NULL;
}

static bool
pem_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

static bool
ends_line(char c)
{
	return c == '\n' || c == '\r';
}

/* ---- the text ---- */

/* Return the offset of the low bytes if the text is UTF-16, two bytes a character, else -1. */
static int
low_bytes_of_utf16(const unsigned char *text, size_t size)
{
	if (size < 2 || size % 2 != 0)
		return -1;
	if ((text[0] == 0xff && text[1] == 0xfe) || (text[0] != 0 && text[1] == 0))
		return 0;
	if ((text[0] == 0xfe && text[1] == 0xff) || (text[0] == 0 && text[1] != 0))
		return 1;
	return -1;
}

bool
pem_open(PemReader *reader, const void *text, size_t size)
{
	const unsigned char *bytes = text;
	int low = low_bytes_of_utf16(bytes, size);

	memset(reader, 0, sizeof(*reader));
	reader->at = text;
	reader->end = reader->at + size;
	if (low < 0)
		return true;
	reader->converted.data = malloc(size / 2 + 1);
	if (reader->converted.data == NULL)
		return false;
	reader->converted.size = size / 2;
	reader->converted.data[size / 2] = '\0';
	for (size_t i = 0; i < size; i += 2) /* a block is ASCII, so other characters become blanks */
		reader->converted.data[i / 2] =
			bytes[i + 1 - low] == 0 && bytes[i + low] < 0x80 ? (char) bytes[i + low] : ' ';
	reader->at = reader->converted.data;
	reader->end = reader->at + reader->converted.size;
	return true;
}

void
pem_close(PemReader *reader)
{
	pki_text_free(&reader->converted);
}

bool
pem_has_word(const PemReader *reader, const char *word)
{
	return pem_find(reader->at, reader->end, word) != NULL;
}

bool
pem_has_block(const PemReader *reader)
{
	return pem_has_word(reader, BEGIN);
}

/* ---- blocks ---- */

/* Return true if only white space, a byte order mark or another block precedes it on its line. */
static bool
begins_line(const char *text, const char *at)
{
	while (at > text)
	{
		at--;
		if (ends_line(*at))
			return true;
		if (at - text >= 2 && memcmp(at - 2, "\xef\xbb\xbf", 3) == 0)
			at -= 2;
		else if (!pem_is_blank(*at))
			return false;
	}
	return true;
}

/* Return the end of the line, or of the text. */
static const char *
line_end(const char *at, const char *end)
{
	while (at < end && !ends_line(*at))
		at++;
	return at;
}

/*
 * Return true if there is a line that people would take for the beginning of a block, with other
 * dashes or with none.
 */
static bool
has_lost_begin(const char *from, const char *end)
{
	for (const char *at = from; (at = pem_find(at, end, "BEGIN ")) != NULL; at++)
	{
		const char *rest = line_end(at, end);

		if (pem_find(at, rest, "PRIVATE KEY") || pem_find(at, rest, "CERTIFICATE"))
			return true;
	}
	return pem_find(from, end, "--BEGIN ") || pem_find(from, end, "-- BEGIN ");
}

/* Refuse skipped text with a line of a block that lacks a dash or its other half. */
static const char *
check_between(const char *from, const char *end)
{
	if (has_lost_begin(from, end))
		return "a BEGIN line of PEM is malformed";
	if (pem_find(from, end, END))
		return "an END line of PEM has no BEGIN line before it";
	if (pem_find(from, end, "--END ") || pem_find(from, end, "-- END "))
		return "an END line of PEM is malformed";
	return NULL;
}

/* Read the label up to its dashes. Returns the position after them, or NULL. */
static const char *
pem_read_label(const char *at, const char *end, char label[PEM_MAX_LABEL + 1])
{
	size_t length = 0;

	while (at < end && length < PEM_MAX_LABEL && *at >= ' ' && *at <= '~' && *at != '-')
		label[length++] = *at++;
	label[length] = '\0';
	if (length == 0 || end - at < 5 || memcmp(at, DASHES, 5) != 0)
		return NULL;
	return at + 5;
}

/* Read NAME,HEX of DEK-Info. */
static bool
read_cipher(const char *at, const char *end, PemBlock *block)
{
	size_t length = 0;

	while (at < end && *at == ' ')
		at++;
	while (at < end && *at != ',' && length < PEM_MAX_CIPHER)
		block->cipher[length++] = *at++;
	block->cipher[length] = '\0';
	if (at == end || *at++ != ',')
		return false;
	for (; end - at >= 2 && block->iv_size < PEM_MAX_IV; at += 2)
	{
		char byte[3] = {at[0], at[1], '\0'};
		char *behind;

		block->iv[block->iv_size++] = (unsigned char) strtoul(byte, &behind, 16);
		if (*behind != '\0')
			break;
	}
	while (at < end && pem_is_blank(*at))
		at++;
	return at == end;
}

/*
 * Read the lines with a colon, if there are any, and their continuation lines, which begin with a
 * blank.
 */
static const char *
read_headers(PemBlock *block)
{
	static const char type[] = "Proc-Type:";
	static const char info[] = "DEK-Info:";
	bool in_header = false;

	for (const char *at = block->from; at < block->end; at++)
	{
		const char *end = line_end(at, block->end);
		size_t size = end - at;

		if (size > 0 && memchr(at, ':', size) == NULL && !(in_header && pem_is_blank(*at)))
			break;
		in_header = size > 0;
		if (size >= strlen(type) && memcmp(at, type, strlen(type)) == 0)
			block->is_encrypted = pem_find(at, end, "ENCRYPTED") != NULL;
		if (size >= strlen(info) && memcmp(at, info, strlen(info)) == 0 &&
			!read_cipher(at + strlen(info), end, block))
			return "the DEK-Info of a PEM block is malformed";
		at = end;
		block->from = end;
	}
	return NULL;
}

const char *
pem_next(PemReader *reader, PemBlock *block)
{
	const char *begin = pem_find(reader->at, reader->end, BEGIN);
	char closing[PEM_MAX_LABEL + 1];
	const char *fault = check_between(reader->at, begin ? begin : reader->end);
	const char *behind;

	memset(block, 0, sizeof(*block));
	if (fault || begin == NULL)
		return fault;
	if (!begins_line(reader->at, begin))
		return "a PEM block does not begin with a BEGIN line of its own";
	block->from = pem_read_label(begin + strlen(BEGIN), reader->end, block->label);
	if (block->from == NULL)
		return "a BEGIN line of PEM is malformed";
	block->end = pem_find(block->from, reader->end, DASHES);
	if (block->end == NULL || pem_find(block->end, reader->end, END) != block->end)
		return "a PEM block has no END line";
	behind = pem_read_label(block->end + strlen(END), reader->end, closing);
	if (behind == NULL || strcmp(closing, block->label) != 0)
		return "the END line of a PEM block is not that of its beginning";
	reader->at = behind;
	return read_headers(block);
}

/* Decode base64, with white space anywhere. */
const char *
pem_decode(PemBlock *block)
{
	size_t capacity = block->end - block->from;
	char *packed = malloc(capacity + 1);
	size_t count = 0;
	CryptoStatus status = CRYPTO_ERR_INTERNAL;

	block->body.data = malloc(capacity + 1);
	if (packed && block->body.data)
	{
		for (const char *at = block->from; at < block->end; at++)
			if (!pem_is_blank(*at))
				packed[count++] = *at;
		status = count == 0 ? CRYPTO_ERR_FORMAT
							: base64_decode(BASE64_STANDARD, packed, count, block->body.data,
											capacity, &block->body.size);
		secret_wipe(packed, count);
	}
	free(packed);
	if (status == CRYPTO_OK && block->body.size > 0)
	{
		block->body.data[block->body.size] = '\0';
		return NULL;
	}
	free(block->body.data);
	memset(&block->body, 0, sizeof(block->body));
	if (status == CRYPTO_ERR_INTERNAL)
		return no_memory;
	return pem_find(block->from, block->end, "\\n")
		? "its lines end with a backslash and the letter n: give line feeds"
		: "a PEM block is not whole base64";
}

bool
pem_write(const char *label, const void *body, size_t size, size_t line, PkiText *out)
{
	size_t encoded = base64_size(size);
	size_t capacity = encoded + encoded / line + 2 * strlen(label) + 64;
	char *packed = malloc(encoded + 1);
	char *at;

	out->size = 0;
	out->data = malloc(capacity);
	if (packed == NULL || out->data == NULL)
	{
		free(packed);
		free(out->data);
		out->data = NULL;
		return false;
	}
	base64_encode(BASE64_STANDARD, body, size, packed);
	at = out->data;
	at += snprintf(at, capacity, BEGIN "%s" DASHES "\n", label);
	for (size_t done = 0; done < encoded; done += line)
	{
		size_t part = encoded - done < line ? encoded - done : line;

		memcpy(at, packed + done, part);
		at += part;
		*at++ = '\n';
	}
	at += snprintf(at, capacity - (at - out->data), END "%s" DASHES "\n", label);
	out->size = at - out->data;
	secret_wipe(packed, encoded);
	free(packed);
	return true;
}

/*
 * pem.c
 *		PEM; pem.h has the contract.
 *
 * Private keys pass here, so everything that is allocated is wiped before it is freed.
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
find(const char *from, const char *end, const char *wanted)
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
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
all_blank(const char *from, const char *end)
{
	while (from < end && is_blank(*from))
		from++;
	return from == end;
}

bool
pem_looks_like(const void *text, size_t size)
{
	return find(text, (const char *) text + size, BEGIN) != NULL;
}

/* The label up to its dashes, at the end of a line; NULL, or behind that line. */
static const char *
read_label(const char *at, const char *end, char label[PEM_MAX_LABEL + 1])
{
	size_t length = 0;

	while (at < end && length < PEM_MAX_LABEL &&
		   ((*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') || *at == ' '))
		label[length++] = *at++;
	label[length] = '\0';
	if (length == 0 || end - at < 5 || memcmp(at, DASHES, 5) != 0)
		return NULL;
	at += 5;
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
		at++;
	return at == end || *at == '\n' ? at : NULL;
}

/* base64, white space anywhere. */
static const char *
decode_body(const char *from, const char *end, PkiText *body)
{
	size_t capacity = end - from;
	char *packed = malloc(capacity + 1);
	size_t count = 0;
	CryptoStatus status = CRYPTO_ERR_INTERNAL;

	body->data = malloc(capacity + 1);
	if (packed && body->data)
	{
		for (; from < end; from++)
			if (!is_blank(*from))
				packed[count++] = *from;
		status = base64_decode(BASE64_STANDARD, packed, count, body->data, capacity, &body->size);
		secret_wipe(packed, count);
	}
	free(packed);
	if (status != CRYPTO_OK || body->size == 0)
	{
		free(body->data);
		memset(body, 0, sizeof(*body));
		return status == CRYPTO_ERR_INTERNAL ? no_memory : "a PEM block is not whole base64";
	}
	body->data[body->size] = '\0';
	return NULL;
}

static const char *
copy_block(const char *from, const char *end, PkiText *body)
{
	body->data = malloc(end - from + 1);
	if (body->data == NULL)
		return no_memory;
	body->size = end - from;
	memcpy(body->data, from, body->size);
	body->data[body->size] = '\0';
	return NULL;
}

const char *
pem_next(PemReader *reader, PemBlock *block)
{
	const char *begin = find(reader->at, reader->end, DASHES);
	char closing[PEM_MAX_LABEL + 1];
	const char *body;
	const char *close;
	const char *behind;

	memset(block, 0, sizeof(*block));
	if (begin == NULL)
		return all_blank(reader->at, reader->end) ? NULL : "something follows its last PEM block";
	if (find(begin, reader->end, BEGIN) != begin || (begin > reader->at && begin[-1] != '\n'))
		return "a PEM block does not begin with a BEGIN line";
	body = read_label(begin + strlen(BEGIN), reader->end, block->label);
	if (body == NULL)
		return "a BEGIN line of PEM is malformed";
	close = find(body, reader->end, DASHES);
	if (close == NULL || find(close, reader->end, END) != close)
		return "a PEM block has no END line";
	behind = read_label(close + strlen(END), reader->end, closing);
	if (behind == NULL || close[-1] != '\n' || strcmp(closing, block->label) != 0)
		return "the END line of a PEM block is not that of its beginning";

	reader->at = behind;
	block->has_headers = memchr(body, ':', close - body) != NULL;
	if (block->has_headers)
		return copy_block(begin, behind, &block->body);
	return decode_body(body, close, &block->body);
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

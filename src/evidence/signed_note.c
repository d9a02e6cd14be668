/*
 * signed_note.c
 *		Makes, opens and parses signed notes. Every parser stays within its bounds and refuses what
 *		the writer would not have written.
 */
#include "evidence/signed_note.h"

#include <stdio.h>
#include <string.h>

#define ED25519_ALGORITHM 0x01
#define DASH              "\xe2\x80\x94 "
#define DASH_BYTES        (sizeof(DASH) - 1)
#define BLOB_BYTES        (SIGNED_NOTE_KEY_ID_BYTES + ED25519_SIGNATURE_BYTES)

static const char digits[] = "0123456789abcdef";

static CryptoStatus
key_id(const char *name, const unsigned char *public_key,
	   unsigned char id[SIGNED_NOTE_KEY_ID_BYTES])
{
	unsigned char text[SIGNED_NOTE_NAME_BYTES + 2 + ED25519_PUBLIC_BYTES];
	unsigned char hash[SHA256_BYTES];
	size_t size = strlen(name);
	CryptoStatus status;

	memcpy(text, name, size);
	text[size++] = '\n';
	text[size++] = ED25519_ALGORITHM;
	memcpy(text + size, public_key, ED25519_PUBLIC_BYTES);
	status = crypto_sha256(text, size + ED25519_PUBLIC_BYTES, hash);
	memcpy(id, hash, SIGNED_NOTE_KEY_ID_BYTES);
	return status;
}

/* Return true for printable ASCII without blanks and plus signs. */
static bool
is_name(const char *name, size_t size)
{
	if (size == 0 || size >= SIGNED_NOTE_NAME_BYTES)
		return false;
	for (size_t i = 0; i < size; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '+')
			return false;
	return true;
}

CryptoStatus
signed_note_key_make(const char *name, const unsigned char public_key[ED25519_PUBLIC_BYTES],
					 SignedNoteKey *key)
{
	if (!is_name(name, strlen(name)))
		return CRYPTO_ERR_FORMAT;
	memset(key, 0, sizeof(*key));
	memcpy(key->name, name, strlen(name));
	memcpy(key->public_key, public_key, ED25519_PUBLIC_BYTES);
	return key_id(name, public_key, key->id);
}

void
signed_note_key_write(const SignedNoteKey *key, char text[SIGNED_NOTE_KEY_TEXT_BYTES])
{
	unsigned char blob[1 + ED25519_PUBLIC_BYTES];
	char *out = text + sprintf(text, "%s+", key->name);

	for (int i = 0; i < SIGNED_NOTE_KEY_ID_BYTES; i++)
	{
		*out++ = digits[key->id[i] >> 4];
		*out++ = digits[key->id[i] & 15];
	}
	*out++ = '+';
	blob[0] = ED25519_ALGORITHM;
	memcpy(blob + 1, key->public_key, ED25519_PUBLIC_BYTES);
	base64_encode(BASE64_STANDARD, blob, sizeof(blob), out);
}

/* Ignore line feeds and blanks at the end, which files may have. */
static size_t
signed_note_trimmed(const char *text, size_t size)
{
	while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == ' '))
		size--;
	return size;
}

CryptoStatus
signed_note_key_read(const char *text, size_t size, SignedNoteKey *key)
{
	unsigned char blob[1 + ED25519_PUBLIC_BYTES];
	char name[SIGNED_NOTE_NAME_BYTES];
	char again[SIGNED_NOTE_KEY_TEXT_BYTES];
	const char *plus;
	size_t length;
	size_t blob_size;
	CryptoStatus status;

	size = signed_note_trimmed(text, size);
	plus = memchr(text, '+', size);
	if (plus == NULL || !is_name(text, (size_t) (plus - text)))
		return CRYPTO_ERR_FORMAT;
	length = (size_t) (plus - text);
	if (size < length + 2 * SIGNED_NOTE_KEY_ID_BYTES + 3 ||
		base64_decode(BASE64_STANDARD, plus + 2 * SIGNED_NOTE_KEY_ID_BYTES + 2,
					  size - length - 2 * SIGNED_NOTE_KEY_ID_BYTES - 2, blob, sizeof(blob),
					  &blob_size) != CRYPTO_OK ||
		blob_size != sizeof(blob) || blob[0] != ED25519_ALGORITHM)
		return CRYPTO_ERR_FORMAT;
	memcpy(name, text, length);
	name[length] = '\0';
	status = signed_note_key_make(name, blob + 1, key);
	if (status != CRYPTO_OK)
		return status;
	signed_note_key_write(key, again);
	return strlen(again) == size && memcmp(again, text, size) == 0 ? CRYPTO_OK : CRYPTO_ERR_FORMAT;
}

CryptoStatus
signed_note_sign(const char *text, size_t size, const SignedNoteKey *key, const SecretKey *seed,
				 char line[SIGNED_NOTE_SIGNATURE_LINE_BYTES])
{
	unsigned char blob[BLOB_BYTES];
	CryptoStatus status = ed25519_sign(seed, text, size, blob + SIGNED_NOTE_KEY_ID_BYTES);
	size_t at;

	if (status != CRYPTO_OK)
		return status;
	memcpy(blob, key->id, SIGNED_NOTE_KEY_ID_BYTES);
	at = (size_t) sprintf(line, "\n" DASH "%s ", key->name);
	at += base64_encode(BASE64_STANDARD, blob, sizeof(blob), line + at);
	strcpy(line + at, "\n");
	return CRYPTO_OK;
}

/* Find the end of the text: the last line feed that is followed by an empty line. */
static bool
find_signatures(const char *note, size_t size, size_t *text_size)
{
	for (size_t i = size; i >= 2; i--)
		if (note[i - 1] == '\n' && note[i - 2] == '\n')
		{
			*text_size = i - 1;
			return true;
		}
	return false;
}

/* Return true if this line is a signature of the key, and copy the signature. */
static bool
signature_of(const char *line, size_t size, const SignedNoteKey *key, unsigned char *signature)
{
	size_t name = strlen(key->name);
	unsigned char blob[BLOB_BYTES];
	size_t blob_size;

	if (size < DASH_BYTES + name + 1 || memcmp(line, DASH, DASH_BYTES) != 0 ||
		memcmp(line + DASH_BYTES, key->name, name) != 0 || line[DASH_BYTES + name] != ' ')
		return false;
	line += DASH_BYTES + name + 1;
	size -= DASH_BYTES + name + 1;
	if (base64_decode(BASE64_STANDARD, line, size, blob, sizeof(blob), &blob_size) != CRYPTO_OK ||
		blob_size != sizeof(blob) || memcmp(blob, key->id, SIGNED_NOTE_KEY_ID_BYTES) != 0)
		return false;
	memcpy(signature, blob + SIGNED_NOTE_KEY_ID_BYTES, ED25519_SIGNATURE_BYTES);
	return true;
}

CryptoStatus
signed_note_open(const char *note, size_t size, const SignedNoteKey *key, size_t *text_size)
{
	unsigned char signature[ED25519_SIGNATURE_BYTES];
	size_t at;

	if (size > SIGNED_NOTE_MAX_BYTES)
		return CRYPTO_ERR_FORMAT;
	size = signed_note_trimmed(note, size);
	if (!find_signatures(note, size, text_size))
		return CRYPTO_ERR_FORMAT;
	for (at = *text_size + 1; at < size;)
	{
		const char *end = memchr(note + at, '\n', size - at);
		size_t length = end ? (size_t) (end - note) - at : size - at;

		if (signature_of(note + at, length, key, signature))
			return ed25519_verify(key->public_key, note, *text_size, signature, sizeof(signature));
		at += length + 1;
	}
	return CRYPTO_ERR_FORMAT;
}

size_t
parse_number(const char *text, size_t size, int64_t *number)
{
	size_t i;

	*number = 0;
	for (i = 0; i < size && text[i] >= '0' && text[i] <= '9'; i++)
	{
		int digit = text[i] - '0';

		if (*number > (INT64_MAX - digit) / 10 || (i == 1 && text[0] == '0'))
			return 0;
		*number = *number * 10 + digit;
	}
	return i;
}

/* Return the n-th line (from 0), without its line feed. */
static const char *
line_at(const char *text, size_t size, int number, size_t *length)
{
	size_t at = 0;

	for (;;)
	{
		const char *end = at < size ? memchr(text + at, '\n', size - at) : NULL;

		if (end == NULL)
			return NULL;
		*length = (size_t) (end - text) - at;
		if (number-- == 0)
			return text + at;
		at += *length + 1;
	}
}

CryptoStatus
signed_note_time(const char *text, size_t size, char time[32])
{
	size_t length = 0;
	const char *line = line_at(text, size, 1, &length);

	if (line == NULL || length == 0 || length >= 32)
		return CRYPTO_ERR_FORMAT;
	for (size_t i = 0; i < length; i++)
		if (line[i] == '\0' || strchr("0123456789-:.TZ", line[i]) == NULL)
			return CRYPTO_ERR_FORMAT;
	memcpy(time, line, length);
	time[length] = '\0';
	return CRYPTO_OK;
}

static bool
parse_head(const char *line, size_t size, SignedNote *head)
{
	const char *end = line + size;
	size_t used;
	size_t hash_size;

	if (size < SIGNED_NOTE_TENANT_BYTES + 1 || line[SIGNED_NOTE_TENANT_BYTES] != ' ')
		return false;
	for (int i = 0; i < SIGNED_NOTE_TENANT_BYTES; i++)
		if (line[i] == '\0' || strchr("0123456789abcdef-", line[i]) == NULL)
			return false;
	memcpy(head->tenant, line, SIGNED_NOTE_TENANT_BYTES);
	head->tenant[SIGNED_NOTE_TENANT_BYTES] = '\0';
	line += SIGNED_NOTE_TENANT_BYTES + 1;
	used = parse_number(line, (size_t) (end - line), &head->seal);
	if (used == 0 || line + used >= end || line[used] != ' ')
		return false;
	line += used + 1;
	used = parse_number(line, (size_t) (end - line), &head->rows);
	if (used == 0 || line + used >= end || line[used] != ' ')
		return false;
	line += used + 1;
	return base64_decode(BASE64_STANDARD, line, (size_t) (end - line), head->hash, SHA256_BYTES,
						 &hash_size) == CRYPTO_OK &&
		hash_size == SHA256_BYTES;
}

bool
signed_note_next(const char *text, size_t size, size_t *at, SignedNote *head, CryptoStatus *status)
{
	const char *end;

	*status = CRYPTO_OK;
	for (int skip = *at == 0 ? 2 : 0; skip > 0; skip--)
	{
		end = *at < size ? memchr(text + *at, '\n', size - *at) : NULL;
		*at = end ? (size_t) (end - text) + 1 : size;
	}
	if (*at >= size)
		return false;
	end = memchr(text + *at, '\n', size - *at);
	if (end == NULL || !parse_head(text + *at, (size_t) (end - text) - *at, head))
	{
		*status = CRYPTO_ERR_FORMAT;
		return false;
	}
	*at = (size_t) (end - text) + 1;
	return true;
}

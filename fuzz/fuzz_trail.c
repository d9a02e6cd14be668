/*
 * fuzz_trail.c
 *		Reading stays in bounds for any exported trail, checkpoint and key, and
 *		ends; signed_note_key_read accepts only the output of signed_note_key_write.
 */
#include "evidence/offline/check.h"

#include "fuzz.h"

static void
ignore(void *state, CheckLevel level, const char *tenant, const char *text)
{
	(void) state;
	(void) level;
	MUST(tenant != NULL && text != NULL);
}

static void
read_trail(const uint8_t *data, size_t size)
{
	CheckAgainst against = {.is_partial = size % 2 == 1};
	Check *check = check_new(&against, ignore, NULL);

	MUST(check != NULL);
	while (size > 0)
	{
		const uint8_t *end = memchr(data, '\n', size);
		size_t length = end ? (size_t) (end - data) : size;
		char *line = exact_copy(data, length);

		check_line(check, line, length);
		free(line);
		length += end != NULL;
		data += length;
		size -= length;
	}
	(void) check_end(check);
	check_free(check);
}

static void
read_note(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);
	char time[32];
	char again[SIGNED_NOTE_KEY_TEXT_BYTES];
	size_t at = 0;
	size_t text_size;
	SignedNoteKey key;
	SignedNote head;
	CryptoStatus status;

	memset(&key, 0, sizeof(key));
	if (signed_note_key_read(text, size, &key) == CRYPTO_OK)
	{
		signed_note_key_write(&key, again);
		MUST(strlen(again) <= size && memcmp(again, text, strlen(again)) == 0);
	}
	strcpy(key.name, "vault");
	(void) signed_note_open(text, size, &key, &text_size);
	(void) signed_note_time(text, size, time);
	while (signed_note_next(text, size, &at, &head, &status))
		;
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_trail(data, size);
	read_note(data, size);
	return 0;
}

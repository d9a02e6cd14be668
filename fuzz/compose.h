/*
 * compose.h
 *		Text from fuzz input: bytes below the number of fragments stand for one
 *		each, the next one announces a byte as it is.  What is longer than the room is cut.
 */
#ifndef VAULT_FUZZ_COMPOSE_H
#define VAULT_FUZZ_COMPOSE_H

#include "fuzz.h"

static inline size_t
compose(Input *input, const char *const *fragments, size_t count, char *out, size_t capacity)
{
	size_t size = 0;

	while (input->size > 0)
	{
		size_t which = take_byte(input) % (count + 1);
		char raw[2] = {which == count ? (char) take_byte(input) : '\0', '\0'};
		const char *text = which == count ? raw : fragments[which];
		size_t length = which == count ? 1 : strlen(text);

		if (size + length > capacity)
			break;
		memcpy(out + size, text, length);
		size += length;
	}
	return size;
}

#endif

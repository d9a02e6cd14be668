/*
 * fuzz.h
 *		Shared by the fuzz targets: the entry point, a property that must hold,
 *		and a reader that takes the input apart.
 */
#ifndef VAULT_FUZZ_H
#define VAULT_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                             \
	do                                                                              \
	{                                                                               \
		if (!(condition))                                                           \
		{                                                                           \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                           \
	} while (0)

/* Return the rest of the input. */
typedef struct Input
{
	const uint8_t *data;
	size_t size;
} Input;

/* The next byte; 0 when there is none. */
static inline uint8_t
take_byte(Input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

/* Up to size bytes into out; what is missing is zero. */
static inline void
take_bytes(Input *input, void *out, size_t size)
{
	size_t given = size < input->size ? size : input->size;

	memset(out, 0, size);
	if (given > 0)
		memcpy(out, input->data, given);
	input->data += given;
	input->size -= given;
}

/* A copy in memory of exactly this size, so that reading beyond it is seen. */
static inline void *
exact_copy(const void *data, size_t size)
{
	void *copy = malloc(size > 0 ? size : 1);

	MUST(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

static inline bool
all_zero(const void *memory, size_t size)
{
	const unsigned char *bytes = memory;
	unsigned char seen = 0;

	for (size_t i = 0; i < size; i++)
		seen |= bytes[i];
	return seen == 0;
}

#endif

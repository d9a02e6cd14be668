/*
 * harness.h
 *		Shared by the unit programs: checks that count, and a generator of
 *		pseudo-random numbers that gives the same cases in every run.
 *
 * A program calls CHECK() for each property and ends with "return finish(...)".
 * Each check that fails prints one line; the rest is silent.
 */
#ifndef VAULT_TEST_HARNESS_H
#define VAULT_TEST_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long checks_passed;
static unsigned long checks_failed;
static uint64_t random_state = 0x9e3779b97f4a7c15u;

#define CHECK(condition, ...)                              \
	do                                                     \
	{                                                      \
		if (condition)                                     \
			checks_passed++;                               \
		else                                               \
		{                                                  \
			checks_failed++;                               \
			printf("%s:%d: failed: ", __FILE__, __LINE__); \
			printf(__VA_ARGS__);                           \
			printf("\n");                                  \
		}                                                  \
	} while (0)

/* Below limit, from xorshift64*; not for anything secret. */
static inline uint32_t
pick(uint32_t limit)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t) ((random_state * 0x2545f4914f6cdd1du) >> 32) % limit;
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

/* Never NULL; room for zero bytes is one byte. */
static inline void *
room(size_t size)
{
	void *memory = malloc(size > 0 ? size : 1);

	if (memory == NULL)
		abort();
	return memory;
}

/* The bytes of a string of lower-case hex digits; returns their number. */
static inline size_t
from_hex(const char *hex, unsigned char *out)
{
	size_t size = strlen(hex) / 2;

	for (size_t i = 0; i < size; i++)
	{
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			abort();
		out[i] = (unsigned char) byte;
	}
	return size;
}

static inline int
finish(const char *name)
{
	printf("%s: %lu passed, %lu failed\n", name, checks_passed, checks_failed);
	return checks_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif

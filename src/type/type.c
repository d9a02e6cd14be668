/*
 * type.c
 *		The list of built-in types, and memory for parts of values.
 */
#include "type/type.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/primitives.h"

#define MAX_TYPES 32

static const ValueType *registered[MAX_TYPES];
static int count = 0;

void
type_register(const ValueType *type)
{
	if (count == MAX_TYPES || type_find(type->name) != NULL)
		abort();
	registered[count++] = type;
}

const ValueType *
type_at(int number)
{
	return number < count ? registered[number] : NULL;
}

const ValueType *
type_find(const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(registered[i]->name, name) == 0)
			return registered[i];
	return NULL;
}

char *
value_copy(const void *value, size_t size)
{
	char *copy = malloc(size + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, value, size);
	copy[size] = '\0';
	return copy;
}

void
value_free(char *value)
{
	if (value == NULL)
		return;
	secret_wipe(value, malloc_usable_size(value));
	free(value);
}

void
type_facts_free(TypeFacts *facts)
{
	value_free(facts->normal);
	value_free(facts->metadata);
	memset(facts, 0, sizeof(*facts));
}

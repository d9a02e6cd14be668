/*
 * text.c
 *		Text that grows without leaving copies behind.
 */
#include "type/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "type/type.h"

static bool
text_make_room(Text *text, size_t size)
{
	size_t capacity = text->capacity > 0 ? text->capacity : 128;
	char *grown;

	while (capacity < text->size + size + 1)
		capacity *= 2;
	if (capacity == text->capacity)
		return true;
	grown = malloc(capacity);
	if (grown == NULL)
		return false;
	if (text->size > 0)
		memcpy(grown, text->bytes, text->size);
	value_free(text->bytes);
	text->bytes = grown;
	text->capacity = capacity;
	return true;
}

void
text_add(Text *text, const void *bytes, size_t size)
{
	text->failed = text->failed || !text_make_room(text, size);
	if (text->failed || size == 0)
		return;
	memcpy(text->bytes + text->size, bytes, size);
	text->size += size;
}

void
text_add_string(Text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void
text_add_number(Text *text, int64_t number)
{
	char digits[32];

	text_add(text, digits, snprintf(digits, sizeof(digits), "%lld", (long long) number));
}

void
text_add_json(Text *text, const char *string)
{
	char escape[8];

	text_add(text, "\"", 1);
	for (const char *p = string; *p; p++)
	{
		if (*p == '"' || *p == '\\')
			text_add(text, "\\", 1);
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			text_add(text, escape, snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char) *p));
		else
			text_add(text, p, 1);
	}
	text_add(text, "\"", 1);
}

void
text_add_name(Text *text, const char *name)
{
	if (text->size > 0 && text->bytes[text->size - 1] != '{')
		text_add(text, ", ", 2);
	text_add_json(text, name);
	text_add(text, ": ", 2);
}

void
text_add_member(Text *text, const char *name, const char *string)
{
	text_add_name(text, name);
	text_add_json(text, string);
}

char *
text_take(Text *text, size_t *size)
{
	char *bytes = NULL;

	if (!text->failed && text_make_room(text, 0))
	{
		bytes = text->bytes;
		bytes[text->size] = '\0';
		if (size)
			*size = text->size;
		memset(text, 0, sizeof(*text));
	}
	else
		text_free(text);
	return bytes;
}

void
text_free(Text *text)
{
	value_free(text->bytes);
	memset(text, 0, sizeof(*text));
}

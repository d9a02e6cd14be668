/*
 * strict_json.c
 *		Makes the checks that libjansson leaves to its caller.
 */
#include "identity/strict_json.h"

#include <stdlib.h>
#include <string.h>

#define STRICT_JSON_TOKEN_BYTES 256

/* Count brackets outside of strings. Text that is not JSON may pass; the parser refuses it. */
static bool
nesting_is_bounded(const char *text, size_t size)
{
	int depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < size; i++)
	{
		char c = text[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if ((c == '{' || c == '[') && ++depth > STRICT_JSON_DEPTH)
			return false;
		else if ((c == '}' || c == ']') && --depth < 0)
			return true; /* the parser stops here too */
	}
	return true;
}

static StrictJsonFault
strict_json_load(const void *text, size_t size, size_t flags, json_t **object)
{
	json_error_t error;
	json_t *parsed;

	*object = NULL;
	if (!nesting_is_bounded(text, size))
		return STRICT_JSON_NESTING;
	parsed = json_loadb(text, size, JSON_REJECT_DUPLICATES | flags, &error);
	if (parsed == NULL)
		return json_error_code(&error) == json_error_duplicate_key ? STRICT_JSON_DUPLICATE
																   : STRICT_JSON_SYNTAX;
	if (!json_is_object(parsed))
	{
		json_decref(parsed);
		return STRICT_JSON_SYNTAX;
	}
	*object = parsed;
	return STRICT_JSON_OK;
}

StrictJsonFault
strict_json_parse(const void *text, size_t size, json_t **object)
{
	return strict_json_load(text, size, 0, object);
}

StrictJsonFault
strict_json_parse_numbers(const void *text, size_t size, json_t **object)
{
	return strict_json_load(text, size, JSON_DECODE_INT_AS_REAL, object);
}

bool
strict_json_is_printable(const char *text)
{
	const unsigned char *bytes = (const unsigned char *) text;

	for (; *bytes != 0; bytes++)
	{
		if (*bytes < ' ' || *bytes == 0x7f || (*bytes == 0xc2 && bytes[1] < 0xa0))
			return false;
	}
	return true;
}

bool
strict_json_has(const json_t *object, const char *name)
{
	return json_object_get(object, name) != NULL;
}

const char *
strict_json_string(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* Read one token of a pointer, after its "/". Returns NULL if it is malformed or too long. */
static const char *
read_token(const char *at, char token[STRICT_JSON_TOKEN_BYTES])
{
	size_t size = 0;

	for (; *at != '\0' && *at != '/'; at++)
	{
		char c = *at;

		if (c == '~')
		{
			at++;
			if (*at != '0' && *at != '1')
				return NULL;
			c = *at == '0' ? '~' : '/';
		}
		if (size + 1 >= STRICT_JSON_TOKEN_BYTES)
			return NULL;
		token[size++] = c;
	}
	token[size] = '\0';
	return at;
}

/* Return an element of an array. Its index has only digits, without leading zeros. */
static const json_t *
element_at(const json_t *array, const char *token)
{
	size_t size = strlen(token);

	if (size == 0 || size > 5 || strspn(token, "0123456789") != size ||
		(token[0] == '0' && size > 1))
		return NULL;
	return json_array_get(array, (size_t) atoi(token));
}

const json_t *
strict_json_at(const json_t *object, const char *pointer)
{
	char token[STRICT_JSON_TOKEN_BYTES];
	const json_t *value = object;

	if (*pointer != '/')
		return json_object_get(object, pointer);
	while (value != NULL && *pointer == '/')
	{
		pointer = read_token(pointer + 1, token);
		if (pointer == NULL)
			return NULL;
		value = json_is_array(value) ? element_at(value, token) : json_object_get(value, token);
	}
	return value;
}

bool
strict_json_pointer_is_valid(const char *pointer)
{
	char token[STRICT_JSON_TOKEN_BYTES];

	while (pointer != NULL && *pointer == '/')
		pointer = read_token(pointer + 1, token);
	return pointer != NULL;
}

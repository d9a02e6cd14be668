/*
 * strict_json.c
 *		libjansson behind the checks that it leaves to its caller.
 */
#include "identity/strict_json.h"

/* Brackets outside of strings.  What is no JSON may pass; the parser refuses it. */
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
			return true; /* the parser gets no further either */
	}
	return true;
}

StrictJsonFault
strict_json_parse(const void *text, size_t size, json_t **object)
{
	json_error_t error;
	json_t *parsed;

	*object = NULL;
	if (!nesting_is_bounded(text, size))
		return STRICT_JSON_NESTING;
	parsed = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
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

/*
 * text.h
 *		Text that grows without leaving copies behind, for values and their metadata.
 *
 * Plain C without server headers. After a failure to allocate, all calls are ignored and
 * text_take() returns NULL.
 */
#ifndef VAULT_TYPE_TEXT_H
#define VAULT_TYPE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Text
{
	char *bytes;
	size_t size;
	size_t capacity;
	bool failed;
} Text;

extern void text_add(Text *text, const void *bytes, size_t size);
extern void text_add_string(Text *text, const char *string);
extern void text_add_number(Text *text, int64_t number);

/* Add a string, which is UTF-8, in double quotes and escaped for JSON. */
extern void text_add_json(Text *text, const char *string);

/*
 * Add a member of an object that was begun with "{", with a comma before it unless it is the first.
 */
extern void text_add_name(Text *text, const char *name);
extern void text_add_member(Text *text, const char *name, const char *string);

/* Return the text written, with NUL behind it, for value_free(); the Text is empty again. */
extern char *text_take(Text *text, size_t *size);
extern void text_free(Text *text);

#endif

/*
 * text_cursor.h
 *		Parsing of a text from left to right.
 *
 * Plain C without server headers, all inline.  A function that takes something moves behind it.
 */
#ifndef VAULT_PLATFORM_TEXT_CURSOR_H
#define VAULT_PLATFORM_TEXT_CURSOR_H

#include <stdbool.h>

#include "platform/calendar.h"

/* The rest of the text. */
typedef struct TextCursor
{
	const char *text;
	const char *end;
} TextCursor;

static inline bool
cursor_ended(const TextCursor *rest)
{
	return rest->text == rest->end;
}

/* Return true if this character is the next one. */
static inline bool
cursor_is_at(const TextCursor *rest, char wanted)
{
	return rest->text < rest->end && *rest->text == wanted;
}

static inline bool
cursor_is_at_blank(const TextCursor *rest)
{
	return rest->text < rest->end && calendar_is_blank(*rest->text);
}

/* Take blanks.  Return true if there was one. */
static inline bool
cursor_take_blanks(TextCursor *rest)
{
	const char *before = rest->text;

	while (cursor_is_at_blank(rest))
		rest->text++;
	return rest->text > before;
}

/* Take this character.  Return false, and do not move, if another one is next. */
static inline bool
cursor_take(TextCursor *rest, char wanted)
{
	if (!cursor_is_at(rest, wanted))
		return false;
	rest->text++;
	return true;
}

/* Take one or two digits.  Return false if there are fewer than `least`. */
static inline bool
cursor_take_digits(TextCursor *rest, int least, int *number)
{
	int digits = 0;

	*number = 0;
	for (; digits < 2 && rest->text < rest->end && *rest->text >= '0' && *rest->text <= '9';
		 digits++)
		*number = *number * 10 + (*rest->text++ - '0');
	return digits >= least;
}

/* Count the letters that follow. */
static inline size_t
cursor_letters(const TextCursor *rest)
{
	return calendar_letters(rest->text, rest->end);
}

#endif

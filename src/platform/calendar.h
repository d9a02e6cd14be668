/*
 * calendar.h
 *		Names of days, months and time zones as people write them: in any case, days and months as
 *		their first three letters or in full.
 *
 * Plain C without server headers, all inline.
 */
#ifndef VAULT_PLATFORM_CALENDAR_H
#define VAULT_PLATFORM_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define CALENDAR_DAYS   7
#define CALENDAR_MONTHS 12

#define CALENDAR_ZONE_FAULT "its time zone is not valid: it is UTC or a name such as Europe/Berlin"

static const char *const calendar_days[CALENDAR_DAYS] = {"sunday",    "monday",   "tuesday",
														 "wednesday", "thursday", "friday",
														 "saturday"};

static const char *const calendar_months[CALENDAR_MONTHS] = {"january", "february", "march",
															 "april",   "may",      "june",
															 "july",    "august",   "september",
															 "october", "november", "december"};

static inline bool
calendar_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Move both ends inwards over blanks. */
static inline void
calendar_trim(const char **text, const char **end)
{
	while (*text < *end && calendar_is_blank(**text))
		(*text)++;
	while (*text < *end && calendar_is_blank((*end)[-1]))
		(*end)--;
}

/* Count the letters at this place. */
static inline size_t
calendar_letters(const char *text, const char *end)
{
	size_t count = 0;

	while (text + count < end && ((text[count] | 0x20) >= 'a' && (text[count] | 0x20) <= 'z'))
		count++;
	return count;
}

/* Return true if the letters are this word. */
static inline bool
calendar_is_word(const char *text, size_t letters, const char *word)
{
	return letters == strlen(word) && strncasecmp(text, word, letters) == 0;
}

/* Return the number of the name that the letters are, from 0, or -1. */
static inline int
calendar_name(const char *text, size_t letters, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (calendar_is_word(text, letters, names[i]) ||
			(letters == 3 && strncasecmp(text, names[i], 3) == 0))
			return i;
	return -1;
}

/*
 * Copy a name that has the form of a zone, with a NUL: "UTC" in any case, or one with a slash. The
 * server also accepts rules for zones, and ambiguous abbreviations; those have another form.
 */
static inline bool
calendar_zone(const char *text, const char *end, char *zone, size_t room)
{
	size_t size = end - text;

	if (size == 0 || size >= room || *text == '/')
		return false;
	for (const char *at = text; at < end; at++)
		if (!((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z') && !(*at >= '0' && *at <= '9') &&
			*at != '_' && *at != '+' && *at != '-' && *at != '/')
			return false;
	memset(zone, 0, room);
	if (calendar_is_word(text, size, "utc"))
		memcpy(zone, "UTC", 3);
	else if (memchr(text, '/', size) != NULL)
		memcpy(zone, text, size);
	return zone[0] != '\0';
}

#endif

/*
 * window.c
 *		Parsing, printing and judging time windows.
 */
#include "policy/window.h"

#include <stdio.h>
#include <string.h>

#define EVERY_DAY 0x7f

static const char *const day_names[7] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/* What is left of the text. */
typedef struct Rest
{
	const char *text;
	size_t		size;
} Rest;

static void
skip(Rest *rest, size_t size)
{
	rest->text += size;
	rest->size -= size;
}

static bool
take(Rest *rest, const char *word)
{
	size_t		size = strlen(word);

	if (rest->size < size || memcmp(rest->text, word, size) != 0)
		return false;
	skip(rest, size);
	return true;
}

static bool
take_spaces(Rest *rest)
{
	size_t		before = rest->size;

	while (rest->size > 0 && rest->text[0] == ' ')
		skip(rest, 1);
	return rest->size < before;
}

/* -1 if none follows. */
static int
take_day(Rest *rest)
{
	for (int day = 0; day < 7; day++)
		if (take(rest, day_names[day]))
			return day;
	return -1;
}

static bool
take_day_range(Rest *rest, unsigned char *days)
{
	int			first = take_day(rest);
	int			last = first;

	if (first < 0)
		return false;
	if (take(rest, "-") && (last = take_day(rest)) < 0)
		return false;
	for (int day = first;; day = (day + 1) % 7)
	{
		*days |= 1 << day;
		if (day == last)
			return true;
	}
}

static bool
take_days(Rest *rest, unsigned char *days)
{
	*days = 0;
	if (take(rest, "daily"))
	{
		*days = EVERY_DAY;
		return true;
	}
	do
	{
		if (!take_day_range(rest, days))
			return false;
	} while (take(rest, ","));
	return true;
}

static bool
take_two_digits(Rest *rest, int *number)
{
	if (rest->size < 2 || rest->text[0] < '0' || rest->text[0] > '9' ||
		rest->text[1] < '0' || rest->text[1] > '9')
		return false;
	*number = (rest->text[0] - '0') * 10 + (rest->text[1] - '0');
	skip(rest, 2);
	return true;
}

/* HH:MM, 00:00 to 24:00. */
static bool
take_time(Rest *rest, short *minutes)
{
	int			hour;
	int			minute;

	if (!take_two_digits(rest, &hour) || !take(rest, ":") || !take_two_digits(rest, &minute) ||
		minute > 59 || hour * 60 + minute > MINUTES_OF_DAY)
		return false;
	*minutes = hour * 60 + minute;
	return true;
}

static bool
is_zone_character(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		c == '_' || c == '+' || c == '-' || c == '/';
}

static bool
take_zone(Rest *rest, char zone[WINDOW_ZONE_BYTES])
{
	bool		is_utc = rest->size == 3 && memcmp(rest->text, "UTC", 3) == 0;

	if (rest->size == 0 || rest->size >= WINDOW_ZONE_BYTES || rest->text[0] == '/')
		return false;
	if (!is_utc && memchr(rest->text, '/', rest->size) == NULL)
		return false;
	for (size_t i = 0; i < rest->size; i++)
		if (!is_zone_character(rest->text[i]))
			return false;
	memset(zone, 0, WINDOW_ZONE_BYTES);
	memcpy(zone, rest->text, rest->size);
	skip(rest, rest->size);
	return true;
}

const char *
window_parse(const char *text, size_t size, Window *window)
{
	Rest		rest = {text, size};

	if (!take_days(&rest, &window->days) || !take_spaces(&rest))
		return "its days are not valid";
	if (!take_time(&rest, &window->from) || !take(&rest, "-") || !take_time(&rest, &window->to) ||
		!take_spaces(&rest))
		return "its times are not valid";
	if (window->from == window->to || window->from == MINUTES_OF_DAY)
		return "it is empty: it ends when it begins";
	if (!take_zone(&rest, window->zone))
		return "its time zone is not valid";
	return NULL;
}

/* Runs of three days and more as a range, from Monday on. */
static int
format_days(unsigned char days, char *text, size_t room)
{
	int			used = 0;

	if (days == EVERY_DAY)
		return snprintf(text, room, "daily");
	for (int i = 0; i < 7; i++)
	{
		int			run = 0;

		while (i + run < 7 && (days & (1 << ((i + run + 1) % 7))))
			run++;
		if (run == 0)
			continue;
		used += snprintf(text + used, room - used, "%s%s", used > 0 ? "," : "",
						 day_names[(i + 1) % 7]);
		if (run > 1)
			used += snprintf(text + used, room - used, "%s%s", run > 2 ? "-" : ",",
							 day_names[(i + run) % 7]);
		i += run - 1;
	}
	return used;
}

void
window_format(const Window *window, char text[WINDOW_TEXT_BYTES])
{
	int			used = format_days(window->days, text, WINDOW_TEXT_BYTES);

	snprintf(text + used, WINDOW_TEXT_BYTES - used, " %02d:%02d-%02d:%02d %s",
			 window->from / 60, window->from % 60, window->to / 60, window->to % 60, window->zone);
}

bool
window_holds(const Window *window, int weekday, int minute)
{
	bool		today = (window->days & (1 << weekday)) != 0;
	bool		yesterday = (window->days & (1 << ((weekday + 6) % 7))) != 0;

	if (window->from < window->to)
		return today && minute >= window->from && minute < window->to;
	return (today && minute >= window->from) || (yesterday && minute < window->to);
}

bool
windows_cover(const Window *outer, int count, const Window *inner)
{
	for (int moment = 0; moment < 7 * MINUTES_OF_DAY; moment++)
	{
		int			weekday = moment / MINUTES_OF_DAY;
		int			minute = moment % MINUTES_OF_DAY;
		bool		covered = !window_holds(inner, weekday, minute);

		for (int i = 0; !covered && i < count; i++)
			covered = strcmp(outer[i].zone, inner->zone) == 0 &&
				window_holds(&outer[i], weekday, minute);
		if (!covered)
			return false;
	}
	return true;
}

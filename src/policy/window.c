/*
 * window.c
 *		Parse, print and compare time windows.
 */
#include "policy/window.h"

#include <stdio.h>
#include <string.h>

#include "platform/calendar.h"
#include "platform/text_cursor.h"

#define EVERY_DAY 0x7f

/* Take a character, with or without blanks around it. */
static bool
take_amid_blanks(TextCursor *rest, char wanted)
{
	TextCursor before = *rest;

	(void) cursor_take_blanks(rest);
	if (!cursor_take(rest, wanted))
	{
		*rest = before;
		return false;
	}
	(void) cursor_take_blanks(rest);
	return true;
}

/* Take a day of the week; return -1 if none follows. */
static int
take_day(TextCursor *rest)
{
	size_t letters = cursor_letters(rest);
	int day = calendar_name(rest->text, letters, calendar_days, CALENDAR_DAYS);

	rest->text += letters;
	return day;
}

static bool
take_day_range(TextCursor *rest, unsigned char *days)
{
	int first = take_day(rest);
	int last = first;

	if (first < 0)
		return false;
	if (take_amid_blanks(rest, '-') && (last = take_day(rest)) < 0)
		return false;
	for (int day = first;; day = (day + 1) % 7)
	{
		*days |= 1 << day;
		if (day == last)
			return true;
	}
}

static bool
take_days(TextCursor *rest, unsigned char *days)
{
	size_t letters = cursor_letters(rest);

	*days = 0;
	if (calendar_is_word(rest->text, letters, "daily"))
	{
		rest->text += letters;
		*days = EVERY_DAY;
		return true;
	}
	do
	{
		if (!take_day_range(rest, days))
			return false;
	} while (take_amid_blanks(rest, ','));
	return true;
}

/* Take a time: H:MM or HH:MM, 00:00 to 24:00. */
static bool
window_take_time(TextCursor *rest, short *minutes)
{
	int hour;
	int minute;

	if (!cursor_take_digits(rest, 1, &hour) || !cursor_take(rest, ':') ||
		!cursor_take_digits(rest, 2, &minute) || minute > 59 || hour * 60 + minute > MINUTES_OF_DAY)
		return false;
	*minutes = hour * 60 + minute;
	return true;
}

const char *
window_parse(const char *text, size_t size, Window *window)
{
	TextCursor rest = {text, text + size};

	calendar_trim(&rest.text, &rest.end);
	if (!take_days(&rest, &window->days) || !cursor_take_blanks(&rest))
		return "its days are not valid: they are daily, or days such as mon-fri or sat,sun";
	if (!window_take_time(&rest, &window->from) || !take_amid_blanks(&rest, '-'))
		return "its times are not valid: it does not begin at a time such as 09:00";
	if (!window_take_time(&rest, &window->to) ||
		(!cursor_ended(&rest) && !cursor_take_blanks(&rest)))
		return "its times are not valid: it does not end at a time such as 17:00";
	if (window->from == window->to || window->from == MINUTES_OF_DAY)
		return "it is empty: it ends when it begins";
	if (cursor_ended(&rest))
		return "its time zone is missing: it is UTC or a name such as Europe/Berlin";
	return calendar_zone(rest.text, rest.end, window->zone, WINDOW_ZONE_BYTES)
		? NULL
		: CALENDAR_ZONE_FAULT;
}

/* Write the days. Runs of three days and more become a range, from Monday on. */
static int
format_days(unsigned char days, char *text, size_t room)
{
	int used = 0;

	if (days == EVERY_DAY)
		return snprintf(text, room, "daily");
	for (int i = 0; i < 7; i++)
	{
		int run = 0;

		while (i + run < 7 && (days & (1 << ((i + run + 1) % 7))))
			run++;
		if (run == 0)
			continue;
		used += snprintf(text + used, room - used, "%s%.3s", used > 0 ? "," : "",
						 calendar_days[(i + 1) % 7]);
		if (run > 1)
			used += snprintf(text + used, room - used, "%s%.3s", run > 2 ? "-" : ",",
							 calendar_days[(i + run) % 7]);
		i += run - 1;
	}
	return used;
}

void
window_format(const Window *window, char text[WINDOW_TEXT_BYTES])
{
	int used = format_days(window->days, text, WINDOW_TEXT_BYTES);

	snprintf(text + used, WINDOW_TEXT_BYTES - used, " %02d:%02d-%02d:%02d %s", window->from / 60,
			 window->from % 60, window->to / 60, window->to % 60, window->zone);
}

bool
window_holds(const Window *window, int weekday, int minute)
{
	bool today = (window->days & (1 << weekday)) != 0;
	bool yesterday = (window->days & (1 << ((weekday + 6) % 7))) != 0;

	if (window->from < window->to)
		return today && minute >= window->from && minute < window->to;
	return (today && minute >= window->from) || (yesterday && minute < window->to);
}

bool
windows_cover(const Window *outer, int count, const Window *inner)
{
	for (int moment = 0; moment < 7 * MINUTES_OF_DAY; moment++)
	{
		int weekday = moment / MINUTES_OF_DAY;
		int minute = moment % MINUTES_OF_DAY;
		bool covered = !window_holds(inner, weekday, minute);

		for (int i = 0; !covered && i < count; i++)
			covered =
				strcmp(outer[i].zone, inner->zone) == 0 && window_holds(&outer[i], weekday, minute);
		if (!covered)
			return false;
	}
	return true;
}

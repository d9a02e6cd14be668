/*
 * window.h
 *		Time windows: "mon-fri 09:00-17:00 Europe/Berlin".
 *
 * Plain C without server headers. Days are "daily", or days and ranges of days with commas between
 * them. Their names are full or have three letters, in any case; a range may go over the end of
 * the week. The window includes its begin and excludes its end; 24:00 is the end of a day. A
 * window that ends before it begins goes over midnight and belongs to the day on which it begins.
 *
 * A window holds whenever a wall clock in its zone shows a time in it. A time that a clock change
 * leaves out does not occur on that day, and one that a clock change repeats occurs twice.
 */
#ifndef VAULT_POLICY_WINDOW_H
#define VAULT_POLICY_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#define WINDOW_ZONE_BYTES 64
#define WINDOW_TEXT_BYTES 128
#define MINUTES_OF_DAY    (24 * 60)

typedef struct Window
{
	unsigned char days; /* bit 0: Sunday */
	short from;         /* begin, in minutes since midnight */
	short to;
	char zone[WINDOW_ZONE_BYTES];
} Window;

/*
 * Parse a window. Returns NULL if the text is valid, and otherwise a static phrase with the fault.
 * Only the form of the zone is checked: "UTC", or a name with a slash in it.
 */
extern const char *window_parse(const char *text, size_t size, Window *window);

/* Write the canonical form of this window. */
extern void window_format(const Window *window, char text[WINDOW_TEXT_BYTES]);

/* Return true if the window holds at this time. Weekday 0 is Sunday. */
extern bool window_holds(const Window *window, int weekday, int minute);

/* Return true if every time of inner is in one of the outer windows of the same zone. */
extern bool windows_cover(const Window *outer, int count, const Window *inner);

#endif

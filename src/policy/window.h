/*
 * window.h
 *		Time windows: "mon-fri 09:00-17:00 Europe/Berlin".
 *
 * Plain C without server headers.  Days are "daily", or days and ranges of days with
 * commas between them, whole or of three letters, in any case; a range may go over
 * the end of the week.  From is in
 * the window and to is not; 24:00 is the end of a day.  A window with to before from goes
 * over midnight and belongs to the day on which it begins.
 *
 * A window holds whenever a clock on the wall in its zone shows a time in it.  So a time that a
 * change of the clocks leaves out does not come that day, and one that it
 * repeats comes twice.
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
	short from;         /* minutes since midnight */
	short to;
	char zone[WINDOW_ZONE_BYTES];
} Window;

/*
 * NULL if the text is valid, else a static phrase.  Of the zone only the form is
 * checked: "UTC", or a name with a slash in it.
 */
extern const char *window_parse(const char *text, size_t size, Window *window);

/* The one way to write this window. */
extern void window_format(const Window *window, char text[WINDOW_TEXT_BYTES]);

/* Weekday 0 is Sunday. */
extern bool window_holds(const Window *window, int weekday, int minute);

/* Every time of inner is one of any of the outer ones of the same zone. */
extern bool windows_cover(const Window *outer, int count, const Window *inner);

#endif

/*
 * cron.h
 *		Cron expressions: "30 3 * * mon-fri", "30 3 * * mon-fri Europe/Berlin" and "@daily".
 *
 * Plain C without server headers. There are five fields: minute, hour, day of the month, month, day
 * of the week (0 and 7 are Sunday). Each is a list of numbers, ranges and steps. Months and days
 * also have English names, in full or of three letters, in any case. A range of days of the week
 * may wrap around the end of the week. If both days are restricted, either suffices. @hourly,
 * @daily or @midnight, @weekly, @monthly, and @yearly or @annually stand for all five fields. A
 * time zone may follow; the default is UTC.
 */
#ifndef VAULT_ROTATION_CRON_H
#define VAULT_ROTATION_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRON_ZONE_BYTES 64

typedef struct Cron
{
	uint64_t minutes;
	uint32_t hours;
	uint32_t days;    /* bits 1 to 31 */
	uint16_t months;  /* bits 1 to 12 */
	uint8_t weekdays; /* bit 0: Sunday */
	bool any_day;     /* the field began with "*" */
	bool any_weekday;
	char zone[CRON_ZONE_BYTES];
} Cron;

/*
 * Return NULL if the text is valid, else a static phrase that names the field. Only the form of the
 * zone is checked.
 */
extern const char *cron_parse(const char *text, size_t size, Cron *cron);

/*
 * Return true if the text is meant as a cron expression, right or wrong, and not as an interval
 * such as "1 day 2 hours".
 */
extern bool cron_looks_like(const char *text, size_t size);

/* Return true if the expression has a time on that day. Months are from 1, weekday 0 is Sunday. */
extern bool cron_has_day(const Cron *cron, int month, int day, int weekday);

#endif

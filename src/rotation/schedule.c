/*
 * schedule.c
 *		Computes due times of rotations: the next time of a cron expression, and the next time
 *		inside a window.
 *
 * Times are those of a local clock. A time that a change of the clocks skips is moved by the length
 * of the change. A time that is repeated counts once.
 */
#include "platform/compat.h"

#include "fmgr.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "platform/errors.h"
#include "policy/condition.h"
#include "rotation/cron.h"

/* 29 February occurs at least every eight years. */
#define SEARCHED_DAYS (9 * 366)

/* Maximum difference between the order of local times and that of time. */
#define CLOCK_CHANGE_MINUTES 180

static void
refuse_cron(const char *fault)
{
	error_bad_argument(
		"cron expression", fault,
		"Give five fields and perhaps a time zone, such as '30 3 * * mon-fri Europe/Berlin', "
		"or '@daily'.");
}

static void
parse_cron(const text *given, Cron *cron)
{
	const char *fault = cron_parse(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given), cron);

	if (fault == NULL && zone_named(cron->zone) == NULL)
		fault = psprintf("time zone \"%s\" does not exist", cron->zone);
	if (fault)
		refuse_cron(fault);
}

/* Return the minutes of local time since 1970. */
static int64
wall_minute(pg_time_t at, pg_tz *zone)
{
	struct pg_tm *local = pg_localtime(&at, zone);
	int64 day = date2j(local->tm_year + 1900, local->tm_mon + 1, local->tm_mday) - UNIX_EPOCH_JDATE;

	return day * MINUTES_OF_DAY + local->tm_hour * 60 + local->tm_min;
}

/* Return the time at which the local clock shows this minute. */
static TimestampTz
time_of(int64 minute, pg_tz *zone)
{
	struct pg_tm local = {0};
	int64 day = minute / MINUTES_OF_DAY;
	int offset;

	j2date(day + UNIX_EPOCH_JDATE, &local.tm_year, &local.tm_mon, &local.tm_mday);
	local.tm_hour = (minute % MINUTES_OF_DAY) / 60;
	local.tm_min = minute % 60;
	offset = DetermineTimeZoneOffset(&local, zone);
	return time_t_to_timestamptz((pg_time_t) minute * 60 + offset);
}

static bool
is_on_day(const Cron *cron, int64 day)
{
	int year;
	int month;
	int number;

	j2date(day + UNIX_EPOCH_JDATE, &year, &month, &number);
	return cron_has_day(cron, month, number, j2day(day + UNIX_EPOCH_JDATE));
}

static bool
is_at_minute(const Cron *cron, int minute)
{
	return (cron->hours >> (minute / 60) & 1) != 0 && (cron->minutes >> (minute % 60) & 1) != 0;
}

/* Return the first time after that; DT_NOEND if there is none. */
static TimestampTz
cron_next(const Cron *cron, TimestampTz after)
{
	pg_tz *zone = pg_tzset(cron->zone);
	int64 start = wall_minute(timestamptz_to_time_t(after), zone) - CLOCK_CHANGE_MINUTES;
	int64 last = start + (int64) SEARCHED_DAYS * MINUTES_OF_DAY;
	TimestampTz best = DT_NOEND;

	for (int64 minute = start; minute <= last; minute++)
	{
		TimestampTz at;

		if (!is_on_day(cron, minute / MINUTES_OF_DAY))
		{
			minute += MINUTES_OF_DAY - 1 - minute % MINUTES_OF_DAY;
			continue;
		}
		if (!is_at_minute(cron, minute % MINUTES_OF_DAY))
			continue;
		at = time_of(minute, zone);
		if (at <= after || at >= best)
			continue;
		best = at;
		last = Min(last, minute + CLOCK_CHANGE_MINUTES);
	}
	return best;
}

PG_FUNCTION_INFO_V1(vault_is_cron);
PG_FUNCTION_INFO_V1(vault_next_cron);
PG_FUNCTION_INFO_V1(vault_next_in_window);

/*
 * is_cron(text): true if the text is meant as a cron expression; 22023 with the faulty field if it
 * is malformed
 */
Datum
vault_is_cron(PG_FUNCTION_ARGS)
{
	text *given = PG_GETARG_TEXT_PP(0);
	Cron cron;

	if (!cron_looks_like(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given)))
		PG_RETURN_BOOL(false);
	parse_cron(given, &cron);
	PG_RETURN_BOOL(true);
}

/* next_cron(text, after) */
Datum
vault_next_cron(PG_FUNCTION_ARGS)
{
	Cron cron;
	TimestampTz next;

	parse_cron(PG_GETARG_TEXT_PP(0), &cron);
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1)))
		error_bad_argument("time", "must be finite", NULL);
	next = cron_next(&cron, PG_GETARG_TIMESTAMPTZ(1));
	if (next == DT_NOEND)
		refuse_cron("its day never occurs");
	PG_RETURN_TIMESTAMPTZ(next);
}

static bool
holds_at(const Window *window, pg_tz *zone, pg_time_t at)
{
	struct pg_tm *local = pg_localtime(&at, zone);

	return window_holds(window, local->tm_wday, local->tm_hour * 60 + local->tm_min);
}

/*
 * next_in_window(window, at, spread): returns the time itself if it is inside, else a time in the
 * next stretch of the window, at this fraction (0 to 1) of it
 */
Datum
vault_next_in_window(PG_FUNCTION_ARGS)
{
	text *given = PG_GETARG_TEXT_PP(0);
	pg_time_t at = timestamptz_to_time_t(PG_GETARG_TIMESTAMPTZ(1));
	float8 spread = PG_GETARG_FLOAT8(2);
	Window window;
	const char *fault = window_parse(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given), &window);
	pg_tz *zone;
	int64 minutes = 0;
	int length = 0;

	if (fault || (zone = zone_named(window.zone)) == NULL)
		error_bad_argument("window",
						   fault ? fault : psprintf("time zone \"%s\" does not exist", window.zone),
						   "Give a window such as 'mon-fri 02:00-04:00 Europe/Berlin'.");
	if (holds_at(&window, zone, at))
		PG_RETURN_TIMESTAMPTZ(PG_GETARG_TIMESTAMPTZ(1));
	at -= at % SECS_PER_MINUTE;
	while (!holds_at(&window, zone, at + minutes * SECS_PER_MINUTE))
		if (++minutes > 15 * MINUTES_OF_DAY)
			error_bad_argument("window", "it never occurs", NULL);
	at += minutes * SECS_PER_MINUTE;
	while (length < MINUTES_OF_DAY && holds_at(&window, zone, at + length * SECS_PER_MINUTE))
		length++;
	PG_RETURN_TIMESTAMPTZ(time_t_to_timestamptz(at) + (int64) (spread * length * USECS_PER_MINUTE));
}

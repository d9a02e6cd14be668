/*
 * cron.c
 *		Parses cron expressions strictly: an unknown form is refused.
 */
#include "rotation/cron.h"

#include "platform/calendar.h"
#include "platform/text_cursor.h"

typedef struct Field
{
	int lowest;
	int highest;
	const char *const *names; /* names of the values from lowest on, or NULL */
	int name_count;
	bool is_circle; /* a range may wrap around the end */
} Field;

static const Field minute_field = {0, 59, NULL, 0, false};
static const Field hour_field = {0, 23, NULL, 0, false};
static const Field day_field = {1, 31, NULL, 0, false};
static const Field month_field = {1, 12, calendar_months, CALENDAR_MONTHS, false};
static const Field weekday_field = {0, 7, calendar_days, CALENDAR_DAYS, true};

static bool
cron_take_value(TextCursor *rest, const Field *field, int *value)
{
	size_t letters = cursor_letters(rest);
	int name;

	if (letters == 0)
		return cursor_take_digits(rest, 1, value) && *value >= field->lowest &&
			*value <= field->highest;
	name = calendar_name(rest->text, letters, field->names, field->name_count);
	rest->text += letters;
	*value = field->lowest + name;
	return name >= 0;
}

/* Parse "*", a value or a range, each with an optional step. */
static bool
take_element(TextCursor *rest, const Field *field, uint64_t *bits)
{
	int from = field->lowest;
	int to = field->highest;
	int step = 1;
	bool many = cursor_take(rest, '*');

	if (!many)
	{
		if (!cron_take_value(rest, field, &from))
			return false;
		to = from;
		many = cursor_take(rest, '-');
		if (many && !cron_take_value(rest, field, &to))
			return false;
		if (to < from && !field->is_circle)
			return false;
		if (to < from)
			to += CALENDAR_DAYS;
	}
	if (many && cursor_take(rest, '/') &&
		(!cursor_take_digits(rest, 1, &step) || step < 1 || step > field->highest))
		return false;
	for (int value = from; value <= to; value += step)
		*bits |= UINT64_C(1) << value;
	return true;
}

/* Parse a field and the blanks after it. */
static bool
take_field(TextCursor *rest, const Field *field, uint64_t *bits)
{
	*bits = 0;
	do
	{
		if (!take_element(rest, field, bits))
			return false;
	} while (cursor_take(rest, ','));
	return cursor_take_blanks(rest) || cursor_ended(rest);
}

/* Parse the rest: nothing, or the name of a zone. */
static const char *
take_zone(TextCursor *rest, char zone[CRON_ZONE_BYTES])
{
	if (cursor_ended(rest))
		memcpy(zone, "UTC", 4);
	else if (!calendar_zone(rest->text, rest->end, zone, CRON_ZONE_BYTES))
		return CALENDAR_ZONE_FAULT;
	return NULL;
}

static const char *
take_fields(TextCursor *rest, Cron *cron)
{
	uint64_t bits;

	if (!take_field(rest, &minute_field, &cron->minutes))
		return "its minutes, the first field, are not valid: they are 0 to 59";
	if (!take_field(rest, &hour_field, &bits))
		return "its hours, the second field, are not valid: they are 0 to 23";
	cron->hours = bits;
	cron->any_day = cursor_is_at(rest, '*');
	if (!take_field(rest, &day_field, &bits))
		return "its days of the month, the third field, are not valid: they are 1 to 31";
	cron->days = bits;
	if (!take_field(rest, &month_field, &bits))
		return "its months, the fourth field, are not valid: they are 1 to 12 or jan to dec";
	cron->months = bits;
	cron->any_weekday = cursor_is_at(rest, '*');
	if (!take_field(rest, &weekday_field, &bits))
		return "its days of the week, the fifth field, are not valid: "
			   "they are 0 to 7 or sun to sat";
	cron->weekdays = (bits | bits >> 7) & 0x7f;
	return NULL;
}

/* Replace "@daily" and the like by five fields. */
static const char *
take_name(TextCursor *rest, Cron *cron)
{
	static const struct
	{
		const char *name;
		const char *fields;
	} names[] = {{"hourly", "0 * * * *"},  {"daily", "0 0 * * *"},   {"midnight", "0 0 * * *"},
				 {"weekly", "0 0 * * 0"},  {"monthly", "0 0 1 * *"}, {"yearly", "0 0 1 1 *"},
				 {"annually", "0 0 1 1 *"}};
	size_t letters = cursor_letters(rest);
	TextCursor fields = {NULL, NULL};

	if (calendar_is_word(rest->text, letters, "reboot"))
		return "@reboot is no time of the clock";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (calendar_is_word(rest->text, letters, names[i].name))
			fields = (TextCursor){names[i].fields, names[i].fields + strlen(names[i].fields)};
	rest->text += letters;
	if (fields.text == NULL || (!cursor_take_blanks(rest) && !cursor_ended(rest)))
		return "its name is not one of @hourly, @daily, @midnight, @weekly, @monthly, "
			   "@yearly and @annually";
	return take_fields(&fields, cron);
}

static int
count_fields(TextCursor rest)
{
	int count = 0;

	for (const char *at = rest.text; at < rest.end; at++)
		count += !calendar_is_blank(*at) && (at == rest.text || calendar_is_blank(at[-1]));
	return count;
}

const char *
cron_parse(const char *text, size_t size, Cron *cron)
{
	TextCursor rest = {text, text + size};
	const char *fault;

	memset(cron, 0, sizeof(*cron));
	calendar_trim(&rest.text, &rest.end);
	if (cursor_take(&rest, '@'))
		fault = take_name(&rest, cron);
	else if (count_fields(rest) < 5)
		fault = "it has fewer than five fields";
	else
		fault = take_fields(&rest, cron);
	return fault ? fault : take_zone(&rest, cron->zone);
}

bool
cron_looks_like(const char *text, size_t size)
{
	TextCursor rest = {text, text + size};

	calendar_trim(&rest.text, &rest.end);
	if (size == 0 || memchr(text, ':', size) != NULL)
		return false;
	if (memchr(text, '*', size) != NULL)
		return true;
	if (cursor_take(&rest, '@'))
		return cursor_letters(&rest) > 0;
	if (count_fields(rest) < 4)
		return false;
	for (; rest.text < rest.end && !calendar_is_blank(*rest.text); rest.text++)
		if (cursor_letters(&rest) > 0)
			return false;
	(void) cursor_take_blanks(&rest);
	return cursor_letters(&rest) == 0;
}

bool
cron_has_day(const Cron *cron, int month, int day, int weekday)
{
	bool by_day = (cron->days >> day & 1) != 0;
	bool by_weekday = (cron->weekdays >> weekday & 1) != 0;

	if ((cron->months >> month & 1) == 0)
		return false;
	if (cron->any_day || cron->any_weekday)
		return by_day && by_weekday;
	return by_day || by_weekday;
}

/*
 * cron.c
 *		Parsing of cron expressions, strictly: what is not understood is refused.
 */
#include "rotation/cron.h"

#include <string.h>

static const char *const month_names[] = {
	"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"
};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

typedef struct Field
{
	int			lowest;
	int			highest;
	const char *const *names;	/* of lowest and what follows, or NULL */
	int			name_count;
} Field;

static const Field minute_field = {0, 59, NULL, 0};
static const Field hour_field = {0, 23, NULL, 0};
static const Field day_field = {1, 31, NULL, 0};
static const Field month_field = {1, 12, month_names, 12};
static const Field weekday_field = {0, 7, weekday_names, 7};

typedef struct Rest
{
	const char *text;
	const char *end;
} Rest;

static bool
take(Rest *rest, char wanted)
{
	if (rest->text == rest->end || *rest->text != wanted)
		return false;
	rest->text++;
	return true;
}

static bool
take_digits(Rest *rest, int *number)
{
	int			digits = 0;

	*number = 0;
	for (; rest->text < rest->end && *rest->text >= '0' && *rest->text <= '9'; digits++)
	{
		if (digits == 2)
			return false;
		*number = *number * 10 + (*rest->text++ - '0');
	}
	return digits > 0;
}

static bool
take_value(Rest *rest, const Field *field, int *value)
{
	for (int i = 0; i < field->name_count; i++)
	{
		if (rest->end - rest->text >= 3 && memcmp(rest->text, field->names[i], 3) == 0)
		{
			rest->text += 3;
			*value = field->lowest + i;
			return true;
		}
	}
	return take_digits(rest, value) && *value >= field->lowest && *value <= field->highest;
}

/* "*", "*" with a step, a value, a range, a range with a step. */
static bool
take_element(Rest *rest, const Field *field, uint64_t *bits)
{
	int			from = field->lowest;
	int			to = field->highest;
	int			step = 1;
	bool		many = take(rest, '*');

	if (!many)
	{
		if (!take_value(rest, field, &from))
			return false;
		to = from;
		many = take(rest, '-');
		if (many && (!take_value(rest, field, &to) || to < from))
			return false;
	}
	if (many && take(rest, '/') &&
		(!take_digits(rest, &step) || step < 1 || step > field->highest))
		return false;
	for (int value = from; value <= to; value += step)
		*bits |= UINT64_C(1) << value;
	return true;
}

static bool
take_field(Rest *rest, const Field *field, uint64_t *bits)
{
	*bits = 0;
	do
	{
		if (!take_element(rest, field, bits))
			return false;
	} while (take(rest, ','));
	return true;
}

static bool
take_spaces(Rest *rest)
{
	const char *before = rest->text;

	while (take(rest, ' '))
		;
	return rest->text > before;
}

static bool
is_zone_character(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		c == '_' || c == '+' || c == '-' || c == '/';
}

/* What is left: nothing, or blanks and a name. */
static bool
take_zone(Rest *rest, char zone[CRON_ZONE_BYTES])
{
	size_t		size;

	memset(zone, 0, CRON_ZONE_BYTES);
	if (rest->text == rest->end)
	{
		memcpy(zone, "UTC", 3);
		return true;
	}
	if (!take_spaces(rest))
		return false;
	size = rest->end - rest->text;
	if (size == 0 || size >= CRON_ZONE_BYTES || rest->text[0] == '/')
		return false;
	for (size_t i = 0; i < size; i++)
		if (!is_zone_character(rest->text[i]))
			return false;
	memcpy(zone, rest->text, size);
	return strcmp(zone, "UTC") == 0 || strchr(zone, '/') != NULL;
}

const char *
cron_parse(const char *text, size_t size, Cron *cron)
{
	Rest		rest = {text, text + size};
	uint64_t	bits;

	memset(cron, 0, sizeof(*cron));
	if (!take_field(&rest, &minute_field, &cron->minutes) || !take_spaces(&rest))
		return "its minutes are not valid";
	if (!take_field(&rest, &hour_field, &bits) || !take_spaces(&rest))
		return "its hours are not valid";
	cron->hours = bits;
	cron->any_day = rest.text < rest.end && *rest.text == '*';
	if (!take_field(&rest, &day_field, &bits) || !take_spaces(&rest))
		return "its days of the month are not valid";
	cron->days = bits;
	if (!take_field(&rest, &month_field, &bits) || !take_spaces(&rest))
		return "its months are not valid";
	cron->months = bits;
	cron->any_weekday = rest.text < rest.end && *rest.text == '*';
	if (!take_field(&rest, &weekday_field, &bits))
		return "its days of the week are not valid";
	cron->weekdays = (bits | bits >> 7) & 0x7f;
	if (!take_zone(&rest, cron->zone))
		return "its time zone is not valid";
	return NULL;
}

bool
cron_has_day(const Cron *cron, int month, int day, int weekday)
{
	bool		by_day = (cron->days >> day & 1) != 0;
	bool		by_weekday = (cron->weekdays >> weekday & 1) != 0;

	if ((cron->months >> month & 1) == 0)
		return false;
	if (cron->any_day || cron->any_weekday)
		return by_day && by_weekday;
	return by_day || by_weekday;
}

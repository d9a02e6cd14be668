/*
 * fuzz_cron.c
 *		No text brings the reader of cron expressions down.  An accepted text looks like one,
 *		has times, and means the same in any case.  The input is the text, or words and numbers
 *		put together.
 */
#include "rotation/cron.h"

#include <ctype.h>

#include "compose.h"

static const char *const fragments[] = {" ",      "*",      "/",       "-",        ",",
										"0",      "5",      "59",      "23",       "31",
										"12",     "7",      "jan",     "MARCH",    "Dec",
										"mon",    "FRI",    "Sunday",  "@",        "daily",
										"HOURLY", "weekly", "monthly", "annually", "Europe/Berlin",
										"UTC",    "\t"};

#define FRAGMENTS (sizeof(fragments) / sizeof(fragments[0]))

static void
parse(const char *given, size_t size)
{
	char *text = exact_copy(given, size);
	Cron cron;
	Cron upper;
	const char *fault = cron_parse(text, size, &cron);

	MUST(fault == NULL || (*fault != '\0' && strlen(fault) < 120));
	(void) cron_looks_like(text, size);
	if (fault == NULL)
	{
		MUST(cron_looks_like(text, size));
		MUST(cron.minutes && cron.minutes >> 60 == 0 && cron.hours && cron.hours >> 24 == 0);
		MUST(cron.days && (cron.days & 1) == 0 && cron.months && (cron.months & 1) == 0 &&
			 cron.months >> 13 == 0);
		MUST(cron.weekdays && cron.weekdays >> 7 == 0 &&
			 memchr(cron.zone, '\0', sizeof(cron.zone)) != NULL);
		for (size_t i = 0; i < size; i++)
			text[i] = (char) toupper((unsigned char) text[i]);
		MUST(cron_parse(text, size, &upper) == NULL);
		MUST(upper.minutes == cron.minutes && upper.hours == cron.hours &&
			 upper.days == cron.days && upper.months == cron.months &&
			 upper.weekdays == cron.weekdays);
	}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input input = {data, size};
	char text[512];

	if (take_byte(&input) % 2)
		parse((const char *) input.data, input.size);
	else
		parse(text, compose(&input, fragments, FRAGMENTS, text, sizeof(text)));
	return 0;
}

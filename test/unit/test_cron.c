/*
 * test_cron.c
 *		Cron expressions: what is one, what its fields mean, and that no text makes the parser read
 *		what is not there.
 */
#include "rotation/cron.h"

#include "harness.h"

static const char *const valid[] = {
	"* * * * *", "*/5 0-23/6 1,15 jan-mar,12 mon-fri", "59 23 31 12 7", "0 0 * * 0 UTC", "00 03 * * * Europe/Berlin",
	"1-1 2 3 4 5", "0   0 1  jan   *   Etc/GMT+5", "*/59 * * * *", "0,0,0 * * * *"
};

static const char *const invalid[] = {
	"", " ", "*", "* * * *", "* * * * ", " * * * * *", "* * * * * ", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
	"* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 8", "-1 * * * *", "1- * * * *", "5-1 * * * *", "*/0 * * * *", "*/60 * * * *",
	"1/2 * * * *", ",1 * * * *", "1, * * * *", "1,,2 * * * *", "000 * * * *", "* * * JAN *", "* * * ja *", "* * * january *", "* * * * mo",
	"@daily", "1 2 3 4 5 CET", "1 2 3 4 5 /UTC", "1 2 3 4 5 Europe/Ber lin", "1\t2 3 4 5", "1 2 3 4 5\n", "jan * * * *", "* * * mon *"
};

/* From memory that ends where the text does. */
static const char *
parse(const char *text, size_t size, Cron *cron)
{
	char	   *copy = room(size);
	const char *fault;

	memcpy(copy, text, size);
	fault = cron_parse(copy, size, cron);
	free(copy);
	return fault;
}

static void
test_texts(void)
{
	Cron		cron;

	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
		CHECK(parse(valid[i], strlen(valid[i]), &cron) == NULL, "refused: %s", valid[i]);
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		CHECK(parse(invalid[i], strlen(invalid[i]), &cron) != NULL, "taken: %s", invalid[i]);
}

static void
test_fields(void)
{
	Cron		cron;
	const char *text = "10-20/5,59 */8 1,31 feb,11-12 5-7 Asia/Kolkata";

	CHECK(parse(text, strlen(text), &cron) == NULL, "refused");
	CHECK(cron.minutes == (UINT64_C(1) << 10 | UINT64_C(1) << 15 | UINT64_C(1) << 20 | UINT64_C(1) << 59), "minutes");
	CHECK(cron.hours == (1 | 1 << 8 | 1 << 16), "hours");
	CHECK(cron.days == (1u << 1 | 1u << 31), "days");
	CHECK(cron.months == (1 << 2 | 1 << 11 | 1 << 12), "months");
	CHECK(cron.weekdays == (1 << 5 | 1 << 6 | 1), "days of the week");
	CHECK(!cron.any_day && !cron.any_weekday, "both are restricted");
	CHECK(strcmp(cron.zone, "Asia/Kolkata") == 0, "zone");
	CHECK(cron_has_day(&cron, 2, 1, 3) && cron_has_day(&cron, 2, 2, 0) && !cron_has_day(&cron, 2, 2, 3) &&
		  !cron_has_day(&cron, 3, 1, 0), "either day suffices, in one of the months");
	CHECK(parse("* * */2 * mon", 13, &cron) == NULL, "refused");
	CHECK(cron_has_day(&cron, 1, 1, 1) && !cron_has_day(&cron, 1, 2, 1) && !cron_has_day(&cron, 1, 1, 2),
		  "both must be met where one begins with a star");
}

static void
test_garbage(void)
{
	static const char letters[] = "0123456789*,/- janmon/UTC\t";
	Cron		cron;

	for (int i = 0; i < 200000; i++)
	{
		char		text[40];
		size_t		size = pick(sizeof(text));

		for (size_t j = 0; j < size; j++)
			text[j] = letters[pick(sizeof(letters) - 1)];
		if (i % 2)				/* or a valid one with another character */
		{
			size = snprintf(text, sizeof(text), "%.39s", valid[pick(sizeof(valid) / sizeof(valid[0]))]);
			text[pick(size)] = letters[pick(sizeof(letters) - 1)];
		}
		if (parse(text, size, &cron) == NULL)
			CHECK(cron.minutes && cron.hours && (cron.days || cron.any_day) && cron.months && cron.weekdays &&
				  cron.minutes >> 60 == 0 && cron.hours >> 24 == 0 && (cron.days & 1) == 0 &&
				  (cron.months & 1) == 0 && cron.months >> 13 == 0 && cron.weekdays >> 7 == 0,
				  "out of bounds: %.*s", (int) size, text);
	}
}

int
main(void)
{
	test_texts();
	test_fields();
	test_garbage();
	return finish("cron");
}

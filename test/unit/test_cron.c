/*
 * test_cron.c
 *		Cron expressions: what is one, what its fields mean, and that no text makes the parser read
 *		what is not there.
 */
#include "rotation/cron.h"

#include "harness.h"

static const char *const valid[] = {"* * * * *",
									"*/5 0-23/6 1,15 jan-mar,12 mon-fri",
									"59 23 31 12 7",
									"0 0 * * 0 UTC",
									"00 03 * * * Europe/Berlin",
									"1-1 2 3 4 5",
									"0   0 1  jan   *   Etc/GMT+5",
									"*/59 * * * *",
									"0,0,0 * * * *",
									"* * * JAN *",
									"* * * january *",
									"* * * Jan-MAR,december Monday",
									" * * * * * ",
									"1\t2 3 4 5\n",
									"* * * * FRI-Sun",
									"* * * * sat-MON",
									"* * * * 6-1",
									"* * * * * utc",
									"@daily",
									"@Hourly",
									"@MIDNIGHT",
									"@weekly",
									"@monthly Europe/Berlin",
									"@yearly",
									"@annually  UTC "};

static const char *const invalid[] = {"",
									  " ",
									  "*",
									  "* * * *",
									  "* * * * ",
									  "* * * * * *",
									  "60 * * * *",
									  "* 24 * * *",
									  "* * 0 * *",
									  "* * 32 * *",
									  "* * * 0 *",
									  "* * * 13 *",
									  "* * * * 8",
									  "-1 * * * *",
									  "1- * * * *",
									  "5-1 * * * *",
									  "*/0 * * * *",
									  "*/60 * * * *",
									  "1/2 * * * *",
									  ",1 * * * *",
									  "1, * * * *",
									  "1,,2 * * * *",
									  "000 * * * *",
									  "* * * ja *",
									  "* * * janu *",
									  "* * * * mo",
									  "* * * * mondays",
									  "* * * DEC-jan *",
									  "@",
									  "@dail",
									  "@daily1",
									  "@dailyUTC",
									  "@daily CET",
									  "@reboot",
									  "@every 5m",
									  "1 2 3 4 5 CET",
									  "1 2 3 4 5 /UTC",
									  "1 2 3 4 5 Europe/Ber lin",
									  "jan * * * *",
									  "* * * mon *"};

/* From memory that ends where the text does. */
static const char *
parse(const char *text, size_t size, Cron *cron)
{
	char *copy = room(size);
	const char *fault;

	memcpy(copy, text, size);
	fault = cron_parse(copy, size, cron);
	free(copy);
	return fault;
}

static void
test_texts(void)
{
	Cron cron;

	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
		CHECK(parse(valid[i], strlen(valid[i]), &cron) == NULL, "refused: %s", valid[i]);
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		CHECK(parse(invalid[i], strlen(invalid[i]), &cron) != NULL, "taken: %s", invalid[i]);
}

static void
test_fields(void)
{
	Cron cron;
	const char *text = "10-20/5,59 */8 1,31 feb,11-12 5-7 Asia/Kolkata";

	CHECK(parse(text, strlen(text), &cron) == NULL, "refused");
	CHECK(cron.minutes ==
			  (UINT64_C(1) << 10 | UINT64_C(1) << 15 | UINT64_C(1) << 20 | UINT64_C(1) << 59),
		  "minutes");
	CHECK(cron.hours == (1 | 1 << 8 | 1 << 16), "hours");
	CHECK(cron.days == (1u << 1 | 1u << 31), "days");
	CHECK(cron.months == (1 << 2 | 1 << 11 | 1 << 12), "months");
	CHECK(cron.weekdays == (1 << 5 | 1 << 6 | 1), "days of the week");
	CHECK(!cron.any_day && !cron.any_weekday, "both are restricted");
	CHECK(strcmp(cron.zone, "Asia/Kolkata") == 0, "zone");
	CHECK(cron_has_day(&cron, 2, 1, 3) && cron_has_day(&cron, 2, 2, 0) &&
			  !cron_has_day(&cron, 2, 2, 3) && !cron_has_day(&cron, 3, 1, 0),
		  "either day suffices, in one of the months");
	CHECK(parse("* * */2 * mon", 13, &cron) == NULL, "refused");
	CHECK(cron_has_day(&cron, 1, 1, 1) && !cron_has_day(&cron, 1, 2, 1) &&
			  !cron_has_day(&cron, 1, 1, 2),
		  "both must be met where one begins with a star");
}

/* The fault names the field, and the field only. */
static void
test_faults(void)
{
	static const char *const cases[][2] = {{"60 3 * * *", "minutes, the first"},
										   {"0 24 * * *", "hours, the second"},
										   {"0 3 32 * *", "days of the month, the third"},
										   {"0 3 * JANU *", "months, the fourth"},
										   {"0 3 * * MONN", "days of the week, the fifth"},
										   {"0 3 * * mon Berlin", "time zone"},
										   {"0 3 * *", "fewer than five"},
										   {"@reboot", "no time of the clock"},
										   {"@often", "@hourly, @daily"}};
	Cron cron;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *fault = parse(cases[i][0], strlen(cases[i][0]), &cron);

		CHECK(fault && strstr(fault, cases[i][1]), "%s: %s", cases[i][0], fault ? fault : "taken");
	}
}

/* The same times, written in two ways. */
static void
test_names(void)
{
	static const char *const same[][2] = {{"@hourly", "0 * * * *"},
										  {"@daily", "0 0 * * *"},
										  {"@midnight", "0 0 * * *"},
										  {"@weekly", "0 0 * * 0"},
										  {"@monthly", "0 0 1 * *"},
										  {"@yearly", "0 0 1 1 *"},
										  {"@annually", "0 0 1 1 *"},
										  {"0 3 * * MON", "0 3 * * 1"},
										  {"0 3 * JAN *", "0 3 * 1 *"},
										  {"0 9 * * Mon-Fri", "0 9 * * 1-5"},
										  {"0 9 * * fri-sun", "0 9 * * 5,6,0"},
										  {"0 9 * * sat-mon", "0 9 * * 6,0,1"},
										  {"0 9 * * 7", "0 9 * * 0"},
										  {"0 9 * * 6-7", "0 9 * * 0,6"},
										  {"0 9 * * 7-1", "0 9 * * 0,1"},
										  {"0 9 * Sep-november,jan Sunday", "0 9 * 9,10,11,1 0"},
										  {"@daily europe/berlin", "0 0 * * * europe/berlin"}};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
	{
		Cron a;
		Cron b;

		CHECK(parse(same[i][0], strlen(same[i][0]), &a) == NULL &&
				  parse(same[i][1], strlen(same[i][1]), &b) == NULL &&
				  memcmp(&a, &b, sizeof(a)) == 0,
			  "%s is not %s", same[i][0], same[i][1]);
	}
}

static void
test_looks(void)
{
	static const char *const crons[] = {"@daily",    "* * *",   "0 3 * * MONN",
										"1 2 3 4 5", "1 2 3 4", "*/5"};
	static const char *const intervals[] = {
		"",    "1 day",           "36 hours",      "1 day 2 hours 3 minutes",
		"P1D", "@ 1 day 2 hours", "1-2 3 4:05:06", "weekly",
		"7"};

	for (size_t i = 0; i < sizeof(crons) / sizeof(crons[0]); i++)
		CHECK(cron_looks_like(crons[i], strlen(crons[i])), "%s is meant as cron", crons[i]);
	for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++)
		CHECK(!cron_looks_like(intervals[i], strlen(intervals[i])), "%s is not meant as cron",
			  intervals[i]);
}

static void
test_garbage(void)
{
	static const char letters[] = "0123456789*,/- janmonFRI@daily/UTC\t";
	Cron cron;

	for (int i = 0; i < 200000; i++)
	{
		char text[40];
		size_t size = pick(sizeof(text));

		for (size_t j = 0; j < size; j++)
			text[j] = letters[pick(sizeof(letters) - 1)];
		if (i % 2) /* or a valid one with another character */
		{
			size = snprintf(text, sizeof(text), "%.39s",
							valid[pick(sizeof(valid) / sizeof(valid[0]))]);
			text[pick(size)] = letters[pick(sizeof(letters) - 1)];
		}
		CHECK(parse(text, size, &cron) != NULL || cron_looks_like(text, size),
			  "taken, and does not look so: %.*s", (int) size, text);
		if (parse(text, size, &cron) == NULL)
			CHECK(cron.minutes && cron.hours && (cron.days || cron.any_day) && cron.months &&
					  cron.weekdays && cron.minutes >> 60 == 0 && cron.hours >> 24 == 0 &&
					  (cron.days & 1) == 0 && (cron.months & 1) == 0 && cron.months >> 13 == 0 &&
					  cron.weekdays >> 7 == 0,
				  "out of bounds: %.*s", (int) size, text);
	}
}

int
main(void)
{
	test_texts();
	test_fields();
	test_faults();
	test_names();
	test_looks();
	test_garbage();
	return finish("cron");
}

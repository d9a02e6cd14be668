/*
 * test_window.c
 *		Time windows: what is one, the one way to write it, and every minute of the week
 *		against a slow reference; coverage as sets of minutes.
 */
#include "policy/window.h"

#include "harness.h"

#define WEEK (7 * MINUTES_OF_DAY)

static const char *const valid[] = {"daily 00:00-24:00 UTC",
									"mon-fri 09:00-17:00 Europe/Berlin",
									"fri-mon 22:00-06:00 America/New_York",
									"sun 23:59-00:00 Etc/GMT+5",
									"mon,wed,fri  08:30-12:00   Africa/Addis_Ababa",
									"sat-sat 00:00-00:01 UTC",
									"Daily 09:00-17:00 UTC",
									"MON-Fri 9:00-17:00 Europe/Berlin",
									"Monday,WEDNESDAY - friday 09:00 - 17:00 utc",
									" daily 09:00-17:00 Europe/Berlin ",
									"mon\t09:00-17:00\tUTC\n"};

static const char *const invalid[] = {"",
									  " ",
									  "daily",
									  "daily 09:00-17:00",
									  "daily 09:00-17:00 ",
									  "daily 09:00-17:00 CET",
									  "daily 09:00-17:00 /UTC",
									  "Dailyy 09:00-17:00 UTC",
									  "mond 09:00-17:00 UTC",
									  "mo 09:00-17:00 UTC",
									  "mon- 09:00-17:00 UTC",
									  "mon, 09:00-17:00 UTC",
									  ",mon 09:00-17:00 UTC",
									  "mon-tue-wed 09:00-17:00 UTC",
									  "mon 9-17 UTC",
									  "mon 9:0-17:00 UTC",
									  "mon 009:00-17:00 UTC",
									  "mon 09 :00-17:00 UTC",
									  "mon 09:00-17:00UTC",
									  "mon09:00-17:00 UTC",
									  "mon 09:00-24:01 UTC",
									  "mon 24:00-09:00 UTC",
									  "mon 09:60-17:00 UTC",
									  "mon 09:00-09:00 UTC",
									  "mon 09:00-17:00 Europe/Ber lin",
									  "mon 09:00-17:00 <+05>-5/x",
									  "mon 25:00-26:00 UTC"};

static Window
parsed(const char *text)
{
	Window window;
	size_t size = strlen(text);
	char *copy = room(size);

	memcpy(copy, text, size);
	CHECK(window_parse(copy, size, &window) == NULL, "refused: %s", text);
	free(copy);
	return window;
}

static void
test_texts(void)
{
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
	{
		Window window = parsed(valid[i]);
		char once[WINDOW_TEXT_BYTES];
		char twice[WINDOW_TEXT_BYTES];

		window_format(&window, once);
		window = parsed(once);
		window_format(&window, twice);
		CHECK(strcmp(once, twice) == 0, "%s became %s and %s", valid[i], once, twice);
	}
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
	{
		Window window;

		CHECK(window_parse(invalid[i], strlen(invalid[i]), &window) != NULL, "accepted: %s",
			  invalid[i]);
	}
}

/* The fault names the part; two ways to write one window are the same. */
static void
test_faults(void)
{
	static const char *const cases[][2] = {{"mo-fri 09:00-17:00 UTC", "days"},
										   {"mon x-17:00 UTC", "begin at a time"},
										   {"mon 09:00-x UTC", "end at a time"},
										   {"mon 09:00-17:00", "zone is missing"},
										   {"mon 09:00-17:00 CET", "time zone is not valid"},
										   {"mon 09:00-09:00 UTC", "empty"}};
	Window window = {0};
	Window other = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *fault = window_parse(cases[i][0], strlen(cases[i][0]), &window);

		CHECK(fault && strstr(fault, cases[i][1]), "%s: %s", cases[i][0], fault ? fault : "taken");
	}
	window = parsed("Monday-FRI 9:00 - 17:00 utc");
	other = parsed("mon-fri 09:00-17:00 UTC");
	CHECK(window.days == other.days && window.from == other.from && window.to == other.to &&
			  strcmp(window.zone, other.zone) == 0,
		  "case and blanks do not matter");
}

/* Fills the minutes of the week by walking each window from its beginning to its end. */
static void
fill(const Window *window, bool minutes[WEEK])
{
	int length = (window->to - window->from + MINUTES_OF_DAY) % MINUTES_OF_DAY;

	if (length == 0)
		length = MINUTES_OF_DAY;
	for (int day = 0; day < 7; day++)
		for (int i = 0; (window->days & (1 << day)) && i < length; i++)
			minutes[(day * MINUTES_OF_DAY + window->from + i) % WEEK] = true;
}

static Window
any_window(void)
{
	Window window = {.zone = "UTC"};

	window.days = 1 + pick(127);
	window.from = pick(MINUTES_OF_DAY);
	do
		window.to = pick(MINUTES_OF_DAY + 1);
	while (window.to == window.from);
	return window;
}

static void
test_minutes(void)
{
	for (int round = 0; round < 500; round++)
	{
		Window window = any_window();
		bool minutes[WEEK] = {false};

		fill(&window, minutes);
		for (int i = 0; i < WEEK; i++)
			CHECK(window_holds(&window, i / MINUTES_OF_DAY, i % MINUTES_OF_DAY) == minutes[i],
				  "days %x %d-%d at %d", window.days, window.from, window.to, i);
	}
}

static void
test_coverage(void)
{
	int covered = 0;

	for (int round = 0; round < 2000; round++)
	{
		Window outer[2] = {any_window(), any_window()};
		Window inner = any_window();
		bool of_outer[WEEK] = {false};
		bool of_inner[WEEK] = {false};
		bool expected = true;

		if (round % 2)
			inner = outer[0], inner.days &= 1 + pick(127);
		fill(&outer[0], of_outer);
		fill(&outer[1], of_outer);
		fill(&inner, of_inner);
		for (int i = 0; i < WEEK; i++)
			expected = expected && (of_outer[i] || !of_inner[i]);
		CHECK(windows_cover(outer, 2, &inner) == expected, "round %d", round);
		covered += expected && inner.days;
		strcpy(inner.zone, "Europe/Berlin");
		CHECK(windows_cover(outer, 2, &inner) == (inner.days == 0),
			  "another zone is covered in round %d", round);
	}
	CHECK(covered > 500, "only %d of the cases were covered", covered);
}

int
main(void)
{
	test_texts();
	test_faults();
	test_minutes();
	test_coverage();
	return finish("window");
}

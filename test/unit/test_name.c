/*
 * test_name.c
 *		The grammar accepts what it says and no more; matching agrees with a naive
 *		reference; covering and overlapping are never wrong on the unsafe side.
 *
 * The reference is recursive and slow on purpose: it reads like the rule.
 * Covering and overlapping are checked against the sets of all short names
 * that two patterns match.
 */
#include "policy/name.h"

#include "harness.h"

#define MAX_NAMES    20000
#define MAX_PATTERNS 2000

static char names[MAX_NAMES][9];
static size_t name_count;
static char patterns[MAX_PATTERNS][7];
static size_t pattern_count;
static uint64_t matched[MAX_PATTERNS][(MAX_NAMES + 63) / 64];

/* one segment, ending at '/' or NUL */
static bool
reference_segment(const char *p, const char *t)
{
	bool p_end = *p == '/' || *p == '\0';
	bool t_end = *t == '/' || *t == '\0';

	if (p_end)
		return t_end;
	if (*p == '*')
		return reference_segment(p + 1, t) || (!t_end && reference_segment(p, t + 1));
	return !t_end && *p == *t && reference_segment(p + 1, t + 1);
}

/* the next segment; NULL at the end */
static const char *
following(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash == NULL ? NULL : slash + 1;
}

static bool
reference_matches(const char *p, const char *t)
{
	if (p == NULL)
		return t == NULL;
	if (strncmp(p, "**", 2) == 0)
	{
		if (following(p) == NULL)
			return t != NULL;
		return reference_matches(following(p), t) ||
			(t != NULL && reference_matches(p, following(t)));
	}
	return t != NULL && reference_segment(p, t) && reference_matches(following(p), following(t));
}

static bool
matches(const char *p, const char *t)
{
	return pattern_matches(p, strlen(p), t, strlen(t));
}

static bool
covers(const char *outer, const char *inner)
{
	return pattern_covers(outer, strlen(outer), inner, strlen(inner));
}

static bool
overlaps(const char *a, const char *b)
{
	bool one = pattern_overlaps(a, strlen(a), b, strlen(b));

	CHECK(one == pattern_overlaps(b, strlen(b), a, strlen(a)), "overlap of %s and %s: order", a, b);
	return one;
}

static void
test_grammar_common(void)
{
	static const char *const good[] = {"a",       "a/b",     "prod/db/password",
									   "A-Z_0.9", "...",     "a..b",
									   ".a",      "a.",      "-",
									   "_",       "a/.../b", "..a/b..",
									   "0"};
	static const char *const bad[] = {"",      "/",   "/a",  "a/",   "a//b", ".",
									  "..",    "a/.", "./a", "a/..", "../a", "a/../b",
									  "a/./b", "a b", " a",  "a ",   "a\n",  "a\tb",
									  "a\\b",  "a:b", "a%b", "a?b",  "[a]",  "\xc3\xa4",
									  "a\x7f", "a,b", "a@b", "a+b",  "~",    "a/\x01"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		CHECK(name_fault(good[i], strlen(good[i])) == NULL, "name %s", good[i]);
		CHECK(pattern_fault(good[i], strlen(good[i])) == NULL, "pattern %s", good[i]);
		CHECK((identifier_fault(good[i], strlen(good[i])) == NULL) ==
				  (strchr(good[i], '/') == NULL),
			  "identifier %s", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		CHECK(name_fault(bad[i], strlen(bad[i])) != NULL, "bad name \"%s\"", bad[i]);
		CHECK(pattern_fault(bad[i], strlen(bad[i])) != NULL, "bad pattern \"%s\"", bad[i]);
		CHECK(identifier_fault(bad[i], strlen(bad[i])) != NULL, "bad identifier \"%s\"", bad[i]);
	}
	CHECK(name_fault("a\0b", 3) != NULL && identifier_fault("a\0b", 3) != NULL, "NUL inside");
}

static void
test_grammar_patterns(void)
{
	static const char *const good[] = {"*",   "**",  "a/*",   "a/**", "**/b", "a/**/b", "a*b*c",
									   "*a*", "*/*", "**/**", "*.",   "*..",  ".*",     "a/*-x/**"};
	static const char *const bad[] = {"***", "a**",   "**a",  "a/**b/c", "a**b", "*/***", "a/**/",
									  "/**", "**//a", "a***", "****",    "**.",  "*/.",   "**/.."};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		CHECK(pattern_fault(good[i], strlen(good[i])) == NULL, "pattern %s", good[i]);
		CHECK(name_fault(good[i], strlen(good[i])) != NULL, "name with a star: %s", good[i]);
		CHECK(identifier_fault(good[i], strlen(good[i])) != NULL, "identifier %s", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(pattern_fault(bad[i], strlen(bad[i])) != NULL, "bad pattern \"%s\"", bad[i]);
}

static void
test_grammar_lengths(void)
{
	char text[NAME_MAX_BYTES + 2];

	memset(text, 'a', sizeof(text));
	CHECK(name_fault(text, NAME_MAX_BYTES) == NULL, "255 bytes");
	CHECK(name_fault(text, NAME_MAX_BYTES + 1) != NULL, "256 bytes");
	CHECK(pattern_fault(text, NAME_MAX_BYTES) == NULL, "pattern of 255 bytes");
	CHECK(pattern_fault(text, NAME_MAX_BYTES + 1) != NULL, "pattern of 256 bytes");
	CHECK(identifier_fault(text, IDENTIFIER_MAX_BYTES) == NULL, "63 bytes");
	CHECK(identifier_fault(text, IDENTIFIER_MAX_BYTES + 1) != NULL, "64 bytes");
	for (int c = 0; c < 256; c++)
	{
		char one = (char) c;
		bool valid = c != 0 && c != '.' && c < 128 &&
			strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", c) != NULL;

		CHECK((name_fault(&one, 1) == NULL) == valid, "name of byte %d", c);
		CHECK((identifier_fault(&one, 1) == NULL) == valid, "identifier of byte %d", c);
		CHECK((pattern_fault(&one, 1) == NULL) == (valid || c == '*'), "pattern of byte %d", c);
	}
}

static void
test_matches_table(void)
{
	static const struct
	{
		const char *pattern;
		const char *name;
		bool result;
	} cases[] = {
		{"a", "a", true},
		{"a", "b", false},
		{"a", "a/b", false},
		{"a/b", "a", false},
		{"a", "A", false},
		{"*", "a", true},
		{"*", "a/b", false},
		{"a*", "a", true},
		{"a*", "ab", true},
		{"*a", "ba", true},
		{"*a*", "xay", true},
		{"a/*", "a", false},
		{"a/*", "a/b", true},
		{"a/*", "a/b/c", false},
		{"a/*/c", "a/b/c", true},
		{"a/**", "a", false},
		{"a/**", "a/b", true},
		{"a/**", "a/b/c", true},
		{"a/**", "ab/c", false},
		{"a/**/b", "a/b", true},
		{"a/**/b", "a/x/b", true},
		{"a/**/b", "a/x/y/b", true},
		{"a/**/b", "a/x/y", false},
		{"a/**/b", "a/b/c", false},
		{"**", "a", true},
		{"**", "a/b/c", true},
		{"**/b", "b", true},
		{"**/b", "a/b", true},
		{"**/b", "ab", false},
		{"**/**", "a", true},
		{"**/*/*", "a", false},
		{"**/a/**", "a", false},
		{"**/a/**", "a/b", true},
		{"**/a/**", "a/a", true},
		{"*a*b", "aXbXb", true},
		{"*a*b", "aXbXc", false},
		{"prod/*-key", "prod/api-key", true},
		{"prod/*-key", "prod/x/api-key", false},
		{"a.b", "aXb", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CHECK(matches(cases[i].pattern, cases[i].name) == cases[i].result, "%s matches %s",
			  cases[i].pattern, cases[i].name);
		CHECK(reference_matches(cases[i].pattern, cases[i].name) == cases[i].result,
			  "reference: %s matches %s", cases[i].pattern, cases[i].name);
	}
}

static void
test_covers_table(void)
{
	static const char *const yes[][2] = {{"**", "a"},
										 {"**", "a/*/b"},
										 {"**", "**"},
										 {"**", "*"},
										 {"a/**", "a/b/*"},
										 {"a/**", "a/**"},
										 {"a/*", "a/b-*"},
										 {"a/**", "a/**/b"},
										 {"**/*", "**"},
										 {"**", "*/**"},
										 {"**/**", "**"},
										 {"a/**/**", "a/**"},
										 {"*", "a*b"},
										 {"a*", "a*b"},
										 {"a*b", "ab"},
										 {"*a*", "*xay*"},
										 {"**/b", "a/**/b"},
										 {"a/**/*/c", "a/*/**/c"},
										 {"a/*/**/c", "a/**/*/c"},
										 {"**/*/b", "a/**/b"},
										 {"**/*/*/b", "x/**/y/b"}};
	static const char *const no[][2] = {
		{"a", "*"},       {"*", "**"},        {"*/**", "**"},     {"*/**", "a"},
		{"a/**", "a"},    {"a/**", "**"},     {"a/*", "a/**"},    {"a/*", "a/b/c"},
		{"a*b", "a*"},    {"**/b", "**"},     {"a/**/b", "a/**"}, {"a*a", "a"},
		{"**/*/*", "**"}, {"*a*b*", "*b*a*"}, {"a/**", "ab/**"},  {"**/*/*/b", "x/**/b"}};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		CHECK(covers(yes[i][0], yes[i][1]), "%s covers %s", yes[i][0], yes[i][1]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		CHECK(!covers(no[i][0], no[i][1]), "%s covers not %s", no[i][0], no[i][1]);
}

static void
test_overlaps_table(void)
{
	static const char *const yes[][2] = {{"a", "a"},         {"a", "*"},       {"**", "a/b"},
										 {"a*", "*b"},       {"a/**", "**/b"}, {"*a*", "*b*"},
										 {"a/*/c", "*/b/*"}, {"**", "**"},     {"a*c", "ab*c"},
										 {"**/b", "a/*"}};
	static const char *const no[][2] = {{"a", "b"},       {"a", "a/*"},     {"a", "a/**"},
										{"a*", "b*"},     {"*a", "*b"},     {"a/**", "b/**"},
										{"*", "*/*"},     {"a/*/c", "a/c"}, {"a/**/x", "**/y"},
										{"*/*/**", "a/*"}};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		CHECK(overlaps(yes[i][0], yes[i][1]), "%s overlaps %s", yes[i][0], yes[i][1]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		CHECK(!overlaps(no[i][0], no[i][1]), "%s overlaps not %s", no[i][0], no[i][1]);
}

static void
test_prefix(void)
{
	static const struct
	{
		const char *pattern;
		size_t prefix;
	} cases[] = {{"a/b", 3}, {"a/*", 2},  {"a/**", 2},  {"**", 0},
				 {"*a", 0},  {"ab*c", 2}, {"a/**/b", 2}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK(pattern_prefix(cases[i].pattern, strlen(cases[i].pattern)) == cases[i].prefix,
			  "prefix of %s", cases[i].pattern);
}

/* A valid text of up to max bytes from these letters, by trying. */
static void
random_text(const char *letters, size_t max, bool pattern, char *out)
{
	size_t size;

	do
	{
		size = 1 + pick((uint32_t) max);
		for (size_t i = 0; i < size; i++)
			out[i] = letters[pick((uint32_t) strlen(letters))];
		out[size] = '\0';
	} while ((pattern ? pattern_fault(out, size) : name_fault(out, size)) != NULL);
}

static void
test_random_matches(void)
{
	unsigned long agreed = 0;

	for (int i = 0; i < 200000; i++)
	{
		char pattern[16];
		char name[16];
		bool expected;

		random_text(i % 2 ? "ab**//" : "a*/", 4 + pick(11), true, pattern);
		random_text(i % 2 ? "ab//" : "a/", 1 + pick(15), false, name);
		expected = reference_matches(pattern, name);
		agreed += expected;
		CHECK(matches(pattern, name) == expected, "%s matches %s: not %d", pattern, name,
			  !expected);
	}
	CHECK(agreed > 10000, "only %lu cases match", agreed);
}

/* Fills a list with all valid texts from these letters, of up to size bytes. */
static size_t
enumerate(const char *letters, size_t size, bool pattern, char *list, size_t width)
{
	size_t base = strlen(letters);
	size_t count = 0;

	for (size_t length = 1; length <= size; length++)
	{
		size_t total = 1;

		for (size_t i = 0; i < length; i++)
			total *= base;
		for (size_t code = 0; code < total; code++)
		{
			char *text = list + count * width;
			size_t rest = code;

			for (size_t i = 0; i < length; i++, rest /= base)
				text[i] = letters[rest % base];
			text[length] = '\0';
			if ((pattern ? pattern_fault(text, length) : name_fault(text, length)) == NULL)
				count++;
		}
	}
	return count;
}

static void
compute_matches(void)
{
	for (size_t p = 0; p < pattern_count; p++)
		for (size_t n = 0; n < name_count; n++)
			if (matches(patterns[p], names[n]))
				matched[p][n / 64] |= (uint64_t) 1 << n % 64;
}

/*
 * All pairs of short patterns against all short names.  On these both functions
 * are exact as well; two patterns of five bytes may have only longer names in
 * common than the list holds, so that of them nothing is claimed.
 */
static void
test_all_short(void)
{
	unsigned long uncertain_covers = 0;
	unsigned long uncertain_overlaps = 0;

	name_count = enumerate("abc/", 7, false, names[0], sizeof(names[0]));
	pattern_count = enumerate("ab*/", 5, true, patterns[0], sizeof(patterns[0]));
	compute_matches();

	for (size_t p = 0; p < pattern_count; p++)
		for (size_t q = 0; q < pattern_count; q++)
		{
			uint64_t outside = 0;
			uint64_t common = 0;

			for (size_t w = 0; w < (name_count + 63) / 64; w++)
			{
				outside |= matched[q][w] & ~matched[p][w];
				common |= matched[q][w] & matched[p][w];
			}
			if (covers(patterns[p], patterns[q]))
				CHECK(outside == 0, "%s covers %s", patterns[p], patterns[q]);
			else
			{
				uncertain_covers += outside == 0;
				CHECK(p != q, "%s covers itself", patterns[p]);
			}
			if (!overlaps(patterns[p], patterns[q]))
				CHECK(common == 0, "%s overlaps %s", patterns[p], patterns[q]);
			else
				uncertain_overlaps += common == 0 && strlen(patterns[p]) + strlen(patterns[q]) < 10;
		}
	CHECK(uncertain_covers == 0, "%lu pairs are covered and not seen", uncertain_covers);
	CHECK(uncertain_overlaps == 0, "%lu pairs do not overlap and are not seen", uncertain_overlaps);
}

/* A name that the pattern matches: stars filled at random. */
static void
instantiate(const char *pattern, char *out)
{
	size_t size = 0;

	for (const char *p = pattern; *p != '\0'; p++)
	{
		if (strncmp(p, "**", 2) == 0)
		{
			size_t segments = pick(3) + (p[2] == '\0');

			for (size_t i = 0; i < segments; i++)
				size += (size_t) sprintf(out + size, "%s%c", i > 0 ? "/" : "", "abc"[pick(3)]);
			p++;
			if (segments == 0)
				p++;
		}
		else if (*p == '*')
			for (uint32_t i = pick(3); i > 0; i--)
				out[size++] = "abc"[pick(3)];
		else
			out[size++] = *p;
	}
	out[size] = '\0';
}

/* Longer ones, against names made from the pattern. */
static void
test_random_relations(void)
{
	unsigned long covered = 0;

	for (int i = 0; i < 100000; i++)
	{
		char outer[32];
		char inner[32];
		char name[128];

		random_text("ab***///", 5 + pick(8), true, outer);
		random_text("ab***///", 5 + pick(8), true, inner);
		CHECK(covers(outer, outer) && covers("**", outer) && overlaps(outer, "**"), "%s and itself",
			  outer);
		for (int k = 0; k < 4; k++)
		{
			instantiate(inner, name);
			if (name_fault(name, strlen(name)) != NULL)
				continue;
			CHECK(matches(inner, name), "%s matches its instance %s", inner, name);
			CHECK(strncmp(inner, name, pattern_prefix(inner, strlen(inner))) == 0,
				  "%s starts as %s", name, inner);
			if (covers(outer, inner))
			{
				covered++;
				CHECK(matches(outer, name), "%s covers %s, but for %s", outer, inner, name);
			}
			if (matches(outer, name))
				CHECK(overlaps(outer, inner), "%s and %s both match %s", outer, inner, name);
		}
	}
	CHECK(covered > 1000, "only %lu covered", covered);
}

/* The longest texts, of the kinds that blow a bad algorithm up. */
static void
test_longest(void)
{
	char pattern[NAME_MAX_BYTES + 1];
	char name[NAME_MAX_BYTES + 1];
	char deep[NAME_MAX_BYTES + 1];

	for (size_t i = 0; i < NAME_MAX_BYTES; i++)
	{
		pattern[i] = i % 2 ? '*' : 'a';
		name[i] = 'a';
		deep[i] = i % 2 ? '/' : 'a';
	}
	pattern[NAME_MAX_BYTES] = name[NAME_MAX_BYTES] = deep[NAME_MAX_BYTES] = '\0';
	CHECK(matches(pattern, name) && covers(pattern, pattern) && overlaps(pattern, pattern),
		  "a*a*...a");
	pattern[NAME_MAX_BYTES - 1] = 'b';
	CHECK(!matches(pattern, name), "a*a*...b");
	CHECK(matches("**", deep) && covers(deep, deep) && overlaps(deep, deep), "128 segments");

	/* two stars and a slash, again and again */
	for (size_t i = 0; i < NAME_MAX_BYTES; i++)
		pattern[i] = i % 3 == 2 ? '/' : '*';
	pattern[NAME_MAX_BYTES - 1] = '\0';
	CHECK(pattern_fault(pattern, strlen(pattern)) == NULL && matches(pattern, deep) &&
			  covers(pattern, pattern) && covers(pattern, "**") && overlaps(pattern, deep),
		  "only gaps");
	pattern[NAME_MAX_BYTES - 2] = 'b';
	pattern[NAME_MAX_BYTES - 3] = 'b';
	CHECK(!matches(pattern, deep), "gaps and a segment that is not there");

	/* too long for any pattern: the safe answer */
	CHECK(!pattern_matches(pattern, 256, name, 1) && !pattern_matches("a", 1, name, 256) &&
			  !pattern_covers(pattern, 256, "a", 1) && !pattern_covers("**", 2, name, 256) &&
			  pattern_overlaps(pattern, 256, "a", 1),
		  "longer than any");
	CHECK(!pattern_matches("", 0, "a", 1) && !pattern_matches("a", 1, "", 0) &&
			  !pattern_covers("**", 2, "", 0),
		  "empty");
}

int
main(void)
{
	test_grammar_common();
	test_grammar_patterns();
	test_grammar_lengths();
	test_matches_table();
	test_covers_table();
	test_overlaps_table();
	test_prefix();
	test_random_matches();
	test_all_short();
	test_random_relations();
	test_longest();
	return finish("name");
}

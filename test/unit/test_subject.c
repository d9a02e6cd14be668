/*
 * test_subject.c
 *		A pattern of subjects matches what it says from end to end, and nothing that reaches
 *		over a separator; the matcher agrees with one that tries everything.
 */
#include "identity/subject.h"

#include "harness.h"

static void
test_matching(void)
{
	static const struct
	{
		const char *pattern;
		const char *subject;
		bool matches;
	} cases[] = {
		{"system:serviceaccount:prod:*", "system:serviceaccount:prod:billing", true},
		{"system:serviceaccount:prod:*", "system:serviceaccount:prod:", false},
		{"system:serviceaccount:prod:*", "system:serviceaccount:prod2:billing", false},
		{"system:serviceaccount:prod:*", "system:serviceaccount:prod:a:b", false},
		{"system:serviceaccount:*:billing", "system:serviceaccount:prod:billing", true},
		{"system:serviceaccount:*:billing", "system:serviceaccount:a:b:billing", false},
		{"repo:org/app:ref:refs/heads/*", "repo:org/app:ref:refs/heads/main", true},
		{"repo:org/app:ref:refs/heads/*", "repo:org/app:ref:refs/heads/a/b", false},
		{"repo:org/app:ref:refs/heads/**", "repo:org/app:ref:refs/heads/a/b", true},
		{"repo:org/app:ref:refs/heads/**", "repo:org/app:ref:refs/heads/", false},
		{"repo:org/*:ref:refs/heads/main", "repo:org/app:ref:refs/heads/main", true},
		{"repo:org/*:ref:refs/heads/main", "repo:org/a:pull_request:ref:refs/heads/main", false},
		{"repo:org/*", "repo:org/app:pull_request", false},
		{"repo:org/**", "repo:org/app:pull_request", true},
		{"repo:org/**", "repo:org2/app", false},
		{"repo:org/**", "xrepo:org/app", false},
		{"auth0|*", "auth0|5f", true},
		{"auth0|*", "google-oauth2|5f", false},
		{"*@clients", "abc@clients", true},
		{"*@clients", "abc@clients2", false},
		{"*@clients", "a@b@clients", false},
		{"*@prod.iam.gserviceaccount.com", "billing@prod.iam.gserviceaccount.com", true},
		{"*@prod.iam.gserviceaccount.com", "billing@evil.prod.iam.gserviceaccount.com", false},
		{"spiffe://acme.example/ns/*/sa/*", "spiffe://acme.example/ns/prod/sa/billing", true},
		{"spiffe://acme.example/ns/*/sa/*", "spiffe://acme.example/ns/prod/x/sa/billing", false},
		{"spiffe://acme.example/**", "spiffe://acme.example.evil/x", false},
		{"a*b*c", "axbxbxc", true},
		{"a*b*c", "abbc", false},
		{"a*b*c", "aabbcc", true},
		{"*a*a", "aaaa", true},
		{"*a", "a", false},
		{"a*", "A1", false},
		{"caf\xc3\xa9*", "caf\xc3\xa9-1", true},
		{"a**", "a", false},
		{"a**", "a:/|@", true},
		{"a***", "abc", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		if (subject_pattern_fault(cases[i].pattern) != NULL)
		{
			CHECK(!cases[i].matches, "%s is no pattern", cases[i].pattern);
			continue;
		}
		CHECK(subject_matches(cases[i].pattern, cases[i].subject) == cases[i].matches, "%s and %s",
			  cases[i].pattern, cases[i].subject);
	}
}

static void
test_faults(void)
{
	static const char *const bad[] = {"",    "*", "**",   "*:*", "/**",  "a**b",       "a**/x",
									  "***", "a", "a b ", " a*", "a\n*", "a\xc2\x85*", "a***"};
	static const char *const good[] = {"a*", "*a", "a**", "a*b**", "repo:*/app:**"};
	char text[SUBJECT_MAX_BYTES + 2];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(subject_pattern_fault(bad[i]) != NULL, "%s is a pattern", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(subject_pattern_fault(good[i]) == NULL, "%s: %s", good[i],
			  subject_pattern_fault(good[i]));
	memset(text, 'a', sizeof(text));
	text[SUBJECT_MAX_BYTES] = '\0';
	CHECK(subject_fault(text) == NULL, "512 bytes");
	text[SUBJECT_MAX_BYTES] = 'a';
	text[SUBJECT_MAX_BYTES + 1] = '\0';
	CHECK(subject_fault(text) != NULL, "513 bytes");
	CHECK(subject_fault("a*b") == NULL && subject_fault("a\tb") != NULL &&
			  subject_fault("") != NULL,
		  "subjects");
}

/* Tries every length for every wildcard. */
static bool
matches_slowly(const char *pattern, const char *subject)
{
	bool any = pattern[0] == '*' && pattern[1] == '*';

	if (*pattern == '\0')
		return *subject == '\0';
	if (*pattern != '*')
		return *pattern == *subject && matches_slowly(pattern + 1, subject + 1);
	for (size_t size = 1; size <= strlen(subject); size++)
	{
		if (!any && strchr("/:|@", subject[size - 1]) != NULL)
			return false;
		if (matches_slowly(pattern + 1 + any, subject + size))
			return true;
	}
	return false;
}

static void
test_against_slow(void)
{
	static const char letters[] = "ab:/*";
	unsigned long matched = 0;

	for (int i = 0; i < 400000; i++)
	{
		char pattern[10];
		char subject[12];
		size_t pattern_size = pick(sizeof(pattern));
		size_t subject_size = pick(sizeof(subject));

		for (size_t at = 0; at < pattern_size; at++)
			pattern[at] = letters[pick(5)];
		for (size_t at = 0; at < subject_size; at++)
			subject[at] = letters[pick(4)];
		pattern[pattern_size] = subject[subject_size] = '\0';
		if (subject_pattern_fault(pattern) != NULL)
			continue;
		matched += subject_matches(pattern, subject);
		CHECK(subject_matches(pattern, subject) == matches_slowly(pattern, subject), "%s and %s",
			  pattern, subject);
	}
	CHECK(matched > 100, "only %lu matched", matched);
}

int
main(void)
{
	test_matching();
	test_faults();
	test_against_slow();
	return finish("test_subject");
}

/*
 * subject.c
 *		Checks and matches subjects; subject.h has the rules.
 *
 * It guards which principal a token stands for. A wildcard must not match across a separator into a
 * part that another person chooses, such as the name of a branch after that of a repository.
 */
#include "identity/subject.h"

#include <string.h>

#include "identity/strict_json.h"

static const char separators[] = "/:|@";

static bool
is_separator(char c)
{
	return c != '\0' && strchr(separators, c) != NULL;
}

const char *
subject_fault(const char *subject)
{
	size_t size = strlen(subject);

	if (size == 0)
		return "it is empty";
	if (size > SUBJECT_MAX_BYTES)
		return "it is longer than 512 bytes";
	if (subject[0] == ' ' || subject[size - 1] == ' ')
		return "there is a space at one of its ends";
	if (!strict_json_is_printable(subject))
		return "it has control characters";
	return NULL;
}

const char *
subject_pattern_fault(const char *pattern)
{
	const char *fault = subject_fault(pattern);
	const char *star = strchr(pattern, '*');
	bool has_text = false;

	if (fault != NULL)
		return fault;
	if (star == NULL)
		return "it has no \"*\": such a subject is matched exactly";
	for (const char *at = pattern; *at != '\0'; at++)
	{
		has_text |= *at != '*' && !is_separator(*at);
		if (at[0] == '*' && at[1] == '*' && at[2] != '\0')
			return "\"**\" stands at the end and nowhere else";
	}
	if (!has_text)
		return "it has nothing but wildcards and separators";
	return NULL;
}

/*
 * Match by backtracking: after a mismatch, the last "*" takes one byte more. Earlier ones need not:
 * they cannot take the separator that follows them, and before a separator they would only leave
 * less for the last one.
 */
bool
subject_matches(const char *pattern, const char *subject)
{
	const char *star = NULL; /* the last star, and the end of what it has taken */
	const char *taken = NULL;

	for (;;)
	{
		if (pattern[0] == '*' && pattern[1] == '*')
			return *subject != '\0';
		if (*pattern == '*' && *subject != '\0' && !is_separator(*subject))
		{
			star = ++pattern;
			taken = ++subject;
		}
		else if (*pattern != '*' && *pattern == *subject)
		{
			if (*pattern == '\0')
				return true;
			pattern++;
			subject++;
		}
		else if (star != NULL && *taken != '\0' && !is_separator(*taken))
		{
			pattern = star;
			subject = ++taken;
		}
		else
			return false;
	}
}

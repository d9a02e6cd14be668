/*
 * suggestion.c
 *		Finds names of the API by their distance to a mistyped one.
 */
#include "redaction/suggestion.h"

#include <stddef.h>
#include <string.h>

#include "redaction/names.h"

#define MAX_NAME      64
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int
suggestion_least(int a, int b, int c)
{
	int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Return the Levenshtein distance. Two letters that changed places count as one difference. */
static int
suggestion_distance(const char *a, const char *b)
{
	int rows[3][MAX_NAME + 1];
	int na = (int) strlen(a);
	int nb = (int) strlen(b);

	for (int j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (int i = 1; i <= na; i++)
	{
		int *row = rows[i % 3];
		const int *before = rows[(i - 1) % 3];
		const int *before_that = rows[(i + 1) % 3];

		row[0] = i;
		for (int j = 1; j <= nb; j++)
		{
			row[j] = suggestion_least(before[j] + 1, row[j - 1] + 1,
									  before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before_that[j - 2] + 1 < row[j])
				row[j] = before_that[j - 2] + 1;
		}
	}
	return rows[na % 3][nb];
}

static const char *
suggestion_nearest(const char *const *names, size_t count, const char *name)
{
	size_t size = strlen(name);
	int best = size <= 6 ? 2 : 3;
	const char *found = NULL;

	if (size == 0 || size >= MAX_NAME)
		return NULL;
	for (size_t i = 0; i < count; i++)
	{
		int d = suggestion_distance(name, names[i]);

		if (d < best)
		{
			best = d;
			found = names[i];
		}
	}
	return found;
}

const char *
suggest_function(const char *name)
{
	return suggestion_nearest(functions, LENGTH(functions), name);
}

const char *
suggest_view(const char *name)
{
	return suggestion_nearest(views, LENGTH(views), name);
}

const char *
suggest_column(const char *name)
{
	return strlen(name) < 5 ? NULL : suggestion_nearest(columns, LENGTH(columns), name);
}

/*
 * name.c
 *		Names, identifiers and patterns; name.h has the grammar.
 *
 * Decides which names a grant reaches. A caller checks the text with the *_fault function before
 * any other use. In doubt the functions answer on the safe side: pattern_covers says no and
 * pattern_overlaps says yes. Text longer than any valid one matches nothing.
 *
 * Bounds: matching runs through both texts with one way back, to the last "*" of the segment and
 * the last "**" of the pattern. That suffices because the part before a star never gains from
 * matching later. Covering and overlapping walk over pairs of segments in arrays of fixed size.
 * All of them take at most a small multiple of size × size steps; nothing recurses or allocates.
 *
 * pattern_covers takes inner as a name in which "*" and "**" are letters that only "*" and "**"
 * of outer can match. If outer matches that, it matches every text that the letters stand for.
 */
#include "policy/name.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

/* "a/a/.../a" has 128, and a "**" at the end counts as two */
#define MAX_SEGMENTS ((NAME_MAX_BYTES + 1) / 2 + 1)

typedef struct NameSegment
{
	const char *text;
	size_t size;
	bool any;   /* "**": zero or more segments */
	bool loose; /* set for outer only: a "*" in one run with a "**" */
} NameSegment;

/* Characters of names. A table, because every call looks at each character of its name. */
static const bool name_chars[UCHAR_MAX + 1] = {['A' ... 'Z'] = true, ['a' ... 'z'] = true,
											   ['0' ... '9'] = true, ['.'] = true,
											   ['_'] = true,         ['-'] = true};

static bool
is_name_char(char c)
{
	return name_chars[(unsigned char) c];
}

static size_t
segment_size(const char *text, size_t size)
{
	const char *slash = memchr(text, '/', size);

	return slash == NULL ? size : (size_t) (slash - text);
}

static bool
is_any(const char *text, size_t size)
{
	return size == 2 && text[0] == '*' && text[1] == '*';
}

/* Check a segment. A "*" is valid only in a pattern, and "**" only as the whole segment. */
static const char *
segment_fault(const char *text, size_t size, bool pattern)
{
	if (size == 0)
		return "has an empty segment";
	if (text[0] == '.' && (size == 1 || (size == 2 && text[1] == '.')))
		return "has a segment \".\" or \"..\"";
	for (size_t i = 0; i < size; i++)
	{
		if (pattern && text[i] == '*')
		{
			if (i > 0 && text[i - 1] == '*' && size != 2)
				return "has \"**\" beside other characters in a segment";
		}
		else if (!is_name_char(text[i]))
			return pattern
				? "has a character other than A-Z, a-z, 0-9, \".\", \"_\", \"-\", \"/\" and \"*\""
				: "has a character other than A-Z, a-z, 0-9, \".\", \"_\", \"-\" and \"/\"";
	}
	return NULL;
}

static const char *
path_fault(const char *text, size_t size, bool pattern)
{
	const char *fault = NULL;
	size_t at = 0;

	if (size == 0)
		return "is empty";
	if (size > NAME_MAX_BYTES)
		return "is longer than 255 bytes";

	/* at == size after a slash: the empty segment behind it */
	while (fault == NULL && at <= size)
	{
		size_t length = segment_size(text + at, size - at);

		fault = segment_fault(text + at, length, pattern);
		at += length + 1;
	}
	return fault;
}

const char *
name_fault(const char *name, size_t size)
{
	return path_fault(name, size, false);
}

const char *
pattern_fault(const char *pattern, size_t size)
{
	return path_fault(pattern, size, true);
}

const char *
identifier_fault(const char *text, size_t size)
{
	if (size == 0)
		return "is empty";
	if (size > IDENTIFIER_MAX_BYTES)
		return "is longer than 63 bytes";
	if (text[0] == '.' && (size == 1 || (size == 2 && text[1] == '.')))
		return "is \".\" or \"..\"";
	for (size_t i = 0; i < size; i++)
		if (!is_name_char(text[i]))
			return "has a character other than A-Z, a-z, 0-9, \".\", \"_\" and \"-\"";
	return NULL;
}

/*
 * Match one segment of a pattern against one segment of text. A "*" in the text is a letter that
 * only "*" matches.
 */
static bool
segment_matches(const char *glob, size_t glob_size, const char *text, size_t text_size)
{
	size_t g = 0;
	size_t t = 0;
	size_t star = SIZE_MAX; /* position behind the last "*" of the glob */
	size_t resume = 0;      /* position in the text if that "*" takes one more */

	while (t < text_size)
	{
		if (g < glob_size && glob[g] == '*')
		{
			star = ++g;
			resume = t;
		}
		else if (g < glob_size && glob[g] == text[t])
		{
			g++;
			t++;
		}
		else if (star != SIZE_MAX)
		{
			g = star;
			t = ++resume;
		}
		else
			return false;
	}
	while (g < glob_size && glob[g] == '*')
		g++;
	return g == glob_size;
}

/*
 * Match a name. Positions are offsets of segments; one behind the size is the end. A name that
 * ends before its pattern is refused at once, since every later attempt has less of it.
 */
bool
pattern_matches(const char *pattern, size_t pattern_size, const char *name, size_t name_size)
{
	size_t p = 0;
	size_t n = 0;
	size_t star = SIZE_MAX; /* segment behind the last "**" */
	size_t resume = 0;      /* segment of the name at which it was tried */

	if (pattern_size - 1 >= NAME_MAX_BYTES || name_size - 1 >= NAME_MAX_BYTES)
		return false;

	while (n < name_size)
	{
		size_t length = segment_size(name + n, name_size - n);
		size_t globbed = p < pattern_size ? segment_size(pattern + p, pattern_size - p) : 0;

		if (globbed > 0 && is_any(pattern + p, globbed))
		{
			if (p + globbed == pattern_size)
				return true;
			star = p += globbed + 1;
			resume = n;
		}
		else if (globbed > 0 && segment_matches(pattern + p, globbed, name + n, length))
		{
			p += globbed + 1;
			n += length + 1;
		}
		else if (star != SIZE_MAX)
		{
			p = star;
			n = resume += segment_size(name + resume, name_size - resume) + 1;
		}
		else
			return false;
	}
	return p > pattern_size;
}

/*
 * Split a valid pattern into segments and return their number. A "**" at the end, which holds at
 * least one segment, becomes "**" and "*".
 */
static size_t
name_split(const char *pattern, size_t size, NameSegment segments[MAX_SEGMENTS])
{
	size_t count = 0;

	for (size_t at = 0; at < size;)
	{
		size_t length = segment_size(pattern + at, size - at);
		NameSegment *segment = &segments[count++];

		segment->text = pattern + at;
		segment->size = length;
		segment->any = is_any(pattern + at, length);
		segment->loose = false;
		at += length + 1;
	}
	if (segments[count - 1].any)
	{
		segments[count] = segments[count - 1];
		segments[count].size = 1;
		segments[count++].any = false;
	}
	return count;
}

/*
 * Normalize runs of "*" and "**", and return the new count. The order within a run means nothing:
 * k times "*" and some "**" are k or more segments. Each run with a "**" becomes k times "*",
 * marked loose, and one "**" behind.
 */
static size_t
merge_runs(NameSegment *segments, size_t count)
{
	size_t kept = 0;

	for (size_t at = 0; at < count;)
	{
		size_t start = kept;
		NameSegment gap = {.any = false};

		for (; at < count && segments[at].text[0] == '*' &&
			 (segments[at].any || segments[at].size == 1);
			 at++)
		{
			if (segments[at].any)
				gap = segments[at];
			else
				segments[kept++] = segments[at];
		}
		if (gap.any)
		{
			for (size_t i = start; i < kept; i++)
				segments[i].loose = true;
			segments[kept++] = gap;
		}
		else if (kept == start)
			segments[kept++] = segments[at++];
	}
	return kept;
}

/* Mark the state behind each "**" that is reached, because "**" may match no segment. */
static void
skip_gaps(const NameSegment *outer, size_t count, bool *reached)
{
	for (size_t i = 0; i < count; i++)
		if (reached[i] && outer[i].any)
			reached[i + 1] = true;
}

/* Step from the states reached before a segment of inner to those behind it. */
static void
cover_step(const NameSegment *outer, size_t count, const NameSegment *inner, const bool *reached,
		   bool *next)
{
	memset(next, 0, (count + 1) * sizeof(bool));
	for (size_t i = 0; i < count; i++)
	{
		if (!reached[i])
			continue;
		if (outer[i].any || (inner->any && outer[i].loose))
			next[i] = true;
		else if (!inner->any &&
				 segment_matches(outer[i].text, outer[i].size, inner->text, inner->size))
			next[i + 1] = true;
	}
	skip_gaps(outer, count, next);
}

bool
pattern_covers(const char *outer, size_t outer_size, const char *inner, size_t inner_size)
{
	NameSegment outer_segments[MAX_SEGMENTS];
	NameSegment inner_segments[MAX_SEGMENTS];
	bool states[2][MAX_SEGMENTS + 1] = {{false}};
	size_t outer_count;
	size_t inner_count;

	if (outer_size - 1 >= NAME_MAX_BYTES || inner_size - 1 >= NAME_MAX_BYTES)
		return false;
	outer_count = merge_runs(outer_segments, name_split(outer, outer_size, outer_segments));
	inner_count = name_split(inner, inner_size, inner_segments);

	states[0][0] = true;
	skip_gaps(outer_segments, outer_count, states[0]);
	for (size_t j = 0; j < inner_count; j++)
		cover_step(outer_segments, outer_count, &inner_segments[j], states[j % 2],
				   states[(j + 1) % 2]);
	return states[inner_count % 2][outer_count];
}

/*
 * Return true if some text is matched by both. In row i, row[j] is true if the first j bytes of b
 * can match the first i bytes of a.
 */
static bool
segments_overlap(const NameSegment *a, const NameSegment *b)
{
	bool row[NAME_MAX_BYTES + 1];

	row[0] = true;
	for (size_t j = 0; j < b->size; j++)
		row[j + 1] = row[j] && b->text[j] == '*';

	for (size_t i = 0; i < a->size; i++)
	{
		bool star = a->text[i] == '*';
		bool diagonal = row[0];

		row[0] = row[0] && star;
		for (size_t j = 0; j < b->size; j++)
		{
			bool above = row[j + 1];

			if (star || b->text[j] == '*')
				row[j + 1] = above || row[j];
			else
				row[j + 1] = diagonal && a->text[i] == b->text[j];
			diagonal = above;
		}
	}
	return row[b->size];
}

/*
 * Do the same over segments, with "**" in the part of "*". A "*" beside "**" is a segment like
 * others there.
 */
bool
pattern_overlaps(const char *a, size_t a_size, const char *b, size_t b_size)
{
	NameSegment as[MAX_SEGMENTS];
	NameSegment bs[MAX_SEGMENTS];
	bool row[MAX_SEGMENTS + 1];
	size_t a_count;
	size_t b_count;

	if (a_size - 1 >= NAME_MAX_BYTES || b_size - 1 >= NAME_MAX_BYTES)
		return true;
	a_count = name_split(a, a_size, as);
	b_count = name_split(b, b_size, bs);

	row[0] = true;
	for (size_t j = 0; j < b_count; j++)
		row[j + 1] = row[j] && bs[j].any;

	for (size_t i = 0; i < a_count; i++)
	{
		bool diagonal = row[0];

		row[0] = row[0] && as[i].any;
		for (size_t j = 0; j < b_count; j++)
		{
			bool above = row[j + 1];

			if (as[i].any || bs[j].any)
				row[j + 1] = above || row[j];
			else
				row[j + 1] = diagonal && segments_overlap(&as[i], &bs[j]);
			diagonal = above;
		}
	}
	return row[b_count];
}

size_t
pattern_prefix(const char *pattern, size_t size)
{
	const char *star = memchr(pattern, '*', size);

	return star == NULL ? size : (size_t) (star - pattern);
}

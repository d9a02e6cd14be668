/*
 * check.c
 *		The check of an exported trail.
 *
 * It keeps the link of each seal, and the rest of a seal only while it is open. A trail is read
 * once, tenant by tenant. A header begins each tenant.
 */
#include "evidence/offline/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SEAL_ROWS 1000000
#define MAX_UNCOVERED 10000

typedef struct Range
{
	int64_t first;
	int64_t last;
	int64_t rank;
} Range;

typedef struct CheckOpenSeal
{
	int64_t seal;
	char month[LINE_MONTH_BYTES + 1];
	char first_at[LINE_TIME_BYTES];
	char last_at[LINE_TIME_BYTES];
	unsigned char rows_hash[SHA256_BYTES];
	int64_t rows;
	int64_t seen_count;
	size_t range_count;
	Range *ranges;
	unsigned char *hashes;
	bool *seen;
	struct CheckOpenSeal *next;
} CheckOpenSeal;

typedef struct Link
{
	int64_t seal;
	int64_t rows;
	int64_t total_rows;
	unsigned char previous[SHA256_BYTES];
	unsigned char hash[SHA256_BYTES];
} Link;

/* Missing rows of a seal whose month is said to be retired. */
typedef struct Gone
{
	int64_t seal;
	int64_t missing;
	int64_t left; /* rows of the seal that are present */
	int64_t first;
	char month[LINE_MONTH_BYTES + 1];
} Gone;

typedef struct Uncovered
{
	int64_t id;
	char at[LINE_TIME_BYTES];
} Uncovered;

struct Check
{
	CheckReport report;
	void *state;
	CheckAgainst against;
	bool *met; /* for each head, whether its tenant was in the trail */
	int64_t faults;
	int64_t doubts;
	int64_t line;
	bool any; /* a header was read */

	/* State of the current tenant. */
	bool begun;
	Line header;
	char last_at[LINE_TIME_BYTES];
	char last_sealed_at[LINE_TIME_BYTES];
	CheckOpenSeal *open;
	Link *links;
	size_t link_count;
	size_t link_capacity;
	char (*retired)[LINE_MONTH_BYTES + 1];
	size_t retired_count;
	/* last month retired according to a sealed row that the checkpoint vouches for */
	char proven[LINE_MONTH_BYTES + 1];
	char claimed[LINE_MONTH_BYTES + 1]; /* the same with a row that is newer than the checkpoint */
	int64_t vouched;                    /* last seal of the checkpoint; INT64_MAX without one */
	Gone *gone;                         /* checked at the end, after the row of the retirement */
	size_t gone_count;
	size_t gone_capacity;
	int64_t rows;
	int64_t unsealed;
	Uncovered *uncovered; /* rows that no seal covers, checked at the end */
	size_t uncovered_count;
	int64_t retired_rows;
};

static void check_report(Check *check, CheckLevel level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void
check_report(Check *check, CheckLevel level, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	check->faults += level == CHECK_FAULT;
	check->doubts += level == CHECK_DOUBT;
	check->report(check->state, level, check->begun ? check->header.tenant : "", text);
}

/* Report out of memory as a fault: a trail that was not checked must not pass. */
static void *
check_grow(Check *check, void *old, size_t size)
{
	void *new = realloc(old, size > 0 ? size : 1);

	if (new == NULL)
		check_report(check, CHECK_FAULT, "line %" PRId64 ": out of memory", check->line);
	return new;
}

Check *
check_new(const CheckAgainst *against, CheckReport callback, void *state)
{
	Check *check = calloc(1, sizeof(Check));

	if (check == NULL)
		return NULL;
	check->report = callback;
	check->state = state;
	check->against = *against;
	check->met = calloc(against->head_count + 1, sizeof(bool));
	if (check->met == NULL)
	{
		free(check);
		return NULL;
	}
	return check;
}

/* ---- seals that are open ---- */

static void
free_open(CheckOpenSeal *open)
{
	free(open->ranges);
	free(open->hashes);
	free(open->seen);
	free(open);
}

static int64_t
rank_of(const CheckOpenSeal *open, int64_t id)
{
	size_t low = 0;
	size_t high = open->range_count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;
		const Range *range = &open->ranges[middle];

		if (id < range->first)
			high = middle;
		else if (id > range->last)
			low = middle + 1;
		else
			return range->rank + (id - range->first);
	}
	return -1;
}

static int64_t
id_of(const CheckOpenSeal *open, int64_t rank)
{
	size_t i = 0;

	while (i + 1 < open->range_count && open->ranges[i + 1].rank <= rank)
		i++;
	return open->ranges[i].first + (rank - open->ranges[i].rank);
}

/* Read the ranges of a seal's ids. They must be ascending, and as many as the seal says. */
static bool
read_ranges(Check *check, const Line *line, CheckOpenSeal *open)
{
	size_t capacity = 0;
	size_t at = 0;
	int64_t count = 0;
	Range range;

	while (line_next_ids(line->ids, line->ids_size, &at, &range.first, &range.last))
	{
		range.rank = count;
		if ((open->range_count > 0 && range.first <= open->ranges[open->range_count - 1].last) ||
			range.last - range.first >= MAX_SEAL_ROWS)
			return false;
		count += range.last - range.first + 1;
		if (count > MAX_SEAL_ROWS)
			return false;
		if (open->range_count == capacity)
		{
			Range *more =
				check_grow(check, open->ranges, (capacity = capacity * 2 + 16) * sizeof(Range));

			if (more == NULL)
				return false;
			open->ranges = more;
		}
		open->ranges[open->range_count++] = range;
	}
	return at == line->ids_size && count == line->rows && (count > 0 || line->missing > 0);
}

static void
open_seal(Check *check, const Line *line)
{
	CheckOpenSeal *open = calloc(1, sizeof(CheckOpenSeal));

	if (open == NULL || !read_ranges(check, line, open))
	{
		check_report(check, CHECK_FAULT, "seal %" PRId64 ": its ids are not as many as it says",
					 line->seal);
		if (open)
			free_open(open);
		return;
	}
	open->seal = line->seal;
	open->rows = line->rows;
	memcpy(open->month, line->month, sizeof(open->month));
	memcpy(open->first_at, line->first_at, sizeof(open->first_at));
	memcpy(open->last_at, line->last_at, sizeof(open->last_at));
	memcpy(open->rows_hash, line->rows_hash, SHA256_BYTES);
	open->hashes = malloc((size_t) open->rows * SHA256_BYTES + 1);
	open->seen = calloc((size_t) open->rows + 1, sizeof(bool));
	if (open->hashes == NULL || open->seen == NULL)
	{
		check_report(check, CHECK_FAULT, "seal %" PRId64 ": out of memory", line->seal);
		free_open(open);
		return;
	}
	open->next = check->open;
	check->open = open;
}

static bool
check_is_retired(const Check *check, const char *month)
{
	for (size_t i = 0; i < check->retired_count; i++)
		if (strcmp(check->retired[i], month) == 0)
			return true;
	return false;
}

static void
add_gone(Check *check, const Gone *gone)
{
	if (check->gone_count == check->gone_capacity)
	{
		size_t capacity = check->gone_capacity * 2 + 64;
		Gone *more = check_grow(check, check->gone, capacity * sizeof(Gone));

		if (more == NULL)
			return;
		check->gone = more;
		check->gone_capacity = capacity;
	}
	check->gone[check->gone_count++] = *gone;
}

static void
check_report_missing(Check *check, const CheckOpenSeal *open)
{
	Gone gone = {.seal = open->seal,
				 .missing = open->rows - open->seen_count,
				 .left = open->seen_count};
	int64_t rank = 0;

	while (open->seen[rank])
		rank++;
	gone.first = id_of(open, rank);
	memcpy(gone.month, open->month, sizeof(gone.month));
	if (check_is_retired(check, open->month))
		add_gone(check, &gone);
	else
		check_report(check, CHECK_FAULT,
					 "row deleted: %" PRId64 " rows of seal %" PRId64
					 " are missing, the first is %" PRId64,
					 gone.missing, gone.seal, gone.first);
}

/*
 * Check that a sealed row tells of the retirement. Retention goes forward in time, so the rows
 * about earlier months may be retired by now: a later month proves the earlier ones.
 */
static void
check_gone(Check *check, const Gone *gone)
{
	bool is_proven = strcmp(gone->month, check->proven) <= 0;
	bool is_claimed = strcmp(gone->month, check->claimed) <= 0;

	check->retired_rows += gone->missing;
	if (!is_proven && !is_claimed && !check->against.is_partial)
		check_report(check, CHECK_FAULT,
					 "row deleted: %" PRId64 " rows of seal %" PRId64
					 " are missing, the first is %" PRId64
					 "; no sealed row says that %s was retired",
					 gone->missing, gone->seal, gone->first, gone->month);
	else if (!is_proven)
		check_report(check, CHECK_DOUBT,
					 "%" PRId64 " rows of seal %" PRId64 " are missing: that %s was retired is %s",
					 gone->missing, gone->seal, gone->month,
					 is_claimed ? "newer than the checkpoint" : "not in this part");
	else if (gone->left > 0)
		check_report(check, CHECK_DOUBT,
					 "%" PRId64 " rows of seal %" PRId64
					 " cannot be checked: the others of %s were retired",
					 gone->left, gone->seal, gone->month);
}

static void
close_seal(Check *check, CheckOpenSeal *open)
{
	unsigned char hash[SHA256_BYTES];

	if (open->seen_count < open->rows)
		check_report_missing(check, open);
	else if (crypto_sha256(open->hashes, (size_t) open->rows * SHA256_BYTES, hash) != CRYPTO_OK ||
			 memcmp(hash, open->rows_hash, SHA256_BYTES) != 0)
		check_report(check, CHECK_FAULT,
					 "row changed: the rows of seal %" PRId64 " (ids %" PRId64 " to %" PRId64
					 ") do not give its hash",
					 open->seal, open->ranges[0].first, open->ranges[open->range_count - 1].last);
	free_open(open);
}

/* Close the seals that end before a time; all of them if it is NULL. */
static void
check_close_before(Check *check, const char *at)
{
	CheckOpenSeal **place = &check->open;

	while (*place)
	{
		CheckOpenSeal *open = *place;

		if (at && strcmp(open->last_at, at) >= 0)
			place = &open->next;
		else
		{
			*place = open->next;
			close_seal(check, open);
		}
	}
}

/* ---- the chain ---- */

static int
by_seal(const void *a, const void *b)
{
	int64_t x = ((const Link *) a)->seal;
	int64_t y = ((const Link *) b)->seal;

	return x < y ? -1 : x > y;
}

static void
check_link(Check *check, const Link *before, const Link *link)
{
	if (link->seal == before->seal)
		check_report(check, CHECK_FAULT, "seal inserted: there is more than one seal %" PRId64,
					 link->seal);
	else if (link->seal > before->seal + 1)
		check_report(check, CHECK_FAULT, "seal missing: %" PRId64 " to %" PRId64, before->seal + 1,
					 link->seal - 1);
	else if (memcmp(link->previous, before->hash, SHA256_BYTES) != 0 ||
			 link->total_rows != before->total_rows + link->rows)
		check_report(check, CHECK_FAULT,
					 "chain broken: seal %" PRId64 " does not continue seal %" PRId64
					 ", one of them was changed",
					 link->seal, before->seal);
}

static void
check_chain(Check *check)
{
	Link start = {0};

	if (check->link_count == 0)
		return;
	qsort(check->links, check->link_count, sizeof(Link), by_seal);
	if (check->links[0].seal == 1)
		check_link(check, &start, &check->links[0]);
	else if (!check->against.is_partial || strcmp(check->header.since, "-infinity") == 0)
		check_report(check, CHECK_FAULT, "head cut: the first seal is %" PRId64,
					 check->links[0].seal);
	else
		check_report(check, CHECK_NOTE, "begins at seal %" PRId64, check->links[0].seal);
	for (size_t i = 1; i < check->link_count; i++)
		check_link(check, &check->links[i - 1], &check->links[i]);
}

static void
check_head(Check *check, const SignedNote *head)
{
	const Link *last = check->link_count > 0 ? &check->links[check->link_count - 1] : NULL;

	for (size_t i = 0; i < check->link_count; i++)
	{
		const Link *link = &check->links[i];

		if (link->seal != head->seal)
			continue;
		if (memcmp(link->hash, head->hash, SHA256_BYTES) != 0 || link->total_rows != head->rows)
			check_report(check, CHECK_FAULT,
						 "chain replaced: seal %" PRId64 " is not the checkpoint's", head->seal);
		else
			check_report(check, CHECK_NOTE, "anchored until seal %" PRId64 " by the checkpoint",
						 head->seal);
		return;
	}
	if ((!check->against.is_partial || strcmp(check->header.until, "infinity") == 0) &&
		(last == NULL || last->seal < head->seal))
		check_report(check, CHECK_FAULT,
					 "tail cut: the checkpoint has %" PRId64 " seals, the trail ends at %" PRId64,
					 head->seal, last ? last->seal : 0);
	else
		check_report(check, CHECK_DOUBT,
					 "not anchored: seal %" PRId64 " of the checkpoint is not in this export",
					 head->seal);
}

static void
check_anchor(Check *check)
{
	const CheckAgainst *against = &check->against;
	bool found = false;

	for (size_t i = 0; i < against->head_count; i++)
		if (strcmp(against->heads[i].tenant, check->header.tenant) == 0)
		{
			check->met[i] = found = true;
			check_head(check, &against->heads[i]);
		}
	if (found || (check->link_count == 0 && check->rows == 0))
		return;
	if (against->has_checkpoint)
		check_report(check, CHECK_DOUBT, "not anchored: the checkpoint does not name this tenant");
	else
		check_report(check, CHECK_NOTE, "not anchored: the newest part may have been cut off");
}

/* The header is not signed, so it decides nothing unless the auditor says that this is a part. */
static void
tell_part(Check *check)
{
	if (strcmp(check->header.since, "-infinity") == 0 &&
		strcmp(check->header.until, "infinity") == 0)
		return;
	if (check->against.is_partial)
		check_report(check, CHECK_DOUBT, "a part, as its header says: from %s until %s",
					 check->header.since, check->header.until);
	else
		check_report(
			check, CHECK_NOTE,
			"its header says that it is a part, from %s until %s, and nothing confirms that",
			check->header.since, check->header.until);
}

/* Rows newer than the newest seal may not have been sealed yet. */
static void
check_uncovered(Check *check)
{
	for (size_t i = 0; i < check->uncovered_count; i++)
	{
		Uncovered *row = &check->uncovered[i];

		if (strcmp(row->at, check->last_sealed_at) > 0)
			check->unsealed++;
		else
			check_report(check, CHECK_FAULT, "row not covered: no seal has row %" PRId64 " of %s",
						 row->id, row->at);
	}
	free(check->uncovered);
	check->uncovered = NULL;
	check->uncovered_count = 0;
}

static void
end_tenant(Check *check)
{
	if (!check->begun)
		return;
	check_close_before(check, NULL);
	check_uncovered(check);
	for (size_t i = 0; i < check->gone_count; i++)
		check_gone(check, &check->gone[i]);
	tell_part(check);
	check_chain(check);
	check_anchor(check);
	check_report(check, CHECK_NOTE,
				 "%" PRId64 " rows in %zu seals, %" PRId64 " rows not sealed yet, %" PRId64
				 " rows retired",
				 check->rows, check->link_count, check->unsealed, check->retired_rows);
	free(check->links);
	free(check->retired);
	free(check->gone);
	check->links = NULL;
	check->retired = NULL;
	check->gone = NULL;
	check->gone_count = check->gone_capacity = 0;
	check->proven[0] = check->claimed[0] = '\0';
	check->link_count = check->link_capacity = check->retired_count = 0;
	check->rows = check->unsealed = check->retired_rows = 0;
	check->last_at[0] = check->last_sealed_at[0] = '\0';
	check->begun = false;
}

/* ---- lines ---- */

static void
take_seal(Check *check, const Line *line, const char *text, size_t size)
{
	Link link = {.seal = line->seal, .rows = line->rows, .total_rows = line->total_rows};

	memcpy(link.previous, line->previous, SHA256_BYTES);
	if (crypto_sha256(text, size, link.hash) != CRYPTO_OK)
		check_report(check, CHECK_FAULT, "line %" PRId64 ": no hash", check->line);
	if (check->link_count == check->link_capacity)
	{
		size_t capacity = check->link_capacity * 2 + 64;
		Link *more = check_grow(check, check->links, capacity * sizeof(Link));

		if (more == NULL)
			return;
		check->links = more;
		check->link_capacity = capacity;
	}
	check->links[check->link_count++] = link;
	if (line->missing > 0)
		check_report(check, CHECK_FAULT,
					 "row deleted: %" PRId64 " rows were deleted or exchanged before seal %" PRId64
					 " could cover them",
					 line->missing, line->seal);
	if (strcmp(line->sealed_at, check->last_sealed_at) > 0)
		memcpy(check->last_sealed_at, line->sealed_at, LINE_TIME_BYTES);
	/* In a part, seals outside the period only link others. */
	if (!check->against.is_partial ||
		(strcmp(line->first_at, check->header.until) < 0 &&
		 strcmp(line->last_at, check->header.since) >= 0))
		open_seal(check, line);
}

static void
check_take_uncovered(Check *check, const Line *line)
{
	if (check->uncovered == NULL)
		check->uncovered = check_grow(check, NULL, MAX_UNCOVERED * sizeof(Uncovered));
	if (check->uncovered == NULL || check->uncovered_count == MAX_UNCOVERED)
	{
		check_report(check, CHECK_FAULT,
					 "row not covered: no seal has row %" PRId64 ", nor many others", line->id);
		return;
	}
	check->uncovered[check->uncovered_count].id = line->id;
	memcpy(check->uncovered[check->uncovered_count++].at, line->at, LINE_TIME_BYTES);
}

/* A forger of rows can forge seals for them, but not those that the checkpoint has. */
static void
take_retirement(Check *check, const Line *line, int64_t seal)
{
	char *last = seal <= check->vouched ? check->proven : check->claimed;

	if (strcmp(line->retires, last) > 0)
		memcpy(last, line->retires, sizeof(line->retires));
}

static void
check_take_row(Check *check, const Line *line, const char *text, size_t size)
{
	CheckOpenSeal *open;
	int64_t rank = -1;

	check->rows++;
	if (strcmp(line->at, check->last_at) < 0)
		check_report(check, CHECK_FAULT, "row %" PRId64 " is not in its place", line->id);
	memcpy(check->last_at, line->at, LINE_TIME_BYTES);
	check_close_before(check, line->at);
	for (open = check->open; open; open = open->next)
		if ((rank = rank_of(open, line->id)) >= 0)
			break;
	if (open == NULL)
		check_take_uncovered(check, line);
	else if (open->seen[rank])
		check_report(check, CHECK_FAULT, "row inserted: row %" PRId64 " is there twice", line->id);
	else
	{
		open->seen[rank] = true;
		open->seen_count++;
		take_retirement(check, line, open->seal);
		if (crypto_sha256(text, size, open->hashes + rank * SHA256_BYTES) != CRYPTO_OK)
			check_report(check, CHECK_FAULT, "line %" PRId64 ": no hash", check->line);
	}
}

static void
take_retired(Check *check, const Line *line)
{
	char(*more)[LINE_MONTH_BYTES + 1] =
		check_grow(check, check->retired, (check->retired_count + 1) * sizeof(*more));

	if (more == NULL)
		return;
	check->retired = more;
	memcpy(check->retired[check->retired_count++], line->month, sizeof(*more));
}

static void
begin_tenant(Check *check, const Line *line)
{
	const CheckAgainst *against = &check->against;

	check->header = *line;
	check->begun = check->any = true;
	check->vouched = against->has_checkpoint ? 0 : INT64_MAX;
	for (size_t i = 0; i < against->head_count; i++)
		if (strcmp(against->heads[i].tenant, line->tenant) == 0)
			check->vouched = against->heads[i].seal;
}

void
check_line(Check *check, const char *text, size_t size)
{
	Line line;

	check->line++;
	if (size == 0)
		return;
	if (!line_read(text, size, &line))
	{
		check_report(check, CHECK_FAULT, "line %" PRId64 " is not one of an exported trail",
					 check->line);
		return;
	}
	if (line.kind == LINE_HEADER)
	{
		end_tenant(check);
		begin_tenant(check, &line);
	}
	else if (!check->begun || strcmp(line.tenant, check->header.tenant) != 0)
		check_report(check, CHECK_FAULT,
					 "line %" PRId64 " is not of the tenant that the export announced",
					 check->line);
	else if (line.kind == LINE_SEAL)
		take_seal(check, &line, text, size);
	else if (line.kind == LINE_ROW)
		check_take_row(check, &line, text, size);
	else
		take_retired(check, &line);
}

int64_t
check_end(Check *check)
{
	size_t unmet = 0;

	if (!check->any)
		check_report(check, CHECK_FAULT, "the trail is empty");
	end_tenant(check);
	for (size_t i = 0; i < check->against.head_count; i++)
		if (!check->met[i] && check->against.all_tenants)
			check_report(check, CHECK_FAULT, "tenant missing: the checkpoint has %s",
						 check->against.heads[i].tenant);
		else
			unmet += !check->met[i];
	if (unmet > 0)
		check_report(check, CHECK_NOTE, "%zu tenants of the checkpoint are not in this export",
					 unmet);
	return check->faults;
}

int64_t
check_doubts(const Check *check)
{
	return check->doubts;
}

void
check_free(Check *check)
{
	while (check->open)
	{
		CheckOpenSeal *open = check->open;

		check->open = open->next;
		free_open(open);
	}
	free(check->uncovered);
	free(check->links);
	free(check->retired);
	free(check->gone);
	free(check->met);
	free(check);
}

/*
 * lines.c
 *		A cursor that consumes the text that it expects. After the first mismatch it stays failed.
 */
#include "evidence/offline/lines.h"

#include <string.h>

#include "evidence/signed_note.h"

typedef struct Cursor
{
	const char *at;
	const char *end;
	bool failed;
} Cursor;

static bool
lines_stands(const Cursor *c, const char *text)
{
	size_t size = strlen(text);

	return !c->failed && (size_t) (c->end - c->at) >= size && memcmp(c->at, text, size) == 0;
}

static void
lines_expect(Cursor *c, const char *text)
{
	if (lines_stands(c, text))
		c->at += strlen(text);
	else
		c->failed = true;
}

/* Consume a string without escapes that has only the allowed characters, and its closing quote. */
static const char *
lines_take_string(Cursor *c, const char *allowed, size_t *size)
{
	const char *start = c->at;

	*size = 0;
	if (c->failed)
		return start;
	while (c->at < c->end && *c->at != '\0' && strchr(allowed, *c->at) != NULL)
		c->at++;
	*size = (size_t) (c->at - start);
	lines_expect(c, "\"");
	return start;
}

/* Consume a name and a string, and copy the string with a NUL into "room" bytes. */
static void
take_text(Cursor *c, const char *name, const char *allowed, char *out, size_t room)
{
	const char *start;
	size_t size;

	lines_expect(c, name);
	start = lines_take_string(c, allowed, &size);
	if (c->failed || size == 0 || size >= room)
	{
		c->failed = true;
		return;
	}
	memcpy(out, start, size);
	out[size] = '\0';
}

static void
lines_take_time(Cursor *c, const char *name, char out[LINE_TIME_BYTES])
{
	take_text(c, name, "0123456789-:.TZinfty", out, LINE_TIME_BYTES);
}

static void
lines_take_number(Cursor *c, const char *name, int64_t *number)
{
	size_t used;

	lines_expect(c, name);
	if (c->failed)
		return;
	used = parse_number(c->at, (size_t) (c->end - c->at), number);
	c->failed = used == 0;
	c->at += used;
}

static int
lines_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void
take_hash(Cursor *c, const char *name, unsigned char hash[SHA256_BYTES])
{
	char text[2 * SHA256_BYTES + 1];

	take_text(c, name, "0123456789abcdef", text, sizeof(text));
	if (c->failed || strlen(text) != 2 * SHA256_BYTES)
	{
		c->failed = true;
		return;
	}
	for (int i = 0; i < SHA256_BYTES; i++)
		hash[i] =
			(unsigned char) (lines_hex_digit(text[2 * i]) * 16 + lines_hex_digit(text[2 * i + 1]));
}

static void
read_seal(Cursor *c, Line *line)
{
	line->kind = LINE_SEAL;
	lines_take_number(c, ",\"seal\":", &line->seal);
	take_hash(c, ",\"previous\":\"", line->previous);
	take_text(c, ",\"month\":\"", "0123456789-", line->month, sizeof(line->month));
	lines_take_time(c, ",\"first_at\":\"", line->first_at);
	lines_take_time(c, ",\"last_at\":\"", line->last_at);
	lines_take_number(c, ",\"rows\":", &line->rows);
	lines_take_number(c, ",\"without_mac\":", &line->without_mac);
	if (lines_stands(c, ",\"missing\":"))
		lines_take_number(c, ",\"missing\":", &line->missing);
	lines_take_number(c, ",\"total_rows\":", &line->total_rows);
	take_hash(c, ",\"rows_hash\":\"", line->rows_hash);
	lines_take_time(c, ",\"sealed_at\":\"", line->sealed_at);
	lines_expect(c, ",\"ids\":\"");
	line->ids = lines_take_string(c, "0123456789-,", &line->ids_size);
	lines_expect(c, "}");
	c->failed = c->failed || c->at != c->end;
}

/*
 * Find the row of the retention job, which writes one for each month. Before the operation there
 * are numbers and strings, in which a quote has a backslash before it, so the first such member is
 * that of the row.
 */
static void
read_retirement(Cursor c, Line *line)
{
	static const char operation[] = ",\"operation\":\"";
	int64_t rows;

	while (c.at < c.end && !lines_stands(&c, operation))
		c.at++;
	lines_expect(&c, operation);
	lines_expect(&c, "retire\",\"decision\":\"allow\",\"object_kind\":\"audit_log\"");
	lines_take_number(&c, ",\"reason\":\"", &rows);
	lines_expect(&c, " rows of ");
	if (c.failed || c.end - c.at < LINE_MONTH_BYTES)
		return;
	memcpy(line->retires, c.at, LINE_MONTH_BYTES);
	c.at += LINE_MONTH_BYTES;
	lines_expect(&c, ", as the retention asks\"");
	if (c.failed || strspn(line->retires, "0123456789-") != LINE_MONTH_BYTES)
		line->retires[0] = '\0';
}

static void
read_row(Cursor *c, Line *line)
{
	line->kind = LINE_ROW;
	lines_take_number(c, ",\"id\":", &line->id);
	lines_take_time(c, ",\"at\":\"", line->at);
	lines_expect(c, ",\"xid\":");
	read_retirement(*c, line);
	c->failed = c->failed || c->end[-1] != '}';
}

static void
lines_read_header(Cursor *c, Line *line)
{
	line->kind = LINE_HEADER;
	lines_expect(c, ",\"trail\":\"vault audit v1\"");
	lines_take_time(c, ",\"since\":\"", line->since);
	lines_take_time(c, ",\"until\":\"", line->until);
}

static void
read_retired(Cursor *c, Line *line)
{
	line->kind = LINE_RETIRED;
	take_text(c, ",\"retired\":\"", "0123456789-", line->month, sizeof(line->month));
	lines_take_number(c, ",\"rows\":", &line->rows);
	lines_expect(c, "}");
	c->failed = c->failed || c->at != c->end;
}

bool
line_read(const char *text, size_t size, Line *line)
{
	Cursor c = {text, text + size, size > LINE_MAX_BYTES || size == 0};

	memset(line, 0, sizeof(*line));
	take_text(&c, "{\"tenant_id\":\"", "0123456789abcdef-", line->tenant, sizeof(line->tenant));
	if (lines_stands(&c, ",\"id\":"))
		read_row(&c, line);
	else if (lines_stands(&c, ",\"seal\":"))
		read_seal(&c, line);
	else if (lines_stands(&c, ",\"trail\":"))
		lines_read_header(&c, line);
	else if (lines_stands(&c, ",\"retired\":"))
		read_retired(&c, line);
	else
		return false;
	return !c.failed;
}

bool
line_next_ids(const char *ids, size_t size, size_t *at, int64_t *first, int64_t *last)
{
	size_t next = *at;
	size_t used;

	if (next >= size)
		return false;
	if (next > 0 && ids[next++] != ',')
		return false;
	used = parse_number(ids + next, size - next, first);
	*last = *first;
	next += used;
	if (used > 0 && next < size && ids[next] == '-')
	{
		next++;
		used = parse_number(ids + next, size - next, last);
		next += used;
	}
	if (used == 0 || *last < *first)
		return false;
	*at = next;
	return true;
}

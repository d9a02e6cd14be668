/*
 * json_text.c
 *		A strict reader of JSON (RFC 8259) that keeps the text as it is.
 *
 * json_text_fault() walks the whole text once and keeps every member's name. The other functions
 * may walk a text that it has accepted without further checks. Depth is bounded, and names are
 * compared after sorting, so that the work grows with n log n.
 */
#include "type/json_text.h"

#include <stdlib.h>
#include <string.h>

#include "type/type.h"

#define NOT_AN_OBJECT "it is not a JSON object"

typedef struct Name
{
	unsigned object; /* number of the object that has the member */
	JsonPart part;
} Name;

typedef struct Reader
{
	const char *at;
	const char *end;
	int depth; /* remaining depth */
	unsigned objects;
	Name *names;
	size_t count;
	size_t room;
	const char *fault;
} Reader;

/* ---- characters ---- */

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Read four hex digits; return -1 if there are not four. */
static int
hex_unit(const char *at, const char *end)
{
	int unit = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int digit = hex_value(at[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* Read a character of several bytes; return -1 if the bytes are not UTF-8. */
static int32_t
utf8_character(const char **at, const char *end)
{
	const unsigned char *p = (const unsigned char *) *at;
	int more = *p >= 0xf0 && *p <= 0xf4 ? 3
		: *p >= 0xe0 && *p <= 0xef      ? 2
		: *p >= 0xc2 && *p <= 0xdf      ? 1
										: -1;
	int32_t character = more == 3 ? *p & 0x07 : more == 2 ? *p & 0x0f : *p & 0x1f;

	if (more < 0 || end - *at <= more)
		return -1;
	for (int i = 1; i <= more; i++)
	{
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		character = character << 6 | (p[i] & 0x3f);
	}
	if ((more == 2 && (character < 0x800 || (character >= 0xd800 && character < 0xe000))) ||
		(more == 3 && (character < 0x10000 || character > 0x10ffff)))
		return -1;
	*at += more + 1;
	return character;
}

enum
{
	BAD_CHARACTER = -1,
	BAD_ESCAPE = -2,
	BAD_SURROGATE = -3
};

/* Read the character behind a backslash. */
static int32_t
escaped_character(const char **at, const char *end)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *simple = *at < end && **at ? strchr(from, **at) : NULL;
	int unit;
	int low;

	if (simple)
	{
		++*at;
		return to[simple - from];
	}
	unit = *at < end && **at == 'u' ? hex_unit(*at + 1, end) : -1;
	if (unit < 0)
		return BAD_ESCAPE;
	*at += 5;
	if (unit < 0xd800 || unit > 0xdfff)
		return unit;
	low = unit < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u'
		? hex_unit(*at + 2, end)
		: -1;
	if (low < 0xdc00 || low > 0xdfff)
		return BAD_SURROGATE;
	*at += 6;
	return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

/* Read the next character of a string; return a negative fault if there is none. */
static int32_t
next_character(const char **at, const char *end)
{
	unsigned char c = **at;

	if (c == '\\')
	{
		++*at;
		return escaped_character(at, end);
	}
	if (c < ' ')
		return BAD_ESCAPE;
	if (c >= 0x80)
		return utf8_character(at, end);
	++*at;
	return c;
}

/* ---- checking ---- */

static bool
json_text_fail(Reader *reader, const char *fault)
{
	if (reader->fault == NULL)
		reader->fault = fault;
	return false;
}

static void
json_text_skip_blanks(const char **at, const char *end)
{
	while (*at < end && memchr(" \t\r\n", **at, 4))
		++*at;
}

static bool
json_text_take(Reader *reader, char wanted)
{
	json_text_skip_blanks(&reader->at, reader->end);
	if (reader->at == reader->end || *reader->at != wanted)
		return false;
	reader->at++;
	return true;
}

static bool
read_string(Reader *reader, JsonPart *part)
{
	json_text_skip_blanks(&reader->at, reader->end);
	part->at = reader->at;
	if (!json_text_take(reader, '"'))
		return json_text_fail(reader, NOT_AN_OBJECT);
	while (reader->at < reader->end && *reader->at != '"')
	{
		int32_t character = next_character(&reader->at, reader->end);

		if (character == BAD_CHARACTER)
			return json_text_fail(reader, "it is JSON that is not UTF-8");
		if (character == BAD_SURROGATE)
			return json_text_fail(reader, "it is JSON with half of a surrogate pair");
		if (character < 0)
			return json_text_fail(reader, NOT_AN_OBJECT);
	}
	if (!json_text_take(reader, '"'))
		return json_text_fail(reader, NOT_AN_OBJECT);
	part->size = reader->at - part->at;
	return true;
}

static bool
json_text_digits(Reader *reader)
{
	const char *from = reader->at;

	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
		reader->at++;
	return reader->at > from;
}

static bool
read_number(Reader *reader)
{
	const char *from;

	if (*reader->at == '-')
		reader->at++;
	from = reader->at;
	if (!json_text_digits(reader) || (*from == '0' && reader->at - from > 1))
		return json_text_fail(reader, NOT_AN_OBJECT);
	if (reader->at < reader->end && *reader->at == '.')
	{
		reader->at++;
		if (!json_text_digits(reader))
			return json_text_fail(reader, NOT_AN_OBJECT);
	}
	if (reader->at < reader->end && (*reader->at | 0x20) == 'e')
	{
		reader->at++;
		if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
			reader->at++;
		if (!json_text_digits(reader))
			return json_text_fail(reader, NOT_AN_OBJECT);
	}
	return true;
}

static bool
json_text_read_word(Reader *reader)
{
	static const char *const words[] = {"true", "false", "null"};

	for (int i = 0; i < 3; i++)
	{
		size_t size = strlen(words[i]);

		if ((size_t) (reader->end - reader->at) >= size && memcmp(reader->at, words[i], size) == 0)
		{
			reader->at += size;
			return true;
		}
	}
	return json_text_fail(reader, NOT_AN_OBJECT);
}

static bool
note_name(Reader *reader, unsigned object, JsonPart name)
{
	if (reader->count == reader->room)
	{
		size_t room = reader->room ? reader->room * 2 : 32;
		Name *names = realloc(reader->names, room * sizeof(Name));

		if (names == NULL)
			return json_text_fail(reader, TYPE_NO_MEMORY);
		reader->names = names;
		reader->room = room;
	}
	reader->names[reader->count].object = object;
	reader->names[reader->count++].part = name;
	return true;
}

static bool json_text_read_value(Reader *reader);

static bool
read_members(Reader *reader)
{
	unsigned object = reader->objects++;
	JsonPart name;

	if (json_text_take(reader, '}'))
		return true;
	do
	{
		if (!read_string(reader, &name) || !note_name(reader, object, name))
			return false;
		if (!json_text_take(reader, ':'))
			return json_text_fail(reader, NOT_AN_OBJECT);
		if (!json_text_read_value(reader))
			return false;
	} while (json_text_take(reader, ','));
	return json_text_take(reader, '}') || json_text_fail(reader, NOT_AN_OBJECT);
}

static bool
read_elements(Reader *reader)
{
	if (json_text_take(reader, ']'))
		return true;
	do
	{
		if (!json_text_read_value(reader))
			return false;
	} while (json_text_take(reader, ','));
	return json_text_take(reader, ']') || json_text_fail(reader, NOT_AN_OBJECT);
}

static bool
read_container(Reader *reader, bool is_object)
{
	bool read;

	if (reader->depth-- == 0)
		return json_text_fail(reader, "it is JSON nested deeper than 8");
	read = is_object ? read_members(reader) : read_elements(reader);
	reader->depth++;
	return read;
}

static bool
json_text_read_value(Reader *reader)
{
	JsonPart part;

	if (json_text_take(reader, '{'))
		return read_container(reader, true);
	if (json_text_take(reader, '['))
		return read_container(reader, false);
	if (reader->at == reader->end)
		return json_text_fail(reader, NOT_AN_OBJECT);
	if (*reader->at == '"')
		return read_string(reader, &part);
	if (*reader->at == '-' || (*reader->at >= '0' && *reader->at <= '9'))
		return read_number(reader);
	return json_text_read_word(reader);
}

/* Compare strings by their characters, regardless of escapes. */
static int
compare_strings(JsonPart a, JsonPart b)
{
	const char *x = a.at + 1;
	const char *y = b.at + 1;
	const char *x_end = a.at + a.size - 1;
	const char *y_end = b.at + b.size - 1;

	while (x < x_end && y < y_end)
	{
		int32_t one = next_character(&x, x_end);
		int32_t other = next_character(&y, y_end);

		if (one != other)
			return one < other ? -1 : 1;
	}
	return (x < x_end) - (y < y_end);
}

static int
compare_names(const void *a, const void *b)
{
	const Name *x = a;
	const Name *y = b;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	return compare_strings(x->part, y->part);
}

static bool
has_name_twice(Reader *reader)
{
	if (reader->count > 1)
		qsort(reader->names, reader->count, sizeof(Name), compare_names);
	for (size_t i = 1; i < reader->count; i++)
		if (compare_names(&reader->names[i - 1], &reader->names[i]) == 0)
			return true;
	return false;
}

const char *
json_text_fault(const void *text, size_t size, JsonPart *object)
{
	return json_text_fault_within(JSON_TEXT_DEPTH, text, size, object);
}

const char *
json_text_fault_within(int depth, const void *text, size_t size, JsonPart *object)
{
	Reader reader = {.at = text, .end = (const char *) text + size, .depth = depth};

	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return "it begins with a byte order mark, which JSON does not have";
	json_text_skip_blanks(&reader.at, reader.end);
	object->at = reader.at;
	if (reader.at == reader.end || *reader.at != '{')
		return NOT_AN_OBJECT;
	if (json_text_read_value(&reader))
	{
		object->size = reader.at - object->at;
		json_text_skip_blanks(&reader.at, reader.end);
		if (reader.at < reader.end)
			json_text_fail(&reader, NOT_AN_OBJECT);
		else if (has_name_twice(&reader))
			json_text_fail(&reader, "it is JSON with two members of one name");
	}
	free(reader.names);
	return reader.fault;
}

bool
json_text_is_utf8(const char *text)
{
	const char *end = text + strlen(text);

	while (text < end)
		if ((unsigned char) *text < 0x80)
			text++;
		else if (utf8_character(&text, end) < 0)
			return false;
	return true;
}

/* ---- reading checked text ---- */

PartKind
part_kind(JsonPart part)
{
	switch (*part.at)
	{
		case '{':
			return PART_OBJECT;
		case '[':
			return PART_ARRAY;
		case '"':
			return PART_STRING;
		case 't':
		case 'f':
			return PART_BOOLEAN;
		case 'n':
			return PART_NULL;
		default:
			return PART_NUMBER;
	}
}

static const char *
string_end(const char *at)
{
	for (at++; *at != '"'; at++)
		if (*at == '\\')
			at++;
	return at + 1;
}

/* Return the position behind the value that begins here. */
static const char *
value_end(const char *at, const char *end)
{
	int depth = 0;

	if (*at != '{' && *at != '[' && *at != '"')
	{
		while (at < end && !memchr(",]} \t\r\n", *at, 7))
			at++;
		return at;
	}
	do
	{
		if (*at == '"')
			at = string_end(at);
		else
		{
			depth += *at == '{' || *at == '[';
			depth -= *at == '}' || *at == ']';
			at++;
		}
	} while (depth > 0);
	return at;
}

PartWalk
part_walk(JsonPart container)
{
	PartWalk walk = {container.at + 1, container.at + container.size - 1, *container.at == '{'};

	return walk;
}

static JsonPart
take_part(PartWalk *walk)
{
	JsonPart part;

	json_text_skip_blanks(&walk->at, walk->end);
	part.at = walk->at;
	walk->at = value_end(walk->at, walk->end);
	part.size = walk->at - part.at;
	json_text_skip_blanks(&walk->at, walk->end);
	return part;
}

bool
part_next(PartWalk *walk, JsonPart *name, JsonPart *value)
{
	json_text_skip_blanks(&walk->at, walk->end);
	if (walk->at == walk->end)
		return false;
	if (walk->in_object)
	{
		JsonPart found = take_part(walk);

		if (name)
			*name = found;
		walk->at++; /* the colon */
	}
	*value = take_part(walk);
	if (walk->at < walk->end)
		walk->at++; /* the comma */
	return true;
}

bool
part_says(JsonPart string, const char *text)
{
	const char *at = string.at + 1;
	const char *end = string.at + string.size - 1;
	const char *text_end = text + strlen(text);

	while (at < end && text < text_end)
	{
		int32_t wanted = (unsigned char) *text < 0x80 ? *text++ : utf8_character(&text, text_end);

		if (wanted < 0 || next_character(&at, end) != wanted)
			return false;
	}
	return at == end && text == text_end;
}

bool
part_member(JsonPart object, const char *name, JsonPart *member)
{
	PartWalk walk = part_walk(object);
	JsonPart found;
	JsonPart value;

	while (part_next(&walk, &found, &value))
		if (part_says(found, name))
		{
			*member = value;
			return true;
		}
	return false;
}

static size_t
put_utf8(char *to, int32_t character)
{
	if (character < 0x80)
	{
		to[0] = character;
		return 1;
	}
	if (character < 0x800)
	{
		to[0] = 0xc0 | character >> 6;
		to[1] = 0x80 | (character & 0x3f);
		return 2;
	}
	if (character < 0x10000)
	{
		to[0] = 0xe0 | character >> 12;
		to[1] = 0x80 | (character >> 6 & 0x3f);
		to[2] = 0x80 | (character & 0x3f);
		return 3;
	}
	to[0] = 0xf0 | character >> 18;
	to[1] = 0x80 | (character >> 12 & 0x3f);
	to[2] = 0x80 | (character >> 6 & 0x3f);
	to[3] = 0x80 | (character & 0x3f);
	return 4;
}

char *
part_string(JsonPart string, size_t *size)
{
	const char *at = string.at + 1;
	const char *end = string.at + string.size - 1;
	char *out = malloc(string.size); /* no escape is shorter than its character */
	size_t length = 0;

	if (out == NULL)
		return NULL;
	while (at < end)
		length += put_utf8(out + length, next_character(&at, end));
	out[length] = '\0';
	if (size)
		*size = length;
	return out;
}

size_t
part_string_size(JsonPart string)
{
	const char *at = string.at + 1;
	const char *end = string.at + string.size - 1;
	char bytes[4];
	size_t size = 0;

	while (at < end)
		size += put_utf8(bytes, next_character(&at, end));
	return size;
}

bool
part_has_controls(JsonPart string)
{
	const char *at = string.at + 1;
	const char *end = string.at + string.size - 1;

	while (at < end)
	{
		int32_t character = next_character(&at, end);

		if (character < ' ' || character == 0x7f)
			return true;
	}
	return false;
}

/* Read digits, and cut off a fraction. A number with an exponent is read as a double. */
static bool
json_text_seconds_of(const char *text, int64_t *seconds)
{
	size_t whole = strspn(text, "0123456789");
	const char *rest = text + whole;
	char *end;
	double number;

	if (whole == 0)
		return false;
	if (*rest == '.' && rest[1] && strspn(rest + 1, "0123456789") == strlen(rest + 1))
		rest += strlen(rest);
	if (*rest == '\0' && whole <= 18)
	{
		*seconds = strtoll(text, NULL, 10);
		return true;
	}
	number = strtod(text, &end);
	if (*end || !(number >= 0 && number < 1e18))
		return false;
	*seconds = (int64_t) number;
	return true;
}

bool
part_seconds(JsonPart part, int64_t *seconds)
{
	bool quoted = part_kind(part) == PART_STRING;
	char text[64];
	size_t size = quoted ? part.size - 2 : part.size;

	if ((!quoted && part_kind(part) != PART_NUMBER) || size >= sizeof(text))
		return false;
	memcpy(text, part.at + (quoted ? 1 : 0), size);
	text[size] = '\0';
	if (strlen(text) != size || strspn(text, "0123456789.eE+-") != size)
		return false;
	return json_text_seconds_of(text, seconds);
}

/* Read this many digits as a number; return -1 if there are fewer. */
static int
number_at(const char **at, int count)
{
	int number = 0;

	for (int i = 0; i < count; i++)
	{
		if (**at < '0' || **at > '9')
			return -1;
		number = number * 10 + (*(*at)++ - '0');
	}
	return number;
}

/* Return the days from 1970-01-01 to a day of the Gregorian calendar. */
static int64_t
days_to(int year, int month, int day)
{
	int shifted = month <= 2 ? year - 1 : year; /* years begin in March */
	int era = shifted / 400;
	int of_era = shifted - era * 400;
	int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return (int64_t) era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/*
 * Read Z, or the distance from UTC in seconds. Returns false if there is no zone, or if text
 * follows it.
 */
static bool
zone_at(const char *at, int *seconds)
{
	int sign = *at == '-' ? -1 : 1;
	int hours;
	int minutes;

	*seconds = 0;
	if (strcmp(at, "Z") == 0 || strcmp(at, "z") == 0)
		return true;
	if (*at != '+' && *at != '-')
		return false;
	at++;
	hours = number_at(&at, 2);
	if (*at == ':')
		at++;
	minutes = number_at(&at, 2);
	*seconds = sign * (hours * 3600 + minutes * 60);
	return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60 && *at == '\0';
}

/* Read "HH:MM:SS" and a fraction, as seconds of the day; return -1 if the text is not a time. */
static int
clock_at(const char **at)
{
	int hour = number_at(at, 2);
	int minute = hour >= 0 && *(*at)++ == ':' ? number_at(at, 2) : -1;
	int second = minute >= 0 && *(*at)++ == ':' ? number_at(at, 2) : -1;

	if (second < 0 || hour > 23 || minute > 59 || second > 60)
		return -1;
	if (**at == '.')
	{
		++*at;
		if (strspn(*at, "0123456789") == 0)
			return -1;
		*at += strspn(*at, "0123456789");
	}
	return hour * 3600 + minute * 60 + second;
}

bool
part_instant(JsonPart part, int64_t *seconds)
{
	char text[64];
	const char *at = text;
	int year;
	int month;
	int day;
	int clock;
	int zone;

	if (part_kind(part) != PART_STRING || part.size - 2 >= sizeof(text))
		return false;
	memcpy(text, part.at + 1, part.size - 2);
	text[part.size - 2] = '\0';
	year = number_at(&at, 4);
	month = year >= 0 && *at++ == '-' ? number_at(&at, 2) : -1;
	day = month >= 0 && *at++ == '-' ? number_at(&at, 2) : -1;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31 || !memchr("Tt ", *at, 3))
		return false;
	at++;
	clock = clock_at(&at);
	if (clock < 0 || !zone_at(at, &zone))
		return false;
	*seconds = days_to(year, month, day) * 86400 + clock - zone;
	return true;
}

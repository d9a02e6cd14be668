/*
 * database_parse.c
 *		Read a connection to a database from JSON, a URL or a conninfo.
 *
 * All forms are read into members and other settings. A setting that is no member is kept as text,
 * or, from JSON, as it was written.
 */
#include "type/database_parse.h"

#include <stdlib.h>
#include <string.h>

#include "type/json_text.h"
#include "type/text.h"
#include "type/type.h"

/*
 * Return a string without zero bytes. Sets *rule, to NULL on success; on failure it returns NULL.
 * Failures are a zero byte and a lack of memory.
 */
static char *
database_text_of(JsonPart string, const char **rule)
{
	size_t size;
	char *text = part_string(string, &size);

	*rule = text == NULL ? TYPE_NO_MEMORY : strlen(text) != size ? "it has a zero byte" : NULL;
	if (*rule == NULL)
		return text;
	value_free(text);
	return NULL;
}

static const char *read_url(const char *value, size_t size, Connection *connection);
static bool is_url(const char *value);

/*
 * Read one member of JSON. For a member of the connection, null means that it is absent; for
 * another setting, null is its value.
 */
static const char *
read_member(Connection *connection, const char *name, JsonPart part)
{
	PartKind kind = part_kind(part);
	bool is_member = database_member_of(name) < MEMBERS || strcmp(name, "url") == 0;
	const char *rule;
	char *text;

	if (is_member && kind == PART_NULL)
		return NULL;
	if (is_member && kind != PART_STRING &&
		!(kind == PART_NUMBER && database_member_of(name) == PORT))
		return "a member of a connection is not a string";
	text = kind == PART_STRING ? database_text_of(part, &rule) : value_copy(part.at, part.size);
	if (kind == PART_STRING && rule)
		return rule;
	if (strcmp(name, "url") != 0)
		return database_set(connection, name, text, kind != PART_STRING);
	connection->url = text;
	return text ? NULL : TYPE_NO_MEMORY;
}

/* Merge the URL into the members. It must agree with them, and gives those that are missing. */
static const char *
merge_url(Connection *connection)
{
	Connection said = {0};
	const char *rule = !is_url(connection->url) ? "its url is not a URL"
		: strlen(connection->url) > MAX_URL
		? "its url is longer than 16 kB"
		: read_url(connection->url, strlen(connection->url), &said);

	database_strip_zeros(connection->member[PORT]);
	database_strip_zeros(said.member[PORT]);
	for (int i = HOST; i < MEMBERS && rule == NULL; i++)
	{
		char **member = &connection->member[i];

		if (*member == NULL)
		{
			*member = said.member[i];
			said.member[i] = NULL;
		}
		else if (said.member[i] && strcmp(*member, said.member[i]) != 0)
			rule = "its url does not say what its other members say";
	}
	for (int i = 0; i < said.others && rule == NULL; i++)
		if (!database_find_other(connection, said.other[i].name))
		{
			rule = database_set(connection, said.other[i].name, said.other[i].value, false);
			said.other[i].value = NULL;
		}
	if (rule == NULL && connection->member[ENGINE] == NULL)
	{
		connection->member[ENGINE] = said.member[ENGINE];
		said.member[ENGINE] = NULL;
	}
	database_members_free(&said);
	return rule;
}

static const char *
read_object(const void *value, size_t size, Connection *connection)
{
	JsonPart object;
	JsonPart name;
	JsonPart member;
	PartWalk walk;
	const char *rule = json_text_fault(value, size, &object);

	if (rule)
		return rule;
	walk = part_walk(object);
	while (rule == NULL && part_next(&walk, &name, &member))
	{
		char *text = database_text_of(name, &rule);

		if (text)
			rule = read_member(connection, text, member);
		value_free(text);
	}
	return rule || connection->url == NULL ? rule : merge_url(connection);
}

static int
database_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode a part of a URL; return NULL, with *rule set, if it cannot be decoded. */
char *
database_parse_encoded(const char *from, size_t size, const char **rule)
{
	char *out = malloc(size + 1);
	size_t length = 0;

	*rule = out ? NULL : TYPE_NO_MEMORY;
	for (size_t i = 0; i < size && *rule == NULL; i++)
	{
		int high = from[i] == '%' && i + 2 < size ? database_hex_digit(from[i + 1]) : -1;
		int low = high >= 0 ? database_hex_digit(from[i + 2]) : -1;

		if (from[i] != '%')
			out[length++] = from[i];
		else if (low < 0 || high * 16 + low == 0)
			*rule = "it is a URL with a percent sign that is not followed by two hex digits";
		else
		{
			out[length++] = high * 16 + low;
			i += 2;
		}
	}
	if (*rule)
	{
		value_free(out);
		return NULL;
	}
	out[length] = '\0';
	return out;
}

static const char *
set_decoded(Connection *connection, const char *name, const char *from, size_t size)
{
	const char *rule;
	char *value = database_parse_encoded(from, size, &rule);

	return rule ? rule : database_set(connection, name, value, false);
}

/* Return the last position of this character before the end, or NULL. */
const char *
database_last_of(const char *from, const char *end, char wanted)
{
	while (end > from)
		if (*--end == wanted)
			return end;
	return NULL;
}

/* Read host, host:port, [v6] or [v6]:port; all may be empty. */
static const char *
read_host(const char *from, const char *end, Text *hosts, Text *ports)
{
	const char *close = from < end && *from == '[' ? memchr(from, ']', end - from) : NULL;
	const char *colon = close ? (close + 1 < end && close[1] == ':' ? close + 1 : NULL)
							  : memchr(from, ':', end - from);
	const char *host_end = close ? close : colon ? colon : end;
	const char *rule;
	char *host;

	if (from < end && *from == '[' && (close == NULL || (colon == NULL && close + 1 != end)))
		return "it is a URL with a malformed address in brackets";
	host =
		database_parse_encoded(close ? from + 1 : from, host_end - from - (close ? 1 : 0), &rule);
	if (rule)
		return rule;
	if (strchr(host, ','))
		rule = "its host is not one name or address, or several with commas between them";
	text_add_string(hosts, host);
	if (colon)
		text_add(ports, colon + 1, end - colon - 1);
	value_free(host);
	return rule;
}

/* Set a member to a list. A list of empty elements counts as not given. */
static const char *
set_list(Connection *connection, const char *name, Text *list)
{
	bool empty = true;

	for (size_t i = 0; i < list->size; i++)
		empty = empty && list->bytes[i] == ',';
	if (list->failed)
		return TYPE_NO_MEMORY;
	return empty ? NULL : database_set(connection, name, text_take(list, NULL), false);
}

/* Read the hosts, with commas between them. */
static const char *
read_hosts(Connection *connection, const char *from, const char *end)
{
	Text hosts = {0};
	Text ports = {0};
	const char *rule = NULL;

	for (bool more = true; more && rule == NULL;)
	{
		const char *comma = memchr(from, ',', end - from);

		rule = read_host(from, comma ? comma : end, &hosts, &ports);
		more = comma != NULL;
		from = comma ? comma + 1 : end;
		if (more)
		{
			text_add(&hosts, ",", 1);
			text_add(&ports, ",", 1);
		}
	}
	if (rule == NULL)
		rule = set_list(connection, "host", &hosts);
	if (rule == NULL)
		rule = set_list(connection, "port", &ports);
	text_free(&hosts);
	text_free(&ports);
	return rule;
}

static const char *
read_query(Connection *connection, const char *from, const char *end)
{
	const char *rule = NULL;

	while (from < end && rule == NULL)
	{
		const char *next = memchr(from, '&', end - from);
		const char *stop = next ? next : end;
		const char *equals = memchr(from, '=', stop - from);
		char *name;

		if (equals == NULL || equals == from)
			return "it is a URL with a parameter without a value";
		name = database_parse_encoded(from, equals - from, &rule);
		if (rule == NULL && strcmp(name, "url") == 0)
			rule = "it is a URL with a parameter of the name url";
		/*
		 * Of a repeated parameter that libpq does not know, the first one counts. The URL has all
		 * of them.
		 */
		if (rule == NULL && (database_is_parameter(name) || !database_find_other(connection, name)))
			rule = set_decoded(connection, name, equals + 1, stop - equals - 1);
		value_free(name);
		from = next ? next + 1 : end;
	}
	return rule;
}

/* Set the engine from a scheme, without "jdbc:" before it and a driver behind it. */
static const char *
set_engine(Connection *connection, const char *from, size_t size)
{
	const char *plus = memchr(from, '+', size);

	if (size > 5 && memcmp(from, "jdbc:", 5) == 0)
	{
		from += 5;
		size -= 5;
	}
	else if (plus && !(size == 11 && memcmp(from, "mongodb+srv", 11) == 0))
		size = plus - from;
	return database_set(connection, "engine", value_copy(from, size), false);
}

/* Read user, or user:password, before the hosts. */
static const char *
read_login(Connection *connection, const char *from, const char *at)
{
	const char *colon = memchr(from, ':', at - from);
	const char *rule = NULL;

	if ((colon ? colon : at) > from)
		rule = set_decoded(connection, "user", from, (colon ? colon : at) - from);
	if (rule == NULL && colon)
		rule = set_decoded(connection, "password", colon + 1, at - colon - 1);
	return rule;
}

/* Read scheme://user:password@host:port,host:port/dbname?name=value&... */
static const char *
read_url(const char *value, size_t size, Connection *connection)
{
	const char *end = value + size;
	const char *scheme = strstr(value, "://");
	const char *from = scheme + 3;
	const char *query = memchr(from, '?', end - from);
	const char *path_end = query ? query : end;
	const char *slash = memchr(from, '/', path_end - from);
	const char *host_end = slash ? slash : path_end;
	const char *at = database_last_of(from, host_end, '@');
	const char *rule = set_engine(connection, value, scheme - value);

	if (rule == NULL && at)
		rule = read_login(connection, from, at);
	if (rule == NULL)
		rule = read_hosts(connection, at ? at + 1 : from, host_end);
	if (rule == NULL && slash && slash + 1 < path_end)
		rule = set_decoded(connection, "dbname", slash + 1, path_end - slash - 1);
	if (rule == NULL && query)
		rule = read_query(connection, query + 1, end);
	return rule;
}

static bool
database_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * Read a value behind "=": bare up to a blank, or in single quotes. A backslash takes the next
 * character as it is.
 */
static char *
database_read_word(const char **at, const char *end, const char **rule)
{
	char *word = malloc(end - *at + 1);
	bool quoted = *at < end && **at == '\'';
	bool closed = !quoted;
	size_t length = 0;
	const char *p = *at + (quoted ? 1 : 0);

	for (; word && p < end && !(quoted ? *p == '\'' : database_is_blank(*p)); p++)
	{
		if (*p == '\\' && ++p == end)
			break;
		word[length++] = *p;
	}
	if (quoted && p < end && *p == '\'')
	{
		closed = true;
		p++;
	}
	*at = p;
	*rule = word == NULL ? TYPE_NO_MEMORY : closed ? NULL : "it is a conninfo with an open quote";
	if (*rule)
	{
		value_free(word);
		return NULL;
	}
	word[length] = '\0';
	return word;
}

/* Read name = value name = 'value' ..., as libpq does. */
static const char *
read_conninfo(const char *value, size_t size, Connection *connection)
{
	const char *p = value;
	const char *end = value + size;
	const char *rule = NULL;

	while (rule == NULL)
	{
		const char *from;
		char *name;
		char *word;

		while (p < end && database_is_blank(*p))
			p++;
		if (p == end)
			break;
		from = p;
		while (p < end && *p != '=' && !database_is_blank(*p))
			p++;
		name = value_copy(from, p - from);
		while (p < end && database_is_blank(*p))
			p++;
		if (name == NULL || p == end || *p != '=' || *name == '\0' || strcmp(name, "url") == 0)
		{
			value_free(name);
			return name ? "it is neither a JSON object nor a URL nor a conninfo" : TYPE_NO_MEMORY;
		}
		for (p++; p < end && database_is_blank(*p); p++)
			;
		word = database_read_word(&p, end, &rule);
		if (rule == NULL)
			rule = database_set(connection, name, word, false);
		value_free(name);
	}
	return rule;
}

/* Return true if the value begins with a scheme and "://". */
static bool
is_url(const char *value)
{
	const char *scheme = strstr(value, "://");

	if (strncmp(value, "jdbc:", 5) == 0)
		value += 5;
	if (scheme == NULL || scheme <= value)
		return false;
	for (const char *p = value; p < scheme; p++)
		if (!((*p >= 'a' && *p <= 'z') ||
			  (p > value && ((*p >= '0' && *p <= '9') || strchr("+.-", *p)))))
			return false;
	return true;
}

const char *
database_parse(const char *value, size_t size, Connection *connection)
{
	const char *first = value + strspn(value, " \t\r\n");

	/* The end of a line is no part of a URL. */
	while (size > 0 && database_is_blank(value[size - 1]))
		size--;
	if (*first == '{')
		return read_object(value, size, connection);
	if (is_url(first))
	{
		size -= first - value;
		if (size > MAX_URL)
			return "it is a URL longer than 16 kB";
		connection->url = value_copy(first, size);
		return connection->url ? read_url(first, size, connection) : TYPE_NO_MEMORY;
	}
	return read_conninfo(value, size, connection);
}

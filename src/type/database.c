/*
 * database.c
 *		Connections to databases, taken apart and put together again.
 *
 * All three forms are read into a list of settings, and written from it.  What is not
 * one of the members below is kept if it came as a string: as a parameter of libpq, if
 * it is one, it goes into URL and conninfo.
 */
#include "type/database.h"

#include <stdlib.h>
#include <string.h>

#include "identity/strict_json.h"
#include "type/credential.h"
#include "type/text.h"

#define MAX_SETTINGS 32
#define MAX_SETTING 1024

/* The first are members of every value, in this order. */
enum
{
	ENGINE,
	HOST,
	PORT,
	USER,
	PASSWORD,
	DBNAME,
	MEMBERS
};

static const char *const members[MEMBERS] = {"engine", "host", "port", "user", "password", "dbname"};

/* What libpq knows besides, and nothing that names a file to be written or a service. */
static const char *const parameters[] = {
	"application_name", "channel_binding", "client_encoding", "connect_timeout", "gssencmode",
	"hostaddr", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval",
	"load_balance_hosts", "options", "require_auth", "requirepeer", "sslcert", "sslcrl", "sslkey",
	"sslmode", "sslnegotiation", "sslrootcert", "sslsni", "ssl_max_protocol_version",
	"ssl_min_protocol_version", "target_session_attrs", "tcp_user_timeout"
};

typedef struct Setting
{
	const char *name;			/* a static one, or the owned one */
	char	   *owned;
	char	   *value;
} Setting;

typedef struct Connection
{
	char	   *member[MEMBERS];	/* NULL: not given */
	Setting		other[MAX_SETTINGS];
	int			others;
} Connection;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
connection_free(Connection *connection)
{
	for (int i = 0; i < MEMBERS; i++)
		value_free(connection->member[i]);
	for (int i = 0; i < connection->others; i++)
	{
		value_free(connection->other[i].owned);
		value_free(connection->other[i].value);
	}
	memset(connection, 0, sizeof(*connection));
}

static bool
is_parameter(const char *name)
{
	for (size_t i = 0; i < COUNT(parameters); i++)
		if (strcmp(parameters[i], name) == 0)
			return true;
	return false;
}

/* The number of a member, by any name that it goes by; MEMBERS: it is none. */
static int
member_of(const char *name)
{
	if (strcmp(name, "username") == 0)
		return USER;
	if (strcmp(name, "database") == 0)
		return DBNAME;
	for (int i = 0; i < MEMBERS; i++)
		if (strcmp(name, members[i]) == 0)
			return i;
	return MEMBERS;
}

static bool
has_other(const Connection *connection, const char *name)
{
	for (int i = 0; i < connection->others; i++)
		if (strcmp(connection->other[i].name, name) == 0)
			return true;
	return false;
}

/* Takes the value over, which is NULL where there was no memory. */
static const char *
set(Connection *connection, const char *name, char *value)
{
	int			number = member_of(name);
	Setting    *other = &connection->other[connection->others];

	if (value == NULL)
		return TYPE_NO_MEMORY;
	if (number < MEMBERS && connection->member[number] == NULL)
	{
		connection->member[number] = value;
		return NULL;
	}
	if (number == MEMBERS && connection->others < MAX_SETTINGS && !has_other(connection, name))
	{
		other->owned = value_copy(name, strlen(name));
		other->name = other->owned;
		other->value = value;
		connection->others++;
		return other->owned ? NULL : TYPE_NO_MEMORY;
	}
	value_free(value);
	return connection->others == MAX_SETTINGS ? "it has too many members" :
		"it names a member twice";
}

static char *
number_text(int64_t number)
{
	Text		text = {0};

	text_add_number(&text, number);
	return text_take(&text, NULL);
}

static const char *
read_object(const void *value, size_t size, Connection *connection)
{
	json_t	   *object;
	const char *rule = credential_parse(value, size, &object);
	const char *name;
	json_t	   *member;

	if (rule)
		return rule;
	json_object_foreach(object, name, member)
	{
		if (rule)
			break;
		if (json_is_null(member))
			continue;
		if (json_is_integer(member))
			rule = set(connection, name, number_text(json_integer_value(member)));
		else if (json_is_string(member))
			rule = set(connection, name,
					   value_copy(json_string_value(member), json_string_length(member)));
		else
			rule = "a member is neither a string nor a whole number";
	}
	json_decref(object);
	return rule;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A part of a URL, decoded; NULL with *rule set if it cannot be. */
static char *
decode(const char *from, size_t size, const char **rule)
{
	char	   *out = malloc(size + 1);
	size_t		length = 0;

	*rule = out ? NULL : TYPE_NO_MEMORY;
	for (size_t i = 0; i < size && *rule == NULL; i++)
	{
		int			high = from[i] == '%' && i + 2 < size ? hex_digit(from[i + 1]) : -1;
		int			low = high >= 0 ? hex_digit(from[i + 2]) : -1;

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
	char	   *value = decode(from, size, &rule);

	return rule ? rule : set(connection, name, value);
}

/* The last of these characters before the end, or NULL. */
static const char *
last_of(const char *from, const char *end, char wanted)
{
	while (end > from)
		if (*--end == wanted)
			return end;
	return NULL;
}

/* host, host:port, [v6], [v6]:port; all may be empty. */
static const char *
read_host(Connection *connection, const char *from, const char *end)
{
	const char *close = from < end && *from == '[' ? memchr(from, ']', end - from) : NULL;
	const char *colon = close ? (close + 1 < end && close[1] == ':' ? close + 1 : NULL) :
		memchr(from, ':', end - from);
	const char *host_end = close ? close : colon ? colon : end;
	const char *rule = NULL;

	if (from < end && *from == '[' && (close == NULL || (colon == NULL && close + 1 != end)))
		return "it is a URL with a malformed address in brackets";
	if (memchr(from, ',', end - from))
		return "it is a URL with several hosts";
	if (close)
		from++;
	if (host_end > from)
		rule = set_decoded(connection, "host", from, host_end - from);
	if (rule == NULL && colon && colon + 1 < end)
		rule = set_decoded(connection, "port", colon + 1, end - colon - 1);
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
		char	   *name;

		if (equals == NULL || equals == from)
			return "it is a URL with a parameter without a value";
		name = decode(from, equals - from, &rule);
		if (rule == NULL)
			rule = set_decoded(connection, name, equals + 1, stop - equals - 1);
		value_free(name);
		from = next ? next + 1 : end;
	}
	return rule;
}

/* scheme://user:password@host:port/dbname?name=value&... */
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
	const char *at = last_of(from, host_end, '@');
	const char *colon = at ? memchr(from, ':', at - from) : NULL;
	const char *rule = set_decoded(connection, "engine", value, scheme - value);

	if (rule == NULL && at && (colon ? colon : at) > from)
		rule = set_decoded(connection, "user", from, (colon ? colon : at) - from);
	if (rule == NULL && colon)
		rule = set_decoded(connection, "password", colon + 1, at - colon - 1);
	if (rule == NULL)
		rule = read_host(connection, at ? at + 1 : from, host_end);
	if (rule == NULL && slash && slash + 1 < path_end)
		rule = set_decoded(connection, "dbname", slash + 1, path_end - slash - 1);
	if (rule == NULL && query)
		rule = read_query(connection, query + 1, end);
	return rule;
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A value behind "=": bare up to a blank, or in single quotes; a backslash takes the next as it is. */
static char *
read_word(const char **at, const char *end, const char **rule)
{
	char	   *word = malloc(end - *at + 1);
	bool		quoted = *at < end && **at == '\'';
	bool		closed = !quoted;
	size_t		length = 0;
	const char *p = *at + (quoted ? 1 : 0);

	for (; word && p < end && !(quoted ? *p == '\'' : is_blank(*p)); p++)
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

/* name = value name = 'value' ..., as libpq reads it */
static const char *
read_conninfo(const char *value, size_t size, Connection *connection)
{
	const char *p = value;
	const char *end = value + size;
	const char *rule = NULL;

	while (rule == NULL)
	{
		const char *from;
		char	   *name;
		char	   *word;

		while (p < end && is_blank(*p))
			p++;
		if (p == end)
			break;
		from = p;
		while (p < end && *p != '=' && !is_blank(*p))
			p++;
		name = value_copy(from, p - from);
		while (p < end && is_blank(*p))
			p++;
		if (name == NULL || p == end || *p != '=' || *name == '\0')
		{
			value_free(name);
			return name ? "it is neither a JSON object nor a URL nor a conninfo" : TYPE_NO_MEMORY;
		}
		for (p++; p < end && is_blank(*p); p++)
			;
		word = read_word(&p, end, &rule);
		if (rule == NULL)
			rule = set(connection, name, word);
		value_free(name);
	}
	return rule;
}

/* Whether it begins with a scheme and "://". */
static bool
is_url(const char *value)
{
	const char *scheme = strstr(value, "://");

	if (scheme == NULL || scheme == value)
		return false;
	for (const char *p = value; p < scheme; p++)
		if (!((*p >= 'a' && *p <= 'z') || (p > value && ((*p >= '0' && *p <= '9') || strchr("+.-", *p)))))
			return false;
	return true;
}

static const char *
read_any(const char *value, size_t size, Connection *connection)
{
	const char *first = value + strspn(value, " \t\r\n");

	/* A line's end is no part of a URL. */
	while (size > 0 && is_blank(value[size - 1]))
		size--;
	if (*first == '{')
		return read_object(value, size, connection);
	if (is_url(first))
		return read_url(first, size - (first - value), connection);
	return read_conninfo(value, size, connection);
}

static const char *
text_fault(const char *text)
{
	json_t	   *string = strlen(text) > MAX_SETTING ? NULL : json_string(text);

	if (strlen(text) > MAX_SETTING)
		return "a member is longer than 1024 bytes";
	if (string == NULL)
		return "a member is not UTF-8";
	json_decref(string);
	for (; *text; text++)
		if ((unsigned char) *text < ' ' || *text == 0x7f)
			return "a member has control characters";
	return NULL;
}

static const char *
all_texts_fault(const Connection *connection)
{
	const char *rule = NULL;

	for (int i = 0; i < MEMBERS && rule == NULL; i++)
		if (connection->member[i])
			rule = text_fault(connection->member[i]);
	for (int i = 0; i < connection->others && rule == NULL; i++)
	{
		rule = text_fault(connection->other[i].value);
		if (rule == NULL)
			rule = text_fault(connection->other[i].name);
	}
	return rule;
}

static bool
is_postgresql(const Connection *connection)
{
	return strcmp(connection->member[ENGINE], "postgresql") == 0;
}

/* The engine by one name, and the port that goes with it. */
static const char *
complete(Connection *connection)
{
	char	  **engine = &connection->member[ENGINE];
	static const struct
	{
		const char *engine;
		const char *port;
	}			ports[] = {
		{"postgresql", "5432"}, {"mysql", "3306"}, {"mariadb", "3306"}, {"sqlserver", "1433"},
		{"oracle", "1521"}, {"mongodb", "27017"}, {"redis", "6379"}
	};

	if (*engine == NULL || strcmp(*engine, "postgres") == 0)
	{
		value_free(*engine);
		*engine = value_copy("postgresql", 10);
	}
	if (*engine == NULL)
		return TYPE_NO_MEMORY;
	for (size_t i = 0; i < COUNT(ports) && connection->member[PORT] == NULL; i++)
		if (strcmp(*engine, ports[i].engine) == 0)
			connection->member[PORT] = value_copy(ports[i].port, strlen(ports[i].port));
	return NULL;
}

static const char *
member_fault(const Connection *connection)
{
	const char *engine = connection->member[ENGINE];
	const char *port = connection->member[PORT];

	if (strspn(engine, "abcdefghijklmnopqrstuvwxyz0123456789+.-") != strlen(engine) ||
		*engine < 'a' || strlen(engine) > 32)
		return "its engine is not a name such as postgresql";
	if (connection->member[HOST] == NULL || *connection->member[HOST] == '\0')
		return "it has no host";
	if (strpbrk(connection->member[HOST], " ,[]@?#"))
		return "its host is not one name or address";
	if (port && (strlen(port) > 5 || strspn(port, "0123456789") != strlen(port) || atoi(port) < 1 ||
				 atoi(port) > 65535))
		return "its port is not between 1 and 65535";
	if (connection->member[USER] == NULL || *connection->member[USER] == '\0')
		return "it has no user";
	if (connection->member[PASSWORD] == NULL || *connection->member[PASSWORD] == '\0')
		return "it has no password";
	if (connection->member[DBNAME] == NULL || *connection->member[DBNAME] == '\0')
		return "it has no dbname";
	return NULL;
}

static const char *
read_connection(const void *given, size_t size, Connection *connection)
{
	char	   *value = value_copy(given, size);	/* with NUL */
	const char *rule;

	memset(connection, 0, sizeof(*connection));
	if (value == NULL)
		return TYPE_NO_MEMORY;
	rule = strlen(value) != size ? "it has a zero byte" : read_any(value, size, connection);
	value_free(value);
	if (rule == NULL)
		rule = all_texts_fault(connection);
	if (rule == NULL)
		rule = complete(connection);
	if (rule == NULL)
		rule = member_fault(connection);
	if (rule)
		connection_free(connection);
	return rule;
}

static void
add_members(Text *text, const Connection *connection, bool public)
{
	text_add_string(text, "{");
	for (int i = 0; i < MEMBERS; i++)
	{
		if (connection->member[i] == NULL || (public && i == PASSWORD))
			continue;
		text_add_name(text, members[i]);
		if (i == PORT)
			text_add_number(text, atoi(connection->member[i]));
		else
			text_add_json(text, connection->member[i]);
	}
	for (int i = 0; i < connection->others; i++)
		if (!public || strcmp(connection->other[i].name, "sslmode") == 0)
			text_add_member(text, connection->other[i].name, connection->other[i].value);
	text_add_string(text, "}");
}

const char *
database_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts)
{
	Connection	connection;
	Text		text = {0};
	const char *rule = read_connection(value, size, &connection);

	if (rule)
		return rule;
	add_members(&text, &connection, true);
	facts->metadata = text_take(&text, NULL);
	add_members(&text, &connection, false);
	facts->normal = text_take(&text, &facts->normal_size);
	connection_free(&connection);
	return facts->normal && facts->metadata ? NULL : TYPE_NO_MEMORY;
}

static void
add_quoted(Text *text, const char *name, const char *value)
{
	if (text->size > 0)
		text_add(text, " ", 1);
	text_add_string(text, name);
	text_add(text, "='", 2);
	for (; *value; value++)
	{
		if (*value == '\'' || *value == '\\')
			text_add(text, "\\", 1);
		text_add(text, value, 1);
	}
	text_add(text, "'", 1);
}

static void
add_conninfo(Text *text, const Connection *connection)
{
	for (int i = HOST; i < MEMBERS; i++)
		if (connection->member[i])
			add_quoted(text, members[i], connection->member[i]);
	for (int i = 0; i < connection->others; i++)
		if (is_parameter(connection->other[i].name))
			add_quoted(text, connection->other[i].name, connection->other[i].value);
}

/* All but what RFC 3986 calls unreserved. */
static void
add_encoded(Text *text, const char *value)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *value; value++)
	{
		unsigned char c = *value;
		char		encoded[3] = {'%', hex[c >> 4], hex[c & 15]};

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			strchr("-._~", c))
			text_add(text, value, 1);
		else
			text_add(text, encoded, 3);
	}
}

static void
add_host(Text *text, const char *host)
{
	bool		brackets = strchr(host, ':') != NULL;

	if (brackets)
	{
		text_add(text, "[", 1);
		text_add_string(text, host);
		text_add(text, "]", 1);
	}
	else
		add_encoded(text, host);
}

static void
add_url(Text *text, const Connection *connection)
{
	char		separator = '?';

	text_add_string(text, connection->member[ENGINE]);
	text_add_string(text, "://");
	add_encoded(text, connection->member[USER]);
	text_add_string(text, ":");
	add_encoded(text, connection->member[PASSWORD]);
	text_add_string(text, "@");
	add_host(text, connection->member[HOST]);
	if (connection->member[PORT])
	{
		text_add_string(text, ":");
		text_add_string(text, connection->member[PORT]);
	}
	text_add_string(text, "/");
	add_encoded(text, connection->member[DBNAME]);
	for (int i = 0; i < connection->others; i++)
	{
		if (is_postgresql(connection) && !is_parameter(connection->other[i].name))
			continue;
		text_add(text, &separator, 1);
		separator = '&';
		add_encoded(text, connection->other[i].name);
		text_add_string(text, "=");
		add_encoded(text, connection->other[i].value);
	}
}

static TypeField
connection_field(const Connection *connection, const char *name, Text *text)
{
	int			number = member_of(name);

	if (strcmp(name, "url") == 0)
		add_url(text, connection);
	else if (strcmp(name, "conninfo") == 0 && is_postgresql(connection))
		add_conninfo(text, connection);
	else if (number < MEMBERS && connection->member[number])
		text_add_string(text, connection->member[number]);
	else
	{
		for (int i = 0; i < connection->others; i++)
			if (strcmp(connection->other[i].name, name) == 0)
			{
				text_add_string(text, connection->other[i].value);
				return FIELD_FOUND;
			}
		return number < MEMBERS || strcmp(name, "conninfo") == 0 || is_parameter(name) ?
			FIELD_ABSENT : FIELD_UNKNOWN;
	}
	return FIELD_FOUND;
}

TypeField
database_field(const void *value, size_t size, const char *name, char **out, size_t *out_size)
{
	Connection	connection;
	Text		text = {0};
	TypeField	found;

	if (read_connection(value, size, &connection) != NULL)
		return FIELD_UNREADABLE;
	found = connection_field(&connection, name, &text);
	if (found == FIELD_FOUND)
	{
		*out = text_take(&text, out_size);
		if (*out == NULL)
			found = FIELD_UNREADABLE;
	}
	text_free(&text);
	connection_free(&connection);
	return found;
}

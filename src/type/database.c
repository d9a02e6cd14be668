/*
 * database.c
 *		Connections to databases, taken apart and put together again.
 *
 * All forms are read into members and other settings, and written from them.  What is not a
 * member is kept: as text, or from JSON as it was written.  A URL that would come out in another
 * form is kept beside them as the member "url", and comes out as it was given.
 */
#include "type/database.h"

#include <stdlib.h>
#include <string.h>

#include "type/json_text.h"
#include "type/text.h"

#define MAX_SETTINGS 64
#define MAX_SETTING  4096
#define MAX_URL      16384
#define MAX_HOSTS    16

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

static const char *const members[MEMBERS] = {"engine", "host",     "port",
											 "user",   "password", "dbname"};

/* Engines that speak PostgreSQL's protocol, with the port that goes with each, and others. */
static const struct
{
	const char *engine;
	const char *port;
	bool is_postgresql;
} engines[] = {{"postgresql", "5432", true},
			   {"postgres", "5432", true},
			   {"aurora-postgresql", "5432", true},
			   {"pgsql", "5432", true},
			   {"postgis", "5432", true},
			   {"redshift", "5439", true},
			   {"cockroachdb", "26257", true},
			   {"mysql", "3306", false},
			   {"mariadb", "3306", false},
			   {"aurora-mysql", "3306", false},
			   {"sqlserver", "1433", false},
			   {"oracle", "1521", false},
			   {"mongodb", "27017", false},
			   {"redis", "6379", false},
			   {"rediss", "6379", false}};

/* What libpq knows besides, and nothing that names a file to be written or a service. */
static const char *const parameters[] = {"application_name",
										 "channel_binding",
										 "client_encoding",
										 "connect_timeout",
										 "gssencmode",
										 "hostaddr",
										 "keepalives",
										 "keepalives_count",
										 "keepalives_idle",
										 "keepalives_interval",
										 "load_balance_hosts",
										 "options",
										 "require_auth",
										 "requirepeer",
										 "sslcert",
										 "sslcrl",
										 "sslkey",
										 "sslmode",
										 "sslnegotiation",
										 "sslrootcert",
										 "sslsni",
										 "ssl_max_protocol_version",
										 "ssl_min_protocol_version",
										 "target_session_attrs",
										 "tcp_user_timeout"};

typedef struct Setting
{
	char *name;
	char *value; /* text; of JSON that is no string, what was written */
	bool is_json;
} Setting;

typedef struct Connection
{
	char *member[MEMBERS]; /* NULL: not given */
	char *url;             /* as it was given; NULL: written from the members */
	Setting other[MAX_SETTINGS];
	int others;
} Connection;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
connection_free(Connection *connection)
{
	for (int i = 0; i < MEMBERS; i++)
		value_free(connection->member[i]);
	value_free(connection->url);
	for (int i = 0; i < connection->others; i++)
	{
		value_free(connection->other[i].name);
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

static Setting *
find_other(Connection *connection, const char *name)
{
	for (int i = 0; i < connection->others; i++)
		if (strcmp(connection->other[i].name, name) == 0)
			return &connection->other[i];
	return NULL;
}

/* Takes the value over, which is NULL where there was no memory. */
static const char *
database_set(Connection *connection, const char *name, char *value, bool is_json)
{
	int number = member_of(name);
	Setting *other = &connection->other[connection->others];

	if (value == NULL)
		return TYPE_NO_MEMORY;
	if (number < MEMBERS && connection->member[number] == NULL)
	{
		connection->member[number] = value;
		return NULL;
	}
	if (number == MEMBERS && connection->others < MAX_SETTINGS && !find_other(connection, name))
	{
		other->name = value_copy(name, strlen(name));
		other->value = value;
		other->is_json = is_json;
		connection->others++;
		return other->name ? NULL : TYPE_NO_MEMORY;
	}
	value_free(value);
	return connection->others == MAX_SETTINGS ? "it has too many members"
											  : "it names a member twice";
}

/* A string without zero bytes; NULL with *rule set if it is none. */
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

/* One member of JSON.  Null says of a member that it is not there, and of others what it says. */
static const char *
read_member(Connection *connection, const char *name, JsonPart part)
{
	PartKind kind = part_kind(part);
	bool is_member = member_of(name) < MEMBERS || strcmp(name, "url") == 0;
	const char *rule;
	char *text;

	if (is_member && kind == PART_NULL)
		return NULL;
	if (is_member && kind != PART_STRING && !(kind == PART_NUMBER && member_of(name) == PORT))
		return "a member of a connection is not a string";
	text = kind == PART_STRING ? database_text_of(part, &rule) : value_copy(part.at, part.size);
	if (kind == PART_STRING && rule)
		return rule;
	if (strcmp(name, "url") != 0)
		return database_set(connection, name, text, kind != PART_STRING);
	connection->url = text;
	return text ? NULL : TYPE_NO_MEMORY;
}

/* A number of JSON has no zeros before it; a URL with them is kept beside it. */
static void
strip_zeros(char *port)
{
	size_t zeros = port ? strspn(port, "0") : 0;

	if (zeros > 0 && strchr(port, ',') == NULL && port[zeros] != '\0')
		memmove(port, port + zeros, strlen(port + zeros) + 1);
}

/* A URL among the members says the same as they do; what they leave out is taken from it. */
static const char *
merge_url(Connection *connection)
{
	Connection said = {0};
	const char *rule = !is_url(connection->url) ? "its url is not a URL"
		: strlen(connection->url) > MAX_URL
		? "its url is longer than 16 kB"
		: read_url(connection->url, strlen(connection->url), &said);

	strip_zeros(connection->member[PORT]);
	strip_zeros(said.member[PORT]);
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
		if (!find_other(connection, said.other[i].name))
		{
			rule = database_set(connection, said.other[i].name, said.other[i].value, false);
			said.other[i].value = NULL;
		}
	if (rule == NULL && connection->member[ENGINE] == NULL)
	{
		connection->member[ENGINE] = said.member[ENGINE];
		said.member[ENGINE] = NULL;
	}
	connection_free(&said);
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

/* A part of a URL, decoded; NULL with *rule set if it cannot be. */
static char *
database_decode(const char *from, size_t size, const char **rule)
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
	char *value = database_decode(from, size, &rule);

	return rule ? rule : database_set(connection, name, value, false);
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
	host = database_decode(close ? from + 1 : from, host_end - from - (close ? 1 : 0), &rule);
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

/* A list without anything in it was not given. */
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

/* Hosts with commas between them. */
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
		name = database_decode(from, equals - from, &rule);
		if (rule == NULL && strcmp(name, "url") == 0)
			rule = "it is a URL with a parameter of the name url";
		/* Of what is no business of libpq the first counts; the URL has them all. */
		if (rule == NULL && (is_parameter(name) || !find_other(connection, name)))
			rule = set_decoded(connection, name, equals + 1, stop - equals - 1);
		value_free(name);
		from = next ? next + 1 : end;
	}
	return rule;
}

/* The engine of a scheme: without "jdbc:" before and a driver behind it. */
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

/* user and user:password in front of the hosts. */
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

/* scheme://user:password@host:port,host:port/dbname?name=value&... */
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

/* A value behind "=": bare up to a blank, or in single quotes; a backslash takes the next as it is. */
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

/* Whether it begins with a scheme and "://". */
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

static const char *
read_any(const char *value, size_t size, Connection *connection)
{
	const char *first = value + strspn(value, " \t\r\n");

	/* A line's end is no part of a URL. */
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

static bool
has_controls(const char *text)
{
	for (; *text; text++)
		if ((unsigned char) *text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static const char *
text_fault(const char *text)
{
	if (strlen(text) > MAX_SETTING)
		return "a member is longer than 4 kB";
	if (!json_text_is_utf8(text))
		return "a member is not UTF-8";
	return has_controls(text) ? "a member has control characters" : NULL;
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
		/* JSON may have lines. */
		if (!connection->other[i].is_json)
			rule = text_fault(connection->other[i].value);
		else if (strlen(connection->other[i].value) > MAX_SETTING)
			rule = "a member is longer than 4 kB";
		if (rule == NULL)
			rule = text_fault(connection->other[i].name);
	}
	if (rule == NULL && connection->url &&
		(!json_text_is_utf8(connection->url) || has_controls(connection->url)))
		rule = "its url is not UTF-8, or has control characters";
	return rule;
}

/* Its number among the engines, whatever driver goes with it; the number behind them: unknown. */
static size_t
engine_of(const Connection *connection)
{
	const char *engine = connection->member[ENGINE];
	size_t size = strcspn(engine, "+");
	size_t i = 0;

	while (i < COUNT(engines) &&
		   (strlen(engines[i].engine) != size || memcmp(engines[i].engine, engine, size) != 0))
		i++;
	return i;
}

static bool
is_postgresql(const Connection *connection)
{
	size_t engine = engine_of(connection);

	return engine < COUNT(engines) && engines[engine].is_postgresql;
}

/* The engine by one name, and the port that goes with it. */
static const char *
database_complete(Connection *connection)
{
	char **engine = &connection->member[ENGINE];
	size_t number;

	if (*engine == NULL || strcmp(*engine, "postgres") == 0)
	{
		value_free(*engine);
		*engine = value_copy("postgresql", 10);
	}
	if (*engine == NULL)
		return TYPE_NO_MEMORY;
	number = engine_of(connection);
	if (connection->member[PORT] == NULL && number < COUNT(engines) &&
		strcmp(*engine, "mongodb+srv") != 0)
		connection->member[PORT] = value_copy(engines[number].port, strlen(engines[number].port));
	else
		strip_zeros(connection->member[PORT]);
	return NULL;
}

/* Elements of a list with commas between them. */
static int
count_of(const char *list)
{
	int count = 1;

	for (; *list; list++)
		count += *list == ',';
	return count;
}

/* 1 to 65535; empty among several, where the engine's own is meant. */
static bool
is_port(const char *port, size_t size, bool among_several)
{
	char digits[6] = {0};

	if (size == 0)
		return among_several;
	if (size > 5 || strspn(port, "0123456789") < size)
		return false;
	memcpy(digits, port, size);
	return atoi(digits) >= 1 && atoi(digits) <= 65535;
}

static const char *
host_fault(const Connection *connection)
{
	const char *host = connection->member[HOST];
	const char *port = connection->member[PORT];
	int hosts = host ? count_of(host) : 1;
	int ports = port ? count_of(port) : 1;
	bool several = ports > 1;

	if (host == NULL && !find_other((Connection *) connection, "hostaddr"))
		return "it has no host";
	if (host && (*host == '\0' || strpbrk(host, " []@?#")))
		return "its host is not one name or address, or several with commas between them";
	if (hosts > MAX_HOSTS || (several && ports != hosts))
		return "it has more than 16 hosts, or not one port for each of them";
	for (bool more = port != NULL; more;)
	{
		size_t size = strcspn(port, ",");

		if (!is_port(port, size, several))
			return "its port is not between 1 and 65535";
		more = port[size] == ',';
		port += size + 1;
	}
	return NULL;
}

static const char *
member_fault(const Connection *connection)
{
	const char *engine = connection->member[ENGINE];
	const char *user = connection->member[USER];
	const char *dbname = connection->member[DBNAME];
	const char *fault = host_fault(connection);

	if (strspn(engine, "abcdefghijklmnopqrstuvwxyz0123456789+.-") != strlen(engine) ||
		*engine < 'a' || strlen(engine) > 32)
		return "its engine is not a name such as postgresql";
	if (fault)
		return fault;
	/* Some others have passwords without users. */
	if ((user == NULL && is_postgresql(connection)) || (user && *user == '\0'))
		return "it has no user";
	if (connection->member[PASSWORD] == NULL || *connection->member[PASSWORD] == '\0')
		return "it has no password";
	return dbname && *dbname == '\0' ? "its dbname is empty" : NULL;
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

/* What a parameter of libpq says: text, a number, or a truth value as libpq writes it. */
static const char *
parameter_value(const Setting *setting)
{
	if (!setting->is_json)
		return setting->value;
	if (strcmp(setting->value, "true") == 0)
		return "1";
	if (strcmp(setting->value, "false") == 0)
		return "0";
	return *setting->value == '-' || (*setting->value >= '0' && *setting->value <= '9')
		? setting->value
		: NULL;
}

static void
add_conninfo(Text *text, const Connection *connection)
{
	for (int i = HOST; i < MEMBERS; i++)
		if (connection->member[i])
			add_quoted(text, members[i], connection->member[i]);
	for (int i = 0; i < connection->others; i++)
		if (is_parameter(connection->other[i].name) && parameter_value(&connection->other[i]))
			add_quoted(text, connection->other[i].name, parameter_value(&connection->other[i]));
}

/* All but what RFC 3986 calls unreserved. */
static void
add_encoded(Text *text, const char *value)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *value; value++)
	{
		unsigned char c = *value;
		char encoded[3] = {'%', hex[c >> 4], hex[c & 15]};

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			strchr("-._~", c))
			text_add(text, value, 1);
		else
			text_add(text, encoded, 3);
	}
}

static void
add_host(Text *text, const char *host, size_t size)
{
	char *copy = value_copy(host, size);

	if (copy == NULL)
		text->failed = true;
	else if (strchr(copy, ':'))
	{
		text_add(text, "[", 1);
		text_add_string(text, copy);
		text_add(text, "]", 1);
	}
	else
		add_encoded(text, copy);
	value_free(copy);
}

/* Each host with its port, or the one port. */
static void
add_hosts(Text *text, const char *host, const char *port)
{
	bool several = port && strchr(port, ',');

	for (bool more = true; more;)
	{
		size_t size = host ? strcspn(host, ",") : 0;
		size_t digits = port ? strcspn(port, ",") : 0;

		if (host)
			add_host(text, host, size);
		if (digits > 0)
		{
			text_add_string(text, ":");
			text_add(text, port, digits);
		}
		more = host && host[size] == ',';
		if (more)
			text_add_string(text, ",");
		if (several && port[digits] == ',')
			port += digits + 1;
		host = more ? host + size + 1 : host;
	}
}

static void
add_login(Text *text, const char *user, const char *password)
{
	if (user)
		add_encoded(text, user);
	text_add_string(text, ":");
	add_encoded(text, password);
}

/* What libpq takes, or for other engines everything that is text, a number or a truth value. */
static void
add_query(Text *text, const Connection *connection)
{
	const char *separator = connection->member[DBNAME] ? "?" : "/?";

	for (int i = 0; i < connection->others; i++)
	{
		const Setting *other = &connection->other[i];
		const char *value = is_postgresql(connection) || !other->is_json ? parameter_value(other)
			: strpbrk(other->value, "{[n") == other->value               ? NULL
																		 : other->value;

		if (value == NULL || (is_postgresql(connection) && !is_parameter(other->name)))
			continue;
		text_add_string(text, separator);
		separator = "&";
		add_encoded(text, other->name);
		text_add_string(text, "=");
		add_encoded(text, value);
	}
}

static const char *
scheme_of(const Connection *connection)
{
	if (is_postgresql(connection))
		return "postgresql";
	return strcmp(connection->member[ENGINE], "aurora-mysql") == 0 ? "mysql"
																   : connection->member[ENGINE];
}

static void
database_add_url(Text *text, const Connection *connection)
{
	text_add_string(text, scheme_of(connection));
	text_add_string(text, "://");
	add_login(text, connection->member[USER], connection->member[PASSWORD]);
	text_add_string(text, "@");
	add_hosts(text, connection->member[HOST], connection->member[PORT]);
	if (connection->member[DBNAME])
	{
		text_add_string(text, "/");
		add_encoded(text, connection->member[DBNAME]);
	}
	add_query(text, connection);
}

/* A URL that the members give again, byte for byte, need not be kept. */
static const char *
drop_plain_url(Connection *connection)
{
	Text text = {0};
	char *written;

	if (connection->url == NULL)
		return NULL;
	database_add_url(&text, connection);
	written = text_take(&text, NULL);
	if (written && strcmp(written, connection->url) == 0)
	{
		value_free(connection->url);
		connection->url = NULL;
	}
	value_free(written);
	return written ? NULL : TYPE_NO_MEMORY;
}

static const char *
read_connection(const void *given, size_t size, Connection *connection)
{
	char *value = value_copy(given, size); /* with NUL */
	const char *rule;

	memset(connection, 0, sizeof(*connection));
	if (value == NULL)
		return TYPE_NO_MEMORY;
	rule = strlen(value) != size ? "it has a zero byte" : read_any(value, size, connection);
	value_free(value);
	if (rule == NULL)
		rule = all_texts_fault(connection);
	if (rule == NULL)
		rule = database_complete(connection);
	if (rule == NULL)
		rule = member_fault(connection);
	if (rule == NULL)
		rule = drop_plain_url(connection);
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
		if (i == PORT && strchr(connection->member[i], ',') == NULL)
			text_add_string(text, connection->member[i]);
		else
			text_add_json(text, connection->member[i]);
	}
	for (int i = 0; i < connection->others; i++)
	{
		const Setting *other = &connection->other[i];

		if (public && (strcmp(other->name, "sslmode") != 0 || other->is_json))
			continue;
		text_add_name(text, other->name);
		if (other->is_json)
			text_add_string(text, other->value);
		else
			text_add_json(text, other->value);
	}
	if (connection->url && !public)
		text_add_member(text, "url", connection->url);
	text_add_string(text, "}");
}

static const char *
write_normal(const Connection *connection, TypeFacts *facts)
{
	Text text = {0};

	add_members(&text, connection, true);
	facts->metadata = text_take(&text, NULL);
	add_members(&text, connection, false);
	facts->normal = text_take(&text, &facts->normal_size);
	return facts->normal && facts->metadata ? NULL : TYPE_NO_MEMORY;
}

const char *
database_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts)
{
	Connection connection;
	const char *rule = read_connection(value, size, &connection);

	if (rule)
		return rule;
	rule = write_normal(&connection, facts);
	connection_free(&connection);
	return rule;
}

static TypeField
connection_field(const Connection *connection, const char *name, Text *text)
{
	int number = member_of(name);

	if (strcmp(name, "url") == 0 && connection->url)
		text_add_string(text, connection->url);
	else if (strcmp(name, "url") == 0)
		database_add_url(text, connection);
	else if (strcmp(name, "conninfo") == 0 && is_postgresql(connection))
		add_conninfo(text, connection);
	else if (number < MEMBERS && connection->member[number])
		text_add_string(text, connection->member[number]);
	else
	{
		const Setting *other = find_other((Connection *) connection, name);

		if (other && !(other->is_json && strcmp(other->value, "null") == 0))
		{
			text_add_string(text, other->value);
			return FIELD_FOUND;
		}
		return number < MEMBERS || strcmp(name, "conninfo") == 0 || is_parameter(name) || other
			? FIELD_ABSENT
			: FIELD_UNKNOWN;
	}
	return FIELD_FOUND;
}

TypeField
database_field(const void *value, size_t size, const char *name, char **out, size_t *out_size)
{
	Connection connection;
	Text text = {0};
	TypeField found;

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

/* A parameter of the query, with a new value if it is the user or the password. */
static bool
add_parameter(Text *text, const char *from, const char *end, const char *user, const char *password)
{
	const char *equals = memchr(from, '=', end - from);
	const char *rule;
	char *name = database_decode(from, equals - from, &rule);
	int member = name ? member_of(name) : MEMBERS;
	bool replaced = member == USER || member == PASSWORD;

	value_free(name);
	text_add(text, from, (replaced ? equals + 1 : end) - from);
	if (replaced)
		add_encoded(text, member == USER ? user : password);
	return replaced;
}

/* The URL, which was found good, with another login; all else byte for byte. */
static char *
url_with_login(const char *url, const char *user, const char *password)
{
	const char *from = strstr(url, "://") + 3;
	const char *end = url + strlen(url);
	const char *query = strchr(from, '?');
	const char *path_end = query ? query : end;
	const char *slash = memchr(from, '/', path_end - from);
	const char *at = last_of(from, slash ? slash : path_end, '@');
	Text rest = {0};
	Text text = {0};
	bool has_login = false;

	text_add(&rest, at ? at + 1 : from, path_end - (at ? at + 1 : from));
	for (const char *p = query; p && p < end;)
	{
		const char *stop = memchr(p + 1, '&', end - p - 1);

		text_add(&rest, p, 1);
		if (p + 1 < end && add_parameter(&rest, p + 1, stop ? stop : end, user, password))
			has_login = true;
		p = stop ? stop : end;
	}
	text_add(&text, url, from - url);
	if (at || !has_login)
	{
		add_login(&text, user, password);
		text_add(&text, "@", 1);
	}
	text.failed = text.failed || rest.failed;
	text_add(&text, rest.bytes, rest.size);
	text_free(&rest);
	return text_take(&text, NULL);
}

char *
database_with_login(const void *value, size_t size, const char *user, const char *password,
					size_t *out_size)
{
	Connection connection;
	TypeFacts facts = {0};
	char *normal = NULL;

	if (read_connection(value, size, &connection) != NULL)
		return NULL;
	value_free(connection.member[USER]);
	value_free(connection.member[PASSWORD]);
	connection.member[USER] = value_copy(user, strlen(user));
	connection.member[PASSWORD] = value_copy(password, strlen(password));
	if (connection.url)
	{
		char *url = url_with_login(connection.url, user, password);

		value_free(connection.url);
		connection.url = url;
	}
	if (connection.member[USER] && connection.member[PASSWORD] &&
		write_normal(&connection, &facts) == NULL)
	{
		normal = facts.normal;
		*out_size = facts.normal_size;
		facts.normal = NULL;
	}
	type_facts_free(&facts);
	connection_free(&connection);
	return normal;
}

/*
 * database_format.c
 *		Write a connection to a database as JSON, a URL or a conninfo.
 */
#include "type/database_format.h"

#include <string.h>

#include "type/database_parse.h"
#include "type/type.h"

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

/*
 * Return the value of a parameter of libpq: text, a number, or a truth value as libpq writes it.
 * Returns NULL for other JSON.
 */
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

void
database_format_conninfo(Text *text, const Connection *connection)
{
	for (int i = HOST; i < MEMBERS; i++)
		if (connection->member[i])
			add_quoted(text, database_members[i], connection->member[i]);
	for (int i = 0; i < connection->others; i++)
		if (database_is_parameter(connection->other[i].name) &&
			parameter_value(&connection->other[i]))
			add_quoted(text, connection->other[i].name, parameter_value(&connection->other[i]));
}

/* Add the value with all characters encoded except those that RFC 3986 calls unreserved. */
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

/* Add each host with its port, or with the only port. */
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

/*
 * Add the parameters that libpq takes. For other engines, add everything that is text, a number or
 * a truth value.
 */
static void
add_query(Text *text, const Connection *connection)
{
	const char *separator = connection->member[DBNAME] ? "?" : "/?";

	for (int i = 0; i < connection->others; i++)
	{
		const Setting *other = &connection->other[i];
		const char *value = database_is_postgresql(connection) || !other->is_json
			? parameter_value(other)
			: strpbrk(other->value, "{[n") == other->value ? NULL
														   : other->value;

		if (value == NULL ||
			(database_is_postgresql(connection) && !database_is_parameter(other->name)))
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
	if (database_is_postgresql(connection))
		return "postgresql";
	return strcmp(connection->member[ENGINE], "aurora-mysql") == 0 ? "mysql"
																   : connection->member[ENGINE];
}

void
database_format_url(Text *text, const Connection *connection)
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

void
database_format_json(Text *text, const Connection *connection, bool public)
{
	text_add_string(text, "{");
	for (int i = 0; i < MEMBERS; i++)
	{
		if (connection->member[i] == NULL || (public && i == PASSWORD))
			continue;
		text_add_name(text, database_members[i]);
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

/* Add a parameter of the query, with a new value if it is the user or the password. */
static bool
add_parameter(Text *text, const char *from, const char *end, const char *user, const char *password)
{
	const char *equals = memchr(from, '=', end - from);
	const char *rule;
	char *name = database_parse_encoded(from, equals - from, &rule);
	int member = name ? database_member_of(name) : MEMBERS;
	bool replaced = member == USER || member == PASSWORD;

	value_free(name);
	text_add(text, from, (replaced ? equals + 1 : end) - from);
	if (replaced)
		add_encoded(text, member == USER ? user : password);
	return replaced;
}

/* Write a valid URL with another login; everything else stays byte for byte. */
char *
database_format_url_with_login(const char *url, const char *user, const char *password)
{
	const char *from = strstr(url, "://") + 3;
	const char *end = url + strlen(url);
	const char *query = strchr(from, '?');
	const char *path_end = query ? query : end;
	const char *slash = memchr(from, '/', path_end - from);
	const char *at = database_last_of(from, slash ? slash : path_end, '@');
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

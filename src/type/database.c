/*
 * database.c
 *		The type "database": the check of a connection, its fields, and the change of its login.
 *
 * database_parse.c reads a value and database_format.c writes it. A URL that would come out in
 * another form is kept beside the members as the member "url", and comes out as it was given.
 */
#include "type/database.h"

#include <stdlib.h>
#include <string.h>

#include "type/database_format.h"
#include "type/database_members.h"
#include "type/database_parse.h"
#include "type/json_text.h"
#include "type/text.h"

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
		/* JSON may contain line breaks. */
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

/* Count the elements of a list with commas between them. */
static int
count_of(const char *list)
{
	int count = 1;

	for (; *list; list++)
		count += *list == ',';
	return count;
}

/*
 * Check a port: 1 to 65535. It may be empty in a list of several, where it means the default port
 * of the engine.
 */
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

	if (host == NULL && !database_find_other((Connection *) connection, "hostaddr"))
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
	/* Some other engines have passwords without users. */
	if ((user == NULL && database_is_postgresql(connection)) || (user && *user == '\0'))
		return "it has no user";
	if (connection->member[PASSWORD] == NULL || *connection->member[PASSWORD] == '\0')
		return "it has no password";
	return dbname && *dbname == '\0' ? "its dbname is empty" : NULL;
}

/* Drop the URL if the members give it again, byte for byte. */
static const char *
drop_plain_url(Connection *connection)
{
	Text text = {0};
	char *written;

	if (connection->url == NULL)
		return NULL;
	database_format_url(&text, connection);
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
	rule = strlen(value) != size ? "it has a zero byte" : database_parse(value, size, connection);
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
		database_members_free(connection);
	return rule;
}

static const char *
write_normal(const Connection *connection, TypeFacts *facts)
{
	Text text = {0};

	database_format_json(&text, connection, true);
	facts->metadata = text_take(&text, NULL);
	database_format_json(&text, connection, false);
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
	database_members_free(&connection);
	return rule;
}

static TypeField
connection_field(const Connection *connection, const char *name, Text *text)
{
	int number = database_member_of(name);

	if (strcmp(name, "url") == 0 && connection->url)
		text_add_string(text, connection->url);
	else if (strcmp(name, "url") == 0)
		database_format_url(text, connection);
	else if (strcmp(name, "conninfo") == 0 && database_is_postgresql(connection))
		database_format_conninfo(text, connection);
	else if (number < MEMBERS && connection->member[number])
		text_add_string(text, connection->member[number]);
	else
	{
		const Setting *other = database_find_other((Connection *) connection, name);

		if (other && !(other->is_json && strcmp(other->value, "null") == 0))
		{
			text_add_string(text, other->value);
			return FIELD_FOUND;
		}
		return number < MEMBERS || strcmp(name, "conninfo") == 0 || database_is_parameter(name) ||
				other
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
	database_members_free(&connection);
	return found;
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
		char *url = database_format_url_with_login(connection.url, user, password);

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
	database_members_free(&connection);
	return normal;
}

/*
 * database_members.c
 *		Members of a connection to a database, and the engines with their ports.
 */
#include "type/database_members.h"

#include <string.h>

#include "type/type.h"

const char *const database_members[MEMBERS] = {"engine", "host",     "port",
											   "user",   "password", "dbname"};

/* Engines that speak PostgreSQL's protocol, and other engines, each with its port. */
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

/* Other parameters that libpq knows, without those that name a file to be written or a service. */
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

void
database_members_free(Connection *connection)
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

bool
database_is_parameter(const char *name)
{
	for (size_t i = 0; i < COUNT(parameters); i++)
		if (strcmp(parameters[i], name) == 0)
			return true;
	return false;
}

/* Return the number of a member, by any of its names; MEMBERS if there is no such member. */
int
database_member_of(const char *name)
{
	if (strcmp(name, "username") == 0)
		return USER;
	if (strcmp(name, "database") == 0)
		return DBNAME;
	for (int i = 0; i < MEMBERS; i++)
		if (strcmp(name, database_members[i]) == 0)
			return i;
	return MEMBERS;
}

Setting *
database_find_other(Connection *connection, const char *name)
{
	for (int i = 0; i < connection->others; i++)
		if (strcmp(connection->other[i].name, name) == 0)
			return &connection->other[i];
	return NULL;
}

/*
 * Set a member or another setting. Takes ownership of the value, which is NULL if there was no
 * memory.
 */
const char *
database_set(Connection *connection, const char *name, char *value, bool is_json)
{
	int number = database_member_of(name);
	Setting *other = &connection->other[connection->others];

	if (value == NULL)
		return TYPE_NO_MEMORY;
	if (number < MEMBERS && connection->member[number] == NULL)
	{
		connection->member[number] = value;
		return NULL;
	}
	if (number == MEMBERS && connection->others < MAX_SETTINGS &&
		!database_find_other(connection, name))
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

/*
 * Remove zeros before a port, because a number in JSON has none. A URL with them is kept beside
 * it.
 */
void
database_strip_zeros(char *port)
{
	size_t zeros = port ? strspn(port, "0") : 0;

	if (zeros > 0 && strchr(port, ',') == NULL && port[zeros] != '\0')
		memmove(port, port + zeros, strlen(port + zeros) + 1);
}

/*
 * Return the index of the engine, regardless of its driver; the number of engines if it is
 * unknown.
 */
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

bool
database_is_postgresql(const Connection *connection)
{
	size_t engine = engine_of(connection);

	return engine < COUNT(engines) && engines[engine].is_postgresql;
}

/* Set the engine by one name, and the port that goes with it. */
const char *
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
		database_strip_zeros(connection->member[PORT]);
	return NULL;
}

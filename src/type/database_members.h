/*
 * database_members.h
 *		A connection to a database: its members, its other settings, and facts about engines.
 *
 * For this folder only.  Plain C without server headers.  A function that returns a phrase returns
 * NULL when all is well.
 */
#ifndef VAULT_TYPE_DATABASE_MEMBERS_H
#define VAULT_TYPE_DATABASE_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

#define MAX_SETTINGS 64
#define MAX_SETTING  4096
#define MAX_URL      16384
#define MAX_HOSTS    16

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The members of every value, in this order. */
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

extern const char *const database_members[MEMBERS];

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

/* Free all of it, wiped. */
extern void database_members_free(Connection *connection);

/* Whether libpq knows a parameter of this name, beside the members. */
extern bool database_is_parameter(const char *name);

/* The number of a member, by any name that it goes by; MEMBERS: it is none. */
extern int database_member_of(const char *name);

/* The setting of this name, or NULL. */
extern Setting *database_find_other(Connection *connection, const char *name);

/* Takes the value over, which is NULL where there was no memory. */
extern const char *
database_set(Connection *connection, const char *name, char *value, bool is_json);

/* Remove zeros before a port; a list stays as it is.  NULL is allowed. */
extern void database_strip_zeros(char *port);

/* The engine speaks PostgreSQL's protocol. */
extern bool database_is_postgresql(const Connection *connection);

/* Set the engine by one name, and the port that goes with it. */
extern const char *database_complete(Connection *connection);

#endif

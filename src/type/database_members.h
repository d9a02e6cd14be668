/*
 * database_members.h
 *		A connection to a database: its members, its other settings, and facts about engines.
 *
 * For this folder only. Plain C without server headers. A function that returns a phrase returns
 * NULL on success.
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

/* Members of every value, in this order. */
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
	char *value; /* value as text; for JSON that is no string, the JSON as it was written */
	bool is_json;
} Setting;

typedef struct Connection
{
	char *member[MEMBERS]; /* values of the members; NULL: not given */
	char *url;             /* URL as it was given; NULL: it is written from the members */
	Setting other[MAX_SETTINGS];
	int others;
} Connection;

/* Wipe and free all of it. */
extern void database_members_free(Connection *connection);

/* Return true if libpq knows a parameter of this name that is no member. */
extern bool database_is_parameter(const char *name);

/* Return the number of a member, by any of its names; MEMBERS if there is no such member. */
extern int database_member_of(const char *name);

/* Return the setting of this name, or NULL. */
extern Setting *database_find_other(Connection *connection, const char *name);

/*
 * Set a member or another setting. Takes ownership of the value, which is NULL if there was no
 * memory.
 */
extern const char *
database_set(Connection *connection, const char *name, char *value, bool is_json);

/* Remove zeros before a port; a list stays as it is.  NULL is allowed. */
extern void database_strip_zeros(char *port);

/* Return true if the engine speaks PostgreSQL's protocol. */
extern bool database_is_postgresql(const Connection *connection);

/* Set the engine by one name, and the port that goes with it. */
extern const char *database_complete(Connection *connection);

#endif

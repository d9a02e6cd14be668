/*
 * database.h
 *		How to connect to a database: given as JSON, as a URL or as a conninfo string, kept
 *		as JSON, handed out in any of the three.
 *
 * Plain C without server headers.
 */
#ifndef VAULT_TYPE_DATABASE_H
#define VAULT_TYPE_DATABASE_H

#include "type/type.h"

extern const char *
database_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts);

/* Beside the members: username, database, url, conninfo (of PostgreSQL only). */
extern TypeField
database_field(const void *value, size_t size, const char *name, char **out, size_t *out_size);

/*
 * The value with another login, for value_free(): in the members, and in the URL where one is kept.
 * NULL: it is no connection, or there was no memory.
 */
extern char *database_with_login(const void *value, size_t size, const char *user,
								 const char *password, size_t *out_size);

#endif

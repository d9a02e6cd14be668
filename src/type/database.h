/*
 * database.h
 *		Connections to databases: given as JSON, as a URL or as a conninfo string, kept as JSON,
 *		handed out in any of the three.
 *
 * Plain C without server headers.
 */
#ifndef VAULT_TYPE_DATABASE_H
#define VAULT_TYPE_DATABASE_H

#include "type/type.h"

extern const char *
database_check(const void *value, size_t size, const TypeContext *context, TypeFacts *facts);

/*
 * Return a field. Besides the members there are username, database, url, and conninfo (for
 * PostgreSQL only).
 */
extern TypeField
database_field(const void *value, size_t size, const char *name, char **out, size_t *out_size);

/*
 * Return the value with another login, in the members and in a kept URL; free it with
 * value_free(). Returns NULL if the value is no connection, or if there is no memory.
 */
extern char *database_with_login(const void *value, size_t size, const char *user,
								 const char *password, size_t *out_size);

#endif

/*
 * database_parse.h
 *		Read a connection to a database from JSON, a URL or a conninfo.
 */
#ifndef VAULT_TYPE_DATABASE_PARSE_H
#define VAULT_TYPE_DATABASE_PARSE_H

#include "type/database_members.h"

/*
 * Read any of the forms; the value ends with NUL. Returns NULL, or the rule that the value breaks.
 */
extern const char *database_parse(const char *value, size_t size, Connection *connection);

/* Decode a part of a URL; return NULL, with *rule set, if it cannot be decoded. */
extern char *database_parse_encoded(const char *from, size_t size, const char **rule);

/* Return the last position of this character before the end, or NULL. */
extern const char *database_last_of(const char *from, const char *end, char wanted);

#endif

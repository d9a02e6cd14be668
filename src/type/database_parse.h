/*
 * database_parse.h
 *		Read a connection to a database from JSON, a URL or a conninfo.
 */
#ifndef VAULT_TYPE_DATABASE_PARSE_H
#define VAULT_TYPE_DATABASE_PARSE_H

#include "type/database_members.h"

/* Reads any of the forms, which ends with NUL; NULL, or the rule that is broken. */
extern const char *database_parse(const char *value, size_t size, Connection *connection);

/* A part of a URL, decoded; NULL with *rule set if it cannot be. */
extern char *database_parse_encoded(const char *from, size_t size, const char **rule);

/* The last of these characters before the end, or NULL. */
extern const char *database_last_of(const char *from, const char *end, char wanted);

#endif

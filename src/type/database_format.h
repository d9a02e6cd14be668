/*
 * database_format.h
 *		Write a connection to a database as JSON, a URL or a conninfo.
 */
#ifndef VAULT_TYPE_DATABASE_FORMAT_H
#define VAULT_TYPE_DATABASE_FORMAT_H

#include "type/database_members.h"
#include "type/text.h"

extern void database_format_conninfo(Text *text, const Connection *connection);
extern void database_format_url(Text *text, const Connection *connection);

/* Write the connection as JSON. If public is true, write only the members that are metadata. */
extern void database_format_json(Text *text, const Connection *connection, bool public);

/* Write a valid URL with another login; everything else stays byte for byte. */
extern char *
database_format_url_with_login(const char *url, const char *user, const char *password);

#endif

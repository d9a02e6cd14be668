/*
 * version.h
 *		Checks that the library, the server and the extension's SQL fit each other.
 *
 *	server		of the minor release whose headers the library was built with, or a later one of
 *				the same major release: PostgreSQL keeps what older libraries know
 *	SQL			of the same release, which is the two numbers before the second dot; a third one is
 *				for scripts that change SQL only
 */
#ifndef VAULT_PLATFORM_VERSION_H
#define VAULT_PLATFORM_VERSION_H

#include "platform/compat.h"

/* Raise at load if the server is older than the one that the library was built for. */
extern void version_check_server(void);

/* Raise if the extension in this database is of another release than the library. */
extern void version_check_sql(void);

extern const char *version_of_library(void);

/* Return the version of the extension in this database, palloc'd; NULL if it is not installed. */
extern char *version_of_sql(void);

#endif

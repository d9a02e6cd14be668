/*
 * sql.h
 *		The one wrapper for SPI: parameters only, plans kept for the session.
 *
 * A statement runs as whoever is current, inside a call vault_exec.  No
 * plaintext, key or token is ever a parameter: encrypt first.
 */
#ifndef VAULT_PLATFORM_SQL_H
#define VAULT_PLATFORM_SQL_H

#include "platform/compat.h"

#include "executor/spi.h"

#define SQL_MAX_ARGS 32

typedef struct Sql
{
	const char *text;
	int nargs;
	Oid types[SQL_MAX_ARGS];
	SPIPlanPtr plan;
} Sql;

/*
 * Runs between sql_begin and sql_end; returns the number of rows, which are in
 * SPI_tuptable.  nulls as for SPI (NULL: none).
 */
extern void sql_begin(void);
extern uint64 sql_run(Sql *sql, Datum *values, const char *nulls);

/* Reads what is committed now, in every isolation level; STABLE functions inside see the same. */
extern uint64 sql_read(Sql *sql, Datum *values, const char *nulls);
extern void sql_end(void);

/*
 * Rows in portions, all as of the active snapshot: sql_fetch gives the number of rows in
 * SPI_tuptable, 0 at the end.
 */
extern Portal sql_open(Sql *sql, Datum *values, const char *nulls);
extern uint64 sql_fetch(Portal portal, long count);
extern void sql_close(Portal portal);

/* A column of a row of the last result. */
extern Datum sql_value(uint64 row, int column, bool *isnull);

#endif

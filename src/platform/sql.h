/*
 * sql.h
 *		The one wrapper for SPI: parameters only, plans kept for the session.
 *
 * A statement runs as the current user, which inside a call is vault_exec. Plaintext, keys and
 * tokens are never parameters: encrypt first.
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
 * Run a statement between sql_begin() and sql_end(). Returns the number of rows, which are in
 * SPI_tuptable. nulls is as in SPI; NULL means that no value is null.
 */
extern void sql_begin(void);
extern uint64 sql_run(Sql *sql, Datum *values, const char *nulls);

/* Read what is committed now, in every isolation level. STABLE functions inside see the same. */
extern uint64 sql_read(Sql *sql, Datum *values, const char *nulls);
extern void sql_end(void);

/*
 * Read rows in portions, all as of the active snapshot. sql_fetch() returns the number of rows in
 * SPI_tuptable, 0 at the end.
 */
extern Portal sql_open(Sql *sql, Datum *values, const char *nulls);
extern uint64 sql_fetch(Portal portal, long count);
extern void sql_close(Portal portal);

/* Return a column of a row of the last result. */
extern Datum sql_value(uint64 row, int column, bool *isnull);

#endif

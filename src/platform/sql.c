/*
 * sql.c
 *		SPI with kept plans.
 */
#include "platform/sql.h"

#include "utils/snapmgr.h"

#include "platform/errors.h"

void
sql_begin(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not connect to SPI")));
}

void
sql_end(void)
{
	SPI_finish();
}

static void
sql_prepare(Sql *sql)
{
	SPIPlanPtr plan;

	if (sql->plan)
		return;
	plan = SPI_prepare(sql->text, sql->nargs, sql->types);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not prepare a statement: %s", SPI_result_code_string(SPI_result))));
	sql->plan = plan;
}

static uint64
sql_processed(int result)
{
	if (result < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not run a statement: %s", SPI_result_code_string(result))));
	return SPI_processed;
}

uint64
sql_run(Sql *sql, Datum *values, const char *nulls)
{
	sql_prepare(sql);
	return sql_processed(SPI_execute_plan(sql->plan, values, nulls, false, 0));
}

uint64
sql_read(Sql *sql, Datum *values, const char *nulls)
{
	sql_prepare(sql);
	return sql_processed(SPI_execute_snapshot(sql->plan, values, nulls, GetLatestSnapshot(),
											  InvalidSnapshot, true, false, 0));
}

Portal
sql_open(Sql *sql, Datum *values, const char *nulls)
{
	sql_prepare(sql);
	return SPI_cursor_open(NULL, sql->plan, values, nulls, true);
}

uint64
sql_fetch(Portal portal, long count)
{
	SPI_cursor_fetch(portal, true, count);
	return SPI_processed;
}

void
sql_close(Portal portal)
{
	SPI_cursor_close(portal);
}

Datum
sql_value(uint64 row, int column, bool *isnull)
{
	bool null;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &null);

	if (isnull)
		*isnull = null;
	else if (null)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("unexpected null in column %d", column)));
	return value;
}

/*
 * origin.c
 *		The row of vault_data.origin, and its comparison with this server.
 *
 * The row holds the id of the transaction that wrote it.  A row that was loaded from a dump, or put
 * back, is recognized by another id in its header.
 */
#include "origin/origin.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "origin/host.h"
#include "integrity/integrity.h"
#include "keyring/keyring.h"
#include "keyring/root_key_rows.h"
#include "keyring/root_page.h"
#include "platform/errors.h"
#include "platform/sql.h"
#include "platform/tables.h"

/* Columns of vault_data.origin. */
enum
{
	ORIGIN_SYSTEM = 2,
	ORIGIN_TIMELINE,
	ORIGIN_MACHINE,
	ORIGIN_DIRECTORY,
	ORIGIN_FILE,
	ORIGIN_BORN,
	ORIGIN_DATABASE,
	ORIGIN_WRITTEN
};

/* True if the column's text differs from the one here; an empty text is not compared. */
static bool
origin_differs(TableScan *scan, int column, const char *here)
{
	char *stored = TextDatumGetCString(scan_get(scan, column, NULL));

	return *stored && *here && strcmp(stored, here) != 0;
}

static bool
was_loaded(TableScan *scan)
{
	bool isnull;
	Datum written = scan_get(scan, ORIGIN_WRITTEN, NULL);
	Datum writer = slot_getsysattr(scan->slot, MinTransactionIdAttributeNumber, &isnull);

	return DatumGetTransactionId(written) != DatumGetTransactionId(writer) ||
		DatumGetObjectId(scan_get(scan, ORIGIN_DATABASE, NULL)) != MyDatabaseId;
}

static void
origin_add_reason(StringInfo reasons, bool holds, const char *reason)
{
	if (holds)
		appendStringInfo(reasons, "%s%s", reasons->len > 0 ? "; " : "", reason);
}

static void
origin_compare(TableScan *scan, StringInfo reasons)
{
	const Host *here = host_here();
	TimeLineID timeline = DatumGetInt32(scan_get(scan, ORIGIN_TIMELINE, NULL));

	/* While the vault is sealed the MAC cannot be checked, and the vault cannot act either. */
	if (root_is_open() && !row_is_authentic(scan, TABLE_ORIGIN))
		origin_add_reason(reasons, true, "the row of its home was changed outside vault");
	origin_add_reason(reasons, origin_differs(scan, ORIGIN_SYSTEM, here->system),
					  "another database system");
	origin_add_reason(reasons, was_loaded(scan),
					  "its data was loaded from a dump or another database");
	origin_add_reason(reasons, origin_differs(scan, ORIGIN_MACHINE, here->machine),
					  "another machine");
	origin_add_reason(reasons, origin_differs(scan, ORIGIN_DIRECTORY, here->directory),
					  "another data directory");
	origin_add_reason(reasons,
					  origin_differs(scan, ORIGIN_FILE, here->file) ||
						  origin_differs(scan, ORIGIN_BORN, here->born),
					  "its files were copied or restored");
	origin_add_reason(reasons, here->timeline != 0 && here->timeline != timeline,
					  "another timeline, after a promotion or a recovery to a point in time");
}

char *
origin_held(void)
{
	StringInfoData reasons;
	pg_uuid_t instance;
	Datum key = UUIDPGetDatum(&instance);
	TableScan scan;

	if (!OidIsValid(table_oid(TABLE_INSTANCE)) || !root_record_instance(&instance))
		return NULL;
	initStringInfo(&reasons);
	scan_begin(&scan, TABLE_ORIGIN, INDEX_ORIGIN, NULL, &key, 1);
	if (scan_next(&scan))
		origin_compare(&scan, &reasons);
	else
		origin_add_reason(&reasons, true, "the home of the vault is not recorded");
	scan_end(&scan);
	return reasons.len > 0 ? reasons.data : NULL;
}

void
origin_require(void)
{
	char *reason = origin_held();

	if (reason)
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_HELD), errmsg("the vault is held as a copy: %s", reason),
				 errhint("A copy does nothing outside of its server. "
						 "Once no other goes on, an operator releases it with vault.adopt().")));
}

/* Replace the rows by one for this server. */
static void
origin_settle(void)
{
	static Sql forget = {"DELETE FROM vault_data.origin", 0};
	static Sql insert = {
		"INSERT INTO vault_data.origin"
		" (id, system, timeline, machine, directory, file, born, database, written)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		9,
		{UUIDOID, TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, OIDOID, XIDOID}};
	const Host *here = host_here();
	pg_uuid_t instance;
	Datum values[9];

	CommandCounterIncrement();
	if (!root_record_instance(&instance))
		elog(ERROR, "the vault has no instance");
	values[0] = UUIDPGetDatum(&instance);
	values[1] = CStringGetTextDatum(here->system);
	values[2] = Int32GetDatum(here->timeline);
	values[3] = CStringGetTextDatum(here->machine);
	values[4] = CStringGetTextDatum(here->directory);
	values[5] = CStringGetTextDatum(here->file);
	values[6] = CStringGetTextDatum(here->born);
	values[7] = ObjectIdGetDatum(here->database);
	values[8] = TransactionIdGetDatum(GetCurrentTransactionId());
	sql_begin();
	(void) sql_run(&forget, NULL, NULL);
	(void) sql_run(&insert, values, NULL);
	sql_end();
}

void
origin_adopt(void)
{
	static Sql lock = {"LOCK TABLE vault_data.origin IN SHARE ROW EXCLUSIVE MODE", 0};

	sql_begin();
	(void) sql_run(&lock, NULL, NULL);
	sql_end();
	if (origin_held() == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the vault is not held"),
				 errhint("vault.status() says in \"held\" when it is.")));
	origin_settle();
}

void
origin_init(void)
{
	static const OriginCalls calls = {origin_held, origin_require, origin_settle};

	keyring_set_origin(&calls);
}

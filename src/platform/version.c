/*
 * version.c
 *		Compares three versions: of the library, of the server, of the SQL.
 */
#include "platform/version.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/rel.h"

/* The server that the library was built for. Volatile, since a test changes it in a copy. */
static const volatile struct
{
	char mark[16];
	int server;
	char library[16];
} build = {"vault was built", VAULT_BUILT_FOR, VAULT_VERSION};

/* Write a version as PostgreSQL does: 150020 is 15.20. */
static char *
release_name(int number)
{
	return psprintf("%d.%d", number / 10000, number % 10000);
}

void
version_check_server(void)
{
	const char *setting = GetConfigOption("server_version_num", true, false);
	int running = setting ? atoi(setting) : 0;

	if (running < build.server)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("vault was built for PostgreSQL %s, and this server is %s",
						release_name(build.server), release_name(running)),
				 errhint("Update the server to that minor release or a later one, "
						 "or install a vault that was built with the headers of this one.")));
}

const char *
version_of_library(void)
{
	return (const char *) build.library;
}

char *
version_of_sql(void)
{
	Relation table = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple row;
	char *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("vault"));
	scan = systable_beginscan(table, ExtensionNameIndexId, true, NULL, 1, &key);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
	{
		bool isnull;
		Datum datum =
			heap_getattr(row, Anum_pg_extension_extversion, RelationGetDescr(table), &isnull);

		version = TextDatumGetCString(datum);
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return version;
}

/* Return a number for the release: "1.0.3" is 1.0, which is 1000. */
static int
release_of(const char *version)
{
	int major = 0;
	int minor = 0;

	(void) sscanf(version, "%d.%d", &major, &minor);
	return major * 1000 + minor;
}

void
version_check_sql(void)
{
	char *sql = version_of_sql();
	const char *library = version_of_library();

	if (sql == NULL || release_of(sql) == release_of(library))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the server has loaded vault %s, and the extension in this database is %s",
					library, sql),
			 release_of(sql) < release_of(library)
				 ? errhint("A superuser runs ALTER EXTENSION vault UPDATE in this database.")
				 : errhint("Install the library of vault %s and restart the server.", sql)));
}

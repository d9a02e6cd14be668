/*
 * tables.h
 *		Direct access to the extension's tables: their names and indexes, and an index scan without
 *		an executor.
 *
 * A direct scan bypasses privileges and row security. Only code that has already decided on access
 * uses it. Its key starts with the tenant that the entry resolved, unless the scan resolves the
 * tenant.
 */
#ifndef VAULT_PLATFORM_TABLES_H
#define VAULT_PLATFORM_TABLES_H

#include "platform/compat.h"

#include "access/relscan.h"
#include "executor/tuptable.h"
#include "storage/lockdefs.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/uuid.h"

/*
 * A table, or an index, that C reads. Each feature describes its own in FEATURE_tables.h; make
 * lists these in tablelist.h. TABLE(ID, members) makes TABLE_ID, INDEX(ID, members) INDEX_ID.
 */
typedef struct TableInfo
{
	const char *name;

	/*
	 * A table whose rows have a MAC: what errors call a row, the column that names the row (a uuid
	 * or a text), and the number of columns that the MAC covers. These come first, then revision,
	 * then mac. Without kind, rows have no MAC.
	 */
	const char *kind;
	int id;
	int covered;

	/*
	 * A table that vault.verify() checks: the kind of object in the trail and in the findings.
	 * Then SQL expressions over a row x: the tenant, the object's id and its name; without them
	 * x.tenant_id, NULL and NULL.
	 */
	const char *verified_as;
	const char *tenant;
	const char *object;
	const char *title;

	/*
	 * The columns that are compared with the trail, as a list. Rows that are younger than the
	 * trail must be in it; since is their time, x.created_at without it. Rows without an id go by
	 * name instead: the trail is searched for role_name.
	 */
	const char *compared;
	const char *since;
	bool goes_by_name;

	/*
	 * Place of the table among those that vault.destroy_tenant() empties, from 1. 0: its rows go
	 * with those of another table, or stay.
	 */
	int deleted_as;
} TableInfo;

typedef enum TableId
{
#define TABLE(id, ...) TABLE_##id,
#define INDEX(id, ...) INDEX_##id,
#include "tablelist.h"
#undef TABLE
#undef INDEX
	TABLE_COUNT
} TableId;

extern const TableInfo *table_info(TableId table);

/* InvalidOid if the extension is not installed in this database. */
extern Oid table_oid(TableId table);

/*
 * Register a callback for changes of the table, or of its rows that decide something (see
 * vault_data.decision_changed). A table may have several callbacks. A callback may run at any
 * access to a catalog, so it must only note the fact.
 */
extern void tables_on_change(TableId table, void (*callback)(Datum arg), Datum arg);
extern void tables_init(void);

/* Schema vault_data, and schema vault. */
extern Oid data_schema_oid(void);
extern Oid api_schema_oid(void);

/*
 * Take an ACCESS SHARE lock on the extension, if it exists, until the end of the transaction. Call
 * it before locking many tables: DROP EXTENSION locks the extension before its members, so one of
 * the two waits here instead of in a deadlock.
 */
extern void extension_hold(void);

typedef struct TableScan
{
	Relation heap;
	Relation index;
	IndexScanDesc scan;
	IndexFetchTableData *fetch; /* used instead of index and scan after scan_begin_at() */
	TupleTableSlot *slot;
	Snapshot snapshot;     /* registered by the scan */
	ItemPointerData place; /* place that the index returned */
} TableScan;

/*
 * Scan by equality on the first nkeys columns of the index, with the collation of the column. With
 * snapshot NULL a fresh one is taken, so that committed rows are seen in every isolation level.
 */
extern void scan_begin(TableScan *scan, TableId table, TableId index, Snapshot snapshot,
					   const Datum *keys, int nkeys);

/* The same, and the next column is at least `from` in C collation (text). */
extern void scan_begin_from(TableScan *scan, TableId table, TableId index, Snapshot snapshot,
							const Datum *keys, int nkeys, Datum from);

/*
 * Open the table without an index, at the row that the index once led to. Returns false if no row
 * is visible there. It may be any row, also one with another key.
 */
extern bool
scan_begin_at(TableScan *scan, TableId table, Snapshot snapshot, const ItemPointerData *place);

/* Move to the row at another place. Only after scan_begin_at(). */
extern bool scan_at(TableScan *scan, const ItemPointerData *place);

/*
 * Return the transaction that wrote the current row of the scan. If a later row has the same writer
 * and the same key, all its columns are the same too: of the versions that one transaction makes of
 * a row, other transactions see only the last.
 */
extern TransactionId scan_writer(TableScan *scan);

/* Start again with other keys, of the same number. */
extern void scan_again(TableScan *scan, const Datum *keys, int nkeys);
extern bool scan_next(TableScan *scan);
extern void scan_end(TableScan *scan);

/* Return a column of the current row of the scan. The Datum lives until the next row. */
extern Datum scan_get(TableScan *scan, AttrNumber column, bool *isnull);

#define UUID_ZERO        ((pg_uuid_t){{0}})
#define uuid_equal(a, b) (memcmp((a), (b), UUID_LEN) == 0)

#endif

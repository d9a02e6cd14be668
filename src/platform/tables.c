/*
 * tables.c
 *		Finds oids by names, with invalidation, and scans indexes.
 */
#include "platform/tables.h"

#include "access/stratnum.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "platform/errors.h"

#define MAX_SCAN_KEYS 3

#define TABLE(id, ...) [TABLE_##id] = {__VA_ARGS__},
#define INDEX(id, ...) [INDEX_##id] = {__VA_ARGS__},
static const TableInfo infos[TABLE_COUNT] = {
#include "tablelist.h"
};
#undef TABLE
#undef INDEX

static Oid oids[TABLE_COUNT];

/* Subscribers to changes: a table may have several, and a subscriber several tables. */
#define MAX_SUBSCRIPTIONS 32

typedef struct Subscription
{
	TableId table;
	void (*callback)(Datum arg);
	Datum arg;
} Subscription;

static Subscription subscriptions[MAX_SUBSCRIPTIONS];
static int subscription_count = 0;

const TableInfo *
table_info(TableId table)
{
	return &infos[table];
}

Oid
data_schema_oid(void)
{
	return get_namespace_oid("vault_data", true);
}

/* Lock the extension. While this waits, the extension may be dropped and created again. */
void
extension_hold(void)
{
	Oid extension = get_extension_oid("vault", true);
	Oid held = InvalidOid;

	while (extension != held)
	{
		held = extension;
		if (OidIsValid(held))
			LockDatabaseObject(ExtensionRelationId, held, 0, AccessShareLock);
		extension = get_extension_oid("vault", true);
	}
}

Oid
api_schema_oid(void)
{
	return get_namespace_oid("vault", true);
}

Oid
table_oid(TableId table)
{
	if (!OidIsValid(oids[table]))
	{
		Oid schema = data_schema_oid();

		if (OidIsValid(schema))
			oids[table] = get_relname_relid(infos[table].name, schema);
	}
	return oids[table];
}

static void
tell_subscribers(TableId table)
{
	for (int i = 0; i < subscription_count; i++)
		if (subscriptions[i].table == table)
			subscriptions[i].callback(subscriptions[i].arg);
}

static void
tables_relation_changed(Datum arg, Oid relid)
{
	for (int i = 0; i < TABLE_COUNT; i++)
	{
		if (OidIsValid(relid) && oids[i] != relid)
			continue;
		oids[i] = InvalidOid;
		tell_subscribers(i);
	}
}

void
tables_on_change(TableId table, void (*callback)(Datum arg), Datum arg)
{
	if (subscription_count == MAX_SUBSCRIPTIONS)
		elog(FATAL, "more than %d subscriptions to changes of tables", MAX_SUBSCRIPTIONS);
	subscriptions[subscription_count++] = (Subscription){table, callback, arg};
}

void
tables_init(void)
{
	CacheRegisterRelcacheCallback(tables_relation_changed, (Datum) 0);
}

/* Return the equality function of a key column, without a look-up in the catalogs. */
static RegProcedure
equality_of(Oid type)
{
	switch (type)
	{
		case UUIDOID:
			return F_UUID_EQ;
		case TEXTOID:
			return F_TEXTEQ;
		case INT4OID:
			return F_INT4EQ;
		case OIDOID:
			return F_OIDEQ;
	}
	elog(ERROR, "no equality for type %u", type);
}

static Relation
open_or_fail(TableId id, bool index)
{
	Oid oid = table_oid(id);

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension vault is not installed in this database"),
				 errhint("Run CREATE EXTENSION vault CASCADE as a superuser.")));
	return index ? index_open(oid, AccessShareLock) : table_open(oid, AccessShareLock);
}

static void
set_keys(TableScan *scan, ScanKeyData *scankeys, const Datum *keys, int nkeys)
{
	for (int i = 0; i < nkeys; i++)
		ScanKeyEntryInitialize(&scankeys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   scan->index->rd_indcollation[i],
							   equality_of(scan->index->rd_opcintype[i]), keys[i]);
}

static void
open_table(TableScan *scan, TableId table, Snapshot snapshot)
{
	memset(scan, 0, sizeof(*scan));
	scan->heap = open_or_fail(table, false);
	scan->snapshot = RegisterSnapshot(snapshot ? snapshot : GetLatestSnapshot());
	scan->slot = table_slot_create(scan->heap, NULL);
}

static void
open_scan(TableScan *scan, TableId table, TableId index, Snapshot snapshot)
{
	open_table(scan, table, snapshot);
	scan->index = open_or_fail(index, true);
}

/* Refuse to write past the arrays of scan keys, which are on the stack. */
static void
require_room_for_keys(int nkeys)
{
	if (nkeys > MAX_SCAN_KEYS)
		elog(ERROR, "a scan has more than %d keys", MAX_SCAN_KEYS);
}

void
scan_begin(TableScan *scan, TableId table, TableId index, Snapshot snapshot, const Datum *keys,
		   int nkeys)
{
	require_room_for_keys(nkeys);
	open_scan(scan, table, index, snapshot);
	scan->scan = compat_index_beginscan(scan->heap, scan->index, scan->snapshot, nkeys);
	scan_again(scan, keys, nkeys);
}

void
scan_begin_from(TableScan *scan, TableId table, TableId index, Snapshot snapshot, const Datum *keys,
				int nkeys, Datum from)
{
	ScanKeyData scankeys[MAX_SCAN_KEYS];

	require_room_for_keys(nkeys + 1);
	open_scan(scan, table, index, snapshot);
	scan->scan = compat_index_beginscan(scan->heap, scan->index, scan->snapshot, nkeys + 1);
	set_keys(scan, scankeys, keys, nkeys);
	ScanKeyEntryInitialize(&scankeys[nkeys], 0, nkeys + 1, BTGreaterEqualStrategyNumber, InvalidOid,
						   scan->index->rd_indcollation[nkeys], F_TEXT_GE, from);
	index_rescan(scan->scan, scankeys, nkeys + 1, NULL, 0);
}

/*
 * Return true if the block still exists. The table may have become shorter since the place was
 * noted. TRUNCATE locks the table and makes all backends forget its size. So while the table is
 * locked here, a remembered size is a lower bound.
 */
static bool
is_inside(Relation heap, BlockNumber block)
{
	BlockNumber known = RelationGetSmgr(heap)->smgr_cached_nblocks[MAIN_FORKNUM];

	return (known != InvalidBlockNumber && block < known) ||
		block < RelationGetNumberOfBlocks(heap);
}

bool
scan_at(TableScan *scan, const ItemPointerData *place)
{
	bool again = false;

	scan->place = *place;
	return is_inside(scan->heap, ItemPointerGetBlockNumber(place)) &&
		table_index_fetch_tuple(scan->fetch, &scan->place, scan->snapshot, scan->slot, &again,
								NULL);
}

bool
scan_begin_at(TableScan *scan, TableId table, Snapshot snapshot, const ItemPointerData *place)
{
	open_table(scan, table, snapshot);
	scan->fetch = compat_table_index_fetch_begin(scan->heap);
	return scan_at(scan, place);
}

TransactionId
scan_writer(TableScan *scan)
{
	bool isnull;

	return DatumGetTransactionId(
		slot_getsysattr(scan->slot, MinTransactionIdAttributeNumber, &isnull));
}

void
scan_again(TableScan *scan, const Datum *keys, int nkeys)
{
	ScanKeyData scankeys[MAX_SCAN_KEYS];

	set_keys(scan, scankeys, keys, nkeys);
	index_rescan(scan->scan, scankeys, nkeys, NULL, 0);
}

bool
scan_next(TableScan *scan)
{
	ItemPointer place;

	while ((place = index_getnext_tid(scan->scan, ForwardScanDirection)) != NULL)
	{
		scan->place = *place; /* fetching changes it to the row's newest version */
		if (index_fetch_heap(scan->scan, scan->slot))
			return true;
	}
	return false;
}

void
scan_end(TableScan *scan)
{
	ExecDropSingleTupleTableSlot(scan->slot);
	if (scan->fetch)
		table_index_fetch_end(scan->fetch);
	else
	{
		index_endscan(scan->scan);
		index_close(scan->index, AccessShareLock);
	}
	UnregisterSnapshot(scan->snapshot);
	table_close(scan->heap, AccessShareLock);
}

Datum
scan_get(TableScan *scan, AttrNumber column, bool *isnull)
{
	bool null;
	Datum value = slot_getattr(scan->slot, column, &null);

	if (isnull)
		*isnull = null;
	else if (null)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("unexpected null in column %d of \"%s\"", column,
						RelationGetRelationName(scan->heap))));
	return value;
}

/*
 * log_walk.c
 *		Merges rows and seals.
 */
#include "evidence/log_walk.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "context/call.h"
#include "crypto/raise.h"
#include "platform/as_role.h"
#include "platform/sql.h"
#include "platform/tables.h"

#define ROWS_AT_ONCE  500
#define SEALS_AT_ONCE 10

typedef struct Walk
{
	const LogVisitor *visitor;
	void *state;
	Portal seals;
	SPITupleTable *fetched; /* seals that are not loaded yet */
	uint64 fetched_count;
	uint64 next;
	OpenSeal *upcoming; /* the next seal to open, loaded */
	bool exhausted;
	List *open;
	TimestampTz since;
	TimestampTz until;
	MemoryContext memory;
} Walk;

void
log_rows(Portal portal, LogRow row, void *state)
{
	MemoryContext memory =
		AllocSetContextCreate(CurrentMemoryContext, "vault trail rows", ALLOCSET_DEFAULT_SIZES);
	TupleTableSlot *slot = NULL;
	uint64 count;

	while ((count = sql_fetch(portal, ROWS_AT_ONCE)) > 0)
	{
		SPITupleTable *table = SPI_tuptable;

		if (slot == NULL)
			slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(table->tupdesc), &TTSOpsHeapTuple);
		for (uint64 i = 0; i < count; i++)
		{
			MemoryContext old = MemoryContextSwitchTo(memory);
			AuditRow loaded;

			CHECK_FOR_INTERRUPTS();
			ExecStoreHeapTuple(table->vals[i], slot, false);
			audit_row_load(slot, &loaded);
			row(state, &loaded);
			ExecClearTuple(slot);
			MemoryContextSwitchTo(old);
			MemoryContextReset(memory);
		}
		SPI_freetuptable(table);
	}
	if (slot)
		ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(memory);
}

/* The scan of one partition, and the function to call for its rows. */
typedef struct Since
{
	const ConsumerState *seen;
	Relation partition;
	Oid index;
	LogRow row;
	void *state;
	MemoryContext memory;
} Since;

/*
 * Return the index on transaction ids. InvalidOid if there is none, as during a restore, or if a
 * superuser dropped it.
 */
static Oid
index_of_xid(Relation partition)
{
	Oid found = InvalidOid;
	ListCell *cell;

	foreach(cell, RelationGetIndexList(partition))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid &&
			index->rd_index->indkey.values[0] == AUDIT_XID &&
			RelationGetIndexPredicate(index) == NIL)
			found = RelationGetRelid(index);
		index_close(index, AccessShareLock);
	}
	return found;
}

/*
 * Skip rows of another cluster by id, before they are loaded: after a restore they are most of the
 * trail.
 */
static void
visit_new(Since *since, TupleTableSlot *slot)
{
	MemoryContext old;
	AuditRow loaded;
	bool isnull;

	if (DatumGetInt64(slot_getattr(slot, AUDIT_ID, &isnull)) <= since->seen->floor_id)
		return;
	old = MemoryContextSwitchTo(since->memory);
	audit_row_load(slot, &loaded);
	since->row(since->state, &loaded);
	MemoryContextSwitchTo(old);
	MemoryContextReset(since->memory);
}

static void
scan_rows(Since *since, int nkeys, ScanKey keys)
{
	SysScanDesc scan = systable_beginscan(since->partition, since->index, OidIsValid(since->index),
										  GetActiveSnapshot(), nkeys, keys);

	while (systable_getnext(scan) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		visit_new(since, scan->slot);
	}
	systable_endscan(scan);
}

static void
scan_partition(Since *since)
{
	const ConsumerState *seen = since->seen;
	ScanKeyData keys[2];

	since->index = index_of_xid(since->partition);
	if (!OidIsValid(since->index))
	{
		scan_rows(since, 0, NULL);
		return;
	}
	ScanKeyInit(&keys[0], AUDIT_XID, BTGreaterEqualStrategyNumber, F_XID8GE,
				UInt64GetDatum(seen->xmax));
	ScanKeyInit(&keys[1], AUDIT_XID, BTLessStrategyNumber, F_XID8LT,
				UInt64GetDatum(seen->next_xid));
	scan_rows(since, 2, keys);
	for (int i = 0; i < seen->running_count; i++)
	{
		ScanKeyInit(&keys[0], AUDIT_XID, BTEqualStrategyNumber, F_XID8EQ,
					UInt64GetDatum(seen->running[i]));
		scan_rows(since, 1, keys);
	}
}

void
log_rows_since(const ConsumerState *seen, LogRow row, void *state)
{
	Since since = {.seen = seen, .row = row, .state = state};
	Relation parent = table_open(table_oid(TABLE_AUDIT_LOG), AccessShareLock);
	ListCell *cell;

	since.memory =
		AllocSetContextCreate(CurrentMemoryContext, "vault new trail rows", ALLOCSET_DEFAULT_SIZES);
	foreach(cell, find_all_inheritors(RelationGetRelid(parent), AccessShareLock, NULL))
	{
		since.partition = table_open(lfirst_oid(cell), NoLock);
		if (since.partition->rd_rel->relkind == RELKIND_RELATION)
			scan_partition(&since);
		table_close(since.partition, NoLock);
	}
	MemoryContextDelete(since.memory);
	table_close(parent, NoLock);
}

/* Load a seal into memory of its own, with room for what will be seen of its rows. */
static OpenSeal *
load_open(MemoryContext parent, uint64 row)
{
	MemoryContext memory = AllocSetContextCreate(parent, "vault open seal", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);
	OpenSeal *open = palloc0(sizeof(OpenSeal));
	int64 count;

	open->memory = memory;
	seal_load(row, &open->seal);
	count = seal_id_count(&open->seal);
	open->is_usable = count == open->seal.rows && count <= SEAL_MAX_ROWS;
	if (open->is_usable)
	{
		open->seen = palloc0(Max(1, count) * sizeof(bool));
		open->hashes = palloc(Max(1, count) * SHA256_BYTES);
	}
	MemoryContextSwitchTo(old);
	return open;
}

/* Load the next seal that is not open into walk->upcoming; NULL at the end. */
static void
look_ahead(Walk *walk)
{
	if (walk->upcoming || walk->exhausted)
		return;
	if (walk->next == walk->fetched_count)
	{
		if (walk->fetched)
			SPI_freetuptable(walk->fetched);
		walk->fetched_count = sql_fetch(walk->seals, SEALS_AT_ONCE);
		walk->fetched = SPI_tuptable;
		walk->next = 0;
	}
	walk->exhausted = walk->fetched_count == 0;
	if (walk->exhausted)
		return;
	SPI_tuptable = walk->fetched;
	walk->upcoming = load_open(walk->memory, walk->next++);
}

static void
open_upcoming(Walk *walk)
{
	MemoryContext old = MemoryContextSwitchTo(walk->memory);

	walk->open = lappend(walk->open, walk->upcoming);
	MemoryContextSwitchTo(old);
	if (walk->visitor->opened)
		walk->visitor->opened(walk->state, walk->upcoming);
	walk->upcoming = NULL;
}

/* Close the seals that end before "at", or all. */
static void
log_walk_close_before(Walk *walk, TimestampTz at, bool all)
{
	ListCell *cell;

	foreach(cell, walk->open)
	{
		OpenSeal *open = lfirst(cell);

		if (!all && open->seal.last_at >= at)
			continue;
		walk->open = foreach_delete_current(walk->open, cell);
		if (walk->visitor->closed)
			walk->visitor->closed(walk->state, open);
		MemoryContextDelete(open->memory);
	}
}

static OpenSeal *
log_walk_covering(Walk *walk, int64 id, int *rank)
{
	ListCell *cell;

	foreach(cell, walk->open)
	{
		OpenSeal *open = lfirst(cell);

		*rank = open->is_usable ? seal_rank(&open->seal, id) : -1;
		if (*rank >= 0)
			return open;
	}
	return NULL;
}

static void
walk_row(void *state, const AuditRow *row)
{
	Walk *walk = state;
	StringInfoData line;
	OpenSeal *open;
	int rank;
	bool again = false;

	for (look_ahead(walk); walk->upcoming && walk->upcoming->seal.first_at <= row->at;
		 look_ahead(walk))
		open_upcoming(walk);
	log_walk_close_before(walk, row->at, false);

	open = log_walk_covering(walk, row->id, &rank);
	if (open == NULL &&
		(row->at < walk->since || (row->at >= walk->until && !TIMESTAMP_IS_NOEND(walk->until))))
		return;
	initStringInfo(&line);
	audit_line(row, &line);
	if (open)
	{
		again = open->seen[rank];
		open->seen_count += !again;
		open->seen[rank] = true;
		audit_line_hash(&line, open->hashes + rank * SHA256_BYTES);
	}
	walk->visitor->row(walk->state, row, &line, open, again);
}

static Portal
open_seals(const pg_uuid_t *tenant, TimestampTz since, TimestampTz until)
{
	static Sql sql = {"SELECT " SEAL_COLUMNS " FROM vault_data.audit_seal s WHERE s.tenant_id = $1"
					  " AND s.last_at >= $2 AND s.first_at < $3 ORDER BY s.first_at, s.seq",
					  3,
					  {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	Datum values[] = {UUIDPGetDatum(tenant), TimestampTzGetDatum(since),
					  TimestampTzGetDatum(until)};

	return sql_open(&sql, values, NULL);
}

/* Widen the period to all rows of the seals that have a row in it. */
static void
log_walk_widen(const pg_uuid_t *tenant, TimestampTz *since, TimestampTz *until)
{
	static Sql sql = {"SELECT least($2, min(s.first_at)),"
					  " greatest($3, max(s.last_at) + '1 microsecond'::interval)"
					  " FROM vault_data.audit_seal s"
					  " WHERE s.tenant_id = $1 AND s.last_at >= $2 AND s.first_at < $3",
					  3,
					  {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	Datum values[] = {UUIDPGetDatum(tenant), TimestampTzGetDatum(*since),
					  TimestampTzGetDatum(*until)};

	if (TIMESTAMP_IS_NOBEGIN(*since) && TIMESTAMP_IS_NOEND(*until))
		return;
	sql_run(&sql, values, NULL);
	*since = DatumGetTimestampTz(sql_value(0, 1, NULL));
	*until = DatumGetTimestampTz(sql_value(0, 2, NULL));
}

void
log_walk(const pg_uuid_t *tenant, TimestampTz since, TimestampTz until, const LogVisitor *visitor,
		 void *state)
{
	static Sql sql = {"SELECT a.* FROM vault_data.audit_log a WHERE a.tenant_id = $1 AND a.at >= $2"
					  " AND a.at <= $3 ORDER BY a.at, a.id",
					  3,
					  {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	Walk walk = {.visitor = visitor, .state = state, .since = since, .until = until};
	Datum values[] = {UUIDPGetDatum(tenant), (Datum) 0, (Datum) 0};
	Portal rows;

	walk.memory =
		AllocSetContextCreate(CurrentMemoryContext, "vault trail walk", ALLOCSET_DEFAULT_SIZES);
	walk.seals = open_seals(tenant, since, until);
	log_walk_widen(tenant, &since, &until);
	values[1] = TimestampTzGetDatum(since);
	values[2] = TimestampTzGetDatum(until);
	rows = sql_open(&sql, values, NULL);
	log_rows(rows, walk_row, &walk);
	for (look_ahead(&walk); walk.upcoming; look_ahead(&walk))
		open_upcoming(&walk);
	log_walk_close_before(&walk, 0, true);
	sql_close(rows);
	sql_close(walk.seals);
	MemoryContextDelete(walk.memory);
}

pg_uuid_t *
log_tenants(int *count)
{
	/*
	 * Walk along the primary keys to the first row of each tenant: the cost does not grow with the
	 * rows.
	 */
	static Sql sql = {
		"WITH RECURSIVE"
		" sealed (id) AS ("
		"  (SELECT s.tenant_id FROM vault_data.audit_seal s ORDER BY s.tenant_id LIMIT 1)"
		"  UNION ALL SELECT (SELECT s.tenant_id FROM vault_data.audit_seal s"
		"   WHERE s.tenant_id > t.id ORDER BY s.tenant_id LIMIT 1)"
		"   FROM sealed t WHERE t.id IS NOT NULL),"
		" logged (id) AS ("
		"  (SELECT a.tenant_id FROM vault_data.audit_log a ORDER BY a.tenant_id LIMIT 1)"
		"  UNION ALL SELECT (SELECT a.tenant_id FROM vault_data.audit_log a"
		"   WHERE a.tenant_id > t.id ORDER BY a.tenant_id LIMIT 1)"
		"   FROM logged t WHERE t.id IS NOT NULL)"
		" SELECT id FROM sealed WHERE id IS NOT NULL"
		" UNION SELECT id FROM logged WHERE id IS NOT NULL"
		" UNION SELECT tenant_id FROM vault_data.tenant"
		" UNION SELECT '00000000-0000-0000-0000-000000000000' ORDER BY 1",
		0};
	pg_uuid_t *tenants;
	AsRole before = {0};

	/* Row security would show the call's tenant only. */
	if (call_current())
		as_role_begin(&before, get_role_oid("vault_owner", false), SECURITY_NOFORCE_RLS);
	*count = sql_run(&sql, NULL, NULL);
	if (before.level > 0)
		as_role_end(&before);
	tenants = palloc(*count * sizeof(pg_uuid_t));
	for (int i = 0; i < *count; i++)
		tenants[i] = *DatumGetUUIDP(sql_value(i, 1, NULL));
	return tenants;
}

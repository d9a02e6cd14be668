/*
 * store.c
 *		Appends rows to the audit trail.
 *
 * Ids are microseconds since 2000-01-01, made unique and increasing across the server by an atomic
 * counter.  They order the trail, and their gaps disclose nothing about the traffic of other
 * tenants.  Ids of the worker are odd, all others are even.
 */
#include "audit/store.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "executor/executor.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "port/atomics.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "audit/ledger.h"
#include "platform/errors.h"
#include "platform/shmem.h"
#include "platform/tables.h"

typedef struct StoreShared
{
	pg_atomic_uint64 last_id;
} StoreShared;

static StoreShared *shared = NULL;

static int64
next_id(void)
{
	uint64 now = (uint64) GetCurrentTimestamp();
	uint64 last = pg_atomic_read_u64(&shared->last_id);
	uint64 next;

	do
		next = ledger_next_id(now, last);
	while (!pg_atomic_compare_exchange_u64(&shared->last_id, &last, next));
	return (int64) next;
}

int64
audit_ids_above(int64 id)
{
	uint64 last = pg_atomic_read_u64(&shared->last_id);

	while (last < (uint64) id &&
		   !pg_atomic_compare_exchange_u64(&shared->last_id, &last, (uint64) id))
		;
	return (int64) Max(last, (uint64) id);
}

/* Return the partition for a time, as get_partition_for_tuple() does. */
static Oid
partition_for(Relation parent, TimestampTz at)
{
	PartitionKey key = RelationGetPartitionKey(parent);
	PartitionDesc parts = RelationGetPartitionDesc(parent, true);
	PartitionBoundInfo bounds = parts->boundinfo;
	Datum value = TimestampTzGetDatum(at);
	bool equal;
	int index = -1;

	if (bounds)
	{
		int offset = partition_range_datum_bsearch(key->partsupfunc, key->partcollation, bounds, 1,
												   &value, &equal);

		index = bounds->indexes[offset + 1];
		if (index < 0)
			index = bounds->default_index;
	}
	if (index < 0)
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_AUDIT_UNAVAILABLE),
				 errmsg("the audit trail has no partition for the present time"),
				 errhint("Attach the default partition vault_data.audit_log_default again.")));
	return parts->oids[index];
}

/* A partition, opened for a run of consecutive rows. */
typedef struct StoreTarget
{
	Oid oid;
	Relation relation;
	EState *estate;
	ResultRelInfo *result;
	TupleDesc layout; /* a copy, which is not reference-counted */
	TupleTableSlot **slots;
	int filled;
	int capacity;
} StoreTarget;

static void
target_open(StoreTarget *target, Oid oid, int capacity)
{
	target->oid = oid;
	target->relation = table_open(oid, RowExclusiveLock);
	target->estate = CreateExecutorState();
	target->result = makeNode(ResultRelInfo);
	InitResultRelInfo(target->result, target->relation, 0, NULL, 0);
	ExecOpenIndices(target->result, false);
	target->layout = CreateTupleDescCopy(RelationGetDescr(target->relation));
	target->slots = palloc(capacity * sizeof(TupleTableSlot *));
	for (int i = 0; i < capacity; i++)
		target->slots[i] =
			MakeSingleTupleTableSlot(target->layout, table_slot_callbacks(target->relation));
	target->capacity = capacity;
	target->filled = 0;
}

static void
target_flush(StoreTarget *target)
{
	if (target->filled == 0)
		return;
	table_multi_insert(target->relation, target->slots, target->filled, GetCurrentCommandId(true),
					   0, NULL);
	for (int i = 0; i < target->filled; i++)
		compat_insert_index_tuples(target->result, target->slots[i], target->estate);
	target->filled = 0;
}

static void
target_close(StoreTarget *target)
{
	if (target->relation == NULL)
		return;
	target_flush(target);
	for (int i = 0; i < target->capacity; i++)
		ExecDropSingleTupleTableSlot(target->slots[i]);
	FreeTupleDesc(target->layout);
	ExecCloseIndices(target->result);
	FreeExecutorState(target->estate);
	table_close(target->relation, NoLock);
	target->relation = NULL;
}

void
audit_store(AuditRow *rows, int count)
{
	MemoryContext memory =
		AllocSetContextCreate(CurrentMemoryContext, "vault audit rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);
	Relation parent = table_open(table_oid(TABLE_AUDIT_LOG), RowExclusiveLock);
	uint64 xid = U64FromFullTransactionId(GetTopFullTransactionId());
	StoreTarget target = {0};

	for (int i = 0; i < count; i++)
	{
		Oid partition = partition_for(parent, rows[i].at);
		unsigned char digest[AUDIT_MAC_BYTES];

		rows[i].id = next_id();
		rows[i].xid = xid;
		audit_row_authenticate(&rows[i], digest);
		ledger_append(&rows[i].tenant_id, digest);
		if (target.relation && target.oid != partition)
			target_close(&target);
		if (target.relation == NULL)
			target_open(&target, partition, count - i);
		audit_row_store(&rows[i], target.slots[target.filled++]);
	}
	target_close(&target);
	table_close(parent, NoLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(memory);
}

static void
store_shared_init(void *area)
{
	pg_atomic_init_u64(&((StoreShared *) area)->last_id, 0);
}

void
audit_store_init(void)
{
	shmem_register("vault audit ids", sizeof(StoreShared), store_shared_init, NULL,
				   (void **) &shared);
}

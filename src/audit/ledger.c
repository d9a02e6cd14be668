/*
 * ledger.c
 *		Accounts of the worker and entries of other transactions.
 *
 *	field                written by                 made consistent by
 *	accounts, written    the worker, at its commit  `writing`, odd during a write
 *	accounts, seen       the sealer, at its commit  `settling`, odd during a write
 *	entries              their own transaction      `xid`, set last; cleared at abort or by a step
 *
 * There is no lock.  A process that is stopped blocks only a process that wants to compare, and
 * that process reports it.
 *
 * The comparison, in ledger_view.c, is exact for these reasons.  The worker commits batch after
 * batch, and writes the transaction up to which its accounts are.  They are read before the
 * snapshot, so all of their rows are visible.  Visible rows that are newer are `ahead`, of one
 * batch at most, and count with the next comparison.  An entry exists before its transaction
 * commits, and entries are read after the snapshot, so there is one for each transaction that is
 * visible.
 */
#include "audit/ledger.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "audit/ledger_area.h"
#include "platform/shmem.h"
#include "platform/tables.h"

#define PARTS_SHOWN 32 /* entries of one transaction; the last is for all other tenants */

Ledger *ledger_area = NULL;
static bool is_worker = false;

const pg_uuid_t ledger_several = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
								   0xff, 0xff, 0xff, 0xff, 0xff}};

uint64
ledger_next_id(uint64 now, uint64 last)
{
	uint64 next = Max(now, last + 1);

	return next + ((next & 1) != (is_worker ? 1 : 0));
}

/* ---- rows that the present transaction appends ---- */

/* The sum of a tenant and a subtransaction level.  In TopTransactionContext. */
typedef struct Part
{
	pg_uuid_t tenant;
	int level;
	LedgerSum sum;
} Part;

static Part *parts = NULL;
static int part_count = 0;
static int part_room = 0;
static Oid part_log = InvalidOid;
static uint64 part_xid = 0;

/* Entries of the present transaction, which is about to commit. */
static LedgerEntry *made[PARTS_SHOWN];
static int made_count = 0;

static Part *
ledger_part_of(const pg_uuid_t *tenant, int level)
{
	for (int i = part_count - 1; i >= 0; i--)
		if (parts[i].level == level && uuid_equal(&parts[i].tenant, tenant))
			return &parts[i];
	if (part_count == part_room)
	{
		int room = Max(8, part_room * 2);

		if (parts)
			parts = repalloc(parts, room * sizeof(Part));
		else
			parts = MemoryContextAlloc(TopTransactionContext, room * sizeof(Part));
		part_room = room;
	}
	parts[part_count] = (Part){.tenant = *tenant, .level = level};
	return &parts[part_count++];
}

static void
ledger_withdraw(void)
{
	for (int i = 0; i < made_count; i++)
		pg_atomic_write_u64(&made[i]->xid, 0);
	made_count = 0;
}

/*
 * Record the time of an append.  It begins a wait if all older rows have been looked at, so that a
 * trail that was idle or restored, or whose server was suspended, does not count as waiting.
 */
static void
note_append(uint64 now)
{
	if (pg_atomic_read_u64(&ledger_area->appended_at) <=
		pg_atomic_read_u64(&ledger_area->stepped_at))
		pg_atomic_write_u64(&ledger_area->waiting_since, now);
	pg_atomic_write_u64(&ledger_area->appended_at, now);
}

void
ledger_append(const pg_uuid_t *tenant, const unsigned char digest[LEDGER_DIGEST_BYTES])
{
	part_log = table_oid(TABLE_AUDIT_LOG);
	part_xid = U64FromFullTransactionId(GetTopFullTransactionId());
	sum_add_row(&ledger_part_of(tenant, is_worker ? 1 : GetCurrentTransactionNestLevel())->sum,
				digest);
	note_append((uint64) GetCurrentTimestamp());
}

static void
forget_parts(void)
{
	parts = NULL;
	part_count = part_room = 0;
}

/* Take a free entry; NULL if there is none. */
static LedgerEntry *
take_entry(uint64 xid)
{
	for (int i = 0; i < ENTRIES; i++)
	{
		LedgerEntry *entry = &ledger_area->entries[(xid + i) % ENTRIES];
		uint64 free = 0;

		if (pg_atomic_read_u64(&entry->xid) == 0 &&
			pg_atomic_compare_exchange_u64(&entry->xid, &free, 1))
			return entry;
	}
	return NULL;
}

static bool
make_entry(uint64 xid, const pg_uuid_t *tenant, const LedgerSum *sum)
{
	LedgerEntry *entry = take_entry(xid);

	if (entry == NULL)
		return false;
	entry->log = part_log;
	entry->tenant = *tenant;
	entry->sum = *sum;
	pg_write_barrier();
	pg_atomic_write_u64(&entry->xid, xid);
	made[made_count++] = entry;
	return true;
}

/* Make the entries before the commit, when all levels are merged: each tenant has one part. */
static void
make_entries(void)
{
	LedgerSum others = {0};
	bool whole = true;

	for (int i = 0; i < part_count && whole; i++)
		if (i < PARTS_SHOWN - 1)
			whole = make_entry(part_xid, &parts[i].tenant, &parts[i].sum);
		else
			sum_add(&others, &parts[i].sum);
	if (whole && others.rows > 0)
		whole = make_entry(part_xid, &ledger_several, &others);
	if (whole)
		return;
	ledger_withdraw();
	pg_atomic_fetch_add_u64(&ledger_area->uncounted, 1);
}

static void
discard_parts(int level)
{
	int kept = 0;

	for (int i = 0; i < part_count; i++)
		if (parts[i].level < level)
			parts[kept++] = parts[i];
	part_count = kept;
}

static void
merge_parts(int level)
{
	Part *inner = parts;
	int count = part_count;

	part_count = 0;
	for (int i = 0; i < count; i++)
	{
		Part part = inner[i];

		/* The room is enough: there are never more parts than before. */
		sum_add(&ledger_part_of(&part.tenant, Min(part.level, level - 1))->sum, &part.sum);
	}
}

/* ---- the worker's accounts ---- */

void
ledger_begin_worker(void)
{
	is_worker = true;
}

/* Begin the accounts anew if the table or the server is new; rows from before are not counted. */
void
ledger_begin_batch(Oid log)
{
	if (ledger_area->log == log)
		return;
	pg_atomic_fetch_add_u64(&ledger_area->writing, 1);
	pg_write_barrier();
	memset(ledger_area->accounts, 0, sizeof(ledger_area->accounts));
	ledger_area->first_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
	ledger_area->last_xid = 0;
	ledger_area->era++;
	ledger_area->log = log;
	pg_write_barrier();
	pg_atomic_fetch_add_u64(&ledger_area->writing, 1);
}

static void
write_accounts(uint64 xid)
{
	pg_atomic_fetch_add_u64(&ledger_area->writing, 1);
	pg_write_barrier();
	for (int i = 0; i < part_count; i++)
	{
		int number = ledger_account_number(ledger_area->accounts, &parts[i].tenant, true);

		sum_add(&ledger_area->accounts[number].written, &parts[i].sum);
	}
	ledger_area->last_xid = xid;
	pg_write_barrier();
	pg_atomic_fetch_add_u64(&ledger_area->writing, 1);
}

/* ---- time ---- */

void
ledger_stepped(TimestampTz at)
{
	pg_atomic_write_u64(&ledger_area->stepped_at, (uint64) at);
}

int64
ledger_delay(void)
{
	TimestampTz appended = (TimestampTz) pg_atomic_read_u64(&ledger_area->appended_at);
	TimestampTz stepped = (TimestampTz) pg_atomic_read_u64(&ledger_area->stepped_at);
	TimestampTz since = (TimestampTz) pg_atomic_read_u64(&ledger_area->waiting_since);

	if (appended <= stepped)
		return 0;
	return Max(0, TimestampDifferenceMilliseconds(Max(stepped, since), GetCurrentTimestamp()));
}

/* ---- transactions ---- */

static void
ledger_at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT && part_count > 0 && !is_worker)
		make_entries();
	if (event == XACT_EVENT_COMMIT && is_worker && part_count > 0)
		write_accounts(part_xid);
	if (event == XACT_EVENT_ABORT)
		ledger_withdraw();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		made_count = 0;
		forget_parts();
	}
}

static void
ledger_at_subtransaction_end(SubXactEvent event, SubTransactionId sub, SubTransactionId parent,
							 void *arg)
{
	if (part_count == 0)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		discard_parts(GetCurrentTransactionNestLevel());
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		merge_parts(GetCurrentTransactionNestLevel());
}

/*
 * Forget the time since which rows wait.  The trail identifies the sums, which end with it; the
 * rows that waited for their seal are gone with it too.
 */
static void
forget_waiting(void)
{
	ledger_stepped(GetCurrentTimestamp());
}

static void
make_ledger(void *area)
{
	Ledger *fresh = area;

	pg_atomic_init_u64(&fresh->writing, 0);
	pg_atomic_init_u64(&fresh->settling, 0);
	pg_atomic_init_u64(&fresh->appended_at, 0);
	pg_atomic_init_u64(&fresh->stepped_at, (uint64) GetCurrentTimestamp());
	pg_atomic_init_u64(&fresh->waiting_since, 0);
	pg_atomic_init_u64(&fresh->uncounted, 0);
	fresh->era = 1;
	for (int i = 0; i < ENTRIES; i++)
		pg_atomic_init_u64(&fresh->entries[i].xid, 0);
}

void
ledger_init(void)
{
	shmem_register("vault audit ledger", sizeof(Ledger), make_ledger, forget_waiting,
				   (void **) &ledger_area);
	RegisterXactCallback(ledger_at_transaction_end, NULL);
	RegisterSubXactCallback(ledger_at_subtransaction_end, NULL);
}

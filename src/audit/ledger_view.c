/*
 * ledger_view.c
 *		Compare the ledger with the rows that are found, and settle it.
 *
 * A view is of this process.  The ledger is read without a lock, and copied again if its writer
 * came in between.  Settling writes to it when the transaction of the sealer commits.
 */
#include "audit/ledger_view.h"

#include "access/transam.h"
#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "audit/ledger_area.h"

#define TRIES 1000

typedef struct FoundKey
{
	uint64 xid; /* 0 for rows of the worker */
	pg_uuid_t tenant;
} FoundKey;

typedef struct LedgerFound
{
	FoundKey key;
	LedgerSum good;
	LedgerSum ahead; /* rows of the worker that are newer than its accounts */
	int64 bad;       /* rows that differ from their digest */
	bool has_entry;
} LedgerFound;

struct LedgerView
{
	MemoryContext memory;
	bool has_accounts;
	uint64 settling;
	uint64 first_xid;
	uint64 last_xid;
	uint64 era;
	Oid log;
	uint64 ahead_xid;
	uint64 newest_xid; /* newest transaction of the rows that are ahead */
	int64 uncounted;
	int64 all_uncounted;
	Account *accounts;
	Settled *settled;
	int entry_count;
	LedgerEntry **places; /* places of the compared entries in the ledger */
	LedgerEntry *entries; /* copies of the compared entries */
	HTAB *found;
};

/* Copy the accounts; false if the worker writes them at every attempt. */
static bool
copy_accounts(LedgerView *view)
{
	for (int i = 0; i < TRIES; i++)
	{
		uint64 before = pg_atomic_read_u64(&ledger_area->writing);

		if (i > 0)
			pg_usleep(10);
		if (before % 2 == 1)
			continue;
		pg_read_barrier();
		memcpy(view->accounts, ledger_area->accounts, sizeof(ledger_area->accounts));
		view->log = ledger_area->log;
		view->first_xid = ledger_area->first_xid;
		view->last_xid = ledger_area->last_xid;
		view->era = ledger_area->era;
		pg_read_barrier();
		if (pg_atomic_read_u64(&ledger_area->writing) == before)
			return true;
	}
	return false;
}

static bool
copy_settled(LedgerView *view)
{
	view->settling = pg_atomic_read_u64(&ledger_area->settling);
	if (view->settling % 2 == 1)
		return false;
	pg_read_barrier();
	memset(view->settled, 0, sizeof(ledger_area->settled));
	view->ahead_xid = 0;
	if (ledger_area->settled_era == view->era)
	{
		memcpy(view->settled, ledger_area->settled, sizeof(ledger_area->settled));
		view->ahead_xid = ledger_area->ahead_xid;
	}
	view->all_uncounted = (int64) pg_atomic_read_u64(&ledger_area->uncounted);
	view->uncounted = view->all_uncounted - (int64) ledger_area->settled_uncounted;
	pg_read_barrier();
	return pg_atomic_read_u64(&ledger_area->settling) == view->settling;
}

LedgerView *
ledger_look(void)
{
	LedgerView *view = palloc0(sizeof(LedgerView));
	HASHCTL found = {.keysize = sizeof(FoundKey), .entrysize = sizeof(LedgerFound)};

	view->memory = found.hcxt = CurrentMemoryContext;
	view->accounts = palloc(sizeof(ledger_area->accounts));
	view->settled = palloc(sizeof(ledger_area->settled));
	view->found =
		hash_create("vault rows found", 256, &found, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	view->has_accounts = copy_accounts(view) && copy_settled(view);
	return view;
}

static bool
has_committed(uint64 xid, Snapshot snapshot)
{
	TransactionId id = XidFromFullTransactionId(FullTransactionIdFromU64(xid));

	return !XidInMVCCSnapshot(id, snapshot) && TransactionIdDidCommit(id);
}

static void
copy_entry(LedgerView *view, LedgerEntry *entry, Snapshot snapshot, Oid log)
{
	uint64 xid = pg_atomic_read_u64(&entry->xid);
	LedgerEntry *copy = &view->entries[view->entry_count];

	if (xid <= 1)
		return;
	pg_read_barrier();
	copy->log = entry->log;
	copy->tenant = entry->tenant;
	copy->sum = entry->sum;
	pg_read_barrier();
	if (pg_atomic_read_u64(&entry->xid) != xid || !has_committed(xid, snapshot))
		return;
	pg_atomic_init_u64(&copy->xid, xid);
	if (copy->log != log)
		copy->sum.rows = 0; /* of a vault that was dropped: only to be cleared */
	view->places[view->entry_count++] = entry;
}

bool
ledger_look_again(LedgerView *view, Snapshot snapshot, Oid log)
{
	MemoryContext old = MemoryContextSwitchTo(view->memory);

	view->entries = palloc(ENTRIES * sizeof(LedgerEntry));
	view->places = palloc(ENTRIES * sizeof(LedgerEntry *));
	MemoryContextSwitchTo(old);
	for (int i = 0; i < ENTRIES; i++)
		copy_entry(view, &ledger_area->entries[i], snapshot, log);
	view->has_accounts = view->has_accounts && view->log == log;
	pg_read_barrier();
	return pg_atomic_read_u64(&ledger_area->settling) == view->settling;
}

static LedgerFound *
found_of(LedgerView *view, uint64 xid, const pg_uuid_t *tenant)
{
	FoundKey key = {.xid = xid, .tenant = *tenant};
	bool exists;
	LedgerFound *found = hash_search(view->found, &key, HASH_ENTER, &exists);

	if (!exists)
		memset((char *) found + sizeof(FoundKey), 0, sizeof(LedgerFound) - sizeof(FoundKey));
	return found;
}

void
ledger_found(LedgerView *view, const pg_uuid_t *tenant, int64 id, uint64 xid,
			 const unsigned char digest[LEDGER_DIGEST_BYTES], bool good)
{
	bool by_worker = id % 2 != 0;
	LedgerFound *found;

	if (by_worker && xid < view->first_xid)
		return;
	found = found_of(view, by_worker ? 0 : xid, tenant);
	if (!good)
		found->bad++;
	else if (by_worker && xid > view->last_xid)
	{
		sum_add_row(&found->ahead, digest);
		view->newest_xid = Max(view->newest_xid, xid);
	}
	else
		sum_add_row(&found->good, digest);
}

/*
 * Return the number of missing rows; at least 1 if the rows that were found differ from those
 * expected.
 */
static int64
rows_missing(const LedgerSum *expected, const LedgerSum *good, int64 bad)
{
	if (sum_is_same(expected, good))
		return 0;
	/* If as many rows are found, but others, rows were exchanged for copies of others. */
	return Max(expected->rows - good->rows - bad, bad > 0 ? 0 : 1);
}

/* Sum the rows found of a transaction, except those of tenants that have an entry of their own. */
static LedgerFound
found_of_others(LedgerView *view, uint64 xid)
{
	LedgerFound others = {{0}};
	HASH_SEQ_STATUS scan;
	LedgerFound *found;

	hash_seq_init(&scan, view->found);
	while ((found = hash_seq_search(&scan)) != NULL)
	{
		if (found->key.xid != xid || found->has_entry)
			continue;
		sum_add(&others.good, &found->good);
		others.bad += found->bad;
	}
	return others;
}

static void
compare_entry(LedgerView *view, const LedgerEntry *entry, LedgerMissing missing, void *state)
{
	uint64 xid = pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &entry->xid));
	bool is_several = uuid_equal(&entry->tenant, &ledger_several);
	LedgerFound found =
		is_several ? found_of_others(view, xid) : *found_of(view, xid, &entry->tenant);
	int64 rows = rows_missing(&entry->sum, &found.good, found.bad);

	if (rows > 0)
		missing(state, is_several ? NULL : &entry->tenant, rows);
}

static void
compare_entries(LedgerView *view, const pg_uuid_t *only, LedgerMissing missing, void *state)
{
	for (int i = 0; i < view->entry_count; i++)
		if (view->entries[i].sum.rows > 0)
			found_of(view, pg_atomic_read_u64(&view->entries[i].xid), &view->entries[i].tenant)
				->has_entry = true;
	for (int i = 0; i < view->entry_count; i++)
	{
		LedgerEntry *entry = &view->entries[i];

		if (entry->sum.rows > 0 && (only == NULL || uuid_equal(only, &entry->tenant)))
			compare_entry(view, entry, missing, state);
	}
}

/* Sum the rows found of the worker, by number of the account. */
static LedgerFound *
found_by_account(LedgerView *view)
{
	LedgerFound *sums = palloc0(ACCOUNTS * sizeof(LedgerFound));
	HASH_SEQ_STATUS scan;
	LedgerFound *found;

	hash_seq_init(&scan, view->found);
	while ((found = hash_seq_search(&scan)) != NULL)
	{
		LedgerFound *sum;

		if (found->key.xid != 0)
			continue;
		sum = &sums[ledger_account_number(view->accounts, &found->key.tenant, false)];
		sum_add(&sum->good, &found->good);
		sum_add(&sum->ahead, &found->ahead);
		sum->bad += found->bad;
	}
	return sums;
}

/* True if the rows that were ahead at the last settlement are in the accounts now. */
static bool
has_caught_up(const LedgerView *view)
{
	return view->ahead_xid <= view->last_xid;
}

static LedgerSum
expected_of(const LedgerView *view, int number)
{
	LedgerSum expected = view->accounts[number].written;

	sum_subtract(&expected, &view->settled[number].seen);
	if (has_caught_up(view))
		sum_subtract(&expected, &view->settled[number].ahead);
	return expected;
}

static void
compare_accounts(LedgerView *view, const pg_uuid_t *only, LedgerMissing missing, void *state)
{
	LedgerFound *sums = found_by_account(view);

	for (int i = 0; i < ACCOUNTS; i++)
	{
		LedgerSum expected = expected_of(view, i);
		int64 rows = rows_missing(&expected, &sums[i].good, sums[i].bad);

		if (rows > 0 && (only == NULL || uuid_equal(only, &view->accounts[i].tenant)))
			missing(state, i == 0 ? NULL : &view->accounts[i].tenant, rows);
	}
	pfree(sums);
}

void
ledger_compare(LedgerView *view, const pg_uuid_t *only, LedgerMissing missing, void *state)
{
	compare_entries(view, only, missing, state);
	if (view->has_accounts)
		compare_accounts(view, only, missing, state);
}

int64
ledger_uncounted(const LedgerView *view)
{
	return view->uncounted;
}

/* ---- settling ---- */

static LedgerView *to_settle = NULL;

void
ledger_settle(LedgerView *view)
{
	LedgerFound *sums = found_by_account(view);
	bool caught_up = has_caught_up(view);

	for (int i = 0; i < ACCOUNTS; i++)
	{
		view->settled[i].seen = view->accounts[i].written;
		if (caught_up)
			memset(&view->settled[i].ahead, 0, sizeof(LedgerSum));
		sum_add(&view->settled[i].ahead, &sums[i].ahead);
	}
	view->ahead_xid = Max(caught_up ? 0 : view->ahead_xid, view->newest_xid);
	pfree(sums);
	to_settle = view;
}

static void
begin_settling(void)
{
	pg_atomic_fetch_add_u64(&ledger_area->settling, 1);
	pg_write_barrier();
}

static void
end_settling(void)
{
	pg_write_barrier();
	pg_atomic_fetch_add_u64(&ledger_area->settling, 1);
	to_settle = NULL;
}

static void
ledger_settle_own(void)
{
	if (to_settle->has_accounts)
	{
		memcpy(ledger_area->settled, to_settle->settled, sizeof(ledger_area->settled));
		ledger_area->settled_era = to_settle->era;
		ledger_area->ahead_xid = to_settle->ahead_xid;
	}
	ledger_area->settled_uncounted = to_settle->all_uncounted;
	ledger_area->open = true;
	for (int i = 0; i < to_settle->entry_count; i++)
		pg_atomic_write_u64(&to_settle->places[i]->xid, 0);
	end_settling();
}

bool
ledger_is_open(void)
{
	return ledger_area->open;
}

static void
ledger_view_at_transaction_end(XactEvent event, void *arg)
{
	if (to_settle == NULL)
		return;
	if (event == XACT_EVENT_PRE_COMMIT)
		begin_settling();
	if (event == XACT_EVENT_COMMIT)
		ledger_settle_own();
	if (event == XACT_EVENT_ABORT)
	{
		if (pg_atomic_read_u64(&ledger_area->settling) % 2 == 1)
			end_settling();
		to_settle = NULL;
	}
}

void
ledger_view_init(void)
{
	RegisterXactCallback(ledger_view_at_transaction_end, NULL);
}

/*
 * ledger.c
 *		Accounts of the worker, entries of other transactions, and their comparison with rows.
 *
 *	field                written by                 made consistent by
 *	accounts, written    the worker, at its commit  `writing`, odd during a write
 *	accounts, seen       the sealer, at its commit  `settling`, odd during a write
 *	entries              their own transaction      `xid`, set last; cleared at abort or by a step
 *
 * There is no lock.  A process that is stopped blocks only a process that wants to compare, and
 * that process reports it.
 *
 * The comparison is exact for these reasons.  The worker commits batch after batch, and writes the
 * transaction up to which its accounts are.  They are read before the snapshot, so all of their
 * rows are visible.  Visible rows that are newer are `ahead`, of one batch at most, and count with
 * the next comparison.  An entry exists before its transaction commits, and entries are read after
 * the snapshot, so there is one for each transaction that is visible.
 */
#include "audit/ledger.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "platform/shmem.h"
#include "platform/tables.h"

#define ACCOUNTS    1024 /* the first is for tenants without an account */
#define ENTRIES     8192
#define PARTS_SHOWN 32 /* entries of one transaction; the last is for all other tenants */
#define TRIES       1000

typedef struct Account
{
	bool used;
	pg_uuid_t tenant;
	LedgerSum written;
} Account;

/* The state of an account as the sealer has settled it. */
typedef struct Settled
{
	LedgerSum seen;
	LedgerSum ahead; /* rows found before the account had them */
} Settled;

/* An entry.  Its xid is 0 while it is free, and 1 while it is written. */
typedef struct LedgerEntry
{
	pg_atomic_uint64 xid;
	Oid log;
	pg_uuid_t tenant;
	LedgerSum sum;
} LedgerEntry;

typedef struct Ledger
{
	pg_atomic_uint64 writing;
	pg_atomic_uint64 settling;
	pg_atomic_uint64 appended_at;   /* time of the newest row, of any process */
	pg_atomic_uint64 stepped_at;    /* time up to which all rows have been looked at */
	pg_atomic_uint64 waiting_since; /* time of the first append after stepped_at */
	pg_atomic_uint64 uncounted;
	bool open;        /* a step was settled */
	Oid log;          /* table of the accounts */
	uint64 first_xid; /* first transaction of the accounts */
	uint64 last_xid;
	uint64 era; /* grows when the accounts begin anew */
	Account accounts[ACCOUNTS];
	uint64 settled_era;
	uint64 ahead_xid; /* newest transaction of the rows that are ahead */
	uint64 settled_uncounted;
	Settled settled[ACCOUNTS];
	LedgerEntry entries[ENTRIES];
} Ledger;

static Ledger *ledger = NULL;
static bool is_worker = false;

/* Stands for several tenants, in the last entry of a transaction. */
static const pg_uuid_t several = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
								   0xff, 0xff, 0xff, 0xff, 0xff}};

static void
sum_add(LedgerSum *sum, const LedgerSum *other)
{
	sum->rows += other->rows;
	for (int i = 0; i < 4; i++)
		sum->digest[i] += other->digest[i];
}

static void
sum_subtract(LedgerSum *sum, const LedgerSum *other)
{
	sum->rows -= other->rows;
	for (int i = 0; i < 4; i++)
		sum->digest[i] -= other->digest[i];
}

static void
sum_add_row(LedgerSum *sum, const unsigned char digest[LEDGER_DIGEST_BYTES])
{
	LedgerSum row = {.rows = 1};

	memcpy(row.digest, digest, sizeof(row.digest));
	sum_add(sum, &row);
}

static bool
sum_is_same(const LedgerSum *a, const LedgerSum *b)
{
	return memcmp(a, b, sizeof(LedgerSum)) == 0;
}

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
	if (pg_atomic_read_u64(&ledger->appended_at) <= pg_atomic_read_u64(&ledger->stepped_at))
		pg_atomic_write_u64(&ledger->waiting_since, now);
	pg_atomic_write_u64(&ledger->appended_at, now);
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
		LedgerEntry *entry = &ledger->entries[(xid + i) % ENTRIES];
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
		whole = make_entry(part_xid, &several, &others);
	if (whole)
		return;
	ledger_withdraw();
	pg_atomic_fetch_add_u64(&ledger->uncounted, 1);
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

static int
account_number(Account *accounts, const pg_uuid_t *tenant, bool add)
{
	uint32 hash;

	memcpy(&hash, tenant->data + 8, sizeof(hash));
	for (int i = 0; i < ACCOUNTS - 1; i++)
	{
		int number = 1 + (hash + i) % (ACCOUNTS - 1);

		if (accounts[number].used && uuid_equal(&accounts[number].tenant, tenant))
			return number;
		if (accounts[number].used)
			continue;
		if (!add)
			return 0;
		accounts[number].used = true;
		accounts[number].tenant = *tenant;
		return number;
	}
	return 0;
}

void
ledger_begin_worker(void)
{
	is_worker = true;
}

/* Begin the accounts anew if the table or the server is new; rows from before are not counted. */
void
ledger_begin_batch(Oid log)
{
	if (ledger->log == log)
		return;
	pg_atomic_fetch_add_u64(&ledger->writing, 1);
	pg_write_barrier();
	memset(ledger->accounts, 0, sizeof(ledger->accounts));
	ledger->first_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
	ledger->last_xid = 0;
	ledger->era++;
	ledger->log = log;
	pg_write_barrier();
	pg_atomic_fetch_add_u64(&ledger->writing, 1);
}

static void
write_accounts(uint64 xid)
{
	pg_atomic_fetch_add_u64(&ledger->writing, 1);
	pg_write_barrier();
	for (int i = 0; i < part_count; i++)
	{
		int number = account_number(ledger->accounts, &parts[i].tenant, true);

		sum_add(&ledger->accounts[number].written, &parts[i].sum);
	}
	ledger->last_xid = xid;
	pg_write_barrier();
	pg_atomic_fetch_add_u64(&ledger->writing, 1);
}

/* ---- rows that are found ---- */

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
		uint64 before = pg_atomic_read_u64(&ledger->writing);

		if (i > 0)
			pg_usleep(10);
		if (before % 2 == 1)
			continue;
		pg_read_barrier();
		memcpy(view->accounts, ledger->accounts, sizeof(ledger->accounts));
		view->log = ledger->log;
		view->first_xid = ledger->first_xid;
		view->last_xid = ledger->last_xid;
		view->era = ledger->era;
		pg_read_barrier();
		if (pg_atomic_read_u64(&ledger->writing) == before)
			return true;
	}
	return false;
}

static bool
copy_settled(LedgerView *view)
{
	view->settling = pg_atomic_read_u64(&ledger->settling);
	if (view->settling % 2 == 1)
		return false;
	pg_read_barrier();
	memset(view->settled, 0, sizeof(ledger->settled));
	view->ahead_xid = 0;
	if (ledger->settled_era == view->era)
	{
		memcpy(view->settled, ledger->settled, sizeof(ledger->settled));
		view->ahead_xid = ledger->ahead_xid;
	}
	view->all_uncounted = (int64) pg_atomic_read_u64(&ledger->uncounted);
	view->uncounted = view->all_uncounted - (int64) ledger->settled_uncounted;
	pg_read_barrier();
	return pg_atomic_read_u64(&ledger->settling) == view->settling;
}

LedgerView *
ledger_look(void)
{
	LedgerView *view = palloc0(sizeof(LedgerView));
	HASHCTL found = {.keysize = sizeof(FoundKey), .entrysize = sizeof(LedgerFound)};

	view->memory = found.hcxt = CurrentMemoryContext;
	view->accounts = palloc(sizeof(ledger->accounts));
	view->settled = palloc(sizeof(ledger->settled));
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
		copy_entry(view, &ledger->entries[i], snapshot, log);
	view->has_accounts = view->has_accounts && view->log == log;
	pg_read_barrier();
	return pg_atomic_read_u64(&ledger->settling) == view->settling;
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
	bool is_several = uuid_equal(&entry->tenant, &several);
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
		sum = &sums[account_number(view->accounts, &found->key.tenant, false)];
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
	pg_atomic_fetch_add_u64(&ledger->settling, 1);
	pg_write_barrier();
}

static void
end_settling(void)
{
	pg_write_barrier();
	pg_atomic_fetch_add_u64(&ledger->settling, 1);
	to_settle = NULL;
}

static void
ledger_settle_own(void)
{
	if (to_settle->has_accounts)
	{
		memcpy(ledger->settled, to_settle->settled, sizeof(ledger->settled));
		ledger->settled_era = to_settle->era;
		ledger->ahead_xid = to_settle->ahead_xid;
	}
	ledger->settled_uncounted = to_settle->all_uncounted;
	ledger->open = true;
	for (int i = 0; i < to_settle->entry_count; i++)
		pg_atomic_write_u64(&to_settle->places[i]->xid, 0);
	end_settling();
}

bool
ledger_is_open(void)
{
	return ledger->open;
}

/* ---- time ---- */

void
ledger_stepped(TimestampTz at)
{
	pg_atomic_write_u64(&ledger->stepped_at, (uint64) at);
}

int64
ledger_delay(void)
{
	TimestampTz appended = (TimestampTz) pg_atomic_read_u64(&ledger->appended_at);
	TimestampTz stepped = (TimestampTz) pg_atomic_read_u64(&ledger->stepped_at);
	TimestampTz since = (TimestampTz) pg_atomic_read_u64(&ledger->waiting_since);

	if (appended <= stepped)
		return 0;
	return Max(0, TimestampDifferenceMilliseconds(Max(stepped, since), GetCurrentTimestamp()));
}

/* ---- transactions ---- */

static void
before_commit(void)
{
	if (part_count > 0 && !is_worker)
		make_entries();
	if (to_settle)
		begin_settling();
}

static void
ledger_at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT)
		before_commit();
	if (event == XACT_EVENT_COMMIT && is_worker && part_count > 0)
		write_accounts(part_xid);
	if (event == XACT_EVENT_COMMIT && to_settle)
		ledger_settle_own();
	if (event == XACT_EVENT_ABORT)
	{
		ledger_withdraw();
		if (to_settle && pg_atomic_read_u64(&ledger->settling) % 2 == 1)
			end_settling();
		to_settle = NULL;
	}
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
				   (void **) &ledger);
	RegisterXactCallback(ledger_at_transaction_end, NULL);
	RegisterSubXactCallback(ledger_at_subtransaction_end, NULL);
}

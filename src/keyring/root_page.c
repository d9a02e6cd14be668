/*
 * root_page.c
 *		The secret page.
 *
 * Memory: memfd_secret(2) where the kernel has it (not readable through /proc/PID/mem, never
 * swapped, absent from core files), else an anonymous shared mapping with mlock and MADV_DONTDUMP.
 * It belongs to the postmaster: it survives the crash of a backend and ends with the server. It is
 * never a part of PostgreSQL's own shared memory, where MADV_DONTDUMP fails on huge pages.
 *
 * Locks: the page's contents and RootPageShared.reason are guarded by shmem_root_lock();
 * RootPageShared.epoch and RootPageShared.state are atomics, written under the lock and read
 * without.
 */
#include "keyring/root_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "storage/procarray.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "platform/errors.h"
#include "platform/settings.h"
#include "platform/shmem.h"
#include "platform/launcher.h"

#define START_WAIT_MS      30000
#define SHARES_LIFETIME_MS (15 * 60 * 1000)

typedef struct RootPageSlot
{
	uint32 generation; /* 0 if empty */
	SecretKey key;
	unsigned char check[SHA256_BYTES]; /* exposes a half-written slot after a crash */
} RootPageSlot;

typedef struct RootPage
{
	RootPageSlot present;
	RootPageSlot staged;
	bool sealed_by_operator; /* until unseal(), also over reload and crash */
	TimestampTz first_share_at;
	int share_count;
	Share shares[SHARE_MAX_COUNT];
} RootPage;

typedef struct RootPageShared
{
	pg_atomic_uint64 epoch;
	pg_atomic_uint32 state;
	pg_uuid_t instance;
	pg_uuid_t staged_instance;
	char reason[128];
	int restorer; /* process that loads, or has loaded, a dump; 0 if none */
	ConditionVariable started;
} RootPageShared;

static RootPage *page = NULL;
static const char *page_memory = "none";
static RootPageShared *shared = NULL;
/* this backend staged the key, and the vault was not sealed since */
static bool staged_here = false;
static bool staging = false; /* this transaction staged a key */
static bool dropped = false; /* this transaction dropped the vault: forget when it commits */
static SubTransactionId dropped_subtransaction;

static RootPage *
map_memfd_secret(Size size)
{
#ifdef SYS_memfd_secret
	int fd = syscall(SYS_memfd_secret, O_CLOEXEC);
	void *memory;

	if (fd < 0)
		return NULL;
	if (ftruncate(fd, size) != 0)
	{
		close(fd);
		return NULL;
	}
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return memory == MAP_FAILED ? NULL : memory;
#else
	return NULL;
#endif
}

static RootPage *
map_locked(Size size, bool *locked)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	*locked = mlock(memory, size) == 0;
	(void) madvise(memory, size, MADV_DONTDUMP);
	return memory;
}

void
root_page_preload(void)
{
	Size size = TYPEALIGN(sysconf(_SC_PAGESIZE), sizeof(RootPage));
	bool locked = false;

	page = map_memfd_secret(size);
	if (page != NULL)
		page_memory = "memfd_secret";
	else if ((page = map_locked(size, &locked)) != NULL)
		page_memory = locked ? "mlock" : "swappable";
	if (page != NULL)
		memset(page, 0, size);
}

const char *
root_page_memory(void)
{
	return page_memory;
}

void
root_page_require_locked(void)
{
	if (page == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no memory for the root key"),
				 errhint("Raise the server's limit of locked memory (ulimit -l) and restart it.")));
	if (strcmp(page_memory, "swappable") == 0 && !setting_allow_swappable_keys)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the root key's memory cannot be locked and could be swapped to disk"),
				 errhint("Raise the server's limit of locked memory (ulimit -l), "
						 "or set vault.allow_swappable_keys, and restart it.")));
}

static bool
slot_is_whole(const RootPageSlot *slot)
{
	unsigned char check[SHA256_BYTES];

	return slot->generation != 0 &&
		crypto_sha256(slot, offsetof(RootPageSlot, check), check) == CRYPTO_OK &&
		secret_equal(check, slot->check, SHA256_BYTES);
}

static void
slot_fill(RootPageSlot *slot, uint32 generation, const SecretKey *key)
{
	slot->generation = generation;
	slot->key = *key;
	(void) crypto_sha256(slot, offsetof(RootPageSlot, check), slot->check);
}

/*
 * Wipe everything but the mark of a seal by an operator. The mark is no secret, and lasts until the
 * vault is unsealed.
 */
static void
wipe_page(void)
{
	bool by_operator;

	if (page == NULL)
		return;
	by_operator = page->sealed_by_operator;
	secret_wipe(page, sizeof(RootPage));
	page->sealed_by_operator = by_operator;
}

/* Runs in the postmaster at every start and restart. After a crash the page has survived. */
static void
root_page_shared_init(void *area)
{
	RootPageShared *fresh = area;

	pg_atomic_init_u64(&fresh->epoch, 1);
	pg_atomic_init_u32(&fresh->state, ROOT_STARTING);
	ConditionVariableInit(&fresh->started);
	strlcpy(fresh->reason, "the server is starting", sizeof(fresh->reason));
	fresh->restorer = 0;
	if (page == NULL)
		return;
	page->share_count = 0;
	if (setting_seal_on_crash)
		wipe_page();
	if (!slot_is_whole(&page->present))
		secret_wipe(&page->present, sizeof(RootPageSlot));
	if (!slot_is_whole(&page->staged))
		secret_wipe(&page->staged, sizeof(RootPageSlot));
}

RootState
root_state(void)
{
	return (RootState) pg_atomic_read_u32(&shared->state);
}

uint64
root_epoch(void)
{
	return pg_atomic_read_u64(&shared->epoch);
}

static void
set_state(RootState state, const char *reason)
{
	strlcpy(shared->reason, reason, sizeof(shared->reason));
	pg_atomic_write_u32(&shared->state, state);
	pg_atomic_fetch_add_u64(&shared->epoch, 1);
}

void
root_set_sealed_reason(const char *reason)
{
	LWLockAcquire(shmem_root_lock(), LW_EXCLUSIVE);
	if (page != NULL)
	{
		secret_wipe(&page->present, sizeof(RootPageSlot));
		secret_wipe(&page->staged, sizeof(RootPageSlot));
	}
	set_state(ROOT_SEALED, reason);
	LWLockRelease(shmem_root_lock());
	ConditionVariableBroadcast(&shared->started);
}

void
root_get_sealed_reason(char *reason, size_t size)
{
	LWLockAcquire(shmem_root_lock(), LW_SHARED);
	strlcpy(reason, shared->reason, size);
	LWLockRelease(shmem_root_lock());
}

void
root_wait_started(void)
{
	if (root_state() != ROOT_STARTING)
		return;
	ConditionVariablePrepareToSleep(&shared->started);
	while (root_state() == ROOT_STARTING)
		if (ConditionVariableTimedSleep(&shared->started, START_WAIT_MS, PG_WAIT_EXTENSION))
			break;
	ConditionVariableCancelSleep();
	/*
	 * If there is no slot for a worker, the postmaster does not start it, and reports that only in
	 * its log.
	 */
	if (root_state() == ROOT_STARTING && !workers_have_launcher())
		root_set_sealed_reason(NO_WORKER_SLOT);
}

bool
root_is_open(void)
{
	return (root_state() == ROOT_UNSEALED && !dropped) ||
		(staged_here && page->staged.generation != 0);
}

pg_uuid_t
root_instance(void)
{
	pg_uuid_t instance;

	LWLockAcquire(shmem_root_lock(), LW_SHARED);
	instance = staged_here ? shared->staged_instance : shared->instance;
	LWLockRelease(shmem_root_lock());
	return instance;
}

uint32
root_generation(void)
{
	uint32 generation;

	LWLockAcquire(shmem_root_lock(), LW_SHARED);
	generation = staged_here ? page->staged.generation : page->present.generation;
	LWLockRelease(shmem_root_lock());
	return generation;
}

bool
root_key(uint32 generation, SecretKey *key)
{
	bool found = false;

	if (page == NULL || generation == 0 || !root_is_open())
		return false;
	LWLockAcquire(shmem_root_lock(), LW_SHARED);
	if (page->present.generation == generation)
	{
		*key = page->present.key;
		found = true;
	}
	else if (page->staged.generation == generation)
	{
		*key = page->staged.key;
		found = true;
	}
	LWLockRelease(shmem_root_lock());
	return found;
}

bool
root_publish(uint32 generation, const SecretKey *key, const pg_uuid_t *instance, uint64 epoch)
{
	root_page_require_locked();
	LWLockAcquire(shmem_root_lock(), LW_EXCLUSIVE);
	if (page->sealed_by_operator && root_epoch() != epoch)
	{
		LWLockRelease(shmem_root_lock());
		return false;
	}
	secret_wipe(page->shares, sizeof(page->shares));
	page->share_count = 0;
	page->sealed_by_operator = false;
	slot_fill(&page->present, generation, key);
	shared->instance = *instance;
	shared->restorer = 0;
	set_state(ROOT_UNSEALED, "");
	LWLockRelease(shmem_root_lock());
	ConditionVariableBroadcast(&shared->started);
	return true;
}

void
root_require_top_level(void)
{
	root_page_require_locked();
	if (GetCurrentTransactionNestLevel() > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("a new root key cannot be made inside a savepoint or an exception block"),
				 errhint("Call the function by itself.")));
}

void
root_stage(uint32 generation, const SecretKey *key, const pg_uuid_t *instance)
{
	root_require_top_level();
	LWLockAcquire(shmem_root_lock(), LW_EXCLUSIVE);
	if (staging && page->staged.generation == 0)
	{
		LWLockRelease(shmem_root_lock());
		ereport(ERROR,
				(errcode(ERRCODE_VAULT_SEALED), errmsg("vault was sealed meanwhile"),
				 errhint("Roll back, and call vault.unseal() first.")));
	}
	slot_fill(&page->staged, generation, key);
	shared->staged_instance = *instance;
	staged_here = staging = true;
	LWLockRelease(shmem_root_lock());
}

/*
 * Make the staged key the present one. If the vault was sealed meanwhile it is gone, and the key
 * that the page may have by now is not the one that the database names.
 */
static void
root_page_promote(void)
{
	LWLockAcquire(shmem_root_lock(), LW_EXCLUSIVE);
	if (page->staged.generation != 0)
	{
		page->present = page->staged;
		page->sealed_by_operator = false;
		shared->instance = shared->staged_instance;
		shared->restorer = 0;
		set_state(ROOT_UNSEALED, "");
	}
	else
	{
		secret_wipe(&page->present, sizeof(RootPageSlot));
		set_state(ROOT_SEALED, "it was sealed while a new root key was being made");
	}
	secret_wipe(&page->staged, sizeof(RootPageSlot));
	LWLockRelease(shmem_root_lock());
}

static void
root_page_unstage(void)
{
	LWLockAcquire(shmem_root_lock(), LW_EXCLUSIVE);
	secret_wipe(&page->staged, sizeof(RootPageSlot));
	LWLockRelease(shmem_root_lock());
}

static void
end_of_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && dropped)
		shmem_forget();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		dropped = false;
	if (event == XACT_EVENT_PRE_PREPARE && (staging || dropped))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a transaction that made a root key or dropped vault cannot be prepared")));
	if (!staging)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			ForceSyncCommit();
			break;
		case XACT_EVENT_COMMIT:
			staged_here = staging = false;
			root_page_promote();
			break;
		case XACT_EVENT_ABORT:
			staged_here = staging = false;
			root_page_unstage();
			break;
		default:
			break;
	}
}

/* Wipe everything and seal, at once, whatever becomes of the transaction. */
static void
root_seal(const char *reason)
{
	LWLockAcquire(shmem_root_lock(), LW_EXCLUSIVE);
	wipe_page();
	set_state(ROOT_SEALED, reason);
	LWLockRelease(shmem_root_lock());
	staged_here = false;
	ConditionVariableBroadcast(&shared->started);
}

static void
end_of_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && dropped && dropped_subtransaction >= mine)
		dropped = false;
}

void
root_forget_at_commit(void)
{
	dropped = true;
	dropped_subtransaction = GetCurrentSubTransactionId();
}

/* Forget a seal by an operator too: it does not carry over from a dropped vault to the next one. */
static void
forget_root(void)
{
	shared->restorer = 0;
	if (page != NULL)
		page->sealed_by_operator = false;
	if (!staging)
		root_seal(NOT_INITIALISED);
}

void
root_note_restorer(void)
{
	shared->restorer = MyProcPid;
}

bool
root_is_being_restored(void)
{
	int restorer = shared->restorer;

	return restorer != 0 && restorer != MyProcPid && BackendPidGetProc(restorer) != NULL;
}

void
root_seal_by_operator(void)
{
	root_seal("sealed by an operator");
	if (page != NULL)
		page->sealed_by_operator = true;
}

bool
root_is_sealed_by_operator(void)
{
	return page != NULL && page->sealed_by_operator;
}

bool
root_is_staging(void)
{
	return staging;
}

void
root_set_starting(void)
{
	LWLockAcquire(shmem_root_lock(), LW_EXCLUSIVE);
	if (root_state() == ROOT_SEALED)
		set_state(ROOT_STARTING, "the root key source is being asked");
	LWLockRelease(shmem_root_lock());
}

int
root_page_keys(SecretKey keys[2], uint32 generations[2])
{
	int count = 0;

	if (page == NULL)
		return 0;
	LWLockAcquire(shmem_root_lock(), LW_SHARED);
	for (int i = 0; i < 2; i++)
	{
		RootPageSlot *slot = i == 0 ? &page->present : &page->staged;

		if (!slot_is_whole(slot))
			continue;
		keys[count] = slot->key;
		generations[count++] = slot->generation;
	}
	LWLockRelease(shmem_root_lock());
	return count;
}

/*
 * Return true if the share is of the set that is being collected, and that is not too old. The
 * caller holds the lock.
 */
static bool
share_fits(const Share *share)
{
	return memcmp(page->shares[0].set, share->set, SHARE_SET_BYTES) == 0 &&
		page->shares[0].threshold == share->threshold &&
		!TimestampDifferenceExceeds(page->first_share_at, GetCurrentTimestamp(),
									SHARES_LIFETIME_MS);
}

int
root_add_share(const Share *share)
{
	int count;
	bool known = false;

	LWLockAcquire(shmem_root_lock(), LW_EXCLUSIVE);
	if (page->share_count > 0 && !share_fits(share))
	{
		page->share_count = 0;
		secret_wipe(page->shares, sizeof(page->shares));
	}
	if (page->share_count == 0)
		page->first_share_at = GetCurrentTimestamp();
	for (int i = 0; i < page->share_count; i++)
		known |= page->shares[i].x == share->x;
	if (!known && page->share_count < SHARE_MAX_COUNT)
		page->shares[page->share_count++] = *share;
	count = page->share_count;
	LWLockRelease(shmem_root_lock());
	return count;
}

int
root_collected_shares(Share *shares)
{
	int count;

	LWLockAcquire(shmem_root_lock(), LW_SHARED);
	count = page ? page->share_count : 0;
	if (shares && count > 0)
		memcpy(shares, page->shares, count * sizeof(Share));
	LWLockRelease(shmem_root_lock());
	return count;
}

void
root_forget_shares(void)
{
	LWLockAcquire(shmem_root_lock(), LW_EXCLUSIVE);
	page->share_count = 0;
	secret_wipe(page->shares, sizeof(page->shares));
	LWLockRelease(shmem_root_lock());
}

void
root_page_init(void)
{
	shmem_register("vault root", sizeof(RootPageShared), root_page_shared_init, forget_root,
				   (void **) &shared);
	RegisterXactCallback(end_of_transaction, NULL);
	RegisterSubXactCallback(end_of_subtransaction, NULL);
}

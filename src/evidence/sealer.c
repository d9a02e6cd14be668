/*
 * sealer.c
 *		The worker's loop.  What fails is told to the log and tried again.
 */
#include "evidence/sealer.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/pidfile.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/ring.h"
#include "evidence/harvest.h"
#include "evidence/maintenance.h"
#include "keyring/keyring.h"
#include "keyring/root_page.h"
#include "platform/tables.h"
#include "platform/workers.h"

#define STEP_MS 5000
#define PARTITIONS_MS (24 * 60 * 60 * 1000)
#define CHORE_MS (15 * 1000)
#define PAUSE_AFTER_ERROR_MS 5000
#define CLOSE_NAPS 500
#define CLOSE_NAP_MS 20

static void (*small_chore) (void) = NULL;

void
sealer_set_chore(void (*chore) (void))
{
	small_chore = chore;
}

static void
in_transaction(void (*work) (void))
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	extension_hold();
	PushActiveSnapshot(GetTransactionSnapshot());
	work();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
}

/*
 * Each day, and when the vault was opened: it may be another one, or months later.  A partition
 * that cannot be made today is made tomorrow, and rows go into the default one.
 */
static void
make_partitions(void)
{
	static TimestampTz last = 0;
	static uint64 epoch = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (!root_is_open() ||
		(epoch == root_epoch() && !TimestampDifferenceExceeds(last, now, PARTITIONS_MS)))
		return;
	epoch = root_epoch();
	in_transaction(maintenance_make_partitions);
	last = now;
}

static void
do_chore(void)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (small_chore == NULL || (last && !TimestampDifferenceExceeds(last, now, CHORE_MS)))
		return;
	last = now;
	in_transaction(small_chore);
}

static void
recover(void)
{
	bool		asked = ShutdownRequestPending && geterrcode() == ERRCODE_QUERY_CANCELED;

	error_context_stack = NULL;
	HOLD_INTERRUPTS();
	if (!asked)
		EmitErrorReport();
	AbortCurrentTransaction();
	FlushErrorState();
	RESUME_INTERRUPTS();
	if (!ShutdownRequestPending)
		worker_wait(PAUSE_AFTER_ERROR_MS);
}

/* Asked to end: what waits is cancelled, and the loop comes to its end. */
static void
request_end(SIGNAL_ARGS)
{
	int			saved_errno = errno;

	ShutdownRequestPending = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
	errno = saved_errno;
}

/* It is the whole server that ends, and not this process alone. */
static bool
server_is_stopping(void)
{
	FILE	   *file = AllocateFile("postmaster.pid", "r");
	char		line[MAXPGPATH] = "";

	if (file == NULL)
		return false;
	for (int i = 0; i < LOCK_FILE_LINE_PM_STATUS; i++)
		if (fgets(line, sizeof(line), file) == NULL)
			line[0] = '\0';
	FreeFile(file);
	return strncmp(line, PM_STATUS_STOPPING, strlen(PM_STATUS_STOPPING)) == 0;
}

static void
step(void)
{
	harvest_prepare();
	in_transaction(harvest_step);
	harvest_committed();
}

/* The last step comes after the worker's last record; it stays until sessions have ended. */
static void
end(void)
{
	pqsignal(SIGTERM, COMPAT_SIG_IGN);
	QueryCancelPending = false;
	if (server_is_stopping())
	{
		for (int i = 0; i < CLOSE_NAPS && ring_has_worker(); i++)
			worker_wait(CLOSE_NAP_MS);
		if (!ring_has_worker())
			harvest_close();
		step();
	}
	proc_exit(0);
}

void
vault_sealer_worker_main(Datum arg)
{
	sigjmp_buf	failed;
	MemoryContext memory;
	static bool ending = false;

	worker_begin();
	pqsignal(SIGTERM, request_end);
	/* In a deadlock it is the sealer that gives way. */
	SetConfigOption("lock_timeout", "500ms", PGC_SUSET, PGC_S_OVERRIDE);
	harvest_attach();
	memory = AllocSetContextCreate(TopMemoryContext, "vault sealer", ALLOCSET_DEFAULT_SIZES);
	if (sigsetjmp(failed, 1) != 0)
	{
		recover();
		if (ending)
			proc_exit(1);
	}
	PG_exception_stack = &failed;
	for (;;)
	{
		MemoryContextSwitchTo(memory);
		MemoryContextReset(memory);
		if (ShutdownRequestPending)
		{
			ending = true;
			end();
		}
		make_partitions();
		step();
		do_chore();
		worker_wait(STEP_MS);
	}
}

static void
await_settled(void)
{
	(void) harvest_request();
}

void
evidence_init(void)
{
	static const KeyringTrail trail = {
		.prepare = maintenance_prepare_trail,
		.begin = maintenance_begin_trail,
		.await_settled = await_settled,
	};

	harvest_init();
	keyring_set_trail(&trail);
	workers_add("vault sealer", "vault_sealer_worker_main");
}

/*
 * sealer.c
 *		The worker's loop. An error is logged, and the step is tried again.
 */
#include "evidence/sealer.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/pidfile.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/ring.h"
#include "evidence/log_consumer.h"
#include "evidence/retention.h"
#include "keyring/keyring.h"
#include "keyring/root_page.h"
#include "platform/tables.h"
#include "platform/launcher.h"
#include "platform/worker.h"

#define STEP_MS              5000
#define PARTITIONS_MS        (24 * 60 * 60 * 1000)
#define TASK_MS              (15 * 1000)
#define PAUSE_AFTER_ERROR_MS 5000
#define CLOSE_NAPS           500
#define CLOSE_NAP_MS         20

static void (*small_task)(void) = NULL;

static MemoryContext memory = NULL; /* lives for one turn of the loop */
static bool is_ending = false;      /* the last step has begun */

void
sealer_set_task(void (*task)(void))
{
	small_task = task;
}

static void
in_transaction(void (*work)(void))
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
 * Create partitions daily, and whenever the vault was opened: it may be another one, or opened
 * months later. If a partition cannot be created today it is created tomorrow; until then rows go
 * into the default one.
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
	in_transaction(retention_make_partitions);
	last = now;
}

static void
run_task(void)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (small_task == NULL || (last && !TimestampDifferenceExceeds(last, now, TASK_MS)))
		return;
	last = now;
	in_transaction(small_task);
}

/* Return true if the whole server is ending, and not only this process. */
static bool
server_is_stopping(void)
{
	FILE *file = AllocateFile("postmaster.pid", "r");
	char line[MAXPGPATH] = "";

	if (file == NULL)
		return false;
	for (int i = 0; i < LOCK_FILE_LINE_PM_STATUS; i++)
		if (fgets(line, sizeof(line), file) == NULL)
			line[0] = '\0';
	FreeFile(file);
	return strncmp(line, PM_STATUS_STOPPING, strlen(PM_STATUS_STOPPING)) == 0;
}

static void
sealer_step(void)
{
	consumer_prepare();
	in_transaction(consumer_step);
	consumer_committed();
}

/*
 * Make the last step after the last record of the worker "vault audit", which stays until all
 * sessions have ended.
 */
static void
sealer_end(void)
{
	is_ending = true;
	pqsignal(SIGTERM, COMPAT_SIG_IGN);
	QueryCancelPending = false;
	if (server_is_stopping())
	{
		for (int i = 0; i < CLOSE_NAPS && ring_has_worker(); i++)
			worker_wait(CLOSE_NAP_MS);
		if (!ring_has_worker())
			consumer_close();
		sealer_step();
	}
	proc_exit(0);
}

/* After an error in its last step the sealer ends. */
static void
sealer_failed(bool is_end)
{
	if (is_ending)
		proc_exit(1);
	if (!ShutdownRequestPending)
		worker_wait(PAUSE_AFTER_ERROR_MS);
}

static void
sealer_turn(void)
{
	MemoryContextSwitchTo(memory);
	MemoryContextReset(memory);
	if (ShutdownRequestPending)
		sealer_end();
	make_partitions();
	sealer_step();
	run_task();
	worker_wait(STEP_MS);
}

void
vault_sealer_worker_main(Datum arg)
{
	worker_begin();
	pqsignal(SIGTERM, worker_request_end);
	/* In a deadlock the sealer is the one to give way. */
	SetConfigOption("lock_timeout", "500ms", PGC_SUSET, PGC_S_OVERRIDE);
	consumer_attach();
	memory = AllocSetContextCreate(TopMemoryContext, "vault sealer", ALLOCSET_DEFAULT_SIZES);
	worker_loop(sealer_turn, sealer_failed);
}

static void
sealer_await_settled(void)
{
	(void) consumer_request();
}

void
evidence_init(void)
{
	static const KeyringTrail trail = {
		.prepare = retention_prepare_trail,
		.begin = retention_begin_trail,
		.await_settled = sealer_await_settled,
	};

	consumer_init();
	keyring_set_trail(&trail);
	workers_add("vault sealer", "vault_sealer_worker_main");
}

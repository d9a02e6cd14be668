/*
 * audit_worker.c
 *		The one consumer of the ring.
 *
 * Everything that waits goes into one transaction, which is flushed; then those who wait
 * are woken. A single one who waits is woken before that and flushes itself, as after a
 * commit of its own, which spares the switching to and fro.  What cannot be written stays in the
 * ring and is tried again: callers are refused meanwhile, and nothing is lost.  When
 * the server stops, the worker stays until the sessions have ended and the ring is empty.
 */
#include "audit/audit_worker.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "replication/syncrep.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/procarray.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "audit/ledger.h"
#include "audit/ring.h"
#include "audit/setting_alerts.h"
#include "audit/store.h"
#include "platform/settings.h"
#include "platform/tables.h"
#include "platform/launcher.h"

#define BATCH_ROWS           256
#define PAUSE_AFTER_ERROR_MS 500
#define STATISTICS_MS        10000
#define STAY_MS              2000
#define TELL_AGAIN_MS        (10 * 60 * 1000)
#define STAY_NAP_MS          10

/* The end of the newest commit that may not be on disk. */
static XLogRecPtr unflushed = InvalidXLogRecPtr;

static void
audit_worker_flush(void)
{
	if (unflushed != InvalidXLogRecPtr)
		XLogFlush(unflushed);
	unflushed = InvalidXLogRecPtr;
}

static void
choose_commit(bool waits)
{
	static int chosen = -1;

	if (chosen != waits)
		SetConfigOption("synchronous_commit", waits ? "on" : "off", PGC_SUSET, PGC_S_OVERRIDE);
	chosen = waits;
}

/*
 * Leaves out what is of a trail that was dropped: its table is not this one.  What comes from
 * another database knows of none, and is for the one that there is.  Before the vault is
 * initialised there is no trail, and nobody whom a record could matter to.
 */
static int
choose_rows(AuditRow *rows, int count)
{
	Oid trail = table_oid(TABLE_AUDIT_LOG);
	int chosen = 0;

	if (!OidIsValid(trail) || audit_trail_state() == TRAIL_NONE)
		return 0;
	for (int i = 0; i < count; i++)
		if (rows[i].trail == trail || !OidIsValid(rows[i].trail))
			rows[chosen++] = rows[i];
	return chosen;
}

static void
write_rows(AuditRow *rows, int count)
{
	bool standbys = SyncRepStandbyNames && SyncRepStandbyNames[0];

	choose_commit(standbys);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	count = choose_rows(rows, count);
	if (count > 0)
	{
		ledger_begin_batch(table_oid(TABLE_AUDIT_LOG));
		audit_store(rows, count);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	unflushed = standbys ? InvalidXLogRecPtr : XactLastCommitEnd;
}

static void
report_statistics(void)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(last, now, STATISTICS_MS))
		return;
	last = now;
	pgstat_report_stat(true);
}

/*
 * Asked to end.  The cancel ends what could wait for ever otherwise, which is a lock
 * or a synchronous standby; it is no reason to leave records behind.
 */
static void
audit_worker_request_end(SIGNAL_ARGS)
{
	int saved_errno = errno;

	ShutdownRequestPending = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
	errno = saved_errno;
}

/* Whoever is connected may still be rolling back, and have something to tell. */
static bool
may_end(void)
{
	static TimestampTz asked = 0;

	if (asked == 0)
		asked = GetCurrentTimestamp();
	return CountDBConnections(MyDatabaseId) == 0 ||
		TimestampDifferenceExceeds(asked, GetCurrentTimestamp(), STAY_MS);
}

/*
 * Before it sleeps everything is on disk, whoever else may have flushed it.  A single caller is
 * expected to come again; several come together if the worker is not there at once.
 */
static void
wait_for_records(bool single)
{
	if (single && ring_poll())
		return;
	audit_worker_flush();
	if (!ShutdownRequestPending)
		ring_await();
	else
		worker_wait(STAY_NAP_MS);
}

/* An alert of the worker itself. */
static void
write_own(const char *operation, const char *kind, const char *reason)
{
	AuditRecord record = {
		.operation = operation,
		.decision = "alert",
		.object_kind = kind,
		.reason = reason,
	};
	AuditRow row;

	audit_describe_own(&record, &row);
	write_rows(&row, 1);
	audit_worker_flush();
}

/*
 * Whatever keeps the sealer from its work: rows that wait for long are told of, and again while
 * they wait.
 */
static void
audit_worker_alert_of_delay(void)
{
	static TimestampTz told = 0;
	TimestampTz now = GetCurrentTimestamp();
	int64 delay = ledger_delay();
	char reason[128];

	if (delay <= (int64) setting_max_seal_delay * 1000)
		told = 0;
	else if (told == 0 || TimestampDifferenceExceeds(told, now, TELL_AGAIN_MS))
	{
		snprintf(reason, sizeof(reason), "rows wait for their seal for " INT64_FORMAT " s by now",
				 delay / 1000);
		write_own("seal trail", "audit_log", reason);
		told = now;
	}
}

/* The counter is back where it was if the row cannot be written. */
static void
alert_of_lost(void)
{
	int64 lost = ring_take_lost();
	char reason[128];

	if (lost == 0)
		return;
	snprintf(reason, sizeof(reason),
			 INT64_FORMAT " records are lost: the ring was full until their "
						  "session ended",
			 lost);
	PG_TRY();
	{
		write_own("record", "audit_log", reason);
	}
	PG_CATCH();
	{
		ring_note_lost(lost);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* The vault may get one later, or again with a dump. */
static bool
has_trail(void)
{
	bool found;

	StartTransactionCommand();
	found = OidIsValid(table_oid(TABLE_AUDIT_LOG)) && audit_trail_state() == TRAIL_KEPT;
	CommitTransactionCommand();
	return found;
}

/* When it starts, and whenever the configuration was read again; until that has succeeded. */
static void
alert_of_settings(void)
{
	static TimestampTz compared = 0;
	static MemoryContext memory = NULL;
	MemoryContext old;

	if (compared == PgReloadTime || !has_trail())
		return;
	if (memory == NULL)
		memory = AllocSetContextCreate(TopMemoryContext, "vault settings", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(memory);
	old = MemoryContextSwitchTo(memory);
	setting_alerts_compare(write_own);
	MemoryContextSwitchTo(old);
	compared = PgReloadTime;
}

static void
audit_worker_consume(void)
{
	static AuditRow rows[BATCH_ROWS];
	bool awaited = false;

	for (;;)
	{
		int count = ring_peek(rows, BATCH_ROWS, &awaited);

		CHECK_FOR_INTERRUPTS();
		worker_reload();
		if (count > 0)
		{
			write_rows(rows, count);
			if (count > 1 || !awaited)
				audit_worker_flush();
			ring_done(unflushed);
		}
		if (ShutdownRequestPending && count == 0 && may_end())
			proc_exit(0);
		report_statistics();
		audit_worker_alert_of_delay();
		alert_of_lost();
		alert_of_settings();
		wait_for_records(count == 1 && awaited);
	}
}

/* As in every process with a main loop: what failed is undone and told to the log. */
static void
audit_worker_recover(void)
{
	bool ending = ShutdownRequestPending && geterrcode() == ERRCODE_QUERY_CANCELED;

	error_context_stack = NULL;
	HOLD_INTERRUPTS();
	if (!ending)
		EmitErrorReport();
	AbortCurrentTransaction();
	FlushErrorState();
	RESUME_INTERRUPTS();
	if (ending)
		return;
	if (ShutdownRequestPending)
		proc_exit(1);
	worker_wait(PAUSE_AFTER_ERROR_MS);
}

void
vault_audit_worker_main(Datum arg)
{
	sigjmp_buf failed;

	worker_begin();
	pqsignal(SIGTERM, audit_worker_request_end);
	SetConfigOption("lock_timeout", "1s", PGC_SUSET, PGC_S_OVERRIDE);
	ring_attach_worker();
	ledger_begin_worker();
	if (sigsetjmp(failed, 1) != 0)
		audit_worker_recover();
	PG_exception_stack = &failed;
	audit_worker_consume();
}

void
audit_worker_init(void)
{
	workers_add("vault audit", "vault_audit_worker_main");
}

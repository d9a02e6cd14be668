/*
 * audit_worker.c
 *		The worker "vault audit", the only consumer of the ring.
 *
 * The worker writes all records that wait in one transaction, flushes it, and then wakes the
 * backends that wait for them.  A single backend that waits is woken before the flush and flushes
 * itself, as after a commit of its own, which spares two switches between processes.  Records that
 * cannot be written stay in the ring and are tried again: meanwhile callers are refused, and no
 * record is lost.  When the server stops, the worker stays until the sessions have ended and the
 * ring is empty.
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
#include "storage/procarray.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/audit_describe.h"
#include "audit/audit_state.h"
#include "audit/ledger.h"
#include "audit/ring.h"
#include "audit/setting_alerts.h"
#include "audit/store.h"
#include "platform/settings.h"
#include "platform/tables.h"
#include "platform/launcher.h"
#include "platform/worker.h"

#define BATCH_ROWS           256
#define PAUSE_AFTER_ERROR_MS 500
#define STATISTICS_MS        10000
#define STAY_MS              2000
#define TELL_AGAIN_MS        (10 * 60 * 1000)
#define STAY_NAP_MS          10

/* End of the newest commit that may not be on disk. */
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
 * Keep the rows of the present trail and return their number.  Rows of a trail that was dropped are
 * left out: they name another table.  Rows from another database name no table, and belong to the
 * trail that exists.  Before the vault is initialized there is no trail, and no tenant that a
 * record could concern.
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
 * True when the ring is empty and no session is connected, or after STAY_MS.  A session that is
 * still connected may be rolling back, and have a record to send.  After STAY_MS, records that
 * wait keep the worker only if the server stops: while there is a launcher, its next worker writes
 * them.  Under load the ring may never be empty.
 */
static bool
may_end(bool empty)
{
	static TimestampTz asked = 0;

	if (asked == 0)
		asked = GetCurrentTimestamp();
	if (TimestampDifferenceExceeds(asked, GetCurrentTimestamp(), STAY_MS))
		return empty || workers_have_launcher();
	return empty && CountDBConnections(MyDatabaseId) == 0;
}

/*
 * Sleep until there are records.  Everything is flushed before that, even if another process may
 * have flushed it already.  After a single record the worker polls, because its caller is expected
 * to call again.  After several it sleeps: more of them come together if the worker is not ready at
 * once.
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

/* Write an alert of the worker itself. */
static void
write_own(const char *operation, const char *kind, const char *reason)
{
	AuditRecord record = {
		.operation = operation,
		.decision = DECISION_ALERT,
		.object_kind = kind,
		.reason = reason,
	};
	AuditRow row;

	audit_describe_own(&record, &row);
	write_rows(&row, 1);
	audit_worker_flush();
}

/*
 * Write an alert if rows have waited too long for their seal, for any reason, and repeat it every
 * TELL_AGAIN_MS while they wait.
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

/*
 * Write an alert of lost records.  If the row cannot be written, the counter gets its value back.
 */
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

/* True if there is a trail.  The vault may get one later, or again with a dump. */
static bool
has_trail(void)
{
	bool found;

	StartTransactionCommand();
	found = OidIsValid(table_oid(TABLE_AUDIT_LOG)) && audit_trail_state() == TRAIL_KEPT;
	CommitTransactionCommand();
	return found;
}

/*
 * Compare the settings when the worker starts, and whenever the configuration was read again, until
 * the comparison has succeeded.
 */
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
		if (ShutdownRequestPending && may_end(count == 0))
			proc_exit(0);
		report_statistics();
		audit_worker_alert_of_delay();
		alert_of_lost();
		alert_of_settings();
		wait_for_records(count == 1 && awaited);
	}
}

static void
audit_worker_failed(bool is_end)
{
	if (is_end)
		return;
	if (ShutdownRequestPending)
		proc_exit(1);
	worker_wait(PAUSE_AFTER_ERROR_MS);
}

void
vault_audit_worker_main(Datum arg)
{
	worker_begin();
	/* The cancel does not make the worker leave records in the ring. */
	pqsignal(SIGTERM, worker_request_end);
	SetConfigOption("lock_timeout", "1s", PGC_SUSET, PGC_S_OVERRIDE);
	ring_attach_worker();
	ledger_begin_worker();
	worker_loop(audit_worker_consume, audit_worker_failed);
}

void
audit_worker_init(void)
{
	workers_add("vault audit", "vault_audit_worker_main");
}

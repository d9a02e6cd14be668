/*
 * worker.c
 *		The frame of background workers; worker.h has the contract.
 */
#include "platform/worker.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

#include "platform/launcher.h"
#include "platform/settings.h"

void
worker_begin(void)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	launcher_note_connected();
	BackgroundWorkerInitializeConnection(setting_database, NULL, 0);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("TimeZone", "UTC", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("DateStyle", "ISO", PGC_SUSET, PGC_S_OVERRIDE);
}

void
worker_request_end(SIGNAL_ARGS)
{
	int saved_errno = errno;

	ShutdownRequestPending = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
	errno = saved_errno;
}

/*
 * Recover from an error, as every process with a main loop does: abort the transaction, and report
 * the error to the server's log. Returns true if it was the cancel of worker_request_end().
 */
static bool
worker_recover(void)
{
	bool is_end = ShutdownRequestPending && geterrcode() == ERRCODE_QUERY_CANCELED;

	error_context_stack = NULL;
	HOLD_INTERRUPTS();
	if (!is_end)
		EmitErrorReport();
	AbortCurrentTransaction();
	FlushErrorState();
	RESUME_INTERRUPTS();
	return is_end;
}

void
worker_loop(void (*work)(void), void (*failed)(bool is_end))
{
	sigjmp_buf error;

	if (sigsetjmp(error, 1) != 0)
		failed(worker_recover());
	PG_exception_stack = &error;
	for (;;)
		work();
}

void
worker_reload(void)
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
}

void
worker_wait(int ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	worker_reload();
}

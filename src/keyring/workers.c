/*
 * workers.c
 *		Unsealing without people: at start and after a reload.
 *
 * "vault keeper" lives as long as the server, holds no database connection and
 * starts "vault unseal", which connects to vault.database, asks the source once
 * and ends.  A database that does not exist yet thus costs one line in the log.
 */
#include "keyring/workers.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procsignal.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "keyring/keyring.h"
#include "keyring/root_page.h"
#include "platform/settings.h"

static void
describe_worker(BackgroundWorker *worker, const char *name, const char *function)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	strlcpy(worker->bgw_library_name, "vault", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker->bgw_name, name, BGW_MAXLEN);
	strlcpy(worker->bgw_type, name, BGW_MAXLEN);
}

void
vault_unseal_worker_main(Datum arg)
{
	const char *fault;

	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(setting_database, NULL, 0);
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	fault = keyring_try_unseal();
	PopActiveSnapshot();
	CommitTransactionCommand();
	if (fault)
	{
		root_set_sealed_reason(fault);
		ereport(LOG, (errmsg("vault is sealed: %s", fault)));
	}
	else
		ereport(LOG, (errmsg("vault is unsealed")));
	proc_exit(0);
}

static void
unseal_once(void)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	if (root_is_sealed_by_operator())
	{
		if (root_state() == ROOT_STARTING)
			root_set_sealed_reason("sealed by an operator");
		return;
	}
	root_set_starting();
	if (root_state() != ROOT_STARTING)
		return;
	describe_worker(&worker, "vault unseal", "vault_unseal_worker_main");
	worker.bgw_flags |= BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
		(void) WaitForBackgroundWorkerShutdown(handle);
	else
		ereport(WARNING,
				(errmsg("could not start the worker that unseals vault"),
				 errhint("Raise max_worker_processes.")));
	if (root_state() == ROOT_STARTING)
		root_set_sealed_reason(NO_WORKER);
}

void
vault_keeper_worker_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	/* Ignored in workers without a database; the end of the other worker comes with it. */
	pqsignal(SIGUSR1, procsignal_sigusr1_handler);
	BackgroundWorkerUnblockSignals();
	unseal_once();
	while (!ShutdownRequestPending)
	{
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			unseal_once();
			continue;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	proc_exit(0);
}

void
keyring_workers_init(void)
{
	BackgroundWorker worker;

	describe_worker(&worker, "vault keeper", "vault_keeper_worker_main");
	worker.bgw_restart_time = 5;
	RegisterBackgroundWorker(&worker);
}

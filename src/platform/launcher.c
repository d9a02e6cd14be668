/*
 * launcher.c
 *		The launcher.
 */
#include "platform/launcher.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/procsignal.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "platform/settings.h"
#include "platform/shmem.h"

#define MAX_CHILDREN     4
#define MAX_CALLBACKS    4
#define LONG_LIFE_MS     5000
#define FIRST_PAUSE_MS   1000
#define LONGEST_PAUSE_MS 60000

typedef struct Child
{
	const char *name;
	const char *function;
	BackgroundWorkerHandle *handle;
	TimestampTz started;
	TimestampTz next_start;
	int pause;
} Child;

typedef struct LauncherShared
{
	Latch *launcher;                              /* NULL if it does not run */
	bool awoken;                                  /* set by workers_wake() */
	pg_atomic_uint32 connected[MAX_CHILDREN + 1]; /* processes with a database; 0 if free */
} LauncherShared;

static Child children[MAX_CHILDREN];
static int child_count = 0;
static void (*callbacks[MAX_CALLBACKS])(void);
static int callback_count = 0;
static LauncherShared *shared = NULL;

void
workers_add(const char *name, const char *function)
{
	if (child_count == MAX_CHILDREN)
		elog(FATAL, "more than %d background workers", MAX_CHILDREN);
	children[child_count++] = (Child){.name = name, .function = function, .pause = FIRST_PAUSE_MS};
}

void
workers_on_reload(void (*callback)(void))
{
	if (callback_count == MAX_CALLBACKS)
		elog(FATAL, "more than %d callbacks of the launcher", MAX_CALLBACKS);
	callbacks[callback_count++] = callback;
}

static void
launcher_describe(BackgroundWorker *worker, const char *name, const char *function)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	worker->bgw_notify_pid = MyProcPid;
	strlcpy(worker->bgw_library_name, "vault", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker->bgw_name, name, BGW_MAXLEN);
	strlcpy(worker->bgw_type, name, BGW_MAXLEN);
}

static BackgroundWorkerHandle *
launcher_start(const char *name, const char *function)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	launcher_describe(&worker, name, function);
	worker.bgw_flags |= BGWORKER_BACKEND_DATABASE_CONNECTION;
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
		return handle;
	ereport(WARNING,
			(errmsg("could not start the background worker \"%s\"", name),
			 errhint("Raise max_worker_processes.")));
	return NULL;
}

bool
worker_run_once(const char *name, const char *function)
{
	BackgroundWorkerHandle *handle = launcher_start(name, function);

	if (handle)
		(void) WaitForBackgroundWorkerShutdown(handle);
	return handle != NULL;
}

static bool
is_running(Child *child)
{
	pid_t pid;

	return child->handle && GetBackgroundWorkerPid(child->handle, &pid) != BGWH_STOPPED;
}

/* Note the end of a worker. Its life decides when it is started again. */
static void
note_end(Child *child, TimestampTz now)
{
	if (TimestampDifferenceExceeds(child->started, now, LONG_LIFE_MS))
	{
		child->pause = FIRST_PAUSE_MS;
		child->next_start = now;
	}
	else
	{
		child->next_start = TimestampTzPlusMilliseconds(now, child->pause);
		child->pause = Min(child->pause * 2, LONGEST_PAUSE_MS);
	}
	pfree(child->handle);
	child->handle = NULL;
}

/* Start the workers that should run and do not. Returns the time until the next start is due. */
static long
look_after(void)
{
	TimestampTz now = GetCurrentTimestamp();
	bool awoken = shared->awoken;
	long sleep = -1;

	shared->awoken = false;
	for (int i = 0; i < child_count; i++)
	{
		Child *child = &children[i];

		if (is_running(child))
			continue;
		if (child->handle)
			note_end(child, now);
		if (awoken || child->next_start <= now)
		{
			child->started = now;
			child->next_start = TimestampTzPlusMilliseconds(now, LONGEST_PAUSE_MS);
			child->handle = launcher_start(child->name, child->function);
		}
		if (child->handle == NULL)
		{
			long due = TimestampDifferenceMilliseconds(now, child->next_start);

			sleep = sleep < 0 ? due : Min(sleep, due);
		}
	}
	return sleep;
}

static void
call_back(void)
{
	for (int i = 0; i < callback_count; i++)
		callbacks[i]();
}

/* End the workers: the next launcher does not know them and starts its own. */
static void
launcher_ends(int code, Datum arg)
{
	shared->launcher = NULL;
	for (int i = 0; i < child_count; i++)
		if (children[i].handle)
			TerminateBackgroundWorker(children[i].handle);
}

bool
workers_have_launcher(void)
{
	return shared->launcher != NULL;
}

void
workers_wake(void)
{
	Latch *launcher = shared->launcher;

	shared->awoken = true;
	if (launcher)
		SetLatch(launcher);
}

void
workers_leave(void)
{
	for (int i = 0; i < (int) lengthof(shared->connected); i++)
	{
		int pid = (int) pg_atomic_read_u32(&shared->connected[i]);

		if (pid != 0 && BackendPidGetProc(pid) != NULL)
			(void) kill(pid, SIGTERM);
	}
}

void
vault_launcher_worker_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	/*
	 * A worker without a database ignores SIGUSR1. The launcher needs it to learn of the ends of
	 * others.
	 */
	pqsignal(SIGUSR1, procsignal_sigusr1_handler);
	BackgroundWorkerUnblockSignals();
	shared->launcher = MyLatch;
	before_shmem_exit(launcher_ends, (Datum) 0);
	call_back();
	while (!ShutdownRequestPending)
	{
		long sleep;

		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			call_back();
		}
		sleep = look_after();
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (sleep >= 0 ? WL_TIMEOUT : 0), sleep,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	/* Not 0, so that the postmaster starts another launcher, unless the whole server is ending. */
	proc_exit(1);
}

static void
note_disconnected(int code, Datum arg)
{
	pg_atomic_write_u32(&shared->connected[DatumGetInt32(arg)], 0);
}

void
launcher_note_connected(void)
{
	for (int i = 0; i < (int) lengthof(shared->connected); i++)
	{
		uint32 free = 0;

		if (!pg_atomic_compare_exchange_u32(&shared->connected[i], &free, MyProcPid))
			continue;
		before_shmem_exit(note_disconnected, Int32GetDatum(i));
		return;
	}
}

static void
launcher_shared_init(void *area)
{
	LauncherShared *fresh = area;

	for (int i = 0; i < (int) lengthof(fresh->connected); i++)
		pg_atomic_init_u32(&fresh->connected[i], 0);
}

void
launcher_init(void)
{
	BackgroundWorker worker;

	shmem_register("vault workers", sizeof(LauncherShared), launcher_shared_init, NULL,
				   (void **) &shared);
	launcher_describe(&worker, "vault launcher", "vault_launcher_worker_main");
	worker.bgw_notify_pid = 0;
	worker.bgw_restart_time = 1;
	RegisterBackgroundWorker(&worker);
}

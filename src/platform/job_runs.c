/*
 * job_runs.c
 *		A small table in shared memory, under a spinlock.
 */
#include "platform/job_runs.h"

#include "miscadmin.h"
#include "storage/procarray.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "platform/shmem.h"

#define RUNS 16

typedef struct JobRunsShared
{
	slock_t mutex; /* guards runs */
	JobRun runs[RUNS];
} JobRunsShared;

static JobRunsShared *shared = NULL;

/* Find or add the run of a job. Returns NULL if the table is full. The caller holds the mutex. */
static JobRun *
place_of(const char *name)
{
	for (int i = 0; i < RUNS; i++)
	{
		JobRun *run = &shared->runs[i];

		if (run->name[0] == '\0')
			strlcpy(run->name, name, JOB_RUN_NAME_BYTES);
		if (strcmp(run->name, name) == 0)
			return run;
	}
	return NULL;
}

void
job_run_begin(const char *name)
{
	TimestampTz now = GetCurrentTimestamp();
	JobRun *run;

	SpinLockAcquire(&shared->mutex);
	run = place_of(name);
	if (run)
	{
		run->started = now;
		run->pid = MyProcPid;
	}
	SpinLockRelease(&shared->mutex);
}

void
job_run_end(const char *name)
{
	TimestampTz now = GetCurrentTimestamp();
	JobRun *run;

	SpinLockAcquire(&shared->mutex);
	run = place_of(name);
	if (run && run->pid == MyProcPid)
	{
		run->ended = now;
		run->took = now - run->started;
	}
	SpinLockRelease(&shared->mutex);
}

bool
job_run_find(const char *name, JobRun *run)
{
	bool found = false;

	SpinLockAcquire(&shared->mutex);
	for (int i = 0; i < RUNS && !found; i++)
	{
		found = shared->runs[i].started != 0 && strcmp(shared->runs[i].name, name) == 0;
		if (found)
			*run = shared->runs[i];
	}
	SpinLockRelease(&shared->mutex);
	return found;
}

const char *
job_run_outcome(const JobRun *run)
{
	if (run->ended >= run->started)
		return "succeeded";
	return BackendPidGetProc(run->pid) != NULL ? "running" : "failed";
}

static void
job_runs_shared_init(void *area)
{
	SpinLockInit(&((JobRunsShared *) area)->mutex);
}

static void
job_runs_forget_runs(void)
{
	SpinLockAcquire(&shared->mutex);
	memset(shared->runs, 0, sizeof(shared->runs));
	SpinLockRelease(&shared->mutex);
}

void
job_runs_init(void)
{
	shmem_register("vault runs", sizeof(JobRunsShared), job_runs_shared_init, job_runs_forget_runs,
				   (void **) &shared);
}

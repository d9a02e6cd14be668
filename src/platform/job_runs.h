/*
 * job_runs.h
 *		Last runs of the jobs since the server started. pg_cron in another database does not report
 *		them to this one.
 *
 * A run that fails has no end. Its process distinguishes it from a run that is in progress.
 */
#ifndef VAULT_PLATFORM_JOB_RUNS_H
#define VAULT_PLATFORM_JOB_RUNS_H

#include "platform/compat.h"

#include "datatype/timestamp.h"

#define JOB_RUN_NAME_BYTES 32

typedef struct JobRun
{
	char name[JOB_RUN_NAME_BYTES];
	TimestampTz started;
	TimestampTz ended; /* end of the last run that succeeded, or 0 */
	int64 took;        /* duration of that run in microseconds */
	int pid;           /* process of the last run */
} JobRun;

/* Call these before and after the work of a job. Names are literals. */
extern void job_run_begin(const char *name);
extern void job_run_end(const char *name);

/* Returns false if the job has not run. */
extern bool job_run_find(const char *name, JobRun *run);

/* Return "succeeded", "running" or "failed". */
extern const char *job_run_outcome(const JobRun *run);

extern void job_runs_init(void);

#endif

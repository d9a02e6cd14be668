/*
 * job_runs.h
 *		Last runs of the jobs since the server started: pg_cron in another database tells this
 *		one nothing.
 *
 * A run that ends with an error has no end; its process tells it from one that goes on.
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
	TimestampTz ended; /* of the last one that succeeded; 0: none */
	int64 took;        /* microseconds, of that one */
	int pid;           /* of the last one */
} JobRun;

/* Around the work of a job.  Names are literals. */
extern void job_run_begin(const char *name);
extern void job_run_end(const char *name);

/* False if it has not run. */
extern bool job_run_find(const char *name, JobRun *run);

/* "succeeded", "running" or "failed" */
extern const char *job_run_outcome(const JobRun *run);

extern void job_runs_init(void);

#endif

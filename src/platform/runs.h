/*
 * runs.h
 *		When the jobs ran last, since the server started: pg_cron in another database tells this
 *		one nothing.
 *
 * A run that ends with an error has no end; its process tells it from one that goes on.
 */
#ifndef VAULT_PLATFORM_RUNS_H
#define VAULT_PLATFORM_RUNS_H

#include "platform/compat.h"

#include "datatype/timestamp.h"

#define RUN_NAME_BYTES 32

typedef struct Run
{
	char		name[RUN_NAME_BYTES];
	TimestampTz started;
	TimestampTz ended;			/* of the last one that succeeded; 0: none */
	int64		took;			/* microseconds, of that one */
	int			pid;			/* of the last one */
} Run;

/* Around the work of a job.  Names are literals. */
extern void run_begin(const char *name);
extern void run_end(const char *name);

/* False if it has not run. */
extern bool run_find(const char *name, Run *run);

/* "succeeded", "running" or "failed" */
extern const char *run_outcome(const Run *run);

extern void runs_init(void);

#endif

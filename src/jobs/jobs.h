/*
 * jobs.h
 *		The jobs that pg_cron runs; see jobs.c.
 */
#ifndef VAULT_JOBS_JOBS_H
#define VAULT_JOBS_JOBS_H

#include "platform/compat.h"

#include "nodes/pg_list.h"

typedef struct Fault
{
	const char *kind; /* object_kind of the trail, and of vault.verify() */
	const char *object;
	const char *fault;
	const char *done; /* what vault.repair() did, or NULL */
	const char *hint; /* the remedy by hand, if vault.repair() has none */
	int number;       /* number of the object, for the code that found it */
} Fault;

/* Return the faults that keep the jobs from running; none on a standby. */
extern List *jobs_faults(void);

/*
 * Mend a fault, if that is possible here, and set "done". Returns true if that makes other faults
 * visible. Only superusers can install pg_cron.
 */
extern bool jobs_mend(Fault *fault, bool by_superuser);

extern void jobs_init(void);

#endif

/*
 * jobs.h
 *		Jobs that pg_cron runs; see jobs.c.
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
	const char *done; /* the act of vault.repair(); NULL: none */
	const char *hint; /* the remedy by hand, if vault.repair() has none */
	int number;       /* of the object, for whoever found it */
} Fault;

/* Return the faults that keep the jobs from running; none on a standby. */
extern List *jobs_faults(void);

/*
 * Mends it and says so in "done", if it can be mended here; true if that brings others to light.
 * pg_cron is installed for superusers only.
 */
extern bool jobs_mend(Fault *fault, bool by_superuser);

extern void jobs_init(void);

#endif

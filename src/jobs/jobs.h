/*
 * jobs.h
 *		What runs at its times, by pg_cron; see jobs.c.
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
	const char *done; /* what vault.repair() did about it; NULL: nothing */
	const char *hint; /* what to do by hand, if it cannot be done there */
	int number;       /* of the object, for whoever found it */
} Fault;

/* What keeps the jobs from running; none on a standby. */
extern List *jobs_faults(void);

/*
 * Mends it and says so in "done", if it can be mended here; true if that brings others to light.
 * pg_cron is installed for superusers only.
 */
extern bool jobs_mend(Fault *fault, bool by_superuser);

extern void jobs_init(void);

#endif

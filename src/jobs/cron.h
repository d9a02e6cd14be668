/*
 * cron.h
 *		The jobs, and pg_cron as seen from this database.
 *
 * Code that calls pg_cron's functions or reads its tables first calls cron_is_installed() and
 * assumes the bootstrap superuser.
 */
#ifndef VAULT_JOBS_CRON_H
#define VAULT_JOBS_CRON_H

#include "platform/as_role.h"
#include "platform/compat.h"

#define JOBS_ROLE "vault_jobs"

/* Jobs whose function exists are scheduled. */
typedef struct Job
{
	const char *name;
	const char *schedule;
	bool is_procedure; /* it commits between its steps */
} Job;

extern const Job jobs[];
extern const int job_count;

extern bool job_exists(int job);
extern char *job_command(int job);

/* Schedule a job. Returns false if pg_cron has it already. */
extern bool job_schedule(int job);

/* Another user, and a connection to SPI, until resumed; an error ends both. */
extern void jobs_assume(AsRole *before, Oid role);
extern void jobs_resume(const AsRole *before);

/* Run a statement whose arguments are texts, four at most. The result is in SPI_tuptable. */
extern uint64 jobs_run(const char *statement, int count, const char *const *arguments);

extern bool cron_is_installed(void);
extern bool cron_is_elsewhere(void);
extern const char *cron_database(void);
extern bool jobs_may_connect(void);

/* Make pg_cron read its table again. */
extern void remind_cron(void);

#endif

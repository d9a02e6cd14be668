/*
 * job_faults.c
 *		Finds the faults that keep the jobs from running, and their remedies.
 *
 * Operators may change the times of a job, so only its state, command, database and port are
 * checked. Where pg_cron works in another database its table cannot be read. There the check is
 * whether any job has run since the server started.
 */
#include "jobs/jobs.h"

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "context/call.h"
#include "jobs/cron.h"
#include "keyring/root_page.h"
#include "platform/job_runs.h"
#include "platform/sql.h"

#define NUMBER_CRON (-1)
#define NUMBER_ROLE (-2)

/* The list outlives the connection to SPI in which it is filled. */
typedef struct JobFaultsFound
{
	MemoryContext memory;
	List *faults;
} JobFaultsFound;

static const char *
object_name(int number)
{
	if (number == NUMBER_CRON)
		return "pg_cron";
	return number == NUMBER_ROLE ? "role " JOBS_ROLE : psprintf("vault:%s", jobs[number].name);
}

static void
job_faults_add(JobFaultsFound *found, int number, const char *text, const char *hint)
{
	MemoryContext context = MemoryContextSwitchTo(found->memory);
	Fault *fault = palloc0(sizeof(Fault));

	fault->kind = "job";
	fault->object = object_name(number);
	fault->fault = pstrdup(text);
	fault->hint = hint ? pstrdup(hint) : NULL;
	fault->number = number;
	found->faults = lappend(found->faults, fault);
	MemoryContextSwitchTo(context);
}

static bool
any_has_run(void)
{
	JobRun found;

	for (int i = 0; i < job_count; i++)
		if (job_run_find(jobs[i].name, &found))
			return true;
	return false;
}

static void
find_faults_of_cron(JobFaultsFound *found)
{
	const char *database = cron_database();
	char *here = get_database_name(MyDatabaseId);

	if (database == NULL)
		job_faults_add(
			found, NUMBER_CRON, "pg_cron is not loaded by the server: no job runs",
			"Add pg_cron to shared_preload_libraries, set cron.database_name, restart the server, "
			"and call vault.repair() again.");
	else if (cron_is_elsewhere())
	{
		/* While the vault is sealed no job would have run. */
		if (root_is_open() && !any_has_run())
			job_faults_add(
				found, NUMBER_CRON,
				psprintf(
					"pg_cron works in database \"%s\", and no job has run since the server started",
					database),
				"As a superuser, run in that database what SELECT schedule_command "
				"FROM vault.job_commands() gives here.");
	}
	else if (!cron_is_installed())
		job_faults_add(found, NUMBER_CRON, "pg_cron is not installed in this database: no job runs",
					   "As a superuser, CREATE EXTENSION pg_cron, or call vault.repair() as one.");
	else if (*database && strcmp(database, here) != 0)
		job_faults_add(found, NUMBER_CRON,
					   psprintf("pg_cron works in database \"%s\", not in this one: no job runs",
								database),
					   psprintf("Set cron.database_name to %s, and restart the server.",
								quote_identifier(here)));
}

/* Verify that pg_cron can log in as the role that owns the jobs. */
static void
find_faults_of_role(JobFaultsFound *found)
{
	const char *arguments[] = {JOBS_ROLE};

	if (!jobs_may_connect())
		job_faults_add(found, NUMBER_ROLE, "the role may not connect to this database: no job runs",
					   psprintf("GRANT CONNECT ON DATABASE %s TO %s.",
								quote_identifier(get_database_name(MyDatabaseId)), JOBS_ROLE));
	if (jobs_run("SELECT FROM pg_roles WHERE rolname = $1 AND rolcanlogin", 1, arguments) == 0)
		job_faults_add(found, NUMBER_ROLE, "the role may not log in: no job runs",
					   "ALTER ROLE " JOBS_ROLE " LOGIN.");
}

/* If pg_cron does not use its workers, it connects to the port that a job was made for. */
#define JOB_IS_REACHED                                                                \
	"(coalesce(current_setting('cron.use_background_workers', true), 'off')::boolean" \
	" OR nodeport = current_setting('port')::integer)"

static void
find_faults_of_job(JobFaultsFound *found, int job)
{
	const char *arguments[] = {psprintf("vault:%s", jobs[job].name), JOBS_ROLE, job_command(job)};
	static const char *const told[] = {"the job is not active", "the job has another command",
									   "the job is for another database",
									   "the job is for another port than this server's"};

	if (jobs_run("SELECT active, command = $3, database = current_database(), " JOB_IS_REACHED
				 " FROM cron.job WHERE jobname = $1 AND username = $2",
				 3, arguments) == 0)
	{
		job_faults_add(found, job, "the job is missing", NULL);
		return;
	}
	for (int i = 0; i < (int) lengthof(told); i++)
	{
		bool isnull;

		if (!DatumGetBool(sql_value(0, i + 1, &isnull)))
			job_faults_add(found, job, told[i], NULL);
	}
}

List *
jobs_faults(void)
{
	JobFaultsFound found = {.memory = CurrentMemoryContext};
	AsRole before;

	/* On a standby, the primary reports the faults. */
	if (RecoveryInProgress())
		return NIL;
	jobs_assume(&before, BOOTSTRAP_SUPERUSERID);
	find_faults_of_cron(&found);
	if (cron_is_installed())
	{
		find_faults_of_role(&found);
		for (int i = 0; i < job_count; i++)
			if (job_exists(i))
				find_faults_of_job(&found, i);
	}
	jobs_resume(&before);
	return found.faults;
}

PG_FUNCTION_INFO_V1(vault_faults_of_jobs);

/* faults_of_jobs(): the rows that vault.verify() lists */
Datum
vault_faults_of_jobs(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	List *faults;
	ListCell *cell;

	(void) call_required();
	InitMaterializedSRF(fcinfo, 0);
	faults = jobs_faults();
	foreach(cell, faults)
	{
		const Fault *fault = lfirst(cell);
		bool nulls[4] = {false, true};
		Datum values[4] = {CStringGetTextDatum(fault->kind)};

		values[2] = CStringGetTextDatum(fault->object);
		values[3] = CStringGetTextDatum(fault->fault);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

static void
set_right(int job)
{
	const char *arguments[] = {psprintf("vault:%s", jobs[job].name), JOBS_ROLE, job_command(job)};

	(void)
		jobs_run("UPDATE cron.job SET active = true, command = $3, database = current_database(),"
				 " nodeport = CASE WHEN " JOB_IS_REACHED " THEN nodeport"
				 " ELSE current_setting('port')::integer END"
				 " WHERE jobname = $1 AND username = $2",
				 3, arguments);
}

/*
 * CREATE EXTENSION runs the script as the superuser who called vault.repair(). The script must find
 * no open entry.
 */
static void
install_cron(void)
{
	VaultCall *call = call_hide();

	PG_TRY();
	{
		(void) jobs_run("CREATE EXTENSION pg_cron", 0, NULL);
	}
	PG_FINALLY();
	{
		call_show(call);
	}
	PG_END_TRY();
}

static bool
can_install_cron(bool by_superuser)
{
	const char *database = cron_database();

	return by_superuser && database && !cron_is_elsewhere() && !cron_is_installed();
}

/* Mend a fault, if that is possible here. Returns true if more faults can be seen now. */
bool
jobs_mend(Fault *fault, bool by_superuser)
{
	bool installs = fault->number == NUMBER_CRON && can_install_cron(by_superuser);
	AsRole before;

	if (fault->number < 0 && !installs)
		return false;
	jobs_assume(&before, BOOTSTRAP_SUPERUSERID);
	if (installs)
	{
		install_cron();
		fault->done = "pg_cron was installed";
	}
	else if (job_schedule(fault->number))
		fault->done = "it was scheduled";
	else
	{
		set_right(fault->number);
		fault->done = "it was set as vault schedules it";
	}
	jobs_resume(&before);
	remind_cron();
	return installs;
}

/*
 * jobs.c
 *		Schedules the jobs with pg_cron, and runs the functions that it calls.
 *
 * pg_cron logs in as the owner of a job. That is the role vault_jobs. It may execute the
 * functions vault_data.job_…() and do nothing else. Each of them takes no argument and does as
 * vault_admin what an operator would do; on a standby and while the vault is sealed it does
 * nothing. pg_cron's own functions are called as the bootstrap superuser, after a check that they
 * belong to pg_cron: where pg_cron is not installed, any role may own a schema of that name.
 */
#include "jobs/jobs.h"

#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "context/operators.h"
#include "entry/entry.h"
#include "evidence/sealer.h"
#include "origin/origin.h"
#include "jobs/cron.h"
#include "keyring/root_page.h"
#include "platform/as_role.h"
#include "platform/errors.h"
#include "platform/job_runs.h"
#include "platform/settings.h"
#include "platform/shmem.h"
#include "platform/sql.h"
#include "platform/tables.h"

/* A run moves at most this many batches, so that its transaction ends. */
#define MAX_BATCHES        100
#define MAX_NOTICE_BATCHES 10 /* each sends a NOTIFY for every row */

/* Times are pg_cron's, in GMT. */
const Job jobs[] = {
	{"anomalies", "*/5 * * * *"}, {"expire", "*/5 * * * *"},     {"notifications", "47 3 * * *"},
	{"partitions", "7 1 * * *"},  {"purge", "17 2 * * *"},       {"retention", "37 3 * * *"},
	{"rewrap", "*/15 * * * *"},   {"rotate", "* * * * *", true}, {"warn", "*/10 * * * *"},
};
const int job_count = lengthof(jobs);

/* Last reported reason of skipped jobs: the epoch of the sealed root page plus one. */
typedef struct JobsShared
{
	pg_atomic_uint64 said;
} JobsShared;

#define SAID_STANDBY PG_UINT64_MAX
#define SAID_HELD    (PG_UINT64_MAX - 1)

static JobsShared *shared = NULL;
static object_access_hook_type previous_access = NULL;

/* ---- another user, until resumed or until an error ---- */

void
jobs_assume(AsRole *before, Oid role)
{
	as_role_begin(before, role, 0);
	sql_begin();
}

void
jobs_resume(const AsRole *before)
{
	sql_end();
	as_role_end(before);
}

/* The result is in SPI_tuptable. */
uint64
jobs_run(const char *statement, int count, const char *const *arguments)
{
	Oid types[4];
	Datum values[4] = {0};
	int result;

	for (int i = 0; i < count; i++)
	{
		types[i] = TEXTOID;
		values[i] = CStringGetTextDatum(arguments[i]);
	}
	result = SPI_execute_with_args(statement, count, types, values, NULL, false, 0);
	if (result < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not run a statement: %s", SPI_result_code_string(result))));
	return SPI_processed;
}

/* ---- the jobs' functions ---- */

static void
jobs_require_job_runner(void)
{
	Oid caller = GetUserId();

	if (caller != get_role_oid(JOBS_ROLE, true) && !role_is_operator(caller))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: this is for the jobs of vault"),
				 errhint("Operators call vault.purge(), vault.rewrap() and the like.")));
}

/* Log once for each time that the vault is sealed, or found to be a copy. */
static bool
jobs_skip(uint64 why, const char *what)
{
	if (pg_atomic_exchange_u64(&shared->said, why) != why)
		ereport(LOG, (errmsg("%s", what)));
	return true;
}

/*
 * Return true if the job must do nothing. "outside" is true for a job that acts outside of this
 * server.
 */
static bool
is_skipped(bool outside)
{
	if (RecoveryInProgress())
		return jobs_skip(SAID_STANDBY, "jobs of vault do nothing while this server is a standby");
	if (!root_is_open())
		return jobs_skip(root_epoch() + 1, "jobs of vault do nothing while the vault is sealed");
	return outside && origin_held() != NULL &&
		jobs_skip(SAID_HELD,
				  "jobs of vault that rotate and announce wait: "
				  "the vault is held as a copy, see vault.status()");
}

/* Run an operator's statement in batches until one is empty; return the sum of the results. */
static Datum
run_as_operator(FunctionCallInfo fcinfo, const char *job, const char *statement, int max_batches,
				bool outside)
{
	int64 total = 0;
	AsRole before;

	require_running_vault();
	jobs_require_job_runner();
	if (is_skipped(outside))
		PG_RETURN_NULL();
	job_run_begin(job);
	jobs_assume(&before, get_role_oid("vault_admin", false));
	for (int i = 0; i < max_batches; i++)
	{
		int32 moved;

		(void) jobs_run(statement, 0, NULL);
		moved = DatumGetInt32(sql_value(0, 1, NULL));
		total += moved;
		if (moved == 0)
			break;
	}
	jobs_resume(&before);
	job_run_end(job);
	PG_RETURN_INT64(total);
}

PG_FUNCTION_INFO_V1(vault_job_anomalies);
PG_FUNCTION_INFO_V1(vault_job_expire);
PG_FUNCTION_INFO_V1(vault_job_notifications);
PG_FUNCTION_INFO_V1(vault_job_purge);
PG_FUNCTION_INFO_V1(vault_job_rewrap);
PG_FUNCTION_INFO_V1(vault_job_rotate_step);
PG_FUNCTION_INFO_V1(vault_job_warn);
PG_FUNCTION_INFO_V1(vault_install_jobs);
PG_FUNCTION_INFO_V1(vault_remove_jobs);
PG_FUNCTION_INFO_V1(vault_job_commands);
PG_FUNCTION_INFO_V1(vault_schedule_jobs);
PG_FUNCTION_INFO_V1(vault_report_jobs);

Datum
vault_job_anomalies(PG_FUNCTION_ARGS)
{
	return run_as_operator(fcinfo, "anomalies", "SELECT vault.detect_anomalies()", 1, false);
}

Datum
vault_job_expire(PG_FUNCTION_ARGS)
{
	return run_as_operator(fcinfo, "expire", "SELECT vault.announce_expired()", MAX_NOTICE_BATCHES,
						   true);
}

Datum
vault_job_warn(PG_FUNCTION_ARGS)
{
	return run_as_operator(fcinfo, "warn", "SELECT vault.announce_expiring()", MAX_NOTICE_BATCHES,
						   true);
}

Datum
vault_job_notifications(PG_FUNCTION_ARGS)
{
	return run_as_operator(fcinfo, "notifications", "SELECT vault.forget_notifications()",
						   MAX_BATCHES, true);
}

Datum
vault_job_rewrap(PG_FUNCTION_ARGS)
{
	return run_as_operator(fcinfo, "rewrap", "SELECT vault.rewrap()", MAX_BATCHES, false);
}

Datum
vault_job_rotate_step(PG_FUNCTION_ARGS)
{
	/*
	 * A step is limited by vault.rotation_timeout. statement_timeout would end the job in the
	 * middle of a step.
	 */
	disable_timeout(STATEMENT_TIMEOUT, false);
	return run_as_operator(fcinfo, "rotate", "SELECT vault.rotate_due(1)", 1, true);
}

/* ---- pg_cron ---- */

bool
cron_is_installed(void)
{
	Oid extension = get_extension_oid("pg_cron", true);
	Oid schema = get_namespace_oid("cron", true);

	return OidIsValid(extension) && OidIsValid(schema) &&
		getExtensionOfObject(NamespaceRelationId, schema) == extension;
}

/*
 * Invalidate pg_cron's table once more. pg_cron 1.4 reads it again after an invalidation, but
 * misses the invalidation if a large transaction, such as CREATE EXTENSION, makes its queue
 * overflow.
 */
void
remind_cron(void)
{
	Oid jobs_table;

	if (!cron_is_installed())
		return;
	jobs_table = get_relname_relid("job", get_namespace_oid("cron", false));
	if (OidIsValid(jobs_table))
		CacheInvalidateRelcacheByRelid(jobs_table);
}

bool
job_exists(int job)
{
	char name[NAMEDATALEN];
	Oid none = InvalidOid;
	oidvector *arguments = buildoidvector(&none, 0);

	snprintf(name, sizeof(name), "job_%s", jobs[job].name);
	return OidIsValid(GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
									  PointerGetDatum(arguments),
									  ObjectIdGetDatum(data_schema_oid())));
}

/* Delete the old records of runs. pg_cron never deletes them. */
static void
jobs_forget_runs(void)
{
	const char *arguments[] = {JOBS_ROLE};
	AsRole before;

	if (!cron_is_installed())
		return;
	jobs_assume(&before, BOOTSTRAP_SUPERUSERID);
	(void) jobs_run("DELETE FROM cron.job_run_details WHERE username = $1"
					" AND end_time < now() - interval '30 days'",
					1, arguments);
	jobs_resume(&before);
}

Datum
vault_job_purge(PG_FUNCTION_ARGS)
{
	Datum purged = run_as_operator(fcinfo, "purge", "SELECT vault.purge()", MAX_BATCHES, false);

	if (!fcinfo->isnull)
		jobs_forget_runs();
	return purged;
}

static int
jobs_unschedule(const char *which)
{
	const char *arguments[] = {JOBS_ROLE};
	char *statement = psprintf("SELECT count(cron.unschedule(jobid)) FROM cron.job"
							   " WHERE username = $1 AND jobname LIKE 'vault:%%' AND %s",
							   which);

	(void) jobs_run(statement, 1, arguments);
	return (int) DatumGetInt64(sql_value(0, 1, NULL));
}

char *
job_command(int job)
{
	return psprintf("%s vault_data.job_%s()", jobs[job].is_procedure ? "CALL" : "SELECT",
					jobs[job].name);
}

/* Returns false if there is such a job already. Its times may have been changed. */
bool
job_schedule(int job)
{
	char *name = psprintf("vault:%s", jobs[job].name);
	const char *arguments[] = {name, jobs[job].schedule, job_command(job), JOBS_ROLE};

	return jobs_run("SELECT cron.schedule_in_database($1, $2, $3, current_database()::text, $4)"
					" WHERE NOT EXISTS (SELECT FROM cron.job WHERE jobname = $1 AND username = $4)",
					4, arguments) > 0;
}

bool
jobs_may_connect(void)
{
	const char *arguments[] = {JOBS_ROLE};

	(void) jobs_run("SELECT has_database_privilege($1, current_database(), 'CONNECT')", 1,
					arguments);
	return DatumGetBool(sql_value(0, 1, NULL));
}

static int
schedule_all(void)
{
	int added = 0;

	if (!jobs_may_connect())
	{
		ereport(NOTICE,
				(errmsg("no jobs are scheduled: role \"%s\" may not connect to this database",
						JOBS_ROLE),
				 errhint("GRANT CONNECT ON DATABASE %s TO %s, then call vault.install_jobs().",
						 quote_identifier(get_database_name(MyDatabaseId)), JOBS_ROLE)));
		return 0;
	}
	/* Remove jobs for another database, which may come from a restored dump. */
	(void) jobs_unschedule("database <> current_database()");
	for (int i = 0; i < job_count; i++)
		if (job_exists(i) && job_schedule(i))
			added++;
	return added;
}

/*
 * Return the database that pg_cron works in, or NULL if the server has not loaded it: a
 * configuration file can set the setting of a module that is not loaded.
 */
const char *
cron_database(void)
{
	if (GetConfigOptionFlags("cron.database_name", true) & GUC_CUSTOM_PLACEHOLDER)
		return NULL;
	return GetConfigOption("cron.database_name", true, false);
}

bool
cron_is_elsewhere(void)
{
	const char *database = cron_database();

	return !cron_is_installed() && database && *database &&
		strcmp(database, get_database_name(MyDatabaseId)) != 0;
}

static void
tell_not_scheduled(void)
{
	const char *hint = "Set cron.database_name to this database, CREATE EXTENSION pg_cron, "
					   "then call vault.install_jobs().";

	if (cron_database() == NULL)
		hint = "Add pg_cron to shared_preload_libraries, restart the server, "
			   "and call vault.install_jobs() again.";
	else if (cron_is_elsewhere())
		hint = psprintf(
			"pg_cron works in database %s, and can stay there: "
			"as a superuser, run there what SELECT schedule_command FROM vault.job_commands() "
			"gives here.",
			quote_identifier(cron_database()));
	ereport(NOTICE,
			(errmsg("no jobs are scheduled: pg_cron is not installed in this database"),
			 errhint("%s", hint)));
}

static Datum
jobs_install(FunctionCallInfo fcinfo)
{
	AsRole before;
	int added;

	if (!cron_is_installed())
	{
		tell_not_scheduled();
		PG_RETURN_INT32(0);
	}
	jobs_assume(&before, BOOTSTRAP_SUPERUSERID);
	added = schedule_all();
	jobs_resume(&before);
	remind_cron();
	PG_RETURN_INT32(added);
}

/* Report the jobs in another database, which this transaction cannot remove. */
static void
tell_not_removed(const char *database)
{
	ereport(NOTICE,
			(errmsg("jobs of vault that pg_cron has in database %s are not removed",
					quote_identifier(cron_database())),
			 errhint("As a superuser, run there: "
					 "SELECT cron.unschedule(jobid) FROM cron.job WHERE username = '%s'"
					 " AND jobname LIKE 'vault:%%' AND database = %s;",
					 JOBS_ROLE, quote_literal_cstr(database))));
}

static int
remove_all(void)
{
	AsRole before;
	int removed;

	if (cron_is_elsewhere())
		tell_not_removed(get_database_name(MyDatabaseId));
	if (!cron_is_installed())
		return 0;
	jobs_assume(&before, BOOTSTRAP_SUPERUSERID);
	removed = jobs_unschedule("true");
	jobs_resume(&before);
	return removed;
}

/* Return a command that schedules the job from any database with pg_cron. */
static char *
schedule_command(int job, const char *database)
{
	return psprintf("SELECT cron.schedule_in_database('vault:%s', '%s', '%s', %s, '%s');",
					jobs[job].name, jobs[job].schedule, job_command(job), database, JOBS_ROLE);
}

static char *
remove_command(int job, const char *database)
{
	return psprintf(
		"SELECT cron.unschedule(jobid) FROM cron.job WHERE username = '%s' AND jobname = 'vault:%s'"
		" AND database = %s;",
		JOBS_ROLE, jobs[job].name, database);
}

/* Columns: job, schedule_command, remove_command. */
static Datum
commands_body(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char *database = quote_literal_cstr(get_database_name(MyDatabaseId));
	bool nulls[3] = {0};

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < job_count; i++)
	{
		Datum values[3];

		if (!job_exists(i))
			continue;
		values[0] = CStringGetTextDatum(psprintf("vault:%s", jobs[i].name));
		values[1] = CStringGetTextDatum(schedule_command(i, database));
		values[2] = CStringGetTextDatum(remove_command(i, database));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

static Datum
remove_body(FunctionCallInfo fcinfo)
{
	PG_RETURN_INT32(remove_all());
}

Datum
vault_install_jobs(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_KEY_HOLDER, fcinfo, jobs_install);
}

Datum
vault_job_commands(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_KEY_HOLDER, fcinfo, commands_body);
}

Datum
vault_remove_jobs(PG_FUNCTION_ARGS)
{
	return entry_run(ENTRY_KEY_HOLDER, fcinfo, remove_body);
}

/*
 * For the extension's script, which runs before anything can be recorded, and hides notices. A dump
 * that is being restored contains pg_cron's jobs, with their numbers.
 */
Datum
vault_schedule_jobs(PG_FUNCTION_ARGS)
{
	int level = NewGUCNestLevel();
	Datum added = Int32GetDatum(0);

	if (!creating_extension)
		(void) call_required();
	if (!is_restoring_dump())
	{
		as_role_set("client_min_messages", "notice");
		added = jobs_install(fcinfo);
	}
	AtEOXact_GUC(false, level);
	return added;
}

static Datum
interval_datum(int64 microseconds)
{
	Interval *interval = palloc0(sizeof(Interval));

	interval->time = microseconds;
	return IntervalPGetDatum(interval);
}

/* Fill the columns that are known without pg_cron: the last run since the server started. */
static void
fill_own_run(int job, Datum *values, bool *nulls)
{
	JobRun run;

	if (!job_run_find(jobs[job].name, &run))
		return;
	values[2] = TimestampTzGetDatum(run.started);
	values[4] = CStringGetTextDatum(job_run_outcome(&run));
	nulls[2] = nulls[4] = false;
	if (run.ended == 0)
		return;
	nulls[3] = run.ended < run.started;
	values[3] = interval_datum(run.took);
	values[6] = interval_datum(GetCurrentTimestamp() - (run.ended - run.took));
	nulls[6] = false;
}

static void
put_run(ReturnSetInfo *result, int job)
{
	Datum values[7];
	bool nulls[7] = {false, true, true, true, true, true, true};

	values[0] = CStringGetTextDatum(psprintf("vault:%s", jobs[job].name));
	if (!cron_is_installed())
		fill_own_run(job, values, nulls);
	if (cron_is_installed())
	{
		const char *arguments[] = {psprintf("vault:%s", jobs[job].name), JOBS_ROLE};

		if (jobs_run("SELECT j.schedule, r.start_time, r.end_time - r.start_time, r.status,"
					 " r.return_message,"
					 " now() - (SELECT max(d.start_time) FROM cron.job_run_details d"
					 "  WHERE d.jobid = j.jobid AND d.status = 'succeeded')"
					 " FROM cron.job j LEFT JOIN LATERAL (SELECT * FROM cron.job_run_details d"
					 "  WHERE d.jobid = j.jobid ORDER BY d.runid DESC LIMIT 1) r ON true"
					 " WHERE j.jobname = $1 AND j.username = $2",
					 2, arguments) > 0)
			for (int i = 1; i < 7; i++)
				values[i] = sql_value(0, i, &nulls[i]);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* report_jobs(): each job with its schedule and last run, for operators and auditors. */
Datum
vault_report_jobs(PG_FUNCTION_ARGS)
{
	AsRole before;
	Caller caller;

	entry_check(ENTRY_ANYONE, &caller);
	InitMaterializedSRF(fcinfo, 0);
	if (!role_sees_all_tenants(caller.role))
		return (Datum) 0;
	jobs_assume(&before, BOOTSTRAP_SUPERUSERID);
	for (int i = 0; i < job_count; i++)
		if (job_exists(i))
			put_run((ReturnSetInfo *) fcinfo->resultinfo, i);
	jobs_resume(&before);
	return (Datum) 0;
}

/*
 * Dropping the vault's database removes the jobs that pg_cron keeps in it. Report those that it
 * keeps in another database.
 */
static void
database_dropped(void)
{
	const char *database = cron_database();

	if (database && *database && strcmp(database, setting_database) != 0)
		tell_not_removed(setting_database);
}

/*
 * DROP EXTENSION removes the jobs too. It may be rolled back, so this is done in its transaction.
 */
static void
jobs_access(ObjectAccessType access, Oid class, Oid object, int part, void *argument)
{
	if (previous_access)
		previous_access(access, class, object, part, argument);
	if (access == OAT_DROP && class == ExtensionRelationId &&
		object == get_extension_oid("vault", true))
		(void) remove_all();
	if (access == OAT_DROP && class == DatabaseRelationId &&
		object == get_database_oid(setting_database, true))
		database_dropped();
}

static void
jobs_shared_init(void *area)
{
	pg_atomic_init_u64(&((JobsShared *) area)->said, 0);
}

void
jobs_init(void)
{
	shmem_register("vault jobs", sizeof(JobsShared), jobs_shared_init, NULL, (void **) &shared);
	previous_access = object_access_hook;
	object_access_hook = jobs_access;
	sealer_set_task(remind_cron);
}

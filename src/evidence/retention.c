/*
 * retention.c
 *		The jobs of the trail. Their work is in SQL; this file gives it the rights that it needs,
 *		and takes them back.
 *
 * A job works as a superuser, whichever role may start it: it creates and drops tables, and deletes
 * from an append-only one. The guard and the append-only triggers let this process through for
 * exactly the duration of the job.
 */
#include "evidence/retention.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "audit/audit.h"
#include "context/call.h"
#include "evidence/log_consumer.h"
#include "evidence/retired_rows.h"
#include "guard/guard.h"
#include "keyring/keyring.h"
#include "keyring/root_page.h"
#include "platform/as_role.h"
#include "platform/bytes.h"
#include "platform/errors.h"
#include "platform/job_runs.h"
#include "platform/sql.h"
#include "platform/tables.h"
#include "tenant/instance_key.h"

#define JOB_LOCK_MS 2000

static bool working = false;

static void
set_working(bool value)
{
	working = value;
	guard_set_own_work(value);
	audit_set_maintaining(value);
}

static void
retention_require_job_runner(void)
{
	if (superuser() || GetUserId() == get_role_oid("vault_jobs", true))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied: this is for the jobs of vault"),
			 errhint("vault.install_jobs() schedules them.")));
}

static void
as_superuser(void (*work)(void))
{
	AsRole before;

	as_role_begin(&before, BOOTSTRAP_SUPERUSERID, 0);
	PG_TRY();
	{
		work();
	}
	PG_FINALLY();
	{
		as_role_end(&before);
	}
	PG_END_TRY();
}

/*
 * Run a job with a short lock_timeout, so that no session waits behind it for long. A job that
 * fails is started again later.
 */
static void
run_job(Sql *sql)
{
	AsRole before;

	as_role_begin(&before, BOOTSTRAP_SUPERUSERID, 0);
	if (LockTimeout == 0 || LockTimeout > JOB_LOCK_MS)
		as_role_set("lock_timeout", CppAsString2(JOB_LOCK_MS));
	as_role_set("TimeZone", "UTC");
	as_role_set("DateStyle", "ISO");
	extension_hold();
	sql_begin();
	set_working(true);
	PG_TRY();
	{
		sql_run(sql, NULL, NULL);
	}
	PG_FINALLY();
	{
		set_working(false);
		as_role_end(&before);
	}
	PG_END_TRY();
	sql_end();
}

void
retention_make_partitions(void)
{
	static Sql sql = {"SELECT vault_data.make_partitions(3)", 0};

	run_job(&sql);
}

/*
 * Refuse rows that were loaded before there was a vault. They would pass for rows of the new one,
 * because a row without MAC is accepted if the vault was sealed when it was written.
 */
static void
refuse_leftovers(void)
{
	static Sql any = {"SELECT FROM (SELECT FROM vault_data.audit_log LIMIT 1) log"
					  " UNION ALL SELECT FROM (SELECT FROM vault_data.root_key LIMIT 1) root"
					  " UNION ALL SELECT FROM (SELECT FROM vault_data.tenant LIMIT 1) tenant"
					  " UNION ALL SELECT FROM (SELECT FROM vault_data.audit_seal LIMIT 1) seal",
					  0};

	sql_begin();
	if (sql_run(&any, NULL, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the tables of vault are not empty, but it was never initialised"),
				 errhint("A restore has not come to its end. "
						 "Restore again, or DROP EXTENSION vault and CREATE it.")));
	sql_end();
}

/* Create the partitions of this month and the next. */
void
retention_prepare_trail(void)
{
	static Sql sql = {"SELECT vault_data.make_partitions(1)", 0};

	as_superuser(refuse_leftovers);
	run_job(&sql);
}

void
retention_begin_trail(void)
{
	as_superuser(consumer_begin);
}

void
retired_mac(const pg_uuid_t *tenant, DateADT month, int64 rows, TimestampTz at,
			unsigned char mac[MAC_BYTES])
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfoString(&line, "vault retired {");
	line_uuid(&line, "tenant_id", tenant);
	line_int(&line, "month", month);
	line_int(&line, "rows", rows);
	line_int(&line, "at", at);
	if (!instance_mac(MAC_AUDIT_SEAL, line.data, line.len, mac))
		keyring_refuse_sealed();
	pfree(line.data);
}

static void
write_event(const pg_uuid_t *tenant, DateADT month, int64 rows)
{
	AuditRecord record = {
		.operation = "retire",
		.decision = DECISION_ALLOW,
		.object_kind = "audit_log",
		.tenant = *tenant,
	};
	int year;
	int number;
	int day;

	j2date(month + POSTGRES_EPOCH_JDATE, &year, &number, &day);
	record.reason =
		psprintf(INT64_FORMAT " rows of %04d-%02d, as the retention asks", rows, year, number);
	audit_write(&record);
}

PG_FUNCTION_INFO_V1(vault_prepare_trail);
PG_FUNCTION_INFO_V1(vault_job_partitions);
PG_FUNCTION_INFO_V1(vault_job_retention);
PG_FUNCTION_INFO_V1(vault_note_retired);

Datum
vault_job_partitions(PG_FUNCTION_ARGS)
{
	require_running_vault();
	retention_require_job_runner();
	/* While a dump is being loaded, its partitions are not there yet. */
	if (!root_is_open())
		PG_RETURN_VOID();
	job_run_begin("partitions");
	retention_make_partitions();
	job_run_end("partitions");
	PG_RETURN_VOID();
}

/*
 * Called by the extension's script. The partitions must not belong to the extension, so that a dump
 * holds them. A dump that is being restored brings its own.
 */
Datum
vault_prepare_trail(PG_FUNCTION_ARGS)
{
	bool creating = creating_extension;

	if (!creating)
		(void) call_required();
	if (is_restoring_dump())
		PG_RETURN_VOID();
	creating_extension = false;
	PG_TRY();
	{
		retention_prepare_trail();
	}
	PG_FINALLY();
	{
		creating_extension = creating;
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}

Datum
vault_job_retention(PG_FUNCTION_ARGS)
{
	static Sql sql = {"SELECT vault_data.retire_trail()", 0};

	require_running_vault();
	retention_require_job_runner();
	/* MACs of retired rows need the key, so retirement waits while the vault is sealed. */
	if (!root_is_open())
		PG_RETURN_VOID();
	job_run_begin("retention");
	run_job(&sql);
	job_run_end("retention");
	PG_RETURN_VOID();
}

/* Implements note_retired(tenant, month, rows): verify_audit() will not miss these rows. */
Datum
vault_note_retired(PG_FUNCTION_ARGS)
{
	static Sql sql = {
		"INSERT INTO vault_data.audit_retired AS r (tenant_id, month, rows, retired_at, mac)"
		" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, month)"
		" DO UPDATE SET rows = excluded.rows, retired_at = excluded.retired_at, mac = excluded.mac",
		5,
		{UUIDOID, DATEOID, INT8OID, TIMESTAMPTZOID, BYTEAOID}};
	TimestampTz now = GetCurrentTimestamp();
	bytea *mac = bytes_alloc(MAC_BYTES);
	Datum values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2),
					  TimestampTzGetDatum(now), PointerGetDatum(mac)};

	if (!working)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("internal function of vault called from outside"),
				 errhint("Use the functions of schema vault.")));
	retired_mac(PG_GETARG_UUID_P(0), PG_GETARG_DATEADT(1), PG_GETARG_INT64(2), now,
				bytes_data(mac));
	sql_begin();
	sql_run(&sql, values, NULL);
	sql_end();
	write_event(PG_GETARG_UUID_P(0), PG_GETARG_DATEADT(1), PG_GETARG_INT64(2));
	PG_RETURN_VOID();
}

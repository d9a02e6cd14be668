/*
 * Jobs and metrics for operators and monitoring. The last statement schedules the jobs.
 */

CREATE FUNCTION vault.install_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_install_jobs';
COMMENT ON FUNCTION vault.install_jobs()
	IS 'schedules the jobs of vault that are missing in pg_cron, and returns their number';

CREATE FUNCTION vault.remove_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_remove_jobs';
COMMENT ON FUNCTION vault.remove_jobs()
	IS 'removes the jobs of vault from pg_cron, and returns their number';

CREATE FUNCTION vault.job_commands(OUT job text, OUT schedule_command text, OUT remove_command text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_commands';
COMMENT ON FUNCTION vault.job_commands()
	IS 'returns the statements that schedule and remove the jobs of vault from another '
	'database that has pg_cron';

CREATE VIEW vault.jobs WITH (security_barrier) AS
SELECT r.job, r.schedule, r.started_at, r.duration, r.outcome, r.message, r.lag
FROM vault_data.report_jobs() r;
COMMENT ON VIEW vault.jobs
	IS 'shows the jobs of vault with their last run; schedule is NULL for jobs that pg_cron '
	'does not have in this database';

CREATE VIEW vault.metrics WITH (security_barrier) AS
SELECT m.metric, m.label, m.value FROM vault_data.report_metrics() m;
COMMENT ON VIEW vault.metrics
	IS 'shows figures of all tenants together, without names, to members of pg_monitor, '
	'operators and auditors';

GRANT USAGE ON SCHEMA vault TO pg_monitor;
GRANT USAGE ON SCHEMA vault_data TO vault_jobs;

--@ execute vault_admin: install_jobs, job_commands, remove_jobs
--@ select vault_admin, vault_auditor: jobs
--@ select vault_admin, vault_auditor, pg_monitor: metrics

SELECT vault_data.schedule_jobs();

/*
 * Jobs: what pg_cron runs, as the role vault_jobs, which may do nothing else.
 */
CREATE FUNCTION vault_data.job_anomalies() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_anomalies';
COMMENT ON FUNCTION vault_data.job_anomalies() IS 'the job vault:anomalies; NULL while the vault is sealed';
CREATE FUNCTION vault_data.job_purge() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_purge';
COMMENT ON FUNCTION vault_data.job_purge() IS 'the job vault:purge; NULL while the vault is sealed';
CREATE FUNCTION vault_data.job_rewrap() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_rewrap';
COMMENT ON FUNCTION vault_data.job_rewrap() IS 'the job vault:rewrap; NULL while the vault is sealed';

CREATE FUNCTION vault_data.schedule_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_schedule_jobs';
CREATE FUNCTION vault_data.job_runs()
RETURNS TABLE (job text, schedule text, started_at timestamptz, duration interval, outcome text, message text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_runs';
COMMENT ON FUNCTION vault_data.job_runs() IS 'each job with its schedule and its last run, for operators and auditors';

CREATE FUNCTION vault.install_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_install_jobs';
COMMENT ON FUNCTION vault.install_jobs() IS 'schedules the jobs of vault that are missing in pg_cron, and returns how many those were';
CREATE FUNCTION vault.remove_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_remove_jobs';
COMMENT ON FUNCTION vault.remove_jobs() IS 'takes the jobs of vault out of pg_cron, and returns how many there were';

CREATE VIEW vault.jobs WITH (security_barrier) AS
SELECT r.job, r.schedule, r.started_at, r.duration, r.outcome, r.message FROM vault_data.job_runs() r;
COMMENT ON VIEW vault.jobs IS 'the jobs of vault with their last run; schedule is NULL for those that are not installed';

ALTER VIEW vault.jobs OWNER TO vault_owner;
REVOKE ALL ON vault.jobs FROM PUBLIC;
GRANT SELECT ON vault.jobs TO vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT USAGE ON SCHEMA vault_data TO vault_jobs;
GRANT EXECUTE ON FUNCTION vault_data.job_anomalies(), vault_data.job_purge(), vault_data.job_rewrap() TO vault_jobs;
GRANT EXECUTE ON FUNCTION vault_data.job_runs() TO vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault.install_jobs(), vault.remove_jobs() TO vault_admin;

SELECT vault_data.schedule_jobs();

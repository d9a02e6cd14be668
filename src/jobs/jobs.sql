/*
 * Jobs: what pg_cron runs, as the role vault_jobs, which may do nothing else.
 */
CREATE FUNCTION vault_data.job_anomalies() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_anomalies';
COMMENT ON FUNCTION vault_data.job_anomalies() IS 'the job vault:anomalies; NULL while the vault is sealed';
CREATE FUNCTION vault_data.job_expire() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_expire';
COMMENT ON FUNCTION vault_data.job_expire() IS 'the job vault:expire; NULL while the vault is sealed';
CREATE FUNCTION vault_data.job_notifications() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_notifications';
COMMENT ON FUNCTION vault_data.job_notifications() IS 'the job vault:notifications; NULL while the vault is sealed';
CREATE FUNCTION vault_data.job_purge() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_purge';
COMMENT ON FUNCTION vault_data.job_purge() IS 'the job vault:purge; NULL while the vault is sealed';
CREATE FUNCTION vault_data.job_rewrap() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_rewrap';
COMMENT ON FUNCTION vault_data.job_rewrap() IS 'the job vault:rewrap; NULL while the vault is sealed';
CREATE FUNCTION vault_data.job_warn() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_warn';
COMMENT ON FUNCTION vault_data.job_warn() IS 'the job vault:warn; NULL while the vault is sealed';

CREATE FUNCTION vault_data.schedule_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_schedule_jobs';
CREATE FUNCTION vault_data.report_jobs()
RETURNS TABLE (job text, schedule text, started_at timestamptz, duration interval, outcome text, message text, lag interval)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_report_jobs';
COMMENT ON FUNCTION vault_data.report_jobs() IS 'each job with its schedule and its last run, for operators and auditors';

CREATE FUNCTION vault.install_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_install_jobs';
COMMENT ON FUNCTION vault.install_jobs() IS 'schedules the jobs of vault that are missing in pg_cron, and returns how many those were';
CREATE FUNCTION vault.remove_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_remove_jobs';
COMMENT ON FUNCTION vault.remove_jobs() IS 'takes the jobs of vault out of pg_cron, and returns how many there were';

CREATE VIEW vault.jobs WITH (security_barrier) AS
SELECT r.job, r.schedule, r.started_at, r.duration, r.outcome, r.message, r.lag FROM vault_data.report_jobs() r;
COMMENT ON VIEW vault.jobs IS 'the jobs of vault with their last run; schedule is NULL for those that are not installed';

ALTER VIEW vault.jobs OWNER TO vault_owner;
REVOKE ALL ON vault.jobs FROM PUBLIC;
GRANT SELECT ON vault.jobs TO vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT USAGE ON SCHEMA vault_data TO vault_jobs;
/* Its own, and those of other features. */
DO $$
DECLARE
	job pg_catalog.regprocedure;
BEGIN
	FOR job IN SELECT p.oid FROM pg_catalog.pg_proc p
		WHERE p.pronamespace OPERATOR(pg_catalog.=) 'vault_data'::pg_catalog.regnamespace AND p.pronargs OPERATOR(pg_catalog.=) 0
			AND pg_catalog.starts_with(p.proname::pg_catalog.text, 'job_')
	LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO vault_jobs', job);
	END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION vault_data.report_jobs() TO vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault.install_jobs(), vault.remove_jobs() TO vault_admin;

SELECT vault_data.schedule_jobs();

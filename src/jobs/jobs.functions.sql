/*
 * Jobs: what pg_cron runs, as the role vault_jobs, which may do nothing else.
 */

CREATE FUNCTION vault_data.job_anomalies() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_anomalies';
COMMENT ON FUNCTION vault_data.job_anomalies()
	IS 'runs the job vault:anomalies; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.job_expire() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_expire';
COMMENT ON FUNCTION vault_data.job_expire()
	IS 'runs the job vault:expire; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.job_notifications() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_notifications';
COMMENT ON FUNCTION vault_data.job_notifications()
	IS 'runs the job vault:notifications; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.job_purge() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_purge';
COMMENT ON FUNCTION vault_data.job_purge()
	IS 'runs the job vault:purge; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.job_rewrap() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_rewrap';
COMMENT ON FUNCTION vault_data.job_rewrap()
	IS 'runs the job vault:rewrap; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.job_warn() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_warn';
COMMENT ON FUNCTION vault_data.job_warn()
	IS 'runs the job vault:warn; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.schedule_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_schedule_jobs';

CREATE FUNCTION vault_data.report_jobs()
RETURNS TABLE (job text, schedule text, started_at timestamptz, duration interval, outcome text,
	message text, lag interval)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_report_jobs';
COMMENT ON FUNCTION vault_data.report_jobs()
	IS 'returns each job with its schedule and its last run, for operators and auditors';

CREATE FUNCTION vault_data.faults_of_jobs()
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_faults_of_jobs';
COMMENT ON FUNCTION vault_data.faults_of_jobs()
	IS 'returns faults that keep jobs from running, for vault.verify()';

/*
 * Figures for monitoring. Large counts are estimated; rows that wait for their seal are found by
 * the indexes of transaction ids (the caller forbids another way), and counted up to a limit.
 */
CREATE FUNCTION vault_data.count_metrics()
RETURNS TABLE (metric text, label text, value double precision)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	waiting bigint;
	oldest timestamptz;
	last_seen xid8 := (SELECT pg_snapshot_xmax(h.snapshot)
		FROM vault_data.audit_progress h, pg_control_system() s
		WHERE h.system_identifier = s.system_identifier::text);
BEGIN
	SELECT count(*), min(u.at) INTO waiting, oldest
	FROM (SELECT a.at FROM vault_data.audit_log a WHERE a.xid >= last_seen LIMIT 100000) u;
	RETURN QUERY
	SELECT 'audit_unsealed_rows', NULL::text, waiting::double precision
	UNION ALL SELECT 'audit_unsealed_oldest_seconds', NULL,
		coalesce(date_part('epoch', clock_timestamp() - oldest), 0)
	UNION ALL SELECT 'audit_rows_estimated', NULL,
		(SELECT sum(greatest(c.reltuples, 0)) FROM pg_partition_tree('vault_data.audit_log') t
			JOIN pg_class c ON c.oid = t.relid WHERE t.isleaf)
	UNION ALL SELECT 'audit_bytes', NULL,
		(SELECT sum(pg_total_relation_size(t.relid))
			FROM pg_partition_tree('vault_data.audit_log') t)
	UNION ALL SELECT 'audit_default_rows_estimated', NULL,
		(SELECT greatest(c.reltuples, 0) FROM pg_class c
			WHERE c.oid = 'vault_data.audit_log_default'::regclass)
	UNION ALL SELECT 'tenants', NULL,
		(SELECT count(*) FROM vault_data.tenant t WHERE t.state <> 'destroyed')
	UNION ALL SELECT 'principals', NULL,
		(SELECT count(*) FROM vault_data.principal p WHERE p.kind IN ('user', 'service'))
	UNION ALL SELECT 'secrets', NULL,
		(SELECT count(*) FROM vault_data.secret s WHERE s.deleted_at IS NULL)
	UNION ALL SELECT 'secrets_expired', NULL,
		(SELECT count(*) FROM vault_data.secret s
			WHERE s.deleted_at IS NULL AND s.expires_at <= clock_timestamp())
	UNION ALL SELECT 'secret_versions_estimated', NULL,
		(SELECT greatest(c.reltuples, 0) FROM pg_class c
			WHERE c.oid = 'vault_data.secret_version'::regclass)
	UNION ALL SELECT 'rotations_failing', NULL,
		(SELECT count(*) FROM vault_data.rotation r
			WHERE r.step NOT IN ('done', 'failed') AND r.attempts > 0)
	UNION ALL SELECT 'notifications', NULL, (SELECT count(*) FROM vault_data.notification n)
	UNION ALL SELECT 'anomalies_open', NULL,
		(SELECT count(*) FROM vault_data.anomaly a WHERE a.acknowledged_at IS NULL)
	UNION ALL SELECT 'job_lag_seconds', j.job, date_part('epoch', j.lag)
		FROM vault_data.report_jobs() j
	UNION ALL SELECT 'job_failed', j.job,
		CASE j.outcome WHEN 'failed' THEN 1 WHEN 'succeeded' THEN 0 END
		FROM vault_data.report_jobs() j;
END
$$;

CREATE FUNCTION vault_data.report_metrics()
RETURNS TABLE (metric text, label text, value double precision)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_report_metrics';
COMMENT ON FUNCTION vault_data.report_metrics()
	IS 'returns figures without names, for monitoring, operators and auditors';

--@ execute nobody: count_metrics, schedule_jobs
--@ execute vault_jobs: job_anomalies, job_expire, job_notifications, job_purge, job_rewrap,
--@	job_warn
--@ execute vault_admin, vault_auditor, vault_owner: report_jobs
--@ execute vault_admin, vault_auditor, vault_owner, pg_monitor: report_metrics
--@ execute vault_exec: faults_of_jobs

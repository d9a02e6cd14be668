-- Jobs are installed in pg_cron once, as a role that may execute nothing else, and removed with the
-- extension; a sealed vault is left alone.
\set SHOW_CONTEXT never
CREATE ROLE regress_jobs_op IN ROLE vault_admin;
CREATE ROLE regress_jobs_auditor IN ROLE vault_auditor;
CREATE ROLE regress_jobs_maker CREATEROLE;
CREATE ROLE regress_jobs_other LOGIN;
CREATE ROLE regress_jobs_a;
SELECT vault.create_tenant('jobs-a', 'regress_jobs_a') IS NOT NULL AS made;
GRANT USAGE ON SCHEMA cron TO regress_jobs_other;

-- the role: it logs in, without a password, and is no member of anything
SELECT rolcanlogin, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
	rolpassword IS NULL AS no_password,
	(SELECT count(*) FROM pg_auth_members WHERE member = a.oid OR roleid = a.oid) AS memberships
FROM pg_authid a WHERE rolname = 'vault_jobs';
SELECT p.oid::regprocedure AS executes FROM pg_proc p
WHERE pronamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
	AND has_function_privilege('vault_jobs', p.oid, 'EXECUTE')
	AND proname NOT IN ('job_partitions', 'job_retention') ORDER BY 1;
SELECT c.oid::regclass AS reads FROM pg_class c
	WHERE relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
	AND relkind IN ('r', 'p', 'v')
	AND has_table_privilege('vault_jobs', c.oid, 'SELECT, INSERT, UPDATE, DELETE');

-- never committed here, so that none of them starts
BEGIN;
\set ON_ERROR_ROLLBACK on
SET ROLE regress_jobs_op;
SELECT vault.remove_jobs() >= 0 AS removed, vault.remove_jobs() AS again;
SELECT count(schedule) AS scheduled FROM vault.jobs;
SELECT vault.install_jobs() >= 3 AS installed, vault.install_jobs() AS again;
RESET ROLE;
SELECT jobname, username, database = current_database() AS here, active, command FROM cron.job
WHERE jobname LIKE 'vault:%' AND jobname NOT IN ('vault:partitions', 'vault:retention') ORDER BY 1;
-- neither a superuser's, nor with a value in it
SELECT count(*) FROM cron.job j JOIN pg_roles r ON r.rolname = j.username
	WHERE jobname LIKE 'vault:%' AND (rolsuper
	OR command !~ '^(SELECT|CALL) vault_data\.job_[a-z]+\(\)$');

-- changed times stay, what is missing comes back, jobs of other databases and other roles are not
-- vault's
SELECT cron.alter_job(jobid, schedule => '1 1 1 1 1') FROM cron.job WHERE jobname = 'vault:purge';
SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = 'vault:rewrap';
UPDATE cron.job SET database = 'elsewhere' WHERE jobname = 'vault:anomalies';
SET ROLE regress_jobs_other;
SELECT cron.schedule('vault:purge', '* * * * *', 'SELECT 1') > 0 AS scheduled;
SET ROLE regress_jobs_op;
SELECT vault.install_jobs();
SELECT job, schedule, started_at, duration, outcome FROM vault.jobs
	WHERE job NOT IN ('vault:partitions', 'vault:retention') ORDER BY job;
SELECT vault.remove_jobs() >= 3 AS removed;
RESET ROLE;
SELECT jobname, username FROM cron.job WHERE jobname LIKE 'vault:%';

-- gone with the extension, with pg_cron too; and pg_cron may go first
SAVEPOINT before;
SELECT vault.install_jobs() >= 3 AS installed;
DROP EXTENSION vault;
SELECT count(*) FROM cron.job WHERE username = 'vault_jobs';
ROLLBACK TO before;
SELECT vault.install_jobs() >= 3 AS installed;
DROP EXTENSION vault, pg_cron;
ROLLBACK TO before;
-- commands for pg_cron in another database: for each job, and exactly what install_jobs() would
-- have done
SELECT count(*) = (SELECT count(*) FROM vault.jobs) AS all_jobs FROM vault.job_commands();
SELECT * FROM vault.job_commands() WHERE job IN ('vault:purge', 'vault:rotate');
DO $$
DECLARE
	statement text;
BEGIN
	PERFORM vault.remove_jobs();
	FOR statement IN SELECT schedule_command FROM vault.job_commands() LOOP EXECUTE statement;
	END LOOP;
	CREATE TEMP TABLE by_command AS SELECT jobname, schedule, command, database, username, active
	FROM cron.job WHERE username = 'vault_jobs';
	FOR statement IN SELECT remove_command FROM vault.job_commands() WHERE job <> 'vault:purge'
	LOOP EXECUTE statement; END LOOP;
END
$$;
SELECT jobname FROM cron.job WHERE username = 'vault_jobs';
SELECT vault.remove_jobs(), vault.install_jobs() = (SELECT count(*) FROM by_command) AS installed;
SELECT count(*) AS differing FROM (TABLE by_command EXCEPT SELECT jobname, schedule, command,
	database, username, active FROM cron.job) AS d;
DROP TABLE by_command;
SELECT vault.remove_jobs() > 0 AS removed;

-- figures: for monitoring, operators and auditors; numbers without a name
CREATE ROLE regress_monitor LOGIN IN ROLE pg_monitor;
SET ROLE regress_monitor;
SELECT metric, label, value FROM vault.metrics
	WHERE metric IN ('initialised', 'sealed', 'held', 'standby', 'audit_ring_size') ORDER BY metric;
SELECT count(*) > 15 AS many, count(*) = count(DISTINCT (metric, label)) AS once,
	bool_and(label IS NULL OR label LIKE 'vault:%') AS no_names, bool_and(value >= 0) AS numbers
	FROM vault.metrics;
SELECT count(*) FROM vault.secrets;
SELECT count(*) FROM vault.jobs;
RESET ROLE;
SELECT (SELECT value FROM vault.metrics WHERE metric = 'tenants') =
	(SELECT count(*) FROM vault_data.tenant WHERE state <> 'destroyed') AS tenants,
	(SELECT value FROM vault.metrics WHERE metric = 'secrets') =
	(SELECT count(*) FROM vault_data.secret WHERE deleted_at IS NULL) AS secrets;
CREATE ROLE regress_other LOGIN;
GRANT vault_client TO regress_other;
SET ROLE regress_other;
SELECT count(*) FROM vault.metrics;
RESET ROLE;
SELECT vault.seal();
SET ROLE regress_monitor;
SELECT value FROM vault.metrics WHERE metric = 'sealed';
RESET ROLE;
SELECT vault.unseal();
DROP ROLE regress_monitor, regress_other;

DROP EXTENSION pg_cron;
SELECT vault.install_jobs(), vault.remove_jobs();
SELECT count(*) >= 3 AS jobs, count(schedule) AS scheduled FROM vault.jobs;
-- a schema of that name which is not pg_cron's is not used
CREATE SCHEMA cron;
CREATE FUNCTION cron.schedule_in_database(text, text, text, text, text) RETURNS bigint
	LANGUAGE sql AS 'SELECT 1/0::bigint';
SELECT vault.install_jobs();
ROLLBACK TO before;
-- a role without CONNECT cannot run a job
SELECT current_database() AS db \gset
REVOKE CONNECT ON DATABASE :"db" FROM PUBLIC;
\set VERBOSITY terse
SELECT vault.install_jobs();
\set VERBOSITY default
ROLLBACK;
\unset ON_ERROR_ROLLBACK

-- the functions, as pg_cron calls them
SET ROLE vault_jobs;
SELECT vault_data.job_purge() >= 0 AS purge, vault_data.job_rewrap() >= 0 AS rewrap,
	vault_data.job_anomalies() >= 0 AS anomalies;
SELECT current_user;
\set VERBOSITY sqlstate
SELECT vault.purge();
SELECT vault_data.new_id();
SELECT vault_data.schedule_jobs();
SELECT * FROM vault_data.secret;
SELECT * FROM vault.jobs;
SET ROLE regress_jobs_a;
SELECT vault.install_jobs();
SELECT vault.remove_jobs();
SELECT * FROM vault.jobs;
SELECT vault_data.job_purge();
SET ROLE regress_jobs_auditor;
SELECT count(*) >= 3 AS jobs FROM vault.jobs;
SELECT vault.install_jobs();
-- no other role becomes the role
SET ROLE regress_jobs_maker;
GRANT vault_jobs TO regress_jobs_maker;
ALTER ROLE vault_jobs PASSWORD 'x';
DROP ROLE vault_jobs;
RESET ROLE;
\set VERBOSITY default

-- in the trail with the name of what they did, and who started them
SELECT DISTINCT operation, decision, role, session_role = current_user AS by_us
	FROM vault_data.audit_log
WHERE operation IN ('purge', 'rewrap', 'detect_anomalies') AND role = 'vault_admin'
	AND at > now() - interval '1 hour' ORDER BY 1;

-- sealed: nothing happens, and it is no error
SELECT vault.seal();
SET ROLE vault_jobs;
SELECT vault_data.job_purge() IS NULL AS purge, vault_data.job_rewrap() IS NULL AS rewrap,
	vault_data.job_anomalies() IS NULL AS anomalies;
RESET ROLE;
SELECT vault.unseal();

SELECT vault.destroy_tenant('jobs-a', 'jobs-a');
REVOKE USAGE ON SCHEMA cron FROM regress_jobs_other;
DROP ROLE regress_jobs_op, regress_jobs_auditor, regress_jobs_maker, regress_jobs_other,
	regress_jobs_a;

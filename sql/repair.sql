-- vault.verify() and vault.status() name the triggers and jobs that are off, after a restore or by
-- hand; vault.repair() switches them on, with an alert each, hides nothing, and is for operators.
\set SHOW_CONTEXT never
-- a transaction that locks the trail could not wait for its own record there
SET vault.audit_mode = queued;
CREATE ROLE regress_repair_op IN ROLE vault_admin;
CREATE ROLE regress_repair_auditor IN ROLE vault_auditor;
CREATE ROLE regress_repair_app;
SELECT vault.create_tenant('repair-a', 'regress_repair_app') IS NOT NULL AS made;
CREATE VIEW pg_temp.found AS SELECT object_kind, name, fault FROM vault.verify('repair-a');
CREATE VIEW pg_temp.told AS SELECT role, operation, decision, object_kind, reason, detail
	FROM vault_data.audit_log
	WHERE operation = 'repair' AND xid = pg_current_xact_id() ORDER BY id;

-- nothing to do: no row, no alert, and the call is in the trail
TABLE pg_temp.found;
SELECT problems IS NULL AS none FROM vault.status();
BEGIN;
SELECT * FROM vault.repair();
TABLE pg_temp.told;
ROLLBACK;

-- jobs are never committed here, so that none of them starts
BEGIN;
\set ON_ERROR_ROLLBACK on
-- triggers: as after a restore with --disable-triggers, disabled, and those that watch references
ALTER TABLE vault_data.role_member DISABLE TRIGGER USER;
ALTER TABLE vault_data.role_member ENABLE TRIGGER USER;
ALTER TABLE vault_data.access_grant DISABLE TRIGGER audit;
ALTER TABLE vault_data.tenant ENABLE REPLICA TRIGGER audit;
ALTER TABLE vault_data.audit_progress DISABLE TRIGGER ALL;
-- jobs: missing, stopped, with another command, and for another database
SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = 'vault:purge';
UPDATE cron.job SET active = false WHERE jobname = 'vault:rotate';
UPDATE cron.job SET command = 'SELECT 1' WHERE jobname = 'vault:expire';
UPDATE cron.job SET database = 'elsewhere' WHERE jobname = 'vault:warn';
TABLE pg_temp.found ORDER BY 1, 2, 3;
SELECT problems FROM vault.status();
-- not for tenants' clients and auditors; what is wrong is told to those who can see to it
SELECT vault.put('x', 'y') FROM set_config('role', 'regress_repair_app', true);
SELECT problems IS NULL AS not_told FROM vault.status();
SELECT * FROM vault.repair();
SET ROLE regress_repair_auditor;
SELECT problems IS NOT NULL AS told FROM vault.status();
SELECT * FROM vault.repair();
RESET ROLE;
SELECT count(*) AS still FROM pg_temp.found;
-- an operator mends it all with one call
SET ROLE regress_repair_op;
SELECT * FROM vault.repair() ORDER BY 1, 2;
SELECT * FROM vault.repair();
RESET ROLE;
TABLE pg_temp.found;
SELECT problems IS NULL AS none FROM vault.status();
SELECT count(*) AS jobs, count(*) FILTER
	(WHERE active AND database = current_database()
	AND command ~ '^(SELECT|CALL) vault_data\.job_') AS right_ones,
	count(*) FILTER (WHERE schedule <> '0 0 31 2 *') AS new_ones
FROM cron.job WHERE username = 'vault_jobs';
-- each fault is an alert with its objects, and the calls are there
TABLE pg_temp.told;
ROLLBACK;

-- a trigger of another extension or role stays off: an operator does not arm it
CREATE FUNCTION public.regress_repair() RETURNS trigger
	LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER regress_repair BEFORE INSERT ON vault_data.tenant FOR EACH ROW EXECUTE
	FUNCTION public.regress_repair();
ALTER TABLE vault_data.tenant DISABLE TRIGGER regress_repair;
SET ROLE regress_repair_op;
SELECT * FROM vault.repair();
RESET ROLE;
SELECT tgenabled FROM pg_trigger WHERE tgname = 'regress_repair';
DROP FUNCTION public.regress_repair() CASCADE;

-- rows changed while no trigger fired are not repaired
BEGIN;
\set ON_ERROR_ROLLBACK on
ALTER TABLE vault_data.tenant DISABLE TRIGGER ALL;
UPDATE vault_data.tenant SET recovery_window = '8 days' WHERE name = 'repair-a';
SELECT DISTINCT done FROM vault.repair();
TABLE pg_temp.found ORDER BY 1, 2, 3;
ROLLBACK;

-- without pg_cron: a superuser's call installs it, an operator's says what to do
BEGIN;
\set ON_ERROR_ROLLBACK on
DROP EXTENSION pg_cron;
TABLE pg_temp.found;
SET ROLE regress_repair_op;
SELECT problems FROM vault.status();
SELECT * FROM vault.repair();
RESET ROLE;
SELECT fault, done, count(*) FROM vault.repair() GROUP BY 1, 2 ORDER BY 3;
TABLE pg_temp.found;
ROLLBACK;

-- a role that pg_cron cannot log in as is left to a superuser
BEGIN;
\set ON_ERROR_ROLLBACK on
SELECT current_database() AS db \gset
REVOKE CONNECT ON DATABASE :"db" FROM PUBLIC;
ALTER ROLE vault_jobs NOLOGIN;
TABLE pg_temp.found ORDER BY 1, 2, 3;
\set VERBOSITY terse
SELECT * FROM vault.repair();
\set VERBOSITY default
ROLLBACK;

-- without the server's own workers pg_cron connects to the port that the job was made for
BEGIN;
\set ON_ERROR_ROLLBACK on
UPDATE cron.job SET nodeport = 1 WHERE jobname = 'vault:purge';
SELECT count(*) = CASE current_setting('cron.use_background_workers') WHEN 'on' THEN 0 ELSE 1
	END AS as_it_should FROM pg_temp.found;
ROLLBACK;
\unset ON_ERROR_ROLLBACK

-- both report that a checking function was dropped, and find the rest all the same
BEGIN;
\set ON_ERROR_ROLLBACK on
ALTER EXTENSION vault DROP FUNCTION vault_data.silenced_triggers();
DROP FUNCTION vault_data.silenced_triggers();
SELECT problems FROM vault.status();
ALTER TABLE cron.job RENAME COLUMN jobname TO another;
TABLE pg_temp.found ORDER BY 1, 2, 3;
ROLLBACK;
\unset ON_ERROR_ROLLBACK

-- a sealed vault says what is wrong, and is not repaired
SELECT vault.seal();
SELECT problems IS NULL AS none FROM vault.status();
SELECT * FROM vault.repair();
SELECT vault.unseal();

SELECT vault.destroy_tenant('repair-a', 'repair-a');
DROP VIEW pg_temp.found, pg_temp.told;
DROP ROLE regress_repair_op, regress_repair_auditor, regress_repair_app;

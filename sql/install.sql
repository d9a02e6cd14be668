-- CREATE EXTENSION and vault.init() give an open vault; both are refused the second time.
SET client_min_messages = error;
DROP EXTENSION IF EXISTS vault CASCADE;
DROP EXTENSION IF EXISTS pg_cron CASCADE;
DROP EXTENSION IF EXISTS pgcrypto CASCADE;
RESET client_min_messages;
CREATE EXTENSION pg_cron;
CREATE EXTENSION vault CASCADE;
SELECT extversion FROM pg_extension WHERE extname = 'vault';
-- with its jobs, which come on the 31st of February: the other tests are about what they do
-- themselves
SELECT count(*) >= 3 AS jobs, bool_and(schedule IS NOT NULL) AS scheduled FROM vault.jobs;
UPDATE cron.job SET schedule = '0 0 31 2 *' WHERE username = 'vault_jobs';

-- before init: nothing works but status, and it says so
SELECT initialised, sealed, reason FROM vault.status();
\set SHOW_CONTEXT never
SELECT vault.create_tenant('install');
SELECT count(*) FROM vault.tenants;

SELECT vault.init();
SELECT initialised, sealed, reason, root_key_generation >= 1 AS has_generation,
	instance IS NOT NULL AS has_instance,
	shares_given, shares_needed, version
FROM vault.status();
SELECT vault.init();
CREATE EXTENSION vault;

-- the roles are as the script makes them: no attribute, no member
SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication,
	rolinherit
FROM pg_roles WHERE rolname LIKE 'vault\_%' ORDER BY rolname;
SELECT count(*) FROM pg_auth_members
WHERE roleid IN ('vault_owner'::regrole, 'vault_exec'::regrole)
	OR member IN ('vault_owner'::regrole, 'vault_exec'::regrole);

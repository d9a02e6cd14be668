-- A tour of vault, on real things: run by script/quickstart, and again as often as you like.
--
-- It needs a superuser's connection to the vault's database over a socket at which other roles log in with a
-- password (PGHOST and PGPORT say where).  What it makes it takes away first: the tenants acme and globex, the
-- schemas billing and tour, and five roles.
--
-- No value is echoed or stands in a process list: psql keeps them in variables and in its environment.

\set ON_ERROR_STOP on
\set QUIET on
\set VERBOSITY terse
\pset footer off
\pset null '-'
\pset linestyle ascii
\pset border 1
SET client_min_messages = warning;

-- ---- a clean start ----

SELECT NOT initialised AS fresh FROM vault.status() \gset
\if :fresh
SELECT vault.init();
\endif

\o /dev/null
SELECT format('SELECT vault.destroy_tenant(%1$L, %1$L)', name) FROM vault.tenants
WHERE name IN ('acme', 'globex') AND state <> 'destroyed' \gexec
\o
DROP SCHEMA IF EXISTS billing, tour CASCADE;
DROP ROLE IF EXISTS acme_admin, acme_billing, billing_rw, globex_admin, globex_web;

-- Runs a command for the tour and returns what it says, an error too.
CREATE SCHEMA tour;
CREATE FUNCTION tour.attempt(command text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE 'SELECT ' || command INTO answer;
	RETURN 'answered (' || length(answer) || ' characters)';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
GRANT USAGE ON SCHEMA tour TO PUBLIC;

\echo '1. The vault is in this database. Its root key is not.'
\echo
SELECT initialised, sealed, root_key_source, root_key_generation AS generation, key_memory FROM vault.status();

-- ---- tenants ----

\echo '2. Two tenants, each with an administrator: an ordinary login role with a password of its own.'
\echo
SELECT replace(gen_random_uuid()::text, '-', '') AS acme_admin, replace(gen_random_uuid()::text, '-', '') AS acme_billing,
	replace(gen_random_uuid()::text, '-', '') AS globex_admin, replace(gen_random_uuid()::text, '-', '') AS globex_web \gset password_
CREATE ROLE acme_admin LOGIN PASSWORD :'password_acme_admin';
CREATE ROLE acme_billing LOGIN PASSWORD :'password_acme_billing';
CREATE ROLE globex_admin LOGIN PASSWORD :'password_globex_admin';
CREATE ROLE globex_web LOGIN PASSWORD :'password_globex_web';
\o /dev/null
SELECT vault.create_tenant('acme', admin_role => 'acme_admin');
SELECT vault.create_tenant('globex', admin_role => 'globex_admin');
\o
SELECT tenant, name AS principal, kind, db_role FROM vault.principals WHERE tenant IN ('acme', 'globex') ORDER BY tenant;

-- ---- a password that nobody has seen ----

\echo '3. billing_rw is a real login role that owns the invoices. It has no password yet.'
\echo '   The superuser, who operates this vault, lends acme one thing: the password of this one role.'
\echo
CREATE ROLE billing_rw LOGIN;
CREATE SCHEMA billing;
CREATE TABLE billing.invoice (id integer PRIMARY KEY, amount numeric NOT NULL);
INSERT INTO billing.invoice VALUES (1, 120.00), (2, 79.90), (3, 12.50);
ALTER TABLE billing.invoice OWNER TO billing_rw;
GRANT USAGE ON SCHEMA billing TO billing_rw;
\o /dev/null
SELECT vault.allow_rotation('billing_rw', 'acme');
\o

\setenv PGPASSWORD :password_acme_admin
\connect - acme_admin
\echo '   acme_admin: a value is put, to be rotated monthly, and at once: the vault makes up a better one, and the role'
\echo '   gets it. One transaction, and no statement with a password in it.'
\echo
BEGIN;
\o /dev/null
SELECT vault.put('billing/db/password', gen_random_uuid()::text, type => 'password',
	description => 'login role billing_rw', tags => '{"team": "billing"}');
SELECT vault.set_rotation('billing/db/password', 'monthly', 'postgres_role', '{"user": "billing_rw"}');
SELECT vault.rotate('billing/db/password');
\o
COMMIT;
SELECT name, type, state, current_version AS version, description FROM vault.list();

-- ---- the application ----

\echo '4. The application acme_billing may read one branch of names, and nothing else.'
\echo
\o /dev/null
SELECT vault.create_principal('billing-service', db_role => 'acme_billing');
SELECT vault.grant('billing-service', '{read}', 'billing/**');
\o
SELECT grantee, effect, permissions, name_pattern FROM vault.grants ORDER BY created_at;

\setenv PGPASSWORD :password_acme_billing
\connect - acme_billing
\echo '   It connects as itself, reads the password ...'
SELECT vault.get('billing/db/password') AS password \gset billing_

\echo '   ... and logs in to PostgreSQL with it:'
\echo
\setenv PGPASSWORD :billing_password
\connect - billing_rw
SELECT current_user, count(*) AS invoices, sum(amount) AS total FROM billing.invoice;

-- ---- the other tenant ----

\echo '5. The administrator of globex may do everything in globex. Of acme it learns nothing:'
\echo '   a name that acme has and a name that nobody has get the same answer.'
\echo
\setenv PGPASSWORD :password_globex_admin
\connect - globex_admin
SELECT asked, tour.attempt(format('vault.get(%L)', asked)) AS answer
FROM (VALUES ('billing/db/password'), ('billing/db/passphrase')) AS names (asked);
SELECT count(*) AS secrets_seen, (SELECT count(*) FROM vault.audit WHERE tenant <> 'globex') AS audit_rows_of_others FROM vault.secrets;

\echo '   A service of globex without any grant is refused, and that is one answer too:'
\echo
\o /dev/null
SELECT vault.put('web/session-key', gen_random_uuid()::text);
SELECT vault.create_principal('web', db_role => 'globex_web');
\o
\setenv PGPASSWORD :password_globex_web
\connect - globex_web
SELECT asked, tour.attempt(format('vault.get(%L)', asked)) AS answer
FROM (VALUES ('web/session-key'), ('web/no-such-key')) AS names (asked);

-- ---- rotation ----

\echo '6. Rotation: the new version and the new password of the role commit together, or not at all.'
\echo
\setenv PGPASSWORD :password_acme_admin
\connect - acme_admin
BEGIN;
SELECT vault.rotate('billing/db/password') AS new_version;
COMMIT;

\setenv PGPASSWORD :billing_password
\echo '   The server, asked with the old password:'
\! psql -X -w -q -t -A -U billing_rw -c 'SELECT current_user' 2>&1 | sed 's/.*FATAL: */     /'
\setenv PGPASSWORD :password_acme_billing
\connect - acme_billing
SELECT vault.get('billing/db/password') AS password \gset billing_
\setenv PGPASSWORD :billing_password
\echo '   and with the one that the application reads now:'
\! psql -X -w -q -t -A -U billing_rw -c 'SELECT current_user' 2>&1 | sed 's/.*FATAL: */     /; s/^/     /'
\echo

\echo '7. The same rotation, rolled back:'
\echo
\setenv PGPASSWORD :password_acme_admin
\connect - acme_admin
BEGIN;
SELECT vault.rotate('billing/db/password') AS version_that_will_not_be;
ROLLBACK;
SELECT current_version, previous_version, versions FROM vault.describe('billing/db/password');
\setenv PGPASSWORD :billing_password
\echo '   Nothing has changed, the password of a moment ago still opens:'
\! psql -X -w -q -t -A -U billing_rw -c 'SELECT current_user' 2>&1 | sed 's/.*FATAL: */     /; s/^/     /'
\echo

\echo '8. Nobody has to ask: a job of pg_cron rotates what is due. A key that is good for ten seconds; pg_cron comes'
\echo '   every minute, and the tour waits for it ...'
\echo
\o /dev/null
SELECT vault.put('billing/session-key', vault.generate('generic'));
SELECT vault.set_rotation('billing/session-key', '10 seconds', overlap => '0');
\o
DO $$
DECLARE
	since timestamptz := clock_timestamp();
BEGIN
	WHILE (SELECT current_version FROM vault.secrets WHERE name = 'billing/session-key') = 1 LOOP
		IF clock_timestamp() > since + interval '10 minutes' THEN
			RAISE 'the job vault:rotate did not come' USING HINT = 'The view vault.jobs shows what it did last.';
		END IF;
		PERFORM pg_sleep(0.2);
	END LOOP;
END
$$;
\o /dev/null
SELECT vault.remove_rotation('billing/session-key');
\o
SELECT version, label, created_by, retired_at IS NOT NULL AS retired FROM vault.versions WHERE name = 'billing/session-key' ORDER BY version;
SELECT DISTINCT operation, version, role, session_role FROM vault.audit
WHERE secret = 'billing/session-key' AND session_role = 'vault_jobs' AND version IS NOT NULL;

-- ---- what is not a password ----

\echo '9. A certificate, made a moment ago, and a set of credentials, stored and read back byte for byte.'
\echo
\set certificate `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -days 90 -subj /CN=billing.example 2>/dev/null | base64 | tr -d '\n'`
SELECT format(E'{"client_id":     "acme-billing",\n "client_secret": "%s",\n "scopes":        ["invoices:read", "invoices:write"]}\n',
	gen_random_uuid()) AS credentials \gset
\setenv PGPASSWORD :password_acme_admin
\connect - acme_admin
\o /dev/null
SELECT vault.put('billing/tls/site', convert_from(decode(:'certificate', 'base64'), 'UTF8'), type => 'certificate');
SELECT vault.put('billing/oauth/invoices', :'credentials', type => 'oauth_credentials');
\o
\setenv PGPASSWORD :password_acme_billing
\connect - acme_billing
SELECT name, length(value) > 100 AS read, convert_to(value, 'UTF8') = CASE name WHEN 'billing/tls/site' THEN decode(:'certificate', 'base64')
	ELSE convert_to(:'credentials', 'UTF8') END AS same_bytes
FROM vault.get_many('billing/**') WHERE name NOT IN ('billing/db/password', 'billing/session-key') ORDER BY name;
SELECT name, expires_at::date - current_date AS days_left, metadata ->> 'subject' AS subject FROM vault.secrets WHERE type = 'certificate';
SELECT vault.get_json('billing/oauth/invoices') ->> 'client_id' AS client_id,
	vault.get_json('billing/oauth/invoices') -> 'scopes' AS scopes;

-- ---- deleting ----

\echo '10. Deleting is in two steps: out of use, which can be undone for a while, and destroyed, which cannot.'
\echo
\setenv PGPASSWORD :password_acme_admin
\connect - acme_admin
SELECT vault.delete('billing/oauth/invoices')::date - current_date AS days_to_undelete;
SELECT tour.attempt('vault.get(''billing/oauth/invoices'')') LIKE 'VT008: secret is deleted%' AS deleted_says_vt008;
\o /dev/null
SELECT vault.undelete('billing/oauth/invoices');
\o
SELECT tour.attempt('vault.get(''billing/oauth/invoices'')') AS after_undelete;
\o /dev/null
SELECT vault.destroy('billing/db/password', 1);
\o
SELECT version, label, destroyed_at IS NOT NULL AS destroyed, created_by FROM vault.versions
WHERE name = 'billing/db/password' ORDER BY version;
SELECT tour.attempt('vault.get(''billing/db/password'', version => 1)') AS version_1,
	tour.attempt('vault.get(''billing/db/password'')') AS current_version;

-- ---- who did what ----

\echo '11. What happened to the password, from the audit trail: who read it, and who changed it. The rotation that was'
\echo '    rolled back is there as such, and so is the read within it.'
\echo
SELECT to_char(at, 'HH24:MI:SS') AS at, principal, role, operation, version, decision, reason
FROM vault.audit WHERE secret = 'billing/db/password' ORDER BY id;
\echo '    and everything that acme has seen so far:'
\echo
SELECT operation, count(*) FILTER (WHERE decision = 'allow') AS allowed, count(*) FILTER (WHERE decision = 'deny') AS denied,
	count(*) FILTER (WHERE decision NOT IN ('allow', 'deny')) AS failed
FROM vault.audit GROUP BY operation ORDER BY min(id);

\setenv PGPASSWORD
\unset billing_password
\unset password_acme_admin
\unset password_acme_billing
\unset password_globex_admin
\unset password_globex_web
\unset certificate
\unset credentials
\echo 'The end of the tour. docs/reference.md has every function, docs/security.md what is promised and what is not.'

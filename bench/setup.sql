-- Roles, a tenant, and the plain tables that the vault is measured against. The plain side gets
-- what is fastest for it: one text key, C collation, no row security, no triggers. Variables:
-- first, last (of the names' numbers), pgp_rows.
CREATE EXTENSION pgcrypto;
CREATE EXTENSION vault CASCADE;
DO $$ BEGIN PERFORM vault.init(); END $$;

CREATE ROLE bench_admin LOGIN;
CREATE ROLE bench_app LOGIN;		-- 10 grants, the application of most measurements
CREATE ROLE bench_app1 LOGIN;		-- 1 grant
CREATE ROLE bench_app1000 LOGIN;	-- 1,000 grants
CREATE ROLE bench_conditional LOGIN;	-- 1,000 grants through a role, each with conditions
CREATE ROLE bench_switch LOGIN;		-- one session that is each of them in turn
GRANT bench_app, bench_app1, bench_app1000, bench_conditional TO bench_switch;
-- to measure a decision alone; nobody else has it
GRANT USAGE ON SCHEMA vault_data TO bench_app1000, bench_conditional;
SELECT vault.create_tenant('bench', 'bench_admin') IS NOT NULL AS made \gset

SET ROLE bench_admin;
SELECT vault.create_principal(r, 'service', r) IS NOT NULL AS made
FROM unnest(ARRAY['bench_app', 'bench_app1', 'bench_app1000']) r \g /dev/null
-- One grant decides and the others do not match, though they share the beginning of every name.
SELECT vault.grant(r, ARRAY['read', 'write', 'list'], 'apps/**')
FROM unnest(ARRAY['bench_app', 'bench_app1', 'bench_app1000']) r \g /dev/null
SELECT vault.grant(r, ARRAY['read'], 'apps/app-' || r || '-' || i || '/**')
FROM (VALUES ('bench_app', 9), ('bench_app1000', 999)) g(r, n), generate_series(1, n) i \g /dev/null
SELECT vault.create_principal('bench_conditional', 'service',
	'bench_conditional') IS NOT NULL AS made,
	vault.create_role('conditional') IS NOT NULL AS made2 \g /dev/null
SELECT vault.add_member('conditional', 'bench_conditional') \g /dev/null
SELECT vault.grant('conditional', ARRAY['read'], CASE i WHEN 0 THEN 'apps/**'
	ELSE 'apps/app-conditional-' || i || '/**' END,
	windows => '{"daily 00:00-24:00 Europe/Berlin"}', valid_until => '2100-01-01')
FROM generate_series(0, 999) i \g /dev/null
RESET ROLE;

CREATE ROLE bench_auditor LOGIN IN ROLE vault_auditor;
CREATE ROLE bench_other_admin LOGIN;
CREATE ROLE bench_other LOGIN;		-- the application of another tenant
SELECT vault.create_tenant('other', 'bench_other_admin') IS NOT NULL AS made \gset
SET ROLE bench_other_admin;
SELECT vault.create_principal('bench_other', 'service', 'bench_other') IS NOT NULL AS made \gset
SELECT vault.grant('bench_other', ARRAY['read'], 'other/**') \g /dev/null
SELECT count(vault.put('other/' || i, 'sk_live_' || md5(i::text)))
FROM generate_series(1, 1000) i \g /dev/null
RESET ROLE;

CREATE TABLE names (name text COLLATE "C" NOT NULL);
INSERT INTO names SELECT 'apps/app-' || i || '/api-key' FROM generate_series(:first, :last) i;
CREATE TABLE few AS SELECT name FROM names ORDER BY name LIMIT :decisions;

CREATE TABLE plain (name text COLLATE "C" PRIMARY KEY, value text NOT NULL);
INSERT INTO plain SELECT name, 'sk_live_' || md5(name) FROM names;

CREATE TABLE pgp (name text COLLATE "C" PRIMARY KEY, value bytea NOT NULL);
INSERT INTO pgp SELECT name, pgp_sym_encrypt('sk_live_' || md5(name), 'a key of some length')
FROM names ORDER BY name LIMIT :pgp_rows;

CREATE SEQUENCE new_name START 100000000;
CREATE SEQUENCE plain_version;
CREATE SEQUENCE plain_audit_id;
CREATE TABLE plain_put (
	name       text COLLATE "C" NOT NULL,
	version    integer NOT NULL,
	value      text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (name, version)
);
CREATE TABLE plain_audit (LIKE vault_data.audit_log INCLUDING DEFAULTS,
	PRIMARY KEY (tenant_id, at, id));
CREATE INDEX ON plain_audit (xid);
CREATE INDEX ON plain_audit USING brin (at);
ALTER TABLE plain_audit ALTER xid SET DEFAULT pg_current_xact_id(), ALTER tls SET DEFAULT false;
GRANT SELECT ON names TO bench_admin;
GRANT SELECT ON names, few, plain, pgp TO bench_app, bench_app1, bench_app1000, bench_conditional;
GRANT INSERT, SELECT ON plain_put, plain_audit TO bench_app;
GRANT USAGE ON new_name, plain_version, plain_audit_id TO bench_app;

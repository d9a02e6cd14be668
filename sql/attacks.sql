-- Attacks by operators, administrators and clients are refused; each of these once worked.
\set SHOW_CONTEXT never
CREATE ROLE regress_attacks_op IN ROLE vault_admin;
CREATE ROLE regress_attacks_auditor IN ROLE vault_auditor;
CREATE ROLE regress_attacks_admin;
CREATE ROLE regress_attacks_second;
CREATE ROLE regress_attacks_other;
CREATE ROLE regress_attacks_app;
CREATE ROLE regress_attacks_free;
CREATE ROLE regress_attacks_super SUPERUSER;
SET ROLE regress_attacks_op;
SELECT vault.create_tenant('attacks-a', 'regress_attacks_admin') IS NOT NULL AS made,
	vault.create_tenant('attacks-b') IS NOT NULL AS made;
SET ROLE regress_attacks_admin;
SELECT vault.put('key', 'value');
SELECT vault.create_principal('app', db_role => 'regress_attacks_app') IS NOT NULL AS made;
SELECT vault.create_principal('second', db_role => 'regress_attacks_second') IS NOT NULL AS made;
SELECT vault."grant"('second', '{read,write,rotate,delete,grant,list}', '**') IS NOT NULL AS made;

-- an operator does not make room for an administrator of their own: not while one is effective
SET ROLE regress_attacks_op;
\set VERBOSITY default
SELECT vault.drop_principal('regress_attacks_admin', 'attacks-a');
SELECT vault.appoint_admin('attacks-a', 'regress_attacks_op');
\set VERBOSITY sqlstate
SELECT vault.drop_principal('second', 'attacks-a');
SELECT vault.drop_principal('app', 'attacks-a');
SELECT name FROM vault.principals WHERE tenant = 'attacks-a' ORDER BY name;

-- an administrator without a role to log in with lets no attacker in, and can be dropped
SET ROLE regress_attacks_admin;
SELECT vault.create_principal('unbound') IS NOT NULL AS made;
SELECT vault."grant"('unbound', '{grant}', '**') IS NOT NULL AS made;
SET ROLE regress_attacks_op;
SELECT vault.drop_principal('unbound', 'attacks-a');

-- an administrator whom a denial stops is none any more and can be dropped; the last one stops
-- no administrator, not even itself
SET ROLE regress_attacks_admin;
SELECT vault."grant"('second', '{grant}', 'some/**', effect => 'deny') IS NOT NULL AS made;
SET ROLE regress_attacks_op;
SELECT vault.appoint_admin('attacks-a', 'regress_attacks_free');
SELECT vault.drop_principal('regress_attacks_admin', 'attacks-a');
SELECT vault.drop_principal('second', 'attacks-a');
SET ROLE regress_attacks_admin;
SELECT vault."grant"('regress_attacks_admin', '{grant}', '**', effect => 'deny');
SET ROLE regress_attacks_op;
SELECT vault.appoint_admin('attacks-a', 'regress_attacks_free');
-- until its role is gone
RESET ROLE;
DROP ROLE regress_attacks_admin;
CREATE ROLE regress_attacks_admin;
SET ROLE regress_attacks_op;
SELECT vault.appoint_admin('attacks-a', 'regress_attacks_second') IS NOT NULL AS appointed;
SELECT vault.appoint_admin('attacks-a', 'regress_attacks_free');
SELECT vault.drop_principal('regress_attacks_second', 'attacks-a');
SELECT vault.drop_principal('regress_attacks_admin', 'attacks-a');
SET ROLE regress_attacks_second;
SELECT vault.get('key');

-- none yet; a role that is gone, or has another name
SET ROLE regress_attacks_op;
SELECT vault.appoint_admin('attacks-b', 'regress_attacks_other') IS NOT NULL AS appointed;
SELECT vault.appoint_admin('attacks-b', 'regress_attacks_free');
SELECT vault.drop_principal('regress_attacks_other', 'attacks-b');
RESET ROLE;
ALTER ROLE regress_attacks_other RENAME TO regress_attacks_renamed;
SET ROLE regress_attacks_op;
SELECT vault.drop_principal('regress_attacks_other', 'attacks-b');
RESET ROLE;
ALTER ROLE regress_attacks_renamed RENAME TO regress_attacks_other;
SET ROLE regress_attacks_op;
SELECT vault.appoint_admin('attacks-b', 'regress_attacks_other') IS NOT NULL AS appointed;
RESET ROLE;
DROP ROLE regress_attacks_other;
CREATE ROLE regress_attacks_other;
SET ROLE regress_attacks_op;
SELECT vault.drop_principal('regress_attacks_other', 'attacks-b');
SELECT vault.appoint_admin('attacks-b', 'regress_attacks_other') IS NOT NULL AS appointed;

-- committed rows decide about an operator's call, never an old snapshot
RESET ROLE;
CREATE TEMP TABLE calls (call text);
INSERT INTO calls VALUES ('create_tenant(''attacks-c'')'),
	('appoint_admin(''attacks-c'', ''regress_attacks_free'')'),
	('rotate_tenant_key(''attacks-c'')'), ('rewrap(1)'), ('purge(1)'),
	('suspend_tenant(''attacks-c'')'), ('resume_tenant(''attacks-c'')'),
	('destroy_tenant(''attacks-c'', ''attacks-c'')');
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
GRANT ALL ON calls TO regress_attacks_op;
GRANT ALL ON FUNCTION pg_temp.try(text) TO PUBLIC;
SET ROLE regress_attacks_op;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT call, pg_temp.try('SELECT vault.' || call) FROM calls;
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT call, pg_temp.try('SELECT vault.' || call) FROM calls;
ROLLBACK;
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT call, pg_temp.try('SELECT vault.' || call) FROM calls;
ROLLBACK;
\set VERBOSITY default
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT vault.rotate_root_key();
ROLLBACK;
\set VERBOSITY sqlstate
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT vault.rotate_root_key();
ROLLBACK;
-- those who are no operators are told only that
SET ROLE regress_attacks_second;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT vault.get('key');
SELECT vault.create_tenant('attacks-c');
ROLLBACK;

-- an administrator binds roles of its own tenant only: no operator, no auditor, no other tenant's
SET ROLE regress_attacks_second;
\set VERBOSITY default
SELECT vault.create_principal('op', db_role => 'regress_attacks_op');
\set VERBOSITY sqlstate
SELECT vault.create_principal('auditor', db_role => 'regress_attacks_auditor');
SELECT vault.create_principal('super', db_role => 'regress_attacks_super');
SELECT vault.create_principal('other', db_role => 'regress_attacks_other');
SELECT vault.create_principal('free', db_role => 'regress_attacks_free') IS NOT NULL AS made;
SET ROLE regress_attacks_other;
SELECT vault.create_principal('free', db_role => 'regress_attacks_free');
-- a refused binding leaves no principal; an operator binds any of them
SELECT count(*) FROM vault.principals WHERE name IN ('op', 'auditor', 'super', 'other');
SET ROLE regress_attacks_op;
SELECT vault.create_principal('op', db_role => 'regress_attacks_op',
	tenant => 'attacks-a') IS NOT NULL AS made,
	vault.create_principal('auditor', db_role => 'regress_attacks_auditor',
	tenant => 'attacks-a') IS NOT NULL AS made,
	vault.create_principal('free', db_role => 'regress_attacks_free',
	tenant => 'attacks-b') IS NOT NULL AS made;

-- lists are short: at most 16 permissions and 64 environments
SET ROLE regress_attacks_second;
SELECT vault."grant"('free', array_fill('read'::text, '{16}'), 'lists/**') IS NOT NULL AS made;
SELECT vault."grant"('free', array_fill('read'::text, '{17}'), 'lists/**');
SELECT vault."grant"('free', array_fill('read'::text, '{100000}'), 'lists/**');
SELECT vault."grant"('free', '{read}', 'lists/**',
	ARRAY(SELECT 'e' || i FROM generate_series(1, 64) i)) IS NOT NULL AS made;
SELECT vault."grant"('free', '{read}', 'lists/**',
	ARRAY(SELECT 'e' || i FROM generate_series(1, 65) i));
SELECT vault."grant"('free', '{read}', 'lists/**',
	ARRAY(SELECT 'e' || i FROM generate_series(1, 65) i), 'deny');
SELECT count(*) FROM vault.grants WHERE name_pattern = 'lists/**';

-- the planner's statistics know no names, tags or descriptions, neither of one tenant nor of
-- another
SELECT sum(vault.put('marker' || i % 20 || '/key', 'x', description => 'marker' || i % 20,
	tags => jsonb_build_object('marker' || i % 20, 'marker'),
	environment => 'marker' || i % 3)) > 0 AS made FROM generate_series(1, 60) i;
SELECT count(vault.create_principal('marker' || i)) AS made FROM generate_series(1, 20) i;
SELECT count(vault."grant"('marker' || i, '{read}', 'marker' || i % 5 || '/**',
	ARRAY['marker' || i % 5])) AS made FROM generate_series(1, 20) i;
SELECT count(vault.deactivate('marker' || i || '/key', 'marker' || i, 'marker' || i % 3)) AS made
	FROM generate_series(1, 10) i;
SET ROLE regress_attacks_op;
SELECT count(vault.create_tenant('marker' || i)) AS made FROM generate_series(1, 5) i;
RESET ROLE;
SELECT format('ANALYZE %s', c.oid::regclass) FROM pg_class c
	WHERE relnamespace = 'vault_data'::regnamespace AND relkind IN ('r', 'p')
	AND relname !~ '^audit_log_\d{4}' ORDER BY relname \gexec
SELECT count(*) > 10 AS analysed FROM pg_statistic
	WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'vault_data'::regnamespace);
CREATE TEMP VIEW kept AS
SELECT c.relname, a.attname, a.atttypid::regtype AS type,
	concat(stavalues1::text, stavalues2::text, stavalues3::text, stavalues4::text,
	stavalues5::text) AS kept
FROM pg_statistic s JOIN pg_class c ON c.oid = starelid JOIN pg_attribute a
	ON a.attrelid = starelid AND a.attnum = staattnum
WHERE relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace);
SELECT relname, attname, type FROM kept
WHERE kept <> '' AND (relname, attname) IN (('secret', 'name'), ('secret', 'environment'),
	('secret', 'tags'), ('secret', 'description'),
	('secret', 'envelope'), ('secret_version', 'envelope'), ('tenant_key', 'wrapped'),
	('tenant', 'name'), ('principal', 'name'),
	('principal_binding', 'role_name'), ('access_grant', 'name_pattern'),
	('access_grant', 'environments'), ('secret_name_key', 'name'))
	OR kept <> '' AND (relname LIKE 'token%' OR relname = 'issued_token')
	AND type::text LIKE 'text%'
	OR kept <> '' AND relname LIKE 'audit_log%' AND type::text IN ('text', 'jsonb', 'inet')
ORDER BY 1, 2;
-- (every role sees the names of roles)
SELECT relname, attname FROM kept WHERE kept ~ 'marker|attacks' AND type <> 'regrole'::regtype
	ORDER BY 1, 2;
-- nor do extended statistics and what ANALYZE makes of expressions
SELECT count(*) FROM pg_statistic_ext WHERE stxnamespace = 'vault_data'::regnamespace;

-- a member of a role of vault cannot alter that role, under any name that the statement gives it
SET SESSION AUTHORIZATION regress_attacks_app;
ALTER ROLE CURRENT_USER SET work_mem = '8MB';
RESET SESSION AUTHORIZATION;
SET ROLE regress_attacks_op;
SELECT vault.create_principal('app', db_role => 'regress_attacks_app',
	tenant => 'attacks-a') IS NOT NULL AS made;
SET SESSION AUTHORIZATION regress_attacks_app;
SET ROLE vault_client;
\set VERBOSITY default
ALTER ROLE CURRENT_USER SET work_mem = '1GB';
\set VERBOSITY sqlstate
ALTER ROLE CURRENT_ROLE SET work_mem = '1GB';
ALTER USER CURRENT_USER SET search_path = 'evil';
ALTER ROLE vault_client SET work_mem = '1GB';
ALTER ROLE CURRENT_USER IN DATABASE postgres SET work_mem = '1GB';
ALTER ROLE CURRENT_USER RESET ALL;
DROP OWNED BY CURRENT_USER;
DROP OWNED BY CURRENT_ROLE;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION vault_client;
ALTER ROLE SESSION_USER SET work_mem = '1GB';
RESET SESSION AUTHORIZATION;
SELECT rolname, setconfig FROM pg_db_role_setting JOIN pg_roles r ON r.oid = setrole
	WHERE rolname IN ('vault_client', 'regress_attacks_app');
-- the rights of the role are unchanged
SET ROLE regress_attacks_second;
SELECT vault.get('key');

RESET ROLE;
SELECT count(vault.destroy_tenant('marker' || i, 'marker' || i)) FROM generate_series(1, 5) i;
SELECT vault.destroy_tenant('attacks-a', 'attacks-a'),
	vault.destroy_tenant('attacks-b', 'attacks-b');
DROP VIEW kept;
DROP TABLE calls;
DROP FUNCTION pg_temp.try(text);
DROP ROLE regress_attacks_op, regress_attacks_auditor, regress_attacks_admin,
	regress_attacks_second, regress_attacks_other, regress_attacks_app,
	regress_attacks_free, regress_attacks_super;

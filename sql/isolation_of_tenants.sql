-- Another tenant's secrets, principals, grants, keys and trail cannot be read, changed, counted or
-- guessed.
\set SHOW_CONTEXT never
CREATE ROLE regress_isolation_a;
CREATE ROLE regress_isolation_b;
SELECT vault.create_tenant('isolation-a', 'regress_isolation_a') AS a,
	vault.create_tenant('isolation-b', 'regress_isolation_b') AS b \gset
SET ROLE regress_isolation_a;
SELECT vault.put('shared/name', 'of a'), vault.put('only/in/a', 'of a'),
	vault.create_principal('robot') IS NOT NULL AS made;
SELECT vault."grant"('robot', '{read}', '**') AS given \gset
SET ROLE regress_isolation_b;
SELECT vault.put('shared/name', 'of b');

-- the same name is another secret
SELECT vault.get('shared/name');
SELECT vault.put('shared/name', 'of b again', expected_version => 1);
SET ROLE regress_isolation_a;
SELECT vault.get('shared/name');
SELECT vault.rotate('shared/name', 'of a again');

-- every call on what the other tenant has answers as for what no tenant has
SET ROLE regress_isolation_b;
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RAISE raise_exception;
EXCEPTION WHEN raise_exception THEN
	RETURN 'done';
WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || replace(replace(SQLERRM, 'only/in/a', '?'), 'in/no/one', '?') || hint;
END
$$;
SELECT call, left(theirs, 5) AS answer, theirs = nobodys AS same
FROM unnest(ARRAY['get(%L)', 'get(%L, 1)', 'get_bytes(%L)', 'get_json(%L)', 'put(%L, ''x'')',
	'put(%L, ''x'', expected_version => 0)', 'put(%L, ''x'', expected_version => 1)', 'rotate(%L)',
	'rollback(%L, 1)',
		'describe(%L)', 'delete(%L)', 'undelete(%L)', 'destroy(%L, 1)', 'deactivate(%L, ''why'')',
		'reactivate(%L, ''why'')', 'rename(%L, ''new'')', 'rename(''shared/name'', %L)',
		'tag(%L, ''{}'')']) AS call,
	LATERAL (SELECT pg_temp.try('SELECT vault.' || format(call, 'only/in/a')) AS theirs,
	pg_temp.try('SELECT vault.' || format(call, 'in/no/one')) AS nobodys) AS answers;
SELECT call, left(theirs, 5) AS answer, theirs = nobodys AS same
FROM (VALUES ('revoke(%L)', :'given', '00000000-0000-4000-8000-000000000000'),
	('drop_principal(%L)', 'robot', 'nobody'),
	('"grant"(%L, ''{read}'', ''*'')', 'robot', 'nobody'),
		('create_principal(%L)', 'robot', 'nobody'),
		('create_principal(''x'', tenant => %L)', 'isolation-a', 'no-such'),
		('set_recovery_window(''9 days'', %L)', 'isolation-a', 'no-such'),
		('explain_access(''robot'', ''read'', ''x'', tenant => %L)', 'isolation-a', 'no-such'),
		('explain_access(%L, ''read'', ''x'')', 'robot', 'nobody'),
		('suspend_tenant(%L)', 'isolation-a', 'no-such'),
		('rotate_tenant_key(%L)', 'isolation-a', 'no-such'),
		('create_tenant(%L)', 'isolation-a', 'no-such')) AS c (call, their, nobody),
	LATERAL (SELECT pg_temp.try('SELECT vault.' || format(call, their)) AS theirs,
	pg_temp.try('SELECT vault.' || format(call, nobody)) AS nobodys) AS answers;

-- every view, every set: one's own
SELECT name, state FROM vault.tenants;
SELECT name FROM vault.principals;
SELECT grantee, name_pattern FROM vault.grants;
SELECT name, current_version FROM vault.secrets;
SELECT name, version FROM vault.versions ORDER BY version;
SELECT name FROM vault.list();
SELECT name, value FROM vault.get_many('**');
SELECT count(*) FROM vault.audit WHERE tenant IS DISTINCT FROM 'isolation-b';
SELECT vault.current_tenant_id() = :'b' AS own;

-- a cheap function in the query sees no row that the view hides
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean
	LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
SELECT name FROM vault.secrets WHERE pg_temp.leak(name);
SELECT name FROM vault.principals WHERE pg_temp.leak(name);
SELECT name FROM vault.tenants WHERE pg_temp.leak(name);
SELECT 1 FROM vault.secrets WHERE 1 / (name <> 'only/in/a')::int = 1;

-- settings choose nothing that is not one's own
SET vault.tenant = 'isolation-a';
SELECT pg_temp.try('SELECT vault.get(''only/in/a'')');
SELECT count(*) FROM vault.secrets;
SELECT vault.current_tenant_id() IS NULL AS nobody;
RESET vault.tenant;

-- the rows themselves: out of reach for clients; for the roles that hold them, none outside of a
-- call
SELECT count(*) FROM vault_data.secret;
\set VERBOSITY sqlstate
SET row_security = off;
SELECT count(*) FROM vault.secrets;
SELECT vault.get('shared/name');
SELECT name FROM vault.list();
RESET row_security;
RESET ROLE;
GRANT regress_isolation_b TO regress_isolation_a;
SET ROLE regress_isolation_a;
SELECT vault.get('shared/name');
RESET ROLE;
SELECT table_name, pg_temp.try(format(
	'SET LOCAL ROLE vault_exec; SELECT 1 / (SELECT count(*) FROM vault_data.%s)', table_name)) AS
	vault_exec,
	pg_temp.try(
	format('SET LOCAL ROLE vault_owner; SELECT 1 / (SELECT count(*) FROM vault_data.%s)',
	table_name)) AS vault_owner
FROM unnest(ARRAY['tenant', 'tenant_key', 'principal', 'principal_binding', 'access_grant',
	'secret', 'secret_version', 'audit_log']) AS table_name;

SELECT vault.destroy_tenant('isolation-a', 'isolation-a'),
	vault.destroy_tenant('isolation-b', 'isolation-b');
DROP FUNCTION pg_temp.try(text), pg_temp.leak(text);
DROP ROLE regress_isolation_a, regress_isolation_b;

-- The way in is a public function called by the current user; inside is closed, and nothing of the
-- inside stays behind.
\set SHOW_CONTEXT never
CREATE ROLE regress_entry_admin;
CREATE ROLE regress_entry_app;
CREATE ROLE regress_entry_nobody;
SELECT vault.create_tenant('entries', 'regress_entry_admin') IS NOT NULL AS made;
CREATE SCHEMA regress_doors;
GRANT ALL ON SCHEMA regress_doors TO PUBLIC;
SET ROLE regress_entry_admin;
SELECT vault.create_principal('app', db_role => 'regress_entry_app') IS NOT NULL AS made,
	vault.put('key', 'value');

-- PUBLIC: no schema, no function, no table
SET ROLE regress_entry_nobody;
SELECT has_schema_privilege('vault', 'usage') AS api,
	has_schema_privilege('vault_data', 'usage') AS data,
	(SELECT count(*) FROM pg_proc WHERE
	pronamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
	AND has_function_privilege(oid, 'execute')) AS functions,
	(SELECT count(*) FROM pg_class WHERE
	relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('vault', 'vault_data'))
	AND relkind IN ('r', 'p', 'v') AND has_table_privilege(oid,
	'select, insert, update, delete, truncate, references, trigger')) AS relations;

-- a client: views of the API and its functions; of the inside only what views need
SET ROLE regress_entry_app;
SELECT vault_data.new_id();
RESET ROLE;
SELECT p.oid::regprocedure AS of_the_inside FROM pg_proc p
	WHERE pronamespace = 'vault_data'::regnamespace
	AND has_function_privilege('regress_entry_app', oid, 'execute')
	ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure AS for_operators FROM pg_proc p
	WHERE pronamespace = 'vault'::regnamespace
	AND NOT has_function_privilege('regress_entry_app', oid, 'execute')
	ORDER BY p.oid::regprocedure::text COLLATE "C";

-- internal functions outside of a call: refused for every role
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RAISE raise_exception;
EXCEPTION WHEN raise_exception THEN
	RETURN 'done';
WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT pg_temp.try('SELECT vault_data.enter_tenant(''entries'')') AS enter,
	pg_temp.try('SELECT vault_data.choose_tenant(NULL)') AS choose,
	pg_temp.try('SELECT vault_data.bind_role(gen_random_uuid(), ''regress_entry_nobody'')') AS bind,
	pg_temp.try('SELECT vault_data.new_tenant_key()') AS tenant_key,
	pg_temp.try('SELECT vault_data.note(''x'')') AS note \gx
SELECT answer, count(*) FROM unnest(ARRAY['find_tenant(''entries'')', 'tenant_names()',
	'enter_new_tenant(''x'')', 'require(''read'', ''key'', NULL)',
	'permitted(''read'', ''key'', NULL)', 'may_delegate(NULL, ''{read}'')',
		'may_change_member(gen_random_uuid(), true)', 'administers(gen_random_uuid())',
		'may_administer(gen_random_uuid())', 'reaches_administrator(gen_random_uuid())',
		'check_membership(gen_random_uuid(), gen_random_uuid())',
		'holds_nothing(gen_random_uuid())', 'holds_denial(gen_random_uuid())', 'is_auditor()',
		'explain_grants(gen_random_uuid(), ''read'', ''x'', ''dev'', NULL, NULL, NULL, NULL, '
		'''{}'')',
		'explain_grants(gen_random_uuid(), ''read'', ''x'', ''dev'', NULL, NULL, NULL, NULL, NULL)',
		'explain_grants(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)',
		'add_member(''x'', ''y'')', 'create_role(''x'', NULL)', 'export_policy(NULL)',
		'import_policy(NULL, false, NULL)',
		'caller_principal()', 'require_administrator()', 'is_administrator()',
		'create_tenant(''x'', NULL)', 'purge(1)', 'delete(''key'', NULL)',
		'"grant"(''app'', ''{read}'', ''**'', NULL, ''allow'', NULL, NULL, NULL, NULL, NULL, NULL, '
		'NULL)',
		'create_principal(''x'', ''user'', NULL, NULL)', 'revoke(gen_random_uuid())',
		'destroy_tenant(''entries'', ''entries'')']) AS call,
	LATERAL pg_temp.try('SELECT vault_data.' || call) AS answer GROUP BY 1
	ORDER BY answer COLLATE "C";
-- nor through a function of one's own on the module's entry points, which only a superuser can make
CREATE FUNCTION regress_doors.delete(text, text) RETURNS timestamptz LANGUAGE c AS '$libdir/vault',
	'vault_as_client';
SET ROLE regress_entry_admin;
SELECT regress_doors.delete('key', NULL);
CREATE FUNCTION regress_doors.mine(text, text) RETURNS timestamptz LANGUAGE c AS '$libdir/vault',
	'vault_as_client';

-- SECURITY DEFINER code of others acts as its owner, and an invoker's function as the caller
CREATE FUNCTION regress_doors.as_admin() RETURNS text
	LANGUAGE sql SECURITY DEFINER AS $$
	SELECT principal || ' ' || vault.get('key') FROM vault.whoami() $$;
CREATE FUNCTION regress_doors.as_caller() RETURNS text
	LANGUAGE sql AS $$ SELECT principal || ' ' || vault.get('key') FROM vault.whoami() $$;
SET ROLE regress_entry_app;
SELECT regress_doors.as_admin();
SELECT regress_doors.as_caller();
CREATE FUNCTION regress_doors.as_app() RETURNS text
	LANGUAGE sql SECURITY DEFINER AS $$ SELECT vault.get('key') $$;
SET ROLE regress_entry_admin;
SELECT regress_doors.as_caller();
SELECT regress_doors.as_app();
SELECT vault.get('key');

-- after a call, and after an error inside that was caught: user, path and context are as before
SET search_path = regress_doors, public;
SET row_security = off;
CREATE FUNCTION regress_doors.surroundings() RETURNS text LANGUAGE sql AS
	$$ SELECT concat_ws(' | ', current_user, current_setting('search_path'),
	current_setting('row_security'), vault.current_tenant_id() IS NOT NULL) $$;
CREATE FUNCTION regress_doors.caught(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done, ' || regress_doors.surroundings();
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ', ' || regress_doors.surroundings();
END
$$;
SELECT regress_doors.caught(statement)
	FROM unnest(ARRAY['SELECT vault.put(''key'', ''value'')',
	'SELECT vault.put(''key'', ''v'', expected_version => 9)', 'SELECT vault.put(''key'', '''')',
	'SELECT vault.get(''absent'')', 'SELECT vault.rename(''key'', ''a b'')',
	'SELECT vault.create_principal(''app'')',
	'SELECT vault.create_principal(''x'', db_role => ''no such'')',
	'SELECT vault."grant"(''app'', ''{read}'', ''***'')',
	'SELECT vault.delete(''key''), vault.delete(''key'')', 'SELECT * FROM vault.list(''/'')',
	'SELECT * FROM vault.list()']) AS statement;
SELECT vault.put('key', 'value', expected_version => 99);
SELECT regress_doors.surroundings();
BEGIN;
SAVEPOINT s;
SELECT vault.rename('key', 'a b');
ROLLBACK TO s;
SELECT regress_doors.surroundings();
COMMIT;
RESET row_security;

-- objects planted in the caller's search_path or as temporary objects do not run inside
CREATE FUNCTION regress_doors.lower(text) RETURNS text
	LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted code ran as %', current_user; END $$;
CREATE FUNCTION regress_doors.clock_timestamp() RETURNS timestamptz
	LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted code ran as %', current_user; END $$;
CREATE FUNCTION regress_doors.planted(text, text) RETURNS boolean
	LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted code ran as %', current_user; END $$;
CREATE OPERATOR regress_doors.= (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_doors.planted);
CREATE TEMP TABLE secret (name text);
SET search_path = regress_doors, pg_temp, pg_catalog;
SELECT vault.put('planted', 'x'), vault.tag('planted', '{"a": "b"}'),
	vault.rename('planted', 'planted2'), vault.delete('planted2') IS NOT NULL AS deleted;
SELECT vault.create_principal('planted') IS NOT NULL AS made,
	vault."grant"('planted', '{read}', '**') IS NOT NULL AS given;
SELECT name, state FROM vault.list('planted*');
SELECT name FROM vault.secrets WHERE name OPERATOR(pg_catalog.=) 'key';
RESET search_path;

-- a role that becomes an operator or an auditor, or ceases to be one, is that at the next call of
-- the same session
RESET ROLE;
CREATE PROCEDURE pg_temp.tried(what text) LANGUAGE plpgsql AS $$
DECLARE
	seen bigint;
BEGIN
	SET LOCAL ROLE regress_entry_nobody;
	SELECT count(*) INTO seen FROM vault.tenants WHERE name = 'entries';
	RAISE NOTICE '%: sees % tenant, purges: %', what, seen, pg_temp.try('SELECT vault.purge()');
EXCEPTION WHEN insufficient_privilege THEN
	RAISE NOTICE '%: %', what, SQLERRM;
END
$$;
GRANT vault_client TO regress_entry_nobody;
GRANT EXECUTE ON PROCEDURE pg_temp.tried(text) TO PUBLIC;
CALL pg_temp.tried('nobody');
GRANT vault_admin TO regress_entry_nobody;
CALL pg_temp.tried('operator');
BEGIN;
REVOKE vault_admin FROM regress_entry_nobody;
CALL pg_temp.tried('no longer');
ROLLBACK;
CALL pg_temp.tried('operator still');
REVOKE vault_admin FROM regress_entry_nobody;
CALL pg_temp.tried('nobody again');
BEGIN;
GRANT vault_auditor TO regress_entry_nobody;
CALL pg_temp.tried('auditor');
ROLLBACK;
CALL pg_temp.tried('nobody still');
-- by way of another role
CREATE ROLE regress_entry_team IN ROLE vault_admin;
GRANT regress_entry_team TO regress_entry_nobody;
CALL pg_temp.tried('in the team');
REVOKE vault_admin FROM regress_entry_team;
CALL pg_temp.tried('team of nobody');
DROP ROLE regress_entry_team;

RESET ROLE;
SELECT vault.destroy_tenant('entries', 'entries');
SET client_min_messages = warning;
DROP SCHEMA regress_doors CASCADE;
DROP TABLE pg_temp.secret;
DROP FUNCTION pg_temp.try(text);
DROP ROLE regress_entry_admin, regress_entry_app, regress_entry_nobody;

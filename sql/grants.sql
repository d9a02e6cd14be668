-- Nothing is allowed but what a grant allows and no denial denies; denied and absent look the same.
\set SHOW_CONTEXT never
CREATE ROLE regress_grants_admin;
CREATE ROLE regress_grants_app;
SELECT vault.create_tenant('grants', 'regress_grants_admin') IS NOT NULL AS made;
SET ROLE regress_grants_admin;
SELECT vault.create_principal('app', db_role => 'regress_grants_app') IS NOT NULL AS made;
SELECT vault.put('db/main/password', 'v1'), vault.put('db/other/password', 'v1'),
	vault.put('top', 'v1'),
	vault.put('db/main/password', 'p1', environment => 'prod');

-- no grant: denied and absent are told in the same way, whatever is asked
SET ROLE regress_grants_app;
SELECT vault.get('db/main/password');
SELECT vault.get('db/none/password');
\set VERBOSITY sqlstate
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || replace(replace(message, 'main', '?'), 'none', '?') || ' ' || hint;
END
$$;
CREATE TEMP TABLE calls (call text);
INSERT INTO calls VALUES ('get(%L)'), ('get(%L, 1)'), ('get(%L, 99)'), ('get_bytes(%L)'),
	('get_json(%L)'), ('put(%L, ''x'')'), ('put(%L, ''x'', expected_version => 0)'),
	('put(%L, ''x'', expected_version => 7)'), ('put(%L, ''x'', type => ''json'')'), ('rotate(%L)'),
	('rotate(%L, ''x'')'), ('rollback(%L)'), ('rollback(%L, 3)'), ('describe(%L)'),
	('delete(%L)'), ('undelete(%L)'), ('destroy(%L, 1)'), ('destroy(%L, 99)'),
	('deactivate(%L, ''why'')'),
	('reactivate(%L, ''why'')'), ('rename(%L, ''db/new/password'')'), ('tag(%L, ''{}'')');
SELECT call, left(denied, 5) AS sqlstate, denied = absent AS same
FROM calls, LATERAL (SELECT pg_temp.try('SELECT vault.'
	|| format(call, 'db/main/password')) AS denied,
	pg_temp.try('SELECT vault.' || format(call, 'db/none/password')) AS absent) answers;
SELECT count(*) FROM vault.list();
SELECT count(*) FROM vault.get_many('**');
SELECT count(*) FROM vault.secrets;
SELECT count(*) FROM vault.versions;

-- each permission: what it allows, and nothing else.  A known name that is absent is VT005.
CREATE FUNCTION pg_temp.matrix() RETURNS TABLE (call text, there text, absent text)
	LANGUAGE plpgsql AS $$
BEGIN
	FOR call IN VALUES ('get(%L)'), ('put(%L, ''x'', expected_version => 99)'),
	('rotate(%L, ''x'')'), ('rollback(%L, 99)'), ('delete(%L)'),
		('undelete(%L)'), ('destroy(%L, 99)'), ('deactivate(%L, '''')'), ('describe(%L)'),
		('tag(%L, ''[]'')')
	LOOP
		there := left(pg_temp.try('SELECT vault.' || format(call, 'db/main/password')), 5);
		absent := left(pg_temp.try('SELECT vault.' || format(call, 'db/none/password')), 5);
		IF there LIKE 'done%' AND call LIKE 'delete%' THEN
			PERFORM vault.undelete('db/main/password');
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
RESET ROLE;
GRANT ALL ON FUNCTION pg_temp.try(text), pg_temp.matrix() TO PUBLIC;
CREATE FUNCTION pg_temp.with_only(permission text)
	RETURNS TABLE (call text, there text, absent text) LANGUAGE plpgsql AS $$
DECLARE
	given uuid;
BEGIN
	SET LOCAL ROLE regress_grants_admin;
	given := vault."grant"('app', ARRAY[permission], 'db/**');
	SET LOCAL ROLE regress_grants_app;
	RETURN QUERY SELECT * FROM pg_temp.matrix();
	SET LOCAL ROLE regress_grants_admin;
	PERFORM vault.revoke(given);
	RESET ROLE;
END
$$;
SELECT * FROM pg_temp.with_only('read');
SELECT * FROM pg_temp.with_only('write');
SELECT * FROM pg_temp.with_only('rotate');
SELECT * FROM pg_temp.with_only('delete');
SELECT * FROM pg_temp.with_only('grant');
SELECT * FROM pg_temp.with_only('list');

RESET ROLE;
SELECT vault.destroy_tenant('grants', 'grants');
DROP FUNCTION pg_temp.with_only(text), pg_temp.matrix(), pg_temp.try(text);
DROP TABLE calls;
DROP ROLE regress_grants_admin, regress_grants_app;

-- postgres_role and function: only what an operator or administrator allowed, with no more power
-- than that, and together with the version or not at all.
\set SHOW_CONTEXT never
CREATE ROLE regress_targets_admin;
CREATE ROLE regress_targets_owner;
CREATE ROLE regress_targets_other;
CREATE ROLE regress_targets_op IN ROLE vault_admin;
CREATE ROLE regress_targets_login LOGIN PASSWORD 'one';
CREATE ROLE regress_targets_a LOGIN PASSWORD 'a';
CREATE ROLE regress_targets_b LOGIN;
CREATE ROLE regress_targets_group NOLOGIN;
CREATE ROLE regress_targets_super LOGIN SUPERUSER;
CREATE ROLE regress_targets_maker LOGIN CREATEROLE;
CREATE ROLE regress_targets_member LOGIN IN ROLE regress_targets_super;
CREATE ROLE regress_targets_operator LOGIN IN ROLE vault_admin;
CREATE ROLE regress_targets_reader LOGIN IN ROLE vault_client, pg_read_all_data;
CREATE ROLE regress_targets_files LOGIN IN ROLE pg_read_server_files;
SELECT vault.create_tenant('targets-a', 'regress_targets_admin') AS a,
	vault.create_tenant('targets-b', 'regress_targets_other') AS b \gset
CREATE FUNCTION pg_temp.verifier(name text) RETURNS text
	LANGUAGE sql AS $$ SELECT rolpassword FROM pg_authid WHERE rolname = 'regress_targets_' || name
	$$;
\set status 'SELECT name, rotator, state, step, version, attempts, last_error FROM vault.rotation_status WHERE tenant LIKE ''targets-_'' ORDER BY name'
SET ROLE regress_targets_admin;
SELECT vault.put('login', 'one'), vault.put('pair',
	'{"user": "regress_targets_a", "password": "a", "host": "db", "port": 5432, '
	'"nested": {"x": [1]}}'::jsonb,
	'json'), vault.put('binary', '\x00'::bytea), vault.put('function', 'one');
SELECT vault.create_principal('owner', db_role => 'regress_targets_owner') IS NOT NULL AS made;

-- an operator decides which roles, and some cannot be allowed
\set VERBOSITY terse
SELECT vault.set_rotation('login', 'weekly', 'postgres_role', '{"user": "regress_targets_login"}');
SELECT vault.allow_rotation('regress_targets_login', 'targets-a');
-- an operator lends a role that it could give by GRANT, and no other role
SET ROLE regress_targets_op;
SELECT vault.allow_rotation('regress_targets_login', 'targets-a');
RESET ROLE;
GRANT regress_targets_login TO regress_targets_op;
SET ROLE regress_targets_op;
SELECT vault.allow_rotation('regress_targets_login', 'targets-a');
RESET ROLE;
GRANT regress_targets_login, regress_targets_a, regress_targets_b, regress_targets_reader
	TO regress_targets_op WITH ADMIN OPTION;
SET ROLE regress_targets_op;
SELECT vault.allow_rotation('regress_targets_super', 'targets-a');
SELECT vault.allow_rotation('regress_targets_maker', 'targets-a');
SELECT vault.allow_rotation('regress_targets_member', 'targets-a');
SELECT vault.allow_rotation('regress_targets_operator', 'targets-a');
SELECT vault.allow_rotation('regress_targets_files', 'targets-a');
SELECT vault.allow_rotation('regress_targets_group', 'targets-a');
SELECT vault.allow_rotation('regress_targets_other', 'targets-a');
SELECT vault.allow_rotation('vault_jobs', 'targets-a');
SELECT vault.allow_rotation('pg_monitor', 'targets-a');
SELECT vault.allow_rotation('postgres', 'targets-a');
SELECT vault.allow_rotation('no_such_role', 'targets-a');
SELECT vault.allow_rotation(NULL, 'targets-a');
SELECT vault.allow_rotation('regress_targets_login', 'no-such-tenant');
SELECT vault.allow_rotation('regress_targets_login', 'targets-a'),
	vault.allow_rotation('regress_targets_login', 'targets-a'),
	vault.allow_rotation('regress_targets_a', 'targets-a'),
	vault.allow_rotation('regress_targets_b', 'targets-a');
SELECT vault.allow_rotation('regress_targets_reader', 'targets-a');
SELECT vault.allow_rotation('regress_targets_login', 'targets-b');
SELECT vault.disallow_rotation('regress_targets_b', 'targets-a');
SELECT vault.disallow_rotation('regress_targets_b', 'targets-a');
SELECT vault.allow_rotation('regress_targets_b', 'targets-a');
-- nor one that another tenant has in whatever way; and one that is lent, others do not bind
SELECT vault.allow_tokens('regress_targets_b', 'targets-b');
SELECT vault.allow_rotation('regress_targets_b', 'targets-a');
SELECT vault.disallow_tokens('regress_targets_b', 'targets-b'),
	vault.reserve_role('regress_targets_b', 'targets-b');
SELECT vault.allow_rotation('regress_targets_b', 'targets-a');
SELECT vault.reserve_role('regress_targets_b', 'targets-a');
SELECT vault.allow_rotation('regress_targets_b', 'targets-a');
SELECT vault.release_role('regress_targets_b', 'targets-a'),
	vault.release_role('regress_targets_b', 'targets-b');
SET ROLE regress_targets_other;
SELECT vault.create_principal('lent', db_role => 'regress_targets_b');
SELECT vault.allow_tokens('regress_targets_b');
SET ROLE regress_targets_admin;
SELECT db_role FROM vault.rotation_roles ORDER BY 1;
SET ROLE regress_targets_other;
SELECT count(*) FROM vault.rotation_roles;
SELECT vault.put('login', 'x');
SELECT vault.set_rotation('login', 'weekly', 'postgres_role', '{"user": "regress_targets_login"}');

-- the rules of a configuration and of a value
SET ROLE regress_targets_admin;
SELECT vault.set_rotation('login', 'weekly', 'postgres_role');
SELECT vault.set_rotation('login', 'weekly', 'postgres_role', '{"user": ""}');
SELECT vault.set_rotation('login', 'weekly', 'postgres_role', '{"user": 1}');
SELECT vault.set_rotation('login', 'weekly', 'postgres_role', '["user"]');
SELECT vault.set_rotation('login', 'weekly', 'postgres_role', '{"users": ["regress_targets_a"]}');
SELECT vault.set_rotation('login', 'weekly', 'postgres_role',
	'{"users": ["regress_targets_a", "regress_targets_a"]}');
SELECT vault.set_rotation('login', 'weekly', 'postgres_role',
	'{"user": "regress_targets_a", "users": ["regress_targets_a", "regress_targets_b"]}');
SELECT vault.set_rotation('login', 'weekly', 'postgres_role',
	'{"user": "regress_targets_login", "password": "x"}');
SELECT vault.set_rotation('login', 'weekly', 'postgres_role',
	'{"users": ["regress_targets_a", "regress_targets_b"]}');
SELECT vault.set_rotation('binary', 'weekly', 'postgres_role', '{"user": "regress_targets_login"}');
SELECT vault.set_rotation('pair', 'weekly', 'postgres_role', '{"user": "regress_targets_login"}');

-- one user: password and version together, or neither
SELECT vault.set_rotation('login', 'weekly', 'postgres_role', '{"user": "regress_targets_login"}',
	overlap => '0') IS NOT NULL AS set;
RESET ROLE;
SELECT pg_temp.verifier('login') AS before \gset
SET ROLE regress_targets_admin;
BEGIN;
SELECT vault.rotate('login');
ROLLBACK;
RESET ROLE;
SELECT pg_temp.verifier('login') = :'before' AS as_before;
SET ROLE regress_targets_admin;
SELECT vault.get('login'), vault.rotate('login'), length(vault.get('login'));
RESET ROLE;
SELECT pg_temp.verifier('login') <> :'before' AS changed,
	pg_temp.verifier('login') LIKE 'SCRAM-SHA-256$4096:%' AS scram,
	pg_temp.verifier('login') AS second \gset
SELECT :'changed' AS changed, :'scram' AS scram;
-- also where the server would make an md5 verifier, and a value that is given
SET password_encryption = md5;
SET ROLE regress_targets_admin;
SELECT vault.rotate('login', 'given by hand'), vault.get('login');
RESET ROLE;
RESET password_encryption;
SELECT pg_temp.verifier('login') <> :'second' AS changed,
	pg_temp.verifier('login') LIKE 'SCRAM-SHA-256$%' AS scram,
	pg_temp.verifier('login') AS third \gset
SELECT :'changed' AS changed, :'scram' AS scram;
-- rolled back, the role has it again
SET ROLE regress_targets_admin;
SELECT vault.rollback('login', 2);
RESET ROLE;
SELECT pg_temp.verifier('login') <> :'third' AS changed;
-- a rotation that is no longer allowed fails, and leaves the secret as it was
SET ROLE regress_targets_op;
SELECT vault.disallow_rotation('regress_targets_login', 'targets-a');
SET ROLE regress_targets_admin;
SELECT vault.rotate('login');
SELECT vault.rollback('login', 3);
RESET ROLE;
SET ROLE regress_targets_op;
SELECT vault.allow_rotation('regress_targets_login', 'targets-a');
RESET ROLE;
ALTER ROLE regress_targets_login SUPERUSER;
SET ROLE regress_targets_admin;
SELECT vault.rotate('login');
RESET ROLE;
ALTER ROLE regress_targets_login NOSUPERUSER VALID UNTIL '2020-01-01';
SET ROLE regress_targets_admin;
SELECT vault.rotate('login');
RESET ROLE;
-- no client could log in with it: not given, nor planned, nor allowed, until one can
\set VERBOSITY default
ALTER ROLE regress_targets_login VALID UNTIL 'infinity' CONNECTION LIMIT 0;
SET ROLE regress_targets_admin;
SELECT vault.rotate('login');
\set VERBOSITY terse
SELECT vault.set_rotation('login', 'weekly', 'postgres_role', '{"user": "regress_targets_login"}');
SET ROLE regress_targets_op;
SELECT vault.allow_rotation('regress_targets_login', 'targets-a');
RESET ROLE;
ALTER ROLE regress_targets_login VALID UNTIL '2100-01-01' CONNECTION LIMIT 1;
BEGIN;
SET LOCAL ROLE regress_targets_admin;
SELECT vault.rotate('login') > 0 AS rotated;
ROLLBACK;
ALTER ROLE regress_targets_login VALID UNTIL 'infinity' CONNECTION LIMIT -1;
-- made anew under its name, it is another role
ALTER ROLE regress_targets_login RENAME TO regress_targets_renamed;
CREATE ROLE regress_targets_login LOGIN;
SET ROLE regress_targets_admin;
SELECT vault.rotate('login');
-- the role that it is allowed for is shown under its present name, and taken back by that
SELECT db_role, state FROM vault.rotation_roles ORDER BY db_role;
RESET ROLE;
BEGIN;
SELECT vault.disallow_rotation('regress_targets_renamed', 'targets-a');
SELECT db_role, state FROM vault.rotation_roles WHERE tenant = 'targets-a' ORDER BY db_role;
ROLLBACK;
BEGIN;
SELECT vault.allow_rotation('regress_targets_renamed', 'targets-a');
SELECT db_role, state FROM vault.rotation_roles WHERE tenant = 'targets-a' ORDER BY db_role;
ROLLBACK;
BEGIN;
DROP ROLE regress_targets_renamed;
SELECT db_role, state FROM vault.rotation_roles WHERE tenant = 'targets-a' ORDER BY db_role;
SELECT vault.disallow_rotation('regress_targets_login', 'targets-a');
ROLLBACK;
DROP ROLE regress_targets_login;
ALTER ROLE regress_targets_renamed RENAME TO regress_targets_login;
-- a row that was put in by hand allows nothing
UPDATE vault_data.rotation_role SET created_at = now() WHERE role_name = 'regress_targets_login';
SET ROLE regress_targets_admin;
SELECT vault.rotate('login');
SELECT object_kind, name, fault FROM vault.verify();
RESET ROLE;
DELETE FROM vault_data.rotation_role WHERE role_name = 'regress_targets_login';
SET ROLE regress_targets_op;
SELECT vault.allow_rotation('regress_targets_login', 'targets-a');
-- the job: it fails, later and later, and gives up
RESET ROLE;
ALTER ROLE regress_targets_login NOLOGIN;
CREATE PROCEDURE pg_temp.make_due() LANGUAGE sql AS $$
	UPDATE vault_data.rotation SET try_at = '2020-01-01'
	WHERE step NOT IN ('done', 'failed', 'retire', 'wait');
	UPDATE vault_data.rotation_schedule SET due_at = '2020-01-01', next_at = '2020-01-01'
	WHERE config = '{"user": "regress_targets_login"}'
$$;
SELECT current_version AS version FROM vault.secrets
	WHERE tenant = 'targets-a' AND name = 'login' \gset
DO $$ BEGIN PERFORM vault.rotate_due(); END $$;
CALL pg_temp.make_due();
SELECT vault.rotate_due(1), vault.rotate_due(1), vault.rotate_due();
:status;
SELECT next_at BETWEEN now() + '14 seconds' AND now() + '46 seconds' AS soon
	FROM vault.rotation_status WHERE tenant = 'targets-a' AND name = 'login';
DO $$ BEGIN FOR i IN 1..6 LOOP CALL pg_temp.make_due(); PERFORM vault.rotate_due(1); END LOOP;
	END $$;
:status;
SELECT next_at BETWEEN now() + '15 minutes' AND now() + '49 minutes' AS later
	FROM vault.rotation_status WHERE tenant = 'targets-a' AND name = 'login';
CALL pg_temp.make_due();
SELECT vault.rotate_due(1);
:status;
SELECT current_version = :version AS untouched, pending_version FROM vault.secrets
	WHERE tenant = 'targets-a' AND name = 'login';
SELECT kind, severity, payload - 'rotation' AS payload FROM vault_data.notification
	WHERE tenant_id = :'a' AND kind = 'rotation_failed';
SELECT next_at > now() + '6 days' AS next_week FROM vault.rotation_status
	WHERE tenant = 'targets-a' AND name = 'login';
ALTER ROLE regress_targets_login LOGIN;
CALL pg_temp.make_due();
SELECT vault.rotate_due();
:status;

-- two users: by turns, and the one in use is not touched before the overlap is over
SELECT pg_temp.verifier('a') AS a0 \gset
SET ROLE regress_targets_admin;
SELECT vault.set_rotation('pair', 'weekly', 'postgres_role',
	'{"users": ["regress_targets_a", "regress_targets_b"]}',
	overlap => '1 hour') IS NOT NULL AS set;
SELECT vault.rotate('pair'), vault.get_json('pair') - 'password' AS value;
SELECT vault.get_json('pair', 1) - 'password' AS value;
\set VERBOSITY sqlstate
SELECT vault.rotate('pair');
\set VERBOSITY terse
RESET ROLE;
SELECT pg_temp.verifier('a') = :'a0' AS a_as_before, pg_temp.verifier('b') IS NOT NULL AS b_set,
	pg_temp.verifier('b') AS b1 \gset
SELECT :'a_as_before' AS a_as_before, :'b_set' AS b_set;
UPDATE vault_data.rotation_schedule SET due_at = '2020-01-01', next_at = '2020-01-01'
	WHERE tenant_id = :'a' AND config ? 'users';
SELECT vault.rotate_due() > 0 AS only_postponed;
SELECT pg_temp.verifier('a') = :'a0' AS a_as_before, pg_temp.verifier('b') = :'b1' AS b_as_before;
-- without an overlap the other one is free at once, and retired by the next run of the job
SET ROLE regress_targets_admin;
SELECT vault.remove_rotation('pair');
SELECT vault.set_rotation('pair', 'weekly', 'postgres_role',
	'{"users": ["regress_targets_a", "regress_targets_b"]}', overlap => '0') IS NOT NULL AS set;
SELECT vault.rotate('pair'), vault.get_json('pair') - 'password' AS value;
RESET ROLE;
SELECT pg_temp.verifier('a') <> :'a0' AS a_set, pg_temp.verifier('b') = :'b1' AS b_as_before;
-- its password is taken away although it cannot log in
ALTER ROLE regress_targets_b NOLOGIN CONNECTION LIMIT 0;
SELECT vault.rotate_due() > 0 AS retired;
ALTER ROLE regress_targets_b LOGIN CONNECTION LIMIT -1;
SELECT pg_temp.verifier('a') IS NOT NULL AS a_in_use, pg_temp.verifier('b') IS NULL AS b_is_retired;
SET ROLE regress_targets_admin;
SELECT vault.rollback('pair', 2), vault.get_json('pair') - 'password' AS value;
RESET ROLE;
SELECT pg_temp.verifier('a') IS NOT NULL AS a_in_use, pg_temp.verifier('b') IS NOT NULL AS b_again;

-- functions of the tenant: as their owner, who is bound there, and with no way back
CREATE SCHEMA regress_targets AUTHORIZATION regress_targets_owner;
GRANT USAGE ON SCHEMA regress_targets TO regress_targets_admin;
SET ROLE regress_targets_owner;
CREATE TABLE regress_targets.log (step text, name text, environment text, version integer,
	value text, previous text, who text DEFAULT current_user);
CREATE FUNCTION regress_targets.made(name text, environment text, version integer, value text,
	previous_value text) RETURNS text LANGUAGE sql AS $$
	INSERT INTO regress_targets.log VALUES ('create', $1, $2, $3, $4, $5)
	RETURNING 'made of ' || previous $$;
CREATE FUNCTION regress_targets.set(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO regress_targets.log VALUES ('set', $1, $2, $3, $4, $5) $$;
CREATE FUNCTION regress_targets.test(name text, environment text, version integer, value text,
	previous_value text) RETURNS boolean
	LANGUAGE sql AS $$ INSERT INTO regress_targets.log VALUES ('test', $1, $2, $3, $4, $5)
	RETURNING true $$;
CREATE FUNCTION regress_targets.retire(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO regress_targets.log VALUES ('retire', $1, $2, $3, $4, $5) $$;
CREATE FUNCTION regress_targets.refuse(name text, environment text, version integer, value text,
	previous_value text) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
CREATE FUNCTION regress_targets.fail(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN RAISE EXCEPTION 'the value is %', value USING ERRCODE = 'P0042'; END $$;
CREATE FUNCTION regress_targets.escape(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RESET ROLE; END $$;
CREATE FUNCTION regress_targets.read(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM vault.get('login');
	END $$;
CREATE FUNCTION regress_targets.inside(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM vault_data.new_id();
	END $$;
CREATE FUNCTION regress_targets.sleep(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(100);
	EXCEPTION WHEN OTHERS THEN NULL; END $$;
CREATE FUNCTION regress_targets.caught(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN BEGIN PERFORM pg_sleep(100);
	EXCEPTION WHEN query_canceled THEN NULL; END; PERFORM pg_sleep(100); END $$;
CREATE TABLE regress_targets.later (x integer);
CREATE FUNCTION regress_targets.trap() RETURNS trigger
	LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'deferred, as %', current_user; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON regress_targets.later DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION regress_targets.trap();
CREATE FUNCTION regress_targets.defer(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO regress_targets.later VALUES (1) $$;
CREATE FUNCTION regress_targets.wrong(name text) RETURNS void LANGUAGE sql AS '';
RESET ROLE;
CREATE FUNCTION regress_targets.of_superuser(name text, environment text, version integer,
	value text, previous_value text) RETURNS void LANGUAGE sql AS '';
SET ROLE regress_targets_admin;
SELECT vault.set_rotation('function', NULL, 'function');
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "set"}');
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "regress_targets.nothing"}');
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "regress_targets.wrong"}');
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "regress_targets.test"}');
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "regress_targets.of_superuser"}');
SELECT vault.set_rotation('function', NULL, 'function',
	'{"set": "regress_targets.set", "drop": "regress_targets.set"}');
SELECT vault.set_rotation('function', NULL, 'function',
	'{"create": "regress_targets.made", "set": "regress_targets.set", '
	'"test": "regress_targets.test", "retire": "regress_targets.retire"}',
	overlap => '0');
SELECT vault.rotate('function'), vault.get('function'), vault.get('function', 2);
RESET ROLE;
SELECT vault.rotate_due();
SELECT * FROM regress_targets.log;
SELECT current_version FROM vault.secrets WHERE tenant = 'targets-a' AND name = 'function';
TRUNCATE regress_targets.log;
SET ROLE regress_targets_admin;
SELECT vault.rollback('function', 1);
RESET ROLE;
SELECT * FROM regress_targets.log;
-- failures: only the SQLSTATE is told
CREATE PROCEDURE pg_temp.rotate_by(function text, test text DEFAULT 'regress_targets.test',
	INOUT outcome text DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_targets_admin;
	PERFORM vault.remove_rotation('function');
	PERFORM vault.set_rotation('function', NULL, 'function',
	jsonb_build_object('set', function, 'test', test));
	PERFORM vault.rotate('function');
	RESET ROLE;
	COMMIT;
	PERFORM vault.rotate_due();
	SET LOCAL ROLE regress_targets_admin;
	outcome := (SELECT concat_ws(' ', step, last_error) FROM vault.rotation_status
	WHERE tenant = 'targets-a' AND name = 'function');
	RESET ROLE;
END
$$;
CALL pg_temp.rotate_by('regress_targets.fail');
-- and that to the tenant only: a function could choose it by the value
SELECT last_error FROM vault.rotation_status WHERE tenant = 'targets-a' AND name = 'function';
SELECT count(*) FROM vault.audit WHERE tenant = 'targets-a' AND reason LIKE '%P0042%';
CALL pg_temp.rotate_by('regress_targets.escape');
CALL pg_temp.rotate_by('regress_targets.read');
CALL pg_temp.rotate_by('regress_targets.inside');
CALL pg_temp.rotate_by('regress_targets.defer');
CALL pg_temp.rotate_by('regress_targets.set', 'regress_targets.refuse');
-- it has an end
SET vault.rotation_timeout = '300ms';
CALL pg_temp.rotate_by('regress_targets.sleep');
CALL pg_temp.rotate_by('regress_targets.caught');
RESET vault.rotation_timeout;
-- an owner who is bound no longer
SET ROLE regress_targets_admin;
SELECT vault.drop_principal('owner');
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "regress_targets.set"}');
RESET ROLE;

-- each column that a mac covers: changed outside, verify names the row
CREATE FUNCTION pg_temp.is_found(tab text, attribute text, kind regtype, a uuid, b uuid)
	RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	value text := CASE WHEN attribute = 'tenant_id' THEN quote_literal(b) WHEN attribute = 'step'
	THEN '''failed''' ELSE CASE kind WHEN 'uuid'::regtype THEN 'gen_random_uuid()'
	WHEN 'integer'::regtype THEN '999'
		WHEN 'interval'::regtype THEN '''99 days''' WHEN 'jsonb'::regtype
		THEN '''{"user": "postgres"}''' WHEN 'timestamptz'::regtype THEN 'now()' ELSE '''other'''
		END END;
	found boolean;
BEGIN
	EXECUTE
	format(
	'ALTER TABLE vault_data.%1$I DISABLE TRIGGER ALL; '
	'UPDATE vault_data.%1$I SET %2$I = %3$s WHERE ctid = (SELECT ctid FROM vault_data.%1$I WHERE '
	'tenant_id = %4$L AND (to_jsonb(%1$I) ->> ''step'' IS DISTINCT FROM ''failed'') LIMIT 1)',
	tab, attribute, value, a);
	found := EXISTS (SELECT FROM vault.verify('targets-a')
	WHERE object_kind = tab AND fault = 'changed outside vault')
	OR EXISTS (SELECT FROM vault.verify('targets-b')
	WHERE object_kind = tab AND fault = 'changed outside vault');
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	RETURN found;
END
$$;
SELECT a.attrelid::regclass AS tab, array_agg(a.attname ORDER BY a.attnum) AS edited,
	array_agg(a.attname ORDER BY a.attnum) FILTER
	(WHERE pg_temp.is_found(c.relname, a.attname, a.atttypid, :'a', :'b') IS NOT TRUE) AS not_found
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_attribute r
	ON r.attrelid = a.attrelid AND r.attname = 'revision'
WHERE c.relnamespace = 'vault_data'::regnamespace AND c.relname ~ '^rotation' AND c.relkind = 'r'
	AND a.attnum BETWEEN 1 AND r.attnum - 1 GROUP BY 1 ORDER BY 1;
-- rows that were deleted
CREATE FUNCTION pg_temp.after(tab text, change text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	findings text[];
BEGIN
	EXECUTE format('ALTER TABLE vault_data.%I DISABLE TRIGGER ALL; ', tab) || change;
	findings := ARRAY(SELECT DISTINCT concat_ws(' ', object_kind, name) || ': ' || fault
	FROM vault.verify('targets-a') WHERE object_kind <> 'catalog' ORDER BY 1);
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	RETURN QUERY SELECT * FROM unnest(findings);
END
$$;
SELECT pg_temp.after('rotation_role',
	format(
	'DELETE FROM vault_data.rotation_role WHERE tenant_id = %L AND role_name = '
	'''regress_targets_a''',
	:'a'));
SELECT pg_temp.after('rotation_schedule',
	format('DELETE FROM vault_data.rotation_schedule WHERE tenant_id = %L AND config ? ''users''',
	:'a'));
SELECT pg_temp.after('rotation', format(
	'DELETE FROM vault_data.rotation WHERE tenant_id = %L AND secret_id = (SELECT id FROM '
	'vault.secrets WHERE tenant = ''targets-a'' AND name = ''pair'')',
	:'a'));
SELECT * FROM vault.verify('targets-a');

SELECT vault.destroy_tenant('targets-a', 'targets-a'),
	vault.destroy_tenant('targets-b', 'targets-b');
SELECT count(*) FROM vault_data.rotation_role WHERE role_name LIKE 'regress%';
\set VERBOSITY sqlstate
DROP SCHEMA regress_targets CASCADE;
DROP ROLE regress_targets_admin, regress_targets_owner, regress_targets_other, regress_targets_op,
	regress_targets_login, regress_targets_a, regress_targets_b, regress_targets_group,
	regress_targets_super, regress_targets_maker, regress_targets_member, regress_targets_operator,
	regress_targets_reader, regress_targets_files;

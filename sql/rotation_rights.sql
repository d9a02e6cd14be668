-- The permissions that a rotation needs, and the runs that are stopped: a rotator reaches more than
-- the secret.
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE ROLE regress_rights_admin;
CREATE ROLE regress_rights_blind;
CREATE ROLE regress_rights_rotator;
CREATE ROLE regress_rights_owner;
CREATE ROLE regress_rights_other;
CREATE ROLE regress_rights_op IN ROLE vault_admin;
CREATE ROLE regress_rights_login LOGIN PASSWORD 'one';
CREATE ROLE regress_rights_a LOGIN PASSWORD 'a';
CREATE ROLE regress_rights_b LOGIN;
CREATE ROLE regress_rights_c LOGIN;
SELECT vault.create_tenant('rights', 'regress_rights_admin') AS tenant,
	vault.create_tenant('rights-b', 'regress_rights_other') IS NOT NULL AS other \gset
CREATE FUNCTION pg_temp.verifier(name text) RETURNS text
	LANGUAGE sql AS $$ SELECT rolpassword FROM pg_authid WHERE rolname = 'regress_rights_' || name
	$$;
CREATE PROCEDURE pg_temp.make_due(secret text) LANGUAGE sql AS $$
	UPDATE vault_data.rotation r SET try_at = '2020-01-01' FROM vault.secrets s
	WHERE s.id = r.secret_id AND s.tenant = 'rights' AND s.name = secret
	AND r.step NOT IN ('done', 'failed');
	UPDATE vault_data.rotation_schedule c SET next_at = '2020-01-01' FROM vault.secrets s
	WHERE s.id = c.secret_id AND s.tenant = 'rights' AND s.name = secret
$$;
\set status 'SELECT name, rotator, state, step, version, attempts, last_error FROM vault.rotation_status WHERE tenant = ''rights'' ORDER BY name'
GRANT regress_rights_login, regress_rights_a, regress_rights_b, regress_rights_c
	TO regress_rights_op WITH ADMIN OPTION;
SET ROLE regress_rights_op;
SELECT vault.allow_rotation('regress_rights_' || r, 'rights')
	FROM unnest('{login,a,b,c}'::text[]) AS r;
SET ROLE regress_rights_admin;
SELECT vault.create_principal(p, db_role => 'regress_rights_' || p) IS NOT NULL AS made
	FROM unnest('{blind,rotator,owner}'::text[]) AS p;
SELECT vault.add_member('admin', 'blind');
SELECT vault.grant('rotator', '{rotate}', '**') IS NOT NULL AS granted;
SELECT vault.put('login', 'one'), vault.put('plain', 'one'), vault.put('function', 'one'),
	vault.put('pair', '{"user": "regress_rights_a", "password": "a"}'::jsonb, 'json'),
	vault.put('pair2', '{"user": "regress_rights_c", "password": "c"}'::jsonb, 'json');
SELECT vault.set_rotation('login', 'weekly', 'postgres_role', '{"user": "regress_rights_login"}',
	overlap => '0') IS NOT NULL AS set;
SELECT vault.set_rotation('plain', 'weekly') IS NOT NULL AS set;

-- "rotate" alone rotates, but neither chooses the password of a role nor changes what an
-- administrator has set
RESET ROLE;
SELECT pg_temp.verifier('login') AS before \gset
SET ROLE regress_rights_rotator;
SELECT vault.rotate('login', 'known to the rotator');
RESET ROLE;
SELECT pg_temp.verifier('login') = :'before' AS as_before;
SET ROLE regress_rights_rotator;
SELECT vault.set_rotation('login', '1 second');
SELECT vault.set_rotation('login', 'daily', 'postgres_role', '{"user": "regress_rights_login"}');
SELECT vault.remove_rotation('login');
SELECT vault.rotate('login'), vault.rotate('plain', 'given'),
	vault.set_rotation('plain', 'daily') IS NOT NULL AS changed;
SELECT vault.remove_rotation('plain');
SELECT vault.rollback('login', 1);
SELECT vault.rollback('plain', 1);
SET ROLE regress_rights_admin;
SELECT vault.grant('rotator', '{write}', 'login') IS NOT NULL AS granted;
SET ROLE regress_rights_rotator;
SELECT vault.rotate('login', 'of a writer');
SELECT vault.rollback('login', 1);
SET ROLE regress_rights_admin;
SELECT vault.set_rotation('login', 'daily', 'postgres_role', '{"user": "regress_rights_login"}',
	overlap => '0') IS NOT NULL AS changed;

-- a function is given the values: who sets it may read them
RESET ROLE;
CREATE SCHEMA regress_rights AUTHORIZATION regress_rights_owner;
GRANT USAGE ON SCHEMA regress_rights TO regress_rights_admin;
SET ROLE regress_rights_owner;
CREATE TABLE regress_rights.log (step text, version integer, previous text);
CREATE FUNCTION regress_rights.set(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO regress_rights.log VALUES ('set', $3, $5) $$;
SET ROLE regress_rights_blind;
SELECT vault.get('function');
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "regress_rights.set"}');
SET ROLE regress_rights_admin;
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "regress_rights.set"}',
	overlap => '0') IS NULL AS on_demand;
SELECT vault.remove_rotation('function');

-- a role that can become another tenant's principal is that tenant's login: refused, and also when
-- it becomes one later
RESET ROLE;
CREATE ROLE regress_rights_between NOLOGIN IN ROLE regress_rights_other;
CREATE ROLE regress_rights_member LOGIN IN ROLE regress_rights_between ADMIN regress_rights_op;
SET ROLE regress_rights_op;
SELECT vault.allow_rotation('regress_rights_member', 'rights');
SELECT vault.allow_rotation('regress_rights_member', 'rights-b');
SELECT vault.disallow_rotation('regress_rights_member', 'rights-b');
RESET ROLE;
GRANT regress_rights_between TO regress_rights_login;
SET ROLE regress_rights_admin;
SELECT vault.rotate('login');
RESET ROLE;
REVOKE regress_rights_between FROM regress_rights_login;
GRANT regress_rights_admin TO regress_rights_login;
SET ROLE regress_rights_admin;
SELECT vault.rotate('login');
RESET ROLE;
REVOKE regress_rights_admin FROM regress_rights_login;

-- two users: a value that is given is for the one that is not in use
SET ROLE regress_rights_admin;
SELECT vault.set_rotation('pair', NULL, 'postgres_role',
	'{"users": ["regress_rights_a", "regress_rights_b"]}', overlap => '0') IS NULL AS on_demand;
RESET ROLE;
SELECT pg_temp.verifier('a') AS a0 \gset
SET ROLE regress_rights_admin;
SELECT vault.rotate('pair', '{"user": "regress_rights_a", "password": "changed at once"}');
SELECT vault.rotate('pair', '{"user": "regress_rights_c", "password": "of a third"}');
SELECT vault.rotate('pair', '{"password": "of nobody"}');
SELECT vault.rotate('pair', 'alone');
SELECT vault.rotate('pair', '{"user": "regress_rights_b", "password": "of the other"}'),
	vault.get_json('pair');
RESET ROLE;
SELECT pg_temp.verifier('a') = :'a0' AS a_as_before, pg_temp.verifier('b') IS NOT NULL AS b_set;

-- a user is rotated with one secret only
SET ROLE regress_rights_admin;
SELECT vault.set_rotation('pair2', NULL, 'postgres_role',
	'{"users": ["regress_rights_b", "regress_rights_c"]}');
SELECT vault.set_rotation('pair2', NULL, 'postgres_role', '{"user": "regress_rights_login"}');
SELECT vault.set_rotation('pair2', NULL, 'postgres_role',
	'{"user": "regress_rights_c"}') IS NULL AS on_demand;
SELECT vault.set_rotation('pair', 'weekly', 'postgres_role',
	'{"users": ["regress_rights_a", "regress_rights_b"]}',
	overlap => '0') IS NOT NULL AS the_same_again;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT vault.set_rotation('pair2', NULL, 'postgres_role', '{"user": "regress_rights_c"}');
ROLLBACK;
SELECT vault.remove_rotation('pair2');

-- the old login is retired although its version was destroyed
SELECT vault.destroy('pair', 1);
RESET ROLE;
SELECT vault.rotate_due() > 0 AS done;
SELECT pg_temp.verifier('a') IS NULL AS a_is_retired, pg_temp.verifier('b') IS NOT NULL AS b_in_use;
-- a role that may not be changed any more ends the run, is told of, and delays no other rotation
SET ROLE regress_rights_admin;
SELECT vault.rotate('pair'), vault.get_json('pair') ->> 'user' AS "user";
SET ROLE regress_rights_op;
SELECT vault.disallow_rotation('regress_rights_b', 'rights');
RESET ROLE;
SELECT vault.rotate_due();
:status;
SELECT payload - 'rotation' AS payload FROM vault_data.notification
	WHERE tenant_id = :'tenant' AND kind = 'rotation_failed';
SELECT retired_at IS NOT NULL AS retired, label FROM vault.versions
	WHERE tenant = 'rights' AND name = 'pair' AND version = 2;
SET ROLE regress_rights_admin;
SELECT vault.get('pair', 2);
SELECT vault.rotate('pair');
SET ROLE regress_rights_op;
SELECT vault.allow_rotation('regress_rights_b', 'rights');
SET ROLE regress_rights_admin;
SELECT vault.rotate('pair'), vault.get_json('pair') ->> 'user' AS "user";
-- other failures are tried eight times
SELECT vault.put('pair', '{"user": "somebody", "password": "x"}'::jsonb, 'json');
RESET ROLE;
SELECT vault.rotate_due();
:status;
SET ROLE regress_rights_admin;
SELECT vault.remove_rotation('pair');
SELECT vault.put('pair', '{"user": "regress_rights_b", "password": "x"}'::jsonb, 'json');
SELECT vault.set_rotation('pair', NULL, 'postgres_role',
	'{"users": ["regress_rights_a", "regress_rights_b"]}', overlap => '0') IS NULL AS on_demand;
SELECT vault.rotate('pair'), vault.put('pair', '{"user": "somebody", "password": "x"}'::jsonb,
	'json');
RESET ROLE;
UPDATE vault_data.rotation SET attempts = 7
	WHERE tenant_id = :'tenant' AND step = 'retire' AND version = 7;
SELECT vault.rotate_due();
:status;
SET ROLE regress_rights_admin;
SELECT vault.remove_rotation('pair');

-- undo is called whenever "set" was begun, by whatever the run ends
RESET ROLE;
SET ROLE regress_rights_owner;
CREATE FUNCTION regress_rights.undo(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO regress_rights.log VALUES ('undo', $3, $5) $$;
CREATE FUNCTION regress_rights.fail(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE FUNCTION regress_rights.strict(name text, environment text, version integer, value text,
	previous_value text) RETURNS void STRICT LANGUAGE sql AS '';
CREATE FUNCTION regress_rights.never(name text, environment text, version integer, value text,
	previous_value text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
SET ROLE regress_rights_admin;
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "regress_rights.strict"}');
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "a..b"}');
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "\"a"}');
SELECT vault.set_rotation('function', NULL, 'function', '{"set": ""}');
SELECT vault.set_rotation('function', NULL, 'function',
	'{"set": "regress_rights.fail", "undo": "regress_rights.undo"}',
	overlap => '0') IS NULL AS on_demand;
SELECT vault.rotate('function') AS started;
RESET ROLE;
DO $$ BEGIN FOR i IN 1..9 LOOP CALL pg_temp.make_due('function'); PERFORM vault.rotate_due();
	END LOOP; END $$;
:status;
SELECT * FROM regress_rights.log;
TRUNCATE regress_rights.log;
SET ROLE regress_rights_admin;
SELECT vault.set_rotation('function', NULL, 'function',
	'{"set": "regress_rights.set", "test": "regress_rights.never", "undo": "regress_rights.undo"}',
	overlap => '0') IS NULL AS on_demand;
SELECT vault.rotate('function') AS started;
RESET ROLE;
SELECT vault.rotate_due() > 0 AS done;
SET ROLE regress_rights_admin;
SELECT vault.remove_rotation('function');
RESET ROLE;
SELECT * FROM regress_rights.log;
SELECT pending_version FROM vault.secrets WHERE tenant = 'rights' AND name = 'function';
TRUNCATE regress_rights.log;
SET ROLE regress_rights_admin;
SELECT vault.put('function', 'four');
SELECT vault.set_rotation('function', NULL, 'function',
	'{"set": "regress_rights.set", "test": "regress_rights.never", "undo": "regress_rights.undo"}',
	overlap => '0') IS NULL AS on_demand;
SELECT vault.rotate('function') AS started;
RESET ROLE;
SELECT vault.rotate_due() > 0 AS done;
SET ROLE regress_rights_admin;
SELECT vault.rollback('function', 1), vault.get('function');
RESET ROLE;
SELECT * FROM regress_rights.log;
SELECT current_version, pending_version FROM vault.secrets
	WHERE tenant = 'rights' AND name = 'function';
SELECT vault.rotate_due() > 0 AS retired;
TRUNCATE regress_rights.log;
-- an undo that fails ends it all the same, and says so
SET ROLE regress_rights_admin;
SELECT vault.set_rotation('function', NULL, 'function',
	'{"set": "regress_rights.set", "test": "regress_rights.never", "undo": "regress_rights.fail"}',
	overlap => '0') IS NULL AS on_demand;
SELECT vault.rotate('function') AS started;
RESET ROLE;
SELECT vault.rotate_due() > 0 AS done;
SET ROLE regress_rights_admin;
SELECT vault.remove_rotation('function');
RESET ROLE;
SELECT error FROM vault_data.rotation WHERE tenant_id = :'tenant' ORDER BY started_at DESC LIMIT 1;
TRUNCATE regress_rights.log;

-- a version whose own end has come before it was promoted does not replace one that works
SET ROLE regress_rights_admin;
SELECT vault.set_rotation('function', NULL, 'function',
	'{"set": "regress_rights.set", "undo": "regress_rights.undo"}',
	overlap => '0') IS NULL AS on_demand;
SELECT vault.set_type_policy('generic', max_lifetime => '1 second');
SELECT vault.rotate('function') AS started, vault.reset_type_policy('generic');
RESET ROLE;
SELECT vault.rotate_due(1);
SELECT pg_sleep_until(v.expires_at) FROM vault.versions v
	WHERE v.tenant = 'rights' AND v.name = 'function' AND v.label = 'pending';
SELECT vault.rotate_due();
:status;
SELECT * FROM regress_rights.log;
SET ROLE regress_rights_admin;
SELECT vault.get('function');
SELECT vault.rotate('function') AS started;
RESET ROLE;
SELECT vault.rotate_due() > 0 AS done;
:status;

-- values that can be generated are generated, one by one and by a pattern
SET ROLE regress_rights_admin;
SELECT vault.put('made/json', '{}'::jsonb, 'json');
SELECT vault.put('made/ssh', vault.generate('ssh_key'), 'ssh_key');
SELECT name, outcome FROM vault.rotate_matching('made/**');
SELECT name, outcome, version FROM vault.rotate_matching('made/**', dry_run => false);

-- end
RESET ROLE;
SELECT * FROM vault.verify('rights');
SELECT vault.destroy_tenant('rights', 'rights'), vault.destroy_tenant('rights-b', 'rights-b');
\set VERBOSITY sqlstate
DROP SCHEMA regress_rights CASCADE;
DROP ROLE regress_rights_admin, regress_rights_blind, regress_rights_rotator, regress_rights_owner,
	regress_rights_other, regress_rights_op, regress_rights_login, regress_rights_a,
	regress_rights_b, regress_rights_c, regress_rights_between, regress_rights_member;

-- Who may do what to a rotation, and which runs are stopped: what a rotator reaches is more than the secret.
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
SELECT vault.create_tenant('rights', 'regress_rights_admin') AS tenant, vault.create_tenant('rights-b', 'regress_rights_other') IS NOT NULL AS other \gset
CREATE FUNCTION pg_temp.verifier(name text) RETURNS text LANGUAGE sql AS $$ SELECT rolpassword FROM pg_authid WHERE rolname = 'regress_rights_' || name $$;
CREATE PROCEDURE pg_temp.make_due(secret text) LANGUAGE sql AS $$
	UPDATE vault_data.rotation r SET try_at = '2020-01-01', retire_at = CASE WHEN retire_at IS NOT NULL THEN timestamptz '2020-01-01' END FROM vault.secrets s WHERE s.id = r.secret_id AND s.tenant = 'rights' AND s.name = secret AND r.step NOT IN ('done', 'failed');
	UPDATE vault_data.rotation_schedule c SET next_at = '2020-01-01' FROM vault.secrets s WHERE s.id = c.secret_id AND s.tenant = 'rights' AND s.name = secret
$$;
\set status 'SELECT name, rotator, state, step, version, attempts, last_error FROM vault.rotation_status WHERE tenant = ''rights'' ORDER BY name'
SET ROLE regress_rights_op;
SELECT vault.allow_rotation('regress_rights_' || r, 'rights') FROM unnest('{login,a,b,c}'::text[]) AS r;
SET ROLE regress_rights_admin;
SELECT vault.create_principal(p, db_role => 'regress_rights_' || p) IS NOT NULL AS made FROM unnest('{blind,rotator,owner}'::text[]) AS p;
SELECT vault.add_member('admin', 'blind');
SELECT vault.grant('rotator', '{rotate}', '**') IS NOT NULL AS granted;
SELECT vault.put('login', 'one'), vault.put('plain', 'one'), vault.put('function', 'one'), vault.put('pair', '{"user": "regress_rights_a", "password": "a"}'::jsonb, 'json'),
	vault.put('pair2', '{"user": "regress_rights_c", "password": "c"}'::jsonb, 'json');
SELECT vault.set_rotation('login', 'weekly', 'postgres_role', '{"user": "regress_rights_login"}', overlap => '0') IS NOT NULL AS set;
SELECT vault.set_rotation('plain', 'weekly') IS NOT NULL AS set;

-- "rotate" alone rotates, but neither chooses the password of a role nor changes what an administrator has set
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
SELECT vault.rotate('login'), vault.rotate('plain', 'given'), vault.set_rotation('plain', 'daily') IS NOT NULL AS changed;
SELECT vault.remove_rotation('plain');
SET ROLE regress_rights_admin;
SELECT vault.grant('rotator', '{write}', 'login') IS NOT NULL AS granted;
SET ROLE regress_rights_rotator;
SELECT vault.rotate('login', 'of a writer');
SET ROLE regress_rights_admin;
SELECT vault.set_rotation('login', 'daily', 'postgres_role', '{"user": "regress_rights_login"}', overlap => '0') IS NOT NULL AS changed;

-- a function is given the values: who sets it may read them
RESET ROLE;
CREATE SCHEMA regress_rights AUTHORIZATION regress_rights_owner;
GRANT USAGE ON SCHEMA regress_rights TO regress_rights_admin;
SET ROLE regress_rights_owner;
CREATE TABLE regress_rights.log (step text, version integer, previous text);
CREATE FUNCTION regress_rights.set(name text, environment text, version integer, value text, previous_value text) RETURNS void LANGUAGE sql AS $$ INSERT INTO regress_rights.log VALUES ('set', $3, $5) $$;
SET ROLE regress_rights_blind;
SELECT vault.get('function');
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "regress_rights.set"}');
SET ROLE regress_rights_admin;
SELECT vault.set_rotation('function', NULL, 'function', '{"set": "regress_rights.set"}', overlap => '0') IS NULL AS on_demand;
SELECT vault.remove_rotation('function');

-- a role that can become another tenant's principal is that tenant's login: refused, and also when it becomes one later
RESET ROLE;
CREATE ROLE regress_rights_between NOLOGIN IN ROLE regress_rights_other;
CREATE ROLE regress_rights_member LOGIN IN ROLE regress_rights_between;
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

-- end
RESET ROLE;
SELECT * FROM vault.verify('rights');
SELECT vault.destroy_tenant('rights', 'rights'), vault.destroy_tenant('rights-b', 'rights-b');
\set VERBOSITY sqlstate
DROP SCHEMA regress_rights CASCADE;
DROP ROLE regress_rights_admin, regress_rights_blind, regress_rights_rotator, regress_rights_owner, regress_rights_other, regress_rights_op, regress_rights_login, regress_rights_a, regress_rights_b, regress_rights_c, regress_rights_between, regress_rights_member;

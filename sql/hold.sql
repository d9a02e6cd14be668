-- A vault that is not where its row says that it is at home does nothing outside, says so and why,
-- and goes on where it stood once an operator adopts it.
\set SHOW_CONTEXT never
CREATE ROLE regress_hold_op IN ROLE vault_admin;
CREATE ROLE regress_hold_admin LOGIN;
CREATE ROLE regress_hold_owner;
CREATE ROLE regress_hold_login LOGIN;
SELECT held IS NULL AS at_home FROM vault.status();
SELECT vault.create_tenant('hold', 'regress_hold_admin') IS NOT NULL AS made,
	vault.allow_rotation('regress_hold_login', 'hold');
CREATE SCHEMA regress_hold AUTHORIZATION regress_hold_owner;
GRANT USAGE ON SCHEMA regress_hold TO regress_hold_admin;
SET ROLE regress_hold_owner;
CREATE TABLE regress_hold.seen (what text);
CREATE FUNCTION regress_hold.set(text, text, integer, text, text) RETURNS void
	LANGUAGE sql AS $$ INSERT INTO regress_hold.seen VALUES (format('version %s', $3)) $$;
CREATE FUNCTION regress_hold.undo(text, text, integer, text, text) RETURNS void
	LANGUAGE sql AS $$ INSERT INTO regress_hold.seen VALUES (format('undo %s', $3)) $$;
SET ROLE regress_hold_admin;
SELECT vault.create_principal('owner', db_role => 'regress_hold_owner') IS NOT NULL AS made,
	vault.subscribe('hooks') IS NOT NULL AS subscribed,
	count(vault.put(n, 'value of ' || n))
	FROM unnest('{outside,begun,back,inside,role,external,due}'::text[]) AS n;
SELECT vault.set_rotation(n, 'on demand', 'function',
	'{"set": "regress_hold.set", "undo": "regress_hold.undo"}', overlap => '0') IS NULL AS set
	FROM unnest('{outside,begun,back}'::text[]) AS n;
SELECT vault.set_rotation('inside', 'on demand', overlap => '0') IS NULL AS set,
	vault.set_rotation('external', 'on demand', 'external') IS NULL AS external,
	vault.set_rotation('role', 'on demand', 'postgres_role', '{"user": "regress_hold_login"}',
	overlap => '0') IS NULL AS role, vault.set_rotation('due', '1 second',
	overlap => '0') IS NOT NULL AS due;
SELECT vault.rotate('begun'), vault.rotate('back');
SET ROLE regress_hold_op;
SELECT vault.rotate_due(1000) > 0 AS done;
SET ROLE regress_hold_admin;
SELECT vault.rotate('begun');
SELECT count(*) FROM vault.next_notifications('hooks', lease => '0');

-- each part of its origin that differs, and a row that is missing
RESET ROLE;
CREATE FUNCTION pg_temp.held_if(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	reason text;
BEGIN
	EXECUTE change;
	reason := (SELECT held FROM vault.status());
	RAISE EXCEPTION '%', reason USING ERRCODE = 'P0999';
EXCEPTION WHEN SQLSTATE 'P0999' THEN
	RETURN SQLERRM;
END
$$;
-- (a system may tell neither its id nor when a file was made)
SELECT v.attribute, regexp_replace(
	pg_temp.held_if(format('UPDATE vault_data.origin SET %I = %s', v.attribute, v.value)),
	'(; another machine|; its files were copied or restored)$', CASE WHEN v.attribute = 'file'
	THEN '\1' ELSE '' END) AS held
FROM (VALUES ('id', 'gen_random_uuid()'), ('system', '''1'''), ('timeline', '77'),
	('machine', 'repeat(''0'', 32)'), ('directory', '''/elsewhere'''), ('file', '''1'''),
	('born', '''1.000000001'''), ('database', '1'), ('written', '''4''::xid'),
	('since', 'now()')) AS v (attribute, value);
SELECT pg_temp.held_if('DELETE FROM vault_data.origin') AS held;
SELECT
	pg_temp.held_if(
	'CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM vault_data.origin; '
	'DELETE FROM vault_data.origin; INSERT INTO vault_data.origin SELECT * FROM pg_temp.kept')
	AS put_back;
SELECT attname AS unedited FROM pg_attribute
	WHERE attrelid = 'vault_data.origin'::regclass AND attnum BETWEEN 1 AND 10
EXCEPT
	SELECT
	unnest('{id,system,timeline,machine,directory,file,born,database,written,since}'::name[]);
SELECT held IS NULL AS at_home FROM vault.status();

-- held
UPDATE vault_data.origin SET directory = '/srv/original';
SET ROLE regress_hold_op;
SELECT held FROM vault.status();
SELECT vault.rotate_due();
SELECT vault.rotate_root_key();
SET ROLE regress_hold_admin;
\set VERBOSITY terse
SELECT vault.rotate('outside');
SELECT vault.rotate('outside', 'chosen');
SELECT vault.rollback('back', 1);
SELECT * FROM vault.next_notifications('hooks');
SELECT name, outcome FROM vault.rotate_matching('**') WHERE name NOT IN ('begun')
	ORDER BY name COLLATE "C";
SELECT name, outcome FROM vault.rotate_matching('outside', dry_run => false);

-- work inside goes on: reading, writing, rotation of values and of roles of this server
SELECT vault.get('outside'), vault.put('outside2', 'x'), vault.rotate('inside'),
	vault.rotate('role');
SELECT vault.rotate('external') IS NULL AS begun;
SELECT vault.complete_rotation(rotation, 'from outside') FROM vault.rotation_status
	WHERE name = 'external';

-- the jobs do nothing, and it costs no attempt
RESET ROLE;
UPDATE vault_data.rotation_schedule SET next_at = now(), due_at = now() FROM vault_data.secret s
	WHERE s.id = secret_id AND s.name = 'due';
SELECT state, attempts FROM vault.rotation_status WHERE tenant = 'hold' AND name IN ('begun', 'due')
	ORDER BY name COLLATE "C";
SET ROLE vault_jobs;
CALL vault_data.job_rotate();
SELECT vault_data.job_warn() IS NULL AS warn, vault_data.job_expire() IS NULL AS expire,
	vault_data.job_rotate_step() IS NULL AS rotate, vault_data.job_purge() IS NOT NULL AS purge;
RESET ROLE;
SELECT state, attempts FROM vault.rotation_status WHERE tenant = 'hold' AND name IN ('begun', 'due')
	ORDER BY name COLLATE "C";

-- a rotation can be taken away before the copy is adopted: nothing is undone outside
SET ROLE regress_hold_admin;
SELECT vault.remove_rotation('begun');
SET ROLE regress_hold_owner;
SELECT what FROM regress_hold.seen ORDER BY what COLLATE "C";

-- adopt: an operator, with a reason, while it is held
SET ROLE regress_hold_admin;
SELECT vault.adopt('mine');
SET ROLE regress_hold_op;
SELECT vault.adopt(NULL);
SELECT vault.adopt('  ');
BEGIN;
SELECT vault.adopt('rolled back');
SELECT held IS NULL AS at_home FROM vault.status();
ROLLBACK;
SELECT held IS NULL AS at_home FROM vault.status();
SELECT vault.adopt('the regression test put it here');
SELECT held IS NULL AS at_home FROM vault.status();
SELECT vault.adopt('again');
RESET ROLE;
SELECT operation, decision, reason, detail ? 'deleted' AS before,
	detail ->> 'directory' = '/srv/original' AS of_the_original FROM vault.audit
WHERE object_kind = 'origin' AND operation = 'adopt' AND decision = 'allow' ORDER BY id DESC
	LIMIT 2;
SELECT decision, reason FROM vault.audit
	WHERE operation = 'adopt' AND reason NOT LIKE 'the regression%' AND role LIKE 'regress_hold%'
	ORDER BY id;
SELECT operation, decision FROM vault.audit
	WHERE object_kind = 'origin' AND operation = 'direct update' AND decision = 'alert'
	ORDER BY id DESC LIMIT 1;

-- and what was missed is done once
SET ROLE regress_hold_op;
SELECT vault.rotate_due(1000) > 0 AS done;
RESET ROLE;
SELECT s.name, count(v.*) AS versions FROM vault_data.secret s JOIN vault_data.secret_version v
	ON v.tenant_id = s.tenant_id AND v.secret_id = s.id
	WHERE s.name = 'due' AND s.tenant_id = (SELECT id FROM vault.tenants WHERE name = 'hold')
	GROUP BY s.name;
SET ROLE regress_hold_admin;
SELECT kind, secret, count(*) FROM vault.next_notifications('hooks')
	WHERE secret IN ('inside', 'external', 'due') GROUP BY 1, 2 ORDER BY 1, 2;
SELECT vault.rollback('back', 1);
SELECT vault.remove_rotation(n) FROM unnest('{outside,back,inside,role,external,due}'::text[]) AS n;
RESET ROLE;
SELECT count(*) FROM vault.verify('hold');
SELECT vault.destroy_tenant('hold', 'hold');
DROP SCHEMA regress_hold CASCADE;
DROP ROLE regress_hold_op, regress_hold_admin, regress_hold_owner, regress_hold_login;

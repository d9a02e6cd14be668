-- Groups of a token give the roles that they are mapped to, for its transaction and to no one else;
-- nothing of it can be handed on, and what a role denies counts.
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE ROLE regress_groups_admin;
CREATE ROLE regress_groups_manager;
CREATE ROLE regress_groups_other;
CREATE ROLE regress_groups_pool;
CREATE ROLE regress_groups_op IN ROLE vault_admin;
SELECT vault.create_tenant('groups-a', 'regress_groups_admin') AS a,
	vault.create_tenant('groups-b', 'regress_groups_other') AS b \gset
CREATE FUNCTION pg_temp.state(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.sees(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	PERFORM vault.login(token);
	SELECT concat_ws(' ', principal, token_roles, ':',
	(SELECT string_agg(name, ' ' ORDER BY name) FROM vault.get_many('**'))) INTO answer
	FROM vault.whoami();
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
\set jwks `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print jwks(key("okta"))'`
SET ROLE regress_groups_admin;
SELECT vault.create_principal(p) IS NOT NULL AS made FROM unnest(ARRAY['ana', 'ben']) AS p;
SELECT vault.create_principal('manager', db_role => 'regress_groups_manager') IS NOT NULL AS made;
SELECT vault.create_role(r) IS NOT NULL AS made FROM unnest(ARRAY['team', 'inner', 'denied']) AS r;
SELECT vault."grant"('ana', '{read}', 'own/**') IS NOT NULL AS g1,
	vault."grant"('team', '{read}', 'team/**') IS NOT NULL AS g2,
	vault."grant"('inner', '{read,grant}', 'inner/**') IS NOT NULL AS g3,
	vault."grant"('denied', '{read}', 'own/**', effect => 'deny') IS NOT NULL AS g4,
	vault."grant"('manager', '{read,grant}', 'team/**') IS NOT NULL AS g5;
SELECT vault.add_member('inner', 'team');
SELECT vault.put('own/key', 'own'), vault.put('team/key', 'team'), vault.put('inner/key', 'inner'),
	vault.put('far/key', 'far');
SELECT vault.allow_tokens('regress_groups_pool');
SELECT vault.add_issuer('keycloak', 'https://idp.example', 'vault', :'jwks',
	'{"groups": "/realm_access/roles"}') IS NOT NULL AS added,
	vault.add_issuer('plain', 'https://plain.example', 'vault', :'jwks') IS NOT NULL AS added;

-- the caller of map_group() must be able to hand out all that the role holds
SET ROLE regress_groups_manager;
SELECT r, pg_temp.state(format('SELECT vault.map_group(''keycloak'', ''g'', %L)', r))
	FROM unnest(ARRAY['team', 'owner', 'reader', 'denied', 'none']) AS r;
-- nor does an administrator deny the owners' tokens what it does not hold itself
SET ROLE regress_groups_admin;
BEGIN;
SELECT vault.add_member('admin', 'manager');
SET LOCAL ROLE regress_groups_manager;
SELECT r, pg_temp.state(format('SELECT vault.map_group(''keycloak'', ''g'', %L)', r))
	FROM unnest(ARRAY['denied', 'reader', 'writer']) AS r;
ROLLBACK;
SET ROLE regress_groups_op;
SELECT pg_temp.state('SELECT vault.map_group(''keycloak'', ''g'', ''team'')');
SET ROLE regress_groups_other;
SELECT pg_temp.state('SELECT vault.map_group(''keycloak'', ''g'', ''reader'')');
SET ROLE regress_groups_admin;
SELECT pg_temp.state(format('SELECT vault.map_group(%s)', s))
	FROM unnest(ARRAY['NULL, ''g'', ''team''', '''none'', ''g'', ''team''',
	'''plain'', ''g'', ''team''', '''keycloak'', NULL, ''team''', '''keycloak'', '''', ''team''',
	'''keycloak'', ''g'', NULL', '''keycloak'', ''g'', ''ana''']) AS s;
SELECT vault.map_group('keycloak', 'developers', 'team') IS NOT NULL AS m1,
	vault.map_group('keycloak', 'readers', 'reader') IS NOT NULL AS m2,
	vault.map_group('keycloak', 'everyone', 'denied') IS NOT NULL AS m3,
	vault.map_group('keycloak', 'admins', 'owner') IS NOT NULL AS m4,
	vault.map_group('keycloak', 'admins', 'team') IS NOT NULL AS m5;
SELECT vault.map_group('keycloak', 'admins', 'owner');
SELECT issuer, group_name, role, created_by FROM vault.group_roles ORDER BY group_name, role;

-- in the transaction of the token, for those groups
\set tokens `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e '$k = key("okta"); print join " ", map { token($k, {sub => $$_[0], realm_access => {roles => $$_[1]}}) } ["ana", []], ["ana", ["developers"]], ["ana", ["developers", "offline_access"]], ["ana", ["Developers", "team", "reader"]], ["ana", "developers"], ["ana", ["readers"]], ["ana", ["everyone"]], ["ana", ["admins", "everyone"]], ["ben", ["developers"]], ["eve", ["admins"]], ["ana", {developers => 1}], ["ana", ["developers", 1]]'`
\set others `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e '$k = key("okta"); print join " ", token($k, {sub => "ana", groups => ["admins"]}), token($k, {iss => "https://plain.example", sub => "ana", realm_access => {roles => ["admins"]}}), token($k, {sub => "ana"})'`
SET ROLE regress_groups_pool;
SELECT (convert_from(decode(translate(p, '-_', '+/') || repeat('=', (4 - length(p) % 4) % 4),
	'base64'), 'UTF8')::jsonb)->'realm_access'->'roles' AS groups, pg_temp.sees(t)
	FROM unnest(string_to_array(:'tokens', ' ')) AS t, split_part(t, '.', 2) AS p;
SELECT pg_temp.sees(t) FROM unnest(string_to_array(:'others', ' ')) AS t;
SELECT pg_temp.state('SELECT vault.get(''team/key'')');
-- the next transaction has none of it, nor has another principal of this session
SELECT split_part(:'tokens', ' ', 2) AS developer, split_part(:'tokens', ' ', 8) AS admin,
	split_part(:'tokens', ' ', 1) AS plain \gset
BEGIN;
SELECT vault.login(:'developer'), vault.get('team/key'), vault.get('inner/key');
SAVEPOINT s;
SELECT vault.login(:'plain');
SELECT pg_temp.state('SELECT vault.get(''team/key'')'), token_roles FROM vault.whoami();
ROLLBACK TO s;
SELECT vault.get('team/key'), token_roles, issuer FROM vault.whoami();
SELECT applies, reason, via FROM vault.explain_access('ana', 'read', 'team/key');
COMMIT;
-- as a role says it, taken away in an open transaction
BEGIN;
SELECT vault.login(:'developer'), vault.get('team/key');
SET LOCAL vault.token = '';
SET LOCAL ROLE regress_groups_admin;
SELECT vault.unmap_group('keycloak', 'developers', 'team');
SET LOCAL ROLE regress_groups_pool;
SET LOCAL vault.token = :'developer';
SELECT pg_temp.state('SELECT vault.get(''team/key'')');
ROLLBACK;

-- an administrator by a group administers, and cannot hand anything on
BEGIN;
SELECT vault.login(:'admin');
SELECT c, pg_temp.state('SELECT ' || c)
	FROM unnest(ARRAY['vault.create_principal(''made'')',
	'vault."grant"(''made'', ''{read}'', ''**'')', 'vault."grant"(''ana'', ''{read}'', ''far/**'')',
	'vault.add_member(''owner'', ''ana'')', 'vault.add_member(''team'', ''ana'')',
	'vault.issue_token(''ana'')', 'vault.add_subject(''ana'', ''keycloak'', ''x'')',
	'vault.map_group(''keycloak'', ''x'', ''team'')',
	'vault.add_issuer(''x'', ''https://x.example'', ''x'', ''{}'')',
	'vault.unmap_group(''keycloak'', ''everyone'', ''denied'')',
	'vault.put(''far/key'', ''changed'')', 'vault.get(''own/key'')', 'vault.get(''far/key'')']) AS
	c;
ROLLBACK;

-- as if: what a token with roles could, without one
SET ROLE regress_groups_admin;
SELECT effect, applies, reason, via FROM vault.explain_access('ana', 'read', 'team/key');
SELECT effect, applies, reason, via
	FROM vault.explain_access('ana', 'read', 'team/key', roles => '{team}');
SELECT effect, applies, reason, via
	FROM vault.explain_access('ana', 'read', 'own/key', roles => '{denied,reader}');
SELECT vault.explain_access('ana', 'read', 'own/key', roles => '{none}');
SET ROLE regress_groups_manager;
SELECT pg_temp.state('SELECT vault.explain_access(''manager'', ''read'', ''own/key'')'),
	pg_temp.state(
	'SELECT vault.explain_access(''manager'', ''read'', ''own/key'', roles => ''{denied}'')');
SET ROLE regress_groups_admin;
-- a document has them, and the same again changes nothing
SELECT vault.export_policy() AS document \gset
SELECT jsonb_pretty(:'document'::jsonb->'group_roles');
SELECT count(*) FROM vault.import_policy(:'document');
SELECT action, kind, name, detail FROM
	vault.import_policy(
	'{"format": "vault-policy-v1", "group_roles": [{"issuer": "keycloak", "group": "developers", '
	'"role": "team"}, {"issuer": "keycloak", "group": "ops", "role": "inner"}]}',
	dry_run => false);
SELECT group_name, role FROM vault.group_roles ORDER BY 1, 2;
SELECT pg_temp.state(format('SELECT vault.import_policy(%L)',
	jsonb_build_object('format', 'vault-policy-v1', 'group_roles', d::jsonb)))
	FROM unnest(ARRAY['[{"issuer": "none", "group": "g", "role": "team"}]',
	'[{"issuer": "keycloak", "group": "g", "role": "none"}]',
	'[{"issuer": "keycloak", "group": "", "role": "team"}]', '[{"group": "g"}]']) AS d;
SET ROLE regress_groups_manager;
SELECT count(*) FROM vault.group_roles;

-- more than 32 roles for one token: refused, and not cut off
SET ROLE regress_groups_admin;
SELECT count(vault.create_role('r' || i)) FROM generate_series(1, 33) AS i;
SELECT count(vault.map_group('keycloak', 'many', 'r' || i)) FROM generate_series(1, 32) AS i;
\set many `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {sub => "ana", realm_access => {roles => ["many"]}})'`
SET ROLE regress_groups_pool;
SELECT cardinality(token_roles) FROM (SELECT vault.login(:'many')) AS l, vault.whoami();
SET ROLE regress_groups_admin;
SELECT vault.map_group('keycloak', 'many', 'r33') IS NOT NULL AS mapped;
SET ROLE regress_groups_pool;
SELECT pg_temp.sees(:'many');
SET ROLE regress_groups_admin;
SELECT count(vault.drop_role('r' || i)) FROM generate_series(1, 33) AS i;
SELECT count(*) FROM vault.group_roles WHERE group_name = 'many';

-- a superuser's own mapping is refused, and found; each covered column
RESET ROLE;
UPDATE vault_data.group_role SET group_name = 'nobody' WHERE group_name = 'ops';
SET ROLE regress_groups_pool;
SELECT pg_temp.sees(:'developer');
RESET ROLE;
SELECT object_kind, name, fault FROM vault.verify('groups-a') ORDER BY 1, 2, 3;
UPDATE vault_data.group_role SET group_name = 'ops' WHERE group_name = 'nobody';
CREATE FUNCTION pg_temp.edited(attribute text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	ALTER TABLE vault_data.group_role DISABLE TRIGGER ALL;
	EXECUTE format('UPDATE vault_data.group_role SET %I = %s WHERE group_name = ''ops''', attribute,
	value);
	SELECT string_agg(DISTINCT fault, ', ') INTO answer
	FROM unnest(ARRAY['groups-a', 'groups-b']) AS t,
	vault.verify(t) AS v (object_kind, object_id, object_name, fault)
	WHERE fault = 'changed outside vault';
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	RETURN answer;
END
$$;
SELECT attname, pg_temp.edited(attname, v) FROM pg_attribute
	JOIN (VALUES ('tenant_id', quote_literal(:'b')), ('id', 'gen_random_uuid()'),
	('issuer_id', 'gen_random_uuid()'), ('group_name', '''all''::text'),
	('role_id', 'gen_random_uuid()'), ('created_at', 'now()'), ('created_by', 'NULL'),
	('revision', 'revision + 1')) AS c (a, v) ON a = attname
WHERE attrelid = 'vault_data.group_role'::regclass AND attnum > 0 ORDER BY attnum;
-- in the trail: with each row, which roles the token gave
SELECT operation, decision, reason, subject, count(*) FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND principal = 'ana' AND (reason LIKE '%role%' OR reason LIKE '%group%')
	GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, reason COLLATE "C";
SELECT operation, reason, subject FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND decision = 'deny' AND reason LIKE 'VT014%' GROUP BY 1, 2, 3
	ORDER BY reason COLLATE "C", subject;
SELECT vault.destroy_tenant('groups-a', 'groups-a'), vault.destroy_tenant('groups-b', 'groups-b');
SELECT count(*) FROM vault_data.group_role;
DROP ROLE regress_groups_admin, regress_groups_manager, regress_groups_other, regress_groups_pool,
	regress_groups_op;

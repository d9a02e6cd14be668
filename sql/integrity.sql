-- Rows that decide carry a MAC over every column that decides; a row changed outside of a call is
-- refused where it is used, and verify names it.
\set SHOW_CONTEXT never

-- covered columns stand before revision, columns that decide nothing after mac: a new column goes
-- to one of the two
CREATE TEMP VIEW deciding AS
SELECT c.oid, c.relname, r.attnum AS revision, a.attnum AS mac
FROM pg_class c JOIN pg_attribute r ON r.attrelid = c.oid AND r.attname = 'revision'
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'mac'
	WHERE c.relnamespace = 'vault_data'::regnamespace AND c.relkind IN ('r', 'p');
SELECT relname, string_agg(attname, ' ' ORDER BY attnum) FILTER
	(WHERE attnum < revision) AS covered,
	string_agg(attname, ' ' ORDER BY attnum) FILTER (WHERE attnum > mac) AS not_covered
FROM deciding d JOIN pg_attribute a ON attrelid = d.oid AND attnum > 0 AND NOT attisdropped
	GROUP BY relname ORDER BY relname;
SELECT relname FROM deciding WHERE mac <> revision + 1;
-- every other table, and why its rows need none: keys are bound by cryptography, the trail has its
-- own
SELECT relname FROM pg_class WHERE relnamespace = 'vault_data'::regnamespace
	AND relkind IN ('r', 'p') AND oid NOT IN (SELECT oid FROM deciding) AND NOT relispartition
	ORDER BY 1;
-- the mac is written last of all
SELECT relname, tgname, tgtype, tgenabled FROM deciding d JOIN LATERAL
	(SELECT * FROM pg_trigger WHERE tgrelid = d.oid AND tgtype & 2 = 2 AND NOT tgisinternal
	ORDER BY tgname DESC LIMIT 1) t ON true ORDER BY relname;

CREATE ROLE regress_integrity_admin;
CREATE ROLE regress_integrity_app;
CREATE ROLE regress_integrity_second;
CREATE ROLE regress_integrity_other;
CREATE ROLE regress_integrity_op IN ROLE vault_admin;
SELECT vault.create_tenant('integrity-a', 'regress_integrity_admin') AS a,
	vault.create_tenant('integrity-b', 'regress_integrity_other') AS b \gset
SET ROLE regress_integrity_admin;
SELECT vault.put('one', 'first'), vault.put('one', 'second'), vault.put('one', 'third'),
	vault.put('two', 'of two');
SELECT vault.create_principal('app', db_role => 'regress_integrity_app') AS app,
	vault.create_principal('second', db_role => 'regress_integrity_second') AS second \gset
SELECT vault."grant"('app', '{read,write,delete}', '**', '{default,prod}') AS allowed,
	vault."grant"('second', '{read}', 'one') AS to_second \gset
SELECT vault."grant"('app', '{read}', 'two', effect => 'deny') AS denied \gset
SET ROLE regress_integrity_other;
SELECT vault.put('one', 'of b');

SET ROLE regress_integrity_admin;
SELECT vault.create_role('crew') IS NOT NULL AS made;
SELECT vault.add_member('crew', 'app');

-- the rows' own MACs
RESET ROLE;
SELECT name, revision, octet_length(mac) FROM vault_data.secret WHERE tenant_id = :'a'
	ORDER BY name;
SELECT count(*) = count(DISTINCT mac) AS all_differ
	FROM (SELECT mac FROM vault_data.secret UNION ALL SELECT mac FROM vault_data.access_grant
	UNION ALL SELECT mac FROM vault_data.principal UNION ALL SELECT mac
	FROM vault_data.principal_binding UNION ALL SELECT mac FROM vault_data.tenant) AS m;
SELECT operation, object_kind, detail->'revision' AS revision FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND object_kind IN ('tenant', 'secret', 'grant') ORDER BY id;

-- a change outside, what then happens to a call of one of the roles, and what verify says; undone
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE statement INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
CREATE FUNCTION pg_temp.findings() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT string_agg(concat_ws(' ', object_kind, name, fault), '; ' ORDER BY object_kind,
	name, fault) FROM vault.verify('integrity-a') WHERE object_kind <> 'catalog');
EXCEPTION WHEN SQLSTATE 'VT010' THEN
	RETURN (SELECT string_agg(concat_ws(' ', object_kind, name, fault), '; ') FROM vault.verify()
	WHERE object_kind = 'tenant' AND name IN ('renamed', 'integrity-c'));
END
$$;
CREATE FUNCTION pg_temp.after(change text, who text, call text)
	RETURNS TABLE (answer text, finding text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE change;
	finding := pg_temp.findings();
	PERFORM set_config('role', who, true);
	answer := pg_temp.try(call);
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	RETURN NEXT;
END
$$;
SELECT * FROM pg_temp.after('SELECT 1', 'regress_integrity_app', 'SELECT vault.get(''one'')');

-- each covered column of each table, with every trigger of the table off
CREATE TEMP TABLE ids AS SELECT :'b'::uuid AS b, :'app'::uuid AS app, :'second'::uuid AS second;
CREATE TEMP TABLE edit (tab text, attribute text, value text, which text);
INSERT INTO edit VALUES
	('tenant', 'tenant_id', 'gen_random_uuid()', 'name = ''integrity-a'''),
	('tenant', 'name', '''renamed''', 'name = ''integrity-a'''),
	('tenant', 'state', '''suspended''', 'name = ''integrity-a'''),
	('tenant', 'recovery_window', '''7 days''', 'name = ''integrity-a'''),
	('tenant', 'environments', '''{default,prod}''', 'name = ''integrity-a'''),
	('tenant', 'administered', 'false', 'name = ''integrity-a'''),
	('tenant', 'created_at', 'created_at - interval ''1 us''', 'name = ''integrity-a'''),
	('principal', 'tenant_id', '(SELECT b FROM ids)', 'name = ''app'''),
	('principal', 'id', 'gen_random_uuid()', 'name = ''app'''),
	('principal', 'name', '''boss''', 'name = ''app'''),
	('principal', 'kind', '''user''', 'name = ''app'''),
	('principal', 'created_at', 'created_at - interval ''1 us''', 'name = ''app'''),
	('principal_binding', 'tenant_id', '(SELECT b FROM ids)',
	'role_name = ''regress_integrity_app'''),
	('principal_binding', 'role_name', '''regress_integrity_op''',
	'role_name = ''regress_integrity_app'''),
	('principal_binding', 'principal_id', '(SELECT second FROM ids)',
	'role_name = ''regress_integrity_app'''),
	('principal_binding', 'created_at', 'created_at - interval ''1 us''',
	'role_name = ''regress_integrity_app'''),
	('access_grant', 'tenant_id', '(SELECT b FROM ids)', 'effect = ''deny'''),
	('access_grant', 'id', 'gen_random_uuid()', 'effect = ''deny'''),
	('access_grant', 'principal_id', '(SELECT app FROM ids)', 'name_pattern = ''one'''),
	('access_grant', 'effect', '''allow''', 'effect = ''deny'''),
	('access_grant', 'permissions', '''{write}''', 'effect = ''deny'''),
	('access_grant', 'name_pattern', '''none''', 'effect = ''deny'''),
	('access_grant', 'environments', '''{none}''', 'effect = ''deny'''),
	('access_grant', 'created_at', 'created_at - interval ''1 us''', 'effect = ''deny'''),
	('access_grant', 'created_by', 'NULL', 'effect = ''deny'''),
	('access_grant', 'addresses', '''{0.0.0.0/0}''', 'effect = ''deny'''),
	('access_grant', 'windows', '''{"daily 00:00-24:00 UTC"}''', 'effect = ''deny'''),
	('access_grant', 'services', '''{cn:none}''', 'effect = ''deny'''),
	('access_grant', 'require_tls', 'true', 'effect = ''deny'''),
	('access_grant', 'require_session_user', 'true', 'effect = ''deny'''),
	('access_grant', 'valid_from', 'now()', 'effect = ''deny'''),
	('access_grant', 'valid_until', 'now()', 'effect = ''deny'''),
	('role_member', 'tenant_id', '(SELECT b FROM ids)', 'true'),
	('role_member', 'id', 'gen_random_uuid()', 'true'),
	('role_member', 'role_id', '(SELECT second FROM ids)', 'true'),
	('role_member', 'member_id', '(SELECT second FROM ids)', 'true'),
	('role_member', 'created_at', 'created_at - interval ''1 us''', 'true'),
	('role_member', 'created_by', 'NULL', 'true'),
	('secret', 'tenant_id', '(SELECT b FROM ids)', 'name = ''two'''),
	('secret', 'id', 'gen_random_uuid()', 'name = ''one'''),
	('secret', 'environment', '''prod''', 'name = ''one'''),
	('secret', 'name', '''three''', 'name = ''one'''),
	('secret', 'type', '''password''', 'name = ''one'''),
	('secret', 'current_version', '1', 'name = ''one'''),
	('secret', 'previous_version', '1', 'name = ''one'''),
	('secret', 'pending_version', '1', 'name = ''one'''),
	('secret', 'last_version', '4', 'name = ''one'''),
	('secret', 'expires_at', 'now() + interval ''1 year''', 'name = ''one'''),
	('secret', 'purge_at', 'now()', 'name = ''one'''),
	('secret', 'deactivated_at', 'now()', 'name = ''one'''),
	('secret', 'deleted_at', 'now()', 'name = ''one'''),
	('secret', 'created_at', 'created_at - interval ''1 us''', 'name = ''one'''),
	('secret', 'grace_until', 'now() + interval ''1 year''', 'name = ''one'''),
	('secret', 'extensions', '1', 'name = ''one''');
INSERT INTO edit SELECT 'secret_version', attribute, value,
	'version = 1 AND secret_id = (SELECT s.id FROM vault_data.secret s WHERE s.name = ''one'' AND '
	's.tenant_id = secret_version.tenant_id)'
FROM (VALUES ('tenant_id', '(SELECT b FROM ids)'), ('secret_id', 'gen_random_uuid()'),
	('version', '100'), ('key_generation', '2'), ('created_at', 'created_at - interval ''1 us'''),
	('created_by', 'NULL'), ('destroyed_at', 'now(), envelope = NULL'), ('retired_at', 'now()'),
	('expires_at', '''2099-01-01'''), ('fingerprint', '''\x00'''), ('type', '''json'''),
	('weak', 'true')) AS v (attribute, value);
-- No column is left out. Those of tokens are edited in sql/issuers.sql, of subjects and groups in
-- sql/subjects.sql and sql/groups.sql, of rotations in sql/rotation_targets.sql. Those of types are
-- edited in sql/type_policies.sql, of retention and reservations in t/016_integrity.pl, of the
-- origin in sql/hold.sql.
SELECT relname, attname FROM deciding d JOIN pg_attribute a
	ON attrelid = d.oid AND attnum BETWEEN 1 AND revision - 1 AND NOT attisdropped
	WHERE relname !~ 'token|subject|group_role|type|rotation|audit_policy|reservation|origin' EXCEPT
	SELECT tab, attribute FROM edit;
SELECT tab, attribute, answer, finding FROM edit,
	pg_temp.after(
	format(
	'ALTER TABLE vault_data.%I DISABLE TRIGGER ALL; '
	'UPDATE vault_data.%1$I SET %I = %s WHERE tenant_id = %L AND %s',
	tab, attribute, value, :'a', which),
	'regress_integrity_app', CASE attribute WHEN 'environment'
	THEN 'SELECT vault.get(''one'', environment => ''prod'')'
	ELSE 'SELECT vault.get(' || CASE WHEN attribute = 'name' AND tab = 'secret' THEN '''three'')'
	WHEN tab = 'secret' AND attribute = 'tenant_id' THEN '''two'')' ELSE '''one'')' END END)
WHERE tab <> 'secret_version';
-- a version: refused where it is read, made current or judged by; the current one is read from its
-- head, and goes on
SELECT attribute, call, answer, finding FROM edit,
	(VALUES ('get(''one'', 1)'), ('rollback(''one'', 1)'), ('destroy(''one'', 1)'),
	('get(''one'')')) AS c (call),
	pg_temp.after(
	format(
	'ALTER TABLE vault_data.%I DISABLE TRIGGER ALL; '
	'UPDATE vault_data.%1$I SET %I = %s WHERE tenant_id = %L AND %s; '
	'ALTER TABLE vault_data.%1$I ENABLE ALWAYS TRIGGER write_mac',
	tab, attribute, value, :'a', which), 'regress_integrity_admin', 'SELECT vault.' || call)
WHERE tab = 'secret_version' AND (call = 'get(''one'', 1)'
	OR attribute IN ('retired_at', 'expires_at')) ORDER BY call, attribute;
SET ROLE regress_integrity_admin;
SELECT vault.set_type_policy('password', history => 3),
	vault.put('login', 'Tr0ub4dor&3xkcd-1', 'password'), vault.rotate('login', 'Tr0ub4dor&3xkcd-2');
RESET ROLE;
SELECT change, answer FROM (VALUES ('fingerprint = fingerprint'), ('fingerprint = NULL'),
	('expires_at = now() + interval ''1 year''')) AS c (change),
	(VALUES ('put(''login'', ''Tr0ub4dor&3xkcd-1'')'),
	('set_expiry(''login'', now() + interval ''1 day'')')) AS s (call),
	pg_temp.after(format('UPDATE vault_data.secret_version SET ' || change
	||
	' WHERE tenant_id = %L AND secret_id = (SELECT id FROM vault_data.secret WHERE tenant_id = '
	'%1$L AND name = ''login'')',
	:'a'), 'regress_integrity_admin', 'SELECT vault.' || call) ORDER BY call, change;
-- revision and mac themselves; a copy of a whole row with its mac under another id
SELECT change, answer, finding FROM (VALUES ('revision = revision + 1'), ('mac = ''\x00'''),
	('mac = mac || ''\x00'''), ('mac = set_byte(mac, 31, get_byte(mac, 31) # 1)'),
	('mac = (SELECT mac FROM vault_data.secret WHERE name = ''two'' AND tenant_id = %L)')) AS c
	(change),
	pg_temp.after(format('UPDATE vault_data.secret SET ' || change
	|| ' WHERE name = ''one'' AND tenant_id = %L', :'a', :'a'), 'regress_integrity_app',
	'SELECT vault.get(''one'')');
-- an uncovered column may be changed: it decides nothing, and the envelope is bound by itself
SELECT change, answer, finding FROM (VALUES ('description = ''changed'''),
	('tags = ''{"a": "b"}'''), ('updated_at = now()'), ('envelope = NULL')) AS c (change),
	pg_temp.after(format('UPDATE vault_data.secret SET ' || change
	|| ' WHERE name = ''one'' AND tenant_id = %L', :'a'), 'regress_integrity_app',
	'SELECT vault.get(''one'')');

-- no call makes a changed row valid: it is refused before it is written
CREATE TEMP TABLE call (who text, call text);
INSERT INTO call VALUES ('admin', 'put(''one'', ''x'')'),
	('admin', 'put(''one'', ''x'', label => ''pending'')'), ('admin', 'rotate(''one'')'),
	('admin', 'rollback(''one'')'), ('admin', 'delete(''one'')'),
	('admin', 'deactivate(''one'', ''test'')'), ('admin', 'rename(''one'', ''three'')'),
	('admin', 'tag(''one'', ''{"a": "b"}'')'), ('admin', 'set_expiry(''one'', NULL)'),
	('admin', 'extend_expiry(''one'', now() + interval ''2 days'', ''x'')'),
	('admin', 'destroy(''one'', 1)'), ('admin', 'describe(''one'')'),
	('admin', 'get(''one'', 1)'), ('admin', 'get_bytes(''one'')'), ('admin', 'get_json(''one'')'),
	('admin', 'get_many(''**'')'), ('app', 'get_many(''o*'')');
SELECT who, call, answer FROM call,
	pg_temp.after(
	format(
	'UPDATE vault_data.secret SET expires_at = now() + interval ''1 day'' WHERE name = ''one'' AND '
	'tenant_id = %L',
	:'a'), 'regress_integrity_' || who, 'SELECT vault.' || call);
-- others of the tenant and other tenants go on
SELECT who, call, answer FROM (VALUES ('admin', 'SELECT vault.get(''two'')'),
	('second', 'SELECT count(*) FROM vault.get_many(''t*'')'),
	('other', 'SELECT vault.get(''one'')')) AS c (who, call),
	pg_temp.after(
	format(
	'UPDATE vault_data.secret SET expires_at = now() + interval ''1 day'' WHERE name = ''one'' AND '
	'tenant_id = %L',
	:'a'), 'regress_integrity_' || who, call);
SELECT who, change, answer FROM (VALUES ('app'), ('admin'), ('second'), ('other')) AS w (who),
	(VALUES
	(
	'UPDATE vault_data.principal_binding SET created_at = now() WHERE role_name = '
	'''regress_integrity_app'''),
	('UPDATE vault_data.principal SET kind = ''user'' WHERE name = ''app'''),
		(
		'UPDATE vault_data.access_grant SET effect = ''allow'' WHERE effect = ''deny'' AND '
		'name_pattern = ''two'''),
		('UPDATE vault_data.tenant SET recovery_window = ''7 days'' WHERE name = ''integrity-a'''))
		AS c (change),
	pg_temp.after(change, 'regress_integrity_' || who, 'SELECT vault.get(''one'')') ORDER BY 2, 1;

-- a binding of one's own making, or that of another role: no principal, and told why; an operator
-- stays one
SELECT who, answer FROM (VALUES ('second'), ('op')) AS w (who),
	pg_temp.after(
	format('INSERT INTO vault_data.principal_binding (tenant_id, role_name, principal_id, revision,
		mac, db_role)
	SELECT tenant_id, ''regress_integrity_op'', principal_id, revision, mac,
		''regress_integrity_op''::regrole FROM vault_data.principal_binding
	WHERE tenant_id = %L AND role_name = ''regress_integrity_admin''', :'a'),
	'regress_integrity_' || who, CASE who WHEN 'op'
	THEN 'SELECT concat_ws('' '', tenant, principal, operator) FROM vault.whoami()'
	ELSE 'SELECT vault.get(''one'')' END);
SELECT * FROM pg_temp.after(format(
	'UPDATE vault_data.principal_binding SET principal_id = (SELECT principal_id FROM '
	'vault_data.principal_binding WHERE tenant_id = %L AND role_name = '
	'''regress_integrity_admin'') WHERE role_name = ''regress_integrity_app''',
	:'a'), 'regress_integrity_app', 'SELECT vault.get(''one'')');

-- rows that other decisions use: an administrator's rights before an operator appoints another,
-- the name that a grant is given to, the text of a window
SELECT who, call, change, answer FROM (VALUES
	('op', 'appoint_admin(''integrity-a'', ''regress_integrity_op'')',
	'UPDATE vault_data.access_grant SET name_pattern = ''none'' WHERE name_pattern = ''**'' AND '
	'tenant_id = %L'),
	('op', 'drop_principal(''second'', ''integrity-a'')',
	'UPDATE vault_data.access_grant SET name_pattern = ''none'' WHERE name_pattern = ''**'' AND '
	'tenant_id = %L'),
	('op', 'suspend_tenant(''integrity-a'')',
	'UPDATE vault_data.tenant SET created_at = now() WHERE tenant_id = %L'),
	('op', 'destroy_tenant(''integrity-c'', ''integrity-c'')',
	'UPDATE vault_data.tenant SET name = ''integrity-c'' WHERE tenant_id = %L'),
	('admin', '"grant"(''boss'', ''{read}'', ''**'')',
	'UPDATE vault_data.principal SET name = ''boss'' WHERE name = ''app'' AND tenant_id = %L'),
	('admin', 'explain_access(''app'', ''read'', ''one'')',
	'UPDATE vault_data.access_grant SET effect = ''allow'' WHERE effect = ''deny'' AND tenant_id = '
	'%L'),
	('admin', 'set_recovery_window(''8 days'')',
	'UPDATE vault_data.tenant SET recovery_window = ''7 days'' WHERE tenant_id = %L')) AS c
	(who, call, change),
	pg_temp.after(format(change, :'a'), 'regress_integrity_' || who, 'SELECT vault.' || call);
-- purge takes only what vault deleted; an administrator can take a changed grant back
SELECT answer FROM pg_temp.after(format(
	'UPDATE vault_data.secret SET purge_at = now() WHERE tenant_id = %L', :'a'),
	'regress_integrity_op', 'SELECT vault.purge()');
SELECT answer FROM pg_temp.after(format(
	'UPDATE vault_data.access_grant SET effect = ''allow'' WHERE id = %L', :'denied'),
	'regress_integrity_admin', format('SELECT vault.revoke(%L)', :'denied'));

-- its report
\set VERBOSITY default
BEGIN;
UPDATE vault_data.principal_binding SET created_at = now()
	WHERE role_name = 'regress_integrity_app';
SET LOCAL ROLE regress_integrity_app;
SELECT vault.get('one');
ROLLBACK;
\set VERBOSITY sqlstate

-- put back as it was, all is well
UPDATE vault_data.secret SET expires_at = now() + interval '1 day'
	WHERE tenant_id = :'a' AND name = 'one';
SET ROLE regress_integrity_app;
SELECT vault.get('one');
RESET ROLE;
UPDATE vault_data.secret SET expires_at = NULL WHERE tenant_id = :'a' AND name = 'one';
SET ROLE regress_integrity_app;
SELECT vault.get('one');
SELECT vault.get('two');
RESET ROLE;
SELECT * FROM vault.verify('integrity-a');

-- the helpers are for the inside
SELECT vault_data.is_authentic(t) FROM vault_data.tenant t LIMIT 1;
SELECT vault_data.require_authentic(t) FROM vault_data.tenant t LIMIT 1;
SELECT vault_data.authenticate_row();
SET ROLE regress_integrity_admin;
SELECT vault_data.is_authentic(row(1));

RESET ROLE;
SELECT vault.destroy_tenant('integrity-a', 'integrity-a'),
	vault.destroy_tenant('integrity-b', 'integrity-b');
DROP FUNCTION pg_temp.after(text, text, text), pg_temp.findings(), pg_temp.try(text);
DROP TABLE ids, edit, call;
DROP VIEW deciding;
DROP ROLE regress_integrity_admin, regress_integrity_app, regress_integrity_second,
	regress_integrity_other, regress_integrity_op;

-- verify finds what was changed outside vault: old rows put back, rows inserted, copied, deleted,
-- envelopes exchanged, objects of the extension altered. It is for operators, auditors and
-- administrators.
\set SHOW_CONTEXT never
-- a transaction that locks the trail could not wait for its own record there
SET vault.audit_mode = queued;
CREATE ROLE regress_verify_admin;
CREATE ROLE regress_verify_app;
CREATE ROLE regress_verify_second;
CREATE ROLE regress_verify_other;
CREATE ROLE regress_verify_stranger;
CREATE ROLE regress_verify_op IN ROLE vault_admin;
CREATE ROLE regress_verify_auditor IN ROLE vault_auditor;
SELECT vault.create_tenant('verify-a', 'regress_verify_admin') AS a,
	vault.create_tenant('verify-b', 'regress_verify_other') AS b \gset
SET ROLE regress_verify_admin;
SELECT vault.put('one', 'first'), vault.put('one', 'second'), vault.put('two', 'of two'),
	vault.put('long', repeat('x', 5000)), vault.put('gone', 'x'), vault.put('destroyed', 'x'),
	vault.put('destroyed', 'y');
SELECT vault.create_principal('app', db_role => 'regress_verify_app') AS app,
	vault.create_principal('second', db_role => 'regress_verify_second') AS second,
	vault.create_principal('third') AS third \gset
SELECT vault."grant"('app', '{read}', '**') AS allowed,
	vault."grant"('app', '{read}', 'two', effect => 'deny') AS denied,
	vault."grant"('second', '{read}', '**') AS revoked \gset
SET ROLE regress_verify_other;
SELECT vault.put('one', 'of b');
SELECT vault."grant"('regress_verify_other', '{read}', 'some') AS of_b \gset

-- images of rows, for later; then life goes on
RESET ROLE;
CREATE SCHEMA regress_verify;
CREATE TABLE regress_verify.tenant AS SELECT * FROM vault_data.tenant WHERE tenant_id = :'a';
CREATE TABLE regress_verify.principal AS SELECT * FROM vault_data.principal WHERE tenant_id = :'a';
CREATE TABLE regress_verify.principal_binding AS SELECT * FROM vault_data.principal_binding
	WHERE tenant_id = :'a';
CREATE TABLE regress_verify.access_grant AS SELECT * FROM vault_data.access_grant
	WHERE tenant_id = :'a';
CREATE TABLE regress_verify.secret AS SELECT * FROM vault_data.secret WHERE tenant_id = :'a';
CREATE TABLE regress_verify.secret_version AS SELECT * FROM vault_data.secret_version
	WHERE tenant_id = :'a';
SET ROLE regress_verify_admin;
SELECT vault.put('one', 'third'), vault.destroy('destroyed', 1), vault.revoke(:'revoked'),
	vault.set_recovery_window('7 days');
SELECT vault.drop_principal('second'), vault.drop_principal('third');
SELECT vault.create_principal('fourth', db_role => 'regress_verify_second') AS fourth \gset
RESET ROLE;
-- a secret whose window is over is purged
CREATE FUNCTION pg_temp.in_the_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.purge_at := clock_timestamp() - interval '1 second';
	RETURN NEW;
END
$$;
CREATE TRIGGER in_the_past BEFORE UPDATE ON vault_data.secret FOR EACH ROW
	WHEN (NEW.purge_at IS NOT NULL) EXECUTE FUNCTION pg_temp.in_the_past();
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER in_the_past;
SET ROLE regress_verify_admin;
SELECT vault.delete('gone') IS NOT NULL AS deleted;
RESET ROLE;
DROP TRIGGER in_the_past ON vault_data.secret;
SELECT vault.purge() > 0 AS purged;

-- all is well
SELECT * FROM vault.verify('verify-a');
SELECT * FROM vault.verify('verify-b');

CREATE FUNCTION pg_temp.after(change text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	findings text[];
BEGIN
	EXECUTE change;
	findings := ARRAY(SELECT concat_ws(' ', object_kind, name) || ': ' || fault
	FROM vault.verify('verify-a') ORDER BY object_kind COLLATE "C", name COLLATE "C",
	fault COLLATE "C");
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	RETURN QUERY SELECT * FROM unnest(findings);
END
$$;
-- the same with the table's triggers off, which is not listed
CREATE FUNCTION pg_temp.silently(tab text, change text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT f FROM pg_temp.after(format('ALTER TABLE vault_data.%I DISABLE TRIGGER ALL; %s', tab,
	change)) AS f WHERE f NOT LIKE 'catalog vault_data.' || tab || ': trigger % is disabled'
$$;
CREATE FUNCTION pg_temp.put_back(tab text, condition text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT pg_temp.silently(tab, format(
	'DELETE FROM vault_data.%1$I x WHERE %2$s; '
	'INSERT INTO vault_data.%1$I SELECT * FROM regress_verify.%1$I x WHERE %2$s',
	tab, condition))
$$;

-- old rows put back: their macs are right
SELECT pg_temp.put_back('secret', 'name = ''one'' AND tenant_id <> ''' || :'b' || '''');
SELECT pg_temp.put_back('tenant', 'name = ''verify-a''');
SELECT pg_temp.put_back('secret', 'name = ''gone''');
SELECT pg_temp.put_back('access_grant', 'id = ''' || :'revoked' || '''');
SELECT pg_temp.put_back('principal', 'id = ''' || :'third' || '''');
SELECT pg_temp.put_back('principal_binding', 'role_name = ''regress_verify_second''');
SELECT pg_temp.put_back('secret_version',
	'secret_id = (SELECT id FROM vault_data.secret WHERE name = ''destroyed'' AND tenant_id = '''
	|| :'a' || ''') AND version = 1');

-- a grant made directly, with no mac, with that of another, with that of another tenant
SELECT mac,
	pg_temp.after(
	format(
	'INSERT INTO vault_data.access_grant (tenant_id, id, principal_id, effect, permissions, '
	'name_pattern, revision, mac) SELECT tenant_id, gen_random_uuid(), principal_id, ''allow'', '
	'permissions, ''made'', 1, '
	|| mac || ' FROM vault_data.access_grant WHERE id = %L', :'allowed'))
FROM (VALUES ('''\x''::bytea'), ('mac')) AS m (mac);
SELECT pg_temp.silently('access_grant',
	format(
	'INSERT INTO vault_data.access_grant SELECT %L, id, %L, effect, permissions, name_pattern, '
	'environments, addresses, windows, services, require_tls, require_session_user, valid_from, '
	'valid_until, created_at, created_by, revision, mac FROM vault_data.access_grant WHERE id = %L',
	:'a', :'app', :'of_b'));
-- made long ago, as if: the mac tells
SELECT pg_temp.silently('access_grant',
	format(
	'INSERT INTO vault_data.access_grant SELECT tenant_id, gen_random_uuid(), principal_id, '
	'effect, permissions, ''made'', environments, addresses, windows, services, require_tls, '
	'require_session_user, valid_from, valid_until, ''2001-01-01'', created_by, 1, '
	'mac FROM vault_data.access_grant WHERE id = %L',
	:'allowed'));
-- secrets copied, one over the other, from another tenant
SELECT pg_temp.silently('secret', format(
	'UPDATE vault_data.secret s SET current_version = o.current_version, '
	'previous_version = o.previous_version, last_version = o.last_version, revision = o.revision, '
	'mac = o.mac, envelope = o.envelope FROM vault_data.secret o WHERE s.tenant_id = %L AND '
	'o.tenant_id = %1$L AND s.name = ''two'' AND o.name = ''one''',
	:'a'));
SELECT pg_temp.silently('secret', format(
	'INSERT INTO vault_data.secret SELECT %L, id, environment, ''copied'', type, current_version, '
	'previous_version, pending_version, last_version, expires_at, purge_at, deactivated_at, '
	'deleted_at, created_at, grace_until, extensions, revision, mac, '
	'envelope FROM vault_data.secret WHERE tenant_id = %L',
	:'a', :'b'));

-- rows that vault made, with a right mac, in a transaction that was rolled back: the trail never
-- heard of them
BEGIN;
SET LOCAL ROLE regress_verify_admin;
SELECT vault."grant"('app', '{write}', '**') AS unmade \gset
SELECT vault.deactivate('two', 'test');
RESET ROLE;
SELECT g AS image FROM vault_data.access_grant g WHERE id = :'unmade' \gset grant_
SELECT s AS image FROM vault_data.secret s WHERE tenant_id = :'a' AND name = 'two' \gset secret_
ROLLBACK;
SET ROLE regress_verify_admin;
SELECT vault.rename('two', 'second');
SELECT vault.rename('second', 'two'), vault.delete('two') IS NOT NULL AS deleted;
SELECT vault.undelete('two');
RESET ROLE;
SELECT pg_temp.silently('access_grant',
	format('INSERT INTO vault_data.access_grant SELECT (%L::vault_data.access_grant).*',
	:'grant_image'));
SELECT pg_temp.silently('secret', format(
	'DELETE FROM vault_data.secret WHERE tenant_id = %L AND name = ''two''; '
	'INSERT INTO vault_data.secret SELECT (%L::vault_data.secret).*',
	:'a', :'secret_image'));
-- and of the revision that the trail knows
BEGIN;
SET LOCAL ROLE regress_verify_admin;
SELECT vault.deactivate('long', 'test');
RESET ROLE;
SELECT s AS image FROM vault_data.secret s WHERE tenant_id = :'a' AND name = 'long' \gset secret_
ROLLBACK;
SET ROLE regress_verify_admin;
SELECT vault.rename('long', 'longer');
RESET ROLE;
SELECT pg_temp.silently('secret', format(
	'DELETE FROM vault_data.secret WHERE tenant_id = %L AND name = ''longer''; '
	'INSERT INTO vault_data.secret SELECT (%L::vault_data.secret).*',
	:'a', :'secret_image'));
SET ROLE regress_verify_admin;
SELECT vault.rename('longer', 'long');
RESET ROLE;

-- rows deleted, with a trace and without
SELECT pg_temp.after(format('DELETE FROM vault_data.access_grant WHERE id = %L', :'denied'));
SELECT pg_temp.silently('access_grant',
	format('DELETE FROM vault_data.access_grant WHERE id = %L', :'denied'));
SELECT pg_temp.after(format('DELETE FROM vault_data.principal WHERE id = %L', :'app'));
SELECT pg_temp.silently('principal_binding',
	'DELETE FROM vault_data.principal_binding WHERE role_name = ''regress_verify_app''');
SELECT pg_temp.after(format('DELETE FROM vault_data.secret WHERE tenant_id = %L AND name = ''two''',
	:'a'));
SELECT pg_temp.silently('secret_version',
	format('DELETE FROM vault_data.secret_version WHERE tenant_id = %L AND version = 2', :'a'));
-- a tenant's row: it has keys still
BEGIN;
ALTER TABLE vault_data.tenant DISABLE TRIGGER ALL;
DELETE FROM vault_data.tenant WHERE tenant_id = :'a';
SELECT object_kind, name, fault FROM vault.verify() WHERE object_id = :'a';
ROLLBACK;

-- envelopes: of another version, of another secret, changed, under another key; the copy in the
-- head alone
SELECT
	pg_temp.after(
	format(
	'UPDATE vault_data.secret_version v SET envelope = o.envelope FROM vault_data.secret_version o '
	'WHERE v.tenant_id = %L AND o.secret_id = v.secret_id AND v.version = 2 AND o.version = 3',
	:'a'));
SELECT
	pg_temp.after(
	format(
	'UPDATE vault_data.secret_version v SET envelope = o.envelope FROM vault_data.secret_version '
	'o, vault_data.secret s, vault_data.secret t WHERE v.tenant_id = %L AND s.tenant_id = '
	'v.tenant_id AND t.tenant_id = v.tenant_id AND v.secret_id = s.id AND o.secret_id = t.id AND '
	's.name = ''long'' AND t.name = ''two''',
	:'a'));
SELECT
	pg_temp.after(
	format(
	'UPDATE vault_data.secret_version v SET envelope = set_byte(raw, 100, get_byte(raw, '
	'100) # 1)::vault.envelope FROM (SELECT secret_id AS s, version AS v, '
	'vault_data.envelope_send(envelope) AS raw FROM vault_data.secret_version) o, '
	'vault_data.secret s WHERE s.tenant_id = %L AND s.name = ''long'' AND v.secret_id = s.id AND '
	'(s, v) = (secret_id, version)',
	:'a'));
SELECT
	pg_temp.after(
	format(
	'UPDATE vault_data.secret_version v SET key_generation = 2 FROM vault_data.secret s WHERE '
	's.tenant_id = %L AND s.name = ''two'' AND s.id = secret_id',
	:'a'));
SELECT
	pg_temp.after(
	format(
	'UPDATE vault_data.secret s SET envelope = v.envelope FROM vault_data.secret_version v WHERE '
	's.tenant_id = %L AND s.name = ''one'' AND v.secret_id = s.id AND v.version = 1',
	:'a'));
SELECT
	pg_temp.after(
	format(
	'UPDATE vault_data.tenant_key k SET wrapped = o.wrapped FROM vault_data.tenant_key o WHERE '
	'k.tenant_id = %L AND o.tenant_id = %L',
	:'a', :'b'));
SELECT pg_temp.silently('secret_version',
	format(
	'INSERT INTO vault_data.secret_version (tenant_id, secret_id, version, key_generation, '
	'envelope, revision, mac) SELECT tenant_id, secret_id, version + 10, key_generation, envelope, '
	'revision, mac FROM vault_data.secret_version WHERE tenant_id = %L AND version = 3',
	:'a'));
SELECT
	pg_temp.after(
	format(
	'UPDATE vault_data.secret SET last_version = 2147483647 WHERE tenant_id = %L AND name = '
	'''one''',
	:'a'));
-- a schedule that was put off: each of its times, and those of the run
SET ROLE regress_verify_admin;
SELECT vault.put('plan/' || n, 'x'),
	vault.set_rotation('plan/' || n, every, time_window => part,
	overlap => '1 hour') IS NOT NULL AS due
FROM (VALUES (1, 'daily', NULL), (2, '30 3 29 2 *', NULL), (3, 'weekly', 'mon 02:00-04:00 UTC'),
	(4, 'on demand', NULL), (5, 'daily', 'daily 00:00-24:00 UTC')) AS v (n, every, part);
SELECT vault.rotate('plan/1', 'y'),
	vault.set_rotation('plan/5', 'weekly', 'external') IS NOT NULL AS external;
RESET ROLE;
SELECT * FROM vault.verify('verify-a');
SELECT change, f AS finding FROM (VALUES ('due_at = NULL'),
	('due_at = ''2099-01-01'', next_at = ''2099-01-01'''),
	('due_at = due_at + interval ''3 days'''), ('next_at = NULL'), ('next_at = ''infinity'''),
	('next_at = next_at + interval ''2 hours'''), ('next_at = now() - interval ''1 day''')) AS c
	(change)
	LEFT JOIN LATERAL pg_temp.silently('rotation_schedule',
	format('UPDATE vault_data.rotation_schedule SET %s WHERE tenant_id = %L', change, :'a')) AS f
	ON true;
SELECT pg_temp.silently('rotation',
	format(
	'UPDATE vault_data.rotation SET step = ''wait'', try_at = ''2099-01-01'' WHERE tenant_id = %L',
	:'a'));
-- a trail that says nonsense does not stop it
BEGIN;
ALTER TABLE vault_data.audit_log DISABLE TRIGGER append_only;
UPDATE vault_data.audit_log SET detail = detail || '{"revision": "x", "principal_id": "y"}'
	WHERE tenant_id = :'a' AND object_kind IN ('grant', 'binding') AND operation = 'create_tenant';
SELECT object_kind, name, fault FROM vault.verify('verify-a') WHERE object_kind <> 'catalog';
ROLLBACK;

-- the extension's own objects
CREATE TEMP TABLE alteration (n serial, change text);
INSERT INTO alteration (change) VALUES
	('ALTER TABLE vault_data.access_grant DISABLE TRIGGER audit'),
	('ALTER TABLE vault_data.access_grant ENABLE TRIGGER write_mac'),
	('ALTER TABLE vault_data.access_grant ENABLE REPLICA TRIGGER changed'),
	('ALTER TABLE vault_data.principal_binding DISABLE TRIGGER "RI_ConstraintTrigger_c_'
	|| (SELECT oid FROM pg_trigger WHERE tgrelid = 'vault_data.principal_binding'::regclass
	AND tgisinternal AND tgtype & 4 = 4) || '"'),
	('DROP TRIGGER write_mac ON vault_data.tenant'),
	(
	'DROP TRIGGER audit ON vault_data.tenant; '
	'CREATE TRIGGER audit AFTER INSERT ON vault_data.tenant FOR EACH ROW EXECUTE FUNCTION '
	'vault_data.audit_change(''tenant''); '
	'ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER audit'),
	(
	'DROP TRIGGER counter ON vault_data.secret; '
	'CREATE TRIGGER counter BEFORE UPDATE ON vault_data.secret FOR EACH ROW WHEN (false) EXECUTE '
	'FUNCTION vault_data.refuse_reuse(); '
	'ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER counter'),
	(
	'CREATE TRIGGER mine AFTER INSERT ON vault_data.secret FOR EACH ROW EXECUTE FUNCTION '
	'suppress_redundant_updates_trigger(); '
	'ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER mine'),
	('ALTER TABLE vault_data.audit_log DISABLE TRIGGER append_only'),
	('ALTER TABLE vault_data.secret DISABLE ROW LEVEL SECURITY'),
	('ALTER TABLE vault_data.secret NO FORCE ROW LEVEL SECURITY'),
	('ALTER POLICY tenant ON vault_data.secret USING (true)'),
	('DROP POLICY tenant ON vault_data.secret'),
	('CREATE POLICY mine ON vault_data.secret USING (true)'),
	('ALTER POLICY tenant ON vault_data.secret TO vault_exec'),
	('ALTER TABLE vault_data.secret OWNER TO regress_verify_stranger'),
	('ALTER VIEW vault.secrets OWNER TO regress_verify_stranger'),
	('ALTER FUNCTION vault.seal() OWNER TO regress_verify_stranger'),
	('ALTER SCHEMA vault OWNER TO regress_verify_stranger'),
	('GRANT SELECT ON vault_data.secret TO PUBLIC'),
	('GRANT SELECT (name) ON vault_data.secret TO regress_verify_stranger'),
	('GRANT DELETE ON vault_data.audit_log TO vault_exec'),
	('REVOKE SELECT ON vault.secrets FROM vault_auditor'),
	('GRANT EXECUTE ON FUNCTION vault.purge(integer) TO PUBLIC'),
	('GRANT CREATE ON SCHEMA vault_data TO regress_verify_stranger'),
	(
	'CREATE OR REPLACE FUNCTION vault_data.require_not_deleted(p_secret vault_data.secret) RETURNS '
	'void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS ''BEGIN END'''),
	(
	'CREATE OR REPLACE FUNCTION vault_data.verify_rows(p_tenant uuid) RETURNS TABLE (object_kind '
	'text, object_id uuid, name text, '
	'fault text) LANGUAGE sql STABLE PARALLEL UNSAFE AS ''SELECT NULL, NULL::uuid, NULL, '
	'NULL WHERE false'''),
	(
	'CREATE OR REPLACE FUNCTION vault_data.require(permission text, name text, '
	'environment text) RETURNS void LANGUAGE C VOLATILE PARALLEL UNSAFE AS ''$libdir/vault'', '
	'''vault_permitted'''),
	('ALTER FUNCTION vault.get(text, integer, text) SECURITY DEFINER'),
	('ALTER FUNCTION vault.get(text, integer, text) IMMUTABLE'),
	('ALTER FUNCTION vault_data.list(text, text) SET search_path = public'),
	('ALTER FUNCTION vault_data.sees_all_tenants() RENAME TO overlooks'),
	(
	'CREATE FUNCTION vault.get(integer) RETURNS text LANGUAGE sql VOLATILE PARALLEL UNSAFE AS '
	'''SELECT NULL''; REVOKE ALL ON FUNCTION vault.get(integer) FROM PUBLIC'),
	('CREATE RULE mine AS ON DELETE TO vault_data.access_grant DO INSTEAD NOTHING'),
	('ALTER VIEW vault.secrets RESET (security_barrier)'),
	('ALTER ROLE vault_exec BYPASSRLS'), ('GRANT vault_owner TO regress_verify_stranger'),
	-- the reason why a check cannot be made is reported, and the others are made
	('REVOKE SELECT ON vault_data.access_grant FROM vault_exec'),
	('REVOKE ALL ON vault_data.secret_type FROM vault_exec'),
	('REVOKE EXECUTE ON FUNCTION vault_data.verify_bindings(uuid) FROM vault_exec'),
	(
	'REVOKE SELECT ON vault_data.rotation_schedule FROM vault_exec; '
	'UPDATE vault_data.secret SET last_version = 2147483647 WHERE name = ''one''; '
	'GRANT vault_owner TO regress_verify_stranger'),
	('REVOKE USAGE ON SCHEMA vault_data FROM vault_exec'),
	('ALTER TABLE vault_data.role_member RENAME COLUMN role_id TO part_id'),
	('ALTER FUNCTION vault_data.verify_types() RENAME TO verify_kinds');
SELECT DISTINCT n, regexp_replace(regexp_replace(finding, 'log_[0-9]{4}_[0-9]{2}', 'log_(month)'),
	'[0-9]{4,}', '(oid)') COLLATE "C" AS finding FROM alteration, pg_temp.after(change) AS finding
	ORDER BY n, finding;
-- none went unnoticed
SELECT count(*) AS alterations FROM alteration;

-- the callers that may ask, and about which tenants
SELECT * FROM vault.verify('none');
SET ROLE regress_verify_op;
SELECT count(*) FROM vault.verify('verify-a');
SELECT count(*) >= 0 AS all_tenants FROM vault.verify();
SET ROLE regress_verify_auditor;
SELECT count(*) FROM vault.verify('verify-b');
SET ROLE regress_verify_admin;
SELECT count(*) FROM vault.verify();
SELECT count(*) FROM vault.verify('verify-a');
SELECT count(*) FROM vault.verify('verify-b');
SELECT count(*) FROM vault.verify('none');
\set VERBOSITY default
SET ROLE regress_verify_app;
SELECT count(*) FROM vault.verify();
\set VERBOSITY sqlstate
SELECT count(*) FROM vault.verify('verify-a');
SELECT count(*) FROM vault_data.verify_tenant(:'a');
SET ROLE regress_verify_stranger;
SELECT count(*) FROM vault.verify();
RESET ROLE;
SELECT vault_data.install_statements();
SELECT vault_data.opens(:'a', :'a', 'generic', 1, 1, NULL);
-- it works in a transaction of any kind and returns no value
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT * FROM vault.verify('verify-a');
COMMIT;

SELECT vault.destroy_tenant('verify-a', 'verify-a'), vault.destroy_tenant('verify-b', 'verify-b');
-- missing rows are missing rightly
SELECT * FROM vault.verify() WHERE object_id IN (:'a', :'b', :'app', :'allowed', :'of_b');
SET client_min_messages = warning;
DROP SCHEMA regress_verify CASCADE;
DROP FUNCTION pg_temp.put_back(text, text), pg_temp.silently(text, text), pg_temp.after(text),
	pg_temp.in_the_past();
DROP TABLE alteration;
DROP ROLE regress_verify_admin, regress_verify_app, regress_verify_second, regress_verify_other,
	regress_verify_stranger, regress_verify_op, regress_verify_auditor;

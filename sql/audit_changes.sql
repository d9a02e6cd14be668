-- Every change that commits is one row of the trail: its role and its object, never a
-- value. No role changes the trail.
\set SHOW_CONTEXT never
CREATE ROLE regress_audit_op IN ROLE vault_admin;
CREATE ROLE regress_audit_admin;
CREATE ROLE regress_audit_app;
CREATE ROLE regress_audit_other;
CREATE ROLE regress_audit_auditor IN ROLE vault_auditor;
SET ROLE regress_audit_op;
SELECT vault.create_tenant('audit-a', 'regress_audit_admin') AS a,
	vault.create_tenant('audit-b', 'regress_audit_other') AS b \gset
SET vault.request_id = 'req-1';

-- one row a change, in order, with who and what
SET ROLE regress_audit_admin;
SELECT vault.create_principal('app', db_role => 'regress_audit_app') IS NOT NULL AS made;
SELECT vault."grant"('app', '{read,write}', 'app/*') AS given \gset
SELECT vault.put('app/key', 'canary-7f3a', description => 'canary-7f3a',
	tags => '{"canary": "canary-7f3a"}');
SET ROLE regress_audit_app;
SELECT vault.put('app/key', 'canary-7f3a');
SET ROLE regress_audit_admin;
SELECT vault.put('app/key', 'canary-7f3a', label => 'pending'),
	vault.rotate('app/key', 'canary-7f3a'), vault.rollback('app/key', 1);
SELECT vault.tag('app/key', '{"more": "canary-7f3a"}');
SELECT vault.rename('app/key', 'app/new'), vault.deactivate('app/new', 'leaked'),
	vault.reactivate('app/new', 'false alarm');
SELECT vault.destroy('app/new', 2), vault.delete('app/new') IS NOT NULL AS deleted,
	vault.undelete('app/new');
SELECT vault.revoke(:'given'), vault.drop_principal('app'), vault.set_recovery_window('8 days');
\set masked 'jsonb_strip_nulls(detail) - ''principal_id'' - ''root_generation'' - ''deleted_at'' - ''deactivated_at'' || CASE WHEN detail ?| ''{deleted_at,deactivated_at}'' THEN ''{"(when)": "changed"}'' ELSE ''{}'' END::jsonb'
SELECT tenant, principal, role, operation, decision, object_kind, secret, version, reason,
	:masked AS detail
FROM vault.audit WHERE tenant_id = :'a' AND decision = 'allow' ORDER BY id;
SELECT bool_and(session_role = authenticated_role AND application_name LIKE 'pg_regress%'
	AND NOT tls) AS connection,
	bool_and(xid IS NOT NULL AND at BETWEEN now() - interval '1 hour'
	AND clock_timestamp()) AS time, count(*) FILTER (WHERE request_id = 'req-1') AS with_request_id,
	count(DISTINCT id) = count(*) AS ids_differ, count(grant_id) AS with_grant
FROM vault.audit WHERE tenant_id = :'a';

-- the trail shows failures and rollbacks as such
SELECT max(id) AS before FROM vault.audit \gset
BEGIN;
SELECT vault.put('undone', 'x');
ROLLBACK;
\set VERBOSITY sqlstate
SELECT vault.put('app/new', 'x', expected_version => 1000);
SELECT vault.rename('app/new', 'a b');
SELECT operation, decision, secret, version, reason FROM vault.audit WHERE id > :before ORDER BY id;

-- never a value, nor a description, nor a tag: in no column of no row of no table, in no form
RESET ROLE;
CREATE FUNCTION pg_temp.hits(needle text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	relation regclass;
	found bigint;
	total bigint := 0;
BEGIN
	FOR relation IN SELECT oid FROM pg_class
	WHERE relnamespace = 'vault_data'::regnamespace AND relkind = 'r' AND relname <> 'secret' LOOP
		EXECUTE format('SELECT count(*) FROM %s AS r WHERE position(%L IN r::text) > 0', relation,
		needle) INTO found;
		total := total + found;
	END LOOP;
	RETURN total;
END
$$;
SELECT form, CASE WHEN form LIKE 'a name%' THEN (pg_temp.hits(needle) > 0)::text
	ELSE pg_temp.hits(needle)::text END AS found
	FROM (VALUES ('text', 'canary-7f3a'), ('hex', encode('canary-7f3a', 'hex')),
	('base64', rtrim(encode('canary-7f3a', 'base64'), '=')),
	('a name, which may be', 'app/new')) AS n (form, needle)
ORDER BY form;

-- append-only: for the owner, for vault_exec, for a superuser; the table and its partition
SELECT DISTINCT tableoid::regclass AS part FROM vault_data.audit_log WHERE tenant_id = :'a' \gset
DELETE FROM vault_data.audit_log;
\set VERBOSITY default
UPDATE vault_data.audit_log SET reason = 'x';
\set VERBOSITY sqlstate
TRUNCATE vault_data.audit_log;
UPDATE :part SET reason = 'x';
DELETE FROM :part;
TRUNCATE :part;
SET session_replication_role = replica;
DELETE FROM vault_data.audit_log;
TRUNCATE :part;
RESET session_replication_role;
SET ROLE vault_owner;
DELETE FROM vault_data.audit_log;
TRUNCATE vault_data.audit_log;
SET ROLE vault_exec;
UPDATE vault_data.audit_log SET reason = 'x';
DELETE FROM :part;
RESET ROLE;
SELECT count(*) > 15 AS still_there FROM vault_data.audit_log WHERE tenant_id = :'a';

-- a superuser's direct change of a table is an alert, also with triggers switched to replica
BEGIN;
UPDATE vault_data.secret SET deactivated_at = 'infinity' WHERE tenant_id = :'a';
SET LOCAL session_replication_role = replica;
DELETE FROM vault_data.secret_version WHERE tenant_id = :'a' AND version = 1;
INSERT INTO vault_data.principal (tenant_id, id, name, kind, revision, mac)
	VALUES (:'a', gen_random_uuid(), 'ghost', 'user', 1, '');
SELECT operation, decision, object_kind, role = current_user AS by_me, reason,
	detail - 'secret_id' AS detail
FROM vault_data.audit_log WHERE tenant_id = :'a' AND decision = 'alert' ORDER BY id;
ROLLBACK;

-- visible rows: to a tenant its own, to a principal its own unless it administers, to operators
-- and auditors all
SET ROLE regress_audit_other;
SELECT count(*) FROM vault.audit WHERE tenant_id <> :'b' OR tenant <> 'audit-b';
SELECT count(*) FILTER (WHERE tenant_id = :'b') > 0 AS own FROM vault.audit;
SELECT vault.create_principal('app', db_role => 'regress_audit_app') IS NOT NULL AS made,
	vault."grant"('app', '{write}', '*') IS NOT NULL AS allowed, vault.put('of-admin', 'x');
SET ROLE regress_audit_app;
SELECT vault.put('of-app', 'x');
SELECT principal, operation, secret FROM vault.audit;
SET ROLE regress_audit_auditor;
SELECT count(DISTINCT tenant_id) FROM vault.audit WHERE tenant_id IN (:'a', :'b');
SELECT count(*) > 0 AS of_the_instance FROM vault.audit
	WHERE tenant_id = '00000000-0000-0000-0000-000000000000';
SELECT count(*) FROM vault_data.audit_log;

RESET ROLE;
SELECT vault.destroy_tenant('audit-a', 'audit-a'), vault.destroy_tenant('audit-b', 'audit-b');
DROP FUNCTION pg_temp.hits(text);
DROP ROLE regress_audit_op, regress_audit_admin, regress_audit_app, regress_audit_other,
	regress_audit_auditor;

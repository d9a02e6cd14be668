-- vault.audit_reads is what usage counts as reads, vault.permission_changes who changed who may do
-- what, by names, also of what is gone; both show what vault.audit shows, and no more.
\set SHOW_CONTEXT never
CREATE ROLE regress_views_op IN ROLE vault_admin;
CREATE ROLE regress_views_auditor IN ROLE vault_auditor;
CREATE ROLE regress_views_admin;
CREATE ROLE regress_views_app;
CREATE ROLE regress_views_lead;
CREATE ROLE regress_views_other;
CREATE ROLE regress_views_pool;
\set jwks `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print jwks(key("okta"))'`
SET ROLE regress_views_op;
SELECT vault.create_tenant('views-a', 'regress_views_admin') AS a,
	vault.create_tenant('views-b', 'regress_views_other') AS b \gset

-- permissions in the other tenant, too, so that there is something that must not be seen
SET ROLE regress_views_other;
SELECT vault.create_principal('stranger') IS NOT NULL AS made, vault.put('far/key', 'x'),
	vault.get('far/key');

-- every kind of change
SET ROLE regress_views_admin;
SELECT vault.create_principal('app', db_role => 'regress_views_app') IS NOT NULL AS app,
	vault.create_principal('lead', db_role => 'regress_views_lead') IS NOT NULL AS lead,
	vault.create_principal('leaver') IS NOT NULL AS leaver,
	vault.create_role('team') IS NOT NULL AS team;
SELECT vault.bind_role('leaver', 'regress_views_pool');
SELECT vault.unbind_role('leaver', 'regress_views_pool');
SELECT vault."grant"('app', '{read}', 'app/**') AS given,
	vault."grant"('leaver', '{read,write}', 'app/key', environments => '{dev}') AS cascaded,
	vault."grant"('team', '{delete}', '**', effect => 'deny', require_tls => true) AS denied,
	vault."grant"('lead', '{read,grant}', 'app/**') AS handed \gset
SELECT vault.add_member('team', 'app'), vault.add_member('team', 'leaver');
SELECT vault.remove_member('team', 'app');
SELECT vault.set_environments('{default,dev,prod}');
SELECT vault.allow_tokens('regress_views_pool');
SELECT vault.add_issuer('idp', 'https://idp.example', 'vault', :'jwks',
	'{"groups": "/groups"}') IS NOT NULL AS added;
SELECT vault.add_subject('app', 'idp', 'repo:acme/app') AS subject,
	vault.map_group('idp', 'developers', 'team') AS mapped \gset
SELECT vault.set_recovery_window('8 days');
SELECT vault.put('app/key', 'x'), vault.put('app/db',
	'{"engine": "postgresql", "host": "db.example", "port": 5432, "dbname": "app", "user": "app", '
	'"password": "correct-Horse-7-battery"}'::jsonb,
	'database');
-- a delegate grants, and takes it back
SET ROLE regress_views_lead;
SELECT vault."grant"('app', '{read}', 'app/key') AS lent \gset
SELECT vault.revoke(:'lent');
-- a rollback or a refusal changes nothing
BEGIN;
SELECT vault."grant"('app', '{read}', 'app/*') IS NOT NULL AS undone;
ROLLBACK;
\set VERBOSITY sqlstate
SELECT vault."grant"('app', '{delete}', 'app/*');
SET ROLE regress_views_admin;
SELECT vault.revoke(:'given'), vault.remove_subject('app', 'idp', 'repo:acme/app'),
	vault.unmap_group('idp', 'developers', 'team');
SELECT vault.remove_issuer('idp'), vault.disallow_tokens('regress_views_pool');
SELECT vault.drop_principal('leaver'), vault.drop_role('team');
SET ROLE regress_views_op;
SELECT vault.reserve_role('regress_views_pool', 'views-a'), vault.suspend_tenant('views-a');
SELECT vault.resume_tenant('views-a'), vault.release_role('regress_views_pool', 'views-a');

SET ROLE regress_views_admin;
SELECT by, operation, what, grantee, role, member, db_role, issuer, subject
	FROM vault.permission_changes ORDER BY id;
SELECT operation, what, COALESCE(grantee, role) AS who, effect, permissions, name_pattern,
	environments, detail FROM vault.permission_changes
WHERE object_kind IN ('grant', 'tenant') ORDER BY id;

-- each change of what decides is there, and nothing else
SELECT a.operation, a.decision, a.object_kind, a.detail FROM vault.audit a FULL
	JOIN vault.permission_changes c USING (id)
WHERE c.id IS NULL AND a.object_kind IS NOT NULL AND a.object_kind NOT IN ('secret', 'tenant_key')
	ORDER BY id;
SELECT count(*) = count(DISTINCT id) AS once,
	count(*) FILTER (WHERE concat(grantee, role, member, db_role, issuer, subject, environments,
	by) ~ '[0-9a-f]{8}-') AS uuids,
	count(*) FILTER (WHERE tenant <> 'views-a') AS of_others FROM vault.permission_changes;

-- the alert of a change outside the vault is one, and forges no name
RESET ROLE;
BEGIN;
INSERT INTO vault_data.principal (tenant_id, id, name, kind, revision, mac)
SELECT :'a', object_id, 'forged', 'user', 1, '' FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND detail->>'name' = 'leaver' AND decision = 'allow' LIMIT 1;
DELETE FROM vault_data.principal WHERE tenant_id = :'a' AND name = 'forged';
UPDATE vault_data.access_grant SET effect = 'deny', environments = '{dev}'
	WHERE tenant_id = :'a' AND id = :'handed';
SET ROLE regress_views_auditor;
SELECT operation, decision, what, grantee, effect, environments, reason, detail
	FROM vault.permission_changes WHERE tenant_id = :'a' AND decision = 'alert' ORDER BY id;
SELECT DISTINCT grantee FROM vault.permission_changes
	WHERE tenant_id = :'a' AND operation = 'drop_principal' AND what = 'grant revoked';
ROLLBACK;

-- reads: each function that gives a value, and neither refusals nor failures nor what else is done
-- with a secret
SET ROLE regress_views_lead;
SELECT vault.get('app/key'), length(vault.get_bytes('app/key')) AS bytes,
	vault.get_json('app/db')->>'user' AS json, vault.get_field('app/db', 'user') AS field,
	vault.conninfo('app/db') IS NOT NULL AS conninfo,
	vault.database_url('app/db') IS NOT NULL AS url;
SELECT count(*) FROM vault.get_many('app/**');
BEGIN;
SELECT vault.get('app/key');
ROLLBACK;
SELECT vault.get('app/none');
SELECT vault.get('app/key', 99);
SELECT vault.get_field('app/db', 'none');
SELECT name FROM vault.list('app/**');
SELECT principal, operation, decision, secret, version, count(*) FROM vault.audit_reads GROUP BY 1,
	2, 3, 4, 5 ORDER BY operation, secret;
-- by whichever name: what answers with a value is in the list
RESET ROLE;
SELECT proname FROM pg_proc WHERE pronamespace = 'vault'::regnamespace
	AND proname ~ '^(get|conninfo|database_url)'
	AND NOT vault_data.is_read(proname, 'allow', 'secret', gen_random_uuid());
SELECT o, vault_data.is_read(o, d, k, i)
	FROM (VALUES ('get', 'deny', 'secret', :'a'::uuid), ('get', 'allow', NULL, :'a'),
	('get', 'allow', 'secret', NULL), ('put', 'allow', 'secret', :'a'),
	(NULL, 'allow', 'secret', :'a'), ('getter', 'allow', 'secret', :'a')) AS v (o, d, k, i);

-- visible rows: to a principal its own, to an administrator the tenant's, to another tenant's
-- none of them, to operators and auditors all
SET ROLE regress_views_lead;
SELECT by, operation, what, grantee, name_pattern FROM vault.permission_changes ORDER BY id;
SET ROLE regress_views_app;
SELECT (SELECT count(*) FROM vault.audit_reads) AS reads,
	(SELECT count(*) FROM vault.permission_changes) AS changes;
SET ROLE regress_views_other;
SELECT DISTINCT tenant, grantee FROM vault.permission_changes
	WHERE tenant <> 'views-b' OR grantee = 'stranger';
SELECT tenant, operation, secret FROM vault.audit_reads;
SET ROLE regress_views_pool;
SELECT count(*) FROM vault.permission_changes;
SET ROLE regress_views_auditor;
SELECT tenant, count(*) AS reads FROM vault.audit_reads WHERE tenant LIKE 'views-%' GROUP BY 1
	ORDER BY 1;
SELECT DISTINCT tenant FROM vault.permission_changes WHERE tenant_id IN (:'a', :'b') ORDER BY 1;
SET ROLE regress_views_op;
SELECT count(DISTINCT tenant) FROM vault.permission_changes WHERE tenant_id IN (:'a', :'b');
-- as many as vault.audit shows, for each of them
SELECT vault.suspend_tenant('views-a');
SET ROLE regress_views_admin;
SELECT (SELECT count(*) FROM vault.audit) AS rows,
	(SELECT count(*) FROM vault.audit_reads) AS reads,
	(SELECT count(*) FROM vault.permission_changes) AS changes;

-- of a tenant that is gone as well
SET ROLE regress_views_op;
SELECT vault.destroy_tenant('views-a', 'views-a'), vault.destroy_tenant('views-b', 'views-b');
SET ROLE regress_views_auditor;
SELECT count(*) FILTER (WHERE what = 'tenant destroyed') AS destroyed,
	count(*) FILTER (WHERE what IN ('principal created', 'principal dropped', 'grant revoked')
	AND grantee IS NULL) AS without_name
FROM vault.permission_changes WHERE tenant_id = :'a';

-- a threshold of the detection of anomalies: which, [old, new], and what it is without
SET ROLE regress_views_op;
SELECT max(id) AS before FROM vault.audit \gset
SELECT vault.set_anomaly_threshold('rate_floor', 1000),
	vault.set_anomaly_threshold('rate_floor', 2000),
	vault.set_anomaly_threshold('rate_floor', NULL);
SELECT operation, detail, reason FROM vault.audit
	WHERE id > :before AND object_kind = 'anomaly_threshold' ORDER BY id;

RESET ROLE;
DROP ROLE regress_views_op, regress_views_auditor, regress_views_admin, regress_views_app,
	regress_views_lead, regress_views_other, regress_views_pool;

-- A tenant's policy as one document: what is exported can be imported elsewhere, twice without a change, only by who could do it call by call, and a malformed one does nothing.
\set SHOW_CONTEXT never
CREATE ROLE regress_document_admin;
CREATE ROLE regress_document_other;
CREATE ROLE regress_document_app;
CREATE ROLE regress_document_lead;
CREATE ROLE regress_document_spare;
CREATE ROLE regress_document_op IN ROLE vault_admin;
SELECT vault.create_tenant('document', 'regress_document_admin') IS NOT NULL AS made, vault.create_tenant('document-2', 'regress_document_other') IS NOT NULL AS made;
SET ROLE regress_document_admin;
SELECT vault.create_principal('app', db_role => 'regress_document_app') IS NOT NULL AS app, vault.create_principal('lead', 'user', 'regress_document_lead') IS NOT NULL AS lead, vault.create_role('team') IS NOT NULL AS team, vault.create_role('crew') IS NOT NULL AS crew;
SELECT vault.add_member('team', 'crew'), vault.add_member('crew', 'app'), vault.add_member('reader', 'lead');
SELECT vault."grant"('team', '{write,read}', 'db/**', '{prod,dev}', addresses => '{2001:db8::/32,10.0.0.0/8}', windows => '{"mon-fri 09:00-17:00 Europe/Berlin"}', services => '{cn:x}', require_tls => true, valid_from => '2026-01-01', valid_until => '2100-01-01', require_session_user => true) IS NOT NULL AS given,
	vault."grant"('app', '{read}', 'no', effect => 'deny') IS NOT NULL AS denied, vault."grant"('app', '{read}', 'no', effect => 'deny') IS NOT NULL AS twice;
SELECT jsonb_pretty(vault.export_policy() #- '{principals}') AS document;
SELECT vault.export_policy() AS document \gset
SELECT * FROM vault.import_policy(:'document', dry_run => false);

-- into another tenant: first only told, then done, then nothing is left to do
SET ROLE regress_document_other;
SELECT action, kind, name, detail - 'permissions' AS detail FROM vault.import_policy(jsonb_set(:'document', '{principals}', '[{"name": "app", "kind": "service"}, {"name": "lead", "kind": "user"}, {"name": "regress_document_admin", "kind": "user"}]'));
SELECT count(*) FROM vault.roles WHERE NOT built_in;
SELECT (vault.export_policy()->'grants') || jsonb_path_query_array(:'document', '$.grants[*] ? (@.grantee != "regress_document_admin")') AS grants \gset
SELECT jsonb_build_object('format', 'vault-policy-v1', 'principals', '[{"name": "app", "kind": "service"}, {"name": "lead", "kind": "user"}]'::jsonb, 'roles', :'document'::jsonb->'roles', 'members', :'document'::jsonb->'members', 'grants', :'grants'::jsonb) AS document2 \gset
SELECT count(*), count(*) FILTER (WHERE action = 'add') FROM vault.import_policy(:'document2', false);
SELECT count(*) FROM vault.import_policy(:'document2', false);
SELECT role, member FROM vault.role_members ORDER BY 1;
SELECT count(*) = jsonb_array_length(:'document'::jsonb->'grants') - 1 AS all_others_are_the_same FROM jsonb_array_elements(vault.export_policy()->'grants') AS g WHERE :'document'::jsonb->'grants' @> jsonb_build_array(g) AND g->>'grantee' <> 'regress_document_other';
-- what the document does not say any more goes; a section that it leaves out stays
SELECT action, kind, name, detail FROM vault.import_policy('{"format": "vault-policy-v1", "members": [{"role": "team", "member": "crew"}]}', false);
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "roles": ["new"], "members": [{"role": "new", "member": "app"}], "grants": [{"grantee": "regress_document_other", "permissions": ["read", "write", "rotate", "delete", "grant", "list", "override"], "name_pattern": "**"}, {"grantee": "new", "permissions": ["read"], "name_pattern": "a"}]}', false);
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1"}', false);

-- only who could do it
SET ROLE regress_document_app;
SELECT vault.export_policy();
\set VERBOSITY sqlstate
SELECT * FROM vault.import_policy('{"format": "vault-policy-v1"}');
SET ROLE regress_document_op;
SELECT vault.export_policy('document') = :'document' AS same;
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "roles": ["crew", "team", "more"]}', false, 'document');
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "grants": []}', true, 'document');
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "grants": []}', false, 'document');
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "members": [{"role": "owner", "member": "app"}]}', false, 'document');
-- a database role bound to a principal would have all that it holds
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "principals": [{"name": "app", "kind": "service", "db_roles": ["regress_document_spare"]}]}', false, 'document');
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "principals": [{"name": "fresh", "kind": "service", "db_roles": ["regress_document_spare"]}]}', false, 'document');
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "principals": [{"name": "fresh", "kind": "service", "db_roles": ["regress_document_op"]}]}', false, 'document');
SELECT vault.drop_principal('fresh', 'document');
SET ROLE regress_document_admin;
SELECT vault.remove_member('reader', 'lead'), vault.add_member('admin', 'lead');
SET ROLE regress_document_lead;
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "principals": [{"name": "regress_document_admin", "kind": "user", "db_roles": ["regress_document_spare"]}]}', false);
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "principals": [{"name": "fresh", "kind": "user", "db_roles": ["regress_document_spare"]}]}', false);
SELECT vault.drop_principal('fresh');
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "members": [{"role": "owner", "member": "lead"}, {"role": "admin", "member": "lead"}, {"role": "team", "member": "crew"}, {"role": "crew", "member": "app"}]}', false);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM vault.import_policy('{"format": "vault-policy-v1"}');
ROLLBACK;

-- malformed: 22023, and nothing happened
\set VERBOSITY default
SET ROLE regress_document_admin;
SELECT vault.export_policy() AS before \gset
CREATE FUNCTION pg_temp.refusal(document jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
BEGIN
	PERFORM vault.import_policy(document, false);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
	RETURN SQLSTATE || ' ' || message;
END
$$;
SELECT d, pg_temp.refusal(CASE WHEN d LIKE '{"format%' OR d NOT LIKE '{%' THEN d ELSE overlay(d PLACING '{"format": "vault-policy-v1", ' FROM 1 FOR 1) END::jsonb) FROM unnest(ARRAY[NULL, '1', '[]', '{"format": "vault-policy-v2"}', '{"format": 1}', '{"issuers": []}', '{"roles": {}}', '{"roles": [1]}', '{"roles": ["a/b"]}', '{"roles": [null]}',
	'{"principals": [1]}', '{"principals": [{"name": "x"}]}', '{"principals": [{"name": "x", "kind": "role"}]}', '{"principals": [{"name": null, "kind": "user"}]}', '{"principals": [{"name": "x", "kind": "user", "db_roles": "x"}]}', '{"principals": [{"name": "x", "kind": "user", "db_roles": ["regress_document_none"]}]}', '{"principals": [{"name": "x", "kind": "user", "id": 1}]}', '{"principals": [{"name": "app", "kind": "user"}]}',
	'{"members": [{"role": "team"}]}', '{"members": [{"role": "none", "member": "app"}]}', '{"members": [{"role": "team", "member": "none"}]}', '{"members": [[]]}', '{"grants": [7]}', '{"grants": [{}]}', '{"grants": [{"grantee": "none", "permissions": ["read"], "name_pattern": "x"}]}',
	'{"grants": [{"grantee": "app", "permissions": ["rule"], "name_pattern": "x"}]}', '{"grants": [{"grantee": "app", "permissions": "read", "name_pattern": "x"}]}', '{"grants": [{"grantee": "app", "permissions": [1], "name_pattern": "x"}]}', '{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x**"}]}',
	'{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", "valid_until": "tomorrow"}]}', '{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", "valid_until": "2026-02-30T00:00:00Z"}]}', '{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", "require_tls": "yes"}]}',
	'{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", "addresses": ["10.0.0.1/8"]}]}', '{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", "if": true}]}', '{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", "effect": "maybe"}]}']) AS d;
SELECT pg_temp.refusal(jsonb_build_object('format', 'vault-policy-v1', 'roles', (SELECT jsonb_agg('r' || i) FROM generate_series(1, 10001) AS i))), pg_temp.refusal(jsonb_build_object('format', 'vault-policy-v1', 'x', repeat('x', 5000000)));
SELECT vault.export_policy() = :'before' AS unchanged;

RESET ROLE;
SELECT object_kind, name, fault FROM vault.verify('document') UNION ALL SELECT object_kind, name, fault FROM vault.verify('document-2');
SELECT vault.destroy_tenant('document', 'document'), vault.destroy_tenant('document-2', 'document-2');
DROP FUNCTION pg_temp.refusal(jsonb);
DROP ROLE regress_document_admin, regress_document_other, regress_document_app, regress_document_lead, regress_document_spare, regress_document_op;

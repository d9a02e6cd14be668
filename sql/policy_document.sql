-- A tenant's policy as one document: what is exported can be imported elsewhere, twice without a
-- change, only by who could do it call by call, and a malformed one does nothing.
\set SHOW_CONTEXT never
CREATE ROLE regress_document_admin;
CREATE ROLE regress_document_other;
CREATE ROLE regress_document_app;
CREATE ROLE regress_document_lead;
CREATE ROLE regress_document_spare;
CREATE ROLE regress_document_pool;
CREATE ROLE regress_document_op IN ROLE vault_admin;
SELECT vault.create_tenant('document', 'regress_document_admin') IS NOT NULL AS made,
	vault.create_tenant('document-2', 'regress_document_other') IS NOT NULL AS made;
SET ROLE regress_document_admin;
SELECT vault.create_principal('app', db_role => 'regress_document_app') IS NOT NULL AS app,
	vault.create_principal('lead', 'user', 'regress_document_lead') IS NOT NULL AS lead,
	vault.create_role('team') IS NOT NULL AS team, vault.create_role('crew') IS NOT NULL AS crew;
SELECT vault.add_member('team', 'crew'), vault.add_member('crew', 'app'),
	vault.add_member('reader', 'lead');
SELECT vault."grant"('team', '{write,read}', 'db/**', '{prod,dev}',
	addresses => '{2001:db8::/32,10.0.0.0/8}', windows => '{"mon-fri 09:00-17:00 Europe/Berlin"}',
	services => '{cn:x}', require_tls => true, valid_from => '2026-01-01',
	valid_until => '2100-01-01', require_session_user => true) IS NOT NULL AS given,
	vault."grant"('app', '{read}', 'no', effect => 'deny') IS NOT NULL AS denied,
	vault."grant"('app', '{read}', 'no', effect => 'deny') IS NOT NULL AS twice;
SELECT jsonb_pretty(vault.export_policy() #- '{principals}') AS document;
SELECT vault.export_policy() AS document \gset
SELECT * FROM vault.import_policy(:'document', dry_run => false);

-- into another tenant: first only told, then done, then nothing is left to do
SET ROLE regress_document_other;
SELECT action, kind, name, detail - 'permissions' AS detail
	FROM vault.import_policy(jsonb_set(:'document', '{principals}',
	'[{"name": "app", "kind": "service"}, {"name": "lead", "kind": "user"}, '
	'{"name": "regress_document_admin", "kind": "user"}]'));
SELECT count(*) FROM vault.roles WHERE NOT built_in;
SELECT (vault.export_policy()->'grants')
	|| jsonb_path_query_array(:'document',
	'$.grants[*] ? (@.grantee != "regress_document_admin")') AS grants \gset
SELECT jsonb_build_object('format', 'vault-policy-v1', 'principals',
	'[{"name": "app", "kind": "service"}, {"name": "lead", "kind": "user"}]'::jsonb, 'roles',
	:'document'::jsonb->'roles', 'members', :'document'::jsonb->'members', 'grants',
	:'grants'::jsonb) AS document2 \gset
SELECT count(*), count(*) FILTER (WHERE action = 'add')
	FROM vault.import_policy(:'document2', false);
SELECT count(*) FROM vault.import_policy(:'document2', false);
SELECT role, member FROM vault.role_members ORDER BY 1;
SELECT count(*) = jsonb_array_length(:'document'::jsonb->'grants') - 1 AS all_others_are_the_same
	FROM jsonb_array_elements(vault.export_policy()->'grants') AS g
	WHERE :'document'::jsonb->'grants' @> jsonb_build_array(g)
	AND g->>'grantee' <> 'regress_document_other';
-- an entry that the document no longer has goes; a section that it leaves out stays
SELECT action, kind, name, detail FROM
	vault.import_policy(
	'{"format": "vault-policy-v1", "members": [{"role": "team", "member": "crew"}]}', false);
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "roles": ["new"], "members": [{"role": "new", '
	'"member": "app"}], "grants": [{"grantee": "regress_document_other", "permissions": ["read", '
	'"write", "rotate", "delete", "grant", "list", "override"], "name_pattern": "**"}, '
	'{"grantee": "new", "permissions": ["read"], "name_pattern": "a"}]}',
	false);
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1"}', false);

-- only who could do it
SET ROLE regress_document_app;
SELECT vault.export_policy();
\set VERBOSITY sqlstate
SELECT * FROM vault.import_policy('{"format": "vault-policy-v1"}');
SET ROLE regress_document_op;
SELECT vault.export_policy('document') = :'document' AS same;
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "roles": ["crew", "team", "more"]}', false, 'document');
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "grants": []}',
	true, 'document');
SELECT action, kind, name FROM vault.import_policy('{"format": "vault-policy-v1", "grants": []}',
	false, 'document');
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "members": [{"role": "owner", "member": "app"}]}', false,
	'document');
-- a database role bound to a principal would have all that it holds
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "principals": [{"name": "app", "kind": "service", '
	'"db_roles": ["regress_document_spare"]}]}',
	false, 'document');
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "principals": [{"name": "fresh", "kind": "service", '
	'"db_roles": ["regress_document_spare"]}]}',
	false, 'document');
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "principals": [{"name": "fresh", "kind": "service", '
	'"db_roles": ["regress_document_op"]}]}',
	false, 'document');
-- also to one that holds nothing yet, but for those of the same document
SET ROLE regress_document_admin;
SELECT vault.create_principal('later') IS NOT NULL AS later;
SET ROLE regress_document_op;
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "principals": [{"name": "later", "kind": "service", '
	'"db_roles": ["regress_document_spare"]}]}',
	false, 'document');
SELECT vault.drop_principal('later', 'document'), vault.drop_principal('fresh', 'document');
SET ROLE regress_document_admin;
SELECT vault.remove_member('reader', 'lead'), vault.add_member('admin', 'lead');
SET ROLE regress_document_lead;
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "principals": [{"name": "regress_document_admin", '
	'"kind": "user", "db_roles": ["regress_document_spare"]}]}',
	false);
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "principals": [{"name": "fresh", "kind": "user", '
	'"db_roles": ["regress_document_spare"]}]}',
	false);
SELECT vault.drop_principal('fresh');
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "members": [{"role": "owner", "member": "lead"}, '
	'{"role": "admin", "member": "lead"}, {"role": "team", "member": "crew"}, {"role": "crew", '
	'"member": "app"}]}',
	false);
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
SELECT d, pg_temp.refusal(CASE WHEN d LIKE '{"format%' OR d NOT LIKE '{%' THEN d
	ELSE overlay(d PLACING '{"format": "vault-policy-v1", ' FROM 1 FOR 1) END::jsonb)
	FROM unnest(ARRAY[NULL, '1', '[]', '{"format": "vault-policy-v2"}', '{"format": 1}',
	'{"issuer": []}', '{"roles": {}}', '{"roles": [1]}', '{"roles": ["a/b"]}', '{"roles": [null]}',
	'{"principals": [1]}', '{"principals": [{"name": "x"}]}',
	'{"principals": [{"name": "x", "kind": "role"}]}',
	'{"principals": [{"name": null, "kind": "user"}]}',
	'{"principals": [{"name": "x", "kind": "user", "db_roles": "x"}]}',
	'{"principals": [{"name": "x", "kind": "user", "db_roles": ["regress_document_none"]}]}',
	'{"principals": [{"name": "x", "kind": "user", "id": 1}]}',
	'{"principals": [{"name": "app", "kind": "user"}]}',
	'{"principals": [{"name": "fine", "kind": "user", "db_roles": null}, {"name": "app"}]}',
	'{"members": [{"role": "team"}]}', '{"members": [{"role": "none", "member": "app"}]}',
	'{"members": [{"role": "team", "member": "none"}]}', '{"members": [[]]}', '{"grants": [7]}',
	'{"grants": [{}]}',
	'{"grants": [{"grantee": "none", "permissions": ["read"], "name_pattern": "x"}]}',
	'{"grants": [{"grantee": "app", "permissions": ["rule"], "name_pattern": "x"}]}',
	'{"grants": [{"grantee": "app", "permissions": "read", "name_pattern": "x"}]}',
	'{"grants": [{"grantee": "app", "permissions": [1], "name_pattern": "x"}]}',
	'{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x**"}]}',
	'{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", '
	'"valid_until": "tomorrow"}]}',
	'{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", '
	'"valid_until": "2026-02-30T00:00:00Z"}]}',
	'{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", '
	'"require_tls": "yes"}]}',
	'{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", '
	'"addresses": ["10.0.0.1/8"]}]}',
	'{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", "if": true}]}',
	'{"grants": [{"grantee": "app", "permissions": ["read"], "name_pattern": "x", '
	'"effect": "maybe"}]}'])
	AS d;
SELECT pg_temp.refusal(jsonb_build_object('format', 'vault-policy-v1', 'roles',
	(SELECT jsonb_agg('r' || i) FROM generate_series(1, 10001) AS i))),
	pg_temp.refusal(jsonb_build_object('format', 'vault-policy-v1', 'x', repeat('x', 5000000)));
SELECT vault.export_policy() = :'before' AS unchanged;

-- issuers and the roles that show tokens: told, made, changed, taken away; the same elsewhere;
-- nothing to do the second time
\set jwks `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print jwks(key("okta"))'`
\set jwks_new `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print jwks(key("okta"), key("next"))'`
SELECT vault.add_issuer('okta', 'https://idp.example', 'vault', :'jwks',
	'{"principal": "client_id", "address": "ip"}', '1 month 2 days 3 hours') IS NOT NULL AS okta,
	vault.add_issuer('plain', 'https://plain.example', 'vault', :'jwks') IS NOT NULL AS plain,
	vault.allow_tokens('regress_document_pool');
SELECT jsonb_pretty(jsonb_path_query(vault.export_policy(), '$.issuers[0]') #- '{jwks,keys,0,x}') AS
	issuer, vault.export_policy()->'token_roles' AS token_roles;
SELECT jsonb_build_object('format', 'vault-policy-v1', 'issuers', d->'issuers', 'token_roles',
	d->'token_roles') AS tokens FROM vault.export_policy() AS d \gset
BEGIN;
SET LOCAL IntervalStyle = 'iso_8601';
SELECT vault.export_policy()->'issuers' = :'tokens'::jsonb->'issuers' AS same_in_any_style;
COMMIT;
SELECT * FROM vault.import_policy(:'tokens', false);
SET ROLE regress_document_other;
SELECT action, kind, name, detail - 'jwks' AS detail FROM vault.import_policy(:'tokens');
SELECT count(*) FROM vault.issuers;
-- the role shows tokens of another tenant already: an operator lets it, as call by call
\set VERBOSITY sqlstate
SELECT action, kind, name FROM vault.import_policy(:'tokens', false);
\set VERBOSITY default
SET ROLE regress_document_op;
SELECT action, kind, name FROM vault.import_policy(jsonb_build_object('format', 'vault-policy-v1',
	'token_roles', :'tokens'::jsonb->'token_roles'), false, 'document-2');
SET ROLE regress_document_other;
SELECT action, kind, name FROM vault.import_policy(:'tokens', false);
SELECT count(*) FROM vault.import_policy(:'tokens', false);
SELECT (vault.export_policy()) @> :'tokens'::jsonb AS same,
	vault.export_policy()->'issuers' = :'tokens'::jsonb->'issuers' AS issuers_are_the_same;
SELECT tenant, name, issuer, audience, kids, claim_mapping, max_lifetime FROM vault.issuers
	ORDER BY name;
SELECT tenant, db_role FROM vault.token_roles;
-- they count: a token of the issuer that was imported names the tenant's principal
\set token `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {iss => "https://plain.example", sub => "app"})'`
\set token_next `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("next"), {iss => "https://plain.example", sub => "app"})'`
SET ROLE regress_document_pool;
SET vault.tenant = 'document-2';
SELECT vault.login(:'token'), (SELECT tenant || ' ' || principal FROM vault.whoami());
\set VERBOSITY sqlstate
SELECT vault.login(:'token_next');
\set VERBOSITY default
RESET vault.tenant;
SET ROLE regress_document_other;
-- new keys are a change of the keys alone; anything else makes the issuer anew
SELECT jsonb_set(:'tokens', '{issuers,1,jwks}', :'jwks_new') AS next_keys,
	jsonb_set(:'tokens', '{issuers,1,audience}', '"other"') AS other_audience \gset
SELECT action, kind, name, detail->'audience' AS audience,
	jsonb_array_length(detail->'jwks'->'keys') AS keys
	FROM vault.import_policy(:'next_keys', false);
SELECT operation, decision, detail FROM vault.audit
	WHERE tenant = 'document-2' AND object_kind = 'issuer' ORDER BY id DESC LIMIT 1;
SELECT count(*) FROM vault.import_policy(:'next_keys', false);
SET ROLE regress_document_pool;
SET vault.tenant = 'document-2';
SELECT vault.login(:'token_next'), (SELECT tenant || ' ' || principal FROM vault.whoami());
RESET vault.tenant;
SET ROLE regress_document_other;
SELECT action, kind, name, detail->'audience' AS audience
	FROM vault.import_policy(:'other_audience', false);
SELECT operation, decision, detail->>'audience' AS audience, detail->>'deleted' AS deleted
	FROM vault.audit WHERE tenant = 'document-2' AND object_kind = 'issuer' ORDER BY id DESC
	LIMIT 2;
SELECT count(*) FROM vault.import_policy(:'other_audience', false);
-- a lifetime and a mapping may be left out, and may be written otherwise
SELECT action, kind, name FROM vault.import_policy(jsonb_build_object('format', 'vault-policy-v1',
	'issuers', jsonb_build_array(:'tokens'::jsonb #> '{issuers,0}'
	|| '{"max_lifetime": "32 days 03:00"}',
	jsonb_set(:'other_audience', '{issuers,1,claim_mapping}', 'null') #> '{issuers,1}' #-
	'{max_lifetime}')));
-- sixteen take the place of others
SELECT action, count(*) FROM vault.import_policy(jsonb_build_object('format', 'vault-policy-v1',
	'issuers', (SELECT jsonb_agg(:'tokens'::jsonb #> '{issuers,1}'
	|| jsonb_build_object('name', 'i' || i)) FROM generate_series(1, 16) AS i)), false)
	GROUP BY action ORDER BY action;
-- operators take away and let roles show tokens, as call by call; they add no issuer and change no
-- key
SET ROLE regress_document_op;
SELECT vault.export_policy('document') @> :'tokens'::jsonb AS same;
SELECT action, kind, name FROM vault.import_policy(:'next_keys', true, 'document');
\set VERBOSITY sqlstate
SELECT action, kind, name FROM vault.import_policy(:'next_keys', false, 'document');
SELECT action, kind, name FROM vault.import_policy(:'other_audience', false, 'document');
SELECT action, kind, name FROM vault.import_policy(:'tokens', false, 'document-2');
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "token_roles": ["regress_document_pool", '
	'"regress_document_spare"], "issuers": []}',
	false, 'document-2') WHERE name < 'i2' OR kind <> 'issuer';
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "token_roles": ["regress_document_spare"]}', false,
	'document-2');
SET ROLE regress_document_lead;
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "token_roles": ["regress_document_op"]}', false);
SELECT action, kind, name FROM vault.import_policy(:'next_keys', false);
SELECT action, kind, name FROM vault.import_policy(:'other_audience', false);
SET ROLE regress_document_pool;
SELECT action, kind, name FROM vault.import_policy(:'tokens', false);
\set VERBOSITY default
SET ROLE regress_document_other;
SELECT vault.export_policy() -> 'issuers' AS issuers,
	vault.export_policy() -> 'token_roles' AS token_roles;

-- administrators name roles of their own
SET ROLE regress_document_admin;
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "token_roles": ["regress_document_pool", '
	'"regress_document_lead"]}',
	false);
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "token_roles": ["regress_document_pool"]}', false);

-- malformed: the field, by its path
SET ROLE regress_document_admin;
SELECT f AS change, pg_temp.refusal(jsonb_set(:'tokens', '{issuers,1}',
	CASE WHEN jsonb_typeof(f) = 'object'
	THEN jsonb_strip_nulls(:'tokens'::jsonb #> '{issuers,1}' || f) ELSE f END)) FROM unnest(ARRAY[
	'7', '"okta"', '{"name": null}', '{"name": "a b"}', '{"name": 1}', '{"name": "okta"}',
	'{"id": "x"}', '{"issuer": null}', '{"issuer": 1}', '{"issuer": " x"}',
	'{"issuer": "urn:vault:00000000-0000-0000-0000-000000000000"}',
	'{"audience": null}', '{"audience": ["vault"]}', '{"audience": ""}', '{"jwks": null}',
	'{"jwks": "{}"}', '{"jwks": []}', '{"jwks": {}}', '{"jwks": {"keys": []}}',
	'{"jwks": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]}}',
	'{"claim_mapping": []}', '{"claim_mapping": "sub"}', '{"claim_mapping": {"subject": "sub"}}',
	'{"claim_mapping": {"principal": 1}}', '{"claim_mapping": {"principal": "exp"}}',
	'{"claim_mapping": {"tenant": "t", "role": "t"}}',
	'{"max_lifetime": 3600}', '{"max_lifetime": "soon"}', '{"max_lifetime": "0"}',
	'{"max_lifetime": "-1 day"}', '{"max_lifetime": "2 years"}',
	'{"max_lifetime": "999999999999 years"}']::jsonb[]) AS f;
SELECT pg_temp.refusal(jsonb_build_object('format', 'vault-policy-v1') || f)
	FROM unnest(ARRAY['{"issuers": {}}', '{"issuers": null}', '{"token_roles": "x"}',
	'{"token_roles": [1]}', '{"token_roles": [""]}', '{"token_roles": [null]}',
	'{"token_roles": ["regress_document_none"]}', '{"token_roles": ["vault_exec"]}']::jsonb[]) AS f;
SELECT pg_temp.refusal(jsonb_build_object('format', 'vault-policy-v1', 'issuers',
	(SELECT jsonb_agg(:'tokens'::jsonb #> '{issuers,1}' || jsonb_build_object('name', 'i' || i))
	FROM generate_series(1, 17) AS i)));
SELECT vault.export_policy() @> :'tokens'::jsonb AS unchanged;
-- a row changed by hand is not exported, and nothing is built on it
RESET ROLE;
BEGIN;
UPDATE vault_data.token_issuer SET audience = 'mine' WHERE name = 'okta';
SET LOCAL ROLE regress_document_admin;
\set VERBOSITY sqlstate
SELECT vault.export_policy();
ROLLBACK;
BEGIN;
UPDATE vault_data.token_role SET role_name = 'regress_document_spare'
	WHERE role_name = 'regress_document_pool';
SET LOCAL ROLE regress_document_admin;
SELECT vault.import_policy(:'tokens');
ROLLBACK;
BEGIN;
UPDATE vault_data.principal SET name = 'renamed' WHERE name = 'app';
SET LOCAL ROLE regress_document_admin;
SELECT vault.export_policy();
ROLLBACK;
\set VERBOSITY default

-- the whole of it, into an empty tenant: the same, but for the roles, which serve one tenant, and
-- for the only administrator who is bound there, who stays
CREATE ROLE regress_document_third;
SELECT vault.create_tenant('document-3', 'regress_document_third') IS NOT NULL AS made;
SET ROLE regress_document_admin;
SELECT jsonb_set(d, '{principals}',
	(SELECT jsonb_agg(p || '{"db_roles": []}') FROM jsonb_array_elements(d->'principals') AS p)) AS
	whole, d AS bound FROM vault.export_policy() AS d \gset
RESET ROLE;
SELECT vault.allow_tokens('regress_document_pool', 'document-3');
SET ROLE regress_document_third;
\set VERBOSITY sqlstate
SELECT vault.import_policy(:'bound', false);
\set VERBOSITY default
SELECT vault.add_issuer('old', 'https://old.example', 'vault', :'jwks') IS NOT NULL AS old;
SELECT count(*) FROM vault.import_policy(:'whole');
SELECT jsonb_array_length(vault.export_policy()->'grants') AS grants;
SELECT action, kind, name FROM vault.import_policy(:'whole', false);
SELECT jsonb_set(:'whole', '{grants}',
	(vault.export_policy()->'grants') || (:'whole'::jsonb->'grants')) AS whole \gset
SELECT action, kind, name FROM vault.import_policy(:'whole', false);
RESET ROLE;
SELECT d - 'principals' - 'grants' = :'whole'::jsonb - 'principals' - 'grants'
	AND d->'grants' @> (:'whole'::jsonb->'grants')
	AND :'whole'::jsonb->'grants' @> (d->'grants') AS same,
	d->'principals' @> (:'whole'::jsonb->'principals') AS principals,
	jsonb_array_length(d->'principals') - jsonb_array_length(:'whole'::jsonb->'principals') AS more
FROM vault.export_policy('document-3') AS d;
SELECT count(*) FROM vault.import_policy(:'whole', true, 'document-3');

SELECT object_kind, name, fault FROM vault.verify('document') UNION ALL SELECT object_kind, name,
	fault FROM vault.verify('document-2') UNION ALL SELECT object_kind, name, fault
	FROM vault.verify('document-3');
SELECT vault.destroy_tenant('document', 'document'),
	vault.destroy_tenant('document-2', 'document-2'),
	vault.destroy_tenant('document-3', 'document-3');
DROP FUNCTION pg_temp.refusal(jsonb);
DROP ROLE regress_document_admin, regress_document_other, regress_document_app,
	regress_document_lead, regress_document_spare, regress_document_pool, regress_document_third,
	regress_document_op;

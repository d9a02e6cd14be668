-- No principal raises its own rights: what is given, and what denial is taken back, must be held
-- throughout; explain_access says why.
\set SHOW_CONTEXT never
CREATE ROLE regress_delegation_op IN ROLE vault_admin;
CREATE ROLE regress_delegation_admin;
CREATE ROLE regress_delegation_lead;
CREATE ROLE regress_delegation_app;
CREATE ROLE regress_delegation_almost;
CREATE ROLE regress_delegation_free;
SET ROLE regress_delegation_op;
SELECT vault.create_tenant('delegation', 'regress_delegation_admin') IS NOT NULL AS made;
SET ROLE regress_delegation_admin;
SELECT vault.create_principal('lead', 'user', 'regress_delegation_lead') IS NOT NULL AS lead,
	vault.create_principal('app', db_role => 'regress_delegation_app') IS NOT NULL AS app;
SELECT vault."grant"('lead', '{read,grant}', 'team/**', '{dev,test}') AS lead \gset
SELECT vault."grant"('app', '{write}', 'other/**') AS foreign_grant \gset

-- no "grant" permission: nothing can be given
SET ROLE regress_delegation_app;
SELECT vault."grant"('app', '{write}', 'other/**');
\set VERBOSITY sqlstate
SELECT vault."grant"('lead', '{read}', 'team/**', effect => 'deny');
SELECT vault.revoke(:'lead');

-- with it: what one holds, on names and in environments that are covered
SET ROLE regress_delegation_lead;
SELECT vault."grant"('app', '{read}', 'team/a', '{dev}') AS given \gset
SELECT vault."grant"('app', '{read,list}', 'team/*/x', '{dev,test}') IS NOT NULL AS within;
SELECT vault."grant"('app', '{write}', 'team/a', '{dev}');
SELECT vault."grant"('app', '{read,write}', 'team/a', '{dev}');
SELECT vault."grant"('app', '{read}', '**', '{dev}');
SELECT vault."grant"('app', '{read}', 'team', '{dev}');
SELECT vault."grant"('app', '{read}', '*/a', '{dev}');
SELECT vault."grant"('app', '{read}', 'team/a', '{dev,prod}');
SELECT vault."grant"('app', '{read}', 'team/a');
SELECT vault."grant"('lead', '{read}', 'team/**', '{prod}');
SELECT vault."grant"('lead', '{write}', 'team/**', '{dev}');
SELECT vault.revoke(:'foreign_grant');
SELECT vault.revoke(:'given');

-- one's own denial cannot be taken back, and no way around it be given
SET ROLE regress_delegation_admin;
SELECT vault."grant"('lead', '{read}', 'team/secret', '{dev}', 'deny') AS denial \gset
SET ROLE regress_delegation_lead;
SELECT vault.revoke(:'denial');
SELECT vault."grant"('app', '{read}', 'team/**', '{dev}');
SELECT vault."grant"('app', '{read}', 'team/secret', '{dev}');
SELECT vault."grant"('app', '{read}', 'team/**', '{test}') IS NOT NULL AS elsewhere;
SELECT vault."grant"('app', '{read}', 'team/public', '{dev}') IS NOT NULL AS beside;
SET ROLE regress_delegation_admin;
SELECT vault.revoke(:'denial');

-- an operator, and a member of the administrator's role, give nothing
SET ROLE regress_delegation_op;
SELECT vault."grant"('lead', '{read}', '**');
SELECT vault.revoke(:'lead');

-- explain_access: oneself; of others administrators, and operators who name the tenant
SET ROLE regress_delegation_admin;
SELECT vault."grant"('app', '{read}', 'team/no/**', effect => 'deny') IS NOT NULL AS denied;
SET ROLE regress_delegation_app;
SELECT effect, permissions, name_pattern, environments, applies, reason
	FROM vault.explain_access('app', 'read', 'team/a', 'test');
SELECT effect, applies, reason FROM vault.explain_access('app', 'read', 'team/no/x', 'test')
	WHERE applies;
SELECT effect, applies, reason FROM vault.explain_access('app', 'delete', 'team/a', 'test');
SELECT effect, reason FROM vault.explain_access('app', 'list', 'other/a') WHERE applies;
\set VERBOSITY default
SELECT count(*) FROM vault.explain_access('lead', 'read', 'team/a');
\set VERBOSITY sqlstate
SELECT count(*) FROM vault.explain_access('unknown', 'read', 'team/a');
SELECT count(*) FROM vault.explain_access('app', 'read', 'team/a', tenant => 'other');
SET ROLE regress_delegation_admin;
SELECT effect, applies, reason FROM vault.explain_access('lead', 'read', 'team/a', 'dev');
SELECT count(*) FROM vault.explain_access('unknown', 'read', 'team/a');
SET ROLE regress_delegation_op;
SELECT effect, applies, reason FROM vault.explain_access('lead', 'read', 'team/a', 'prod',
	tenant => 'delegation');
SELECT count(*) FROM vault.explain_access('lead', 'read', 'team/a');
SELECT count(*) FROM vault.explain_access('unknown', 'read', 'team/a', tenant => 'delegation');
SELECT count(*) FROM vault.explain_access(NULL, 'read', 'team/a', tenant => 'delegation');
SELECT count(*) FROM vault.explain_access('lead', 'rule', 'team/a', tenant => 'delegation');
SELECT count(*) FROM vault.explain_access('lead', 'read', 'team//a', tenant => 'delegation');

-- a holder of "grant" on a part is no administrator
SET ROLE regress_delegation_lead;
SELECT vault.create_principal('friend');
SELECT count(*) FROM vault.principals;

-- each permission of all there are: who holds every other one hands it out in no way, neither on
-- oneself nor through whom one speaks for
SET ROLE regress_delegation_admin;
SELECT vault.create_principal('almost', 'user', 'regress_delegation_almost') IS NOT NULL AS almost,
	vault.create_principal('full') IS NOT NULL AS full,
	vault.create_role('holder') IS NOT NULL AS role;
RESET ROLE;
SELECT vault_data.all_permissions() AS everything \gset
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_delegation_almost;
	EXECUTE call;
	RESET ROLE;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
CREATE FUNCTION pg_temp.ways(missing text, everything text[], document jsonb) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	denial uuid;
	answers text;
BEGIN
	SET LOCAL ROLE regress_delegation_admin;
	PERFORM vault.grant('almost', array_remove(everything, missing), '**'),
	vault.grant('full', ARRAY[missing], 'some/**'),
	vault.grant('holder', ARRAY[missing], 'some/**');
	PERFORM vault.grant('almost', ARRAY[missing], '**', effect => 'deny') WHERE missing = 'list';
	denial := vault.grant('full', ARRAY[missing], 'some/where', effect => 'deny');
	RESET ROLE;
	SELECT string_agg(DISTINCT pg_temp.try(c), ' ') INTO answers FROM unnest(ARRAY[
		format('SELECT vault.grant(%L, %L, %L)', 'almost', ARRAY[missing], 'some/x'),
		format('SELECT vault.grant(%L, %L, %L)', 'lead', everything, 'some/x'),
		format('SELECT vault.revoke(%L)', denial),
		'SELECT vault.add_member(''holder'', ''almost'')',
		'SELECT vault.add_member(''owner'', ''almost'')',
		'SELECT vault.issue_token(''full'')',
		'SELECT vault.bind_role(''full'', ''regress_delegation_free'')',
		format('SELECT vault.add_issuer(%L, %L, %L, %L)', 'idp', 'https://i', 'delegation',
			'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "alg": "EdDSA", "use": "sig", '
			'"x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'),
		format('SELECT vault.import_policy(%L, false)',
		document || jsonb_build_object('grants',
		(document->'grants') || jsonb_build_object('grantee', 'almost', 'permissions',
		ARRAY[missing], 'name_pattern', 'some/**'))),
		format('SELECT vault.import_policy(%L, false)',
		document || jsonb_build_object('members',
		(document->'members') || '{"role": "holder", "member": "almost"}')),
		format('SELECT vault.import_policy(%L, false)',
		document
		||
		'{"principals": [{"name": "full", "kind": "service", '
		'"db_roles": ["regress_delegation_free"]}]}')])
		AS c;
	RAISE EXCEPTION USING ERRCODE = 'VV000', MESSAGE = answers;
EXCEPTION WHEN SQLSTATE 'VV000' THEN
	RETURN SQLERRM;
END
$$;
SELECT p AS missing, pg_temp.ways(p, :'everything', vault.export_policy('delegation')) AS answers
	FROM unnest(:'everything'::text[]) AS p;
-- with all of them, each way is open
SET ROLE regress_delegation_admin;
SELECT vault.grant('almost', :'everything', '**') AS whole,
	vault.grant('full', '{override}', 'some/**') IS NOT NULL AS granted,
	vault.grant('full', '{override}', 'some/where', effect => 'deny') AS denial,
	vault.grant('holder', '{override}', 'some/**') IS NOT NULL AS held \gset
SET ROLE regress_delegation_almost;
SELECT vault.grant('lead', '{override}', 'some/x') IS NOT NULL AS given, vault.revoke(:'denial'),
	vault.add_member('holder', 'almost'), length(vault.issue_token('full')) > 100 AS token,
	vault.bind_role('full', 'regress_delegation_free');
SELECT vault.remove_member('holder', 'almost');

-- any permission brings "list": who is denied that hands nothing out there, and takes nothing back
SET ROLE regress_delegation_admin;
SELECT vault.grant('almost', '{list}', 'some/hidden', effect => 'deny') AS hidden,
	vault.grant('app', '{read}', 'some/hidden', effect => 'deny') AS denial \gset
SET ROLE regress_delegation_almost;
SELECT vault.grant('app', '{read}', 'some/**');
SELECT vault.revoke(:'denial');
SELECT vault.grant('app', '{read}', 'some/open') IS NOT NULL AS beside;
SET ROLE regress_delegation_admin;
SELECT vault.revoke(:'hidden'), vault.revoke(:'denial'), vault.revoke(:'whole');

-- renaming is no way around the override that is missing where the secret is
SELECT vault.put('old/expired', 'x', expires_at => clock_timestamp() + interval '200 ms'),
	vault.put('old/lasting', 'x');
SELECT vault.grant('almost', '{read,write,delete}', '**') IS NOT NULL AS granted,
	vault.grant('almost', '{override}', 'new/**') IS NOT NULL AS override;
SELECT pg_sleep_until(expires_at + interval '10 ms') FROM vault.secrets WHERE name = 'old/expired';
SET ROLE regress_delegation_almost;
SELECT vault.rename('old/lasting', 'new/lasting');
SELECT vault.rename('old/expired', 'new/expired');
SET ROLE regress_delegation_admin;
SELECT vault.grant('almost', '{override}', 'old/**') IS NOT NULL AS granted;
SET ROLE regress_delegation_almost;
SELECT vault.rename('old/expired', 'new/expired');

RESET ROLE;
DROP FUNCTION pg_temp.ways(text, text[], jsonb), pg_temp.try(text);
SELECT vault.destroy_tenant('delegation', 'delegation');
DROP ROLE regress_delegation_op, regress_delegation_admin, regress_delegation_lead,
	regress_delegation_app, regress_delegation_almost, regress_delegation_free;

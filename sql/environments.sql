-- once a tenant has declared its environments, a call that names another one is refused and told
-- which there are; without a declaration any is taken
SET client_min_messages = warning;
CREATE ROLE regress_env_admin;
CREATE ROLE regress_env_app;
CREATE ROLE regress_env_other;
SELECT vault.create_tenant('regress-env', 'regress_env_admin') IS NOT NULL AS created,
	vault.create_tenant('regress-env2', 'regress_env_other') IS NOT NULL AS created;
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
	EXECUTE statement;
	RETURN 'works';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || SQLERRM || ' · ' || hint;
END $$;
SET ROLE regress_env_admin;
SELECT vault.create_principal('app', db_role => 'regress_env_app') IS NOT NULL,
	vault."grant"('app', '{read,list}', '**', '{dev}') IS NOT NULL;
SELECT vault.put('a', 'in dev', environment => 'dev'),
	vault.put('a', 'in prod', environment => 'prod'),
	vault.put('a', 'a typo', environment => 'porduction');
SELECT name, environment FROM vault.list(environment => '*');
SET ROLE regress_env_app;
SELECT name, environment FROM vault.list(environment => '*');
SET ROLE regress_env_admin;

-- environments in use must be named, those of deleted secrets and of grants too
SELECT pg_temp.attempt('SELECT vault.set_environments(''{dev,prod}'')') AS secrets,
	pg_temp.attempt('SELECT vault.set_environments(''{porduction,prod}'')') AS grants,
	pg_temp.attempt('SELECT vault.set_environments(''{dev,a/b}'')') AS malformed,
	pg_temp.attempt('SELECT vault.set_environments(ARRAY[''dev'', NULL])') AS nulls;
SELECT vault.delete('a', environment => 'porduction') IS NOT NULL,
	pg_temp.attempt('SELECT vault.set_environments(''{dev,prod,staging}'')') AS deleted;
SELECT vault.set_environments('{staging,prod,dev,porduction,dev}');
SELECT environments FROM vault.tenants;
SELECT pg_temp.attempt('SELECT vault.put(''b'', ''x'')') AS default_is_none,
	pg_temp.attempt('SELECT vault.get(''a'', environment => ''production'')') AS get;
SET vault.environment = 'prod';
SELECT vault.get('a'), vault.put('b', 'x'), vault.put('b', 'x', environment => 'staging');
-- an asterisk is none, and is told from a typo
SELECT statement, pg_temp.attempt(statement) AS answer
	FROM unnest(ARRAY['SELECT vault.put(''b'', ''x'', environment => ''*'')',
	'SELECT vault.get(''b'', environment => ''*'')', 'SELECT vault.get_many(''**'', ''*'')',
	'SELECT vault.delete(''b'', ''*'')', 'SELECT vault.expiring(environment => ''*'')',
	'SELECT vault."grant"(''app'', ''{read}'', ''**'', ''{*}'')',
	'SELECT vault.set_environments(''{*}'')',
	'SELECT vault.put(''b'', ''x'', environment => ''**'')',
	'SELECT vault.list(environment => ''*'')']) AS statement;
-- everywhere an environment is named
SELECT statement, left(pg_temp.attempt(statement), 80) AS answer
	FROM unnest(ARRAY['SELECT vault.put(''b'', ''x'', environment => ''x'')',
	'SELECT vault.put(''b'', ''\x00''::bytea, environment => ''x'')',
	'SELECT vault.put(''b'', ''{}''::jsonb, environment => ''x'')',
	'SELECT vault.put(''b'', ''{}''::json, environment => ''x'')',
	'SELECT vault.import_certificate(''b'', ''\x00'', environment => ''x'')',
	'SELECT vault.rotate(''b'', environment => ''x'')',
	'SELECT vault.rotate(''b'', ''{}''::jsonb, ''x'')',
	'SELECT vault.get(''b'', environment => ''x'')',
	'SELECT vault.get_json(''b'', environment => ''x'')',
	'SELECT vault.get_bytes(''b'', environment => ''x'')',
	'SELECT vault.get_field(''b'', ''x'', environment => ''x'')',
	'SELECT vault.conninfo(''b'', ''x'')', 'SELECT vault.database_url(''b'', ''x'')',
	'SELECT vault.get_many(''**'', ''x'')', 'SELECT vault.list(environment => ''x'')',
	'SELECT vault.describe(''b'', ''x'')', 'SELECT vault.rollback(''b'', environment => ''x'')',
	'SELECT vault.delete(''b'', ''x'')', 'SELECT vault.undelete(''b'', ''x'')',
	'SELECT vault.destroy(''b'', 1, ''x'')', 'SELECT vault.rename(''b'', ''c'', ''x'')',
	'SELECT vault.tag(''b'', ''{}'', ''x'')', 'SELECT vault.change_type(''b'', ''json'', ''x'')',
	'SELECT vault.deactivate(''b'', ''x'', ''x'')', 'SELECT vault.reactivate(''b'', ''x'', ''x'')',
	'SELECT vault.set_expiry(''b'', NULL, environment => ''x'')',
	'SELECT vault.extend_expiry(''b'', now(), ''x'', environment => ''x'')',
	'SELECT vault.set_warnings(''b'', NULL, ''x'')',
	'SELECT vault.set_rotation(''b'', environment => ''x'')',
	'SELECT vault.remove_rotation(''b'', ''x'')',
	'SELECT vault.rotate_matching(''**'', environment => ''x'')',
	'SELECT vault.expiring(environment => ''x'')',
	'SELECT vault."grant"(''app'', ''{read}'', ''**'', ''{dev,x}'')',
	'SELECT vault.explain_access(''app'', ''read'', ''b'', ''x'')',
	'SELECT vault.import_policy(''{"format": "vault-policy-v1", "grants": [{"grantee": "app", '
	'"permissions": ["read"], "name_pattern": "**", "environments": ["x"]}]}'', dry_run => false)'])
	AS statement;
-- no function that takes an environment is missing in that list
SELECT p.oid::regprocedure FROM pg_proc p
	WHERE pronamespace = 'vault'::regnamespace
	AND proargnames[1:pronargs] && '{environment,environments}'
	AND NOT proname = ANY
	(
	'{put,import_certificate,rotate,get,get_json,get_bytes,get_field,conninfo,database_url,'
	'get_many,list,describe,rollback,delete,undelete,destroy,rename,tag,change_type,deactivate,'
	'reactivate,set_expiry,extend_expiry,set_warnings,set_rotation,remove_rotation,rotate_matching,'
	'expiring,grant,explain_access,set_environments}');
-- the other session of the tenant knows, other tenants are not concerned
SET ROLE regress_env_app;
SELECT vault.get('a', environment => 'dev'),
	left(pg_temp.attempt('SELECT vault.get(''a'', environment => ''x'')'), 70) AS typo;
SET ROLE regress_env_other;
SELECT vault.put('a', 'x', environment => 'x');
SET ROLE regress_env_app;
SELECT left(pg_temp.attempt('SELECT vault.set_environments(NULL)'), 5) AS application;
-- in the document, together with the grants that need it
SET ROLE regress_env_admin;
SELECT vault.export_policy()->'environments' AS environments;
CREATE TEMP VIEW wanted AS SELECT p.document
	|| jsonb_build_object('environments', p.document->'environments' || '["test"]', 'grants',
	p.document->'grants'
	||
	'[{"grantee": "app", "permissions": ["read"], "name_pattern": "**", "environments": ["test"]}]')
	AS more, p.document FROM (SELECT vault.export_policy() AS document) AS p;
SELECT action, kind, name, detail->'environments' AS environments
	FROM vault.import_policy((SELECT more FROM wanted), dry_run => false);
SELECT environments FROM vault.tenants;
SELECT count(*) AS nothing_more FROM vault.import_policy(vault.export_policy(), dry_run => false);
-- grants go before what they name
SELECT action, kind, name, detail->'environments' AS environments
	FROM vault.import_policy((SELECT document
	|| jsonb_build_object('environments', (document->'environments') - 'test'::text, 'grants',
	(SELECT jsonb_agg(g) FROM jsonb_array_elements(document->'grants') g
	WHERE g->'environments' IS DISTINCT FROM '["test"]')) FROM wanted), dry_run => false);
SELECT
	pg_temp.attempt(
	'SELECT vault.import_policy(''{"format": "vault-policy-v1", "environments": ["dev"]}'', '
	'dry_run => false)')
	AS in_use,
	pg_temp.attempt(
	'SELECT vault.import_policy(''{"format": "vault-policy-v1", "environments": ["a/b"]}'')') AS
	malformed;
SELECT action, kind, detail->'environments' AS environments
	FROM vault.import_policy('{"format": "vault-policy-v1", "environments": []}', dry_run => false);
SELECT environments IS NULL AS any, vault.put('b', 'x', environment => 'anything') AS taken
	FROM vault.tenants;
RESET vault.environment;
-- recorded, and no other role's edit counts
SELECT operation, detail->'environments' AS environments FROM vault.audit
	WHERE operation IN ('set_environments', 'import_policy') AND detail ? 'environments'
	ORDER BY id;
RESET ROLE;
SELECT vault.set_environments(NULL, 'regress-env2');
BEGIN;
UPDATE vault_data.tenant SET environments = '{x}' WHERE name = 'regress-env2';
SELECT name, fault FROM vault.verify('regress-env2');
ROLLBACK;
SELECT vault.destroy_tenant('regress-env', 'regress-env'),
	vault.destroy_tenant('regress-env2', 'regress-env2');
DROP OWNED BY regress_env_admin;
DROP ROLE regress_env_admin, regress_env_app, regress_env_other;

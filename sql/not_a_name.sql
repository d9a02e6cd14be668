-- A text that is no name by the grammar reaches neither the trail nor an error, for any argument;
-- control and bidi characters are never raw in the trail nor in errors.
\set VERBOSITY terse
\set QUIET on
CREATE ROLE nan_admin LOGIN;
SELECT vault.create_tenant('nan', 'nan_admin') IS NOT NULL AS made;
SET SESSION AUTHORIZATION nan_admin;
-- Swapped: the value is where the name should be.
SELECT vault.put('my secret: hunter2!', 'db/password');
SELECT vault.rotate('my secret: hunter2!', 'db/password');
SELECT vault.get('my secret: hunter2!');
SELECT count(*) FROM vault.get_many('my secret: hunter2!');
SELECT vault.put('db/password', 'x', environment => 'my secret: hunter2!');
SELECT vault.get('db/password', environment => 'my secret: hunter2!');
SELECT vault.deactivate('my secret: hunter2!', 'db/password');
SELECT vault.rename('db/password', 'my secret: hunter2!');
SELECT vault.create_principal('my secret: hunter2!');
SELECT vault.create_principal('p', kind => 'my secret: hunter2!');
SELECT vault.grant('my secret: hunter2!', '{read}', '**');
SELECT vault.grant('p', '{"my secret: hunter2!"}', '**');
SELECT vault.grant('p', '{read}', 'my secret: hunter2!');
SELECT vault.put('db/password', 'x', type => 'my secret: hunter2!');
SELECT vault.put('db/password', 'long enough value', type => 'password');
SELECT vault.get_field('db/password', 'my secret: hunter2!');
SELECT vault.drop_principal('my secret: hunter2!');
SELECT vault.create_role('my secret: hunter2!');
SELECT vault.add_member('my secret: hunter2!', 'my secret: hunter2!');
SELECT vault.generate('my secret: hunter2!');
SELECT vault.set_type_policy('my secret: hunter2!', min_length => 3);
SELECT vault.allow_tokens('my secret: hunter2!');
SELECT vault.issue_token('my secret: hunter2!');
SELECT vault.set_rotation('db/password', 'my secret: hunter2!');
RESET SESSION AUTHORIZATION;
SELECT vault.create_tenant('my secret: hunter2!', 'nan_admin');
SELECT vault.suspend_tenant('my secret: hunter2!');
SELECT vault.reserve_role('my secret: hunter2!', 'my secret: hunter2!');
-- Characters that play tricks with terminals
SET SESSION AUTHORIZATION nan_admin;
SET application_name = E'evil\x1b[2J';
SELECT vault.deactivate('db/password',
	E'line one\nline two \x1b[31mred\x1b[0m ' || U&'right\202Eleft\200B\0085');
RESET application_name;
SELECT vault.reactivate('db/password', E'tab\tand\\backslash');
SELECT vault.get(E'a\nb');
RESET SESSION AUTHORIZATION;
-- Settings too, from every role and by every means; what has the form is shown.
\set VERBOSITY default
SET vault.tenant = E'my secret: hunter2!\x1b[2J';
SET vault.environment = 'my secret: hunter2!';
SELECT set_config('vault.request_id', 'my secret: hunter2!', false);
DO $$ BEGIN EXECUTE format('SET %s.tenant = %L', 'vault', U&'my secret: \202E hunter2!'); END $$;
SELECT vault.whoami() IS NULL, set_config('vault.tenant', 'my secret: hunter2!', true);
\set VERBOSITY terse
ALTER ROLE nan_admin SET vault.tenant = 'my secret: hunter2!';
CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql
	SET vault.environment = 'my secret: hunter2!' AS 'SELECT 1';
ALTER SYSTEM SET vault.root_key_source = 'my secret: hunter2!';
ALTER SYSTEM SET vault.proxies = 'my secret: hunter2!';
ALTER SYSTEM SET vault.rotation_hosts = 'user:hunter2!@db:5432';
ALTER SYSTEM SET vault.expiry_warnings = 'my secret: hunter2!';
SET vault.tenant = 'nan';
SET vault.request_id = 'req:1';
SHOW vault.request_id;
RESET vault.tenant;
RESET vault.request_id;
SELECT operation, decision, secret, environment, reason, application_name <> '' AS told
FROM vault.audit WHERE tenant = 'nan'
	AND operation IN ('put', 'rotate', 'get', 'get_many', 'deactivate', 'reactivate', 'rename')
	ORDER BY id;
SELECT count(*) AS with_the_value FROM vault_data.audit_log a
	WHERE a::text LIKE '%hunter2%' AND a.tenant = 'nan';
SELECT count(*) AS raw FROM vault_data.audit_log a
	WHERE a.tenant = 'nan' AND a::text ~
	'[\x01-\x1f\x7f\u0080-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]';
SELECT ok FROM vault.verify_audit('nan');
SELECT vault.destroy_tenant('nan', 'nan');

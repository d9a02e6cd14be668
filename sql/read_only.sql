-- Reading functions need no lock: every function that writes nothing works in a read-only
-- transaction, also SERIALIZABLE and DEFERRABLE, and those that write raise 25006
SET client_min_messages = warning;
CREATE ROLE regress_ro_admin;
CREATE ROLE regress_ro_app;
SELECT vault.create_tenant('regress-ro', 'regress_ro_admin') IS NOT NULL AS created;
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'works';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SET ROLE regress_ro_admin;
SELECT vault.create_principal('app', db_role => 'regress_ro_app') IS NOT NULL,
	vault."grant"('app', '{read}', '**') IS NOT NULL;
SELECT vault.put('a/one', 'first'), vault.put('a/json', '{"a": 1}', type => 'json'),
	vault.put('a/db', 'postgres://u:p@h/d', type => 'database'),
	vault.put('a/big', repeat('x', 5000));
SELECT vault.subscribe('regress-ro-s') IS NOT NULL AS subscriber;
RESET ROLE;

-- the functions that are called here, and what each does
CREATE TEMP TABLE call (role name, statement text);
GRANT SELECT ON call TO PUBLIC;
INSERT INTO call VALUES
	('regress_ro_app', 'SELECT vault.whoami()'), ('regress_ro_app', 'SELECT vault.status()'),
	('regress_ro_app', 'SELECT vault.current_tenant_id()'),
	('regress_ro_app', 'SELECT vault.get(''a/one'')'),
	('regress_ro_app', 'SELECT vault.get(''a/big'')'),
	('regress_ro_app', 'SELECT vault.get_bytes(''a/one'')'),
	('regress_ro_app', 'SELECT vault.get_json(''a/json'')'),
	('regress_ro_app', 'SELECT vault.get_field(''a/json'', ''a'')'),
	('regress_ro_app', 'SELECT vault.conninfo(''a/db'')'),
	('regress_ro_app', 'SELECT vault.database_url(''a/db'')'),
	('regress_ro_app', 'SELECT vault.get_many(''a/*'')'),
	('regress_ro_app', 'SELECT vault.get_many(''a/*'', strict => true, database_urls => true)'),
	('regress_ro_app', 'SELECT vault.list()'),
	('regress_ro_app', 'SELECT vault.list(environment => ''*'')'),
	('regress_ro_app', 'SELECT vault.describe(''a/one'')'),
	('regress_ro_app', 'SELECT vault.generate()'),
	('regress_ro_app', 'SELECT vault.explain_access(''app'', ''read'', ''a/one'')'),
	('regress_ro_admin', 'SELECT vault.export_policy()'),
	('regress_ro_admin', 'SELECT vault.expiring()'),
	('regress_ro_admin', 'SELECT vault.unused_secrets()'),
	('regress_ro_admin', 'SELECT vault.verify()'),
	('regress_ro_admin', 'SELECT vault.verify_audit()'),
	('regress_ro_admin', 'SELECT count(*) FROM vault.export_audit()'),
	('regress_ro_admin', 'SELECT vault.audit_public_key()'),
	('regress_ro_admin', 'SELECT vault.import_policy(vault.export_policy())'),
	('regress_ro_admin', 'SELECT vault.rotate_matching(''a/*'')');
INSERT INTO call SELECT 'regress_ro_admin', format('SELECT count(*) FROM vault.%I', viewname)
	FROM (SELECT viewname FROM pg_views WHERE schemaname = 'vault' OFFSET 0) AS v
	WHERE has_table_privilege('regress_ro_admin', format('vault.%I', viewname), 'SELECT')
	ORDER BY viewname;

CREATE FUNCTION pg_temp.outcomes(wanted name) RETURNS TABLE (statement text, outcome text)
	LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT c.statement, pg_temp.attempt(c.statement) FROM call c WHERE c.role = wanted;
END $$;
-- none but what works is listed
BEGIN READ ONLY;
SET LOCAL ROLE regress_ro_app;
SELECT * FROM pg_temp.outcomes('regress_ro_app') WHERE outcome <> 'works';
SET LOCAL ROLE regress_ro_admin;
SELECT * FROM pg_temp.outcomes('regress_ro_admin') WHERE outcome <> 'works';
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SET LOCAL ROLE regress_ro_app;
SELECT * FROM pg_temp.outcomes('regress_ro_app') WHERE outcome <> 'works';
SET LOCAL ROLE regress_ro_admin;
-- dry runs are for READ COMMITTED, as what they try out
SELECT * FROM pg_temp.outcomes('regress_ro_admin') WHERE outcome <> 'works';
COMMIT;
-- and a role whose transactions are read-only by default
SET ROLE regress_ro_app;
SET default_transaction_read_only = on;
SELECT vault.get('a/one'), (SELECT type FROM vault.describe('a/one'));
RESET default_transaction_read_only;

-- functions that write are refused, whole; nothing is left out: every function that is in neither
-- list is of operators or needs what is not here
BEGIN READ ONLY;
SET LOCAL ROLE regress_ro_admin;
SELECT statement, pg_temp.attempt(statement) AS outcome
	FROM unnest(ARRAY['SELECT vault.put(''a/one'', ''x'')',
	'SELECT vault.put(''a/one'', ''first'', if_changed => true)',
	'SELECT vault.put(''a/one'', ''y'', if_changed => true)', 'SELECT vault.rotate(''a/one'')',
	'SELECT vault.rollback(''a/one'', 1)', 'SELECT vault.change_type(''a/one'', ''api_key'')',
	'SELECT vault.tag(''a/one'', ''{"a": "b"}'')', 'SELECT vault.delete(''a/one'')',
	'SELECT vault.deactivate(''a/one'', ''x'')', 'SELECT vault.rename(''a/one'', ''a/two'')',
	'SELECT vault.set_expiry(''a/one'', ''2099-01-01'')',
	'SELECT vault.set_rotation(''a/one'', ''30 days'')',
	'SELECT vault."grant"(''app'', ''{write}'', ''**'')', 'SELECT vault.create_principal(''x'')',
	'SELECT vault.bind_role(''app'', ''postgres'')', 'SELECT vault.unbind_role(''app'')',
	'SELECT vault.create_role(''x'')', 'SELECT vault.set_environments(''{default}'')',
	'SELECT vault.set_type_policy(''password'')',
	'SELECT vault.next_notifications(''regress-ro-s'')']) AS statement;
COMMIT;
SET ROLE regress_ro_admin;
SELECT count(*) AS versions FROM vault.versions;
RESET ROLE;

SELECT vault.destroy_tenant('regress-ro', 'regress-ro');
DROP ROLE regress_ro_admin, regress_ro_app;

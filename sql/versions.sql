-- Versions are numbered once and for all; labels move; what was destroyed stays so.
\set SHOW_CONTEXT never
CREATE ROLE regress_versions_admin;
SELECT vault.create_tenant('versions', 'regress_versions_admin') IS NOT NULL AS made;
SET ROLE regress_versions_admin;
CREATE FUNCTION pg_temp.labels() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(version || coalesce(' ' || label, '') || CASE WHEN destroyed_at IS NULL
	THEN '' ELSE ' (destroyed)' END, ', ' ORDER BY version)
	FROM vault.versions WHERE name = 'key' $$;
\set VERBOSITY sqlstate

-- put and rotate move current to previous
SELECT vault.put('key', 'one'), vault.put('key', 'two'), vault.rotate('key', 'three');
SELECT pg_temp.labels();
SELECT version, created_by, key_generation, created_at IS NOT NULL AS created FROM vault.versions
	WHERE name = 'key' ORDER BY version;

-- rollback: to the previous one, to any, to the current one, to none
SELECT vault.rollback('key');
SELECT vault.get('key'), pg_temp.labels();
SELECT vault.rollback('key');
SELECT vault.rollback('key', 1);
SELECT vault.get('key'), pg_temp.labels();
SELECT vault.rollback('key', 1);
SELECT pg_temp.labels();
\set VERBOSITY default
SELECT vault.rollback('key', 9);
SELECT vault.put('single', 'x');
SELECT vault.rollback('single');
\set VERBOSITY sqlstate
SELECT vault.rollback('key', 0);
SELECT vault.rollback('absent');

-- the next number is new, also after a rollback
SELECT vault.put('key', 'four');
SELECT pg_temp.labels();

-- pending is promoted by rollback to it
SELECT vault.put('key', 'five', label => 'pending');
SELECT vault.get('key'), pg_temp.labels();
SELECT vault.rollback('key', 5);
SELECT vault.get('key'), pg_temp.labels();
-- and stays pending while others become current
SELECT vault.put('key', 'six', label => 'pending'), vault.put('key', 'seven');
SELECT pg_temp.labels();

-- rotate: of a secret that exists, to the value given or one made up
SELECT vault.rotate('absent', 'x');
SELECT vault.rotate('key', '');
SELECT vault.rotate('key');
SELECT vault.get('key') ~ '^[A-Za-z0-9_-]{43}$' AS made_up;
SELECT count(DISTINCT vault.get('key', n))
	FROM (SELECT vault.rotate('key') AS n FROM generate_series(1, 5)) AS made;
SELECT vault.put('settings', '{"a": 1}', type => 'json');
\set VERBOSITY default
SELECT vault.rotate('settings');
\set VERBOSITY sqlstate
SELECT vault.rotate('settings', '{"a": 2}');
SELECT version FROM vault.versions WHERE name = 'settings' ORDER BY version;

-- destroy: one version, for good
SELECT vault.put('gone', 'one'), vault.put('gone', 'two'), vault.put('gone', 'three');
SELECT vault.destroy('gone', 2);
SELECT vault.get('gone'), vault.get('gone', 1);
\set VERBOSITY default
SELECT vault.get('gone', 2);
SELECT vault.rollback('gone', 2);
SELECT vault.destroy('gone', 2);
SELECT vault.destroy('gone', 4);
\set VERBOSITY sqlstate
SELECT vault.rollback('gone');
SELECT vault.destroy('gone', NULL);
SELECT vault.destroy('absent', 1);
SELECT vault.destroy('gone', 3);
SELECT vault.get('gone');
SELECT count(*) FROM vault.get_many('gone');
SELECT vault.put('gone', 'four');
SELECT vault.get('gone');
SELECT version, label, key_generation, destroyed_at IS NOT NULL AS destroyed FROM vault.versions
	WHERE name = 'gone' ORDER BY version;
SELECT current_version, previous_version, pending_version, versions FROM vault.describe('gone');

-- the constraints hold against every role: numbers, labels, what is gone
RESET ROLE;
SELECT s.id FROM vault_data.secret s WHERE s.name = 'gone' \gset
BEGIN; UPDATE vault_data.secret SET last_version = 3 WHERE id = :'id'; ROLLBACK;
BEGIN; UPDATE vault_data.secret SET current_version = 5 WHERE id = :'id'; ROLLBACK;
BEGIN; UPDATE vault_data.secret SET previous_version = current_version WHERE id = :'id'; ROLLBACK;
BEGIN; UPDATE vault_data.secret SET pending_version = current_version WHERE id = :'id'; ROLLBACK;
BEGIN; UPDATE vault_data.secret SET purge_at = now() WHERE id = :'id'; ROLLBACK;
BEGIN; UPDATE vault_data.secret SET id = gen_random_uuid() WHERE id = :'id'; ROLLBACK;
BEGIN;
UPDATE vault_data.secret_version SET version = 9 WHERE secret_id = :'id' AND version = 1;
ROLLBACK;
BEGIN;
UPDATE vault_data.secret_version SET (envelope, key_generation, destroyed_at) =
	(SELECT envelope, 1, NULL::timestamptz FROM vault_data.secret_version
	WHERE secret_id = :'id' AND version = 1) WHERE secret_id = :'id' AND version = 2;
ROLLBACK;
BEGIN;
UPDATE vault_data.secret_version SET envelope = NULL WHERE secret_id = :'id' AND version = 1;
ROLLBACK;
BEGIN;
INSERT INTO vault_data.secret_version SELECT * FROM vault_data.secret_version
	WHERE secret_id = :'id' AND version = 1;
ROLLBACK;

SELECT vault.destroy_tenant('versions', 'versions');
DROP FUNCTION pg_temp.labels();
DROP ROLE regress_versions_admin;

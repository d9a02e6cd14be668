-- The grant that applies: patterns, environments, denials that win; and a revoke is in force at
-- the next call.
\set SHOW_CONTEXT never
CREATE ROLE regress_apply_admin;
CREATE ROLE regress_apply_app;
SELECT vault.create_tenant('apply', 'regress_apply_admin') IS NOT NULL AS made;
SET ROLE regress_apply_admin;
SELECT vault.create_principal('app', db_role => 'regress_apply_app') IS NOT NULL AS made;
SELECT vault.put('db/main/password', 'v1'), vault.put('db/other/password', 'v1'),
	vault.put('top', 'v1'),
	vault.put('db/main/password', 'p1', environment => 'prod');
\set VERBOSITY sqlstate

-- patterns and environments
SELECT vault."grant"('app', '{read}', 'db/*/password', '{default}') AS narrow \gset
SET ROLE regress_apply_app;
SELECT vault.get('db/main/password');
SELECT vault.get('db/main/password', environment => 'prod');
SELECT vault.get('top');
SELECT vault.get('db/main/password/deeper');
SET vault.environment = 'prod';
SELECT vault.get('db/main/password');
RESET vault.environment;
SELECT name, environment FROM vault.list() ORDER BY 1;
SELECT name, environment FROM vault.secrets ORDER BY 1;
SELECT name, version, label FROM vault.versions ORDER BY 1;
SELECT name, value FROM vault.get_many('**') ORDER BY 1;

-- a denial wins, wider or narrower, and hides the name unless other permissions are left
SET ROLE regress_apply_admin;
SELECT vault."grant"('app', '{read}', 'db/main/**', effect => 'deny') AS denial \gset
SET ROLE regress_apply_app;
SELECT vault.get('db/main/password');
SELECT vault.get('db/other/password');
SELECT name FROM vault.list() ORDER BY 1;
SET ROLE regress_apply_admin;
SELECT vault."grant"('app', '{write}', '**') AS writes \gset
SET ROLE regress_apply_app;
SELECT vault.get('db/main/password');
SELECT name FROM vault.list() ORDER BY 1;
SELECT vault.put('db/main/password', 'v2');
SET ROLE regress_apply_admin;
SELECT vault."grant"('app', '{list}', 'db/**', effect => 'deny') AS hides \gset
SET ROLE regress_apply_app;
SELECT name FROM vault.list() ORDER BY 1;
SELECT name FROM vault.secrets ORDER BY 1;
SELECT vault.describe('db/other/password');
SELECT vault.get('db/other/password');

-- the view of one's grants; the trail of who gave them
SELECT grantee, effect, permissions, name_pattern, environments, created_by FROM vault.grants
	ORDER BY effect, permissions, name_pattern;

-- revoke: at the next call, also in an open transaction of any level, and a deny likewise
SET ROLE regress_apply_admin;
SELECT vault.revoke(:'denial'), vault.revoke(:'hides'), vault.revoke(:'writes');
SET ROLE regress_apply_app;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT vault.get('db/main/password');
SET ROLE regress_apply_admin;
SELECT vault.revoke(:'narrow');
SET ROLE regress_apply_app;
SAVEPOINT before;
SELECT vault.get('db/main/password');
ROLLBACK TO before;
SELECT count(*) FROM vault.list();
ROLLBACK;
SELECT vault.get('db/main/password');

-- revoked twice, unknown, another tenant's
SET ROLE regress_apply_admin;
SELECT vault.revoke(:'narrow');
SELECT vault.revoke(:'narrow');
\set VERBOSITY default
SELECT vault.revoke('00000000-0000-0000-0000-000000000000');
\set VERBOSITY sqlstate
SELECT vault.revoke(NULL);
SET ROLE regress_apply_app;
SELECT vault.get('db/main/password');

-- bad arguments
SET ROLE regress_apply_admin;
\set VERBOSITY default
SELECT vault."grant"('app', '{read,rule}', '**');
SELECT vault."grant"('app', '{read}', 'a**');
SELECT vault."grant"('nobody', '{read}', '**');
SELECT vault."grant"('app', '{read}', '**', effect => 'maybe');
SELECT vault."grant"('app', '{read}', '**', environments => '{}');
\set VERBOSITY sqlstate
SELECT vault."grant"('app', '{}', '**');
SELECT vault."grant"('app', NULL, '**');
SELECT vault."grant"('app', '{NULL}', '**');
SELECT vault."grant"('app', '{read}', NULL);
SELECT vault."grant"('app', '{read}', '**', effect => NULL);
SELECT vault."grant"('app', '{read}', '**', environments => '{"not one"}');
SELECT vault."grant"('app', '{read}', '**', environments => '{NULL}');
SELECT vault."grant"(NULL, '{read}', '**');

RESET ROLE;
SELECT vault.destroy_tenant('apply', 'apply');
DROP ROLE regress_apply_admin, regress_apply_app;

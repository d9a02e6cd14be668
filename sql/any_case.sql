-- Words of a fixed list are taken in any case and kept in one; another word is refused, and the
-- hint lists what there is.
\set SHOW_CONTEXT never
CREATE ROLE regress_case_admin;
CREATE ROLE regress_case_app;
CREATE ROLE regress_case_other;
SELECT vault.create_tenant('case', 'regress_case_admin') IS NOT NULL AS made;
SET ROLE regress_case_admin;

SELECT vault.create_principal('app', 'Service', 'regress_case_app') IS NOT NULL
	AND vault.create_principal('other', 'USER', 'regress_case_other') IS NOT NULL AS made;
SELECT name, kind FROM vault.principals WHERE name IN ('app', 'other') ORDER BY name;
SELECT vault.put('a/key', 'one') AS version,
	vault.put('a/key', 'two', label => 'Pending') AS pending;
SELECT vault."grant"('app', '{Read,LIST,Grant}', 'a/**', effect => 'ALLOW') IS NOT NULL AS given,
	vault."grant"('app', '{WRITE}', 'a/**', effect => 'Deny') IS NOT NULL AS denied;
SELECT effect, permissions FROM vault.grants WHERE grantee = 'app' ORDER BY effect;
SELECT bool_or(applies) AS applies FROM vault.explain_access('app', 'READ', 'a/key')
	WHERE effect = 'allow';
SELECT vault.set_rotation('a/key', 'Weekly', 'External') IS NOT NULL AS due;
SELECT rotator, every FROM vault.rotation_status WHERE name = 'a/key';

-- in any case no principal gives what it does not hold
SET ROLE regress_case_app;
SELECT vault.get('a/key');
\set VERBOSITY sqlstate
SELECT vault."grant"('other', '{Write}', 'a/**', effect => 'ALLOW');
SELECT vault."grant"('other', '{Delete}', 'a/**', effect => 'Allow');
SELECT vault.put('a/key', 'three');
\set VERBOSITY default

-- words that are not in the list
SET ROLE regress_case_admin;
SELECT vault.create_principal('third', 'robot');
SELECT vault."grant"('app', '{reads}', 'a/**');
SELECT vault."grant"('app', '{read}', 'a/**', effect => 'permit');
SELECT vault.explain_access('app', 'reading', 'a/key');
SELECT vault.put('a/key', 'x', label => 'next');
SELECT vault.put('a/key', 'x', type => 'SSH');
SELECT vault.set_rotation('a/key', 'weekly', 'cron');
SELECT vault.set_type_policy('SSH', history => 1);
SELECT vault."grant"('app', '{read}', 'a/**', addresses => '{10.0.0.0/8,10.0.0.1/8}');
SELECT vault."grant"('app', '{read}', 'a/**',
	windows => '{daily 09:00-17:00 UTC,mon 09:00-17:00 CET}');

RESET ROLE;
SELECT vault.destroy_tenant('case', 'case');
DROP ROLE regress_case_admin, regress_case_app, regress_case_other;

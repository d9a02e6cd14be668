-- Tenants are made, suspended, resumed and destroyed by operators only; a destroyed one leaves no
-- key and no row but its trail.
\set SHOW_CONTEXT never
CREATE ROLE regress_tenants_op IN ROLE vault_admin;
CREATE ROLE regress_tenants_auditor IN ROLE vault_auditor;
CREATE ROLE regress_tenants_admin;
SET ROLE regress_tenants_op;
SELECT vault.create_tenant('tenants-a', 'regress_tenants_admin') AS first_id \gset
SELECT vault.create_tenant('tenants-b') AS second_id \gset
SELECT name, state, recovery_window FROM vault.tenants
	WHERE name LIKE 'tenants-%' AND state <> 'destroyed' ORDER BY name;
SELECT tenant, generation, state FROM vault.tenant_keys WHERE tenant LIKE 'tenants-%'
	ORDER BY tenant;

-- duplicate, malformed and unknown names
SELECT vault.create_tenant('tenants-a');
SELECT vault.create_tenant('with space');
SELECT vault.suspend_tenant('tenants-unknown');
SELECT vault.create_tenant('tenants-c', 'regress_tenants_no_such_role');
\set VERBOSITY sqlstate
SELECT vault.create_tenant('');
SELECT vault.create_tenant(NULL);
SELECT vault.create_tenant('..');
SELECT vault.create_tenant(repeat('x', 64));
SELECT vault.suspend_tenant(NULL);
SELECT vault.resume_tenant('tenants-unknown');
SELECT vault.rotate_tenant_key('tenants-unknown');
SELECT vault.destroy_tenant('tenants-unknown', 'tenants-unknown');
SELECT vault.set_recovery_window('30 days', 'tenants-unknown');
SELECT vault.appoint_admin('tenants-unknown', 'regress_tenants_admin');
-- a failed call leaves no row
SELECT count(*) FROM vault.tenants WHERE name = 'tenants-c';

-- a tenant's administrator, an auditor: not operators
SET ROLE regress_tenants_admin;
SELECT vault.create_tenant('tenants-d');
SELECT vault.suspend_tenant('tenants-a');
SELECT vault.destroy_tenant('tenants-a', 'tenants-a');
SELECT vault.rotate_tenant_key('tenants-a');
SET ROLE regress_tenants_auditor;
SELECT vault.create_tenant('tenants-d');
SELECT count(*) FROM vault.tenants WHERE name LIKE 'tenants-%' AND state <> 'destroyed';

-- suspended: every call of its principals is refused, operators and views go on
SET ROLE regress_tenants_admin;
SELECT vault.put('key', 'value');
SET ROLE regress_tenants_op;
SELECT vault.suspend_tenant('tenants-a');
SELECT vault.suspend_tenant('tenants-a');
SELECT name, state FROM vault.tenants WHERE name = 'tenants-a' AND state <> 'destroyed';
SET ROLE regress_tenants_admin;
\set VERBOSITY default
SELECT vault.get('key');
\set VERBOSITY sqlstate
SELECT vault.put('key', 'value');
SELECT * FROM vault.list();
SELECT vault.create_principal('other');
SELECT count(*) FROM vault.secrets;
SELECT vault.current_tenant_id() IS NULL AS none;
SET ROLE regress_tenants_op;
SELECT vault.resume_tenant('tenants-a');
SELECT vault.resume_tenant('tenants-a');
SET ROLE regress_tenants_admin;
SELECT vault.get('key');

-- the recovery window: 7 to 90 days; by operators and administrators
SELECT vault.set_recovery_window('7 days');
SELECT vault.set_recovery_window('90 days', 'tenants-a');
SELECT vault.set_recovery_window('30 days', 'tenants-b');
\set VERBOSITY default
SELECT vault.set_recovery_window('6 days 23:59:59');
\set VERBOSITY sqlstate
SELECT vault.set_recovery_window('90 days 1 second');
SELECT vault.set_recovery_window(NULL);
SELECT recovery_window FROM vault.tenants;
SET ROLE regress_tenants_op;
SELECT vault.set_recovery_window('14 days', 'tenants-b');
SELECT vault.set_recovery_window('14 days');

-- an administrator is appointed only where there is none
\set VERBOSITY default
SELECT vault.appoint_admin('tenants-a', 'regress_tenants_auditor');
\set VERBOSITY sqlstate
SELECT vault.appoint_admin('tenants-b', NULL);
SELECT vault.appoint_admin('tenants-b', 'regress_tenants_admin') IS NOT NULL AS appointed;
SELECT vault.appoint_admin('tenants-b', 'regress_tenants_auditor');

-- destroy: asks for the name once more; takes keys and rows, keeps the trail and frees the name
\set VERBOSITY default
SELECT vault.destroy_tenant('tenants-a', 'tenants-b');
\set VERBOSITY sqlstate
SELECT vault.destroy_tenant('tenants-a', NULL);
SELECT vault.destroy_tenant('tenants-a', 'tenants-a');
SELECT vault.destroy_tenant('tenants-a', 'tenants-a');
SELECT vault.destroy_tenant('tenants-b', 'tenants-b');
SELECT vault.resume_tenant('tenants-a');
SET ROLE regress_tenants_admin;
SELECT vault.get('key');
RESET ROLE;
SELECT (SELECT count(*) FROM vault_data.tenant_key WHERE tenant_id = :'first_id') AS keys,
	(SELECT count(*) FROM vault_data.secret WHERE tenant_id = :'first_id') AS secrets,
	(SELECT count(*) FROM vault_data.secret_version WHERE tenant_id = :'first_id') AS versions,
	(SELECT count(*) FROM vault_data.principal_binding WHERE tenant_id = :'first_id') AS bindings,
	(SELECT count(*) > 10 FROM vault_data.audit_log WHERE tenant_id = :'first_id') AS trail;
SELECT vault.create_tenant('tenants-a') <> :'first_id' AS name_is_free_again;
SELECT vault.destroy_tenant('tenants-a', 'tenants-a');
DROP ROLE regress_tenants_op, regress_tenants_auditor, regress_tenants_admin;

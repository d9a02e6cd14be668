-- A database role is who it was bound as, exactly: not by membership, not after a rename or when
-- made anew.
\set SHOW_CONTEXT never
CREATE ROLE regress_principals_op IN ROLE vault_admin;
CREATE ROLE regress_principals_admin;
CREATE ROLE regress_principals_other;
CREATE ROLE regress_principals_app;
CREATE ROLE regress_principals_member IN ROLE regress_principals_app;
CREATE ROLE regress_principals_super SUPERUSER;
SET ROLE regress_principals_op;
SELECT vault.create_tenant('principals-a', 'regress_principals_admin') IS NOT NULL AS a,
	vault.create_tenant('principals-b', 'regress_principals_other') IS NOT NULL AS b;

-- bound: identified, and enrolled in vault_client; not bound: no principal
SET ROLE regress_principals_app;
SELECT vault.whoami();
SET ROLE regress_principals_admin;
SELECT vault.create_principal('app', db_role => 'regress_principals_app') IS NOT NULL AS made;
SELECT name, kind, db_role FROM vault.principals ORDER BY name;
SET ROLE regress_principals_app;
SELECT tenant, principal, role, operator, auditor FROM vault.whoami();
SELECT vault.current_tenant_id() IS NOT NULL AS identified;
SELECT name FROM vault.principals;

-- a member of a bound role is not that principal, a superuser is none
SET ROLE regress_principals_member;
SELECT tenant, principal, role, operator FROM vault.whoami();
SELECT vault.current_tenant_id() IS NULL AS nobody;
SELECT vault.get('x');
SET ROLE regress_principals_super;
SELECT tenant, principal, role, operator FROM vault.whoami();
SELECT vault.get('x');

-- bad arguments
SET ROLE regress_principals_admin;
SELECT vault.create_principal('app');
SELECT vault.create_principal('robot', 'robot');
SELECT vault.create_principal('ghost', db_role => 'regress_principals_no_such');
SELECT vault.create_principal('reserved', db_role => 'vault_exec');
\set VERBOSITY sqlstate
SELECT vault.create_principal('reserved', db_role => 'vault_owner');
SELECT vault.create_principal('reserved', db_role => 'vault_admin');
SELECT vault.create_principal('reserved', db_role => 'pg_read_all_data');
SELECT vault.create_principal('app2', db_role => 'regress_principals_app');
SELECT vault.create_principal('');
SELECT vault.create_principal(NULL);
SELECT vault.create_principal('a/b');
SELECT vault.create_principal('null-kind', NULL);
SELECT vault.drop_principal('nobody-here');
SELECT vault.drop_principal(NULL);

-- an administrator binds neither a superuser nor another tenant's role, nor into another tenant; an
-- operator may
\set VERBOSITY default
SELECT vault.create_principal('super', db_role => 'regress_principals_super');
\set VERBOSITY sqlstate
SELECT vault.create_principal('foreign', db_role => 'regress_principals_other');
SELECT vault.create_principal('elsewhere', tenant => 'principals-b');
SELECT vault.drop_principal('regress_principals_other', tenant => 'principals-b');
SELECT count(*) FROM vault.principals
	WHERE name IN ('super', 'foreign', 'reserved', 'ghost', 'elsewhere');
SET ROLE regress_principals_op;
SELECT vault.create_principal('reserved', db_role => 'vault_exec', tenant => 'principals-a');
SELECT vault.create_principal('super', 'user', 'regress_principals_super',
	'principals-a') IS NOT NULL AS made;
SELECT vault.create_principal('nowhere');

-- a caller that is no administrator creates and drops no principal
SET ROLE regress_principals_app;
\set VERBOSITY default
SELECT vault.create_principal('friend');
\set VERBOSITY sqlstate
SELECT vault.drop_principal('regress_principals_admin');
SELECT vault.set_recovery_window('10 days');
SET ROLE regress_principals_super;
SELECT tenant, principal, operator FROM vault.whoami();

-- one role, two tenants: vault.tenant selects, and never grants
SET ROLE regress_principals_op;
SELECT vault.create_principal('app', db_role => 'regress_principals_app',
	tenant => 'principals-b') IS NOT NULL AS made;
SET ROLE regress_principals_app;
\set VERBOSITY default
SELECT vault.get('x');
\set VERBOSITY sqlstate
SELECT vault.current_tenant_id() IS NULL AS ambiguous;
SET vault.tenant = 'principals-a';
SELECT tenant, principal FROM vault.whoami();
SET vault.tenant = 'principals-b';
SELECT tenant, principal FROM vault.whoami();
SELECT tenant, name FROM vault.principals;
SET vault.tenant = 'principals-unknown';
SELECT vault.get('x');
SET vault.tenant = 'not an identifier';
SET ROLE regress_principals_admin;
SET vault.tenant = 'principals-b';
SELECT tenant, principal FROM vault.whoami();
SELECT vault.get('x');
RESET vault.tenant;
SET ROLE regress_principals_op;
SELECT vault.drop_principal('app', 'principals-b');

-- renamed: no principal, and so is a role that takes the name
RESET ROLE;
ALTER ROLE regress_principals_app RENAME TO regress_principals_renamed;
SET ROLE regress_principals_renamed;
SELECT tenant, principal FROM vault.whoami();
RESET ROLE;
CREATE ROLE regress_principals_app IN ROLE vault_client;
SET ROLE regress_principals_app;
SELECT tenant, principal FROM vault.whoami();
RESET ROLE;
DROP ROLE regress_principals_app;
ALTER ROLE regress_principals_renamed RENAME TO regress_principals_app;
SET ROLE regress_principals_app;
SELECT tenant, principal FROM vault.whoami();

-- dropped and made again: no principal, until bound anew
RESET ROLE;
DROP ROLE regress_principals_app;
CREATE ROLE regress_principals_app IN ROLE vault_client;
SET ROLE regress_principals_app;
SELECT tenant, principal FROM vault.whoami();
SELECT vault.current_tenant_id() IS NULL AS nobody;
SET ROLE regress_principals_admin;
SELECT vault.drop_principal('app');
SELECT vault.create_principal('app', db_role => 'regress_principals_app') IS NOT NULL AS made;
SET ROLE regress_principals_app;
SELECT tenant, principal FROM vault.whoami();

RESET ROLE;
SELECT vault.destroy_tenant('principals-a', 'principals-a'),
	vault.destroy_tenant('principals-b', 'principals-b');
DROP ROLE regress_principals_op, regress_principals_admin, regress_principals_other,
	regress_principals_app,
	regress_principals_member, regress_principals_super;

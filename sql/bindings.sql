-- a principal is bound anew by a function, under the rules of its first binding; a binding whose
-- role is gone, renamed or made anew is shown as dead, and no principal has two rows
SET client_min_messages = warning;
CREATE ROLE regress_bnd_admin;
CREATE ROLE regress_bnd_app;
CREATE ROLE regress_bnd_app2;
CREATE ROLE regress_bnd_deputy;
CREATE ROLE regress_bnd_other;
CREATE ROLE regress_bnd_reserved;
CREATE ROLE regress_bnd_ops IN ROLE vault_admin;
SELECT vault.create_tenant('regress-bnd', 'regress_bnd_admin') IS NOT NULL AS created,
	vault.create_tenant('regress-bnd2', 'regress_bnd_other') IS NOT NULL AS created;
SELECT vault.reserve_role('regress_bnd_reserved', 'regress-bnd2');
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'works';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SET ROLE regress_bnd_admin;
SELECT vault.put('a', 'value'), vault.create_principal('app',
	db_role => 'regress_bnd_app') IS NOT NULL, vault."grant"('app', '{read}', '**') IS NOT NULL,
	vault.create_principal('token-only') IS NOT NULL;
SELECT vault.create_principal('deputy', 'user', 'regress_bnd_deputy') IS NOT NULL,
	vault."grant"('deputy', '{grant,list}', '**') IS NOT NULL,
	vault.create_role('readers') IS NOT NULL;
SELECT name, db_role, binding, db_roles FROM vault.principals ORDER BY name COLLATE "C";

-- a role that was dropped and made anew, and one that was renamed: dead, no principal
RESET ROLE;
DROP OWNED BY regress_bnd_app;
DROP ROLE regress_bnd_app;
SET ROLE regress_bnd_admin;
SELECT name, db_role, binding, db_roles FROM vault.principals WHERE name = 'app';
RESET ROLE;
CREATE ROLE regress_bnd_app;
GRANT vault_client TO regress_bnd_app;
SET ROLE regress_bnd_app;
SELECT pg_temp.attempt('SELECT vault.get(''a'')') AS nobody;
SET ROLE regress_bnd_admin;
SELECT name, db_role, binding, db_roles,
	(SELECT p->'db_roles' FROM jsonb_array_elements(vault.export_policy()->'principals') p
	WHERE p->>'name' = 'app') AS exported FROM vault.principals WHERE name = 'app';
SELECT vault.bind_role('app', 'regress_bnd_app');
SELECT name, db_role, binding, db_roles,
	(SELECT p->'db_roles' FROM jsonb_array_elements(vault.export_policy()->'principals') p
	WHERE p->>'name' = 'app') AS exported FROM vault.principals WHERE name = 'app';
SET ROLE regress_bnd_app;
SELECT vault.get('a');
RESET ROLE;
ALTER ROLE regress_bnd_app RENAME TO regress_bnd_app1;
SET ROLE regress_bnd_admin;
SELECT name, db_role, binding FROM vault.principals WHERE name = 'app';
SELECT vault.bind_role('app', 'regress_bnd_app1');
SELECT name, db_role, binding FROM vault.principals WHERE name = 'app';
SET ROLE regress_bnd_app1;
SELECT vault.get('a');

-- one role at a time: the binding that holds is taken away first
SET ROLE regress_bnd_admin;
SELECT pg_temp.attempt('SELECT vault.bind_role(''app'', ''regress_bnd_app2'')') AS bound,
	pg_temp.attempt('SELECT vault.bind_role(''app'', ''regress_bnd_app1'')') AS same,
	pg_temp.attempt('SELECT vault.bind_role(''token-only'', ''regress_bnd_app1'')') AS taken;
SELECT vault.unbind_role('app'), vault.bind_role('app', 'regress_bnd_app2');
SET ROLE regress_bnd_app1;
SELECT pg_temp.attempt('SELECT vault.get(''a'')') AS unbound;
SET ROLE regress_bnd_app2;
SELECT vault.get('a');
SET ROLE regress_bnd_admin;
SELECT pg_temp.attempt('SELECT vault.unbind_role(''app'', ''regress_bnd_app1'')') AS not_bound,
	pg_temp.attempt('SELECT vault.unbind_role(''token-only'')') AS none,
	pg_temp.attempt('SELECT vault.bind_role(''readers'', ''regress_bnd_app1'')') AS role,
	pg_temp.attempt('SELECT vault.bind_role(''nobody'', ''regress_bnd_app1'')') AS absent,
	pg_temp.attempt('SELECT vault.bind_role(''app'', NULL)') AS nulls;

-- the rules of the first binding
SELECT pg_temp.attempt(format('SELECT vault.bind_role(''token-only'', %L)', r))
	FROM unnest(ARRAY['regress_bnd_none', 'regress_bnd_other', 'regress_bnd_reserved',
	'regress_bnd_ops', 'postgres', 'pg_monitor', 'vault_client']) r;
RESET ROLE;
SET vault.role_binding = 'consent';
SET ROLE regress_bnd_admin;
SELECT pg_temp.attempt('SELECT vault.bind_role(''token-only'', ''regress_bnd_app1'')') AS
	without_consent;
RESET ROLE;
RESET vault.role_binding;
-- a bound role has what the principal holds: the caller must be able to give all of it
SET ROLE regress_bnd_deputy;
SELECT pg_temp.attempt('SELECT vault.unbind_role(''app'')') AS unbinds;
SET ROLE regress_bnd_admin;
SELECT pg_temp.attempt('SELECT vault.unbind_role(''app'')') AS unbinds;
SET ROLE regress_bnd_deputy;
SELECT pg_temp.attempt('SELECT vault.bind_role(''app'', ''regress_bnd_app1'')') AS binds;
SET ROLE regress_bnd_app2;
SELECT pg_temp.attempt('SELECT vault.bind_role(''token-only'', ''regress_bnd_app1'')') AS
	application, pg_temp.attempt('SELECT vault.unbind_role(''app'')') AS application;
-- operators do not reach into a tenant
SET ROLE regress_bnd_ops;
SELECT
	pg_temp.attempt('SELECT vault.bind_role(''token-only'', ''regress_bnd_app1'', ''regress-bnd'')')
	AS binds,
	pg_temp.attempt('SELECT vault.unbind_role(''regress_bnd_admin'', tenant => ''regress-bnd'')') AS
	administrator;
SELECT name, binding FROM vault.principals WHERE tenant = 'regress-bnd' ORDER BY name COLLATE "C";
-- several roles come by the document, in one row
SET ROLE regress_bnd_admin;
SELECT action, kind, name, detail FROM
	vault.import_policy(
	'{"format": "vault-policy-v1", "principals": [{"name": "app", "kind": "service", '
	'"db_roles": ["regress_bnd_app1", "regress_bnd_app2"]}]}',
	dry_run => false);
SELECT name, db_role, binding, db_roles FROM vault.principals WHERE name = 'app';
SELECT vault.unbind_role('app', 'regress_bnd_app1');
SELECT name, db_role, binding, db_roles FROM vault.principals WHERE name = 'app';
SELECT operation, decision, object_kind FROM vault.audit
	WHERE operation IN ('bind_role', 'unbind_role') AND decision = 'allow' ORDER BY id;
RESET ROLE;
SELECT * FROM vault.verify('regress-bnd');
SELECT vault.destroy_tenant('regress-bnd', 'regress-bnd'),
	vault.destroy_tenant('regress-bnd2', 'regress-bnd2');
DROP ROLE regress_bnd_admin, regress_bnd_app1, regress_bnd_app2, regress_bnd_deputy,
	regress_bnd_other, regress_bnd_reserved, regress_bnd_ops;

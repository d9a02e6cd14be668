-- A reserved role is bound by administrators of its tenants only, also before it exists; with
-- vault.role_binding = consent no other role is, but those that the administrator administers.
\set SHOW_CONTEXT never
CREATE ROLE regress_reservations_op IN ROLE vault_admin;
CREATE ROLE regress_reservations_a;
CREATE ROLE regress_reservations_b;
CREATE ROLE regress_reservations_free;
CREATE ROLE regress_reservations_free2;
SET ROLE regress_reservations_op;
SELECT vault.create_tenant('reservations-a', 'regress_reservations_a') IS NOT NULL AS a,
	vault.create_tenant('reservations-b', 'regress_reservations_b') IS NOT NULL AS b;
SELECT id AS b FROM vault.tenants WHERE name = 'reservations-b' \gset

-- a role that is not there yet
SELECT vault.reserve_role('regress_reservations_app', 'reservations-b'),
	vault.reserve_role('regress_reservations_app', 'reservations-b'),
	vault.reserve_role('regress_reservations_pool', 'reservations-b');
SELECT tenant, db_role FROM vault.reserved_roles ORDER BY 2;
RESET ROLE;
CREATE ROLE regress_reservations_app;
CREATE ROLE regress_reservations_pool;
SET ROLE regress_reservations_a;
SELECT vault.create_principal('app', db_role => 'regress_reservations_app');
SELECT vault.allow_tokens('regress_reservations_pool');
\set VERBOSITY sqlstate
SELECT
	vault.import_policy(
	'{"format": "vault-policy-v1", "principals": [{"name": "app", "kind": "service", '
	'"db_roles": ["regress_reservations_app"]}]}',
	false);
\set VERBOSITY default
SELECT count(*) FROM vault.reserved_roles;
SELECT vault.create_principal('free', db_role => 'regress_reservations_free') IS NOT NULL AS bound;
SET ROLE regress_reservations_b;
SELECT tenant, db_role FROM vault.reserved_roles ORDER BY 2;
SELECT vault.create_principal('app', db_role => 'regress_reservations_app') IS NOT NULL AS bound,
	vault.allow_tokens('regress_reservations_pool');
SET ROLE regress_reservations_app;
SELECT tenant, principal FROM vault.whoami();

-- made anew, or freed, it is reserved still
RESET ROLE;
SET client_min_messages = warning;
DROP ROLE regress_reservations_app;
RESET client_min_messages;
CREATE ROLE regress_reservations_app;
SET ROLE regress_reservations_b;
SELECT vault.drop_principal('app');
SET ROLE regress_reservations_a;
\set VERBOSITY sqlstate
SELECT vault.create_principal('app', db_role => 'regress_reservations_app');

-- an operator binds it all the same; reserved for several tenants, it shows tokens of both
SET ROLE regress_reservations_op;
SELECT vault.create_principal('app', db_role => 'regress_reservations_app',
	tenant => 'reservations-a') IS NOT NULL AS bound;
SELECT vault.reserve_role('regress_reservations_pool', 'reservations-a');
SET ROLE regress_reservations_a;
SELECT vault.allow_tokens('regress_reservations_pool');

-- one that is bound elsewhere already; and bad arguments
SET ROLE regress_reservations_op;
\set VERBOSITY default
SELECT vault.reserve_role('regress_reservations_free', 'reservations-b');
\set VERBOSITY sqlstate
SELECT vault.drop_principal('free', tenant => 'reservations-a');
SELECT vault.reserve_role('regress_reservations_free', 'reservations-b');
SELECT vault.reserve_role(NULL, 'reservations-b');
SELECT vault.reserve_role('', 'reservations-b');
SELECT vault.reserve_role(repeat('x', 64), 'reservations-b');
SELECT vault.reserve_role('x', 'no-such');
-- roles of the system are no tenant's: by name, and superusers by what they are; a role whose name
-- only resembles one is like any other
\set VERBOSITY default
SELECT vault.reserve_role('vault_admin', 'reservations-b');
\set VERBOSITY sqlstate
RESET ROLE;
CREATE ROLE regress_reservations_super SUPERUSER;
SELECT rolname AS bootstrap FROM pg_roles WHERE oid = 10 \gset
SET ROLE regress_reservations_op;
CREATE FUNCTION pg_temp.reserve(db_role text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM vault.reserve_role(db_role, 'reservations-b');
	PERFORM vault.release_role(db_role, 'reservations-b');
	RETURN 'reserved';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
SELECT r, pg_temp.reserve(r) FROM unnest(
	'{vault_owner,vault_exec,vault_client,vault_auditor,vault_jobs,vault_not_yet,pg_monitor,'
	'pg_not_yet,regress_reservations_super,vaults,pgbouncer}'::text[])
	AS r;
SELECT pg_temp.reserve(:'bootstrap') AS bootstrap_superuser;
DROP FUNCTION pg_temp.reserve(text);
RESET ROLE;
DROP ROLE regress_reservations_super;
SET ROLE regress_reservations_op;
SELECT vault.release_role('x', 'reservations-b');
SET ROLE regress_reservations_b;
SELECT vault.reserve_role('regress_reservations_free2', 'reservations-b');
SELECT vault.release_role('regress_reservations_free', 'reservations-b');

-- released
SET ROLE regress_reservations_op;
SELECT vault.release_role('regress_reservations_free', 'reservations-b');
SET ROLE regress_reservations_a;
SELECT vault.create_principal('free', db_role => 'regress_reservations_free') IS NOT NULL AS bound;

-- consent
SET vault.role_binding = 'open';
RESET ROLE;
SET vault.role_binding = 'consent';
SET ROLE regress_reservations_a;
\set VERBOSITY default
SELECT vault.create_principal('free2', db_role => 'regress_reservations_free2');
\set VERBOSITY sqlstate
SELECT vault.allow_tokens('regress_reservations_free2');
RESET ROLE;
GRANT regress_reservations_free2 TO regress_reservations_a;
SET ROLE regress_reservations_a;
SELECT vault.create_principal('free2', db_role => 'regress_reservations_free2');
RESET ROLE;
GRANT regress_reservations_free2 TO regress_reservations_a WITH ADMIN OPTION;
SET ROLE regress_reservations_a;
SELECT vault.create_principal('free2',
	db_role => 'regress_reservations_free2') IS NOT NULL AS administered,
	vault.allow_tokens('regress_reservations_a') AS itself;
SET ROLE regress_reservations_b;
SELECT vault.allow_tokens('regress_reservations_free2');
SET ROLE regress_reservations_op;
SELECT vault.reserve_role('regress_reservations_app2', 'reservations-b'),
	vault.create_principal('app2', tenant => 'reservations-b') IS NOT NULL AS made;
RESET ROLE;
CREATE ROLE regress_reservations_app2;
SET ROLE regress_reservations_b;
SELECT vault.create_principal('app2b',
	db_role => 'regress_reservations_app2') IS NOT NULL AS reserved;
SET ROLE regress_reservations_op;
SELECT vault.create_principal('op', db_role => 'regress_reservations_pool',
	tenant => 'reservations-a') IS NOT NULL AS by_an_operator;
RESET ROLE;
RESET vault.role_binding;

-- changed outside vault: refused, and found
SELECT operation, decision, detail FROM vault_data.audit_log
	WHERE tenant_id = :'b' AND object_kind = 'reservation' ORDER BY id;
SELECT count(*) FROM vault.verify('reservations-b') WHERE object_kind = 'reservation';
UPDATE vault_data.role_reservation SET role_name = 'regress_reservations_free3'
	WHERE tenant_id = :'b' AND role_name = 'regress_reservations_app2';
DELETE FROM vault_data.role_reservation
	WHERE tenant_id = :'b' AND role_name = 'regress_reservations_pool';
CREATE ROLE regress_reservations_free3;
SET ROLE regress_reservations_a;
SELECT vault.create_principal('free3', db_role => 'regress_reservations_free3');
RESET ROLE;
SELECT object_kind, name, fault FROM vault.verify('reservations-b')
	WHERE object_kind = 'reservation' ORDER BY 2, 3;

SELECT vault.destroy_tenant('reservations-a', 'reservations-a'),
	vault.destroy_tenant('reservations-b', 'reservations-b');
SELECT count(*) FROM vault_data.role_reservation WHERE role_name LIKE 'regress\_reservations%';
DROP ROLE regress_reservations_op, regress_reservations_a, regress_reservations_b,
	regress_reservations_free, regress_reservations_free2, regress_reservations_free3,
	regress_reservations_app, regress_reservations_app2, regress_reservations_pool;

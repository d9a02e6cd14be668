-- To take an administrator away, a caller must hold all that it holds. No client leaves a tenant
-- without an administrator. An operator may then appoint one, and the trail tells of it.
\set SHOW_CONTEXT never
CREATE ROLE regress_seats_op IN ROLE vault_admin;
CREATE ROLE regress_seats_boss;
CREATE ROLE regress_seats_second;
CREATE ROLE regress_seats_deputy;
CREATE ROLE regress_seats_blind;
CREATE ROLE regress_seats_app;
CREATE ROLE regress_seats_new;
SELECT vault_data.all_permissions() AS everything \gset
SET ROLE regress_seats_op;
SELECT vault.create_tenant('seats', 'regress_seats_boss') IS NOT NULL AS made;
SET ROLE regress_seats_boss;
SELECT vault.put('key', 'value'), vault.subscribe('watch',
	'{administrator_appointed}') IS NOT NULL AS subscribed;
SELECT vault.create_principal(p, 'user', 'regress_seats_' || p) IS NOT NULL AS made
	FROM unnest('{second,deputy,blind,app}'::text[]) AS p;
SELECT vault.create_role('chiefs') IS NOT NULL AS chiefs,
	vault.create_role('barred') IS NOT NULL AS barred;
SELECT vault.grant('chiefs', :'everything', '**') AS chiefs,
	vault.grant('barred', '{grant}', 'none/**', effect => 'deny') AS barred,
	vault.grant('blind', :'everything', '**') AS blind,
	vault.grant('blind', '{read}', 'secret/**', effect => 'deny') AS blinded,
	vault.grant('app', '{read}', 'app/**') AS app \gset
SELECT vault.add_member('chiefs', 'second'), vault.add_member('admin', 'deputy');
SELECT id AS own FROM vault.grants WHERE grantee = 'regress_seats_boss' \gset
RESET ROLE;

/* Each call as that role, and as if the others had not been made. */
CREATE FUNCTION pg_temp.try(db_role text, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', db_role, true);
	EXECUTE 'SELECT vault.' || call;
	RAISE EXCEPTION USING ERRCODE = 'RR000';
EXCEPTION
	WHEN SQLSTATE 'RR000' THEN
		RETURN 'works';
	WHEN OTHERS THEN
		RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE TEMP TABLE ways (way text, call text);
INSERT INTO ways VALUES
	('drops boss', 'drop_principal(''regress_seats_boss'')'),
	('unbinds boss', 'unbind_role(''regress_seats_boss'')'),
	('unbinds boss from its role', 'unbind_role(''regress_seats_boss'', ''regress_seats_boss'')'),
	('revokes what boss holds', format('revoke(%L)', :'own')),
	('denies boss "grant"',
	'"grant"(''regress_seats_boss'', ''{grant}'', ''none'', effect => ''deny'')'),
	('denies boss "grant" at any time',
	'"grant"(''regress_seats_boss'', ''{grant}'', ''**'', effect => ''deny'', '
	'windows => ''{daily 00:00-24:00 UTC}'')'),
	('denies boss "read"',
	'"grant"(''regress_seats_boss'', ''{read}'', ''**'', effect => ''deny'')'),
	('bars boss', 'add_member(''barred'', ''regress_seats_boss'')'),
	('drops second', 'drop_principal(''second'')'), ('unbinds second', 'unbind_role(''second'')'),
	('removes second', 'remove_member(''chiefs'', ''second'')'),
	('revokes what chiefs hold', format('revoke(%L)', :'chiefs')),
	('denies chiefs "grant"', '"grant"(''chiefs'', ''{grant}'', ''none'', effect => ''deny'')'),
	('drops chiefs', 'drop_role(''chiefs'')'),
	('bars chiefs', 'add_member(''barred'', ''chiefs'')'),
	('imports a policy without chiefs',
	'import_policy(''{"format": "vault-policy-v1", "members": []}'', false)'),
	('imports a policy without grants',
	'import_policy(''{"format": "vault-policy-v1", "grants": []}'', false)');

-- callers that hold less: all but "read", or "read" but for a part; and one that holds as much
SELECT way, pg_temp.try('regress_seats_deputy', call) AS deputy FROM ways;
SELECT way FROM ways WHERE pg_temp.try('regress_seats_deputy', call) <>
	pg_temp.try('regress_seats_blind', call);
SELECT way, pg_temp.try('regress_seats_second', call) AS second FROM ways;
-- an administrator may go by itself, who holds less than others too
SELECT pg_temp.try('regress_seats_deputy', 'drop_principal(''deputy'')') AS drops,
	pg_temp.try('regress_seats_blind', 'unbind_role(''blind'')') AS unbinds,
	pg_temp.try('regress_seats_deputy', 'remove_member(''admin'', ''deputy'')') AS leaves,
	pg_temp.try('regress_seats_blind', format('revoke(%L)', :'blind')) AS revokes;

-- any principal: all that it holds, denials apart, and what is over; what is taken back first needs
-- "grant" alone
SET ROLE regress_seats_deputy;
SELECT vault.drop_principal('app');
\set VERBOSITY sqlstate
SELECT vault.unbind_role('app');
SELECT vault.revoke(:'app');
SET ROLE regress_seats_boss;
SELECT vault.grant('app', '{read}', 'app/**',
	valid_until => clock_timestamp() + interval '1 ms') IS NOT NULL AS over,
	vault.grant('app', '{read}', 'app/x', effect => 'deny') IS NOT NULL AS denied,
	vault.grant('app', '{write}', 'app/**') IS NOT NULL AS writes, pg_sleep(0.01);
SET ROLE regress_seats_deputy;
SELECT vault.unbind_role('app'), vault.bind_role('app', 'regress_seats_app');
SELECT vault.drop_principal('app');
-- an operator drops a principal that it may not replace by one that reads, and no other principal
SET ROLE regress_seats_boss;
SELECT vault.create_principal('app', 'user', 'regress_seats_app') IS NOT NULL AS made,
	vault.grant('app', '{read}', 'app/**') IS NOT NULL AS granted;
RESET ROLE;
SELECT p AS principal, pg_temp.try('regress_seats_op',
	format('unbind_role(%L, tenant => ''seats'')', p)) AS unbinds,
	pg_temp.try('regress_seats_op', format('drop_principal(%L, ''seats'')', p)) AS drops
FROM unnest('{app,deputy,blind,second,regress_seats_boss}'::text[]) AS p;
SELECT pg_temp.try('regress_seats_op', 'drop_role(''chiefs'', ''seats'')') AS drops_role;

-- the last administrator: by none of the ways, and by no detour
SET ROLE regress_seats_boss;
SELECT vault.drop_principal('deputy'), vault.drop_principal('blind'),
	vault.remove_member('chiefs', 'second');
RESET ROLE;
SELECT way, pg_temp.try('regress_seats_boss', call) AS boss FROM ways
	WHERE way LIKE '%boss%' AND way NOT LIKE '%"read"' OR way LIKE '%without grants';
-- another one is one if it can call, now and later
CREATE FUNCTION pg_temp.after(preparation text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_seats_boss;
	EXECUTE preparation;
	RESET ROLE;
	RAISE EXCEPTION USING ERRCODE = 'RR001',
	MESSAGE = pg_temp.try('regress_seats_boss', 'drop_principal(''regress_seats_boss'')');
EXCEPTION WHEN SQLSTATE 'RR001' THEN
	RETURN left(SQLERRM, 5);
END
$$;
SELECT preparation, pg_temp.after('SELECT ' || preparation)
	FROM (VALUES ('vault.add_member(''chiefs'', ''second'')'),
	('vault.add_member(''admin'', ''second'')'),
	('vault.grant(''second'', ''{grant}'', ''**'', addresses => ''{10.0.0.0/8}'')'),
	('vault.grant(''second'', ''{grant}'', ''a/**'')'),
	('vault.grant(''second'', ''{grant}'', ''**'', ''{prod}'')'),
	('vault.grant(''second'', ''{grant}'', ''**'', valid_until => now() + interval ''1 day'')'),
	('vault.grant(''second'', ''{grant}'', ''**'', valid_from => now() + interval ''1 day'')'),
	('vault.grant(''second'', ''{grant}'', ''**'', valid_from => now() - interval ''1 day'')'),
	('vault.add_member(''chiefs'', ''second''), vault.unbind_role(''second'')'),
	('vault.add_member(''chiefs'', ''second''), vault.add_member(''barred'', ''second'')'),
	(
	'vault.add_member(''chiefs'', ''second''), vault.grant(''second'', ''{grant}'', ''x'', '
	'effect => ''deny'', addresses => ''{10.0.0.0/8}'')'),
	(
	'vault.add_member(''chiefs'', ''second''), vault.grant(''second'', ''{grant}'', ''x'', '
	'effect => ''deny'', valid_until => ''2001-01-01'')'))
	AS p (preparation);
-- a grant that ends does not replace one that lasts
SET ROLE regress_seats_boss;
BEGIN;
SELECT vault.grant('regress_seats_boss', :'everything', '**',
	valid_until => now() + interval '1 hour') IS NOT NULL AS given;
\set VERBOSITY default
SELECT vault.revoke(:'own');
ROLLBACK;
-- two that go at once: the second sees what the first has done, with an old snapshot too
SELECT vault.add_member('chiefs', 'second');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) > 0 AS old_snapshot FROM vault.principals;
SELECT vault.drop_principal('second');
\set VERBOSITY sqlstate
SELECT vault.unbind_role('regress_seats_boss');
ROLLBACK;
SELECT vault.remove_member('chiefs', 'second');

-- appointed again: the same one, and nothing changes
SET ROLE regress_seats_op;
SELECT id AS boss FROM vault.principals WHERE name = 'regress_seats_boss' \gset
SELECT vault.appoint_admin('seats', 'regress_seats_boss') = :'boss' AS same;
SELECT vault.appoint_admin('seats', 'regress_seats_new');
SELECT count(*) FROM vault.grants WHERE grantee = 'regress_seats_boss';
SELECT count(*) FROM vault.audit WHERE tenant = 'seats' AND decision = 'alert';
-- its role was made anew, or renamed: the principal is bound anew, and the trail says what this is
RESET ROLE;
DROP ROLE regress_seats_boss;
CREATE ROLE regress_seats_boss;
SET ROLE regress_seats_op;
SELECT vault.appoint_admin('seats', 'regress_seats_boss') = :'boss' AS same;
SELECT operation, decision, object_kind, object_id = :'boss' AS boss, reason FROM vault.audit
	WHERE tenant = 'seats' AND operation = 'appoint_admin' ORDER BY id;
SELECT kind, severity, payload FROM vault.notifications
	WHERE tenant = 'seats' AND kind = 'administrator_appointed';
RESET ROLE;
ALTER ROLE regress_seats_boss RENAME TO regress_seats_chief;
SET ROLE regress_seats_op;
SELECT vault.appoint_admin('seats', 'regress_seats_chief') = :'boss' AS same;
SELECT count(*) FROM vault.grants WHERE grantee = 'regress_seats_boss';
RESET ROLE;
ALTER ROLE regress_seats_chief RENAME TO regress_seats_boss;
-- without its binding: by its name
SET ROLE regress_seats_op;
SELECT vault.unbind_role('regress_seats_boss', tenant => 'seats');
SELECT vault.appoint_admin('seats', 'regress_seats_boss') = :'boss' AS same;
SET ROLE regress_seats_boss;
SELECT vault.get('key');
-- one that is there and held less: bound to this role, not to another, no role of the tenant, not
-- denied "grant"
RESET ROLE;
DROP ROLE regress_seats_boss;
SET ROLE regress_seats_op;
SELECT vault.create_principal('regress_seats_new', tenant => 'seats',
	db_role => 'regress_seats_second');
SELECT vault.unbind_role('second', tenant => 'seats');
SELECT vault.create_principal('regress_seats_new', tenant => 'seats',
	db_role => 'regress_seats_second') IS NOT NULL AS made,
	vault.create_role('regress_seats_op', 'seats') IS NOT NULL AS role;
\set VERBOSITY default
SELECT vault.appoint_admin('seats', 'regress_seats_new');
SELECT vault.appoint_admin('seats', 'regress_seats_op');
\set VERBOSITY sqlstate
SELECT vault.appoint_admin('seats', 'regress_seats_nowhere');
SELECT vault.appoint_admin('seats', NULL);
SELECT vault.appoint_admin('seats', 'regress_seats_app') IS NOT NULL AS appointed;
SELECT name, db_roles FROM vault.principals WHERE tenant = 'seats' AND binding = 'bound'
	ORDER BY name;
SET ROLE regress_seats_app;
SELECT vault.get('key');
SELECT vault.grant('second', '{grant}', 'x', effect => 'deny') IS NOT NULL AS denied;
RESET ROLE;
DROP ROLE regress_seats_app;
SET ROLE regress_seats_op;
\set VERBOSITY default
SELECT vault.create_role('second', 'seats');
SELECT vault.drop_principal('regress_seats_new', 'seats');
RESET ROLE;
ALTER ROLE regress_seats_second RENAME TO second;
SET ROLE regress_seats_op;
SELECT vault.appoint_admin('seats', 'second');
RESET ROLE;
ALTER ROLE second RENAME TO regress_seats_second;
-- never one before: no alert
SET ROLE regress_seats_op;
SELECT vault.create_tenant('seats-2') IS NOT NULL AS made;
SELECT vault.create_principal('early', 'user', 'regress_seats_new', 'seats-2') =
	vault.appoint_admin('seats-2', 'regress_seats_new') AS same;
SELECT tenant, count(*) FILTER (WHERE decision = 'alert') AS alerts,
	count(*) FILTER (WHERE reason = 'the tenant had an administrator before') > 0 AS told
	FROM vault.audit
WHERE tenant LIKE 'seats%' AND operation = 'appoint_admin' AND decision IN ('allow', 'alert')
	GROUP BY 1 ORDER BY 1;

RESET ROLE;
SELECT object_kind, name, fault FROM vault.verify('seats') UNION ALL SELECT object_kind, name, fault
	FROM vault.verify('seats-2');
SELECT vault.destroy_tenant('seats', 'seats'), vault.destroy_tenant('seats-2', 'seats-2');
DROP FUNCTION pg_temp.try(text, text), pg_temp.after(text);
DROP ROLE regress_seats_op, regress_seats_second, regress_seats_deputy, regress_seats_blind,
	regress_seats_new;

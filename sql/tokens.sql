-- A token counts in the transaction that sets it, for its principal, while it is valid; whatever is
-- wrong with it, the caller is told the same, and the role never takes its place.
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE ROLE regress_tokens_admin;
CREATE ROLE regress_tokens_other;
CREATE ROLE regress_tokens_pool;
CREATE ROLE regress_tokens_bound;
CREATE ROLE regress_tokens_plain IN ROLE vault_client;
CREATE ROLE regress_tokens_op IN ROLE vault_admin;
CREATE ROLE regress_tokens_manager;
SELECT vault.create_tenant('tokens-a', 'regress_tokens_admin') AS a,
	vault.create_tenant('tokens-b', 'regress_tokens_other') AS b \gset
CREATE FUNCTION pg_temp.state(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SET ROLE regress_tokens_admin;
SELECT vault.create_principal(p) IS NOT NULL AS made FROM unnest(ARRAY['billing', 'web']) AS p;
SELECT vault.create_principal('bound', db_role => 'regress_tokens_bound') IS NOT NULL AS made;
SELECT vault."grant"('billing', '{read}', 'billing/**') IS NOT NULL AS g1,
	vault."grant"('web', '{read,write}', 'web/**') IS NOT NULL AS g2,
	vault."grant"('bound', '{read}', '**') IS NOT NULL AS g3;
SELECT vault.put('billing/key', 'of billing'), vault.put('web/key', 'of web');
-- no role may show tokens until an administrator of the tenant says so
SELECT vault.issue_token('billing') AS billing, vault.issue_token('web') AS web,
	vault.issue_token('bound') AS bound \gset
SET ROLE regress_tokens_plain;
BEGIN;
SELECT vault.login(:'billing');
ROLLBACK;
SET ROLE regress_tokens_plain;
SELECT vault.allow_tokens('regress_tokens_pool');
SET ROLE regress_tokens_other;
SELECT vault.allow_tokens('regress_tokens_pool', tenant => 'tokens-a');
SET ROLE regress_tokens_admin;
SELECT vault.allow_tokens('regress_tokens_pool'), vault.allow_tokens('regress_tokens_pool'),
	vault.allow_tokens('regress_tokens_bound', tenant => 'tokens-a');
SELECT vault.allow_tokens('vault_exec');
SELECT vault.allow_tokens('regress_tokens_op');
SELECT vault.allow_tokens('regress_tokens_none');
SELECT vault.allow_tokens(NULL);
SELECT tenant, db_role, state FROM vault.token_roles ORDER BY 2;
-- by its present name, and taken back by that
RESET ROLE;
BEGIN;
ALTER ROLE regress_tokens_bound RENAME TO regress_tokens_renamed;
SET LOCAL ROLE regress_tokens_admin;
SELECT db_role, state FROM vault.token_roles ORDER BY 1;
SELECT vault.disallow_tokens('regress_tokens_renamed');
SELECT db_role, state FROM vault.token_roles ORDER BY 1;
ROLLBACK;
-- a role that serves a tenant is not for the administrators of others
SET ROLE regress_tokens_other;
SELECT r, pg_temp.state(format('SELECT vault.allow_tokens(%L)', r)),
	pg_temp.state(format('SELECT vault.create_principal(''x'', db_role => %L)', r))
	FROM unnest(ARRAY['regress_tokens_pool', 'regress_tokens_bound', 'regress_tokens_admin']) AS r;
SET ROLE regress_tokens_admin;

-- SET LOCAL, set_config and login do the same; the role alone has no principal
SET ROLE regress_tokens_pool;
SELECT vault.get('billing/key');
BEGIN;
SET LOCAL vault.token = :'billing';
SELECT vault.get('billing/key');
SELECT tenant, principal, role FROM vault.whoami();
SELECT name FROM vault.secrets ORDER BY 1;
SELECT vault.get('web/key');
ROLLBACK;
BEGIN;
SELECT set_config('vault.token', :'web', true);
SELECT vault.get('web/key'), vault.put('web/key', 'of web'),
	(SELECT name FROM vault.get_many('**') LIMIT 1);
COMMIT;
SELECT vault.get('web/key');
BEGIN;
SELECT vault.login(:'web');
SELECT vault.get('web/key');
SELECT pg_temp.state('SELECT vault.get(''billing/key'')');
COMMIT;
SELECT vault.login(:'billing'), vault.get('billing/key');
SELECT vault.get('billing/key');
-- a token takes precedence over the role, and savepoints give back what was there
SET ROLE regress_tokens_bound;
SELECT principal FROM vault.whoami();
BEGIN;
SELECT vault.login(:'billing');
SELECT principal FROM vault.whoami();
SAVEPOINT s;
SELECT vault.login(:'web');
SELECT principal FROM vault.whoami();
ROLLBACK TO s;
SELECT principal FROM vault.whoami();
SAVEPOINT t;
SET LOCAL vault.token = '';
SELECT principal FROM vault.whoami();
ROLLBACK TO t;
RESET vault.token;
SELECT principal FROM vault.whoami();
COMMIT;
SELECT principal FROM vault.whoami();
-- set for the session: refused from the next transaction on, and not replaced by the role
SET vault.token = :'billing';
SELECT vault.get('billing/key');
SELECT * FROM vault.whoami();
SELECT count(*) FROM vault.secrets;
BEGIN;
SELECT vault.login(:'web');
SELECT principal FROM vault.whoami();
COMMIT;
SELECT vault.get('billing/key');
RESET ALL;
SET ROLE regress_tokens_bound;
SELECT vault.get('billing/key');
BEGIN;
SELECT set_config('vault.token', :'billing', false);
SELECT principal FROM vault.whoami();
COMMIT;
SELECT principal FROM vault.whoami();
RESET vault.token;

-- never shown, and stored nowhere
BEGIN;
SELECT vault.login(:'billing');
SHOW vault.token;
SELECT current_setting('vault.token');
SELECT count(*) FROM pg_settings WHERE name = 'vault.token' OR setting LIKE '%eyJ%';
COMMIT;
RESET ROLE;
SELECT pg_temp.state(format(s, :'billing'))
	FROM unnest(ARRAY['ALTER ROLE regress_tokens_pool SET vault.token = %L',
	'ALTER ROLE regress_tokens_pool SET vault.token = ''abc''',
	'ALTER DATABASE regression SET vault.token = %L',
	'CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql SET vault.token = %L AS ''SELECT 1''']) AS
	s;
ALTER SYSTEM SET vault.token = 'abc';
SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text LIKE '%vault.token%';

-- a text that is no token: the setting refuses it at once, login as any other
SET ROLE regress_tokens_pool;
SELECT pg_temp.state(format('SET LOCAL vault.token = %L', t))
	FROM unnest(ARRAY['a b', 'a=b', 'ä.b.c', E'a\nb', repeat('a', 16385)]) AS t;
SELECT pg_temp.state(format('SELECT vault.login(%L)', t))
	FROM unnest(ARRAY['a b', '', NULL, repeat('a', 16385), repeat('a', 1000000), 'a', 'a.b',
	'a.b.c', '..', 'a.b.c.d', repeat('a', 16384)]) AS t;
SELECT pg_temp.state(format('SELECT vault.login(%L)', t))
	FROM unnest(ARRAY[left(:'billing', -1), :'billing' || 'A', replace(:'billing', '.', '..'),
	upper(:'billing'),
	split_part(:'billing', '.', 1) || '.' || split_part(:'web', '.', 2) || '.'
	|| split_part(:'billing', '.', 3), :'billing' || '.' || :'billing']) AS t;

-- code of others: a SECURITY DEFINER function is who its owner is, whatever token its caller shows
RESET ROLE;
CREATE FUNCTION regress_tokens_definer() RETURNS text
	LANGUAGE sql SECURITY DEFINER AS $$ SELECT principal FROM vault.whoami() $$;
CREATE FUNCTION regress_tokens_unbound() RETURNS text
	LANGUAGE sql SECURITY DEFINER AS $$ SELECT vault.get('billing/key') $$;
CREATE FUNCTION regress_tokens_login(t text) RETURNS void
	LANGUAGE sql SECURITY DEFINER AS $$ SELECT vault.login(t) $$;
ALTER FUNCTION regress_tokens_definer() OWNER TO regress_tokens_bound;
ALTER FUNCTION regress_tokens_unbound() OWNER TO regress_tokens_plain;
ALTER FUNCTION regress_tokens_login(text) OWNER TO regress_tokens_bound;
SET ROLE regress_tokens_pool;
BEGIN;
SELECT vault.login(:'billing');
SELECT regress_tokens_definer();
SELECT vault.get('billing/key');
SELECT regress_tokens_unbound();
ROLLBACK;
SELECT regress_tokens_login(:'billing');
RESET ROLE;
DROP FUNCTION regress_tokens_definer(), regress_tokens_unbound(), regress_tokens_login(text);

-- issuing: for oneself, or by an administrator; never to who has only a token, and not by operators
SET ROLE regress_tokens_bound;
SELECT length(vault.issue_token('bound')) > 100 AS own;
SELECT vault.issue_token('web');
SELECT vault.issue_token('owner');
SELECT vault.issue_token('nobody');
SET ROLE regress_tokens_pool;
BEGIN;
SELECT vault.login(:'bound');
SELECT vault.issue_token('bound');
ROLLBACK;
SET ROLE regress_tokens_op;
SELECT vault.issue_token('billing');
SELECT principal, single_use, created_by FROM vault.issued_tokens WHERE tenant = 'tokens-a'
	ORDER BY 1, 3;
SET ROLE regress_tokens_other;
SELECT vault.issue_token('billing');
SELECT count(*) FROM vault.issued_tokens;
SET ROLE regress_tokens_admin;
SELECT vault.issue_token('nobody');
SELECT vault.issue_token('owner');
SELECT pg_temp.state(format('SELECT vault.issue_token(''web'', %L)', t))
	FROM unnest(ARRAY['0', '-1 hour', '25 hours', NULL]::interval[]) AS t;
SELECT pg_temp.state('SELECT vault.issue_token(''web'', ''61 minutes'', true)'),
	pg_temp.state('SELECT vault.issue_token(''web'', single_use => NULL)'),
	pg_temp.state('SELECT vault.issue_token(NULL)'),
	pg_temp.state('SELECT vault.issue_token(''web'', db_role => ''regress_tokens_plain'')');
-- a token is worth what its principal holds: an administrator who does not hold that gets none, and
-- adds no issuer
SELECT vault.create_principal('manager', 'user', 'regress_tokens_manager') IS NOT NULL AS made,
	vault.create_principal('idle') IS NOT NULL AS made,
	vault.create_principal('writer-only') IS NOT NULL AS made,
	vault.create_principal('by-role') IS NOT NULL AS made, vault.add_member('admin', 'manager'),
	vault.add_member('writer', 'writer-only'), vault.add_member('reader', 'by-role');
\set jwks `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print jwks(key("tokens"))'`
SELECT vault.add_issuer('idp', 'https://idp.example', 'vault', :'jwks') IS NOT NULL AS added;
SET ROLE regress_tokens_manager;
SELECT p, pg_temp.state(format('SELECT vault.issue_token(%L)', p))
	FROM unnest(ARRAY['idle', 'writer-only', 'manager', 'by-role', 'web', 'billing', 'bound',
	'regress_tokens_admin', 'nobody']) AS p;
SELECT
	pg_temp.state(
	format('SELECT vault.add_issuer(''mine'', ''https://mine.example'', ''vault'', %L)', :'jwks')),
	pg_temp.state(format('SELECT vault.set_issuer_keys(''idp'', %L)', :'jwks'));
SET ROLE regress_tokens_admin;
SELECT vault."grant"('manager', '{read}', '**', '{default}') IS NOT NULL AS in_one_environment;
SET ROLE regress_tokens_manager;
SELECT pg_temp.state(format('SELECT vault.set_issuer_keys(''idp'', %L)', :'jwks')),
	pg_temp.state('SELECT vault.issue_token(''by-role'')');
SET ROLE regress_tokens_admin;
SELECT vault."grant"('manager', '{read}', '**') IS NOT NULL AS everywhere;
SET ROLE regress_tokens_manager;
SELECT pg_temp.state(format('SELECT vault.set_issuer_keys(''idp'', %L)', :'jwks')),
	pg_temp.state('SELECT vault.issue_token(''by-role'')'),
	pg_temp.state('SELECT vault.issue_token(''regress_tokens_admin'')');
SET ROLE regress_tokens_admin;
SELECT vault."grant"('manager', '{read}', 'hr/**', effect => 'deny') IS NOT NULL AS denied;
SET ROLE regress_tokens_manager;
SELECT pg_temp.state(format('SELECT vault.set_issuer_keys(''idp'', %L)', :'jwks')),
	pg_temp.state('SELECT vault.issue_token(''by-role'')'),
	pg_temp.state('SELECT vault.issue_token(''writer-only'')'),
	pg_temp.state('SELECT vault.remove_issuer(''idp'')');
SET ROLE regress_tokens_admin;
SELECT vault.revoke_tokens('regress_tokens_admin');
SELECT vault.drop_principal(p) FROM unnest(ARRAY['manager', 'idle', 'writer-only', 'by-role']) AS p;
-- for one role
SELECT vault.issue_token('web', db_role => 'regress_tokens_pool') AS pinned \gset
SET ROLE regress_tokens_pool;
SELECT vault.login(:'pinned'), vault.get('web/key');
SET ROLE regress_tokens_bound;
SELECT vault.login(:'pinned');
-- it expires by the wall clock, inside a transaction too
SET ROLE regress_tokens_admin;
SELECT vault.issue_token('web', '2 seconds') AS short \gset
SET ROLE regress_tokens_pool;
BEGIN;
SELECT vault.login(:'short');
SELECT pg_sleep(2.1);
SELECT pg_temp.state('SELECT vault.get(''web/key'')');
SELECT pg_temp.state('SELECT count(*) FROM vault.secrets');
COMMIT;
-- for one use: one transaction, whatever becomes of it
SET ROLE regress_tokens_admin;
SELECT vault.issue_token('web', single_use => true) AS once,
	vault.issue_token('web', single_use => true) AS undone \gset
SET ROLE regress_tokens_pool;
BEGIN;
SELECT vault.login(:'once');
SELECT vault.get('web/key'), vault.get('web/key');
COMMIT;
SELECT vault.login(:'once');
BEGIN READ ONLY;
SELECT vault.login(:'undone');
SELECT vault.get('web/key');
ROLLBACK;
SELECT vault.login(:'undone');
-- revoked: at the next call
SET ROLE regress_tokens_admin;
SELECT vault.issue_token('web') AS t1, vault.issue_token('web') AS t2 \gset
RESET ROLE;
CREATE FUNCTION pg_temp.jti(token text) RETURNS uuid LANGUAGE sql AS $$
	SELECT (convert_from(decode(translate(p, '-_', '+/') || repeat('=', (4 - length(p) % 4) % 4),
	'base64'), 'UTF8')::jsonb->>'jti')::uuid FROM split_part(token, '.', 2) AS p
$$;
SET ROLE regress_tokens_other;
SELECT vault.revoke_token(pg_temp.jti(:'t1'));
SET ROLE regress_tokens_bound;
SELECT vault.revoke_token(pg_temp.jti(:'t1'));
SELECT vault.revoke_tokens('web');
SELECT vault.revoke_tokens('bound');
SET ROLE regress_tokens_pool;
BEGIN;
SELECT vault.login(:'t1');
SET LOCAL ROLE regress_tokens_admin;
SET LOCAL vault.token = '';
SELECT vault.revoke_token(pg_temp.jti(:'t1'));
SET LOCAL ROLE regress_tokens_pool;
SET LOCAL vault.token = :'t1';
SELECT vault.get('web/key');
ROLLBACK;
SELECT vault.login(:'t1'), vault.get('web/key');
SET ROLE regress_tokens_admin;
SELECT vault.revoke_token(pg_temp.jti(:'t1'));
SELECT vault.revoke_token(pg_temp.jti(:'t1'));
SET ROLE regress_tokens_pool;
SELECT vault.login(:'t1');
SELECT vault.login(:'t2'), vault.get('web/key');
SET ROLE regress_tokens_op;
SELECT vault.revoke_tokens('web', tenant => 'tokens-a') >= 2 AS revoked;
SET ROLE regress_tokens_pool;
SELECT vault.login(:'t2');
-- the principal, the tenant or the permission of the role gone: so is the token
SELECT vault.login(:'billing'), vault.get('billing/key');
SET ROLE regress_tokens_op;
SELECT vault.suspend_tenant('tokens-a');
SET ROLE regress_tokens_pool;
SELECT vault.login(:'billing');
SET ROLE regress_tokens_op;
SELECT vault.resume_tenant('tokens-a');
SET ROLE regress_tokens_admin;
SELECT vault.disallow_tokens('regress_tokens_pool');
SELECT vault.disallow_tokens('regress_tokens_pool');
SET ROLE regress_tokens_pool;
SELECT vault.login(:'billing');
SET ROLE regress_tokens_admin;
SELECT vault.allow_tokens('regress_tokens_pool'), vault.drop_principal('billing');
SET ROLE regress_tokens_pool;
SELECT vault.login(:'billing');
-- sealed: the answer is that
RESET ROLE;
SELECT vault.seal();
SET ROLE regress_tokens_pool;
SELECT pg_temp.state(format('SELECT vault.login(%L)', :'web'));
RESET ROLE;
SELECT vault.unseal();

-- the trail knows why
SELECT reason, count(*) FROM vault_data.audit_log
	WHERE (tenant_id = :'a' OR tenant_id = '00000000-0000-0000-0000-000000000000')
	AND role LIKE 'regress\_tokens%' AND reason LIKE 'VT014%' GROUP BY 1
	ORDER BY reason COLLATE "C";
SELECT DISTINCT principal, subject, decision FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND operation = 'get' AND subject IS NOT NULL ORDER BY 1, 2, 3;
SELECT count(*) FROM vault_data.audit_log AS r WHERE r::text LIKE '%eyJ%';
SELECT count(*) FROM vault_data.audit_log
	WHERE operation = 'view' AND decision = 'deny' AND role LIKE 'regress\_tokens%'
	AND reason LIKE 'VT014%';
SELECT regexp_replace(reason, '[0-9a-f-]{36}', '<jti>') AS reason, count(*)
	FROM vault_data.audit_log WHERE tenant_id = :'a'
	AND operation IN ('issue_token', 'revoke_token') AND decision = 'allow' GROUP BY 1 ORDER BY 1;

-- rows changed outside vault
SET ROLE regress_tokens_admin;
SELECT vault.issue_token('web') AS t3, vault.issue_token('bound') AS t4 \gset
RESET ROLE;
UPDATE vault_data.issued_token SET principal_id =
	(SELECT id FROM vault_data.principal WHERE tenant_id = :'a' AND name = 'bound')
	WHERE id = pg_temp.jti(:'t3');
SET ROLE regress_tokens_pool;
SELECT pg_temp.state(format('SELECT vault.login(%L)', :'t3')) LIKE 'VT004%' AS refused;
SELECT vault.login(:'t4'), vault.get('web/key');
RESET ROLE;
INSERT INTO vault_data.token_role (tenant_id, role_name, revision, mac, db_role)
	VALUES (:'a', 'regress_tokens_plain', 1, '\x00', 'regress_tokens_plain');
SET ROLE regress_tokens_plain;
SELECT pg_temp.state(format('SELECT vault.login(%L)', :'t4')) LIKE 'VT004%' AS refused;
RESET ROLE;
SELECT object_kind, name, fault FROM vault.verify('tokens-a') WHERE object_kind <> 'catalog'
	ORDER BY 1, 2;
SELECT operation, decision, object_kind FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND operation LIKE 'direct%' ORDER BY 1, 3;

SELECT vault.destroy_tenant('tokens-a', 'tokens-a'), vault.destroy_tenant('tokens-b', 'tokens-b');
SELECT (SELECT count(*) FROM vault_data.issued_token) +
	(SELECT count(*) FROM vault_data.token_role WHERE tenant_id = :'a') AS left_behind;
DROP ROLE regress_tokens_manager, regress_tokens_admin, regress_tokens_other, regress_tokens_pool,
	regress_tokens_bound, regress_tokens_plain, regress_tokens_op;

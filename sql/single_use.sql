-- Tokens for a single use: each principal and tenant may have so many. A principal that fills the
-- table in which used ones are remembered shuts out itself only.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_once_pool;
SELECT format('CREATE ROLE regress_once_%s', t) FROM unnest('{a,b,c,d,e}'::text[]) AS t \gexec
SELECT count(vault.create_tenant('once-' || t, 'regress_once_' || t))
	FROM unnest('{a,b,c,d,e}'::text[]) AS t;
CREATE FUNCTION pg_temp.refused(token text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM vault.login(token);
	RETURN false;
EXCEPTION WHEN SQLSTATE 'VT014' THEN
	RETURN true;
END
$$;
CREATE TEMP TABLE token (tenant text, principal text, n int, token text);
GRANT SELECT, INSERT ON token TO PUBLIC;
SELECT count(vault.allow_tokens('regress_once_pool', 'once-' || t))
	FROM unnest('{a,b,c,d,e}'::text[]) AS t;
SELECT format($$SET ROLE regress_once_%s;
	SELECT count(vault.create_principal(p)) FROM unnest('{flood,second,third}'::text[]) AS p$$, t)
	FROM unnest('{a,b,c,d,e}'::text[]) AS t \gexec

-- a principal's quota, with its own reason, and a tenant's
SET ROLE regress_once_a;
INSERT INTO token SELECT 'a', 'flood', n, vault.issue_token('flood', '1 hour', true)
	FROM generate_series(1, 512) AS n;
SELECT vault.issue_token('flood', single_use => true);
SELECT vault.issue_token('flood') IS NOT NULL AS of_many_uses;
INSERT INTO token SELECT 'a', 'second', n, vault.issue_token('second', '1 hour', true)
	FROM generate_series(1, 510) AS n;
INSERT INTO token SELECT 'a', 'third', n, vault.issue_token('third', '1 hour', true)
	FROM generate_series(1, 2) AS n;
SELECT vault.issue_token('third', single_use => true);
RESET ROLE;
SELECT decision, reason FROM vault.audit
	WHERE tenant = 'once-a' AND operation = 'issue_token' AND decision <> 'allow' ORDER BY id;

-- four tenants that have all they may have, and use it
SELECT format($$SET ROLE regress_once_%1$s;
	INSERT INTO token SELECT %1$L, p, n, vault.issue_token(p, '1 hour', true)
	FROM (VALUES ('flood', 512), ('second', 510), ('third', 2)) AS v (p, many),
		generate_series(1, many) AS n$$, t)
FROM unnest('{b,c,d}'::text[]) AS t \gexec
SET ROLE regress_once_e;
INSERT INTO token SELECT 'e', 'flood', n, vault.issue_token('flood', '1 hour', true)
	FROM generate_series(1, 3) AS n;
SET ROLE regress_once_pool;
SELECT count(*), count(vault.login(token)) FROM token
	WHERE tenant <> 'e' AND NOT (principal = 'third' AND n = 2);

-- the table holds them and four more: then room is made, at the expense of who has most
SELECT count(vault.login(token)) AS theirs FROM token WHERE tenant = 'e' AND n < 3;
SELECT count(vault.login(token)) AS of_others_in_the_tenants FROM token
	WHERE principal = 'third' AND n = 2;
SELECT count(vault.login(token)) AS and_more FROM token WHERE tenant = 'e' AND n = 3;

-- nothing is accepted twice, and the trail says why
SELECT count(*) FILTER (WHERE pg_temp.refused(token)) AS refused, count(*) FROM token
	WHERE n IN (1, 100, 500);
RESET ROLE;
SELECT DISTINCT reason FROM vault.audit
	WHERE operation = 'login' AND decision <> 'allow' AND tenant LIKE 'once-%' ORDER BY 1;

-- after the table has forgotten, tokens that are issued from now on work
SELECT format('SET ROLE regress_once_%1$s; SELECT vault.revoke_tokens(''flood''); '
	'INSERT INTO token SELECT %1$L, ''new'', 1, vault.issue_token(''flood'', single_use => true)',
	t) FROM unnest('{a,b,c,d}'::text[]) AS t \gexec
SET ROLE regress_once_pool;
SELECT count(vault.login(token)) AS fresh FROM token WHERE principal = 'new';
RESET ROLE;
SELECT count(vault.destroy_tenant('once-' || t, 'once-' || t))
	FROM unnest('{a,b,c,d,e}'::text[]) AS t;
DROP TABLE token;
SELECT format('DROP ROLE regress_once_%s', t) FROM unnest('{a,b,c,d,e,pool}'::text[]) AS t \gexec

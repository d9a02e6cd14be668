-- Names, environments and patterns keep to their grammar; what does not is refused with 22023 and a
-- hint, before anything else.
\set SHOW_CONTEXT never
CREATE ROLE regress_names_admin;
SELECT vault.create_tenant('names', 'regress_names_admin') IS NOT NULL AS made;
SET ROLE regress_names_admin;

CREATE FUNCTION pg_temp.try(statement text, argument text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	hint text;
BEGIN
	EXECUTE statement INTO answer USING argument;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || replace(SQLERRM, 'invalid ', '') || CASE WHEN hint = ''
	THEN ' (no hint)' ELSE '' END;
END
$$;
CREATE TEMP TABLE sample (number integer GENERATED ALWAYS AS IDENTITY, given text);
INSERT INTO sample (given) VALUES ('a'), ('a/b/c'), ('A.b_c-9/0'), ('...'), ('a/.../b'), ('-'),
	('.hidden'), (repeat('x', 255)),
	(repeat('a/', 127) || 'b'), (NULL), (''), ('/'), ('/a'), ('a/'), ('a//b'), ('.'), ('..'),
	('a/../b'), ('a/.'), ('a b'),
	(' a'), (E'a\tb'), (E'a\n'), ('a:b'), ('a\b'), ('a*'), ('a''b'), ('a%b'), (repeat('x', 256));

-- a name
SELECT CASE WHEN length(given) > 20 THEN left(given, 4) || '... ' || length(given) ELSE given
	END AS given,
	pg_temp.try('SELECT vault.put($1, ''v'')', given) AS name
FROM sample ORDER BY number;
\set VERBOSITY default
SELECT vault.put('a//b', 'v');
\set VERBOSITY sqlstate

-- every function that takes a name refuses in the same way
SELECT call, pg_temp.try('SELECT vault.' || call, 'a//b') AS answer
FROM unnest(ARRAY['get($1)', 'get_bytes($1)', 'get_json($1)', 'put($1, ''\x00''::bytea)',
	'put($1, ''{}''::jsonb)', 'rotate($1)',
	'rollback($1)', 'describe($1)', 'delete($1)', 'undelete($1)', 'destroy($1, 1)',
	'deactivate($1, ''why'')',
	'reactivate($1, ''why'')', 'rename($1, ''b'')', 'rename(''a'', $1)', 'tag($1, ''{}'')',
	'explain_access(''regress_names_admin'', ''read'', $1)']) AS call;

-- an environment: one segment of at most 63 bytes
SELECT CASE WHEN length(given) > 20 THEN left(given, 4) || '... ' || length(given) ELSE given
	END AS given,
	pg_temp.try('SELECT vault.put(''a'', ''v'', environment => $1)', given) AS environment
FROM (SELECT given, number FROM sample UNION ALL VALUES (repeat('x', 63), 100),
	(repeat('x', 64), 101)) AS s ORDER BY number;
SELECT call, pg_temp.try('SELECT vault.' || call, 'a/b') AS answer
FROM unnest(ARRAY['get(''a'', environment => $1)', 'get_many(''**'', $1)', 'list(''**'', $1)',
	'describe(''a'', $1)', 'rotate(''a'', ''v'', $1)',
	'delete(''a'', $1)', 'rename(''a'', ''c'', $1)']) AS call;
SET vault.environment = 'a b';
SHOW vault.environment;

-- a pattern
SELECT given, pg_temp.try('SELECT vault."grant"(''regress_names_admin'', ''{read}'', $1)',
	given) AS "grant",
	pg_temp.try('SELECT count(*) FROM vault.list($1)', given) AS list,
	pg_temp.try('SELECT count(*) FROM vault.get_many($1)', given) AS get_many
FROM unnest(ARRAY['*', '**', 'a/*', 'a/**', '**/a', 'a/**/b', 'a*b', '*a*', 'a/*-*', '', 'a**',
	'**a', '***', 'a//b', 'a/', '..', 'a?b', '[a]', NULL]) AS given;

-- the names that patterns match
RESET ROLE;
SELECT pattern, array_agg(name ORDER BY name COLLATE "C") FILTER
	(WHERE vault_data.name_matches(name, pattern)) AS holds
FROM unnest(ARRAY['a', 'b', 'ab', 'a/b', 'a/x/b', 'a/x/y/b', 'a/b/c', 'a-b', 'A']) AS name,
	unnest(ARRAY['a', '*', '**', 'a*', 'a/*', 'a/**', '**/b', 'a/**/b', 'a/*/b', '*/*', '*b',
	'a*b']) AS pattern
GROUP BY pattern ORDER BY pattern COLLATE "C";

SELECT vault.destroy_tenant('names', 'names');
DROP FUNCTION pg_temp.try(text, text);
DROP TABLE sample;
DROP ROLE regress_names_admin;

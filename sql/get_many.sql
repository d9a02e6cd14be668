-- get_many: the text secrets that match, may be read and are readable, in memory only and within a
-- limit.
\set SHOW_CONTEXT never
CREATE ROLE regress_many_admin;
CREATE ROLE regress_many_app;
SELECT vault.create_tenant('many', 'regress_many_admin') IS NOT NULL AS made;
SET ROLE regress_many_admin;
SELECT vault.create_principal('app', db_role => 'regress_many_app') IS NOT NULL AS made;
SELECT vault."grant"('app', '{read}', 'app/**') IS NOT NULL AS allowed,
	vault."grant"('app', '{read}', 'app/no/*', effect => 'deny') IS NOT NULL AS denied,
	vault."grant"('app', '{list}', '**') IS NOT NULL AS listed;
SELECT count(vault.put(name, 'value of ' || name))
	FROM unnest(ARRAY['a', 'app', 'app/a', 'app/b', 'app/b/c', 'app/no/x', 'app/deleted',
	'app/off', 'app/gone', 'app/two', 'app-x/a', 'b/app/a']) AS name;
SELECT vault.put('app/bytes', '\x01'::bytea), vault.put('app/json', '{"a":1}'::jsonb),
	vault.put('app/two', 'second'),
	vault.put('app/two', 'pending', label => 'pending'),
	vault.put('app/a', 'in prod', environment => 'prod');
SELECT vault.delete('app/deleted') IS NOT NULL AS deleted, vault.deactivate('app/off', 'test'),
	vault.destroy('app/gone', 1);

-- the administrator: everything readable; the application: what it may read
SELECT * FROM vault.get_many('**') ORDER BY name COLLATE "C";
SELECT name FROM vault.get_many('*') ORDER BY name;
SET ROLE regress_many_app;
SELECT * FROM vault.get_many('**') ORDER BY name COLLATE "C";
SELECT name FROM vault.get_many('app/*') ORDER BY name COLLATE "C";
SELECT name, value FROM vault.get_many('app/a');
SELECT name FROM vault.get_many('app/no/x');
SELECT count(*) FROM vault.get_many('a');
SELECT name, environment, value FROM vault.get_many('**', 'prod');
SELECT count(*) FROM vault.get_many('**', 'nowhere');
SELECT name FROM vault.get_many('*/b/*');
SELECT name FROM vault.get_many('**/a') ORDER BY name COLLATE "C";

-- called where no set is expected, with another's pattern, joined
SELECT (vault.get_many('app/a')).name;
SELECT p, (SELECT count(*) FROM vault.get_many(p)) FROM unnest(ARRAY['app/*', 'app/a', 'x']) AS p;

-- the limit, also with large values; the result is never written to a file
SET ROLE regress_many_admin;
SELECT count(vault.put('large/n' || n, repeat('x', 50000))) FROM generate_series(1, 40) AS n;
SET work_mem = '64kB';
CREATE FUNCTION pg_temp.temp_blocks() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE
	'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT count(*), '
	'sum(length(value)) FROM vault.get_many(''large/*'')'
	INTO plan;
	RETURN (plan->0->'Plan'->>'Temp Written Blocks')::bigint;
END
$$;
SELECT pg_temp.temp_blocks();
SELECT count(*), sum(length(value)) FROM vault.get_many('large/*');
RESET ROLE;
SET vault.max_result_memory = '1MB';
SET ROLE regress_many_admin;
SELECT count(*) FROM vault.get_many('large/*');
SELECT count(*) FROM vault.get_many('large/n1*');
\set VERBOSITY sqlstate
SELECT count(*) FROM vault.get_many('**');
SET vault.max_result_memory = '1GB';

RESET ROLE;
RESET vault.max_result_memory;
SELECT vault.destroy_tenant('many', 'many');
DROP FUNCTION pg_temp.temp_blocks();
DROP ROLE regress_many_admin, regress_many_app;

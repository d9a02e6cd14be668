-- get: the value byte for byte in the form that was asked for, of the version asked for; and not
-- where it would stay behind.
\set SHOW_CONTEXT never
CREATE ROLE regress_get_admin;
SELECT vault.create_tenant('get', 'regress_get_admin') IS NOT NULL AS made;
SET ROLE regress_get_admin;
SELECT vault.put('text', 'one'), vault.put('text', E'two lines\nand "quotes" \\ $1 %s'),
	vault.put('bytes', '\x00ff00'::bytea),
	vault.put('json', '{"b": [1, null], "a": "x"}'::jsonb), vault.put('text-json', ' [1] '),
	vault.put('soon', 'x', expires_at => clock_timestamp() + '2 seconds');

-- forms
SELECT vault.get('text'), vault.get('json');
SELECT vault.get_bytes('text'), vault.get_bytes('bytes'), vault.get_bytes('text-json');
SELECT vault.get_json('json'), vault.get_json('text-json');
SELECT vault.get('bytes');
SELECT vault.get_json('bytes');
SELECT vault.get_json('text');
\set VERBOSITY sqlstate

-- every length around the padding's steps comes back as it was
SELECT count(*) FILTER (WHERE vault.put('length/n' || n, repeat('x', n)) = 1) AS put
	FROM unnest(ARRAY[1, 58, 59, 60, 63, 64, 65, 127, 128, 1018, 1019, 1020, 1024, 1025, 70000]) AS
	n;
SELECT count(*) AS same FROM vault.get_many('length/*')
	WHERE value = repeat('x', substr(name, 9)::int);

-- versions
SELECT vault.get('text', 1), vault.get('text', version => NULL);
\set VERBOSITY default
SELECT vault.get('text', 3);
SELECT vault.get('absent');
\set VERBOSITY sqlstate
SELECT vault.get('text', 0);
SELECT vault.get('text', -1);
SELECT vault.get('text', environment => 'prod');
SELECT vault.get(NULL);

-- expired: no version of it is read, until a new value is put
SELECT pg_sleep(2.1);
\set VERBOSITY default
SELECT vault.get('soon');
\set VERBOSITY sqlstate
SELECT vault.get('soon', 1);
SELECT vault.get_bytes('soon');
SELECT count(*) FROM vault.get_many('soon');
SELECT vault.put('soon', 'y', label => 'pending');
SELECT vault.get('soon');
SELECT vault.put('soon', 'z');
SELECT vault.get('soon');

-- a cursor may be read, but not be kept with the value in it
BEGIN;
DECLARE c CURSOR FOR SELECT vault.get('text', 1);
FETCH c;
DECLARE h CURSOR WITH HOLD FOR SELECT vault.get('text', 1);
COMMIT;
BEGIN;
DECLARE h CURSOR WITH HOLD FOR SELECT value FROM vault.get_many('text');
\set VERBOSITY default
COMMIT;
\set VERBOSITY sqlstate
SELECT count(*) FROM pg_cursors WHERE is_holdable;

-- planning reads nothing, and does not fold the call to its value
EXPLAIN (VERBOSE, COSTS OFF) SELECT vault.get('text', 1);
EXPLAIN (VERBOSE, COSTS OFF) SELECT vault.get('absent');
EXPLAIN (VERBOSE, COSTS OFF) SELECT 1 WHERE vault.get('text', 1) = 'one';
PREPARE p AS SELECT vault.get('text', 1);
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE p;
DEALLOCATE p;

-- no parallel worker, no index, no materialized view, no generated column
RESET ROLE;
-- its name before PostgreSQL 16 was force_parallel_mode
SELECT name AS parallel FROM pg_settings
	WHERE name IN ('debug_parallel_query', 'force_parallel_mode') \gset
SET :parallel = on;
GRANT ALL ON SCHEMA public TO regress_get_admin;
SET ROLE regress_get_admin;
EXPLAIN (COSTS OFF) SELECT vault.get('text', 1);
SELECT vault.get('text', 1);
CREATE FUNCTION regress_get_parallel() RETURNS text
	LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN RETURN vault.get('text', 1); END $$;
SELECT regress_get_parallel();
DROP FUNCTION regress_get_parallel();
RESET :parallel;
CREATE TABLE regress_get (n integer);
CREATE INDEX ON regress_get (vault.get('text'));
ALTER TABLE regress_get ADD value text GENERATED ALWAYS AS (vault.get('text')) STORED;
CREATE FUNCTION regress_get_immutable(n integer) RETURNS text
	LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN vault.get('text', n); END $$;
CREATE INDEX ON regress_get (regress_get_immutable(n));
INSERT INTO regress_get VALUES (1);
\set VERBOSITY default
REINDEX TABLE regress_get;
CREATE MATERIALIZED VIEW regress_get_view AS SELECT vault.get('text', 1);
\set VERBOSITY sqlstate
CREATE MATERIALIZED VIEW regress_get_view AS SELECT vault.get('text', 1) WITH NO DATA;
REFRESH MATERIALIZED VIEW regress_get_view;
CREATE MATERIALIZED VIEW regress_get_many AS SELECT * FROM vault.get_many('text') WITH NO DATA;
REFRESH MATERIALIZED VIEW regress_get_many;
ANALYZE regress_get;

DROP MATERIALIZED VIEW regress_get_view, regress_get_many;
DROP TABLE regress_get;
DROP FUNCTION regress_get_immutable(integer);
RESET ROLE;
REVOKE ALL ON SCHEMA public FROM regress_get_admin;
SELECT vault.destroy_tenant('get', 'get');
DROP ROLE regress_get_admin;

-- NULL and odd arguments of every public function, by each kind of caller: an answer or an error of
-- its own class, never an internal one.
\set SHOW_CONTEXT never
CREATE ROLE regress_errors_op IN ROLE vault_admin;
CREATE ROLE regress_errors_admin;
CREATE ROLE regress_errors_nobody IN ROLE vault_client;
SELECT vault.create_tenant('errors', 'regress_errors_admin') IS NOT NULL AS made;
SET ROLE regress_errors_admin;
SELECT vault.put('key', 'canary-51d0'), vault.put('bytes', '\x01'::bytea),
	vault.create_principal('robot') IS NOT NULL AS made;
RESET ROLE;

-- every combination of "as good as can be" with one odd argument, and all NULL
CREATE TEMP TABLE odd (kind regtype, given text);
INSERT INTO odd VALUES ('text', NULL), ('text', ''), ('text', 'key'), ('text', 'errors'),
	('text', '**'), ('text', repeat('x', 5000)), ('text', E'\x01\n'), ('text', '%s %n'),
	('text', ''';--'), ('text', 'robot'), ('text', 'read'), ('text', 'vault_exec'),
	('integer', NULL), ('integer', '0'), ('integer', '-1'), ('integer', '1'),
	('integer', '2147483647'), ('integer', '-2147483648'),
	('bytea', NULL), ('bytea', ''), ('bytea', '\x00'), ('jsonb', NULL), ('jsonb', 'null'),
	('jsonb', '[]'), ('jsonb', '{}'), ('jsonb', '{"a": {"b": null}}'), ('jsonb', '"x"'),
	('timestamptz', NULL), ('timestamptz', 'infinity'), ('timestamptz', '-infinity'),
	('timestamptz', '294276-01-01'), ('timestamptz', '4713-01-01 BC'),
	('uuid', NULL), ('uuid', '00000000-0000-0000-0000-000000000000'), ('interval', NULL),
	('interval', '-1 day'), ('interval', '178000000 years'),
	('text[]', NULL), ('text[]', '{}'), ('text[]', '{NULL}'), ('text[]', '{read,NULL}'),
	('text[]', '{{read},{write}}'), ('text[]', '{read}');
CREATE FUNCTION pg_temp.calls() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	f record;
	odd_at integer;
	o record;
BEGIN
	FOR f IN SELECT oid::regproc AS name, proargtypes AS types FROM pg_proc
	WHERE pronamespace = 'vault'::regnamespace
		AND proname NOT IN ('init', 'seal', 'unseal', 'rotate_root_key') ORDER BY oid
	LOOP
		RETURN NEXT format('SELECT * FROM %s(%s)', f.name,
		(SELECT string_agg('NULL::' || t::regtype, ', ' ORDER BY n) FROM unnest(f.types)
		WITH ORDINALITY AS u (t, n)));
		FOR odd_at IN 0 .. cardinality(f.types::oid[]) - 1 LOOP
			FOR o IN SELECT * FROM odd WHERE kind = f.types[odd_at] LOOP
				RETURN NEXT format('SELECT * FROM %s(%s)', f.name,
				(SELECT string_agg(format('%L::%s', CASE WHEN n - 1 = odd_at THEN o.given
					ELSE (CASE t::regtype WHEN 'text'::regtype THEN CASE WHEN n = 1 THEN 'key' END
					WHEN 'bytea'::regtype THEN '\x00' WHEN 'jsonb'::regtype THEN '{}'
					WHEN 'text[]'::regtype THEN CASE n WHEN 2 THEN '{read}' END END) END,
					t::regtype), ', ' ORDER BY n)
					FROM unnest(f.types) WITH ORDINALITY AS u (t, n)));
			END LOOP;
		END LOOP;
	END LOOP;
END
$$;
CREATE FUNCTION pg_temp.answer(p_role text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
	context text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', p_role);
	EXECUTE statement;
	RAISE raise_exception;
EXCEPTION WHEN raise_exception THEN
	RETURN 'done';
WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
	context = PG_EXCEPTION_CONTEXT;
	RETURN SQLSTATE || ' ' || concat_ws(' ', SQLERRM, detail, hint,
	regexp_replace(context, 'SQL statement "SELECT.*', ''));
END
$$;
CREATE TEMP TABLE answers AS
SELECT role, call, pg_temp.answer('regress_errors_' || role, call) AS answer
	FROM unnest(ARRAY['admin', 'op', 'nobody']) AS role, pg_temp.calls() AS call;

-- each a state that callers can act on
SELECT role, count(*) > 300 AS many, count(*) FILTER (WHERE answer = 'done') > 0 AS some_done
	FROM answers GROUP BY 1 ORDER BY 1;
SELECT DISTINCT role, left(answer, 5) AS sqlstate FROM answers WHERE answer <> 'done' ORDER BY 1, 2;
SELECT role, call, answer FROM answers
	WHERE answer <> 'done' AND left(answer, 5) NOT IN ('22023', '42501', '23505', '40001', '42704',
	'42939', '55000') AND answer NOT LIKE 'VT0__ %' ORDER BY call LIMIT 20;
-- a role without an identity gets to whoami, status and empty views only
SELECT DISTINCT regexp_replace(call, '\(.*', '') AS done FROM answers
	WHERE role = 'nobody' AND answer = 'done' ORDER BY 1;
-- no argument that may be a value comes back in what the server says, and nothing of the inside
SELECT role, call, answer FROM answers
	WHERE position('canary-51d0' IN answer) > 0
	OR answer ~ 'vault_data\.[a-z_]+\(|PL/pgSQL function vault|pkey' ORDER BY call LIMIT 20;

-- all of this was undone, and the vault works on
SELECT name, current_version, state FROM vault.secrets WHERE tenant = 'errors' ORDER BY name;
SET ROLE regress_errors_admin;
SELECT vault.get('key');

RESET ROLE;
SELECT vault.destroy_tenant('errors', 'errors');
DROP FUNCTION pg_temp.calls(), pg_temp.answer(text, text);
DROP TABLE odd, answers;
DROP ROLE regress_errors_op, regress_errors_admin, regress_errors_nobody;

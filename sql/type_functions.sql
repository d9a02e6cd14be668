-- Types that operators add: checked and made up by functions of superusers only, which run as their owner and tell nothing of a value.
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE ROLE regress_tfun_admin;
CREATE ROLE regress_tfun_op IN ROLE vault_admin;
CREATE SCHEMA regress_tfun;
GRANT USAGE ON SCHEMA regress_tfun TO regress_tfun_op;
GRANT ALL ON SCHEMA regress_tfun TO regress_tfun_admin;
SELECT vault.create_tenant('tfun', 'regress_tfun_admin') IS NOT NULL AS made;
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE statement INTO answer;
	RETURN coalesce(answer, 'null');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION regress_tfun.pin_rule(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN value !~ '^[0-9]{6}$' THEN 'six digits are asked' END $$;
CREATE FUNCTION regress_tfun.make_pin() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT lpad((random() * 999999)::int::text, 6, '0') $$;

-- made by operators, seen by all, used like others
SET ROLE regress_tfun_admin;
SELECT pg_temp.attempt('SELECT vault.create_type(''tfun_pin'', ''a PIN'')') AS tenant_administrator;
SET ROLE regress_tfun_op;
SELECT vault.create_type('tfun_pin', 'a PIN of six digits', 'regress_tfun.pin_rule(text)', 'regress_tfun.make_pin()', history => 3);
SET ROLE regress_tfun_admin;
SELECT name, built_in, validator, generator, history, generates FROM vault.types WHERE NOT built_in;
SELECT pg_temp.attempt('SELECT vault.put(''pin'', ''471100'', type => ''tfun_pin'')') AS good, pg_temp.attempt('SELECT vault.put(''pin'', ''4711'')') AS bad, pg_temp.attempt('SELECT vault.put(''pin'', ''471100'')') AS again, pg_temp.attempt('SELECT vault.rotate(''pin'')') AS made_up, length(vault.get('pin')), length(vault.generate('tfun_pin')) AS generated;
SELECT pg_temp.attempt('SELECT vault.put(''pin2'', ''\x343731313030''::bytea, type => ''tfun_pin'')') AS bytes, pg_temp.attempt('SELECT vault.get_field(''pin'', ''x'')') AS field;

-- which functions: of a superuser, in SQL or PL/pgSQL, of one text, not VOLATILE, not the server's
CREATE FUNCTION regress_tfun.of_admin(value text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT value';
RESET ROLE;
CREATE FUNCTION regress_tfun.writes(value text) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT NULL::text';
CREATE FUNCTION regress_tfun.number(value text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION regress_tfun.many(value text) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS 'SELECT value';
CREATE FUNCTION regress_tfun.two(value text, other text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT value';
SET ROLE regress_tfun_op;
SELECT f, pg_temp.attempt(format('SELECT vault.create_type(''tfun_x'', ''x'', %L)', f)) FROM unnest(ARRAY['regress_tfun.of_admin(text)', 'regress_tfun.writes(text)', 'regress_tfun.number(text)', 'regress_tfun.many(text)', 'regress_tfun.two(text,text)', 'regress_tfun.make_pin()', 'pg_catalog.upper(text)', 'vault_data.environment(text)', 'pg_catalog.pg_read_file(text)']) f;
SELECT pg_temp.attempt('SELECT vault.create_type(''tfun_x'', ''x'', NULL, ''regress_tfun.pin_rule(text)'')') AS generator, pg_temp.attempt('SELECT vault.create_type(''tfun_x'', ''x'', 4711::regprocedure)') AS no_function, pg_temp.attempt('SELECT vault.alter_type(''tfun_pin'', validator => ''regress_tfun.of_admin(text)'')') AS altered;
-- one that the operator may call: what it returns, everybody gets
RESET ROLE;
CREATE SCHEMA regress_tfun_closed;
CREATE FUNCTION regress_tfun_closed.hidden() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'hidden-7Q2xR9mW4zT8' $$;
CREATE FUNCTION regress_tfun.hidden() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'hidden-7Q2xR9mW4zT8' $$;
CREATE FUNCTION regress_tfun.hidden_rule(value text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'hidden' $$;
REVOKE EXECUTE ON FUNCTION regress_tfun.hidden(), regress_tfun.hidden_rule(text) FROM PUBLIC;
SELECT oid AS closed FROM pg_proc WHERE pronamespace = 'regress_tfun_closed'::regnamespace \gset
SET ROLE regress_tfun_op;
SELECT pg_temp.attempt('SELECT vault.create_type(''tfun_x'', ''x'', NULL, ''regress_tfun.hidden()'')') AS generator, pg_temp.attempt('SELECT vault.create_type(''tfun_x'', ''x'', ''regress_tfun.hidden_rule(text)'')') AS validator, pg_temp.attempt('SELECT vault.alter_type(''tfun_pin'', generator => ''regress_tfun.hidden()'')') AS altered, pg_temp.attempt(format('SELECT vault.alter_type(''tfun_pin'', generator => %L::oid::regprocedure)', :'closed')) AS schema_closed;
SELECT validator, generator FROM vault.types WHERE name = 'tfun_pin';
RESET ROLE;
GRANT EXECUTE ON FUNCTION regress_tfun.hidden() TO regress_tfun_op;
GRANT USAGE ON SCHEMA regress_tfun_closed TO regress_tfun_op;
SET ROLE regress_tfun_op;
SELECT vault.create_type('tfun_x', 'x', NULL, 'regress_tfun.hidden()');
SELECT vault.alter_type('tfun_x', generator => 'regress_tfun_closed.hidden()');
SELECT generator FROM vault.types WHERE name = 'tfun_x';
SELECT vault.drop_type('tfun_x');
RESET ROLE;
DROP SCHEMA regress_tfun_closed CASCADE;
-- and looked at once more when they are called
RESET ROLE;
ALTER FUNCTION regress_tfun.pin_rule(text) OWNER TO regress_tfun_admin;
SET ROLE regress_tfun_admin;
SELECT pg_temp.attempt('SELECT vault.put(''pin'', ''471101'')') AS of_another_owner;
RESET ROLE;
ALTER FUNCTION regress_tfun.pin_rule(text) RENAME TO gone;
SET ROLE regress_tfun_admin;
SELECT pg_temp.attempt('SELECT vault.put(''pin'', ''471101'')') AS gone;
RESET ROLE;
ALTER FUNCTION regress_tfun.gone(text) RENAME TO pin_rule;
ALTER FUNCTION regress_tfun.pin_rule(text) OWNER TO CURRENT_USER;
ALTER FUNCTION regress_tfun.pin_rule(text) VOLATILE;
SET ROLE regress_tfun_admin;
SELECT pg_temp.attempt('SELECT vault.put(''pin'', ''471101'')') AS volatile;
RESET ROLE;
ALTER FUNCTION regress_tfun.pin_rule(text) IMMUTABLE;

-- as whom, and where: the owner, a fixed path, restricted; it cannot write, use the vault, or speak
CREATE TABLE regress_tfun.seen (value text);
CREATE FUNCTION regress_tfun.surroundings(value text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
	RAISE NOTICE 'the value is %', value;
	RAISE WARNING 'the value is %', value;
	CASE split_part(value, '-', 1)
		WHEN 'who' THEN RETURN format('as %s in %s', CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN 'superuser' ELSE current_user END, replace(current_setting('search_path'), ' pg_temp', ' temp'));
		WHEN 'write' THEN INSERT INTO regress_tfun.seen VALUES (value);
		WHEN 'vault' THEN PERFORM vault.get('pin');
		WHEN 'temp' THEN EXECUTE 'CREATE TEMP TABLE leak AS SELECT 1';
		WHEN 'divide' THEN PERFORM 1 / (length(value) - length(value));
		WHEN 'raise' THEN RAISE EXCEPTION 'the value is %', value USING DETAIL = value, HINT = value;
		WHEN 'cast' THEN PERFORM value::integer;
		WHEN 'echo' THEN RETURN value;
		WHEN 'part' THEN RETURN 'it begins with ' || left(value, 6);
		WHEN 'upper' THEN RETURN upper(value);
		WHEN 'long' THEN RETURN repeat('no ', 40);
		WHEN 'odd' THEN RETURN E'line\nfeed';
		WHEN 'empty' THEN RETURN '';
		WHEN 'rule' THEN RETURN 'a check digit is wrong';
		ELSE RETURN NULL;
	END CASE;
	RETURN NULL;
END
$$;
SET ROLE regress_tfun_op;
SELECT vault.create_type('tfun_probe', 'shows where its validator runs', 'regress_tfun.surroundings(text)');
SET ROLE regress_tfun_admin;
SELECT v, pg_temp.attempt(format('SELECT vault.put(%L, %L, type => ''tfun_probe'')', 'probe/' || v, v || '-canary-4711')) FROM unnest(ARRAY['fine', 'who', 'write', 'vault', 'temp', 'divide', 'raise', 'cast', 'echo', 'part', 'upper', 'long', 'odd', 'empty', 'rule']) v;
\set VERBOSITY default
SELECT vault.put('probe', 'raise-canary-4711', type => 'tfun_probe');
\set VERBOSITY terse
SELECT current_user, current_setting('client_min_messages');
SELECT count(*) AS stored FROM vault.secrets WHERE name LIKE 'probe%';
-- nothing of it is in the trail
SELECT count(*) FILTER (WHERE a::text LIKE '%canary-4711%') AS with_a_value, count(*) > 10 AS looked_at FROM vault.audit a WHERE operation = 'put' AND secret LIKE 'probe%';
-- a generator that fails, or makes nothing, or what the validator refuses
RESET ROLE;
SELECT count(*) FROM regress_tfun.seen;
CREATE FUNCTION regress_tfun.makes() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN current_setting('regress.makes'); END $$;
SELECT vault.alter_type('tfun_probe', generator => 'regress_tfun.makes()');
SET ROLE regress_tfun_admin;
SELECT pg_temp.attempt('SELECT vault.generate(''tfun_probe'')') AS fails;
SET regress.makes = '';
SELECT pg_temp.attempt('SELECT vault.generate(''tfun_probe'')') AS nothing;
SET regress.makes = 'rule-broken';
SELECT pg_temp.attempt('SELECT vault.generate(''tfun_probe'')') AS refused;
SET regress.makes = 'fine';
SELECT vault.generate('tfun_probe'), vault.rotate('probe/fine'), vault.get('probe/fine');

-- names and settings; a type that is in use stays; a built-in one is nobody's
SET ROLE regress_tfun_op;
SELECT v, pg_temp.attempt(format('SELECT vault.create_type(%s)', v)) FROM unnest(ARRAY['''password'', ''x''', '''tfun_pin'', ''x''', '''Upper'', ''x''', '''a_name_that_is_too_long'', ''x''', 'NULL, ''x''', '''tfun_x'', NULL', '''tfun_x'', ''x'', min_length => 0']) v;
SELECT pg_temp.attempt('SELECT vault.drop_type(''tfun_pin'')') AS used, pg_temp.attempt('SELECT vault.drop_type(''password'')') AS built_in, pg_temp.attempt('SELECT vault.drop_type(''tfun_none'')') AS absent, pg_temp.attempt('SELECT vault.alter_type(''password'', history => 0)') AS alter_built_in;
SELECT vault.alter_type('tfun_pin', 'a PIN', min_length => 6, max_length => 6), pg_temp.attempt('SELECT vault.alter_type(''tfun_pin'', max_length => 5)') AS below;
SELECT name, description, validator, min_length, max_length, history FROM vault.types WHERE name = 'tfun_pin';
SET ROLE regress_tfun_admin;
SELECT pg_temp.attempt('SELECT vault.put(''pin'', ''12345'')') AS short;
-- a tenant asks more of it
SELECT vault.set_type_policy('tfun_pin', excluded => '9'), pg_temp.attempt('SELECT vault.put(''pin'', ''123459'')') AS excluded, pg_temp.attempt('SELECT vault.put(''pin'', ''123458'')') AS good;

RESET ROLE;
SELECT object_kind, name, fault FROM vault.verify() WHERE name LIKE '%tfun%' OR fault LIKE '%type%';
SELECT vault.destroy_tenant('tfun', 'tfun');
SELECT vault.drop_type('tfun_pin'), vault.drop_type('tfun_probe');
SELECT count(*) FROM vault.types WHERE NOT built_in;
SET client_min_messages = warning;
DROP SCHEMA regress_tfun CASCADE;
DROP FUNCTION pg_temp.attempt(text);
DROP ROLE regress_tfun_admin, regress_tfun_op;

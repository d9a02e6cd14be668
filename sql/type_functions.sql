-- Types that are added: a superuser names the functions that check and make values, and the rules
-- that these may tell; they run as their owner and tell nothing else.
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
CREATE FUNCTION regress_tfun.pin_rule(value text) RETURNS text
	LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN value !~ '^[0-9]{6}$' THEN 'six digits are asked'
	END $$;
CREATE FUNCTION regress_tfun.make_pin() RETURNS text
	LANGUAGE sql VOLATILE AS $$ SELECT lpad((random() * 999999)::int::text, 6, '0') $$;

-- made by operators, seen by all, used like others
SET ROLE regress_tfun_admin;
SELECT pg_temp.attempt('SELECT vault.create_type(''tfun_pin'', ''a PIN'')') AS tenant_administrator;
-- an operator adds types, but names neither functions nor rules: a validator gets the values
SET ROLE regress_tfun_op;
SELECT v, pg_temp.attempt(format('SELECT vault.create_type(''tfun_op'', ''x'', %s)', v))
	FROM unnest(ARRAY['validator => ''regress_tfun.pin_rule(text)''',
	'generator => ''regress_tfun.make_pin()''', 'rules => ''{a}''', 'rules => ''{}''']) v;
SELECT vault.create_type('tfun_op', 'an operator''s', min_length => 4),
	vault.alter_type('tfun_op', max_length => 40);
SELECT v, pg_temp.attempt(format('SELECT vault.alter_type(''tfun_op'', %s)', v))
	FROM unnest(ARRAY['validator => ''regress_tfun.pin_rule(text)''',
	'generator => ''regress_tfun.make_pin()''', 'rules => ''{a}''']) v;
SELECT vault.drop_type('tfun_op');
RESET ROLE;
SELECT vault.create_type('tfun_pin', 'a PIN of six digits', 'regress_tfun.pin_rule(text)',
	'regress_tfun.make_pin()', history => 3, rules => ARRAY['six digits are asked']);
SET ROLE regress_tfun_admin;
SELECT name, built_in, validator, generator, history, generates, rules FROM vault.types
	WHERE NOT built_in;
SELECT pg_temp.attempt('SELECT vault.put(''pin'', ''471100'', type => ''tfun_pin'')') AS good,
	pg_temp.attempt('SELECT vault.put(''pin'', ''4711'')') AS bad,
	pg_temp.attempt('SELECT vault.put(''pin'', ''471100'')') AS again,
	pg_temp.attempt('SELECT vault.rotate(''pin'')') AS made_up, length(vault.get('pin')),
	length(vault.generate('tfun_pin')) AS generated;
SELECT
	pg_temp.attempt('SELECT vault.put(''pin2'', ''\x343731313030''::bytea, type => ''tfun_pin'')')
	AS bytes, pg_temp.attempt('SELECT vault.get_field(''pin'', ''x'')') AS field;

-- functions allowed: a superuser's, in SQL or PL/pgSQL, of one text, not VOLATILE, not the server's
CREATE FUNCTION regress_tfun.of_admin(value text) RETURNS text
	LANGUAGE sql IMMUTABLE AS 'SELECT value';
RESET ROLE;
CREATE FUNCTION regress_tfun.writes(value text) RETURNS text
	LANGUAGE sql VOLATILE AS 'SELECT NULL::text';
CREATE FUNCTION regress_tfun.number(value text) RETURNS integer
	LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION regress_tfun.many(value text) RETURNS SETOF text
	LANGUAGE sql IMMUTABLE AS 'SELECT value';
CREATE FUNCTION regress_tfun.two(value text, other text) RETURNS text
	LANGUAGE sql IMMUTABLE AS 'SELECT value';
SELECT f, pg_temp.attempt(format('SELECT vault.create_type(''tfun_x'', ''x'', %L)', f))
	FROM unnest(ARRAY['regress_tfun.of_admin(text)', 'regress_tfun.writes(text)',
	'regress_tfun.number(text)', 'regress_tfun.many(text)', 'regress_tfun.two(text,text)',
	'regress_tfun.make_pin()', 'pg_catalog.upper(text)', 'vault_data.environment(text)',
	'pg_catalog.pg_read_file(text)']) f;
SELECT
	pg_temp.attempt(
	'SELECT vault.create_type(''tfun_x'', ''x'', NULL, ''regress_tfun.pin_rule(text)'')') AS
	generator, pg_temp.attempt('SELECT vault.create_type(''tfun_x'', ''x'', 4711::regprocedure)') AS
	no_function,
	pg_temp.attempt(
	'SELECT vault.alter_type(''tfun_pin'', validator => ''regress_tfun.of_admin(text)'')') AS
	altered;
-- rules are phrases
SELECT r, pg_temp.attempt(format('SELECT vault.alter_type(''tfun_pin'', rules => %L)', r))
	FROM unnest(ARRAY['{""}', '{NULL}', E'{a,"b\nc"}', '{{a},{b}}', '{' || repeat('x', 64) || '}',
	'{"a: b"}', '{' || repeat('x,', 64) || 'x}', '{' || chr(233) || '}']) r;
SELECT rules FROM vault.types WHERE name = 'tfun_pin';
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
		WHEN 'who' THEN RETURN format('as %s in %s',
		CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN 'superuser'
		ELSE current_user END, replace(current_setting('search_path'), ' pg_temp', ' temp'));
		WHEN 'write' THEN INSERT INTO regress_tfun.seen VALUES (value);
		WHEN 'vault' THEN PERFORM vault.get('pin');
		WHEN 'temp' THEN EXECUTE 'CREATE TEMP TABLE leak AS SELECT 1';
		WHEN 'divide' THEN PERFORM 1 / (length(value) - length(value));
		WHEN 'raise' THEN RAISE EXCEPTION 'the value is %', value USING DETAIL = value,
		HINT = value;
		WHEN 'cast' THEN PERFORM value::integer;
		WHEN 'echo' THEN RETURN value;
		WHEN 'part' THEN RETURN 'it begins with ' || left(value, 6);
		WHEN 'upper' THEN RETURN upper(value);
		WHEN 'long' THEN RETURN repeat('no ', 40);
		WHEN 'odd' THEN RETURN E'line\nfeed';
		WHEN 'empty' THEN RETURN '';
		WHEN 'rule' THEN RETURN 'a check digit is wrong';
		WHEN 'hex' THEN RETURN encode(convert_to(value, 'UTF8'), 'hex');
		WHEN 'reverse' THEN RETURN reverse(value);
		WHEN 'state' THEN RAISE EXCEPTION 'x' USING ERRCODE = 'CNR47';
		ELSE RETURN NULL;
	END CASE;
	RETURN NULL;
END
$$;
SELECT vault.create_type('tfun_probe', 'shows where its validator runs',
	'regress_tfun.surroundings(text)',
	rules => ARRAY['a check digit is wrong', 'as superuser in pg_catalog, temp', 'another']);
SET ROLE regress_tfun_admin;
SELECT v, pg_temp.attempt(format('SELECT vault.put(%L, %L, type => ''tfun_probe'')', 'probe/' || v,
	v || '-canary-4711')) FROM unnest(ARRAY['fine', 'who', 'write', 'vault', 'temp', 'divide',
	'raise', 'cast', 'echo', 'part', 'upper', 'long', 'odd', 'empty', 'rule', 'hex', 'reverse',
	'state']) v;
\set VERBOSITY default
SELECT vault.put('probe', 'raise-canary-4711', type => 'tfun_probe');
\set VERBOSITY terse
SELECT current_user, current_setting('client_min_messages');
SELECT count(*) AS stored FROM vault.secrets WHERE name LIKE 'probe%';
-- nothing of it is in the trail
SELECT count(*) FILTER (WHERE a::text LIKE '%canary-4711%') AS with_a_value,
	count(*) > 10 AS looked_at FROM vault.audit a WHERE operation = 'put' AND secret LIKE 'probe%';
-- nor which rule it broke, or what the function failed with
SELECT DISTINCT reason FROM vault.audit
	WHERE operation = 'put' AND (secret LIKE 'probe%' OR secret = 'pin') AND decision = 'error'
	ORDER BY 1;
-- a generator that fails, or makes nothing, or what the validator refuses
RESET ROLE;
SELECT count(*) FROM regress_tfun.seen;
CREATE FUNCTION regress_tfun.makes() RETURNS text
	LANGUAGE plpgsql AS $$ BEGIN RETURN current_setting('regress.makes'); END $$;
SELECT vault.alter_type('tfun_probe', generator => 'regress_tfun.makes()');
SET ROLE regress_tfun_admin;
SELECT pg_temp.attempt('SELECT vault.generate(''tfun_probe'')') AS fails;
SET regress.makes = '';
SELECT pg_temp.attempt('SELECT vault.generate(''tfun_probe'')') AS nothing;
SET regress.makes = 'rule-broken';
SELECT pg_temp.attempt('SELECT vault.generate(''tfun_probe'')') AS refused;
SET regress.makes = 'fine';
SELECT vault.generate('tfun_probe'), vault.rotate('probe/fine'), vault.get('probe/fine');

-- names and settings; a type that is in use stays; no role changes a built-in one
SET ROLE regress_tfun_op;
SELECT v, pg_temp.attempt(format('SELECT vault.create_type(%s)', v))
	FROM unnest(ARRAY['''password'', ''x''', '''tfun_pin'', ''x''', '''Upper'', ''x''',
	'''a_name_that_is_too_long'', ''x''', 'NULL, ''x''', '''tfun_x'', NULL',
	'''tfun_x'', ''x'', min_length => 0']) v;
SELECT pg_temp.attempt('SELECT vault.drop_type(''tfun_pin'')') AS used,
	pg_temp.attempt('SELECT vault.drop_type(''password'')') AS built_in,
	pg_temp.attempt('SELECT vault.drop_type(''tfun_none'')') AS absent,
	pg_temp.attempt('SELECT vault.alter_type(''password'', history => 0)') AS alter_built_in;
SELECT vault.alter_type('tfun_pin', 'a PIN', min_length => 6, max_length => 6),
	pg_temp.attempt('SELECT vault.alter_type(''tfun_pin'', max_length => 5)') AS below;
SELECT name, description, validator, min_length, max_length, history FROM vault.types
	WHERE name = 'tfun_pin';
SET ROLE regress_tfun_admin;
SELECT pg_temp.attempt('SELECT vault.put(''pin'', ''12345'')') AS short;
-- a change of a type is in the trail of each tenant that uses it, and of no other
SET ROLE regress_tfun_admin;
SELECT principal IS NULL AS by_operator, role, decision, object_kind, reason, detail
	FROM vault.audit WHERE operation = 'alter_type' ORDER BY id DESC LIMIT 1;
RESET ROLE;
SELECT vault.create_tenant('tfun-policy'),
	vault.create_tenant('tfun-none') IS NOT NULL AS made \gset
SELECT vault.set_type_policy('tfun_pin', history => 2, tenant => 'tfun-policy');
SELECT vault.alter_type('tfun_pin', rules => ARRAY['six digits are asked', 'x']);
SELECT tenant, reason, detail FROM vault.audit
	WHERE operation = 'alter_type' AND at >
	(SELECT max(at) FROM vault.audit WHERE operation = 'set_type_policy') ORDER BY tenant;
BEGIN;
SELECT vault.alter_type('tfun_pin', max_length => 7);
ROLLBACK;
SELECT count(*) FILTER (WHERE decision = 'allow') AS allowed FROM vault.audit
	WHERE operation = 'alter_type' AND detail->'max_length'->>1 = '7';
SELECT vault.destroy_tenant(n, n) FROM unnest('{tfun-policy,tfun-none}'::text[]) n;
SET ROLE regress_tfun_admin;
-- a tenant asks more of it
SELECT vault.set_type_policy('tfun_pin', excluded => '9'),
	pg_temp.attempt('SELECT vault.put(''pin'', ''123459'')') AS excluded,
	pg_temp.attempt('SELECT vault.put(''pin'', ''123458'')') AS good;

RESET ROLE;
SELECT object_kind, name, fault FROM vault.verify() WHERE name LIKE '%tfun%' OR fault LIKE '%type%';
SELECT vault.destroy_tenant('tfun', 'tfun');
SELECT vault.drop_type('tfun_pin'), vault.drop_type('tfun_probe');
SELECT count(*) FROM vault.types WHERE NOT built_in;
SET client_min_messages = warning;
DROP SCHEMA regress_tfun CASCADE;
DROP FUNCTION pg_temp.attempt(text);
DROP ROLE regress_tfun_admin, regress_tfun_op;

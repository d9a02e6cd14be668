-- JSON is stored as it is written: numbers of any size and form, characters that jsonb does not
-- know, parameters of type json; and what is not understood of a connection comes back
SET client_min_messages = warning;
CREATE ROLE regress_jv_admin;
SELECT vault.create_tenant('regress-jv', 'regress_jv_admin') IS NOT NULL AS created;
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE statement INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SET ROLE regress_jv_admin;

-- numbers, in every type that reads JSON
SELECT vault.put('n/json', '{"id": 12345678901234567890, "e": 1e400, "f": 1900000000.1230}',
	type => 'json'), vault.get('n/json');
SELECT vault.get_field('n/json', 'id') AS id, vault.get_field('n/json', 'e') AS e,
	vault.get_field('n/json', 'f') AS f;
SELECT vault.get_json('n/json') ->> 'id' AS id, length(vault.get_json('n/json') ->> 'e') AS digits;
SELECT
	vault.put('n/credentials',
	'{"client_id": "a", "client_secret": "b", "tenant": 12345678901234567890}',
	type => 'oauth_credentials'), vault.get('n/credentials');
SELECT
	vault.put('n/token',
	'{"access_token": "2YotnFZFEjr1zCsicMWpAA", "expires_in": 3600.5, "id": 1e400}',
	type => 'oauth_token');
SELECT
	vault.put('n/db',
	'{"host": "h", "user": "u", "password": "p", "id": 12345678901234567890, "tls": true, '
	'"more": {"x": [1.50]}}',
	type => 'database'), vault.get('n/db');
-- a long number is not more than jsonb can hold
SELECT pg_temp.attempt('SELECT vault.put(''n/long'', ''{"a": 1e200000}'', type => ''json'')') AS
	put, pg_temp.attempt('SELECT vault.get_json(''n/long'')') AS as_jsonb, vault.get('n/long');

-- a zero character is JSON, and jsonb cannot hold it
SELECT vault.put('z/json', '{"a": "x\u0000y"}', type => 'json'), vault.get('z/json'),
	pg_temp.attempt('SELECT vault.get_json(''z/json'')') AS as_jsonb;
SELECT
	pg_temp.attempt(
	'SELECT vault.put(''z/credentials'', ''{"client_id": "a\u0000", "client_secret": "b"}'', '
	'type => ''oauth_credentials'')')
	AS credentials,
	pg_temp.attempt(
	'SELECT vault.put(''z/db'', ''{"host": "h", "user": "u", "password": "a\u0000"}'', '
	'type => ''database'')')
	AS database;
SELECT pg_temp.attempt('SELECT vault.put(''z/surrogate'', ''{"a": "\ud800"}'', type => ''json'')')
	AS half, pg_temp.attempt(E'SELECT vault.put(''z/bom'', E''\\uFEFF{}'', type => ''json'')') AS
	mark;

-- times of tokens
CREATE FUNCTION pg_temp.ends(members text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text := pg_temp.attempt(
	format('SELECT vault.put(''t/x'', %L, type => ''oauth_token'')',
	'{"access_token": "2YotnFZFEjr1zCsicMWpAA", ' || members || '}'));
BEGIN
	IF answer !~ '^\d+$' THEN
		RETURN answer;
	END IF;
	RETURN (SELECT expires_at AT TIME ZONE 'UTC' FROM vault.secrets WHERE name = 't/x');
END $$;
SELECT members, pg_temp.ends(members)
	FROM unnest(ARRAY['"expires_at": 1900000000.123', '"expires_at": "2030-03-17T17:46:40.999Z"',
	'"expiry": "2030-03-17T18:46:40.123456789+01:00"', '"expires_on": "1900000000"',
	'"expiry_date": 1900000000123',
	'"expiry": "0001-01-01T00:00:00Z"', '"expires_at": 1900000000, "expires_on": 1800000000',
	'"expires_at": "17 March 2030"', '"expires_at": "2030-03-17T17:46:40"', '"expires_in": "soon"',
	'"expires_at": 1900000000000', '"expires_at": 1000000000']) AS members;
SELECT vault.put('t/in', '{"access_token": "2YotnFZFEjr1zCsicMWpAA", "expires_in": 3600.5}',
	type => 'oauth_token');
SELECT expires_at - now() BETWEEN interval '59 minutes' AND interval '60 minutes' AS in_an_hour
	FROM vault.secrets WHERE name = 't/in';

-- parameters of type json, and literals without a type
PREPARE put_json(text, json) AS SELECT vault.put($1, $2);
EXECUTE put_json('j/a', '{"b":1,  "a": 1.10}');
PREPARE put_jsonb(text, jsonb) AS SELECT vault.put($1, $2);
EXECUTE put_jsonb('j/b', '{"b":1,  "a": 1.10}');
PREPARE put_untyped AS SELECT vault.put($1, $2, tags => $3);
EXECUTE put_untyped('j/c', '{"b":1,  "a": 1.10}', '{"team": "x"}');
SELECT vault.put('j/d', 'a literal'), vault.put('j/d', 'a literal', tags => '{"team": "y"}');
SELECT name, vault.get(name), tags FROM vault.list('j/*');
SELECT vault.get_json('j/a') = vault.get_json('j/b') AS same;
SELECT vault.put('j/e', 'x', tags => '{"team": "1"}'::json),
	vault.put('j/e', '\x00'::bytea, tags => '{"team": "2"}'::jsonb),
	vault.put('j/e', 'x', tags => '{"team": "3"}'::text),
	vault.put('j/e', '{}'::json, tags => '{"team": "4"}'::varchar),
	vault.put('j/e', '{}'::jsonb, tags => NULL);
SELECT tags FROM vault.list('j/e');
SELECT pg_temp.attempt('SELECT vault.put(''j/e'', ''x'', tags => 5)') AS number,
	pg_temp.attempt('SELECT vault.put(''j/e'', ''x'', tags => ''nonsense'')') AS text,
	pg_temp.attempt('SELECT vault.put(''j/e'', ''x'', tags => ''{"a": "\u0000"}''::json)') AS zero;
SELECT vault.tag('j/e', '{"a": "1"}'), vault.tag('j/e', '{"b": "2"}'::json),
	vault.tag('j/e', '{"c": "3"}'::jsonb), vault.tag('j/e', '{"team": null}'::text);
SELECT pg_temp.attempt('SELECT vault.tag(''j/e'', ''nonsense'')') AS nonsense;
SELECT vault.rotate('j/a', '{"b":2,  "a": 2.20}'::json), vault.get('j/a'),
	vault.rotate('j/b', '{"b":2,  "a": 2.20}'::jsonb), vault.get('j/b'),
	vault.rotate('j/d', 'a literal'), vault.rotate('j/d');
SELECT name FROM vault.rotate_matching('j/*', tags => '{"c": "3"}'::json);
SELECT action, kind, name FROM vault.import_policy(
	'{"format": "vault-policy-v1", "roles": ["readers"]}'::json), pg_sleep(0);
SELECT pg_temp.attempt('SELECT vault.rotate(''j/e'', 5)') AS no_function;

-- as deep as one likes as text; what the server's JSON cannot hold is said so, without its hints
-- about the stack
SELECT vault.put('d/array', repeat('[', 400000) || repeat(']', 400000)),
	vault.put('d/object', repeat('{"a":', 150000) || '1' || repeat('}', 150000)),
	length(vault.get('d/array'));
SELECT pg_temp.attempt('SELECT vault.get_json(''d/array'')') AS array,
	pg_temp.attempt('SELECT vault.get_json(''d/object'')') AS object,
	pg_temp.attempt(
	$$SELECT vault.put('d/x', 'x', tags => repeat('{"a":', 150000) || '1' || repeat('}', 150000))$$)
	AS tags, pg_temp.attempt($$SELECT vault.set_rotation('d/array', 'daily',
		config => repeat('[', 400000) || repeat(']', 400000))$$) AS config,
	pg_temp.attempt($$SELECT vault.import_policy(repeat('[', 400000) || repeat(']', 400000))$$) AS
	policy;
SELECT vault.put('d/flat', repeat('[', 100) || repeat(']', 100)),
	length(vault.get_json('d/flat')::text);

-- bytes are rotated as bytes, by a schedule too; what is made up for a null is text, whatever the
-- type of the null
SELECT vault.put('r/bytes', '\x00ff'::bytea), vault.rotate('r/bytes', '\x00fe'::bytea),
	vault.get_bytes('r/bytes'), vault.rotate('r/bytes', 'text'), vault.get('r/bytes'),
	pg_temp.attempt('SELECT vault.rotate(''r/none'', ''\x00''::bytea)') AS absent;
PREPARE rotate_bytes(text, bytea) AS SELECT vault.rotate($1, $2);
EXECUTE rotate_bytes('r/bytes', '\x00fd');
SELECT vault.set_rotation('r/bytes', 'on demand', 'generate', overlap => '0') IS NOT NULL AS plan,
	vault.rotate('r/bytes', '\x00fc'::bytea), vault.get_bytes('r/bytes'),
	pg_temp.attempt('SELECT vault.get(''r/bytes'')') AS text;
SELECT vault.set_rotation('r/bytes', 'on demand', 'external', overlap => '0') IS NOT NULL AS plan,
	vault.rotate('r/bytes') IS NULL AS waits;
SELECT vault.complete_rotation(rotation, '\x00fb'::bytea), vault.get_bytes('r/bytes')
	FROM vault.rotation_status WHERE name = 'r/bytes' AND state = 'waiting';
SELECT vault.put('r/json', '{"a": 1}'::jsonb), vault.rotate('r/json', NULL::jsonb),
	length(vault.get('r/json')), vault.rotate('r/json', NULL::json), length(vault.get('r/json')),
	vault.rotate('r/json', NULL::bytea), length(vault.get('r/json'));

-- a value that came as bytes and is text can be read as text
SELECT vault.put('b/text', convert_to(E'one\nline', 'UTF8')), vault.get('b/text'),
	vault.get_bytes('b/text');
SELECT vault.put('b/json', '\x7b2261223a20317d'::bytea), vault.get_json('b/json');
SELECT vault.put('b/binary', '\x01'::bytea),
	pg_temp.attempt('SELECT vault.get(''b/binary'')') AS control,
	vault.put('b/binary', '\xff'::bytea),
	pg_temp.attempt('SELECT vault.get(''b/binary'')') AS invalid,
	vault.put('b/binary', '\x6100'::bytea),
	pg_temp.attempt('SELECT vault.get(''b/binary'')') AS zero;
SELECT name, value FROM vault.get_many('b/*');

-- connections: what is given as a URL comes back as that URL
CREATE FUNCTION pg_temp.same(url text) RETURNS text LANGUAGE sql AS $$
	SELECT vault.put('db/x', url, type => 'database') > 0 AND vault.database_url('db/x') = url $$;
SELECT url, pg_temp.attempt(format('SELECT pg_temp.same(%L)', url)) AS same,
	pg_temp.attempt('SELECT vault.conninfo(''db/x'')') AS conninfo
	FROM unnest(ARRAY['postgresql://u:p@h/d?pgbouncer=true&connection_limit=1&schema=public',
	'postgres://u:p@h/d?conn_max_age=60',
	'postgresql+psycopg2://u:p@h/d?sslmode=require',
	'postgresql://u:p@a:1,b:2/d?target_session_attrs=read-write', 'postgresql://u:p@h',
	'jdbc:postgresql://h/d?user=u&password=p&ssl=true', 'postgresql://u%2B:p+%2b%25@h/d%2fe',
	'mysql+pymysql://u:p@h/d']) AS url;
SELECT
	vault.put('db/aws',
	'{"engine": "aurora-postgresql", "host": "h", "port": 5432, "username": "u", "password": "p", '
	'"dbInstanceIdentifier": "i"}',
	type => 'database'), vault.conninfo('db/aws'), vault.database_url('db/aws');
SELECT metadata FROM vault.secrets WHERE name IN ('db/aws', 'db/x') ORDER BY name;
SELECT vault.put('db/hosts', 'host=a,b port=5432,5433 user=u password=p dbname=d',
	type => 'database'), vault.database_url('db/hosts'), vault.conninfo('db/hosts');
SELECT
	pg_temp.attempt(
	'SELECT vault.put(''db/y'', ''host=a,b port=1,2,3 user=u password=p'', type => ''database'')')
	AS ports,
	pg_temp.attempt(
	'SELECT vault.put(''db/y'', ''{"url": "postgres://u:p@h/d", "host": "other"}'', '
	'type => ''database'')')
	AS two_minds;
-- for environments of processes
SELECT name, value FROM vault.get_many('db/*', database_urls => true);
SELECT name, value::jsonb ->> 'host' AS host FROM vault.get_many('db/*');

RESET ROLE;
SELECT vault.destroy_tenant('regress-jv', 'regress-jv');
DROP OWNED BY regress_jv_admin;
DROP ROLE regress_jv_admin;

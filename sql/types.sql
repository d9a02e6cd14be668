-- Types: a value is taken or refused by the rule that it breaks, which is named and not shown; what
-- is public of it is shown, its parts are read one by one.
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE ROLE regress_types_admin;
CREATE ROLE regress_types_lister;
CREATE ROLE regress_types_op IN ROLE vault_admin;
SELECT vault.create_tenant('types', 'regress_types_admin') IS NOT NULL AS made;
SET ROLE regress_types_admin;
SELECT vault.create_principal('lister', db_role => 'regress_types_lister') IS NOT NULL AS made,
	vault."grant"('lister', '{list}', '**') IS NOT NULL AS given;
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
CREATE FUNCTION pg_temp.tried(type text, VARIADIC given text[])
	RETURNS TABLE (value text, answer text) LANGUAGE sql AS
	$$ SELECT v, pg_temp.attempt(format('SELECT vault.put(%L, %L, type => %L)',
	'try/' || type || '/' || n, v, type)) FROM unnest(given) WITH ORDINALITY AS g (v, n) $$;

SELECT name, built_in, generates, min_length, max_length, min_entropy, history, rotation_interval,
	warn_at FROM vault.types;
SELECT name, fields FROM vault.types WHERE fields IS NOT NULL;

-- passwords and keys: long enough, hard enough to guess, clean at the ends
SELECT * FROM pg_temp.tried('password', 'correct horse battery staple', 'g7#Kq2!xW',
	'Tr0ub4dor&3-xy', 'short1!', 'passwordpassword', 'aaaaaaaaaaaaaaaaaaaaaaaa', 'abcdefghijklmnop',
	'1234567890', 'qwertyuiop', 'Password123!', ' leading-blank-4711', E'trailing-newline-4711\n',
	E'tab\tinside-4711-xx');
SELECT * FROM pg_temp.tried('api_key', '0123456789abcdef', 'k3y-7Q2xR9mW4zT8',
	'sk_live_4eC39HqLyjWDarjtT1zdp7dc', 'k3y-7Q2xR9mW4z', 'aaaaaaaaaaaaaaaaaaaa');
SELECT answer FROM pg_temp.tried('password', repeat('4eC39HqL', 129));
SELECT
	pg_temp.attempt(
	'SELECT vault.put(''try/bytes'', ''\x6b3379377851''::bytea, type => ''password'')');

-- JSON: an object, strictly read
SELECT * FROM pg_temp.tried('json', '{}', '{"a": [1, null, {"b": "c"}]}', '[1]', '"a"', '{"a": 1',
	'{"a": 1, "a": 2}', '{"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}',
	'{"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}', '{"a": "\u0000"}',
	'nonsense');
SELECT
	vault.put('json',
	'{"user": "app", "port": 5432, "nested": {"a": [true, null]}, "nothing": null}'::jsonb,
	type => 'json');
SELECT f, pg_temp.attempt(format('SELECT vault.get_field(''json'', %L)', f))
	FROM unnest(ARRAY['user', 'port', 'nested', 'nothing', 'absent', '']) f;

-- credentials: two members are required, what is given must be right
SELECT * FROM pg_temp.tried('oauth_credentials',
	'{"client_id": "acme", "client_secret": "an example"}',
	'{"client_id": "acme", "client_secret": "an example", "scopes": "a b", '
	'"token_url": "https://idp.example/token"}',
	'{"client_id": "acme"}', '{"client_secret": "an example"}',
	'{"client_id": 1, "client_secret": "an example"}',
	'{"client_id": "", "client_secret": "an example"}',
	'{"client_id": "acme", "client_secret": "s", "token_url": "http://idp.example/token"}',
	'{"client_id": "acme", "client_secret": "s", "token_url": "https://user:pw@idp.example/token"}',
	'{"client_id": "acme", "client_secret": "s", "token_url": "https:///token"}',
	'{"client_id": "acme", "client_secret": "s", "scopes": [1]}',
	'{"client_id": "acme", "client_secret": "s", "refresh_token": ""}', '[]');
SELECT
	vault.put('oauth',
	'{"client_id": "acme", "client_secret": "hidden-1", '
	'"token_url": "https://idp.example/token?key=hidden-2", "scopes": ["read", "write"], '
	'"refresh_token": "hidden-3"}',
	type => 'oauth_credentials');
SELECT metadata FROM vault.secrets WHERE name = 'oauth';
SELECT metadata FROM vault.describe('oauth');
SELECT f, pg_temp.attempt(format('SELECT vault.get_field(''oauth'', %L)', f))
	FROM unnest(ARRAY['client_id', 'client_secret', 'token_url', 'scopes', 'refresh_token',
	'unheard_of']) f;

-- tokens: they expire with what they say
CREATE FUNCTION pg_temp.segment(content jsonb) RETURNS text
	LANGUAGE sql AS $$ SELECT rtrim(translate(encode(convert_to(content::text, 'UTF8'), 'base64'),
	E'+/\n', '-_'), '=') $$;
CREATE FUNCTION pg_temp.jwt(claims jsonb) RETURNS text
	LANGUAGE sql AS $$ SELECT pg_temp.segment('{"alg": "RS256", "typ": "JWT"}') || '.'
	|| pg_temp.segment(claims) || '.c2lnbmF0dXJl' $$;
SELECT vault.put('token/opaque', '2YotnFZFEjr1zCsicMWpAA', type => 'oauth_token'),
	vault.put('token/jwt', pg_temp.jwt(
	'{"iss": "https://idp.example", "sub": "someone", "exp": 4102444800}'), type => 'oauth_token'),
	vault.put('token/forever', pg_temp.jwt('{"iss": "https://idp.example"}'),
	type => 'oauth_token'), vault.put('token/json',
	'{"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer", "expires_in": 3600, '
	'"refresh_token": "tGzv3JOkF0XG5Qx2TlKWIA", "scope": "a b"}',
	type => 'oauth_token'),
	vault.put('token/given', pg_temp.jwt('{"exp": 4102444800}'), type => 'oauth_token',
	expires_at => '2050-01-01 00:00+00'),
	vault.put('token/given-later', pg_temp.jwt('{"exp": 4102444800}'), type => 'oauth_token',
	expires_at => '2999-01-01 00:00+00');
SELECT name, metadata, CASE WHEN expires_at < now() + interval '2 hours'
	THEN 'in ' || date_trunc('minute', expires_at - updated_at + interval '1 second')
	ELSE (expires_at AT TIME ZONE 'UTC')::text END AS expires FROM vault.secrets
	WHERE name LIKE 'token/%' ORDER BY name;
SELECT name, pg_temp.attempt(format('SELECT vault.get_field(%L, %L)', name, f))
	FROM unnest(ARRAY['token/opaque', 'token/json']) name,
	unnest(ARRAY['access_token', 'refresh_token', 'expires_in', 'client_id']) f;
SELECT answer FROM pg_temp.tried('oauth_token', pg_temp.jwt('{"exp": 1000000000}'),
	pg_temp.jwt('{"exp": "soon"}'), pg_temp.jwt('{"exp": -1}'), pg_temp.jwt('{"exp": 1e300}'),
	pg_temp.segment('{"alg": "RS256"}') || '.bm90IGpzb24.c2ln', 'a token', 'short',
	'{"token": "2YotnFZFEjr1zCsicMWpAA"}',
	'{"access_token": "2YotnFZFEjr1zCsicMWpAA", "expires_in": "soon"}',
	'{"access_token": "2YotnFZFEjr1zCsicMWpAA", "expires_in": -1}',
	'{"access_token": "2YotnFZFEjr1zCsicMWpAA", "expires_at": 1000}',
	'{"access_token": "2Yotn FZFEjr1zCsicMWpAA"}',
	'{"access_token": "2YotnFZFEjr1zCsicMWpAA", "expires_in": "3600"}');
-- and what the head says of this comes and goes with the version
SELECT vault.put('token/opaque', pg_temp.jwt('{"exp": 4102444800}')),
	vault.put('token/opaque',
	'{"access_token": "2YotnFZFEjr1zCsicMWpAA", "expires_at": 4133980800}', label => 'pending');
SELECT metadata, expires_at AT TIME ZONE 'UTC' AS expires_at FROM vault.secrets
	WHERE name = 'token/opaque';
SELECT vault.rollback('token/opaque', 3), metadata, expires_at AT TIME ZONE 'UTC' AS expires_at
	FROM vault.describe('token/opaque');
SELECT metadata, expires_at AT TIME ZONE 'UTC' AS expires_at FROM vault.secrets
	WHERE name = 'token/opaque';
SELECT vault.rollback('token/opaque', 1);
SELECT metadata, expires_at FROM vault.secrets WHERE name = 'token/opaque';
SELECT version, metadata FROM vault.versions WHERE name = 'token/opaque' ORDER BY version;
SELECT vault.destroy('token/opaque', 2);
SELECT version, metadata FROM vault.versions WHERE name = 'token/opaque' ORDER BY version;

-- databases: three ways to say it, kept in one form
SELECT value, answer, vault.get('try/database/' || row_number() OVER ()) AS stored
	FROM pg_temp.tried('database',
	'{"host": "db.example", "user": "app", "password": "it''s a \\ \"secret\"", "dbname": "shop"}',
	'{"engine": "mysql", "host": "db.example", "port": "3307", "username": "app", "password": "p", '
	'"database": "shop", "connect_timeout": 5}',
	'postgres://app:p%40ss%2Fword@db.example:6432/shop?sslmode=verify-full&'
	'application_name=web%20app',
	'postgresql://app:p@[2001:db8::1]/shop', 'postgresql://app:p@%2Fvar%2Frun%2Fpostgresql/shop',
	'host=db.example user=app password=''it\''s a \\ "secret"'' dbname = shop port=6432 '
	'sslmode=require',
	E'redis://app:p@cache.example/0\n');
SELECT answer FROM pg_temp.tried('database', '{"user": "app", "password": "p", "dbname": "shop"}',
	'{"host": "db", "password": "p", "dbname": "shop"}',
	'{"host": "db", "user": "app", "dbname": "shop"}',
	'{"host": "db", "user": "app", "password": "p"}',
	'{"host": "db", "user": "app", "password": "p", "dbname": "shop", "port": 70000}',
	'{"host": "db", "user": "app", "password": "p", "dbname": "shop", "port": 0}',
	'{"host": "db", "user": "app", "username": "app", "password": "p", "dbname": "shop"}',
	'{"host": "a b", "user": "app", "password": "p", "dbname": "shop"}',
	'{"host": "db", "user": "app", "password": ["p"], "dbname": "shop"}',
	'{"host": "db", "user": "app", "password": "p\n", "dbname": "shop"}',
	'postgres://app:p%zz@db/shop', 'postgres://app:p@[2001:db8::1/shop',
	'postgres://app:p@a,b/shop', 'host=db user=app password=''p dbname=shop', 'host=db user',
	'just some text', 'postgres://app@db/shop', 'POSTGRES://app:p@db/shop');
SELECT
	vault.put('db',
	'{"host": "db.example", "user": "app", "password": "it''s a \\ \"secret\" %/@:?", '
	'"dbname": "shop", "sslmode": "verify-full", "note": "of team 1"}',
	type => 'database');
SELECT vault.conninfo('db');
SELECT vault.database_url('db');
SELECT metadata FROM vault.secrets WHERE name = 'db';
SELECT f, pg_temp.attempt(format('SELECT vault.get_field(''db'', %L)', f))
	FROM unnest(ARRAY['engine', 'host', 'port', 'user', 'username', 'password', 'dbname',
	'database', 'sslmode', 'note', 'sslrootcert', 'unheard_of', 'url']) f;
SELECT pg_temp.attempt('SELECT vault.conninfo(''try/database/2'')') AS conninfo,
	pg_temp.attempt('SELECT vault.database_url(''try/database/2'')') AS url,
	pg_temp.attempt('SELECT vault.conninfo(''oauth'')') AS of_another_type,
	pg_temp.attempt('SELECT vault.conninfo(''none'')') AS absent;
-- its output is valid input
SELECT vault.put('db/from-url', vault.database_url('db'), type => 'database'),
	vault.put('db/from-conninfo', vault.conninfo('db'), type => 'database');
SELECT vault.conninfo('db/from-url') = vault.conninfo('db') AS by_url,
	vault.conninfo('db/from-conninfo') = vault.conninfo('db') AS by_conninfo;

-- fields: of versions and environments; for a principal that may read; an unknown one of a type
-- without any
SELECT
	vault.put('db',
	'{"host": "db2.example", "user": "app", "password": "second", "dbname": "shop"}',
	environment => 'prod', type => 'database'),
	vault.put('db', 'postgres://app:third@db.example/shop');
SELECT vault.get_field('db', 'password'), vault.get_field('db', 'password', 1),
	vault.get_field('db', 'password', environment => 'prod'),
	vault.get_field('db', 'host', NULL, 'prod'), vault.database_url('db', 'prod');
SELECT pg_temp.attempt('SELECT vault.get_field(''db'', ''host'', 9)') AS version,
	pg_temp.attempt('SELECT vault.get_field(''db'', ''host'', 0)') AS number,
	pg_temp.attempt('SELECT vault.get_field(''try/password/1'', ''host'')') AS of_a_password,
	pg_temp.attempt('SELECT vault.get_field(''db'', NULL)') AS none;
SET ROLE regress_types_lister;
SELECT pg_temp.attempt('SELECT vault.get_field(''db'', ''host'')') AS listed,
	pg_temp.attempt('SELECT vault.conninfo(''db'')') AS conninfo,
	pg_temp.attempt('SELECT vault.get_field(''absent'', ''host'')') AS absent,
	(SELECT metadata FROM vault.describe('db')) AS metadata;
SET ROLE regress_types_admin;
SELECT vault.deactivate('db', 'a test');
SELECT pg_temp.attempt('SELECT vault.get_field(''db'', ''host'')') AS deactivated;
SELECT vault.reactivate('db', 'a test');
DECLARE held CURSOR WITH HOLD FOR SELECT vault.get_field('db', 'password');
-- the trail names the field
SELECT operation, secret, reason, count(*) FROM vault.audit
	WHERE operation IN ('get_field', 'conninfo', 'database_url') AND secret LIKE 'db%'
	AND decision = 'allow' AND environment = 'prod' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- a known look is noticed where it is stored as generic
\set VERBOSITY default
SELECT vault.put('look/aws', 'AKIAIOSFODNN7EXAMPLE');
SELECT vault.put('look/github', 'ghp_' || repeat('a1B2', 9));
\set VERBOSITY terse
SELECT vault.put('look/pat', 'github_pat_' || repeat('a1B2', 20)),
	vault.put('look/stripe', 'sk_live_' || repeat('a1B2', 6)),
	vault.put('look/slack', 'xoxb-1234567890-abcdef'),
	vault.put('look/google', 'AIza' || repeat('a1B2_', 7)),
	vault.put('look/jwt', pg_temp.jwt('{"sub": "x"}')),
	vault.put('look/pem',
	E'-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n'),
	vault.put('look/certificate',
	E'-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'),
	vault.put('look/url', 'postgres://app:p@db/shop');
SELECT vault.put('look/none', 'AKIA'), vault.put('look/nor', 'xoxb'),
	vault.put('look/nothing', 'a text about AKIAIOSFODNN7EXAMPLE'),
	vault.put('look/typed', 'AKIAIOSFODNN7EXAMPLE', type => 'api_key');

-- a secret keeps its type; what the type does not take leaves all as it was
SELECT pg_temp.attempt('SELECT vault.put(''db'', ''{}'', type => ''json'')') AS other_type,
	pg_temp.attempt('SELECT vault.put(''db'', ''{}'')') AS refused,
	pg_temp.attempt('SELECT vault.rotate(''db'', ''{}'')') AS rotated,
	pg_temp.attempt('SELECT vault.put(''db'', ''{}'', label => ''pending'')') AS pending,
	pg_temp.attempt('SELECT vault.rotate(''db'')') AS made_up,
	pg_temp.attempt('SELECT vault.put(''x'', ''y'', type => ''unheard_of'')') AS unknown;
SELECT current_version, pending_version, versions FROM vault.describe('db');
SELECT count(*) FROM vault.secrets WHERE name LIKE 'try/%' AND current_version <> 1;

RESET ROLE;
SELECT count(*) FROM vault.verify('types');
SELECT vault.destroy_tenant('types', 'types');
DROP FUNCTION pg_temp.tried(text, text[]), pg_temp.attempt(text), pg_temp.segment(jsonb),
	pg_temp.jwt(jsonb);
DROP ROLE regress_types_admin, regress_types_lister, regress_types_op;

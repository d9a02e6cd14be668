-- put: a new version each time, or nothing at all; compare-and-set; limits; a secret keeps its
-- type.
\set SHOW_CONTEXT never
CREATE ROLE regress_put_admin;
SELECT vault.create_tenant('put', 'regress_put_admin') IS NOT NULL AS made;
SET ROLE regress_put_admin;
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(name || '@' || current_version || coalesce('/' || pending_version, ''), ' '
	ORDER BY environment, name) FROM vault.secrets $$;

-- three forms of value
SELECT vault.put('text', 'one'), vault.put('bytes', '\x00ff'::bytea),
	vault.put('json', '{"a": 1}'::jsonb);
SELECT vault.put('text', 'two');
SELECT vault.put(name => 'named', value => 'key-7Q2xR9-first', type => 'api_key',
	environment => 'prod', description => 'for payments',
	tags => '{"team": "payments"}', expires_at => '2999-01-01 00:00:00+00');
SELECT name, environment, type, description, tags, current_version, state,
	expires_at AT TIME ZONE 'UTC' AS expires_at FROM vault.secrets WHERE name = 'named';
SELECT pg_temp.state();

-- compare-and-set
SELECT vault.put('cas', 'a', expected_version => 0);
SELECT vault.put('cas', 'b', expected_version => 0);
SELECT vault.put('cas', 'b', expected_version => 1);
SELECT vault.put('cas', 'c', expected_version => 1);
SELECT vault.put('cas-absent', 'a', expected_version => 1);
\set VERBOSITY sqlstate
SELECT vault.put('cas', 'c', expected_version => 3);
SELECT vault.put('cas', 'c', expected_version => -2);
BEGIN;
SELECT vault.put('cas', 'c', expected_version => -1);
ROLLBACK;
SELECT vault.put('cas', 'c', expected_version => 2);
SELECT vault.get('cas');

-- no value, an empty one, one too long by a byte
\set VERBOSITY default
SELECT vault.put('bad', NULL::text);
SELECT vault.put('bad', '');
SELECT vault.put('bad', repeat('x', 1024 * 1024 + 1));
\set VERBOSITY sqlstate
SELECT vault.put('bad', NULL::bytea);
SELECT vault.put('bad', NULL::jsonb);
SELECT vault.put('bad', ''::bytea);
SELECT vault.put('bad', decode(repeat('00', 1024 * 1024 + 1), 'hex'));
SELECT vault.put('long', repeat('x', 1024 * 1024));
SELECT length(vault.get('long'));

-- types
\set VERBOSITY default
SELECT vault.put('bad', 'x', type => 'unheard_of');
SELECT vault.put('named', 'y', type => 'password', environment => 'prod');
\set VERBOSITY sqlstate
SELECT vault.put('bad', 'x', type => '');
SELECT vault.put('named', 'key-7Q2xR9-second', type => 'api_key', environment => 'prod'),
	vault.put('named', 'key-7Q2xR9-third', environment => 'prod');
SELECT type FROM vault.secrets WHERE name = 'named';

-- description and tags stay until others are given; the expiry is that of the value
SELECT description, tags, expires_at FROM vault.secrets WHERE name = 'named';
SELECT vault.put('named', 'key-7Q2xR9-fourth', environment => 'prod', description => 'new',
	tags => '{}');
SELECT description, tags FROM vault.secrets WHERE name = 'named';
\set VERBOSITY default
SELECT vault.put('bad', 'x', tags => '[]');
SELECT vault.put('bad', 'x', tags => '{"a": {"b": 1}}');
SELECT vault.put('bad', 'x', expires_at => '2001-01-01');
SELECT vault.put('bad', 'x', expires_at => '10000-01-01 00:00+00');
SELECT vault.put('bad', '\x00'::bytea, expires_at => '294276-01-01');
SELECT vault.put('bad', 'x', description => repeat('x', 1025));
\set VERBOSITY sqlstate
SELECT vault.put('bad', 'x', tags => '{"a": 1}');
SELECT vault.put('bad', 'x', tags => '{"a": null}');
SELECT vault.put('bad', 'x', tags => '"a"');
SELECT vault.put('bad', 'x', tags => jsonb_build_object('a', repeat('x', 9000)));
SELECT vault.put('bad', 'x', tags =>
	(SELECT jsonb_object_agg('tag' || n, '') FROM generate_series(1, 65) AS n));
SELECT vault.put('bad', 'x', expires_at => '-infinity');
SELECT vault.put('good', 'x', expires_at => 'infinity', description => repeat('x', 1024),
	tags => (SELECT jsonb_object_agg('tag' || n, '') FROM generate_series(1, 64) AS n));
SELECT expires_at FROM vault.secrets WHERE name = 'good';

-- pending: a version that is read only by its number
SELECT vault.put('cas', 'next', label => 'pending');
SELECT name, current_version, previous_version, pending_version FROM vault.secrets
	WHERE name = 'cas';
SELECT vault.get('cas'), vault.get('cas', 4);
SELECT vault.put('cas', 'next again', label => 'pending');
SELECT version, label FROM vault.versions WHERE name = 'cas' ORDER BY version;
\set VERBOSITY default
SELECT vault.put('bad', 'x', label => 'pending');
SELECT vault.put('cas', 'x', label => 'previous');
\set VERBOSITY sqlstate
SELECT vault.put('cas', 'x', label => NULL);

-- a failed call leaves nothing, and a rolled back one was never there
SELECT count(*) FROM vault.secrets WHERE name LIKE 'bad%' OR name = 'cas-absent';
BEGIN;
SELECT vault.put('undone', 'x'), vault.put('cas', 'undone');
ROLLBACK;
SELECT pg_temp.state();
SELECT vault.put('cas', 'x');

-- a constant that is JSON serves every row
SELECT count(vault.put('rows/' || n, 'x', tags => '{"a": "b"}')) FROM generate_series(1, 3) AS n;

RESET ROLE;
SELECT vault.destroy_tenant('put', 'put');
DROP FUNCTION pg_temp.state();
DROP ROLE regress_put_admin;

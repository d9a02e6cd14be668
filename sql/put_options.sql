-- A weak value is stored on purpose only, and is listed. A value that is there already makes no
-- version if the caller may read it. A secret can get another type, and its versions keep theirs.
SET client_min_messages = warning;
CREATE ROLE regress_po_admin;
CREATE ROLE regress_po_writer;
CREATE ROLE regress_po_reader;
SELECT vault.create_tenant('regress-po', 'regress_po_admin') IS NOT NULL AS created;
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE statement INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SET ROLE regress_po_admin;
SELECT vault.create_principal('writer', db_role => 'regress_po_writer') IS NOT NULL,
	vault.create_principal('reader', db_role => 'regress_po_reader') IS NOT NULL;
SELECT vault."grant"('writer', '{write}', 'app/**') IS NOT NULL,
	vault."grant"('reader', '{read}', 'app/**') IS NOT NULL;

-- the policy's rules of strength can be skipped, the rules of the form cannot
SELECT pg_temp.attempt('SELECT vault.put(''app/weak'', ''hunter2'', type => ''password'')') AS
	refused;
SET ROLE regress_po_writer;
SELECT vault.put('app/weak', 'hunter2', type => 'password', accept_weak => true),
	vault.put('app/key', 'short', type => 'api_key', accept_weak => true),
	vault.put('app/strong', 'k3y7xQ!vb2#mmZ0r', type => 'password', accept_weak => true);
SELECT pg_temp.attempt(format('SELECT vault.put(''app/weak'', %L, accept_weak => true)', v))
	FROM unnest(ARRAY[E'tab\tin it', ' blank', repeat('x', 1025)]) v;
SELECT pg_temp.attempt('SELECT vault.put(''app/weak'', ''x''::bytea, accept_weak => true)') AS
	bytes,
	pg_temp.attempt(
	'SELECT vault.put(''app/db'', ''nonsense'', type => ''database'', accept_weak => true)') AS
	database, pg_temp.attempt('SELECT vault.put(''app/weak'', '''', accept_weak => true)') AS empty;
SET ROLE regress_po_reader;
SELECT pg_temp.attempt('SELECT vault.put(''app/weak'', ''hunter3'', accept_weak => true)') AS
	denied;
SET ROLE regress_po_admin;
SELECT name, weak FROM vault.secrets ORDER BY name;
-- a value of before is refused, or is weak
SELECT pg_temp.attempt('SELECT vault.put(''app/strong'', ''k3y7xQ!vb2#mmZ0r'')') AS again,
	vault.put('app/strong', 'k3y7xQ!vb2#mmZ0r', accept_weak => true) AS accepted,
	vault.put('app/strong', 'another-7xQ!vb2#mmZ0r') AS better;
SELECT name, version, label, type, weak FROM vault.versions WHERE name IN ('app/strong', 'app/weak')
	ORDER BY name, version;
SELECT vault.rotate('app/weak');
SELECT weak FROM vault.secrets WHERE name = 'app/weak';
SELECT vault.rollback('app/weak');
SELECT weak FROM vault.secrets WHERE name = 'app/weak';
SELECT secret, version, reason FROM vault.audit
	WHERE operation = 'put' AND decision = 'allow' AND reason LIKE 'weak%' ORDER BY secret, version;

-- if_changed
SELECT vault.put('app/same', 'one', if_changed => true),
	vault.put('app/same', 'one', if_changed => true),
	vault.put('app/same', 'two', if_changed => true), vault.put('app/same', 'two'),
	vault.put('app/same', 'two', if_changed => true);
SELECT vault.put('app/same', 'two', if_changed => true, tags => '{"team": "x"}',
	description => 'of team x') AS version,
	(SELECT row(tags, description) FROM vault.list('app/same')) AS labels;
SELECT vault.put('app/same', '\x74776f'::bytea, if_changed => true) AS bytes,
	vault.put('app/same', '\x74776f'::bytea, if_changed => true) AS again;
SELECT vault.put('app/url', 'postgres://u:p@h/d', type => 'database', if_changed => true),
	vault.put('app/url', 'postgres://u:p@h/d', type => 'database', if_changed => true),
	vault.put('app/url', 'postgres://u:q@h/d', type => 'database', if_changed => true);
SELECT vault.put('app/weak', 'hunter2', if_changed => true) =
	(SELECT current_version FROM vault.secrets WHERE name = 'app/weak') AS weak_again,
	vault.put('app/strong', 'another-7xQ!vb2#mmZ0r', if_changed => true) AS last_of_history;
SELECT vault.put('app/big', repeat('x', 100000), if_changed => true),
	vault.put('app/big', repeat('x', 100000), if_changed => true),
	vault.put('app/big', repeat('x', 99999) || 'y', if_changed => true);
SELECT vault.put('app/end', 'x', if_changed => true, expires_at => '2099-01-01'),
	vault.put('app/end', 'x', if_changed => true, expires_at => '2099-01-01'),
	vault.put('app/end', 'x', if_changed => true, expires_at => '2098-01-01');
SELECT
	pg_temp.attempt(
	'SELECT vault.put(''app/end'', ''x'', if_changed => true, expected_version => 1)') AS conflict,
	pg_temp.attempt(
	'SELECT vault.put(''app/end'', ''x'', if_changed => true, expected_version => 0)') AS there,
	pg_temp.attempt(
	'SELECT vault.put(''app/end'', ''y'', if_changed => true, label => ''pending'')') AS pending,
	pg_temp.attempt('SELECT vault.put(''app/end'', ''x'', if_changed => true, type => ''json'')') AS
	type;
SELECT vault.destroy('app/end', 2),
	vault.put('app/end', 'x', if_changed => true) AS after_destruction;
SELECT vault.deactivate('app/end', 'test'),
	pg_temp.attempt('SELECT vault.put(''app/end'', ''x'', if_changed => true)') AS deactivated;
SELECT secret, version, reason FROM vault.audit
	WHERE operation = 'put' AND decision = 'allow' AND reason = 'unchanged' AND secret = 'app/same'
	ORDER BY id;
-- a caller without "read" is not told whether a guess is right
SET ROLE regress_po_writer;
SELECT pg_temp.attempt('SELECT vault.put(''app/same'', ''two'', if_changed => true)') AS writer;
SET ROLE regress_po_reader;
SELECT pg_temp.attempt('SELECT vault.put(''app/same'', ''two'', if_changed => true)') AS reader;

-- change_type
SET ROLE regress_po_admin;
SELECT vault.put('app/t', '{"host": "h", "user": "u", "password": "p"}'),
	vault.change_type('app/t', 'database'), vault.get_field('app/t', 'user'), vault.get('app/t', 1);
SELECT version, label, type FROM vault.versions WHERE name = 'app/t' ORDER BY version;
SELECT vault.change_type('app/t', 'database') AS nothing_to_do,
	pg_temp.attempt('SELECT vault.get_field(''app/t'', ''user'', 1)') AS of_the_old_type,
	pg_temp.attempt('SELECT vault.rollback(''app/t'')') AS back;
SELECT pg_temp.attempt('SELECT vault.change_type(''app/t'', ''ssh_key'')') AS unfit,
	pg_temp.attempt('SELECT vault.change_type(''app/t'', ''unheard'')') AS unheard,
	pg_temp.attempt('SELECT vault.change_type(''app/t'', NULL)') AS none,
	pg_temp.attempt('SELECT vault.change_type(''app/none'', ''json'')') AS absent,
	pg_temp.attempt('SELECT vault.change_type(''app/end'', ''json'')') AS deactivated;
SELECT pg_temp.attempt('SELECT vault.put(''app/t'', ''x'', type => ''json'')') AS put;
SELECT vault.change_type('app/t', 'json'), vault.get_json('app/t') ->> 'user' AS "user",
	vault.change_type('app/t', 'generic'), vault.put('app/t', 'anything');
SELECT vault.put('app/t', 'p', label => 'pending'),
	pg_temp.attempt('SELECT vault.change_type(''app/t'', ''api_key'')') AS pending;
SELECT vault.put('app/r', 'k3y7xQ!vb2#mmZ0r', type => 'password'),
	vault.set_rotation('app/r', '30 days') IS NOT NULL AS set,
	pg_temp.attempt('SELECT vault.change_type(''app/r'', ''api_key'')') AS rotated;
SELECT vault.remove_rotation('app/r'), vault.change_type('app/r', 'api_key'),
	vault.change_type('app/r', 'password'),
	pg_temp.attempt('SELECT vault.put(''app/r'', ''k3y7xQ!vb2#mmZ0r'')') AS in_history;
SET ROLE regress_po_writer;
SELECT pg_temp.attempt('SELECT vault.change_type(''app/r'', ''api_key'')') AS writer;
SET ROLE regress_po_reader;
SELECT pg_temp.attempt('SELECT vault.change_type(''app/r'', ''api_key'')') AS reader;
RESET ROLE;
SELECT vault.rotate_tenant_key('regress-po'), vault.rewrap() > 10 AS moved;
SELECT * FROM vault.verify('regress-po');
SET ROLE regress_po_admin;
SELECT vault.get('app/t', 1), vault.get('app/t', 2);

-- strict: all or an error that says what is missing
SELECT vault.put('s/one', '1'), vault.put('s/two', '2'), vault.put('s/binary', '\x00'::bytea),
	vault.put('s/off', 'x'), vault.put('s/gone', 'x'),
	vault.put('s/old', 'x', expires_at => clock_timestamp() + interval '0.1 s');
SELECT vault.deactivate('s/off', 'test'), vault.delete('s/gone') IS NOT NULL, pg_sleep(0.2);
SELECT name, value FROM vault.get_many('s/*');
SELECT name, value FROM vault.get_many('s/*', strict => true);
SELECT secret, decision, left(reason, 5) FROM vault.audit
	WHERE operation = 'get_many' AND environment = 'default' ORDER BY id DESC LIMIT 1;
SELECT name, value FROM vault.get_many('s/t*', NULL, true);
RESET ROLE;

SELECT vault.destroy_tenant('regress-po', 'regress-po');
DROP ROLE regress_po_admin, regress_po_writer, regress_po_reader;

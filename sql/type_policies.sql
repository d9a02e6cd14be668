-- Policies: a tenant says what it asks of a type's values; values that are made up fit; a value
-- does not come again; what a type lets live ends.
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE ROLE regress_tpol_admin;
CREATE ROLE regress_tpol_writer;
CREATE ROLE regress_tpol_other;
CREATE ROLE regress_tpol_op IN ROLE vault_admin;
SELECT vault.create_tenant('tpol', 'regress_tpol_admin') AS a,
	vault.create_tenant('tpol-other', 'regress_tpol_other') AS b \gset
SET ROLE regress_tpol_admin;
SELECT vault.create_principal('writer', db_role => 'regress_tpol_writer') IS NOT NULL AS made,
	vault."grant"('writer', '{read,write,rotate}', '**') IS NOT NULL AS given;
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
	$$ SELECT v, pg_temp.attempt(format('SELECT vault.put(%L, %L, type => %L)', 'try/' || md5(v), v,
	type)) FROM unnest(given) AS v $$;

-- allowed to administrators of the tenant and to operators; not to all who may write
SET ROLE regress_tpol_writer;
SELECT pg_temp.attempt('SELECT vault.set_type_policy(''password'', min_length => 1)') AS writer,
	pg_temp.attempt('SELECT vault.reset_type_policy(''password'')') AS reset;
SET ROLE regress_tpol_other;
SELECT
	pg_temp.attempt(
	'SELECT vault.set_type_policy(''password'', min_length => 1, tenant => ''tpol'')') AS
	of_another_tenant;
SET ROLE regress_tpol_admin;
SELECT vault.set_type_policy('password', min_length => 12, max_length => 30,
	classes => '{lower,upper,digit,symbol}', excluded => '0O1l', prefix => 'Pw-', min_entropy => 30,
	generated_length => 20);
SET ROLE regress_tpol_writer;
SELECT * FROM pg_temp.tried('password', 'Pw-xK7#qM9vT2', 'Pw-xK7#qM9',
	'Pw-xK7#qM9vT2xK7#qM9vT2xK7#qM9vT2', 'xK7#qM9vT2Pw-', 'Pw-xK7#qM9vTO', 'Pw-xKz#qMwvTx',
	'Pw-XK7#QM9VT2', 'Pw-pppppppp7#M');
SELECT type, min_length, max_length, classes, excluded, prefix, min_entropy, generated_length,
	history FROM vault.type_policies;
-- another tenant asks what the type asks
SET ROLE regress_tpol_other;
SELECT count(*) FROM vault.type_policies;
SELECT * FROM pg_temp.tried('password', 'xK7qM9vTx2', 'Pw-x');

-- generated values fit the policy, at any length that it allows
SET ROLE regress_tpol_writer;
SELECT bool_and(length(v) = 20 AND v LIKE 'Pw-%' AND substr(v, 4) !~ '[0O1l]' AND v ~ '[a-z]'
	AND v ~ '[A-Z]' AND v ~ '[2-9]' AND v ~ '[^A-Za-z0-9]') AS fits, count(DISTINCT v)
	FROM (SELECT vault.generate('password') AS v FROM generate_series(1, 300)) AS g;
SELECT length(vault.generate('password', 30)) AS longer,
	length(vault.generate('password', 99)) AS as_long_as_it_may_be,
	length(vault.generate('api_key')), length(vault.generate('generic')),
	vault.generate() LIKE 'Pw-%' AS password;
SELECT pg_temp.attempt('SELECT vault.generate(''database'')') AS no_generator,
	pg_temp.attempt('SELECT vault.generate(''unheard_of'')') AS unknown,
	pg_temp.attempt('SELECT vault.generate(''password'', 0)') AS short,
	pg_temp.attempt('SELECT vault.generate(''password'', 2000)') AS long;
DECLARE held CURSOR WITH HOLD FOR SELECT vault.generate();
SELECT vault.put('made', 'Pw-xK7#qM9vT2', type => 'password'), vault.rotate('made'),
	length(vault.get('made')), vault.get('made') LIKE 'Pw-%' AS fits;
-- generated values have 64 random bits at least, under any policy of any caller: characters that
-- are drawn, after the prefix and those of a class
CREATE FUNCTION pg_temp.policies(VARIADIC settings text[]) RETURNS TABLE (setting text, answer text)
	LANGUAGE sql AS
	$$ SELECT v, pg_temp.attempt(format(
	'SELECT vault.set_type_policy(''password'', tenant => ''tpol'', %s)', v))
	FROM unnest(settings) AS v $$;
SET ROLE regress_tpol_op;
SELECT *
	FROM
	pg_temp.policies(
	'prefix => ''abcdefgha'', generated_length => 10, min_length => 8, min_entropy => 0, '
	'classes => ''{digit}'', excluded => ''012345678''');
SET ROLE regress_tpol_admin;
SELECT * FROM pg_temp.policies('generated_length => 10', 'generated_length => 11',
	'max_length => 10', 'generated_length => 11, excluded => ''0O1l''',
	'generated_length => 11, prefix => ''x''',
	'prefix => repeat(''x'', 32)', 'prefix => repeat(''x'', 21)',
	'generated_length => 11, classes => ''{digit}''',
	'generated_length => 12, classes => ''{digit}''',
	'excluded => ''abcdefghijklmnopqrstuvwxyz'', classes => ''{lower}''',
	'generated_length => 64, excluded => '
	'''abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345678''',
	'min_entropy => 191', 'min_entropy => 180');
SELECT vault.rotate('made'), length(vault.get('made'));
SELECT pg_temp.attempt('SELECT vault.generate(''generic'', 10)') AS too_short,
	length(vault.generate('generic', 11)) AS enough;
SELECT vault.set_type_policy('password', generated_length => 20),
	pg_temp.attempt('SELECT vault.generate(''password'', 10)') AS too_short,
	length(vault.generate('password', 11)) AS enough;
-- of a type that an operator adds, and where both together leave too little: nothing is made
SET ROLE regress_tpol_op;
SELECT pg_temp.attempt('SELECT vault.create_type(''tpol_made'', ''x'', max_length => 10)') AS short,
	pg_temp.attempt('SELECT vault.create_type(''tpol_made'', ''x'', generated_length => 11)') AS
	enough, pg_temp.attempt('SELECT vault.alter_type(''tpol_made'', prefix => ''x'')') AS altered;
SELECT vault.alter_type('tpol_made', generated_length => 30);
SET ROLE regress_tpol_admin;
SELECT vault.set_type_policy('tpol_made', prefix => 'a-prefix-of-19-byte'),
	vault.put('both', vault.generate('tpol_made'), type => 'tpol_made');
SET ROLE regress_tpol_op;
SELECT vault.alter_type('tpol_made', generated_length => 29);
SET ROLE regress_tpol_admin;
SELECT pg_temp.attempt('SELECT vault.rotate(''both'')') AS rotated,
	pg_temp.attempt('SELECT vault.generate(''tpol_made'')') AS generated,
	pg_temp.attempt('SELECT vault.put(''both'', ''a-prefix-of-19-byte-xK7qM9vTx2'')') AS given;
SELECT vault.reset_type_policy('tpol_made'), length(vault.generate('tpol_made'));
SELECT vault.set_type_policy('password', excluded => 'abc', classes => '{lower}');
-- a policy is replaced as a whole, and taken away
SELECT min_length, classes, excluded, prefix FROM vault.type_policies;
SELECT vault.reset_type_policy('password');
SELECT pg_temp.attempt('SELECT vault.reset_type_policy(''password'')');
SELECT * FROM pg_temp.tried('password', 'xK7qM9vTx2');

-- not again: the last five by default, destroyed or pending ones too; not of another secret
SELECT vault.put('again', 'value-xK7-0', type => 'password'), vault.rotate('again', 'value-xK7-1'),
	vault.rotate('again', 'value-xK7-2'), vault.destroy('again', 1),
	vault.put('other', 'value-xK7-0', type => 'password');
SELECT v, pg_temp.attempt(format('SELECT vault.%s', v))
	FROM unnest(ARRAY['put(''again'', ''value-xK7-2'')', 'rotate(''again'', ''value-xK7-1'')',
	'rotate(''again'', ''value-xK7-0'')', 'put(''again'', ''value-xK7-1'', label => ''pending'')',
	'put(''again'', ''value-xK7-3'', label => ''pending'')', 'put(''again'', ''value-xK7-3'')',
	'put(''again'', ''value-xK7-4'')', 'put(''again'', ''value-xK7-5'')',
	'put(''again'', ''value-xK7-0'')', 'put(''again'', ''value-xK7-1'')']) v;
SELECT vault.set_type_policy('password', history => 1),
	pg_temp.attempt('SELECT vault.put(''again'', ''value-xK7-4'')') AS older,
	pg_temp.attempt('SELECT vault.put(''again'', ''value-xK7-4'')') AS last;
SELECT vault.set_type_policy('password', history => 0),
	pg_temp.attempt('SELECT vault.put(''again'', ''value-xK7-4'')') AS off;
SELECT vault.set_type_policy('json', history => 2), vault.put('json', '{"a": 1}', type => 'json'),
	pg_temp.attempt('SELECT vault.put(''json'', ''{"a": 1}'')') AS same,
	pg_temp.attempt('SELECT vault.put(''json'', ''{"a": 2}'')') AS another;
-- the history keeps a keyed fingerprint: the same value of two secrets leaves two
RESET ROLE;
SELECT count(*) AS stored, count(DISTINCT fingerprint) AS different,
	bool_and(octet_length(fingerprint) = 16) AS short FROM vault_data.secret_version v
	JOIN vault_data.secret s ON s.id = v.secret_id
	WHERE s.tenant_id = :'a' AND s.name IN ('again', 'other') AND v.version = 1;
SELECT vault.rotate_tenant_key('tpol'), vault.rewrap() > 0 AS moved;
SET ROLE regress_tpol_admin;
SELECT vault.set_type_policy('password', history => 5),
	pg_temp.attempt('SELECT vault.put(''other'', ''value-xK7-0'')') AS after_rotation_of_the_key;

-- lifetime: the earliest of what the caller, the value and the policy say
SELECT vault.set_type_policy('api_key', max_lifetime => '30 days');
SELECT vault.put('key', 'k3y-7Q2xR9mW4zT8', type => 'api_key'),
	vault.put('key-soon', 'k3y-7Q2xR9mW4zT8', type => 'api_key',
	expires_at => now() + interval '1 day'),
	vault.put('key-late', 'k3y-7Q2xR9mW4zT8', type => 'api_key',
	expires_at => now() + interval '1 year');
SELECT name, round(extract(epoch FROM expires_at - updated_at) / 86400) AS days FROM vault.secrets
	WHERE name LIKE 'key%' ORDER BY name;
SELECT vault.rotate('key-soon'), round(extract(epoch FROM expires_at - updated_at) / 86400) AS days
	FROM vault.describe('key-soon');
SELECT round(extract(epoch FROM expires_at - updated_at) / 86400) AS days
	FROM vault.describe('key-soon');
-- the longest that a policy allows
SELECT vault.set_type_policy('api_key', max_lifetime => '100 years',
	rotation_interval => '100 years'),
	vault.put('key-long', 'k3y-7Q2xR9mW4zT8', type => 'api_key') AS version;
SELECT extract(year FROM expires_at) - extract(year FROM updated_at) AS years
	FROM vault.describe('key-long');
SELECT vault.delete('key-long') IS NOT NULL AS deleted;
-- recovery
SELECT vault.set_type_policy('api_key', recovery_window => '8 days'),
	vault.delete('key')::date - current_date AS key,
	vault.delete('json')::date - current_date AS other;

-- settings that make no sense
SELECT v, pg_temp.attempt(format('SELECT vault.set_type_policy(''password'', %s)', v))
	FROM unnest(ARRAY['min_length => 0', 'min_length => 20, max_length => 10',
	'max_length => 2000000', 'classes => ''{digits}''', 'classes => ''{NULL}''',
	'excluded => ''ä''', 'excluded => repeat(''x'', 65)', 'prefix => ''a b''',
	'prefix => repeat(''x'', 33)', 'min_entropy => 999', 'generated_length => 4',
	'min_length => 20, generated_length => 10', 'history => 51', 'history => -1',
	'rotation_interval => ''0 s''', 'rotation_interval => ''100 years 1 day''',
	'max_lifetime => ''-1 day''', 'max_lifetime => ''178000000 years''',
	'recovery_window => ''1 day''', 'warn_at => ''{0}''', 'warn_at => ''{NULL}''',
	'warn_at => ''{1 day}''']) v;
SELECT pg_temp.attempt('SELECT vault.set_type_policy(''unheard_of'')') AS unknown,
	pg_temp.attempt('SELECT vault.set_type_policy(''json'', min_length => 9)') AS no_matter,
	pg_temp.attempt('SELECT vault.set_type_policy(NULL)') AS none;
SET ROLE regress_tpol_op;
SELECT vault.set_type_policy('password', min_length => 9, tenant => 'tpol');
SELECT min_length AS by_operator FROM vault.type_policies
	WHERE tenant = 'tpol' AND type = 'password';
SELECT tenant, type FROM vault.type_policies ORDER BY 1, 2;
SELECT operation, object_kind, reason, detail->'min_length' AS min_length FROM vault.audit
	WHERE tenant = 'tpol' AND object_kind = 'type_policy' ORDER BY at DESC LIMIT 1;
RESET ROLE;
SELECT rotation_interval, max_lifetime, recovery_window, warn_at
	FROM vault_data.type_lifecycles(:'a') WHERE type = 'api_key';

-- each column that decides, changed outside: the type is refused, and verify names the row
SELECT vault.create_type('tpol_card', 'a card', min_length => 4);
CREATE TEMP TABLE edit (tab text, attribute text, value text);
INSERT INTO edit SELECT tab, attribute, CASE WHEN attribute IN ('tenant_id', 'id')
	THEN 'gen_random_uuid()' WHEN attribute IN ('name', 'type') THEN quote_literal('x')
		WHEN format_type(a.atttypid, NULL) = 'interval' THEN quote_literal('9 days')
		WHEN format_type(a.atttypid, NULL) LIKE '%[]'
		THEN quote_literal(CASE attribute WHEN 'classes' THEN '{lower}' ELSE '{5 days}' END)
		WHEN format_type(a.atttypid, NULL) = 'integer' THEN '49' ELSE quote_literal('y') END
	FROM (SELECT c.relname AS tab, a.attname AS attribute, a.atttypid FROM pg_class c
	JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_attribute r
	ON r.attrelid = c.oid AND r.attname = 'revision'
		WHERE c.oid IN ('vault_data.secret_type'::regclass, 'vault_data.type_policy'::regclass)
		AND a.attnum BETWEEN 1 AND r.attnum - 1) AS a;
CREATE FUNCTION pg_temp.after(change text, call text) RETURNS TABLE (answer text, finding text)
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE change;
	SELECT string_agg(DISTINCT v.object_kind || ' ' || v.name || ': ' || v.fault, ', ') INTO finding
	FROM vault.verify() v WHERE v.object_kind IN ('catalog', 'type_policy')
	AND v.fault NOT LIKE 'trigger%';
	PERFORM set_config('role', 'regress_tpol_admin', true);
	answer := pg_temp.attempt(call);
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	RETURN NEXT;
END
$$;
SELECT count(*) FROM edit;
SELECT tab, attribute, left(answer, 5) AS answer, finding FROM edit,
	pg_temp.after(
	format(
	'ALTER TABLE vault_data.%I DISABLE TRIGGER ALL; UPDATE vault_data.%1$I SET %I = %s WHERE %s',
	tab, attribute, value, CASE tab WHEN 'secret_type' THEN 'name = ''tpol_card'''
	ELSE format('tenant_id = %L AND type = ''password''', :'a') END),
	CASE tab WHEN 'secret_type'
	THEN 'SELECT vault.put(''card'', ''xK7qM9vTx2'', type => ''tpol_card'')'
	ELSE 'SELECT vault.put(''edited'', ''xK7qM9vTx2'', type => ''password'')' END) ORDER BY tab,
	attribute COLLATE "C";
SELECT * FROM pg_temp.after(format(
	'ALTER TABLE vault_data.type_policy DISABLE TRIGGER ALL; '
	'DELETE FROM vault_data.type_policy WHERE tenant_id = %L AND type = ''password''',
	:'a'), 'SELECT 1');
-- a type that is deleted, put back as it was before, or back after it was dropped: the trail knows
CREATE TEMP TABLE kept AS SELECT * FROM vault_data.secret_type WHERE name = 'tpol_card';
SELECT vault.alter_type('tpol_card', min_length => 8);
\set without_triggers 'ALTER TABLE vault_data.secret_type DISABLE TRIGGER ALL; DELETE FROM vault_data.secret_type WHERE name = ''tpol_card'''
SELECT finding FROM pg_temp.after(:'without_triggers', 'SELECT 1');
SELECT finding FROM pg_temp.after(:'without_triggers'
	|| '; INSERT INTO vault_data.secret_type SELECT * FROM kept', 'SELECT 1');
SELECT finding FROM pg_temp.after('SELECT vault.drop_type(''tpol_card''); ' || :'without_triggers'
	|| '; INSERT INTO vault_data.secret_type SELECT * FROM kept', 'SELECT 1');
SELECT count(*) FROM vault.verify() WHERE object_kind = 'catalog' AND name LIKE 'type %';
DROP TABLE kept;

SELECT vault.drop_type('tpol_card');
SELECT vault.destroy_tenant('tpol', 'tpol'), vault.destroy_tenant('tpol-other', 'tpol-other');
SELECT vault.drop_type('tpol_made');
SELECT count(*) FROM vault_data.type_policy WHERE tenant_id IN (:'a', :'b');
DROP FUNCTION pg_temp.policies(text[]), pg_temp.after(text, text), pg_temp.tried(text, text[]),
	pg_temp.attempt(text);
DROP TABLE edit;
DROP ROLE regress_tpol_admin, regress_tpol_writer, regress_tpol_other, regress_tpol_op;

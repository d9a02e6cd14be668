-- Tokens of a tenant's issuers: verified with its keys, for its own principals only, by exact
-- names; what a superuser adds to the table does not count.
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE ROLE regress_issuers_a;
CREATE ROLE regress_issuers_b;
CREATE ROLE regress_issuers_pool;
CREATE ROLE regress_issuers_pool2;
CREATE ROLE regress_issuers_op IN ROLE vault_admin;
SELECT vault.create_tenant('issuers-a', 'regress_issuers_a') AS a,
	vault.create_tenant('issuers-b', 'regress_issuers_b') AS b \gset
CREATE FUNCTION pg_temp.state(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
\set jwks `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print jwks(key("okta"))'`
\set jwks_b `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print jwks(key("keys-of-b"))'`
\set jwks_new `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print jwks(key("new"), key("rsa", "RSA"), key("ec", "EC"))'`

-- adding: administrators of the tenant alone, and what is wrong is named
SET ROLE regress_issuers_op;
SELECT vault.add_issuer('okta', 'https://idp.example', 'vault', :'jwks', tenant => 'issuers-a');
SET ROLE regress_issuers_b;
SELECT vault.add_issuer('okta', 'https://idp.example', 'vault', :'jwks', tenant => 'issuers-a');
SET ROLE regress_issuers_a;
SELECT pg_temp.state(format('SELECT vault.add_issuer(%s)',
	replace(s, 'JWKS', quote_literal(:'jwks')))) FROM unnest(ARRAY[
	'NULL, ''i'', ''a'', JWKS', '''a b'', ''i'', ''a'', JWKS', '''x'', NULL, ''a'', JWKS',
	'''x'', '''', ''a'', JWKS', '''x'', '' i'', ''a'', JWKS', '''x'', ''i'', NULL, JWKS',
	'''x'', ''i'', ''a'', NULL', '''x'', ''i'', ''a'', ''''', '''x'', ''i'', ''a'', ''[]''',
	'''x'', ''i'', ''a'', ''{"keys": []}''',
	'''x'', ''i'', ''a'', ''{"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]}''',
	'''x'', ''i'', ''a'', JWKS, ''[]''', '''x'', ''i'', ''a'', JWKS, ''{"subject": "sub"}''',
	'''x'', ''i'', ''a'', JWKS, ''{"principal": 1}''',
	'''x'', ''i'', ''a'', JWKS, ''{"principal": "exp"}''',
	'''x'', ''i'', ''a'', JWKS, ''{"tenant": "t", "role": "t"}''',
	'''x'', ''i'', ''a'', JWKS, max_lifetime => NULL',
	'''x'', ''i'', ''a'', JWKS, max_lifetime => ''0''',
	'''x'', ''i'', ''a'', JWKS, max_lifetime => ''-1 day''',
	'''x'', ''i'', ''a'', JWKS, max_lifetime => ''2 years''',
	'''x'', ''i'', ''a'', JWKS, required_claims => ''{"a": 1e400}''',
	'''x'', ''i'', ''a'', JWKS, required_claims => ''{"a": [99999999999999999999999]}''',
	'''x'', ''urn:vault:00000000-0000-0000-0000-000000000000'', ''a'', JWKS']) AS s;
SELECT vault.add_issuer('okta', 'https://idp.example', 'vault', :'jwks',
	max_lifetime => '1 hour') IS NOT NULL AS added;
SELECT vault.add_issuer('okta', 'https://other.example', 'vault', :'jwks');
-- JSON of whatever type a driver sends, one of them or both
BEGIN;
SELECT count(vault.add_issuer('json', 'https://json.example', 'vault', :'jwks',
	'{"groups": "/a"}'::json)) + count(vault.add_issuer('jsonb', 'https://jsonb.example', 'vault',
	:'jwks', '{"groups": "/a"}'::jsonb))
	+ count(vault.add_issuer('text', 'https://text.example', 'vault', :'jwks',
	'{"groups": "/a"}'::text)) + count(vault.add_issuer('required', 'https://required.example',
	'vault', :'jwks', required_claims => '{"a": "b"}'::json))
	+ count(vault.add_issuer('both', 'https://both.example', 'vault', :'jwks',
	'{"groups": "/a"}'::json, required_claims => '{"a": "b"}'::json)) +
	count(vault.add_issuer('untyped', 'https://untyped.example', 'vault', :'jwks',
	'{"groups": "/a"}', required_claims => '{"a": "b"}'::json))
	+ count(vault.add_issuer('null', 'https://null.example', 'vault', :'jwks', NULL,
	required_claims => NULL)) AS added;
SELECT name, claim_mapping->>'groups' AS groups, required_claims FROM vault.issuers
	ORDER BY name COLLATE "C";
ROLLBACK;
SELECT pg_temp.state(format('SELECT vault.add_issuer(''x'', ''i'', ''a'', %L, %s)', :'jwks', s))
	FROM unnest(ARRAY['''[]''::json', '''{''::text', '1', 'ARRAY[''a'']',
	'required_claims => ''[1]''::json']) AS s;
SELECT tenant, name, issuer, audience, kids, claim_mapping, max_lifetime FROM vault.issuers;
SELECT vault.create_principal(p) IS NOT NULL AS made
	FROM unnest(ARRAY['billing', 'Billing', 'svc-1']) AS p;
SELECT vault."grant"('billing', '{read}', '**') IS NOT NULL AS granted, vault.put('key', 'of a'),
	vault.allow_tokens('regress_issuers_pool'), vault.allow_tokens('regress_issuers_pool2');
SET ROLE regress_issuers_b;
SELECT count(*) FROM vault.issuers;
SELECT vault.create_principal('billing') IS NOT NULL AS made,
	vault."grant"('billing', '{read}', '**') IS NOT NULL AS granted, vault.put('key', 'of b');
-- a role that shows tokens of a tenant: another one has it from an operator, or not at all
SELECT vault.allow_tokens('regress_issuers_pool');
SELECT vault.create_principal('catcher', db_role => 'regress_issuers_pool');
SET ROLE regress_issuers_op;
SELECT vault.allow_tokens('regress_issuers_pool', tenant => 'issuers-b');
SET ROLE regress_issuers_b;
SELECT vault.disallow_tokens('regress_issuers_pool');
SELECT vault.allow_tokens('regress_issuers_pool');
SET ROLE regress_issuers_op;
SELECT vault.allow_tokens('regress_issuers_pool', tenant => 'issuers-b');
SET ROLE regress_issuers_b;
SELECT vault.add_issuer('mine', 'https://b.example', 'vault', :'jwks_b') IS NOT NULL AS added;

-- by exact names
\set billing `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {sub => "billing"})'`
\set upper `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {sub => "Billing"})'`
\set unknown `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {sub => "BILLING"})'`
\set expired `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {sub => "billing", iat => time - 200, exp => time - 31})'`
\set long `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {sub => "billing", exp => time + 3700})'`
\set other_key `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("mallory"), {sub => "billing"}, {kid => "okta"})'`
\set other_issuer `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {sub => "billing", iss => "https://idp.example/"})'`
\set other_audience `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {sub => "billing", aud => "vault2"})'`
SET ROLE regress_issuers_pool;
BEGIN;
SELECT vault.login(:'billing');
SELECT vault.get('key'), tenant, principal FROM vault.whoami();
COMMIT;
SELECT vault.login(:'upper'), (SELECT principal FROM vault.whoami());
SELECT pg_temp.state(format('SELECT vault.login(%L)', t))
	FROM unnest(ARRAY[:'unknown', :'expired', :'long', :'other_key', :'other_issuer',
	:'other_audience']) AS t;

-- b's issuer speaks for b, whatever it says; with the issuer's name of a, it is still b's keys
\set of_b `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("keys-of-b"), {iss => "https://b.example", sub => "billing", tenant => "issuers-a"})'`
\set forged `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("keys-of-b"), {sub => "billing", tenant => "issuers-a"})'`
\set forged_kid `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("keys-of-b"), {sub => "billing", tenant => "issuers-a"}, {kid => "okta"})'`
SELECT vault.login(:'of_b'), vault.get('key'), (SELECT tenant FROM vault.whoami());
SELECT pg_temp.state(format('SELECT vault.login(%L)', t))
	FROM unnest(ARRAY[:'forged', :'forged_kid']) AS t;
SET vault.tenant = 'issuers-a';
SELECT pg_temp.state(format('SELECT vault.login(%L)', :'of_b'));
RESET vault.tenant;
-- a role that shows no tokens of b
SET ROLE regress_issuers_pool2;
SELECT pg_temp.state(format('SELECT vault.login(%L)', :'of_b'));
SELECT vault.login(:'billing'), vault.get('key');
-- b adds a's issuer with its own keys, then with a's: it wins nothing, and vault.tenant tells them
-- apart
SET ROLE regress_issuers_b;
SELECT vault.add_issuer('same', 'https://idp.example', 'vault', :'jwks_b') IS NOT NULL AS added;
SET ROLE regress_issuers_pool;
SELECT vault.login(:'forged'), vault.get('key'), (SELECT tenant FROM vault.whoami());
SELECT vault.login(:'billing'), vault.get('key'), (SELECT tenant FROM vault.whoami());
SET ROLE regress_issuers_b;
SELECT vault.set_issuer_keys('same', :'jwks');
SET ROLE regress_issuers_pool;
SELECT pg_temp.state(format('SELECT vault.login(%L)', :'billing'));
BEGIN;
SET LOCAL vault.tenant = 'issuers-a';
SELECT vault.login(:'billing'), vault.get('key');
SET LOCAL vault.tenant = 'issuers-b';
SELECT pg_temp.state('SELECT vault.get(''key'')');
COMMIT;
SET ROLE regress_issuers_op;
SELECT vault.set_issuer_keys('same', :'jwks', tenant => 'issuers-b');
SELECT vault.remove_issuer('same', tenant => 'issuers-b');
SELECT vault.remove_issuer('same', tenant => 'issuers-b');

-- tenants that share a provider and its keys: a token is for the tenant whose audience it has,
-- whichever is tried first, and neither's principal stands in for the other's
SET ROLE regress_issuers_a;
SELECT vault.add_issuer('shared', 'https://shared.example', 'for-a', :'jwks') IS NOT NULL AS added;
SET ROLE regress_issuers_b;
SELECT vault.add_issuer('shared', 'https://shared.example', 'for-b', :'jwks') IS NOT NULL AS added;
\set for_a `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {iss => "https://shared.example", aud => "for-a", sub => "billing"})'`
\set for_b `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {iss => "https://shared.example", aud => "for-b", sub => "billing"})'`
\set for_both `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {iss => "https://shared.example", aud => ["for-a", "for-b"], sub => "billing"})'`
\set for_none `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {iss => "https://shared.example", aud => "for-c", sub => "billing"})'`
SET ROLE regress_issuers_pool;
SELECT vault.login(:'for_a'), vault.get('key'), (SELECT tenant FROM vault.whoami());
SELECT vault.login(:'for_b'), vault.get('key'), (SELECT tenant FROM vault.whoami());
SELECT pg_temp.state(format('SELECT vault.login(%L)', :'for_both'));
SET vault.tenant = 'issuers-b';
SELECT vault.login(:'for_both'), vault.get('key'), (SELECT tenant FROM vault.whoami());
SELECT pg_temp.state(format('SELECT vault.login(%L)', t))
	FROM unnest(ARRAY[:'for_a', :'for_none']) AS t;
RESET vault.tenant;
SET ROLE regress_issuers_a;
SELECT vault.remove_issuer('shared');
SET ROLE regress_issuers_b;
SELECT vault.remove_issuer('shared');

-- other claims: for the principal, the tenant, the role, the address
SET ROLE regress_issuers_a;
SELECT vault.add_issuer('mapped', 'https://mapped.example', 'vault', :'jwks_new',
	'{"principal": "client_id", "tenant": "org", "role": "db_role", "address": "ip"}',
	'10 minutes') IS NOT NULL AS added;
SELECT name, kids, claim_mapping, max_lifetime FROM vault.issuers ORDER BY name;
SET ROLE regress_issuers_pool;
CREATE TEMP TABLE made (what text, token text);
\set t1 `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e '$b = {iss => "https://mapped.example", sub => "auth0|1", client_id => "svc-1", org => "issuers-a", db_role => "regress_issuers_pool"}; $k = key("new"); print join " ", map { token($k, {%$b, %$_}) } {}, {ip => "192.0.2.7"}, {ip => "2001:db8::1"}, {ip => "x"}, {ip => "192.0.2.0/24"}, {org => "issuers-b"}, {org => undef}, {db_role => "regress_issuers_a"}, {db_role => undef}, {client_id => undef}, {client_id => "svc-2"}, {client_id => ["svc-1"]}, {exp => time + 700}'`
INSERT INTO made SELECT * FROM unnest(ARRAY['all', 'IPv4', 'IPv6', 'no address', 'a network',
	'other tenant', 'no tenant', 'other role', 'no role', 'no client', 'other client', 'a list',
	'too long'], string_to_array(:'t1', ' '));
SELECT what, pg_temp.state(format('SELECT vault.login(%L)', token)) FROM made;
SET ROLE regress_issuers_pool2;
SELECT pg_temp.state(format('SELECT vault.login(%L)', split_part(:'t1', ' ', 1)));

-- keys replaced, in an open transaction too; the issuer removed
SET ROLE regress_issuers_pool;
BEGIN;
SELECT vault.login(:'billing'), vault.get('key');
SET LOCAL ROLE regress_issuers_a;
SET LOCAL vault.token = '';
SELECT vault.set_issuer_keys('okta', :'jwks_b');
SET LOCAL ROLE regress_issuers_pool;
SET LOCAL vault.token = :'billing';
SELECT pg_temp.state('SELECT vault.get(''key'')');
ROLLBACK;
SELECT vault.login(:'billing'), vault.get('key');
SET ROLE regress_issuers_a;
SELECT vault.set_issuer_keys('none', :'jwks');
SELECT vault.set_issuer_keys('okta', '{}');
SELECT vault.set_issuer_keys('okta', :'jwks_b');
SET ROLE regress_issuers_pool;
SELECT pg_temp.state(format('SELECT vault.login(%L)', :'billing'));
SET ROLE regress_issuers_a;
SELECT vault.set_issuer_keys('okta', :'jwks');
SET ROLE regress_issuers_pool;
SELECT vault.login(:'billing'), vault.get('key');

-- a superuser's own keys, audience or issuer: refused where they would count, and found
RESET ROLE;
CREATE TEMP TABLE kept AS SELECT * FROM vault_data.token_issuer
	WHERE tenant_id = :'a' AND name = 'okta';
\set own `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("keys-of-b"), {sub => "billing"})'`
UPDATE vault_data.token_issuer SET jwks = :'jwks_b' WHERE tenant_id = :'a' AND name = 'okta';
SET ROLE regress_issuers_pool;
SELECT pg_temp.state(format('SELECT vault.login(%L)', :'own')) LIKE 'VT004%' AS refused;
RESET ROLE;
UPDATE vault_data.token_issuer i SET jwks = kept.jwks FROM kept
	WHERE i.tenant_id = kept.tenant_id AND i.id = kept.id;
SELECT count(*) FROM vault.verify('issuers-a') WHERE object_kind = 'issuer';
INSERT INTO vault_data.token_issuer SELECT tenant_id, gen_random_uuid(), 'own',
	'https://idp.example', audience, :'jwks_b', NULL, NULL, NULL, NULL, max_lifetime, NULL, NULL,
	NULL, NULL, 1, mac, kids FROM kept;
SET ROLE regress_issuers_pool;
SELECT pg_temp.state(format('SELECT vault.login(%L)', :'own')) LIKE 'VT004%' AS refused;
RESET ROLE;
SELECT object_kind, name, fault FROM vault.verify('issuers-a') WHERE object_kind = 'issuer'
	ORDER BY 2, 3;
SELECT operation, decision, object_kind FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND operation LIKE 'direct%' ORDER BY id;
DELETE FROM vault_data.token_issuer WHERE tenant_id = :'a' AND name = 'own';
SET ROLE regress_issuers_pool;
SELECT vault.login(:'billing'), vault.get('key');

-- each column that the MAC covers, edited with every trigger off: found
RESET ROLE;
CREATE FUNCTION pg_temp.edited(tab text, attribute text, kind regtype, tenant uuid) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('ALTER TABLE vault_data.%I DISABLE TRIGGER ALL', tab);
	EXECUTE format('UPDATE vault_data.%I SET %I = %s WHERE tenant_id = %L', tab, attribute,
	CASE kind WHEN 'uuid'::regtype THEN
		CASE attribute WHEN 'tenant_id' THEN
		quote_literal((SELECT t.tenant_id FROM vault_data.tenant t WHERE name = 'issuers-b'))
		ELSE 'gen_random_uuid()' END
		WHEN 'boolean'::regtype THEN format('%I IS NOT TRUE', attribute) WHEN 'text[]'::regtype
		THEN format('%I || ''PS256''::text', attribute) WHEN 'text'::regtype
		THEN format('concat(%I, ''x'')', attribute) ELSE format('%I + interval ''1 us''', attribute)
		END, tenant);
	SELECT string_agg(DISTINCT fault, ', ') FILTER
	(WHERE object_kind IN ('issuer', 'token', 'token_role')) INTO answer
	FROM vault.verify(CASE attribute WHEN 'tenant_id' THEN 'issuers-b' ELSE 'issuers-a' END) AS v
	(object_kind, object_id, object_name, fault) WHERE fault = 'changed outside vault';
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	RETURN answer;
END
$$;
SET ROLE regress_issuers_a;
SELECT length(vault.issue_token('billing')) > 100 AS issued;
RESET ROLE;
SELECT count(*) AS columns, pg_temp.edited(t.relname, a.attname, a.atttypid, :'a') AS found
	FROM pg_class t JOIN pg_attribute a ON attrelid = t.oid
WHERE relnamespace = 'vault_data'::regnamespace AND relname LIKE '%token%' AND relkind = 'r'
	AND attnum > 0 AND attnum < (SELECT attnum FROM pg_attribute r
	WHERE r.attrelid = t.oid AND attname = 'revision')
	AND (relname, attname) <> ('token_role', 'tenant_id') GROUP BY 2;
-- a tenant has at most 16
SET ROLE regress_issuers_a;
SELECT count(vault.add_issuer('i' || i, 'https://i.example', 'vault', :'jwks'))
	FROM generate_series(1, 14) AS i;
SELECT vault.add_issuer('i15', 'https://i.example', 'vault', :'jwks');
RESET ROLE;

-- in the trail: why, and of whom where that is known
SELECT tenant, subject, reason, count(*) FROM vault_data.audit_log
	WHERE role LIKE 'regress\_issuers%' AND reason LIKE 'VT014%' GROUP BY 1, 2, 3 ORDER BY 1, 2,
	reason COLLATE "C";
SELECT operation, decision, detail - 'revision' AS detail FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND object_kind = 'issuer'
	AND operation IN ('set_issuer_keys', 'remove_issuer', 'add_issuer')
	AND detail::text NOT LIKE '%i.example%' ORDER BY id;
SELECT count(*) FROM vault_data.audit_log AS r
	WHERE r::text LIKE '%eyJ%' OR detail::text LIKE '%Ed25519%';
SELECT vault.destroy_tenant('issuers-a', 'issuers-a'),
	vault.destroy_tenant('issuers-b', 'issuers-b');
SELECT count(*) FROM vault_data.token_issuer;
DROP TABLE made, kept;
DROP ROLE regress_issuers_a, regress_issuers_b, regress_issuers_pool, regress_issuers_pool2,
	regress_issuers_op;

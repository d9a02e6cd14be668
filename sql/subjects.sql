-- A subject of an issuer stands for the principal that it was added to, exactly before by pattern,
-- and for no principal if it could be two. A caller that adds one could issue a token for it.
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE ROLE regress_subjects_admin;
CREATE ROLE regress_subjects_second;
CREATE ROLE regress_subjects_manager;
CREATE ROLE regress_subjects_app;
CREATE ROLE regress_subjects_other;
CREATE ROLE regress_subjects_pool;
CREATE ROLE regress_subjects_op IN ROLE vault_admin;
SELECT vault.create_tenant('subjects-a', 'regress_subjects_admin') AS a,
	vault.create_tenant('subjects-b', 'regress_subjects_other') AS b \gset
CREATE FUNCTION pg_temp.state(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.who(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	PERFORM vault.login(token);
	SELECT principal INTO answer FROM vault.whoami();
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
\set jwks `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print jwks(key("okta"))'`
SET ROLE regress_subjects_admin;
SELECT vault.create_principal(p) IS NOT NULL AS made
	FROM unnest(ARRAY['billing', 'web', 'boss']) AS p;
SELECT vault.create_principal('second', db_role => 'regress_subjects_second') IS NOT NULL AS made,
	vault.create_principal('manager', db_role => 'regress_subjects_manager') IS NOT NULL AS made,
	vault.create_principal('app', db_role => 'regress_subjects_app') IS NOT NULL AS made;
SELECT vault."grant"('billing', '{read}', 'billing/**') IS NOT NULL AS g1,
	vault."grant"('web', '{read}', 'web/**') IS NOT NULL AS g2,
	vault."grant"('boss', '{read,write,rotate,delete,grant,list,override}', '**') IS NOT NULL AS g3,
	vault."grant"('second', '{grant,list}', '**') IS NOT NULL AS g4,
	vault."grant"('manager', '{read,grant}', 'billing/**') IS NOT NULL AS g5;
SELECT vault.put('billing/key', 'of billing'), vault.put('web/key', 'of web');
SELECT vault.create_role('team') IS NOT NULL AS made, vault.allow_tokens('regress_subjects_pool');
SELECT vault.add_issuer('okta', 'https://idp.example', 'vault', :'jwks') IS NOT NULL AS a1,
	vault.add_issuer('named', 'https://named.example', 'vault', :'jwks',
	by_name => true) IS NOT NULL AS a2,
	vault.add_issuer('strict', 'https://strict.example', 'vault', :'jwks',
	by_name => false) IS NOT NULL AS a3;

-- allowed to administrators who could issue a token for the principal, by their own role; to no
-- other caller, operators included
CREATE TEMP TABLE tries (who text, call text);
INSERT INTO tries SELECT w, format('vault.add_subject(%L, ''okta'', ''sub-%s-%s'')', p, w, p)
	FROM unnest(ARRAY['admin', 'second', 'manager', 'app', 'other', 'op']) AS w,
	unnest(ARRAY['billing', 'boss', 'second']) AS p;
GRANT SELECT ON tries TO PUBLIC;
SET ROLE regress_subjects_second;
SELECT call, pg_temp.state('SELECT ' || call) FROM tries WHERE who = 'second' ORDER BY call;
SET ROLE regress_subjects_manager;
SELECT call, pg_temp.state('SELECT ' || call) FROM tries WHERE who = 'manager' ORDER BY call;
SET ROLE regress_subjects_app;
SELECT call, pg_temp.state('SELECT ' || call) FROM tries WHERE who = 'app' ORDER BY call;
SET ROLE regress_subjects_other;
SELECT call, pg_temp.state('SELECT ' || call) FROM tries WHERE who = 'other' ORDER BY call;
SELECT
	pg_temp.state(
	'SELECT vault.add_subject(''billing'', ''okta'', ''x'', tenant => ''subjects-a'')');
SET ROLE regress_subjects_op;
SELECT
	pg_temp.state(
	'SELECT vault.add_subject(''billing'', ''okta'', ''x'', tenant => ''subjects-a'')');
SET ROLE regress_subjects_admin;
SELECT call, pg_temp.state('SELECT ' || call) FROM tries WHERE who = 'admin' ORDER BY call;
SELECT name, by_name FROM vault.issuers ORDER BY name;
-- that the last one goes lets no name count again
SELECT vault.remove_subject('boss', 'okta', 'sub-admin-boss'),
	vault.remove_subject('billing', 'okta', 'sub-admin-billing'),
	vault.remove_subject('second', 'okta', 'sub-admin-second'),
	vault.remove_subject('second', 'okta', 'sub-second-second');

-- a malformed part is named
SELECT s, pg_temp.state(format('SELECT vault.add_subject(%s)', s))
	FROM unnest(ARRAY['NULL, ''okta'', ''x''', '''nobody'', ''okta'', ''x''',
	'''team'', ''okta'', ''x''', '''billing'', NULL, ''x''', '''billing'', ''none'', ''x''',
	'''billing'', ''okta'', NULL',
	'''billing'', ''okta'', ''''', '''billing'', ''okta'', '' x''',
	'E''billing'', ''okta'', E''a\nb''', '''billing'', ''okta'', repeat(''a'', 513)',
	'''billing'', ''okta'', ''x'', ''regex''', '''billing'', ''okta'', ''x'', NULL',
	'''billing'', ''okta'', ''x'', ''pattern''', '''billing'', ''okta'', ''*'', ''pattern''',
	'''billing'', ''okta'', ''**'', ''pattern''', '''billing'', ''okta'', ''*:*'', ''pattern''',
	'''billing'', ''okta'', ''a**b'', ''pattern''']) AS s;

SELECT count(*) FROM vault.subjects;
SELECT vault.add_issuer('fresh', 'https://fresh.example', 'vault', :'jwks') IS NOT NULL AS added;
-- names count until the first subject is added, or as the issuer says
\set names `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e '$k = key("okta"); print join " ", map { token($k, {iss => "https://$_.example", sub => "billing"}) } qw(idp named strict fresh)'`
SET ROLE regress_subjects_pool;
SELECT n, pg_temp.who(t) FROM unnest(ARRAY['okta', 'named', 'strict', 'fresh'],
	string_to_array(:'names', ' ')) AS x (n, t);
SET ROLE regress_subjects_admin;
SELECT vault.add_subject(p, i, s, m) IS NOT NULL AS added FROM (VALUES
	('billing', 'okta', 'system:serviceaccount:prod:billing', 'exact'),
	('web', 'okta', 'system:serviceaccount:prod:*', 'pattern'),
	('billing', 'okta', 'repo:org/app:ref:refs/heads/main', 'exact'),
	('web', 'okta', 'repo:org/*:ref:refs/heads/**', 'pattern'),
	('billing', 'okta', 'org/app', 'exact'), ('billing', 'okta', 'auth0|5f7c', 'exact'),
	('web', 'okta', '*@clients', 'pattern'),
	('billing', 'okta', 'name@project.iam.gserviceaccount.com', 'exact'),
	('billing', 'okta', 'spiffe://acme.example/ns/prod/sa/billing', 'exact'),
	('web', 'okta', 'spiffe://acme.example/**', 'pattern'),
	('billing', 'okta', 'zwei-*', 'pattern'), ('web', 'okta', '*-drei', 'pattern'),
	('billing', 'okta', 'stern*', 'exact'), ('billing', 'okta', 'Müller', 'exact'),
	('web', 'okta', 'muster*', 'pattern'), ('billing', 'okta', 'muster**', 'pattern'),
	('web', 'named', 'billing', 'exact'), ('web', 'named', 'bos*', 'pattern'),
	('boss', 'named', 'we*', 'pattern'), ('web', 'named', 'web*', 'pattern'),
	('billing', 'okta', repeat('x', 512), 'exact')) AS v (p, i, s, m);
SELECT vault.add_subject('web', 'okta', 'org/app');
SELECT vault.add_subject('billing', 'okta', 'org/app');
SELECT principal, issuer, left(subject, 50) AS subject, match, created_by FROM vault.subjects
	ORDER BY issuer, subject, match;
\set tokens `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e '$k = key("okta"); print join " ", map { token($k, {sub => $_}) } "system:serviceaccount:prod:billing", "system:serviceaccount:prod:web", "system:serviceaccount:prod2:web", "system:serviceaccount:prod:x:y", "repo:org/app:ref:refs/heads/main", "repo:org/app:ref:refs/heads/main2", "repo:org/lib:ref:refs/heads/a/b", "repo:org/a/b:ref:refs/heads/main", "repo:org2/app:ref:refs/heads/main", "org/app", "Org/app", "auth0|5f7c", "auth0|5f7c ", "abc\@clients", "a\@b\@clients", "name\@project.iam.gserviceaccount.com", "name\@project.iam.gserviceaccount.com.evil", "spiffe://acme.example/ns/prod/sa/billing", "spiffe://acme.example/ns/prod/sa/web", "spiffe://acme.example.evil/ns", "zwei-eins", "eins-drei", "zwei-drei", "stern*", "stern1", "M\xc3\xbcller", "Muller", "x" x 512, "x" x 511, "billing", "web", "muster"'`
SET ROLE regress_subjects_pool;
SELECT left(convert_from(decode(translate(p, '-_', '+/') || repeat('=', (4 - length(p) % 4) % 4),
	'base64'), 'UTF8')::jsonb->>'sub', 50) AS subject, pg_temp.who(t)
	FROM unnest(string_to_array(:'tokens', ' ')) AS t, split_part(t, '.', 2) AS p;
-- with names that count: an exact subject wins, a pattern and a name must mean the same
\set named `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e '$k = key("okta"); print join " ", map { token($k, {iss => "https://named.example", sub => $_}) } qw(billing boss web west second)'`
SELECT s, pg_temp.who(t) FROM unnest(ARRAY['billing', 'boss', 'web', 'west', 'second'],
	string_to_array(:'named', ' ')) AS x (s, t);

-- added and taken away counts at once, in an open transaction too
\set app `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {sub => "org/app"})'`
BEGIN;
SELECT vault.login(:'app'), vault.get('billing/key');
SET LOCAL vault.token = '';
SET LOCAL ROLE regress_subjects_admin;
SELECT vault.remove_subject('billing', 'okta', 'org/app');
SELECT vault.add_subject('web', 'okta', 'org/app') IS NOT NULL AS added;
SET LOCAL ROLE regress_subjects_pool;
SET LOCAL vault.token = :'app';
SELECT pg_temp.state('SELECT vault.get(''billing/key'')'), vault.get('web/key');
ROLLBACK;
SELECT subject, issuer, token_roles FROM (SELECT vault.login(:'app')) AS l, vault.whoami();
-- a caller who showed a token makes it last no longer
\set boss `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {iss => "https://named.example", sub => "west"})'`
BEGIN;
SELECT vault.login(:'boss');
SELECT principal FROM vault.whoami();
SELECT pg_temp.state('SELECT vault.add_subject(''boss'', ''okta'', ''mine'')');
SELECT pg_temp.state('SELECT vault.add_subject(''billing'', ''okta'', ''mine'')');
COMMIT;
-- one's own, no other principal's
SET ROLE regress_subjects_app;
SELECT count(*) FROM vault.subjects;
SET ROLE regress_subjects_other;
SELECT count(*) FROM vault.subjects;
SELECT
	pg_temp.state(
	'SELECT vault.remove_subject(''billing'', ''okta'', ''org/app'', tenant => ''subjects-a'')');
SET ROLE regress_subjects_second;
SELECT pg_temp.state('SELECT vault.remove_subject(''billing'', ''okta'', ''org/none'')');

-- as a document: the same again changes nothing; a new audience keeps them
SET ROLE regress_subjects_admin;
SELECT vault.export_policy() AS document \gset
SELECT count(*) FROM vault.import_policy(:'document');
SELECT action, kind, name, left(detail::text, 100) AS detail
	FROM vault.import_policy(jsonb_set(jsonb_set(:'document', '{subjects}',
	'[{"principal": "web", "issuer": "okta", "subject": "org/app"}, {"principal": "billing", '
	'"issuer": "named", "subject": "neu-*", "match": "pattern"}]'),
	'{issuers,2,audience}', '"vault-2"'), dry_run => false)
	WHERE kind <> 'subject' OR name <> 'billing' OR action = 'add';
SELECT principal, issuer, subject, match FROM vault.subjects ORDER BY issuer, subject;
SELECT d, pg_temp.state(format('SELECT vault.import_policy(%L)',
	jsonb_build_object('format', 'vault-policy-v1', 'subjects', d::jsonb)))
	FROM unnest(ARRAY['[{"principal": "none", "issuer": "okta", "subject": "x"}]',
	'[{"principal": "web", "issuer": "none", "subject": "x"}]',
	'[{"principal": "team", "issuer": "okta", "subject": "x"}]',
	'[{"principal": "web", "issuer": "okta", "subject": ""}]',
	'[{"principal": "web", "issuer": "okta", "subject": "**", "match": "pattern"}]',
	'[{"principal": "web", "issuer": "okta", "subject": "x"}, {"principal": "billing", '
	'"issuer": "okta", "subject": "x"}]',
	'[{"principal": "web", "issuer": "okta", "subject": "x", "more": 1}]']) AS d;
SELECT pg_temp.state(format('SELECT vault.import_policy(%L)',
	jsonb_build_object('format', 'vault-policy-v1', 'issuers', '[]'::jsonb)));
SET ROLE regress_subjects_second;
SELECT pg_temp.state(format('SELECT vault.import_policy(%L, dry_run => false)',
	jsonb_build_object('format', 'vault-policy-v1', 'subjects',
	vault.export_policy()->'subjects' ||
	'{"principal": "boss", "issuer": "okta", "subject": "x"}')));
RESET ROLE;

-- a superuser's own rows and changes are refused where they would count, and found
INSERT INTO vault_data.external_subject SELECT tenant_id, gen_random_uuid(), issuer_id,
	principal_id, 'mine', 'exact', now(), NULL, 1, '\x00' FROM vault_data.external_subject
	WHERE subject = 'org/app';
\set mine `perl -I$PG_ABS_SRCDIR/t/lib -MVaultJwt -e 'print token(key("okta"), {sub => "mine"})'`
SET ROLE regress_subjects_pool;
SELECT pg_temp.who(:'mine');
RESET ROLE;
SELECT object_kind, name, fault FROM vault.verify('subjects-a') ORDER BY 1, 2, 3;
DELETE FROM vault_data.external_subject WHERE subject = 'mine';
SELECT object_kind, name, fault FROM vault.verify('subjects-a') ORDER BY 1, 2, 3;
SELECT decision, operation, object_kind FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND operation LIKE 'direct%' ORDER BY id;
CREATE FUNCTION pg_temp.edited(tab text, attribute text, value text) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('ALTER TABLE vault_data.%I DISABLE TRIGGER ALL', tab);
	EXECUTE
	format(
	'UPDATE vault_data.%I SET %I = %s WHERE issuer_id IN (SELECT id FROM vault_data.token_issuer '
	'WHERE name = ''named'')',
	tab, attribute, value);
	SELECT string_agg(DISTINCT fault, ', ') INTO answer
	FROM unnest(ARRAY['subjects-a', 'subjects-b']) AS t,
	vault.verify(t) AS v (object_kind, object_id, object_name, fault)
	WHERE fault = 'changed outside vault';
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	RETURN answer;
END
$$;
SELECT attname, pg_temp.edited('external_subject', attname, v) FROM pg_attribute
	JOIN (VALUES ('tenant_id', quote_literal(:'b')), ('id', 'gen_random_uuid()'),
	('issuer_id', '(SELECT id FROM vault_data.token_issuer WHERE name = ''okta'' LIMIT 1)'),
	('principal_id', '(SELECT id FROM vault_data.principal WHERE name = ''boss'')'),
	('subject', '''any''::text'), ('match', '''exact''::text'), ('created_at', 'now()'),
	('created_by', 'NULL'), ('revision', 'revision + 1')) AS c (a, v) ON a = attname
WHERE attrelid = 'vault_data.external_subject'::regclass AND attnum > 0 ORDER BY attnum;

-- with the principal or the issuer go its subjects
SET ROLE regress_subjects_admin;
SELECT vault.drop_principal('web');
SELECT principal, issuer, subject FROM vault.subjects;
SELECT vault.remove_issuer('named');
SELECT count(*) FROM vault.subjects;
SELECT operation, detail - 'revision' - 'issuer_id' - 'principal_id' AS detail FROM vault.audit
	WHERE object_kind = 'subject' AND detail->>'subject' IN ('org/app', 'neu-*') ORDER BY id;
RESET ROLE;
SELECT tenant, subject, reason FROM vault_data.audit_log
	WHERE tenant_id = :'a' AND decision = 'deny'
	AND subject IN ('zwei-drei', 'org2/app', 'stern1', 'boss', 'Muller') AND operation = 'login'
	ORDER BY subject COLLATE "C";
SELECT vault.destroy_tenant('subjects-a', 'subjects-a'),
	vault.destroy_tenant('subjects-b', 'subjects-b');
SELECT count(*) FROM vault_data.external_subject;
DROP TABLE tries;
DROP ROLE regress_subjects_admin, regress_subjects_second, regress_subjects_manager,
	regress_subjects_app, regress_subjects_other, regress_subjects_pool, regress_subjects_op;

-- The game of t/035_rights.pl: random calls, and what a principal has gained by them. Random
-- choices depend on the seed alone, so that the same seed plays the same game.

-- ---- permissions by the tables, without code of vault ----

-- A permission is evaluated in each of these situations, which conditions of grants tell apart.
CREATE TABLE game.situation (
	nr int, later interval, working boolean, tls boolean, session_user_too boolean,
	services text[], address inet
);
INSERT INTO game.situation VALUES
	(1, '30 min', true, true, true, '{cn:x}', '10.1.0.1'),
	(2, '30 min', false, false, true, '{}', '192.168.0.1'),
	(3, '90 min', true, false, false, '{cn:y}', '10.2.0.1'),
	(4, '3 hours', false, true, true, '{cn:x}', '10.2.0.1'),
	(5, '3 hours', true, false, false, '{}', '10.1.0.1'),
	(6, '30 min', true, false, true, '{cn:x,cn:y}', '192.168.0.1');

CREATE TABLE game.match AS
	SELECT p.pattern, s.name, s.environment
	FROM vault_data.secret s,
		unnest('{a,b,a/a,a/b,*,a/*,*/a,**,a/**,b/**,**/a}'::text[]) AS p (pattern)
	WHERE vault_data.name_matches(s.name, p.pattern);
ANALYZE game.match, game.situation;

CREATE TABLE game.held (
	principal text, secret text, environment text, permission text, situation int
);
CREATE TABLE game.bound (LIKE game.held);
CREATE TABLE game.present (LIKE game.held);
CREATE TABLE game.control (principal text, db_role text, token text);
CREATE TABLE game.outcome (call text, state text);

CREATE VIEW game.now AS
	WITH RECURSIVE built_in (name, permissions) AS (
		VALUES ('owner', vault_data.all_permissions()),
			('admin', array_remove(vault_data.all_permissions(), 'read')),
			('writer', '{write,list}'::text[]),
			('reader', '{read,list}'),
			('rotator', '{rotate,list}'),
			('auditor', '{list}')
	),
	up (principal, id) AS (
		SELECT p.name, p.id FROM vault_data.principal p WHERE p.kind IN ('user', 'service')
		UNION
		SELECT u.principal, m.role_id FROM up u JOIN vault_data.role_member m ON m.member_id = u.id
	),
	given AS (
		SELECT u.principal, g.effect, g.permissions, g.name_pattern, g.environments,
			s.nr AS situation
		FROM up u
			JOIN vault_data.access_grant g ON g.principal_id = u.id
			JOIN game.situation s
				ON now() + s.later >= coalesce(g.valid_from, '-infinity')
				AND now() + s.later < coalesce(g.valid_until, 'infinity')
				AND (g.windows IS NULL OR g.windows = '{daily 00:00-24:00 UTC}' OR s.working)
				AND (g.require_tls IS NULL OR s.tls)
				AND (g.require_session_user IS NULL OR s.session_user_too)
				AND (g.services IS NULL OR g.services && s.services)
				AND (g.addresses IS NULL
					OR EXISTS (SELECT FROM unnest(g.addresses) AS a WHERE s.address <<= a::inet))
		UNION ALL
		SELECT u.principal, 'allow', b.permissions, '**', NULL, s.nr
		FROM up u
			JOIN vault_data.principal r ON r.id = u.id AND r.kind = 'built-in role'
			JOIN built_in b USING (name)
			CROSS JOIN game.situation s
	),
	judged AS (
		SELECT g.principal, x.name AS secret, x.environment, g.situation, e.permission,
			bool_and(g.effect = 'allow') AS allowed
		FROM given g
			JOIN game.match x ON x.pattern = g.name_pattern
				AND (g.environments IS NULL OR x.environment = ANY (g.environments))
			CROSS JOIN LATERAL unnest(g.permissions) AS e (permission)
		GROUP BY 1, 2, 3, 4, 5
	)
	SELECT j.principal, j.secret, j.environment, j.permission, j.situation
	FROM judged j WHERE j.allowed
	UNION
	SELECT j.principal, j.secret, j.environment, 'list', j.situation
	FROM judged j
	WHERE j.allowed
		AND NOT EXISTS (SELECT FROM judged d
			WHERE (d.principal, d.secret, d.environment, d.situation, d.permission, d.allowed)
				= (j.principal, j.secret, j.environment, j.situation, 'list', false));

-- ---- random choices ----

CREATE FUNCTION game.pick(given text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT $1[1 + floor(random() * cardinality($1))::int]
$$;

CREATE FUNCTION game.some(given text[], part float) RETURNS text[] LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(array_agg(e), ARRAY[game.pick($1)]) FROM unnest($1) AS e WHERE random() < $2
$$;

CREATE FUNCTION game.grantee() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT p.name FROM vault_data.principal p
	WHERE p.kind <> 'built-in role' AND p.name <> 'adm'
	ORDER BY random() LIMIT 1
$$;

CREATE FUNCTION game.any_principal() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.2 THEN 'adm' ELSE game.grantee() END
$$;

-- A user or service other than the administrator
CREATE FUNCTION game.caller() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT p.name FROM vault_data.principal p
	WHERE p.kind IN ('user', 'service') AND p.name <> 'adm'
	ORDER BY random() LIMIT 1
$$;

CREATE FUNCTION game.role() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT p.name FROM vault_data.principal p
	WHERE p.kind IN ('role', 'built-in role')
	ORDER BY p.kind = 'built-in role' AND random() < 0.8, random() LIMIT 1
$$;

CREATE FUNCTION game.pattern() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT game.pick('{a,b,a/a,a/b,*,a/*,*/a,**,**,a/**,b/**,**/a}')
$$;

CREATE FUNCTION game.condition() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.65 THEN '' ELSE game.pick(ARRAY[
		', valid_until => now() + interval ''1 hour''',
		', valid_until => now() + interval ''2 hours''',
		', valid_from => now() + interval ''1 hour''',
		', windows => ''{daily 00:00-24:00 UTC}''',
		', windows => ''{mon-fri 09:00-17:00 UTC}''',
		', require_tls => true',
		', require_session_user => true',
		', services => ''{cn:x}''',
		', services => ''{cn:x,cn:y}''',
		', addresses => ''{10.0.0.0/8}''',
		', addresses => ''{10.1.0.0/16}'''
	]) END
$$;

CREATE FUNCTION game.grant_call(grantee text, permissions text[]) RETURNS text
LANGUAGE sql VOLATILE AS $$
	SELECT format('SELECT vault.grant(%L, %L, %L, %L, %L%s)', $1, $2, game.pattern(),
		CASE WHEN random() < 0.4 THEN game.some('{dev,prod}', 0.5) END,
		CASE WHEN random() < 0.3 THEN 'deny' ELSE 'allow' END,
		game.condition())
$$;

-- ---- calls ----

-- Make a call under a role, perhaps with a token. Returns NULL if it is refused.
CREATE FUNCTION game.act(call text, db_role text, token text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	PERFORM set_config('role', db_role, true),
		set_config('vault.token', coalesce(token, ''), true);
	EXECUTE call INTO answer;
	PERFORM set_config('role', 'none', true), set_config('vault.token', '', true);
	INSERT INTO game.outcome VALUES (call, '00000');
	RETURN coalesce(answer, '');
EXCEPTION WHEN OTHERS THEN
	INSERT INTO game.outcome VALUES (call, SQLSTATE);
	RETURN NULL;
END
$$;

CREATE FUNCTION game.without_one(document jsonb, section text) RETURNS jsonb
LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN jsonb_array_length($1->$2) > 0
		THEN jsonb_set($1, ARRAY[$2],
			($1->$2) - floor(random() * jsonb_array_length($1->$2))::int)
		ELSE $1 END
$$;

CREATE FUNCTION game.with_one(document jsonb, section text, item jsonb) RETURNS jsonb
LANGUAGE sql AS $$
	SELECT jsonb_set($1, ARRAY[$2], ($1->$2) || item)
$$;

-- Add a role of the database to a principal of a document.
CREATE FUNCTION game.with_binding(document jsonb, principal text, db_role text) RETURNS jsonb
LANGUAGE sql AS $$
	SELECT jsonb_set($1, '{principals}', (
		SELECT jsonb_agg(CASE WHEN e->>'name' = $2
			THEN jsonb_set(e, '{db_roles}', (e->'db_roles') || to_jsonb($3)) ELSE e END)
		FROM jsonb_array_elements($1->'principals') AS e))
$$;

-- Change one thing in a policy document. BOUND_TO is the principal that the change binds to a role
-- of the callers.
CREATE FUNCTION game.document(INOUT document jsonb, OUT bound_to text)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	CASE floor(random() * 5)
	WHEN 0 THEN
		document := game.without_one(document, 'grants');
	WHEN 1 THEN
		document := game.without_one(document, 'members');
	WHEN 2 THEN
		document := game.with_one(document, 'members',
			jsonb_build_object('role', game.role(), 'member', game.any_principal()));
	WHEN 3 THEN
		document := game.with_one(document, 'grants', jsonb_build_object(
			'grantee', game.grantee(), 'effect', 'allow', 'name_pattern', game.pattern(),
			'permissions', to_jsonb(game.some(vault_data.all_permissions(), 0.2))));
	ELSE
		bound_to := game.caller();
		document := game.with_binding(document, bound_to, 'adv3');
	END CASE;
END
$$;

-- Give the tenant principals, roles, members and grants.
CREATE FUNCTION game.set_up() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM game.act(format('SELECT vault.create_principal(%L, db_role => %L)',
			'p' || i, CASE WHEN i < 2 THEN 'adv' || i END), 'adm', NULL),
		game.act(format('SELECT vault.create_role(%L)', 'r' || i), 'adm', NULL)
		FROM generate_series(0, 4) AS i;
	PERFORM game.act(format('SELECT vault.add_member(%L, %L)', game.role(), game.grantee()),
			'adm', NULL)
		FROM generate_series(1, 5);
	PERFORM game.act(game.grant_call(game.grantee(),
			game.some(vault_data.all_permissions(), 0.3)), 'adm', NULL)
		FROM generate_series(1, 10);
	PERFORM game.act(game.grant_call('p' || i,
			game.some(vault_data.all_permissions(), 0.4)), 'adm', NULL)
		FROM generate_series(0, 1) AS i, generate_series(1, 2);
	PERFORM game.act(format('SELECT vault.grant(%L, %L, %L)', 'p' || i,
			'{grant}'::text[] || game.some(vault_data.all_permissions(), 0.4),
			CASE WHEN random() < 0.5 THEN '**' ELSE game.pattern() END), 'adm', NULL)
		FROM generate_series(0, 1) AS i;
	-- Sometimes p0 holds as much as the administrator, and p1 administers and holds less.
	PERFORM game.act(format('SELECT vault.add_member(%L, %L)',
			CASE i WHEN 0 THEN 'owner' ELSE 'admin' END, 'p' || i), 'adm', NULL)
		FROM generate_series(0, 1) AS i WHERE random() < 0.2 * (i + 1);
END
$$;

CREATE FUNCTION game.operator_call() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT CASE floor(random() * 5)
		WHEN 0 THEN format('SELECT vault.drop_principal(%L, %L)', game.any_principal(), 'game')
		WHEN 1 THEN format('SELECT vault.unbind_role(%L, tenant => %L)', game.any_principal(),
			'game')
		WHEN 2 THEN format('SELECT vault.drop_role(%L, %L)', game.role(), 'game')
		WHEN 3 THEN format('SELECT vault.create_principal(%L, db_role => %L, tenant => %L)',
			'o' || random(), 'outsider', 'game')
		ELSE format('SELECT vault.appoint_admin(%L, %L)', 'game', game.pick('{adm,adv0,adv1}'))
	END
$$;

CREATE FUNCTION game.issuer_call() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT format('SELECT vault.add_issuer(%L, %L, %L, %L)', 'i' || random(), 'https://i', 'game',
		'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "alg": "EdDSA", "use": "sig",'
		' "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}')
$$;

-- Choose a call. TAKES is the principal that its caller can speak for afterwards, '*' for all of
-- them.
CREATE FUNCTION game.attack(OUT call text, OUT takes text) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	document jsonb;
BEGIN
	CASE floor(random() * 14)
	WHEN 0, 1, 2, 3 THEN
		call := game.grant_call(game.any_principal(),
			game.some(vault_data.all_permissions(), 0.2));
	WHEN 4, 5 THEN
		call := format('SELECT vault.revoke(%L)', (
			SELECT g.id FROM vault_data.access_grant g
			ORDER BY g.effect = 'allow' AND random() < 0.7, random() LIMIT 1));
	WHEN 6, 7 THEN
		call := format('SELECT vault.add_member(%L, %L)', game.role(), game.any_principal());
	WHEN 8 THEN
		call := format('SELECT vault.remove_member(role, member)'
			' FROM (SELECT %L AS role, %L AS member) AS m', m.role, m.member)
			FROM (
				SELECT r.name AS role, p.name AS member FROM vault_data.role_member m
					JOIN vault_data.principal r ON r.id = m.role_id
					JOIN vault_data.principal p ON p.id = m.member_id
				ORDER BY random() LIMIT 1) AS m;
	WHEN 9 THEN
		takes := CASE WHEN random() < 0.5 THEN game.caller() ELSE 'p0' END;
		call := format('SELECT vault.issue_token(%L)', takes);
	WHEN 10 THEN
		SELECT d.document, d.bound_to INTO document, takes
			FROM game.document(vault.export_policy('game')) AS d;
		call := format('SELECT count(*) FROM vault.import_policy(%L, false)', document);
	WHEN 11 THEN
		takes := CASE WHEN random() < 0.3 THEN '*' END;
		call := CASE WHEN takes = '*' THEN game.issuer_call()
			ELSE format('SELECT vault.drop_role(%L)', game.role()) END;
	WHEN 12 THEN
		takes := 'q' || floor(random() * 3);
		call := CASE
			WHEN random() < 0.3 THEN format('SELECT vault.create_role(%L)', takes)
			WHEN random() < 0.7
				THEN format('SELECT vault.create_principal(%L, db_role => %L)', takes, 'adv2')
			ELSE format('SELECT vault.drop_principal(%L)', game.any_principal()) END;
		takes := CASE WHEN call LIKE '%db_role%' THEN takes END;
	ELSE
		takes := game.caller();
		call := CASE
			WHEN random() < 0.7 THEN format('SELECT vault.bind_role(%L, %L)', takes, 'adv3')
			ELSE format('SELECT vault.unbind_role(%L)', game.any_principal()) END;
		takes := CASE WHEN call LIKE '%.bind_role%' THEN takes END;
	END CASE;
END
$$;

-- ---- rules ----

-- List permissions that a principal holds neither from before nor by its callers, and those that
-- the principals behind the callers did not hold.
CREATE VIEW game.gained AS
	WITH n AS MATERIALIZED (
		SELECT * FROM game.present WHERE principal <> 'adm'
	),
	beyond AS (
		SELECT secret, environment, permission, situation FROM n
		EXCEPT
		SELECT secret, environment, permission, situation FROM game.bound
	)
	SELECT n.* FROM n NATURAL JOIN beyond JOIN game.control c USING (principal)
	UNION
	(SELECT n.* FROM n NATURAL JOIN beyond EXCEPT SELECT * FROM game.held);

-- List the principals that administer at any time, by the tables.
CREATE VIEW game.administrator AS
	WITH RECURSIVE up (principal, id) AS (
		SELECT p.name, p.id
		FROM vault_data.principal p
			JOIN vault_data.principal_binding b ON b.principal_id = p.id
			JOIN pg_roles r ON r.oid = b.db_role AND r.rolname = b.role_name
		UNION
		SELECT u.principal, m.role_id FROM up u JOIN vault_data.role_member m ON m.member_id = u.id
	),
	given AS (
		SELECT u.principal,
			g.effect = 'deny'
				AND g.valid_until IS DISTINCT FROM least(g.valid_until, now()) AS denied,
			g.effect = 'allow' AND g.name_pattern = '**' AND g.environments IS NULL
				AND g.valid_until IS NULL AND coalesce(g.valid_from <= now(), true) AS allowed
		FROM up u JOIN vault_data.access_grant g ON g.principal_id = u.id
		WHERE 'grant' = ANY (g.permissions)
		UNION ALL
		SELECT u.principal, false, true
		FROM up u
			JOIN vault_data.principal r
				ON r.id = u.id AND r.kind = 'built-in role' AND r.name IN ('owner', 'admin')
	)
	SELECT g.principal FROM given g GROUP BY 1 HAVING bool_or(g.allowed) AND NOT bool_or(g.denied);

-- Say whether an operator can appoint an administrator. The error takes the appointment and the
-- role back.
CREATE FUNCTION game.appoints() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', 'op', true), vault.appoint_admin('game', 'unbound');
	RAISE no_data_found;
EXCEPTION WHEN insufficient_privilege THEN
	RETURN false;
WHEN no_data_found THEN
	RETURN true;
END
$$;

-- List what the administrator and the tenant have lost and must not lose.
CREATE VIEW game.lost AS
	WITH lost AS MATERIALIZED (
		SELECT secret, environment, permission, situation FROM game.held WHERE principal = 'adm'
		EXCEPT
		SELECT secret, environment, permission, situation FROM game.present WHERE principal = 'adm'
	),
	unheld AS MATERIALIZED (
		SELECT secret, environment, permission, situation FROM game.held WHERE principal = 'adm'
		EXCEPT
		SELECT secret, environment, permission, situation FROM game.bound
	)
	SELECT format('adm lost %s on %s in %s, situation %s', permission, secret, environment,
		situation) AS what
	FROM (SELECT * FROM lost INTERSECT SELECT * FROM unheld) AS l
	UNION ALL
	SELECT 'adm administers no more'
	WHERE EXISTS (SELECT FROM unheld)
		AND NOT EXISTS (SELECT FROM game.administrator WHERE principal = 'adm')
	UNION ALL
	SELECT 'no principal administers' WHERE NOT EXISTS (SELECT FROM game.administrator)
	UNION ALL
	SELECT 'an operator appoints' WHERE game.appoints();

-- ---- the game ----

-- Give the caller of a call what the call took for it.
CREATE FUNCTION game.take(call text, takes text, answer text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF takes = '*' THEN
		INSERT INTO game.control
			SELECT p.name, 'adv0' FROM vault_data.principal p
			WHERE p.kind IN ('user', 'service') AND p.name <> 'adm';
	ELSIF takes IS NOT NULL THEN
		INSERT INTO game.control VALUES (takes,
			CASE WHEN call LIKE '%issue_token%' THEN 'pool'
				WHEN call LIKE '%adv2%' THEN 'adv2'
				ELSE 'adv3' END,
			CASE WHEN call LIKE '%issue_token%' THEN answer END);
	END IF;
END
$$;

-- Describe what broke a rule, NULL if nothing did.
CREATE FUNCTION game.broken() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(w.what, E'\n') FROM (
		SELECT format('%s: %s on %s in %s, situation %s', g.principal, g.permission, g.secret,
			g.environment, g.situation) AS what
		FROM game.gained g
		UNION ALL
		SELECT l.what FROM game.lost l) AS w
$$;

CREATE FUNCTION game.history() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(
		o.call || CASE o.state WHEN '00000' THEN '' ELSE '   -- ' || o.state END, E'\n')
	FROM game.outcome o
$$;

-- Play. Returns the first step that broke a rule, with all calls, NULL if there is none.
CREATE FUNCTION game.play(seed float, steps int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c game.control;
	a record;
	answer text;
	broken text;
BEGIN
	PERFORM setseed(seed);
	PERFORM game.set_up();
	INSERT INTO game.control VALUES ('p0', 'adv0'), ('p1', 'adv1');
	INSERT INTO game.held SELECT * FROM game.now;
	INSERT INTO game.bound
		SELECT DISTINCT '', h.secret, h.environment, h.permission, h.situation
		FROM game.held h WHERE h.principal IN ('p0', 'p1');
	FOR i IN 1 .. steps LOOP
		SELECT * INTO c FROM game.control ORDER BY random() LIMIT 1;
		SELECT * INTO a FROM game.attack();
		IF random() < 0.15 THEN
			c := ROW('an operator', 'op', NULL);
			SELECT game.operator_call() AS call, NULL::text AS takes INTO a;
		END IF;
		CONTINUE WHEN a.call IS NULL;
		answer := game.act(a.call, c.db_role, c.token);
		CONTINUE WHEN answer IS NULL;
		PERFORM game.take(a.call, a.takes, answer);
		TRUNCATE game.present;
		INSERT INTO game.present SELECT * FROM game.now;
		broken := game.broken();
		IF broken IS NOT NULL THEN
			RETURN format(E'step %s, %s: %s\n%s\n%s', i, c.principal, a.call, broken,
				game.history());
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;

-- Count the calls by function and SQLSTATE, as "NAME STATE COUNT;...".
CREATE FUNCTION game.tally() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s', t.call, t.state, t.n), ';') FROM (
		SELECT substring(o.call FROM 'vault\.([a-z_]+)') AS call, o.state, count(*) AS n
		FROM game.outcome o GROUP BY 1, 2) AS t
$$;

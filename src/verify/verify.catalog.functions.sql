/*
 * The catalog against the script that made the extension: functions, triggers, policies, tables
 * and privileges.
 */

/*
 * Return the statements of the script, which no superuser can change with SQL, or NULL if it cannot
 * be read.
 */
CREATE FUNCTION vault_data.install_statements() RETURNS text[]
LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_install_statements';

/* Make an expression comparable: as it was written, and as the server prints it. */
CREATE FUNCTION vault_data.plain(expression text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT regexp_replace(lower(expression), '[[:space:]()]', '', 'g')
$$;

CREATE FUNCTION vault_data.verify_functions(statements text[]) RETURNS TABLE (name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH made AS (
		SELECT replace(m[1], '"', '') AS name,
			replace(s, 'MODULE_' || 'PATHNAME', '$libdir/vault') AS text,
			count(*) OVER (PARTITION BY m[1]) AS times
		FROM unnest(statements) AS s,
			regexp_match(s, '^CREATE (?:FUNCTION|PROCEDURE) ([^( ]+)') AS m
		WHERE m IS NOT NULL
	), found AS (
		SELECT p.*, l.lanname, p.pronamespace::regnamespace || '.' || p.proname AS name,
			count(*) OVER (PARTITION BY p.pronamespace, p.proname) AS times
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE p.pronamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
	)
	SELECT f.name, 'function is not as the script made it' FROM found f
	WHERE NOT EXISTS (SELECT FROM made m
		WHERE m.name = f.name AND m.times = f.times
			AND CASE WHEN f.lanname = 'c' THEN f.probin = '$libdir/vault'
					AND strpos(m.text, format('AS %L, %L', f.probin, f.prosrc)) > 0
				WHEN f.prosqlbody IS NULL
					THEN strpos(m.text, 'AS $' || '$' || f.prosrc || '$' || '$') > 0
				ELSE strpos(m.text, 'RETURN ') > 0 END
			AND (f.lanname = 'c' OR m.text LIKE '%LANGUAGE ' || f.lanname || ' %')
			AND (f.prokind = 'p' OR m.text LIKE
				CASE f.provolatile WHEN 'v' THEN '%VOLATILE%' WHEN 's' THEN '%STABLE%'
				ELSE '%IMMUTABLE%' END)
			AND (f.prokind = 'p' OR m.text LIKE
				CASE f.proparallel WHEN 'u' THEN '%PARALLEL UNSAFE%'
				WHEN 'r' THEN '%PARALLEL RESTRICTED%' ELSE '%PARALLEL SAFE%' END))
		OR f.prosecdef OR f.proleakproof OR f.proconfig IS NOT NULL
	UNION ALL
	SELECT DISTINCT m.name, 'function is missing' FROM made m
	WHERE NOT EXISTS (SELECT FROM found f WHERE f.name = m.name)
$$;

/* Return the parts of a trigger for comparison, from the script or from pg_get_triggerdef(). */
CREATE FUNCTION vault_data.trigger_parts(statement text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT ARRAY[m[4] || ': trigger ' || m[1], m[2],
		(SELECT string_agg(e, ' ' ORDER BY e) FROM regexp_split_to_table(m[3], ' OR ') AS e),
		m[5], vault_data.plain(m[6]), regexp_replace(m[7], '\s+', ' ', 'g')]
	FROM regexp_match(statement, '^CREATE TRIGGER (\S+) (BEFORE|AFTER) (.*) ON (\S+)\s+'
		'FOR EACH (ROW|STATEMENT)\s+(?:WHEN (.*)\s+)?EXECUTE FUNCTION (.*)$') AS m
	WHERE m IS NOT NULL
$$;

/* Return triggers that a superuser or a restore has kept from firing always. */
CREATE FUNCTION vault_data.silenced_triggers()
RETURNS TABLE (relation regclass, trigger name, internal boolean, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT g.tgrelid::regclass, g.tgname, g.tgisinternal,
		g.tgrelid::regclass || ': trigger ' || g.tgname,
		CASE g.tgenabled WHEN 'D' THEN 'trigger is disabled'
			ELSE 'trigger does not fire in every mode' END
	FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
	WHERE c.relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
		AND g.tgenabled <> CASE WHEN g.tgisinternal THEN 'O' ELSE 'A' END
$$;

CREATE FUNCTION vault_data.verify_triggers(statements text[]) RETURNS TABLE (name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH made AS (
		SELECT parts FROM unnest(statements) AS s, vault_data.trigger_parts(s) AS parts
		WHERE parts IS NOT NULL
	), found AS (
		/* A month of the trail is made like its default partition. */
		SELECT g.*, g.tgrelid::regclass || ': trigger ' || g.tgname AS name,
			vault_data.trigger_parts(regexp_replace(pg_get_triggerdef(g.oid),
				'audit_log_\d{4}_\d\d', 'audit_log_default')) AS parts
		FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
		WHERE c.relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
	)
	SELECT parts[1], 'trigger is missing' FROM made
	WHERE parts[1] NOT IN (SELECT f.name FROM found f)
	UNION ALL
	SELECT t.name, t.fault FROM vault_data.silenced_triggers() t
	UNION ALL
	SELECT f.name, 'trigger is not as the script made it' FROM found f
	WHERE NOT f.tgisinternal AND f.tgparentid = 0
		AND NOT EXISTS (SELECT FROM made m WHERE m.parts = f.parts)
$$;

/* A month of the trail has the policies of its default partition. */
CREATE FUNCTION vault_data.verify_policies(statements text[]) RETURNS TABLE (name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH script AS (
		SELECT m[1] AS policy, m[2] AS relation, COALESCE(m[3], 'ALL') AS command, m[4] AS role,
			vault_data.plain(m[5]) AS predicate
		FROM unnest(statements) AS s,
			regexp_match(s,
				'^CREATE POLICY (\S+) ON (\S+)(?: FOR (\S+))? TO (\S+)\s+USING (.*)$') AS m
		WHERE m IS NOT NULL
	), made AS (
		SELECT c.oid::regclass || ': policy ' || s.policy AS name, s.command, s.role, s.predicate
		FROM script s
			JOIN pg_class c ON c.relnamespace = 'vault_data'::regnamespace
				AND c.relkind IN ('r', 'p')
				AND regexp_replace(c.oid::regclass::text, '_\d{4}_\d\d$', '_default') = s.relation
	), found AS (
		SELECT p.polrelid::regclass || ': policy ' || p.polname AS name,
			CASE p.polcmd WHEN '*' THEN 'ALL' WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT'
				WHEN 'w' THEN 'UPDATE' ELSE 'DELETE' END AS command,
			(SELECT string_agg(r.rolname, ', ') FROM pg_roles r
				WHERE r.oid = ANY (p.polroles)) AS role,
			vault_data.plain(pg_get_expr(p.polqual, p.polrelid)) AS predicate, p.polpermissive
				AND p.polwithcheck IS NULL AS plain
		FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
		WHERE c.relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
	)
	SELECT COALESCE(m.name, f.name),
		CASE WHEN f.name IS NULL THEN 'policy is missing'
		ELSE 'policy is not as the script made it' END
	FROM made m FULL JOIN found f ON f.name = m.name
	WHERE m.name IS NULL OR f.name IS NULL OR NOT f.plain
		OR (f.command, f.role, f.predicate) IS DISTINCT FROM (m.command, m.role, m.predicate)
$$;

CREATE FUNCTION vault_data.verify_tables(statements text[]) RETURNS TABLE (name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH made AS (
		SELECT m[1] AS name
		FROM unnest(statements) AS s, regexp_match(s, '^CREATE (?:TABLE|VIEW) (\S+)') AS m
		WHERE m IS NOT NULL
	), found AS (
		SELECT c.*, c.oid::regclass::text AS name
		FROM pg_class c
		WHERE c.relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
			AND c.relkind NOT IN ('i', 'I', 't', 'c')
	)
	SELECT m.name, 'table or view is missing' FROM made m
	WHERE m.name NOT IN (SELECT f.name FROM found f)
	UNION ALL
	SELECT f.name, 'the script did not make it' FROM found f
	WHERE statements IS NOT NULL AND f.name NOT IN (SELECT m.name FROM made m)
		AND f.name !~ '^vault_data\.audit_log_\d{4}_\d\d$'
	UNION ALL
	SELECT f.name, 'row security is off' FROM found f
	WHERE f.relkind IN ('r', 'p') AND NOT f.relrowsecurity
	UNION ALL
	SELECT f.name, 'row security is not forced' FROM found f
	WHERE f.relkind IN ('r', 'p') AND NOT f.relforcerowsecurity
	UNION ALL
	SELECT f.name, 'another table inherits from it' FROM found f
	WHERE EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = f.oid
			AND (f.name <> 'vault_data.audit_log' OR c.relnamespace <> f.relnamespace))
	UNION ALL
	SELECT f.name, 'the table has a rule' FROM found f
	WHERE f.relkind IN ('r', 'p') AND f.relhasrules
	UNION ALL
	SELECT f.name, 'the view is no security barrier' FROM found f
	WHERE f.relkind = 'v' AND NOT COALESCE('security_barrier=true' = ANY (f.reloptions), false)
	UNION ALL
	SELECT f.name, 'a column has privileges of its own' FROM found f
	WHERE EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = f.oid AND a.attacl IS NOT NULL)
$$;

/*
 * Return the grants of the script. The server keeps them too (pg_init_privs), but as of the end of
 * the script: with those of default privileges, and anew for an object that was taken out of the
 * extension and put back.
 */
CREATE FUNCTION vault_data.granted_by_script(statements text[])
RETURNS TABLE (class regclass, object oid, grantee text, privilege text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH given AS (
		SELECT s.place, regexp_split_to_array(m[1], ', ?') AS privileges,
			COALESCE(m[2], 'TABLE') AS kind, m[3] AS objects,
			regexp_split_to_array(m[4], ',\s*') AS grantees
		FROM unnest(statements) WITH ORDINALITY AS s (text, place), regexp_match(s.text,
			'^GRANT ([A-Z, ]+) ON (?:(SCHEMA|TYPE|FUNCTION|PROCEDURE)\s+)?(.+)\sTO ([a-z_,\s]+)$'
			) AS m
		WHERE m IS NOT NULL
	), objects AS (
		SELECT g.place, 'pg_class'::regclass AS class, to_regclass(o)::oid AS object
		FROM given g, regexp_split_to_table(g.objects, ',\s*') AS o WHERE g.kind = 'TABLE'
		UNION ALL
		SELECT g.place, 'pg_namespace', to_regnamespace(o)::oid
		FROM given g, regexp_split_to_table(g.objects, ',\s*') AS o WHERE g.kind = 'SCHEMA'
		UNION ALL
		SELECT g.place, 'pg_type', to_regtype(o)::oid
		FROM given g, regexp_split_to_table(g.objects, ',\s*') AS o WHERE g.kind = 'TYPE'
		UNION ALL
		SELECT g.place, 'pg_proc', to_regprocedure(m[1])::oid
		FROM given g, regexp_matches(g.objects, '([^(),\s]+\([^)]*\))', 'g') AS m
		WHERE g.kind IN ('FUNCTION', 'PROCEDURE')
	)
	SELECT DISTINCT o.class, o.object, btrim(e), btrim(p)
	FROM objects o
		JOIN given g ON g.place = o.place, unnest(g.grantees) AS e, unnest(g.privileges) AS p
$$;

CREATE FUNCTION vault_data.verify_privileges(statements text[])
RETURNS TABLE (name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH found AS (
		SELECT 'pg_class'::regclass AS class, c.oid, c.oid::regclass::text AS name,
			c.relowner AS owner, 'vault_owner'::regrole::oid AS expected,
			COALESCE(c.relacl,
				acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char",
					c.relowner)) AS acl
		FROM pg_class c
		WHERE c.relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
			AND c.relkind NOT IN ('i', 'I', 't', 'c')
		UNION ALL
		SELECT 'pg_proc', p.oid, p.oid::regprocedure::text, p.proowner, e.extowner,
			COALESCE(p.proacl, acldefault('f', p.proowner))
		FROM pg_proc p, pg_extension e
		WHERE p.pronamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
			AND e.extname = 'vault'
		UNION ALL
		SELECT 'pg_type', t.oid, 'type ' || t.oid::regtype, t.typowner, e.extowner,
			COALESCE(t.typacl, acldefault('T', t.typowner))
		FROM pg_type t, pg_extension e
		WHERE t.typnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
			AND t.typrelid = 0 AND t.typelem = 0 AND e.extname = 'vault'
		UNION ALL
		SELECT 'pg_namespace', n.oid, 'schema ' || n.nspname, n.nspowner, e.extowner,
			COALESCE(n.nspacl, acldefault('n', n.nspowner))
		FROM pg_namespace n, pg_extension e
		WHERE n.nspname IN ('vault', 'vault_data') AND e.extname = 'vault'
	), actual AS (
		SELECT f.class, f.oid, CASE a.grantee WHEN 0 THEN 'PUBLIC'
			ELSE a.grantee::regrole::text END AS grantee,
			a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION'
				ELSE '' END AS privilege
		FROM found f, aclexplode(f.acl) AS a WHERE a.grantee <> f.owner
	), meant AS (
		SELECT g.class, g.object AS oid, g.grantee, g.privilege
		FROM vault_data.granted_by_script(statements) g
			JOIN found f ON f.class = g.class AND f.oid = g.object
				AND g.grantee <> f.owner::regrole::text
	), different AS (
		(SELECT * FROM actual EXCEPT SELECT * FROM meant)
			UNION ALL (SELECT * FROM meant EXCEPT SELECT * FROM actual)
	)
	SELECT f.name, 'it has another owner' FROM found f WHERE f.owner <> f.expected
	UNION ALL
	SELECT f.name, 'its privileges are not those that the script gave' FROM found f
	WHERE statements IS NOT NULL AND (f.class, f.oid) IN (SELECT d.class, d.oid FROM different d)
	UNION ALL
	SELECT 'role ' || r.rolname, 'the role has attributes or members that the script did not give'
	FROM pg_roles r
	WHERE r.rolname IN ('vault_owner', 'vault_exec')
		AND (r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb
			OR r.rolreplication OR r.rolbypassrls
			OR EXISTS (SELECT FROM pg_auth_members m WHERE r.oid IN (m.roleid, m.member)))
$$;

CREATE FUNCTION vault_data.verify_objects()
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE AS $$
DECLARE
	statements text[] := vault_data.install_statements();
BEGIN
	object_kind := 'catalog';
	IF statements IS NULL THEN
		fault := 'the installation script cannot be read: functions, triggers, policies and '
			'privileges were not compared';
		RETURN NEXT;
	END IF;
	FOR name, fault IN
		SELECT f.name, f.fault FROM vault_data.verify_privileges(statements) f
		UNION ALL SELECT f.name, f.fault FROM vault_data.verify_tables(statements) f
		UNION ALL SELECT f.name, f.fault FROM vault_data.verify_functions(statements) f
		WHERE statements IS NOT NULL
		UNION ALL SELECT f.name, f.fault FROM vault_data.verify_triggers(statements) f
		WHERE statements IS NOT NULL
		UNION ALL SELECT f.name, f.fault FROM vault_data.verify_policies(statements) f
		WHERE statements IS NOT NULL
		ORDER BY 1, 2
	LOOP
		RETURN NEXT;
	END LOOP;
END
$$;

--@ execute vault_exec: granted_by_script, install_statements, plain, silenced_triggers,
--@	trigger_parts, verify_functions, verify_objects, verify_policies, verify_privileges,
--@	verify_tables, verify_triggers

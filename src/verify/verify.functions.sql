/*
 * verify: what was changed outside vault. Rows against their MACs, rows against the
 * trail, envelopes against their keys, and the catalogue against the script that made
 * the extension. Functions here are STABLE, so that each sees tables and trail as of one moment.
 */

/* Statements of the script, which no superuser can change with SQL; NULL if it cannot be read. */
CREATE FUNCTION vault_data.install_statements() RETURNS text[]
LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_install_statements';

/* Return true if an envelope opens where it stands; generation NULL: the one that it names. */
CREATE FUNCTION vault_data.opens(tenant uuid, secret uuid, type text, version integer,
	generation integer, envelope vault.envelope)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_opens';

/* An expression as it was written and as the server prints it, made comparable. */
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

/* A trigger as the script or pg_get_triggerdef() says it, in comparable parts. */
CREATE FUNCTION vault_data.trigger_parts(statement text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT ARRAY[m[4] || ': trigger ' || m[1], m[2],
		(SELECT string_agg(e, ' ' ORDER BY e) FROM regexp_split_to_table(m[3], ' OR ') AS e),
		m[5], vault_data.plain(m[6]), regexp_replace(m[7], '\s+', ' ', 'g')]
	FROM regexp_match(statement, '^CREATE TRIGGER (\S+) (BEFORE|AFTER) (.*) ON (\S+)\s+'
		'FOR EACH (ROW|STATEMENT)\s+(?:WHEN (.*)\s+)?EXECUTE FUNCTION (.*)$') AS m
	WHERE m IS NOT NULL
$$;

/* Triggers that somebody, or a restore, has kept from firing always. */
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
 * The grants of the script. The server keeps them too, but as of the end of the script: with those
 * of default privileges, and anew for an object that was taken out of the extension and put back.
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

/* Rows that do not fit their MAC, of every table that its feature has verified here. */
CREATE FUNCTION vault_data.verify_rows(p_tenant uuid)
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE AS $$
DECLARE
	info record;
BEGIN
	FOR info IN SELECT * FROM vault_data.table_info() t WHERE t.verified_as IS NOT NULL LOOP
		RETURN QUERY EXECUTE format('SELECT %L, %s::uuid, %s::text, %L FROM vault_data.%I x '
			'WHERE %s = $1 AND NOT vault_data.is_authentic(x)',
			info.verified_as, COALESCE(info.object, 'NULL'), COALESCE(info.title, 'NULL'),
			'changed outside vault', info.name, COALESCE(info.tenant, 'x.tenant_id'))
			USING p_tenant;
	END LOOP;
END
$$;

/*
 * The rows that the trail should know, with the columns that it shows as it writes them; those that
 * go by name, or those that go by id.
 */
CREATE FUNCTION vault_data.present_rows(p_tenant uuid, p_by_name boolean)
RETURNS TABLE (kind text, id uuid, name text, revision integer, since timestamptz, shown jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE AS $$
DECLARE
	info record;
	columns text;
BEGIN
	FOR info IN
		SELECT * FROM vault_data.table_info() t
		WHERE CASE WHEN p_by_name THEN t.goes_by_name ELSE t.compared IS NOT NULL END
	LOOP
		columns := (SELECT string_agg(format(
				'%1$L, CASE WHEN x.%1$I IS NOT NULL THEN format(''%%s'', x.%1$I) END', c), ', ')
			FROM regexp_split_to_table(info.compared, ', ') AS c);
		RETURN QUERY EXECUTE format('SELECT %L, %s::uuid, %s::text, x.revision, %s::timestamptz, '
			'jsonb_build_object(%s) FROM vault_data.%I x WHERE %s = $1',
			info.verified_as, COALESCE(info.object, 'NULL'), COALESCE(info.title, 'NULL'),
			COALESCE(info.since, 'x.created_at'), columns, info.name,
			COALESCE(info.tenant, 'x.tenant_id'))
			USING p_tenant;
	END LOOP;
END
$$;

/*
 * Rows against the trail: whether it knows the object, and as it is. Of what retention took
 * from the trail nothing can be said; an object that is younger than the oldest row
 * of the trail must be in it. Of columns that the trail never shows the mac says what it can.
 */
CREATE FUNCTION vault_data.verify_history(p_tenant uuid)
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH oldest AS (
		SELECT min(a.at) AS at FROM vault_data.audit_log a WHERE a.tenant_id = p_tenant
	), change AS (
		SELECT a.object_kind AS kind, COALESCE(a.object_id, a.tenant_id) AS id, a.detail,
			a.detail ? 'deleted' AS deletes, a.secret AS name,
			jsonb_typeof(a.detail->'revision') = 'array' AS updates,
			substring(CASE jsonb_typeof(a.detail->'revision')
				WHEN 'array' THEN a.detail->'revision'->>1 ELSE a.detail->>'revision' END,
				'^[0-9]{1,9}$')::integer AS revision
		FROM vault_data.audit_log a
		WHERE a.tenant_id = p_tenant AND a.decision = 'allow' AND a.detail ? 'revision'
			AND a.object_kind = ANY (ARRAY(SELECT t.verified_as FROM vault_data.table_info() t
				WHERE t.compared IS NOT NULL))
	), told AS (
		SELECT c.kind, c.id, max(c.name) AS name, max(c.revision) AS revision,
			bool_or(c.deletes) AS deleted,
			bool_or(NOT c.updates AND NOT c.deletes) AS from_the_start,
			jsonb_object_agg(e.key, CASE jsonb_typeof(e.value) WHEN 'array' THEN e.value->>1
				ELSE e.value #>> '{}' END ORDER BY c.revision) AS shown
		FROM change c, jsonb_each(c.detail) AS e GROUP BY c.kind, c.id
	), present AS (
		SELECT * FROM vault_data.present_rows(p_tenant, false)
	), compared AS (
		SELECT COALESCE(p.kind, t.kind) AS kind, COALESCE(p.id, t.id) AS id,
			COALESCE(p.name, t.shown->>'name', t.shown->>'name_pattern', t.shown->>'subject',
				t.shown->>'group_name', t.name, t.shown->>'type') AS name,
			CASE WHEN p.id IS NULL THEN CASE WHEN NOT t.deleted THEN 'deleted outside vault' END
			WHEN t.id IS NULL THEN CASE WHEN p.since > o.at THEN 'the trail does not know it' END
			WHEN t.deleted THEN 'was deleted, and is there again'
			WHEN p.revision < t.revision THEN 'an old row was put back'
			WHEN p.revision > t.revision THEN 'the trail does not know its last change'
			ELSE (SELECT 'not what the trail says: ' || string_agg(e.key, ', ' ORDER BY e.key)
				FROM jsonb_each_text(p.shown) AS e
				WHERE (t.shown ? e.key OR t.from_the_start)
					AND e.value IS DISTINCT FROM t.shown->>e.key) END AS fault
		FROM present p FULL JOIN told t ON t.kind = p.kind AND t.id = p.id CROSS JOIN oldest o
	)
	SELECT c.kind, c.id, c.name, c.fault FROM compared c WHERE c.fault IS NOT NULL
$$;

/* Types are of no tenant. */
CREATE FUNCTION vault_data.verify_types()
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'catalog', NULL::uuid, 'type ' || f.name, f.fault
	FROM (VALUES ('00000000-0000-0000-0000-000000000000'::uuid)) AS n (nobody),
		LATERAL (SELECT * FROM vault_data.verify_rows(n.nobody)
			UNION ALL SELECT * FROM vault_data.verify_history(n.nobody)) AS f
	WHERE f.object_kind = 'type'
	ORDER BY 3, 4
$$;

/* The latest time for which a run may be planned now; a stretch of a window is a day at most. */
CREATE FUNCTION vault_data.latest_due(every text, time_window text, now timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(vault_data.next_in_window(time_window, d.at, 1), d.at) + interval '1 day'
	FROM (SELECT COALESCE(now + vault_data.rotation_interval(every),
		vault_data.next_cron(every, now)) AS at) AS d
$$;

/*
 * No MAC covers the due time of a rotation, since it moves with each step. But a schedule that
 * was put off is one that vault did not write.
 */
CREATE FUNCTION vault_data.verify_schedules(p_tenant uuid)
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'rotation_schedule', c.id, s.name, 'its times are none that vault has set'
	FROM vault_data.rotation_schedule c
		LEFT JOIN vault_data.secret s ON s.tenant_id = c.tenant_id AND s.id = c.secret_id
		CROSS JOIN LATERAL (SELECT clock_timestamp() AS now) AS n
		CROSS JOIN LATERAL (
			SELECT min(GREATEST(r.retire_at, r.try_at)) FILTER (WHERE r.step = 'retire')
					AS retire_at,
				max(r.try_at) AS last_try,
				max(r.retire_at) FILTER (WHERE r.step = 'retire') AS blocked_until,
				max(r.try_at) FILTER (WHERE r.step <> 'retire') AS try_at
			FROM vault_data.rotation r
			WHERE r.tenant_id = c.tenant_id AND r.secret_id = c.secret_id
				AND r.step NOT IN ('done', 'failed')) AS o
	WHERE c.tenant_id = p_tenant AND CASE WHEN vault_data.is_authentic(c) THEN
		(c.every IS NOT NULL AND c.due_at IS NULL)
		OR c.due_at > GREATEST(o.blocked_until,
			vault_data.latest_due(c.every, c.time_window, n.now))
		OR o.last_try > n.now + interval '16 days'
		OR COALESCE(c.next_at,
			'infinity') > GREATEST(LEAST(o.retire_at, COALESCE(o.try_at, c.due_at), 'infinity'),
				n.now + interval '1 hour') END
$$;

/* Rows without an id go by the name of a role, which can be bound anew. */
CREATE FUNCTION vault_data.verify_bindings(p_tenant uuid)
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH told AS (
		SELECT DISTINCT ON (a.object_kind, a.detail->>'role_name') a.object_kind AS kind,
			a.detail->>'role_name' AS name,
			substring(a.detail->>'principal_id', '^[0-9a-f-]{36}$')::uuid AS principal,
				a.detail ? 'deleted' AS deleted
		FROM vault_data.audit_log a
		WHERE a.tenant_id = p_tenant AND a.decision = 'allow' AND a.detail ? 'role_name'
			AND a.object_kind = ANY (ARRAY(SELECT t.verified_as FROM vault_data.table_info() t
				WHERE t.goes_by_name))
		ORDER BY a.object_kind, a.detail->>'role_name', a.id DESC
	), present AS (
		SELECT * FROM vault_data.present_rows(p_tenant, true)
	), compared AS (
		SELECT COALESCE(b.kind, t.kind) AS kind, COALESCE(b.id, t.principal) AS principal,
			COALESCE(b.name, t.name) AS name, CASE
			WHEN b.name IS NULL THEN CASE WHEN NOT t.deleted THEN 'deleted outside vault' END
			WHEN t.name IS NULL THEN
				CASE WHEN b.since > (SELECT min(a.at) FROM vault_data.audit_log a
					WHERE a.tenant_id = p_tenant)
				THEN 'the trail does not know it' END
			WHEN t.deleted THEN 'was deleted, and is there again'
			WHEN b.id <> t.principal THEN 'an old row was put back' END AS fault
		FROM present b FULL JOIN told t ON t.kind = b.kind AND t.name = b.name
	)
	SELECT c.kind, c.principal, c.name, c.fault FROM compared c WHERE c.fault IS NOT NULL
$$;

/* Every envelope is opened; nothing of what is in it leaves. */
CREATE FUNCTION vault_data.verify_versions(p_tenant uuid)
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'secret', g.id, g.name,
		CASE WHEN g.first = g.last THEN format('version %s is missing', g.first)
		ELSE format('versions %s to %s are missing', g.first, g.last) END
	FROM (SELECT n.id, n.name, lag(n.version, 1, 0::bigint)
		OVER (PARTITION BY n.id ORDER BY n.version) + 1 AS first, n.version - 1 AS last
		FROM (SELECT s.id, s.name, v.version::bigint
			FROM vault_data.secret s JOIN vault_data.secret_version v
				ON v.tenant_id = s.tenant_id AND v.secret_id = s.id AND v.version <= s.last_version
					WHERE s.tenant_id = p_tenant
			UNION ALL SELECT s.id, s.name, s.last_version::bigint + 1 FROM vault_data.secret s
			WHERE s.tenant_id = p_tenant) AS n) AS g
	WHERE g.first <= g.last
	UNION ALL
	SELECT 'secret', s.id, s.name, format('version %s is higher than the last one', v.version)
	FROM vault_data.secret s
		JOIN vault_data.secret_version v ON v.tenant_id = s.tenant_id AND v.secret_id = s.id
	WHERE s.tenant_id = p_tenant AND v.version > s.last_version
	UNION ALL
	SELECT 'secret', s.id, s.name, format('version %s does not open', v.version)
	FROM vault_data.secret s
		JOIN vault_data.secret_version v ON v.tenant_id = s.tenant_id AND v.secret_id = s.id
	WHERE s.tenant_id = p_tenant AND v.envelope IS NOT NULL
		AND (v.key_generation IS NULL
			OR NOT vault_data.opens(s.tenant_id, s.id, COALESCE(v.type, ''), v.version,
				v.key_generation, v.envelope))
	UNION ALL
	SELECT 'secret', s.id, s.name, 'its type is not that of its current version'
	FROM vault_data.secret s
		JOIN vault_data.secret_version v ON v.tenant_id = s.tenant_id AND v.secret_id = s.id
			AND v.version = s.current_version
	WHERE s.tenant_id = p_tenant AND v.type IS DISTINCT FROM s.type
	UNION ALL
	SELECT 'secret', s.id, s.name, 'the copy of the current version is not that version'
	FROM vault_data.secret s
		LEFT JOIN vault_data.secret_version v ON v.tenant_id = s.tenant_id AND v.secret_id = s.id
			AND v.version = s.current_version
	WHERE s.tenant_id = p_tenant AND s.envelope IS NOT NULL
		AND vault_data.envelope_send(s.envelope)
			IS DISTINCT FROM vault_data.envelope_send(v.envelope)
	UNION ALL
	SELECT DISTINCT 'secret', s.id, s.name,
		format('version %s was destroyed, and is there again', v.version)
	FROM vault_data.audit_log a
		JOIN vault_data.secret s ON s.tenant_id = a.tenant_id AND s.id = a.object_id
		JOIN vault_data.secret_version v ON v.tenant_id = a.tenant_id AND v.secret_id = a.object_id
			AND v.version = a.version
	WHERE a.tenant_id = p_tenant AND a.operation = 'destroy' AND a.decision = 'allow'
		AND v.envelope IS NOT NULL
$$;

CREATE FUNCTION vault_data.verify_tenant(p_tenant uuid)
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT * FROM (
		SELECT * FROM vault_data.verify_rows(p_tenant)
		UNION ALL SELECT * FROM vault_data.verify_history(p_tenant)
		UNION ALL SELECT * FROM vault_data.verify_schedules(p_tenant)
		UNION ALL SELECT * FROM vault_data.verify_bindings(p_tenant)
		UNION ALL SELECT * FROM vault_data.verify_versions(p_tenant)) AS f
	ORDER BY 1, 3, 2, 4
$$;

--@ execute vault_exec: granted_by_script, install_statements, latest_due, opens, plain,
--@	present_rows, silenced_triggers, trigger_parts, verify_bindings, verify_functions,
--@	verify_history, verify_objects, verify_policies, verify_privileges, verify_rows,
--@	verify_schedules, verify_tables, verify_tenant, verify_triggers, verify_types,
--@	verify_versions

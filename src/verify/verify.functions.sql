/*
 * verify: what was changed outside vault. Rows against their MACs, rows against the
 * trail, envelopes against their keys, and the catalogue against the script that made
 * the extension. Functions here are STABLE, so that each sees tables and trail as of one moment.
 */

/* Return true if an envelope opens where it stands; generation NULL: the one that it names. */
CREATE FUNCTION vault_data.opens(tenant uuid, secret uuid, type text, version integer,
	generation integer, envelope vault.envelope)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_opens';

/* Return rows that do not fit their MAC, of every table that its feature has verified here. */
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
 * Return the rows that the trail should know, with the columns that it shows, as it writes them:
 * the rows that it names by name, or those that it names by id.
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
 * Compare rows with the trail: it must know the object, and as it is. Rows that retention took from
 * the trail cannot be compared. An object that is younger than the oldest row of the trail must be
 * in it. For columns that the trail never shows, the MAC must fit.
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

/* Types belong to no tenant. */
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

/*
 * Return the latest time for which a run may be planned now. A stretch of a window lasts a day at
 * most.
 */
CREATE FUNCTION vault_data.latest_due(every text, time_window text, now timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(vault_data.next_in_window(time_window, d.at, 1), d.at) + interval '1 day'
	FROM (SELECT COALESCE(now + vault_data.rotation_interval(every),
		vault_data.next_cron(every, now)) AS at) AS d
$$;

/*
 * No MAC covers the due time of a rotation, because it moves with each step. A schedule that was
 * put off too far was not written by the vault.
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

/* Rows without an id are compared by the name of a role, which can be bound anew. */
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

/* Open every envelope. Nothing of its content leaves. */
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

--@ execute vault_exec: latest_due, opens, present_rows, verify_bindings, verify_history,
--@	verify_rows, verify_schedules, verify_tenant, verify_types, verify_versions

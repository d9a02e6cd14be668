/*
 * Rotation for callers: schedules, runs, rollback, and the views of them.
 */

CREATE FUNCTION vault.rollback(name text, to_version integer DEFAULT NULL,
	environment text DEFAULT NULL)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.rollback(text, integer, text)
	IS 'makes another version current (the previous one by default, or a pending one) and '
	'returns its number';

CREATE FUNCTION vault.change_type(name text, type text, environment text DEFAULT NULL)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.change_type(text, text, text)
	IS 'gives a secret another type, which its value must fit, and returns the number of the '
	'new version';

CREATE FUNCTION vault.allow_rotation(db_role text, tenant text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.allow_rotation(text, text)
	IS 'lets a tenant have the password of a database role rotated';

CREATE FUNCTION vault.disallow_rotation(db_role text, tenant text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.disallow_rotation(text, text)
	IS 'ends the permission of vault.allow_rotation(), with effect for the next step of a rotation';

CREATE FUNCTION vault.set_rotation(name text, every text DEFAULT NULL, rotator text DEFAULT NULL,
	config anycompatible DEFAULT NULL::jsonb, time_window text DEFAULT NULL,
	overlap interval DEFAULT NULL, environment text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.set_rotation(text, text, text, anycompatible, text, interval, text)
	IS 'schedules the rotation of a secret at these times, at the interval of its type, or on '
	'demand only; returns the time of the next rotation';

CREATE FUNCTION vault.remove_rotation(name text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.remove_rotation(text, text)
	IS 'ends the rotation of a secret, also one in progress; its versions stay as they are';

CREATE FUNCTION vault.rotate_due(max_steps integer DEFAULT 100) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.rotate_due(integer)
	IS 'performs the steps of rotations that are due, tenant by tenant in turn, and ends '
	'before one that needs a commit; returns their number; the job performs each in its own '
	'transaction';

CREATE FUNCTION vault.complete_rotation(rotation uuid, value text) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_complete_rotation';

CREATE FUNCTION vault.complete_rotation(rotation uuid, value bytea) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_complete_rotation_bytes';
COMMENT ON FUNCTION vault.complete_rotation(uuid, bytea)
	IS 'gives the bytes that an external rotation waits for, and makes them current; returns '
	'the version';

CREATE FUNCTION vault.complete_rotation(rotation uuid, value jsonb) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_complete_rotation_jsonb';

CREATE FUNCTION vault.complete_rotation(rotation uuid, value json) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_complete_rotation';
COMMENT ON FUNCTION vault.complete_rotation(uuid, jsonb)
	IS 'gives the JSON that an external rotation waits for, and makes it current; returns the '
	'version';
COMMENT ON FUNCTION vault.complete_rotation(uuid, json)
	IS 'gives the JSON, as it is written, that an external rotation waits for, and makes it '
	'current; returns the version';
COMMENT ON FUNCTION vault.complete_rotation(uuid, text)
	IS 'gives the value that an external rotation waits for, and makes it current; returns the '
	'version';

CREATE FUNCTION vault.rotate_matching(name_pattern text DEFAULT NULL,
	tags anycompatible DEFAULT NULL::jsonb, environment text DEFAULT NULL,
	dry_run boolean DEFAULT true)
RETURNS TABLE (name text, environment text, rotator text, outcome text, version integer)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.rotate_matching(text, anycompatible, text, boolean)
	IS 'rotates all secrets that match, in one transaction; in a dry run, the default, only '
	'lists them';

CREATE VIEW vault.rotation_status WITH (security_barrier) AS
SELECT t.name AS tenant, s.name, s.environment, c.rotator, c.every, c.time_window, c.overlap,
	c.config,
	CASE WHEN r.step IS NULL OR r.step = 'done' THEN 'idle' WHEN r.step = 'failed' THEN 'failed'
		WHEN r.step = 'wait' THEN 'waiting'
		WHEN r.attempts > 0 THEN 'retrying' WHEN r.step = 'retire' THEN 'overlapping'
			ELSE 'running' END AS state,
	c.due_at, c.next_at, c.last_at, r.id AS rotation, r.step, r.version, r.attempts,
	/* The text of an error of a tenant's function belongs to the tenant. */
	CASE WHEN vault_data.sees_all_tenants()
		AND c.tenant_id IS DISTINCT FROM vault.current_tenant_id()
		THEN pg_catalog.regexp_replace(r.error, ' with SQLSTATE [^;]*', '')
			ELSE r.error END AS last_error,
	r.retire_at
FROM vault_data.rotation_schedule c
	JOIN vault_data.secret s ON s.tenant_id = c.tenant_id AND s.id = c.secret_id
	JOIN vault_data.tenant t ON t.tenant_id = c.tenant_id
	LEFT JOIN LATERAL (SELECT * FROM vault_data.rotation o
		WHERE o.tenant_id = c.tenant_id AND o.secret_id = c.secret_id
		ORDER BY o.started_at DESC LIMIT 1) r ON true
WHERE c.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.rotation_status
	IS 'shows the rotations of secrets on which the caller has any permission, with the latest '
	'run of each';

CREATE VIEW vault.rotation_roles WITH (security_barrier) AS
SELECT t.name AS tenant, COALESCE(r.rolname, a.role_name) AS db_role, a.created_at,
	CASE WHEN r.rolname = a.role_name THEN 'allowed' WHEN r.rolname IS NOT NULL THEN 'renamed'
		ELSE 'gone' END AS state
FROM vault_data.rotation_role a JOIN vault_data.tenant t ON t.tenant_id = a.tenant_id
	LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.db_role
WHERE a.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.rotation_roles
	IS 'shows database roles whose passwords tenants may have rotated, by their present names; '
	'a role that was renamed, or is gone, is not rotated';

--@ execute vault_admin: allow_rotation, disallow_rotation, rotate_due
--@ execute vault_client: change_type, complete_rotation, remove_rotation, rollback,
--@	rotate_matching, set_rotation
--@ select vault_client, vault_admin, vault_auditor: rotation_roles, rotation_status

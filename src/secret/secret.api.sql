/*
 * Secrets for callers: put, rotated, read, generated, rewrapped; and the views of them.
 */

CREATE FUNCTION vault.put(name text, value text, type text DEFAULT 'generic',
	environment text DEFAULT NULL, description text DEFAULT NULL,
	tags anycompatible DEFAULT NULL::jsonb, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current',
	accept_weak boolean DEFAULT false, if_changed boolean DEFAULT false)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_put_text';
COMMENT ON FUNCTION vault.put(text, text, text, text, text, anycompatible, timestamptz, integer,
	text, boolean, boolean)
	IS 'stores a new version of a secret and returns its number; creates the secret if it does '
	'not exist';

CREATE FUNCTION vault.put(name text, value bytea, type text DEFAULT 'generic',
	environment text DEFAULT NULL, description text DEFAULT NULL,
	tags anycompatible DEFAULT NULL::jsonb, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current',
	accept_weak boolean DEFAULT false, if_changed boolean DEFAULT false)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_put_bytes';
COMMENT ON FUNCTION vault.put(text, bytea, text, text, text, anycompatible, timestamptz, integer,
	text, boolean, boolean)
	IS 'stores a new version of a binary secret and returns its number';

CREATE FUNCTION vault.put(name text, value jsonb, type text DEFAULT 'generic',
	environment text DEFAULT NULL, description text DEFAULT NULL,
	tags anycompatible DEFAULT NULL::jsonb, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current',
	accept_weak boolean DEFAULT false, if_changed boolean DEFAULT false)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_put_jsonb';
COMMENT ON FUNCTION vault.put(text, jsonb, text, text, text, anycompatible, timestamptz, integer,
	text, boolean, boolean)
	IS 'stores a new version of a JSON secret and returns its number';

CREATE FUNCTION vault.put(name text, value json, type text DEFAULT 'generic',
	environment text DEFAULT NULL, description text DEFAULT NULL,
	tags anycompatible DEFAULT NULL::jsonb, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current',
	accept_weak boolean DEFAULT false, if_changed boolean DEFAULT false)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_put_json';
COMMENT ON FUNCTION vault.put(text, json, text, text, text, anycompatible, timestamptz, integer,
	text, boolean, boolean)
	IS 'stores a new version of a JSON secret, as it is written, and returns its number';

CREATE FUNCTION vault.rotate(name text, new_value text DEFAULT NULL, environment text DEFAULT NULL,
	retire text DEFAULT NULL)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate';
COMMENT ON FUNCTION vault.rotate(text, text, text, text)
	IS 'makes a new version current, of the given value or of one that its type generates, and '
	'returns its number; retire ''now'' ends a leaked value without an overlap';

CREATE FUNCTION vault.rotate(name text, new_value bytea, environment text DEFAULT NULL,
	retire text DEFAULT NULL)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_bytes';
COMMENT ON FUNCTION vault.rotate(text, bytea, text, text)
	IS 'makes a new version of the given bytes current, and returns its number';

CREATE FUNCTION vault.rotate(name text, new_value jsonb, environment text DEFAULT NULL,
	retire text DEFAULT NULL)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_jsonb';
COMMENT ON FUNCTION vault.rotate(text, jsonb, text, text)
	IS 'makes a new version of the given JSON current, and returns its number';

CREATE FUNCTION vault.rotate(name text, new_value json, environment text DEFAULT NULL,
	retire text DEFAULT NULL)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_json';
COMMENT ON FUNCTION vault.rotate(text, json, text, text)
	IS 'makes a new version of the given JSON, as it is written, current, and returns its number';

CREATE FUNCTION vault.get(name text, version integer DEFAULT NULL, environment text DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get';
COMMENT ON FUNCTION vault.get(text, integer, text)
	IS 'returns the value of a secret: of its current version, or of the requested one';

CREATE FUNCTION vault.get_bytes(name text, version integer DEFAULT NULL,
	environment text DEFAULT NULL)
RETURNS bytea
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_bytes';
COMMENT ON FUNCTION vault.get_bytes(text, integer, text)
	IS 'returns the value of a secret as bytes';

CREATE FUNCTION vault.get_json(name text, version integer DEFAULT NULL,
	environment text DEFAULT NULL)
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_json';
COMMENT ON FUNCTION vault.get_json(text, integer, text) IS 'returns the value of a secret as jsonb';

CREATE FUNCTION vault.get_many(name_pattern text, environment text DEFAULT NULL,
	strict boolean DEFAULT false, database_urls boolean DEFAULT false)
RETURNS TABLE (name text, environment text, version integer, value text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_many';
COMMENT ON FUNCTION vault.get_many(text, text, boolean, boolean)
	IS 'returns names and values of every text secret that matches and that the caller may read';

CREATE FUNCTION vault.get_field(name text, field text, version integer DEFAULT NULL,
	environment text DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_field';
COMMENT ON FUNCTION vault.get_field(text, text, integer, text)
	IS 'returns a part of the value of a secret, by the name that its type gives it';

CREATE FUNCTION vault.conninfo(name text, environment text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_conninfo';
COMMENT ON FUNCTION vault.conninfo(text, text)
	IS 'returns the libpq connection string of a secret of type database';

CREATE FUNCTION vault.database_url(name text, environment text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_database_url';
COMMENT ON FUNCTION vault.database_url(text, text)
	IS 'returns the URL of a secret of type database';

CREATE FUNCTION vault.generate(type text DEFAULT 'password', length integer DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_generate';
COMMENT ON FUNCTION vault.generate(text, integer)
	IS 'generates a random value that fits the type and its policy; it is not stored';

CREATE FUNCTION vault.rewrap(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rewrap';
COMMENT ON FUNCTION vault.rewrap(integer)
	IS 'moves versions under the active key of their tenant; returns their number; versions '
	'that another transaction holds are left for the next call';

CREATE VIEW vault.secrets WITH (security_barrier) AS
SELECT s.id, t.name AS tenant, s.name, s.environment, s.type, s.description, s.tags,
	s.current_version,
	vault_data.state_of(s.purge_at, s.deactivated_at) AS state,
	s.created_at, s.updated_at, s.expires_at, s.deleted_at, s.purge_at, s.previous_version,
	s.pending_version, s.grace_until, COALESCE(s.extensions, 0) AS extensions, s.metadata,
	(SELECT v.weak FROM vault_data.secret_version v
		WHERE v.tenant_id = s.tenant_id AND v.secret_id = s.id
			AND v.version = s.current_version) AS weak
FROM vault_data.secret s JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.secrets
	IS 'shows secrets without their values: those on which the caller has any permission, all '
	'to operators and auditors';

CREATE VIEW vault.versions WITH (security_barrier) AS
SELECT t.name AS tenant, s.name, s.environment, v.version,
	CASE v.version WHEN s.current_version THEN 'current' WHEN s.pending_version THEN 'pending'
		WHEN s.previous_version THEN 'previous' END AS label,
	v.created_at, p.name AS created_by, v.key_generation, v.destroyed_at, v.retired_at,
	v.expires_at, v.metadata, v.type, v.weak
FROM vault_data.secret_version v
	JOIN vault_data.secret s ON s.tenant_id = v.tenant_id AND s.id = v.secret_id
	JOIN vault_data.tenant t ON t.tenant_id = v.tenant_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = v.tenant_id AND p.id = v.created_by
WHERE s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.versions
	IS 'shows versions of the secrets on which the caller has any permission, without their values';

--@ execute vault_admin: rewrap
--@ execute vault_client: conninfo, database_url, generate, get, get_bytes, get_field, get_json,
--@	get_many, put, rotate
--@ select vault_client, vault_admin, vault_auditor: secrets, versions

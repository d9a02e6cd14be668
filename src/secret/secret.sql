/*
 * Secrets and their versions.
 *
 * A label is a column of the head. Thus there is one current version, at most one pending and at
 * most one previous one by construction. The counter last_version only grows, so a number is never
 * used twice. A destroyed envelope is gone, and its row stays. The envelope of the head is a copy
 * of that of the current version, if it is small: most reads need no second row. The envelope is
 * bound to its version, so a copy of another version fails to open.
 *
 * The column metadata has the facts that the type knows of a value and that are not secret; the
 * head has those of the current version. The column expires_at of a version is the expiry by its
 * value or its type. The column fingerprint tells, under a key, whether a value was there before;
 * it outlives the value. The column type of a version is the type that its envelope is bound to:
 * that of the secret when the version was made. A version is weak if it was accepted although the
 * policy requires more.
 *
 * Constraints are few and short, because the executor reads each from its text at every statement.
 * The code of this feature checks the columns that only it writes.
 */
CREATE TABLE vault_data.secret (
	tenant_id        uuid NOT NULL,
	id               uuid NOT NULL,
	environment      text COLLATE "C" NOT NULL,
	name             text COLLATE "C" NOT NULL,
	type             text NOT NULL DEFAULT 'generic',
	current_version  integer NOT NULL DEFAULT 1,
	previous_version integer,
	pending_version  integer,
	last_version     integer NOT NULL DEFAULT 1,
	expires_at       timestamptz,
	purge_at         timestamptz,
	deactivated_at   timestamptz,
	deleted_at       timestamptz,
	created_at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	grace_until      timestamptz,
	extensions       integer,
	revision         integer NOT NULL,
	mac              bytea NOT NULL,
	envelope         vault.envelope,
	description      text,
	tags             jsonb NOT NULL DEFAULT '{}',
	updated_at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	metadata         jsonb,
	CONSTRAINT secret_name_key UNIQUE (tenant_id, environment, name),
	CONSTRAINT secret_current_exists CHECK (current_version BETWEEN 1 AND last_version),
	CONSTRAINT secret_labels_differ CHECK (previous_version <> current_version AND pending_version <> current_version)
) WITH (fillfactor = 85);
CREATE INDEX secret_purge ON vault_data.secret (tenant_id, purge_at) WHERE purge_at IS NOT NULL;
CREATE INDEX secret_expiry ON vault_data.secret (tenant_id, expires_at) WHERE expires_at IS NOT NULL;

/*
 * Add the primary keys last on purpose. While a table is nearly empty, every index on tenant_id
 * costs the planner the same. It takes the newest, and a kept plan lives long.
 */
ALTER TABLE vault_data.secret ADD PRIMARY KEY (tenant_id, id);

CREATE TABLE vault_data.secret_version (
	tenant_id      uuid NOT NULL,
	secret_id      uuid NOT NULL,
	version        integer NOT NULL,
	key_generation integer,
	created_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by     uuid,
	destroyed_at   timestamptz,
	retired_at     timestamptz,
	expires_at     timestamptz,
	fingerprint    bytea,
	type           text,
	weak           boolean NOT NULL DEFAULT false,
	revision       integer NOT NULL,
	mac            bytea NOT NULL,
	envelope       vault.envelope,
	metadata       jsonb,
	FOREIGN KEY (tenant_id, secret_id) REFERENCES vault_data.secret (tenant_id, id) ON DELETE CASCADE,
	CONSTRAINT secret_version_whole CHECK ((envelope IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE INDEX secret_version_key ON vault_data.secret_version (tenant_id, key_generation);
ALTER TABLE vault_data.secret_version ADD PRIMARY KEY (tenant_id, secret_id, version);

ALTER TABLE vault_data.secret OWNER TO vault_owner;
ALTER TABLE vault_data.secret_version OWNER TO vault_owner;
REVOKE ALL ON vault_data.secret, vault_data.secret_version FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.secret TO vault_exec;
GRANT SELECT, INSERT, UPDATE ON vault_data.secret_version TO vault_exec;
/*
 * Collect no statistics: they would show names and tags of all tenants to any role that may read
 * pg_statistic.
 */
ALTER TABLE vault_data.secret ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN environment SET STATISTICS 0,
	ALTER COLUMN description SET STATISTICS 0, ALTER COLUMN tags SET STATISTICS 0, ALTER COLUMN envelope SET STATISTICS 0;
ALTER TABLE vault_data.secret ALTER COLUMN metadata SET STATISTICS 0;
ALTER TABLE vault_data.secret_version ALTER COLUMN envelope SET STATISTICS 0, ALTER COLUMN metadata SET STATISTICS 0,
	ALTER COLUMN fingerprint SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.secret', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.secret_version', '');
ALTER TABLE vault_data.secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.secret_version ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.secret FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.secret TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.secret_version FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.secret_version TO vault_exec
	USING (vault_data.is_inside(tenant_id));

CREATE FUNCTION vault_data.state_of(purge_at timestamptz, deactivated_at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN purge_at IS NOT NULL THEN 'deleted' WHEN deactivated_at IS NOT NULL THEN 'deactivated' ELSE 'active' END;

COMMENT ON FUNCTION vault_data.state_of(timestamptz, timestamptz)
	IS 'returns the state of a secret, from the dates of its head';

CREATE FUNCTION vault_data.seal_next(id uuid, version integer, type text, active boolean, purge_at timestamptz,
	current_version integer, copy vault.envelope) RETURNS vault.envelope
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_seal_next';
COMMENT ON FUNCTION vault_data.seal_next(uuid, integer, text, boolean, timestamptz, integer,
	vault.envelope)
	IS 'seals the value that put or rotate is about to store, inside the update of the head';

CREATE FUNCTION vault_data.refuse_reuse() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RAISE EXCEPTION 'a version number is never used twice, and a secret keeps its id'
		USING ERRCODE = 'check_violation', HINT = 'Put a new version.';
END
$$;
CREATE TRIGGER counter BEFORE UPDATE ON vault_data.secret
	FOR EACH ROW WHEN (NEW.last_version < OLD.last_version OR NEW.id <> OLD.id OR NEW.tenant_id <> OLD.tenant_id)
	EXECUTE FUNCTION vault_data.refuse_reuse();
CREATE TRIGGER counter BEFORE UPDATE ON vault_data.secret_version
	FOR EACH ROW WHEN (NEW.version <> OLD.version OR NEW.secret_id <> OLD.secret_id OR NEW.tenant_id <> OLD.tenant_id
		OR (OLD.envelope IS NULL AND NEW.envelope IS NOT NULL))
	EXECUTE FUNCTION vault_data.refuse_reuse();
/*
 * Keep the expiry of a version that had expired before it was replaced. Neither its number nor a
 * rollback makes it readable again.
 */
CREATE FUNCTION vault_data.keep_end() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF GREATEST(OLD.expires_at, OLD.grace_until) > pg_catalog.clock_timestamp() THEN
		RETURN NULL;
	END IF;
	UPDATE vault_data.secret_version SET expires_at = OLD.expires_at
	WHERE tenant_id = OLD.tenant_id AND secret_id = OLD.id AND version = OLD.current_version AND destroyed_at IS NULL
		AND (expires_at IS NULL OR expires_at > OLD.expires_at);
	RETURN NULL;
END
$$;
CREATE TRIGGER keep_end AFTER UPDATE ON vault_data.secret
	FOR EACH ROW WHEN (OLD.expires_at IS NOT NULL AND NEW.current_version <> OLD.current_version)
	EXECUTE FUNCTION vault_data.keep_end();
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER keep_end;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.secret
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('secret', 'name', 'environment', 'type', 'current_version',
		'pending_version', 'expires_at', 'grace_until', 'extensions', 'deactivated_at', 'deleted_at', '*description', '*tags', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.secret_version
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-secret_version', 'secret_id', 'version', 'key_generation', '*envelope', 'destroyed_at', 'retired_at', 'expires_at', '*metadata', '*fingerprint', 'type', 'weak');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.secret
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER counter;
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER audit;
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.secret_version
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.secret_version ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.secret_version ENABLE ALWAYS TRIGGER counter;
ALTER TABLE vault_data.secret_version ENABLE ALWAYS TRIGGER audit;

CREATE FUNCTION vault.put(name text, value text, type text DEFAULT 'generic', environment text DEFAULT NULL,
	description text DEFAULT NULL, tags anycompatible DEFAULT NULL::jsonb, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current', accept_weak boolean DEFAULT false,
	if_changed boolean DEFAULT false) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_put_text';
COMMENT ON FUNCTION vault.put(text, text, text, text, text, anycompatible, timestamptz, integer,
	text, boolean, boolean)
	IS 'stores a new version of a secret and returns its number; creates the secret if it does '
	'not exist';

CREATE FUNCTION vault.put(name text, value bytea, type text DEFAULT 'generic', environment text DEFAULT NULL,
	description text DEFAULT NULL, tags anycompatible DEFAULT NULL::jsonb, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current', accept_weak boolean DEFAULT false,
	if_changed boolean DEFAULT false) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_put_bytes';
COMMENT ON FUNCTION vault.put(text, bytea, text, text, text, anycompatible, timestamptz, integer,
	text, boolean, boolean)
	IS 'stores a new version of a binary secret and returns its number';

CREATE FUNCTION vault.put(name text, value jsonb, type text DEFAULT 'generic', environment text DEFAULT NULL,
	description text DEFAULT NULL, tags anycompatible DEFAULT NULL::jsonb, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current', accept_weak boolean DEFAULT false,
	if_changed boolean DEFAULT false) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_put_jsonb';
COMMENT ON FUNCTION vault.put(text, jsonb, text, text, text, anycompatible, timestamptz, integer,
	text, boolean, boolean)
	IS 'stores a new version of a JSON secret and returns its number';

CREATE FUNCTION vault.put(name text, value json, type text DEFAULT 'generic', environment text DEFAULT NULL,
	description text DEFAULT NULL, tags anycompatible DEFAULT NULL::jsonb, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current', accept_weak boolean DEFAULT false,
	if_changed boolean DEFAULT false) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_put_json';
COMMENT ON FUNCTION vault.put(text, json, text, text, text, anycompatible, timestamptz, integer,
	text, boolean, boolean)
	IS 'stores a new version of a JSON secret, as it is written, and returns its number';

CREATE FUNCTION vault.rotate(name text, new_value text DEFAULT NULL, environment text DEFAULT NULL, retire text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate';
COMMENT ON FUNCTION vault.rotate(text, text, text, text)
	IS 'makes a new version current, of the given value or of one that its type generates, and '
	'returns its number; retire ''now'' ends a leaked value without an overlap';

CREATE FUNCTION vault.rotate(name text, new_value bytea, environment text DEFAULT NULL, retire text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_bytes';
COMMENT ON FUNCTION vault.rotate(text, bytea, text, text)
	IS 'makes a new version of the given bytes current, and returns its number';

CREATE FUNCTION vault.rotate(name text, new_value jsonb, environment text DEFAULT NULL, retire text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_jsonb';
COMMENT ON FUNCTION vault.rotate(text, jsonb, text, text)
	IS 'makes a new version of the given JSON current, and returns its number';

CREATE FUNCTION vault.rotate(name text, new_value json, environment text DEFAULT NULL, retire text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_json';
COMMENT ON FUNCTION vault.rotate(text, json, text, text)
	IS 'makes a new version of the given JSON, as it is written, current, and returns its number';

/* For use inside a call. */
CREATE FUNCTION vault_data.retype(name text, environment text, type text) RETURNS integer
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_retype';

CREATE FUNCTION vault.get(name text, version integer DEFAULT NULL, environment text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get';
COMMENT ON FUNCTION vault.get(text, integer, text)
	IS 'returns the value of a secret: of its current version, or of the requested one';

CREATE FUNCTION vault.get_bytes(name text, version integer DEFAULT NULL, environment text DEFAULT NULL) RETURNS bytea
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_bytes';
COMMENT ON FUNCTION vault.get_bytes(text, integer, text)
	IS 'returns the value of a secret as bytes';

CREATE FUNCTION vault.get_json(name text, version integer DEFAULT NULL, environment text DEFAULT NULL) RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_json';
COMMENT ON FUNCTION vault.get_json(text, integer, text) IS 'returns the value of a secret as jsonb';

CREATE FUNCTION vault.get_many(name_pattern text, environment text DEFAULT NULL, strict boolean DEFAULT false,
	database_urls boolean DEFAULT false)
RETURNS TABLE (name text, environment text, version integer, value text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_many';
COMMENT ON FUNCTION vault.get_many(text, text, boolean, boolean)
	IS 'returns names and values of every text secret that matches and that the caller may read';

CREATE FUNCTION vault.get_field(name text, field text, version integer DEFAULT NULL, environment text DEFAULT NULL) RETURNS text
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

CREATE FUNCTION vault.generate(type text DEFAULT 'password', length integer DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_generate';
COMMENT ON FUNCTION vault.generate(text, integer)
	IS 'generates a random value that fits the type and its policy; it is not stored';

CREATE FUNCTION vault.rewrap(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rewrap';
COMMENT ON FUNCTION vault.rewrap(integer)
	IS 'moves versions under the active key of their tenant; returns their number; versions '
	'that another transaction holds are left for the next call';

CREATE VIEW vault.secrets WITH (security_barrier) AS
SELECT s.id, t.name AS tenant, s.name, s.environment, s.type, s.description, s.tags, s.current_version,
	vault_data.state_of(s.purge_at, s.deactivated_at) AS state,
	s.created_at, s.updated_at, s.expires_at, s.deleted_at, s.purge_at, s.previous_version, s.pending_version, s.grace_until, COALESCE(s.extensions, 0) AS extensions, s.metadata,
	(SELECT v.weak FROM vault_data.secret_version v
		WHERE v.tenant_id = s.tenant_id AND v.secret_id = s.id AND v.version = s.current_version) AS weak
FROM vault_data.secret s JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.secrets
	IS 'shows secrets without their values: those on which the caller has any permission, all '
	'to operators and auditors';

CREATE VIEW vault.versions WITH (security_barrier) AS
SELECT t.name AS tenant, s.name, s.environment, v.version,
	CASE v.version WHEN s.current_version THEN 'current' WHEN s.pending_version THEN 'pending'
		WHEN s.previous_version THEN 'previous' END AS label,
	v.created_at, p.name AS created_by, v.key_generation, v.destroyed_at, v.retired_at, v.expires_at, v.metadata, v.type, v.weak
FROM vault_data.secret_version v
	JOIN vault_data.secret s ON s.tenant_id = v.tenant_id AND s.id = v.secret_id
	JOIN vault_data.tenant t ON t.tenant_id = v.tenant_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = v.tenant_id AND p.id = v.created_by
WHERE s.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.versions
	IS 'shows versions of the secrets on which the caller has any permission, without their values';

ALTER VIEW vault.secrets OWNER TO vault_owner;
ALTER VIEW vault.versions OWNER TO vault_owner;
REVOKE ALL ON vault.secrets, vault.versions FROM PUBLIC;
GRANT SELECT ON vault.secrets, vault.versions TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.keep_end(), vault_data.refuse_reuse(),
	vault_data.retype(text, text, text),
	vault_data.seal_next(uuid, integer, text, boolean, timestamp with time zone, integer, vault.envelope),
	vault_data.state_of(timestamp with time zone, timestamp with time zone) TO vault_exec;
GRANT EXECUTE ON FUNCTION
	vault.put(text, text, text, text, text, anycompatible, timestamptz, integer, text, boolean, boolean),
	vault.put(text, bytea, text, text, text, anycompatible, timestamptz, integer, text, boolean, boolean),
	vault.put(text, jsonb, text, text, text, anycompatible, timestamptz, integer, text, boolean, boolean),
	vault.put(text, json, text, text, text, anycompatible, timestamptz, integer, text, boolean, boolean),
	vault.rotate(text, bytea, text, text), vault.rotate(text, jsonb, text, text), vault.rotate(text, json, text, text),
	vault.rotate(text, text, text, text), vault.get(text, integer, text), vault.get_bytes(text, integer, text),
	vault.get_json(text, integer, text), vault.get_many(text, text, boolean, boolean), vault.get_field(text, text, integer, text),
	vault.conninfo(text, text), vault.database_url(text, text), vault.generate(text, integer) TO vault_client;
GRANT EXECUTE ON FUNCTION vault_data.state_of(timestamptz, timestamptz) TO vault_client, vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault.rewrap(integer) TO vault_admin;

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
	CONSTRAINT secret_labels_differ CHECK (previous_version <> current_version
		AND pending_version <> current_version)
) WITH (fillfactor = 85);
CREATE INDEX secret_purge ON vault_data.secret (tenant_id, purge_at) WHERE purge_at IS NOT NULL;
CREATE INDEX secret_expiry ON vault_data.secret (tenant_id, expires_at)
	WHERE expires_at IS NOT NULL;

/*
 * Add the primary keys last on purpose. While a table is nearly empty, every index on tenant_id
 * costs the planner the same. It takes the newest, and a kept plan lives long.
 */
ALTER TABLE vault_data.secret ADD PRIMARY KEY (tenant_id, id);
/*
 * Collect no statistics: they would show names and tags of all tenants to any role that may read
 * pg_statistic.
 */
--@ protect vault_data.secret rows=tenant exec=select,insert,update,delete
--@	hide=name,environment,description,tags,envelope,metadata audit=secret(name, environment, type,
--@	current_version, pending_version, expires_at, grace_until, extensions, deactivated_at,
--@	deleted_at, *description, *tags, revision) mac
CREATE TRIGGER counter BEFORE UPDATE ON vault_data.secret
	FOR EACH ROW
		WHEN (NEW.last_version < OLD.last_version OR NEW.id <> OLD.id
		OR NEW.tenant_id <> OLD.tenant_id)
	EXECUTE FUNCTION vault_data.refuse_reuse();
CREATE TRIGGER keep_end AFTER UPDATE ON vault_data.secret
	FOR EACH ROW WHEN (OLD.expires_at IS NOT NULL AND NEW.current_version <> OLD.current_version)
	EXECUTE FUNCTION vault_data.keep_end();
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER keep_end;
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER counter;

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
	FOREIGN KEY (tenant_id, secret_id) REFERENCES vault_data.secret (tenant_id, id)
		ON DELETE CASCADE,
	CONSTRAINT secret_version_whole CHECK ((envelope IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE INDEX secret_version_key ON vault_data.secret_version (tenant_id, key_generation);
ALTER TABLE vault_data.secret_version ADD PRIMARY KEY (tenant_id, secret_id, version);
--@ protect vault_data.secret_version rows=tenant exec=select,insert,update
--@	hide=envelope,metadata,fingerprint audit=-secret_version(secret_id, version, key_generation,
--@	*envelope, destroyed_at, retired_at, expires_at, *metadata, *fingerprint, type, weak) mac
CREATE TRIGGER counter BEFORE UPDATE ON vault_data.secret_version
	FOR EACH ROW
		WHEN (NEW.version <> OLD.version OR NEW.secret_id <> OLD.secret_id
		OR NEW.tenant_id <> OLD.tenant_id
		OR (OLD.envelope IS NULL AND NEW.envelope IS NOT NULL))
	EXECUTE FUNCTION vault_data.refuse_reuse();
ALTER TABLE vault_data.secret_version ENABLE ALWAYS TRIGGER counter;

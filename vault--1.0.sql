/* vault--1.0.sql: assembled by script/assemble from files below src; change those */
\echo Use "CREATE EXTENSION vault CASCADE" to load this file. \quit

/*
 * Schemas, roles, and what may be checked only now: that the server loaded the
 * module, in this database, and is recent enough.
 */

/*
 * The roles, or an error if one exists that is not as this script would have
 * made it: another role could have prepared it to get in. pg_cron logs in as vault_jobs,
 * which has no password and may execute nothing but the jobs' functions.
 */
DO $$
DECLARE
	wanted text;
	existing pg_catalog.pg_roles;
	member_count bigint;
	is_jobs boolean;
BEGIN
	FOREACH wanted IN ARRAY ARRAY['vault_owner', 'vault_exec', 'vault_admin', 'vault_auditor',
		'vault_client', 'vault_jobs']
	LOOP
		is_jobs := wanted OPERATOR(pg_catalog.=) 'vault_jobs';
		SELECT * INTO existing FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) wanted;
		IF NOT FOUND THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOINHERIT %s', wanted,
				CASE WHEN is_jobs THEN 'LOGIN' ELSE 'NOLOGIN' END);
			CONTINUE;
		END IF;
		SELECT pg_catalog.count(*) INTO member_count FROM pg_catalog.pg_auth_members
		WHERE roleid OPERATOR(pg_catalog.=) existing.oid
			OR member OPERATOR(pg_catalog.=) existing.oid;
		IF existing.rolcanlogin OPERATOR(pg_catalog.<>) is_jobs OR existing.rolsuper
			OR existing.rolcreaterole OR existing.rolcreatedb
			OR existing.rolreplication OR existing.rolbypassrls
			OR (wanted OPERATOR(pg_catalog.=) ANY (ARRAY['vault_owner', 'vault_exec', 'vault_jobs'])
				AND member_count OPERATOR(pg_catalog.>) 0)
			OR EXISTS (SELECT FROM pg_catalog.pg_shdepend d
				WHERE d.refclassid
						OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass
					AND d.refobjid OPERATOR(pg_catalog.=) existing.oid
					AND d.deptype OPERATOR(pg_catalog.=) 'o'
					AND d.dbid OPERATOR(pg_catalog.=) ANY (ARRAY[0::pg_catalog.oid,
						(SELECT b.oid FROM pg_catalog.pg_database b
						WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())]))
			OR is_jobs AND (existing.rolconfig IS NOT NULL
				OR EXISTS (SELECT FROM pg_catalog.pg_authid a
					WHERE a.oid OPERATOR(pg_catalog.=) existing.oid AND a.rolpassword IS NOT NULL))
		THEN
			RAISE EXCEPTION 'role "%" exists and is not as vault would have made it', wanted
				USING ERRCODE = 'duplicate_object',
					HINT = 'Drop the role, or take its attributes, memberships, members and '
					'objects away.';
		END IF;
	END LOOP;
END
$$;

/*
 * The end of the script takes back the privileges that these would give to others. Those for
 * vault's own roles could not be told from the script's own grants.
 */
DO $$
BEGIN
	IF EXISTS (SELECT
		FROM pg_catalog.pg_default_acl d CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) AS a
		JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
		WHERE d.defaclrole OPERATOR(pg_catalog.=) current_user::pg_catalog.regrole
			AND r.rolname OPERATOR(pg_catalog.~) '^vault_')
	THEN
		RAISE EXCEPTION 'default privileges of role "%" name roles of vault', current_user
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Take them back with ALTER DEFAULT PRIVILEGES … REVOKE; \ddp shows them.';
	END IF;
END
$$;

CREATE SCHEMA vault;

CREATE SCHEMA vault_data;

REVOKE ALL ON SCHEMA vault, vault_data FROM PUBLIC;

GRANT USAGE ON SCHEMA vault TO vault_client, vault_admin, vault_auditor, vault_exec;

GRANT USAGE ON SCHEMA vault_data TO vault_owner, vault_exec;

CREATE FUNCTION vault_data.check_server() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'vault_check_server';
COMMENT ON FUNCTION vault_data.check_server()
	IS 'raises an error unless the server can run vault: it is preloaded, this is its '
	'database, and the minor release is recent';

SELECT vault_data.check_server();

GRANT EXECUTE ON FUNCTION vault_data.check_server()
	TO vault_exec, vault_owner;

/*
 * vault.envelope: the ciphertext of one value.  Made and opened in C only; its
 * input checks the structure.
 */

CREATE TYPE vault.envelope;

CREATE FUNCTION vault_data.envelope_in(cstring) RETURNS vault.envelope
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_envelope_in';

CREATE FUNCTION vault_data.envelope_out(vault.envelope) RETURNS cstring
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_envelope_out';

CREATE FUNCTION vault_data.envelope_recv(internal) RETURNS vault.envelope
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_envelope_recv';

CREATE FUNCTION vault_data.envelope_send(vault.envelope) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_envelope_send';

CREATE TYPE vault.envelope (
	INPUT = vault_data.envelope_in,
	OUTPUT = vault_data.envelope_out,
	RECEIVE = vault_data.envelope_recv,
	SEND = vault_data.envelope_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = external
);

COMMENT ON TYPE vault.envelope
	IS 'ciphertext of one value: AES-256-GCM under a key of its own, committed to key and place';

REVOKE ALL ON TYPE vault.envelope FROM PUBLIC;
GRANT USAGE ON TYPE vault.envelope TO vault_owner, vault_exec;

/* The cast is for ciphertext that C made. */
CREATE CAST (bytea AS vault.envelope) WITHOUT FUNCTION;

GRANT EXECUTE ON FUNCTION vault_data.envelope_in(cstring), vault_data.envelope_out(vault.envelope),
	vault_data.envelope_recv(internal), vault_data.envelope_send(vault.envelope)
	TO vault_exec, vault_owner;

/*
 * Every table has forced row security and two policies: "tenant" for views, which run as
 * vault_owner, and "entry" for the work of vault_exec. No other role has a policy. A role with
 * privileges on every table, such as a member of pg_write_all_data or pg_read_all_data, finds no
 * row and writes none.
 */

CREATE FUNCTION vault_data.is_inside() RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_is_inside';
COMMENT ON FUNCTION vault_data.is_inside()
	IS 'returns true if the statement runs on behalf of a function of vault';

CREATE FUNCTION vault_data.is_inside(tenant uuid) RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_is_inside_tenant';
COMMENT ON FUNCTION vault_data.is_inside(uuid)
	IS 'returns true if the statement runs on behalf of a function of vault and for this tenant';

CREATE FUNCTION vault.current_tenant_id() RETURNS uuid
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_current_tenant_id';
COMMENT ON FUNCTION vault.current_tenant_id()
	IS 'returns the tenant of which the current role is a principal, or NULL';

CREATE FUNCTION vault_data.visible_tenants() RETURNS uuid[]
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_visible_tenants';
COMMENT ON FUNCTION vault_data.visible_tenants()
	IS 'returns the tenants whose rows a view may show the caller, for index conditions';

CREATE FUNCTION vault_data.sees_all_tenants() RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_sees_all_tenants';
COMMENT ON FUNCTION vault_data.sees_all_tenants()
	IS 'returns true if the current role, outside of a call, is an operator or auditor';

GRANT EXECUTE ON FUNCTION vault.current_tenant_id(), vault_data.sees_all_tenants(),
	vault_data.visible_tenants()
	TO vault_client, vault_admin, vault_auditor, vault_exec, vault_owner;
GRANT EXECUTE ON FUNCTION vault_data.is_inside(), vault_data.is_inside(uuid)
	TO vault_exec;

/*
 * Trigger functions of the tables: they write changes to the trail, keep the trail append-only,
 * and empty caches.
 */

CREATE FUNCTION vault_data.audit_change() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_change';
COMMENT ON FUNCTION vault_data.audit_change()
	IS 'writes a change of the row to the audit trail; arguments are the kind, then the '
	'columns that may be shown';

CREATE FUNCTION vault_data.refuse_change() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_refuse_change';
COMMENT ON FUNCTION vault_data.refuse_change()
	IS 'refuses every change of the audit trail except rows that vault itself appends';

CREATE FUNCTION vault_data.decision_changed() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_decision_changed';
COMMENT ON FUNCTION vault_data.decision_changed()
	IS 'invalidates the caches of the table in every backend when the change commits';

GRANT EXECUTE ON FUNCTION vault_data.audit_change(), vault_data.decision_changed(),
	vault_data.refuse_change()
	TO vault_exec;

/*
 * Rows that decide something carry a MAC. Of every table with a column mac it covers the
 * columns before revision, and revision: what decides nothing stands after mac.
 */

CREATE FUNCTION vault_data.authenticate_row() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_authenticate_row';
COMMENT ON FUNCTION vault_data.authenticate_row()
	IS 'writes revision and mac of a row inside a call; it is the last trigger before the row '
	'is stored';

GRANT EXECUTE ON FUNCTION vault_data.authenticate_row()
	TO vault_exec;

/*
 * The permissions, which a check of the table of grants names.
 */

CREATE FUNCTION vault_data.all_permissions() RETURNS text[]
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_all_permissions';
COMMENT ON FUNCTION vault_data.all_permissions() IS 'returns every permission';

GRANT EXECUTE ON FUNCTION vault_data.all_permissions()
	TO vault_exec;

/*
 * Trigger functions of secrets and their versions.
 */

CREATE FUNCTION vault_data.refuse_reuse() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RAISE EXCEPTION 'a version number is never used twice, and a secret keeps its id'
		USING ERRCODE = 'check_violation', HINT = 'Put a new version.';
END
$$;

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
	WHERE tenant_id = OLD.tenant_id AND secret_id = OLD.id AND version = OLD.current_version
		AND destroyed_at IS NULL
		AND (expires_at IS NULL OR expires_at > OLD.expires_at);
	RETURN NULL;
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.keep_end(), vault_data.refuse_reuse()
	TO vault_exec;

/*
 * The audit trail: append-only, partitioned by time. Partitions of the next months are made ahead,
 * and the default partition takes the rows that no other partition takes. Unique keys and indexes
 * belong to each partition, since pg_dump could not restore partitions of a table whose indexes an
 * extension has made already. tenant_id is the zero uuid in rows that concern the instance.
 *
 * mac authenticates the row (see audit_row.h); xid is the transaction that wrote it, by which the
 * sealer finds new rows.
 */

CREATE TABLE vault_data.audit_log (
	tenant_id          uuid NOT NULL,
	id                 bigint NOT NULL,
	at                 timestamptz NOT NULL,
	xid                xid8 NOT NULL,
	tenant             text,
	principal_id       uuid,
	principal          text,
	role               text,
	session_role       text,
	authenticated_role text,
	address            inet,
	port               integer,
	tls                boolean NOT NULL,
	application_name   text,
	request_id         text,
	operation          text NOT NULL,
	decision           text NOT NULL,
	object_kind        text,
	object_id          uuid,
	secret             text,
	environment        text,
	version            integer,
	grant_id           uuid,
	reason             text,
	detail             jsonb,
	subject            text,
	service            text,
	claimed_address    text,
	mac                bytea
) PARTITION BY RANGE (at);

CREATE TABLE vault_data.audit_log_default PARTITION OF vault_data.audit_log
	(PRIMARY KEY (tenant_id, at, id)) DEFAULT;
CREATE INDEX audit_log_default_xid ON vault_data.audit_log_default (xid);
CREATE INDEX audit_log_default_at ON vault_data.audit_log_default USING brin (at);

ALTER TABLE vault_data.audit_log OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_log FROM PUBLIC;
GRANT SELECT ON vault_data.audit_log TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_log', '');
ALTER TABLE vault_data.audit_log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.audit_log FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.audit_log TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_log
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_log
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_log ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_log ENABLE ALWAYS TRIGGER append_only_truncate;
ALTER TABLE vault_data.audit_log_default OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_log_default FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_log_default', '');
ALTER TABLE vault_data.audit_log_default ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.audit_log_default FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.audit_log_default TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_log_default
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_log_default ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_log_default ENABLE ALWAYS TRIGGER append_only_truncate;

/* Collect no statistics of texts: they would show names of all tenants. */
DO $$
DECLARE
	text_column name;
BEGIN
	FOR text_column IN
		SELECT a.attname FROM pg_catalog.pg_attribute a
		WHERE a.attrelid OPERATOR(pg_catalog.=) 'vault_data.audit_log'::pg_catalog.regclass
			AND a.atttypid OPERATOR(pg_catalog.=) ANY (ARRAY['text'::pg_catalog.regtype,
				'jsonb'::pg_catalog.regtype, 'inet'::pg_catalog.regtype]::oid[])
	LOOP
		EXECUTE pg_catalog.format(
			'ALTER TABLE vault_data.audit_log ALTER COLUMN %I SET STATISTICS 0', text_column);
	END LOOP;
END
$$;

/*
 * The instance and its root keys: check values only, never a key.  These two
 * tables belong to no tenant.
 */

CREATE TABLE vault_data.instance (
	singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	id         uuid NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
ALTER TABLE vault_data.instance OWNER TO vault_owner;
REVOKE ALL ON vault_data.instance FROM PUBLIC;
GRANT SELECT, INSERT ON vault_data.instance TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.instance', '');
ALTER TABLE vault_data.instance ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY entry ON vault_data.instance TO vault_exec
	USING (vault_data.is_inside());
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.instance
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-instance', 'id');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.instance
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
ALTER TABLE vault_data.instance ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.instance ENABLE ALWAYS TRIGGER changed;

CREATE TABLE vault_data.root_key (
	generation  integer PRIMARY KEY CHECK (generation >= 1),
	check_value bytea NOT NULL CHECK (pg_catalog.octet_length(check_value) = 32),
	state       text NOT NULL CHECK (state IN ('active', 'retired')),
	source      text NOT NULL,
	shares      integer NOT NULL,
	threshold   integer NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE UNIQUE INDEX root_key_one_active ON vault_data.root_key (state) WHERE state = 'active';
ALTER TABLE vault_data.root_key OWNER TO vault_owner;
REVOKE ALL ON vault_data.root_key FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON vault_data.root_key TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.root_key', '');
ALTER TABLE vault_data.root_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY sees_all_tenants ON vault_data.root_key FOR SELECT TO vault_owner
	USING (vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.root_key TO vault_exec
	USING (vault_data.is_inside());
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.root_key
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-root_key', 'generation', 'state',
		'*check_value');
ALTER TABLE vault_data.root_key ENABLE ALWAYS TRIGGER audit;

/*
 * Tenants and their keys.
 *
 * Row security of every table with tenants consists of two policies, which no caller can change.
 * Inside a call a row must belong to the tenant that the call resolved. Outside, a view shows the
 * rows of the current role's tenant, and all rows to operators and auditors. The policies are
 * written as filters and not as index conditions: next to an index condition, equality on a whole
 * unique key would no longer be recognized as one row. Statements and views name the tenant
 * themselves.
 */

CREATE TABLE vault_data.tenant (
	tenant_id       uuid PRIMARY KEY,
	name            text COLLATE "C" NOT NULL,
	state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended',
		'destroyed')),
	recovery_window interval NOT NULL DEFAULT '30 days'
		CHECK (recovery_window BETWEEN '7 days' AND '90 days'),
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	environments    text[],
	administered    boolean NOT NULL DEFAULT false,
	revision        integer NOT NULL,
	mac             bytea NOT NULL
);
COMMENT ON COLUMN vault_data.tenant.administered
	IS 'true if the tenant has, or had, an administrator';
CREATE UNIQUE INDEX tenant_name_key ON vault_data.tenant (name) WHERE state <> 'destroyed';
ALTER TABLE vault_data.tenant OWNER TO vault_owner;
REVOKE ALL ON vault_data.tenant FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON vault_data.tenant TO vault_exec;
ALTER TABLE vault_data.tenant ALTER COLUMN name SET STATISTICS 0,
	ALTER COLUMN environments SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.tenant', '');
ALTER TABLE vault_data.tenant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.tenant FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.tenant TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('tenant', 'name', 'state',
		'recovery_window', 'environments', 'administered', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER changed;

/*
 * Keys of tenants. The zero uuid has one too, the instance key, from which the keys of the vault
 * as a whole derive.
 */
CREATE TABLE vault_data.tenant_key (
	tenant_id       uuid NOT NULL,
	generation      integer NOT NULL CHECK (generation >= 1),
	wrapped         vault.envelope NOT NULL,
	root_generation integer NOT NULL,
	check_value     bytea NOT NULL CHECK (pg_catalog.octet_length(check_value) = 32),
	state           text NOT NULL CHECK (state IN ('active', 'retired')),
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, generation)
);
CREATE UNIQUE INDEX tenant_key_one_active ON vault_data.tenant_key (tenant_id)
	WHERE state = 'active';
ALTER TABLE vault_data.tenant_key OWNER TO vault_owner;
REVOKE ALL ON vault_data.tenant_key FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.tenant_key TO vault_exec;
ALTER TABLE vault_data.tenant_key ALTER COLUMN wrapped SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.tenant_key', '');
ALTER TABLE vault_data.tenant_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.tenant_key FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.tenant_key TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant_key
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('tenant_key', 'generation', 'state',
		'root_generation', '*check_value');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant_key
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
ALTER TABLE vault_data.tenant_key ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.tenant_key ENABLE ALWAYS TRIGGER changed;

/*
 * Integrity of tables that come before this feature.
 */

/* The table of tenants comes before this feature, so its trigger stands here. */
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.tenant
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER write_mac;

/*
 * The origin of the vault: the server and host that it was initialised or adopted at. A
 * copy that runs elsewhere finds that they differ, and does nothing outside (origin.h).
 */

CREATE TABLE vault_data.origin (
	id        uuid PRIMARY KEY,
	system    text NOT NULL,
	timeline  integer NOT NULL,
	machine   text NOT NULL,
	directory text NOT NULL,
	file      text NOT NULL,
	born      text NOT NULL,
	database  oid NOT NULL,
	written   xid NOT NULL,
	since     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision  integer NOT NULL,
	mac       bytea NOT NULL
);
COMMENT ON COLUMN vault_data.origin.written
	IS 'transaction that wrote the row; a row that was loaded by a restore has another one';
ALTER TABLE vault_data.origin OWNER TO vault_owner;
REVOKE ALL ON vault_data.origin FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.origin TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.origin', '');
ALTER TABLE vault_data.origin ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY entry ON vault_data.origin TO vault_exec
	USING (vault_data.is_inside());
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.origin
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('origin', 'system', 'timeline',
		'directory', 'database', 'since');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.origin
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.origin ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.origin ENABLE ALWAYS TRIGGER write_mac;

/*
 * The outbox: what other systems should learn of, written in the transaction that makes the change.
 * NOTIFY takes a lock of the whole server at commit, so only rare events are announced: no put, no
 * read.
 */

CREATE TABLE vault_data.notification (
	tenant_id   uuid NOT NULL,
	id          uuid NOT NULL,
	at          timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	kind        text NOT NULL,
	severity    text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
	secret_id   uuid,
	secret      text COLLATE "C",
	environment text COLLATE "C",
	payload     jsonb NOT NULL,
	position    bigint,
	CONSTRAINT notification_payload CHECK (pg_catalog.jsonb_typeof(payload) = 'object'),
	PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX notification_position ON vault_data.notification (tenant_id, position);
/* Inside a call a notification is part of the change that it tells of. */
ALTER TABLE vault_data.notification OWNER TO vault_owner;
REVOKE ALL ON vault_data.notification FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.notification TO vault_exec;
ALTER TABLE vault_data.notification ALTER COLUMN secret SET STATISTICS 0,
	ALTER COLUMN environment SET STATISTICS 0, ALTER COLUMN payload SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.notification', '');
ALTER TABLE vault_data.notification ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.notification FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.notification TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.notification
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-notification', 'kind', 'severity',
		'secret_id', '*payload', 'position');
ALTER TABLE vault_data.notification ENABLE ALWAYS TRIGGER audit;

/*
 * Principals, and the database roles that they are bound to. Roles of a tenant are rows
 * beside them, which nothing binds.
 *
 * A binding is to one role exactly, by oid and by name.  The rules: a tenant's
 * administrator may bind any role that no other tenant has, that is reserved for no
 * other, and that is no superuser, operator or auditor; with vault.role_binding =
 * consent, of these only itself, roles that are reserved for the tenant, and roles that it
 * administers in the server; an operator any role but those of vault and of
 * PostgreSQL.
 */

CREATE TABLE vault_data.principal (
	tenant_id  uuid NOT NULL REFERENCES vault_data.tenant,
	id         uuid NOT NULL,
	name       text COLLATE "C" NOT NULL,
	kind       text NOT NULL CHECK (kind IN ('user', 'service', 'role', 'built-in role')),
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, id)
);

/* Principals and roles share their names; built-in roles take none away. */
CREATE UNIQUE INDEX principal_name_key
	ON vault_data.principal (tenant_id, name, (kind = 'built-in role'));
ALTER TABLE vault_data.principal OWNER TO vault_owner;
REVOKE ALL ON vault_data.principal FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.principal TO vault_exec;
ALTER TABLE vault_data.principal ALTER COLUMN name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.principal', '');
ALTER TABLE vault_data.principal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.principal FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.principal TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('principal', 'name', 'kind', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.principal
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.principal ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.principal ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.principal ENABLE ALWAYS TRIGGER write_mac;

CREATE TABLE vault_data.principal_binding (
	tenant_id    uuid NOT NULL,
	role_name    text COLLATE "C" NOT NULL,
	principal_id uuid NOT NULL,
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	db_role      regrole NOT NULL,
	PRIMARY KEY (tenant_id, db_role),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE
);
CREATE INDEX principal_binding_db_role ON vault_data.principal_binding (db_role);
ALTER TABLE vault_data.principal_binding OWNER TO vault_owner;
REVOKE ALL ON vault_data.principal_binding FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.principal_binding TO vault_exec;
ALTER TABLE vault_data.principal_binding ALTER COLUMN role_name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.principal_binding', '');
ALTER TABLE vault_data.principal_binding ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.principal_binding FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.principal_binding TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal_binding
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('binding', '=role_name', '=principal_id',
		'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal_binding
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.principal_binding
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.principal_binding ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.principal_binding ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.principal_binding ENABLE ALWAYS TRIGGER write_mac;

/* Reservations go by name, because a role may be reserved before it is created. */
CREATE TABLE vault_data.role_reservation (
	tenant_id  uuid NOT NULL REFERENCES vault_data.tenant,
	role_name  text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, role_name)
);
CREATE INDEX role_reservation_role_name ON vault_data.role_reservation (role_name);
ALTER TABLE vault_data.role_reservation OWNER TO vault_owner;
REVOKE ALL ON vault_data.role_reservation FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.role_reservation TO vault_exec;
ALTER TABLE vault_data.role_reservation ALTER COLUMN role_name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.role_reservation', '');
ALTER TABLE vault_data.role_reservation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.role_reservation FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.role_reservation TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.role_reservation
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('reservation', '=role_name', 'revision');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.role_reservation
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.role_reservation ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.role_reservation ENABLE ALWAYS TRIGGER write_mac;

/*
 * Grants and memberships. A grant gives a principal or a role permissions on names, with
 * conditions on environment, address, time and service. A membership makes a principal or role a
 * member of a role.
 *
 * A condition that is not required is NULL. The columns that decide stand before revision.
 */

CREATE TABLE vault_data.access_grant (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	principal_id uuid NOT NULL,
	effect       text NOT NULL CHECK (effect IN ('allow', 'deny')),
	permissions  text[] NOT NULL CHECK (permissions <@ vault_data.all_permissions()
		AND pg_catalog.cardinality(permissions) > 0),
	name_pattern text COLLATE "C" NOT NULL,
	environments text[] CHECK (pg_catalog.cardinality(environments) > 0),
	addresses    text[],
	windows      text[],
	services     text[],
	require_tls  boolean,
	require_session_user boolean,
	valid_from   timestamptz,
	valid_until  timestamptz,
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by   uuid,
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE
);
CREATE INDEX access_grant_principal ON vault_data.access_grant (tenant_id, principal_id);
ALTER TABLE vault_data.access_grant OWNER TO vault_owner;
REVOKE ALL ON vault_data.access_grant FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.access_grant TO vault_exec;
ALTER TABLE vault_data.access_grant ALTER COLUMN name_pattern SET STATISTICS 0,
	ALTER COLUMN environments SET STATISTICS 0, ALTER COLUMN addresses SET STATISTICS 0,
	ALTER COLUMN windows SET STATISTICS 0, ALTER COLUMN services SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.access_grant', '');
ALTER TABLE vault_data.access_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.access_grant FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.access_grant TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('grant', '=principal_id', 'effect',
		'permissions', 'name_pattern', 'environments', 'addresses', 'windows', 'services',
		'require_tls', 'require_session_user', 'valid_from', 'valid_until', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER write_mac;

CREATE TABLE vault_data.role_member (
	tenant_id  uuid NOT NULL,
	id         uuid NOT NULL,
	role_id    uuid NOT NULL,
	member_id  uuid NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by uuid,
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT role_member_key UNIQUE (tenant_id, role_id, member_id),
	FOREIGN KEY (tenant_id, role_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE,
	FOREIGN KEY (tenant_id, member_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE
);
CREATE INDEX role_member_member ON vault_data.role_member (tenant_id, member_id);
ALTER TABLE vault_data.role_member OWNER TO vault_owner;
REVOKE ALL ON vault_data.role_member FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.role_member TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.role_member', '');
ALTER TABLE vault_data.role_member ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.role_member FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.role_member TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.role_member
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('membership', '=role_id', '=member_id',
		'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.role_member
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.role_member
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.role_member ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.role_member ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.role_member ENABLE ALWAYS TRIGGER write_mac;

/*
 * Tokens: the issuers whose tokens count in a tenant, whom their subjects and groups stand
 * for, the database roles that may show tokens there, and what the vault issued itself. No
 * token is stored: of the vault's own there is a row while they count, and revoking takes it
 * away.
 *
 * Operators have no part in what makes a token count: a role that could add a key, or
 * say which principal a subject stands for, could read.
 */

CREATE TABLE vault_data.token_issuer (
	tenant_id       uuid NOT NULL,
	id              uuid NOT NULL,
	name            text COLLATE "C" NOT NULL,
	issuer          text COLLATE "C" NOT NULL,
	audience        text NOT NULL,
	jwks            text NOT NULL,
	principal_claim text,
	tenant_claim    text,
	role_claim      text,
	address_claim   text,
	max_lifetime    interval NOT NULL,
	groups_claim    text,
	algorithms      text[],
	required_claims text,
	by_name         boolean,
	revision        integer NOT NULL,
	mac             bytea NOT NULL,
	kids            text[] NOT NULL,
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT token_issuer_name_key UNIQUE (tenant_id, name)
);
ALTER TABLE vault_data.token_issuer OWNER TO vault_owner;
REVOKE ALL ON vault_data.token_issuer FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.token_issuer TO vault_exec;
ALTER TABLE vault_data.token_issuer ALTER COLUMN name SET STATISTICS 0,
	ALTER COLUMN issuer SET STATISTICS 0, ALTER COLUMN audience SET STATISTICS 0,
	ALTER COLUMN jwks SET STATISTICS 0, ALTER COLUMN kids SET STATISTICS 0,
	ALTER COLUMN principal_claim SET STATISTICS 0, ALTER COLUMN tenant_claim SET STATISTICS 0,
	ALTER COLUMN role_claim SET STATISTICS 0, ALTER COLUMN address_claim SET STATISTICS 0,
	ALTER COLUMN groups_claim SET STATISTICS 0, ALTER COLUMN required_claims SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.token_issuer', '');
ALTER TABLE vault_data.token_issuer ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.token_issuer FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.token_issuer TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('issuer', 'name', 'issuer', 'audience',
		'*jwks', 'kids', 'principal_claim', 'tenant_claim', 'role_claim', 'address_claim',
		'max_lifetime', 'groups_claim', 'algorithms', 'required_claims', 'by_name', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER write_mac;

/* A principal, and the subject of an issuer (or the pattern of subjects) that stands for it. */
CREATE TABLE vault_data.external_subject (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	issuer_id    uuid NOT NULL,
	principal_id uuid NOT NULL,
	subject      text COLLATE "C" NOT NULL,
	match        text COLLATE "C" NOT NULL CHECK (match IN ('exact', 'pattern')),
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by   uuid,
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT external_subject_key UNIQUE (tenant_id, issuer_id, subject, match),
	FOREIGN KEY (tenant_id, issuer_id)
		REFERENCES vault_data.token_issuer (tenant_id, id) ON DELETE CASCADE,
	FOREIGN KEY (tenant_id, principal_id)
		REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX external_subject_pattern ON vault_data.external_subject (tenant_id, issuer_id)
	WHERE match = 'pattern';
CREATE INDEX external_subject_principal ON vault_data.external_subject (tenant_id, principal_id);
ALTER TABLE vault_data.external_subject OWNER TO vault_owner;
REVOKE ALL ON vault_data.external_subject FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.external_subject TO vault_exec;
ALTER TABLE vault_data.external_subject ALTER COLUMN subject SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.external_subject', '');
ALTER TABLE vault_data.external_subject ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.external_subject FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.external_subject TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.external_subject
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('subject', '=issuer_id', '=principal_id',
		'=subject', 'match', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.external_subject
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.external_subject
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.external_subject ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.external_subject ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.external_subject ENABLE ALWAYS TRIGGER write_mac;

/* The roles that a group of an issuer gives for the transaction of the token. */
CREATE TABLE vault_data.group_role (
	tenant_id  uuid NOT NULL,
	id         uuid NOT NULL,
	issuer_id  uuid NOT NULL,
	group_name text COLLATE "C" NOT NULL,
	role_id    uuid NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by uuid,
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT group_role_key UNIQUE (tenant_id, issuer_id, group_name, role_id),
	FOREIGN KEY (tenant_id, issuer_id)
		REFERENCES vault_data.token_issuer (tenant_id, id) ON DELETE CASCADE,
	FOREIGN KEY (tenant_id, role_id)
		REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX group_role_role ON vault_data.group_role (tenant_id, role_id);
ALTER TABLE vault_data.group_role OWNER TO vault_owner;
REVOKE ALL ON vault_data.group_role FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.group_role TO vault_exec;
ALTER TABLE vault_data.group_role ALTER COLUMN group_name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.group_role', '');
ALTER TABLE vault_data.group_role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.group_role FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.group_role TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.group_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('group_role', '=issuer_id', '=group_name',
		'=role_id', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.group_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.group_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.group_role ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.group_role ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.group_role ENABLE ALWAYS TRIGGER write_mac;

CREATE TABLE vault_data.token_role (
	tenant_id  uuid NOT NULL,
	role_name  text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	db_role    regrole NOT NULL,
	PRIMARY KEY (tenant_id, db_role)
);
CREATE INDEX token_role_db_role ON vault_data.token_role (db_role);
ALTER TABLE vault_data.token_role OWNER TO vault_owner;
REVOKE ALL ON vault_data.token_role FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.token_role TO vault_exec;
ALTER TABLE vault_data.token_role ALTER COLUMN role_name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.token_role', '');
ALTER TABLE vault_data.token_role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.token_role FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.token_role TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('token_role', '=role_name', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER write_mac;

CREATE TABLE vault_data.issued_token (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	principal_id uuid NOT NULL,
	expires_at   timestamptz NOT NULL,
	single_use   boolean NOT NULL,
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	life         uuid NOT NULL,
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	created_by   uuid NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE
);
CREATE INDEX issued_token_principal ON vault_data.issued_token (tenant_id, principal_id);
COMMENT ON COLUMN vault_data.issued_token.life
	IS 'identifies the shared memory in which the token was issued; another server does not '
	'know if a token for a single use was used';
CREATE INDEX issued_token_single_use ON vault_data.issued_token (tenant_id, principal_id)
	WHERE single_use;
CREATE INDEX issued_token_expires_at ON vault_data.issued_token (tenant_id, expires_at);
/* Grant UPDATE for row locks alone. */
ALTER TABLE vault_data.issued_token OWNER TO vault_owner;
REVOKE ALL ON vault_data.issued_token FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.issued_token TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.issued_token', '');
ALTER TABLE vault_data.issued_token ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.issued_token FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.issued_token TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.issued_token
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('token', 'principal_id', 'expires_at',
		'single_use', 'revision');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.issued_token
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.issued_token ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.issued_token ENABLE ALWAYS TRIGGER write_mac;

/*
 * Subscribers: who has taken which notifications of the outbox.
 *
 * Ids and times are given before the commit, and commits come in any order; so a row gets its place
 * in the order (position) when a consumer first sees it committed, from a counter of the tenant
 * that its consumers lock one after the other. A later commit comes later, at any time of the
 * notification, and nothing is passed over. Within what is seen at once the time decides.
 */

/* The last place that was given. */
CREATE TABLE vault_data.notification_order (
	tenant_id uuid PRIMARY KEY,
	position  bigint NOT NULL DEFAULT 0
);
ALTER TABLE vault_data.notification_order OWNER TO vault_owner;
REVOKE ALL ON vault_data.notification_order FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.notification_order TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.notification_order', '');
ALTER TABLE vault_data.notification_order ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.notification_order FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.notification_order TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.notification_order
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-notification_order', 'position');
ALTER TABLE vault_data.notification_order ENABLE ALWAYS TRIGGER audit;

/*
 * The columns since and acknowledged are positions. Notifications after acknowledged are still to
 * be delivered. A consumer has those up to leased_to until leased_until.
 */
CREATE TABLE vault_data.subscriber (
	tenant_id       uuid NOT NULL,
	id              uuid NOT NULL,
	name            text COLLATE "C" NOT NULL,
	kinds           text[],
	principal_id    uuid,
	since           bigint NOT NULL,
	acknowledged    bigint NOT NULL,
	acknowledged_at timestamptz,
	leased_to       bigint,
	leased_until    timestamptz,
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT subscriber_name_key UNIQUE (tenant_id, name),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE
);
ALTER TABLE vault_data.subscriber OWNER TO vault_owner;
REVOKE ALL ON vault_data.subscriber FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.subscriber TO vault_exec;
ALTER TABLE vault_data.subscriber ALTER COLUMN name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.subscriber', '');
ALTER TABLE vault_data.subscriber ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.subscriber FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.subscriber TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.subscriber
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('subscriber', 'name', 'kinds',
		'principal_id');
ALTER TABLE vault_data.subscriber ENABLE ALWAYS TRIGGER audit;

/*
 * Types of secrets: the form of their values, and their lifecycle.
 *
 * The built-in types are in the code. Operators add others, the same for all tenants. A tenant
 * requires more, or less, of the values of a type by its policy. Names of functions are text and
 * are looked up at each call, because pg_upgrade refuses oids.
 */

CREATE TABLE vault_data.secret_type (
	id                uuid PRIMARY KEY,
	name              text COLLATE "C" NOT NULL,
	validator         text,
	generator         text,
	min_length        integer,
	max_length        integer,
	classes           text[],
	excluded          text,
	prefix            text,
	min_entropy       integer,
	generated_length  integer,
	history           integer,
	rotation_interval interval,
	max_lifetime      interval,
	recovery_window   interval,
	warn_at           interval[],
	rules             text[],
	revision          integer NOT NULL,
	mac               bytea NOT NULL,
	description       text NOT NULL,
	created_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT secret_type_name_key UNIQUE (name)
);
ALTER TABLE vault_data.secret_type OWNER TO vault_owner;
REVOKE ALL ON vault_data.secret_type FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.secret_type TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.secret_type', '');
ALTER TABLE vault_data.secret_type ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody ON vault_data.secret_type FOR SELECT TO vault_owner
	USING (true);
CREATE POLICY entry ON vault_data.secret_type TO vault_exec
	USING (vault_data.is_inside());
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.secret_type
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('type', 'name', 'validator', 'generator',
		'min_length', 'max_length', 'classes', 'excluded', 'prefix', 'min_entropy', 'generated_length',
		'history', 'rotation_interval', 'max_lifetime', 'recovery_window', 'warn_at', 'rules',
		'*description', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.secret_type
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.secret_type
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.secret_type ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.secret_type ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.secret_type ENABLE ALWAYS TRIGGER write_mac;

CREATE TABLE vault_data.type_policy (
	tenant_id         uuid NOT NULL,
	id                uuid NOT NULL,
	type              text COLLATE "C" NOT NULL,
	min_length        integer,
	max_length        integer,
	classes           text[],
	excluded          text,
	prefix            text,
	min_entropy       integer,
	generated_length  integer,
	history           integer,
	rotation_interval interval,
	max_lifetime      interval,
	recovery_window   interval,
	warn_at           interval[],
	revision          integer NOT NULL,
	mac               bytea NOT NULL,
	created_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT type_policy_type_key UNIQUE (tenant_id, type)
);
ALTER TABLE vault_data.type_policy OWNER TO vault_owner;
REVOKE ALL ON vault_data.type_policy FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.type_policy TO vault_exec;
ALTER TABLE vault_data.type_policy ALTER COLUMN type SET STATISTICS 0,
	ALTER COLUMN excluded SET STATISTICS 0, ALTER COLUMN prefix SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.type_policy', '');
ALTER TABLE vault_data.type_policy ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.type_policy FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.type_policy TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.type_policy
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('type_policy', 'type', 'min_length',
		'max_length', 'classes', 'excluded', 'prefix', 'min_entropy', 'generated_length', 'history',
		'rotation_interval', 'max_lifetime', 'recovery_window', 'warn_at', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.type_policy
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.type_policy
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.type_policy ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.type_policy ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.type_policy ENABLE ALWAYS TRIGGER write_mac;

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
ALTER TABLE vault_data.secret OWNER TO vault_owner;
REVOKE ALL ON vault_data.secret FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.secret TO vault_exec;
ALTER TABLE vault_data.secret ALTER COLUMN name SET STATISTICS 0,
	ALTER COLUMN environment SET STATISTICS 0, ALTER COLUMN description SET STATISTICS 0,
	ALTER COLUMN tags SET STATISTICS 0, ALTER COLUMN envelope SET STATISTICS 0,
	ALTER COLUMN metadata SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.secret', '');
ALTER TABLE vault_data.secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.secret FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.secret TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.secret
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('secret', 'name', 'environment', 'type',
		'current_version', 'pending_version', 'expires_at', 'grace_until', 'extensions',
		'deactivated_at', 'deleted_at', '*description', '*tags', 'revision');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.secret
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER write_mac;
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
ALTER TABLE vault_data.secret_version OWNER TO vault_owner;
REVOKE ALL ON vault_data.secret_version FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON vault_data.secret_version TO vault_exec;
ALTER TABLE vault_data.secret_version ALTER COLUMN envelope SET STATISTICS 0,
	ALTER COLUMN metadata SET STATISTICS 0, ALTER COLUMN fingerprint SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.secret_version', '');
ALTER TABLE vault_data.secret_version ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.secret_version FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.secret_version TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.secret_version
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-secret_version', 'secret_id', 'version',
		'key_generation', '*envelope', 'destroyed_at', 'retired_at', 'expires_at', '*metadata',
		'*fingerprint', 'type', 'weak');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.secret_version
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.secret_version ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.secret_version ENABLE ALWAYS TRIGGER write_mac;
CREATE TRIGGER counter BEFORE UPDATE ON vault_data.secret_version
	FOR EACH ROW
		WHEN (NEW.version <> OLD.version OR NEW.secret_id <> OLD.secret_id
		OR NEW.tenant_id <> OLD.tenant_id
		OR (OLD.envelope IS NULL AND NEW.envelope IS NOT NULL))
	EXECUTE FUNCTION vault_data.refuse_reuse();
ALTER TABLE vault_data.secret_version ENABLE ALWAYS TRIGGER counter;

/*
 * Expiry: until when a secret may be used, which principals are warned before, and how it is
 * prolonged in an emergency. Each read decides if the secret may be read (secret/secret.c). The
 * jobs here only announce. They warn at each remaining threshold, once for each version and time of
 * expiry. Of thresholds that passed during a pause of the jobs, they announce the most urgent. The
 * threshold zero is "expired".
 */

/* The id is that of the secret. */
CREATE TABLE vault_data.secret_warning (
	tenant_id  uuid NOT NULL,
	id         uuid NOT NULL,
	thresholds interval[],
	purge_at   timestamptz,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, id) REFERENCES vault_data.secret (tenant_id, id) ON DELETE CASCADE
);
ALTER TABLE vault_data.secret_warning OWNER TO vault_owner;
REVOKE ALL ON vault_data.secret_warning FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.secret_warning TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.secret_warning', '');
ALTER TABLE vault_data.secret_warning ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.secret_warning FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.secret_warning TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.secret_warning
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('warning', 'thresholds', 'purge_at');
ALTER TABLE vault_data.secret_warning ENABLE ALWAYS TRIGGER audit;

/* Warnings announced for each version, which may become current again. */
CREATE TABLE vault_data.expiry_warning (
	tenant_id  uuid NOT NULL,
	id         uuid NOT NULL,
	version    integer NOT NULL,
	expires_at timestamptz NOT NULL,
	threshold  interval NOT NULL,
	PRIMARY KEY (tenant_id, id, version),
	FOREIGN KEY (tenant_id, id) REFERENCES vault_data.secret (tenant_id, id) ON DELETE CASCADE
);
ALTER TABLE vault_data.expiry_warning OWNER TO vault_owner;
REVOKE ALL ON vault_data.expiry_warning FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.expiry_warning TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.expiry_warning', '');
ALTER TABLE vault_data.expiry_warning ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.expiry_warning FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.expiry_warning TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.expiry_warning
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('warning', 'version', 'expires_at',
		'threshold');
ALTER TABLE vault_data.expiry_warning ENABLE ALWAYS TRIGGER audit;

/*
 * Rotation: at its times a secret gets a new value, which is set at its target, tested there
 * and then made current; after the overlap the version before it is retired.
 *
 * A run is a row of vault_data.rotation; its step is what is to be done next:
 *
 *	create → [set → test →] promote → retire → done
 *	wait   → retire → done                       (external: until vault.complete_rotation())
 *
 * Each step is one transaction of the job and may be done twice. An error makes it be tried again,
 * later each time, and after the last attempt the run has failed: the current version was not
 * touched. Every caller locks the head and then the schedule; the job passes over rows that others
 * have locked. Values are in C only; here they are numbers of versions.
 */

CREATE TABLE vault_data.rotation_schedule (
	tenant_id   uuid NOT NULL,
	id          uuid NOT NULL,
	secret_id   uuid NOT NULL,
	every       text,
	rotator     text NOT NULL,
	config      jsonb NOT NULL,
	time_window text,
	overlap     interval NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision    integer NOT NULL,
	mac         bytea NOT NULL,
	due_at      timestamptz,
	next_at     timestamptz,
	last_at     timestamptz,
	CONSTRAINT rotation_schedule_one UNIQUE (tenant_id, secret_id),
	FOREIGN KEY (tenant_id, secret_id) REFERENCES vault_data.secret (tenant_id, id)
		ON DELETE CASCADE
);
COMMENT ON COLUMN vault_data.rotation_schedule.due_at IS 'time at which the next run begins';
COMMENT ON COLUMN vault_data.rotation_schedule.next_at
	IS 'time of the next action: a run to begin, a step to perform, a version to retire';
CREATE INDEX rotation_schedule_next ON vault_data.rotation_schedule (next_at)
	WHERE next_at IS NOT NULL;
ALTER TABLE vault_data.rotation_schedule ADD PRIMARY KEY (tenant_id, id);
ALTER TABLE vault_data.rotation_schedule OWNER TO vault_owner;
REVOKE ALL ON vault_data.rotation_schedule FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.rotation_schedule TO vault_exec;
ALTER TABLE vault_data.rotation_schedule ALTER COLUMN config SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.rotation_schedule', '');
ALTER TABLE vault_data.rotation_schedule ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.rotation_schedule FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.rotation_schedule TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.rotation_schedule
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('rotation_schedule', 'secret_id', 'every',
		'rotator', 'config', 'time_window', 'overlap', 'revision');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.rotation_schedule
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.rotation_schedule ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.rotation_schedule ENABLE ALWAYS TRIGGER write_mac;

CREATE TABLE vault_data.rotation (
	tenant_id   uuid NOT NULL,
	id          uuid NOT NULL,
	secret_id   uuid NOT NULL,
	step        text NOT NULL CHECK (step IN ('create', 'wait', 'set', 'test', 'promote', 'retire',
		'done', 'failed')),
	version     integer,
	previous    integer NOT NULL,
	retire_at   timestamptz,
	started_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision    integer NOT NULL,
	mac         bytea NOT NULL,
	due_at      timestamptz NOT NULL,
	try_at      timestamptz NOT NULL,
	attempts    integer NOT NULL DEFAULT 0,
	error       text,
	finished_at timestamptz,
	FOREIGN KEY (tenant_id, secret_id) REFERENCES vault_data.secret (tenant_id, id)
		ON DELETE CASCADE
);
CREATE UNIQUE INDEX rotation_one ON vault_data.rotation (tenant_id, secret_id)
	WHERE step NOT IN ('retire', 'done', 'failed');
CREATE INDEX rotation_retire ON vault_data.rotation (tenant_id, secret_id, previous)
	WHERE step = 'retire';
CREATE INDEX rotation_secret ON vault_data.rotation (tenant_id, secret_id, started_at);
ALTER TABLE vault_data.rotation ADD PRIMARY KEY (tenant_id, id);
ALTER TABLE vault_data.rotation OWNER TO vault_owner;
REVOKE ALL ON vault_data.rotation FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.rotation TO vault_exec;
ALTER TABLE vault_data.rotation ALTER COLUMN error SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.rotation', '');
ALTER TABLE vault_data.rotation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.rotation FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.rotation TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.rotation
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('rotation', 'secret_id', 'step',
		'version', 'previous', 'retire_at', 'error', 'revision');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.rotation
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.rotation ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.rotation ENABLE ALWAYS TRIGGER write_mac;

/* The roles of this server whose passwords a tenant may change, as an operator decided. */
CREATE TABLE vault_data.rotation_role (
	tenant_id  uuid NOT NULL REFERENCES vault_data.tenant,
	role_name  text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	db_role    regrole NOT NULL,
	PRIMARY KEY (tenant_id, role_name)
);
CREATE INDEX rotation_role_db_role ON vault_data.rotation_role (db_role);
ALTER TABLE vault_data.rotation_role OWNER TO vault_owner;
REVOKE ALL ON vault_data.rotation_role FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.rotation_role TO vault_exec;
ALTER TABLE vault_data.rotation_role ALTER COLUMN role_name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.rotation_role', '');
ALTER TABLE vault_data.rotation_role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.rotation_role FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.rotation_role TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.rotation_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('rotation_role', '=role_name', 'revision');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.rotation_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.rotation_role ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.rotation_role ENABLE ALWAYS TRIGGER write_mac;

/*
 * Evidence that the trail is whole: seals over its rows, checkpoints over the seals, and
 * what was retired on purpose. These tables are as append-only as the trail; only the
 * worker that seals, audit_checkpoint() and the retention job write them.
 */

CREATE TABLE vault_data.audit_seal (
	tenant_id   uuid NOT NULL,
	seq         bigint NOT NULL,
	month       date NOT NULL,
	rows        integer NOT NULL,
	without_mac integer NOT NULL,
	total_rows  bigint NOT NULL,
	ids         int8multirange NOT NULL,
	first_at    timestamptz NOT NULL,
	last_at     timestamptz NOT NULL,
	rows_hash   bytea NOT NULL,
	previous    bytea NOT NULL,
	sealed_at   timestamptz NOT NULL,
	hash        bytea NOT NULL,
	mac         bytea NOT NULL,
	missing     bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant_id, seq)
);
ALTER TABLE vault_data.audit_seal OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_seal FROM PUBLIC;
GRANT SELECT ON vault_data.audit_seal TO vault_exec;
ALTER TABLE vault_data.audit_seal ALTER COLUMN ids SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_seal', '');
ALTER TABLE vault_data.audit_seal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.audit_seal FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.audit_seal TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_seal
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_seal
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_seal ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_seal ENABLE ALWAYS TRIGGER append_only_truncate;

/*
 * Progress of the log consumer, and its server, database and table; see keyring/root_key_rows.c.
 * closed: the server ended with nothing left to be seen.
 */
CREATE TABLE vault_data.audit_progress (
	singleton         boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	system_identifier text NOT NULL,
	place             text NOT NULL,
	snapshot          pg_snapshot NOT NULL,
	floor_id          bigint NOT NULL,
	newest_id         bigint NOT NULL,
	seals             bigint NOT NULL,
	closed            boolean NOT NULL,
	stepped_at        timestamptz NOT NULL,
	mac               bytea NOT NULL
);
ALTER TABLE vault_data.audit_progress OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_progress FROM PUBLIC;
GRANT SELECT ON vault_data.audit_progress TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_progress', '');
ALTER TABLE vault_data.audit_progress ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY entry ON vault_data.audit_progress TO vault_exec
	USING (vault_data.is_inside());
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_progress
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_progress
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_progress ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_progress ENABLE ALWAYS TRIGGER append_only_truncate;

CREATE TABLE vault_data.audit_checkpoint (
	made_at timestamptz PRIMARY KEY,
	note    text NOT NULL
);
ALTER TABLE vault_data.audit_checkpoint OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_checkpoint FROM PUBLIC;
GRANT SELECT, INSERT ON vault_data.audit_checkpoint TO vault_exec;
ALTER TABLE vault_data.audit_checkpoint ALTER COLUMN note SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_checkpoint', '');
ALTER TABLE vault_data.audit_checkpoint ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY entry ON vault_data.audit_checkpoint TO vault_exec
	USING (vault_data.is_inside());
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_checkpoint
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_checkpoint
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_checkpoint ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_checkpoint ENABLE ALWAYS TRIGGER append_only_truncate;

CREATE TABLE vault_data.audit_retired (
	tenant_id  uuid NOT NULL,
	month      date NOT NULL,
	rows       bigint NOT NULL,
	retired_at timestamptz NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, month)
);
ALTER TABLE vault_data.audit_retired OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_retired FROM PUBLIC;
GRANT SELECT ON vault_data.audit_retired TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_retired', '');
ALTER TABLE vault_data.audit_retired ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.audit_retired FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.audit_retired TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_retired
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_retired
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_retired ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_retired ENABLE ALWAYS TRIGGER append_only_truncate;

/* Retention of a tenant's trail; a row exists only where it was set. */
CREATE TABLE vault_data.audit_policy (
	tenant_id   uuid PRIMARY KEY REFERENCES vault_data.tenant,
	retention   interval NOT NULL DEFAULT '7 years',
	hold_reason text,
	held_at     timestamptz,
	revision    integer NOT NULL,
	mac         bytea NOT NULL
);
ALTER TABLE vault_data.audit_policy OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_policy FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON vault_data.audit_policy TO vault_exec;
ALTER TABLE vault_data.audit_policy ALTER COLUMN hold_reason SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_policy', '');
ALTER TABLE vault_data.audit_policy ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.audit_policy FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.audit_policy TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.audit_policy
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('audit_policy', 'retention',
		'hold_reason', 'revision');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.audit_policy
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.audit_policy ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.audit_policy ENABLE ALWAYS TRIGGER write_mac;

CREATE TABLE vault_data.audit_floor (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	floor     interval NOT NULL
);
ALTER TABLE vault_data.audit_floor OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_floor FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON vault_data.audit_floor TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_floor', '');
ALTER TABLE vault_data.audit_floor ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody ON vault_data.audit_floor FOR SELECT TO vault_owner
	USING (true);
CREATE POLICY entry ON vault_data.audit_floor TO vault_exec
	USING (vault_data.is_inside());
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.audit_floor
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('audit_floor', 'floor');
ALTER TABLE vault_data.audit_floor ENABLE ALWAYS TRIGGER audit;

/*
 * Usage: who reads what, counted from the trail.
 *
 * Written by the log consumer alone (usage.c), some seconds behind the trail, and each row
 * of it exactly once. The counts can be made again from the trail, so
 * these tables write nothing there. principal_id is the zero uuid for callers without
 * identity, secret_id for names that are no secret, version 0 for none.
 */

CREATE TABLE vault_data.usage (
	tenant_id        uuid NOT NULL,
	secret_id        uuid NOT NULL,
	principal_id     uuid NOT NULL,
	version          integer NOT NULL,
	reads            bigint NOT NULL,
	failed           bigint NOT NULL,
	first_read_at    timestamptz,
	last_read_at     timestamptz,
	last_failed_at   timestamptz,
	last_at          timestamptz NOT NULL,
	principal        text,
	last_role        text,
	last_address     inet,
	last_application text,
	PRIMARY KEY (tenant_id, secret_id, principal_id, version)
) WITH (fillfactor = 70);
ALTER TABLE vault_data.usage OWNER TO vault_owner;
REVOKE ALL ON vault_data.usage FROM PUBLIC;
GRANT SELECT, DELETE ON vault_data.usage TO vault_exec;
ALTER TABLE vault_data.usage ALTER COLUMN principal SET STATISTICS 0,
	ALTER COLUMN last_role SET STATISTICS 0, ALTER COLUMN last_address SET STATISTICS 0,
	ALTER COLUMN last_application SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage', '');
ALTER TABLE vault_data.usage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.usage FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage TO vault_exec
	USING (vault_data.is_inside(tenant_id));

/* Counts by the hour, kept for 90 days. They tell the habits of a principal. */
CREATE TABLE vault_data.usage_hour (
	tenant_id    uuid NOT NULL,
	principal_id uuid NOT NULL,
	hour         timestamptz NOT NULL,
	calls        bigint NOT NULL,
	reads        bigint NOT NULL,
	denials      bigint NOT NULL,
	secrets      bigint NOT NULL,
	changed_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, principal_id, hour)
) WITH (fillfactor = 70);
CREATE INDEX usage_hour_changed ON vault_data.usage_hour (tenant_id, changed_at);
ALTER TABLE vault_data.usage_hour OWNER TO vault_owner;
REVOKE ALL ON vault_data.usage_hour FROM PUBLIC;
GRANT SELECT, DELETE ON vault_data.usage_hour TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_hour', '');
ALTER TABLE vault_data.usage_hour ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.usage_hour FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage_hour TO vault_exec
	USING (vault_data.is_inside(tenant_id));

/* Networks that a principal called from, kept until 90 days after the last use. */
CREATE TABLE vault_data.usage_network (
	tenant_id     uuid NOT NULL,
	principal_id  uuid NOT NULL,
	network       cidr NOT NULL,
	first_seen_at timestamptz NOT NULL,
	last_seen_at  timestamptz NOT NULL,
	calls         bigint NOT NULL,
	PRIMARY KEY (tenant_id, principal_id, network)
) WITH (fillfactor = 70);
ALTER TABLE vault_data.usage_network OWNER TO vault_owner;
REVOKE ALL ON vault_data.usage_network FROM PUBLIC;
GRANT SELECT, DELETE ON vault_data.usage_network TO vault_exec;
ALTER TABLE vault_data.usage_network ALTER COLUMN network SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_network', '');
ALTER TABLE vault_data.usage_network ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.usage_network FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage_network TO vault_exec
	USING (vault_data.is_inside(tenant_id));

/* Denials by address and minute, kept for 7 days. */
CREATE TABLE vault_data.usage_denial (
	tenant_id    uuid NOT NULL,
	principal_id uuid NOT NULL,
	address      inet NOT NULL,
	minute       timestamptz NOT NULL,
	denials      bigint NOT NULL,
	changed_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, principal_id, address, minute)
);
ALTER TABLE vault_data.usage_denial OWNER TO vault_owner;
REVOKE ALL ON vault_data.usage_denial FROM PUBLIC;
GRANT SELECT, DELETE ON vault_data.usage_denial TO vault_exec;
ALTER TABLE vault_data.usage_denial ALTER COLUMN address SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_denial', '');
ALTER TABLE vault_data.usage_denial ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.usage_denial FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage_denial TO vault_exec
	USING (vault_data.is_inside(tenant_id));

/* Grants that decided something. */
CREATE TABLE vault_data.usage_grant (
	tenant_id     uuid NOT NULL,
	grant_id      uuid NOT NULL,
	uses          bigint NOT NULL,
	first_used_at timestamptz NOT NULL,
	last_used_at  timestamptz NOT NULL,
	PRIMARY KEY (tenant_id, grant_id)
) WITH (fillfactor = 70);
ALTER TABLE vault_data.usage_grant OWNER TO vault_owner;
REVOKE ALL ON vault_data.usage_grant FROM PUBLIC;
GRANT SELECT, DELETE ON vault_data.usage_grant TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_grant', '');
ALTER TABLE vault_data.usage_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.usage_grant FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage_grant TO vault_exec
	USING (vault_data.is_inside(tenant_id));

/*
 * Anomalies: what a principal does that it has not done before, judged by the counts
 * of usage and never by the trail itself, so that the cost follows the principals that
 * were active and not the length of the trail.
 *
 * A run judges what the log consumer has brought since the last one and what is younger than
 * seven days. An anomaly is found once: the key is tenant, kind, principal, subject and window,
 * so that to judge something twice does no harm.
 */

CREATE TABLE vault_data.anomaly (
	tenant_id       uuid NOT NULL,
	id              uuid NOT NULL,
	kind            text COLLATE "C" NOT NULL,
	principal_id    uuid NOT NULL,
	subject         text COLLATE "C" NOT NULL,
	at              timestamptz NOT NULL,
	severity        text NOT NULL,
	evidence        jsonb NOT NULL,
	detected_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	acknowledged_at timestamptz,
	acknowledged_by text,
	note            text,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT anomaly_once UNIQUE (tenant_id, kind, principal_id, subject, at)
);
ALTER TABLE vault_data.anomaly OWNER TO vault_owner;
REVOKE ALL ON vault_data.anomaly FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.anomaly TO vault_exec;
ALTER TABLE vault_data.anomaly ALTER COLUMN subject SET STATISTICS 0,
	ALTER COLUMN evidence SET STATISTICS 0, ALTER COLUMN acknowledged_by SET STATISTICS 0,
	ALTER COLUMN note SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.anomaly', '');
ALTER TABLE vault_data.anomaly ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.anomaly FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.anomaly TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.anomaly
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('anomaly', 'kind', 'principal_id', 'at',
		'severity', 'acknowledged_by');
ALTER TABLE vault_data.anomaly ENABLE ALWAYS TRIGGER audit;

/* Thresholds that operators have changed; the others are in anomaly_defaults(). */
CREATE TABLE vault_data.anomaly_threshold (
	name  text COLLATE "C" PRIMARY KEY,
	value numeric NOT NULL
);
ALTER TABLE vault_data.anomaly_threshold OWNER TO vault_owner;
REVOKE ALL ON vault_data.anomaly_threshold FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.anomaly_threshold TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.anomaly_threshold', '');
ALTER TABLE vault_data.anomaly_threshold ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY sees_all_tenants ON vault_data.anomaly_threshold FOR SELECT TO vault_owner
	USING (vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.anomaly_threshold TO vault_exec
	USING (vault_data.is_inside());
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.anomaly_threshold
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('anomaly_threshold', '=name', 'value');
ALTER TABLE vault_data.anomaly_threshold ENABLE ALWAYS TRIGGER audit;

/* Until when the usage of a tenant was judged. */
CREATE TABLE vault_data.usage_evaluated (
	tenant_id uuid PRIMARY KEY,
	until     timestamptz NOT NULL
);
ALTER TABLE vault_data.usage_evaluated OWNER TO vault_owner;
REVOKE ALL ON vault_data.usage_evaluated FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.usage_evaluated TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_evaluated', '');
ALTER TABLE vault_data.usage_evaluated ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.usage_evaluated FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage_evaluated TO vault_exec
	USING (vault_data.is_inside(tenant_id));

/*
 * The tenant of a call, chosen or entered, and work that is done tenant by tenant.
 */

/* Helpers; each refuses to work outside of a call. */
CREATE FUNCTION vault_data.new_id() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_new_id';

CREATE FUNCTION vault_data.note(reason text, version integer DEFAULT 0) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_note';

/* Write an alert to the trail, in this transaction. */
CREATE FUNCTION vault_data.alert(object_kind text, object uuid, reason text) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_alert';

CREATE FUNCTION vault_data.check_identifier(what text, given text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_identifier';

CREATE FUNCTION vault_data.enter_tenant(name text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_enter_tenant';

CREATE FUNCTION vault_data.enter_new_tenant(name text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_enter_new_tenant';

CREATE FUNCTION vault_data.choose_tenant(name text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_choose_tenant';

CREATE FUNCTION vault_data.find_tenant(name text) RETURNS uuid
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_find_tenant';

CREATE FUNCTION vault_data.tenant_names() RETURNS text[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_tenant_names';

/*
 * Lock the policy of the call's tenant. The lock is not on the tenant's row, because operators
 * must be able to change the row.
 */
CREATE FUNCTION vault_data.lock_policy() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_lock_policy';

CREATE FUNCTION vault_data.new_tenant_key() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_new_tenant_key';

CREATE FUNCTION vault_data.fail(code text, message text, hint text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, HINT = hint;
END
$$;

/*
 * Do work tenant by tenant, up to a number of rows. vault_data.<work>(rows) does it for the tenant
 * of the call and returns the number of rows done. Each tenant gets an equal share of the rest. A
 * tenant with more rows goes on in the next round with the rows that others did not need. No
 * tenant is always first.
 */
CREATE FUNCTION vault_data.in_turns(p_work text, p_tenants text[], p_by_id boolean,
	p_max_rows integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	turn text[] := ARRAY(SELECT t FROM unnest(p_tenants) AS t ORDER BY random());
	more text[];
	share integer;
	done integer;
	total integer := 0;
BEGIN
	IF p_max_rows IS NULL OR p_max_rows <= 0 THEN
		PERFORM vault_data.fail('22023', 'invalid max_rows: must be positive',
			'Give the size of a batch.');
	END IF;
	WHILE total < p_max_rows AND cardinality(turn) > 0 LOOP
		more := '{}';
		FOR i IN 1 .. cardinality(turn) LOOP
			EXIT WHEN total >= p_max_rows;
			share := ceil((p_max_rows - total)::float8 / (cardinality(turn) - i + 1));
			IF p_by_id THEN
				PERFORM vault_data.enter_tenant_id(turn[i]::uuid);
			ELSE
				PERFORM vault_data.enter_tenant(turn[i]);
			END IF;
			EXECUTE format('SELECT vault_data.%I($1)', p_work) INTO done USING share;
			total := total + done;
			IF done >= share THEN
				more := more || turn[i];
			END IF;
		END LOOP;
		turn := more;
	END LOOP;
	/* The call itself belongs to no tenant. */
	PERFORM vault_data.enter_tenant_id('00000000-0000-0000-0000-000000000000');
	RETURN total;
END
$$;

CREATE FUNCTION vault_data.all_tenant_ids() RETURNS uuid[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_all_tenant_ids';

CREATE FUNCTION vault_data.enter_tenant_id(tenant uuid) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_enter_tenant_id';

GRANT EXECUTE ON FUNCTION vault_data.alert(text, uuid, text), vault_data.all_tenant_ids(),
	vault_data.check_identifier(text, text), vault_data.choose_tenant(text),
	vault_data.enter_new_tenant(text), vault_data.enter_tenant(text),
	vault_data.enter_tenant_id(uuid), vault_data.fail(text, text, text),
	vault_data.find_tenant(text), vault_data.in_turns(text, text[], boolean, integer),
	vault_data.lock_policy(), vault_data.new_id(), vault_data.new_tenant_key(),
	vault_data.note(text, integer), vault_data.tenant_names()
	TO vault_exec;

/*
 * MACs of rows for functions in SQL.
 */

/* The tables that C reads, as their features describe them (platform/tables.h). */
CREATE FUNCTION vault_data.table_info()
RETURNS TABLE (name text, kind text, verified_as text, tenant text, object text, title text,
	compared text, since text, goes_by_name boolean, covered integer, deleted_as integer)
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_table_info';
COMMENT ON FUNCTION vault_data.table_info()
	IS 'returns the tables and indexes that C reads: which rows have a MAC over how many columns, '
	'how vault.verify() reports them, and in which order vault.destroy_tenant() empties them';

/* Work on whole rows of these tables. Each function refuses to work outside of a call. */
CREATE FUNCTION vault_data.is_authentic(given record) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_authentic';

CREATE FUNCTION vault_data.require_authentic(given record) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_authentic';

GRANT EXECUTE ON FUNCTION vault_data.is_authentic(record), vault_data.require_authentic(record),
	vault_data.table_info()
	TO vault_exec;

/*
 * Whether this vault is a copy, for functions that act outside of the server.
 */

CREATE FUNCTION vault_data.held() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_held';
COMMENT ON FUNCTION vault_data.held()
	IS 'returns the reason for which this vault counts as a copy, or NULL';

CREATE FUNCTION vault_data.require_origin() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_origin';
COMMENT ON FUNCTION vault_data.require_origin()
	IS 'raises VT015 if the vault is held; called before every action outside of this server';

GRANT EXECUTE ON FUNCTION vault_data.held(), vault_data.require_origin()
	TO vault_exec;

/*
 * Announcements: a row of the outbox and its ids by NOTIFY, in the transaction that changes
 * something.
 */

CREATE FUNCTION vault_data.notification_kinds() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['rotated', 'rotation_due', 'rotation_failed', 'expiring', 'expired', 'extended',
	'deactivated', 'reactivated', 'deleted', 'undeleted', 'purge_due', 'anomaly', 'policy_changed',
	'tenant_created', 'tenant_suspended', 'tenant_resumed', 'tenant_destroyed',
	'administrator_appointed'];

CREATE FUNCTION vault_data.check_kinds(p_kinds text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF cardinality(p_kinds) NOT BETWEEN 1 AND 64 OR array_ndims(p_kinds) <> 1
		OR EXISTS (SELECT FROM unnest(p_kinds) AS k
			WHERE k IS NULL OR k <> ALL (vault_data.notification_kinds()))
	THEN
		PERFORM vault_data.fail('22023', 'invalid kind: there is no such kind of notification',
			format('Kinds are %s.', array_to_string(vault_data.notification_kinds(), ', ')));
	END IF;
END
$$;

/*
 * Write a notification and send its ids by NOTIFY. Every role of the database can listen, so NOTIFY
 * has ids only. The tenant is that of the call.
 */
CREATE FUNCTION vault_data.write_notification(p_tenant uuid, p_kind text, p_severity text,
	p_secret uuid, p_name text, p_environment text, p_payload jsonb)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.check_kinds(ARRAY[p_kind]);
	INSERT INTO vault_data.notification
		(tenant_id, id, kind, severity, secret_id, secret, environment, payload)
	VALUES (p_tenant, new_id, p_kind, p_severity, p_secret, p_name, p_environment,
		COALESCE(p_payload, '{}'));
	/* A copy does not notify. What it writes is delivered if the copy is adopted. */
	IF vault_data.held() IS NULL THEN
		PERFORM pg_notify('vault', jsonb_strip_nulls(jsonb_build_object('tenant', p_tenant,
			'id', new_id, 'kind', p_kind, 'secret', p_secret))::text);
	END IF;
	RETURN new_id;
END
$$;

/* Announce something that concerns no single secret. The payload has no values. */
CREATE FUNCTION vault_data.announce(p_tenant uuid, p_kind text, p_severity text, p_payload jsonb)
RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.write_notification(p_tenant, p_kind, p_severity, NULL, NULL, NULL, p_payload)
$$;
COMMENT ON FUNCTION vault_data.announce(uuid, text, text, jsonb)
	IS 'writes a notification and sends its ids by NOTIFY, with the present transaction';

/* Announce one change of the policy for each call, however many changes the call makes. */
CREATE FUNCTION vault_data.policy_changed() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_policy_changed';

GRANT EXECUTE ON FUNCTION vault_data.announce(uuid, text, text, jsonb),
	vault_data.check_kinds(text[]), vault_data.notification_kinds(), vault_data.policy_changed(),
	vault_data.write_notification(uuid, text, text, uuid, text, text, jsonb)
	TO vault_exec;

/*
 * Bindings of principals to database roles, reservations, and the questions who the caller is.
 */

CREATE FUNCTION vault_data.bind_role(principal uuid, db_role text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_bind_role';

CREATE FUNCTION vault_data.require_reservable(db_role text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_reservable';

CREATE FUNCTION vault_data.require_administrator() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_administrator';

CREATE FUNCTION vault_data.is_administrator() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_administrator';

CREATE FUNCTION vault_data.is_auditor() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_auditor';

/* Return true if the role of the binding exists, under the same name. */
CREATE FUNCTION vault_data.is_live(binding vault_data.principal_binding) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT EXISTS (SELECT FROM pg_roles r
		WHERE r.oid = binding.db_role AND r.rolname = binding.role_name)
$$;

/* Wait for a concurrent binding of the role, and see it. */
CREATE FUNCTION vault_data.reserve_role(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	IF p_db_role IS NULL OR octet_length(p_db_role) NOT BETWEEN 1 AND 63 THEN
		PERFORM vault_data.fail('22023', 'invalid role: its name does not have 1 to 63 bytes',
			'Name a database role; it need not exist yet.');
	END IF;
	PERFORM vault_data.require_reservable(p_db_role);
	INSERT INTO vault_data.role_reservation (tenant_id, role_name) VALUES (this_tenant, p_db_role)
	ON CONFLICT DO NOTHING;
END
$$;

CREATE FUNCTION vault_data.release_role(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	DELETE FROM vault_data.role_reservation WHERE tenant_id = this_tenant AND role_name = p_db_role;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the role is not reserved for the tenant',
			'The view vault.reserved_roles shows those that are.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.sees_policy(tenant uuid, principal uuid) RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_sees_policy';
COMMENT ON FUNCTION vault_data.sees_policy(uuid, uuid)
	IS 'returns true if the caller may see rows about the principal: its own and those of its '
	'roles, all of its tenant for administrators and members of auditor, all for operators '
	'and auditors';

/* Find a principal, or a role that is not built in. */
CREATE FUNCTION vault_data.find_principal(p_tenant uuid, p_name text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_row vault_data.principal;
BEGIN
	SELECT * INTO found_row FROM vault_data.principal
	WHERE tenant_id = p_tenant AND name = p_name AND kind <> 'built-in role';
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such principal',
			'The views vault.principals and vault.roles show them.');
	END IF;
	PERFORM vault_data.require_authentic(found_row);
	RETURN found_row.id;
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.sees_policy(uuid, uuid)
	TO vault_client, vault_admin, vault_auditor, vault_exec, vault_owner;
GRANT EXECUTE ON FUNCTION vault_data.bind_role(uuid, text), vault_data.find_principal(uuid, text),
	vault_data.is_administrator(), vault_data.is_auditor(),
	vault_data.is_live(vault_data.principal_binding), vault_data.release_role(text, text),
	vault_data.require_administrator(), vault_data.require_reservable(text),
	vault_data.reserve_role(text, text)
	TO vault_exec;

/*
 * Decisions and delegation: what the caller may do, and which rights it may give and take.
 */

/* Helpers. Each refuses to work outside of a call, or only checks a text. */
CREATE FUNCTION vault_data.require(permission text, name text, environment text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require';

CREATE FUNCTION vault_data.permitted(permission text, name text, environment text) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_permitted';

CREATE FUNCTION vault_data.may_delegate(given vault_data.access_grant, permissions text[])
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_delegate';

CREATE FUNCTION vault_data.may_change_member(role uuid, removes boolean) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_change_member';

CREATE FUNCTION vault_data.check_membership(role uuid, member uuid) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_membership';

/*
 * Return the result of policy_is_administrator() for any principal of the tenant; may_administer()
 * does so without regard to denials.
 */
CREATE FUNCTION vault_data.administers(principal uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_administers';

CREATE FUNCTION vault_data.may_administer(principal uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_administer';

CREATE FUNCTION vault_data.reaches_administrator(subject uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_reaches_administrator';

/* Return the administrators of the call's tenant that are bound to an existing role. */
CREATE FUNCTION vault_data.administrators(for_good boolean) RETURNS uuid[]
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_administrators';

CREATE FUNCTION vault_data.holds_nothing(role uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_holds_nothing';

CREATE FUNCTION vault_data.holds_denial(role uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_holds_denial';

CREATE FUNCTION vault_data.check_addresses(addresses text[]) RETURNS text[]
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_addresses';

CREATE FUNCTION vault_data.check_windows(windows text[]) RETURNS text[]
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_windows';

CREATE FUNCTION vault_data.check_services(services text[]) RETURNS text[]
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_services';

CREATE FUNCTION vault_data.check_name(name text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_name';

CREATE FUNCTION vault_data.check_pattern(name_pattern text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_pattern';

CREATE FUNCTION vault_data.check_permissions(permissions text[]) RETURNS text[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_permissions';

CREATE FUNCTION vault_data.check_environment(given text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_environment';
COMMENT ON FUNCTION vault_data.check_environment(text)
	IS 'returns the environment if it may be named: a declared one, if the tenant has declared any';

CREATE FUNCTION vault_data.environment(given text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_environment';

CREATE FUNCTION vault_data.name_matches(name text, name_pattern text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_name_matches';

CREATE FUNCTION vault_data.sees_secret(tenant uuid, name text, environment text) RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_sees_secret';
COMMENT ON FUNCTION vault_data.sees_secret(uuid, text, text)
	IS 'returns true if the caller may know of the secret: by any permission on its name, or '
	'as operator or auditor';

/*
 * Check the rows of a tenant before rows of other principals decide, for example on its
 * administrators.
 */
CREATE FUNCTION vault_data.require_authentic_rows(p_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_authentic(b) FROM vault_data.principal_binding b
	WHERE b.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(g) FROM vault_data.access_grant g
	WHERE g.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(m) FROM vault_data.role_member m
	WHERE m.tenant_id = p_tenant;
END
$$;

CREATE FUNCTION vault_data.refuse_delegation() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.fail('42501', 'permission denied to give or take these permissions here',
		'You need "grant" on names that cover the pattern, and every permission that you give.');
END
$$;

/*
 * Return true if the caller can hand out all that the principal holds. Only such a caller may take
 * a principal out of action; otherwise a caller with fewer rights could make room for another
 * principal, which an operator appoints. Any principal may take itself out of action.
 */
CREATE FUNCTION vault_data.reaches_all_of(p_principal uuid) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT p_principal IS NOT DISTINCT FROM vault_data.caller_principal()
		OR vault_data.may_change_member(p_principal, false)
$$;

CREATE FUNCTION vault_data.require_reaches_all_of(p_principal uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT vault_data.reaches_all_of(p_principal) THEN
		PERFORM vault_data.fail('42501',
			'permission denied: the principal holds more than you can give',
			'Ask who holds as much; its grants and memberships can be taken back before, but an '
			'administrator''s by their equals only.');
	END IF;
END
$$;

/*
 * Get the administrators of the tenant before a change that can end their rights: all of them,
 * those for good, and those that the caller could not make administrators again. The lock
 * serializes such changes.
 */
CREATE FUNCTION vault_data.begin_change_of_administrators() RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	at_all uuid[];
BEGIN
	PERFORM vault_data.lock_policy();
	/* The removal of an administrator by an operator depends on the rows of other principals. */
	IF NOT vault_data.is_administrator() THEN
		PERFORM vault_data.require_authentic_rows(vault.current_tenant_id());
	END IF;
	at_all := vault_data.administrators(false);
	RETURN jsonb_build_object('at_all', at_all, 'for_good', vault_data.administrators(true),
		'beyond', ARRAY(SELECT p FROM unnest(at_all) AS p WHERE NOT vault_data.reaches_all_of(p)));
END
$$;

/*
 * Check the administrators after the change. A tenant without an administrator gets one from an
 * operator, so no client may bring that about.
 */
CREATE FUNCTION vault_data.end_change_of_administrators(p_before jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	at_all jsonb := to_jsonb(vault_data.administrators(false));
	for_good jsonb := to_jsonb(vault_data.administrators(true));
BEGIN
	IF EXISTS (SELECT FROM jsonb_array_elements_text(p_before->'beyond') AS p
		WHERE NOT at_all ? p OR (p_before->'for_good' ? p AND NOT for_good ? p))
	THEN
		PERFORM vault_data.fail('42501',
			'permission denied: this would take an administrator away who holds more than you '
			'can give',
			'An administrator who holds as much can.');
	END IF;
	IF (p_before->'at_all' <> '[]' AND at_all = '[]')
		OR (p_before->'for_good' <> '[]' AND for_good = '[]')
	THEN
		PERFORM vault_data.fail('55000', 'the tenant would have no administrator any more',
			'Make another one first, bound to a database role, with "grant" on ** and neither '
			'an end nor a denial of it; where the database roles of all are gone, an operator '
			'appoints one.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.refuse_against_administrator() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.fail('42501',
		'permission denied to take or deny an administrator what you do not hold',
		'An administrator who holds these permissions can.');
END
$$;

CREATE FUNCTION vault_data.caller_principal() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_caller_principal';

GRANT EXECUTE ON FUNCTION vault_data.sees_secret(uuid, text, text)
	TO vault_client, vault_admin, vault_auditor, vault_exec, vault_owner;
GRANT EXECUTE ON FUNCTION vault_data.administers(uuid), vault_data.administrators(boolean),
	vault_data.begin_change_of_administrators(), vault_data.caller_principal(),
	vault_data.check_addresses(text[]), vault_data.check_environment(text),
	vault_data.check_membership(uuid, uuid), vault_data.check_name(text),
	vault_data.check_pattern(text), vault_data.check_permissions(text[]),
	vault_data.check_services(text[]), vault_data.check_windows(text[]),
	vault_data.end_change_of_administrators(jsonb), vault_data.environment(text),
	vault_data.holds_denial(uuid), vault_data.holds_nothing(uuid), vault_data.may_administer(uuid),
	vault_data.may_change_member(uuid, boolean),
	vault_data.may_delegate(vault_data.access_grant, text[]), vault_data.name_matches(text, text),
	vault_data.permitted(text, text, text), vault_data.reaches_administrator(uuid),
	vault_data.reaches_all_of(uuid), vault_data.refuse_against_administrator(),
	vault_data.refuse_delegation(), vault_data.require(text, text, text),
	vault_data.require_authentic_rows(uuid), vault_data.require_reaches_all_of(uuid)
	TO vault_exec;

/*
 * Grants: checked, given and revoked.
 */

/* Require a year of four digits, because times are stored and written to documents. */
CREATE FUNCTION vault_data.check_time(argument text, given timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF given NOT BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN
		PERFORM vault_data.fail('22023',
			format('invalid %s: must be between the years 1 and 9999', argument),
			'Give another time, or NULL.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.add_grant(given vault_data.access_grant) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	given.id := vault_data.new_id();
	INSERT INTO vault_data.access_grant (tenant_id, id, principal_id, effect, permissions,
		name_pattern, environments, addresses, windows, services,
		require_tls, require_session_user, valid_from, valid_until, created_by)
	VALUES (vault.current_tenant_id(), given.id, given.principal_id, given.effect,
		given.permissions, given.name_pattern, given.environments,
		given.addresses, given.windows, given.services, given.require_tls,
		given.require_session_user, given.valid_from, given.valid_until,
		vault_data.caller_principal());
	RETURN given.id;
END
$$;

/* Return the grant in its stored form, or raise an error that names its fault. */
CREATE FUNCTION vault_data.check_grant(given vault_data.access_grant)
RETURNS vault_data.access_grant
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	environment text;
BEGIN
	given.permissions := CASE WHEN given.permissions IS NOT NULL
		THEN ARRAY(SELECT lower(u.p COLLATE "C")
			FROM unnest(given.permissions) WITH ORDINALITY AS u (p, n) ORDER BY u.n) END;
	given.effect := lower(given.effect COLLATE "C");
	PERFORM vault_data.check_permissions(given.permissions);
	PERFORM vault_data.check_pattern(given.name_pattern);
	IF given.effect IS NULL OR given.effect NOT IN ('allow', 'deny') THEN
		PERFORM vault_data.fail('22023', 'invalid effect: a grant allows or denies',
			'Give ''allow'' or ''deny''.');
	END IF;
	IF cardinality(given.environments) = 0 OR cardinality(given.environments) > 64 THEN
		PERFORM vault_data.fail('22023',
			'invalid environments: the list is empty or longer than 64',
			'Give NULL for all environments.');
	END IF;
	FOREACH environment IN ARRAY COALESCE(given.environments, '{}') LOOP
		PERFORM vault_data.check_identifier('environment', environment);
	END LOOP;
	given.addresses := vault_data.check_addresses(given.addresses);
	given.windows := vault_data.check_windows(given.windows);
	given.services := vault_data.check_services(given.services);
	given.require_tls := NULLIF(given.require_tls, false);
	given.require_session_user := NULLIF(given.require_session_user, false);
	given.valid_from := NULLIF(given.valid_from, '-infinity');
	given.valid_until := NULLIF(given.valid_until, 'infinity');
	IF given.valid_from >= given.valid_until OR given.valid_from = 'infinity'
		OR given.valid_until = '-infinity'
	THEN
		PERFORM vault_data.fail('22023',
			'invalid valid_until: the grant would end before it begins',
			'Give a later time, or NULL for no end.');
	END IF;
	PERFORM vault_data.check_time('valid_from', given.valid_from);
	PERFORM vault_data.check_time('valid_until', given.valid_until);
	RETURN given;
END
$$;

/* Store a checked grant, if the caller may give it. */
CREATE FUNCTION vault_data.give(given vault_data.access_grant) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	stops boolean := false;
	before jsonb;
BEGIN
	/*
	 * Serialize with memberships: one that is being made could put an administrator under this
	 * principal.
	 */
	IF given.effect = 'deny' THEN
		PERFORM vault_data.lock_policy();
		stops := vault_data.reaches_administrator(given.principal_id);
	END IF;
	IF NOT vault_data.may_delegate(given,
		CASE given.effect WHEN 'allow' THEN given.permissions ELSE '{grant}' END)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	/*
	 * An administrator cannot take back a denial of its own permissions. So only an administrator
	 * that may grant these permissions can deny them to one.
	 */
	IF stops
		AND NOT (vault_data.is_administrator()
			AND vault_data.may_delegate(given, given.permissions))
	THEN
		PERFORM vault_data.refuse_against_administrator();
	END IF;
	PERFORM vault_data.check_environment(e) FROM unnest(given.environments) AS e;
	IF NOT stops OR NOT 'grant' = ANY (given.permissions) THEN
		RETURN vault_data.add_grant(given);
	END IF;
	before := vault_data.begin_change_of_administrators();
	given.id := vault_data.add_grant(given);
	PERFORM vault_data.end_change_of_administrators(before);
	RETURN given.id;
END
$$;

CREATE FUNCTION vault_data."grant"(p_grantee text, p_permissions text[], p_pattern text,
	p_environments text[], p_effect text, p_addresses text[], p_windows text[], p_services text[],
	p_require_tls boolean, p_valid_from timestamptz, p_valid_until timestamptz,
	p_require_session_user boolean)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	given.tenant_id := vault.current_tenant_id();
	given.effect := p_effect;
	given.permissions := p_permissions;
	given.name_pattern := p_pattern;
	given.environments := p_environments;
	given.addresses := p_addresses;
	given.windows := p_windows;
	given.services := p_services;
	given.require_tls := p_require_tls;
	given.require_session_user := p_require_session_user;
	given.valid_from := p_valid_from;
	given.valid_until := p_valid_until;
	given := vault_data.check_grant(given);
	IF NOT vault_data.may_delegate(given,
		CASE given.effect WHEN 'allow' THEN given.permissions ELSE '{grant}' END)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	given.principal_id := vault_data.find_principal(given.tenant_id, p_grantee);
	PERFORM vault_data.policy_changed();
	RETURN vault_data.give(given);
END
$$;

/*
 * Parse a list of permissions. A literal is a text first: one permission, several with commas
 * between them, or an array.
 */
CREATE FUNCTION vault_data.permission_list(p_permissions text) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_permissions ~ '^\s*\{' THEN
		RETURN p_permissions::text[];
	END IF;
	RETURN string_to_array(regexp_replace(p_permissions, '\s', '', 'g'), ',');
EXCEPTION WHEN data_exception THEN
	PERFORM vault_data.fail('22023', 'invalid permissions: the list is malformed',
		'Give for example ''read'', or ''{read,list}''.');
END
$$;

CREATE FUNCTION vault_data."grant"(p_grantee text, p_permissions text, p_pattern text,
	p_environments text[], p_effect text, p_addresses text[], p_windows text[], p_services text[],
	p_require_tls boolean, p_valid_from timestamptz, p_valid_until timestamptz,
	p_require_session_user boolean)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RETURN vault_data."grant"(p_grantee, vault_data.permission_list(p_permissions), p_pattern,
		p_environments, p_effect, p_addresses, p_windows,
		p_services, p_require_tls, p_valid_from, p_valid_until, p_require_session_user);
END
$$;

CREATE FUNCTION vault_data.revoke(p_grant_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
	makes boolean;
	before jsonb;
BEGIN
	SELECT * INTO given FROM vault_data.access_grant
	WHERE tenant_id = vault.current_tenant_id() AND id = p_grant_id;
	IF NOT FOUND
		OR NOT vault_data.may_delegate(given,
			CASE given.effect WHEN 'deny' THEN given.permissions ELSE '{grant}' END)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	/*
	 * Only an administrator that may grant the same takes an allowance from an administrator,
	 * unless the allowance has ended or was changed outside.
	 */
	IF given.effect = 'allow' AND NOT vault_data.may_delegate(given, given.permissions)
		AND given.principal_id <> vault_data.caller_principal()
		AND COALESCE(given.valid_until > clock_timestamp(), true) AND vault_data.is_authentic(given)
		AND vault_data.reaches_administrator(given.principal_id)
	THEN
		PERFORM vault_data.refuse_against_administrator();
	END IF;
	/* The effect of the grant decides the right to take it back, so its row must be authentic. */
	IF NOT vault_data.is_administrator() THEN
		PERFORM vault_data.require_authentic(given);
	END IF;
	/* A grant that was changed outside stops its principal; taking it back ends that. */
	makes := given.effect = 'allow' AND 'grant' = ANY (given.permissions)
		AND given.name_pattern = '**' AND given.environments IS NULL
		AND vault_data.is_authentic(given);
	IF makes THEN
		before := vault_data.begin_change_of_administrators();
	END IF;
	DELETE FROM vault_data.access_grant
	WHERE tenant_id = vault.current_tenant_id() AND id = p_grant_id;
	IF makes THEN
		PERFORM vault_data.end_change_of_administrators(before);
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.add_grant(vault_data.access_grant),
	vault_data.check_grant(vault_data.access_grant), vault_data.check_time(text, timestamptz),
	vault_data.give(vault_data.access_grant),
	vault_data."grant"(text, text[], text, text[], text, text[], text[], text[], boolean, timestamptz, timestamptz, boolean),
	vault_data."grant"(text, text, text, text[], text, text[], text[], text[], boolean, timestamptz, timestamptz, boolean),
	vault_data.permission_list(text), vault_data.revoke(uuid)
	TO vault_exec;

/*
 * Principals: made, dropped, and bound to database roles. A principal that is taken out of action
 * may be an administrator, so these functions ask what the caller can give.
 */

CREATE FUNCTION vault_data.add_principal(p_tenant uuid, p_name text, p_kind text, p_db_role text)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.check_identifier('principal name', p_name);
	p_kind := lower(p_kind COLLATE "C");
	IF p_kind IS NULL OR p_kind NOT IN ('user', 'service') THEN
		PERFORM vault_data.fail('22023', 'invalid kind: a principal is a user or a service',
			'Give ''user'' or ''service''.');
	END IF;
	IF EXISTS (SELECT FROM vault_data.principal
		WHERE tenant_id = p_tenant AND name = p_name AND kind <> 'built-in role')
	THEN
		PERFORM vault_data.fail('23505', format('principal "%s" already exists', p_name),
			'Choose another name.');
	END IF;
	INSERT INTO vault_data.principal (tenant_id, id, name, kind)
	VALUES (p_tenant, new_id, p_name, p_kind);
	IF p_db_role IS NOT NULL THEN
		IF EXISTS (SELECT FROM vault_data.principal_binding b
			WHERE b.tenant_id = p_tenant AND b.role_name = p_db_role AND vault_data.is_live(b))
		THEN
			PERFORM vault_data.fail('23505',
				format('role "%s" is bound to a principal already', p_db_role),
				'vault.drop_principal() frees it.');
		END IF;
		PERFORM vault_data.bind_role(new_id, p_db_role);
	END IF;
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.create_principal(p_name text, p_kind text, p_db_role text, p_tenant text)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.policy_changed();
	RETURN vault_data.add_principal(this_tenant, p_name, p_kind, p_db_role);
END
$$;

CREATE FUNCTION vault_data.drop_principal(p_name text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	subject uuid;
	before jsonb;
BEGIN
	PERFORM vault_data.require_administrator();
	subject := vault_data.find_principal(this_tenant, p_name);
	IF EXISTS (SELECT FROM vault_data.principal p
		WHERE p.tenant_id = this_tenant AND p.id = subject AND p.kind = 'role')
	THEN
		PERFORM vault_data.fail('42809', format('"%s" is a role', p_name),
			'vault.drop_role() takes it away.');
	END IF;
	before := vault_data.begin_change_of_administrators();
	/* A caller that removes administrators could have another one appointed, which could read. */
	IF vault_data.is_administrator() THEN
		PERFORM vault_data.require_reaches_all_of(subject);
	ELSIF before->'at_all' ? subject::text THEN
		PERFORM vault_data.fail('42501', 'permission denied to drop an administrator of the tenant',
			'Another administrator of the tenant can.');
	END IF;
	DELETE FROM vault_data.principal WHERE tenant_id = this_tenant AND id = subject;
	PERFORM vault_data.end_change_of_administrators(before);
	PERFORM vault_data.policy_changed();
END
$$;

CREATE FUNCTION vault_data.require_person_or_service(p_tenant uuid, p_name text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	subject uuid := vault_data.find_principal(p_tenant, p_name);
BEGIN
	IF (SELECT p.kind FROM vault_data.principal p
		WHERE p.tenant_id = p_tenant AND p.id = subject) NOT IN ('user', 'service')
	THEN
		PERFORM vault_data.fail('42809', format('"%s" is a role', p_name),
			'Name a principal; vault.add_member() makes it a member of the role.');
	END IF;
	RETURN subject;
END
$$;

/*
 * Take a role away, from the principal or from the role in this tenant. A concurrent binding waits
 * for the lock on the tenant's row. A bound role has all that the principal holds, which
 * add_binding() requires of the caller.
 */
CREATE FUNCTION vault_data.bind_role(p_principal text, p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	subject uuid;
	bound text;
BEGIN
	PERFORM vault_data.require_administrator();
	IF NOT vault_data.is_administrator() THEN
		PERFORM vault_data.fail('42501', 'permission denied to bind a principal that is there',
			'An administrator of the tenant can; operators bind what they make, and appoint '
			'administrators with vault.appoint_admin().');
	END IF;
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	subject := vault_data.require_person_or_service(this_tenant, p_principal);
	IF p_db_role IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid db_role: must not be null',
			'Name a database role; vault.unbind_role() takes a binding away.');
	END IF;
	SELECT b.role_name INTO bound FROM vault_data.principal_binding b
	WHERE b.tenant_id = this_tenant AND b.principal_id = subject AND vault_data.is_live(b)
	ORDER BY b.role_name <> p_db_role LIMIT 1;
	IF bound IS NOT NULL THEN
		PERFORM vault_data.fail('55000',
			format('principal "%s" is bound to role "%s"', p_principal, bound),
			'vault.unbind_role() takes that binding away.');
	END IF;
	IF EXISTS (SELECT FROM vault_data.principal_binding b
		WHERE b.tenant_id = this_tenant AND b.role_name = p_db_role AND vault_data.is_live(b))
	THEN
		PERFORM vault_data.fail('23505',
			format('role "%s" is bound to a principal already', p_db_role),
			'vault.unbind_role() frees it.');
	END IF;
	PERFORM vault_data.add_binding(this_tenant, subject, p_db_role, false);
	PERFORM vault_data.policy_changed();
END
$$;

CREATE FUNCTION vault_data.unbind_role(p_principal text, p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	subject uuid;
	before jsonb;
BEGIN
	PERFORM vault_data.require_administrator();
	subject := vault_data.require_person_or_service(this_tenant, p_principal);
	before := vault_data.begin_change_of_administrators();
	/* Check the same as when a principal is dropped. */
	IF vault_data.is_administrator() THEN
		PERFORM vault_data.require_reaches_all_of(subject);
	ELSIF before->'at_all' ? subject::text
		AND EXISTS (SELECT FROM vault_data.principal_binding b
			WHERE b.tenant_id = this_tenant AND b.principal_id = subject
				AND b.role_name = COALESCE(p_db_role, b.role_name) AND vault_data.is_live(b))
	THEN
		PERFORM vault_data.fail('42501',
			'permission denied to unbind an administrator of the tenant',
			'Another administrator of the tenant can.');
	END IF;
	DELETE FROM vault_data.principal_binding b
	WHERE b.tenant_id = this_tenant AND b.principal_id = subject
		AND b.role_name = COALESCE(p_db_role, b.role_name);
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the principal is not bound to this role',
			'The view vault.principals shows what it is bound to.');
	END IF;
	PERFORM vault_data.end_change_of_administrators(before);
	PERFORM vault_data.policy_changed();
END
$$;

/*
 * A role that is bound to a principal has all that it holds, so to bind a role is to hand that out.
 * Operators bind principals that they create with the same document. A principal that holds nothing
 * may be waiting for its grants, and be identified by token.
 */
CREATE FUNCTION vault_data.add_binding(p_tenant uuid, p_principal uuid, p_db_role text,
	p_is_new boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT vault_data.may_change_member(p_principal, false)
		AND (vault_data.is_administrator() OR NOT p_is_new
			OR EXISTS (SELECT FROM vault_data.principal_binding b
				WHERE b.tenant_id = p_tenant AND b.principal_id = p_principal))
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	PERFORM vault_data.bind_role(p_principal, p_db_role);
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.add_binding(uuid, uuid, text, boolean),
	vault_data.add_principal(uuid, text, text, text), vault_data.bind_role(text, text, text),
	vault_data.create_principal(text, text, text, text), vault_data.drop_principal(text, text),
	vault_data.require_person_or_service(uuid, text), vault_data.unbind_role(text, text, text)
	TO vault_exec;

/*
 * Roles: named sets of grants inside a tenant, held by principals and by other roles, nested
 * up to eight deep and never in a cycle.
 *
 * The built-in ones hold the same on ** in every tenant (see policy/grants.c), so they
 * cannot be dropped or changed; principals may have their names.
 */

CREATE FUNCTION vault_data.add_built_in_roles(p_tenant uuid) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	INSERT INTO vault_data.principal (tenant_id, id, name, kind)
	SELECT p_tenant, vault_data.new_id(), r.name, 'built-in role'
	FROM unnest(ARRAY['owner', 'admin', 'writer', 'reader', 'rotator', 'auditor']) AS r (name)
$$;

/* A name that a built-in role has too means the built-in role. */
CREATE FUNCTION vault_data.find_role(p_tenant uuid, p_name text) RETURNS vault_data.principal
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_row vault_data.principal;
BEGIN
	SELECT * INTO found_row FROM vault_data.principal p
	WHERE p.tenant_id = p_tenant AND p.name = p_name AND p.kind IN ('role', 'built-in role')
	ORDER BY p.kind LIMIT 1;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such role', 'The view vault.roles shows them.');
	END IF;
	PERFORM vault_data.require_authentic(found_row);
	RETURN found_row;
END
$$;

CREATE FUNCTION vault_data.add_role(p_tenant uuid, p_name text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.check_identifier('role name', p_name);
	IF EXISTS (SELECT FROM vault_data.principal WHERE tenant_id = p_tenant AND name = p_name) THEN
		PERFORM vault_data.fail('23505', format('a principal or role "%s" already exists', p_name),
			'Choose another name.');
	END IF;
	INSERT INTO vault_data.principal (tenant_id, id, name, kind)
	VALUES (p_tenant, new_id, p_name, 'role');
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.create_role(p_name text, p_tenant text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.policy_changed();
	RETURN vault_data.add_role(this_tenant, p_name);
END
$$;

CREATE FUNCTION vault_data.drop_role(p_name text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	subject vault_data.principal;
	makes boolean;
	before jsonb;
BEGIN
	PERFORM vault_data.require_administrator();
	subject := vault_data.find_role(this_tenant, p_name);
	IF subject.kind = 'built-in role' THEN
		PERFORM vault_data.fail('42501', format('the role "%s" is built in', p_name),
			'Take its members away with vault.remove_member().');
	END IF;
	PERFORM vault_data.lock_policy();
	/*
	 * The role's grants go with it, and what its members have through it. An operator could so
	 * remove administrators.
	 */
	IF NOT vault_data.may_change_member(subject.id, true)
		AND (vault_data.is_administrator() OR NOT vault_data.holds_nothing(subject.id))
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	/* Only a caller that could give the permissions to its administrators drops it. */
	IF NOT vault_data.may_change_member(subject.id, false)
		AND vault_data.reaches_administrator(subject.id)
	THEN
		PERFORM vault_data.refuse_against_administrator();
	END IF;
	makes := vault_data.may_administer(subject.id);
	IF makes THEN
		before := vault_data.begin_change_of_administrators();
	END IF;
	DELETE FROM vault_data.principal WHERE tenant_id = this_tenant AND id = subject.id;
	IF makes THEN
		PERFORM vault_data.end_change_of_administrators(before);
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

CREATE FUNCTION vault_data.add_member(p_role text, p_member text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	chosen vault_data.principal;
	member uuid;
	stops boolean;
	before jsonb;
BEGIN
	PERFORM vault_data.check_identifier('role', p_role);
	PERFORM vault_data.check_identifier('member', p_member);
	/* Run one at a time, because two concurrent memberships could make a cycle. */
	PERFORM vault_data.lock_policy();
	chosen := vault_data.find_role(this_tenant, p_role);
	IF NOT vault_data.may_change_member(chosen.id, false) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	member := vault_data.find_principal(this_tenant, p_member);
	IF EXISTS (SELECT FROM vault_data.role_member m
		WHERE m.tenant_id = this_tenant AND m.role_id = chosen.id AND m.member_id = member)
	THEN
		PERFORM vault_data.fail('23505',
			format('"%s" is a member of the role "%s" already', p_member, p_role),
			'The view vault.role_members shows who is a member of what.');
	END IF;
	PERFORM vault_data.check_membership(chosen.id, member);
	stops := vault_data.holds_denial(chosen.id) AND vault_data.reaches_administrator(member);
	IF stops
		AND NOT (vault_data.is_administrator() AND vault_data.may_change_member(chosen.id, true))
	THEN
		PERFORM vault_data.refuse_against_administrator();
	ELSIF stops THEN
		before := vault_data.begin_change_of_administrators();
	END IF;
	INSERT INTO vault_data.role_member (tenant_id, id, role_id, member_id, created_by)
	VALUES (this_tenant, vault_data.new_id(), chosen.id, member, vault_data.caller_principal());
	IF stops THEN
		PERFORM vault_data.end_change_of_administrators(before);
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

CREATE FUNCTION vault_data.remove_member(p_role text, p_member text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	chosen vault_data.principal;
	member uuid;
	makes boolean;
	before jsonb;
BEGIN
	PERFORM vault_data.check_identifier('role', p_role);
	PERFORM vault_data.check_identifier('member', p_member);
	PERFORM vault_data.lock_policy();
	chosen := vault_data.find_role(this_tenant, p_role);
	IF NOT vault_data.may_change_member(chosen.id, true) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	member := vault_data.find_principal(this_tenant, p_member);
	/*
	 * Only a caller that could give the permissions takes them from an administrator. A membership
	 * that was changed outside stops its member; to end it ends that.
	 */
	makes := EXISTS (SELECT FROM vault_data.role_member m
		WHERE m.tenant_id = this_tenant AND m.role_id = chosen.id AND m.member_id = member
			AND vault_data.is_authentic(m));
	IF makes AND member <> vault_data.caller_principal()
		AND NOT vault_data.may_change_member(chosen.id, false)
		AND vault_data.reaches_administrator(member)
	THEN
		PERFORM vault_data.refuse_against_administrator();
	END IF;
	makes := makes AND vault_data.may_administer(chosen.id);
	IF makes THEN
		before := vault_data.begin_change_of_administrators();
	END IF;
	DELETE FROM vault_data.role_member m
	WHERE m.tenant_id = this_tenant AND m.role_id = chosen.id AND m.member_id = member;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704',
			format('"%s" is not a member of the role "%s"', p_member, p_role),
			'The view vault.role_members shows who is a member of what.');
	END IF;
	IF makes THEN
		PERFORM vault_data.end_change_of_administrators(before);
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.add_built_in_roles(uuid), vault_data.add_member(text, text),
	vault_data.add_role(uuid, text), vault_data.create_role(text, text),
	vault_data.drop_role(text, text), vault_data.find_role(uuid, text),
	vault_data.remove_member(text, text)
	TO vault_exec;

/*
 * Tokens that the vault issues, and the roles that may show tokens.
 */

CREATE FUNCTION vault_data.check_issuer(issuer text, audience text, max_lifetime interval,
	principal_claim text, tenant_claim text, role_claim text, address_claim text,
	groups_claim text, required_claims text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_issuer';

/*
 * Return the keys that verify tokens, as they are stored. A NOTICE names those that were passed
 * over.
 */
CREATE FUNCTION vault_data.read_jwks(jwks text, algorithms text[]) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_read_jwks';

CREATE FUNCTION vault_data.check_subject(what text, subject text, match text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_subject';

CREATE FUNCTION vault_data.bind_token_role(db_role text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_bind_token_role';

CREATE FUNCTION vault_data.sign_token(id uuid, principal text, expires_at timestamptz, db_role text)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_sign_token';

CREATE FUNCTION vault_data.token_life() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_token_life';

CREATE FUNCTION vault_data.token_quota(of_tenant boolean) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_token_quota';
COMMENT ON FUNCTION vault_data.token_quota(boolean)
	IS 'returns the number of tokens for a single use that have not expired which a tenant or '
	'a principal may have';

CREATE FUNCTION vault_data.shows_token() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_shows_token';

CREATE FUNCTION vault_data.allow_tokens(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_db_role IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid role: must not be null', 'Name a database role.');
	END IF;
	PERFORM vault_data.bind_token_role(p_db_role);
	PERFORM vault_data.policy_changed();
END
$$;

CREATE FUNCTION vault_data.disallow_tokens(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	/*
	 * Find the role by its present name, or by the name that it had: the view shows one of the two.
	 */
	DELETE FROM vault_data.token_role o WHERE o.tenant_id = this_tenant AND (o.role_name = p_db_role
		OR o.db_role = (SELECT r.oid FROM pg_roles r WHERE r.rolname = p_db_role));
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the role does not show tokens',
			'The view vault.token_roles shows those that do.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

/* Delete the rows of tokens that cannot be used any more; called when others are made. */
CREATE FUNCTION vault_data.forget_tokens(p_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF current_setting('transaction_isolation') = 'read committed' THEN
		DELETE FROM vault_data.issued_token t WHERE t.tenant_id = p_tenant AND t.id = ANY (ARRAY(
			SELECT e.id FROM vault_data.issued_token e
			WHERE e.tenant_id = p_tenant AND e.expires_at < clock_timestamp() - '1 hour'::interval
			LIMIT 20 FOR UPDATE SKIP LOCKED));
	END IF;
END
$$;

/*
 * A used token is remembered until it expires, in a table that all tenants share. Therefore the
 * number of such tokens is limited, used or not.
 */
CREATE FUNCTION vault_data.require_token_quota(p_tenant uuid, p_subject uuid, p_principal text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	of_tenant bigint;
	of_principal bigint;
BEGIN
	SELECT count(*), count(*) FILTER (WHERE t.principal_id = p_subject) INTO of_tenant, of_principal
	FROM vault_data.issued_token t
	WHERE t.tenant_id = p_tenant AND t.single_use AND t.expires_at > clock_timestamp();
	IF of_principal >= vault_data.token_quota(false) THEN
		PERFORM vault_data.fail('54000',
			format('principal "%s" has %s tokens for a single use that have not expired',
				p_principal, of_principal),
			'They count until they expire, used or not: give them a shorter ttl, or wait.');
	ELSIF of_tenant >= vault_data.token_quota(true) THEN
		PERFORM vault_data.fail('54000',
			format('the tenant has %s tokens for a single use that have not expired', of_tenant),
			'They count until they expire, used or not: give them a shorter ttl, or wait.');
	END IF;
END
$$;

/*
 * The bearer of a principal's token has all that it holds, as a member of a role has what that
 * holds. A token cannot be prolonged with another: a caller who showed one
 * gets none.
 */
CREATE FUNCTION vault_data.issue_token(p_principal text, p_ttl interval, p_single_use boolean,
	p_db_role text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	new_id uuid := vault_data.new_id();
	expires timestamptz;
	subject uuid;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	SELECT p.id INTO subject FROM vault_data.principal p
	WHERE p.tenant_id = this_tenant AND p.name = p_principal AND p.kind IN ('user', 'service');
	IF vault_data.shows_token()
		OR (subject IS DISTINCT FROM vault_data.caller_principal()
			AND NOT vault_data.is_administrator())
	THEN
		PERFORM vault_data.fail('42501', 'permission denied to issue a token for this principal',
			'Administrators of the tenant issue tokens for all, others for themselves; a caller '
			'who showed a token gets none.');
	END IF;
	subject := vault_data.find_principal(this_tenant, p_principal);
	IF EXISTS (SELECT FROM vault_data.principal p
		WHERE p.tenant_id = this_tenant AND p.id = subject AND p.kind NOT IN ('user', 'service'))
	THEN
		PERFORM vault_data.fail('42704', 'no such principal: it is a role',
			'Issue the token for one of its members.');
	END IF;
	IF subject IS DISTINCT FROM vault_data.caller_principal()
		AND NOT vault_data.may_change_member(subject, false)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	IF p_single_use IS NULL OR p_ttl IS NULL OR p_ttl < '1 second' OR p_ttl > '1 day'
		OR (p_single_use AND p_ttl > '1 hour')
	THEN
		PERFORM vault_data.fail('22023',
			'invalid ttl: must be between one second and one day, or one hour for a single use',
			'Give an interval such as ''15 minutes''.');
	END IF;
	IF p_db_role IS NOT NULL
		AND NOT EXISTS (SELECT FROM vault_data.token_role r
			WHERE r.tenant_id = this_tenant AND r.role_name = p_db_role)
	THEN
		PERFORM vault_data.fail('22023', 'invalid role: it does not show tokens',
			'vault.allow_tokens() lets it.');
	END IF;
	expires := clock_timestamp() + p_ttl;
	PERFORM vault_data.forget_tokens(this_tenant);
	IF p_single_use THEN
		PERFORM vault_data.require_token_quota(this_tenant, subject, p_principal);
	END IF;
	PERFORM vault_data.note(format('token %s for %s', new_id, p_principal));
	INSERT INTO vault_data.issued_token (tenant_id, id, principal_id, expires_at, single_use, life,
		created_by)
	VALUES (this_tenant, new_id, subject, expires, p_single_use, vault_data.token_life(),
		vault_data.caller_principal());
	RETURN vault_data.sign_token(new_id, p_principal, expires, p_db_role);
END
$$;

CREATE FUNCTION vault_data.revoke_token(p_jti uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.note(format('token %s', p_jti));
	DELETE FROM vault_data.issued_token WHERE tenant_id = vault.current_tenant_id() AND id = p_jti
		AND (principal_id = vault_data.caller_principal() OR vault_data.is_administrator());
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such token',
			'The view vault.issued_tokens shows those that count.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.revoke_tokens(p_principal text, p_tenant text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	subject uuid;
	gone integer;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	SELECT p.id INTO subject FROM vault_data.principal p
	WHERE p.tenant_id = this_tenant AND p.name = p_principal AND p.kind IN ('user', 'service');
	IF subject IS NULL OR subject IS DISTINCT FROM vault_data.caller_principal() THEN
		PERFORM vault_data.require_administrator();
		subject := vault_data.find_principal(this_tenant, p_principal);
	END IF;
	DELETE FROM vault_data.issued_token WHERE tenant_id = this_tenant AND principal_id = subject;
	GET DIAGNOSTICS gone = ROW_COUNT;
	PERFORM vault_data.note(format('%s tokens of %s', gone, p_principal));
	RETURN gone;
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.allow_tokens(text, text), vault_data.bind_token_role(text),
	vault_data.check_issuer(text, text, interval, text, text, text, text, text, text),
	vault_data.check_subject(text, text, text), vault_data.disallow_tokens(text, text),
	vault_data.forget_tokens(uuid), vault_data.issue_token(text, interval, boolean, text),
	vault_data.read_jwks(text, text[]), vault_data.require_token_quota(uuid, uuid, text),
	vault_data.revoke_token(uuid), vault_data.revoke_tokens(text, text), vault_data.shows_token(),
	vault_data.sign_token(uuid, text, timestamptz, text), vault_data.token_life(),
	vault_data.token_quota(boolean)
	TO vault_exec;

/*
 * Issuers whose tokens count in a tenant, and their keys.
 */

/*
 * An issuer speaks for every principal, future ones too, so only a caller that holds everything may
 * add one. Operators too can drop it.
 */
CREATE FUNCTION vault_data.require_holder_of_everything() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	everything vault_data.access_grant;
BEGIN
	everything.tenant_id := vault.current_tenant_id();
	everything.effect := 'allow';
	everything.permissions := vault_data.all_permissions();
	everything.name_pattern := '**';
	IF NOT vault_data.may_delegate(everything, everything.permissions) THEN
		PERFORM vault_data.fail('42501',
			'permission denied: an issuer speaks for every principal of the tenant',
			'Ask who holds every permission on ** in every environment, as members of the role '
			'"owner" do; operators cannot do this for them.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.check_claim_mapping(p_mapping jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(p_mapping) <> 'object' THEN
		PERFORM vault_data.fail('22023', 'invalid claim_mapping: it is not an object',
			'Give an object such as {"principal": "client_id"}.');
	END IF;
	IF EXISTS (SELECT FROM jsonb_each(p_mapping) AS m
		WHERE m.key NOT IN ('principal', 'tenant', 'role', 'address', 'groups')
			OR jsonb_typeof(m.value) <> 'string')
	THEN
		PERFORM vault_data.fail('22023',
			'invalid claim_mapping: a member is not known, or is not a string',
			'Members are principal, tenant, role, address and groups; each is the name of a '
			'claim, or a JSON pointer to it.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.claim_mapping(given vault_data.token_issuer) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object('principal', given.principal_claim,
		'tenant', given.tenant_claim, 'role', given.role_claim, 'address', given.address_claim,
		'groups', given.groups_claim))
$$;

/* Return the issuer as it is stored, or raise an error that names its fault. */
CREATE FUNCTION vault_data.read_issuer_row(given vault_data.token_issuer, p_mapping jsonb,
	p_required_claims jsonb) RETURNS vault_data.token_issuer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.check_identifier('issuer name', given.name);
	PERFORM vault_data.check_claim_mapping(p_mapping);
	given.principal_claim := p_mapping->>'principal';
	given.tenant_claim := p_mapping->>'tenant';
	given.role_claim := p_mapping->>'role';
	given.address_claim := p_mapping->>'address';
	given.groups_claim := p_mapping->>'groups';
	given.required_claims := NULLIF(NULLIF(p_required_claims, '{}'), 'null')::text;
	PERFORM vault_data.check_issuer(given.issuer, given.audience, given.max_lifetime,
		given.principal_claim, given.tenant_claim, given.role_claim, given.address_claim,
		given.groups_claim, given.required_claims);
	given.jwks := vault_data.read_jwks(given.jwks, given.algorithms);
	given.kids := ARRAY(SELECT k.value->>'kid' FROM jsonb_array_elements(given.jwks::jsonb->'keys')
		WITH ORDINALITY AS k ORDER BY k.ordinality);
	RETURN given;
END
$$;

/* Add the issuer that was read, in the caller's name. */
CREATE FUNCTION vault_data.store_issuer(given vault_data.token_issuer) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	new_id uuid := vault_data.new_id();
BEGIN
	IF EXISTS (SELECT FROM vault_data.token_issuer i
		WHERE i.tenant_id = this_tenant AND i.name = given.name)
	THEN
		PERFORM vault_data.fail('23505', format('issuer "%s" already exists', given.name),
			'Choose another name, or change its keys with vault.set_issuer_keys().');
	END IF;
	IF (SELECT count(*) FROM vault_data.token_issuer i WHERE i.tenant_id = this_tenant) >= 16 THEN
		PERFORM vault_data.fail('54000', 'the tenant has 16 issuers',
			'Remove one with vault.remove_issuer().');
	END IF;
	INSERT INTO vault_data.token_issuer (tenant_id, id, name, issuer, audience, jwks,
		principal_claim,
		tenant_claim, role_claim, address_claim, max_lifetime, groups_claim, algorithms,
		required_claims, by_name, kids)
	VALUES (this_tenant, new_id, given.name, given.issuer, given.audience, given.jwks,
		given.principal_claim, given.tenant_claim, given.role_claim, given.address_claim,
		given.max_lifetime, given.groups_claim, given.algorithms, given.required_claims,
		given.by_name, given.kids);
	PERFORM vault_data.policy_changed();
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.add_issuer(p_name text, p_issuer text, p_audience text, p_jwks text,
	p_mapping jsonb, p_max_lifetime interval, p_tenant text, p_algorithms text[],
	p_required_claims jsonb, p_by_name boolean)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	given vault_data.token_issuer;
BEGIN
	PERFORM vault_data.require_holder_of_everything();
	given.name := p_name;
	given.issuer := p_issuer;
	given.audience := p_audience;
	given.jwks := p_jwks;
	given.max_lifetime := p_max_lifetime;
	given.algorithms := p_algorithms;
	given.by_name := p_by_name;
	RETURN vault_data.store_issuer(vault_data.read_issuer_row(given, p_mapping, p_required_claims));
END
$$;

CREATE FUNCTION vault_data.find_issuer(p_tenant uuid, p_name text) RETURNS vault_data.token_issuer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_row vault_data.token_issuer;
BEGIN
	PERFORM vault_data.check_identifier('issuer name', p_name);
	SELECT * INTO found_row FROM vault_data.token_issuer i
	WHERE i.tenant_id = p_tenant AND i.name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such issuer', 'The view vault.issuers shows them.');
	END IF;
	PERFORM vault_data.require_authentic(found_row);
	RETURN found_row;
END
$$;

/* Keep the mappings of its subjects and groups. */
CREATE FUNCTION vault_data.replace_issuer(p_tenant uuid, given vault_data.token_issuer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	UPDATE vault_data.token_issuer SET issuer = given.issuer, audience = given.audience,
		jwks = given.jwks, principal_claim = given.principal_claim,
		tenant_claim = given.tenant_claim, role_claim = given.role_claim,
		address_claim = given.address_claim, max_lifetime = given.max_lifetime,
		groups_claim = given.groups_claim, algorithms = given.algorithms,
		required_claims = given.required_claims, by_name = given.by_name, kids = given.kids,
		updated_at = clock_timestamp()
	WHERE tenant_id = p_tenant AND name = given.name;
	PERFORM vault_data.policy_changed();
END
$$;

CREATE FUNCTION vault_data.set_issuer_keys(p_name text, p_jwks text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	changed vault_data.token_issuer;
BEGIN
	PERFORM vault_data.require_holder_of_everything();
	changed := vault_data.find_issuer(this_tenant, p_name);
	changed.jwks := p_jwks;
	PERFORM vault_data.replace_issuer(this_tenant, vault_data.read_issuer_row(changed,
		vault_data.claim_mapping(changed), changed.required_claims::jsonb));
END
$$;

CREATE FUNCTION vault_data.remove_issuer(p_name text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	DELETE FROM vault_data.token_issuer WHERE tenant_id = this_tenant AND name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such issuer', 'The view vault.issuers shows them.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

GRANT EXECUTE ON FUNCTION
	vault_data.add_issuer(text, text, text, text, jsonb, interval, text, text[], jsonb, boolean),
	vault_data.check_claim_mapping(jsonb), vault_data.claim_mapping(vault_data.token_issuer),
	vault_data.find_issuer(uuid, text),
	vault_data.read_issuer_row(vault_data.token_issuer, jsonb, jsonb),
	vault_data.remove_issuer(text, text), vault_data.replace_issuer(uuid, vault_data.token_issuer),
	vault_data.require_holder_of_everything(), vault_data.set_issuer_keys(text, text, text),
	vault_data.store_issuer(vault_data.token_issuer)
	TO vault_exec;

/*
 * Principals that subjects of issuers stand for, and roles that their groups give.
 */

/*
 * A subject of a principal lets the token's bearer have all that the principal holds:
 * adding one needs the rights to issue a token for the principal, and a caller who showed a token
 * cannot make what the token gives last longer.
 */
CREATE FUNCTION vault_data.require_may_speak_for(p_principal uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF vault_data.shows_token() OR NOT vault_data.is_administrator() THEN
		PERFORM vault_data.fail('42501', 'permission denied to name subjects of principals',
			'Administrators of the tenant do, by their own role and not by a token; operators '
			'cannot do this for them.');
	END IF;
	IF p_principal IS DISTINCT FROM vault_data.caller_principal()
		AND NOT vault_data.may_change_member(p_principal, false)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
END
$$;

/* Return a principal that can have tokens. A role of the tenant cannot. */
CREATE FUNCTION vault_data.find_speaker(p_tenant uuid, p_name text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_id uuid;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_name);
	found_id := vault_data.find_principal(p_tenant, p_name);
	IF EXISTS (SELECT FROM vault_data.principal p
		WHERE p.tenant_id = p_tenant AND p.id = found_id AND p.kind NOT IN ('user', 'service'))
	THEN
		PERFORM vault_data.fail('42704', 'no such principal: it is a role',
			'Name one of its members.');
	END IF;
	RETURN found_id;
END
$$;

CREATE FUNCTION vault_data.add_subject(p_principal text, p_issuer text, p_subject text,
	p_match text, p_tenant text)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	named uuid;
	issuer vault_data.token_issuer;
	new_id uuid := vault_data.new_id();
BEGIN
	/* A caller without the right learns no names. */
	PERFORM vault_data.require_may_speak_for(vault_data.caller_principal());
	named := vault_data.find_speaker(this_tenant, p_principal);
	PERFORM vault_data.require_may_speak_for(named);
	issuer := vault_data.find_issuer(this_tenant, p_issuer);
	PERFORM vault_data.check_subject('subject', p_subject, p_match);
	/* Run one at a time, so that the check for other subjects sees the present state. */
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	IF EXISTS (SELECT FROM vault_data.external_subject e WHERE e.tenant_id = this_tenant
		AND e.issuer_id = issuer.id AND e.subject = p_subject AND e.match = p_match)
	THEN
		PERFORM vault_data.fail('23505',
			'the issuer has this subject already, of this principal or of another',
			'The view vault.subjects shows them; vault.remove_subject() takes one away.');
	END IF;
	/* The mark stays for good: after the last subject is removed, names must not count again. */
	UPDATE vault_data.token_issuer SET by_name = false
	WHERE tenant_id = this_tenant AND id = issuer.id AND by_name IS NULL;
	IF FOUND THEN
		RAISE NOTICE USING
			MESSAGE = format('names of principals are no subjects of the issuer "%s" any more',
				p_issuer),
			HINT = 'Its tokens for principals without a subject there are refused from now on; '
				'an issuer with by_name lets both count.';
	END IF;
	IF p_match = 'pattern' AND (SELECT count(*) FROM vault_data.external_subject e
		WHERE e.tenant_id = this_tenant AND e.issuer_id = issuer.id AND e.match = 'pattern') >= 1000
	THEN
		PERFORM vault_data.fail('54000', 'the issuer has 1000 patterns of subjects',
			'Remove one with vault.remove_subject().');
	END IF;
	INSERT INTO vault_data.external_subject (tenant_id, id, issuer_id, principal_id, subject, match,
		created_by)
	VALUES (this_tenant, new_id, issuer.id, named, p_subject, p_match,
		vault_data.caller_principal());
	PERFORM vault_data.policy_changed();
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.remove_subject(p_principal text, p_issuer text, p_subject text,
	p_match text, p_tenant text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.check_identifier('principal', p_principal);
	PERFORM vault_data.check_identifier('issuer name', p_issuer);
	DELETE FROM vault_data.external_subject e
	USING vault_data.token_issuer i, vault_data.principal p
	WHERE e.tenant_id = this_tenant AND e.subject = p_subject AND e.match = p_match
		AND i.tenant_id = e.tenant_id AND i.id = e.issuer_id AND i.name = p_issuer
		AND p.tenant_id = e.tenant_id AND p.id = e.principal_id AND p.name = p_principal;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such subject of this principal',
			'The view vault.subjects shows them.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

/*
 * To map a group to a role is to hand out what the role holds to every member that the issuer
 * names. So it requires what adding a member requires. Administrators may be among the members.
 */
CREATE FUNCTION vault_data.map_group(p_issuer text, p_group text, p_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	chosen vault_data.principal;
	issuer vault_data.token_issuer;
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.check_identifier('role', p_role);
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	chosen := vault_data.find_role(this_tenant, p_role);
	IF vault_data.shows_token() OR NOT vault_data.may_change_member(chosen.id, false)
		OR (vault_data.holds_denial(chosen.id)
			AND NOT (vault_data.is_administrator()
				AND vault_data.may_change_member(chosen.id, true)))
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	issuer := vault_data.find_issuer(this_tenant, p_issuer);
	PERFORM vault_data.check_subject('group', p_group, 'exact');
	IF issuer.groups_claim IS NULL THEN
		PERFORM vault_data.fail('55000', 'the issuer has no claim for groups',
			'Add it with a claim_mapping that has the member "groups".');
	END IF;
	IF EXISTS (SELECT FROM vault_data.group_role g WHERE g.tenant_id = this_tenant
		AND g.issuer_id = issuer.id AND g.group_name = p_group AND g.role_id = chosen.id)
	THEN
		PERFORM vault_data.fail('23505', format('the group gives the role "%s" already', p_role),
			'The view vault.group_roles shows which do.');
	END IF;
	IF (SELECT count(*) FROM vault_data.group_role g
		WHERE g.tenant_id = this_tenant AND g.issuer_id = issuer.id) >= 256
	THEN
		PERFORM vault_data.fail('54000', 'the issuer has 256 groups that give roles',
			'Take one away with vault.unmap_group().');
	END IF;
	INSERT INTO vault_data.group_role (tenant_id, id, issuer_id, group_name, role_id, created_by)
	VALUES (this_tenant, new_id, issuer.id, p_group, chosen.id, vault_data.caller_principal());
	PERFORM vault_data.policy_changed();
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.unmap_group(p_issuer text, p_group text, p_role text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	chosen vault_data.principal;
BEGIN
	PERFORM vault_data.check_identifier('role', p_role);
	chosen := vault_data.find_role(this_tenant, p_role);
	IF NOT vault_data.may_change_member(chosen.id, true) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	PERFORM vault_data.check_identifier('issuer name', p_issuer);
	DELETE FROM vault_data.group_role g USING vault_data.token_issuer i
	WHERE g.tenant_id = this_tenant AND g.group_name = p_group AND g.role_id = chosen.id
		AND i.tenant_id = g.tenant_id AND i.id = g.issuer_id AND i.name = p_issuer;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', format('the group does not give the role "%s"', p_role),
			'The view vault.group_roles shows which do.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.add_subject(text, text, text, text, text),
	vault_data.find_speaker(uuid, text), vault_data.map_group(text, text, text),
	vault_data.remove_subject(text, text, text, text, text), vault_data.require_may_speak_for(uuid),
	vault_data.unmap_group(text, text, text)
	TO vault_exec;

/*
 * Subscribers and the order of notifications. Consumers of a tenant lock its row of
 * notification_order one after the other.
 */

/*
 * Return true if the caller may know of the secret. A notification without a secret is visible to
 * callers that see the policy.
 */
CREATE FUNCTION vault_data.may_know(p_secret text, p_environment text) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.caller_principal() IS NULL OR vault_data.is_administrator()
		OR (p_secret IS NOT NULL AND vault_data.permitted('list', p_secret, p_environment))
$$;

/* Return a subscriber that the caller may act as. Raises the same error for that of another. */
CREATE FUNCTION vault_data.find_subscriber(p_tenant text, p_name text) RETURNS vault_data.subscriber
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	found_row vault_data.subscriber;
BEGIN
	PERFORM vault_data.check_identifier('subscriber', p_name);
	SELECT * INTO found_row FROM vault_data.subscriber b
	WHERE b.tenant_id = this_tenant AND b.name = p_name;
	IF NOT FOUND OR NOT (vault_data.caller_principal() IS NULL OR vault_data.is_administrator()
		OR found_row.principal_id IS NOT DISTINCT FROM vault_data.caller_principal())
	THEN
		PERFORM vault_data.fail('42704', 'no such subscriber',
			'The view vault.subscribers shows them; vault.subscribe() makes one.');
	END IF;
	RETURN found_row;
END
$$;

/*
 * Give positions to committed notifications that have none. While another consumer does so, only
 * those with a position are delivered.
 */
CREATE FUNCTION vault_data.order_notifications(p_tenant uuid, p_wait boolean) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	last bigint;
	added bigint;
BEGIN
	IF p_wait THEN
		SELECT o.position INTO last FROM vault_data.notification_order o
		WHERE o.tenant_id = p_tenant FOR UPDATE;
	ELSE
		SELECT o.position INTO last FROM vault_data.notification_order o
		WHERE o.tenant_id = p_tenant FOR UPDATE SKIP LOCKED;
	END IF;
	IF last IS NULL THEN
		RETURN;
	END IF;
	UPDATE vault_data.notification n SET position = last + r.number
	FROM (SELECT w.id, row_number() OVER (ORDER BY w.at, w.id) AS number
		FROM vault_data.notification w WHERE w.tenant_id = p_tenant AND w.position IS NULL) AS r
	WHERE n.tenant_id = p_tenant AND n.id = r.id;
	GET DIAGNOSTICS added = ROW_COUNT;
	IF added > 0 THEN
		UPDATE vault_data.notification_order SET position = last + added WHERE tenant_id = p_tenant;
	END IF;
END
$$;

CREATE FUNCTION vault_data.subscribe(p_name text, p_kinds text[], p_principal text, p_tenant text)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.check_identifier('subscriber', p_name);
	PERFORM vault_data.check_kinds(p_kinds);
	INSERT INTO vault_data.notification_order (tenant_id) VALUES (this_tenant)
	ON CONFLICT DO NOTHING;
	PERFORM vault_data.order_notifications(this_tenant, true);
	IF EXISTS (SELECT FROM vault_data.subscriber b
		WHERE b.tenant_id = this_tenant AND b.name = p_name)
	THEN
		PERFORM vault_data.fail('23505', format('subscriber "%s" already exists', p_name),
			'Choose another name, or vault.unsubscribe() it.');
	END IF;
	IF (SELECT count(*) FROM vault_data.subscriber b WHERE b.tenant_id = this_tenant) >= 64 THEN
		PERFORM vault_data.fail('54000', 'the tenant has 64 subscribers',
			'Take one away with vault.unsubscribe().');
	END IF;
	INSERT INTO vault_data.subscriber (tenant_id, id, name, kinds, principal_id, since,
		acknowledged)
	SELECT this_tenant, new_id, p_name, p_kinds,
		CASE WHEN p_principal IS NOT NULL
		THEN vault_data.find_principal(this_tenant, p_principal) END,
		o.position, o.position
	FROM vault_data.notification_order o WHERE o.tenant_id = this_tenant;
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.unsubscribe(p_name text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	DELETE FROM vault_data.subscriber WHERE tenant_id = this_tenant AND name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such subscriber',
			'The view vault.subscribers shows them.');
	END IF;
END
$$;

/*
 * Acknowledge notifications of other kinds, which no call need look at again. Those that the caller
 * may not know of now wait as long as notifications are kept: a grant may come into force.
 */
CREATE FUNCTION vault_data.pass_over(consumer vault_data.subscriber, p_last bigint) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	passed bigint;
BEGIN
	SELECT COALESCE(min(w.position) - 1, p_last) INTO passed FROM vault_data.notification w
	WHERE w.tenant_id = consumer.tenant_id AND w.position > consumer.acknowledged
		AND w.position <= p_last
		AND (consumer.kinds IS NULL OR w.kind = ANY (consumer.kinds))
		AND w.at >= clock_timestamp() - current_setting('vault.notification_retention')::interval;
	IF passed > consumer.acknowledged THEN
		UPDATE vault_data.subscriber l SET acknowledged = passed
		WHERE l.tenant_id = consumer.tenant_id AND l.id = consumer.id;
	END IF;
END
$$;

/*
 * Return the next notifications of a subscriber, oldest first. They are leased to the caller: until
 * the lease ends, or all of them are acknowledged, other callers get none. A consumer that dies or
 * rolls back loses nothing, because only acknowledge() moves on. Notifications that the caller may
 * not know of at the moment are left out and hold up nothing.
 */
CREATE FUNCTION vault_data.next_notifications(p_subscriber text, p_max_rows integer,
	p_lease interval, p_tenant text)
RETURNS TABLE (id uuid, at timestamptz, kind text, severity text, secret_id uuid, secret text,
	environment text, payload jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	consumer vault_data.subscriber := vault_data.find_subscriber(p_tenant, p_subscriber);
	item vault_data.notification;
	taken bigint;
	last bigint;
BEGIN
	PERFORM vault_data.require_origin();
	IF p_max_rows IS NULL OR p_max_rows NOT BETWEEN 1 AND 10000 THEN
		PERFORM vault_data.fail('22023', 'invalid max_rows: must be between 1 and 10000',
			'Give the size of a batch.');
	END IF;
	IF p_lease IS NULL OR p_lease NOT BETWEEN '0' AND '1 day' THEN
		PERFORM vault_data.fail('22023', 'invalid lease: must be between 0 and one day',
			'Give the time that delivering the batch may take.');
	END IF;
	SELECT * INTO consumer FROM vault_data.subscriber l
	WHERE l.tenant_id = consumer.tenant_id AND l.id = consumer.id
	FOR NO KEY UPDATE SKIP LOCKED;
	IF NOT FOUND OR consumer.leased_until > clock_timestamp() THEN
		RETURN;
	END IF;
	PERFORM vault_data.order_notifications(consumer.tenant_id, false);
	SELECT o.position INTO last FROM vault_data.notification_order o
	WHERE o.tenant_id = consumer.tenant_id;
	FOR item IN
		SELECT * FROM vault_data.notification w
		WHERE w.tenant_id = consumer.tenant_id AND w.position > consumer.acknowledged
			AND w.position <= last
			AND (consumer.kinds IS NULL OR w.kind = ANY (consumer.kinds))
			AND vault_data.may_know(w.secret, w.environment)
		ORDER BY w.position LIMIT p_max_rows
	LOOP
		taken := item.position;
		id := item.id;
		at := item.at;
		kind := item.kind;
		severity := item.severity;
		secret_id := item.secret_id;
		secret := item.secret;
		environment := item.environment;
		payload := item.payload;
		RETURN NEXT;
	END LOOP;
	IF taken IS NOT NULL THEN
		UPDATE vault_data.subscriber l
		SET leased_to = taken, leased_until = clock_timestamp() + p_lease
		WHERE l.tenant_id = consumer.tenant_id AND l.id = consumer.id;
		RETURN;
	END IF;
	PERFORM vault_data.pass_over(consumer, last);
END
$$;

CREATE FUNCTION vault_data.acknowledge(p_subscriber text, p_notification uuid, p_tenant text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	consumer vault_data.subscriber := vault_data.find_subscriber(p_tenant, p_subscriber);
	done bigint;
BEGIN
	SELECT n.position INTO done FROM vault_data.notification n
	WHERE n.tenant_id = consumer.tenant_id AND n.id = p_notification AND n.position > consumer.since
		AND (consumer.kinds IS NULL OR n.kind = ANY (consumer.kinds))
		AND vault_data.may_know(n.secret, n.environment);
	IF done IS NULL THEN
		PERFORM vault_data.fail('42704', 'no such notification of this subscriber',
			'Acknowledge what vault.next_notifications() returned.');
	END IF;
	UPDATE vault_data.subscriber l
	SET acknowledged = GREATEST(l.acknowledged, done), acknowledged_at = clock_timestamp(),
		leased_until = CASE WHEN l.leased_to > done THEN l.leased_until END
	WHERE l.tenant_id = consumer.tenant_id AND l.id = consumer.id;
END
$$;

/*
 * Delete notifications that all their subscribers have acknowledged, and those without a
 * subscriber.
 */
CREATE FUNCTION vault_data.forget_notifications_of_tenant(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	before timestamptz := clock_timestamp()
		- current_setting('vault.notification_retention')::interval;
	this_tenant uuid := vault.current_tenant_id();
	gone integer;
BEGIN
	DELETE FROM vault_data.notification n WHERE n.tenant_id = this_tenant AND n.id = ANY (ARRAY(
		SELECT o.id FROM vault_data.notification o
		WHERE o.tenant_id = this_tenant AND o.at < before
			AND NOT EXISTS (SELECT FROM vault_data.subscriber b
				WHERE b.tenant_id = this_tenant AND (b.kinds IS NULL OR o.kind = ANY (b.kinds))
					AND (o.position IS NULL OR o.position > b.acknowledged))
		LIMIT p_max_rows FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS gone = ROW_COUNT;
	RETURN gone;
END
$$;

CREATE FUNCTION vault_data.forget_notifications(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RETURN vault_data.in_turns('forget_notifications_of_tenant',
		vault_data.all_tenant_ids()::text[], true, p_max_rows);
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.acknowledge(text, uuid, text),
	vault_data.find_subscriber(text, text), vault_data.forget_notifications(integer),
	vault_data.forget_notifications_of_tenant(integer), vault_data.may_know(text, text),
	vault_data.next_notifications(text, integer, interval, text),
	vault_data.order_notifications(uuid, boolean),
	vault_data.pass_over(vault_data.subscriber, bigint),
	vault_data.subscribe(text, text[], text, text), vault_data.unsubscribe(text, text)
	TO vault_exec;

/*
 * Types and policies: checked, added, changed and dropped.
 */

/* Return the built-in types. The view converts the numbers of days. */
CREATE FUNCTION vault_data.builtin_types()
RETURNS TABLE (name text, description text, fields text, takes_policy boolean, generates boolean,
	min_length integer, max_length integer, min_entropy integer, generated_length integer,
	history integer, rotation_days integer, lifetime_days integer, recovery_days integer,
	warn_days integer[])
LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_builtin_types';

CREATE FUNCTION vault_data.type_function(function oid, checks boolean) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_type_function';

CREATE FUNCTION vault_data.type_is_used(name text) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_type_is_used';

CREATE FUNCTION vault_data.require_strong_type(tenant uuid, name text) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_strong_type';

CREATE FUNCTION vault_data.require_type_author() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_type_author';

CREATE FUNCTION vault_data.tell_users_of_type(id uuid, name text, detail jsonb) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_tell_users_of_type';

CREATE FUNCTION vault_data.warnings(days integer[]) RETURNS interval[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT pg_catalog.array_agg(pg_catalog.make_interval(days => d.days) ORDER BY d.number)
	FROM pg_catalog.unnest(days) WITH ORDINALITY AS d (days, number)
$$;

/* Return the lifetimes of values of each type in a tenant: for expiry, rotation and deletion. */
CREATE FUNCTION vault_data.type_lifecycles(p_tenant uuid)
RETURNS TABLE (type text, rotation_interval interval, max_lifetime interval,
	recovery_window interval, warn_at interval[])
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT t.name, COALESCE(p.rotation_interval, t.rotation_interval),
		COALESCE(p.max_lifetime, t.max_lifetime),
		COALESCE(p.recovery_window, t.recovery_window), COALESCE(p.warn_at, t.warn_at)
	FROM (SELECT b.name, make_interval(days => b.rotation_days) AS rotation_interval,
		make_interval(days => b.lifetime_days) AS max_lifetime,
		make_interval(days => b.recovery_days) AS recovery_window,
				vault_data.warnings(b.warn_days) AS warn_at
		FROM vault_data.builtin_types() b
		UNION ALL
		SELECT a.name, a.rotation_interval, a.max_lifetime, a.recovery_window, a.warn_at
		FROM vault_data.secret_type a) AS t
		LEFT JOIN vault_data.type_policy p ON p.tenant_id = p_tenant AND p.type = t.name
$$;

/* Raise 22023 for the first invalid setting. */
CREATE FUNCTION vault_data.check_type_settings(p_min_length integer, p_max_length integer,
	p_classes text[], p_excluded text, p_prefix text, p_min_entropy integer,
	p_generated_length integer, p_history integer, p_rotation_interval interval,
	p_max_lifetime interval, p_recovery_window interval, p_warn_at interval[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_min_length NOT BETWEEN 1 AND 1024 THEN
		PERFORM vault_data.fail('22023', 'invalid min_length: must be between 1 and 1024',
			'Give a number of bytes.');
	ELSIF p_max_length NOT BETWEEN 1 AND 1048576 OR p_max_length < p_min_length THEN
		PERFORM vault_data.fail('22023',
			'invalid max_length: it is below min_length, or not between 1 and 1048576',
			'Give a number of bytes.');
	ELSIF NOT p_classes <@ ARRAY['lower', 'upper', 'digit', 'symbol']
		OR array_position(p_classes, NULL) IS NOT NULL
	THEN
		PERFORM vault_data.fail('22023', 'invalid classes: there is no such class',
			'Classes are lower, upper, digit and symbol.');
	ELSIF p_excluded !~ '^[!-~]{0,64}$' THEN
		PERFORM vault_data.fail('22023',
			'invalid excluded: it is not up to 64 printable ASCII characters',
			'Give the characters one after the other.');
	ELSIF p_prefix !~ '^[!-~]{0,32}$' THEN
		PERFORM vault_data.fail('22023',
			'invalid prefix: it is not up to 32 printable ASCII characters',
			'Give what every value begins with.');
	ELSIF p_min_entropy NOT BETWEEN 0 AND 512 THEN
		PERFORM vault_data.fail('22023', 'invalid min_entropy: must be between 0 and 512',
			'Give a number of bits.');
	ELSIF p_generated_length NOT BETWEEN 8 AND 1024 OR p_generated_length < p_min_length
		OR p_generated_length > p_max_length
	THEN
		PERFORM vault_data.fail('22023',
			'invalid generated_length: must be between 8 and 1024, and between min_length '
			'and max_length',
			'Give a number of bytes.');
	ELSIF p_history NOT BETWEEN 0 AND 50 THEN
		PERFORM vault_data.fail('22023', 'invalid history: must be between 0 and 50',
			'Give how many versions back a value must not come again.');
	ELSIF p_rotation_interval NOT BETWEEN '1 minute' AND '100 years' THEN
		PERFORM vault_data.fail('22023',
			'invalid rotation_interval: must be between one minute and 100 years',
			'Give an interval such as ''90 days''.');
	ELSIF p_max_lifetime NOT BETWEEN '1 second' AND '100 years' THEN
		PERFORM vault_data.fail('22023',
			'invalid max_lifetime: must be between one second and 100 years',
			'Give an interval such as ''1 year''.');
	ELSIF p_recovery_window NOT BETWEEN '7 days' AND '90 days' THEN
		PERFORM vault_data.fail('22023', 'invalid recovery_window: must be between 7 and 90 days',
			'Give an interval such as ''30 days''.');
	ELSIF cardinality(p_warn_at) > 8 OR array_ndims(p_warn_at) > 1 OR '1 second' > ANY (p_warn_at)
		OR array_position(p_warn_at, NULL) IS NOT NULL
	THEN
		PERFORM vault_data.fail('22023', 'invalid warn_at: it is not up to 8 positive intervals',
			'Give for example ARRAY[interval ''30 days'', interval ''1 day''].');
	END IF;
END
$$;

/*
 * Check the functions of a type. A validator gets values, so its rules are declared beforehand, by
 * a role that may name functions.
 */
CREATE FUNCTION vault_data.check_type_functions(p_validator regprocedure, p_generator regprocedure,
	p_rules text[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_validator IS NOT NULL OR p_generator IS NOT NULL OR p_rules IS NOT NULL THEN
		PERFORM vault_data.require_type_author();
	END IF;
	IF cardinality(p_rules) > 64 OR array_ndims(p_rules) > 1
		OR EXISTS (SELECT FROM unnest(p_rules) AS r (rule)
			WHERE (rule ~ '^[A-Za-z0-9 _.,''()-]{1,63}$') IS NOT TRUE)
	THEN
		PERFORM vault_data.fail('22023',
			'invalid rules: they are not up to 64 phrases of 1 to 63 letters, digits, spaces '
			'and _-.,''()',
			'Give for example ARRAY[''six digits are asked''].');
	END IF;
END
$$;

CREATE FUNCTION vault_data.create_type(p_name text, p_description text, p_validator regprocedure,
	p_generator regprocedure, p_min_length integer, p_max_length integer, p_classes text[],
	p_excluded text, p_prefix text, p_min_entropy integer, p_generated_length integer,
	p_history integer, p_rotation_interval interval, p_max_lifetime interval,
	p_recovery_window interval, p_warn_at interval[], p_rules text[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.check_type_functions(p_validator, p_generator, p_rules);
	IF p_name IS NULL OR p_name !~ '^[a-z][a-z0-9_]{0,19}$' THEN
		PERFORM vault_data.fail('22023',
			'invalid type name: it is not 1 to 20 lower-case letters, digits and underscores, a '
			'letter first',
			'Choose another name.');
	ELSIF p_description IS NULL OR p_description = '' OR octet_length(p_description) > 1024 THEN
		PERFORM vault_data.fail('22023',
			'invalid description: must be 1 to 1024 bytes long',
			'Say what such a secret is.');
	ELSIF EXISTS (SELECT FROM vault_data.builtin_types() b WHERE b.name = p_name)
		OR EXISTS (SELECT FROM vault_data.secret_type t WHERE t.name = p_name)
	THEN
		PERFORM vault_data.fail('23505', format('type "%s" already exists', p_name),
			'Choose another name, or change it with vault.alter_type().');
	END IF;
	PERFORM vault_data.check_type_settings(p_min_length, p_max_length, p_classes, p_excluded,
		p_prefix, p_min_entropy, p_generated_length,
		p_history, p_rotation_interval, p_max_lifetime, p_recovery_window, p_warn_at);
	PERFORM vault_data.note(format('type %s', p_name));
	INSERT INTO vault_data.secret_type (id, name, description, validator, generator, min_length,
		max_length, classes, excluded, prefix,
		min_entropy, generated_length, history, rotation_interval, max_lifetime, recovery_window,
		warn_at, rules)
	VALUES (vault_data.new_id(), p_name, p_description, vault_data.type_function(p_validator, true),
		vault_data.type_function(p_generator, false),
		p_min_length, p_max_length, p_classes, p_excluded, p_prefix, p_min_entropy,
		p_generated_length, p_history, p_rotation_interval, p_max_lifetime, p_recovery_window,
		p_warn_at, p_rules);
	PERFORM vault_data.require_strong_type('00000000-0000-0000-0000-000000000000', p_name);
END
$$;

/* Return the difference in the form of the trail: {"column": [old, new]}. */
CREATE FUNCTION vault_data.type_difference(before vault_data.secret_type,
	after vault_data.secret_type)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(jsonb_object_agg(o.key, jsonb_build_array(o.value, n.value)), '{}')
	FROM jsonb_each_text(to_jsonb(before)) o
		JOIN jsonb_each_text(to_jsonb(after)) n ON n.key = o.key
	WHERE o.value IS DISTINCT FROM n.value AND o.key NOT IN ('mac', 'revision', 'description')
$$;

CREATE FUNCTION vault_data.alter_type(p_name text, p_description text, p_validator regprocedure,
	p_generator regprocedure, p_min_length integer, p_max_length integer, p_classes text[],
	p_excluded text, p_prefix text, p_min_entropy integer, p_generated_length integer,
	p_history integer, p_rotation_interval interval, p_max_lifetime interval,
	p_recovery_window interval, p_warn_at interval[], p_rules text[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	before vault_data.secret_type;
	after vault_data.secret_type;
BEGIN
	PERFORM vault_data.check_type_functions(p_validator, p_generator, p_rules);
	SELECT * INTO before FROM vault_data.secret_type s WHERE s.name = p_name FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such type that was added',
			'The view vault.types shows them; for a built-in one a tenant sets a policy with '
			'vault.set_type_policy().');
	ELSIF p_description = '' OR octet_length(p_description) > 1024 THEN
		PERFORM vault_data.fail('22023',
			'invalid description: must be 1 to 1024 bytes long',
			'Say what such a secret is.');
	END IF;
	PERFORM vault_data.check_type_settings(COALESCE(p_min_length, before.min_length),
		COALESCE(p_max_length, before.max_length), p_classes, p_excluded, p_prefix,
		p_min_entropy, COALESCE(p_generated_length, before.generated_length), p_history,
		p_rotation_interval, p_max_lifetime, p_recovery_window, p_warn_at);
	PERFORM vault_data.note(format('type %s', p_name));
	UPDATE vault_data.secret_type SET description = COALESCE(p_description, description),
		validator = COALESCE(vault_data.type_function(p_validator, true), validator),
		generator = COALESCE(vault_data.type_function(p_generator, false), generator),
		min_length = COALESCE(p_min_length, min_length),
		max_length = COALESCE(p_max_length, max_length), classes = COALESCE(p_classes, classes),
		excluded = COALESCE(p_excluded, excluded), prefix = COALESCE(p_prefix, prefix),
		min_entropy = COALESCE(p_min_entropy, min_entropy),
		generated_length = COALESCE(p_generated_length, generated_length),
		history = COALESCE(p_history, history),
		rotation_interval = COALESCE(p_rotation_interval, rotation_interval),
		max_lifetime = COALESCE(p_max_lifetime, max_lifetime),
		recovery_window = COALESCE(p_recovery_window, recovery_window),
		warn_at = COALESCE(p_warn_at, warn_at), rules = COALESCE(p_rules, rules)
	WHERE id = before.id RETURNING * INTO after;
	PERFORM vault_data.require_strong_type('00000000-0000-0000-0000-000000000000', p_name);
	PERFORM vault_data.tell_users_of_type(before.id, p_name,
		vault_data.type_difference(before, after));
END
$$;

CREATE FUNCTION vault_data.drop_type(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF vault_data.type_is_used(p_name) THEN
		PERFORM vault_data.fail('2BP01', format('type "%s" is the type of secrets', p_name),
			'Secrets keep their type; a type is dropped when the last of its secrets is purged.');
	END IF;
	PERFORM vault_data.note(format('type %s', p_name));
	DELETE FROM vault_data.secret_type WHERE name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such type that was added',
			'The view vault.types shows them.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.set_type_policy(p_type text, p_min_length integer, p_max_length integer,
	p_classes text[], p_excluded text, p_prefix text, p_min_entropy integer,
	p_generated_length integer, p_history integer, p_rotation_interval interval,
	p_max_lifetime interval, p_recovery_window interval, p_warn_at interval[], p_tenant text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	takes_policy boolean;
	takes_strength boolean;
BEGIN
	PERFORM vault_data.require_administrator();
	SELECT b.takes_policy, b.min_entropy IS NOT NULL INTO takes_policy, takes_strength
	FROM vault_data.builtin_types() b WHERE b.name = p_type
	UNION ALL SELECT true, true FROM vault_data.secret_type t WHERE t.name = p_type;
	IF takes_policy IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid type: there is no such type',
			format('Types are %s; the view vault.types has those that were added, too.',
				(SELECT string_agg(b.name, ', ') FROM vault_data.builtin_types() b)));
	ELSIF NOT takes_policy
		AND (p_min_length IS NOT NULL OR p_max_length IS NOT NULL OR p_classes IS NOT NULL
			OR p_excluded IS NOT NULL
			OR p_prefix IS NOT NULL OR (p_min_entropy IS NOT NULL AND NOT takes_strength)
			OR p_generated_length IS NOT NULL)
	THEN
		PERFORM vault_data.fail('22023',
			'invalid type: the characters of its values are no matter of a policy',
			'Set history, rotation_interval, max_lifetime, recovery_window or warn_at; or use '
			'type password or api_key.');
	END IF;
	PERFORM vault_data.check_type_settings(p_min_length, p_max_length, p_classes, p_excluded,
		p_prefix, p_min_entropy, p_generated_length,
		p_history, p_rotation_interval, p_max_lifetime, p_recovery_window, p_warn_at);
	PERFORM vault_data.note(format('type %s', p_type));
	INSERT INTO vault_data.type_policy (tenant_id, id, type, min_length, max_length, classes,
		excluded, prefix,
		min_entropy, generated_length, history, rotation_interval, max_lifetime, recovery_window,
		warn_at)
	VALUES (this_tenant, vault_data.new_id(), p_type, p_min_length, p_max_length, p_classes,
		p_excluded, p_prefix, p_min_entropy,
		p_generated_length, p_history, p_rotation_interval, p_max_lifetime, p_recovery_window,
		p_warn_at)
	ON CONFLICT (tenant_id, type) DO UPDATE SET min_length = EXCLUDED.min_length,
		max_length = EXCLUDED.max_length, classes = EXCLUDED.classes,
		excluded = EXCLUDED.excluded, prefix = EXCLUDED.prefix, min_entropy = EXCLUDED.min_entropy,
		generated_length = EXCLUDED.generated_length, history = EXCLUDED.history,
		rotation_interval = EXCLUDED.rotation_interval, max_lifetime = EXCLUDED.max_lifetime,
		recovery_window = EXCLUDED.recovery_window, warn_at = EXCLUDED.warn_at,
		updated_at = clock_timestamp();
	PERFORM vault_data.require_strong_type(this_tenant, p_type);
END
$$;

CREATE FUNCTION vault_data.reset_type_policy(p_type text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.note(format('type %s', p_type));
	DELETE FROM vault_data.type_policy WHERE tenant_id = this_tenant AND type = p_type;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the tenant has no policy for this type',
			'The view vault.type_policies shows them.');
	END IF;
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.builtin_types(), vault_data.warnings(integer[])
	TO vault_client, vault_admin, vault_auditor, vault_exec, vault_owner;
GRANT EXECUTE ON FUNCTION
	vault_data.alter_type(text, text, regprocedure, regprocedure, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[], text[]),
	vault_data.check_type_functions(regprocedure, regprocedure, text[]),
	vault_data.check_type_settings(integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[]),
	vault_data.create_type(text, text, regprocedure, regprocedure, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[], text[]),
	vault_data.drop_type(text), vault_data.require_strong_type(uuid, text),
	vault_data.require_type_author(), vault_data.reset_type_policy(text, text),
	vault_data.set_type_policy(text, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[], text),
	vault_data.tell_users_of_type(uuid, text, jsonb),
	vault_data.type_difference(vault_data.secret_type, vault_data.secret_type),
	vault_data.type_function(oid, boolean), vault_data.type_is_used(text),
	vault_data.type_lifecycles(uuid)
	TO vault_exec;

/*
 * Secrets for functions in SQL: their state, announcements about them, and retired versions.
 */

CREATE FUNCTION vault_data.state_of(purge_at timestamptz, deactivated_at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN purge_at IS NOT NULL THEN 'deleted'
	WHEN deactivated_at IS NOT NULL THEN 'deactivated' ELSE 'active' END;
COMMENT ON FUNCTION vault_data.state_of(timestamptz, timestamptz)
	IS 'returns the state of a secret, from the dates of its head';

CREATE FUNCTION vault_data.seal_next(id uuid, version integer, type text, active boolean,
	purge_at timestamptz, current_version integer, copy vault.envelope)
RETURNS vault.envelope
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_seal_next';
COMMENT ON FUNCTION vault_data.seal_next(uuid, integer, text, boolean, timestamptz, integer,
	vault.envelope)
	IS 'seals the value that put or rotate is about to store, inside the update of the head';

/* For use inside a call. */
CREATE FUNCTION vault_data.retype(name text, environment text, type text) RETURNS integer
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_retype';

/* Announce something about a secret, with its present name. The payload has no values. */
CREATE FUNCTION vault_data.announce(p_tenant uuid, p_kind text, p_severity text, p_secret uuid,
	p_payload jsonb)
RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.write_notification(p_tenant, p_kind, p_severity, p_secret, head.name,
		head.environment, p_payload)
	FROM (VALUES (1)) AS one
		LEFT JOIN vault_data.secret head ON head.tenant_id = p_tenant AND head.id = p_secret
$$;
COMMENT ON FUNCTION vault_data.announce(uuid, text, text, uuid, jsonb)
	IS 'writes a notification about a secret, as the function without the secret does';

/* It loses its label and cannot be read any more. */
CREATE FUNCTION vault_data.retire_version(head vault_data.secret, p_version integer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	UPDATE vault_data.secret SET previous_version = NULL, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id AND previous_version = p_version;
	UPDATE vault_data.secret_version SET retired_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = p_version;
END
$$;

/* rotate() of a secret without a schedule whose value leaked. */
CREATE FUNCTION vault_data.retire_previous(p_secret uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret;
BEGIN
	SELECT * INTO head FROM vault_data.secret
	WHERE tenant_id = vault.current_tenant_id() AND id = p_secret FOR NO KEY UPDATE;
	PERFORM vault_data.require_authentic(head);
	PERFORM vault_data.retire_version(head, head.previous_version);
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.state_of(timestamptz, timestamptz)
	TO vault_client, vault_admin, vault_auditor, vault_exec, vault_owner;
GRANT EXECUTE ON FUNCTION vault_data.announce(uuid, text, text, uuid, jsonb),
	vault_data.retire_previous(uuid), vault_data.retire_version(vault_data.secret, integer),
	vault_data.retype(text, text, text),
	vault_data.seal_next(uuid, integer, text, boolean, timestamptz, integer, vault.envelope)
	TO vault_exec;

/*
 * The lifecycle of secrets: found, labelled, renamed, tagged, deactivated, deleted,
 * recovered, destroyed, purged.  No value is touched here.
 */

CREATE FUNCTION vault_data.secret_id(name text, environment text) RETURNS uuid
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_secret_id';
COMMENT ON FUNCTION vault_data.secret_id(text, text)
	IS 'returns the id of a secret of the tenant of the call, found without a planner';

/*
 * Get a secret without a lock, for callers that only read. It works in read-only transactions, too.
 */
CREATE FUNCTION vault_data.look_up_secret(p_permission text, p_name text, p_environment text)
RETURNS vault_data.secret
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	env text := vault_data.environment(p_environment);
	found_row vault_data.secret;
BEGIN
	PERFORM vault_data.check_name(p_name);
	PERFORM vault_data.check_environment(env);
	PERFORM vault_data.require(p_permission, p_name, env);
	SELECT * INTO found_row FROM vault_data.secret
	WHERE tenant_id = vault.current_tenant_id() AND id = vault_data.secret_id(p_name, env)
		AND name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('VT005', format('no secret "%s" in environment "%s"', p_name, env),
			'vault.list() shows what there is.');
	END IF;
	RETURN found_row;
END
$$;

/* Get a secret, locked against other writers. */
CREATE FUNCTION vault_data.find_secret(p_permission text, p_name text, p_environment text)
RETURNS vault_data.secret
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.look_up_secret(p_permission, p_name, p_environment);
	found_row vault_data.secret;
BEGIN
	SELECT * INTO found_row FROM vault_data.secret
	WHERE tenant_id = head.tenant_id AND id = head.id AND name = p_name FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('VT005',
			format('no secret "%s" in environment "%s"', p_name, head.environment),
			'vault.list() shows what there is.');
	END IF;
	RETURN found_row;
END
$$;

CREATE FUNCTION vault_data.require_not_deleted(p_secret vault_data.secret) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_secret.purge_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT008',
			format('secret is deleted, recoverable until %s', p_secret.purge_at),
			'vault.undelete() brings it back.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.require_not_deactivated(p_secret vault_data.secret) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_secret.deactivated_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT007', 'secret is deactivated',
			'vault.reactivate() makes it readable again.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.list(p_pattern text, p_environment text)
RETURNS TABLE (name text, environment text, type text, state text, current_version integer,
	description text, tags jsonb, updated_at timestamptz, expires_at timestamptz)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	every boolean := COALESCE(p_environment = '*', false);
	env text := vault_data.environment(p_environment);
BEGIN
	PERFORM vault_data.check_pattern(p_pattern);
	IF NOT every THEN
		PERFORM vault_data.check_environment(env);
	END IF;
	RETURN QUERY
	SELECT s.name, s.environment, s.type, vault_data.state_of(s.purge_at, s.deactivated_at),
		s.current_version, s.description, s.tags, s.updated_at, s.expires_at
	FROM vault_data.secret s
	WHERE s.tenant_id = vault.current_tenant_id() AND (every OR s.environment = env)
		AND vault_data.name_matches(s.name, p_pattern)
		AND vault_data.permitted('list', s.name, s.environment)
	ORDER BY s.name, s.environment;
END
$$;

CREATE FUNCTION vault_data.describe(p_name text, p_environment text)
RETURNS TABLE (name text, environment text, type text, state text, description text, tags jsonb,
	current_version integer, previous_version integer, pending_version integer, versions integer,
	created_at timestamptz, updated_at timestamptz, expires_at timestamptz, deleted_at timestamptz,
	purge_at timestamptz, metadata jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.look_up_secret('list', p_name, p_environment);
BEGIN
	RETURN QUERY
	SELECT head.name, head.environment, head.type,
		vault_data.state_of(head.purge_at, head.deactivated_at),
		head.description, head.tags, head.current_version,
		head.previous_version, head.pending_version,
		(SELECT count(*)::integer FROM vault_data.secret_version v
			WHERE v.tenant_id = head.tenant_id AND v.secret_id = head.id),
		head.created_at, head.updated_at, head.expires_at, head.deleted_at, head.purge_at,
		head.metadata;
END
$$;

CREATE FUNCTION vault_data.small(envelope vault.envelope) RETURNS vault.envelope
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_small';
COMMENT ON FUNCTION vault_data.small(vault.envelope)
	IS 'returns the envelope if it is small enough for a copy in the head, else NULL';

CREATE FUNCTION vault_data.check_reason(p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_reason IS NULL OR btrim(p_reason) = '' OR octet_length(p_reason) > 255 THEN
		PERFORM vault_data.fail('22023', 'invalid reason: must be 1 to 255 bytes long',
			'Say why, for the audit trail.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.set_secret_state(p_permission text, p_name text, p_environment text,
	p_deactivate boolean, p_reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret(p_permission, p_name, p_environment);
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	PERFORM vault_data.check_reason(p_reason);
	IF p_deactivate = (head.deactivated_at IS NOT NULL) THEN
		PERFORM vault_data.fail('55000',
			format('secret is %s', vault_data.state_of(head.purge_at, head.deactivated_at)),
			'vault.describe() shows its state.');
	END IF;
	PERFORM vault_data.note(p_reason);
	UPDATE vault_data.secret
	SET deactivated_at = CASE WHEN p_deactivate THEN clock_timestamp() END,
		updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id;
	PERFORM vault_data.announce(head.tenant_id,
		CASE WHEN p_deactivate THEN 'deactivated' ELSE 'reactivated' END, 'warning', head.id,
		jsonb_build_object('reason', p_reason));
END
$$;

CREATE FUNCTION vault_data.deactivate(p_name text, p_reason text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_secret_state('delete', p_name, p_environment, true, p_reason);
END
$$;

CREATE FUNCTION vault_data.reactivate(p_name text, p_reason text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_secret_state('delete', p_name, p_environment, false, p_reason);
END
$$;

CREATE FUNCTION vault_data.delete(p_name text, p_environment text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
	until timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	SELECT clock_timestamp()
		+ COALESCE((SELECT l.recovery_window FROM vault_data.type_lifecycles(t.tenant_id) l
			WHERE l.type = head.type), t.recovery_window) INTO until FROM vault_data.tenant t
		WHERE t.tenant_id = head.tenant_id;
	PERFORM vault_data.require_authentic(t) FROM vault_data.tenant t
	WHERE t.tenant_id = head.tenant_id;
	PERFORM vault_data.require_authentic(t) FROM vault_data.secret_type t WHERE t.name = head.type;
	PERFORM vault_data.require_authentic(p) FROM vault_data.type_policy p
	WHERE p.tenant_id = head.tenant_id AND p.type = head.type;
	UPDATE vault_data.secret SET deleted_at = clock_timestamp(), purge_at = until,
		updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id;
	PERFORM vault_data.announce(head.tenant_id, 'deleted', 'warning', head.id,
		jsonb_build_object('purge_at', until));
	RETURN until;
END
$$;

CREATE FUNCTION vault_data.undelete(p_name text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	IF head.purge_at IS NULL THEN
		PERFORM vault_data.fail('55000', 'secret is not deleted',
			'vault.describe() shows its state.');
	ELSIF head.purge_at <= clock_timestamp() THEN
		PERFORM vault_data.fail('VT008', format('secret was recoverable until %s', head.purge_at),
			'Its name is free again after the next vault.purge().');
	END IF;
	UPDATE vault_data.secret SET deleted_at = NULL, purge_at = NULL, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id;
	PERFORM vault_data.announce(head.tenant_id, 'undeleted', 'info', head.id, NULL);
END
$$;

CREATE FUNCTION vault_data.destroy(p_name text, p_version integer, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	UPDATE vault_data.secret_version
	SET envelope = NULL, key_generation = NULL, metadata = NULL, destroyed_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = p_version
		AND destroyed_at IS NULL;
	IF NOT FOUND AND EXISTS (SELECT FROM vault_data.secret_version
		WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = p_version)
	THEN
		PERFORM vault_data.fail('VT009', format('version %s was destroyed', p_version),
			'Nothing is left to destroy.');
	ELSIF NOT FOUND THEN
		PERFORM vault_data.fail('VT005', 'no such version of the secret',
			'The view vault.versions shows what there is.');
	END IF;
	PERFORM vault_data.note(format('version %s', p_version), p_version);
	UPDATE vault_data.secret SET updated_at = clock_timestamp(),
		envelope = CASE WHEN current_version <> p_version THEN envelope END,
		metadata = CASE WHEN current_version <> p_version THEN metadata END
	WHERE tenant_id = head.tenant_id AND id = head.id;
END
$$;

CREATE FUNCTION vault_data.rename(p_name text, p_new_name text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	PERFORM vault_data.check_name(p_new_name);
	/*
	 * Other roles may read the new name: the caller must be able to do each step of a rename by
	 * hand.
	 */
	PERFORM vault_data.require('read', p_name, head.environment);
	PERFORM vault_data.require('write', p_name, head.environment);
	PERFORM vault_data.require('write', p_new_name, head.environment);
	PERFORM vault_data.require_not_deleted(head);
	/*
	 * Without a rename, an expired value could not be copied to the new name; and the caller may
	 * hold the override there.
	 */
	IF GREATEST(head.expires_at, head.grace_until) <= clock_timestamp() THEN
		PERFORM vault_data.require('override', p_name, head.environment);
	END IF;
	IF vault_data.secret_id(p_new_name, head.environment) IS NOT NULL THEN
		PERFORM vault_data.fail('23505', format('secret "%s" already exists', p_new_name),
			'Choose another name.');
	END IF;
	UPDATE vault_data.secret SET name = p_new_name, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id;
END
$$;

CREATE FUNCTION vault_data.tag(p_name text, p_tags jsonb, p_environment text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('write', p_name, p_environment);
	merged jsonb;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	IF p_tags IS NULL OR jsonb_typeof(p_tags) <> 'object' THEN
		PERFORM vault_data.fail('22023', 'invalid tags: must be a JSON object',
			'Give {"team": "payments"}; null takes a tag away.');
	END IF;
	merged := jsonb_strip_nulls(head.tags || p_tags);
	PERFORM vault_data.check_tags(merged);
	UPDATE vault_data.secret SET tags = merged, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id;
	RETURN merged;
END
$$;

CREATE FUNCTION vault_data.check_tags(tags jsonb) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_tags';

CREATE FUNCTION vault_data.purge_tenant(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	gone integer;
BEGIN
	DELETE FROM vault_data.secret s
	WHERE s.tenant_id = vault.current_tenant_id() AND s.id = ANY (ARRAY(
		SELECT d.id FROM vault_data.secret d
		WHERE d.tenant_id = vault.current_tenant_id()
			AND d.purge_at <= clock_timestamp() AND vault_data.is_authentic(d)
		LIMIT p_max_rows FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS gone = ROW_COUNT;
	RETURN gone;
END
$$;

CREATE FUNCTION vault_data.purge(p_max_rows integer) RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.in_turns('purge_tenant', vault_data.tenant_names(), false, p_max_rows) $$;

GRANT EXECUTE ON FUNCTION vault_data.check_reason(text), vault_data.check_tags(jsonb),
	vault_data.deactivate(text, text, text), vault_data.delete(text, text),
	vault_data.describe(text, text), vault_data.destroy(text, integer, text),
	vault_data.find_secret(text, text, text), vault_data.list(text, text),
	vault_data.look_up_secret(text, text, text), vault_data.purge(integer),
	vault_data.purge_tenant(integer), vault_data.reactivate(text, text, text),
	vault_data.rename(text, text, text), vault_data.require_not_deactivated(vault_data.secret),
	vault_data.require_not_deleted(vault_data.secret), vault_data.secret_id(text, text),
	vault_data.set_secret_state(text, text, text, boolean, text), vault_data.small(vault.envelope),
	vault_data.tag(text, jsonb, text), vault_data.undelete(text, text)
	TO vault_exec;

/*
 * Rules of expiry, and the warnings that the jobs announce.
 */

/*
 * Return the due warning: the smallest threshold that is reached, unless that or a smaller one was
 * announced. Zero means that the secret has expired.
 */
CREATE FUNCTION vault_data.due_warning(expires_at timestamptz, thresholds interval[],
	warned interval, now timestamptz)
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT min(t) FROM unnest(COALESCE(thresholds, '{}') || '0'::interval) AS t
	WHERE expires_at - now <= t
	HAVING warned IS NULL OR min(t) < warned
$$;

CREATE FUNCTION vault_data.default_thresholds() RETURNS interval[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT COALESCE(array_agg(days::integer * interval '1 day'), '{}')
	FROM regexp_split_to_table(btrim(current_setting('vault.expiry_warnings')), '\s*,\s*') AS days
	WHERE days <> ''
$$;

/*
 * After the secret has expired, only a new value or the override helps. Otherwise the bounds of
 * the override could be passed by.
 */
CREATE FUNCTION vault_data.set_expiry(p_name text, p_at timestamptz, p_grace interval,
	p_environment text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('write', p_name, p_environment);
	now timestamptz := clock_timestamp();
	at timestamptz := NULLIF(p_at, 'infinity');
	present vault_data.secret_version;
	own_end timestamptz;
	grace_end timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	IF at <= now THEN
		PERFORM vault_data.fail('22023', 'invalid at: must be in the future',
			'Give a time to come, or NULL for no expiry; vault.deactivate() acts at once.');
	ELSIF at >= '10000-01-01 00:00+00' THEN
		PERFORM vault_data.fail('22023', 'invalid at: must not be after the year 9999',
			'Give NULL or ''infinity'' for no expiry.');
	END IF;
	IF p_grace IS NULL OR p_grace NOT BETWEEN '0' AND '90 days' THEN
		PERFORM vault_data.fail('22023', 'invalid grace: must be between 0 and 90 days',
			'Give an interval such as ''7 days''.');
	ELSIF at IS NULL AND p_grace > '0' THEN
		PERFORM vault_data.fail('22023', 'invalid grace: there is no time that it follows',
			'Give at, or leave the grace out.');
	END IF;
	SELECT * INTO present FROM vault_data.secret_version x
	WHERE x.tenant_id = head.tenant_id AND x.secret_id = head.id
		AND x.version = head.current_version;
	PERFORM vault_data.require_authentic(present);
	own_end := present.expires_at;
	IF at > own_end THEN
		PERFORM vault_data.fail('22023', 'invalid at: the value itself ends before',
			'vault.versions shows when; put a new value with vault.put() or vault.rotate().');
	END IF;
	grace_end := CASE WHEN p_grace > '0' THEN at
		+ make_interval(secs => date_part('epoch', p_grace)) END;
	IF grace_end > own_end THEN
		PERFORM vault_data.fail('22023', 'invalid grace: the value itself ends before it is over',
			'Give a shorter one; vault.versions shows when the value ends.');
	END IF;
	at := COALESCE(at, own_end);
	IF head.expires_at <= now THEN
		PERFORM vault_data.fail('VT006', 'secret has expired',
			'Put a new value with vault.put() or vault.rotate(), or prolong it with '
			'vault.extend_expiry().');
	END IF;
	UPDATE vault_data.secret SET expires_at = at, updated_at = now,
		grace_until = grace_end
	WHERE tenant_id = head.tenant_id AND id = head.id;
END
$$;

CREATE FUNCTION vault_data.extend_expiry(p_name text, p_until timestamptz, p_reason text,
	p_environment text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('override', p_name, p_environment);
	now timestamptz := clock_timestamp();
	extensions integer := COALESCE(head.extensions, 0);
	most integer := current_setting('vault.max_extensions')::integer;
	longest interval := current_setting('vault.max_extension')::interval;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	PERFORM vault_data.check_reason(p_reason);
	IF head.expires_at IS NULL THEN
		PERFORM vault_data.fail('55000', 'secret has no expiry', 'There is nothing to prolong.');
	END IF;
	IF extensions >= most THEN
		PERFORM vault_data.fail('54000',
			format('the expiry of this version was prolonged %s times', extensions),
			'Put a new value with vault.put() or vault.rotate(); vault.max_extensions is the '
			'bound.');
	END IF;
	IF p_until IS NULL OR p_until <= GREATEST(now, head.expires_at, head.grace_until)
		OR p_until > now + longest
	THEN
		PERFORM vault_data.fail('22023',
			'invalid until: it is no later than what holds, or further away than '
			'vault.max_extension',
			'Give a time until when a new value can be had.');
	END IF;
	PERFORM vault_data.note(p_reason);
	UPDATE vault_data.secret
	SET expires_at = p_until, grace_until = NULL, extensions = COALESCE(head.extensions, 0) + 1,
		updated_at = now
	WHERE tenant_id = head.tenant_id AND id = head.id;
	PERFORM vault_data.announce(head.tenant_id, 'extended', 'warning', head.id,
		jsonb_build_object('version', head.current_version, 'expires_at', p_until,
			'extensions', extensions + 1, 'reason', p_reason));
END
$$;

CREATE FUNCTION vault_data.set_warnings(p_name text, p_thresholds interval[], p_environment text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('write', p_name, p_environment);
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	IF array_ndims(p_thresholds) > 1 OR cardinality(p_thresholds) > 16
		OR EXISTS (SELECT FROM unnest(p_thresholds) AS t
			WHERE t IS NULL OR t NOT BETWEEN '1 minute' AND '365 days')
	THEN
		PERFORM vault_data.fail('22023',
			'invalid thresholds: they are more than 16, or one is not between a minute and '
			'365 days',
			'Give times before the expiry such as ''{30 days,1 day}'', or NULL for those of the '
			'type or of vault.expiry_warnings.');
	END IF;
	INSERT INTO vault_data.secret_warning AS w (tenant_id, id, thresholds)
	VALUES (head.tenant_id, head.id, p_thresholds)
	ON CONFLICT (tenant_id, id) DO UPDATE SET thresholds = excluded.thresholds;
END
$$;

CREATE FUNCTION vault_data.expiring(p_within interval, p_environment text, p_tenant text)
RETURNS TABLE (name text, environment text, state text, expires_at timestamptz,
	grace_until timestamptz, extensions integer, warned interval)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	now timestamptz := clock_timestamp();
BEGIN
	IF p_environment IS NOT NULL THEN
		PERFORM vault_data.check_environment(p_environment);
	END IF;
	IF p_within IS NULL OR p_within NOT BETWEEN '0' AND '100 years' THEN
		PERFORM vault_data.fail('22023', 'invalid within: must be between 0 and 100 years',
			'Give an interval such as ''30 days''.');
	END IF;
	RETURN QUERY
	SELECT s.name, s.environment,
		CASE WHEN s.expires_at > now THEN 'expiring' WHEN s.grace_until > now THEN 'grace'
			ELSE 'expired' END,
		s.expires_at, s.grace_until, COALESCE(s.extensions, 0), w.threshold
	FROM vault_data.secret s
		LEFT JOIN vault_data.expiry_warning w ON w.tenant_id = s.tenant_id AND w.id = s.id
			AND w.version = s.current_version AND w.expires_at = s.expires_at
	WHERE s.tenant_id = this_tenant AND s.expires_at <= now + p_within AND s.purge_at IS NULL
		AND (p_environment IS NULL OR s.environment = p_environment)
		AND vault_data.may_know(s.name, s.environment)
	ORDER BY s.expires_at, s.environment, s.name;
END
$$;

/* Announce a secret's warning once. Returns false if another session has just announced it. */
CREATE FUNCTION vault_data.warn(head vault_data.secret, due interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	INSERT INTO vault_data.expiry_warning AS w (tenant_id, id, version, expires_at, threshold)
	VALUES (head.tenant_id, head.id, head.current_version, head.expires_at, due)
	ON CONFLICT (tenant_id, id, version) DO UPDATE SET expires_at = excluded.expires_at,
		threshold = excluded.threshold
	WHERE w.expires_at <> excluded.expires_at OR w.threshold > excluded.threshold;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	DELETE FROM vault_data.expiry_warning
	WHERE tenant_id = head.tenant_id AND id = head.id AND version < head.last_version - 100
		AND version <> head.current_version;
	PERFORM vault_data.announce(head.tenant_id,
		CASE WHEN due > '0' THEN 'expiring' ELSE 'expired' END,
		CASE WHEN due > '7 days' THEN 'info' WHEN due > '0' THEN 'warning' ELSE 'critical' END,
		head.id,
		jsonb_strip_nulls(jsonb_build_object('version', head.current_version,
			'expires_at', head.expires_at, 'grace_until', head.grace_until,
			'threshold_seconds', NULLIF(date_part('epoch', due), 0))));
	RETURN true;
END
$$;

/* Begin with the most urgent. A row that was changed outside is left to vault.verify(). */
CREATE FUNCTION vault_data.warn_tenant(p_expired boolean, p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	now timestamptz := clock_timestamp();
	defaults interval[] := vault_data.default_thresholds();
	told integer := 0;
	due record;
BEGIN
	FOR due IN
		WITH of_type AS MATERIALIZED (SELECT l.type, l.warn_at
			FROM vault_data.type_lifecycles(vault.current_tenant_id()) l)
		SELECT s AS head, d.threshold
		FROM vault_data.secret s
			LEFT JOIN vault_data.secret_warning w ON w.tenant_id = s.tenant_id AND w.id = s.id
			LEFT JOIN vault_data.expiry_warning e ON e.tenant_id = s.tenant_id AND e.id = s.id
				AND e.version = s.current_version AND e.expires_at = s.expires_at
			LEFT JOIN of_type t ON t.type = s.type
			CROSS JOIN LATERAL (SELECT vault_data.due_warning(s.expires_at,
				COALESCE(w.thresholds, t.warn_at, defaults),
				e.threshold, now) AS threshold OFFSET 0) d
		WHERE s.tenant_id = vault.current_tenant_id() AND s.purge_at IS NULL
			AND s.expires_at <= CASE WHEN p_expired THEN now ELSE now + interval '3650 days' END
			AND (p_expired OR s.expires_at > now)
			AND d.threshold IS NOT NULL AND vault_data.is_authentic(s)
		ORDER BY s.expires_at LIMIT p_max_rows
	LOOP
		IF vault_data.warn(due.head, due.threshold) THEN
			told := told + 1;
		END IF;
	END LOOP;
	RETURN told;
END
$$;

/* Announce it three days before a deleted secret is purged. */
CREATE FUNCTION vault_data.warn_of_purge(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret;
	told integer := 0;
BEGIN
	FOR head IN
		SELECT d.*
		FROM vault_data.secret d
			LEFT JOIN vault_data.secret_warning w ON w.tenant_id = d.tenant_id AND w.id = d.id
		WHERE d.tenant_id = vault.current_tenant_id()
			AND d.purge_at <= clock_timestamp() + interval '3 days'
			AND w.purge_at IS DISTINCT FROM d.purge_at AND vault_data.is_authentic(d)
		ORDER BY d.purge_at LIMIT p_max_rows
	LOOP
		INSERT INTO vault_data.secret_warning AS w (tenant_id, id, purge_at)
		VALUES (head.tenant_id, head.id, head.purge_at)
		ON CONFLICT (tenant_id, id) DO UPDATE SET purge_at = excluded.purge_at
			WHERE w.purge_at IS DISTINCT FROM excluded.purge_at;
		CONTINUE WHEN NOT FOUND;
		PERFORM vault_data.announce(head.tenant_id, 'purge_due', 'warning', head.id,
			jsonb_build_object('purge_at', head.purge_at));
		told := told + 1;
	END LOOP;
	RETURN told;
END
$$;

CREATE FUNCTION vault_data.announce_expiring_of_tenant(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	told integer := vault_data.warn_tenant(false, p_max_rows);
BEGIN
	RETURN told + CASE WHEN told < p_max_rows THEN vault_data.warn_of_purge(p_max_rows - told)
		ELSE 0 END;
END
$$;

CREATE FUNCTION vault_data.announce_expiring(p_max_rows integer) RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.in_turns('announce_expiring_of_tenant', vault_data.tenant_names(), false,
		p_max_rows) $$;

CREATE FUNCTION vault_data.announce_expired_of_tenant(p_max_rows integer) RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$ SELECT vault_data.warn_tenant(true, p_max_rows) $$;

CREATE FUNCTION vault_data.announce_expired(p_max_rows integer) RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.in_turns('announce_expired_of_tenant', vault_data.tenant_names(), false,
		p_max_rows) $$;

GRANT EXECUTE ON FUNCTION vault_data.announce_expired(integer),
	vault_data.announce_expired_of_tenant(integer), vault_data.announce_expiring(integer),
	vault_data.announce_expiring_of_tenant(integer), vault_data.default_thresholds(),
	vault_data.due_warning(timestamptz, interval[], interval, timestamptz),
	vault_data.expiring(interval, text, text),
	vault_data.extend_expiry(text, timestamptz, text, text),
	vault_data.set_expiry(text, timestamptz, interval, text),
	vault_data.set_warnings(text, interval[], text), vault_data.warn(vault_data.secret, interval),
	vault_data.warn_of_purge(integer), vault_data.warn_tenant(boolean, integer)
	TO vault_exec;

/*
 * Rotation on demand, completion of external rotations, and rotation by pattern.
 */

/*
 * Do rotate() of a secret with a schedule. C holds the value if one was given. Returns NULL if the
 * version is not made yet. A rotation with its target in this database is done at once; others go
 * on in the job.
 */
CREATE FUNCTION vault_data.rotate_on_demand(p_name text, p_environment text, p_given boolean,
	p_retire_now boolean)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	schedule vault_data.rotation_schedule := vault_data.lock_schedule(head.id);
	run vault_data.rotation;
	blocked timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	IF vault_data.rotator_flag(schedule.rotator, 'acts_outside') THEN
		PERFORM vault_data.require_origin();
	END IF;
	IF p_retire_now THEN
		PERFORM vault_data.retire_overlaps(schedule, head);
		UPDATE vault_data.rotation o SET retire_at = '-infinity'
		WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
			AND o.step NOT IN ('retire', 'done', 'failed');
	END IF;
	blocked := vault_data.rotation_blocked_until(schedule);
	SELECT * INTO run FROM vault_data.rotation o
	WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
		AND o.step NOT IN ('retire', 'done', 'failed');
	IF run.step = 'wait' AND p_given THEN
		RETURN vault_data.complete_run(schedule, head, run);
	ELSIF run.id IS NOT NULL AND p_retire_now AND NOT p_given THEN
		/* Go on with the run as it began. It retires the leaked version at its end. */
		PERFORM vault_data.plan_rotation(schedule.id);
		RETURN run.version;
	ELSIF run.id IS NOT NULL THEN
		PERFORM vault_data.fail('55000', 'a rotation of the secret is under way',
			'The view vault.rotation_status shows its state; vault.remove_rotation() ends it.');
	ELSIF blocked IS NOT NULL THEN
		PERFORM vault_data.fail('55000', format('the other user is in use until %s', blocked),
			'Rotate again when the overlap is over, or with retire => ''now'' if a login leaked.');
	END IF;
	/* A caller that chooses the target's value could log in there. */
	IF p_given AND vault_data.rotator_flag(schedule.rotator, 'has_target') THEN
		PERFORM vault_data.require('write', head.name, head.environment);
	END IF;
	run := vault_data.begin_rotation(schedule, head);
	IF p_retire_now THEN
		UPDATE vault_data.rotation SET retire_at = '-infinity'
		WHERE tenant_id = run.tenant_id AND id = run.id RETURNING * INTO run;
	END IF;
	IF p_given AND vault_data.rotator_flag(schedule.rotator, 'waits_for_value') THEN
		RETURN vault_data.complete_run(schedule, head, run);
	END IF;
	PERFORM vault_data.step_rotation(schedule, head, run);
	SELECT * INTO run FROM vault_data.rotation WHERE tenant_id = run.tenant_id AND id = run.id;
	IF run.step = 'promote' THEN
		SELECT * INTO head FROM vault_data.secret WHERE tenant_id = head.tenant_id AND id = head.id;
		PERFORM vault_data.step_rotation(schedule, head, run);
		PERFORM vault_data.end_run_at_once(schedule, head, run);
	END IF;
	PERFORM vault_data.plan_rotation(schedule.id);
	RETURN run.version;
END
$$;

/*
 * After the promotion, do the next step at once if the version that was in use leaked and the
 * target is in this transaction.
 */
CREATE FUNCTION vault_data.end_run_at_once(schedule vault_data.rotation_schedule,
	head vault_data.secret, run vault_data.rotation)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT vault_data.retires_at_once(run)
		OR vault_data.rotator_flag(schedule.rotator, 'acts_outside')
	THEN
		RETURN;
	END IF;
	SELECT * INTO run FROM vault_data.rotation WHERE tenant_id = run.tenant_id AND id = run.id;
	SELECT * INTO head FROM vault_data.secret WHERE tenant_id = head.tenant_id AND id = head.id;
	PERFORM vault_data.step_rotation(schedule, head, run);
END
$$;

/*
 * Promote the version of a run that waits for a value. C holds the value, and the target has it
 * already.
 */
CREATE FUNCTION vault_data.complete_run(schedule vault_data.rotation_schedule,
	head vault_data.secret, run vault_data.rotation)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_authentic(run);
	run.version := vault_data.rotator_act('create', schedule.rotator, schedule.config, head.name,
		head.environment, NULL, head.current_version);
	UPDATE vault_data.rotation
	SET version = run.version, previous = head.current_version, step = 'promote'
	WHERE tenant_id = run.tenant_id AND id = run.id;
	PERFORM vault_data.promote(schedule, head, run);
	PERFORM vault_data.announce(head.tenant_id, 'rotated', 'info', head.id,
		jsonb_build_object('rotation', run.id, 'version', run.version));
	PERFORM vault_data.end_run_at_once(schedule, head, run);
	PERFORM vault_data.plan_rotation(schedule.id);
	RETURN run.version;
END
$$;

CREATE FUNCTION vault_data.complete_rotation(p_rotation uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret;
	schedule vault_data.rotation_schedule;
	run vault_data.rotation;
BEGIN
	SELECT x.* INTO head
	FROM vault_data.rotation o
		JOIN vault_data.secret x ON x.tenant_id = o.tenant_id AND x.id = o.secret_id
	WHERE o.tenant_id = vault.current_tenant_id() AND o.id = p_rotation;
	IF NOT FOUND OR NOT vault_data.permitted('rotate', head.name, head.environment) THEN
		PERFORM vault_data.fail('42501', 'permission denied to complete this rotation',
			'You need "rotate" on its secret.');
	END IF;
	head := vault_data.find_secret('rotate', head.name, head.environment);
	schedule := vault_data.lock_schedule(head.id);
	PERFORM vault_data.require_not_deleted(head);
	SELECT * INTO run FROM vault_data.rotation WHERE tenant_id = head.tenant_id AND id = p_rotation;
	IF run.step IS DISTINCT FROM 'wait' OR schedule.id IS NULL THEN
		PERFORM vault_data.fail('55000', 'the rotation does not wait for a value',
			'It is completed once only; the view vault.rotation_status shows what waits.');
	END IF;
	RETURN vault_data.complete_run(schedule, head, run);
END
$$;

/* Do rotate() of a secret without a schedule. */
CREATE FUNCTION vault_data.rotate_plain(name text, environment text) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_plain';

CREATE FUNCTION vault_data.can_generate(type text) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_can_generate';
COMMENT ON FUNCTION vault_data.can_generate(text)
	IS 'returns true if values of the type can be generated';

CREATE FUNCTION vault_data.rotate_matching(p_pattern text, p_tags jsonb, p_environment text,
	p_dry_run boolean)
RETURNS TABLE (name text, environment text, rotator text, outcome text, version integer)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	env text := vault_data.environment(p_environment);
	pattern text := COALESCE(p_pattern, CASE WHEN p_tags <> '{}' THEN '**' END);
	item record;
BEGIN
	IF pattern IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid name_pattern: must not be null without tags',
			'Give a pattern, tags, or both; ''**'' are all secrets.');
	END IF;
	PERFORM vault_data.check_pattern(pattern), vault_data.check_environment(env);
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM vault_data.fail('25001',
			'secrets cannot be rotated by a pattern in REPEATABLE READ or SERIALIZABLE',
			'Call it in a transaction of READ COMMITTED.');
	END IF;
	IF p_tags IS NOT NULL THEN
		PERFORM vault_data.check_tags(p_tags);
	END IF;
	FOR item IN
		SELECT x.id, x.name, x.type, x.purge_at, x.deactivated_at, c.rotator
		FROM vault_data.secret x
		LEFT JOIN vault_data.rotation_schedule c ON c.tenant_id = x.tenant_id AND c.secret_id = x.id
		WHERE x.tenant_id = vault.current_tenant_id() AND x.environment = env
			AND vault_data.name_matches(x.name, pattern)
			AND (p_tags IS NULL OR x.tags @> p_tags)
			AND vault_data.permitted('list', x.name, x.environment)
		ORDER BY x.name
	LOOP
		/* A concurrent set_rotation() has ended by now. */
		IF p_dry_run IS FALSE AND vault_data.permitted('rotate', item.name, env) THEN
			PERFORM FROM vault_data.secret x
			WHERE x.tenant_id = vault.current_tenant_id() AND x.id = item.id FOR NO KEY UPDATE;
			item.rotator := (SELECT c.rotator FROM vault_data.rotation_schedule c
				WHERE c.tenant_id = vault.current_tenant_id() AND c.secret_id = item.id);
		END IF;
		name := item.name;
		environment := env;
		rotator := item.rotator;
		version := NULL;
		outcome := CASE WHEN NOT vault_data.permitted('rotate', item.name, env)
			THEN 'skipped: no permission to rotate'
			WHEN item.purge_at IS NOT NULL
				OR item.deactivated_at IS NOT NULL THEN 'skipped: '
				|| vault_data.state_of(item.purge_at, item.deactivated_at)
			WHEN vault_data.rotator_flag(item.rotator, 'acts_outside')
				AND vault_data.held() IS NOT NULL THEN 'skipped: the vault is held as a copy'
			WHEN item.rotator IS NULL
				AND NOT vault_data.can_generate(item.type)
				THEN 'skipped: a value of this type cannot be generated here'
			WHEN vault_data.rotator_flag(item.rotator, 'acts_outside')
				OR vault_data.rotator_flag(item.rotator, 'waits_for_value') THEN 'started'
				ELSE 'rotated' END;
		IF outcome IN ('rotated', 'started') AND p_dry_run IS NOT FALSE THEN
			outcome := CASE outcome WHEN 'rotated' THEN 'would be rotated'
				ELSE 'would be started' END;
		ELSIF outcome IN ('rotated', 'started') THEN
			version := CASE WHEN item.rotator IS NULL THEN vault_data.rotate_plain(item.name, env)
				ELSE vault_data.rotate_on_demand(item.name, env, false, false) END;
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.can_generate(text), vault_data.complete_rotation(uuid),
	vault_data.complete_run(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation),
	vault_data.end_run_at_once(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation),
	vault_data.rotate_matching(text, jsonb, text, boolean),
	vault_data.rotate_on_demand(text, text, boolean, boolean), vault_data.rotate_plain(text, text)
	TO vault_exec;

/*
 * Runs: each function performs a part of one step, with the head and the schedule locked by its
 * caller.
 */

/* Return true if both passwords of a pair are in use until the overlap ends. */
CREATE FUNCTION vault_data.rotation_blocked_until(schedule vault_data.rotation_schedule)
RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT max(r.retire_at) FROM vault_data.rotation r
	WHERE schedule.config ? 'users' AND r.tenant_id = schedule.tenant_id
		AND r.secret_id = schedule.secret_id
		AND r.step = 'retire' AND r.retire_at > clock_timestamp()
$$;

/* Resume an interrupted run first: the target may already have the new value. */
CREATE FUNCTION vault_data.begin_rotation(schedule vault_data.rotation_schedule,
	head vault_data.secret)
RETURNS vault_data.rotation
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	run vault_data.rotation;
BEGIN
	DELETE FROM vault_data.rotation o
	WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
		AND o.finished_at < clock_timestamp() - interval '90 days';
	INSERT INTO vault_data.rotation (tenant_id, id, secret_id, step, previous, due_at, try_at)
	VALUES (schedule.tenant_id, vault_data.new_id(), schedule.secret_id, 'create',
		head.current_version,
		COALESCE(LEAST(schedule.due_at, clock_timestamp()), clock_timestamp()), '-infinity')
	RETURNING * INTO run;
	RETURN run;
END
$$;

/*
 * Return true if the value before the run leaked. Until the promotion, retire_at of the run says
 * so.
 */
CREATE FUNCTION vault_data.retires_at_once(run vault_data.rotation) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT COALESCE(run.retire_at = '-infinity', false)
$$;
COMMENT ON FUNCTION vault_data.retires_at_once(vault_data.rotation)
	IS 'returns true if the run has no overlap, because the value in use leaked';

CREATE FUNCTION vault_data.promote(schedule vault_data.rotation_schedule, head vault_data.secret,
	run vault_data.rotation)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	promoted vault_data.secret_version;
	now timestamptz := clock_timestamp();
BEGIN
	SELECT * INTO promoted FROM vault_data.secret_version
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = run.version
	FOR NO KEY UPDATE;
	PERFORM vault_data.require_authentic(promoted);
	IF promoted.destroyed_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT009', format('version %s was destroyed', run.version),
			'The next rotation makes another one.');
	END IF;
	UPDATE vault_data.secret
	SET current_version = run.version, previous_version = head.current_version,
		pending_version = NULLIF(pending_version, run.version),
		envelope = vault_data.small(promoted.envelope), metadata = promoted.metadata,
		expires_at = promoted.expires_at, grace_until = NULL, extensions = 0, updated_at = now
	WHERE tenant_id = head.tenant_id AND id = head.id;
	UPDATE vault_data.rotation
	SET step = 'retire', attempts = 0, error = NULL,
		retire_at = CASE WHEN vault_data.retires_at_once(run) THEN now
			ELSE now + schedule.overlap END
	WHERE tenant_id = run.tenant_id AND id = run.id;
	/*
	 * Of a pair at another server the user that is retired changes its own password, in a run
	 * that follows at once: no other role can.
	 */
	UPDATE vault_data.rotation_schedule
	SET last_at = now,
		due_at = CASE WHEN vault_data.retires_at_once(run)
				AND vault_data.rotator_flag(schedule.rotator, 'sets_own_password')
				AND schedule.config ? 'users' THEN now
			ELSE vault_data.next_due(every, time_window, now) END
	WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
END
$$;

CREATE FUNCTION vault_data.retire(schedule vault_data.rotation_schedule, head vault_data.secret,
	run vault_data.rotation)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	destroyed boolean := (SELECT v.destroyed_at IS NOT NULL FROM vault_data.secret_version v
		WHERE v.tenant_id = head.tenant_id AND v.secret_id = head.id AND v.version = run.previous);
BEGIN
	IF run.previous <> head.current_version THEN
		/*
		 * Only the current version tells the login of a destroyed one. The other user of a pair may
		 * be in use by the version of a later run.
		 */
		IF NOT destroyed OR NOT vault_data.rotator_flag(schedule.rotator, 'has_users')
			OR NOT EXISTS (SELECT FROM vault_data.rotation o
				WHERE o.tenant_id = run.tenant_id AND o.secret_id = run.secret_id
					AND o.step = 'retire' AND o.id <> run.id)
		THEN
			PERFORM vault_data.rotator_act('retire', schedule.rotator, schedule.config, head.name,
				head.environment,
				head.current_version, CASE WHEN NOT destroyed THEN run.previous END);
		END IF;
		PERFORM vault_data.retire_version(head, run.previous);
	END IF;
	UPDATE vault_data.rotation SET step = 'done', finished_at = clock_timestamp(), error = NULL
	WHERE tenant_id = run.tenant_id AND id = run.id;
END
$$;

/*
 * End every overlap of the secret. Targets that cannot be reached in this transaction are left to
 * the job.
 */
CREATE FUNCTION vault_data.retire_overlaps(schedule vault_data.rotation_schedule,
	head vault_data.secret)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	run vault_data.rotation;
BEGIN
	FOR run IN
		SELECT * FROM vault_data.rotation o
		WHERE o.tenant_id = head.tenant_id AND o.secret_id = head.id AND o.step = 'retire'
		ORDER BY o.started_at
	LOOP
		PERFORM vault_data.require_authentic(run);
		IF NOT vault_data.rotator_flag(schedule.rotator, 'acts_outside') THEN
			PERFORM vault_data.retire(schedule, head, run);
			CONTINUE;
		END IF;
		IF run.previous <> head.current_version THEN
			PERFORM vault_data.retire_version(head, run.previous);
		END IF;
		UPDATE vault_data.rotation SET retire_at = clock_timestamp()
		WHERE tenant_id = run.tenant_id AND id = run.id;
	END LOOP;
END
$$;

/* Perform one due step of a run. */
CREATE FUNCTION vault_data.step_rotation(schedule vault_data.rotation_schedule,
	head vault_data.secret, run vault_data.rotation)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	made integer;
BEGIN
	PERFORM vault_data.require_authentic(run);
	IF run.step = 'retire' THEN
		PERFORM vault_data.retire(schedule, head, run);
		RETURN;
	ELSIF run.step = 'wait' THEN
		PERFORM vault_data.fail('57014', 'the rotation was not completed',
			'Call vault.complete_rotation() with the new value.');
	ELSIF head.current_version <> run.previous THEN
		PERFORM vault_data.fail('55000', 'another version became current meanwhile',
			'The next rotation follows that one.');
	ELSIF EXISTS (SELECT FROM vault_data.secret_version v
		WHERE v.tenant_id = head.tenant_id AND v.secret_id = head.id AND v.version = run.version
			AND v.expires_at <= clock_timestamp())
	THEN
		PERFORM vault_data.fail('VT006', 'the new version expired before it became current',
			'Give the type a longer max_lifetime; the next rotation makes another one.');
	END IF;
	CASE run.step
	WHEN 'create' THEN
		IF vault_data.rotator_flag(schedule.rotator, 'waits_for_value') THEN
			UPDATE vault_data.rotation
			SET step = 'wait', try_at = clock_timestamp() + interval '7 days'
			WHERE tenant_id = run.tenant_id AND id = run.id;
			PERFORM vault_data.announce(head.tenant_id, 'rotation_due', 'warning', head.id,
				jsonb_build_object('rotation', run.id));
			RETURN;
		END IF;
		made := vault_data.rotator_act('create', schedule.rotator, schedule.config, head.name,
			head.environment, NULL, head.current_version);
		UPDATE vault_data.rotation
		SET version = made,
			step = CASE WHEN vault_data.rotator_flag(schedule.rotator, 'acts_outside') THEN 'set'
				ELSE 'promote' END
		WHERE tenant_id = run.tenant_id AND id = run.id;
	WHEN 'promote' THEN
		IF vault_data.rotator_flag(schedule.rotator, 'has_target')
			AND NOT vault_data.rotator_flag(schedule.rotator, 'acts_outside')
		THEN
			PERFORM vault_data.rotator_act('set', schedule.rotator, schedule.config, head.name,
				head.environment, run.version, head.current_version);
		END IF;
		PERFORM vault_data.promote(schedule, head, run);
		PERFORM vault_data.announce(head.tenant_id, 'rotated', 'info', head.id,
			jsonb_build_object('rotation', run.id, 'version', run.version));
	ELSE
		PERFORM vault_data.rotator_act(run.step, schedule.rotator, schedule.config, head.name,
			head.environment, run.version, head.current_version);
		UPDATE vault_data.rotation
		SET step = CASE run.step WHEN 'set' THEN 'test' ELSE 'promote' END
		WHERE tenant_id = run.tenant_id AND id = run.id;
	END CASE;
END
$$;

/* Do the due step for a secret whose schedule the caller has locked. */
CREATE FUNCTION vault_data.advance_rotation(schedule vault_data.rotation_schedule) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret;
	run vault_data.rotation;
	blocked timestamptz;
BEGIN
	SELECT * INTO head FROM vault_data.secret
	WHERE tenant_id = schedule.tenant_id AND id = schedule.secret_id
	FOR UPDATE;
	PERFORM vault_data.require_authentic(head);
	IF head.purge_at IS NOT NULL OR head.deactivated_at IS NOT NULL THEN
		UPDATE vault_data.rotation_schedule SET next_at = clock_timestamp() + interval '1 hour'
		WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
		RETURN;
	END IF;
	SELECT * INTO run FROM vault_data.rotation o
	WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
		AND CASE o.step WHEN 'retire' THEN o.retire_at <= clock_timestamp() WHEN 'done' THEN false
			WHEN 'failed' THEN false ELSE o.try_at <= clock_timestamp() END
	ORDER BY o.started_at LIMIT 1;
	IF NOT FOUND AND schedule.due_at <= clock_timestamp()
		AND NOT EXISTS (SELECT FROM vault_data.rotation o
			WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
				AND o.step NOT IN ('retire', 'done', 'failed'))
	THEN
		blocked := vault_data.rotation_blocked_until(schedule);
		IF blocked IS NOT NULL THEN
			UPDATE vault_data.rotation_schedule SET due_at = blocked
			WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
		ELSE
			run := vault_data.begin_rotation(schedule, head);
		END IF;
	END IF;
	IF run.id IS NOT NULL THEN
		PERFORM vault_data.step_rotation(schedule, head, run);
	END IF;
	PERFORM vault_data.plan_rotation(schedule.id);
END
$$;

CREATE FUNCTION vault_data.rotation_attempts() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 8;
COMMENT ON FUNCTION vault_data.rotation_attempts()
	IS 'returns the number of consecutive failures of a step after which the run has failed';

CREATE FUNCTION vault_data.rotation_retry() RETURNS interval
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_rotation_retry';
COMMENT ON FUNCTION vault_data.rotation_retry() IS 'returns the setting vault.rotation_retry';

/* Give the former value back to the target at the end of a run. Return the error, or NULL. */
CREATE FUNCTION vault_data.undo_run(schedule vault_data.rotation_schedule, head vault_data.secret,
	run vault_data.rotation)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	/* A run at "set" may have begun with it, in a transaction that ended without a trace here. */
	IF run.step IN ('set', 'test', 'promote') AND head.current_version = run.previous
		AND vault_data.rotator_flag(schedule.rotator, 'acts_outside')
	THEN
		PERFORM vault_data.rotator_act('undo', schedule.rotator, schedule.config, head.name,
			head.environment, run.version, run.previous);
	END IF;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN 'undo failed: ' || SQLSTATE;
END
$$;

/* End the run as failed. What was set at the target is taken back there, if that is possible. */
CREATE FUNCTION vault_data.give_up(schedule vault_data.rotation_schedule, run vault_data.rotation,
	p_error text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret;
	later timestamptz := vault_data.next_due(schedule.every, schedule.time_window,
		clock_timestamp());
BEGIN
	SELECT * INTO head FROM vault_data.secret
	WHERE tenant_id = schedule.tenant_id AND id = schedule.secret_id;
	p_error := left(concat_ws('; ', p_error, vault_data.undo_run(schedule, head, run)), 250);
	/* A step that failed at the target does not keep the version readable. */
	IF run.step = 'retire' AND run.previous <> head.current_version THEN
		PERFORM vault_data.retire_version(head, run.previous);
	END IF;
	UPDATE vault_data.secret SET pending_version = NULL, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id AND pending_version = run.version;
	UPDATE vault_data.rotation
	SET step = 'failed', finished_at = clock_timestamp(), attempts = attempts + 1, error = p_error
	WHERE tenant_id = run.tenant_id AND id = run.id;
	UPDATE vault_data.rotation_schedule
	SET due_at = CASE WHEN run.step = 'retire' THEN due_at ELSE later END
	WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
	PERFORM vault_data.announce(schedule.tenant_id, 'rotation_failed', 'critical',
		schedule.secret_id,
		jsonb_build_object('rotation', run.id, 'step', run.step, 'sqlstate', left(p_error, 5)));
END
$$;

/*
 * True if no later attempt can mend the error: the rotation was not completed, another session
 * wrote a version, the value has expired, or the role may not be changed any more.
 */
CREATE FUNCTION vault_data.is_final(head vault_data.secret, run vault_data.rotation, p_error text)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT CASE run.step WHEN 'retire' THEN p_error LIKE '42501%' WHEN 'wait' THEN true
		ELSE head.current_version <> run.previous OR p_error LIKE 'VT006%' END
$$;

/*
 * Plan the next attempt after an error, later each time. A row that was changed outside only waits.
 */
CREATE FUNCTION vault_data.rotation_failed(schedule vault_data.rotation_schedule, p_error text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	run vault_data.rotation;
	head vault_data.secret;
	pause interval;
BEGIN
	SELECT * INTO run FROM vault_data.rotation o
	WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
		AND CASE o.step WHEN 'retire' THEN o.retire_at <= clock_timestamp() WHEN 'done' THEN false
			WHEN 'failed' THEN false ELSE true END
	ORDER BY o.started_at LIMIT 1;
	SELECT * INTO head FROM vault_data.secret
	WHERE tenant_id = schedule.tenant_id AND id = schedule.secret_id;
	IF run.id IS NULL AND vault_data.is_authentic(head) THEN
		run := vault_data.begin_rotation(schedule, head);
	END IF;
	IF run.id IS NULL OR NOT vault_data.is_authentic(run) OR NOT vault_data.is_authentic(head) THEN
		UPDATE vault_data.rotation_schedule SET next_at = clock_timestamp() + interval '1 hour'
		WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
		RETURN;
	END IF;
	pause := LEAST(vault_data.rotation_retry() * power(2, LEAST(run.attempts, 20)),
		GREATEST(interval '1 hour', vault_data.rotation_retry())) * (0.5 + random());
	IF run.attempts + 1 >= vault_data.rotation_attempts() OR vault_data.is_final(head, run, p_error)
	THEN
		PERFORM vault_data.give_up(schedule, run, p_error);
	ELSIF run.step = 'retire' THEN
		UPDATE vault_data.rotation
		SET attempts = attempts + 1, error = p_error, retire_at = clock_timestamp() + pause
		WHERE tenant_id = run.tenant_id AND id = run.id;
	ELSE
		UPDATE vault_data.rotation SET attempts = attempts + 1, error = p_error,
			try_at = COALESCE(vault_data.next_in_window(schedule.time_window,
				clock_timestamp() + pause,
				random()), clock_timestamp() + pause)
		WHERE tenant_id = run.tenant_id AND id = run.id;
	END IF;
	PERFORM vault_data.plan_rotation(schedule.id);
END
$$;

/*
 * Lock the schedule whose turn it is (queue.c), and that no other session has locked. The entry is
 * then in its tenant.
 */
CREATE FUNCTION vault_data.claim_rotation() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_claim_rotation';

CREATE FUNCTION vault_data.is_own_write(row_xmin xid) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_own_write';

CREATE FUNCTION vault_data.refuse_transaction_block() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_refuse_transaction_block';

CREATE FUNCTION vault_data.rotate_due(p_max_steps integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	schedule vault_data.rotation_schedule;
	claimed uuid;
	steps integer := 0;
BEGIN
	IF p_max_steps IS NULL OR p_max_steps <= 0 THEN
		PERFORM vault_data.fail('22023', 'invalid max_steps: must be positive',
			'Give the number of steps.');
	END IF;
	/* In a copy, runs wait: they neither begin nor fail. */
	PERFORM vault_data.require_origin();
	WHILE steps < p_max_steps LOOP
		claimed := vault_data.claim_rotation();
		EXIT WHEN claimed IS NULL;
		SELECT * INTO schedule FROM vault_data.rotation_schedule
		WHERE tenant_id = vault.current_tenant_id() AND id = claimed;
		/*
		 * Stop before a target outside of this transaction gets a version that this transaction has
		 * made: a rollback would take the version away.
		 */
		EXIT WHEN EXISTS (SELECT FROM vault_data.rotation r JOIN vault_data.secret_version v
			ON v.tenant_id = r.tenant_id AND v.secret_id = r.secret_id AND v.version = r.version
			WHERE r.tenant_id = schedule.tenant_id AND r.secret_id = schedule.secret_id
				AND r.step = 'set'
				AND vault_data.is_own_write(v.xmin));
		BEGIN
			PERFORM vault_data.advance_rotation(schedule);
		EXCEPTION WHEN OTHERS THEN
			/* Operators and auditors need not know the rule that a generated value broke. */
			PERFORM vault_data.rotation_failed(schedule,
				SQLSTATE || ': '
				|| left(regexp_replace(SQLERRM,
					'^(the value does not have|no value of type)([^:]*): .*', '\1\2'), 200));
		END;
		steps := steps + 1;
	END LOOP;
	RETURN steps;
END
$$;

CREATE FUNCTION vault_data.job_rotate_step() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_rotate_step';
COMMENT ON FUNCTION vault_data.job_rotate_step()
	IS 'performs one step of the job vault:rotate; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.rotation_batch() RETURNS integer
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_rotation_batch';
COMMENT ON FUNCTION vault_data.rotation_batch() IS 'returns the setting vault.rotation_batch';

/*
 * Pin no settings here, because a procedure with settings cannot commit. It therefore names no
 * operator, and each function with its schema.
 */
CREATE PROCEDURE vault_data.job_rotate()
LANGUAGE plpgsql AS $$
DECLARE
	done bigint;
BEGIN
	FOR step IN 1 .. vault_data.rotation_batch() LOOP
		done := vault_data.job_rotate_step();
		COMMIT;
		EXIT WHEN done IS NULL OR done OPERATOR(pg_catalog.=) 0;
	END LOOP;
END
$$;
COMMENT ON PROCEDURE vault_data.job_rotate()
	IS 'runs the job vault:rotate: performs the steps of rotations that are due, each in its '
	'own transaction';

GRANT EXECUTE ON FUNCTION vault_data.advance_rotation(vault_data.rotation_schedule),
	vault_data.begin_rotation(vault_data.rotation_schedule, vault_data.secret),
	vault_data.claim_rotation(),
	vault_data.give_up(vault_data.rotation_schedule, vault_data.rotation, text),
	vault_data.is_final(vault_data.secret, vault_data.rotation, text), vault_data.is_own_write(xid),
	vault_data.promote(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation),
	vault_data.refuse_transaction_block(),
	vault_data.retire(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation),
	vault_data.retire_overlaps(vault_data.rotation_schedule, vault_data.secret),
	vault_data.retires_at_once(vault_data.rotation), vault_data.rotate_due(integer),
	vault_data.rotation_attempts(), vault_data.rotation_blocked_until(vault_data.rotation_schedule),
	vault_data.rotation_failed(vault_data.rotation_schedule, text), vault_data.rotation_retry(),
	vault_data.step_rotation(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation),
	vault_data.undo_run(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation)
	TO vault_exec;
GRANT EXECUTE ON FUNCTION vault_data.job_rotate_step(), vault_data.rotation_batch()
	TO vault_jobs;
GRANT EXECUTE ON PROCEDURE vault_data.job_rotate()
	TO vault_jobs;

/*
 * Schedules: times, windows and overlaps; set, locked and removed.
 */

CREATE FUNCTION vault_data.is_cron(expression text) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_is_cron';
COMMENT ON FUNCTION vault_data.is_cron(text)
	IS 'returns true if a text is a cron expression of five fields, with an optional time zone';

CREATE FUNCTION vault_data.next_cron(expression text, after timestamptz) RETURNS timestamptz
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_next_cron';
COMMENT ON FUNCTION vault_data.next_cron(text, timestamptz)
	IS 'returns the first time of a cron expression after another time';

CREATE FUNCTION vault_data.next_in_window(time_window text, at timestamptz, spread double precision)
RETURNS timestamptz
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_next_in_window';
COMMENT ON FUNCTION vault_data.next_in_window(text, timestamptz, double precision)
	IS 'returns a time inside a window unchanged, or a time at the given part of the next '
	'interval of the window';

/* Return the interval that a name or a text means, or NULL for a cron expression. */
CREATE FUNCTION vault_data.rotation_interval(p_every text) RETURNS interval
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	span interval;
BEGIN
	IF p_every IS NULL OR vault_data.is_cron(p_every) THEN
		RETURN NULL;
	END IF;
	BEGIN
		span := CASE lower(p_every COLLATE "C") WHEN 'daily' THEN '1 day'
			WHEN 'weekly' THEN '7 days' WHEN 'monthly' THEN '1 month'
			WHEN 'quarterly' THEN '3 months' ELSE p_every END::interval;
	EXCEPTION WHEN data_exception THEN
		span := NULL;
	END;
	IF span IS NULL OR span < '1 second' OR span > '10 years' THEN
		PERFORM vault_data.fail('22023',
			'invalid every: it is neither daily, weekly, monthly or quarterly, nor an interval '
			'from 1 second to 10 years, nor a cron expression',
			'Give ''weekly'', ''36 hours'', ''30 3 * * mon-fri Europe/Berlin'', ''@daily'' or '
			'''on demand''.');
	END IF;
	RETURN span;
END
$$;

/* Return the shortest time between any two of the next times of a cron expression. */
CREATE FUNCTION vault_data.shortest_gap(p_every text) RETURNS interval
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	at timestamptz := vault_data.next_cron(p_every, clock_timestamp());
	later timestamptz;
	gap interval;
BEGIN
	FOR i IN 1 .. 10 LOOP
		later := vault_data.next_cron(p_every, at);
		gap := LEAST(gap, later - at);
		at := later;
	END LOOP;
	RETURN gap;
END
$$;

/*
 * Return the start of the next run. Intervals end early by up to a twentieth and an hour, so that
 * none is exceeded; cron's times are met within the minute.
 */
CREATE FUNCTION vault_data.next_due(p_every text, p_window text, p_after timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	span interval := vault_data.rotation_interval(p_every);
	due timestamptz;
BEGIN
	IF p_every IS NULL THEN
		RETURN NULL;
	ELSIF span IS NULL THEN
		due := vault_data.next_cron(p_every, p_after) + random() * interval '50 seconds';
	ELSE
		due := p_after + span - random() * LEAST(span / 20, interval '1 hour');
	END IF;
	RETURN COALESCE(vault_data.next_in_window(p_window, due, random()), due);
END
$$;

/* Return the time of the next step: the earliest of the present run and of the next one. */
CREATE FUNCTION vault_data.plan_rotation(p_schedule uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	schedule vault_data.rotation_schedule;
	soonest timestamptz;
	open_run timestamptz;
BEGIN
	SELECT * INTO schedule FROM vault_data.rotation_schedule
	WHERE tenant_id = vault.current_tenant_id() AND id = p_schedule;
	SELECT min(r.retire_at) FILTER (WHERE r.step = 'retire'),
		min(r.try_at) FILTER (WHERE r.step <> 'retire') INTO soonest, open_run
	FROM vault_data.rotation r
	WHERE r.tenant_id = schedule.tenant_id AND r.secret_id = schedule.secret_id
		AND r.step NOT IN ('done', 'failed');
	UPDATE vault_data.rotation_schedule
	SET next_at = LEAST(soonest, COALESCE(open_run, schedule.due_at))
	WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
END
$$;

/* Take omitted times from the type of the secret; NULL: on demand. */
CREATE FUNCTION vault_data.chosen_interval(p_every text, p_type text) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT CASE WHEN p_every IS NULL
		THEN (SELECT l.rotation_interval::text
			FROM vault_data.type_lifecycles(vault.current_tenant_id()) l WHERE l.type = p_type)
		WHEN word IN ('daily', 'weekly', 'monthly', 'quarterly') THEN word
		WHEN word <> 'on demand' THEN btrim(p_every) END
	FROM (VALUES (lower(btrim(p_every) COLLATE "C"))) AS written (word)
$$;

CREATE FUNCTION vault_data.users_of(config jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE WHEN config ? 'users'
		THEN ARRAY(SELECT jsonb_array_elements_text(config -> 'users'))
		WHEN config ? 'user' THEN ARRAY[config ->> 'user'] ELSE '{}' END
$$;

CREATE FUNCTION vault_data.lock_rotated_users() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_lock_rotated_users';

/* A user has one password, so a tenant has it in one secret. A concurrent caller waits. */
CREATE FUNCTION vault_data.require_users_free(p_secret uuid, p_rotator text, p_config jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	taken text;
BEGIN
	IF NOT vault_data.rotator_flag(p_rotator, 'has_users') THEN
		RETURN;
	END IF;
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM vault_data.fail('25001',
			'this rotator cannot be set in REPEATABLE READ or SERIALIZABLE',
			'Call it in a transaction of READ COMMITTED.');
	END IF;
	PERFORM vault_data.lock_rotated_users();
	SELECT u INTO taken
	FROM vault_data.rotation_schedule o, unnest(vault_data.users_of(o.config)) AS u
	WHERE o.tenant_id = vault.current_tenant_id() AND o.secret_id <> p_secret
		AND o.rotator = p_rotator AND u = ANY (vault_data.users_of(p_config))
		AND lower(o.config ->> 'host') IS NOT DISTINCT FROM lower(p_config ->> 'host')
		AND COALESCE(o.config ->> 'port', '5432') = COALESCE(p_config ->> 'port', '5432')
	LIMIT 1;
	IF FOUND THEN
		PERFORM vault_data.fail('55000', format('user "%s" is rotated with another secret', taken),
			'A user has one password: let both uses read one secret.');
	END IF;
END
$$;

/* Take an omitted overlap from the shortest time between two rotations; NULL: on demand. */
CREATE FUNCTION vault_data.chosen_overlap(p_overlap interval, p_every text, p_span interval)
RETURNS interval
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	span interval := CASE WHEN p_every IS NULL OR p_span IS NOT NULL THEN p_span
		ELSE vault_data.shortest_gap(p_every) END;
	overlap interval := COALESCE(p_overlap, LEAST(interval '1 day', span / 2));
BEGIN
	IF overlap < '0' OR overlap > '1 year' OR overlap >= span THEN
		PERFORM vault_data.fail('22023',
			'invalid overlap: it is negative, or not shorter than the time between two rotations',
			'Give an interval such as ''1 hour''.');
	END IF;
	RETURN overlap;
END
$$;

/*
 * End the overlaps of a rotation that gets another rotator, which could not take back a value that
 * the present one has set.
 */
CREATE FUNCTION vault_data.end_overlaps(head vault_data.secret) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	ended integer;
BEGIN
	FOR ended IN
		UPDATE vault_data.rotation r
		SET step = 'done', error = 'the rotation was changed', finished_at = clock_timestamp()
		WHERE r.tenant_id = head.tenant_id AND r.secret_id = head.id AND r.step = 'retire'
			AND r.previous <> head.current_version
		RETURNING r.previous
	LOOP
		PERFORM vault_data.retire_version(head, ended);
	END LOOP;
END
$$;

CREATE FUNCTION vault_data.set_rotation(p_name text, p_every text, p_rotator text, p_config jsonb,
	p_window text, p_overlap interval, p_environment text)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	every text := vault_data.chosen_interval(p_every, head.type);
	span interval := vault_data.rotation_interval(every);
	kept_window text := (vault_data.check_windows(CASE WHEN p_window IS NOT NULL
		THEN ARRAY[p_window] END))[1];
	kept_overlap interval;
	due timestamptz;
	schedule uuid;
	present vault_data.rotation_schedule;
	chosen text;
	chosen_config jsonb;
	has_target boolean;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	present := vault_data.lock_schedule(head.id);
	/* A call that changes the times alone leaves the rest as it is. */
	chosen := COALESCE(lower(p_rotator COLLATE "C"), present.rotator, vault_data.default_rotator());
	chosen_config := COALESCE(p_config, CASE WHEN chosen = present.rotator THEN present.config END,
		'{}');
	PERFORM vault_data.require_rotator(chosen);
	has_target := vault_data.rotator_flag(chosen, 'has_target')
		OR vault_data.rotator_flag(present.rotator, 'has_target');
	IF has_target THEN
		PERFORM vault_data.require_administrator();
	END IF;
	IF vault_data.rotator_flag(chosen, 'gets_values') THEN
		PERFORM vault_data.require('read', head.name, head.environment);
	END IF;
	kept_overlap := vault_data.chosen_overlap(p_overlap, every, span);
	PERFORM vault_data.rotator_act('check', chosen, chosen_config, head.name, head.environment,
		NULL, head.current_version);
	IF EXISTS (SELECT FROM vault_data.rotation r
		WHERE r.tenant_id = head.tenant_id AND r.secret_id = head.id
			AND r.step NOT IN ('retire', 'done', 'failed'))
	THEN
		PERFORM vault_data.fail('55000', 'a rotation of the secret is under way',
			'The view vault.rotation_status shows its state; vault.remove_rotation() ends it.');
	END IF;
	IF has_target
		AND (present.rotator, present.config) IS DISTINCT FROM (chosen, chosen_config)
	THEN
		PERFORM vault_data.end_overlaps(head);
	END IF;
	PERFORM vault_data.require_users_free(head.id, chosen, chosen_config);
	due := vault_data.next_due(every, kept_window, clock_timestamp());
	INSERT INTO vault_data.rotation_schedule AS c (tenant_id, id, secret_id, every, rotator, config,
		time_window, overlap, due_at)
	VALUES (head.tenant_id, vault_data.new_id(), head.id, every, chosen, chosen_config, kept_window,
		kept_overlap, due)
	ON CONFLICT (tenant_id, secret_id) DO UPDATE SET every = excluded.every,
		rotator = excluded.rotator, config = excluded.config,
		time_window = excluded.time_window, overlap = excluded.overlap, due_at = excluded.due_at
	RETURNING c.id INTO schedule;
	PERFORM vault_data.plan_rotation(schedule);
	RETURN due;
END
$$;

CREATE FUNCTION vault_data.has_schedule(secret uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_has_schedule';
COMMENT ON FUNCTION vault_data.has_schedule(uuid)
	IS 'returns true if the secret has a rotation now, in every isolation level';

/* Return the secret's schedule, locked. The holder of the lock may change the rotation. */
CREATE FUNCTION vault_data.lock_schedule(p_secret uuid) RETURNS vault_data.rotation_schedule
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	schedule vault_data.rotation_schedule;
BEGIN
	SELECT * INTO schedule FROM vault_data.rotation_schedule
	WHERE tenant_id = vault.current_tenant_id() AND secret_id = p_secret FOR UPDATE;
	IF FOUND THEN
		PERFORM vault_data.require_authentic(schedule);
	ELSIF vault_data.has_schedule(p_secret) THEN
		PERFORM vault_data.fail('40001',
			'the secret has got a rotation since the transaction began',
			'Try again in a new transaction.');
	END IF;
	RETURN schedule;
END
$$;

CREATE FUNCTION vault_data.remove_rotation(p_name text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	schedule vault_data.rotation_schedule;
	run vault_data.rotation;
	fault text;
BEGIN
	SELECT * INTO schedule FROM vault_data.rotation_schedule
	WHERE tenant_id = head.tenant_id AND secret_id = head.id FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('55000', 'the secret has no rotation',
			'vault.set_rotation() gives it one.');
	END IF;
	/* One that was changed outside can be removed, but may name another rotator. */
	IF vault_data.rotator_flag(schedule.rotator, 'has_target')
		OR NOT vault_data.is_authentic(schedule)
	THEN
		PERFORM vault_data.require_administrator();
	END IF;
	SELECT * INTO run FROM vault_data.rotation o
	WHERE o.tenant_id = head.tenant_id AND o.secret_id = head.id
		AND o.step NOT IN ('retire', 'done', 'failed');
	IF run.id IS NOT NULL AND vault_data.is_authentic(schedule) AND vault_data.is_authentic(run)
	THEN
		fault := vault_data.undo_run(schedule, head, run);
	END IF;
	IF fault IS NOT NULL THEN
		RAISE NOTICE USING MESSAGE = fault,
			HINT = 'The target may have a value that no version of the secret is current with; '
				'set it there by hand.';
	END IF;
	DELETE FROM vault_data.rotation_schedule
	WHERE tenant_id = head.tenant_id AND secret_id = head.id;
	UPDATE vault_data.secret SET pending_version = NULL, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id AND pending_version = run.version;
	UPDATE vault_data.rotation
	SET step = CASE step WHEN 'retire' THEN 'done' ELSE 'failed' END,
		error = concat_ws('; ', 'the rotation was removed', CASE WHEN id = run.id THEN fault END),
		finished_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND step NOT IN ('done', 'failed');
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.chosen_interval(text, text),
	vault_data.chosen_overlap(interval, text, interval), vault_data.end_overlaps(vault_data.secret),
	vault_data.has_schedule(uuid), vault_data.is_cron(text), vault_data.lock_rotated_users(),
	vault_data.lock_schedule(uuid), vault_data.next_cron(text, timestamptz),
	vault_data.next_due(text, text, timestamptz),
	vault_data.next_in_window(text, timestamptz, double precision), vault_data.plan_rotation(uuid),
	vault_data.remove_rotation(text, text), vault_data.require_users_free(uuid, text, jsonb),
	vault_data.rotation_interval(text),
	vault_data.set_rotation(text, text, text, jsonb, text, interval, text),
	vault_data.shortest_gap(text), vault_data.users_of(jsonb)
	TO vault_exec;

/*
 * Targets: which roles of this server may have their passwords rotated, and the actions of
 * rotators.
 */

CREATE FUNCTION vault_data.rotation_role_fault(p_role text, p_tenant uuid) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT CASE
		WHEN r.rolsuper OR r.rolreplication OR r.rolbypassrls
			OR r.rolcreaterole
			THEN 'it is a superuser or may replicate, bypass row security or create roles'
		WHEN r.rolname ~ '^(vault|pg)_' THEN 'it is a role of vault or of PostgreSQL'
		WHEN EXISTS (SELECT FROM pg_roles m
			WHERE m.oid <> r.oid AND pg_has_role(r.oid, m.oid, 'MEMBER')
				AND (m.rolsuper OR m.rolreplication OR m.rolbypassrls OR m.rolcreaterole
					OR m.rolname ~ '^(vault|pg)_' AND m.rolname <> 'vault_client'))
		THEN 'it is a member of a role whose password is not rotated'
		WHEN vault_data.is_bound_elsewhere(r.oid, p_tenant)
			THEN 'it is a principal of another tenant, shows tokens there, or is reserved for or '
			'allowed to one'
		WHEN EXISTS (SELECT FROM pg_roles m
			WHERE m.oid <> r.oid AND pg_has_role(r.oid, m.oid, 'MEMBER')
				AND vault_data.is_bound_elsewhere(m.oid, p_tenant))
		THEN 'it is a member of a role that serves another tenant, or is reserved for or '
			'allowed to one'
		END
	FROM pg_roles r WHERE r.rolname = p_role
$$;

/* Return why a role cannot log in: its password could not be tested, and would be of no use. */
CREATE FUNCTION vault_data.rotation_login_fault(p_role text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT CASE
		WHEN NOT r.rolcanlogin THEN 'it cannot log in (NOLOGIN)'
		WHEN r.rolconnlimit = 0 THEN 'it cannot log in (CONNECTION LIMIT 0)'
		WHEN r.rolvaliduntil <= clock_timestamp()
			THEN 'its password does not count any more (VALID UNTIL)'
		END
	FROM pg_roles r WHERE r.rolname = p_role
$$;

CREATE FUNCTION vault_data.refuse_rotation(p_role text, p_fault text, p_login_fault text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_fault IS NOT NULL THEN
		PERFORM vault_data.fail('42501',
			format('rotation of the password of role "%s" is refused: %s', p_role, p_fault),
			'Use a role with fewer privileges.');
	ELSIF p_login_fault IS NOT NULL THEN
		PERFORM vault_data.fail('42501',
			format('rotation of the password of role "%s" is refused: %s', p_role, p_login_fault),
			'Ask an administrator of the role to let it log in, with ALTER ROLE … LOGIN, '
			'CONNECTION LIMIT or VALID UNTIL.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.is_bound_elsewhere(role oid, tenant uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_bound_elsewhere';

CREATE FUNCTION vault_data.may_lend(role oid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_lend';

/*
 * Check at every run that the role is allowed, by name and oid, and may still be rotated. A role
 * that cannot log in can lose its password.
 */
CREATE FUNCTION vault_data.require_rotatable(p_role text, p_logs_in boolean) RETURNS oid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	allowed vault_data.rotation_role;
BEGIN
	SELECT a.* INTO allowed
	FROM vault_data.rotation_role a JOIN pg_roles r ON r.oid = a.db_role AND r.rolname = a.role_name
	WHERE a.tenant_id = vault.current_tenant_id() AND a.role_name = p_role;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42501',
			format('rotation of the password of role "%s" is not allowed', p_role),
			'An operator allows it with vault.allow_rotation().');
	END IF;
	PERFORM vault_data.require_authentic(allowed);
	PERFORM vault_data.refuse_rotation(p_role,
		vault_data.rotation_role_fault(p_role, allowed.tenant_id),
		CASE WHEN p_logs_in THEN vault_data.rotation_login_fault(p_role) END);
	RETURN allowed.db_role;
END
$$;

CREATE FUNCTION vault_data.allow_rotation(p_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
	role_oid oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = p_role);
BEGIN
	IF role_oid IS NULL THEN
		PERFORM vault_data.fail('42704', 'no such database role', 'CREATE ROLE first.');
	END IF;
	PERFORM vault_data.refuse_rotation(p_role, vault_data.rotation_role_fault(p_role, this_tenant),
		vault_data.rotation_login_fault(p_role));
	IF NOT vault_data.may_lend(role_oid) THEN
		/* The holder of the password can act as the role, so an operator must not give it away. */
		PERFORM vault_data.fail('42501',
			format('permission denied to lend the password of role "%s"', p_role),
			'A superuser can, or an operator who has ADMIN OPTION on the role.');
	END IF;
	DELETE FROM vault_data.rotation_role a
	WHERE a.tenant_id = this_tenant AND (a.role_name = p_role) <> (a.db_role = role_oid);
	INSERT INTO vault_data.rotation_role (tenant_id, role_name, db_role)
	VALUES (this_tenant, p_role, role_oid)
	ON CONFLICT (tenant_id, role_name) DO NOTHING;
END
$$;

CREATE FUNCTION vault_data.disallow_rotation(p_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	/*
	 * Find the role by its present name, or by the name that it had: the view shows one of the two.
	 */
	DELETE FROM vault_data.rotation_role a WHERE a.tenant_id = this_tenant AND (a.role_name = p_role
		OR a.db_role = (SELECT r.oid FROM pg_roles r WHERE r.rolname = p_role));
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704',
			'rotation of this role''s password is not allowed to the tenant',
			'Nothing is left to take back.');
	END IF;
END
$$;

/* rotator.h lists the flags of a rotator, and says what each one means. */
CREATE FUNCTION vault_data.rotator_flag(rotator text, flag text) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_rotator_flag';
COMMENT ON FUNCTION vault_data.rotator_flag(text, text)
	IS 'returns a fact about a rotator; false if the rotator does not exist';

CREATE FUNCTION vault_data.require_rotator(rotator text) RETURNS void
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_require_rotator';

CREATE FUNCTION vault_data.default_rotator() RETURNS text
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_default_rotator';

/*
 * Perform an action of a rotator (rotator.h). The action create returns the next version. version
 * is the version that is made, and previous the version before it.
 */
CREATE FUNCTION vault_data.rotator_act(action text, rotator text, config jsonb, name text,
	environment text, version integer, previous integer)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotator_act';

GRANT EXECUTE ON FUNCTION vault_data.allow_rotation(text, text), vault_data.default_rotator(),
	vault_data.disallow_rotation(text, text), vault_data.is_bound_elsewhere(oid, uuid),
	vault_data.may_lend(oid), vault_data.refuse_rotation(text, text, text),
	vault_data.require_rotatable(text, boolean), vault_data.require_rotator(text),
	vault_data.rotation_login_fault(text), vault_data.rotation_role_fault(text, uuid),
	vault_data.rotator_act(text, text, jsonb, text, text, integer, integer),
	vault_data.rotator_flag(text, text)
	TO vault_exec;

/*
 * Changes of the current version that a rotation must agree to: rollback, and change of type.
 */

/*
 * Return the expiry of the head after a rollback to the target. An expiry by the value or its type
 * comes and goes with the version; an expiry that was set stays. A caller without the right to
 * write, and so to set an expiry, gets no later one.
 */
CREATE FUNCTION vault_data.end_after_rollback(head vault_data.secret,
	target vault_data.secret_version)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	replaced vault_data.secret_version;
BEGIN
	SELECT * INTO replaced FROM vault_data.secret_version x
	WHERE x.tenant_id = head.tenant_id AND x.secret_id = head.id
		AND x.version = head.current_version;
	PERFORM vault_data.require_authentic(replaced);
	IF head.expires_at IS DISTINCT FROM replaced.expires_at
		OR NOT vault_data.permitted('write', head.name, head.environment)
	THEN
		RETURN LEAST(head.expires_at, target.expires_at);
	END IF;
	RETURN target.expires_at;
END
$$;

/*
 * A pending version is a new one. Any other version was in use before: a rollback to it must not be
 * a way around the override.
 */
CREATE FUNCTION vault_data.rollback(p_name text, p_to_version integer, p_environment text)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	target integer := COALESCE(p_to_version, head.previous_version);
	chosen vault_data.secret_version;
	pending boolean;
	ends timestamptz;
	grace timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(head), vault_data.require_not_deactivated(head);
	SELECT * INTO chosen FROM vault_data.secret_version
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = target FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('VT005',
			CASE WHEN target IS NULL THEN 'the secret has no previous version'
				ELSE format('version %s of the secret does not exist', target) END,
			'The view vault.versions shows what there is.');
	END IF;
	PERFORM vault_data.require_authentic(chosen);
	IF chosen.destroyed_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT009', format('version %s was destroyed', target),
			'Roll back to another version.');
	ELSIF chosen.type <> head.type THEN
		PERFORM vault_data.fail('55000',
			format('version %s is of type "%s", and the secret of type "%s"', target, chosen.type,
				head.type),
			'Change the type first with vault.change_type(), or put the value anew.');
	END IF;
	IF target <> head.current_version THEN
		pending := target IS NOT DISTINCT FROM head.pending_version;
		IF NOT pending AND GREATEST(head.expires_at, head.grace_until) <= clock_timestamp()
			AND NOT vault_data.permitted('override', head.name, head.environment)
		THEN
			PERFORM vault_data.fail('VT006', 'secret has expired',
				'Put a new value with vault.put() or vault.rotate(); a rollback of what has '
				'expired needs "override".');
		END IF;
		ends := CASE WHEN pending THEN chosen.expires_at
			ELSE vault_data.end_after_rollback(head, chosen) END;
		grace := CASE WHEN ends = head.expires_at AND NOT pending AND head.grace_until IS NOT NULL
			THEN LEAST(head.grace_until, chosen.expires_at) END;
		UPDATE vault_data.secret
		SET current_version = target, previous_version = head.current_version,
			pending_version = NULLIF(pending_version, target),
			envelope = vault_data.small(chosen.envelope), metadata = chosen.metadata,
			expires_at = ends,
			grace_until = CASE WHEN grace > ends THEN grace END,
			extensions = CASE WHEN NOT pending THEN head.extensions END,
			updated_at = clock_timestamp()
		WHERE tenant_id = head.tenant_id AND id = head.id;
		PERFORM vault_data.rotation_rolled_back(head, target);
		PERFORM vault_data.announce(head.tenant_id, 'rotated', 'info', head.id,
			jsonb_build_object('version', target, 'operation', 'rollback'));
	END IF;
	RETURN target;
END
$$;

/*
 * The value is sealed again, under the new type and as a new version, because the type is part of
 * what an envelope is bound to. A rotation would go on with the values of the old type.
 */
CREATE FUNCTION vault_data.change_type(p_name text, p_type text, p_environment text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('write', p_name, p_environment);
BEGIN
	PERFORM vault_data.require('read', p_name, head.environment);
	PERFORM vault_data.require_not_deleted(head), vault_data.require_not_deactivated(head);
	IF p_type IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid type: must not be null',
			'The view vault.types shows what there is.');
	ELSIF p_type = head.type THEN
		RETURN head.current_version;
	ELSIF head.pending_version IS NOT NULL OR vault_data.has_schedule(head.id) THEN
		PERFORM vault_data.fail('55000', 'the secret has a rotation or a pending version',
			'Take the rotation away with vault.remove_rotation(), or make the pending version '
			'current or destroy it, first.');
	END IF;
	RETURN vault_data.retype(p_name, head.environment, p_type);
END
$$;

/*
 * Rotate back after rollback() to another version: the target gets that value, and the version that
 * was current is retired after the overlap.
 */
CREATE FUNCTION vault_data.rotation_rolled_back(head vault_data.secret, p_version integer)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	schedule vault_data.rotation_schedule := vault_data.lock_schedule(head.id);
	run vault_data.rotation;
	fault text;
BEGIN
	UPDATE vault_data.secret_version SET retired_at = NULL
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = p_version
		AND retired_at IS NOT NULL;
	IF schedule.id IS NULL THEN
		RETURN;
	END IF;
	IF vault_data.rotator_flag(schedule.rotator, 'acts_outside') THEN
		PERFORM vault_data.require_origin();
	END IF;
	IF vault_data.rotator_flag(schedule.rotator, 'is_other_server') THEN
		PERFORM vault_data.refuse_transaction_block();
	END IF;
	/*
	 * A caller that chooses among values could log in at the target: it may have given some of them
	 * before there was a target.
	 */
	IF vault_data.rotator_flag(schedule.rotator, 'has_target') THEN
		PERFORM vault_data.require('write', head.name, head.environment);
	END IF;
	/* End a run that is under way, at its target first. */
	SELECT * INTO run FROM vault_data.rotation o
	WHERE o.tenant_id = head.tenant_id AND o.secret_id = head.id
		AND o.step NOT IN ('retire', 'done', 'failed');
	IF run.id IS NOT NULL AND run.version IS DISTINCT FROM p_version THEN
		PERFORM vault_data.require_authentic(run);
		fault := vault_data.undo_run(schedule, head, run);
		UPDATE vault_data.secret SET pending_version = NULL
		WHERE tenant_id = head.tenant_id AND id = head.id AND pending_version = run.version;
	END IF;
	IF vault_data.rotator_flag(schedule.rotator, 'has_target') THEN
		PERFORM vault_data.rotator_act('set', schedule.rotator, schedule.config, head.name,
			head.environment, p_version, head.current_version);
	END IF;
	UPDATE vault_data.rotation
	SET step = CASE step WHEN 'retire' THEN 'done' ELSE 'failed' END,
		error = concat_ws('; ', 'rolled back', CASE WHEN id = run.id THEN fault END),
		finished_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND step NOT IN ('done', 'failed')
		AND (step <> 'retire' OR previous = p_version);
	run := vault_data.begin_rotation(schedule, head);
	UPDATE vault_data.rotation
	SET step = 'retire', version = p_version, retire_at = clock_timestamp() + schedule.overlap
	WHERE tenant_id = run.tenant_id AND id = run.id;
	PERFORM vault_data.plan_rotation(schedule.id);
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.change_type(text, text, text),
	vault_data.end_after_rollback(vault_data.secret, vault_data.secret_version),
	vault_data.rollback(text, integer, text),
	vault_data.rotation_rolled_back(vault_data.secret, integer)
	TO vault_exec;

/*
 * Administration of tenants: they are created, given administrators, suspended, configured and
 * destroyed. These functions reach into most features, so they come after them.
 */

CREATE FUNCTION vault_data.set_tenant_state(p_name text, p_from text, p_to text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	p_tenant uuid := vault_data.enter_tenant(p_name);
BEGIN
	BEGIN
		UPDATE vault_data.tenant SET state = p_to WHERE tenant_id = p_tenant AND state = p_from;
	EXCEPTION WHEN lock_not_available THEN
		PERFORM vault_data.fail('55P03', 'a transaction that is open holds the row of the tenant',
			'It has called vault.set_recovery_window(), or operators'' functions: end its '
			'session, which pg_stat_activity shows, with pg_terminate_backend().');
	END;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('55000', format('tenant "%s" is not %s', p_name, p_from),
			'The view vault.tenants shows the state of each.');
	END IF;
	PERFORM vault_data.announce(p_tenant,
		CASE p_to WHEN 'active' THEN 'tenant_resumed' ELSE 'tenant_suspended' END, 'warning', NULL);
END
$$;

CREATE FUNCTION vault_data.suspend_tenant(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_tenant_state(p_name, 'active', 'suspended');
END
$$;

CREATE FUNCTION vault_data.resume_tenant(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_tenant_state(p_name, 'suspended', 'active');
END
$$;

CREATE FUNCTION vault_data.rotate_tenant_key(p_name text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.enter_tenant(p_name);
	RETURN vault_data.new_tenant_key();
END
$$;

CREATE FUNCTION vault_data.set_recovery_window(p_window interval, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_window IS NULL OR NOT p_window BETWEEN '7 days' AND '90 days' THEN
		PERFORM vault_data.fail('22023', 'invalid recovery window: must be between 7 and 90 days',
			'Give an interval such as ''30 days''.');
	END IF;
	UPDATE vault_data.tenant SET recovery_window = p_window WHERE tenant_id = this_tenant;
	PERFORM vault_data.policy_changed();
END
$$;

/*
 * Return the environments sorted, without repetitions, and NULL for none. Raise 22023 unless each
 * is an identifier.
 */
CREATE FUNCTION vault_data.environment_list(p_environments text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	environment text;
BEGIN
	IF cardinality(p_environments) > 64 OR array_ndims(p_environments) > 1 THEN
		PERFORM vault_data.fail('22023', 'invalid environments: the list is longer than 64',
			'Give NULL to take any environment.');
	END IF;
	FOREACH environment IN ARRAY COALESCE(p_environments, '{}') LOOP
		PERFORM vault_data.check_identifier('environments', environment);
	END LOOP;
	RETURN (SELECT array_agg(DISTINCT e COLLATE "C" ORDER BY e COLLATE "C")
		FROM unnest(p_environments) AS e);
END
$$;

/*
 * Refuse a list that leaves out an environment in use, because its secrets (deleted ones too) and
 * grants would be out of reach.
 */
CREATE FUNCTION vault_data.declare_environments(p_tenant uuid, p_environments text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	used text;
BEGIN
	SELECT string_agg(u.environment, ', ' ORDER BY u.environment) INTO used FROM (
		SELECT s.environment FROM vault_data.secret s WHERE s.tenant_id = p_tenant
		UNION SELECT unnest(g.environments) FROM vault_data.access_grant g
		WHERE g.tenant_id = p_tenant) AS u (environment)
	WHERE NOT u.environment = ANY (p_environments);
	IF used IS NOT NULL THEN
		PERFORM vault_data.fail('55000',
			format('there are secrets or grants in other environments: %s', left(used, 500)),
			'Name these too, or take away what is in them first; a deleted secret counts until '
			'it is purged.');
	END IF;
	UPDATE vault_data.tenant SET environments = p_environments
	WHERE tenant_id = p_tenant AND environments IS DISTINCT FROM p_environments;
END
$$;

CREATE FUNCTION vault_data.set_environments(p_environments text[], p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.declare_environments(this_tenant,
		vault_data.environment_list(p_environments));
	PERFORM vault_data.policy_changed();
END
$$;

/*
 * Find the principal that an operator means by a database role. This is the principal that is or
 * was bound to the role, by its name or its oid, or else the principal that has its name. Returns
 * NULL if there is none yet.
 */
CREATE FUNCTION vault_data.appointee(p_tenant uuid, p_name text, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	role_oid oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = p_db_role);
	found_id uuid;
	bound text;
BEGIN
	SELECT p.id INTO found_id
	FROM vault_data.principal p
		LEFT JOIN vault_data.principal_binding b ON b.tenant_id = p.tenant_id
			AND b.principal_id = p.id AND (b.role_name = p_db_role OR b.db_role = role_oid)
	WHERE p.tenant_id = p_tenant AND p.kind <> 'built-in role'
		AND (p.name = p_name OR b.db_role IS NOT NULL)
	ORDER BY b.role_name = p_db_role AND b.db_role = role_oid DESC NULLS LAST,
		b.db_role IS NULL, p.name = p_name DESC
	LIMIT 1;
	IF found_id IS NULL THEN
		RETURN NULL;
	END IF;
	PERFORM vault_data.require_authentic(p) FROM vault_data.principal p
	WHERE p.tenant_id = p_tenant AND p.id = found_id;
	IF (SELECT p.kind FROM vault_data.principal p
		WHERE p.tenant_id = p_tenant AND p.id = found_id) = 'role'
	THEN
		PERFORM vault_data.fail('23505', format('a role "%s" of the tenant already exists', p_name),
			'Name another database role.');
	END IF;
	SELECT b.role_name INTO bound FROM vault_data.principal_binding b
	WHERE b.tenant_id = p_tenant AND b.principal_id = found_id AND vault_data.is_live(b)
	ORDER BY b.role_name <> p_db_role LIMIT 1;
	IF bound <> p_db_role THEN
		PERFORM vault_data.fail('55000',
			format('principal "%s" is bound to role "%s"', p_name, bound),
			'Name that role, or take the binding away with vault.unbind_role().');
	END IF;
	IF bound IS NULL THEN
		PERFORM vault_data.bind_role(found_id, p_db_role);
	END IF;
	RETURN found_id;
END
$$;

/*
 * Add a principal that may do everything in the tenant, or give an existing principal these rights
 * again.
 */
CREATE FUNCTION vault_data.add_administrator(p_tenant uuid, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	principal_name text := CASE WHEN p_db_role ~ '^[A-Za-z0-9._-]{1,63}$' THEN p_db_role
		ELSE 'admin' END;
	given vault_data.access_grant;
BEGIN
	given.principal_id := vault_data.appointee(p_tenant, principal_name, p_db_role);
	IF given.principal_id IS NULL THEN
		given.principal_id := vault_data.add_principal(p_tenant, principal_name, 'user', p_db_role);
	END IF;
	given.effect := 'allow';
	given.permissions := vault_data.all_permissions();
	given.name_pattern := '**';
	IF (SELECT count(*) = 0 FROM vault_data.access_grant g
		WHERE g.tenant_id = p_tenant AND g.principal_id = given.principal_id
			AND g.effect = 'allow' AND g.permissions @> given.permissions AND g.name_pattern = '**'
			AND (g.environments, g.addresses, g.windows, g.services, g.require_tls,
				g.require_session_user, g.valid_from, g.valid_until) IS NULL)
	THEN
		PERFORM vault_data.add_grant(given);
	END IF;
	IF NOT given.principal_id = ANY (vault_data.administrators(true)) THEN
		PERFORM vault_data.fail('55000', 'the principal of this role is denied "grant"',
			'Name another database role, or drop the principal with vault.drop_principal() first.');
	END IF;
	RETURN given.principal_id;
END
$$;

CREATE FUNCTION vault_data.create_tenant(p_name text, p_admin_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid;
BEGIN
	PERFORM vault_data.check_identifier('tenant name', p_name);
	IF vault_data.find_tenant(p_name) IS NOT NULL THEN
		PERFORM vault_data.fail('23505', format('tenant "%s" already exists', p_name),
			'Choose another name.');
	END IF;
	this_tenant := vault_data.enter_new_tenant(p_name);
	INSERT INTO vault_data.tenant (tenant_id, name, administered)
	VALUES (this_tenant, p_name, p_admin_role IS NOT NULL);
	PERFORM vault_data.new_tenant_key();
	PERFORM vault_data.add_built_in_roles(this_tenant);
	IF p_admin_role IS NOT NULL THEN
		PERFORM vault_data.add_administrator(this_tenant, p_admin_role);
	END IF;
	PERFORM vault_data.announce(this_tenant, 'tenant_created', 'info', NULL);
	RETURN this_tenant;
END
$$;

/*
 * Report an appointment, because an operator could reach into the tenant by it. Readers of the
 * trail and subscribers of notifications see it.
 */
CREATE FUNCTION vault_data.tell_of_appointment(p_tenant uuid, p_appointed uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.alert('administrator', p_appointed,
		'an operator appointed an administrator of a tenant that had one before');
	PERFORM vault_data.announce(p_tenant, 'administrator_appointed', 'critical',
		jsonb_build_object('principal', (SELECT p.name FROM vault_data.principal p
			WHERE p.tenant_id = p_tenant AND p.id = p_appointed)));
END
$$;

CREATE FUNCTION vault_data.appoint_admin(p_tenant text, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
	present uuid[];
	had_one boolean;
	appointed uuid;
BEGIN
	/* Run one appointment at a time; the checks below see the state of that moment. */
	PERFORM vault_data.lock_policy();
	PERFORM vault_data.require_authentic_rows(this_tenant);
	IF p_db_role IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid role: must not be null', 'Name a database role.');
	END IF;
	present := vault_data.administrators(false);
	/* Do nothing if the role is bound to an administrator already. */
	SELECT b.principal_id INTO appointed FROM vault_data.principal_binding b
	WHERE b.tenant_id = this_tenant AND b.role_name = p_db_role AND vault_data.is_live(b)
		AND b.principal_id = ANY (present);
	IF FOUND THEN
		PERFORM vault_data.note('is an administrator already');
		RETURN appointed;
	END IF;
	IF present <> '{}' THEN
		PERFORM vault_data.fail('42501', 'the tenant has an administrator',
			'Administrators appoint others with vault.create_principal() and vault.grant().');
	END IF;
	UPDATE vault_data.tenant t SET administered = true
	WHERE t.tenant_id = this_tenant AND NOT t.administered;
	had_one := NOT FOUND;
	IF had_one THEN
		PERFORM vault_data.note('the tenant had an administrator before');
	END IF;
	PERFORM vault_data.policy_changed();
	appointed := vault_data.add_administrator(this_tenant, p_db_role);
	IF had_one THEN
		PERFORM vault_data.tell_of_appointment(this_tenant, appointed);
	END IF;
	RETURN appointed;
END
$$;

CREATE FUNCTION vault_data.destroy_tenant(p_name text, p_confirm text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_name);
	emptied text;
BEGIN
	IF p_confirm IS DISTINCT FROM p_name THEN
		PERFORM vault_data.fail('22023', 'invalid confirm: it is not the name of the tenant',
			'Give the name once more; this cannot be undone.');
	END IF;
	PERFORM vault_data.note('keys destroyed');
	FOR emptied IN
		SELECT i.name FROM vault_data.table_info() i WHERE i.deleted_as > 0 ORDER BY i.deleted_as
	LOOP
		EXECUTE format('DELETE FROM vault_data.%I WHERE tenant_id = $1', emptied) USING this_tenant;
	END LOOP;
	UPDATE vault_data.tenant SET state = 'destroyed' WHERE tenant_id = this_tenant;
	PERFORM vault_data.announce(this_tenant, 'tenant_destroyed', 'critical', NULL);
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.add_administrator(uuid, text),
	vault_data.appoint_admin(text, text), vault_data.appointee(uuid, text, text),
	vault_data.create_tenant(text, text), vault_data.declare_environments(uuid, text[]),
	vault_data.destroy_tenant(text, text), vault_data.environment_list(text[]),
	vault_data.resume_tenant(text), vault_data.rotate_tenant_key(text),
	vault_data.set_environments(text[], text), vault_data.set_recovery_window(interval, text),
	vault_data.set_tenant_state(text, text, text), vault_data.suspend_tenant(text),
	vault_data.tell_of_appointment(uuid, uuid)
	TO vault_exec;

/*
 * Review of access: why a decision is as it is, who may do what, and who changed that. The first
 * two report what the deciding code says. The third reports what the trail says.
 */

CREATE FUNCTION vault_data.explain_grants(subject uuid, permission text, name text,
	environment text, at timestamptz, from_address inet, service text, tls boolean, roles uuid[])
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text,
	environments text[], applies boolean, reason text, via text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_explain_grants';

CREATE FUNCTION vault_data.token_roles() RETURNS uuid[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_token_roles';

CREATE FUNCTION vault_data.explain_access(p_principal text, p_permission text, p_name text,
	p_environment text, p_at timestamptz, p_from_address inet, p_tenant text, p_service text,
	p_tls boolean, p_roles text[])
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text,
	environments text[], applies boolean, reason text, via text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	env text := vault_data.environment(p_environment);
	subject uuid;
	by_token uuid[] := '{}';
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	p_permission := lower(p_permission COLLATE "C");
	PERFORM vault_data.check_permissions(ARRAY[p_permission]);
	PERFORM vault_data.check_name(p_name);
	PERFORM vault_data.check_time('at', p_at);
	PERFORM vault_data.check_environment(env);
	PERFORM vault_data.check_services(ARRAY[p_service]) WHERE p_service IS NOT NULL;
	SELECT p.id INTO subject FROM vault_data.principal p
	WHERE p.tenant_id = this_tenant AND p.name = p_principal ORDER BY p.kind = 'built-in role'
	LIMIT 1;
	IF subject IS NULL OR subject IS DISTINCT FROM vault_data.caller_principal() THEN
		IF NOT vault_data.is_auditor() THEN
			PERFORM vault_data.require_administrator();
		END IF;
		IF subject IS NULL THEN
			subject := vault_data.find_principal(this_tenant, p_principal);
		END IF;
	END IF;
	/* The contents of roles are visible to auditors and administrators only. */
	IF p_roles IS NOT NULL AND NOT vault_data.is_auditor() THEN
		PERFORM vault_data.require_administrator();
	END IF;
	IF p_roles IS NOT NULL THEN
		by_token := ARRAY(SELECT (vault_data.find_role(this_tenant, r)).id
			FROM unnest(p_roles) AS r);
	ELSIF subject IS NOT DISTINCT FROM vault_data.caller_principal() THEN
		by_token := vault_data.token_roles();
	END IF;
	RETURN QUERY SELECT *
	FROM vault_data.explain_grants(subject, p_permission, p_name, env, p_at, p_from_address,
		p_service, p_tls, by_token);
END
$$;

CREATE FUNCTION vault_data.access_of(tenant uuid, principal uuid, name text, environment text,
	OUT permissions text[], OUT conditional text[], OUT via text[])
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_access_of';

GRANT EXECUTE ON FUNCTION vault_data.access_of(uuid, uuid, text, text)
	TO vault_client, vault_admin, vault_auditor, vault_exec, vault_owner;
GRANT EXECUTE ON FUNCTION
	vault_data.explain_access(text, text, text, text, timestamptz, inet, text, text, boolean, text[]),
	vault_data.explain_grants(uuid, text, text, text, timestamptz, inet, text, boolean, uuid[]),
	vault_data.token_roles()
	TO vault_exec;

/*
 * Policy as data: principals, roles, memberships, grants, token issuers, whom their subjects and
 * groups stand for, and the roles that show tokens of a tenant as one JSON document, and what has
 * to change to make the tenant as a document says.
 *
 * A document is brought into one form first: lists sorted, no nulls, blocks and windows as they are
 * stored. So two that mean the same are equal, and differences are differences of sets. Applying
 * one goes through the same checks as the single calls.
 */

CREATE FUNCTION vault_data.sorted(given text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT array_agg(DISTINCT e COLLATE "C" ORDER BY e COLLATE "C") FROM unnest(given) AS e
$$;

CREATE FUNCTION vault_data.grant_document(given vault_data.access_grant, grantee text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object('grantee', grantee, 'effect', given.effect,
		'permissions', vault_data.sorted(given.permissions),
		'name_pattern', given.name_pattern, 'environments', vault_data.sorted(given.environments),
		'addresses', vault_data.sorted(given.addresses),
		'windows', vault_data.sorted(given.windows), 'services', vault_data.sorted(given.services),
		'require_tls', given.require_tls, 'require_session_user', given.require_session_user,
		'valid_from', given.valid_from, 'valid_until', given.valid_until))
$$;

/*
 * Return seconds as tokens are judged by: a day has 24 hours and a month 30 days, independent of
 * IntervalStyle.
 */
CREATE FUNCTION vault_data.lifetime_seconds(span interval) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT ((EXTRACT(year FROM span) * 12 + EXTRACT(month FROM span)) * 30
		+ EXTRACT(day FROM span))::bigint
		* 86400
		+ EXTRACT(hour FROM span)::bigint * 3600 + EXTRACT(minute FROM span)::bigint * 60
			+ floor(EXTRACT(second FROM span))::bigint
$$;

CREATE FUNCTION vault_data.issuer_document(given vault_data.token_issuer) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT jsonb_build_object('name', given.name, 'issuer', given.issuer, 'audience',
		given.audience, 'jwks',
		given.jwks::jsonb,
		'claim_mapping', vault_data.claim_mapping(given),
		'max_lifetime', vault_data.lifetime_seconds(given.max_lifetime) || ' seconds')
		|| jsonb_strip_nulls(jsonb_build_object('algorithms', given.algorithms,
			'required_claims', given.required_claims::jsonb, 'by_name', given.by_name))
$$;

CREATE FUNCTION vault_data.subjects_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(jsonb_agg(jsonb_build_object('principal', p.name, 'issuer', i.name,
		'subject', e.subject, 'match', e.match) ORDER BY i.name, e.subject, e.match), '[]')
	FROM vault_data.external_subject e
		JOIN vault_data.token_issuer i ON i.tenant_id = e.tenant_id AND i.id = e.issuer_id
		JOIN vault_data.principal p ON p.tenant_id = e.tenant_id AND p.id = e.principal_id
	WHERE e.tenant_id = p_tenant
$$;

CREATE FUNCTION vault_data.group_roles_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(jsonb_agg(jsonb_build_object('issuer', i.name, 'group', g.group_name,
		'role', r.name) ORDER BY i.name, g.group_name, r.name), '[]')
	FROM vault_data.group_role g
		JOIN vault_data.token_issuer i ON i.tenant_id = g.tenant_id AND i.id = g.issuer_id
		JOIN vault_data.principal r ON r.tenant_id = g.tenant_id AND r.id = g.role_id
	WHERE g.tenant_id = p_tenant
$$;

CREATE FUNCTION vault_data.principals_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(jsonb_agg(jsonb_build_object('name', p.name, 'kind', p.kind,
		'db_roles', (SELECT COALESCE(jsonb_agg(b.role_name ORDER BY b.role_name), '[]')
			FROM vault_data.principal_binding b
			WHERE b.tenant_id = p_tenant AND b.principal_id = p.id AND vault_data.is_live(b)))
		ORDER BY p.name), '[]')
	FROM vault_data.principal p
	WHERE p.tenant_id = p_tenant AND p.kind IN ('user', 'service')
$$;

CREATE FUNCTION vault_data.members_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(jsonb_agg(jsonb_build_object('role', r.name, 'member', p.name)
		ORDER BY r.name, p.name), '[]')
	FROM vault_data.role_member m
		JOIN vault_data.principal r ON r.tenant_id = m.tenant_id AND r.id = m.role_id
		JOIN vault_data.principal p ON p.tenant_id = m.tenant_id AND p.id = m.member_id
	WHERE m.tenant_id = p_tenant
$$;

/* Return the tenant as a document. */
CREATE FUNCTION vault_data.policy_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT jsonb_build_object('format', 'vault-policy-v1',
		'principals', vault_data.principals_document(p_tenant),
		'roles', (SELECT COALESCE(jsonb_agg(p.name ORDER BY p.name), '[]')
			FROM vault_data.principal p WHERE p.tenant_id = p_tenant AND p.kind = 'role'),
		'members', vault_data.members_document(p_tenant),
		'grants', (SELECT COALESCE(jsonb_agg(g.document ORDER BY g.document), '[]')
			FROM (SELECT DISTINCT vault_data.grant_document(a, p.name) AS document
				FROM vault_data.access_grant a JOIN vault_data.principal p
					ON p.tenant_id = a.tenant_id AND p.id = a.principal_id
				WHERE a.tenant_id = p_tenant) AS g),
		'issuers', (SELECT COALESCE(jsonb_agg(vault_data.issuer_document(i) ORDER BY i.name), '[]')
			FROM vault_data.token_issuer i WHERE i.tenant_id = p_tenant),
		'subjects', vault_data.subjects_document(p_tenant),
		'group_roles', vault_data.group_roles_document(p_tenant),
		'token_roles', (SELECT COALESCE(jsonb_agg(r.role_name ORDER BY r.role_name), '[]')
			FROM vault_data.token_role r
			WHERE r.tenant_id = p_tenant AND EXISTS (SELECT FROM pg_roles o
				WHERE o.oid = r.db_role AND o.rolname = r.role_name)))
		|| (SELECT jsonb_strip_nulls(jsonb_build_object('environments', t.environments))
			FROM vault_data.tenant t WHERE t.tenant_id = p_tenant)
$$;

CREATE FUNCTION vault_data.require_authentic_policy(p_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_authentic_rows(p_tenant);
	PERFORM vault_data.require_authentic(p) FROM vault_data.principal p
	WHERE p.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(i) FROM vault_data.token_issuer i
	WHERE i.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(e) FROM vault_data.external_subject e
	WHERE e.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(g) FROM vault_data.group_role g
	WHERE g.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(r) FROM vault_data.token_role r
	WHERE r.tenant_id = p_tenant;
END
$$;

CREATE FUNCTION vault_data.export_policy(p_tenant text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	IF NOT vault_data.is_auditor() THEN
		PERFORM vault_data.require_administrator();
	END IF;
	PERFORM vault_data.require_authentic_policy(this_tenant);
	RETURN vault_data.policy_document(this_tenant);
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.export_policy(text),
	vault_data.grant_document(vault_data.access_grant, text), vault_data.group_roles_document(uuid),
	vault_data.issuer_document(vault_data.token_issuer), vault_data.lifetime_seconds(interval),
	vault_data.members_document(uuid), vault_data.policy_document(uuid),
	vault_data.principals_document(uuid), vault_data.require_authentic_policy(uuid),
	vault_data.sorted(text[]), vault_data.subjects_document(uuid)
	TO vault_exec;

/*
 * Differences between a tenant and a document, and the calls that take them away.
 */

/*
 * Return the differences in the order in which they can be made. The last are those after which the
 * caller may not be an administrator any more. Principals are added and bound, and never dropped: a
 * document that omits one must not lock it out of other rights.
 */
CREATE FUNCTION vault_data.environment_differences(have jsonb, want jsonb)
RETURNS TABLE (step integer, environments jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH both_lists AS (
		SELECT COALESCE(NULLIF(have->'environments', 'null'), '[]') AS had,
			COALESCE(NULLIF(want->'environments', 'null'), '[]') AS wanted)
	SELECT 0, CASE WHEN b.wanted = '[]' THEN b.wanted
		ELSE (SELECT jsonb_agg(DISTINCT e) FROM jsonb_array_elements(b.had || b.wanted) AS e) END
	FROM both_lists b WHERE b.had <> '[]' AND (b.wanted = '[]' OR NOT b.wanted <@ b.had)
	UNION ALL
	SELECT 18, (SELECT jsonb_agg(DISTINCT e) FROM jsonb_array_elements(b.wanted) AS e)
	FROM both_lists b WHERE b.wanted <> '[]' AND (b.had = '[]' OR NOT b.had <@ b.wanted)
$$;
COMMENT ON FUNCTION vault_data.environment_differences(jsonb, jsonb)
	IS 'returns the environments to declare before grants are given, and after grants are revoked';

CREATE FUNCTION vault_data.policy_differences(have jsonb, want jsonb)
RETURNS TABLE (step integer, action text, kind text, name text, detail jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH section (key) AS (VALUES ('principals'), ('roles'), ('members'), ('grants'), ('issuers'),
		('subjects'), ('group_roles'), ('token_roles')),
	had AS (SELECT DISTINCT s.key, e AS item
		FROM section s, jsonb_array_elements(have->s.key) AS e),
	wanted AS (SELECT DISTINCT s.key, e AS item
		FROM section s, jsonb_array_elements(want->s.key) AS e),
	bound AS (SELECT h.item->>'name' AS name, r
		FROM had h, jsonb_array_elements_text(h.item->'db_roles') AS r WHERE h.key = 'principals'),
	binding AS (SELECT DISTINCT w.item->>'name' AS name, r
		FROM wanted w, jsonb_array_elements_text(w.item->'db_roles') AS r
		WHERE w.key = 'principals'),
	missing AS (SELECT * FROM wanted EXCEPT ALL SELECT * FROM had),
	surplus AS (SELECT * FROM had EXCEPT ALL SELECT * FROM wanted),
	changed AS (SELECT s.item->>'name' AS name FROM surplus s, missing m
		WHERE s.key = 'issuers' AND m.key = 'issuers' AND s.item->>'name' = m.item->>'name')
	SELECT * FROM (
		SELECT DISTINCT 1, 'add', 'principal', w.item->>'name',
			jsonb_build_object('kind', w.item->>'kind')
		FROM wanted w
		WHERE w.key = 'principals' AND NOT EXISTS (SELECT FROM had h
			WHERE h.key = 'principals' AND h.item->>'name' = w.item->>'name'
				AND h.item->>'kind' = w.item->>'kind')
		UNION ALL SELECT 2, 'add', 'binding', b.name, jsonb_build_object('db_role', b.r)
		FROM (SELECT * FROM binding EXCEPT SELECT * FROM bound) AS b
		UNION ALL SELECT 3, 'add', 'role', m.item #>> '{}', NULL FROM missing m
		WHERE m.key = 'roles'
		UNION ALL SELECT 4, 'add', 'grant', m.item->>'grantee', m.item - 'grantee' FROM missing m
		WHERE m.key = 'grants'
		UNION ALL SELECT 5, 'add', 'member', m.item->>'role', m.item - 'role' FROM missing m
		WHERE m.key = 'members'
		UNION ALL SELECT 6, 'remove', 'subject', s.item->>'principal', s.item - 'principal'
		FROM surplus s WHERE s.key = 'subjects'
		UNION ALL SELECT 7, 'remove', 'group role', s.item->>'role', s.item - 'role' FROM surplus s
		WHERE s.key = 'group_roles'
		UNION ALL SELECT 8, 'remove', 'issuer', s.item->>'name', s.item - 'name' FROM surplus s
		WHERE s.key = 'issuers' AND NOT s.item->>'name' = ANY (SELECT c.name FROM changed c)
		UNION ALL SELECT 9, 'change', 'issuer', m.item->>'name', m.item - 'name' FROM missing m
		WHERE m.key = 'issuers' AND m.item->>'name' = ANY (SELECT c.name FROM changed c)
		UNION ALL SELECT 10, 'add', 'issuer', m.item->>'name', m.item - 'name' FROM missing m
		WHERE m.key = 'issuers' AND NOT m.item->>'name' = ANY (SELECT c.name FROM changed c)
		UNION ALL SELECT 11, 'add', 'subject', m.item->>'principal', m.item - 'principal'
		FROM missing m WHERE m.key = 'subjects'
		UNION ALL SELECT 12, 'add', 'group role', m.item->>'role', m.item - 'role' FROM missing m
		WHERE m.key = 'group_roles'
		UNION ALL SELECT 13, 'add', 'token role', m.item #>> '{}', NULL FROM missing m
		WHERE m.key = 'token_roles'
		UNION ALL SELECT 14, 'remove', 'token role', s.item #>> '{}', NULL FROM surplus s
		WHERE s.key = 'token_roles'
		UNION ALL SELECT 15, 'remove', 'member', s.item->>'role', s.item - 'role' FROM surplus s
		WHERE s.key = 'members'
		UNION ALL SELECT 16, 'remove', 'grant', s.item->>'grantee', s.item - 'grantee'
		FROM surplus s WHERE s.key = 'grants'
		UNION ALL SELECT 17, 'remove', 'role', s.item #>> '{}', NULL FROM surplus s
		WHERE s.key = 'roles'
		UNION ALL SELECT e.step, 'change', 'environments', NULL,
			jsonb_build_object('environments', e.environments)
		FROM vault_data.environment_differences(have, want) e)
		AS d (step, action, kind, name, detail)
	ORDER BY d.step, d.name COLLATE "C", d.detail
$$;

/* Make the checks of the single calls. Subjects and groups keep their mappings. */
CREATE FUNCTION vault_data.put_issuer_of_document(p_tenant uuid, p_name text, p_detail jsonb,
	p_is_new boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.token_issuer;
BEGIN
	PERFORM vault_data.require_holder_of_everything();
	given := vault_data.issuer_from_document(p_detail || jsonb_build_object('name', p_name));
	IF p_is_new THEN
		PERFORM vault_data.store_issuer(given);
	ELSE
		PERFORM vault_data.replace_issuer(p_tenant, given);
	END IF;
END
$$;

CREATE FUNCTION vault_data.apply_difference(p_tenant uuid, p_step integer, p_name text,
	p_detail jsonb, p_made text[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	CASE p_step
	WHEN 1 THEN PERFORM vault_data.create_principal(p_name, p_detail->>'kind', NULL, NULL);
	WHEN 2 THEN PERFORM vault_data.add_binding(p_tenant,
		vault_data.find_principal(p_tenant, p_name), p_detail->>'db_role', p_name = ANY (p_made));
	WHEN 3 THEN PERFORM vault_data.create_role(p_name, NULL);
	WHEN 4 THEN
		given := vault_data.grant_from_document(p_detail);
		given.principal_id := vault_data.find_principal(p_tenant, p_name);
		PERFORM vault_data.give(given);
	WHEN 5 THEN PERFORM vault_data.add_member(p_name, p_detail->>'member');
	WHEN 6 THEN PERFORM vault_data.remove_subject(p_name, p_detail->>'issuer', p_detail->>'subject',
		p_detail->>'match', NULL);
	WHEN 7 THEN PERFORM vault_data.unmap_group(p_detail->>'issuer', p_detail->>'group', p_name);
	WHEN 8 THEN PERFORM vault_data.remove_issuer(p_name, NULL);
	WHEN 9 THEN PERFORM vault_data.put_issuer_of_document(p_tenant, p_name, p_detail, false);
	WHEN 10 THEN PERFORM vault_data.put_issuer_of_document(p_tenant, p_name, p_detail, true);
	WHEN 11 THEN PERFORM vault_data.add_subject(p_name, p_detail->>'issuer', p_detail->>'subject',
		p_detail->>'match', NULL);
	WHEN 12 THEN PERFORM vault_data.map_group(p_detail->>'issuer', p_detail->>'group', p_name);
	WHEN 13 THEN PERFORM vault_data.allow_tokens(p_name, NULL);
	WHEN 14 THEN PERFORM vault_data.disallow_tokens(p_name, NULL);
	WHEN 15 THEN PERFORM vault_data.remove_member(p_name, p_detail->>'member');
	WHEN 16 THEN
		PERFORM vault_data.revoke(g.id) FROM vault_data.access_grant g
		WHERE g.tenant_id = p_tenant
			AND g.principal_id = vault_data.find_principal(p_tenant, p_name)
			AND vault_data.grant_document(g, NULL) = p_detail;
	WHEN 17 THEN PERFORM vault_data.drop_role(p_name, NULL);
	WHEN 0, 18 THEN
		IF NOT vault_data.is_administrator() THEN
			PERFORM vault_data.refuse_delegation();
		END IF;
		PERFORM vault_data.declare_environments(p_tenant, vault_data.environment_list(
			ARRAY(SELECT jsonb_array_elements_text(p_detail->'environments'))));
	END CASE;
END
$$;

CREATE FUNCTION vault_data.import_policy(p_document jsonb, p_dry_run boolean, p_tenant text)
RETURNS TABLE (action text, kind text, name text, detail jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	have jsonb;
	want jsonb;
	step integer;
	made text[] := '{}';
BEGIN
	PERFORM vault_data.require_administrator();
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM vault_data.fail('25001',
			'a policy cannot be imported in REPEATABLE READ or SERIALIZABLE',
			'Call it in a transaction of READ COMMITTED.');
	END IF;
	IF NOT COALESCE(p_dry_run, true) THEN
		PERFORM vault_data.lock_policy();
	END IF;
	PERFORM vault_data.require_authentic_policy(this_tenant);
	have := vault_data.policy_document(this_tenant);
	want := vault_data.read_document(p_document, have);
	FOR step, action, kind, name, detail IN
		SELECT * FROM vault_data.policy_differences(have, want)
	LOOP
		IF NOT COALESCE(p_dry_run, true) THEN
			PERFORM vault_data.apply_difference(this_tenant, step, name, detail, made);
			made := made || CASE step WHEN 1 THEN name END;
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.apply_difference(uuid, integer, text, jsonb, text[]),
	vault_data.environment_differences(jsonb, jsonb),
	vault_data.import_policy(jsonb, boolean, text), vault_data.policy_differences(jsonb, jsonb),
	vault_data.put_issuer_of_document(uuid, text, jsonb, boolean)
	TO vault_exec;

/*
 * Documents that are given: checked, and brought into the form of policy_document().
 */

CREATE FUNCTION vault_data.refuse_document(field text, fault text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.fail('22023', 'invalid document: ' || COALESCE(field || ': ', '') || fault,
		'vault.export_policy() shows the form.');
END
$$;

CREATE FUNCTION vault_data.document_text(item jsonb, field text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(item->field) NOT IN ('string', 'null') THEN
		PERFORM vault_data.refuse_document(field, 'it is not a string');
	END IF;
	RETURN item->>field;
END
$$;

CREATE FUNCTION vault_data.document_flag(item jsonb, field text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(item->field) NOT IN ('boolean', 'null') THEN
		PERFORM vault_data.refuse_document(field, 'it is not true or false');
	END IF;
	RETURN (item->>field)::boolean;
END
$$;

CREATE FUNCTION vault_data.document_time(item jsonb, field text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given text := vault_data.document_text(item, field);
BEGIN
	IF given IS NOT NULL
		AND given !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9:]{2,6})$'
	THEN
		PERFORM vault_data.refuse_document(field, 'it is not a time such as 2026-12-31T00:00:00Z');
	END IF;
	RETURN given::timestamptz;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
	PERFORM vault_data.refuse_document(field, 'there is no such time');
END
$$;

CREATE FUNCTION vault_data.document_interval(item jsonb, field text) RETURNS interval
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RETURN vault_data.document_text(item, field)::interval;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format OR interval_field_overflow THEN
	PERFORM vault_data.refuse_document(field, 'it is not an interval such as 1 hour');
END
$$;

CREATE FUNCTION vault_data.document_list(item jsonb, field text) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(item->field) = 'null' OR NOT item ? field THEN
		RETURN NULL;
	END IF;
	IF jsonb_typeof(item->field) <> 'array'
		OR EXISTS (SELECT FROM jsonb_array_elements(item->field) AS e
			WHERE jsonb_typeof(e) <> 'string')
	THEN
		PERFORM vault_data.refuse_document(field, 'it is not a list of strings');
	END IF;
	RETURN ARRAY(SELECT e FROM jsonb_array_elements_text(item->field) AS e);
END
$$;

CREATE FUNCTION vault_data.require_fields(item jsonb, known text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(item) <> 'object' THEN
		PERFORM vault_data.refuse_document(NULL, 'it is not an object');
	END IF;
	IF item - known <> '{}' THEN
		PERFORM vault_data.refuse_document(NULL, 'it has a field that is not known');
	END IF;
END
$$;

/* Check a grant, except its grantee. */
CREATE FUNCTION vault_data.grant_from_document(item jsonb) RETURNS vault_data.access_grant
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	PERFORM vault_data.require_fields(item,
		ARRAY['grantee', 'effect', 'permissions', 'name_pattern', 'environments', 'addresses',
		'windows', 'services', 'require_tls', 'require_session_user', 'valid_from', 'valid_until']);
	given.tenant_id := vault.current_tenant_id();
	given.effect := COALESCE(vault_data.document_text(item, 'effect'), 'allow');
	given.permissions := vault_data.document_list(item, 'permissions');
	given.name_pattern := vault_data.document_text(item, 'name_pattern');
	given.environments := vault_data.document_list(item, 'environments');
	given.addresses := vault_data.document_list(item, 'addresses');
	given.windows := vault_data.document_list(item, 'windows');
	given.services := vault_data.document_list(item, 'services');
	given.require_tls := vault_data.document_flag(item, 'require_tls');
	given.require_session_user := vault_data.document_flag(item, 'require_session_user');
	given.valid_from := vault_data.document_time(item, 'valid_from');
	given.valid_until := vault_data.document_time(item, 'valid_until');
	RETURN vault_data.check_grant(given);
END
$$;

CREATE FUNCTION vault_data.read_principal(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_fields(item, ARRAY['name', 'kind', 'db_roles']);
	PERFORM vault_data.check_identifier('name', vault_data.document_text(item, 'name'));
	IF COALESCE(vault_data.document_text(item, 'kind') NOT IN ('user', 'service'), true) THEN
		PERFORM vault_data.refuse_document('kind', 'a principal is a user or a service');
	END IF;
	RETURN jsonb_set(item, '{db_roles}',
		to_jsonb(COALESCE(vault_data.document_list(item, 'db_roles'), '{}')));
END
$$;

CREATE FUNCTION vault_data.read_member(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_fields(item, ARRAY['role', 'member']);
	PERFORM vault_data.check_identifier('role', vault_data.document_text(item, 'role'));
	PERFORM vault_data.check_identifier('member', vault_data.document_text(item, 'member'));
	RETURN item;
END
$$;

CREATE FUNCTION vault_data.read_grant(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RETURN vault_data.grant_document(vault_data.grant_from_document(item),
		vault_data.check_identifier('grantee', vault_data.document_text(item, 'grantee')));
END
$$;

/* Check an issuer. Its keys are returned as they are stored. */
CREATE FUNCTION vault_data.issuer_from_document(item jsonb) RETURNS vault_data.token_issuer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.token_issuer;
BEGIN
	PERFORM vault_data.require_fields(item,
		ARRAY['name', 'issuer', 'audience', 'jwks', 'claim_mapping',
		'max_lifetime', 'algorithms', 'required_claims', 'by_name']);
	given.name := vault_data.check_identifier('name', vault_data.document_text(item, 'name'));
	given.issuer := vault_data.document_text(item, 'issuer');
	given.audience := vault_data.document_text(item, 'audience');
	given.max_lifetime := COALESCE(vault_data.document_interval(item, 'max_lifetime'), '2 hours');
	given.algorithms := vault_data.document_list(item, 'algorithms');
	given.by_name := vault_data.document_flag(item, 'by_name');
	IF jsonb_typeof(item->'jwks') <> 'object' THEN
		PERFORM vault_data.refuse_document('jwks', 'it is not an object');
	END IF;
	given.jwks := item->>'jwks';
	RETURN vault_data.read_issuer_row(given, COALESCE(NULLIF(item->'claim_mapping', 'null'), '{}'),
		item->'required_claims');
END
$$;

CREATE FUNCTION vault_data.read_issuer(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RETURN vault_data.issuer_document(vault_data.issuer_from_document(item));
END
$$;

CREATE FUNCTION vault_data.read_subject(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	match text := COALESCE(vault_data.document_text(item, 'match'), 'exact');
BEGIN
	PERFORM vault_data.require_fields(item, ARRAY['principal', 'issuer', 'subject', 'match']);
	PERFORM vault_data.check_identifier('principal', vault_data.document_text(item, 'principal'));
	PERFORM vault_data.check_identifier('issuer', vault_data.document_text(item, 'issuer'));
	PERFORM vault_data.check_subject('subject', vault_data.document_text(item, 'subject'), match);
	RETURN item || jsonb_build_object('match', match);
END
$$;

CREATE FUNCTION vault_data.read_group_role(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_fields(item, ARRAY['issuer', 'group', 'role']);
	PERFORM vault_data.check_identifier('issuer', vault_data.document_text(item, 'issuer'));
	PERFORM vault_data.check_identifier('role', vault_data.document_text(item, 'role'));
	PERFORM vault_data.check_subject('group', vault_data.document_text(item, 'group'), 'exact');
	RETURN item;
END
$$;

CREATE FUNCTION vault_data.read_name(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(item) <> 'string' OR item = '""' THEN
		PERFORM vault_data.refuse_document(NULL, 'it is not a name');
	END IF;
	RETURN item;
END
$$;

/* Return one element, checked and in the form of policy_document(). */
CREATE FUNCTION vault_data.read_element(section text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	CASE section
	WHEN 'principals' THEN RETURN vault_data.read_principal(item);
	WHEN 'roles', 'environments'
		THEN RETURN to_jsonb(vault_data.check_identifier('name',
			vault_data.read_name(item) #>> '{}'));
	WHEN 'members' THEN RETURN vault_data.read_member(item);
	WHEN 'grants' THEN RETURN vault_data.read_grant(item);
	WHEN 'issuers' THEN RETURN vault_data.read_issuer(item);
	WHEN 'subjects' THEN RETURN vault_data.read_subject(item);
	WHEN 'group_roles' THEN RETURN vault_data.read_group_role(item);
	WHEN 'token_roles' THEN RETURN vault_data.read_name(item);
	END CASE;
END
$$;

/* Add the path to the field that an error names. */
CREATE FUNCTION vault_data.read_elements(section text, given jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	item jsonb;
	place bigint;
	canonical jsonb[] := '{}';
	key text;
	keys text[] := '{}';
	message text;
	hint text;
	fault text[];
BEGIN
	FOR item, place IN
		SELECT e.item, e.number - 1
		FROM jsonb_array_elements(given) WITH ORDINALITY AS e (item, number)
	LOOP
		canonical := canonical || vault_data.read_element(section, item);
		IF section IN ('principals', 'roles', 'token_roles') THEN
			key := COALESCE(canonical[place + 1]->>'name', canonical[place + 1] #>> '{}');
			IF key = ANY (keys) THEN
				PERFORM vault_data.refuse_document('name', 'it is there twice');
			END IF;
			keys := keys || key;
		END IF;
	END LOOP;
	RETURN to_jsonb(canonical);
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	fault := regexp_match(message, '^invalid (?:document: )?(?:([a-z_ ]+): )?(.*)$');
	PERFORM vault_data.fail('22023', format('invalid document: %s[%s]%s: %s', section, place,
		'.' || replace(fault[1], ' ', '_'), COALESCE(fault[2], message)), hint);
END
$$;

/* Return a section of at most so many elements, or that of `have` if the document has none. */
CREATE FUNCTION vault_data.read_section(document jsonb, have jsonb, section text, maximum integer)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT document ? section THEN
		RETURN have->section;
	END IF;
	IF jsonb_typeof(document->section) <> 'array' THEN
		PERFORM vault_data.refuse_document(section, 'it is not a list');
	END IF;
	IF jsonb_array_length(document->section) > maximum THEN
		PERFORM vault_data.refuse_document(section,
			format('it has more than %s elements', maximum));
	END IF;
	RETURN vault_data.read_elements(section, document->section);
END
$$;

/* Refuse the first element of a section whose name in this field is not among those of `good`. */
CREATE FUNCTION vault_data.require_known(want jsonb, section text, field text, good text[],
	fault text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	place bigint;
BEGIN
	SELECT min(e.number) - 1 INTO place
	FROM jsonb_array_elements(want->section) WITH ORDINALITY AS e (item, number)
	WHERE NOT e.item->>field = ANY (good);
	IF place IS NOT NULL THEN
		PERFORM vault_data.refuse_document(format('%s[%s].%s', section, place, field), fault);
	END IF;
END
$$;

/*
 * Memberships, grants, subjects and groups name what exists or will be created. An issuer has a
 * name of its own, and so have the subjects that stand for principals there.
 */
CREATE FUNCTION vault_data.require_names(have jsonb, want jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	holders text[] := ARRAY(SELECT e->>'name'
		FROM jsonb_array_elements((have->'principals') || (want->'principals')) AS e
		UNION SELECT e FROM jsonb_array_elements_text(want->'roles') AS e);
	roles text[] := ARRAY(SELECT e FROM jsonb_array_elements_text(want->'roles') AS e
		UNION SELECT p.name FROM vault_data.principal p
		WHERE p.tenant_id = vault.current_tenant_id() AND p.kind = 'built-in role');
	principals text[] := ARRAY(SELECT e->>'name'
		FROM jsonb_array_elements((have->'principals') || (want->'principals')) AS e);
	issuers text[] := ARRAY(SELECT e->>'name' FROM jsonb_array_elements(want->'issuers') AS e);
BEGIN
	PERFORM vault_data.require_known(want, 'grants', 'grantee', holders,
		'there is no such principal or role');
	PERFORM vault_data.require_known(want, 'members', 'role', roles, 'there is no such role');
	PERFORM vault_data.require_known(want, 'members', 'member', holders,
		'there is no such principal or role');
	IF (SELECT count(*) > count(DISTINCT e->>'name')
		FROM jsonb_array_elements(want->'issuers') AS e)
	THEN
		PERFORM vault_data.refuse_document('issuers', 'two have the same name');
	END IF;
	PERFORM vault_data.require_known(want, 'subjects', 'principal', principals,
		'there is no such principal');
	PERFORM vault_data.require_known(want, 'subjects', 'issuer', issuers,
		'there is no such issuer');
	PERFORM vault_data.require_known(want, 'group_roles', 'issuer', issuers,
		'there is no such issuer');
	PERFORM vault_data.require_known(want, 'group_roles', 'role', roles, 'there is no such role');
	IF (SELECT count(DISTINCT e) > count(DISTINCT e - 'principal')
		FROM jsonb_array_elements(want->'subjects') AS e)
	THEN
		PERFORM vault_data.refuse_document('subjects', 'one stands for two principals');
	END IF;
	IF EXISTS (SELECT
		FROM jsonb_array_elements(want->'principals') AS p
			JOIN jsonb_array_elements_text(want->'roles') AS r ON r = p->>'name')
	THEN
		PERFORM vault_data.refuse_document('roles', 'one has the name of a principal');
	END IF;
END
$$;

/* Return the document in the form of policy_document(), or raise 22023. */
CREATE FUNCTION vault_data.read_document(document jsonb, have jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	want jsonb;
BEGIN
	IF document IS NULL OR pg_column_size(document) > 4194304 THEN
		PERFORM vault_data.refuse_document('size', 'must not be null or larger than 4 MiB');
	END IF;
	PERFORM vault_data.require_fields(document,
		ARRAY['format', 'environments', 'principals', 'roles', 'members', 'grants', 'issuers',
			'subjects', 'group_roles', 'token_roles']);
	IF document->>'format' IS DISTINCT FROM 'vault-policy-v1' THEN
		PERFORM vault_data.refuse_document('format', 'it is not vault-policy-v1');
	END IF;
	want := (SELECT jsonb_object_agg(s.name,
			vault_data.read_section(document, have, s.name, s.maximum))
		FROM (VALUES ('environments', 64), ('principals', 10000), ('roles', 10000),
			('members', 10000), ('grants', 10000), ('issuers', 16), ('subjects', 10000),
			('group_roles', 4096), ('token_roles', 10000)) AS s (name, maximum));
	PERFORM vault_data.require_names(have, want);
	/* Check the same as when the first subject is added. */
	RETURN jsonb_set(want, '{issuers}', (SELECT COALESCE(jsonb_agg(
			CASE WHEN EXISTS (SELECT FROM jsonb_array_elements(want->'subjects') AS s
				WHERE s->'issuer' = i->'name') THEN '{"by_name": false}'::jsonb || i
				ELSE i END), '[]')
		FROM jsonb_array_elements(want->'issuers') AS i));
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.document_flag(jsonb, text),
	vault_data.document_interval(jsonb, text), vault_data.document_list(jsonb, text),
	vault_data.document_text(jsonb, text), vault_data.document_time(jsonb, text),
	vault_data.grant_from_document(jsonb), vault_data.issuer_from_document(jsonb),
	vault_data.read_document(jsonb, jsonb), vault_data.read_element(text, jsonb),
	vault_data.read_elements(text, jsonb), vault_data.read_grant(jsonb),
	vault_data.read_group_role(jsonb), vault_data.read_issuer(jsonb), vault_data.read_member(jsonb),
	vault_data.read_name(jsonb), vault_data.read_principal(jsonb),
	vault_data.read_section(jsonb, jsonb, text, integer), vault_data.read_subject(jsonb),
	vault_data.refuse_document(text, text), vault_data.require_fields(jsonb, text[]),
	vault_data.require_known(jsonb, text, text, text[], text),
	vault_data.require_names(jsonb, jsonb)
	TO vault_exec;

/*
 * Partitions of the trail, and its retention.
 */

/* Protect a table that is to become a partition as the default partition is. */
CREATE FUNCTION vault_data.protect_partition(p_part text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	other text;
	text_column name;
BEGIN
	EXECUTE format('ALTER TABLE vault_data.%I OWNER TO vault_owner', p_part);
	/* Take back the privileges that default privileges gave. */
	FOR other IN
		SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
		FROM pg_class c, aclexplode(c.relacl) AS a
		WHERE c.oid = to_regclass('vault_data.' || p_part) AND a.grantee <> c.relowner
	LOOP
		EXECUTE format('REVOKE ALL ON vault_data.%I FROM %s', p_part, other);
	END LOOP;
	EXECUTE format('ALTER TABLE vault_data.%I ADD PRIMARY KEY (tenant_id, at, id)', p_part);
	EXECUTE format('CREATE INDEX %I ON vault_data.%I (xid)', p_part || '_xid', p_part);
	EXECUTE format('CREATE INDEX %I ON vault_data.%I USING brin (at)', p_part || '_at', p_part);
	EXECUTE format('ALTER TABLE vault_data.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
		p_part);
	EXECUTE format('CREATE POLICY tenant ON vault_data.%I FOR SELECT TO vault_owner '
		'USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants())', p_part);
	EXECUTE format('CREATE POLICY entry ON vault_data.%I TO vault_exec '
		'USING (vault_data.is_inside(tenant_id))', p_part);
	EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.%I '
		'FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change()', p_part);
	EXECUTE format('ALTER TABLE vault_data.%I ENABLE ALWAYS TRIGGER append_only_truncate', p_part);
	FOR text_column IN
		SELECT a.attname FROM pg_attribute a
		WHERE a.attrelid = 'vault_data.audit_log'::regclass AND a.attstattarget = 0 AND a.attnum > 0
	LOOP
		EXECUTE format('ALTER TABLE vault_data.%I ALTER COLUMN %I SET STATISTICS 0', p_part,
			text_column);
	END LOOP;
END
$$;

/*
 * Partitions, one a month (UTC). They are made as tables of their own and then attached, since
 * CREATE TABLE … PARTITION OF would lock out every reader and writer of the trail. They do not
 * belong to the extension, so that a dump holds them. Rows older than the partition of their month
 * are moved there, unless that would keep writers waiting for long.
 */
CREATE FUNCTION vault_data.make_partition(p_month date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	part text := to_char(p_month, '"audit_log_"YYYY_MM');
	lower_bound timestamptz := p_month::timestamp AT TIME ZONE 'UTC';
	upper_bound timestamptz := (p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC';
	late bigint;
BEGIN
	IF to_regclass('vault_data.' || part) IS NOT NULL THEN
		RETURN;
	END IF;
	late := (SELECT count(*)
		FROM (SELECT FROM vault_data.audit_log_default d
			WHERE d.at >= lower_bound AND d.at < upper_bound LIMIT 10001) l);
	IF late > 10000 THEN
		RETURN;
	END IF;
	IF late > 0 THEN
		LOCK TABLE vault_data.audit_log_default IN ACCESS EXCLUSIVE MODE;
	END IF;
	EXECUTE format('CREATE TABLE vault_data.%I (LIKE vault_data.audit_log)', part);
	PERFORM vault_data.protect_partition(part);
	IF late > 0 THEN
		EXECUTE format('WITH moved AS (DELETE FROM vault_data.audit_log_default d '
			'WHERE d.at >= $1 AND d.at < $2 RETURNING d.*) '
			'INSERT INTO vault_data.%I SELECT m.* FROM moved m', part)
			USING lower_bound, upper_bound;
	END IF;
	EXECUTE format('ALTER TABLE vault_data.audit_log ATTACH PARTITION vault_data.%I '
		'FOR VALUES FROM (%L) TO (%L)', part, lower_bound, upper_bound);
EXCEPTION WHEN lock_not_available THEN
	RAISE LOG 'vault makes the partition % later: the trail was locked', part;
END
$$;

CREATE FUNCTION vault_data.make_partitions(p_ahead integer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_month date := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date;
BEGIN
	FOR n IN 0 .. p_ahead LOOP
		PERFORM vault_data.make_partition((this_month + n * interval '1 month')::date);
	END LOOP;
END
$$;

/*
 * Make the partitions of this month and the next one, when the script runs. A dump that is restored
 * has its own.
 */
CREATE FUNCTION vault_data.prepare_trail() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_prepare_trail';

CREATE FUNCTION vault_data.job_partitions() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_partitions';
COMMENT ON FUNCTION vault_data.job_partitions()
	IS 'creates the partitions of the audit trail for this month and the next three';

/*
 * Retention: whole months, never before the floor, never under a legal hold.
 */
CREATE FUNCTION vault_data.audit_retention_floor() RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT coalesce((SELECT f.floor FROM vault_data.audit_floor f), '1 year'::interval)
$$;

/* Retire nothing under a rule that was changed outside the vault. */
CREATE FUNCTION vault_data.may_retire(p_tenant uuid, p_month date) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT ((p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC')
			+ greatest(coalesce(p.retention, '7 years'::interval),
				vault_data.audit_retention_floor()) <= now()
		AND p.held_at IS NULL AND coalesce(vault_data.is_authentic(p), true)
	FROM (SELECT) AS always LEFT JOIN vault_data.audit_policy p ON p.tenant_id = p_tenant
$$;

CREATE FUNCTION vault_data.note_retired(tenant uuid, month date, rows bigint) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_note_retired';

CREATE FUNCTION vault_data.tenants_of(p_partition regclass) RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid;
BEGIN
	EXECUTE format('SELECT a.tenant_id FROM %s a ORDER BY a.tenant_id LIMIT 1', p_partition)
		INTO this_tenant;
	WHILE this_tenant IS NOT NULL LOOP
		RETURN NEXT this_tenant;
		EXECUTE format('SELECT a.tenant_id FROM %s a WHERE a.tenant_id > $1 '
			'ORDER BY a.tenant_id LIMIT 1', p_partition)
			INTO this_tenant USING this_tenant;
	END LOOP;
END
$$;

/* Retire a tenant's rows of one month in a partition. */
CREATE FUNCTION vault_data.retire_rows(p_partition regclass, p_tenant uuid, p_month date)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	gone bigint;
BEGIN
	EXECUTE format('DELETE FROM %s a WHERE a.tenant_id = $1 AND a.at >= $2 AND a.at < $3',
		p_partition)
		USING p_tenant, p_month::timestamp AT TIME ZONE 'UTC',
			(p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC';
	GET DIAGNOSTICS gone = ROW_COUNT;
	IF gone > 0 THEN
		PERFORM vault_data.note_retired(p_tenant, p_month, gone);
	END IF;
END
$$;

/*
 * Retire the partition of a month as a whole if the rows of every tenant in it may go. It is
 * emptied first, which locks only itself. To drop it needs a lock on the whole trail, for which the
 * job waits only a moment. An empty partition that is left is dropped another day.
 */
CREATE FUNCTION vault_data.retire_partition(p_partition regclass, p_month date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	tenants uuid[] := ARRAY(SELECT t FROM vault_data.tenants_of(p_partition) t);
	due uuid[] := ARRAY(SELECT t FROM unnest(tenants) t WHERE vault_data.may_retire(t, p_month));
	patience text := current_setting('lock_timeout');
	this_tenant uuid;
	gone bigint;
BEGIN
	IF cardinality(due) < cardinality(tenants) THEN
		FOREACH this_tenant IN ARRAY due LOOP
			PERFORM vault_data.retire_rows(p_partition, this_tenant, p_month);
		END LOOP;
		RETURN;
	END IF;
	FOREACH this_tenant IN ARRAY tenants LOOP
		EXECUTE format('SELECT count(*) FROM %s a WHERE a.tenant_id = $1', p_partition) INTO gone
			USING this_tenant;
		PERFORM vault_data.note_retired(this_tenant, p_month, gone);
	END LOOP;
	EXECUTE format('TRUNCATE %s', p_partition);
	BEGIN
		SET LOCAL lock_timeout = '100ms';
		EXECUTE format('DROP TABLE %s', p_partition);
	EXCEPTION WHEN lock_not_available THEN
		RAISE LOG 'vault drops the empty partition % later: the trail was in use', p_partition;
	END;
	PERFORM set_config('lock_timeout', patience, true);
END
$$;

CREATE FUNCTION vault_data.retire_default() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid;
	this_month date;
BEGIN
	FOR this_tenant IN SELECT t FROM vault_data.tenants_of('vault_data.audit_log_default') t LOOP
		FOR this_month IN SELECT DISTINCT date_trunc('month', d.at AT TIME ZONE 'UTC')::date
			FROM vault_data.audit_log_default d WHERE d.tenant_id = this_tenant AND isfinite(d.at)
		LOOP
			IF vault_data.may_retire(this_tenant, this_month) THEN
				PERFORM vault_data.retire_rows('vault_data.audit_log_default', this_tenant,
					this_month);
			END IF;
		END LOOP;
	END LOOP;
END
$$;

CREATE FUNCTION vault_data.retire_trail() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	part record;
BEGIN
	FOR part IN SELECT c.oid::regclass AS name, to_date(right(c.relname, 7), 'YYYY_MM') AS month
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'vault_data.audit_log'::regclass
			AND c.relname ~ '^audit_log_[0-9]{4}_[0-9]{2}$'
		ORDER BY c.relname
	LOOP
		/* Pass over a month that no tenant could retire. */
		CONTINUE WHEN ((part.month + interval '1 month')::timestamp AT TIME ZONE 'UTC')
			+ vault_data.audit_retention_floor() > now();
		BEGIN
			PERFORM vault_data.retire_partition(part.name, part.month);
		EXCEPTION WHEN lock_not_available THEN
			RAISE LOG 'vault retires rows of % later: it was locked', part.name;
		END;
	END LOOP;
	PERFORM vault_data.retire_default();
END
$$;

CREATE FUNCTION vault_data.job_retention() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_retention';
COMMENT ON FUNCTION vault_data.job_retention()
	IS 'retires the months of the audit trail whose retention is over';

CREATE FUNCTION vault_data.set_audit_retention(p_retention interval, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_retention IS NULL OR p_retention < vault_data.audit_retention_floor()
		OR p_retention > '100 years'
	THEN
		PERFORM vault_data.fail('22023',
			format('invalid retention: must be between %s and 100 years',
				vault_data.audit_retention_floor()),
			'Operators set the floor with vault.set_audit_floor().');
	END IF;
	INSERT INTO vault_data.audit_policy (tenant_id, retention) VALUES (this_tenant, p_retention)
	ON CONFLICT (tenant_id) DO UPDATE SET retention = excluded.retention;
END
$$;

CREATE FUNCTION vault_data.set_audit_floor(p_floor interval) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_floor IS NULL OR p_floor < '30 days' OR p_floor > '100 years' THEN
		PERFORM vault_data.fail('22023', 'invalid floor: must be between 30 days and 100 years',
			'Give an interval such as ''1 year''.');
	END IF;
	INSERT INTO vault_data.audit_floor (floor) VALUES (p_floor)
	ON CONFLICT (singleton) DO UPDATE SET floor = excluded.floor;
END
$$;

CREATE FUNCTION vault_data.require_reason(p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_reason IS NULL OR p_reason !~ '[^[:space:]]' OR length(p_reason) > 200 THEN
		PERFORM vault_data.fail('22023',
			'invalid reason: must be 1 to 200 characters long',
			'Say what the hold is for, such as a case number.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.set_legal_hold(p_tenant text, p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_reason(p_reason);
	INSERT INTO vault_data.audit_policy (tenant_id, hold_reason, held_at)
	VALUES (this_tenant, p_reason, clock_timestamp())
	ON CONFLICT (tenant_id) DO UPDATE SET hold_reason = excluded.hold_reason,
		held_at = excluded.held_at;
END
$$;

CREATE FUNCTION vault_data.release_legal_hold(p_tenant text, p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_reason(p_reason);
	PERFORM vault_data.note(p_reason);
	UPDATE vault_data.audit_policy SET hold_reason = NULL, held_at = NULL
	WHERE tenant_id = this_tenant AND held_at IS NOT NULL;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('55000',
			format('the audit trail of tenant "%s" is not held', p_tenant),
			'The view vault.audit_retention shows the holds.');
	END IF;
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.job_partitions(), vault_data.job_retention()
	TO vault_jobs;
GRANT EXECUTE ON FUNCTION vault_data.audit_retention_floor(),
	vault_data.release_legal_hold(text, text), vault_data.require_reason(text),
	vault_data.set_audit_floor(interval), vault_data.set_audit_retention(interval, text),
	vault_data.set_legal_hold(text, text)
	TO vault_exec;

/*
 * Questions about usage, and removal of counts that are no longer needed.
 */

CREATE FUNCTION vault_data.principal_may(tenant uuid, principal uuid, permission text, name text,
	environment text)
RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_principal_may';
COMMENT ON FUNCTION vault_data.principal_may(uuid, uuid, text, text, text)
	IS 'returns the decision of the policy about a principal, for callers that may see its grants';

CREATE FUNCTION vault_data.is_read(operation text, decision text, object_kind text, object_id uuid)
RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_is_read';
COMMENT ON FUNCTION vault_data.is_read(text, text, text, uuid)
	IS 'returns true if a row of the audit trail is a read of a value, as usage counts it';

CREATE FUNCTION vault_data.unused_in_tenant(p_unused_for interval)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz,
	last_read_at timestamptz, reads bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT t.name, s.name, s.environment, s.created_at, r.last_read_at, COALESCE(r.reads, 0)
	FROM vault_data.secret s
		JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
		CROSS JOIN LATERAL (SELECT max(u.last_read_at) AS last_read_at,
			sum(u.reads)::bigint AS reads
			FROM vault_data.usage u WHERE u.tenant_id = s.tenant_id AND u.secret_id = s.id) r
	WHERE s.tenant_id = vault.current_tenant_id() AND s.purge_at IS NULL
		AND COALESCE(r.last_read_at, s.created_at) < clock_timestamp() - p_unused_for
	ORDER BY COALESCE(r.last_read_at, s.created_at), s.environment, s.name
$$;

CREATE FUNCTION vault_data.unused_secrets(p_unused_for interval, p_tenant text)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz,
	last_read_at timestamptz, reads bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	tenant_name text;
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_unused_for IS NULL OR NOT p_unused_for BETWEEN '0' AND '100 years' THEN
		PERFORM vault_data.fail('22023',
			'invalid interval: must be between 0 and 100 years',
			'Give an interval such as ''90 days''.');
	END IF;
	IF p_tenant IS NULL AND vault_data.caller_principal() IS NULL THEN
		FOREACH tenant_name IN ARRAY vault_data.tenant_names() LOOP
			PERFORM vault_data.enter_tenant(tenant_name);
			RETURN QUERY SELECT * FROM vault_data.unused_in_tenant(p_unused_for);
		END LOOP;
	ELSE
		PERFORM vault_data.choose_tenant(p_tenant);
		PERFORM vault_data.require_administrator();
		RETURN QUERY SELECT * FROM vault_data.unused_in_tenant(p_unused_for);
	END IF;
END
$$;

/* Remove rows of the call's tenant that are no longer needed. */
CREATE FUNCTION vault_data.forget_usage(p_as_of timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
BEGIN
	DELETE FROM vault_data.usage_hour
	WHERE tenant_id = this_tenant AND hour < p_as_of - interval '90 days';
	DELETE FROM vault_data.usage_network
	WHERE tenant_id = this_tenant AND last_seen_at < p_as_of - interval '90 days';
	DELETE FROM vault_data.usage_denial
	WHERE tenant_id = this_tenant AND minute < p_as_of - interval '7 days';
	DELETE FROM vault_data.usage u
	WHERE u.tenant_id = this_tenant AND u.secret_id <> '00000000-0000-0000-0000-000000000000'
		AND NOT EXISTS (SELECT FROM vault_data.secret s
			WHERE s.tenant_id = u.tenant_id AND s.id = u.secret_id);
	DELETE FROM vault_data.usage_grant u WHERE u.tenant_id = this_tenant
		AND NOT EXISTS (SELECT FROM vault_data.access_grant g
			WHERE g.tenant_id = u.tenant_id AND g.id = u.grant_id);
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.is_read(text, text, text, uuid),
	vault_data.principal_may(uuid, uuid, text, text, text)
	TO vault_client, vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault_data.forget_usage(timestamptz),
	vault_data.unused_in_tenant(interval), vault_data.unused_secrets(interval, text)
	TO vault_exec;

/*
 * The thresholds, and a detector for each kind of anomaly. A detector reads counts of usage only.
 */

CREATE FUNCTION vault_data.anomaly_defaults()
RETURNS TABLE (name text, value numeric, lowest numeric, highest numeric, meaning text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	VALUES
	('history_days', 56::numeric, 7::numeric, 90::numeric,
		'days of a principal''s past that count'),
	('habit_hours', 3, 1, 1000,
		'hours of the past that were nearly as busy make it a habit: neither rate nor mass_read'),
	('network_days', 7, 0, 90, 'new_network: days since the principal was first seen'),
	('week_days', 28, 7, 90, 'unusual_hour: days since the principal was first seen'),
	('week_hours', 100, 1, 2160, 'unusual_hour: hours of the past in which it was active'),
	('week_share', 0.01, 0, 1,
		'unusual_hour: below this share of them fell on this hour of the week and its neighbours'),
	('rate_hours', 24, 1, 2160, 'rate: hours of the past with reads'),
	('rate_deviations', 6, 1, 1000, 'rate and mass_read: this many deviations above the median'),
	('rate_floor', 100, 1, 1000000000, 'rate: at least so many reads in the hour'),
	('mass_floor', 50, 1, 1000000000, 'mass_read: at least so many secrets in the hour'),
	('mass_share', 0.5, 0, 1, 'mass_read: or this share of the tenant''s secrets'),
	('mass_least', 5, 1, 1000000000, 'mass_read: and of a small tenant at least so many'),
	('burst_denials', 20, 1, 1000000000, 'denial_burst: at least so many denials'),
	('burst_minutes', 10, 1, 1440, 'denial_burst: within so many minutes')
$$;

CREATE FUNCTION vault_data.anomaly_limits() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT jsonb_object_agg(d.name, COALESCE(c.value, d.value))
	FROM vault_data.anomaly_defaults() d
		LEFT JOIN vault_data.anomaly_threshold c ON c.name = d.name COLLATE "C"
$$;
COMMENT ON FUNCTION vault_data.anomaly_limits() IS 'returns every threshold by its name';

/*
 * Return statistics of the hours before p_hour that have any calls: the median, the median absolute
 * deviation (scaled to a standard deviation, and never below a tenth of the median or 1), and the
 * number of hours with at least four fifths of p_value.
 */
CREATE FUNCTION vault_data.hourly_baseline(p_tenant uuid, p_principal uuid, p_hour timestamptz,
	p_days float8, p_secrets boolean, p_value bigint)
RETURNS TABLE (hours bigint, median float8, deviation float8, similar_hours bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH past AS MATERIALIZED (
		SELECT (CASE WHEN p_secrets THEN u.secrets ELSE u.reads END)::float8 AS n
		FROM vault_data.usage_hour u
		WHERE u.tenant_id = p_tenant AND u.principal_id = p_principal
			AND u.hour >= p_hour - p_days * interval '1 day' AND u.hour < p_hour AND u.reads > 0
	), middle AS (
		SELECT count(*) AS hours, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS median,
			count(*) FILTER (WHERE n >= 0.8 * p_value) AS similar_hours
		FROM past
	)
	SELECT m.hours, m.median,
		GREATEST(1.4826
			* (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(n - m.median)) FROM past),
			0.1 * m.median, 1),
		m.similar_hours
	FROM middle m
$$;

/*
 * Each detector returns what it finds in the usage of a tenant that changed from p_since on and
 * that is not later than p_until.
 */
CREATE FUNCTION vault_data.find_new_networks(p_tenant uuid, p_since timestamptz,
	p_until timestamptz, limits jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text,
	evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'new_network', n.principal_id, n.network::text, n.first_seen_at, 'medium',
		jsonb_build_object('network', n.network, 'calls', n.calls, 'known_networks', known.networks,
			'known_since', known.since)
	FROM vault_data.usage_network n CROSS JOIN LATERAL (
		SELECT min(o.first_seen_at) AS since, count(*) AS networks FROM vault_data.usage_network o
		WHERE o.tenant_id = n.tenant_id AND o.principal_id = n.principal_id
			AND o.first_seen_at < n.first_seen_at) known
	WHERE n.tenant_id = p_tenant AND n.first_seen_at > p_until - interval '7 days'
		AND n.first_seen_at <= p_until
		AND known.since <= n.first_seen_at - (limits ->> 'network_days')::float8 * interval '1 day'
$$;

/* The hour of the week is in UTC. It counts together with the hours beside it. */
CREATE FUNCTION vault_data.find_unusual_hours(p_tenant uuid, p_since timestamptz,
	p_until timestamptz, limits jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text,
	evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'unusual_hour', h.principal_id, '', h.hour, 'low',
		jsonb_build_object('calls', h.calls, 'reads', h.reads, 'hour_utc',
			to_char(h.hour AT TIME ZONE 'UTC', 'FMDay HH24:00'),
			'active_hours', past.hours, 'at_this_hour', past.here)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL (
		SELECT count(*) AS hours, min(o.hour) AS since,
			count(*)
				FILTER (WHERE (extract(epoch FROM h.hour - o.hour) / 3600)::bigint % 168 IN (0, 1,
					167)) AS here
		FROM vault_data.usage_hour o
		WHERE o.tenant_id = h.tenant_id AND o.principal_id = h.principal_id
			AND o.hour >= h.hour - (limits ->> 'history_days')::float8 * interval '1 day'
			AND o.hour < h.hour) past
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since
		AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND past.hours >= (limits ->> 'week_hours')::float8
		AND past.since <= h.hour - (limits ->> 'week_days')::float8 * interval '1 day'
		AND past.here < (limits ->> 'week_share')::float8 * past.hours
$$;

CREATE FUNCTION vault_data.find_rates(p_tenant uuid, p_since timestamptz, p_until timestamptz,
	limits jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text,
	evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'rate', h.principal_id, '', h.hour, 'medium',
		jsonb_build_object('reads', h.reads, 'median', b.median, 'deviation',
			round(b.deviation::numeric, 2), 'hours', b.hours)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL
		vault_data.hourly_baseline(h.tenant_id, h.principal_id, h.hour,
			(limits ->> 'history_days')::float8, false, h.reads) b
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since
		AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND h.reads >= (limits ->> 'rate_floor')::float8
		AND b.hours >= (limits ->> 'rate_hours')::float8
		AND b.similar_hours < (limits ->> 'habit_hours')::float8
		AND h.reads > b.median + (limits ->> 'rate_deviations')::float8 * b.deviation
$$;

/*
 * Report an hour with reads of half of the tenant's secrets, however small the tenant, but of at
 * least mass_least; or of mass_floor secrets, where that is out of the principal's ordinary.
 */
CREATE FUNCTION vault_data.find_mass_reads(p_tenant uuid, p_since timestamptz, p_until timestamptz,
	limits jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text,
	evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'mass_read', h.principal_id, '', h.hour, 'high',
		jsonb_build_object('secrets', h.secrets, 'tenant_secrets', total.n, 'median', b.median,
			'deviation', round(b.deviation::numeric, 2), 'hours', b.hours)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL
		vault_data.hourly_baseline(h.tenant_id, h.principal_id, h.hour,
			(limits ->> 'history_days')::float8, true, h.secrets) b
		CROSS JOIN LATERAL (SELECT count(*) AS n FROM vault_data.secret s
			WHERE s.tenant_id = h.tenant_id AND s.purge_at IS NULL) total
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since
		AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND h.secrets >= (limits ->> 'mass_least')::float8
		AND b.similar_hours < (limits ->> 'habit_hours')::float8
		AND (h.secrets >= (limits ->> 'mass_share')::float8 * total.n
			OR (h.secrets >= (limits ->> 'mass_floor')::float8
				AND b.hours >= (limits ->> 'rate_hours')::float8
				AND h.secrets > b.median + (limits ->> 'rate_deviations')::float8 * b.deviation))
$$;

/*
 * Return bursts by principal, or by address where no principal was identified. There is at most
 * one for an hour: that in which the number was reached.
 */
CREATE FUNCTION vault_data.find_denial_bursts(p_tenant uuid, p_since timestamptz,
	p_until timestamptz, limits jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text,
	evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH minutes AS (
		SELECT d.principal_id,
			CASE WHEN d.principal_id = '00000000-0000-0000-0000-000000000000'
				THEN host(d.address) ELSE '' END AS subject,
			d.minute, sum(d.denials) AS denials, max(d.changed_at) AS changed_at
		FROM vault_data.usage_denial d
		WHERE d.tenant_id = p_tenant AND d.minute > p_until - interval '7 days'
			AND d.minute <= p_until
		GROUP BY 1, 2, 3
	), sums AS (
		SELECT m.*, sum(m.denials) OVER (PARTITION BY m.principal_id, m.subject
			ORDER BY floor(extract(epoch FROM m.minute) / 60)
			RANGE BETWEEN ((limits ->> 'burst_minutes')::numeric - 1) PRECEDING AND CURRENT ROW)
				AS denials_before
		FROM minutes m
	)
	SELECT 'denial_burst', s.principal_id, s.subject, date_trunc('hour', s.minute, 'UTC'),
		CASE WHEN max(s.denials_before) >= 5 * (limits ->> 'burst_denials')::float8 THEN 'high'
			ELSE 'medium' END,
		jsonb_strip_nulls(jsonb_build_object('denials', max(s.denials_before), 'minutes',
			(limits ->> 'burst_minutes')::numeric, 'address', NULLIF(s.subject, '')))
	FROM sums s
	WHERE s.denials_before >= (limits ->> 'burst_denials')::float8
	GROUP BY s.principal_id, s.subject, date_trunc('hour', s.minute, 'UTC')
	HAVING max(s.changed_at) >= p_since
$$;

/* Judge the usage of a tenant as of a time. Returns the number of new anomalies. */
CREATE FUNCTION vault_data.detect(p_tenant uuid, p_as_of timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	limits jsonb := vault_data.anomaly_limits();
	since timestamptz;
	detected record;
	found integer := 0;
BEGIN
	/*
	 * Look an hour further back: a step of the log consumer commits after the time that it writes.
	 */
	SELECT j.until - interval '1 hour' INTO since FROM vault_data.usage_evaluated j
	WHERE j.tenant_id = p_tenant;
	since := COALESCE(since, p_as_of - interval '7 days');
	FOR detected IN
		INSERT INTO vault_data.anomaly AS n (tenant_id, id, kind, principal_id, subject, at,
			severity, evidence)
		SELECT p_tenant, vault_data.new_id(), f.* FROM (
			SELECT * FROM vault_data.find_new_networks(p_tenant, since, p_as_of, limits)
			UNION ALL SELECT * FROM vault_data.find_unusual_hours(p_tenant, since, p_as_of, limits)
			UNION ALL SELECT * FROM vault_data.find_rates(p_tenant, since, p_as_of, limits)
			UNION ALL SELECT * FROM vault_data.find_mass_reads(p_tenant, since, p_as_of, limits)
			UNION ALL SELECT *
			FROM vault_data.find_denial_bursts(p_tenant, since, p_as_of, limits)) f
		ON CONFLICT ON CONSTRAINT anomaly_once DO NOTHING
		RETURNING n.id, n.kind, n.severity
	LOOP
		PERFORM vault_data.announce(p_tenant, 'anomaly',
			CASE detected.severity
				WHEN 'high' THEN 'critical' WHEN 'medium' THEN 'warning' ELSE 'info' END,
			jsonb_build_object('anomaly', detected.id, 'kind', detected.kind));
		found := found + 1;
	END LOOP;
	INSERT INTO vault_data.usage_evaluated AS j (tenant_id, until) VALUES (p_tenant, p_as_of)
	ON CONFLICT (tenant_id) DO UPDATE SET until = excluded.until;
	RETURN found;
END
$$;

CREATE FUNCTION vault_data.detect_anomalies() RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	now timestamptz := clock_timestamp();
	this_tenant uuid;
	total integer := 0;
BEGIN
	FOREACH this_tenant IN ARRAY vault_data.all_tenant_ids() LOOP
		PERFORM vault_data.enter_tenant_id(this_tenant);
		/* Report it once a day. */
		PERFORM FROM vault_data.usage_evaluated j
		WHERE j.tenant_id = this_tenant AND j.until >= date_trunc('day', now, 'UTC');
		IF NOT FOUND THEN
			PERFORM vault_data.forget_usage(now);
			DELETE FROM vault_data.anomaly a
			WHERE a.tenant_id = this_tenant AND a.at < now - interval '400 days';
		END IF;
		total := total + vault_data.detect(this_tenant, now);
	END LOOP;
	RETURN total;
END
$$;

CREATE FUNCTION vault_data.acknowledge_anomaly(p_id uuid, p_note text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_tenant IS NOT NULL OR vault_data.caller_principal() IS NOT NULL THEN
		PERFORM vault_data.choose_tenant(p_tenant);
	END IF;
	PERFORM vault_data.require_administrator();
	IF octet_length(p_note) > 1024 THEN
		PERFORM vault_data.fail('22023', 'invalid note: must be at most 1024 bytes long',
			'Refer to a ticket for more.');
	END IF;
	UPDATE vault_data.anomaly a SET acknowledged_at = clock_timestamp(), note = p_note,
		acknowledged_by = vault_data.caller_name()
	WHERE a.tenant_id = vault.current_tenant_id() AND a.id = p_id AND a.acknowledged_at IS NULL;
	IF NOT FOUND
		AND EXISTS (SELECT FROM vault_data.anomaly a
			WHERE a.tenant_id = vault.current_tenant_id() AND a.id = p_id)
	THEN
		PERFORM vault_data.fail('55000', 'anomaly is acknowledged already',
			'The view vault.anomalies says by whom.');
	ELSIF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such anomaly',
			'The view vault.anomalies shows them; operators name the tenant.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.caller_name() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_caller_name';

CREATE FUNCTION vault_data.set_anomaly_threshold(p_name text, p_value numeric) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	bounds record;
BEGIN
	SELECT * INTO bounds FROM vault_data.anomaly_defaults() d WHERE d.name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('22023', 'invalid name: there is no such threshold',
			'The view vault.anomaly_thresholds shows them.');
	ELSIF NOT p_value BETWEEN bounds.lowest AND bounds.highest THEN
		PERFORM vault_data.fail('22023',
			format('invalid value: must be between %s and %s', bounds.lowest, bounds.highest),
			'NULL brings the default back.');
	END IF;
	/* A threshold with its default value has no row. */
	PERFORM vault_data.note(format('the default is %s', bounds.value));
	DELETE FROM vault_data.anomaly_threshold c
	WHERE c.name = p_name COLLATE "C" AND p_value IS NULL;
	INSERT INTO vault_data.anomaly_threshold (name, value) SELECT p_name, p_value
	WHERE p_value IS NOT NULL
	ON CONFLICT (name) DO UPDATE SET value = excluded.value;
END
$$;

GRANT EXECUTE ON FUNCTION vault_data.anomaly_defaults()
	TO vault_admin, vault_auditor, vault_exec, vault_owner;
GRANT EXECUTE ON FUNCTION vault_data.acknowledge_anomaly(uuid, text, text),
	vault_data.anomaly_limits(), vault_data.caller_name(), vault_data.detect(uuid, timestamptz),
	vault_data.detect_anomalies(),
	vault_data.find_denial_bursts(uuid, timestamptz, timestamptz, jsonb),
	vault_data.find_mass_reads(uuid, timestamptz, timestamptz, jsonb),
	vault_data.find_new_networks(uuid, timestamptz, timestamptz, jsonb),
	vault_data.find_rates(uuid, timestamptz, timestamptz, jsonb),
	vault_data.find_unusual_hours(uuid, timestamptz, timestamptz, jsonb),
	vault_data.hourly_baseline(uuid, uuid, timestamptz, float8, boolean, bigint),
	vault_data.set_anomaly_threshold(text, numeric)
	TO vault_exec;

/*
 * Jobs: what pg_cron runs, as the role vault_jobs, which may do nothing else.
 */

CREATE FUNCTION vault_data.job_anomalies() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_anomalies';
COMMENT ON FUNCTION vault_data.job_anomalies()
	IS 'runs the job vault:anomalies; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.job_expire() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_expire';
COMMENT ON FUNCTION vault_data.job_expire()
	IS 'runs the job vault:expire; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.job_notifications() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_notifications';
COMMENT ON FUNCTION vault_data.job_notifications()
	IS 'runs the job vault:notifications; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.job_purge() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_purge';
COMMENT ON FUNCTION vault_data.job_purge()
	IS 'runs the job vault:purge; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.job_rewrap() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_rewrap';
COMMENT ON FUNCTION vault_data.job_rewrap()
	IS 'runs the job vault:rewrap; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.job_warn() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_warn';
COMMENT ON FUNCTION vault_data.job_warn()
	IS 'runs the job vault:warn; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.schedule_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_schedule_jobs';

CREATE FUNCTION vault_data.report_jobs()
RETURNS TABLE (job text, schedule text, started_at timestamptz, duration interval, outcome text,
	message text, lag interval)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_report_jobs';
COMMENT ON FUNCTION vault_data.report_jobs()
	IS 'returns each job with its schedule and its last run, for operators and auditors';

CREATE FUNCTION vault_data.faults_of_jobs()
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_faults_of_jobs';
COMMENT ON FUNCTION vault_data.faults_of_jobs()
	IS 'returns faults that keep jobs from running, for vault.verify()';

/*
 * Figures for monitoring. Large counts are estimated; rows that wait for their seal are found by
 * the indexes of transaction ids (the caller forbids another way), and counted up to a limit.
 */
CREATE FUNCTION vault_data.count_metrics()
RETURNS TABLE (metric text, label text, value double precision)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	waiting bigint;
	oldest timestamptz;
	last_seen xid8 := (SELECT pg_snapshot_xmax(h.snapshot)
		FROM vault_data.audit_progress h, pg_control_system() s
		WHERE h.system_identifier = s.system_identifier::text);
BEGIN
	SELECT count(*), min(u.at) INTO waiting, oldest
	FROM (SELECT a.at FROM vault_data.audit_log a WHERE a.xid >= last_seen LIMIT 100000) u;
	RETURN QUERY
	SELECT 'audit_unsealed_rows', NULL::text, waiting::double precision
	UNION ALL SELECT 'audit_unsealed_oldest_seconds', NULL,
		coalesce(date_part('epoch', clock_timestamp() - oldest), 0)
	UNION ALL SELECT 'audit_rows_estimated', NULL,
		(SELECT sum(greatest(c.reltuples, 0)) FROM pg_partition_tree('vault_data.audit_log') t
			JOIN pg_class c ON c.oid = t.relid WHERE t.isleaf)
	UNION ALL SELECT 'audit_bytes', NULL,
		(SELECT sum(pg_total_relation_size(t.relid))
			FROM pg_partition_tree('vault_data.audit_log') t)
	UNION ALL SELECT 'audit_default_rows_estimated', NULL,
		(SELECT greatest(c.reltuples, 0) FROM pg_class c
			WHERE c.oid = 'vault_data.audit_log_default'::regclass)
	UNION ALL SELECT 'tenants', NULL,
		(SELECT count(*) FROM vault_data.tenant t WHERE t.state <> 'destroyed')
	UNION ALL SELECT 'principals', NULL,
		(SELECT count(*) FROM vault_data.principal p WHERE p.kind IN ('user', 'service'))
	UNION ALL SELECT 'secrets', NULL,
		(SELECT count(*) FROM vault_data.secret s WHERE s.deleted_at IS NULL)
	UNION ALL SELECT 'secrets_expired', NULL,
		(SELECT count(*) FROM vault_data.secret s
			WHERE s.deleted_at IS NULL AND s.expires_at <= clock_timestamp())
	UNION ALL SELECT 'secret_versions_estimated', NULL,
		(SELECT greatest(c.reltuples, 0) FROM pg_class c
			WHERE c.oid = 'vault_data.secret_version'::regclass)
	UNION ALL SELECT 'rotations_failing', NULL,
		(SELECT count(*) FROM vault_data.rotation r
			WHERE r.step NOT IN ('done', 'failed') AND r.attempts > 0)
	UNION ALL SELECT 'notifications', NULL, (SELECT count(*) FROM vault_data.notification n)
	UNION ALL SELECT 'anomalies_open', NULL,
		(SELECT count(*) FROM vault_data.anomaly a WHERE a.acknowledged_at IS NULL)
	UNION ALL SELECT 'job_lag_seconds', j.job, date_part('epoch', j.lag)
		FROM vault_data.report_jobs() j
	UNION ALL SELECT 'job_failed', j.job,
		CASE j.outcome WHEN 'failed' THEN 1 WHEN 'succeeded' THEN 0 END
		FROM vault_data.report_jobs() j;
END
$$;

CREATE FUNCTION vault_data.report_metrics()
RETURNS TABLE (metric text, label text, value double precision)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_report_metrics';
COMMENT ON FUNCTION vault_data.report_metrics()
	IS 'returns figures without names, for monitoring, operators and auditors';

GRANT EXECUTE ON FUNCTION vault_data.job_anomalies(), vault_data.job_expire(),
	vault_data.job_notifications(), vault_data.job_purge(), vault_data.job_rewrap(),
	vault_data.job_warn()
	TO vault_jobs;
GRANT EXECUTE ON FUNCTION vault_data.report_jobs()
	TO vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault_data.report_metrics()
	TO vault_admin, vault_auditor, vault_owner, pg_monitor;
GRANT EXECUTE ON FUNCTION vault_data.faults_of_jobs()
	TO vault_exec;

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

GRANT EXECUTE ON FUNCTION vault_data.granted_by_script(text[]), vault_data.install_statements(),
	vault_data.plain(text), vault_data.silenced_triggers(), vault_data.trigger_parts(text),
	vault_data.verify_functions(text[]), vault_data.verify_objects(),
	vault_data.verify_policies(text[]), vault_data.verify_privileges(text[]),
	vault_data.verify_tables(text[]), vault_data.verify_triggers(text[])
	TO vault_exec;

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

GRANT EXECUTE ON FUNCTION vault_data.latest_due(text, text, timestamptz),
	vault_data.opens(uuid, uuid, text, integer, integer, vault.envelope),
	vault_data.present_rows(uuid, boolean), vault_data.verify_bindings(uuid),
	vault_data.verify_history(uuid), vault_data.verify_rows(uuid),
	vault_data.verify_schedules(uuid), vault_data.verify_tenant(uuid), vault_data.verify_types(),
	vault_data.verify_versions(uuid)
	TO vault_exec;

/*
 * The root key for operators: made, sealed, unsealed, rotated; and the state of the vault.
 */

CREATE FUNCTION vault.init(shares integer DEFAULT NULL, threshold integer DEFAULT NULL)
RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_init';
COMMENT ON FUNCTION vault.init(integer, integer)
	IS 'creates or takes the first root key and unseals; returns the shares if the key source '
	'is manual (default 5, of which 3 unseal)';

CREATE FUNCTION vault.unseal(share text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_unseal';
COMMENT ON FUNCTION vault.unseal(text)
	IS 'gives one share of the root key, or without an argument asks the key source again';

CREATE FUNCTION vault.seal() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_seal';
COMMENT ON FUNCTION vault.seal() IS 'wipes the root key from memory, at once and for every session';

CREATE FUNCTION vault.status(
	OUT initialised boolean, OUT sealed boolean, OUT reason text, OUT root_key_source text,
	OUT root_key_generation integer, OUT instance uuid, OUT shares_given integer,
	OUT shares_needed integer, OUT key_memory text, OUT version text, OUT held text,
	OUT seal_delay interval, OUT problems text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_status';
COMMENT ON FUNCTION vault.status()
	IS 'returns the state of the vault: initialized, sealed and why, source of the root key, '
	'reason for which a copy is held, delay of the seal of the audit trail, and for '
	'operators and auditors the faults that vault.repair() would find';

CREATE FUNCTION vault.rotate_root_key(shares integer DEFAULT NULL, threshold integer DEFAULT NULL,
	force boolean DEFAULT false)
RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_root_key';
COMMENT ON FUNCTION vault.rotate_root_key(integer, integer, boolean)
	IS 'creates a new root key and wraps every tenant key with it, in one transaction; returns '
	'its shares if the key source is manual; force goes on although standby servers do not '
	'hold the key yet';

GRANT EXECUTE ON FUNCTION vault.init(integer, integer),
	vault.rotate_root_key(integer, integer, boolean), vault.seal(), vault.unseal(text)
	TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.status()
	TO vault_client, vault_admin, vault_auditor;

/*
 * Views of tenants and their keys.
 */

CREATE VIEW vault.tenants WITH (security_barrier) AS
SELECT t.tenant_id AS id, t.name, t.state, t.recovery_window, t.created_at, t.environments
FROM vault_data.tenant t
WHERE t.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.tenants
	IS 'shows tenants: that of the caller, or all to operators and auditors';

CREATE VIEW vault.tenant_keys WITH (security_barrier) AS
SELECT t.name AS tenant, k.generation, k.state, k.root_generation, k.created_at
FROM vault_data.tenant_key k JOIN vault_data.tenant t ON t.tenant_id = k.tenant_id
WHERE k.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.tenant_keys
	IS 'shows generations of tenant keys and the root key generation that wraps each; no key '
	'material';

CREATE VIEW vault.root_keys WITH (security_barrier) AS
SELECT r.generation, r.state, r.source, r.created_at FROM vault_data.root_key r
WHERE vault_data.sees_all_tenants();
COMMENT ON VIEW vault.root_keys IS 'shows generations of the root key; no key material';
ALTER VIEW vault.root_keys OWNER TO vault_owner;
ALTER VIEW vault.tenant_keys OWNER TO vault_owner;
REVOKE ALL ON vault.root_keys, vault.tenant_keys FROM PUBLIC;
GRANT SELECT ON vault.root_keys, vault.tenant_keys
	TO vault_admin, vault_auditor;
ALTER VIEW vault.tenants OWNER TO vault_owner;
REVOKE ALL ON vault.tenants FROM PUBLIC;
GRANT SELECT ON vault.tenants
	TO vault_client, vault_admin, vault_auditor;

/*
 * Adoption of a copy.
 */

CREATE FUNCTION vault.adopt(reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_adopt';
COMMENT ON FUNCTION vault.adopt(text)
	IS 'releases a copy that is held; from now on it acts outside of its server, in place of '
	'the vault that it was copied from';

GRANT EXECUTE ON FUNCTION vault.adopt(text)
	TO vault_admin;

/*
 * Identities for callers: who they are, reservations of roles, and the views of principals and of
 * the trail.
 */

CREATE FUNCTION vault.reserve_role(db_role text, tenant text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.reserve_role(text, text)
	IS 'reserves a database role, by its name, for a tenant; administrators of other tenants '
	'can neither bind it nor let it show tokens';

CREATE FUNCTION vault.release_role(db_role text, tenant text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.release_role(text, text)
	IS 'ends a reservation of vault.reserve_role(); existing bindings stay';

CREATE FUNCTION vault.whoami(OUT tenant text, OUT principal text, OUT role text,
	OUT session_role text, OUT operator boolean, OUT auditor boolean, OUT subject text,
	OUT issuer text, OUT token_roles text[])
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_whoami';
COMMENT ON FUNCTION vault.whoami()
	IS 'returns the identity of the caller; tenant and principal are NULL for a caller without '
	'identity, and the last three columns without a token';

/*
 * Return a row for each. A binding whose role was dropped, renamed or created again identifies no
 * caller.
 */
CREATE VIEW vault.principals WITH (security_barrier) AS
SELECT t.name AS tenant, p.id, p.name, p.kind, b.db_role, p.created_at,
	CASE WHEN b.db_roles IS NOT NULL THEN 'bound' WHEN b.db_role IS NOT NULL THEN 'dead'
		ELSE 'none' END AS binding, b.db_roles
FROM vault_data.principal p
	JOIN vault_data.tenant t ON t.tenant_id = p.tenant_id
	LEFT JOIN LATERAL (
		SELECT (pg_catalog.array_agg(l.role_name
			ORDER BY NOT l.is_live, l.role_name))[1] AS db_role,
			pg_catalog.array_agg(l.role_name ORDER BY l.role_name)
				FILTER (WHERE l.is_live) AS db_roles
		FROM (SELECT x.role_name,
			EXISTS (SELECT FROM pg_catalog.pg_roles r
				WHERE r.oid = x.db_role AND r.rolname = x.role_name) AS is_live
			FROM vault_data.principal_binding x
			WHERE x.tenant_id = p.tenant_id AND x.principal_id = p.id) AS l) AS b ON true
WHERE p.kind IN ('user', 'service') AND p.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(p.tenant_id, p.id);
COMMENT ON VIEW vault.principals
	IS 'shows principals and the database roles that they are bound to';

CREATE VIEW vault.reserved_roles WITH (security_barrier) AS
SELECT t.name AS tenant, r.role_name AS db_role, r.created_at
FROM vault_data.role_reservation r JOIN vault_data.tenant t ON t.tenant_id = r.tenant_id
WHERE r.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(r.tenant_id, NULL);
COMMENT ON VIEW vault.reserved_roles
	IS 'shows database roles that are reserved for tenants: those of the tenant to its '
	'administrators, all to operators and auditors';

CREATE VIEW vault.audit WITH (security_barrier) AS
SELECT a.id, a.at, a.tenant, a.principal, a.operation, a.decision, a.object_kind, a.secret,
	a.environment,
	a.version, a.reason, a.detail, a.role, a.session_role, a.authenticated_role, a.address, a.port,
	a.tls, a.application_name, a.request_id, a.grant_id, a.object_id, a.xid, a.tenant_id,
	a.principal_id, a.subject, a.service, a.claimed_address
FROM vault_data.audit_log a
WHERE a.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(a.tenant_id, a.principal_id);
COMMENT ON VIEW vault.audit
	IS 'shows the audit trail: the rows of the caller, all of the tenant to its administrators '
	'and members of auditor, all to operators and auditors';

GRANT EXECUTE ON FUNCTION vault.release_role(text, text), vault.reserve_role(text, text)
	TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.whoami()
	TO vault_client, vault_admin, vault_auditor;
ALTER VIEW vault.audit OWNER TO vault_owner;
ALTER VIEW vault.principals OWNER TO vault_owner;
ALTER VIEW vault.reserved_roles OWNER TO vault_owner;
REVOKE ALL ON vault.audit, vault.principals, vault.reserved_roles FROM PUBLIC;
GRANT SELECT ON vault.audit, vault.principals, vault.reserved_roles
	TO vault_client, vault_admin, vault_auditor;

/*
 * Grants for callers.
 */

CREATE FUNCTION vault."grant"(grantee text, permissions text[], name_pattern text,
	environments text[] DEFAULT NULL, effect text DEFAULT 'allow', addresses text[] DEFAULT NULL,
	windows text[] DEFAULT NULL, services text[] DEFAULT NULL, require_tls boolean DEFAULT false,
	valid_from timestamptz DEFAULT NULL, valid_until timestamptz DEFAULT NULL,
	require_session_user boolean DEFAULT false)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault."grant"(text, text[], text, text[], text, text[], text[], text[],
	boolean, timestamptz, timestamptz, boolean)
	IS 'allows or denies a principal or role permissions on names that match, if the '
	'conditions are met; returns the id of the grant';

CREATE FUNCTION vault."grant"(grantee text, permissions text, name_pattern text,
	environments text[] DEFAULT NULL, effect text DEFAULT 'allow', addresses text[] DEFAULT NULL,
	windows text[] DEFAULT NULL, services text[] DEFAULT NULL, require_tls boolean DEFAULT false,
	valid_from timestamptz DEFAULT NULL, valid_until timestamptz DEFAULT NULL,
	require_session_user boolean DEFAULT false)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault."grant"(text, text, text, text[], text, text[], text[], text[], boolean,
	timestamptz, timestamptz, boolean)
	IS 'allows or denies permissions that are given as a text, such as read or read,list; '
	'returns the id of the grant';

CREATE FUNCTION vault.revoke(grant_id uuid) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.revoke(uuid)
	IS 'revokes a grant, with effect for the next call of every session';

CREATE VIEW vault.grants WITH (security_barrier) AS
SELECT t.name AS tenant, g.id, p.name AS grantee, g.effect, g.permissions, g.name_pattern,
	g.environments, g.created_at,
	c.name AS created_by, g.addresses, g.windows, g.services,
	COALESCE(g.require_tls, false) AS require_tls, g.valid_from, g.valid_until,
	COALESCE(g.require_session_user, false) AS require_session_user
FROM vault_data.access_grant g
	JOIN vault_data.tenant t ON t.tenant_id = g.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = g.tenant_id AND p.id = g.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = g.tenant_id AND c.id = g.created_by
WHERE g.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(g.tenant_id, g.principal_id);
COMMENT ON VIEW vault.grants
	IS 'shows grants: those of the caller and of its roles, all of the tenant to its '
	'administrators and members of auditor, all to operators and auditors';

GRANT EXECUTE ON FUNCTION
	vault."grant"(text, text[], text, text[], text, text[], text[], text[], boolean, timestamptz, timestamptz, boolean),
	vault."grant"(text, text, text, text[], text, text[], text[], text[], boolean, timestamptz, timestamptz, boolean),
	vault.revoke(uuid)
	TO vault_client;
ALTER VIEW vault.grants OWNER TO vault_owner;
REVOKE ALL ON vault.grants FROM PUBLIC;
GRANT SELECT ON vault.grants
	TO vault_client, vault_admin, vault_auditor;

/*
 * Principals for administrators and operators.
 */

CREATE FUNCTION vault.create_principal(name text, kind text DEFAULT 'service',
	db_role text DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.create_principal(text, text, text, text)
	IS 'creates a principal (user or service), bound to a database role if one is given; it '
	'holds nothing until something is granted';

CREATE FUNCTION vault.drop_principal(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.drop_principal(text, text)
	IS 'drops a principal, with its bindings, grants and memberships';

CREATE FUNCTION vault.bind_role(principal text, db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.bind_role(text, text, text)
	IS 'binds an existing principal to a database role, in place of one that is gone';

CREATE FUNCTION vault.unbind_role(principal text, db_role text DEFAULT NULL,
	tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.unbind_role(text, text, text)
	IS 'removes one binding of a principal to a database role, or all of them; its grants stay';

GRANT EXECUTE ON FUNCTION vault.bind_role(text, text, text),
	vault.create_principal(text, text, text, text), vault.drop_principal(text, text),
	vault.unbind_role(text, text, text)
	TO vault_client, vault_admin;

/*
 * Roles and memberships for callers.
 */

CREATE FUNCTION vault.create_role(name text, tenant text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.create_role(text, text)
	IS 'creates a role of the tenant; it holds nothing until something is granted to it';

CREATE FUNCTION vault.drop_role(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.drop_role(text, text) IS 'drops a role, with its grants and memberships';

CREATE FUNCTION vault.add_member(role text, member text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.add_member(text, text)
	IS 'makes a principal or role a member of a role; the caller must be able to grant all '
	'that the role holds';

CREATE FUNCTION vault.remove_member(role text, member text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.remove_member(text, text)
	IS 'ends a membership, with effect for the next call of every session';

CREATE VIEW vault.roles WITH (security_barrier) AS
SELECT t.name AS tenant, p.id, p.name, p.kind = 'built-in role' AS built_in, p.created_at
FROM vault_data.principal p JOIN vault_data.tenant t ON t.tenant_id = p.tenant_id
WHERE p.kind IN ('role', 'built-in role') AND p.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(p.tenant_id, p.id);
COMMENT ON VIEW vault.roles
	IS 'shows roles of tenants: those of which the caller is a member, all of the tenant to '
	'its administrators and members of auditor, all to operators and auditors';

CREATE VIEW vault.role_members WITH (security_barrier) AS
SELECT t.name AS tenant, r.name AS role, p.name AS member, p.kind AS member_kind, m.created_at,
	c.name AS created_by
FROM vault_data.role_member m
	JOIN vault_data.tenant t ON t.tenant_id = m.tenant_id
	JOIN vault_data.principal r ON r.tenant_id = m.tenant_id AND r.id = m.role_id
	JOIN vault_data.principal p ON p.tenant_id = m.tenant_id AND p.id = m.member_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = m.tenant_id AND c.id = m.created_by
WHERE m.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(m.tenant_id, m.member_id);
COMMENT ON VIEW vault.role_members
	IS 'shows memberships in roles: those of the caller, all of the tenant to its '
	'administrators and members of auditor, all to operators and auditors';

GRANT EXECUTE ON FUNCTION vault.add_member(text, text), vault.remove_member(text, text)
	TO vault_client;
GRANT EXECUTE ON FUNCTION vault.create_role(text, text), vault.drop_role(text, text)
	TO vault_client, vault_admin;
ALTER VIEW vault.role_members OWNER TO vault_owner;
ALTER VIEW vault.roles OWNER TO vault_owner;
REVOKE ALL ON vault.role_members, vault.roles FROM PUBLIC;
GRANT SELECT ON vault.role_members, vault.roles
	TO vault_client, vault_admin, vault_auditor;

/*
 * Tokens for callers.
 */

CREATE FUNCTION vault.login(token text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_login';
COMMENT ON FUNCTION vault.login(text)
	IS 'shows a token for the rest of the transaction, as SET LOCAL vault.token does, and '
	'verifies it';

/* NULLs without a type let either of the two be JSON of any type while the other is left out. */
CREATE FUNCTION vault.add_issuer(name text, issuer text, audience text, jwks text,
	claim_mapping anycompatible DEFAULT NULL, max_lifetime interval DEFAULT '2 hours',
	tenant text DEFAULT NULL, algorithms text[] DEFAULT NULL,
	required_claims anycompatible DEFAULT NULL, by_name boolean DEFAULT NULL)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.add_issuer(text, text, text, text, anycompatible, interval, text,
	text[], anycompatible, boolean)
	IS 'accepts tokens of an identity provider in the tenant: those with this issuer and '
	'audience, signed with one of these keys';

CREATE FUNCTION vault.set_issuer_keys(name text, jwks text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_issuer_keys(text, text, text)
	IS 'replaces the keys of an issuer; tokens signed with a key that is gone are refused from '
	'the next call on';

CREATE FUNCTION vault.remove_issuer(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.remove_issuer(text, text)
	IS 'removes an issuer; its tokens are refused from the next call on';

CREATE FUNCTION vault.allow_tokens(db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.allow_tokens(text, text)
	IS 'lets a database role, such as that of a connection pool, show tokens of the tenant''s '
	'principals';

CREATE FUNCTION vault.disallow_tokens(db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.disallow_tokens(text, text)
	IS 'ends the permission of vault.allow_tokens(), from the next call on';

CREATE FUNCTION vault.add_subject(principal text, issuer text, subject text,
	match text DEFAULT 'exact', tenant text DEFAULT NULL)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.add_subject(text, text, text, text, text)
	IS 'accepts tokens of an issuer with this subject, or with one that matches the pattern, '
	'for the principal';

CREATE FUNCTION vault.remove_subject(principal text, issuer text, subject text,
	match text DEFAULT 'exact', tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.remove_subject(text, text, text, text, text)
	IS 'removes a subject of vault.add_subject(), from the next call on';

CREATE FUNCTION vault.map_group(issuer text, group_name text, role text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.map_group(text, text, text)
	IS 'gives a role to principals whose token of the issuer lists the group, for the '
	'transaction that shows it; the caller must be able to grant all that the role holds';

CREATE FUNCTION vault.unmap_group(issuer text, group_name text, role text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.unmap_group(text, text, text)
	IS 'removes a mapping of vault.map_group(), from the next call on';

CREATE FUNCTION vault.issue_token(principal text, ttl interval DEFAULT '15 minutes',
	single_use boolean DEFAULT false, db_role text DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.issue_token(text, interval, boolean, text)
	IS 'issues a token for a principal of the tenant, signed by the vault; it is returned once '
	'and not stored';

CREATE FUNCTION vault.revoke_token(jti uuid) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.revoke_token(uuid)
	IS 'revokes a token that the vault issued, with effect for the next call of every session';

CREATE FUNCTION vault.revoke_tokens(principal text, tenant text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.revoke_tokens(text, text)
	IS 'revokes every token of a principal that the vault issued; returns their number';

CREATE VIEW vault.issuers WITH (security_barrier) AS
SELECT t.name AS tenant, i.id, i.name, i.issuer, i.audience, i.kids,
	pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('principal', i.principal_claim,
		'tenant', i.tenant_claim,
		'role', i.role_claim, 'address', i.address_claim, 'groups',
		i.groups_claim)) AS claim_mapping,
	i.max_lifetime, i.created_at, i.updated_at, i.algorithms,
	i.required_claims::jsonb AS required_claims, i.by_name
FROM vault_data.token_issuer i JOIN vault_data.tenant t ON t.tenant_id = i.tenant_id
WHERE i.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(i.tenant_id, NULL);
COMMENT ON VIEW vault.issuers
	IS 'shows issuers whose tokens are accepted: those of the tenant to its administrators, '
	'all to operators and auditors';

CREATE VIEW vault.subjects WITH (security_barrier) AS
SELECT t.name AS tenant, p.name AS principal, i.name AS issuer, e.subject, e.match, e.created_at,
	c.name AS created_by
FROM vault_data.external_subject e
	JOIN vault_data.tenant t ON t.tenant_id = e.tenant_id
	JOIN vault_data.token_issuer i ON i.tenant_id = e.tenant_id AND i.id = e.issuer_id
	JOIN vault_data.principal p ON p.tenant_id = e.tenant_id AND p.id = e.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = e.tenant_id AND c.id = e.created_by
WHERE e.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(e.tenant_id, e.principal_id);
COMMENT ON VIEW vault.subjects
	IS 'shows subjects of issuers and their principals: those of the caller, all of the tenant '
	'to its administrators and members of auditor, all to operators and auditors';

CREATE VIEW vault.group_roles WITH (security_barrier) AS
SELECT t.name AS tenant, i.name AS issuer, g.group_name, r.name AS role, g.created_at,
	c.name AS created_by
FROM vault_data.group_role g
	JOIN vault_data.tenant t ON t.tenant_id = g.tenant_id
	JOIN vault_data.token_issuer i ON i.tenant_id = g.tenant_id AND i.id = g.issuer_id
	JOIN vault_data.principal r ON r.tenant_id = g.tenant_id AND r.id = g.role_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = g.tenant_id AND c.id = g.created_by
WHERE g.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(g.tenant_id, g.role_id);
COMMENT ON VIEW vault.group_roles
	IS 'shows groups of issuers and the roles that they give: those of the caller''s roles, '
	'all of the tenant to its administrators and members of auditor, all to operators and '
	'auditors';

CREATE VIEW vault.token_roles WITH (security_barrier) AS
SELECT t.name AS tenant, COALESCE(o.rolname, r.role_name) AS db_role, r.created_at,
	CASE WHEN o.rolname = r.role_name THEN 'allowed' WHEN o.rolname IS NOT NULL THEN 'renamed'
		ELSE 'gone' END AS state
FROM vault_data.token_role r JOIN vault_data.tenant t ON t.tenant_id = r.tenant_id
	LEFT JOIN pg_catalog.pg_roles o ON o.oid = r.db_role
WHERE r.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(r.tenant_id, NULL);
COMMENT ON VIEW vault.token_roles
	IS 'shows database roles that may show tokens, by their present names: those of the tenant '
	'to its administrators, all to operators and auditors; a role that was renamed, or is '
	'gone, shows no token';

CREATE VIEW vault.issued_tokens WITH (security_barrier) AS
SELECT t.name AS tenant, k.id AS jti, p.name AS principal, k.single_use, k.created_at, k.expires_at,
	c.name AS created_by
FROM vault_data.issued_token k
	JOIN vault_data.tenant t ON t.tenant_id = k.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = k.tenant_id AND p.id = k.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = k.tenant_id AND c.id = k.created_by
WHERE k.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(k.tenant_id, k.principal_id);
COMMENT ON VIEW vault.issued_tokens
	IS 'shows tokens that the vault issued and that were not revoked: those of the caller, all '
	'of the tenant to its administrators, all to operators and auditors';

GRANT EXECUTE ON FUNCTION vault.issue_token(text, interval, boolean, text), vault.login(text),
	vault.map_group(text, text, text), vault.revoke_token(uuid), vault.unmap_group(text, text, text)
	TO vault_client;
GRANT EXECUTE ON FUNCTION
	vault.add_issuer(text, text, text, text, anycompatible, interval, text, text[], anycompatible, boolean),
	vault.add_subject(text, text, text, text, text), vault.allow_tokens(text, text),
	vault.disallow_tokens(text, text), vault.remove_issuer(text, text),
	vault.remove_subject(text, text, text, text, text), vault.revoke_tokens(text, text),
	vault.set_issuer_keys(text, text, text)
	TO vault_client, vault_admin;
ALTER VIEW vault.group_roles OWNER TO vault_owner;
ALTER VIEW vault.issued_tokens OWNER TO vault_owner;
ALTER VIEW vault.issuers OWNER TO vault_owner;
ALTER VIEW vault.subjects OWNER TO vault_owner;
ALTER VIEW vault.token_roles OWNER TO vault_owner;
REVOKE ALL ON vault.group_roles, vault.issued_tokens, vault.issuers, vault.subjects,
	vault.token_roles FROM PUBLIC;
GRANT SELECT ON vault.group_roles, vault.issued_tokens, vault.issuers, vault.subjects,
	vault.token_roles
	TO vault_client, vault_admin, vault_auditor;

/*
 * Notifications for callers: subscribers take them and acknowledge them.
 */

CREATE FUNCTION vault.subscribe(name text, kinds text[] DEFAULT NULL, principal text DEFAULT NULL,
	tenant text DEFAULT NULL)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.subscribe(text, text[], text, text)
	IS 'adds a subscriber to the tenant''s notifications from now on, of these kinds or of '
	'all; a principal may take those of secrets on which it has any permission';

CREATE FUNCTION vault.unsubscribe(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.unsubscribe(text, text)
	IS 'removes a subscriber, with the notifications that it has not acknowledged';

CREATE FUNCTION vault.next_notifications(subscriber text, max_rows integer DEFAULT 100,
	lease interval DEFAULT '1 minute', tenant text DEFAULT NULL)
RETURNS TABLE (id uuid, at timestamptz, kind text, severity text, secret_id uuid, secret text,
	environment text, payload jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.next_notifications(text, integer, interval, text)
	IS 'returns the notifications that a subscriber has not acknowledged, oldest first, for '
	'one consumer at a time';

CREATE FUNCTION vault.acknowledge(subscriber text, notification uuid, tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.acknowledge(text, uuid, text)
	IS 'acknowledges a notification of a subscriber and all before it';

CREATE FUNCTION vault.forget_notifications(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.forget_notifications(integer)
	IS 'removes notifications older than vault.notification_retention that every subscriber '
	'has acknowledged; returns their number';

CREATE VIEW vault.notifications WITH (security_barrier) AS
SELECT t.name AS tenant, n.id, n.at, n.kind, n.severity, n.secret_id, n.secret, n.environment,
	n.payload,
	CASE WHEN vault_data.sees_policy(n.tenant_id, NULL) THEN ARRAY(
		SELECT b.name FROM vault_data.subscriber b
		WHERE b.tenant_id = n.tenant_id AND n.position > b.since AND n.position <= b.acknowledged
			AND (b.kinds IS NULL OR n.kind = ANY (b.kinds))
		ORDER BY b.name) END AS acknowledged_by
FROM vault_data.notification n LEFT JOIN vault_data.tenant t ON t.tenant_id = n.tenant_id
WHERE n.tenant_id = ANY (vault_data.visible_tenants())
	AND CASE WHEN n.secret IS NOT NULL
		THEN vault_data.sees_secret(n.tenant_id, n.secret, n.environment)
		ELSE vault_data.sees_policy(n.tenant_id, NULL) END;
COMMENT ON VIEW vault.notifications
	IS 'shows notifications of secrets on which the caller has any permission, all of the '
	'tenant to its administrators, all to operators and auditors';

CREATE VIEW vault.subscribers WITH (security_barrier) AS
SELECT t.name AS tenant, b.id, b.name, b.kinds, p.name AS principal, w.waiting, w.waiting_since,
	b.acknowledged_at, b.leased_until, b.created_at
FROM vault_data.subscriber b
	JOIN vault_data.tenant t ON t.tenant_id = b.tenant_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = b.tenant_id AND p.id = b.principal_id
	CROSS JOIN LATERAL (SELECT pg_catalog.count(*) AS waiting, pg_catalog.min(n.at) AS waiting_since
		FROM vault_data.notification n
		WHERE n.tenant_id = b.tenant_id AND (n.position IS NULL OR n.position > b.acknowledged)
			AND (b.kinds IS NULL OR n.kind = ANY (b.kinds))
			AND CASE WHEN n.secret IS NOT NULL
				THEN vault_data.sees_secret(n.tenant_id, n.secret, n.environment)
				ELSE vault_data.sees_policy(n.tenant_id, NULL) END) AS w
WHERE b.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(b.tenant_id, b.principal_id);
COMMENT ON VIEW vault.subscribers
	IS 'shows subscribers and the number of notifications that wait: those of the caller, all '
	'of the tenant to its administrators, all to operators and auditors';

GRANT EXECUTE ON FUNCTION vault.forget_notifications(integer)
	TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.acknowledge(text, uuid, text),
	vault.next_notifications(text, integer, interval, text),
	vault.subscribe(text, text[], text, text), vault.unsubscribe(text, text)
	TO vault_client, vault_admin;
ALTER VIEW vault.notifications OWNER TO vault_owner;
ALTER VIEW vault.subscribers OWNER TO vault_owner;
REVOKE ALL ON vault.notifications, vault.subscribers FROM PUBLIC;
GRANT SELECT ON vault.notifications, vault.subscribers
	TO vault_client, vault_admin, vault_auditor;

/*
 * Types for callers, and the policies that tenants set for them.
 */

/* Show the settings of the types, which apply if the tenant has set none. */
CREATE VIEW vault.types WITH (security_barrier) AS
SELECT b.name, b.description, true AS built_in, b.fields, NULL::text AS validator,
	NULL::text AS generator, b.generates,
	b.min_length, b.max_length, NULL::text[] AS classes, NULL::text AS excluded,
	NULL::text AS prefix, b.min_entropy, b.generated_length, b.history,
	pg_catalog.make_interval(days => b.rotation_days) AS rotation_interval,
	pg_catalog.make_interval(days => b.lifetime_days) AS max_lifetime,
	pg_catalog.make_interval(days => b.recovery_days) AS recovery_window,
	vault_data.warnings(b.warn_days) AS warn_at, NULL::timestamptz AS created_at,
	NULL::text[] AS rules
FROM vault_data.builtin_types() b
UNION ALL
SELECT t.name, t.description, false, NULL, t.validator, t.generator, true,
	t.min_length, t.max_length, t.classes, t.excluded, t.prefix, t.min_entropy, t.generated_length,
	COALESCE(t.history, 0), t.rotation_interval, t.max_lifetime, t.recovery_window, t.warn_at,
	t.created_at, t.rules
FROM vault_data.secret_type t;
COMMENT ON VIEW vault.types
	IS 'shows types of secrets, with the rules for their values and their lifetimes';

CREATE VIEW vault.type_policies WITH (security_barrier) AS
SELECT t.name AS tenant, p.type, p.min_length, p.max_length, p.classes, p.excluded, p.prefix,
	p.min_entropy, p.generated_length, p.history,
	p.rotation_interval, p.max_lifetime, p.recovery_window, p.warn_at, p.created_at, p.updated_at
FROM vault_data.type_policy p JOIN vault_data.tenant t ON t.tenant_id = p.tenant_id
WHERE p.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.type_policies
	IS 'shows the policies that tenants set for types, in place of the rules in the view '
	'types; NULL leaves that rule';

CREATE FUNCTION vault.create_type(name text, description text, validator regprocedure DEFAULT NULL,
	generator regprocedure DEFAULT NULL, min_length integer DEFAULT NULL,
	max_length integer DEFAULT NULL, classes text[] DEFAULT NULL, excluded text DEFAULT NULL,
	prefix text DEFAULT NULL, min_entropy integer DEFAULT NULL,
	generated_length integer DEFAULT NULL, history integer DEFAULT NULL,
	rotation_interval interval DEFAULT NULL, max_lifetime interval DEFAULT NULL,
	recovery_window interval DEFAULT NULL, warn_at interval[] DEFAULT NULL,
	rules text[] DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.create_type(text, text, regprocedure, regprocedure, integer, integer,
	text[], text, text, integer, integer, integer, interval, interval, interval,
	interval[], text[])
	IS 'adds a type for all tenants, optionally with functions of a superuser that check and '
	'generate values; only a superuser may give these, and the rules that they can report';

CREATE FUNCTION vault.alter_type(name text, description text DEFAULT NULL,
	validator regprocedure DEFAULT NULL, generator regprocedure DEFAULT NULL,
	min_length integer DEFAULT NULL, max_length integer DEFAULT NULL, classes text[] DEFAULT NULL,
	excluded text DEFAULT NULL, prefix text DEFAULT NULL, min_entropy integer DEFAULT NULL,
	generated_length integer DEFAULT NULL, history integer DEFAULT NULL,
	rotation_interval interval DEFAULT NULL, max_lifetime interval DEFAULT NULL,
	recovery_window interval DEFAULT NULL, warn_at interval[] DEFAULT NULL,
	rules text[] DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.alter_type(text, text, regprocedure, regprocedure, integer, integer,
	text[], text, text, integer, integer, integer, interval, interval, interval,
	interval[], text[])
	IS 'changes a type that was added; arguments that are not given leave it as it is';

CREATE FUNCTION vault.drop_type(name text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.drop_type(text) IS 'drops a type that was added and that no secret has';

CREATE FUNCTION vault.set_type_policy(type text, min_length integer DEFAULT NULL,
	max_length integer DEFAULT NULL, classes text[] DEFAULT NULL, excluded text DEFAULT NULL,
	prefix text DEFAULT NULL, min_entropy integer DEFAULT NULL,
	generated_length integer DEFAULT NULL, history integer DEFAULT NULL,
	rotation_interval interval DEFAULT NULL, max_lifetime interval DEFAULT NULL,
	recovery_window interval DEFAULT NULL, warn_at interval[] DEFAULT NULL,
	tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_type_policy(text, integer, integer, text[], text, text, integer,
	integer, integer, interval, interval, interval, interval[], text)
	IS 'sets the policy of a tenant for the values of a type, in place of the previous one; '
	'NULL leaves the rule of the type';

CREATE FUNCTION vault.reset_type_policy(type text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.reset_type_policy(text, text)
	IS 'removes the policy of a tenant for a type';

GRANT EXECUTE ON FUNCTION
	vault.alter_type(text, text, regprocedure, regprocedure, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[], text[]),
	vault.create_type(text, text, regprocedure, regprocedure, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[], text[]),
	vault.drop_type(text)
	TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.reset_type_policy(text, text),
	vault.set_type_policy(text, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[], text)
	TO vault_client, vault_admin;
ALTER VIEW vault.type_policies OWNER TO vault_owner;
ALTER VIEW vault.types OWNER TO vault_owner;
REVOKE ALL ON vault.type_policies, vault.types FROM PUBLIC;
GRANT SELECT ON vault.type_policies, vault.types
	TO vault_client, vault_admin, vault_auditor;

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

GRANT EXECUTE ON FUNCTION vault.rewrap(integer)
	TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.conninfo(text, text), vault.database_url(text, text),
	vault.generate(text, integer), vault.get(text, integer, text),
	vault.get_bytes(text, integer, text), vault.get_field(text, text, integer, text),
	vault.get_json(text, integer, text), vault.get_many(text, text, boolean, boolean),
	vault.put(text, text, text, text, text, anycompatible, timestamptz, integer, text, boolean, boolean),
	vault.put(text, bytea, text, text, text, anycompatible, timestamptz, integer, text, boolean, boolean),
	vault.put(text, jsonb, text, text, text, anycompatible, timestamptz, integer, text, boolean, boolean),
	vault.put(text, json, text, text, text, anycompatible, timestamptz, integer, text, boolean, boolean),
	vault.rotate(text, text, text, text), vault.rotate(text, bytea, text, text),
	vault.rotate(text, jsonb, text, text), vault.rotate(text, json, text, text)
	TO vault_client;
ALTER VIEW vault.secrets OWNER TO vault_owner;
ALTER VIEW vault.versions OWNER TO vault_owner;
REVOKE ALL ON vault.secrets, vault.versions FROM PUBLIC;
GRANT SELECT ON vault.secrets, vault.versions
	TO vault_client, vault_admin, vault_auditor;

/*
 * The lifecycle of secrets for callers.
 */

CREATE FUNCTION vault.list(name_pattern text DEFAULT '**', environment text DEFAULT NULL)
RETURNS TABLE (name text, environment text, type text, state text, current_version integer,
	description text, tags jsonb, updated_at timestamptz, expires_at timestamptz)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.list(text, text)
	IS 'returns the secrets that match and on which the caller has any permission, without '
	'their values';

CREATE FUNCTION vault.describe(name text, environment text DEFAULT NULL)
RETURNS TABLE (name text, environment text, type text, state text, description text, tags jsonb,
	current_version integer, previous_version integer, pending_version integer, versions integer,
	created_at timestamptz, updated_at timestamptz, expires_at timestamptz, deleted_at timestamptz,
	purge_at timestamptz, metadata jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.describe(text, text)
	IS 'returns a secret without its value; any permission on the name is sufficient';

CREATE FUNCTION vault.deactivate(name text, reason text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.deactivate(text, text, text)
	IS 'makes a secret unreadable until it is reactivated';

CREATE FUNCTION vault.reactivate(name text, reason text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.reactivate(text, text, text) IS 'ends the deactivation of a secret';

CREATE FUNCTION vault.delete(name text, environment text DEFAULT NULL) RETURNS timestamptz
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.delete(text, text)
	IS 'takes a secret out of use; returns the time until which vault.undelete() restores it';

CREATE FUNCTION vault.undelete(name text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.undelete(text, text)
	IS 'restores a deleted secret within its recovery window';

CREATE FUNCTION vault.destroy(name text, version integer, environment text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.destroy(text, integer, text)
	IS 'removes the ciphertext of one version permanently; its number stays used';

CREATE FUNCTION vault.rename(name text, new_name text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.rename(text, text, text) IS 'renames a secret, with all its versions';

CREATE FUNCTION vault.tag(name text, tags anycompatible, environment text DEFAULT NULL)
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.tag(text, anycompatible, text)
	IS 'adds and replaces tags, and removes those that are null; returns all tags';

CREATE FUNCTION vault.purge(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.purge(integer)
	IS 'removes deleted secrets whose recovery window is over; returns their number';

GRANT EXECUTE ON FUNCTION vault.purge(integer)
	TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.deactivate(text, text, text), vault.delete(text, text),
	vault.describe(text, text), vault.destroy(text, integer, text), vault.list(text, text),
	vault.reactivate(text, text, text), vault.rename(text, text, text),
	vault.tag(text, anycompatible, text), vault.undelete(text, text)
	TO vault_client;

/*
 * Expiry for callers: set, prolonged, shown, and announced by a job.
 */

CREATE FUNCTION vault.set_expiry(name text, at timestamptz, grace interval DEFAULT '0',
	environment text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.set_expiry(text, timestamptz, interval, text)
	IS 'sets the time from which a secret cannot be read; NULL means as long as its value '
	'lasts; during the grace after that time it can be read, with a notice';

CREATE FUNCTION vault.extend_expiry(name text, until timestamptz, reason text,
	environment text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.extend_expiry(text, timestamptz, text, text)
	IS 'keeps a secret readable for a limited time in an emergency, also after it has expired';

CREATE FUNCTION vault.set_warnings(name text, thresholds interval[], environment text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.set_warnings(text, interval[], text)
	IS 'sets the times before the expiry of a secret at which it is warned of; NULL means '
	'those of its type or of vault.expiry_warnings, {} means none';

CREATE FUNCTION vault.expiring(within interval DEFAULT '30 days', environment text DEFAULT NULL,
	tenant text DEFAULT NULL)
RETURNS TABLE (name text, environment text, state text, expires_at timestamptz,
	grace_until timestamptz, extensions integer, warned interval)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.expiring(interval, text, text)
	IS 'returns secrets that expire within a time, are in their grace, or have expired, with '
	'the last warning';

CREATE VIEW vault.expiring WITH (security_barrier) AS
SELECT t.name AS tenant, s.name, s.environment, s.type,
	CASE WHEN s.expires_at > n.now THEN 'expiring' WHEN s.grace_until > n.now THEN 'grace'
	ELSE 'expired' END AS state,
	s.expires_at, s.grace_until, COALESCE(s.extensions, 0) AS extensions, w.threshold AS warned
FROM vault_data.secret s
	JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
	LEFT JOIN vault_data.expiry_warning w ON w.tenant_id = s.tenant_id AND w.id = s.id
		AND w.version = s.current_version AND w.expires_at = s.expires_at
	CROSS JOIN LATERAL (SELECT pg_catalog.clock_timestamp() AS now) n
WHERE s.expires_at <= n.now + interval '30 days' AND s.purge_at IS NULL
	AND s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.expiring
	IS 'shows secrets that expire within 30 days, are in their grace, or have expired, and on '
	'which the caller has any permission';

CREATE FUNCTION vault.announce_expiring(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.announce_expiring(integer)
	IS 'announces secrets that expire soon or are about to be purged, once for each threshold; '
	'returns the number of announcements';

CREATE FUNCTION vault.announce_expired(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.announce_expired(integer)
	IS 'announces secrets that have expired, once for each version and expiry; returns the '
	'number of announcements';

GRANT EXECUTE ON FUNCTION vault.announce_expired(integer), vault.announce_expiring(integer)
	TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.extend_expiry(text, timestamptz, text, text),
	vault.set_expiry(text, timestamptz, interval, text), vault.set_warnings(text, interval[], text)
	TO vault_client;
GRANT EXECUTE ON FUNCTION vault.expiring(interval, text, text)
	TO vault_client, vault_admin;
ALTER VIEW vault.expiring OWNER TO vault_owner;
REVOKE ALL ON vault.expiring FROM PUBLIC;
GRANT SELECT ON vault.expiring
	TO vault_client, vault_admin, vault_auditor;

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

GRANT EXECUTE ON FUNCTION vault.allow_rotation(text, text), vault.disallow_rotation(text, text),
	vault.rotate_due(integer)
	TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.change_type(text, text, text), vault.complete_rotation(uuid, text),
	vault.complete_rotation(uuid, bytea), vault.complete_rotation(uuid, jsonb),
	vault.complete_rotation(uuid, json), vault.remove_rotation(text, text),
	vault.rollback(text, integer, text), vault.rotate_matching(text, anycompatible, text, boolean),
	vault.set_rotation(text, text, text, anycompatible, text, interval, text)
	TO vault_client;
ALTER VIEW vault.rotation_roles OWNER TO vault_owner;
ALTER VIEW vault.rotation_status OWNER TO vault_owner;
REVOKE ALL ON vault.rotation_roles, vault.rotation_status FROM PUBLIC;
GRANT SELECT ON vault.rotation_roles, vault.rotation_status
	TO vault_client, vault_admin, vault_auditor;

/*
 * Certificates: a file that needs a passphrase comes in, and what certificates say of themselves is
 * shown. The facts are those that the type kept with the current version; none is a secret.
 */

CREATE FUNCTION vault.import_certificate(name text, bundle bytea, passphrase text DEFAULT NULL,
	environment text DEFAULT NULL, description text DEFAULT NULL,
	tags anycompatible DEFAULT NULL::jsonb, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current')
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_import_certificate';
COMMENT ON FUNCTION vault.import_certificate(text, bytea, text, text, text, anycompatible,
	timestamptz, integer, text)
	IS 'stores a certificate from PKCS#12, DER or PEM, which a passphrase can protect, and '
	'returns the number of the version';

CREATE VIEW vault.certificates WITH (security_barrier) AS
SELECT t.name AS tenant, s.name, s.environment,
	vault_data.state_of(s.purge_at, s.deactivated_at) AS state,
	s.metadata ->> 'subject' AS subject, s.metadata ->> 'issuer' AS issuer,
	s.metadata ->> 'serial' AS serial,
	ARRAY(SELECT pg_catalog.jsonb_array_elements_text(s.metadata -> 'sans')) AS sans,
	(s.metadata ->> 'not_before')::timestamptz AS not_before,
	(s.metadata ->> 'not_after')::timestamptz AS not_after,
	(s.metadata ->> 'valid_until')::timestamptz AS valid_until,
	pg_catalog.floor(EXTRACT(epoch FROM (s.metadata ->> 'valid_until')::timestamptz
		- pg_catalog.clock_timestamp()) / 86400)::integer AS days_left,
	s.metadata ->> 'key_type' AS key_type, (s.metadata ->> 'key_bits')::integer AS key_bits,
	s.metadata ->> 'signature_algorithm' AS signature_algorithm,
	s.metadata ->> 'fingerprint' AS fingerprint,
	(s.metadata ->> 'self_signed')::boolean AS self_signed,
	(s.metadata ->> 'chain_length')::integer AS chain_length,
	(s.metadata ->> 'has_private_key')::boolean AS has_private_key
FROM vault_data.secret s JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
WHERE s.type = 'certificate' AND s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.certificates
	IS 'shows the metadata of certificates on which the caller has any permission, all to '
	'operators and auditors';

GRANT EXECUTE ON FUNCTION
	vault.import_certificate(text, bytea, text, text, text, anycompatible, timestamptz, integer, text)
	TO vault_client;
ALTER VIEW vault.certificates OWNER TO vault_owner;
REVOKE ALL ON vault.certificates FROM PUBLIC;
GRANT SELECT ON vault.certificates
	TO vault_client, vault_admin, vault_auditor;

/*
 * Administration of tenants for operators; a tenant's administrators set some of it themselves.
 */

CREATE FUNCTION vault.suspend_tenant(name text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.suspend_tenant(text)
	IS 'suspends a tenant; every call of its principals is refused until it is resumed';

CREATE FUNCTION vault.resume_tenant(name text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.resume_tenant(text) IS 'ends the suspension of a tenant';

CREATE FUNCTION vault.rotate_tenant_key(name text) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.rotate_tenant_key(text)
	IS 'creates a new tenant key for later writes and returns its generation; vault.rewrap() '
	'moves existing versions';

CREATE FUNCTION vault.set_recovery_window(recovery_window interval, tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_recovery_window(interval, text)
	IS 'sets the time for which deleted secrets of the tenant can be recovered, 7 to 90 days';

CREATE FUNCTION vault.set_environments(environments text[], tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_environments(text[], text)
	IS 'declares the environments of the tenant, so that calls with another one are refused; '
	'NULL removes the declaration';

CREATE FUNCTION vault.create_tenant(name text, admin_role text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.create_tenant(text, text)
	IS 'creates a tenant with a key of its own; the role becomes a principal that holds '
	'everything on ** there';

CREATE FUNCTION vault.appoint_admin(tenant text, db_role text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.appoint_admin(text, text)
	IS 'gives an administrator to a tenant that has none, or whose administrators'' roles are '
	'gone, and leaves an alert if it had one; fails otherwise';

CREATE FUNCTION vault.destroy_tenant(name text, confirm text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.destroy_tenant(text, text)
	IS 'destroys the keys of a tenant and with them all of its secrets; its audit trail stays; '
	'confirm is its name once more';

GRANT EXECUTE ON FUNCTION vault.appoint_admin(text, text), vault.create_tenant(text, text),
	vault.destroy_tenant(text, text), vault.resume_tenant(text), vault.rotate_tenant_key(text),
	vault.suspend_tenant(text)
	TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.set_environments(text[], text),
	vault.set_recovery_window(interval, text)
	TO vault_client, vault_admin;

/*
 * Review of access for callers: explanations of decisions, who may do what, and changes of that.
 */

CREATE FUNCTION vault.explain_access(principal text, permission text, name text,
	environment text DEFAULT NULL, at timestamptz DEFAULT NULL, from_address inet DEFAULT NULL,
	tenant text DEFAULT NULL, service text DEFAULT NULL, tls boolean DEFAULT NULL,
	roles text[] DEFAULT NULL)
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text,
	environments text[], applies boolean, reason text, via text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.explain_access(text, text, text, text, timestamptz, inet, text, text,
	boolean, text[])
	IS 'returns every grant of the principal and its roles, with true if it applies to the '
	'request, and the reason; the last row has the decision and the grant that made it';

CREATE VIEW vault.access_matrix WITH (security_barrier) AS
SELECT t.name AS tenant, p.name AS principal, s.name AS secret, s.environment, a.permissions,
	a.conditional, a.via
FROM vault_data.secret s
	JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = s.tenant_id AND p.kind IN ('user', 'service')
	CROSS JOIN LATERAL vault_data.access_of(s.tenant_id, p.id, s.name, s.environment) a
WHERE s.deleted_at IS NULL AND s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(p.tenant_id, p.id)
	AND vault_data.sees_secret(s.tenant_id, s.name, s.environment)
	AND a.permissions IS NOT NULL;
COMMENT ON VIEW vault.access_matrix
	IS 'shows the permissions of each principal on each secret, those that depend on '
	'conditions, and the roles that give them: the rows of the caller, all of the tenant to '
	'its administrators and members of auditor, all to operators and auditors';

/*
 * Show changes of who may do what: one row of the trail each, as the triggers of the deciding
 * tables wrote it. A dropped object has its name from the trail, and not from an alert if the vault
 * itself wrote a row before. These names are gathered once in a query, and only if one is missing.
 */
CREATE VIEW vault.permission_changes WITH (security_barrier) AS
WITH gone AS MATERIALIZED (
	SELECT pg_catalog.jsonb_object_agg(l.tenant_id::text || l.object_id::text, l.detail->>'name'
		ORDER BY l.decision, l.id) AS names
	FROM vault_data.audit_log l
	WHERE l.tenant_id = ANY (vault_data.visible_tenants()) AND l.decision IN ('allow', 'alert')
		AND l.object_kind IN ('principal', 'issuer') AND l.object_id IS NOT NULL
		AND pg_catalog.jsonb_typeof(l.detail->'name') = 'string')
SELECT a.id, a.at, a.tenant, COALESCE(a.principal, a.role) AS by, a.role AS by_role, a.operation,
	a.decision, a.object_kind,
	CASE WHEN r.is_role THEN pg_catalog.replace(w.what, 'principal', 'role')
		ELSE w.what END AS what,
	CASE WHEN i.grantee IS NOT NULL THEN COALESCE(i.name,
		(SELECT p.name FROM vault_data.principal p
			WHERE p.tenant_id = a.tenant_id AND p.id = i.grantee),
		(SELECT g.names->>(a.tenant_id::text || i.grantee::text) FROM gone g)) END AS grantee,
	CASE WHEN i.role IS NOT NULL THEN COALESCE(i.name,
		(SELECT p.name FROM vault_data.principal p
			WHERE p.tenant_id = a.tenant_id AND p.id = i.role),
		(SELECT g.names->>(a.tenant_id::text || i.role::text) FROM gone g)) END AS role,
	CASE WHEN i.member IS NOT NULL THEN COALESCE(
		(SELECT p.name FROM vault_data.principal p
			WHERE p.tenant_id = a.tenant_id AND p.id = i.member),
		(SELECT g.names->>(a.tenant_id::text || i.member::text) FROM gone g)) END AS member,
	c.now->>'role_name' AS db_role,
	CASE WHEN i.issuer IS NOT NULL THEN COALESCE(i.name,
		(SELECT s.name FROM vault_data.token_issuer s
			WHERE s.tenant_id = a.tenant_id AND s.id = i.issuer),
		(SELECT g.names->>(a.tenant_id::text || i.issuer::text) FROM gone g)) END AS issuer,
	COALESCE(c.now->>'subject', c.now->>'group_name') AS subject,
	c.now->>'name_pattern' AS name_pattern, (c.now->>'permissions')::text[] AS permissions,
	c.now->>'effect' AS effect, (c.now->>'environments')::text[] AS environments, a.reason,
	c.rest AS detail, a.object_id, a.xid, a.tenant_id, a.principal_id
FROM vault.audit a
	/*
	 * New values of columns that the trail shows as [old, new], and details without a column
	 * here.
	 */
	CROSS JOIN LATERAL (
		SELECT pg_catalog.jsonb_object_agg(d.key,
				CASE pg_catalog.jsonb_typeof(d.value) WHEN 'array' THEN d.value->1
					ELSE d.value END) AS now,
			pg_catalog.jsonb_object_agg(d.key, d.value) FILTER (
				WHERE d.key <> ALL ('{principal_id,role_id,member_id,issuer_id,revision,deleted}')
					AND (pg_catalog.jsonb_typeof(d.value) = 'array'
						OR d.key <> ALL ('{name,role_name,subject,
							group_name,name_pattern,permissions,effect,environments}'))) AS rest
		FROM pg_catalog.jsonb_each(a.detail) AS d) AS c
	JOIN (VALUES ('grant', 'grant given', 'grant revoked', 'grant changed'),
		('membership', 'member added', 'member removed', 'membership changed'),
		('principal', 'principal created', 'principal dropped', 'principal changed'),
		('binding', 'role bound', 'role unbound', 'binding changed'),
		('reservation', 'role reserved', 'role released', 'reservation changed'),
		('issuer', 'issuer added', 'issuer removed', 'issuer changed'),
		('subject', 'subject added', 'subject removed', 'subject changed'),
		('group_role', 'group mapped', 'group unmapped', 'group changed'),
		('token_role', 'tokens allowed', 'tokens disallowed', 'token role changed'),
		('rotation_role', 'rotation allowed', 'rotation disallowed', 'rotation role changed'),
		('tenant', 'tenant created', 'tenant removed', 'tenant changed')) AS k (kind, made, gone,
			changed)
		ON k.kind = a.object_kind
	CROSS JOIN LATERAL (
		SELECT CASE WHEN a.detail ? 'deleted' THEN k.gone
			WHEN pg_catalog.jsonb_typeof(a.detail->'revision') = 'string' THEN k.made
			WHEN a.object_kind <> 'tenant' THEN k.changed
			WHEN c.now->>'state' = 'suspended' THEN 'tenant suspended'
			WHEN c.now->>'state' = 'active' THEN 'tenant resumed'
			WHEN c.now->>'state' = 'destroyed' THEN 'tenant destroyed'
			WHEN a.detail ? 'environments' THEN 'environments declared'
				ELSE k.changed END AS what) AS w
	CROSS JOIN LATERAL (
		SELECT a.object_kind = 'principal' AND c.now->>'kind' LIKE '%role' AS is_role) AS r
	CROSS JOIN LATERAL (
		SELECT CASE WHEN a.object_kind <> 'principal' THEN (c.now->>'principal_id')::uuid
				WHEN r.is_role IS NOT TRUE THEN a.object_id END AS grantee,
			CASE WHEN r.is_role THEN a.object_id ELSE (c.now->>'role_id')::uuid END AS role,
			(c.now->>'member_id')::uuid AS member,
			CASE a.object_kind WHEN 'issuer' THEN a.object_id
				ELSE (c.now->>'issuer_id')::uuid END AS issuer,
			CASE WHEN a.object_kind IN ('principal', 'issuer') THEN c.now->>'name' END AS name) AS i
WHERE a.decision IN ('allow', 'alert')
	/* Exclude most rows while the trail is read, before anything is made of them. */
	AND a.object_kind <> 'secret'
	AND (a.object_kind <> 'tenant' OR a.detail ?| '{name,state,environments}');
COMMENT ON VIEW vault.permission_changes
	IS 'shows changes of permissions from the audit trail, with names in place of ids; a '
	'caller sees the rows that it sees in vault.audit';

GRANT EXECUTE ON FUNCTION
	vault.explain_access(text, text, text, text, timestamptz, inet, text, text, boolean, text[])
	TO vault_client, vault_admin;
ALTER VIEW vault.access_matrix OWNER TO vault_owner;
ALTER VIEW vault.permission_changes OWNER TO vault_owner;
REVOKE ALL ON vault.access_matrix, vault.permission_changes FROM PUBLIC;
GRANT SELECT ON vault.access_matrix, vault.permission_changes
	TO vault_client, vault_admin, vault_auditor;

/*
 * Policy as one document, for callers.
 */

CREATE FUNCTION vault.export_policy(tenant text DEFAULT NULL) RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.export_policy(text)
	IS 'returns principals, roles, memberships, grants, token issuers with their subjects and '
	'groups, and the roles that show tokens as one JSON document';

CREATE FUNCTION vault.import_policy(document anycompatible, dry_run boolean DEFAULT true,
	tenant text DEFAULT NULL)
RETURNS TABLE (action text, kind text, name text, detail jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.import_policy(anycompatible, boolean, text)
	IS 'changes roles, memberships, grants, issuers with their subjects and groups, and the '
	'roles that show tokens to what a document says and adds its principals, or only lists '
	'the changes';

GRANT EXECUTE ON FUNCTION vault.export_policy(text),
	vault.import_policy(anycompatible, boolean, text)
	TO vault_client, vault_admin;

/*
 * Evidence for operators and auditors: checked, exported, kept and retired. The last statement
 * makes the first partitions.
 */

CREATE FUNCTION vault.verify_audit(tenant text DEFAULT NULL, checkpoint text DEFAULT NULL,
	OUT tenant_name text, OUT ok boolean, OUT fault text, OUT seal bigint, OUT id bigint,
	OUT at timestamptz, OUT rows bigint, OUT detail text) RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_verify_audit';
COMMENT ON FUNCTION vault.verify_audit(text, text)
	IS 'checks the audit trail against its seals and, if given, a checkpoint; returns one row '
	'for each tenant, then one for each fault';

CREATE FUNCTION vault.audit_checkpoint() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_checkpoint';
COMMENT ON FUNCTION vault.audit_checkpoint()
	IS 'returns a signed note of the last seal of every tenant''s audit trail, to be kept '
	'elsewhere';

CREATE FUNCTION vault.audit_public_key() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_public_key';
COMMENT ON FUNCTION vault.audit_public_key()
	IS 'returns the public key that verifies the signature of a checkpoint';

CREATE FUNCTION vault.export_audit(tenant text DEFAULT NULL, since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL)
RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_export_audit';
COMMENT ON FUNCTION vault.export_audit(text, timestamptz, timestamptz)
	IS 'returns the audit trail and its seals as lines of JSON, which vault-audit-verify '
	'checks without the database';

CREATE FUNCTION vault.set_audit_retention(retention interval, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_audit_retention(interval, text)
	IS 'sets the retention of the tenant''s audit trail, not below the floor';

CREATE FUNCTION vault.set_audit_floor(floor interval) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_audit_floor(interval)
	IS 'sets the minimum retention of every audit trail';

CREATE FUNCTION vault.set_legal_hold(tenant text, reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_legal_hold(text, text)
	IS 'keeps the whole audit trail of a tenant until the hold is released';

CREATE FUNCTION vault.release_legal_hold(tenant text, reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.release_legal_hold(text, text)
	IS 'ends a legal hold; the retention applies again';

CREATE VIEW vault.audit_seals WITH (security_barrier) AS
SELECT t.name AS tenant, s.seq, s.month, s.rows, s.without_mac, s.first_at, s.last_at, s.sealed_at,
	pg_catalog.encode(s.hash, 'hex') AS hash, s.tenant_id
FROM vault_data.audit_seal s LEFT JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(s.tenant_id, NULL);
COMMENT ON VIEW vault.audit_seals
	IS 'shows the seals of the audit trail: those of the tenant to its administrators, all to '
	'operators and auditors';

CREATE VIEW vault.audit_retention WITH (security_barrier) AS
SELECT t.name AS tenant, coalesce(p.retention, '7 years'::interval) AS retention,
	coalesce((SELECT f.floor FROM vault_data.audit_floor f), '1 year'::interval) AS floor,
	p.hold_reason, p.held_at,
		(SELECT pg_catalog.max(r.month) FROM vault_data.audit_retired r
			WHERE r.tenant_id = t.tenant_id) AS retired_until
FROM vault_data.tenant t LEFT JOIN vault_data.audit_policy p ON p.tenant_id = t.tenant_id
WHERE t.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(t.tenant_id, NULL);
COMMENT ON VIEW vault.audit_retention
	IS 'shows the retention of each tenant''s audit trail, and legal holds';

GRANT EXECUTE ON FUNCTION vault.release_legal_hold(text, text), vault.set_audit_floor(interval),
	vault.set_legal_hold(text, text)
	TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.audit_checkpoint()
	TO vault_admin, vault_auditor;
GRANT EXECUTE ON FUNCTION vault.set_audit_retention(interval, text)
	TO vault_client, vault_admin;
GRANT EXECUTE ON FUNCTION vault.audit_public_key(),
	vault.export_audit(text, timestamptz, timestamptz), vault.verify_audit(text, text)
	TO vault_client, vault_admin, vault_auditor;
ALTER VIEW vault.audit_retention OWNER TO vault_owner;
ALTER VIEW vault.audit_seals OWNER TO vault_owner;
REVOKE ALL ON vault.audit_retention, vault.audit_seals FROM PUBLIC;
GRANT SELECT ON vault.audit_retention, vault.audit_seals
	TO vault_client, vault_admin, vault_auditor;

SELECT vault_data.prepare_trail();

/*
 * Usage for callers: who reads what, who could not read it any more, and what is not used.
 */

/* Reads as usage counts them, row by row. */
CREATE VIEW vault.audit_reads WITH (security_barrier) AS
SELECT a.* FROM vault.audit a
WHERE vault_data.is_read(a.operation, a.decision, a.object_kind, a.object_id);
COMMENT ON VIEW vault.audit_reads
	IS 'shows the rows of the audit trail that are reads of a value, by any function; a caller '
	'sees the rows that it sees in vault.audit';

CREATE VIEW vault.usage WITH (security_barrier) AS
SELECT t.name AS tenant, s.name AS secret, s.environment,
	COALESCE(p.name, u.principal) AS principal, p.kind,
	NULLIF(u.version, 0) AS version, u.reads, u.failed, u.first_read_at, u.last_read_at,
		u.last_failed_at,
	u.last_address, u.last_application, u.last_role
FROM vault_data.usage u
	LEFT JOIN vault_data.tenant t ON t.tenant_id = u.tenant_id
	LEFT JOIN vault_data.secret s ON s.tenant_id = u.tenant_id AND s.id = u.secret_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = u.tenant_id AND p.id = u.principal_id
WHERE u.tenant_id = ANY (vault_data.visible_tenants())
	AND (s.id IS NOT NULL OR u.secret_id = '00000000-0000-0000-0000-000000000000')
	AND vault_data.sees_policy(u.tenant_id, u.principal_id)
	/*
	 * Names that are not those of a secret are for administrators only: other callers must not be
	 * able to tell them from names that are hidden.
	 */
	AND vault_data.sees_secret(u.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.usage
	IS 'shows reads and failed attempts by secret, principal and version: those of the caller, '
	'all of the tenant to its administrators, all to operators and auditors';

CREATE VIEW vault.ghost_readers WITH (security_barrier) AS
SELECT t.name AS tenant, COALESCE(p.name, r.principal) AS principal, s.name AS secret,
	s.environment, r.reads, r.last_read_at,
	r.last_version, r.knows_current
FROM vault_data.secret s
	JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
	CROSS JOIN LATERAL (
		SELECT u.principal_id, pg_catalog.max(u.principal) AS principal,
			pg_catalog.sum(u.reads)::bigint AS reads,
			pg_catalog.max(u.last_read_at) AS last_read_at,
				pg_catalog.max(u.version) AS last_version,
			pg_catalog.bool_or(u.version = s.current_version) AS knows_current
		FROM vault_data.usage u
		WHERE u.tenant_id = s.tenant_id AND u.secret_id = s.id AND u.reads > 0
		GROUP BY u.principal_id) r
	LEFT JOIN vault_data.principal p ON p.tenant_id = s.tenant_id AND p.id = r.principal_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(s.tenant_id, NULL)
	AND NOT vault_data.principal_may(s.tenant_id, r.principal_id, 'read', s.name, s.environment);
COMMENT ON VIEW vault.ghost_readers
	IS 'shows principals that have read a secret and may not read it any more, to '
	'administrators of the tenant, operators and auditors';

CREATE VIEW vault.never_used_grants WITH (security_barrier) AS
SELECT t.name AS tenant, g.id, p.name AS grantee, g.permissions, g.name_pattern, g.environments,
	g.created_at
FROM vault_data.access_grant g
	JOIN vault_data.tenant t ON t.tenant_id = g.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = g.tenant_id AND p.id = g.principal_id
WHERE g.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(g.tenant_id, NULL)
	AND g.effect = 'allow'
	AND NOT EXISTS (SELECT FROM vault_data.usage_grant u
		WHERE u.tenant_id = g.tenant_id AND u.grant_id = g.id);
COMMENT ON VIEW vault.never_used_grants
	IS 'shows allowances that have never decided a call, to administrators of the tenant, '
	'operators and auditors';

CREATE FUNCTION vault.unused_secrets(unused_for interval DEFAULT '90 days',
	tenant text DEFAULT NULL)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz,
	last_read_at timestamptz, reads bigint)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.unused_secrets(interval, text)
	IS 'returns secrets that were not read for a time, the longest unread first; operators get '
	'those of all tenants unless they name one';

GRANT EXECUTE ON FUNCTION vault.unused_secrets(interval, text)
	TO vault_client, vault_admin;
ALTER VIEW vault.audit_reads OWNER TO vault_owner;
ALTER VIEW vault.ghost_readers OWNER TO vault_owner;
ALTER VIEW vault.never_used_grants OWNER TO vault_owner;
ALTER VIEW vault.usage OWNER TO vault_owner;
REVOKE ALL ON vault.audit_reads, vault.ghost_readers, vault.never_used_grants, vault.usage FROM PUBLIC;
GRANT SELECT ON vault.audit_reads, vault.ghost_readers, vault.never_used_grants, vault.usage
	TO vault_client, vault_admin, vault_auditor;

/*
 * Anomalies for operators, auditors and administrators: detected, shown and acknowledged.
 */

CREATE FUNCTION vault.detect_anomalies() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.detect_anomalies()
	IS 'compares the usage since the last call with earlier usage, stores and announces '
	'anomalies, and returns their number';

CREATE FUNCTION vault.acknowledge_anomaly(id uuid, note text DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.acknowledge_anomaly(uuid, text, text)
	IS 'acknowledges an anomaly, with an explanation';

CREATE FUNCTION vault.set_anomaly_threshold(name text, value numeric) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_anomaly_threshold(text, numeric)
	IS 'sets a threshold of the detection of anomalies for all tenants; NULL restores its default';

CREATE VIEW vault.anomalies WITH (security_barrier) AS
SELECT t.name AS tenant, a.id, a.kind, p.name AS principal, a.at, a.severity, a.evidence,
	a.detected_at,
	a.acknowledged_at, a.acknowledged_by, a.note
FROM vault_data.anomaly a
	LEFT JOIN vault_data.tenant t ON t.tenant_id = a.tenant_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = a.tenant_id AND p.id = a.principal_id
WHERE a.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(a.tenant_id, NULL);
COMMENT ON VIEW vault.anomalies
	IS 'shows anomalies with their evidence to administrators of the tenant, operators and '
	'auditors, and not to the principal concerned';

CREATE VIEW vault.anomaly_thresholds WITH (security_barrier) AS
SELECT d.name, COALESCE(c.value, d.value) AS value, d.value AS default_value, d.lowest, d.highest,
	d.meaning
FROM vault_data.anomaly_defaults() d
	LEFT JOIN vault_data.anomaly_threshold c ON c.name = d.name COLLATE "C"
WHERE vault_data.sees_all_tenants();
COMMENT ON VIEW vault.anomaly_thresholds
	IS 'shows the thresholds of the detection of anomalies, and the bounds within which '
	'operators may set them';

GRANT EXECUTE ON FUNCTION vault.detect_anomalies(), vault.set_anomaly_threshold(text, numeric)
	TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.acknowledge_anomaly(uuid, text, text)
	TO vault_client, vault_admin;
ALTER VIEW vault.anomaly_thresholds OWNER TO vault_owner;
REVOKE ALL ON vault.anomaly_thresholds FROM PUBLIC;
GRANT SELECT ON vault.anomaly_thresholds
	TO vault_admin, vault_auditor;
ALTER VIEW vault.anomalies OWNER TO vault_owner;
REVOKE ALL ON vault.anomalies FROM PUBLIC;
GRANT SELECT ON vault.anomalies
	TO vault_client, vault_admin, vault_auditor;

/*
 * Jobs and metrics for operators and monitoring. The last statement schedules the jobs.
 */

CREATE FUNCTION vault.install_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_install_jobs';
COMMENT ON FUNCTION vault.install_jobs()
	IS 'schedules the jobs of vault that are missing in pg_cron, and returns their number';

CREATE FUNCTION vault.remove_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_remove_jobs';
COMMENT ON FUNCTION vault.remove_jobs()
	IS 'removes the jobs of vault from pg_cron, and returns their number';

CREATE FUNCTION vault.job_commands(OUT job text, OUT schedule_command text, OUT remove_command text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_commands';
COMMENT ON FUNCTION vault.job_commands()
	IS 'returns the statements that schedule and remove the jobs of vault from another '
	'database that has pg_cron';

CREATE VIEW vault.jobs WITH (security_barrier) AS
SELECT r.job, r.schedule, r.started_at, r.duration, r.outcome, r.message, r.lag
FROM vault_data.report_jobs() r;
COMMENT ON VIEW vault.jobs
	IS 'shows the jobs of vault with their last run; schedule is NULL for jobs that pg_cron '
	'does not have in this database';

CREATE VIEW vault.metrics WITH (security_barrier) AS
SELECT m.metric, m.label, m.value FROM vault_data.report_metrics() m;
COMMENT ON VIEW vault.metrics
	IS 'shows figures of all tenants together, without names, to members of pg_monitor, '
	'operators and auditors';

GRANT USAGE ON SCHEMA vault TO pg_monitor;
GRANT USAGE ON SCHEMA vault_data TO vault_jobs;

GRANT EXECUTE ON FUNCTION vault.install_jobs(), vault.job_commands(), vault.remove_jobs()
	TO vault_admin;
ALTER VIEW vault.jobs OWNER TO vault_owner;
REVOKE ALL ON vault.jobs FROM PUBLIC;
GRANT SELECT ON vault.jobs
	TO vault_admin, vault_auditor;
ALTER VIEW vault.metrics OWNER TO vault_owner;
REVOKE ALL ON vault.metrics FROM PUBLIC;
GRANT SELECT ON vault.metrics
	TO vault_admin, vault_auditor, pg_monitor;

SELECT vault_data.schedule_jobs();

/*
 * Verification for callers.
 */

CREATE FUNCTION vault.verify(tenant text DEFAULT NULL)
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_verify';
COMMENT ON FUNCTION vault.verify(text)
	IS 'finds changes outside vault of rows, envelopes and the extension''s own objects; '
	'returns no rows if there is none';

GRANT EXECUTE ON FUNCTION vault.verify(text)
	TO vault_client, vault_admin, vault_auditor;

/*
 * Repair: switches on again what is switched off. An object that was changed is left as it is, for
 * the operator who looks into it.
 */

CREATE FUNCTION vault.repair() RETURNS TABLE (object text, fault text, done text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_repair';
COMMENT ON FUNCTION vault.repair()
	IS 'makes triggers fire always and schedules jobs again, as after an upgrade by dump; '
	'returns each fault with its repair, and leaves alerts in the audit trail';

GRANT EXECUTE ON FUNCTION vault.repair()
	TO vault_admin;

/*
 * End the script. PostgreSQL gives every function to PUBLIC when it is created; a function is for
 * the roles that a grant names.
 */
REVOKE ALL ON ALL ROUTINES IN SCHEMA vault, vault_data FROM PUBLIC;

/* Take back the default privileges of the role that runs this: nothing here is for others. */
DO $$
DECLARE
	other pg_catalog.text;
BEGIN
	FOR other IN
		SELECT DISTINCT
			CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.rolname) END
		FROM pg_catalog.pg_default_acl d CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) AS a
			LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
		WHERE d.defaclrole OPERATOR(pg_catalog.=) current_user::pg_catalog.regrole
			AND a.grantee OPERATOR(pg_catalog.<>) d.defaclrole
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA vault, vault_data FROM %s', other);
		EXECUTE pg_catalog.format('REVOKE ALL ON ALL TABLES IN SCHEMA vault, vault_data FROM %s',
			other);
		EXECUTE pg_catalog.format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA vault, vault_data FROM %s',
			other);
		EXECUTE pg_catalog.format('REVOKE ALL ON ALL ROUTINES IN SCHEMA vault, vault_data FROM %s',
			other);
		EXECUTE pg_catalog.format('REVOKE ALL ON TYPE vault.envelope FROM %s', other);
	END LOOP;
END
$$;

/* vault--1.0.sql: assembled by make from src/<feature>/<feature>.sql; change those. */
\echo Use "CREATE EXTENSION vault CASCADE" to load this file. \quit

/*
 * Schemas, roles, and what may be checked only now: that the server loaded the
 * module, in this database, and is recent enough.
 */

/*
 * The roles, or an error if one exists that is not as this script would have
 * made it: somebody could have prepared it to get in. pg_cron logs in as vault_jobs,
 * which has no password and may execute nothing but the jobs' functions.
 */
DO $$
DECLARE
	wanted text;
	existing pg_catalog.pg_roles;
	member_count bigint;
	is_jobs boolean;
BEGIN
	FOREACH wanted IN ARRAY ARRAY['vault_owner', 'vault_exec', 'vault_admin', 'vault_auditor', 'vault_client', 'vault_jobs'] LOOP
		is_jobs := wanted OPERATOR(pg_catalog.=) 'vault_jobs';
		SELECT * INTO existing FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) wanted;
		IF NOT FOUND THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOINHERIT %s', wanted, CASE WHEN is_jobs THEN 'LOGIN' ELSE 'NOLOGIN' END);
			CONTINUE;
		END IF;
		SELECT pg_catalog.count(*) INTO member_count FROM pg_catalog.pg_auth_members
		WHERE roleid OPERATOR(pg_catalog.=) existing.oid OR member OPERATOR(pg_catalog.=) existing.oid;
		IF existing.rolcanlogin OPERATOR(pg_catalog.<>) is_jobs OR existing.rolsuper OR existing.rolcreaterole OR existing.rolcreatedb
			OR existing.rolreplication OR existing.rolbypassrls
			OR (wanted OPERATOR(pg_catalog.=) ANY (ARRAY['vault_owner', 'vault_exec', 'vault_jobs']) AND member_count OPERATOR(pg_catalog.>) 0)
			OR is_jobs AND (existing.rolconfig IS NOT NULL OR EXISTS (SELECT FROM pg_catalog.pg_authid a
				WHERE a.oid OPERATOR(pg_catalog.=) existing.oid AND a.rolpassword IS NOT NULL))
		THEN
			RAISE EXCEPTION 'role "%" exists and is not as vault would have made it', wanted
				USING ERRCODE = 'duplicate_object',
					HINT = 'Drop the role, or take its attributes, memberships and members away.';
		END IF;
	END LOOP;
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
REVOKE ALL ON FUNCTION vault_data.check_server() FROM PUBLIC;
COMMENT ON FUNCTION vault_data.check_server() IS 'raises unless the server may run vault: preloaded, its database, a recent minor release';

SELECT vault_data.check_server();

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
COMMENT ON TYPE vault.envelope IS 'ciphertext of one value: AES-256-GCM under a key of its own, committed to key and place';
REVOKE ALL ON TYPE vault.envelope FROM PUBLIC;
GRANT USAGE ON TYPE vault.envelope TO vault_owner, vault_exec;

/* For ciphertext that C made; nobody else has a use for it. */
CREATE CAST (bytea AS vault.envelope) WITHOUT FUNCTION;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA vault_data TO vault_owner, vault_exec;

/*
 * The audit trail: append-only, partitioned by time. Partitions of months to come are
 * made ahead, and the default one takes what no other does. Unique keys and indexes are
 * those of each partition, since pg_dump could not restore partitions of a
 * table whose indexes an extension has made already. tenant_id is the zero uuid for
 * what concerns the instance.
 *
 * mac authenticates the row (see record.h); xid is the transaction that wrote it, by
 * which the sealer finds what is new.
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
	mac                bytea
) PARTITION BY RANGE (at);
CREATE TABLE vault_data.audit_log_default PARTITION OF vault_data.audit_log (PRIMARY KEY (tenant_id, at, id)) DEFAULT;
CREATE INDEX audit_log_default_xid ON vault_data.audit_log_default (xid);
CREATE INDEX audit_log_default_at ON vault_data.audit_log_default USING brin (at);
ALTER TABLE vault_data.audit_log OWNER TO vault_owner;
ALTER TABLE vault_data.audit_log_default OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_log, vault_data.audit_log_default FROM PUBLIC;
GRANT SELECT ON vault_data.audit_log TO vault_exec;
DO $$
DECLARE
	text_column name;
BEGIN
	FOR text_column IN SELECT a.attname FROM pg_catalog.pg_attribute a
		WHERE a.attrelid OPERATOR(pg_catalog.=) 'vault_data.audit_log'::pg_catalog.regclass
			AND a.atttypid OPERATOR(pg_catalog.=) ANY (ARRAY['text'::pg_catalog.regtype, 'jsonb'::pg_catalog.regtype, 'inet'::pg_catalog.regtype]::oid[])
	LOOP
		EXECUTE pg_catalog.format('ALTER TABLE vault_data.audit_log ALTER COLUMN %I SET STATISTICS 0', text_column);
	END LOOP;
END
$$;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_log', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_log_default', '');

CREATE FUNCTION vault_data.audit_change() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_change';
COMMENT ON FUNCTION vault_data.audit_change() IS 'writes a change of the row to the audit trail; arguments: kind, then the columns that may be shown';

CREATE FUNCTION vault_data.refuse_change() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_refuse_change';
COMMENT ON FUNCTION vault_data.refuse_change() IS 'refuses every change of the trail but rows that vault itself appends';

CREATE FUNCTION vault_data.decision_changed() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_decision_changed';
COMMENT ON FUNCTION vault_data.decision_changed() IS 'makes every backend forget what it cached of the table once the change commits';

CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_log
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_log
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_log_default
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_log ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_log ENABLE ALWAYS TRIGGER append_only_truncate;
ALTER TABLE vault_data.audit_log_default ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_log_default ENABLE ALWAYS TRIGGER append_only_truncate;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;

/*
 * The instance and its root keys: check values only, never a key.  These two
 * tables belong to no tenant.
 */
CREATE TABLE vault_data.instance (
	singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	id         uuid NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
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
ALTER TABLE vault_data.instance OWNER TO vault_owner;
ALTER TABLE vault_data.root_key OWNER TO vault_owner;
REVOKE ALL ON vault_data.instance, vault_data.root_key FROM PUBLIC;
GRANT SELECT, INSERT ON vault_data.instance TO vault_exec;
GRANT SELECT, INSERT, UPDATE ON vault_data.root_key TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.instance', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.root_key', '');

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.instance
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-instance', 'id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.root_key
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-root_key', 'generation', 'state', '*check_value');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.instance
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
ALTER TABLE vault_data.instance ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.instance ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.root_key ENABLE ALWAYS TRIGGER audit;

CREATE FUNCTION vault.init(shares integer DEFAULT NULL, threshold integer DEFAULT NULL) RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_init';
COMMENT ON FUNCTION vault.init(integer, integer) IS 'makes or takes the first root key and unseals; returns the shares if people are the key source (default 5, of which 3 unseal)';

CREATE FUNCTION vault.unseal(share text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_unseal';
COMMENT ON FUNCTION vault.unseal(text) IS 'gives one share of the root key, or without an argument asks the key source again';

CREATE FUNCTION vault.seal() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_seal';
COMMENT ON FUNCTION vault.seal() IS 'wipes the root key from memory, at once and for every session';

CREATE FUNCTION vault.status(
	OUT initialised boolean, OUT sealed boolean, OUT reason text, OUT root_key_source text,
	OUT root_key_generation integer, OUT instance uuid, OUT shares_given integer,
	OUT shares_needed integer, OUT key_memory text, OUT version text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_status';
COMMENT ON FUNCTION vault.status() IS 'whether the vault is initialised and sealed, why, and where its root key comes from';

CREATE FUNCTION vault.rotate_root_key(shares integer DEFAULT NULL, threshold integer DEFAULT NULL) RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_root_key';
COMMENT ON FUNCTION vault.rotate_root_key(integer, integer) IS 'makes a new root key and wraps every tenant key with it, in one transaction; returns its shares if people are the key source';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.init(integer, integer), vault.unseal(text), vault.seal(),
	vault.rotate_root_key(integer, integer) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.status() TO vault_admin, vault_auditor, vault_client;

/*
 * Tenants and their keys.
 *
 * Row security of every table with tenants is one policy, which no caller can
 * turn: the row is of the tenant that the door resolved, or, outside the door, of the
 * current role's; operators and auditors see all, through views only. It is
 * written so that it is a filter and no index condition: next to it, equality
 * on a whole unique key would no longer be recognised as one row. Statements and
 * views name the tenant themselves.
 */
CREATE FUNCTION vault.current_tenant_id() RETURNS uuid
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_current_tenant_id';
COMMENT ON FUNCTION vault.current_tenant_id() IS 'the tenant that the current role is a principal of, or NULL';

CREATE FUNCTION vault_data.visible_tenants() RETURNS uuid[]
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_visible_tenants';
COMMENT ON FUNCTION vault_data.visible_tenants() IS 'the tenants whose rows a view may show the caller, for index conditions';

CREATE FUNCTION vault_data.oversees() RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_oversees';
COMMENT ON FUNCTION vault_data.oversees() IS 'whether the current role, outside the door, is an operator or auditor';

CREATE TABLE vault_data.tenant (
	tenant_id       uuid PRIMARY KEY,
	name            text COLLATE "C" NOT NULL,
	state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'destroyed')),
	recovery_window interval NOT NULL DEFAULT '30 days'
		CHECK (recovery_window BETWEEN '7 days' AND '90 days'),
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision        integer NOT NULL,
	mac             bytea NOT NULL
);
CREATE UNIQUE INDEX tenant_name_key ON vault_data.tenant (name) WHERE state <> 'destroyed';

/* The zero uuid has one too, the instance key: what is no tenant's derives from it. */
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
CREATE UNIQUE INDEX tenant_key_one_active ON vault_data.tenant_key (tenant_id) WHERE state = 'active';

ALTER TABLE vault_data.tenant OWNER TO vault_owner;
ALTER TABLE vault_data.tenant_key OWNER TO vault_owner;
REVOKE ALL ON vault_data.tenant, vault_data.tenant_key FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON vault_data.tenant TO vault_exec;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.tenant_key TO vault_exec;
ALTER TABLE vault_data.tenant ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE vault_data.tenant_key ALTER COLUMN wrapped SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.tenant', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.tenant_key', '');

ALTER TABLE vault_data.audit_log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.audit_log_default ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.tenant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.tenant_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.audit_log
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.audit_log_default
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.tenant
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.tenant_key
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('tenant', 'name', 'state', 'recovery_window', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant_key
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('tenant_key', 'generation', 'state', 'root_generation', '*check_value');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.tenant_key
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.tenant_key ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.tenant_key ENABLE ALWAYS TRIGGER changed;

/* Helpers; each refuses to work outside the door. */
CREATE FUNCTION vault_data.new_id() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_new_id';
CREATE FUNCTION vault_data.note(reason text, version integer DEFAULT 0) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_note';
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
CREATE FUNCTION vault_data.new_tenant_key() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_new_tenant_key';

CREATE FUNCTION vault_data.fail(code text, message text, hint text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, HINT = hint;
END
$$;

CREATE FUNCTION vault_data.set_tenant_state(p_name text, p_from text, p_to text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	p_tenant uuid := vault_data.enter_tenant(p_name);
BEGIN
	UPDATE vault_data.tenant SET state = p_to WHERE tenant_id = p_tenant AND state = p_from;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('55000', pg_catalog.format('tenant "%s" is not %s', p_name, p_from),
			'The view vault.tenants shows the state of each.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.suspend_tenant(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_tenant_state(p_name, 'active', 'suspended');
END
$$;
CREATE FUNCTION vault.suspend_tenant(name text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.suspend_tenant(text) IS 'refuses every call of the tenant''s principals until it is resumed';

CREATE FUNCTION vault_data.resume_tenant(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_tenant_state(p_name, 'suspended', 'active');
END
$$;
CREATE FUNCTION vault.resume_tenant(name text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.resume_tenant(text) IS 'ends the suspension of a tenant';

CREATE FUNCTION vault_data.rotate_tenant_key(p_name text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.enter_tenant(p_name);
	RETURN vault_data.new_tenant_key();
END
$$;
CREATE FUNCTION vault.rotate_tenant_key(name text) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.rotate_tenant_key(text) IS 'makes a new tenant key for what is written from now on and returns its generation; vault.rewrap() moves the rest';

CREATE FUNCTION vault_data.set_recovery_window(p_window interval, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_window IS NULL OR NOT p_window BETWEEN '7 days' AND '90 days' THEN
		PERFORM vault_data.fail('22023', 'invalid recovery window: it is not between 7 and 90 days', 'Give an interval such as ''30 days''.');
	END IF;
	UPDATE vault_data.tenant SET recovery_window = p_window WHERE tenant_id = this_tenant;
END
$$;
CREATE FUNCTION vault.set_recovery_window(recovery_window interval, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_recovery_window(interval, text) IS 'sets how long deleted secrets of the tenant can be recovered, 7 to 90 days';

CREATE VIEW vault.tenants WITH (security_barrier) AS
SELECT t.tenant_id AS id, t.name, t.state, t.recovery_window, t.created_at
FROM vault_data.tenant t
WHERE t.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.tenants IS 'tenants: one''s own, or all for operators and auditors';

CREATE VIEW vault.tenant_keys WITH (security_barrier) AS
SELECT t.name AS tenant, k.generation, k.state, k.root_generation, k.created_at
FROM vault_data.tenant_key k JOIN vault_data.tenant t ON t.tenant_id = k.tenant_id
WHERE k.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.tenant_keys IS 'generations of tenant keys and the root key generation that wraps each; no key material';

CREATE VIEW vault.root_keys WITH (security_barrier) AS
SELECT r.generation, r.state, r.source, r.created_at FROM vault_data.root_key r
WHERE vault_data.oversees();
COMMENT ON VIEW vault.root_keys IS 'generations of the root key; no key material';

ALTER VIEW vault.tenants OWNER TO vault_owner;
ALTER VIEW vault.tenant_keys OWNER TO vault_owner;
ALTER VIEW vault.root_keys OWNER TO vault_owner;
REVOKE ALL ON vault.tenants, vault.tenant_keys, vault.root_keys FROM PUBLIC;
GRANT SELECT ON vault.tenants TO vault_client, vault_admin, vault_auditor;
GRANT SELECT ON vault.tenant_keys, vault.root_keys TO vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.suspend_tenant(text), vault.resume_tenant(text), vault.rotate_tenant_key(text) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.set_recovery_window(interval, text) TO vault_admin, vault_client;
GRANT EXECUTE ON FUNCTION vault.current_tenant_id(), vault_data.visible_tenants(), vault_data.oversees() TO vault_client, vault_admin, vault_auditor, vault_exec, vault_owner;

/*
 * Rows that decide something carry a MAC. Of every table with a column mac it covers the
 * columns before revision, and revision: what decides nothing stands after mac.
 */
CREATE FUNCTION vault_data.authenticate_row() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_authenticate_row';
COMMENT ON FUNCTION vault_data.authenticate_row() IS 'writes revision and mac of a row inside the door; the last trigger before the row is stored';

/* By whole rows of these tables; each refuses to work outside the door. */
CREATE FUNCTION vault_data.is_authentic(given record) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_authentic';
CREATE FUNCTION vault_data.require_authentic(given record) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_authentic';

CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.tenant
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER write_mac;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;

/*
 * Principals, and the database roles that they are bound to. Roles of a tenant are rows
 * beside them, which nothing binds.
 *
 * A binding is to one role exactly, by oid and by name.  Who may bind whom: a
 * tenant's administrator any role that no other tenant has and that is no
 * superuser, operator or auditor; an operator any role but those of vault and of
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
CREATE UNIQUE INDEX principal_name_key ON vault_data.principal (tenant_id, name, (kind = 'built-in role'));
CREATE TABLE vault_data.principal_binding (
	tenant_id    uuid NOT NULL,
	role_name    text COLLATE "C" NOT NULL,
	principal_id uuid NOT NULL,
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	db_role      regrole NOT NULL,
	PRIMARY KEY (tenant_id, db_role),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX principal_binding_db_role ON vault_data.principal_binding (db_role);

ALTER TABLE vault_data.principal OWNER TO vault_owner;
ALTER TABLE vault_data.principal_binding OWNER TO vault_owner;
REVOKE ALL ON vault_data.principal, vault_data.principal_binding FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.principal, vault_data.principal_binding TO vault_exec;
ALTER TABLE vault_data.principal ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE vault_data.principal_binding ALTER COLUMN role_name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.principal', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.principal_binding', '');
ALTER TABLE vault_data.principal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.principal_binding ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.principal
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.principal_binding
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('principal', 'name', 'kind', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal_binding
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('binding', 'role_name', 'principal_id', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal_binding
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.principal
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.principal_binding
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.principal ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.principal_binding ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.principal ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.principal ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.principal_binding ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.principal_binding ENABLE ALWAYS TRIGGER changed;

CREATE FUNCTION vault_data.bind_role(principal uuid, db_role text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_bind_role';
CREATE FUNCTION vault_data.require_administrator() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_administrator';
CREATE FUNCTION vault_data.is_administrator() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_administrator';
CREATE FUNCTION vault_data.is_auditor() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_auditor';

/* The role that the binding means is still there, under that name. */
CREATE FUNCTION vault_data.is_live(b vault_data.principal_binding) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = b.db_role AND r.rolname = b.role_name)
$$;

CREATE FUNCTION vault_data.add_principal(p_tenant uuid, p_name text, p_kind text, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.check_identifier('principal name', p_name);
	IF p_kind IS NULL OR p_kind NOT IN ('user', 'service') THEN
		PERFORM vault_data.fail('22023', 'invalid kind: a principal is a user or a service', 'Give ''user'' or ''service''.');
	END IF;
	IF EXISTS (SELECT FROM vault_data.principal WHERE tenant_id = p_tenant AND name = p_name AND kind <> 'built-in role') THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('principal "%s" exists already', p_name), 'Choose another name.');
	END IF;
	INSERT INTO vault_data.principal (tenant_id, id, name, kind) VALUES (p_tenant, new_id, p_name, p_kind);
	IF p_db_role IS NOT NULL THEN
		IF EXISTS (SELECT FROM vault_data.principal_binding b
			WHERE b.tenant_id = p_tenant AND b.role_name = p_db_role AND vault_data.is_live(b))
		THEN
			PERFORM vault_data.fail('23505', pg_catalog.format('role "%s" is bound to a principal already', p_db_role),
				'vault.drop_principal() frees it.');
		END IF;
		PERFORM vault_data.bind_role(new_id, p_db_role);
	END IF;
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.create_principal(p_name text, p_kind text, p_db_role text, p_tenant text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	RETURN vault_data.add_principal(this_tenant, p_name, p_kind, p_db_role);
END
$$;
CREATE FUNCTION vault.create_principal(name text, kind text DEFAULT 'service', db_role text DEFAULT NULL, tenant text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.create_principal(text, text, text, text) IS 'makes a principal (user or service), bound to a database role if one is given; it may do nothing until something is granted';

CREATE FUNCTION vault_data.drop_principal(p_name text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	subject uuid;
BEGIN
	PERFORM vault_data.require_administrator();
	subject := vault_data.find_principal(this_tenant, p_name);
	IF EXISTS (SELECT FROM vault_data.principal p WHERE p.tenant_id = this_tenant AND p.id = subject AND p.kind = 'role') THEN
		PERFORM vault_data.fail('42809', pg_catalog.format('"%s" is a role', p_name), 'vault.drop_role() takes it away.');
	END IF;
	IF NOT vault_data.is_administrator() THEN
		PERFORM vault_data.require_authentic_rows(this_tenant);
	END IF;
	/* An operator who could remove administrators could appoint another, and read. */
	IF NOT vault_data.is_administrator() AND vault_data.administers(subject)
		AND EXISTS (SELECT FROM vault_data.principal_binding b
			WHERE b.tenant_id = this_tenant AND b.principal_id = subject AND vault_data.is_live(b))
	THEN
		PERFORM vault_data.fail('42501', 'permission denied to drop an administrator of the tenant',
			'Another administrator of the tenant can.');
	END IF;
	DELETE FROM vault_data.principal WHERE tenant_id = this_tenant AND id = subject;
END
$$;
CREATE FUNCTION vault.drop_principal(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.drop_principal(text, text) IS 'takes a principal away, with its bindings, grants and memberships';

CREATE FUNCTION vault.whoami(
	OUT tenant text, OUT principal text, OUT role text, OUT session_role text,
	OUT operator boolean, OUT auditor boolean)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_whoami';
COMMENT ON FUNCTION vault.whoami() IS 'who the caller is to the vault; tenant and principal are NULL for nobody';

CREATE FUNCTION vault_data.sees_policy(tenant uuid, principal uuid) RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_sees_policy';
COMMENT ON FUNCTION vault_data.sees_policy(uuid, uuid) IS 'whether the caller may see rows about this principal: its own and its roles'', all of its tenant for administrators and auditors, all for operators and auditors';

CREATE VIEW vault.principals WITH (security_barrier) AS
SELECT t.name AS tenant, p.id, p.name, p.kind, b.role_name AS db_role, p.created_at
FROM vault_data.principal p
	JOIN vault_data.tenant t ON t.tenant_id = p.tenant_id
	LEFT JOIN vault_data.principal_binding b ON b.tenant_id = p.tenant_id AND b.principal_id = p.id
WHERE p.kind IN ('user', 'service') AND p.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(p.tenant_id, p.id);
COMMENT ON VIEW vault.principals IS 'principals and the database roles they are bound to';

CREATE VIEW vault.audit WITH (security_barrier) AS
SELECT a.id, a.at, a.tenant, a.principal, a.operation, a.decision, a.object_kind, a.secret, a.environment,
	a.version, a.reason, a.detail, a.role, a.session_role, a.authenticated_role, a.address, a.port, a.tls,
	a.application_name, a.request_id, a.grant_id, a.object_id, a.xid, a.tenant_id, a.principal_id, a.subject
FROM vault_data.audit_log a
WHERE a.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(a.tenant_id, a.principal_id);
COMMENT ON VIEW vault.audit IS 'the audit trail: one''s own rows, all of the tenant for its administrators and auditors, all for operators and auditors of the vault';

ALTER VIEW vault.principals OWNER TO vault_owner;
ALTER VIEW vault.audit OWNER TO vault_owner;
REVOKE ALL ON vault.principals, vault.audit FROM PUBLIC;
GRANT SELECT ON vault.principals, vault.audit TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.create_principal(text, text, text, text), vault.drop_principal(text, text) TO vault_client, vault_admin;
GRANT EXECUTE ON FUNCTION vault.whoami() TO vault_client, vault_admin, vault_auditor;
GRANT EXECUTE ON FUNCTION vault_data.sees_policy(uuid, uuid) TO vault_client, vault_admin, vault_auditor, vault_owner;

/*
 * Grants: what a principal or a role may do with which names, where, from where, when and
 * as which service; and who is a member of which role.
 *
 * A condition that is not asked is NULL. What decides stands before revision.
 */
CREATE TABLE vault_data.access_grant (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	principal_id uuid NOT NULL,
	effect       text NOT NULL CHECK (effect IN ('allow', 'deny')),
	permissions  text[] NOT NULL CHECK (permissions <@ ARRAY['read', 'write', 'rotate', 'delete', 'grant', 'list']
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
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX access_grant_principal ON vault_data.access_grant (tenant_id, principal_id);
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
	FOREIGN KEY (tenant_id, role_id) REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE,
	FOREIGN KEY (tenant_id, member_id) REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX role_member_member ON vault_data.role_member (tenant_id, member_id);

ALTER TABLE vault_data.access_grant OWNER TO vault_owner;
REVOKE ALL ON vault_data.access_grant FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.access_grant TO vault_exec;
ALTER TABLE vault_data.role_member OWNER TO vault_owner;
REVOKE ALL ON vault_data.role_member FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.role_member TO vault_exec;
ALTER TABLE vault_data.access_grant ALTER COLUMN name_pattern SET STATISTICS 0, ALTER COLUMN environments SET STATISTICS 0,
	ALTER COLUMN addresses SET STATISTICS 0, ALTER COLUMN windows SET STATISTICS 0, ALTER COLUMN services SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.access_grant', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.role_member', '');
ALTER TABLE vault_data.access_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.role_member ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.role_member
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.access_grant
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('grant', 'principal_id', 'effect', 'permissions', 'name_pattern', 'environments',
		'addresses', 'windows', 'services', 'require_tls', 'require_session_user', 'valid_from', 'valid_until', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.role_member
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('membership', 'role_id', 'member_id', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.role_member
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.role_member
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.role_member ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.role_member ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.role_member ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER changed;

/* Helpers; each refuses to work outside the door, or only checks a text. */
CREATE FUNCTION vault_data.require(permission text, name text, environment text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require';
CREATE FUNCTION vault_data.permitted(permission text, name text, environment text) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_permitted';
CREATE FUNCTION vault_data.may_delegate(given vault_data.access_grant, permissions text[]) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_delegate';
CREATE FUNCTION vault_data.may_change_member(role uuid, removes boolean) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_change_member';
CREATE FUNCTION vault_data.check_membership(role uuid, member uuid) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_membership';
/* What policy_is_administrator() says of the caller, of anybody in the tenant; may_: but for denials. */
CREATE FUNCTION vault_data.administers(principal uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_administers';
CREATE FUNCTION vault_data.may_administer(principal uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_administer';
CREATE FUNCTION vault_data.reaches_administrator(subject uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_reaches_administrator';
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
CREATE FUNCTION vault_data.environment(given text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_environment';
CREATE FUNCTION vault_data.name_matches(name text, name_pattern text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_name_matches';
CREATE FUNCTION vault_data.sees_secret(tenant uuid, name text, environment text) RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_sees_secret';
COMMENT ON FUNCTION vault_data.sees_secret(uuid, text, text) IS 'whether the caller may know of this secret: any permission on its name, or operator or auditor';

/* A principal or a role that is not built in. */
CREATE FUNCTION vault_data.find_principal(p_tenant uuid, p_name text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_row vault_data.principal;
BEGIN
	SELECT * INTO found_row FROM vault_data.principal WHERE tenant_id = p_tenant AND name = p_name AND kind <> 'built-in role';
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such principal', 'The views vault.principals and vault.roles show them.');
	END IF;
	PERFORM vault_data.require_authentic(found_row);
	RETURN found_row.id;
END
$$;

/* Before rows of others decide: who administers a tenant, for one. */
CREATE FUNCTION vault_data.require_authentic_rows(p_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_authentic(b) FROM vault_data.principal_binding b WHERE b.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(g) FROM vault_data.access_grant g WHERE g.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(m) FROM vault_data.role_member m WHERE m.tenant_id = p_tenant;
END
$$;

CREATE FUNCTION vault_data.refuse_delegation() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.fail('42501', 'permission denied to give or take these permissions here',
		'You need "grant" on names that cover the pattern, and every permission that you give.');
END
$$;

CREATE FUNCTION vault_data.add_grant(given vault_data.access_grant) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	given.id := vault_data.new_id();
	INSERT INTO vault_data.access_grant (tenant_id, id, principal_id, effect, permissions, name_pattern, environments, addresses, windows, services,
		require_tls, require_session_user, valid_from, valid_until, created_by)
	VALUES (vault.current_tenant_id(), given.id, given.principal_id, given.effect, given.permissions, given.name_pattern, given.environments,
		given.addresses, given.windows, given.services, given.require_tls, given.require_session_user, given.valid_from, given.valid_until,
		vault_data.caller_principal());
	RETURN given.id;
END
$$;

CREATE FUNCTION vault_data.caller_principal() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_caller_principal';

/* The grant as it is stored, or an error that names what is wrong with it. */
CREATE FUNCTION vault_data.check_grant(given vault_data.access_grant) RETURNS vault_data.access_grant
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	environment text;
BEGIN
	PERFORM vault_data.check_permissions(given.permissions);
	PERFORM vault_data.check_pattern(given.name_pattern);
	IF given.effect IS NULL OR given.effect NOT IN ('allow', 'deny') THEN
		PERFORM vault_data.fail('22023', 'invalid effect: a grant allows or denies', 'Give ''allow'' or ''deny''.');
	END IF;
	IF pg_catalog.cardinality(given.environments) = 0 OR pg_catalog.cardinality(given.environments) > 64 THEN
		PERFORM vault_data.fail('22023', 'invalid environments: the list is empty or longer than 64', 'Give NULL for all environments.');
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
	IF given.valid_from >= given.valid_until OR given.valid_from = 'infinity' OR given.valid_until = '-infinity' THEN
		PERFORM vault_data.fail('22023', 'invalid valid_until: the grant would end before it begins', 'Give a later time, or NULL for no end.');
	END IF;
	RETURN given;
END
$$;

/* Gives what was checked, if the caller may. */
CREATE FUNCTION vault_data.give(given vault_data.access_grant) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT vault_data.may_delegate(given, CASE given.effect WHEN 'allow' THEN given.permissions ELSE '{grant}' END) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	/* An administrator could not take a denial of their own back: only their equals give one. */
	IF given.effect = 'deny' AND NOT vault_data.is_administrator() AND vault_data.reaches_administrator(given.principal_id) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	RETURN vault_data.add_grant(given);
END
$$;

CREATE FUNCTION vault_data."grant"(p_grantee text, p_permissions text[], p_pattern text, p_environments text[], p_effect text,
	p_addresses text[], p_windows text[], p_services text[], p_require_tls boolean, p_valid_from timestamptz, p_valid_until timestamptz,
	p_require_session_user boolean) RETURNS uuid
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
	IF NOT vault_data.may_delegate(given, CASE p_effect WHEN 'allow' THEN p_permissions ELSE '{grant}' END) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	given.principal_id := vault_data.find_principal(given.tenant_id, p_grantee);
	RETURN vault_data.give(given);
END
$$;
CREATE FUNCTION vault."grant"(grantee text, permissions text[], name_pattern text, environments text[] DEFAULT NULL, effect text DEFAULT 'allow',
	addresses text[] DEFAULT NULL, windows text[] DEFAULT NULL, services text[] DEFAULT NULL, require_tls boolean DEFAULT false,
	valid_from timestamptz DEFAULT NULL, valid_until timestamptz DEFAULT NULL, require_session_user boolean DEFAULT false) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault."grant"(text, text[], text, text[], text, text[], text[], text[], boolean, timestamptz, timestamptz, boolean) IS 'allows or denies a principal or role permissions on names that match, where the conditions are met; returns the id of the grant';

CREATE FUNCTION vault_data.revoke(p_grant_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	SELECT * INTO given FROM vault_data.access_grant WHERE tenant_id = vault.current_tenant_id() AND id = p_grant_id;
	IF NOT FOUND OR NOT vault_data.may_delegate(given, CASE given.effect WHEN 'deny' THEN given.permissions ELSE '{grant}' END) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	/* Its effect decided who may take it back. */
	IF NOT vault_data.is_administrator() THEN
		PERFORM vault_data.require_authentic(given);
	END IF;
	DELETE FROM vault_data.access_grant WHERE tenant_id = vault.current_tenant_id() AND id = p_grant_id;
END
$$;
CREATE FUNCTION vault.revoke(grant_id uuid) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.revoke(uuid) IS 'takes a grant back, in force for the next call of every session';

CREATE VIEW vault.grants WITH (security_barrier) AS
SELECT t.name AS tenant, g.id, p.name AS grantee, g.effect, g.permissions, g.name_pattern, g.environments, g.created_at,
	c.name AS created_by, g.addresses, g.windows, g.services, COALESCE(g.require_tls, false) AS require_tls, g.valid_from, g.valid_until,
	COALESCE(g.require_session_user, false) AS require_session_user
FROM vault_data.access_grant g
	JOIN vault_data.tenant t ON t.tenant_id = g.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = g.tenant_id AND p.id = g.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = g.tenant_id AND c.id = g.created_by
WHERE g.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(g.tenant_id, g.principal_id);
COMMENT ON VIEW vault.grants IS 'grants: one''s own and one''s roles'', all of the tenant for its administrators and auditors, all for operators and auditors of the vault';

/* Tenants begin with somebody who may do everything in them. */
CREATE FUNCTION vault_data.add_administrator(p_tenant uuid, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	principal_name text := CASE WHEN p_db_role ~ '^[A-Za-z0-9._-]{1,63}$' THEN p_db_role ELSE 'admin' END;
	given vault_data.access_grant;
BEGIN
	given.principal_id := vault_data.add_principal(p_tenant, principal_name, 'user', p_db_role);
	given.effect := 'allow';
	given.permissions := ARRAY['read', 'write', 'rotate', 'delete', 'grant', 'list'];
	given.name_pattern := '**';
	PERFORM vault_data.add_grant(given);
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
		PERFORM vault_data.fail('23505', pg_catalog.format('tenant "%s" exists already', p_name), 'Choose another name.');
	END IF;
	this_tenant := vault_data.enter_new_tenant(p_name);
	INSERT INTO vault_data.tenant (tenant_id, name) VALUES (this_tenant, p_name);
	PERFORM vault_data.new_tenant_key();
	PERFORM vault_data.add_built_in_roles(this_tenant);
	IF p_admin_role IS NOT NULL THEN
		PERFORM vault_data.add_administrator(this_tenant, p_admin_role);
	END IF;
	RETURN this_tenant;
END
$$;
CREATE FUNCTION vault.create_tenant(name text, admin_role text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.create_tenant(text, text) IS 'makes a tenant with a key of its own; the role becomes a principal that holds everything on ** there';

CREATE FUNCTION vault_data.appoint_admin(p_tenant text, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	/* One at a time, and what is checked next is seen as of then. */
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	PERFORM vault_data.require_authentic_rows(this_tenant);
	IF EXISTS (SELECT FROM vault_data.principal_binding b
		WHERE b.tenant_id = this_tenant AND vault_data.is_live(b) AND vault_data.administers(b.principal_id))
	THEN
		PERFORM vault_data.fail('42501', 'the tenant has an administrator',
			'Administrators appoint others with vault.create_principal() and vault.grant().');
	END IF;
	IF p_db_role IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid role: it is null', 'Name a database role.');
	END IF;
	RETURN vault_data.add_administrator(this_tenant, p_db_role);
END
$$;
CREATE FUNCTION vault.appoint_admin(tenant text, db_role text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.appoint_admin(text, text) IS 'gives an administrator to a tenant that has none, or whose roles are gone; refused otherwise';

ALTER VIEW vault.grants OWNER TO vault_owner;
REVOKE ALL ON vault.grants FROM PUBLIC;
GRANT SELECT ON vault.grants TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.create_tenant(text, text), vault.appoint_admin(text, text) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault."grant"(text, text[], text, text[], text, text[], text[], text[], boolean, timestamptz, timestamptz, boolean),
	vault.revoke(uuid) TO vault_client;
GRANT EXECUTE ON FUNCTION vault_data.sees_secret(uuid, text, text) TO vault_client, vault_admin, vault_auditor, vault_owner;

/*
 * Roles: named sets of grants inside a tenant, held by principals and by other roles, nested
 * up to eight deep and never in a cycle.
 *
 * The built-in ones hold the same on ** in every tenant (see policy/grants.c), so nobody
 * can drop or change them; principals may have their names.
 */
CREATE FUNCTION vault_data.add_built_in_roles(p_tenant uuid) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	INSERT INTO vault_data.principal (tenant_id, id, name, kind)
	SELECT p_tenant, vault_data.new_id(), r.name, 'built-in role'
	FROM pg_catalog.unnest(ARRAY['owner', 'admin', 'writer', 'reader', 'rotator', 'auditor']) AS r (name)
$$;

/* Of a name that is both, the built-in one is meant. */
CREATE FUNCTION vault_data.find_role(p_tenant uuid, p_name text) RETURNS vault_data.principal
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_row vault_data.principal;
BEGIN
	SELECT * INTO found_row FROM vault_data.principal p
	WHERE p.tenant_id = p_tenant AND p.name = p_name AND p.kind IN ('role', 'built-in role') ORDER BY p.kind LIMIT 1;
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
		PERFORM vault_data.fail('23505', pg_catalog.format('a principal or role "%s" exists already', p_name), 'Choose another name.');
	END IF;
	INSERT INTO vault_data.principal (tenant_id, id, name, kind) VALUES (p_tenant, new_id, p_name, 'role');
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.create_role(p_name text, p_tenant text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	RETURN vault_data.add_role(this_tenant, p_name);
END
$$;
CREATE FUNCTION vault.create_role(name text, tenant text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.create_role(text, text) IS 'makes a role of the tenant; it holds nothing until something is granted to it';

CREATE FUNCTION vault_data.drop_role(p_name text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	subject vault_data.principal;
BEGIN
	PERFORM vault_data.require_administrator();
	subject := vault_data.find_role(this_tenant, p_name);
	IF subject.kind = 'built-in role' THEN
		PERFORM vault_data.fail('42501', pg_catalog.format('the role "%s" is built in', p_name), 'Take its members away with vault.remove_member().');
	END IF;
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	/* With it go its grants, and what its members have through it. An operator could so remove administrators. */
	IF NOT vault_data.may_change_member(subject.id, true) AND (vault_data.is_administrator() OR NOT vault_data.holds_nothing(subject.id)) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	DELETE FROM vault_data.principal WHERE tenant_id = this_tenant AND id = subject.id;
END
$$;
CREATE FUNCTION vault.drop_role(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.drop_role(text, text) IS 'takes a role away, with its grants and memberships';

CREATE FUNCTION vault_data.add_member(p_role text, p_member text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	chosen vault_data.principal;
	member uuid;
BEGIN
	PERFORM vault_data.check_identifier('role', p_role);
	PERFORM vault_data.check_identifier('member', p_member);
	/* One at a time: a cycle takes two. */
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	chosen := vault_data.find_role(this_tenant, p_role);
	IF NOT vault_data.may_change_member(chosen.id, false) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	member := vault_data.find_principal(this_tenant, p_member);
	IF EXISTS (SELECT FROM vault_data.role_member m WHERE m.tenant_id = this_tenant AND m.role_id = chosen.id AND m.member_id = member) THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('"%s" is a member of the role "%s" already', p_member, p_role),
			'The view vault.role_members shows who is a member of what.');
	END IF;
	PERFORM vault_data.check_membership(chosen.id, member);
	IF NOT vault_data.is_administrator() AND vault_data.holds_denial(chosen.id) AND vault_data.reaches_administrator(member) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	INSERT INTO vault_data.role_member (tenant_id, id, role_id, member_id, created_by)
	VALUES (this_tenant, vault_data.new_id(), chosen.id, member, vault_data.caller_principal());
END
$$;
CREATE FUNCTION vault.add_member(role text, member text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.add_member(text, text) IS 'makes a principal or role a member of a role; the caller must be able to grant all that the role holds';

CREATE FUNCTION vault_data.remove_member(p_role text, p_member text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	chosen vault_data.principal;
	member uuid;
BEGIN
	PERFORM vault_data.check_identifier('role', p_role);
	PERFORM vault_data.check_identifier('member', p_member);
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	chosen := vault_data.find_role(this_tenant, p_role);
	IF NOT vault_data.may_change_member(chosen.id, true) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	member := vault_data.find_principal(this_tenant, p_member);
	DELETE FROM vault_data.role_member m WHERE m.tenant_id = this_tenant AND m.role_id = chosen.id AND m.member_id = member;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', pg_catalog.format('"%s" is not a member of the role "%s"', p_member, p_role),
			'The view vault.role_members shows who is a member of what.');
	END IF;
END
$$;
CREATE FUNCTION vault.remove_member(role text, member text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.remove_member(text, text) IS 'ends a membership, in force for the next call of every session';

CREATE VIEW vault.roles WITH (security_barrier) AS
SELECT t.name AS tenant, p.id, p.name, p.kind = 'built-in role' AS built_in, p.created_at
FROM vault_data.principal p JOIN vault_data.tenant t ON t.tenant_id = p.tenant_id
WHERE p.kind IN ('role', 'built-in role') AND p.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(p.tenant_id, p.id);
COMMENT ON VIEW vault.roles IS 'roles of tenants: those that one is a member of, all of the tenant for its administrators and auditors, all for operators and auditors of the vault';

CREATE VIEW vault.role_members WITH (security_barrier) AS
SELECT t.name AS tenant, r.name AS role, p.name AS member, p.kind AS member_kind, m.created_at, c.name AS created_by
FROM vault_data.role_member m
	JOIN vault_data.tenant t ON t.tenant_id = m.tenant_id
	JOIN vault_data.principal r ON r.tenant_id = m.tenant_id AND r.id = m.role_id
	JOIN vault_data.principal p ON p.tenant_id = m.tenant_id AND p.id = m.member_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = m.tenant_id AND c.id = m.created_by
WHERE m.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(m.tenant_id, m.member_id);
COMMENT ON VIEW vault.role_members IS 'who is a member of which role: one''s own memberships, all of the tenant for its administrators and auditors, all for operators and auditors of the vault';

ALTER VIEW vault.roles OWNER TO vault_owner;
ALTER VIEW vault.role_members OWNER TO vault_owner;
REVOKE ALL ON vault.roles, vault.role_members FROM PUBLIC;
GRANT SELECT ON vault.roles, vault.role_members TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.create_role(text, text), vault.drop_role(text, text) TO vault_client, vault_admin;
GRANT EXECUTE ON FUNCTION vault.add_member(text, text), vault.remove_member(text, text) TO vault_client;

/*
 * Tokens: the issuers whose tokens count in a tenant, the database roles that may show
 * tokens there, and what the vault issued itself. No token is stored: of the
 * vault's own there is a row while they count, and revoking takes it away.
 *
 * Operators have no part in what makes a token count: whoever could add a key could read.
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
	revision        integer NOT NULL,
	mac             bytea NOT NULL,
	kids            text[] NOT NULL,
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT token_issuer_name_key UNIQUE (tenant_id, name)
);
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
CREATE TABLE vault_data.issued_token (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	principal_id uuid NOT NULL,
	expires_at   timestamptz NOT NULL,
	single_use   boolean NOT NULL,
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	created_by   uuid NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX issued_token_principal ON vault_data.issued_token (tenant_id, principal_id);
CREATE INDEX issued_token_expires_at ON vault_data.issued_token (tenant_id, expires_at);

ALTER TABLE vault_data.token_issuer OWNER TO vault_owner;
ALTER TABLE vault_data.token_role OWNER TO vault_owner;
ALTER TABLE vault_data.issued_token OWNER TO vault_owner;
REVOKE ALL ON vault_data.token_issuer, vault_data.token_role, vault_data.issued_token FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.token_issuer TO vault_exec;
GRANT SELECT, INSERT, DELETE ON vault_data.token_role TO vault_exec;
/* UPDATE for row locks alone. */
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.issued_token TO vault_exec;
ALTER TABLE vault_data.token_issuer ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN issuer SET STATISTICS 0,
	ALTER COLUMN audience SET STATISTICS 0, ALTER COLUMN jwks SET STATISTICS 0, ALTER COLUMN kids SET STATISTICS 0,
	ALTER COLUMN principal_claim SET STATISTICS 0, ALTER COLUMN tenant_claim SET STATISTICS 0,
	ALTER COLUMN role_claim SET STATISTICS 0, ALTER COLUMN address_claim SET STATISTICS 0;
ALTER TABLE vault_data.token_role ALTER COLUMN role_name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.token_issuer', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.token_role', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.issued_token', '');
ALTER TABLE vault_data.token_issuer ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.token_role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.issued_token ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.token_issuer
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.token_role
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.issued_token
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('issuer', 'name', 'issuer', 'audience', '*jwks', 'kids', 'principal_claim',
		'tenant_claim', 'role_claim', 'address_claim', 'max_lifetime', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('token_role', 'role_name', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.issued_token
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('token', 'principal_id', 'expires_at', 'single_use', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.issued_token
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.issued_token ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.issued_token ENABLE ALWAYS TRIGGER audit;

CREATE FUNCTION vault_data.check_issuer(issuer text, audience text, max_lifetime interval, principal_claim text, tenant_claim text,
	role_claim text, address_claim text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_issuer';
CREATE FUNCTION vault_data.check_jwks(jwks text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_jwks';
CREATE FUNCTION vault_data.bind_token_role(db_role text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_bind_token_role';
CREATE FUNCTION vault_data.sign_token(id uuid, principal text, expires_at timestamptz, db_role text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_sign_token';
CREATE FUNCTION vault_data.shows_token() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_shows_token';

CREATE FUNCTION vault.login(token text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_login';
COMMENT ON FUNCTION vault.login(text) IS 'shows a token for the rest of the transaction, as SET LOCAL vault.token does, and verifies it';

/* Operators too can take away; only an administrator can give. */
CREATE FUNCTION vault_data.require_own_administrator() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT vault_data.is_administrator() THEN
		PERFORM vault_data.fail('42501', 'permission denied: this is for administrators of the tenant',
			'An administrator holds "grant" on ** in every environment; operators cannot do this for them.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.check_claim_mapping(p_mapping jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.jsonb_typeof(p_mapping) <> 'object' THEN
		PERFORM vault_data.fail('22023', 'invalid claim_mapping: it is not an object', 'Give an object such as {"principal": "client_id"}.');
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.jsonb_each(p_mapping) AS m
		WHERE m.key NOT IN ('principal', 'tenant', 'role', 'address') OR pg_catalog.jsonb_typeof(m.value) <> 'string')
	THEN
		PERFORM vault_data.fail('22023', 'invalid claim_mapping: a member is not known, or is not a string',
			'Members are principal, tenant, role and address; each is the name of a claim.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.kids_of(p_jwks text) RETURNS text[]
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT pg_catalog.array_agg(k.value->>'kid' ORDER BY k.ordinality)
	FROM pg_catalog.jsonb_array_elements(p_jwks::jsonb->'keys') WITH ORDINALITY AS k
$$;

CREATE FUNCTION vault_data.add_issuer(p_name text, p_issuer text, p_audience text, p_jwks text, p_mapping jsonb, p_max_lifetime interval, p_tenant text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.require_own_administrator();
	PERFORM vault_data.check_identifier('issuer name', p_name);
	PERFORM vault_data.check_claim_mapping(p_mapping);
	PERFORM vault_data.check_issuer(p_issuer, p_audience, p_max_lifetime, p_mapping->>'principal', p_mapping->>'tenant',
		p_mapping->>'role', p_mapping->>'address');
	PERFORM vault_data.check_jwks(p_jwks);
	IF EXISTS (SELECT FROM vault_data.token_issuer i WHERE i.tenant_id = this_tenant AND i.name = p_name) THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('issuer "%s" exists already', p_name),
			'Choose another name, or change its keys with vault.set_issuer_keys().');
	END IF;
	IF (SELECT pg_catalog.count(*) FROM vault_data.token_issuer i WHERE i.tenant_id = this_tenant) >= 16 THEN
		PERFORM vault_data.fail('54000', 'the tenant has 16 issuers', 'Remove one with vault.remove_issuer().');
	END IF;
	INSERT INTO vault_data.token_issuer (tenant_id, id, name, issuer, audience, jwks, principal_claim, tenant_claim, role_claim,
		address_claim, max_lifetime, kids)
	VALUES (this_tenant, new_id, p_name, p_issuer, p_audience, p_jwks, p_mapping->>'principal', p_mapping->>'tenant', p_mapping->>'role',
		p_mapping->>'address', p_max_lifetime, vault_data.kids_of(p_jwks));
	RETURN new_id;
END
$$;
CREATE FUNCTION vault.add_issuer(name text, issuer text, audience text, jwks text, claim_mapping jsonb DEFAULT NULL,
	max_lifetime interval DEFAULT '1 hour', tenant text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.add_issuer(text, text, text, text, jsonb, interval, text) IS 'lets tokens of an identity provider count in the tenant: those with this issuer and audience, signed with one of these keys';

CREATE FUNCTION vault_data.set_issuer_keys(p_name text, p_jwks text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_own_administrator();
	PERFORM vault_data.check_identifier('issuer name', p_name);
	PERFORM vault_data.check_jwks(p_jwks);
	UPDATE vault_data.token_issuer SET jwks = p_jwks, kids = vault_data.kids_of(p_jwks), updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = this_tenant AND name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such issuer', 'The view vault.issuers shows them.');
	END IF;
END
$$;
CREATE FUNCTION vault.set_issuer_keys(name text, jwks text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_issuer_keys(text, text, text) IS 'replaces the keys of an issuer; tokens signed with one that is gone are refused from the next call on';

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
END
$$;
CREATE FUNCTION vault.remove_issuer(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.remove_issuer(text, text) IS 'takes an issuer away; its tokens are refused from the next call on';

CREATE FUNCTION vault_data.allow_tokens(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_db_role IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid role: it is null', 'Name a database role.');
	END IF;
	PERFORM vault_data.bind_token_role(p_db_role);
END
$$;
CREATE FUNCTION vault.allow_tokens(db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.allow_tokens(text, text) IS 'lets a database role, such as that of a connection pool, show tokens of the tenant''s principals';

CREATE FUNCTION vault_data.disallow_tokens(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	DELETE FROM vault_data.token_role WHERE tenant_id = this_tenant AND role_name = p_db_role;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the role does not show tokens', 'The view vault.token_roles shows those that do.');
	END IF;
END
$$;
CREATE FUNCTION vault.disallow_tokens(db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.disallow_tokens(text, text) IS 'ends what vault.allow_tokens() allowed, from the next call on';

/* Rows of tokens that nobody can use any more go when others are made. */
CREATE FUNCTION vault_data.forget_tokens(p_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.current_setting('transaction_isolation') = 'read committed' THEN
		DELETE FROM vault_data.issued_token t WHERE t.tenant_id = p_tenant AND t.id = ANY (ARRAY(
			SELECT e.id FROM vault_data.issued_token e
			WHERE e.tenant_id = p_tenant AND e.expires_at < pg_catalog.clock_timestamp() - '1 hour'::interval
			LIMIT 20 FOR UPDATE SKIP LOCKED));
	END IF;
END
$$;

/* Nobody prolongs a token with another, so a caller who showed one gets none. */
CREATE FUNCTION vault_data.issue_token(p_principal text, p_ttl interval, p_single_use boolean, p_db_role text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	new_id uuid := vault_data.new_id();
	expires timestamptz;
	subject uuid;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	SELECT p.id INTO subject FROM vault_data.principal p WHERE p.tenant_id = this_tenant AND p.name = p_principal AND p.kind IN ('user', 'service');
	IF vault_data.shows_token() OR (subject IS DISTINCT FROM vault_data.caller_principal() AND NOT vault_data.is_administrator()) THEN
		PERFORM vault_data.fail('42501', 'permission denied to issue a token for this principal',
			'Administrators of the tenant issue tokens for all, others for themselves; a caller who showed a token gets none.');
	END IF;
	subject := vault_data.find_principal(this_tenant, p_principal);
	IF EXISTS (SELECT FROM vault_data.principal p WHERE p.tenant_id = this_tenant AND p.id = subject AND p.kind NOT IN ('user', 'service')) THEN
		PERFORM vault_data.fail('42704', 'no such principal: it is a role', 'Issue the token for one of its members.');
	END IF;
	IF p_single_use IS NULL OR p_ttl IS NULL OR p_ttl < '1 second' OR p_ttl > '1 day' OR (p_single_use AND p_ttl > '1 hour') THEN
		PERFORM vault_data.fail('22023', 'invalid ttl: it is not between one second and one day, or one hour for a single use', 'Give an interval such as ''15 minutes''.');
	END IF;
	IF p_db_role IS NOT NULL AND NOT EXISTS (SELECT FROM vault_data.token_role r WHERE r.tenant_id = this_tenant AND r.role_name = p_db_role) THEN
		PERFORM vault_data.fail('22023', 'invalid role: it does not show tokens', 'vault.allow_tokens() lets it.');
	END IF;
	expires := pg_catalog.clock_timestamp() + p_ttl;
	PERFORM vault_data.forget_tokens(this_tenant);
	PERFORM vault_data.note(pg_catalog.format('token %s for %s', new_id, p_principal));
	INSERT INTO vault_data.issued_token (tenant_id, id, principal_id, expires_at, single_use, created_by)
	VALUES (this_tenant, new_id, subject, expires, p_single_use, vault_data.caller_principal());
	RETURN vault_data.sign_token(new_id, p_principal, expires, p_db_role);
END
$$;
CREATE FUNCTION vault.issue_token(principal text, ttl interval DEFAULT '15 minutes', single_use boolean DEFAULT false, db_role text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.issue_token(text, interval, boolean, text) IS 'makes a token for a principal of the tenant, signed by the vault; it is returned once and not stored';

CREATE FUNCTION vault_data.revoke_token(p_jti uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.note(pg_catalog.format('token %s', p_jti));
	DELETE FROM vault_data.issued_token WHERE tenant_id = vault.current_tenant_id() AND id = p_jti
		AND (principal_id = vault_data.caller_principal() OR vault_data.is_administrator());
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such token', 'The view vault.issued_tokens shows those that count.');
	END IF;
END
$$;
CREATE FUNCTION vault.revoke_token(jti uuid) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.revoke_token(uuid) IS 'takes a token back that the vault issued, in force for the next call of every session';

CREATE FUNCTION vault_data.revoke_tokens(p_principal text, p_tenant text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	subject uuid;
	gone integer;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	SELECT p.id INTO subject FROM vault_data.principal p WHERE p.tenant_id = this_tenant AND p.name = p_principal AND p.kind IN ('user', 'service');
	IF subject IS NULL OR subject IS DISTINCT FROM vault_data.caller_principal() THEN
		PERFORM vault_data.require_administrator();
		subject := vault_data.find_principal(this_tenant, p_principal);
	END IF;
	DELETE FROM vault_data.issued_token WHERE tenant_id = this_tenant AND principal_id = subject;
	GET DIAGNOSTICS gone = ROW_COUNT;
	PERFORM vault_data.note(pg_catalog.format('%s tokens of %s', gone, p_principal));
	RETURN gone;
END
$$;
CREATE FUNCTION vault.revoke_tokens(principal text, tenant text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.revoke_tokens(text, text) IS 'takes every token of a principal back that the vault issued; returns how many';

CREATE VIEW vault.issuers WITH (security_barrier) AS
SELECT t.name AS tenant, i.id, i.name, i.issuer, i.audience, i.kids,
	pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('principal', i.principal_claim, 'tenant', i.tenant_claim,
		'role', i.role_claim, 'address', i.address_claim)) AS claim_mapping,
	i.max_lifetime, i.created_at, i.updated_at
FROM vault_data.token_issuer i JOIN vault_data.tenant t ON t.tenant_id = i.tenant_id
WHERE i.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(i.tenant_id, NULL);
COMMENT ON VIEW vault.issuers IS 'issuers whose tokens count: those of the tenant for its administrators, all for operators and auditors';

CREATE VIEW vault.token_roles WITH (security_barrier) AS
SELECT t.name AS tenant, r.role_name AS db_role, r.created_at
FROM vault_data.token_role r JOIN vault_data.tenant t ON t.tenant_id = r.tenant_id
WHERE r.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(r.tenant_id, NULL);
COMMENT ON VIEW vault.token_roles IS 'database roles that may show tokens: those of the tenant for its administrators, all for operators and auditors';

CREATE VIEW vault.issued_tokens WITH (security_barrier) AS
SELECT t.name AS tenant, k.id AS jti, p.name AS principal, k.single_use, k.created_at, k.expires_at, c.name AS created_by
FROM vault_data.issued_token k
	JOIN vault_data.tenant t ON t.tenant_id = k.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = k.tenant_id AND p.id = k.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = k.tenant_id AND c.id = k.created_by
WHERE k.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(k.tenant_id, k.principal_id);
COMMENT ON VIEW vault.issued_tokens IS 'tokens that the vault issued and nobody revoked: one''s own, all of the tenant for its administrators, all for operators and auditors';

ALTER VIEW vault.issuers OWNER TO vault_owner;
ALTER VIEW vault.token_roles OWNER TO vault_owner;
ALTER VIEW vault.issued_tokens OWNER TO vault_owner;
REVOKE ALL ON vault.issuers, vault.token_roles, vault.issued_tokens FROM PUBLIC;
GRANT SELECT ON vault.issuers, vault.token_roles, vault.issued_tokens TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.login(text), vault.issue_token(text, interval, boolean, text), vault.revoke_token(uuid) TO vault_client;
GRANT EXECUTE ON FUNCTION vault.add_issuer(text, text, text, text, jsonb, interval, text), vault.set_issuer_keys(text, text, text),
	vault.remove_issuer(text, text), vault.allow_tokens(text, text), vault.disallow_tokens(text, text),
	vault.revoke_tokens(text, text) TO vault_client, vault_admin;

/*
 * Types of secrets: what their values look like, and what becomes of them.
 *
 * The built-in types are in the code. Operators add others, the same for all tenants;
 * a tenant asks more, or less, of the values of a type by its policy. Names of
 * functions are text and are looked up at each call, because pg_upgrade refuses oids.
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
	revision          integer NOT NULL,
	mac               bytea NOT NULL,
	description       text NOT NULL,
	created_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT secret_type_name_key UNIQUE (name)
);
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

ALTER TABLE vault_data.secret_type OWNER TO vault_owner;
ALTER TABLE vault_data.type_policy OWNER TO vault_owner;
REVOKE ALL ON vault_data.secret_type, vault_data.type_policy FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.secret_type, vault_data.type_policy TO vault_exec;
ALTER TABLE vault_data.type_policy ALTER COLUMN type SET STATISTICS 0, ALTER COLUMN excluded SET STATISTICS 0,
	ALTER COLUMN prefix SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.secret_type', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.type_policy', '');
ALTER TABLE vault_data.type_policy ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.type_policy
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.secret_type
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('type', 'name', 'validator', 'generator', 'min_length', 'max_length', 'classes',
		'excluded', 'prefix', 'min_entropy', 'generated_length', 'history', 'rotation_interval', 'max_lifetime', 'recovery_window', 'warn_at',
		'*description', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.type_policy
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('type_policy', 'type', 'min_length', 'max_length', 'classes',
		'excluded', 'prefix', 'min_entropy', 'generated_length', 'history', 'rotation_interval', 'max_lifetime', 'recovery_window', 'warn_at',
		'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.secret_type
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.type_policy
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.secret_type
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.type_policy
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.secret_type ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.secret_type ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.secret_type ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.type_policy ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.type_policy ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.type_policy ENABLE ALWAYS TRIGGER changed;

/* Numbers of days are converted by the view. */
CREATE FUNCTION vault_data.builtin_types() RETURNS TABLE (name text, description text, fields text, takes_policy boolean, generates boolean,
	min_length integer, max_length integer, min_entropy integer, generated_length integer, history integer,
	rotation_days integer, lifetime_days integer, recovery_days integer, warn_days integer[])
LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_builtin_types';
CREATE FUNCTION vault_data.type_function(function oid, checks boolean) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_type_function';
CREATE FUNCTION vault_data.type_is_used(name text) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_type_is_used';

CREATE FUNCTION vault_data.warnings(days integer[]) RETURNS interval[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT pg_catalog.array_agg(pg_catalog.make_interval(days => d.days) ORDER BY d.number) FROM pg_catalog.unnest(days) WITH ORDINALITY AS d (days, number)
$$;

/* What a type says where the tenant has set nothing. */
CREATE VIEW vault.types WITH (security_barrier) AS
SELECT b.name, b.description, true AS built_in, b.fields, NULL::text AS validator, NULL::text AS generator, b.generates,
	b.min_length, b.max_length, NULL::text[] AS classes, NULL::text AS excluded, NULL::text AS prefix, b.min_entropy, b.generated_length, b.history,
	pg_catalog.make_interval(days => b.rotation_days) AS rotation_interval, pg_catalog.make_interval(days => b.lifetime_days) AS max_lifetime,
	pg_catalog.make_interval(days => b.recovery_days) AS recovery_window, vault_data.warnings(b.warn_days) AS warn_at, NULL::timestamptz AS created_at
FROM vault_data.builtin_types() b
UNION ALL
SELECT t.name, t.description, false, NULL, t.validator, t.generator, true,
	t.min_length, t.max_length, t.classes, t.excluded, t.prefix, t.min_entropy, t.generated_length, COALESCE(t.history, 0),
	t.rotation_interval, t.max_lifetime, t.recovery_window, t.warn_at, t.created_at
FROM vault_data.secret_type t;
COMMENT ON VIEW vault.types IS 'types of secrets: what is asked of their values, and when these are due';

CREATE VIEW vault.type_policies WITH (security_barrier) AS
SELECT t.name AS tenant, p.type, p.min_length, p.max_length, p.classes, p.excluded, p.prefix, p.min_entropy, p.generated_length, p.history,
	p.rotation_interval, p.max_lifetime, p.recovery_window, p.warn_at, p.created_at, p.updated_at
FROM vault_data.type_policy p JOIN vault_data.tenant t ON t.tenant_id = p.tenant_id
WHERE p.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.type_policies IS 'what tenants set for types, in place of what the view types says; NULL leaves that';

/* How long values of a type last in a tenant: for expiry, rotation and deletion. */
CREATE FUNCTION vault_data.type_lifecycle(p_tenant uuid, p_type text)
RETURNS TABLE (rotation_interval interval, max_lifetime interval, recovery_window interval, warn_at interval[])
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(p.rotation_interval, t.rotation_interval), COALESCE(p.max_lifetime, t.max_lifetime),
		COALESCE(p.recovery_window, t.recovery_window), COALESCE(p.warn_at, t.warn_at)
	FROM (SELECT b.name, pg_catalog.make_interval(days => b.rotation_days) AS rotation_interval, pg_catalog.make_interval(days => b.lifetime_days) AS max_lifetime,
			pg_catalog.make_interval(days => b.recovery_days) AS recovery_window, vault_data.warnings(b.warn_days) AS warn_at
		FROM vault_data.builtin_types() b
		UNION ALL
		SELECT a.name, a.rotation_interval, a.max_lifetime, a.recovery_window, a.warn_at FROM vault_data.secret_type a) AS t
		LEFT JOIN vault_data.type_policy p ON p.tenant_id = p_tenant AND p.type = t.name
	WHERE t.name = p_type
$$;

/* Raises 22023 for the first setting that makes no sense. */
CREATE FUNCTION vault_data.check_type_settings(p_min_length integer, p_max_length integer, p_classes text[], p_excluded text, p_prefix text,
	p_min_entropy integer, p_generated_length integer, p_history integer, p_rotation_interval interval, p_max_lifetime interval,
	p_recovery_window interval, p_warn_at interval[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_min_length NOT BETWEEN 1 AND 1024 THEN
		PERFORM vault_data.fail('22023', 'invalid min_length: it is not between 1 and 1024', 'Give a number of bytes.');
	ELSIF p_max_length NOT BETWEEN 1 AND 1048576 OR p_max_length < p_min_length THEN
		PERFORM vault_data.fail('22023', 'invalid max_length: it is below min_length, or not between 1 and 1048576', 'Give a number of bytes.');
	ELSIF NOT p_classes <@ ARRAY['lower', 'upper', 'digit', 'symbol'] OR pg_catalog.array_position(p_classes, NULL) IS NOT NULL THEN
		PERFORM vault_data.fail('22023', 'invalid classes: there is no such class', 'Classes are lower, upper, digit and symbol.');
	ELSIF p_excluded !~ '^[!-~]{0,64}$' THEN
		PERFORM vault_data.fail('22023', 'invalid excluded: it is not up to 64 printable ASCII characters', 'Give the characters one after the other.');
	ELSIF p_prefix !~ '^[!-~]{0,32}$' THEN
		PERFORM vault_data.fail('22023', 'invalid prefix: it is not up to 32 printable ASCII characters', 'Give what every value begins with.');
	ELSIF p_min_entropy NOT BETWEEN 0 AND 512 THEN
		PERFORM vault_data.fail('22023', 'invalid min_entropy: it is not between 0 and 512', 'Give a number of bits.');
	ELSIF p_generated_length NOT BETWEEN 8 AND 1024 OR p_generated_length < p_min_length OR p_generated_length > p_max_length THEN
		PERFORM vault_data.fail('22023', 'invalid generated_length: it is not between 8 and 1024, or not between min_length and max_length', 'Give a number of bytes.');
	ELSIF p_history NOT BETWEEN 0 AND 50 THEN
		PERFORM vault_data.fail('22023', 'invalid history: it is not between 0 and 50', 'Give how many versions back a value must not come again.');
	ELSIF p_rotation_interval < '1 minute' THEN
		PERFORM vault_data.fail('22023', 'invalid rotation_interval: it is below one minute', 'Give an interval such as ''90 days''.');
	ELSIF p_max_lifetime < '1 second' THEN
		PERFORM vault_data.fail('22023', 'invalid max_lifetime: it is below one second', 'Give an interval such as ''1 year''.');
	ELSIF p_recovery_window NOT BETWEEN '7 days' AND '90 days' THEN
		PERFORM vault_data.fail('22023', 'invalid recovery_window: it is not between 7 and 90 days', 'Give an interval such as ''30 days''.');
	ELSIF pg_catalog.cardinality(p_warn_at) > 8 OR pg_catalog.array_ndims(p_warn_at) > 1 OR '1 second' > ANY (p_warn_at)
		OR pg_catalog.array_position(p_warn_at, NULL) IS NOT NULL
	THEN
		PERFORM vault_data.fail('22023', 'invalid warn_at: it is not up to 8 positive intervals', 'Give for example ARRAY[interval ''30 days'', interval ''1 day''].');
	END IF;
END
$$;

CREATE FUNCTION vault_data.create_type(p_name text, p_description text, p_validator regprocedure, p_generator regprocedure,
	p_min_length integer, p_max_length integer, p_classes text[], p_excluded text, p_prefix text,
	p_min_entropy integer, p_generated_length integer, p_history integer, p_rotation_interval interval, p_max_lifetime interval,
	p_recovery_window interval, p_warn_at interval[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_name IS NULL OR p_name !~ '^[a-z][a-z0-9_]{0,19}$' THEN
		PERFORM vault_data.fail('22023', 'invalid type name: it is not 1 to 20 lower-case letters, digits and underscores, a letter first', 'Choose another name.');
	ELSIF p_description IS NULL OR p_description = '' OR pg_catalog.octet_length(p_description) > 1024 THEN
		PERFORM vault_data.fail('22023', 'invalid description: it is empty or longer than 1024 bytes', 'Say what such a secret is.');
	ELSIF EXISTS (SELECT FROM vault_data.builtin_types() b WHERE b.name = p_name) OR EXISTS (SELECT FROM vault_data.secret_type t WHERE t.name = p_name) THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('type "%s" exists already', p_name), 'Choose another name, or change it with vault.alter_type().');
	END IF;
	PERFORM vault_data.check_type_settings(p_min_length, p_max_length, p_classes, p_excluded, p_prefix, p_min_entropy, p_generated_length,
		p_history, p_rotation_interval, p_max_lifetime, p_recovery_window, p_warn_at);
	PERFORM vault_data.note(pg_catalog.format('type %s', p_name));
	INSERT INTO vault_data.secret_type (id, name, description, validator, generator, min_length, max_length, classes, excluded, prefix,
		min_entropy, generated_length, history, rotation_interval, max_lifetime, recovery_window, warn_at)
	VALUES (vault_data.new_id(), p_name, p_description, vault_data.type_function(p_validator, true), vault_data.type_function(p_generator, false),
		p_min_length, p_max_length, p_classes, p_excluded, p_prefix, p_min_entropy, p_generated_length, p_history, p_rotation_interval,
		p_max_lifetime, p_recovery_window, p_warn_at);
END
$$;
CREATE FUNCTION vault.create_type(name text, description text, validator regprocedure DEFAULT NULL, generator regprocedure DEFAULT NULL,
	min_length integer DEFAULT NULL, max_length integer DEFAULT NULL, classes text[] DEFAULT NULL, excluded text DEFAULT NULL, prefix text DEFAULT NULL,
	min_entropy integer DEFAULT NULL, generated_length integer DEFAULT NULL, history integer DEFAULT NULL,
	rotation_interval interval DEFAULT NULL, max_lifetime interval DEFAULT NULL, recovery_window interval DEFAULT NULL,
	warn_at interval[] DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.create_type(text, text, regprocedure, regprocedure, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[]) IS 'adds a type for all tenants, checked and made up by functions of a superuser if need be';

CREATE FUNCTION vault_data.alter_type(p_name text, p_description text, p_validator regprocedure, p_generator regprocedure,
	p_min_length integer, p_max_length integer, p_classes text[], p_excluded text, p_prefix text,
	p_min_entropy integer, p_generated_length integer, p_history integer, p_rotation_interval interval, p_max_lifetime interval,
	p_recovery_window interval, p_warn_at interval[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	t vault_data.secret_type;
BEGIN
	SELECT * INTO t FROM vault_data.secret_type s WHERE s.name = p_name FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such type that was added', 'The view vault.types shows them; for a built-in one a tenant sets a policy with vault.set_type_policy().');
	ELSIF p_description = '' OR pg_catalog.octet_length(p_description) > 1024 THEN
		PERFORM vault_data.fail('22023', 'invalid description: it is empty or longer than 1024 bytes', 'Say what such a secret is.');
	END IF;
	PERFORM vault_data.check_type_settings(COALESCE(p_min_length, t.min_length), COALESCE(p_max_length, t.max_length), p_classes, p_excluded, p_prefix,
		p_min_entropy, COALESCE(p_generated_length, t.generated_length), p_history, p_rotation_interval, p_max_lifetime, p_recovery_window, p_warn_at);
	PERFORM vault_data.note(pg_catalog.format('type %s', p_name));
	UPDATE vault_data.secret_type SET description = COALESCE(p_description, description),
		validator = COALESCE(vault_data.type_function(p_validator, true), validator),
		generator = COALESCE(vault_data.type_function(p_generator, false), generator),
		min_length = COALESCE(p_min_length, min_length), max_length = COALESCE(p_max_length, max_length),
		classes = COALESCE(p_classes, classes), excluded = COALESCE(p_excluded, excluded), prefix = COALESCE(p_prefix, prefix),
		min_entropy = COALESCE(p_min_entropy, min_entropy), generated_length = COALESCE(p_generated_length, generated_length),
		history = COALESCE(p_history, history), rotation_interval = COALESCE(p_rotation_interval, rotation_interval),
		max_lifetime = COALESCE(p_max_lifetime, max_lifetime), recovery_window = COALESCE(p_recovery_window, recovery_window),
		warn_at = COALESCE(p_warn_at, warn_at)
	WHERE id = t.id;
END
$$;
CREATE FUNCTION vault.alter_type(name text, description text DEFAULT NULL, validator regprocedure DEFAULT NULL, generator regprocedure DEFAULT NULL,
	min_length integer DEFAULT NULL, max_length integer DEFAULT NULL, classes text[] DEFAULT NULL, excluded text DEFAULT NULL, prefix text DEFAULT NULL,
	min_entropy integer DEFAULT NULL, generated_length integer DEFAULT NULL, history integer DEFAULT NULL,
	rotation_interval interval DEFAULT NULL, max_lifetime interval DEFAULT NULL, recovery_window interval DEFAULT NULL,
	warn_at interval[] DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.alter_type(text, text, regprocedure, regprocedure, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[]) IS 'changes a type that was added; what is not given stays as it is';

CREATE FUNCTION vault_data.drop_type(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF vault_data.type_is_used(p_name) THEN
		PERFORM vault_data.fail('2BP01', pg_catalog.format('type "%s" is the type of secrets', p_name), 'Secrets keep their type; a type is dropped when the last of its secrets is purged.');
	END IF;
	PERFORM vault_data.note(pg_catalog.format('type %s', p_name));
	DELETE FROM vault_data.secret_type WHERE name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such type that was added', 'The view vault.types shows them.');
	END IF;
END
$$;
CREATE FUNCTION vault.drop_type(name text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.drop_type(text) IS 'takes a type away that was added and that no secret has';

CREATE FUNCTION vault_data.set_type_policy(p_type text, p_min_length integer, p_max_length integer, p_classes text[], p_excluded text, p_prefix text,
	p_min_entropy integer, p_generated_length integer, p_history integer, p_rotation_interval interval, p_max_lifetime interval,
	p_recovery_window interval, p_warn_at interval[], p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	takes_policy boolean;
	takes_strength boolean;
BEGIN
	PERFORM vault_data.require_administrator();
	SELECT b.takes_policy, b.min_entropy IS NOT NULL INTO takes_policy, takes_strength FROM vault_data.builtin_types() b WHERE b.name = p_type
	UNION ALL SELECT true, true FROM vault_data.secret_type t WHERE t.name = p_type;
	IF takes_policy IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid type: there is no such type', 'The view vault.types shows what there is.');
	ELSIF NOT takes_policy AND (p_min_length IS NOT NULL OR p_max_length IS NOT NULL OR p_classes IS NOT NULL OR p_excluded IS NOT NULL
		OR p_prefix IS NOT NULL OR (p_min_entropy IS NOT NULL AND NOT takes_strength) OR p_generated_length IS NOT NULL)
	THEN
		PERFORM vault_data.fail('22023', 'invalid type: the characters of its values are no matter of a policy',
			'Set history, rotation_interval, max_lifetime, recovery_window or warn_at; or use type password or api_key.');
	END IF;
	PERFORM vault_data.check_type_settings(p_min_length, p_max_length, p_classes, p_excluded, p_prefix, p_min_entropy, p_generated_length,
		p_history, p_rotation_interval, p_max_lifetime, p_recovery_window, p_warn_at);
	PERFORM vault_data.note(pg_catalog.format('type %s', p_type));
	INSERT INTO vault_data.type_policy (tenant_id, id, type, min_length, max_length, classes, excluded, prefix,
		min_entropy, generated_length, history, rotation_interval, max_lifetime, recovery_window, warn_at)
	VALUES (this_tenant, vault_data.new_id(), p_type, p_min_length, p_max_length, p_classes, p_excluded, p_prefix, p_min_entropy,
		p_generated_length, p_history, p_rotation_interval, p_max_lifetime, p_recovery_window, p_warn_at)
	ON CONFLICT (tenant_id, type) DO UPDATE SET min_length = EXCLUDED.min_length, max_length = EXCLUDED.max_length, classes = EXCLUDED.classes,
		excluded = EXCLUDED.excluded, prefix = EXCLUDED.prefix, min_entropy = EXCLUDED.min_entropy, generated_length = EXCLUDED.generated_length,
		history = EXCLUDED.history, rotation_interval = EXCLUDED.rotation_interval, max_lifetime = EXCLUDED.max_lifetime,
		recovery_window = EXCLUDED.recovery_window, warn_at = EXCLUDED.warn_at, updated_at = pg_catalog.clock_timestamp();
END
$$;
CREATE FUNCTION vault.set_type_policy(type text, min_length integer DEFAULT NULL, max_length integer DEFAULT NULL, classes text[] DEFAULT NULL,
	excluded text DEFAULT NULL, prefix text DEFAULT NULL, min_entropy integer DEFAULT NULL, generated_length integer DEFAULT NULL,
	history integer DEFAULT NULL, rotation_interval interval DEFAULT NULL, max_lifetime interval DEFAULT NULL,
	recovery_window interval DEFAULT NULL, warn_at interval[] DEFAULT NULL, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_type_policy(text, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[], text) IS 'sets what a tenant asks of the values of a type, in place of what was set before; NULL leaves it to the type';

CREATE FUNCTION vault_data.reset_type_policy(p_type text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.note(pg_catalog.format('type %s', p_type));
	DELETE FROM vault_data.type_policy WHERE tenant_id = this_tenant AND type = p_type;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the tenant has no policy for this type', 'The view vault.type_policies shows them.');
	END IF;
END
$$;
CREATE FUNCTION vault.reset_type_policy(type text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.reset_type_policy(text, text) IS 'takes away what a tenant set for a type';

ALTER VIEW vault.types OWNER TO vault_owner;
ALTER VIEW vault.type_policies OWNER TO vault_owner;
REVOKE ALL ON vault.types, vault.type_policies FROM PUBLIC;
GRANT SELECT ON vault.types, vault.type_policies TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.builtin_types(), vault_data.warnings(integer[]) TO vault_client, vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault.create_type(text, text, regprocedure, regprocedure, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[]),
	vault.alter_type(text, text, regprocedure, regprocedure, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[]),
	vault.drop_type(text) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.set_type_policy(text, integer, integer, text[], text, text, integer, integer, integer, interval, interval, interval, interval[], text),
	vault.reset_type_policy(text, text) TO vault_client, vault_admin;

/*
 * Secrets and their versions.
 *
 * A label is a column of the head, so there is one current version, at most one
 * pending and at most one previous one by construction.  last_version only
 * grows, so a number is never used twice.  An envelope that was destroyed is gone
 * and its row stays. The envelope of the head is a copy of the current version's, if
 * it is small: most reads need no second row. The version is in what the envelope is
 * bound to, so a copy that does not fit fails to open.
 *
 * metadata is what the type knows of a value and is no secret; the head has that of the
 * current version. expires_at of a version is what its value or its type says. fingerprint
 * tells, under a key, whether a value was there before; it outlives the value.
 *
 * Constraints are few and short: the executor reads each from its text at every
 * statement. What only the code of this feature writes, it checks itself.
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

/*
 * The primary keys come last on purpose: while a table is nearly empty every index
 * on tenant_id costs the planner the same, it takes the newest, and a kept plan
 * lives long.
 */
ALTER TABLE vault_data.secret ADD PRIMARY KEY (tenant_id, id);

CREATE TABLE vault_data.secret_version (
	tenant_id      uuid NOT NULL,
	secret_id      uuid NOT NULL,
	version        integer NOT NULL,
	key_generation integer,
	envelope       vault.envelope,
	created_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by     uuid,
	destroyed_at   timestamptz,
	metadata       jsonb,
	expires_at     timestamptz,
	fingerprint    bytea,
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
/* Statistics would show names and tags of all tenants to whoever may read pg_statistic. */
ALTER TABLE vault_data.secret ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN environment SET STATISTICS 0,
	ALTER COLUMN description SET STATISTICS 0, ALTER COLUMN tags SET STATISTICS 0, ALTER COLUMN envelope SET STATISTICS 0;
ALTER TABLE vault_data.secret ALTER COLUMN metadata SET STATISTICS 0;
ALTER TABLE vault_data.secret_version ALTER COLUMN envelope SET STATISTICS 0, ALTER COLUMN metadata SET STATISTICS 0,
	ALTER COLUMN fingerprint SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.secret', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.secret_version', '');
ALTER TABLE vault_data.secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.secret_version ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.secret
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.secret_version
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE FUNCTION vault_data.state_of(purge_at timestamptz, deactivated_at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN purge_at IS NOT NULL THEN 'deleted' WHEN deactivated_at IS NOT NULL THEN 'deactivated' ELSE 'active' END;

COMMENT ON FUNCTION vault_data.state_of(timestamptz, timestamptz) IS 'state of a secret, from the dates of its head';

CREATE FUNCTION vault_data.seal_next(id uuid, version integer, type text, active boolean, purge_at timestamptz,
	current_version integer, copy vault.envelope) RETURNS vault.envelope
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_seal_next';
COMMENT ON FUNCTION vault_data.seal_next(uuid, integer, text, boolean, timestamptz, integer, vault.envelope) IS 'seals what put or rotate is about to store, inside the update of the head';

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
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.secret
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('secret', 'name', 'environment', 'type', 'current_version',
		'pending_version', 'expires_at', 'deactivated_at', 'deleted_at', '*description', '*tags', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.secret_version
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-secret_version', 'secret_id', 'version', 'key_generation', '*envelope', 'destroyed_at', 'expires_at', '*metadata', '*fingerprint');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.secret
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER counter;
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.secret_version ENABLE ALWAYS TRIGGER counter;
ALTER TABLE vault_data.secret_version ENABLE ALWAYS TRIGGER audit;

CREATE FUNCTION vault.put(name text, value text, type text DEFAULT 'generic', environment text DEFAULT NULL,
	description text DEFAULT NULL, tags jsonb DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current') RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_put_text';
COMMENT ON FUNCTION vault.put(text, text, text, text, text, jsonb, timestamptz, integer, text) IS 'stores a new version of a secret and returns its number; makes the secret if there is none';

CREATE FUNCTION vault.put(name text, value bytea, type text DEFAULT 'generic', environment text DEFAULT NULL,
	description text DEFAULT NULL, tags jsonb DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current') RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_put_bytes';
COMMENT ON FUNCTION vault.put(text, bytea, text, text, text, jsonb, timestamptz, integer, text) IS 'stores a new version of a binary secret and returns its number';

CREATE FUNCTION vault.put(name text, value jsonb, type text DEFAULT 'generic', environment text DEFAULT NULL,
	description text DEFAULT NULL, tags jsonb DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current') RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_put_json';
COMMENT ON FUNCTION vault.put(text, jsonb, text, text, text, jsonb, timestamptz, integer, text) IS 'stores a new version of a JSON secret and returns its number';

CREATE FUNCTION vault.rotate(name text, new_value text DEFAULT NULL, environment text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate';
COMMENT ON FUNCTION vault.rotate(text, text, text) IS 'makes a new version current, of the value given or of one made up by its type, and returns its number';

CREATE FUNCTION vault.get(name text, version integer DEFAULT NULL, environment text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get';
COMMENT ON FUNCTION vault.get(text, integer, text) IS 'the value of a secret: of its current version, or of the one asked for';

CREATE FUNCTION vault.get_bytes(name text, version integer DEFAULT NULL, environment text DEFAULT NULL) RETURNS bytea
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_bytes';
COMMENT ON FUNCTION vault.get_bytes(text, integer, text) IS 'the value of a secret as bytes';

CREATE FUNCTION vault.get_json(name text, version integer DEFAULT NULL, environment text DEFAULT NULL) RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_json';
COMMENT ON FUNCTION vault.get_json(text, integer, text) IS 'the value of a secret as jsonb';

CREATE FUNCTION vault.get_many(name_pattern text, environment text DEFAULT NULL)
RETURNS TABLE (name text, environment text, version integer, value text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_many';
COMMENT ON FUNCTION vault.get_many(text, text) IS 'names and values of every text secret that matches and that the caller may read';

CREATE FUNCTION vault.get_field(name text, field text, version integer DEFAULT NULL, environment text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_get_field';
COMMENT ON FUNCTION vault.get_field(text, text, integer, text) IS 'a part of the value of a secret, by the name that its type gives it';

CREATE FUNCTION vault.conninfo(name text, environment text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_conninfo';
COMMENT ON FUNCTION vault.conninfo(text, text) IS 'the connection string for libpq of a secret of type database';

CREATE FUNCTION vault.database_url(name text, environment text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_database_url';
COMMENT ON FUNCTION vault.database_url(text, text) IS 'the URL of a secret of type database';

CREATE FUNCTION vault.generate(type text DEFAULT 'password', length integer DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_generate';
COMMENT ON FUNCTION vault.generate(text, integer) IS 'a random value that fits the type and its policy; it is not stored';

CREATE FUNCTION vault.rewrap(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rewrap';
COMMENT ON FUNCTION vault.rewrap(integer) IS 'moves versions under the active key of their tenant; returns how many; those that others hold are left for the next call';

CREATE VIEW vault.secrets WITH (security_barrier) AS
SELECT s.id, t.name AS tenant, s.name, s.environment, s.type, s.description, s.tags, s.current_version,
	vault_data.state_of(s.purge_at, s.deactivated_at) AS state,
	s.created_at, s.updated_at, s.expires_at, s.deleted_at, s.purge_at, s.previous_version, s.pending_version, s.metadata
FROM vault_data.secret s JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.secrets IS 'secrets without their values: those that the caller has any permission on, all for operators and auditors';

CREATE VIEW vault.versions WITH (security_barrier) AS
SELECT t.name AS tenant, s.name, s.environment, v.version,
	CASE v.version WHEN s.current_version THEN 'current' WHEN s.pending_version THEN 'pending'
		WHEN s.previous_version THEN 'previous' END AS label,
	v.created_at, p.name AS created_by, v.key_generation, v.destroyed_at, v.metadata
FROM vault_data.secret_version v
	JOIN vault_data.secret s ON s.tenant_id = v.tenant_id AND s.id = v.secret_id
	JOIN vault_data.tenant t ON t.tenant_id = v.tenant_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = v.tenant_id AND p.id = v.created_by
WHERE s.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.versions IS 'versions of the secrets that the caller has any permission on, without their values';

ALTER VIEW vault.secrets OWNER TO vault_owner;
ALTER VIEW vault.versions OWNER TO vault_owner;
REVOKE ALL ON vault.secrets, vault.versions FROM PUBLIC;
GRANT SELECT ON vault.secrets, vault.versions TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	vault.put(text, text, text, text, text, jsonb, timestamptz, integer, text),
	vault.put(text, bytea, text, text, text, jsonb, timestamptz, integer, text),
	vault.put(text, jsonb, text, text, text, jsonb, timestamptz, integer, text),
	vault.rotate(text, text, text), vault.get(text, integer, text), vault.get_bytes(text, integer, text),
	vault.get_json(text, integer, text), vault.get_many(text, text), vault.get_field(text, text, integer, text),
	vault.conninfo(text, text), vault.database_url(text, text), vault.generate(text, integer) TO vault_client;
GRANT EXECUTE ON FUNCTION vault_data.state_of(timestamptz, timestamptz) TO vault_client, vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault.rewrap(integer) TO vault_admin;

/*
 * What becomes of secrets: found, labelled, renamed, tagged, deactivated, deleted,
 * recovered, destroyed, purged.  No value is touched here.
 */
CREATE FUNCTION vault_data.secret_id(name text, environment text) RETURNS uuid
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_secret_id';
COMMENT ON FUNCTION vault_data.secret_id(text, text) IS 'id of a secret of the door''s tenant, found without a planner';

CREATE FUNCTION vault_data.find_secret(p_permission text, p_name text, p_environment text) RETURNS vault_data.secret
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	env text := vault_data.environment(p_environment);
	found_row vault_data.secret;
BEGIN
	PERFORM vault_data.check_name(p_name);
	PERFORM vault_data.check_identifier('environment', env);
	PERFORM vault_data.require(p_permission, p_name, env);
	SELECT * INTO found_row FROM vault_data.secret
	WHERE tenant_id = vault.current_tenant_id() AND id = vault_data.secret_id(p_name, env) AND name = p_name FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('VT005', pg_catalog.format('no secret "%s" in environment "%s"', p_name, env),
			'vault.list() shows what there is.');
	END IF;
	RETURN found_row;
END
$$;

CREATE FUNCTION vault_data.require_not_deleted(p_secret vault_data.secret) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_secret.purge_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT008', pg_catalog.format('secret is deleted, recoverable until %s', p_secret.purge_at),
			'vault.undelete() brings it back.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.list(p_pattern text, p_environment text)
RETURNS TABLE (name text, environment text, type text, state text, current_version integer, description text,
	tags jsonb, updated_at timestamptz, expires_at timestamptz)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	env text := vault_data.environment(p_environment);
BEGIN
	PERFORM vault_data.check_pattern(p_pattern);
	PERFORM vault_data.check_identifier('environment', env);
	RETURN QUERY
	SELECT s.name, s.environment, s.type, vault_data.state_of(s.purge_at, s.deactivated_at), s.current_version, s.description, s.tags, s.updated_at, s.expires_at
	FROM vault_data.secret s
	WHERE s.tenant_id = vault.current_tenant_id() AND s.environment = env
		AND vault_data.name_matches(s.name, p_pattern) AND vault_data.permitted('list', s.name, s.environment)
	ORDER BY s.name;
END
$$;
CREATE FUNCTION vault.list(name_pattern text DEFAULT '**', environment text DEFAULT NULL)
RETURNS TABLE (name text, environment text, type text, state text, current_version integer, description text,
	tags jsonb, updated_at timestamptz, expires_at timestamptz)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.list(text, text) IS 'the secrets that match and that the caller has any permission on, without their values';

CREATE FUNCTION vault_data.describe(p_name text, p_environment text)
RETURNS TABLE (name text, environment text, type text, state text, description text, tags jsonb,
	current_version integer, previous_version integer, pending_version integer, versions integer,
	created_at timestamptz, updated_at timestamptz, expires_at timestamptz, deleted_at timestamptz, purge_at timestamptz, metadata jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('list', p_name, p_environment);
BEGIN
	RETURN QUERY SELECT s.name, s.environment, s.type, vault_data.state_of(s.purge_at, s.deactivated_at), s.description, s.tags, s.current_version,
		s.previous_version, s.pending_version,
		(SELECT pg_catalog.count(*)::integer FROM vault_data.secret_version v WHERE v.tenant_id = s.tenant_id AND v.secret_id = s.id),
		s.created_at, s.updated_at, s.expires_at, s.deleted_at, s.purge_at, s.metadata;
END
$$;
CREATE FUNCTION vault.describe(name text, environment text DEFAULT NULL)
RETURNS TABLE (name text, environment text, type text, state text, description text, tags jsonb,
	current_version integer, previous_version integer, pending_version integer, versions integer,
	created_at timestamptz, updated_at timestamptz, expires_at timestamptz, deleted_at timestamptz, purge_at timestamptz, metadata jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.describe(text, text) IS 'one secret without its value; any permission on the name suffices';

CREATE FUNCTION vault_data.small(envelope vault.envelope) RETURNS vault.envelope
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_small';
COMMENT ON FUNCTION vault_data.small(vault.envelope) IS 'the envelope if it is small enough for a copy in the head, else NULL';

CREATE FUNCTION vault_data.rollback(p_name text, p_to_version integer, p_environment text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	target integer := COALESCE(p_to_version, s.previous_version);
	v vault_data.secret_version;
BEGIN
	PERFORM vault_data.require_not_deleted(s);
	SELECT * INTO v FROM vault_data.secret_version
	WHERE tenant_id = s.tenant_id AND secret_id = s.id AND version = target FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('VT005', CASE WHEN target IS NULL THEN 'the secret has no previous version'
			ELSE pg_catalog.format('no version %s of the secret', target) END, 'The view vault.versions shows what there is.');
	END IF;
	IF v.destroyed_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT009', pg_catalog.format('version %s was destroyed', target), 'Roll back to another version.');
	END IF;
	IF target <> s.current_version THEN
		UPDATE vault_data.secret SET current_version = target, previous_version = s.current_version,
			pending_version = NULLIF(pending_version, target),
			envelope = vault_data.small(v.envelope), metadata = v.metadata,
			/* What a value or its type says of its end comes and goes with the version. */
			expires_at = CASE WHEN v.expires_at IS NOT NULL THEN v.expires_at
				WHEN expires_at = (SELECT c.expires_at FROM vault_data.secret_version c
					WHERE c.tenant_id = s.tenant_id AND c.secret_id = s.id AND c.version = s.current_version) THEN NULL
				ELSE expires_at END,
			updated_at = pg_catalog.clock_timestamp()
		WHERE tenant_id = s.tenant_id AND id = s.id;
	END IF;
	RETURN target;
END
$$;
CREATE FUNCTION vault.rollback(name text, to_version integer DEFAULT NULL, environment text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.rollback(text, integer, text) IS 'makes another version current (the previous one unless told, or a pending one) and returns its number';

CREATE FUNCTION vault_data.set_secret_state(p_permission text, p_name text, p_environment text, p_deactivate boolean, p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret(p_permission, p_name, p_environment);
BEGIN
	PERFORM vault_data.require_not_deleted(s);
	IF p_reason IS NULL OR pg_catalog.btrim(p_reason) = '' OR pg_catalog.octet_length(p_reason) > 255 THEN
		PERFORM vault_data.fail('22023', 'invalid reason: it is empty or longer than 255 bytes', 'Say why, for the audit trail.');
	END IF;
	IF p_deactivate = (s.deactivated_at IS NOT NULL) THEN
		PERFORM vault_data.fail('55000', pg_catalog.format('secret is %s', vault_data.state_of(s.purge_at, s.deactivated_at)), 'vault.describe() shows its state.');
	END IF;
	PERFORM vault_data.note(p_reason);
	UPDATE vault_data.secret SET deactivated_at = CASE WHEN p_deactivate THEN pg_catalog.clock_timestamp() END, updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id;
END
$$;

CREATE FUNCTION vault_data.deactivate(p_name text, p_reason text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_secret_state('delete', p_name, p_environment, true, p_reason);
END
$$;
CREATE FUNCTION vault.deactivate(name text, reason text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.deactivate(text, text, text) IS 'makes a secret unreadable until it is reactivated';

CREATE FUNCTION vault_data.reactivate(p_name text, p_reason text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_secret_state('delete', p_name, p_environment, false, p_reason);
END
$$;
CREATE FUNCTION vault.reactivate(name text, reason text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.reactivate(text, text, text) IS 'ends a deactivation';

CREATE FUNCTION vault_data.delete(p_name text, p_environment text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
	until timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(s);
	SELECT pg_catalog.clock_timestamp() + COALESCE((SELECT l.recovery_window FROM vault_data.type_lifecycle(t.tenant_id, s.type) l), t.recovery_window) INTO until FROM vault_data.tenant t WHERE t.tenant_id = s.tenant_id;
	PERFORM vault_data.require_authentic(t) FROM vault_data.tenant t WHERE t.tenant_id = s.tenant_id;
	PERFORM vault_data.require_authentic(t) FROM vault_data.secret_type t WHERE t.name = s.type;
	PERFORM vault_data.require_authentic(p) FROM vault_data.type_policy p WHERE p.tenant_id = s.tenant_id AND p.type = s.type;
	UPDATE vault_data.secret SET deleted_at = pg_catalog.clock_timestamp(), purge_at = until,
		updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id;
	RETURN until;
END
$$;
CREATE FUNCTION vault.delete(name text, environment text DEFAULT NULL) RETURNS timestamptz
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.delete(text, text) IS 'takes a secret out of use; returns until when vault.undelete() brings it back';

CREATE FUNCTION vault_data.undelete(p_name text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	IF s.purge_at IS NULL THEN
		PERFORM vault_data.fail('55000', 'secret is not deleted', 'vault.describe() shows its state.');
	ELSIF s.purge_at <= pg_catalog.clock_timestamp() THEN
		PERFORM vault_data.fail('VT008', pg_catalog.format('secret was recoverable until %s', s.purge_at),
			'Its name is free again after the next vault.purge().');
	END IF;
	UPDATE vault_data.secret SET deleted_at = NULL, purge_at = NULL, updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id;
END
$$;
CREATE FUNCTION vault.undelete(name text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.undelete(text, text) IS 'brings a deleted secret back, within its recovery window';

CREATE FUNCTION vault_data.destroy(p_name text, p_version integer, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	UPDATE vault_data.secret_version SET envelope = NULL, key_generation = NULL, metadata = NULL, destroyed_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND secret_id = s.id AND version = p_version AND destroyed_at IS NULL;
	IF NOT FOUND AND EXISTS (SELECT FROM vault_data.secret_version
		WHERE tenant_id = s.tenant_id AND secret_id = s.id AND version = p_version)
	THEN
		PERFORM vault_data.fail('VT009', pg_catalog.format('version %s was destroyed', p_version), 'Nothing is left to destroy.');
	ELSIF NOT FOUND THEN
		PERFORM vault_data.fail('VT005', 'no such version of the secret', 'The view vault.versions shows what there is.');
	END IF;
	PERFORM vault_data.note(pg_catalog.format('version %s', p_version), p_version);
	UPDATE vault_data.secret SET updated_at = pg_catalog.clock_timestamp(),
		envelope = CASE WHEN current_version <> p_version THEN envelope END,
		metadata = CASE WHEN current_version <> p_version THEN metadata END
	WHERE tenant_id = s.tenant_id AND id = s.id;
END
$$;
CREATE FUNCTION vault.destroy(name text, version integer, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.destroy(text, integer, text) IS 'removes the ciphertext of one version for good; its number stays used';

CREATE FUNCTION vault_data.rename(p_name text, p_new_name text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	PERFORM vault_data.check_name(p_new_name);
	/* Another name may be readable by others: whoever renames must be able to do all that by hand. */
	PERFORM vault_data.require('read', p_name, s.environment);
	PERFORM vault_data.require('write', p_name, s.environment);
	PERFORM vault_data.require('write', p_new_name, s.environment);
	PERFORM vault_data.require_not_deleted(s);
	IF vault_data.secret_id(p_new_name, s.environment) IS NOT NULL THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('secret "%s" exists already', p_new_name), 'Choose another name.');
	END IF;
	UPDATE vault_data.secret SET name = p_new_name, updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id;
END
$$;
CREATE FUNCTION vault.rename(name text, new_name text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.rename(text, text, text) IS 'gives a secret another name, with all its versions';

CREATE FUNCTION vault_data.tag(p_name text, p_tags jsonb, p_environment text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('write', p_name, p_environment);
	merged jsonb;
BEGIN
	PERFORM vault_data.require_not_deleted(s);
	IF p_tags IS NULL OR pg_catalog.jsonb_typeof(p_tags) <> 'object' THEN
		PERFORM vault_data.fail('22023', 'invalid tags: they are not a JSON object', 'Give {"team": "payments"}; null takes a tag away.');
	END IF;
	merged := pg_catalog.jsonb_strip_nulls(s.tags || p_tags);
	PERFORM vault_data.check_tags(merged);
	UPDATE vault_data.secret SET tags = merged, updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id;
	RETURN merged;
END
$$;
CREATE FUNCTION vault_data.check_tags(tags jsonb) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_tags';
CREATE FUNCTION vault.tag(name text, tags jsonb, environment text DEFAULT NULL) RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.tag(text, jsonb, text) IS 'adds and replaces tags, null takes one away; returns all of them';

CREATE FUNCTION vault_data.purge(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	tenant_name text;
	gone integer;
	total integer := 0;
BEGIN
	IF p_max_rows IS NULL OR p_max_rows <= 0 THEN
		PERFORM vault_data.fail('22023', 'invalid max_rows: it is not positive', 'Give the size of a batch.');
	END IF;
	FOREACH tenant_name IN ARRAY vault_data.tenant_names() LOOP
		PERFORM vault_data.enter_tenant(tenant_name);
		DELETE FROM vault_data.secret s WHERE s.tenant_id = vault.current_tenant_id() AND s.id = ANY (ARRAY(
			SELECT d.id FROM vault_data.secret d
			WHERE d.tenant_id = vault.current_tenant_id()
				AND d.purge_at <= pg_catalog.clock_timestamp() AND vault_data.is_authentic(d)
			LIMIT p_max_rows - total FOR UPDATE SKIP LOCKED));
		GET DIAGNOSTICS gone = ROW_COUNT;
		total := total + gone;
		EXIT WHEN total >= p_max_rows;
	END LOOP;
	RETURN total;
END
$$;
CREATE FUNCTION vault.purge(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.purge(integer) IS 'removes deleted secrets whose recovery window is over; returns how many';

CREATE FUNCTION vault_data.destroy_tenant(p_name text, p_confirm text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_name);
BEGIN
	IF p_confirm IS DISTINCT FROM p_name THEN
		PERFORM vault_data.fail('22023', 'invalid confirm: it is not the name of the tenant',
			'Give the name once more; this cannot be undone.');
	END IF;
	PERFORM vault_data.note('keys destroyed');
	DELETE FROM vault_data.tenant_key WHERE tenant_id = this_tenant;
	DELETE FROM vault_data.secret WHERE tenant_id = this_tenant;
	DELETE FROM vault_data.principal WHERE tenant_id = this_tenant;
	DELETE FROM vault_data.token_issuer WHERE tenant_id = this_tenant;
	DELETE FROM vault_data.token_role WHERE tenant_id = this_tenant;
	DELETE FROM vault_data.type_policy WHERE tenant_id = this_tenant;
	UPDATE vault_data.tenant SET state = 'destroyed' WHERE tenant_id = this_tenant;
END
$$;
CREATE FUNCTION vault.destroy_tenant(name text, confirm text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.destroy_tenant(text, text) IS 'destroys the keys of a tenant and with them all of its secrets; its audit trail stays. confirm is its name once more';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA vault_data TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.list(text, text), vault.describe(text, text), vault.rollback(text, integer, text),
	vault.deactivate(text, text, text), vault.reactivate(text, text, text), vault.delete(text, text),
	vault.undelete(text, text), vault.destroy(text, integer, text), vault.rename(text, text, text),
	vault.tag(text, jsonb, text) TO vault_client;
GRANT EXECUTE ON FUNCTION vault.purge(integer), vault.destroy_tenant(text, text) TO vault_admin;

/*
 * Certificates: a file that needs a passphrase comes in, and what certificates say of themselves is
 * shown. The facts are those that the type kept with the current version; none is a secret.
 */
CREATE FUNCTION vault.import_certificate(name text, bundle bytea, passphrase text DEFAULT NULL, environment text DEFAULT NULL,
	description text DEFAULT NULL, tags jsonb DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current') RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_import_certificate';
COMMENT ON FUNCTION vault.import_certificate(text, bytea, text, text, text, jsonb, timestamptz, integer, text) IS 'stores a certificate from PKCS#12, DER or PEM that a passphrase may open, and returns the number of the version';

CREATE VIEW vault.certificates WITH (security_barrier) AS
SELECT t.name AS tenant, s.name, s.environment, vault_data.state_of(s.purge_at, s.deactivated_at) AS state,
	s.metadata ->> 'subject' AS subject, s.metadata ->> 'issuer' AS issuer, s.metadata ->> 'serial' AS serial,
	ARRAY(SELECT pg_catalog.jsonb_array_elements_text(s.metadata -> 'sans')) AS sans,
	(s.metadata ->> 'not_before')::timestamptz AS not_before, (s.metadata ->> 'not_after')::timestamptz AS not_after,
	(s.metadata ->> 'valid_until')::timestamptz AS valid_until,
	pg_catalog.floor(EXTRACT(epoch FROM (s.metadata ->> 'valid_until')::timestamptz - pg_catalog.clock_timestamp()) / 86400)::integer AS days_left,
	s.metadata ->> 'key_type' AS key_type, (s.metadata ->> 'key_bits')::integer AS key_bits,
	s.metadata ->> 'signature_algorithm' AS signature_algorithm, s.metadata ->> 'fingerprint' AS fingerprint,
	(s.metadata ->> 'self_signed')::boolean AS self_signed, (s.metadata ->> 'chain_length')::integer AS chain_length,
	(s.metadata ->> 'has_private_key')::boolean AS has_private_key
FROM vault_data.secret s JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
WHERE s.type = 'certificate' AND s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.certificates IS 'what certificates say of themselves: those that the caller has any permission on, all for operators and auditors';

ALTER VIEW vault.certificates OWNER TO vault_owner;
REVOKE ALL ON vault.certificates FROM PUBLIC;
GRANT SELECT ON vault.certificates TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON FUNCTION vault.import_certificate(text, bytea, text, text, text, jsonb, timestamptz, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.import_certificate(text, bytea, text, text, text, jsonb, timestamptz, integer, text) TO vault_client;

/*
 * Review of access: why a decision is as it is, and who may do what. Both tell what the code
 * that decides says.
 */
CREATE FUNCTION vault_data.explain_grants(subject uuid, permission text, name text, environment text, at timestamptz, from_address inet, service text, tls boolean)
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text, environments text[], applies boolean, reason text, via text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_explain_grants';

CREATE FUNCTION vault_data.explain_access(p_principal text, p_permission text, p_name text, p_environment text, p_at timestamptz, p_from_address inet,
	p_tenant text, p_service text, p_tls boolean)
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text, environments text[], applies boolean, reason text, via text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	env text := vault_data.environment(p_environment);
	subject uuid;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	PERFORM vault_data.check_permissions(ARRAY[p_permission]);
	PERFORM vault_data.check_name(p_name);
	PERFORM vault_data.check_identifier('environment', env);
	PERFORM vault_data.check_services(ARRAY[p_service]) WHERE p_service IS NOT NULL;
	SELECT p.id INTO subject FROM vault_data.principal p WHERE p.tenant_id = this_tenant AND p.name = p_principal ORDER BY p.kind = 'built-in role' LIMIT 1;
	IF subject IS NULL OR subject IS DISTINCT FROM vault_data.caller_principal() THEN
		IF NOT vault_data.is_auditor() THEN
			PERFORM vault_data.require_administrator();
		END IF;
		IF subject IS NULL THEN
			subject := vault_data.find_principal(this_tenant, p_principal);
		END IF;
	END IF;
	RETURN QUERY SELECT * FROM vault_data.explain_grants(subject, p_permission, p_name, env, p_at, p_from_address, p_service, p_tls);
END
$$;
CREATE FUNCTION vault.explain_access(principal text, permission text, name text, environment text DEFAULT NULL, at timestamptz DEFAULT NULL,
	from_address inet DEFAULT NULL, tenant text DEFAULT NULL, service text DEFAULT NULL, tls boolean DEFAULT NULL)
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text, environments text[], applies boolean, reason text, via text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.explain_access(text, text, text, text, timestamptz, inet, text, text, boolean) IS 'every grant of the principal and its roles with whether it applies in that situation and why; the last row is the decision and the grant that made it';

CREATE FUNCTION vault_data.access_of(tenant uuid, principal uuid, name text, environment text, OUT permissions text[], OUT conditional text[], OUT via text[])
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_access_of';

CREATE VIEW vault.access_matrix WITH (security_barrier) AS
SELECT t.name AS tenant, p.name AS principal, s.name AS secret, s.environment, a.permissions, a.conditional, a.via
FROM vault_data.secret s
	JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = s.tenant_id AND p.kind IN ('user', 'service')
	CROSS JOIN LATERAL vault_data.access_of(s.tenant_id, p.id, s.name, s.environment) a
WHERE s.deleted_at IS NULL AND s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(p.tenant_id, p.id) AND vault_data.sees_secret(s.tenant_id, s.name, s.environment)
	AND a.permissions IS NOT NULL;
COMMENT ON VIEW vault.access_matrix IS 'what each principal may do with each secret, what of it hangs on conditions, and through which roles: one''s own, all of the tenant for its administrators and auditors, all for operators and auditors of the vault';

ALTER VIEW vault.access_matrix OWNER TO vault_owner;
REVOKE ALL ON vault.access_matrix FROM PUBLIC;
GRANT SELECT ON vault.access_matrix TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.explain_grants(uuid, text, text, text, timestamptz, inet, text, boolean),
	vault_data.explain_access(text, text, text, text, timestamptz, inet, text, text, boolean) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault_data.access_of(uuid, uuid, text, text) TO vault_client, vault_admin, vault_auditor, vault_owner, vault_exec;
GRANT EXECUTE ON FUNCTION vault.explain_access(text, text, text, text, timestamptz, inet, text, text, boolean) TO vault_client, vault_admin;

/*
 * Policy as data: principals, roles, memberships and grants of a tenant as one JSON document,
 * and what has to change to make the tenant as a document says.
 *
 * A document is brought into one form first: lists sorted, no nulls, blocks and windows as they
 * are stored. So two that mean the same are equal, and differences are differences of sets.
 * Applying one goes through the same checks as the single calls.
 */
CREATE FUNCTION vault_data.refuse_document(field text, fault text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.fail('22023', pg_catalog.format('invalid document: %s: %s', field, fault), 'vault.export_policy() shows the form.');
END
$$;

CREATE FUNCTION vault_data.document_text(item jsonb, field text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.jsonb_typeof(item->field) NOT IN ('string', 'null') THEN
		PERFORM vault_data.refuse_document(field, 'it is not a string');
	END IF;
	RETURN item->>field;
END
$$;

CREATE FUNCTION vault_data.document_flag(item jsonb, field text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.jsonb_typeof(item->field) NOT IN ('boolean', 'null') THEN
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
	IF given IS NOT NULL AND given !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9:]{2,6})$' THEN
		PERFORM vault_data.refuse_document(field, 'it is not a time such as 2026-12-31T00:00:00Z');
	END IF;
	RETURN given::timestamptz;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
	PERFORM vault_data.refuse_document(field, 'there is no such time');
END
$$;

CREATE FUNCTION vault_data.document_list(item jsonb, field text) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.jsonb_typeof(item->field) = 'null' OR NOT item ? field THEN
		RETURN NULL;
	END IF;
	IF pg_catalog.jsonb_typeof(item->field) <> 'array'
		OR EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(item->field) AS e WHERE pg_catalog.jsonb_typeof(e) <> 'string')
	THEN
		PERFORM vault_data.refuse_document(field, 'it is not a list of strings');
	END IF;
	RETURN ARRAY(SELECT e FROM pg_catalog.jsonb_array_elements_text(item->field) AS e);
END
$$;

CREATE FUNCTION vault_data.require_fields(item jsonb, section text, known text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.jsonb_typeof(item) <> 'object' THEN
		PERFORM vault_data.refuse_document(section, 'it is not an object');
	END IF;
	IF item - known <> '{}' THEN
		PERFORM vault_data.refuse_document(section, 'it has a field that is not known');
	END IF;
END
$$;

CREATE FUNCTION vault_data.sorted(given text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT pg_catalog.array_agg(DISTINCT e COLLATE "C" ORDER BY e COLLATE "C") FROM pg_catalog.unnest(given) AS e
$$;

CREATE FUNCTION vault_data.grant_document(g vault_data.access_grant, grantee text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('grantee', grantee, 'effect', g.effect, 'permissions', vault_data.sorted(g.permissions),
		'name_pattern', g.name_pattern, 'environments', vault_data.sorted(g.environments), 'addresses', vault_data.sorted(g.addresses),
		'windows', vault_data.sorted(g.windows), 'services', vault_data.sorted(g.services), 'require_tls', g.require_tls,
		'require_session_user', g.require_session_user, 'valid_from', g.valid_from, 'valid_until', g.valid_until))
$$;

/* Checked, but for the grantee. */
CREATE FUNCTION vault_data.grant_from_document(item jsonb) RETURNS vault_data.access_grant
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	PERFORM vault_data.require_fields(item, 'grants', ARRAY['grantee', 'effect', 'permissions', 'name_pattern', 'environments', 'addresses',
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

/* The tenant as a document. Issuers will be a list beside the others. */
CREATE FUNCTION vault_data.policy_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT pg_catalog.jsonb_build_object('format', 'vault-policy-v1',
		'principals', (SELECT COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', p.name, 'kind', p.kind, 'db_roles',
				(SELECT COALESCE(pg_catalog.jsonb_agg(b.role_name ORDER BY b.role_name), '[]') FROM vault_data.principal_binding b
				WHERE b.tenant_id = p_tenant AND b.principal_id = p.id AND vault_data.is_live(b))) ORDER BY p.name), '[]')
			FROM vault_data.principal p WHERE p.tenant_id = p_tenant AND p.kind IN ('user', 'service')),
		'roles', (SELECT COALESCE(pg_catalog.jsonb_agg(p.name ORDER BY p.name), '[]') FROM vault_data.principal p WHERE p.tenant_id = p_tenant AND p.kind = 'role'),
		'members', (SELECT COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('role', r.name, 'member', p.name) ORDER BY r.name, p.name), '[]')
			FROM vault_data.role_member m JOIN vault_data.principal r ON r.tenant_id = m.tenant_id AND r.id = m.role_id
				JOIN vault_data.principal p ON p.tenant_id = m.tenant_id AND p.id = m.member_id WHERE m.tenant_id = p_tenant),
		'grants', (SELECT COALESCE(pg_catalog.jsonb_agg(g.document ORDER BY g.document), '[]') FROM (
			SELECT DISTINCT vault_data.grant_document(a, p.name) AS document FROM vault_data.access_grant a
				JOIN vault_data.principal p ON p.tenant_id = a.tenant_id AND p.id = a.principal_id WHERE a.tenant_id = p_tenant) AS g))
$$;

CREATE FUNCTION vault_data.export_policy(p_tenant text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	IF NOT vault_data.is_auditor() THEN
		PERFORM vault_data.require_administrator();
	END IF;
	PERFORM vault_data.require_authentic_rows(this_tenant);
	RETURN vault_data.policy_document(this_tenant);
END
$$;
CREATE FUNCTION vault.export_policy(tenant text DEFAULT NULL) RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.export_policy(text) IS 'principals, roles, memberships and grants of the tenant as one JSON document';

/* Its section, each of at most 10,000 elements; that of `have` if it has none. */
CREATE FUNCTION vault_data.document_section(document jsonb, have jsonb, section text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given jsonb := COALESCE(document->section, have->section, '[]');
BEGIN
	IF pg_catalog.jsonb_typeof(given) <> 'array' THEN
		PERFORM vault_data.refuse_document(section, 'it is not a list');
	END IF;
	IF pg_catalog.jsonb_array_length(given) > 10000 THEN
		PERFORM vault_data.refuse_document(section, 'it has more than 10000 elements');
	END IF;
	RETURN given;
END
$$;

CREATE FUNCTION vault_data.read_principals(given jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	item jsonb;
BEGIN
	FOR item IN SELECT e FROM pg_catalog.jsonb_array_elements(given) AS e LOOP
		PERFORM vault_data.require_fields(item, 'principals', ARRAY['name', 'kind', 'db_roles']);
		PERFORM vault_data.check_identifier('principal name', vault_data.document_text(item, 'name'));
		IF COALESCE(vault_data.document_text(item, 'kind') NOT IN ('user', 'service'), true) THEN
			PERFORM vault_data.refuse_document('kind', 'a principal is a user or a service');
		END IF;
		PERFORM vault_data.document_list(item, 'db_roles');
	END LOOP;
	RETURN given;
END
$$;

CREATE FUNCTION vault_data.read_members(given jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	item jsonb;
BEGIN
	FOR item IN SELECT e FROM pg_catalog.jsonb_array_elements(given) AS e LOOP
		PERFORM vault_data.require_fields(item, 'members', ARRAY['role', 'member']);
		PERFORM vault_data.check_identifier('role', vault_data.document_text(item, 'role'));
		PERFORM vault_data.check_identifier('member', vault_data.document_text(item, 'member'));
	END LOOP;
	RETURN given;
END
$$;

CREATE FUNCTION vault_data.read_grants(given jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	item jsonb;
	grantee text;
	canonical jsonb[] := '{}';
BEGIN
	FOR item IN SELECT e FROM pg_catalog.jsonb_array_elements(given) AS e LOOP
		PERFORM vault_data.require_fields(item, 'grants', ARRAY[]::text[]) WHERE pg_catalog.jsonb_typeof(item) <> 'object';
		grantee := vault_data.check_identifier('grantee', vault_data.document_text(item, 'grantee'));
		canonical := canonical || vault_data.grant_document(vault_data.grant_from_document(item), grantee);
	END LOOP;
	RETURN pg_catalog.to_jsonb(canonical);
END
$$;

/* Memberships and grants name what is there, or will be. */
CREATE FUNCTION vault_data.require_names(have jsonb, want jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	holders text[] := ARRAY(SELECT e->>'name' FROM pg_catalog.jsonb_array_elements((have->'principals') || (want->'principals')) AS e
		UNION SELECT e FROM pg_catalog.jsonb_array_elements_text(want->'roles') AS e);
	roles text[] := ARRAY(SELECT e FROM pg_catalog.jsonb_array_elements_text(want->'roles') AS e
		UNION SELECT p.name FROM vault_data.principal p WHERE p.tenant_id = vault.current_tenant_id() AND p.kind = 'built-in role');
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(want->'grants') AS e WHERE NOT e->>'grantee' = ANY (holders)) THEN
		PERFORM vault_data.refuse_document('grants', 'a grantee is no principal or role');
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(want->'members') AS e WHERE NOT (e->>'role' = ANY (roles) AND e->>'member' = ANY (holders))) THEN
		PERFORM vault_data.refuse_document('members', 'there is no such role, or the member is no principal or role');
	END IF;
END
$$;

/* The document in the form of policy_document(), or 22023. */
CREATE FUNCTION vault_data.read_document(document jsonb, have jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	roles jsonb;
	want jsonb;
BEGIN
	IF document IS NULL OR pg_catalog.pg_column_size(document) > 4194304 THEN
		PERFORM vault_data.refuse_document('size', 'it is null, or larger than 4 MiB');
	END IF;
	PERFORM vault_data.require_fields(document, 'document', ARRAY['format', 'principals', 'roles', 'members', 'grants']);
	IF document->>'format' IS DISTINCT FROM 'vault-policy-v1' THEN
		PERFORM vault_data.refuse_document('format', 'it is not vault-policy-v1');
	END IF;
	roles := vault_data.document_section(document, have, 'roles');
	PERFORM vault_data.check_identifier('role name', r)
	FROM pg_catalog.unnest(vault_data.document_list(pg_catalog.jsonb_build_object('roles', roles), 'roles')) AS r;
	want := pg_catalog.jsonb_build_object('roles', roles,
		'principals', vault_data.read_principals(vault_data.document_section(document, have, 'principals')),
		'members', vault_data.read_members(vault_data.document_section(document, have, 'members')),
		'grants', vault_data.read_grants(vault_data.document_section(document, have, 'grants')));
	PERFORM vault_data.require_names(have, want);
	RETURN want;
END
$$;

/*
 * In the order in which they can be made. Principals are added and bound, never taken away:
 * a document that forgets one must not lock it out of what it has elsewhere.
 */
CREATE FUNCTION vault_data.policy_differences(have jsonb, want jsonb) RETURNS TABLE (step integer, action text, kind text, name text, detail jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH section (key) AS (VALUES ('principals'), ('roles'), ('members'), ('grants')),
	had AS (SELECT DISTINCT s.key, e AS item FROM section s, pg_catalog.jsonb_array_elements(have->s.key) AS e),
	wanted AS (SELECT DISTINCT s.key, e AS item FROM section s, pg_catalog.jsonb_array_elements(want->s.key) AS e),
	bound AS (SELECT h.item->>'name' AS name, r FROM had h, pg_catalog.jsonb_array_elements_text(h.item->'db_roles') AS r WHERE h.key = 'principals'),
	binding AS (SELECT DISTINCT w.item->>'name' AS name, r FROM wanted w, pg_catalog.jsonb_array_elements_text(COALESCE(w.item->'db_roles', '[]')) AS r WHERE w.key = 'principals'),
	missing AS (SELECT * FROM wanted EXCEPT ALL SELECT * FROM had),
	surplus AS (SELECT * FROM had EXCEPT ALL SELECT * FROM wanted)
	SELECT * FROM (
		SELECT DISTINCT 1, 'add', 'principal', w.item->>'name', pg_catalog.jsonb_build_object('kind', w.item->>'kind') FROM wanted w
		WHERE w.key = 'principals' AND NOT EXISTS (SELECT FROM had h WHERE h.key = 'principals' AND h.item->>'name' = w.item->>'name' AND h.item->>'kind' = w.item->>'kind')
		UNION ALL SELECT 2, 'add', 'binding', b.name, pg_catalog.jsonb_build_object('db_role', b.r) FROM (SELECT * FROM binding EXCEPT SELECT * FROM bound) AS b
		UNION ALL SELECT 3, 'add', 'role', m.item #>> '{}', NULL FROM missing m WHERE m.key = 'roles'
		UNION ALL SELECT 4, 'add', 'grant', m.item->>'grantee', m.item - 'grantee' FROM missing m WHERE m.key = 'grants'
		UNION ALL SELECT 5, 'add', 'member', m.item->>'role', m.item - 'role' FROM missing m WHERE m.key = 'members'
		UNION ALL SELECT 6, 'remove', 'member', s.item->>'role', s.item - 'role' FROM surplus s WHERE s.key = 'members'
		UNION ALL SELECT 7, 'remove', 'grant', s.item->>'grantee', s.item - 'grantee' FROM surplus s WHERE s.key = 'grants'
		UNION ALL SELECT 8, 'remove', 'role', s.item #>> '{}', NULL FROM surplus s WHERE s.key = 'roles') AS d (step, action, kind, name, detail)
	ORDER BY d.step, d.name COLLATE "C", d.detail
$$;

/*
 * Whoever is bound to a principal has all that it holds: to bind a role is to hand that out.
 * Operators bind what holds nothing and is nobody's yet, as when they make it.
 */
CREATE FUNCTION vault_data.add_binding(p_tenant uuid, p_principal uuid, p_db_role text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT vault_data.may_change_member(p_principal, false) AND (vault_data.is_administrator() OR NOT vault_data.holds_nothing(p_principal)
		OR EXISTS (SELECT FROM vault_data.principal_binding b WHERE b.tenant_id = p_tenant AND b.principal_id = p_principal))
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	PERFORM vault_data.bind_role(p_principal, p_db_role);
END
$$;

CREATE FUNCTION vault_data.apply_difference(p_tenant uuid, p_step integer, p_name text, p_detail jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	CASE p_step
	WHEN 1 THEN PERFORM vault_data.create_principal(p_name, p_detail->>'kind', NULL, NULL);
	WHEN 2 THEN PERFORM vault_data.add_binding(p_tenant, vault_data.find_principal(p_tenant, p_name), p_detail->>'db_role');
	WHEN 3 THEN PERFORM vault_data.create_role(p_name, NULL);
	WHEN 4 THEN
		given := vault_data.grant_from_document(p_detail);
		given.principal_id := vault_data.find_principal(p_tenant, p_name);
		PERFORM vault_data.give(given);
	WHEN 5 THEN PERFORM vault_data.add_member(p_name, p_detail->>'member');
	WHEN 6 THEN PERFORM vault_data.remove_member(p_name, p_detail->>'member');
	WHEN 7 THEN
		PERFORM vault_data.revoke(g.id) FROM vault_data.access_grant g
		WHERE g.tenant_id = p_tenant AND g.principal_id = vault_data.find_principal(p_tenant, p_name) AND vault_data.grant_document(g, NULL) = p_detail;
	WHEN 8 THEN PERFORM vault_data.drop_role(p_name, NULL);
	END CASE;
END
$$;

CREATE FUNCTION vault_data.import_policy(p_document jsonb, p_dry_run boolean, p_tenant text) RETURNS TABLE (action text, kind text, name text, detail jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	have jsonb;
	want jsonb;
	step integer;
BEGIN
	PERFORM vault_data.require_administrator();
	IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM vault_data.fail('25001', 'a policy cannot be imported in REPEATABLE READ or SERIALIZABLE', 'Call it in a transaction of READ COMMITTED.');
	END IF;
	IF NOT COALESCE(p_dry_run, true) THEN
		PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	END IF;
	PERFORM vault_data.require_authentic_rows(this_tenant);
	have := vault_data.policy_document(this_tenant);
	want := vault_data.read_document(p_document, have);
	FOR step, action, kind, name, detail IN SELECT * FROM vault_data.policy_differences(have, want) LOOP
		IF NOT COALESCE(p_dry_run, true) THEN
			PERFORM vault_data.apply_difference(this_tenant, step, name, detail);
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
CREATE FUNCTION vault.import_policy(document jsonb, dry_run boolean DEFAULT true, tenant text DEFAULT NULL) RETURNS TABLE (action text, kind text, name text, detail jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.import_policy(jsonb, boolean, text) IS 'makes roles, memberships and grants of the tenant as the document says and adds its principals, or only lists what would change';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.refuse_document(text, text), vault_data.document_text(jsonb, text), vault_data.document_flag(jsonb, text),
	vault_data.document_time(jsonb, text), vault_data.document_list(jsonb, text), vault_data.require_fields(jsonb, text, text[]), vault_data.sorted(text[]),
	vault_data.grant_document(vault_data.access_grant, text), vault_data.grant_from_document(jsonb), vault_data.policy_document(uuid), vault_data.export_policy(text),
	vault_data.document_section(jsonb, jsonb, text), vault_data.read_principals(jsonb), vault_data.read_members(jsonb), vault_data.read_grants(jsonb),
	vault_data.require_names(jsonb, jsonb), vault_data.read_document(jsonb, jsonb), vault_data.policy_differences(jsonb, jsonb), vault_data.add_binding(uuid, uuid, text), vault_data.apply_difference(uuid, integer, text, jsonb),
	vault_data.import_policy(jsonb, boolean, text) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.export_policy(text), vault.import_policy(jsonb, boolean, text) TO vault_client, vault_admin;

/*
 * verify: what was changed outside vault. Rows against their MACs, rows against the
 * trail, envelopes against their keys, and the catalogue against the script that made
 * the extension. Functions here are STABLE, so that each sees tables and trail as of one moment.
 */

/* Statements of the script, which no superuser can change with SQL; NULL if it cannot be read. */
CREATE FUNCTION vault_data.install_statements() RETURNS text[]
LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_install_statements';

/* Whether an envelope opens where it stands; generation NULL: the one that it names. */
CREATE FUNCTION vault_data.opens(tenant uuid, secret uuid, type text, version integer, generation integer, envelope vault.envelope) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_opens';

/* An expression as it was written and as the server prints it, made comparable. */
CREATE FUNCTION vault_data.plain(expression text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT pg_catalog.regexp_replace(pg_catalog.lower(expression), '[[:space:]()]', '', 'g')
$$;

CREATE FUNCTION vault_data.verify_functions(statements text[]) RETURNS TABLE (name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH made AS (
		SELECT pg_catalog.replace(m[1], '"', '') AS name, pg_catalog.replace(s, 'MODULE_' || 'PATHNAME', '$libdir/vault') AS text, pg_catalog.count(*) OVER (PARTITION BY m[1]) AS times
		FROM pg_catalog.unnest(statements) AS s, pg_catalog.regexp_match(s, '^CREATE FUNCTION ([^( ]+)') AS m
		WHERE m IS NOT NULL
	), found AS (
		SELECT p.*, l.lanname, p.pronamespace::regnamespace || '.' || p.proname AS name,
			pg_catalog.count(*) OVER (PARTITION BY p.pronamespace, p.proname) AS times
		FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
		WHERE p.pronamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
	)
	SELECT f.name, 'function is not as the script made it' FROM found f
	WHERE NOT EXISTS (SELECT FROM made m
		WHERE m.name = f.name AND m.times = f.times
			AND CASE WHEN f.lanname = 'c' THEN f.probin = '$libdir/vault'
					AND pg_catalog.strpos(m.text, pg_catalog.format('AS %L, %L', f.probin, f.prosrc)) > 0
				WHEN f.prosqlbody IS NULL THEN pg_catalog.strpos(m.text, 'AS $' || '$' || f.prosrc || '$' || '$') > 0
				ELSE pg_catalog.strpos(m.text, 'RETURN ') > 0 END
			AND (f.lanname = 'c' OR m.text LIKE '%LANGUAGE ' || f.lanname || ' %')
			AND m.text LIKE CASE f.provolatile WHEN 'v' THEN '%VOLATILE%' WHEN 's' THEN '%STABLE%' ELSE '%IMMUTABLE%' END
			AND m.text LIKE CASE f.proparallel WHEN 'u' THEN '%PARALLEL UNSAFE%' WHEN 'r' THEN '%PARALLEL RESTRICTED%' ELSE '%PARALLEL SAFE%' END)
		OR f.prosecdef OR f.proleakproof OR f.proconfig IS NOT NULL
	UNION ALL
	SELECT DISTINCT m.name, 'function is missing' FROM made m WHERE NOT EXISTS (SELECT FROM found f WHERE f.name = m.name)
$$;

/* A trigger as the script or pg_get_triggerdef() says it, in comparable parts. */
CREATE FUNCTION vault_data.trigger_parts(statement text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT ARRAY[m[4] || ': trigger ' || m[1], m[2], (SELECT pg_catalog.string_agg(e, ' ' ORDER BY e) FROM pg_catalog.regexp_split_to_table(m[3], ' OR ') AS e),
		m[5], vault_data.plain(m[6]), pg_catalog.regexp_replace(m[7], '\s+', ' ', 'g')]
	FROM pg_catalog.regexp_match(statement,
		'^CREATE TRIGGER (\S+) (BEFORE|AFTER) (.*) ON (\S+)\s+FOR EACH (ROW|STATEMENT)\s+(?:WHEN (.*)\s+)?EXECUTE FUNCTION (.*)$') AS m
	WHERE m IS NOT NULL
$$;

CREATE FUNCTION vault_data.verify_triggers(statements text[]) RETURNS TABLE (name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH made AS (
		SELECT parts FROM pg_catalog.unnest(statements) AS s, vault_data.trigger_parts(s) AS parts WHERE parts IS NOT NULL
	), found AS (
		/* A month of the trail is made like its default partition. */
		SELECT g.*, g.tgrelid::regclass || ': trigger ' || g.tgname AS name,
			vault_data.trigger_parts(pg_catalog.regexp_replace(pg_catalog.pg_get_triggerdef(g.oid), 'audit_log_\d{4}_\d\d', 'audit_log_default')) AS parts
		FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
		WHERE c.relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
	)
	SELECT parts[1], 'trigger is missing' FROM made WHERE parts[1] NOT IN (SELECT f.name FROM found f)
	UNION ALL
	SELECT f.name, CASE f.tgenabled WHEN 'D' THEN 'trigger is disabled' ELSE 'trigger does not fire in every mode' END
	FROM found f WHERE f.tgenabled <> CASE WHEN f.tgisinternal THEN 'O' ELSE 'A' END
	UNION ALL
	SELECT f.name, 'trigger is not as the script made it' FROM found f
	WHERE NOT f.tgisinternal AND f.tgparentid = 0 AND NOT EXISTS (SELECT FROM made m WHERE m.parts = f.parts)
$$;

CREATE FUNCTION vault_data.verify_policies(statements text[]) RETURNS TABLE (name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH made AS (
		SELECT m[2] || ': policy ' || m[1] AS name, vault_data.plain(m[3]) AS predicate
		FROM pg_catalog.unnest(statements) AS s, pg_catalog.regexp_match(s, '^CREATE POLICY (\S+) ON (\S+)\s+USING (.*)$') AS m
		WHERE m IS NOT NULL
	), found AS (
		SELECT p.polrelid::regclass || ': policy ' || p.polname AS name, vault_data.plain(pg_catalog.pg_get_expr(p.polqual, p.polrelid)) AS predicate,
			p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}' AND p.polwithcheck IS NULL AS plain
		FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = p.polrelid AND d.deptype = 'e'
			JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
		WHERE c.relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace)
	)
	SELECT COALESCE(m.name, f.name), CASE WHEN f.name IS NULL THEN 'policy is missing' ELSE 'policy is not as the script made it' END
	FROM made m FULL JOIN found f ON f.name = m.name
	WHERE m.name IS NULL OR f.name IS NULL OR NOT f.plain OR f.predicate IS DISTINCT FROM m.predicate
$$;

CREATE FUNCTION vault_data.verify_tables(statements text[]) RETURNS TABLE (name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH made AS (
		SELECT m[1] AS name FROM pg_catalog.unnest(statements) AS s, pg_catalog.regexp_match(s, '^CREATE (?:TABLE|VIEW) (\S+)') AS m
		WHERE m IS NOT NULL
	), found AS (
		SELECT c.*, c.oid::regclass::text AS name, EXISTS (SELECT FROM pg_catalog.pg_attribute a
			WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS has_tenant
		FROM pg_catalog.pg_class c
		WHERE c.relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace) AND c.relkind IN ('r', 'p', 'v')
	)
	SELECT m.name, 'table or view is missing' FROM made m WHERE m.name NOT IN (SELECT f.name FROM found f)
	UNION ALL
	SELECT f.name, 'row security is off' FROM found f WHERE f.relkind <> 'v' AND f.has_tenant AND NOT f.relrowsecurity
	UNION ALL
	SELECT f.name, 'row security is not forced' FROM found f WHERE f.relkind <> 'v' AND f.has_tenant AND NOT f.relforcerowsecurity
	UNION ALL
	SELECT f.name, 'the table has a rule' FROM found f WHERE f.relkind <> 'v' AND f.relhasrules
	UNION ALL
	SELECT f.name, 'the view is no security barrier' FROM found f
	WHERE f.relkind = 'v' AND NOT COALESCE('security_barrier=true' = ANY (f.reloptions), false)
	UNION ALL
	SELECT f.name, 'a column has privileges of its own' FROM found f
	WHERE EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = f.oid AND a.attacl IS NOT NULL)
$$;

/* Owners, and privileges compared with those that the script gave, which the server keeps. */
CREATE FUNCTION vault_data.verify_privileges() RETURNS TABLE (name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH found AS (
		SELECT 'pg_class'::regclass AS class, c.oid, c.oid::regclass::text AS name, c.relowner AS owner, 'vault_owner'::regrole::oid AS expected, c.relacl AS acl
		FROM pg_catalog.pg_class c
		WHERE c.relnamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'S')
		UNION ALL
		SELECT 'pg_proc'::regclass, p.oid, p.oid::regprocedure::text, p.proowner, e.extowner, p.proacl
		FROM pg_catalog.pg_proc p, pg_catalog.pg_extension e
		WHERE p.pronamespace IN ('vault'::regnamespace, 'vault_data'::regnamespace) AND e.extname = 'vault'
		UNION ALL
		SELECT 'pg_namespace'::regclass, n.oid, 'schema ' || n.nspname, n.nspowner, e.extowner, n.nspacl
		FROM pg_catalog.pg_namespace n, pg_catalog.pg_extension e
		WHERE n.nspname IN ('vault', 'vault_data') AND e.extname = 'vault'
	)
	SELECT f.name, 'it has another owner' FROM found f WHERE f.owner <> f.expected
	UNION ALL
	SELECT f.name, 'its privileges are not those that the script gave' FROM found f
		JOIN pg_catalog.pg_depend d ON d.classid = f.class AND d.objid = f.oid AND d.deptype = 'e'
		LEFT JOIN pg_catalog.pg_init_privs i ON i.classoid = f.class AND i.objoid = f.oid AND i.objsubid = 0
	WHERE (SELECT pg_catalog.array_agg(a::text ORDER BY a::text) FROM pg_catalog.unnest(f.acl) AS a)
		IS DISTINCT FROM (SELECT pg_catalog.array_agg(a::text ORDER BY a::text) FROM pg_catalog.unnest(i.initprivs) AS a)
	UNION ALL
	SELECT 'role ' || r.rolname, 'the role has attributes or members that the script did not give'
	FROM pg_catalog.pg_roles r
	WHERE r.rolname IN ('vault_owner', 'vault_exec') AND (r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb
		OR r.rolreplication OR r.rolbypassrls OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE r.oid IN (m.roleid, m.member)))
$$;

CREATE FUNCTION vault_data.verify_catalog() RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE AS $$
DECLARE
	statements text[] := vault_data.install_statements();
BEGIN
	object_kind := 'catalog';
	IF statements IS NULL THEN
		fault := 'the installation script cannot be read: functions, triggers and policies were not compared';
		RETURN NEXT;
	END IF;
	FOR name, fault IN
		SELECT f.name, f.fault FROM vault_data.verify_privileges() f
		UNION ALL SELECT f.name, f.fault FROM vault_data.verify_tables(statements) f
		UNION ALL SELECT f.name, f.fault FROM vault_data.verify_functions(statements) f WHERE statements IS NOT NULL
		UNION ALL SELECT f.name, f.fault FROM vault_data.verify_triggers(statements) f WHERE statements IS NOT NULL
		UNION ALL SELECT f.name, f.fault FROM vault_data.verify_policies(statements) f WHERE statements IS NOT NULL
		UNION ALL SELECT 'type ' || t.name, 'changed outside vault' FROM vault_data.secret_type t WHERE NOT vault_data.is_authentic(t)
		ORDER BY 1, 2
	LOOP
		RETURN NEXT;
	END LOOP;
END
$$;

/* Rows that do not fit their MAC. */
CREATE FUNCTION vault_data.verify_rows(p_tenant uuid) RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT r.kind, r.id, r.name, 'changed outside vault' FROM (
		SELECT 'tenant' AS kind, t.tenant_id AS id, t.name, vault_data.is_authentic(t) AS authentic FROM vault_data.tenant t WHERE t.tenant_id = p_tenant
		UNION ALL SELECT 'principal', p.id, p.name, vault_data.is_authentic(p) FROM vault_data.principal p WHERE p.tenant_id = p_tenant
		UNION ALL SELECT 'binding', b.principal_id, b.role_name, vault_data.is_authentic(b) FROM vault_data.principal_binding b WHERE b.tenant_id = p_tenant
		UNION ALL SELECT 'grant', g.id, g.name_pattern, vault_data.is_authentic(g) FROM vault_data.access_grant g WHERE g.tenant_id = p_tenant
		UNION ALL SELECT 'issuer', i.id, i.name, vault_data.is_authentic(i) FROM vault_data.token_issuer i WHERE i.tenant_id = p_tenant
		UNION ALL SELECT 'token_role', NULL, r.role_name, vault_data.is_authentic(r) FROM vault_data.token_role r WHERE r.tenant_id = p_tenant
		UNION ALL SELECT 'token', k.id, NULL, vault_data.is_authentic(k) FROM vault_data.issued_token k WHERE k.tenant_id = p_tenant
		UNION ALL SELECT 'type_policy', y.id, y.type, vault_data.is_authentic(y) FROM vault_data.type_policy y WHERE y.tenant_id = p_tenant
		UNION ALL SELECT 'membership', m.id, r.name, vault_data.is_authentic(m) FROM vault_data.role_member m
			LEFT JOIN vault_data.principal r ON r.tenant_id = m.tenant_id AND r.id = m.role_id WHERE m.tenant_id = p_tenant
		UNION ALL SELECT 'secret', s.id, s.name, vault_data.is_authentic(s) FROM vault_data.secret s WHERE s.tenant_id = p_tenant) AS r
	WHERE NOT r.authentic
$$;

/*
 * Rows against the trail: whether it knows the object, and as it is. Of what retention took
 * from the trail nothing can be said; an object that is younger than the oldest row
 * of the trail must be in it. Of columns that the trail never shows the mac says what it can.
 */
CREATE FUNCTION vault_data.verify_history(p_tenant uuid) RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH oldest AS (
		SELECT pg_catalog.min(a.at) AS at FROM vault_data.audit_log a WHERE a.tenant_id = p_tenant
	), change AS (
		SELECT a.object_kind AS kind, COALESCE(a.object_id, a.tenant_id) AS id, a.detail, a.detail ? 'deleted' AS deletes, a.secret AS name,
			pg_catalog.jsonb_typeof(a.detail->'revision') = 'array' AS updates,
			pg_catalog.substring(CASE pg_catalog.jsonb_typeof(a.detail->'revision') WHEN 'array' THEN a.detail->'revision'->>1 ELSE a.detail->>'revision' END, '^[0-9]{1,9}$')::integer AS revision
		FROM vault_data.audit_log a
		WHERE a.tenant_id = p_tenant AND a.decision = 'allow' AND a.object_kind IN ('tenant', 'principal', 'grant', 'membership', 'issuer', 'token', 'type_policy', 'secret') AND a.detail ? 'revision'
	), told AS (
		SELECT c.kind, c.id, pg_catalog.max(c.name) AS name, pg_catalog.max(c.revision) AS revision, pg_catalog.bool_or(c.deletes) AS deleted,
			pg_catalog.bool_or(NOT c.updates AND NOT c.deletes) AS from_the_start,
			pg_catalog.jsonb_object_agg(e.key, CASE pg_catalog.jsonb_typeof(e.value) WHEN 'array' THEN e.value->>1 ELSE e.value #>> '{}' END ORDER BY c.revision) AS shown
		FROM change c, pg_catalog.jsonb_each(c.detail) AS e GROUP BY c.kind, c.id
	), present AS (
		SELECT 'tenant' AS kind, t.tenant_id AS id, t.name, t.revision, t.created_at,
			pg_catalog.jsonb_build_object('name', t.name, 'state', t.state, 'recovery_window', t.recovery_window::text) AS shown
		FROM vault_data.tenant t WHERE t.tenant_id = p_tenant
		UNION ALL
		SELECT 'principal', p.id, p.name, p.revision, p.created_at, pg_catalog.jsonb_build_object('name', p.name, 'kind', p.kind)
		FROM vault_data.principal p WHERE p.tenant_id = p_tenant
		UNION ALL
		SELECT 'grant', g.id, g.name_pattern, g.revision, g.created_at, pg_catalog.jsonb_build_object('principal_id', g.principal_id::text, 'effect', g.effect,
			'permissions', g.permissions::text, 'name_pattern', g.name_pattern, 'environments', g.environments::text,
			'addresses', g.addresses::text, 'windows', g.windows::text, 'services', g.services::text, 'require_tls', pg_catalog.left(g.require_tls::text, 1),
			'require_session_user', pg_catalog.left(g.require_session_user::text, 1), 'valid_from', g.valid_from::text, 'valid_until', g.valid_until::text)
		FROM vault_data.access_grant g WHERE g.tenant_id = p_tenant
		UNION ALL
		SELECT 'issuer', i.id, i.name, i.revision, i.created_at, pg_catalog.jsonb_build_object('name', i.name, 'issuer', i.issuer, 'audience', i.audience,
			'principal_claim', i.principal_claim, 'tenant_claim', i.tenant_claim, 'role_claim', i.role_claim,
			'address_claim', i.address_claim, 'max_lifetime', i.max_lifetime::text)
		FROM vault_data.token_issuer i WHERE i.tenant_id = p_tenant
		UNION ALL
		SELECT 'token', k.id, NULL, k.revision, k.created_at, pg_catalog.jsonb_build_object('principal_id', k.principal_id::text, 'expires_at', k.expires_at::text,
			'single_use', pg_catalog.left(k.single_use::text, 1))
		FROM vault_data.issued_token k WHERE k.tenant_id = p_tenant
		UNION ALL
		SELECT 'type_policy', y.id, y.type, y.revision, y.created_at, pg_catalog.jsonb_build_object('type', y.type, 'min_length', y.min_length::text,
			'max_length', y.max_length::text, 'classes', y.classes::text, 'excluded', y.excluded, 'prefix', y.prefix, 'min_entropy', y.min_entropy::text,
			'generated_length', y.generated_length::text, 'history', y.history::text, 'rotation_interval', y.rotation_interval::text,
			'max_lifetime', y.max_lifetime::text, 'recovery_window', y.recovery_window::text, 'warn_at', y.warn_at::text)
		FROM vault_data.type_policy y WHERE y.tenant_id = p_tenant
		UNION ALL
		SELECT 'membership', m.id, r.name, m.revision, m.created_at, pg_catalog.jsonb_build_object('role_id', m.role_id::text, 'member_id', m.member_id::text)
		FROM vault_data.role_member m LEFT JOIN vault_data.principal r ON r.tenant_id = m.tenant_id AND r.id = m.role_id WHERE m.tenant_id = p_tenant
		UNION ALL
		SELECT 'secret', s.id, s.name, s.revision, s.created_at, pg_catalog.jsonb_build_object('name', s.name, 'environment', s.environment, 'type', s.type,
			'current_version', s.current_version::text, 'pending_version', s.pending_version::text, 'expires_at', s.expires_at::text,
			'deactivated_at', s.deactivated_at::text, 'deleted_at', s.deleted_at::text)
		FROM vault_data.secret s WHERE s.tenant_id = p_tenant
	), compared AS (
		SELECT COALESCE(p.kind, t.kind) AS kind, COALESCE(p.id, t.id) AS id, COALESCE(p.name, t.shown->>'name', t.shown->>'name_pattern', t.name, t.shown->>'type') AS name, CASE
			WHEN p.id IS NULL THEN CASE WHEN NOT t.deleted THEN 'deleted outside vault' END
			WHEN t.id IS NULL THEN CASE WHEN p.created_at > o.at THEN 'the trail does not know it' END
			WHEN t.deleted THEN 'was deleted, and is there again'
			WHEN p.revision < t.revision THEN 'an old row was put back'
			WHEN p.revision > t.revision THEN 'the trail does not know its last change'
			ELSE (SELECT 'not what the trail says: ' || pg_catalog.string_agg(e.key, ', ' ORDER BY e.key) FROM pg_catalog.jsonb_each_text(p.shown) AS e
				WHERE (t.shown ? e.key OR t.from_the_start) AND e.value IS DISTINCT FROM t.shown->>e.key) END AS fault
		FROM present p FULL JOIN told t ON t.kind = p.kind AND t.id = p.id CROSS JOIN oldest o
	)
	SELECT c.kind, c.id, c.name, c.fault FROM compared c WHERE c.fault IS NOT NULL
$$;

/* Bindings, and roles that show tokens, have no id: they go by the name of the role, which can be bound anew. */
CREATE FUNCTION vault_data.verify_bindings(p_tenant uuid) RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH told AS (
		SELECT DISTINCT ON (a.object_kind, a.detail->>'role_name') a.object_kind AS kind, a.detail->>'role_name' AS name,
			pg_catalog.substring(a.detail->>'principal_id', '^[0-9a-f-]{36}$')::uuid AS principal, a.detail ? 'deleted' AS deleted
		FROM vault_data.audit_log a
		WHERE a.tenant_id = p_tenant AND a.decision = 'allow' AND a.object_kind IN ('binding', 'token_role') AND a.detail ? 'role_name'
		ORDER BY a.object_kind, a.detail->>'role_name', a.id DESC
	), present AS (
		SELECT 'binding' AS kind, b.role_name AS name, b.principal_id AS principal, b.created_at FROM vault_data.principal_binding b WHERE b.tenant_id = p_tenant
		UNION ALL
		SELECT 'token_role', r.role_name, NULL, r.created_at FROM vault_data.token_role r WHERE r.tenant_id = p_tenant
	), compared AS (
		SELECT COALESCE(b.kind, t.kind) AS kind, COALESCE(b.principal, t.principal) AS principal, COALESCE(b.name, t.name) AS name, CASE
			WHEN b.name IS NULL THEN CASE WHEN NOT t.deleted THEN 'deleted outside vault' END
			WHEN t.name IS NULL THEN CASE WHEN b.created_at > (SELECT pg_catalog.min(a.at) FROM vault_data.audit_log a WHERE a.tenant_id = p_tenant)
				THEN 'the trail does not know it' END
			WHEN t.deleted THEN 'was deleted, and is there again'
			WHEN b.principal <> t.principal THEN 'an old row was put back' END AS fault
		FROM present b FULL JOIN told t ON t.kind = b.kind AND t.name = b.name
	)
	SELECT c.kind, c.principal, c.name, c.fault FROM compared c WHERE c.fault IS NOT NULL
$$;

/* Every envelope is opened; nothing of what is in it leaves. */
CREATE FUNCTION vault_data.verify_versions(p_tenant uuid) RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'secret', g.id, g.name, CASE WHEN g.first = g.last THEN pg_catalog.format('version %s is missing', g.first)
		ELSE pg_catalog.format('versions %s to %s are missing', g.first, g.last) END
	FROM (SELECT n.id, n.name, pg_catalog.lag(n.version, 1, 0::bigint) OVER (PARTITION BY n.id ORDER BY n.version) + 1 AS first, n.version - 1 AS last
		FROM (SELECT s.id, s.name, v.version::bigint FROM vault_data.secret s JOIN vault_data.secret_version v
				ON v.tenant_id = s.tenant_id AND v.secret_id = s.id AND v.version <= s.last_version WHERE s.tenant_id = p_tenant
			UNION ALL SELECT s.id, s.name, s.last_version::bigint + 1 FROM vault_data.secret s WHERE s.tenant_id = p_tenant) AS n) AS g
	WHERE g.first <= g.last
	UNION ALL
	SELECT 'secret', s.id, s.name, pg_catalog.format('version %s is higher than the last one', v.version)
	FROM vault_data.secret s JOIN vault_data.secret_version v ON v.tenant_id = s.tenant_id AND v.secret_id = s.id
	WHERE s.tenant_id = p_tenant AND v.version > s.last_version
	UNION ALL
	SELECT 'secret', s.id, s.name, pg_catalog.format('version %s does not open', v.version)
	FROM vault_data.secret s JOIN vault_data.secret_version v ON v.tenant_id = s.tenant_id AND v.secret_id = s.id
	WHERE s.tenant_id = p_tenant AND v.envelope IS NOT NULL
		AND (v.key_generation IS NULL OR NOT vault_data.opens(s.tenant_id, s.id, s.type, v.version, v.key_generation, v.envelope))
	UNION ALL
	SELECT 'secret', s.id, s.name, 'the copy of the current version is not that version'
	FROM vault_data.secret s LEFT JOIN vault_data.secret_version v ON v.tenant_id = s.tenant_id AND v.secret_id = s.id AND v.version = s.current_version
	WHERE s.tenant_id = p_tenant AND s.envelope IS NOT NULL
		AND vault_data.envelope_send(s.envelope) IS DISTINCT FROM vault_data.envelope_send(v.envelope)
	UNION ALL
	SELECT DISTINCT 'secret', s.id, s.name, pg_catalog.format('version %s was destroyed, and is there again', v.version)
	FROM vault_data.audit_log a JOIN vault_data.secret s ON s.tenant_id = a.tenant_id AND s.id = a.object_id
		JOIN vault_data.secret_version v ON v.tenant_id = a.tenant_id AND v.secret_id = a.object_id AND v.version = a.version
	WHERE a.tenant_id = p_tenant AND a.operation = 'destroy' AND a.decision = 'allow' AND v.envelope IS NOT NULL
$$;

CREATE FUNCTION vault_data.verify_tenant(p_tenant uuid) RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT * FROM (
		SELECT * FROM vault_data.verify_rows(p_tenant)
		UNION ALL SELECT * FROM vault_data.verify_history(p_tenant)
		UNION ALL SELECT * FROM vault_data.verify_bindings(p_tenant)
		UNION ALL SELECT * FROM vault_data.verify_versions(p_tenant)) AS f
	ORDER BY 1, 3, 2, 4
$$;

CREATE FUNCTION vault.verify(tenant text DEFAULT NULL) RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_verify';
COMMENT ON FUNCTION vault.verify(text) IS 'what was changed outside vault: rows, envelopes, the extension''s own objects; no rows if nothing was';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.install_statements(), vault_data.opens(uuid, uuid, text, integer, integer, vault.envelope),
	vault_data.plain(text), vault_data.verify_functions(text[]), vault_data.trigger_parts(text), vault_data.verify_triggers(text[]),
	vault_data.verify_policies(text[]), vault_data.verify_tables(text[]), vault_data.verify_privileges(), vault_data.verify_catalog(),
	vault_data.verify_rows(uuid), vault_data.verify_history(uuid), vault_data.verify_bindings(uuid), vault_data.verify_versions(uuid),
	vault_data.verify_tenant(uuid) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.verify(text) TO vault_client, vault_admin, vault_auditor;

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
	PRIMARY KEY (tenant_id, seq)
);
/* What was seen of the trail so far. */
CREATE TABLE vault_data.audit_harvest (
	singleton         boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	snapshot          pg_snapshot NOT NULL,
	system_identifier text NOT NULL,
	floor_id          bigint NOT NULL,
	floor_at          timestamptz NOT NULL,
	newest_id         bigint NOT NULL,
	seals             bigint NOT NULL,
	stepped_at        timestamptz NOT NULL,
	mac               bytea NOT NULL
);
CREATE TABLE vault_data.audit_checkpoint (
	made_at timestamptz PRIMARY KEY,
	note    text NOT NULL
);
CREATE TABLE vault_data.audit_retired (
	tenant_id  uuid NOT NULL,
	month      date NOT NULL,
	rows       bigint NOT NULL,
	retired_at timestamptz NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, month)
);
/* How long a tenant's trail is kept; a row only where somebody said so. */
CREATE TABLE vault_data.audit_policy (
	tenant_id   uuid PRIMARY KEY REFERENCES vault_data.tenant,
	retention   interval NOT NULL DEFAULT '7 years',
	hold_reason text,
	held_at     timestamptz
);
CREATE TABLE vault_data.audit_floor (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	floor     interval NOT NULL
);
ALTER TABLE vault_data.audit_seal OWNER TO vault_owner;
ALTER TABLE vault_data.audit_harvest OWNER TO vault_owner;
ALTER TABLE vault_data.audit_checkpoint OWNER TO vault_owner;
ALTER TABLE vault_data.audit_retired OWNER TO vault_owner;
ALTER TABLE vault_data.audit_policy OWNER TO vault_owner;
ALTER TABLE vault_data.audit_floor OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_seal, vault_data.audit_harvest, vault_data.audit_checkpoint,
	vault_data.audit_retired, vault_data.audit_policy, vault_data.audit_floor FROM PUBLIC;
GRANT SELECT ON vault_data.audit_seal, vault_data.audit_harvest, vault_data.audit_retired TO vault_exec;
GRANT SELECT, INSERT ON vault_data.audit_checkpoint TO vault_exec;
GRANT SELECT, INSERT, UPDATE ON vault_data.audit_policy, vault_data.audit_floor TO vault_exec;
ALTER TABLE vault_data.audit_seal ALTER COLUMN ids SET STATISTICS 0;
ALTER TABLE vault_data.audit_checkpoint ALTER COLUMN note SET STATISTICS 0;
ALTER TABLE vault_data.audit_policy ALTER COLUMN hold_reason SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_seal', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_harvest', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_checkpoint', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_retired', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_policy', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_floor', '');

ALTER TABLE vault_data.audit_seal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.audit_retired ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.audit_policy ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.audit_seal
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.audit_retired
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.audit_policy
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_seal
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_seal
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_seal ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_seal ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_harvest
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_harvest
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_harvest ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_harvest ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_checkpoint
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_checkpoint
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_checkpoint ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_checkpoint ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_retired
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_retired
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_retired ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_retired ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.audit_policy
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('audit_policy', 'retention', 'hold_reason');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.audit_floor
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('audit_floor', 'floor');
ALTER TABLE vault_data.audit_policy ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.audit_floor ENABLE ALWAYS TRIGGER audit;

/*
 * Checking and exporting.
 */
CREATE FUNCTION vault.verify_audit(tenant text DEFAULT NULL, checkpoint text DEFAULT NULL,
	OUT tenant_name text, OUT ok boolean, OUT fault text, OUT seal bigint, OUT id bigint,
	OUT at timestamptz, OUT rows bigint, OUT detail text) RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_verify_audit';
COMMENT ON FUNCTION vault.verify_audit(text, text) IS 'checks the audit trail against its seals and, if one is given, a checkpoint: one row for each tenant, then one for each fault';

CREATE FUNCTION vault.audit_checkpoint() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_checkpoint';
COMMENT ON FUNCTION vault.audit_checkpoint() IS 'a signed note of how far every tenant''s trail has come, to be kept elsewhere';

CREATE FUNCTION vault.audit_public_key() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_public_key';
COMMENT ON FUNCTION vault.audit_public_key() IS 'the key with which anybody can check the signature of a checkpoint';

CREATE FUNCTION vault.export_audit(tenant text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_export_audit';
COMMENT ON FUNCTION vault.export_audit(text, timestamptz, timestamptz) IS 'the audit trail and its seals as lines of JSON, which vault-audit-verify checks without the database';

/*
 * Partitions, one a month (UTC). They are made as tables of their own and then attached, since
 * CREATE TABLE … PARTITION OF would lock out every reader and writer of the trail. They do not
 * belong to the extension, so that a dump holds them.
 */
CREATE FUNCTION vault_data.make_partition(p_month date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	part text := pg_catalog.to_char(p_month, '"audit_log_"YYYY_MM');
	lower_bound timestamptz := p_month::timestamp AT TIME ZONE 'UTC';
	upper_bound timestamptz := (p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC';
	text_column name;
BEGIN
	IF pg_catalog.to_regclass('vault_data.' || part) IS NOT NULL
		OR EXISTS (SELECT FROM vault_data.audit_log_default d WHERE d.at >= lower_bound AND d.at < upper_bound)
	THEN
		RETURN;
	END IF;
	EXECUTE pg_catalog.format('CREATE TABLE vault_data.%I (LIKE vault_data.audit_log)', part);
	EXECUTE pg_catalog.format('ALTER TABLE vault_data.%I OWNER TO vault_owner', part);
	EXECUTE pg_catalog.format('REVOKE ALL ON vault_data.%I FROM PUBLIC', part);
	EXECUTE pg_catalog.format('ALTER TABLE vault_data.%I ADD PRIMARY KEY (tenant_id, at, id)', part);
	EXECUTE pg_catalog.format('CREATE INDEX %I ON vault_data.%I (xid)', part || '_xid', part);
	EXECUTE pg_catalog.format('CREATE INDEX %I ON vault_data.%I USING brin (at)', part || '_at', part);
	EXECUTE pg_catalog.format('ALTER TABLE vault_data.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
	EXECUTE pg_catalog.format('CREATE POLICY tenant ON vault_data.%I USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees())', part);
	EXECUTE pg_catalog.format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.%I FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change()', part);
	EXECUTE pg_catalog.format('ALTER TABLE vault_data.%I ENABLE ALWAYS TRIGGER append_only_truncate', part);
	FOR text_column IN SELECT a.attname FROM pg_catalog.pg_attribute a
		WHERE a.attrelid = 'vault_data.audit_log'::regclass AND a.attstattarget = 0 AND a.attnum > 0
	LOOP
		EXECUTE pg_catalog.format('ALTER TABLE vault_data.%I ALTER COLUMN %I SET STATISTICS 0', part, text_column);
	END LOOP;
	EXECUTE pg_catalog.format('ALTER TABLE vault_data.audit_log ATTACH PARTITION vault_data.%I FOR VALUES FROM (%L) TO (%L)',
		part, lower_bound, upper_bound);
EXCEPTION WHEN lock_not_available THEN
	RAISE LOG 'vault makes the partition % later: the trail was locked', part;
END
$$;

CREATE FUNCTION vault_data.make_partitions(p_ahead integer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_month date := pg_catalog.date_trunc('month', pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')::date;
BEGIN
	FOR n IN 0 .. p_ahead LOOP
		PERFORM vault_data.make_partition((this_month + n * interval '1 month')::date);
	END LOOP;
END
$$;

CREATE FUNCTION vault_data.job_partitions() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_partitions';
COMMENT ON FUNCTION vault_data.job_partitions() IS 'makes the partitions of the audit trail for this month and the next three';

/*
 * Retention: whole months, never before the floor, never under a legal hold.
 */
CREATE FUNCTION vault_data.audit_retention_floor() RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT coalesce((SELECT f.floor FROM vault_data.audit_floor f), '1 year'::interval)
$$;

CREATE FUNCTION vault_data.may_retire(p_tenant uuid, p_month date) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT ((p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC')
			+ greatest(coalesce(p.retention, '7 years'::interval), vault_data.audit_retention_floor()) <= pg_catalog.now()
		AND p.held_at IS NULL
	FROM (SELECT) AS always LEFT JOIN vault_data.audit_policy p ON p.tenant_id = p_tenant
$$;

CREATE FUNCTION vault_data.note_retired(tenant uuid, month date, rows bigint) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_note_retired';

CREATE FUNCTION vault_data.tenants_of(p_partition regclass) RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid;
BEGIN
	EXECUTE pg_catalog.format('SELECT a.tenant_id FROM %s a ORDER BY a.tenant_id LIMIT 1', p_partition) INTO this_tenant;
	WHILE this_tenant IS NOT NULL LOOP
		RETURN NEXT this_tenant;
		EXECUTE pg_catalog.format('SELECT a.tenant_id FROM %s a WHERE a.tenant_id > $1 ORDER BY a.tenant_id LIMIT 1', p_partition)
			INTO this_tenant USING this_tenant;
	END LOOP;
END
$$;

/* A tenant's rows of one month in a partition. */
CREATE FUNCTION vault_data.retire_rows(p_partition regclass, p_tenant uuid, p_month date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	gone bigint;
BEGIN
	EXECUTE pg_catalog.format('DELETE FROM %s a WHERE a.tenant_id = $1 AND a.at >= $2 AND a.at < $3', p_partition)
		USING p_tenant, p_month::timestamp AT TIME ZONE 'UTC', (p_month + interval '1 month')::timestamp AT TIME ZONE 'UTC';
	GET DIAGNOSTICS gone = ROW_COUNT;
	IF gone > 0 THEN
		PERFORM vault_data.note_retired(p_tenant, p_month, gone);
	END IF;
END
$$;

/*
 * The partition of a month: away as a whole if every tenant in it may go. It is emptied first, which
 * locks nothing but itself; to drop it asks for the whole trail, and waits for that
 * only for a moment. What is left empty is dropped another day.
 */
CREATE FUNCTION vault_data.retire_partition(p_partition regclass, p_month date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	tenants uuid[] := ARRAY(SELECT t FROM vault_data.tenants_of(p_partition) t);
	due uuid[] := ARRAY(SELECT t FROM unnest(tenants) t WHERE vault_data.may_retire(t, p_month));
	this_tenant uuid;
	gone bigint;
BEGIN
	IF pg_catalog.cardinality(due) < pg_catalog.cardinality(tenants) THEN
		FOREACH this_tenant IN ARRAY due LOOP
			PERFORM vault_data.retire_rows(p_partition, this_tenant, p_month);
		END LOOP;
		RETURN;
	END IF;
	FOREACH this_tenant IN ARRAY tenants LOOP
		EXECUTE pg_catalog.format('SELECT pg_catalog.count(*) FROM %s a WHERE a.tenant_id = $1', p_partition) INTO gone USING this_tenant;
		PERFORM vault_data.note_retired(this_tenant, p_month, gone);
	END LOOP;
	EXECUTE pg_catalog.format('TRUNCATE %s', p_partition);
	BEGIN
		SET LOCAL lock_timeout = '100ms';
		EXECUTE pg_catalog.format('DROP TABLE %s', p_partition);
	EXCEPTION WHEN lock_not_available THEN
		RAISE LOG 'vault drops the empty partition % later: the trail was in use', p_partition;
	END;
	SET LOCAL lock_timeout = '2s';
END
$$;

CREATE FUNCTION vault_data.retire_default() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid;
	this_month date;
BEGIN
	FOR this_tenant IN SELECT t FROM vault_data.tenants_of('vault_data.audit_log_default') t LOOP
		FOR this_month IN SELECT DISTINCT pg_catalog.date_trunc('month', d.at AT TIME ZONE 'UTC')::date
			FROM vault_data.audit_log_default d WHERE d.tenant_id = this_tenant AND pg_catalog.isfinite(d.at)
		LOOP
			IF vault_data.may_retire(this_tenant, this_month) THEN
				PERFORM vault_data.retire_rows('vault_data.audit_log_default', this_tenant, this_month);
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
	FOR part IN SELECT c.oid::regclass AS name, pg_catalog.to_date(right(c.relname, 7), 'YYYY_MM') AS month
		FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'vault_data.audit_log'::regclass AND c.relname ~ '^audit_log_[0-9]{4}_[0-9]{2}$'
		ORDER BY c.relname
	LOOP
		/* A month that no tenant could retire: nothing to look for. */
		CONTINUE WHEN ((part.month + interval '1 month')::timestamp AT TIME ZONE 'UTC') + vault_data.audit_retention_floor() > pg_catalog.now();
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
COMMENT ON FUNCTION vault_data.job_retention() IS 'retires the months of the audit trail whose retention is over';

CREATE FUNCTION vault_data.set_audit_retention(p_retention interval, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_retention IS NULL OR p_retention < vault_data.audit_retention_floor() OR p_retention > '100 years' THEN
		PERFORM vault_data.fail('22023', pg_catalog.format('invalid retention: it is not between %s and 100 years', vault_data.audit_retention_floor()),
			'Operators set the floor with vault.set_audit_floor().');
	END IF;
	INSERT INTO vault_data.audit_policy (tenant_id, retention) VALUES (this_tenant, p_retention)
	ON CONFLICT (tenant_id) DO UPDATE SET retention = excluded.retention;
END
$$;
CREATE FUNCTION vault.set_audit_retention(retention interval, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_audit_retention(interval, text) IS 'sets how long the tenant''s audit trail is kept, not less than the floor';

CREATE FUNCTION vault_data.set_audit_floor(p_floor interval) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_floor IS NULL OR p_floor < '30 days' OR p_floor > '100 years' THEN
		PERFORM vault_data.fail('22023', 'invalid floor: it is not between 30 days and 100 years', 'Give an interval such as ''1 year''.');
	END IF;
	INSERT INTO vault_data.audit_floor (floor) VALUES (p_floor)
	ON CONFLICT (singleton) DO UPDATE SET floor = excluded.floor;
END
$$;
CREATE FUNCTION vault.set_audit_floor(floor interval) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_audit_floor(interval) IS 'sets the time that every audit trail is kept at least';

CREATE FUNCTION vault_data.require_reason(p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_reason IS NULL OR p_reason !~ '[^[:space:]]' OR pg_catalog.length(p_reason) > 200 THEN
		PERFORM vault_data.fail('22023', 'invalid reason: it is empty or longer than 200 characters', 'Say what the hold is for, such as a case number.');
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
	VALUES (this_tenant, p_reason, pg_catalog.clock_timestamp())
	ON CONFLICT (tenant_id) DO UPDATE SET hold_reason = excluded.hold_reason, held_at = excluded.held_at;
END
$$;
CREATE FUNCTION vault.set_legal_hold(tenant text, reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_legal_hold(text, text) IS 'keeps the whole audit trail of a tenant until the hold is released';

CREATE FUNCTION vault_data.release_legal_hold(p_tenant text, p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_reason(p_reason);
	PERFORM vault_data.note(p_reason);
	UPDATE vault_data.audit_policy SET hold_reason = NULL, held_at = NULL WHERE tenant_id = this_tenant AND held_at IS NOT NULL;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('55000', pg_catalog.format('the audit trail of tenant "%s" is not held', p_tenant),
			'The view vault.audit_retention shows the holds.');
	END IF;
END
$$;
CREATE FUNCTION vault.release_legal_hold(tenant text, reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.release_legal_hold(text, text) IS 'ends a legal hold: the retention is in force again';

CREATE VIEW vault.audit_seals WITH (security_barrier) AS
SELECT t.name AS tenant, s.seq, s.month, s.rows, s.without_mac, s.first_at, s.last_at, s.sealed_at,
	pg_catalog.encode(s.hash, 'hex') AS hash, s.tenant_id
FROM vault_data.audit_seal s LEFT JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(s.tenant_id, NULL);
COMMENT ON VIEW vault.audit_seals IS 'seals of the audit trail: the tenant''s own for its administrators, all for operators and auditors';

CREATE VIEW vault.audit_retention WITH (security_barrier) AS
SELECT t.name AS tenant, coalesce(p.retention, '7 years'::interval) AS retention,
	coalesce((SELECT f.floor FROM vault_data.audit_floor f), '1 year'::interval) AS floor,
	p.hold_reason, p.held_at, (SELECT pg_catalog.max(r.month) FROM vault_data.audit_retired r WHERE r.tenant_id = t.tenant_id) AS retired_until
FROM vault_data.tenant t LEFT JOIN vault_data.audit_policy p ON p.tenant_id = t.tenant_id
WHERE t.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(t.tenant_id, NULL);
COMMENT ON VIEW vault.audit_retention IS 'how long each tenant''s audit trail is kept, and legal holds';

ALTER VIEW vault.audit_seals OWNER TO vault_owner;
ALTER VIEW vault.audit_retention OWNER TO vault_owner;
REVOKE ALL ON vault.audit_seals, vault.audit_retention FROM PUBLIC;
GRANT SELECT ON vault.audit_seals, vault.audit_retention TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.set_audit_retention(interval, text), vault_data.set_audit_floor(interval),
	vault_data.set_legal_hold(text, text), vault_data.release_legal_hold(text, text), vault_data.require_reason(text) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault_data.audit_retention_floor() TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.verify_audit(text, text), vault.export_audit(text, timestamptz, timestamptz),
	vault.audit_public_key() TO vault_client, vault_admin, vault_auditor;
GRANT EXECUTE ON FUNCTION vault.audit_checkpoint() TO vault_admin, vault_auditor;
GRANT EXECUTE ON FUNCTION vault.set_audit_retention(interval, text) TO vault_client, vault_admin;
GRANT EXECUTE ON FUNCTION vault.set_audit_floor(interval), vault.set_legal_hold(text, text), vault.release_legal_hold(text, text) TO vault_admin;

/*
 * Usage: who reads what, counted from the trail.
 *
 * Written by the harvest alone (usage.c), some seconds behind the trail, and each row
 * of it exactly once. What is counted here can be counted again from the trail, so
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
/* Kept for 90 days: what a principal's habits are judged by. */
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
/* Kept until 90 days after the last use. */
CREATE TABLE vault_data.usage_network (
	tenant_id     uuid NOT NULL,
	principal_id  uuid NOT NULL,
	network       cidr NOT NULL,
	first_seen_at timestamptz NOT NULL,
	last_seen_at  timestamptz NOT NULL,
	calls         bigint NOT NULL,
	PRIMARY KEY (tenant_id, principal_id, network)
) WITH (fillfactor = 70);
/* Kept for 7 days. */
CREATE TABLE vault_data.usage_denial (
	tenant_id    uuid NOT NULL,
	principal_id uuid NOT NULL,
	address      inet NOT NULL,
	minute       timestamptz NOT NULL,
	denials      bigint NOT NULL,
	changed_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, principal_id, address, minute)
);
/* Grants that decided something. */
CREATE TABLE vault_data.usage_grant (
	tenant_id     uuid NOT NULL,
	grant_id      uuid NOT NULL,
	uses          bigint NOT NULL,
	first_used_at timestamptz NOT NULL,
	last_used_at  timestamptz NOT NULL,
	PRIMARY KEY (tenant_id, grant_id)
) WITH (fillfactor = 70);

ALTER TABLE vault_data.usage OWNER TO vault_owner;
ALTER TABLE vault_data.usage_hour OWNER TO vault_owner;
ALTER TABLE vault_data.usage_network OWNER TO vault_owner;
ALTER TABLE vault_data.usage_denial OWNER TO vault_owner;
ALTER TABLE vault_data.usage_grant OWNER TO vault_owner;
REVOKE ALL ON vault_data.usage, vault_data.usage_hour, vault_data.usage_network, vault_data.usage_denial, vault_data.usage_grant FROM PUBLIC;
GRANT SELECT, DELETE ON vault_data.usage, vault_data.usage_hour, vault_data.usage_network, vault_data.usage_denial, vault_data.usage_grant TO vault_exec;
ALTER TABLE vault_data.usage ALTER COLUMN principal SET STATISTICS 0, ALTER COLUMN last_role SET STATISTICS 0,
	ALTER COLUMN last_address SET STATISTICS 0, ALTER COLUMN last_application SET STATISTICS 0;
ALTER TABLE vault_data.usage_network ALTER COLUMN network SET STATISTICS 0;
ALTER TABLE vault_data.usage_denial ALTER COLUMN address SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_hour', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_network', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_denial', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_grant', '');
ALTER TABLE vault_data.usage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.usage_hour ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.usage_network ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.usage_denial ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.usage_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.usage USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.usage_hour USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.usage_network USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.usage_denial USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.usage_grant USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE FUNCTION vault_data.principal_may(tenant uuid, principal uuid, permission text, name text, environment text) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_principal_may';
COMMENT ON FUNCTION vault_data.principal_may(uuid, uuid, text, text, text) IS 'the policy''s decision about a principal, for whoever may see its grants';
CREATE FUNCTION vault_data.all_tenant_ids() RETURNS uuid[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_all_tenant_ids';
CREATE FUNCTION vault_data.enter_tenant_id(tenant uuid) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_enter_tenant_id';

CREATE VIEW vault.usage WITH (security_barrier) AS
SELECT t.name AS tenant, s.name AS secret, s.environment, COALESCE(p.name, u.principal) AS principal, p.kind,
	NULLIF(u.version, 0) AS version, u.reads, u.failed, u.first_read_at, u.last_read_at, u.last_failed_at,
	u.last_address, u.last_application, u.last_role
FROM vault_data.usage u
	LEFT JOIN vault_data.tenant t ON t.tenant_id = u.tenant_id
	LEFT JOIN vault_data.secret s ON s.tenant_id = u.tenant_id AND s.id = u.secret_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = u.tenant_id AND p.id = u.principal_id
WHERE u.tenant_id = ANY (vault_data.visible_tenants())
	AND (s.id IS NOT NULL OR u.secret_id = '00000000-0000-0000-0000-000000000000')
	AND vault_data.sees_policy(u.tenant_id, u.principal_id)
	/* Names that are no secret for administrators only: nobody else may tell them from those that are hidden. */
	AND vault_data.sees_secret(u.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.usage IS 'reads and failed attempts by secret, principal and version: one''s own, all of the tenant for its administrators, all for operators and auditors';

CREATE VIEW vault.ghost_readers WITH (security_barrier) AS
SELECT t.name AS tenant, COALESCE(p.name, r.principal) AS principal, s.name AS secret, s.environment, r.reads, r.last_read_at,
	r.last_version, r.knows_current
FROM vault_data.secret s
	JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
	CROSS JOIN LATERAL (
		SELECT u.principal_id, pg_catalog.max(u.principal) AS principal, pg_catalog.sum(u.reads)::bigint AS reads,
			pg_catalog.max(u.last_read_at) AS last_read_at, pg_catalog.max(u.version) AS last_version,
			pg_catalog.bool_or(u.version = s.current_version) AS knows_current
		FROM vault_data.usage u WHERE u.tenant_id = s.tenant_id AND u.secret_id = s.id AND u.reads > 0
		GROUP BY u.principal_id) r
	LEFT JOIN vault_data.principal p ON p.tenant_id = s.tenant_id AND p.id = r.principal_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(s.tenant_id, NULL)
	AND NOT vault_data.principal_may(s.tenant_id, r.principal_id, 'read', s.name, s.environment);
COMMENT ON VIEW vault.ghost_readers IS 'principals that have read a secret and may not read it any more; for administrators of the tenant, operators and auditors';

CREATE VIEW vault.never_used_grants WITH (security_barrier) AS
SELECT t.name AS tenant, g.id, p.name AS grantee, g.permissions, g.name_pattern, g.environments, g.created_at
FROM vault_data.access_grant g
	JOIN vault_data.tenant t ON t.tenant_id = g.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = g.tenant_id AND p.id = g.principal_id
WHERE g.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(g.tenant_id, NULL) AND g.effect = 'allow'
	AND NOT EXISTS (SELECT FROM vault_data.usage_grant u WHERE u.tenant_id = g.tenant_id AND u.grant_id = g.id);
COMMENT ON VIEW vault.never_used_grants IS 'allowances that have never decided a call; for administrators of the tenant, operators and auditors';

ALTER VIEW vault.usage OWNER TO vault_owner;
ALTER VIEW vault.ghost_readers OWNER TO vault_owner;
ALTER VIEW vault.never_used_grants OWNER TO vault_owner;
REVOKE ALL ON vault.usage, vault.ghost_readers, vault.never_used_grants FROM PUBLIC;
GRANT SELECT ON vault.usage, vault.ghost_readers, vault.never_used_grants TO vault_client, vault_admin, vault_auditor;

CREATE FUNCTION vault_data.unused_in_tenant(p_unused_for interval)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz, last_read_at timestamptz, reads bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT t.name, s.name, s.environment, s.created_at, r.last_read_at, COALESCE(r.reads, 0)
	FROM vault_data.secret s
		JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
		CROSS JOIN LATERAL (SELECT max(u.last_read_at) AS last_read_at, sum(u.reads)::bigint AS reads
			FROM vault_data.usage u WHERE u.tenant_id = s.tenant_id AND u.secret_id = s.id) r
	WHERE s.tenant_id = vault.current_tenant_id() AND s.purge_at IS NULL
		AND COALESCE(r.last_read_at, s.created_at) < clock_timestamp() - p_unused_for
	ORDER BY COALESCE(r.last_read_at, s.created_at), s.environment, s.name
$$;

CREATE FUNCTION vault_data.unused_secrets(p_unused_for interval, p_tenant text)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz, last_read_at timestamptz, reads bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	tenant_name text;
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_unused_for IS NULL OR NOT p_unused_for BETWEEN '0' AND '100 years' THEN
		PERFORM vault_data.fail('22023', 'invalid interval: it is null, negative or longer than 100 years', 'Give an interval such as ''90 days''.');
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
CREATE FUNCTION vault.unused_secrets(unused_for interval DEFAULT '90 days', tenant text DEFAULT NULL)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz, last_read_at timestamptz, reads bigint)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.unused_secrets(interval, text) IS 'secrets that nobody has read for so long, the longest first; operators see those of all tenants unless they name one';

/* What nothing needs any more, of the tenant that the door shows. */
CREATE FUNCTION vault_data.forget_usage(p_as_of timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
BEGIN
	DELETE FROM vault_data.usage_hour WHERE tenant_id = this_tenant AND hour < p_as_of - interval '90 days';
	DELETE FROM vault_data.usage_network WHERE tenant_id = this_tenant AND last_seen_at < p_as_of - interval '90 days';
	DELETE FROM vault_data.usage_denial WHERE tenant_id = this_tenant AND minute < p_as_of - interval '7 days';
	DELETE FROM vault_data.usage u WHERE u.tenant_id = this_tenant AND u.secret_id <> '00000000-0000-0000-0000-000000000000'
		AND NOT EXISTS (SELECT FROM vault_data.secret s WHERE s.tenant_id = u.tenant_id AND s.id = u.secret_id);
	DELETE FROM vault_data.usage_grant u WHERE u.tenant_id = this_tenant
		AND NOT EXISTS (SELECT FROM vault_data.access_grant g WHERE g.tenant_id = u.tenant_id AND g.id = u.grant_id);
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.all_tenant_ids(), vault_data.enter_tenant_id(uuid), vault_data.unused_in_tenant(interval),
	vault_data.unused_secrets(interval, text), vault_data.forget_usage(timestamptz) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault_data.principal_may(uuid, uuid, text, text, text) TO vault_client, vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault.unused_secrets(interval, text) TO vault_client, vault_admin;

/*
 * Anomalies: what a principal does that it has not done before, judged by the counts
 * of usage and never by the trail itself, so that the cost follows the principals that
 * were active and not the length of the trail.
 *
 * A run judges what the harvest has brought since the last one and what is younger than
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
/* Thresholds that operators have changed; the others are in anomaly_defaults(). */
CREATE TABLE vault_data.anomaly_threshold (
	name  text COLLATE "C" PRIMARY KEY,
	value numeric NOT NULL
);
/* Until when the usage of a tenant was judged. */
CREATE TABLE vault_data.usage_judged (
	tenant_id uuid PRIMARY KEY,
	until     timestamptz NOT NULL
);

ALTER TABLE vault_data.anomaly OWNER TO vault_owner;
ALTER TABLE vault_data.anomaly_threshold OWNER TO vault_owner;
ALTER TABLE vault_data.usage_judged OWNER TO vault_owner;
REVOKE ALL ON vault_data.anomaly, vault_data.anomaly_threshold, vault_data.usage_judged FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.anomaly, vault_data.anomaly_threshold, vault_data.usage_judged TO vault_exec;
ALTER TABLE vault_data.anomaly ALTER COLUMN subject SET STATISTICS 0, ALTER COLUMN evidence SET STATISTICS 0,
	ALTER COLUMN acknowledged_by SET STATISTICS 0, ALTER COLUMN note SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.anomaly', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.anomaly_threshold', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_judged', '');
ALTER TABLE vault_data.anomaly ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.usage_judged ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.anomaly USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.usage_judged USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.anomaly
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('anomaly', 'kind', 'principal_id', 'at', 'severity', 'acknowledged_by');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.anomaly_threshold
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('anomaly_threshold', 'name', 'value');
ALTER TABLE vault_data.anomaly ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.anomaly_threshold ENABLE ALWAYS TRIGGER audit;

CREATE FUNCTION vault_data.anomaly_defaults()
RETURNS TABLE (name text, value numeric, lowest numeric, highest numeric, meaning text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	VALUES
	('history_days', 56::numeric, 7::numeric, 90::numeric, 'days of a principal''s past that count'),
	('habit_hours', 3, 1, 1000, 'hours of the past that were nearly as busy make it a habit: neither rate nor mass_read'),
	('network_days', 7, 0, 90, 'new_network: days since the principal was first seen'),
	('week_days', 28, 7, 90, 'unusual_hour: days since the principal was first seen'),
	('week_hours', 100, 1, 2160, 'unusual_hour: hours of the past in which it was active'),
	('week_share', 0.01, 0, 1, 'unusual_hour: below this share of them fell on this hour of the week and its neighbours'),
	('rate_hours', 24, 1, 2160, 'rate: hours of the past with reads'),
	('rate_deviations', 6, 1, 1000, 'rate and mass_read: this many deviations above the median'),
	('rate_floor', 100, 1, 1000000000, 'rate: at least so many reads in the hour'),
	('mass_floor', 50, 1, 1000000000, 'mass_read: at least so many secrets in the hour'),
	('mass_share', 0.5, 0, 1, 'mass_read: or this share of the tenant''s secrets'),
	('burst_denials', 20, 1, 1000000000, 'denial_burst: at least so many denials'),
	('burst_minutes', 10, 1, 1440, 'denial_burst: within so many minutes')
$$;

CREATE FUNCTION vault_data.anomaly_limits() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT jsonb_object_agg(d.name, COALESCE(c.value, d.value))
	FROM vault_data.anomaly_defaults() d LEFT JOIN vault_data.anomaly_threshold c ON c.name = d.name COLLATE "C"
$$;
COMMENT ON FUNCTION vault_data.anomaly_limits() IS 'every threshold by its name';

/*
 * How the hours before p_hour were, those with anything at all: median, median absolute deviation
 * (scaled to a standard deviation, and never below a tenth of the median or 1), and how many were at least four fifths of p_value.
 */
CREATE FUNCTION vault_data.hourly_baseline(p_tenant uuid, p_principal uuid, p_hour timestamptz, p_days float8, p_secrets boolean, p_value bigint)
RETURNS TABLE (hours bigint, median float8, deviation float8, similar_hours bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH past AS MATERIALIZED (
		SELECT (CASE WHEN p_secrets THEN u.secrets ELSE u.reads END)::float8 AS n FROM vault_data.usage_hour u
		WHERE u.tenant_id = p_tenant AND u.principal_id = p_principal
			AND u.hour >= p_hour - p_days * interval '1 day' AND u.hour < p_hour AND u.reads > 0
	), middle AS (
		SELECT count(*) AS hours, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS median,
			count(*) FILTER (WHERE n >= 0.8 * p_value) AS similar_hours
		FROM past
	)
	SELECT m.hours, m.median, GREATEST(1.4826 * (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(n - m.median)) FROM past), 0.1 * m.median, 1),
		m.similar_hours
	FROM middle m
$$;

/* Each detector returns what it finds in the usage of a tenant that changed from p_since on and that is not later than p_until. */
CREATE FUNCTION vault_data.find_new_networks(p_tenant uuid, p_since timestamptz, p_until timestamptz, l jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text, evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'new_network', n.principal_id, n.network::text, n.first_seen_at, 'medium',
		jsonb_build_object('network', n.network, 'calls', n.calls, 'known_networks', known.networks, 'known_since', known.since)
	FROM vault_data.usage_network n CROSS JOIN LATERAL (
		SELECT min(o.first_seen_at) AS since, count(*) AS networks FROM vault_data.usage_network o
		WHERE o.tenant_id = n.tenant_id AND o.principal_id = n.principal_id AND o.first_seen_at < n.first_seen_at) known
	WHERE n.tenant_id = p_tenant AND n.first_seen_at > p_until - interval '7 days' AND n.first_seen_at <= p_until
		AND known.since <= n.first_seen_at - (l ->> 'network_days')::float8 * interval '1 day'
$$;

/* The hour of the week is in UTC; it and the hours beside it count as one. */
CREATE FUNCTION vault_data.find_unusual_hours(p_tenant uuid, p_since timestamptz, p_until timestamptz, l jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text, evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'unusual_hour', h.principal_id, '', h.hour, 'low',
		jsonb_build_object('calls', h.calls, 'reads', h.reads, 'hour_utc', to_char(h.hour AT TIME ZONE 'UTC', 'FMDay HH24:00'),
			'active_hours', past.hours, 'at_this_hour', past.here)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL (
		SELECT count(*) AS hours, min(o.hour) AS since,
			count(*) FILTER (WHERE (extract(epoch FROM h.hour - o.hour) / 3600)::bigint % 168 IN (0, 1, 167)) AS here
		FROM vault_data.usage_hour o
		WHERE o.tenant_id = h.tenant_id AND o.principal_id = h.principal_id
			AND o.hour >= h.hour - (l ->> 'history_days')::float8 * interval '1 day' AND o.hour < h.hour) past
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND past.hours >= (l ->> 'week_hours')::float8
		AND past.since <= h.hour - (l ->> 'week_days')::float8 * interval '1 day'
		AND past.here < (l ->> 'week_share')::float8 * past.hours
$$;

CREATE FUNCTION vault_data.find_rates(p_tenant uuid, p_since timestamptz, p_until timestamptz, l jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text, evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'rate', h.principal_id, '', h.hour, 'medium',
		jsonb_build_object('reads', h.reads, 'median', b.median, 'deviation', round(b.deviation::numeric, 2), 'hours', b.hours)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL
		vault_data.hourly_baseline(h.tenant_id, h.principal_id, h.hour, (l ->> 'history_days')::float8, false, h.reads) b
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND h.reads >= (l ->> 'rate_floor')::float8
		AND b.hours >= (l ->> 'rate_hours')::float8 AND b.similar_hours < (l ->> 'habit_hours')::float8
		AND h.reads > b.median + (l ->> 'rate_deviations')::float8 * b.deviation
$$;

CREATE FUNCTION vault_data.find_mass_reads(p_tenant uuid, p_since timestamptz, p_until timestamptz, l jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text, evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'mass_read', h.principal_id, '', h.hour, 'high',
		jsonb_build_object('secrets', h.secrets, 'tenant_secrets', total.n, 'median', b.median, 'deviation', round(b.deviation::numeric, 2), 'hours', b.hours)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL
		vault_data.hourly_baseline(h.tenant_id, h.principal_id, h.hour, (l ->> 'history_days')::float8, true, h.secrets) b
		CROSS JOIN LATERAL (SELECT count(*) AS n FROM vault_data.secret s WHERE s.tenant_id = h.tenant_id) total
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND h.secrets >= (l ->> 'mass_floor')::float8 AND b.similar_hours < (l ->> 'habit_hours')::float8
		AND (h.secrets >= (l ->> 'mass_share')::float8 * total.n
			OR (b.hours >= (l ->> 'rate_hours')::float8 AND h.secrets > b.median + (l ->> 'rate_deviations')::float8 * b.deviation))
$$;

/* By principal, and where nobody was identified by address; at most one an hour, that in which the number was reached. */
CREATE FUNCTION vault_data.find_denial_bursts(p_tenant uuid, p_since timestamptz, p_until timestamptz, l jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text, evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH minutes AS (
		SELECT d.principal_id, CASE WHEN d.principal_id = '00000000-0000-0000-0000-000000000000' THEN host(d.address) ELSE '' END AS subject,
			d.minute, sum(d.denials) AS denials, max(d.changed_at) AS changed_at
		FROM vault_data.usage_denial d
		WHERE d.tenant_id = p_tenant AND d.minute > p_until - interval '7 days' AND d.minute <= p_until GROUP BY 1, 2, 3
	), sums AS (
		SELECT m.*, sum(m.denials) OVER (PARTITION BY m.principal_id, m.subject
			ORDER BY floor(extract(epoch FROM m.minute) / 60) RANGE BETWEEN ((l ->> 'burst_minutes')::numeric - 1) PRECEDING AND CURRENT ROW) AS denials_before
		FROM minutes m
	)
	SELECT 'denial_burst', s.principal_id, s.subject, date_trunc('hour', s.minute, 'UTC'),
		CASE WHEN max(s.denials_before) >= 5 * (l ->> 'burst_denials')::float8 THEN 'high' ELSE 'medium' END,
		jsonb_strip_nulls(jsonb_build_object('denials', max(s.denials_before), 'minutes', (l ->> 'burst_minutes')::numeric, 'address', NULLIF(s.subject, '')))
	FROM sums s
	WHERE s.denials_before >= (l ->> 'burst_denials')::float8
	GROUP BY s.principal_id, s.subject, date_trunc('hour', s.minute, 'UTC')
	HAVING max(s.changed_at) >= p_since
$$;

/* Judges the usage of a tenant as of a time; returns how many anomalies were new. */
CREATE FUNCTION vault_data.detect(p_tenant uuid, p_as_of timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	l jsonb := vault_data.anomaly_limits();
	since timestamptz;
	found_id uuid;
	found integer := 0;
BEGIN
	/* An hour more: a step of the harvest commits after the time that it writes. */
	SELECT j.until - interval '1 hour' INTO since FROM vault_data.usage_judged j WHERE j.tenant_id = p_tenant;
	since := COALESCE(since, p_as_of - interval '7 days');
	FOR found_id IN
		INSERT INTO vault_data.anomaly AS a (tenant_id, id, kind, principal_id, subject, at, severity, evidence)
		SELECT p_tenant, vault_data.new_id(), f.* FROM (
			SELECT * FROM vault_data.find_new_networks(p_tenant, since, p_as_of, l)
			UNION ALL SELECT * FROM vault_data.find_unusual_hours(p_tenant, since, p_as_of, l)
			UNION ALL SELECT * FROM vault_data.find_rates(p_tenant, since, p_as_of, l)
			UNION ALL SELECT * FROM vault_data.find_mass_reads(p_tenant, since, p_as_of, l)
			UNION ALL SELECT * FROM vault_data.find_denial_bursts(p_tenant, since, p_as_of, l)) f
		ON CONFLICT ON CONSTRAINT anomaly_once DO NOTHING
		RETURNING a.id
	LOOP
		PERFORM pg_catalog.pg_notify('vault', pg_catalog.jsonb_build_object('kind', 'anomaly', 'id', found_id)::text);
		found := found + 1;
	END LOOP;
	INSERT INTO vault_data.usage_judged AS j (tenant_id, until) VALUES (p_tenant, p_as_of)
	ON CONFLICT (tenant_id) DO UPDATE SET until = excluded.until;
	RETURN found;
END
$$;

CREATE FUNCTION vault_data.detect_anomalies() RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	now timestamptz := pg_catalog.clock_timestamp();
	this_tenant uuid;
	total integer := 0;
BEGIN
	FOREACH this_tenant IN ARRAY vault_data.all_tenant_ids() LOOP
		PERFORM vault_data.enter_tenant_id(this_tenant);
		/* Once a day. */
		PERFORM FROM vault_data.usage_judged j
		WHERE j.tenant_id = this_tenant AND j.until >= pg_catalog.date_trunc('day', now, 'UTC');
		IF NOT FOUND THEN
			PERFORM vault_data.forget_usage(now);
			DELETE FROM vault_data.anomaly a WHERE a.tenant_id = this_tenant AND a.at < now - interval '400 days';
		END IF;
		total := total + vault_data.detect(this_tenant, now);
	END LOOP;
	RETURN total;
END
$$;
CREATE FUNCTION vault.detect_anomalies() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.detect_anomalies() IS 'judges what has been used since the last call, writes and notifies what is out of the ordinary, and returns how many anomalies that are';

CREATE FUNCTION vault_data.acknowledge_anomaly(p_id uuid, p_note text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_tenant IS NOT NULL OR vault_data.caller_principal() IS NOT NULL THEN
		PERFORM vault_data.choose_tenant(p_tenant);
	END IF;
	PERFORM vault_data.require_administrator();
	IF pg_catalog.octet_length(p_note) > 1024 THEN
		PERFORM vault_data.fail('22023', 'invalid note: it is longer than 1024 bytes', 'Refer to a ticket for more.');
	END IF;
	UPDATE vault_data.anomaly a SET acknowledged_at = pg_catalog.clock_timestamp(), note = p_note,
		acknowledged_by = vault_data.caller_name()
	WHERE a.tenant_id = vault.current_tenant_id() AND a.id = p_id AND a.acknowledged_at IS NULL;
	IF NOT FOUND AND EXISTS (SELECT FROM vault_data.anomaly a WHERE a.tenant_id = vault.current_tenant_id() AND a.id = p_id) THEN
		PERFORM vault_data.fail('55000', 'anomaly is acknowledged already', 'The view vault.anomalies says by whom.');
	ELSIF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such anomaly', 'The view vault.anomalies shows them; operators name the tenant.');
	END IF;
END
$$;
CREATE FUNCTION vault_data.caller_name() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_caller_name';
CREATE FUNCTION vault.acknowledge_anomaly(id uuid, note text DEFAULT NULL, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.acknowledge_anomaly(uuid, text, text) IS 'says that somebody has looked at an anomaly, and what it was';

CREATE FUNCTION vault_data.set_anomaly_threshold(p_name text, p_value numeric) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	bounds record;
BEGIN
	SELECT * INTO bounds FROM vault_data.anomaly_defaults() d WHERE d.name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('22023', 'invalid name: there is no such threshold', 'The view vault.anomaly_thresholds shows them.');
	ELSIF NOT p_value BETWEEN bounds.lowest AND bounds.highest THEN
		PERFORM vault_data.fail('22023', pg_catalog.format('invalid value: it is not between %s and %s', bounds.lowest, bounds.highest),
			'NULL brings the default back.');
	END IF;
	DELETE FROM vault_data.anomaly_threshold c WHERE c.name = p_name COLLATE "C" AND p_value IS NULL;
	INSERT INTO vault_data.anomaly_threshold (name, value) SELECT p_name, p_value WHERE p_value IS NOT NULL
	ON CONFLICT (name) DO UPDATE SET value = excluded.value;
END
$$;
CREATE FUNCTION vault.set_anomaly_threshold(name text, value numeric) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_anomaly_threshold(text, numeric) IS 'changes a threshold of the detection of anomalies, for all tenants; NULL brings its default back';

CREATE VIEW vault.anomalies WITH (security_barrier) AS
SELECT t.name AS tenant, a.id, a.kind, p.name AS principal, a.at, a.severity, a.evidence, a.detected_at,
	a.acknowledged_at, a.acknowledged_by, a.note
FROM vault_data.anomaly a
	LEFT JOIN vault_data.tenant t ON t.tenant_id = a.tenant_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = a.tenant_id AND p.id = a.principal_id
WHERE a.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(a.tenant_id, NULL);
COMMENT ON VIEW vault.anomalies IS 'what was out of the ordinary, with its evidence; for administrators of the tenant, operators and auditors, and not for the principal concerned';

CREATE VIEW vault.anomaly_thresholds WITH (security_barrier) AS
SELECT d.name, COALESCE(c.value, d.value) AS value, d.value AS default_value, d.lowest, d.highest, d.meaning
FROM vault_data.anomaly_defaults() d LEFT JOIN vault_data.anomaly_threshold c ON c.name = d.name COLLATE "C"
WHERE vault_data.oversees();
COMMENT ON VIEW vault.anomaly_thresholds IS 'what the detection of anomalies goes by, and between which bounds operators may set it';

ALTER VIEW vault.anomalies OWNER TO vault_owner;
ALTER VIEW vault.anomaly_thresholds OWNER TO vault_owner;
REVOKE ALL ON vault.anomalies, vault.anomaly_thresholds FROM PUBLIC;
GRANT SELECT ON vault.anomalies TO vault_client, vault_admin, vault_auditor;
GRANT SELECT ON vault.anomaly_thresholds TO vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.anomaly_defaults(), vault_data.anomaly_limits(),
	vault_data.hourly_baseline(uuid, uuid, timestamptz, float8, boolean, bigint),
	vault_data.find_new_networks(uuid, timestamptz, timestamptz, jsonb), vault_data.find_unusual_hours(uuid, timestamptz, timestamptz, jsonb),
	vault_data.find_rates(uuid, timestamptz, timestamptz, jsonb), vault_data.find_mass_reads(uuid, timestamptz, timestamptz, jsonb),
	vault_data.find_denial_bursts(uuid, timestamptz, timestamptz, jsonb), vault_data.detect(uuid, timestamptz),
	vault_data.detect_anomalies(), vault_data.acknowledge_anomaly(uuid, text, text), vault_data.caller_name(),
	vault_data.set_anomaly_threshold(text, numeric) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault_data.anomaly_defaults() TO vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault.detect_anomalies(), vault.set_anomaly_threshold(text, numeric) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.acknowledge_anomaly(uuid, text, text) TO vault_client, vault_admin;

/*
 * Jobs: what pg_cron runs, as the role vault_jobs, which may do nothing else.
 */
CREATE FUNCTION vault_data.job_anomalies() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_anomalies';
COMMENT ON FUNCTION vault_data.job_anomalies() IS 'the job vault:anomalies; NULL while the vault is sealed';
CREATE FUNCTION vault_data.job_purge() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_purge';
COMMENT ON FUNCTION vault_data.job_purge() IS 'the job vault:purge; NULL while the vault is sealed';
CREATE FUNCTION vault_data.job_rewrap() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_rewrap';
COMMENT ON FUNCTION vault_data.job_rewrap() IS 'the job vault:rewrap; NULL while the vault is sealed';

CREATE FUNCTION vault_data.schedule_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_schedule_jobs';
CREATE FUNCTION vault_data.report_jobs()
RETURNS TABLE (job text, schedule text, started_at timestamptz, duration interval, outcome text, message text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_report_jobs';
COMMENT ON FUNCTION vault_data.report_jobs() IS 'each job with its schedule and its last run, for operators and auditors';

CREATE FUNCTION vault.install_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_install_jobs';
COMMENT ON FUNCTION vault.install_jobs() IS 'schedules the jobs of vault that are missing in pg_cron, and returns how many those were';
CREATE FUNCTION vault.remove_jobs() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_remove_jobs';
COMMENT ON FUNCTION vault.remove_jobs() IS 'takes the jobs of vault out of pg_cron, and returns how many there were';

CREATE VIEW vault.jobs WITH (security_barrier) AS
SELECT r.job, r.schedule, r.started_at, r.duration, r.outcome, r.message FROM vault_data.report_jobs() r;
COMMENT ON VIEW vault.jobs IS 'the jobs of vault with their last run; schedule is NULL for those that are not installed';

ALTER VIEW vault.jobs OWNER TO vault_owner;
REVOKE ALL ON vault.jobs FROM PUBLIC;
GRANT SELECT ON vault.jobs TO vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT USAGE ON SCHEMA vault_data TO vault_jobs;
/* Its own, and those of other features. */
DO $$
DECLARE
	job pg_catalog.regprocedure;
BEGIN
	FOR job IN SELECT p.oid FROM pg_catalog.pg_proc p
		WHERE p.pronamespace OPERATOR(pg_catalog.=) 'vault_data'::pg_catalog.regnamespace AND p.pronargs OPERATOR(pg_catalog.=) 0
			AND pg_catalog.starts_with(p.proname::pg_catalog.text, 'job_')
	LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO vault_jobs', job);
	END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION vault_data.report_jobs() TO vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault.install_jobs(), vault.remove_jobs() TO vault_admin;

SELECT vault_data.schedule_jobs();

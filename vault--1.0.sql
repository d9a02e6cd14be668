/* vault--1.0.sql: assembled by make from src/<feature>/<feature>.sql; change those. */
\echo Use "CREATE EXTENSION vault CASCADE" to load this file. \quit

/*
 * Schemas, roles, and what may be checked only now: that the server loaded the
 * module, in this database, and is recent enough.
 */

/*
 * The roles, or an error if one exists that is not as this script would have
 * made it: somebody could have prepared it to get in.
 */
DO $$
DECLARE
	wanted text;
	existing pg_catalog.pg_roles;
	member_count bigint;
BEGIN
	FOREACH wanted IN ARRAY ARRAY['vault_owner', 'vault_exec', 'vault_admin', 'vault_auditor', 'vault_client'] LOOP
		SELECT * INTO existing FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) wanted;
		IF NOT FOUND THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
			CONTINUE;
		END IF;
		SELECT pg_catalog.count(*) INTO member_count FROM pg_catalog.pg_auth_members
		WHERE roleid OPERATOR(pg_catalog.=) existing.oid OR member OPERATOR(pg_catalog.=) existing.oid;
		IF existing.rolcanlogin OR existing.rolsuper OR existing.rolcreaterole OR existing.rolcreatedb
			OR existing.rolreplication OR existing.rolbypassrls
			OR (wanted OPERATOR(pg_catalog.=) ANY (ARRAY['vault_owner', 'vault_exec']) AND member_count OPERATOR(pg_catalog.>) 0)
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
	a.application_name, a.request_id, a.grant_id, a.object_id, a.xid, a.tenant_id, a.principal_id
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
 * Secrets and their versions.
 *
 * A label is a column of the head, so there is one current version, at most one
 * pending and at most one previous one by construction.  last_version only
 * grows, so a number is never used twice.  An envelope that was destroyed is gone
 * and its row stays. The envelope of the head is a copy of the current version's, if
 * it is small: most reads need no second row. The version is in what the envelope is
 * bound to, so a copy that does not fit fails to open.
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
ALTER TABLE vault_data.secret_version ALTER COLUMN envelope SET STATISTICS 0;
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
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-secret_version', 'secret_id', 'version', 'key_generation', '*envelope', 'destroyed_at');
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
COMMENT ON FUNCTION vault.rotate(text, text, text) IS 'makes a new version current, of the value given or of 256 random bits, and returns its number';

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

CREATE FUNCTION vault.rewrap(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rewrap';
COMMENT ON FUNCTION vault.rewrap(integer) IS 'moves versions under the active key of their tenant; returns how many; those that others hold are left for the next call';

CREATE VIEW vault.secrets WITH (security_barrier) AS
SELECT s.id, t.name AS tenant, s.name, s.environment, s.type, s.description, s.tags, s.current_version,
	vault_data.state_of(s.purge_at, s.deactivated_at) AS state,
	s.created_at, s.updated_at, s.expires_at, s.deleted_at, s.purge_at, s.previous_version, s.pending_version
FROM vault_data.secret s JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.secrets IS 'secrets without their values: those that the caller has any permission on, all for operators and auditors';

CREATE VIEW vault.versions WITH (security_barrier) AS
SELECT t.name AS tenant, s.name, s.environment, v.version,
	CASE v.version WHEN s.current_version THEN 'current' WHEN s.pending_version THEN 'pending'
		WHEN s.previous_version THEN 'previous' END AS label,
	v.created_at, p.name AS created_by, v.key_generation, v.destroyed_at
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
	vault.get_json(text, integer, text), vault.get_many(text, text) TO vault_client;
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
	created_at timestamptz, updated_at timestamptz, expires_at timestamptz, deleted_at timestamptz, purge_at timestamptz)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('list', p_name, p_environment);
BEGIN
	RETURN QUERY SELECT s.name, s.environment, s.type, vault_data.state_of(s.purge_at, s.deactivated_at), s.description, s.tags, s.current_version,
		s.previous_version, s.pending_version,
		(SELECT pg_catalog.count(*)::integer FROM vault_data.secret_version v WHERE v.tenant_id = s.tenant_id AND v.secret_id = s.id),
		s.created_at, s.updated_at, s.expires_at, s.deleted_at, s.purge_at;
END
$$;
CREATE FUNCTION vault.describe(name text, environment text DEFAULT NULL)
RETURNS TABLE (name text, environment text, type text, state text, description text, tags jsonb,
	current_version integer, previous_version integer, pending_version integer, versions integer,
	created_at timestamptz, updated_at timestamptz, expires_at timestamptz, deleted_at timestamptz, purge_at timestamptz)
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
			envelope = vault_data.small(v.envelope),
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
	SELECT pg_catalog.clock_timestamp() + t.recovery_window INTO until FROM vault_data.tenant t WHERE t.tenant_id = s.tenant_id;
	PERFORM vault_data.require_authentic(t) FROM vault_data.tenant t WHERE t.tenant_id = s.tenant_id;
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
	UPDATE vault_data.secret_version SET envelope = NULL, key_generation = NULL, destroyed_at = pg_catalog.clock_timestamp()
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
		envelope = CASE WHEN current_version <> p_version THEN envelope END
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
		SELECT g.*, g.tgrelid::regclass || ': trigger ' || g.tgname AS name, vault_data.trigger_parts(pg_catalog.pg_get_triggerdef(g.oid)) AS parts
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
		WHERE a.tenant_id = p_tenant AND a.decision = 'allow' AND a.object_kind IN ('tenant', 'principal', 'grant', 'membership', 'secret') AND a.detail ? 'revision'
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
		SELECT 'membership', m.id, r.name, m.revision, m.created_at, pg_catalog.jsonb_build_object('role_id', m.role_id::text, 'member_id', m.member_id::text)
		FROM vault_data.role_member m LEFT JOIN vault_data.principal r ON r.tenant_id = m.tenant_id AND r.id = m.role_id WHERE m.tenant_id = p_tenant
		UNION ALL
		SELECT 'secret', s.id, s.name, s.revision, s.created_at, pg_catalog.jsonb_build_object('name', s.name, 'environment', s.environment, 'type', s.type,
			'current_version', s.current_version::text, 'pending_version', s.pending_version::text, 'expires_at', s.expires_at::text,
			'deactivated_at', s.deactivated_at::text, 'deleted_at', s.deleted_at::text)
		FROM vault_data.secret s WHERE s.tenant_id = p_tenant
	), compared AS (
		SELECT COALESCE(p.kind, t.kind) AS kind, COALESCE(p.id, t.id) AS id, COALESCE(p.name, t.shown->>'name', t.shown->>'name_pattern', t.name) AS name, CASE
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

/* Bindings have no id: they go by the name of the role, which can be bound anew. */
CREATE FUNCTION vault_data.verify_bindings(p_tenant uuid) RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH told AS (
		SELECT DISTINCT ON (a.detail->>'role_name') a.detail->>'role_name' AS name, pg_catalog.substring(a.detail->>'principal_id', '^[0-9a-f-]{36}$')::uuid AS principal, a.detail ? 'deleted' AS deleted
		FROM vault_data.audit_log a
		WHERE a.tenant_id = p_tenant AND a.decision = 'allow' AND a.object_kind = 'binding' AND a.detail ? 'role_name'
		ORDER BY a.detail->>'role_name', a.id DESC
	), compared AS (
		SELECT COALESCE(b.principal_id, t.principal) AS principal, COALESCE(b.role_name, t.name) AS name, CASE
			WHEN b.role_name IS NULL THEN CASE WHEN NOT t.deleted THEN 'deleted outside vault' END
			WHEN t.name IS NULL THEN CASE WHEN b.created_at > (SELECT pg_catalog.min(a.at) FROM vault_data.audit_log a WHERE a.tenant_id = p_tenant)
				THEN 'the trail does not know it' END
			WHEN t.deleted THEN 'was deleted, and is there again'
			WHEN b.principal_id <> t.principal THEN 'an old row was put back' END AS fault
		FROM (SELECT * FROM vault_data.principal_binding WHERE tenant_id = p_tenant) b FULL JOIN told t ON t.name = b.role_name
	)
	SELECT 'binding', c.principal, c.name, c.fault FROM compared c WHERE c.fault IS NOT NULL
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

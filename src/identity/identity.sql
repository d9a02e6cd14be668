/*
 * Principals, and the database roles that they are bound to. Roles of a tenant are rows
 * beside them, which nothing binds.
 *
 * A binding is to one role exactly, by oid and by name.  Who may bind whom: a
 * tenant's administrator any role that no other tenant has, that is reserved for no
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
/* By name: also of roles that are yet to be made. */
CREATE TABLE vault_data.role_reservation (
	tenant_id  uuid NOT NULL REFERENCES vault_data.tenant,
	role_name  text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, role_name)
);
CREATE INDEX role_reservation_role_name ON vault_data.role_reservation (role_name);

ALTER TABLE vault_data.principal OWNER TO vault_owner;
ALTER TABLE vault_data.principal_binding OWNER TO vault_owner;
ALTER TABLE vault_data.role_reservation OWNER TO vault_owner;
REVOKE ALL ON vault_data.principal, vault_data.principal_binding, vault_data.role_reservation FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.principal, vault_data.principal_binding, vault_data.role_reservation TO vault_exec;
ALTER TABLE vault_data.principal ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE vault_data.principal_binding ALTER COLUMN role_name SET STATISTICS 0;
ALTER TABLE vault_data.role_reservation ALTER COLUMN role_name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.principal', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.principal_binding', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.role_reservation', '');
ALTER TABLE vault_data.principal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.principal_binding ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.role_reservation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.principal
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.principal_binding
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.role_reservation
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('principal', 'name', 'kind', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal_binding
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('binding', 'role_name', 'principal_id', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.role_reservation
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('reservation', 'role_name', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal_binding
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.principal
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.principal_binding
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.role_reservation
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.principal ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.principal_binding ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.principal ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.principal ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.principal_binding ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.principal_binding ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.role_reservation ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.role_reservation ENABLE ALWAYS TRIGGER audit;

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
	PERFORM vault_data.policy_changed();
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
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.drop_principal(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.drop_principal(text, text) IS 'takes a principal away, with its bindings, grants and memberships';

/* Whoever is binding the role at this moment comes first, and is seen. */
CREATE FUNCTION vault_data.reserve_role(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	IF p_db_role IS NULL OR pg_catalog.octet_length(p_db_role) NOT BETWEEN 1 AND 63 THEN
		PERFORM vault_data.fail('22023', 'invalid role: its name does not have 1 to 63 bytes', 'Name a database role; it need not exist yet.');
	END IF;
	LOCK TABLE vault_data.role_reservation IN EXCLUSIVE MODE;
	PERFORM vault_data.require_reservable(p_db_role);
	INSERT INTO vault_data.role_reservation (tenant_id, role_name) VALUES (this_tenant, p_db_role) ON CONFLICT DO NOTHING;
END
$$;
CREATE FUNCTION vault.reserve_role(db_role text, tenant text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.reserve_role(text, text) IS 'keeps a database role, by its name, for a tenant: administrators of others can neither bind it nor let it show tokens';

CREATE FUNCTION vault_data.release_role(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	DELETE FROM vault_data.role_reservation WHERE tenant_id = this_tenant AND role_name = p_db_role;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the role is not reserved for the tenant', 'The view vault.reserved_roles shows those that are.');
	END IF;
END
$$;
CREATE FUNCTION vault.release_role(db_role text, tenant text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.release_role(text, text) IS 'ends what vault.reserve_role() began; what is bound stays bound';

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

CREATE VIEW vault.reserved_roles WITH (security_barrier) AS
SELECT t.name AS tenant, r.role_name AS db_role, r.created_at
FROM vault_data.role_reservation r JOIN vault_data.tenant t ON t.tenant_id = r.tenant_id
WHERE r.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(r.tenant_id, NULL);
COMMENT ON VIEW vault.reserved_roles IS 'database roles that are kept for tenants: those of the tenant for its administrators, all for operators and auditors';

CREATE VIEW vault.audit WITH (security_barrier) AS
SELECT a.id, a.at, a.tenant, a.principal, a.operation, a.decision, a.object_kind, a.secret, a.environment,
	a.version, a.reason, a.detail, a.role, a.session_role, a.authenticated_role, a.address, a.port, a.tls,
	a.application_name, a.request_id, a.grant_id, a.object_id, a.xid, a.tenant_id, a.principal_id, a.subject, a.service, a.claimed_address
FROM vault_data.audit_log a
WHERE a.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(a.tenant_id, a.principal_id);
COMMENT ON VIEW vault.audit IS 'the audit trail: one''s own rows, all of the tenant for its administrators and auditors, all for operators and auditors of the vault';

ALTER VIEW vault.principals OWNER TO vault_owner;
ALTER VIEW vault.reserved_roles OWNER TO vault_owner;
ALTER VIEW vault.audit OWNER TO vault_owner;
REVOKE ALL ON vault.principals, vault.reserved_roles, vault.audit FROM PUBLIC;
GRANT SELECT ON vault.principals, vault.reserved_roles, vault.audit TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.create_principal(text, text, text, text), vault.drop_principal(text, text) TO vault_client, vault_admin;
GRANT EXECUTE ON FUNCTION vault.reserve_role(text, text), vault.release_role(text, text) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.whoami() TO vault_client, vault_admin, vault_auditor;
GRANT EXECUTE ON FUNCTION vault_data.sees_policy(uuid, uuid) TO vault_client, vault_admin, vault_auditor, vault_owner;

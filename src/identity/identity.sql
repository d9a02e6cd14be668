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
CREATE POLICY tenant ON vault_data.principal FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.principal TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.principal_binding FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.principal_binding TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.role_reservation FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.role_reservation TO vault_exec
	USING (vault_data.is_inside(tenant_id));

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('principal', 'name', 'kind', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.principal_binding
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('binding', '=role_name', '=principal_id', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.role_reservation
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('reservation', '=role_name', 'revision');
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
	p_kind := pg_catalog.lower(p_kind COLLATE "C");
	IF p_kind IS NULL OR p_kind NOT IN ('user', 'service') THEN
		PERFORM vault_data.fail('22023', 'invalid kind: a principal is a user or a service', 'Give ''user'' or ''service''.');
	END IF;
	IF EXISTS (SELECT FROM vault_data.principal WHERE tenant_id = p_tenant AND name = p_name AND kind <> 'built-in role') THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('principal "%s" already exists', p_name), 'Choose another name.');
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
COMMENT ON FUNCTION vault.create_principal(text, text, text, text)
	IS 'creates a principal (user or service), bound to a database role if one is given; it '
	'holds nothing until something is granted';

CREATE FUNCTION vault_data.drop_principal(p_name text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	subject uuid;
	before jsonb;
BEGIN
	PERFORM vault_data.require_administrator();
	subject := vault_data.find_principal(this_tenant, p_name);
	IF EXISTS (SELECT FROM vault_data.principal p WHERE p.tenant_id = this_tenant AND p.id = subject AND p.kind = 'role') THEN
		PERFORM vault_data.fail('42809', pg_catalog.format('"%s" is a role', p_name), 'vault.drop_role() takes it away.');
	END IF;
	before := vault_data.begin_change_of_administrators();
	/* A caller that removes administrators could have another one appointed, who reads. */
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
CREATE FUNCTION vault.drop_principal(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.drop_principal(text, text)
	IS 'drops a principal, with its bindings, grants and memberships';

CREATE FUNCTION vault_data.require_person_or_service(p_tenant uuid, p_name text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	subject uuid := vault_data.find_principal(p_tenant, p_name);
BEGIN
	IF (SELECT p.kind FROM vault_data.principal p WHERE p.tenant_id = p_tenant AND p.id = subject) NOT IN ('user', 'service') THEN
		PERFORM vault_data.fail('42809', pg_catalog.format('"%s" is a role', p_name), 'Name a principal; vault.add_member() makes it a member of the role.');
	END IF;
	RETURN subject;
END
$$;

/*
 * Of the principal, or of the role in this tenant. A concurrent binding waits for the lock on the
 * tenant's row. A bound role has all that the principal holds: add_binding() asks for that.
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
			'An administrator of the tenant can; operators bind what they make, and appoint administrators with vault.appoint_admin().');
	END IF;
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	subject := vault_data.require_person_or_service(this_tenant, p_principal);
	IF p_db_role IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid db_role: it is null', 'Name a database role; vault.unbind_role() takes a binding away.');
	END IF;
	SELECT b.role_name INTO bound FROM vault_data.principal_binding b
	WHERE b.tenant_id = this_tenant AND b.principal_id = subject AND vault_data.is_live(b) ORDER BY b.role_name <> p_db_role LIMIT 1;
	IF bound IS NOT NULL THEN
		PERFORM vault_data.fail('55000', pg_catalog.format('principal "%s" is bound to role "%s"', p_principal, bound),
			'vault.unbind_role() takes that binding away.');
	END IF;
	IF EXISTS (SELECT FROM vault_data.principal_binding b
		WHERE b.tenant_id = this_tenant AND b.role_name = p_db_role AND vault_data.is_live(b))
	THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('role "%s" is bound to a principal already', p_db_role),
			'vault.unbind_role() frees it.');
	END IF;
	PERFORM vault_data.add_binding(this_tenant, subject, p_db_role, false);
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.bind_role(principal text, db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.bind_role(text, text, text)
	IS 'binds an existing principal to a database role, in place of one that is gone';

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
	/* As when it is dropped. */
	IF vault_data.is_administrator() THEN
		PERFORM vault_data.require_reaches_all_of(subject);
	ELSIF before->'at_all' ? subject::text
		AND EXISTS (SELECT FROM vault_data.principal_binding b WHERE b.tenant_id = this_tenant AND b.principal_id = subject
			AND b.role_name = COALESCE(p_db_role, b.role_name) AND vault_data.is_live(b))
	THEN
		PERFORM vault_data.fail('42501', 'permission denied to unbind an administrator of the tenant', 'Another administrator of the tenant can.');
	END IF;
	DELETE FROM vault_data.principal_binding b
	WHERE b.tenant_id = this_tenant AND b.principal_id = subject AND b.role_name = COALESCE(p_db_role, b.role_name);
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the principal is not bound to this role', 'The view vault.principals shows what it is bound to.');
	END IF;
	PERFORM vault_data.end_change_of_administrators(before);
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.unbind_role(principal text, db_role text DEFAULT NULL, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.unbind_role(text, text, text)
	IS 'removes one binding of a principal to a database role, or all of them; its grants stay';

/* A concurrent binding of the role comes first, and is seen. */
CREATE FUNCTION vault_data.reserve_role(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	IF p_db_role IS NULL OR pg_catalog.octet_length(p_db_role) NOT BETWEEN 1 AND 63 THEN
		PERFORM vault_data.fail('22023', 'invalid role: its name does not have 1 to 63 bytes', 'Name a database role; it need not exist yet.');
	END IF;
	PERFORM vault_data.require_reservable(p_db_role);
	INSERT INTO vault_data.role_reservation (tenant_id, role_name) VALUES (this_tenant, p_db_role) ON CONFLICT DO NOTHING;
END
$$;
CREATE FUNCTION vault.reserve_role(db_role text, tenant text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.reserve_role(text, text)
	IS 'reserves a database role, by its name, for a tenant; administrators of other tenants '
	'can neither bind it nor let it show tokens';

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
COMMENT ON FUNCTION vault.release_role(text, text)
	IS 'ends a reservation of vault.reserve_role(); existing bindings stay';

CREATE FUNCTION vault.whoami(
	OUT tenant text, OUT principal text, OUT role text, OUT session_role text,
	OUT operator boolean, OUT auditor boolean, OUT subject text, OUT issuer text, OUT token_roles text[])
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_whoami';
COMMENT ON FUNCTION vault.whoami()
	IS 'returns the identity of the caller; tenant and principal are NULL for a caller without '
	'identity, and the last three columns without a token';

CREATE FUNCTION vault_data.sees_policy(tenant uuid, principal uuid) RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_sees_policy';
COMMENT ON FUNCTION vault_data.sees_policy(uuid, uuid)
	IS 'returns true if the caller may see rows about the principal: its own and those of its '
	'roles, all of its tenant for administrators and members of auditor, all for operators '
	'and auditors';

/* One row for each: a binding whose role is gone, renamed or made anew is nobody's. */
CREATE VIEW vault.principals WITH (security_barrier) AS
SELECT t.name AS tenant, p.id, p.name, p.kind, b.db_role, p.created_at,
	CASE WHEN b.db_roles IS NOT NULL THEN 'bound' WHEN b.db_role IS NOT NULL THEN 'dead' ELSE 'none' END AS binding, b.db_roles
FROM vault_data.principal p
	JOIN vault_data.tenant t ON t.tenant_id = p.tenant_id
	LEFT JOIN LATERAL (
		SELECT (pg_catalog.array_agg(l.role_name ORDER BY NOT l.is_live, l.role_name))[1] AS db_role,
			pg_catalog.array_agg(l.role_name ORDER BY l.role_name) FILTER (WHERE l.is_live) AS db_roles
		FROM (SELECT x.role_name, EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = x.db_role AND r.rolname = x.role_name) AS is_live
			FROM vault_data.principal_binding x WHERE x.tenant_id = p.tenant_id AND x.principal_id = p.id) AS l) AS b ON true
WHERE p.kind IN ('user', 'service') AND p.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(p.tenant_id, p.id);
COMMENT ON VIEW vault.principals
	IS 'shows principals and the database roles that they are bound to';

CREATE VIEW vault.reserved_roles WITH (security_barrier) AS
SELECT t.name AS tenant, r.role_name AS db_role, r.created_at
FROM vault_data.role_reservation r JOIN vault_data.tenant t ON t.tenant_id = r.tenant_id
WHERE r.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(r.tenant_id, NULL);
COMMENT ON VIEW vault.reserved_roles
	IS 'shows database roles that are reserved for tenants: those of the tenant to its '
	'administrators, all to operators and auditors';

CREATE VIEW vault.audit WITH (security_barrier) AS
SELECT a.id, a.at, a.tenant, a.principal, a.operation, a.decision, a.object_kind, a.secret, a.environment,
	a.version, a.reason, a.detail, a.role, a.session_role, a.authenticated_role, a.address, a.port, a.tls,
	a.application_name, a.request_id, a.grant_id, a.object_id, a.xid, a.tenant_id, a.principal_id, a.subject, a.service, a.claimed_address
FROM vault_data.audit_log a
WHERE a.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(a.tenant_id, a.principal_id);
COMMENT ON VIEW vault.audit
	IS 'shows the audit trail: the rows of the caller, all of the tenant to its administrators '
	'and members of auditor, all to operators and auditors';

ALTER VIEW vault.principals OWNER TO vault_owner;
ALTER VIEW vault.reserved_roles OWNER TO vault_owner;
ALTER VIEW vault.audit OWNER TO vault_owner;
REVOKE ALL ON vault.principals, vault.reserved_roles, vault.audit FROM PUBLIC;
GRANT SELECT ON vault.principals, vault.reserved_roles, vault.audit TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.add_principal(uuid, text, text, text),
	vault_data.bind_role(text, text, text), vault_data.bind_role(uuid, text),
	vault_data.create_principal(text, text, text, text), vault_data.drop_principal(text, text),
	vault_data.is_administrator(), vault_data.is_auditor(),
	vault_data.is_live(vault_data.principal_binding), vault_data.release_role(text, text),
	vault_data.require_administrator(), vault_data.require_person_or_service(uuid, text),
	vault_data.require_reservable(text), vault_data.reserve_role(text, text),
	vault_data.sees_policy(uuid, uuid), vault_data.unbind_role(text, text, text) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.create_principal(text, text, text, text), vault.drop_principal(text, text), vault.bind_role(text, text, text),
	vault.unbind_role(text, text, text) TO vault_client, vault_admin;
GRANT EXECUTE ON FUNCTION vault.reserve_role(text, text), vault.release_role(text, text) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.whoami() TO vault_client, vault_admin, vault_auditor;
GRANT EXECUTE ON FUNCTION vault_data.sees_policy(uuid, uuid) TO vault_client, vault_admin, vault_auditor, vault_owner;

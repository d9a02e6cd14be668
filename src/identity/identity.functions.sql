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

--@ execute vault_client, vault_admin, vault_auditor, vault_exec, vault_owner: sees_policy
--@ execute vault_exec: bind_role, find_principal, is_administrator, is_auditor, is_live,
--@	release_role, require_administrator, require_reservable, reserve_role

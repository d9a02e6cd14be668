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

--@ execute vault_exec: allow_rotation, default_rotator, disallow_rotation, is_bound_elsewhere,
--@	may_lend, refuse_rotation, require_rotatable, require_rotator, rotation_login_fault,
--@	rotation_role_fault, rotator_act, rotator_flag

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

--@ execute vault_exec: add_binding, add_principal, bind_role, create_principal, drop_principal,
--@	require_person_or_service, unbind_role

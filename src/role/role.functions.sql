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

--@ execute vault_exec: add_built_in_roles, add_member, add_role, create_role, drop_role,
--@	find_role, remove_member

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
		PERFORM vault_data.fail('23505', pg_catalog.format('a principal or role "%s" already exists', p_name), 'Choose another name.');
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
	PERFORM vault_data.policy_changed();
	RETURN vault_data.add_role(this_tenant, p_name);
END
$$;
CREATE FUNCTION vault.create_role(name text, tenant text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.create_role(text, text)
	IS 'creates a role of the tenant; it holds nothing until something is granted to it';

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
		PERFORM vault_data.fail('42501', pg_catalog.format('the role "%s" is built in', p_name), 'Take its members away with vault.remove_member().');
	END IF;
	PERFORM vault_data.lock_policy();
	/* With it go its grants, and what its members have through it. An operator could so remove administrators. */
	IF NOT vault_data.may_change_member(subject.id, true) AND (vault_data.is_administrator() OR NOT vault_data.holds_nothing(subject.id)) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	/* Of administrators among its members only their equals take what it holds. */
	IF NOT vault_data.may_change_member(subject.id, false) AND vault_data.reaches_administrator(subject.id) THEN
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
CREATE FUNCTION vault.drop_role(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.drop_role(text, text) IS 'drops a role, with its grants and memberships';

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
	/* One at a time: a cycle takes two. */
	PERFORM vault_data.lock_policy();
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
	stops := vault_data.holds_denial(chosen.id) AND vault_data.reaches_administrator(member);
	IF stops AND NOT (vault_data.is_administrator() AND vault_data.may_change_member(chosen.id, true)) THEN
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
CREATE FUNCTION vault.add_member(role text, member text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.add_member(text, text)
	IS 'makes a principal or role a member of a role; the caller must be able to grant all '
	'that the role holds';

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
	/* From an administrator their equals take something. One that was changed outside stops the member: to end it ends that. */
	makes := EXISTS (SELECT FROM vault_data.role_member m
		WHERE m.tenant_id = this_tenant AND m.role_id = chosen.id AND m.member_id = member AND vault_data.is_authentic(m));
	IF makes AND member <> vault_data.caller_principal() AND NOT vault_data.may_change_member(chosen.id, false)
		AND vault_data.reaches_administrator(member)
	THEN
		PERFORM vault_data.refuse_against_administrator();
	END IF;
	makes := makes AND vault_data.may_administer(chosen.id);
	IF makes THEN
		before := vault_data.begin_change_of_administrators();
	END IF;
	DELETE FROM vault_data.role_member m WHERE m.tenant_id = this_tenant AND m.role_id = chosen.id AND m.member_id = member;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', pg_catalog.format('"%s" is not a member of the role "%s"', p_member, p_role),
			'The view vault.role_members shows who is a member of what.');
	END IF;
	IF makes THEN
		PERFORM vault_data.end_change_of_administrators(before);
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.remove_member(role text, member text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.remove_member(text, text)
	IS 'ends a membership, with effect for the next call of every session';

CREATE VIEW vault.roles WITH (security_barrier) AS
SELECT t.name AS tenant, p.id, p.name, p.kind = 'built-in role' AS built_in, p.created_at
FROM vault_data.principal p JOIN vault_data.tenant t ON t.tenant_id = p.tenant_id
WHERE p.kind IN ('role', 'built-in role') AND p.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(p.tenant_id, p.id);
COMMENT ON VIEW vault.roles
	IS 'shows roles of tenants: those of which the caller is a member, all of the tenant to '
	'its administrators and members of auditor, all to operators and auditors';

CREATE VIEW vault.role_members WITH (security_barrier) AS
SELECT t.name AS tenant, r.name AS role, p.name AS member, p.kind AS member_kind, m.created_at, c.name AS created_by
FROM vault_data.role_member m
	JOIN vault_data.tenant t ON t.tenant_id = m.tenant_id
	JOIN vault_data.principal r ON r.tenant_id = m.tenant_id AND r.id = m.role_id
	JOIN vault_data.principal p ON p.tenant_id = m.tenant_id AND p.id = m.member_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = m.tenant_id AND c.id = m.created_by
WHERE m.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(m.tenant_id, m.member_id);
COMMENT ON VIEW vault.role_members
	IS 'shows memberships in roles: those of the caller, all of the tenant to its '
	'administrators and members of auditor, all to operators and auditors';

ALTER VIEW vault.roles OWNER TO vault_owner;
ALTER VIEW vault.role_members OWNER TO vault_owner;
REVOKE ALL ON vault.roles, vault.role_members FROM PUBLIC;
GRANT SELECT ON vault.roles, vault.role_members TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.add_built_in_roles(uuid), vault_data.add_member(text, text),
	vault_data.add_role(uuid, text), vault_data.create_role(text, text),
	vault_data.drop_role(text, text), vault_data.find_role(uuid, text),
	vault_data.remove_member(text, text) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.create_role(text, text), vault.drop_role(text, text) TO vault_client, vault_admin;
GRANT EXECUTE ON FUNCTION vault.add_member(text, text), vault.remove_member(text, text) TO vault_client;

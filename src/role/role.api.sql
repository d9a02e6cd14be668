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

--@ execute vault_client: add_member, remove_member
--@ execute vault_client, vault_admin: create_role, drop_role
--@ select vault_client, vault_admin, vault_auditor: role_members, roles

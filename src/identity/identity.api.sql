/*
 * Identities for callers: who they are, reservations of roles, and the views of principals and of
 * the trail.
 */

CREATE FUNCTION vault.reserve_role(db_role text, tenant text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.reserve_role(text, text)
	IS 'reserves a database role, by its name, for a tenant; administrators of other tenants '
	'can neither bind it nor let it show tokens';

CREATE FUNCTION vault.release_role(db_role text, tenant text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.release_role(text, text)
	IS 'ends a reservation of vault.reserve_role(); existing bindings stay';

CREATE FUNCTION vault.whoami(OUT tenant text, OUT principal text, OUT role text,
	OUT session_role text, OUT operator boolean, OUT auditor boolean, OUT subject text,
	OUT issuer text, OUT token_roles text[])
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_whoami';
COMMENT ON FUNCTION vault.whoami()
	IS 'returns the identity of the caller; tenant and principal are NULL for a caller without '
	'identity, and the last three columns without a token';

/*
 * Return a row for each. A binding whose role was dropped, renamed or created again identifies no
 * caller.
 */
CREATE VIEW vault.principals WITH (security_barrier) AS
SELECT t.name AS tenant, p.id, p.name, p.kind, b.db_role, p.created_at,
	CASE WHEN b.db_roles IS NOT NULL THEN 'bound' WHEN b.db_role IS NOT NULL THEN 'dead'
		ELSE 'none' END AS binding, b.db_roles
FROM vault_data.principal p
	JOIN vault_data.tenant t ON t.tenant_id = p.tenant_id
	LEFT JOIN LATERAL (
		SELECT (pg_catalog.array_agg(l.role_name
			ORDER BY NOT l.is_live, l.role_name))[1] AS db_role,
			pg_catalog.array_agg(l.role_name ORDER BY l.role_name)
				FILTER (WHERE l.is_live) AS db_roles
		FROM (SELECT x.role_name,
			EXISTS (SELECT FROM pg_catalog.pg_roles r
				WHERE r.oid = x.db_role AND r.rolname = x.role_name) AS is_live
			FROM vault_data.principal_binding x
			WHERE x.tenant_id = p.tenant_id AND x.principal_id = p.id) AS l) AS b ON true
WHERE p.kind IN ('user', 'service') AND p.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(p.tenant_id, p.id);
COMMENT ON VIEW vault.principals
	IS 'shows principals and the database roles that they are bound to';

CREATE VIEW vault.reserved_roles WITH (security_barrier) AS
SELECT t.name AS tenant, r.role_name AS db_role, r.created_at
FROM vault_data.role_reservation r JOIN vault_data.tenant t ON t.tenant_id = r.tenant_id
WHERE r.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(r.tenant_id, NULL);
COMMENT ON VIEW vault.reserved_roles
	IS 'shows database roles that are reserved for tenants: those of the tenant to its '
	'administrators, all to operators and auditors';

CREATE VIEW vault.audit WITH (security_barrier) AS
SELECT a.id, a.at, a.tenant, a.principal, a.operation, a.decision, a.object_kind, a.secret,
	a.environment,
	a.version, a.reason, a.detail, a.role, a.session_role, a.authenticated_role, a.address, a.port,
	a.tls, a.application_name, a.request_id, a.grant_id, a.object_id, a.xid, a.tenant_id,
	a.principal_id, a.subject, a.service, a.claimed_address
--@ more_columns src/audit/columns.h a
FROM vault_data.audit_log a
WHERE a.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(a.tenant_id, a.principal_id);
COMMENT ON VIEW vault.audit
	IS 'shows the audit trail: the rows of the caller, all of the tenant to its administrators '
	'and members of auditor, all to operators and auditors';

--@ execute vault_admin: release_role, reserve_role
--@ execute vault_client, vault_admin, vault_auditor: whoami
--@ select vault_client, vault_admin, vault_auditor: audit, principals, reserved_roles

/*
 * Grants for callers.
 */

CREATE FUNCTION vault."grant"(grantee text, permissions text[], name_pattern text,
	environments text[] DEFAULT NULL, effect text DEFAULT 'allow', addresses text[] DEFAULT NULL,
	windows text[] DEFAULT NULL, services text[] DEFAULT NULL, require_tls boolean DEFAULT false,
	valid_from timestamptz DEFAULT NULL, valid_until timestamptz DEFAULT NULL,
	require_session_user boolean DEFAULT false)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault."grant"(text, text[], text, text[], text, text[], text[], text[],
	boolean, timestamptz, timestamptz, boolean)
	IS 'allows or denies a principal or role permissions on names that match, if the '
	'conditions are met; returns the id of the grant';

CREATE FUNCTION vault."grant"(grantee text, permissions text, name_pattern text,
	environments text[] DEFAULT NULL, effect text DEFAULT 'allow', addresses text[] DEFAULT NULL,
	windows text[] DEFAULT NULL, services text[] DEFAULT NULL, require_tls boolean DEFAULT false,
	valid_from timestamptz DEFAULT NULL, valid_until timestamptz DEFAULT NULL,
	require_session_user boolean DEFAULT false)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault."grant"(text, text, text, text[], text, text[], text[], text[], boolean,
	timestamptz, timestamptz, boolean)
	IS 'allows or denies permissions that are given as a text, such as read or read,list; '
	'returns the id of the grant';

CREATE FUNCTION vault.revoke(grant_id uuid) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.revoke(uuid)
	IS 'revokes a grant, with effect for the next call of every session';

CREATE VIEW vault.grants WITH (security_barrier) AS
SELECT t.name AS tenant, g.id, p.name AS grantee, g.effect, g.permissions, g.name_pattern,
	g.environments, g.created_at,
	c.name AS created_by, g.addresses, g.windows, g.services,
	COALESCE(g.require_tls, false) AS require_tls, g.valid_from, g.valid_until,
	COALESCE(g.require_session_user, false) AS require_session_user
FROM vault_data.access_grant g
	JOIN vault_data.tenant t ON t.tenant_id = g.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = g.tenant_id AND p.id = g.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = g.tenant_id AND c.id = g.created_by
WHERE g.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(g.tenant_id, g.principal_id);
COMMENT ON VIEW vault.grants
	IS 'shows grants: those of the caller and of its roles, all of the tenant to its '
	'administrators and members of auditor, all to operators and auditors';

--@ execute vault_client: grant, revoke
--@ select vault_client, vault_admin, vault_auditor: grants

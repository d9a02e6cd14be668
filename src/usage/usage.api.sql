/*
 * Usage for callers: who reads what, who could not read it any more, and what is not used.
 */

/* Reads as usage counts them, row by row. */
CREATE VIEW vault.audit_reads WITH (security_barrier) AS
SELECT a.* FROM vault.audit a
WHERE vault_data.is_read(a.operation, a.decision, a.object_kind, a.object_id);
COMMENT ON VIEW vault.audit_reads
	IS 'shows the rows of the audit trail that are reads of a value, by any function; a caller '
	'sees the rows that it sees in vault.audit';

CREATE VIEW vault.usage WITH (security_barrier) AS
SELECT t.name AS tenant, s.name AS secret, s.environment,
	COALESCE(p.name, u.principal) AS principal, p.kind,
	NULLIF(u.version, 0) AS version, u.reads, u.failed, u.first_read_at, u.last_read_at,
		u.last_failed_at,
	u.last_address, u.last_application, u.last_role
FROM vault_data.usage u
	LEFT JOIN vault_data.tenant t ON t.tenant_id = u.tenant_id
	LEFT JOIN vault_data.secret s ON s.tenant_id = u.tenant_id AND s.id = u.secret_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = u.tenant_id AND p.id = u.principal_id
WHERE u.tenant_id = ANY (vault_data.visible_tenants())
	AND (s.id IS NOT NULL OR u.secret_id = '00000000-0000-0000-0000-000000000000')
	AND vault_data.sees_policy(u.tenant_id, u.principal_id)
	/*
	 * Names that are not those of a secret are for administrators only: other callers must not be
	 * able to tell them from names that are hidden.
	 */
	AND vault_data.sees_secret(u.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.usage
	IS 'shows reads and failed attempts by secret, principal and version: those of the caller, '
	'all of the tenant to its administrators, all to operators and auditors';

CREATE VIEW vault.ghost_readers WITH (security_barrier) AS
SELECT t.name AS tenant, COALESCE(p.name, r.principal) AS principal, s.name AS secret,
	s.environment, r.reads, r.last_read_at,
	r.last_version, r.knows_current
FROM vault_data.secret s
	JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
	CROSS JOIN LATERAL (
		SELECT u.principal_id, pg_catalog.max(u.principal) AS principal,
			pg_catalog.sum(u.reads)::bigint AS reads,
			pg_catalog.max(u.last_read_at) AS last_read_at,
				pg_catalog.max(u.version) AS last_version,
			pg_catalog.bool_or(u.version = s.current_version) AS knows_current
		FROM vault_data.usage u
		WHERE u.tenant_id = s.tenant_id AND u.secret_id = s.id AND u.reads > 0
		GROUP BY u.principal_id) r
	LEFT JOIN vault_data.principal p ON p.tenant_id = s.tenant_id AND p.id = r.principal_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(s.tenant_id, NULL)
	AND NOT vault_data.principal_may(s.tenant_id, r.principal_id, 'read', s.name, s.environment);
COMMENT ON VIEW vault.ghost_readers
	IS 'shows principals that have read a secret and may not read it any more, to '
	'administrators of the tenant, operators and auditors';

CREATE VIEW vault.never_used_grants WITH (security_barrier) AS
SELECT t.name AS tenant, g.id, p.name AS grantee, g.permissions, g.name_pattern, g.environments,
	g.created_at
FROM vault_data.access_grant g
	JOIN vault_data.tenant t ON t.tenant_id = g.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = g.tenant_id AND p.id = g.principal_id
WHERE g.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(g.tenant_id, NULL)
	AND g.effect = 'allow'
	AND NOT EXISTS (SELECT FROM vault_data.usage_grant u
		WHERE u.tenant_id = g.tenant_id AND u.grant_id = g.id);
COMMENT ON VIEW vault.never_used_grants
	IS 'shows allowances that have never decided a call, to administrators of the tenant, '
	'operators and auditors';

CREATE FUNCTION vault.unused_secrets(unused_for interval DEFAULT '90 days',
	tenant text DEFAULT NULL)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz,
	last_read_at timestamptz, reads bigint)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.unused_secrets(interval, text)
	IS 'returns secrets that were not read for a time, the longest unread first; operators get '
	'those of all tenants unless they name one';

--@ execute vault_client, vault_admin: unused_secrets
--@ select vault_client, vault_admin, vault_auditor: audit_reads, ghost_readers,
--@	never_used_grants, usage

/*
 * Review of access for callers: explanations of decisions, who may do what, and changes of that.
 */

CREATE FUNCTION vault.explain_access(principal text, permission text, name text,
	environment text DEFAULT NULL, at timestamptz DEFAULT NULL, from_address inet DEFAULT NULL,
	tenant text DEFAULT NULL, service text DEFAULT NULL, tls boolean DEFAULT NULL,
	roles text[] DEFAULT NULL)
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text,
	environments text[], applies boolean, reason text, via text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.explain_access(text, text, text, text, timestamptz, inet, text, text,
	boolean, text[])
	IS 'returns every grant of the principal and its roles, with true if it applies to the '
	'request, and the reason; the last row has the decision and the grant that made it';

CREATE VIEW vault.access_matrix WITH (security_barrier) AS
SELECT t.name AS tenant, p.name AS principal, s.name AS secret, s.environment, a.permissions,
	a.conditional, a.via
FROM vault_data.secret s
	JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = s.tenant_id AND p.kind IN ('user', 'service')
	CROSS JOIN LATERAL vault_data.access_of(s.tenant_id, p.id, s.name, s.environment) a
WHERE s.deleted_at IS NULL AND s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(p.tenant_id, p.id)
	AND vault_data.sees_secret(s.tenant_id, s.name, s.environment)
	AND a.permissions IS NOT NULL;
COMMENT ON VIEW vault.access_matrix
	IS 'shows the permissions of each principal on each secret, those that depend on '
	'conditions, and the roles that give them: the rows of the caller, all of the tenant to '
	'its administrators and members of auditor, all to operators and auditors';

/*
 * Show changes of who may do what: one row of the trail each, as the triggers of the deciding
 * tables wrote it. A dropped object has its name from the trail, and not from an alert if the vault
 * itself wrote a row before. These names are gathered once in a query, and only if one is missing.
 */
CREATE VIEW vault.permission_changes WITH (security_barrier) AS
WITH gone AS MATERIALIZED (
	SELECT pg_catalog.jsonb_object_agg(l.tenant_id::text || l.object_id::text, l.detail->>'name'
		ORDER BY l.decision, l.id) AS names
	FROM vault_data.audit_log l
	WHERE l.tenant_id = ANY (vault_data.visible_tenants()) AND l.decision IN ('allow', 'alert')
		AND l.object_kind IN ('principal', 'issuer') AND l.object_id IS NOT NULL
		AND pg_catalog.jsonb_typeof(l.detail->'name') = 'string')
SELECT a.id, a.at, a.tenant, COALESCE(a.principal, a.role) AS by, a.role AS by_role, a.operation,
	a.decision, a.object_kind,
	CASE WHEN r.is_role THEN pg_catalog.replace(w.what, 'principal', 'role')
		ELSE w.what END AS what,
	CASE WHEN i.grantee IS NOT NULL THEN COALESCE(i.name,
		(SELECT p.name FROM vault_data.principal p
			WHERE p.tenant_id = a.tenant_id AND p.id = i.grantee),
		(SELECT g.names->>(a.tenant_id::text || i.grantee::text) FROM gone g)) END AS grantee,
	CASE WHEN i.role IS NOT NULL THEN COALESCE(i.name,
		(SELECT p.name FROM vault_data.principal p
			WHERE p.tenant_id = a.tenant_id AND p.id = i.role),
		(SELECT g.names->>(a.tenant_id::text || i.role::text) FROM gone g)) END AS role,
	CASE WHEN i.member IS NOT NULL THEN COALESCE(
		(SELECT p.name FROM vault_data.principal p
			WHERE p.tenant_id = a.tenant_id AND p.id = i.member),
		(SELECT g.names->>(a.tenant_id::text || i.member::text) FROM gone g)) END AS member,
	c.now->>'role_name' AS db_role,
	CASE WHEN i.issuer IS NOT NULL THEN COALESCE(i.name,
		(SELECT s.name FROM vault_data.token_issuer s
			WHERE s.tenant_id = a.tenant_id AND s.id = i.issuer),
		(SELECT g.names->>(a.tenant_id::text || i.issuer::text) FROM gone g)) END AS issuer,
	COALESCE(c.now->>'subject', c.now->>'group_name') AS subject,
	c.now->>'name_pattern' AS name_pattern, (c.now->>'permissions')::text[] AS permissions,
	c.now->>'effect' AS effect, (c.now->>'environments')::text[] AS environments, a.reason,
	c.rest AS detail, a.object_id, a.xid, a.tenant_id, a.principal_id
FROM vault.audit a
	/*
	 * New values of columns that the trail shows as [old, new], and details without a column
	 * here.
	 */
	CROSS JOIN LATERAL (
		SELECT pg_catalog.jsonb_object_agg(d.key,
				CASE pg_catalog.jsonb_typeof(d.value) WHEN 'array' THEN d.value->1
					ELSE d.value END) AS now,
			pg_catalog.jsonb_object_agg(d.key, d.value) FILTER (
				WHERE d.key <> ALL ('{principal_id,role_id,member_id,issuer_id,revision,deleted}')
					AND (pg_catalog.jsonb_typeof(d.value) = 'array'
						OR d.key <> ALL ('{name,role_name,subject,
							group_name,name_pattern,permissions,effect,environments}'))) AS rest
		FROM pg_catalog.jsonb_each(a.detail) AS d) AS c
	JOIN (VALUES ('grant', 'grant given', 'grant revoked', 'grant changed'),
		('membership', 'member added', 'member removed', 'membership changed'),
		('principal', 'principal created', 'principal dropped', 'principal changed'),
		('binding', 'role bound', 'role unbound', 'binding changed'),
		('reservation', 'role reserved', 'role released', 'reservation changed'),
		('issuer', 'issuer added', 'issuer removed', 'issuer changed'),
		('subject', 'subject added', 'subject removed', 'subject changed'),
		('group_role', 'group mapped', 'group unmapped', 'group changed'),
		('token_role', 'tokens allowed', 'tokens disallowed', 'token role changed'),
		('rotation_role', 'rotation allowed', 'rotation disallowed', 'rotation role changed'),
		('tenant', 'tenant created', 'tenant removed', 'tenant changed')) AS k (kind, made, gone,
			changed)
		ON k.kind = a.object_kind
	CROSS JOIN LATERAL (
		SELECT CASE WHEN a.detail ? 'deleted' THEN k.gone
			WHEN pg_catalog.jsonb_typeof(a.detail->'revision') = 'string' THEN k.made
			WHEN a.object_kind <> 'tenant' THEN k.changed
			WHEN c.now->>'state' = 'suspended' THEN 'tenant suspended'
			WHEN c.now->>'state' = 'active' THEN 'tenant resumed'
			WHEN c.now->>'state' = 'destroyed' THEN 'tenant destroyed'
			WHEN a.detail ? 'environments' THEN 'environments declared'
				ELSE k.changed END AS what) AS w
	CROSS JOIN LATERAL (
		SELECT a.object_kind = 'principal' AND c.now->>'kind' LIKE '%role' AS is_role) AS r
	CROSS JOIN LATERAL (
		SELECT CASE WHEN a.object_kind <> 'principal' THEN (c.now->>'principal_id')::uuid
				WHEN r.is_role IS NOT TRUE THEN a.object_id END AS grantee,
			CASE WHEN r.is_role THEN a.object_id ELSE (c.now->>'role_id')::uuid END AS role,
			(c.now->>'member_id')::uuid AS member,
			CASE a.object_kind WHEN 'issuer' THEN a.object_id
				ELSE (c.now->>'issuer_id')::uuid END AS issuer,
			CASE WHEN a.object_kind IN ('principal', 'issuer') THEN c.now->>'name' END AS name) AS i
WHERE a.decision IN ('allow', 'alert')
	/* Exclude most rows while the trail is read, before anything is made of them. */
	AND a.object_kind <> 'secret'
	AND (a.object_kind <> 'tenant' OR a.detail ?| '{name,state,environments}');
COMMENT ON VIEW vault.permission_changes
	IS 'shows changes of permissions from the audit trail, with names in place of ids; a '
	'caller sees the rows that it sees in vault.audit';

--@ execute vault_client, vault_admin: explain_access
--@ select vault_client, vault_admin, vault_auditor: access_matrix, permission_changes

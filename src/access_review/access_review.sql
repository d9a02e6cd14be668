/*
 * Review of access: why a decision is as it is, who may do what, and who changed that. The first
 * two tell what the code that decides says, the last what the trail says.
 */
CREATE FUNCTION vault_data.explain_grants(subject uuid, permission text, name text, environment text, at timestamptz, from_address inet, service text, tls boolean, roles uuid[])
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text, environments text[], applies boolean, reason text, via text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_explain_grants';

CREATE FUNCTION vault_data.token_roles() RETURNS uuid[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_token_roles';

CREATE FUNCTION vault_data.explain_access(p_principal text, p_permission text, p_name text, p_environment text, p_at timestamptz, p_from_address inet,
	p_tenant text, p_service text, p_tls boolean, p_roles text[])
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text, environments text[], applies boolean, reason text, via text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	env text := vault_data.environment(p_environment);
	subject uuid;
	by_token uuid[] := '{}';
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	p_permission := pg_catalog.lower(p_permission COLLATE "C");
	PERFORM vault_data.check_permissions(ARRAY[p_permission]);
	PERFORM vault_data.check_name(p_name);
	PERFORM vault_data.check_time('at', p_at);
	PERFORM vault_data.check_environment(env);
	PERFORM vault_data.check_services(ARRAY[p_service]) WHERE p_service IS NOT NULL;
	SELECT p.id INTO subject FROM vault_data.principal p WHERE p.tenant_id = this_tenant AND p.name = p_principal ORDER BY p.kind = 'built-in role' LIMIT 1;
	IF subject IS NULL OR subject IS DISTINCT FROM vault_data.caller_principal() THEN
		IF NOT vault_data.is_auditor() THEN
			PERFORM vault_data.require_administrator();
		END IF;
		IF subject IS NULL THEN
			subject := vault_data.find_principal(this_tenant, p_principal);
		END IF;
	END IF;
	/* The contents of roles are visible to auditors and administrators only. */
	IF p_roles IS NOT NULL AND NOT vault_data.is_auditor() THEN
		PERFORM vault_data.require_administrator();
	END IF;
	IF p_roles IS NOT NULL THEN
		by_token := ARRAY(SELECT (vault_data.find_role(this_tenant, r)).id FROM pg_catalog.unnest(p_roles) AS r);
	ELSIF subject IS NOT DISTINCT FROM vault_data.caller_principal() THEN
		by_token := vault_data.token_roles();
	END IF;
	RETURN QUERY SELECT * FROM vault_data.explain_grants(subject, p_permission, p_name, env, p_at, p_from_address, p_service, p_tls, by_token);
END
$$;
CREATE FUNCTION vault.explain_access(principal text, permission text, name text, environment text DEFAULT NULL, at timestamptz DEFAULT NULL,
	from_address inet DEFAULT NULL, tenant text DEFAULT NULL, service text DEFAULT NULL, tls boolean DEFAULT NULL,
	roles text[] DEFAULT NULL)
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text, environments text[], applies boolean, reason text, via text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.explain_access(text, text, text, text, timestamptz, inet, text, text,
	boolean, text[])
	IS 'returns every grant of the principal and its roles, with true if it applies to the '
	'request, and the reason; the last row has the decision and the grant that made it';

CREATE FUNCTION vault_data.access_of(tenant uuid, principal uuid, name text, environment text, OUT permissions text[], OUT conditional text[], OUT via text[])
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_access_of';

CREATE VIEW vault.access_matrix WITH (security_barrier) AS
SELECT t.name AS tenant, p.name AS principal, s.name AS secret, s.environment, a.permissions, a.conditional, a.via
FROM vault_data.secret s
	JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = s.tenant_id AND p.kind IN ('user', 'service')
	CROSS JOIN LATERAL vault_data.access_of(s.tenant_id, p.id, s.name, s.environment) a
WHERE s.deleted_at IS NULL AND s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(p.tenant_id, p.id) AND vault_data.sees_secret(s.tenant_id, s.name, s.environment)
	AND a.permissions IS NOT NULL;
COMMENT ON VIEW vault.access_matrix
	IS 'shows the permissions of each principal on each secret, those that depend on '
	'conditions, and the roles that give them: the rows of the caller, all of the tenant to '
	'its administrators and members of auditor, all to operators and auditors';

/*
 * Changes of who may do what, one row of the trail each, as the triggers of the tables that decide
 * wrote them. A dropped object has its name from the trail, from the vault's own row before one
 * of an alert; these names are gathered once in a query, and only if one is missing.
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
	CASE WHEN r.is_role THEN pg_catalog.replace(w.what, 'principal', 'role') ELSE w.what END AS what,
	CASE WHEN i.grantee IS NOT NULL THEN COALESCE(i.name,
		(SELECT p.name FROM vault_data.principal p WHERE p.tenant_id = a.tenant_id AND p.id = i.grantee),
		(SELECT g.names->>(a.tenant_id::text || i.grantee::text) FROM gone g)) END AS grantee,
	CASE WHEN i.role IS NOT NULL THEN COALESCE(i.name,
		(SELECT p.name FROM vault_data.principal p WHERE p.tenant_id = a.tenant_id AND p.id = i.role),
		(SELECT g.names->>(a.tenant_id::text || i.role::text) FROM gone g)) END AS role,
	CASE WHEN i.member IS NOT NULL THEN COALESCE(
		(SELECT p.name FROM vault_data.principal p WHERE p.tenant_id = a.tenant_id AND p.id = i.member),
		(SELECT g.names->>(a.tenant_id::text || i.member::text) FROM gone g)) END AS member,
	c.now->>'role_name' AS db_role,
	CASE WHEN i.issuer IS NOT NULL THEN COALESCE(i.name,
		(SELECT s.name FROM vault_data.token_issuer s WHERE s.tenant_id = a.tenant_id AND s.id = i.issuer),
		(SELECT g.names->>(a.tenant_id::text || i.issuer::text) FROM gone g)) END AS issuer,
	COALESCE(c.now->>'subject', c.now->>'group_name') AS subject,
	c.now->>'name_pattern' AS name_pattern, (c.now->>'permissions')::text[] AS permissions,
	c.now->>'effect' AS effect, (c.now->>'environments')::text[] AS environments, a.reason,
	c.rest AS detail, a.object_id, a.xid, a.tenant_id, a.principal_id
FROM vault.audit a
	/* New values of columns that the trail shows as [old, new], and details without a column here. */
	CROSS JOIN LATERAL (
		SELECT pg_catalog.jsonb_object_agg(d.key,
				CASE pg_catalog.jsonb_typeof(d.value) WHEN 'array' THEN d.value->1 ELSE d.value END) AS now,
			pg_catalog.jsonb_object_agg(d.key, d.value) FILTER (
				WHERE d.key <> ALL ('{principal_id,role_id,member_id,issuer_id,revision,deleted}')
				AND (pg_catalog.jsonb_typeof(d.value) = 'array' OR d.key <> ALL ('{name,role_name,subject,
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
		('tenant', 'tenant created', 'tenant removed', 'tenant changed')) AS k (kind, made, gone, changed)
		ON k.kind = a.object_kind
	CROSS JOIN LATERAL (
		SELECT CASE WHEN a.detail ? 'deleted' THEN k.gone
			WHEN pg_catalog.jsonb_typeof(a.detail->'revision') = 'string' THEN k.made
			WHEN a.object_kind <> 'tenant' THEN k.changed
			WHEN c.now->>'state' = 'suspended' THEN 'tenant suspended'
			WHEN c.now->>'state' = 'active' THEN 'tenant resumed'
			WHEN c.now->>'state' = 'destroyed' THEN 'tenant destroyed'
			WHEN a.detail ? 'environments' THEN 'environments declared' ELSE k.changed END AS what) AS w
	CROSS JOIN LATERAL (
		SELECT a.object_kind = 'principal' AND c.now->>'kind' LIKE '%role' AS is_role) AS r
	CROSS JOIN LATERAL (
		SELECT CASE WHEN a.object_kind <> 'principal' THEN (c.now->>'principal_id')::uuid
				WHEN r.is_role IS NOT TRUE THEN a.object_id END AS grantee,
			CASE WHEN r.is_role THEN a.object_id ELSE (c.now->>'role_id')::uuid END AS role,
			(c.now->>'member_id')::uuid AS member,
			CASE a.object_kind WHEN 'issuer' THEN a.object_id ELSE (c.now->>'issuer_id')::uuid END AS issuer,
			CASE WHEN a.object_kind IN ('principal', 'issuer') THEN c.now->>'name' END AS name) AS i
WHERE a.decision IN ('allow', 'alert')
	/* Told of most rows while the trail is read, before anything is made of them. */
	AND a.object_kind <> 'secret'
	AND (a.object_kind <> 'tenant' OR a.detail ?| '{name,state,environments}');
COMMENT ON VIEW vault.permission_changes
	IS 'shows changes of permissions from the audit trail, with names in place of ids; a '
	'caller sees the rows that it sees in vault.audit';

ALTER VIEW vault.access_matrix OWNER TO vault_owner;
ALTER VIEW vault.permission_changes OWNER TO vault_owner;
REVOKE ALL ON vault.access_matrix, vault.permission_changes FROM PUBLIC;
GRANT SELECT ON vault.access_matrix, vault.permission_changes TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.token_roles(), vault_data.explain_grants(uuid, text, text, text, timestamptz, inet, text, boolean, uuid[]),
	vault_data.explain_access(text, text, text, text, timestamptz, inet, text, text, boolean, text[]) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault_data.access_of(uuid, uuid, text, text) TO vault_client, vault_admin, vault_auditor, vault_owner, vault_exec;
GRANT EXECUTE ON FUNCTION vault.explain_access(text, text, text, text, timestamptz, inet, text, text, boolean, text[]) TO vault_client, vault_admin;

/*
 * Review of access: why a decision is as it is, and who may do what. Both tell what the code
 * that decides says.
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
	/* What roles hold is not for everybody to see. */
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
COMMENT ON FUNCTION vault.explain_access(text, text, text, text, timestamptz, inet, text, text, boolean, text[]) IS 'every grant of the principal and its roles with whether it applies in that situation and why; the last row is the decision and the grant that made it';

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
COMMENT ON VIEW vault.access_matrix IS 'what each principal may do with each secret, what of it hangs on conditions, and through which roles: one''s own, all of the tenant for its administrators and auditors, all for operators and auditors of the vault';

ALTER VIEW vault.access_matrix OWNER TO vault_owner;
REVOKE ALL ON vault.access_matrix FROM PUBLIC;
GRANT SELECT ON vault.access_matrix TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.token_roles(), vault_data.explain_grants(uuid, text, text, text, timestamptz, inet, text, boolean, uuid[]),
	vault_data.explain_access(text, text, text, text, timestamptz, inet, text, text, boolean, text[]) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault_data.access_of(uuid, uuid, text, text) TO vault_client, vault_admin, vault_auditor, vault_owner, vault_exec;
GRANT EXECUTE ON FUNCTION vault.explain_access(text, text, text, text, timestamptz, inet, text, text, boolean, text[]) TO vault_client, vault_admin;

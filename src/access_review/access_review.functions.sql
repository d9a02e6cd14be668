/*
 * Review of access: why a decision is as it is, who may do what, and who changed that. The first
 * two report what the deciding code says. The third reports what the trail says.
 */

CREATE FUNCTION vault_data.explain_grants(subject uuid, permission text, name text,
	environment text, at timestamptz, from_address inet, service text, tls boolean, roles uuid[])
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text,
	environments text[], applies boolean, reason text, via text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_explain_grants';

CREATE FUNCTION vault_data.token_roles() RETURNS uuid[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_token_roles';

CREATE FUNCTION vault_data.explain_access(p_principal text, p_permission text, p_name text,
	p_environment text, p_at timestamptz, p_from_address inet, p_tenant text, p_service text,
	p_tls boolean, p_roles text[])
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text,
	environments text[], applies boolean, reason text, via text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	env text := vault_data.environment(p_environment);
	subject uuid;
	by_token uuid[] := '{}';
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	p_permission := lower(p_permission COLLATE "C");
	PERFORM vault_data.check_permissions(ARRAY[p_permission]);
	PERFORM vault_data.check_name(p_name);
	PERFORM vault_data.check_time('at', p_at);
	PERFORM vault_data.check_environment(env);
	PERFORM vault_data.check_services(ARRAY[p_service]) WHERE p_service IS NOT NULL;
	SELECT p.id INTO subject FROM vault_data.principal p
	WHERE p.tenant_id = this_tenant AND p.name = p_principal ORDER BY p.kind = 'built-in role'
	LIMIT 1;
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
		by_token := ARRAY(SELECT (vault_data.find_role(this_tenant, r)).id
			FROM unnest(p_roles) AS r);
	ELSIF subject IS NOT DISTINCT FROM vault_data.caller_principal() THEN
		by_token := vault_data.token_roles();
	END IF;
	RETURN QUERY SELECT *
	FROM vault_data.explain_grants(subject, p_permission, p_name, env, p_at, p_from_address,
		p_service, p_tls, by_token);
END
$$;

CREATE FUNCTION vault_data.access_of(tenant uuid, principal uuid, name text, environment text,
	OUT permissions text[], OUT conditional text[], OUT via text[])
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_access_of';

--@ execute vault_client, vault_admin, vault_auditor, vault_exec, vault_owner: access_of
--@ execute vault_exec: explain_access, explain_grants, token_roles

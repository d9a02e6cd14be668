/*
 * Policy as data: principals, roles, memberships, grants, token issuers, whom their subjects and
 * groups stand for, and the roles that show tokens of a tenant as one JSON document, and what has
 * to change to make the tenant as a document says.
 *
 * A document is brought into one form first: lists sorted, no nulls, blocks and windows as they are
 * stored. So two that mean the same are equal, and differences are differences of sets. Applying
 * one goes through the same checks as the single calls.
 */

CREATE FUNCTION vault_data.sorted(given text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT array_agg(DISTINCT e COLLATE "C" ORDER BY e COLLATE "C") FROM unnest(given) AS e
$$;

CREATE FUNCTION vault_data.grant_document(given vault_data.access_grant, grantee text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object('grantee', grantee, 'effect', given.effect,
		'permissions', vault_data.sorted(given.permissions),
		'name_pattern', given.name_pattern, 'environments', vault_data.sorted(given.environments),
		'addresses', vault_data.sorted(given.addresses),
		'windows', vault_data.sorted(given.windows), 'services', vault_data.sorted(given.services),
		'require_tls', given.require_tls, 'require_session_user', given.require_session_user,
		'valid_from', given.valid_from, 'valid_until', given.valid_until))
$$;

/*
 * Return seconds as tokens are judged by: a day has 24 hours and a month 30 days, independent of
 * IntervalStyle.
 */
CREATE FUNCTION vault_data.lifetime_seconds(span interval) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT ((EXTRACT(year FROM span) * 12 + EXTRACT(month FROM span)) * 30
		+ EXTRACT(day FROM span))::bigint
		* 86400
		+ EXTRACT(hour FROM span)::bigint * 3600 + EXTRACT(minute FROM span)::bigint * 60
			+ floor(EXTRACT(second FROM span))::bigint
$$;

CREATE FUNCTION vault_data.issuer_document(given vault_data.token_issuer) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT jsonb_build_object('name', given.name, 'issuer', given.issuer, 'audience',
		given.audience, 'jwks',
		given.jwks::jsonb,
		'claim_mapping', vault_data.claim_mapping(given),
		'max_lifetime', vault_data.lifetime_seconds(given.max_lifetime) || ' seconds')
		|| jsonb_strip_nulls(jsonb_build_object('algorithms', given.algorithms,
			'required_claims', given.required_claims::jsonb, 'by_name', given.by_name))
$$;

CREATE FUNCTION vault_data.subjects_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(jsonb_agg(jsonb_build_object('principal', p.name, 'issuer', i.name,
		'subject', e.subject, 'match', e.match) ORDER BY i.name, e.subject, e.match), '[]')
	FROM vault_data.external_subject e
		JOIN vault_data.token_issuer i ON i.tenant_id = e.tenant_id AND i.id = e.issuer_id
		JOIN vault_data.principal p ON p.tenant_id = e.tenant_id AND p.id = e.principal_id
	WHERE e.tenant_id = p_tenant
$$;

CREATE FUNCTION vault_data.group_roles_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(jsonb_agg(jsonb_build_object('issuer', i.name, 'group', g.group_name,
		'role', r.name) ORDER BY i.name, g.group_name, r.name), '[]')
	FROM vault_data.group_role g
		JOIN vault_data.token_issuer i ON i.tenant_id = g.tenant_id AND i.id = g.issuer_id
		JOIN vault_data.principal r ON r.tenant_id = g.tenant_id AND r.id = g.role_id
	WHERE g.tenant_id = p_tenant
$$;

CREATE FUNCTION vault_data.principals_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(jsonb_agg(jsonb_build_object('name', p.name, 'kind', p.kind,
		'db_roles', (SELECT COALESCE(jsonb_agg(b.role_name ORDER BY b.role_name), '[]')
			FROM vault_data.principal_binding b
			WHERE b.tenant_id = p_tenant AND b.principal_id = p.id AND vault_data.is_live(b)))
		ORDER BY p.name), '[]')
	FROM vault_data.principal p
	WHERE p.tenant_id = p_tenant AND p.kind IN ('user', 'service')
$$;

CREATE FUNCTION vault_data.members_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT COALESCE(jsonb_agg(jsonb_build_object('role', r.name, 'member', p.name)
		ORDER BY r.name, p.name), '[]')
	FROM vault_data.role_member m
		JOIN vault_data.principal r ON r.tenant_id = m.tenant_id AND r.id = m.role_id
		JOIN vault_data.principal p ON p.tenant_id = m.tenant_id AND p.id = m.member_id
	WHERE m.tenant_id = p_tenant
$$;

/* Return the tenant as a document. */
CREATE FUNCTION vault_data.policy_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT jsonb_build_object('format', 'vault-policy-v1',
		'principals', vault_data.principals_document(p_tenant),
		'roles', (SELECT COALESCE(jsonb_agg(p.name ORDER BY p.name), '[]')
			FROM vault_data.principal p WHERE p.tenant_id = p_tenant AND p.kind = 'role'),
		'members', vault_data.members_document(p_tenant),
		'grants', (SELECT COALESCE(jsonb_agg(g.document ORDER BY g.document), '[]')
			FROM (SELECT DISTINCT vault_data.grant_document(a, p.name) AS document
				FROM vault_data.access_grant a JOIN vault_data.principal p
					ON p.tenant_id = a.tenant_id AND p.id = a.principal_id
				WHERE a.tenant_id = p_tenant) AS g),
		'issuers', (SELECT COALESCE(jsonb_agg(vault_data.issuer_document(i) ORDER BY i.name), '[]')
			FROM vault_data.token_issuer i WHERE i.tenant_id = p_tenant),
		'subjects', vault_data.subjects_document(p_tenant),
		'group_roles', vault_data.group_roles_document(p_tenant),
		'token_roles', (SELECT COALESCE(jsonb_agg(r.role_name ORDER BY r.role_name), '[]')
			FROM vault_data.token_role r
			WHERE r.tenant_id = p_tenant AND EXISTS (SELECT FROM pg_roles o
				WHERE o.oid = r.db_role AND o.rolname = r.role_name)))
		|| (SELECT jsonb_strip_nulls(jsonb_build_object('environments', t.environments))
			FROM vault_data.tenant t WHERE t.tenant_id = p_tenant)
$$;

CREATE FUNCTION vault_data.require_authentic_policy(p_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_authentic_rows(p_tenant);
	PERFORM vault_data.require_authentic(p) FROM vault_data.principal p
	WHERE p.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(i) FROM vault_data.token_issuer i
	WHERE i.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(e) FROM vault_data.external_subject e
	WHERE e.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(g) FROM vault_data.group_role g
	WHERE g.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(r) FROM vault_data.token_role r
	WHERE r.tenant_id = p_tenant;
END
$$;

CREATE FUNCTION vault_data.export_policy(p_tenant text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	IF NOT vault_data.is_auditor() THEN
		PERFORM vault_data.require_administrator();
	END IF;
	PERFORM vault_data.require_authentic_policy(this_tenant);
	RETURN vault_data.policy_document(this_tenant);
END
$$;

--@ execute vault_exec: export_policy, grant_document, group_roles_document, issuer_document,
--@	lifetime_seconds, members_document, policy_document, principals_document,
--@	require_authentic_policy, sorted, subjects_document

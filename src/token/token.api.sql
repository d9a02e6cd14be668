/*
 * Tokens for callers.
 */

CREATE FUNCTION vault.login(token text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_login';
COMMENT ON FUNCTION vault.login(text)
	IS 'shows a token for the rest of the transaction, as SET LOCAL vault.token does, and '
	'verifies it';

/* NULLs without a type let either of the two be JSON of any type while the other is left out. */
CREATE FUNCTION vault.add_issuer(name text, issuer text, audience text, jwks text,
	claim_mapping anycompatible DEFAULT NULL, max_lifetime interval DEFAULT '2 hours',
	tenant text DEFAULT NULL, algorithms text[] DEFAULT NULL,
	required_claims anycompatible DEFAULT NULL, by_name boolean DEFAULT NULL)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.add_issuer(text, text, text, text, anycompatible, interval, text,
	text[], anycompatible, boolean)
	IS 'accepts tokens of an identity provider in the tenant: those with this issuer and '
	'audience, signed with one of these keys';

CREATE FUNCTION vault.set_issuer_keys(name text, jwks text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_issuer_keys(text, text, text)
	IS 'replaces the keys of an issuer; tokens signed with a key that is gone are refused from '
	'the next call on';

CREATE FUNCTION vault.remove_issuer(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.remove_issuer(text, text)
	IS 'removes an issuer; its tokens are refused from the next call on';

CREATE FUNCTION vault.allow_tokens(db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.allow_tokens(text, text)
	IS 'lets a database role, such as that of a connection pool, show tokens of the tenant''s '
	'principals';

CREATE FUNCTION vault.disallow_tokens(db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.disallow_tokens(text, text)
	IS 'ends the permission of vault.allow_tokens(), from the next call on';

CREATE FUNCTION vault.add_subject(principal text, issuer text, subject text,
	match text DEFAULT 'exact', tenant text DEFAULT NULL)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.add_subject(text, text, text, text, text)
	IS 'accepts tokens of an issuer with this subject, or with one that matches the pattern, '
	'for the principal';

CREATE FUNCTION vault.remove_subject(principal text, issuer text, subject text,
	match text DEFAULT 'exact', tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.remove_subject(text, text, text, text, text)
	IS 'removes a subject of vault.add_subject(), from the next call on';

CREATE FUNCTION vault.map_group(issuer text, group_name text, role text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.map_group(text, text, text)
	IS 'gives a role to principals whose token of the issuer lists the group, for the '
	'transaction that shows it; the caller must be able to grant all that the role holds';

CREATE FUNCTION vault.unmap_group(issuer text, group_name text, role text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.unmap_group(text, text, text)
	IS 'removes a mapping of vault.map_group(), from the next call on';

CREATE FUNCTION vault.issue_token(principal text, ttl interval DEFAULT '15 minutes',
	single_use boolean DEFAULT false, db_role text DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.issue_token(text, interval, boolean, text)
	IS 'issues a token for a principal of the tenant, signed by the vault; it is returned once '
	'and not stored';

CREATE FUNCTION vault.revoke_token(jti uuid) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.revoke_token(uuid)
	IS 'revokes a token that the vault issued, with effect for the next call of every session';

CREATE FUNCTION vault.revoke_tokens(principal text, tenant text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.revoke_tokens(text, text)
	IS 'revokes every token of a principal that the vault issued; returns their number';

CREATE VIEW vault.issuers WITH (security_barrier) AS
SELECT t.name AS tenant, i.id, i.name, i.issuer, i.audience, i.kids,
	pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('principal', i.principal_claim,
		'tenant', i.tenant_claim,
		'role', i.role_claim, 'address', i.address_claim, 'groups',
		i.groups_claim)) AS claim_mapping,
	i.max_lifetime, i.created_at, i.updated_at, i.algorithms,
	i.required_claims::jsonb AS required_claims, i.by_name
FROM vault_data.token_issuer i JOIN vault_data.tenant t ON t.tenant_id = i.tenant_id
WHERE i.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(i.tenant_id, NULL);
COMMENT ON VIEW vault.issuers
	IS 'shows issuers whose tokens are accepted: those of the tenant to its administrators, '
	'all to operators and auditors';

CREATE VIEW vault.subjects WITH (security_barrier) AS
SELECT t.name AS tenant, p.name AS principal, i.name AS issuer, e.subject, e.match, e.created_at,
	c.name AS created_by
FROM vault_data.external_subject e
	JOIN vault_data.tenant t ON t.tenant_id = e.tenant_id
	JOIN vault_data.token_issuer i ON i.tenant_id = e.tenant_id AND i.id = e.issuer_id
	JOIN vault_data.principal p ON p.tenant_id = e.tenant_id AND p.id = e.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = e.tenant_id AND c.id = e.created_by
WHERE e.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(e.tenant_id, e.principal_id);
COMMENT ON VIEW vault.subjects
	IS 'shows subjects of issuers and their principals: those of the caller, all of the tenant '
	'to its administrators and members of auditor, all to operators and auditors';

CREATE VIEW vault.group_roles WITH (security_barrier) AS
SELECT t.name AS tenant, i.name AS issuer, g.group_name, r.name AS role, g.created_at,
	c.name AS created_by
FROM vault_data.group_role g
	JOIN vault_data.tenant t ON t.tenant_id = g.tenant_id
	JOIN vault_data.token_issuer i ON i.tenant_id = g.tenant_id AND i.id = g.issuer_id
	JOIN vault_data.principal r ON r.tenant_id = g.tenant_id AND r.id = g.role_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = g.tenant_id AND c.id = g.created_by
WHERE g.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(g.tenant_id, g.role_id);
COMMENT ON VIEW vault.group_roles
	IS 'shows groups of issuers and the roles that they give: those of the caller''s roles, '
	'all of the tenant to its administrators and members of auditor, all to operators and '
	'auditors';

CREATE VIEW vault.token_roles WITH (security_barrier) AS
SELECT t.name AS tenant, COALESCE(o.rolname, r.role_name) AS db_role, r.created_at,
	CASE WHEN o.rolname = r.role_name THEN 'allowed' WHEN o.rolname IS NOT NULL THEN 'renamed'
		ELSE 'gone' END AS state
FROM vault_data.token_role r JOIN vault_data.tenant t ON t.tenant_id = r.tenant_id
	LEFT JOIN pg_catalog.pg_roles o ON o.oid = r.db_role
WHERE r.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(r.tenant_id, NULL);
COMMENT ON VIEW vault.token_roles
	IS 'shows database roles that may show tokens, by their present names: those of the tenant '
	'to its administrators, all to operators and auditors; a role that was renamed, or is '
	'gone, shows no token';

CREATE VIEW vault.issued_tokens WITH (security_barrier) AS
SELECT t.name AS tenant, k.id AS jti, p.name AS principal, k.single_use, k.created_at, k.expires_at,
	c.name AS created_by
FROM vault_data.issued_token k
	JOIN vault_data.tenant t ON t.tenant_id = k.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = k.tenant_id AND p.id = k.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = k.tenant_id AND c.id = k.created_by
WHERE k.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(k.tenant_id, k.principal_id);
COMMENT ON VIEW vault.issued_tokens
	IS 'shows tokens that the vault issued and that were not revoked: those of the caller, all '
	'of the tenant to its administrators, all to operators and auditors';

--@ execute vault_client: issue_token, login, map_group, revoke_token, unmap_group
--@ execute vault_client, vault_admin: add_issuer, add_subject, allow_tokens, disallow_tokens,
--@	remove_issuer, remove_subject, revoke_tokens, set_issuer_keys
--@ select vault_client, vault_admin, vault_auditor: group_roles, issued_tokens, issuers,
--@	subjects, token_roles

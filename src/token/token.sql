/*
 * Tokens: the issuers whose tokens count in a tenant, the database roles that may show
 * tokens there, and what the vault issued itself. No token is stored: of the
 * vault's own there is a row while they count, and revoking takes it away.
 *
 * Operators have no part in what makes a token count: whoever could add a key could read.
 */
CREATE TABLE vault_data.token_issuer (
	tenant_id       uuid NOT NULL,
	id              uuid NOT NULL,
	name            text COLLATE "C" NOT NULL,
	issuer          text COLLATE "C" NOT NULL,
	audience        text NOT NULL,
	jwks            text NOT NULL,
	principal_claim text,
	tenant_claim    text,
	role_claim      text,
	address_claim   text,
	max_lifetime    interval NOT NULL,
	revision        integer NOT NULL,
	mac             bytea NOT NULL,
	kids            text[] NOT NULL,
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT token_issuer_name_key UNIQUE (tenant_id, name)
);
CREATE TABLE vault_data.token_role (
	tenant_id  uuid NOT NULL,
	role_name  text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	db_role    regrole NOT NULL,
	PRIMARY KEY (tenant_id, db_role)
);
CREATE INDEX token_role_db_role ON vault_data.token_role (db_role);
CREATE TABLE vault_data.issued_token (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	principal_id uuid NOT NULL,
	expires_at   timestamptz NOT NULL,
	single_use   boolean NOT NULL,
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	life         uuid NOT NULL,
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	created_by   uuid NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX issued_token_principal ON vault_data.issued_token (tenant_id, principal_id);
COMMENT ON COLUMN vault_data.issued_token.life IS 'of the shared memory in which it was issued: elsewhere nobody knows whether one for a single use was used';
CREATE INDEX issued_token_single_use ON vault_data.issued_token (tenant_id, principal_id) WHERE single_use;
CREATE INDEX issued_token_expires_at ON vault_data.issued_token (tenant_id, expires_at);

ALTER TABLE vault_data.token_issuer OWNER TO vault_owner;
ALTER TABLE vault_data.token_role OWNER TO vault_owner;
ALTER TABLE vault_data.issued_token OWNER TO vault_owner;
REVOKE ALL ON vault_data.token_issuer, vault_data.token_role, vault_data.issued_token FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.token_issuer TO vault_exec;
GRANT SELECT, INSERT, DELETE ON vault_data.token_role TO vault_exec;
/* UPDATE for row locks alone. */
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.issued_token TO vault_exec;
ALTER TABLE vault_data.token_issuer ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN issuer SET STATISTICS 0,
	ALTER COLUMN audience SET STATISTICS 0, ALTER COLUMN jwks SET STATISTICS 0, ALTER COLUMN kids SET STATISTICS 0,
	ALTER COLUMN principal_claim SET STATISTICS 0, ALTER COLUMN tenant_claim SET STATISTICS 0,
	ALTER COLUMN role_claim SET STATISTICS 0, ALTER COLUMN address_claim SET STATISTICS 0;
ALTER TABLE vault_data.token_role ALTER COLUMN role_name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.token_issuer', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.token_role', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.issued_token', '');
ALTER TABLE vault_data.token_issuer ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.token_role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.issued_token ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.token_issuer
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.token_role
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());
CREATE POLICY tenant ON vault_data.issued_token
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('issuer', 'name', 'issuer', 'audience', '*jwks', 'kids', 'principal_claim',
		'tenant_claim', 'role_claim', 'address_claim', 'max_lifetime', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('token_role', 'role_name', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.issued_token
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('token', 'principal_id', 'expires_at', 'single_use', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.issued_token
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.issued_token ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.issued_token ENABLE ALWAYS TRIGGER audit;

CREATE FUNCTION vault_data.check_issuer(issuer text, audience text, max_lifetime interval, principal_claim text, tenant_claim text,
	role_claim text, address_claim text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_issuer';
CREATE FUNCTION vault_data.check_jwks(jwks text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_jwks';
CREATE FUNCTION vault_data.bind_token_role(db_role text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_bind_token_role';
CREATE FUNCTION vault_data.sign_token(id uuid, principal text, expires_at timestamptz, db_role text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_sign_token';
CREATE FUNCTION vault_data.token_life() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_token_life';
CREATE FUNCTION vault_data.token_quota(of_tenant boolean) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_token_quota';
COMMENT ON FUNCTION vault_data.token_quota(boolean) IS 'how many tokens for a single use a tenant or a principal may have that have not expired';
CREATE FUNCTION vault_data.shows_token() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_shows_token';

CREATE FUNCTION vault.login(token text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_login';
COMMENT ON FUNCTION vault.login(text) IS 'shows a token for the rest of the transaction, as SET LOCAL vault.token does, and verifies it';

/*
 * An issuer speaks for every principal, those to come as well: only who holds everything can
 * give that. Operators too can take it away.
 */
CREATE FUNCTION vault_data.require_holder_of_everything() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	everything vault_data.access_grant;
BEGIN
	everything.tenant_id := vault.current_tenant_id();
	everything.effect := 'allow';
	everything.permissions := ARRAY['read', 'write', 'rotate', 'delete', 'grant', 'list'];
	everything.name_pattern := '**';
	IF NOT vault_data.may_delegate(everything, everything.permissions) THEN
		PERFORM vault_data.fail('42501', 'permission denied: an issuer speaks for every principal of the tenant',
			'Ask who holds every permission on ** in every environment, as members of the role "owner" do; operators cannot do this for them.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.check_claim_mapping(p_mapping jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.jsonb_typeof(p_mapping) <> 'object' THEN
		PERFORM vault_data.fail('22023', 'invalid claim_mapping: it is not an object', 'Give an object such as {"principal": "client_id"}.');
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.jsonb_each(p_mapping) AS m
		WHERE m.key NOT IN ('principal', 'tenant', 'role', 'address') OR pg_catalog.jsonb_typeof(m.value) <> 'string')
	THEN
		PERFORM vault_data.fail('22023', 'invalid claim_mapping: a member is not known, or is not a string',
			'Members are principal, tenant, role and address; each is the name of a claim.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.kids_of(p_jwks text) RETURNS text[]
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT pg_catalog.array_agg(k.value->>'kid' ORDER BY k.ordinality)
	FROM pg_catalog.jsonb_array_elements(p_jwks::jsonb->'keys') WITH ORDINALITY AS k
$$;

CREATE FUNCTION vault_data.add_issuer(p_name text, p_issuer text, p_audience text, p_jwks text, p_mapping jsonb, p_max_lifetime interval, p_tenant text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.require_holder_of_everything();
	PERFORM vault_data.check_identifier('issuer name', p_name);
	PERFORM vault_data.check_claim_mapping(p_mapping);
	PERFORM vault_data.check_issuer(p_issuer, p_audience, p_max_lifetime, p_mapping->>'principal', p_mapping->>'tenant',
		p_mapping->>'role', p_mapping->>'address');
	PERFORM vault_data.check_jwks(p_jwks);
	IF EXISTS (SELECT FROM vault_data.token_issuer i WHERE i.tenant_id = this_tenant AND i.name = p_name) THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('issuer "%s" exists already', p_name),
			'Choose another name, or change its keys with vault.set_issuer_keys().');
	END IF;
	IF (SELECT pg_catalog.count(*) FROM vault_data.token_issuer i WHERE i.tenant_id = this_tenant) >= 16 THEN
		PERFORM vault_data.fail('54000', 'the tenant has 16 issuers', 'Remove one with vault.remove_issuer().');
	END IF;
	INSERT INTO vault_data.token_issuer (tenant_id, id, name, issuer, audience, jwks, principal_claim, tenant_claim, role_claim,
		address_claim, max_lifetime, kids)
	VALUES (this_tenant, new_id, p_name, p_issuer, p_audience, p_jwks, p_mapping->>'principal', p_mapping->>'tenant', p_mapping->>'role',
		p_mapping->>'address', p_max_lifetime, vault_data.kids_of(p_jwks));
	PERFORM vault_data.policy_changed();
	RETURN new_id;
END
$$;
CREATE FUNCTION vault.add_issuer(name text, issuer text, audience text, jwks text, claim_mapping jsonb DEFAULT NULL,
	max_lifetime interval DEFAULT '1 hour', tenant text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.add_issuer(text, text, text, text, jsonb, interval, text) IS 'lets tokens of an identity provider count in the tenant: those with this issuer and audience, signed with one of these keys';

CREATE FUNCTION vault_data.set_issuer_keys(p_name text, p_jwks text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_holder_of_everything();
	PERFORM vault_data.check_identifier('issuer name', p_name);
	PERFORM vault_data.check_jwks(p_jwks);
	UPDATE vault_data.token_issuer SET jwks = p_jwks, kids = vault_data.kids_of(p_jwks), updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = this_tenant AND name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such issuer', 'The view vault.issuers shows them.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.set_issuer_keys(name text, jwks text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_issuer_keys(text, text, text) IS 'replaces the keys of an issuer; tokens signed with one that is gone are refused from the next call on';

CREATE FUNCTION vault_data.remove_issuer(p_name text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	DELETE FROM vault_data.token_issuer WHERE tenant_id = this_tenant AND name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such issuer', 'The view vault.issuers shows them.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.remove_issuer(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.remove_issuer(text, text) IS 'takes an issuer away; its tokens are refused from the next call on';

CREATE FUNCTION vault_data.allow_tokens(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_db_role IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid role: it is null', 'Name a database role.');
	END IF;
	PERFORM vault_data.bind_token_role(p_db_role);
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.allow_tokens(db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.allow_tokens(text, text) IS 'lets a database role, such as that of a connection pool, show tokens of the tenant''s principals';

CREATE FUNCTION vault_data.disallow_tokens(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	DELETE FROM vault_data.token_role WHERE tenant_id = this_tenant AND role_name = p_db_role;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the role does not show tokens', 'The view vault.token_roles shows those that do.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.disallow_tokens(db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.disallow_tokens(text, text) IS 'ends what vault.allow_tokens() allowed, from the next call on';

/* Rows of tokens that nobody can use any more go when others are made. */
CREATE FUNCTION vault_data.forget_tokens(p_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.current_setting('transaction_isolation') = 'read committed' THEN
		DELETE FROM vault_data.issued_token t WHERE t.tenant_id = p_tenant AND t.id = ANY (ARRAY(
			SELECT e.id FROM vault_data.issued_token e
			WHERE e.tenant_id = p_tenant AND e.expires_at < pg_catalog.clock_timestamp() - '1 hour'::interval
			LIMIT 20 FOR UPDATE SKIP LOCKED));
	END IF;
END
$$;

/* What is used is remembered until it expires, in a table that all tenants share: so the number is limited, used or not. */
CREATE FUNCTION vault_data.require_token_quota(p_tenant uuid, p_subject uuid, p_principal text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	of_tenant bigint;
	of_principal bigint;
BEGIN
	SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE t.principal_id = p_subject) INTO of_tenant, of_principal
	FROM vault_data.issued_token t WHERE t.tenant_id = p_tenant AND t.single_use AND t.expires_at > pg_catalog.clock_timestamp();
	IF of_principal >= vault_data.token_quota(false) THEN
		PERFORM vault_data.fail('54000', pg_catalog.format('principal "%s" has %s tokens for a single use that have not expired', p_principal, of_principal),
			'They count until they expire, used or not: give them a shorter ttl, or wait.');
	ELSIF of_tenant >= vault_data.token_quota(true) THEN
		PERFORM vault_data.fail('54000', pg_catalog.format('the tenant has %s tokens for a single use that have not expired', of_tenant),
			'They count until they expire, used or not: give them a shorter ttl, or wait.');
	END IF;
END
$$;

/*
 * Who has a token of a principal has all that it holds, as a member of a role has what that
 * holds. Nobody prolongs a token with another, so a caller who showed one gets none.
 */
CREATE FUNCTION vault_data.issue_token(p_principal text, p_ttl interval, p_single_use boolean, p_db_role text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	new_id uuid := vault_data.new_id();
	expires timestamptz;
	subject uuid;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	SELECT p.id INTO subject FROM vault_data.principal p WHERE p.tenant_id = this_tenant AND p.name = p_principal AND p.kind IN ('user', 'service');
	IF vault_data.shows_token() OR (subject IS DISTINCT FROM vault_data.caller_principal() AND NOT vault_data.is_administrator()) THEN
		PERFORM vault_data.fail('42501', 'permission denied to issue a token for this principal',
			'Administrators of the tenant issue tokens for all, others for themselves; a caller who showed a token gets none.');
	END IF;
	subject := vault_data.find_principal(this_tenant, p_principal);
	IF EXISTS (SELECT FROM vault_data.principal p WHERE p.tenant_id = this_tenant AND p.id = subject AND p.kind NOT IN ('user', 'service')) THEN
		PERFORM vault_data.fail('42704', 'no such principal: it is a role', 'Issue the token for one of its members.');
	END IF;
	IF subject IS DISTINCT FROM vault_data.caller_principal() AND NOT vault_data.may_change_member(subject, false) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	IF p_single_use IS NULL OR p_ttl IS NULL OR p_ttl < '1 second' OR p_ttl > '1 day' OR (p_single_use AND p_ttl > '1 hour') THEN
		PERFORM vault_data.fail('22023', 'invalid ttl: it is not between one second and one day, or one hour for a single use', 'Give an interval such as ''15 minutes''.');
	END IF;
	IF p_db_role IS NOT NULL AND NOT EXISTS (SELECT FROM vault_data.token_role r WHERE r.tenant_id = this_tenant AND r.role_name = p_db_role) THEN
		PERFORM vault_data.fail('22023', 'invalid role: it does not show tokens', 'vault.allow_tokens() lets it.');
	END IF;
	expires := pg_catalog.clock_timestamp() + p_ttl;
	PERFORM vault_data.forget_tokens(this_tenant);
	IF p_single_use THEN
		PERFORM vault_data.require_token_quota(this_tenant, subject, p_principal);
	END IF;
	PERFORM vault_data.note(pg_catalog.format('token %s for %s', new_id, p_principal));
	INSERT INTO vault_data.issued_token (tenant_id, id, principal_id, expires_at, single_use, life, created_by)
	VALUES (this_tenant, new_id, subject, expires, p_single_use, vault_data.token_life(), vault_data.caller_principal());
	RETURN vault_data.sign_token(new_id, p_principal, expires, p_db_role);
END
$$;
CREATE FUNCTION vault.issue_token(principal text, ttl interval DEFAULT '15 minutes', single_use boolean DEFAULT false, db_role text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.issue_token(text, interval, boolean, text) IS 'makes a token for a principal of the tenant, signed by the vault; it is returned once and not stored';

CREATE FUNCTION vault_data.revoke_token(p_jti uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.note(pg_catalog.format('token %s', p_jti));
	DELETE FROM vault_data.issued_token WHERE tenant_id = vault.current_tenant_id() AND id = p_jti
		AND (principal_id = vault_data.caller_principal() OR vault_data.is_administrator());
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such token', 'The view vault.issued_tokens shows those that count.');
	END IF;
END
$$;
CREATE FUNCTION vault.revoke_token(jti uuid) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.revoke_token(uuid) IS 'takes a token back that the vault issued, in force for the next call of every session';

CREATE FUNCTION vault_data.revoke_tokens(p_principal text, p_tenant text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	subject uuid;
	gone integer;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	SELECT p.id INTO subject FROM vault_data.principal p WHERE p.tenant_id = this_tenant AND p.name = p_principal AND p.kind IN ('user', 'service');
	IF subject IS NULL OR subject IS DISTINCT FROM vault_data.caller_principal() THEN
		PERFORM vault_data.require_administrator();
		subject := vault_data.find_principal(this_tenant, p_principal);
	END IF;
	DELETE FROM vault_data.issued_token WHERE tenant_id = this_tenant AND principal_id = subject;
	GET DIAGNOSTICS gone = ROW_COUNT;
	PERFORM vault_data.note(pg_catalog.format('%s tokens of %s', gone, p_principal));
	RETURN gone;
END
$$;
CREATE FUNCTION vault.revoke_tokens(principal text, tenant text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.revoke_tokens(text, text) IS 'takes every token of a principal back that the vault issued; returns how many';

CREATE VIEW vault.issuers WITH (security_barrier) AS
SELECT t.name AS tenant, i.id, i.name, i.issuer, i.audience, i.kids,
	pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('principal', i.principal_claim, 'tenant', i.tenant_claim,
		'role', i.role_claim, 'address', i.address_claim)) AS claim_mapping,
	i.max_lifetime, i.created_at, i.updated_at
FROM vault_data.token_issuer i JOIN vault_data.tenant t ON t.tenant_id = i.tenant_id
WHERE i.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(i.tenant_id, NULL);
COMMENT ON VIEW vault.issuers IS 'issuers whose tokens count: those of the tenant for its administrators, all for operators and auditors';

CREATE VIEW vault.token_roles WITH (security_barrier) AS
SELECT t.name AS tenant, r.role_name AS db_role, r.created_at
FROM vault_data.token_role r JOIN vault_data.tenant t ON t.tenant_id = r.tenant_id
WHERE r.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(r.tenant_id, NULL);
COMMENT ON VIEW vault.token_roles IS 'database roles that may show tokens: those of the tenant for its administrators, all for operators and auditors';

CREATE VIEW vault.issued_tokens WITH (security_barrier) AS
SELECT t.name AS tenant, k.id AS jti, p.name AS principal, k.single_use, k.created_at, k.expires_at, c.name AS created_by
FROM vault_data.issued_token k
	JOIN vault_data.tenant t ON t.tenant_id = k.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = k.tenant_id AND p.id = k.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = k.tenant_id AND c.id = k.created_by
WHERE k.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(k.tenant_id, k.principal_id);
COMMENT ON VIEW vault.issued_tokens IS 'tokens that the vault issued and nobody revoked: one''s own, all of the tenant for its administrators, all for operators and auditors';

ALTER VIEW vault.issuers OWNER TO vault_owner;
ALTER VIEW vault.token_roles OWNER TO vault_owner;
ALTER VIEW vault.issued_tokens OWNER TO vault_owner;
REVOKE ALL ON vault.issuers, vault.token_roles, vault.issued_tokens FROM PUBLIC;
GRANT SELECT ON vault.issuers, vault.token_roles, vault.issued_tokens TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.login(text), vault.issue_token(text, interval, boolean, text), vault.revoke_token(uuid) TO vault_client;
GRANT EXECUTE ON FUNCTION vault.add_issuer(text, text, text, text, jsonb, interval, text), vault.set_issuer_keys(text, text, text),
	vault.remove_issuer(text, text), vault.allow_tokens(text, text), vault.disallow_tokens(text, text),
	vault.revoke_tokens(text, text) TO vault_client, vault_admin;

/*
 * Tokens: the issuers whose tokens count in a tenant, whom their subjects and groups stand
 * for, the database roles that may show tokens there, and what the vault issued itself. No
 * token is stored: of the vault's own there is a row while they count, and revoking takes it
 * away.
 *
 * Operators have no part in what makes a token count: whoever could add a key, or say whom a
 * subject stands for, could read.
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
	groups_claim    text,
	algorithms      text[],
	required_claims text,
	by_name         boolean,
	revision        integer NOT NULL,
	mac             bytea NOT NULL,
	kids            text[] NOT NULL,
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT token_issuer_name_key UNIQUE (tenant_id, name)
);
/* The principal that a subject of an issuer, or a pattern of subjects, stands for. */
CREATE TABLE vault_data.external_subject (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	issuer_id    uuid NOT NULL,
	principal_id uuid NOT NULL,
	subject      text COLLATE "C" NOT NULL,
	match        text COLLATE "C" NOT NULL CHECK (match IN ('exact', 'pattern')),
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by   uuid,
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT external_subject_key UNIQUE (tenant_id, issuer_id, subject, match),
	FOREIGN KEY (tenant_id, issuer_id)
		REFERENCES vault_data.token_issuer (tenant_id, id) ON DELETE CASCADE,
	FOREIGN KEY (tenant_id, principal_id)
		REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX external_subject_pattern ON vault_data.external_subject (tenant_id, issuer_id)
	WHERE match = 'pattern';
CREATE INDEX external_subject_principal ON vault_data.external_subject (tenant_id, principal_id);
/* The roles that a group of an issuer gives for the transaction of the token. */
CREATE TABLE vault_data.group_role (
	tenant_id  uuid NOT NULL,
	id         uuid NOT NULL,
	issuer_id  uuid NOT NULL,
	group_name text COLLATE "C" NOT NULL,
	role_id    uuid NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by uuid,
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT group_role_key UNIQUE (tenant_id, issuer_id, group_name, role_id),
	FOREIGN KEY (tenant_id, issuer_id)
		REFERENCES vault_data.token_issuer (tenant_id, id) ON DELETE CASCADE,
	FOREIGN KEY (tenant_id, role_id)
		REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX group_role_role ON vault_data.group_role (tenant_id, role_id);
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
COMMENT ON COLUMN vault_data.issued_token.life
	IS 'identifies the shared memory in which the token was issued; another server does not '
	'know if a token for a single use was used';
CREATE INDEX issued_token_single_use ON vault_data.issued_token (tenant_id, principal_id) WHERE single_use;
CREATE INDEX issued_token_expires_at ON vault_data.issued_token (tenant_id, expires_at);

ALTER TABLE vault_data.token_issuer OWNER TO vault_owner;
ALTER TABLE vault_data.token_role OWNER TO vault_owner;
ALTER TABLE vault_data.issued_token OWNER TO vault_owner;
ALTER TABLE vault_data.external_subject OWNER TO vault_owner;
ALTER TABLE vault_data.group_role OWNER TO vault_owner;
REVOKE ALL ON vault_data.token_issuer, vault_data.token_role, vault_data.issued_token FROM PUBLIC;
REVOKE ALL ON vault_data.external_subject, vault_data.group_role FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.external_subject, vault_data.group_role TO vault_exec;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.token_issuer TO vault_exec;
GRANT SELECT, INSERT, DELETE ON vault_data.token_role TO vault_exec;
/* UPDATE for row locks alone. */
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.issued_token TO vault_exec;
ALTER TABLE vault_data.token_issuer ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN issuer SET STATISTICS 0,
	ALTER COLUMN audience SET STATISTICS 0, ALTER COLUMN jwks SET STATISTICS 0, ALTER COLUMN kids SET STATISTICS 0,
	ALTER COLUMN principal_claim SET STATISTICS 0, ALTER COLUMN tenant_claim SET STATISTICS 0,
	ALTER COLUMN role_claim SET STATISTICS 0, ALTER COLUMN address_claim SET STATISTICS 0,
	ALTER COLUMN groups_claim SET STATISTICS 0, ALTER COLUMN required_claims SET STATISTICS 0;
ALTER TABLE vault_data.external_subject ALTER COLUMN subject SET STATISTICS 0;
ALTER TABLE vault_data.group_role ALTER COLUMN group_name SET STATISTICS 0;
ALTER TABLE vault_data.token_role ALTER COLUMN role_name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.token_issuer', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.external_subject', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.group_role', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.token_role', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.issued_token', '');
ALTER TABLE vault_data.token_issuer ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.external_subject ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.group_role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.token_role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.issued_token ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.token_issuer FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.token_issuer TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.external_subject FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.external_subject TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.group_role FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.group_role TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.token_role FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.token_role TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.issued_token FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.issued_token TO vault_exec
	USING (vault_data.is_inside(tenant_id));

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('issuer', 'name', 'issuer', 'audience', '*jwks', 'kids', 'principal_claim',
		'tenant_claim', 'role_claim', 'address_claim', 'max_lifetime', 'groups_claim', 'algorithms',
		'required_claims', 'by_name', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.external_subject
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('subject', '=issuer_id', '=principal_id',
		'=subject', 'match', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.group_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('group_role', '=issuer_id', '=group_name',
		'=role_id', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('token_role', '=role_name', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.issued_token
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('token', 'principal_id', 'expires_at', 'single_use', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.external_subject
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.group_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.token_issuer
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.external_subject
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.group_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.token_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.issued_token
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.issued_token ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.external_subject ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.external_subject ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.external_subject ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.group_role ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.group_role ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.group_role ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.token_issuer ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.token_role ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.issued_token ENABLE ALWAYS TRIGGER audit;

CREATE FUNCTION vault_data.check_issuer(issuer text, audience text, max_lifetime interval,
	principal_claim text, tenant_claim text, role_claim text, address_claim text,
	groups_claim text, required_claims text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_issuer';
/* The keys that verify tokens, as they are stored; a NOTICE tells of those that were passed over. */
CREATE FUNCTION vault_data.read_jwks(jwks text, algorithms text[]) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_read_jwks';
CREATE FUNCTION vault_data.check_subject(what text, subject text, match text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_subject';
CREATE FUNCTION vault_data.bind_token_role(db_role text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_bind_token_role';
CREATE FUNCTION vault_data.sign_token(id uuid, principal text, expires_at timestamptz, db_role text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_sign_token';
CREATE FUNCTION vault_data.token_life() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_token_life';
CREATE FUNCTION vault_data.token_quota(of_tenant boolean) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_token_quota';
COMMENT ON FUNCTION vault_data.token_quota(boolean)
	IS 'returns the number of tokens for a single use that have not expired which a tenant or '
	'a principal may have';
CREATE FUNCTION vault_data.shows_token() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_shows_token';

CREATE FUNCTION vault.login(token text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_login';
COMMENT ON FUNCTION vault.login(text)
	IS 'shows a token for the rest of the transaction, as SET LOCAL vault.token does, and '
	'verifies it';

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
	everything.permissions := vault_data.all_permissions();
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
		WHERE m.key NOT IN ('principal', 'tenant', 'role', 'address', 'groups')
			OR pg_catalog.jsonb_typeof(m.value) <> 'string')
	THEN
		PERFORM vault_data.fail('22023', 'invalid claim_mapping: a member is not known, or is not a string',
			'Members are principal, tenant, role, address and groups; each is the name of a claim, or a JSON pointer to it.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.claim_mapping(i vault_data.token_issuer) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('principal', i.principal_claim,
		'tenant', i.tenant_claim, 'role', i.role_claim, 'address', i.address_claim,
		'groups', i.groups_claim))
$$;

/* The issuer as it is stored, or an error that names what is wrong with it. */
CREATE FUNCTION vault_data.read_issuer_row(given vault_data.token_issuer, p_mapping jsonb,
	p_required_claims jsonb) RETURNS vault_data.token_issuer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.check_identifier('issuer name', given.name);
	PERFORM vault_data.check_claim_mapping(p_mapping);
	given.principal_claim := p_mapping->>'principal';
	given.tenant_claim := p_mapping->>'tenant';
	given.role_claim := p_mapping->>'role';
	given.address_claim := p_mapping->>'address';
	given.groups_claim := p_mapping->>'groups';
	given.required_claims := NULLIF(NULLIF(p_required_claims, '{}'), 'null')::text;
	PERFORM vault_data.check_issuer(given.issuer, given.audience, given.max_lifetime,
		given.principal_claim, given.tenant_claim, given.role_claim, given.address_claim,
		given.groups_claim, given.required_claims);
	given.jwks := vault_data.read_jwks(given.jwks, given.algorithms);
	given.kids := ARRAY(SELECT k.value->>'kid' FROM pg_catalog.jsonb_array_elements(given.jwks::jsonb->'keys')
		WITH ORDINALITY AS k ORDER BY k.ordinality);
	RETURN given;
END
$$;

/* Adds the issuer that was read, in the caller's name. */
CREATE FUNCTION vault_data.store_issuer(given vault_data.token_issuer) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	new_id uuid := vault_data.new_id();
BEGIN
	IF EXISTS (SELECT FROM vault_data.token_issuer i WHERE i.tenant_id = this_tenant AND i.name = given.name) THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('issuer "%s" already exists', given.name),
			'Choose another name, or change its keys with vault.set_issuer_keys().');
	END IF;
	IF (SELECT pg_catalog.count(*) FROM vault_data.token_issuer i WHERE i.tenant_id = this_tenant) >= 16 THEN
		PERFORM vault_data.fail('54000', 'the tenant has 16 issuers', 'Remove one with vault.remove_issuer().');
	END IF;
	INSERT INTO vault_data.token_issuer (tenant_id, id, name, issuer, audience, jwks, principal_claim,
		tenant_claim, role_claim, address_claim, max_lifetime, groups_claim, algorithms,
		required_claims, by_name, kids)
	VALUES (this_tenant, new_id, given.name, given.issuer, given.audience, given.jwks,
		given.principal_claim, given.tenant_claim, given.role_claim, given.address_claim,
		given.max_lifetime, given.groups_claim, given.algorithms, given.required_claims,
		given.by_name, given.kids);
	PERFORM vault_data.policy_changed();
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.add_issuer(p_name text, p_issuer text, p_audience text, p_jwks text, p_mapping jsonb, p_max_lifetime interval, p_tenant text,
	p_algorithms text[], p_required_claims jsonb, p_by_name boolean) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	given vault_data.token_issuer;
BEGIN
	PERFORM vault_data.require_holder_of_everything();
	given.name := p_name;
	given.issuer := p_issuer;
	given.audience := p_audience;
	given.jwks := p_jwks;
	given.max_lifetime := p_max_lifetime;
	given.algorithms := p_algorithms;
	given.by_name := p_by_name;
	RETURN vault_data.store_issuer(vault_data.read_issuer_row(given, p_mapping, p_required_claims));
END
$$;
/* Untyped NULLs, so that either of the two can be JSON of whatever type while the other is left out. */
CREATE FUNCTION vault.add_issuer(name text, issuer text, audience text, jwks text, claim_mapping anycompatible DEFAULT NULL,
	max_lifetime interval DEFAULT '2 hours', tenant text DEFAULT NULL, algorithms text[] DEFAULT NULL,
	required_claims anycompatible DEFAULT NULL, by_name boolean DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.add_issuer(text, text, text, text, anycompatible, interval, text,
	text[], anycompatible, boolean)
	IS 'accepts tokens of an identity provider in the tenant: those with this issuer and '
	'audience, signed with one of these keys';

CREATE FUNCTION vault_data.find_issuer(p_tenant uuid, p_name text) RETURNS vault_data.token_issuer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_row vault_data.token_issuer;
BEGIN
	PERFORM vault_data.check_identifier('issuer name', p_name);
	SELECT * INTO found_row FROM vault_data.token_issuer i WHERE i.tenant_id = p_tenant AND i.name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such issuer', 'The view vault.issuers shows them.');
	END IF;
	PERFORM vault_data.require_authentic(found_row);
	RETURN found_row;
END
$$;

/* The mappings of its subjects and groups stay as they are. */
CREATE FUNCTION vault_data.replace_issuer(p_tenant uuid, given vault_data.token_issuer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	UPDATE vault_data.token_issuer SET issuer = given.issuer, audience = given.audience,
		jwks = given.jwks, principal_claim = given.principal_claim, tenant_claim = given.tenant_claim,
		role_claim = given.role_claim, address_claim = given.address_claim,
		max_lifetime = given.max_lifetime, groups_claim = given.groups_claim,
		algorithms = given.algorithms, required_claims = given.required_claims,
		by_name = given.by_name, kids = given.kids, updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = p_tenant AND name = given.name;
	PERFORM vault_data.policy_changed();
END
$$;

CREATE FUNCTION vault_data.set_issuer_keys(p_name text, p_jwks text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	changed vault_data.token_issuer;
BEGIN
	PERFORM vault_data.require_holder_of_everything();
	changed := vault_data.find_issuer(this_tenant, p_name);
	changed.jwks := p_jwks;
	PERFORM vault_data.replace_issuer(this_tenant, vault_data.read_issuer_row(changed,
		vault_data.claim_mapping(changed), changed.required_claims::jsonb));
END
$$;
CREATE FUNCTION vault.set_issuer_keys(name text, jwks text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_issuer_keys(text, text, text)
	IS 'replaces the keys of an issuer; tokens signed with a key that is gone are refused from '
	'the next call on';

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
COMMENT ON FUNCTION vault.remove_issuer(text, text)
	IS 'removes an issuer; its tokens are refused from the next call on';

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
COMMENT ON FUNCTION vault.allow_tokens(text, text)
	IS 'lets a database role, such as that of a connection pool, show tokens of the tenant''s '
	'principals';

CREATE FUNCTION vault_data.disallow_tokens(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	/* By the name that it had, or has: the view shows the one or the other. */
	DELETE FROM vault_data.token_role o WHERE o.tenant_id = this_tenant AND (o.role_name = p_db_role
		OR o.db_role = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = p_db_role));
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the role does not show tokens', 'The view vault.token_roles shows those that do.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.disallow_tokens(db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.disallow_tokens(text, text)
	IS 'ends the permission of vault.allow_tokens(), from the next call on';

/*
 * A subject of a principal lets the token's bearer have all that the principal holds:
 * adding one needs the rights to issue a token for the principal, and a caller who showed a token
 * cannot make what the token gives last longer.
 */
CREATE FUNCTION vault_data.require_may_speak_for(p_principal uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF vault_data.shows_token() OR NOT vault_data.is_administrator() THEN
		PERFORM vault_data.fail('42501', 'permission denied to name subjects of principals',
			'Administrators of the tenant do, by their own role and not by a token; operators cannot do this for them.');
	END IF;
	IF p_principal IS DISTINCT FROM vault_data.caller_principal()
		AND NOT vault_data.may_change_member(p_principal, false)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
END
$$;

/* A principal and no role, for which nobody can speak. */
CREATE FUNCTION vault_data.find_speaker(p_tenant uuid, p_name text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_id uuid;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_name);
	found_id := vault_data.find_principal(p_tenant, p_name);
	IF EXISTS (SELECT FROM vault_data.principal p WHERE p.tenant_id = p_tenant AND p.id = found_id AND p.kind NOT IN ('user', 'service')) THEN
		PERFORM vault_data.fail('42704', 'no such principal: it is a role', 'Name one of its members.');
	END IF;
	RETURN found_id;
END
$$;

CREATE FUNCTION vault_data.add_subject(p_principal text, p_issuer text, p_subject text, p_match text, p_tenant text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	named uuid;
	issuer vault_data.token_issuer;
	new_id uuid := vault_data.new_id();
BEGIN
	/* A caller without the right learns no names. */
	PERFORM vault_data.require_may_speak_for(vault_data.caller_principal());
	named := vault_data.find_speaker(this_tenant, p_principal);
	PERFORM vault_data.require_may_speak_for(named);
	issuer := vault_data.find_issuer(this_tenant, p_issuer);
	PERFORM vault_data.check_subject('subject', p_subject, p_match);
	/* One at a time: whether there are others is seen as of then. */
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	IF EXISTS (SELECT FROM vault_data.external_subject e WHERE e.tenant_id = this_tenant
		AND e.issuer_id = issuer.id AND e.subject = p_subject AND e.match = p_match)
	THEN
		PERFORM vault_data.fail('23505', 'the issuer has this subject already, of this principal or of another',
			'The view vault.subjects shows them; vault.remove_subject() takes one away.');
	END IF;
	/* For good: that the last subject goes must not let names count again. */
	UPDATE vault_data.token_issuer SET by_name = false
	WHERE tenant_id = this_tenant AND id = issuer.id AND by_name IS NULL;
	IF FOUND THEN
		RAISE NOTICE USING MESSAGE = pg_catalog.format('names of principals are no subjects of the issuer "%s" any more', p_issuer),
			HINT = 'Its tokens for principals without a subject there are refused from now on; an issuer with by_name lets both count.';
	END IF;
	IF p_match = 'pattern' AND (SELECT pg_catalog.count(*) FROM vault_data.external_subject e
		WHERE e.tenant_id = this_tenant AND e.issuer_id = issuer.id AND e.match = 'pattern') >= 1000
	THEN
		PERFORM vault_data.fail('54000', 'the issuer has 1000 patterns of subjects', 'Remove one with vault.remove_subject().');
	END IF;
	INSERT INTO vault_data.external_subject (tenant_id, id, issuer_id, principal_id, subject, match, created_by)
	VALUES (this_tenant, new_id, issuer.id, named, p_subject, p_match, vault_data.caller_principal());
	PERFORM vault_data.policy_changed();
	RETURN new_id;
END
$$;
CREATE FUNCTION vault.add_subject(principal text, issuer text, subject text, match text DEFAULT 'exact', tenant text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.add_subject(text, text, text, text, text)
	IS 'accepts tokens of an issuer with this subject, or with one that matches the pattern, '
	'for the principal';

CREATE FUNCTION vault_data.remove_subject(p_principal text, p_issuer text, p_subject text, p_match text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.check_identifier('principal', p_principal);
	PERFORM vault_data.check_identifier('issuer name', p_issuer);
	DELETE FROM vault_data.external_subject e USING vault_data.token_issuer i, vault_data.principal p
	WHERE e.tenant_id = this_tenant AND e.subject = p_subject AND e.match = p_match
		AND i.tenant_id = e.tenant_id AND i.id = e.issuer_id AND i.name = p_issuer
		AND p.tenant_id = e.tenant_id AND p.id = e.principal_id AND p.name = p_principal;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such subject of this principal', 'The view vault.subjects shows them.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.remove_subject(principal text, issuer text, subject text, match text DEFAULT 'exact', tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.remove_subject(text, text, text, text, text)
	IS 'removes a subject of vault.add_subject(), from the next call on';

/*
 * To map a group to a role is to hand out what the role holds, to whomever the issuer says is
 * in the group: it takes what adding a member takes. Administrators may be among those.
 */
CREATE FUNCTION vault_data.map_group(p_issuer text, p_group text, p_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	chosen vault_data.principal;
	issuer vault_data.token_issuer;
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.check_identifier('role', p_role);
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	chosen := vault_data.find_role(this_tenant, p_role);
	IF vault_data.shows_token() OR NOT vault_data.may_change_member(chosen.id, false)
		OR (vault_data.holds_denial(chosen.id) AND NOT (vault_data.is_administrator() AND vault_data.may_change_member(chosen.id, true)))
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	issuer := vault_data.find_issuer(this_tenant, p_issuer);
	PERFORM vault_data.check_subject('group', p_group, 'exact');
	IF issuer.groups_claim IS NULL THEN
		PERFORM vault_data.fail('55000', 'the issuer has no claim for groups',
			'Add it with a claim_mapping that has the member "groups".');
	END IF;
	IF EXISTS (SELECT FROM vault_data.group_role g WHERE g.tenant_id = this_tenant
		AND g.issuer_id = issuer.id AND g.group_name = p_group AND g.role_id = chosen.id)
	THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('the group gives the role "%s" already', p_role), 'The view vault.group_roles shows which do.');
	END IF;
	IF (SELECT pg_catalog.count(*) FROM vault_data.group_role g WHERE g.tenant_id = this_tenant AND g.issuer_id = issuer.id) >= 256 THEN
		PERFORM vault_data.fail('54000', 'the issuer has 256 groups that give roles', 'Take one away with vault.unmap_group().');
	END IF;
	INSERT INTO vault_data.group_role (tenant_id, id, issuer_id, group_name, role_id, created_by)
	VALUES (this_tenant, new_id, issuer.id, p_group, chosen.id, vault_data.caller_principal());
	PERFORM vault_data.policy_changed();
	RETURN new_id;
END
$$;
CREATE FUNCTION vault.map_group(issuer text, group_name text, role text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.map_group(text, text, text)
	IS 'gives a role to principals whose token of the issuer lists the group, for the '
	'transaction that shows it; the caller must be able to grant all that the role holds';

CREATE FUNCTION vault_data.unmap_group(p_issuer text, p_group text, p_role text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	chosen vault_data.principal;
BEGIN
	PERFORM vault_data.check_identifier('role', p_role);
	chosen := vault_data.find_role(this_tenant, p_role);
	IF NOT vault_data.may_change_member(chosen.id, true) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	PERFORM vault_data.check_identifier('issuer name', p_issuer);
	DELETE FROM vault_data.group_role g USING vault_data.token_issuer i
	WHERE g.tenant_id = this_tenant AND g.group_name = p_group AND g.role_id = chosen.id
		AND i.tenant_id = g.tenant_id AND i.id = g.issuer_id AND i.name = p_issuer;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', pg_catalog.format('the group does not give the role "%s"', p_role), 'The view vault.group_roles shows which do.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.unmap_group(issuer text, group_name text, role text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.unmap_group(text, text, text)
	IS 'removes a mapping of vault.map_group(), from the next call on';

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

/*
 * A used token is remembered until it expires, in a table that all tenants share. So the number
 * of such tokens is limited, used or not.
 */
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
 * The bearer of a principal's token has all that it holds, as a member of a role has what that
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
COMMENT ON FUNCTION vault.issue_token(text, interval, boolean, text)
	IS 'issues a token for a principal of the tenant, signed by the vault; it is returned once '
	'and not stored';

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
COMMENT ON FUNCTION vault.revoke_token(uuid)
	IS 'revokes a token that the vault issued, with effect for the next call of every session';

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
COMMENT ON FUNCTION vault.revoke_tokens(text, text)
	IS 'revokes every token of a principal that the vault issued; returns their number';

CREATE VIEW vault.issuers WITH (security_barrier) AS
SELECT t.name AS tenant, i.id, i.name, i.issuer, i.audience, i.kids,
	pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('principal', i.principal_claim, 'tenant', i.tenant_claim,
		'role', i.role_claim, 'address', i.address_claim, 'groups', i.groups_claim)) AS claim_mapping,
	i.max_lifetime, i.created_at, i.updated_at, i.algorithms, i.required_claims::jsonb AS required_claims, i.by_name
FROM vault_data.token_issuer i JOIN vault_data.tenant t ON t.tenant_id = i.tenant_id
WHERE i.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(i.tenant_id, NULL);
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
WHERE e.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(e.tenant_id, e.principal_id);
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
WHERE g.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(g.tenant_id, g.role_id);
COMMENT ON VIEW vault.group_roles
	IS 'shows groups of issuers and the roles that they give: those of the caller''s roles, '
	'all of the tenant to its administrators and members of auditor, all to operators and '
	'auditors';

CREATE VIEW vault.token_roles WITH (security_barrier) AS
SELECT t.name AS tenant, COALESCE(o.rolname, r.role_name) AS db_role, r.created_at,
	CASE WHEN o.rolname = r.role_name THEN 'allowed' WHEN o.rolname IS NOT NULL THEN 'renamed' ELSE 'gone' END AS state
FROM vault_data.token_role r JOIN vault_data.tenant t ON t.tenant_id = r.tenant_id
	LEFT JOIN pg_catalog.pg_roles o ON o.oid = r.db_role
WHERE r.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(r.tenant_id, NULL);
COMMENT ON VIEW vault.token_roles
	IS 'shows database roles that may show tokens, by their present names: those of the tenant '
	'to its administrators, all to operators and auditors; a role that was renamed, or is '
	'gone, shows no token';

CREATE VIEW vault.issued_tokens WITH (security_barrier) AS
SELECT t.name AS tenant, k.id AS jti, p.name AS principal, k.single_use, k.created_at, k.expires_at, c.name AS created_by
FROM vault_data.issued_token k
	JOIN vault_data.tenant t ON t.tenant_id = k.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = k.tenant_id AND p.id = k.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = k.tenant_id AND c.id = k.created_by
WHERE k.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(k.tenant_id, k.principal_id);
COMMENT ON VIEW vault.issued_tokens
	IS 'shows tokens that the vault issued and that were not revoked: those of the caller, all '
	'of the tenant to its administrators, all to operators and auditors';

ALTER VIEW vault.issuers OWNER TO vault_owner;
ALTER VIEW vault.subjects OWNER TO vault_owner;
ALTER VIEW vault.group_roles OWNER TO vault_owner;
ALTER VIEW vault.token_roles OWNER TO vault_owner;
ALTER VIEW vault.issued_tokens OWNER TO vault_owner;
REVOKE ALL ON vault.subjects, vault.group_roles FROM PUBLIC;
GRANT SELECT ON vault.subjects, vault.group_roles TO vault_client, vault_admin, vault_auditor;
REVOKE ALL ON vault.issuers, vault.token_roles, vault.issued_tokens FROM PUBLIC;
GRANT SELECT ON vault.issuers, vault.token_roles, vault.issued_tokens TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.add_issuer(text, text, text, text, jsonb, interval, text, text[], jsonb, boolean),
	vault_data.add_subject(text, text, text, text, text), vault_data.allow_tokens(text, text),
	vault_data.bind_token_role(text), vault_data.check_claim_mapping(jsonb),
	vault_data.check_issuer(text, text, interval, text, text, text, text, text, text),
	vault_data.check_subject(text, text, text), vault_data.claim_mapping(vault_data.token_issuer),
	vault_data.disallow_tokens(text, text), vault_data.find_issuer(uuid, text),
	vault_data.find_speaker(uuid, text), vault_data.forget_tokens(uuid),
	vault_data.issue_token(text, interval, boolean, text), vault_data.map_group(text, text, text),
	vault_data.read_issuer_row(vault_data.token_issuer, jsonb, jsonb),
	vault_data.read_jwks(text, text[]), vault_data.remove_issuer(text, text),
	vault_data.remove_subject(text, text, text, text, text),
	vault_data.replace_issuer(uuid, vault_data.token_issuer),
	vault_data.require_holder_of_everything(), vault_data.require_may_speak_for(uuid),
	vault_data.require_token_quota(uuid, uuid, text), vault_data.revoke_token(uuid),
	vault_data.revoke_tokens(text, text), vault_data.set_issuer_keys(text, text, text),
	vault_data.shows_token(), vault_data.sign_token(uuid, text, timestamp with time zone, text),
	vault_data.store_issuer(vault_data.token_issuer), vault_data.token_life(),
	vault_data.token_quota(boolean), vault_data.unmap_group(text, text, text) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.login(text), vault.issue_token(text, interval, boolean, text), vault.revoke_token(uuid) TO vault_client;
GRANT EXECUTE ON FUNCTION vault.map_group(text, text, text), vault.unmap_group(text, text, text) TO vault_client;
GRANT EXECUTE ON FUNCTION vault.add_subject(text, text, text, text, text),
	vault.remove_subject(text, text, text, text, text) TO vault_client, vault_admin;
GRANT EXECUTE ON FUNCTION vault.add_issuer(text, text, text, text, anycompatible, interval, text, text[], anycompatible, boolean), vault.set_issuer_keys(text, text, text),
	vault.remove_issuer(text, text), vault.allow_tokens(text, text), vault.disallow_tokens(text, text),
	vault.revoke_tokens(text, text) TO vault_client, vault_admin;

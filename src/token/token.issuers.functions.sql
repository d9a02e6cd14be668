/*
 * Issuers whose tokens count in a tenant, and their keys.
 */

/*
 * An issuer speaks for every principal, future ones too, so only a caller that holds everything may
 * add one. Operators too can drop it.
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
		PERFORM vault_data.fail('42501',
			'permission denied: an issuer speaks for every principal of the tenant',
			'Ask who holds every permission on ** in every environment, as members of the role '
			'"owner" do; operators cannot do this for them.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.check_claim_mapping(p_mapping jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(p_mapping) <> 'object' THEN
		PERFORM vault_data.fail('22023', 'invalid claim_mapping: it is not an object',
			'Give an object such as {"principal": "client_id"}.');
	END IF;
	IF EXISTS (SELECT FROM jsonb_each(p_mapping) AS m
		WHERE m.key NOT IN ('principal', 'tenant', 'role', 'address', 'groups')
			OR jsonb_typeof(m.value) <> 'string')
	THEN
		PERFORM vault_data.fail('22023',
			'invalid claim_mapping: a member is not known, or is not a string',
			'Members are principal, tenant, role, address and groups; each is the name of a '
			'claim, or a JSON pointer to it.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.claim_mapping(given vault_data.token_issuer) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object('principal', given.principal_claim,
		'tenant', given.tenant_claim, 'role', given.role_claim, 'address', given.address_claim,
		'groups', given.groups_claim))
$$;

/* Return the issuer as it is stored, or raise an error that names its fault. */
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
	given.kids := ARRAY(SELECT k.value->>'kid' FROM jsonb_array_elements(given.jwks::jsonb->'keys')
		WITH ORDINALITY AS k ORDER BY k.ordinality);
	RETURN given;
END
$$;

/* Add the issuer that was read, in the caller's name. */
CREATE FUNCTION vault_data.store_issuer(given vault_data.token_issuer) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	new_id uuid := vault_data.new_id();
BEGIN
	IF EXISTS (SELECT FROM vault_data.token_issuer i
		WHERE i.tenant_id = this_tenant AND i.name = given.name)
	THEN
		PERFORM vault_data.fail('23505', format('issuer "%s" already exists', given.name),
			'Choose another name, or change its keys with vault.set_issuer_keys().');
	END IF;
	IF (SELECT count(*) FROM vault_data.token_issuer i WHERE i.tenant_id = this_tenant) >= 16 THEN
		PERFORM vault_data.fail('54000', 'the tenant has 16 issuers',
			'Remove one with vault.remove_issuer().');
	END IF;
	INSERT INTO vault_data.token_issuer (tenant_id, id, name, issuer, audience, jwks,
		principal_claim,
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

CREATE FUNCTION vault_data.add_issuer(p_name text, p_issuer text, p_audience text, p_jwks text,
	p_mapping jsonb, p_max_lifetime interval, p_tenant text, p_algorithms text[],
	p_required_claims jsonb, p_by_name boolean)
RETURNS uuid
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

CREATE FUNCTION vault_data.find_issuer(p_tenant uuid, p_name text) RETURNS vault_data.token_issuer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_row vault_data.token_issuer;
BEGIN
	PERFORM vault_data.check_identifier('issuer name', p_name);
	SELECT * INTO found_row FROM vault_data.token_issuer i
	WHERE i.tenant_id = p_tenant AND i.name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such issuer', 'The view vault.issuers shows them.');
	END IF;
	PERFORM vault_data.require_authentic(found_row);
	RETURN found_row;
END
$$;

/* Keep the mappings of its subjects and groups. */
CREATE FUNCTION vault_data.replace_issuer(p_tenant uuid, given vault_data.token_issuer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	UPDATE vault_data.token_issuer SET issuer = given.issuer, audience = given.audience,
		jwks = given.jwks, principal_claim = given.principal_claim,
		tenant_claim = given.tenant_claim, role_claim = given.role_claim,
		address_claim = given.address_claim, max_lifetime = given.max_lifetime,
		groups_claim = given.groups_claim, algorithms = given.algorithms,
		required_claims = given.required_claims, by_name = given.by_name, kids = given.kids,
		updated_at = clock_timestamp()
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

--@ execute vault_exec: add_issuer, check_claim_mapping, claim_mapping, find_issuer,
--@	read_issuer_row, remove_issuer, replace_issuer, require_holder_of_everything,
--@	set_issuer_keys, store_issuer

/*
 * Grants: checked, given and revoked.
 */

/* Require a year of four digits, because times are stored and written to documents. */
CREATE FUNCTION vault_data.check_time(argument text, given timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF given NOT BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN
		PERFORM vault_data.fail('22023',
			format('invalid %s: must be between the years 1 and 9999', argument),
			'Give another time, or NULL.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.add_grant(given vault_data.access_grant) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	given.id := vault_data.new_id();
	INSERT INTO vault_data.access_grant (tenant_id, id, principal_id, effect, permissions,
		name_pattern, environments, addresses, windows, services,
		require_tls, require_session_user, valid_from, valid_until, created_by)
	VALUES (vault.current_tenant_id(), given.id, given.principal_id, given.effect,
		given.permissions, given.name_pattern, given.environments,
		given.addresses, given.windows, given.services, given.require_tls,
		given.require_session_user, given.valid_from, given.valid_until,
		vault_data.caller_principal());
	RETURN given.id;
END
$$;

/* Return the grant in its stored form, or raise an error that names its fault. */
CREATE FUNCTION vault_data.check_grant(given vault_data.access_grant)
RETURNS vault_data.access_grant
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	environment text;
BEGIN
	given.permissions := CASE WHEN given.permissions IS NOT NULL
		THEN ARRAY(SELECT lower(u.p COLLATE "C")
			FROM unnest(given.permissions) WITH ORDINALITY AS u (p, n) ORDER BY u.n) END;
	given.effect := lower(given.effect COLLATE "C");
	PERFORM vault_data.check_permissions(given.permissions);
	PERFORM vault_data.check_pattern(given.name_pattern);
	IF given.effect IS NULL OR given.effect NOT IN ('allow', 'deny') THEN
		PERFORM vault_data.fail('22023', 'invalid effect: a grant allows or denies',
			'Give ''allow'' or ''deny''.');
	END IF;
	IF cardinality(given.environments) = 0 OR cardinality(given.environments) > 64 THEN
		PERFORM vault_data.fail('22023',
			'invalid environments: the list is empty or longer than 64',
			'Give NULL for all environments.');
	END IF;
	FOREACH environment IN ARRAY COALESCE(given.environments, '{}') LOOP
		PERFORM vault_data.check_identifier('environment', environment);
	END LOOP;
	given.addresses := vault_data.check_addresses(given.addresses);
	given.windows := vault_data.check_windows(given.windows);
	given.services := vault_data.check_services(given.services);
	given.require_tls := NULLIF(given.require_tls, false);
	given.require_session_user := NULLIF(given.require_session_user, false);
	given.valid_from := NULLIF(given.valid_from, '-infinity');
	given.valid_until := NULLIF(given.valid_until, 'infinity');
	IF given.valid_from >= given.valid_until OR given.valid_from = 'infinity'
		OR given.valid_until = '-infinity'
	THEN
		PERFORM vault_data.fail('22023',
			'invalid valid_until: the grant would end before it begins',
			'Give a later time, or NULL for no end.');
	END IF;
	PERFORM vault_data.check_time('valid_from', given.valid_from);
	PERFORM vault_data.check_time('valid_until', given.valid_until);
	RETURN given;
END
$$;

/* Store a checked grant, if the caller may give it. */
CREATE FUNCTION vault_data.give(given vault_data.access_grant) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	stops boolean := false;
	before jsonb;
BEGIN
	/*
	 * Serialize with memberships: one that is being made could put an administrator under this
	 * principal.
	 */
	IF given.effect = 'deny' THEN
		PERFORM vault_data.lock_policy();
		stops := vault_data.reaches_administrator(given.principal_id);
	END IF;
	IF NOT vault_data.may_delegate(given,
		CASE given.effect WHEN 'allow' THEN given.permissions ELSE '{grant}' END)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	/*
	 * An administrator cannot take back a denial of its own permissions. So only an administrator
	 * that may grant these permissions can deny them to one.
	 */
	IF stops
		AND NOT (vault_data.is_administrator()
			AND vault_data.may_delegate(given, given.permissions))
	THEN
		PERFORM vault_data.refuse_against_administrator();
	END IF;
	PERFORM vault_data.check_environment(e) FROM unnest(given.environments) AS e;
	IF NOT stops OR NOT 'grant' = ANY (given.permissions) THEN
		RETURN vault_data.add_grant(given);
	END IF;
	before := vault_data.begin_change_of_administrators();
	given.id := vault_data.add_grant(given);
	PERFORM vault_data.end_change_of_administrators(before);
	RETURN given.id;
END
$$;

CREATE FUNCTION vault_data."grant"(p_grantee text, p_permissions text[], p_pattern text,
	p_environments text[], p_effect text, p_addresses text[], p_windows text[], p_services text[],
	p_require_tls boolean, p_valid_from timestamptz, p_valid_until timestamptz,
	p_require_session_user boolean)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	given.tenant_id := vault.current_tenant_id();
	given.effect := p_effect;
	given.permissions := p_permissions;
	given.name_pattern := p_pattern;
	given.environments := p_environments;
	given.addresses := p_addresses;
	given.windows := p_windows;
	given.services := p_services;
	given.require_tls := p_require_tls;
	given.require_session_user := p_require_session_user;
	given.valid_from := p_valid_from;
	given.valid_until := p_valid_until;
	given := vault_data.check_grant(given);
	IF NOT vault_data.may_delegate(given,
		CASE given.effect WHEN 'allow' THEN given.permissions ELSE '{grant}' END)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	given.principal_id := vault_data.find_principal(given.tenant_id, p_grantee);
	PERFORM vault_data.policy_changed();
	RETURN vault_data.give(given);
END
$$;

/*
 * Parse a list of permissions. A literal is a text first: one permission, several with commas
 * between them, or an array.
 */
CREATE FUNCTION vault_data.permission_list(p_permissions text) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_permissions ~ '^\s*\{' THEN
		RETURN p_permissions::text[];
	END IF;
	RETURN string_to_array(regexp_replace(p_permissions, '\s', '', 'g'), ',');
EXCEPTION WHEN data_exception THEN
	PERFORM vault_data.fail('22023', 'invalid permissions: the list is malformed',
		'Give for example ''read'', or ''{read,list}''.');
END
$$;

CREATE FUNCTION vault_data."grant"(p_grantee text, p_permissions text, p_pattern text,
	p_environments text[], p_effect text, p_addresses text[], p_windows text[], p_services text[],
	p_require_tls boolean, p_valid_from timestamptz, p_valid_until timestamptz,
	p_require_session_user boolean)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RETURN vault_data."grant"(p_grantee, vault_data.permission_list(p_permissions), p_pattern,
		p_environments, p_effect, p_addresses, p_windows,
		p_services, p_require_tls, p_valid_from, p_valid_until, p_require_session_user);
END
$$;

CREATE FUNCTION vault_data.revoke(p_grant_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
	makes boolean;
	before jsonb;
BEGIN
	SELECT * INTO given FROM vault_data.access_grant
	WHERE tenant_id = vault.current_tenant_id() AND id = p_grant_id;
	IF NOT FOUND
		OR NOT vault_data.may_delegate(given,
			CASE given.effect WHEN 'deny' THEN given.permissions ELSE '{grant}' END)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	/*
	 * Only an administrator that may grant the same takes an allowance from an administrator,
	 * unless the allowance has ended or was changed outside.
	 */
	IF given.effect = 'allow' AND NOT vault_data.may_delegate(given, given.permissions)
		AND given.principal_id <> vault_data.caller_principal()
		AND COALESCE(given.valid_until > clock_timestamp(), true) AND vault_data.is_authentic(given)
		AND vault_data.reaches_administrator(given.principal_id)
	THEN
		PERFORM vault_data.refuse_against_administrator();
	END IF;
	/* The effect of the grant decides the right to take it back, so its row must be authentic. */
	IF NOT vault_data.is_administrator() THEN
		PERFORM vault_data.require_authentic(given);
	END IF;
	/* A grant that was changed outside stops its principal; taking it back ends that. */
	makes := given.effect = 'allow' AND 'grant' = ANY (given.permissions)
		AND given.name_pattern = '**' AND given.environments IS NULL
		AND vault_data.is_authentic(given);
	IF makes THEN
		before := vault_data.begin_change_of_administrators();
	END IF;
	DELETE FROM vault_data.access_grant
	WHERE tenant_id = vault.current_tenant_id() AND id = p_grant_id;
	IF makes THEN
		PERFORM vault_data.end_change_of_administrators(before);
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

--@ execute vault_exec: add_grant, check_grant, check_time, give, grant, permission_list, revoke

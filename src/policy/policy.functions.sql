/*
 * Decisions and delegation: what the caller may do, and which rights it may give and take.
 */

/* Helpers. Each refuses to work outside of a call, or only checks a text. */
CREATE FUNCTION vault_data.require(permission text, name text, environment text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require';

CREATE FUNCTION vault_data.permitted(permission text, name text, environment text) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_permitted';

CREATE FUNCTION vault_data.may_delegate(given vault_data.access_grant, permissions text[])
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_delegate';

CREATE FUNCTION vault_data.may_change_member(role uuid, removes boolean) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_change_member';

CREATE FUNCTION vault_data.check_membership(role uuid, member uuid) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_membership';

/*
 * Return the result of policy_is_administrator() for any principal of the tenant; may_administer()
 * does so without regard to denials.
 */
CREATE FUNCTION vault_data.administers(principal uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_administers';

CREATE FUNCTION vault_data.may_administer(principal uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_administer';

CREATE FUNCTION vault_data.reaches_administrator(subject uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_reaches_administrator';

/* Return the administrators of the call's tenant that are bound to an existing role. */
CREATE FUNCTION vault_data.administrators(for_good boolean) RETURNS uuid[]
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_administrators';

CREATE FUNCTION vault_data.holds_nothing(role uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_holds_nothing';

CREATE FUNCTION vault_data.holds_denial(role uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_holds_denial';

CREATE FUNCTION vault_data.check_addresses(addresses text[]) RETURNS text[]
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_addresses';

CREATE FUNCTION vault_data.check_windows(windows text[]) RETURNS text[]
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_windows';

CREATE FUNCTION vault_data.check_services(services text[]) RETURNS text[]
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_services';

CREATE FUNCTION vault_data.check_name(name text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_name';

CREATE FUNCTION vault_data.check_pattern(name_pattern text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_pattern';

CREATE FUNCTION vault_data.check_permissions(permissions text[]) RETURNS text[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_permissions';

CREATE FUNCTION vault_data.check_environment(given text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_environment';
COMMENT ON FUNCTION vault_data.check_environment(text)
	IS 'returns the environment if it may be named: a declared one, if the tenant has declared any';

CREATE FUNCTION vault_data.environment(given text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_environment';

CREATE FUNCTION vault_data.name_matches(name text, name_pattern text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_name_matches';

CREATE FUNCTION vault_data.sees_secret(tenant uuid, name text, environment text) RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_sees_secret';
COMMENT ON FUNCTION vault_data.sees_secret(uuid, text, text)
	IS 'returns true if the caller may know of the secret: by any permission on its name, or '
	'as operator or auditor';

/*
 * Check the rows of a tenant before rows of other principals decide, for example on its
 * administrators.
 */
CREATE FUNCTION vault_data.require_authentic_rows(p_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_authentic(b) FROM vault_data.principal_binding b
	WHERE b.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(g) FROM vault_data.access_grant g
	WHERE g.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(m) FROM vault_data.role_member m
	WHERE m.tenant_id = p_tenant;
END
$$;

CREATE FUNCTION vault_data.refuse_delegation() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.fail('42501', 'permission denied to give or take these permissions here',
		'You need "grant" on names that cover the pattern, and every permission that you give.');
END
$$;

/*
 * Return true if the caller can hand out all that the principal holds. Only such a caller may take
 * a principal out of action; otherwise a caller with fewer rights could make room for another
 * principal, which an operator appoints. Any principal may take itself out of action.
 */
CREATE FUNCTION vault_data.reaches_all_of(p_principal uuid) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT p_principal IS NOT DISTINCT FROM vault_data.caller_principal()
		OR vault_data.may_change_member(p_principal, false)
$$;

CREATE FUNCTION vault_data.require_reaches_all_of(p_principal uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT vault_data.reaches_all_of(p_principal) THEN
		PERFORM vault_data.fail('42501',
			'permission denied: the principal holds more than you can give',
			'Ask who holds as much; its grants and memberships can be taken back before, but an '
			'administrator''s by their equals only.');
	END IF;
END
$$;

/*
 * Get the administrators of the tenant before a change that can end their rights: all of them,
 * those for good, and those that the caller could not make administrators again. The lock
 * serializes such changes.
 */
CREATE FUNCTION vault_data.begin_change_of_administrators() RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	at_all uuid[];
BEGIN
	PERFORM vault_data.lock_policy();
	/* The removal of an administrator by an operator depends on the rows of other principals. */
	IF NOT vault_data.is_administrator() THEN
		PERFORM vault_data.require_authentic_rows(vault.current_tenant_id());
	END IF;
	at_all := vault_data.administrators(false);
	RETURN jsonb_build_object('at_all', at_all, 'for_good', vault_data.administrators(true),
		'beyond', ARRAY(SELECT p FROM unnest(at_all) AS p WHERE NOT vault_data.reaches_all_of(p)));
END
$$;

/*
 * Check the administrators after the change. A tenant without an administrator gets one from an
 * operator, so no client may bring that about.
 */
CREATE FUNCTION vault_data.end_change_of_administrators(p_before jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	at_all jsonb := to_jsonb(vault_data.administrators(false));
	for_good jsonb := to_jsonb(vault_data.administrators(true));
BEGIN
	IF EXISTS (SELECT FROM jsonb_array_elements_text(p_before->'beyond') AS p
		WHERE NOT at_all ? p OR (p_before->'for_good' ? p AND NOT for_good ? p))
	THEN
		PERFORM vault_data.fail('42501',
			'permission denied: this would take an administrator away who holds more than you '
			'can give',
			'An administrator who holds as much can.');
	END IF;
	IF (p_before->'at_all' <> '[]' AND at_all = '[]')
		OR (p_before->'for_good' <> '[]' AND for_good = '[]')
	THEN
		PERFORM vault_data.fail('55000', 'the tenant would have no administrator any more',
			'Make another one first, bound to a database role, with "grant" on ** and neither '
			'an end nor a denial of it; where the database roles of all are gone, an operator '
			'appoints one.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.refuse_against_administrator() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.fail('42501',
		'permission denied to take or deny an administrator what you do not hold',
		'An administrator who holds these permissions can.');
END
$$;

CREATE FUNCTION vault_data.caller_principal() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_caller_principal';

--@ execute vault_client, vault_admin, vault_auditor, vault_exec, vault_owner: sees_secret
--@ execute vault_exec: administers, administrators, begin_change_of_administrators,
--@	caller_principal, check_addresses, check_environment, check_membership, check_name,
--@	check_pattern, check_permissions, check_services, check_windows,
--@	end_change_of_administrators, environment, holds_denial, holds_nothing, may_administer,
--@	may_change_member, may_delegate, name_matches, permitted, reaches_administrator,
--@	reaches_all_of, refuse_against_administrator, refuse_delegation, require,
--@	require_authentic_rows, require_reaches_all_of

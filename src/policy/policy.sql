/*
 * Grants and memberships. A grant gives a principal or a role permissions on names, with
 * conditions on environment, address, time and service. A membership makes a principal or role a
 * member of a role.
 *
 * A condition that is not required is NULL. The columns that decide stand before revision.
 */
CREATE FUNCTION vault_data.all_permissions() RETURNS text[]
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_all_permissions';
COMMENT ON FUNCTION vault_data.all_permissions() IS 'returns every permission';

CREATE TABLE vault_data.access_grant (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	principal_id uuid NOT NULL,
	effect       text NOT NULL CHECK (effect IN ('allow', 'deny')),
	permissions  text[] NOT NULL CHECK (permissions <@ vault_data.all_permissions()
		AND pg_catalog.cardinality(permissions) > 0),
	name_pattern text COLLATE "C" NOT NULL,
	environments text[] CHECK (pg_catalog.cardinality(environments) > 0),
	addresses    text[],
	windows      text[],
	services     text[],
	require_tls  boolean,
	require_session_user boolean,
	valid_from   timestamptz,
	valid_until  timestamptz,
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by   uuid,
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX access_grant_principal ON vault_data.access_grant (tenant_id, principal_id);
CREATE TABLE vault_data.role_member (
	tenant_id  uuid NOT NULL,
	id         uuid NOT NULL,
	role_id    uuid NOT NULL,
	member_id  uuid NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by uuid,
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT role_member_key UNIQUE (tenant_id, role_id, member_id),
	FOREIGN KEY (tenant_id, role_id) REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE,
	FOREIGN KEY (tenant_id, member_id) REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX role_member_member ON vault_data.role_member (tenant_id, member_id);

ALTER TABLE vault_data.access_grant OWNER TO vault_owner;
REVOKE ALL ON vault_data.access_grant FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.access_grant TO vault_exec;
ALTER TABLE vault_data.role_member OWNER TO vault_owner;
REVOKE ALL ON vault_data.role_member FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.role_member TO vault_exec;
ALTER TABLE vault_data.access_grant ALTER COLUMN name_pattern SET STATISTICS 0, ALTER COLUMN environments SET STATISTICS 0,
	ALTER COLUMN addresses SET STATISTICS 0, ALTER COLUMN windows SET STATISTICS 0, ALTER COLUMN services SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.access_grant', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.role_member', '');
ALTER TABLE vault_data.access_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.role_member ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.role_member FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.role_member TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.access_grant FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.access_grant TO vault_exec
	USING (vault_data.is_inside(tenant_id));

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('grant', '=principal_id', 'effect', 'permissions', 'name_pattern', 'environments',
		'addresses', 'windows', 'services', 'require_tls', 'require_session_user', 'valid_from', 'valid_until', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.role_member
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('membership', '=role_id', '=member_id', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.role_member
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.role_member
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.role_member ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.role_member ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.role_member ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER changed;

/* Helpers. Each refuses to work outside of a call, or only checks a text. */
CREATE FUNCTION vault_data.require(permission text, name text, environment text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require';
CREATE FUNCTION vault_data.permitted(permission text, name text, environment text) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_permitted';
CREATE FUNCTION vault_data.may_delegate(given vault_data.access_grant, permissions text[]) RETURNS boolean
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
/* Require a year of four digits, because times are stored and written to documents. */
CREATE FUNCTION vault_data.check_time(argument text, given timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF given NOT BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN
		PERFORM vault_data.fail('22023', pg_catalog.format('invalid %s: it is not between the years 1 and 9999', argument), 'Give another time, or NULL.');
	END IF;
END
$$;
CREATE FUNCTION vault_data.environment(given text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_environment';
CREATE FUNCTION vault_data.name_matches(name text, name_pattern text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_name_matches';
CREATE FUNCTION vault_data.sees_secret(tenant uuid, name text, environment text) RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_sees_secret';
COMMENT ON FUNCTION vault_data.sees_secret(uuid, text, text)
	IS 'returns true if the caller may know of the secret: by any permission on its name, or '
	'as operator or auditor';

/* Find a principal, or a role that is not built in. */
CREATE FUNCTION vault_data.find_principal(p_tenant uuid, p_name text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_row vault_data.principal;
BEGIN
	SELECT * INTO found_row FROM vault_data.principal WHERE tenant_id = p_tenant AND name = p_name AND kind <> 'built-in role';
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such principal', 'The views vault.principals and vault.roles show them.');
	END IF;
	PERFORM vault_data.require_authentic(found_row);
	RETURN found_row.id;
END
$$;

/*
 * Check the rows of a tenant before rows of other principals decide, for example on its
 * administrators.
 */
CREATE FUNCTION vault_data.require_authentic_rows(p_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_authentic(b) FROM vault_data.principal_binding b WHERE b.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(g) FROM vault_data.access_grant g WHERE g.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(m) FROM vault_data.role_member m WHERE m.tenant_id = p_tenant;
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
	SELECT p_principal IS NOT DISTINCT FROM vault_data.caller_principal() OR vault_data.may_change_member(p_principal, false)
$$;
CREATE FUNCTION vault_data.require_reaches_all_of(p_principal uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT vault_data.reaches_all_of(p_principal) THEN
		PERFORM vault_data.fail('42501', 'permission denied: the principal holds more than you can give',
			'Ask who holds as much; its grants and memberships can be taken back before, but an administrator''s by their equals only.');
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
	RETURN pg_catalog.jsonb_build_object('at_all', at_all, 'for_good', vault_data.administrators(true),
		'beyond', ARRAY(SELECT p FROM pg_catalog.unnest(at_all) AS p WHERE NOT vault_data.reaches_all_of(p)));
END
$$;

/*
 * Check the administrators after the change. A tenant without an administrator gets one from an
 * operator, so no client may bring that about.
 */
CREATE FUNCTION vault_data.end_change_of_administrators(p_before jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	at_all jsonb := pg_catalog.to_jsonb(vault_data.administrators(false));
	for_good jsonb := pg_catalog.to_jsonb(vault_data.administrators(true));
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.jsonb_array_elements_text(p_before->'beyond') AS p
		WHERE NOT at_all ? p OR (p_before->'for_good' ? p AND NOT for_good ? p))
	THEN
		PERFORM vault_data.fail('42501', 'permission denied: this would take an administrator away who holds more than you can give',
			'An administrator who holds as much can.');
	END IF;
	IF (p_before->'at_all' <> '[]' AND at_all = '[]') OR (p_before->'for_good' <> '[]' AND for_good = '[]') THEN
		PERFORM vault_data.fail('55000', 'the tenant would have no administrator any more',
			'Make another one first, bound to a database role, with "grant" on ** and neither an end nor a denial of it; where the database roles of all are gone, an operator appoints one.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.refuse_against_administrator() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.fail('42501', 'permission denied to take or deny an administrator what you do not hold',
		'An administrator who holds these permissions can.');
END
$$;

CREATE FUNCTION vault_data.add_grant(given vault_data.access_grant) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	given.id := vault_data.new_id();
	INSERT INTO vault_data.access_grant (tenant_id, id, principal_id, effect, permissions, name_pattern, environments, addresses, windows, services,
		require_tls, require_session_user, valid_from, valid_until, created_by)
	VALUES (vault.current_tenant_id(), given.id, given.principal_id, given.effect, given.permissions, given.name_pattern, given.environments,
		given.addresses, given.windows, given.services, given.require_tls, given.require_session_user, given.valid_from, given.valid_until,
		vault_data.caller_principal());
	RETURN given.id;
END
$$;

CREATE FUNCTION vault_data.caller_principal() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_caller_principal';

/* Return the grant in its stored form, or raise an error that names its fault. */
CREATE FUNCTION vault_data.check_grant(given vault_data.access_grant) RETURNS vault_data.access_grant
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	environment text;
BEGIN
	given.permissions := CASE WHEN given.permissions IS NOT NULL THEN ARRAY(SELECT pg_catalog.lower(u.p COLLATE "C")
		FROM pg_catalog.unnest(given.permissions) WITH ORDINALITY AS u (p, n) ORDER BY u.n) END;
	given.effect := pg_catalog.lower(given.effect COLLATE "C");
	PERFORM vault_data.check_permissions(given.permissions);
	PERFORM vault_data.check_pattern(given.name_pattern);
	IF given.effect IS NULL OR given.effect NOT IN ('allow', 'deny') THEN
		PERFORM vault_data.fail('22023', 'invalid effect: a grant allows or denies', 'Give ''allow'' or ''deny''.');
	END IF;
	IF pg_catalog.cardinality(given.environments) = 0 OR pg_catalog.cardinality(given.environments) > 64 THEN
		PERFORM vault_data.fail('22023', 'invalid environments: the list is empty or longer than 64', 'Give NULL for all environments.');
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
	IF given.valid_from >= given.valid_until OR given.valid_from = 'infinity' OR given.valid_until = '-infinity' THEN
		PERFORM vault_data.fail('22023', 'invalid valid_until: the grant would end before it begins', 'Give a later time, or NULL for no end.');
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
	IF NOT vault_data.may_delegate(given, CASE given.effect WHEN 'allow' THEN given.permissions ELSE '{grant}' END) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	/*
	 * An administrator cannot take back a denial of its own permissions, so only another
	 * administrator with equal rights can give one.
	 */
	IF stops AND NOT (vault_data.is_administrator() AND vault_data.may_delegate(given, given.permissions)) THEN
		PERFORM vault_data.refuse_against_administrator();
	END IF;
	PERFORM vault_data.check_environment(e) FROM pg_catalog.unnest(given.environments) AS e;
	IF NOT stops OR NOT 'grant' = ANY (given.permissions) THEN
		RETURN vault_data.add_grant(given);
	END IF;
	before := vault_data.begin_change_of_administrators();
	given.id := vault_data.add_grant(given);
	PERFORM vault_data.end_change_of_administrators(before);
	RETURN given.id;
END
$$;

CREATE FUNCTION vault_data."grant"(p_grantee text, p_permissions text[], p_pattern text, p_environments text[], p_effect text,
	p_addresses text[], p_windows text[], p_services text[], p_require_tls boolean, p_valid_from timestamptz, p_valid_until timestamptz,
	p_require_session_user boolean) RETURNS uuid
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
	IF NOT vault_data.may_delegate(given, CASE given.effect WHEN 'allow' THEN given.permissions ELSE '{grant}' END) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	given.principal_id := vault_data.find_principal(given.tenant_id, p_grantee);
	PERFORM vault_data.policy_changed();
	RETURN vault_data.give(given);
END
$$;
CREATE FUNCTION vault."grant"(grantee text, permissions text[], name_pattern text, environments text[] DEFAULT NULL, effect text DEFAULT 'allow',
	addresses text[] DEFAULT NULL, windows text[] DEFAULT NULL, services text[] DEFAULT NULL, require_tls boolean DEFAULT false,
	valid_from timestamptz DEFAULT NULL, valid_until timestamptz DEFAULT NULL, require_session_user boolean DEFAULT false) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault."grant"(text, text[], text, text[], text, text[], text[], text[],
	boolean, timestamptz, timestamptz, boolean)
	IS 'allows or denies a principal or role permissions on names that match, if the '
	'conditions are met; returns the id of the grant';

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
	RETURN pg_catalog.string_to_array(pg_catalog.regexp_replace(p_permissions, '\s', '', 'g'), ',');
EXCEPTION WHEN data_exception THEN
	PERFORM vault_data.fail('22023', 'invalid permissions: the list is malformed', 'Give for example ''read'', or ''{read,list}''.');
END
$$;
CREATE FUNCTION vault_data."grant"(p_grantee text, p_permissions text, p_pattern text, p_environments text[], p_effect text,
	p_addresses text[], p_windows text[], p_services text[], p_require_tls boolean, p_valid_from timestamptz, p_valid_until timestamptz,
	p_require_session_user boolean) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RETURN vault_data."grant"(p_grantee, vault_data.permission_list(p_permissions), p_pattern, p_environments, p_effect, p_addresses, p_windows,
		p_services, p_require_tls, p_valid_from, p_valid_until, p_require_session_user);
END
$$;
CREATE FUNCTION vault."grant"(grantee text, permissions text, name_pattern text, environments text[] DEFAULT NULL, effect text DEFAULT 'allow',
	addresses text[] DEFAULT NULL, windows text[] DEFAULT NULL, services text[] DEFAULT NULL, require_tls boolean DEFAULT false,
	valid_from timestamptz DEFAULT NULL, valid_until timestamptz DEFAULT NULL, require_session_user boolean DEFAULT false) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault."grant"(text, text, text, text[], text, text[], text[], text[], boolean,
	timestamptz, timestamptz, boolean)
	IS 'allows or denies permissions that are given as a text, such as read or read,list; '
	'returns the id of the grant';

CREATE FUNCTION vault_data.revoke(p_grant_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
	makes boolean;
	before jsonb;
BEGIN
	SELECT * INTO given FROM vault_data.access_grant WHERE tenant_id = vault.current_tenant_id() AND id = p_grant_id;
	IF NOT FOUND OR NOT vault_data.may_delegate(given, CASE given.effect WHEN 'deny' THEN given.permissions ELSE '{grant}' END) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	/*
	 * Only an administrator with equal rights takes an allowance from an administrator, unless it
	 * is over or was changed outside.
	 */
	IF given.effect = 'allow' AND NOT vault_data.may_delegate(given, given.permissions) AND given.principal_id <> vault_data.caller_principal()
		AND COALESCE(given.valid_until > pg_catalog.clock_timestamp(), true) AND vault_data.is_authentic(given)
		AND vault_data.reaches_administrator(given.principal_id)
	THEN
		PERFORM vault_data.refuse_against_administrator();
	END IF;
	/* The effect of the grant decides the right to take it back, so its row must be authentic. */
	IF NOT vault_data.is_administrator() THEN
		PERFORM vault_data.require_authentic(given);
	END IF;
	/* A grant that was changed outside stops its principal; taking it back ends that. */
	makes := given.effect = 'allow' AND 'grant' = ANY (given.permissions) AND given.name_pattern = '**' AND given.environments IS NULL
		AND vault_data.is_authentic(given);
	IF makes THEN
		before := vault_data.begin_change_of_administrators();
	END IF;
	DELETE FROM vault_data.access_grant WHERE tenant_id = vault.current_tenant_id() AND id = p_grant_id;
	IF makes THEN
		PERFORM vault_data.end_change_of_administrators(before);
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;
CREATE FUNCTION vault.revoke(grant_id uuid) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.revoke(uuid)
	IS 'revokes a grant, with effect for the next call of every session';

CREATE VIEW vault.grants WITH (security_barrier) AS
SELECT t.name AS tenant, g.id, p.name AS grantee, g.effect, g.permissions, g.name_pattern, g.environments, g.created_at,
	c.name AS created_by, g.addresses, g.windows, g.services, COALESCE(g.require_tls, false) AS require_tls, g.valid_from, g.valid_until,
	COALESCE(g.require_session_user, false) AS require_session_user
FROM vault_data.access_grant g
	JOIN vault_data.tenant t ON t.tenant_id = g.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = g.tenant_id AND p.id = g.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = g.tenant_id AND c.id = g.created_by
WHERE g.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(g.tenant_id, g.principal_id);
COMMENT ON VIEW vault.grants
	IS 'shows grants: those of the caller and of its roles, all of the tenant to its '
	'administrators and members of auditor, all to operators and auditors';

/*
 * Find the principal that an operator means by a database role. This is the principal that is or
 * was bound to the role, by its name or its oid, or else the principal that has its name. Returns
 * NULL if there is none yet.
 */
CREATE FUNCTION vault_data.appointee(p_tenant uuid, p_name text, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	role_oid oid := (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = p_db_role);
	found_id uuid;
	bound text;
BEGIN
	SELECT p.id INTO found_id FROM vault_data.principal p
		LEFT JOIN vault_data.principal_binding b ON b.tenant_id = p.tenant_id AND b.principal_id = p.id
			AND (b.role_name = p_db_role OR b.db_role = role_oid)
	WHERE p.tenant_id = p_tenant AND p.kind <> 'built-in role' AND (p.name = p_name OR b.db_role IS NOT NULL)
	ORDER BY b.role_name = p_db_role AND b.db_role = role_oid DESC NULLS LAST, b.db_role IS NULL, p.name = p_name DESC LIMIT 1;
	IF found_id IS NULL THEN
		RETURN NULL;
	END IF;
	PERFORM vault_data.require_authentic(p) FROM vault_data.principal p WHERE p.tenant_id = p_tenant AND p.id = found_id;
	IF (SELECT p.kind FROM vault_data.principal p WHERE p.tenant_id = p_tenant AND p.id = found_id) = 'role' THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('a role "%s" of the tenant already exists', p_name), 'Name another database role.');
	END IF;
	SELECT b.role_name INTO bound FROM vault_data.principal_binding b
	WHERE b.tenant_id = p_tenant AND b.principal_id = found_id AND vault_data.is_live(b) ORDER BY b.role_name <> p_db_role LIMIT 1;
	IF bound <> p_db_role THEN
		PERFORM vault_data.fail('55000', pg_catalog.format('principal "%s" is bound to role "%s"', p_name, bound),
			'Name that role, or take the binding away with vault.unbind_role().');
	END IF;
	IF bound IS NULL THEN
		PERFORM vault_data.bind_role(found_id, p_db_role);
	END IF;
	RETURN found_id;
END
$$;

/*
 * Add a principal that may do everything in the tenant, or give an existing principal these rights
 * again.
 */
CREATE FUNCTION vault_data.add_administrator(p_tenant uuid, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	principal_name text := CASE WHEN p_db_role ~ '^[A-Za-z0-9._-]{1,63}$' THEN p_db_role ELSE 'admin' END;
	given vault_data.access_grant;
BEGIN
	given.principal_id := vault_data.appointee(p_tenant, principal_name, p_db_role);
	IF given.principal_id IS NULL THEN
		given.principal_id := vault_data.add_principal(p_tenant, principal_name, 'user', p_db_role);
	END IF;
	given.effect := 'allow';
	given.permissions := vault_data.all_permissions();
	given.name_pattern := '**';
	IF (SELECT pg_catalog.count(*) = 0 FROM vault_data.access_grant g WHERE g.tenant_id = p_tenant AND g.principal_id = given.principal_id
		AND g.effect = 'allow' AND g.permissions @> given.permissions AND g.name_pattern = '**'
		AND (g.environments, g.addresses, g.windows, g.services, g.require_tls, g.require_session_user, g.valid_from, g.valid_until) IS NULL)
	THEN
		PERFORM vault_data.add_grant(given);
	END IF;
	IF NOT given.principal_id = ANY (vault_data.administrators(true)) THEN
		PERFORM vault_data.fail('55000', 'the principal of this role is denied "grant"',
			'Name another database role, or drop the principal with vault.drop_principal() first.');
	END IF;
	RETURN given.principal_id;
END
$$;

CREATE FUNCTION vault_data.create_tenant(p_name text, p_admin_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid;
BEGIN
	PERFORM vault_data.check_identifier('tenant name', p_name);
	IF vault_data.find_tenant(p_name) IS NOT NULL THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('tenant "%s" already exists', p_name), 'Choose another name.');
	END IF;
	this_tenant := vault_data.enter_new_tenant(p_name);
	INSERT INTO vault_data.tenant (tenant_id, name, administered) VALUES (this_tenant, p_name, p_admin_role IS NOT NULL);
	PERFORM vault_data.new_tenant_key();
	PERFORM vault_data.add_built_in_roles(this_tenant);
	IF p_admin_role IS NOT NULL THEN
		PERFORM vault_data.add_administrator(this_tenant, p_admin_role);
	END IF;
	PERFORM vault_data.announce(this_tenant, 'tenant_created', 'info', NULL, NULL);
	RETURN this_tenant;
END
$$;
CREATE FUNCTION vault.create_tenant(name text, admin_role text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.create_tenant(text, text)
	IS 'creates a tenant with a key of its own; the role becomes a principal that holds '
	'everything on ** there';

/*
 * Report an appointment, because an operator could reach into the tenant by it. Readers of the
 * trail and subscribers of notifications see it.
 */
CREATE FUNCTION vault_data.tell_of_appointment(p_tenant uuid, p_appointed uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.alert('administrator', p_appointed,
		'an operator appointed an administrator of a tenant that had one before');
	PERFORM vault_data.announce(p_tenant, 'administrator_appointed', 'critical', NULL, pg_catalog.jsonb_build_object('principal',
		(SELECT p.name FROM vault_data.principal p WHERE p.tenant_id = p_tenant AND p.id = p_appointed)));
END
$$;

CREATE FUNCTION vault_data.appoint_admin(p_tenant text, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
	present uuid[];
	had_one boolean;
	appointed uuid;
BEGIN
	/* Run one appointment at a time; the checks below see the state of that moment. */
	PERFORM vault_data.lock_policy();
	PERFORM vault_data.require_authentic_rows(this_tenant);
	IF p_db_role IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid role: it is null', 'Name a database role.');
	END IF;
	present := vault_data.administrators(false);
	/* Do nothing if the role is bound to an administrator already. */
	SELECT b.principal_id INTO appointed FROM vault_data.principal_binding b
	WHERE b.tenant_id = this_tenant AND b.role_name = p_db_role AND vault_data.is_live(b) AND b.principal_id = ANY (present);
	IF FOUND THEN
		PERFORM vault_data.note('is an administrator already');
		RETURN appointed;
	END IF;
	IF present <> '{}' THEN
		PERFORM vault_data.fail('42501', 'the tenant has an administrator',
			'Administrators appoint others with vault.create_principal() and vault.grant().');
	END IF;
	UPDATE vault_data.tenant t SET administered = true WHERE t.tenant_id = this_tenant AND NOT t.administered;
	had_one := NOT FOUND;
	IF had_one THEN
		PERFORM vault_data.note('the tenant had an administrator before');
	END IF;
	PERFORM vault_data.policy_changed();
	appointed := vault_data.add_administrator(this_tenant, p_db_role);
	IF had_one THEN
		PERFORM vault_data.tell_of_appointment(this_tenant, appointed);
	END IF;
	RETURN appointed;
END
$$;
CREATE FUNCTION vault.appoint_admin(tenant text, db_role text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.appoint_admin(text, text)
	IS 'gives an administrator to a tenant that has none, or whose administrators'' roles are '
	'gone, and leaves an alert if it had one; fails otherwise';

ALTER VIEW vault.grants OWNER TO vault_owner;
REVOKE ALL ON vault.grants FROM PUBLIC;
GRANT SELECT ON vault.grants TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data."grant"(text, text, text, text[], text, text[], text[], text[], boolean, timestamp with time zone, timestamp with time zone, boolean),
	vault_data."grant"(text, text[], text, text[], text, text[], text[], text[], boolean, timestamp with time zone, timestamp with time zone, boolean),
	vault_data.add_administrator(uuid, text), vault_data.add_grant(vault_data.access_grant),
	vault_data.administers(uuid), vault_data.administrators(boolean),
	vault_data.all_permissions(), vault_data.appoint_admin(text, text),
	vault_data.appointee(uuid, text, text), vault_data.begin_change_of_administrators(),
	vault_data.caller_principal(), vault_data.check_addresses(text[]),
	vault_data.check_environment(text), vault_data.check_grant(vault_data.access_grant),
	vault_data.check_membership(uuid, uuid), vault_data.check_name(text),
	vault_data.check_pattern(text), vault_data.check_permissions(text[]),
	vault_data.check_services(text[]), vault_data.check_time(text, timestamp with time zone),
	vault_data.check_windows(text[]), vault_data.create_tenant(text, text),
	vault_data.end_change_of_administrators(jsonb), vault_data.environment(text),
	vault_data.find_principal(uuid, text), vault_data.give(vault_data.access_grant),
	vault_data.holds_denial(uuid), vault_data.holds_nothing(uuid),
	vault_data.may_administer(uuid), vault_data.may_change_member(uuid, boolean),
	vault_data.may_delegate(vault_data.access_grant, text[]), vault_data.name_matches(text, text),
	vault_data.permission_list(text), vault_data.permitted(text, text, text),
	vault_data.reaches_administrator(uuid), vault_data.reaches_all_of(uuid),
	vault_data.refuse_against_administrator(), vault_data.refuse_delegation(),
	vault_data.require(text, text, text), vault_data.require_authentic_rows(uuid),
	vault_data.require_reaches_all_of(uuid), vault_data.revoke(uuid),
	vault_data.sees_secret(uuid, text, text), vault_data.tell_of_appointment(uuid, uuid)
	TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.create_tenant(text, text), vault.appoint_admin(text, text) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault."grant"(text, text[], text, text[], text, text[], text[], text[], boolean, timestamptz, timestamptz, boolean),
	vault."grant"(text, text, text, text[], text, text[], text[], text[], boolean, timestamptz, timestamptz, boolean),
	vault.revoke(uuid) TO vault_client;
GRANT EXECUTE ON FUNCTION vault_data.sees_secret(uuid, text, text) TO vault_client, vault_admin, vault_auditor, vault_owner;

/*
 * Grants: what a principal may do with which names, where.
 */
CREATE TABLE vault_data.access_grant (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	principal_id uuid NOT NULL,
	effect       text NOT NULL CHECK (effect IN ('allow', 'deny')),
	permissions  text[] NOT NULL CHECK (permissions <@ ARRAY['read', 'write', 'rotate', 'delete', 'grant', 'list']
		AND pg_catalog.cardinality(permissions) > 0),
	name_pattern text COLLATE "C" NOT NULL,
	environments text[] CHECK (pg_catalog.cardinality(environments) > 0),
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by   uuid,
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX access_grant_principal ON vault_data.access_grant (tenant_id, principal_id);

ALTER TABLE vault_data.access_grant OWNER TO vault_owner;
REVOKE ALL ON vault_data.access_grant FROM PUBLIC;
GRANT SELECT, INSERT, DELETE ON vault_data.access_grant TO vault_exec;
ALTER TABLE vault_data.access_grant ALTER COLUMN name_pattern SET STATISTICS 0, ALTER COLUMN environments SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.access_grant', '');
ALTER TABLE vault_data.access_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.access_grant
	USING (tenant_id = vault.current_tenant_id() OR vault_data.oversees());

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('grant', 'principal_id', 'effect', 'permissions', 'name_pattern', 'environments', 'revision');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.access_grant
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.access_grant ENABLE ALWAYS TRIGGER changed;

/* Helpers; each refuses to work outside the door, or only checks a text. */
CREATE FUNCTION vault_data.require(permission text, name text, environment text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require';
CREATE FUNCTION vault_data.permitted(permission text, name text, environment text) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_permitted';
CREATE FUNCTION vault_data.may_delegate(permissions text[], name_pattern text, environments text[]) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_delegate';
CREATE FUNCTION vault_data.check_name(name text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_name';
CREATE FUNCTION vault_data.check_pattern(name_pattern text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_pattern';
CREATE FUNCTION vault_data.check_permissions(permissions text[]) RETURNS text[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_permissions';
CREATE FUNCTION vault_data.environment(given text) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_environment';
CREATE FUNCTION vault_data.name_matches(name text, name_pattern text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_name_matches';
CREATE FUNCTION vault_data.sees_secret(tenant uuid, name text, environment text) RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_sees_secret';
COMMENT ON FUNCTION vault_data.sees_secret(uuid, text, text) IS 'whether the caller may know of this secret: any permission on its name, or operator or auditor';

CREATE FUNCTION vault_data.find_principal(p_tenant uuid, p_name text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_row vault_data.principal;
BEGIN
	SELECT * INTO found_row FROM vault_data.principal WHERE tenant_id = p_tenant AND name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such principal', 'The view vault.principals shows them.');
	END IF;
	PERFORM vault_data.require_authentic(found_row);
	RETURN found_row.id;
END
$$;

/* Before rows of others decide: who administers a tenant, for one. */
CREATE FUNCTION vault_data.require_authentic_rows(p_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_authentic(b) FROM vault_data.principal_binding b WHERE b.tenant_id = p_tenant;
	PERFORM vault_data.require_authentic(g) FROM vault_data.access_grant g WHERE g.tenant_id = p_tenant;
END
$$;

CREATE FUNCTION vault_data.refuse_delegation() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.fail('42501', 'permission denied to give or take these permissions here',
		'You need "grant" on names that cover the pattern, and every permission that you give.');
END
$$;

CREATE FUNCTION vault_data.add_grant(p_principal uuid, p_permissions text[], p_pattern text, p_environments text[], p_effect text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	new_id uuid := vault_data.new_id();
BEGIN
	INSERT INTO vault_data.access_grant
		(tenant_id, id, principal_id, effect, permissions, name_pattern, environments, created_by)
	VALUES (vault.current_tenant_id(), new_id, p_principal, p_effect, p_permissions, p_pattern, p_environments,
		vault_data.caller_principal());
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.caller_principal() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_caller_principal';

CREATE FUNCTION vault_data.may_administer(p_tenant uuid, p_principal uuid) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT EXISTS (SELECT FROM vault_data.access_grant g
		WHERE g.tenant_id = p_tenant AND g.principal_id = p_principal AND g.effect = 'allow'
			AND 'grant' = ANY (g.permissions) AND g.name_pattern = '**' AND g.environments IS NULL)
$$;

/* What policy_is_administrator() says of the caller, of anybody. */
CREATE FUNCTION vault_data.administers(p_tenant uuid, p_principal uuid) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.may_administer(p_tenant, p_principal) AND NOT EXISTS (SELECT FROM vault_data.access_grant g
		WHERE g.tenant_id = p_tenant AND g.principal_id = p_principal AND g.effect = 'deny' AND 'grant' = ANY (g.permissions))
$$;

CREATE FUNCTION vault_data."grant"(p_grantee text, p_permissions text[], p_pattern text, p_environments text[], p_effect text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given text;
	grantee uuid;
BEGIN
	PERFORM vault_data.check_permissions(p_permissions);
	PERFORM vault_data.check_pattern(p_pattern);
	IF p_effect IS NULL OR p_effect NOT IN ('allow', 'deny') THEN
		PERFORM vault_data.fail('22023', 'invalid effect: a grant allows or denies', 'Give ''allow'' or ''deny''.');
	END IF;
	IF pg_catalog.cardinality(p_environments) = 0 OR pg_catalog.cardinality(p_environments) > 64 THEN
		PERFORM vault_data.fail('22023', 'invalid environments: the list is empty or longer than 64', 'Give NULL for all environments.');
	END IF;
	FOREACH given IN ARRAY COALESCE(p_environments, '{}') LOOP
		PERFORM vault_data.check_identifier('environment', given);
	END LOOP;
	IF NOT vault_data.may_delegate(CASE p_effect WHEN 'allow' THEN p_permissions ELSE '{grant}' END, p_pattern, p_environments) THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	grantee := vault_data.find_principal(vault.current_tenant_id(), p_grantee);
	/* An administrator could not take a denial of their own back: only their equals give one. */
	IF p_effect = 'deny' AND vault_data.may_administer(vault.current_tenant_id(), grantee) AND NOT vault_data.is_administrator() THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	RETURN vault_data.add_grant(grantee, p_permissions, p_pattern, p_environments, p_effect);
END
$$;
CREATE FUNCTION vault."grant"(grantee text, permissions text[], name_pattern text, environments text[] DEFAULT NULL, effect text DEFAULT 'allow') RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault."grant"(text, text[], text, text[], text) IS 'allows or denies a principal permissions on names that match, in some or all environments; returns the id of the grant';

CREATE FUNCTION vault_data.revoke(p_grant_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	SELECT * INTO given FROM vault_data.access_grant WHERE tenant_id = vault.current_tenant_id() AND id = p_grant_id;
	IF NOT FOUND OR NOT vault_data.may_delegate(CASE given.effect WHEN 'deny' THEN given.permissions ELSE '{grant}' END,
		given.name_pattern, given.environments)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	/* Its effect decided who may take it back. */
	IF NOT vault_data.is_administrator() THEN
		PERFORM vault_data.require_authentic(given);
	END IF;
	DELETE FROM vault_data.access_grant WHERE tenant_id = vault.current_tenant_id() AND id = p_grant_id;
END
$$;
CREATE FUNCTION vault.revoke(grant_id uuid) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.revoke(uuid) IS 'takes a grant back, in force for the next call of every session';

CREATE FUNCTION vault_data.explain_access(p_principal text, p_permission text, p_name text, p_environment text, p_tenant text)
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text, environments text[], applies boolean, reason text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	env text := vault_data.environment(p_environment);
	subject uuid;
	g vault_data.access_grant;
	allowing uuid;
	denying uuid;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	PERFORM vault_data.check_permissions(ARRAY[p_permission]);
	PERFORM vault_data.check_name(p_name);
	PERFORM vault_data.check_identifier('environment', env);
	SELECT p.id INTO subject FROM vault_data.principal p WHERE p.tenant_id = this_tenant AND p.name = p_principal;
	IF subject IS NULL OR subject IS DISTINCT FROM vault_data.caller_principal() THEN
		PERFORM vault_data.require_administrator();
		subject := vault_data.find_principal(this_tenant, p_principal);
	END IF;
	FOR g IN SELECT * FROM vault_data.access_grant a WHERE a.tenant_id = this_tenant AND a.principal_id = subject
		ORDER BY a.effect DESC, a.created_at, a.id
	LOOP
		PERFORM vault_data.require_authentic(g);
		grant_id := g.id;
		effect := g.effect;
		permissions := g.permissions;
		name_pattern := g.name_pattern;
		environments := g.environments;
		reason := CASE
			WHEN g.environments IS NOT NULL AND NOT env = ANY (g.environments) THEN 'not for this environment'
			WHEN NOT vault_data.name_matches(p_name, g.name_pattern) THEN 'its pattern does not match the name'
			WHEN p_permission = ANY (g.permissions) THEN 'applies'
			WHEN p_permission = 'list' AND g.effect = 'allow' THEN 'applies: any permission lets see that the secret exists'
			ELSE 'does not hold the permission'
		END;
		applies := reason LIKE 'applies%';
		IF applies AND g.effect = 'deny' THEN
			denying := COALESCE(denying, g.id);
		ELSIF applies THEN
			allowing := COALESCE(allowing, g.id);
		END IF;
		RETURN NEXT;
	END LOOP;
	grant_id := COALESCE(denying, allowing);
	effect := CASE WHEN denying IS NULL AND allowing IS NOT NULL THEN 'allow' ELSE 'deny' END;
	permissions := ARRAY[p_permission];
	name_pattern := p_name;
	environments := ARRAY[env];
	applies := true;
	reason := CASE
		WHEN denying IS NOT NULL THEN 'decision: a denial applies, and denials win'
		WHEN allowing IS NOT NULL THEN 'decision: an allowance applies and no denial does'
		ELSE 'decision: nothing allows it'
	END;
	RETURN NEXT;
END
$$;
CREATE FUNCTION vault.explain_access(principal text, permission text, name text, environment text DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS TABLE (grant_id uuid, effect text, permissions text[], name_pattern text, environments text[], applies boolean, reason text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.explain_access(text, text, text, text, text) IS 'every grant of the principal with whether it applies and why; the last row is the decision and the grant that made it';

CREATE VIEW vault.grants WITH (security_barrier) AS
SELECT t.name AS tenant, g.id, p.name AS grantee, g.effect, g.permissions, g.name_pattern, g.environments, g.created_at,
	c.name AS created_by
FROM vault_data.access_grant g
	JOIN vault_data.tenant t ON t.tenant_id = g.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = g.tenant_id AND p.id = g.principal_id
	LEFT JOIN vault_data.principal c ON c.tenant_id = g.tenant_id AND c.id = g.created_by
WHERE g.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(g.tenant_id, g.principal_id);
COMMENT ON VIEW vault.grants IS 'grants: one''s own, all of the tenant for its administrators, all for operators and auditors';

/* Tenants begin with somebody who may do everything in them. */
CREATE FUNCTION vault_data.add_administrator(p_tenant uuid, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	principal_name text := CASE WHEN p_db_role ~ '^[A-Za-z0-9._-]{1,63}$' THEN p_db_role ELSE 'admin' END;
	new_principal uuid;
BEGIN
	new_principal := vault_data.add_principal(p_tenant, principal_name, 'user', p_db_role);
	PERFORM vault_data.add_grant(new_principal, ARRAY['read', 'write', 'rotate', 'delete', 'grant', 'list'], '**', NULL, 'allow');
	RETURN new_principal;
END
$$;

CREATE FUNCTION vault_data.create_tenant(p_name text, p_admin_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid;
BEGIN
	PERFORM vault_data.check_identifier('tenant name', p_name);
	IF vault_data.find_tenant(p_name) IS NOT NULL THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('tenant "%s" exists already', p_name), 'Choose another name.');
	END IF;
	this_tenant := vault_data.enter_new_tenant(p_name);
	INSERT INTO vault_data.tenant (tenant_id, name) VALUES (this_tenant, p_name);
	PERFORM vault_data.new_tenant_key();
	IF p_admin_role IS NOT NULL THEN
		PERFORM vault_data.add_administrator(this_tenant, p_admin_role);
	END IF;
	RETURN this_tenant;
END
$$;
CREATE FUNCTION vault.create_tenant(name text, admin_role text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.create_tenant(text, text) IS 'makes a tenant with a key of its own; the role becomes a principal that holds everything on ** there';

CREATE FUNCTION vault_data.appoint_admin(p_tenant text, p_db_role text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	/* One at a time, and what is checked next is seen as of then. */
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	PERFORM vault_data.require_authentic_rows(this_tenant);
	IF EXISTS (SELECT FROM vault_data.principal_binding b
		WHERE b.tenant_id = this_tenant AND vault_data.is_live(b) AND vault_data.administers(b.tenant_id, b.principal_id))
	THEN
		PERFORM vault_data.fail('42501', 'the tenant has an administrator',
			'Administrators appoint others with vault.create_principal() and vault.grant().');
	END IF;
	IF p_db_role IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid role: it is null', 'Name a database role.');
	END IF;
	RETURN vault_data.add_administrator(this_tenant, p_db_role);
END
$$;
CREATE FUNCTION vault.appoint_admin(tenant text, db_role text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.appoint_admin(text, text) IS 'gives an administrator to a tenant that has none, or whose roles are gone; refused otherwise';

ALTER VIEW vault.grants OWNER TO vault_owner;
REVOKE ALL ON vault.grants FROM PUBLIC;
GRANT SELECT ON vault.grants TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.create_tenant(text, text), vault.appoint_admin(text, text) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault."grant"(text, text[], text, text[], text), vault.revoke(uuid) TO vault_client;
GRANT EXECUTE ON FUNCTION vault.explain_access(text, text, text, text, text) TO vault_client, vault_admin;
GRANT EXECUTE ON FUNCTION vault_data.sees_secret(uuid, text, text) TO vault_client, vault_admin, vault_auditor, vault_owner;

/*
 * Policy as data: principals, roles, memberships and grants of a tenant as one JSON document,
 * and what has to change to make the tenant as a document says.
 *
 * A document is brought into one form first: lists sorted, no nulls, blocks and windows as they
 * are stored. So two that mean the same are equal, and differences are differences of sets.
 * Applying one goes through the same checks as the single calls.
 */
CREATE FUNCTION vault_data.refuse_document(field text, fault text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.fail('22023', pg_catalog.format('invalid document: %s: %s', field, fault), 'vault.export_policy() shows the form.');
END
$$;

CREATE FUNCTION vault_data.document_text(item jsonb, field text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.jsonb_typeof(item->field) NOT IN ('string', 'null') THEN
		PERFORM vault_data.refuse_document(field, 'it is not a string');
	END IF;
	RETURN item->>field;
END
$$;

CREATE FUNCTION vault_data.document_flag(item jsonb, field text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.jsonb_typeof(item->field) NOT IN ('boolean', 'null') THEN
		PERFORM vault_data.refuse_document(field, 'it is not true or false');
	END IF;
	RETURN (item->>field)::boolean;
END
$$;

CREATE FUNCTION vault_data.document_time(item jsonb, field text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given text := vault_data.document_text(item, field);
BEGIN
	IF given IS NOT NULL AND given !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9:]{2,6})$' THEN
		PERFORM vault_data.refuse_document(field, 'it is not a time such as 2026-12-31T00:00:00Z');
	END IF;
	RETURN given::timestamptz;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
	PERFORM vault_data.refuse_document(field, 'there is no such time');
END
$$;

CREATE FUNCTION vault_data.document_list(item jsonb, field text) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.jsonb_typeof(item->field) = 'null' OR NOT item ? field THEN
		RETURN NULL;
	END IF;
	IF pg_catalog.jsonb_typeof(item->field) <> 'array'
		OR EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(item->field) AS e WHERE pg_catalog.jsonb_typeof(e) <> 'string')
	THEN
		PERFORM vault_data.refuse_document(field, 'it is not a list of strings');
	END IF;
	RETURN ARRAY(SELECT e FROM pg_catalog.jsonb_array_elements_text(item->field) AS e);
END
$$;

CREATE FUNCTION vault_data.require_fields(item jsonb, section text, known text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.jsonb_typeof(item) <> 'object' THEN
		PERFORM vault_data.refuse_document(section, 'it is not an object');
	END IF;
	IF item - known <> '{}' THEN
		PERFORM vault_data.refuse_document(section, 'it has a field that is not known');
	END IF;
END
$$;

CREATE FUNCTION vault_data.sorted(given text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT pg_catalog.array_agg(DISTINCT e COLLATE "C" ORDER BY e COLLATE "C") FROM pg_catalog.unnest(given) AS e
$$;

CREATE FUNCTION vault_data.grant_document(g vault_data.access_grant, grantee text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('grantee', grantee, 'effect', g.effect, 'permissions', vault_data.sorted(g.permissions),
		'name_pattern', g.name_pattern, 'environments', vault_data.sorted(g.environments), 'addresses', vault_data.sorted(g.addresses),
		'windows', vault_data.sorted(g.windows), 'services', vault_data.sorted(g.services), 'require_tls', g.require_tls,
		'require_session_user', g.require_session_user, 'valid_from', g.valid_from, 'valid_until', g.valid_until))
$$;

/* Checked, but for the grantee. */
CREATE FUNCTION vault_data.grant_from_document(item jsonb) RETURNS vault_data.access_grant
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	PERFORM vault_data.require_fields(item, 'grants', ARRAY['grantee', 'effect', 'permissions', 'name_pattern', 'environments', 'addresses',
		'windows', 'services', 'require_tls', 'require_session_user', 'valid_from', 'valid_until']);
	given.tenant_id := vault.current_tenant_id();
	given.effect := COALESCE(vault_data.document_text(item, 'effect'), 'allow');
	given.permissions := vault_data.document_list(item, 'permissions');
	given.name_pattern := vault_data.document_text(item, 'name_pattern');
	given.environments := vault_data.document_list(item, 'environments');
	given.addresses := vault_data.document_list(item, 'addresses');
	given.windows := vault_data.document_list(item, 'windows');
	given.services := vault_data.document_list(item, 'services');
	given.require_tls := vault_data.document_flag(item, 'require_tls');
	given.require_session_user := vault_data.document_flag(item, 'require_session_user');
	given.valid_from := vault_data.document_time(item, 'valid_from');
	given.valid_until := vault_data.document_time(item, 'valid_until');
	RETURN vault_data.check_grant(given);
END
$$;

/* The tenant as a document. Issuers will be a list beside the others. */
CREATE FUNCTION vault_data.policy_document(p_tenant uuid) RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT pg_catalog.jsonb_build_object('format', 'vault-policy-v1',
		'principals', (SELECT COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', p.name, 'kind', p.kind, 'db_roles',
				(SELECT COALESCE(pg_catalog.jsonb_agg(b.role_name ORDER BY b.role_name), '[]') FROM vault_data.principal_binding b
				WHERE b.tenant_id = p_tenant AND b.principal_id = p.id AND vault_data.is_live(b))) ORDER BY p.name), '[]')
			FROM vault_data.principal p WHERE p.tenant_id = p_tenant AND p.kind IN ('user', 'service')),
		'roles', (SELECT COALESCE(pg_catalog.jsonb_agg(p.name ORDER BY p.name), '[]') FROM vault_data.principal p WHERE p.tenant_id = p_tenant AND p.kind = 'role'),
		'members', (SELECT COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('role', r.name, 'member', p.name) ORDER BY r.name, p.name), '[]')
			FROM vault_data.role_member m JOIN vault_data.principal r ON r.tenant_id = m.tenant_id AND r.id = m.role_id
				JOIN vault_data.principal p ON p.tenant_id = m.tenant_id AND p.id = m.member_id WHERE m.tenant_id = p_tenant),
		'grants', (SELECT COALESCE(pg_catalog.jsonb_agg(g.document ORDER BY g.document), '[]') FROM (
			SELECT DISTINCT vault_data.grant_document(a, p.name) AS document FROM vault_data.access_grant a
				JOIN vault_data.principal p ON p.tenant_id = a.tenant_id AND p.id = a.principal_id WHERE a.tenant_id = p_tenant) AS g))
$$;

CREATE FUNCTION vault_data.export_policy(p_tenant text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	IF NOT vault_data.is_auditor() THEN
		PERFORM vault_data.require_administrator();
	END IF;
	PERFORM vault_data.require_authentic_rows(this_tenant);
	RETURN vault_data.policy_document(this_tenant);
END
$$;
CREATE FUNCTION vault.export_policy(tenant text DEFAULT NULL) RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.export_policy(text) IS 'principals, roles, memberships and grants of the tenant as one JSON document';

/* Its section, each of at most 10,000 elements; that of `have` if it has none. */
CREATE FUNCTION vault_data.document_section(document jsonb, have jsonb, section text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given jsonb := COALESCE(document->section, have->section, '[]');
BEGIN
	IF pg_catalog.jsonb_typeof(given) <> 'array' THEN
		PERFORM vault_data.refuse_document(section, 'it is not a list');
	END IF;
	IF pg_catalog.jsonb_array_length(given) > 10000 THEN
		PERFORM vault_data.refuse_document(section, 'it has more than 10000 elements');
	END IF;
	RETURN given;
END
$$;

CREATE FUNCTION vault_data.read_principals(given jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	item jsonb;
BEGIN
	FOR item IN SELECT e FROM pg_catalog.jsonb_array_elements(given) AS e LOOP
		PERFORM vault_data.require_fields(item, 'principals', ARRAY['name', 'kind', 'db_roles']);
		PERFORM vault_data.check_identifier('principal name', vault_data.document_text(item, 'name'));
		IF COALESCE(vault_data.document_text(item, 'kind') NOT IN ('user', 'service'), true) THEN
			PERFORM vault_data.refuse_document('kind', 'a principal is a user or a service');
		END IF;
		PERFORM vault_data.document_list(item, 'db_roles');
	END LOOP;
	RETURN given;
END
$$;

CREATE FUNCTION vault_data.read_members(given jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	item jsonb;
BEGIN
	FOR item IN SELECT e FROM pg_catalog.jsonb_array_elements(given) AS e LOOP
		PERFORM vault_data.require_fields(item, 'members', ARRAY['role', 'member']);
		PERFORM vault_data.check_identifier('role', vault_data.document_text(item, 'role'));
		PERFORM vault_data.check_identifier('member', vault_data.document_text(item, 'member'));
	END LOOP;
	RETURN given;
END
$$;

CREATE FUNCTION vault_data.read_grants(given jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	item jsonb;
	grantee text;
	canonical jsonb[] := '{}';
BEGIN
	FOR item IN SELECT e FROM pg_catalog.jsonb_array_elements(given) AS e LOOP
		PERFORM vault_data.require_fields(item, 'grants', ARRAY[]::text[]) WHERE pg_catalog.jsonb_typeof(item) <> 'object';
		grantee := vault_data.check_identifier('grantee', vault_data.document_text(item, 'grantee'));
		canonical := canonical || vault_data.grant_document(vault_data.grant_from_document(item), grantee);
	END LOOP;
	RETURN pg_catalog.to_jsonb(canonical);
END
$$;

/* Memberships and grants name what is there, or will be. */
CREATE FUNCTION vault_data.require_names(have jsonb, want jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	holders text[] := ARRAY(SELECT e->>'name' FROM pg_catalog.jsonb_array_elements((have->'principals') || (want->'principals')) AS e
		UNION SELECT e FROM pg_catalog.jsonb_array_elements_text(want->'roles') AS e);
	roles text[] := ARRAY(SELECT e FROM pg_catalog.jsonb_array_elements_text(want->'roles') AS e
		UNION SELECT p.name FROM vault_data.principal p WHERE p.tenant_id = vault.current_tenant_id() AND p.kind = 'built-in role');
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(want->'grants') AS e WHERE NOT e->>'grantee' = ANY (holders)) THEN
		PERFORM vault_data.refuse_document('grants', 'a grantee is no principal or role');
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(want->'members') AS e WHERE NOT (e->>'role' = ANY (roles) AND e->>'member' = ANY (holders))) THEN
		PERFORM vault_data.refuse_document('members', 'there is no such role, or the member is no principal or role');
	END IF;
END
$$;

/* The document in the form of policy_document(), or 22023. */
CREATE FUNCTION vault_data.read_document(document jsonb, have jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	roles jsonb;
	want jsonb;
BEGIN
	IF document IS NULL OR pg_catalog.pg_column_size(document) > 4194304 THEN
		PERFORM vault_data.refuse_document('size', 'it is null, or larger than 4 MiB');
	END IF;
	PERFORM vault_data.require_fields(document, 'document', ARRAY['format', 'principals', 'roles', 'members', 'grants']);
	IF document->>'format' IS DISTINCT FROM 'vault-policy-v1' THEN
		PERFORM vault_data.refuse_document('format', 'it is not vault-policy-v1');
	END IF;
	roles := vault_data.document_section(document, have, 'roles');
	PERFORM vault_data.check_identifier('role name', r)
	FROM pg_catalog.unnest(vault_data.document_list(pg_catalog.jsonb_build_object('roles', roles), 'roles')) AS r;
	want := pg_catalog.jsonb_build_object('roles', roles,
		'principals', vault_data.read_principals(vault_data.document_section(document, have, 'principals')),
		'members', vault_data.read_members(vault_data.document_section(document, have, 'members')),
		'grants', vault_data.read_grants(vault_data.document_section(document, have, 'grants')));
	PERFORM vault_data.require_names(have, want);
	RETURN want;
END
$$;

/*
 * In the order in which they can be made. Principals are added and bound, never taken away:
 * a document that forgets one must not lock it out of what it has elsewhere.
 */
CREATE FUNCTION vault_data.policy_differences(have jsonb, want jsonb) RETURNS TABLE (step integer, action text, kind text, name text, detail jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH section (key) AS (VALUES ('principals'), ('roles'), ('members'), ('grants')),
	had AS (SELECT DISTINCT s.key, e AS item FROM section s, pg_catalog.jsonb_array_elements(have->s.key) AS e),
	wanted AS (SELECT DISTINCT s.key, e AS item FROM section s, pg_catalog.jsonb_array_elements(want->s.key) AS e),
	bound AS (SELECT h.item->>'name' AS name, r FROM had h, pg_catalog.jsonb_array_elements_text(h.item->'db_roles') AS r WHERE h.key = 'principals'),
	binding AS (SELECT DISTINCT w.item->>'name' AS name, r FROM wanted w, pg_catalog.jsonb_array_elements_text(COALESCE(w.item->'db_roles', '[]')) AS r WHERE w.key = 'principals'),
	missing AS (SELECT * FROM wanted EXCEPT ALL SELECT * FROM had),
	surplus AS (SELECT * FROM had EXCEPT ALL SELECT * FROM wanted)
	SELECT * FROM (
		SELECT DISTINCT 1, 'add', 'principal', w.item->>'name', pg_catalog.jsonb_build_object('kind', w.item->>'kind') FROM wanted w
		WHERE w.key = 'principals' AND NOT EXISTS (SELECT FROM had h WHERE h.key = 'principals' AND h.item->>'name' = w.item->>'name' AND h.item->>'kind' = w.item->>'kind')
		UNION ALL SELECT 2, 'add', 'binding', b.name, pg_catalog.jsonb_build_object('db_role', b.r) FROM (SELECT * FROM binding EXCEPT SELECT * FROM bound) AS b
		UNION ALL SELECT 3, 'add', 'role', m.item #>> '{}', NULL FROM missing m WHERE m.key = 'roles'
		UNION ALL SELECT 4, 'add', 'grant', m.item->>'grantee', m.item - 'grantee' FROM missing m WHERE m.key = 'grants'
		UNION ALL SELECT 5, 'add', 'member', m.item->>'role', m.item - 'role' FROM missing m WHERE m.key = 'members'
		UNION ALL SELECT 6, 'remove', 'member', s.item->>'role', s.item - 'role' FROM surplus s WHERE s.key = 'members'
		UNION ALL SELECT 7, 'remove', 'grant', s.item->>'grantee', s.item - 'grantee' FROM surplus s WHERE s.key = 'grants'
		UNION ALL SELECT 8, 'remove', 'role', s.item #>> '{}', NULL FROM surplus s WHERE s.key = 'roles') AS d (step, action, kind, name, detail)
	ORDER BY d.step, d.name COLLATE "C", d.detail
$$;

/*
 * Whoever is bound to a principal has all that it holds: to bind a role is to hand that out.
 * Operators bind what holds nothing and is nobody's yet, as when they make it.
 */
CREATE FUNCTION vault_data.add_binding(p_tenant uuid, p_principal uuid, p_db_role text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT vault_data.may_change_member(p_principal, false) AND (vault_data.is_administrator() OR NOT vault_data.holds_nothing(p_principal)
		OR EXISTS (SELECT FROM vault_data.principal_binding b WHERE b.tenant_id = p_tenant AND b.principal_id = p_principal))
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	PERFORM vault_data.bind_role(p_principal, p_db_role);
END
$$;

CREATE FUNCTION vault_data.apply_difference(p_tenant uuid, p_step integer, p_name text, p_detail jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	CASE p_step
	WHEN 1 THEN PERFORM vault_data.create_principal(p_name, p_detail->>'kind', NULL, NULL);
	WHEN 2 THEN PERFORM vault_data.add_binding(p_tenant, vault_data.find_principal(p_tenant, p_name), p_detail->>'db_role');
	WHEN 3 THEN PERFORM vault_data.create_role(p_name, NULL);
	WHEN 4 THEN
		given := vault_data.grant_from_document(p_detail);
		given.principal_id := vault_data.find_principal(p_tenant, p_name);
		PERFORM vault_data.give(given);
	WHEN 5 THEN PERFORM vault_data.add_member(p_name, p_detail->>'member');
	WHEN 6 THEN PERFORM vault_data.remove_member(p_name, p_detail->>'member');
	WHEN 7 THEN
		PERFORM vault_data.revoke(g.id) FROM vault_data.access_grant g
		WHERE g.tenant_id = p_tenant AND g.principal_id = vault_data.find_principal(p_tenant, p_name) AND vault_data.grant_document(g, NULL) = p_detail;
	WHEN 8 THEN PERFORM vault_data.drop_role(p_name, NULL);
	END CASE;
END
$$;

CREATE FUNCTION vault_data.import_policy(p_document jsonb, p_dry_run boolean, p_tenant text) RETURNS TABLE (action text, kind text, name text, detail jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	have jsonb;
	want jsonb;
	step integer;
BEGIN
	PERFORM vault_data.require_administrator();
	IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM vault_data.fail('25001', 'a policy cannot be imported in REPEATABLE READ or SERIALIZABLE', 'Call it in a transaction of READ COMMITTED.');
	END IF;
	IF NOT COALESCE(p_dry_run, true) THEN
		PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	END IF;
	PERFORM vault_data.require_authentic_rows(this_tenant);
	have := vault_data.policy_document(this_tenant);
	want := vault_data.read_document(p_document, have);
	FOR step, action, kind, name, detail IN SELECT * FROM vault_data.policy_differences(have, want) LOOP
		IF NOT COALESCE(p_dry_run, true) THEN
			PERFORM vault_data.apply_difference(this_tenant, step, name, detail);
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
CREATE FUNCTION vault.import_policy(document jsonb, dry_run boolean DEFAULT true, tenant text DEFAULT NULL) RETURNS TABLE (action text, kind text, name text, detail jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.import_policy(jsonb, boolean, text) IS 'makes roles, memberships and grants of the tenant as the document says and adds its principals, or only lists what would change';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.refuse_document(text, text), vault_data.document_text(jsonb, text), vault_data.document_flag(jsonb, text),
	vault_data.document_time(jsonb, text), vault_data.document_list(jsonb, text), vault_data.require_fields(jsonb, text, text[]), vault_data.sorted(text[]),
	vault_data.grant_document(vault_data.access_grant, text), vault_data.grant_from_document(jsonb), vault_data.policy_document(uuid), vault_data.export_policy(text),
	vault_data.document_section(jsonb, jsonb, text), vault_data.read_principals(jsonb), vault_data.read_members(jsonb), vault_data.read_grants(jsonb),
	vault_data.require_names(jsonb, jsonb), vault_data.read_document(jsonb, jsonb), vault_data.policy_differences(jsonb, jsonb), vault_data.add_binding(uuid, uuid, text), vault_data.apply_difference(uuid, integer, text, jsonb),
	vault_data.import_policy(jsonb, boolean, text) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.export_policy(text), vault.import_policy(jsonb, boolean, text) TO vault_client, vault_admin;

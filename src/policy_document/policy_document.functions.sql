/*
 * Policy as data: principals, roles, memberships, grants, token issuers, whom their subjects and
 * groups stand for, and the roles that show tokens of a tenant as one JSON document, and what has
 * to change to make the tenant as a document says.
 *
 * A document is brought into one form first: lists sorted, no nulls, blocks and windows as they are
 * stored. So two that mean the same are equal, and differences are differences of sets. Applying
 * one goes through the same checks as the single calls.
 */

CREATE FUNCTION vault_data.refuse_document(field text, fault text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.fail('22023', 'invalid document: ' || COALESCE(field || ': ', '') || fault,
		'vault.export_policy() shows the form.');
END
$$;

CREATE FUNCTION vault_data.document_text(item jsonb, field text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(item->field) NOT IN ('string', 'null') THEN
		PERFORM vault_data.refuse_document(field, 'it is not a string');
	END IF;
	RETURN item->>field;
END
$$;

CREATE FUNCTION vault_data.document_flag(item jsonb, field text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(item->field) NOT IN ('boolean', 'null') THEN
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
	IF given IS NOT NULL
		AND given !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9:]{2,6})$'
	THEN
		PERFORM vault_data.refuse_document(field, 'it is not a time such as 2026-12-31T00:00:00Z');
	END IF;
	RETURN given::timestamptz;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
	PERFORM vault_data.refuse_document(field, 'there is no such time');
END
$$;

CREATE FUNCTION vault_data.document_interval(item jsonb, field text) RETURNS interval
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RETURN vault_data.document_text(item, field)::interval;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format OR interval_field_overflow THEN
	PERFORM vault_data.refuse_document(field, 'it is not an interval such as 1 hour');
END
$$;

CREATE FUNCTION vault_data.document_list(item jsonb, field text) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(item->field) = 'null' OR NOT item ? field THEN
		RETURN NULL;
	END IF;
	IF jsonb_typeof(item->field) <> 'array'
		OR EXISTS (SELECT FROM jsonb_array_elements(item->field) AS e
			WHERE jsonb_typeof(e) <> 'string')
	THEN
		PERFORM vault_data.refuse_document(field, 'it is not a list of strings');
	END IF;
	RETURN ARRAY(SELECT e FROM jsonb_array_elements_text(item->field) AS e);
END
$$;

CREATE FUNCTION vault_data.require_fields(item jsonb, known text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(item) <> 'object' THEN
		PERFORM vault_data.refuse_document(NULL, 'it is not an object');
	END IF;
	IF item - known <> '{}' THEN
		PERFORM vault_data.refuse_document(NULL, 'it has a field that is not known');
	END IF;
END
$$;

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

/* Checked, but for the grantee. */
CREATE FUNCTION vault_data.grant_from_document(item jsonb) RETURNS vault_data.access_grant
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	PERFORM vault_data.require_fields(item,
		ARRAY['grantee', 'effect', 'permissions', 'name_pattern', 'environments', 'addresses',
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

/*
 * Seconds as tokens are judged by: a day has 24 hours and a month 30 days, whatever IntervalStyle
 * is.
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

/* The tenant as a document. */
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

CREATE FUNCTION vault_data.read_principal(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_fields(item, ARRAY['name', 'kind', 'db_roles']);
	PERFORM vault_data.check_identifier('name', vault_data.document_text(item, 'name'));
	IF COALESCE(vault_data.document_text(item, 'kind') NOT IN ('user', 'service'), true) THEN
		PERFORM vault_data.refuse_document('kind', 'a principal is a user or a service');
	END IF;
	RETURN jsonb_set(item, '{db_roles}',
		to_jsonb(COALESCE(vault_data.document_list(item, 'db_roles'), '{}')));
END
$$;

CREATE FUNCTION vault_data.read_member(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_fields(item, ARRAY['role', 'member']);
	PERFORM vault_data.check_identifier('role', vault_data.document_text(item, 'role'));
	PERFORM vault_data.check_identifier('member', vault_data.document_text(item, 'member'));
	RETURN item;
END
$$;

CREATE FUNCTION vault_data.read_grant(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RETURN vault_data.grant_document(vault_data.grant_from_document(item),
		vault_data.check_identifier('grantee', vault_data.document_text(item, 'grantee')));
END
$$;

/* Checked, with the keys as they are stored. */
CREATE FUNCTION vault_data.issuer_from_document(item jsonb) RETURNS vault_data.token_issuer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.token_issuer;
BEGIN
	PERFORM vault_data.require_fields(item,
		ARRAY['name', 'issuer', 'audience', 'jwks', 'claim_mapping',
		'max_lifetime', 'algorithms', 'required_claims', 'by_name']);
	given.name := vault_data.check_identifier('name', vault_data.document_text(item, 'name'));
	given.issuer := vault_data.document_text(item, 'issuer');
	given.audience := vault_data.document_text(item, 'audience');
	given.max_lifetime := COALESCE(vault_data.document_interval(item, 'max_lifetime'), '2 hours');
	given.algorithms := vault_data.document_list(item, 'algorithms');
	given.by_name := vault_data.document_flag(item, 'by_name');
	IF jsonb_typeof(item->'jwks') <> 'object' THEN
		PERFORM vault_data.refuse_document('jwks', 'it is not an object');
	END IF;
	given.jwks := item->>'jwks';
	RETURN vault_data.read_issuer_row(given, COALESCE(NULLIF(item->'claim_mapping', 'null'), '{}'),
		item->'required_claims');
END
$$;

CREATE FUNCTION vault_data.read_issuer(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RETURN vault_data.issuer_document(vault_data.issuer_from_document(item));
END
$$;

CREATE FUNCTION vault_data.read_subject(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	match text := COALESCE(vault_data.document_text(item, 'match'), 'exact');
BEGIN
	PERFORM vault_data.require_fields(item, ARRAY['principal', 'issuer', 'subject', 'match']);
	PERFORM vault_data.check_identifier('principal', vault_data.document_text(item, 'principal'));
	PERFORM vault_data.check_identifier('issuer', vault_data.document_text(item, 'issuer'));
	PERFORM vault_data.check_subject('subject', vault_data.document_text(item, 'subject'), match);
	RETURN item || jsonb_build_object('match', match);
END
$$;

CREATE FUNCTION vault_data.read_group_role(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_fields(item, ARRAY['issuer', 'group', 'role']);
	PERFORM vault_data.check_identifier('issuer', vault_data.document_text(item, 'issuer'));
	PERFORM vault_data.check_identifier('role', vault_data.document_text(item, 'role'));
	PERFORM vault_data.check_subject('group', vault_data.document_text(item, 'group'), 'exact');
	RETURN item;
END
$$;

CREATE FUNCTION vault_data.read_name(item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF jsonb_typeof(item) <> 'string' OR item = '""' THEN
		PERFORM vault_data.refuse_document(NULL, 'it is not a name');
	END IF;
	RETURN item;
END
$$;

/* One element, checked and in the form of policy_document(). */
CREATE FUNCTION vault_data.read_element(section text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	CASE section
	WHEN 'principals' THEN RETURN vault_data.read_principal(item);
	WHEN 'roles', 'environments'
		THEN RETURN to_jsonb(vault_data.check_identifier('name',
			vault_data.read_name(item) #>> '{}'));
	WHEN 'members' THEN RETURN vault_data.read_member(item);
	WHEN 'grants' THEN RETURN vault_data.read_grant(item);
	WHEN 'issuers' THEN RETURN vault_data.read_issuer(item);
	WHEN 'subjects' THEN RETURN vault_data.read_subject(item);
	WHEN 'group_roles' THEN RETURN vault_data.read_group_role(item);
	WHEN 'token_roles' THEN RETURN vault_data.read_name(item);
	END CASE;
END
$$;

/* Faults name their field; here they get the path to it. */
CREATE FUNCTION vault_data.read_elements(section text, given jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	item jsonb;
	place bigint;
	canonical jsonb[] := '{}';
	key text;
	keys text[] := '{}';
	message text;
	hint text;
	fault text[];
BEGIN
	FOR item, place IN
		SELECT e.item, e.number - 1
		FROM jsonb_array_elements(given) WITH ORDINALITY AS e (item, number)
	LOOP
		canonical := canonical || vault_data.read_element(section, item);
		IF section IN ('principals', 'roles', 'token_roles') THEN
			key := COALESCE(canonical[place + 1]->>'name', canonical[place + 1] #>> '{}');
			IF key = ANY (keys) THEN
				PERFORM vault_data.refuse_document('name', 'it is there twice');
			END IF;
			keys := keys || key;
		END IF;
	END LOOP;
	RETURN to_jsonb(canonical);
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	fault := regexp_match(message, '^invalid (?:document: )?(?:([a-z_ ]+): )?(.*)$');
	PERFORM vault_data.fail('22023', format('invalid document: %s[%s]%s: %s', section, place,
		'.' || replace(fault[1], ' ', '_'), COALESCE(fault[2], message)), hint);
END
$$;

/* A section, of at most so many elements; that of `have` if the document has none. */
CREATE FUNCTION vault_data.read_section(document jsonb, have jsonb, section text, maximum integer)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT document ? section THEN
		RETURN have->section;
	END IF;
	IF jsonb_typeof(document->section) <> 'array' THEN
		PERFORM vault_data.refuse_document(section, 'it is not a list');
	END IF;
	IF jsonb_array_length(document->section) > maximum THEN
		PERFORM vault_data.refuse_document(section,
			format('it has more than %s elements', maximum));
	END IF;
	RETURN vault_data.read_elements(section, document->section);
END
$$;

/* Refuses the first element of a section of which `good` does not hold the name in this field. */
CREATE FUNCTION vault_data.require_known(want jsonb, section text, field text, good text[],
	fault text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	place bigint;
BEGIN
	SELECT min(e.number) - 1 INTO place
	FROM jsonb_array_elements(want->section) WITH ORDINALITY AS e (item, number)
	WHERE NOT e.item->>field = ANY (good);
	IF place IS NOT NULL THEN
		PERFORM vault_data.refuse_document(format('%s[%s].%s', section, place, field), fault);
	END IF;
END
$$;

/*
 * Memberships, grants, subjects and groups name what is there, or will be; an issuer's name is
 * its own, and so is what stands for somebody there.
 */
CREATE FUNCTION vault_data.require_names(have jsonb, want jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	holders text[] := ARRAY(SELECT e->>'name'
		FROM jsonb_array_elements((have->'principals') || (want->'principals')) AS e
		UNION SELECT e FROM jsonb_array_elements_text(want->'roles') AS e);
	roles text[] := ARRAY(SELECT e FROM jsonb_array_elements_text(want->'roles') AS e
		UNION SELECT p.name FROM vault_data.principal p
		WHERE p.tenant_id = vault.current_tenant_id() AND p.kind = 'built-in role');
	principals text[] := ARRAY(SELECT e->>'name'
		FROM jsonb_array_elements((have->'principals') || (want->'principals')) AS e);
	issuers text[] := ARRAY(SELECT e->>'name' FROM jsonb_array_elements(want->'issuers') AS e);
BEGIN
	PERFORM vault_data.require_known(want, 'grants', 'grantee', holders,
		'there is no such principal or role');
	PERFORM vault_data.require_known(want, 'members', 'role', roles, 'there is no such role');
	PERFORM vault_data.require_known(want, 'members', 'member', holders,
		'there is no such principal or role');
	IF (SELECT count(*) > count(DISTINCT e->>'name')
		FROM jsonb_array_elements(want->'issuers') AS e)
	THEN
		PERFORM vault_data.refuse_document('issuers', 'two have the same name');
	END IF;
	PERFORM vault_data.require_known(want, 'subjects', 'principal', principals,
		'there is no such principal');
	PERFORM vault_data.require_known(want, 'subjects', 'issuer', issuers,
		'there is no such issuer');
	PERFORM vault_data.require_known(want, 'group_roles', 'issuer', issuers,
		'there is no such issuer');
	PERFORM vault_data.require_known(want, 'group_roles', 'role', roles, 'there is no such role');
	IF (SELECT count(DISTINCT e) > count(DISTINCT e - 'principal')
		FROM jsonb_array_elements(want->'subjects') AS e)
	THEN
		PERFORM vault_data.refuse_document('subjects', 'one stands for two principals');
	END IF;
	IF EXISTS (SELECT
		FROM jsonb_array_elements(want->'principals') AS p
			JOIN jsonb_array_elements_text(want->'roles') AS r ON r = p->>'name')
	THEN
		PERFORM vault_data.refuse_document('roles', 'one has the name of a principal');
	END IF;
END
$$;

/* The document in the form of policy_document(), or 22023. */
CREATE FUNCTION vault_data.read_document(document jsonb, have jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	want jsonb;
BEGIN
	IF document IS NULL OR pg_column_size(document) > 4194304 THEN
		PERFORM vault_data.refuse_document('size', 'it is null, or larger than 4 MiB');
	END IF;
	PERFORM vault_data.require_fields(document,
		ARRAY['format', 'environments', 'principals', 'roles', 'members', 'grants', 'issuers',
			'subjects', 'group_roles', 'token_roles']);
	IF document->>'format' IS DISTINCT FROM 'vault-policy-v1' THEN
		PERFORM vault_data.refuse_document('format', 'it is not vault-policy-v1');
	END IF;
	want := (SELECT jsonb_object_agg(s.name,
			vault_data.read_section(document, have, s.name, s.maximum))
		FROM (VALUES ('environments', 64), ('principals', 10000), ('roles', 10000),
			('members', 10000), ('grants', 10000), ('issuers', 16), ('subjects', 10000),
			('group_roles', 4096), ('token_roles', 10000)) AS s (name, maximum));
	PERFORM vault_data.require_names(have, want);
	/* As adding the first subject does. */
	RETURN jsonb_set(want, '{issuers}', (SELECT COALESCE(jsonb_agg(
			CASE WHEN EXISTS (SELECT FROM jsonb_array_elements(want->'subjects') AS s
				WHERE s->'issuer' = i->'name') THEN '{"by_name": false}'::jsonb || i
				ELSE i END), '[]')
		FROM jsonb_array_elements(want->'issuers') AS i));
END
$$;

/*
 * In the order in which they can be made: the last are those after which the caller may be
 * no administrator any more. Principals are added and bound, never taken away:
 * a document that forgets one must not lock it out of what it has elsewhere.
 */
CREATE FUNCTION vault_data.environment_differences(have jsonb, want jsonb)
RETURNS TABLE (step integer, environments jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH both_lists AS (
		SELECT COALESCE(NULLIF(have->'environments', 'null'), '[]') AS had,
			COALESCE(NULLIF(want->'environments', 'null'), '[]') AS wanted)
	SELECT 0, CASE WHEN b.wanted = '[]' THEN b.wanted
		ELSE (SELECT jsonb_agg(DISTINCT e) FROM jsonb_array_elements(b.had || b.wanted) AS e) END
	FROM both_lists b WHERE b.had <> '[]' AND (b.wanted = '[]' OR NOT b.wanted <@ b.had)
	UNION ALL
	SELECT 18, (SELECT jsonb_agg(DISTINCT e) FROM jsonb_array_elements(b.wanted) AS e)
	FROM both_lists b WHERE b.wanted <> '[]' AND (b.had = '[]' OR NOT b.had <@ b.wanted)
$$;
COMMENT ON FUNCTION vault_data.environment_differences(jsonb, jsonb)
	IS 'returns the environments to declare before grants are given, and after grants are revoked';

CREATE FUNCTION vault_data.policy_differences(have jsonb, want jsonb)
RETURNS TABLE (step integer, action text, kind text, name text, detail jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH section (key) AS (VALUES ('principals'), ('roles'), ('members'), ('grants'), ('issuers'),
		('subjects'), ('group_roles'), ('token_roles')),
	had AS (SELECT DISTINCT s.key, e AS item
		FROM section s, jsonb_array_elements(have->s.key) AS e),
	wanted AS (SELECT DISTINCT s.key, e AS item
		FROM section s, jsonb_array_elements(want->s.key) AS e),
	bound AS (SELECT h.item->>'name' AS name, r
		FROM had h, jsonb_array_elements_text(h.item->'db_roles') AS r WHERE h.key = 'principals'),
	binding AS (SELECT DISTINCT w.item->>'name' AS name, r
		FROM wanted w, jsonb_array_elements_text(w.item->'db_roles') AS r
		WHERE w.key = 'principals'),
	missing AS (SELECT * FROM wanted EXCEPT ALL SELECT * FROM had),
	surplus AS (SELECT * FROM had EXCEPT ALL SELECT * FROM wanted),
	changed AS (SELECT s.item->>'name' AS name FROM surplus s, missing m
		WHERE s.key = 'issuers' AND m.key = 'issuers' AND s.item->>'name' = m.item->>'name')
	SELECT * FROM (
		SELECT DISTINCT 1, 'add', 'principal', w.item->>'name',
			jsonb_build_object('kind', w.item->>'kind')
		FROM wanted w
		WHERE w.key = 'principals' AND NOT EXISTS (SELECT FROM had h
			WHERE h.key = 'principals' AND h.item->>'name' = w.item->>'name'
				AND h.item->>'kind' = w.item->>'kind')
		UNION ALL SELECT 2, 'add', 'binding', b.name, jsonb_build_object('db_role', b.r)
		FROM (SELECT * FROM binding EXCEPT SELECT * FROM bound) AS b
		UNION ALL SELECT 3, 'add', 'role', m.item #>> '{}', NULL FROM missing m
		WHERE m.key = 'roles'
		UNION ALL SELECT 4, 'add', 'grant', m.item->>'grantee', m.item - 'grantee' FROM missing m
		WHERE m.key = 'grants'
		UNION ALL SELECT 5, 'add', 'member', m.item->>'role', m.item - 'role' FROM missing m
		WHERE m.key = 'members'
		UNION ALL SELECT 6, 'remove', 'subject', s.item->>'principal', s.item - 'principal'
		FROM surplus s WHERE s.key = 'subjects'
		UNION ALL SELECT 7, 'remove', 'group role', s.item->>'role', s.item - 'role' FROM surplus s
		WHERE s.key = 'group_roles'
		UNION ALL SELECT 8, 'remove', 'issuer', s.item->>'name', s.item - 'name' FROM surplus s
		WHERE s.key = 'issuers' AND NOT s.item->>'name' = ANY (SELECT c.name FROM changed c)
		UNION ALL SELECT 9, 'change', 'issuer', m.item->>'name', m.item - 'name' FROM missing m
		WHERE m.key = 'issuers' AND m.item->>'name' = ANY (SELECT c.name FROM changed c)
		UNION ALL SELECT 10, 'add', 'issuer', m.item->>'name', m.item - 'name' FROM missing m
		WHERE m.key = 'issuers' AND NOT m.item->>'name' = ANY (SELECT c.name FROM changed c)
		UNION ALL SELECT 11, 'add', 'subject', m.item->>'principal', m.item - 'principal'
		FROM missing m WHERE m.key = 'subjects'
		UNION ALL SELECT 12, 'add', 'group role', m.item->>'role', m.item - 'role' FROM missing m
		WHERE m.key = 'group_roles'
		UNION ALL SELECT 13, 'add', 'token role', m.item #>> '{}', NULL FROM missing m
		WHERE m.key = 'token_roles'
		UNION ALL SELECT 14, 'remove', 'token role', s.item #>> '{}', NULL FROM surplus s
		WHERE s.key = 'token_roles'
		UNION ALL SELECT 15, 'remove', 'member', s.item->>'role', s.item - 'role' FROM surplus s
		WHERE s.key = 'members'
		UNION ALL SELECT 16, 'remove', 'grant', s.item->>'grantee', s.item - 'grantee'
		FROM surplus s WHERE s.key = 'grants'
		UNION ALL SELECT 17, 'remove', 'role', s.item #>> '{}', NULL FROM surplus s
		WHERE s.key = 'roles'
		UNION ALL SELECT e.step, 'change', 'environments', NULL,
			jsonb_build_object('environments', e.environments)
		FROM vault_data.environment_differences(have, want) e)
		AS d (step, action, kind, name, detail)
	ORDER BY d.step, d.name COLLATE "C", d.detail
$$;

/* The same checks as of the single calls; what its subjects and groups stand for stays. */
CREATE FUNCTION vault_data.put_issuer_of_document(p_tenant uuid, p_name text, p_detail jsonb,
	p_is_new boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.token_issuer;
BEGIN
	PERFORM vault_data.require_holder_of_everything();
	given := vault_data.issuer_from_document(p_detail || jsonb_build_object('name', p_name));
	IF p_is_new THEN
		PERFORM vault_data.store_issuer(given);
	ELSE
		PERFORM vault_data.replace_issuer(p_tenant, given);
	END IF;
END
$$;

CREATE FUNCTION vault_data.apply_difference(p_tenant uuid, p_step integer, p_name text,
	p_detail jsonb, p_made text[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	given vault_data.access_grant;
BEGIN
	CASE p_step
	WHEN 1 THEN PERFORM vault_data.create_principal(p_name, p_detail->>'kind', NULL, NULL);
	WHEN 2 THEN PERFORM vault_data.add_binding(p_tenant,
		vault_data.find_principal(p_tenant, p_name), p_detail->>'db_role', p_name = ANY (p_made));
	WHEN 3 THEN PERFORM vault_data.create_role(p_name, NULL);
	WHEN 4 THEN
		given := vault_data.grant_from_document(p_detail);
		given.principal_id := vault_data.find_principal(p_tenant, p_name);
		PERFORM vault_data.give(given);
	WHEN 5 THEN PERFORM vault_data.add_member(p_name, p_detail->>'member');
	WHEN 6 THEN PERFORM vault_data.remove_subject(p_name, p_detail->>'issuer', p_detail->>'subject',
		p_detail->>'match', NULL);
	WHEN 7 THEN PERFORM vault_data.unmap_group(p_detail->>'issuer', p_detail->>'group', p_name);
	WHEN 8 THEN PERFORM vault_data.remove_issuer(p_name, NULL);
	WHEN 9 THEN PERFORM vault_data.put_issuer_of_document(p_tenant, p_name, p_detail, false);
	WHEN 10 THEN PERFORM vault_data.put_issuer_of_document(p_tenant, p_name, p_detail, true);
	WHEN 11 THEN PERFORM vault_data.add_subject(p_name, p_detail->>'issuer', p_detail->>'subject',
		p_detail->>'match', NULL);
	WHEN 12 THEN PERFORM vault_data.map_group(p_detail->>'issuer', p_detail->>'group', p_name);
	WHEN 13 THEN PERFORM vault_data.allow_tokens(p_name, NULL);
	WHEN 14 THEN PERFORM vault_data.disallow_tokens(p_name, NULL);
	WHEN 15 THEN PERFORM vault_data.remove_member(p_name, p_detail->>'member');
	WHEN 16 THEN
		PERFORM vault_data.revoke(g.id) FROM vault_data.access_grant g
		WHERE g.tenant_id = p_tenant
			AND g.principal_id = vault_data.find_principal(p_tenant, p_name)
			AND vault_data.grant_document(g, NULL) = p_detail;
	WHEN 17 THEN PERFORM vault_data.drop_role(p_name, NULL);
	WHEN 0, 18 THEN
		IF NOT vault_data.is_administrator() THEN
			PERFORM vault_data.refuse_delegation();
		END IF;
		PERFORM vault_data.declare_environments(p_tenant, vault_data.environment_list(
			ARRAY(SELECT jsonb_array_elements_text(p_detail->'environments'))));
	END CASE;
END
$$;

CREATE FUNCTION vault_data.import_policy(p_document jsonb, p_dry_run boolean, p_tenant text)
RETURNS TABLE (action text, kind text, name text, detail jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	have jsonb;
	want jsonb;
	step integer;
	made text[] := '{}';
BEGIN
	PERFORM vault_data.require_administrator();
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM vault_data.fail('25001',
			'a policy cannot be imported in REPEATABLE READ or SERIALIZABLE',
			'Call it in a transaction of READ COMMITTED.');
	END IF;
	IF NOT COALESCE(p_dry_run, true) THEN
		PERFORM vault_data.lock_policy();
	END IF;
	PERFORM vault_data.require_authentic_policy(this_tenant);
	have := vault_data.policy_document(this_tenant);
	want := vault_data.read_document(p_document, have);
	FOR step, action, kind, name, detail IN
		SELECT * FROM vault_data.policy_differences(have, want)
	LOOP
		IF NOT COALESCE(p_dry_run, true) THEN
			PERFORM vault_data.apply_difference(this_tenant, step, name, detail, made);
			made := made || CASE step WHEN 1 THEN name END;
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;

--@ execute vault_exec: apply_difference, document_flag, document_interval, document_list,
--@	document_text, document_time, environment_differences, export_policy, grant_document,
--@	grant_from_document, group_roles_document, import_policy, issuer_document,
--@	issuer_from_document, lifetime_seconds, members_document, policy_differences,
--@	policy_document, principals_document, put_issuer_of_document, read_document, read_element,
--@	read_elements, read_grant, read_group_role, read_issuer, read_member, read_name,
--@	read_principal, read_section, read_subject, refuse_document, require_authentic_policy,
--@	require_fields, require_known, require_names, sorted, subjects_document

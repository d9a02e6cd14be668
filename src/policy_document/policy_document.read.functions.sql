/*
 * Documents that are given: checked, and brought into the form of policy_document().
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

/* Check a grant, except its grantee. */
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

/* Check an issuer. Its keys are returned as they are stored. */
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

/* Return one element, checked and in the form of policy_document(). */
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

/* Add the path to the field that an error names. */
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

/* Return a section of at most so many elements, or that of `have` if the document has none. */
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

/* Refuse the first element of a section whose name in this field is not among those of `good`. */
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
 * Memberships, grants, subjects and groups name what exists or will be created. An issuer has a
 * name of its own, and so have the subjects that stand for principals there.
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

/* Return the document in the form of policy_document(), or raise 22023. */
CREATE FUNCTION vault_data.read_document(document jsonb, have jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	want jsonb;
BEGIN
	IF document IS NULL OR pg_column_size(document) > 4194304 THEN
		PERFORM vault_data.refuse_document('size', 'must not be null or larger than 4 MiB');
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
	/* Check the same as when the first subject is added. */
	RETURN jsonb_set(want, '{issuers}', (SELECT COALESCE(jsonb_agg(
			CASE WHEN EXISTS (SELECT FROM jsonb_array_elements(want->'subjects') AS s
				WHERE s->'issuer' = i->'name') THEN '{"by_name": false}'::jsonb || i
				ELSE i END), '[]')
		FROM jsonb_array_elements(want->'issuers') AS i));
END
$$;

--@ execute vault_exec: document_flag, document_interval, document_list, document_text,
--@	document_time, grant_from_document, issuer_from_document, read_document, read_element,
--@	read_elements, read_grant, read_group_role, read_issuer, read_member, read_name,
--@	read_principal, read_section, read_subject, refuse_document, require_fields, require_known,
--@	require_names

/*
 * Differences between a tenant and a document, and the calls that take them away.
 */

/*
 * Return the differences in the order in which they can be made. The last are those after which the
 * caller may not be an administrator any more. Principals are added and bound, and never dropped: a
 * document that omits one must not lock it out of other rights.
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

/* Make the checks of the single calls. Subjects and groups keep their mappings. */
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

--@ execute vault_exec: apply_difference, environment_differences, import_policy,
--@	policy_differences, put_issuer_of_document

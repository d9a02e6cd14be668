/*
 * Principals that subjects of issuers stand for, and roles that their groups give.
 */

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
			'Administrators of the tenant do, by their own role and not by a token; operators '
			'cannot do this for them.');
	END IF;
	IF p_principal IS DISTINCT FROM vault_data.caller_principal()
		AND NOT vault_data.may_change_member(p_principal, false)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
END
$$;

/* Return a principal that can have tokens. A role of the tenant cannot. */
CREATE FUNCTION vault_data.find_speaker(p_tenant uuid, p_name text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	found_id uuid;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_name);
	found_id := vault_data.find_principal(p_tenant, p_name);
	IF EXISTS (SELECT FROM vault_data.principal p
		WHERE p.tenant_id = p_tenant AND p.id = found_id AND p.kind NOT IN ('user', 'service'))
	THEN
		PERFORM vault_data.fail('42704', 'no such principal: it is a role',
			'Name one of its members.');
	END IF;
	RETURN found_id;
END
$$;

CREATE FUNCTION vault_data.add_subject(p_principal text, p_issuer text, p_subject text,
	p_match text, p_tenant text)
RETURNS uuid
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
	/* Run one at a time, so that the check for other subjects sees the present state. */
	PERFORM FROM vault_data.tenant t WHERE t.tenant_id = this_tenant FOR NO KEY UPDATE;
	IF EXISTS (SELECT FROM vault_data.external_subject e WHERE e.tenant_id = this_tenant
		AND e.issuer_id = issuer.id AND e.subject = p_subject AND e.match = p_match)
	THEN
		PERFORM vault_data.fail('23505',
			'the issuer has this subject already, of this principal or of another',
			'The view vault.subjects shows them; vault.remove_subject() takes one away.');
	END IF;
	/* The mark stays for good: after the last subject is removed, names must not count again. */
	UPDATE vault_data.token_issuer SET by_name = false
	WHERE tenant_id = this_tenant AND id = issuer.id AND by_name IS NULL;
	IF FOUND THEN
		RAISE NOTICE USING
			MESSAGE = format('names of principals are no subjects of the issuer "%s" any more',
				p_issuer),
			HINT = 'Its tokens for principals without a subject there are refused from now on; '
				'an issuer with by_name lets both count.';
	END IF;
	IF p_match = 'pattern' AND (SELECT count(*) FROM vault_data.external_subject e
		WHERE e.tenant_id = this_tenant AND e.issuer_id = issuer.id AND e.match = 'pattern') >= 1000
	THEN
		PERFORM vault_data.fail('54000', 'the issuer has 1000 patterns of subjects',
			'Remove one with vault.remove_subject().');
	END IF;
	INSERT INTO vault_data.external_subject (tenant_id, id, issuer_id, principal_id, subject, match,
		created_by)
	VALUES (this_tenant, new_id, issuer.id, named, p_subject, p_match,
		vault_data.caller_principal());
	PERFORM vault_data.policy_changed();
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.remove_subject(p_principal text, p_issuer text, p_subject text,
	p_match text, p_tenant text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.check_identifier('principal', p_principal);
	PERFORM vault_data.check_identifier('issuer name', p_issuer);
	DELETE FROM vault_data.external_subject e
	USING vault_data.token_issuer i, vault_data.principal p
	WHERE e.tenant_id = this_tenant AND e.subject = p_subject AND e.match = p_match
		AND i.tenant_id = e.tenant_id AND i.id = e.issuer_id AND i.name = p_issuer
		AND p.tenant_id = e.tenant_id AND p.id = e.principal_id AND p.name = p_principal;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such subject of this principal',
			'The view vault.subjects shows them.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

/*
 * To map a group to a role is to hand out what the role holds to every member that the issuer
 * names. So it requires what adding a member requires. Administrators may be among the members.
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
		OR (vault_data.holds_denial(chosen.id)
			AND NOT (vault_data.is_administrator()
				AND vault_data.may_change_member(chosen.id, true)))
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
		PERFORM vault_data.fail('23505', format('the group gives the role "%s" already', p_role),
			'The view vault.group_roles shows which do.');
	END IF;
	IF (SELECT count(*) FROM vault_data.group_role g
		WHERE g.tenant_id = this_tenant AND g.issuer_id = issuer.id) >= 256
	THEN
		PERFORM vault_data.fail('54000', 'the issuer has 256 groups that give roles',
			'Take one away with vault.unmap_group().');
	END IF;
	INSERT INTO vault_data.group_role (tenant_id, id, issuer_id, group_name, role_id, created_by)
	VALUES (this_tenant, new_id, issuer.id, p_group, chosen.id, vault_data.caller_principal());
	PERFORM vault_data.policy_changed();
	RETURN new_id;
END
$$;

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
		PERFORM vault_data.fail('42704', format('the group does not give the role "%s"', p_role),
			'The view vault.group_roles shows which do.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

--@ execute vault_exec: add_subject, find_speaker, map_group, remove_subject,
--@	require_may_speak_for, unmap_group

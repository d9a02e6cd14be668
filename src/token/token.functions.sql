/*
 * Tokens that the vault issues, and the roles that may show tokens.
 */

CREATE FUNCTION vault_data.check_issuer(issuer text, audience text, max_lifetime interval,
	principal_claim text, tenant_claim text, role_claim text, address_claim text,
	groups_claim text, required_claims text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_issuer';

/*
 * Return the keys that verify tokens, as they are stored. A NOTICE names those that were passed
 * over.
 */
CREATE FUNCTION vault_data.read_jwks(jwks text, algorithms text[]) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_read_jwks';

CREATE FUNCTION vault_data.check_subject(what text, subject text, match text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_subject';

CREATE FUNCTION vault_data.bind_token_role(db_role text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_bind_token_role';

CREATE FUNCTION vault_data.sign_token(id uuid, principal text, expires_at timestamptz, db_role text)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_sign_token';

CREATE FUNCTION vault_data.token_life() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_token_life';

CREATE FUNCTION vault_data.token_quota(of_tenant boolean) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_token_quota';
COMMENT ON FUNCTION vault_data.token_quota(boolean)
	IS 'returns the number of tokens for a single use that have not expired which a tenant or '
	'a principal may have';

CREATE FUNCTION vault_data.shows_token() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_shows_token';

CREATE FUNCTION vault_data.allow_tokens(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_db_role IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid role: must not be null', 'Name a database role.');
	END IF;
	PERFORM vault_data.bind_token_role(p_db_role);
	PERFORM vault_data.policy_changed();
END
$$;

CREATE FUNCTION vault_data.disallow_tokens(p_db_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	/*
	 * Find the role by its present name, or by the name that it had: the view shows one of the two.
	 */
	DELETE FROM vault_data.token_role o WHERE o.tenant_id = this_tenant AND (o.role_name = p_db_role
		OR o.db_role = (SELECT r.oid FROM pg_roles r WHERE r.rolname = p_db_role));
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'the role does not show tokens',
			'The view vault.token_roles shows those that do.');
	END IF;
	PERFORM vault_data.policy_changed();
END
$$;

/* Delete the rows of tokens that cannot be used any more; called when others are made. */
CREATE FUNCTION vault_data.forget_tokens(p_tenant uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF current_setting('transaction_isolation') = 'read committed' THEN
		DELETE FROM vault_data.issued_token t WHERE t.tenant_id = p_tenant AND t.id = ANY (ARRAY(
			SELECT e.id FROM vault_data.issued_token e
			WHERE e.tenant_id = p_tenant AND e.expires_at < clock_timestamp() - '1 hour'::interval
			LIMIT 20 FOR UPDATE SKIP LOCKED));
	END IF;
END
$$;

/*
 * A used token is remembered until it expires, in a table that all tenants share. Therefore the
 * number of such tokens is limited, used or not.
 */
CREATE FUNCTION vault_data.require_token_quota(p_tenant uuid, p_subject uuid, p_principal text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	of_tenant bigint;
	of_principal bigint;
BEGIN
	SELECT count(*), count(*) FILTER (WHERE t.principal_id = p_subject) INTO of_tenant, of_principal
	FROM vault_data.issued_token t
	WHERE t.tenant_id = p_tenant AND t.single_use AND t.expires_at > clock_timestamp();
	IF of_principal >= vault_data.token_quota(false) THEN
		PERFORM vault_data.fail('54000',
			format('principal "%s" has %s tokens for a single use that have not expired',
				p_principal, of_principal),
			'They count until they expire, used or not: give them a shorter ttl, or wait.');
	ELSIF of_tenant >= vault_data.token_quota(true) THEN
		PERFORM vault_data.fail('54000',
			format('the tenant has %s tokens for a single use that have not expired', of_tenant),
			'They count until they expire, used or not: give them a shorter ttl, or wait.');
	END IF;
END
$$;

/*
 * The bearer of a principal's token has all that it holds, as a member of a role has what that
 * holds. A token cannot be prolonged with another: a caller who showed one
 * gets none.
 */
CREATE FUNCTION vault_data.issue_token(p_principal text, p_ttl interval, p_single_use boolean,
	p_db_role text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
	new_id uuid := vault_data.new_id();
	expires timestamptz;
	subject uuid;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	SELECT p.id INTO subject FROM vault_data.principal p
	WHERE p.tenant_id = this_tenant AND p.name = p_principal AND p.kind IN ('user', 'service');
	IF vault_data.shows_token()
		OR (subject IS DISTINCT FROM vault_data.caller_principal()
			AND NOT vault_data.is_administrator())
	THEN
		PERFORM vault_data.fail('42501', 'permission denied to issue a token for this principal',
			'Administrators of the tenant issue tokens for all, others for themselves; a caller '
			'who showed a token gets none.');
	END IF;
	subject := vault_data.find_principal(this_tenant, p_principal);
	IF EXISTS (SELECT FROM vault_data.principal p
		WHERE p.tenant_id = this_tenant AND p.id = subject AND p.kind NOT IN ('user', 'service'))
	THEN
		PERFORM vault_data.fail('42704', 'no such principal: it is a role',
			'Issue the token for one of its members.');
	END IF;
	IF subject IS DISTINCT FROM vault_data.caller_principal()
		AND NOT vault_data.may_change_member(subject, false)
	THEN
		PERFORM vault_data.refuse_delegation();
	END IF;
	IF p_single_use IS NULL OR p_ttl IS NULL OR p_ttl < '1 second' OR p_ttl > '1 day'
		OR (p_single_use AND p_ttl > '1 hour')
	THEN
		PERFORM vault_data.fail('22023',
			'invalid ttl: must be between one second and one day, or one hour for a single use',
			'Give an interval such as ''15 minutes''.');
	END IF;
	IF p_db_role IS NOT NULL
		AND NOT EXISTS (SELECT FROM vault_data.token_role r
			WHERE r.tenant_id = this_tenant AND r.role_name = p_db_role)
	THEN
		PERFORM vault_data.fail('22023', 'invalid role: it does not show tokens',
			'vault.allow_tokens() lets it.');
	END IF;
	expires := clock_timestamp() + p_ttl;
	PERFORM vault_data.forget_tokens(this_tenant);
	IF p_single_use THEN
		PERFORM vault_data.require_token_quota(this_tenant, subject, p_principal);
	END IF;
	PERFORM vault_data.note(format('token %s for %s', new_id, p_principal));
	INSERT INTO vault_data.issued_token (tenant_id, id, principal_id, expires_at, single_use, life,
		created_by)
	VALUES (this_tenant, new_id, subject, expires, p_single_use, vault_data.token_life(),
		vault_data.caller_principal());
	RETURN vault_data.sign_token(new_id, p_principal, expires, p_db_role);
END
$$;

CREATE FUNCTION vault_data.revoke_token(p_jti uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.note(format('token %s', p_jti));
	DELETE FROM vault_data.issued_token WHERE tenant_id = vault.current_tenant_id() AND id = p_jti
		AND (principal_id = vault_data.caller_principal() OR vault_data.is_administrator());
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such token',
			'The view vault.issued_tokens shows those that count.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.revoke_tokens(p_principal text, p_tenant text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	subject uuid;
	gone integer;
BEGIN
	PERFORM vault_data.check_identifier('principal', p_principal);
	SELECT p.id INTO subject FROM vault_data.principal p
	WHERE p.tenant_id = this_tenant AND p.name = p_principal AND p.kind IN ('user', 'service');
	IF subject IS NULL OR subject IS DISTINCT FROM vault_data.caller_principal() THEN
		PERFORM vault_data.require_administrator();
		subject := vault_data.find_principal(this_tenant, p_principal);
	END IF;
	DELETE FROM vault_data.issued_token WHERE tenant_id = this_tenant AND principal_id = subject;
	GET DIAGNOSTICS gone = ROW_COUNT;
	PERFORM vault_data.note(format('%s tokens of %s', gone, p_principal));
	RETURN gone;
END
$$;

--@ execute vault_exec: allow_tokens, bind_token_role, check_issuer, check_subject,
--@	disallow_tokens, forget_tokens, issue_token, read_jwks, require_token_quota, revoke_token,
--@	revoke_tokens, shows_token, sign_token, token_life, token_quota

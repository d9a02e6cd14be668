/*
 * The lifecycle of secrets: found, labelled, renamed, tagged, deactivated, deleted,
 * recovered, destroyed, purged.  No value is touched here.
 */

CREATE FUNCTION vault_data.secret_id(name text, environment text) RETURNS uuid
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_secret_id';
COMMENT ON FUNCTION vault_data.secret_id(text, text)
	IS 'returns the id of a secret of the tenant of the call, found without a planner';

/*
 * Get a secret without a lock, for callers that only read. It works in read-only transactions, too.
 */
CREATE FUNCTION vault_data.look_up_secret(p_permission text, p_name text, p_environment text)
RETURNS vault_data.secret
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	env text := vault_data.environment(p_environment);
	found_row vault_data.secret;
BEGIN
	PERFORM vault_data.check_name(p_name);
	PERFORM vault_data.check_environment(env);
	PERFORM vault_data.require(p_permission, p_name, env);
	SELECT * INTO found_row FROM vault_data.secret
	WHERE tenant_id = vault.current_tenant_id() AND id = vault_data.secret_id(p_name, env)
		AND name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('VT005', format('no secret "%s" in environment "%s"', p_name, env),
			'vault.list() shows what there is.');
	END IF;
	RETURN found_row;
END
$$;

/* Get a secret, locked against other writers. */
CREATE FUNCTION vault_data.find_secret(p_permission text, p_name text, p_environment text)
RETURNS vault_data.secret
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.look_up_secret(p_permission, p_name, p_environment);
	found_row vault_data.secret;
BEGIN
	SELECT * INTO found_row FROM vault_data.secret
	WHERE tenant_id = head.tenant_id AND id = head.id AND name = p_name FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('VT005',
			format('no secret "%s" in environment "%s"', p_name, head.environment),
			'vault.list() shows what there is.');
	END IF;
	RETURN found_row;
END
$$;

CREATE FUNCTION vault_data.require_not_deleted(p_secret vault_data.secret) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_secret.purge_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT008',
			format('secret is deleted, recoverable until %s', p_secret.purge_at),
			'vault.undelete() brings it back.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.require_not_deactivated(p_secret vault_data.secret) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_secret.deactivated_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT007', 'secret is deactivated',
			'vault.reactivate() makes it readable again.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.list(p_pattern text, p_environment text)
RETURNS TABLE (name text, environment text, type text, state text, current_version integer,
	description text, tags jsonb, updated_at timestamptz, expires_at timestamptz)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	every boolean := COALESCE(p_environment = '*', false);
	env text := vault_data.environment(p_environment);
BEGIN
	PERFORM vault_data.check_pattern(p_pattern);
	IF NOT every THEN
		PERFORM vault_data.check_environment(env);
	END IF;
	RETURN QUERY
	SELECT s.name, s.environment, s.type, vault_data.state_of(s.purge_at, s.deactivated_at),
		s.current_version, s.description, s.tags, s.updated_at, s.expires_at
	FROM vault_data.secret s
	WHERE s.tenant_id = vault.current_tenant_id() AND (every OR s.environment = env)
		AND vault_data.name_matches(s.name, p_pattern)
		AND vault_data.permitted('list', s.name, s.environment)
	ORDER BY s.name, s.environment;
END
$$;

CREATE FUNCTION vault_data.describe(p_name text, p_environment text)
RETURNS TABLE (name text, environment text, type text, state text, description text, tags jsonb,
	current_version integer, previous_version integer, pending_version integer, versions integer,
	created_at timestamptz, updated_at timestamptz, expires_at timestamptz, deleted_at timestamptz,
	purge_at timestamptz, metadata jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.look_up_secret('list', p_name, p_environment);
BEGIN
	RETURN QUERY
	SELECT head.name, head.environment, head.type,
		vault_data.state_of(head.purge_at, head.deactivated_at),
		head.description, head.tags, head.current_version,
		head.previous_version, head.pending_version,
		(SELECT count(*)::integer FROM vault_data.secret_version v
			WHERE v.tenant_id = head.tenant_id AND v.secret_id = head.id),
		head.created_at, head.updated_at, head.expires_at, head.deleted_at, head.purge_at,
		head.metadata;
END
$$;

CREATE FUNCTION vault_data.small(envelope vault.envelope) RETURNS vault.envelope
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_small';
COMMENT ON FUNCTION vault_data.small(vault.envelope)
	IS 'returns the envelope if it is small enough for a copy in the head, else NULL';

CREATE FUNCTION vault_data.check_reason(p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_reason IS NULL OR btrim(p_reason) = '' OR octet_length(p_reason) > 255 THEN
		PERFORM vault_data.fail('22023', 'invalid reason: must be 1 to 255 bytes long',
			'Say why, for the audit trail.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.set_secret_state(p_permission text, p_name text, p_environment text,
	p_deactivate boolean, p_reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret(p_permission, p_name, p_environment);
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	PERFORM vault_data.check_reason(p_reason);
	IF p_deactivate = (head.deactivated_at IS NOT NULL) THEN
		PERFORM vault_data.fail('55000',
			format('secret is %s', vault_data.state_of(head.purge_at, head.deactivated_at)),
			'vault.describe() shows its state.');
	END IF;
	PERFORM vault_data.note(p_reason);
	UPDATE vault_data.secret
	SET deactivated_at = CASE WHEN p_deactivate THEN clock_timestamp() END,
		updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id;
	PERFORM vault_data.announce(head.tenant_id,
		CASE WHEN p_deactivate THEN 'deactivated' ELSE 'reactivated' END, 'warning', head.id,
		jsonb_build_object('reason', p_reason));
END
$$;

CREATE FUNCTION vault_data.deactivate(p_name text, p_reason text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_secret_state('delete', p_name, p_environment, true, p_reason);
END
$$;

CREATE FUNCTION vault_data.reactivate(p_name text, p_reason text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_secret_state('delete', p_name, p_environment, false, p_reason);
END
$$;

CREATE FUNCTION vault_data.delete(p_name text, p_environment text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
	until timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	SELECT clock_timestamp()
		+ COALESCE((SELECT l.recovery_window FROM vault_data.type_lifecycles(t.tenant_id) l
			WHERE l.type = head.type), t.recovery_window) INTO until FROM vault_data.tenant t
		WHERE t.tenant_id = head.tenant_id;
	PERFORM vault_data.require_authentic(t) FROM vault_data.tenant t
	WHERE t.tenant_id = head.tenant_id;
	PERFORM vault_data.require_authentic(t) FROM vault_data.secret_type t WHERE t.name = head.type;
	PERFORM vault_data.require_authentic(p) FROM vault_data.type_policy p
	WHERE p.tenant_id = head.tenant_id AND p.type = head.type;
	UPDATE vault_data.secret SET deleted_at = clock_timestamp(), purge_at = until,
		updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id;
	PERFORM vault_data.announce(head.tenant_id, 'deleted', 'warning', head.id,
		jsonb_build_object('purge_at', until));
	RETURN until;
END
$$;

CREATE FUNCTION vault_data.undelete(p_name text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	IF head.purge_at IS NULL THEN
		PERFORM vault_data.fail('55000', 'secret is not deleted',
			'vault.describe() shows its state.');
	ELSIF head.purge_at <= clock_timestamp() THEN
		PERFORM vault_data.fail('VT008', format('secret was recoverable until %s', head.purge_at),
			'Its name is free again after the next vault.purge().');
	END IF;
	UPDATE vault_data.secret SET deleted_at = NULL, purge_at = NULL, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id;
	PERFORM vault_data.announce(head.tenant_id, 'undeleted', 'info', head.id, NULL);
END
$$;

CREATE FUNCTION vault_data.destroy(p_name text, p_version integer, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	UPDATE vault_data.secret_version
	SET envelope = NULL, key_generation = NULL, metadata = NULL, destroyed_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = p_version
		AND destroyed_at IS NULL;
	IF NOT FOUND AND EXISTS (SELECT FROM vault_data.secret_version
		WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = p_version)
	THEN
		PERFORM vault_data.fail('VT009', format('version %s was destroyed', p_version),
			'Nothing is left to destroy.');
	ELSIF NOT FOUND THEN
		PERFORM vault_data.fail('VT005', 'no such version of the secret',
			'The view vault.versions shows what there is.');
	END IF;
	PERFORM vault_data.note(format('version %s', p_version), p_version);
	UPDATE vault_data.secret SET updated_at = clock_timestamp(),
		envelope = CASE WHEN current_version <> p_version THEN envelope END,
		metadata = CASE WHEN current_version <> p_version THEN metadata END
	WHERE tenant_id = head.tenant_id AND id = head.id;
END
$$;

CREATE FUNCTION vault_data.rename(p_name text, p_new_name text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	PERFORM vault_data.check_name(p_new_name);
	/*
	 * Other roles may read the new name: the caller must be able to do each step of a rename by
	 * hand.
	 */
	PERFORM vault_data.require('read', p_name, head.environment);
	PERFORM vault_data.require('write', p_name, head.environment);
	PERFORM vault_data.require('write', p_new_name, head.environment);
	PERFORM vault_data.require_not_deleted(head);
	/*
	 * Without a rename, an expired value could not be copied to the new name; and the caller may
	 * hold the override there.
	 */
	IF GREATEST(head.expires_at, head.grace_until) <= clock_timestamp() THEN
		PERFORM vault_data.require('override', p_name, head.environment);
	END IF;
	IF vault_data.secret_id(p_new_name, head.environment) IS NOT NULL THEN
		PERFORM vault_data.fail('23505', format('secret "%s" already exists', p_new_name),
			'Choose another name.');
	END IF;
	UPDATE vault_data.secret SET name = p_new_name, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id;
END
$$;

CREATE FUNCTION vault_data.tag(p_name text, p_tags jsonb, p_environment text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('write', p_name, p_environment);
	merged jsonb;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	IF p_tags IS NULL OR jsonb_typeof(p_tags) <> 'object' THEN
		PERFORM vault_data.fail('22023', 'invalid tags: must be a JSON object',
			'Give {"team": "payments"}; null takes a tag away.');
	END IF;
	merged := jsonb_strip_nulls(head.tags || p_tags);
	PERFORM vault_data.check_tags(merged);
	UPDATE vault_data.secret SET tags = merged, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id;
	RETURN merged;
END
$$;

CREATE FUNCTION vault_data.check_tags(tags jsonb) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_tags';

CREATE FUNCTION vault_data.purge_tenant(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	gone integer;
BEGIN
	DELETE FROM vault_data.secret s
	WHERE s.tenant_id = vault.current_tenant_id() AND s.id = ANY (ARRAY(
		SELECT d.id FROM vault_data.secret d
		WHERE d.tenant_id = vault.current_tenant_id()
			AND d.purge_at <= clock_timestamp() AND vault_data.is_authentic(d)
		LIMIT p_max_rows FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS gone = ROW_COUNT;
	RETURN gone;
END
$$;

CREATE FUNCTION vault_data.purge(p_max_rows integer) RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.in_turns('purge_tenant', vault_data.tenant_names(), false, p_max_rows) $$;

--@ execute vault_exec: check_reason, check_tags, deactivate, delete, describe, destroy,
--@	find_secret, list, look_up_secret, purge, purge_tenant, reactivate, rename,
--@	require_not_deactivated, require_not_deleted, secret_id, set_secret_state, small, tag,
--@	undelete

/*
 * The lifecycle of secrets: found, labelled, renamed, tagged, deactivated, deleted,
 * recovered, destroyed, purged.  No value is touched here.
 */
CREATE FUNCTION vault_data.secret_id(name text, environment text) RETURNS uuid
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_secret_id';
COMMENT ON FUNCTION vault_data.secret_id(text, text)
	IS 'returns the id of a secret of the tenant of the call, found without a planner';

/* Without a lock, for who only looks: it works in read-only transactions, too. */
CREATE FUNCTION vault_data.look_up_secret(p_permission text, p_name text, p_environment text) RETURNS vault_data.secret
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	env text := vault_data.environment(p_environment);
	found_row vault_data.secret;
BEGIN
	PERFORM vault_data.check_name(p_name);
	PERFORM vault_data.check_environment(env);
	PERFORM vault_data.require(p_permission, p_name, env);
	SELECT * INTO found_row FROM vault_data.secret
	WHERE tenant_id = vault.current_tenant_id() AND id = vault_data.secret_id(p_name, env) AND name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('VT005', pg_catalog.format('no secret "%s" in environment "%s"', p_name, env),
			'vault.list() shows what there is.');
	END IF;
	RETURN found_row;
END
$$;

/* The same, locked against other writers. */
CREATE FUNCTION vault_data.find_secret(p_permission text, p_name text, p_environment text) RETURNS vault_data.secret
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.look_up_secret(p_permission, p_name, p_environment);
	found_row vault_data.secret;
BEGIN
	SELECT * INTO found_row FROM vault_data.secret
	WHERE tenant_id = s.tenant_id AND id = s.id AND name = p_name FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('VT005', pg_catalog.format('no secret "%s" in environment "%s"', p_name, s.environment),
			'vault.list() shows what there is.');
	END IF;
	RETURN found_row;
END
$$;

CREATE FUNCTION vault_data.require_not_deleted(p_secret vault_data.secret) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_secret.purge_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT008', pg_catalog.format('secret is deleted, recoverable until %s', p_secret.purge_at),
			'vault.undelete() brings it back.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.require_not_deactivated(p_secret vault_data.secret) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_secret.deactivated_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT007', 'secret is deactivated', 'vault.reactivate() makes it readable again.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.list(p_pattern text, p_environment text)
RETURNS TABLE (name text, environment text, type text, state text, current_version integer, description text,
	tags jsonb, updated_at timestamptz, expires_at timestamptz)
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
	SELECT s.name, s.environment, s.type, vault_data.state_of(s.purge_at, s.deactivated_at), s.current_version, s.description, s.tags, s.updated_at, s.expires_at
	FROM vault_data.secret s
	WHERE s.tenant_id = vault.current_tenant_id() AND (every OR s.environment = env)
		AND vault_data.name_matches(s.name, p_pattern) AND vault_data.permitted('list', s.name, s.environment)
	ORDER BY s.name, s.environment;
END
$$;
CREATE FUNCTION vault.list(name_pattern text DEFAULT '**', environment text DEFAULT NULL)
RETURNS TABLE (name text, environment text, type text, state text, current_version integer, description text,
	tags jsonb, updated_at timestamptz, expires_at timestamptz)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.list(text, text)
	IS 'returns the secrets that match and on which the caller has any permission, without '
	'their values';

CREATE FUNCTION vault_data.describe(p_name text, p_environment text)
RETURNS TABLE (name text, environment text, type text, state text, description text, tags jsonb,
	current_version integer, previous_version integer, pending_version integer, versions integer,
	created_at timestamptz, updated_at timestamptz, expires_at timestamptz, deleted_at timestamptz, purge_at timestamptz, metadata jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.look_up_secret('list', p_name, p_environment);
BEGIN
	RETURN QUERY SELECT s.name, s.environment, s.type, vault_data.state_of(s.purge_at, s.deactivated_at), s.description, s.tags, s.current_version,
		s.previous_version, s.pending_version,
		(SELECT pg_catalog.count(*)::integer FROM vault_data.secret_version v WHERE v.tenant_id = s.tenant_id AND v.secret_id = s.id),
		s.created_at, s.updated_at, s.expires_at, s.deleted_at, s.purge_at, s.metadata;
END
$$;
CREATE FUNCTION vault.describe(name text, environment text DEFAULT NULL)
RETURNS TABLE (name text, environment text, type text, state text, description text, tags jsonb,
	current_version integer, previous_version integer, pending_version integer, versions integer,
	created_at timestamptz, updated_at timestamptz, expires_at timestamptz, deleted_at timestamptz, purge_at timestamptz, metadata jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.describe(text, text)
	IS 'returns a secret without its value; any permission on the name is sufficient';

CREATE FUNCTION vault_data.small(envelope vault.envelope) RETURNS vault.envelope
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_small';
COMMENT ON FUNCTION vault_data.small(vault.envelope)
	IS 'returns the envelope if it is small enough for a copy in the head, else NULL';

/*
 * The end that the head has after a rollback to v: what a value or its type says of its end comes and goes with
 * the version, an end that was set stays. A caller that may not write, and so not set an end,
 * gets no later one.
 */
CREATE FUNCTION vault_data.end_after_rollback(s vault_data.secret, v vault_data.secret_version) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	c vault_data.secret_version;
BEGIN
	SELECT * INTO c FROM vault_data.secret_version x
	WHERE x.tenant_id = s.tenant_id AND x.secret_id = s.id AND x.version = s.current_version;
	PERFORM vault_data.require_authentic(c);
	IF s.expires_at IS DISTINCT FROM c.expires_at OR NOT vault_data.permitted('write', s.name, s.environment) THEN
		RETURN LEAST(s.expires_at, v.expires_at);
	END IF;
	RETURN v.expires_at;
END
$$;

/* A pending version is a new one. Any other was in use before: what the override is needed for is not to be had by its way. */
CREATE FUNCTION vault_data.rollback(p_name text, p_to_version integer, p_environment text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	target integer := COALESCE(p_to_version, s.previous_version);
	v vault_data.secret_version;
	pending boolean;
	ends timestamptz;
	grace timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(s), vault_data.require_not_deactivated(s);
	SELECT * INTO v FROM vault_data.secret_version
	WHERE tenant_id = s.tenant_id AND secret_id = s.id AND version = target FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('VT005', CASE WHEN target IS NULL THEN 'the secret has no previous version'
			ELSE pg_catalog.format('no version %s of the secret', target) END, 'The view vault.versions shows what there is.');
	END IF;
	PERFORM vault_data.require_authentic(v);
	IF v.destroyed_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT009', pg_catalog.format('version %s was destroyed', target), 'Roll back to another version.');
	ELSIF v.type <> s.type THEN
		PERFORM vault_data.fail('55000', pg_catalog.format('version %s is of type "%s", and the secret of type "%s"', target, v.type, s.type),
			'Change the type first with vault.change_type(), or put the value anew.');
	END IF;
	IF target <> s.current_version THEN
		pending := target IS NOT DISTINCT FROM s.pending_version;
		IF NOT pending AND GREATEST(s.expires_at, s.grace_until) <= pg_catalog.clock_timestamp()
			AND NOT vault_data.permitted('override', s.name, s.environment)
		THEN
			PERFORM vault_data.fail('VT006', 'secret has expired', 'Put a new value with vault.put() or vault.rotate(); a rollback of what has expired needs "override".');
		END IF;
		ends := CASE WHEN pending THEN v.expires_at ELSE vault_data.end_after_rollback(s, v) END;
		grace := CASE WHEN ends = s.expires_at AND NOT pending AND s.grace_until IS NOT NULL THEN LEAST(s.grace_until, v.expires_at) END;
		UPDATE vault_data.secret SET current_version = target, previous_version = s.current_version,
			pending_version = NULLIF(pending_version, target),
			envelope = vault_data.small(v.envelope), metadata = v.metadata,
			expires_at = ends,
			grace_until = CASE WHEN grace > ends THEN grace END,
			extensions = CASE WHEN NOT pending THEN s.extensions END,
			updated_at = pg_catalog.clock_timestamp()
		WHERE tenant_id = s.tenant_id AND id = s.id;
		PERFORM vault_data.rotation_rolled_back(s, target);
		PERFORM vault_data.announce(s.tenant_id, 'rotated', 'info', s.id,
			pg_catalog.jsonb_build_object('version', target, 'operation', 'rollback'));
	END IF;
	RETURN target;
END
$$;
CREATE FUNCTION vault.rollback(name text, to_version integer DEFAULT NULL, environment text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.rollback(text, integer, text)
	IS 'makes another version current (the previous one by default, or a pending one) and '
	'returns its number';

CREATE FUNCTION vault_data.check_reason(p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_reason IS NULL OR pg_catalog.btrim(p_reason) = '' OR pg_catalog.octet_length(p_reason) > 255 THEN
		PERFORM vault_data.fail('22023', 'invalid reason: it is empty or longer than 255 bytes', 'Say why, for the audit trail.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.set_secret_state(p_permission text, p_name text, p_environment text, p_deactivate boolean, p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret(p_permission, p_name, p_environment);
BEGIN
	PERFORM vault_data.require_not_deleted(s);
	PERFORM vault_data.check_reason(p_reason);
	IF p_deactivate = (s.deactivated_at IS NOT NULL) THEN
		PERFORM vault_data.fail('55000', pg_catalog.format('secret is %s', vault_data.state_of(s.purge_at, s.deactivated_at)), 'vault.describe() shows its state.');
	END IF;
	PERFORM vault_data.note(p_reason);
	UPDATE vault_data.secret SET deactivated_at = CASE WHEN p_deactivate THEN pg_catalog.clock_timestamp() END, updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id;
	PERFORM vault_data.announce(s.tenant_id, CASE WHEN p_deactivate THEN 'deactivated' ELSE 'reactivated' END, 'warning', s.id,
		pg_catalog.jsonb_build_object('reason', p_reason));
END
$$;

CREATE FUNCTION vault_data.deactivate(p_name text, p_reason text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_secret_state('delete', p_name, p_environment, true, p_reason);
END
$$;
CREATE FUNCTION vault.deactivate(name text, reason text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.deactivate(text, text, text)
	IS 'makes a secret unreadable until it is reactivated';

CREATE FUNCTION vault_data.reactivate(p_name text, p_reason text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.set_secret_state('delete', p_name, p_environment, false, p_reason);
END
$$;
CREATE FUNCTION vault.reactivate(name text, reason text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.reactivate(text, text, text) IS 'ends the deactivation of a secret';

CREATE FUNCTION vault_data.delete(p_name text, p_environment text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
	until timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(s);
	SELECT pg_catalog.clock_timestamp() + COALESCE((SELECT l.recovery_window FROM vault_data.type_lifecycles(t.tenant_id) l WHERE l.type = s.type), t.recovery_window) INTO until FROM vault_data.tenant t WHERE t.tenant_id = s.tenant_id;
	PERFORM vault_data.require_authentic(t) FROM vault_data.tenant t WHERE t.tenant_id = s.tenant_id;
	PERFORM vault_data.require_authentic(t) FROM vault_data.secret_type t WHERE t.name = s.type;
	PERFORM vault_data.require_authentic(p) FROM vault_data.type_policy p WHERE p.tenant_id = s.tenant_id AND p.type = s.type;
	UPDATE vault_data.secret SET deleted_at = pg_catalog.clock_timestamp(), purge_at = until,
		updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id;
	PERFORM vault_data.announce(s.tenant_id, 'deleted', 'warning', s.id, pg_catalog.jsonb_build_object('purge_at', until));
	RETURN until;
END
$$;
CREATE FUNCTION vault.delete(name text, environment text DEFAULT NULL) RETURNS timestamptz
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.delete(text, text)
	IS 'takes a secret out of use; returns the time until which vault.undelete() restores it';

CREATE FUNCTION vault_data.undelete(p_name text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	IF s.purge_at IS NULL THEN
		PERFORM vault_data.fail('55000', 'secret is not deleted', 'vault.describe() shows its state.');
	ELSIF s.purge_at <= pg_catalog.clock_timestamp() THEN
		PERFORM vault_data.fail('VT008', pg_catalog.format('secret was recoverable until %s', s.purge_at),
			'Its name is free again after the next vault.purge().');
	END IF;
	UPDATE vault_data.secret SET deleted_at = NULL, purge_at = NULL, updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id;
	PERFORM vault_data.announce(s.tenant_id, 'undeleted', 'info', s.id, NULL);
END
$$;
CREATE FUNCTION vault.undelete(name text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.undelete(text, text)
	IS 'restores a deleted secret within its recovery window';

CREATE FUNCTION vault_data.destroy(p_name text, p_version integer, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	UPDATE vault_data.secret_version SET envelope = NULL, key_generation = NULL, metadata = NULL, destroyed_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND secret_id = s.id AND version = p_version AND destroyed_at IS NULL;
	IF NOT FOUND AND EXISTS (SELECT FROM vault_data.secret_version
		WHERE tenant_id = s.tenant_id AND secret_id = s.id AND version = p_version)
	THEN
		PERFORM vault_data.fail('VT009', pg_catalog.format('version %s was destroyed', p_version), 'Nothing is left to destroy.');
	ELSIF NOT FOUND THEN
		PERFORM vault_data.fail('VT005', 'no such version of the secret', 'The view vault.versions shows what there is.');
	END IF;
	PERFORM vault_data.note(pg_catalog.format('version %s', p_version), p_version);
	UPDATE vault_data.secret SET updated_at = pg_catalog.clock_timestamp(),
		envelope = CASE WHEN current_version <> p_version THEN envelope END,
		metadata = CASE WHEN current_version <> p_version THEN metadata END
	WHERE tenant_id = s.tenant_id AND id = s.id;
END
$$;
CREATE FUNCTION vault.destroy(name text, version integer, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.destroy(text, integer, text)
	IS 'removes the ciphertext of one version permanently; its number stays used';

CREATE FUNCTION vault_data.rename(p_name text, p_new_name text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('delete', p_name, p_environment);
BEGIN
	PERFORM vault_data.check_name(p_new_name);
	/* Another name may be readable by others: whoever renames must be able to do all that by hand. */
	PERFORM vault_data.require('read', p_name, s.environment);
	PERFORM vault_data.require('write', p_name, s.environment);
	PERFORM vault_data.require('write', p_new_name, s.environment);
	PERFORM vault_data.require_not_deleted(s);
	/* By hand the value could not be had any more, and the override may be held at the new name. */
	IF GREATEST(s.expires_at, s.grace_until) <= pg_catalog.clock_timestamp() THEN
		PERFORM vault_data.require('override', p_name, s.environment);
	END IF;
	IF vault_data.secret_id(p_new_name, s.environment) IS NOT NULL THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('secret "%s" already exists', p_new_name), 'Choose another name.');
	END IF;
	UPDATE vault_data.secret SET name = p_new_name, updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id;
END
$$;
CREATE FUNCTION vault.rename(name text, new_name text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.rename(text, text, text) IS 'renames a secret, with all its versions';

/*
 * The value is sealed again, under the new type and as a new version, because the type is part of what an envelope
 * is bound to. A rotation would go on with the values of the old type.
 */
CREATE FUNCTION vault_data.change_type(p_name text, p_type text, p_environment text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('write', p_name, p_environment);
BEGIN
	PERFORM vault_data.require('read', p_name, s.environment);
	PERFORM vault_data.require_not_deleted(s), vault_data.require_not_deactivated(s);
	IF p_type IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid type: it is null', 'The view vault.types shows what there is.');
	ELSIF p_type = s.type THEN
		RETURN s.current_version;
	ELSIF s.pending_version IS NOT NULL OR vault_data.has_schedule(s.id) THEN
		PERFORM vault_data.fail('55000', 'the secret has a rotation or a pending version',
			'Take the rotation away with vault.remove_rotation(), or make the pending version current or destroy it, first.');
	END IF;
	RETURN vault_data.retype(p_name, s.environment, p_type);
END
$$;
CREATE FUNCTION vault.change_type(name text, type text, environment text DEFAULT NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.change_type(text, text, text)
	IS 'gives a secret another type, which its value must fit, and returns the number of the '
	'new version';

CREATE FUNCTION vault_data.tag(p_name text, p_tags jsonb, p_environment text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('write', p_name, p_environment);
	merged jsonb;
BEGIN
	PERFORM vault_data.require_not_deleted(s);
	IF p_tags IS NULL OR pg_catalog.jsonb_typeof(p_tags) <> 'object' THEN
		PERFORM vault_data.fail('22023', 'invalid tags: they are not a JSON object', 'Give {"team": "payments"}; null takes a tag away.');
	END IF;
	merged := pg_catalog.jsonb_strip_nulls(s.tags || p_tags);
	PERFORM vault_data.check_tags(merged);
	UPDATE vault_data.secret SET tags = merged, updated_at = pg_catalog.clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id;
	RETURN merged;
END
$$;
CREATE FUNCTION vault_data.check_tags(tags jsonb) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_check_tags';
CREATE FUNCTION vault.tag(name text, tags anycompatible, environment text DEFAULT NULL) RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.tag(text, anycompatible, text)
	IS 'adds and replaces tags, and removes those that are null; returns all tags';

CREATE FUNCTION vault_data.purge_tenant(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	gone integer;
BEGIN
	DELETE FROM vault_data.secret s WHERE s.tenant_id = vault.current_tenant_id() AND s.id = ANY (ARRAY(
		SELECT d.id FROM vault_data.secret d
		WHERE d.tenant_id = vault.current_tenant_id()
			AND d.purge_at <= pg_catalog.clock_timestamp() AND vault_data.is_authentic(d)
		LIMIT p_max_rows FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS gone = ROW_COUNT;
	RETURN gone;
END
$$;
CREATE FUNCTION vault_data.purge(p_max_rows integer) RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$ SELECT vault_data.in_turns('purge_tenant', vault_data.tenant_names(), false, p_max_rows) $$;
CREATE FUNCTION vault.purge(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.purge(integer)
	IS 'removes deleted secrets whose recovery window is over; returns their number';

CREATE FUNCTION vault_data.destroy_tenant(p_name text, p_confirm text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_name);
	emptied text;
BEGIN
	IF p_confirm IS DISTINCT FROM p_name THEN
		PERFORM vault_data.fail('22023', 'invalid confirm: it is not the name of the tenant',
			'Give the name once more; this cannot be undone.');
	END IF;
	PERFORM vault_data.note('keys destroyed');
	FOR emptied IN SELECT i.name FROM vault_data.table_info() i WHERE i.deleted_as > 0 ORDER BY i.deleted_as LOOP
		EXECUTE format('DELETE FROM vault_data.%I WHERE tenant_id = $1', emptied) USING this_tenant;
	END LOOP;
	UPDATE vault_data.tenant SET state = 'destroyed' WHERE tenant_id = this_tenant;
	PERFORM vault_data.announce(this_tenant, 'tenant_destroyed', 'critical', NULL, NULL);
END
$$;
CREATE FUNCTION vault.destroy_tenant(name text, confirm text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.destroy_tenant(text, text)
	IS 'destroys the keys of a tenant and with them all of its secrets; its audit trail stays; '
	'confirm is its name once more';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.change_type(text, text, text), vault_data.check_reason(text),
	vault_data.check_tags(jsonb), vault_data.deactivate(text, text, text),
	vault_data.delete(text, text), vault_data.describe(text, text),
	vault_data.destroy(text, integer, text), vault_data.destroy_tenant(text, text),
	vault_data.end_after_rollback(vault_data.secret, vault_data.secret_version),
	vault_data.find_secret(text, text, text), vault_data.list(text, text),
	vault_data.look_up_secret(text, text, text), vault_data.purge(integer),
	vault_data.purge_tenant(integer), vault_data.reactivate(text, text, text),
	vault_data.rename(text, text, text), vault_data.require_not_deactivated(vault_data.secret),
	vault_data.require_not_deleted(vault_data.secret), vault_data.rollback(text, integer, text),
	vault_data.secret_id(text, text),
	vault_data.set_secret_state(text, text, text, boolean, text),
	vault_data.small(vault.envelope), vault_data.tag(text, jsonb, text),
	vault_data.undelete(text, text) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.list(text, text), vault.describe(text, text), vault.rollback(text, integer, text),
	vault.deactivate(text, text, text), vault.reactivate(text, text, text), vault.delete(text, text),
	vault.undelete(text, text), vault.destroy(text, integer, text), vault.rename(text, text, text),
	vault.tag(text, anycompatible, text), vault.change_type(text, text, text) TO vault_client;
GRANT EXECUTE ON FUNCTION vault.purge(integer), vault.destroy_tenant(text, text) TO vault_admin;

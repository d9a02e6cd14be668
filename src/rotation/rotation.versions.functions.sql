/*
 * Changes of the current version that a rotation must agree to: rollback, and change of type.
 */

/*
 * Return the expiry of the head after a rollback to the target. An expiry by the value or its type
 * comes and goes with the version; an expiry that was set stays. A caller without the right to
 * write, and so to set an expiry, gets no later one.
 */
CREATE FUNCTION vault_data.end_after_rollback(head vault_data.secret,
	target vault_data.secret_version)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	replaced vault_data.secret_version;
BEGIN
	SELECT * INTO replaced FROM vault_data.secret_version x
	WHERE x.tenant_id = head.tenant_id AND x.secret_id = head.id
		AND x.version = head.current_version;
	PERFORM vault_data.require_authentic(replaced);
	IF head.expires_at IS DISTINCT FROM replaced.expires_at
		OR NOT vault_data.permitted('write', head.name, head.environment)
	THEN
		RETURN LEAST(head.expires_at, target.expires_at);
	END IF;
	RETURN target.expires_at;
END
$$;

/*
 * A pending version is a new one. Any other version was in use before: a rollback to it must not be
 * a way around the override.
 */
CREATE FUNCTION vault_data.rollback(p_name text, p_to_version integer, p_environment text)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	target integer := COALESCE(p_to_version, head.previous_version);
	chosen vault_data.secret_version;
	pending boolean;
	ends timestamptz;
	grace timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(head), vault_data.require_not_deactivated(head);
	SELECT * INTO chosen FROM vault_data.secret_version
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = target FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('VT005',
			CASE WHEN target IS NULL THEN 'the secret has no previous version'
				ELSE format('version %s of the secret does not exist', target) END,
			'The view vault.versions shows what there is.');
	END IF;
	PERFORM vault_data.require_authentic(chosen);
	IF chosen.destroyed_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT009', format('version %s was destroyed', target),
			'Roll back to another version.');
	ELSIF chosen.type <> head.type THEN
		PERFORM vault_data.fail('55000',
			format('version %s is of type "%s", and the secret of type "%s"', target, chosen.type,
				head.type),
			'Change the type first with vault.change_type(), or put the value anew.');
	END IF;
	IF target <> head.current_version THEN
		pending := target IS NOT DISTINCT FROM head.pending_version;
		IF NOT pending AND GREATEST(head.expires_at, head.grace_until) <= clock_timestamp()
			AND NOT vault_data.permitted('override', head.name, head.environment)
		THEN
			PERFORM vault_data.fail('VT006', 'secret has expired',
				'Put a new value with vault.put() or vault.rotate(); a rollback of what has '
				'expired needs "override".');
		END IF;
		ends := CASE WHEN pending THEN chosen.expires_at
			ELSE vault_data.end_after_rollback(head, chosen) END;
		grace := CASE WHEN ends = head.expires_at AND NOT pending AND head.grace_until IS NOT NULL
			THEN LEAST(head.grace_until, chosen.expires_at) END;
		UPDATE vault_data.secret
		SET current_version = target, previous_version = head.current_version,
			pending_version = NULLIF(pending_version, target),
			envelope = vault_data.small(chosen.envelope), metadata = chosen.metadata,
			expires_at = ends,
			grace_until = CASE WHEN grace > ends THEN grace END,
			extensions = CASE WHEN NOT pending THEN head.extensions END,
			updated_at = clock_timestamp()
		WHERE tenant_id = head.tenant_id AND id = head.id;
		PERFORM vault_data.rotation_rolled_back(head, target);
		PERFORM vault_data.announce(head.tenant_id, 'rotated', 'info', head.id,
			jsonb_build_object('version', target, 'operation', 'rollback'));
	END IF;
	RETURN target;
END
$$;

/*
 * The value is sealed again, under the new type and as a new version, because the type is part of
 * what an envelope is bound to. A rotation would go on with the values of the old type.
 */
CREATE FUNCTION vault_data.change_type(p_name text, p_type text, p_environment text) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('write', p_name, p_environment);
BEGIN
	PERFORM vault_data.require('read', p_name, head.environment);
	PERFORM vault_data.require_not_deleted(head), vault_data.require_not_deactivated(head);
	IF p_type IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid type: must not be null',
			'The view vault.types shows what there is.');
	ELSIF p_type = head.type THEN
		RETURN head.current_version;
	ELSIF head.pending_version IS NOT NULL OR vault_data.has_schedule(head.id) THEN
		PERFORM vault_data.fail('55000', 'the secret has a rotation or a pending version',
			'Take the rotation away with vault.remove_rotation(), or make the pending version '
			'current or destroy it, first.');
	END IF;
	RETURN vault_data.retype(p_name, head.environment, p_type);
END
$$;

/*
 * Rotate back after rollback() to another version: the target gets that value, and the version that
 * was current is retired after the overlap.
 */
CREATE FUNCTION vault_data.rotation_rolled_back(head vault_data.secret, p_version integer)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	schedule vault_data.rotation_schedule := vault_data.lock_schedule(head.id);
	run vault_data.rotation;
	fault text;
BEGIN
	UPDATE vault_data.secret_version SET retired_at = NULL
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = p_version
		AND retired_at IS NOT NULL;
	IF schedule.id IS NULL THEN
		RETURN;
	END IF;
	IF vault_data.rotator_flag(schedule.rotator, 'acts_outside') THEN
		PERFORM vault_data.require_origin();
	END IF;
	IF vault_data.rotator_flag(schedule.rotator, 'is_other_server') THEN
		PERFORM vault_data.refuse_transaction_block();
	END IF;
	/*
	 * A caller that chooses among values could log in at the target: it may have given some of them
	 * before there was a target.
	 */
	IF vault_data.rotator_flag(schedule.rotator, 'has_target') THEN
		PERFORM vault_data.require('write', head.name, head.environment);
	END IF;
	/* End a run that is under way, at its target first. */
	SELECT * INTO run FROM vault_data.rotation o
	WHERE o.tenant_id = head.tenant_id AND o.secret_id = head.id
		AND o.step NOT IN ('retire', 'done', 'failed');
	IF run.id IS NOT NULL AND run.version IS DISTINCT FROM p_version THEN
		PERFORM vault_data.require_authentic(run);
		fault := vault_data.undo_run(schedule, head, run);
		UPDATE vault_data.secret SET pending_version = NULL
		WHERE tenant_id = head.tenant_id AND id = head.id AND pending_version = run.version;
	END IF;
	IF vault_data.rotator_flag(schedule.rotator, 'has_target') THEN
		PERFORM vault_data.rotator_act('set', schedule.rotator, schedule.config, head.name,
			head.environment, p_version, head.current_version);
	END IF;
	UPDATE vault_data.rotation
	SET step = CASE step WHEN 'retire' THEN 'done' ELSE 'failed' END,
		error = concat_ws('; ', 'rolled back', CASE WHEN id = run.id THEN fault END),
		finished_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND step NOT IN ('done', 'failed')
		AND (step <> 'retire' OR previous = p_version);
	run := vault_data.begin_rotation(schedule, head);
	UPDATE vault_data.rotation
	SET step = 'retire', version = p_version, retire_at = clock_timestamp() + schedule.overlap
	WHERE tenant_id = run.tenant_id AND id = run.id;
	PERFORM vault_data.plan_rotation(schedule.id);
END
$$;

--@ execute vault_exec: change_type, end_after_rollback, rollback, rotation_rolled_back

/*
 * Rotation on demand, completion of external rotations, and rotation by pattern.
 */

/*
 * Do rotate() of a secret with a schedule. C holds the value if one was given. Returns NULL if the
 * version is not made yet. A rotation with its target in this database is done at once; others go
 * on in the job.
 */
CREATE FUNCTION vault_data.rotate_on_demand(p_name text, p_environment text, p_given boolean,
	p_retire_now boolean)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	schedule vault_data.rotation_schedule := vault_data.lock_schedule(head.id);
	run vault_data.rotation;
	blocked timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	IF vault_data.rotator_flag(schedule.rotator, 'acts_outside') THEN
		PERFORM vault_data.require_origin();
	END IF;
	IF p_retire_now THEN
		PERFORM vault_data.retire_overlaps(schedule, head);
		UPDATE vault_data.rotation o SET retire_at = '-infinity'
		WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
			AND o.step NOT IN ('retire', 'done', 'failed');
	END IF;
	blocked := vault_data.rotation_blocked_until(schedule);
	SELECT * INTO run FROM vault_data.rotation o
	WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
		AND o.step NOT IN ('retire', 'done', 'failed');
	IF run.step = 'wait' AND p_given THEN
		RETURN vault_data.complete_run(schedule, head, run);
	ELSIF run.id IS NOT NULL AND p_retire_now AND NOT p_given THEN
		/* Go on with the run as it began. It retires the leaked version at its end. */
		PERFORM vault_data.plan_rotation(schedule.id);
		RETURN run.version;
	ELSIF run.id IS NOT NULL THEN
		PERFORM vault_data.fail('55000', 'a rotation of the secret is under way',
			'The view vault.rotation_status shows its state; vault.remove_rotation() ends it.');
	ELSIF blocked IS NOT NULL THEN
		PERFORM vault_data.fail('55000', format('the other user is in use until %s', blocked),
			'Rotate again when the overlap is over, or with retire => ''now'' if a login leaked.');
	END IF;
	/* A caller that chooses the target's value could log in there. */
	IF p_given AND vault_data.rotator_flag(schedule.rotator, 'has_target') THEN
		PERFORM vault_data.require('write', head.name, head.environment);
	END IF;
	run := vault_data.begin_rotation(schedule, head);
	IF p_retire_now THEN
		UPDATE vault_data.rotation SET retire_at = '-infinity'
		WHERE tenant_id = run.tenant_id AND id = run.id RETURNING * INTO run;
	END IF;
	IF p_given AND vault_data.rotator_flag(schedule.rotator, 'waits_for_value') THEN
		RETURN vault_data.complete_run(schedule, head, run);
	END IF;
	PERFORM vault_data.step_rotation(schedule, head, run);
	SELECT * INTO run FROM vault_data.rotation WHERE tenant_id = run.tenant_id AND id = run.id;
	IF run.step = 'promote' THEN
		SELECT * INTO head FROM vault_data.secret WHERE tenant_id = head.tenant_id AND id = head.id;
		PERFORM vault_data.step_rotation(schedule, head, run);
		PERFORM vault_data.end_run_at_once(schedule, head, run);
	END IF;
	PERFORM vault_data.plan_rotation(schedule.id);
	RETURN run.version;
END
$$;

/*
 * After the promotion, do the next step at once if the version that was in use leaked and the
 * target is in this transaction.
 */
CREATE FUNCTION vault_data.end_run_at_once(schedule vault_data.rotation_schedule,
	head vault_data.secret, run vault_data.rotation)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT vault_data.retires_at_once(run)
		OR vault_data.rotator_flag(schedule.rotator, 'acts_outside')
	THEN
		RETURN;
	END IF;
	SELECT * INTO run FROM vault_data.rotation WHERE tenant_id = run.tenant_id AND id = run.id;
	SELECT * INTO head FROM vault_data.secret WHERE tenant_id = head.tenant_id AND id = head.id;
	PERFORM vault_data.step_rotation(schedule, head, run);
END
$$;

/*
 * Promote the version of a run that waits for a value. C holds the value, and the target has it
 * already.
 */
CREATE FUNCTION vault_data.complete_run(schedule vault_data.rotation_schedule,
	head vault_data.secret, run vault_data.rotation)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_authentic(run);
	run.version := vault_data.rotator_act('create', schedule.rotator, schedule.config, head.name,
		head.environment, NULL, head.current_version);
	UPDATE vault_data.rotation
	SET version = run.version, previous = head.current_version, step = 'promote'
	WHERE tenant_id = run.tenant_id AND id = run.id;
	PERFORM vault_data.promote(schedule, head, run);
	PERFORM vault_data.announce(head.tenant_id, 'rotated', 'info', head.id,
		jsonb_build_object('rotation', run.id, 'version', run.version));
	PERFORM vault_data.end_run_at_once(schedule, head, run);
	PERFORM vault_data.plan_rotation(schedule.id);
	RETURN run.version;
END
$$;

CREATE FUNCTION vault_data.complete_rotation(p_rotation uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret;
	schedule vault_data.rotation_schedule;
	run vault_data.rotation;
BEGIN
	SELECT x.* INTO head
	FROM vault_data.rotation o
		JOIN vault_data.secret x ON x.tenant_id = o.tenant_id AND x.id = o.secret_id
	WHERE o.tenant_id = vault.current_tenant_id() AND o.id = p_rotation;
	IF NOT FOUND OR NOT vault_data.permitted('rotate', head.name, head.environment) THEN
		PERFORM vault_data.fail('42501', 'permission denied to complete this rotation',
			'You need "rotate" on its secret.');
	END IF;
	head := vault_data.find_secret('rotate', head.name, head.environment);
	schedule := vault_data.lock_schedule(head.id);
	PERFORM vault_data.require_not_deleted(head);
	SELECT * INTO run FROM vault_data.rotation WHERE tenant_id = head.tenant_id AND id = p_rotation;
	IF run.step IS DISTINCT FROM 'wait' OR schedule.id IS NULL THEN
		PERFORM vault_data.fail('55000', 'the rotation does not wait for a value',
			'It is completed once only; the view vault.rotation_status shows what waits.');
	END IF;
	RETURN vault_data.complete_run(schedule, head, run);
END
$$;

/* Do rotate() of a secret without a schedule. */
CREATE FUNCTION vault_data.rotate_plain(name text, environment text) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_plain';

CREATE FUNCTION vault_data.can_generate(type text) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_can_generate';
COMMENT ON FUNCTION vault_data.can_generate(text)
	IS 'returns true if values of the type can be generated';

CREATE FUNCTION vault_data.rotate_matching(p_pattern text, p_tags jsonb, p_environment text,
	p_dry_run boolean)
RETURNS TABLE (name text, environment text, rotator text, outcome text, version integer)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	env text := vault_data.environment(p_environment);
	pattern text := COALESCE(p_pattern, CASE WHEN p_tags <> '{}' THEN '**' END);
	item record;
BEGIN
	IF pattern IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid name_pattern: must not be null without tags',
			'Give a pattern, tags, or both; ''**'' are all secrets.');
	END IF;
	PERFORM vault_data.check_pattern(pattern), vault_data.check_environment(env);
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM vault_data.fail('25001',
			'secrets cannot be rotated by a pattern in REPEATABLE READ or SERIALIZABLE',
			'Call it in a transaction of READ COMMITTED.');
	END IF;
	IF p_tags IS NOT NULL THEN
		PERFORM vault_data.check_tags(p_tags);
	END IF;
	FOR item IN
		SELECT x.id, x.name, x.type, x.purge_at, x.deactivated_at, c.rotator
		FROM vault_data.secret x
		LEFT JOIN vault_data.rotation_schedule c ON c.tenant_id = x.tenant_id AND c.secret_id = x.id
		WHERE x.tenant_id = vault.current_tenant_id() AND x.environment = env
			AND vault_data.name_matches(x.name, pattern)
			AND (p_tags IS NULL OR x.tags @> p_tags)
			AND vault_data.permitted('list', x.name, x.environment)
		ORDER BY x.name
	LOOP
		/* A concurrent set_rotation() has ended by now. */
		IF p_dry_run IS FALSE AND vault_data.permitted('rotate', item.name, env) THEN
			PERFORM FROM vault_data.secret x
			WHERE x.tenant_id = vault.current_tenant_id() AND x.id = item.id FOR NO KEY UPDATE;
			item.rotator := (SELECT c.rotator FROM vault_data.rotation_schedule c
				WHERE c.tenant_id = vault.current_tenant_id() AND c.secret_id = item.id);
		END IF;
		name := item.name;
		environment := env;
		rotator := item.rotator;
		version := NULL;
		outcome := CASE WHEN NOT vault_data.permitted('rotate', item.name, env)
			THEN 'skipped: no permission to rotate'
			WHEN item.purge_at IS NOT NULL
				OR item.deactivated_at IS NOT NULL THEN 'skipped: '
				|| vault_data.state_of(item.purge_at, item.deactivated_at)
			WHEN vault_data.rotator_flag(item.rotator, 'acts_outside')
				AND vault_data.held() IS NOT NULL THEN 'skipped: the vault is held as a copy'
			WHEN item.rotator IS NULL
				AND NOT vault_data.can_generate(item.type)
				THEN 'skipped: a value of this type cannot be generated here'
			WHEN vault_data.rotator_flag(item.rotator, 'acts_outside')
				OR vault_data.rotator_flag(item.rotator, 'waits_for_value') THEN 'started'
				ELSE 'rotated' END;
		IF outcome IN ('rotated', 'started') AND p_dry_run IS NOT FALSE THEN
			outcome := CASE outcome WHEN 'rotated' THEN 'would be rotated'
				ELSE 'would be started' END;
		ELSIF outcome IN ('rotated', 'started') THEN
			version := CASE WHEN item.rotator IS NULL THEN vault_data.rotate_plain(item.name, env)
				ELSE vault_data.rotate_on_demand(item.name, env, false, false) END;
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;

--@ execute vault_exec: can_generate, complete_rotation, complete_run, end_run_at_once,
--@	rotate_matching, rotate_on_demand, rotate_plain

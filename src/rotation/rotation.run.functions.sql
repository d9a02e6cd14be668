/*
 * Runs: each function performs a part of one step, with the head and the schedule locked by its
 * caller.
 */

/* Return true if both passwords of a pair are in use until the overlap ends. */
CREATE FUNCTION vault_data.rotation_blocked_until(schedule vault_data.rotation_schedule)
RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT max(r.retire_at) FROM vault_data.rotation r
	WHERE schedule.config ? 'users' AND r.tenant_id = schedule.tenant_id
		AND r.secret_id = schedule.secret_id
		AND r.step = 'retire' AND r.retire_at > clock_timestamp()
$$;

/* Resume an interrupted run first: the target may already have the new value. */
CREATE FUNCTION vault_data.begin_rotation(schedule vault_data.rotation_schedule,
	head vault_data.secret)
RETURNS vault_data.rotation
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	run vault_data.rotation;
BEGIN
	DELETE FROM vault_data.rotation o
	WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
		AND o.finished_at < clock_timestamp() - interval '90 days';
	INSERT INTO vault_data.rotation (tenant_id, id, secret_id, step, previous, due_at, try_at)
	VALUES (schedule.tenant_id, vault_data.new_id(), schedule.secret_id, 'create',
		head.current_version,
		COALESCE(LEAST(schedule.due_at, clock_timestamp()), clock_timestamp()), '-infinity')
	RETURNING * INTO run;
	RETURN run;
END
$$;

/*
 * Return true if the value before the run leaked. Until the promotion, retire_at of the run says
 * so.
 */
CREATE FUNCTION vault_data.retires_at_once(run vault_data.rotation) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT COALESCE(run.retire_at = '-infinity', false)
$$;
COMMENT ON FUNCTION vault_data.retires_at_once(vault_data.rotation)
	IS 'returns true if the run has no overlap, because the value in use leaked';

CREATE FUNCTION vault_data.promote(schedule vault_data.rotation_schedule, head vault_data.secret,
	run vault_data.rotation)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	promoted vault_data.secret_version;
	now timestamptz := clock_timestamp();
BEGIN
	SELECT * INTO promoted FROM vault_data.secret_version
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = run.version
	FOR NO KEY UPDATE;
	PERFORM vault_data.require_authentic(promoted);
	IF promoted.destroyed_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT009', format('version %s was destroyed', run.version),
			'The next rotation makes another one.');
	END IF;
	UPDATE vault_data.secret
	SET current_version = run.version, previous_version = head.current_version,
		pending_version = NULLIF(pending_version, run.version),
		envelope = vault_data.small(promoted.envelope), metadata = promoted.metadata,
		expires_at = promoted.expires_at, grace_until = NULL, extensions = 0, updated_at = now
	WHERE tenant_id = head.tenant_id AND id = head.id;
	UPDATE vault_data.rotation
	SET step = 'retire', attempts = 0, error = NULL,
		retire_at = CASE WHEN vault_data.retires_at_once(run) THEN now
			ELSE now + schedule.overlap END
	WHERE tenant_id = run.tenant_id AND id = run.id;
	/*
	 * Of a pair at another server the user that is retired changes its own password, in a run
	 * that follows at once: no other role can.
	 */
	UPDATE vault_data.rotation_schedule
	SET last_at = now,
		due_at = CASE WHEN vault_data.retires_at_once(run)
				AND vault_data.rotator_flag(schedule.rotator, 'sets_own_password')
				AND schedule.config ? 'users' THEN now
			ELSE vault_data.next_due(every, time_window, now) END
	WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
END
$$;

CREATE FUNCTION vault_data.retire(schedule vault_data.rotation_schedule, head vault_data.secret,
	run vault_data.rotation)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	destroyed boolean := (SELECT v.destroyed_at IS NOT NULL FROM vault_data.secret_version v
		WHERE v.tenant_id = head.tenant_id AND v.secret_id = head.id AND v.version = run.previous);
BEGIN
	IF run.previous <> head.current_version THEN
		/*
		 * Only the current version tells the login of a destroyed one. The other user of a pair may
		 * be in use by the version of a later run.
		 */
		IF NOT destroyed OR NOT vault_data.rotator_flag(schedule.rotator, 'has_users')
			OR NOT EXISTS (SELECT FROM vault_data.rotation o
				WHERE o.tenant_id = run.tenant_id AND o.secret_id = run.secret_id
					AND o.step = 'retire' AND o.id <> run.id)
		THEN
			PERFORM vault_data.rotator_act('retire', schedule.rotator, schedule.config, head.name,
				head.environment,
				head.current_version, CASE WHEN NOT destroyed THEN run.previous END);
		END IF;
		PERFORM vault_data.retire_version(head, run.previous);
	END IF;
	UPDATE vault_data.rotation SET step = 'done', finished_at = clock_timestamp(), error = NULL
	WHERE tenant_id = run.tenant_id AND id = run.id;
END
$$;

/*
 * End every overlap of the secret. Targets that cannot be reached in this transaction are left to
 * the job.
 */
CREATE FUNCTION vault_data.retire_overlaps(schedule vault_data.rotation_schedule,
	head vault_data.secret)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	run vault_data.rotation;
BEGIN
	FOR run IN
		SELECT * FROM vault_data.rotation o
		WHERE o.tenant_id = head.tenant_id AND o.secret_id = head.id AND o.step = 'retire'
		ORDER BY o.started_at
	LOOP
		PERFORM vault_data.require_authentic(run);
		IF NOT vault_data.rotator_flag(schedule.rotator, 'acts_outside') THEN
			PERFORM vault_data.retire(schedule, head, run);
			CONTINUE;
		END IF;
		IF run.previous <> head.current_version THEN
			PERFORM vault_data.retire_version(head, run.previous);
		END IF;
		UPDATE vault_data.rotation SET retire_at = clock_timestamp()
		WHERE tenant_id = run.tenant_id AND id = run.id;
	END LOOP;
END
$$;

/* Perform one due step of a run. */
CREATE FUNCTION vault_data.step_rotation(schedule vault_data.rotation_schedule,
	head vault_data.secret, run vault_data.rotation)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	made integer;
BEGIN
	PERFORM vault_data.require_authentic(run);
	IF run.step = 'retire' THEN
		PERFORM vault_data.retire(schedule, head, run);
		RETURN;
	ELSIF run.step = 'wait' THEN
		PERFORM vault_data.fail('57014', 'the rotation was not completed',
			'Call vault.complete_rotation() with the new value.');
	ELSIF head.current_version <> run.previous THEN
		PERFORM vault_data.fail('55000', 'another version became current meanwhile',
			'The next rotation follows that one.');
	ELSIF EXISTS (SELECT FROM vault_data.secret_version v
		WHERE v.tenant_id = head.tenant_id AND v.secret_id = head.id AND v.version = run.version
			AND v.expires_at <= clock_timestamp())
	THEN
		PERFORM vault_data.fail('VT006', 'the new version expired before it became current',
			'Give the type a longer max_lifetime; the next rotation makes another one.');
	END IF;
	CASE run.step
	WHEN 'create' THEN
		IF vault_data.rotator_flag(schedule.rotator, 'waits_for_value') THEN
			UPDATE vault_data.rotation
			SET step = 'wait', try_at = clock_timestamp() + interval '7 days'
			WHERE tenant_id = run.tenant_id AND id = run.id;
			PERFORM vault_data.announce(head.tenant_id, 'rotation_due', 'warning', head.id,
				jsonb_build_object('rotation', run.id));
			RETURN;
		END IF;
		made := vault_data.rotator_act('create', schedule.rotator, schedule.config, head.name,
			head.environment, NULL, head.current_version);
		UPDATE vault_data.rotation
		SET version = made,
			step = CASE WHEN vault_data.rotator_flag(schedule.rotator, 'acts_outside') THEN 'set'
				ELSE 'promote' END
		WHERE tenant_id = run.tenant_id AND id = run.id;
	WHEN 'promote' THEN
		IF vault_data.rotator_flag(schedule.rotator, 'has_target')
			AND NOT vault_data.rotator_flag(schedule.rotator, 'acts_outside')
		THEN
			PERFORM vault_data.rotator_act('set', schedule.rotator, schedule.config, head.name,
				head.environment, run.version, head.current_version);
		END IF;
		PERFORM vault_data.promote(schedule, head, run);
		PERFORM vault_data.announce(head.tenant_id, 'rotated', 'info', head.id,
			jsonb_build_object('rotation', run.id, 'version', run.version));
	ELSE
		PERFORM vault_data.rotator_act(run.step, schedule.rotator, schedule.config, head.name,
			head.environment, run.version, head.current_version);
		UPDATE vault_data.rotation
		SET step = CASE run.step WHEN 'set' THEN 'test' ELSE 'promote' END
		WHERE tenant_id = run.tenant_id AND id = run.id;
	END CASE;
END
$$;

/* Do the due step for a secret whose schedule the caller has locked. */
CREATE FUNCTION vault_data.advance_rotation(schedule vault_data.rotation_schedule) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret;
	run vault_data.rotation;
	blocked timestamptz;
BEGIN
	SELECT * INTO head FROM vault_data.secret
	WHERE tenant_id = schedule.tenant_id AND id = schedule.secret_id
	FOR UPDATE;
	PERFORM vault_data.require_authentic(head);
	IF head.purge_at IS NOT NULL OR head.deactivated_at IS NOT NULL THEN
		UPDATE vault_data.rotation_schedule SET next_at = clock_timestamp() + interval '1 hour'
		WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
		RETURN;
	END IF;
	SELECT * INTO run FROM vault_data.rotation o
	WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
		AND CASE o.step WHEN 'retire' THEN o.retire_at <= clock_timestamp() WHEN 'done' THEN false
			WHEN 'failed' THEN false ELSE o.try_at <= clock_timestamp() END
	ORDER BY o.started_at LIMIT 1;
	IF NOT FOUND AND schedule.due_at <= clock_timestamp()
		AND NOT EXISTS (SELECT FROM vault_data.rotation o
			WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
				AND o.step NOT IN ('retire', 'done', 'failed'))
	THEN
		blocked := vault_data.rotation_blocked_until(schedule);
		IF blocked IS NOT NULL THEN
			UPDATE vault_data.rotation_schedule SET due_at = blocked
			WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
		ELSE
			run := vault_data.begin_rotation(schedule, head);
		END IF;
	END IF;
	IF run.id IS NOT NULL THEN
		PERFORM vault_data.step_rotation(schedule, head, run);
	END IF;
	PERFORM vault_data.plan_rotation(schedule.id);
END
$$;

CREATE FUNCTION vault_data.rotation_attempts() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 8;
COMMENT ON FUNCTION vault_data.rotation_attempts()
	IS 'returns the number of consecutive failures of a step after which the run has failed';

CREATE FUNCTION vault_data.rotation_retry() RETURNS interval
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_rotation_retry';
COMMENT ON FUNCTION vault_data.rotation_retry() IS 'returns the setting vault.rotation_retry';

/* Give the former value back to the target at the end of a run. Return the error, or NULL. */
CREATE FUNCTION vault_data.undo_run(schedule vault_data.rotation_schedule, head vault_data.secret,
	run vault_data.rotation)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	/* A run at "set" may have begun with it, in a transaction that ended without a trace here. */
	IF run.step IN ('set', 'test', 'promote') AND head.current_version = run.previous
		AND vault_data.rotator_flag(schedule.rotator, 'acts_outside')
	THEN
		PERFORM vault_data.rotator_act('undo', schedule.rotator, schedule.config, head.name,
			head.environment, run.version, run.previous);
	END IF;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN 'undo failed: ' || SQLSTATE;
END
$$;

/* End the run as failed. What was set at the target is taken back there, if that is possible. */
CREATE FUNCTION vault_data.give_up(schedule vault_data.rotation_schedule, run vault_data.rotation,
	p_error text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret;
	later timestamptz := vault_data.next_due(schedule.every, schedule.time_window,
		clock_timestamp());
BEGIN
	SELECT * INTO head FROM vault_data.secret
	WHERE tenant_id = schedule.tenant_id AND id = schedule.secret_id;
	p_error := left(concat_ws('; ', p_error, vault_data.undo_run(schedule, head, run)), 250);
	/* A step that failed at the target does not keep the version readable. */
	IF run.step = 'retire' AND run.previous <> head.current_version THEN
		PERFORM vault_data.retire_version(head, run.previous);
	END IF;
	UPDATE vault_data.secret SET pending_version = NULL, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id AND pending_version = run.version;
	UPDATE vault_data.rotation
	SET step = 'failed', finished_at = clock_timestamp(), attempts = attempts + 1, error = p_error
	WHERE tenant_id = run.tenant_id AND id = run.id;
	UPDATE vault_data.rotation_schedule
	SET due_at = CASE WHEN run.step = 'retire' THEN due_at ELSE later END
	WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
	PERFORM vault_data.announce(schedule.tenant_id, 'rotation_failed', 'critical',
		schedule.secret_id,
		jsonb_build_object('rotation', run.id, 'step', run.step, 'sqlstate', left(p_error, 5)));
END
$$;

/*
 * True if no later attempt can mend the error: the rotation was not completed, another session
 * wrote a version, the value has expired, or the role may not be changed any more.
 */
CREATE FUNCTION vault_data.is_final(head vault_data.secret, run vault_data.rotation, p_error text)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT CASE run.step WHEN 'retire' THEN p_error LIKE '42501%' WHEN 'wait' THEN true
		ELSE head.current_version <> run.previous OR p_error LIKE 'VT006%' END
$$;

/*
 * Plan the next attempt after an error, later each time. A row that was changed outside only waits.
 */
CREATE FUNCTION vault_data.rotation_failed(schedule vault_data.rotation_schedule, p_error text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	run vault_data.rotation;
	head vault_data.secret;
	pause interval;
BEGIN
	SELECT * INTO run FROM vault_data.rotation o
	WHERE o.tenant_id = schedule.tenant_id AND o.secret_id = schedule.secret_id
		AND CASE o.step WHEN 'retire' THEN o.retire_at <= clock_timestamp() WHEN 'done' THEN false
			WHEN 'failed' THEN false ELSE true END
	ORDER BY o.started_at LIMIT 1;
	SELECT * INTO head FROM vault_data.secret
	WHERE tenant_id = schedule.tenant_id AND id = schedule.secret_id;
	IF run.id IS NULL AND vault_data.is_authentic(head) THEN
		run := vault_data.begin_rotation(schedule, head);
	END IF;
	IF run.id IS NULL OR NOT vault_data.is_authentic(run) OR NOT vault_data.is_authentic(head) THEN
		UPDATE vault_data.rotation_schedule SET next_at = clock_timestamp() + interval '1 hour'
		WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
		RETURN;
	END IF;
	pause := LEAST(vault_data.rotation_retry() * power(2, LEAST(run.attempts, 20)),
		GREATEST(interval '1 hour', vault_data.rotation_retry())) * (0.5 + random());
	IF run.attempts + 1 >= vault_data.rotation_attempts() OR vault_data.is_final(head, run, p_error)
	THEN
		PERFORM vault_data.give_up(schedule, run, p_error);
	ELSIF run.step = 'retire' THEN
		UPDATE vault_data.rotation
		SET attempts = attempts + 1, error = p_error, retire_at = clock_timestamp() + pause
		WHERE tenant_id = run.tenant_id AND id = run.id;
	ELSE
		UPDATE vault_data.rotation SET attempts = attempts + 1, error = p_error,
			try_at = COALESCE(vault_data.next_in_window(schedule.time_window,
				clock_timestamp() + pause,
				random()), clock_timestamp() + pause)
		WHERE tenant_id = run.tenant_id AND id = run.id;
	END IF;
	PERFORM vault_data.plan_rotation(schedule.id);
END
$$;

/*
 * Lock the schedule whose turn it is (queue.c), and that no other session has locked. The entry is
 * then in its tenant.
 */
CREATE FUNCTION vault_data.claim_rotation() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_claim_rotation';

CREATE FUNCTION vault_data.is_own_write(row_xmin xid) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_own_write';

CREATE FUNCTION vault_data.refuse_transaction_block() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_refuse_transaction_block';

CREATE FUNCTION vault_data.rotate_due(p_max_steps integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	schedule vault_data.rotation_schedule;
	claimed uuid;
	steps integer := 0;
BEGIN
	IF p_max_steps IS NULL OR p_max_steps <= 0 THEN
		PERFORM vault_data.fail('22023', 'invalid max_steps: must be positive',
			'Give the number of steps.');
	END IF;
	/* In a copy, runs wait: they neither begin nor fail. */
	PERFORM vault_data.require_origin();
	WHILE steps < p_max_steps LOOP
		claimed := vault_data.claim_rotation();
		EXIT WHEN claimed IS NULL;
		SELECT * INTO schedule FROM vault_data.rotation_schedule
		WHERE tenant_id = vault.current_tenant_id() AND id = claimed;
		/*
		 * Stop before a target outside of this transaction gets a version that this transaction has
		 * made: a rollback would take the version away.
		 */
		EXIT WHEN EXISTS (SELECT FROM vault_data.rotation r JOIN vault_data.secret_version v
			ON v.tenant_id = r.tenant_id AND v.secret_id = r.secret_id AND v.version = r.version
			WHERE r.tenant_id = schedule.tenant_id AND r.secret_id = schedule.secret_id
				AND r.step = 'set'
				AND vault_data.is_own_write(v.xmin));
		BEGIN
			PERFORM vault_data.advance_rotation(schedule);
		EXCEPTION WHEN OTHERS THEN
			/* Operators and auditors need not know the rule that a generated value broke. */
			PERFORM vault_data.rotation_failed(schedule,
				SQLSTATE || ': '
				|| left(regexp_replace(SQLERRM,
					'^(the value does not have|no value of type)([^:]*): .*', '\1\2'), 200));
		END;
		steps := steps + 1;
	END LOOP;
	RETURN steps;
END
$$;

CREATE FUNCTION vault_data.job_rotate_step() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_rotate_step';
COMMENT ON FUNCTION vault_data.job_rotate_step()
	IS 'performs one step of the job vault:rotate; returns NULL while the vault is sealed';

CREATE FUNCTION vault_data.rotation_batch() RETURNS integer
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_rotation_batch';
COMMENT ON FUNCTION vault_data.rotation_batch() IS 'returns the setting vault.rotation_batch';

/*
 * Pin no settings here, because a procedure with settings cannot commit. It therefore names no
 * operator, and each function with its schema.
 */
CREATE PROCEDURE vault_data.job_rotate()
LANGUAGE plpgsql AS $$
DECLARE
	done bigint;
BEGIN
	FOR step IN 1 .. vault_data.rotation_batch() LOOP
		done := vault_data.job_rotate_step();
		COMMIT;
		EXIT WHEN done IS NULL OR done OPERATOR(pg_catalog.=) 0;
	END LOOP;
END
$$;
COMMENT ON PROCEDURE vault_data.job_rotate()
	IS 'runs the job vault:rotate: performs the steps of rotations that are due, each in its '
	'own transaction';

--@ execute vault_exec: advance_rotation, begin_rotation, claim_rotation, give_up, is_final,
--@	is_own_write, promote, refuse_transaction_block, retire, retire_overlaps, retires_at_once,
--@	rotate_due, rotation_attempts, rotation_blocked_until, rotation_failed, rotation_retry,
--@	step_rotation, undo_run
--@ execute vault_jobs: job_rotate, job_rotate_step, rotation_batch

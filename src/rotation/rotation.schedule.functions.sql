/*
 * Schedules: times, windows and overlaps; set, locked and removed.
 */

CREATE FUNCTION vault_data.is_cron(expression text) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_is_cron';
COMMENT ON FUNCTION vault_data.is_cron(text)
	IS 'returns true if a text is a cron expression of five fields, with an optional time zone';

CREATE FUNCTION vault_data.next_cron(expression text, after timestamptz) RETURNS timestamptz
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_next_cron';
COMMENT ON FUNCTION vault_data.next_cron(text, timestamptz)
	IS 'returns the first time of a cron expression after another time';

CREATE FUNCTION vault_data.next_in_window(time_window text, at timestamptz, spread double precision)
RETURNS timestamptz
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_next_in_window';
COMMENT ON FUNCTION vault_data.next_in_window(text, timestamptz, double precision)
	IS 'returns a time inside a window unchanged, or a time at the given part of the next '
	'interval of the window';

/* Return the interval that a name or a text means, or NULL for a cron expression. */
CREATE FUNCTION vault_data.rotation_interval(p_every text) RETURNS interval
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	span interval;
BEGIN
	IF p_every IS NULL OR vault_data.is_cron(p_every) THEN
		RETURN NULL;
	END IF;
	BEGIN
		span := CASE lower(p_every COLLATE "C") WHEN 'daily' THEN '1 day'
			WHEN 'weekly' THEN '7 days' WHEN 'monthly' THEN '1 month'
			WHEN 'quarterly' THEN '3 months' ELSE p_every END::interval;
	EXCEPTION WHEN data_exception THEN
		span := NULL;
	END;
	IF span IS NULL OR span < '1 second' OR span > '10 years' THEN
		PERFORM vault_data.fail('22023',
			'invalid every: it is neither daily, weekly, monthly or quarterly, nor an interval '
			'from 1 second to 10 years, nor a cron expression',
			'Give ''weekly'', ''36 hours'', ''30 3 * * mon-fri Europe/Berlin'', ''@daily'' or '
			'''on demand''.');
	END IF;
	RETURN span;
END
$$;

/* Return the shortest time between any two of the next times of a cron expression. */
CREATE FUNCTION vault_data.shortest_gap(p_every text) RETURNS interval
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	at timestamptz := vault_data.next_cron(p_every, clock_timestamp());
	later timestamptz;
	gap interval;
BEGIN
	FOR i IN 1 .. 10 LOOP
		later := vault_data.next_cron(p_every, at);
		gap := LEAST(gap, later - at);
		at := later;
	END LOOP;
	RETURN gap;
END
$$;

/*
 * Return the start of the next run. Intervals end early by up to a twentieth and an hour, so that
 * none is exceeded; cron's times are met within the minute.
 */
CREATE FUNCTION vault_data.next_due(p_every text, p_window text, p_after timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	span interval := vault_data.rotation_interval(p_every);
	due timestamptz;
BEGIN
	IF p_every IS NULL THEN
		RETURN NULL;
	ELSIF span IS NULL THEN
		due := vault_data.next_cron(p_every, p_after) + random() * interval '50 seconds';
	ELSE
		due := p_after + span - random() * LEAST(span / 20, interval '1 hour');
	END IF;
	RETURN COALESCE(vault_data.next_in_window(p_window, due, random()), due);
END
$$;

/* Return the time of the next step: the earliest of the present run and of the next one. */
CREATE FUNCTION vault_data.plan_rotation(p_schedule uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	schedule vault_data.rotation_schedule;
	soonest timestamptz;
	open_run timestamptz;
BEGIN
	SELECT * INTO schedule FROM vault_data.rotation_schedule
	WHERE tenant_id = vault.current_tenant_id() AND id = p_schedule;
	SELECT min(r.retire_at) FILTER (WHERE r.step = 'retire'),
		min(r.try_at) FILTER (WHERE r.step <> 'retire') INTO soonest, open_run
	FROM vault_data.rotation r
	WHERE r.tenant_id = schedule.tenant_id AND r.secret_id = schedule.secret_id
		AND r.step NOT IN ('done', 'failed');
	UPDATE vault_data.rotation_schedule
	SET next_at = LEAST(soonest, COALESCE(open_run, schedule.due_at))
	WHERE tenant_id = schedule.tenant_id AND id = schedule.id;
END
$$;

/* Take omitted times from the type of the secret; NULL: on demand. */
CREATE FUNCTION vault_data.chosen_interval(p_every text, p_type text) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT CASE WHEN p_every IS NULL
		THEN (SELECT l.rotation_interval::text
			FROM vault_data.type_lifecycles(vault.current_tenant_id()) l WHERE l.type = p_type)
		WHEN word IN ('daily', 'weekly', 'monthly', 'quarterly') THEN word
		WHEN word <> 'on demand' THEN btrim(p_every) END
	FROM (VALUES (lower(btrim(p_every) COLLATE "C"))) AS written (word)
$$;

CREATE FUNCTION vault_data.users_of(config jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE WHEN config ? 'users'
		THEN ARRAY(SELECT jsonb_array_elements_text(config -> 'users'))
		WHEN config ? 'user' THEN ARRAY[config ->> 'user'] ELSE '{}' END
$$;

CREATE FUNCTION vault_data.lock_rotated_users() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_lock_rotated_users';

/* A user has one password, so a tenant has it in one secret. A concurrent caller waits. */
CREATE FUNCTION vault_data.require_users_free(p_secret uuid, p_rotator text, p_config jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	taken text;
BEGIN
	IF NOT vault_data.rotator_flag(p_rotator, 'has_users') THEN
		RETURN;
	END IF;
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM vault_data.fail('25001',
			'this rotator cannot be set in REPEATABLE READ or SERIALIZABLE',
			'Call it in a transaction of READ COMMITTED.');
	END IF;
	PERFORM vault_data.lock_rotated_users();
	SELECT u INTO taken
	FROM vault_data.rotation_schedule o, unnest(vault_data.users_of(o.config)) AS u
	WHERE o.tenant_id = vault.current_tenant_id() AND o.secret_id <> p_secret
		AND o.rotator = p_rotator AND u = ANY (vault_data.users_of(p_config))
		AND lower(o.config ->> 'host') IS NOT DISTINCT FROM lower(p_config ->> 'host')
		AND COALESCE(o.config ->> 'port', '5432') = COALESCE(p_config ->> 'port', '5432')
	LIMIT 1;
	IF FOUND THEN
		PERFORM vault_data.fail('55000', format('user "%s" is rotated with another secret', taken),
			'A user has one password: let both uses read one secret.');
	END IF;
END
$$;

/* Take an omitted overlap from the shortest time between two rotations; NULL: on demand. */
CREATE FUNCTION vault_data.chosen_overlap(p_overlap interval, p_every text, p_span interval)
RETURNS interval
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	span interval := CASE WHEN p_every IS NULL OR p_span IS NOT NULL THEN p_span
		ELSE vault_data.shortest_gap(p_every) END;
	overlap interval := COALESCE(p_overlap, LEAST(interval '1 day', span / 2));
BEGIN
	IF overlap < '0' OR overlap > '1 year' OR overlap >= span THEN
		PERFORM vault_data.fail('22023',
			'invalid overlap: it is negative, or not shorter than the time between two rotations',
			'Give an interval such as ''1 hour''.');
	END IF;
	RETURN overlap;
END
$$;

/*
 * End the overlaps of a rotation that gets another rotator, which could not take back a value that
 * the present one has set.
 */
CREATE FUNCTION vault_data.end_overlaps(head vault_data.secret) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	ended integer;
BEGIN
	FOR ended IN
		UPDATE vault_data.rotation r
		SET step = 'done', error = 'the rotation was changed', finished_at = clock_timestamp()
		WHERE r.tenant_id = head.tenant_id AND r.secret_id = head.id AND r.step = 'retire'
			AND r.previous <> head.current_version
		RETURNING r.previous
	LOOP
		PERFORM vault_data.retire_version(head, ended);
	END LOOP;
END
$$;

CREATE FUNCTION vault_data.set_rotation(p_name text, p_every text, p_rotator text, p_config jsonb,
	p_window text, p_overlap interval, p_environment text)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	every text := vault_data.chosen_interval(p_every, head.type);
	span interval := vault_data.rotation_interval(every);
	kept_window text := (vault_data.check_windows(CASE WHEN p_window IS NOT NULL
		THEN ARRAY[p_window] END))[1];
	kept_overlap interval;
	due timestamptz;
	schedule uuid;
	present vault_data.rotation_schedule;
	chosen text;
	chosen_config jsonb;
	has_target boolean;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	present := vault_data.lock_schedule(head.id);
	/* A call that changes the times alone leaves the rest as it is. */
	chosen := COALESCE(lower(p_rotator COLLATE "C"), present.rotator, vault_data.default_rotator());
	chosen_config := COALESCE(p_config, CASE WHEN chosen = present.rotator THEN present.config END,
		'{}');
	PERFORM vault_data.require_rotator(chosen);
	has_target := vault_data.rotator_flag(chosen, 'has_target')
		OR vault_data.rotator_flag(present.rotator, 'has_target');
	IF has_target THEN
		PERFORM vault_data.require_administrator();
	END IF;
	IF vault_data.rotator_flag(chosen, 'gets_values') THEN
		PERFORM vault_data.require('read', head.name, head.environment);
	END IF;
	kept_overlap := vault_data.chosen_overlap(p_overlap, every, span);
	PERFORM vault_data.rotator_act('check', chosen, chosen_config, head.name, head.environment,
		NULL, head.current_version);
	IF EXISTS (SELECT FROM vault_data.rotation r
		WHERE r.tenant_id = head.tenant_id AND r.secret_id = head.id
			AND r.step NOT IN ('retire', 'done', 'failed'))
	THEN
		PERFORM vault_data.fail('55000', 'a rotation of the secret is under way',
			'The view vault.rotation_status shows its state; vault.remove_rotation() ends it.');
	END IF;
	IF has_target
		AND (present.rotator, present.config) IS DISTINCT FROM (chosen, chosen_config)
	THEN
		PERFORM vault_data.end_overlaps(head);
	END IF;
	PERFORM vault_data.require_users_free(head.id, chosen, chosen_config);
	due := vault_data.next_due(every, kept_window, clock_timestamp());
	INSERT INTO vault_data.rotation_schedule AS c (tenant_id, id, secret_id, every, rotator, config,
		time_window, overlap, due_at)
	VALUES (head.tenant_id, vault_data.new_id(), head.id, every, chosen, chosen_config, kept_window,
		kept_overlap, due)
	ON CONFLICT (tenant_id, secret_id) DO UPDATE SET every = excluded.every,
		rotator = excluded.rotator, config = excluded.config,
		time_window = excluded.time_window, overlap = excluded.overlap, due_at = excluded.due_at
	RETURNING c.id INTO schedule;
	PERFORM vault_data.plan_rotation(schedule);
	RETURN due;
END
$$;

CREATE FUNCTION vault_data.has_schedule(secret uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_has_schedule';
COMMENT ON FUNCTION vault_data.has_schedule(uuid)
	IS 'returns true if the secret has a rotation now, in every isolation level';

/* Return the secret's schedule, locked. The holder of the lock may change the rotation. */
CREATE FUNCTION vault_data.lock_schedule(p_secret uuid) RETURNS vault_data.rotation_schedule
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	schedule vault_data.rotation_schedule;
BEGIN
	SELECT * INTO schedule FROM vault_data.rotation_schedule
	WHERE tenant_id = vault.current_tenant_id() AND secret_id = p_secret FOR UPDATE;
	IF FOUND THEN
		PERFORM vault_data.require_authentic(schedule);
	ELSIF vault_data.has_schedule(p_secret) THEN
		PERFORM vault_data.fail('40001',
			'the secret has got a rotation since the transaction began',
			'Try again in a new transaction.');
	END IF;
	RETURN schedule;
END
$$;

CREATE FUNCTION vault_data.remove_rotation(p_name text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	schedule vault_data.rotation_schedule;
	run vault_data.rotation;
	fault text;
BEGIN
	SELECT * INTO schedule FROM vault_data.rotation_schedule
	WHERE tenant_id = head.tenant_id AND secret_id = head.id FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('55000', 'the secret has no rotation',
			'vault.set_rotation() gives it one.');
	END IF;
	/* One that was changed outside can be removed, but may name another rotator. */
	IF vault_data.rotator_flag(schedule.rotator, 'has_target')
		OR NOT vault_data.is_authentic(schedule)
	THEN
		PERFORM vault_data.require_administrator();
	END IF;
	SELECT * INTO run FROM vault_data.rotation o
	WHERE o.tenant_id = head.tenant_id AND o.secret_id = head.id
		AND o.step NOT IN ('retire', 'done', 'failed');
	IF run.id IS NOT NULL AND vault_data.is_authentic(schedule) AND vault_data.is_authentic(run)
	THEN
		fault := vault_data.undo_run(schedule, head, run);
	END IF;
	IF fault IS NOT NULL THEN
		RAISE NOTICE USING MESSAGE = fault,
			HINT = 'The target may have a value that no version of the secret is current with; '
				'set it there by hand.';
	END IF;
	DELETE FROM vault_data.rotation_schedule
	WHERE tenant_id = head.tenant_id AND secret_id = head.id;
	UPDATE vault_data.secret SET pending_version = NULL, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id AND pending_version = run.version;
	UPDATE vault_data.rotation
	SET step = CASE step WHEN 'retire' THEN 'done' ELSE 'failed' END,
		error = concat_ws('; ', 'the rotation was removed', CASE WHEN id = run.id THEN fault END),
		finished_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND step NOT IN ('done', 'failed');
END
$$;

--@ execute vault_exec: chosen_interval, chosen_overlap, end_overlaps, has_schedule, is_cron,
--@	lock_rotated_users, lock_schedule, next_cron, next_due, next_in_window, plan_rotation,
--@	remove_rotation, require_users_free, rotation_interval, set_rotation, shortest_gap, users_of

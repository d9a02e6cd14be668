/*
 * Rotation: at its times a secret gets a new value, which is set at its target, tested there
 * and then made current; after the overlap the version before it is retired.
 *
 * A run is a row of vault_data.rotation; its step is what is to be done next:
 *
 *	create → [set → test →] promote → retire → done
 *	wait   → retire → done                       (external: until vault.complete_rotation())
 *
 * Each step is one transaction of the job and may be done twice. An error makes it be tried again,
 * later each time, and after the last attempt the run has failed: the current version was not touched.
 * Every caller locks the head and then the schedule; the job passes over rows that others have locked.
 * Values are in C only; here they are numbers of versions.
 */
CREATE TABLE vault_data.rotation_schedule (
	tenant_id   uuid NOT NULL,
	id          uuid NOT NULL,
	secret_id   uuid NOT NULL,
	every       text,
	rotator     text NOT NULL,
	config      jsonb NOT NULL,
	time_window text,
	overlap     interval NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision    integer NOT NULL,
	mac         bytea NOT NULL,
	due_at      timestamptz,
	next_at     timestamptz,
	last_at     timestamptz,
	CONSTRAINT rotation_schedule_one UNIQUE (tenant_id, secret_id),
	FOREIGN KEY (tenant_id, secret_id) REFERENCES vault_data.secret (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN vault_data.rotation_schedule.due_at IS 'time at which the next run begins';
COMMENT ON COLUMN vault_data.rotation_schedule.next_at
	IS 'time of the next action: a run to begin, a step to perform, a version to retire';
CREATE INDEX rotation_schedule_next ON vault_data.rotation_schedule (next_at) WHERE next_at IS NOT NULL;
ALTER TABLE vault_data.rotation_schedule ADD PRIMARY KEY (tenant_id, id);

CREATE TABLE vault_data.rotation (
	tenant_id   uuid NOT NULL,
	id          uuid NOT NULL,
	secret_id   uuid NOT NULL,
	step        text NOT NULL CHECK (step IN ('create', 'wait', 'set', 'test', 'promote', 'retire', 'done', 'failed')),
	version     integer,
	previous    integer NOT NULL,
	retire_at   timestamptz,
	started_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision    integer NOT NULL,
	mac         bytea NOT NULL,
	due_at      timestamptz NOT NULL,
	try_at      timestamptz NOT NULL,
	attempts    integer NOT NULL DEFAULT 0,
	error       text,
	finished_at timestamptz,
	FOREIGN KEY (tenant_id, secret_id) REFERENCES vault_data.secret (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX rotation_one ON vault_data.rotation (tenant_id, secret_id) WHERE step NOT IN ('retire', 'done', 'failed');
CREATE INDEX rotation_retire ON vault_data.rotation (tenant_id, secret_id, previous) WHERE step = 'retire';
CREATE INDEX rotation_secret ON vault_data.rotation (tenant_id, secret_id, started_at);
ALTER TABLE vault_data.rotation ADD PRIMARY KEY (tenant_id, id);

/* The roles of this server whose passwords a tenant may have changed; an operator decides. */
CREATE TABLE vault_data.rotation_role (
	tenant_id  uuid NOT NULL REFERENCES vault_data.tenant,
	role_name  text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	db_role    regrole NOT NULL,
	PRIMARY KEY (tenant_id, role_name)
);
CREATE INDEX rotation_role_db_role ON vault_data.rotation_role (db_role);

ALTER TABLE vault_data.rotation_schedule OWNER TO vault_owner;
ALTER TABLE vault_data.rotation OWNER TO vault_owner;
ALTER TABLE vault_data.rotation_role OWNER TO vault_owner;
REVOKE ALL ON vault_data.rotation_schedule, vault_data.rotation, vault_data.rotation_role FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.rotation_schedule, vault_data.rotation TO vault_exec;
GRANT SELECT, INSERT, DELETE ON vault_data.rotation_role TO vault_exec;
ALTER TABLE vault_data.rotation_schedule ALTER COLUMN config SET STATISTICS 0;
ALTER TABLE vault_data.rotation ALTER COLUMN error SET STATISTICS 0;
ALTER TABLE vault_data.rotation_role ALTER COLUMN role_name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.rotation_schedule', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.rotation', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.rotation_role', '');
ALTER TABLE vault_data.rotation_schedule ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.rotation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.rotation_role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.rotation_schedule FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.rotation_schedule TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.rotation FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.rotation TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.rotation_role FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.rotation_role TO vault_exec
	USING (vault_data.is_inside(tenant_id));

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.rotation_schedule
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('rotation_schedule', 'secret_id', 'every', 'rotator', 'config', 'time_window', 'overlap', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.rotation
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('rotation', 'secret_id', 'step', 'version', 'previous', 'retire_at', 'error', 'revision');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.rotation_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('rotation_role', '=role_name', 'revision');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.rotation_schedule
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.rotation
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.rotation_role
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.rotation_schedule ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.rotation_schedule ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.rotation ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.rotation ENABLE ALWAYS TRIGGER write_mac;
ALTER TABLE vault_data.rotation_role ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.rotation_role ENABLE ALWAYS TRIGGER write_mac;

/* ---- times ---- */

CREATE FUNCTION vault_data.is_cron(expression text) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_is_cron';
COMMENT ON FUNCTION vault_data.is_cron(text)
	IS 'returns true if a text is a cron expression of five fields, with an optional time zone';
CREATE FUNCTION vault_data.next_cron(expression text, after timestamptz) RETURNS timestamptz
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_next_cron';
COMMENT ON FUNCTION vault_data.next_cron(text, timestamptz)
	IS 'returns the first time of a cron expression after another time';
CREATE FUNCTION vault_data.next_in_window(time_window text, at timestamptz, spread double precision) RETURNS timestamptz
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_next_in_window';
COMMENT ON FUNCTION vault_data.next_in_window(text, timestamptz, double precision)
	IS 'returns a time inside a window unchanged, or a time at the given part of the next '
	'interval of the window';

/* The interval that a name or a text means; NULL for a cron expression. */
CREATE FUNCTION vault_data.rotation_interval(p_every text) RETURNS interval
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	span interval;
BEGIN
	IF p_every IS NULL OR vault_data.is_cron(p_every) THEN
		RETURN NULL;
	END IF;
	BEGIN
		span := CASE pg_catalog.lower(p_every COLLATE "C") WHEN 'daily' THEN '1 day' WHEN 'weekly' THEN '7 days' WHEN 'monthly' THEN '1 month' WHEN 'quarterly' THEN '3 months' ELSE p_every END::interval;
	EXCEPTION WHEN data_exception THEN
		span := NULL;
	END;
	IF span IS NULL OR span < '1 second' OR span > '10 years' THEN
		PERFORM vault_data.fail('22023', 'invalid every: it is neither daily, weekly, monthly or quarterly, nor an interval from 1 second to 10 years, nor a cron expression',
			'Give ''weekly'', ''36 hours'', ''30 3 * * mon-fri Europe/Berlin'', ''@daily'' or ''on demand''.');
	END IF;
	RETURN span;
END
$$;

/* Between any two of the next times of a cron expression. */
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
 * Return the start of the next run. Intervals end early by up to a twentieth and an hour, so that none
 * is exceeded; cron's times are met within the minute.
 */
CREATE FUNCTION vault_data.next_due(p_every text, p_window text, p_after timestamptz) RETURNS timestamptz
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

/* ---- roles of this server ---- */

CREATE FUNCTION vault_data.rotation_role_fault(p_role text, p_tenant uuid) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT CASE
		WHEN r.rolsuper OR r.rolreplication OR r.rolbypassrls OR r.rolcreaterole THEN 'it is a superuser or may replicate, bypass row security or create roles'
		WHEN r.rolname ~ '^(vault|pg)_' THEN 'it is a role of vault or of PostgreSQL'
		WHEN EXISTS (SELECT FROM pg_roles m WHERE m.oid <> r.oid AND pg_has_role(r.oid, m.oid, 'MEMBER')
			AND (m.rolsuper OR m.rolreplication OR m.rolbypassrls OR m.rolcreaterole
				OR m.rolname ~ '^(vault|pg)_' AND m.rolname <> 'vault_client'))
		THEN 'it is a member of a role whose password is not rotated'
		WHEN vault_data.is_bound_elsewhere(r.oid, p_tenant) THEN 'it is a principal of another tenant, shows tokens there, or is reserved for or allowed to one'
		WHEN EXISTS (SELECT FROM pg_roles m WHERE m.oid <> r.oid AND pg_has_role(r.oid, m.oid, 'MEMBER') AND vault_data.is_bound_elsewhere(m.oid, p_tenant))
		THEN 'it is a member of a role that serves another tenant, or is reserved for or allowed to one'
		END
	FROM pg_roles r WHERE r.rolname = p_role
$$;
/* A password that nobody can log in with is not tested by anybody, and is of no use. */
CREATE FUNCTION vault_data.rotation_login_fault(p_role text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT CASE
		WHEN NOT r.rolcanlogin THEN 'it cannot log in (NOLOGIN)'
		WHEN r.rolconnlimit = 0 THEN 'it cannot log in (CONNECTION LIMIT 0)'
		WHEN r.rolvaliduntil <= pg_catalog.clock_timestamp() THEN 'its password does not count any more (VALID UNTIL)'
		END
	FROM pg_roles r WHERE r.rolname = p_role
$$;
CREATE FUNCTION vault_data.refuse_rotation(p_role text, p_fault text, p_login_fault text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_fault IS NOT NULL THEN
		PERFORM vault_data.fail('42501', format('rotation of the password of role "%s" is refused: %s', p_role, p_fault), 'Use a role with fewer privileges.');
	ELSIF p_login_fault IS NOT NULL THEN
		PERFORM vault_data.fail('42501', format('rotation of the password of role "%s" is refused: %s', p_role, p_login_fault),
			'Ask an administrator of the role to let it log in, with ALTER ROLE … LOGIN, CONNECTION LIMIT or VALID UNTIL.');
	END IF;
END
$$;
CREATE FUNCTION vault_data.is_bound_elsewhere(role oid, tenant uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_bound_elsewhere';
CREATE FUNCTION vault_data.may_lend(role oid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_may_lend';

/* At every run: that it is allowed, by name and oid, and still a role that may be. One that cannot log in can lose its password. */
CREATE FUNCTION vault_data.require_rotatable(p_role text, p_logs_in boolean) RETURNS oid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	allowed vault_data.rotation_role;
BEGIN
	SELECT a.* INTO allowed FROM vault_data.rotation_role a JOIN pg_roles r ON r.oid = a.db_role AND r.rolname = a.role_name
	WHERE a.tenant_id = vault.current_tenant_id() AND a.role_name = p_role;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42501', format('rotation of the password of role "%s" is not allowed', p_role), 'An operator allows it with vault.allow_rotation().');
	END IF;
	PERFORM vault_data.require_authentic(allowed);
	PERFORM vault_data.refuse_rotation(p_role, vault_data.rotation_role_fault(p_role, allowed.tenant_id),
		CASE WHEN p_logs_in THEN vault_data.rotation_login_fault(p_role) END);
	RETURN allowed.db_role;
END
$$;

CREATE FUNCTION vault_data.allow_rotation(p_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
	role_oid oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = p_role);
BEGIN
	IF role_oid IS NULL THEN
		PERFORM vault_data.fail('42704', 'no such database role', 'CREATE ROLE first.');
	END IF;
	PERFORM vault_data.refuse_rotation(p_role, vault_data.rotation_role_fault(p_role, this_tenant), vault_data.rotation_login_fault(p_role));
	IF NOT vault_data.may_lend(role_oid) THEN
		/* The holder of the password can act as the role, so an operator must not give it away. */
		PERFORM vault_data.fail('42501', format('permission denied to lend the password of role "%s"', p_role),
			'A superuser can, or an operator who has ADMIN OPTION on the role.');
	END IF;
	DELETE FROM vault_data.rotation_role a WHERE a.tenant_id = this_tenant AND (a.role_name = p_role) <> (a.db_role = role_oid);
	INSERT INTO vault_data.rotation_role (tenant_id, role_name, db_role) VALUES (this_tenant, p_role, role_oid)
	ON CONFLICT (tenant_id, role_name) DO NOTHING;
END
$$;
CREATE FUNCTION vault.allow_rotation(db_role text, tenant text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.allow_rotation(text, text)
	IS 'lets a tenant have the password of a database role rotated';

CREATE FUNCTION vault_data.disallow_rotation(p_role text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.enter_tenant(p_tenant);
BEGIN
	/* By the name that it had, or has: the view shows the one or the other. */
	DELETE FROM vault_data.rotation_role a WHERE a.tenant_id = this_tenant AND (a.role_name = p_role
		OR a.db_role = (SELECT r.oid FROM pg_roles r WHERE r.rolname = p_role));
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'rotation of this role''s password is not allowed to the tenant', 'Nothing is left to take back.');
	END IF;
END
$$;
CREATE FUNCTION vault.disallow_rotation(db_role text, tenant text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.disallow_rotation(text, text)
	IS 'ends the permission of vault.allow_rotation(), with effect for the next step of a rotation';

/* ---- schedules ---- */

/* rotator.h lists the flags of a rotator, and says what each one means. */
CREATE FUNCTION vault_data.rotator_flag(rotator text, flag text) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_rotator_flag';
COMMENT ON FUNCTION vault_data.rotator_flag(text, text)
	IS 'returns a fact about a rotator; false if the rotator does not exist';
CREATE FUNCTION vault_data.require_rotator(rotator text) RETURNS void
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_require_rotator';
CREATE FUNCTION vault_data.default_rotator() RETURNS text
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_default_rotator';

/*
 * Perform an action of a rotator (rotator.h); create returns the next version. version is the one
 * that is to come, previous the one before it.
 */
CREATE FUNCTION vault_data.rotator_act(action text, rotator text, config jsonb, name text, environment text, version integer, previous integer) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotator_act';

/* Return the time of the next step: the earliest of the present run and of the next one. */
CREATE FUNCTION vault_data.plan_rotation(p_schedule uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	c vault_data.rotation_schedule;
	soonest timestamptz;
	open_run timestamptz;
BEGIN
	SELECT * INTO c FROM vault_data.rotation_schedule WHERE tenant_id = vault.current_tenant_id() AND id = p_schedule;
	SELECT min(r.retire_at) FILTER (WHERE r.step = 'retire'), min(r.try_at) FILTER (WHERE r.step <> 'retire') INTO soonest, open_run
	FROM vault_data.rotation r WHERE r.tenant_id = c.tenant_id AND r.secret_id = c.secret_id AND r.step NOT IN ('done', 'failed');
	UPDATE vault_data.rotation_schedule SET next_at = LEAST(soonest, COALESCE(open_run, c.due_at)) WHERE tenant_id = c.tenant_id AND id = c.id;
END
$$;

/* Take omitted times from the type of the secret; NULL: on demand. */
CREATE FUNCTION vault_data.chosen_interval(p_every text, p_type text) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT CASE WHEN p_every IS NULL THEN (SELECT l.rotation_interval::text FROM vault_data.type_lifecycles(vault.current_tenant_id()) l WHERE l.type = p_type)
		WHEN word IN ('daily', 'weekly', 'monthly', 'quarterly') THEN word
		WHEN word <> 'on demand' THEN pg_catalog.btrim(p_every) END
	FROM (VALUES (pg_catalog.lower(pg_catalog.btrim(p_every) COLLATE "C"))) AS written (word)
$$;
CREATE FUNCTION vault_data.users_of(config jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE WHEN config ? 'users' THEN ARRAY(SELECT jsonb_array_elements_text(config -> 'users')) WHEN config ? 'user' THEN ARRAY[config ->> 'user'] ELSE '{}' END
$$;

CREATE FUNCTION vault_data.lock_rotated_users() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_lock_rotated_users';

/* A user has one password: the tenant has it in one secret. A concurrent caller waits. */
CREATE FUNCTION vault_data.require_users_free(p_secret uuid, p_rotator text, p_config jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	taken text;
BEGIN
	IF NOT vault_data.rotator_flag(p_rotator, 'has_users') THEN
		RETURN;
	END IF;
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM vault_data.fail('25001', 'this rotator cannot be set in REPEATABLE READ or SERIALIZABLE', 'Call it in a transaction of READ COMMITTED.');
	END IF;
	PERFORM vault_data.lock_rotated_users();
	SELECT u INTO taken FROM vault_data.rotation_schedule o, unnest(vault_data.users_of(o.config)) AS u
	WHERE o.tenant_id = vault.current_tenant_id() AND o.secret_id <> p_secret AND o.rotator = p_rotator AND u = ANY (vault_data.users_of(p_config))
		AND lower(o.config ->> 'host') IS NOT DISTINCT FROM lower(p_config ->> 'host')
		AND COALESCE(o.config ->> 'port', '5432') = COALESCE(p_config ->> 'port', '5432')
	LIMIT 1;
	IF FOUND THEN
		PERFORM vault_data.fail('55000', format('user "%s" is rotated with another secret', taken), 'A user has one password: let both uses read one secret.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.set_rotation(p_name text, p_every text, p_rotator text, p_config jsonb, p_window text, p_overlap interval, p_environment text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	every text := vault_data.chosen_interval(p_every, s.type);
	span interval := vault_data.rotation_interval(every);
	kept_window text := (vault_data.check_windows(CASE WHEN p_window IS NOT NULL THEN ARRAY[p_window] END))[1];
	kept_overlap interval := p_overlap;
	due timestamptz;
	schedule uuid;
	present vault_data.rotation_schedule;
	chosen text;
	chosen_config jsonb;
	ended integer;
BEGIN
	PERFORM vault_data.require_not_deleted(s);
	present := vault_data.lock_schedule(s.id);
	/* A call that changes the times alone leaves the rest as it is. */
	chosen := COALESCE(lower(p_rotator COLLATE "C"), present.rotator, vault_data.default_rotator());
	chosen_config := COALESCE(p_config, CASE WHEN chosen = present.rotator THEN present.config END, '{}');
	PERFORM vault_data.require_rotator(chosen);
	IF vault_data.rotator_flag(chosen, 'has_target') OR vault_data.rotator_flag(present.rotator, 'has_target') THEN
		PERFORM vault_data.require_administrator();
	END IF;
	IF vault_data.rotator_flag(chosen, 'gets_values') THEN
		PERFORM vault_data.require('read', s.name, s.environment);
	END IF;
	IF every IS NOT NULL AND span IS NULL THEN
		span := vault_data.shortest_gap(every);
	END IF;
	kept_overlap := COALESCE(p_overlap, LEAST(interval '1 day', span / 2));
	IF kept_overlap < '0' OR kept_overlap > '1 year' OR kept_overlap >= span THEN
		PERFORM vault_data.fail('22023', 'invalid overlap: it is negative, or not shorter than the time between two rotations', 'Give an interval such as ''1 hour''.');
	END IF;
	PERFORM vault_data.rotator_act('check', chosen, chosen_config, s.name, s.environment, NULL, s.current_version);
	IF EXISTS (SELECT FROM vault_data.rotation r WHERE r.tenant_id = s.tenant_id AND r.secret_id = s.id AND r.step NOT IN ('retire', 'done', 'failed')) THEN
		PERFORM vault_data.fail('55000', 'a rotation of the secret is under way', 'The view vault.rotation_status shows its state; vault.remove_rotation() ends it.');
	END IF;
	/* This rotator cannot take back a value that another one has set; its time ends here. */
	IF (present.rotator, present.config) IS DISTINCT FROM (chosen, chosen_config) AND (vault_data.rotator_flag(chosen, 'has_target') OR vault_data.rotator_flag(present.rotator, 'has_target')) THEN
		FOR ended IN UPDATE vault_data.rotation r SET step = 'done', error = 'the rotation was changed', finished_at = clock_timestamp()
			WHERE r.tenant_id = s.tenant_id AND r.secret_id = s.id AND r.step = 'retire' AND r.previous <> s.current_version RETURNING r.previous
		LOOP
			PERFORM vault_data.retire_version(s, ended);
		END LOOP;
	END IF;
	PERFORM vault_data.require_users_free(s.id, chosen, chosen_config);
	due := vault_data.next_due(every, kept_window, clock_timestamp());
	INSERT INTO vault_data.rotation_schedule AS c (tenant_id, id, secret_id, every, rotator, config, time_window, overlap, due_at)
	VALUES (s.tenant_id, vault_data.new_id(), s.id, every, chosen, chosen_config, kept_window, kept_overlap, due)
	ON CONFLICT (tenant_id, secret_id) DO UPDATE SET every = excluded.every, rotator = excluded.rotator, config = excluded.config,
		time_window = excluded.time_window, overlap = excluded.overlap, due_at = excluded.due_at
	RETURNING c.id INTO schedule;
	PERFORM vault_data.plan_rotation(schedule);
	RETURN due;
END
$$;
CREATE FUNCTION vault.set_rotation(name text, every text DEFAULT NULL, rotator text DEFAULT NULL, config anycompatible DEFAULT NULL::jsonb,
	time_window text DEFAULT NULL, overlap interval DEFAULT NULL, environment text DEFAULT NULL) RETURNS timestamptz
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.set_rotation(text, text, text, anycompatible, text, interval, text)
	IS 'schedules the rotation of a secret at these times, at the interval of its type, or on '
	'demand only; returns the time of the next rotation';

CREATE FUNCTION vault_data.has_schedule(secret uuid) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_has_schedule';
COMMENT ON FUNCTION vault_data.has_schedule(uuid)
	IS 'returns true if the secret has a rotation now, in every isolation level';

/* The secret's schedule, locked: who has it may do something to its rotation. */
CREATE FUNCTION vault_data.lock_schedule(p_secret uuid) RETURNS vault_data.rotation_schedule
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	c vault_data.rotation_schedule;
BEGIN
	SELECT * INTO c FROM vault_data.rotation_schedule WHERE tenant_id = vault.current_tenant_id() AND secret_id = p_secret FOR UPDATE;
	IF FOUND THEN
		PERFORM vault_data.require_authentic(c);
	ELSIF vault_data.has_schedule(p_secret) THEN
		PERFORM vault_data.fail('40001', 'the secret has got a rotation since the transaction began', 'Try again in a new transaction.');
	END IF;
	RETURN c;
END
$$;

CREATE FUNCTION vault_data.remove_rotation(p_name text, p_environment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	c vault_data.rotation_schedule;
	r vault_data.rotation;
	fault text;
BEGIN
	SELECT * INTO c FROM vault_data.rotation_schedule WHERE tenant_id = s.tenant_id AND secret_id = s.id FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('55000', 'the secret has no rotation', 'vault.set_rotation() gives it one.');
	END IF;
	/* One that was changed outside can be removed, but does not say what it was. */
	IF vault_data.rotator_flag(c.rotator, 'has_target') OR NOT vault_data.is_authentic(c) THEN
		PERFORM vault_data.require_administrator();
	END IF;
	SELECT * INTO r FROM vault_data.rotation o WHERE o.tenant_id = s.tenant_id AND o.secret_id = s.id AND o.step NOT IN ('retire', 'done', 'failed');
	IF r.id IS NOT NULL AND vault_data.is_authentic(c) AND vault_data.is_authentic(r) THEN
		fault := vault_data.undo_run(c, s, r);
	END IF;
	IF fault IS NOT NULL THEN
		RAISE NOTICE USING MESSAGE = fault, HINT = 'The target may have a value that no version of the secret is current with; set it there by hand.';
	END IF;
	DELETE FROM vault_data.rotation_schedule WHERE tenant_id = s.tenant_id AND secret_id = s.id;
	UPDATE vault_data.secret SET pending_version = NULL, updated_at = clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id AND pending_version = r.version;
	UPDATE vault_data.rotation SET step = CASE step WHEN 'retire' THEN 'done' ELSE 'failed' END, error = concat_ws('; ', 'the rotation was removed', CASE WHEN id = r.id THEN fault END), finished_at = clock_timestamp()
	WHERE tenant_id = s.tenant_id AND secret_id = s.id AND step NOT IN ('done', 'failed');
END
$$;
CREATE FUNCTION vault.remove_rotation(name text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.remove_rotation(text, text)
	IS 'ends the rotation of a secret, also one in progress; its versions stay as they are';

/* ---- a run ---- */

/* Both passwords of a pair are in use until the overlap is over. */
CREATE FUNCTION vault_data.rotation_blocked_until(c vault_data.rotation_schedule) RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT max(r.retire_at) FROM vault_data.rotation r
	WHERE c.config ? 'users' AND r.tenant_id = c.tenant_id AND r.secret_id = c.secret_id AND r.step = 'retire' AND r.retire_at > clock_timestamp()
$$;

/* Resume an interrupted run first: the target may already have the new value. */
CREATE FUNCTION vault_data.begin_rotation(c vault_data.rotation_schedule, s vault_data.secret) RETURNS vault_data.rotation
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	r vault_data.rotation;
BEGIN
	DELETE FROM vault_data.rotation o WHERE o.tenant_id = c.tenant_id AND o.secret_id = c.secret_id AND o.finished_at < clock_timestamp() - interval '90 days';
	INSERT INTO vault_data.rotation (tenant_id, id, secret_id, step, previous, due_at, try_at)
	VALUES (c.tenant_id, vault_data.new_id(), c.secret_id, 'create', s.current_version, COALESCE(LEAST(c.due_at, clock_timestamp()), clock_timestamp()), '-infinity')
	RETURNING * INTO r;
	RETURN r;
END
$$;

/* The value of before the run leaked: until its promotion the run has that in retire_at. */
CREATE FUNCTION vault_data.retires_at_once(r vault_data.rotation) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT COALESCE(r.retire_at = '-infinity', false)
$$;
COMMENT ON FUNCTION vault_data.retires_at_once(vault_data.rotation)
	IS 'returns true if the run has no overlap, because the value in use leaked';

CREATE FUNCTION vault_data.promote(c vault_data.rotation_schedule, s vault_data.secret, r vault_data.rotation) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	v vault_data.secret_version;
	now timestamptz := clock_timestamp();
BEGIN
	SELECT * INTO v FROM vault_data.secret_version WHERE tenant_id = s.tenant_id AND secret_id = s.id AND version = r.version FOR NO KEY UPDATE;
	PERFORM vault_data.require_authentic(v);
	IF v.destroyed_at IS NOT NULL THEN
		PERFORM vault_data.fail('VT009', format('version %s was destroyed', r.version), 'The next rotation makes another one.');
	END IF;
	UPDATE vault_data.secret SET current_version = r.version, previous_version = s.current_version, pending_version = NULLIF(pending_version, r.version),
		envelope = vault_data.small(v.envelope), metadata = v.metadata, expires_at = v.expires_at, grace_until = NULL, extensions = 0, updated_at = now
	WHERE tenant_id = s.tenant_id AND id = s.id;
	UPDATE vault_data.rotation SET step = 'retire', retire_at = CASE WHEN vault_data.retires_at_once(r) THEN now ELSE now + c.overlap END, attempts = 0, error = NULL
	WHERE tenant_id = r.tenant_id AND id = r.id;
	/* Of a pair at another server the user that is retired changes its own password, in a run that follows at once: nobody else can. */
	UPDATE vault_data.rotation_schedule SET last_at = now,
		due_at = CASE WHEN vault_data.retires_at_once(r) AND vault_data.rotator_flag(c.rotator, 'sets_own_password') AND c.config ? 'users' THEN now ELSE vault_data.next_due(every, time_window, now) END
	WHERE tenant_id = c.tenant_id AND id = c.id;
END
$$;

/* It loses its label and cannot be read any more. */
CREATE FUNCTION vault_data.retire_version(s vault_data.secret, p_version integer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	UPDATE vault_data.secret SET previous_version = NULL, updated_at = clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id AND previous_version = p_version;
	UPDATE vault_data.secret_version SET retired_at = clock_timestamp() WHERE tenant_id = s.tenant_id AND secret_id = s.id AND version = p_version;
END
$$;

CREATE FUNCTION vault_data.retire(c vault_data.rotation_schedule, s vault_data.secret, r vault_data.rotation) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	destroyed boolean := (SELECT v.destroyed_at IS NOT NULL FROM vault_data.secret_version v WHERE v.tenant_id = s.tenant_id AND v.secret_id = s.id AND v.version = r.previous);
BEGIN
	IF r.previous <> s.current_version THEN
		/*
		 * Only the current version tells the login of a destroyed one. Of a pair, the other user may be
		 * in use by the version of a later run.
		 */
		IF NOT destroyed OR NOT vault_data.rotator_flag(c.rotator, 'has_users') OR NOT EXISTS (SELECT FROM vault_data.rotation o
			WHERE o.tenant_id = r.tenant_id AND o.secret_id = r.secret_id AND o.step = 'retire' AND o.id <> r.id)
		THEN
			PERFORM vault_data.rotator_act('retire', c.rotator, c.config, s.name, s.environment, s.current_version, CASE WHEN NOT destroyed THEN r.previous END);
		END IF;
		PERFORM vault_data.retire_version(s, r.previous);
	END IF;
	UPDATE vault_data.rotation SET step = 'done', finished_at = clock_timestamp(), error = NULL WHERE tenant_id = r.tenant_id AND id = r.id;
END
$$;

/* Ends every overlap of the secret: what its target cannot be told in this transaction, the job tells it next. */
CREATE FUNCTION vault_data.retire_overlaps(c vault_data.rotation_schedule, s vault_data.secret) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	r vault_data.rotation;
BEGIN
	FOR r IN SELECT * FROM vault_data.rotation o WHERE o.tenant_id = s.tenant_id AND o.secret_id = s.id AND o.step = 'retire' ORDER BY o.started_at LOOP
		PERFORM vault_data.require_authentic(r);
		IF NOT vault_data.rotator_flag(c.rotator, 'acts_outside') THEN
			PERFORM vault_data.retire(c, s, r);
			CONTINUE;
		END IF;
		IF r.previous <> s.current_version THEN
			PERFORM vault_data.retire_version(s, r.previous);
		END IF;
		UPDATE vault_data.rotation SET retire_at = clock_timestamp() WHERE tenant_id = r.tenant_id AND id = r.id;
	END LOOP;
END
$$;

/* One step of a run that is due. */
CREATE FUNCTION vault_data.step_rotation(c vault_data.rotation_schedule, s vault_data.secret, r vault_data.rotation) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	made integer;
BEGIN
	PERFORM vault_data.require_authentic(r);
	IF r.step = 'retire' THEN
		PERFORM vault_data.retire(c, s, r);
		RETURN;
	ELSIF r.step = 'wait' THEN
		PERFORM vault_data.fail('57014', 'nobody has completed the rotation', 'Call vault.complete_rotation() with the new value.');
	ELSIF s.current_version <> r.previous THEN
		PERFORM vault_data.fail('55000', 'another version became current meanwhile', 'The next rotation follows that one.');
	ELSIF EXISTS (SELECT FROM vault_data.secret_version v WHERE v.tenant_id = s.tenant_id AND v.secret_id = s.id AND v.version = r.version AND v.expires_at <= clock_timestamp()) THEN
		PERFORM vault_data.fail('VT006', 'the new version expired before it became current', 'Give the type a longer max_lifetime; the next rotation makes another one.');
	END IF;
	CASE r.step
	WHEN 'create' THEN
		IF vault_data.rotator_flag(c.rotator, 'waits_for_value') THEN
			UPDATE vault_data.rotation SET step = 'wait', try_at = clock_timestamp() + interval '7 days' WHERE tenant_id = r.tenant_id AND id = r.id;
			PERFORM vault_data.announce(s.tenant_id, 'rotation_due', 'warning', s.id, jsonb_build_object('rotation', r.id));
			RETURN;
		END IF;
		made := vault_data.rotator_act('create', c.rotator, c.config, s.name, s.environment, NULL, s.current_version);
		UPDATE vault_data.rotation SET version = made, step = CASE WHEN vault_data.rotator_flag(c.rotator, 'acts_outside') THEN 'set' ELSE 'promote' END
		WHERE tenant_id = r.tenant_id AND id = r.id;
	WHEN 'promote' THEN
		IF vault_data.rotator_flag(c.rotator, 'has_target') AND NOT vault_data.rotator_flag(c.rotator, 'acts_outside') THEN
			PERFORM vault_data.rotator_act('set', c.rotator, c.config, s.name, s.environment, r.version, s.current_version);
		END IF;
		PERFORM vault_data.promote(c, s, r);
		PERFORM vault_data.announce(s.tenant_id, 'rotated', 'info', s.id, jsonb_build_object('rotation', r.id, 'version', r.version));
	ELSE
		PERFORM vault_data.rotator_act(r.step, c.rotator, c.config, s.name, s.environment, r.version, s.current_version);
		UPDATE vault_data.rotation SET step = CASE r.step WHEN 'set' THEN 'test' ELSE 'promote' END WHERE tenant_id = r.tenant_id AND id = r.id;
	END CASE;
END
$$;

/* Do the due step for a secret whose schedule the caller has locked. */
CREATE FUNCTION vault_data.advance_rotation(c vault_data.rotation_schedule) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret;
	r vault_data.rotation;
	blocked timestamptz;
BEGIN
	SELECT * INTO s FROM vault_data.secret WHERE tenant_id = c.tenant_id AND id = c.secret_id FOR UPDATE;
	PERFORM vault_data.require_authentic(s);
	IF s.purge_at IS NOT NULL OR s.deactivated_at IS NOT NULL THEN
		UPDATE vault_data.rotation_schedule SET next_at = clock_timestamp() + interval '1 hour' WHERE tenant_id = c.tenant_id AND id = c.id;
		RETURN;
	END IF;
	SELECT * INTO r FROM vault_data.rotation o WHERE o.tenant_id = c.tenant_id AND o.secret_id = c.secret_id
		AND CASE o.step WHEN 'retire' THEN o.retire_at <= clock_timestamp() WHEN 'done' THEN false WHEN 'failed' THEN false ELSE o.try_at <= clock_timestamp() END
	ORDER BY o.started_at LIMIT 1;
	IF NOT FOUND AND c.due_at <= clock_timestamp() AND NOT EXISTS (SELECT FROM vault_data.rotation o
		WHERE o.tenant_id = c.tenant_id AND o.secret_id = c.secret_id AND o.step NOT IN ('retire', 'done', 'failed'))
	THEN
		blocked := vault_data.rotation_blocked_until(c);
		IF blocked IS NOT NULL THEN
			UPDATE vault_data.rotation_schedule SET due_at = blocked WHERE tenant_id = c.tenant_id AND id = c.id;
		ELSE
			r := vault_data.begin_rotation(c, s);
		END IF;
	END IF;
	IF r.id IS NOT NULL THEN
		PERFORM vault_data.step_rotation(c, s, r);
	END IF;
	PERFORM vault_data.plan_rotation(c.id);
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
CREATE FUNCTION vault_data.undo_run(c vault_data.rotation_schedule, s vault_data.secret, r vault_data.rotation) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	/* One that is at "set" may have begun with it, in a transaction that ended without a trace here. */
	IF r.step IN ('set', 'test', 'promote') AND s.current_version = r.previous AND vault_data.rotator_flag(c.rotator, 'acts_outside') THEN
		PERFORM vault_data.rotator_act('undo', c.rotator, c.config, s.name, s.environment, r.version, r.previous);
	END IF;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN 'undo failed: ' || SQLSTATE;
END
$$;

/* The run ends as failed; what was set at the target is taken back there if that is possible. */
CREATE FUNCTION vault_data.give_up(c vault_data.rotation_schedule, r vault_data.rotation, p_error text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret;
	later timestamptz := vault_data.next_due(c.every, c.time_window, clock_timestamp());
BEGIN
	SELECT * INTO s FROM vault_data.secret WHERE tenant_id = c.tenant_id AND id = c.secret_id;
	p_error := left(concat_ws('; ', p_error, vault_data.undo_run(c, s, r)), 250);
	/* A step that failed at the target does not keep the version readable. */
	IF r.step = 'retire' AND r.previous <> s.current_version THEN
		PERFORM vault_data.retire_version(s, r.previous);
	END IF;
	UPDATE vault_data.secret SET pending_version = NULL, updated_at = clock_timestamp()
	WHERE tenant_id = s.tenant_id AND id = s.id AND pending_version = r.version;
	UPDATE vault_data.rotation SET step = 'failed', finished_at = clock_timestamp(), attempts = attempts + 1, error = p_error WHERE tenant_id = r.tenant_id AND id = r.id;
	UPDATE vault_data.rotation_schedule SET due_at = CASE WHEN r.step = 'retire' THEN due_at ELSE later END WHERE tenant_id = c.tenant_id AND id = c.id;
	PERFORM vault_data.announce(c.tenant_id, 'rotation_failed', 'critical', c.secret_id, jsonb_build_object('rotation', r.id, 'step', r.step, 'sqlstate', left(p_error, 5)));
END
$$;

/* An error that no later attempt can mend: nobody came, somebody else wrote, the value has expired, the role may not be changed any more. */
CREATE FUNCTION vault_data.is_final(s vault_data.secret, r vault_data.rotation, p_error text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT CASE r.step WHEN 'retire' THEN p_error LIKE '42501%' WHEN 'wait' THEN true ELSE s.current_version <> r.previous OR p_error LIKE 'VT006%' END
$$;

/* After an error: the next attempt, later each time; a row that was changed outside only waits. */
CREATE FUNCTION vault_data.rotation_failed(c vault_data.rotation_schedule, p_error text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	r vault_data.rotation;
	s vault_data.secret;
	pause interval;
BEGIN
	SELECT * INTO r FROM vault_data.rotation o WHERE o.tenant_id = c.tenant_id AND o.secret_id = c.secret_id
		AND CASE o.step WHEN 'retire' THEN o.retire_at <= clock_timestamp() WHEN 'done' THEN false WHEN 'failed' THEN false ELSE true END
	ORDER BY o.started_at LIMIT 1;
	SELECT * INTO s FROM vault_data.secret WHERE tenant_id = c.tenant_id AND id = c.secret_id;
	IF r.id IS NULL AND vault_data.is_authentic(s) THEN
		r := vault_data.begin_rotation(c, s);
	END IF;
	IF r.id IS NULL OR NOT vault_data.is_authentic(r) OR NOT vault_data.is_authentic(s) THEN
		UPDATE vault_data.rotation_schedule SET next_at = clock_timestamp() + interval '1 hour' WHERE tenant_id = c.tenant_id AND id = c.id;
		RETURN;
	END IF;
	pause := LEAST(vault_data.rotation_retry() * power(2, LEAST(r.attempts, 20)), GREATEST(interval '1 hour', vault_data.rotation_retry())) * (0.5 + random());
	IF r.attempts + 1 >= vault_data.rotation_attempts() OR vault_data.is_final(s, r, p_error) THEN
		PERFORM vault_data.give_up(c, r, p_error);
	ELSIF r.step = 'retire' THEN
		UPDATE vault_data.rotation SET attempts = attempts + 1, error = p_error, retire_at = clock_timestamp() + pause WHERE tenant_id = r.tenant_id AND id = r.id;
	ELSE
		UPDATE vault_data.rotation SET attempts = attempts + 1, error = p_error,
			try_at = COALESCE(vault_data.next_in_window(c.time_window, clock_timestamp() + pause, random()), clock_timestamp() + pause)
		WHERE tenant_id = r.tenant_id AND id = r.id;
	END IF;
	PERFORM vault_data.plan_rotation(c.id);
END
$$;

/* The schedule whose turn it is (queue.c) and that nobody has, locked; the entry is then in its tenant. */
CREATE FUNCTION vault_data.claim_rotation() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_claim_rotation';

CREATE FUNCTION vault_data.is_own_write(row_xmin xid) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_own_write';
CREATE FUNCTION vault_data.refuse_transaction_block() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_refuse_transaction_block';

CREATE FUNCTION vault_data.rotate_due(p_max_steps integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	c vault_data.rotation_schedule;
	claimed uuid;
	steps integer := 0;
BEGIN
	IF p_max_steps IS NULL OR p_max_steps <= 0 THEN
		PERFORM vault_data.fail('22023', 'invalid max_steps: it is not positive', 'Give the number of steps.');
	END IF;
	/* In a copy runs neither begin nor fail: they wait. */
	PERFORM vault_data.require_origin();
	WHILE steps < p_max_steps LOOP
		claimed := vault_data.claim_rotation();
		EXIT WHEN claimed IS NULL;
		SELECT * INTO c FROM vault_data.rotation_schedule WHERE tenant_id = vault.current_tenant_id() AND id = claimed;
		/* A target outside of this transaction must not have a value that goes with it. */
		EXIT WHEN EXISTS (SELECT FROM vault_data.rotation r JOIN vault_data.secret_version v
			ON v.tenant_id = r.tenant_id AND v.secret_id = r.secret_id AND v.version = r.version
			WHERE r.tenant_id = c.tenant_id AND r.secret_id = c.secret_id AND r.step = 'set' AND vault_data.is_own_write(v.xmin));
		BEGIN
			PERFORM vault_data.advance_rotation(c);
		EXCEPTION WHEN OTHERS THEN
			/* Operators and auditors need not know the rule that a generated value broke. */
			PERFORM vault_data.rotation_failed(c, SQLSTATE || ': ' || left(regexp_replace(SQLERRM, '^(the value does not have|no value of type)([^:]*): .*', '\1\2'), 200));
		END;
		steps := steps + 1;
	END LOOP;
	RETURN steps;
END
$$;
CREATE FUNCTION vault.rotate_due(max_steps integer DEFAULT 100) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.rotate_due(integer)
	IS 'performs the steps of rotations that are due, tenant by tenant in turn, and ends '
	'before one that needs a commit; returns their number; the job performs each in its own '
	'transaction';

/* ---- on demand ---- */

/*
 * rotate() of a secret with a schedule; C holds the value if one was given. NULL: the version is not made yet.
 * A rotation with its target in this database is done at once, others go on in the job.
 */
CREATE FUNCTION vault_data.rotate_on_demand(p_name text, p_environment text, p_given boolean, p_retire_now boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret := vault_data.find_secret('rotate', p_name, p_environment);
	c vault_data.rotation_schedule := vault_data.lock_schedule(s.id);
	r vault_data.rotation;
	blocked timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(s);
	IF vault_data.rotator_flag(c.rotator, 'acts_outside') THEN
		PERFORM vault_data.require_origin();
	END IF;
	IF p_retire_now THEN
		PERFORM vault_data.retire_overlaps(c, s);
		UPDATE vault_data.rotation o SET retire_at = '-infinity' WHERE o.tenant_id = c.tenant_id AND o.secret_id = c.secret_id AND o.step NOT IN ('retire', 'done', 'failed');
	END IF;
	blocked := vault_data.rotation_blocked_until(c);
	SELECT * INTO r FROM vault_data.rotation o WHERE o.tenant_id = c.tenant_id AND o.secret_id = c.secret_id AND o.step NOT IN ('retire', 'done', 'failed');
	IF r.step = 'wait' AND p_given THEN
		RETURN vault_data.complete_run(c, s, r);
	ELSIF r.id IS NOT NULL AND p_retire_now AND NOT p_given THEN
		/* It goes on as it began, and retires what leaked when it is through. */
		PERFORM vault_data.plan_rotation(c.id);
		RETURN r.version;
	ELSIF r.id IS NOT NULL THEN
		PERFORM vault_data.fail('55000', 'a rotation of the secret is under way', 'The view vault.rotation_status shows its state; vault.remove_rotation() ends it.');
	ELSIF blocked IS NOT NULL THEN
		PERFORM vault_data.fail('55000', format('the other user is in use until %s', blocked), 'Rotate again when the overlap is over, or with retire => ''now'' if a login leaked.');
	END IF;
	/* A caller that chooses the target's value could log in there. */
	IF p_given AND vault_data.rotator_flag(c.rotator, 'has_target') THEN
		PERFORM vault_data.require('write', s.name, s.environment);
	END IF;
	r := vault_data.begin_rotation(c, s);
	IF p_retire_now THEN
		UPDATE vault_data.rotation SET retire_at = '-infinity' WHERE tenant_id = r.tenant_id AND id = r.id RETURNING * INTO r;
	END IF;
	IF p_given AND vault_data.rotator_flag(c.rotator, 'waits_for_value') THEN
		RETURN vault_data.complete_run(c, s, r);
	END IF;
	PERFORM vault_data.step_rotation(c, s, r);
	SELECT * INTO r FROM vault_data.rotation WHERE tenant_id = r.tenant_id AND id = r.id;
	IF r.step = 'promote' THEN
		SELECT * INTO s FROM vault_data.secret WHERE tenant_id = s.tenant_id AND id = s.id;
		PERFORM vault_data.step_rotation(c, s, r);
		PERFORM vault_data.end_run_at_once(c, s, r);
	END IF;
	PERFORM vault_data.plan_rotation(c.id);
	RETURN r.version;
END
$$;

/* After the promotion, if what was in use leaked and the target is in this transaction. */
CREATE FUNCTION vault_data.end_run_at_once(c vault_data.rotation_schedule, s vault_data.secret, r vault_data.rotation) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF NOT vault_data.retires_at_once(r) OR vault_data.rotator_flag(c.rotator, 'acts_outside') THEN
		RETURN;
	END IF;
	SELECT * INTO r FROM vault_data.rotation WHERE tenant_id = r.tenant_id AND id = r.id;
	SELECT * INTO s FROM vault_data.secret WHERE tenant_id = s.tenant_id AND id = s.id;
	PERFORM vault_data.step_rotation(c, s, r);
END
$$;

/* Of a run that waits for a value: C holds it, and the target has it already. */
CREATE FUNCTION vault_data.complete_run(c vault_data.rotation_schedule, s vault_data.secret, r vault_data.rotation) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	PERFORM vault_data.require_authentic(r);
	r.version := vault_data.rotator_act('create', c.rotator, c.config, s.name, s.environment, NULL, s.current_version);
	UPDATE vault_data.rotation SET version = r.version, previous = s.current_version, step = 'promote' WHERE tenant_id = r.tenant_id AND id = r.id;
	PERFORM vault_data.promote(c, s, r);
	PERFORM vault_data.announce(s.tenant_id, 'rotated', 'info', s.id, jsonb_build_object('rotation', r.id, 'version', r.version));
	PERFORM vault_data.end_run_at_once(c, s, r);
	PERFORM vault_data.plan_rotation(c.id);
	RETURN r.version;
END
$$;

CREATE FUNCTION vault_data.complete_rotation(p_rotation uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret;
	c vault_data.rotation_schedule;
	r vault_data.rotation;
BEGIN
	SELECT x.* INTO s FROM vault_data.rotation o JOIN vault_data.secret x ON x.tenant_id = o.tenant_id AND x.id = o.secret_id
	WHERE o.tenant_id = vault.current_tenant_id() AND o.id = p_rotation;
	IF NOT FOUND OR NOT vault_data.permitted('rotate', s.name, s.environment) THEN
		PERFORM vault_data.fail('42501', 'permission denied to complete this rotation', 'You need "rotate" on its secret.');
	END IF;
	s := vault_data.find_secret('rotate', s.name, s.environment);
	c := vault_data.lock_schedule(s.id);
	PERFORM vault_data.require_not_deleted(s);
	SELECT * INTO r FROM vault_data.rotation WHERE tenant_id = s.tenant_id AND id = p_rotation;
	IF r.step IS DISTINCT FROM 'wait' OR c.id IS NULL THEN
		PERFORM vault_data.fail('55000', 'the rotation does not wait for a value', 'It is completed once only; the view vault.rotation_status shows what waits.');
	END IF;
	RETURN vault_data.complete_run(c, s, r);
END
$$;
CREATE FUNCTION vault.complete_rotation(rotation uuid, value text) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_complete_rotation';
CREATE FUNCTION vault.complete_rotation(rotation uuid, value bytea) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_complete_rotation_bytes';
COMMENT ON FUNCTION vault.complete_rotation(uuid, bytea)
	IS 'gives the bytes that an external rotation waits for, and makes them current; returns '
	'the version';
CREATE FUNCTION vault.complete_rotation(rotation uuid, value jsonb) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_complete_rotation_jsonb';
CREATE FUNCTION vault.complete_rotation(rotation uuid, value json) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_complete_rotation';
COMMENT ON FUNCTION vault.complete_rotation(uuid, jsonb)
	IS 'gives the JSON that an external rotation waits for, and makes it current; returns the '
	'version';
COMMENT ON FUNCTION vault.complete_rotation(uuid, json)
	IS 'gives the JSON, as it is written, that an external rotation waits for, and makes it '
	'current; returns the version';
COMMENT ON FUNCTION vault.complete_rotation(uuid, text)
	IS 'gives the value that an external rotation waits for, and makes it current; returns the '
	'version';

/*
 * After rollback() to another version: the target gets it back, and what was current is retired after the
 * overlap, as if it had been rotated away.
 */
CREATE FUNCTION vault_data.rotation_rolled_back(s vault_data.secret, p_version integer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	c vault_data.rotation_schedule := vault_data.lock_schedule(s.id);
	r vault_data.rotation;
	fault text;
BEGIN
	UPDATE vault_data.secret_version SET retired_at = NULL WHERE tenant_id = s.tenant_id AND secret_id = s.id AND version = p_version AND retired_at IS NOT NULL;
	IF c.id IS NULL THEN
		RETURN;
	END IF;
	IF vault_data.rotator_flag(c.rotator, 'acts_outside') THEN
		PERFORM vault_data.require_origin();
	END IF;
	IF vault_data.rotator_flag(c.rotator, 'is_other_server') THEN
		PERFORM vault_data.refuse_transaction_block();
	END IF;
	/*
	 * A caller that chooses among values could log in there: it may have given some of them before
	 * there was a target.
	 */
	IF vault_data.rotator_flag(c.rotator, 'has_target') THEN
		PERFORM vault_data.require('write', s.name, s.environment);
	END IF;
	/* A run that is under way ends here, and first of all at the target. */
	SELECT * INTO r FROM vault_data.rotation o WHERE o.tenant_id = s.tenant_id AND o.secret_id = s.id AND o.step NOT IN ('retire', 'done', 'failed');
	IF r.id IS NOT NULL AND r.version IS DISTINCT FROM p_version THEN
		PERFORM vault_data.require_authentic(r);
		fault := vault_data.undo_run(c, s, r);
		UPDATE vault_data.secret SET pending_version = NULL WHERE tenant_id = s.tenant_id AND id = s.id AND pending_version = r.version;
	END IF;
	IF vault_data.rotator_flag(c.rotator, 'has_target') THEN
		PERFORM vault_data.rotator_act('set', c.rotator, c.config, s.name, s.environment, p_version, s.current_version);
	END IF;
	UPDATE vault_data.rotation SET step = CASE step WHEN 'retire' THEN 'done' ELSE 'failed' END, error = concat_ws('; ', 'rolled back', CASE WHEN id = r.id THEN fault END), finished_at = clock_timestamp()
	WHERE tenant_id = s.tenant_id AND secret_id = s.id AND step NOT IN ('done', 'failed') AND (step <> 'retire' OR previous = p_version);
	r := vault_data.begin_rotation(c, s);
	UPDATE vault_data.rotation SET step = 'retire', version = p_version, retire_at = clock_timestamp() + c.overlap WHERE tenant_id = r.tenant_id AND id = r.id;
	PERFORM vault_data.plan_rotation(c.id);
END
$$;

/* rotate() of a secret without a schedule whose value leaked. */
CREATE FUNCTION vault_data.retire_previous(p_secret uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	s vault_data.secret;
BEGIN
	SELECT * INTO s FROM vault_data.secret WHERE tenant_id = vault.current_tenant_id() AND id = p_secret FOR NO KEY UPDATE;
	PERFORM vault_data.require_authentic(s);
	PERFORM vault_data.retire_version(s, s.previous_version);
END
$$;

/* rotate() of a secret without a schedule. */
CREATE FUNCTION vault_data.rotate_plain(name text, environment text) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_plain';

CREATE FUNCTION vault_data.can_generate(type text) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_can_generate';
COMMENT ON FUNCTION vault_data.can_generate(text)
	IS 'returns true if values of the type can be generated';

CREATE FUNCTION vault_data.rotate_matching(p_pattern text, p_tags jsonb, p_environment text, p_dry_run boolean)
RETURNS TABLE (name text, environment text, rotator text, outcome text, version integer)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	env text := vault_data.environment(p_environment);
	pattern text := COALESCE(p_pattern, CASE WHEN p_tags <> '{}' THEN '**' END);
	s record;
BEGIN
	IF pattern IS NULL THEN
		PERFORM vault_data.fail('22023', 'invalid name_pattern: it is null, and there are no tags', 'Give a pattern, tags, or both; ''**'' are all secrets.');
	END IF;
	PERFORM vault_data.check_pattern(pattern), vault_data.check_environment(env);
	IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM vault_data.fail('25001', 'secrets cannot be rotated by a pattern in REPEATABLE READ or SERIALIZABLE', 'Call it in a transaction of READ COMMITTED.');
	END IF;
	IF p_tags IS NOT NULL THEN
		PERFORM vault_data.check_tags(p_tags);
	END IF;
	FOR s IN SELECT x.id, x.name, x.type, x.purge_at, x.deactivated_at, c.rotator FROM vault_data.secret x
		LEFT JOIN vault_data.rotation_schedule c ON c.tenant_id = x.tenant_id AND c.secret_id = x.id
		WHERE x.tenant_id = vault.current_tenant_id() AND x.environment = env AND vault_data.name_matches(x.name, pattern)
			AND (p_tags IS NULL OR x.tags @> p_tags) AND vault_data.permitted('list', x.name, x.environment)
		ORDER BY x.name
	LOOP
		/* A concurrent set_rotation() has ended by now. */
		IF p_dry_run IS FALSE AND vault_data.permitted('rotate', s.name, env) THEN
			PERFORM FROM vault_data.secret x WHERE x.tenant_id = vault.current_tenant_id() AND x.id = s.id FOR NO KEY UPDATE;
			s.rotator := (SELECT c.rotator FROM vault_data.rotation_schedule c WHERE c.tenant_id = vault.current_tenant_id() AND c.secret_id = s.id);
		END IF;
		name := s.name;
		environment := env;
		rotator := s.rotator;
		version := NULL;
		outcome := CASE WHEN NOT vault_data.permitted('rotate', s.name, env) THEN 'skipped: no permission to rotate'
			WHEN s.purge_at IS NOT NULL OR s.deactivated_at IS NOT NULL THEN 'skipped: ' || vault_data.state_of(s.purge_at, s.deactivated_at)
			WHEN vault_data.rotator_flag(s.rotator, 'acts_outside') AND vault_data.held() IS NOT NULL THEN 'skipped: the vault is held as a copy'
			WHEN s.rotator IS NULL AND NOT vault_data.can_generate(s.type) THEN 'skipped: a value of this type cannot be made up here'
			WHEN vault_data.rotator_flag(s.rotator, 'acts_outside') OR vault_data.rotator_flag(s.rotator, 'waits_for_value') THEN 'started' ELSE 'rotated' END;
		IF outcome IN ('rotated', 'started') AND p_dry_run IS NOT FALSE THEN
			outcome := CASE outcome WHEN 'rotated' THEN 'would be rotated' ELSE 'would be started' END;
		ELSIF outcome IN ('rotated', 'started') THEN
			version := CASE WHEN s.rotator IS NULL THEN vault_data.rotate_plain(s.name, env) ELSE vault_data.rotate_on_demand(s.name, env, false, false) END;
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
CREATE FUNCTION vault.rotate_matching(name_pattern text DEFAULT NULL, tags anycompatible DEFAULT NULL::jsonb, environment text DEFAULT NULL, dry_run boolean DEFAULT true)
RETURNS TABLE (name text, environment text, rotator text, outcome text, version integer)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.rotate_matching(text, anycompatible, text, boolean)
	IS 'rotates all secrets that match, in one transaction; in a dry run, the default, only '
	'lists them';

/* ---- the job ---- */

CREATE FUNCTION vault_data.job_rotate_step() RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_job_rotate_step';
COMMENT ON FUNCTION vault_data.job_rotate_step()
	IS 'performs one step of the job vault:rotate; returns NULL while the vault is sealed';
CREATE FUNCTION vault_data.rotation_batch() RETURNS integer
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_rotation_batch';
COMMENT ON FUNCTION vault_data.rotation_batch() IS 'returns the setting vault.rotation_batch';

/* No settings of its own, or it could not commit: it names no operator, and each function with its schema. */
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

CREATE VIEW vault.rotation_status WITH (security_barrier) AS
SELECT t.name AS tenant, s.name, s.environment, c.rotator, c.every, c.time_window, c.overlap, c.config,
	CASE WHEN r.step IS NULL OR r.step = 'done' THEN 'idle' WHEN r.step = 'failed' THEN 'failed' WHEN r.step = 'wait' THEN 'waiting'
		WHEN r.attempts > 0 THEN 'retrying' WHEN r.step = 'retire' THEN 'overlapping' ELSE 'running' END AS state,
	c.due_at, c.next_at, c.last_at, r.id AS rotation, r.step, r.version, r.attempts,
	/* The text of an error of a tenant's function belongs to the tenant. */
	CASE WHEN vault_data.sees_all_tenants() AND c.tenant_id IS DISTINCT FROM vault.current_tenant_id()
		THEN pg_catalog.regexp_replace(r.error, ' with SQLSTATE [^;]*', '') ELSE r.error END AS last_error,
	r.retire_at
FROM vault_data.rotation_schedule c
	JOIN vault_data.secret s ON s.tenant_id = c.tenant_id AND s.id = c.secret_id
	JOIN vault_data.tenant t ON t.tenant_id = c.tenant_id
	LEFT JOIN LATERAL (SELECT * FROM vault_data.rotation o WHERE o.tenant_id = c.tenant_id AND o.secret_id = c.secret_id
		ORDER BY o.started_at DESC LIMIT 1) r ON true
WHERE c.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.rotation_status
	IS 'shows the rotations of secrets on which the caller has any permission, with the latest '
	'run of each';

CREATE VIEW vault.rotation_roles WITH (security_barrier) AS
SELECT t.name AS tenant, COALESCE(r.rolname, a.role_name) AS db_role, a.created_at,
	CASE WHEN r.rolname = a.role_name THEN 'allowed' WHEN r.rolname IS NOT NULL THEN 'renamed' ELSE 'gone' END AS state
FROM vault_data.rotation_role a JOIN vault_data.tenant t ON t.tenant_id = a.tenant_id
	LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.db_role
WHERE a.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.rotation_roles
	IS 'shows database roles whose passwords tenants may have rotated, by their present names; '
	'a role that was renamed, or is gone, is not rotated';

ALTER VIEW vault.rotation_status OWNER TO vault_owner;
ALTER VIEW vault.rotation_roles OWNER TO vault_owner;
REVOKE ALL ON vault.rotation_status, vault.rotation_roles FROM PUBLIC;
GRANT SELECT ON vault.rotation_status, vault.rotation_roles TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
REVOKE ALL ON PROCEDURE vault_data.job_rotate() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.is_cron(text), vault_data.next_cron(text, timestamptz), vault_data.next_in_window(text, timestamptz, double precision),
	vault_data.rotation_interval(text), vault_data.chosen_interval(text, text), vault_data.shortest_gap(text), vault_data.next_due(text, text, timestamptz), vault_data.rotation_role_fault(text, uuid),
	vault_data.is_bound_elsewhere(oid, uuid), vault_data.may_lend(oid), vault_data.rotation_login_fault(text), vault_data.refuse_rotation(text, text, text), vault_data.require_rotatable(text, boolean), vault_data.allow_rotation(text, text), vault_data.disallow_rotation(text, text),
	vault_data.rotator_act(text, text, jsonb, text, text, integer, integer), vault_data.rotator_flag(text, text), vault_data.require_rotator(text), vault_data.default_rotator(), vault_data.plan_rotation(uuid),
	vault_data.users_of(jsonb), vault_data.lock_rotated_users(), vault_data.require_users_free(uuid, text, jsonb),
	vault_data.set_rotation(text, text, text, jsonb, text, interval, text), vault_data.has_schedule(uuid), vault_data.lock_schedule(uuid), vault_data.remove_rotation(text, text),
	vault_data.rotation_blocked_until(vault_data.rotation_schedule), vault_data.begin_rotation(vault_data.rotation_schedule, vault_data.secret),
	vault_data.promote(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation),
	vault_data.retire_version(vault_data.secret, integer), vault_data.is_final(vault_data.secret, vault_data.rotation, text),
	vault_data.undo_run(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation),
	vault_data.retire(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation),
	vault_data.step_rotation(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation), vault_data.advance_rotation(vault_data.rotation_schedule),
	vault_data.rotation_attempts(), vault_data.rotation_retry(), vault_data.give_up(vault_data.rotation_schedule, vault_data.rotation, text),
	vault_data.rotation_failed(vault_data.rotation_schedule, text), vault_data.claim_rotation(), vault_data.is_own_write(xid), vault_data.refuse_transaction_block(), vault_data.rotate_due(integer),
	vault_data.rotate_on_demand(text, text, boolean, boolean), vault_data.retires_at_once(vault_data.rotation), vault_data.retire_previous(uuid),
	vault_data.retire_overlaps(vault_data.rotation_schedule, vault_data.secret), vault_data.end_run_at_once(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation),
	vault_data.complete_run(vault_data.rotation_schedule, vault_data.secret, vault_data.rotation),
	vault_data.complete_rotation(uuid), vault_data.rotation_rolled_back(vault_data.secret, integer), vault_data.rotate_plain(text, text),
	vault_data.can_generate(text), vault_data.rotate_matching(text, jsonb, text, boolean) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault_data.rotation_batch() TO vault_jobs;
GRANT EXECUTE ON FUNCTION vault.set_rotation(text, text, text, anycompatible, text, interval, text), vault.remove_rotation(text, text),
	vault.complete_rotation(uuid, text), vault.complete_rotation(uuid, bytea), vault.complete_rotation(uuid, jsonb), vault.complete_rotation(uuid, json),
	vault.rotate_matching(text, anycompatible, text, boolean) TO vault_client;
GRANT EXECUTE ON FUNCTION vault.allow_rotation(text, text), vault.disallow_rotation(text, text), vault.rotate_due(integer) TO vault_admin;

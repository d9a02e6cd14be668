/*
 * Rules of expiry, and the warnings that the jobs announce.
 */

/*
 * Return the due warning: the smallest threshold that is reached, unless that or a smaller one was
 * announced. Zero means that the secret has expired.
 */
CREATE FUNCTION vault_data.due_warning(expires_at timestamptz, thresholds interval[],
	warned interval, now timestamptz)
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT min(t) FROM unnest(COALESCE(thresholds, '{}') || '0'::interval) AS t
	WHERE expires_at - now <= t
	HAVING warned IS NULL OR min(t) < warned
$$;

CREATE FUNCTION vault_data.default_thresholds() RETURNS interval[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT COALESCE(array_agg(days::integer * interval '1 day'), '{}')
	FROM regexp_split_to_table(btrim(current_setting('vault.expiry_warnings')), '\s*,\s*') AS days
	WHERE days <> ''
$$;

/*
 * After the secret has expired, only a new value or the override helps. Otherwise the bounds of
 * the override could be passed by.
 */
CREATE FUNCTION vault_data.set_expiry(p_name text, p_at timestamptz, p_grace interval,
	p_environment text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('write', p_name, p_environment);
	now timestamptz := clock_timestamp();
	at timestamptz := NULLIF(p_at, 'infinity');
	present vault_data.secret_version;
	own_end timestamptz;
	grace_end timestamptz;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	IF at <= now THEN
		PERFORM vault_data.fail('22023', 'invalid at: must be in the future',
			'Give a time to come, or NULL for no expiry; vault.deactivate() acts at once.');
	ELSIF at >= '10000-01-01 00:00+00' THEN
		PERFORM vault_data.fail('22023', 'invalid at: must not be after the year 9999',
			'Give NULL or ''infinity'' for no expiry.');
	END IF;
	IF p_grace IS NULL OR p_grace NOT BETWEEN '0' AND '90 days' THEN
		PERFORM vault_data.fail('22023', 'invalid grace: must be between 0 and 90 days',
			'Give an interval such as ''7 days''.');
	ELSIF at IS NULL AND p_grace > '0' THEN
		PERFORM vault_data.fail('22023', 'invalid grace: there is no time that it follows',
			'Give at, or leave the grace out.');
	END IF;
	SELECT * INTO present FROM vault_data.secret_version x
	WHERE x.tenant_id = head.tenant_id AND x.secret_id = head.id
		AND x.version = head.current_version;
	PERFORM vault_data.require_authentic(present);
	own_end := present.expires_at;
	IF at > own_end THEN
		PERFORM vault_data.fail('22023', 'invalid at: the value itself ends before',
			'vault.versions shows when; put a new value with vault.put() or vault.rotate().');
	END IF;
	grace_end := CASE WHEN p_grace > '0' THEN at
		+ make_interval(secs => date_part('epoch', p_grace)) END;
	IF grace_end > own_end THEN
		PERFORM vault_data.fail('22023', 'invalid grace: the value itself ends before it is over',
			'Give a shorter one; vault.versions shows when the value ends.');
	END IF;
	at := COALESCE(at, own_end);
	IF head.expires_at <= now THEN
		PERFORM vault_data.fail('VT006', 'secret has expired',
			'Put a new value with vault.put() or vault.rotate(), or prolong it with '
			'vault.extend_expiry().');
	END IF;
	UPDATE vault_data.secret SET expires_at = at, updated_at = now,
		grace_until = grace_end
	WHERE tenant_id = head.tenant_id AND id = head.id;
END
$$;

CREATE FUNCTION vault_data.extend_expiry(p_name text, p_until timestamptz, p_reason text,
	p_environment text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('override', p_name, p_environment);
	now timestamptz := clock_timestamp();
	extensions integer := COALESCE(head.extensions, 0);
	most integer := current_setting('vault.max_extensions')::integer;
	longest interval := current_setting('vault.max_extension')::interval;
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	PERFORM vault_data.check_reason(p_reason);
	IF head.expires_at IS NULL THEN
		PERFORM vault_data.fail('55000', 'secret has no expiry', 'There is nothing to prolong.');
	END IF;
	IF extensions >= most THEN
		PERFORM vault_data.fail('54000',
			format('the expiry of this version was prolonged %s times', extensions),
			'Put a new value with vault.put() or vault.rotate(); vault.max_extensions is the '
			'bound.');
	END IF;
	IF p_until IS NULL OR p_until <= GREATEST(now, head.expires_at, head.grace_until)
		OR p_until > now + longest
	THEN
		PERFORM vault_data.fail('22023',
			'invalid until: it is no later than what holds, or further away than '
			'vault.max_extension',
			'Give a time until when a new value can be had.');
	END IF;
	PERFORM vault_data.note(p_reason);
	UPDATE vault_data.secret
	SET expires_at = p_until, grace_until = NULL, extensions = COALESCE(head.extensions, 0) + 1,
		updated_at = now
	WHERE tenant_id = head.tenant_id AND id = head.id;
	PERFORM vault_data.announce(head.tenant_id, 'extended', 'warning', head.id,
		jsonb_build_object('version', head.current_version, 'expires_at', p_until,
			'extensions', extensions + 1, 'reason', p_reason));
END
$$;

CREATE FUNCTION vault_data.set_warnings(p_name text, p_thresholds interval[], p_environment text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret := vault_data.find_secret('write', p_name, p_environment);
BEGIN
	PERFORM vault_data.require_not_deleted(head);
	IF array_ndims(p_thresholds) > 1 OR cardinality(p_thresholds) > 16
		OR EXISTS (SELECT FROM unnest(p_thresholds) AS t
			WHERE t IS NULL OR t NOT BETWEEN '1 minute' AND '365 days')
	THEN
		PERFORM vault_data.fail('22023',
			'invalid thresholds: they are more than 16, or one is not between a minute and '
			'365 days',
			'Give times before the expiry such as ''{30 days,1 day}'', or NULL for those of the '
			'type or of vault.expiry_warnings.');
	END IF;
	INSERT INTO vault_data.secret_warning AS w (tenant_id, id, thresholds)
	VALUES (head.tenant_id, head.id, p_thresholds)
	ON CONFLICT (tenant_id, id) DO UPDATE SET thresholds = excluded.thresholds;
END
$$;

CREATE FUNCTION vault_data.expiring(p_within interval, p_environment text, p_tenant text)
RETURNS TABLE (name text, environment text, state text, expires_at timestamptz,
	grace_until timestamptz, extensions integer, warned interval)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	now timestamptz := clock_timestamp();
BEGIN
	IF p_environment IS NOT NULL THEN
		PERFORM vault_data.check_environment(p_environment);
	END IF;
	IF p_within IS NULL OR p_within NOT BETWEEN '0' AND '100 years' THEN
		PERFORM vault_data.fail('22023', 'invalid within: must be between 0 and 100 years',
			'Give an interval such as ''30 days''.');
	END IF;
	RETURN QUERY
	SELECT s.name, s.environment,
		CASE WHEN s.expires_at > now THEN 'expiring' WHEN s.grace_until > now THEN 'grace'
			ELSE 'expired' END,
		s.expires_at, s.grace_until, COALESCE(s.extensions, 0), w.threshold
	FROM vault_data.secret s
		LEFT JOIN vault_data.expiry_warning w ON w.tenant_id = s.tenant_id AND w.id = s.id
			AND w.version = s.current_version AND w.expires_at = s.expires_at
	WHERE s.tenant_id = this_tenant AND s.expires_at <= now + p_within AND s.purge_at IS NULL
		AND (p_environment IS NULL OR s.environment = p_environment)
		AND vault_data.may_know(s.name, s.environment)
	ORDER BY s.expires_at, s.environment, s.name;
END
$$;

/* Announce a secret's warning once. Returns false if another session has just announced it. */
CREATE FUNCTION vault_data.warn(head vault_data.secret, due interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	INSERT INTO vault_data.expiry_warning AS w (tenant_id, id, version, expires_at, threshold)
	VALUES (head.tenant_id, head.id, head.current_version, head.expires_at, due)
	ON CONFLICT (tenant_id, id, version) DO UPDATE SET expires_at = excluded.expires_at,
		threshold = excluded.threshold
	WHERE w.expires_at <> excluded.expires_at OR w.threshold > excluded.threshold;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	DELETE FROM vault_data.expiry_warning
	WHERE tenant_id = head.tenant_id AND id = head.id AND version < head.last_version - 100
		AND version <> head.current_version;
	PERFORM vault_data.announce(head.tenant_id,
		CASE WHEN due > '0' THEN 'expiring' ELSE 'expired' END,
		CASE WHEN due > '7 days' THEN 'info' WHEN due > '0' THEN 'warning' ELSE 'critical' END,
		head.id,
		jsonb_strip_nulls(jsonb_build_object('version', head.current_version,
			'expires_at', head.expires_at, 'grace_until', head.grace_until,
			'threshold_seconds', NULLIF(date_part('epoch', due), 0))));
	RETURN true;
END
$$;

/* Begin with the most urgent. A row that was changed outside is left to vault.verify(). */
CREATE FUNCTION vault_data.warn_tenant(p_expired boolean, p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	now timestamptz := clock_timestamp();
	defaults interval[] := vault_data.default_thresholds();
	told integer := 0;
	due record;
BEGIN
	FOR due IN
		WITH of_type AS MATERIALIZED (SELECT l.type, l.warn_at
			FROM vault_data.type_lifecycles(vault.current_tenant_id()) l)
		SELECT s AS head, d.threshold
		FROM vault_data.secret s
			LEFT JOIN vault_data.secret_warning w ON w.tenant_id = s.tenant_id AND w.id = s.id
			LEFT JOIN vault_data.expiry_warning e ON e.tenant_id = s.tenant_id AND e.id = s.id
				AND e.version = s.current_version AND e.expires_at = s.expires_at
			LEFT JOIN of_type t ON t.type = s.type
			CROSS JOIN LATERAL (SELECT vault_data.due_warning(s.expires_at,
				COALESCE(w.thresholds, t.warn_at, defaults),
				e.threshold, now) AS threshold OFFSET 0) d
		WHERE s.tenant_id = vault.current_tenant_id() AND s.purge_at IS NULL
			AND s.expires_at <= CASE WHEN p_expired THEN now ELSE now + interval '3650 days' END
			AND (p_expired OR s.expires_at > now)
			AND d.threshold IS NOT NULL AND vault_data.is_authentic(s)
		ORDER BY s.expires_at LIMIT p_max_rows
	LOOP
		IF vault_data.warn(due.head, due.threshold) THEN
			told := told + 1;
		END IF;
	END LOOP;
	RETURN told;
END
$$;

/* Announce it three days before a deleted secret is purged. */
CREATE FUNCTION vault_data.warn_of_purge(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret;
	told integer := 0;
BEGIN
	FOR head IN
		SELECT d.*
		FROM vault_data.secret d
			LEFT JOIN vault_data.secret_warning w ON w.tenant_id = d.tenant_id AND w.id = d.id
		WHERE d.tenant_id = vault.current_tenant_id()
			AND d.purge_at <= clock_timestamp() + interval '3 days'
			AND w.purge_at IS DISTINCT FROM d.purge_at AND vault_data.is_authentic(d)
		ORDER BY d.purge_at LIMIT p_max_rows
	LOOP
		INSERT INTO vault_data.secret_warning AS w (tenant_id, id, purge_at)
		VALUES (head.tenant_id, head.id, head.purge_at)
		ON CONFLICT (tenant_id, id) DO UPDATE SET purge_at = excluded.purge_at
			WHERE w.purge_at IS DISTINCT FROM excluded.purge_at;
		CONTINUE WHEN NOT FOUND;
		PERFORM vault_data.announce(head.tenant_id, 'purge_due', 'warning', head.id,
			jsonb_build_object('purge_at', head.purge_at));
		told := told + 1;
	END LOOP;
	RETURN told;
END
$$;

CREATE FUNCTION vault_data.announce_expiring_of_tenant(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	told integer := vault_data.warn_tenant(false, p_max_rows);
BEGIN
	RETURN told + CASE WHEN told < p_max_rows THEN vault_data.warn_of_purge(p_max_rows - told)
		ELSE 0 END;
END
$$;

CREATE FUNCTION vault_data.announce_expiring(p_max_rows integer) RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.in_turns('announce_expiring_of_tenant', vault_data.tenant_names(), false,
		p_max_rows) $$;

CREATE FUNCTION vault_data.announce_expired_of_tenant(p_max_rows integer) RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$ SELECT vault_data.warn_tenant(true, p_max_rows) $$;

CREATE FUNCTION vault_data.announce_expired(p_max_rows integer) RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.in_turns('announce_expired_of_tenant', vault_data.tenant_names(), false,
		p_max_rows) $$;

--@ execute vault_exec: announce_expired, announce_expired_of_tenant, announce_expiring,
--@	announce_expiring_of_tenant, default_thresholds, due_warning, expiring, extend_expiry,
--@	set_expiry, set_warnings, warn, warn_of_purge, warn_tenant

/*
 * The thresholds, and a detector for each kind of anomaly. A detector reads counts of usage only.
 */

CREATE FUNCTION vault_data.anomaly_defaults()
RETURNS TABLE (name text, value numeric, lowest numeric, highest numeric, meaning text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	VALUES
	('history_days', 56::numeric, 7::numeric, 90::numeric,
		'days of a principal''s past that count'),
	('habit_hours', 3, 1, 1000,
		'hours of the past that were nearly as busy make it a habit: neither rate nor mass_read'),
	('network_days', 7, 0, 90, 'new_network: days since the principal was first seen'),
	('week_days', 28, 7, 90, 'unusual_hour: days since the principal was first seen'),
	('week_hours', 100, 1, 2160, 'unusual_hour: hours of the past in which it was active'),
	('week_share', 0.01, 0, 1,
		'unusual_hour: below this share of them fell on this hour of the week and its neighbours'),
	('rate_hours', 24, 1, 2160, 'rate: hours of the past with reads'),
	('rate_deviations', 6, 1, 1000, 'rate and mass_read: this many deviations above the median'),
	('rate_floor', 100, 1, 1000000000, 'rate: at least so many reads in the hour'),
	('mass_floor', 50, 1, 1000000000, 'mass_read: at least so many secrets in the hour'),
	('mass_share', 0.5, 0, 1, 'mass_read: or this share of the tenant''s secrets'),
	('mass_least', 5, 1, 1000000000, 'mass_read: and of a small tenant at least so many'),
	('burst_denials', 20, 1, 1000000000, 'denial_burst: at least so many denials'),
	('burst_minutes', 10, 1, 1440, 'denial_burst: within so many minutes')
$$;

CREATE FUNCTION vault_data.anomaly_limits() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT jsonb_object_agg(d.name, COALESCE(c.value, d.value))
	FROM vault_data.anomaly_defaults() d
		LEFT JOIN vault_data.anomaly_threshold c ON c.name = d.name COLLATE "C"
$$;
COMMENT ON FUNCTION vault_data.anomaly_limits() IS 'returns every threshold by its name';

/*
 * Return statistics of the hours before p_hour that have any calls: the median, the median absolute
 * deviation (scaled to a standard deviation, and never below a tenth of the median or 1), and the
 * number of hours with at least four fifths of p_value.
 */
CREATE FUNCTION vault_data.hourly_baseline(p_tenant uuid, p_principal uuid, p_hour timestamptz,
	p_days float8, p_secrets boolean, p_value bigint)
RETURNS TABLE (hours bigint, median float8, deviation float8, similar_hours bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH past AS MATERIALIZED (
		SELECT (CASE WHEN p_secrets THEN u.secrets ELSE u.reads END)::float8 AS n
		FROM vault_data.usage_hour u
		WHERE u.tenant_id = p_tenant AND u.principal_id = p_principal
			AND u.hour >= p_hour - p_days * interval '1 day' AND u.hour < p_hour AND u.reads > 0
	), middle AS (
		SELECT count(*) AS hours, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS median,
			count(*) FILTER (WHERE n >= 0.8 * p_value) AS similar_hours
		FROM past
	)
	SELECT m.hours, m.median,
		GREATEST(1.4826
			* (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(n - m.median)) FROM past),
			0.1 * m.median, 1),
		m.similar_hours
	FROM middle m
$$;

/*
 * Each detector returns what it finds in the usage of a tenant that changed from p_since on and
 * that is not later than p_until.
 */
CREATE FUNCTION vault_data.find_new_networks(p_tenant uuid, p_since timestamptz,
	p_until timestamptz, limits jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text,
	evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'new_network', n.principal_id, n.network::text, n.first_seen_at, 'medium',
		jsonb_build_object('network', n.network, 'calls', n.calls, 'known_networks', known.networks,
			'known_since', known.since)
	FROM vault_data.usage_network n CROSS JOIN LATERAL (
		SELECT min(o.first_seen_at) AS since, count(*) AS networks FROM vault_data.usage_network o
		WHERE o.tenant_id = n.tenant_id AND o.principal_id = n.principal_id
			AND o.first_seen_at < n.first_seen_at) known
	WHERE n.tenant_id = p_tenant AND n.first_seen_at > p_until - interval '7 days'
		AND n.first_seen_at <= p_until
		AND known.since <= n.first_seen_at - (limits ->> 'network_days')::float8 * interval '1 day'
$$;

/* The hour of the week is in UTC. It counts together with the hours beside it. */
CREATE FUNCTION vault_data.find_unusual_hours(p_tenant uuid, p_since timestamptz,
	p_until timestamptz, limits jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text,
	evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'unusual_hour', h.principal_id, '', h.hour, 'low',
		jsonb_build_object('calls', h.calls, 'reads', h.reads, 'hour_utc',
			to_char(h.hour AT TIME ZONE 'UTC', 'FMDay HH24:00'),
			'active_hours', past.hours, 'at_this_hour', past.here)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL (
		SELECT count(*) AS hours, min(o.hour) AS since,
			count(*)
				FILTER (WHERE (extract(epoch FROM h.hour - o.hour) / 3600)::bigint % 168 IN (0, 1,
					167)) AS here
		FROM vault_data.usage_hour o
		WHERE o.tenant_id = h.tenant_id AND o.principal_id = h.principal_id
			AND o.hour >= h.hour - (limits ->> 'history_days')::float8 * interval '1 day'
			AND o.hour < h.hour) past
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since
		AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND past.hours >= (limits ->> 'week_hours')::float8
		AND past.since <= h.hour - (limits ->> 'week_days')::float8 * interval '1 day'
		AND past.here < (limits ->> 'week_share')::float8 * past.hours
$$;

CREATE FUNCTION vault_data.find_rates(p_tenant uuid, p_since timestamptz, p_until timestamptz,
	limits jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text,
	evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'rate', h.principal_id, '', h.hour, 'medium',
		jsonb_build_object('reads', h.reads, 'median', b.median, 'deviation',
			round(b.deviation::numeric, 2), 'hours', b.hours)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL
		vault_data.hourly_baseline(h.tenant_id, h.principal_id, h.hour,
			(limits ->> 'history_days')::float8, false, h.reads) b
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since
		AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND h.reads >= (limits ->> 'rate_floor')::float8
		AND b.hours >= (limits ->> 'rate_hours')::float8
		AND b.similar_hours < (limits ->> 'habit_hours')::float8
		AND h.reads > b.median + (limits ->> 'rate_deviations')::float8 * b.deviation
$$;

/*
 * Report an hour with reads of half of the tenant's secrets, however small the tenant, but of at
 * least mass_least; or of mass_floor secrets, where that is out of the principal's ordinary.
 */
CREATE FUNCTION vault_data.find_mass_reads(p_tenant uuid, p_since timestamptz, p_until timestamptz,
	limits jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text,
	evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'mass_read', h.principal_id, '', h.hour, 'high',
		jsonb_build_object('secrets', h.secrets, 'tenant_secrets', total.n, 'median', b.median,
			'deviation', round(b.deviation::numeric, 2), 'hours', b.hours)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL
		vault_data.hourly_baseline(h.tenant_id, h.principal_id, h.hour,
			(limits ->> 'history_days')::float8, true, h.secrets) b
		CROSS JOIN LATERAL (SELECT count(*) AS n FROM vault_data.secret s
			WHERE s.tenant_id = h.tenant_id AND s.purge_at IS NULL) total
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since
		AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND h.secrets >= (limits ->> 'mass_least')::float8
		AND b.similar_hours < (limits ->> 'habit_hours')::float8
		AND (h.secrets >= (limits ->> 'mass_share')::float8 * total.n
			OR (h.secrets >= (limits ->> 'mass_floor')::float8
				AND b.hours >= (limits ->> 'rate_hours')::float8
				AND h.secrets > b.median + (limits ->> 'rate_deviations')::float8 * b.deviation))
$$;

/*
 * Return bursts by principal, or by address where no principal was identified. There is at most
 * one for an hour: that in which the number was reached.
 */
CREATE FUNCTION vault_data.find_denial_bursts(p_tenant uuid, p_since timestamptz,
	p_until timestamptz, limits jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text,
	evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH minutes AS (
		SELECT d.principal_id,
			CASE WHEN d.principal_id = '00000000-0000-0000-0000-000000000000'
				THEN host(d.address) ELSE '' END AS subject,
			d.minute, sum(d.denials) AS denials, max(d.changed_at) AS changed_at
		FROM vault_data.usage_denial d
		WHERE d.tenant_id = p_tenant AND d.minute > p_until - interval '7 days'
			AND d.minute <= p_until
		GROUP BY 1, 2, 3
	), sums AS (
		SELECT m.*, sum(m.denials) OVER (PARTITION BY m.principal_id, m.subject
			ORDER BY floor(extract(epoch FROM m.minute) / 60)
			RANGE BETWEEN ((limits ->> 'burst_minutes')::numeric - 1) PRECEDING AND CURRENT ROW)
				AS denials_before
		FROM minutes m
	)
	SELECT 'denial_burst', s.principal_id, s.subject, date_trunc('hour', s.minute, 'UTC'),
		CASE WHEN max(s.denials_before) >= 5 * (limits ->> 'burst_denials')::float8 THEN 'high'
			ELSE 'medium' END,
		jsonb_strip_nulls(jsonb_build_object('denials', max(s.denials_before), 'minutes',
			(limits ->> 'burst_minutes')::numeric, 'address', NULLIF(s.subject, '')))
	FROM sums s
	WHERE s.denials_before >= (limits ->> 'burst_denials')::float8
	GROUP BY s.principal_id, s.subject, date_trunc('hour', s.minute, 'UTC')
	HAVING max(s.changed_at) >= p_since
$$;

/* Judge the usage of a tenant as of a time. Returns the number of new anomalies. */
CREATE FUNCTION vault_data.detect(p_tenant uuid, p_as_of timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	limits jsonb := vault_data.anomaly_limits();
	since timestamptz;
	detected record;
	found integer := 0;
BEGIN
	/*
	 * Look an hour further back: a step of the log consumer commits after the time that it writes.
	 */
	SELECT j.until - interval '1 hour' INTO since FROM vault_data.usage_evaluated j
	WHERE j.tenant_id = p_tenant;
	since := COALESCE(since, p_as_of - interval '7 days');
	FOR detected IN
		INSERT INTO vault_data.anomaly AS n (tenant_id, id, kind, principal_id, subject, at,
			severity, evidence)
		SELECT p_tenant, vault_data.new_id(), f.* FROM (
			SELECT * FROM vault_data.find_new_networks(p_tenant, since, p_as_of, limits)
			UNION ALL SELECT * FROM vault_data.find_unusual_hours(p_tenant, since, p_as_of, limits)
			UNION ALL SELECT * FROM vault_data.find_rates(p_tenant, since, p_as_of, limits)
			UNION ALL SELECT * FROM vault_data.find_mass_reads(p_tenant, since, p_as_of, limits)
			UNION ALL SELECT *
			FROM vault_data.find_denial_bursts(p_tenant, since, p_as_of, limits)) f
		ON CONFLICT ON CONSTRAINT anomaly_once DO NOTHING
		RETURNING n.id, n.kind, n.severity
	LOOP
		PERFORM vault_data.announce(p_tenant, 'anomaly',
			CASE detected.severity
				WHEN 'high' THEN 'critical' WHEN 'medium' THEN 'warning' ELSE 'info' END,
			jsonb_build_object('anomaly', detected.id, 'kind', detected.kind));
		found := found + 1;
	END LOOP;
	INSERT INTO vault_data.usage_evaluated AS j (tenant_id, until) VALUES (p_tenant, p_as_of)
	ON CONFLICT (tenant_id) DO UPDATE SET until = excluded.until;
	RETURN found;
END
$$;

CREATE FUNCTION vault_data.detect_anomalies() RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	now timestamptz := clock_timestamp();
	this_tenant uuid;
	total integer := 0;
BEGIN
	FOREACH this_tenant IN ARRAY vault_data.all_tenant_ids() LOOP
		PERFORM vault_data.enter_tenant_id(this_tenant);
		/* Report it once a day. */
		PERFORM FROM vault_data.usage_evaluated j
		WHERE j.tenant_id = this_tenant AND j.until >= date_trunc('day', now, 'UTC');
		IF NOT FOUND THEN
			PERFORM vault_data.forget_usage(now);
			DELETE FROM vault_data.anomaly a
			WHERE a.tenant_id = this_tenant AND a.at < now - interval '400 days';
		END IF;
		total := total + vault_data.detect(this_tenant, now);
	END LOOP;
	RETURN total;
END
$$;

CREATE FUNCTION vault_data.acknowledge_anomaly(p_id uuid, p_note text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_tenant IS NOT NULL OR vault_data.caller_principal() IS NOT NULL THEN
		PERFORM vault_data.choose_tenant(p_tenant);
	END IF;
	PERFORM vault_data.require_administrator();
	IF octet_length(p_note) > 1024 THEN
		PERFORM vault_data.fail('22023', 'invalid note: must be at most 1024 bytes long',
			'Refer to a ticket for more.');
	END IF;
	UPDATE vault_data.anomaly a SET acknowledged_at = clock_timestamp(), note = p_note,
		acknowledged_by = vault_data.caller_name()
	WHERE a.tenant_id = vault.current_tenant_id() AND a.id = p_id AND a.acknowledged_at IS NULL;
	IF NOT FOUND
		AND EXISTS (SELECT FROM vault_data.anomaly a
			WHERE a.tenant_id = vault.current_tenant_id() AND a.id = p_id)
	THEN
		PERFORM vault_data.fail('55000', 'anomaly is acknowledged already',
			'The view vault.anomalies says by whom.');
	ELSIF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such anomaly',
			'The view vault.anomalies shows them; operators name the tenant.');
	END IF;
END
$$;

CREATE FUNCTION vault_data.caller_name() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_caller_name';

CREATE FUNCTION vault_data.set_anomaly_threshold(p_name text, p_value numeric) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	bounds record;
BEGIN
	SELECT * INTO bounds FROM vault_data.anomaly_defaults() d WHERE d.name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('22023', 'invalid name: there is no such threshold',
			'The view vault.anomaly_thresholds shows them.');
	ELSIF NOT p_value BETWEEN bounds.lowest AND bounds.highest THEN
		PERFORM vault_data.fail('22023',
			format('invalid value: must be between %s and %s', bounds.lowest, bounds.highest),
			'NULL brings the default back.');
	END IF;
	/* A threshold with its default value has no row. */
	PERFORM vault_data.note(format('the default is %s', bounds.value));
	DELETE FROM vault_data.anomaly_threshold c
	WHERE c.name = p_name COLLATE "C" AND p_value IS NULL;
	INSERT INTO vault_data.anomaly_threshold (name, value) SELECT p_name, p_value
	WHERE p_value IS NOT NULL
	ON CONFLICT (name) DO UPDATE SET value = excluded.value;
END
$$;

--@ execute vault_admin, vault_auditor, vault_exec, vault_owner: anomaly_defaults
--@ execute vault_exec: acknowledge_anomaly, anomaly_limits, caller_name, detect,
--@	detect_anomalies, find_denial_bursts, find_mass_reads, find_new_networks, find_rates,
--@	find_unusual_hours, hourly_baseline, set_anomaly_threshold

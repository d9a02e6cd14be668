/*
 * Anomalies: what a principal does that it has not done before, judged by the counts
 * of usage and never by the trail itself, so that the cost follows the principals that
 * were active and not the length of the trail.
 *
 * A run judges what the log consumer has brought since the last one and what is younger than
 * seven days. An anomaly is found once: the key is tenant, kind, principal, subject and window,
 * so that to judge something twice does no harm.
 */
CREATE TABLE vault_data.anomaly (
	tenant_id       uuid NOT NULL,
	id              uuid NOT NULL,
	kind            text COLLATE "C" NOT NULL,
	principal_id    uuid NOT NULL,
	subject         text COLLATE "C" NOT NULL,
	at              timestamptz NOT NULL,
	severity        text NOT NULL,
	evidence        jsonb NOT NULL,
	detected_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	acknowledged_at timestamptz,
	acknowledged_by text,
	note            text,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT anomaly_once UNIQUE (tenant_id, kind, principal_id, subject, at)
);
/* Thresholds that operators have changed; the others are in anomaly_defaults(). */
CREATE TABLE vault_data.anomaly_threshold (
	name  text COLLATE "C" PRIMARY KEY,
	value numeric NOT NULL
);
/* Until when the usage of a tenant was judged. */
CREATE TABLE vault_data.usage_evaluated (
	tenant_id uuid PRIMARY KEY,
	until     timestamptz NOT NULL
);

ALTER TABLE vault_data.anomaly OWNER TO vault_owner;
ALTER TABLE vault_data.anomaly_threshold OWNER TO vault_owner;
ALTER TABLE vault_data.usage_evaluated OWNER TO vault_owner;
REVOKE ALL ON vault_data.anomaly, vault_data.anomaly_threshold, vault_data.usage_evaluated FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.anomaly, vault_data.anomaly_threshold, vault_data.usage_evaluated TO vault_exec;
ALTER TABLE vault_data.anomaly ALTER COLUMN subject SET STATISTICS 0, ALTER COLUMN evidence SET STATISTICS 0,
	ALTER COLUMN acknowledged_by SET STATISTICS 0, ALTER COLUMN note SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.anomaly', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.anomaly_threshold', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_evaluated', '');
ALTER TABLE vault_data.anomaly ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.anomaly_threshold ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.usage_evaluated ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY sees_all_tenants ON vault_data.anomaly_threshold FOR SELECT TO vault_owner
	USING (vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.anomaly_threshold TO vault_exec
	USING (vault_data.is_inside());
CREATE POLICY tenant ON vault_data.anomaly FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.anomaly TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.usage_evaluated FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage_evaluated TO vault_exec
	USING (vault_data.is_inside(tenant_id));

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.anomaly
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('anomaly', 'kind', 'principal_id', 'at', 'severity', 'acknowledged_by');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.anomaly_threshold
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('anomaly_threshold', '=name', 'value');
ALTER TABLE vault_data.anomaly ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.anomaly_threshold ENABLE ALWAYS TRIGGER audit;

CREATE FUNCTION vault_data.anomaly_defaults()
RETURNS TABLE (name text, value numeric, lowest numeric, highest numeric, meaning text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	VALUES
	('history_days', 56::numeric, 7::numeric, 90::numeric, 'days of a principal''s past that count'),
	('habit_hours', 3, 1, 1000, 'hours of the past that were nearly as busy make it a habit: neither rate nor mass_read'),
	('network_days', 7, 0, 90, 'new_network: days since the principal was first seen'),
	('week_days', 28, 7, 90, 'unusual_hour: days since the principal was first seen'),
	('week_hours', 100, 1, 2160, 'unusual_hour: hours of the past in which it was active'),
	('week_share', 0.01, 0, 1, 'unusual_hour: below this share of them fell on this hour of the week and its neighbours'),
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
	FROM vault_data.anomaly_defaults() d LEFT JOIN vault_data.anomaly_threshold c ON c.name = d.name COLLATE "C"
$$;
COMMENT ON FUNCTION vault_data.anomaly_limits() IS 'returns every threshold by its name';

/*
 * Statistics of the hours before p_hour that have any calls: median, median absolute deviation
 * (scaled to a standard deviation, and never below a tenth of the median or 1), and the number
  * of hours with at least four fifths of p_value.
 */
CREATE FUNCTION vault_data.hourly_baseline(p_tenant uuid, p_principal uuid, p_hour timestamptz, p_days float8, p_secrets boolean, p_value bigint)
RETURNS TABLE (hours bigint, median float8, deviation float8, similar_hours bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH past AS MATERIALIZED (
		SELECT (CASE WHEN p_secrets THEN u.secrets ELSE u.reads END)::float8 AS n FROM vault_data.usage_hour u
		WHERE u.tenant_id = p_tenant AND u.principal_id = p_principal
			AND u.hour >= p_hour - p_days * interval '1 day' AND u.hour < p_hour AND u.reads > 0
	), middle AS (
		SELECT count(*) AS hours, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS median,
			count(*) FILTER (WHERE n >= 0.8 * p_value) AS similar_hours
		FROM past
	)
	SELECT m.hours, m.median, GREATEST(1.4826 * (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(n - m.median)) FROM past), 0.1 * m.median, 1),
		m.similar_hours
	FROM middle m
$$;

/* Each detector returns what it finds in the usage of a tenant that changed from p_since on and that is not later than p_until. */
CREATE FUNCTION vault_data.find_new_networks(p_tenant uuid, p_since timestamptz, p_until timestamptz, l jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text, evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'new_network', n.principal_id, n.network::text, n.first_seen_at, 'medium',
		jsonb_build_object('network', n.network, 'calls', n.calls, 'known_networks', known.networks, 'known_since', known.since)
	FROM vault_data.usage_network n CROSS JOIN LATERAL (
		SELECT min(o.first_seen_at) AS since, count(*) AS networks FROM vault_data.usage_network o
		WHERE o.tenant_id = n.tenant_id AND o.principal_id = n.principal_id AND o.first_seen_at < n.first_seen_at) known
	WHERE n.tenant_id = p_tenant AND n.first_seen_at > p_until - interval '7 days' AND n.first_seen_at <= p_until
		AND known.since <= n.first_seen_at - (l ->> 'network_days')::float8 * interval '1 day'
$$;

/* The hour of the week is in UTC; it and the hours beside it count as one. */
CREATE FUNCTION vault_data.find_unusual_hours(p_tenant uuid, p_since timestamptz, p_until timestamptz, l jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text, evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'unusual_hour', h.principal_id, '', h.hour, 'low',
		jsonb_build_object('calls', h.calls, 'reads', h.reads, 'hour_utc', to_char(h.hour AT TIME ZONE 'UTC', 'FMDay HH24:00'),
			'active_hours', past.hours, 'at_this_hour', past.here)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL (
		SELECT count(*) AS hours, min(o.hour) AS since,
			count(*) FILTER (WHERE (extract(epoch FROM h.hour - o.hour) / 3600)::bigint % 168 IN (0, 1, 167)) AS here
		FROM vault_data.usage_hour o
		WHERE o.tenant_id = h.tenant_id AND o.principal_id = h.principal_id
			AND o.hour >= h.hour - (l ->> 'history_days')::float8 * interval '1 day' AND o.hour < h.hour) past
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND past.hours >= (l ->> 'week_hours')::float8
		AND past.since <= h.hour - (l ->> 'week_days')::float8 * interval '1 day'
		AND past.here < (l ->> 'week_share')::float8 * past.hours
$$;

CREATE FUNCTION vault_data.find_rates(p_tenant uuid, p_since timestamptz, p_until timestamptz, l jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text, evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'rate', h.principal_id, '', h.hour, 'medium',
		jsonb_build_object('reads', h.reads, 'median', b.median, 'deviation', round(b.deviation::numeric, 2), 'hours', b.hours)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL
		vault_data.hourly_baseline(h.tenant_id, h.principal_id, h.hour, (l ->> 'history_days')::float8, false, h.reads) b
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND h.reads >= (l ->> 'rate_floor')::float8
		AND b.hours >= (l ->> 'rate_hours')::float8 AND b.similar_hours < (l ->> 'habit_hours')::float8
		AND h.reads > b.median + (l ->> 'rate_deviations')::float8 * b.deviation
$$;

/* Half of what there is, however small the tenant, down to mass_least; or mass_floor where that is out of its ordinary. */
CREATE FUNCTION vault_data.find_mass_reads(p_tenant uuid, p_since timestamptz, p_until timestamptz, l jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text, evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT 'mass_read', h.principal_id, '', h.hour, 'high',
		jsonb_build_object('secrets', h.secrets, 'tenant_secrets', total.n, 'median', b.median, 'deviation', round(b.deviation::numeric, 2), 'hours', b.hours)
	FROM vault_data.usage_hour h CROSS JOIN LATERAL
		vault_data.hourly_baseline(h.tenant_id, h.principal_id, h.hour, (l ->> 'history_days')::float8, true, h.secrets) b
		CROSS JOIN LATERAL (SELECT count(*) AS n FROM vault_data.secret s WHERE s.tenant_id = h.tenant_id AND s.purge_at IS NULL) total
	WHERE h.tenant_id = p_tenant AND h.changed_at >= p_since AND h.hour > p_until - interval '7 days' AND h.hour <= p_until
		AND h.secrets >= (l ->> 'mass_least')::float8 AND b.similar_hours < (l ->> 'habit_hours')::float8
		AND (h.secrets >= (l ->> 'mass_share')::float8 * total.n
			OR (h.secrets >= (l ->> 'mass_floor')::float8 AND b.hours >= (l ->> 'rate_hours')::float8
				AND h.secrets > b.median + (l ->> 'rate_deviations')::float8 * b.deviation))
$$;

/* By principal, and where nobody was identified by address; at most one an hour, that in which the number was reached. */
CREATE FUNCTION vault_data.find_denial_bursts(p_tenant uuid, p_since timestamptz, p_until timestamptz, l jsonb)
RETURNS TABLE (kind text, principal_id uuid, subject text, at timestamptz, severity text, evidence jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	WITH minutes AS (
		SELECT d.principal_id, CASE WHEN d.principal_id = '00000000-0000-0000-0000-000000000000' THEN host(d.address) ELSE '' END AS subject,
			d.minute, sum(d.denials) AS denials, max(d.changed_at) AS changed_at
		FROM vault_data.usage_denial d
		WHERE d.tenant_id = p_tenant AND d.minute > p_until - interval '7 days' AND d.minute <= p_until GROUP BY 1, 2, 3
	), sums AS (
		SELECT m.*, sum(m.denials) OVER (PARTITION BY m.principal_id, m.subject
			ORDER BY floor(extract(epoch FROM m.minute) / 60) RANGE BETWEEN ((l ->> 'burst_minutes')::numeric - 1) PRECEDING AND CURRENT ROW) AS denials_before
		FROM minutes m
	)
	SELECT 'denial_burst', s.principal_id, s.subject, date_trunc('hour', s.minute, 'UTC'),
		CASE WHEN max(s.denials_before) >= 5 * (l ->> 'burst_denials')::float8 THEN 'high' ELSE 'medium' END,
		jsonb_strip_nulls(jsonb_build_object('denials', max(s.denials_before), 'minutes', (l ->> 'burst_minutes')::numeric, 'address', NULLIF(s.subject, '')))
	FROM sums s
	WHERE s.denials_before >= (l ->> 'burst_denials')::float8
	GROUP BY s.principal_id, s.subject, date_trunc('hour', s.minute, 'UTC')
	HAVING max(s.changed_at) >= p_since
$$;

/* Judges the usage of a tenant as of a time; returns how many anomalies were new. */
CREATE FUNCTION vault_data.detect(p_tenant uuid, p_as_of timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	l jsonb := vault_data.anomaly_limits();
	since timestamptz;
	a record;
	found integer := 0;
BEGIN
	/* An hour more: a step of the log consumer commits after the time that it writes. */
	SELECT j.until - interval '1 hour' INTO since FROM vault_data.usage_evaluated j WHERE j.tenant_id = p_tenant;
	since := COALESCE(since, p_as_of - interval '7 days');
	FOR a IN
		INSERT INTO vault_data.anomaly AS n (tenant_id, id, kind, principal_id, subject, at, severity, evidence)
		SELECT p_tenant, vault_data.new_id(), f.* FROM (
			SELECT * FROM vault_data.find_new_networks(p_tenant, since, p_as_of, l)
			UNION ALL SELECT * FROM vault_data.find_unusual_hours(p_tenant, since, p_as_of, l)
			UNION ALL SELECT * FROM vault_data.find_rates(p_tenant, since, p_as_of, l)
			UNION ALL SELECT * FROM vault_data.find_mass_reads(p_tenant, since, p_as_of, l)
			UNION ALL SELECT * FROM vault_data.find_denial_bursts(p_tenant, since, p_as_of, l)) f
		ON CONFLICT ON CONSTRAINT anomaly_once DO NOTHING
		RETURNING n.id, n.kind, n.severity
	LOOP
		PERFORM vault_data.announce(p_tenant, 'anomaly', CASE a.severity WHEN 'high' THEN 'critical' WHEN 'medium' THEN 'warning' ELSE 'info' END,
			NULL, pg_catalog.jsonb_build_object('anomaly', a.id, 'kind', a.kind));
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
	now timestamptz := pg_catalog.clock_timestamp();
	this_tenant uuid;
	total integer := 0;
BEGIN
	FOREACH this_tenant IN ARRAY vault_data.all_tenant_ids() LOOP
		PERFORM vault_data.enter_tenant_id(this_tenant);
		/* Once a day. */
		PERFORM FROM vault_data.usage_evaluated j
		WHERE j.tenant_id = this_tenant AND j.until >= pg_catalog.date_trunc('day', now, 'UTC');
		IF NOT FOUND THEN
			PERFORM vault_data.forget_usage(now);
			DELETE FROM vault_data.anomaly a WHERE a.tenant_id = this_tenant AND a.at < now - interval '400 days';
		END IF;
		total := total + vault_data.detect(this_tenant, now);
	END LOOP;
	RETURN total;
END
$$;
CREATE FUNCTION vault.detect_anomalies() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.detect_anomalies()
	IS 'compares the usage since the last call with earlier usage, stores and announces '
	'anomalies, and returns their number';

CREATE FUNCTION vault_data.acknowledge_anomaly(p_id uuid, p_note text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF p_tenant IS NOT NULL OR vault_data.caller_principal() IS NOT NULL THEN
		PERFORM vault_data.choose_tenant(p_tenant);
	END IF;
	PERFORM vault_data.require_administrator();
	IF pg_catalog.octet_length(p_note) > 1024 THEN
		PERFORM vault_data.fail('22023', 'invalid note: it is longer than 1024 bytes', 'Refer to a ticket for more.');
	END IF;
	UPDATE vault_data.anomaly a SET acknowledged_at = pg_catalog.clock_timestamp(), note = p_note,
		acknowledged_by = vault_data.caller_name()
	WHERE a.tenant_id = vault.current_tenant_id() AND a.id = p_id AND a.acknowledged_at IS NULL;
	IF NOT FOUND AND EXISTS (SELECT FROM vault_data.anomaly a WHERE a.tenant_id = vault.current_tenant_id() AND a.id = p_id) THEN
		PERFORM vault_data.fail('55000', 'anomaly is acknowledged already', 'The view vault.anomalies says by whom.');
	ELSIF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such anomaly', 'The view vault.anomalies shows them; operators name the tenant.');
	END IF;
END
$$;
CREATE FUNCTION vault_data.caller_name() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_caller_name';
CREATE FUNCTION vault.acknowledge_anomaly(id uuid, note text DEFAULT NULL, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.acknowledge_anomaly(uuid, text, text)
	IS 'acknowledges an anomaly, with an explanation';

CREATE FUNCTION vault_data.set_anomaly_threshold(p_name text, p_value numeric) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	bounds record;
BEGIN
	SELECT * INTO bounds FROM vault_data.anomaly_defaults() d WHERE d.name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('22023', 'invalid name: there is no such threshold', 'The view vault.anomaly_thresholds shows them.');
	ELSIF NOT p_value BETWEEN bounds.lowest AND bounds.highest THEN
		PERFORM vault_data.fail('22023', pg_catalog.format('invalid value: it is not between %s and %s', bounds.lowest, bounds.highest),
			'NULL brings the default back.');
	END IF;
	/* There is a row only while it is not the default. */
	PERFORM vault_data.note(pg_catalog.format('the default is %s', bounds.value));
	DELETE FROM vault_data.anomaly_threshold c WHERE c.name = p_name COLLATE "C" AND p_value IS NULL;
	INSERT INTO vault_data.anomaly_threshold (name, value) SELECT p_name, p_value WHERE p_value IS NOT NULL
	ON CONFLICT (name) DO UPDATE SET value = excluded.value;
END
$$;
CREATE FUNCTION vault.set_anomaly_threshold(name text, value numeric) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_anomaly_threshold(text, numeric)
	IS 'sets a threshold of the detection of anomalies for all tenants; NULL restores its default';

CREATE VIEW vault.anomalies WITH (security_barrier) AS
SELECT t.name AS tenant, a.id, a.kind, p.name AS principal, a.at, a.severity, a.evidence, a.detected_at,
	a.acknowledged_at, a.acknowledged_by, a.note
FROM vault_data.anomaly a
	LEFT JOIN vault_data.tenant t ON t.tenant_id = a.tenant_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = a.tenant_id AND p.id = a.principal_id
WHERE a.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(a.tenant_id, NULL);
COMMENT ON VIEW vault.anomalies
	IS 'shows anomalies with their evidence to administrators of the tenant, operators and '
	'auditors, and not to the principal concerned';

CREATE VIEW vault.anomaly_thresholds WITH (security_barrier) AS
SELECT d.name, COALESCE(c.value, d.value) AS value, d.value AS default_value, d.lowest, d.highest, d.meaning
FROM vault_data.anomaly_defaults() d LEFT JOIN vault_data.anomaly_threshold c ON c.name = d.name COLLATE "C"
WHERE vault_data.sees_all_tenants();
COMMENT ON VIEW vault.anomaly_thresholds
	IS 'shows the thresholds of the detection of anomalies, and the bounds within which '
	'operators may set them';

ALTER VIEW vault.anomalies OWNER TO vault_owner;
ALTER VIEW vault.anomaly_thresholds OWNER TO vault_owner;
REVOKE ALL ON vault.anomalies, vault.anomaly_thresholds FROM PUBLIC;
GRANT SELECT ON vault.anomalies TO vault_client, vault_admin, vault_auditor;
GRANT SELECT ON vault.anomaly_thresholds TO vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.anomaly_defaults(), vault_data.anomaly_limits(),
	vault_data.hourly_baseline(uuid, uuid, timestamptz, float8, boolean, bigint),
	vault_data.find_new_networks(uuid, timestamptz, timestamptz, jsonb), vault_data.find_unusual_hours(uuid, timestamptz, timestamptz, jsonb),
	vault_data.find_rates(uuid, timestamptz, timestamptz, jsonb), vault_data.find_mass_reads(uuid, timestamptz, timestamptz, jsonb),
	vault_data.find_denial_bursts(uuid, timestamptz, timestamptz, jsonb), vault_data.detect(uuid, timestamptz),
	vault_data.detect_anomalies(), vault_data.acknowledge_anomaly(uuid, text, text), vault_data.caller_name(),
	vault_data.set_anomaly_threshold(text, numeric) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault_data.anomaly_defaults() TO vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault.detect_anomalies(), vault.set_anomaly_threshold(text, numeric) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.acknowledge_anomaly(uuid, text, text) TO vault_client, vault_admin;

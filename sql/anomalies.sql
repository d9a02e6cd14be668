-- Each kind of anomaly is found, once, with its evidence; the nearest case beside it, below the
-- threshold or before the warm-up is over, is not.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
CREATE ROLE regress_anomalies_op IN ROLE vault_admin;
CREATE ROLE regress_anomalies_auditor IN ROLE vault_auditor;
CREATE ROLE regress_anomalies_a;
CREATE ROLE regress_anomalies_web;
CREATE ROLE regress_anomalies_b;
SELECT vault.create_tenant('anomalies-a', 'regress_anomalies_a') AS a,
	vault.create_tenant('anomalies-b', 'regress_anomalies_b') AS b \gset
SET ROLE regress_anomalies_a;
SELECT count(vault.put('n' || n, 'x')) FROM generate_series(1, 110) AS n;
SELECT vault.create_principal('web', db_role => 'regress_anomalies_web') IS NOT NULL AS made;
SELECT count(vault.create_principal(kind || n))
	FROM unnest('{network,week,rate,mass,burst}'::text[]) AS kind, generate_series(1, 6) AS n;
RESET ROLE;

-- A Wednesday, noon. What follows are counts as the log consumer would have written them.
\set now '''2031-03-05 12:00+00''::timestamptz'
CREATE FUNCTION pg_temp.principal(text) RETURNS uuid
	LANGUAGE sql AS $$ SELECT p.id FROM vault_data.principal p JOIN vault_data.tenant t
	USING (tenant_id) WHERE t.name = 'anomalies-a' AND p.name = $1 $$;
CREATE FUNCTION pg_temp.hour(text, timestamptz, reads bigint, secrets bigint DEFAULT 1)
	RETURNS integer LANGUAGE sql AS $$
	INSERT INTO vault_data.usage_hour SELECT tenant_id, pg_temp.principal($1), $2, $3, $3, 0, $4, $2
	FROM vault_data.tenant WHERE name = 'anomalies-a' RETURNING 1 $$;
CREATE FUNCTION pg_temp.network(text, cidr, timestamptz) RETURNS integer LANGUAGE sql AS $$
	INSERT INTO vault_data.usage_network SELECT tenant_id, pg_temp.principal($1), $2, $3, $3, 1
	FROM vault_data.tenant WHERE name = 'anomalies-a' RETURNING 1 $$;
CREATE FUNCTION pg_temp.denials(text, inet, timestamptz, bigint) RETURNS integer LANGUAGE sql AS $$
	INSERT INTO vault_data.usage_denial SELECT tenant_id, pg_temp.principal($1), $2, $3, $4, $3
	FROM vault_data.tenant WHERE name = 'anomalies-a' RETURNING 1 $$;

-- new_network: 1 and 2 (IPv6) are known for longer than a week, 3 for less, 4 is seen for the first
-- time at all, of 5 it is old news
SELECT pg_temp.network('network1', '192.0.2.0/24', :now - interval '30 days'),
	pg_temp.network('network1', '198.51.100.0/24', :now - interval '1 hour');
SELECT pg_temp.network('network2', '2001:db8:1::/48', :now - interval '7 days'),
	pg_temp.network('network2', '2001:db8:2::/48', :now);
SELECT pg_temp.network('network3', '192.0.2.0/24', :now - interval '6 days 23 hours'),
	pg_temp.network('network3', '198.51.100.0/24', :now);
SELECT pg_temp.network('network4', '192.0.2.0/24', :now);
SELECT pg_temp.network('network5', '192.0.2.0/24', :now - interval '60 days'),
	pg_temp.network('network5', '198.51.100.0/24', :now - interval '10 days');

-- unusual_hour: five weeks of office hours, then a Sunday night (1), the hour after work (2); the
-- same night after three weeks (3); after five weeks of one hour a day (4)
SELECT count(pg_temp.hour('week1', h, 5)), count(pg_temp.hour('week2', h, 5)),
	count(pg_temp.hour('week3', h, 5)) FILTER (WHERE h > :now - interval '3 weeks'),
	count(pg_temp.hour('week4', h, 5)) FILTER (WHERE extract(hour FROM h) = 9)
FROM generate_series(:now - interval '36 days', :now - interval '1 hour', '1 hour') AS h
	WHERE extract(isodow FROM h) < 6 AND extract(hour FROM h) BETWEEN 9 AND 16;
SELECT pg_temp.hour('week1', '2031-03-02 03:00+00', 7),
	pg_temp.hour('week2', '2031-03-03 17:00+00', 7),
	pg_temp.hour('week3', '2031-03-02 03:00+00', 7),
	pg_temp.hour('week4', '2031-03-02 03:00+00', 7);

-- rate: 40 hours of 18 to 22 reads, then 200 (1), 99 (2); the same 200 after 23 hours (3), for the
-- fourth time (4); 400 where 50 to 350 are usual (5)
SELECT count(pg_temp.hour('rate1', h, 18 + n % 5)), count(pg_temp.hour('rate2', h, 18 + n % 5)),
	count(pg_temp.hour('rate3', h, 18 + n % 5)) FILTER (WHERE n <= 23),
	count(pg_temp.hour('rate4', h, CASE WHEN n <= 3 THEN 160 ELSE 20 END)),
	count(pg_temp.hour('rate5', h, 50 + 300 * (n % 7) / 6))
FROM (SELECT n, :now - n * interval '1 hour' FROM generate_series(1, 40) AS n) AS past (n, h);
SELECT pg_temp.hour('rate1', :now, 200), pg_temp.hour('rate2', :now, 99),
	pg_temp.hour('rate3', :now, 200), pg_temp.hour('rate4', :now, 200),
	pg_temp.hour('rate5', :now, 400);

-- mass_read: where 5 secrets an hour are usual, 50 (1) and 49 (2); with no past at all, half of the
-- tenant's 110 (3) and one less (4); for the fourth time (5)
SELECT count(pg_temp.hour('mass1', h, 60, 5)), count(pg_temp.hour('mass2', h, 60, 5)),
	count(pg_temp.hour('mass5', h, 60, CASE WHEN n <= 3 THEN 80 ELSE 5 END))
	FROM (SELECT n, :now - n * interval '1 hour' FROM generate_series(1, 40) AS n) AS past (n, h);
SELECT pg_temp.hour('mass1', :now, 60, 50), pg_temp.hour('mass2', :now, 60, 49),
	pg_temp.hour('mass3', :now, 60, 55), pg_temp.hour('mass4', :now, 60, 54),
	pg_temp.hour('mass5', :now, 60, 100);

-- denial_burst: 20 within ten minutes from two addresses (1), across the hour (2); 19 (3); 20 in
-- eleven minutes (4); a hundred at once (5)
SELECT count(pg_temp.denials('burst1', '192.0.2.1', m, 1)),
	count(pg_temp.denials('burst1', '192.0.2.2', m, 1)),
	count(pg_temp.denials('burst2', '192.0.2.1', m - interval '35 minutes', 2)),
	count(pg_temp.denials('burst3', '192.0.2.1', m, 2)) FILTER
	(WHERE m > :now - interval '30 minutes')
FROM generate_series(:now - interval '30 minutes', :now - interval '21 minutes', '1 minute') AS m;
SELECT pg_temp.denials('burst3', '192.0.2.1', :now - interval '30 minutes', 1),
	pg_temp.denials('burst4', '192.0.2.1', :now - interval '30 minutes', 10),
	pg_temp.denials('burst4', '192.0.2.1', :now - interval '20 minutes', 10),
	pg_temp.denials('burst5', '192.0.2.1', :now - interval '30 minutes', 100);
-- without a principal: by address
INSERT INTO vault_data.usage_denial SELECT id, id, address, minute, n, minute
	FROM (VALUES ('00000000-0000-0000-0000-000000000000'::uuid, '203.0.113.9'::inet,
	:now - interval '9 minutes', 20), ('00000000-0000-0000-0000-000000000000', '203.0.113.10',
	:now - interval '9 minutes', 19)) AS v (id, address, minute, n);

-- not yet
SELECT vault_data.detect(:'a', :now - interval '60 days'), vault_data.detect(:'b', :now);
-- found, once
SELECT vault_data.detect(:'a', :now) AS found, vault_data.detect(:'a', :now) AS again,
	vault_data.detect(:'a', :now + interval '30 minutes') AS later,
	vault_data.detect('00000000-0000-0000-0000-000000000000', :now) AS of_nobody;
SELECT kind, principal, at, severity, evidence FROM vault.anomalies WHERE at > '2031-01-01'
	ORDER BY tenant, kind, principal, at;
-- late counts are checked too; counts that change again are no second anomaly
UPDATE vault_data.usage_hour SET reads = 300, changed_at = :now + interval '1 hour'
	WHERE tenant_id = :'a' AND principal_id = pg_temp.principal('rate1') AND hour = :now;
UPDATE vault_data.usage_hour SET reads = 500, changed_at = :now + interval '1 hour'
	WHERE tenant_id = :'a' AND principal_id = pg_temp.principal('rate2')
	AND hour = :now - interval '5 hours';
SELECT vault_data.detect(:'a', :now + interval '1 hour') AS found;
SELECT kind, principal, at, evidence ->> 'reads' AS reads, evidence ->> 'hours' AS hours
	FROM vault.anomalies WHERE tenant = 'anomalies-a' AND principal = 'rate2';

-- visible to administrators, operators and auditors; not to the principal, which could learn to
-- stay below
SET ROLE regress_anomalies_a;
SELECT tenant, count(*) FROM vault.anomalies GROUP BY 1;
SET ROLE regress_anomalies_auditor;
SELECT tenant, count(*) FROM vault.anomalies WHERE at > '2031-01-01' GROUP BY 1 ORDER BY 1;
SET ROLE regress_anomalies_web;
SELECT count(*) FROM vault.anomalies;
SET ROLE regress_anomalies_b;
SELECT count(*) FROM vault.anomalies;
SELECT count(*) FROM vault_data.anomaly;

-- acknowledged by who administers, once
RESET ROLE;
SELECT id FROM vault.anomalies WHERE tenant = 'anomalies-a' AND principal = 'rate1' \gset
SELECT id AS burst FROM vault.anomalies WHERE tenant = 'anomalies-a' AND principal = 'burst1' \gset
SELECT id AS nobody FROM vault.anomalies
	WHERE tenant IS NULL AND evidence ->> 'address' = '203.0.113.9' \gset
SET ROLE regress_anomalies_web;
SELECT vault.acknowledge_anomaly(:'id', 'mine');
SET ROLE regress_anomalies_b;
SELECT vault.acknowledge_anomaly(:'id');
SELECT vault.acknowledge_anomaly(:'id', tenant => 'anomalies-a');
SET ROLE regress_anomalies_auditor;
SELECT vault.acknowledge_anomaly(:'id');
SET ROLE regress_anomalies_a;
SELECT vault.acknowledge_anomaly(:'id', repeat('x', 1025));
SELECT vault.acknowledge_anomaly(NULL);
SELECT vault.acknowledge_anomaly(:'nobody');
SELECT vault.acknowledge_anomaly(:'id', 'the yearly report');
SELECT vault.acknowledge_anomaly(:'id', 'again');
SET ROLE regress_anomalies_op;
SELECT vault.acknowledge_anomaly(:'burst');
SELECT vault.acknowledge_anomaly(:'burst', tenant => 'anomalies-a'),
	vault.acknowledge_anomaly(:'nobody', 'a scan');
SELECT principal, acknowledged_at IS NOT NULL AS acknowledged, acknowledged_by, note
	FROM vault.anomalies WHERE at > '2031-01-01' AND acknowledged_at IS NOT NULL ORDER BY tenant,
	principal;
SELECT DISTINCT operation, decision, object_kind, detail - 'principal_id' AS detail FROM vault.audit
	WHERE object_id IN (:'id', :'nobody') AND operation = 'acknowledge_anomaly' ORDER BY detail;

-- thresholds, by operators
SELECT name, value, default_value, lowest, highest FROM vault.anomaly_thresholds ORDER BY name;
SELECT vault.set_anomaly_threshold('rate_floor', 1000000),
	vault.set_anomaly_threshold('mass_share', 0.25), vault.set_anomaly_threshold('mass_share', 0.4);
SELECT name, value, default_value FROM vault.anomaly_thresholds WHERE value <> default_value
	ORDER BY name;
SELECT vault.set_anomaly_threshold('no_such', 1);
SELECT vault.set_anomaly_threshold(NULL, 1);
SELECT vault.set_anomaly_threshold('mass_share', 1.5);
SELECT vault.set_anomaly_threshold('burst_minutes', 0);
SET ROLE regress_anomalies_auditor;
SELECT count(*) > 10 AS thresholds FROM vault.anomaly_thresholds;
SELECT vault.set_anomaly_threshold('rate_floor', 1);
SELECT vault.detect_anomalies();
SET ROLE regress_anomalies_a;
SELECT count(*) FROM vault.anomaly_thresholds;
SELECT vault.set_anomaly_threshold('rate_floor', 1);
SELECT vault.detect_anomalies();
RESET ROLE;
UPDATE vault_data.usage_evaluated SET until = '-infinity' WHERE tenant_id = :'a';
SELECT pg_temp.hour('rate1', :now + interval '1 hour', 900),
	pg_temp.hour('mass6', :now + interval '1 hour', 900, 50);
SELECT vault_data.detect(:'a', :now + interval '2 hours');
SELECT kind, principal, evidence ->> 'secrets' AS secrets FROM vault.anomalies
	WHERE tenant = 'anomalies-a' AND at > :now ORDER BY 1, 2;
SET ROLE regress_anomalies_op;
SELECT vault.set_anomaly_threshold('rate_floor', NULL),
	vault.set_anomaly_threshold('mass_share', NULL);
SELECT count(*) FROM vault.anomaly_thresholds WHERE value <> default_value;
RESET ROLE;
SELECT vault_data.detect(:'a', :now + interval '2 hours');
SELECT kind, principal, evidence ->> 'reads' AS reads FROM vault.anomalies
	WHERE tenant = 'anomalies-a' AND at > :now AND kind = 'rate' ORDER BY 1, 2;

-- the run over all tenants: of the future it takes no notice, and what nothing needs any more is
-- forgotten once a day
INSERT INTO vault_data.usage VALUES
	(:'a', gen_random_uuid(), gen_random_uuid(), 1, 1, 0, now(), now(), NULL, now());
INSERT INTO vault_data.usage_grant VALUES (:'a', gen_random_uuid(), 1, now(), now());
SELECT pg_temp.hour('web', now() - interval '91 days', 1),
	pg_temp.hour('web', now() - interval '89 days', 1);
SELECT pg_temp.network('web', '192.0.2.0/24', now() - interval '91 days'),
	pg_temp.network('web', '198.51.100.0/24', now() - interval '89 days');
SELECT pg_temp.denials('web', '192.0.2.1', now() - interval '8 days', 1),
	pg_temp.denials('web', '192.0.2.1', now() - interval '6 days', 1);
UPDATE vault_data.usage_evaluated SET until = now() - interval '2 days' WHERE tenant_id = :'a';
SET ROLE regress_anomalies_op;
SELECT vault.detect_anomalies() >= 0 AS run;
RESET ROLE;
SELECT (SELECT count(*) FROM vault_data.usage u
	WHERE tenant_id = :'a' AND NOT EXISTS (SELECT FROM vault_data.secret s
	WHERE s.tenant_id = u.tenant_id AND s.id = u.secret_id)) AS usage,
	(SELECT count(*) FROM vault_data.usage_grant u
	WHERE tenant_id = :'a' AND NOT EXISTS (SELECT FROM vault_data.access_grant g
	WHERE g.tenant_id = u.tenant_id AND g.id = u.grant_id)) AS grants,
	(SELECT count(*) FROM vault_data.usage_hour
	WHERE tenant_id = :'a' AND principal_id = pg_temp.principal('web')
	AND hour < now() - interval '1 day') AS hours,
	(SELECT count(*) FROM vault_data.usage_network
	WHERE tenant_id = :'a' AND principal_id = pg_temp.principal('web')
	AND network <<= '192.0.0.0/8') AS networks,
	(SELECT count(*) FROM vault_data.usage_denial
	WHERE tenant_id = :'a' AND principal_id = pg_temp.principal('web')) AS denials;

SELECT vault.destroy_tenant('anomalies-a', 'anomalies-a'),
	vault.destroy_tenant('anomalies-b', 'anomalies-b');
DELETE FROM vault_data.usage_hour WHERE hour > '2031-01-01';
DELETE FROM vault_data.usage_denial WHERE minute > '2031-01-01';
DELETE FROM vault_data.usage_evaluated WHERE until > '2030-01-01';
DELETE FROM vault_data.anomaly WHERE at > '2031-01-01';
DROP ROLE regress_anomalies_op, regress_anomalies_auditor, regress_anomalies_a,
	regress_anomalies_web, regress_anomalies_b;

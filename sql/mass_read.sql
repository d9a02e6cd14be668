-- small tenants are watched, too: half of what there is, from five secrets on
SET client_min_messages = warning;
CREATE ROLE regress_mass_admin;
CREATE ROLE regress_mass_reader;
SELECT vault.create_tenant('regress-mass', 'regress_mass_admin') AS id \gset
SET ROLE regress_mass_admin;
SELECT vault.create_principal('reader', db_role => 'regress_mass_reader') AS reader \gset
SELECT vault."grant"('reader', '{read}', '**') IS NOT NULL;
SELECT count(vault.put('app/' || n, 'x')) FROM generate_series(1, 14) AS n;
-- deleted ones do not count
SELECT count(vault.delete('app/' || n)) FROM generate_series(13, 14) AS n;
RESET ROLE;
-- hours of a principal without a past: 5 of 12, 6 of 12
INSERT INTO vault_data.usage_hour (tenant_id, principal_id, hour, calls, reads, denials, secrets,
	changed_at)
	VALUES (:'id', :'reader', date_trunc('hour', now()) - interval '2 hours', 5, 5, 0, 5, now()),
	(:'id', :'reader', date_trunc('hour', now()) - interval '1 hour', 6, 6, 0, 6, now());
CREATE FUNCTION pg_temp.found() RETURNS bigint LANGUAGE sql AS $$ SELECT vault.detect_anomalies();
	SELECT count(*) FROM vault.anomalies WHERE tenant = 'regress-mass' AND kind = 'mass_read' $$;
SELECT pg_temp.found();
SELECT evidence->'secrets' AS secrets, evidence->'tenant_secrets' AS tenant_secrets, severity
	FROM vault.anomalies WHERE tenant = 'regress-mass' AND kind = 'mass_read';
-- all of a tenant of four is too little to tell
SET ROLE regress_mass_admin;
SELECT count(vault.delete('app/' || n)) FROM generate_series(5, 12) AS n;
RESET ROLE;
INSERT INTO vault_data.usage_hour (tenant_id, principal_id, hour, calls, reads, denials, secrets,
	changed_at)
	VALUES (:'id', :'reader', date_trunc('hour', now()), 4, 4, 0, 4, now());
SELECT pg_temp.found() > 0 AS done;
SELECT count(*) FROM vault.anomalies
	WHERE tenant = 'regress-mass' AND kind = 'mass_read' AND evidence->>'secrets' = '4';
SELECT vault.set_anomaly_threshold('mass_least', 2);
SELECT pg_temp.found() > 0 AS done;
SELECT count(*) FROM vault.anomalies
	WHERE tenant = 'regress-mass' AND kind = 'mass_read' AND evidence->>'secrets' = '4';
SELECT vault.set_anomaly_threshold('mass_least', NULL);
SELECT vault.destroy_tenant('regress-mass', 'regress-mass');
DROP ROLE regress_mass_admin, regress_mass_reader;

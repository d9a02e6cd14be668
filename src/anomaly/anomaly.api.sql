/*
 * Anomalies for operators, auditors and administrators: detected, shown and acknowledged.
 */

CREATE FUNCTION vault.detect_anomalies() RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.detect_anomalies()
	IS 'compares the usage since the last call with earlier usage, stores and announces '
	'anomalies, and returns their number';

CREATE FUNCTION vault.acknowledge_anomaly(id uuid, note text DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.acknowledge_anomaly(uuid, text, text)
	IS 'acknowledges an anomaly, with an explanation';

CREATE FUNCTION vault.set_anomaly_threshold(name text, value numeric) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_anomaly_threshold(text, numeric)
	IS 'sets a threshold of the detection of anomalies for all tenants; NULL restores its default';

CREATE VIEW vault.anomalies WITH (security_barrier) AS
SELECT t.name AS tenant, a.id, a.kind, p.name AS principal, a.at, a.severity, a.evidence,
	a.detected_at,
	a.acknowledged_at, a.acknowledged_by, a.note
FROM vault_data.anomaly a
	LEFT JOIN vault_data.tenant t ON t.tenant_id = a.tenant_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = a.tenant_id AND p.id = a.principal_id
WHERE a.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(a.tenant_id, NULL);
COMMENT ON VIEW vault.anomalies
	IS 'shows anomalies with their evidence to administrators of the tenant, operators and '
	'auditors, and not to the principal concerned';

CREATE VIEW vault.anomaly_thresholds WITH (security_barrier) AS
SELECT d.name, COALESCE(c.value, d.value) AS value, d.value AS default_value, d.lowest, d.highest,
	d.meaning
FROM vault_data.anomaly_defaults() d
	LEFT JOIN vault_data.anomaly_threshold c ON c.name = d.name COLLATE "C"
WHERE vault_data.sees_all_tenants();
COMMENT ON VIEW vault.anomaly_thresholds
	IS 'shows the thresholds of the detection of anomalies, and the bounds within which '
	'operators may set them';

--@ execute vault_admin: detect_anomalies, set_anomaly_threshold
--@ execute vault_client, vault_admin: acknowledge_anomaly
--@ select vault_admin, vault_auditor: anomaly_thresholds
--@ select vault_client, vault_admin, vault_auditor: anomalies

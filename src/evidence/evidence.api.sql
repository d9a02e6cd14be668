/*
 * Evidence for operators and auditors: checked, exported, kept and retired. The last statement
 * makes the first partitions.
 */

CREATE FUNCTION vault.verify_audit(tenant text DEFAULT NULL, checkpoint text DEFAULT NULL,
	OUT tenant_name text, OUT ok boolean, OUT fault text, OUT seal bigint, OUT id bigint,
	OUT at timestamptz, OUT rows bigint, OUT detail text) RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_verify_audit';
COMMENT ON FUNCTION vault.verify_audit(text, text)
	IS 'checks the audit trail against its seals and, if given, a checkpoint; returns one row '
	'for each tenant, then one for each fault';

CREATE FUNCTION vault.audit_checkpoint() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_checkpoint';
COMMENT ON FUNCTION vault.audit_checkpoint()
	IS 'returns a signed note of the last seal of every tenant''s audit trail, to be kept '
	'elsewhere';

CREATE FUNCTION vault.audit_public_key() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_public_key';
COMMENT ON FUNCTION vault.audit_public_key()
	IS 'returns the public key that verifies the signature of a checkpoint';

CREATE FUNCTION vault.export_audit(tenant text DEFAULT NULL, since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL)
RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_export_audit';
COMMENT ON FUNCTION vault.export_audit(text, timestamptz, timestamptz)
	IS 'returns the audit trail and its seals as lines of JSON, which vault-audit-verify '
	'checks without the database';

CREATE FUNCTION vault.set_audit_retention(retention interval, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_audit_retention(interval, text)
	IS 'sets the retention of the tenant''s audit trail, not below the floor';

CREATE FUNCTION vault.set_audit_floor(floor interval) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_audit_floor(interval)
	IS 'sets the minimum retention of every audit trail';

CREATE FUNCTION vault.set_legal_hold(tenant text, reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.set_legal_hold(text, text)
	IS 'keeps the whole audit trail of a tenant until the hold is released';

CREATE FUNCTION vault.release_legal_hold(tenant text, reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.release_legal_hold(text, text)
	IS 'ends a legal hold; the retention applies again';

CREATE VIEW vault.audit_seals WITH (security_barrier) AS
SELECT t.name AS tenant, s.seq, s.month, s.rows, s.without_mac, s.first_at, s.last_at, s.sealed_at,
	pg_catalog.encode(s.hash, 'hex') AS hash, s.tenant_id
FROM vault_data.audit_seal s LEFT JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(s.tenant_id, NULL);
COMMENT ON VIEW vault.audit_seals
	IS 'shows the seals of the audit trail: those of the tenant to its administrators, all to '
	'operators and auditors';

CREATE VIEW vault.audit_retention WITH (security_barrier) AS
SELECT t.name AS tenant, coalesce(p.retention, '7 years'::interval) AS retention,
	coalesce((SELECT f.floor FROM vault_data.audit_floor f), '1 year'::interval) AS floor,
	p.hold_reason, p.held_at,
		(SELECT pg_catalog.max(r.month) FROM vault_data.audit_retired r
			WHERE r.tenant_id = t.tenant_id) AS retired_until
FROM vault_data.tenant t LEFT JOIN vault_data.audit_policy p ON p.tenant_id = t.tenant_id
WHERE t.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(t.tenant_id, NULL);
COMMENT ON VIEW vault.audit_retention
	IS 'shows the retention of each tenant''s audit trail, and legal holds';

--@ execute vault_admin: release_legal_hold, set_audit_floor, set_legal_hold
--@ execute vault_admin, vault_auditor: audit_checkpoint
--@ execute vault_client, vault_admin: set_audit_retention
--@ execute vault_client, vault_admin, vault_auditor: audit_public_key, export_audit,
--@	verify_audit
--@ select vault_client, vault_admin, vault_auditor: audit_retention, audit_seals

SELECT vault_data.prepare_trail();

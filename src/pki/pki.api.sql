/*
 * Certificates: a file that needs a passphrase comes in, and what certificates say of themselves is
 * shown. The facts are those that the type kept with the current version; none is a secret.
 */

CREATE FUNCTION vault.import_certificate(name text, bundle bytea, passphrase text DEFAULT NULL,
	environment text DEFAULT NULL, description text DEFAULT NULL,
	tags anycompatible DEFAULT NULL::jsonb, expires_at timestamptz DEFAULT NULL,
	expected_version integer DEFAULT NULL, label text DEFAULT 'current')
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_import_certificate';
COMMENT ON FUNCTION vault.import_certificate(text, bytea, text, text, text, anycompatible,
	timestamptz, integer, text)
	IS 'stores a certificate from PKCS#12, DER or PEM, which a passphrase can protect, and '
	'returns the number of the version';

CREATE VIEW vault.certificates WITH (security_barrier) AS
SELECT t.name AS tenant, s.name, s.environment,
	vault_data.state_of(s.purge_at, s.deactivated_at) AS state,
	s.metadata ->> 'subject' AS subject, s.metadata ->> 'issuer' AS issuer,
	s.metadata ->> 'serial' AS serial,
	ARRAY(SELECT pg_catalog.jsonb_array_elements_text(s.metadata -> 'sans')) AS sans,
	(s.metadata ->> 'not_before')::timestamptz AS not_before,
	(s.metadata ->> 'not_after')::timestamptz AS not_after,
	(s.metadata ->> 'valid_until')::timestamptz AS valid_until,
	pg_catalog.floor(EXTRACT(epoch FROM (s.metadata ->> 'valid_until')::timestamptz
		- pg_catalog.clock_timestamp()) / 86400)::integer AS days_left,
	s.metadata ->> 'key_type' AS key_type, (s.metadata ->> 'key_bits')::integer AS key_bits,
	s.metadata ->> 'signature_algorithm' AS signature_algorithm,
	s.metadata ->> 'fingerprint' AS fingerprint,
	(s.metadata ->> 'self_signed')::boolean AS self_signed,
	(s.metadata ->> 'chain_length')::integer AS chain_length,
	(s.metadata ->> 'has_private_key')::boolean AS has_private_key
FROM vault_data.secret s JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
WHERE s.type = 'certificate' AND s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.certificates
	IS 'shows the metadata of certificates on which the caller has any permission, all to '
	'operators and auditors';

--@ execute vault_client: import_certificate
--@ select vault_client, vault_admin, vault_auditor: certificates

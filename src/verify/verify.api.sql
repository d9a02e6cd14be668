/*
 * Verification for callers.
 */

CREATE FUNCTION vault.verify(tenant text DEFAULT NULL)
RETURNS TABLE (object_kind text, object_id uuid, name text, fault text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_verify';
COMMENT ON FUNCTION vault.verify(text)
	IS 'finds changes outside vault of rows, envelopes and the extension''s own objects; '
	'returns no rows if there is none';

--@ execute vault_client, vault_admin, vault_auditor: verify

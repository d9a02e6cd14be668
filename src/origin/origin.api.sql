/*
 * Adoption of a copy.
 */

CREATE FUNCTION vault.adopt(reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_adopt';
COMMENT ON FUNCTION vault.adopt(text)
	IS 'releases a copy that is held; from now on it acts outside of its server, in place of '
	'the vault that it was copied from';

--@ execute vault_admin: adopt

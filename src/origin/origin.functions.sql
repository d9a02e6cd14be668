/*
 * Whether this vault is a copy, for functions that act outside of the server.
 */

CREATE FUNCTION vault_data.held() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_held';
COMMENT ON FUNCTION vault_data.held()
	IS 'returns the reason for which this vault counts as a copy, or NULL';

CREATE FUNCTION vault_data.require_origin() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_origin';
COMMENT ON FUNCTION vault_data.require_origin()
	IS 'raises VT015 if the vault is held; called before every action outside of this server';

--@ execute vault_exec: held, require_origin

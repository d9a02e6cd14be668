/*
 * Rows that decide something carry a MAC. Of every table with a column mac it covers the
 * columns before revision, and revision: what decides nothing stands after mac.
 */
CREATE FUNCTION vault_data.authenticate_row() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_authenticate_row';
COMMENT ON FUNCTION vault_data.authenticate_row()
	IS 'writes revision and mac of a row inside a call; it is the last trigger before the row '
	'is stored';

/* By whole rows of these tables; each refuses to work outside of a call. */
CREATE FUNCTION vault_data.is_authentic(given record) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_authentic';
CREATE FUNCTION vault_data.require_authentic(given record) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_authentic';

CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.tenant
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER write_mac;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.authenticate_row(), vault_data.is_authentic(record),
	vault_data.require_authentic(record) TO vault_exec;

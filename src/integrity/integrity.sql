/*
 * Rows that decide something carry a MAC. Of every table with a column mac it covers the
 * columns before revision, and revision: what decides nothing stands after mac.
 */
CREATE FUNCTION vault_data.authenticate_row() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_authenticate_row';
COMMENT ON FUNCTION vault_data.authenticate_row()
	IS 'writes revision and mac of a row inside a call; it is the last trigger before the row '
	'is stored';

/* The tables that C reads, as their features describe them (platform/tables.h). */
CREATE FUNCTION vault_data.table_info()
RETURNS TABLE (name text, kind text, verified_as text, tenant text, object text, title text,
	compared text, since text, goes_by_name boolean, covered integer, deleted_as integer)
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_table_info';
COMMENT ON FUNCTION vault_data.table_info()
	IS 'returns the tables and indexes that C reads: which rows have a MAC over how many columns, '
	'how vault.verify() reports them, and in which order vault.destroy_tenant() empties them';

/* By whole rows of these tables; each refuses to work outside of a call. */
CREATE FUNCTION vault_data.is_authentic(given record) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_authentic';
CREATE FUNCTION vault_data.require_authentic(given record) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_authentic';

CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.tenant
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER write_mac;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.table_info(), vault_data.authenticate_row(), vault_data.is_authentic(record),
	vault_data.require_authentic(record) TO vault_exec;

/*
 * MACs of rows for functions in SQL.
 */

/* The tables that C reads, as their features describe them (platform/tables.h). */
CREATE FUNCTION vault_data.table_info()
RETURNS TABLE (name text, kind text, verified_as text, tenant text, object text, title text,
	compared text, since text, goes_by_name boolean, covered integer, deleted_as integer)
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_table_info';
COMMENT ON FUNCTION vault_data.table_info()
	IS 'returns the tables and indexes that C reads: which rows have a MAC over how many columns, '
	'how vault.verify() reports them, and in which order vault.destroy_tenant() empties them';

/* Work on whole rows of these tables. Each function refuses to work outside of a call. */
CREATE FUNCTION vault_data.is_authentic(given record) RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_is_authentic';

CREATE FUNCTION vault_data.require_authentic(given record) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_authentic';

--@ execute vault_exec: is_authentic, require_authentic, table_info

/*
 * The permissions, which a check of the table of grants names.
 */

CREATE FUNCTION vault_data.all_permissions() RETURNS text[]
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_all_permissions';
COMMENT ON FUNCTION vault_data.all_permissions() IS 'returns every permission';

--@ execute vault_exec: all_permissions

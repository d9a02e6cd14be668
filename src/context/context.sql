/*
 * Every table has forced row security and two policies: "tenant" for views, which run as
 * vault_owner, and "entry" for the work of vault_exec. No other role has a policy. A role with
 * privileges on every table, such as a member of pg_write_all_data or pg_read_all_data, finds no
 * row and writes none.
 */
CREATE FUNCTION vault_data.is_inside() RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_is_inside';
COMMENT ON FUNCTION vault_data.is_inside()
	IS 'returns true if the statement runs on behalf of a function of vault';
CREATE FUNCTION vault_data.is_inside(tenant uuid) RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_is_inside_tenant';
COMMENT ON FUNCTION vault_data.is_inside(uuid)
	IS 'returns true if the statement runs on behalf of a function of vault and for this tenant';
REVOKE ALL ON FUNCTION vault_data.is_inside(), vault_data.is_inside(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.is_inside(), vault_data.is_inside(uuid) TO vault_exec;

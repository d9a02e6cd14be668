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

CREATE FUNCTION vault.current_tenant_id() RETURNS uuid
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_current_tenant_id';
COMMENT ON FUNCTION vault.current_tenant_id()
	IS 'returns the tenant of which the current role is a principal, or NULL';

CREATE FUNCTION vault_data.visible_tenants() RETURNS uuid[]
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_visible_tenants';
COMMENT ON FUNCTION vault_data.visible_tenants()
	IS 'returns the tenants whose rows a view may show the caller, for index conditions';

CREATE FUNCTION vault_data.sees_all_tenants() RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_sees_all_tenants';
COMMENT ON FUNCTION vault_data.sees_all_tenants()
	IS 'returns true if the current role, outside of a call, is an operator or auditor';

--@ execute vault_client, vault_admin, vault_auditor, vault_exec, vault_owner: current_tenant_id,
--@	sees_all_tenants, visible_tenants
--@ execute vault_exec: is_inside

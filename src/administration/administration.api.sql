/*
 * Administration of tenants for operators; a tenant's administrators set some of it themselves.
 */

CREATE FUNCTION vault.suspend_tenant(name text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.suspend_tenant(text)
	IS 'suspends a tenant; every call of its principals is refused until it is resumed';

CREATE FUNCTION vault.resume_tenant(name text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.resume_tenant(text) IS 'ends the suspension of a tenant';

CREATE FUNCTION vault.rotate_tenant_key(name text) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.rotate_tenant_key(text)
	IS 'creates a new tenant key for later writes and returns its generation; vault.rewrap() '
	'moves existing versions';

CREATE FUNCTION vault.set_recovery_window(recovery_window interval, tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_recovery_window(interval, text)
	IS 'sets the time for which deleted secrets of the tenant can be recovered, 7 to 90 days';

CREATE FUNCTION vault.set_environments(environments text[], tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.set_environments(text[], text)
	IS 'declares the environments of the tenant, so that calls with another one are refused; '
	'NULL removes the declaration';

CREATE FUNCTION vault.create_tenant(name text, admin_role text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.create_tenant(text, text)
	IS 'creates a tenant with a key of its own; the role becomes a principal that holds '
	'everything on ** there';

CREATE FUNCTION vault.appoint_admin(tenant text, db_role text) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.appoint_admin(text, text)
	IS 'gives an administrator to a tenant that has none, or whose administrators'' roles are '
	'gone, and leaves an alert if it had one; fails otherwise';

CREATE FUNCTION vault.destroy_tenant(name text, confirm text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.destroy_tenant(text, text)
	IS 'destroys the keys of a tenant and with them all of its secrets; its audit trail stays; '
	'confirm is its name once more';

--@ execute vault_admin: appoint_admin, create_tenant, destroy_tenant, resume_tenant,
--@	rotate_tenant_key, suspend_tenant
--@ execute vault_client, vault_admin: set_environments, set_recovery_window

/*
 * Principals for administrators and operators.
 */

CREATE FUNCTION vault.create_principal(name text, kind text DEFAULT 'service',
	db_role text DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.create_principal(text, text, text, text)
	IS 'creates a principal (user or service), bound to a database role if one is given; it '
	'holds nothing until something is granted';

CREATE FUNCTION vault.drop_principal(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.drop_principal(text, text)
	IS 'drops a principal, with its bindings, grants and memberships';

CREATE FUNCTION vault.bind_role(principal text, db_role text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.bind_role(text, text, text)
	IS 'binds an existing principal to a database role, in place of one that is gone';

CREATE FUNCTION vault.unbind_role(principal text, db_role text DEFAULT NULL,
	tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.unbind_role(text, text, text)
	IS 'removes one binding of a principal to a database role, or all of them; its grants stay';

--@ execute vault_client, vault_admin: bind_role, create_principal, drop_principal, unbind_role

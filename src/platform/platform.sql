/*
 * Schemas, roles, and what may be checked only now: that the server loaded the
 * module, in this database, and is recent enough.
 */

/*
 * The roles, or an error if one exists that is not as this script would have
 * made it: somebody could have prepared it to get in.
 */
DO $$
DECLARE
	wanted text;
	existing pg_catalog.pg_roles;
	member_count bigint;
BEGIN
	FOREACH wanted IN ARRAY ARRAY['vault_owner', 'vault_exec', 'vault_admin', 'vault_auditor', 'vault_client'] LOOP
		SELECT * INTO existing FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) wanted;
		IF NOT FOUND THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
			CONTINUE;
		END IF;
		SELECT pg_catalog.count(*) INTO member_count FROM pg_catalog.pg_auth_members
		WHERE roleid OPERATOR(pg_catalog.=) existing.oid OR member OPERATOR(pg_catalog.=) existing.oid;
		IF existing.rolcanlogin OR existing.rolsuper OR existing.rolcreaterole OR existing.rolcreatedb
			OR existing.rolreplication OR existing.rolbypassrls
			OR (wanted OPERATOR(pg_catalog.=) ANY (ARRAY['vault_owner', 'vault_exec']) AND member_count OPERATOR(pg_catalog.>) 0)
		THEN
			RAISE EXCEPTION 'role "%" exists and is not as vault would have made it', wanted
				USING ERRCODE = 'duplicate_object',
					HINT = 'Drop the role, or take its attributes, memberships and members away.';
		END IF;
	END LOOP;
END
$$;

CREATE SCHEMA vault;
CREATE SCHEMA vault_data;
REVOKE ALL ON SCHEMA vault, vault_data FROM PUBLIC;
GRANT USAGE ON SCHEMA vault TO vault_client, vault_admin, vault_auditor, vault_exec;
GRANT USAGE ON SCHEMA vault_data TO vault_owner, vault_exec;

CREATE FUNCTION vault_data.check_server() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'vault_check_server';
REVOKE ALL ON FUNCTION vault_data.check_server() FROM PUBLIC;
COMMENT ON FUNCTION vault_data.check_server() IS 'raises unless the server may run vault: preloaded, its database, a recent minor release';

SELECT vault_data.check_server();

/*
 * Schemas, roles, and what may be checked only now: that the server loaded the
 * module, in this database, and is recent enough.
 */

/*
 * The roles, or an error if one exists that is not as this script would have
 * made it: another role could have prepared it to get in. pg_cron logs in as vault_jobs,
 * which has no password and may execute nothing but the jobs' functions.
 */
DO $$
DECLARE
	wanted text;
	existing pg_catalog.pg_roles;
	member_count bigint;
	is_jobs boolean;
BEGIN
	FOREACH wanted IN ARRAY ARRAY['vault_owner', 'vault_exec', 'vault_admin', 'vault_auditor',
		'vault_client', 'vault_jobs']
	LOOP
		is_jobs := wanted OPERATOR(pg_catalog.=) 'vault_jobs';
		SELECT * INTO existing FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) wanted;
		IF NOT FOUND THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOINHERIT %s', wanted,
				CASE WHEN is_jobs THEN 'LOGIN' ELSE 'NOLOGIN' END);
			CONTINUE;
		END IF;
		SELECT pg_catalog.count(*) INTO member_count FROM pg_catalog.pg_auth_members
		WHERE roleid OPERATOR(pg_catalog.=) existing.oid
			OR member OPERATOR(pg_catalog.=) existing.oid;
		IF existing.rolcanlogin OPERATOR(pg_catalog.<>) is_jobs OR existing.rolsuper
			OR existing.rolcreaterole OR existing.rolcreatedb
			OR existing.rolreplication OR existing.rolbypassrls
			OR (wanted OPERATOR(pg_catalog.=) ANY (ARRAY['vault_owner', 'vault_exec', 'vault_jobs'])
				AND member_count OPERATOR(pg_catalog.>) 0)
			OR EXISTS (SELECT FROM pg_catalog.pg_shdepend d
				WHERE d.refclassid
						OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass
					AND d.refobjid OPERATOR(pg_catalog.=) existing.oid
					AND d.deptype OPERATOR(pg_catalog.=) 'o'
					AND d.dbid OPERATOR(pg_catalog.=) ANY (ARRAY[0::pg_catalog.oid,
						(SELECT b.oid FROM pg_catalog.pg_database b
						WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())]))
			OR is_jobs AND (existing.rolconfig IS NOT NULL
				OR EXISTS (SELECT FROM pg_catalog.pg_authid a
					WHERE a.oid OPERATOR(pg_catalog.=) existing.oid AND a.rolpassword IS NOT NULL))
		THEN
			RAISE EXCEPTION 'role "%" exists and is not as vault would have made it', wanted
				USING ERRCODE = 'duplicate_object',
					HINT = 'Drop the role, or take its attributes, memberships, members and '
					'objects away.';
		END IF;
	END LOOP;
END
$$;

/*
 * The end of the script takes back the privileges that these would give to others. Those for
 * vault's own roles could not be told from the script's own grants.
 */
DO $$
BEGIN
	IF EXISTS (SELECT
		FROM pg_catalog.pg_default_acl d CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) AS a
		JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
		WHERE d.defaclrole OPERATOR(pg_catalog.=) current_user::pg_catalog.regrole
			AND r.rolname OPERATOR(pg_catalog.~) '^vault_')
	THEN
		RAISE EXCEPTION 'default privileges of role "%" name roles of vault', current_user
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Take them back with ALTER DEFAULT PRIVILEGES … REVOKE; \ddp shows them.';
	END IF;
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
COMMENT ON FUNCTION vault_data.check_server()
	IS 'raises an error unless the server can run vault: it is preloaded, this is its '
	'database, and the minor release is recent';

SELECT vault_data.check_server();

--@ execute vault_exec, vault_owner: check_server

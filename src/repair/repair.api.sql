/*
 * Repair: switches on again what is switched off. An object that was changed is left as it is, for
 * the operator who looks into it.
 */

CREATE FUNCTION vault.repair() RETURNS TABLE (object text, fault text, done text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_repair';
COMMENT ON FUNCTION vault.repair()
	IS 'makes triggers fire always and schedules jobs again, as after an upgrade by dump; '
	'returns each fault with its repair, and leaves alerts in the audit trail';

--@ execute vault_admin: repair

/*
 * End the script. PostgreSQL gives every function to PUBLIC when it is created; a function is for
 * the roles that a grant names.
 */
REVOKE ALL ON ALL ROUTINES IN SCHEMA vault, vault_data FROM PUBLIC;

/* Take back the default privileges of the role that runs this: nothing here is for others. */
DO $$
DECLARE
	other pg_catalog.text;
BEGIN
	FOR other IN
		SELECT DISTINCT
			CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.rolname) END
		FROM pg_catalog.pg_default_acl d CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) AS a
			LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
		WHERE d.defaclrole OPERATOR(pg_catalog.=) current_user::pg_catalog.regrole
			AND a.grantee OPERATOR(pg_catalog.<>) d.defaclrole
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA vault, vault_data FROM %s', other);
		EXECUTE pg_catalog.format('REVOKE ALL ON ALL TABLES IN SCHEMA vault, vault_data FROM %s',
			other);
		EXECUTE pg_catalog.format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA vault, vault_data FROM %s',
			other);
		EXECUTE pg_catalog.format('REVOKE ALL ON ALL ROUTINES IN SCHEMA vault, vault_data FROM %s',
			other);
		EXECUTE pg_catalog.format('REVOKE ALL ON TYPE vault.envelope FROM %s', other);
	END LOOP;
END
$$;

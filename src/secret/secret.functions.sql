/*
 * Secrets for functions in SQL: their state, announcements about them, and retired versions.
 */

CREATE FUNCTION vault_data.state_of(purge_at timestamptz, deactivated_at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN purge_at IS NOT NULL THEN 'deleted'
	WHEN deactivated_at IS NOT NULL THEN 'deactivated' ELSE 'active' END;
COMMENT ON FUNCTION vault_data.state_of(timestamptz, timestamptz)
	IS 'returns the state of a secret, from the dates of its head';

CREATE FUNCTION vault_data.seal_next(id uuid, version integer, type text, active boolean,
	purge_at timestamptz, current_version integer, copy vault.envelope)
RETURNS vault.envelope
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_seal_next';
COMMENT ON FUNCTION vault_data.seal_next(uuid, integer, text, boolean, timestamptz, integer,
	vault.envelope)
	IS 'seals the value that put or rotate is about to store, inside the update of the head';

/* For use inside a call. */
CREATE FUNCTION vault_data.retype(name text, environment text, type text) RETURNS integer
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_retype';

/* Announce something about a secret, with its present name. The payload has no values. */
CREATE FUNCTION vault_data.announce(p_tenant uuid, p_kind text, p_severity text, p_secret uuid,
	p_payload jsonb)
RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.write_notification(p_tenant, p_kind, p_severity, p_secret, head.name,
		head.environment, p_payload)
	FROM (VALUES (1)) AS one
		LEFT JOIN vault_data.secret head ON head.tenant_id = p_tenant AND head.id = p_secret
$$;
COMMENT ON FUNCTION vault_data.announce(uuid, text, text, uuid, jsonb)
	IS 'writes a notification about a secret, as the function without the secret does';

/* It loses its label and cannot be read any more. */
CREATE FUNCTION vault_data.retire_version(head vault_data.secret, p_version integer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	UPDATE vault_data.secret SET previous_version = NULL, updated_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND id = head.id AND previous_version = p_version;
	UPDATE vault_data.secret_version SET retired_at = clock_timestamp()
	WHERE tenant_id = head.tenant_id AND secret_id = head.id AND version = p_version;
END
$$;

/* rotate() of a secret without a schedule whose value leaked. */
CREATE FUNCTION vault_data.retire_previous(p_secret uuid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	head vault_data.secret;
BEGIN
	SELECT * INTO head FROM vault_data.secret
	WHERE tenant_id = vault.current_tenant_id() AND id = p_secret FOR NO KEY UPDATE;
	PERFORM vault_data.require_authentic(head);
	PERFORM vault_data.retire_version(head, head.previous_version);
END
$$;

--@ execute vault_client, vault_admin, vault_auditor, vault_exec, vault_owner: state_of
--@ execute vault_exec: announce, retire_previous, retire_version, retype, seal_next

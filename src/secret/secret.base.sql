/*
 * Trigger functions of secrets and their versions.
 */

CREATE FUNCTION vault_data.refuse_reuse() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RAISE EXCEPTION 'a version number is never used twice, and a secret keeps its id'
		USING ERRCODE = 'check_violation', HINT = 'Put a new version.';
END
$$;

/*
 * Keep the expiry of a version that had expired before it was replaced. Neither its number nor a
 * rollback makes it readable again.
 */
CREATE FUNCTION vault_data.keep_end() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF GREATEST(OLD.expires_at, OLD.grace_until) > pg_catalog.clock_timestamp() THEN
		RETURN NULL;
	END IF;
	UPDATE vault_data.secret_version SET expires_at = OLD.expires_at
	WHERE tenant_id = OLD.tenant_id AND secret_id = OLD.id AND version = OLD.current_version
		AND destroyed_at IS NULL
		AND (expires_at IS NULL OR expires_at > OLD.expires_at);
	RETURN NULL;
END
$$;

--@ execute vault_exec: keep_end, refuse_reuse

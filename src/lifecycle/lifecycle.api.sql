/*
 * The lifecycle of secrets for callers.
 */

CREATE FUNCTION vault.list(name_pattern text DEFAULT '**', environment text DEFAULT NULL)
RETURNS TABLE (name text, environment text, type text, state text, current_version integer,
	description text, tags jsonb, updated_at timestamptz, expires_at timestamptz)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.list(text, text)
	IS 'returns the secrets that match and on which the caller has any permission, without '
	'their values';

CREATE FUNCTION vault.describe(name text, environment text DEFAULT NULL)
RETURNS TABLE (name text, environment text, type text, state text, description text, tags jsonb,
	current_version integer, previous_version integer, pending_version integer, versions integer,
	created_at timestamptz, updated_at timestamptz, expires_at timestamptz, deleted_at timestamptz,
	purge_at timestamptz, metadata jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.describe(text, text)
	IS 'returns a secret without its value; any permission on the name is sufficient';

CREATE FUNCTION vault.deactivate(name text, reason text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.deactivate(text, text, text)
	IS 'makes a secret unreadable until it is reactivated';

CREATE FUNCTION vault.reactivate(name text, reason text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.reactivate(text, text, text) IS 'ends the deactivation of a secret';

CREATE FUNCTION vault.delete(name text, environment text DEFAULT NULL) RETURNS timestamptz
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.delete(text, text)
	IS 'takes a secret out of use; returns the time until which vault.undelete() restores it';

CREATE FUNCTION vault.undelete(name text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.undelete(text, text)
	IS 'restores a deleted secret within its recovery window';

CREATE FUNCTION vault.destroy(name text, version integer, environment text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.destroy(text, integer, text)
	IS 'removes the ciphertext of one version permanently; its number stays used';

CREATE FUNCTION vault.rename(name text, new_name text, environment text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.rename(text, text, text) IS 'renames a secret, with all its versions';

CREATE FUNCTION vault.tag(name text, tags anycompatible, environment text DEFAULT NULL)
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.tag(text, anycompatible, text)
	IS 'adds and replaces tags, and removes those that are null; returns all tags';

CREATE FUNCTION vault.purge(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.purge(integer)
	IS 'removes deleted secrets whose recovery window is over; returns their number';

--@ execute vault_admin: purge
--@ execute vault_client: deactivate, delete, describe, destroy, list, reactivate, rename, tag,
--@	undelete

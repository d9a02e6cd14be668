/*
 * Expiry for callers: set, prolonged, shown, and announced by a job.
 */

CREATE FUNCTION vault.set_expiry(name text, at timestamptz, grace interval DEFAULT '0',
	environment text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.set_expiry(text, timestamptz, interval, text)
	IS 'sets the time from which a secret cannot be read; NULL means as long as its value '
	'lasts; during the grace after that time it can be read, with a notice';

CREATE FUNCTION vault.extend_expiry(name text, until timestamptz, reason text,
	environment text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.extend_expiry(text, timestamptz, text, text)
	IS 'keeps a secret readable for a limited time in an emergency, also after it has expired';

CREATE FUNCTION vault.set_warnings(name text, thresholds interval[], environment text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client';
COMMENT ON FUNCTION vault.set_warnings(text, interval[], text)
	IS 'sets the times before the expiry of a secret at which it is warned of; NULL means '
	'those of its type or of vault.expiry_warnings, {} means none';

CREATE FUNCTION vault.expiring(within interval DEFAULT '30 days', environment text DEFAULT NULL,
	tenant text DEFAULT NULL)
RETURNS TABLE (name text, environment text, state text, expires_at timestamptz,
	grace_until timestamptz, extensions integer, warned interval)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.expiring(interval, text, text)
	IS 'returns secrets that expire within a time, are in their grace, or have expired, with '
	'the last warning';

CREATE VIEW vault.expiring WITH (security_barrier) AS
SELECT t.name AS tenant, s.name, s.environment, s.type,
	CASE WHEN s.expires_at > n.now THEN 'expiring' WHEN s.grace_until > n.now THEN 'grace'
	ELSE 'expired' END AS state,
	s.expires_at, s.grace_until, COALESCE(s.extensions, 0) AS extensions, w.threshold AS warned
FROM vault_data.secret s
	JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
	LEFT JOIN vault_data.expiry_warning w ON w.tenant_id = s.tenant_id AND w.id = s.id
		AND w.version = s.current_version AND w.expires_at = s.expires_at
	CROSS JOIN LATERAL (SELECT pg_catalog.clock_timestamp() AS now) n
WHERE s.expires_at <= n.now + interval '30 days' AND s.purge_at IS NULL
	AND s.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_secret(s.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.expiring
	IS 'shows secrets that expire within 30 days, are in their grace, or have expired, and on '
	'which the caller has any permission';

CREATE FUNCTION vault.announce_expiring(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.announce_expiring(integer)
	IS 'announces secrets that expire soon or are about to be purged, once for each threshold; '
	'returns the number of announcements';

CREATE FUNCTION vault.announce_expired(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.announce_expired(integer)
	IS 'announces secrets that have expired, once for each version and expiry; returns the '
	'number of announcements';

--@ execute vault_admin: announce_expired, announce_expiring
--@ execute vault_client: extend_expiry, set_expiry, set_warnings
--@ execute vault_client, vault_admin: expiring
--@ select vault_client, vault_admin, vault_auditor: expiring

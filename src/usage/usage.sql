/*
 * Usage: who reads what, counted from the trail.
 *
 * Written by the log consumer alone (usage.c), some seconds behind the trail, and each row
 * of it exactly once. The counts can be made again from the trail, so
 * these tables write nothing there. principal_id is the zero uuid for callers without
 * identity, secret_id for names that are no secret, version 0 for none.
 */
CREATE TABLE vault_data.usage (
	tenant_id        uuid NOT NULL,
	secret_id        uuid NOT NULL,
	principal_id     uuid NOT NULL,
	version          integer NOT NULL,
	reads            bigint NOT NULL,
	failed           bigint NOT NULL,
	first_read_at    timestamptz,
	last_read_at     timestamptz,
	last_failed_at   timestamptz,
	last_at          timestamptz NOT NULL,
	principal        text,
	last_role        text,
	last_address     inet,
	last_application text,
	PRIMARY KEY (tenant_id, secret_id, principal_id, version)
) WITH (fillfactor = 70);
/* Kept for 90 days: what a principal's habits are judged by. */
CREATE TABLE vault_data.usage_hour (
	tenant_id    uuid NOT NULL,
	principal_id uuid NOT NULL,
	hour         timestamptz NOT NULL,
	calls        bigint NOT NULL,
	reads        bigint NOT NULL,
	denials      bigint NOT NULL,
	secrets      bigint NOT NULL,
	changed_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, principal_id, hour)
) WITH (fillfactor = 70);
CREATE INDEX usage_hour_changed ON vault_data.usage_hour (tenant_id, changed_at);
/* Kept until 90 days after the last use. */
CREATE TABLE vault_data.usage_network (
	tenant_id     uuid NOT NULL,
	principal_id  uuid NOT NULL,
	network       cidr NOT NULL,
	first_seen_at timestamptz NOT NULL,
	last_seen_at  timestamptz NOT NULL,
	calls         bigint NOT NULL,
	PRIMARY KEY (tenant_id, principal_id, network)
) WITH (fillfactor = 70);
/* Kept for 7 days. */
CREATE TABLE vault_data.usage_denial (
	tenant_id    uuid NOT NULL,
	principal_id uuid NOT NULL,
	address      inet NOT NULL,
	minute       timestamptz NOT NULL,
	denials      bigint NOT NULL,
	changed_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, principal_id, address, minute)
);
/* Grants that decided something. */
CREATE TABLE vault_data.usage_grant (
	tenant_id     uuid NOT NULL,
	grant_id      uuid NOT NULL,
	uses          bigint NOT NULL,
	first_used_at timestamptz NOT NULL,
	last_used_at  timestamptz NOT NULL,
	PRIMARY KEY (tenant_id, grant_id)
) WITH (fillfactor = 70);

ALTER TABLE vault_data.usage OWNER TO vault_owner;
ALTER TABLE vault_data.usage_hour OWNER TO vault_owner;
ALTER TABLE vault_data.usage_network OWNER TO vault_owner;
ALTER TABLE vault_data.usage_denial OWNER TO vault_owner;
ALTER TABLE vault_data.usage_grant OWNER TO vault_owner;
REVOKE ALL ON vault_data.usage, vault_data.usage_hour, vault_data.usage_network, vault_data.usage_denial, vault_data.usage_grant FROM PUBLIC;
GRANT SELECT, DELETE ON vault_data.usage, vault_data.usage_hour, vault_data.usage_network, vault_data.usage_denial, vault_data.usage_grant TO vault_exec;
ALTER TABLE vault_data.usage ALTER COLUMN principal SET STATISTICS 0, ALTER COLUMN last_role SET STATISTICS 0,
	ALTER COLUMN last_address SET STATISTICS 0, ALTER COLUMN last_application SET STATISTICS 0;
ALTER TABLE vault_data.usage_network ALTER COLUMN network SET STATISTICS 0;
ALTER TABLE vault_data.usage_denial ALTER COLUMN address SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_hour', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_network', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_denial', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.usage_grant', '');
ALTER TABLE vault_data.usage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.usage_hour ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.usage_network ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.usage_denial ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.usage_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.usage FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.usage_hour FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage_hour TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.usage_network FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage_network TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.usage_denial FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage_denial TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.usage_grant FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.usage_grant TO vault_exec
	USING (vault_data.is_inside(tenant_id));

CREATE FUNCTION vault_data.principal_may(tenant uuid, principal uuid, permission text, name text, environment text) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_principal_may';
COMMENT ON FUNCTION vault_data.principal_may(uuid, uuid, text, text, text)
	IS 'returns the decision of the policy about a principal, for callers that may see its grants';
CREATE FUNCTION vault_data.all_tenant_ids() RETURNS uuid[]
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_all_tenant_ids';
CREATE FUNCTION vault_data.enter_tenant_id(tenant uuid) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_enter_tenant_id';

CREATE FUNCTION vault_data.is_read(operation text, decision text, object_kind text, object_id uuid) RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_is_read';
COMMENT ON FUNCTION vault_data.is_read(text, text, text, uuid)
	IS 'returns true if a row of the audit trail is a read of a value, as usage counts it';

/* Reads as usage counts them, row by row. */
CREATE VIEW vault.audit_reads WITH (security_barrier) AS
SELECT a.* FROM vault.audit a
WHERE vault_data.is_read(a.operation, a.decision, a.object_kind, a.object_id);
COMMENT ON VIEW vault.audit_reads
	IS 'shows the rows of the audit trail that are reads of a value, by any function; a caller '
	'sees the rows that it sees in vault.audit';

CREATE VIEW vault.usage WITH (security_barrier) AS
SELECT t.name AS tenant, s.name AS secret, s.environment, COALESCE(p.name, u.principal) AS principal, p.kind,
	NULLIF(u.version, 0) AS version, u.reads, u.failed, u.first_read_at, u.last_read_at, u.last_failed_at,
	u.last_address, u.last_application, u.last_role
FROM vault_data.usage u
	LEFT JOIN vault_data.tenant t ON t.tenant_id = u.tenant_id
	LEFT JOIN vault_data.secret s ON s.tenant_id = u.tenant_id AND s.id = u.secret_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = u.tenant_id AND p.id = u.principal_id
WHERE u.tenant_id = ANY (vault_data.visible_tenants())
	AND (s.id IS NOT NULL OR u.secret_id = '00000000-0000-0000-0000-000000000000')
	AND vault_data.sees_policy(u.tenant_id, u.principal_id)
	/* Names that are no secret for administrators only: nobody else may tell them from those that are hidden. */
	AND vault_data.sees_secret(u.tenant_id, s.name, s.environment);
COMMENT ON VIEW vault.usage
	IS 'shows reads and failed attempts by secret, principal and version: those of the caller, '
	'all of the tenant to its administrators, all to operators and auditors';

CREATE VIEW vault.ghost_readers WITH (security_barrier) AS
SELECT t.name AS tenant, COALESCE(p.name, r.principal) AS principal, s.name AS secret, s.environment, r.reads, r.last_read_at,
	r.last_version, r.knows_current
FROM vault_data.secret s
	JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
	CROSS JOIN LATERAL (
		SELECT u.principal_id, pg_catalog.max(u.principal) AS principal, pg_catalog.sum(u.reads)::bigint AS reads,
			pg_catalog.max(u.last_read_at) AS last_read_at, pg_catalog.max(u.version) AS last_version,
			pg_catalog.bool_or(u.version = s.current_version) AS knows_current
		FROM vault_data.usage u WHERE u.tenant_id = s.tenant_id AND u.secret_id = s.id AND u.reads > 0
		GROUP BY u.principal_id) r
	LEFT JOIN vault_data.principal p ON p.tenant_id = s.tenant_id AND p.id = r.principal_id
WHERE s.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(s.tenant_id, NULL)
	AND NOT vault_data.principal_may(s.tenant_id, r.principal_id, 'read', s.name, s.environment);
COMMENT ON VIEW vault.ghost_readers
	IS 'shows principals that have read a secret and may not read it any more, to '
	'administrators of the tenant, operators and auditors';

CREATE VIEW vault.never_used_grants WITH (security_barrier) AS
SELECT t.name AS tenant, g.id, p.name AS grantee, g.permissions, g.name_pattern, g.environments, g.created_at
FROM vault_data.access_grant g
	JOIN vault_data.tenant t ON t.tenant_id = g.tenant_id
	JOIN vault_data.principal p ON p.tenant_id = g.tenant_id AND p.id = g.principal_id
WHERE g.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(g.tenant_id, NULL) AND g.effect = 'allow'
	AND NOT EXISTS (SELECT FROM vault_data.usage_grant u WHERE u.tenant_id = g.tenant_id AND u.grant_id = g.id);
COMMENT ON VIEW vault.never_used_grants
	IS 'shows allowances that have never decided a call, to administrators of the tenant, '
	'operators and auditors';

ALTER VIEW vault.audit_reads OWNER TO vault_owner;
ALTER VIEW vault.usage OWNER TO vault_owner;
ALTER VIEW vault.ghost_readers OWNER TO vault_owner;
ALTER VIEW vault.never_used_grants OWNER TO vault_owner;
REVOKE ALL ON vault.audit_reads, vault.usage, vault.ghost_readers, vault.never_used_grants FROM PUBLIC;
GRANT SELECT ON vault.audit_reads, vault.usage, vault.ghost_readers, vault.never_used_grants TO vault_client, vault_admin, vault_auditor;

CREATE FUNCTION vault_data.unused_in_tenant(p_unused_for interval)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz, last_read_at timestamptz, reads bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT t.name, s.name, s.environment, s.created_at, r.last_read_at, COALESCE(r.reads, 0)
	FROM vault_data.secret s
		JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
		CROSS JOIN LATERAL (SELECT max(u.last_read_at) AS last_read_at, sum(u.reads)::bigint AS reads
			FROM vault_data.usage u WHERE u.tenant_id = s.tenant_id AND u.secret_id = s.id) r
	WHERE s.tenant_id = vault.current_tenant_id() AND s.purge_at IS NULL
		AND COALESCE(r.last_read_at, s.created_at) < clock_timestamp() - p_unused_for
	ORDER BY COALESCE(r.last_read_at, s.created_at), s.environment, s.name
$$;

CREATE FUNCTION vault_data.unused_secrets(p_unused_for interval, p_tenant text)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz, last_read_at timestamptz, reads bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	tenant_name text;
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_unused_for IS NULL OR NOT p_unused_for BETWEEN '0' AND '100 years' THEN
		PERFORM vault_data.fail('22023', 'invalid interval: it is null, negative or longer than 100 years', 'Give an interval such as ''90 days''.');
	END IF;
	IF p_tenant IS NULL AND vault_data.caller_principal() IS NULL THEN
		FOREACH tenant_name IN ARRAY vault_data.tenant_names() LOOP
			PERFORM vault_data.enter_tenant(tenant_name);
			RETURN QUERY SELECT * FROM vault_data.unused_in_tenant(p_unused_for);
		END LOOP;
	ELSE
		PERFORM vault_data.choose_tenant(p_tenant);
		PERFORM vault_data.require_administrator();
		RETURN QUERY SELECT * FROM vault_data.unused_in_tenant(p_unused_for);
	END IF;
END
$$;
CREATE FUNCTION vault.unused_secrets(unused_for interval DEFAULT '90 days', tenant text DEFAULT NULL)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz, last_read_at timestamptz, reads bigint)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.unused_secrets(interval, text)
	IS 'returns secrets that were not read for a time, the longest unread first; operators get '
	'those of all tenants unless they name one';

/* Remove rows that nothing needs any more, of the call's tenant. */
CREATE FUNCTION vault_data.forget_usage(p_as_of timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
BEGIN
	DELETE FROM vault_data.usage_hour WHERE tenant_id = this_tenant AND hour < p_as_of - interval '90 days';
	DELETE FROM vault_data.usage_network WHERE tenant_id = this_tenant AND last_seen_at < p_as_of - interval '90 days';
	DELETE FROM vault_data.usage_denial WHERE tenant_id = this_tenant AND minute < p_as_of - interval '7 days';
	DELETE FROM vault_data.usage u WHERE u.tenant_id = this_tenant AND u.secret_id <> '00000000-0000-0000-0000-000000000000'
		AND NOT EXISTS (SELECT FROM vault_data.secret s WHERE s.tenant_id = u.tenant_id AND s.id = u.secret_id);
	DELETE FROM vault_data.usage_grant u WHERE u.tenant_id = this_tenant
		AND NOT EXISTS (SELECT FROM vault_data.access_grant g WHERE g.tenant_id = u.tenant_id AND g.id = u.grant_id);
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.all_tenant_ids(), vault_data.enter_tenant_id(uuid), vault_data.unused_in_tenant(interval),
	vault_data.unused_secrets(interval, text), vault_data.forget_usage(timestamptz) TO vault_exec;
GRANT EXECUTE ON FUNCTION vault_data.is_read(text, text, text, uuid), vault_data.principal_may(uuid, uuid, text, text, text)
	TO vault_client, vault_admin, vault_auditor, vault_owner;
GRANT EXECUTE ON FUNCTION vault.unused_secrets(interval, text) TO vault_client, vault_admin;

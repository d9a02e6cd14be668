/*
 * Questions about usage, and removal of counts that are no longer needed.
 */

CREATE FUNCTION vault_data.principal_may(tenant uuid, principal uuid, permission text, name text,
	environment text)
RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'vault_principal_may';
COMMENT ON FUNCTION vault_data.principal_may(uuid, uuid, text, text, text)
	IS 'returns the decision of the policy about a principal, for callers that may see its grants';

CREATE FUNCTION vault_data.is_read(operation text, decision text, object_kind text, object_id uuid)
RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_is_read';
COMMENT ON FUNCTION vault_data.is_read(text, text, text, uuid)
	IS 'returns true if a row of the audit trail is a read of a value, as usage counts it';

CREATE FUNCTION vault_data.unused_in_tenant(p_unused_for interval)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz,
	last_read_at timestamptz, reads bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE AS $$
	SELECT t.name, s.name, s.environment, s.created_at, r.last_read_at, COALESCE(r.reads, 0)
	FROM vault_data.secret s
		JOIN vault_data.tenant t ON t.tenant_id = s.tenant_id
		CROSS JOIN LATERAL (SELECT max(u.last_read_at) AS last_read_at,
			sum(u.reads)::bigint AS reads
			FROM vault_data.usage u WHERE u.tenant_id = s.tenant_id AND u.secret_id = s.id) r
	WHERE s.tenant_id = vault.current_tenant_id() AND s.purge_at IS NULL
		AND COALESCE(r.last_read_at, s.created_at) < clock_timestamp() - p_unused_for
	ORDER BY COALESCE(r.last_read_at, s.created_at), s.environment, s.name
$$;

CREATE FUNCTION vault_data.unused_secrets(p_unused_for interval, p_tenant text)
RETURNS TABLE (tenant text, name text, environment text, created_at timestamptz,
	last_read_at timestamptz, reads bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	tenant_name text;
BEGIN
	PERFORM vault_data.require_administrator();
	IF p_unused_for IS NULL OR NOT p_unused_for BETWEEN '0' AND '100 years' THEN
		PERFORM vault_data.fail('22023',
			'invalid interval: must be between 0 and 100 years',
			'Give an interval such as ''90 days''.');
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

/* Remove rows of the call's tenant that are no longer needed. */
CREATE FUNCTION vault_data.forget_usage(p_as_of timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault.current_tenant_id();
BEGIN
	DELETE FROM vault_data.usage_hour
	WHERE tenant_id = this_tenant AND hour < p_as_of - interval '90 days';
	DELETE FROM vault_data.usage_network
	WHERE tenant_id = this_tenant AND last_seen_at < p_as_of - interval '90 days';
	DELETE FROM vault_data.usage_denial
	WHERE tenant_id = this_tenant AND minute < p_as_of - interval '7 days';
	DELETE FROM vault_data.usage u
	WHERE u.tenant_id = this_tenant AND u.secret_id <> '00000000-0000-0000-0000-000000000000'
		AND NOT EXISTS (SELECT FROM vault_data.secret s
			WHERE s.tenant_id = u.tenant_id AND s.id = u.secret_id);
	DELETE FROM vault_data.usage_grant u WHERE u.tenant_id = this_tenant
		AND NOT EXISTS (SELECT FROM vault_data.access_grant g
			WHERE g.tenant_id = u.tenant_id AND g.id = u.grant_id);
END
$$;

--@ execute vault_client, vault_admin, vault_auditor, vault_owner: is_read, principal_may
--@ execute vault_exec: forget_usage, unused_in_tenant, unused_secrets

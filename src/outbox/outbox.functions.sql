/*
 * Announcements: a row of the outbox and its ids by NOTIFY, in the transaction that changes
 * something.
 */

CREATE FUNCTION vault_data.notification_kinds() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['rotated', 'rotation_due', 'rotation_failed', 'expiring', 'expired', 'extended',
	'deactivated', 'reactivated', 'deleted', 'undeleted', 'purge_due', 'anomaly', 'policy_changed',
	'tenant_created', 'tenant_suspended', 'tenant_resumed', 'tenant_destroyed',
	'administrator_appointed'];

CREATE FUNCTION vault_data.check_kinds(p_kinds text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF cardinality(p_kinds) NOT BETWEEN 1 AND 64 OR array_ndims(p_kinds) <> 1
		OR EXISTS (SELECT FROM unnest(p_kinds) AS k
			WHERE k IS NULL OR k <> ALL (vault_data.notification_kinds()))
	THEN
		PERFORM vault_data.fail('22023', 'invalid kind: there is no such kind of notification',
			format('Kinds are %s.', array_to_string(vault_data.notification_kinds(), ', ')));
	END IF;
END
$$;

/*
 * Write a notification and send its ids by NOTIFY. Every role of the database can listen, so NOTIFY
 * has ids only. The tenant is that of the call.
 */
CREATE FUNCTION vault_data.write_notification(p_tenant uuid, p_kind text, p_severity text,
	p_secret uuid, p_name text, p_environment text, p_payload jsonb)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.check_kinds(ARRAY[p_kind]);
	INSERT INTO vault_data.notification
		(tenant_id, id, kind, severity, secret_id, secret, environment, payload)
	VALUES (p_tenant, new_id, p_kind, p_severity, p_secret, p_name, p_environment,
		COALESCE(p_payload, '{}'));
	/* A copy does not notify. What it writes is delivered if the copy is adopted. */
	IF vault_data.held() IS NULL THEN
		PERFORM pg_notify('vault', jsonb_strip_nulls(jsonb_build_object('tenant', p_tenant,
			'id', new_id, 'kind', p_kind, 'secret', p_secret))::text);
	END IF;
	RETURN new_id;
END
$$;

/* Announce something that concerns no single secret. The payload has no values. */
CREATE FUNCTION vault_data.announce(p_tenant uuid, p_kind text, p_severity text, p_payload jsonb)
RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.write_notification(p_tenant, p_kind, p_severity, NULL, NULL, NULL, p_payload)
$$;
COMMENT ON FUNCTION vault_data.announce(uuid, text, text, jsonb)
	IS 'writes a notification and sends its ids by NOTIFY, with the present transaction';

/* Announce one change of the policy for each call, however many changes the call makes. */
CREATE FUNCTION vault_data.policy_changed() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_policy_changed';

--@ execute vault_exec: announce, check_kinds, notification_kinds, policy_changed,
--@	write_notification

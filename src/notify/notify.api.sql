/*
 * Notifications for callers: subscribers take them and acknowledge them.
 */

CREATE FUNCTION vault.subscribe(name text, kinds text[] DEFAULT NULL, principal text DEFAULT NULL,
	tenant text DEFAULT NULL)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.subscribe(text, text[], text, text)
	IS 'adds a subscriber to the tenant''s notifications from now on, of these kinds or of '
	'all; a principal may take those of secrets on which it has any permission';

CREATE FUNCTION vault.unsubscribe(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.unsubscribe(text, text)
	IS 'removes a subscriber, with the notifications that it has not acknowledged';

CREATE FUNCTION vault.next_notifications(subscriber text, max_rows integer DEFAULT 100,
	lease interval DEFAULT '1 minute', tenant text DEFAULT NULL)
RETURNS TABLE (id uuid, at timestamptz, kind text, severity text, secret_id uuid, secret text,
	environment text, payload jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.next_notifications(text, integer, interval, text)
	IS 'returns the notifications that a subscriber has not acknowledged, oldest first, for '
	'one consumer at a time';

CREATE FUNCTION vault.acknowledge(subscriber text, notification uuid, tenant text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.acknowledge(text, uuid, text)
	IS 'acknowledges a notification of a subscriber and all before it';

CREATE FUNCTION vault.forget_notifications(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.forget_notifications(integer)
	IS 'removes notifications older than vault.notification_retention that every subscriber '
	'has acknowledged; returns their number';

CREATE VIEW vault.notifications WITH (security_barrier) AS
SELECT t.name AS tenant, n.id, n.at, n.kind, n.severity, n.secret_id, n.secret, n.environment,
	n.payload,
	CASE WHEN vault_data.sees_policy(n.tenant_id, NULL) THEN ARRAY(
		SELECT b.name FROM vault_data.subscriber b
		WHERE b.tenant_id = n.tenant_id AND n.position > b.since AND n.position <= b.acknowledged
			AND (b.kinds IS NULL OR n.kind = ANY (b.kinds))
		ORDER BY b.name) END AS acknowledged_by
FROM vault_data.notification n LEFT JOIN vault_data.tenant t ON t.tenant_id = n.tenant_id
WHERE n.tenant_id = ANY (vault_data.visible_tenants())
	AND CASE WHEN n.secret IS NOT NULL
		THEN vault_data.sees_secret(n.tenant_id, n.secret, n.environment)
		ELSE vault_data.sees_policy(n.tenant_id, NULL) END;
COMMENT ON VIEW vault.notifications
	IS 'shows notifications of secrets on which the caller has any permission, all of the '
	'tenant to its administrators, all to operators and auditors';

CREATE VIEW vault.subscribers WITH (security_barrier) AS
SELECT t.name AS tenant, b.id, b.name, b.kinds, p.name AS principal, w.waiting, w.waiting_since,
	b.acknowledged_at, b.leased_until, b.created_at
FROM vault_data.subscriber b
	JOIN vault_data.tenant t ON t.tenant_id = b.tenant_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = b.tenant_id AND p.id = b.principal_id
	CROSS JOIN LATERAL (SELECT pg_catalog.count(*) AS waiting, pg_catalog.min(n.at) AS waiting_since
		FROM vault_data.notification n
		WHERE n.tenant_id = b.tenant_id AND (n.position IS NULL OR n.position > b.acknowledged)
			AND (b.kinds IS NULL OR n.kind = ANY (b.kinds))
			AND CASE WHEN n.secret IS NOT NULL
				THEN vault_data.sees_secret(n.tenant_id, n.secret, n.environment)
				ELSE vault_data.sees_policy(n.tenant_id, NULL) END) AS w
WHERE b.tenant_id = ANY (vault_data.visible_tenants())
	AND vault_data.sees_policy(b.tenant_id, b.principal_id);
COMMENT ON VIEW vault.subscribers
	IS 'shows subscribers and the number of notifications that wait: those of the caller, all '
	'of the tenant to its administrators, all to operators and auditors';

--@ execute vault_admin: forget_notifications
--@ execute vault_client, vault_admin: acknowledge, next_notifications, subscribe, unsubscribe
--@ select vault_client, vault_admin, vault_auditor: notifications, subscribers

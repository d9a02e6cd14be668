/*
 * Notifications: what others should learn of, written in the transaction that does it (an
 * outbox), and who has taken them (subscribers).
 *
 * Ids and times are given before the commit, and commits come in any order; so a row gets
 * its place in the order (position) when a consumer first sees it committed, from a counter of the
 * tenant that its consumers lock one after the other. A later commit comes later, at any time of the
 * notification, and nothing is passed over. Within what is seen at once the time decides.
 *
 * NOTIFY takes a lock of the whole server at commit, so only what is rare is announced: no put, no read.
 */
CREATE TABLE vault_data.notification (
	tenant_id   uuid NOT NULL,
	id          uuid NOT NULL,
	at          timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	kind        text NOT NULL,
	severity    text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
	secret_id   uuid,
	secret      text COLLATE "C",
	environment text COLLATE "C",
	payload     jsonb NOT NULL,
	position    bigint,
	CONSTRAINT notification_payload CHECK (pg_catalog.jsonb_typeof(payload) = 'object'),
	PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX notification_position ON vault_data.notification (tenant_id, position);
/* The last place that was given. */
CREATE TABLE vault_data.notification_order (
	tenant_id uuid PRIMARY KEY,
	position  bigint NOT NULL DEFAULT 0
);
/*
 * since and acknowledged are places: what stands after acknowledged is still to be delivered.
 * Up to leased_to it is in the hands of a consumer until leased_until.
 */
CREATE TABLE vault_data.subscriber (
	tenant_id       uuid NOT NULL,
	id              uuid NOT NULL,
	name            text COLLATE "C" NOT NULL,
	kinds           text[],
	principal_id    uuid,
	since           bigint NOT NULL,
	acknowledged    bigint NOT NULL,
	acknowledged_at timestamptz,
	leased_to       bigint,
	leased_until    timestamptz,
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT subscriber_name_key UNIQUE (tenant_id, name),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);

ALTER TABLE vault_data.notification OWNER TO vault_owner;
ALTER TABLE vault_data.notification_order OWNER TO vault_owner;
ALTER TABLE vault_data.subscriber OWNER TO vault_owner;
REVOKE ALL ON vault_data.notification, vault_data.notification_order, vault_data.subscriber FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.notification, vault_data.notification_order, vault_data.subscriber TO vault_exec;
ALTER TABLE vault_data.notification ALTER COLUMN secret SET STATISTICS 0, ALTER COLUMN environment SET STATISTICS 0,
	ALTER COLUMN payload SET STATISTICS 0;
ALTER TABLE vault_data.subscriber ALTER COLUMN name SET STATISTICS 0;
SELECT pg_catalog.pg_extension_config_dump('vault_data.notification', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.notification_order', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.subscriber', '');
ALTER TABLE vault_data.notification ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.notification_order ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE vault_data.subscriber ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON vault_data.notification FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.notification TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.notification_order FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.notification_order TO vault_exec
	USING (vault_data.is_inside(tenant_id));
CREATE POLICY tenant ON vault_data.subscriber FOR SELECT TO vault_owner
	USING (tenant_id = vault.current_tenant_id() OR vault_data.sees_all_tenants());
CREATE POLICY entry ON vault_data.subscriber TO vault_exec
	USING (vault_data.is_inside(tenant_id));

/* Inside a call a notification is part of the change that it tells of. */
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.notification
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-notification', 'kind', 'severity', 'secret_id', '*payload', 'position');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.notification_order
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-notification_order', 'position');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.subscriber
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('subscriber', 'name', 'kinds', 'principal_id');
ALTER TABLE vault_data.notification ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.notification_order ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.subscriber ENABLE ALWAYS TRIGGER audit;

CREATE FUNCTION vault_data.notification_kinds() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['rotated', 'rotation_due', 'rotation_failed', 'expiring', 'expired', 'extended', 'deactivated', 'reactivated', 'deleted', 'undeleted',
	'purge_due', 'anomaly', 'policy_changed', 'tenant_created', 'tenant_suspended', 'tenant_resumed', 'tenant_destroyed', 'administrator_appointed'];

CREATE FUNCTION vault_data.check_kinds(p_kinds text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF pg_catalog.cardinality(p_kinds) NOT BETWEEN 1 AND 64 OR pg_catalog.array_ndims(p_kinds) <> 1
		OR EXISTS (SELECT FROM pg_catalog.unnest(p_kinds) AS k WHERE k IS NULL OR k <> ALL (vault_data.notification_kinds()))
	THEN
		PERFORM vault_data.fail('22023', 'invalid kind: there is no such kind of notification',
			pg_catalog.format('Kinds are %s.', pg_catalog.array_to_string(vault_data.notification_kinds(), ', ')));
	END IF;
END
$$;

/*
 * Tells of something in the transaction that does it; the tenant is that of the entry. The payload
 * has no values. Everybody in the database can listen, so NOTIFY has ids only.
 */
CREATE FUNCTION vault_data.announce(p_tenant uuid, p_kind text, p_severity text, p_secret uuid, p_payload jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.check_kinds(ARRAY[p_kind]);
	INSERT INTO vault_data.notification (tenant_id, id, kind, severity, secret_id, secret, environment, payload)
	SELECT p_tenant, new_id, p_kind, p_severity, p_secret, s.name, s.environment, COALESCE(p_payload, '{}')
	FROM (VALUES (1)) AS one LEFT JOIN vault_data.secret s ON s.tenant_id = p_tenant AND s.id = p_secret;
	/* A copy tells nobody; what it writes is delivered if it is adopted. */
	IF vault_data.held() IS NULL THEN
		PERFORM pg_catalog.pg_notify('vault', pg_catalog.jsonb_strip_nulls(
			pg_catalog.jsonb_build_object('tenant', p_tenant, 'id', new_id, 'kind', p_kind, 'secret', p_secret))::text);
	END IF;
	RETURN new_id;
END
$$;
COMMENT ON FUNCTION vault_data.announce(uuid, text, text, uuid, jsonb)
	IS 'writes a notification and sends its ids by NOTIFY, with the present transaction';

/* One for each call, however many changes it makes. */
CREATE FUNCTION vault_data.policy_changed() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_policy_changed';

/* Visible to callers that may know of the secret; without one, to those that see the policy. */
CREATE FUNCTION vault_data.may_know(p_secret text, p_environment text) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.caller_principal() IS NULL OR vault_data.is_administrator()
		OR (p_secret IS NOT NULL AND vault_data.permitted('list', p_secret, p_environment))
$$;

/* A subscriber that the caller may act as; absent and somebody else's are the same. */
CREATE FUNCTION vault_data.find_subscriber(p_tenant text, p_name text) RETURNS vault_data.subscriber
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	found_row vault_data.subscriber;
BEGIN
	PERFORM vault_data.check_identifier('subscriber', p_name);
	SELECT * INTO found_row FROM vault_data.subscriber b WHERE b.tenant_id = this_tenant AND b.name = p_name;
	IF NOT FOUND OR NOT (vault_data.caller_principal() IS NULL OR vault_data.is_administrator()
		OR found_row.principal_id IS NOT DISTINCT FROM vault_data.caller_principal())
	THEN
		PERFORM vault_data.fail('42704', 'no such subscriber', 'The view vault.subscribers shows them; vault.subscribe() makes one.');
	END IF;
	RETURN found_row;
END
$$;

/* Gives places to what is committed and has none. While another consumer does so, what has one is all there is. */
CREATE FUNCTION vault_data.order_notifications(p_tenant uuid, p_wait boolean) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	last bigint;
	added bigint;
BEGIN
	IF p_wait THEN
		SELECT o.position INTO last FROM vault_data.notification_order o WHERE o.tenant_id = p_tenant FOR UPDATE;
	ELSE
		SELECT o.position INTO last FROM vault_data.notification_order o WHERE o.tenant_id = p_tenant FOR UPDATE SKIP LOCKED;
	END IF;
	IF last IS NULL THEN
		RETURN;
	END IF;
	UPDATE vault_data.notification n SET position = last + r.number
	FROM (SELECT w.id, pg_catalog.row_number() OVER (ORDER BY w.at, w.id) AS number
		FROM vault_data.notification w WHERE w.tenant_id = p_tenant AND w.position IS NULL) AS r
	WHERE n.tenant_id = p_tenant AND n.id = r.id;
	GET DIAGNOSTICS added = ROW_COUNT;
	IF added > 0 THEN
		UPDATE vault_data.notification_order SET position = last + added WHERE tenant_id = p_tenant;
	END IF;
END
$$;

CREATE FUNCTION vault_data.subscribe(p_name text, p_kinds text[], p_principal text, p_tenant text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.check_identifier('subscriber', p_name);
	PERFORM vault_data.check_kinds(p_kinds);
	INSERT INTO vault_data.notification_order (tenant_id) VALUES (this_tenant) ON CONFLICT DO NOTHING;
	PERFORM vault_data.order_notifications(this_tenant, true);
	IF EXISTS (SELECT FROM vault_data.subscriber b WHERE b.tenant_id = this_tenant AND b.name = p_name) THEN
		PERFORM vault_data.fail('23505', pg_catalog.format('subscriber "%s" already exists', p_name), 'Choose another name, or vault.unsubscribe() it.');
	END IF;
	IF (SELECT pg_catalog.count(*) FROM vault_data.subscriber b WHERE b.tenant_id = this_tenant) >= 64 THEN
		PERFORM vault_data.fail('54000', 'the tenant has 64 subscribers', 'Take one away with vault.unsubscribe().');
	END IF;
	INSERT INTO vault_data.subscriber (tenant_id, id, name, kinds, principal_id, since, acknowledged)
	SELECT this_tenant, new_id, p_name, p_kinds, CASE WHEN p_principal IS NOT NULL THEN vault_data.find_principal(this_tenant, p_principal) END,
		o.position, o.position
	FROM vault_data.notification_order o WHERE o.tenant_id = this_tenant;
	RETURN new_id;
END
$$;
CREATE FUNCTION vault.subscribe(name text, kinds text[] DEFAULT NULL, principal text DEFAULT NULL, tenant text DEFAULT NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.subscribe(text, text[], text, text)
	IS 'adds a subscriber to the tenant''s notifications from now on, of these kinds or of '
	'all; a principal may take those of secrets on which it has any permission';

CREATE FUNCTION vault_data.unsubscribe(p_name text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	DELETE FROM vault_data.subscriber WHERE tenant_id = this_tenant AND name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such subscriber', 'The view vault.subscribers shows them.');
	END IF;
END
$$;
CREATE FUNCTION vault.unsubscribe(name text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.unsubscribe(text, text)
	IS 'removes a subscriber, with the notifications that it has not acknowledged';

/*
 * The next ones of a subscriber, oldest first. They are leased to the caller: until the lease is over, or
 * all of them are acknowledged, others get none. A consumer that dies or rolls back loses nothing, because only
 * acknowledge() moves on. Notifications that
 * the caller may not know of at the moment are left out and hold up nothing.
 */
CREATE FUNCTION vault_data.next_notifications(p_subscriber text, p_max_rows integer, p_lease interval, p_tenant text)
RETURNS TABLE (id uuid, at timestamptz, kind text, severity text, secret_id uuid, secret text, environment text, payload jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	b vault_data.subscriber := vault_data.find_subscriber(p_tenant, p_subscriber);
	n vault_data.notification;
	taken bigint;
	last bigint;
	passed bigint;
BEGIN
	PERFORM vault_data.require_origin();
	IF p_max_rows IS NULL OR p_max_rows NOT BETWEEN 1 AND 10000 THEN
		PERFORM vault_data.fail('22023', 'invalid max_rows: it is not between 1 and 10000', 'Give the size of a batch.');
	END IF;
	IF p_lease IS NULL OR p_lease NOT BETWEEN '0' AND '1 day' THEN
		PERFORM vault_data.fail('22023', 'invalid lease: it is not between 0 and one day', 'Give the time that delivering the batch may take.');
	END IF;
	SELECT * INTO b FROM vault_data.subscriber l WHERE l.tenant_id = b.tenant_id AND l.id = b.id FOR NO KEY UPDATE SKIP LOCKED;
	IF NOT FOUND OR b.leased_until > pg_catalog.clock_timestamp() THEN
		RETURN;
	END IF;
	PERFORM vault_data.order_notifications(b.tenant_id, false);
	SELECT o.position INTO last FROM vault_data.notification_order o WHERE o.tenant_id = b.tenant_id;
	FOR n IN
		SELECT * FROM vault_data.notification w
		WHERE w.tenant_id = b.tenant_id AND w.position > b.acknowledged AND w.position <= last
			AND (b.kinds IS NULL OR w.kind = ANY (b.kinds)) AND vault_data.may_know(w.secret, w.environment)
		ORDER BY w.position LIMIT p_max_rows
	LOOP
		taken := n.position;
		id := n.id;
		at := n.at;
		kind := n.kind;
		severity := n.severity;
		secret_id := n.secret_id;
		secret := n.secret;
		environment := n.environment;
		payload := n.payload;
		RETURN NEXT;
	END LOOP;
	IF taken IS NOT NULL THEN
		UPDATE vault_data.subscriber l SET leased_to = taken, leased_until = pg_catalog.clock_timestamp() + p_lease
		WHERE l.tenant_id = b.tenant_id AND l.id = b.id;
		RETURN;
	END IF;
	/*
	 * The next call need not look again at other kinds. Notifications that the caller may not
	 * know of now wait as long as notifications are kept: a grant may come into force.
	 */
	SELECT COALESCE(pg_catalog.min(w.position) - 1, last) INTO passed FROM vault_data.notification w
	WHERE w.tenant_id = b.tenant_id AND w.position > b.acknowledged AND w.position <= last AND (b.kinds IS NULL OR w.kind = ANY (b.kinds))
		AND w.at >= pg_catalog.clock_timestamp() - pg_catalog.current_setting('vault.notification_retention')::interval;
	IF passed > b.acknowledged THEN
		UPDATE vault_data.subscriber l SET acknowledged = passed WHERE l.tenant_id = b.tenant_id AND l.id = b.id;
	END IF;
END
$$;
CREATE FUNCTION vault.next_notifications(subscriber text, max_rows integer DEFAULT 100, lease interval DEFAULT '1 minute', tenant text DEFAULT NULL)
RETURNS TABLE (id uuid, at timestamptz, kind text, severity text, secret_id uuid, secret text, environment text, payload jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.next_notifications(text, integer, interval, text)
	IS 'returns the notifications that a subscriber has not acknowledged, oldest first, for '
	'one consumer at a time';

CREATE FUNCTION vault_data.acknowledge(p_subscriber text, p_notification uuid, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	b vault_data.subscriber := vault_data.find_subscriber(p_tenant, p_subscriber);
	done bigint;
BEGIN
	SELECT n.position INTO done FROM vault_data.notification n
	WHERE n.tenant_id = b.tenant_id AND n.id = p_notification AND n.position > b.since
		AND (b.kinds IS NULL OR n.kind = ANY (b.kinds)) AND vault_data.may_know(n.secret, n.environment);
	IF done IS NULL THEN
		PERFORM vault_data.fail('42704', 'no such notification of this subscriber', 'Acknowledge what vault.next_notifications() returned.');
	END IF;
	UPDATE vault_data.subscriber l SET acknowledged = GREATEST(l.acknowledged, done), acknowledged_at = pg_catalog.clock_timestamp(),
		leased_until = CASE WHEN l.leased_to > done THEN l.leased_until END
	WHERE l.tenant_id = b.tenant_id AND l.id = b.id;
END
$$;
CREATE FUNCTION vault.acknowledge(subscriber text, notification uuid, tenant text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_client_or_operator';
COMMENT ON FUNCTION vault.acknowledge(text, uuid, text)
	IS 'acknowledges a notification of a subscriber and all before it';

/* Notifications that all their subscribers have acknowledged, and those without a subscriber. */
CREATE FUNCTION vault_data.forget_notifications_of_tenant(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	before timestamptz := pg_catalog.clock_timestamp() - pg_catalog.current_setting('vault.notification_retention')::interval;
	this_tenant uuid := vault.current_tenant_id();
	gone integer;
BEGIN
	DELETE FROM vault_data.notification n WHERE n.tenant_id = this_tenant AND n.id = ANY (ARRAY(
		SELECT o.id FROM vault_data.notification o
		WHERE o.tenant_id = this_tenant AND o.at < before AND NOT EXISTS (SELECT FROM vault_data.subscriber b
			WHERE b.tenant_id = this_tenant AND (b.kinds IS NULL OR o.kind = ANY (b.kinds))
				AND (o.position IS NULL OR o.position > b.acknowledged))
		LIMIT p_max_rows FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS gone = ROW_COUNT;
	RETURN gone;
END
$$;
CREATE FUNCTION vault_data.forget_notifications(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	RETURN vault_data.in_turns('forget_notifications_of_tenant', vault_data.all_tenant_ids()::text[], true, p_max_rows);
END
$$;
CREATE FUNCTION vault.forget_notifications(max_rows integer DEFAULT 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_as_operator';
COMMENT ON FUNCTION vault.forget_notifications(integer)
	IS 'removes notifications older than vault.notification_retention that every subscriber '
	'has acknowledged; returns their number';

CREATE VIEW vault.notifications WITH (security_barrier) AS
SELECT t.name AS tenant, n.id, n.at, n.kind, n.severity, n.secret_id, n.secret, n.environment, n.payload,
	CASE WHEN vault_data.sees_policy(n.tenant_id, NULL) THEN ARRAY(SELECT b.name FROM vault_data.subscriber b
		WHERE b.tenant_id = n.tenant_id AND n.position > b.since AND n.position <= b.acknowledged
			AND (b.kinds IS NULL OR n.kind = ANY (b.kinds)) ORDER BY b.name) END AS acknowledged_by
FROM vault_data.notification n LEFT JOIN vault_data.tenant t ON t.tenant_id = n.tenant_id
WHERE n.tenant_id = ANY (vault_data.visible_tenants())
	AND CASE WHEN n.secret IS NOT NULL THEN vault_data.sees_secret(n.tenant_id, n.secret, n.environment)
		ELSE vault_data.sees_policy(n.tenant_id, NULL) END;
COMMENT ON VIEW vault.notifications
	IS 'shows notifications of secrets on which the caller has any permission, all of the '
	'tenant to its administrators, all to operators and auditors';

CREATE VIEW vault.subscribers WITH (security_barrier) AS
SELECT t.name AS tenant, b.id, b.name, b.kinds, p.name AS principal, w.waiting, w.waiting_since, b.acknowledged_at, b.leased_until, b.created_at
FROM vault_data.subscriber b
	JOIN vault_data.tenant t ON t.tenant_id = b.tenant_id
	LEFT JOIN vault_data.principal p ON p.tenant_id = b.tenant_id AND p.id = b.principal_id
	CROSS JOIN LATERAL (SELECT pg_catalog.count(*) AS waiting, pg_catalog.min(n.at) AS waiting_since FROM vault_data.notification n
		WHERE n.tenant_id = b.tenant_id AND (n.position IS NULL OR n.position > b.acknowledged) AND (b.kinds IS NULL OR n.kind = ANY (b.kinds))
			AND CASE WHEN n.secret IS NOT NULL THEN vault_data.sees_secret(n.tenant_id, n.secret, n.environment)
				ELSE vault_data.sees_policy(n.tenant_id, NULL) END) AS w
WHERE b.tenant_id = ANY (vault_data.visible_tenants()) AND vault_data.sees_policy(b.tenant_id, b.principal_id);
COMMENT ON VIEW vault.subscribers
	IS 'shows subscribers and the number of notifications that wait: those of the caller, all '
	'of the tenant to its administrators, all to operators and auditors';

ALTER VIEW vault.notifications OWNER TO vault_owner;
ALTER VIEW vault.subscribers OWNER TO vault_owner;
REVOKE ALL ON vault.notifications, vault.subscribers FROM PUBLIC;
GRANT SELECT ON vault.notifications, vault.subscribers TO vault_client, vault_admin, vault_auditor;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.acknowledge(text, uuid, text),
	vault_data.announce(uuid, text, text, uuid, jsonb), vault_data.check_kinds(text[]),
	vault_data.find_subscriber(text, text), vault_data.forget_notifications(integer),
	vault_data.forget_notifications_of_tenant(integer), vault_data.may_know(text, text),
	vault_data.next_notifications(text, integer, interval, text), vault_data.notification_kinds(),
	vault_data.order_notifications(uuid, boolean), vault_data.policy_changed(),
	vault_data.subscribe(text, text[], text, text), vault_data.unsubscribe(text, text)
	TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.subscribe(text, text[], text, text), vault.unsubscribe(text, text),
	vault.next_notifications(text, integer, interval, text), vault.acknowledge(text, uuid, text) TO vault_client, vault_admin;
GRANT EXECUTE ON FUNCTION vault.forget_notifications(integer) TO vault_admin;

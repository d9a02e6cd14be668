/*
 * Subscribers and the order of notifications. Consumers of a tenant lock its row of
 * notification_order one after the other.
 */

/*
 * Return true if the caller may know of the secret. A notification without a secret is visible to
 * callers that see the policy.
 */
CREATE FUNCTION vault_data.may_know(p_secret text, p_environment text) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE AS $$
	SELECT vault_data.caller_principal() IS NULL OR vault_data.is_administrator()
		OR (p_secret IS NOT NULL AND vault_data.permitted('list', p_secret, p_environment))
$$;

/* Return a subscriber that the caller may act as. Raises the same error for that of another. */
CREATE FUNCTION vault_data.find_subscriber(p_tenant text, p_name text) RETURNS vault_data.subscriber
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	found_row vault_data.subscriber;
BEGIN
	PERFORM vault_data.check_identifier('subscriber', p_name);
	SELECT * INTO found_row FROM vault_data.subscriber b
	WHERE b.tenant_id = this_tenant AND b.name = p_name;
	IF NOT FOUND OR NOT (vault_data.caller_principal() IS NULL OR vault_data.is_administrator()
		OR found_row.principal_id IS NOT DISTINCT FROM vault_data.caller_principal())
	THEN
		PERFORM vault_data.fail('42704', 'no such subscriber',
			'The view vault.subscribers shows them; vault.subscribe() makes one.');
	END IF;
	RETURN found_row;
END
$$;

/*
 * Give positions to committed notifications that have none. While another consumer does so, only
 * those with a position are delivered.
 */
CREATE FUNCTION vault_data.order_notifications(p_tenant uuid, p_wait boolean) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	last bigint;
	added bigint;
BEGIN
	IF p_wait THEN
		SELECT o.position INTO last FROM vault_data.notification_order o
		WHERE o.tenant_id = p_tenant FOR UPDATE;
	ELSE
		SELECT o.position INTO last FROM vault_data.notification_order o
		WHERE o.tenant_id = p_tenant FOR UPDATE SKIP LOCKED;
	END IF;
	IF last IS NULL THEN
		RETURN;
	END IF;
	UPDATE vault_data.notification n SET position = last + r.number
	FROM (SELECT w.id, row_number() OVER (ORDER BY w.at, w.id) AS number
		FROM vault_data.notification w WHERE w.tenant_id = p_tenant AND w.position IS NULL) AS r
	WHERE n.tenant_id = p_tenant AND n.id = r.id;
	GET DIAGNOSTICS added = ROW_COUNT;
	IF added > 0 THEN
		UPDATE vault_data.notification_order SET position = last + added WHERE tenant_id = p_tenant;
	END IF;
END
$$;

CREATE FUNCTION vault_data.subscribe(p_name text, p_kinds text[], p_principal text, p_tenant text)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
	new_id uuid := vault_data.new_id();
BEGIN
	PERFORM vault_data.require_administrator();
	PERFORM vault_data.check_identifier('subscriber', p_name);
	PERFORM vault_data.check_kinds(p_kinds);
	INSERT INTO vault_data.notification_order (tenant_id) VALUES (this_tenant)
	ON CONFLICT DO NOTHING;
	PERFORM vault_data.order_notifications(this_tenant, true);
	IF EXISTS (SELECT FROM vault_data.subscriber b
		WHERE b.tenant_id = this_tenant AND b.name = p_name)
	THEN
		PERFORM vault_data.fail('23505', format('subscriber "%s" already exists', p_name),
			'Choose another name, or vault.unsubscribe() it.');
	END IF;
	IF (SELECT count(*) FROM vault_data.subscriber b WHERE b.tenant_id = this_tenant) >= 64 THEN
		PERFORM vault_data.fail('54000', 'the tenant has 64 subscribers',
			'Take one away with vault.unsubscribe().');
	END IF;
	INSERT INTO vault_data.subscriber (tenant_id, id, name, kinds, principal_id, since,
		acknowledged)
	SELECT this_tenant, new_id, p_name, p_kinds,
		CASE WHEN p_principal IS NOT NULL
		THEN vault_data.find_principal(this_tenant, p_principal) END,
		o.position, o.position
	FROM vault_data.notification_order o WHERE o.tenant_id = this_tenant;
	RETURN new_id;
END
$$;

CREATE FUNCTION vault_data.unsubscribe(p_name text, p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	this_tenant uuid := vault_data.choose_tenant(p_tenant);
BEGIN
	PERFORM vault_data.require_administrator();
	DELETE FROM vault_data.subscriber WHERE tenant_id = this_tenant AND name = p_name;
	IF NOT FOUND THEN
		PERFORM vault_data.fail('42704', 'no such subscriber',
			'The view vault.subscribers shows them.');
	END IF;
END
$$;

/*
 * Acknowledge notifications of other kinds, which no call need look at again. Those that the caller
 * may not know of now wait as long as notifications are kept: a grant may come into force.
 */
CREATE FUNCTION vault_data.pass_over(consumer vault_data.subscriber, p_last bigint) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	passed bigint;
BEGIN
	SELECT COALESCE(min(w.position) - 1, p_last) INTO passed FROM vault_data.notification w
	WHERE w.tenant_id = consumer.tenant_id AND w.position > consumer.acknowledged
		AND w.position <= p_last
		AND (consumer.kinds IS NULL OR w.kind = ANY (consumer.kinds))
		AND w.at >= clock_timestamp() - current_setting('vault.notification_retention')::interval;
	IF passed > consumer.acknowledged THEN
		UPDATE vault_data.subscriber l SET acknowledged = passed
		WHERE l.tenant_id = consumer.tenant_id AND l.id = consumer.id;
	END IF;
END
$$;

/*
 * Return the next notifications of a subscriber, oldest first. They are leased to the caller: until
 * the lease ends, or all of them are acknowledged, other callers get none. A consumer that dies or
 * rolls back loses nothing, because only acknowledge() moves on. Notifications that the caller may
 * not know of at the moment are left out and hold up nothing.
 */
CREATE FUNCTION vault_data.next_notifications(p_subscriber text, p_max_rows integer,
	p_lease interval, p_tenant text)
RETURNS TABLE (id uuid, at timestamptz, kind text, severity text, secret_id uuid, secret text,
	environment text, payload jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	consumer vault_data.subscriber := vault_data.find_subscriber(p_tenant, p_subscriber);
	item vault_data.notification;
	taken bigint;
	last bigint;
BEGIN
	PERFORM vault_data.require_origin();
	IF p_max_rows IS NULL OR p_max_rows NOT BETWEEN 1 AND 10000 THEN
		PERFORM vault_data.fail('22023', 'invalid max_rows: must be between 1 and 10000',
			'Give the size of a batch.');
	END IF;
	IF p_lease IS NULL OR p_lease NOT BETWEEN '0' AND '1 day' THEN
		PERFORM vault_data.fail('22023', 'invalid lease: must be between 0 and one day',
			'Give the time that delivering the batch may take.');
	END IF;
	SELECT * INTO consumer FROM vault_data.subscriber l
	WHERE l.tenant_id = consumer.tenant_id AND l.id = consumer.id
	FOR NO KEY UPDATE SKIP LOCKED;
	IF NOT FOUND OR consumer.leased_until > clock_timestamp() THEN
		RETURN;
	END IF;
	PERFORM vault_data.order_notifications(consumer.tenant_id, false);
	SELECT o.position INTO last FROM vault_data.notification_order o
	WHERE o.tenant_id = consumer.tenant_id;
	FOR item IN
		SELECT * FROM vault_data.notification w
		WHERE w.tenant_id = consumer.tenant_id AND w.position > consumer.acknowledged
			AND w.position <= last
			AND (consumer.kinds IS NULL OR w.kind = ANY (consumer.kinds))
			AND vault_data.may_know(w.secret, w.environment)
		ORDER BY w.position LIMIT p_max_rows
	LOOP
		taken := item.position;
		id := item.id;
		at := item.at;
		kind := item.kind;
		severity := item.severity;
		secret_id := item.secret_id;
		secret := item.secret;
		environment := item.environment;
		payload := item.payload;
		RETURN NEXT;
	END LOOP;
	IF taken IS NOT NULL THEN
		UPDATE vault_data.subscriber l
		SET leased_to = taken, leased_until = clock_timestamp() + p_lease
		WHERE l.tenant_id = consumer.tenant_id AND l.id = consumer.id;
		RETURN;
	END IF;
	PERFORM vault_data.pass_over(consumer, last);
END
$$;

CREATE FUNCTION vault_data.acknowledge(p_subscriber text, p_notification uuid, p_tenant text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	consumer vault_data.subscriber := vault_data.find_subscriber(p_tenant, p_subscriber);
	done bigint;
BEGIN
	SELECT n.position INTO done FROM vault_data.notification n
	WHERE n.tenant_id = consumer.tenant_id AND n.id = p_notification AND n.position > consumer.since
		AND (consumer.kinds IS NULL OR n.kind = ANY (consumer.kinds))
		AND vault_data.may_know(n.secret, n.environment);
	IF done IS NULL THEN
		PERFORM vault_data.fail('42704', 'no such notification of this subscriber',
			'Acknowledge what vault.next_notifications() returned.');
	END IF;
	UPDATE vault_data.subscriber l
	SET acknowledged = GREATEST(l.acknowledged, done), acknowledged_at = clock_timestamp(),
		leased_until = CASE WHEN l.leased_to > done THEN l.leased_until END
	WHERE l.tenant_id = consumer.tenant_id AND l.id = consumer.id;
END
$$;

/*
 * Delete notifications that all their subscribers have acknowledged, and those without a
 * subscriber.
 */
CREATE FUNCTION vault_data.forget_notifications_of_tenant(p_max_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	before timestamptz := clock_timestamp()
		- current_setting('vault.notification_retention')::interval;
	this_tenant uuid := vault.current_tenant_id();
	gone integer;
BEGIN
	DELETE FROM vault_data.notification n WHERE n.tenant_id = this_tenant AND n.id = ANY (ARRAY(
		SELECT o.id FROM vault_data.notification o
		WHERE o.tenant_id = this_tenant AND o.at < before
			AND NOT EXISTS (SELECT FROM vault_data.subscriber b
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
	RETURN vault_data.in_turns('forget_notifications_of_tenant',
		vault_data.all_tenant_ids()::text[], true, p_max_rows);
END
$$;

--@ execute vault_exec: acknowledge, find_subscriber, forget_notifications,
--@	forget_notifications_of_tenant, may_know, next_notifications, order_notifications, pass_over,
--@	subscribe, unsubscribe

/*
 * Subscribers: who has taken which notifications of the outbox.
 *
 * Ids and times are given before the commit, and commits come in any order; so a row gets its place
 * in the order (position) when a consumer first sees it committed, from a counter of the tenant
 * that its consumers lock one after the other. A later commit comes later, at any time of the
 * notification, and nothing is passed over. Within what is seen at once the time decides.
 */

/* The last place that was given. */
CREATE TABLE vault_data.notification_order (
	tenant_id uuid PRIMARY KEY,
	position  bigint NOT NULL DEFAULT 0
);
--@ protect vault_data.notification_order rows=tenant exec=select,insert,update,delete
--@	audit=-notification_order(position)

/*
 * The columns since and acknowledged are positions. Notifications after acknowledged are still to
 * be delivered. A consumer has those up to leased_to until leased_until.
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
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE
);
--@ protect vault_data.subscriber rows=tenant exec=select,insert,update,delete hide=name
--@	audit=subscriber(name, kinds, principal_id)

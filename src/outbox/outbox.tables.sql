/*
 * The outbox: what other systems should learn of, written in the transaction that makes the change.
 * NOTIFY takes a lock of the whole server at commit, so only rare events are announced: no put, no
 * read.
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
/* Inside a call a notification is part of the change that it tells of. */
--@ protect vault_data.notification rows=tenant exec=select,insert,update,delete
--@	hide=secret,environment,payload audit=-notification(kind, severity, secret_id, *payload,
--@	position)

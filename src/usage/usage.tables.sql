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
--@ protect vault_data.usage rows=tenant exec=select,delete
--@	hide=principal,last_role,last_address,last_application

/* Counts by the hour, kept for 90 days. They tell the habits of a principal. */
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
--@ protect vault_data.usage_hour rows=tenant exec=select,delete

/* Networks that a principal called from, kept until 90 days after the last use. */
CREATE TABLE vault_data.usage_network (
	tenant_id     uuid NOT NULL,
	principal_id  uuid NOT NULL,
	network       cidr NOT NULL,
	first_seen_at timestamptz NOT NULL,
	last_seen_at  timestamptz NOT NULL,
	calls         bigint NOT NULL,
	PRIMARY KEY (tenant_id, principal_id, network)
) WITH (fillfactor = 70);
--@ protect vault_data.usage_network rows=tenant exec=select,delete hide=network

/* Denials by address and minute, kept for 7 days. */
CREATE TABLE vault_data.usage_denial (
	tenant_id    uuid NOT NULL,
	principal_id uuid NOT NULL,
	address      inet NOT NULL,
	minute       timestamptz NOT NULL,
	denials      bigint NOT NULL,
	changed_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, principal_id, address, minute)
);
--@ protect vault_data.usage_denial rows=tenant exec=select,delete hide=address

/* Grants that decided something. */
CREATE TABLE vault_data.usage_grant (
	tenant_id     uuid NOT NULL,
	grant_id      uuid NOT NULL,
	uses          bigint NOT NULL,
	first_used_at timestamptz NOT NULL,
	last_used_at  timestamptz NOT NULL,
	PRIMARY KEY (tenant_id, grant_id)
) WITH (fillfactor = 70);
--@ protect vault_data.usage_grant rows=tenant exec=select,delete

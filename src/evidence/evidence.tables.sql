/*
 * Evidence that the trail is whole: seals over its rows, checkpoints over the seals, and
 * what was retired on purpose. These tables are as append-only as the trail; only the
 * worker that seals, audit_checkpoint() and the retention job write them.
 */

CREATE TABLE vault_data.audit_seal (
	tenant_id   uuid NOT NULL,
	seq         bigint NOT NULL,
	month       date NOT NULL,
	rows        integer NOT NULL,
	without_mac integer NOT NULL,
	total_rows  bigint NOT NULL,
	ids         int8multirange NOT NULL,
	first_at    timestamptz NOT NULL,
	last_at     timestamptz NOT NULL,
	rows_hash   bytea NOT NULL,
	previous    bytea NOT NULL,
	sealed_at   timestamptz NOT NULL,
	hash        bytea NOT NULL,
	mac         bytea NOT NULL,
	missing     bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant_id, seq)
);
--@ protect vault_data.audit_seal rows=tenant exec=select hide=ids append_only

/*
 * Progress of the log consumer, and its server, database and table; see keyring/root_key_rows.c.
 * closed: the server ended with nothing left to be seen.
 */
CREATE TABLE vault_data.audit_progress (
	singleton         boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	system_identifier text NOT NULL,
	place             text NOT NULL,
	snapshot          pg_snapshot NOT NULL,
	floor_id          bigint NOT NULL,
	newest_id         bigint NOT NULL,
	seals             bigint NOT NULL,
	closed            boolean NOT NULL,
	stepped_at        timestamptz NOT NULL,
	mac               bytea NOT NULL
);
--@ protect vault_data.audit_progress rows=inside exec=select append_only

CREATE TABLE vault_data.audit_checkpoint (
	made_at timestamptz PRIMARY KEY,
	note    text NOT NULL
);
--@ protect vault_data.audit_checkpoint rows=inside exec=select,insert hide=note append_only

CREATE TABLE vault_data.audit_retired (
	tenant_id  uuid NOT NULL,
	month      date NOT NULL,
	rows       bigint NOT NULL,
	retired_at timestamptz NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, month)
);
--@ protect vault_data.audit_retired rows=tenant exec=select append_only

/* Retention of a tenant's trail; a row exists only where it was set. */
CREATE TABLE vault_data.audit_policy (
	tenant_id   uuid PRIMARY KEY REFERENCES vault_data.tenant,
	retention   interval NOT NULL DEFAULT '7 years',
	hold_reason text,
	held_at     timestamptz,
	revision    integer NOT NULL,
	mac         bytea NOT NULL
);
--@ protect vault_data.audit_policy rows=tenant exec=select,insert,update hide=hold_reason
--@	audit=audit_policy(retention, hold_reason, revision) mac

CREATE TABLE vault_data.audit_floor (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	floor     interval NOT NULL
);
--@ protect vault_data.audit_floor rows=everybody exec=select,insert,update
--@	audit=audit_floor(floor)

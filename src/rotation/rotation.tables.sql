/*
 * Rotation: at its times a secret gets a new value, which is set at its target, tested there
 * and then made current; after the overlap the version before it is retired.
 *
 * A run is a row of vault_data.rotation; its step is what is to be done next:
 *
 *	create → [set → test →] promote → retire → done
 *	wait   → retire → done                       (external: until vault.complete_rotation())
 *
 * Each step is one transaction of the job and may be done twice. An error makes it be tried again,
 * later each time, and after the last attempt the run has failed: the current version was not
 * touched. Every caller locks the head and then the schedule; the job passes over rows that others
 * have locked. Values are in C only; here they are numbers of versions.
 */

CREATE TABLE vault_data.rotation_schedule (
	tenant_id   uuid NOT NULL,
	id          uuid NOT NULL,
	secret_id   uuid NOT NULL,
	every       text,
	rotator     text NOT NULL,
	config      jsonb NOT NULL,
	time_window text,
	overlap     interval NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision    integer NOT NULL,
	mac         bytea NOT NULL,
	due_at      timestamptz,
	next_at     timestamptz,
	last_at     timestamptz,
	CONSTRAINT rotation_schedule_one UNIQUE (tenant_id, secret_id),
	FOREIGN KEY (tenant_id, secret_id) REFERENCES vault_data.secret (tenant_id, id)
		ON DELETE CASCADE
);
COMMENT ON COLUMN vault_data.rotation_schedule.due_at IS 'time at which the next run begins';
COMMENT ON COLUMN vault_data.rotation_schedule.next_at
	IS 'time of the next action: a run to begin, a step to perform, a version to retire';
CREATE INDEX rotation_schedule_next ON vault_data.rotation_schedule (next_at)
	WHERE next_at IS NOT NULL;
ALTER TABLE vault_data.rotation_schedule ADD PRIMARY KEY (tenant_id, id);
--@ protect vault_data.rotation_schedule rows=tenant exec=select,insert,update,delete hide=config
--@	audit=rotation_schedule(secret_id, every, rotator, config, time_window, overlap, revision) mac

CREATE TABLE vault_data.rotation (
	tenant_id   uuid NOT NULL,
	id          uuid NOT NULL,
	secret_id   uuid NOT NULL,
	step        text NOT NULL CHECK (step IN ('create', 'wait', 'set', 'test', 'promote', 'retire',
		'done', 'failed')),
	version     integer,
	previous    integer NOT NULL,
	retire_at   timestamptz,
	started_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision    integer NOT NULL,
	mac         bytea NOT NULL,
	due_at      timestamptz NOT NULL,
	try_at      timestamptz NOT NULL,
	attempts    integer NOT NULL DEFAULT 0,
	error       text,
	finished_at timestamptz,
	FOREIGN KEY (tenant_id, secret_id) REFERENCES vault_data.secret (tenant_id, id)
		ON DELETE CASCADE
);
CREATE UNIQUE INDEX rotation_one ON vault_data.rotation (tenant_id, secret_id)
	WHERE step NOT IN ('retire', 'done', 'failed');
CREATE INDEX rotation_retire ON vault_data.rotation (tenant_id, secret_id, previous)
	WHERE step = 'retire';
CREATE INDEX rotation_secret ON vault_data.rotation (tenant_id, secret_id, started_at);
ALTER TABLE vault_data.rotation ADD PRIMARY KEY (tenant_id, id);
--@ protect vault_data.rotation rows=tenant exec=select,insert,update,delete hide=error
--@	audit=rotation(secret_id, step, version, previous, retire_at, error, revision) mac

/* The roles of this server whose passwords a tenant may change, as an operator decided. */
CREATE TABLE vault_data.rotation_role (
	tenant_id  uuid NOT NULL REFERENCES vault_data.tenant,
	role_name  text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	db_role    regrole NOT NULL,
	PRIMARY KEY (tenant_id, role_name)
);
CREATE INDEX rotation_role_db_role ON vault_data.rotation_role (db_role);
--@ protect vault_data.rotation_role rows=tenant exec=select,insert,delete hide=role_name
--@	audit=rotation_role(=role_name, revision) mac

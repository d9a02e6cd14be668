/*
 * The origin of the vault: the server and host that it was initialised or adopted at. A
 * copy that runs elsewhere finds that they differ, and does nothing outside (origin.h).
 */

CREATE TABLE vault_data.origin (
	id        uuid PRIMARY KEY,
	system    text NOT NULL,
	timeline  integer NOT NULL,
	machine   text NOT NULL,
	directory text NOT NULL,
	file      text NOT NULL,
	born      text NOT NULL,
	database  oid NOT NULL,
	written   xid NOT NULL,
	since     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision  integer NOT NULL,
	mac       bytea NOT NULL
);
COMMENT ON COLUMN vault_data.origin.written
	IS 'transaction that wrote the row; a row that was loaded by a restore has another one';
--@ protect vault_data.origin rows=inside exec=select,insert,update,delete audit=origin(system,
--@	timeline, directory, database, since) mac

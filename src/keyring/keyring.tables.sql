/*
 * The instance and its root keys: check values only, never a key.  These two
 * tables belong to no tenant.
 */

CREATE TABLE vault_data.instance (
	singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	id         uuid NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
--@ protect vault_data.instance rows=inside exec=select,insert audit=-instance(id) changed

CREATE TABLE vault_data.root_key (
	generation  integer PRIMARY KEY CHECK (generation >= 1),
	check_value bytea NOT NULL CHECK (pg_catalog.octet_length(check_value) = 32),
	state       text NOT NULL CHECK (state IN ('active', 'retired')),
	source      text NOT NULL,
	shares      integer NOT NULL,
	threshold   integer NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE UNIQUE INDEX root_key_one_active ON vault_data.root_key (state) WHERE state = 'active';
--@ protect vault_data.root_key rows=operators exec=select,insert,update
--@	audit=-root_key(generation, state, *check_value)

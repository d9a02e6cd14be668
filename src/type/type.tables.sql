/*
 * Types of secrets: the form of their values, and their lifecycle.
 *
 * The built-in types are in the code. Operators add others, the same for all tenants. A tenant
 * requires more, or less, of the values of a type by its policy. Names of functions are text and
 * are looked up at each call, because pg_upgrade refuses oids.
 */

CREATE TABLE vault_data.secret_type (
	id                uuid PRIMARY KEY,
	name              text COLLATE "C" NOT NULL,
	validator         text,
	generator         text,
	min_length        integer,
	max_length        integer,
	classes           text[],
	excluded          text,
	prefix            text,
	min_entropy       integer,
	generated_length  integer,
	history           integer,
	rotation_interval interval,
	max_lifetime      interval,
	recovery_window   interval,
	warn_at           interval[],
	rules             text[],
	revision          integer NOT NULL,
	mac               bytea NOT NULL,
	description       text NOT NULL,
	created_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT secret_type_name_key UNIQUE (name)
);
--@ protect vault_data.secret_type rows=everybody exec=select,insert,update,delete
--@	audit=type(name, validator, generator, min_length, max_length, classes, excluded, prefix,
--@	min_entropy, generated_length, history, rotation_interval, max_lifetime, recovery_window,
--@	warn_at, rules, *description, revision) changed mac

CREATE TABLE vault_data.type_policy (
	tenant_id         uuid NOT NULL,
	id                uuid NOT NULL,
	type              text COLLATE "C" NOT NULL,
	min_length        integer,
	max_length        integer,
	classes           text[],
	excluded          text,
	prefix            text,
	min_entropy       integer,
	generated_length  integer,
	history           integer,
	rotation_interval interval,
	max_lifetime      interval,
	recovery_window   interval,
	warn_at           interval[],
	revision          integer NOT NULL,
	mac               bytea NOT NULL,
	created_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT type_policy_type_key UNIQUE (tenant_id, type)
);
--@ protect vault_data.type_policy rows=tenant exec=select,insert,update,delete
--@	hide=type,excluded,prefix audit=type_policy(type, min_length, max_length, classes, excluded,
--@	prefix, min_entropy, generated_length, history, rotation_interval, max_lifetime,
--@	recovery_window, warn_at, revision) changed mac

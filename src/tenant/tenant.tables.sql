/*
 * Tenants and their keys.
 *
 * Row security of every table with tenants consists of two policies, which no caller can change.
 * Inside a call a row must belong to the tenant that the call resolved. Outside, a view shows the
 * rows of the current role's tenant, and all rows to operators and auditors. The policies are
 * written as filters and not as index conditions: next to an index condition, equality on a whole
 * unique key would no longer be recognized as one row. Statements and views name the tenant
 * themselves.
 */

CREATE TABLE vault_data.tenant (
	tenant_id       uuid PRIMARY KEY,
	name            text COLLATE "C" NOT NULL,
	state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended',
		'destroyed')),
	recovery_window interval NOT NULL DEFAULT '30 days'
		CHECK (recovery_window BETWEEN '7 days' AND '90 days'),
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	environments    text[],
	administered    boolean NOT NULL DEFAULT false,
	revision        integer NOT NULL,
	mac             bytea NOT NULL
);
COMMENT ON COLUMN vault_data.tenant.administered
	IS 'true if the tenant has, or had, an administrator';
CREATE UNIQUE INDEX tenant_name_key ON vault_data.tenant (name) WHERE state <> 'destroyed';
--@ protect vault_data.tenant rows=tenant exec=select,insert,update hide=name,environments
--@	audit=tenant(name, state, recovery_window, environments, administered, revision) changed

/*
 * Keys of tenants. The zero uuid has one too, the instance key, from which the keys of the vault
 * as a whole derive.
 */
CREATE TABLE vault_data.tenant_key (
	tenant_id       uuid NOT NULL,
	generation      integer NOT NULL CHECK (generation >= 1),
	wrapped         vault.envelope NOT NULL,
	root_generation integer NOT NULL,
	check_value     bytea NOT NULL CHECK (pg_catalog.octet_length(check_value) = 32),
	state           text NOT NULL CHECK (state IN ('active', 'retired')),
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, generation)
);
CREATE UNIQUE INDEX tenant_key_one_active ON vault_data.tenant_key (tenant_id)
	WHERE state = 'active';
--@ protect vault_data.tenant_key rows=tenant exec=select,insert,update,delete hide=wrapped
--@	audit=tenant_key(generation, state, root_generation, *check_value) changed

/*
 * Grants and memberships. A grant gives a principal or a role permissions on names, with
 * conditions on environment, address, time and service. A membership makes a principal or role a
 * member of a role.
 *
 * A condition that is not required is NULL. The columns that decide stand before revision.
 */

CREATE TABLE vault_data.access_grant (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	principal_id uuid NOT NULL,
	effect       text NOT NULL CHECK (effect IN ('allow', 'deny')),
	permissions  text[] NOT NULL CHECK (permissions <@ vault_data.all_permissions()
		AND pg_catalog.cardinality(permissions) > 0),
	name_pattern text COLLATE "C" NOT NULL,
	environments text[] CHECK (pg_catalog.cardinality(environments) > 0),
	addresses    text[],
	windows      text[],
	services     text[],
	require_tls  boolean,
	require_session_user boolean,
	valid_from   timestamptz,
	valid_until  timestamptz,
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by   uuid,
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE
);
CREATE INDEX access_grant_principal ON vault_data.access_grant (tenant_id, principal_id);
--@ protect vault_data.access_grant rows=tenant exec=select,insert,delete
--@	hide=name_pattern,environments,addresses,windows,services audit=grant(=principal_id, effect,
--@	permissions, name_pattern, environments, addresses, windows, services, require_tls,
--@	require_session_user, valid_from, valid_until, revision) changed mac

CREATE TABLE vault_data.role_member (
	tenant_id  uuid NOT NULL,
	id         uuid NOT NULL,
	role_id    uuid NOT NULL,
	member_id  uuid NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by uuid,
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT role_member_key UNIQUE (tenant_id, role_id, member_id),
	FOREIGN KEY (tenant_id, role_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE,
	FOREIGN KEY (tenant_id, member_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE
);
CREATE INDEX role_member_member ON vault_data.role_member (tenant_id, member_id);
--@ protect vault_data.role_member rows=tenant exec=select,insert,delete
--@	audit=membership(=role_id, =member_id, revision) changed mac

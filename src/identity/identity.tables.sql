/*
 * Principals, and the database roles that they are bound to. Roles of a tenant are rows
 * beside them, which nothing binds.
 *
 * A binding is to one role exactly, by oid and by name.  The rules: a tenant's
 * administrator may bind any role that no other tenant has, that is reserved for no
 * other, and that is no superuser, operator or auditor; with vault.role_binding =
 * consent, of these only itself, roles that are reserved for the tenant, and roles that it
 * administers in the server; an operator any role but those of vault and of
 * PostgreSQL.
 */

CREATE TABLE vault_data.principal (
	tenant_id  uuid NOT NULL REFERENCES vault_data.tenant,
	id         uuid NOT NULL,
	name       text COLLATE "C" NOT NULL,
	kind       text NOT NULL CHECK (kind IN ('user', 'service', 'role', 'built-in role')),
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, id)
);

/* Principals and roles share their names; built-in roles take none away. */
CREATE UNIQUE INDEX principal_name_key
	ON vault_data.principal (tenant_id, name, (kind = 'built-in role'));
--@ protect vault_data.principal rows=tenant exec=select,insert,delete hide=name
--@	audit=principal(name, kind, revision) changed mac

CREATE TABLE vault_data.principal_binding (
	tenant_id    uuid NOT NULL,
	role_name    text COLLATE "C" NOT NULL,
	principal_id uuid NOT NULL,
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	db_role      regrole NOT NULL,
	PRIMARY KEY (tenant_id, db_role),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE
);
CREATE INDEX principal_binding_db_role ON vault_data.principal_binding (db_role);
--@ protect vault_data.principal_binding rows=tenant exec=select,insert,delete hide=role_name
--@	audit=binding(=role_name, =principal_id, revision) changed mac

/* Reservations go by name, because a role may be reserved before it is created. */
CREATE TABLE vault_data.role_reservation (
	tenant_id  uuid NOT NULL REFERENCES vault_data.tenant,
	role_name  text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, role_name)
);
CREATE INDEX role_reservation_role_name ON vault_data.role_reservation (role_name);
--@ protect vault_data.role_reservation rows=tenant exec=select,insert,delete hide=role_name
--@	audit=reservation(=role_name, revision) mac

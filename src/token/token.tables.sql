/*
 * Tokens: the issuers whose tokens count in a tenant, whom their subjects and groups stand
 * for, the database roles that may show tokens there, and what the vault issued itself. No
 * token is stored: of the vault's own there is a row while they count, and revoking takes it
 * away.
 *
 * Operators have no part in what makes a token count: a role that could add a key, or
 * say which principal a subject stands for, could read.
 */

CREATE TABLE vault_data.token_issuer (
	tenant_id       uuid NOT NULL,
	id              uuid NOT NULL,
	name            text COLLATE "C" NOT NULL,
	issuer          text COLLATE "C" NOT NULL,
	audience        text NOT NULL,
	jwks            text NOT NULL,
	principal_claim text,
	tenant_claim    text,
	role_claim      text,
	address_claim   text,
	max_lifetime    interval NOT NULL,
	groups_claim    text,
	algorithms      text[],
	required_claims text,
	by_name         boolean,
	revision        integer NOT NULL,
	mac             bytea NOT NULL,
	kids            text[] NOT NULL,
	created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT token_issuer_name_key UNIQUE (tenant_id, name)
);
--@ protect vault_data.token_issuer rows=tenant exec=select,insert,update,delete
--@	hide=(name, issuer, audience, jwks, kids, principal_claim, tenant_claim, role_claim,
--@	address_claim, groups_claim, required_claims)
--@	audit=issuer(name, issuer, audience, *jwks, kids, principal_claim, tenant_claim, role_claim,
--@	address_claim, max_lifetime, groups_claim, algorithms, required_claims, by_name, revision)
--@	changed mac

/* A principal, and the subject of an issuer (or the pattern of subjects) that stands for it. */
CREATE TABLE vault_data.external_subject (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	issuer_id    uuid NOT NULL,
	principal_id uuid NOT NULL,
	subject      text COLLATE "C" NOT NULL,
	match        text COLLATE "C" NOT NULL CHECK (match IN ('exact', 'pattern')),
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by   uuid,
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT external_subject_key UNIQUE (tenant_id, issuer_id, subject, match),
	FOREIGN KEY (tenant_id, issuer_id)
		REFERENCES vault_data.token_issuer (tenant_id, id) ON DELETE CASCADE,
	FOREIGN KEY (tenant_id, principal_id)
		REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX external_subject_pattern ON vault_data.external_subject (tenant_id, issuer_id)
	WHERE match = 'pattern';
CREATE INDEX external_subject_principal ON vault_data.external_subject (tenant_id, principal_id);
--@ protect vault_data.external_subject rows=tenant exec=select,insert,delete hide=subject
--@	audit=subject(=issuer_id, =principal_id, =subject, match, revision) changed mac

/* The roles that a group of an issuer gives for the transaction of the token. */
CREATE TABLE vault_data.group_role (
	tenant_id  uuid NOT NULL,
	id         uuid NOT NULL,
	issuer_id  uuid NOT NULL,
	group_name text COLLATE "C" NOT NULL,
	role_id    uuid NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by uuid,
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT group_role_key UNIQUE (tenant_id, issuer_id, group_name, role_id),
	FOREIGN KEY (tenant_id, issuer_id)
		REFERENCES vault_data.token_issuer (tenant_id, id) ON DELETE CASCADE,
	FOREIGN KEY (tenant_id, role_id)
		REFERENCES vault_data.principal (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX group_role_role ON vault_data.group_role (tenant_id, role_id);
--@ protect vault_data.group_role rows=tenant exec=select,insert,delete hide=group_name
--@	audit=group_role(=issuer_id, =group_name, =role_id, revision) changed mac

CREATE TABLE vault_data.token_role (
	tenant_id  uuid NOT NULL,
	role_name  text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	revision   integer NOT NULL,
	mac        bytea NOT NULL,
	db_role    regrole NOT NULL,
	PRIMARY KEY (tenant_id, db_role)
);
CREATE INDEX token_role_db_role ON vault_data.token_role (db_role);
--@ protect vault_data.token_role rows=tenant exec=select,insert,delete hide=role_name
--@	audit=token_role(=role_name, revision) changed mac

CREATE TABLE vault_data.issued_token (
	tenant_id    uuid NOT NULL,
	id           uuid NOT NULL,
	principal_id uuid NOT NULL,
	expires_at   timestamptz NOT NULL,
	single_use   boolean NOT NULL,
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	life         uuid NOT NULL,
	revision     integer NOT NULL,
	mac          bytea NOT NULL,
	created_by   uuid NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, principal_id) REFERENCES vault_data.principal (tenant_id, id)
		ON DELETE CASCADE
);
CREATE INDEX issued_token_principal ON vault_data.issued_token (tenant_id, principal_id);
COMMENT ON COLUMN vault_data.issued_token.life
	IS 'identifies the shared memory in which the token was issued; another server does not '
	'know if a token for a single use was used';
CREATE INDEX issued_token_single_use ON vault_data.issued_token (tenant_id, principal_id)
	WHERE single_use;
CREATE INDEX issued_token_expires_at ON vault_data.issued_token (tenant_id, expires_at);
/* Grant UPDATE for row locks alone. */
--@ protect vault_data.issued_token rows=tenant exec=select,insert,update,delete
--@	audit=token(principal_id, expires_at, single_use, revision) mac

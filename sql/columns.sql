-- The numbers by which C reads columns, tables and indexes are those of the tables.
CREATE TEMP TABLE read_by_number (tab text, attribute text, number int, kind regtype);
INSERT INTO read_by_number VALUES
	-- secret/secret.h
	('secret', 'tenant_id', 1, 'uuid'), ('secret', 'id', 2, 'uuid'),
	('secret', 'environment', 3, 'text'), ('secret', 'name', 4, 'text'),
	('secret', 'type', 5, 'text'), ('secret', 'current_version', 6, 'int'),
	('secret', 'previous_version', 7, 'int'), ('secret', 'pending_version', 8, 'int'),
	('secret', 'last_version', 9, 'int'), ('secret', 'expires_at', 10, 'timestamptz'),
	('secret', 'purge_at', 11, 'timestamptz'), ('secret', 'deactivated_at', 12, 'timestamptz'),
	('secret', 'grace_until', 15, 'timestamptz'), ('secret', 'envelope', 19, 'vault.envelope'),
	('secret_version', 'tenant_id', 1, 'uuid'), ('secret_version', 'secret_id', 2, 'uuid'),
	('secret_version', 'version', 3, 'int'), ('secret_version', 'key_generation', 4, 'int'),
	('secret_version', 'fingerprint', 10, 'bytea'), ('secret_version', 'type', 11, 'text'),
	('secret_version', 'weak', 12, 'bool'), ('secret_version', 'envelope', 15, 'vault.envelope'),
	-- origin/origin.c
	('origin', 'id', 1, 'uuid'), ('origin', 'system', 2, 'text'), ('origin', 'timeline', 3, 'int'),
	('origin', 'machine', 4, 'text'), ('origin', 'directory', 5, 'text'),
	('origin', 'file', 6, 'text'), ('origin', 'born', 7, 'text'), ('origin', 'database', 8, 'oid'),
	('origin', 'written', 9, 'xid'),
	-- tenant/tenant.c, tenant/tenant_key.c
	('tenant', 'tenant_id', 1, 'uuid'), ('tenant', 'name', 2, 'text'),
	('tenant', 'state', 3, 'text'), ('tenant_key', 'tenant_id', 1, 'uuid'),
	('tenant_key', 'generation', 2, 'int'), ('tenant_key', 'wrapped', 3, 'vault.envelope'),
	('tenant_key', 'root_generation', 4, 'int'), ('tenant_key', 'check_value', 5, 'bytea'),
	('tenant_key', 'state', 6, 'text'),
	-- identity/identity.c
	('principal', 'name', 3, 'text'), ('principal_binding', 'tenant_id', 1, 'uuid'),
	('role_reservation', 'tenant_id', 1, 'uuid'), ('role_reservation', 'role_name', 2, 'text'),
	('principal_binding', 'role_name', 2, 'text'), ('principal_binding', 'principal_id', 3, 'uuid'),
	-- integrity/integrity.c
	('tenant', 'environments', 6, 'text[]'), ('principal', 'id', 2, 'uuid'),
	('role_member', 'id', 2, 'uuid'),
	-- policy/grants.c
	('access_grant', 'id', 2, 'uuid'), ('access_grant', 'effect', 4, 'text'),
	('access_grant', 'permissions', 5, 'text[]'), ('access_grant', 'name_pattern', 6, 'text'),
	('access_grant', 'environments', 7, 'text[]'), ('access_grant', 'addresses', 8, 'text[]'),
	('access_grant', 'windows', 9, 'text[]'), ('access_grant', 'services', 10, 'text[]'),
	('access_grant', 'require_tls', 11, 'bool'),
	('access_grant', 'require_session_user', 12, 'bool'),
	('access_grant', 'valid_from', 13, 'timestamptz'),
	('access_grant', 'valid_until', 14, 'timestamptz'),
	('access_grant', 'created_at', 15, 'timestamptz'), ('role_member', 'role_id', 3, 'uuid'),
	('principal', 'kind', 4, 'text'),
	-- token/token.c, token/issuer.c, token/issued_token.c
	('token_role', 'tenant_id', 1, 'uuid'), ('token_role', 'role_name', 2, 'text'),
	('principal', 'name', 3, 'text'), ('token_issuer', 'tenant_id', 1, 'uuid'),
	('token_issuer', 'issuer', 4, 'text'), ('token_issuer', 'audience', 5, 'text'),
	('token_issuer', 'jwks', 6, 'text'), ('token_issuer', 'principal_claim', 7, 'text'),
	('token_issuer', 'tenant_claim', 8, 'text'), ('token_issuer', 'role_claim', 9, 'text'),
	('token_issuer', 'address_claim', 10, 'text'), ('token_issuer', 'max_lifetime', 11, 'interval'),
	('token_issuer', 'id', 2, 'uuid'), ('token_issuer', 'name', 3, 'text'),
	('token_issuer', 'groups_claim', 12, 'text'), ('token_issuer', 'algorithms', 13, 'text[]'),
	('token_issuer', 'required_claims', 14, 'text'), ('token_issuer', 'by_name', 15, 'boolean'),
	('external_subject', 'principal_id', 4, 'uuid'), ('external_subject', 'subject', 5, 'text'),
	('external_subject', 'match', 6, 'text'), ('group_role', 'group_name', 4, 'text'),
	('group_role', 'role_id', 5, 'uuid'), ('issued_token', 'principal_id', 3, 'uuid'),
	('issued_token', 'expires_at', 4, 'timestamptz'), ('issued_token', 'single_use', 5, 'boolean'),
	('issued_token', 'created_at', 6, 'timestamptz'), ('issued_token', 'life', 7, 'uuid'),
	-- rotation/rotation.c, secret/read.c
	('rotation_schedule', 'tenant_id', 1, 'uuid'), ('rotation_schedule', 'id', 2, 'uuid'),
	('rotation_schedule', 'next_at', 13, 'timestamptz'), ('rotation', 'id', 2, 'uuid'),
	('rotation_role', 'tenant_id', 1, 'uuid'), ('rotation_role', 'role_name', 2, 'text'),
	('rotation', 'retire_at', 7, 'timestamptz'), ('secret_version', 'retired_at', 8, 'timestamptz'),
	-- type/registry.c
	('secret_type', 'name', 2, 'text'), ('secret_type', 'validator', 3, 'text'),
	('secret_type', 'generator', 4, 'text'), ('secret_type', 'rules', 17, 'text[]'),
	('type_policy', 'tenant_id', 1, 'uuid'), ('type_policy', 'type', 3, 'text'),
	('secret_type', 'min_length', 5, 'int'), ('secret_type', 'max_length', 6, 'int'),
	('secret_type', 'classes', 7, 'text[]'), ('secret_type', 'excluded', 8, 'text'),
	('secret_type', 'prefix', 9, 'text'), ('secret_type', 'min_entropy', 10, 'int'),
	('secret_type', 'generated_length', 11, 'int'), ('secret_type', 'history', 12, 'int'),
	('secret_type', 'rotation_interval', 13, 'interval'),
	('secret_type', 'max_lifetime', 14, 'interval'), ('type_policy', 'min_length', 4, 'int'),
	('type_policy', 'max_length', 5, 'int'), ('type_policy', 'classes', 6, 'text[]'),
	('type_policy', 'excluded', 7, 'text'), ('type_policy', 'prefix', 8, 'text'),
	('type_policy', 'min_entropy', 9, 'int'), ('type_policy', 'generated_length', 10, 'int'),
	('type_policy', 'history', 11, 'int'), ('type_policy', 'rotation_interval', 12, 'interval'),
	('type_policy', 'max_lifetime', 13, 'interval'),
	-- keyring/keyring.c
	('instance', 'id', 2, 'uuid'), ('root_key', 'generation', 1, 'int'),
	('root_key', 'check_value', 2, 'bytea'), ('root_key', 'state', 3, 'text'),
	('root_key', 'source', 4, 'text'), ('root_key', 'shares', 5, 'int'),
	('root_key', 'threshold', 6, 'int');

SELECT count(*) AS checked FROM read_by_number;
SELECT r.*, a.attnum, a.atttypid::regtype FROM read_by_number r LEFT
	JOIN pg_attribute a ON a.attrelid = ('vault_data.' || r.tab)::regclass
	AND a.attname = r.attribute AND NOT attisdropped
WHERE a.attnum IS DISTINCT FROM r.number OR a.atttypid IS DISTINCT FROM r.kind;

-- columns that C takes for not null
SELECT r.tab, r.attribute FROM read_by_number r
	JOIN pg_attribute a ON a.attrelid = ('vault_data.' || r.tab)::regclass
	AND a.attname = r.attribute
WHERE NOT attnotnull AND r.attribute NOT IN (
		'previous_version', 'pending_version', 'expires_at', 'purge_at', 'deactivated_at',
		'grace_until', 'key_generation', 'envelope', 'environments', 'addresses', 'windows',
		'services', 'require_tls', 'require_session_user', 'valid_from', 'valid_until', 'next_at',
		'retired_at', 'retire_at')
	AND r.attribute !~ '_claims?$'
	AND r.attribute NOT IN ('algorithms', 'by_name')
	AND (r.tab NOT IN ('secret_type', 'type_policy')
		OR r.attribute IN ('name', 'type', 'tenant_id', 'revision', 'mac'))
	AND r.attribute <> 'fingerprint'
	AND (r.tab, r.attribute) <> ('secret_version', 'type')
ORDER BY 1, 2;

-- indexes that C walks: their columns in order, compared byte by byte
SELECT i.name AS index, string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns,
	bool_and(a.attcollation = 0 OR c.collname = 'C') AS bytewise
FROM vault_data.table_info() i JOIN pg_class x ON x.relname = i.name
	AND x.relnamespace = 'vault_data'::regnamespace AND x.relkind = 'i'
	JOIN pg_attribute a ON a.attrelid = ('vault_data.' || i.name)::regclass
	LEFT JOIN pg_collation c ON c.oid = a.attcollation
GROUP BY i.name ORDER BY i.name COLLATE "C";

-- a MAC covers the columns before revision and mac; every table with both has one
SELECT i.name FROM vault_data.table_info() i WHERE i.kind IS NOT NULL AND
	(SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
		WHERE a.attrelid = ('vault_data.' || i.name)::regclass
			AND a.attnum IN (i.covered + 1, i.covered + 2)) IS DISTINCT FROM '{revision,mac}';
SELECT a.attrelid::regclass FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'vault_data'::regnamespace AND c.relkind = 'r' AND a.attname = 'revision'
	AND NOT EXISTS (SELECT FROM vault_data.table_info() i
		WHERE i.kind IS NOT NULL AND i.name = c.relname);

-- vault.verify() checks every such table but origin, which is of no tenant
SELECT i.name FROM vault_data.table_info() i
WHERE i.kind IS NOT NULL AND i.verified_as IS NULL;

-- the view of the trail has every column but the MAC
SELECT attname FROM pg_attribute WHERE attrelid = 'vault_data.audit_log'::regclass AND attnum > 0
EXCEPT SELECT attname FROM pg_attribute WHERE attrelid = 'vault.audit'::regclass AND attnum > 0;

DROP TABLE read_by_number;

/*
 * The instance and its root keys: check values only, never a key.  These two
 * tables belong to no tenant.
 */
CREATE TABLE vault_data.instance (
	singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	id         uuid NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
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
ALTER TABLE vault_data.instance OWNER TO vault_owner;
ALTER TABLE vault_data.root_key OWNER TO vault_owner;
REVOKE ALL ON vault_data.instance, vault_data.root_key FROM PUBLIC;
GRANT SELECT, INSERT ON vault_data.instance TO vault_exec;
GRANT SELECT, INSERT, UPDATE ON vault_data.root_key TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.instance', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.root_key', '');

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.instance
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-instance', 'id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.root_key
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('-root_key', 'generation', 'state', '*check_value');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON vault_data.instance
	FOR EACH ROW EXECUTE FUNCTION vault_data.decision_changed();
ALTER TABLE vault_data.instance ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.instance ENABLE ALWAYS TRIGGER changed;
ALTER TABLE vault_data.root_key ENABLE ALWAYS TRIGGER audit;

CREATE FUNCTION vault.init(shares integer DEFAULT NULL, threshold integer DEFAULT NULL) RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_init';
COMMENT ON FUNCTION vault.init(integer, integer)
	IS 'creates or takes the first root key and unseals; returns the shares if the key source '
	'is manual (default 5, of which 3 unseal)';

CREATE FUNCTION vault.unseal(share text DEFAULT NULL) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_unseal';
COMMENT ON FUNCTION vault.unseal(text)
	IS 'gives one share of the root key, or without an argument asks the key source again';

CREATE FUNCTION vault.seal() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_seal';
COMMENT ON FUNCTION vault.seal() IS 'wipes the root key from memory, at once and for every session';

CREATE FUNCTION vault.status(
	OUT initialised boolean, OUT sealed boolean, OUT reason text, OUT root_key_source text,
	OUT root_key_generation integer, OUT instance uuid, OUT shares_given integer,
	OUT shares_needed integer, OUT key_memory text, OUT version text, OUT held text,
	OUT seal_delay interval, OUT problems text)
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_status';
COMMENT ON FUNCTION vault.status()
	IS 'returns the state of the vault: initialized, sealed and why, source of the root key, '
	'reason for which a copy is held, delay of the seal of the audit trail, and for '
	'operators and auditors the faults that vault.repair() would find';

CREATE FUNCTION vault.rotate_root_key(shares integer DEFAULT NULL, threshold integer DEFAULT NULL, force boolean DEFAULT false) RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_root_key';
COMMENT ON FUNCTION vault.rotate_root_key(integer, integer, boolean)
	IS 'creates a new root key and wraps every tenant key with it, in one transaction; returns '
	'its shares if the key source is manual; force goes on although standby servers do not '
	'hold the key yet';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.init(integer, integer), vault.unseal(text), vault.seal(),
	vault.rotate_root_key(integer, integer, boolean) TO vault_admin;
GRANT EXECUTE ON FUNCTION vault.status() TO vault_admin, vault_auditor, vault_client;

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
ALTER TABLE vault_data.origin OWNER TO vault_owner;
REVOKE ALL ON vault_data.origin FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON vault_data.origin TO vault_exec;
SELECT pg_catalog.pg_extension_config_dump('vault_data.origin', '');
ALTER TABLE vault_data.origin ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY entry ON vault_data.origin TO vault_exec
	USING (vault_data.is_inside());
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON vault_data.origin
	FOR EACH ROW EXECUTE FUNCTION vault_data.audit_change('origin', 'system', 'timeline', 'directory', 'database', 'since');
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.origin
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.origin ENABLE ALWAYS TRIGGER audit;
ALTER TABLE vault_data.origin ENABLE ALWAYS TRIGGER write_mac;

CREATE FUNCTION vault_data.held() RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_held';
COMMENT ON FUNCTION vault_data.held()
	IS 'returns the reason for which this vault counts as a copy, or NULL';
CREATE FUNCTION vault_data.require_origin() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_require_origin';
COMMENT ON FUNCTION vault_data.require_origin()
	IS 'raises VT015 if the vault is held; called before every action outside of this server';

CREATE FUNCTION vault.adopt(reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_adopt';
COMMENT ON FUNCTION vault.adopt(text)
	IS 'releases a copy that is held; from now on it acts outside of its server, in place of '
	'the vault that it was copied from';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.held(), vault_data.require_origin() TO vault_exec;
GRANT EXECUTE ON FUNCTION vault.adopt(text) TO vault_admin;

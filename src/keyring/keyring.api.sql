/*
 * The root key for operators: made, sealed, unsealed, rotated; and the state of the vault.
 */

CREATE FUNCTION vault.init(shares integer DEFAULT NULL, threshold integer DEFAULT NULL)
RETURNS SETOF text
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

CREATE FUNCTION vault.rotate_root_key(shares integer DEFAULT NULL, threshold integer DEFAULT NULL,
	force boolean DEFAULT false)
RETURNS SETOF text
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_rotate_root_key';
COMMENT ON FUNCTION vault.rotate_root_key(integer, integer, boolean)
	IS 'creates a new root key and wraps every tenant key with it, in one transaction; returns '
	'its shares if the key source is manual; force goes on although standby servers do not '
	'hold the key yet';

--@ execute vault_admin: init, rotate_root_key, seal, unseal
--@ execute vault_client, vault_admin, vault_auditor: status

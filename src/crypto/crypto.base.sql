/*
 * vault.envelope: the ciphertext of one value.  Made and opened in C only; its
 * input checks the structure.
 */

CREATE TYPE vault.envelope;

CREATE FUNCTION vault_data.envelope_in(cstring) RETURNS vault.envelope
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_envelope_in';

CREATE FUNCTION vault_data.envelope_out(vault.envelope) RETURNS cstring
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_envelope_out';

CREATE FUNCTION vault_data.envelope_recv(internal) RETURNS vault.envelope
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_envelope_recv';

CREATE FUNCTION vault_data.envelope_send(vault.envelope) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'vault_envelope_send';

CREATE TYPE vault.envelope (
	INPUT = vault_data.envelope_in,
	OUTPUT = vault_data.envelope_out,
	RECEIVE = vault_data.envelope_recv,
	SEND = vault_data.envelope_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = external
);

COMMENT ON TYPE vault.envelope
	IS 'ciphertext of one value: AES-256-GCM under a key of its own, committed to key and place';

REVOKE ALL ON TYPE vault.envelope FROM PUBLIC;
GRANT USAGE ON TYPE vault.envelope TO vault_owner, vault_exec;

/* The cast is for ciphertext that C made. */
CREATE CAST (bytea AS vault.envelope) WITHOUT FUNCTION;

--@ execute vault_exec, vault_owner: envelope_in, envelope_out, envelope_recv, envelope_send

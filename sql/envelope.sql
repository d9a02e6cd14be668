-- vault.envelope: text and binary forms round-trip; what is not an envelope is refused, and no
-- error shows what was given.
\set SHOW_CONTEXT never
CREATE ROLE regress_envelope_admin;
SELECT vault.create_tenant('envelope', 'regress_envelope_admin') IS NOT NULL AS made;
SET ROLE regress_envelope_admin;
SELECT vault.put('short', 'x') + vault.put('same/bucket', repeat('y', 50)) +
	vault.put('long', repeat('z', 100000)) AS versions;
RESET ROLE;

CREATE TEMP TABLE stored AS
SELECT s.name, v.envelope
FROM vault_data.secret_version v
	JOIN vault_data.secret s ON s.tenant_id = v.tenant_id AND s.id = v.secret_id
	JOIN vault_data.tenant t ON t.tenant_id = v.tenant_id
WHERE t.name = 'envelope' AND t.state = 'active';

-- text: a prefix and base64, and back to the same bytes
SELECT name, envelope::text ~ '^vault:v1:[A-Za-z0-9+/]+={0,2}$' AS prefix_and_base64,
	vault_data.envelope_send(envelope::text::vault.envelope) =
	vault_data.envelope_send(envelope) AS same
FROM stored ORDER BY name;

-- the stored size tells the bucket of the value, not its length
SELECT name, octet_length(vault_data.envelope_send(envelope)) AS bytes FROM stored ORDER BY name;

-- binary, through COPY
\getenv abs_builddir PG_ABS_BUILDDIR
\cd :abs_builddir
CREATE TEMP TABLE copied (LIKE stored);
\copy stored TO 'results/envelope.bin' (FORMAT binary)
\copy copied FROM 'results/envelope.bin' (FORMAT binary)
SELECT count(*), bool_and(vault_data.envelope_send(s.envelope) =
	vault_data.envelope_send(c.envelope)) AS same
FROM stored s JOIN copied c USING (name);
CREATE TEMP TABLE bytes AS SELECT 'x' AS name, 'plaintext'::bytea AS envelope;
\copy bytes TO 'results/envelope.bin' (FORMAT binary)
\set VERBOSITY terse
\copy copied FROM 'results/envelope.bin' (FORMAT binary)
\set VERBOSITY default

-- malformed: no prefix, no body, no base64, another version, too short, a byte too many
SELECT 'plaintext that nobody should see in a message'::vault.envelope;
\set VERBOSITY sqlstate
SELECT ''::vault.envelope;
SELECT 'vault:v1:'::vault.envelope;
SELECT 'vault:v1:!!!!'::vault.envelope;
SELECT 'vault:v2:VkUBAAAAAAE='::vault.envelope;
SELECT 'vault:v1:VkUBAAAAAAE='::vault.envelope;
SELECT (replace(envelope::text, 'vault:v1:VkUB', 'vault:v1:VkUC'))::vault.envelope FROM stored
	LIMIT 1;
SELECT ('vault:v1:' || replace(encode(vault_data.envelope_send(envelope) || '\x00', 'base64'),
	E'\n', ''))::vault.envelope FROM stored LIMIT 1;
SELECT NULL::vault.envelope IS NULL AS null_is_null;

DROP TABLE stored, copied, bytes;
SELECT vault.destroy_tenant('envelope', 'envelope');
DROP ROLE regress_envelope_admin;

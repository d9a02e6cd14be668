-- Seals, checkpoints, export and retention: who may call what, what they say, and that no role
-- writes the tables.
\set SHOW_CONTEXT never
CREATE ROLE regress_evidence_op IN ROLE vault_admin;
CREATE ROLE regress_evidence_admin;
CREATE ROLE regress_evidence_app;
CREATE ROLE regress_evidence_other;
CREATE ROLE regress_evidence_auditor IN ROLE vault_auditor;
SET ROLE regress_evidence_op;
SELECT vault.create_tenant('evidence-a', 'regress_evidence_admin') AS a,
	vault.create_tenant('evidence-b', 'regress_evidence_other') AS b \gset
SET ROLE regress_evidence_admin;
SELECT vault.create_principal('app', db_role => 'regress_evidence_app') IS NOT NULL AS made;
SELECT count(vault.put('key/' || i, 'x')) FROM generate_series(1, 20) i;

-- a tenant's administrator sees its own trail, sealed at the call, and no other
SELECT tenant_name, ok, fault, seal >= 1 AS has_seals, id, rows > 20 AS has_rows,
	detail ~
	'^\d+ rows, 0 not sealed yet, \d+ seals; unanchored since seal 1: no checkpoint was given' AS
	detail FROM vault.verify_audit();
SELECT tenant_name, ok FROM vault.verify_audit('evidence-a');
\set VERBOSITY default
SELECT ok FROM vault.verify_audit('evidence-b');
SELECT ok FROM vault.verify_audit('no-such-tenant');
SELECT ok FROM vault.verify_audit(:'b');
SELECT count(*) FROM vault.export_audit('evidence-b');
SELECT bool_and(tenant = 'evidence-a') AS own, count(*) >= 1 AS some,
	bool_and(hash ~ '^[0-9a-f]{64}$') AS hashed FROM vault.audit_seals;
SELECT vault.audit_checkpoint();
SELECT vault.audit_public_key() ~ '^vault-audit-[0-9a-f-]{36}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$' AS
	key;

-- nor does one that administers nothing, or a role without a principal
SET ROLE regress_evidence_app;
SELECT ok FROM vault.verify_audit();
SELECT count(*) FROM vault.export_audit();
SELECT count(*) FROM vault.audit_seals;
SELECT count(*) FROM vault.audit_retention;

-- auditors and operators: every tenant, destroyed ones by their id, and the instance's own rows
SET ROLE regress_evidence_auditor;
SELECT tenant_name, ok FROM vault.verify_audit()
	WHERE tenant_name LIKE 'evidence%' OR tenant_name IS NULL ORDER BY 1;
SELECT tenant_name, ok FROM vault.verify_audit(:'b');
SELECT ok FROM vault.verify_audit('no-such-tenant');
SELECT vault.audit_checkpoint() AS note \gset
SELECT :'note' ~
	'^vault-audit-\S+\n\S+Z\n([0-9a-f-]{36} \d+ \d+ \S{44}\n)+\n— vault-audit-\S+ \S+\n$' AS
	well_formed;
SELECT tenant_name, ok, detail ~ 'anchored until seal \d+ by the checkpoint of ' AS anchored
	FROM vault.verify_audit('evidence-a', :'note');
SELECT vault.set_audit_retention('2 years', 'evidence-a');
SELECT vault.set_audit_floor('1 month');

-- a checkpoint that was changed, or is none
SELECT ok FROM vault.verify_audit(checkpoint => replace(:'note', ' 1 ', ' 2 ') || ' ');
SELECT ok FROM vault.verify_audit(checkpoint => overlay(:'note' PLACING 'X' FROM 60 FOR 1));
SELECT ok FROM vault.verify_audit(checkpoint => '');
SELECT ok FROM vault.verify_audit(checkpoint => 'no checkpoint');

-- an export: a header, seals, rows, and no row of another tenant; less of it between two times
SET ROLE regress_evidence_admin;
SELECT count(*) FILTER (WHERE line ->> 'trail' = 'vault audit v1') AS headers,
	count(*) FILTER (WHERE line ? 'seal') >= 1 AS seals,
	count(*) FILTER (WHERE line ? 'id') > 20 AS rows, bool_and(line ->> 'tenant_id' = :'a') AS own
FROM (SELECT l::jsonb AS line FROM vault.export_audit() l) AS x;
SELECT count(*) FROM vault.export_audit(since => now() + interval '1 day');
SELECT count(*) > 1 AS rows FROM vault.export_audit(until => now() + interval '1 day');

-- retention: not below the floor, which is the operators'
SELECT vault.set_audit_retention('2 years');
SELECT tenant, retention, floor, hold_reason, retired_until FROM vault.audit_retention;
SELECT vault.set_audit_retention('1 month');
SELECT vault.set_audit_retention(NULL);
SELECT vault.set_audit_retention('2 years', 'evidence-b');
SELECT vault.set_audit_floor('1 month');
SELECT vault.set_legal_hold('evidence-a', 'x');
SELECT vault.release_legal_hold('evidence-a', 'x');
SET ROLE regress_evidence_op;
SELECT vault.set_audit_floor('1 day');
SELECT vault.set_audit_floor('3 years');
SELECT vault.set_audit_retention('2 years', 'evidence-b');
SELECT vault.set_audit_retention('4 years', 'evidence-b');
SELECT vault.set_audit_retention('4 years');
SELECT vault.set_legal_hold('evidence-b', ' ');
SELECT vault.set_legal_hold('no-such-tenant', 'case 7');
SELECT vault.set_legal_hold('evidence-b', 'case 7');
SELECT tenant, retention, floor, hold_reason, held_at IS NOT NULL AS held FROM vault.audit_retention
	WHERE tenant LIKE 'evidence%' ORDER BY 1;
SELECT vault.release_legal_hold('evidence-b', 'case 7 is closed');
SELECT vault.release_legal_hold('evidence-b', 'case 7 is closed');
SELECT vault.set_audit_floor('1 year');
SELECT operation, decision, object_kind, detail, reason FROM vault.audit
	WHERE tenant = 'evidence-b' AND object_kind = 'audit_policy' AND decision = 'allow' ORDER BY id;

-- the jobs are a superuser's; no role may call the helper
SELECT vault_data.job_retention();
RESET ROLE;
SET ROLE vault_owner;
SELECT vault_data.job_retention();
RESET ROLE;
SELECT vault_data.job_partitions(), vault_data.job_retention();
SELECT vault_data.note_retired(:'a', '2020-01-01', 1);

-- append-only: for the owner, for vault_exec, for a superuser
\set VERBOSITY sqlstate
UPDATE vault_data.audit_seal SET rows = 1;
DELETE FROM vault_data.audit_seal;
TRUNCATE vault_data.audit_seal;
INSERT INTO vault_data.audit_retired VALUES (:'a', '2020-01-01', 1, now(), '\x00');
UPDATE vault_data.audit_progress SET floor_id = 1;
DELETE FROM vault_data.audit_checkpoint;
TRUNCATE vault_data.audit_checkpoint;
SET ROLE vault_owner;
DELETE FROM vault_data.audit_seal;
TRUNCATE vault_data.audit_progress;
SET ROLE vault_exec;
DELETE FROM vault_data.audit_seal;
INSERT INTO vault_data.audit_checkpoint VALUES (now(), 'x');
SET ROLE regress_evidence_auditor;
SELECT count(*) FROM vault_data.audit_seal;
RESET ROLE;

SELECT vault.destroy_tenant('evidence-a', 'evidence-a'),
	vault.destroy_tenant('evidence-b', 'evidence-b');
-- a destroyed tenant's trail can still be checked
SELECT tenant_name, ok FROM vault.verify_audit(:'a');
DROP ROLE regress_evidence_op, regress_evidence_admin, regress_evidence_app, regress_evidence_other,
	regress_evidence_auditor;

-- vault.status() tells operators, auditors and clients the state and no key. No other role may ask.
\set SHOW_CONTEXT never
CREATE ROLE regress_status_op IN ROLE vault_admin;
CREATE ROLE regress_status_auditor IN ROLE vault_auditor;
CREATE ROLE regress_status_client IN ROLE vault_client;
CREATE ROLE regress_status_nobody;

SET ROLE regress_status_op;
SELECT initialised, sealed, reason FROM vault.status();
SELECT key_memory IN ('memfd_secret', 'mlock', 'swappable') AS memory_told FROM vault.status();
SELECT operator, auditor, tenant, principal, role FROM vault.whoami();
SET ROLE regress_status_auditor;
SELECT initialised, sealed FROM vault.status();
SELECT operator, auditor, tenant, principal, role FROM vault.whoami();
SET ROLE regress_status_client;
SELECT initialised, sealed FROM vault.status();
SELECT operator, auditor, tenant, principal, role FROM vault.whoami();

-- key operations are for operators
SELECT vault.seal();
SET ROLE regress_status_auditor;
SELECT vault.seal();
SELECT vault.unseal();
SELECT vault.init();
SELECT vault.rotate_root_key();
SET ROLE regress_status_nobody;
SELECT vault.status();
SELECT vault.whoami();

-- no key material in what may be seen of keys
SET ROLE regress_status_auditor;
SELECT count(*) > 0 AS some, bool_and(state IN ('active', 'retired')) AS states
	FROM vault.root_keys;
SELECT attrelid::regclass AS view, array_agg(attname ORDER BY attnum) AS columns FROM pg_attribute
WHERE attrelid IN ('vault.root_keys'::regclass, 'vault.tenant_keys'::regclass) AND attnum > 0
	GROUP BY 1 ORDER BY 1;
SET ROLE regress_status_client;
SELECT count(*) FROM vault.root_keys;

RESET ROLE;
DROP ROLE regress_status_op, regress_status_auditor, regress_status_client, regress_status_nobody;

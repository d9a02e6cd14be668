/*
 * Views of tenants and their keys.
 */

CREATE VIEW vault.tenants WITH (security_barrier) AS
SELECT t.tenant_id AS id, t.name, t.state, t.recovery_window, t.created_at, t.environments
FROM vault_data.tenant t
WHERE t.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.tenants
	IS 'shows tenants: that of the caller, or all to operators and auditors';

CREATE VIEW vault.tenant_keys WITH (security_barrier) AS
SELECT t.name AS tenant, k.generation, k.state, k.root_generation, k.created_at
FROM vault_data.tenant_key k JOIN vault_data.tenant t ON t.tenant_id = k.tenant_id
WHERE k.tenant_id = ANY (vault_data.visible_tenants());
COMMENT ON VIEW vault.tenant_keys
	IS 'shows generations of tenant keys and the root key generation that wraps each; no key '
	'material';

CREATE VIEW vault.root_keys WITH (security_barrier) AS
SELECT r.generation, r.state, r.source, r.created_at FROM vault_data.root_key r
WHERE vault_data.sees_all_tenants();
COMMENT ON VIEW vault.root_keys IS 'shows generations of the root key; no key material';
--@ select vault_admin, vault_auditor: root_keys, tenant_keys
--@ select vault_client, vault_admin, vault_auditor: tenants

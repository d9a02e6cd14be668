/*
 * Integrity of tables that come before this feature.
 */

/* The table of tenants comes before this feature, so its trigger stands here. */
CREATE TRIGGER write_mac BEFORE INSERT OR UPDATE ON vault_data.tenant
	FOR EACH ROW EXECUTE FUNCTION vault_data.authenticate_row();
ALTER TABLE vault_data.tenant ENABLE ALWAYS TRIGGER write_mac;

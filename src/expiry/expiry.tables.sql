/*
 * Expiry: until when a secret may be used, which principals are warned before, and how it is
 * prolonged in an emergency. Each read decides if the secret may be read (secret/secret.c). The
 * jobs here only announce. They warn at each remaining threshold, once for each version and time of
 * expiry. Of thresholds that passed during a pause of the jobs, they announce the most urgent. The
 * threshold zero is "expired".
 */

/* The id is that of the secret. */
CREATE TABLE vault_data.secret_warning (
	tenant_id  uuid NOT NULL,
	id         uuid NOT NULL,
	thresholds interval[],
	purge_at   timestamptz,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, id) REFERENCES vault_data.secret (tenant_id, id) ON DELETE CASCADE
);
--@ protect vault_data.secret_warning rows=tenant exec=select,insert,update,delete
--@	audit=warning(thresholds, purge_at)

/* Warnings announced for each version, which may become current again. */
CREATE TABLE vault_data.expiry_warning (
	tenant_id  uuid NOT NULL,
	id         uuid NOT NULL,
	version    integer NOT NULL,
	expires_at timestamptz NOT NULL,
	threshold  interval NOT NULL,
	PRIMARY KEY (tenant_id, id, version),
	FOREIGN KEY (tenant_id, id) REFERENCES vault_data.secret (tenant_id, id) ON DELETE CASCADE
);
--@ protect vault_data.expiry_warning rows=tenant exec=select,insert,update,delete
--@	audit=warning(version, expires_at, threshold)

/*
 * Expiry: until when a secret is of use, who is warned before, and how it is prolonged in an
 * emergency.
 *
 * Each read decides if the secret may be read (secret/secret.c). The jobs here only tell: a warning
 * at each threshold that is left, once for each version and time of expiry; of those that a pause
 * has let pass, the most urgent. "expired" is the threshold zero.
 */

/* id is the secret's. */
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

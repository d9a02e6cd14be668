/*
 * Anomalies: what a principal does that it has not done before, judged by the counts
 * of usage and never by the trail itself, so that the cost follows the principals that
 * were active and not the length of the trail.
 *
 * A run judges what the log consumer has brought since the last one and what is younger than
 * seven days. An anomaly is found once: the key is tenant, kind, principal, subject and window,
 * so that to judge something twice does no harm.
 */

CREATE TABLE vault_data.anomaly (
	tenant_id       uuid NOT NULL,
	id              uuid NOT NULL,
	kind            text COLLATE "C" NOT NULL,
	principal_id    uuid NOT NULL,
	subject         text COLLATE "C" NOT NULL,
	at              timestamptz NOT NULL,
	severity        text NOT NULL,
	evidence        jsonb NOT NULL,
	detected_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	acknowledged_at timestamptz,
	acknowledged_by text,
	note            text,
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT anomaly_once UNIQUE (tenant_id, kind, principal_id, subject, at)
);
--@ protect vault_data.anomaly rows=tenant exec=select,insert,update,delete
--@	hide=subject,evidence,acknowledged_by,note audit=anomaly(kind, principal_id, at, severity,
--@	acknowledged_by)

/* Thresholds that operators have changed; the others are in anomaly_defaults(). */
CREATE TABLE vault_data.anomaly_threshold (
	name  text COLLATE "C" PRIMARY KEY,
	value numeric NOT NULL
);
--@ protect vault_data.anomaly_threshold rows=operators exec=select,insert,update,delete
--@	audit=anomaly_threshold(=name, value)

/* Until when the usage of a tenant was judged. */
CREATE TABLE vault_data.usage_evaluated (
	tenant_id uuid PRIMARY KEY,
	until     timestamptz NOT NULL
);
--@ protect vault_data.usage_evaluated rows=tenant exec=select,insert,update,delete

/*
 * The audit trail: append-only, partitioned by time. Partitions of the next months are made ahead,
 * and the default partition takes the rows that no other partition takes. Unique keys and indexes
 * belong to each partition, since pg_dump could not restore partitions of a table whose indexes an
 * extension has made already. tenant_id is the zero uuid in rows that concern the instance.
 *
 * mac authenticates the row (see audit_row.h); xid is the transaction that wrote it, by which the
 * sealer finds new rows.
 */

CREATE TABLE vault_data.audit_log (
	tenant_id          uuid NOT NULL,
	id                 bigint NOT NULL,
	at                 timestamptz NOT NULL,
	xid                xid8 NOT NULL,
	tenant             text,
	principal_id       uuid,
	principal          text,
	role               text,
	session_role       text,
	authenticated_role text,
	address            inet,
	port               integer,
	tls                boolean NOT NULL,
	application_name   text,
	request_id         text,
	operation          text NOT NULL,
	decision           text NOT NULL,
	object_kind        text,
	object_id          uuid,
	secret             text,
	environment        text,
	version            integer,
	grant_id           uuid,
	reason             text,
	detail             jsonb,
	subject            text,
	service            text,
	claimed_address    text,
	mac                bytea
) PARTITION BY RANGE (at);

CREATE TABLE vault_data.audit_log_default PARTITION OF vault_data.audit_log
	(PRIMARY KEY (tenant_id, at, id)) DEFAULT;
CREATE INDEX audit_log_default_xid ON vault_data.audit_log_default (xid);
CREATE INDEX audit_log_default_at ON vault_data.audit_log_default USING brin (at);

--@ protect vault_data.audit_log rows=tenant exec=select append_only
--@ protect vault_data.audit_log_default rows=tenant append_only=partition

/* Collect no statistics of texts: they would show names of all tenants. */
DO $$
DECLARE
	text_column name;
BEGIN
	FOR text_column IN
		SELECT a.attname FROM pg_catalog.pg_attribute a
		WHERE a.attrelid OPERATOR(pg_catalog.=) 'vault_data.audit_log'::pg_catalog.regclass
			AND a.atttypid OPERATOR(pg_catalog.=) ANY (ARRAY['text'::pg_catalog.regtype,
				'jsonb'::pg_catalog.regtype, 'inet'::pg_catalog.regtype]::oid[])
	LOOP
		EXECUTE pg_catalog.format(
			'ALTER TABLE vault_data.audit_log ALTER COLUMN %I SET STATISTICS 0', text_column);
	END LOOP;
END
$$;

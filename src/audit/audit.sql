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
CREATE TABLE vault_data.audit_log_default PARTITION OF vault_data.audit_log (PRIMARY KEY (tenant_id, at, id)) DEFAULT;
CREATE INDEX audit_log_default_xid ON vault_data.audit_log_default (xid);
CREATE INDEX audit_log_default_at ON vault_data.audit_log_default USING brin (at);
ALTER TABLE vault_data.audit_log OWNER TO vault_owner;
ALTER TABLE vault_data.audit_log_default OWNER TO vault_owner;
REVOKE ALL ON vault_data.audit_log, vault_data.audit_log_default FROM PUBLIC;
GRANT SELECT ON vault_data.audit_log TO vault_exec;
DO $$
DECLARE
	text_column name;
BEGIN
	FOR text_column IN SELECT a.attname FROM pg_catalog.pg_attribute a
		WHERE a.attrelid OPERATOR(pg_catalog.=) 'vault_data.audit_log'::pg_catalog.regclass
			AND a.atttypid OPERATOR(pg_catalog.=) ANY (ARRAY['text'::pg_catalog.regtype, 'jsonb'::pg_catalog.regtype, 'inet'::pg_catalog.regtype]::oid[])
	LOOP
		EXECUTE pg_catalog.format('ALTER TABLE vault_data.audit_log ALTER COLUMN %I SET STATISTICS 0', text_column);
	END LOOP;
END
$$;
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_log', '');
SELECT pg_catalog.pg_extension_config_dump('vault_data.audit_log_default', '');

CREATE FUNCTION vault_data.audit_change() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_audit_change';
COMMENT ON FUNCTION vault_data.audit_change()
	IS 'writes a change of the row to the audit trail; arguments are the kind, then the '
	'columns that may be shown';

CREATE FUNCTION vault_data.refuse_change() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_refuse_change';
COMMENT ON FUNCTION vault_data.refuse_change()
	IS 'refuses every change of the audit trail except rows that vault itself appends';

CREATE FUNCTION vault_data.decision_changed() RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'vault_decision_changed';
COMMENT ON FUNCTION vault_data.decision_changed()
	IS 'invalidates the caches of the table in every backend when the change commits';

CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON vault_data.audit_log
	FOR EACH ROW EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_log
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON vault_data.audit_log_default
	FOR EACH STATEMENT EXECUTE FUNCTION vault_data.refuse_change();
ALTER TABLE vault_data.audit_log ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_log ENABLE ALWAYS TRIGGER append_only_truncate;
ALTER TABLE vault_data.audit_log_default ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE vault_data.audit_log_default ENABLE ALWAYS TRIGGER append_only_truncate;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vault, vault_data FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault_data.audit_change(), vault_data.decision_changed(),
	vault_data.refuse_change() TO vault_exec;

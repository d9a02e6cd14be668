-- Only the vault's own functions write or lock its tables, and no role of PostgreSQL gives anything
-- of them; what superusers do leaves an alert.
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE ROLE regress_outside_writer IN ROLE pg_write_all_data;
CREATE ROLE regress_outside_reader IN ROLE pg_read_all_data;
CREATE ROLE regress_outside_admin IN ROLE pg_write_all_data, pg_read_all_data, pg_monitor,
	pg_signal_backend;
CREATE ROLE regress_outside_auditor IN ROLE vault_auditor, pg_write_all_data, pg_read_all_data;
CREATE ROLE regress_outside_op IN ROLE vault_admin, pg_write_all_data, pg_read_all_data;
SELECT vault.create_tenant('outside', 'regress_outside_admin') IS NOT NULL AS made;
SET ROLE regress_outside_admin;
SELECT vault.put('a', 'x'), vault.create_principal('app') IS NOT NULL AS app,
	vault.grant('app', '{read}', 'a', effect => 'deny') IS NOT NULL AS denied;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO regress_outside_writer;

-- each table, month of the trail and view; by roles that have privileges on all of them
CREATE FUNCTION pg_temp.try(db_role text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	done bigint;
BEGIN
	PERFORM set_config('role', db_role, true);
	IF statement LIKE 'SELECT%' AND statement NOT LIKE '% FOR %' THEN
		EXECUTE statement INTO answer;
	ELSE
		EXECUTE statement;
		GET DIAGNOSTICS done = ROW_COUNT;
		answer := 'done ' || done;
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'VV000', MESSAGE = answer;
EXCEPTION WHEN SQLSTATE 'VV000' THEN
	RETURN SQLERRM;
WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM,
	'"[^"]*"|(table|view) \S+|must be superuser or have privileges of the \S+ role|permission '
	'denied(?= to COPY)',
	'…');
END
$$;
CREATE TEMP TABLE attempt (n int, action text, statement text);
INSERT INTO attempt VALUES (1, 'read', 'SELECT count(*) FROM %s'),
	(2, 'insert', 'INSERT INTO %s DEFAULT VALUES'), (3, 'update', 'UPDATE %s SET %s = NULL'),
	(4, 'delete', 'DELETE FROM %s'), (5, 'lock rows', 'SELECT FROM %s FOR SHARE'),
	(6, 'lock', 'LOCK TABLE %s IN ACCESS EXCLUSIVE MODE'),
	(7, 'lock', 'LOCK TABLE %s IN ROW SHARE MODE'), (8, 'prepare', 'PREPARE p AS DELETE FROM %s'),
	(9, 'prepare', 'PREPARE p AS SELECT FROM %s FOR UPDATE'),
	(10, 'explain', 'EXPLAIN DELETE FROM %s'),
	(11, 'merge', 'MERGE INTO %s AS t USING (VALUES (1)) AS v ON true WHEN MATCHED THEN DELETE'),
	(12, 'in a CTE', 'WITH gone AS (DELETE FROM %s RETURNING 1) SELECT count(*) FROM gone'),
	(13, 'truncate', 'TRUNCATE %s'), (14, 'copy', 'COPY %s FROM ''/dev/null''');
SELECT action, db_role, answer, count(*) > 1 AS several FROM (
	SELECT n, action, r AS db_role, pg_temp.try('regress_outside_' || r,
	format(statement, c.oid::regclass,
	(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum = 1))) AS
	answer
	FROM attempt CROSS JOIN unnest('{writer,reader,admin,auditor,op}'::text[]) AS r
	CROSS JOIN pg_class c
	WHERE c.relnamespace = 'vault_data'::regnamespace AND c.relkind IN ('r', 'p')) AS t
GROUP BY 1, 2, 3 ORDER BY min(n), db_role, answer;
SELECT action, answer, count(*) > 1 AS several FROM (
	SELECT n, action, pg_temp.try('regress_outside_' || r,
	format(statement, c.oid::regclass,
	(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum = 1))) AS
	answer
	FROM attempt CROSS JOIN unnest('{writer,admin,auditor,op}'::text[]) AS r CROSS JOIN pg_class c
	WHERE n NOT IN (1, 13) AND c.relnamespace = 'vault'::regnamespace AND c.relkind = 'v') AS t
WHERE answer NOT LIKE '42501%' AND answer NOT LIKE '0A000 cannot execute MERGE on relation%'
	GROUP BY 1, 2 ORDER BY 1, 2;
-- the lock of a query may be taken: pg_dump does
SELECT DISTINCT pg_temp.try('regress_outside_reader',
	format('LOCK TABLE %s IN ACCESS SHARE MODE', oid::regclass)) AS answer FROM pg_class
	WHERE relnamespace = 'vault_data'::regnamespace AND relkind IN ('r', 'p');

-- by one's own views, rules and functions
SET ROLE regress_outside_writer;
CREATE TABLE public.regress_outside (n int);
CREATE VIEW public.regress_outside_view AS SELECT tenant_id, name FROM vault_data.secret;
CREATE VIEW public.regress_outside_on_it AS SELECT * FROM public.regress_outside_view;
CREATE VIEW public.regress_outside_tenants AS SELECT * FROM vault.tenants;
RESET ROLE;
SELECT statement, pg_temp.try('regress_outside_writer', statement) AS answer
	FROM unnest(ARRAY['LOCK TABLE public.regress_outside_on_it',
	'LOCK TABLE public.regress_outside, public.regress_outside_view IN SHARE MODE',
	'DELETE FROM public.regress_outside_on_it',
	'PREPARE p AS DELETE FROM public.regress_outside_tenants',
	'PREPARE p AS SELECT * FROM public.regress_outside_on_it FOR UPDATE',
	'SELECT n FROM (SELECT 1 AS n FROM public.regress_outside_view FOR SHARE) AS s',
	'CREATE RULE r AS ON INSERT TO public.regress_outside DO ALSO DELETE FROM vault_data.secret',
	'CREATE RULE r AS ON INSERT TO public.regress_outside DO ALSO (SELECT 1; '
	'UPDATE vault_data.instance SET id = NULL)',
	'CREATE FUNCTION public.regress_outside() RETURNS void LANGUAGE sql BEGIN ATOMIC DELETE FROM '
	'vault_data.secret; END',
	'CREATE FUNCTION public.regress_outside() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT '
	'1::bigint FROM vault_data.secret FOR UPDATE; END',
	'DO $d$ BEGIN DELETE FROM vault_data.instance; END $d$']) AS statement;
-- by whom it is refused differs between versions
SELECT left(pg_temp.try('regress_outside_writer',
	'CREATE TABLE public.regress_outside_copy AS WITH d AS (DELETE FROM vault_data.secret '
	'RETURNING name) SELECT * FROM d'),
	23) AS answer;
-- other people's tables are none of this
SELECT statement, pg_temp.try('regress_outside_writer', statement) AS answer
	FROM unnest(ARRAY['LOCK TABLE public.regress_outside',
	'INSERT INTO public.regress_outside VALUES (1)',
	'SELECT n::text FROM public.regress_outside FOR UPDATE', 'VACUUM FULL public.regress_outside'])
	AS statement;

-- maintenance that keeps others out is refused by name, also to the owner of the database and
-- a role that may maintain all tables
CREATE ROLE regress_outside_owner IN ROLE pg_read_all_data;
SELECT current_database() AS db, (SELECT datdba::regrole FROM pg_database
	WHERE datname = current_database()) AS owner \gset
ALTER DATABASE :"db" OWNER TO regress_outside_owner;
SET ROLE regress_outside_owner;
VACUUM FULL vault_data.secret;
VACUUM (FULL on) vault_data.secret, pg_class;
CLUSTER vault_data.secret USING secret_pkey;
REINDEX TABLE vault_data.secret;
REINDEX SCHEMA vault_data;
ANALYZE vault_data.tenant;
-- no extension's script brings objects into the schemas or takes some out, for any role
CREATE EXTENSION citext SCHEMA vault;
CREATE EXTENSION hstore SCHEMA vault_data;
RESET ROLE;
CREATE EXTENSION citext SCHEMA vault;
ALTER DATABASE :"db" OWNER TO :owner;

-- no role may end the vault's workers; sessions of others are, to those whom PostgreSQL lets
SET ROLE regress_outside_admin;
SELECT count(*) > 0 AS workers FROM pg_stat_activity WHERE backend_type LIKE 'vault%';
DO $$
DECLARE
	worker record;
BEGIN
	FOR worker IN SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'vault%' LOOP
		BEGIN
			PERFORM pg_terminate_backend(worker.pid);
			RAISE NOTICE 'ended';
		EXCEPTION WHEN insufficient_privilege THEN
			NULL;
		END;
	END LOOP;
END
$$;

-- each act of a superuser instead leaves an alert
RESET ROLE;
SELECT coalesce(max(id), 0) AS before FROM vault_data.audit_log \gset
BEGIN;
LOCK TABLE vault_data.instance IN SHARE MODE;
COMMIT;
COMMENT ON TABLE vault_data.secret IS 'mine';
COMMENT ON COLUMN vault_data.secret.name IS 'mine';
COMMENT ON TABLE vault_data.secret IS NULL;
COMMENT ON COLUMN vault_data.secret.name IS NULL;
COMMENT ON ROLE vault_exec IS NULL;
ALTER DEFAULT PRIVILEGES IN SCHEMA vault_data GRANT SELECT ON TABLES TO regress_outside_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA vault_data REVOKE SELECT ON TABLES FROM regress_outside_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE vault_owner GRANT SELECT ON TABLES TO regress_outside_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE vault_owner REVOKE SELECT ON TABLES FROM regress_outside_reader;
SET client_min_messages = error;
CREATE PUBLICATION regress_outside FOR TABLE vault_data.secret;
ALTER PUBLICATION regress_outside DROP TABLE vault_data.secret;
ALTER PUBLICATION regress_outside ADD TABLES IN SCHEMA vault_data;
DROP PUBLICATION regress_outside;
RESET client_min_messages;
BEGIN;
ALTER EXTENSION vault DROP VIEW vault.tenants;
GRANT UPDATE ON vault.tenants TO regress_outside_reader;
ALTER EXTENSION vault ADD VIEW vault.tenants;
SELECT * FROM vault.verify('outside');
REVOKE UPDATE ON vault.tenants FROM regress_outside_reader;
SELECT * FROM vault.verify('outside');
COMMIT;
INSERT INTO vault_data.anomaly_threshold VALUES ('mine', 1);
DELETE FROM vault_data.anomaly_threshold WHERE name = 'mine';
BEGIN;
CREATE TABLE public.regress_outside_child () INHERITS (vault_data.secret_warning);
SELECT object_kind, name, fault FROM vault.verify('outside');
ALTER TABLE public.regress_outside_child NO INHERIT vault_data.secret_warning;
ALTER TABLE public.regress_outside_child INHERIT vault_data.secret_warning;
DROP TABLE public.regress_outside_child;
UPDATE pg_trigger SET tgenabled = 'D'
	WHERE tgrelid = 'vault_data.secret'::regclass AND tgname = 'audit';
UPDATE pg_trigger SET tgenabled = 'A'
	WHERE tgrelid = 'vault_data.secret'::regclass AND tgname = 'audit';
SET LOCAL session_replication_role = replica;
INSERT INTO vault_data.anomaly_threshold VALUES ('mine', 1);
DELETE FROM vault_data.anomaly_threshold WHERE name = 'mine';
COMMIT;
SELECT operation, decision, object_kind, role = current_user AS by_me, reason
	FROM vault_data.audit_log WHERE id > :before AND decision = 'alert' ORDER BY id;
-- and reading, or locking as readers do, none
SELECT coalesce(max(id), 0) AS before FROM vault_data.audit_log \gset
BEGIN;
LOCK TABLE vault_data.instance IN ACCESS SHARE MODE;
SELECT count(*) FROM vault_data.instance;
COMMIT;
SELECT count(*) FROM vault_data.audit_log WHERE id > :before AND decision = 'alert';

-- names that decide are compared bytewise, under any collation of the caller
CREATE COLLATION public.regress_outside
	(provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT 'outside' = 'OUTSIDE' COLLATE public.regress_outside AS equal_to_it;
SELECT vault.destroy_tenant('outside', 'OUTSIDE' COLLATE public.regress_outside);
SELECT vault.destroy_tenant('OUTSIDE' COLLATE public.regress_outside, 'OUTSIDE');
SELECT vault.drop_principal('APP' COLLATE public.regress_outside, tenant => 'outside');
SET ROLE regress_outside_admin;
SELECT vault.grant('APP' COLLATE public.regress_outside, '{read}', '**');
SELECT vault.issue_token('REGRESS_OUTSIDE_ADMIN' COLLATE public.regress_outside);
SELECT vault.drop_principal('app' COLLATE public.regress_outside);
RESET ROLE;
DROP COLLATION public.regress_outside;

DROP TABLE public.regress_outside;
DROP VIEW public.regress_outside_on_it, public.regress_outside_view, public.regress_outside_tenants;
REVOKE CREATE ON SCHEMA public FROM regress_outside_writer;
DROP FUNCTION pg_temp.try(text, text);
DROP TABLE attempt;
SELECT vault.destroy_tenant('outside', 'outside');
-- since 17 what a role had on an object that became a member of an extension keeps the role
DROP OWNED BY regress_outside_reader;
DROP ROLE regress_outside_writer, regress_outside_reader, regress_outside_admin,
	regress_outside_auditor, regress_outside_op, regress_outside_owner;

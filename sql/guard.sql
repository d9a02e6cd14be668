-- Schemas and roles of vault are changed by superusers only, and that leaves an alert; CREATEROLE
-- is not enough.
\set SHOW_CONTEXT never
CREATE ROLE regress_guard CREATEROLE CREATEDB;
CREATE ROLE regress_guard_op IN ROLE vault_admin;
CREATE ROLE regress_guard_made ADMIN regress_guard;
CREATE ROLE regress_guard_owner IN ROLE vault_owner;
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RAISE raise_exception;
EXCEPTION WHEN raise_exception THEN
	RETURN 'DONE';
WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

-- a role that may make roles
SET ROLE regress_guard;
GRANT vault_owner TO regress_guard;
\set VERBOSITY terse
SELECT statement, left(pg_temp.try(statement), 5) AS answer FROM unnest(ARRAY[
	'GRANT vault_owner TO regress_guard', 'GRANT vault_exec TO CURRENT_USER',
	'GRANT vault_admin TO regress_guard', 'GRANT vault_auditor TO regress_guard',
	'GRANT vault_client TO regress_guard',
	'GRANT regress_guard, vault_admin TO regress_guard_op', 'GRANT regress_guard TO vault_owner',
	'REVOKE vault_admin FROM regress_guard_op',
	'ALTER ROLE vault_owner LOGIN PASSWORD ''x''', 'ALTER ROLE vault_exec CREATEROLE',
	'ALTER USER vault_admin INHERIT', 'ALTER GROUP vault_admin ADD USER regress_guard',
	'ALTER GROUP vault_admin DROP USER regress_guard_op',
	'ALTER ROLE vault_owner RENAME TO regress_guard_gone',
	'ALTER ROLE regress_guard_op RENAME TO vault_owner',
	'ALTER ROLE vault_admin SET search_path = x', 'ALTER ROLE vault_exec RESET ALL',
	'DROP ROLE vault_client', 'DROP ROLE regress_guard_op, vault_auditor',
	'DROP OWNED BY vault_owner', 'REASSIGN OWNED BY vault_owner TO regress_guard',
	'REASSIGN OWNED BY regress_guard TO vault_owner',
	'CREATE ROLE regress_guard_new IN ROLE vault_admin',
	'CREATE ROLE regress_guard_new IN GROUP vault_owner',
	'CREATE USER regress_guard_new ROLE vault_exec',
	'CREATE ROLE regress_guard_new ADMIN vault_owner', 'CREATE ROLE vault_admin',
	'CREATE ROLE regress_guard_new', 'GRANT regress_guard_made TO regress_guard_op',
	'ALTER ROLE regress_guard_made CREATEDB', 'DROP ROLE regress_guard_made']) AS statement;
-- in what a superuser's REINDEX runs on behalf of a table's owner, too
RESET ROLE;
GRANT CREATE ON SCHEMA public TO regress_guard;
SET ROLE regress_guard;
CREATE FUNCTION public.regress_guard_take() RETURNS void
	LANGUAGE plpgsql AS 'BEGIN GRANT vault_owner TO regress_guard; END';
CREATE FUNCTION public.regress_guard_index(n integer) RETURNS integer
	LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_setting('regress.guard', true) = 'on' THEN
		PERFORM public.regress_guard_take();
	END IF;
	RETURN n;
END
$$;
CREATE TABLE public.regress_guard_indexed (n integer);
INSERT INTO public.regress_guard_indexed VALUES (1);
CREATE INDEX ON public.regress_guard_indexed (public.regress_guard_index(n));
RESET ROLE;
SET regress.guard = 'on';
\set VERBOSITY sqlstate
REINDEX TABLE public.regress_guard_indexed;
ANALYZE public.regress_guard_indexed;
\set VERBOSITY terse
RESET regress.guard;
SELECT count(*) FROM pg_auth_members
	WHERE roleid = 'vault_owner'::regrole AND member = 'regress_guard'::regrole;
DROP TABLE public.regress_guard_indexed;
DROP FUNCTION public.regress_guard_index(integer), public.regress_guard_take();
REVOKE CREATE ON SCHEMA public FROM regress_guard;
SET ROLE regress_guard;
-- in a function and a DO block likewise
DO $$ BEGIN EXECUTE 'GRANT vault_admin TO regress_guard'; END $$;

-- even with privileges that a superuser gave: no DDL in the schemas, no GRANT on their objects
RESET ROLE;
GRANT CREATE, USAGE ON SCHEMA vault, vault_data TO regress_guard_owner;
GRANT CREATE ON SCHEMA public TO regress_guard_owner;
CREATE TABLE public.regress_guard_table (n integer);
ALTER TABLE public.regress_guard_table OWNER TO regress_guard_owner;
SET ROLE regress_guard_owner;
SELECT statement, left(pg_temp.try(statement), 5) AS answer FROM unnest(ARRAY[
	'CREATE TABLE vault.planted (n integer)', 'CREATE TABLE vault_data.planted AS SELECT 1',
	'CREATE VIEW vault.planted AS SELECT 1 AS n',
	'CREATE FUNCTION vault.get(text) RETURNS text LANGUAGE sql AS ''SELECT 1''',
	'CREATE SEQUENCE vault.planted',
	'CREATE MATERIALIZED VIEW vault.planted AS SELECT 1 AS n',
	'CREATE TYPE vault.planted AS (n integer)', 'CREATE TYPE vault.planted AS ENUM (''a'')',
	'CREATE DOMAIN vault.planted AS text',
	'CREATE OPERATOR vault.= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)',
	'ALTER TABLE vault_data.secret ADD planted text',
	'ALTER TABLE vault_data.secret DISABLE TRIGGER audit',
	'ALTER TABLE vault_data.secret DISABLE ROW LEVEL SECURITY',
	'ALTER TABLE vault_data.secret NO FORCE ROW LEVEL SECURITY',
	'ALTER TABLE vault_data.secret OWNER TO regress_guard_owner',
	'ALTER TABLE vault_data.secret RENAME TO secrets',
	'ALTER TABLE vault_data.secret RENAME name TO n',
	'ALTER TABLE vault_data.secret SET SCHEMA public',
	'ALTER TABLE public.regress_guard_table SET SCHEMA vault',
	'ALTER TABLE public.regress_guard_table INHERIT vault_data.secret',
	'DROP TABLE vault_data.audit_log_default', 'DROP VIEW vault.secrets',
	'TRUNCATE vault_data.secret CASCADE', 'TRUNCATE vault_data.audit_log',
	'CREATE INDEX ON vault_data.secret (name)', 'DROP INDEX vault_data.secret_purge',
	'CREATE RULE planted AS ON INSERT TO vault_data.secret DO ALSO SELECT 1',
	'CREATE TRIGGER planted BEFORE INSERT ON vault_data.secret FOR EACH ROW EXECUTE FUNCTION '
	'suppress_redundant_updates_trigger()',
	'DROP TRIGGER audit ON vault_data.secret',
	'CREATE POLICY planted ON vault_data.secret USING (true)',
	'ALTER POLICY tenant ON vault_data.secret USING (true)',
	'DROP POLICY tenant ON vault_data.secret',
	'CREATE STATISTICS vault_data.planted ON name, environment FROM vault_data.secret',
	'CREATE TABLE public.regress_guard_part PARTITION OF vault_data.audit_log FOR VALUES FROM '
	'(''2001-01-01'') TO (''2001-02-01'')',
	'ALTER TABLE vault_data.audit_log DETACH PARTITION vault_data.audit_log_default',
	'GRANT SELECT ON vault_data.secret TO PUBLIC',
	'GRANT ALL ON ALL TABLES IN SCHEMA vault_data TO PUBLIC',
	'GRANT USAGE ON SCHEMA vault_data TO PUBLIC',
	'GRANT EXECUTE ON FUNCTION vault.get(text, integer, text) TO PUBLIC',
	'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA vault TO PUBLIC',
	'REVOKE ALL ON vault_data.secret FROM vault_exec',
	'GRANT SELECT (name) ON vault_data.secret TO PUBLIC',
	'GRANT USAGE ON TYPE vault.envelope TO PUBLIC', 'ALTER SCHEMA vault RENAME TO planted',
	'DROP SCHEMA vault CASCADE', 'CREATE TABLE public.regress_guard_own (n integer)']) AS statement;

-- the superuser: done, and each a row of the trail
RESET ROLE;
SELECT coalesce(max(id), 0) AS before FROM vault_data.audit_log \gset
GRANT vault_auditor TO regress_guard;
REVOKE vault_auditor FROM regress_guard;
CREATE ROLE regress_guard_new IN ROLE vault_client;
ALTER ROLE vault_client SET work_mem = '1MB';
ALTER ROLE vault_client RESET work_mem;
CREATE TABLE vault.regress_guard_table (n integer);
ALTER TABLE vault.regress_guard_table ADD m integer;
CREATE INDEX ON vault.regress_guard_table (n);
GRANT SELECT ON vault.regress_guard_table TO regress_guard;
DROP TABLE vault.regress_guard_table;
ALTER TABLE vault_data.secret DISABLE TRIGGER audit;
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER audit;
CREATE FUNCTION vault.regress_guard() RETURNS integer LANGUAGE sql AS 'SELECT 1';
DROP FUNCTION vault.regress_guard();
TRUNCATE public.regress_guard_table;
CREATE TABLE public.regress_guard_other (n integer);
SELECT operation, decision, object_kind, role = current_user AS by_me, reason
	FROM vault_data.audit_log WHERE id > :before ORDER BY id;

-- the objects that a statement reaches are recorded, too, if one within it fails and is caught
CREATE TYPE public.regress_guard_type AS ENUM ('a');
CREATE TABLE vault.regress_guard_table (n public.regress_guard_type);
CREATE FUNCTION public.regress_guard_event() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'DROP TABLE regress_guard_nowhere';
EXCEPTION WHEN undefined_table THEN
	RAISE NOTICE 'caught';
END $$;
CREATE EVENT TRIGGER regress_guard_event ON sql_drop EXECUTE FUNCTION public.regress_guard_event();
SELECT max(id) AS before FROM vault_data.audit_log \gset
DROP TYPE public.regress_guard_type CASCADE;
SELECT operation, decision, object_kind, reason FROM vault_data.audit_log
	WHERE id > :before AND decision = 'alert' ORDER BY id;
DROP EVENT TRIGGER regress_guard_event;
DROP FUNCTION public.regress_guard_event();
DROP TABLE vault.regress_guard_table;

-- a rollback is recorded as such
SELECT max(id) AS before FROM vault_data.audit_log \gset
BEGIN;
GRANT vault_admin TO regress_guard;
ROLLBACK;
SELECT vault.purge(1);
SELECT operation, decision, object_kind, reason FROM vault_data.audit_log
	WHERE id > :before AND operation <> 'purge';

REVOKE ALL ON SCHEMA vault, vault_data FROM regress_guard_owner;
REVOKE ALL ON SCHEMA public FROM regress_guard_owner;
DROP TABLE public.regress_guard_table, public.regress_guard_other;
DROP FUNCTION pg_temp.try(text);
DROP ROLE regress_guard, regress_guard_op, regress_guard_made, regress_guard_owner,
	regress_guard_new;

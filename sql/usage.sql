-- Usage is what the trail says, row by row: reads and failures by secret, principal and version;
-- shown to whom the trail would show it, and never a way to learn whether a name exists.
\set SHOW_CONTEXT never
CREATE ROLE regress_usage_op IN ROLE vault_admin;
CREATE ROLE regress_usage_auditor IN ROLE vault_auditor;
CREATE ROLE regress_usage_a;
CREATE ROLE regress_usage_one;
CREATE ROLE regress_usage_two;
CREATE ROLE regress_usage_b;
CREATE ROLE regress_usage_nobody IN ROLE vault_client;
SELECT vault.create_tenant('usage-a', 'regress_usage_a') AS a,
	vault.create_tenant('usage-b', 'regress_usage_b') AS b \gset

-- Until each row of the trail with a principal is counted, and no other.
CREATE FUNCTION pg_temp.consumed() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	wanted bigint;
	counted bigint;
BEGIN
	SELECT count(*) INTO wanted FROM vault_data.audit_log JOIN vault_data.tenant t USING (tenant_id)
	WHERE t.name LIKE 'usage-%' AND decision IN ('allow', 'deny', 'error')
	AND principal_id IS NOT NULL;
	FOR tries IN 1 .. 1200 LOOP
		SELECT sum(calls) INTO counted FROM vault_data.usage_hour JOIN vault_data.tenant t
		USING (tenant_id) WHERE t.name LIKE 'usage-%';
		EXIT WHEN counted >= wanted;
		PERFORM pg_sleep(0.1);
	END LOOP;
	RETURN counted = wanted;
END
$$;

SET ROLE regress_usage_a;
SELECT vault.put('app/key', 'one'), vault.put('app/key', 'two'), vault.put('app/other', 'x'),
	vault.put('hidden/key', 'x'), vault.put('never/read', 'x');
SELECT vault.put('app/key', 'of prod', environment => 'prod');
SELECT vault.create_principal('one', db_role => 'regress_usage_one') IS NOT NULL AS one,
	vault.create_principal('two', 'user', 'regress_usage_two') IS NOT NULL AS two;
SELECT vault."grant"('one', '{read}', 'app/**') AS grant_one,
	vault."grant"('two', '{read}', 'app/key') AS grant_two,
	vault."grant"('two', '{rotate}', 'unused/**') AS unused,
	vault."grant"('two', '{read}', 'app/key', effect => 'deny',
	environments => '{dev}') AS denial \gset
SET ROLE regress_usage_one;
SELECT count(vault.get('app/key')), count(vault.get_bytes('app/key', 1))
	FROM generate_series(1, 10);
SELECT count(*) FROM vault.get_many('**');
-- a read that is rolled back was one, a change was none
BEGIN;
SELECT vault.get('app/key');
ROLLBACK;
\set VERBOSITY sqlstate
SELECT vault.get('hidden/key');
SELECT vault.get('no/such/key');
SELECT vault.put('app/key', 'x');
SELECT vault.get('app/key', 99);
SELECT vault.get('app/absent');
SELECT vault.get('app//bad');
SET ROLE regress_usage_two;
SELECT vault.get('app/key'), vault.get('app/key', environment => 'prod');
SELECT vault.get('app/key', 1, 'dev');
SELECT vault.get('app/other');
SET ROLE regress_usage_b;
SELECT vault.get('app/key');
-- a part of a value is a read like the whole
SELECT
	vault.put('db/main',
	'{"engine": "postgresql", "host": "db.example", "port": 5432, "dbname": "app", "user": "app", '
	'"password": "correct-Horse-7-battery"}'::jsonb,
	'database');
SELECT vault.get_field('db/main', 'user'), length(vault.conninfo('db/main')) > 0 AS conninfo,
	length(vault.database_url('db/main')) > 0 AS url;
SET ROLE regress_usage_nobody;
SELECT vault.get('app/key');
RESET ROLE;
\set VERBOSITY default
SELECT pg_temp.consumed();

SET ROLE regress_usage_auditor;
SELECT tenant, secret, environment, principal, kind, version, reads, failed,
	first_read_at <= last_read_at AS in_order, last_failed_at IS NOT NULL AS has_failed, last_role
FROM vault.usage WHERE tenant LIKE 'usage-%' ORDER BY tenant, secret, environment, principal,
	version;
-- without a principal
SELECT count(*), sum(failed) >= 1 AS failed FROM vault.usage
	WHERE tenant IS NULL AND principal IS NULL;
RESET ROLE;
-- counts by hour and by network: a local socket is this machine
SELECT p.name, sum(calls) AS calls, sum(reads) AS reads, sum(denials) AS denials,
	(SELECT array_agg(network) FROM vault_data.usage_network n
	WHERE n.tenant_id = p.tenant_id AND n.principal_id = p.id) AS networks
FROM vault_data.usage_hour h JOIN vault_data.principal p
	ON p.tenant_id = h.tenant_id AND p.id = h.principal_id WHERE p.tenant_id = :'a'
	GROUP BY p.tenant_id, p.id, p.name ORDER BY 1;
-- two, counted anew if the hour has changed in between
SELECT sum(secrets) BETWEEN 2 AND 4 AS secrets FROM vault_data.usage_hour h
	JOIN vault_data.principal p ON p.tenant_id = h.tenant_id AND p.id = h.principal_id
	WHERE p.tenant_id = :'a' AND name = 'one';
-- the counts are the trail's
WITH trail AS (
	SELECT tenant_id, object_id, principal_id, version, count(*) AS reads, min(at) AS first,
	max(at) AS last FROM vault_data.audit_log
	WHERE tenant_id IN (:'a', :'b') AND decision = 'allow'
	AND operation ~ '^(get|conninfo|database_url)' AND object_id IS NOT NULL GROUP BY 1, 2, 3, 4
), counted AS (SELECT tenant_id, secret_id, principal_id, version, reads, first_read_at,
	last_read_at FROM vault_data.usage WHERE tenant_id IN (:'a', :'b') AND reads > 0)
SELECT (SELECT count(*) FROM trail) AS groups,
	(SELECT count(*) FROM (TABLE trail EXCEPT TABLE counted) AS d) AS missing,
	(SELECT count(*) FROM (TABLE counted EXCEPT TABLE trail) AS d) AS too_many;
SELECT (SELECT sum(failed) FROM vault_data.usage WHERE tenant_id IN (:'a', :'b')) AS failed,
	(SELECT count(*) FROM vault_data.audit_log
	WHERE tenant_id IN (:'a', :'b') AND decision IN ('deny', 'error')
	AND secret IS NOT NULL) AS in_trail;

-- a principal: its own, of what it may know of; names that exist not and names that are hidden are
-- alike
SET ROLE regress_usage_one;
SELECT secret, environment, principal, version, reads, failed FROM vault.usage ORDER BY secret,
	environment, version;
SELECT count(*) FROM vault.ghost_readers;
SELECT count(*) FROM vault.never_used_grants;
SELECT count(*) FROM vault.unused_secrets('0');
SET ROLE regress_usage_b;
SELECT count(*) FROM vault.usage WHERE reads > 0 OR secret IS NOT NULL;
SELECT count(*) FROM vault.unused_secrets('0', 'usage-a');
SET ROLE regress_usage_nobody;
SELECT count(*) FROM vault.usage;
SELECT count(*) FROM vault_data.usage;

-- secrets that are not read
SET ROLE regress_usage_a;
SELECT name, environment, reads, last_read_at IS NULL AS never FROM vault.unused_secrets('0')
	WHERE last_read_at IS NULL ORDER BY name;
SELECT count(*) FROM vault.unused_secrets('0');
SELECT count(*) FROM vault.unused_secrets();
SELECT count(*) FROM vault.unused_secrets(NULL);
SELECT count(*) FROM vault.unused_secrets('-1 day');
SET ROLE regress_usage_op;
SELECT DISTINCT tenant FROM vault.unused_secrets('0') WHERE tenant LIKE 'usage-%';
SELECT count(*) FROM vault.unused_secrets('0', 'usage-a');
SELECT count(*) FROM vault.unused_secrets('0', 'no-such');
SET ROLE regress_usage_auditor;
SELECT count(*) FROM vault.unused_secrets('0');

-- grants that decide nothing; a denial is none
SET ROLE regress_usage_a;
SELECT id = :'unused' AS unused, grantee, permissions, name_pattern FROM vault.never_used_grants;
-- readers that may not read any more: revoked, denied, dropped
SELECT * FROM vault.ghost_readers;
SELECT vault.revoke(:'grant_one');
SELECT vault."grant"('two', '{read}', 'app/*', '{prod}', 'deny') IS NOT NULL AS denied;
SELECT principal, secret, environment, reads, last_version, knows_current FROM vault.ghost_readers
	ORDER BY 1, 2, 3;
SELECT vault.rotate('app/key');
SELECT vault.drop_principal('two');
SELECT principal, secret, environment, reads, last_version, knows_current FROM vault.ghost_readers
	ORDER BY 1, 2, 3;
SELECT vault."grant"('one', '{read}', 'app/**') IS NOT NULL AS again;
SELECT principal, secret, environment FROM vault.ghost_readers ORDER BY 1, 2, 3;
SET ROLE regress_usage_auditor;
SELECT count(*) FROM vault.ghost_readers WHERE tenant = 'usage-a';
SET ROLE regress_usage_b;
SELECT count(*) FROM vault.ghost_readers;

-- a new name has the old counts; a purged secret has none
SET ROLE regress_usage_a;
SELECT vault.rename('app/key', 'app/renamed');
SELECT secret, principal, version, reads FROM vault.usage
	WHERE secret LIKE 'app/%' AND environment = 'default' AND reads > 0 ORDER BY 1, 2, 3;
-- a trigger moves the end of the window into the past
RESET ROLE;
CREATE FUNCTION pg_temp.in_the_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.purge_at := clock_timestamp() - interval '1 second';
	RETURN NEW;
END
$$;
CREATE TRIGGER in_the_past BEFORE UPDATE ON vault_data.secret FOR EACH ROW
	WHEN (NEW.purge_at IS NOT NULL) EXECUTE FUNCTION pg_temp.in_the_past();
SET ROLE regress_usage_a;
SELECT vault.delete('app/other') IS NOT NULL AS deleted;
SELECT count(*) FROM vault.usage WHERE secret = 'app/other';
RESET ROLE;
DROP TRIGGER in_the_past ON vault_data.secret;
SELECT vault.purge() >= 1 AS purged;
SET ROLE regress_usage_a;
SELECT count(*) FROM vault.usage WHERE secret = 'app/other';

RESET ROLE;
SELECT vault.destroy_tenant('usage-a', 'usage-a'), vault.destroy_tenant('usage-b', 'usage-b');
DROP ROLE regress_usage_op, regress_usage_auditor, regress_usage_a, regress_usage_one,
	regress_usage_two, regress_usage_b, regress_usage_nobody;

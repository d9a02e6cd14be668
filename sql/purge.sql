-- purge removes what is past its recovery window, with all its versions, in batches, over all
-- tenants; nothing else.
\set SHOW_CONTEXT never
CREATE ROLE regress_purge_op IN ROLE vault_admin;
CREATE ROLE regress_purge_a;
CREATE ROLE regress_purge_b;
SELECT vault.create_tenant('purge-a', 'regress_purge_a') AS a,
	vault.create_tenant('purge-b', 'regress_purge_b') AS b \gset
SET ROLE regress_purge_a;
SELECT count(vault.put('n' || n, 'x')) + count(vault.put('n' || n, 'y')) AS put
	FROM generate_series(1, 5) AS n;
SELECT count(vault.delete('n' || n)) AS deleted FROM generate_series(1, 4) AS n;
SET ROLE regress_purge_b;
SELECT vault.put('n1', 'x');
SELECT vault.delete('n1') IS NOT NULL AS deleted;

-- within the window nothing goes
SET ROLE regress_purge_op;
SELECT vault.purge();
\set VERBOSITY default
SELECT vault.purge(0);
\set VERBOSITY sqlstate
SELECT vault.purge(-1);
SELECT vault.purge(NULL);
SET ROLE regress_purge_a;
SELECT vault.purge();

-- a superuser moves the end of the window into the past, which the trail shows as an alert: nothing
-- goes for that
RESET ROLE;
BEGIN;
UPDATE vault_data.secret SET purge_at = clock_timestamp() - interval '1 second'
WHERE tenant_id IN (:'a', :'b') AND purge_at IS NOT NULL AND name <> 'n4';
SELECT decision, operation, object_kind, secret, count(*) FROM vault_data.audit_log
WHERE tenant_id IN (:'a', :'b') AND decision = 'alert' GROUP BY 1, 2, 3, 4 ORDER BY 4;
SELECT vault.purge();
ROLLBACK;

-- deletions whose window is over already
CREATE FUNCTION pg_temp.in_the_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.purge_at := clock_timestamp() - interval '1 second';
	RETURN NEW;
END
$$;
CREATE TRIGGER in_the_past BEFORE UPDATE ON vault_data.secret FOR EACH ROW
	WHEN (NEW.purge_at IS NOT NULL) EXECUTE FUNCTION pg_temp.in_the_past();
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER in_the_past;
SET ROLE regress_purge_a;
SELECT count(vault.undelete('n' || n)) AS undeleted FROM generate_series(1, 3) AS n;
SELECT count(vault.delete('n' || n)) AS deleted FROM generate_series(1, 3) AS n;
SET ROLE regress_purge_b;
SELECT vault.undelete('n1');
SELECT vault.delete('n1') IS NOT NULL AS deleted;
RESET ROLE;
DROP TRIGGER in_the_past ON vault_data.secret;
DROP FUNCTION pg_temp.in_the_past();

-- batches, whatever the planner does; then nothing left; not deleted and not yet due stay
SET ROLE regress_purge_op;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_hashagg = off;
SET enable_sort = off;
SET enable_material = off;
SELECT vault.purge(1), vault.purge(2);
SELECT vault.purge(2);
SELECT vault.purge();
RESET ROLE;
SELECT t.name AS tenant, s.name, s.purge_at IS NOT NULL AS deleted,
	(SELECT count(*) FROM vault_data.secret_version v
	WHERE v.tenant_id = s.tenant_id AND v.secret_id = s.id) AS versions
FROM vault_data.secret s JOIN vault_data.tenant t USING (tenant_id) WHERE tenant_id IN (:'a', :'b')
	ORDER BY 1, 2;
SELECT count(*) FROM vault_data.secret_version WHERE tenant_id IN (:'a', :'b');
SELECT decision, operation, secret, role FROM vault_data.audit_log
WHERE tenant_id IN (:'a', :'b') AND operation = 'purge' AND role LIKE 'regress%' ORDER BY tenant,
	secret COLLATE "C";

-- the name is free again, and numbers begin anew under another id
SET ROLE regress_purge_a;
SELECT vault.put('n1', 'z', expected_version => 0);
SELECT vault.undelete('n4');
SELECT vault.get('n4'), vault.get('n5');

RESET ROLE;
SELECT vault.destroy_tenant('purge-a', 'purge-a'), vault.destroy_tenant('purge-b', 'purge-b');
DROP ROLE regress_purge_op, regress_purge_a, regress_purge_b;

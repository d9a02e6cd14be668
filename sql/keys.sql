-- Sealed, nothing works but status and unseal; keys rotate under the values, which read on; retired
-- keys disappear.
\set SHOW_CONTEXT never
CREATE ROLE regress_keys_op IN ROLE vault_admin;
CREATE ROLE regress_keys_a;
CREATE ROLE regress_keys_b;
SET ROLE regress_keys_op;
SELECT vault.create_tenant('keys-a', 'regress_keys_a') IS NOT NULL AS a,
	vault.create_tenant('keys-b', 'regress_keys_b') IS NOT NULL AS b;
SET ROLE regress_keys_a;
SELECT count(vault.put('n' || n, 'value ' || n)) AS put FROM generate_series(1, 10) AS n;
SET ROLE regress_keys_b;
SELECT vault.put('b', 'of b');

-- the first init was the last
SET ROLE regress_keys_op;
SELECT vault.init();
SELECT vault.unseal();
SELECT vault.unseal('vault-share-1-not-a-share');

-- sealed: every public function and view but status, unseal, seal and whoami
CREATE FUNCTION pg_temp.refused() RETURNS TABLE (answer text, calls text) LANGUAGE plpgsql AS $$
DECLARE
	statement text;
	answers jsonb := '{}';
	got text;
BEGIN
	FOR statement IN
		SELECT format('SELECT * FROM %s(%s)', p.oid::regproc,
		(SELECT string_agg('NULL::' || t::regtype, ', ' ORDER BY n) FROM unnest(p.proargtypes)
		WITH ORDINALITY AS u (t, n)))
		FROM pg_proc p WHERE pronamespace = 'vault'::regnamespace
		AND proname NOT IN ('seal', 'unseal', 'status', 'whoami', 'init', 'install_jobs',
		'remove_jobs')
		UNION ALL SELECT format('SELECT * FROM %s', oid::regclass) FROM pg_class
		WHERE relnamespace = 'vault'::regnamespace AND relkind = 'v'
		ORDER BY 1
	LOOP
		BEGIN
			EXECUTE statement;
			got := 'done';
		EXCEPTION WHEN OTHERS THEN
			got := SQLSTATE;
		END;
		answers := answers || jsonb_build_object(got,
		coalesce(answers->>got || ', ', '')
		|| regexp_replace(statement, '.*vault\.("?\w+"?).*', '\1'));
	END LOOP;
	RETURN QUERY SELECT * FROM jsonb_each_text(answers);
END
$$;
SELECT vault.seal();
SELECT sealed, reason FROM vault.status();
RESET ROLE;
SELECT answer, CASE WHEN answer <> 'VT001' THEN calls END AS others FROM pg_temp.refused();
SET ROLE regress_keys_a;
SELECT vault.get('n1');
\set VERBOSITY sqlstate
SELECT vault.put('n1', 'x');
SELECT count(*) FROM vault.secrets;
SELECT sealed FROM vault.status();
SELECT vault.unseal();
SET ROLE regress_keys_op;
SELECT vault.rotate_root_key();
SELECT vault.init();
SELECT vault.seal();
SELECT vault.unseal();
SELECT sealed, reason FROM vault.status();
SET ROLE regress_keys_a;
SELECT vault.get('n1');

-- root key: every tenant key moves under the new one; the old one is retired
SET ROLE regress_keys_op;
SELECT root_key_generation AS before FROM vault.status() \gset
SELECT vault.rotate_root_key();
SELECT root_key_generation > :before AS newer, root_key_generation AS after
	FROM vault.status() \gset
SELECT :'newer' AS newer;
SELECT tenant, generation, root_generation = :after AS under_it, state FROM vault.tenant_keys
	WHERE tenant LIKE 'keys-%' ORDER BY tenant;
SELECT CASE generation WHEN :before THEN 'before' WHEN :after THEN 'after' END AS generation, state
	FROM vault.root_keys WHERE generation >= :before ORDER BY root_keys.generation;
SET ROLE regress_keys_a;
SELECT vault.get('n1');
SET ROLE regress_keys_op;
BEGIN;
SELECT vault.rotate_root_key();
ROLLBACK;
SELECT root_key_generation = :after AS as_before FROM vault.status();
SET ROLE regress_keys_a;
SELECT vault.get('n2');

-- tenant key: new values under the new one, old ones where they are, until rewrapped in batches
SET ROLE regress_keys_op;
SELECT vault.rotate_tenant_key('keys-a');
SELECT tenant, generation, state FROM vault.tenant_keys WHERE tenant LIKE 'keys-%' ORDER BY tenant,
	generation;
SET ROLE regress_keys_a;
SELECT vault.put('new', 'under the new key');
SELECT key_generation, count(*) FROM vault.versions GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE value = 'value ' || substr(name, 2)) AS read
	FROM vault.get_many('n*');
SET ROLE regress_keys_op;
SELECT vault.rewrap(3);
SELECT key_generation, count(*) FROM vault.versions WHERE tenant = 'keys-a' GROUP BY 1 ORDER BY 1;
SELECT vault.rotate_tenant_key('keys-a');
SELECT vault.rewrap(3), vault.rewrap(4);
SELECT generation, state FROM vault.tenant_keys WHERE tenant = 'keys-a' ORDER BY generation;
SELECT vault.rewrap();
SELECT vault.rewrap();
SELECT generation, state FROM vault.tenant_keys WHERE tenant = 'keys-a' ORDER BY generation;
SELECT key_generation, count(*) FROM vault.versions WHERE tenant = 'keys-a' GROUP BY 1;
SET ROLE regress_keys_a;
SELECT count(*) FILTER (WHERE value = 'value ' || substr(name, 2)) AS read
	FROM vault.get_many('n*');
SELECT vault.destroy('n1', 1);
SET ROLE regress_keys_op;
SELECT vault.rotate_tenant_key('keys-a'), vault.rewrap(100), vault.rewrap(100);
SELECT generation, state FROM vault.tenant_keys WHERE tenant = 'keys-a';
SELECT vault.rewrap(0);
SELECT vault.rewrap(NULL);
SELECT operation, reason FROM vault.audit
	WHERE tenant_id = (SELECT id FROM vault.tenants WHERE name = 'keys-a' AND state <> 'destroyed')
	AND operation = 'rewrap' AND object_kind IS NULL ORDER BY id;

RESET ROLE;
SELECT vault.destroy_tenant('keys-a', 'keys-a'), vault.destroy_tenant('keys-b', 'keys-b');
DROP FUNCTION pg_temp.refused();
DROP ROLE regress_keys_op, regress_keys_a, regress_keys_b;

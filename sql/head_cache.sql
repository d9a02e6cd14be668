-- a read never trusts the place where it found a secret before: not when another row is there, nor
-- when nothing is.
\set SHOW_CONTEXT never
CREATE ROLE regress_places_op IN ROLE vault_admin;
CREATE ROLE regress_head_p;
CREATE ROLE regress_head_q;
SELECT count(vault.create_tenant(t, 'regress_' || t)) AS made
	FROM unnest(ARRAY['head_p', 'head_q']) AS t;
SELECT tenant_id AS p FROM vault_data.tenant WHERE name = 'head_p' \gset

-- space that other tests have left free would be used first
VACUUM FULL vault_data.secret;
-- secrets of one tenant are found, and leave their places to those of another, which have the same
-- names
SET ROLE regress_head_p;
SELECT count(vault.put('same', 'p' || n, environment => 'e' || n)) AS put
	FROM generate_series(1, 200) AS n;
SELECT count(*) AS found FROM generate_series(1, 200) AS n
	WHERE vault.get('same', environment => 'e' || n) = 'p' || n;
RESET ROLE;
CREATE TEMPORARY TABLE places AS SELECT ctid AS place FROM vault_data.secret WHERE tenant_id = :'p';
SET ROLE regress_head_p;
SELECT count(vault.rename('same', 'moved', environment => 'e' || n)) AS renamed
	FROM generate_series(1, 200) AS n;
RESET ROLE;
-- VACUUM would keep rows that an earlier transaction may still see
DO $$
BEGIN
	FOR n IN 1 .. 600 LOOP
		PERFORM pg_stat_clear_snapshot();
		EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity
		WHERE datname = current_database() AND xact_start < now());
		PERFORM pg_sleep(0.1);
	END LOOP;
END
$$;
VACUUM vault_data.secret;
SET ROLE regress_head_q;
SELECT count(vault.put('same', 'q' || n, environment => 'e' || n)) AS put
	FROM generate_series(1, 200) AS n;
RESET ROLE;
SELECT count(*) > 50 AS taken_over FROM vault_data.secret s JOIN places p ON s.ctid = p.place
	WHERE tenant_id <> :'p';
SET ROLE regress_head_p;
DO $$
DECLARE
	value text;
	wrong int := 0;
BEGIN
	FOR n IN 1 .. 200 LOOP
		BEGIN
			value := vault.get('same', environment => 'e' || n);
			wrong := wrong + 1;
		EXCEPTION WHEN SQLSTATE 'VT005' THEN
			NULL;
		END;
	END LOOP;
	RAISE NOTICE '% secrets where none is', wrong;
END
$$;
SELECT count(*) AS found FROM generate_series(1, 200) AS n
	WHERE vault.get('moved', environment => 'e' || n) = 'p' || n;
SET ROLE regress_head_q;
SELECT count(*) AS found FROM generate_series(1, 200) AS n
	WHERE vault.get('same', environment => 'e' || n) = 'q' || n;

-- the table ends before the place
SELECT count(vault.put('bulk/n' || n, 'x')) AS put FROM generate_series(1, 400) AS n;
SET ROLE regress_head_p;
SELECT vault.put('end', 'p end');
SELECT vault.get('end');
RESET ROLE;
SELECT (ctid::text::point)[0] * current_setting('block_size')::int AS place FROM vault_data.secret
	WHERE tenant_id = :'p' AND name = 'end' \gset
CREATE FUNCTION pg_temp.in_the_past() RETURNS trigger
	LANGUAGE plpgsql AS $$ BEGIN NEW.purge_at := clock_timestamp() - interval '1 second';
	RETURN NEW; END $$;
CREATE TRIGGER in_the_past BEFORE UPDATE ON vault_data.secret FOR EACH ROW
	WHEN (NEW.purge_at IS NOT NULL) EXECUTE FUNCTION pg_temp.in_the_past();
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER in_the_past;
SET ROLE regress_head_p;
SELECT vault.delete('end') IS NOT NULL AS deleted;
RESET ROLE;
DROP TRIGGER in_the_past ON vault_data.secret;
DROP FUNCTION pg_temp.in_the_past();
SET ROLE regress_places_op;
SELECT vault.purge() AS purged;
SELECT vault.destroy_tenant('head_q', 'head_q');
RESET ROLE;
-- as often as it takes until no other session's snapshot is in the way
SELECT CASE n % 2 WHEN 0 THEN 'VACUUM vault_data.secret'
	ELSE 'DO $$ BEGIN PERFORM pg_sleep(0.2); END $$' END FROM generate_series(1, 30) AS n \gexec
SELECT pg_relation_size('vault_data.secret') <= :place AS is_shorter;
SET ROLE regress_head_p;
SELECT vault.get('end');

-- a change of the same transaction is seen, and its rollback
BEGIN;
SELECT vault.put('moved', 'new', environment => 'e1'), vault.get('moved', environment => 'e1');
SELECT vault.rename('moved', 'again', environment => 'e1');
SELECT vault.get('again', environment => 'e1');
ROLLBACK;
SELECT vault.get('moved', environment => 'e1');
SELECT vault.get('again', environment => 'e1');

RESET ROLE;
DROP TABLE places;
SELECT vault.destroy_tenant('head_p', 'head_p');
DROP ROLE regress_places_op, regress_head_p, regress_head_q;

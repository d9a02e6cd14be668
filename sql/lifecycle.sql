-- Deleted, deactivated, expired: each stops reads with its own SQLSTATE and is undone by its own
-- call.
\set SHOW_CONTEXT never
CREATE ROLE regress_lifecycle_admin;
SELECT vault.create_tenant('lifecycle', 'regress_lifecycle_admin') IS NOT NULL AS made;
SET ROLE regress_lifecycle_admin;
SELECT vault.put('key', 'one'), vault.put('key', 'two');
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
CREATE FUNCTION pg_temp.message(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLERRM || ' hint: ' || hint;
END
$$;
CREATE FUNCTION pg_temp.all_calls() RETURNS TABLE (call text, answer text) LANGUAGE plpgsql AS $$
BEGIN
	FOR call IN VALUES ('get(''key'')'), ('get(''key'', 1)'), ('get_bytes(''key'')'),
	('put(''key'', ''x'')'), ('put(''key'', ''x'', label => ''pending'')'),
	('put(''key'', ''x'', expected_version => 0)'), ('rotate(''key'', ''x'')'),
		('rollback(''key'', 1)'), ('describe(''key'')'), ('tag(''key'', ''{"a": "b"}'')'),
		('rename(''key'', ''new'')'), ('deactivate(''key'', ''why'')'),
		('reactivate(''key'', ''why'')'), ('undelete(''key'')'), ('delete(''key'')')
	LOOP
		BEGIN
			answer := pg_temp.try('SELECT vault.' || call);
			RAISE EXCEPTION 'undo';
		EXCEPTION WHEN raise_exception THEN
		END;
		RETURN NEXT;
	END LOOP;
END
$$;

-- active
SELECT * FROM pg_temp.all_calls();

-- deleted: recoverable for the tenant's window, and its name stays taken
SELECT until > now() + '29 days 23 hours' AND until <= clock_timestamp() + '30 days' AS window
	FROM vault.delete('key') AS until;
SELECT name, state, deleted_at IS NOT NULL AS deleted,
	purge_at - deleted_at BETWEEN '29 days 23:59' AND '30 days 00:01' AS window FROM vault.secrets;
SELECT name, state FROM vault.list();
SELECT * FROM pg_temp.all_calls();
SELECT regexp_replace(pg_temp.message('SELECT vault.get(''key'')'), 'until .* hint',
	'until (when) hint') AS get,
	regexp_replace(pg_temp.message('SELECT vault.tag(''key'', ''{}'')'), 'until .* hint',
	'until (when) hint') AS tag;
SELECT vault.undelete('key');
SELECT vault.get('key');
SELECT vault.undelete('key');
SELECT vault.set_recovery_window('7 days');
SELECT until > now() + '6 days 23 hours' AND until <= clock_timestamp() + '7 days' AS window
	FROM vault.delete('key') AS until;
-- one version of a deleted secret can still be destroyed
SELECT vault.destroy('key', 1);
SELECT vault.undelete('key');

-- deactivated, with a reason for the trail
SELECT vault.deactivate('key', ' ');
SELECT vault.deactivate('key', 'leaked in a log');
SELECT state FROM vault.secrets;
SELECT * FROM pg_temp.all_calls();
SELECT vault.get('key');
SELECT vault.put('key', 'x');
SELECT count(*) FROM vault.get_many('**');
SELECT vault.deactivate('key', 'again');
SELECT vault.reactivate('key', 'it was another');
SELECT vault.reactivate('key', 'again');
\set VERBOSITY sqlstate
SELECT vault.deactivate('key', NULL), vault.deactivate('key', repeat('x', 256));
SELECT vault.deactivate('key', repeat('x', 256));
SELECT vault.deactivate('absent', 'why');
SELECT vault.get('key');
SELECT operation, reason FROM vault.audit
	WHERE operation IN ('deactivate', 'reactivate') AND decision = 'allow' ORDER BY id;

-- deactivated, then deleted and undeleted: still deactivated
SELECT vault.deactivate('key', 'incident');
SELECT vault.delete('key') IS NOT NULL AS deleted;
SELECT vault.get('key');
SELECT vault.undelete('key');
SELECT vault.get('key');
SELECT state FROM vault.secrets;

-- expired: deletion and deactivation come first, and a new value ends it
SELECT vault.put('short', 'x', expires_at => clock_timestamp() + '2 seconds');
SELECT vault.put('short', 'y', label => 'pending');
SELECT pg_sleep(2.1);
SELECT vault.get('short');
SELECT vault.deactivate('short', 'test');
SELECT vault.get('short');
SELECT vault.delete('short') IS NOT NULL AS deleted;
SELECT vault.get('short');
SELECT vault.undelete('short');
SELECT vault.get('short');
SELECT vault.reactivate('short', 'test');
SELECT vault.get('short');
SELECT vault.rotate('short', 'z');
SELECT vault.get('short');

-- the window is over: gone for undelete too, though not purged yet
SELECT vault.put('late', 'x');
RESET ROLE;
CREATE FUNCTION pg_temp.in_the_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.purge_at := clock_timestamp() - interval '1 second';
	RETURN NEW;
END
$$;
CREATE TRIGGER in_the_past BEFORE UPDATE ON vault_data.secret FOR EACH ROW
	WHEN (NEW.name = 'late') EXECUTE FUNCTION pg_temp.in_the_past();
ALTER TABLE vault_data.secret ENABLE ALWAYS TRIGGER in_the_past;
SET ROLE regress_lifecycle_admin;
SELECT vault.delete('late') IS NOT NULL AS deleted;
RESET ROLE;
DROP TRIGGER in_the_past ON vault_data.secret;
DROP FUNCTION pg_temp.in_the_past();
SET ROLE regress_lifecycle_admin;
SELECT vault.undelete('late');

RESET ROLE;
SELECT vault.destroy_tenant('lifecycle', 'lifecycle');
DROP FUNCTION pg_temp.all_calls(), pg_temp.try(text), pg_temp.message(text);
DROP ROLE regress_lifecycle_admin;

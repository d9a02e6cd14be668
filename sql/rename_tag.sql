-- rename asks for all that doing it by hand would ask; tags merge, and null takes one away.
\set SHOW_CONTEXT never
CREATE ROLE regress_rename_admin;
CREATE ROLE regress_rename_app;
SELECT vault.create_tenant('rename', 'regress_rename_admin') IS NOT NULL AS made;
SET ROLE regress_rename_admin;
SELECT vault.create_principal('app', db_role => 'regress_rename_app') IS NOT NULL AS made;
SELECT vault.put('old/key', 'one'), vault.put('old/key', 'two'), vault.put('taken', 'x'),
	vault.put('old/key', 'prod', environment => 'prod');
SELECT id AS secret_id FROM vault.secrets WHERE name = 'old/key' AND environment = 'default' \gset

-- the same secret under another name, with its versions; other environments stay
SELECT vault.rename('old/key', 'new/key');
SELECT id = :'secret_id' AS same FROM vault.secrets WHERE name = 'new/key';
SELECT vault.get('new/key'), vault.get('new/key', 1), vault.get('old/key', environment => 'prod');
SELECT vault.get('old/key');
SELECT vault.rename('new/key', 'taken');
SELECT vault.rename('absent', 'other');
\set VERBOSITY sqlstate
SELECT vault.rename('new/key', 'new/key');
SELECT vault.rename('new/key', NULL);
SELECT vault.rename(NULL, 'other');
SELECT vault.rename('new/key', 'a b');
SELECT vault.delete('taken') IS NOT NULL AS deleted;
SELECT vault.rename('new/key', 'taken');
SELECT vault.rename('taken', 'free');
SELECT vault.put('old/key', 'the name is free');

-- each permission that is missing, on the old name and on the new
CREATE FUNCTION pg_temp.try(old_permissions text[], new_permissions text[]) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	answer text := 'renamed';
BEGIN
	SET LOCAL ROLE regress_rename_admin;
	IF cardinality(old_permissions) > 0 THEN
		PERFORM vault."grant"('app', old_permissions, 'new/*');
	END IF;
	IF cardinality(new_permissions) > 0 THEN
		PERFORM vault."grant"('app', new_permissions, 'app/*');
	END IF;
	BEGIN
		SET LOCAL ROLE regress_rename_app;
		PERFORM vault.rename('new/key', 'app/key');
	EXCEPTION WHEN OTHERS THEN
		answer := SQLSTATE || ' ' || SQLERRM;
	END;
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	RETURN answer;
END
$$;
RESET ROLE;
SELECT old, new, pg_temp.try(old, new)
	FROM (VALUES ('{read,write,delete}'::text[], '{write}'::text[]), ('{write,delete}', '{write}'),
	('{read,delete}', '{write}'), ('{read,write}', '{write}'),
	('{read,write,delete}', '{read,delete,rotate,list,grant}'),
	('{read,write,delete}', '{}'), ('{}', '{write}')) AS permissions (old, new);

-- tags
SET ROLE regress_rename_admin;
SELECT vault.tag('new/key', '{"team": "payments", "tier": "1"}');
SELECT vault.tag('new/key', '{"tier": "2", "owner": "me"}');
SELECT vault.tag('new/key', '{"tier": null, "absent": null}');
SELECT vault.tag('new/key', '{}');
SELECT tags FROM vault.secrets WHERE name = 'new/key';
\set VERBOSITY default
SELECT vault.tag('new/key', '[1]');
SELECT vault.tag('new/key', '{"a": 1}');
\set VERBOSITY sqlstate
SELECT vault.tag('new/key', NULL);
SELECT vault.tag('new/key', 'null');
SELECT vault.tag('new/key', '{"a": {}}');
SELECT vault.tag('new/key', jsonb_build_object('a', repeat('x', 9000)));
SELECT vault.tag('new/key', (SELECT jsonb_object_agg('tag' || n, '')
	FROM generate_series(1, 63) AS n));
SELECT vault.tag('absent', '{}');
SELECT vault.tag('taken', '{}');
SELECT tags FROM vault.secrets WHERE name = 'new/key';
SELECT current_version FROM vault.secrets WHERE name = 'new/key';

RESET ROLE;
SELECT vault.destroy_tenant('rename', 'rename');
DROP FUNCTION pg_temp.try(text[], text[]);
DROP ROLE regress_rename_admin, regress_rename_app;

-- Statements that use the vault are not shown to others: activity, prepared statements, errors; and
-- who may change that.
CREATE ROLE regress_redaction_app LOGIN;
SELECT vault.create_tenant('redaction', 'regress_redaction_app') IS NOT NULL AS created;
CREATE FUNCTION activity() RETURNS text LANGUAGE sql SECURITY DEFINER
	RETURN (SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid());
CREATE FUNCTION keep(value text) RETURNS int
	LANGUAGE plpgsql AS $$ BEGIN RETURN vault.put('redaction', value); END $$;
CREATE FUNCTION keep_too(value text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN keep(value);
	END $$;
CREATE FUNCTION unrelated(value text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN activity();
	END $$;
SET ROLE regress_redaction_app;

-- a plain statement is shown, one that uses the vault is not
SELECT 'plain' AS value, activity();
SELECT activity(), vault.put('redaction', 'hush') AS version;
SELECT activity(), "vault" /* x */ . "put" ('redaction', 'hush') AS version;
SELECT unrelated('plain');
SELECT activity(), keep('hush') AS version;
SELECT activity(), keep_too('hush') AS version;
SELECT activity(), U&"v\0061ult".put('redaction', 'hush') AS version;
SELECT activity() FROM vault.secrets WHERE name = 'redaction';

-- prepared, by name
PREPARE keeping (text) AS SELECT activity(), vault.put('redaction', $1) AS version;
PREPARE wrapped (text) AS SELECT activity(), keep_too($1) AS version;
PREPARE innocent (text) AS SELECT $1 AS value, activity();
EXECUTE keeping('hush');
EXECUTE "wrapped"('hush');
EXECUTE innocent('plain');
DEALLOCATE ALL;

-- a function that comes to use the vault is noticed, and one that no longer does
RESET ROLE;
CREATE OR REPLACE FUNCTION unrelated(value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN activity() || ' ' || keep_too(value);
END $$;
SET ROLE regress_redaction_app;
SELECT unrelated('hush');
RESET ROLE;
CREATE OR REPLACE FUNCTION unrelated(value text) RETURNS text
	LANGUAGE plpgsql AS $$ BEGIN RETURN activity(); END $$;
SET ROLE regress_redaction_app;
SELECT unrelated('plain');

-- functions that call each other
RESET ROLE;
CREATE FUNCTION ping(value text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION pong(value text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN ping(value);
	END $$;
CREATE OR REPLACE FUNCTION ping(value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF value = 'never' THEN RETURN pong(value) || keep(value); END IF;
	RETURN activity();
END $$;
SET ROLE regress_redaction_app;
SELECT pong('hush');
SELECT ping('hush');

-- errors: the literal is gone, what is ours and what is known to be harmless stays
SELECT vault.put('redaction', '{"hush": hush}'::jsonb);
SELECT vault.put('redaction', 'x', expected_version => 'hush');
SELECT vault.put('redaction', "hush");
SELECT vault.put('redaction', 'a' 'hush');
SELECT vault.put('redaction', 'hush'), 1 / 0;
SELECT vault.no_such('hush');
SELECT vault.put('not//a/name', 'hush');
DO $$ BEGIN PERFORM vault.put('redaction', 'hush');
	RAISE EXCEPTION 'own words' USING DETAIL = 'hush', HINT = 'own hint'; END $$;
SELECT 'plain'::int;

-- with strict, all that the session does
RESET ROLE;
SET vault.redaction = strict;
SELECT 'plain' AS value, activity();
SELECT 'plain'::int;
SET vault.redaction = standard;
SELECT 'plain' AS value, activity();

-- the superuser decides
SET vault.redaction = off;
SET ROLE regress_redaction_app;
SET vault.redaction = strict;
RESET ROLE;
RESET vault.redaction;

-- the parts of a message that hold no value stay: types, encodings, commands, names of vault; and
-- a hint replaces the text that is gone
SET ROLE regress_redaction_app;
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT vault.grant('api', '{read}', 'hush/**', environments => 'hush');
SELECT vault.put('redaction', 'hush', expected_version => 'hush');
SELECT vault.put('redaction', '\x68757368'::bytea::text::json);
SELECT vault.put('redaction', convert_from('\xff', 'UTF8'));
SELECT vault.put('redaction', 'hush', expires_at => 'integer');
SELECT vault.put('redaction', 'hush' || 1, tags => true) FROM vault.secretz;
SELECT vault.put('redaction', 'hush') WHERE 'text'::text;
SELECT vault.put('redaction', "hush");
BEGIN READ ONLY;
SELECT vault.put('redaction', 'hush');
ROLLBACK;
BEGIN READ ONLY;
SELECT vault.get('redaction') IS NOT NULL AS reads_work, vault.put('redaction', 'hush');
ROLLBACK;
SELECT vault.import_policy('{"format": "vault-policy-v1", "roles": ["hush", "hush"]}');
SELECT
	vault.import_policy(
	'{"format": "vault-policy-v1", "principals": [{"name": "hush", "kind": "user"}, '
	'{"name": "hush", "kind": "user"}]}');
-- values that look like what may stay, or that hold the text between arguments
SELECT vault.put('redaction', 'x', expected_version => 'hush": "hush');
SELECT vault.put('redaction', 'x', expected_version => 'integer: "hush"');
SELECT vault.put('redaction', ('hush", "%s')::numeric::text);
-- an error that the vault passes on has its text too, without a value
RESET ROLE;
CREATE FUNCTION regress_redaction_raise(value text, code text) RETURNS void
	LANGUAGE plpgsql AS $$ BEGIN PERFORM vault.whoami();
	RAISE EXCEPTION 'it is %', value USING ERRCODE = code; END $$;
SET ROLE regress_redaction_app;
SELECT regress_redaction_raise('own', '42501');
RESET ROLE;
SET vault.redaction = strict;
SET ROLE regress_redaction_app;
SELECT regress_redaction_raise('hush', '42501');
SELECT regress_redaction_raise('hush', '53000');
SELECT regress_redaction_raise('hush', '25006');
RESET ROLE;
RESET vault.redaction;
DROP FUNCTION regress_redaction_raise;
DROP FUNCTION activity, keep, keep_too, unrelated, ping, pong CASCADE;
SELECT vault.destroy_tenant('redaction', 'redaction');
DROP ROLE regress_redaction_app;

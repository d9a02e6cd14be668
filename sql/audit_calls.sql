-- Every call of a public function is in the trail, whatever becomes of it and of its transaction:
-- who, what was asked, and what was decided; and nothing of the value.
\set SHOW_CONTEXT never
\set VERBOSITY sqlstate
CREATE ROLE regress_calls_op IN ROLE vault_admin;
CREATE ROLE regress_calls_admin;
CREATE ROLE regress_calls_app;
CREATE ROLE regress_calls_other;
CREATE ROLE regress_calls_super SUPERUSER;
CREATE ROLE regress_calls_nobody IN ROLE vault_client;
SELECT vault.create_tenant('calls-a', 'regress_calls_admin') AS a,
	vault.create_tenant('calls-b', 'regress_calls_other') AS b \gset

-- The ring is a queue: once a later record is on disk, all before it are.
CREATE FUNCTION pg_temp.all_told() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	request text := current_setting('vault.request_id');
BEGIN
	PERFORM set_config('vault.request_id', 'last', false);
	PERFORM vault.rewrap(1);
	PERFORM set_config('vault.request_id', request, false);
	RETURN true;
END
$$;
\set trail 'SELECT pg_temp.all_told() \\g /dev/null \\\\ SELECT tenant, principal, role, operation, decision, secret, environment, version, regexp_replace(reason, ''until .*'', ''until …'') AS reason FROM vault_data.audit_log WHERE request_id = current_setting(''vault.request_id'') ORDER BY at, id'

-- each function, called with NULLs by each kind of caller: one row of that operation, or as many as
-- there were changes
CREATE TEMP TABLE call (id text PRIMARY KEY, signature regprocedure, operation name, caller text,
	state text);
CREATE PROCEDURE pg_temp.call_all(caller text) LANGUAGE plpgsql AS $$
DECLARE
	f record;
	request text;
	state text;
BEGIN
	-- current_tenant_id() is what row security asks for each query: no entry point
	FOR f IN SELECT p.oid, proname, array_to_string(ARRAY(SELECT 'NULL::' || format_type(t, NULL)
	FROM unnest(proargtypes) AS t), ', ') AS arguments
		FROM pg_proc AS p WHERE pronamespace = 'vault'::regnamespace
		AND proname <> 'current_tenant_id' ORDER BY oid
	LOOP
		request := format('%s:%s', caller, f.oid);
		state := '00000';
		PERFORM set_config('vault.request_id', request, false), set_config('role', caller, false);
		BEGIN
			EXECUTE format('SELECT FROM vault.%I(%s)', f.proname, f.arguments);
		EXCEPTION WHEN OTHERS THEN
			state := SQLSTATE;
		END;
		PERFORM set_config('role', 'none', false);
		INSERT INTO call VALUES (request, f.oid, f.proname, caller, state);
		IF f.proname = 'seal' THEN
			PERFORM set_config('vault.request_id', '', false), vault.unseal();
		ELSIF f.proname = 'remove_jobs' THEN
			PERFORM set_config('vault.request_id', '', false), vault.install_jobs();
			UPDATE cron.job SET schedule = '0 0 31 2 *' WHERE username = 'vault_jobs';
		END IF;
	END LOOP;
	PERFORM set_config('vault.request_id', '', false);
END
$$;
CALL pg_temp.call_all('regress_calls_admin');
CALL pg_temp.call_all('regress_calls_op');
CALL pg_temp.call_all('regress_calls_super');
CALL pg_temp.call_all('regress_calls_nobody');
SELECT pg_temp.all_told();
-- A caller without EXECUTE on the function never reaches the entry: that is the one case without
-- a row.
CREATE TEMP VIEW expected AS SELECT c.*, CASE WHEN state = '00000' THEN 'allow'
	WHEN state IN ('42501', 'VT010', 'VT014') THEN 'deny' ELSE 'error' END AS decision,
	has_function_privilege(caller, signature, 'EXECUTE') AS may_execute FROM call AS c;
SELECT e.signature, e.caller, e.state, array_agg(r.decision ORDER BY r.id) AS rows,
	array_agg(DISTINCT r.operation) AS operations
FROM expected AS e LEFT JOIN vault_data.audit_log AS r ON r.request_id = e.id
GROUP BY e.id, e.signature, e.operation, e.caller, e.state, e.decision, e.may_execute
HAVING coalesce(CASE WHEN e.state = '00000'
	THEN array_agg(DISTINCT r.decision) FILTER (WHERE r.id IS NOT NULL)
	ELSE array_agg(r.decision ORDER BY r.id) FILTER (WHERE r.id IS NOT NULL) END, '{}') <>
	CASE WHEN NOT may_execute THEN '{}'::text[]
		WHEN e.decision = 'deny' AND caller = 'regress_calls_super' THEN ARRAY['deny', 'alert']
		ELSE ARRAY[e.decision] END
	OR bool_or(r.operation <> e.operation OR r.role <> e.caller
	OR (e.state <> '00000' AND r.decision <> 'alert'
	AND starts_with(r.reason, e.state) IS NOT TRUE));
SELECT count(DISTINCT signature) =
	(SELECT count(*) - 1 FROM pg_proc WHERE pronamespace = 'vault'::regnamespace) AS all_called
	FROM call;
SELECT caller, count(*) FILTER (WHERE state = '00000') > 0 AS some_allowed,
	count(*) FILTER (WHERE may_execute AND state <> '00000') > 10 AS many_refused FROM expected
	GROUP BY caller ORDER BY caller;

-- a read: who and from where, and what allowed it
SET ROLE regress_calls_admin;
SELECT vault.create_principal('app', db_role => 'regress_calls_app') IS NOT NULL AS made;
SELECT vault."grant"('app', '{read,write,delete,list}', 'app/**') AS given \gset
SELECT vault.put('app/key', 'canary-3c1e', description => 'canary-3c1e',
	tags => '{"canary": "canary-3c1e"}'), vault.put('app/key', 'canary-3c1e'),
	vault.put('app/json', '{"canary": "canary-3c1e"}'::jsonb),
	vault.put('app/bytes', '\x00'::bytea),
	vault.put('app/key', 'canary-3c1e', environment => 'prod'), vault.put('private', 'canary-3c1e');
SET vault.request_id = 'reads';
SET ROLE regress_calls_app;
SELECT length(vault.get('app/key')), length(vault.get('app/key', 1)),
	length(vault.get('app/key', environment => 'prod')),
	vault.get_json('app/json') IS NOT NULL AS json, vault.get_bytes('app/bytes');
SELECT name, version FROM vault.get_many('app/*');
SELECT count(*) FROM vault.get_many('nothing/**', 'prod');
SELECT count(*) FROM vault.list(), vault.describe('app/key');
RESET ROLE;
:trail;
SELECT bool_and(grant_id = :'given') FILTER
	(WHERE operation LIKE 'get%' AND version > 0) AS grant_id,
	bool_and(object_kind = 'secret' AND object_id IS NOT NULL) FILTER
	(WHERE operation LIKE 'get%' AND version > 0) AS object,
	bool_and(at BETWEEN now() - interval '1 hour' AND clock_timestamp() AND NOT tls
	AND address IS NULL AND port IS NULL) AS connection,
	bool_and(authenticated_role = session_user AND session_role = session_user) AS roles,
	bool_and(application_name = current_setting('application_name')) AS application,
	count(DISTINCT id) = count(*) AS ids_differ, bool_and(xid IS NOT NULL) AS xid,
	bool_and(mac IS NULL) OR bool_and(length(mac) = 32) AS mac
FROM vault_data.audit_log WHERE request_id = 'reads';

-- roles: the one that counts, the session's, and the one that logged in
SET vault.request_id = 'roles';
SET SESSION AUTHORIZATION regress_calls_super;
SET ROLE regress_calls_app;
SELECT length(vault.get('app/key'));
RESET ROLE;
SELECT vault.get('app/key');
SET SESSION AUTHORIZATION regress_calls_app;
SELECT length(vault.get('app/key'));
CREATE FUNCTION pg_temp.as_definer() RETURNS text
	LANGUAGE sql SECURITY DEFINER AS $$ SELECT vault.get('app/key') $$;
SET SESSION AUTHORIZATION regress_calls_nobody;
SELECT length(pg_temp.as_definer());
RESET SESSION AUTHORIZATION;
SELECT pg_temp.all_told() \g /dev/null
SELECT operation, decision, principal, role, session_role,
	authenticated_role = session_user AS authenticated, reason FROM vault_data.audit_log
	WHERE request_id = 'roles' ORDER BY at, id;

-- a refusal or a failure leaves one row with the request
SET ROLE regress_calls_app;
SELECT vault.put('app/expired', 'x', expires_at => clock_timestamp() + '2 seconds'),
	vault.put('app/off', 'x'), vault.put('app/gone', 'x'), vault.put('app/version', 'x');
SELECT pg_sleep(2.1);
SELECT vault.deactivate('app/off', 'x'), vault.delete('app/gone') IS NOT NULL AS deleted;
SET vault.request_id = 'refused';
SELECT vault.get('private');
SELECT vault.get('no/such', 7, 'prod');
SELECT vault.get('app/no-such');
SELECT vault.get('app/expired');
SELECT vault.get('app/off');
SELECT vault.get('app/gone');
SELECT vault.get('app/version', 99);
SELECT vault.get('app/version', -1);
SELECT vault.get('a b');
SELECT vault.get(NULL);
SELECT vault.get('app/key', environment => 'a/b');
SELECT vault.get('app/bytes');
SELECT vault.get_json('app/key');
SELECT * FROM vault.get_many('a**b');
SELECT vault.put('private', 'canary-3c1e');
SELECT vault.delete('private'), vault.delete('app/key');
SELECT vault.create_principal('someone');
SELECT count(*) FROM vault.explain_access('app', 'read', 'private');
RESET ROLE;
:trail;
-- in another tenant there is nothing to ask for, and its trail does not tell
SET vault.request_id = 'elsewhere';
SET ROLE regress_calls_other;
SELECT vault.get('app/key');
SET ROLE regress_calls_op;
SELECT vault.suspend_tenant('calls-b');
SET ROLE regress_calls_other;
SELECT vault.get('app/key');
SET ROLE regress_calls_op;
SELECT vault.resume_tenant('calls-b');
RESET ROLE;
:trail;

-- in every end of the transaction
SET vault.request_id = 'undone';
SET ROLE regress_calls_app;
BEGIN;
SELECT length(vault.get('app/key')) AS in_rollback;
SELECT vault.put('app/undone', 'canary-3c1e');
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT vault.put('app/in-savepoint', 'x'), length(vault.get('app/key', 1));
ROLLBACK TO s;
SELECT vault.put('app/kept', 'x');
SAVEPOINT t;
SELECT vault.put('app/released', 'x');
RELEASE t;
COMMIT;
BEGIN READ ONLY;
SELECT length(vault.get('app/key')) AS read_only;
SELECT vault.put('app/read-only', 'x');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT length(vault.get('app/key')) AS serializable;
COMMIT;
CREATE FUNCTION pg_temp.fails_after_reading() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM vault.get('app/key', 2);
	RAISE division_by_zero;
END
$$;
SELECT pg_temp.fails_after_reading();
DO $$
BEGIN
	FOR i IN 1..3 LOOP
		BEGIN
			PERFORM vault.get('private');
		EXCEPTION WHEN insufficient_privilege THEN
			NULL;
		END;
	END LOOP;
	BEGIN
		PERFORM vault.put('app/in-block', 'x');
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
		NULL;
	END;
END
$$;
SELECT length(vault.get('app/key')) / 0;
RESET ROLE;
:trail;
-- a prepared transaction could be rolled back later by any session: a change cannot be prepared,
-- a read is in the trail already
SET vault.request_id = 'prepared';
SET ROLE regress_calls_app;
BEGIN;
SELECT vault.put('app/prepared', 'x');
PREPARE TRANSACTION 'regress_calls';
BEGIN;
SELECT length(vault.get('app/key'));
PREPARE TRANSACTION 'regress_calls';
ROLLBACK PREPARED 'regress_calls';
RESET ROLE;
BEGIN;
ALTER ROLE regress_calls_app SET vault.audit_mode = queued;
PREPARE TRANSACTION 'regress_calls';
BEGIN;
ALTER ROLE regress_calls_app SET work_mem = '8MB';
PREPARE TRANSACTION 'regress_calls';
ROLLBACK PREPARED 'regress_calls';
:trail;
-- many at once: none is hidden by the others
SET vault.request_id = 'many';
SET ROLE regress_calls_app;
BEGIN;
SELECT count(vault.put('app/many/' || i, 'x')) FROM generate_series(1, 300) AS i;
ROLLBACK;
SELECT vault.put('app/many/' || i, repeat('canary-3c1e', 1000)),
	vault.put('app/many/' || i, 'x', expected_version => 9) FROM generate_series(1, 300) AS i;
RESET ROLE;
SELECT pg_temp.all_told() \g /dev/null
SELECT operation, decision, reason, count(*), min(secret) FROM vault_data.audit_log
	WHERE request_id = 'many' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- texts of the client are kept as they are, in one row; what is too long is cut between characters
SET vault.request_id = 'texts';
SET ROLE regress_calls_app;
SELECT vault.get(E'x\ny|z]"\'\\ user=dba\u202e,\u2028');
SELECT vault.get(repeat('ä', 300));
SELECT vault.get('app/key', environment => repeat('€', 30));
SELECT vault.get(repeat('x', 1000000));
SET vault.request_id = E'a\nb';
SET vault.request_id = 'a|b';
SHOW vault.request_id;
SET application_name = E'x\ny|z]\u202e';
SELECT current_setting('application_name') AS shown \gset
SELECT length(vault.get('app/key'));
RESET application_name;
RESET ROLE;
SELECT translate(to_jsonb(secret)::text, E'\u202e\u2028', '><') AS secret, char_length(secret),
	octet_length(secret), environment, octet_length(reason) < 400 AS short FROM vault_data.audit_log
	WHERE request_id = 'texts' AND decision <> 'allow' ORDER BY at, id;
SELECT application_name = :'shown' AS as_shown, application_name ~ '^[ -~]+$' AS printable
	FROM vault_data.audit_log WHERE request_id = 'texts' AND decision = 'allow';
SET vault.request_id = 'names';
SET ROLE regress_calls_op;
SELECT vault.suspend_tenant(E'x\ny|' || repeat('ö', 200));
RESET ROLE;
SELECT to_jsonb(left(reason, 50)) AS reason, reason LIKE '%öö' AS ends_with_a_character,
	octet_length(reason) FROM vault_data.audit_log WHERE request_id = 'names';

-- no value, description or tag anywhere, nor any part of one
SELECT count(*) FROM vault_data.audit_log AS r
	WHERE r::text LIKE '%canary-3c1e%' OR r::text LIKE '%' || encode('canary-3c1e', 'hex') || '%'
	OR r::text LIKE '%' || left(encode('canary-3c1e', 'base64'), 14) || '%';
SELECT count(*) > 100 AS rows, count(*) FILTER (WHERE secret = 'app/key') > 10 AS of_the_secret
	FROM vault_data.audit_log WHERE tenant_id = :'a';

RESET vault.request_id;
SELECT vault.destroy_tenant('calls-a', 'calls-a'), vault.destroy_tenant('calls-b', 'calls-b');
DROP FUNCTION pg_temp.as_definer(), pg_temp.fails_after_reading();
DROP ROLE regress_calls_op, regress_calls_admin, regress_calls_app, regress_calls_other,
	regress_calls_super, regress_calls_nobody;

-- Functions as rotators: an error that they raise is not believed, and they see nothing of the
-- vault. The trail names the function that is given a value. No target outside of the transaction
-- has a value that the vault has lost.
\set SHOW_CONTEXT never
CREATE ROLE regress_rfn_admin;
CREATE ROLE regress_rfn_owner;
CREATE ROLE regress_rfn_other;
SELECT vault.create_tenant('rfn-a', 'regress_rfn_admin') AS a,
	vault.create_tenant('rfn-b', 'regress_rfn_other') AS b \gset
CREATE SCHEMA regress_rfn AUTHORIZATION regress_rfn_owner;
GRANT USAGE ON SCHEMA regress_rfn TO regress_rfn_admin;
SET ROLE regress_rfn_owner;
CREATE TABLE regress_rfn.seen (what text);
CREATE FUNCTION regress_rfn.set(text, text, integer, text, text) RETURNS void
	LANGUAGE sql AS $$ INSERT INTO regress_rfn.seen VALUES (format('version %s', $3)) $$;
CREATE FUNCTION regress_rfn.cancel(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'the value is %', value USING ERRCODE = 'query_canceled',
	DETAIL = previous_value, HINT = value; END $$;
CREATE FUNCTION regress_rfn.assert(name text, environment text, version integer, value text,
	previous_value text) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN ASSERT false, value; END $$;
CREATE FUNCTION regress_rfn.look(text, text, integer, text, text) RETURNS void
	LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO regress_rfn.seen SELECT
	format('%s secrets, %s rows of the trail, %s grants, %s notifications, tenant %s',
	(SELECT count(*) FROM vault.secrets),
	(SELECT count(*) FROM vault.audit WHERE secret IS NOT NULL),
		(SELECT count(*) FROM vault.grants), (SELECT count(*) FROM vault.notifications),
		(SELECT count(*) FROM vault.tenants)); END $$;
SET ROLE regress_rfn_admin;
SELECT vault.create_principal('owner', db_role => 'regress_rfn_owner') IS NOT NULL AS made,
	vault.put('key', 'first-value'), vault.put('other', 'x');
SET ROLE regress_rfn_other;
SELECT vault.put('theirs', 'x'), vault.set_rotation('theirs', 'weekly',
	overlap => '0') IS NOT NULL AS set;

-- the caller must have EXECUTE on the function that it has run
SET ROLE regress_rfn_owner;
REVOKE EXECUTE ON FUNCTION regress_rfn.set FROM PUBLIC;
SET ROLE regress_rfn_admin;
\set VERBOSITY terse
SELECT vault.set_rotation('key', 'on demand', 'function', '{"set": "regress_rfn.set"}');
SET ROLE regress_rfn_owner;
GRANT EXECUTE ON FUNCTION regress_rfn.set TO regress_rfn_admin;
REVOKE USAGE ON SCHEMA regress_rfn FROM regress_rfn_admin;
SET ROLE regress_rfn_admin;
SELECT vault.set_rotation('key', 'on demand', 'function', '{"set": "regress_rfn.set"}');
RESET ROLE;
GRANT USAGE ON SCHEMA regress_rfn TO regress_rfn_admin;
SET ROLE regress_rfn_admin;
SELECT vault.set_rotation('key', 'on demand', 'function', '{"set": "regress_rfn.set"}',
	overlap => '0') IS NULL AS on_demand;

-- the trail tells to whom a value was given, also if it was taken back
SELECT vault.rotate('key');
BEGIN;
SELECT vault.rollback('key', 1);
ROLLBACK;
SET vault.request_id = 'rfn-given';
BEGIN;
SELECT vault.remove_rotation('key'),
	vault.set_rotation('key', 'on demand', 'function', '{"set": "regress_rfn.set"}',
	overlap => '0'), vault.put('key', 'second-value');
SELECT vault.rollback('key', 1);
ROLLBACK;
RESET vault.request_id;
RESET ROLE;
SELECT operation, secret, version, decision, reason FROM vault.audit
	WHERE tenant = 'rfn-a' AND request_id = 'rfn-given' AND reason LIKE 'given%' ORDER BY id;
TRUNCATE regress_rfn.seen;

-- a version that is not committed is not given away: the run goes on in the next transaction
SET ROLE regress_rfn_admin;
SELECT vault.remove_rotation('key'),
	vault.set_rotation('key', 'on demand', 'function', '{"set": "regress_rfn.set"}',
	overlap => '0');
SELECT vault.rotate('key') AS version;
RESET ROLE;
BEGIN;
SELECT vault.rotate_due() AS committed_before, (SELECT what FROM regress_rfn.seen) AS seen;
ROLLBACK;
SELECT count(*) FROM regress_rfn.seen;
SELECT vault.rotate_due() > 0 AS done;
SELECT what FROM regress_rfn.seen;
TRUNCATE regress_rfn.seen;
BEGIN;
SET LOCAL ROLE regress_rfn_admin;
SELECT vault.rotate('key') AS version;
RESET ROLE;
SELECT vault.rotate_due(), vault.rotate_due(), (SELECT count(*) FROM regress_rfn.seen) AS given;
ROLLBACK;
SELECT current_version, (SELECT step FROM vault.rotation_status WHERE tenant = 'rfn-a') AS step
	FROM vault.secrets WHERE tenant = 'rfn-a' AND name = 'key';

-- an error that they raise, with any SQLSTATE, ends one attempt and nothing else; nothing of it is
-- passed on
CREATE PROCEDURE pg_temp.tried(function text) LANGUAGE plpgsql AS $$
DECLARE
	status record;
BEGIN
	SET LOCAL ROLE regress_rfn_admin;
	PERFORM vault.remove_rotation('key');
	PERFORM vault.set_rotation('key', NULL, 'function', jsonb_build_object('set', function));
	PERFORM vault.rotate('key');
	COMMIT;
	UPDATE vault_data.rotation_schedule c SET due_at = '2020-01-01', next_at = '2020-01-01'
	WHERE tenant_id = (SELECT id FROM vault.tenants WHERE name = 'rfn-b');
	COMMIT;
	CALL vault_data.job_rotate();
	COMMIT;
	SET LOCAL ROLE regress_rfn_admin;
	SELECT r.step, r.attempts, r.last_error INTO status FROM vault.rotation_status r
	WHERE r.tenant = 'rfn-a';
	RESET ROLE;
	RAISE NOTICE '%: step %, % attempts, %; the other tenant has version %', function, status.step,
	status.attempts, status.last_error,
	(SELECT current_version FROM vault.secrets WHERE name = 'theirs');
END
$$;
CALL pg_temp.tried('regress_rfn.cancel');
CALL pg_temp.tried('regress_rfn.assert');
SET ROLE regress_rfn_admin;
SELECT vault.remove_rotation('key'),
	vault.set_rotation('key', NULL, 'function', '{"set": "regress_rfn.cancel"}');
SELECT vault.rollback('key', 1);
-- views show them nothing; to their owner, who calls them, what that may see
RESET ROLE;
CALL pg_temp.tried('regress_rfn.look');
SELECT what FROM regress_rfn.seen;
SET ROLE regress_rfn_owner;
SELECT regress_rfn.look(NULL, NULL, NULL, NULL, NULL);
SELECT what FROM regress_rfn.seen;
RESET ROLE;

-- another rotator: what the one before had set is not its to retire, so the overlap ends here;
-- without a target it goes on
SET ROLE regress_rfn_admin;
SELECT vault.put('moved', 'x'), vault.set_rotation('moved', 'on demand', 'function',
	'{"set": "regress_rfn.set"}', overlap => '1 day'), vault.rotate('moved');
SELECT vault.set_rotation('other', 'on demand', overlap => '1 day'), vault.rotate('other');
RESET ROLE;
SELECT vault.rotate_due() > 0 AS done;
SET ROLE regress_rfn_admin;
SELECT name, version, label, retired_at IS NOT NULL AS retired FROM vault.versions
	WHERE name IN ('moved', 'other') ORDER BY 1, 2;
SELECT count(vault.set_rotation(n, 'weekly', 'external')) FROM unnest('{moved,other}'::text[]) AS n;
SELECT name, version, label, retired_at IS NOT NULL AS retired FROM vault.versions
	WHERE name IN ('moved', 'other') ORDER BY 1, 2;
SELECT vault.get('other', 1);
SELECT vault.get('moved', 1);
RESET ROLE;

SELECT vault.destroy_tenant('rfn-a', 'rfn-a'), vault.destroy_tenant('rfn-b', 'rfn-b');
SET client_min_messages = warning;
DROP SCHEMA regress_rfn CASCADE;
DROP ROLE regress_rfn_admin, regress_rfn_owner, regress_rfn_other;

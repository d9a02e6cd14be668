-- Rotation: who may give a secret a schedule, what a run does, that it stops where it must, and
-- what becomes of the version before.
\set SHOW_CONTEXT never
CREATE ROLE regress_rotation_admin;
CREATE ROLE regress_rotation_app;
CREATE ROLE regress_rotation_reader;
CREATE ROLE regress_rotation_other;
CREATE ROLE regress_rotation_op IN ROLE vault_admin;
SELECT vault.create_tenant('rotation-a', 'regress_rotation_admin') AS a,
	vault.create_tenant('rotation-b', 'regress_rotation_other') AS b \gset
SET ROLE regress_rotation_admin;
SELECT vault.create_principal('app', db_role => 'regress_rotation_app') IS NOT NULL AS app,
	vault.create_principal('reader', db_role => 'regress_rotation_reader') IS NOT NULL AS reader;
SELECT vault."grant"('app', '{read,rotate}', 'app/**') IS NOT NULL AS given,
	vault."grant"('reader', '{read}', 'app/**') IS NOT NULL AS given;
SELECT vault.put('app/key', 'one'), vault.put('app/other', 'one', tags => '{"team": "a"}'),
	vault.put('app/json', '{"a": 1}'::jsonb, 'json'), vault.put('private', 'one');
-- time: what is due is due now; the tests move the times that decide nothing
RESET ROLE;
CREATE PROCEDURE pg_temp.make_due(pattern text DEFAULT '%') LANGUAGE sql AS $$
	UPDATE vault_data.rotation r SET try_at = '2020-01-01' FROM vault_data.secret s
	WHERE s.id = r.secret_id AND s.tenant_id IN (SELECT tenant_id FROM vault_data.tenant
	WHERE name LIKE 'rotation-_') AND s.name LIKE pattern
	AND r.step NOT IN ('done', 'failed', 'retire', 'wait');
	UPDATE vault_data.rotation_schedule c SET due_at = '2020-01-01', next_at = '2020-01-01'
	FROM vault_data.secret s WHERE s.id = c.secret_id
	AND s.tenant_id IN (SELECT tenant_id FROM vault_data.tenant WHERE name LIKE 'rotation-_')
	AND s.name LIKE pattern
$$;
CREATE FUNCTION pg_temp.kept(e text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM vault.set_rotation('app/key', e);
	RETURN (SELECT every FROM vault.rotation_status WHERE name = 'app/key');
END
$$;
\set status 'SELECT name, rotator, every, state, step, version, attempts, last_error FROM vault.rotation_status WHERE tenant LIKE ''rotation-_'' ORDER BY name'

-- a schedule asks for the permission to rotate
SET ROLE regress_rotation_app;
SELECT vault.set_rotation('app/key', 'weekly') BETWEEN now() + '6 days 15 hours'
	AND now() + '7 days 1 minute' AS due;
-- in any case, with blanks around, and by the names that cron has; kept in one form where it is a
-- word
SELECT e, pg_temp.kept(e) FROM unnest(ARRAY['Weekly', 'QUARTERLY', ' daily ', '36 Hours', '@Daily',
	'0 3 * * MON', 'On Demand', 'weekly']) AS e;
SELECT vault.set_rotation('app/key', '0 3 * * MONN');
SELECT vault.set_rotation('app/key', '@reboot');
\set VERBOSITY sqlstate
SELECT vault.set_rotation('private', 'weekly');
SELECT vault.set_rotation('no/such', 'weekly');
SET ROLE regress_rotation_reader;
SELECT vault.set_rotation('app/key', 'weekly');
SELECT vault.remove_rotation('app/key');
SELECT vault.rotate('app/key');
SET ROLE regress_rotation_other;
SELECT vault.set_rotation('app/key', 'weekly');
SELECT vault.remove_rotation('app/key');
SELECT count(*) FROM vault.rotation_status;
SET ROLE regress_rotation_op;
SELECT vault.set_rotation('app/key', 'weekly');
-- a rotator that acts on more than the secret is for administrators
SET ROLE regress_rotation_app;
SELECT vault.set_rotation('app/key', 'weekly', 'postgres_role', '{"user": "regress_rotation_app"}');
SELECT vault.set_rotation('app/key', 'weekly', 'postgres_remote',
	'{"user": "x", "host": "localhost", "dbname": "x"}');
SELECT vault.set_rotation('app/key', 'weekly', 'function', '{"set": "public.f"}');
\set VERBOSITY terse
-- texts that are no schedule
SELECT vault.set_rotation('app/key', 'sometimes');
SELECT vault.set_rotation('app/key', '-1 day');
SELECT vault.set_rotation('app/key', '0.5 seconds');
SELECT vault.set_rotation('app/key', '* * * *');
SELECT vault.set_rotation('app/key', '0 0 30 2 *');
SELECT vault.set_rotation('app/key', '0 3 * * * Europe/Atlantis');
SELECT vault.set_rotation('app/key', 'daily', 'magic');
SELECT vault.set_rotation('app/key', 'daily', config => '{"user": "x"}');
SELECT vault.set_rotation('app/key', 'daily', time_window => 'mon 25:00-26:00 UTC');
SELECT vault.set_rotation('app/key', 'daily', overlap => '1 day');
SELECT vault.set_rotation('app/key', 'daily', overlap => '-1 day');
SELECT vault.set_rotation('app/key', '0 3 * * *', overlap => '24 hours');
SELECT vault.set_rotation('app/json', 'daily');
-- texts that are one
SELECT e, vault.set_rotation('app/key', e) > now() AS due
	FROM
	unnest(
	'{daily,weekly,monthly,quarterly,36 hours,10 seconds,*/5 * * * *,30 3 * * mon-fri '
	'Europe/Berlin,0 0 1 jan *}'::text[])
	AS e;
SELECT e, vault.set_rotation('app/key', e) > now() AS due FROM unnest('{10 seconds}'::text[]) AS e;
SELECT every, overlap FROM vault.rotation_status;
SELECT vault.set_rotation('app/key') IS NULL AS on_demand;
SELECT every, state, due_at, next_at, overlap FROM vault.rotation_status;
-- inside the window
SELECT count(*), bool_and(date_part('hour', at AT TIME ZONE 'Europe/Berlin') IN (2, 3)),
	count(DISTINCT at) > 15 AS spread
FROM (SELECT vault.set_rotation('app/key', 'daily',
	time_window => 'daily 02:00-04:00 Europe/Berlin') AS at FROM generate_series(1, 20)) AS due;

-- a run: pending, then current, then the version before is retired
SELECT vault.set_rotation('app/key', '1 hour', overlap => '0') IS NOT NULL AS set;
SET ROLE regress_rotation_op;
SELECT vault.rotate_due();
RESET ROLE;
CALL pg_temp.make_due();
SET ROLE regress_rotation_op;
SELECT vault.rotate_due(1);
:status;
SET ROLE regress_rotation_app;
SELECT vault.get('app/key'), length(vault.get('app/key', 2));
SELECT version, label FROM vault.versions WHERE name = 'app/key' ORDER BY 1;
SET ROLE regress_rotation_op;
SELECT vault.rotate_due(1);
:status;
SET ROLE regress_rotation_app;
SELECT length(vault.get('app/key')), vault.get('app/key') = vault.get('app/key', 2) AS is_2;
-- its overlap is over, also before the job has come; a longer one is not
SELECT vault.get('app/key', 1);
SET ROLE regress_rotation_admin;
BEGIN;
SELECT vault.put('app/longer', 'x'),
	vault.set_rotation('app/longer', '1 hour', overlap => '30 minutes') IS NOT NULL AS set,
	vault.rotate('app/longer', 'y'), vault.get('app/longer', 1);
SELECT vault.remove_rotation('app/longer'), vault.get('app/longer', 1);
ROLLBACK;
SET ROLE regress_rotation_op;
SELECT vault.rotate_due(), vault.rotate_due();
:status;
SELECT next_at = due_at AND due_at BETWEEN now() + '56 minutes' AND now() + '61 minutes' AS planned,
	last_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AS done
	FROM vault.rotation_status;
SET ROLE regress_rotation_app;
SELECT version, label, retired_at IS NOT NULL AS retired FROM vault.versions WHERE name = 'app/key'
	ORDER BY 1;
SELECT vault.get('app/key', 1);
-- rolled back it can be read again, and what it replaces is retired
SELECT vault.rollback('app/key', 1), vault.get('app/key');
SET ROLE regress_rotation_op;
SELECT vault.rotate_due();
SET ROLE regress_rotation_app;
SELECT vault.get('app/key'), vault.get('app/key', 1);
SELECT vault.get('app/key', 2);
-- on demand, by value or made up
SELECT vault.rotate('app/key', 'of mine'), vault.get('app/key');
SELECT vault.rotate('app/key'), length(vault.get('app/key'));
:status;
SET ROLE regress_rotation_op;
SELECT vault.rotate_due();
SET ROLE regress_rotation_app;
SELECT version, label, retired_at IS NOT NULL AS retired FROM vault.versions WHERE name = 'app/key'
	ORDER BY 1;

-- a concurrent writer wins, and the run has failed
RESET ROLE;
CALL pg_temp.make_due();
SET ROLE regress_rotation_op;
SELECT vault.rotate_due(1);
SET ROLE regress_rotation_admin;
SELECT vault.put('app/key', 'by hand');
SET ROLE regress_rotation_app;
SELECT vault.rotate('app/key');
SET ROLE regress_rotation_op;
SELECT vault.rotate_due(1);
:status;
SET ROLE regress_rotation_app;
SELECT vault.get('app/key');
-- a schedule that is taken away ends a run; another begins anew
RESET ROLE;
CALL pg_temp.make_due();
SET ROLE regress_rotation_op;
SELECT vault.rotate_due(1);
SET ROLE regress_rotation_app;
SELECT vault.set_rotation('app/key', 'daily');
SELECT vault.remove_rotation('app/key');
SELECT vault.remove_rotation('app/key');
SELECT vault.get('app/key'), (SELECT count(*) FROM vault.rotation_status);
SET ROLE regress_rotation_op;
SELECT vault.rotate_due();

-- deactivated and deleted secrets, and tenants that are suspended, wait
SET ROLE regress_rotation_admin;
SELECT vault.set_rotation('app/key', 'daily') IS NOT NULL AS set;
SELECT vault.deactivate('app/key', 'incident');
RESET ROLE;
CALL pg_temp.make_due();
SET ROLE regress_rotation_op;
SELECT vault.rotate_due(), vault.rotate_due();
:status;
SET ROLE regress_rotation_admin;
SELECT vault.rotate('app/key');
SELECT vault.reactivate('app/key', 'over');
RESET ROLE;
CALL pg_temp.make_due();
SET ROLE regress_rotation_op;
SELECT vault.suspend_tenant('rotation-a');
SELECT vault.rotate_due();
SELECT vault.resume_tenant('rotation-a');
SELECT vault.rotate_due();
:status;

-- external: another program makes the value, and gives it once
SET ROLE regress_rotation_app;
SELECT vault.set_rotation('app/other', 'daily', 'external', overlap => '0') IS NOT NULL AS set;
SELECT vault.rotate('app/other') IS NULL AS not_yet;
SELECT rotation, state, step FROM vault.rotation_status WHERE name = 'app/other' \gset
SELECT :'state' AS state, :'step' AS step;
SELECT kind, payload ->> 'rotation' = :'rotation' AS this_one FROM vault.notifications
	WHERE secret = 'app/other';
SET ROLE regress_rotation_reader;
SELECT vault.complete_rotation(:'rotation', 'x');
SET ROLE regress_rotation_other;
SELECT vault.complete_rotation(:'rotation', 'x');
SELECT vault.complete_rotation('00000000-0000-0000-0000-000000000000', 'x');
SET ROLE regress_rotation_op;
SELECT vault.complete_rotation(:'rotation', 'x');
SELECT vault.rotate_due();
SET ROLE regress_rotation_app;
SELECT vault.complete_rotation(:'rotation', NULL);
SELECT vault.complete_rotation(:'rotation', '');
SELECT vault.get('app/other');
SELECT vault.complete_rotation(:'rotation', 'from outside'), vault.get('app/other');
SELECT vault.complete_rotation(:'rotation', 'again');
SELECT vault.rotate('app/other', 'at once'), vault.get('app/other');

-- many at once: nothing but a dry run unless told
SELECT * FROM vault.rotate_matching('**');
SELECT * FROM vault.rotate_matching('app/**', '{"team": "a"}');
SELECT vault.rotate_matching('a**b');
-- tags alone suffice; nothing at all does not mean everything
SELECT * FROM vault.rotate_matching(tags => '{"team": "a"}');
SELECT * FROM vault.rotate_matching();
SELECT * FROM vault.rotate_matching(NULL, '{}', dry_run => false);
SET ROLE regress_rotation_reader;
SELECT * FROM vault.rotate_matching('**', dry_run => false);
SET ROLE regress_rotation_admin;
SELECT * FROM vault.rotate_matching('**');
SELECT name, current_version FROM vault.secrets ORDER BY 1;
SELECT * FROM vault.rotate_matching('**', dry_run => false);
SELECT name, current_version FROM vault.secrets ORDER BY 1;
BEGIN;
SELECT vault.put('app/new', 'x');
SELECT name, outcome FROM vault.rotate_matching('app/new', dry_run => false);
ROLLBACK;

-- a row that was changed outside is passed over; the others are done
RESET ROLE;
CALL pg_temp.make_due();
UPDATE vault_data.rotation_schedule SET rotator = 'generate', next_at = '2019-01-01'
	WHERE secret_id = (SELECT id FROM vault_data.secret
	WHERE tenant_id = :'a' AND name = 'app/other');
SELECT object_kind, name, fault FROM vault.verify('rotation-a') WHERE fault NOT LIKE 'not what%';
SET ROLE regress_rotation_op;
SELECT vault.rotate_due(2);
SELECT name, current_version FROM vault.secrets WHERE tenant = 'rotation-a' ORDER BY 1;
SET ROLE regress_rotation_app;
\set VERBOSITY sqlstate
SELECT vault.rotate('app/other', 'x');
\set VERBOSITY terse
RESET ROLE;
UPDATE vault_data.rotation_schedule SET rotator = 'external',
	next_at = now() + interval '50 minutes'
	WHERE secret_id = (SELECT id FROM vault_data.secret
	WHERE tenant_id = :'a' AND name = 'app/other');
SELECT * FROM vault.verify('rotation-a');
-- only operators run what is due, and the job is for its role
SET ROLE regress_rotation_admin;
\set VERBOSITY sqlstate
SELECT vault.rotate_due();
SELECT vault_data.job_rotate_step();
CALL vault_data.job_rotate();
SELECT vault_data.rotator_act('create', 'generate', '{}', 'app/key', 'default', 1, 1);
SET ROLE vault_jobs;
SELECT vault_data.claim_rotation();
CALL vault_data.job_rotate();
SELECT vault.rotate_due(0);
\set VERBOSITY default
RESET ROLE;
SELECT DISTINCT kind FROM vault_data.notification WHERE tenant_id = :'a' AND kind LIKE 'rotat%'
	ORDER BY 1;

SELECT vault.destroy_tenant('rotation-a', 'rotation-a'),
	vault.destroy_tenant('rotation-b', 'rotation-b');
SELECT count(*) FROM vault_data.rotation_schedule WHERE tenant_id IN (:'a', :'b');
DROP ROLE regress_rotation_admin, regress_rotation_app, regress_rotation_reader,
	regress_rotation_other, regress_rotation_op;

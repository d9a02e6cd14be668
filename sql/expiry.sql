-- An expired secret is refused from its time on, but for its grace; its warnings come once each,
-- the last due one always; only the override, bounded, prolongs it.
\set SHOW_CONTEXT never
CREATE ROLE regress_expiry_op IN ROLE vault_admin;
CREATE ROLE regress_expiry_admin;
CREATE ROLE regress_expiry_app;
CREATE ROLE regress_expiry_oncall;
CREATE ROLE regress_expiry_reader;
CREATE ROLE regress_expiry_rotator;
SELECT vault.create_tenant('expiry-a', 'regress_expiry_admin') IS NOT NULL AS made;
SET ROLE regress_expiry_admin;
SELECT count(vault.create_principal(name, db_role => 'regress_expiry_' || name))
	FROM unnest('{app,oncall,reader}'::text[]) AS name;
SELECT vault."grant"('app', '{read,write,rotate}', '**') IS NOT NULL AS app,
	vault."grant"('oncall', '{override}', 'db/*') IS NOT NULL AS oncall,
	vault."grant"('reader', '{read}', 'db/**') IS NOT NULL AS reader;
RESET ROLE;

-- the warning that is due: each case by hand
CREATE FUNCTION pg_temp.due(days_left numeric, warned interval) RETURNS interval LANGUAGE sql AS $$
	SELECT vault_data.due_warning('2030-01-31', '{30 days,14 days,7 days,1 day}', warned,
	'2030-01-31'::timestamptz - days_left * interval '1 day') $$;
SELECT days_left, pg_temp.due(days_left, NULL) AS first,
	pg_temp.due(days_left, '14 days') AS after_14, pg_temp.due(days_left, '0') AS after_all
FROM unnest('{31,30.00001,30,20,14,13.9,7,3,1,0.5,0,-1,-400}'::numeric[]) AS days_left;
SELECT vault_data.due_warning('2030-01-31', '{}', NULL, '2030-01-30') AS none_asked,
	vault_data.due_warning('2030-01-31', NULL, NULL, '2030-02-01') AS expired_all_the_same,
	vault_data.due_warning(NULL, '{1 day}', NULL, '2030-01-30') AS never;

-- and over any pauses between the ticks: 500 lives of a secret, of which each is looked at from 40
-- days before until after its end
SELECT setseed(0.25);
CREATE TEMP TABLE life AS SELECT n AS id,
	ARRAY(SELECT (1 + floor(random() * 40 * 86400)) * interval '1 second'
	FROM generate_series(1, 1 + floor(random() * 6)::int) WHERE n > 0) AS thresholds
	FROM generate_series(1, 500) AS n;
CREATE TEMP TABLE said (id int, tick int, at timestamptz, due interval);
CREATE TEMP TABLE tick (id int, tick int, at timestamptz);
DO $$
DECLARE
	ends CONSTANT timestamptz := '2031-07-01';
	l life;
	now timestamptz;
	warned interval;
	due interval;
	n int;
BEGIN
	FOR l IN SELECT * FROM life LOOP
		now := ends - interval '41 days';
		warned := NULL;
		n := 0;
		-- mostly minutes to hours, at times a pause of weeks
		WHILE now < ends + interval '5 days' LOOP
			n := n + 1;
			now := now + CASE WHEN random() < 0.03 THEN random() * interval '20 days'
			ELSE random() * interval '20 hours' END;
			due := vault_data.due_warning(ends, l.thresholds, warned, now);
			INSERT INTO tick VALUES (l.id, n, now);
			IF due IS NOT NULL THEN
				INSERT INTO said VALUES (l.id, n, now, due);
				warned := due;
			END IF;
		END LOOP;
	END LOOP;
END
$$;
SELECT count(*) > 20000 AS many_ticks FROM tick;
SELECT count(*) > 1000 AS many_warnings, count(*) FILTER (WHERE due = '0') AS ends FROM said;
-- none twice; none that was not asked for, nor before its time
SELECT count(*) AS twice FROM (SELECT FROM said GROUP BY id, due HAVING count(*) > 1) AS s;
SELECT count(*) AS unasked FROM said JOIN life USING (id)
	WHERE due <> ALL (thresholds || '0'::interval) OR '2031-07-01' - at > due;
-- the last due one was always said by the tick that finds it due, and then it is the most urgent
SELECT count(*) AS missed FROM tick t JOIN life l USING (id)
	CROSS JOIN LATERAL (SELECT min(x) AS due FROM unnest(l.thresholds || '0'::interval) AS x
	WHERE '2031-07-01' - t.at <= x) AS must
WHERE must.due IS NOT NULL AND NOT EXISTS (SELECT FROM said s
	WHERE s.id = t.id AND s.tick <= t.tick AND s.due = must.due);
-- some were let pass by a pause: the pauses were pauses
SELECT count(*) > 50 AS some_collapsed FROM life l, unnest(l.thresholds) AS x
	WHERE NOT EXISTS (SELECT FROM said s WHERE s.id = l.id AND s.due = x);

-- set, seen, taken away
SET ROLE regress_expiry_app;
SELECT vault.put('db/x', 'x'), vault.put('db/y', 'x'), vault.put('db/z', 'x'),
	vault.put('db/later', 'x', expires_at => '2999-01-01'), vault.put('db/never', 'x'),
	vault.put('cache', 'x');
SELECT vault.set_expiry('db/x', '2999-01-01 00:00+00', '7 days 12 hours'),
	vault.set_expiry('db/never', '2999-01-01'), vault.set_expiry('db/never', NULL),
	vault.set_expiry('cache', 'infinity');
SELECT name, expires_at = '2999-01-01 00:00+00' AS expires, grace_until - expires_at AS grace,
	extensions FROM vault.secrets ORDER BY name;
SELECT vault.set_expiry('db/x', now());
SELECT vault.set_expiry('db/x', '-infinity');
SELECT vault.set_expiry('db/x', '2999-01-01', '-1 second');
SELECT vault.set_expiry('db/x', '2999-01-01', '91 days');
SELECT vault.set_expiry('db/x', '2999-01-01', NULL);
SELECT vault.set_expiry(NULL, '2999-01-01');
SELECT vault.set_expiry('db/absent', '2999-01-01');
SET ROLE regress_expiry_reader;
SELECT vault.set_expiry('db/x', '2999-01-01');
SET ROLE regress_expiry_oncall;
SELECT vault.set_expiry('db/x', '2999-01-01');

-- three that expire: in its grace, past it, and never used after
SET ROLE regress_expiry_app;
SELECT vault.rotate('db/z', 'second'), vault.rotate('db/y', 'second');
SELECT vault.set_expiry('db/x', clock_timestamp() + '2 seconds', '1 hour'),
	vault.set_expiry('db/y', clock_timestamp() + '2 seconds', '10 ms'),
	vault.set_expiry('db/z', clock_timestamp() + '2 seconds');
SELECT pg_sleep_until((SELECT max(greatest(expires_at, grace_until)) FROM vault.secrets
	WHERE name IN ('db/y', 'db/z')) + interval '10 ms');
-- a notice tells until when, and nothing of the value
CREATE FUNCTION pg_temp.told(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
	RETURN state || ' ' || SQLERRM;
END
$$;
SET client_min_messages = warning;
SET vault.request_id = 'expiry-reads';
SELECT call, pg_temp.told('SELECT ' || call)
	FROM unnest(ARRAY['vault.get(''db/x'')', 'vault.get(''db/x'', 1)', 'vault.get_bytes(''db/x'')',
	'vault.get(''db/later'')',
	'vault.get(''db/y'')', 'vault.get(''db/z'')', 'vault.get(''db/z'', 1)',
	'vault.get_bytes(''db/z'')', 'vault.get_json(''db/z'')']) AS call;
RESET client_min_messages;
\set VERBOSITY terse
-- one notice for many; what is past its grace is left out, as what was deactivated
SELECT string_agg(name, ', ' ORDER BY name) FROM vault.get_many('db/*');
\set VERBOSITY default
RESET vault.request_id;
-- the view says the same, to those who may know of the secret, and of all tenants to who
-- sees_all_tenants them
SELECT name, state, grace_until IS NOT NULL AS grace FROM vault.expiring ORDER BY name;
SELECT count(*) AS differences FROM (SELECT name, environment, state, expires_at, grace_until,
	extensions, warned FROM vault.expiring) AS v FULL JOIN vault.expiring() AS f
	USING (name, environment)
WHERE (v.state, v.expires_at, v.grace_until, v.extensions, v.warned) IS DISTINCT FROM (f.state,
	f.expires_at, f.grace_until, f.extensions, f.warned);
SET ROLE regress_expiry_oncall;
SELECT name, state FROM vault.expiring ORDER BY name;
SET ROLE regress_expiry_op;
SELECT tenant, name, type, state FROM vault.expiring WHERE tenant = 'expiry-a' ORDER BY name;
-- the trail has them apart
SET ROLE regress_expiry_admin;
SELECT operation, secret, version, reason FROM vault.audit
	WHERE request_id = 'expiry-reads' AND reason IS NOT NULL ORDER BY at, id;
-- once expired, writing helps and changing the time does not
SET ROLE regress_expiry_app;
SELECT vault.set_expiry('db/x', NULL);
SELECT vault.set_expiry('db/z', '2999-01-01');
SELECT vault.rollback('db/z');
SELECT vault.get('db/z');
SELECT vault.put('db/z', 'fourth', label => 'pending');
SELECT vault.get('db/z');
-- a pending version that becomes current is a new one
SELECT vault.rollback('db/z', 3), vault.get('db/z');
SELECT vault.rotate('db/y', 'third'), vault.get('db/y'), vault.put('db/x', 'third'),
	vault.get('db/x');
SELECT name, expires_at, grace_until FROM vault.secrets WHERE name IN ('db/x', 'db/y', 'db/z')
	ORDER BY name;
-- an expired version stays expired when it is replaced: by its number, and after a rollback; one
-- in its grace period does not
SELECT call, pg_temp.told('SELECT ' || call)
	FROM unnest(ARRAY['vault.get(''db/y'', 2)', 'vault.get(''db/z'', 2)',
	'vault.get_bytes(''db/z'', 2)', 'vault.get(''db/z'', 1)', 'vault.get(''db/x'', 1)']) AS call;
BEGIN;
SELECT vault.rollback('db/y', 2);
SELECT vault.get('db/y');
ROLLBACK;

-- secrets that expire
SELECT vault.set_expiry('db/x', now() + interval '40 days', '1 day'),
	vault.set_expiry('db/y', clock_timestamp() + '2 seconds', '1 hour'),
	vault.set_expiry('db/z', now() + interval '10 days'),
	vault.set_expiry('cache', clock_timestamp() + '2 seconds');
SELECT vault.put('db/x', 'x', environment => 'prod', expires_at => now() + interval '20 days'),
	vault.put('db/gone', 'x', expires_at => now() + interval '1 day');
SET ROLE regress_expiry_admin;
SELECT vault.delete('db/gone') IS NOT NULL AS deleted;
SELECT pg_sleep_until((SELECT max(expires_at) FROM vault.secrets WHERE name IN ('db/y', 'cache')) +
	interval '10 ms');
SELECT name, environment, state, extensions, warned FROM vault.expiring();
SELECT name, environment, state FROM vault.expiring('1000 years');
SELECT name, environment, state FROM vault.expiring('41 days', 'default');
SELECT name, environment, state FROM vault.expiring('0');
SELECT vault.expiring(NULL);
SELECT vault.expiring('-1 day');
SELECT vault.expiring(environment => 'bad name');
SET ROLE regress_expiry_reader;
SELECT name, environment, state FROM vault.expiring();
SET ROLE regress_expiry_op;
SELECT name, environment, state FROM vault.expiring(tenant => 'expiry-a');
SELECT vault.expiring();

-- warnings: the most urgent that is due, once; in batches
SELECT vault.announce_expiring(0);
SELECT vault.announce_expired(NULL);
SELECT vault.announce_expiring(1), vault.announce_expiring(), vault.announce_expiring(),
	vault.announce_expired(1), vault.announce_expired(), vault.announce_expired();
CREATE TEMP VIEW announced AS SELECT row_number() OVER (ORDER BY at) AS n, kind, severity, secret,
	environment, payload - 'expires_at' - 'grace_until' AS payload, payload ? 'grace_until' AS grace
FROM vault.notifications WHERE tenant = 'expiry-a'
	AND kind IN ('expiring', 'expired', 'extended', 'purge_due');
GRANT SELECT ON announced TO PUBLIC;
SELECT * FROM announced;
-- own thresholds, none, and those of the setting again; a change of them does not repeat what was
-- said
SET ROLE regress_expiry_app;
SELECT vault.set_warnings('db/x', '{45 days,2 hours}'),
	vault.set_warnings('db/z', '{12 days,14 days}'), vault.set_warnings('db/x', '{}', 'prod');
SELECT vault.set_warnings('db/x', '{1 minute,366 days}');
SELECT vault.set_warnings('db/x', '{30 seconds}');
SELECT vault.set_warnings('db/x', ARRAY[NULL::interval]);
SELECT vault.set_warnings('db/x', array_fill(interval '1 day', ARRAY[17]));
SELECT vault.set_warnings('db/x', '{{1 day},{2 days}}');
SELECT vault.set_warnings('db/absent', NULL);
SET ROLE regress_expiry_reader;
SELECT vault.set_warnings('db/x', NULL);
SET ROLE regress_expiry_op;
SELECT vault.announce_expiring(), vault.announce_expiring();
SELECT * FROM announced WHERE n > 4;
-- a new version and another time begin anew
SET ROLE regress_expiry_app;
SELECT vault.put('db/z', 'fifth', expires_at => now() + interval '13 days'),
	vault.set_expiry('db/x', now() + interval '5 days', environment => 'prod'),
	vault.set_warnings('db/x', NULL, 'prod');
SET ROLE regress_expiry_op;
SELECT vault.announce_expiring(), vault.announce_expiring();
SELECT * FROM announced WHERE n > 6;
-- secrets that are about to be purged
RESET ROLE;
SET session_replication_role = replica;
UPDATE vault_data.secret SET purge_at = now() + interval '2 days' WHERE name = 'db/gone';
RESET session_replication_role;
SET ROLE regress_expiry_op;
SELECT vault.announce_expiring() AS of_a_row_that_was_changed_outside;
RESET ROLE;
SELECT object_kind, name, fault FROM vault.verify('expiry-a') WHERE name = 'db/gone';

-- the override: its own permission, with a reason, so far and so often
SET ROLE regress_expiry_oncall;
SELECT vault.get('db/y');
SELECT vault.extend_expiry('db/y', now() + interval '2 hours', 'the rotation is broken');
SELECT name, state, extensions FROM vault.expiring() WHERE name = 'db/y';
SELECT vault.extend_expiry('cache', now() + interval '1 day', 'x');
SELECT vault.extend_expiry('db/y', now() + interval '1 hour', 'shorter');
SELECT vault.extend_expiry('db/y', now() + interval '31 days', 'too far');
SELECT vault.extend_expiry('db/y', 'infinity', 'too far');
SELECT vault.extend_expiry('db/y', NULL, 'never');
SELECT vault.extend_expiry('db/y', now() + interval '1 day', ' ');
SELECT vault.extend_expiry('db/y', now() + interval '1 day', NULL);
SELECT vault.extend_expiry('db/never', now() + interval '1 day', 'x');
SELECT vault.extend_expiry('db/absent', now() + interval '1 day', 'x');
SELECT vault.extend_expiry('db/y', now() + interval '3 hours', 'still'),
	vault.extend_expiry('db/y', now() + interval '4 hours', 'still');
SELECT vault.extend_expiry('db/y', now() + interval '5 hours', 'still');
SET ROLE regress_expiry_app;
SELECT vault.extend_expiry('db/z', now() + interval '20 days', 'x');
SELECT vault.get('db/y') AS readable_again;
-- the count is of a version
SELECT vault.rotate('db/y', 'fourth'), vault.set_expiry('db/y', now() + interval '1 hour');
SET ROLE regress_expiry_oncall;
SELECT vault.extend_expiry('db/y', now() + interval '2 hours', 'again');
SET ROLE regress_expiry_op;
SELECT * FROM announced WHERE kind = 'extended';
SET ROLE regress_expiry_admin;
SELECT secret, reason, detail ->> 'extensions' AS extensions FROM vault.audit
	WHERE operation = 'extend_expiry' AND decision = 'allow' ORDER BY at, id;
-- held by the built-in roles owner and admin, and handed out by a principal that holds it
SELECT count(vault.create_principal('of-' || role)), count(vault.add_member(role, 'of-' || role))
	FROM unnest('{owner,admin,writer,reader,rotator,auditor}'::text[]) AS role;
SELECT principal, permissions FROM vault.access_matrix
	WHERE principal LIKE 'of-%' AND secret = 'db/y' AND environment = 'default' ORDER BY 1;

-- nor has a value a grace after its own end, or one that follows nothing; times that cannot be
-- added are refused
SET ROLE regress_expiry_admin;
SELECT vault.set_type_policy('password', max_lifetime => '60 days');
SELECT vault.put('pw/own', 'Tr0ub4dor&3xkcd-1', 'password');
SELECT vault.set_expiry('pw/own', NULL, '90 days');
SELECT vault.set_expiry('pw/own', 'infinity', '1 second');
SELECT vault.set_expiry('pw/own', now() + interval '59 days', '2 days');
SELECT vault.set_expiry('pw/own', now() + interval '57 days', '2 days'),
	vault.set_expiry('pw/own', NULL, '0');
SELECT vault.set_expiry('db/never', NULL, '1 day');
SELECT vault.set_expiry('db/never', '294276-12-31', '90 days');
SELECT vault.set_expiry('db/never', '10000-01-01 00:00+00');
SELECT vault.set_expiry('db/never', '9999-12-31 00:00+00', '90 days'),
	vault.set_expiry('db/never', NULL);

-- a rollback undoes no end: neither to an older version and back, nor by the end of a version,
-- unless a principal that may set an end says so
SET ROLE regress_expiry_admin;
SELECT vault.create_principal('rotator', db_role => 'regress_expiry_rotator') IS NOT NULL AS made,
	vault."grant"('rotator', '{read,rotate}', 'pw/*') IS NOT NULL AS granted;
SELECT vault.put('pw/' || name, 'Tr0ub4dor&3xkcd-1', 'password'),
	vault.rotate('pw/' || name, 'Tr0ub4dor&3xkcd-2')
	FROM unnest('{over,ahead,short}'::text[]) AS name;
SELECT vault.set_expiry('pw/over', clock_timestamp() + '1 second'),
	vault.set_expiry('pw/ahead', now() + interval '5 days', '2 days');
SELECT pg_sleep_until((SELECT expires_at FROM vault.secrets WHERE name = 'pw/over') + interval
	'10 ms');
CREATE TEMP VIEW ends AS SELECT name, current_version AS version,
	round(extract(epoch FROM expires_at - now()) / 86400) AS days,
	round(extract(epoch FROM grace_until - now()) / 86400) AS grace, extensions FROM vault.secrets
	WHERE name LIKE 'pw/%';
GRANT SELECT ON ends TO PUBLIC;
SET ROLE regress_expiry_rotator;
SELECT vault.get('pw/over');
SELECT vault.rollback('pw/over', 1);
SELECT vault.rollback('pw/over', 2), vault.get('pw/ahead');
SELECT vault.rollback('pw/ahead', 1), vault.rollback('pw/ahead', 2);
SELECT * FROM ends WHERE name = 'pw/ahead';
-- and a version that comes back is not warned of again
SET ROLE regress_expiry_op;
SELECT vault.announce_expiring() > 0 AS of_2;
SET ROLE regress_expiry_rotator;
SELECT vault.rollback('pw/ahead', 1);
SET ROLE regress_expiry_op;
SELECT vault.announce_expiring() AS of_1;
SET ROLE regress_expiry_rotator;
SELECT vault.rollback('pw/ahead', 2);
SET ROLE regress_expiry_op;
SELECT vault.announce_expiring() AS of_2_again;
SELECT kind, payload FROM announced WHERE secret = 'pw/ahead' ORDER BY n;
SELECT name, warned FROM vault.expiring WHERE tenant = 'expiry-a' AND name = 'pw/ahead';
-- not by an older version whose own end comes first
SET ROLE regress_expiry_admin;
SELECT vault.set_type_policy('password', max_lifetime => '2 days');
SELECT vault.rotate('pw/short', 'Tr0ub4dor&3xkcd-3'), vault.rollback('pw/short', 2);
SELECT vault.set_expiry('pw/short', now() + interval '5 days');
SET ROLE regress_expiry_rotator;
SELECT vault.rollback('pw/short', 3);
SELECT * FROM ends WHERE name = 'pw/short';
SELECT vault.rollback('pw/short', 2);
SELECT * FROM ends WHERE name = 'pw/short';
SET ROLE regress_expiry_admin;
SELECT vault.rollback('pw/short', 3), vault.rollback('pw/short', 2);
SELECT * FROM ends WHERE name = 'pw/short';
-- the override may, and its count goes on
SELECT vault.rollback('pw/over', 1), vault.rollback('pw/over', 2),
	vault.extend_expiry('pw/over', now() + interval '1 day', 'late');
SELECT * FROM ends WHERE name = 'pw/over';
SELECT vault.rollback('pw/over', 1), vault.rollback('pw/over', 2),
	vault.extend_expiry('pw/over', now() + interval '2 days', 'late');
SELECT vault.rollback('pw/over', 1), vault.rollback('pw/over', 2),
	vault.extend_expiry('pw/over', now() + interval '3 days', 'late');
SELECT vault.extend_expiry('pw/over', now() + interval '4 days', 'late');
SET ROLE regress_expiry_rotator;
SELECT vault.get('pw/over');

-- without an identity
RESET ROLE;
SELECT vault.set_expiry('db/x', NULL);
SET ROLE regress_expiry_op;
SELECT vault.destroy_tenant('expiry-a', 'expiry-a');
RESET ROLE;
DROP VIEW announced, ends;
DROP FUNCTION pg_temp.told(text);
DROP TABLE life, said, tick;
DROP ROLE regress_expiry_op, regress_expiry_admin, regress_expiry_app, regress_expiry_oncall,
	regress_expiry_reader, regress_expiry_rotator;

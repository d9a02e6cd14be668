-- A grant with conditions applies where all are met: each with its denial beside its allowance.
-- Without an address nothing is allowed by address, and everything denied.
\set SHOW_CONTEXT never
CREATE ROLE regress_conditions_admin;
CREATE ROLE regress_conditions_app;
CREATE ROLE regress_conditions_lead;
SELECT vault.create_tenant('conditions', 'regress_conditions_admin') IS NOT NULL AS made;
SET ROLE regress_conditions_admin;
SELECT vault.create_principal('app', db_role => 'regress_conditions_app') IS NOT NULL AS made,
	vault.create_principal('lead', db_role => 'regress_conditions_lead') IS NOT NULL AS made;
SELECT vault.put('key', 'v');

-- a malformed condition is refused when it is written, naming the field
SELECT vault."grant"('app', '{read}', 'key', addresses => '{10.0.0.1/8}');
SELECT vault."grant"('app', '{read}', 'key', addresses => '{10.0.0/8}');
SELECT vault."grant"('app', '{read}', 'key', addresses => '{10.0.0.0/33}');
SELECT vault."grant"('app', '{read}', 'key', windows => '{"mon 09:00-17:00 Mars/Olympus"}');
SELECT vault."grant"('app', '{read}', 'key', windows => '{"mon 09:00-09:00 UTC"}');
SELECT vault."grant"('app', '{read}', 'key', services => '{billing}');
SELECT vault."grant"('app', '{read}', 'key', valid_from => '2030-01-01',
	valid_until => '2030-01-01');
CREATE FUNCTION pg_temp.refusal(field text, given text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
BEGIN
	EXECUTE format('SELECT vault."grant"(''app'', ''{read}'', ''key'', %I => %L)', field, given);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
	RETURN SQLSTATE || ' ' || message;
END
$$;
SELECT field, given, pg_temp.refusal(field, given)
	FROM (VALUES ('addresses', '{}'), ('addresses', '{NULL}'), ('addresses', '{""}'),
	('addresses', '{::1%lo}'), ('addresses', '{1.2.3.4/08}'), ('addresses', '{1.2.3.4/}'),
	('addresses', '{010.0.0.1}'), ('addresses', '{1.2.3.4.5}'), ('addresses', '{2001:db8::/129}'),
	('addresses', '{2001:db8::1/32}'), ('addresses', '{::ffff:10.0.0.0/95}'),
	('addresses', '{{1.1.1.1},{2.2.2.2}}'),
	('windows', '{}'), ('windows', '{NULL}'), ('windows', '{""}'),
	('windows', '{"09:00-17:00 UTC"}'), ('windows', '{"mon 9-17 UTC"}'),
	('windows', '{"mon 09:00-24:01 UTC"}'), ('windows', '{"mon 24:00-01:00 UTC"}'),
	('windows', '{"mon 09:60-17:00 UTC"}'), ('windows', '{"Mond 09:00-17:00 UTC"}'),
	('windows', '{"mon- 09:00-17:00 UTC"}'), ('windows', '{"mon, 09:00-17:00 UTC"}'),
	('windows', '{"mon 09:00-17:00"}'),
	('windows', '{"mon 09:00-17:00 CET"}'), ('windows', '{"mon 09:00-17:00 europe/atlantis"}'),
	('windows', '{"mon 09:00-17:00 Foo/Bar5"}'), ('windows', '{"mon 09:00-17:00 Etc/GMT5"}'),
	('windows', '{"daily 00:00-24:00 UTC","mon 09:00-17:00 Europe/Atlantis"}'),
	('windows', '{"mon 09:00-17:00 ../UTC"}'),
	('windows', '{"daily 00:00-24:00 UTC","mon 09:00-17:00 Europe/Ber lin"}'),
	('services', '{}'), ('services', '{NULL}'), ('services', '{cn:}'), ('services', '{CN:x}'),
	('services', '{subject:x}'), ('valid_from', 'infinity'), ('valid_until', '-infinity'),
	('valid_until', '10000-01-01 00:00+00'), ('valid_until', '294276-01-01'),
	('valid_from', '0044-03-15 BC')) AS v (field, given);
SELECT pg_temp.refusal('addresses', array_fill('10.0.0.0/8'::text, '{65}')::text),
	pg_temp.refusal('windows', array_fill('mon 09:00-17:00 UTC'::text, '{33}')::text),
	pg_temp.refusal('services', array_fill('cn:x'::text, '{65}')::text),
	pg_temp.refusal('services', ARRAY['cn:' || repeat('x', 509)]::text);
-- an accepted condition is stored in one form
SELECT vault."grant"('app', '{read}', 'none',
	addresses => '{10.0.0.0/8,192.0.2.1,::FFFF:192.0.2.0/120,2001:DB8:0:0::/32,::/0}',
	windows =>
	'{"sun,mon,tue,wed  00:00-24:00 Etc/GMT+5","fri-mon 22:00-06:00 Europe/Berlin","daily '
	'00:00-00:01 UTC"}',
	services => '{token:x,cn:x,dn:x,dns:x,uri:spiffe://x/y,email:a@x}', valid_from => '-infinity',
	valid_until => 'infinity', require_tls => false,
	require_session_user => NULL) IS NOT NULL AS given;
SELECT vault."grant"('app', '{read}', 'zones',
	windows =>
	'{"mon 09:00-17:00 Etc/GMT+5","mon 09:00-17:00 etc/gmt-14","mon 09:00-17:00 utc","mon '
	'09:00-17:00 europe/berlin"}')
	IS NOT NULL AS given;
SELECT windows FROM vault.grants WHERE name_pattern = 'zones';
SELECT addresses, windows, services, require_tls, valid_from, valid_until, require_session_user
	FROM vault.grants WHERE name_pattern = 'none';
SELECT vault.revoke(id) FROM vault.grants WHERE name_pattern = 'none';

-- windows are taken in any case, with whole names and blanks, and kept in one form
SELECT vault."grant"('app', '{read}', 'none',
	windows => ARRAY['Monday-FRI 9:00 - 17:00 europe/berlin', 'DAILY 00:00-24:00 utc',
	' sat,Sunday	22:00-6:00 etc/gmt+5 ']) IS NOT NULL AS given;
SELECT windows FROM vault.grants WHERE name_pattern = 'none';
SELECT vault.revoke(id) FROM vault.grants WHERE name_pattern = 'none';

-- each condition on this connection, a Unix socket: not met and met, of an allowance and of a
-- denial
\set VERBOSITY sqlstate
RESET ROLE;
CREATE FUNCTION pg_temp.allowed(OUT allowance text, OUT denial text, conditions text)
	LANGUAGE plpgsql AS $$
DECLARE
	effect text;
	answer text;
BEGIN
	FOREACH effect IN ARRAY ARRAY['allow', 'deny'] LOOP
		BEGIN
			SET LOCAL ROLE regress_conditions_admin;
			IF effect = 'deny' THEN
				PERFORM vault."grant"('app', '{read}', 'key');
			END IF;
			EXECUTE format('SELECT vault."grant"(''app'', ''{read}'', ''key'', effect => %L, %s)',
			effect, conditions);
			SET LOCAL ROLE regress_conditions_app;
			BEGIN
				answer := vault.get('key');
			EXCEPTION WHEN insufficient_privilege THEN
				answer := '42501';
			END;
			RAISE EXCEPTION USING ERRCODE = 'RR000';
		EXCEPTION WHEN SQLSTATE 'RR000' THEN
			IF effect = 'allow' THEN allowance := answer; ELSE denial := answer; END IF;
		END;
	END LOOP;
END
$$;
SELECT c.conditions, a.* FROM unnest(ARRAY['addresses => NULL', 'addresses => ''{0.0.0.0/0,::/0}''',
	'addresses => ''{127.0.0.1}''', 'require_tls => false', 'require_tls => true',
	'services => ''{cn:x,token:x}''',
	'windows => ''{daily 00:00-24:00 UTC}''',
	'windows => ''{daily 00:00-12:00 UTC,daily 12:00-24:00 UTC}''',
	'windows => ARRAY[to_char(now() AT TIME ZONE ''UTC'' + interval ''3 days'', '
	'''dy'') || '' 00:00-24:00 UTC'']',
	'windows => ARRAY[to_char(now() AT TIME ZONE ''UTC'', ''dy'') || '' 00:00-24:00 UTC'', '
	'to_char(now() AT TIME ZONE ''UTC'' + interval ''1 day'', ''dy'') || '' 00:00-24:00 UTC'']',
	'valid_from => now() - interval ''1 hour''', 'valid_from => now() + interval ''1 hour''',
	'valid_until => now() + interval ''1 hour''', 'valid_until => now() - interval ''1 hour''',
	'require_session_user => false', 'require_session_user => true',
	'valid_until => now() + interval ''1 hour'', windows => ''{daily 00:00-24:00 UTC}''',
	'valid_until => now() + interval ''1 hour'', require_tls => true',
	'addresses => ''{127.0.0.1}'', require_tls => true',
	'environments => ''{default}'', windows => ''{daily 00:00-24:00 UTC}''',
	'environments => ''{prod}'', windows => ''{daily 00:00-24:00 UTC}''']) AS c (conditions),
	pg_temp.allowed(c.conditions) AS a;

-- the session user: after SET SESSION AUTHORIZATION it is the role, after SET ROLE it is not
SET ROLE regress_conditions_admin;
SELECT vault."grant"('app', '{read}', 'key', require_session_user => true) AS given \gset
SET ROLE regress_conditions_app;
SELECT vault.get('key');
RESET ROLE;
SET SESSION AUTHORIZATION regress_conditions_app;
SELECT vault.get('key');
RESET SESSION AUTHORIZATION;
SET ROLE regress_conditions_admin;
SELECT vault.revoke(:'given');

-- the wall clock counts, not the transaction's start: temporary access ends inside a transaction,
-- also with the decision cached
SELECT vault."grant"('app', '{read}', 'key',
	valid_until => clock_timestamp() + interval '1.5 seconds') AS given \gset
SET ROLE regress_conditions_app;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT vault.get('key');
SELECT pg_sleep(1.6);
SELECT vault.get('key');
ROLLBACK;
SET ROLE regress_conditions_admin;
SELECT vault.revoke(:'given');

-- the changes of the clocks: a time that is left out does not come, one that is repeated comes
-- twice
SELECT vault."grant"('app', '{read}', 'key',
	windows => '{"sun 02:15-02:45 Europe/Berlin"}') IS NOT NULL AS given,
	vault."grant"('app', '{read}', 'night',
	windows => '{"sat 22:00-03:00 Europe/Berlin"}') IS NOT NULL AS given;
SELECT at, at AT TIME ZONE 'Europe/Berlin' AS clock,
	(SELECT reason FROM vault.explain_access('app', 'read', 'key', at => at)
	WHERE name_pattern = 'key' AND permissions = '{read}' LIMIT 1) AS "02:15-02:45",
	(SELECT reason FROM vault.explain_access('app', 'read', 'night', at => at)
	WHERE name_pattern = 'night' LIMIT 1) AS "sat 22:00-03:00"
FROM unnest(ARRAY['2026-03-22 01:30+00', '2026-03-29 00:59:59+00', '2026-03-29 01:00+00',
	'2026-03-29 01:30+00', '2026-04-05 00:30+00',
	'2026-10-24 23:59+00', '2026-10-25 00:14:59+00', '2026-10-25 00:15+00',
	'2026-10-25 00:44:59+00', '2026-10-25 00:45+00', '2026-10-25 01:14:59+00',
	'2026-10-25 01:15+00', '2026-10-25 01:44:59+00', '2026-10-25 01:45+00', '2026-10-25 02:00+00',
	'2026-10-24 19:59+00', '2026-10-24 20:00+00', '2026-10-23 20:00+00',
	'2026-11-01 01:30+00']::timestamptz[]) AS at;
SELECT count(vault.revoke(id)) FROM vault.grants WHERE windows IS NOT NULL;

-- no principal hands out more than it holds: what is held under a condition is given under one that
-- is as narrow
SELECT vault."grant"('lead', '{read,grant}', 'key', windows => '{"daily 00:00-24:00 UTC"}',
	valid_until => '2100-01-01') IS NOT NULL AS given;
SET ROLE regress_conditions_lead;
SELECT vault."grant"('app', '{read}', 'key');
SELECT vault."grant"('app', '{read}', 'key', valid_until => '2099-01-01');
SELECT vault."grant"('app', '{read}', 'key', windows => '{"mon 09:00-17:00 UTC"}');
SELECT vault."grant"('app', '{read}', 'key', windows => '{"mon 09:00-17:00 Europe/Berlin"}',
	valid_until => '2099-01-01');
SELECT vault."grant"('app', '{read}', 'key', windows => '{"mon 09:00-17:00 UTC"}',
	valid_until => '2101-01-01');
SELECT vault."grant"('app', '{read}', 'key', windows => '{"mon 09:00-17:00 UTC"}',
	valid_until => '2099-01-01', addresses => '{10.0.0.0/8}') AS given \gset
SELECT vault.revoke(:'given');
-- a condition that is not met now gives nothing to hand out
SET ROLE regress_conditions_admin;
SELECT count(vault.revoke(id)) FROM vault.grants WHERE grantee = 'lead';
SELECT vault."grant"('lead', '{read,grant}', 'key',
	addresses => '{10.0.0.0/8}') IS NOT NULL AS given;
SET ROLE regress_conditions_lead;
SELECT vault."grant"('app', '{read}', 'key', addresses => '{10.0.0.0/8}');
-- a denial in between counts whether it is met now or not, until it is over
SET ROLE regress_conditions_admin;
SELECT vault."grant"('lead', '{read,grant}', 'key') IS NOT NULL AS given,
	vault."grant"('lead', '{read}', 'key', effect => 'deny',
	valid_from => '2100-01-01') AS denial \gset
SET ROLE regress_conditions_lead;
SELECT vault."grant"('app', '{read}', 'key');
SET ROLE regress_conditions_admin;
SELECT vault.revoke(:'denial');
SELECT vault."grant"('lead', '{read}', 'key', effect => 'deny',
	valid_until => '2001-01-01') IS NOT NULL AS over;
SET ROLE regress_conditions_lead;
SELECT vault."grant"('app', '{read}', 'key') IS NOT NULL AS given;
-- an administrator under conditions is one to operators at any time, until it is over
RESET ROLE;
SELECT vault.create_tenant('conditions-2', 'regress_conditions_admin') IS NOT NULL AS made;
SELECT vault.create_principal('lead', db_role => 'regress_conditions_lead',
	tenant => 'conditions-2') IS NOT NULL AS made;
SET vault.tenant = 'conditions-2';
SET ROLE regress_conditions_admin;
SELECT vault."grant"('lead', '{grant}', '**', addresses => '{10.0.0.0/8}') AS given \gset
RESET ROLE;
SELECT vault.drop_principal('lead', 'conditions-2');
RESET vault.tenant;
CREATE ROLE regress_conditions_op IN ROLE vault_admin;
SET ROLE regress_conditions_op;
SELECT vault.drop_principal('lead', 'conditions-2');
SET ROLE regress_conditions_admin;
SET vault.tenant = 'conditions-2';
SELECT vault.revoke(:'given');
SELECT vault."grant"('lead', '{grant}', '**', valid_until => '2001-01-01') IS NOT NULL AS given;
SET ROLE regress_conditions_op;
SELECT vault.drop_principal('lead', 'conditions-2');

RESET ROLE;
RESET vault.tenant;
SELECT object_kind, name, fault FROM vault.verify('conditions');
SELECT vault.destroy_tenant('conditions', 'conditions'),
	vault.destroy_tenant('conditions-2', 'conditions-2');
DROP FUNCTION pg_temp.refusal(text, text), pg_temp.allowed(text);
DROP ROLE regress_conditions_admin, regress_conditions_app, regress_conditions_lead,
	regress_conditions_op;

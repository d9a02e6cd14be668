-- A notification is written once, with the change that it tells of, and seen by those who may know
-- of it; subscribers get each when they ask, in order, until they acknowledge it.
\set SHOW_CONTEXT never
CREATE ROLE regress_notify_op IN ROLE vault_admin;
CREATE ROLE regress_notify_auditor IN ROLE vault_auditor;
CREATE ROLE regress_notify_admin;
CREATE ROLE regress_notify_app;
CREATE ROLE regress_notify_other;
CREATE ROLE regress_notify_nobody IN ROLE vault_client;
SET ROLE regress_notify_op;
SELECT vault.create_tenant('notify-a', 'regress_notify_admin') IS NOT NULL AS a,
	vault.create_tenant('notify-b', 'regress_notify_other') IS NOT NULL AS b;
SET ROLE regress_notify_admin;
SELECT vault.create_principal('app', db_role => 'regress_notify_app') IS NOT NULL AS made;
SELECT vault."grant"('app', '{read}', 'db/**') IS NOT NULL AS given;

-- subscribers: of known kinds, by administrators and operators
SELECT vault.subscribe('hooks') IS NOT NULL AS made;
SELECT vault.subscribe('app', '{rotated,deleted,policy_changed}', 'app') IS NOT NULL AS made;
SELECT vault.subscribe('hooks');
SELECT vault.subscribe('bad name');
SELECT vault.subscribe('other', '{rotated,unheard}');
SELECT vault.subscribe('other', '{}');
SELECT vault.subscribe('other', '{{rotated},{deleted}}');
SELECT vault.subscribe('other', ARRAY['rotated', NULL]);
SELECT vault.subscribe('other', principal => 'nobody');
SET ROLE regress_notify_app;
SELECT vault.subscribe('other');
SELECT vault.unsubscribe('hooks');
SET ROLE regress_notify_nobody;
SELECT vault.subscribe('other');
SELECT count(*) FROM vault.notifications;
RESET ROLE;

-- each kind, by what announces it; a put and a read announce nothing, nor does what fails or is
-- rolled back
SET ROLE regress_notify_admin;
SELECT vault.put('db/x', 'canary-7f21', description => 'canary-7f21',
	tags => '{"t": "canary-7f21"}'), vault.put('other', 'canary-7f21');
SELECT vault.put('db/x', 'canary-7f22'), vault.get('db/x') = 'canary-7f22' AS read;
SELECT vault.rotate('db/x', 'canary-7f23'), vault.rotate('other', 'canary-7f23'),
	vault.rollback('db/x'), vault.rollback('db/x', 2);
SELECT vault.rotate('absent');
BEGIN;
SELECT vault.rotate('db/x');
ROLLBACK;
SELECT vault.deactivate('db/x', 'canary? no: a reason'), vault.reactivate('db/x', 'found'),
	vault.delete('db/x') > now() AS deleted, vault.undelete('db/x');
SELECT vault.deactivate('db/x', '');
SELECT vault.create_role('team') IS NOT NULL AS made, vault.add_member('team', 'app'),
	vault.remove_member('team', 'app'), vault.drop_role('team');
SELECT vault."grant"('app', '{list}', 'none/*') AS given \gset
SELECT vault.revoke(:'given');
SELECT vault.create_principal('second') IS NOT NULL AS made, vault.drop_principal('second');
SELECT vault.allow_tokens('regress_notify_app'), vault.disallow_tokens('regress_notify_app'),
	vault.set_recovery_window('20 days');
-- many changes in one call: one
SELECT count(*) FROM vault.import_policy(
	'{"format": "vault-policy-v1", "roles": ["one", "two"], "members": [{"role": "one", '
	'"member": "app"}]}',
	dry_run => false);
-- a dry run changes nothing
SELECT count(*) FROM vault.import_policy(
	'{"format": "vault-policy-v1", "roles": ["one", "two", "three"]}');
SET ROLE regress_notify_op;
SELECT vault.suspend_tenant('notify-a'), vault.resume_tenant('notify-a');
SET ROLE regress_notify_admin;
SELECT kind, severity, secret, environment,
	regexp_replace(payload::text, '\d{4}-\d\d-\d\dT[^"]*', '…') AS payload
	FROM vault.notifications ORDER BY at;
SELECT count(*) AS of_values FROM vault.notifications n WHERE n::text LIKE '%canary-%';
-- the same for operators and auditors; of the other tenant, and of what one may know nothing of,
-- nothing
SET ROLE regress_notify_op;
SELECT tenant, count(*) FROM vault.notifications WHERE tenant LIKE 'notify-%' GROUP BY 1 ORDER BY 1;
SET ROLE regress_notify_auditor;
SELECT tenant, count(*) FROM vault.notifications WHERE tenant LIKE 'notify-%' GROUP BY 1 ORDER BY 1;
SET ROLE regress_notify_other;
SELECT tenant, kind, secret FROM vault.notifications;
SET ROLE regress_notify_app;
SELECT DISTINCT secret FROM vault.notifications;
SELECT name, principal, waiting FROM vault.subscribers;
SELECT count(acknowledged_by) AS shown FROM vault.notifications;

-- delivery: in order, leased to one at a time, again until they are acknowledged
SET ROLE regress_notify_admin;
SELECT count(*), min(kind) AS first,
	max(array_position(ARRAY(SELECT id FROM vault.notifications ORDER BY at), id)) AS last
	FROM vault.next_notifications('hooks', 3) n;
SELECT count(*) AS for_another FROM vault.next_notifications('hooks', 3);
SELECT name, waiting, leased_until > now() AS leased FROM vault.subscribers ORDER BY name;
-- of three, one is acknowledged: the lease is still held for the rest, and over with the last
CREATE TEMP TABLE batch AS SELECT id, row_number() OVER (ORDER BY at) AS n FROM vault.notifications
	WHERE at >= (SELECT min(at) FROM vault.notifications WHERE secret IS NOT NULL);
SELECT vault.acknowledge('hooks', id) FROM batch WHERE n = 1;
SELECT count(*) AS for_another FROM vault.next_notifications('hooks', 3);
SELECT vault.acknowledge('hooks', id) FROM batch WHERE n = 3;
SELECT b.n FROM vault.next_notifications('hooks', 2, '0') JOIN batch b USING (id) ORDER BY n;
-- no lease: again; and what is acknowledged twice, or before a later one, takes nothing back
SELECT b.n FROM vault.next_notifications('hooks', 2, '0') JOIN batch b USING (id) ORDER BY n;
SELECT vault.acknowledge('hooks', id) FROM batch WHERE n = 4;
SELECT vault.acknowledge('hooks', id) FROM batch WHERE n = 2;
SELECT b.n FROM vault.next_notifications('hooks', 2, '0') JOIN batch b USING (id) ORDER BY n;
-- a rolled back call has taken nothing
BEGIN;
SELECT count(*) FROM vault.next_notifications('hooks', 2);
ROLLBACK;
SELECT count(*) FROM vault.next_notifications('hooks', 2, '1 hour');
SELECT n, acknowledged_by FROM batch JOIN vault.notifications USING (id) WHERE n IN (4, 5)
	ORDER BY n;
-- a subscriber for a principal: by that principal, of the kinds, of what it may know of;
-- administrators may act for it
SET ROLE regress_notify_app;
SELECT kind, secret, payload->>'version' AS version FROM vault.next_notifications('app', 10, '0');
SELECT vault.next_notifications('hooks');
SELECT vault.acknowledge('hooks', '00000000-0000-0000-0000-000000000000');
SELECT vault.next_notifications('absent');
SELECT vault.acknowledge('app', (SELECT id FROM vault.notifications WHERE kind = 'deactivated'));
SELECT vault.acknowledge('app', '00000000-0000-0000-0000-000000000000');
SELECT vault.acknowledge('app', (SELECT id FROM vault.notifications WHERE kind = 'deleted'));
SELECT count(*) FROM vault.next_notifications('app');
SET ROLE regress_notify_admin;
SELECT count(*) FROM vault.next_notifications('app');
SELECT vault.acknowledge('app', (SELECT id FROM vault.notifications WHERE kind = 'tenant_created'));
SET ROLE regress_notify_other;
SELECT vault.next_notifications('app');
-- an operator names the tenant
SET ROLE regress_notify_op;
SELECT vault.next_notifications('app');
SELECT count(*) FROM vault.next_notifications('app', tenant => 'notify-a');
SELECT vault.subscribe('central', '{tenant_suspended,tenant_resumed,tenant_destroyed}',
	tenant => 'notify-a') IS NOT NULL AS made;
SELECT count(*) AS of_before FROM vault.next_notifications('central', tenant => 'notify-a');
SELECT vault.suspend_tenant('notify-a');
SELECT kind FROM vault.next_notifications('central', tenant => 'notify-a');
SELECT vault.resume_tenant('notify-a');
-- arguments
SET ROLE regress_notify_admin;
SELECT vault.next_notifications('hooks', 0);
SELECT vault.next_notifications('hooks', NULL);
SELECT vault.next_notifications('hooks', 10001);
SELECT vault.next_notifications('hooks', 1, '-1 second');
SELECT vault.next_notifications('hooks', 1, '2 days');
SELECT vault.next_notifications('hooks', 1, NULL);
SELECT vault.next_notifications(NULL);
SELECT vault.acknowledge('hooks', NULL);
SELECT vault.unsubscribe('absent');
-- the limit
SELECT count(vault.subscribe('s' || n)) FROM generate_series(1, 61) AS n;
SELECT vault.subscribe('one-more');
SELECT count(vault.unsubscribe('s' || n)) FROM generate_series(1, 61) AS n;

-- a subscriber goes with its principal
SELECT vault.drop_principal('app');
SELECT name FROM vault.subscribers ORDER BY name;

-- retention: what is older than 30 days goes when no subscriber that it is for waits for it
RESET ROLE;
UPDATE vault_data.notification SET at = at - interval '31 days'
	WHERE kind IN ('rotated', 'tenant_created', 'tenant_suspended')
	AND tenant_id = (SELECT tenant_id FROM vault_data.tenant WHERE name = 'notify-a');
CREATE TEMP VIEW old AS SELECT kind, count(*) FROM vault_data.notification
	WHERE at < now() - interval '30 days'
	AND tenant_id = (SELECT tenant_id FROM vault_data.tenant WHERE name = 'notify-a') GROUP BY 1
	ORDER BY 1;
SELECT * FROM old;
SET ROLE regress_notify_op;
SELECT vault.forget_notifications(0);
SELECT vault.forget_notifications(1) AS gone;
SELECT vault.forget_notifications() AS gone;
RESET ROLE;
SELECT * FROM old;
SET ROLE regress_notify_admin;
SELECT vault.unsubscribe('hooks');
SET ROLE regress_notify_op;
SELECT vault.unsubscribe('central', 'notify-a');
SELECT vault.forget_notifications() AS gone;
RESET ROLE;
SELECT * FROM old;

-- a notification that a principal may not know of now waits for it and holds up nothing; other
-- kinds are passed; after the retention it waits no more
CREATE ROLE regress_notify_late;
SET ROLE regress_notify_other;
SELECT vault.create_principal('late', db_role => 'regress_notify_late') IS NOT NULL AS made,
	vault.subscribe('late', '{rotated}', 'late') IS NOT NULL AS subscribed;
SELECT vault."grant"('late', '{read}', 'night/*',
	valid_from => now() + interval '1 hour') IS NOT NULL AS not_in_force,
	vault."grant"('late', '{read}', 'day/*') IS NOT NULL AS in_force;
SELECT vault.put('night/x', 'x1'), vault.put('day/x', 'x1'), vault.put('never', 'x1'),
	vault.deactivate('day/x', 'a kind that it does not take'), vault.reactivate('day/x', 'another');
RESET ROLE;
SELECT tenant_id AS b FROM vault_data.tenant WHERE name = 'notify-b' \gset
CREATE TEMP VIEW passed AS SELECT b.acknowledged =
	(SELECT min(n.position) - 1 FROM vault_data.notification n
	WHERE n.tenant_id = b.tenant_id AND n.kind = 'rotated') AS before_rotated,
	b.acknowledged = o.position AS everything FROM vault_data.subscriber b
	JOIN vault_data.notification_order o USING (tenant_id) WHERE b.name = 'late';
SET ROLE regress_notify_late;
SELECT count(*) AS other_kinds FROM vault.next_notifications('late');
RESET ROLE;
SELECT everything AS passed FROM passed;
SET ROLE regress_notify_other;
SELECT vault.rotate('night/x', 'x2'), vault.rotate('never', 'x2'),
	vault.deactivate('night/x', 'a kind that it does not take'),
	vault.reactivate('night/x', 'another');
SET ROLE regress_notify_late;
SELECT count(*) AS none FROM vault.next_notifications('late');
SELECT count(*) AS none FROM vault.next_notifications('late');
RESET ROLE;
SELECT * FROM passed;
SET ROLE regress_notify_other;
SELECT vault.rotate('day/x', 'x2'), vault.rotate('night/x', 'x3'), vault.rotate('day/x', 'x3');
SET ROLE regress_notify_late;
SELECT secret, payload->>'version' AS version FROM vault.next_notifications('late', 1, '0');
SELECT secret, payload->>'version' AS version FROM vault.next_notifications('late', 10, '0');
RESET ROLE;
SELECT * FROM passed;
-- the grant is in force: what waited comes, in its place
SET ROLE regress_notify_other;
SELECT vault."grant"('late', '{read}', 'night/*') AS given \gset
SET ROLE regress_notify_late;
SELECT secret, payload->>'version' AS version FROM vault.next_notifications('late', 10, '0');
-- not in force again, and all that is left acknowledged
SET ROLE regress_notify_other;
SELECT vault.revoke(:'given');
SET ROLE regress_notify_late;
SELECT secret, payload->>'version' AS version FROM vault.next_notifications('late', 10, '1 hour');
SELECT vault.acknowledge('late', (SELECT id FROM vault.notifications
	WHERE kind = 'rotated' AND secret = 'day/x' ORDER BY at DESC LIMIT 1));
SELECT count(*) AS none FROM vault.next_notifications('late');
SET ROLE regress_notify_other;
SELECT vault.rotate('never', 'x3'), vault.rotate('night/x', 'x4');
SET ROLE regress_notify_late;
SELECT count(*) AS none FROM vault.next_notifications('late');
RESET ROLE;
SELECT * FROM passed;
UPDATE vault_data.notification SET at = at - interval '31 days'
	WHERE tenant_id = :'b' AND secret = 'never';
SET ROLE regress_notify_op;
SELECT vault.forget_notifications() AS gone;
SET ROLE regress_notify_late;
SELECT count(*) AS none FROM vault.next_notifications('late');
SET ROLE regress_notify_op;
SELECT vault.forget_notifications() AS gone;
SET ROLE regress_notify_other;
SELECT vault."grant"('late', '{read}', 'n*/*') IS NOT NULL AS in_force;
SET ROLE regress_notify_late;
SELECT secret, payload->>'version' AS version FROM vault.next_notifications('late', 10, '0');
RESET ROLE;
DROP VIEW passed;

-- a tenant that is destroyed leaves that, and nothing with names
SET ROLE regress_notify_op;
SELECT vault.destroy_tenant('notify-a', 'notify-a');
SELECT tenant, kind, secret, payload FROM vault.notifications WHERE tenant = 'notify-a';
SELECT vault.destroy_tenant('notify-b', 'notify-b');
-- inside, an unknown kind is refused; outside of a call nothing is announced
RESET ROLE;
SELECT vault_data.announce('00000000-0000-0000-0000-000000000000', 'unheard', 'info', NULL, NULL);
SELECT vault_data.policy_changed();
DROP VIEW old;
DROP TABLE batch;
DROP ROLE regress_notify_late, regress_notify_op, regress_notify_auditor, regress_notify_admin,
	regress_notify_app, regress_notify_other, regress_notify_nobody;

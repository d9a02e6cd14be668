-- Rotation and expiry of secrets that have a type: how often, what may be made up, which end a
-- value has, and who is warned when.
\set SHOW_CONTEXT never
CREATE ROLE regress_rotation_types_admin;
CREATE ROLE regress_rotation_types_op IN ROLE vault_admin;
SELECT vault.create_tenant('rotation-types', 'regress_rotation_types_admin') AS a \gset
CREATE PROCEDURE pg_temp.make_due(secret text) LANGUAGE sql AS $$
	UPDATE vault_data.rotation r SET try_at = '2020-01-01' FROM vault_data.secret s
	WHERE s.id = r.secret_id AND s.name = secret
	AND r.step NOT IN ('done', 'failed', 'retire', 'wait');
	UPDATE vault_data.rotation_schedule c SET due_at = '2020-01-01', next_at = '2020-01-01'
	FROM vault_data.secret s WHERE s.id = c.secret_id AND s.name = secret
$$;
\set ends 'SELECT s.name, s.current_version, s.expires_at = v.expires_at AS its_own, round(extract(epoch FROM s.expires_at - now()) / 86400) AS days FROM vault.secrets s JOIN vault.versions v ON v.name = s.name AND v.version = s.current_version ORDER BY s.name'
SET ROLE regress_rotation_types_admin;
SELECT vault.put('key', 'key-7Q2xR9mW4zT8', 'api_key'),
	vault.put('login', 'Tr0ub4dor&3xkcd-1', 'password'), vault.put('plain', 'x'),
	vault.put('token', '2YotnFZFEjr1zCsicMWpAA', 'oauth_token');

-- as often as the type says, or the tenant's policy for it; on demand only where neither says
SELECT vault.set_rotation('key') BETWEEN now() + '89 days 22 hours'
	AND now() + '90 days 1 minute' AS in_90_days, vault.set_rotation('plain') IS NULL AS never;
SELECT name, every FROM vault.rotation_status ORDER BY name;
SELECT vault.set_type_policy('api_key', rotation_interval => '30 days');
SELECT name, every FROM vault.rotation_status ORDER BY name;
SELECT vault.set_rotation('key') < now() + '30 days 1 minute' AS in_30_days;
SELECT vault.set_rotation('key', 'weekly') < now() + '7 days 1 minute' AS in_7_days;
SELECT vault.set_rotation('key', 'on demand') IS NULL AS never;
SELECT name, every FROM vault.rotation_status ORDER BY name;
SELECT vault.set_rotation('key', overlap => '30 days');
\set VERBOSITY terse
-- values that vault cannot generate are rotated by external rotators
SELECT vault.set_rotation('token');
SELECT vault.rotate('token');
SELECT vault.set_rotation('token', rotator => 'external') IS NULL AS never;
-- other times leave the rotator as it is
SELECT vault.set_rotation('token', 'weekly') IS NOT NULL AS due;
SELECT every, rotator FROM vault.rotation_status WHERE name = 'token';
-- a value without a password is no login
SELECT vault.set_rotation('token', 'weekly', 'postgres_role',
	'{"user": "regress_rotation_types_admin"}');
SELECT vault.remove_rotation('token');

-- a new version has an end of its own, by the policy, when it becomes the current one
SELECT vault.set_type_policy('password', max_lifetime => '60 days', warn_at => '{10 days}');
SELECT vault.set_rotation('login', 'monthly', overlap => '1 hour') IS NOT NULL AS set;
:ends;
RESET ROLE;
CALL pg_temp.make_due('login');
SET ROLE regress_rotation_types_op;
SELECT vault.rotate_due(1);
SET ROLE regress_rotation_types_admin;
:ends;
SET ROLE regress_rotation_types_op;
SELECT vault.rotate_due(1);
SET ROLE regress_rotation_types_admin;
:ends;
SELECT length(vault.get('login')) AS made_up_by_policy;
-- no principal sets a later one; NULL is as long as the value lasts
SELECT vault.set_expiry('login', now() + '61 days');
SELECT vault.set_expiry('login', now() + '5 days', '1 day');
:ends;
SELECT vault.set_expiry('login', NULL);
:ends;
SELECT vault.set_expiry('login', 'infinity');
:ends;
-- back to a version from before the policy, which has none; and forth again
SELECT vault.rollback('login', 1);
:ends;
SELECT vault.rollback('login', 2);
:ends;
SELECT vault.set_expiry('login', now() + '5 days', '1 day'), vault.rollback('login', 1);
SELECT expires_at IS NOT NULL AS still, grace_until IS NOT NULL AS with_grace FROM vault.secrets
	WHERE name = 'login';
SELECT vault.rollback('login', 2);

-- a value from an external rotator is checked as any other, and the run goes on waiting
SELECT vault.put('outside', 'Tr0ub4dor&3xkcd-2', 'password'),
	vault.set_rotation('outside', 'weekly', 'external', overlap => '0') IS NOT NULL AS set;
RESET ROLE;
CALL pg_temp.make_due('outside');
SET ROLE regress_rotation_types_op;
SELECT vault.rotate_due(1);
SET ROLE regress_rotation_types_admin;
SELECT rotation AS token FROM vault.rotation_status WHERE name = 'outside' \gset
SELECT vault.complete_rotation(:'token', 'short');
SELECT vault.complete_rotation(:'token', 'Tr0ub4dor&3xkcd-2');
SELECT state, step FROM vault.rotation_status WHERE name = 'outside';
SELECT vault.complete_rotation(:'token', 'Tr0ub4dor&3xkcd-3') AS version, vault.get('outside');
:ends;

-- thresholds: the secret's, else the policy's, else the type's, else vault.expiry_warnings
SELECT vault.set_expiry('login', now() + '9 days'), vault.set_expiry('outside', now() + '9 days'),
	vault.set_expiry('key', now() + '9 days'), vault.set_expiry('token', now() + '9 days'),
	vault.set_expiry('plain', now() + '9 days');
SELECT vault.set_warnings('outside', '{12 hours}');
SET ROLE regress_rotation_types_op;
SELECT vault.announce_expiring() > 0 AS some;
SET ROLE regress_rotation_types_admin;
SELECT name, warned FROM vault.expiring('365 days') ORDER BY name;
SELECT vault.set_type_policy('password', max_lifetime => '60 days', warn_at => '{8 days 23 hours}'),
	vault.set_warnings('outside', NULL), vault.set_expiry('login', now() + '8 days 23 hours'),
	vault.set_expiry('token', now() + '23 hours');
SET ROLE regress_rotation_types_op;
SELECT vault.announce_expiring() > 0 AS some;
SET ROLE regress_rotation_types_admin;
SELECT name, warned FROM vault.expiring('365 days') ORDER BY name;

RESET ROLE;
SELECT vault.destroy_tenant('rotation-types', 'rotation-types');

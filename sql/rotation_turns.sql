-- Tenants take turns: one that has hundreds of rotations due, or slow ones, is waited for once a
-- round; so it is in what other jobs do in batches.
\set SHOW_CONTEXT never
CREATE ROLE regress_turns_many;
CREATE ROLE regress_turns_few;
CREATE ROLE regress_turns_slow;
CREATE ROLE regress_turns_owner;
SELECT count(vault.create_tenant('turns-' || t, 'regress_turns_' || t))
	FROM unnest('{many,few,slow}'::text[]) AS t;
CREATE SCHEMA regress_turns AUTHORIZATION regress_turns_owner;
GRANT USAGE ON SCHEMA regress_turns TO regress_turns_slow;
SET ROLE regress_turns_owner;
CREATE FUNCTION regress_turns.create(text, text, integer, text, text) RETURNS text
	LANGUAGE sql AS $$ SELECT 'made' $$;
CREATE FUNCTION regress_turns.set(text, text, integer, text, text) RETURNS void LANGUAGE sql AS '';
SET ROLE regress_turns_many;
SELECT count(vault.put('n' || n, 'x')), count(vault.set_rotation('n' || n, '1 day', overlap => '0'))
	FROM generate_series(1, 300) AS n;
SET ROLE regress_turns_few;
SELECT vault.put('one', 'x'), vault.put('two', 'x'),
	vault.set_rotation('one', '1 day', overlap => '1 hour') > now() AS due,
	vault.set_rotation('two', '1 day', overlap => '1 hour') > now() AS due;
SET ROLE regress_turns_slow;
SELECT vault.create_principal('owner', db_role => 'regress_turns_owner') IS NOT NULL AS made;
SELECT count(vault.put('f' || n, 'x')),
	count(vault.set_rotation('f' || n, '1 day', 'function',
	'{"create": "regress_turns.create", "set": "regress_turns.set"}', overlap => '0'))
	FROM generate_series(1, 4) AS n;
RESET ROLE;
CREATE FUNCTION pg_temp.due(tenant text, name text, ago interval) RETURNS void LANGUAGE sql AS $$
	UPDATE vault_data.rotation_schedule c SET due_at = now() - ago, next_at = now() - ago
	FROM vault_data.secret s JOIN vault_data.tenant t USING (tenant_id)
	WHERE t.name = 'turns-' || $1 AND s.id = c.secret_id AND s.name LIKE $2;
$$;
CREATE FUNCTION pg_temp.rotated(tenant text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(s.name, ' ' ORDER BY s.name COLLATE "C") FROM vault_data.secret s
	JOIN vault_data.tenant t USING (tenant_id)
	WHERE t.name = 'turns-' || $1 AND s.current_version > 1
$$;

-- a day overdue, two hours, and a minute
SELECT pg_temp.due('many', '%', '1 day'), pg_temp.due('slow', '%', '2 hours'),
	pg_temp.due('few', 'one', '1 minute'), pg_temp.due('few', 'two', '2 minutes');
SELECT vault.rotate_due(20);
SELECT pg_temp.rotated('few') AS few, length(pg_temp.rotated('many')) > 0 AS many,
	pg_temp.rotated('slow') IS NULL AS not_the_slow_ones_yet;

-- the slow ones come although there is always something quick to do, each tenant's one at a time
SELECT vault.rotate_due(130);
SELECT count(*) AS begun FROM vault.rotation_status WHERE tenant = 'turns-slow' AND state <> 'idle';
SELECT array_length(string_to_array(pg_temp.rotated('many'), ' '), 1) BETWEEN 30
	AND 200 AS and_many_goes_on;

-- a suspended tenant is passed over, and so are rows changed outside, however many they are
SELECT vault.suspend_tenant('turns-slow');
UPDATE vault_data.rotation_schedule SET every = '2 days'
	WHERE tenant_id = (SELECT id FROM vault.tenants WHERE name = 'turns-many') AND next_at <= now();
SELECT pg_temp.due('few', '%', '1 second');
SELECT vault.rotate_due(100) BETWEEN 1 AND 20 AS few_alone;
SELECT vault.rotate_due(100) = 0 AS then_nothing;

-- other jobs: of a batch each tenant has a share, and what others do not need goes to who has more
SET ROLE regress_turns_many;
SELECT count(vault.put('end' || n, 'x', expires_at => clock_timestamp() + interval '1 second')),
	count(vault.put('gone' || n, 'x')), count(vault."delete"('gone' || n))
	FROM generate_series(1, 40) AS n;
SET ROLE regress_turns_few;
SELECT vault.put('end', 'x', expires_at => clock_timestamp() + interval '1 second'),
	vault.put('gone', 'x'), vault."delete"('gone') > now() AS deleted;
RESET ROLE;
SELECT pg_sleep(1.1);
SELECT vault.announce_expired(30);
SELECT tenant, CASE tenant WHEN 'turns-few' THEN count(*) END AS of_few FROM vault.notifications
	WHERE kind = 'expired' AND tenant LIKE 'turns-%' GROUP BY 1 ORDER BY 1;
SELECT vault.announce_expired(1000) > 0 AS the_rest, vault.announce_expired(1000) AS nothing;
SELECT tenant, count(*) FROM vault.notifications WHERE kind = 'expired' AND tenant LIKE 'turns-%'
	GROUP BY 1 ORDER BY 1;
SELECT vault.announce_expiring(1000) >= 0 AS done;
SELECT count(vault.destroy_tenant('turns-' || t, 'turns-' || t))
	FROM unnest('{many,few}'::text[]) AS t;
SELECT vault.resume_tenant('turns-slow'), vault.destroy_tenant('turns-slow', 'turns-slow');
\set VERBOSITY terse
DROP SCHEMA regress_turns CASCADE;
DROP ROLE regress_turns_many, regress_turns_few, regress_turns_slow, regress_turns_owner;

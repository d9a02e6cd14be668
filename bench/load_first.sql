-- Three times a thousand secrets while the server has no statistics yet: a plan that is kept from
-- the first call must not make the later ones slower.
SET ROLE bench_admin;
\timing on
\echo first
SELECT count(vault.put(name, 'sk_live_' || md5(name)))
	FROM (SELECT name FROM names ORDER BY name LIMIT 1000) n;
\echo second
SELECT count(vault.put(name, 'sk_live_' || md5(name)))
	FROM (SELECT name FROM names ORDER BY name OFFSET 1000 LIMIT 1000) n;
\echo third
SELECT count(vault.put(name, 'sk_live_' || md5(name)))
	FROM (SELECT name FROM names ORDER BY name OFFSET 2000 LIMIT 1000) n;

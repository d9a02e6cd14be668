-- All other secrets, in one statement.
ANALYZE;
SET ROLE bench_admin;
\timing on
\echo load
SELECT count(vault.put(name, 'sk_live_' || md5(name)))
	FROM (SELECT name FROM names ORDER BY name OFFSET 3000) n;
\timing off
RESET ROLE;
VACUUM ANALYZE;
CHECKPOINT;

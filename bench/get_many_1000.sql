-- Nine times a thousand secrets in one statement, and nine times one, and how often the backend
-- went to sleep meanwhile.
SELECT pg_backend_pid() AS pid \gset
\setenv BACKEND :pid
SELECT count(value) FROM vault.get_many('apps/app-101*/*') \g /dev/null
SELECT pg_sleep(0.3) \g /dev/null
\echo sleeps
\! sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' /proc/$BACKEND/status
\timing on
\echo get_many
SELECT count(value) FROM generate_series(1, 9) i, vault.get_many('apps/app-10' || i || '*/*');
\timing off
\echo sleeps
\! sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' /proc/$BACKEND/status
SELECT pg_sleep(0.3) \g /dev/null
\echo sleeps
\! sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' /proc/$BACKEND/status
SELECT count(vault.get('apps/app-10' || i || '001/api-key'))
	FROM generate_series(1, 9) i \g /dev/null
\echo sleeps
\! sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' /proc/$BACKEND/status

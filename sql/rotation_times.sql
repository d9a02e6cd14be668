-- The next time of a cron expression is the one that a naive search over every minute finds, across
-- changes of the clocks, in every zone.
\set SHOW_CONTEXT never
\set VERBOSITY terse
-- each minute on the wall that the fields name, as PostgreSQL maps it to time, and the first of
-- these after p_after
CREATE FUNCTION pg_temp.field_holds(field text, lowest integer, highest integer, value integer)
	RETURNS boolean LANGUAGE sql AS $$
	SELECT bool_or(value BETWEEN from_ AND to_ AND (value - from_) % step = 0) FROM (
		SELECT CASE WHEN m[1] = '*' THEN lowest ELSE m[2]::integer END AS from_,
		CASE WHEN m[1] = '*' THEN highest ELSE coalesce(m[3], m[2])::integer END AS to_,
		coalesce(m[4]::integer, 1) AS step
		FROM string_to_table(field, ',') AS element,
		regexp_match(element, '^(\*|(\d+)(?:-(\d+))?)(?:/(\d+))?$') AS m) AS e
$$;
CREATE FUNCTION pg_temp.naive(expression text, zone text, p_after timestamptz) RETURNS timestamptz
	LANGUAGE plpgsql AS $$
DECLARE
	f text[] := regexp_split_to_array(expression, ' ');
	hours integer[] := ARRAY(SELECT h FROM generate_series(0, 23) AS h
	WHERE pg_temp.field_holds(f[2], 0, 23, h));
	minutes integer[] := ARRAY(SELECT m FROM generate_series(0, 59) AS m
	WHERE pg_temp.field_holds(f[1], 0, 59, m));
	day date;
	answer timestamptz;
BEGIN
	FOR i IN -1 .. 1500 LOOP
		day := (p_after AT TIME ZONE zone)::date + i;
		CONTINUE WHEN NOT pg_temp.field_holds(f[4], 1, 12, date_part('month', day)::integer);
		CONTINUE WHEN NOT CASE WHEN f[3] LIKE '*%' OR f[5] LIKE '*%'
			THEN pg_temp.field_holds(f[3], 1, 31, date_part('day', day)::integer)
			AND (pg_temp.field_holds(f[5], 0, 7, date_part('dow', day)::integer)
			OR date_part('dow', day) = 0 AND pg_temp.field_holds(f[5], 0, 7, 7))
			ELSE pg_temp.field_holds(f[3], 1, 31, date_part('day', day)::integer)
			OR pg_temp.field_holds(f[5], 0, 7, date_part('dow', day)::integer)
			OR date_part('dow', day) = 0 AND pg_temp.field_holds(f[5], 0, 7, 7) END;
		SELECT min(t) INTO answer FROM unnest(hours) AS h, unnest(minutes) AS m,
		LATERAL (SELECT (day + make_time(h, m, 0)) AT TIME ZONE zone AS t) AS at WHERE t > p_after;
		EXIT WHEN answer IS NOT NULL;
	END LOOP;
	RETURN answer;
END
$$;
-- the reference knows what is known
SELECT pg_temp.naive('30 2 * * *', 'Europe/Berlin', '2026-03-28 12:00+00') AT TIME ZONE
	'Europe/Berlin' AS skipped, pg_temp.naive('30 2 * * *', 'Europe/Berlin', '2026-10-24 12:00+00')
	AT TIME ZONE 'UTC' AS repeated;
SELECT vault_data.next_cron('30 2 * * * Europe/Berlin', '2026-03-28 12:00+00') AT TIME ZONE
	'Europe/Berlin' AS skipped, vault_data.next_cron('30 2 * * * Europe/Berlin',
	'2026-10-24 12:00+00') AT TIME ZONE 'UTC' AS repeated,
	vault_data.next_cron('30 2 * * * Europe/Berlin', '2026-10-25 01:30+00') AT TIME ZONE
	'UTC' AS once;
SELECT e, vault_data.next_cron(e, '2026-07-31 23:59:30+00') AT TIME ZONE 'UTC' AS next
	FROM
	string_to_table(
	'* * * * *|0 0 29 2 *|59 23 31 12 *|0 0 1 * mon|*/7 */5 1-7/3 * *|0 12 * feb-apr sun|5-10/2,59 '
	'0,1 * * *|0 0 13 * 5|0 0 * * 7',
	'|') AS e;

-- random expressions, zones and times, near changes of the clocks for a half
SELECT setseed(0.42);
CREATE TEMP TABLE sample AS SELECT
	concat_ws(' ',
		(ARRAY['*', '*/' || 1 + (random() * 30)::integer, (random() * 59)::integer || '',
		(random() * 29)::integer || '-' || 30 + (random() * 29)::integer || '/7', '0,30',
		'5,10,55'])[1 + (random() * 5)::integer],
		(ARRAY['*', (random() * 23)::integer || '', '1-3', '2', '*/5', '0,2,23'])[1 +
		(random() * 5)::integer],
		(ARRAY['*', '*', 1 + (random() * 27)::integer || '', '1-7', '*/10'])[1 +
		(random() * 4)::integer],
		(ARRAY['*', '*', '*', 1 + (random() * 11)::integer || '', '3,10'])[1 +
		(random() * 4)::integer],
		(ARRAY['*', '*', (random() * 7)::integer || '', '1-5', '0,6'])[1 + (random() * 4)::integer])
		AS expression,
	(ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata',
	'Africa/Casablanca', 'Pacific/Apia'])[1 + n % 7] AS zone,
	CASE WHEN n % 2 = 0 THEN timestamptz '2024-01-01 00:00+00' + random() * interval '4 years'
		ELSE (ARRAY['2026-03-29 01:00+00', '2026-10-25 01:00+00', '2026-03-08 07:00+00',
		'2026-11-01 06:00+00', '2026-04-04 15:00+00', '2026-10-03 15:30+00']::timestamptz[])[1 + n %
		6] + (random() - 0.5) * interval '4 hours' END AS after
FROM generate_series(1, 400) AS n;
SELECT count(*) AS compared, count(DISTINCT expression) > 200 AS different,
	count(*) FILTER (WHERE next IS DISTINCT FROM naive) AS wrong FROM (
	SELECT *, vault_data.next_cron(expression || ' ' || zone, after) AS next,
	pg_temp.naive(expression, zone, after) AS naive FROM sample) AS s;

-- strictly parsed: what is refused is refused for its field, and a text that is meant as something
-- else is no cron expression
CREATE FUNCTION pg_temp.judged(e text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN vault_data.is_cron(e) THEN 'taken' ELSE 'not meant as one' END;
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN SQLERRM;
END
$$;
SELECT e, pg_temp.judged(e) FROM unnest(ARRAY['60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *',
	'* * * 13 *', '* * * * 8', '1,, * * * *',
	'5-1 * * * *', '*/0 * * * *', '1/2 * * * *', '001 * * * *', '-1 * * * *', '* * * janu *',
	'0 3 * * MONN', '0 3 * *', '@reboot', '@often', '* * * * * Berlin',
	'* * * * * *', '', '1 day', '1 day 2 hours 3', '@ 1 day']) AS e;
-- names in any case, whole or short, and names of times, mean the same
SELECT e, vault_data.next_cron(e, '2026-07-31 23:59:30+00') AT TIME ZONE 'UTC' AS next
	FROM unnest(ARRAY['0 3 * * MON', '0 3 * * Monday', '0 3 * JAN *',
	'0 3 * january *', '0 9 * * Mon-Fri', '0 9 * * fri-SUN', ' *  * * * *	', '@hourly', '@Daily',
	'@midnight', '@weekly', '@monthly', '@yearly',
	'@annually', '@daily europe/berlin']) AS e;
SELECT vault_data.next_cron('* * * * * Europe/Atlantis', now());
SELECT vault_data.next_cron('0 0 31 feb *', now());
SELECT vault_data.next_cron('* * * * *', 'infinity');

-- windows: what is inside stays, what is not comes in at that part of the next stretch
SELECT w, vault_data.next_in_window(w, t, s) AT TIME ZONE 'UTC' AS next FROM (VALUES
	('daily 02:00-04:00 UTC', timestamptz '2026-07-01 03:10:20+00', 0.5::float8),
	('daily 02:00-04:00 UTC', '2026-07-01 04:00+00', 0),
	('daily 02:00-04:00 UTC', '2026-07-01 04:00+00', 0.5),
	('sat,sun 22:00-02:00 UTC', '2026-07-01 12:00+00', 0.999),
	('mon 00:00-24:00 Europe/Berlin', '2026-07-01 12:00+00', 0),
	('daily 02:00-03:00 Europe/Berlin', '2026-03-28 12:00+00', 0)) AS v (w, t, s);
SELECT vault_data.next_in_window('sometimes', now(), 0);

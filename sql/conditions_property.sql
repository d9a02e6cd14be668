-- Time windows, blocks and patterns are judged as an independent reference says, in thousands of
-- generated cases.
\set SHOW_CONTEXT never
CREATE ROLE regress_property_admin;
SELECT vault.create_tenant('property', 'regress_property_admin') IS NOT NULL AS made;
SET ROLE regress_property_admin;
SELECT vault.create_principal('windows') IS NOT NULL AS made,
	vault.create_principal('blocks') IS NOT NULL AS made,
	vault.create_principal('patterns') IS NOT NULL AS made;

-- the same "random" numbers each time
CREATE FUNCTION pg_temp.pick(seed text, range int) RETURNS int
	LANGUAGE sql IMMUTABLE AS $$ SELECT (('x' || left(md5(seed), 7))::bit(28)::int % range) $$;
CREATE FUNCTION pg_temp.one_of(seed text, given text[]) RETURNS text
	LANGUAGE sql IMMUTABLE AS $$ SELECT given[1 + pg_temp.pick(seed, cardinality(given))] $$;

-- windows: the reference asks the server for the local time and goes over days and minutes
CREATE TEMP TABLE win AS
SELECT i, format('%s %s-%s %s', pg_temp.one_of('d' || i,
	'{daily,mon-fri,sat-sun,"sun,wed",fri-mon,"mon,tue,thu",sat,tue-tue}'),
	to_char(time '00:00' + pg_temp.pick('f' || i, 96) * interval '15 min', 'HH24:MI'),
	CASE WHEN i % 11 = 0 THEN '24:00' ELSE
	to_char(time '00:07' + pg_temp.pick('t' || i, 96) * interval '15 min', 'HH24:MI') END,
	pg_temp.one_of('z' || i,
	'{UTC,Europe/Berlin,America/New_York,Asia/Kolkata,Pacific/Kiritimati,Australia/Lord_Howe,Etc/'
	'GMT+5}'))
	AS text
FROM generate_series(1, 60) AS i;
CREATE TEMP TABLE win_grant AS SELECT
	vault."grant"('windows', '{read}', 'x', windows => ARRAY[text]) AS id, text FROM win;
CREATE FUNCTION pg_temp.days(list text) RETURNS int[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	names text[] := '{sun,mon,tue,wed,thu,fri,sat}';
	part text;
	day int;
	days int[] := '{}';
BEGIN
	IF list = 'daily' THEN RETURN '{0,1,2,3,4,5,6}'; END IF;
	FOREACH part IN ARRAY string_to_array(list, ',') LOOP
		day := array_position(names, split_part(part, '-', 1)) - 1;
		days := days || day;
		WHILE part LIKE '%-%' AND names[day + 1] <> split_part(part, '-', 2) LOOP
			day := (day + 1) % 7;
			days := days || day;
		END LOOP;
	END LOOP;
	RETURN days;
END
$$;
CREATE FUNCTION pg_temp.in_window(at timestamptz, w text) RETURNS boolean
	LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	p text[] := regexp_match(w, '^(\S+) (\d\d:\d\d)-(\d\d:\d\d) (\S+)$');
	clock timestamp := at AT TIME ZONE p[4];
	day date;
BEGIN
	-- true if the clock is between the beginning and the end of a window of today or of yesterday
	FOREACH day IN ARRAY ARRAY[clock::date, clock::date - 1] LOOP
		IF extract(dow FROM day)::int = ANY (pg_temp.days(p[1])) AND clock >= day + p[2]::interval
			AND clock < day + p[3]::interval +
			(CASE WHEN p[3]::interval < p[2]::interval THEN interval '24 hours' ELSE interval '0'
			END)
		THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END
$$;
CREATE TEMP TABLE moment AS
SELECT at FROM generate_series('2026-03-28 18:00+00'::timestamptz, '2026-03-29 12:00+00',
	'53 min') AS at
UNION ALL SELECT at FROM generate_series('2026-10-24 18:00+00'::timestamptz, '2026-10-25 12:00+00',
	'47 min') AS at
UNION ALL SELECT '2026-01-01 00:00+00'::timestamptz + pg_temp.pick('m' || i, 365 * 1440) * interval
	'1 min' FROM generate_series(1, 60) AS i;
CREATE TEMP TABLE judged AS SELECT m.at, w.text, e.applies AS inside FROM moment AS m,
	vault.explain_access('windows', 'read', 'x', at => m.at) AS e JOIN win_grant AS w
	ON w.id = e.grant_id WHERE e.reason NOT LIKE 'decision%';
SELECT count(*) > 6000 AS thousands,
	count(*) FILTER (WHERE inside) BETWEEN count(*) / 10 AND count(*) * 9 / 10 AS both,
	count(*) FILTER (WHERE inside <> pg_temp.in_window(at, text)) AS wrong FROM judged;
SELECT at, text, inside FROM judged WHERE inside <> pg_temp.in_window(at, text) LIMIT 5;

-- blocks: the reference is the server's own type
CREATE TEMP TABLE address AS SELECT CASE WHEN i % 2 = 0
	THEN format('10.%s.%s.%s', pg_temp.pick('a' || i, 4), pg_temp.pick('b' || i, 4),
	pg_temp.pick('c' || i, 256))
	ELSE format('2001:db8:%s:%s::%s', to_hex(pg_temp.pick('a' || i, 4)),
	to_hex(pg_temp.pick('b' || i, 4)), to_hex(pg_temp.pick('c' || i, 65536))) END::inet AS address
	FROM generate_series(1, 80) AS i;
CREATE TEMP TABLE block_grant AS SELECT
	vault."grant"('blocks', '{read}', 'x', addresses => ARRAY[block::text]) AS id, block FROM
	(SELECT network(set_masklen(address, CASE family(address) WHEN 4
	THEN pg_temp.pick('n' || address, 33) ELSE pg_temp.pick('n' || address, 129) END)) AS block
	FROM address
	UNION SELECT network(set_masklen(address, CASE family(address) WHEN 4 THEN 14 ELSE 46 END))
	FROM address UNION VALUES (cidr '0.0.0.0/0'), ('::/0')) AS b;
CREATE TEMP TABLE located AS SELECT a.address, b.block, e.applies AS inside FROM address AS a,
	vault.explain_access('blocks', 'read', 'x', from_address => a.address) AS e
	JOIN block_grant AS b ON b.id = e.grant_id WHERE e.reason NOT LIKE 'decision%';
SELECT count(*) > 4000 AS thousands, count(*) FILTER (WHERE inside) > 500 AS some,
	count(*) FILTER (WHERE inside <> (address <<= block)) AS wrong FROM located;
-- IPv4 in IPv6 is IPv4
SELECT count(*) FILTER (WHERE e.applies <> (address <<= block)) AS wrong,
	count(*) FILTER (WHERE e.applies) > 100 AS some FROM address AS a,
	vault.explain_access('blocks', 'read', 'x',
	from_address => ('::ffff:' || host(a.address))::inet) AS e JOIN block_grant AS b
	ON b.id = e.grant_id WHERE family(a.address) = 4 AND e.reason NOT LIKE 'decision%';

-- patterns: the reference is a regular expression
CREATE FUNCTION pg_temp.segment(seed text, wild boolean) RETURNS text
	LANGUAGE sql IMMUTABLE AS $$ SELECT
	pg_temp.one_of(seed, CASE WHEN wild THEN '{a,b,ab,*,**,a*,*b,**}' ELSE '{a,b,ab,ba}'
	END::text[]) $$;
CREATE FUNCTION pg_temp.path(seed text, wild boolean) RETURNS text
	LANGUAGE sql IMMUTABLE AS $$ SELECT string_agg(pg_temp.segment(seed || i, wild), '/' ORDER BY i)
	FROM generate_series(1, 1 + pg_temp.pick(seed, 4)) AS i $$;
CREATE FUNCTION pg_temp.as_regexp(pattern text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT '^' || regexp_replace(regexp_replace(regexp_replace(replace(pattern, '**', '#'), '\*',
	'[^/]*', 'g'), '#/', '(?:[^/]+/)*', 'g'), '#$', '.+') || '$'
$$;
CREATE TEMP TABLE pattern_grant AS SELECT vault."grant"('patterns', '{read}', pattern) AS id,
	pattern FROM (SELECT DISTINCT pg_temp.path('p' || i, true) AS pattern
	FROM generate_series(1, 120) AS i) AS p;
CREATE TEMP TABLE matched AS SELECT n.name, p.pattern, e.applies AS matches
	FROM (SELECT DISTINCT pg_temp.path('n' || i, false) AS name
	FROM generate_series(1, 100) AS i) AS n, vault.explain_access('patterns', 'read', n.name) AS e
	JOIN pattern_grant AS p ON p.id = e.grant_id WHERE e.reason NOT LIKE 'decision%';
SELECT count(*) > 4000 AS thousands, count(*) FILTER (WHERE matches) > 500 AS some,
	count(*) FILTER (WHERE matches <> (name ~ pg_temp.as_regexp(pattern))) AS wrong FROM matched;
SELECT name, pattern, matches FROM matched WHERE matches <> (name ~ pg_temp.as_regexp(pattern))
	LIMIT 5;

RESET ROLE;
SELECT vault.destroy_tenant('property', 'property');
DROP TABLE judged, moment, win_grant, win, located, block_grant, address, matched, pattern_grant;
DROP FUNCTION pg_temp.as_regexp(text), pg_temp.path(text, boolean), pg_temp.segment(text, boolean),
	pg_temp.in_window(timestamptz, text), pg_temp.days(text), pg_temp.one_of(text, text[]),
	pg_temp.pick(text, int);
DROP ROLE regress_property_admin;

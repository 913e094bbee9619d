-- Functions of one row agree with PostgreSQL's own SQL: the calendar with EXTRACT, over all its years and zones.
\ir setup.psql
SELECT * FROM no_plan();

-- Days of all the calendar: every day from 1896 to 2104, every 997th of the dates there are, and around the turns of years.
CREATE TEMP TABLE day AS
SELECT date '1896-01-01' + i AS d FROM generate_series(0, 76335) AS i
UNION ALL SELECT date '4713-11-24 BC' + i FROM generate_series(0, 3000000, 997) AS i
UNION ALL SELECT date '5874897-12-31' - i FROM generate_series(0, 900) AS i
UNION ALL SELECT date '0001-03-01' + i FROM generate_series(-3000, 3000) AS i
UNION ALL SELECT date '4713-11-24 BC' + i FROM generate_series(0, 900) AS i
UNION ALL SELECT d + i FROM unnest('{1600-12-31,1700-02-28,1800-02-28,2400-02-28,9999-12-31,100000-02-28,294276-12-30}'::date[]) AS d, generate_series(-3, 3) AS i;

-- What EXTRACT and date_trunc say of a timestamp without zone, as text that compares.
CREATE FUNCTION pg_temp.parts_of(at timestamp) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT concat_ws(' ', extract(year FROM at), extract(quarter FROM at), extract(month FROM at), extract(week FROM at), extract(day FROM at),
		extract(isodow FROM at) - 1, extract(doy FROM at), extract(hour FROM at), extract(isodow FROM at) IN (6, 7), extract(day FROM at) = 1,
		extract(day FROM at + interval '1 day') = 1)
$$;

SELECT is(count(*), 0::bigint, 'of a date' || coalesce(', but not of ' || min(d), '')) FROM day
WHERE row(echolon_year(d), echolon_quarter(d), echolon_month(d), echolon_week(d), echolon_day_of_month(d), echolon_day_of_week(d), echolon_day_of_year(d), echolon_is_weekend(d))
	IS DISTINCT FROM row(extract(year FROM d)::int, extract(quarter FROM d)::int, extract(month FROM d)::int, extract(week FROM d)::int, extract(day FROM d)::int,
		extract(isodow FROM d)::int - 1, extract(doy FROM d)::int, extract(isodow FROM d) IN (6, 7))
	OR echolon_is_month_start(d) IS DISTINCT FROM (extract(day FROM d) = 1)
	OR echolon_is_month_end(d) IS DISTINCT FROM (d = date '5874897-12-31' OR extract(day FROM d + 1) = 1);

-- the composite is what the single functions are
SELECT is(count(*), 0::bigint, 'the composite of a date') FROM day, LATERAL echolon_temporal_features(d) AS t
WHERE t IS DISTINCT FROM row(echolon_year(d), echolon_quarter(d), echolon_month(d), echolon_week(d), echolon_day_of_month(d), echolon_day_of_week(d), echolon_day_of_year(d),
	echolon_hour(d), echolon_is_weekend(d), echolon_is_month_start(d), echolon_is_month_end(d), echolon_month_sin(d), echolon_month_cos(d),
	echolon_day_of_week_sin(d), echolon_day_of_week_cos(d), echolon_hour_sin(d), echolon_hour_cos(d))::echolon.temporal_features;

-- Timestamps: each hour of some days, microseconds beside midnight, both ends of what there is.
CREATE TEMP TABLE moment AS
SELECT d + make_interval(hours => h) AS at FROM day, generate_series(0, 23, 7) AS h WHERE d BETWEEN '2000-01-01' AND '2008-12-31'
UNION ALL SELECT d + make_interval(secs => s) FROM day, unnest('{-0.000001,0,0.000001}'::float8[]) AS s WHERE d > '4713-11-24 BC' AND d < '294276-12-31' AND echolon_day_of_year(d) IN (1, 60, 365, 366)
UNION ALL SELECT unnest('{4713-11-24 00:00:00 BC,294276-12-31 23:59:59.999999,294276-12-31 00:00:00}'::timestamp[]);
CREATE FUNCTION pg_temp.ours(t echolon.temporal_features) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT concat_ws(' ', t.year, t.quarter, t.month, t.week, t.day_of_month, t.day_of_week, t.day_of_year, t.hour, t.is_weekend, t.is_month_start, t.is_month_end)
$$;
SELECT is(count(*), 0::bigint, 'of a timestamp') FROM moment
WHERE at < '294276-12-31' AND pg_temp.ours(echolon_temporal_features(at)) <> pg_temp.parts_of(at);
SELECT is(pg_temp.ours(echolon_temporal_features(timestamp '294276-12-31 23:59:59.999999')), '294276 4 12 52 31 6 366 23 t f t', 'of the last timestamp');

-- Zones: around every change of clocks, with odd offsets, in both hemispheres, long ago and far ahead.
CREATE TEMP TABLE zone AS SELECT unnest('{UTC,Europe/Berlin,America/New_York,America/St_Johns,Australia/Lord_Howe,Asia/Kathmandu,Pacific/Apia,Pacific/Chatham,Africa/Casablanca,EST5EDT,<+0330>-3:30}'::text[]) AS zone;
CREATE TEMP TABLE instant AS
SELECT timestamptz '1969-01-01 00:00+00' + i * interval '331 minutes' AS at FROM generate_series(0, 90000, 7) AS i
UNION ALL SELECT timestamptz '2024-01-01 00:00+00' + i * interval '30 minutes' FROM generate_series(0, 17567) AS i
UNION ALL SELECT at AT TIME ZONE 'UTC' FROM moment WHERE at BETWEEN '1800-01-01' AND '1960-01-01' OR at > '2100-01-01' AND at < '294276-12-01' OR at < '0100-01-01' AND at > '4713-12-01 BC';
SELECT is(count(*), 0::bigint, 'of a timestamptz in ' || zone) FROM zone, instant
WHERE pg_temp.ours(echolon_temporal_features(at, zone)) <> pg_temp.parts_of(at AT TIME ZONE zone) GROUP BY zone
UNION ALL SELECT pass('of a timestamptz in ' || count(*) || ' zones, ' || (SELECT count(*) FROM instant) || ' instants') FROM zone;
SELECT is(echolon_day_of_month(timestamptz '4713-11-24 00:00:00+00 BC', 'America/New_York'),
	extract(day FROM timestamptz '4713-11-24 00:00:00+00 BC' AT TIME ZONE 'Europe/Berlin')::int - 1, 'a zone may begin a day before the calendar of timestamps');
SET LOCAL timezone = 'America/St_Johns';
SELECT is(count(*), 0::bigint, 'of a timestamptz in the session''s zone') FROM instant
WHERE pg_temp.ours(echolon_temporal_features(at)) IS DISTINCT FROM pg_temp.parts_of(at::timestamp) OR echolon_hour(at) IS DISTINCT FROM extract(hour FROM at);
SET LOCAL timezone = 'UTC';

-- Circles.
SELECT is(count(*), 0::bigint, 'sines and cosines are those of the angles') FROM moment
WHERE (abs(echolon_month_sin(at) - sin(2 * pi() * (extract(month FROM at) - 1) / 12)) <= 1e-15 AND abs(echolon_month_cos(at) - cos(2 * pi() * (extract(month FROM at) - 1) / 12)) <= 1e-15
	AND abs(echolon_day_of_week_sin(at) - sin(2 * pi() * (extract(isodow FROM at) - 1) / 7)) <= 1e-15 AND abs(echolon_day_of_week_cos(at) - cos(2 * pi() * (extract(isodow FROM at) - 1) / 7)) <= 1e-15
	AND abs(echolon_hour_sin(at) - sin(2 * pi() * extract(hour FROM at) / 24)) <= 1e-15 AND abs(echolon_hour_cos(at) - cos(2 * pi() * extract(hour FROM at) / 24)) <= 1e-15) IS NOT TRUE;
SELECT is(count(DISTINCT (echolon_hour_sin(at), echolon_hour_cos(at))), 24::bigint, 'each hour is a place of its own') FROM instant;

-- A training's calendar is this one: its single tree splits on the month as echolon_month says.
CREATE TEMP TABLE seen AS SELECT d, echolon_month(d)::float8 * 10 AS y FROM day WHERE d BETWEEN '2015-01-01' AND '2022-12-31';
SELECT lives_ok($$SELECT echolon_train_rf('seen', 'y', model => 'calendar', n_estimators => 1, bootstrap => false, max_features => 'all', test_fraction => 0)$$, 'trained on dates');
SELECT is(count(*), 0::bigint, 'a training sees the same month') FROM seen AS s WHERE (abs(echolon_predict('calendar', s) - 10 * echolon_month(d)) <= 1e-9) IS NOT TRUE;

-- Arithmetic: the bits of PostgreSQL's own operators, whatever the types.
CREATE TEMP TABLE pair AS SELECT (hashint4(i) % 100000) / 128.0::float8 AS a, (hashint4(i + 77777) % 1000) / 7.0::float8 AS b, (hashint4(i + 5) % 100000) / 1000.0 AS n, i FROM generate_series(1, 5000) AS i;
SELECT is(count(*), 0::bigint, 'sums, differences, products, ratios') FROM pair
WHERE (echolon_add(a, b) = a + b AND echolon_subtract(a, n) = a - n::float8 AND echolon_product(a, n, i) = a * n::float8 * i AND echolon_ratio(a, i) = a / i
	AND echolon_ratio(a, b) IS NOT DISTINCT FROM a / nullif(b, 0) AND echolon_product(VARIADIC ARRAY[a, b, n]) = echolon_product(a, b, n) AND echolon_power(a, 2) = a * a
	AND abs(echolon_power(b, 10) - power(b, 10)) <= 1e-12 * power(b, 10)) IS NOT TRUE;
SELECT is(pg_temp.error_of(format('SELECT echolon_%s(x::text, 1) FROM pair AS p(x)', f)), '42804 function echolon_' || f || ' needs numbers | Argument 1 is of type text. | Numbers are smallint, integer, bigint, real, double precision, numeric and interval (in seconds).', 'text is no number: ' || f)
FROM unnest('{add,subtract,ratio,product,power}'::text[]) AS f;
-- the types are looked up once a call site; PL/pgSQL keeps it over calls
CREATE FUNCTION pg_temp.twice(x anyelement) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RETURN echolon_add(x, x); END $$;
SELECT is(ARRAY[pg_temp.twice(1.25), pg_temp.twice(2), pg_temp.twice(3::float4), pg_temp.twice(interval '1 second')], '{2.5,4,6,2}', 'types that change between calls');

-- Business.
SELECT is(count(*), 0::bigint, 'churn risk is least(1, greatest(0, days / horizon))') FROM pair WHERE echolon_churn_risk(b, 60) IS DISTINCT FROM least(1, greatest(0, b / 60)) OR echolon_churn_risk(b) IS DISTINCT FROM least(1, greatest(0, b / 90));
SELECT is(count(*), 0::bigint, 'churn segments') FROM pair
WHERE echolon_churn_segment(b) IS DISTINCT FROM CASE WHEN b <= 30 THEN 'active' WHEN b <= 90 THEN 'at risk' ELSE 'churned' END;
SELECT is(count(*), 0::bigint, 'engagement score is 100 times the weighted mean of the ranks there are') FROM (
	SELECT i, ARRAY[percent_rank() OVER (ORDER BY a), percent_rank() OVER (ORDER BY b), CASE WHEN i % 3 > 0 THEN percent_rank() OVER (ORDER BY n) END] AS ranks FROM pair) AS s,
	LATERAL (SELECT 100 * sum(r * w) / sum(w) FILTER (WHERE r IS NOT NULL) AS score, 100 * avg(r) AS plain FROM unnest(ranks, '{2,1,0.5}'::float8[]) AS u(r, w)) AS o
WHERE (abs(echolon_engagement_score(ranks, '{2,1,0.5}') - score) <= 1e-12 AND abs(echolon_engagement_score(ranks) - plain) <= 1e-12) IS NOT TRUE;

-- Views: parallel plans may call all of it.
SELECT is(array_agg(p.proname || '(' || pg_get_function_arguments(p.oid) || ')'), NULL, 'what is strict, safe and commented')
FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'echolon'
WHERE p.proname ~ '^echolon_(year|quarter|month|week|day|hour|is_|temporal|product|ratio|add$|subtract|power|churn|engagement)' AND p.prokind = 'f'
	AND (p.proparallel <> 's' OR NOT p.proisstrict AND p.proname <> 'echolon_engagement_score' OR obj_description(p.oid, 'pg_proc') IS NULL
		OR (p.provolatile = 's') <> (p.proargtypes = '1184'));

-- A later version's attribute, at the end of a composite, is NULL to this library.
ALTER TYPE echolon.temporal_features ADD ATTRIBUTE season text;
ALTER TYPE echolon.rolling_features ADD ATTRIBUTE skewness float8, ADD ATTRIBUTE kurtosis float8;
SELECT is((t.month, t.hour_cos IS NULL, t.season IS NULL)::text, '(2,t,t)', 'a composite that grew: temporal_features') FROM echolon_temporal_features(date '2024-02-29') AS t;
SELECT is(f::text, '(3,2,1,1,1,3,6,1,3,2,1,1,,)', 'a composite that grew: rolling_features') FROM (SELECT echolon_rolling_features(i ORDER BY i) AS f FROM generate_series(1, 3) AS i) AS s;

SELECT * FROM finish();
ROLLBACK;

-- echolon_rolling against PostgreSQL's own windows, and in every place and shape of data a query can have.
\ir setup.psql
SELECT * FROM no_plan();
SET timezone = 'UTC';

-- Equal to 1e-9 relative; NULL, NaN and infinities as such.
CREATE FUNCTION pg_temp.near(a float8, b float8) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
		WHEN a = b THEN true
		WHEN abs(a) IN ('NaN', 'Infinity') OR abs(b) IN ('NaN', 'Infinity') THEN false
		ELSE abs(a - b) <= greatest(1e-9 * greatest(abs(a), abs(b)), 1e-13) END
$$;
-- One test a term, of the rows of the table compared (ours float8[], theirs float8[]).
CREATE FUNCTION pg_temp.agree(what text, terms text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT is(count(*) FILTER (WHERE NOT pg_temp.near(ours[term], theirs[term])), 0::bigint, what || ': ' || terms[term])
	FROM compared, generate_subscripts(terms, 1) AS term GROUP BY term ORDER BY term;
END
$$;

-- Five groups of 400 rows, with gaps, days that repeat, NULLs alone and in runs; a group of one row, one of three,
-- one of NULLs. Values are multiples of 1/64: sums of them are exact, so that PostgreSQL's are as well.
CREATE TABLE series AS
SELECT id, g, date '2023-11-20' + k * 7 / 10 + k / 50 * 9 AS day, CASE WHEN id % 13 <> 0 AND id % 97 > 8 AND g < 8 THEN v END AS v
FROM (SELECT id, least(1 + id / 400, 5) AS g, id % 400 AS k, (id::int8 * 7919 * 104729 % 20011 - 9000) / 64.0::float8 AS v FROM generate_series(0, 1999) AS id
	UNION ALL SELECT 2001, 6, 1, 5 UNION ALL SELECT 2000 + k, 7, k, k * k FROM generate_series(10, 12) AS k
	UNION ALL SELECT 2000 + k, 8, k, 1 FROM generate_series(20, 30) AS k) AS s;
ANALYZE series;

-- ---- windows of rows -----------------------------------------------------------------------

\set terms '{count 7,sum 7 min_periods 1,mean 7 min_periods 1,stddev 7 min_periods 1,variance 7 min_periods 1,min 7 min_periods 1,max 7 min_periods 1,first 7 min_periods 1,last 7 min_periods 1,zscore 7 min_periods 1,slope 7 min_periods 1}'
CREATE TEMP TABLE compared AS
SELECT echolon_rolling(v, day, :'terms') OVER w AS ours, ARRAY[count(v) OVER r, sum(v) OVER r, avg(v) OVER r, stddev_samp(v) OVER r, var_samp(v) OVER r,
	min(v) OVER r, max(v) OVER r, (array_agg(v) FILTER (WHERE v IS NOT NULL) OVER r)[1], (array_agg(v) FILTER (WHERE v IS NOT NULL) OVER r)[count(v) OVER r],
	(v - avg(v) OVER r) / nullif(stddev_samp(v) OVER r, 0), regr_slope(v, place) OVER r] AS theirs
FROM (SELECT *, count(v) OVER (PARTITION BY g ORDER BY day, id) AS place FROM series) AS s
WINDOW w AS (PARTITION BY g ORDER BY day, id), r AS (PARTITION BY g ORDER BY day, id ROWS 6 PRECEDING);
SELECT pg_temp.agree('rows', :'terms');
DROP TABLE compared;

\set terms '{sum 7,mean 30 min_periods 20,max 5 end 1,stddev 1000 min_periods 2,mean 7 end 3 min_periods 1,count 3 end 2,min 1,variance 2,mean 1000000}'
CREATE TEMP TABLE compared AS
SELECT echolon_rolling(v, day, :'terms') OVER w AS ours, ARRAY[CASE WHEN count(v) OVER r7 = 7 THEN sum(v) OVER r7 END,
	CASE WHEN count(v) OVER r30 >= 20 THEN avg(v) OVER r30 END, CASE WHEN count(v) OVER p5 = 5 THEN max(v) OVER p5 END,
	stddev_samp(v) OVER w, avg(v) OVER p7, count(v) OVER p3, v, var_samp(v) OVER r2, NULL] AS theirs
FROM series WINDOW w AS (PARTITION BY g ORDER BY day, id), r7 AS (PARTITION BY g ORDER BY day, id ROWS 6 PRECEDING),
	r30 AS (PARTITION BY g ORDER BY day, id ROWS 29 PRECEDING), r2 AS (PARTITION BY g ORDER BY day, id ROWS 1 PRECEDING),
	p5 AS (PARTITION BY g ORDER BY day, id ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING),
	p7 AS (PARTITION BY g ORDER BY day, id ROWS BETWEEN 9 PRECEDING AND 3 PRECEDING),
	p3 AS (PARTITION BY g ORDER BY day, id ROWS BETWEEN 4 PRECEDING AND 2 PRECEDING);
SELECT pg_temp.agree('rows', :'terms');
DROP TABLE compared;

\set terms '{lag 1,lag 7,diff 1,diff 7,pct_change 1,pct_change 3,lag 1 end 2,diff 2 end 1,pct_change 1 end 1,value,value end 3}'
CREATE TEMP TABLE compared AS
SELECT echolon_rolling(v, day, :'terms') OVER w AS ours, ARRAY[lag(v) OVER w, lag(v, 7) OVER w, v - lag(v) OVER w, v - lag(v, 7) OVER w, v / nullif(lag(v) OVER w, 0) - 1,
	v / nullif(lag(v, 3) OVER w, 0) - 1, lag(v, 3) OVER w, lag(v) OVER w - lag(v, 3) OVER w, lag(v) OVER w / nullif(lag(v, 2) OVER w, 0) - 1, v, lag(v, 3) OVER w] AS theirs
FROM series WINDOW w AS (PARTITION BY g ORDER BY day, id);
SELECT pg_temp.agree('lags', :'terms');
DROP TABLE compared;

\set terms '{count expanding,sum expanding,mean expanding,stddev expanding,min expanding,max expanding,first expanding,mean expanding end 1,sum ytd,count qtd,mean mtd,max mtd,sum mtd end 1}'
CREATE TEMP TABLE compared AS
SELECT echolon_rolling(v, day, :'terms') OVER w AS ours, ARRAY[count(v) OVER w, sum(v) OVER w, avg(v) OVER w, stddev_samp(v) OVER w, min(v) OVER w, max(v) OVER w,
	(array_agg(v) FILTER (WHERE v IS NOT NULL) OVER w)[1], avg(v) OVER before, sum(v) OVER ytd, count(v) OVER qtd, avg(v) OVER mtd, max(v) OVER mtd,
	(SELECT sum(b.v) FROM series AS b WHERE b.g = s.g AND (b.day, b.id) <= (s.last_day, s.last_id) AND date_trunc('month', b.day) = date_trunc('month', s.last_day))] AS theirs
FROM (SELECT *, lag(day) OVER w AS last_day, lag(id) OVER w AS last_id FROM series WINDOW w AS (PARTITION BY g ORDER BY day, id)) AS s
WINDOW w AS (PARTITION BY g ORDER BY day, id), before AS (PARTITION BY g ORDER BY day, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
	ytd AS (PARTITION BY g, date_trunc('year', day) ORDER BY day, id), qtd AS (PARTITION BY g, date_trunc('quarter', day) ORDER BY day, id),
	mtd AS (PARTITION BY g, date_trunc('month', day) ORDER BY day, id);
SELECT pg_temp.agree('running', :'terms');
DROP TABLE compared;

-- medians: percentile_cont of the frame
\set terms '{median 7 min_periods 1,median 30 min_periods 1,median 4 end 1 min_periods 1,median expanding}'
CREATE TEMP TABLE compared AS
SELECT ours, ARRAY[m7.m, m30.m, m4.m, mw.m] AS theirs
FROM (SELECT echolon_rolling(v, day, :'terms') OVER w AS ours, array_agg(v) OVER r7 AS r7, array_agg(v) OVER r30 AS r30, array_agg(v) OVER p4 AS p4, array_agg(v) OVER w AS w
	FROM series WINDOW w AS (PARTITION BY g ORDER BY day, id), r7 AS (PARTITION BY g ORDER BY day, id ROWS 6 PRECEDING), r30 AS (PARTITION BY g ORDER BY day, id ROWS 29 PRECEDING),
		p4 AS (PARTITION BY g ORDER BY day, id ROWS BETWEEN 4 PRECEDING AND 1 PRECEDING)) AS s,
	LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS m FROM unnest(r7) AS x) AS m7,
	LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS m FROM unnest(r30) AS x) AS m30,
	LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS m FROM unnest(p4) AS x) AS m4,
	LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS m FROM unnest(w) AS x) AS mw;
SELECT pg_temp.agree('medians', :'terms');
DROP TABLE compared;

-- exponentially weighted means: pandas' recursion (ewm, ignore_na = false), which ages what was seen also over a NULL
\set terms '{ewma 7,ewma alpha 0.3,ewma 7 unadjusted,ewma alpha 1 unadjusted,ewma alpha 0.3 min_periods 3,ewma 7 end 1}'
CREATE FUNCTION pg_temp.ewma(x float8[], alpha float8, adjust boolean, min_periods int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	mean float8;
	old_weight float8 := 1;
	seen int := 0;
	v float8;
BEGIN
	FOREACH v IN ARRAY coalesce(x, '{}') LOOP
		old_weight := old_weight * CASE WHEN mean IS NULL THEN 1 ELSE 1 - alpha END;
		CONTINUE WHEN v IS NULL;
		seen := seen + 1;
		IF mean IS NULL THEN
			mean := v;
		ELSIF adjust THEN
			mean := (old_weight * mean + v) / (old_weight + 1);
			old_weight := old_weight + 1;
		ELSE
			mean := (old_weight * mean + alpha * v) / (old_weight + alpha);
			old_weight := 1;
		END IF;
	END LOOP;
	RETURN CASE WHEN seen >= min_periods THEN mean END;
END
$$;
CREATE TEMP TABLE compared AS
SELECT ours, ARRAY[pg_temp.ewma(x, 0.25, true, 1), pg_temp.ewma(x, 0.3, true, 1), pg_temp.ewma(x, 0.25, false, 1), pg_temp.ewma(x, 1, false, 1), pg_temp.ewma(x, 0.3, true, 3),
	pg_temp.ewma(x[:cardinality(x) - 1], 0.25, true, 1)] AS theirs
FROM (SELECT echolon_rolling(v, day, :'terms') OVER w AS ours, array_agg(v) OVER w AS x FROM series WHERE g IN (1, 6, 7, 8) WINDOW w AS (PARTITION BY g ORDER BY day, id)) AS s;
SELECT pg_temp.agree('weighted', :'terms');
DROP TABLE compared;

-- forward fill, by hand
CREATE TEMP TABLE compared AS
SELECT echolon_rolling(v, day, '{value,mean 3,lag 1,count 3}', fill => 'Forward') OVER w AS ours, ARRAY[f, CASE WHEN count(f) OVER r = 3 THEN avg(f) OVER r END, lag(f) OVER w, count(f) OVER r] AS theirs
FROM (SELECT *, max(v) OVER (PARTITION BY g, place) AS f FROM (SELECT *, count(v) OVER (PARTITION BY g ORDER BY day, id) AS place FROM series) AS s) AS s
WINDOW w AS (PARTITION BY g ORDER BY day, id), r AS (PARTITION BY g ORDER BY day, id ROWS 2 PRECEDING);
SELECT pg_temp.agree('filled', '{value,mean 3,lag 1,count 3}');
DROP TABLE compared;

-- ---- windows of time -------------------------------------------------------------------------

-- days that repeat: by row order, so the later ones of a day are not in it
\set terms '{count 7 days,sum 7 days,mean 1 month,stddev 30 days,min 1 day,median 2 weeks,max 1 mon 3 days,sum 7 days end 1,lag 7 days,pct_change 1 month}'
CREATE TEMP TABLE compared AS
SELECT s.ours, ARRAY[d7.n, d7.sum, m.mean, d30.stddev, d1.min, w2.median, m3.max, e7.sum, l7.v, s.v / nullif(lm.v, 0) - 1] AS theirs
FROM (SELECT *, echolon_rolling(v, day, :'terms') OVER w AS ours, lag(day) OVER w AS last_day, lag(id) OVER w AS last_id FROM series WINDOW w AS (PARTITION BY g ORDER BY day, id)) AS s,
	LATERAL (SELECT count(v) AS n, sum(v) FROM series AS b WHERE b.g = s.g AND b.day > s.day - 7 AND (b.day, b.id) <= (s.day, s.id)) AS d7,
	LATERAL (SELECT avg(v) AS mean FROM series AS b WHERE b.g = s.g AND b.day > s.day - interval '1 month' AND (b.day, b.id) <= (s.day, s.id)) AS m,
	LATERAL (SELECT stddev_samp(v) AS stddev FROM series AS b WHERE b.g = s.g AND b.day > s.day - 30 AND (b.day, b.id) <= (s.day, s.id)) AS d30,
	LATERAL (SELECT min(v) FROM series AS b WHERE b.g = s.g AND b.day > s.day - 1 AND (b.day, b.id) <= (s.day, s.id)) AS d1,
	LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS median FROM series AS b WHERE b.g = s.g AND b.day > s.day - 14 AND (b.day, b.id) <= (s.day, s.id)) AS w2,
	LATERAL (SELECT max(v) FROM series AS b WHERE b.g = s.g AND b.day > s.day - interval '1 mon 3 days' AND (b.day, b.id) <= (s.day, s.id)) AS m3,
	LATERAL (SELECT sum(v) FROM series AS b WHERE b.g = s.g AND b.day > s.last_day - 7 AND (b.day, b.id) <= (s.last_day, s.last_id)) AS e7
	LEFT JOIN LATERAL (SELECT v FROM series AS b WHERE b.g = s.g AND b.day = s.day - 7 ORDER BY id DESC LIMIT 1) AS l7 ON true
	LEFT JOIN LATERAL (SELECT v FROM series AS b WHERE b.g = s.g AND b.day = s.day - interval '1 month' ORDER BY id DESC LIMIT 1) AS lm ON true;
SELECT pg_temp.agree('dates', :'terms');
DROP TABLE compared;

-- RANGE, where each row has a time of its own: months of different lengths, and clocks that change. A window that
-- ends after what is exactly its span old is one microsecond shorter for PostgreSQL.
CREATE TABLE moments AS
SELECT row_number() OVER (ORDER BY at) AS id, at, (row_number() OVER (ORDER BY at) * 7919 % 1009) / 8.0::float8 AS v
FROM (SELECT timestamptz '2018-02-10 00:00Z' + i * interval '47 minutes' AS at FROM generate_series(0, 2400) AS i		-- Sao Paulo's last change: back at midnight
	UNION SELECT timestamptz '2018-10-25 00:00Z' + i * interval '73 minutes' FROM generate_series(0, 1600) AS i			-- Berlin back, Sao Paulo forward at midnight
	UNION SELECT timestamptz '2019-03-20 00:00Z' + i * interval '30 minutes' FROM generate_series(0, 1500) AS i			-- Berlin forward, Lord Howe back by half an hour
	UNION SELECT timestamptz '1999-12-25 00:00Z' + i * interval '5 hours' FROM generate_series(0, 100) AS i) AS t;
CREATE FUNCTION pg_temp.ranges(zone text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	span text;
BEGIN
	PERFORM set_config('timezone', zone, true);
	FOREACH span IN ARRAY '{1 day,2 days 3 hours,1 month,1 month 1 day,90 minutes,1 year 2 months,2 mons 30 days 1 second}'::text[] LOOP
		RETURN QUERY EXECUTE format($q$
			SELECT is(count(*) FILTER (WHERE ours[1] <> n OR NOT pg_temp.near(ours[2], sum)), 0::bigint, '%1$s: RANGE %2$s')
			FROM (SELECT echolon_rolling(v, at, '{count %2$s,sum %2$s}', '%1$s') OVER (ORDER BY at) AS ours, count(v) OVER r AS n, sum(v) OVER r AS sum
				FROM moments WINDOW r AS (ORDER BY at RANGE (interval '%2$s' - interval '1 microsecond') PRECEDING)) AS s$q$, zone, span);
		RETURN QUERY EXECUTE format($q$
			SELECT is(count(*) FILTER (WHERE ours[1] IS DISTINCT FROM b.v), 0::bigint, '%1$s: lag %2$s')
			FROM (SELECT at, echolon_rolling(v, at, '{lag %2$s}', '%1$s') OVER (ORDER BY at) AS ours FROM moments) AS s LEFT JOIN moments AS b ON b.at = s.at - interval '%2$s'$q$, zone, span);
	END LOOP;
	RETURN QUERY SELECT is(count(*) FILTER (WHERE NOT (pg_temp.near(ours[1], ytd) AND pg_temp.near(ours[2], qtd) AND pg_temp.near(ours[3], mtd))), 0::bigint, zone || ': year, quarter, month to date')
	FROM (SELECT echolon_rolling(v, at, '{sum ytd,sum qtd,sum mtd}') OVER (ORDER BY at) AS ours, sum(v) OVER (PARTITION BY date_trunc('year', at) ORDER BY at) AS ytd,
			sum(v) OVER (PARTITION BY date_trunc('quarter', at) ORDER BY at) AS qtd, sum(v) OVER (PARTITION BY date_trunc('month', at) ORDER BY at) AS mtd FROM moments) AS s;
	PERFORM set_config('timezone', 'UTC', true);
END
$$;
SELECT pg_temp.ranges(zone) FROM unnest('{UTC,Europe/Berlin,America/Sao_Paulo,Australia/Lord_Howe,Asia/Kolkata,Europe/Dublin}'::text[]) AS zone;
SELECT is(count(*) FILTER (WHERE ours[1] <> n OR NOT pg_temp.near(ours[2], mean)), 0::bigint, 'timestamp: RANGE 1 month')
FROM (SELECT echolon_rolling(v, t, '{count 1 month,mean 1 month}', 'Europe/Berlin') OVER (ORDER BY t) AS ours, count(v) OVER r AS n, avg(v) OVER r AS mean
	FROM (SELECT at AT TIME ZONE 'UTC' AS t, v FROM moments) AS m WINDOW r AS (ORDER BY t RANGE interval '1 month -0.000001 seconds' PRECEDING)) AS s;
-- the zone is the argument's, else the session's
SELECT isnt(a, b, 'the zone decides where a day begins') FROM (SELECT array_agg(r ORDER BY at) AS a, array_agg(q ORDER BY at) AS b FROM (
	SELECT at, echolon_rolling(v, at, '{sum mtd}', 'Asia/Tokyo') OVER (ORDER BY at) AS r, echolon_rolling(v, at, '{sum mtd}') OVER (ORDER BY at) AS q FROM moments) AS s) AS t;
SET timezone = 'Asia/Tokyo';
SELECT is(a, b, 'and the session''s is the default') FROM (SELECT array_agg(r ORDER BY at) AS a, array_agg(q ORDER BY at) AS b FROM (
	SELECT at, echolon_rolling(v, at, '{sum mtd,lag 1 day}', 'Asia/Tokyo') OVER (ORDER BY at) AS r, echolon_rolling(v, at, '{sum mtd,lag 1 day}') OVER (ORDER BY at) AS q FROM moments) AS s) AS t;
SET timezone = 'UTC';
-- the ends of the calendar, and spans longer than it
SELECT is(array_agg(r ORDER BY d), ARRAY['{1,1,1,1,1}', '{1,2,2,1,1}', '{2,3,3,2,2}']::text[], 'the first and the last days there are')
FROM (SELECT d, (echolon_rolling(1, d, '{count 100000 years,count 2000000000 days,count 2000000000 months,count 2 days,count ytd}') OVER (ORDER BY d))::text AS r
	FROM unnest('{4714-11-24 BC,294276-12-30,294276-12-31}'::date[]) AS d) AS s;
SELECT is(array_agg(r ORDER BY t), '{1,1,1}', 'the same for moments')
FROM (SELECT t, (echolon_rolling(1, t, '{count 1 year,count 3 months 2 days}', 'Pacific/Apia') OVER (ORDER BY t))[1] AS r
	FROM unnest('{4714-11-24 00:00Z BC,2000-01-01 00:00Z,294276-12-31 23:59:59.999999Z}'::timestamptz[]) AS t) AS s;

-- ---- values that are not finite, and types ---------------------------------------------------------

CREATE TABLE odd AS SELECT id, g, CASE id % 41 WHEN 3 THEN 'NaN'::float8 WHEN 17 THEN 'Infinity' WHEN 30 THEN '-Infinity' WHEN 31 THEN 'Infinity' WHEN 5 THEN NULL ELSE (id * 7919 % 1009) / 8.0 END AS v
FROM (SELECT id, id / 300 AS g FROM generate_series(0, 899) AS id) AS s;
\set terms '{count 4,sum 4 min_periods 1,mean 4 min_periods 1,stddev 4 min_periods 1,variance 4 min_periods 1,min 4 min_periods 1,max 4 min_periods 1,lag 1,diff 1,sum expanding,min expanding,max expanding}'
CREATE TEMP TABLE compared AS
SELECT echolon_rolling(v, NULL, :'terms') OVER w AS ours, ARRAY[count(v) OVER r, sum(v) OVER r, avg(v) OVER r, stddev_samp(v) OVER r, var_samp(v) OVER r, min(v) OVER r, max(v) OVER r,
	lag(v) OVER w, v - lag(v) OVER w, sum(v) OVER w, min(v) OVER w, max(v) OVER w] AS theirs
FROM odd WINDOW w AS (PARTITION BY g ORDER BY id), r AS (PARTITION BY g ORDER BY id ROWS 3 PRECEDING);
SELECT pg_temp.agree('NaN and infinities', :'terms');
DROP TABLE compared;
CREATE TEMP TABLE compared AS
SELECT ours, ARRAY[(SELECT CASE WHEN n % 2 = 1 THEN f[n / 2 + 1] ELSE f[n / 2] + (f[n / 2 + 1] - f[n / 2]) * 0.5 END FROM (SELECT array_agg(x ORDER BY x) AS f, count(*)::int AS n FROM unnest(frame) AS x WHERE x IS NOT NULL) AS s)] AS theirs
FROM (SELECT echolon_rolling(v, NULL, '{median 4 min_periods 1}') OVER w AS ours, array_agg(v) OVER r AS frame
	FROM odd WINDOW w AS (PARTITION BY g ORDER BY id), r AS (PARTITION BY g ORDER BY id ROWS 3 PRECEDING)) AS s;
SELECT pg_temp.agree('NaN sorts last, infinities at the ends', '{median 4}');
DROP TABLE compared;

CREATE TABLE typed AS SELECT id, (id * 7919 % 1009 - 300)::int2 AS i2, id * 7919 % 100003 - 40000 AS i4, (id::int8 << 40) - 5 AS i8, (id * 7919 % 1009)::float4 / 7 AS f4,
	(id * 7919 % 1009)::numeric / 7 - 1e6 AS num, id * interval '1 day 01:02:03.25' AS span FROM generate_series(1, 500) AS id;
SELECT is(count(*) FILTER (WHERE NOT pg_temp.near(ours, theirs)), 0::bigint, type) FROM (
	SELECT 'int2' AS type, (echolon_rolling(i2, NULL, '{mean 9 min_periods 1}') OVER w)[1] AS ours, avg(i2) OVER r AS theirs FROM typed WINDOW w AS (ORDER BY id), r AS (ORDER BY id ROWS 8 PRECEDING)
	UNION ALL SELECT 'int4', (echolon_rolling(i4, NULL, '{stddev 9 min_periods 1}') OVER w)[1], stddev_samp(i4) OVER r FROM typed WINDOW w AS (ORDER BY id), r AS (ORDER BY id ROWS 8 PRECEDING)
	UNION ALL SELECT 'int8', (echolon_rolling(i8, NULL, '{sum 9 min_periods 1}') OVER w)[1], sum(i8) OVER r FROM typed WINDOW w AS (ORDER BY id), r AS (ORDER BY id ROWS 8 PRECEDING)
	UNION ALL SELECT 'float4', (echolon_rolling(f4, NULL, '{sum 9 min_periods 1}') OVER w)[1], sum(f4::float8) OVER r FROM typed WINDOW w AS (ORDER BY id), r AS (ORDER BY id ROWS 8 PRECEDING)
	UNION ALL SELECT 'numeric', (echolon_rolling(num, NULL, '{variance 9 min_periods 1}') OVER w)[1], var_samp(num) OVER r FROM typed WINDOW w AS (ORDER BY id), r AS (ORDER BY id ROWS 8 PRECEDING)
	UNION ALL SELECT 'interval', (echolon_rolling(span, NULL, '{sum 9 min_periods 1}') OVER w)[1], extract(epoch FROM sum(span) OVER r) FROM typed WINDOW w AS (ORDER BY id), r AS (ORDER BY id ROWS 8 PRECEDING)
) AS s GROUP BY type ORDER BY type;

-- out of range from finite values, as PostgreSQL's aggregates
SELECT is(pg_temp.error_of(format('SELECT echolon_rolling(x, NULL, %L) OVER () FROM (VALUES (1e308::float8), (-1e308), (1.5e308)) AS v (x)', ARRAY[term])), '22003 value out of range: overflow', term)
FROM unnest('{diff 1,variance 2,variance expanding}'::text[]) AS term;
SELECT is(pg_temp.error_of($$SELECT echolon_rolling(x, NULL, '{sum expanding}') OVER () FROM (VALUES (1e308::float8), (1e308)) AS v (x)$$), '22003 value out of range: overflow', 'sum expanding');
SELECT is(pg_temp.error_of($$SELECT echolon_rolling(x, NULL, '{pct_change 1}') OVER () FROM (VALUES (1e-300::float8), (1e300)) AS v (x)$$), '22003 value out of range: overflow', 'pct_change');

-- ---- long runs -----------------------------------------------------------------------------------

-- a spike that leaves again takes nothing with it; a million values have left behind it
CREATE TABLE long_run AS SELECT i, CASE i WHEN 500000 THEN 1e15 WHEN 500001 THEN -1e-7 ELSE (i * 7919::int8 % 1009) / 7.0::float8 END AS v FROM generate_series(1, 1000100) AS i;
\set terms '{sum 5,mean 1000,stddev 30,variance 7,slope 9}'
CREATE TEMP TABLE compared AS
SELECT ours, ARRAY[sum(v) OVER r5, avg(v) OVER r1000, stddev_samp(v) OVER r30, var_samp(v) OVER r7, regr_slope(v, i) OVER r9] AS theirs, i
FROM (SELECT i, v, echolon_rolling(v, NULL, :'terms') OVER (ORDER BY i ROWS UNBOUNDED PRECEDING) AS ours FROM long_run) AS s WHERE i > 997000
WINDOW r5 AS (ORDER BY i ROWS 4 PRECEDING), r1000 AS (ORDER BY i ROWS 999 PRECEDING), r30 AS (ORDER BY i ROWS 29 PRECEDING), r7 AS (ORDER BY i ROWS 6 PRECEDING), r9 AS (ORDER BY i ROWS 8 PRECEDING);
DELETE FROM compared WHERE i < 999000;
SELECT pg_temp.agree('no drift', :'terms');
DROP TABLE compared;

-- the executor keeps no rows that are behind: nothing is written to files
CREATE FUNCTION pg_temp.plan(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan jsonb; BEGIN EXECUTE 'EXPLAIN (FORMAT JSON, ANALYZE, BUFFERS, TIMING OFF) ' || query INTO plan; RETURN plan; END $$;
SET work_mem = '64kB';
SELECT is(jsonb_path_query_array(pg_temp.plan($$SELECT echolon_rolling(v, NULL, '{mean 7,sum expanding}') OVER (ROWS UNBOUNDED PRECEDING) FROM long_run$$),
	'strict $.** ? (@."Node Type" == "WindowAgg")."Temp Written Blocks"'), '[0]', 'a million rows within 64 kB of work_mem');
RESET work_mem;

-- many groups
SELECT is(count(*) FILTER (WHERE r[1] = v AND r[2] IS NULL AND r[3] = 1), 1000100::bigint, 'a million groups of one row')
FROM (SELECT v, echolon_rolling(v, NULL, '{sum 1,lag 1,count 100000}') OVER (PARTITION BY i) AS r FROM long_run) AS s;
SELECT is(count(*) FILTER (WHERE r[1] = n), 1000100::bigint, 'groups of different sizes')
FROM (SELECT echolon_rolling(1, NULL, '{count expanding}') OVER w AS r, row_number() OVER w AS n FROM long_run WINDOW w AS (PARTITION BY (sqrt(i))::int ORDER BY i)) AS s;

-- memory and cancelling
SET echolon.max_memory = '2MB';
SELECT is(pg_temp.error_of($$SELECT count(r) FROM (SELECT echolon_rolling(v, NULL, '{median 800000 min_periods 1}') OVER (ORDER BY i) AS r FROM long_run) AS s$$) ~ '^54000 .*echolon.max_memory', true, 'memory is bounded by echolon.max_memory');
RESET echolon.max_memory;
SET statement_timeout = '300ms';
CREATE FUNCTION pg_temp.cancelled() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(r) FROM (SELECT echolon_rolling(v, NULL, '{median 300000 min_periods 1,max 300000,stddev expanding}') OVER (ORDER BY i) AS r FROM long_run) AS s;
	RETURN false;
EXCEPTION WHEN query_canceled THEN
	RETURN true;
END
$$;
SELECT ok(pg_temp.cancelled(), 'it can be cancelled');
RESET statement_timeout;

-- ---- places a query can have it --------------------------------------------------------------------

SELECT is(concat(prokind, provolatile, proparallel), 'wss', 'a window function, stable, parallel safe') FROM pg_proc WHERE proname = 'echolon_rolling';

-- the frame does not matter, nor does what else the window computes
CREATE TEMP TABLE plain AS SELECT id, echolon_rolling(v, day, '{mean 3,sum 7 days,lag 1}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM series;
SELECT is(count(*) FILTER (WHERE s.r IS NOT DISTINCT FROM plain.r), 2015::bigint, name) FROM plain JOIN (
	SELECT 'ROWS' AS name, id, echolon_rolling(v, day, '{mean 3,sum 7 days,lag 1}') OVER (PARTITION BY g ORDER BY day, id ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING) AS r FROM series
	UNION ALL SELECT 'GROUPS, EXCLUDE', id, echolon_rolling(v, day, '{mean 3,sum 7 days,lag 1}') OVER (PARTITION BY g ORDER BY day, id GROUPS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) FROM series
	UNION ALL SELECT 'beside others', id, r FROM (SELECT id, echolon_rolling(v, day, '{mean 3,sum 7 days,lag 1}') OVER w AS r, sum(v) OVER w, lead(v) OVER w, last_value(v) OVER w, echolon_rolling(v, day, '{count 3}') OVER w FROM series WINDOW w AS (PARTITION BY g ORDER BY day, id)) AS s
	UNION ALL SELECT 'named arguments', id, echolon_rolling(terms => '{mean 3,sum 7 days,lag 1}', value => v, at => day) OVER (PARTITION BY g ORDER BY day, id) FROM series
	UNION ALL SELECT 'numeric', id, echolon_rolling(v::numeric, day, '{mean 3,sum 7 days,lag 1}') OVER (PARTITION BY g ORDER BY day, id) FROM series
	UNION ALL SELECT 'timestamp', id, echolon_rolling(v, day::timestamp, '{mean 3,sum 7 days,lag 1}') OVER (PARTITION BY g ORDER BY day, id) FROM series
	UNION ALL SELECT 'moments in UTC', id, echolon_rolling(v, day::timestamptz, '{mean 3,sum 7 days,lag 1}', 'UTC') OVER (PARTITION BY g ORDER BY day, id) FROM series
	UNION ALL SELECT 'terms of a column', id, echolon_rolling(v, day, t) OVER (PARTITION BY g ORDER BY day, id) FROM (SELECT *, CASE WHEN id >= 0 THEN '{mean 3,sum 7 days,lag 1}'::text[] END AS t FROM series) AS s
) AS s USING (id) GROUP BY name ORDER BY name;
-- a filter afterwards that ends the run of row_number() early
SELECT is(count(*), 22::bigint, 'under a filter on row_number()') FROM (SELECT id, echolon_rolling(v, day, '{mean 3,sum 7 days,lag 1}') OVER w AS r, row_number() OVER w AS n FROM series WINDOW w AS (PARTITION BY g ORDER BY day, id)) AS s JOIN plain USING (id)
WHERE n <= 3 AND s.r IS NOT DISTINCT FROM plain.r;
-- terms that change between partitions, rescans and executions
SELECT is(string_agg(g || ':' || r::text, ' ' ORDER BY g, id), '1:{1} 1:{3} 2:{1,NULL} 2:{2,1}', 'terms of a partition')
FROM (SELECT g, id, echolon_rolling(v, NULL, CASE g WHEN 1 THEN '{sum expanding}'::text[] ELSE '{value,lag}' END) OVER (PARTITION BY g ORDER BY id) AS r FROM (VALUES (1, 1, 1), (1, 2, 2), (2, 3, 1), (2, 4, 2)) AS v (g, id, v)) AS s;
SELECT is(string_agg(r::text, ' ' ORDER BY t, i), '{1,1} {2,3} {3,5} {1} {3} {6}', 'terms of an outer row')
FROM (VALUES ('{sum expanding}'::text[]), ('{count expanding,sum 2 min_periods 1}')) AS terms (t), LATERAL (SELECT i, echolon_rolling(i, NULL, t) OVER (ORDER BY i) AS r FROM generate_series(1, 3) AS i) AS s;
PREPARE rolled(text[], text) AS SELECT array_agg(r ORDER BY i) FROM (SELECT i, (echolon_rolling(i, NULL, $1, fill => $2) OVER (ORDER BY i))[1] AS r FROM generate_series(1, 3) AS i) AS s;
SET plan_cache_mode = force_generic_plan;
CREATE FUNCTION pg_temp.rolled(terms text[]) RETURNS float8[] LANGUAGE plpgsql AS $$ DECLARE r float8[]; BEGIN EXECUTE format('EXECUTE rolled(%L, NULL)', terms) INTO r; RETURN r; END $$;
SELECT is(pg_temp.rolled('{sum expanding}'), '{1,3,6}', 'terms as a parameter');
SELECT is(pg_temp.rolled('{lag 1}'), '{NULL,1,2}', 'and others');
SELECT matches(pg_temp.error_of($$EXECUTE rolled('{mean}', NULL)$$), '22023 invalid rolling term "mean"', 'and one that is none');
RESET plan_cache_mode;
SELECT is(array_agg(r ORDER BY day), '{2,4,6}', 'over a GROUP BY') FROM (SELECT day, (echolon_rolling(count(*), day, '{sum expanding}') OVER (ORDER BY day))[1] AS r
	FROM (VALUES (date '2024-01-01'), ('2024-01-01'), ('2024-01-02'), ('2024-01-02'), ('2024-01-03'), ('2024-01-03')) AS v (day) GROUP BY day) AS s;
-- a filter on the group reaches the table under the view, one on a row does not
CREATE VIEW rolled AS SELECT s.g, s.id, s.r[1] AS mean_7 FROM (SELECT g, id, echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM series) AS s;
SELECT ok(jsonb_path_exists(pg_temp.plan('SELECT * FROM rolled WHERE g = 3'), '$.** ? (@."Node Type" == "Seq Scan" && @."Filter" like_regex "g = 3")'), 'a filter on the group reaches the scan');
SELECT is(jsonb_path_query_array(pg_temp.plan('SELECT * FROM rolled WHERE g = 3'), 'strict $.** ? (@."Node Type" == "WindowAgg")."Actual Rows"'), '[400]', 'and only its rows are in windows');
SELECT ok(NOT jsonb_path_exists(pg_temp.plan('SELECT * FROM rolled WHERE id = 3'), '$.** ? (@."Node Type" == "Seq Scan" && exists (@."Filter"))'), 'a filter on a row does not');
-- several columns and other windows of the same order need one sort
SELECT is(jsonb_array_length(jsonb_path_query_array(pg_temp.plan($$SELECT echolon_rolling(v, day, '{mean 7,lag 1}') OVER w, echolon_rolling(id, day, '{sum 7 days,median 30}') OVER w, sum(v) OVER w
	FROM series WINDOW w AS (PARTITION BY g ORDER BY day, id)$$), 'strict $.** ? (@."Node Type" == "Sort")')), 1, 'one sort for all');
-- toasted numerics
CREATE TABLE wide AS SELECT i, (repeat('1234567890', 300) || i)::numeric / 10::numeric ^ 3000 AS v FROM generate_series(1, 50) AS i;
SELECT is(count(*) FILTER (WHERE pg_temp.near(r, s)), 50::bigint, 'long numerics') FROM (SELECT (echolon_rolling(v, NULL, '{sum 5 min_periods 1}') OVER (ORDER BY i))[1] AS r, sum(v) OVER (ORDER BY i ROWS 4 PRECEDING) AS s FROM wide) AS s;
-- called where there is no window
SELECT matches(pg_temp.error_of('SELECT echolon_rolling(1, NULL, ''{sum 1}'')'), '^42809', 'not without OVER');

SELECT * FROM finish();
ROLLBACK;

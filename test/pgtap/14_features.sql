-- Feature sets against PostgreSQL's own windows; rights, zones, odd rows, one sort.
\ir setup.psql
SELECT * FROM no_plan();

-- Two numbers and two categories; dates that are missing, that repeat, that jump; missing and odd values.
CREATE TABLE base AS
SELECT i AS id, 'g' || i % 7 AS grp, CASE WHEN i % 97 = 0 THEN NULL ELSE date '2023-01-01' + (i::int8 * 7919 % 400)::int END AS day,
	CASE WHEN i % 13 = 0 THEN NULL ELSE (i::int8 * 104729 % 1009) / 7.0::float8 END AS x,
	((i::int8 * 15485863 % 2003) / 10.0)::numeric(12, 3) AS n, (ARRAY['a', 'b', 'c', NULL])[1 + i % 4] AS cat
FROM generate_series(1, 3000) AS i;
ALTER TABLE base ADD PRIMARY KEY (id);

SELECT ok((SELECT features FROM echolon_create_features('f', 'base', 'day', '{x,n}', '{cat}', '{grp}', rolling_windows => '{7,7 days,1 month}',
		statistics => '{count,sum,mean,stddev,variance,min,max,first,last,median,slope,zscore}', lags => '{1,7}', min_periods => 1,
		running => '{sum,mean,stddev}', families => '{temporal,rolling,interaction,categorical,business,polynomial,scaling,period}',
		scalings => '{standard,minmax,robust,percentile,bucket}', encodings => '{frequency,label,onehot}')) > 100, 'a set of every family');

-- How far two numbers are apart, as a share; NULL only with NULL.
CREATE FUNCTION pg_temp.near(a float8, b float8) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
		ELSE abs(a - b) <= 1e-9 * greatest(abs(a), abs(b), 1e-3) END
$$;

CREATE TEMP TABLE oracle AS
SELECT id, day,
	lag(x, 1) OVER w AS x_lag1, lag(n::float8, 7) OVER w AS n_lag7, x - lag(x) OVER w AS x_diff1, n / nullif(lag(n) OVER w, 0) - 1 AS n_change,
	sum(x) OVER r7 AS sum7, avg(n) OVER r7 AS mean7, stddev_samp(x) OVER r7 AS stddev7, var_samp(n) OVER r7 AS variance7, min(x) OVER r7 AS min7,
	max(n) OVER r7 AS max7, count(x) OVER r7 AS count7, regr_slope(n, id) OVER r7 AS slope7,
	sum(x) OVER (w ROWS UNBOUNDED PRECEDING) AS cumsum, avg(n) OVER (w ROWS UNBOUNDED PRECEDING) AS expanding
FROM base WHERE day IS NOT NULL
WINDOW w AS (PARTITION BY grp ORDER BY day, id), r7 AS (PARTITION BY grp ORDER BY day, id ROWS 6 PRECEDING);

SELECT is((SELECT count(*) FROM f), 3000::bigint, 'as many rows as the table');
SELECT is((SELECT count(*) FROM f JOIN oracle USING (id) WHERE NOT (
		pg_temp.near(f.x_lag1, oracle.x_lag1) AND pg_temp.near(f.n_lag7, oracle.n_lag7) AND pg_temp.near(f.x_diff1, oracle.x_diff1)
		AND pg_temp.near(f.n_pct1, n_change::float8) AND pg_temp.near(x_roll7_sum, sum7) AND pg_temp.near(n_roll7_mean, mean7::float8)
		AND pg_temp.near(x_roll7_stddev, stddev7) AND pg_temp.near(n_roll7_variance, variance7::float8) AND pg_temp.near(x_roll7_min, min7)
		AND pg_temp.near(n_roll7_max, max7::float8) AND x_roll7_count IS NOT DISTINCT FROM count7
		AND (count7 = 0 OR pg_temp.near(x_cumsum, cumsum)) AND pg_temp.near(n_expanding_mean, expanding::float8))), 0::bigint,
	'windows of rows, lags, changes and running sums agree with PostgreSQL''s');
SELECT is((SELECT count(*) FROM f JOIN LATERAL (
		SELECT avg(b.x) AS mean, count(b.x) AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY b.x) AS median, min(b.n)::float8 AS least
		FROM base AS b WHERE b.grp = f.grp AND b.day > f.day - 7 AND (b.day, b.id) <= (f.day, f.id)) AS o ON true
	WHERE f.day IS NOT NULL AND NOT (pg_temp.near(x_roll7d_mean, mean) AND x_roll7d_count IS NOT DISTINCT FROM o.n AND pg_temp.near(x_roll7d_median, median)
		AND pg_temp.near(n_roll7d_min, least))), 0::bigint, 'windows of seven days, by row order');
SELECT is((SELECT count(*) FROM f JOIN LATERAL (
		SELECT avg(b.n)::float8 AS mean FROM base AS b WHERE b.grp = f.grp AND b.day > f.day - interval '1 month' AND (b.day, b.id) <= (f.day, f.id)) AS o ON true
	WHERE f.day IS NOT NULL AND NOT pg_temp.near(n_roll1m_mean, mean)), 0::bigint, 'windows of a month');
SELECT is((SELECT count(*) FROM f WHERE day IS NULL AND num_nonnulls(x_lag1, x_roll7_mean, x_cumsum, n_roll7d_max, n_ytd, x_mom) > 0), 0::bigint, 'a row without a date has no windows');
SELECT is((SELECT count(*) FROM f AS a JOIN (SELECT id, sum(n) OVER (PARTITION BY grp, date_part('year', day) ORDER BY day, id) AS ytd,
		n / nullif(sum(n) OVER (PARTITION BY day), 0) AS share, rank() OVER (PARTITION BY day ORDER BY n DESC) AS place FROM base) AS o USING (id)
	WHERE day IS NOT NULL AND NOT (pg_temp.near(n_ytd, ytd::float8) AND pg_temp.near(n_share, share::float8) AND n_rank IS NOT DISTINCT FROM place)), 0::bigint, 'year to date, share and rank of the date');
SELECT is((SELECT count(*) FROM f WHERE NOT (day IS NULL OR (day_month IS NOT DISTINCT FROM extract(month FROM day) AND day_day_of_week IS NOT DISTINCT FROM extract(isodow FROM day) - 1
		AND day_week IS NOT DISTINCT FROM extract(week FROM day)))), 0::bigint, 'calendar parts are EXTRACT''s');
SELECT is((SELECT count(*) FROM f WHERE NOT (pg_temp.near(x_x_n, x * n::float8) AND pg_temp.near(x_per_n, x / nullif(n, 0)::float8) AND pg_temp.near(n_pow2, n::float8 ^ 2))), 0::bigint, 'products and ratios');
SELECT is((SELECT count(*) FROM f JOIN (SELECT id, percent_rank() OVER (ORDER BY n) AS p FROM base) AS o USING (id) WHERE NOT pg_temp.near(n_percentile, p)), 0::bigint, 'percentiles are percent_rank()');
SELECT is((SELECT count(*) FROM f WHERE NOT (cat_freq IS NOT DISTINCT FROM CASE WHEN cat IS NOT NULL THEN (SELECT count(*) FILTER (WHERE b.cat = f.cat) / count(b.cat)::float8 FROM base AS b) END
	AND cat_is_a IS NOT DISTINCT FROM (cat IS NOT DISTINCT FROM 'a')::int)) , 0::bigint, 'frequencies and one-hot');

-- ---- what the summary says a feature is, is what the view has
CREATE FUNCTION pg_temp.differ(set_name text, relation text, key text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	f record;
	different boolean;
BEGIN
	FOR f IN SELECT feature, expression FROM echolon_feature_summary(set_name) LOOP
		EXECUTE format('SELECT bool_or(a.v IS DISTINCT FROM b.v) OR count(*) <> (SELECT count(*) FROM %2$s)
			FROM (SELECT s.%3$I AS k, %4$s AS v FROM %2$s AS s) AS a JOIN (SELECT %3$I AS k, %5$I AS v FROM %1$I) AS b USING (k)',
			set_name, relation, key, f.expression, f.feature) INTO different;
		IF different THEN
			RETURN NEXT f.feature;
		END IF;
	END LOOP;
END
$$;
SELECT is_empty($$SELECT pg_temp.differ('f', 'base', 'id')$$, 'every expression of the summary gives the view''s column, to the bit');

-- ---- one sort for all windows of all columns; a filter on the group reaches the table
CREATE FUNCTION pg_temp.plan(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON, COSTS OFF) ' || query INTO plan;
	RETURN plan;
END
$$;
SELECT lives_ok($$SELECT echolon_create_features('one_sort', 'base', 'day', '{x,n}', '{cat,grp}', '{grp}', rolling_windows => '{7,30 days}', running => '{sum}')$$, 'two numbers and two categories');
SELECT is((SELECT count(*) FROM jsonb_path_query(pg_temp.plan('SELECT * FROM one_sort'), 'strict $.** ? (@."Node Type" == "Sort" || @."Custom Plan Provider" == "EcholonRolling")')), 1::bigint, 'one node for all of it');
SET echolon.enable_rolling_scan = off;
SELECT is((SELECT count(*) FROM jsonb_path_query(pg_temp.plan('SELECT * FROM one_sort'), 'strict $.** ? (@."Node Type" == "Sort" || @."Node Type" == "Incremental Sort")')), 1::bigint, 'one sort');
SELECT is((SELECT count(*) FROM jsonb_path_query(pg_temp.plan('SELECT * FROM one_sort'), 'strict $.** ? (@."Node Type" == "WindowAgg")')), 1::bigint, 'one WindowAgg');
RESET echolon.enable_rolling_scan;
CREATE INDEX ON base (grp, day, id);
ANALYZE base;
SELECT ok(jsonb_path_exists(pg_temp.plan('SELECT * FROM one_sort WHERE grp = ''g3'''), '$.** ? (@."Relation Name" == "base") ? (exists(@."Index Cond") || exists(@."Recheck Cond") || exists(@."Filter"))'), 'a filter on the group reaches the scan of the table');

-- ---- rights: the reader's own, of rows too
CREATE ROLE echolon_reader;
GRANT SELECT ON one_sort TO echolon_reader;
SET ROLE echolon_reader;
SELECT throws_ok('SELECT * FROM one_sort', '42501', NULL, 'a right to the view is none to the table');
RESET ROLE;
GRANT SELECT ON base TO echolon_reader;
ALTER TABLE base ENABLE ROW LEVEL SECURITY;
CREATE POLICY some_groups ON base FOR SELECT TO echolon_reader USING (grp = 'g1');
SET ROLE echolon_reader;
SELECT results_eq('SELECT DISTINCT grp FROM one_sort', ARRAY['g1'], 'row-level security holds');
SELECT is((SELECT count(*) FROM echolon.feature_sets WHERE feature_set IN ('one_sort', 'f')), 1::bigint, 'one sees the sets one may read');
SELECT throws_ok($$SELECT echolon_refresh_features('one_sort')$$, '42501', NULL, 'only the owner refreshes');
SELECT throws_ok($$SELECT echolon_drop_features('one_sort')$$, '42501', NULL, 'and drops');
SELECT throws_like($$SELECT * FROM echolon_feature_summary('f')$$, '%does not exist%', 'what one may not read does not exist');
RESET ROLE;
ALTER TABLE base DISABLE ROW LEVEL SECURITY;

-- ---- a zone that is fixed, over the change of the clocks
SET TimeZone = 'Europe/Berlin';
CREATE TABLE clock AS SELECT i AS id, timestamptz '2024-03-30 00:30+01' + i * interval '1 hour' AS at, i::float8 AS v FROM generate_series(0, 99) AS i;
SELECT lives_ok($$SELECT echolon_create_features('clock_features', 'clock', 'at', '{v}', '{}', families => '{temporal,rolling}', rolling_windows => '{1 day,24 hours}', statistics => '{count}')$$, 'timestamptz');
CREATE TEMP TABLE in_berlin AS SELECT *, extract(hour FROM at)::int AS berlin_hour FROM clock_features;
SET TimeZone = 'America/New_York';
SELECT is((SELECT count(*) FROM clock_features AS f JOIN in_berlin AS b USING (id) WHERE f.at_hour IS DISTINCT FROM b.berlin_hour OR f.v_roll1d_count IS DISTINCT FROM b.v_roll1d_count), 0::bigint, 'the zone is the view''s, not the session''s');
SELECT is((SELECT array_agg(v_roll1d_count ORDER BY id) FROM clock_features WHERE id IN (24, 40, 60)), ARRAY[24, 23, 24]::float8[], 'a day has 23 hours when the clocks change');
SELECT is((SELECT array_agg(v_roll24h_count ORDER BY id) FROM clock_features WHERE id IN (24, 40, 60)), ARRAY[24, 24, 24]::float8[], '24 hours always 24');
SET TimeZone = 'UTC';

SELECT throws_like($$SELECT echolon_create_features('x', 'clock', 'at', '{v}', time_zone => 'Mars/Olympus')$$, 'time zone "Mars/Olympus" is not known%', 'a zone that does not exist');

-- ---- a column that is called as another one's total; numbers of many digits
CREATE TABLE totals AS SELECT i AS id, date '2024-01-01' + i % 10 AS day, i AS price, 10 * i AS price_total, -i AS price_windows, i % 3 AS price_place FROM generate_series(1, 50) AS i;
SELECT lives_ok($$SELECT echolon_create_features('totals_f', 'totals', 'day', '{price,price_total,price_windows,price_place}', families => '{rolling,period}')$$, 'names that the view''s inner query has');
SELECT is((SELECT count(*) FROM totals_f WHERE price_share IS DISTINCT FROM price_total_share OR price_rank IS DISTINCT FROM price_total_rank
	OR price_lag1 IS DISTINCT FROM price_total_lag1 / 10 OR price_ytd IS DISTINCT FROM -price_windows_ytd), 0::bigint, 'each is computed of its own');
SELECT lives_ok($$SELECT echolon_create_features('digits_f', 'totals', 'day', '{price}', families => '{business}', revenue_column => 'price',
	engagement_columns => '{price,price_total}', engagement_weights => '{0.123456789012,1234567.25}', high_value_percentile => 0.99999999)$$, 'parameters of many digits');
SELECT matches((SELECT expression FROM echolon_feature_summary('digits_f') WHERE feature = 'engagement_score'), '[{]0[.]123456789012,1234567[.]25[}]', 'are taken as they are');
SELECT is((SELECT count(high_value) FROM digits_f), 50::bigint, 'and not rounded to what is out of range');

-- ---- levels whose names differ in capitals and signs alone
CREATE TABLE alike AS SELECT i AS id, (ARRAY['p', 'P', 'p ', 'q'])[1 + i % 4] AS cat FROM generate_series(1, 40) AS i;
SELECT is((SELECT features FROM echolon_create_features('alike_f', 'alike', category_columns => '{cat}', numeric_columns => '{}', families => '{categorical}', encodings => '{onehot}')), 4, 'levels that would have one name');
SELECT is((SELECT array_agg(expression ORDER BY expression COLLATE "C") FROM echolon_feature_summary('alike_f') WHERE feature ~ '^cat_is_(p|q|p_|p_[0-9a-f]{8})$'),
	(SELECT array_agg(e ORDER BY e COLLATE "C") FROM (SELECT DISTINCT format('CASE WHEN s.cat::pg_catalog.text OPERATOR(pg_catalog.=) %L THEN 1 ELSE 0 END', cat) AS e FROM alike) AS a), 'each has a column of its own');

-- ---- many levels, new levels
CREATE TABLE many AS SELECT i AS id, 'level ' || i % 100000 AS cat, date '2024-01-01' + i % 100 AS day, i::float8 AS v FROM generate_series(1, 200000) AS i;
SELECT lives_ok($$SELECT echolon_create_features('many_features', 'many', 'day', '{v}', '{cat}', families => '{categorical}')$$, '100,000 levels');
SELECT is((SELECT count(DISTINCT cat_code) FROM many_features), 100000::bigint, 'each with its code');
INSERT INTO many VALUES (0, 'never seen', '2024-01-01', 1);
SELECT results_eq('SELECT cat_freq, cat_code FROM many_features WHERE id = 0', 'SELECT 0::float8, NULL::int', 'a level never seen');

-- ---- a set whose table lost its primary key order: content decides, every time the same
CREATE TABLE keyless AS SELECT day, x, n FROM base;
SELECT lives_ok($$SELECT echolon_create_features('keyless_features', 'keyless', 'day', '{x}', '{}', families => '{rolling}')$$, 'a table without a key');
CREATE TEMP TABLE before AS SELECT * FROM keyless_features;
CREATE TABLE shuffled AS SELECT * FROM keyless ORDER BY md5(x::text || n::text);
TRUNCATE keyless;
INSERT INTO keyless SELECT * FROM shuffled;
SELECT is_empty('(SELECT * FROM keyless_features EXCEPT ALL SELECT * FROM before)', 'the order of rows on disk is of no importance');

-- ---- a foreign table
CREATE EXTENSION IF NOT EXISTS file_fdw;
CREATE SERVER IF NOT EXISTS features_files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE far (id int, day date, grp text, x float8) SERVER features_files
	OPTIONS (program $$seq 1 600 | awk '{ printf "%d,2024-%02d-%02d,g%d,%d\n", $1, 1 + int($1 / 84), 1 + int($1 / 3) % 28, $1 % 3, ($1 * 7919) % 101 }'$$, format 'csv');
CREATE TABLE near AS SELECT * FROM far;
SELECT ok((SELECT features FROM echolon_create_features('far_set', 'far', 'day', '{x}', '{grp}', '{grp}')) > 10, 'features of a foreign table');
SELECT ok((SELECT features FROM echolon_create_features('near_set', 'near', 'day', '{x}', '{grp}', '{grp}')) > 10, 'and of its copy');
SELECT is_empty('(SELECT * FROM far_set EXCEPT ALL SELECT * FROM near_set)', 'are the same');
SELECT is((SELECT echolon_features_at('far_set', f)::text FROM far AS f WHERE id = 500), (SELECT echolon_features_at('near_set', n)::text FROM near AS n WHERE id = 500), 'one row at a time too');
SELECT echolon_train_gb('far_set', 'x', model => 'far'), echolon_train_gb('near_set', 'x', model => 'near');
SELECT is(count(DISTINCT digest), 1::bigint, 'and so are the models') FROM echolon.model_versions WHERE model IN ('far', 'near');

SELECT * FROM finish();
ROLLBACK;

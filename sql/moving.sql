--
-- moving aggregates and the running family: what people see, and errors
--
\pset null '(null)'
\set SHOW_CONTEXT never
SET datestyle = 'ISO';
CREATE SCHEMA moving;
SET search_path = moving, public;

CREATE TABLE shop (day date, name text, revenue float8, price numeric, visits integer);
INSERT INTO shop VALUES
	('2024-03-01', 'a', 10, 1.10, 3), ('2024-03-02', 'a', 14, 1.20, 4), ('2024-03-02', 'a', NULL, NULL, NULL), ('2024-03-05', 'a', 0, 0.00, 5),
	('2024-03-10', 'a', 12, 1.30, 9), ('2024-03-11', 'a', 13, 1.25, 2), ('2024-03-01', 'b', 5, 2, 1), ('2024-04-01', 'b', NULL, 3, NULL);

-- ---- in one ----

SELECT name, day, revenue, f.* FROM (
	SELECT name, day, revenue, echolon_rolling_features(revenue) OVER (PARTITION BY name ORDER BY day, revenue ROWS 2 PRECEDING) AS features FROM shop) AS s,
	LATERAL (SELECT (features).*) AS f
ORDER BY name, day, revenue;
-- by time; the frame of b's second day has no value
SELECT name, day, echolon_rolling_features(revenue) OVER (PARTITION BY name ORDER BY day RANGE '6 days' PRECEDING) AS features FROM shop ORDER BY name, day, revenue;
-- without the current row: empty, filled, empty again
SELECT name, day, echolon_rolling_features(visits) OVER (PARTITION BY name ORDER BY day RANGE BETWEEN '3 days' PRECEDING AND '1 day' PRECEDING) AS features FROM shop ORDER BY name, day, visits;
SELECT name, day, echolon_rolling_features(price) OVER (PARTITION BY name ORDER BY day, price ROWS 2 PRECEDING EXCLUDE CURRENT ROW) AS features FROM shop ORDER BY name, day, price;
-- in groups, of nothing, of NULLs
SELECT name, echolon_rolling_features(revenue ORDER BY day, revenue) AS features FROM shop GROUP BY name ORDER BY name;
SELECT echolon_rolling_features(revenue) AS of_nothing, echolon_rolling_features(revenue) FILTER (WHERE revenue IS NULL) AS of_nothing_either, echolon_rolling_sum(revenue) AS sum,
	echolon_rolling_mean(revenue) AS mean, echolon_rolling_stddev(revenue) AS stddev, echolon_rolling_variance(revenue) AS variance, echolon_rolling_min(revenue) AS min,
	echolon_rolling_max(revenue) AS max, echolon_rolling_median(revenue) AS median, echolon_rolling_slope(revenue) AS slope, echolon_ewma(revenue, 0.5) AS ewma FROM shop WHERE false;
SELECT echolon_rolling_features(NULL::numeric) AS features, echolon_rolling_sum(NULL::float8) AS sum, echolon_rolling_min(NULL::numeric) AS min, echolon_rolling_median(NULL::int) AS median FROM shop;

-- ---- one by one ----

SELECT day, echolon_rolling_sum(revenue) OVER w AS sum, echolon_rolling_mean(revenue) OVER w AS mean, echolon_rolling_min(revenue) OVER w AS min, echolon_rolling_max(revenue) OVER w AS max,
	echolon_rolling_median(revenue) OVER w AS median, echolon_rolling_slope(revenue) OVER w AS slope, round((echolon_rolling_stddev(revenue) OVER w)::numeric, 12) AS stddev,
	round((echolon_rolling_variance(revenue) OVER w)::numeric, 12) AS variance
FROM shop WHERE name = 'a' WINDOW w AS (ORDER BY day, revenue ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) ORDER BY day, revenue;
-- any type of number
SELECT pg_typeof(echolon_rolling_sum(visits)) AS type, echolon_rolling_sum(visits) AS "integer", echolon_rolling_sum(visits::bigint) AS "bigint", echolon_rolling_sum(visits::smallint) AS "smallint",
	echolon_rolling_mean(price) AS "numeric", echolon_rolling_median(revenue::real) AS "real", echolon_rolling_max(price) AS max FROM shop;
SELECT echolon_rolling_sum(name) FROM shop;
-- sums are exact: 1e17 takes nothing along when it leaves
SELECT i, v, echolon_rolling_sum(v) OVER w AS sum, echolon_rolling_stddev(v) OVER w AS stddev
FROM (VALUES (1, 0.1), (2, 0.2), (3, 1e17), (4, -0.3), (5, 0.25), (6, 0.75)) AS t(i, n), LATERAL (SELECT n::float8) AS l(v) WINDOW w AS (ORDER BY i ROWS 1 PRECEDING);
SELECT echolon_rolling_sum(v) AS ours FROM (VALUES (1e308::float8), (1e308), (-1e308), (1), (-1e308)) AS t(v);

-- ---- NaN and infinities, as PostgreSQL has them ----

SELECT i, v, echolon_rolling_sum(v) OVER w AS sum, sum(v) OVER w AS theirs, echolon_rolling_mean(v) OVER w AS mean, echolon_rolling_stddev(v) OVER w AS stddev, stddev_samp(v) OVER w AS theirs,
	echolon_rolling_min(v) OVER w AS min, min(v) OVER w AS theirs, echolon_rolling_max(v) OVER w AS max, max(v) OVER w AS theirs, echolon_rolling_median(v) OVER w AS median, echolon_rolling_slope(v) OVER w AS slope
FROM (VALUES (1, 1), (2, 'NaN'), (3, 2), (4, 'Infinity'), (5, 3), (6, '-Infinity'), (7, 'Infinity'), (8, 4), (9, 5), (10, 6::float8)) AS t(i, v)
WINDOW w AS (ORDER BY i ROWS 1 PRECEDING) ORDER BY i;
SELECT echolon_rolling_features(v ORDER BY i) FROM (VALUES (1, 1), (2, 'NaN'::float8), (3, '-Infinity')) AS t(i, v);
-- a zero has no sign
SELECT echolon_rolling_min(v) AS min, echolon_rolling_max(v) AS max, echolon_rolling_sum(v) AS sum, echolon_rolling_median(v) AS median FROM (VALUES ('-0'::float8), ('-0')) AS t(v);

-- ---- beyond double precision ----

CREATE TABLE huge (i int, v float8);
INSERT INTO huge VALUES (1, 1e308), (2, 1e308);
SELECT echolon_rolling_sum(v) FROM huge;
SELECT echolon_rolling_sum(v) OVER (ORDER BY i ROWS 1 PRECEDING) FROM huge;
SELECT echolon_rolling_variance(v) FROM (SELECT v FROM huge UNION ALL SELECT 1) AS t;
SELECT echolon_rolling_mean(v) AS mean, echolon_rolling_median(v) AS median FROM huge;
SELECT echolon_rolling_features(v) FROM huge;
SELECT echolon_difference(v) OVER (ORDER BY i) FROM (VALUES (1, 1e308::float8), (2, -1e308)) AS t(i, v);
SELECT echolon_pct_change(v) OVER (ORDER BY i) FROM (VALUES (1, 1e-10::float8), (2, 1e308)) AS t(i, v);

-- ---- memory ----

SET echolon.max_memory = '1MB';
SELECT echolon_rolling_median(i) FROM generate_series(1, 1000000) AS i;
SELECT echolon_rolling_median(i) OVER (ROWS 100000 PRECEDING) FROM generate_series(1, 1000000) AS i LIMIT 1;
SELECT (echolon_rolling_features(i)).count FROM generate_series(1, 1000000) AS i;
SELECT echolon_rolling_min(-i) OVER (ROWS 1000000 PRECEDING), echolon_rolling_sum(i) OVER (ROWS 1000000 PRECEDING) FROM generate_series(1, 300000) AS i OFFSET 299999;
SELECT echolon_rolling_min(i) OVER (ROWS 1000000 PRECEDING) FROM generate_series(1, 300000) AS i OFFSET 299999;
RESET echolon.max_memory;

-- ---- the running family ----

SELECT day, revenue, echolon_ewma(revenue, 0.5) OVER w AS ewma, echolon_ewma(price, 0.5, false) OVER w AS unadjusted, echolon_rolling_sum(revenue) OVER w AS running_sum,
	echolon_rolling_mean(revenue) OVER w AS expanding_mean, echolon_difference(revenue) OVER w AS difference, echolon_pct_change(revenue) OVER w AS change,
	echolon_difference(visits, 3) OVER w AS of_three, echolon_pct_change(price, 4) OVER w AS change_of_four, echolon_difference(revenue, NULL) OVER w AS "null"
FROM shop WHERE name = 'a' WINDOW w AS (ORDER BY day, revenue ROWS UNBOUNDED PRECEDING) ORDER BY day, revenue;
-- pandas: Series([1, None, None, 4]).ewm(alpha = 0.5), adjusted and not
SELECT i, v, echolon_ewma(v, 0.5) OVER w AS adjusted, echolon_ewma(v, 0.5, false) OVER w AS unadjusted, echolon_ewma(v, 1) OVER w AS last, echolon_ewma(NULL::float8, 0.5) OVER w AS nothing
FROM (VALUES (0, NULL), (1, 1), (2, NULL), (3, NULL), (4, 4)) AS t(i, v) WINDOW w AS (ORDER BY i);
SELECT echolon_ewma(v, 0.5 ORDER BY i) AS "NaN stays" FROM (VALUES (1, 1), (2, 'NaN'::float8), (3, 2)) AS t(i, v);
SELECT echolon_ewma(revenue, 0) FROM shop;
SELECT echolon_ewma(revenue, 1.5) FROM shop;
SELECT echolon_ewma(price, 'NaN') FROM shop;
SELECT echolon_ewma(revenue, NULL) FROM shop;
SELECT echolon_ewma(revenue, 0.5, NULL) FROM shop;
SELECT echolon_ewma(revenue, 1.0 / visits) FROM shop WHERE name = 'a' AND visits > 2;
SELECT echolon_ewma(revenue, 0.5, visits > 3) FROM shop WHERE name = 'a';
SELECT echolon_difference(revenue, 0) OVER (ORDER BY day) FROM shop;
SELECT echolon_pct_change(revenue, -1) OVER (ORDER BY day) FROM shop;
SELECT echolon_difference(name) OVER (ORDER BY day) FROM shop;
SELECT echolon_difference('1') OVER () FROM shop;
SELECT echolon_difference(day) OVER (ORDER BY day) FROM shop;
SELECT echolon_difference(revenue) FROM shop;

DROP TABLE shop;
DROP TABLE huge;

-- echolon_rolling: what a user sees of it, and every error.
\pset null '(null)'
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET extra_float_digits = 0;

CREATE TABLE rolling_sales (shop text, day date, id int, sales numeric, visits int, spent interval);
INSERT INTO rolling_sales VALUES
	('A', '2024-01-29', 1, 10, 5, '00:10'), ('A', '2024-01-30', 2, 20, 7, '00:30'), ('A', '2024-01-30', 3, NULL, 6, '00:20'),
	('A', '2024-01-31', 4, 40, 4, '01:00'), ('A', '2024-02-02', 5, 0, 9, NULL), ('A', NULL, 6, 50, 3, '00:05'),
	('A', 'infinity', 7, 60, 3, '00:05'), ('B', '2024-01-31', 8, 7, 1, '00:01'),
	('C', '2023-12-31', 9, 1, 1, '00:01'), ('C', '2024-01-01', 10, 2, 1, '00:01'), ('C', '2024-04-01', 11, 4, 1, '00:01');

-- ---- each kind of window -----------------------------------------------------------------

-- rows: NULL until there are enough values, unless min_periods says less
SELECT shop, day, sales, r[1] AS mean_2, r[2] AS mean_2_of_any, r[3] AS before, r[4] AS values_in_3
FROM (SELECT *, echolon_rolling(sales, day, '{mean 2,mean 2 min_periods 1,mean 2 end 1 min_periods 1,count 3}') OVER (PARTITION BY shop ORDER BY day, id) AS r
	  FROM rolling_sales) AS s ORDER BY shop, day, id;
-- time: two days are the day and the one before it; rows without a time are in no window
SELECT shop, day, sales, r[1] AS sum_2_days, r[2] AS sum_1_month, r[3] AS running
FROM (SELECT *, echolon_rolling(sales, day, '{sum 2 days,sum 1 month,sum expanding}') OVER (PARTITION BY shop ORDER BY day, id) AS r
	  FROM rolling_sales) AS s ORDER BY shop, day, id;
-- the calendar
SELECT day, sales, r[1] AS ytd, r[2] AS qtd, r[3] AS mtd
FROM (SELECT *, echolon_rolling(sales, day, '{sum ytd,sum qtd,sum mtd}') OVER (ORDER BY day, id) AS r
	  FROM rolling_sales WHERE shop = 'C') AS s ORDER BY day, id;
-- earlier rows: by rows, by time, one row earlier still
SELECT day, sales, r[1] AS lag, r[2] AS lag_1_day, r[3] AS diff, r[4] AS pct_change, r[5] AS diff_before
FROM (SELECT *, echolon_rolling(sales, day, '{lag,lag 1 day,diff 1,pct_change 1,diff 1 end 1}') OVER (ORDER BY day, id) AS r
	  FROM rolling_sales WHERE shop = 'A') AS s ORDER BY day, id;
-- every statistic, of integers
SELECT r[1] AS count, r[2] AS sum, r[3] AS mean, r[4] AS stddev, r[5] AS variance, r[6] AS min, r[7] AS max, r[8] AS first,
	r[9] AS last, r[10] AS median, r[11] AS slope, r[12] AS zscore, r[13] AS ewma, r[14] AS unadjusted, r[15] AS value
FROM (SELECT *, echolon_rolling(visits, NULL, '{COUNT 4 rows,Sum 4,mean 4,stddev 4,variance 4,min 4,max 4,first 4,last 4,median 4,slope 4,zscore 4,
	ewma 3,ewma alpha 0.5 unadjusted,value}') OVER (PARTITION BY shop ORDER BY id) AS r FROM rolling_sales WHERE shop = 'A') AS s ORDER BY id;
-- forward fill; intervals are seconds; float4; at of the three types
SELECT id, sales, (echolon_rolling(sales, day, '{value,lag 1}', fill => 'forward') OVER w) AS filled,
	(echolon_rolling(spent, day::timestamp, '{sum 2 days}') OVER w)[1] AS seconds,
	(echolon_rolling(visits::float4, day::timestamptz, '{sum 2 days}') OVER w)[1] AS visits
FROM rolling_sales WHERE shop = 'A' WINDOW w AS (PARTITION BY shop ORDER BY day, id) ORDER BY id;
-- one element a term, NULLs included, also for a row without time
SELECT id, array_ndims(r), array_lower(r, 1), array_upper(r, 1), cardinality(array_remove(r, NULL)) AS values
FROM (SELECT id, echolon_rolling(sales, day, '{lag 1,mean 1,count expanding}') OVER (ORDER BY day, id) AS r FROM rolling_sales) AS s ORDER BY id;
-- no row at all, and none that counts
SELECT echolon_rolling(sales, day, '{mean 1}') OVER (ORDER BY day) FROM rolling_sales WHERE false;
SELECT echolon_rolling(NULL::float8, NULL::date, '{mean 1,count 1,sum expanding,value}') OVER () FROM generate_series(1, 2);
-- a domain, and a NULL that is not of the right type
CREATE DOMAIN rolling_amount AS numeric CHECK (value >= 0);
CREATE DOMAIN rolling_day AS date;
SELECT echolon_rolling(sales::rolling_amount, day::rolling_day, '{sum 1 month}') OVER (ORDER BY day) FROM rolling_sales WHERE shop = 'C';
SELECT echolon_rolling(sales, NULL::text, '{sum 2}') OVER (ORDER BY day) FROM rolling_sales WHERE shop = 'C';

-- ---- time zones: a day in which the clocks change has 23 or 25 hours -------------------------

CREATE TABLE rolling_hours AS
SELECT at, extract(hour FROM at AT TIME ZONE 'Europe/Berlin')::int AS hour FROM generate_series(timestamptz '2024-03-30 12:00+01', '2024-04-01 12:00+02', '1 hour') AS at;
SELECT at AT TIME ZONE 'Europe/Berlin' AS local, r[1] AS hours_of_a_day, r[2] AS same_hour, r[3] AS hours_of_the_month
FROM (SELECT at, echolon_rolling(hour, at, '{count 1 day,lag 1 day,count mtd}', 'Europe/Berlin') OVER (ORDER BY at) AS r FROM rolling_hours) AS s
WHERE at >= '2024-04-01 00:00+02' ORDER BY at LIMIT 5;
SELECT r[1] AS hours_of_a_day FROM (SELECT at, echolon_rolling(hour, at, '{count 1 day}') OVER (ORDER BY at) AS r FROM rolling_hours) AS s
ORDER BY at DESC LIMIT 1;

-- ---- terms that are not understood -------------------------------------------------------------

CREATE FUNCTION rolling_try(VARIADIC terms text[]) RETURNS float8[] LANGUAGE sql
AS $$ SELECT echolon_rolling(sales, day, terms) OVER (ORDER BY day, id) FROM rolling_sales WHERE shop = 'C' LIMIT 1 $$;
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT rolling_try('');
SELECT rolling_try('   ');
SELECT rolling_try('maen 7');
SELECT rolling_try('average 7');
SELECT rolling_try('mean');
SELECT rolling_try('mean 0');
SELECT rolling_try('mean -7');
SELECT rolling_try('mean 2.5');
SELECT rolling_try('mean 1e12');
SELECT rolling_try('mean 2000000000');
SELECT rolling_try('mean 7 7');
SELECT rolling_try('mean 7 dyas');
SELECT rolling_try('mean 7 end');
SELECT rolling_try('mean 7 edn 1');
SELECT rolling_try('mean 7 end one');
SELECT rolling_try('mean 7 end -1');
SELECT rolling_try('mean 7 end 1 end 2');
SELECT rolling_try('mean 7 end 1 days');
SELECT rolling_try('mean 7 end 1 min_period 2');
SELECT rolling_try('mean 7 min_periods 0');
SELECT rolling_try('mean 7 min_periods 8');
SELECT rolling_try('mean 0 days');
SELECT rolling_try('mean -7 days');
SELECT rolling_try('mean 7 days ago');
SELECT rolling_try('mean 1 month -1 day');
SELECT rolling_try('mean 999999999 years');
SELECT rolling_try('mean forever');
SELECT rolling_try('mean expandin');
SELECT rolling_try('mean yearly');
SELECT rolling_try('mean ytd 7');
SELECT rolling_try('mean 7 alpha 0.3');
SELECT rolling_try('mean 7 unadjusted');
SELECT rolling_try('lag expanding');
SELECT rolling_try('lag 0');
SELECT rolling_try('lag 1 min_periods 1');
SELECT rolling_try('value 7');
SELECT rolling_try('value min_periods 1');
SELECT rolling_try('ewma');
SELECT rolling_try('ewma 7 alpha 0.3');
SELECT rolling_try('ewma 7 days');
SELECT rolling_try('ewma expanding');
SELECT rolling_try('ewma alpha 0');
SELECT rolling_try('ewma alpha 1.5');
SELECT rolling_try('ewma alpha nan');
SELECT rolling_try(repeat('mean ', 40));
SELECT rolling_try('mean 7', NULL);
SELECT rolling_try(VARIADIC '{}');
SELECT rolling_try(VARIADIC NULL);
SELECT rolling_try(VARIADIC '{{mean 1,mean 2},{mean 3,mean 4}}');
SELECT rolling_try(VARIADIC array_fill('mean 1'::text, '{1601}'));
-- the style of intervals does not matter
SET intervalstyle = 'sql_standard';
SELECT rolling_try('sum 1 day 2:00'), rolling_try('sum P1M');
SELECT rolling_try('mean -0 days 3 hours');
RESET intervalstyle;

-- ---- arguments that do not fit -------------------------------------------------------------------

SELECT echolon_rolling(shop, day, '{mean 7}') OVER () FROM rolling_sales;
SELECT echolon_rolling(day, day, '{mean 7}') OVER () FROM rolling_sales;
SELECT echolon_rolling(sales > 1, day, '{mean 7}') OVER () FROM rolling_sales;
SELECT echolon_rolling(NULL, day, '{mean 7}') OVER () FROM rolling_sales;
SELECT echolon_rolling(sales, id, '{mean 7}') OVER () FROM rolling_sales;
SELECT echolon_rolling(sales, spent, '{mean 7}') OVER () FROM rolling_sales;
SELECT echolon_rolling(sales, NULL, '{mean 7,sum 7 days}') OVER () FROM rolling_sales;
SELECT echolon_rolling(sales, NULL::date, '{lag 1 year}') OVER () FROM rolling_sales;
SELECT echolon_rolling(sales, day, '{sum ytd}', 'Mars/Olympus_Mons') OVER (ORDER BY day) FROM rolling_sales;
SELECT echolon_rolling(sales, day, '{sum 2}', fill => 'backward') OVER (ORDER BY day) FROM rolling_sales;
SELECT echolon_rolling(sales, day, ARRAY['mean ' || id]) OVER (ORDER BY day, id) FROM rolling_sales;
SELECT echolon_rolling(sales, day, '{mean 7}', CASE WHEN id > 3 THEN 'UTC' END) OVER (ORDER BY day, id) FROM rolling_sales;
-- windows of time need its order, others do not
SELECT echolon_rolling(sales, day, '{sum 7 days}') OVER (ORDER BY day DESC, id) FROM rolling_sales WHERE shop = 'C';
SELECT echolon_rolling(sales, day, '{sum 2}') OVER (ORDER BY day DESC, id) FROM rolling_sales WHERE shop = 'C';
SELECT echolon_rolling(1, date '5874897-12-31', '{sum 7 days}') OVER ();
-- results out of range, as sum() has them; an infinity that was there is none
SELECT sum(x) OVER (ROWS 1 PRECEDING) FROM (VALUES (1e308::float8), (1e308)) AS v (x);
SELECT echolon_rolling(x, NULL, '{sum 2}') OVER () FROM (VALUES (1e308::float8), (1e308)) AS v (x);
SELECT echolon_rolling(x, NULL, '{sum 2 min_periods 1}') OVER () FROM (VALUES (1e308::float8), ('infinity'), (1)) AS v (x);
-- memory
\set VERBOSITY terse
SET echolon.max_memory = '1MB';
SELECT count(r) FROM (SELECT echolon_rolling(i, NULL, '{median 1000000}') OVER () AS r FROM generate_series(1, 200000) AS i) AS s;
RESET echolon.max_memory;
\set VERBOSITY default
-- what PostgreSQL says itself
SELECT echolon_rolling(sales, day, '{mean 7}') FROM rolling_sales;
SELECT echolon_rolling(DISTINCT sales, day, '{mean 7}') OVER () FROM rolling_sales;
SELECT echolon_rolling(sales, day, '{mean 7}') FILTER (WHERE sales > 1) OVER () FROM rolling_sales;
SELECT echolon_rolling(sales, day) OVER () FROM rolling_sales;

DROP FUNCTION rolling_try;
DROP TABLE rolling_sales, rolling_hours;
DROP DOMAIN rolling_amount, rolling_day;

-- The business family, on the table in the original system's format, against plain SQL.
\ir setup.psql
SELECT * FROM no_plan();

-- From this folder, as all tests are run, or from the project's.
\set rows `cat ../../demo/data/seed_sales.csv 2>/dev/null || cat demo/data/seed_sales.csv`
CREATE TABLE seed_sales (id integer PRIMARY KEY, date date, revenue numeric, category text, engagement float8, last_purchase_days_ago integer);
INSERT INTO seed_sales
SELECT cell[1]::integer, cell[2]::date, nullif(cell[3], '')::numeric, cell[4], nullif(cell[5], '')::float8, nullif(cell[6], '')::integer
FROM (SELECT string_to_array(line, ',') AS cell FROM string_to_table(:'rows', E'\n') AS line WHERE line ~ '^\d') AS lines;
SELECT is(count(*), 1000::bigint, 'the rows of seed_sales.csv'), cmp_ok(count(*), '>', count(revenue), 'some without revenue'),
	cmp_ok(count(engagement), '>', count(DISTINCT engagement), 'engagement has ties') FROM seed_sales;

-- ---- columns are found by their names
SELECT is(features, 5, 'a set by the usual names of columns'), is(rows_fitted, 1000::bigint, 'fitted to all rows')
FROM echolon_create_features('seed_features', 'seed_sales', 'date', '{revenue}', '{category}', families => '{business}');
SELECT results_eq($$SELECT feature, family, sources::text, uses_current_row, fitted FROM echolon_feature_summary('seed_features')$$,
	$$VALUES ('revenue_percentile', 'business', '{revenue}', true, true), ('high_value', 'business', '{revenue}', true, true),
		('engagement_score', 'business', '{engagement}', true, true), ('churn_risk', 'business', '{last_purchase_days_ago}', true, false),
		('churn_segment', 'business', '{last_purchase_days_ago}', true, false)$$, 'what they are made of');

CREATE TEMP TABLE oracle AS
SELECT id, revenue, last_purchase_days_ago AS days,
	CASE WHEN revenue IS NOT NULL THEN percent_rank() OVER (PARTITION BY revenue IS NULL ORDER BY revenue) END AS revenue_rank,
	CASE WHEN engagement IS NOT NULL THEN percent_rank() OVER (PARTITION BY engagement IS NULL ORDER BY engagement) END AS engagement_rank
FROM seed_sales;

-- Rows of a set that are not as the oracle says; NULL only where it says NULL.
CREATE FUNCTION pg_temp.near(a float8, b float8) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL ELSE abs(a - b) <= 1e-12 * greatest(abs(a), abs(b)) END
$$;
SELECT is(count(*) FILTER (WHERE NOT pg_temp.near(revenue_percentile, revenue_rank)), 0::bigint, 'revenue_percentile is percent_rank()'),
	is(count(*) FILTER (WHERE revenue_percentile IS NULL), count(*) FILTER (WHERE f.revenue IS NULL), 'and NULL without revenue'),
	is(min(revenue_percentile), 0::float8, 'from 0'), is(max(revenue_percentile), 1::float8, 'to 1'),
	is(count(*) FILTER (WHERE NOT pg_temp.near(engagement_score, 100 * engagement_rank)), 0::bigint, 'engagement_score is 100 times the percent rank'),
	is(count(*) FILTER (WHERE NOT pg_temp.near(churn_risk, CASE WHEN days IS NOT NULL THEN least(1, days / 90.0::float8) END)), 0::bigint, 'churn_risk is least(1, days / 90)'),
	is(count(*) FILTER (WHERE churn_segment IS DISTINCT FROM
		CASE WHEN days <= 30 THEN 'active' WHEN days <= 90 THEN 'at risk' WHEN days > 90 THEN 'churned' END), 0::bigint, 'churn_segment: up to 30, up to 90, over 90 days')
FROM seed_features AS f JOIN oracle USING (id);
SELECT results_eq('SELECT DISTINCT churn_segment FROM seed_features WHERE churn_segment IS NOT NULL ORDER BY 1', ARRAY['active', 'at risk', 'churned'], 'all segments occur');
SELECT is(count(*) FILTER (WHERE high_value::int IS DISTINCT FROM (revenue > p75)::int), 0::bigint, 'high_value is above percentile_cont(0.75)'),
	cmp_ok(abs(avg(high_value::int) - 0.25), '<', 0.005, 'a quarter of the rows')
FROM seed_features, (SELECT percentile_cont(0.75) WITHIN GROUP (ORDER BY revenue) AS p75 FROM seed_sales) AS p;

-- ---- what was learned stays: new rows are measured by the rows of the fit
INSERT INTO seed_sales VALUES (1001, '2025-01-01', 1e9, 'Toys', 1000, 0), (1002, '2025-01-01', -5, 'Toys', -1, 9999), (1003, '2025-01-01', NULL, 'Toys', NULL, NULL);
SELECT results_eq($$SELECT revenue_percentile, high_value::int, engagement_score, churn_risk, churn_segment FROM seed_features WHERE id > 1000 ORDER BY id$$,
	$$VALUES (1::float8, 1, 100::float8, 0::float8, 'active'), (0, 0, 0, 1, 'churned'), (NULL, NULL, NULL, NULL, NULL)$$, 'new rows, beyond all that was seen');
SELECT is(count(*) FILTER (WHERE NOT pg_temp.near(revenue_percentile, revenue_rank)), 0::bigint, 'and the others keep their rank')
FROM seed_features AS f JOIN oracle USING (id);
INSERT INTO seed_sales SELECT 2000 + i, '2025-01-02', 1e6 + i, 'Toys', 50, 10 FROM generate_series(1, 1000) AS i;
SELECT is(echolon_refresh_features('seed_features'), 2003::bigint, 'refreshed');
SELECT is(count(*) FILTER (WHERE high_value::int IS DISTINCT FROM (revenue > p75)::int), 0::bigint, 'another threshold'),
	is(count(*) FILTER (WHERE high_value::int = 1 AND id <= 1000), 0::bigint, 'that no earlier row reaches')
FROM seed_features, (SELECT percentile_cont(0.75) WITHIN GROUP (ORDER BY revenue) AS p75 FROM seed_sales) AS p;
DELETE FROM seed_sales WHERE id > 1000;

-- ---- parameters
SELECT lives_ok($$SELECT echolon_create_features('chosen', 'seed_sales', 'date', '{revenue}', '{}', families => '{business}', revenue_column => 'engagement',
	engagement_columns => '{engagement,revenue}', engagement_weights => '{3,1}', recency_column => 'revenue', high_value_percentile => 0.9, churn_days => '{20,60}')$$,
	'other columns, weights and thresholds');
SELECT is(count(*) FILTER (WHERE NOT pg_temp.near(engagement_percentile, engagement_rank)), 0::bigint, 'the percentile of what was named'),
	is(count(*) FILTER (WHERE NOT pg_temp.near(engagement_score,
		100 * coalesce((3 * engagement_rank + revenue_rank) / 4, engagement_rank, revenue_rank))), 0::bigint, 'a weighted mean of the ranks there are'),
	is(count(*) FILTER (WHERE NOT pg_temp.near(churn_risk, CASE WHEN f.revenue IS NOT NULL THEN least(1, f.revenue::float8 / 60) END)), 0::bigint, 'a risk by another horizon'),
	is(count(*) FILTER (WHERE (churn_segment = 'at risk') IS DISTINCT FROM (f.revenue > 20 AND f.revenue <= 60)), 0::bigint, 'other segments')
FROM chosen AS f JOIN oracle USING (id);
SELECT is(count(*) FILTER (WHERE high_value::int IS DISTINCT FROM (engagement > p90)::int), 0::bigint, 'above the 90th percentile')
FROM chosen, (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY engagement) AS p90 FROM seed_sales) AS p;

-- ---- ties: where the percentile leaves under 10 % or over 40 % above it, the next distinct value
CREATE TABLE ties AS SELECT i AS id,
	(CASE WHEN i <= 300 THEN 500 ELSE i % 100 END)::float8 AS top_heavy,	-- 30 % have the largest value: none is above the percentile
	(CASE WHEN i <= 800 THEN 0 ELSE i END)::float8 AS mostly_nothing,		-- 20 % are above it: good as it is
	7::float8 AS constant
FROM generate_series(1, 1000) AS i;
CREATE TEMP TABLE said AS SELECT column_name, notes FROM (VALUES ('top_heavy'), ('mostly_nothing'), ('constant')) AS c (column_name),
	LATERAL echolon_create_features(column_name || '_features', 'ties', NULL, ARRAY[column_name]::name[], '{}', families => '{business}', revenue_column => column_name::name);
SELECT is(count(*) FILTER (WHERE high_value::int <> (top_heavy > 99)::int), 0::bigint, 'ties at the top: the next smaller value'),
	is(avg(high_value::int), 0.3, 'which makes them high') FROM top_heavy_features;
SELECT is(count(*) FILTER (WHERE high_value::int <> (mostly_nothing > 0)::int), 0::bigint, 'ties below: the percentile itself') FROM mostly_nothing_features;
SELECT is(sum(high_value::int), 0::bigint, 'all the same: none is high') FROM constant_features;
SELECT ok(array_to_string(notes, ' ') LIKE '%high_value is above 99, which is 30.0 \% of the rows%', 'the set says so') FROM said WHERE column_name = 'top_heavy';
SELECT ok(array_to_string(notes, ' ') NOT LIKE '%high_value%', 'and only then: ' || column_name) FROM said WHERE column_name <> 'top_heavy';
SELECT is(count(*) FILTER (WHERE NOT pg_temp.near(top_heavy_percentile, p)), 0::bigint, 'ties have one percent rank')
FROM top_heavy_features JOIN (SELECT id, percent_rank() OVER (ORDER BY top_heavy) AS p FROM ties) AS o USING (id);

-- ---- what is odd in the data
CREATE TABLE odd (id integer, revenue float8, engagement float8, last_purchase_days_ago float8);
INSERT INTO odd VALUES (1, 'NaN', 'NaN', 'NaN'), (2, 'Infinity', '-Infinity', 'Infinity'), (3, NULL, NULL, NULL), (4, 1, 1, -3);
INSERT INTO odd SELECT i, i, i, i FROM generate_series(5, 104) AS i;
SELECT lives_ok($$SELECT echolon_create_features('odd_features', 'odd', NULL, '{revenue}', '{}', families => '{business}')$$, 'NaN, infinities, NULL');
SELECT results_eq('SELECT churn_risk, churn_segment FROM odd_features WHERE id <= 4 ORDER BY id',
	$$VALUES (1::float8, 'churned'), (1, 'churned'), (NULL, NULL), (0, 'active')$$, 'no risk above 1 or below 0');
SELECT is(count(*) FILTER (WHERE high_value::int IS DISTINCT FROM (revenue > p75)::int), 0::bigint, 'they move no threshold'),
	is(count(*) FILTER (WHERE NOT revenue_percentile BETWEEN 0 AND 1), 0::bigint, 'and no percentile leaves 0 to 1')
FROM odd_features, (SELECT percentile_cont(0.75) WITHIN GROUP (ORDER BY revenue) AS p75 FROM odd WHERE id >= 4) AS p WHERE id >= 3;

CREATE TABLE nothing (LIKE seed_sales);
SELECT lives_ok($$SELECT echolon_create_features('nothing_features', 'nothing', 'date', '{revenue}', '{}', families => '{business}')$$, 'an empty table');
INSERT INTO nothing VALUES (1, '2025-01-01', 10, 'Toys', 10, 45);
SELECT results_eq('SELECT churn_risk, churn_segment FROM nothing_features', $$VALUES (0.5::float8, 'at risk')$$, 'what needs no fit is there');

-- ---- errors
CREATE FUNCTION pg_temp.refused(arguments text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.error_of(format('SELECT echolon_create_features(''refused'', ''seed_sales'', ''date'', families => ''{business}'', %s)', arguments))
$$;
SELECT ok(pg_temp.refused(arguments) ~ said, arguments || ': ' || pg_temp.refused(arguments)) FROM (VALUES
	('revenue_column => ''category''', '^42804 .*category'),
	('revenue_column => ''income''', '^42703 .*income'),
	('engagement_columns => ''{engagement,revenue}'', engagement_weights => ''{1}''', '^22023 .*weight'),
	('engagement_weights => ''{-1}''', '^22023 .*weight'),
	('engagement_weights => ''{0}''', '^22023 .*weight'),
	('high_value_percentile => 75', '^22023 .*above 0 and below 1'),
	('high_value_percentile => ''NaN''', '^22023 .*high_value_percentile'),
	('churn_days => ''{90,30}''', '^22023 .*churn_days'),
	('churn_days => ''{30}''', '^22023 .*churn_days')) AS e (arguments, said);

SELECT * FROM finish();
ROLLBACK;

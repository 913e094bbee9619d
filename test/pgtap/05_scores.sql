-- Scores are honest: what is held out is held out, and the numbers are those of plain SQL.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE good AS SELECT * FROM pg_temp.rows(2000);

-- ---- the score is that of rows the model did not see: noise alone gives about nothing
CREATE TABLE nothing AS SELECT id, (hashint4(id) & 1023)::float8 AS a, (hashint4(id + 7000000) & 1023)::float8 AS b, (hashint4(id + 9000000) & 1023)::float8 AS y,
	CASE WHEN hashint4(id + 5000000) % 2 = 0 THEN 'yes' ELSE 'no' END AS label FROM generate_series(1, 2000) AS id;
CREATE TEMP TABLE noise AS
SELECT 'forest' AS what, * FROM echolon_train_rf('nothing', 'y', features => '{a,b}', model => 'n1')
UNION ALL SELECT 'boosting', * FROM echolon_train_gb('nothing', 'y', features => '{a,b}', model => 'n2')
UNION ALL SELECT 'forest, out of bag', * FROM echolon_train_rf('nothing', 'y', features => '{a,b}', model => 'n3', test_fraction => 0);
SELECT cmp_ok(score, '<', 0.05::float8, what || ': nothing is learned from noise') FROM noise;
SELECT cmp_ok(train_score, '>', 0.3::float8, what || ': though the training rows are known by heart') FROM noise WHERE train_score IS NOT NULL AND what <> 'boosting';
SELECT ok(abs(score - 0.5) < 0.1, 'classes of noise: an area of one half') FROM echolon_train_rf('nothing', 'label', features => '{a,b}', model => 'n4');

-- ---- the same rows: identical rows stay on one side, so copying a table gives nothing away
CREATE TABLE twice AS SELECT a, b, y FROM nothing UNION ALL SELECT a, b, y FROM nothing;
SELECT cmp_ok((SELECT score FROM echolon_train_rf('twice', 'y', model => 'twice')), '<', 0.05::float8, 'every row twice: still nothing is learned from noise');

-- ---- the numbers, by plain SQL
SELECT lives_ok($$SELECT echolon_train_gb('good', 'y', features => '{a,b,colour}', test_fraction => 0.3, model => 'scored')$$, 'trained');
SELECT is(round(m.score::numeric, 9), round(oracle::numeric, 9), 'metrics: ' || m.metric)
FROM (SELECT regr_count(actual, predicted) AS n, sqrt(avg((actual - predicted) ^ 2)) AS rmse, avg(abs(actual - predicted)) AS mae,
		1 - sum((actual - predicted) ^ 2) / (regr_sxx(actual, actual)) AS r2 FROM echolon_residuals('scored')) AS o,
	LATERAL (VALUES ('rmse', rmse), ('mae', mae), ('r2', r2)) AS v (metric, oracle), echolon_metrics('scored') AS m
WHERE m.metric = v.metric ORDER BY m.metric;
SELECT is(round(echolon_rmse(y, p)::numeric, 9), round(sqrt(avg((y - p) ^ 2))::numeric, 9), 'echolon_rmse'),
	is(round(echolon_mae(y, p)::numeric, 9), round(avg(abs(y - p))::numeric, 9), 'echolon_mae'),
	is(round(echolon_r2(y, p)::numeric, 9), round((1 - sum((y - p) ^ 2) / regr_sxx(y, y))::numeric, 9), 'echolon_r2')
FROM (SELECT y, echolon_predict('scored', g) AS p FROM good AS g) AS s;

-- ---- a split in time
CREATE TABLE series AS SELECT date '2020-01-01' + id AS day, shop, (20 + id * 0.1 + 10 * shop + (hashint4(id * 10 + shop) & 255) / 64.0)::float8 AS sold, (hashint4(id) & 7) AS weather
FROM generate_series(1, 500) AS id, generate_series(1, 3) AS shop;
ALTER TABLE series ALTER COLUMN shop TYPE text;
CREATE TEMP TABLE in_time AS SELECT * FROM echolon_train_rf('series', 'sold', split_by => 'day', model => 'in_time');
SELECT is(details->'metrics'->>'measured_on', 'holdout_before_refit', 'split in time: measured before it was fitted to all rows') FROM in_time;
SELECT cmp_ok(score, '<', 0.9::float8, 'split in time: a forest cannot see a trend that goes on, and the score says so') FROM in_time;
SELECT cmp_ok((SELECT score FROM echolon_train_rf('series', 'sold', model => 'random_split')), '>', (SELECT score FROM in_time), 'a random split would look better');
SELECT cmp_ok(baseline, '>', score, 'and the last value is better than the model') FROM in_time;
-- The baseline by hand: the last value of the same shop, on the last fifth of the days.
SELECT is(round(baseline::numeric, 6), round(oracle::numeric, 6), 'the baseline is the last value of the same shop') FROM in_time,
	(SELECT 1 - sum((sold - before) ^ 2) / regr_sxx(sold, sold) AS oracle FROM (
		SELECT day, sold, lag(sold) OVER (PARTITION BY shop ORDER BY day) AS before FROM series) AS s
	 WHERE day > date '2020-01-01' + 400) AS o;

-- ---- a split by groups: who is known by heart does not count
CREATE TABLE visits AS SELECT 'customer ' || id % 100 AS customer, (hashint4(id % 100) & 1023)::float8 AS y, (hashint4(id % 100 + 55) & 1023)::float8 AS trait, (hashint4(id) & 1023)::float8 AS a FROM generate_series(1, 2000) AS id;
SELECT cmp_ok((SELECT score FROM echolon_train_rf('visits', 'y', features => '{trait,a}', max_features => 2, model => 'v1')), '>', 0.8::float8, 'random split: each customer is known already');
SELECT cmp_ok((SELECT score FROM echolon_train_rf('visits', 'y', features => '{trait,a}', max_features => 2, split_groups => 'customer', model => 'v2')), '<', 0.2::float8, 'split by customer: the truth');

-- ---- a row keeps its side when rows are added
SELECT is((SELECT count(*) FROM echolon_residuals('scored')) > 500, true, 'held-out rows are kept');
CREATE TEMP TABLE held AS SELECT actual FROM echolon_residuals('scored');
INSERT INTO good SELECT id + 10000, a + 0.005, b, colour, y + 1000, label FROM pg_temp.rows(200);
SELECT lives_ok($$SELECT echolon_train_gb('good', 'y', features => '{a,b,colour}', test_fraction => 0.3, model => 'scored')$$, 'trained again with more rows');

-- ---- evaluation of a table
CREATE TABLE fresh AS SELECT id, a, b, CASE WHEN id % 10 = 0 THEN 'mauve' ELSE colour END AS colour, y FROM pg_temp.rows(500);
SELECT is(value, 50::float8, 'echolon_evaluate counts categories never seen') FROM echolon_evaluate('scored', 'fresh') WHERE metric ~ 'unseen';

SELECT * FROM finish();
ROLLBACK;

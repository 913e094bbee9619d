-- Training and predicting through a feature set: what is learned from, how it is split, where it is read,
-- and that the model is the one a plain view gives.
\ir setup.psql
SELECT * FROM no_plan();

-- Ten years of six cities; the target has a season and a trend of its own; the latest month is not known yet.
CREATE TABLE sales AS
SELECT c AS city, n AS store, (date '2015-01-01' + m * interval '1 month')::date AS month,
	(100 * n + 20 * n * sin(m / 6.0 * pi()) + m * n + (hashint4(m * 100 + n) & 255) / 8.0)::float8 AS revenue,
	(5 + (hashint4(m * 100 + n + 999) & 255) / 10.0)::float8 AS cost, (hashint4(m * 7 + n) & 7) AS promo
FROM (VALUES ('Oslo', 1), ('Paris', 2), ('Rome', 3), ('Bonn', 4), ('Graz', 5), ('Nice', 6)) AS v (c, n), generate_series(0, 119) AS m;
INSERT INTO sales SELECT city, store, date '2025-01-01', NULL, 10, 3 FROM sales WHERE month = '2015-01-01';
ALTER TABLE sales ADD PRIMARY KEY (city, month);
SELECT ok((SELECT features > 20 FROM echolon_create_features('sf', 'sales', 'month', '{revenue,cost}', '{city}', '{city}', target => 'revenue', lags => '{1,12}', rolling_windows => '{3,12}')), 'a feature set with a target');
SELECT ok((SELECT features > 20 FROM echolon_create_features('open', 'sales', 'month', '{revenue,cost}', '{city}', '{city}')), 'one without');

-- ---- what is left out, and the split
CREATE TEMP TABLE t AS SELECT * FROM echolon_train_gb('sf', 'revenue', n_estimators => 30, model => 'm');
SELECT is(details->'parameters'->>'split_by', 'month', 'the set''s date splits the rows'), is(details->'metrics'->>'measured_on', 'holdout_before_refit', 'in time'),
	is(details->'rows'->>'held_out', '144', 'a fifth of the rows'), is(rows_used, 720::bigint, 'rows whose target is not known are left out') FROM t;
SELECT is((SELECT array_agg(l->>'column' ORDER BY l->>'column' COLLATE "C") FROM t, jsonb_array_elements(details->'left_out') AS l WHERE l->>'reason' = 'contains the row''s own "revenue"'),
	(SELECT array_agg(feature ORDER BY feature COLLATE "C") FROM echolon_feature_summary('sf') WHERE 'revenue' = ANY (sources) AND uses_current_row), 'details name what contains the target, with the reason');
SELECT is((SELECT count(*) FROM echolon_feature_importance('m') AS i JOIN echolon_feature_summary('sf') AS s ON s.feature = i.feature WHERE 'revenue' = ANY (s.sources) AND s.uses_current_row), 0::bigint, 'none of them is a feature');
SELECT ok((SELECT count(*) FROM echolon_feature_importance('m') WHERE feature ~ '^revenue_(lag|roll|diff|pct)') >= 8, 'its windows that end at the row before are');
SELECT cmp_ok((SELECT count(*) FROM echolon_train_gb('open', 'revenue', n_estimators => 3, model => 'o') AS o, jsonb_array_elements(details->'left_out') AS l WHERE l->>'column' ~ '^revenue_(roll|diff|pct)' AND l->>'reason' ~ 'own'), '>', 4::bigint, 'without a target windows that include the row are left out');
SELECT is((SELECT count(*) FROM echolon_feature_importance('o') WHERE feature ~ '^revenue_' AND feature <> 'revenue_lag1'), 0::bigint, 'and only the lag remains');
SELECT is(details->'left_out' @> '[{"column": "revenue_x_cost"}]', true, 'another target: what contains that one is left out') FROM echolon_train_gb('sf', 'cost', n_estimators => 3, model => 'c');
SELECT ok((SELECT count(*) FROM echolon_feature_importance('c') WHERE feature = 'revenue') = 1 AND (SELECT count(*) FROM echolon_feature_importance('c') WHERE feature ~ '^cost_(roll|diff|pct|pow)') = 0, 'and the first target is a feature');
-- a feature as the target: what it is made of tells it as well
SELECT ok(details->'left_out' @> '[{"column": "revenue"}, {"column": "cost"}, {"column": "revenue_x_cost"}]', 'a target that is a feature: its sources are left out too') FROM echolon_train_gb('sf', 'revenue_per_cost', n_estimators => 3, model => 'r');
-- the target tells the groups: each window is one over the rows of its value
SELECT ok((SELECT count(*) FROM jsonb_array_elements(details->'left_out') AS l WHERE l->>'column' ~ '_(lag|roll|diff|pct)' AND l->>'reason' ~ 'own "city"') =
	(SELECT count(*) FROM echolon_feature_summary('sf') WHERE family = 'rolling') AND details->'left_out' @> '[{"column": "city_code"}]',
	'a target in group_by: windows are left out') FROM echolon_train_gb('sf', 'city', n_estimators => 3, model => 'cities');
SELECT is(pg_temp.error_of($$SELECT echolon_train_gb('open', 'revenue', features => '{cost,revenue_roll7_mean}', model => 'x')$$),
	'22023 column "revenue_roll7_mean" cannot be a feature | It contains the row''s own "revenue", which is the target. | Create the feature set with target => ''revenue'': its windows then end at the row before.', 'asked for by name: refused');
SELECT is(pg_temp.error_of($$SELECT echolon_train_gb('sf', 'revenue', features => '{cost,revenue_x_cost}', model => 'x')$$),
	'22023 column "revenue_x_cost" cannot be a feature | It contains the row''s own "revenue", which is the target. | Leave it out: it is not known when a row is to be predicted.', 'a product with the target');
SELECT is(details->'parameters'->>'split_by', NULL, what) FROM (
	SELECT 'split_groups instead' AS what, * FROM echolon_train_gb('sf', 'revenue', split_groups => 'city', n_estimators => 3, model => 'x1')
	UNION ALL SELECT 'nothing held out', * FROM echolon_train_rf('sf', 'revenue', test_fraction => 0, n_estimators => 3, model => 'x2')) AS s;
SELECT is(details->'parameters'->>'split_by', 'promo', 'another column instead') FROM echolon_train_gb('sf', 'revenue', split_by => 'promo', n_estimators => 3, model => 'x3');
SELECT ok(notes::text ~ 'city_code.* (was|were) fitted to all rows of the feature set, the held-out ones too', 'fitted features are named in the notes') FROM t;

-- ---- where the rows are read: the direct path, the view, a materialized view give the same bytes
CREATE VIEW plain AS SELECT * FROM sf;
CREATE FUNCTION pg_temp.left_out() RETURNS name[] LANGUAGE sql AS $$
	SELECT array_agg((l->>'column')::name) FROM t, jsonb_array_elements(details->'left_out') AS l WHERE l->>'reason' ~ 'own'
$$;
SELECT lives_ok($$SELECT echolon_train_gb('plain', 'revenue', split_by => 'month', exclude => pg_temp.left_out(), n_estimators => 30, model => 'plain')$$, 'a plain view of the view');
SELECT is(count(DISTINCT digest), 1::bigint, 'gives the same bytes as the direct path') FROM echolon.model_versions WHERE model IN ('m', 'plain');
SELECT lives_ok($$SELECT echolon_train_rf('sf', 'revenue', encode => 'target', n_estimators => 10, model => 'e1'), echolon_train_rf('plain', 'revenue', encode => 'target', split_by => 'month', exclude => pg_temp.left_out(), n_estimators => 10, model => 'e2')$$, 'a forest with encoded cities');
SELECT is(count(DISTINCT digest), 1::bigint, 'too') FROM echolon.model_versions WHERE model IN ('e1', 'e2');
SELECT ok((SELECT features > 20 FROM echolon_create_features('mf', 'sales', 'month', '{revenue,cost}', '{city}', '{city}', target => 'revenue', lags => '{1,12}', rolling_windows => '{3,12}', materialized => true)), 'a materialized set');
SELECT lives_ok($$SELECT echolon_train_gb('mf', 'revenue', n_estimators => 30, model => 'mf')$$, 'trained by its view');
SELECT lives_ok(format($$SELECT echolon_train_gb(%L, 'revenue', n_estimators => 30, model => 'mf_direct')$$, matview), 'and by the materialized view behind it') FROM (SELECT c.oid::regclass AS matview FROM pg_class AS c WHERE relkind = 'm' AND relname ~ '^mf') AS v;
SELECT is(count(DISTINCT digest), 1::bigint, 'all the same bytes') FROM echolon.model_versions WHERE model IN ('m', 'mf', 'mf_direct');
UPDATE sales SET revenue = revenue + 1000 WHERE city = 'Oslo' AND month = '2024-06-01';
SELECT lives_ok($$SELECT echolon_train_gb('mf', 'revenue', n_estimators => 30, model => 'stale'), echolon_train_gb('sf', 'revenue', n_estimators => 30, model => 'fresh')$$, 'the table changes');
SELECT is((SELECT digest FROM echolon.model_versions WHERE model = 'stale'), (SELECT digest FROM echolon.model_versions WHERE model = 'm'), 'a materialized set is learned as it was stored');
SELECT isnt((SELECT digest FROM echolon.model_versions WHERE model = 'fresh'), (SELECT digest FROM echolon.model_versions WHERE model = 'm'), 'a view as the table is now');
UPDATE sales SET revenue = revenue - 1000 WHERE city = 'Oslo' AND month = '2024-06-01';
-- a view that is no longer what the set says is read as it is
SELECT lives_ok(format('CREATE OR REPLACE VIEW open WITH (security_invoker = true) AS SELECT * FROM (%s) AS x WHERE city <> ''Oslo''', rtrim(pg_get_viewdef('open'::regclass), ';')), 'the view of a set is replaced');
SELECT is(rows_used, 600::bigint, 'a view that was changed is read as it is') FROM echolon_train_gb('open', 'revenue', n_estimators => 3, model => 'changed');

-- ---- prediction: the next month, through the view
SELECT is(count(echolon_predict('m', f)), 6::bigint, 'rows whose target is not known are predicted through the view') FROM sf AS f WHERE revenue IS NULL;
SELECT cmp_ok(avg(abs(echolon_predict('m', f) / o.expected - 1)), '<', 0.15::float8, 'and near to what is to come') FROM sf AS f
	JOIN (SELECT city, 100 * store + store * 120 + 20 * store * sin(20 * pi()) + 16 AS expected FROM sales WHERE month = '2025-01-01') AS o USING (city) WHERE f.revenue IS NULL;
INSERT INTO sales VALUES ('Lima', 7, '2025-01-01', NULL, 10, 3), ('Lima', 7, '2025-02-01', NULL, 10, 3);
SELECT is(count(echolon_predict('m', f)), 2::bigint, 'so is a city the set has never seen') FROM sf AS f WHERE city = 'Lima';
DELETE FROM sales WHERE city = 'Lima';
SELECT is(echolon_predict('m', f), echolon_predict_json('m', to_jsonb(f)), 'documents of the view are predicted alike') FROM sf AS f ORDER BY month DESC, city LIMIT 1;
SELECT is(round(m.value::numeric, 9), round(o.r2::numeric, 9), 'echolon_evaluate reads the view') FROM echolon_evaluate('m', 'sf') AS m, (SELECT echolon_r2(revenue, echolon_predict('m', f)) AS r2 FROM sf AS f) AS o WHERE metric = 'r2';
SELECT is(value, 720::float8, 'all rows with a target') FROM echolon_evaluate('m', 'sf') WHERE metric = 'rows';
SELECT ok(max(importance) > 0 AND count(*) > 20, 'echolon_permutation_importance reads it too') FROM echolon_permutation_importance('m', 'sf', n_repeats => 1);

-- ---- the baseline: last month's value of the same city, whatever is a feature
CREATE TEMP TABLE lagged AS
SELECT month, revenue, lag(revenue) OVER w AS last, lag(revenue, 3) OVER w AS third, lag(revenue, 12) OVER w AS year
FROM sales WHERE revenue IS NOT NULL WINDOW w AS (PARTITION BY city ORDER BY month);
CREATE TEMP TABLE oracle AS
SELECT 1 - sum((revenue - last) ^ 2) / regr_sxx(revenue, revenue) AS last, 1 - sum((revenue - third) ^ 2) / regr_sxx(revenue, revenue) AS third, 1 - sum((revenue - year) ^ 2) / regr_sxx(revenue, revenue) AS year
FROM lagged WHERE month >= '2023-01-01';
SELECT is(round(t.baseline::numeric, 9), round(greatest(o.last, o.year)::numeric, 9), 'the baseline is the better of last month and the year before, of the same city') FROM t, oracle AS o;
SELECT is(round(n.baseline::numeric, 9), round(greatest(o.last, o.year)::numeric, 9), 'also where the city is no feature') FROM echolon_train_rf('sf', 'revenue', features => '{revenue_lag1,revenue_roll3_mean}', n_estimators => 5, model => 'named') AS n, oracle AS o;
SELECT ok((SELECT features > 5 FROM echolon_create_features('by_number', 'sales', 'month', '{revenue}', '{city}', '{store}', target => 'revenue', families => '{rolling}')), 'groups that are numbers');
SELECT is(round(n.baseline::numeric, 9), round(greatest(o.last, o.year)::numeric, 9), 'are groups too') FROM echolon_train_rf('by_number', 'revenue', exclude => '{city}', n_estimators => 5, model => 'by_number') AS n, oracle AS o;
SELECT ok((SELECT features > 5 FROM echolon_create_features('quarterly', 'sales', 'month', '{revenue}', '{city}', '{city}', target => 'revenue', horizon => 3, families => '{rolling}')), 'a set that looks three months ahead');
SELECT is(round(n.baseline::numeric, 9), round(greatest(o.third, o.year)::numeric, 9), 'is compared with the value three months before') FROM echolon_train_rf('quarterly', 'revenue', n_estimators => 5, model => 'quarterly') AS n, oracle AS o;
SELECT cmp_ok((SELECT score FROM echolon_train_gb('sf', 'revenue', model => 'honest')), '<', 0.9999::float8, 'nothing gives the target away');

-- ---- leaks of a feature set
SELECT is((SELECT array_agg(column_name ORDER BY column_name COLLATE "C") FROM echolon_check_leakage('sf', 'revenue') WHERE reason ~ 'own "revenue"; a training on this feature set leaves it out' AND verdict = 'leak'),
	(SELECT array_agg(feature ORDER BY feature COLLATE "C") FROM echolon_feature_summary('sf') WHERE 'revenue' = ANY (sources) AND uses_current_row), 'echolon_check_leakage names what contains the target');
SELECT is((SELECT count(*) FROM echolon_check_leakage('sf', 'revenue') WHERE verdict = 'leak' AND reason !~ 'own'), 0::bigint, 'and no lag for a leak');

-- ---- rows of one date: the target must not be what puts them into their order
CREATE TABLE ties AS SELECT date '2024-01-01' + i / 20 AS day, (hashint4(i) & 1023)::float8 AS y, (hashint4(i + 1000000) & 1023)::float8 AS x FROM generate_series(0, 1999) AS i;
SELECT ok((SELECT features > 5 FROM echolon_create_features('ties_f', 'ties', 'day', '{y,x}', target => 'y', families => '{rolling}')), 'dates that repeat, no key');
SELECT ok(notes::text ~ 'in the order of' OR score < 0.1, 'the notes say so where it is') FROM echolon_train_gb('ties_f', 'y', features => '{y_lag1}', n_estimators => 30, model => 'ties');
ALTER TABLE ties ADD id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY;
SELECT ok((SELECT features > 5 FROM echolon_create_features('keyed_f', 'ties', 'day', '{y,x}', target => 'y', families => '{rolling}')), 'with a key');
SELECT ok(notes::text !~ 'in the order of', 'nothing is said'), cmp_ok(score, '<', 0.1::float8, 'and nothing is learned from noise') FROM echolon_train_gb('keyed_f', 'y', features => '{y_lag1}', n_estimators => 30, model => 'keyed');

-- ---- rights: who may read the table and its view may train on it, others not
CREATE ROLE reader;
GRANT SELECT ON sf TO reader;
SET LOCAL ROLE reader;
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('sf', 'revenue', n_estimators => 3, model => 'reader')$$), '^42501 permission denied for table sales', 'a reader of the view alone: the view has the rights of who reads it');
RESET ROLE;
GRANT SELECT ON sales TO reader;
SET LOCAL ROLE reader;
SELECT is(rows_used, 720::bigint, 'a reader of both') FROM echolon_train_gb('sf', 'revenue', n_estimators => 3, model => 'reader');
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('quarterly', 'revenue', n_estimators => 3, model => 'reader2')$$), '^42501 permission denied for view quarterly', 'a view of others');
RESET ROLE;
ALTER TABLE sales ENABLE ROW LEVEL SECURITY;
CREATE POLICY northern ON sales TO reader USING (city IN ('Oslo', 'Bonn'));
SET LOCAL ROLE reader;
SELECT is(rows_used, 240::bigint, 'row-level security of the table holds') FROM echolon_train_gb('sf', 'revenue', n_estimators => 3, model => 'reader');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;

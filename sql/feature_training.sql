-- Trainings on a feature set: what is said, what is refused.  What they learn is in test/pgtap/11_feature_training.sql.
\set VERBOSITY default
SET client_min_messages = warning;
CREATE TABLE sales AS
SELECT c AS city, (date '2015-01-01' + m * interval '1 month')::date AS month,
	(100 * n + m * n + (m * 7919 * n % 101) / 8.0)::float8 AS revenue, (5 + (m * 104729 + n) % 31)::float8 AS cost
FROM (VALUES ('Oslo', 1), ('Paris', 2), ('Rome', 3)) AS v (c, n), generate_series(0, 119) AS m;
ALTER TABLE sales ADD PRIMARY KEY (city, month);
SELECT feature_set FROM echolon_create_features('sales_features', 'sales', 'month', '{revenue,cost}', '{city}', '{city}');
SELECT feature_set FROM echolon_create_features('sales_known', 'sales', 'month', '{revenue,cost}', '{city}', '{city}', target => 'revenue');
RESET client_min_messages;
-- A parameter that does not fit ends each training after its notices, before the one that tells the time it took.
SELECT echolon_train_gb('sales_features', 'revenue', threshold => 'f1', model => 'x');
SELECT echolon_train_gb('sales_known', 'revenue', threshold => 'f1', model => 'x');
SELECT echolon_train_gb('sales_known', 'revenue', test_fraction => 0, exclude => '{revenue_pow2,high_value}', threshold => 'f1', model => 'x');
SELECT echolon_train_gb('sales_known', 'revenue', split_groups => 'city', features => '{revenue_lag1}', threshold => 'f1', model => 'x');
-- Refused: what contains the target, asked for by name; nothing left.
SELECT echolon_train_gb('sales_features', 'revenue', split_by => 'month', features => '{cost,revenue_roll7_mean}', model => 'x');
SELECT echolon_train_gb('sales_features', 'revenue', split_by => 'month', features => '{revenue_per_cost}', model => 'x');
SELECT echolon_train_gb('sales_features', 'revenue', split_by => 'month', exclude => (
	SELECT array_agg(attname) FROM pg_attribute WHERE attrelid = 'sales_features'::regclass AND attname !~ '^revenue_x_cost$|^revenue$'), model => 'x');
SET client_min_messages = warning;
SELECT details->'parameters'->'split_by' AS split_by, details->'metrics'->'baseline'->'name' AS baseline, details->'metrics'->'measured_on' AS measured_on, notes[cardinality(notes)] AS note
FROM echolon_train_gb('sales_known', 'revenue', n_estimators => 50, model => 'known');
SELECT l->>'column' AS left_out, l->>'reason' AS reason FROM echolon_train_gb('sales_known', 'revenue', n_estimators => 5, model => 'known') AS t, jsonb_array_elements(t.details->'left_out') AS l ORDER BY l->>'column' COLLATE "C";
SELECT column_name, verdict, reason FROM echolon_check_leakage('sales_known', 'revenue') WHERE verdict = 'leak' ORDER BY column_name COLLATE "C";
SELECT count(echolon_predict('known', f)) AS predicted FROM sales_known AS f;
SELECT count(echolon_drop_model(model)) AS dropped FROM echolon.models WHERE model IN ('known', 'x');
SELECT count(echolon_drop_features(feature_set)) AS dropped FROM echolon.feature_sets WHERE feature_set ~ '^sales_';
DROP TABLE sales;

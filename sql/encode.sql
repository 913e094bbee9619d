-- encode => 'target': what the functions say and store; the numbers are in test/pgtap/10_encode.sql.
\set VERBOSITY default
SET client_min_messages = warning;
SELECT training_function, parameter, type, default_value, range, scikit_learn, lightgbm FROM echolon_parameters() WHERE parameter IN ('encode', 'target_smoothing') ORDER BY 1, 2;
CREATE TABLE shops AS
SELECT i AS id, (i * 7919 % 1009) / 100.0::float8 AS a, CASE WHEN i % 50 = 0 THEN NULL ELSE 'shop ' || i % 40 END AS shop,
	(ARRAY['north', 'south', 'east', 'west'])[1 + (i % 4)::int] AS region, date '2024-01-01' + (i / 20)::int AS day,
	(i % 40) * 2 + (i * 104729 % 997) / 50.0 AS y, (ARRAY['lo', 'mid', 'hi'])[1 + (i % 40 / 14)::int] AS grade
FROM generate_series(1::bigint, 2000) AS i;
SELECT score > 0.8 AS good, details->'features' AS features, details->'encoded' AS encoded, details->'parameters'->'encode' AS encode, details->'parameters'->'target_smoothing' AS smoothing, notes
FROM echolon_train_gb('shops', 'y', features => '{a,shop,region}', encode => 'target', n_estimators => 30, model => 'encoded');
SELECT feature, importance > 0 AS used FROM echolon_feature_importance('encoded') ORDER BY rank;
SELECT recipe->'parameters'->'encode' AS encode, recipe->'columns' AS columns FROM echolon.version_store v JOIN echolon.model_store m ON m.id = v.model_id WHERE m.model = 'encoded';
-- A level that was seen, one that was not, none: all predicted, the first two by their own mean.
SELECT round(avg(echolon_predict('encoded', v)) FILTER (WHERE shop = 'shop 39') - avg(echolon_predict('encoded', v)) FILTER (WHERE shop = 'shop 1')) > 50 AS apart,
	count(echolon_predict('encoded', v)) AS predicted
FROM (VALUES (1.0::float8, 'shop 39', 'north'), (1.0, 'shop 1', 'north'), (1.0, 'shop 99', 'north'), (1.0, NULL, NULL)) AS v (a, shop, region);
SELECT metric, value FROM echolon_evaluate('encoded', 'shops') WHERE metric IN ('rows', 'unseen_categories') ORDER BY metric;
-- Classes: a share of each.
SELECT score > 0.9 AS good, details->'features' AS features FROM echolon_train_rf('shops', 'grade', features => '{a,shop}', encode => 'target', n_estimators => 20, model => 'grades');
SELECT feature FROM echolon_feature_importance('grades') ORDER BY feature COLLATE "C";
-- Trained again it is encoded only where that is asked for again; the task stays.
SELECT version, details->'encoded' AS encoded FROM echolon_train_rf('shops', 'grade', features => '{a,shop}', n_estimators => 5, model => 'grades');
-- In time: past only, fitted again to all rows.
SELECT details->'metrics'->>'measured_on' AS measured_on, score > 0.8 AS good
FROM echolon_train_gb('shops', 'y', features => '{a,shop}', encode => 'target', split_by => 'day', n_estimators => 30, model => 'in_time');
-- Nothing to encode, a model that is as one without.
SELECT notes FROM echolon_train_gb('shops', 'y', features => '{a,region}', encode => 'target', n_estimators => 3, model => 'plain_1');
SELECT count(*) AS trained FROM echolon_train_gb('shops', 'y', features => '{a,region}', n_estimators => 3, model => 'plain_2');
SELECT count(DISTINCT digest) AS models FROM echolon.model_versions WHERE model IN ('plain_1', 'plain_2');
SELECT count(*) AS trained FROM echolon_train_gb('shops', 'y', encode => 'ordinal', model => 'x');
SELECT count(*) AS trained FROM echolon_train_gb('shops', 'y', encode => 'target', target_smoothing => 'Infinity', model => 'x');
DROP TABLE shops;
SELECT count(echolon_drop_model(model)) AS dropped FROM echolon.models WHERE model IN ('encoded', 'grades', 'in_time', 'plain_1', 'plain_2');

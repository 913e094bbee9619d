-- The training functions: parameters, tasks, splits, what is said, what is refused.
\set VERBOSITY default
SET client_min_messages = warning;
-- names that other tests have left behind are free again
SELECT count(echolon_drop_model(model)) >= 0 AS clean FROM echolon.models;

-- The SQL signatures and the table of parameters say the same: nothing in one alone, no other default.
WITH signature AS (
	SELECT p.proname AS training_function, a.name AS parameter, a.place,
		   pg_get_function_arg_default(p.oid, a.place::int) AS sql_default
	FROM pg_proc p, unnest(p.proargnames) WITH ORDINALITY AS a(name, place)
	WHERE p.proname IN ('echolon_train_rf', 'echolon_train_gb', 'echolon_create_features') AND a.place <= p.pronargs
)
SELECT training_function, parameter, s.sql_default, p.default_value
FROM signature s FULL JOIN echolon_parameters() p USING (training_function, parameter)
WHERE s.parameter IS NULL OR p.parameter IS NULL
   OR trim(both '''' FROM regexp_replace(regexp_replace(coalesce(s.sql_default, 'NULL'), '::.*$', ''), '^\((.*)\)$', '\1'))
	  <> coalesce(p.default_value, 'NULL')
ORDER BY 1, 2;
SELECT training_function, count(*) AS parameters, count(*) FILTER (WHERE meaning = '') AS without_meaning
FROM echolon_parameters() GROUP BY 1 ORDER BY 1;
SELECT parameter, type, default_value, range FROM echolon_parameters('echolon_train_gb')
WHERE parameter IN ('learning_rate', 'max_features', 'threshold', 'loss', 'seed');
SELECT * FROM echolon_parameters('echolon_predict');

-- A table with a known rule: y = 10 * a + step(b) + a category's effect, and noise from a hash.
CREATE TABLE shop AS
SELECT i::int AS id,
	   (i * 7919 % 1000) / 100.0 AS a,
	   (i * 104729 % 997)::int AS b,
	   (ARRAY['north', 'south', 'east', 'west'])[1 + (i % 4)::int] AS region,
	   date '2020-01-01' + (i / 4)::int AS day,
	   10 * (i * 7919 % 1000) / 100.0 + CASE WHEN i * 104729 % 997 > 500 THEN 30 ELSE 0 END
		   + (i % 4) * 5 + (i * 15485863 % 101) / 50.0 AS y,
	   (i * 7919 % 1000) > 300 AND (i * 104729 % 997) > 200 AS bought,
	   CASE WHEN i * 7919 % 1000 < 300 THEN 'low' WHEN i * 7919 % 1000 < 700 THEN 'mid' ELSE 'high' END AS level,
	   (i % 3)::int AS three, (i % 2)::int AS two, (1 + i % 3)::float8 AS w
FROM generate_series(1::bigint, 2000) AS i;

-- What a training returns.
SELECT model, version, task, rows_used, metric, score > 0.95 AS good, train_score > score AS train_better,
	   baseline < 0.1 AS baseline_low, seconds > 0 AS timed, details->'rows' AS rows, details->'left_out' AS left_out
FROM echolon_train_rf('shop', 'y');
SELECT model, version, task, metric, score > 0.95 AS good, details->'metrics'->>'measured_on' AS measured_on
FROM echolon_train_gb('shop', 'bought', features => '{a,b,region}');
SELECT version, (details->'metrics'->'score'->>'accuracy')::float8 > 0.95 AS good
FROM echolon_train_gb('shop', 'level', features => '{a,b}');
-- An integer of two values is a class, of three a number with a notice; task => decides.
SELECT task FROM echolon_train_rf('shop', 'two', n_estimators => 3);
SELECT task FROM echolon_train_rf('shop', 'three', n_estimators => 3);
SELECT task, metric FROM echolon_train_rf('shop', 'three', task => 'classification', model => 'three_classes', n_estimators => 3);

-- A stored task stays, though the integers have come to be two.
CREATE TABLE grows AS SELECT g * 3 AS a, g % 3 AS y FROM generate_series(1, 200) g;
SELECT task FROM echolon_train_rf('grows', 'y', n_estimators => 3);
DELETE FROM grows WHERE y = 2;
INSERT INTO grows SELECT a + 1000, y FROM grows;
SELECT version, task FROM echolon_train_rf('grows', 'y', n_estimators => 3);
SELECT echolon_train_rf('grows', 'y', task => 'classification');
DROP TABLE grows;

-- Splits.  In time: the last rows are held out, the model is fitted again to all of them.
SELECT details->'metrics'->>'measured_on' AS measured_on, details->'rows'->'held_out' AS held_out,
	   details->'metrics'->'baseline'->>'name' AS baseline
FROM echolon_train_gb('shop', 'y', split_by => 'day', model => 'in_time');
SELECT details->'metrics'->>'measured_on' AS measured_on, details->'rows'->'held_out' AS held_out
FROM echolon_train_gb('shop', 'y', split_groups => 'region', model => 'in_groups');
SELECT score, details->'metrics'->>'measured_on' AS measured_on FROM echolon_train_gb('shop', 'y', test_fraction => 0, model => 'unmeasured');
SELECT score > 0.9 AS good, details->'metrics'->>'measured_on' AS measured_on
FROM echolon_train_rf('shop', 'y', test_fraction => 0, model => 'by_oob');
-- Stratified: 20 % of each class.
SELECT actual, count FROM (
	SELECT actual, sum(count) AS count FROM echolon_confusion_matrix('shop_level') GROUP BY actual) c
ORDER BY actual COLLATE "C";
SELECT level, round(count(*) * 0.2) AS fifth FROM shop GROUP BY level ORDER BY level COLLATE "C";

-- Dates that repeat, and a text that was left out: no series to compare with, and no crash.
CREATE VIEW shop_orders AS SELECT 'order ' || id AS order_id, day, a, y FROM shop;
SELECT details->'metrics'->'baseline'->>'name' AS baseline, details->'left_out' AS left_out
FROM echolon_train_gb('shop_orders', 'y', split_by => 'day', n_estimators => 3);
DROP VIEW shop_orders;

-- Losses: a quantile's prediction lies above its share of the rows.
SELECT bool_and(score > 0.9) AS good FROM (
	SELECT (echolon_train_gb('shop', 'y', loss => l, model => 'loss_' || l)).score
	FROM unnest(ARRAY['squared_error', 'absolute_error', 'huber', 'poisson']) AS l) s;
SELECT task FROM echolon_train_gb('shop', 'y', loss => 'quantile', quantile => 0.9, exclude => '{a}', model => 'q90');
SELECT avg((y <= echolon_predict('q90', s))::int) BETWEEN 0.85 AND 0.95 AS covers FROM shop s;
-- Early stopping ends before the last round; validation rows come from the training part.
SELECT (details->'rows'->>'training')::int AS training, (details->'rows'->>'held_out')::int AS held_out
FROM echolon_train_gb('shop', 'y', n_estimators => 2000, learning_rate => 0.3, early_stopping_rounds => 5, model => 'stopped');
SELECT max(n_estimators) < 2000 AS stopped_early FROM echolon_learning_curve('stopped');
-- Monotone: the prediction never falls with a.
SELECT task FROM echolon_train_gb('shop', 'y', monotone_increasing => '{a}', model => 'rising');
SELECT count(*) AS falls FROM (
	SELECT echolon_predict('rising', r) - lag(echolon_predict('rising', r)) OVER (ORDER BY a) AS step
	FROM (SELECT g / 100.0 AS a, 300 AS b, 'east' AS region, 5 AS id, date '2020-03-01' AS day, true AS bought,
				 'mid' AS level, 1 AS three, 1 AS two, 1.0::float8 AS w
		  FROM generate_series(0, 1000, 5) g) r) s
WHERE step < 0;
-- Weights: rows of weight 0 do not count.
SELECT count(*) AS trained FROM echolon_train_rf('shop', 'y', sample_weight => 'w', max_features => 1.0, model => 'weighted');
CREATE VIEW shop_half AS SELECT a, b, CASE WHEN b % 2 = 0 THEN y ELSE -1000 END AS y, (b % 2 = 0)::int::float8 AS w FROM shop;
SELECT count(*) AS trained FROM echolon_train_gb('shop_half', 'y', sample_weight => 'w', test_fraction => 0);
SELECT min(echolon_predict('shop_half_y', h)) > -10 AS ignores_weight_0 FROM shop_half h;
-- A class weight moves the prediction towards its class.
SELECT count(*) AS trained FROM echolon_train_gb('shop', 'bought', features => '{region}', model => 'plain');
SELECT count(*) AS trained FROM echolon_train_gb('shop', 'bought', features => '{region}', class_weight => '{"false": 100}', model => 'tilted');
SELECT echolon_predict_proba('plain', s, 'true') > 0.5 AS plain, echolon_predict_proba('tilted', s, 'true') < 0.1 AS tilted
FROM shop s LIMIT 1;
-- A threshold that is found, not given: rare positives are found by more than half a probability alone.
CREATE VIEW shop_rare AS SELECT a, b, region, (a * 100)::int % 10 = 0 AND i.n AS bought FROM shop, LATERAL (SELECT b % 3 > 0) i(n);
SELECT count(*) AS trained FROM echolon_train_gb('shop_rare', 'bought', features => '{b,region}', model => 'by_half');
SELECT count(*) AS trained FROM echolon_train_gb('shop_rare', 'bought', features => '{b,region}', threshold => 'f1', model => 'by_f1');
SELECT count(*) AS trained FROM echolon_train_gb('shop_rare', 'bought', features => '{b,region}', threshold => 0.02, model => 'by_number');
SELECT sum((echolon_predict_class('by_f1', r) = 'true')::int) > 10 * sum((echolon_predict_class('by_half', r) = 'true')::int) AS more_by_f1,
	   bool_and((echolon_predict_class('by_number', r) = 'true') = (echolon_predict_proba('by_number', r, 'true') >= 0.02)) AS by_number
FROM shop_rare r;
DROP VIEW shop_rare;
-- max_features: a count, a fraction, a word.
SELECT details->'parameters'->'max_features' AS used FROM (VALUES (1)) v, LATERAL (
	SELECT * FROM echolon_train_rf('shop', 'y', features => '{a,b,region,w}', max_features => 2, n_estimators => 1, model => 'mf')) t;
SELECT details->'parameters'->'max_features' AS used FROM echolon_train_rf('shop', 'y', features => '{a,b,region,w}', max_features => 0.5, n_estimators => 1, model => 'mf');
SELECT details->'parameters'->'max_features' AS used FROM echolon_train_rf('shop', 'y', features => '{a,b,region,w}', max_features => 'all', n_estimators => 1, model => 'mf');
SELECT details->'parameters'->'max_features' AS used FROM echolon_train_gb('shop', 'y', features => '{a,b,region,w}', max_features => 'sqrt', n_estimators => 1, model => 'mf_gb');

-- Same data, parameters, seed: the same bytes, whatever the order of rows; another seed: others.
CREATE TABLE shop_copy AS SELECT * FROM shop ORDER BY md5(id::text);
SELECT count(*) AS trained FROM echolon_train_rf('shop_copy', 'y', model => 'copy_1', n_estimators => 10);
SELECT count(*) AS trained FROM echolon_train_rf('shop', 'y', model => 'copy_2', n_estimators => 10);
SELECT count(*) AS trained FROM echolon_train_rf('shop', 'y', model => 'copy_3', n_estimators => 10, seed => 43);
SELECT count(DISTINCT digest) AS different FROM echolon.model_versions WHERE model IN ('copy_1', 'copy_2');
SELECT count(DISTINCT digest) AS different FROM echolon.model_versions WHERE model IN ('copy_1', 'copy_2', 'copy_3');

-- A row keeps its side when a model is trained again on more rows: the held-out targets of version 1 are among those of version 2.
CREATE VIEW shop_part AS SELECT a, b, region, y FROM shop WHERE id <= 1000;
SELECT count(*) AS trained FROM echolon_train_rf('shop_part', 'y', n_estimators => 3);
CREATE TEMP TABLE first_held_out AS SELECT actual FROM echolon_residuals('shop_part_y');
CREATE OR REPLACE VIEW shop_part AS SELECT a, b, region, y FROM shop;
SELECT count(*) AS trained FROM echolon_train_rf('shop_part', 'y', n_estimators => 3);
SELECT count(*) AS held_out, (SELECT count(*) FROM (SELECT actual FROM first_held_out EXCEPT ALL SELECT actual FROM echolon_residuals('shop_part_y')) x) AS changed_sides
FROM first_held_out;
DROP TABLE first_held_out;
DROP VIEW shop_part;

-- Refused, each with what, which value and how to mend it.
SELECT echolon_train_rf('shop', 'revnue');
SELECT echolon_train_rf('shop', 'yy', model => 'x');
SELECT echolon_train_rf('shop', 'y', features => '{a,bb}', model => 'x');
SELECT echolon_train_rf('shop', 'y', exclude => '{nothing}', model => 'x');
SELECT echolon_train_rf('shop', 'day', model => 'x');
SELECT echolon_train_rf('shop', 'level', task => 'regression', model => 'x');
SELECT echolon_train_rf('shop', 'y', task => 'clustering', model => 'x');
SELECT echolon_train_rf('shop', 'y', n_estimators => 0, model => 'x');
SELECT echolon_train_rf('shop', 'y', max_features => 10, features => '{a,b}', model => 'x');
SELECT echolon_train_rf('shop', 'y', max_features => 1.5, model => 'x');
SELECT echolon_train_rf('shop', 'y', max_features => 'some', model => 'x');
SELECT echolon_train_rf('shop', 'y', max_features => true, model => 'x');
SELECT echolon_train_rf('shop', 'y', criterion => 'gini', model => 'x');
SELECT echolon_train_gb('shop', 'y', learning_rate => 0, model => 'x');
SELECT echolon_train_gb('shop', 'y', learning_rate => 'NaN', model => 'x');
SELECT echolon_train_gb('shop', 'y', loss => 'log_loss', model => 'x');
SELECT echolon_train_gb('shop', 'bought', loss => 'huber', model => 'x');
SELECT echolon_train_gb('shop', 'y', quantile => 1, loss => 'quantile', model => 'x');
SELECT echolon_train_gb('shop', 'y', test_fraction => 1, model => 'x');
SELECT echolon_train_gb('shop', 'y', split_by => 'region', model => 'x');
SELECT echolon_train_gb('shop', 'y', split_by => 'day', split_groups => 'region', model => 'x');
SELECT echolon_train_gb('shop', 'y', class_weight => 'balanced', model => 'x');
SELECT echolon_train_gb('shop', 'bought', class_weight => '{"maybe": 2}', model => 'x');
SELECT echolon_train_gb('shop', 'bought', class_weight => '{"true": -2}', model => 'x');
SELECT echolon_train_gb('shop', 'bought', class_weight => 'heavy', model => 'x');
SELECT echolon_train_gb('shop', 'bought', positive_class => 'yes', model => 'x');
SELECT echolon_train_gb('shop', 'level', threshold => 'f1', model => 'x');
SELECT echolon_train_gb('shop', 'y', monotone_increasing => '{region}', model => 'x');
SELECT echolon_train_gb('shop', 'y', monotone_increasing => '{a}', monotone_decreasing => '{a}', model => 'x');
SELECT echolon_train_gb('shop', 'level', monotone_increasing => '{a}', model => 'x');
SELECT echolon_train_gb('shop', 'y', sample_weight => 'region', model => 'x');
SELECT echolon_train_gb(NULL, 'y', model => 'x');
SELECT echolon_train_gb('shop', NULL, model => 'x');
SELECT echolon_train_gb('no_such_table', 'y', model => 'x');
SET echolon.max_memory = '1MB';
\set VERBOSITY sqlstate
SELECT echolon_train_rf('shop', 'y', model => 'x');
\set VERBOSITY default
RESET echolon.max_memory;
-- A constant target, one class, a negative target for poisson.
CREATE TABLE flat AS SELECT g AS a, 5.0 AS y, 'one' AS c, -g AS n, (g % 7)::float8 AS x FROM generate_series(1, 200) g;
SELECT echolon_train_rf('flat', 'y');
SELECT echolon_train_rf('flat', 'c');
SELECT echolon_train_gb('flat', 'n', loss => 'poisson');
-- Nothing of the refused ones was stored, and version numbers go on.
SELECT model, version FROM echolon.models WHERE model IN ('x', 'flat_y', 'flat_c', 'flat_n') ORDER BY 1;

-- A session's settings are not in the model: neither its labels nor its bytes.
CREATE TABLE odd AS SELECT (g * 7 % 301) * 0.5 AS x, 0.1::float8 * (g % 3 + 1) AS y, 1e15::bigint * (g % 3) AS big,
	CASE g % 3 WHEN 0 THEN 1 ELSE 9007199254740991 + g % 3 END AS huge, g * 1e305::float8 AS far, 1e37::float8 AS heavy, timestamptz '2024-01-01' + g * interval '37 min' AS at
FROM generate_series(1, 300) g;
SELECT task FROM echolon_train_rf('odd', 'y', features => '{x}', task => 'classification', n_estimators => 5, model => 'digits_1');
SET extra_float_digits = -10;
SELECT task FROM echolon_train_rf('odd', 'y', features => '{x}', task => 'classification', n_estimators => 5, model => 'digits_2');
RESET extra_float_digits;
SELECT count(DISTINCT digest) AS models FROM echolon.model_versions WHERE model LIKE 'digits__';
SELECT value AS unknown FROM echolon_evaluate('digits_2', 'odd') WHERE metric = 'rows_of_unknown_class';
-- Labels of integers are integers; those that a double cannot tell apart are refused as classes.
SELECT task FROM echolon_train_rf('odd', 'big', features => '{x}', task => 'classification', n_estimators => 5);
SELECT DISTINCT echolon_predict_class('odd_big', o)::bigint % 1000000000000000 AS rest FROM odd o;
SELECT echolon_train_rf('odd', 'huge', features => '{x}', task => 'classification');
-- Targets and weights that no sum could hold.
SELECT echolon_train_rf('odd', 'far', features => '{x}');
SELECT echolon_train_rf('odd', 'y', features => '{x}', sample_weight => 'heavy');
-- A zone that only SET TIME ZONE with a number makes.
SET TIME ZONE 2.123;
SELECT task FROM echolon_train_rf('odd', 'y', features => '{at}', n_estimators => 3, model => 'odd_zone');
RESET TIME ZONE;
SELECT count(echolon_predict('odd_zone', o)) AS predicted FROM odd o;
-- Many classes: one note, and no long wait for it.
CREATE TABLE classes AS SELECT g * 0.5 AS x, (g % 400)::text AS label FROM generate_series(1, 4000) g;
SELECT cardinality(notes) < 4 AS few_notes FROM echolon_train_rf('classes', 'label', n_estimators => 1, max_depth => 2);
DROP TABLE odd, classes;

DROP VIEW shop_half;
DROP TABLE shop, shop_copy, flat;
SELECT count(echolon_drop_model(model)) > 0 AS dropped FROM echolon.models;

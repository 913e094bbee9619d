-- 30: group_by of the training functions: against ordinary models of each group's rows.
\ir setup.psql
SELECT * FROM no_plan();

-- three large groups whose target follows other rules, a small one, rows without one
CREATE TABLE sales AS
SELECT i AS id, date '2020-01-01' + i AS day, store, i % 5 AS shelf, a, b,
	(ARRAY['red', 'green', 'blue'])[1 + (i::int8 * 31 % 3)::int] AS colour,
	CASE store WHEN 'north' THEN 3 * a WHEN 'south' THEN -2 * a + b WHEN 'east' THEN b / 4 ELSE a + b END + (i::int8 * i % 11) / 10.0 AS y,
	CASE WHEN CASE store WHEN 'north' THEN a > 5 WHEN 'east' THEN true ELSE b > 50 END THEN 'yes' ELSE 'no' END AS label,
	1 + i % 3 AS weight
FROM (SELECT i, CASE WHEN i % 50 = 0 THEN NULL WHEN i % 40 = 1 THEN 'tiny' ELSE (ARRAY['north', 'south', 'east'])[1 + i % 3] END AS store,
		(i::int8 * 7919 % 1009) / 100.0::float8 AS a, (i::int8 * 104729 % 997) / 10.0::float8 AS b
	FROM generate_series(1, 3000) AS i) AS g;
CREATE VIEW north AS SELECT * FROM sales WHERE store = 'north';
CREATE VIEW south AS SELECT * FROM sales WHERE store = 'south';
CREATE VIEW north2 AS SELECT * FROM sales WHERE store = 'north' AND shelf = 2;

-- rows of a relation that two models predict differently
CREATE FUNCTION pg_temp.differ(relation text, condition text, one text, other text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM %s AS s WHERE (%s) AND echolon_predict(%L, s) IS DISTINCT FROM echolon_predict(%L, s)', relation, condition, one, other) INTO n;
	RETURN n;
END
$$;

-- ---- the oracle: an ordinary model of the group's rows alone ---------------------------
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'y', exclude => '{id,day,label,weight}', group_by => '{store}', test_fraction => 0, model => 'grouped')$$, 'boosting by groups');
SELECT lives_ok($$SELECT echolon_train_gb('north', 'y', exclude => '{id,day,label,weight}', test_fraction => 0, model => 'alone_north')$$, 'north alone');
SELECT lives_ok($$SELECT echolon_train_gb('south', 'y', exclude => '{id,day,label,weight}', test_fraction => 0, model => 'alone_south')$$, 'south alone');
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'y', exclude => '{id,day,label,weight}', test_fraction => 0, model => 'common')$$, 'all in one');
SELECT is(pg_temp.differ('sales', 'store = ''north''', 'grouped', 'alone_north'), 0::bigint, 'rows of north are predicted as by a model of north alone, bit for bit');
SELECT is(pg_temp.differ('sales', 'store = ''south''', 'grouped', 'alone_south'), 0::bigint, 'and so are rows of south');
SELECT cmp_ok(pg_temp.differ('sales', 'store = ''north''', 'grouped', 'common'), '>', 900::bigint, 'not as by the model of all');
SELECT is(pg_temp.differ('sales', 'store = ''tiny''', 'grouped', 'common'), 0::bigint, 'a small group is predicted by the common model, which is that without group_by');
SELECT is(pg_temp.differ('sales', 'store IS NULL', 'grouped', 'common'), 0::bigint, 'and so are rows without a group');
SELECT is(echolon_predict('grouped', s), echolon_predict('common', s), 'and a group never seen')
FROM (SELECT 'west'::text AS store, 2 AS shelf, 1.5::float8 AS a, 20::float8 AS b, 'red'::text AS colour) AS s;

-- weights, with the same weights alone
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'y', exclude => '{id,day,label}', sample_weight => 'weight', group_by => '{store}', test_fraction => 0, model => 'weighted')$$, 'boosting by groups with weights');
SELECT lives_ok($$SELECT echolon_train_gb('north', 'y', exclude => '{id,day,label}', sample_weight => 'weight', test_fraction => 0, model => 'weighted_north')$$, 'north alone with weights');
SELECT is(pg_temp.differ('sales', 'store = ''north''', 'weighted', 'weighted_north'), 0::bigint, 'weights are those of the rows');

-- a forest; without bootstrap, whose draws depend on the order of the rows, and that on all columns
SELECT lives_ok($$SELECT echolon_train_rf('sales', 'y', exclude => '{id,day,label,weight}', bootstrap => false, max_features => 'all', n_estimators => 20, group_by => '{store}', test_fraction => 0, model => 'forest')$$, 'a forest by groups');
SELECT lives_ok($$SELECT echolon_train_rf('north', 'y', exclude => '{id,day,label,weight}', bootstrap => false, max_features => 'all', n_estimators => 20, test_fraction => 0, model => 'forest_north')$$, 'a forest of north alone');
SELECT is(pg_temp.differ('sales', 'store = ''north''', 'forest', 'forest_north'), 0::bigint, 'rows of north are predicted as by a forest of north alone');

-- several columns, one of them a number
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'y', exclude => '{id,day,label,weight}', group_by => '{store,shelf}', test_fraction => 0, model => 'both')$$, 'groups of two columns');
SELECT lives_ok($$SELECT echolon_train_gb('north2', 'y', exclude => '{id,day,label,weight}', test_fraction => 0, model => 'alone_both')$$, 'one of them alone');
SELECT is(pg_temp.differ('sales', 'store = ''north'' AND shelf = 2', 'both', 'alone_both'), 0::bigint, 'are told apart by both');
SELECT isnt(echolon_train_gb('sales', 'y', exclude => '{id,day,label,weight}', group_by => '{shelf,store}', test_fraction => 0, model => 'reversed')::text, NULL, 'a training');
SELECT is(pg_temp.differ('sales', 'true', 'both', 'reversed'), 0::bigint, 'the order of the columns says nothing');
SELECT isnt(echolon_train_gb('sales', 'y', features => '{a,b,colour}', group_by => '{shelf,store}', test_fraction => 0, model => 'features')::text, NULL, 'a training');
SELECT is(pg_temp.differ('sales', 'true', 'both', 'features'), 0::bigint, 'columns of group_by need not be named in features');

-- treatments are learned from the group's rows
CREATE TABLE holes AS SELECT id, store, shelf, CASE WHEN id % 7 <> 0 THEN a END AS a, CASE WHEN id % 11 = 0 THEN 1e6 ELSE b END AS b, y FROM sales;
CREATE VIEW north_holes AS SELECT * FROM holes WHERE store = 'north';
SELECT lives_ok($$SELECT echolon_train_gb('holes', 'y', exclude => '{id}', impute => 'mean', outliers => 'clip', scale => 'standard', group_by => '{store}', test_fraction => 0, model => 'treated')$$, 'treated by groups');
SELECT lives_ok($$SELECT echolon_train_gb('north_holes', 'y', exclude => '{id}', impute => 'mean', outliers => 'clip', scale => 'standard', test_fraction => 0, model => 'treated_north')$$, 'north alone, treated');
SELECT is(pg_temp.differ('north_holes', 'true', 'treated', 'treated_north'), 0::bigint, 'treatments are those of the group''s rows');
SELECT is((SELECT count(*) FROM echolon_drift('treated', 'holes') WHERE verdict <> 'stable'), 0::bigint, 'nothing drifts from the rows it was trained on, as the model itself treats them');

-- ---- classes --------------------------------------------------------------------------------
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'label', exclude => '{id,day,y,weight}', group_by => '{store}', test_fraction => 0, model => 'classes')$$, 'classes by groups');
SELECT lives_ok($$SELECT echolon_train_gb('north', 'label', exclude => '{id,day,y,weight}', test_fraction => 0, model => 'classes_north')$$, 'north alone');
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'label', exclude => '{id,day,y,weight}', test_fraction => 0, model => 'classes_common')$$, 'all in one');
SELECT is(count(*), 0::bigint, 'classes and probabilities are those of north alone') FROM north AS s
WHERE echolon_predict_class('classes', s) IS DISTINCT FROM echolon_predict_class('classes_north', s)
	OR echolon_predict_proba('classes', s) IS DISTINCT FROM echolon_predict_proba('classes_north', s)
	OR echolon_predict_proba('classes', s, 'yes') IS DISTINCT FROM echolon_predict_proba('classes_north', s, 'yes');
SELECT is(count(*), 0::bigint, 'a group without one of the classes shares the common model') FROM sales AS s
WHERE store = 'east' AND echolon_predict_proba('classes', s) IS DISTINCT FROM echolon_predict_proba('classes_common', s);

-- ---- rows, documents, bytes ---------------------------------------------------------------
SELECT is(count(*), 0::bigint, 'a document is predicted as its row') FROM sales AS s
WHERE echolon_predict_json('grouped', to_jsonb(s)) IS DISTINCT FROM echolon_predict('grouped', s);
SELECT is(count(*), 0::bigint, 'the bytes predict as the model') FROM sales AS s, echolon_export_model('grouped') AS bytes
WHERE echolon_predict_model(bytes, s) IS DISTINCT FROM echolon_predict('grouped', s);
SELECT lives_ok($$SELECT echolon_import_model('imported', echolon_export_model('grouped'))$$, 'it is imported');
SELECT is(pg_temp.differ('sales', 'true', 'grouped', 'imported'), 0::bigint, 'and predicts the same');
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'y', exclude => '{id,day,label,weight}', group_by => '{store}', test_fraction => 0, model => 'again')$$, 'trained again');
SELECT ok(echolon_export_model('grouped') = echolon_export_model('again'), 'the same data gives the same bytes');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict('grouped', s) FROM (SELECT 2 AS shelf, 1.5::float8 AS a, 20::float8 AS b, 'red'::text AS colour) AS s$$), '^\w+ column "store" that model "grouped" needs is not in the row', 'a row must bring its group');
SELECT is(echolon_predict('grouped', s), echolon_predict('grouped', v), 'a label matches as varchar and padded character(n) do')
FROM (SELECT 'north'::text AS store, 2 AS shelf, 1.5::float8 AS a, 20::float8 AS b, 'red'::text AS colour) AS s,
	(SELECT 'north'::varchar AS store, 2.0::numeric AS shelf, 1.5::float8 AS a, 20::float8 AS b, 'red'::char(9) AS colour) AS v;

-- ---- what is measured ---------------------------------------------------------------------
CREATE TEMP TABLE held AS
SELECT t AS result FROM echolon_train_gb('sales', 'y', exclude => '{id,label,weight}', split_by => 'day', refit => false, group_by => '{store}', model => 'measured') AS t;
CREATE TEMP TABLE last_rows AS SELECT * FROM sales ORDER BY day DESC LIMIT 600;
SELECT is(round((result).score::numeric, 9), round(e.value::numeric, 9), 'the score is that of what predicts, on the held-out rows') FROM held, echolon_evaluate('measured', 'last_rows') AS e WHERE e.metric = 'r2';
SELECT is(round((v.metrics #>> '{score,mae}')::numeric, 9), (SELECT round(avg(abs(echolon_predict('measured', s) - y))::numeric, 9) FROM last_rows AS s), 'and so is the mean error') FROM echolon.model_versions AS v WHERE model = 'measured' AND version = 1;
SELECT is(count(*), 3::bigint, 'three groups have models') FROM echolon.model_versions AS v, jsonb_array_elements(v.metrics #> '{groups,each}') AS g WHERE model = 'measured';
SELECT is(count(*), 0::bigint, 'a group''s score is PostgreSQL''s own r2 of its predictions')
FROM echolon.model_versions AS v, jsonb_array_elements(v.metrics #> '{groups,each}') AS g,
	LATERAL (SELECT 1 - sum((y - echolon_predict('measured', s)) ^ 2) / (count(*) * var_pop(y)) AS r2, count(*) AS n FROM last_rows AS s WHERE store = g #>> '{key,0}') AS o
WHERE model = 'measured' AND (abs((g ->> 'score')::float8 - o.r2) > 1e-9 OR (g ->> 'measured')::int <> o.n);
SELECT is(count(*), 0::bigint, 'training rows are counted')
FROM echolon.model_versions AS v, jsonb_array_elements(v.metrics #> '{groups,each}') AS g
WHERE model = 'measured' AND (g ->> 'training')::bigint <> (SELECT count(*) FROM sales WHERE store = g #>> '{key,0}' AND id <= 2400);
SELECT cmp_ok((result).score, '>', (SELECT (metrics #>> '{groups,common,r2}')::float8 FROM echolon.model_versions WHERE model = 'measured'), 'groups that follow other rules gain by models of their own') FROM held;
SELECT is((SELECT round((metrics #>> '{groups,common,r2}')::numeric, 9) FROM echolon.model_versions WHERE model = 'measured'), round(t.score::numeric, 9), 'the common model scores as the one without group_by')
FROM echolon_train_gb('sales', 'y', exclude => '{id,label,weight}', split_by => 'day', refit => false, model => 'plain') AS t;
SELECT is(count(*), 0::bigint, 'echolon_group_metrics says the same as SQL does')
FROM (SELECT * FROM echolon_group_metrics('measured') WHERE group_key IS NOT NULL) AS g FULL JOIN
	(SELECT store, 1 - sum((y - echolon_predict('measured', s)) ^ 2) / (count(*) * var_pop(y)) AS r2, 1 - sum((y - echolon_predict('plain', s)) ^ 2) / (count(*) * var_pop(y)) AS common, count(*) AS n
	FROM last_rows AS s WHERE store <> 'tiny' GROUP BY store) AS o ON g.group_key = jsonb_build_object('store', o.store)
WHERE (abs(g.score - o.r2) < 1e-9 AND abs(g.common_score - o.common) < 1e-9 AND g.measured_rows = o.n AND g.metric = 'r2') IS NOT TRUE;
-- the group alone says where y is, the rest only within it: its gain is large, and yet it does not give the target
CREATE TABLE levels AS SELECT store, a, CASE store WHEN 'north' THEN 20 WHEN 'south' THEN a - 5 ELSE 5 - a END AS y FROM sales WHERE store IN ('north', 'south', 'east');
SELECT ok(t.score > 0.99 AND NOT EXISTS (SELECT FROM unnest(t.notes) AS n WHERE n LIKE 'feature "store" alone%'), 'a column of group_by is no leak where models within the groups make the score')
FROM echolon_train_gb('levels', 'y', group_by => '{store}', n_estimators => 5, learning_rate => 1, max_leaf_nodes => 2, model => 'levels') AS t;
SELECT ok(g.rows_used = (SELECT count(*) FROM sales WHERE store = 'tiny' OR store IS NULL) AND g.measured_rows = o.n AND abs(g.score - o.r2) < 1e-9, 'and so it does of the rows that share the common model')
FROM echolon_group_metrics('measured') AS g, (SELECT 1 - sum((y - echolon_predict('plain', s)) ^ 2) / (count(*) * var_pop(y)) AS r2, count(*) AS n FROM last_rows AS s WHERE store = 'tiny' OR store IS NULL) AS o
WHERE g.group_key IS NULL;
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_group_metrics('plain')$$), '^\w{5} .*plain', 'a model without groups has none');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_group_metrics('nobody')$$), '^\w{5} model "nobody" does not exist', 'nor has no model');
SELECT is(round(sum(importance)::numeric, 9), 1::numeric, 'importances add up to 1') FROM echolon_feature_importance('measured');

-- ---- with all that a training can do: each predicts ---------------------------------------------
SELECT lives_ok(format('SELECT echolon_train_%s(''sales'', %L, exclude => ''{id,day,%s,weight}'', group_by => ''{store}'', model => ''with_%s'', %s)', f, target, other, n, options), options)
FROM (VALUES (1, 'gb', 'y', 'label', 'early_stopping_rounds => 10'), (2, 'rf', 'label', 'y', 'threshold => ''f1'''), (3, 'gb', 'label', 'y', 'threshold => ''balanced'''),
	(4, 'gb', 'y', 'label', 'impute => ''median'', outliers => ''clip'', scale => ''standard'''), (5, 'gb', 'y', 'label', 'outliers => ''remove'''),
	(6, 'gb', 'y', 'label', 'encode => ''target'', min_group_rows => 20'), (7, 'gb', 'y', 'label', 'high_value_percentile => 0.75'), (8, 'rf', 'y', 'label', 'refit => true'),
	(9, 'gb', 'y', 'label', 'split_groups => ''colour'''), (10, 'gb', 'label', 'y', 'class_weight => ''balanced'''), (11, 'gb', 'y', 'label', 'loss => ''quantile'', quantile => 0.9')) AS v(n, f, target, other, options);
SELECT is(count(echolon_predict('with_4', s)), 3000::bigint, 'treatments are those of the group, and predict') FROM sales AS s;
SELECT is(count(echolon_predict('with_6', s)), 3000::bigint, 'so are the means of encoded categories') FROM sales AS s;

-- ---- what is refused --------------------------------------------------------------------------
CREATE FUNCTION pg_temp.refused(options text) RETURNS text LANGUAGE sql AS
$$SELECT pg_temp.error_of('SELECT echolon_train_gb(''sales'', ''y'', model => ''refused'', ' || options || ')')$$;
SELECT matches(pg_temp.refused('group_by => ''{y}'''), '^22023 rows cannot be grouped by column "y" \| It is the target', 'the target');
SELECT matches(pg_temp.refused('group_by => ''{stor}'''), '^42703 column "stor" does not exist', 'an unknown column');
SELECT matches(pg_temp.refused('group_by => ''{day}'''), '^22023 rows cannot be grouped by column "day"', 'a date');
SELECT matches(pg_temp.refused('group_by => ''{NULL}'''), 'must not contain NULL', 'a NULL');
SELECT matches(pg_temp.refused('exclude => ''{store}'', group_by => ''{store}'''), '^22023 .*"store"', 'a column of exclude');
SELECT matches(pg_temp.refused('exclude => ''{store,day}'', group_by => ''{shelf,store}'''), '^22023 .*"store"', 'one of two in exclude');
SELECT matches(pg_temp.refused('sample_weight => ''weight'', group_by => ''{weight}'''), '^22023 .*"weight"', 'the weights');
SELECT matches(pg_temp.refused('split_groups => ''store'', group_by => ''{store}'''), '^22023 split_groups and group_by', 'the column of split_groups');
SELECT matches(pg_temp.refused('group_by => ''{id}'''), '^22023 rows cannot be grouped by column "id"', 'unique integers');
SELECT matches(pg_temp.refused('group_by => ''{store}'', min_group_rows => 0'), '^22023 parameter "min_group_rows" is out of range', 'min_group_rows of 0');
SELECT matches(pg_temp.error_of($$SELECT echolon_update('grouped', 'sales')$$), '^0A000 ', 'an update');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_permutation_importance('grouped', 'sales')$$), '^0A000 ', 'permutation importance');
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'y', exclude => '{id,day,label,weight}', group_by => '{store,store}', test_fraction => 0, model => 'twice')$$, 'a name given twice');
SELECT is(pg_temp.differ('sales', 'true', 'grouped', 'twice'), 0::bigint, 'is given once');

-- more groups than a model may have
CREATE TABLE many AS SELECT i % 10001 AS g, (i::int8 * 7919 % 1009)::float8 AS a, (i::int8 * 104729 % 997)::float8 AS y FROM generate_series(1, 10001 * 25) AS i;
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('many', 'y', n_estimators => 1, max_leaf_nodes => 2, min_group_rows => 20, test_fraction => 0, group_by => '{g}', model => 'many')$$), '^54000 .*10000 groups', 'more than 10,000 groups');
SELECT lives_ok($$SELECT echolon_train_gb('many', 'y', n_estimators => 1, max_leaf_nodes => 2, group_by => '{a}', min_group_rows => 200, model => 'thousand')$$, 'a thousand groups of a number');

SELECT * FROM finish();
ROLLBACK;

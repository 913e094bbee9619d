-- The whole flow in one call: what it says is what the models say.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE shop AS
SELECT id, date '2022-01-01' + id / 4 AS day, a, CASE WHEN id % 9 = 0 THEN NULL ELSE b END AS b, colour, y AS revenue, label AS segment, (a > 5)::int AS paid
FROM pg_temp.rows(2000);
UPDATE shop SET a = 5000 WHERE id IN (10, 20, 30);
INSERT INTO shop SELECT id + 10000, day, a, b, colour, revenue, segment, paid FROM shop WHERE id <= 20;
ALTER TABLE shop ADD PRIMARY KEY (id);

CREATE TEMP TABLE report AS SELECT * FROM echolon_fine_tune('shop', 'revenue', exclude => '{segment,paid}');
CREATE FUNCTION pg_temp.value_of(s text, i text) RETURNS text LANGUAGE sql AS $$SELECT value FROM report WHERE section = s AND item = i LIMIT 1$$;

SELECT is((SELECT array_agg(DISTINCT section ORDER BY section) FROM report), '{classification,data,regression,summary}', 'sections');
SELECT is((SELECT array_agg(model || ' ' || task || ' ' || algorithm ORDER BY model) FROM echolon.models), '{"shop_revenue_classification classification gradient_boosting","shop_revenue_regression regression random_forest"}', 'two models of a number');
SELECT is(pg_temp.value_of('regression', 'model') || ' ' || pg_temp.value_of('regression', 'version'), 'shop_revenue_regression 1', 'are named');
SELECT is(pg_temp.value_of('data', 'rows')::int, (SELECT count(*)::int FROM shop), 'rows');
SELECT is(pg_temp.value_of('data', 'training rows')::int + pg_temp.value_of('data', 'held-out rows')::int, (SELECT count(*)::int FROM shop), 'on two sides');
SELECT is(pg_temp.value_of('data', 'duplicate rows'), '20', 'duplicates');
SELECT is(pg_temp.value_of('data', 'missing in b')::int, (SELECT count(*)::int FROM shop WHERE b IS NULL), 'missing values');
SELECT is((SELECT note FROM report WHERE item = 'missing values'), 'filled: impute => ''median''', 'and what becomes of them');
SELECT is((SELECT note FROM report WHERE item = 'column left out' AND value = 'id'), 'primary key', 'columns left out, and why');
SELECT cmp_ok(pg_temp.value_of('data', 'outliers in a')::int, '<=', 5, 'outliers are counted by column');
SELECT is((SELECT count(*)::int FROM report AS r JOIN echolon_metrics('shop_revenue_regression') AS m ON m.metric = r.item WHERE r.section = 'regression' AND abs(r.value::float8 / m.score - 1) < 0.01), 6, 'scores of the regression are the model''s');
SELECT is((SELECT count(*)::int FROM report AS r JOIN echolon_metrics('shop_revenue_classification') AS m ON m.metric = r.item WHERE r.section = 'classification' AND abs(r.value::float8 / m.score - 1) < 0.01), 8, 'and of the classification');
SELECT matches((SELECT note FROM report WHERE section = 'regression' AND item = 'r2'), '^the mean: [-0-9.e]+; training rows: 0\.9', 'the baseline and the training rows beside them');
SELECT is(pg_temp.value_of('classification', 'class high')::numeric, (SELECT round(f1::numeric, 4) FROM echolon_classification_report('shop_revenue_classification') WHERE label = 'high'), 'the report of each class');
SELECT is(pg_temp.value_of('regression', 'feature 1'), (SELECT feature FROM echolon_feature_importance('shop_revenue_regression') WHERE rank = 1), 'the most important feature');
SELECT set_eq($$SELECT note FROM report WHERE section = 'summary'$$, $$SELECT sentence FROM echolon_report('shop_revenue_regression') UNION SELECT sentence FROM echolon_report('shop_revenue_classification')$$, 'the summary is both models'' report');
SELECT lives_ok(note, note) FROM report WHERE section = 'summary' AND item = 'use';
SELECT ok((SELECT score FROM echolon.models WHERE model = 'shop_revenue_regression') > 0.5, 'the regression is better than the mean');
SELECT is((SELECT (parameters ->> 'impute', parameters ->> 'outliers', parameters ->> 'scale')::text FROM echolon.model_versions WHERE model = 'shop_revenue_regression'), '(median,auto,standard)', 'by the seed''s defaults');

-- again, with parameters
SELECT is((SELECT string_agg(value, ' ' ORDER BY section) FROM echolon_fine_tune('shop', 'revenue', exclude => '{segment,paid}', impute => NULL, outliers => 'remove', scale => NULL, n_estimators => 10, split_by => 'day') WHERE item = 'version'), '2 2', 'the next version of each');
SELECT is((SELECT (parameters ->> 'impute', parameters ->> 'outliers', parameters ->> 'scale', parameters ->> 'split_by', parameters ->> 'n_estimators')::text FROM echolon.model_versions WHERE model = 'shop_revenue_regression' AND active), '(,remove,,day,10)', 'as it was told');
SELECT ok((SELECT value::int FROM echolon_fine_tune('shop', 'revenue', exclude => '{segment,paid}', outliers => 'remove', n_estimators => 10, model => 'mine') WHERE section = 'regression' AND item = 'rows left out') > 0, 'outliers left out by force');
SELECT is((SELECT array_agg(model ORDER BY model) FROM echolon.models WHERE model ~ '^mine'), '{mine_classification,mine_regression}', 'names of one''s own');

-- categories, integers of two values, another column for the classes
SELECT is((SELECT array_agg(DISTINCT section ORDER BY section) FROM echolon_fine_tune('shop', 'segment', exclude => '{paid}', n_estimators => 10)), '{classification,data,summary}', 'a category is classified');
SELECT is((SELECT array_agg(DISTINCT section ORDER BY section) FROM echolon_fine_tune('shop', 'paid', exclude => '{segment}', n_estimators => 10)), '{classification,data,summary}', 'and so are two integers');
SELECT lives_ok($$SELECT * FROM echolon_fine_tune('shop', 'revenue', class_target => 'segment', n_estimators => 10, model => 'both')$$, 'another column for the classes');
SELECT is((SELECT array_agg(c ORDER BY c) FROM echolon.version_store AS v JOIN echolon.model_store AS m ON m.id = model_id, unnest(columns) AS c WHERE model = 'both_regression' AND c IN ('segment', 'revenue')), NULL, 'leaves the regression');
SELECT is((SELECT array_agg(c ORDER BY c) FROM echolon.version_store AS v JOIN echolon.model_store AS m ON m.id = model_id, unnest(columns) AS c WHERE model = 'both_classification' AND c IN ('segment', 'revenue')), NULL, 'as the target leaves the classification');
SELECT ok((SELECT features FROM echolon_create_features('shop_set', 'shop', 'day', '{revenue,a}', '{colour}', target => 'revenue')) > 10, 'a feature set');
SELECT lives_ok($$SELECT * FROM echolon_fine_tune('shop_set', 'revenue', class_target => 'segment', n_estimators => 10)$$, 'is split in time');
SELECT is((SELECT count(*)::int FROM echolon.version_store AS v JOIN echolon.model_store AS m ON m.id = model_id, unnest(columns) AS c, echolon_feature_summary('shop_set') AS f WHERE model ~ '^shop_set' AND f.feature = c AND uses_current_row AND 'revenue' = ANY (sources)), 0, 'and no feature contains the row''s own target in either model');

-- what it refuses, and that nothing is stored then
SELECT matches(pg_temp.error_of(format($$SELECT echolon_fine_tune('shop', %s)$$, p)), m, p) FROM (VALUES
	('''revenu''', 'did you mean "revenue"'), ('''day''', 'cannot be the target|cannot be a target'), ('''revenue'', class_target => ''nothing''', 'column "nothing" does not exist'),
	('''revenue'', impute => ''guess''', '"impute" is out of range'), ('''revenue'', outliers => ''drop''', '"outliers" is out of range'), ('''revenue'', scale => ''log''', '"scale" is out of range'),
	('''revenue'', n_estimators => 0', '"n_estimators" is out of range'), ('''revenue'', test_fraction => 2', '"test_fraction" is out of range'), ('''revenue'', high_value_percentile => 1', '"high_value_percentile" is out of range'),
	('NULL', 'must not be NULL')) AS v (p, m);
CREATE TABLE torn AS SELECT id, a, b, y, CASE WHEN id = 1 THEN 'once' ELSE 'many' END AS c FROM pg_temp.rows(300);
CREATE TEMP TABLE before AS SELECT count(*) AS n FROM echolon.models;
SELECT matches(pg_temp.error_of($$SELECT echolon_fine_tune('torn', 'y', class_target => 'id', high_value_percentile => 0.75, features => '{a,b,id}', exclude => '{a,b}')$$), '[0-9]{5}', 'a call that fails');
SELECT is((SELECT count(*) FROM echolon.models), (SELECT n FROM before), 'leaves neither model');

SELECT * FROM finish();
ROLLBACK;

-- High values as classes, and reports in sentences: the numbers in them are those of SQL.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE sales AS
SELECT i AS id, date '2020-01-01' + i / 3 AS day, (i::int8 * 7919 % 101)::float8 AS visits, (i % 13)::float8 AS price, 's' || i % 4 AS store,
	round((i::int8 * 7919 % 101 * 3 + (i % 13) * 20 + i::int8 * 104729 % 37)::numeric, 2) AS revenue
FROM generate_series(1, 2000) AS i;

CREATE FUNCTION pg_temp.cut_of(model_name text) RETURNS float8 LANGUAGE sql AS
$$SELECT substring(array_to_string(notes, ';') FROM '''high'' is above ([-0-9.e+]+):')::float8 FROM echolon.model_versions WHERE model = model_name AND active$$;
CREATE FUNCTION pg_temp.say(model_name text, about text) RETURNS text LANGUAGE sql AS
$$SELECT string_agg(sentence, ' ') FROM echolon_report(model_name) WHERE topic = about$$;

-- ---- high values

SELECT is((SELECT task FROM echolon_train_gb('sales', 'revenue', high_value_percentile => 0.75, test_fraction => 0, model => 'all_rows')), 'classification', 'a number target becomes classes');
SELECT is(pg_temp.cut_of('all_rows'), (SELECT percentile_cont(0.75) WITHIN GROUP (ORDER BY revenue)::float8 FROM sales), 'high is above percentile_cont of all rows, where all train');
SELECT is((SELECT count(*) FROM sales AS s WHERE (echolon_predict_class('all_rows', s) = 'high') <> (revenue > pg_temp.cut_of('all_rows')))::int, 0, 'and is learned');
SELECT ok((SELECT bool_and(p BETWEEN 0 AND 1) FROM (SELECT echolon_predict_proba('all_rows', s, 'high') AS p FROM sales AS s) AS r), '''high'' has a probability');

SELECT ok((SELECT score FROM echolon_train_rf('sales', 'revenue', high_value_percentile => 0.9, split_by => 'day', exclude => '{id}', model => 'in_time')) > 0.8, 'forests too, split in time');
SELECT is(pg_temp.cut_of('in_time'), (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY revenue)::float8 FROM sales
	WHERE day <= (SELECT to_timestamp((recipe #>> '{split,after}')::float8 * 86400 + 946684800)::date FROM echolon.version_store JOIN echolon.model_store m ON m.id = model_id WHERE model = 'in_time')),
	'of training rows alone');
CREATE TEMP TABLE before AS SELECT pg_temp.cut_of('in_time') AS cut;
UPDATE sales SET revenue = revenue * 1000 WHERE day > (SELECT max(day) - 50 FROM sales);
SELECT lives_ok($$SELECT echolon_train_rf('sales', 'revenue', high_value_percentile => 0.9, split_by => 'day', exclude => '{id}', model => 'in_time')$$, 'held-out values change');
SELECT is(pg_temp.cut_of('in_time'), (SELECT cut FROM before), 'and the threshold does not');

CREATE TABLE tied AS SELECT i AS id, i * 31 % 50 AS x, CASE WHEN i % 10 < 8 THEN 1 WHEN i % 10 = 8 THEN 2 ELSE 3 END AS y FROM generate_series(1, 500) AS i;
SELECT is((SELECT array_to_string(notes, ';') LIKE '%''high'' is above 1: 20.0 %% of the training rows%' FROM echolon_train_rf('tied', 'y', high_value_percentile => 0.75, test_fraction => 0)), true, 'ties are told as they are');
CREATE TABLE mostly_top AS SELECT i AS id, i * 31 % 50 AS x, CASE WHEN i % 10 < 3 THEN i % 3 ELSE 9 END AS y FROM generate_series(1, 500) AS i;
SELECT is((SELECT array_to_string(notes, ';') LIKE '%because of ties%' FROM echolon_train_rf('mostly_top', 'y', high_value_percentile => 0.75, test_fraction => 0)), true, 'the largest value shared by most moves the threshold');

SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('sales', 'store', high_value_percentile => 0.75)$$), 'needs a target of numbers', 'a text has no high values');
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('sales', 'day', high_value_percentile => 0.75)$$), 'needs a target of numbers', 'nor has a date');
SELECT matches(pg_temp.error_of(format($$SELECT echolon_train_gb('sales', 'revenue', high_value_percentile => %L)$$, p)), 'parameter "high_value_percentile" is out of range', p || ' is no percentile')
FROM unnest(ARRAY['0', '1', '-0.1', '75', 'NaN']) AS p;
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('sales', 'revenue', high_value_percentile => 0.75, positive_class => 'other')$$), 'cannot be used together', 'the positive class is high');
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('sales', 'revenue', high_value_percentile => 0.75, task => 'regression')$$), 'cannot be used together', 'high values are no regression');
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'revenue', n_estimators => 3)$$, 'a regression');
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('sales', 'revenue', high_value_percentile => 0.75)$$), 'is a regression, and a model''s task does not change .*sales_revenue_high', 'keeps its task');
CREATE TABLE same AS SELECT i AS id, i % 7 AS x, 5 AS y FROM generate_series(1, 200) AS i;
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('same', 'y', high_value_percentile => 0.75)$$), 'has no high values', 'a constant has none');

-- ---- reports

SELECT lives_ok($$SELECT echolon_train_rf('sales', 'revenue', exclude => '{id}', n_estimators => 20, model => 'report')$$, 'a regression to report on');
SELECT matches(pg_temp.say('report', 'model'), '^report version 1 predicts "revenue" \(a number\) of public.sales from 4 columns, by a random forest of 20 trees\.$', 'what it is');
SELECT matches(pg_temp.say('report', 'score'), format('On 400 held-out rows it %s', (SELECT CASE WHEN score > 0 THEN format('explains %s %% of the variation', round(100 * score)) ELSE 'is no better than their mean' END FROM echolon_metrics('report') WHERE metric = 'r2')), 'how much it explains');
SELECT matches(pg_temp.say('report', 'error'), (SELECT format('%s %% %s than that of the mean', round(100 * abs(score / baseline - 1)), CASE WHEN score < baseline THEN 'less' ELSE 'more' END) FROM echolon_metrics('report') WHERE metric = 'mae'), 'how far off it is, beside the baseline');
SELECT matches(pg_temp.say('report', 'features'), (SELECT format('It relies most on "%s"', feature) FROM echolon_feature_importance('report') WHERE rank = 1), 'what it relies on');
SELECT is(pg_temp.say('report', 'use'), 'SELECT t.*, echolon_predict(''report'', t) FROM public.sales AS t;', 'how it is used');
SELECT lives_ok(pg_temp.say('report', 'use'), 'which works');

-- a quantile is judged by the rows below it
CREATE TABLE spread AS SELECT i % 7 AS x, (i::int8 * 104729 % 997)::float8 AS y FROM generate_series(1, 2000) AS i;
SELECT lives_ok(format($$SELECT echolon_train_gb('spread', 'y', loss => 'quantile', quantile => %s, n_estimators => 30, model => 'quantile_%s')$$, q, q), 'a quantile: ' || q) FROM unnest('{0.1,0.5,0.9}'::text[]) AS q;
SELECT matches(pg_temp.say('quantile_' || q, 'score'), format('^Of [0-9]+ held-out rows [0-9]+\.[0-9] %% have no more than it predicts; %s %% should \(quantile => %s\)\.$', trunc(100 * q), q), 'what it is to cover: ' || q),
	cmp_ok(abs(substring(pg_temp.say('quantile_' || q, 'score') FROM 'rows ([0-9.]+) %')::numeric - 100 * share), '<', 0.1, 'and what it does')
FROM unnest('{0.1,0.9}'::numeric[]) AS q, LATERAL (SELECT avg((residual <= 0)::int) AS share FROM echolon_residuals('quantile_' || q)) AS r;
SELECT is(pg_temp.say('quantile_' || q, 'error'), NULL, 'not its distance from the middle: ' || q) FROM unnest('{0.1,0.9}'::text[]) AS q;
SELECT is((SELECT count(*)::int FROM echolon_metrics('quantile_' || q) WHERE metric = 'r2' AND score < baseline - 0.5), 1, 'by r2 the mean is better: ' || q),
	ok(pg_temp.say('quantile_' || q, 'note') IS NULL OR pg_temp.say('quantile_' || q, 'note') NOT LIKE '%worse than%', 'of which nothing is noted')
FROM unnest('{0.1,0.9}'::text[]) AS q;
SELECT isnt(pg_temp.say('quantile_0.5', 'error'), NULL, 'the median is one of the middle');

SELECT lives_ok($$SELECT echolon_train_gb('sales', 'revenue', high_value_percentile => 0.75, exclude => '{id}', model => 'classes')$$, 'two classes');
SELECT matches(pg_temp.say('classes', 'score'), (SELECT format('right in %s\.[0-9] %%.* saying always the same would be in %s\.[0-9] %%', trunc(100 * score), trunc(100 * baseline)) FROM echolon_metrics('classes') WHERE metric = 'accuracy'), 'how often it is right');
SELECT matches(pg_temp.say('classes', 'classes'), (SELECT format('calls ''high'' %s %% are \(precision\); it finds %s %%', round(100 * precision), round(100 * recall)) FROM echolon_classification_report('classes') WHERE label = 'high'), 'what it says of the positive class');
SELECT lives_ok(pg_temp.say('classes', 'use'), 'its use works');
SELECT lives_ok($$SELECT echolon_train_rf('sales', 'store', exclude => '{id}', model => 'stores')$$, 'four classes');
SELECT matches(pg_temp.say('stores', 'classes'), (SELECT format('the least of ''%s'': %s %% of its %s rows', label, CASE WHEN recall < 0.0995 THEN to_char(100 * recall, 'FM0.0') ELSE round(100 * recall)::text END, support) FROM echolon_classification_report('stores') WHERE label ~ '^s' ORDER BY recall, label LIMIT 1), 'the class that is found worst');
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'revenue', test_fraction => 0, model => 'unmeasured', n_estimators => 3)$$, 'all rows train');
SELECT matches(pg_temp.say('unmeasured', 'score'), 'It was not measured .*echolon_evaluate\(''unmeasured'', relation\)', 'then it says so');
SELECT lives_ok($$SELECT echolon_train_rf('sales', 'revenue', test_fraction => 0, model => 'bagged', exclude => '{id}')$$, 'a forest of all rows');
SELECT matches(pg_temp.say('bagged', 'score'), 'On 2,000 out-of-bag rows', 'is measured out of bag');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_report('none')$$), 'model "none" does not exist', 'a model that is not there');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_report('report', 2)$$), 'has no version 2', 'a version that is not there');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_report(NULL)$$), 'must not be null', 'no model');
SELECT is((SELECT count(*) FROM echolon_report('report', 1)), (SELECT count(*) FROM echolon_report('report')), 'a version by number');

SELECT * FROM finish();
ROLLBACK;

-- impute, outliers and scale inside a model: against the same treatment by hand in SQL.
\ir setup.psql
SELECT * FROM no_plan();

-- the first 1,600 rows by day train, the last 400 are held out
CREATE TABLE raw AS
SELECT i AS id, date '2020-01-01' + i AS day,
	CASE WHEN i % 11 = 0 THEN NULL ELSE round((i::int8 * 7919 % 1009) / 10.0, 1) * CASE WHEN i % 97 = 0 THEN 50 ELSE 1 END END::float8 AS amount,
	CASE WHEN i % 7 = 0 THEN NULL ELSE (i::int8 * 104729 % 211)::int END AS visits,
	CASE WHEN i % 5 = 0 THEN NULL ELSE (ARRAY['red', 'green', 'blue', 'green'])[1 + (i::int8 * 31 % 4)::int] END AS colour,
	(i::int8 * 7919 % 1009) / 5.0 + CASE WHEN i::int8 * 31 % 4 IN (1, 3) THEN 40 ELSE 0 END + (i::int8 * 104729 % 211) / 3.0 AS y
FROM generate_series(1, 2000) AS i;
CREATE TEMP TABLE train AS SELECT * FROM raw WHERE id <= 1600;

-- a model's treatments and what it predicts for raw rows
CREATE FUNCTION pg_temp.cleaning(result echolon.training_result, column_name text) RETURNS jsonb LANGUAGE sql AS
$$SELECT c FROM jsonb_array_elements((result).details -> 'cleaning' -> 'columns') AS c WHERE c ->> 'column' = column_name$$;
CREATE FUNCTION pg_temp.number(document jsonb, key text) RETURNS numeric LANGUAGE sql AS $$SELECT round((document ->> key)::numeric, 9)$$;

CREATE TEMP TABLE medians AS SELECT t AS result FROM echolon_train_gb('raw', 'y', exclude => '{id,day}', split_by => 'day', refit => false, impute => 'median', model => 'medians') AS t;
SELECT is((SELECT pg_temp.number(pg_temp.cleaning(result, 'amount'), 'fill') FROM medians), (SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY amount)::numeric, 9) FROM train), 'the median is that of the training rows');
SELECT is((SELECT pg_temp.cleaning(result, 'colour') ->> 'fill' FROM medians), (SELECT mode() WITHIN GROUP (ORDER BY colour) FROM train), 'a category is filled by its mode');
SELECT is((SELECT (pg_temp.cleaning(result, 'visits') ->> 'filled')::int FROM medians), (SELECT count(*)::int FROM raw WHERE visits IS NULL), 'filled values are counted');

CREATE VIEW filled AS
SELECT id, day, coalesce(amount, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) FROM train)) AS amount,
	coalesce(visits, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY visits) FROM train)) AS visits,
	coalesce(colour, (SELECT mode() WITHIN GROUP (ORDER BY colour) FROM train)) AS colour, y
FROM raw;
SELECT lives_ok($$SELECT echolon_train_gb('filled', 'y', exclude => '{id,day}', split_by => 'day', refit => false, model => 'by_hand')$$, 'the same filled by hand');
-- the model of filled columns has no rows that miss a value, and so has this one
SELECT is((SELECT count(*)::int FROM raw AS r JOIN filled AS f USING (id) WHERE echolon_predict('medians', r) IS DISTINCT FROM echolon_predict('by_hand', f)), 0, 'gives the same predictions, missing values and held-out rows included')
WHERE (SELECT count(*) FROM raw) > 0;
SELECT is((SELECT score FROM echolon.model_versions WHERE model = 'medians'), (SELECT score FROM echolon.model_versions WHERE model = 'by_hand'), 'and the same score');
SELECT is(echolon_predict('medians', n), echolon_predict('by_hand', f), 'a row of nothing is predicted as the typical one')
FROM (SELECT NULL::float8 AS amount, NULL::int AS visits, NULL::text AS colour) AS n, (SELECT amount, visits, colour FROM filled WHERE id = 385) AS f;
SELECT is(echolon_predict_json('medians', '{"amount": null, "visits": null, "colour": null}'), echolon_predict('medians', n), 'of a document as well')
FROM (SELECT NULL::float8 AS amount, NULL::int AS visits, NULL::text AS colour) AS n;
SELECT isnt(echolon_predict('medians', n), NULL, 'a level never seen is not missing, and is no error') FROM (SELECT 50::float8 AS amount, 100 AS visits, 'violet' AS colour) AS n;

-- means, modes
CREATE TEMP TABLE means AS SELECT t AS result FROM echolon_train_rf('raw', 'y', exclude => '{id,day}', split_by => 'day', refit => false, impute => 'mean', n_estimators => 5, model => 'means') AS t;
SELECT is((SELECT pg_temp.number(pg_temp.cleaning(result, 'amount'), 'fill') FROM means), (SELECT round(avg(amount)::numeric, 9) FROM train), 'the mean');
CREATE TEMP TABLE modes AS SELECT t AS result FROM echolon_train_rf('raw', 'y', exclude => '{id,day}', split_by => 'day', refit => false, impute => 'mode', n_estimators => 5, model => 'modes') AS t;
SELECT is((SELECT pg_temp.number(pg_temp.cleaning(result, 'visits'), 'fill') FROM modes), (SELECT round(mode() WITHIN GROUP (ORDER BY visits), 9) FROM train), 'the mode, the smallest of several');

-- held-out rows move nothing
UPDATE raw SET amount = amount * 1000, colour = 'red' WHERE id > 1600;
SELECT is((SELECT pg_temp.cleaning(t, 'amount') FROM echolon_train_gb('raw', 'y', exclude => '{id,day}', split_by => 'day', refit => false, impute => 'median', scale => 'standard', outliers => 'clip', model => 'moved') AS t) - 'filled' - 'missing',
	(SELECT pg_temp.cleaning(t, 'amount') FROM echolon_train_gb('train', 'y', exclude => '{id,day}', test_fraction => 0, impute => 'median', scale => 'standard', outliers => 'clip', model => 'alone') AS t) - 'filled' - 'missing',
	'treatments are learned from the training rows alone');
UPDATE raw SET amount = amount / 1000, colour = (SELECT colour FROM filled AS f WHERE f.id = raw.id) WHERE id > 1600;

-- clipping and scaling
CREATE TEMP TABLE scaled AS SELECT s.scale, t AS result FROM unnest(ARRAY['standard', 'minmax', 'robust']) AS s (scale),
	LATERAL echolon_train_gb('train', 'y', exclude => '{id,day}', test_fraction => 0, scale => s.scale, outliers => 'clip', model => 'scaled_' || s.scale) AS t;
SELECT is((SELECT (pg_temp.number(c, 'low'), pg_temp.number(c, 'high'))::text FROM scaled, pg_temp.cleaning(result, 'amount') AS c WHERE scale = 'robust'),
	(SELECT (round((q[1] - 1.5 * (q[2] - q[1]))::numeric, 9), round((q[2] + 1.5 * (q[2] - q[1]))::numeric, 9))::text FROM (SELECT percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY amount) AS q FROM train) AS s), 'fences by percentile_cont');
SELECT is((SELECT (c ->> 'clipped')::int FROM scaled, pg_temp.cleaning(result, 'amount') AS c WHERE scale = 'robust'),
	(SELECT count(*)::int FROM train, scaled, pg_temp.cleaning(result, 'amount') AS c WHERE scale = 'robust' AND (amount < (c ->> 'low')::float8 OR amount > (c ->> 'high')::float8)), 'clipped values are counted');
SELECT is((SELECT (pg_temp.number(c, 'center'), pg_temp.number(c, 'width'))::text FROM scaled, pg_temp.cleaning(result, 'visits') AS c WHERE scale = 'standard'),
	(SELECT (round(avg(visits), 9), round(stddev_pop(visits), 9))::text FROM train), 'standard: mean and population deviation');
SELECT is((SELECT (pg_temp.number(c, 'center'), pg_temp.number(c, 'width'))::text FROM scaled, pg_temp.cleaning(result, 'visits') AS c WHERE scale = 'minmax'),
	(SELECT (round(min(visits), 9), round(max(visits) - min(visits), 9))::text FROM train), 'minmax');
SELECT is((SELECT (pg_temp.number(c, 'center'), pg_temp.number(c, 'width'))::text FROM scaled, pg_temp.cleaning(result, 'visits') AS c WHERE scale = 'robust'),
	(SELECT (round(q[2]::numeric, 9), round((q[3] - q[1])::numeric, 9))::text FROM (SELECT percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY visits) AS q FROM train) AS s), 'robust');
SELECT lives_ok($$SELECT echolon_train_gb('train', 'y', exclude => '{id,day}', test_fraction => 0, model => 'plain')$$, 'without any');
SELECT cmp_ok((SELECT max(abs(echolon_predict('scaled_' || scale, t) - echolon_predict('plain', t))) FROM train AS t, scaled WHERE abs(amount) < 100), '<', 60::float8, 'scaling changes little');
SELECT is((SELECT array_agg(round(echolon_predict('scaled_' || scale, t)::numeric, 6) ORDER BY scale) FROM (SELECT 1e6::float8 AS amount, 50 AS visits, 'red' AS colour) AS t, scaled),
	(SELECT array_agg(round(echolon_predict('scaled_' || scale, t)::numeric, 6) ORDER BY scale) FROM (SELECT 'Infinity'::float8 AS amount, 50 AS visits, 'red' AS colour) AS t, scaled), 'beyond the fence every value is the same at prediction');
SELECT ok((SELECT array_to_string((result).notes, ';') LIKE '%trees do not need%' FROM scaled WHERE scale = 'standard'), 'a note says that trees need no scaling');
SELECT is((SELECT array_agg(column_name ORDER BY column_name) FROM echolon_permutation_importance('scaled_standard', 'train')), '{amount,colour,visits}', 'importances are of the columns as they are');

-- outliers left out
CREATE TEMP TABLE removed AS SELECT t AS result FROM echolon_train_rf('raw', 'y', exclude => '{id,day}', split_by => 'day', refit => false, outliers => 'remove', model => 'removed') AS t;
SELECT is((SELECT ((result).details #>> '{cleaning,rows_removed}')::int FROM removed),
	(SELECT count(*)::int FROM train, (SELECT percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY amount) AS a, percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY visits) AS v, percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY y) AS y FROM train) AS q (qa, qv, qy)
	 WHERE amount < qa[1] - 1.5 * (qa[2] - qa[1]) OR amount > qa[2] + 1.5 * (qa[2] - qa[1]) OR visits < qv[1] - 1.5 * (qv[2] - qv[1]) OR visits > qv[2] + 1.5 * (qv[2] - qv[1]) OR y < qy[1] - 1.5 * (qy[2] - qy[1]) OR y > qy[2] + 1.5 * (qy[2] - qy[1])), 'rows beyond the fences are left out of the fit');
SELECT is((SELECT ((result).details #>> '{rows,held_out}')::int FROM removed), 400, 'held-out rows are all there');
SELECT ok((SELECT array_to_string((result).notes, ';') ~ 'outliers by amount \([0-9]+\), and were left out of the fit' FROM removed), 'a note says so');
SELECT is((SELECT count(DISTINCT digest)::int FROM echolon.model_versions WHERE model IN ('removed', 'twice')), 1, 'the same again, byte for byte')
FROM echolon_train_rf('raw', 'y', exclude => '{id,day}', split_by => 'day', refit => false, outliers => 'remove', model => 'twice');
CREATE TEMP TABLE judged AS SELECT t AS result FROM echolon_train_gb('raw', 'y', exclude => '{id,day}', split_by => 'day', refit => false, outliers => 'auto', model => 'judged') AS t;
SELECT ok((SELECT (result).details #>> '{cleaning,inner,with}' IS NOT NULL AND (((result).details #>> '{cleaning,inner,without}')::float8 > ((result).details #>> '{cleaning,inner,with}')::float8) = (((result).details #>> '{cleaning,rows_removed}')::int > 0) FROM judged), 'auto leaves rows out where an inner part gains, and only then');
-- a promotion on one row in eight is no mistake; nor is a column of few values
CREATE TABLE promotions AS SELECT i AS id, CASE WHEN i % 8 = 0 THEN (i::int8 * 7919 % 500)::float8 ELSE 0 END AS promotion, i % 13 AS shelf, (i::int8 * 104729 % 997)::float8 AS price, (i::int8 * 104729 % 997) / 10.0 + CASE WHEN i % 8 = 0 THEN 20 ELSE 0 END AS sold FROM generate_series(1, 1000) AS i;
SELECT is((SELECT details #>> '{cleaning,rows_removed}' FROM echolon_train_rf('promotions', 'sold', exclude => '{id}', outliers => 'remove', n_estimators => 5)), '0', 'equal quartiles and few values make no outliers');
SELECT is((SELECT o ->> 'why_not' FROM echolon_train_rf('promotions', 'sold', exclude => '{id}', outliers => 'auto', n_estimators => 5) AS t, jsonb_array_elements(t.details #> '{cleaning,outliers}') AS o WHERE o ->> 'column' = 'promotion'), 'its quartiles are equal', 'and that is said');
-- half of the rows far away: more than a tenth, so not by this column
CREATE TABLE far AS SELECT i AS id, CASE WHEN i % 5 = 0 THEN i * 1000.0 ELSE i % 90 END AS x, (i::int8 * 7919 % 503) AS z, (i::int8 * 7919 % 503) + i % 90 AS y FROM generate_series(1, 1000) AS i;
SELECT is((SELECT o ->> 'why_not' FROM echolon_train_rf('far', 'y', exclude => '{id}', outliers => 'auto', n_estimators => 5) AS t, jsonb_array_elements(t.details #> '{cleaning,outliers}') AS o WHERE o ->> 'column' = 'x'), 'too many rows would be left out', 'never over a tenth of the rows');

-- dates, encodings, constants
CREATE TABLE dated AS SELECT i AS id, CASE WHEN i % 4 = 0 THEN NULL ELSE date '2024-01-01' + i % 300 END AS due, CASE WHEN i % 6 = 0 THEN NULL ELSE 'p' || i % 40 END AS part, (i % 300) * 2 + i % 40 AS y FROM generate_series(1, 2000) AS i;
SELECT lives_ok($$SELECT echolon_train_gb('dated', 'y', exclude => '{id}', test_fraction => 0, impute => 'median', encode => 'target', model => 'dated')$$, 'dates and encoded categories');
SELECT is(echolon_predict('dated', n), echolon_predict('dated', f), 'are filled at prediction')
FROM (SELECT NULL::date AS due, NULL::text AS part) AS n, (SELECT (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY due) FROM dated) AS due, (SELECT mode() WITHIN GROUP (ORDER BY part COLLATE "C") FROM dated) AS part) AS f;
SELECT is((SELECT pg_temp.number(pg_temp.cleaning(t, 'amount'), 'fill') FROM echolon_train_rf('raw', 'y', exclude => '{id,day}', impute => 'constant', impute_value => '-1', n_estimators => 3, model => 'constant') AS t), -1.000000000, 'a constant');
SELECT is((SELECT pg_temp.cleaning(t, 'colour') ->> 'fill' FROM echolon_train_rf('raw', 'y', exclude => '{id,day}', impute => 'constant', impute_value => 'blue', n_estimators => 3, model => 'constant') AS t), 'blue', 'that is a level');

-- evaluation and drift see rows as the model does; so does a cut
SELECT is((SELECT round(value::numeric, 9) FROM echolon_evaluate('medians', 'raw') WHERE metric = 'rmse'), (SELECT round(echolon_rmse(y, echolon_predict('medians', r))::numeric, 9) FROM raw AS r), 'evaluation');
SELECT is((SELECT count(*)::int FROM echolon_drift('alone', 'train') WHERE verdict <> 'stable'), 0, 'drift of the training rows');
SELECT lives_ok($$SELECT echolon_train_gb('raw', 'y', exclude => '{id,day}', high_value_percentile => 0.8, impute => 'median', model => 'high')$$, 'high values');
SELECT is((SELECT round(value::numeric, 9) FROM echolon_evaluate('high', 'raw') WHERE metric = 'accuracy'),
	(SELECT round(avg(((echolon_predict_class('high', r) = 'high') = (y > (SELECT substring(notes::text FROM 'above ([0-9.]+):')::numeric FROM echolon.model_versions WHERE model = 'high')))::int), 9) FROM raw AS r), 'are evaluated on numbers');
SELECT is((SELECT count(*)::int FROM echolon_permutation_importance('high', 'raw')), 3, 'and so are importances');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_evaluate('high', 'texts')$$), 'predicts whether a number is high', 'but not on texts') FROM (SELECT 1) AS s
WHERE pg_temp.error_of($$CREATE TABLE texts AS SELECT amount, visits, colour, 'a'::text AS y FROM raw$$) = 'no error';

-- bad parameters
SELECT matches(pg_temp.error_of(format($$SELECT echolon_train_gb('raw', 'y', exclude => '{id,day}', %s)$$, p)), m, p)
FROM (VALUES ('impute => ''guess''', 'parameter "impute" is out of range.*mean, median, mode, constant'),
	('outliers => ''drop''', 'parameter "outliers" is out of range.*keep, clip, remove, auto'),
	('scale => ''log''', 'parameter "scale" is out of range'),
	('iqr_factor => 0', 'parameter "iqr_factor" is out of range'), ('iqr_factor => -1', 'out of range'), ('iqr_factor => ''NaN''', 'out of range'), ('iqr_factor => ''Infinity''', 'out of range'),
	('impute => ''constant''', 'needs the parameter "impute_value"'), ('impute_value => ''1''', 'needs impute => ''constant'''), ('impute => ''mean'', impute_value => ''1''', 'needs impute => ''constant'''),
	('impute => ''constant'', impute_value => ''purple''', 'impute_value ''purple'' fits no column'),
	('impute => ''constant'', impute_value => ''NaN''', 'fits no column')) AS v (p, m);
CREATE TABLE tiny AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN power(2, i % 60) ELSE 0 END AS x, (i::int8 * 7919 % 101)::float8 AS y FROM generate_series(1, 120) AS i;
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('tiny', 'y', exclude => '{id}', outliers => 'remove', iqr_factor => 0.0001)$$), 'leaves [0-9]+ training rows', 'too few rows left');
CREATE TABLE empty_column AS SELECT i AS id, CASE WHEN i > 180 THEN i::float8 END AS nothing, i % 17 AS x, i % 17 + i % 3 AS y FROM generate_series(1, 200) AS i;
SELECT lives_ok($$SELECT echolon_train_gb('empty_column', 'y', features => '{nothing,x}', split_by => 'id', impute => 'mean', scale => 'standard', outliers => 'clip')$$, 'a column without values in the training rows is left as it is');

-- the order of the rows in the table is nothing
CREATE TABLE shuffled AS SELECT * FROM raw ORDER BY md5(id::text);
CREATE TABLE ways AS SELECT s.c, s.n, pg_temp.error_of(format($$SELECT echolon_train_gb('raw', 'y', exclude => '{id,day}', n_estimators => 10, model => %L, %s)$$, 'in_order_' || n, c)) AS ordered,
	pg_temp.error_of(format($$SELECT echolon_train_gb('shuffled', 'y', exclude => '{id,day}', n_estimators => 10, model => %L, %s)$$, 'shuffled_' || n, c)) AS shuffled
FROM unnest(ARRAY['impute => ''mean'', scale => ''standard'', outliers => ''clip''', 'impute => ''median'', scale => ''robust'', outliers => ''remove''',
	'impute => ''mode'', scale => ''minmax'', outliers => ''auto''', 'impute => ''mean'', encode => ''target'', group_by => ''{colour}''',
	'impute => ''mean'', outliers => ''auto'', high_value_percentile => 0.8']) WITH ORDINALITY AS s (c, n);
SELECT is((SELECT (count(*), count(DISTINCT digest))::text FROM echolon.model_versions WHERE model IN ('in_order_' || n, 'shuffled_' || n)), '(2,1)', format('the same bytes in any order: %s', c)) FROM ways;

-- held-out rows that change move no treatment, fence or mode, whatever is fitted
CREATE TABLE kept AS SELECT s.c, s.n, pg_temp.error_of(format($$SELECT echolon_train_gb('raw', 'y', exclude => '{id,day}', split_by => 'day', refit => false, n_estimators => 10, model => %L, %s)$$, 'kept_' || n, c)) AS error
FROM unnest(ARRAY['impute => ''mean'', scale => ''minmax''', 'impute => ''mode'', scale => ''robust'', outliers => ''remove''', 'outliers => ''auto'', scale => ''standard''']) WITH ORDINALITY AS s (c, n);
CREATE TEMP TABLE digests AS SELECT model, digest FROM echolon.model_versions WHERE model LIKE 'kept\_%';
UPDATE raw SET amount = -amount, visits = 7, colour = CASE WHEN id % 2 = 0 THEN 'violet' END, y = y + 100 WHERE id > 1600;
SELECT is(pg_temp.error_of(format($$SELECT echolon_train_gb('raw', 'y', exclude => '{id,day}', split_by => 'day', refit => false, n_estimators => 10, model => %L, %s)$$, 'kept_' || n, c)), 'no error', format('held-out rows have changed: %s', c)) FROM kept;
SELECT is((SELECT array_agg(DISTINCT echolon_predict('kept_' || n, r, version => 1) = echolon_predict('kept_' || n, r, version => 2)) FROM raw AS r WHERE colour IS DISTINCT FROM 'violet'), '{t}', format('the model has not: %s', c)) FROM kept;

-- a value that is missing is filled, a level never seen is none that could be
SELECT is(echolon_predict('modes', n), echolon_predict('modes', f), 'a missing value is the mode') FROM (SELECT 50::float8 AS amount, 100 AS visits, NULL::text AS colour) AS n, (SELECT 50::float8 AS amount, 100 AS visits, 'green'::text AS colour) AS f;
SELECT is(array_agg(DISTINCT echolon_predict('means', r) IS NOT NULL), '{t}', 'and so are NaN and both infinities a number') FROM (VALUES ('NaN'::float8, 1, 'red'), ('Infinity', 1, 'red'), ('-Infinity', NULL, 'violet')) AS r (amount, visits, colour);
SELECT is(echolon_predict('means', n), echolon_predict('means', f), 'NaN is the mean') FROM (SELECT 'NaN'::float8 AS amount, 100 AS visits, 'red' AS colour) AS n, (SELECT ((result).details #>> '{cleaning,columns,0,fill}')::float8 AS amount, 100 AS visits, 'red' AS colour FROM means) AS f;

-- permutation importance is measured on the columns as they are: it is that of the model without a scale
SELECT cmp_ok(max(abs(s.importance - p.importance)), '<', 0.05 * max(p.importance), 'importances are in the target''s units, not in those of a scale')
FROM echolon_permutation_importance('scaled_minmax', 'train') AS s JOIN echolon_permutation_importance('plain', 'train') AS p USING (column_name);

SELECT * FROM finish();
ROLLBACK;

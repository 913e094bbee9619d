-- Views of cleaned rows against PostgreSQL's own aggregates and scikit-learn's definitions.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TYPE mood AS ENUM ('sad', 'fine', 'glad');
CREATE TABLE people (
	id integer PRIMARY KEY, day date, age integer, income numeric(10, 2), spend float8, city text, mood mood, code char(3),
	ok boolean, born date, doc json, seen timestamptz, churn text
);
INSERT INTO people
SELECT i, date '2024-01-01' + i % 90, CASE WHEN i % 7 = 0 THEN NULL ELSE 20 + i * 31 % 50 END,
	CASE WHEN i % 11 = 0 THEN NULL WHEN i % 97 = 0 THEN 999999 ELSE 1000 + i * 7919 % 3000 END,
	CASE WHEN i % 13 = 0 THEN 'NaN' WHEN i % 50 = 1 THEN 'Infinity' ELSE (i::int8 * 104729 % 997) / 3.0 END,
	CASE WHEN i % 9 = 0 THEN NULL ELSE (ARRAY['Paris', 'Rome', 'Rome', 'Oslo'])[1 + i % 4] END,
	CASE WHEN i % 5 = 0 THEN NULL ELSE (ARRAY['sad', 'fine', 'fine', 'glad'])[1 + i % 4]::mood END, CASE WHEN i % 10 = 0 THEN NULL ELSE 'a' || i % 3 END,
	CASE WHEN i % 4 = 0 THEN NULL ELSE i % 3 = 0 END, CASE WHEN i % 3 = 0 THEN NULL ELSE date '1990-01-01' + i END, '{"a": 1}', timestamptz '2024-01-01 00:00+00' + i * interval '1 hour',
	CASE WHEN i * 31 % 50 > 25 THEN 'yes' ELSE 'no' END
FROM generate_series(1, 1000) AS i;
INSERT INTO people SELECT id + 10000, day, age, income, spend, city, mood, code, ok, born, doc, seen, churn FROM people WHERE id <= 7;

-- ---- imputation, clipping, types
SELECT is((SELECT (columns_treated, rows_read, rows_fitted)::text FROM echolon_preprocess('clean', 'people', target => 'churn')), '(7,1007,1000)', 'a view of cleaned rows');
SELECT is((SELECT count(*)::int FROM clean), 1000, 'duplicates are shown once');
SELECT is((SELECT count(*)::int FROM clean WHERE id > 10000), 0, 'the first of them by key');
SELECT is((SELECT count(*)::int FROM clean WHERE num_nulls(age, income, spend, city, mood, code, ok) > 0), 0, 'no value is missing');
SELECT is((SELECT DISTINCT c.age FROM clean AS c JOIN people AS p USING (id) WHERE p.age IS NULL), (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY age) FROM people WHERE id <= 10000), 'numbers become the median');
SELECT is((SELECT array_agg(DISTINCT c.spend) FROM clean AS c JOIN people AS p USING (id) WHERE p.spend = 'NaN'), (SELECT ARRAY[percentile_cont(0.5) WITHIN GROUP (ORDER BY spend)] FROM people WHERE spend NOT IN ('NaN', 'Infinity') AND id <= 10000), 'NaN is missing, infinities are no part of it');
SELECT is((SELECT DISTINCT c.mood FROM clean AS c JOIN people AS p USING (id) WHERE p.mood IS NULL), (SELECT mode() WITHIN GROUP (ORDER BY mood) FROM people WHERE id <= 10000), 'an enum becomes its mode, and stays one');
SELECT is((SELECT array_agg(DISTINCT c.code) FROM clean AS c JOIN people AS p USING (id) WHERE p.code IS NULL), (SELECT ARRAY[mode() WITHIN GROUP (ORDER BY code)] FROM people WHERE id <= 10000), 'as does character(n)');
SELECT is((SELECT count(*)::int FROM clean AS c JOIN people AS p USING (id) WHERE c.born IS DISTINCT FROM p.born), 0, 'dates are left as they are');
SELECT is((SELECT count(*)::int FROM clean AS c JOIN people AS p USING (id) WHERE c.churn IS DISTINCT FROM p.churn), 0, 'and so is the target');
SELECT is((SELECT max(income) FROM clean), (SELECT q[2] + 1.5 * (q[2] - q[1]) FROM (SELECT percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY income::float8) AS q FROM people WHERE id <= 10000) AS s), 'clipped at the fence');
SELECT is((SELECT array_agg(format_type(atttypid, atttypmod) ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'clean'::regclass AND attname IN ('age', 'income', 'city', 'mood', 'code', 'ok', 'born')),
	'{"double precision","double precision",text,mood,character(3),boolean,date}', 'numbers are double precision, all else keeps its type');
SELECT is((SELECT count(*)::int FROM pg_class WHERE oid = 'clean'::regclass AND 'security_invoker=true' = ANY (reloptions)), 1, 'the view has the rights of who reads it');
SELECT matches(col_description('clean'::regclass, (SELECT attnum FROM pg_attribute WHERE attrelid = 'clean'::regclass AND attname = 'age')), 'a missing value becomes [0-9.]+, the median', 'columns have comments');
SELECT is((SELECT (fill, missing)::text FROM echolon_preprocess_summary('clean') WHERE column_name = 'city'), (SELECT (mode() WITHIN GROUP (ORDER BY city), count(*) FILTER (WHERE city IS NULL))::text FROM people), 'the summary says what fills a column');
SELECT is((SELECT outliers FROM echolon_preprocess_summary('clean') WHERE column_name = 'income'), (SELECT count(*) FROM people WHERE income = 999999), 'and counts outliers');
SELECT matches((SELECT note FROM echolon_preprocess_summary('clean') WHERE column_name IS NULL), '^7 of 1007 rows were the same', 'and duplicates');
SELECT is((SELECT (preprocessing, relation, rows_fitted, state)::text FROM echolon.preprocessings), '(clean,public.people,1000,ready)', 'it is listed');

-- ---- new rows, training, prediction
SELECT ok((SELECT score FROM echolon_train_gb('clean', 'churn')) > 0.9, 'it trains like a table');
INSERT INTO people (id) VALUES (50000);
SELECT is((SELECT count(*)::int FROM clean WHERE id = 50000 AND num_nulls(age, income, spend, city, mood) = 0), 1, 'a new row gets what was fitted');
SELECT is((SELECT count(*)::int FROM clean AS c JOIN people AS p USING (id), echolon_preprocess_row('clean', p) AS j
	WHERE (j ->> 'age')::float8 <> c.age OR (j ->> 'income')::float8 <> c.income OR (j ->> 'spend')::float8 <> c.spend OR j ->> 'city' <> c.city OR j ->> 'mood' <> c.mood::text OR (j ->> 'ok')::boolean <> c.ok OR (j ->> 'day')::date <> c.day), 0, 'a row alone is treated as in the view');
SELECT is((SELECT count(*)::int FROM clean AS c JOIN people AS p USING (id) WHERE echolon_predict_proba('clean_churn', c, 'yes') IS DISTINCT FROM echolon_predict_json_proba('clean_churn', echolon_preprocess_row('clean', p), 'yes')), 0, 'and predicted the same');
SET datestyle = 'German';
SELECT is(echolon_preprocess_row('clean', p) ->> 'day', '2024-01-02', 'dates are ISO in any DateStyle') FROM people AS p WHERE id = 1;
RESET datestyle;
DELETE FROM people WHERE id = 50000;

-- ---- scales, as scikit-learn computes them of the filled column
SELECT echolon_preprocess('standard', 'people', scale => 'standard', outliers => 'keep', duplicates => 'keep'),
	echolon_preprocess('minmax', 'people', scale => 'minmax', outliers => 'keep', duplicates => 'keep'),
	echolon_preprocess('robust', 'people', scale => 'robust', outliers => 'keep', duplicates => 'keep');
SELECT is((SELECT (round(avg(age)::numeric, 12), round(stddev_pop(age)::numeric, 12))::text FROM standard), '(0.000000000000,1.000000000000)', 'mean 0, deviation 1');
SELECT is((SELECT (min(income), max(income))::text FROM minmax), '(0,1)', 'from 0 to 1');
SELECT is((SELECT percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY age) FROM robust),
	(SELECT ARRAY[(q[1] - q[2]) / (q[3] - q[1]), 0, (q[3] - q[2]) / (q[3] - q[1])] FROM (SELECT percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY coalesce(age, m)) AS q FROM people, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY age) AS m FROM people) AS t) AS s), 'median 0, interquartile range 1');

-- ---- overrides, indicators, removal
SELECT lives_ok($$SELECT echolon_preprocess('chosen', 'people', impute => NULL, outliers => 'keep', missing_indicators => true, exclude => '{ok}',
	overrides => '{"age": {"impute": "mean"}, "income": {"outliers": "remove"}, "city": {"impute": "constant", "impute_value": "nowhere"}, "born": {"impute": "mode"}, "spend": {"impute": "constant", "impute_value": -1}}')$$, 'columns each in their way');
SELECT is((SELECT array_agg(DISTINCT c.age) FROM chosen AS c JOIN people AS p USING (id) WHERE p.age IS NULL), (SELECT ARRAY[avg(age)::float8] FROM people WHERE id <= 10000 AND (income IS NULL OR income < 900000)), 'the mean of the rows that are left');
SELECT is((SELECT count(*)::int FROM chosen WHERE income > 900000), 0, 'outliers are left out');
SELECT is((SELECT count(*)::int FROM chosen WHERE income IS NULL), (SELECT count(DISTINCT (age, income, spend, city, born)) FILTER (WHERE income IS NULL)::int FROM people), 'rows without a value stay');
SELECT is((SELECT array_agg(DISTINCT c.city) FROM chosen AS c JOIN people AS p USING (id) WHERE p.city IS NULL), '{nowhere}', 'a constant that is no level');
SELECT is((SELECT array_agg(DISTINCT c.spend) FROM chosen AS c JOIN people AS p USING (id) WHERE p.spend = 'NaN'), '{-1}', 'a number');
SELECT is((SELECT count(*)::int FROM chosen WHERE born IS NULL), 0, 'a date, where it is asked for');
SELECT is((SELECT count(*)::int FROM chosen AS c JOIN people AS p USING (id) WHERE c.age_missing <> (p.age IS NULL) OR c.spend_missing <> (p.spend = 'NaN')), 0, 'indicators');
SELECT is((SELECT count(*)::int FROM chosen AS c JOIN people AS p USING (id), echolon_preprocess_row('chosen', p) AS j WHERE (j ->> 'age_missing')::boolean <> c.age_missing OR (j ->> 'spend_missing')::boolean <> c.spend_missing), 0, 'of a row alone too');
SELECT hasnt_column('chosen', 'ok_missing', 'not of what is excluded');

-- ---- forward
SELECT lives_ok($$SELECT echolon_preprocess('forward', 'people', impute => 'forward', date_column => 'seen', group_by => '{churn}', outliers => 'keep', duplicates => 'keep')$$, 'the last value before');
SELECT is((SELECT count(*)::int FROM forward AS f JOIN (SELECT id, (SELECT q.city FROM people AS q WHERE q.churn = p.churn AND q.city IS NOT NULL AND (q.seen, q.id) <= (p.seen, p.id) ORDER BY q.seen DESC, q.id DESC LIMIT 1) AS city,
	(SELECT q.age FROM people AS q WHERE q.churn = p.churn AND q.age IS NOT NULL AND (q.seen, q.id) <= (p.seen, p.id) ORDER BY q.seen DESC, q.id DESC LIMIT 1) AS age FROM people AS p) AS o USING (id)
	WHERE f.city IS DISTINCT FROM o.city OR f.age IS DISTINCT FROM o.age), 0, 'by a subquery as well');

-- ---- a split
SELECT echolon_preprocess('split', 'people', split_by => 'seen', scale => 'standard', exclude => '{born}');
CREATE TEMP TABLE before AS SELECT column_name, fill, low, high, center, width FROM echolon_preprocess_summary('split');
UPDATE people SET age = age * 1000, income = 5, city = 'Rome' WHERE id BETWEEN 850 AND 1000;
SELECT is(echolon_refresh_preprocess('split'), (SELECT rows_fitted FROM echolon.preprocessings WHERE preprocessing = 'split'), 'fitted again');
SELECT set_eq('SELECT column_name, fill, low, high, center, width FROM echolon_preprocess_summary(''split'')', 'SELECT * FROM before', 'rows that a training holds out move nothing');
SELECT is((SELECT ((details #>> '{rows,training}')::int)::bigint FROM echolon_train_gb('split', 'churn', split_by => 'seen', n_estimators => 3, refit => false)) = (SELECT rows_fitted FROM echolon.preprocessings WHERE preprocessing = 'split'), true, 'the training learns from those rows');

-- ---- a refresh keeps what depends on the view
CREATE VIEW on_top AS SELECT city, count(*) FROM clean GROUP BY city;
SELECT lives_ok($$SELECT echolon_refresh_preprocess('clean')$$, 'a refresh');
SELECT is((SELECT DISTINCT c.age FROM clean AS c JOIN people AS p USING (id) WHERE p.age IS NULL), (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY age) FROM people WHERE id <= 10000), 'fits today''s rows');
SELECT matches(pg_temp.error_of($$SELECT echolon_drop_preprocess('clean')$$), '2BP01', 'other views stay in the way of a drop');
DROP VIEW on_top;
SELECT is(echolon_drop_preprocess('clean'), 7, 'dropped');
SELECT is(to_regclass('clean'), NULL, 'with its view');

-- ---- features on top, odd tables
SELECT ok((SELECT features FROM echolon_create_features('on_split', 'split', 'seen', '{age,income}', '{city}')) > 10, 'a feature set of cleaned rows');
CREATE TABLE odd AS SELECT i AS id, NULL::float8 AS empty, 5.0 AS same, 'NaN'::float8 AS nan, 't' || i AS text, (ARRAY['a', NULL])[1 + i % 2] AS half, i % 2 AS "a ""b" FROM generate_series(1, 300) AS i;
SELECT lives_ok($$SELECT echolon_preprocess('odd_clean', 'odd', scale => 'standard')$$, 'columns of nothing, of one value, of all values');
SELECT is((SELECT (count(*), count(empty), max(same), count(half), count(DISTINCT text))::text FROM odd_clean), '(300,0,0,300,300)', 'are what they can be');
SELECT is((SELECT note FROM echolon_preprocess_summary('odd_clean') WHERE column_name = 'text'), 'its values nearly all differ: none is typical', 'and told');
CREATE TABLE nothing (a float8, b text);
SELECT is((SELECT rows_fitted FROM echolon_preprocess('nothing_clean', 'nothing')), 0::bigint, 'an empty table');
INSERT INTO nothing VALUES (1, 'x'), (NULL, NULL);
SELECT is((SELECT count(*)::int FROM nothing_clean), 2, 'that gets rows later');
SELECT is(echolon_refresh_preprocess('nothing_clean'), 2::bigint, 'and is fitted then');
SELECT is((SELECT count(a)::int FROM nothing_clean), 2, 'fills them');

-- ---- fitted to no row that a training with the same split holds out
-- the rows that a training on the view learns from
CREATE FUNCTION pg_temp.training_rows(view text, target text, split text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT (details #>> ''{rows,training}'')::bigint FROM echolon_train_gb(%L, %L, split_by => %L, n_estimators => 3, refit => false)', view, target, split) INTO n;
	RETURN n;
END
$$;
CREATE TABLE untargeted AS SELECT i AS t, (i * 7919 % 1000)::float8 + CASE WHEN i > 640 THEN 100000 ELSE 0 END AS x, CASE WHEN i <= 800 THEN (i % 10)::float8 END AS y FROM generate_series(1, 1000) AS i;
SELECT echolon_preprocess('untargeted_clean', 'untargeted', target => 'y', scale => 'standard', outliers => 'keep', split_by => 't');
SELECT is((SELECT rows_fitted FROM echolon.preprocessings WHERE preprocessing = 'untargeted_clean'), pg_temp.training_rows('untargeted_clean', 'y', 't'), 'rows without a target move no boundary');
SELECT is((SELECT center FROM echolon_preprocess_summary('untargeted_clean') WHERE column_name = 'x'), (SELECT avg(x) FROM untargeted WHERE t <= 640), 'so that what is held out is in no mean');
SELECT is((SELECT count(*) FROM untargeted_clean), 1000::bigint, 'and rows without a target stay');
CREATE TABLE repeated AS SELECT i AS t, (i * 7919 % 1000)::float8 AS x, i % 10 AS y FROM generate_series(1, 800) AS i;
INSERT INTO repeated SELECT r.* FROM repeated AS r, generate_series(1, 3) WHERE t > 700;
SELECT echolon_preprocess('repeated_clean', 'repeated', target => 'y', scale => 'standard', outliers => 'keep', split_by => 't');
SELECT is((SELECT rows_fitted FROM echolon.preprocessings WHERE preprocessing = 'repeated_clean'), pg_temp.training_rows('repeated_clean', 'y', 't'), 'nor do duplicates');
SELECT is((SELECT center FROM echolon_preprocess_summary('repeated_clean') WHERE column_name = 'x'), (SELECT avg(x) FROM repeated WHERE t <= 640), 'which count once');
SELECT echolon_preprocess('once', 'repeated', scale => 'standard', outliers => 'keep');
SELECT is((SELECT (round(avg(x)::numeric, 12), round(stddev_pop(x)::numeric, 12))::text FROM once), '(0.000000000000,1.000000000000)', 'a scale is of the rows that are shown');
-- the early rows have outliers: without them the boundary comes later, and without late ones it comes earlier
CREATE TABLE drifting AS SELECT i AS t, CASE WHEN i % 4 = 0 AND i > 700 THEN 1e6 ELSE i * 7919 % 1000 END::float8 AS x, (i * 31 % 997 + i)::float8 AS z, i % 10 AS y FROM generate_series(1, 1000) AS i;
SELECT echolon_preprocess('drifting_clean', 'drifting', target => 'y', scale => 'standard', outliers => 'remove', split_by => 't');
SELECT is((SELECT count(*) FROM drifting_clean WHERE x > 1e3), 0::bigint, 'outliers are left out of what is shown');
SELECT ok((SELECT rows_fitted FROM echolon.preprocessings WHERE preprocessing = 'drifting_clean') <= pg_temp.training_rows('drifting_clean', 'y', 't'), 'and move the boundary of the fit with that of the training');
SELECT is((SELECT center FROM echolon_preprocess_summary('drifting_clean') WHERE column_name = 'z'),
	(SELECT avg(z) FROM drifting WHERE x < 1e6 AND t <= (SELECT max(t) FROM (SELECT t FROM drifting WHERE x < 1e6 ORDER BY t LIMIT (SELECT rows_fitted FROM echolon.preprocessings WHERE preprocessing = 'drifting_clean')) AS s)), 'the first rows of the view');

-- ---- a refresh changes numbers, not the view
CREATE TABLE growing (id integer PRIMARY KEY, a integer, b integer, c text);
SELECT is((SELECT columns_treated FROM echolon_preprocess('growing_clean', 'growing', missing_indicators => true)), 0, 'an integer without values is as it was');
INSERT INTO growing SELECT i, CASE WHEN i % 3 = 0 THEN NULL ELSE i END, i * 37 % 91, 'c' || i % 5 FROM generate_series(1, 300) AS i;
ALTER TABLE growing ADD COLUMN later float8;
SELECT lives_ok($$SELECT echolon_refresh_preprocess('growing_clean')$$, 'and gets values, and the relation a column, before a refresh');
SELECT is((SELECT count(a)::int FROM growing_clean), 300, 'it is filled');
SELECT hasnt_column('growing_clean', 'later', 'the column is not in the view');
ALTER TABLE growing ADD UNIQUE (b, c, a);
SELECT lives_ok($$SELECT echolon_refresh_preprocess('growing_clean')$$, 'nor does a new key change it');

-- ---- what is a duplicate
CREATE TABLE lone (id integer PRIMARY KEY, x integer);
INSERT INTO lone SELECT i, i % 5 FROM generate_series(1, 100) AS i;
SELECT ok(notes::text LIKE '%every row is shown%', 'one column repeats by nature') FROM echolon_preprocess('lone_clean', 'lone');
SELECT is((SELECT count(*)::int FROM lone_clean), 100, 'so no row is dropped');
CREATE TABLE texts AS SELECT i % 50 AS x, json_build_object('i', i % 100) AS j FROM generate_series(1, 200) AS i;
SELECT echolon_preprocess('texts_clean', 'texts');
SELECT matches((SELECT note FROM echolon_preprocess_summary('texts_clean') WHERE column_name IS NULL), '^100 of 200 rows were the same', 'columns that are no features tell rows apart too');
SELECT is((SELECT count(*)::int FROM texts_clean), 100, 'as the view has it');

-- ---- constants
CREATE DOMAIN short_text AS text CHECK (length(value) < 4);
CREATE TABLE gaps AS SELECT i AS id, CASE WHEN i % 3 > 0 THEN 'sad'::mood END AS m, CASE WHEN i % 3 > 0 THEN true END AS ok, CASE WHEN i % 3 > 0 THEN i END AS n,
	CASE WHEN i % 3 > 0 THEN 'q' END::varchar(3) AS v, CASE WHEN i % 3 > 0 THEN date '2024-01-01' + i END AS d, CASE WHEN i % 3 > 0 THEN 'abc' END::short_text AS s,
	9007199254740992 + i AS big, jsonb_build_object('k', i) AS j, ARRAY[i, 2] AS list, 1.10 AS price, 1.1::float4 AS single FROM generate_series(1, 300) AS i;
SET datestyle = 'German';
SELECT echolon_preprocess('gaps_clean', 'gaps', exclude => '{big,price,single}', overrides => '{"m": {"impute": "constant", "impute_value": "glad"}, "ok": {"impute": "constant", "impute_value": "no"},
	"n": {"impute": "constant", "impute_value": -1}, "d": {"impute": "constant", "impute_value": "01.02.2020"}, "s": {"impute": "constant", "impute_value": "no"}}');
RESET datestyle;
SELECT is((SELECT array_agg(DISTINCT (c.m, c.ok, c.n, c.d, c.s)::text) FROM gaps_clean AS c JOIN gaps AS g USING (id) WHERE g.n IS NULL), '{"(glad,f,-1,2020-02-01,no)"}', 'of any type');
SELECT is((SELECT count(*)::int FROM gaps_clean AS c JOIN gaps AS g USING (id) WHERE to_jsonb(c) <> echolon_preprocess_row('gaps_clean', g)), 0, 'a row alone is the row of the view, to the last digit of a bigint');
SET datestyle = 'ISO, MDY';
SELECT echolon_refresh_preprocess('gaps_clean');
RESET datestyle;
SELECT is((SELECT DISTINCT c.d FROM gaps_clean AS c JOIN gaps AS g USING (id) WHERE g.d IS NULL), '2020-02-01', 'a date stays what it was read as');
SELECT echolon_preprocess('zeros', 'gaps', impute => 'constant', impute_value => 'none');
SELECT is((SELECT array_agg(DISTINCT note) FROM echolon_preprocess_summary('zeros') WHERE column_name IN ('m', 'n', 'v')),
	'{"impute_value ''none'' is no value of its type"}', 'a constant for all leaves alone what it is no value of');
SELECT is((SELECT count(v)::int FROM zeros), 200, 'and is not cut off');
SELECT matches(pg_temp.error_of(format($$SELECT echolon_preprocess('bad', 'gaps', target => 'n', missing_indicators => true, overrides => %L)$$, o)), m, o) FROM (VALUES
	('{"m": {"impute": "constant", "impute_value": "nomember"}}', '22P02.*''nomember'' is no value of column "m"'), ('{"big": {"impute": "constant", "impute_value": "many"}}', '22P02.*''many'' is no value of column "big"'),
	('{"v": {"impute": "constant", "impute_value": "four"}}', 'is no value of column "v"'), ('{"s": {"impute": "constant", "impute_value": "four"}}', '23514'),
	('{"big": {"impute_value": 5}}', 'needs "impute": "constant"'), ('{"n": {"impute": "mean"}}', '"n" in overrides is the target')) AS v (o, m);
ALTER TABLE gaps ADD COLUMN v_missing boolean;
SELECT matches(pg_temp.error_of($$SELECT echolon_preprocess('bad', 'gaps', missing_indicators => true)$$), '42701.*indicator of column "v" would have the name', 'an indicator takes no name that is there');

-- ---- forward: NaN is missing, a row without a date is after none
CREATE TABLE series AS SELECT i AS id, CASE WHEN i < 8 THEN date '2024-01-01' + i END AS d, CASE WHEN i % 3 = 0 THEN 'NaN' WHEN i IN (5, 8) THEN NULL ELSE i::float8 END AS x, CASE WHEN i % 2 = 1 THEN 'v' || i END::varchar(3) AS v FROM generate_series(1, 9) AS i;
ALTER TABLE series ADD PRIMARY KEY (id);
SELECT echolon_preprocess('series_clean', 'series', impute => 'forward', date_column => 'd', outliers => 'keep', missing_indicators => true);
SELECT is((SELECT array_agg(x ORDER BY id) FROM series_clean), '{1,2,2,4,4,4,7,NULL,NaN}', 'numbers');
SELECT is((SELECT array_agg(v ORDER BY id) FROM series_clean), '{v1,v1,v3,v3,v5,v5,v7,NULL,v9}', 'texts');
SELECT is((SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'series_clean'::regclass AND attname = 'v'), 'character varying(3)', 'of their type');
SELECT is((SELECT count(*)::int FROM series_clean AS c JOIN series AS s USING (id) WHERE c.x_missing <> (echolon_preprocess_row('series_clean', s) ->> 'x_missing')::boolean), 0, 'indicators are the same of a row alone');

-- ---- errors
SELECT matches(pg_temp.error_of(format($$SELECT echolon_preprocess('bad', 'people', %s)$$, p)), m, p) FROM (VALUES
	('target => ''churned''', 'column "churned" does not exist.*did you mean "churn"'), ('exclude => ''{agee}''', 'column "agee" does not exist'), ('exclude => ''{age,age}''', 'age'),
	('impute => ''guess''', 'mean, median, mode, constant, forward'), ('impute => ''forward''', 'needs the parameter "date_column"'), ('impute => ''constant''', 'needs the parameter "impute_value"'), ('impute_value => ''1''', 'needs impute => ''constant'''),
	('outliers => ''drop''', 'keep, clip, remove'), ('scale => ''log''', 'standard, minmax, robust'), ('duplicates => ''first''', 'drop, keep'),
	('iqr_factor => 0', '"iqr_factor" is out of range'), ('iqr_factor => ''NaN''', 'out of range'), ('test_fraction => 2', '"test_fraction" is out of range'), ('split_by => ''day'', split_groups => ''city''', 'cannot be used together'),
	('overrides => ''{"agee": {}}''', 'did you mean "age"'), ('overrides => ''{"age": {"imput": "mean"}}''', 'Did you mean "impute"'), ('overrides => ''{"age": 1}''', 'no object of objects'), ('overrides => ''[]''', 'no object of objects'),
	('overrides => ''{"age": {"impute": ["mean"]}}''', 'no object of objects'), ('overrides => ''{"age": {"iqr_factor": -1}}''', 'out of range'), ('overrides => ''{"doc": {}}''', 'cannot be treated'), ('overrides => ''{"age": {"impute": "constant"}}''', 'no impute_value'),
	('overrides => ''{"born": {"impute": "constant", "impute_value": "soon"}}''', 'invalid input syntax for type date')) AS v (p, m);
SELECT matches(pg_temp.error_of($$SELECT echolon_preprocess('people', 'people')$$), 'relation "people" already exists', 'a name that is taken');
SELECT matches(pg_temp.error_of($$SELECT echolon_preprocess('split', 'people')$$), 'preprocessing "split" exists already', 'by another');
SELECT matches(pg_temp.error_of($$SELECT echolon_preprocess('', 'people')$$), 'must have 1 to 255 bytes', 'no name');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_preprocess_summary('nobody')$$), 'preprocessing "nobody" does not exist', 'no such one');
SELECT matches(pg_temp.error_of($$SELECT echolon_preprocess_row('split', ROW(1, 2))$$), 'column "id" that preprocessing "split" needs is not in the row', 'another row');
SELECT matches(pg_temp.error_of($$ALTER TABLE people DROP COLUMN age$$), '2BP01', 'a used column cannot be dropped');
ALTER TABLE people RENAME COLUMN age TO years;
SELECT matches(pg_temp.error_of($$SELECT echolon_refresh_preprocess('split')$$), 'column "age" of public.people.*does not exist any more', 'a column that was renamed');
ALTER TABLE people RENAME COLUMN years TO age;

-- ---- rights
CREATE ROLE echolon_tap_prep;
GRANT SELECT ON people TO echolon_tap_prep;
SET ROLE echolon_tap_prep;
SELECT is((SELECT count(*)::int FROM echolon.preprocessings), 0, 'those of others are not seen');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_preprocess_summary('split')$$), 'does not exist', 'nor used');
RESET ROLE;
GRANT SELECT ON split TO echolon_tap_prep;
SET ROLE echolon_tap_prep;
SELECT isnt((SELECT count(*)::int FROM echolon_preprocess_summary('split')), 0, 'who may SELECT from the view may see what was fitted');
SELECT matches(pg_temp.error_of($$SELECT echolon_refresh_preprocess('split')$$), 'must be owner of view split', 'and not change it');
SELECT matches(pg_temp.error_of($$SELECT echolon_drop_preprocess('split')$$), 'must be owner of view split', 'or drop it');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon.preprocess_store$$), '42501', 'the store is private');
RESET ROLE;
-- a key of several columns, or of dates, is no number of the row: nothing repeats
CREATE TABLE daily (day date, store int, sold int, returned int, PRIMARY KEY (day, store));
INSERT INTO daily SELECT date '2024-01-01' + i, s, i % 3, i % 2 FROM generate_series(0, 199) AS i, generate_series(1, 3) AS s;
SELECT ok(notes::text LIKE '%key is of several columns%', 'a key of two columns is content') FROM echolon_preprocess('daily_clean', 'daily');
SELECT is((SELECT count(*) FROM daily_clean), 600::bigint, 'no row of it is a duplicate');
CREATE TABLE days AS SELECT day, sold, returned FROM daily WHERE store = 1;
ALTER TABLE days ADD PRIMARY KEY (day);
SELECT isnt(echolon_preprocess('days_clean', 'days')::text, NULL, 'a key of dates');
SELECT is((SELECT count(*) FROM days_clean), 200::bigint, 'nor of one of dates');

SET TRANSACTION READ ONLY;
SELECT matches(pg_temp.error_of($$SELECT echolon_preprocess('late', 'people')$$), '25006', 'a read-only transaction refuses');

SELECT * FROM finish();
ROLLBACK;

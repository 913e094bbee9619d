-- echolon_validate against PostgreSQL's own aggregates; hostile names, all types and kinds of relations, rights, hints that run.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TYPE mood AS ENUM ('sad', 'fine', 'glad');
-- what is affected, of a rule and a column
CREATE FUNCTION pg_temp.affected(relation regclass, target name, wanted text, col text) RETURNS bigint LANGUAGE sql AS $$
	SELECT affected FROM echolon_validate(relation, target, columns_per_rule => NULL) WHERE rule = wanted AND column_name IS NOT DISTINCT FROM col $$;
CREATE FUNCTION pg_temp.rules(relation regclass, target name DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', rule, severity, column_name), ', ') FROM echolon_validate(relation, target, columns_per_rule => NULL) $$;

-- ---- counts, by plain SQL
CREATE TABLE people (
	id integer PRIMARY KEY, age integer, income numeric(12, 2), spend float8, few integer, city text, day date, seen timestamptz, code text, born text, ok boolean, mood mood, y float8
);
INSERT INTO people
SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE 20 + i * 31 % 50 END, CASE WHEN i % 11 = 0 THEN NULL WHEN i % 97 = 0 THEN 999999 ELSE 1000 + i * 7919 % 3000 END,
	CASE WHEN i % 13 = 0 THEN 'NaN' WHEN i % 50 = 1 THEN 'Infinity' WHEN i % 50 = 2 THEN '-Infinity' WHEN i % 31 = 0 THEN -5000 ELSE (i::int8 * 104729 % 997) / 3.0 END,
	CASE WHEN i % 100 = 0 THEN 1000000 ELSE i % 15 END, CASE WHEN i % 9 = 0 THEN NULL ELSE (ARRAY['Paris', 'Rome', 'paris ', 'Oslo', 'New  York', 'NEW york'])[1 + i % 6] END,
	date '2024-01-01' + i * 37 % 400 - CASE WHEN i = 5 THEN -400000 ELSE 0 END, CASE WHEN i % 40 = 0 THEN timestamptz '2900-01-01' ELSE timestamptz '2024-01-01 00:00+00' + i * 7919 % 1000 * interval '1 hour' END,
	CASE WHEN i % 25 = 0 THEN 'none' ELSE (i * 7919 % 700 / 4.0)::text END, CASE WHEN i % 10 = 0 THEN 'unknown' ELSE (date '1990-01-01' + i % 500)::text END,
	CASE WHEN i % 4 = 0 THEN NULL ELSE i % 3 = 0 END, (ARRAY['sad', 'fine', 'glad'])[1 + i % 3]::mood, CASE WHEN i % 60 = 0 THEN NULL ELSE (i::int8 * 15485863 % 1009) / 10.0 END
FROM generate_series(1, 2000) AS i;
INSERT INTO people SELECT id + 10000, age, income, spend, few, city, day, seen, code, born, ok, mood, y FROM people WHERE id <= 17;

SELECT is(pg_temp.affected('people', 'y', 'missing_values', c), n, 'missing values of ' || c)
FROM (SELECT 'age', count(*) FILTER (WHERE age IS NULL) FROM people UNION ALL SELECT 'income', count(*) FILTER (WHERE income IS NULL) FROM people
	UNION ALL SELECT 'city', count(*) FILTER (WHERE city IS NULL) FROM people UNION ALL SELECT 'ok', count(*) FILTER (WHERE ok IS NULL) FROM people
	UNION ALL SELECT 'spend', count(*) FILTER (WHERE spend = 'NaN') FROM people) AS x (c, n);
SELECT is(pg_temp.affected('people', 'y', 'target_missing', 'y'), (SELECT count(*) FROM people WHERE y IS NULL), 'rows without a target');
SELECT is(pg_temp.affected('people', 'y', 'duplicate_rows', NULL),
	(SELECT sum(n - 1)::bigint FROM (SELECT count(*) AS n FROM people GROUP BY age, income, spend, few, city, day, seen, code, born, ok, mood, y HAVING count(*) > 1) AS d), 'duplicates, by GROUP BY HAVING');
SELECT is(pg_temp.affected('people', 'y', 'infinite_values', 'spend'), (SELECT count(*) FROM people WHERE abs(spend) = 'Infinity'), 'infinite values');
SELECT is(pg_temp.affected('people', 'y', 'outliers', 'income'),
	(SELECT count(*) FROM people, (SELECT percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY income::float8) AS q FROM people) AS f
	 WHERE income NOT BETWEEN q[1] - 1.5 * (q[2] - q[1]) AND q[2] + 1.5 * (q[2] - q[1])), 'outliers by percentile_cont');
SELECT is(pg_temp.affected('people', 'y', 'outliers', 'spend'),
	(SELECT count(*) FROM people, (SELECT percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY spend) AS q FROM people WHERE spend NOT IN ('NaN', 'Infinity', '-Infinity')) AS f
	 WHERE spend NOT IN ('NaN', 'Infinity', '-Infinity') AND spend NOT BETWEEN q[1] - 1.5 * (q[2] - q[1]) AND q[2] + 1.5 * (q[2] - q[1])), 'without NaN and infinities');
SELECT is((SELECT affected FROM echolon_validate('people', 'y', iqr_factor => 0.25, columns_per_rule => NULL) WHERE rule = 'outliers' AND column_name = 'age'),
	(SELECT count(*) FROM people, (SELECT percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY age) AS q FROM people) AS f
	 WHERE age NOT BETWEEN q[1] - 0.25 * (q[2] - q[1]) AND q[2] + 0.25 * (q[2] - q[1])), 'another factor');
SELECT is(pg_temp.affected('people', 'y', 'outliers', 'few'), NULL, 'a number of at most 20 values has none');
SELECT is(pg_temp.affected('people', 'y', 'spelling_variants', 'city'),
	(SELECT sum(n - most)::bigint FROM (SELECT sum(n) AS n, max(n) AS most FROM (SELECT city, count(*) AS n FROM people WHERE city IS NOT NULL GROUP BY 1) AS c
	 GROUP BY lower(regexp_replace(btrim(city), '\s+', ' ', 'g'))) AS g), 'variants of a spelling');
SELECT is(pg_temp.affected('people', 'y', 'future_dates', 'day'), (SELECT count(*) FROM people WHERE day > current_date), 'dates in the future');
SELECT is(pg_temp.affected('people', 'y', 'future_dates', 'seen'), (SELECT count(*) FROM people WHERE seen > now()), 'and moments');
SELECT is(pg_temp.affected('people', 'y', 'numbers_as_text', 'code'), (SELECT count(*) FROM people WHERE code !~ '^[0-9.]+$'), 'texts that are no numbers');
SELECT is(pg_temp.affected('people', 'y', 'dates_that_do_not_parse', 'born'), (SELECT count(*) FROM people WHERE born !~ '^\d{4}-\d\d-\d\d$'), 'texts that are no dates');
SELECT is(pg_temp.affected('people', 'y', 'near_unique', 'id'), NULL, 'a declared key is known to be one');
SELECT is((SELECT array_agg(severity ORDER BY ordinality) FROM echolon_validate('people', 'y') WITH ORDINALITY),
	(SELECT array_agg(severity ORDER BY array_position('{error,warning,info}', severity)) FROM echolon_validate('people', 'y')), 'the worst first');
SELECT is((SELECT array_agg(attnum ORDER BY ordinality) FROM echolon_validate('people', 'y', columns_per_rule => NULL) WITH ORDINALITY JOIN pg_attribute ON attrelid = 'people'::regclass AND attname = column_name WHERE severity = 'warning'),
	(SELECT array_agg(attnum ORDER BY attnum) FROM echolon_validate('people', 'y', columns_per_rule => NULL) JOIN pg_attribute ON attrelid = 'people'::regclass AND attname = column_name WHERE severity = 'warning'), 'then by column');
SELECT is((SELECT string_agg(message, E'\n' ORDER BY ordinality) FROM echolon_validate('people', 'y') WITH ORDINALITY),
	(SELECT string_agg(message, E'\n' ORDER BY ordinality) FROM echolon_validate('people', 'y') WITH ORDINALITY), 'the same each time');

-- ---- clean data
CREATE TABLE clean AS SELECT i AS id, (i::int8 * 7919 % 101)::int AS a, (ARRAY['red', 'green', 'blue'])[1 + i % 3] AS b, (ARRAY['sad', 'fine', 'glad'])[1 + i % 3]::mood AS c,
	i % 2 = 0 AS d, date '2020-01-01' + i AS e, (i::int8 * 104729 % 997) / 10.0::float8 AS y FROM generate_series(1, 500) AS i;
ALTER TABLE clean ADD PRIMARY KEY (id);
SELECT is((SELECT string_agg(concat_ws('|', rule, severity, column_name, affected, message, hint), ',') FROM echolon_validate('clean', 'y')), 'ok|info|500|nothing is wrong with the 500 rows and 7 columns of public.clean', 'clean data are ok');
SELECT is(pg_temp.rules('clean'), 'ok info', 'without a target too');
SELECT is(pg_temp.rules('clean', 'b'), 'target_leakage warning c', 'a copy of a class in another type is a leak');

-- ---- what a training refuses is an error here, and nothing else is
CREATE FUNCTION pg_temp.refused(relation regclass, target name) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM echolon_train_rf(relation, target, n_estimators => 1);
	RETURN false;
EXCEPTION WHEN OTHERS THEN
	RETURN true;
END $$;
CREATE TABLE targets AS SELECT i % 17 AS a, i % 13 AS b, (i::int8 * 104729 % 997) / 10.0::float8 AS good, 7 AS same, 'x'::text AS one_class, CASE WHEN i < 50 THEN i END AS rare, NULL::int AS nothing,
	CASE WHEN i = 7 THEN 'Infinity'::float8 ELSE i % 91 END AS infinite, date '2020-01-01' + i % 50 AS day, point(i, i) AS place, 'c' || i % 1100 AS classes, (i % 2)::int AS two, CASE WHEN i < 200 THEN 5 END AS partly, '{}'::jsonb AS doc
FROM generate_series(1, 3000) AS i;
SELECT is((SELECT count(*) FROM echolon_validate('targets', t) WHERE severity = 'error') > 0, pg_temp.refused('targets', t), 'an error where a training refuses: ' || t)
FROM unnest(ARRAY['good', 'same', 'one_class', 'rare', 'nothing', 'infinite', 'day', 'place', 'classes', 'two', 'partly', 'doc']) AS t;

-- ---- what a training leaves out is told
CREATE TABLE identities AS SELECT i AS numbered, i * 3 AS sparse, md5(i::text)::uuid AS code, md5((i % 100)::text)::uuid AS customer, 'n' || i AS name, 'g' || i * 6 / 10 AS mostly, 'h' || i * 4 / 10 AS half,
	'only'::text AS constant, date '2020-01-01' AS opened, (i::int8 * 104729 % 997) / 10.0::float8 AS y FROM generate_series(1, 500) AS i;
SELECT is((SELECT array_agg(column_name || ' ' || rule ORDER BY column_name) FROM echolon_validate('identities', 'y') WHERE rule IN ('near_unique', 'constant')),
	'{"code near_unique","constant constant","customer near_unique","mostly near_unique","name near_unique","numbered near_unique","opened constant"}', 'columns that name rows, or say nothing');
SELECT lives_ok($$SELECT echolon_train_rf('identities', 'y', n_estimators => 1, model => 'identified')$$, 'which trains');
SELECT is((SELECT array_agg(feature ORDER BY feature) FROM echolon_feature_importance('identified')), '{half,sparse}', 'on what was not named');

-- ---- no row is called a duplicate that is none
CREATE TABLE orders AS SELECT md5((i % 150)::text)::uuid AS customer, i / 150 AS a, 1 + i / 150 AS b FROM generate_series(0, 299) AS i;
SELECT is(pg_temp.affected('orders', NULL, 'duplicate_rows', NULL), NULL, 'a uuid that repeats is no key');
CREATE TABLE large AS SELECT 9007199254740992 + i AS n, i % 3 AS a, i % 2 AS b FROM generate_series(1, 300) AS i;
SELECT isnt((SELECT severity FROM echolon_validate('large') WHERE rule = 'duplicate_rows'), 'warning', 'integers beyond 2^53 are not sure to be the same');
CREATE TABLE documents AS SELECT i % 10 AS a, i % 5 AS b, jsonb_build_object('i', i) AS doc FROM generate_series(1, 300) AS i;
SELECT matches((SELECT severity || message FROM echolon_validate('documents') WHERE rule = 'duplicate_rows'), '^info.*except perhaps in doc', 'nor are documents');
CREATE TABLE zeros AS SELECT CASE WHEN i % 2 = 0 THEN 0::float8 ELSE '-0' END AS a, i / 2 % 50 AS b FROM generate_series(0, 99) AS i;
SELECT is(pg_temp.affected('zeros', NULL, 'duplicate_rows', NULL), (SELECT count(*) - count(DISTINCT (a, b)) FROM zeros), '-0 is 0');

-- ---- identical columns
CREATE TABLE copies AS SELECT i % 17 AS a, i % 17 AS b, CASE WHEN i = 400 THEN 99 ELSE i % 17 END AS nearly, 't' || i % 9 AS c, 't' || i % 9 AS d, CASE WHEN i % 3 = 0 THEN NULL ELSE i % 7 END AS e, CASE WHEN i % 3 = 0 THEN 'NaN'::float8 ELSE i % 7 END AS f FROM generate_series(1, 500) AS i;
SELECT is((SELECT array_agg(column_name ORDER BY column_name) FROM echolon_validate('copies') WHERE rule = 'identical_columns'), '{b,d,f}', 'columns that hold the same, one row less is none');

-- ---- texts of digits that are codes
CREATE TABLE digits AS SELECT lpad((i * 7 % 900)::text, 5, '0') AS zip, (10000 + i * 7 % 900)::text AS plain_zip, (2000 + i % 20)::text AS year, (i * 7 % 900)::text AS number, i AS id FROM generate_series(1, 3000) AS i;
SELECT is((SELECT array_agg(column_name ORDER BY column_name) FROM echolon_validate('digits') WHERE rule = 'numbers_as_text'), '{number,year}', 'postal codes are no numbers');

-- ---- classes
CREATE TABLE classes AS SELECT i % 13 AS a, CASE WHEN i <= 3 THEN 'c' WHEN i <= 30 THEN 'b' ELSE 'a' END AS text, CASE WHEN i <= 3 THEN 1 ELSE 0 END AS flag FROM generate_series(1, 1000) AS i;
SELECT is((SELECT array_agg(rule || ' ' || affected ORDER BY rule) FROM echolon_validate('classes', 'text') WHERE column_name = 'text'), '{"rare_class 3","unbalanced_classes 30"}', 'rare and unbalanced classes');
SELECT is((SELECT array_agg(rule || ' ' || affected ORDER BY rule) FROM echolon_validate('classes', 'flag') WHERE column_name = 'flag'), '{"rare_class 3","unbalanced_classes 3"}', 'an integer of two values has classes');

-- ---- series, against lag()
CREATE FUNCTION pg_temp.missing_days(relation regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	EXECUTE format('SELECT sum(step - 1) FROM (SELECT day - lag(day) OVER (PARTITION BY store ORDER BY day) AS step FROM (SELECT DISTINCT store, day FROM %s) AS d) AS s WHERE step > 1', relation) INTO n;
	RETURN n;
END $$;
CREATE TABLE visits AS SELECT date '2020-01-01' + i AS day, s AS store, (i::int8 * 7919 + s * 104729) % 997 AS y FROM generate_series(0, 299) AS i, generate_series(1, 4) AS s WHERE (i + 100 * s) % 71 > 0 AND NOT (i BETWEEN 50 AND 55 AND s = 2);
SELECT is(pg_temp.affected('visits', 'y', 'gaps', 'day'), pg_temp.missing_days('visits'), 'missing days of a store that is a number');
SELECT matches((SELECT hint FROM echolon_validate('visits', 'y') WHERE rule = 'repeated_dates'), 'group_by => ''{store}''', 'which is named');
INSERT INTO visits SELECT day, store, 500 FROM visits WHERE day = '2020-03-01';
SELECT is(pg_temp.affected('visits', 'y', 'repeated_dates', 'day'), (SELECT count(*) - count(DISTINCT (store, day)) FROM visits), 'dates that repeat within it');
CREATE TABLE weekdays AS SELECT day::date, extract(epoch FROM day) / 86400 * 7919 % 997 AS y FROM generate_series(timestamp '2020-01-01', '2021-12-31', '1 day') AS day WHERE extract(isodow FROM day) < 6;
SELECT is(pg_temp.rules('weekdays', 'y'), 'ok info', 'weekends are no gaps');
CREATE TABLE months AS SELECT (date '2000-01-01' + i * interval '1 month')::date AS month, i * 7919 % 997 AS y FROM generate_series(0, 239) AS i WHERE i NOT IN (30, 31);
SELECT is((SELECT affected || message FROM echolon_validate('months', 'y') WHERE rule = 'gaps'), '22 months are missing between others, first after 2002-06-01', 'months are months');
CREATE TABLE ends AS SELECT (date '2000-02-01' + i * interval '1 month')::date - 1 AS month, i * 7919 % 997 AS y FROM generate_series(0, 239) AS i;
SELECT is(pg_temp.rules('ends', 'y'), 'ok info', 'their last days are regular too');
CREATE TABLE hours AS SELECT timestamptz '2020-01-01 00:00+00' + i * interval '1 hour' AS at, i * 7919 % 997 AS y FROM generate_series(0, 499) AS i WHERE i <> 77;
SELECT is(pg_temp.affected('hours', 'y', 'gaps', 'at'), 1::bigint, 'of timestamps too');
CREATE TABLE stray AS SELECT date '2020-01-01' + i AS day, i * 7919 % 997 AS y FROM generate_series(0, 299) AS i UNION ALL SELECT '2019-12-31'::date - 100000, 5;
SELECT is(pg_temp.rules('stray', 'y'), 'ok info', 'one date far away is no gap of a series');

-- ---- folding
CREATE FUNCTION pg_temp.wide(n int) RETURNS text LANGUAGE sql AS $$ SELECT format('CREATE TABLE wide AS SELECT %s FROM generate_series(1, 150) AS i', string_agg(format('%s AS c%s', CASE WHEN k % 2 = 0 THEN '7' ELSE format('i * %s %% 1601', k) END, k), ', ')) FROM generate_series(1, n) AS k $$;
SELECT lives_ok(pg_temp.wide(1600), '1,600 columns');
SELECT is((SELECT count(*)::int FROM echolon_validate('wide', 'c1', columns_per_rule => NULL) WHERE rule = 'constant'), 800, 'each constant by itself');
SELECT is((SELECT string_agg(coalesce(column_name, message), ', ') FROM echolon_validate('wide', 'c1') WHERE rule = 'constant'),
	'c2, c4, c6, c8, c10, likewise in 795 more columns, at most 150 of 150 rows (100 %) each: c12, c14, c16, c18, c20, c22, c24, c26, c28, c30, ...', 'or in six rows');

-- ---- all kinds of relations
CREATE VIEW v AS SELECT * FROM people;
CREATE MATERIALIZED VIEW mv AS SELECT * FROM people;
CREATE TABLE parts (LIKE people) PARTITION BY HASH (id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT * FROM people;
CREATE TEMP TABLE brief AS SELECT * FROM people;
SELECT set_eq(format($$SELECT rule, severity, column_name, affected, message FROM echolon_validate(%L, 'y') WHERE column_name <> 'id'$$, r),
	$$SELECT rule, severity, column_name, affected, message FROM echolon_validate('people', 'y') WHERE column_name <> 'id'$$, 'the same of ' || r)
FROM unnest('{v,mv,parts,brief}'::text[]) AS r;
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_validate('people_pkey')$$), 'people_pkey', 'an index has no rows');
CREATE VIEW failing AS SELECT id, 1 / (id - 1500) AS a FROM people;
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_validate('failing')$$), '22012 division by zero', 'a view that fails says so');

-- ---- little or nothing
CREATE VIEW none AS SELECT * FROM people WHERE false;
SELECT is(pg_temp.rules('none'), 'too_few_rows error', 'no row');
SELECT is(pg_temp.rules('none', 'y'), 'too_few_rows error', 'nor a target');
CREATE VIEW one AS SELECT * FROM people WHERE id = 1;
SELECT matches((SELECT message FROM echolon_validate('one', 'y') WHERE severity = 'error'), '^1 row has a y, and', 'one row');
CREATE TABLE empty AS SELECT NULL::int AS a, NULL::text AS b, NULL::date AS c, NULL::mood AS d, NULL::uuid AS e, NULL::jsonb AS f FROM generate_series(1, 200);
SELECT is(pg_temp.rules('empty', 'a'), 'target_missing error a, empty_column warning b, empty_column warning c, empty_column warning d, empty_column warning e, left_out info f', 'all NULL');
CREATE TABLE bare ();
SELECT is(pg_temp.rules('bare'), 'too_few_rows error', 'no columns');
SELECT lives_ok(format('SELECT * FROM echolon_validate(%L, %L)', 'everything', c), 'target ' || c) FROM (SELECT pg_temp.error_of($$CREATE TABLE everything AS SELECT i::int2 AS a, i::int4 AS b, i::int8 AS c, i::float4 AS d, i::float8 AS e, i::numeric AS f, 't' || i % 5 AS g, ('t' || i % 5)::varchar(9) AS h, ('t' || i % 5)::char(9) AS i, i % 2 = 0 AS j, (ARRAY['sad', 'fine'])[1 + i % 2]::mood AS k,
	md5(i::text)::uuid AS l, date '2020-01-01' + i AS m, timestamp '2020-01-01' + i * interval '1 s' AS n, timestamptz '2020-01-01' + i * interval '1 s' AS o, i * interval '1 day' AS p, time '00:00' + i * interval '1 s' AS q, '{1}'::int[] AS r, '{}'::json AS s, '1'::bit AS t, '\x00'::bytea AS u, '1.1.1.1'::inet AS v, int4range(i, i + 1) AS w, i::money AS x, 'a'::"char" AS y, 'n'::name AS z
	FROM generate_series(1, 300) AS i$$)) AS made, unnest(string_to_array('a b c d e f g h i j k l m n o p q r s t u v w x y z', ' ')) AS c;

-- ---- hostile names, and hints that run
CREATE FUNCTION pg_temp.hints_run(relation regclass, target name) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE call text; problem text;
BEGIN
	FOR call IN SELECT hint FROM echolon_validate(relation, target, columns_per_rule => 1) WHERE hint ~ '^(SELECT|UPDATE|ALTER) ' LOOP
		BEGIN
			EXECUTE call;
			RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZ999';
		EXCEPTION WHEN SQLSTATE 'ZZ999' THEN NULL;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
			RETURN NEXT call || ': ' || problem;
		END;
	END LOOP;
END $$;
CREATE TABLE mended (LIKE people INCLUDING ALL);
INSERT INTO mended SELECT * FROM people;
CREATE TABLE victim (a int);
CREATE SCHEMA "a.b 'c";
CREATE TABLE "a.b 'c"."100% ""x"".y'; DROP TABLE victim; --" AS SELECT i AS "id", i AS "x}'); DROP TABLE victim; --", CASE WHEN i % 3 > 0 THEN NULL ELSE i % 40 END AS "select", (i::int8 * 104729 % 997) * 2.0::float8 AS "a""b\c,d}", (ARRAY['Paris', 'paris ', 'it''s', 'It''s', 'back\slash', 'BACK\slash'])[1 + i % 6] AS "%s%n",
	CASE WHEN i % 20 = 0 THEN '''; DROP TABLE victim; --' ELSE (i % 300 / 7.0)::numeric(9, 3)::text END AS "NULL", CASE WHEN i % 50 = 0 THEN 'Infinity'::float8 ELSE i % 60 END AS "Straße ☃", date '2020-01-01' + i / 3 AS "day '", 's' || i % 3 AS "store}", (i::int8 * 104729 % 997) / 10.0::float8 AS "y'"";--"
FROM generate_series(1, 900) AS i WHERE i NOT BETWEEN 100 AND 120;
SELECT cmp_ok((SELECT count(*) FROM echolon_validate('"a.b ''c"."100% ""x"".y''; DROP TABLE victim; --"', 'y''";--')), '>', 8::bigint, 'hostile names have findings');
SELECT is_empty($$SELECT * FROM pg_temp.hints_run('"a.b ''c"."100% ""x"".y''; DROP TABLE victim; --"', 'y''";--')$$, 'whose hints run');
SELECT has_table('victim', 'and do only what they say');
CREATE TABLE a23456789_123456789_123456789_123456789_123456789_123456789_123 AS SELECT i % 17 AS a, CASE WHEN i % 3 > 0 THEN NULL ELSE i % 40 END AS b23456789_123456789_123456789_123456789_123456789_123456789_123, (i::int8 * 104729 % 997) AS y FROM generate_series(1, 900) AS i;
SELECT is_empty(format($$SELECT * FROM pg_temp.hints_run(%L, %L)$$, r, t), 'hints run: ' || r)
FROM (VALUES ('a23456789_123456789_123456789_123456789_123456789_123456789_123', 'y'), ('mended', 'y'), ('mended', NULL), ('v', 'y'), ('mv', 'y'), ('parts', 'y'), ('brief', 'y'), ('visits', 'y'), ('months', 'y'), ('classes', 'text'), ('classes', 'flag'), ('copies', 'a'), ('identities', 'y'), ('wide', 'c1')) AS x (r, t);
SELECT is((SELECT count(*)::int FROM echolon_validate('mended', 'y') WHERE hint ~ '^(UPDATE|ALTER)'), 4, 'a table can be mended');
SELECT is((SELECT count(*)::int FROM echolon_validate('v', 'y') WHERE hint ~ 'UPDATE|ALTER'), 0, 'a view is not updated');
-- mending takes the finding away
DO $$ DECLARE call text; BEGIN FOR call IN SELECT hint FROM echolon_validate('mended', 'y') WHERE hint ~ '^(UPDATE|ALTER)' LOOP EXECUTE call; END LOOP; END $$;
SELECT is((SELECT array_agg(rule) FROM echolon_validate('mended', 'y') WHERE rule IN ('spelling_variants', 'numbers_as_text', 'dates_that_do_not_parse', 'infinite_values')), NULL, 'what was mended is not found again');

-- ---- targets that break what comes after
CREATE TABLE extreme AS SELECT i % 17 AS a, (i % 91) * 1e306::float8 * (-1) ^ i AS large, (i % 91) * 1e-320::float8 AS small, 9007199254740992 + i % 2 * 2 AS two, i AS every, md5(i::text)::uuid AS code FROM generate_series(1, 400) AS i;
SELECT lives_ok(format('SELECT * FROM echolon_validate(%L, %L)', 'extreme', t), 'extreme target ' || t) FROM unnest('{large,small,every,code}'::text[]) AS t;
SELECT is((SELECT rule || severity FROM echolon_validate('extreme', 'two') WHERE column_name = 'two'), 'target_unusableerror', 'large integers are no classes');
SELECT lives_ok($$SELECT * FROM echolon_validate('documents', 'a')$$, 'rows so alike that they cannot be split');

-- ---- leaks: of the same read, without what a training leaves out anyway
CREATE SEQUENCE reads;
CREATE FUNCTION pg_temp.counted(float8) RETURNS float8 LANGUAGE plpgsql VOLATILE AS $$ BEGIN PERFORM nextval('reads'); RETURN $1; END $$;
CREATE TABLE leaky AS SELECT i AS id, i % 11 AS noise, i * 1.5::float8 AS y, i * 3.0::float8 AS twice FROM generate_series(1, 400) AS i;
CREATE VIEW leaky_view AS SELECT id, noise, pg_temp.counted(y) AS y, twice FROM leaky;
SELECT is(pg_temp.affected('leaky_view', 'y', 'target_leakage', 'twice'), 400::bigint, 'a column that gives the target away');
SELECT is((SELECT last_value FROM reads), 400::bigint, 'in one read of the rows');
SELECT is(pg_temp.affected('leaky', 'y', 'target_leakage', 'id'), NULL, 'a number of the row is left out by trainings, and no warning');

-- ---- arguments, rights, memory
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_validate(NULL)$$), '22004 parameter "relation" must not be NULL', 'no relation');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_validate('people', 'agee')$$), '42703 column "agee" does not exist.*"age"', 'no such column');
SELECT matches(pg_temp.error_of(format($$SELECT * FROM echolon_validate('people', iqr_factor => %L)$$, f)), 'parameter "iqr_factor" is out of range', f || ' is no factor') FROM unnest('{0,-1,NaN,Infinity}'::text[]) AS f;
SELECT matches(pg_temp.error_of($$SET LOCAL echolon.max_memory = '64kB'; SELECT * FROM echolon_validate('people')$$), 'needs more than .* view of some of its rows or columns', 'too little memory is an error that says what to do');
RESET echolon.max_memory;
CREATE ROLE echolon_tap_validate;
GRANT SELECT ON clean TO echolon_tap_validate;
CREATE TABLE secret AS SELECT i % 17 AS shown, i % 7 AS hidden, (i::int8 * 104729 % 997) / 10.0::float8 AS y FROM generate_series(1, 300) AS i;
GRANT SELECT (shown, y) ON secret TO echolon_tap_validate;
SET ROLE echolon_tap_validate;
SELECT is(pg_temp.rules('clean', 'y'), 'ok info', 'SELECT is enough');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_validate('people')$$), '42501', 'without it nothing is read');
SELECT is((SELECT message FROM echolon_validate('secret', 'y') WHERE column_name = 'hidden'), 'it is not looked at: no SELECT right', 'a column without it is left out');
SELECT is((SELECT severity || ' ' || message FROM echolon_validate('secret', 'hidden') WHERE column_name = 'hidden'), 'error it cannot be predicted: no SELECT right', 'and cannot be the target');
RESET ROLE;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY shown ON secret USING (shown < 9);
SET ROLE echolon_tap_validate;
SELECT matches((SELECT message FROM echolon_validate('secret', 'y') WHERE column_name = 'hidden'), 'no SELECT', 'row-level security is in force');
SELECT is((SELECT affected FROM echolon_validate('secret', 'y') WHERE column_name = 'hidden'), (SELECT count(*) FROM (SELECT shown FROM secret) AS s), 'rows that a policy hides are not counted');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;

-- Reading: types of columns, kinds of relations, what becomes a feature, and what is refused.
-- Oracle: the same columns cast by PostgreSQL itself, in a view, must give the same predictions.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';

-- A forest sees rows by their place in the canonical order, which is a hash of what they hold: one
-- bit of difference in one value, and bootstrap samples and predictions are others.
CREATE FUNCTION differing(model_a text, table_a regclass, model_b text, table_b regclass) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (SELECT id, echolon_predict(%L, s) AS p FROM %s AS s) AS a
		FULL JOIN (SELECT id, echolon_predict(%L, s) AS p FROM %s AS s) AS b USING (id)
		WHERE a.p IS DISTINCT FROM b.p', model_a, table_a, model_b, table_b) INTO result;
	RETURN result;
END
$$;

-- ---- numbers
CREATE DOMAIN price AS numeric CHECK (VALUE >= 0);
CREATE DOMAIN discount_price AS price;
CREATE TABLE numbers AS
SELECT i AS id,
	   (i * 7919 % 601 - 300)::smallint AS small,
	   i * 104729 % 10007 - 5000 AS normal,
	   i::bigint * 1000000007 % 9007199254740881 AS big,
	   (i * 7919 % 1009 / 7.0)::real AS single,
	   sqrt(i * 104729 % 997) AS double,
	   (i * 7919 % 1009)::numeric(12, 2) / 100 AS amount,
	   (i * 7919 % 1009)::numeric / 7 AS quotient,
	   ((i * 7919 % 1009)::numeric + 0.123456789012345678901234567890) * 10::numeric ^ (i % 60 - 30) AS any_scale,
	   -(9007199254740993::numeric + 2 * (i * 104729 % 997)) AS halfway,
	   CASE i % 50 WHEN 0 THEN 'NaN'::numeric WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' WHEN 3 THEN NULL
			WHEN 4 THEN 0 ELSE i * 7919 % 1009 END AS special,
	   (i * 104729 % 997)::numeric / 8 AS at_price,
	   (i % 400) * interval '1 month' + (i * 7919 % 1009) * interval '1 day' + (i % 97) * interval '0.7 seconds' AS span,
	   (i * 7919 % 1009) / 10.0 + (i * 104729 % 997) / 20.0 AS y
FROM generate_series(1, 1000) AS i;
ALTER TABLE numbers ALTER at_price TYPE discount_price;
CREATE VIEW numbers_cast AS
SELECT id, small::float8, normal::float8, big::float8, single::float8, double, amount::float8, quotient::float8,
	   any_scale::float8, halfway::float8, special::float8, at_price::float8, EXTRACT(EPOCH FROM span)::float8 AS span, y::float8
FROM numbers;
SELECT rows_used, notes FROM echolon_train_rf('numbers', 'y', exclude => '{id}', n_estimators => 5);
SELECT rows_used, notes FROM echolon_train_rf('numbers_cast', 'y', exclude => '{id}', n_estimators => 5);
SELECT differing('numbers_y', 'numbers', 'numbers_cast_y', 'numbers_cast');
SELECT differing('numbers_y', 'numbers_cast', 'numbers_cast_y', 'numbers');
SELECT count(*) AS features FROM echolon_feature_importance('numbers_y');
-- ... and that this test can fail: one value of one column one bit off
CREATE VIEW numbers_off AS
SELECT id, small, normal, big, single, double, amount, CASE WHEN id = 17 THEN quotient::float8 * (1 + 2.3e-16) ELSE quotient::float8 END AS quotient,
	   any_scale, halfway, special, at_price, span, y FROM numbers;
SELECT count(*) FROM numbers JOIN numbers_off AS o USING (id) WHERE numbers.quotient::float8 <> o.quotient;
SELECT rows_used FROM echolon_train_rf('numbers_off', 'y', exclude => '{id}', n_estimators => 5);
SELECT differing('numbers_y', 'numbers', 'numbers_off_y', 'numbers') > 500 AS many;
-- numerics of every length and scale: 1 to 38 digits, 10^-60 to 10^68
CREATE TABLE numerics AS
SELECT i AS id, (substr(hashint8extended(i, 1)::text || abs(hashint8extended(i, 2)::numeric)::text, 1, 2 + i % 38)
			|| 'e' || i / 38 % 91 - 60)::numeric AS x, hashint4(i) % 1000 AS y
FROM generate_series(1, 20000) AS i;
CREATE VIEW numerics_cast AS SELECT id, x::float8, y FROM numerics;
SELECT min(length(x::text)) < 5 AS short, max(length(x::text)) > 60 AS long FROM numerics;
SELECT rows_used FROM echolon_train_rf('numerics', 'y', features => '{x}', n_estimators => 1, min_samples_leaf => 5);
SELECT rows_used FROM echolon_train_rf('numerics_cast', 'y', features => '{x}', n_estimators => 1, min_samples_leaf => 5);
SELECT differing('numerics_y', 'numerics', 'numerics_cast_y', 'numerics_cast');

-- ---- categories
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'meh' BEFORE 'ok';
CREATE DOMAIN country AS varchar(2);
CREATE TABLE categories AS
SELECT i AS id, i % 3 = 0 AS flag, 'colour ' || i % 7 AS colour, ('size ' || i % 4)::varchar(10) AS size,
	   ('c' || i % 5)::char(8) AS code, ('n' || i % 6)::name AS name,
	   ('00000000-0000-0000-0000-00000000000' || i % 8)::uuid AS token, substr('atbedkfi', 1 + 2 * (i % 4), 2)::country AS country,
	   (ARRAY['happy', 'meh', 'ok', 'sad'])[1 + i % 11 % 4]::mood AS mood,
	   (ARRAY['Ä', 'a', 'B', 'é', '', 'z'])[1 + i % 6] AS letter,
	   (i % 3) * 4 + (i % 7) * 3 + (i % 5) * 2 + (i * 7919 % 101) / 50.0 AS y
FROM generate_series(1, 800) AS i;
CREATE VIEW categories_cast AS
SELECT id, flag::text, colour, size::text, code::text, name::text, token::text, country::text, mood::text, letter, y FROM categories;
SELECT rows_used, notes FROM echolon_train_rf('categories', 'y', n_estimators => 5,
	features => '{flag,colour,size,code,name,token,country,letter}');
SELECT rows_used, notes FROM echolon_train_rf('categories_cast', 'y', n_estimators => 5,
	features => '{flag,colour,size,code,name,token,country,letter}');
SELECT differing('categories_y', 'categories', 'categories_cast_y', 'categories_cast');
-- Labels stand in the type's own order for enum and boolean, in C collation for text.
SELECT task FROM echolon_train_rf('categories', 'mood', features => '{y,flag}', n_estimators => 3);
SELECT label FROM echolon_classification_report('categories_mood') WHERE label IN ('sad', 'meh', 'ok', 'happy');
SELECT task FROM echolon_train_rf('categories', 'flag', features => '{y}', n_estimators => 3);
SELECT label FROM echolon_classification_report('categories_flag') WHERE label IN ('true', 'false');
SELECT task FROM echolon_train_rf('categories', 'letter', features => '{y}', n_estimators => 3);
SELECT label FROM echolon_classification_report('categories_letter') WHERE label IN ('Ä', 'a', 'B', 'é', '', 'z');

-- ---- dates: calendar parts as EXTRACT has them, whatever the session's zone at prediction
CREATE TABLE calendar AS
SELECT i AS id, date '1999-11-28' + i * 3 AS day, timestamp '1999-11-28 05:59:59.999999' + i * interval '53 hours' AS at,
	   timestamptz '2019-10-01 00:30Z' + i * interval '19 hours' AS moment, (i * 7919 % 1009) / 10.0 AS noise, i * 104729 % 997 AS y
FROM generate_series(1, 600) AS i;
INSERT INTO calendar VALUES (601, 'infinity', '-infinity', 'infinity', 1, 1), (602, NULL, NULL, NULL, 2, 2),
	(603, '0044-03-15 BC', '0044-03-15 12:00 BC', '0044-03-15 12:00 BC', 3, 3);
SET timezone = 'America/New_York';
CREATE VIEW calendar_parts AS
SELECT id, day_year, day_month, day_day, day_day_of_week, day_day_of_year,
	   at_year, at_month, at_day, at_day_of_week, at_day_of_year, at_hour,
	   moment_year, moment_month, moment_day, moment_day_of_week, moment_day_of_year, moment_hour, y
FROM (SELECT id, y,
	   date_part('year', day) AS day_year, date_part('month', day) AS day_month, date_part('day', day) AS day_day,
	   date_part('isodow', day) - 1 AS day_day_of_week, date_part('doy', day) AS day_day_of_year,
	   date_part('year', at) AS at_year, date_part('month', at) AS at_month, date_part('day', at) AS at_day,
	   date_part('isodow', at) - 1 AS at_day_of_week, date_part('doy', at) AS at_day_of_year, date_part('hour', at) AS at_hour,
	   date_part('year', moment) AS moment_year, date_part('month', moment) AS moment_month, date_part('day', moment) AS moment_day,
	   date_part('isodow', moment) - 1 AS moment_day_of_week, date_part('doy', moment) AS moment_day_of_year,
	   date_part('hour', moment) AS moment_hour
	  FROM (SELECT id, CASE WHEN isfinite(day) THEN day END AS day, CASE WHEN isfinite(at) THEN at END AS at,
				   CASE WHEN isfinite(moment) THEN moment END AS moment, y FROM calendar) AS c) AS p;
-- without bootstrap the order of rows has no part in it: only the values count
SELECT rows_used FROM echolon_train_rf('calendar', 'y', features => '{day,at,moment}', n_estimators => 1, bootstrap => false,
	max_features => 1.0, max_leaf_nodes => 200, test_fraction => 0);
SELECT rows_used FROM echolon_train_rf('calendar_parts', 'y', exclude => '{id}', n_estimators => 1, bootstrap => false,
	max_features => 1.0, max_leaf_nodes => 200, test_fraction => 0);
SELECT string_agg(feature, ' ' ORDER BY feature COLLATE "C") AS features FROM echolon_feature_importance('calendar_y');
SELECT a.feature, a.importance, b.importance FROM echolon_feature_importance('calendar_y') AS a
	FULL JOIN echolon_feature_importance('calendar_parts_y') AS b USING (feature) WHERE a.importance IS DISTINCT FROM b.importance;
SELECT differing('calendar_y', 'calendar', 'calendar_parts_y', 'calendar_parts');
CREATE TABLE here AS SELECT id, echolon_predict('calendar_y', c) AS p FROM calendar AS c;
SET timezone = 'Asia/Tokyo';
SELECT count(*) FROM calendar AS c JOIN here USING (id) WHERE echolon_predict('calendar_y', c) IS DISTINCT FROM p;
SET timezone = 'UTC';

-- ---- relations: the same rows are the same model, wherever and in whatever order they lie
CREATE TABLE plain AS
SELECT i AS id, i * 7919 % 1009 / 10.0 AS a, i * 104729 % 997 AS "order", 'k' || i % 9 AS "Mixed Case",
	   CASE WHEN i % 10 > 0 THEN (i * 7919 % 503)::float8 END AS "a""b", date '2020-01-01' + i % 500 AS day,
	   i * 7919 % 1009 / 10.0 + i % 9 AS y
FROM generate_series(1, 700) AS i;
INSERT INTO plain SELECT * FROM plain WHERE id <= 50;
CREATE TABLE shuffled AS SELECT * FROM plain ORDER BY md5(id || 'x');
CREATE TABLE columns_turned AS SELECT y, day, "a""b", "Mixed Case", "order", a, id FROM plain ORDER BY md5(id || 'z');
CREATE TABLE altered (gone int, LIKE plain);
ALTER TABLE altered DROP COLUMN gone;
INSERT INTO altered SELECT * FROM plain;
CREATE VIEW a_view AS SELECT id, a + 0 AS a, "order", "Mixed Case", "a""b", day, y FROM plain;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM plain;
CREATE TEMP TABLE a_temp AS SELECT * FROM plain;
CREATE TABLE partitioned (LIKE plain) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF partitioned FOR VALUES FROM (0) TO (300);
CREATE TABLE part_2 PARTITION OF partitioned DEFAULT;
INSERT INTO partitioned SELECT * FROM plain;
CREATE TABLE parent (LIKE plain);
CREATE TABLE child () INHERITS (parent);
INSERT INTO parent SELECT * FROM plain WHERE id % 2 = 0;
INSERT INTO child SELECT * FROM plain WHERE id % 2 = 1;
CREATE SCHEMA "Another ""Schema";
CREATE TABLE "Another ""Schema"."The ""Table" AS SELECT * FROM plain;
CREATE TABLE trained AS
SELECT t.model, t.rows_used FROM unnest(ARRAY['plain', 'shuffled', 'altered', 'a_view', 'a_matview', 'a_temp', 'partitioned', 'parent',
	'"Another ""Schema"."The ""Table"']) AS r (relation),
	LATERAL echolon_train_rf(r.relation::regclass, 'y', exclude => '{id}', n_estimators => 4) AS t;
SELECT t.model, t.rows_used, v.digest = first_value(v.digest) OVER (ORDER BY t.model = 'plain_y' DESC, t.model COLLATE "C") AS same_bytes
FROM trained AS t JOIN echolon.model_versions AS v USING (model) ORDER BY t.model COLLATE "C";
DELETE FROM plain WHERE id = 77;
INSERT INTO plain SELECT * FROM shuffled WHERE id = 77;
CREATE INDEX plain_a ON plain (a);
CLUSTER plain USING plain_a;
SELECT rows_used FROM echolon_train_rf('plain', 'y', exclude => '{id}', n_estimators => 4);
SELECT count(DISTINCT digest) FROM echolon.model_versions WHERE model = 'plain_y';
-- the order of columns decides ties between equal splits and is the model's own; a row's place is not
SELECT rows_used FROM echolon_train_rf('columns_turned', 'y', features => '{a}', model => 'turned', n_estimators => 4);
SELECT rows_used FROM echolon_train_rf('plain', 'y', features => '{a}', model => 'straight', n_estimators => 4);
SELECT count(DISTINCT digest) FROM echolon.model_versions WHERE model IN ('turned', 'straight');
-- 0.0 and -0.0 are one value, NaN and NULL are both missing
CREATE TABLE zeros AS SELECT i AS id, CASE i % 5 WHEN 0 THEN 0.0 WHEN 1 THEN '-0.0'::float8 WHEN 2 THEN NULL WHEN 3 THEN 'NaN' ELSE i END::float8 AS a,
	i % 5 + i / 100.0 AS y FROM generate_series(1, 200) AS i;
CREATE TABLE zeros_turned AS SELECT id, CASE WHEN a = 0 THEN -a WHEN a = 'NaN' THEN NULL WHEN a IS NULL THEN 'NaN' ELSE a END AS a, y FROM zeros ORDER BY id DESC;
SELECT rows_used FROM echolon_train_rf('zeros', 'y', features => '{a}', n_estimators => 4);
SELECT rows_used FROM echolon_train_rf('zeros_turned', 'y', features => '{a}', n_estimators => 4);
SELECT count(DISTINCT digest) FROM echolon.model_versions WHERE model IN ('zeros_y', 'zeros_turned_y');

-- ---- what becomes a feature.  A constant target stops each training behind the notice.
CREATE TABLE candidates (
	id serial PRIMARY KEY, number_key int UNIQUE, float_key float8 UNIQUE, day_key date UNIQUE, pair_1 int, pair_2 int,
	dense int, sparse int, measure float8, token uuid, note text, chosen text, document jsonb, list int[], place point,
	nothing int, no_text text, always int, always_or_null int, "order" int, payload bytea, y float8, same float8 DEFAULT 1,
	UNIQUE (pair_1, pair_2));
INSERT INTO candidates (number_key, float_key, day_key, pair_1, pair_2, dense, sparse, measure, token, note, chosen, document, list, place,
	always, always_or_null, "order", payload, y)
SELECT i * 10, i / 3.0, date '2020-01-01' + i, i % 20, i / 20, 5000 - i, i * 3, sqrt(i), ('00000000-0000-0000-0000-000000000' || 100 + i)::uuid,
	'note ' || i, 'choice ' || i % 60, '{}', '{1}', '(1,2)', 7, CASE WHEN i % 2 = 0 THEN 7 END, i % 5, '\x00', i % 11 + i / 10.0
FROM generate_series(1, 200) AS i;
SET client_min_messages = notice;
SELECT echolon_train_rf('candidates', 'same');
SELECT echolon_train_rf('candidates', 'same', exclude => '{id,number_key,token,document,list,place,payload}', split_by => 'dense');
SET client_min_messages = warning;
SELECT jsonb_array_length(details->'left_out') AS left_out FROM echolon_train_rf('candidates', 'y', n_estimators => 3);
SELECT string_agg(feature, ' ' ORDER BY feature COLLATE "C") AS features FROM echolon_feature_importance('candidates_y');
-- by name nothing is judged
SELECT rows_used, details->'left_out' AS left_out FROM echolon_train_rf('candidates', 'y', features => '{id,token,note,always,"order"}', model => 'named', n_estimators => 3);
-- rows without a target have row numbers too
CREATE TABLE half AS SELECT i AS row_number, i % 9 AS a, CASE WHEN i % 2 = 0 THEN i % 7 + i / 50.0 END AS y FROM generate_series(1, 400) AS i;
SELECT rows_used, notes[1], details->'left_out' AS left_out FROM echolon_train_rf('half', 'y', n_estimators => 3);

-- ---- many levels: the rare ones are one, ties by label
CREATE TABLE levels AS SELECT i AS id, 'level ' || lpad((sqrt(i) * 3)::int::text, 3, '0') AS level, sqrt(i) + i % 3 AS y FROM generate_series(1, 900) AS i;
SELECT n FROM echolon_train_rf('levels', 'y', features => '{level}', max_categories => 40, n_estimators => 3), unnest(notes) AS n WHERE n LIKE '%level%';
CREATE VIEW levels_pooled AS
SELECT id, CASE WHEN rank <= 39 THEN level ELSE '(other)' END AS level, y
FROM levels JOIN (SELECT level, row_number() OVER (ORDER BY count(*) DESC, level COLLATE "C") AS rank FROM levels GROUP BY level) AS r USING (level);
SELECT rows_used FROM echolon_train_rf('levels', 'y', features => '{level}', max_categories => 40, model => 'pooled_here', n_estimators => 1, bootstrap => false, test_fraction => 0);
SELECT rows_used FROM echolon_train_rf('levels_pooled', 'y', features => '{level}', model => 'pooled_by_sql', n_estimators => 1, bootstrap => false, test_fraction => 0);
SELECT differing('pooled_here', 'levels', 'pooled_by_sql', 'levels_pooled');

-- ---- many of everything
CREATE TABLE strings AS SELECT md5(i::text) AS near_unique, 'customer ' || i % 1000 AS customer, (i * 7919 % 1009) / 10.0 AS a,
	(i * 7919 % 1009) / 10.0 + i % 3 AS y FROM generate_series(1, 100000) AS i;
SELECT rows_used, details->'left_out' AS left_out FROM echolon_train_gb('strings', 'y', n_estimators => 2);
DO $$
BEGIN
	EXECUTE (SELECT 'CREATE TABLE wide AS SELECT ' || string_agg(format('(i * %s %% 101)::real AS c%s', i, i), ', ')
		|| ' FROM generate_series(1, 120) AS i' FROM generate_series(1, 1600) AS i);
END
$$;
SELECT rows_used, details->'features' AS features FROM echolon_train_gb('wide', 'c1600', n_estimators => 2);
SET echolon.max_memory = '1MB';
SELECT echolon_train_gb('strings', 'y', n_estimators => 2);
RESET echolon.max_memory;

-- ---- rows
CREATE TABLE rows AS SELECT i AS id, i * 7919 % 101 AS a, CASE WHEN i % 10 = 0 THEN NULL WHEN i % 10 = 1 THEN 'NaN'::float8 ELSE i % 7 + i / 9.0 END AS y,
	CASE WHEN i % 4 > 0 THEN date '2020-01-01' + i END AS day, 1 AS weight, 'g' || i % 20 AS grp,
	CASE WHEN i = 77 THEN '-Infinity'::float8 ELSE i % 7 END AS infinite, CASE WHEN i = 5 THEN -1.5 ELSE 1 END AS negative,
	CASE WHEN i = 6 THEN NULL ELSE 1 END AS unknown, CASE WHEN i = 5 THEN 'NaN'::numeric ELSE 1 END AS not_a_number, 0 AS zero
	FROM generate_series(1, 200) AS i;
SELECT rows_used, notes[1], details->'rows' AS rows FROM echolon_train_rf('rows', 'y', features => '{a}', n_estimators => 3);
SELECT rows_used, notes[1:2] FROM echolon_train_rf('rows', 'y', features => '{a}', split_by => 'day', sample_weight => 'weight', model => 'in_time', n_estimators => 3);
SELECT echolon_train_rf('rows', 'infinite', features => '{a}');
SELECT echolon_train_rf('rows', 'y', features => '{a}', sample_weight => 'negative');
SELECT echolon_train_rf('rows', 'y', features => '{a}', sample_weight => 'unknown');
SELECT echolon_train_rf('rows', 'y', features => '{a}', sample_weight => 'not_a_number');
SELECT echolon_train_rf('rows', 'y', features => '{a}', sample_weight => 'zero');
CREATE VIEW rows_few AS SELECT * FROM rows WHERE id <= 123;
SELECT echolon_train_rf('rows_few', 'y', features => '{a}');
SELECT echolon_train_rf('rows_few', 'y', features => '{a}', split_by => 'day');
CREATE VIEW rows_none AS SELECT * FROM rows WHERE false;
SELECT echolon_train_rf('rows_none', 'y');

-- ---- names
SELECT echolon_train_rf('rows', 'yy');
SELECT echolon_train_rf('rows', 'completely_else');
SELECT echolon_train_rf('rows', 'y', features => '{a,wieght}');
SELECT echolon_train_rf('rows', 'y', features => '{a,ctid}');
SELECT echolon_train_rf('rows', 'y', exclude => '{dat}');
SELECT echolon_train_rf('rows', 'y', sample_weight => 'wait');
SELECT echolon_train_rf('rows', 'y', split_by => 'dya');
SELECT echolon_train_rf('rows', 'y', features => '{a,y}');
SELECT echolon_train_rf('rows', 'y', features => '{a,weight}', sample_weight => 'weight');
SELECT echolon_train_rf('rows', 'y', features => '{a,a}');
SELECT echolon_train_rf('rows', 'y', features => '{a}', exclude => '{a}');
SELECT echolon_train_rf('rows', 'y', features => '{}');
SELECT echolon_train_rf('rows', 'y', exclude => '{id,a,day,weight,grp,infinite,negative,unknown,not_a_number,zero}');
SELECT echolon_train_rf('candidates', 'document');
SELECT echolon_train_rf('candidates', 'y', features => '{measure,list}');
SELECT echolon_train_rf('candidates', 'y', features => '{measure,nothing}');
SELECT echolon_train_rf('rows', 'y', features => '{a}', sample_weight => 'grp');
SELECT echolon_train_rf('rows', 'y', features => '{a}', split_by => 'grp');
SELECT echolon_train_rf('rows', 'y', features => '{a}', sample_weight => 'y');

-- ---- what is no table
CREATE TYPE pair AS (a int, b int);
SELECT echolon_train_rf('plain_a', 'a');
SELECT echolon_train_rf('candidates_id_seq', 'last_value');
SELECT echolon_train_rf('pair', 'a');
SELECT echolon_train_rf('nowhere', 'a');
CREATE TABLE soon_gone (a int);
SELECT 'soon_gone'::regclass::oid AS gone \gset
DROP TABLE soon_gone;
\set VERBOSITY sqlstate
SELECT echolon_train_rf(:gone::oid::regclass, 'a');
\set VERBOSITY default

-- ---- rights: everything is read as the caller
CREATE ROLE regress_echolon_reader;
CREATE TABLE secret AS SELECT i AS id, i * 7919 % 101 AS a, i % 7 AS hidden, i % 13 + i / 9.0 AS y, i <= 150 AS visible FROM generate_series(1, 300) AS i;
CREATE TABLE guarded AS SELECT * FROM secret;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible_rows ON guarded FOR SELECT TO regress_echolon_reader USING (visible);
CREATE TABLE hidden_rows AS SELECT * FROM secret;
ALTER TABLE hidden_rows ENABLE ROW LEVEL SECURITY;
CREATE VIEW window_on_secret AS SELECT a, y FROM secret;
GRANT SELECT ON guarded, hidden_rows, window_on_secret TO regress_echolon_reader;
SET ROLE regress_echolon_reader;
SELECT echolon_train_rf('secret', 'y');
RESET ROLE;
GRANT SELECT (a, y, visible) ON secret TO regress_echolon_reader;
SET ROLE regress_echolon_reader;
SELECT rows_used, details->'left_out' AS left_out FROM echolon_train_rf('secret', 'y', model => 'user_secret', n_estimators => 3);
SELECT echolon_train_rf('secret', 'y', features => '{a,hidden}');
SELECT echolon_train_rf('secret', 'hidden');
SELECT rows_used FROM echolon_train_rf('guarded', 'y', features => '{a}', model => 'user_guarded', n_estimators => 3);
SELECT echolon_train_rf('hidden_rows', 'y');
SELECT rows_used FROM echolon_train_rf('window_on_secret', 'y', model => 'user_view', n_estimators => 3);
RESET ROLE;
-- a view finds what its functions need through the caller's search_path
CREATE SCHEMA helpers;
CREATE FUNCTION helpers.twice(v numeric) RETURNS numeric LANGUAGE sql AS 'SELECT 2 * v';
SET search_path = public, helpers;
CREATE FUNCTION public.by_path(v numeric) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN RETURN twice(v); END $$;
CREATE VIEW over_functions AS SELECT public.by_path(a) AS a, y FROM rows;
SELECT rows_used FROM echolon_train_rf('over_functions', 'y', n_estimators => 3);
SET search_path = public;

SELECT count(echolon_drop_model(model)) > 0 AS dropped FROM echolon.models WHERE model LIKE 'user%';
DROP OWNED BY regress_echolon_reader;
DROP ROLE regress_echolon_reader;

-- Tables of every kind, columns of every name and type, and tables that change.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE good AS SELECT * FROM pg_temp.rows(600);
CREATE TABLE typed AS SELECT id, (a * 10)::smallint AS n2, (b * 100)::int AS n4, (a * 1000)::bigint AS n8, a::real AS f4, b AS f8,
	a::numeric(12, 3) AS amount, b > 50 AS flag, date '2024-01-01' + id % 300 AS day, timestamp '2024-01-01' + id * interval '5 hours' AS at,
	timestamptz '2024-01-01 00:00Z' + id * interval '7 hours' AS atz, id * interval '90 seconds' AS span,
	colour AS t, colour::varchar(10) AS v, label::char(3) AS c, y, label FROM good;

-- ---- names
CREATE TABLE names ("order" float8, "Mixed Case" float8, "a""b" text, "select" float8, "día" float8, "a;b'c" float8, "row" float8);
INSERT INTO names SELECT a, b, colour, a + b, a - b, a * b, y FROM good;
SELECT ok((SELECT score FROM echolon_train_rf('names', 'row', model => 'names', n_estimators => 20)) > 0.8, 'quoted names: trained');
SELECT set_eq($$SELECT feature FROM echolon_feature_importance('names')$$,
	ARRAY['order', 'Mixed Case', 'a"b', 'select', 'día', 'a;b''c'], 'quoted names: the features have their names');
SELECT is((SELECT count(echolon_predict('names', n)) FROM names AS n), 600::bigint, 'quoted names: predicted');
CREATE SCHEMA "Odd Schema";
CREATE TABLE "Odd Schema"."Odd ""Table""" AS SELECT * FROM good;
SELECT is((SELECT model FROM echolon_train_rf('"Odd Schema"."Odd ""Table"""', 'y', n_estimators => 3)), 'Odd "Table"_y', 'quoted table: the default model name');
SELECT is((SELECT state FROM echolon.models WHERE model = 'Odd "Table"_y'), 'ready', 'quoted table: found again by the view');
SELECT lives_ok($$SELECT echolon_train_gb('good', 'y', model => 'a model''s "name"', n_estimators => 3)$$, 'a model of any name');
SELECT is((SELECT count(echolon_predict('a model''s "name"', g)) FROM good AS g), 600::bigint, 'predicts by it');

-- ---- types
SELECT lives_ok($$SELECT echolon_train_rf('typed', 'y', exclude => '{id,label}', model => 'typed', n_estimators => 10)$$, 'every type: trained');
SELECT is((SELECT count(echolon_predict('typed', r)) FROM typed AS r), 600::bigint, 'every type: predicted');
SELECT ok(string_agg(feature, ' ') ~ 'day_month' AND string_agg(feature, ' ') ~ 'at_hour' AND string_agg(feature, ' ') ~ 'atz_day_of_week',
	'dates become calendar parts') FROM echolon_feature_importance('typed');
CREATE DOMAIN price AS numeric CHECK (VALUE >= 0);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE special AS SELECT a::price AS price, (ARRAY['sad', 'ok', 'happy'])[1 + id % 3]::mood AS mood, y,
	gen_random_uuid() AS token, ARRAY[a] AS list, jsonb_build_object('a', a) AS document, point(a, b) AS place, '\x00'::bytea AS raw FROM good;
SELECT lives_ok($$SELECT echolon_train_rf('special', 'y', model => 'special', n_estimators => 3)$$, 'types that cannot be used are left out');
SELECT set_eq($$SELECT feature FROM echolon_feature_importance('special')$$, ARRAY['price', 'mood'], 'and only those');
SELECT is((SELECT task FROM echolon_train_gb('special', 'mood', features => '{price}', n_estimators => 3)), 'classification', 'an enum target is classes');
SELECT is((SELECT array_agg(k) FROM jsonb_object_keys(echolon_predict_proba('special_mood', (SELECT s FROM special AS s LIMIT 1))) AS k), ARRAY['ok', 'sad', 'happy'],
	'with the labels of the enum');

-- ---- kinds of relations give the same model
CREATE VIEW good_view AS SELECT * FROM good;
CREATE FUNCTION scaled(v float8) RETURNS float8 LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN v * 1; END $$;
CREATE VIEW good_functions AS SELECT id, scaled(a) AS a, b, colour, y, label FROM good;
CREATE VIEW good_union AS SELECT * FROM good WHERE id <= 300 UNION ALL SELECT * FROM good WHERE id > 300;
CREATE MATERIALIZED VIEW good_matview AS SELECT * FROM good;
CREATE TEMP TABLE good_temp AS SELECT * FROM good;
CREATE UNLOGGED TABLE good_unlogged AS SELECT * FROM good;
CREATE TABLE good_parts (id int, a float8, b float8, colour text, y float8, label text) PARTITION BY RANGE (id);
CREATE TABLE good_part1 PARTITION OF good_parts FOR VALUES FROM (0) TO (300);
CREATE TABLE good_part2 PARTITION OF good_parts DEFAULT;
INSERT INTO good_parts SELECT * FROM good;
CREATE TABLE good_parent (id int, a float8, b float8, colour text, y float8, label text);
CREATE TABLE good_child () INHERITS (good_parent);
INSERT INTO good_child SELECT * FROM good;
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE good_foreign (id int, a float8, b float8, colour text, y float8, label text) SERVER files OPTIONS (filename 'unset', format 'csv');
DO $$
DECLARE
	file text := current_setting('data_directory') || '/echolon_good.csv';
BEGIN
	EXECUTE format('COPY good TO %L CSV', file);
	EXECUTE format('ALTER FOREIGN TABLE good_foreign OPTIONS (SET filename %L)', file);
END
$$;
CREATE TEMP TABLE trained AS
SELECT r.relation, t.* FROM unnest(ARRAY['good', 'good_view', 'good_functions', 'good_union', 'good_matview', 'good_temp', 'good_unlogged', 'good_parts', 'good_parent', 'good_foreign']) AS r (relation),
	LATERAL echolon_train_rf(r.relation::regclass, 'y', features => '{a,b,colour}', n_estimators => 5) AS t;
SELECT is(rows_used, 600::bigint, relation || ': all rows are read') FROM trained;
SELECT is(count(DISTINCT digest), 1::bigint, 'tables, views, partitions, temporary, inherited and foreign tables give the same bytes')
FROM echolon.model_versions WHERE model IN (SELECT model FROM trained);
SELECT matches(pg_temp.error_of($$SELECT echolon_train_rf('pg_class_oid_index', 'y')$$), '^42', 'an index is no table');
CREATE SEQUENCE s;
SELECT matches(pg_temp.error_of($$SELECT echolon_train_rf('s', 'last_value')$$), '^42', 'a sequence is no table');

-- ---- the table changes between training and prediction
CREATE TABLE changing AS SELECT * FROM good;
SELECT lives_ok($$SELECT echolon_train_rf('changing', 'y', features => '{a,b,colour}', model => 'changing', n_estimators => 5)$$, 'trained');
CREATE TEMP TABLE before AS SELECT id, echolon_predict('changing', c) AS p FROM changing AS c;
ALTER TABLE changing ADD COLUMN more text DEFAULT 'x';
ALTER TABLE changing DROP COLUMN label;
ALTER TABLE changing ALTER COLUMN a TYPE numeric;
ALTER TABLE changing ALTER COLUMN colour TYPE varchar(20);
SELECT is((SELECT count(*) FROM changing AS c JOIN before USING (id) WHERE echolon_predict('changing', c) = before.p), 600::bigint,
	'a column more, one less, other types of the same kind: the same predictions');
ALTER TABLE changing RENAME COLUMN colour TO color;
SELECT matches(pg_temp.error_of($$SELECT echolon_predict('changing', c) FROM changing AS c$$), '42703 column "colour" that .*changing.* needs is not in the row.*if "color" is meant', 'renamed: the message names both');
SELECT is((SELECT state FROM echolon.models WHERE model = 'changing'), 'column missing: colour', 'renamed: the view says so');
SELECT is((SELECT count(echolon_predict('changing', c)) FROM (SELECT *, color AS colour FROM changing) AS c), 600::bigint, 'renamed back in a subquery: predicts');
ALTER TABLE changing RENAME COLUMN color TO colour;
ALTER TABLE changing ALTER COLUMN b TYPE text;
SELECT matches(pg_temp.error_of($$SELECT echolon_predict('changing', c) FROM changing AS c$$), '42804 column "b" has type text in the row', 'retyped: the message names both types');
ALTER TABLE changing DROP COLUMN b;
SELECT matches(pg_temp.error_of($$SELECT echolon_predict('changing', c) FROM changing AS c$$), '42703 column "b" that', 'dropped: the message names it');
DROP TABLE changing;
SELECT is((SELECT state FROM echolon.models WHERE model = 'changing'), 'relation missing', 'table dropped: the view says so');
SELECT is((SELECT count(echolon_predict('changing', g)) FROM good AS g), 600::bigint, 'and any other row still predicts');

-- ---- rights
CREATE ROLE echolon_tap_reader;
CREATE TABLE private AS SELECT * FROM good;
CREATE TABLE guarded AS SELECT * FROM good;
GRANT SELECT ON guarded TO echolon_tap_reader;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON guarded FOR SELECT TO echolon_tap_reader USING (id <= 300);
GRANT USAGE ON SCHEMA public TO echolon_tap_reader;
SET ROLE echolon_tap_reader;
SELECT matches(pg_temp.error_of($$SELECT echolon_train_rf('private', 'y')$$), '42501 permission denied for table private', 'a table without SELECT');
SELECT is((SELECT rows_used FROM echolon_train_rf('guarded', 'y', features => '{a,b}', model => 'guarded', n_estimators => 3)), 300::bigint, 'row-level security: only the visible rows');
RESET ROLE;
SELECT is((SELECT owner FROM echolon.models WHERE model = 'guarded'), 'echolon_tap_reader', 'the trainer owns the model');

-- ---- nothing is trained where nothing may be written
SET TRANSACTION READ ONLY;
SELECT matches(pg_temp.error_of($$SELECT echolon_train_rf('good', 'y')$$), '25006', 'a read-only transaction refuses to train');
SELECT is((SELECT count(echolon_predict('names', n)) FROM names AS n), 600::bigint, 'and predicts');

SELECT * FROM finish();
ROLLBACK;

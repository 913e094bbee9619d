--
-- prediction: by name, by bytes, from rows and documents
--
\pset null '(null)'
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'Europe/Berlin';
CREATE SCHEMA predict;
SET search_path = predict, public;

-- one tree whose every prediction can be computed by hand: y is a step function of x, and red
-- costs 100 more; z is noise that makes the rows distinct
CREATE TABLE steps (x float8, colour text, z float8, y float8);
INSERT INTO steps
SELECT x, colour, i * 0.6180339887 - floor(i * 0.6180339887),
	CASE WHEN x <= 5 THEN 10 WHEN x <= 8 THEN 20 ELSE 35 END + CASE colour WHEN 'red' THEN 100 ELSE 0 END
FROM generate_series(1, 600) i,
	LATERAL (SELECT 1 + i % 10 AS x, (ARRAY['red', 'green', 'blue'])[1 + (i / 10) % 3] AS colour) v;
SELECT version, task, rows_used FROM echolon_train_rf('steps', 'y', model => 'steps',
	n_estimators => 1, bootstrap => false, max_features => 'all');

-- ---- values against SQL ----

-- every row, held-out ones too
SELECT count(*), count(*) FILTER (WHERE abs(echolon_predict('steps', s) - y) > 1e-9) AS wrong FROM steps s;
-- between the training values thresholds are the midpoints: 5.5 and 8.5, the midpoint itself going left
SELECT x, colour, round(echolon_predict('steps', g)::numeric, 6) AS predicted
FROM (SELECT x, colour, 0.5 AS z FROM unnest('{-Infinity,5,5.5,5.5000001,8.5,8.5000001,1e300,Infinity}'::float8[]) x,
	unnest('{red,blue}'::text[]) colour) g
ORDER BY colour DESC, x;
-- a category never seen goes the way missing goes, and that is the way of the more rows: not red
SELECT DISTINCT round(echolon_predict('steps', g)::numeric, 6) AS predicted
FROM (SELECT 3 AS x, colour, 0.5 AS z FROM unnest('{violet,Red,"",NULL,green}'::text[]) colour) g;
-- NaN is missing, as NULL is
SELECT echolon_predict('steps', a) = echolon_predict('steps', b) AS same
FROM (SELECT 'NaN'::float8 AS x, 'red'::text AS colour, 'NaN'::float8 AS z) a,
	(SELECT NULL::float8 AS x, 'red'::text AS colour, NULL::float8 AS z) b;

-- ---- ways to write a row ----

CREATE TYPE point3 AS (z numeric, colour varchar(10), x smallint, more text);
CREATE VIEW steps_view AS SELECT s.*, echolon_predict('steps', s) AS predicted FROM steps s;
SELECT round(echolon_predict('steps', s)::numeric, 6) FROM (VALUES (3, 'red', 0.5)) s(x, colour, z);
SELECT round(echolon_predict('steps', s.*)::numeric, 6) FROM (SELECT 0 AS extra, 0.5::real AS z, 'red' AS colour, 3::bigint AS x) s;
SELECT round(echolon_predict('steps', ROW(0.5, 'red', 3, 'extra')::point3)::numeric, 6);
SELECT round(echolon_predict('steps', ROW(3, 'red', 0.5, NULL)::steps)::numeric, 6);
SELECT round(echolon_predict(input => ROW(3, 'red', 0.5, NULL)::steps, model => 'steps')::numeric, 6);
SELECT round(echolon_predict('steps', j)::numeric, 6)
FROM (SELECT a.x, b.colour, b.z FROM (VALUES (1, 9)) a(id, x) JOIN (VALUES (1, 'red', 0.1)) b(id, colour, z) USING (id)) j;
SELECT count(*) AS n, round(sum(predicted)::numeric, 3) = (SELECT round(sum(y)::numeric, 3) FROM steps) AS same
FROM steps_view;
SELECT count(*) FROM steps s WHERE echolon_predict('steps', s) > 130;
SELECT x, colour FROM (SELECT DISTINCT x, colour, 0.5 AS z FROM steps) s
ORDER BY round(echolon_predict('steps', s)::numeric, 6) DESC, x, colour LIMIT 3;

-- rows that are NULL, of an outer join too, but not rows of NULLs
SELECT echolon_predict('steps', NULL) AS a, echolon_predict('steps', NULL::steps) AS b, echolon_predict(NULL, s) AS c,
	round(echolon_predict('steps', ROW(NULL, NULL, NULL, NULL)::steps)::numeric) IS NOT NULL AS d,
	round(echolon_predict('steps', u)::numeric) IS NOT NULL AS e
FROM steps s, (SELECT NULL AS x, NULL AS colour, NULL AS z) u LIMIT 1;
SELECT n, round(echolon_predict('steps', s)::numeric, 6)
FROM (VALUES (1), (2)) v(n) LEFT JOIN (SELECT 1 AS n, 9 AS x, 'red' AS colour, 0.5 AS z) s USING (n) ORDER BY n;

-- a partitioned table whose partitions have other column orders and dropped columns
CREATE TABLE parts (colour text, gone int, x int, z float8) PARTITION BY LIST (colour);
CREATE TABLE parts_red (z float8, x int, lost text, colour text, gone int);
ALTER TABLE parts_red DROP COLUMN lost;
ALTER TABLE parts ATTACH PARTITION parts_red FOR VALUES IN ('red');
CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
INSERT INTO parts VALUES ('red', 0, 9, 0.5), ('blue', 0, 9, 0.5);
ALTER TABLE parts DROP COLUMN gone;
SELECT colour, round(echolon_predict('steps', p)::numeric, 6) FROM parts p ORDER BY 1;
SELECT colour, round(echolon_predict('steps', p)::numeric, 6) FROM parts_red p;

-- a trigger's NEW
CREATE TABLE orders (x int, colour text, z float8, guess numeric);
CREATE FUNCTION guess() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.guess := round(echolon_predict('steps', NEW)::numeric, 6);
	RETURN NEW;
END $$;
CREATE TRIGGER guess BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION guess();
INSERT INTO orders VALUES (3, 'red', 0.5), (6, 'blue', 0.5) RETURNING *;

-- row types that change within one call site
SELECT round(echolon_predict('steps', r)::numeric, 6)
FROM (SELECT a AS r FROM (SELECT 3 AS x, 'red' AS colour, 0.5 AS z) a
	UNION ALL SELECT b FROM (SELECT 'blue'::varchar AS colour, 0.5 AS z, 'more' AS more, 9::numeric AS x) b
	UNION ALL SELECT c FROM (SELECT 6 AS x, 'red' AS colour, 0.5 AS z) c) u;
CREATE FUNCTION guess_all(queries text[]) RETURNS SETOF numeric LANGUAGE plpgsql AS $$
DECLARE q text; r record;
BEGIN
	FOREACH q IN ARRAY queries LOOP
		FOR r IN EXECUTE q LOOP
			RETURN NEXT round(echolon_predict('steps', r)::numeric, 6);
		END LOOP;
	END LOOP;
END $$;
SELECT * FROM guess_all(ARRAY['SELECT 3 AS x, ''red'' AS colour, 0.5 AS z', 'SELECT colour, x, z FROM parts ORDER BY colour',
	'SELECT * FROM orders ORDER BY x']);

-- a table whose columns are dropped, added, renamed and retyped between the calls
CREATE TABLE moving (junk text, x int, colour text, z float8);
INSERT INTO moving VALUES ('a', 3, 'red', 0.5);
SELECT round(echolon_predict('steps', m)::numeric, 6) FROM moving m;
ALTER TABLE moving DROP COLUMN junk;
SELECT round(echolon_predict('steps', m)::numeric, 6) FROM moving m;
ALTER TABLE moving ALTER x TYPE numeric, ALTER colour TYPE varchar(9), ALTER z TYPE real;
SELECT round(echolon_predict('steps', m)::numeric, 6) FROM moving m;
ALTER TABLE moving DROP COLUMN x;
SELECT echolon_predict('steps', m) FROM moving m;
ALTER TABLE moving ADD COLUMN x int DEFAULT 9;
ALTER TABLE moving ALTER x DROP DEFAULT;
SELECT round(echolon_predict('steps', m)::numeric, 6) FROM moving m;
ALTER TABLE moving RENAME colour TO color;
SELECT echolon_predict('steps', m) FROM moving m;
ALTER TABLE moving RENAME color TO colour;
ALTER TABLE moving ALTER x TYPE text;
SELECT echolon_predict('steps', m) FROM moving m;
UPDATE moving SET x = NULL;
SELECT echolon_predict('steps', m) IS NOT NULL AS text_that_is_null FROM moving m;
ALTER TABLE moving ALTER x TYPE date USING NULL;
SELECT echolon_predict('steps', m) FROM moving m;
ALTER TABLE moving ALTER x TYPE int[] USING NULL;
SELECT echolon_predict('steps', m) FROM moving m;
-- and altered within a transaction, at one call site
CREATE FUNCTION guess_moving() RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE m moving;
BEGIN
	SELECT * INTO m FROM moving;
	RETURN round(echolon_predict('steps', m)::numeric, 6);
END $$;
BEGIN;
ALTER TABLE moving ALTER x TYPE int USING 3;
SELECT guess_moving();
ALTER TABLE moving ADD COLUMN another int DEFAULT 1, DROP COLUMN x, ADD COLUMN x real DEFAULT 9;
SELECT guess_moving();
ROLLBACK;

-- ---- errors ----

SELECT echolon_predict('nothing', s) FROM steps s;
SELECT echolon_predict('steps', s, version => 7) FROM steps s;
SELECT echolon_predict('steps', s, version => 0) FROM steps s;
SELECT echolon_predict('steps', ROW(3, 'red', 0.5));
SELECT echolon_predict('steps', ROW());
SELECT echolon_predict('steps', s) FROM (SELECT 1 AS "X", 'red' AS colour, 0.5 AS z) s;
SELECT echolon_predict('steps', s) FROM (SELECT 1 AS x, 2 AS colour, 0.5 AS z) s;
SELECT echolon_predict('steps', s) FROM (SELECT true AS x, 'red' AS colour, 0.5 AS z) s;
SELECT echolon_predict('steps', s) FROM (SELECT 1 AS x, 'red' AS colour, 0.5 AS z, 2 AS x) s;
SELECT echolon_predict_class('steps', s) FROM steps s;
SELECT echolon_predict_proba('steps', s) FROM steps s;
SELECT echolon_predict_proba('steps', s, 'red') FROM steps s;
-- a column of the alias's name is passed in place of the row: write s.*
CREATE TABLE s AS SELECT 3 AS x, 'red' AS colour, 0.5 AS z, 7 AS s;
SELECT echolon_predict('steps', s) FROM s;
SELECT round(echolon_predict('steps', s.*)::numeric, 6) FROM s;

-- ---- every kind of column, NULLs, odd names; three ways to the same number ----

CREATE TYPE mood AS ENUM ('sad', 'calm', 'happy');
CREATE DOMAIN price AS numeric(10, 2);
CREATE TABLE kinds (i2 smallint, i4 integer, i8 bigint, r real, f float8, n numeric, p price, span interval,
	t text, v varchar(20), c char(6), e mood, b boolean, u uuid, day date, ts timestamp, tz timestamptz,
	"Mixed Case" float8, "a""b" text, "order" integer, y float8, class text, flag integer);
INSERT INTO kinds
SELECT i % 97, i * 7 % 1000, i * 1000000007::bigint, (i % 31) / 3.0, sin(i), (i % 53) / 7.0, i % 41, make_interval(months => i % 14, hours => i % 30),
	(ARRAY['north', 'south', 'east', 'west', 'unknown'])[1 + i % 5], 'v' || i % 3, 'c' || i % 4, (ARRAY['sad', 'calm', 'happy'])[1 + i % 3]::mood,
	i % 2 = 0, ('00000000-0000-0000-0000-00000000000' || i % 3)::uuid,
	date '2023-01-01' + i, timestamp '2023-01-01' + i * interval '7 hours 3.5 minutes', timestamptz '2023-01-01 00:00+00' + i * interval '5 hours',
	(i * i) % 101, (ARRAY['x', 'y"z', ''])[1 + i % 3], i % 13,
	cos(i) * 10 + (i * i) % 101 + i % 5 * 3 + extract(hour FROM (timestamptz '2023-01-01 00:00+00' + i * interval '5 hours') AT TIME ZONE 'Europe/Berlin') + i % 13,
	CASE WHEN (i * i) % 101 + i % 13 > 70 THEN 'high' WHEN i % 5 < 2 THEN 'low' ELSE 'middle' END,
	CASE WHEN (i * i) % 101 + i % 7 > 60 THEN 1 ELSE 0 END
FROM generate_series(1, 500) i;
UPDATE kinds SET t = NULL, n = NULL WHERE i4 % 11 = 0;
UPDATE kinds SET day = NULL, f = 'NaN' WHERE i4 % 13 = 0;
UPDATE kinds SET tz = NULL, e = NULL, b = NULL, span = NULL WHERE i4 % 17 = 0;
UPDATE kinds SET day = 'infinity', f = '-Infinity' WHERE i4 % 19 = 0;
SELECT task, rows_used FROM echolon_train_gb('kinds', 'y', model => 'value', exclude => '{class,flag}',
	features => '{i2,i4,i8,r,f,n,p,span,t,v,c,e,b,u,day,ts,tz,"Mixed Case","a\"b",order}', min_samples_leaf => 3);
SELECT task, rows_used FROM echolon_train_rf('kinds', 'class', model => 'class', exclude => '{y,flag}', n_estimators => 20);
SELECT task, rows_used FROM echolon_train_gb('kinds', 'flag', model => 'flag', exclude => '{y,class,"Mixed Case"}', threshold => 0.3, n_estimators => 5);
CREATE TABLE bytes AS SELECT m AS name, echolon_export_model(m) AS model FROM unnest('{value,class,flag}'::text[]) m;

CREATE TABLE in_berlin AS SELECT i4, y, echolon_predict('value', k) AS a FROM kinds k;
SET timezone = 'Asia/Kathmandu';	-- the model has its own
SELECT count(*), count(*) FILTER (WHERE echolon_predict('value', k) IS DISTINCT FROM b.a) AS differ FROM kinds k JOIN in_berlin b USING (i4, y);
SELECT count(*), count(DISTINCT a) > 300 AS different,
	count(*) FILTER (WHERE a IS DISTINCT FROM b) AS json_differs, count(*) FILTER (WHERE a IS DISTINCT FROM c) AS bytes_differ
FROM (SELECT echolon_predict('value', k) AS a, echolon_predict_json('value', to_jsonb(k)) AS b, echolon_predict_model(m.model, k) AS c
	FROM kinds k, bytes m WHERE m.name = 'value') q;
SELECT count(*), count(DISTINCT a) AS classes,
	count(*) FILTER (WHERE a IS DISTINCT FROM b) AS json_differs, count(*) FILTER (WHERE a IS DISTINCT FROM c) AS bytes_differ
FROM (SELECT echolon_predict_class('class', k) AS a, echolon_predict_json_class('class', to_jsonb(k)) AS b,
		echolon_predict_model_class(m.model, k) AS c
	FROM kinds k, bytes m WHERE m.name = 'class') q;
SELECT count(*), count(DISTINCT a) > 100 AS different,
	count(*) FILTER (WHERE a IS DISTINCT FROM b) AS json_differs, count(*) FILTER (WHERE a IS DISTINCT FROM c) AS bytes_differ,
	count(*) FILTER (WHERE (SELECT abs(sum(value::float8) - 1) FROM jsonb_each_text(a)) > 1e-12) AS not_one,
	count(*) FILTER (WHERE (SELECT array_agg(key ORDER BY key) FROM jsonb_object_keys(a) key) <> '{high,low,middle}') AS not_labels,
	count(*) FILTER (WHERE (a ->> 'low')::float8 <> low OR low <> low_json OR low <> low_bytes) AS label_differs,
	count(*) FILTER (WHERE (a ->> class)::float8 < (SELECT max(value::float8) FROM jsonb_each_text(a))) AS not_the_most_probable
FROM (SELECT echolon_predict_proba('class', k) AS a, echolon_predict_json_proba('class', to_jsonb(k)) AS b,
		echolon_predict_model_proba(m.model, k) AS c, echolon_predict_class('class', k) AS class,
		echolon_predict_proba('class', k, 'low') AS low, echolon_predict_json_proba('class', to_jsonb(k), 'low') AS low_json,
		echolon_predict_model_proba(m.model, k, 'low') AS low_bytes
	FROM kinds k, bytes m WHERE m.name = 'class') q;
-- two classes that are numbers, and a threshold of 0.3: some are positive below one half
SELECT count(*), count(DISTINCT a) AS classes,
	count(*) FILTER (WHERE a <> CASE WHEN p >= 0.3 THEN 1 ELSE 0 END OR a::text <> c) AS wrong, count(*) FILTER (WHERE a = 1 AND p < 0.5) > 0 AS below_half
FROM (SELECT echolon_predict('flag', k) AS a, echolon_predict_class('flag', k) AS c, echolon_predict_proba('flag', k, '1') AS p FROM kinds k) q;
SET timezone = 'Europe/Berlin';

-- the overloads: by position, by name, with a version, with a parameter of no type
SELECT jsonb_typeof(echolon_predict_proba('flag', k)) AS a, jsonb_typeof(echolon_predict_proba('class', k, version => 1)) AS b,
	pg_typeof(echolon_predict_proba('flag', k, '1')) AS c, pg_typeof(echolon_predict_proba('flag', k, '1', 1)) AS d,
	pg_typeof(echolon_predict_proba('flag', k, label => '1', version => 1)) AS e,
	pg_typeof(echolon_predict_proba(model => 'flag', input => k, label => k.flag::text)) AS f,
	pg_typeof(echolon_predict_proba('flag', k, NULL)) AS g
FROM kinds k LIMIT 1;
SELECT jsonb_typeof(echolon_predict_json_proba('class', j)) AS a, jsonb_typeof(echolon_predict_json_proba('class', j, version => 1)) AS b,
	pg_typeof(echolon_predict_json_proba('class', j, 'low')) AS c, pg_typeof(echolon_predict_json_proba('class', j, label => 'low', version => 1)) AS d
FROM (SELECT to_jsonb(k) AS j FROM kinds k LIMIT 1) k;
PREPARE untyped AS SELECT echolon_predict_proba($1, k, $2) BETWEEN 0 AND 1 AS ok FROM kinds k LIMIT 1;
EXECUTE untyped('class', 'low');
PREPARE untyped_json AS SELECT echolon_predict_json($1, $2) = echolon_predict('value', k) AS same FROM kinds k WHERE i2 = 7 AND i4 = 49;
SELECT to_jsonb(k)::text AS j FROM kinds k WHERE i2 = 7 AND i4 = 49 \gset
EXECUTE untyped_json('value', :'j');

SELECT echolon_predict('class', k) FROM kinds k;
SELECT echolon_predict_json('class', to_jsonb(k)) FROM kinds k;
SELECT echolon_predict_model(model, k) FROM kinds k, bytes WHERE name = 'class';
SELECT echolon_predict_model_class(model, k) FROM kinds k, bytes WHERE name = 'value';
SELECT echolon_predict_proba('class', k, 'middling') FROM kinds k;
SELECT echolon_predict_proba('flag', k, 1) FROM kinds k;

-- enum, boolean, text and varchar stand for each other
SELECT count(*) FILTER (WHERE echolon_predict('value', k) IS DISTINCT FROM echolon_predict('value', o)) AS differ
FROM kinds k, LATERAL (SELECT i2::numeric, i4::real, i8, r, f, n::float8, p, span, t::varchar, v::text, c::text, e::text, b::text, u::text, day, ts, tz,
	"Mixed Case"::int, "a""b"::char(5), "order") o;

-- levels above max_categories are pooled, and a level never seen is one of them: not missing
CREATE TABLE towns (town text, z float8, y float8);
INSERT INTO towns
SELECT CASE WHEN i % 4 = 0 THEN 'small ' || i % 25 WHEN i % 4 = 1 THEN 'north' WHEN i % 4 = 2 THEN 'south' END, i * 0.6180339887 - floor(i * 0.6180339887),
	CASE i % 4 WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE 4 END
FROM generate_series(1, 600) i;
SELECT task FROM echolon_train_rf('towns', 'y', model => 'towns', n_estimators => 1, bootstrap => false, max_features => 'all', max_categories => 3);
SELECT town, round(echolon_predict('towns', t)::numeric, 6), round(echolon_predict_json('towns', to_jsonb(t))::numeric, 6) AS json
FROM (SELECT town, 0.5 AS z FROM unnest('{small 3,a new one,north,south,NULL}'::text[]) town) t;

-- ---- documents ----

CREATE FUNCTION doc(changes jsonb) RETURNS jsonb LANGUAGE sql STABLE AS
$$ SELECT to_jsonb(k) - 'y' || changes FROM predict.kinds k WHERE i2 = 7 AND i4 = 49 $$;
CREATE FUNCTION same(changes jsonb) RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT echolon_predict_json('value', predict.doc(changes)) = echolon_predict_json('value', predict.doc('{}')) $$;
SELECT day, ts, tz, r, span, b FROM kinds WHERE i2 = 7 AND i4 = 49;
-- the same in other words
SELECT same('{"i2": "7", "n": " 1e0 ", "f": "0.6569865987187891", "extra": {"a": [1]}}') AS numbers, same('{"b": "false"}') AS boolean,
	same('{"day": "2023-01-08", "ts": "2023-01-03T01:24:30.000000Z"}') AS dates,
	same('{"tz": "2023-01-02T11:00:00Z"}') AS utc, same('{"tz": "2023-01-02 16:45+0545"}') AS offset, same('{"tz": "2023-01-02T12:00"}') AS model_zone,
	same('{"span": 18169200}') AS seconds, same('{"span": "7 mons 7 hours"}') AS interval, same('{"v": "v1", "c": "c3"}') AS text;
-- missing, in the words of JSON; infinite dates are missing as they are in rows
SELECT echolon_predict_json('value', doc('{"day": "infinity", "t": null, "f": "NaN"}')) = echolon_predict('value', k) AS same
FROM (SELECT i2, i4, i8, r, NULL::float8 AS f, n, p, span, NULL::text AS t, v, c, e, b, u, NULL::date AS day, ts, tz, "Mixed Case", "a""b", "order"
	FROM kinds WHERE i2 = 7 AND i4 = 49) k;
SELECT echolon_predict_json('value', NULL) AS a, echolon_predict_json('steps', '{"x": 3, "colour": "red", "z": 0.5}')::numeric(9, 3) AS b,
	echolon_predict_json('steps', '{"x": null, "colour": null, "z": null}') IS NOT NULL AS c,
	echolon_predict_json('steps', '{"x": 3, "colour": 7, "z": 0.5}')::numeric(9, 3) AS d;
-- what is refused
SELECT echolon_predict_json('steps', '{"x": 3, "z": 0.5}');
SELECT echolon_predict_json('steps', '{"x": 3, "color": "red", "z": 0.5}');
SELECT echolon_predict_json('steps', '{}');
SELECT echolon_predict_json('steps', '[{"x": 3}]');
SELECT echolon_predict_json('steps', '3');
SELECT echolon_predict_json('steps', 'null');
SELECT echolon_predict_json('steps', '{"x": "3 pieces", "colour": "red", "z": 0.5}');
SELECT echolon_predict_json('steps', '{"x": "", "colour": "red", "z": 0.5}');
SELECT echolon_predict_json('steps', '{"x": "1e999", "colour": "red", "z": 0.5}');
SELECT echolon_predict_json('steps', '{"x": true, "colour": "red", "z": 0.5}');
SELECT echolon_predict_json('steps', '{"x": [3], "colour": "red", "z": 0.5}');
SELECT echolon_predict_json('steps', '{"x": 3, "colour": {"is": "red"}, "z": 0.5}');
SELECT echolon_predict_json('value', doc('{"day": "08.01.2023"}'));
SELECT echolon_predict_json('value', doc('{"day": "2023-02-29"}'));
SELECT echolon_predict_json('value', doc('{"day": 20230108}'));
SELECT echolon_predict_json('value', doc('{"ts": "tomorrow"}'));
SELECT echolon_predict_json('value', doc('{"tz": "2023-01-02 12:00 CET"}'));
SELECT echolon_predict_json('value', doc('{"tz": "2023-01-02 25:00"}'));
SELECT echolon_predict_json('value', doc('{"span": "a while"}'));
SELECT echolon_predict_json('value', doc(jsonb_build_object('n', repeat('nine ', 100))));

-- ---- bytes ----

-- constants, parameters, PL/pgSQL variables that change, stored values that change from row to row
CREATE TABLE two AS SELECT 1 AS id, model FROM bytes WHERE name = 'value';
INSERT INTO two SELECT 2, echolon_export_model('steps');
CREATE TABLE both_rows AS SELECT k.*, 9 AS x, 'red' AS colour, 0.5 AS z FROM kinds k WHERE i2 = 7 AND i4 = 49;
SELECT turn, id, echolon_predict_model(model, b.*) = CASE id WHEN 1 THEN echolon_predict('value', b.*) ELSE echolon_predict('steps', b.*) END AS same
FROM generate_series(1, 2) turn, two, both_rows b ORDER BY turn, id;
PREPARE by_bytes(bytea) AS SELECT round(echolon_predict_model($1, r)::numeric, 6) FROM (SELECT x, colour, 0.5 AS z FROM steps ORDER BY x, colour LIMIT 1) r;
SELECT model::text AS m FROM two WHERE id = 2 \gset
EXECUTE by_bytes(:'m');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_bytes(:'m');
RESET plan_cache_mode;
CREATE FUNCTION by_variable() RETURNS SETOF boolean LANGUAGE plpgsql AS $$
DECLARE m bytea; r both_rows; i int; was float8; now float8;
BEGIN
	SELECT * INTO r FROM both_rows;
	FOR i IN 1..4 LOOP
		SELECT model || ''::bytea INTO m FROM two WHERE id = 1 + i % 2;
		now := echolon_predict_model(m, r);
		now := echolon_predict_model(m, r);
		RETURN NEXT now IS DISTINCT FROM was;
		was := now;
	END LOOP;
END $$;
SELECT by_variable();
-- damage
SELECT echolon_predict_model('', s) FROM steps s;
SELECT echolon_predict_model('\x00', s) FROM steps s;
CREATE FUNCTION state_of(model bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r both_rows;
BEGIN
	SELECT * INTO r FROM both_rows;
	PERFORM echolon_predict_model(model, r);
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT state_of(model) AS whole, state_of(substr(model, 1, length(model) - 1)) AS cut, state_of(model || '\x00') AS longer,
	state_of(set_byte(model, 100, get_byte(model, 100) # 1)) AS flipped
FROM two WHERE id = 2;

-- ---- versions: promotion, prepared statements, one transaction ----

PREPARE p AS SELECT round(echolon_predict('steps', ROW(3, 'red', 0.5, NULL)::steps)::numeric, 6);
EXECUTE p;
UPDATE steps SET y = y + 1000;
SELECT version FROM echolon_train_rf('steps', 'y', model => 'steps', n_estimators => 1, bootstrap => false, max_features => 'all');
EXECUTE p;
SELECT round(echolon_predict('steps', ROW(3, 'red', 0.5, NULL)::steps, 1)::numeric, 6) AS one,
	round(echolon_predict('steps', ROW(3, 'red', 0.5, NULL)::steps, version => 2)::numeric, 6) AS two,
	round(echolon_predict('steps', ROW(3, 'red', 0.5, NULL)::steps, NULL)::numeric, 6) AS active;
SELECT n, round(echolon_predict('steps', ROW(3, 'red', 0.5, NULL)::steps, n)::numeric, 6) AS by_row FROM unnest('{1,2,NULL,1}'::int[]) WITH ORDINALITY v(n, i) ORDER BY i;
SELECT echolon_activate('steps', 1);
EXECUTE p;
SELECT echolon_activate('steps', 2);
-- within one transaction, at one call site: a promotion, one that is rolled back, a savepoint
CREATE FUNCTION guess_one() RETURNS numeric STABLE LANGUAGE plpgsql AS $$
BEGIN
	RETURN round(echolon_predict('steps', ROW(3, 'red', 0.5, NULL)::steps)::numeric, 6);
END $$;
CREATE FUNCTION guess_through() RETURNS SETOF numeric LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..3 LOOP
		RETURN NEXT guess_one();
		UPDATE steps SET y = y + 1000;
		PERFORM echolon_train_rf('steps', 'y', model => 'steps', n_estimators => 1, bootstrap => false, max_features => 'all');
		RETURN NEXT round(echolon_predict('steps', ROW(3, 'red', 0.5, NULL)::steps)::numeric, 6);
		BEGIN
			PERFORM echolon_activate('steps', 1);
			RETURN NEXT round(echolon_predict('steps', ROW(3, 'red', 0.5, NULL)::steps)::numeric, 6);
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
			RETURN NEXT round(echolon_predict('steps', ROW(3, 'red', 0.5, NULL)::steps)::numeric, 6);
		END;
	END LOOP;
END $$;
CREATE FUNCTION guess_retrained() RETURNS SETOF numeric LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..3 LOOP
		UPDATE steps SET y = y + 1000;
		PERFORM echolon_train_rf('steps', 'y', model => 'steps', n_estimators => 1, bootstrap => false, max_features => 'all');
		RETURN NEXT round(echolon_predict('steps', ROW(3, 'red', 0.5, NULL)::steps)::numeric, 6);
	END LOOP;
END $$;
-- two models of one length, one after the other in one variable
CREATE FUNCTION guess_versions() RETURNS SETOF numeric LANGUAGE plpgsql AS $$
DECLARE m bytea;
BEGIN
	FOR i IN 0..3 LOOP
		m := NULL;	-- frees the place that the next one then takes
		m := echolon_export_model('steps', 1 + i % 2);
		RETURN NEXT round(echolon_predict_model(m, ROW(3, 'red', 0.5, NULL)::steps)::numeric, 6);
	END LOOP;
END $$;
SELECT count(DISTINCT length(echolon_export_model('steps', v))) AS lengths FROM generate_series(1, 2) v;
SELECT guess_versions();
BEGIN;
SELECT guess_retrained();
ROLLBACK;
BEGIN;
SELECT guess_through();
EXECUTE p;
ROLLBACK;
EXECUTE p;

-- ---- rights ----

CREATE ROLE regress_predict_reader;
GRANT USAGE ON SCHEMA predict TO regress_predict_reader;
GRANT SELECT ON steps, two TO regress_predict_reader;
SET ROLE regress_predict_reader;
SELECT echolon_predict('steps', s) FROM steps s;
-- the bytes need no right but to the bytes
SELECT round(echolon_predict_model(model, ROW(3, 'red', 0.5, NULL)::steps)::numeric, 6) FROM two WHERE id = 2;
RESET ROLE;
-- one call site, one transaction, two users
CREATE FUNCTION guess_as_owner() RETURNS numeric STABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT predict.guess_one()';
SET ROLE regress_predict_reader;
SELECT guess_as_owner();
SELECT guess_as_owner(), guess_one();
RESET ROLE;
SELECT echolon_grant_model('steps', 'regress_predict_reader');
SET ROLE regress_predict_reader;
SELECT guess_one(), (SELECT count(echolon_predict('steps', s)) FROM steps s);
RESET ROLE;

-- ---- a read-only transaction, parallel workers ----

BEGIN READ ONLY;
EXECUTE p;
ROLLBACK;
CREATE TABLE plain AS SELECT i4, y, echolon_predict('value', k) AS a, echolon_predict_proba('class', k, 'low') AS b FROM kinds k;
ALTER TABLE kinds SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
-- the setting's name up to 15, and from 16 on
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT count(*), count(*) FILTER (WHERE p.a IS DISTINCT FROM k.a OR p.b IS DISTINCT FROM k.b) AS differ
FROM plain p JOIN (SELECT i4, y, echolon_predict('value', k) AS a, echolon_predict_proba('class', k, 'low') AS b FROM kinds k) k USING (i4, y);
SELECT count(*) FROM kinds k WHERE echolon_predict_model((SELECT model FROM bytes WHERE name = 'value'), k) IS DISTINCT FROM echolon_predict('value', k);
SELECT count(*) FROM kinds k WHERE echolon_predict_class('class', k) IS NULL;
SELECT count(set_config(name, 'off', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- ---- permutation importance ----

SELECT rank, column_name, importance > 0.05 AS matters, stddev >= 0 AS has_stddev FROM echolon_permutation_importance('steps', 'steps', version => 2);
-- of a row order's making: no; of the seed's: yes
CREATE TABLE shuffled AS SELECT * FROM kinds ORDER BY md5(ctid::text);
CREATE TABLE importances AS
SELECT 'kinds' AS run, i.* FROM echolon_permutation_importance('value', 'kinds', max_rows => 200) i
UNION ALL SELECT 'shuffled', i.* FROM echolon_permutation_importance('value', 'shuffled', max_rows => 200) i
UNION ALL SELECT 'seed', i.* FROM echolon_permutation_importance('value', 'kinds', max_rows => 200, seed => 7) i;
SELECT run, count(*), count(DISTINCT rank), max(importance) = (array_agg(importance ORDER BY rank))[1] AS best_first,
	(array_agg(column_name ORDER BY rank))[1] AS first FROM importances GROUP BY run ORDER BY run;
SELECT count(*) FILTER (WHERE a.importance = b.importance AND a.stddev = b.stddev) AS same_order, count(*) FILTER (WHERE a.importance = c.importance AND a.importance <> 0) AS same_seed
FROM importances a JOIN importances b USING (column_name) JOIN importances c USING (column_name)
WHERE a.run = 'kinds' AND b.run = 'shuffled' AND c.run = 'seed';
SELECT column_name FROM echolon_permutation_importance('class', 'kinds') WHERE rank = 1;
SELECT count(*), count(*) FILTER (WHERE importance > 0) > 0 AS some FROM echolon_permutation_importance('flag', 'kinds');
-- a table of few distinct rows is sampled row by row
CREATE TABLE repeated AS SELECT x, colour, 0.5 AS z, y FROM steps, generate_series(1, 10);
SELECT column_name FROM echolon_permutation_importance('steps', 'repeated', max_rows => 30) WHERE importance > 0;
SELECT * FROM echolon_permutation_importance('steps', 'kinds');
SELECT * FROM echolon_permutation_importance('nothing', 'steps');
SELECT * FROM echolon_permutation_importance('steps', 'steps', n_repeats => 0);
SELECT * FROM echolon_permutation_importance('steps', 'steps', max_rows => 1);
SELECT * FROM echolon_permutation_importance('steps', NULL);
CREATE VIEW nobody AS SELECT * FROM steps WHERE false;
SELECT * FROM echolon_permutation_importance('steps', 'nobody');
CREATE VIEW constant AS SELECT x, colour, z, 1.0 AS y FROM steps;
SELECT * FROM echolon_permutation_importance('steps', 'constant');
CREATE VIEW wrong_target AS SELECT x, colour, z, 'much' AS y FROM steps;
SELECT * FROM echolon_permutation_importance('steps', 'wrong_target');

-- every function says what it is
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
WHERE p.proname ~ '^echolon_p(redict|ermut)' AND (obj_description(p.oid, 'pg_proc') IS NULL OR NOT (p.proparallel = 's' OR p.proname ~ 'permut|batch'));

SET client_min_messages = error;
SELECT count(echolon_drop_model(model)) FROM echolon.models WHERE model IN ('steps', 'value', 'class', 'flag', 'towns');
DROP SCHEMA predict CASCADE;
DROP ROLE regress_predict_reader;

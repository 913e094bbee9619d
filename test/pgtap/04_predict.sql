-- Prediction in every place a query can have it, and what it says where it cannot.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE good AS SELECT * FROM pg_temp.rows(600);
CREATE TEMP TABLE trained AS
SELECT * FROM echolon_train_rf('good', 'y', features => '{a,b,colour}', model => 'forest', n_estimators => 10)
UNION ALL SELECT * FROM echolon_train_gb('good', 'label', features => '{a,b,colour}', model => 'boosted', n_estimators => 10)
UNION ALL SELECT * FROM echolon_train_gb('good', 'colour', features => '{a,b,y}', model => 'classes', n_estimators => 10);
CREATE TEMP TABLE expected AS
SELECT id, echolon_predict('forest', g) AS y, echolon_predict_class('boosted', g) AS label,
	echolon_predict_proba('boosted', g, 'yes') AS yes, echolon_predict_proba('classes', g) AS colours FROM good AS g;

-- ---- the numbers hang together
SELECT is(count(*), 600::bigint, 'regression: close to the truth') FROM good JOIN expected USING (id) WHERE abs(good.y - expected.y) < 15;
SELECT is(count(*), 0::bigint, 'two classes: the class is the one above the threshold') FROM expected WHERE (label = 'yes') <> (yes >= 0.5);
SELECT is(count(*), 0::bigint, 'several classes: probabilities sum to 1')
FROM (SELECT id, sum(v::float8) AS total FROM expected, jsonb_each_text(colours) AS p (k, v) GROUP BY id) AS s WHERE abs(total - 1) > 1e-12;
SELECT is(count(*), 0::bigint, 'several classes: the class is the most probable')
FROM good AS g JOIN expected USING (id) WHERE echolon_predict_class('classes', g) <>
	(SELECT k FROM jsonb_each_text(colours) AS p (k, v) ORDER BY v::float8 DESC, k COLLATE "C" LIMIT 1);
SELECT is(count(*), 0::bigint, 'a label asked for is the one of the object')
FROM good AS g JOIN expected USING (id) WHERE echolon_predict_proba('classes', g, 'red') <> (colours->>'red')::float8;

-- ---- every way to have a row
CREATE VIEW good_view AS SELECT label, 'extra' AS extra, colour, b, a, id FROM good;
CREATE FUNCTION predicted(g good) RETURNS float8 LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN echolon_predict('forest', g); END $$;
CREATE FUNCTION predicted_record(i int) RETURNS float8 LANGUAGE plpgsql STABLE AS $$
DECLARE r record; BEGIN SELECT a, colour, b INTO r FROM good WHERE id = i; RETURN echolon_predict('forest', r); END $$;
SELECT is(count(*), 600::bigint, name) FROM (
	SELECT 'an alias' AS name, id, echolon_predict('forest', g) AS p FROM good AS g
	UNION ALL SELECT 'alias.*', id, echolon_predict('forest', g.*) FROM good AS g
	UNION ALL SELECT 'the table''s name', id, echolon_predict('forest', good) FROM good
	UNION ALL SELECT 'a view of other order with more columns', id, echolon_predict('forest', v) FROM good_view AS v
	UNION ALL SELECT 'a subquery', id, echolon_predict('forest', s) FROM (SELECT b + 0 AS b, colour, a, id FROM good) AS s
	UNION ALL SELECT 'a join', g.id, echolon_predict('forest', s) FROM good AS g, LATERAL (SELECT g.a, g.b, g.colour) AS s
	UNION ALL SELECT 'a cast of ROW', id, echolon_predict('forest', ROW(g.id, g.a, g.b, g.colour, g.y, g.label)::good) FROM good AS g
	UNION ALL SELECT 'a PL/pgSQL row', id, predicted(g) FROM good AS g
	UNION ALL SELECT 'a PL/pgSQL record', id, predicted_record(id) FROM good AS g
	UNION ALL SELECT 'jsonb', id, echolon_predict_json('forest', to_jsonb(g)) FROM good AS g
	UNION ALL SELECT 'bytes', id, echolon_predict_model(echolon_export_model('forest'), g) FROM good AS g
	UNION ALL SELECT 'version 1', id, echolon_predict('forest', g, version => 1) FROM good AS g
	UNION ALL SELECT 'version NULL', id, echolon_predict('forest', g, version => NULL) FROM good AS g
) AS ways JOIN expected USING (id) WHERE p = expected.y GROUP BY name ORDER BY name;
SELECT is(echolon_predict('forest', v), (SELECT y FROM expected WHERE id = 1), 'VALUES')
FROM (SELECT a, b, colour FROM good WHERE id = 1) AS g, LATERAL (VALUES (g.colour, g.a, g.b)) AS v (colour, a, b);
SELECT is((SELECT count(*) FROM (SELECT echolon_predict('forest', r) AS p FROM (SELECT a, b, colour FROM good UNION ALL SELECT a, b, colour FROM good) AS r) AS s), 1200::bigint, 'UNION ALL');
PREPARE by_name(text) AS SELECT count(echolon_predict($1, g)) FROM good AS g;
SELECT is(pg_temp.error_of($$EXECUTE by_name('forest')$$), 'no error', 'a name as a parameter');
SELECT is((SELECT count(*) FROM good AS g WHERE echolon_predict_proba('boosted', g, 'yes') > 0.5), (SELECT count(*) FROM expected WHERE yes > 0.5), 'in WHERE');
CREATE TABLE scored (id int, a float8, b float8, colour text, p float8);
CREATE FUNCTION score() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.p := echolon_predict('forest', NEW); RETURN NEW; END $$;
CREATE TRIGGER score BEFORE INSERT ON scored FOR EACH ROW EXECUTE FUNCTION score();
INSERT INTO scored SELECT id, a, b, colour FROM good;
SELECT is(count(*), 600::bigint, 'NEW in a trigger') FROM scored JOIN expected USING (id) WHERE p = y;

-- ---- missing values and categories never seen
SELECT is(echolon_predict('forest', NULL::good), NULL, 'a NULL row gives NULL');
SELECT ok(echolon_predict('forest', s) BETWEEN 0 AND 100, 'all values missing: a prediction') FROM (SELECT NULL::float8 AS a, NULL::float8 AS b, NULL::text AS colour) AS s;
SELECT is(echolon_predict('forest', s), echolon_predict('forest', m), 'a category never seen goes the way missing goes')
FROM (SELECT 5.0::float8 AS a, 40.0::float8 AS b, 'mauve'::text AS colour) AS s, (SELECT 5.0::float8 AS a, 40.0::float8 AS b, NULL::text AS colour) AS m;
SELECT is(echolon_predict('forest', s), echolon_predict('forest', m), 'NaN is missing')
FROM (SELECT 'NaN'::float8 AS a, 40.0::float8 AS b, 'red'::text AS colour) AS s, (SELECT NULL::float8 AS a, 40.0::float8 AS b, 'red'::text AS colour) AS m;

-- ---- errors that help
SELECT matches(pg_temp.error_of($$SELECT echolon_predict('forest', ROW(1, 2, 'red'))$$), '42703 column "a" that .*forest.* needs is not in the row', 'a ROW without names');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict('forset', g) FROM good AS g$$), '42704 model "forset" does not exist', 'a model that is not there');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict('forset', g) FROM good AS g$$), 'forest', 'and the one that was meant');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict('forest', g, version => 7) FROM good AS g$$), '42704 .*7', 'a version that is not there');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_class('forest', g) FROM good AS g$$), 'echolon_predict\y', 'a class of a regression: the hint names the function');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict('boosted', g) FROM good AS g$$), 'echolon_predict_class', 'a number of a classifier: the hint names the function');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_proba('boosted', g, 'maybe') FROM good AS g$$), 'maybe.*yes', 'a label it does not have: the labels are named');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_json('forest', '{"a": 1, "b": 2}')$$), '42703 key "colour"', 'a key that is missing');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_json('forest', '{"a": "much", "b": 2, "colour": null}')$$), '"a"', 'a value that is no number');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_json('forest', '[1, 2]')$$), '^22', 'a document that is no object');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_model('\xdeadbeef', g) FROM good AS g$$), '^XX001', 'bytes that are no model');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_model(substr(echolon_export_model('forest'), 1, 1000), g) FROM good AS g$$), '^XX001', 'bytes that are half a model');

-- ---- what the planner thinks of it
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE plan json; BEGIN EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan; RETURN plan->0->'Plan'; END $$;
CREATE FUNCTION pg_temp.cost_of(query text) RETURNS float8 LANGUAGE sql AS $$ SELECT (pg_temp.plan_of(query)->>'Total Cost')::float8 $$;
SELECT * FROM echolon_train_rf('good', 'y', features => '{a,b,colour}', model => 'larger', n_estimators => 300);
SELECT cmp_ok(pg_temp.cost_of($$SELECT echolon_predict('larger', g) FROM good AS g$$), '>',
	1.5 * pg_temp.cost_of($$SELECT echolon_predict('forest', g) FROM good AS g$$), 'a larger model costs more');
SELECT cmp_ok(pg_temp.cost_of($$SELECT echolon_predict_json('larger', to_jsonb(g), 1) FROM good AS g$$), '>',
	1.5 * pg_temp.cost_of($$SELECT echolon_predict_json('forest', to_jsonb(g), 1) FROM good AS g$$), 'and a version of it, of a document');
SELECT is(pg_temp.cost_of($$SELECT echolon_predict('nothing', g) FROM good AS g$$), pg_temp.cost_of($$SELECT echolon_predict(g.label, g) FROM good AS g$$),
	'planning does not fail where a model does not exist, or is known only by row');
CREATE TABLE many AS SELECT i AS id, 1.0 AS a, 2.0 AS b, 'red' AS colour FROM generate_series(1, 30000) AS i;
ANALYZE many;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT is(pg_temp.plan_of($$SELECT echolon_predict('larger', m) FROM many AS m$$)->>'Node Type', 'Gather', 'many rows get a parallel plan');
SELECT isnt(pg_temp.plan_of($$SELECT echolon_predict('larger', m) FROM many AS m WHERE id < 50$$)->>'Node Type', 'Gather', 'few do not');

-- ---- every plan: parallel, hashed, sorted
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT is((SELECT sum(echolon_predict('forest', g))::numeric(20, 6) FROM good AS g), (SELECT sum(y)::numeric(20, 6) FROM expected), 'in a parallel plan');
SELECT is((SELECT round(echolon_rmse(y, echolon_predict('forest', g))::numeric, 9) FROM good AS g),
	(SELECT round(sqrt(avg((good.y - expected.y) ^ 2))::numeric, 9) FROM good JOIN expected USING (id)), 'an aggregate over predictions in a parallel plan');

SELECT * FROM finish();
ROLLBACK;

-- echolon_predict_batch: the bits of echolon_predict for every kind of model; and what the planner is told of either.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE points AS SELECT *, id % 3 AS part FROM pg_temp.rows(3000);
UPDATE points SET a = NULL WHERE id % 17 = 0;
SELECT lives_ok($$SELECT echolon_train_rf('points', 'y', features => '{a,b,colour}', n_estimators => 20, model => 'forest')$$, 'a forest');
SELECT lives_ok($$SELECT echolon_train_gb('points', 'y', features => '{a,b,colour}', n_estimators => 10, model => 'numbers')$$, 'a boosted one');
SELECT lives_ok($$SELECT echolon_train_rf('points', 'label', features => '{a,b,colour}', n_estimators => 10, model => 'words')$$, 'classes');
SELECT lives_ok($$SELECT echolon_train_gb('points', 'part', task => 'classification', features => '{a,b,colour}', n_estimators => 5, model => 'digits')$$, 'classes that are numbers');
SELECT lives_ok($$SELECT echolon_train_gb('points', 'y', features => '{a,b,colour,part}', group_by => '{part}', n_estimators => 5, model => 'groups')$$, 'groups');
INSERT INTO points SELECT id + 100000, a, b, 'unheard of', y, label, 9 FROM points WHERE id <= 20;

CREATE FUNCTION pg_temp.differ(model text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM echolon_predict_batch(model, 'points', 'id') b FULL JOIN points p ON p.id = b.key::int8
	WHERE b.key IS NULL OR p.id IS NULL OR b.prediction IS DISTINCT FROM echolon_predict(model, p)
$$;
CREATE FUNCTION pg_temp.differ_classes(model text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM echolon_predict_batch(model, 'points', 'id') b FULL JOIN points p ON p.id = b.key::int8
	WHERE b.key IS NULL OR p.id IS NULL OR b.class IS DISTINCT FROM echolon_predict_class(model, p)
		OR b.probability IS DISTINCT FROM echolon_predict_proba(model, p, b.class)
$$;
SELECT is(pg_temp.differ(m), 0::bigint, m || ': the same numbers, for every row') FROM unnest('{forest,numbers,digits,groups}'::text[]) m;
SELECT is(pg_temp.differ_classes(m), 0::bigint, m || ': the same classes and probabilities') FROM unnest('{words,digits}'::text[]) m;
SELECT is((SELECT count(*) FROM echolon_predict_batch('words', 'points', 'id') WHERE prediction IS NOT NULL), 0::bigint, 'words are no numbers');
SELECT is((SELECT count(*) FROM echolon_predict_batch('forest', 'points', 'id') WHERE class IS NOT NULL OR probability IS NOT NULL), 0::bigint, 'numbers are no classes');
SELECT is((SELECT array_agg(key) FROM echolon_predict_batch('forest', 'points', 'colour') WHERE key = 'unheard of'), array_fill('unheard of'::text, '{20}'), 'any column is the key');
SELECT is((SELECT count(*) FROM echolon_predict_batch('forest', 'points', 'a') WHERE key IS NULL), (SELECT count(*) FROM points WHERE a IS NULL), 'NULLs in it too');
CREATE VIEW few AS SELECT * FROM points WHERE id < 0;
SELECT is((SELECT count(*) FROM echolon_predict_batch('forest', 'few', 'id')), 0::bigint, 'no rows');
SELECT lives_ok($$SELECT echolon_train_rf('points', 'y', features => '{a}', n_estimators => 3, model => 'forest')$$, 'a second version');
SELECT isnt((SELECT sum(prediction) FROM echolon_predict_batch('forest', 'points', 'id', 1)), (SELECT sum(prediction) FROM echolon_predict_batch('forest', 'points', 'id')), 'a version');
SELECT is((SELECT sum(prediction)::numeric(20, 6) FROM echolon_predict_batch('forest', 'points', 'id', 1)), (SELECT sum(echolon_predict('forest', p, 1))::numeric(20, 6) FROM points p), 'is that version');

SELECT matches(pg_temp.error_of($$SELECT echolon_predict_batch('nonesuch', 'points', 'id')$$), '^42704 model "nonesuch" does not exist', 'no model');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_batch('forest', 'points', 'idd')$$), '^42703 column "idd" does not exist', 'no key');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_batch('forest', 'points', NULL)$$), '^22004 parameter "key" must not be null', 'NULL for the key');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_batch('forest', NULL, 'id')$$), '^22004 parameter "relation" must not be null', 'and for the relation');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_batch(NULL, 'points', 'id')$$), '^22004 parameter "model" must not be null', 'and for the model');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_batch('forest', 'points', 'id', 0)$$), '^22023 version must be at least 1', 'version 0');
CREATE TABLE others (id int8, b float8);
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_batch('numbers', 'others', 'id')$$), '^42703 column "a" does not exist', 'a column is missing');

-- ---- what the planner is told
CREATE FUNCTION pg_temp.cost(model text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT json) SELECT echolon_predict(%L, p) FROM points p', model) INTO plan;
	RETURN plan->0->'Plan'->>'Total Cost';
END $$;
SET max_parallel_workers_per_gather = 0;
SELECT lives_ok($$SELECT echolon_train_rf('points', 'y', features => '{a,b,colour}', n_estimators => 200, model => 'large')$$, 'a large model');
SELECT cmp_ok(pg_temp.cost('large'), '>', pg_temp.cost('numbers') * 1.5, 'costs more than a small one');
SELECT is(pg_temp.cost('nonesuch'), pg_temp.cost('nor this'), 'a model that is not there does not disturb a plan');
SELECT isnt(pg_temp.cost('large'), pg_temp.cost('nonesuch'), 'and costs what the function says');
CREATE ROLE batch_stranger;
GRANT SELECT ON points TO batch_stranger;
SET ROLE batch_stranger;
SELECT is(pg_temp.cost('large'), pg_temp.cost('nonesuch'), 'as does one of somebody else');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_batch('large', 'points', 'id')$$), '^42704 model "large" does not exist', 'whom it does not exist for');
RESET ROLE;
SELECT echolon_grant_model('large', 'batch_stranger', 'predict');
SET ROLE batch_stranger;
SELECT isnt(pg_temp.cost('large'), pg_temp.cost('nonesuch'), 'but not one that was granted');
SELECT is((SELECT count(*) FROM echolon_predict_batch('large', 'points', 'id')), 3020::bigint, 'and may be used');
RESET ROLE;
REVOKE ALL ON points FROM batch_stranger;
SET ROLE batch_stranger;
SELECT matches(pg_temp.error_of($$SELECT echolon_predict_batch('large', 'points', 'id')$$), '^42501 permission denied for table points', 'on tables that one may read');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;

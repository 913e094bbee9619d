-- Versions: aliases, rollback, notes, retirement, comparison on rows that neither was fitted to.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE points AS SELECT * FROM pg_temp.rows(2000);
DO $$
BEGIN
	FOR i IN 1 .. 4 LOOP
		PERFORM echolon_train_rf('points', 'y', features => '{a,b,colour}', n_estimators => 2 * i, model => 'm');
	END LOOP;
END
$$;

-- ---- aliases
SELECT is(echolon_version('m'), 4, 'without an alias: the active version');
SELECT lives_ok($$SELECT echolon_set_alias('m', 'audited', 2)$$, 'a version gets a name');
SELECT is(echolon_version('m', 'audited'), 2, 'which stands for it');
SELECT is((SELECT sum(echolon_predict('m@audited', p)) FROM points AS p), (SELECT sum(echolon_predict('m', p, version => 2)) FROM points AS p), 'model@alias predicts by it');
SELECT isnt((SELECT sum(echolon_predict('m@audited', p)) FROM points AS p), (SELECT sum(echolon_predict('m', p)) FROM points AS p), 'and not by the active one');
SELECT is((SELECT sum(echolon_predict('m@champion', p)) FROM points AS p), (SELECT sum(echolon_predict('m', p)) FROM points AS p), 'champion is the active one');
SELECT results_eq($$SELECT score FROM echolon_metrics('m@audited') WHERE metric = 'r2'$$, $$SELECT score FROM echolon.model_versions WHERE model = 'm' AND version = 2$$, 'metrics take it too');
SELECT is((SELECT (version_a, version_b)::text FROM echolon_compare('m@audited', 2, 2)), '(2,2)', 'as does a function with a version that is the same');
SELECT results_eq($$SELECT alias, version FROM echolon.model_aliases WHERE model = 'm' ORDER BY alias$$, $$VALUES ('audited'::text COLLATE "C", 2), ('champion', 4)$$, 'the view lists them');
SELECT lives_ok($$SELECT echolon_set_alias('m', 'audited', 3)$$, 'the name can be given to another');
SELECT is(echolon_version('m', 'audited'), 3, 'which has it then');
SELECT is(echolon_activate('m', 'audited'), 4, 'an alias can be activated');
SELECT is(echolon_activate('m', '4'), 3, 'a number as text too');
SELECT lives_ok($$SELECT echolon_set_alias('m', 'champion', 3)$$, 'to be named champion');
SELECT is((SELECT version FROM echolon.models WHERE model = 'm'), 3, 'is to be activated');
SELECT is(echolon_activate('m', 4), 3, 'back to the last one');
SELECT is(pg_temp.error_of($$SELECT echolon_version('m', 'nobody')$$), '42704 model "m" has no version called "nobody" | SELECT * FROM echolon.model_aliases WHERE model = ''m'' lists them.', 'unknown alias');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict('m@nobody', p) FROM points AS p LIMIT 1$$), '^42704 model "m" has no version called "nobody"', 'unknown alias of a model to predict by');
SELECT matches(pg_temp.error_of($$SELECT echolon_predict('m@audited', p, version => 1) FROM points AS p LIMIT 1$$), '^22023 "m@audited" is version 3, and version 1 is asked for', 'an alias and another version');
SELECT matches(pg_temp.error_of(format('SELECT echolon_set_alias(''m'', %L, 1)', alias)), '^22023 ".*" cannot be an alias', 'no alias: ' || alias) FROM unnest(ARRAY['', '12', 'a@b', repeat('x', 64)]) AS alias;
SELECT matches(pg_temp.error_of($$SELECT echolon_set_alias('m', 'x', 9)$$), '^42704 model "m" has no version 9', 'of a version that is not there');
SELECT lives_ok($$SELECT echolon_drop_alias('m', 'audited')$$, 'an alias is dropped');
SELECT matches(pg_temp.error_of($$SELECT echolon_drop_alias('m', 'audited')$$), '^42704 model "m" has no version called "audited"', 'but once');
SELECT matches(pg_temp.error_of($$SELECT echolon_drop_alias('m', 'champion')$$), '^22023 the alias "champion" cannot be dropped', 'champion never');
SELECT matches(pg_temp.error_of($$SELECT echolon_train_rf('points', 'y', features => '{a}', n_estimators => 2, model => 'm@champion')$$), '^42602 the name of a model cannot have an @ in it', 'no model can be called as a version of another');

-- ---- rollback: one further back each time
SELECT is(echolon_rollback('m'), 3, 'rollback: to the version that was promoted before');
SELECT is((SELECT version FROM echolon.models WHERE model = 'm'), 3, 'which is active then');
SELECT is(echolon_rollback('m'), 2, 'and one further');
SELECT is(echolon_rollback('m'), 1, 'and to the first');
SELECT is(pg_temp.error_of($$SELECT echolon_rollback('m')$$), '55000 model "m" has no version to go back to | No version that is still kept was active before version 1. | echolon_activate(''m'', version) makes any version the active one.', 'and no further');
SELECT is(echolon_activate('m', 4), 1, 'the last one again');

-- what is rolled back was never there
SAVEPOINT before;
SELECT is(echolon_activate('m', 2), 4, 'an activation');
ROLLBACK TO before;
SELECT is((SELECT version FROM echolon.models WHERE model = 'm'), 4, 'that is undone');

-- ---- notes
SELECT lives_ok($$SELECT echolon_add_note('m', 2, 'without the spring sale')$$, 'a note');
SELECT is((SELECT notes[cardinality(notes)] FROM echolon.model_versions WHERE model = 'm' AND version = 2), 'without the spring sale', 'is the last one of its version');

-- ---- retirement
SELECT is(echolon_set_alias('m', 'first', 1)::text, '', 'version 1 has a name');
SELECT is(echolon_keep_versions('m', 1), 1, 'keep one: the active, the one before it and the named one stay');
SELECT is((SELECT count(*)::int FROM echolon.model_versions WHERE model = 'm'), 4, 'all records stay');
SELECT is((SELECT count(*)::int FROM echolon.chunk_store c JOIN echolon.version_store v ON v.id = c.version_id JOIN echolon.model_store m ON m.id = v.model_id WHERE m.model = 'm'), 3, 'and the bytes of three');
SELECT is((SELECT array_agg(version ORDER BY version) FROM echolon.model_versions WHERE model = 'm' AND retired_at IS NULL), (SELECT array_agg(DISTINCT v ORDER BY v) FROM (SELECT 1 AS v UNION SELECT 4 UNION SELECT version FROM (SELECT version FROM echolon.model_versions WHERE model = 'm' AND NOT active ORDER BY activated_at DESC LIMIT 1) AS s) AS t), 'of the active one, the named one and the one promoted before');
SELECT matches(pg_temp.error_of(format('SELECT echolon_predict(''m'', p, version => %s) FROM points AS p LIMIT 1', version)), '^55000 version . of model "m" is retired', 'a retired one does not predict') FROM echolon.model_versions WHERE model = 'm' AND retired_at IS NOT NULL;
SELECT matches(pg_temp.error_of(format('SELECT echolon_activate(''m'', %s)', version)), '^55000 version . of model "m" is retired', 'nor is it activated') FROM echolon.model_versions WHERE model = 'm' AND retired_at IS NOT NULL;
SELECT is((SELECT e.score FROM echolon_metrics('m', version) AS e WHERE metric = 'r2'), score, 'its metrics are still there') FROM echolon.model_versions WHERE model = 'm' AND retired_at IS NOT NULL;
SELECT ok(echolon_rollback('m') > 0, 'and the rollback has where to go');
SELECT is(echolon_keep_versions('m', 0), 0, 'keep all');
DO $$
BEGIN
	FOR i IN 1 .. 8 LOOP
		PERFORM echolon_train_rf('points', 'y', features => '{a,b}', n_estimators => i, model => 'k');
	END LOOP;
END
$$;
SELECT is((SELECT array_agg(version ORDER BY version) FROM echolon.model_versions WHERE model = 'k' AND retired_at IS NULL), '{4,5,6,7,8}', 'five are kept until it is said otherwise');
SELECT matches(pg_temp.error_of($$SELECT echolon_keep_versions('k', -1)$$), '^22023 parameter "keep" is out of range', 'keep cannot be negative');

-- ---- comparison
CREATE TABLE c AS SELECT * FROM points;
SELECT lives_ok($$SELECT echolon_train_rf('c', 'y', features => '{a,b,colour}', n_estimators => 2, model => 'c')$$, 'a version');
INSERT INTO c SELECT id + 2000, a + 0.001, b, colour, y, label FROM points LIMIT 1500;
SELECT lives_ok($$SELECT echolon_train_rf('c', 'y', features => '{a,b,colour}', n_estimators => 40, model => 'c')$$, 'and one of more trees and rows');
CREATE TEMP TABLE compared AS SELECT * FROM echolon_compare('c', 1, 2);
SELECT is((SELECT verdict FROM compared), 'version 2 is better', 'the better one is named');
SELECT is((SELECT verdict FROM echolon_compare('c', 2, 1)), 'version 2 is better', 'in any order');
SELECT is((SELECT score_b FROM compared), (SELECT score FROM echolon.model_versions WHERE model = 'c' AND version = 2), 'the newer one has its own score: the rows it held out are those the older one held out, and new ones of that side');

-- of a split in time the rows can be told by SQL, and the scores by PostgreSQL's own aggregates
SELECT lives_ok($$SELECT echolon_train_gb('c', 'y', features => '{a,b,colour}', split_by => 'id', refit => false, n_estimators => 10, model => 'later')$$, 'split in time');
SELECT lives_ok($$SELECT echolon_train_gb('c', 'y', features => '{a,b,colour}', split_by => 'id', n_estimators => 30, model => 'later')$$, 'and one fitted again to all rows');
SELECT is((SELECT verdict FROM echolon_compare('later', 1, 2)), 'not comparable: there are 0 rows that neither was fitted to, and 30 are needed', 'no rows are new to it');
INSERT INTO c SELECT id + 10000, a + 0.002, b, colour, y + id % 3, label FROM points LIMIT 200;
SELECT is((SELECT rows::int FROM echolon_compare('later', 1, 2)), 200, 'later rows are');
SELECT is((SELECT round(score_a::numeric, 9) FROM echolon_compare('later', 1, 2)),
	(SELECT round((1 - sum((y - p) ^ 2) / (count(*) * var_pop(y)))::numeric, 9) FROM (SELECT y, echolon_predict('later', c, version => 1) AS p FROM c WHERE id > 10000) AS s), 'r2 of the one is what SQL says');
SELECT is((SELECT round((metrics #>> '{b,rmse}')::numeric, 9) FROM echolon_compare('later', 1, 2)),
	(SELECT round(sqrt(avg((y - p) ^ 2))::numeric, 9) FROM (SELECT y, echolon_predict('later', c, version => 2) AS p FROM c WHERE id > 10000) AS s), 'rmse of the other too');

-- classes, which one of the versions does not know
CREATE TABLE kinds AS SELECT a, b, id, colour FROM points WHERE colour <> 'red';
SELECT lives_ok($$SELECT echolon_train_rf('kinds', 'colour', features => '{a,b}', split_by => 'id', refit => false, n_estimators => 5, model => 'kinds')$$, 'three classes');
INSERT INTO kinds SELECT a, b, id + 5000, colour FROM points;
SELECT lives_ok($$SELECT echolon_train_rf('kinds', 'colour', features => '{a,b}', split_by => 'id', refit => false, n_estimators => 5, model => 'kinds')$$, 'four');
SELECT cmp_ok((SELECT score_b FROM echolon_compare('kinds', 1, 2)), '>', (SELECT score_a FROM echolon_compare('kinds', 1, 2)), 'who knows all classes is better');
SELECT is((SELECT round((metrics #>> '{a,accuracy}')::numeric, 9) FROM echolon_compare('kinds', 1, 2)),
	(SELECT round(avg((echolon_predict_class('kinds', k, version => 1) = colour)::int), 9) FROM kinds AS k
	 WHERE id > (SELECT (recipe #>> '{split,after}')::float8 FROM echolon.version_store v JOIN echolon.model_store m ON m.id = v.model_id WHERE m.model = 'kinds' AND v.version = 2)), 'accuracy is what SQL says');

-- not comparable
SELECT lives_ok($$SELECT echolon_train_rf('points', 'y', features => '{a,b}', n_estimators => 2, model => 'm')$$, 'a version of other columns');
SELECT is((SELECT verdict FROM echolon_compare('m', 1, 5)), 'not comparable: they were trained on other columns, or split by others', 'is not comparable');
SELECT lives_ok($$SELECT echolon_train_rf('points', 'y', features => '{a,b}', test_fraction => 0, n_estimators => 2, model => 'm')$$, 'one of all rows');
SELECT is((SELECT verdict FROM echolon_compare('m', 5, 6)), 'not comparable: of version 6 it was fitted to all rows', 'neither');
SELECT matches(pg_temp.error_of($$SELECT echolon_compare('m', 1, 99)$$), '^42704 model "m" has no version 99', 'no such version');

SELECT * FROM finish();
ROLLBACK;

-- Retraining: what is promoted and why, every kind of model, what makes a model due, records of failures, rights.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE points AS SELECT * FROM pg_temp.rows(2000);
CREATE FUNCTION pg_temp.more(n int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO points SELECT id + (SELECT max(id) FROM points), a + 0.0001 * (SELECT max(id) FROM points), b, colour, y, label FROM pg_temp.rows(n)
$$;

-- ---- the same rows, more rows, worse rows
SELECT lives_ok($$SELECT echolon_train_rf('points', 'y', features => '{a,b,colour}', n_estimators => 10, model => 'm')$$, 'a model');
CREATE TEMP TABLE r AS SELECT * FROM echolon_retrain('m');
SELECT is((SELECT (state, version, promoted)::text FROM r), '(unchanged,,f)', 'the same rows: nothing new is stored');
SELECT is((SELECT count(*)::int FROM echolon.model_versions WHERE model = 'm'), 1, 'really');
SELECT lives_ok('SELECT pg_temp.more(2000)', 'more rows');
TRUNCATE r;
INSERT INTO r SELECT * FROM echolon_retrain('m');
SELECT is((SELECT (champion, version, rows_used)::text FROM r), '(1,2,4000)', 'more rows: a new version');
SELECT is((SELECT state FROM r), (SELECT CASE WHEN score >= champion_score THEN 'promoted' ELSE 'kept' END FROM r), 'promoted where it is as good');
SELECT is((SELECT version FROM echolon.models WHERE model = 'm'), (SELECT CASE WHEN promoted THEN 2 ELSE 1 END FROM r), 'and active then');
SELECT is((SELECT (rows_compared, champion_score, score)::text FROM r), (SELECT (rows, score_a, score_b)::text FROM echolon_compare('m', 1, 2)), 'the scores are those of echolon_compare');
SELECT is((SELECT (state, version, champion, score, champion_score, rows_compared, started_by)::text FROM echolon.training_runs WHERE model = 'm' AND kind = 'retraining' ORDER BY run DESC LIMIT 1),
	(SELECT (state, version, champion, score, champion_score, rows_compared, 'asked for'::text)::text FROM r), 'the run is recorded');
SELECT is((SELECT array_agg(kind || coalesce(run > 0, false) ORDER BY finished_at) FROM echolon.training_runs WHERE model = 'm'), '{trainingfalse,retrainingtrue,retrainingtrue}', 'and so is the training');

-- a target that is noise now: what was learned before is better than what can be learned
UPDATE points SET y = (id::int8 * 7919 % 1000) WHERE id > 2000;
TRUNCATE r;
INSERT INTO r SELECT * FROM echolon_retrain('m');
SELECT is((SELECT (state, promoted)::text FROM r WHERE score < champion_score OR score < baseline), (SELECT '(kept,f)' FROM r WHERE score < champion_score OR score < baseline), 'a worse one is not promoted');
SELECT is(echolon_version('m', 'champion'), (SELECT CASE WHEN promoted THEN version ELSE champion END FROM r), 'the champion stays');
SELECT is((SELECT state FROM echolon_retrain('m', promote => true)), 'promoted', 'unless it is asked for');
UPDATE points SET y = y + 1 WHERE id % 2 = 0;
SELECT is((SELECT (state, promoted)::text FROM echolon_retrain('m', promote => false)), '(kept,f)', 'or asked not to');
SELECT is(echolon_version('m', 'challenger'), (SELECT max(version) FROM echolon.model_versions WHERE model = 'm'), 'what was not promoted is the challenger');
SELECT is((SELECT state FROM echolon_retrain('m', tolerance => 100, promote => NULL) WHERE score >= baseline), (SELECT 'promoted' FROM echolon.training_runs WHERE model = 'm' AND state = 'promoted' AND run = (SELECT max(run) FROM echolon.training_runs WHERE model = 'm')), 'within the tolerance');
SELECT matches(pg_temp.error_of($$SELECT echolon_retrain('m', tolerance => -1)$$), '^22023 parameter "tolerance" is out of range', 'a tolerance below 0');

-- ---- not comparable
SELECT lives_ok($$SELECT echolon_train_rf('points', 'y', features => '{a,b}', n_estimators => 5, test_fraction => 0, model => 'all')$$, 'a model of all rows');
SELECT lives_ok('SELECT pg_temp.more(500)', 'more rows');
SELECT is((SELECT (state, promoted, rows_compared)::text FROM echolon_retrain('all')), '("not comparable",f,0)', 'cannot be compared, and stays');
SELECT lives_ok($$SELECT echolon_train_gb('points', 'y', features => '{a,b}', n_estimators => 5, split_by => 'id', model => 'time')$$, 'a model split in time, of all rows again');
SELECT lives_ok('SELECT pg_temp.more(20)', 'a few more rows');
SELECT is((SELECT (state, version, promoted)::text FROM echolon_retrain('time')), '("not comparable",2,f)', 'are too few');
SELECT is((SELECT reason FROM echolon.training_runs WHERE model = 'time' AND kind = 'retraining'), 'not comparable: there are 20 rows that neither was fitted to, and 30 are needed', 'it says so');
SELECT lives_ok('SELECT pg_temp.more(100)', 'enough rows');
SELECT is((SELECT (rows_compared, state <> 'not comparable')::text FROM echolon_retrain('time')), '(120,t)', 'later than what the champion was fitted to');

-- ---- every kind of model
DO $$
DECLARE
	bytes bytea;
BEGIN
	PERFORM echolon_train_gb('points', 'label', features => '{a,b,colour}', n_estimators => 10, model => 'classes');
	PERFORM echolon_train_gb('points', 'colour', features => '{a,b}', n_estimators => 5, model => 'three');
	PERFORM echolon_train_gb('points', 'y', features => '{a,b,colour}', n_estimators => 10, high_value_percentile => 0.75, model => 'high');
	PERFORM echolon_train_rf('points', 'y', features => '{a,b,colour}', n_estimators => 10, impute => 'median', outliers => 'clip', scale => 'standard', encode => 'target', model => 'cleaned');
	PERFORM echolon_train_gb('points', 'y', features => '{a,b,colour}', n_estimators => 200, early_stopping_rounds => 5, model => 'stopping');
	PERFORM echolon_train_rf('points', 'label', features => '{a,b,colour}', n_estimators => 10, threshold => 'f1', class_weight => 'balanced', model => 'weighted');
	PERFORM echolon_train_rf('points', 'y', features => '{a,b}', n_estimators => 5, split_groups => 'colour', model => 'apart');
	PERFORM echolon_train_rf('points', 'y', features => '{a,b}', group_by => '{colour}', min_group_rows => 100, n_estimators => 5, model => 'groups');
	PERFORM echolon_train_gb('points', 'y', features => '{a,b,colour}', n_estimators => 10, model => 'updated');
	PERFORM echolon_update('updated', 'points', n_estimators => 10, activate => true);
END
$$;
SELECT lives_ok('SELECT pg_temp.more(1000)', 'more rows');
CREATE TEMP TABLE kinds AS SELECT r.* FROM unnest(ARRAY['classes', 'three', 'high', 'cleaned', 'stopping', 'weighted', 'apart', 'groups', 'updated']) AS name, LATERAL echolon_retrain(name) AS r;
SELECT ok(rows_compared >= 30 AND champion_score IS NOT NULL AND score IS NOT NULL AND state IN ('promoted', 'kept'), model || ': ' || reason) FROM kinds;
SELECT is(k.score, v.score, k.model || ': what both held out is what it was measured on') FROM kinds AS k JOIN echolon.model_versions AS v USING (model, version) WHERE k.model IN ('classes', 'three', 'high', 'cleaned', 'weighted', 'groups');
-- of models that are compared, the two functions agree where the question is the same
SELECT is((c.rows, c.score_a, c.score_b)::text, (k.rows_compared, k.champion_score, k.score)::text, k.model || ': as echolon_compare') FROM kinds AS k, LATERAL echolon_compare(k.model, k.champion, k.version) AS c;
SELECT is((SELECT v.parameters -> 'n_estimators' FROM echolon.model_versions AS v JOIN kinds AS k USING (model, version) WHERE model = 'stopping'), '200', 'parameters are repeated as they were given');
SELECT ok((SELECT v.recipe -> 'updates' IS NULL FROM echolon.version_store AS v JOIN echolon.model_store AS m ON m.id = v.model_id JOIN kinds AS k ON k.model = m.model AND k.version = v.version WHERE k.model = 'updated'), 'of an updated model the first training is repeated');

-- the whole flow's models
SELECT lives_ok($$SELECT count(*) FROM echolon_fine_tune('points', 'y', n_estimators => 5)$$, 'fine_tune');
SELECT lives_ok('SELECT pg_temp.more(1000)', 'more rows');
SELECT ok(r.rows_compared >= 30, r.model || ': ' || reason) FROM unnest(ARRAY['points_y_regression', 'points_y_classification']) AS name, LATERAL echolon_retrain(name) AS r;

-- a feature set
CREATE TABLE days AS SELECT id, date '2020-01-01' + id AS day, a, b, y FROM pg_temp.rows(1200);
ALTER TABLE days ADD PRIMARY KEY (id);
SELECT lives_ok($$SELECT echolon_create_features('days_set', 'days', date_column => 'day', numeric_columns => '{a,y}', target => 'y')$$, 'a feature set');
SELECT lives_ok($$SELECT echolon_train_rf('days_set', 'y', n_estimators => 5)$$, 'a model of it');
INSERT INTO days SELECT id + 1200, date '2020-01-01' + id + 1200, a, b, y FROM pg_temp.rows(100);
SELECT is((SELECT rows_compared FROM echolon_retrain('days_set_y')), 100::bigint, 'is compared on the days that are new');

-- columns that are new stay out
ALTER TABLE points ADD COLUMN answer float8;
UPDATE points SET answer = y;
SELECT lives_ok($$SELECT echolon_retrain('classes')$$, 'a column that is new');
SELECT ok((SELECT parameters::text NOT LIKE '%answer%' AND recipe ->> 'columns' NOT LIKE '%answer%' FROM echolon.version_store v JOIN echolon.model_store m ON m.id = v.model_id WHERE m.model = 'classes' ORDER BY version DESC LIMIT 1), 'is not learned from');
ALTER TABLE points DROP COLUMN answer;

-- ---- imported ones
SELECT lives_ok($$SELECT echolon_import_model('bare', echolon_export_model('m'))$$, 'an imported model');
SELECT matches(pg_temp.error_of($$SELECT echolon_retrain('bare')$$), '^55000 model "bare" has no relation to read rows from', 'has no relation');

-- ---- when
SELECT is(pg_temp.error_of(format('SELECT echolon_retrain_when(''m'', %s)', p)) ~ '^22023 parameter ".*" is out of range', true, p || ' is out of range')
	FROM unnest(ARRAY['every_rows => 0', 'every => ''-1 day''', 'drift_above => 0', 'error_above => ''NaN''', 'tolerance => -1', 'max_seconds => 0', 'max_memory => ''x''', 'max_memory => ''1kB''']) AS p;
CREATE FUNCTION pg_temp.last_run(name text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws('; ', started_by, state) FROM echolon.training_runs WHERE model = name AND kind = 'retraining' ORDER BY run DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.runs() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM echolon.training_runs WHERE kind = 'retraining'$$;
CREATE TABLE w AS SELECT * FROM pg_temp.rows(1000);
SELECT lives_ok($$SELECT echolon_train_gb('w', 'y', features => '{a,b}', n_estimators => 5, model => 'w')$$, 'a model');
CREATE TEMP TABLE n AS SELECT pg_temp.runs() AS n;
SELECT lives_ok('CALL echolon_retrain_due()', 'nothing is due');
SELECT is(pg_temp.runs(), (SELECT n FROM n), 'nothing was done');
SELECT lives_ok($$SELECT echolon_retrain_when('w', every_rows => 100)$$, 'every 100 rows');
SELECT is((SELECT (every_rows, every, keep_versions)::text FROM echolon.retrain_policies WHERE model = 'w'), '(100,,5)', 'the view says so');
INSERT INTO w SELECT id + 1000, a, b + 0.01, colour, y, label FROM pg_temp.rows(99);
SELECT lives_ok('CALL echolon_retrain_due()', '99 rows');
SELECT is(pg_temp.last_run('w'), NULL, 'are not enough');
INSERT INTO w SELECT id + 2000, a, b + 0.02, colour, y, label FROM pg_temp.rows(1);
SELECT lives_ok('CALL echolon_retrain_due()', '100 rows');
SELECT matches(pg_temp.last_run('w'), '^100 new rows; (promoted|kept)$', 'are');
SELECT lives_ok('CALL echolon_retrain_due()', 'once');
SELECT is(pg_temp.runs(), (SELECT n + 1 FROM n), 'and once only');
SELECT lives_ok($$SELECT echolon_retrain_when('w', at => now() - interval '1 hour')$$, 'a date before the last run');
SELECT lives_ok('CALL echolon_retrain_due()', 'is not due');
SELECT is(pg_temp.runs(), (SELECT n + 1 FROM n), 'no');
SELECT lives_ok($$SELECT echolon_retrain_when('w', at => clock_timestamp())$$, 'a date after it');
SELECT lives_ok('CALL echolon_retrain_due()', 'is');
SELECT matches(pg_temp.last_run('w'), '^date: .*; unchanged$', 'on the same rows');
SELECT lives_ok('CALL echolon_retrain_due()', 'once');
SELECT is(pg_temp.runs(), (SELECT n + 2 FROM n), 'and once only');
SELECT lives_ok($$SELECT echolon_retrain_when('w', every => '1 hour')$$, 'every hour');
SELECT lives_ok('CALL echolon_retrain_due()', 'is not yet due');
SELECT is(pg_temp.runs(), (SELECT n + 2 FROM n), 'no');
SELECT lives_ok($$SELECT echolon_retrain_when('w', every => '1 microsecond')$$, 'every microsecond');
SELECT lives_ok('CALL echolon_retrain_due()', 'is');
SELECT matches(pg_temp.last_run('w'), '^every .*; unchanged$', 'yes');
SELECT lives_ok($$SELECT echolon_retrain_when('w', drift_above => 0.2)$$, 'drift');
INSERT INTO w SELECT id + 3000, a, b, colour, y, label FROM pg_temp.rows(100);
SELECT lives_ok('CALL echolon_retrain_due()', 'there is none');
SELECT matches(pg_temp.last_run('w'), '^every', 'no');
INSERT INTO w SELECT id + 4000, a + 50, b, colour, y, label FROM pg_temp.rows(1000);
SELECT lives_ok('CALL echolon_retrain_due()', 'there is');
SELECT matches(pg_temp.last_run('w'), '^drift of a is [0-9.]+, above 0.2; ', 'and it says of what');
INSERT INTO w SELECT id + 5000, a, b, colour, y, label FROM pg_temp.rows(10);
SELECT lives_ok($$SELECT echolon_retrain_when('w', error_above => 1000000)$$, 'an error that is not reached');
SELECT lives_ok('CALL echolon_retrain_due()', 'is not due');
SELECT matches(pg_temp.last_run('w'), '^drift', 'no');
SELECT lives_ok($$SELECT echolon_retrain_when('w', error_above => 0.0001)$$, 'one that is');
SELECT lives_ok('CALL echolon_retrain_due()', 'is');
SELECT matches(pg_temp.last_run('w'), '^rmse is [0-9.]+, above 0.0001; ', 'and it says so');
SELECT lives_ok($$SELECT echolon_retrain_when('w')$$, 'no more');
SELECT is((SELECT count(*) FROM echolon.retrain_policies WHERE model = 'w'), 0::bigint, 'is said by the name alone');
SELECT matches(pg_temp.error_of('CALL echolon_retrain_due(force => true)'), '^22023 parameter "force" needs a model', 'force needs a model');

-- ---- failures: the function raises, the procedure records
CREATE TABLE f AS SELECT * FROM pg_temp.rows(500);
SELECT lives_ok($$SELECT echolon_train_rf('f', 'y', features => '{a,b}', n_estimators => 2, model => 'f')$$, 'a model');
CREATE FUNCTION pg_temp.failure(name text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', state, sqlstate, split_part(error, E'\n', 1), version) FROM echolon.training_runs WHERE model = name ORDER BY run DESC NULLS LAST LIMIT 1
$$;
SELECT lives_ok($$SELECT echolon_retrain_when('f', max_memory => '1MB', every => '1 microsecond')$$, 'too little memory');
INSERT INTO f SELECT id + 1000, a, b + 1, colour, y, label FROM pg_temp.rows(100000);
SET LOCAL client_min_messages = error;
SELECT lives_ok('CALL echolon_retrain_due()', 'does not stop the call');
SELECT matches(pg_temp.failure('f'), '^failed (53200|54000) .*more than 1 MB', 'and is recorded');
SELECT is(current_setting('echolon.max_memory'), '-1', 'the setting is the caller''s again');
DELETE FROM f WHERE id > 1000;
SELECT lives_ok($$SELECT echolon_retrain_when('f')$$, 'as much as needed');
ALTER TABLE f ALTER COLUMN y TYPE text USING y::text;
SELECT matches(pg_temp.error_of($$SELECT echolon_retrain('f')$$), '^42804 column "y" has type text, but model "f" predicts a number', 'a target of another type');
SELECT lives_ok($$CALL echolon_retrain_due('f', force => true)$$, 'the procedure goes on');
SELECT is(pg_temp.failure('f'), 'failed 42804 column "y" has type text, but model "f" predicts a number', 'and records it');
ALTER TABLE f ALTER COLUMN y TYPE float8 USING y::float8;
ALTER TABLE f ALTER COLUMN a TYPE text USING a::text;
SELECT matches(pg_temp.error_of($$SELECT echolon_retrain('f')$$), '^42804 column "a" has type text, but model "f" needs double precision', 'a column of another type');
ALTER TABLE f DROP COLUMN a;
SELECT matches(pg_temp.error_of($$SELECT echolon_retrain('f')$$), '^42703 column "a" does not exist in "f"', 'a column that is gone');
SELECT is((SELECT state FROM echolon.models WHERE model = 'f'), 'column missing: a', 'the state says so');
DROP TABLE f;
SELECT matches(pg_temp.error_of($$SELECT echolon_retrain('f')$$), '^42P01 the relation of model "f" does not exist', 'a table that is gone');
SELECT is((SELECT state FROM echolon.models WHERE model = 'f'), 'relation missing', 'the state says so');
SELECT lives_ok($$CALL echolon_retrain_due('f', force => true)$$, 'the procedure goes on');
SELECT is(pg_temp.failure('f'), 'failed 42P01 the relation of model "f" does not exist', 'and records it');
SET LOCAL client_min_messages = warning;

-- ---- rights: public, those who may train, strangers; what a view calls runs as the owner
CREATE ROLE regress_retrain_owner;
CREATE ROLE regress_retrain_other;
SELECT is(has_function_privilege('regress_retrain_other', 'echolon_retrain(text, float8, boolean)', 'EXECUTE'), true, 'anyone may call');
CREATE SCHEMA regress_retrain AUTHORIZATION regress_retrain_owner;
GRANT SELECT ON w TO regress_retrain_owner;
SET LOCAL ROLE regress_retrain_owner;
CREATE TABLE regress_retrain.who (name text, setting text);
CREATE FUNCTION regress_retrain.watch(v float8) RETURNS float8 LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	IF v < 0.011 THEN
		RAISE WARNING 'rows are read by %', current_user;
		BEGIN
			EXECUTE 'ALTER ROLE regress_retrain_owner SUPERUSER';
		EXCEPTION WHEN insufficient_privilege THEN
			NULL;
		END;
	END IF;
	RETURN v;
END
$$;
CREATE VIEW regress_retrain.v AS SELECT regress_retrain.watch(a) AS a, b, y, id FROM public.w;
SELECT lives_ok($$SELECT echolon_train_rf('regress_retrain.v', 'y', features => '{a,b}', n_estimators => 2, model => 'theirs')$$, 'a model of a hostile view');
RESET ROLE;
INSERT INTO w SELECT id + 20000, a, b + 3, colour, y, label FROM pg_temp.rows(500);
SELECT lives_ok($$SELECT echolon_retrain('theirs')$$, 'a superuser trains it again');
SELECT lives_ok($$SELECT echolon_compare('theirs', 1, 2)$$, 'compares it');
SELECT lives_ok($$SELECT echolon_retrain_when('theirs', every_rows => 1, error_above => 0.00001, drift_above => 0.0001)$$, 'lets it become due');
SET LOCAL client_min_messages = error;
SELECT lives_ok('CALL echolon_retrain_due()', 'and has it done');
SET LOCAL client_min_messages = warning;
SELECT is((SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_retrain_owner'), false, 'and the owner is no superuser');
SELECT is((SELECT (owner, trained_by)::text FROM echolon.models WHERE model = 'theirs'), '(regress_retrain_owner,regress_retrain_owner)', 'the model is the owner''s, trained as the owner');
SELECT is((SELECT run_by FROM echolon.training_runs WHERE model = 'theirs' AND kind = 'retraining' ORDER BY run LIMIT 1), current_user::text, 'who called is in the record');
SELECT is(current_setting('search_path'), current_setting('search_path'), 'settings are as they were');
SET LOCAL ROLE regress_retrain_other;
SELECT is((SELECT count(*) FROM echolon.training_runs), 0::bigint, 'a stranger sees no run');
SELECT is((SELECT count(*) FROM echolon.retrain_policies), 0::bigint, 'no policy');
SELECT is((SELECT count(*) FROM echolon.model_aliases), 0::bigint, 'no alias');
SELECT matches(pg_temp.error_of(s), '^42704 model "theirs" does not exist', s) FROM unnest(ARRAY[
	$$SELECT echolon_retrain('theirs')$$, $$SELECT echolon_retrain_when('theirs', every_rows => 1)$$, $$CALL echolon_retrain_due('theirs')$$,
	$$SELECT echolon_compare('theirs', 1, 2)$$, $$SELECT echolon_rollback('theirs')$$, $$SELECT echolon_activate('theirs', 'champion')$$,
	$$SELECT echolon_set_alias('theirs', 'x', 1)$$, $$SELECT echolon_drop_alias('theirs', 'x')$$, $$SELECT echolon_version('theirs')$$,
	$$SELECT echolon_add_note('theirs', 1, 'x')$$, $$SELECT echolon_keep_versions('theirs', 1)$$]) AS s;
SELECT matches(pg_temp.error_of('SELECT * FROM echolon.' || t), '^42501 permission denied', t || ' is private') FROM unnest(ARRAY['alias_store', 'retrain_store', 'run_store']) AS t;
SELECT lives_ok('CALL echolon_retrain_due()', 'a stranger''s call does nothing');
RESET ROLE;
SELECT lives_ok($$SELECT echolon_grant_model('theirs', 'public')$$, 'granted to everyone');
SET LOCAL ROLE regress_retrain_other;
SELECT cmp_ok((SELECT count(*)::int FROM echolon.training_runs), '>', 0, 'who may predict sees the runs');
SELECT is((SELECT count(*)::int FROM echolon.models WHERE model = 'theirs'), 1, 'and the model');
SELECT lives_ok($$SELECT echolon_compare('theirs', 1, 2)$$, 'may compare, though the view is not theirs to read');
SELECT matches(pg_temp.error_of($$SELECT a FROM regress_retrain.v$$), '^42501', 'it is not');
SELECT matches(pg_temp.error_of(s), '^42501 permission denied for model "theirs"', s) FROM unnest(ARRAY[
	$$SELECT echolon_retrain('theirs')$$, $$SELECT echolon_retrain_when('theirs', every_rows => 1)$$, $$CALL echolon_retrain_due('theirs')$$,
	$$SELECT echolon_rollback('theirs')$$, $$SELECT echolon_activate('theirs', 'champion')$$, $$SELECT echolon_set_alias('theirs', 'x', 1)$$,
	$$SELECT echolon_drop_alias('theirs', 'x')$$, $$SELECT echolon_add_note('theirs', 1, 'x')$$, $$SELECT echolon_keep_versions('theirs', 1)$$]) AS s;
RESET ROLE;
SELECT lives_ok($$SELECT echolon_grant_model('theirs', 'regress_retrain_other', 'train')$$, 'granted to train');
INSERT INTO w SELECT id + 30000, a, b + 4, colour, y, label FROM pg_temp.rows(500);
SET LOCAL ROLE regress_retrain_other;
SELECT lives_ok($$SELECT echolon_retrain('theirs')$$, 'who may train does so as the owner');
SELECT matches(pg_temp.error_of($$SELECT echolon_keep_versions('theirs', 1)$$), '^42501', 'deleting bytes is for owners');
RESET ROLE;
SELECT is((SELECT run_by FROM echolon.training_runs WHERE model = 'theirs' AND kind = 'retraining' ORDER BY run DESC LIMIT 1), 'regress_retrain_other', 'and is in the record');
SELECT lives_ok($$SELECT echolon_drop_model('theirs')$$, 'dropped');
SELECT is((SELECT count(*)::int FROM echolon.run_store r WHERE NOT EXISTS (SELECT 1 FROM echolon.model_store m WHERE m.id = r.model_id)), 0, 'its runs are gone with it');

SELECT * FROM finish();
ROLLBACK;

-- Views for BI tools: they show what the functions say of each version, to who may see the model; plain types, a
-- comment on every column; a record that was imported cannot make them fail.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE points AS SELECT * FROM pg_temp.rows(2000);
DO $$
BEGIN
	PERFORM echolon_train_rf('points', 'y', features => '{a,b,colour}', n_estimators => 12, model => 'forest');
	PERFORM echolon_train_gb('points', 'y', features => '{a,b,colour}', n_estimators => 9, model => 'forest');
	PERFORM echolon_train_gb('points', 'label', features => '{a,colour}', n_estimators => 7, model => 'classes');
	PERFORM echolon_train_rf('points', 'y', features => '{a,b}', n_estimators => 5, test_fraction => 0, model => 'all_rows');
	PERFORM echolon_train_rf('points', 'y', features => '{a,b}', group_by => '{colour}', n_estimators => 5, model => 'grouped');
END
$$;
CREATE TEMP TABLE versions AS SELECT model, version FROM echolon.model_versions;
-- the oracle of the views are the functions, which read the record and the bytes themselves
CREATE FUNCTION pg_temp.scores() RETURNS TABLE (model text, version int, split text, metric text, value float8, baseline float8) LANGUAGE sql AS $$
	SELECT v.model, v.version, s.split, m.metric, s.value, m.baseline
	FROM versions AS v, LATERAL echolon_metrics(v.model, v.version) AS m,
		LATERAL (VALUES ('test', CASE WHEN m.measured_on LIKE 'holdout%' THEN m.score END), ('train', m.train_score), ('oob', m.oob_score)) AS s (split, value)
	WHERE s.value IS NOT NULL
$$;

-- ---- metrics
SELECT set_eq('SELECT model, version, split, metric, value, baseline FROM echolon.metrics WHERE value IS NOT NULL', 'SELECT * FROM pg_temp.scores()', 'metrics are those of echolon_metrics, of all versions');
SELECT results_eq($$SELECT DISTINCT model, split FROM echolon.metrics WHERE metric IN ('r2', 'roc_auc') ORDER BY 1, 2$$,
	$$VALUES ('all_rows'::text COLLATE "C", 'oob'), ('all_rows', 'train'), ('classes', 'test'), ('classes', 'train'), ('forest', 'oob'), ('forest', 'test'), ('forest', 'train'), ('grouped', 'oob'), ('grouped', 'test'), ('grouped', 'train')$$,
	'on held-out rows, training rows, out of bag, where there are such');
SELECT is((SELECT count(*) FROM echolon.metrics WHERE baseline IS NOT NULL AND model = 'all_rows'), 0::bigint, 'without held-out rows there is no baseline');
SELECT is(m.value, v.score, 'the headline is the score'), is(m.baseline, v.baseline, 'beside its baseline'), is(m.at, v.trained_at, 'at the time of the version'), is(m.task, 'regression', 'with its task'), ok(m.active, 'and whether it is active')
FROM echolon.models AS v JOIN echolon.metrics AS m USING (model, version) WHERE v.model = 'forest' AND m.metric = v.metric AND m.split = 'test';

-- ---- importance, curve, residuals
SELECT set_eq('SELECT model, version, rank, feature, importance, splits FROM echolon.feature_importance',
	'SELECT v.model, v.version, i.* FROM versions AS v, LATERAL echolon_feature_importance(v.model, v.version) AS i', 'importance is that of echolon_feature_importance, to the last bit');
SELECT set_eq('SELECT model, version, n_estimators, train, held_out FROM echolon.learning_curve',
	'SELECT v.model, v.version, c.* FROM versions AS v, LATERAL echolon_learning_curve(v.model, v.version) AS c', 'curves are those of echolon_learning_curve');
SELECT bag_eq($$SELECT actual, predicted, residual FROM echolon.residuals WHERE model = 'forest' AND version = 1$$, $$SELECT * FROM echolon_residuals('forest', 1)$$, 'residuals are those of echolon_residuals');
SELECT bag_eq($$SELECT actual, predicted, residual FROM echolon.residuals WHERE model = 'forest' AND active$$, $$SELECT * FROM echolon_residuals('forest')$$, 'also of the active version');
SELECT is(count(*), count(DISTINCT row_number), 'rows are numbered'), cmp_ok(count(*), '>', 0::bigint, 'and there are some') FROM echolon.residuals WHERE model = 'forest' AND active;
SELECT is((SELECT count(*) FROM echolon.residuals WHERE model = 'classes'), 0::bigint, 'classifiers have none');
SELECT bag_eq($$SELECT actual, predicted, residual FROM echolon.residuals WHERE model = 'all_rows'$$, $$SELECT * FROM echolon_residuals('all_rows')$$, 'without held-out rows they are those out of bag');
SELECT is(count(*), 2::bigint, 'importance stays when the bytes of a version go') FROM (SELECT echolon_keep_versions('forest', 1)) AS k, LATERAL (SELECT DISTINCT version FROM echolon.feature_importance WHERE model = 'forest' OFFSET 0) AS x;

-- ---- an export brings importance with it, since it is computed from the bytes
SELECT lives_ok($$SELECT echolon_import_model('copy', echolon_export_model('classes'))$$, 'a model is imported');
SELECT set_eq($$SELECT rank, feature, importance, splits FROM echolon.feature_importance WHERE model = 'copy'$$, $$SELECT rank, feature, importance, splits FROM echolon.feature_importance WHERE model = 'classes'$$, 'with the same importance');

-- ---- a record that says what no training says: what is no number is NULL
SELECT is(echolon.json_number('1e400'), NULL, 'a number that no float8 holds'), is(echolon.json_number('"1"'), NULL, 'a string'), is(echolon.json_number('[1]'), NULL, 'an array'), is(echolon.json_number('null'), NULL, 'null'), is(echolon.json_number('-1.5'), -1.5::float8, 'a number');
UPDATE echolon.version_store AS v SET metrics = '{"measured_on": "holdout", "score": {"r2": 1e400, "mae": "x"}, "train": [1], "oob": 3, "baseline": null}'
FROM echolon.model_store AS m WHERE m.id = v.model_id AND m.model = 'copy';
SELECT set_eq($$SELECT split, metric::text, value, baseline FROM echolon.metrics WHERE model = 'copy'$$, $$VALUES ('test'::text, 'mae'::text, NULL::float8, NULL::float8), ('test', 'r2', NULL, NULL)$$, 'it makes no view fail');

-- ---- who sees what
CREATE ROLE views_stranger;
CREATE ROLE views_reader;
SELECT echolon_grant_model('forest', 'views_reader', 'predict') \g /dev/null
CREATE TEMP TABLE who (role text, model text);
GRANT ALL ON who TO PUBLIC;
SET ROLE views_stranger;
INSERT INTO who SELECT 'stranger', model FROM echolon.metrics UNION SELECT 'stranger', model FROM echolon.feature_importance UNION SELECT 'stranger', model FROM echolon.learning_curve UNION SELECT 'stranger', model FROM echolon.residuals;
SELECT pg_temp.error_of('SELECT * FROM echolon.visible_models') AS refused \gset
SET ROLE views_reader;
INSERT INTO who SELECT 'reader', model FROM echolon.metrics INTERSECT SELECT 'reader', model FROM echolon.feature_importance INTERSECT SELECT 'reader', model FROM echolon.learning_curve INTERSECT SELECT 'reader', model FROM echolon.residuals;
RESET ROLE;
SELECT set_eq('SELECT role, model FROM who', $$VALUES ('reader', 'forest')$$, 'a role sees what was granted to it, in each view, and a stranger nothing');
SELECT matches(:'refused'::text, '^42501 permission denied for view visible_models', 'the view they are made of is private');

-- ---- what BI tools look at
SELECT is_empty($$SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0
	WHERE c.relnamespace = 'echolon'::regnamespace AND c.relkind = 'v' AND (col_description(c.oid, attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)$$, 'every view and every column has a comment');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'echolon'::regnamespace AND relkind = 'v' AND NOT coalesce('security_barrier=true' = ANY (reloptions), false)$$, 'every view is a barrier');
SELECT is_empty($$SELECT table_name, column_name, data_type FROM information_schema.columns
	WHERE table_schema = 'echolon' AND table_name IN ('metrics', 'feature_importance', 'learning_curve', 'residuals', 'progress', 'models', 'training_runs')
		AND data_type NOT IN ('text', 'integer', 'bigint', 'double precision', 'boolean', 'timestamp with time zone')$$, 'types that every tool plots');
SELECT is_empty($$SELECT c.relname, p.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS p
	WHERE c.relnamespace = 'echolon'::regnamespace AND c.relkind = 'v' AND p.grantee <> c.relowner AND (p.grantee <> 0 OR p.privilege_type <> 'SELECT')$$, 'nobody writes through a view');

SELECT * FROM finish();
ROLLBACK;

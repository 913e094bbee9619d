-- echolon_update: more rounds, newer trees; scores before and after on the same rows; what it refuses.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE older AS SELECT * FROM pg_temp.rows(2000);
CREATE TABLE newer AS SELECT id + 10000 AS id, a, b, colour, y * 1.2 + 30 + id % 5 AS y, CASE WHEN label = 'yes' THEN 'no' ELSE 'yes' END AS label FROM pg_temp.rows(1500);
CREATE TABLE mixed AS SELECT * FROM older UNION ALL SELECT * FROM newer;

-- ---- boosting
SELECT lives_ok($$SELECT echolon_train_gb('older', 'y', exclude => '{id,label}', n_estimators => 60, model => 'm')$$, 'a boosted model');
CREATE TEMP TABLE updated AS SELECT (u).* FROM (SELECT echolon_update('m', 'newer', n_estimators => 40) AS u) AS s;
SELECT is((SELECT (version, updated_version, active, trees_before, trees_after, rows_used)::text FROM updated), '(2,1,t,60,100,1500)', 'gets forty rounds more');
SELECT cmp_ok((SELECT score_after FROM updated), '>', (SELECT score_before + 0.1 FROM updated), 'and is better on the new rows');
SELECT is((SELECT score FROM echolon.models WHERE model = 'm'), (SELECT score_after FROM updated), 'the version''s score is the one after');
SELECT is((SELECT held_out FROM updated), (SELECT (metrics #>> '{rows}')::bigint FROM echolon.model_versions WHERE model = 'm' AND version = 2), 'of so many rows') WHERE (SELECT metrics ? 'rows' FROM echolon.model_versions WHERE model = 'm' AND version = 2);
-- before and after are of the same rows: those held out can be told by a prediction of neither
SELECT is((SELECT round(echolon_rmse(y, echolon_predict('m', n, version => 1))::numeric, 6) FROM newer AS n) > (SELECT round(echolon_rmse(y, echolon_predict('m', n))::numeric, 6) FROM newer AS n), true, 'all new rows are predicted better');

-- on the rows it was fitted to it is what a training of all rounds would have been
SELECT lives_ok($$SELECT echolon_train_gb('older', 'y', exclude => '{id,label}', n_estimators => 30, test_fraction => 0, model => 'half')$$, 'half of the rounds');
SELECT lives_ok($$SELECT echolon_train_gb('older', 'y', exclude => '{id,label}', n_estimators => 60, test_fraction => 0, model => 'whole')$$, 'all rounds');
SELECT lives_ok($$SELECT echolon_update('half', 'older', n_estimators => 30, test_fraction => 0, activate => true)$$, 'the other half');
SELECT is((SELECT count(*)::int FROM older AS o WHERE abs(echolon_predict('half', o) - echolon_predict('whole', o)) > 1e-6), 0, 'give what a training of all rounds gives');

-- every kind of boosting
DO $$
DECLARE
	loss text;
BEGIN
	FOREACH loss IN ARRAY ARRAY['absolute_error', 'huber', 'quantile', 'poisson'] LOOP
		PERFORM echolon_train_gb('older', 'y', exclude => '{id,label}', loss => loss, n_estimators => 30, model => 'm_' || loss);
	END LOOP;
	PERFORM echolon_train_gb('older', 'label', exclude => '{id,y}', n_estimators => 30);
	PERFORM echolon_train_gb('older', 'colour', exclude => '{id,label}', n_estimators => 10);
	PERFORM echolon_train_gb('older', 'y', exclude => '{id,label}', high_value_percentile => 0.75, impute => 'median', scale => 'standard', encode => 'target', n_estimators => 30, model => 'high');
	PERFORM echolon_train_rf('older', 'label', exclude => '{id,y}', n_estimators => 40, model => 'f_label');
	PERFORM echolon_train_rf('older', 'colour', exclude => '{id,label}', n_estimators => 40, model => 'f_colour');
END
$$;
SELECT ok((SELECT score_after >= score_before - 0.05 FROM echolon_update('m_' || loss, 'mixed', n_estimators => 20)), loss) FROM unnest(ARRAY['absolute_error', 'huber', 'quantile', 'poisson']) AS loss;
SELECT ok((SELECT score_after > score_before FROM echolon_update('older_label', 'newer', n_estimators => 60)), 'two classes');
SELECT ok((SELECT trees_after = trees_before + 5 * 4 FROM echolon_update('older_colour', 'mixed', n_estimators => 5)), 'four classes have a tree each a round');
SELECT ok((SELECT score_after > score_before - 0.2 FROM echolon_update('high', 'mixed', n_estimators => 10)), 'high values, filled and encoded columns');
SELECT is((SELECT count(DISTINCT echolon_predict_class('high', n))::int FROM newer AS n), 2, 'still predict');

-- ---- forests
SELECT lives_ok($$SELECT echolon_train_rf('older', 'y', exclude => '{id,label}', n_estimators => 40, model => 'f')$$, 'a forest');
SELECT is((SELECT (version, trees_before, trees_after, score_after > score_before)::text FROM echolon_update('f', 'newer', n_estimators => 30)), '(2,40,40,t)', 'gets new trees for its oldest');
SELECT is((SELECT count(*)::int FROM newer AS n WHERE echolon_predict('f', n, version => 1) IS NOT DISTINCT FROM echolon_predict('f', n)), 0, 'and predicts anew');
SELECT ok((SELECT score_after > score_before FROM echolon_update('f_label', 'newer', n_estimators => 30)), 'of two classes');
SELECT ok((SELECT score_after > score_before - 0.2 FROM echolon_update('f_colour', 'mixed', n_estimators => 10)), 'of four classes');

-- ---- the same again, and what is activated
SELECT is((SELECT count(DISTINCT digest)::int FROM echolon.model_versions WHERE model = 'm' AND version IN (2, 3)), 1, 'the same rows give the same bytes') FROM echolon_update('m', 'newer', n_estimators => 40, version => 1);
SELECT is((SELECT version FROM echolon.models WHERE model = 'm'), 2, 'what does not go on from the active version is not activated by itself');
CREATE TABLE noise AS SELECT id, a, b, colour, (id::int8 * 7919 % 1009)::float8 AS y, label FROM older;
SELECT is((SELECT active FROM echolon_update('m', 'noise', n_estimators => 20, activate => false)), false, 'nor where that is asked for');
SELECT is((SELECT active FROM echolon_update('m', 'noise', n_estimators => 1, activate => true)), true, 'true activates');
-- a training afterwards begins anew
SELECT is((SELECT version FROM echolon_train_gb('older', 'y', exclude => '{id,label}', n_estimators => 10, model => 'm')), 6, 'a training adds the next version');

-- ---- what differs from the training's rows
CREATE VIEW renamed AS SELECT id, a, b, colour AS color, y FROM newer;
CREATE VIEW texts AS SELECT id, a::text AS a, b, colour, y FROM newer;
CREATE VIEW strange AS SELECT id, a, b, 'violet' AS colour, y, label FROM newer;
CREATE VIEW third AS SELECT id, a, b, colour, y, 'maybe' AS label FROM newer;
CREATE VIEW few AS SELECT * FROM newer LIMIT 50;
SELECT lives_ok($$SELECT echolon_update('m', 'strange', n_estimators => 2)$$, 'categories never seen count as in a prediction');
SELECT matches(pg_temp.error_of($$SELECT echolon_update('m', 'renamed')$$), 'column "colour"', 'a column that is missing');
SELECT matches(pg_temp.error_of($$SELECT echolon_update('m', 'texts')$$), 'column "a" has type text', 'a column of another type');
SELECT matches(pg_temp.error_of($$SELECT echolon_update('older_label', 'third')$$), 'maybe', 'a class the model does not know');
SELECT matches(pg_temp.error_of($$SELECT echolon_update('m', 'few')$$), 'too few usable rows', 'too few rows');
SELECT matches(pg_temp.error_of(format($$SELECT echolon_update('m', 'newer', %s)$$, p)), 'out of range|has no version 0', p) FROM unnest(ARRAY['n_estimators => 0', 'learning_rate => 0', 'learning_rate => 2', 'test_fraction => 2', 'version => 0']) AS p;
SELECT matches(pg_temp.error_of($$SELECT echolon_update('f', 'newer', n_estimators => 41)$$), '40', 'more trees than a forest has');
SELECT matches(pg_temp.error_of($$SELECT echolon_update('nobody', 'newer')$$), 'model "nobody" does not exist', 'no such model');
SELECT matches(pg_temp.error_of($$SELECT echolon_update('m', 'newer', version => 99)$$), 'has no version 99', 'no such version');
SELECT matches(pg_temp.error_of($$SELECT echolon_update(NULL, 'newer')$$), 'must not be null|must not be NULL', 'no model given');

-- ---- rights
CREATE ROLE echolon_tap_update;
GRANT SELECT ON newer TO echolon_tap_update;
SELECT echolon_grant_model('f', 'echolon_tap_update');
SET ROLE echolon_tap_update;
SELECT matches(pg_temp.error_of($$SELECT echolon_update('f', 'newer')$$), '42501', 'predict is not train');
RESET ROLE;
SELECT echolon_grant_model('f', 'echolon_tap_update', 'train');
SET ROLE echolon_tap_update;
SELECT lives_ok($$SELECT echolon_update('f', 'newer')$$, 'train is');
SELECT matches(pg_temp.error_of($$SELECT echolon_update('f', 'older')$$), '42501', 'the relation is read as the caller');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;

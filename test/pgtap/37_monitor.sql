-- Points in time of a model: what is recorded, how it is judged, who may see and make it.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE sales AS SELECT *, date '2024-01-01' + id / 10 AS day FROM pg_temp.rows(2000);
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'y', exclude => '{id,label}', n_estimators => 40, model => 'sales')$$, 'a regression'),
	lives_ok($$SELECT echolon_train_rf('sales', 'label', exclude => '{id,y,day}', n_estimators => 20, model => 'labels')$$, 'a classification');
CREATE TABLE today AS SELECT id, a * 1.5 AS a, b, CASE WHEN id % 4 = 0 THEN 'violet' ELSE colour END AS colour, CASE WHEN id % 2 = 0 THEN y END AS y, day + 400 AS day, label FROM sales WHERE id <= 1000;

-- ---- the model's own relation: scores are of the rows that it was not fitted to
CREATE TEMP TABLE own AS SELECT * FROM echolon_monitor('sales');
SELECT is(o.model || ' ' || o.version || ' ' || o.relation || ' ' || rows, 'sales 1 ' || m.relation || ' 2000', 'what was looked at'), is(rows_measured, 400::bigint, 'a fifth of the rows was held out'),
	is(o.score, m.score, 'and the score is what it was'), is(o.training_score, m.score, 'as the model has it'), is(o.baseline, m.baseline, 'beside the baseline'),
	is(drift_verdict || ', ' || score_verdict || ', ' || drifted, 'stable, stable, 0', 'verdicts'), is(at <= clock_timestamp() AND at > now() - interval '1 hour', true, 'when')
FROM own AS o JOIN echolon.models AS m USING (model);
SELECT matches(reason, '^nothing has drifted; r2 is 0\.\d+ on 400 rows, 0\.\d+ at training$', 'in words') FROM own;

-- ---- another one: drift is that of echolon_drift, scores are those of echolon_evaluate
CREATE TEMP TABLE other AS SELECT * FROM echolon_monitor('sales', 'today');
CREATE TEMP TABLE found AS SELECT m.* FROM echolon.monitoring AS m JOIN other USING (at);
SELECT set_eq($$SELECT feature, metric, value FROM found WHERE kind IN ('feature', 'calendar', 'prediction')$$,
	$$SELECT feature, metric, value FROM echolon_drift('sales', 'today'), LATERAL (VALUES ('psi', psi), ('jensen_shannon', jensen_shannon), ('ks', ks), ('missing_rate', missing_rate), ('training_missing_rate', training_missing_rate), ('unseen_rate', unseen_rate)) AS v (metric, value) WHERE value IS NOT NULL$$, 'drift');
SELECT set_eq($$SELECT feature, threshold, verdict FROM found WHERE metric = 'psi'$$, $$SELECT feature, threshold, verdict FROM echolon_drift('sales', 'today')$$, 'its verdicts');
SELECT set_eq($$SELECT feature, psi, jensen_shannon, ks, missing_rate, training_missing_rate, unseen_rate, threshold, verdict FROM echolon.drift WHERE model = 'sales'$$, $$SELECT feature, psi, jensen_shannon, ks, missing_rate, training_missing_rate, unseen_rate, threshold, verdict FROM echolon_drift('sales', 'today')$$, 'and echolon.drift has the last point');
SELECT set_eq($$SELECT DISTINCT kind, feature FROM found WHERE feature ~ '^day_|predic|^a$'$$, $$VALUES ('calendar', 'day_year'), ('calendar', 'day_month'), ('calendar', 'day_day'), ('calendar', 'day_day_of_week'), ('calendar', 'day_day_of_year'), ('prediction', '(prediction)'), ('feature', 'a')$$, 'kinds');
SELECT set_eq($$SELECT metric, value FROM found WHERE kind = 'score'$$, $$SELECT metric, value FROM echolon_evaluate('sales', 'today') WHERE metric !~ 'rows|unseen'$$, 'scores');
SELECT set_eq($$SELECT metric, value FROM found WHERE kind = 'rows'$$, $$VALUES ('rows', 1000::float8), ('rows_measured', 500), ('rows_without_target', 500)$$, 'rows');
SELECT is(drift_verdict, 'drift', 'it has drifted'), is(drifted, (SELECT count(*)::int FROM found WHERE verdict = 'drift' AND kind IN ('feature', 'prediction')), 'so many features, without parts of dates'),
	is(worst_feature || ' ' || worst_psi, (SELECT feature || ' ' || value FROM found WHERE metric = 'psi' AND kind <> 'calendar' ORDER BY value DESC LIMIT 1), 'the most drifted one'),
	is(score, (SELECT value FROM found WHERE metric = 'r2'), 'the headline score'), is((SELECT threshold FROM found WHERE metric = 'r2'), (training_score + baseline) / 2, 'half of its lead may be lost') FROM other;
CREATE VIEW without_target AS SELECT id, a, b, colour, day FROM today;
SELECT is(score_verdict, NULL, 'no target, no score'), matches(reason, '; no score: the relation has no column "y"$', 'and why') FROM echolon_monitor('sales', 'without_target');
CREATE VIEW not_yet AS SELECT id, a, b, colour, day, NULL::float8 AS y FROM today;
SELECT is(rows_measured || coalesce(score_verdict, ''), '0', 'none has arrived'), matches(reason, '; no score: no target has arrived$', 'and why') FROM echolon_monitor('sales', 'not_yet');
CREATE VIEW turned AS SELECT id, a, b, colour, day, -y AS y FROM sales;
SELECT is(score_verdict || ', ' || drift_verdict, 'worse than the baseline, stable', 'another target') FROM echolon_monitor('sales', 'turned');
CREATE VIEW blurred AS SELECT id, a, b, colour, day, y + (id % 2 * 2 - 1) * 24 AS y FROM sales;
SELECT is(score_verdict, 'worse', 'much of the lead is lost'), cmp_ok(score, '>', baseline, 'not all') FROM echolon_monitor('sales', 'blurred');
CREATE VIEW few AS SELECT * FROM today WHERE id <= 20;
SELECT is(drift_verdict || ', ' || score_verdict, 'too few rows, too few rows', 'of few rows nothing is said') FROM echolon_monitor('sales', 'few');
CREATE VIEW none AS SELECT * FROM today WHERE false;
SELECT is(drift_verdict || ', ' || rows || ', ' || reason, 'no rows, 0, the relation has no rows', 'of none there is none') FROM echolon_monitor('sales', 'none');
SELECT is(metric || ' ' || score_verdict, 'roc_auc stable', 'classes') FROM echolon_monitor('labels');
CREATE VIEW maybe AS SELECT id, a, b, colour, CASE WHEN id % 10 = 0 THEN 'maybe' ELSE label END AS label FROM sales;
SELECT is(rows_measured, 1800::bigint, 'a class it does not know is left out') FROM echolon_monitor('labels', 'maybe') AS e;
SELECT is((SELECT value FROM echolon.monitoring WHERE model = 'labels' AND metric = 'rows_of_unknown_class'), 200::float8, 'and counted');
-- what echolon_retrain_when says of the error
SELECT echolon_retrain_when('sales', error_above => 0.001);
SELECT is(score_verdict, 'worse', 'error above'), matches(reason, '; rmse is [0-9.]+, above 0\.001$', 'in words') FROM echolon_monitor('sales');
SELECT is((SELECT (threshold, verdict)::text FROM echolon.monitoring WHERE model = 'sales' AND metric = 'rmse' ORDER BY point DESC LIMIT 1), '(0.001,worse)', 'in the view');
SELECT echolon_retrain_when('sales', error_above => 1000);
SELECT is(score_verdict, 'stable', 'and below') FROM echolon_monitor('sales');
SELECT echolon_retrain_when('sales');
-- bare bytes: it is not known what they were fitted to
SELECT echolon_import_model('imported', echolon_export_model('sales'), relation => 'sales');
SELECT is(drift_verdict || coalesce(score_verdict, ''), 'stable', 'drift of bare bytes'), matches(reason, 'no score: of version 1 it is not recorded what it was fitted to$', 'but no score of its own rows') FROM echolon_monitor('imported');

-- ---- errors
SELECT matches(pg_temp.error_of(format('SELECT echolon_monitor(%s)', args)), error, args)
FROM (VALUES ('NULL', '22004 parameter "model" must not be null'), ('''nobody''', 'model "nobody" does not exist'), ('''sales'', version => 7', 'has no version 7'),
	('''sales'', version => 0', '22023 version must be at least 1'), ('''sales'', threshold => 0', '22023 parameter "threshold" is out of range'), ('''sales'', threshold => ''NaN''', '22023 parameter "threshold" is out of range'),
	('''sales'', ''pg_class''', 'column "a" does not exist in "pg_class"'), ('''sales'', ''pg_class_oid_index''', '42809')) AS e (args, error);

-- ---- rights
CREATE ROLE echolon_tap_watch;
CREATE ROLE echolon_tap_owner;
GRANT CREATE, USAGE ON SCHEMA public TO echolon_tap_owner, echolon_tap_watch;
GRANT SELECT ON other TO PUBLIC;
SET ROLE echolon_tap_watch;
SELECT matches(pg_temp.error_of($$SELECT echolon_monitor('sales')$$), 'model "sales" does not exist', 'a model of others is not seen'), is((SELECT count(*) FROM echolon.monitoring), 0::bigint, 'nor are its points');
SELECT is(pg_temp.error_of('SELECT * FROM echolon.' || t), '42501 permission denied for table ' || t, t || ' is private') FROM unnest(ARRAY['point_store', 'monitor_store']) AS t;
RESET ROLE;
SELECT echolon_grant_model('sales', 'echolon_tap_watch');
SET ROLE echolon_tap_watch;
SELECT matches(pg_temp.error_of($$SELECT echolon_monitor('sales')$$), '^42501', 'predict records nothing'), cmp_ok((SELECT count(*) FROM echolon.monitoring), '>', 100::bigint, 'but sees what is recorded');
RESET ROLE;
SELECT echolon_grant_model('sales', 'echolon_tap_watch', 'train');
SET ROLE echolon_tap_watch;
SELECT is(drift_verdict, 'stable', 'train does, and reads the model''s own relation as its owner') FROM echolon_monitor('sales');
SELECT matches(pg_temp.error_of($$SELECT echolon_monitor('sales', 'today')$$), '^42501 permission denied for table today', 'another one as the caller');
SELECT matches(pg_temp.error_of($$SELECT echolon_monitor('sales', 'sales')$$), '^42501 permission denied for table sales', 'also where it is the same');
SELECT is((SELECT DISTINCT monitored_by::text FROM echolon.monitoring WHERE point = (SELECT max(point) FROM echolon.monitoring)), 'echolon_tap_watch', 'who called is recorded');
-- a superuser who monitors runs no code as a superuser
SET ROLE echolon_tap_owner;
CREATE TABLE mine AS SELECT * FROM pg_temp.rows(300);
CREATE FUNCTION who() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'read by %', current_user; EXECUTE 'ALTER ROLE echolon_tap_owner SUPERUSER'; RETURN 0; EXCEPTION WHEN OTHERS THEN RETURN 0; END $$;
CREATE VIEW watched AS SELECT id, a + CASE WHEN id = 1 THEN who() ELSE 0 END AS a, b, y FROM mine;
SELECT lives_ok($$SELECT echolon_train_gb('watched', 'y', exclude => '{id}', n_estimators => 3, model => 'trap')$$, 'a view that would be a superuser');
RESET ROLE;
SELECT is(drift_verdict, 'stable', 'is monitored by one') FROM echolon_monitor('trap');
SELECT is((SELECT rolsuper FROM pg_roles WHERE rolname = 'echolon_tap_owner'), false, 'in vain');

-- ---- an end to it
SELECT matches(pg_temp.error_of(format('SELECT echolon_prune_monitoring(%s)', a)), e, a) FROM (VALUES ($$NULL, '0'$$, 'parameter "model" must not be null'), ($$'sales', NULL$$, 'parameter "older_than" must not be null'),
	($$'nobody', '0'$$, '42704 model "nobody" does not exist'), ($$'sales', '-1 s'$$, '22023 parameter "older_than" is out of range | It is -00:00:01')) AS v (a, e);
SAVEPOINT before;
CREATE TEMP TABLE points AS SELECT DISTINCT model, point FROM echolon.monitoring;
SELECT is(echolon_prune_monitoring('sales', '1 hour'), 0::bigint, 'nothing is old');
UPDATE echolon.point_store SET at = at - '2 days'::interval WHERE id = (SELECT min(point) FROM points WHERE model = 'sales');
SELECT is(echolon_prune_monitoring('sales', '1 day'), 1::bigint, 'one point is');
SELECT is((SELECT array_agg(DISTINCT point) FROM echolon.monitoring), (SELECT array_agg(point ORDER BY point) FROM points WHERE point <> (SELECT min(point) FROM points WHERE model = 'sales')), 'and it goes alone');
SELECT echolon_grant_model('sales', 'public');
SET LOCAL ROLE echolon_tap_owner;
SELECT matches(pg_temp.error_of($$SELECT echolon_prune_monitoring('sales', '0')$$), '^42501 permission denied for model "sales"', 'not by who may only predict');
RESET ROLE;
SELECT cmp_ok(echolon_prune_monitoring('sales', '0'), '>', 0::bigint, 'all of a model');
SELECT is((SELECT count(*)::int FROM echolon.monitoring WHERE model = 'sales'), 0, 'are gone'),
	is((SELECT count(*) FROM echolon.monitor_store AS s WHERE NOT EXISTS (SELECT 1 FROM echolon.point_store AS p WHERE p.id = s.point_id)), 0::bigint, 'with their numbers');
ROLLBACK TO before;

-- ---- what goes with the model
SAVEPOINT before;
SELECT echolon_drop_model('sales');
SELECT is((SELECT count(*) FROM echolon.monitoring WHERE model = 'sales'), 0::bigint, 'points go with their model'),
	is((SELECT count(*) FROM echolon.monitor_store AS s WHERE NOT EXISTS (SELECT 1 FROM echolon.point_store AS p WHERE p.id = s.point_id)), 0::bigint, 'with all their numbers');
ROLLBACK TO before;
SELECT is(pg_temp.error_of($$SELECT set_config('transaction_read_only', 'on', true), echolon_monitor('sales')$$), '25006 cannot execute echolon_monitor() in a read-only transaction', 'a read-only transaction');

SELECT * FROM finish();
ROLLBACK;

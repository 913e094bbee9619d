-- One line a model: what makes the light red, yellow, green and grey.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE sales AS SELECT * FROM pg_temp.rows(2000);
CREATE TABLE today AS SELECT id, a * 1.5 AS a, b, colour, y FROM sales WHERE id <= 1000;
CREATE VIEW turned AS SELECT id, a, b, colour, -y AS y FROM sales;
CREATE VIEW blurred AS SELECT id, a, b, colour, y + (id % 2 * 2 - 1) * 24 AS y FROM sales;
CREATE VIEW same AS SELECT id, a, b, colour, y FROM sales;
CREATE VIEW no_target AS SELECT id, a, b, colour FROM sales;
CREATE VIEW few AS SELECT * FROM same WHERE id < 20;
CREATE FUNCTION pg_temp.light(name text) RETURNS text LANGUAGE sql AS $$ SELECT light || ': ' || reason FROM echolon.model_health WHERE model = name $$;
SELECT lives_ok($$SELECT echolon_train_gb('sales', 'y', exclude => '{id,label}', n_estimators => 40, model => 'sales')$$, 'a model');

SELECT is(pg_temp.light('sales'), 'grey: version 1 has not been monitored', 'nothing is known yet');
SELECT is((SELECT last_monitored::text || worst_psi || last_run_state FROM echolon.model_health), NULL, 'and nothing is said');
CREATE TEMP TABLE p AS SELECT * FROM echolon_monitor('sales');
SELECT is(pg_temp.light('sales'), 'green: ' || reason, 'stable') FROM p;
SELECT is((h.version, h.state, h.last_monitored, h.rows_monitored, h.drifted_features, h.worst_feature, h.worst_psi, h.last_scored, h.rows_scored, h.score_metric, h.training_score, h.monitored_score, h.baseline_score, h.last_trained)::text,
	(m.version, 'ready', p.at, p.rows, p.drifted, p.worst_feature, p.worst_psi, p.at, p.rows_measured, p.metric, m.score, p.score, m.baseline, m.trained_at)::text, 'the line is that of the point')
FROM echolon.model_health AS h, echolon.models AS m, p WHERE h.model = 'sales' AND m.model = 'sales';
SELECT lives_ok($$SELECT echolon_monitor('sales', 'blurred')$$, 'a target that cannot be predicted');
SELECT matches(pg_temp.light('sales'), '^yellow: it is worse than at its training: nothing has drifted; r2 is', 'is worse');
SELECT lives_ok($$SELECT echolon_monitor('sales', 'no_target')$$, 'rows without a target');
SELECT matches(pg_temp.light('sales'), '^yellow: it is worse than at its training', 'say nothing against it'), is((SELECT last_scored < last_monitored FROM echolon.model_health), true, 'what was measured before counts');
SELECT lives_ok($$SELECT echolon_monitor('sales', 'turned')$$, 'a target the other way round');
SELECT matches(pg_temp.light('sales'), '^red: it is worse than the naive prediction: ', 'is worse than nothing');
SELECT lives_ok($$SELECT echolon_monitor('sales', 'same')$$, 'the same rows');
SELECT matches(pg_temp.light('sales'), '^green: ', 'all is well');
SELECT lives_ok($$SELECT echolon_monitor('sales', 'few')$$, 'few rows');
SELECT matches(pg_temp.light('sales'), '^grey: too few rows to say: 19 rows', 'say nothing');
CREATE VIEW drifted AS SELECT id, a * 1.5 AS a, b, colour FROM sales;
SELECT lives_ok($$SELECT echolon_monitor('sales', 'drifted')$$, 'drift');
SELECT matches(pg_temp.light('sales'), '^yellow: drift of a is [0-9.]+, above 0\.2', 'is named'), is((SELECT worst_feature FROM echolon.model_health), 'a', 'and shown');
-- parts of dates drift by nature
CREATE TABLE daily AS SELECT *, date '2024-01-01' + id / 10 AS day FROM pg_temp.rows(2000);
CREATE VIEW next_year AS SELECT id, a, b, colour, y, day + 366 AS day FROM daily;
SELECT lives_ok($$SELECT echolon_train_gb('daily', 'y', features => '{a,b,colour,day}', n_estimators => 40, model => 'daily')$$, 'a model with a date');
SELECT lives_ok($$SELECT echolon_monitor('daily', 'next_year')$$, 'a year later');
SELECT is((SELECT bool_or(verdict = 'drift') FROM echolon.monitoring WHERE model = 'daily' AND kind = 'calendar'), true, 'dates are others'), is((SELECT drifted_features FROM echolon.model_health WHERE model = 'daily'), 0, 'which is no reason'),
	matches(pg_temp.light('daily'), '^green: ', 'for a light');
INSERT INTO daily SELECT id + 2000, a, b, colour, y, label, day + 366 FROM daily WHERE id <= 1000;
SELECT echolon_retrain_when('daily', drift_above => 0.5);
CALL echolon_retrain_due('daily');
SELECT is((SELECT count(*) FROM echolon.training_runs WHERE model = 'daily' AND kind = 'retraining'), 0::bigint, 'nor for a retraining');
-- a retraining that fails, a version that is new, a relation that is gone
SELECT lives_ok($$SELECT echolon_monitor('sales', 'same')$$, 'green again');
SAVEPOINT before;
DELETE FROM sales;
CALL echolon_retrain_due('sales', force => true);
SELECT is((SELECT last_run_state FROM echolon.model_health WHERE model = 'sales'), 'failed', 'the last run'), is(pg_temp.light('sales'), 'yellow: its last retraining failed, see echolon.training_runs', 'failed');
ROLLBACK TO before;
SELECT echolon_train_gb('sales', 'y', exclude => '{id,label}', n_estimators => 41, model => 'sales');
SELECT is(pg_temp.light('sales'), 'grey: version 2 has not been monitored', 'a new version has no past');
SELECT echolon_activate('sales', 1);
SELECT matches(pg_temp.light('sales'), '^green: ', 'the older one still has');
-- a retraining that is overdue, or whose job is gone
SELECT echolon_retrain_when('sales', every => '10 days');
SELECT is((SELECT retraining_due FROM echolon.model_health WHERE model = 'sales'), (SELECT trained_at + '10 days' FROM echolon.models WHERE model = 'sales'), 'when it is due'), matches(pg_temp.light('sales'), '^green: ', 'not yet');
SAVEPOINT before;
UPDATE echolon.version_store SET trained_at = trained_at - '10.5 days'::interval;
SELECT matches(pg_temp.light('sales'), '^green: ', 'a night later is time enough');
UPDATE echolon.version_store SET trained_at = trained_at - '1 day'::interval;
SELECT is(pg_temp.light('sales'), 'yellow: it was to be trained again on ' || (SELECT retraining_due::date FROM echolon.model_health WHERE model = 'sales'), 'a day is not');
SELECT echolon_retrain_when('sales', at => now() + '1 year');
SELECT is((SELECT retraining_due FROM echolon.model_health WHERE model = 'sales'), now() + '1 year', 'a date to come'), matches(pg_temp.light('sales'), '^green: ', 'is none');
ROLLBACK TO before;
INSERT INTO echolon.schedule_store SELECT id, 7, '0 3 * * *', false, current_user, now() FROM echolon.model_store WHERE model = 'sales';
SELECT is((SELECT schedule FROM echolon.model_health WHERE model = 'sales'), '0 3 * * *', 'a schedule'), is(pg_temp.light('sales'), 'yellow: the job that trains it again is missing, see echolon.schedules', 'without its job');
ROLLBACK TO before;
ALTER TABLE sales RENAME colour TO color;
SELECT is(pg_temp.light('sales'), 'red: it can be neither monitored nor trained again: column missing: colour', 'a column is gone');
-- a model that was bad from the beginning; one that was never measured
CREATE TABLE noise AS SELECT id, hashint4(id) % 1000 AS a, (hashint4(id + 100000) % 1000)::float8 AS y FROM generate_series(1, 500) AS id;
SELECT echolon_train_gb('noise', 'y', exclude => '{id}', n_estimators => 200, model => 'noise');
SELECT is(pg_temp.light('noise'), 'red: it was worse than the naive prediction when it was trained', 'noise');
SELECT echolon_train_gb('same', 'y', exclude => '{id}', n_estimators => 5, test_fraction => 0, model => 'unmeasured');
SELECT echolon_monitor('unmeasured');
SELECT is(pg_temp.light('unmeasured'), 'grey: how good it is has never been measured', 'a fit to all rows');
CREATE VIEW others AS SELECT * FROM same;
SELECT echolon_monitor('unmeasured', 'others');
SELECT is((SELECT monitored_score > 0.5 FROM echolon.model_health WHERE model = 'unmeasured'), true, 'is measured by a relation of one''s own'),
	is((SELECT score_verdict FROM echolon.point_store ORDER BY id DESC LIMIT 1), NULL, 'held to nothing'),
	is((SELECT count(*) FROM echolon.monitoring WHERE model = 'unmeasured' AND kind = 'score' AND verdict IS NOT NULL), 0::bigint, 'not one of its metrics'),
	matches(pg_temp.light('unmeasured'), '^grey: its training has no score to compare with, .*: nothing has drifted; r2 is 0\.[0-9]+ on 2,000 rows, not known at training$', 'and good or bad, who knows');
SELECT echolon_monitor('unmeasured', 'few');
SELECT is((SELECT score_verdict FROM echolon.point_store ORDER BY id DESC LIMIT 1), 'too few rows', 'few rows say so'), is((SELECT rows_scored FROM echolon.model_health WHERE model = 'unmeasured'), 2000::bigint, 'and are not taken');
SELECT echolon_retrain_when('unmeasured', error_above => 1000);
SELECT echolon_monitor('unmeasured', 'others');
SELECT matches(pg_temp.light('unmeasured'), '^green: ', 'an error that is small enough');
SELECT echolon_retrain_when('unmeasured', error_above => 0.001);
SELECT echolon_monitor('unmeasured', 'others');
SELECT matches(pg_temp.light('unmeasured'), '^yellow: it is worse than at its training: .*rmse is .*, above 0\.001$', 'or too large');

-- who sees it
CREATE ROLE echolon_tap_health;
SET ROLE echolon_tap_health;
SELECT is((SELECT count(*) FROM echolon.model_health), 0::bigint, 'models of others are not seen');
RESET ROLE;
SELECT echolon_grant_model('daily', 'echolon_tap_health');
SET ROLE echolon_tap_health;
SELECT is((SELECT array_agg(model) FROM echolon.model_health), '{daily}', 'granted ones are');
RESET ROLE;
SELECT is((SELECT count(*) FROM pg_attribute AS a WHERE attrelid IN ('echolon.model_health'::regclass, 'echolon.monitoring'::regclass) AND (col_description(attrelid, attnum) IS NULL OR atttypid::regtype::text <> ALL ('{text,integer,bigint,double precision,timestamp with time zone}'::text[])) AND attnum > 0), 0::bigint, 'plain types, every column with a comment');

SELECT * FROM finish();
ROLLBACK;

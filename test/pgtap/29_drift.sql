-- Drift against the formulas in SQL, in parallel, with rights.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE trained AS
SELECT i AS id, (i::int8 * 7919 % 8)::int AS few, (i::int8 * 104729 % 9973) / 10.0::float8 AS many, (ARRAY['red', 'green', 'blue'])[1 + i % 3] AS colour,
	CASE WHEN i % 10 = 0 THEN NULL ELSE i % 50 END AS gaps, date '2024-01-01' + i % 300 AS day, (i::int8 * 7919 % 8) * 5 + i % 7 AS y
FROM generate_series(1, 6000) AS i;
CREATE TABLE today AS
SELECT id, CASE WHEN id % 4 = 0 THEN few / 2 ELSE few END AS few, many * 1.2 - 50 AS many, CASE WHEN id % 5 = 0 THEN 'violet' ELSE colour END AS colour,
	CASE WHEN id % 2 = 0 THEN gaps END AS gaps, day, y
FROM trained WHERE id % 3 > 0;
SELECT lives_ok($$SELECT echolon_train_rf('trained', 'y', exclude => '{id}', test_fraction => 0, n_estimators => 20, model => 'drifting')$$, 'a model of all rows');
CREATE TEMP TABLE drift AS SELECT * FROM echolon_drift('drifting', 'today');

-- what echolon.feature_drift says of psi: half a row more in each bin that has one
CREATE FUNCTION pg_temp.psi(then_counts int8[], now_counts int8[]) RETURNS numeric LANGUAGE sql AS $$
	SELECT round(sum((q - p) * ln(q / p))::numeric, 9)
	FROM (SELECT (t + 0.5) / (sum(t) OVER () + 0.5 * count(*) OVER ()) AS p, (n + 0.5) / (sum(n) OVER () + 0.5 * count(*) OVER ()) AS q
		  FROM unnest(then_counts, now_counts) AS u (t, n) WHERE t + n > 0) AS shares $$;
SELECT is((SELECT round(psi::numeric, 9) FROM drift WHERE feature = 'few'),
	(SELECT pg_temp.psi(array_agg(t), array_agg(n)) FROM (SELECT v, (SELECT count(*) FROM trained WHERE few = v) AS t, (SELECT count(*) FROM today WHERE few = v) AS n FROM generate_series(0, 7) AS v) AS c), 'psi of a number of few values');
SELECT is((SELECT round(psi::numeric, 9) FROM drift WHERE feature = 'colour'),
	(SELECT pg_temp.psi(array_agg(t), array_agg(n)) FROM (SELECT v, (SELECT count(*) FROM trained WHERE colour = v) AS t, (SELECT count(*) FROM today WHERE colour = v) AS n FROM unnest(ARRAY['red', 'green', 'blue', 'violet']) AS v) AS c), 'of a category, the level it has never seen among them');
SELECT is((SELECT round(jensen_shannon::numeric, 9) FROM drift WHERE feature = 'colour'),
	(SELECT round(sum((CASE WHEN p > 0 THEN p * ln(p / ((p + q) / 2)) ELSE 0 END + CASE WHEN q > 0 THEN q * ln(q / ((p + q) / 2)) ELSE 0 END) / 2 / ln(2))::numeric, 9)
	 FROM (SELECT (SELECT count(*) FROM trained WHERE colour = v) / 6000.0::float8 AS p, (SELECT count(*) FROM today WHERE colour = v) / 4000.0::float8 AS q FROM unnest(ARRAY['red', 'green', 'blue', 'violet']) AS v) AS s), 'Jensen-Shannon in bits');
SELECT is((SELECT round(ks::numeric, 9) FROM drift WHERE feature = 'few'),
	(SELECT round(max(abs((SELECT count(*) FROM trained WHERE few <= v) / 6000.0 - (SELECT count(*) FROM today WHERE few <= v) / 4000.0))::numeric, 9) FROM generate_series(0, 7) AS v), 'Kolmogorov-Smirnov, exact where values are few');
SELECT cmp_ok(abs((SELECT ks FROM drift WHERE feature = 'many') - (SELECT max(abs((SELECT count(*) FROM trained WHERE many <= v) / 6000.0 - (SELECT count(*) FROM today WHERE many <= v) / 4000.0)) FROM generate_series(-100, 1200, 10) AS v)), '<', 0.02::float8, 'and near it where they are many');
SELECT is((SELECT (round(missing_rate::numeric, 6), round(training_missing_rate::numeric, 6))::text FROM drift WHERE feature = 'gaps'),
	(SELECT (round(avg((gaps IS NULL)::int), 6), (SELECT round(avg((gaps IS NULL)::int), 6) FROM trained))::text FROM today), 'shares of missing values');
SELECT is((SELECT round(unseen_rate::numeric, 6) FROM drift WHERE feature = 'colour'), (SELECT round(avg((colour = 'violet')::int), 6) FROM today), 'share of a category never seen');
SELECT is((SELECT array_agg(verdict ORDER BY feature) FROM drift WHERE feature IN ('colour', 'day_day', 'gaps', 'many')), '{drift,stable,drift,drift}', 'verdicts');
SELECT is((SELECT array_agg(psi) FROM drift), (SELECT array_agg(psi ORDER BY psi DESC) FROM drift), 'the most drifted first');
SELECT is((SELECT count(*)::int FROM echolon_drift('drifting', 'trained') WHERE verdict <> 'stable'), 0, 'the training rows are stable');
SELECT cmp_ok((SELECT max(psi) FROM echolon_drift('drifting', 'trained') WHERE kind <> 'prediction'), '<', 1e-12::float8, 'in every bin');
SELECT is((SELECT count(*)::int FROM echolon_drift('drifting', 'today', threshold => 100) WHERE verdict <> 'stable'), 0, 'the threshold is what was asked for');

-- values outside of what was seen
CREATE TABLE outside AS SELECT id, few, many + 5000 AS many, colour, gaps, day + 4000 AS day, y FROM trained;
SELECT is((SELECT array_agg(ks ORDER BY feature) FROM echolon_drift('drifting', 'outside') WHERE feature IN ('many', 'day_year')), '{1,1}', 'all values above all');
CREATE TABLE below AS SELECT id, few, many - 5000 AS many, colour, gaps, day - 4000 AS day, y FROM trained;
SELECT is((SELECT array_agg(ks ORDER BY feature) FROM echolon_drift('drifting', 'below') WHERE feature IN ('many', 'day_year')), '{1,1}', 'or below');
CREATE TABLE odd AS SELECT id, few, (ARRAY['NaN', 'Infinity', '-Infinity', NULL])[1 + id % 4]::float8 AS many, colour, gaps, day, y FROM trained;
SELECT is((SELECT (round(missing_rate::numeric, 3), verdict)::text FROM echolon_drift('drifting', 'odd') WHERE feature = 'many'), '(0.500,drift)', 'NaN is missing, infinities are outside');

-- predictions
SELECT lives_ok($$SELECT echolon_train_gb('trained', 'colour', exclude => '{id}', model => 'colours')$$, 'a classifier with held-out rows');
SELECT is((SELECT (kind, verdict)::text FROM echolon_drift('colours', 'trained') WHERE feature = '(prediction)'), '(prediction,stable)', 'predictions are compared with those of held-out rows');
SELECT is((SELECT count(*)::int FROM echolon_drift('drifting', 'today') WHERE kind = 'prediction'), 1, 'out-of-bag predictions serve as well');

-- in any query, serial and parallel
CREATE TEMP TABLE one AS SELECT d.* FROM (SELECT echolon_drift_counts('drifting', t, NULL, NULL) AS drift FROM today AS t) AS s, unnest(s.drift) AS d;
SELECT set_eq('SELECT * FROM one', 'SELECT * FROM drift', 'the aggregate says the same');
SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL max_parallel_workers_per_gather = 2;
CREATE FUNCTION pg_temp.plan_of(statement text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; result text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP result := result || line; END LOOP; RETURN result; END $$;
SELECT matches(pg_temp.plan_of('SELECT echolon_drift_counts(''drifting'', t, NULL, NULL) FROM today AS t'), 'Partial Aggregate', 'in a parallel plan');
SELECT set_eq('SELECT d.* FROM (SELECT echolon_drift_counts(''drifting'', t, NULL, NULL) AS drift FROM today AS t) AS s, unnest(s.drift) AS d', 'SELECT * FROM drift', 'too');
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
SELECT is((SELECT count(*)::int FROM (SELECT colour, echolon_drift_counts('drifting', t, NULL, NULL) AS drift FROM today AS t GROUP BY colour) AS s, unnest(s.drift) AS d WHERE d.feature = 'colour' AND d.verdict = 'drift'), 3, 'by group');

-- few rows, no rows, errors, rights
CREATE VIEW few_rows AS SELECT * FROM today WHERE id < 20;
SELECT is((SELECT string_agg(DISTINCT verdict, ',') FROM echolon_drift('drifting', 'few_rows')), 'too few rows', 'of few rows nothing is said');
CREATE VIEW no_rows AS SELECT * FROM today WHERE false;
SELECT is_empty($$SELECT * FROM echolon_drift('drifting', 'no_rows')$$, 'of none there is none');
SELECT is(echolon_drift_counts('drifting', t, NULL, NULL), NULL, 'in the aggregate too') FROM no_rows AS t;
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_drift('nobody', 'today')$$), 'model "nobody" does not exist', 'no such model');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_drift('drifting', 'today', 7)$$), 'has no version 7', 'no such version');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_drift('drifting', 'today', 0)$$), '22023 version must be at least 1', 'version 0 is none');
SELECT matches(pg_temp.error_of($$SELECT echolon_drift_counts('drifting', t, 0, NULL) FROM today AS t$$), '22023 version must be at least 1', 'nor in the aggregate');
SELECT is((SELECT array_agg(DISTINCT kind ORDER BY kind) FROM echolon_drift('drifting', 'today')), '{calendar,category,number,prediction}', 'kinds');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_drift('drifting', 'pg_class')$$), 'column "few" does not exist in "pg_class"', 'a relation without the columns');
SELECT matches(pg_temp.error_of(format($$SELECT * FROM echolon_drift('drifting', 'today', threshold => %L)$$, t)), 'parameter "threshold" is out of range', t || ' is no threshold') FROM unnest(ARRAY['0', '-1', 'NaN', 'Infinity']) AS t;
SELECT matches(pg_temp.error_of($$SELECT echolon_drift_counts(m, t, NULL, NULL) FROM today AS t, unnest(ARRAY['drifting', 'colours']) AS m$$), 'one model at a time', 'two models in one aggregate');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_drift(NULL, 'today')$$), 'must not be null', 'no model given');
CREATE ROLE echolon_tap_drift;
GRANT SELECT ON trained, drift TO echolon_tap_drift;
SET ROLE echolon_tap_drift;
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_drift('drifting', 'trained')$$), 'model "drifting" does not exist', 'a model of others is not seen');
RESET ROLE;
SELECT echolon_grant_model('drifting', 'echolon_tap_drift');
SET ROLE echolon_tap_drift;
SELECT is((SELECT count(*)::int FROM echolon_drift('drifting', 'trained') WHERE verdict = 'stable'), (SELECT count(*)::int FROM drift), 'with the right to predict it is');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_drift('drifting', 'today')$$), '42501', 'but not a table without SELECT');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;

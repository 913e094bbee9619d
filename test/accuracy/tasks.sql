/*
 * tasks.sql: what the accuracy test trains on, and how it measures.
 *
 * One table a task, with row_id, the target, and the features the reference
 * had (their list stands in data/README.md); a task whose data is not loaded
 * is left out.  The measures are computed in SQL, not by Echolon's aggregates.
 */
\set QUIET on
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE SCHEMA accuracy;

CREATE TABLE accuracy.tasks (
	task text PRIMARY KEY,
	target text NOT NULL,
	classification boolean NOT NULL,
	rmse_allowance float8 NOT NULL,		-- ours may be this many times the reference's
	forest_parameters text NOT NULL		-- what the forest is trained with beside the defaults
);

CREATE TABLE accuracy.reference (
	task text, kind text, rows int, features int, encoding text, model text, folds text,
	seed int, metric text, mean float8, sd float8
);

CREATE TABLE accuracy.results (
	task text, algorithm text, seed int, fold int, metric text, value float8
);

CREATE PROCEDURE accuracy.add_task(task text, source text, columns text, target text,
								   classification boolean, rmse_allowance float8 DEFAULT 1.02,
								   forest_parameters text DEFAULT '')
LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('echolon_data.' || source) IS NULL THEN
		RETURN;
	END IF;
	EXECUTE format('CREATE TABLE accuracy.%I AS SELECT row_id, %s FROM echolon_data.%I',
				   'data_' || task, columns, source);
	INSERT INTO accuracy.tasks VALUES (task, target, classification, rmse_allowance, forest_parameters);
END
$$;

-- All columns of a table but some, for a select list.
CREATE FUNCTION accuracy.columns_but(source text, but text[]) RETURNS text
LANGUAGE sql STABLE AS $$
	SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
	FROM pg_attribute
	WHERE attrelid = to_regclass('echolon_data.' || source) AND attnum > 0 AND NOT attisdropped
		AND attname <> ALL (but || '{row_id}')
$$;

CALL accuracy.add_task('diabetes', 'diabetes', accuracy.columns_but('diabetes', '{}'),
	'progression', false, 1.04);
CALL accuracy.add_task('ames', 'ames', accuracy.columns_but('ames', '{}'), 'sale_price', false);
-- The reference's better forest here had all features at each split; x, y and z have up to 554 values.
CALL accuracy.add_task('diamonds', 'diamonds', accuracy.columns_but('diamonds', '{}'), 'price', false,
	forest_parameters => ', max_features => 1.0, max_bins => 512');
CALL accuracy.add_task('chicago_ridership', 'chicago_ridership',
	accuracy.columns_but('chicago_ridership', '{date}')
		|| ', extract(year FROM date)::int AS year, extract(month FROM date)::int AS month,'
		|| ' extract(isodow FROM date)::int - 1 AS dow',
	'ridership', false);
CALL accuracy.add_task('superstore_lnsales', 'superstore',
	'ship_mode, segment, state, region, category, sub_category, quantity, discount,'
		|| ' extract(year FROM order_date)::int AS order_year,'
		|| ' extract(month FROM order_date)::int AS order_month,'
		|| ' extract(isodow FROM order_date)::int - 1 AS order_dow,'
		|| ' ship_date - order_date AS ship_days, ln(1 + sales::float8) AS ln_sales',
	'ln_sales', false);
CALL accuracy.add_task('superstore_profitable', 'superstore',
	'ship_mode, segment, state, region, category, sub_category, quantity, discount, sales,'
		|| ' extract(year FROM order_date)::int AS order_year,'
		|| ' extract(month FROM order_date)::int AS order_month,'
		|| ' extract(isodow FROM order_date)::int - 1 AS order_dow,'
		|| ' ship_date - order_date AS ship_days, profit > 0 AS profitable',
	'profitable', true);
CALL accuracy.add_task('breast_cancer', 'breast_cancer', accuracy.columns_but('breast_cancer', '{}'),
	'diagnosis', true);
CALL accuracy.add_task('mlc_churn', 'mlc_churn', accuracy.columns_but('mlc_churn', '{}'),
	'churn', true);
CALL accuracy.add_task('credit_data', 'credit_data', accuracy.columns_but('credit_data', '{}'),
	'status', true);
CALL accuracy.add_task('satellite', 'satellite', accuracy.columns_but('satellite', '{}'),
	'classes', true);

-- Train on four folds, score the fifth.
CREATE PROCEDURE accuracy.measure(the_task text, the_algorithm text, the_seed int, the_fold int)
LANGUAGE plpgsql AS $$
DECLARE
	t accuracy.tasks;
	source text := format('accuracy.%I', 'data_' || the_task);
	train text := CASE the_algorithm WHEN 'forest' THEN 'echolon_train_rf' ELSE 'echolon_train_gb' END;
BEGIN
	SELECT * INTO STRICT t FROM accuracy.tasks WHERE tasks.task = the_task;
	EXECUTE format('CREATE TABLE accuracy.train AS SELECT * FROM %s WHERE (row_id - 1) %% 5 <> %s',
				   source, the_fold);
	EXECUTE format('SELECT %s(''accuracy.train'', %L, exclude => ''{row_id}'', model => ''accuracy'','
				   ' test_fraction => 0, seed => %s%s)', train, t.target, the_seed,
				   CASE the_algorithm WHEN 'forest' THEN t.forest_parameters ELSE '' END);
	IF t.classification THEN
		EXECUTE format('CREATE TABLE accuracy.scored AS'
					   ' SELECT s.row_id, s.%I::text AS actual, p.key AS label, p.value::float8 AS p'
					   ' FROM %s AS s, jsonb_each_text(echolon_predict_proba(''accuracy'', s)) AS p'
					   ' WHERE (row_id - 1) %% 5 = %s', t.target, source, the_fold);
		INSERT INTO accuracy.results
		SELECT the_task, the_algorithm, the_seed, the_fold, 'accuracy',
			avg((label = actual)::int)
		FROM (SELECT DISTINCT ON (row_id) label, actual FROM accuracy.scored
			  ORDER BY row_id, p DESC, label COLLATE "C") AS best;
		INSERT INTO accuracy.results
		SELECT the_task, the_algorithm, the_seed, the_fold, 'log_loss',
			-avg(ln(least(greatest(p, 1e-15), 1 - 1e-15)))
		FROM accuracy.scored WHERE label = actual;
		-- Mann and Whitney's form of the area, with ties counted half; the mean over
		-- the classes, one against the rest.  Of two classes both have the same area.
		INSERT INTO accuracy.results
		SELECT the_task, the_algorithm, the_seed, the_fold, 'roc_auc',
			avg((rank_sum - positives * (positives + 1) / 2) / (positives * (n - positives)))
		FROM (SELECT label, sum(midrank) FILTER (WHERE label = actual) AS rank_sum,
				count(*) FILTER (WHERE label = actual)::float8 AS positives, count(*)::float8 AS n
			  FROM (SELECT label, actual, rank() OVER (PARTITION BY label ORDER BY p)
					+ (count(*) OVER (PARTITION BY label, p) - 1) / 2.0 AS midrank
					FROM accuracy.scored) AS ranked
			  GROUP BY label) AS class;
	ELSE
		EXECUTE format('CREATE TABLE accuracy.scored AS'
					   ' SELECT s.%I::float8 AS actual, echolon_predict(''accuracy'', s) AS predicted'
					   ' FROM %s AS s WHERE (row_id - 1) %% 5 = %s', t.target, source, the_fold);
		INSERT INTO accuracy.results
		SELECT the_task, the_algorithm, the_seed, the_fold, 'rmse', sqrt(avg((actual - predicted) ^ 2))
		FROM accuracy.scored;
	END IF;
	PERFORM echolon_drop_model('accuracy');
	DROP TABLE accuracy.train, accuracy.scored;
END
$$;

/*
 * Ours, averaged over folds and seeds, beside the best of the reference's
 * encodings and variants of the same algorithm.
 */
CREATE VIEW accuracy.verdicts AS
WITH peer AS (
	SELECT task, CASE WHEN model LIKE 'rf100%' THEN 'forest' ELSE 'boosting' END AS algorithm, metric,
		model, encoding, avg(mean) AS score
	FROM accuracy.reference
	WHERE metric IN ('rmse', 'accuracy', 'roc_auc', 'log_loss')
	GROUP BY task, model, encoding, metric
), best AS (
	SELECT task, algorithm, metric,
		CASE WHEN metric IN ('rmse', 'log_loss') THEN min(score) ELSE max(score) END AS reference
	FROM peer
	GROUP BY task, algorithm, metric
), ours AS (
	SELECT task, algorithm, metric, avg(value) AS ours, count(DISTINCT seed) AS seeds,
		count(DISTINCT fold) AS folds
	FROM accuracy.results
	GROUP BY task, algorithm, metric
), compared AS (
	SELECT *, (SELECT max(rows) FROM accuracy.reference AS r WHERE r.task = ours.task) AS rows
	FROM ours JOIN best USING (task, algorithm, metric) JOIN accuracy.tasks USING (task)
), bounded AS (
	SELECT *, CASE metric
		WHEN 'rmse' THEN reference * rmse_allowance
		WHEN 'log_loss' THEN reference * 1.03
		WHEN 'roc_auc' THEN reference - 0.005
		ELSE reference - greatest(0.01, 2 / (rows / 5.0)) END AS bound
	FROM compared
	-- A forest's probabilities are not made for the log loss; no promise there.
	WHERE NOT (algorithm = 'forest' AND metric = 'log_loss')
)
SELECT task, algorithm || CASE algorithm WHEN 'forest' THEN forest_parameters ELSE '' END AS algorithm, metric, ours,
	reference, ours / reference AS ratio, bound, seeds, folds,
	CASE WHEN metric IN ('rmse', 'log_loss') THEN ours <= bound ELSE ours >= bound END AS good
FROM bounded;

-- Evaluation: what was stored with a model, its curves, and its metrics on any relation.
\pset null '(null)'
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA evaluate;
SET search_path = evaluate, public;

-- Rules with noise from a hash.  Every seventh area is unknown.
CREATE TABLE house AS
SELECT i AS id, (i * 7919 % 1009) / 10.0 AS size, CASE WHEN i % 7 > 0 THEN i * 104729 % 13 END AS age,
	   (ARRAY['north', 'south', 'east'])[1 + i % 3] AS area,
	   2.0 * (i * 7919 % 1009) / 10.0 + (i % 3) * 20 - 1.5 * (i * 104729 % 13) + 10 + (i * 15485863 % 101) / 10.0 AS price
FROM generate_series(1::bigint, 1000) AS i;
CREATE TABLE customer AS
SELECT i AS id, (i * 7919 % 1009) / 10.0 AS usage, (i * 104729 % 37)::int AS calls,
	   (ARRAY['basic', 'plus', 'pro', 'max'])[1 + i % 4] AS plan,
	   CASE WHEN i * 7919 % 1009 + 20 * (i * 104729 % 37) + i * 15485863 % 401 > 1100 THEN 'yes' ELSE 'no' END AS churn
FROM generate_series(1::bigint, 1500) AS i;
CREATE TABLE flower AS
SELECT i * 7919 % 1009 / 100.0 AS petal, i * 104729 % 997 / 100.0 AS sepal,
	   (ARRAY['aster', 'begonia', 'crocus'])[1 + ((i * 7919 % 1009 + i * 15485863 % 211) / 407)] AS kind,
	   (i * 7919 % 1009 > 500)::int AS tall
FROM generate_series(1::bigint, 900) AS i;

SELECT model, version, task FROM echolon_train_gb('house', 'price', exclude => '{id}', n_estimators => 40);
SELECT model, version, task FROM echolon_train_rf('house', 'price', exclude => '{id}', n_estimators => 20);
SELECT model, version, task FROM echolon_train_gb('customer', 'churn', exclude => '{id}', n_estimators => 30);
SELECT model, version, task FROM echolon_train_rf('flower', 'kind', n_estimators => 20, exclude => '{tall}');

-- ---- metrics ---------------------------------------------------------------------------------

-- in a fixed order; a forest has out-of-bag scores
SELECT metric, score IS NOT NULL AS score, train_score IS NOT NULL AS train, oob_score IS NOT NULL AS oob,
	   baseline IS NOT NULL AS baseline, measured_on
FROM echolon_metrics('house_price');
SELECT metric, score IS NOT NULL AS score, train_score IS NOT NULL AS train, oob_score IS NOT NULL AS oob,
	   baseline IS NOT NULL AS baseline, measured_on
FROM echolon_metrics('customer_churn');
-- they are those of the held-out rows
SELECT m.metric, abs(m.score - o.value) <= 1e-12 * abs(o.value) AS same
FROM echolon_metrics('house_price') m JOIN (
	SELECT unnest('{mse,rmse,mae,median_absolute_error,mape,r2}'::text[]) AS metric,
		   unnest(ARRAY[avg(residual ^ 2), sqrt(avg(residual ^ 2)), avg(abs(residual)),
						percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(residual)),
						avg(abs(residual / actual)), 1 - sum(residual ^ 2) / var_pop(actual) / count(*)]) AS value
	FROM echolon_residuals('house_price')) o USING (metric);
-- better than the mean, and not by heart alone; what is out of bag is held out as well
SELECT metric, score < baseline AS better, train_score < score AS optimistic FROM echolon_metrics('house_price', 1) WHERE metric = 'rmse';
SELECT oob_score BETWEEN score / 2 AND score * 2 AS near FROM echolon_metrics('house_price', 2) WHERE metric = 'rmse';
SELECT abs(m.oob_score - c.held_out) < 1e-9 AS same FROM echolon_metrics('house_price', 2) m, echolon_learning_curve('house_price', 2) c
WHERE m.metric = 'mse' AND c.n_estimators = 20;
SELECT m.score = v.score AS score, m.train_score = v.train_score AS train_score, m.baseline = v.baseline AS baseline
FROM echolon.models v, echolon_metrics('house_price') m WHERE v.model = 'house_price' AND m.metric = 'r2';
-- versions
SELECT (SELECT score FROM echolon_metrics('house_price', 1) WHERE metric = 'r2') <> (SELECT score FROM echolon_metrics('house_price', 2) WHERE metric = 'r2') AS differ,
	   (SELECT score FROM echolon_metrics('house_price', version => NULL) WHERE metric = 'r2') = (SELECT score FROM echolon_metrics('house_price', 2) WHERE metric = 'r2') AS active;

-- ---- report, matrix ------------------------------------------------------------------------------

SELECT label, precision > 0.8 AS precision, recall > 0.8 AS recall, f1 > 0.8 AS f1, support > 0 AS support
FROM echolon_classification_report('customer_churn');
SELECT actual, predicted, count >= 0 AS counted FROM echolon_confusion_matrix('flower_kind');
-- each row of the report follows from the matrix
CREATE FUNCTION report(model text) RETURNS TABLE (label text, "precision" float8, recall float8, f1 float8, support numeric)
LANGUAGE sql AS $$
WITH c AS (SELECT * FROM echolon_confusion_matrix(model)), l AS (
	SELECT l.label, hits / nullif(said, 0) AS p, hits / nullif(was, 0) AS r, hits, was
	FROM (SELECT DISTINCT actual AS label FROM c) l,
		LATERAL (SELECT sum(count) FILTER (WHERE actual = label AND predicted = label) AS hits,
						sum(count) FILTER (WHERE actual = label) AS was, sum(count) FILTER (WHERE predicted = label) AS said FROM c) s
), f AS (
	SELECT label, coalesce(p, 0)::float8 AS p, coalesce(r, 0)::float8 AS r, coalesce(2 * p * r / nullif(p + r, 0), 0)::float8 AS f1, hits, was FROM l
)
SELECT label, p, r, f1, was FROM f
UNION ALL SELECT 'accuracy', NULL, NULL, (sum(hits) / sum(was))::float8, sum(was) FROM f
UNION ALL SELECT 'macro avg', avg(p), avg(r), avg(f1), sum(was) FROM f
UNION ALL SELECT 'weighted avg', (sum(p * was) / sum(was))::float8, (sum(r * was) / sum(was))::float8, (sum(f1 * was) / sum(was))::float8, sum(was) FROM f
$$;
SELECT model, count(*) AS rows, count(*) FILTER (WHERE o.support = r.support AND abs(o.f1 - r.f1) < 1e-12
	AND coalesce(abs(o.precision - r.precision) < 1e-12 AND abs(o.recall - r.recall) < 1e-12, o.precision IS NULL AND r.precision IS NULL)) AS agreeing
FROM unnest('{customer_churn,flower_kind}'::text[]) AS model, LATERAL echolon_classification_report(model) r JOIN LATERAL report(model) o USING (label)
GROUP BY model ORDER BY model;
-- and the stored scores from the report
SELECT m.model, s.metric, abs(s.score - CASE s.metric WHEN 'accuracy' THEN r.accuracy WHEN 'balanced_accuracy' THEN r.balanced ELSE r.f1 END) < 1e-12 AS same
FROM (VALUES ('customer_churn', 'yes'), ('flower_kind', 'macro avg')) AS m(model, label),
	LATERAL (SELECT max(f1) FILTER (WHERE r.label = 'accuracy') AS accuracy, max(recall) FILTER (WHERE r.label = 'macro avg') AS balanced,
					max(f1) FILTER (WHERE r.label = m.label) AS f1 FROM echolon_classification_report(m.model) r) r,
	LATERAL echolon_metrics(m.model) s
WHERE s.metric IN ('accuracy', 'balanced_accuracy', 'f1') ORDER BY 1, 2;

-- ---- importance --------------------------------------------------------------------------------------

SELECT rank, feature, importance > 0 AS used, splits > 0 AS splits FROM echolon_feature_importance('house_price', 1);
SELECT count(*) AS features, abs(sum(importance) - 1) < 1e-12 AS whole, bool_and(importance <= before) AS falling
FROM (SELECT importance, lag(importance, 1, 1) OVER (ORDER BY rank) AS before FROM echolon_feature_importance('customer_churn')) i;

-- ---- curves ---------------------------------------------------------------------------------------------

-- the areas are the stored scores
WITH r AS (
	SELECT false_positive_rate AS x, true_positive_rate AS y, threshold,
		   lag(false_positive_rate) OVER w AS x0, lag(true_positive_rate) OVER w AS y0
	FROM echolon_roc_curve('customer_churn') WINDOW w AS (ORDER BY threshold DESC)
)
SELECT abs(sum((x - x0) * (y + y0) / 2) - (SELECT score FROM echolon_metrics('customer_churn') WHERE metric = 'roc_auc')) < 1e-12 AS area,
	   min(x) AS x_first, min(y) AS y_first, max(x) AS x_last, max(y) AS y_last, max(threshold) AS threshold,
	   bool_and(x >= coalesce(x0, 0) AND y >= coalesce(y0, 0)) AS rising
FROM r;
WITH p AS (
	SELECT precision, recall, threshold, lag(recall) OVER (ORDER BY threshold DESC) AS recall0
	FROM echolon_precision_recall_curve('customer_churn')
)
SELECT abs(sum((recall - recall0) * precision) - (SELECT score FROM echolon_metrics('customer_churn') WHERE metric = 'average_precision')) < 1e-12 AS area,
	   min(recall) AS first, max(recall) AS last, max(precision) FILTER (WHERE threshold = 'Infinity') AS precision
FROM p;
-- the other class turns the ROC curve around
SELECT count(*) > 2 AS points, bool_and(o.y IS NOT NULL) AS mirrored
FROM echolon_roc_curve('customer_churn', 'yes') r LEFT JOIN LATERAL (
	SELECT false_positive_rate AS y FROM echolon_roc_curve('customer_churn', 'no') n
	WHERE abs(1 - n.true_positive_rate - r.false_positive_rate) < 1e-12 AND abs(1 - n.false_positive_rate - r.true_positive_rate) < 1e-12) o ON true;
-- bins hold every held-out row; their positives are the class's rows
SELECT count(*) AS bins, sum(c.count) = max(r.rows) AS rows, round(sum(fraction_positive * c.count)) = max(r.yes) AS positives,
	   bool_and(mean_predicted > (bin - 1) / 10.0 AND mean_predicted <= bin / 10.0) AS inside
FROM echolon_calibration('customer_churn') c,
	(SELECT max(support) FILTER (WHERE label = 'accuracy') AS rows, max(support) FILTER (WHERE label = 'yes') AS yes FROM echolon_classification_report('customer_churn')) r;
SELECT bin, mean_predicted BETWEEN 0 AND 1 AS mean_predicted, count > 0 AS rows FROM echolon_calibration('flower_kind', 'crocus', bins => 1);
SELECT count(*) AS bins, count(*) FILTER (WHERE count = 0 AND mean_predicted IS NULL AND fraction_positive IS NULL) > 0 AS empty
FROM echolon_calibration('customer_churn', bins => 1000, version => 1);
SELECT count(*) AS points, max(held_out) IS NOT NULL AS watched, bool_and(train < before) AS falling
FROM (SELECT *, lag(train, 1, 'Infinity') OVER (ORDER BY n_estimators) AS before FROM echolon_learning_curve('customer_churn')) c;
-- the last point of boosting is the stored model: log loss, squared error
SELECT abs(c.held_out - m.score) < 1e-9 AS held_out FROM echolon_learning_curve('customer_churn') c, echolon_metrics('customer_churn') m
WHERE c.n_estimators = 30 AND m.metric = 'log_loss';
SELECT abs(c.held_out - m.score) < 1e-9 * m.score AS held_out FROM echolon_learning_curve('house_price', 1) c, echolon_metrics('house_price', 1) m
WHERE c.n_estimators = 40 AND m.metric = 'mse';
SELECT max(n_estimators) AS trees, count(train) AS train, count(held_out) > 0 AS out_of_bag FROM echolon_learning_curve('house_price', 2);
-- long ones are thinned, keeping their ends
SELECT model FROM echolon_train_gb('customer', 'churn', exclude => '{id}', model => 'long', n_estimators => 1200, max_leaf_nodes => 2);
SELECT count(*), min(n_estimators), max(n_estimators) FROM echolon_learning_curve('long');

-- ---- any relation ----------------------------------------------------------------------------------------

-- against plain SQL over the predictions
CREATE TABLE evaluated AS SELECT * FROM echolon_evaluate('house_price', 'house');
SELECT metric, value > 0 AS positive FROM evaluated;
SELECT e.metric, abs(e.value - o.value) <= 1e-12 * abs(o.value) AS same
FROM evaluated e JOIN (
	SELECT unnest('{rmse,mae,r2,rows}'::text[]) AS metric,
		   unnest(ARRAY[sqrt(avg(d ^ 2)), avg(abs(d)), 1 - sum(d ^ 2) / var_pop(price) / count(*), count(*)]) AS value
	FROM (SELECT price, price - echolon_predict('house_price', h) AS d FROM house h) h) o USING (metric);
SELECT metric, round(value::numeric, 6) = round(CASE metric WHEN 'accuracy' THEN accuracy WHEN 'log_loss' THEN log_loss WHEN 'roc_auc' THEN roc_auc ELSE brier END::numeric, 6) AS same
FROM echolon_evaluate('customer_churn', 'customer') e,
	(SELECT echolon_accuracy(churn, echolon_predict_class('customer_churn', c)) AS accuracy,
			echolon_log_loss(churn = 'yes', echolon_predict_proba('customer_churn', c, 'yes')) AS log_loss,
			echolon_roc_auc(churn = 'yes', echolon_predict_proba('customer_churn', c, 'yes')) AS roc_auc,
			avg((echolon_predict_proba('customer_churn', c, 'yes') - (churn = 'yes')::int) ^ 2) AS brier FROM customer c) o
WHERE metric IN ('accuracy', 'log_loss', 'roc_auc', 'brier');
-- rows that cannot be measured, values never seen; other types, another order, more columns
CREATE VIEW arrivals AS
SELECT 'x'::text AS note, CASE WHEN id = 1 THEN NULL WHEN id = 2 THEN 'maybe' ELSE churn END::varchar AS churn,
	   CASE WHEN id < 6 THEN 'student' ELSE plan END AS plan, calls::numeric, usage::float4, id
FROM customer WHERE id <= 100;
SELECT metric, value FROM echolon_evaluate('customer_churn', 'arrivals') WHERE metric LIKE 'rows%' OR metric LIKE 'unseen%';
CREATE VIEW broken AS SELECT size, age, area, CASE id WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN NULL ELSE price END::float8 AS price
FROM house WHERE id <= 100;
SELECT metric, value FROM echolon_evaluate('house_price', 'broken') WHERE metric LIKE 'rows%' OR metric LIKE 'unseen%';
-- a class of numbers by any type of number
SELECT model FROM echolon_train_rf('flower', 'tall', n_estimators => 10, exclude => '{kind}');
CREATE VIEW tall AS SELECT petal, sepal, tall::numeric(5, 2) AS tall FROM flower UNION ALL SELECT 1, 1, 7;
SELECT metric, value FROM echolon_evaluate('flower_tall', 'tall') WHERE metric LIKE 'rows%' OR metric = 'accuracy';
-- none, one, and one class only
CREATE TABLE nobody (LIKE customer);
SELECT * FROM echolon_evaluate('customer_churn', 'nobody');
CREATE VIEW one AS SELECT * FROM customer WHERE churn = 'yes' LIMIT 1;
SELECT metric, value IS NULL AS missing FROM echolon_evaluate('customer_churn', 'one') WHERE metric IN ('accuracy', 'log_loss', 'roc_auc', 'average_precision', 'rows');
-- in a query of a caller's
SELECT m.model, e.value > 0.5 AS good FROM echolon.models m, LATERAL echolon_evaluate(m.model, 'customer') e
WHERE m.model LIKE 'customer%' AND e.metric = 'roc_auc';

-- ---- a sample of many held-out rows ----------------------------------------------------------------------------

CREATE TABLE big AS
SELECT i * 7919 % 10007 / 100.0 AS x, i * 104729 % 9973 / 100.0 AS z, i * 7919 % 10007 + i * 15485863 % 997 > 5000 AS y
FROM generate_series(1::bigint, 25000) AS i;
SELECT model FROM echolon_train_rf('big', 'y', n_estimators => 3, max_depth => 6, test_fraction => 0.9);
SELECT model FROM echolon_train_gb('big', 'y', model => 'fine', n_estimators => 60, test_fraction => 0.5);
SET client_min_messages = notice;
SELECT count(*) <= 1000 AS thin, min(true_positive_rate), max(true_positive_rate) FROM echolon_roc_curve('big_y');
SELECT support FROM echolon_classification_report('big_y') WHERE label = 'accuracy';
SELECT count(*), min(threshold) > 0 AS low, max(threshold), min(recall), max(recall) FROM echolon_precision_recall_curve('fine');
SET client_min_messages = warning;

-- ---- errors -----------------------------------------------------------------------------------------------------

SELECT * FROM echolon_metrics('house_prise');
SELECT * FROM echolon_metrics('house_price', 7);
SELECT * FROM echolon_metrics('house_price', 0);
SELECT * FROM echolon_metrics(NULL);
SELECT * FROM echolon_classification_report('house_price');
SELECT * FROM echolon_confusion_matrix('house_price');
SELECT * FROM echolon_roc_curve('house_price', 'yes');
SELECT * FROM echolon_calibration('house_price');
SELECT * FROM echolon_residuals('customer_churn');
SELECT * FROM echolon_roc_curve('flower_kind');
SELECT * FROM echolon_precision_recall_curve('flower_kind', 'tulip');
SELECT * FROM echolon_calibration('customer_churn', bins => 0);
SELECT * FROM echolon_calibration('customer_churn', bins => NULL);
SELECT count(*) > 2 AS points FROM echolon_roc_curve('flower_kind', label => 'begonia');
-- no rows were held out
SELECT model FROM echolon_train_gb('customer', 'churn', exclude => '{id}', model => 'all_rows', n_estimators => 5, test_fraction => 0);
SELECT metric, score, train_score > 0 AS train, measured_on FROM echolon_metrics('all_rows') WHERE metric = 'accuracy';
SELECT * FROM echolon_confusion_matrix('all_rows');
-- relations that don't fit
SELECT * FROM echolon_evaluate('customer_churn', 'house');
SELECT * FROM echolon_evaluate('customer_churn', 'missing');
SELECT * FROM echolon_evaluate('customer_churn', NULL);
CREATE VIEW unanswered AS SELECT usage, calls, plan FROM customer;
SELECT * FROM echolon_evaluate('customer_churn', 'unanswered');
CREATE VIEW scored AS SELECT usage, calls, plan, 1.5 AS churn FROM customer;
SELECT * FROM echolon_evaluate('customer_churn', 'scored');
CREATE VIEW described AS SELECT size, age, area, price::text AS price FROM house;
SELECT * FROM echolon_evaluate('house_price', 'described');
CREATE VIEW retyped AS SELECT usage::text AS usage, calls, plan, churn FROM customer;
SELECT * FROM echolon_evaluate('customer_churn', 'retyped');
-- memory
SET echolon.max_memory = '1MB';
SELECT * FROM echolon_evaluate('big_y', 'big');
RESET echolon.max_memory;

-- ---- rights ----------------------------------------------------------------------------------------------------------

CREATE ROLE regress_echolon_evaluate;
GRANT USAGE ON SCHEMA evaluate TO regress_echolon_evaluate;
SET ROLE regress_echolon_evaluate;
SELECT * FROM echolon_metrics('customer_churn');
SELECT * FROM echolon_evaluate('customer_churn', 'customer');
RESET ROLE;
SELECT echolon_grant_model('customer_churn', 'regress_echolon_evaluate');
SET ROLE regress_echolon_evaluate;
SELECT count(*) FROM echolon_metrics('customer_churn');
SELECT count(*) FROM echolon_confusion_matrix('customer_churn');
-- the model's right lends none to the table
SELECT * FROM echolon_evaluate('customer_churn', 'customer');
RESET ROLE;
GRANT SELECT (usage, calls, plan, churn) ON customer TO regress_echolon_evaluate;
SET ROLE regress_echolon_evaluate;
SELECT value FROM echolon_evaluate('customer_churn', 'customer') WHERE metric = 'rows';
RESET ROLE;

SELECT count(echolon_drop_model(model)) AS models FROM echolon.models
WHERE model IN ('house_price', 'customer_churn', 'flower_kind', 'flower_tall', 'big_y', 'fine', 'long', 'all_rows');
DROP SCHEMA evaluate CASCADE;
DROP ROLE regress_echolon_evaluate;

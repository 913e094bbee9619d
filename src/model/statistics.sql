/* ---- what the records of versions say, in long form, for charts ---- */

CREATE FUNCTION echolon.json_number(value jsonb) RETURNS double precision
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_json_number';
COMMENT ON FUNCTION echolon.json_number(jsonb) IS
'A finite number of a JSON document; NULL where the value is none. The views are made of it';
GRANT EXECUTE ON FUNCTION echolon.json_number(jsonb) TO PUBLIC;

CREATE VIEW echolon.metrics WITH (security_barrier) AS
SELECT m.model, v.version, v.active, m.task, p.split, s.key COLLATE "C" AS metric,
	echolon.json_number(s.value) AS value,
	echolon.json_number(v.metrics OPERATOR(pg_catalog.->) 'baseline' OPERATOR(pg_catalog.->) s.key) AS baseline,
	v.trained_at AS at
FROM echolon.visible_models m
	JOIN echolon.version_store v ON v.model_id OPERATOR(pg_catalog.=) m.id
	CROSS JOIN LATERAL (VALUES
		-- what was measured out of bag is there once
		('test'::pg_catalog.text, CASE WHEN v.metrics OPERATOR(pg_catalog.->>) 'measured_on' OPERATOR(pg_catalog.<>) 'oob'
			THEN v.metrics OPERATOR(pg_catalog.->) 'score' END),
		('train', v.metrics OPERATOR(pg_catalog.->) 'train'),
		('oob', v.metrics OPERATOR(pg_catalog.->) 'oob')) p (split, scores)
	CROSS JOIN LATERAL pg_catalog.jsonb_each(
		CASE pg_catalog.jsonb_typeof(p.scores) WHEN 'object' THEN p.scores ELSE '{}' END) s;
COMMENT ON VIEW echolon.metrics IS
'All metrics of all versions of the models the current user may see, one a row, as they were measured at training';
COMMENT ON COLUMN echolon.metrics.model IS 'Name of the model';
COMMENT ON COLUMN echolon.metrics.version IS '1, 2, ... within the model';
COMMENT ON COLUMN echolon.metrics.active IS 'It is the version that predicts where none is asked for';
COMMENT ON COLUMN echolon.metrics.task IS 'regression or classification';
COMMENT ON COLUMN echolon.metrics.split IS 'Rows it was measured on: test (held out of the training), train (of the training), oob (of a forest: each row by the trees that did not learn from it)';
COMMENT ON COLUMN echolon.metrics.metric IS 'mse, rmse, mae, median_absolute_error, mape, r2; of a classification accuracy, balanced_accuracy, log_loss, roc_auc, average_precision, f1, mcc, brier';
COMMENT ON COLUMN echolon.metrics.value IS 'The metric; NULL where it has no meaning on these rows';
COMMENT ON COLUMN echolon.metrics.baseline IS 'The same metric of the naive prediction on the held-out rows; NULL where none were held out';
COMMENT ON COLUMN echolon.metrics.at IS 'When the version was stored';
GRANT SELECT ON echolon.metrics TO PUBLIC;

CREATE VIEW echolon.feature_importance WITH (security_barrier) AS
SELECT m.model, v.version, v.active, i.rank::pg_catalog.int4 AS rank,
	(i.entry OPERATOR(pg_catalog.->>) 0) AS feature,
	echolon.json_number(i.entry OPERATOR(pg_catalog.->) 1) AS importance,
	echolon.json_number(i.entry OPERATOR(pg_catalog.->) 2)::pg_catalog.int8 AS splits,
	v.trained_at AS at
FROM echolon.visible_models m
	JOIN echolon.version_store v ON v.model_id OPERATOR(pg_catalog.=) m.id
	CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(v.importance) WITH ORDINALITY i (entry, rank);
COMMENT ON VIEW echolon.feature_importance IS
'What each feature gave the trees, of all versions of the models the current user may see: what echolon_feature_importance says, without loading a model';
COMMENT ON COLUMN echolon.feature_importance.model IS 'Name of the model';
COMMENT ON COLUMN echolon.feature_importance.version IS '1, 2, ... within the model';
COMMENT ON COLUMN echolon.feature_importance.active IS 'It is the version that predicts where none is asked for';
COMMENT ON COLUMN echolon.feature_importance.rank IS '1 is the most important';
COMMENT ON COLUMN echolon.feature_importance.feature IS 'Name of the feature';
COMMENT ON COLUMN echolon.feature_importance.importance IS 'Its share of the gain of all splits, 0 to 1; of a model of groups the mean over their models';
COMMENT ON COLUMN echolon.feature_importance.splits IS 'In how many splits it stands';
COMMENT ON COLUMN echolon.feature_importance.at IS 'When the version was stored';
GRANT SELECT ON echolon.feature_importance TO PUBLIC;

CREATE VIEW echolon.learning_curve WITH (security_barrier) AS
SELECT m.model, v.version, v.active, v.algorithm,
	echolon.json_number(c.point OPERATOR(pg_catalog.->) 0)::pg_catalog.int4 AS n_estimators,
	echolon.json_number(c.point OPERATOR(pg_catalog.->) 1) AS train,
	echolon.json_number(c.point OPERATOR(pg_catalog.->) 2) AS held_out,
	v.trained_at AS at
FROM echolon.visible_models m
	JOIN echolon.version_store v ON v.model_id OPERATOR(pg_catalog.=) m.id
	CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(v.curve) c (point);
COMMENT ON VIEW echolon.learning_curve IS
'How versions of the models the current user may see got better with their trees, one row a round of boosting, or some of a forest''s trees';
COMMENT ON COLUMN echolon.learning_curve.model IS 'Name of the model';
COMMENT ON COLUMN echolon.learning_curve.version IS '1, 2, ... within the model';
COMMENT ON COLUMN echolon.learning_curve.active IS 'It is the version that predicts where none is asked for';
COMMENT ON COLUMN echolon.learning_curve.algorithm IS 'random_forest or gradient_boosting';
COMMENT ON COLUMN echolon.learning_curve.n_estimators IS 'Trees, or rounds of boosting, so far';
COMMENT ON COLUMN echolon.learning_curve.train IS 'Mean loss of the training rows: squared error, absolute error, pinball, huber, poisson deviance, or log loss; NULL of a forest';
COMMENT ON COLUMN echolon.learning_curve.held_out IS 'Mean loss of the rows that were watched; of a forest mean squared error or error rate out of bag';
COMMENT ON COLUMN echolon.learning_curve.at IS 'When the version was stored';
GRANT SELECT ON echolon.learning_curve TO PUBLIC;

CREATE VIEW echolon.residuals WITH (security_barrier) AS
SELECT m.model, v.version, v.active, h.row_number::pg_catalog.int4 AS row_number, h.actual, h.predicted,
	h.actual OPERATOR(pg_catalog.-) h.predicted AS residual, v.trained_at AS at
FROM echolon.visible_models m
	JOIN echolon.version_store v ON v.model_id OPERATOR(pg_catalog.=) m.id
	JOIN echolon.holdout_store s ON s.version_id OPERATOR(pg_catalog.=) v.id
	CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(s.actual), pg_catalog.unnest(s.predicted))
		WITH ORDINALITY h (actual, predicted, row_number)
WHERE m.task OPERATOR(pg_catalog.=) 'regression';
COMMENT ON VIEW echolon.residuals IS
'Rows that regressions were not fitted to, of the models the current user may see, as they were predicted: held-out ones, or out of bag where none were held out; at most 20,000 of a version, in no order. Ask for a model and a version, or for active: all versions together may be many rows';
COMMENT ON COLUMN echolon.residuals.model IS 'Name of the model';
COMMENT ON COLUMN echolon.residuals.version IS '1, 2, ... within the model';
COMMENT ON COLUMN echolon.residuals.active IS 'It is the version that predicts where none is asked for';
COMMENT ON COLUMN echolon.residuals.row_number IS '1, 2, ... within the version; it is no row of the table, whose keys are not stored';
COMMENT ON COLUMN echolon.residuals.actual IS 'Value of the target';
COMMENT ON COLUMN echolon.residuals.predicted IS 'What the version predicted';
COMMENT ON COLUMN echolon.residuals.residual IS 'actual - predicted, in the target''s unit';
COMMENT ON COLUMN echolon.residuals.at IS 'When the version was stored';
GRANT SELECT ON echolon.residuals TO PUBLIC;

-- evaluate: how good a model is; metrics as aggregates for any query.

-- from what was stored with a model

CREATE FUNCTION echolon_metrics(
	model text,
	version integer DEFAULT NULL,
	OUT metric text,
	OUT score double precision,
	OUT train_score double precision,
	OUT oob_score double precision,
	OUT baseline double precision,
	OUT measured_on text
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 8
AS 'MODULE_PATHNAME', 'echolon_metrics';
COMMENT ON FUNCTION echolon_metrics(text, integer) IS
'How good a model is: each metric on rows it was not fitted to (score; measured_on says which: holdout, holdout_before_refit, oob, none), on training rows, out of bag (forests), and of the baseline it has to beat (mean or majority; of a split in time the last value). Regression: mse, rmse, mae, median_absolute_error, mape (a share, not per cent; NULL where an actual value is 0), r2 (NULL where the target is constant). Classification: accuracy, balanced_accuracy, log_loss, roc_auc, average_precision, f1, mcc, brier; of the positive class, or with three classes and more macro averages. Definitions are scikit-learn''s. Every row counts as one, whatever its sample_weight. version asks for an older version than the active one. Errors: no such model or version, or no right to it';

CREATE FUNCTION echolon_group_metrics(
	model text,
	version integer DEFAULT NULL,
	OUT group_key jsonb,
	OUT rows_used bigint,
	OUT training_rows bigint,
	OUT measured_rows bigint,
	OUT metric text,
	OUT score double precision,
	OUT common_score double precision,
	OUT baseline double precision
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'echolon_group_metrics';
COMMENT ON FUNCTION echolon_group_metrics(text, integer) IS
'The groups that have a model of their own in a model trained with group_by: group_key, such as {"store": "north"}; how many rows they have, were trained on and are measured on (held-out rows, else those out of bag); the headline metric there of the group''s model (score), of the common model that other groups share (common_score), and of the baseline within the group. The last row, without a group_key, is of all rows that share the common model, where there are any. NULL where it cannot be measured. Errors: as for echolon_metrics; a model without groups. SELECT * FROM echolon_group_metrics(''sales_revenue'') ORDER BY score';

CREATE FUNCTION echolon_classification_report(
	model text,
	version integer DEFAULT NULL,
	OUT label text,
	OUT "precision" double precision,
	OUT recall double precision,
	OUT f1 double precision,
	OUT support bigint
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'echolon_classification_report';
COMMENT ON FUNCTION echolon_classification_report(text, integer) IS
'Precision, recall, f1 and number of held-out rows of each class, then accuracy (in column f1), macro and weighted averages: the rows of scikit-learn''s classification_report. The macro average is over the classes that occur. From the held-out predictions stored with the version (at most 20,000 of them, a notice says so). Errors: as for echolon_metrics; a regression; a version without held-out rows';

CREATE FUNCTION echolon_confusion_matrix(
	model text,
	version integer DEFAULT NULL,
	OUT actual text,
	OUT predicted text,
	OUT count bigint
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 20
AS 'MODULE_PATHNAME', 'echolon_confusion_matrix';
COMMENT ON FUNCTION echolon_confusion_matrix(text, integer) IS
'How many held-out rows of each class were predicted as each class: one row for every pair, in the order of the labels (psql: \crosstabview). Rows and errors as for echolon_classification_report';

CREATE FUNCTION echolon_feature_importance(
	model text,
	version integer DEFAULT NULL,
	OUT rank integer,
	OUT feature text,
	OUT importance double precision,
	OUT splits bigint
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 20
AS 'MODULE_PATHNAME', 'echolon_feature_importance';
COMMENT ON FUNCTION echolon_feature_importance(text, integer) IS
'What each feature gave the trees of a model: its share of the gain of all splits (importance, sums to 1; all 0 where no tree has a split) and in how many splits it stands, the most important first, equal ones in the model''s order. Measured on training rows: features with many values are flattered; echolon_permutation_importance measures on any rows. Of a model of groups it is the mean over their models, each as heavy as its rows. Errors: as for echolon_metrics. Source: Breiman, Friedman, Olshen, Stone, Classification and Regression Trees (1984)';

CREATE FUNCTION echolon_roc_curve(
	model text,
	label text DEFAULT NULL,
	version integer DEFAULT NULL,
	OUT threshold double precision,
	OUT false_positive_rate double precision,
	OUT true_positive_rate double precision
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 1000
AS 'MODULE_PATHNAME', 'echolon_roc_curve';
COMMENT ON FUNCTION echolon_roc_curve(text, text, integer) IS
'The ROC curve of a class against the others on the held-out rows: rates, 0 to 1, where rows are taken for the class from a threshold of its probability on. From (0, 0), with an infinite threshold, to (1, 1); at most 1,000 points. label defaults to the positive class of two; with more it must be named. No rows, and a notice, where the held-out rows are of one side only. Errors: as for echolon_classification_report; a label to be named, or that the model does not have';

CREATE FUNCTION echolon_precision_recall_curve(
	model text,
	label text DEFAULT NULL,
	version integer DEFAULT NULL,
	OUT threshold double precision,
	OUT "precision" double precision,
	OUT recall double precision
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 1000
AS 'MODULE_PATHNAME', 'echolon_precision_recall_curve';
COMMENT ON FUNCTION echolon_precision_recall_curve(text, text, integer) IS
'Precision and recall, 0 to 1, of a class on the held-out rows where rows are taken for it from a threshold of its probability on; the first point, with an infinite threshold, is precision 1 and recall 0; at most 1,000 points. label and errors as for echolon_roc_curve';

CREATE FUNCTION echolon_calibration(
	model text,
	label text DEFAULT NULL,
	bins integer DEFAULT 10,
	version integer DEFAULT NULL,
	OUT bin integer,
	OUT mean_predicted double precision,
	OUT fraction_positive double precision,
	OUT count bigint
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'echolon_calibration';
COMMENT ON FUNCTION echolon_calibration(text, text, integer, integer) IS
'Are probabilities what they say: held-out rows by the predicted probability of a class, in bins (1 to 1000) of equal width, each without its lower and with its upper edge; their mean probability and the share that is of the class, which a calibrated model has equal. A bin without rows has NULLs. label and errors as for echolon_roc_curve; bins out of range';

CREATE FUNCTION echolon_residuals(
	model text,
	version integer DEFAULT NULL,
	OUT actual double precision,
	OUT predicted double precision,
	OUT residual double precision
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 1000
AS 'MODULE_PATHNAME', 'echolon_residuals';
COMMENT ON FUNCTION echolon_residuals(text, integer) IS
'Actual value, prediction and their difference (actual - predicted, in the target''s unit) of the held-out rows stored with a regression (at most 20,000 of them, a notice says so). Errors: as for echolon_metrics; a classifier; a version without held-out rows';

CREATE FUNCTION echolon_learning_curve(
	model text,
	version integer DEFAULT NULL,
	OUT n_estimators integer,
	OUT train double precision,
	OUT held_out double precision
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'echolon_learning_curve';
COMMENT ON FUNCTION echolon_learning_curve(text, integer) IS
'How a model got better with its trees. Boosting: mean loss of training and of held-out rows after each round (squared error, absolute error, pinball, huber, poisson deviance, or log loss). A forest: NULL, and out-of-bag mean squared error or error rate. At most 1,000 points; no rows, and a notice, where there is none. Errors: as for echolon_metrics';

-- on any rows

CREATE FUNCTION echolon_evaluate(
	model text,
	relation regclass,
	version integer DEFAULT NULL,
	OUT metric text,
	OUT value double precision
) RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 12
AS 'MODULE_PATHNAME', 'echolon_evaluate';
COMMENT ON FUNCTION echolon_evaluate(text, regclass, integer) IS
'How good a model is on a relation (table, view, materialized view, partitioned or foreign table) that has its columns and its target: the metrics of echolon_metrics, then rows (measured), rows_without_target (left out: NULL or NaN), rows_of_unknown_class (left out; classification) and unseen_categories (values of category columns that no training row had; they are predicted as missing). A metric that has no meaning on these rows is NULL. Rows that the model was trained on flatter it. Errors: as for echolon_predict; a column does not exist or has another kind of type; more rows than echolon.max_memory allows';

-- aggregates: what they are made of stands in schema echolon

CREATE FUNCTION echolon.error_accum(internal, double precision, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_error_accum';
COMMENT ON FUNCTION echolon.error_accum(internal, double precision, double precision) IS
'Transition function of echolon_rmse, echolon_mae and echolon_r2; not to be called directly';

CREATE FUNCTION echolon.error_combine(internal, internal) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_error_combine';
COMMENT ON FUNCTION echolon.error_combine(internal, internal) IS
'Joins two states of echolon_rmse, echolon_mae and echolon_r2; not to be called directly';

CREATE FUNCTION echolon.error_serialize(internal) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_error_serialize';
COMMENT ON FUNCTION echolon.error_serialize(internal) IS
'State of echolon_rmse, echolon_mae and echolon_r2 for a parallel plan; not to be called directly';

CREATE FUNCTION echolon.error_deserialize(bytea, internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_error_deserialize';
COMMENT ON FUNCTION echolon.error_deserialize(bytea, internal) IS
'State of echolon_rmse, echolon_mae and echolon_r2 from a parallel plan; not to be called directly';

CREATE FUNCTION echolon.error_rmse(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_error_rmse';
COMMENT ON FUNCTION echolon.error_rmse(internal) IS
'Final function of echolon_rmse; not to be called directly';

CREATE FUNCTION echolon.error_mae(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_error_mae';
COMMENT ON FUNCTION echolon.error_mae(internal) IS
'Final function of echolon_mae; not to be called directly';

CREATE FUNCTION echolon.error_r2(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_error_r2';
COMMENT ON FUNCTION echolon.error_r2(internal) IS
'Final function of echolon_r2; not to be called directly';

CREATE FUNCTION echolon.accuracy_accum(internal, anycompatible, anycompatible) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_accuracy_accum';
COMMENT ON FUNCTION echolon.accuracy_accum(internal, anycompatible, anycompatible) IS
'Transition function of echolon_accuracy; not to be called directly';

CREATE FUNCTION echolon.log_loss_accum(internal, boolean, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_log_loss_accum';
COMMENT ON FUNCTION echolon.log_loss_accum(internal, boolean, double precision) IS
'Transition function of echolon_log_loss; not to be called directly';

CREATE FUNCTION echolon.log_loss_accum(internal, double precision, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_log_loss_accum_number';
COMMENT ON FUNCTION echolon.log_loss_accum(internal, double precision, double precision) IS
'Transition function of echolon_log_loss; not to be called directly';

CREATE FUNCTION echolon.mean_combine(internal, internal) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_mean_combine';
COMMENT ON FUNCTION echolon.mean_combine(internal, internal) IS
'Joins two states of echolon_accuracy or echolon_log_loss; not to be called directly';

CREATE FUNCTION echolon.mean_serialize(internal) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_mean_serialize';
COMMENT ON FUNCTION echolon.mean_serialize(internal) IS
'State of echolon_accuracy or echolon_log_loss for a parallel plan; not to be called directly';

CREATE FUNCTION echolon.mean_deserialize(bytea, internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_mean_deserialize';
COMMENT ON FUNCTION echolon.mean_deserialize(bytea, internal) IS
'State of echolon_accuracy or echolon_log_loss from a parallel plan; not to be called directly';

CREATE FUNCTION echolon.mean_final(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_mean_final';
COMMENT ON FUNCTION echolon.mean_final(internal) IS
'Final function of echolon_accuracy and echolon_log_loss; not to be called directly';

CREATE FUNCTION echolon.ranked_accum(internal, boolean, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ranked_accum';
COMMENT ON FUNCTION echolon.ranked_accum(internal, boolean, double precision) IS
'Transition function of echolon_roc_auc; not to be called directly';

CREATE FUNCTION echolon.ranked_accum(internal, double precision, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ranked_accum_number';
COMMENT ON FUNCTION echolon.ranked_accum(internal, double precision, double precision) IS
'Transition function of echolon_roc_auc; not to be called directly';

CREATE FUNCTION echolon.ranked_combine(internal, internal) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ranked_combine';
COMMENT ON FUNCTION echolon.ranked_combine(internal, internal) IS
'Joins two states of echolon_roc_auc; not to be called directly';

CREATE FUNCTION echolon.ranked_serialize(internal) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ranked_serialize';
COMMENT ON FUNCTION echolon.ranked_serialize(internal) IS
'State of echolon_roc_auc for a parallel plan; not to be called directly';

CREATE FUNCTION echolon.ranked_deserialize(bytea, internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ranked_deserialize';
COMMENT ON FUNCTION echolon.ranked_deserialize(bytea, internal) IS
'State of echolon_roc_auc from a parallel plan; not to be called directly';

CREATE FUNCTION echolon.ranked_roc_auc(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ranked_roc_auc';
COMMENT ON FUNCTION echolon.ranked_roc_auc(internal) IS
'Final function of echolon_roc_auc; not to be called directly';

CREATE AGGREGATE echolon_rmse(actual double precision, predicted double precision) (
	SFUNC = echolon.error_accum, STYPE = internal, SSPACE = 64, FINALFUNC = echolon.error_rmse,
	COMBINEFUNC = echolon.error_combine, SERIALFUNC = echolon.error_serialize,
	DESERIALFUNC = echolon.error_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rmse(double precision, double precision) IS
'Root of the mean squared error of predictions, in the target''s unit. A row with a NULL is ignored; NULL of no rows';

CREATE AGGREGATE echolon_mae(actual double precision, predicted double precision) (
	SFUNC = echolon.error_accum, STYPE = internal, SSPACE = 64, FINALFUNC = echolon.error_mae,
	COMBINEFUNC = echolon.error_combine, SERIALFUNC = echolon.error_serialize,
	DESERIALFUNC = echolon.error_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_mae(double precision, double precision) IS
'Mean absolute error of predictions, in the target''s unit. A row with a NULL is ignored; NULL of no rows';

CREATE AGGREGATE echolon_r2(actual double precision, predicted double precision) (
	SFUNC = echolon.error_accum, STYPE = internal, SSPACE = 64, FINALFUNC = echolon.error_r2,
	COMBINEFUNC = echolon.error_combine, SERIALFUNC = echolon.error_serialize,
	DESERIALFUNC = echolon.error_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_r2(double precision, double precision) IS
'Coefficient of determination: 1 less the squared errors over the squared distances of the actual values from their mean; 1 is perfect, 0 as good as the mean, below 0 worse. Unlike regr_r2 it does not fit a line first. A row with a NULL is ignored; NULL of no rows, and where the actual values are all the same';

CREATE AGGREGATE echolon_accuracy(actual anycompatible, predicted anycompatible) (
	SFUNC = echolon.accuracy_accum, STYPE = internal, SSPACE = 24,
	FINALFUNC = echolon.mean_final,
	COMBINEFUNC = echolon.mean_combine, SERIALFUNC = echolon.mean_serialize,
	DESERIALFUNC = echolon.mean_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_accuracy(anycompatible, anycompatible) IS
'Share of the rows, 0 to 1, whose prediction is equal to the actual value, by the equality of their type and the arguments'' collation. A row with a NULL is ignored; NULL of no rows. Error: a type without equality';

CREATE AGGREGATE echolon_log_loss(actual boolean, predicted double precision) (
	SFUNC = echolon.log_loss_accum, STYPE = internal, SSPACE = 24, FINALFUNC = echolon.mean_final,
	COMBINEFUNC = echolon.mean_combine, SERIALFUNC = echolon.mean_serialize,
	DESERIALFUNC = echolon.mean_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_log_loss(boolean, double precision) IS
'Mean negative log likelihood of predicted probabilities that actual is true; probabilities are clipped to 1e-15 from 0 and 1. A row with a NULL is ignored; NULL of no rows. Error: a prediction outside of 0 to 1';

CREATE AGGREGATE echolon_log_loss(actual double precision, predicted double precision) (
	SFUNC = echolon.log_loss_accum, STYPE = internal, SSPACE = 24, FINALFUNC = echolon.mean_final,
	COMBINEFUNC = echolon.mean_combine, SERIALFUNC = echolon.mean_serialize,
	DESERIALFUNC = echolon.mean_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_log_loss(double precision, double precision) IS
'Mean negative log likelihood of predicted probabilities that actual, which is 0 or 1, is 1. As echolon_log_loss(boolean, double precision). Errors: a prediction outside of 0 to 1; an actual value that is neither 0 nor 1';

CREATE AGGREGATE echolon_roc_auc(actual boolean, predicted double precision) (
	SFUNC = echolon.ranked_accum, STYPE = internal, SSPACE = 1024, FINALFUNC = echolon.ranked_roc_auc,
	COMBINEFUNC = echolon.ranked_combine, SERIALFUNC = echolon.ranked_serialize,
	DESERIALFUNC = echolon.ranked_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_roc_auc(boolean, double precision) IS
'Area under the ROC curve: how likely a row that is true has a higher prediction than one that is not, equal ones counted half; 0.5 is guessing. Predictions may be any numbers that rank, not only probabilities. A row with a NULL is ignored; NULL of no rows, and where all are true or none is. Keeps all rows in memory (about 60 bytes each at the end). Errors: a prediction that is NaN; more rows than echolon.max_memory allows. Source: Hanley, McNeil, Radiology 143 (1982)';

CREATE AGGREGATE echolon_roc_auc(actual double precision, predicted double precision) (
	SFUNC = echolon.ranked_accum, STYPE = internal, SSPACE = 1024, FINALFUNC = echolon.ranked_roc_auc,
	COMBINEFUNC = echolon.ranked_combine, SERIALFUNC = echolon.ranked_serialize,
	DESERIALFUNC = echolon.ranked_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_roc_auc(double precision, double precision) IS
'Area under the ROC curve where actual is 0 or 1. As echolon_roc_auc(boolean, double precision). Error beside its own: an actual value that is neither 0 nor 1';

-- operate: the whole flow in one call.

CREATE FUNCTION echolon_fine_tune(
	relation regclass,
	target name,
	class_target name DEFAULT NULL,
	features name[] DEFAULT NULL,
	exclude name[] DEFAULT NULL,
	model text DEFAULT NULL,
	n_estimators integer DEFAULT 100,
	impute text DEFAULT 'median',
	outliers text DEFAULT 'auto',
	iqr_factor double precision DEFAULT 1.5,
	scale text DEFAULT 'standard',
	high_value_percentile double precision DEFAULT 0.75,
	test_fraction double precision DEFAULT 0.2,
	split_by name DEFAULT NULL,
	split_groups name DEFAULT NULL,
	seed bigint DEFAULT 42,
	OUT section text,
	OUT item text,
	OUT value text,
	OUT note text
) RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 60
AS 'MODULE_PATHNAME', 'echolon_fine_tune';
COMMENT ON FUNCTION echolon_fine_tune IS
'The whole flow in one call: look at the data, clean them, train, measure, report. A number target is predicted by a random forest (regression), and whether it is high, above high_value_percentile of the training rows, by gradient boosting (classification); a category or an integer of two values by gradient boosting alone; class_target names another column for the classification. The target, class_target and features of a feature set that contain the row''s own value of them leave both models.
The models are <relation>_<target>_regression and ..._classification (or <model>_...), a new version of each. Missing values are filled (impute: mean, median, mode, NULL), numbers scaled (scale: standard, minmax, robust, NULL; trees do not need it), outliers beyond iqr_factor times the IQR from the quartiles counted and, by outliers, left out of the fit only where a part of the training rows gains by it (auto: never by a column whose quartiles are equal or that has at most 20 values, never over 10 % of the rows), by force (remove), clipped (clip) or kept (keep). All of it is learned from training rows alone and stored in the models. test_fraction, split_by, split_groups, features, exclude, n_estimators, seed: as for echolon_train_rf.
Returns rows (section, item, value, note): data (rows, duplicates, missing values, columns left out and why, outliers), regression and classification (model, version, metrics on held-out rows with the baseline in the note, top features), summary (sentences). Errors: as for echolon_train_rf and echolon_train_gb; nothing is stored then.
SELECT * FROM echolon_fine_tune(''sales'', ''revenue'');';

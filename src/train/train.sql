-- train: the training functions.

CREATE TYPE echolon.training_result AS (
	model text,
	version integer,
	task text,
	rows_used bigint,
	metric text,
	score double precision,
	train_score double precision,
	baseline double precision,
	seconds double precision,
	notes text[],
	details jsonb
);
COMMENT ON TYPE echolon.training_result IS
'What a training returns: the stored version, its headline metric on rows it was not fitted to (score), on training rows (train_score, at most 5,000 of them) and of the baseline it has to beat; notes a person should read; details: parameters, all metrics, rows, columns left out and why';

CREATE FUNCTION echolon_train_rf(
	relation regclass,
	target name,
	features name[] DEFAULT NULL,
	exclude name[] DEFAULT NULL,
	model text DEFAULT NULL,
	task text DEFAULT NULL,
	n_estimators integer DEFAULT 100,
	max_depth integer DEFAULT NULL,
	max_leaf_nodes integer DEFAULT NULL,
	max_features "any" DEFAULT NULL::text,
	min_samples_leaf integer DEFAULT 1,
	min_samples_split integer DEFAULT 2,
	bootstrap boolean DEFAULT true,
	max_samples double precision DEFAULT 1.0,
	criterion text DEFAULT NULL,
	split_rule text DEFAULT 'best',
	class_weight text DEFAULT NULL,
	sample_weight name DEFAULT NULL,
	monotone_increasing name[] DEFAULT NULL,
	monotone_decreasing name[] DEFAULT NULL,
	max_bins integer DEFAULT 255,
	max_categories integer DEFAULT 10000,
	encode text DEFAULT NULL,
	target_smoothing double precision DEFAULT 10,
	impute text DEFAULT NULL,
	impute_value text DEFAULT NULL,
	outliers text DEFAULT 'keep',
	iqr_factor double precision DEFAULT 1.5,
	scale text DEFAULT NULL,
	high_value_percentile double precision DEFAULT NULL,
	group_by name[] DEFAULT NULL,
	min_group_rows integer DEFAULT 100,
	positive_class text DEFAULT NULL,
	threshold "any" DEFAULT 0.5::double precision,
	test_fraction double precision DEFAULT 0.2,
	split_by name DEFAULT NULL,
	split_groups name DEFAULT NULL,
	refit boolean DEFAULT NULL,
	n_jobs integer DEFAULT NULL,
	seed bigint DEFAULT 42
) RETURNS echolon.training_result
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
AS 'MODULE_PATHNAME', 'echolon_train_rf';
COMMENT ON FUNCTION echolon_train_rf IS
'Train a random forest on a relation and store it as a new, active version of a model. The task follows the target: text, boolean, enum and integers of two values are classes, other numbers a regression. A share of the rows (test_fraction) is held out to measure the model. Returns echolon.training_result. Errors: a column that does not exist or cannot be used, fewer than 100 usable rows, a constant target or one class, a parameter out of range, a model name that belongs to another relation, target or owner. encode => ''target'' replaces each category column of more than 4 levels by (n * mean + m * mean of all) / (n + m) of the target in its level, m being target_smoothing: training rows get it from other rows (five folds; only earlier ones with split_by), all others from the training rows. impute, outliers and scale clean the columns by what is learned from the training rows, and are stored in the model and done again at prediction; trees need neither scaling nor filled values. high_value_percentile => 0.75 predicts whether a number target is ''high'', above that percentile of the training rows (where ties leave under 10 % or over 40 % above it, the next distinct value). group_by => ''{store}'' fits a model to each group of at least min_group_rows training rows beside the common one: echolon_group_metrics(). On the view of a feature set split_by defaults to its date, and features that contain the row''s own target are left out (details.left_out). n_jobs: processes that train together, at most; the model does not depend on it, and details.processes says how many there were. Parameters: echolon_parameters(). Source: Breiman, Random Forests, Machine Learning 45 (2001); split_rule random: Geurts, Ernst, Wehenkel (2006); encode target: Micci-Barreca, SIGKDD Explorations 3 (2001)';

CREATE FUNCTION echolon_train_gb(
	relation regclass,
	target name,
	features name[] DEFAULT NULL,
	exclude name[] DEFAULT NULL,
	model text DEFAULT NULL,
	task text DEFAULT NULL,
	n_estimators integer DEFAULT 100,
	learning_rate double precision DEFAULT 0.1,
	max_depth integer DEFAULT NULL,
	max_leaf_nodes integer DEFAULT 31,
	max_features "any" DEFAULT NULL::text,
	min_samples_leaf integer DEFAULT 20,
	min_samples_split integer DEFAULT 2,
	subsample double precision DEFAULT 1.0,
	l2_regularization double precision DEFAULT 0,
	loss text DEFAULT NULL,
	quantile double precision DEFAULT 0.5,
	criterion text DEFAULT 'newton',
	early_stopping_rounds integer DEFAULT 0,
	validation_fraction double precision DEFAULT 0.1,
	class_weight text DEFAULT NULL,
	sample_weight name DEFAULT NULL,
	monotone_increasing name[] DEFAULT NULL,
	monotone_decreasing name[] DEFAULT NULL,
	max_bins integer DEFAULT 255,
	max_categories integer DEFAULT 10000,
	encode text DEFAULT NULL,
	target_smoothing double precision DEFAULT 10,
	impute text DEFAULT NULL,
	impute_value text DEFAULT NULL,
	outliers text DEFAULT 'keep',
	iqr_factor double precision DEFAULT 1.5,
	scale text DEFAULT NULL,
	high_value_percentile double precision DEFAULT NULL,
	group_by name[] DEFAULT NULL,
	min_group_rows integer DEFAULT 100,
	positive_class text DEFAULT NULL,
	threshold "any" DEFAULT 0.5::double precision,
	test_fraction double precision DEFAULT 0.2,
	split_by name DEFAULT NULL,
	split_groups name DEFAULT NULL,
	refit boolean DEFAULT NULL,
	n_jobs integer DEFAULT NULL,
	seed bigint DEFAULT 42
) RETURNS echolon.training_result
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
AS 'MODULE_PATHNAME', 'echolon_train_gb';
COMMENT ON FUNCTION echolon_train_gb IS
'Train gradient-boosted trees on a relation and store them as a new, active version of a model. The task follows the target: text, boolean, enum and integers of two values are classes, other numbers a regression. A share of the rows (test_fraction) is held out to measure the model. Returns echolon.training_result. Errors: a column that does not exist or cannot be used, fewer than 100 usable rows, a constant target or one class, a parameter out of range, a model name that belongs to another relation, target or owner. encode => ''target'' replaces each category column of more than 4 levels by (n * mean + m * mean of all) / (n + m) of the target in its level, m being target_smoothing: training rows get it from other rows (five folds; only earlier ones with split_by), all others from the training rows. impute, outliers and scale clean the columns by what is learned from the training rows, and are stored in the model and done again at prediction; trees need neither scaling nor filled values. high_value_percentile => 0.75 predicts whether a number target is ''high'', above that percentile of the training rows (where ties leave under 10 % or over 40 % above it, the next distinct value). group_by => ''{store}'' fits a model to each group of at least min_group_rows training rows beside the common one: echolon_group_metrics(). On the view of a feature set split_by defaults to its date, and features that contain the row''s own target are left out (details.left_out). n_jobs: processes that train together, at most; the model does not depend on it, and details.processes says how many there were. Parameters: echolon_parameters(). Sources: Friedman, Greedy function approximation, Annals of Statistics 29 (2001); Ke et al., LightGBM, NIPS (2017); encode target: Micci-Barreca, SIGKDD Explorations 3 (2001)';

CREATE FUNCTION echolon_parameters(
	function text DEFAULT NULL,
	OUT training_function text,
	OUT parameter text,
	OUT type text,
	OUT default_value text,
	OUT range text,
	OUT meaning text,
	OUT scikit_learn text,
	OUT lightgbm text,
	OUT xgboost text
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 60
AS 'MODULE_PATHNAME', 'echolon_parameters';
COMMENT ON FUNCTION echolon_parameters IS
'The parameters of echolon_train_rf, echolon_train_gb and echolon_create_features (of all, or of the one named): type, default, range, meaning, and what scikit-learn (of features pandas too), LightGBM and XGBoost call them. Error: a function that has no list';

CREATE FUNCTION echolon_check_leakage(
	relation regclass,
	target name,
	max_rows integer DEFAULT 20000,
	OUT column_name text,
	OUT metric text,
	OUT score double precision,
	OUT verdict text,
	OUT reason text
) RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 30
AS 'MODULE_PATHNAME', 'echolon_check_leakage';
COMMENT ON FUNCTION echolon_check_leakage IS
'Which columns of a relation know the target, the worst first. score: r2 (a number) or roc_auc (classes, macro one-vs-rest) of a tree of 32 leaves on that column alone (text of many levels as smoothed means of the target), on a quarter of the rows that it was not fitted to; NULL where it cannot be measured. verdict: leak from .99 on, for a copy of the target, for what rises or falls with it (rank correlation of .999), and for a feature of a feature set that contains the row''s own target; suspicious from .95 on, and for features made of earlier rows only, which are known in time; else ok. reason says what it may be. Keys and row numbers are examined too, though trainings leave them out. At most max_rows rows are looked at, a sample by hash. Errors: as for echolon_train_rf';

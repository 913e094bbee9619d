/* ---- features: feature sets made, shown, refreshed, dropped ---- */

CREATE FUNCTION echolon_create_features(
	name text,
	relation regclass,
	date_column name DEFAULT NULL,
	numeric_columns name[] DEFAULT NULL,
	category_columns name[] DEFAULT NULL,
	group_by name[] DEFAULT NULL,
	target name DEFAULT NULL,
	families text[] DEFAULT '{temporal,rolling,interaction,categorical,business,polynomial}',
	rolling_window "any" DEFAULT 7,
	rolling_windows text[] DEFAULT NULL,
	lags integer[] DEFAULT '{1}',
	statistics text[] DEFAULT '{mean,stddev,min,max}',
	horizon integer DEFAULT NULL,
	include_current boolean DEFAULT NULL,
	min_periods integer DEFAULT NULL,
	fill text DEFAULT NULL,
	ewma_spans integer[] DEFAULT NULL,
	running text[] DEFAULT NULL,
	interactions text[] DEFAULT '{product,ratio}',
	interaction_degree integer DEFAULT 2,
	polynomial_degree integer DEFAULT 2,
	encodings text[] DEFAULT '{frequency,label}',
	max_levels integer DEFAULT 20,
	scalings text[] DEFAULT '{standard}',
	buckets integer DEFAULT 10,
	revenue_column name DEFAULT NULL,
	engagement_columns name[] DEFAULT NULL,
	engagement_weights double precision[] DEFAULT NULL,
	recency_column name DEFAULT NULL,
	high_value_percentile double precision DEFAULT 0.75,
	churn_days integer[] DEFAULT '{30,90}',
	time_zone text DEFAULT NULL,
	materialized boolean DEFAULT false,
	OUT feature_set text,
	OUT view text,
	OUT features integer,
	OUT rows_fitted bigint,
	OUT seconds double precision,
	OUT notes text[]
) RETURNS record
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
AS 'MODULE_PATHNAME', 'echolon_create_features';
COMMENT ON FUNCTION echolon_create_features IS
'Make a feature set of a relation: a view of its own columns and of features computed from them, to query and to train on.
name: of the set and its view (schema.name puts the view elsewhere). date_column: what rows are ordered by, then by a key, else by all columns; without it there are no calendar parts and no windows. numeric_columns, category_columns: NULL is every usable column that does not name the row. group_by: windows stay within a group. target: its windows end at the row before, so that they can be known when it is predicted.
families: temporal (calendar parts), rolling (lags, changes, statistics of windows), interaction (product, ratio, sum, difference of pairs), categorical (frequency, label, onehot), business (percent rank of revenue, high_value, engagement_score, churn_risk, churn_segment), polynomial (powers and cross terms), scaling (standard, minmax, robust, percentile, bucket), period (share and rank within a date, year to date, month over month, year over year).
rolling_window: rows (7) or a span of time (''7 days''); rolling_windows: several, such as ''{7,28,30 days}''; lags, statistics (count, sum, mean, stddev, variance, min, max, first, last, median, slope, zscore), ewma_spans and running (statistics of all rows so far) say what of them. horizon: windows and lags end so many rows before the current one (include_current => false is 1). min_periods: fewer values than that give NULL; NULL is as many as a window of rows has, and 1 for spans. fill => ''forward'': a missing value is the last one of the group. max_levels: most one-hot columns of a category.
revenue_column, engagement_columns, recency_column: NULL finds revenue, engagement, last_purchase_days_ago; engagement_weights, high_value_percentile and churn_days say how. time_zone: of a timestamptz date, NULL is the session''s; it is fixed here. materialized: compute once into a materialized view behind the view; echolon_refresh_features does it again.
What is learned from the rows (frequencies, codes, percentiles) is stored, so that new rows get the features a model was trained on. Returns feature_set, view, features (how many), rows_fitted, seconds, notes. Needs the right to create the view; the view has the rights of who reads it (security_invoker), the materialized one those of its owner.
Errors: a column that does not exist or has no use, a name that is taken or clashes, a parameter out of range, more than 1,600 columns.
SELECT * FROM echolon_create_features(''sales_features'', ''sales'', date_column => ''month'', group_by => ''{city}'', target => ''revenue'');';

CREATE FUNCTION echolon_feature_summary(
	name text,
	OUT feature text,
	OUT family text,
	OUT sources text[],
	OUT uses_current_row boolean,
	OUT fitted boolean,
	OUT expression text,
	OUT description text
) RETURNS SETOF record
LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 60
AS 'MODULE_PATHNAME', 'echolon_feature_summary';
COMMENT ON FUNCTION echolon_feature_summary(text) IS
'The features of a set, in the order of the view''s columns: family, the columns each is made of (sources), whether the current row''s value of them goes into it (then it must not be used to predict them), whether it uses what was learned from all rows (fitted), how it is computed (expression, over the relation as s) and what it means. Needs SELECT on the view. Errors: no such set, or no right to it';

CREATE FUNCTION echolon_refresh_features(name text) RETURNS bigint
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000
	AS 'MODULE_PATHNAME', 'echolon_refresh_features';
COMMENT ON FUNCTION echolon_refresh_features(text) IS
'Learn again what a feature set has learned from the rows (frequencies, codes, percentiles, thresholds), and compute a materialized one anew.
Returns how many rows were fitted. The view and its columns stay, and a level keeps its code (new ones get the next); models that were trained on the set see the new frequencies and percentiles. Needs to own the view. Errors: no such set; not its owner; its relation or a column is gone.
SELECT echolon_refresh_features(''sales_features'');';

CREATE FUNCTION echolon_drop_features(name text) RETURNS integer
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_drop_features';
COMMENT ON FUNCTION echolon_drop_features(text) IS
'Drop a feature set: its view, the materialized one behind it, and what was learned.
Returns how many features there were. Needs to own the view. Errors: no such set; not its owner; other objects depend on the view.
SELECT echolon_drop_features(''sales_features'');';

-- operate: views of cleaned rows.

CREATE TABLE echolon.preprocess_store (
	name text COLLATE "C" PRIMARY KEY
		CHECK (pg_catalog.octet_length(name) OPERATOR(pg_catalog.>) 0),
	view text COLLATE "C" NOT NULL,
	view_stamp text COLLATE "C" NOT NULL,
	relation text COLLATE "C" NOT NULL,
	relation_stamp text COLLATE "C" NOT NULL,
	columns text[] COLLATE "C" NOT NULL,
	definition jsonb NOT NULL,
	rows_fitted bigint NOT NULL CHECK (rows_fitted OPERATOR(pg_catalog.>=) 0),
	created_at timestamptz NOT NULL,
	created_by text COLLATE "C" NOT NULL,
	refreshed_at timestamptz NOT NULL
);
COMMENT ON TABLE echolon.preprocess_store IS 'Private: one row a view of cleaned rows. People see echolon.preprocessings';
COMMENT ON COLUMN echolon.preprocess_store.name IS 'Name, unique in the database';
COMMENT ON COLUMN echolon.preprocess_store.view IS 'Its view: schema.name, quoted where needed; its rights are those to the preprocessing';
COMMENT ON COLUMN echolon.preprocess_store.view_stamp IS 'Database and number of the view when it was written, so that a new view of the same name gets nothing';
COMMENT ON COLUMN echolon.preprocess_store.relation IS 'Relation that is cleaned: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.preprocess_store.relation_stamp IS 'Stamp of the relation';
COMMENT ON COLUMN echolon.preprocess_store.columns IS 'Columns of the relation that the view shows';
COMMENT ON COLUMN echolon.preprocess_store.definition IS 'What was asked for and what was fitted: names, values and numbers, never SQL';
COMMENT ON COLUMN echolon.preprocess_store.rows_fitted IS 'Rows it was learned from';
COMMENT ON COLUMN echolon.preprocess_store.created_at IS 'When it was made';
COMMENT ON COLUMN echolon.preprocess_store.created_by IS 'Role that made it';
COMMENT ON COLUMN echolon.preprocess_store.refreshed_at IS 'When it was fitted last';
REVOKE ALL ON echolon.preprocess_store FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('echolon.preprocess_store', '');

CREATE VIEW echolon.preprocessings WITH (security_barrier) AS
SELECT s.name AS preprocessing,
	echolon.stored_relation_name(s.view, s.view_stamp) AS view,
	echolon.stored_relation_name(s.relation, s.relation_stamp) AS relation,
	pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text AS owner,
	s.rows_fitted, s.created_at, s.created_by, s.refreshed_at,
	echolon.feature_state(s.view, s.view_stamp, s.relation, s.relation_stamp, s.columns) AS state
FROM echolon.preprocess_store s
	LEFT JOIN pg_catalog.pg_class c
		ON c.oid OPERATOR(pg_catalog.=) echolon.feature_view(s.view, s.view_stamp)
WHERE echolon.may_use_features(s.view, s.view_stamp);
COMMENT ON VIEW echolon.preprocessings IS
'The views of cleaned rows that the current user may see: those it owns or may SELECT from';
COMMENT ON COLUMN echolon.preprocessings.preprocessing IS 'Name';
COMMENT ON COLUMN echolon.preprocessings.view IS 'Its view: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.preprocessings.relation IS 'Relation that is cleaned: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.preprocessings.owner IS 'Role that owns the view, and may refresh and drop it; NULL where the view was dropped';
COMMENT ON COLUMN echolon.preprocessings.rows_fitted IS 'Rows it was learned from';
COMMENT ON COLUMN echolon.preprocessings.created_at IS 'When it was made';
COMMENT ON COLUMN echolon.preprocessings.created_by IS 'Role that made it';
COMMENT ON COLUMN echolon.preprocessings.refreshed_at IS 'When it was fitted last';
COMMENT ON COLUMN echolon.preprocessings.state IS 'ready, view dropped, relation dropped, column "x" dropped or column "x" renamed, as the catalog stands now';
GRANT SELECT ON echolon.preprocessings TO PUBLIC;

CREATE FUNCTION echolon_cleaned(
	value double precision,
	fill double precision DEFAULT NULL,
	low double precision DEFAULT NULL,
	high double precision DEFAULT NULL,
	center double precision DEFAULT NULL,
	width double precision DEFAULT NULL
) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'echolon_cleaned';
COMMENT ON FUNCTION echolon_cleaned IS
'A number after its treatment, as the views of echolon_preprocess and models with impute, outliers and scale have it: beyond low or high it is that; NULL and NaN become fill; then (value - center) / width, where both are given. NULL where it is missing and there is no fill. Error: width of 0 or below.
SELECT echolon_cleaned(age, fill => 41, low => 0, high => 95) FROM people;';

CREATE FUNCTION echolon_forward_fill(value anyelement) RETURNS anyelement
	LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_forward_fill';
COMMENT ON FUNCTION echolon_forward_fill(anyelement) IS
'The value, or where it is NULL that of the last row before in the window''s order that has one; NULL where none has. The frame is of no importance.
SELECT day, echolon_forward_fill(price) OVER (PARTITION BY product ORDER BY day) FROM prices;';

CREATE FUNCTION echolon_preprocess(
	name text,
	relation regclass,
	target name DEFAULT NULL,
	exclude name[] DEFAULT NULL,
	duplicates text DEFAULT 'drop',
	impute text DEFAULT 'median',
	impute_value text DEFAULT NULL,
	outliers text DEFAULT 'clip',
	iqr_factor double precision DEFAULT 1.5,
	scale text DEFAULT NULL,
	missing_indicators boolean DEFAULT false,
	overrides jsonb DEFAULT NULL,
	date_column name DEFAULT NULL,
	group_by name[] DEFAULT NULL,
	split_by name DEFAULT NULL,
	split_groups name DEFAULT NULL,
	test_fraction double precision DEFAULT 0.2,
	seed bigint DEFAULT 42,
	OUT preprocessing text,
	OUT view text,
	OUT columns_treated integer,
	OUT rows_read bigint,
	OUT rows_fitted bigint,
	OUT seconds double precision,
	OUT notes text[]
) RETURNS record
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
AS 'MODULE_PATHNAME', 'echolon_preprocess';
COMMENT ON FUNCTION echolon_preprocess IS
'Make a view of a relation''s cleaned rows, to query and to train on like any other; new rows of the relation get the treatment that was fitted.
name: of the view (schema.name puts it elsewhere). target, date_column, group_by, split_by, split_groups, keys and the columns in exclude are left as they are. duplicates: rows that are the same in all columns but a key that only numbers them (one column of numbers or text, as an id) are shown once (drop) or each time (keep); values of a single column repeat by nature, and are all shown. drop sorts the relation by all its columns at each read; on a large one without duplicates keep costs next to nothing. impute: missing numbers (NULL, NaN) become the mean, median or mode, categories the mode, or all the constant impute_value where it is of their type (in overrides an error where it is not); forward: the last value before by date_column within group_by, where NaN is missing too, and a row without a date stays as it is; NULL leaves them. Dates are filled by forward, mode and overrides only. outliers, beyond iqr_factor times the IQR from the quartiles: clipped, rows removed (remove), or kept; never of a column whose quartiles are equal or that has at most 20 values. scale: standard (mean, population deviation), minmax, robust (median, IQR). missing_indicators: a boolean <column>_missing beside each treated column. overrides: by column, such as {"age": {"impute": "mean", "outliers": "keep", "scale": "robust"}}, of any but the target.
Fitted are the rows that the view shows; with split_by or split_groups (and test_fraction, seed, as for echolon_train_rf) only those that such a training on the view learns from: name the target, since rows without one are not split. A number with impute, clip or scale is double precision, whether or not it has values to change; all others keep their types. The view has the rights of who reads it (security_invoker).
Returns preprocessing, view, columns_treated, rows_read, rows_fitted, seconds, notes. Errors: a column that does not exist, a name that is taken, a parameter out of range.
SELECT * FROM echolon_preprocess(''customers_clean'', ''customers'', target => ''churn'', scale => ''standard'');
Sources: Tukey, Exploratory Data Analysis (1977); scikit-learn''s SimpleImputer, StandardScaler, MinMaxScaler, RobustScaler';

CREATE FUNCTION echolon_preprocess_summary(
	name text,
	OUT column_name text,
	OUT treatment text,
	OUT fill text,
	OUT low double precision,
	OUT high double precision,
	OUT center double precision,
	OUT width double precision,
	OUT missing bigint,
	OUT outliers bigint,
	OUT note text
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL SAFE ROWS 20
AS 'MODULE_PATHNAME', 'echolon_preprocess_summary';
COMMENT ON FUNCTION echolon_preprocess_summary(text) IS
'What a view of cleaned rows does, one row a column, in their order; a first row without column_name is of whole rows. treatment: a phrase, NULL where the column is as it was. fill, low, high, center, width: what was fitted (of a removing column low and high are the ends beyond which rows are left out). missing, outliers: values there were when it was fitted, in all rows but duplicates. Errors: no such preprocessing, or none you may see';

CREATE FUNCTION echolon_refresh_preprocess(name text) RETURNS bigint
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000
	AS 'MODULE_PATHNAME', 'echolon_refresh_preprocess';
COMMENT ON FUNCTION echolon_refresh_preprocess(text) IS
'Fit a view of cleaned rows again to the rows of today, with the parameters it was made with: CREATE OR REPLACE VIEW with new numbers. Its columns and their types stay; a newer column of the relation stays out of it, with a notice. Models that were trained on it go on to see the old scale. Returns the rows it was learned from. Runs as the view''s owner. Errors: no such preprocessing, not its owner, a relation that is gone';

CREATE FUNCTION echolon_drop_preprocess(name text) RETURNS integer
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_drop_preprocess';
COMMENT ON FUNCTION echolon_drop_preprocess(text) IS
'Drop a view of cleaned rows and what was fitted. Returns how many columns it treated. Errors: no such preprocessing, not its owner, other views that depend on it';

CREATE FUNCTION echolon_preprocess_row(name text, input record) RETURNS jsonb
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'echolon_preprocess_row';
COMMENT ON FUNCTION echolon_preprocess_row(text, record) IS
'One row with the treatment of a view of cleaned rows, as a document for echolon_predict_json: a row that is not in the relation (yet). It is what to_jsonb gives of the view''s row, but that a number which JSON has none of (NaN) is null. Columns are matched by name; one that the row lacks is an error, one that the view does not know is left out. No row is refused as an outlier or a duplicate, and forward does not fill, since a row alone has none before it. Errors: no such preprocessing; a column of another type.
SELECT echolon_predict_json(''customers_clean_churn'', echolon_preprocess_row(''customers_clean'', c)) FROM customers AS c;';

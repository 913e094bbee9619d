/* ---- features: the direct path ---- */

CREATE FUNCTION echolon.feature_rows_support(internal) RETURNS internal
	LANGUAGE C STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_feature_rows_support';
COMMENT ON FUNCTION echolon.feature_rows_support(internal) IS
'Has the library loaded before echolon_feature_rows is planned; not to be called directly';

CREATE FUNCTION echolon_feature_rows(name text) RETURNS SETOF record
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000000 ROWS 100000 SUPPORT echolon.feature_rows_support
	AS 'MODULE_PATHNAME', 'echolon_feature_rows';
COMMENT ON FUNCTION echolon_feature_rows(text) IS
'All rows of a feature set''s view, with the same values, computed at once instead of by window functions: the relation is read once as the caller, sorted by radix, and all windows are computed in one pass. It is what a materialized feature set is filled by; use the view for anything else.
The column definition list must be the view''s columns; of these, only what the query uses is computed where the function stands in FROM. Sorts within echolon.max_memory, and reads the view''s own query where that does not suffice.
Errors: no such set, or no right to its view or its relation; other columns than the set''s.
SELECT * FROM echolon_feature_rows(''sales_features'') AS f (city text, month date, revenue double precision, revenue_lag1 double precision);';

CREATE FUNCTION echolon_features_at(name text, input record) RETURNS record
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000
	AS 'MODULE_PATHNAME', 'echolon_features_at';
COMMENT ON FUNCTION echolon_features_at(text, record) IS
'The features of one row: the row of the set''s view that input is, or would be if it were inserted, with the same values. Give it to echolon_predict, or to to_jsonb; for columns use the form with a third argument.
input is any composite, its columns matched to the relation''s by name: others do not matter, missing ones are NULL, but the date and the columns of group_by must be there. Values are cast as by an INSERT. A stored row with the same key is replaced by it; without a key the row itself is not counted twice where the relation has one that is equal in all columns with an order.
Reads the rows before it that the windows need, as the caller: through an index on the columns of group_by, then the date (and the key), within milliseconds at any number of rows. Running sums, ewma and the like read all rows of the group before it: where groups are large, INCLUDE the numeric columns in that index, so that it is enough to read. Share and rank read all rows of the date (an index on the date alone helps). Of a materialized set it reads the relation as it is now. NULL for a NULL row.
Errors: no such set, or no right to its view or its relation; the date or a column of group_by is not in the row; a type that cannot be cast.
SELECT echolon_predict(''sales_revenue'', echolon_features_at(''sales_features'', s)) FROM sales AS s WHERE row_id = 42;';

CREATE FUNCTION echolon_features_at(name text, input record, result anyelement) RETURNS anyelement
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000
	AS 'MODULE_PATHNAME', 'echolon_features_at';
COMMENT ON FUNCTION echolon_features_at(text, record, anyelement) IS
'echolon_features_at with its columns: result is a NULL of the type to return, the row type of the set''s view or one that has some of its columns by name.
Errors: those of echolon_features_at(text, record); result is of no named row type, or has a column that the set does not have.
SELECT f.* FROM sales AS s, LATERAL echolon_features_at(''sales_features'', s, NULL::sales_features) AS f WHERE s.row_id = 42;';

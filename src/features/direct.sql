/* ---- features: the direct path ---- */

CREATE FUNCTION echolon_feature_rows(name text) RETURNS SETOF record
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000000 ROWS 100000
	AS 'MODULE_PATHNAME', 'echolon_feature_rows';
COMMENT ON FUNCTION echolon_feature_rows(text) IS
'All rows of a feature set''s view, with the same values, computed at once instead of by window functions: the relation is read once as the caller, sorted by radix, and all windows are computed in one pass. It is what a materialized feature set is filled by; use the view for anything else.
The column definition list must be the view''s columns. Sorts within echolon.max_memory, and reads the view''s own query where that does not suffice.
Errors: no such set, or no right to its view or its relation; other columns than the set''s.
SELECT * FROM echolon_feature_rows(''sales_features'') AS f (city text, month date, revenue double precision, revenue_lag1 double precision);';

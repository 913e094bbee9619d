/* ---- features: functions that use what a feature set has fitted ---- */

CREATE FUNCTION echolon_frequency(set_name text, column_name text, value "any") RETURNS double precision
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'echolon_frequency';
COMMENT ON FUNCTION echolon_frequency(text, text, "any") IS
'Share of the fitted rows with a value that have this one, 0 to 1 (frequency encoding).
set_name: a feature set. column_name: one of its categories. value: text, boolean, enum, uuid or number, matched by its text form. A value that was not there when the set was fitted gives 0, NULL gives NULL. Fitted on all rows, those to be predicted included. Needs SELECT on the set''s view.
Errors: no such set, or no right to it; a column it has not fitted as a category; a value of another type.
SELECT echolon_frequency(''sales_features'', ''category'', ''food'');';

CREATE FUNCTION echolon_label(set_name text, column_name text, value "any") RETURNS integer
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'echolon_label';
COMMENT ON FUNCTION echolon_label(text, text, "any") IS
'Number of a value among the fitted ones, from 0 (label encoding).
Texts are numbered in the order of their bytes (C collation), booleans, enums and numbers in their own. A value that was not there when the set was fitted, and NULL, give NULL; a refresh leaves the numbers as they are and gives new values the next ones. Arguments, rights and errors as for echolon_frequency.
SELECT echolon_label(''sales_features'', ''category'', ''food'');';

CREATE FUNCTION echolon_percentile(set_name text, column_name text, value "any") RETURNS double precision
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'echolon_percentile';
COMMENT ON FUNCTION echolon_percentile(text, text, "any") IS
'Where a value stands among the fitted ones, 0 to 1: percent_rank(), the share of the other values that are smaller.
set_name: a feature set. column_name: one of its numbers. value: integer, float or numeric. Exact where the column had at most 10,000 different values, else within 0.0003; linear between fitted values; 0 below and 1 above all of them. NULL for NULL and NaN, and where the column had no value. NULL, NaN and infinities were left out of the fit. Fitted on all rows, those to be predicted included. Needs SELECT on the set''s view.
Errors: no such set, or no right to it; a column it has not fitted as a number; a value that is no number.
SELECT echolon_percentile(''sales_features'', ''revenue'', 1000);';

CREATE FUNCTION echolon_bucket(set_name text, column_name text, value "any", buckets integer DEFAULT 10) RETURNS integer
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'echolon_bucket';
COMMENT ON FUNCTION echolon_bucket(text, text, "any", integer) IS
'Quantile bucket of a value, 1 to buckets: one more than there are bounds below it, the bounds being percentile_cont of 1/buckets, 2/buckets and so on of the fitted values. So a bound belongs to the lower bucket, as in pandas.qcut; where many rows have one value buckets may be empty.
buckets: 1 to 10,000. Bounds are exact where the column had at most 10,000 different values, and for hundredth parts. Other arguments, NULLs, rights and errors as for echolon_percentile.
SELECT echolon_bucket(''sales_features'', ''revenue'', 1000, 4);';

CREATE FUNCTION echolon_standardize(set_name text, column_name text, value "any") RETURNS double precision
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'echolon_standardize';
COMMENT ON FUNCTION echolon_standardize(text, text, "any") IS
'(value - mean) / standard deviation of the fitted values (stddev_samp).
NULL where the standard deviation is 0, there are fewer than two values or no double holds it, and for NULL and NaN. Arguments, rights and errors as for echolon_percentile.
SELECT echolon_standardize(''sales_features'', ''revenue'', 1000);';

CREATE FUNCTION echolon_minmax(set_name text, column_name text, value "any") RETURNS double precision
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'echolon_minmax';
COMMENT ON FUNCTION echolon_minmax(text, text, "any") IS
'(value - minimum) / (maximum - minimum) of the fitted values: 0 at the smallest, 1 at the largest, beyond them outside.
NULL where all values are the same or no double holds their range, and for NULL and NaN. Arguments, rights and errors as for echolon_percentile.
SELECT echolon_minmax(''sales_features'', ''revenue'', 1000);';

CREATE FUNCTION echolon_robust(set_name text, column_name text, value "any") RETURNS double precision
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'echolon_robust';
COMMENT ON FUNCTION echolon_robust(text, text, "any") IS
'(value - median) / interquartile range of the fitted values (percentile_cont of 0.25, 0.5 and 0.75), which few large values do not change.
NULL where the interquartile range is 0 or no double holds it, and for NULL and NaN. Arguments, rights and errors as for echolon_percentile.
SELECT echolon_robust(''sales_features'', ''revenue'', 1000);';

CREATE FUNCTION echolon_high_value(set_name text, column_name text, value "any", percentile double precision DEFAULT 0.75) RETURNS boolean
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'echolon_high_value';
COMMENT ON FUNCTION echolon_high_value(text, text, "any", double precision) IS
'Is a value above a percentile of the fitted values?
percentile: above 0 and below 1. The threshold is percentile_cont(percentile). Where ties leave under 10 % or over 40 % of the values above it (for 0.75; in proportion for others) it is the next different value that mends it, and where none does it stays, unless nothing were above it. Other arguments, NULLs, rights and errors as for echolon_percentile.
SELECT echolon_high_value(''sales_features'', ''revenue'', 1000);';

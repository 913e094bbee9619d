-- aggregates: statistics of any frame, with inverse transitions; the running family.

-- ---- transition and final functions -------------------------------------------------------------

CREATE FUNCTION echolon.sums_add(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_sums_add';
COMMENT ON FUNCTION echolon.sums_add(internal, double precision) IS
'Transition function of echolon_rolling_sum and echolon_rolling_mean; not to be called directly';

CREATE FUNCTION echolon.sums_add(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_sums_add_numeric';
COMMENT ON FUNCTION echolon.sums_add(internal, numeric) IS
'Transition function of echolon_rolling_sum and echolon_rolling_mean; not to be called directly';

CREATE FUNCTION echolon.squares_add(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_squares_add';
COMMENT ON FUNCTION echolon.squares_add(internal, double precision) IS
'Transition function of echolon_rolling_stddev and echolon_rolling_variance; not to be called directly';

CREATE FUNCTION echolon.squares_add(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_squares_add_numeric';
COMMENT ON FUNCTION echolon.squares_add(internal, numeric) IS
'Transition function of echolon_rolling_stddev and echolon_rolling_variance; not to be called directly';

CREATE FUNCTION echolon.slope_add(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_slope_add';
COMMENT ON FUNCTION echolon.slope_add(internal, double precision) IS
'Transition function of echolon_rolling_slope; not to be called directly';

CREATE FUNCTION echolon.slope_add(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_slope_add_numeric';
COMMENT ON FUNCTION echolon.slope_add(internal, numeric) IS
'Transition function of echolon_rolling_slope; not to be called directly';

CREATE FUNCTION echolon.moments_remove(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_moments_remove';
COMMENT ON FUNCTION echolon.moments_remove(internal, double precision) IS
'Inverse transition function of echolon_rolling_sum, _mean, _stddev, _variance and _slope; not to be called directly';

CREATE FUNCTION echolon.moments_remove(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_moments_remove_numeric';
COMMENT ON FUNCTION echolon.moments_remove(internal, numeric) IS
'Inverse transition function of echolon_rolling_sum, _mean, _stddev, _variance and _slope; not to be called directly';

CREATE FUNCTION echolon.moments_combine(internal, internal) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_moments_combine';
COMMENT ON FUNCTION echolon.moments_combine(internal, internal) IS
'Joins two states of echolon_rolling_sum, _mean, _stddev or _variance; not to be called directly';

CREATE FUNCTION echolon.moments_serialize(internal) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_moments_serialize';
COMMENT ON FUNCTION echolon.moments_serialize(internal) IS
'State of echolon_rolling_sum, _mean, _stddev or _variance for a parallel plan; not to be called directly';

CREATE FUNCTION echolon.moments_deserialize(bytea, internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_moments_deserialize';
COMMENT ON FUNCTION echolon.moments_deserialize(bytea, internal) IS
'State of echolon_rolling_sum, _mean, _stddev or _variance from a parallel plan; not to be called directly';

CREATE FUNCTION echolon.moments_sum(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_moments_sum';
COMMENT ON FUNCTION echolon.moments_sum(internal) IS
'Final function of echolon_rolling_sum; not to be called directly';

CREATE FUNCTION echolon.moments_mean(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_moments_mean';
COMMENT ON FUNCTION echolon.moments_mean(internal) IS
'Final function of echolon_rolling_mean; not to be called directly';

CREATE FUNCTION echolon.moments_stddev(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_moments_stddev';
COMMENT ON FUNCTION echolon.moments_stddev(internal) IS
'Final function of echolon_rolling_stddev; not to be called directly';

CREATE FUNCTION echolon.moments_variance(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_moments_variance';
COMMENT ON FUNCTION echolon.moments_variance(internal) IS
'Final function of echolon_rolling_variance; not to be called directly';

CREATE FUNCTION echolon.moments_slope(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_moments_slope';
COMMENT ON FUNCTION echolon.moments_slope(internal) IS
'Final function of echolon_rolling_slope; not to be called directly';

CREATE FUNCTION echolon.lowest(double precision, double precision) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_lowest';
COMMENT ON FUNCTION echolon.lowest(double precision, double precision) IS
'Transition function of echolon_rolling_min where nothing leaves; not to be called directly';

CREATE FUNCTION echolon.lowest(double precision, numeric) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_lowest_numeric';
COMMENT ON FUNCTION echolon.lowest(double precision, numeric) IS
'Transition function of echolon_rolling_min where nothing leaves; not to be called directly';

CREATE FUNCTION echolon.lowest_add(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_lowest_add';
COMMENT ON FUNCTION echolon.lowest_add(internal, double precision) IS
'Transition function of echolon_rolling_min in a frame that moves; not to be called directly';

CREATE FUNCTION echolon.lowest_add(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_lowest_add_numeric';
COMMENT ON FUNCTION echolon.lowest_add(internal, numeric) IS
'Transition function of echolon_rolling_min in a frame that moves; not to be called directly';

CREATE FUNCTION echolon.highest(double precision, double precision) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_highest';
COMMENT ON FUNCTION echolon.highest(double precision, double precision) IS
'Transition function of echolon_rolling_max where nothing leaves; not to be called directly';

CREATE FUNCTION echolon.highest(double precision, numeric) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_highest_numeric';
COMMENT ON FUNCTION echolon.highest(double precision, numeric) IS
'Transition function of echolon_rolling_max where nothing leaves; not to be called directly';

CREATE FUNCTION echolon.highest_add(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_highest_add';
COMMENT ON FUNCTION echolon.highest_add(internal, double precision) IS
'Transition function of echolon_rolling_max in a frame that moves; not to be called directly';

CREATE FUNCTION echolon.highest_add(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_highest_add_numeric';
COMMENT ON FUNCTION echolon.highest_add(internal, numeric) IS
'Transition function of echolon_rolling_max in a frame that moves; not to be called directly';

CREATE FUNCTION echolon.extreme_remove(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_extreme_remove';
COMMENT ON FUNCTION echolon.extreme_remove(internal, double precision) IS
'Inverse transition function of echolon_rolling_min and echolon_rolling_max; not to be called directly';

CREATE FUNCTION echolon.extreme_remove(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_extreme_remove';
COMMENT ON FUNCTION echolon.extreme_remove(internal, numeric) IS
'Inverse transition function of echolon_rolling_min and echolon_rolling_max; not to be called directly';

CREATE FUNCTION echolon.extreme_final(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_extreme_final';
COMMENT ON FUNCTION echolon.extreme_final(internal) IS
'Final function of echolon_rolling_min and echolon_rolling_max in a frame that moves; not to be called directly';

CREATE FUNCTION echolon.median_add(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_median_add';
COMMENT ON FUNCTION echolon.median_add(internal, double precision) IS
'Transition function of echolon_rolling_median; not to be called directly';

CREATE FUNCTION echolon.median_add(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_median_add_numeric';
COMMENT ON FUNCTION echolon.median_add(internal, numeric) IS
'Transition function of echolon_rolling_median; not to be called directly';

CREATE FUNCTION echolon.median_remove(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_median_remove';
COMMENT ON FUNCTION echolon.median_remove(internal, double precision) IS
'Inverse transition function of echolon_rolling_median; not to be called directly';

CREATE FUNCTION echolon.median_remove(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_median_remove';
COMMENT ON FUNCTION echolon.median_remove(internal, numeric) IS
'Inverse transition function of echolon_rolling_median; not to be called directly';

CREATE FUNCTION echolon.median_final(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_median_final';
COMMENT ON FUNCTION echolon.median_final(internal) IS
'Final function of echolon_rolling_median; not to be called directly';

CREATE TYPE echolon.rolling_features AS (
	count bigint,
	mean double precision,
	stddev double precision,
	variance double precision,
	min double precision,
	max double precision,
	sum double precision,
	first double precision,
	last double precision,
	median double precision,
	slope double precision,
	zscore double precision
);
COMMENT ON TYPE echolon.rolling_features IS
'What echolon_rolling_features gives: statistics of the values of a frame or group that are not NULL. Later versions add attributes at the end';

COMMENT ON COLUMN echolon.rolling_features.count IS 'Values that are not NULL; never NULL';
COMMENT ON COLUMN echolon.rolling_features.mean IS 'Mean';
COMMENT ON COLUMN echolon.rolling_features.stddev IS 'Standard deviation of a sample; NULL below two values';
COMMENT ON COLUMN echolon.rolling_features.variance IS 'Variance of a sample; NULL below two values';
COMMENT ON COLUMN echolon.rolling_features.min IS 'Smallest value';
COMMENT ON COLUMN echolon.rolling_features.max IS 'Largest value; NaN is the greatest';
COMMENT ON COLUMN echolon.rolling_features.sum IS 'Sum';
COMMENT ON COLUMN echolon.rolling_features.first IS 'First value in the order of rows';
COMMENT ON COLUMN echolon.rolling_features.last IS 'Last value in the order of rows';
COMMENT ON COLUMN echolon.rolling_features.median IS 'Median; of an even number of values the mean of the two in the middle';
COMMENT ON COLUMN echolon.rolling_features.slope IS 'Slope of the least-squares line through the values at 0, 1, 2 and so on; NULL below two values';
COMMENT ON COLUMN echolon.rolling_features.zscore IS '(last - mean) / stddev; NULL where stddev is 0 or NULL, or the last row is NULL';

CREATE FUNCTION echolon.features_accum(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_features_accum';
COMMENT ON FUNCTION echolon.features_accum(internal, double precision) IS
'Transition function of echolon_rolling_features where nothing leaves; not to be called directly';

CREATE FUNCTION echolon.features_accum(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_features_accum_numeric';
COMMENT ON FUNCTION echolon.features_accum(internal, numeric) IS
'Transition function of echolon_rolling_features where nothing leaves; not to be called directly';

CREATE FUNCTION echolon.features_add(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_features_add';
COMMENT ON FUNCTION echolon.features_add(internal, double precision) IS
'Transition function of echolon_rolling_features in a frame that moves; not to be called directly';

CREATE FUNCTION echolon.features_add(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_features_add_numeric';
COMMENT ON FUNCTION echolon.features_add(internal, numeric) IS
'Transition function of echolon_rolling_features in a frame that moves; not to be called directly';

CREATE FUNCTION echolon.features_remove(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_features_remove';
COMMENT ON FUNCTION echolon.features_remove(internal, double precision) IS
'Inverse transition function of echolon_rolling_features; not to be called directly';

CREATE FUNCTION echolon.features_remove(internal, numeric) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_features_remove';
COMMENT ON FUNCTION echolon.features_remove(internal, numeric) IS
'Inverse transition function of echolon_rolling_features; not to be called directly';

CREATE FUNCTION echolon.features_final(internal) RETURNS echolon.rolling_features
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_features_final';
COMMENT ON FUNCTION echolon.features_final(internal) IS
'Final function of echolon_rolling_features; not to be called directly';

CREATE FUNCTION echolon.ewma_accum(internal, double precision, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ewma_accum';
COMMENT ON FUNCTION echolon.ewma_accum(internal, double precision, double precision) IS
'Transition function of echolon_ewma; not to be called directly';

CREATE FUNCTION echolon.ewma_accum(internal, double precision, double precision, boolean) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ewma_accum';
COMMENT ON FUNCTION echolon.ewma_accum(internal, double precision, double precision, boolean) IS
'Transition function of echolon_ewma; not to be called directly';

CREATE FUNCTION echolon.ewma_accum(internal, numeric, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ewma_accum_numeric';
COMMENT ON FUNCTION echolon.ewma_accum(internal, numeric, double precision) IS
'Transition function of echolon_ewma; not to be called directly';

CREATE FUNCTION echolon.ewma_accum(internal, numeric, double precision, boolean) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ewma_accum_numeric';
COMMENT ON FUNCTION echolon.ewma_accum(internal, numeric, double precision, boolean) IS
'Transition function of echolon_ewma; not to be called directly';

CREATE FUNCTION echolon.ewma_final(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ewma_final';
COMMENT ON FUNCTION echolon.ewma_final(internal) IS
'Final function of echolon_ewma; not to be called directly';

-- ---- one statistic ---------------------------------------------------------------------------------
-- SSPACE and MSSPACE are bytes of a state.

CREATE AGGREGATE echolon_rolling_sum(value double precision) (
	SFUNC = echolon.sums_add, STYPE = internal, SSPACE = 600, FINALFUNC = echolon.moments_sum,
	COMBINEFUNC = echolon.moments_combine, SERIALFUNC = echolon.moments_serialize,
	DESERIALFUNC = echolon.moments_deserialize,
	MSFUNC = echolon.sums_add, MINVFUNC = echolon.moments_remove, MSTYPE = internal, MSSPACE = 600,
	MFINALFUNC = echolon.moments_sum, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_sum(double precision) IS
'Sum of the values of a frame or group that are not NULL, NULL where there are none. In a frame that moves each row costs the same however long the frame is. The sum is exact and rounded once, so it does not drift as rows come and go, and does not depend on the order of rows or on a parallel plan. NaN and Infinity as in sum(). Error: a result beyond double precision of values that are not.
Any frame will do: ROWS, RANGE and GROUPS, and EXCLUDE (which PostgreSQL computes anew at each row). From UNBOUNDED PRECEDING on it is a running sum.
SELECT day, echolon_rolling_sum(revenue) OVER (ORDER BY day ROWS 6 PRECEDING) FROM sales;';

CREATE AGGREGATE echolon_rolling_sum(value numeric) (
	SFUNC = echolon.sums_add, STYPE = internal, SSPACE = 600, FINALFUNC = echolon.moments_sum,
	COMBINEFUNC = echolon.moments_combine, SERIALFUNC = echolon.moments_serialize,
	DESERIALFUNC = echolon.moments_deserialize,
	MSFUNC = echolon.sums_add, MINVFUNC = echolon.moments_remove, MSTYPE = internal, MSSPACE = 600,
	MFINALFUNC = echolon.moments_sum, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_sum(numeric) IS
'As echolon_rolling_sum(double precision); a numeric is converted once, in C';

CREATE AGGREGATE echolon_rolling_mean(value double precision) (
	SFUNC = echolon.sums_add, STYPE = internal, SSPACE = 600, FINALFUNC = echolon.moments_mean,
	COMBINEFUNC = echolon.moments_combine, SERIALFUNC = echolon.moments_serialize,
	DESERIALFUNC = echolon.moments_deserialize,
	MSFUNC = echolon.sums_add, MINVFUNC = echolon.moments_remove, MSTYPE = internal, MSSPACE = 600,
	MFINALFUNC = echolon.moments_mean, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_mean(double precision) IS
'Mean of the values of a frame or group that are not NULL: their exact sum divided by their number, rounded once. NULL where there are none. Otherwise as echolon_rolling_sum. From UNBOUNDED PRECEDING on it is an expanding mean.';

CREATE AGGREGATE echolon_rolling_mean(value numeric) (
	SFUNC = echolon.sums_add, STYPE = internal, SSPACE = 600, FINALFUNC = echolon.moments_mean,
	COMBINEFUNC = echolon.moments_combine, SERIALFUNC = echolon.moments_serialize,
	DESERIALFUNC = echolon.moments_deserialize,
	MSFUNC = echolon.sums_add, MINVFUNC = echolon.moments_remove, MSTYPE = internal, MSSPACE = 600,
	MFINALFUNC = echolon.moments_mean, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_mean(numeric) IS
'As echolon_rolling_mean(double precision); a numeric is converted once, in C';

CREATE AGGREGATE echolon_rolling_stddev(value double precision) (
	SFUNC = echolon.squares_add, STYPE = internal, SSPACE = 1160, FINALFUNC = echolon.moments_stddev,
	COMBINEFUNC = echolon.moments_combine, SERIALFUNC = echolon.moments_serialize,
	DESERIALFUNC = echolon.moments_deserialize,
	MSFUNC = echolon.squares_add, MINVFUNC = echolon.moments_remove, MSTYPE = internal, MSSPACE = 1160,
	MFINALFUNC = echolon.moments_stddev, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_stddev(double precision) IS
'Standard deviation of a sample (n - 1) of the values of a frame or group that are not NULL, from exact sums, as stddev_samp(): NULL below two values, NaN where one is NaN or infinite. It is 0 where all values are the same. Otherwise as echolon_rolling_sum. From UNBOUNDED PRECEDING on it is an expanding one.';

CREATE AGGREGATE echolon_rolling_stddev(value numeric) (
	SFUNC = echolon.squares_add, STYPE = internal, SSPACE = 1160, FINALFUNC = echolon.moments_stddev,
	COMBINEFUNC = echolon.moments_combine, SERIALFUNC = echolon.moments_serialize,
	DESERIALFUNC = echolon.moments_deserialize,
	MSFUNC = echolon.squares_add, MINVFUNC = echolon.moments_remove, MSTYPE = internal, MSSPACE = 1160,
	MFINALFUNC = echolon.moments_stddev, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_stddev(numeric) IS
'As echolon_rolling_stddev(double precision); a numeric is converted once, in C';

CREATE AGGREGATE echolon_rolling_variance(value double precision) (
	SFUNC = echolon.squares_add, STYPE = internal, SSPACE = 1160, FINALFUNC = echolon.moments_variance,
	COMBINEFUNC = echolon.moments_combine, SERIALFUNC = echolon.moments_serialize,
	DESERIALFUNC = echolon.moments_deserialize,
	MSFUNC = echolon.squares_add, MINVFUNC = echolon.moments_remove, MSTYPE = internal, MSSPACE = 1160,
	MFINALFUNC = echolon.moments_variance, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_variance(double precision) IS
'Variance of a sample (n - 1) of the values of a frame or group that are not NULL, from exact sums, as var_samp(). Otherwise as echolon_rolling_stddev';

CREATE AGGREGATE echolon_rolling_variance(value numeric) (
	SFUNC = echolon.squares_add, STYPE = internal, SSPACE = 1160, FINALFUNC = echolon.moments_variance,
	COMBINEFUNC = echolon.moments_combine, SERIALFUNC = echolon.moments_serialize,
	DESERIALFUNC = echolon.moments_deserialize,
	MSFUNC = echolon.squares_add, MINVFUNC = echolon.moments_remove, MSTYPE = internal, MSSPACE = 1160,
	MFINALFUNC = echolon.moments_variance, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_variance(numeric) IS
'As echolon_rolling_variance(double precision); a numeric is converted once, in C';

CREATE AGGREGATE echolon_rolling_slope(value double precision) (
	SFUNC = echolon.slope_add, STYPE = internal, SSPACE = 1160, FINALFUNC = echolon.moments_slope,
	MSFUNC = echolon.slope_add, MINVFUNC = echolon.moments_remove, MSTYPE = internal, MSSPACE = 1160,
	MFINALFUNC = echolon.moments_slope, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_slope(double precision) IS
'Slope of the least-squares line through the values of a frame or group that are not NULL, at 0, 1, 2 and so on in the order of rows: the change from one value to the next; regr_slope() of the values and their numbers. From exact sums. NULL below two values, NaN where one is NaN or infinite. As a plain aggregate it needs an ORDER BY: echolon_rolling_slope(revenue ORDER BY day). Error: a result beyond double precision of values that are not';

CREATE AGGREGATE echolon_rolling_slope(value numeric) (
	SFUNC = echolon.slope_add, STYPE = internal, SSPACE = 1160, FINALFUNC = echolon.moments_slope,
	MSFUNC = echolon.slope_add, MINVFUNC = echolon.moments_remove, MSTYPE = internal, MSSPACE = 1160,
	MFINALFUNC = echolon.moments_slope, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_slope(numeric) IS
'As echolon_rolling_slope(double precision); a numeric is converted once, in C';

CREATE AGGREGATE echolon_rolling_min(value double precision) (
	SFUNC = echolon.lowest, STYPE = double precision,
	COMBINEFUNC = pg_catalog.float8smaller,
	MSFUNC = echolon.lowest_add, MINVFUNC = echolon.extreme_remove, MSTYPE = internal, MSSPACE = 300,
	MFINALFUNC = echolon.extreme_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_min(double precision) IS
'Smallest of the values of a frame or group that are not NULL, as min(): NaN is the greatest value. NULL where there are none. In a frame that moves a row costs the same on average however long the frame is';

CREATE AGGREGATE echolon_rolling_min(value numeric) (
	SFUNC = echolon.lowest, STYPE = double precision,
	COMBINEFUNC = pg_catalog.float8smaller,
	MSFUNC = echolon.lowest_add, MINVFUNC = echolon.extreme_remove, MSTYPE = internal, MSSPACE = 300,
	MFINALFUNC = echolon.extreme_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_min(numeric) IS
'As echolon_rolling_min(double precision); a numeric is converted once, in C';

CREATE AGGREGATE echolon_rolling_max(value double precision) (
	SFUNC = echolon.highest, STYPE = double precision,
	COMBINEFUNC = pg_catalog.float8larger,
	MSFUNC = echolon.highest_add, MINVFUNC = echolon.extreme_remove, MSTYPE = internal, MSSPACE = 300,
	MFINALFUNC = echolon.extreme_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_max(double precision) IS
'Largest of the values of a frame or group that are not NULL, as max(): NaN is the greatest value. Otherwise as echolon_rolling_min';

CREATE AGGREGATE echolon_rolling_max(value numeric) (
	SFUNC = echolon.highest, STYPE = double precision,
	COMBINEFUNC = pg_catalog.float8larger,
	MSFUNC = echolon.highest_add, MINVFUNC = echolon.extreme_remove, MSTYPE = internal, MSSPACE = 300,
	MFINALFUNC = echolon.extreme_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_max(numeric) IS
'As echolon_rolling_max(double precision); a numeric is converted once, in C';

CREATE AGGREGATE echolon_rolling_median(value double precision) (
	SFUNC = echolon.median_add, STYPE = internal, SSPACE = 600, FINALFUNC = echolon.median_final,
	MSFUNC = echolon.median_add, MINVFUNC = echolon.median_remove, MSTYPE = internal, MSSPACE = 600,
	MFINALFUNC = echolon.median_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_median(double precision) IS
'Median of the values of a frame or group that are not NULL, as percentile_cont(0.5): of an even number the mean of the two in the middle; NaN sorts last. NULL where there are none. A row costs the logarithm of the frame''s length. Keeps the values, about 20 bytes each. Error: more of them than echolon.max_memory allows.
SELECT day, echolon_rolling_median(revenue) OVER (ORDER BY day ROWS 29 PRECEDING) FROM sales;';

CREATE AGGREGATE echolon_rolling_median(value numeric) (
	SFUNC = echolon.median_add, STYPE = internal, SSPACE = 600, FINALFUNC = echolon.median_final,
	MSFUNC = echolon.median_add, MINVFUNC = echolon.median_remove, MSTYPE = internal, MSSPACE = 600,
	MFINALFUNC = echolon.median_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_median(numeric) IS
'As echolon_rolling_median(double precision); a numeric is converted once, in C';

-- ---- all of them -----------------------------------------------------------------------------------

CREATE AGGREGATE echolon_rolling_features(value double precision) (
	SFUNC = echolon.features_accum, STYPE = internal, SSPACE = 2800, FINALFUNC = echolon.features_final,
	MSFUNC = echolon.features_add, MINVFUNC = echolon.features_remove, MSTYPE = internal, MSSPACE = 2800,
	MFINALFUNC = echolon.features_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_features(double precision) IS
'Statistics of the values of a frame or group that are not NULL, in one composite: count, mean, stddev and variance (of a sample), min, max, sum, first, last, median, slope (of the least-squares line through the values at 0, 1, 2 and so on) and zscore of the frame''s last row ((last - mean) / stddev; NULL where that is NULL or stddev is 0). Without values count is 0 and the rest NULL.
Each is what the aggregate of its name gives (echolon_rolling_mean and so on): exact sums that do not drift, NaN and Infinity as in PostgreSQL. As a plain aggregate it needs an ORDER BY where first, last, slope or zscore matter. Keeps the values, about 20 bytes each. Errors: a result beyond double precision of values that are not; more values than echolon.max_memory allows.
SELECT day, (f).mean, (f).stddev, (f).zscore FROM (SELECT day, echolon_rolling_features(revenue) OVER (ORDER BY day RANGE ''6 days'' PRECEDING) AS f FROM sales) s;';

CREATE AGGREGATE echolon_rolling_features(value numeric) (
	SFUNC = echolon.features_accum, STYPE = internal, SSPACE = 2800, FINALFUNC = echolon.features_final,
	MSFUNC = echolon.features_add, MINVFUNC = echolon.features_remove, MSTYPE = internal, MSSPACE = 2800,
	MFINALFUNC = echolon.features_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_rolling_features(numeric) IS
'As echolon_rolling_features(double precision); a numeric is converted once, in C';

-- ---- the running family -----------------------------------------------------------------------------

CREATE AGGREGATE echolon_ewma(value double precision, alpha double precision) (
	SFUNC = echolon.ewma_accum, STYPE = internal, SSPACE = 64, FINALFUNC = echolon.ewma_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_ewma(double precision, double precision) IS
'Exponentially weighted mean of all rows so far: weights are 1, 1 - alpha, (1 - alpha)^2 and so on back in time; alpha = 2.0 / (n + 1) is a span of n rows. A NULL keeps the mean as it is and lets the weights fall all the same: pandas'' ewm(alpha, adjust = True, ignore_na = False).mean(). NULL until there is a value. It follows the order of rows, so the frame begins with the partition; ROWS keeps rows of the same date from seeing each other. Errors: alpha is not above 0 and at most 1, or not the same in all rows.
SELECT day, echolon_ewma(revenue, 0.25) OVER (ORDER BY day ROWS UNBOUNDED PRECEDING) FROM sales;';

CREATE AGGREGATE echolon_ewma(value double precision, alpha double precision, adjust boolean) (
	SFUNC = echolon.ewma_accum, STYPE = internal, SSPACE = 64, FINALFUNC = echolon.ewma_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_ewma(double precision, double precision, boolean) IS
'Exponentially weighted mean as echolon_ewma(double precision, double precision); with adjust false it is the recursion alpha * value + (1 - alpha) * mean before, beginning with the first value, as in pandas with adjust = False. Error beside its own: adjust is NULL or not the same in all rows';

CREATE AGGREGATE echolon_ewma(value numeric, alpha double precision) (
	SFUNC = echolon.ewma_accum, STYPE = internal, SSPACE = 64, FINALFUNC = echolon.ewma_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_ewma(numeric, double precision) IS
'As echolon_ewma(double precision, double precision); a numeric is converted once, in C';

CREATE AGGREGATE echolon_ewma(value numeric, alpha double precision, adjust boolean) (
	SFUNC = echolon.ewma_accum, STYPE = internal, SSPACE = 64, FINALFUNC = echolon.ewma_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_ewma(numeric, double precision, boolean) IS
'As echolon_ewma(double precision, double precision, boolean); a numeric is converted once, in C';

CREATE FUNCTION echolon_difference(value "any", periods integer DEFAULT 1) RETURNS double precision
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_difference';
COMMENT ON FUNCTION echolon_difference("any", integer) IS
'Difference to the value so many rows before in the window''s order, of any type of number, in double precision: a window function, whatever the frame. NULL where one of them is NULL, there is no such row, or periods is NULL. Errors: periods below 1; no number; a result beyond double precision of values that are not.
SELECT day, echolon_difference(revenue, 7) OVER (ORDER BY day) FROM sales;';

CREATE FUNCTION echolon_pct_change(value "any", periods integer DEFAULT 1) RETURNS double precision
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_pct_change';
COMMENT ON FUNCTION echolon_pct_change("any", integer) IS
'Change as a share of the value so many rows before in the window''s order: value / value before - 1, so 0.1 is 10 per cent more. NULL also where the value before is 0; otherwise as echolon_difference.
SELECT month, echolon_pct_change(revenue, 12) OVER (ORDER BY month) AS year_over_year FROM sales;';

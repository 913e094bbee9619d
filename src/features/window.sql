-- ---- features: the window function behind the views ----

CREATE FUNCTION echolon.rolling_support(internal) RETURNS internal
LANGUAGE C STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_rolling_support';
COMMENT ON FUNCTION echolon.rolling_support(internal) IS
'What the planner asks about a call of echolon_rolling: its cost; not to be called directly';

CREATE FUNCTION echolon_rolling(value "any", at "any", terms text[], zone text DEFAULT NULL, fill text DEFAULT NULL)
RETURNS double precision[]
LANGUAGE C WINDOW STABLE PARALLEL SAFE COST 20 SUPPORT echolon.rolling_support
AS 'MODULE_PATHNAME', 'echolon_rolling';
COMMENT ON FUNCTION echolon_rolling("any", "any", text[], text, text) IS
'Rolling statistics, lags and running totals of a column, all in one pass over the rows of a window: an array with one element a term, in their order.
value is a number of any type, or an interval (in seconds). at is the date or timestamp that the window is ordered by; NULL where no term needs it. The rows are those of OVER (PARTITION BY group ORDER BY at, tie-break): put something unique behind the date, so that the result is the same every time. The frame clause does not matter.
A term is: statistic [window] [options], in any case:
  count, sum, mean, stddev, variance (of a sample), min, max, first, last, median, slope (least squares against 0, 1, 2 and so on), zscore (of the last row): with a window;
  lag, diff (value - lag), pct_change (value / lag - 1): of so many rows before (default 1), or of exactly that long before, as lag 7, pct_change 1 year;
  ewma: the exponentially weighted mean, of a span of rows as in pandas (alpha = 2 / (rows + 1)), or with alpha;
  value: the value itself, after filling.
A window is: 7 (the last seven rows, the current one included), 7 days or any interval (rows after at - 7 days: seven of a daily series), expanding (all rows up to here), ytd, qtd, mtd (of this calendar year, quarter, month up to here).
An option is: end 1 (the window ends one row before the current one; also for lag, diff, pct_change, ewma, value), min_periods 3 (NULL with fewer values; default the number of rows for windows of rows, else 1; count is NULL only where it is given), alpha 0.3 and unadjusted (the recursive form) for ewma.
zone counts for timestamp with time zone: the days, months and years of windows are those of this zone; default the session''s TimeZone. fill => ''forward'' takes the last value that is not NULL for one that is.
NULL values count for no statistic; a term that has no value is NULL: stddev, variance and slope below two values, zscore with a stddev of 0, pct_change against 0. NaN and infinities are treated as by PostgreSQL''s aggregates. A row whose at is NULL or infinite has NULL for every term and is in no window.
Where a window computes nothing else, by PARTITION BY columns and ORDER BY at (ascending, NULLs last) and perhaps more, of columns and with constant terms, EXPLAIN shows one node, Custom Scan (EcholonRolling), in place of a Sort and a WindowAgg: the same values in half of the time where the rows fit into work_mem times hash_mem_multiplier, and in no order of its own. SET echolon.enable_rolling_scan = off keeps to the Sort.
Sums are exact and rounded once (superaccumulators: Neal, "Fast exact summation using small and large superaccumulators", 2015), so nothing of a value stays behind when it leaves; variance = (n * sum(x^2) - sum(x)^2) / (n * (n - 1)), from exact sums.
Errors: value is no number, at no date or timestamp; a term that is not understood, none at all, more than 1,600; terms, zone and fill that change within a partition; rows out of the order of time where a window goes by it; an unknown time zone; a result out of range; more memory than echolon.max_memory.
SELECT day, (echolon_rolling(sales, day, ''{mean 7,sum 30 days,lag 1}'') OVER (PARTITION BY region ORDER BY day))[1] AS mean_7 FROM daily;';

/*
 * load.sql: tables for the recorded references of features, and how ours are compared with them.
 *
 * A reference is a table of the schema parity with keys, inputs, and one column for each number
 * that pandas computed; scripts/parity fills it from a CSV file.  Ours is a view "<reference>_ours"
 * with the same keys and the same column names, over the inputs.
 */
\set QUIET on
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE SCHEMA parity;

CREATE TABLE parity.chicago_ridership (
	row_id int, date date, ridership float8,
	lag_1 float8, lag_7 float8, diff_1 float8, pct_change_1 float8, pct_change_7 float8,
	roll7_mean float8, roll7_std float8, roll7_min float8, roll7_max float8, roll7_sum float8, roll7_median float8,
	roll7p_mean float8, roll7p_std float8, roll28_mean float8, roll28_std float8, prev7_mean float8,
	exp_sum float8, exp_mean float8, exp_std float8, exp_max float8, ewm7_adj float8, ewm7_noadj float8
);
CREATE TABLE parity.superstore_region_daily (
	region text, order_date date,
	sales float8, quantity float8, orders float8,
	r7d_sum float8, r7d_mean float8, r7d_std float8, r7d_count float8, r30d_mean float8,
	exp_sum float8, pct_change_1 float8, row7_mean float8
);
CREATE TABLE parity.superstore_category_monthly (
	month date, category text,
	sales float8, mom float8, yoy float8, roll3_mean float8, ytd_sum float8, share float8, rank float8
);
-- the encoding of the training functions is tested in test/pgtap/10_encode.sql
CREATE TABLE parity.superstore_sub_category (
	row_id int, sub_category text, sales float8,
	label_code float8, freq float8, target_mean float8, target_smooth10 float8, target_loo float8, target_ordered float8
);

CREATE TABLE parity.results (
	reference text, feature text, rows bigint,
	worst float8,			-- largest relative difference of a row; infinite where one of two is missing
	tolerance float8
);

-- Relative difference of two numbers.
CREATE FUNCTION parity.difference(ours float8, theirs float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN ours IS NOT DISTINCT FROM theirs THEN 0
		WHEN ours IS NULL OR theirs IS NULL THEN 'Infinity'
		ELSE abs(ours - theirs) / greatest(abs(ours), abs(theirs)) END
$$;

/*
 * Compare every column of a reference but its keys and inputs; looser: a column and its tolerance.
 * A row that one side lacks counts as different.
 */
CREATE PROCEDURE parity.compare(reference text, keys text[], inputs text[] DEFAULT '{}', looser jsonb DEFAULT '{}')
LANGUAGE plpgsql AS $$
DECLARE
	feature text;
BEGIN
	FOR feature IN
		SELECT attname FROM pg_attribute
		WHERE attrelid = ('parity.' || reference)::regclass AND attnum > 0 AND attname <> ALL (keys || inputs)
		ORDER BY attnum
	LOOP
		EXECUTE format('INSERT INTO parity.results
			SELECT %1$L, %2$L, count(*), max(parity.difference(o.%2$I, t.%2$I)), %3$L
			FROM parity.%4$I AS o FULL JOIN parity.%1$I AS t USING (%5$s)',
			reference, feature, coalesce(looser->>feature, '1e-9'), reference || '_ours',
			(SELECT string_agg(quote_ident(key), ', ') FROM unnest(keys) AS key));
	END LOOP;
END
$$;

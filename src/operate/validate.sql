-- operate: what is wrong with data, before training.

CREATE FUNCTION echolon_validate(
	relation regclass,
	target name DEFAULT NULL,
	iqr_factor double precision DEFAULT 1.5,
	OUT rule text,
	OUT severity text,
	OUT column_name text,
	OUT affected bigint,
	OUT message text,
	OUT hint text
) RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 20
AS 'MODULE_PATHNAME', 'echolon_validate';
COMMENT ON FUNCTION echolon_validate IS
'What is wrong with the data of a relation, before training: in one read, one row a finding, the worst first. affected: rows it concerns. hint: a call that mends it, or what Echolon does by itself.
severity error (a training refuses): too_few_rows (under 100 with a target), target_unusable, target_constant, too_many_classes (over 1,000). warning: target_missing, rare_class (a class of under 5 rows), missing_values (over half of the rows; else info), empty_column, duplicate_rows (identical in all columns but keys), infinite_values, numbers_as_text (90 % of the texts), dates_that_do_not_parse (80 % of the texts do), spelling_variants (differ in case and blanks only), future_dates, target_leakage (echolon_check_leakage says what; on a sample of 20,000 rows). info: constant, near_unique (texts, numbers that count rows), outliers (beyond iqr_factor times the IQR from the quartiles; of columns of over 20 values whose quartiles differ), identical_columns, repeated_dates, skewed_target, unbalanced_classes, many_levels, dates_as_text, left_out (types that cannot be used, columns without the right to read them). Where nothing is found: one row, rule ok.
Memory within echolon.max_memory. Errors: no such relation or column, no right to it; iqr_factor of 0 or below.
SELECT rule, severity, column_name, message FROM echolon_validate(''sales'', ''revenue'');';

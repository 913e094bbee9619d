-- operate: what is wrong with data, before training.

CREATE FUNCTION echolon_validate(
	relation regclass,
	target name DEFAULT NULL,
	iqr_factor double precision DEFAULT 1.5,
	columns_per_rule integer DEFAULT 5,
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
'What is wrong with the data of a relation, before training: in one read, one row a finding, the worst first, then by column. affected: rows it concerns (missing dates of gaps). hint: a call that mends it or shows the rows, or what Echolon does by itself; no hint changes a value that it does not name.
severity error (a training refuses): too_few_rows (under 100 with a target), target_unusable, target_constant, too_many_classes (over 1,000), infinite_values of the target, target_missing in all rows. warning: target_missing, rare_class (a class of under 5 rows), missing_values (over half of the rows; else info), empty_column, duplicate_rows (identical in all columns but keys: declared ones, uuids and numbers of rows that all differ; info where a column cannot be compared), infinite_values, numbers_as_text (90 % of the texts are; none where digits are codes, as 01040), dates_that_do_not_parse (80 % of the texts do), spelling_variants (differ in case and blanks only; of columns of at most 20,000 values), future_dates (info where most are), gaps and repeated_dates (of the first date column without NULL, where 90 % of the steps are alike, within the column that makes dates unique; repeated: at most 1 % of the rows), target_leakage (echolon_check_leakage says what; on a sample of 20,000 rows, of columns that a training uses). info: constant and near_unique (as trainings leave them out), outliers (beyond iqr_factor times the IQR from the quartiles, percentile_cont; of columns of over 20 values whose quartiles differ), identical_columns, repeated_dates that a column makes unique, few_target_values (at most 20), skewed_target (mean and median differ by over 0.75 of the IQR), unbalanced_classes (95 % of the rows have one), many_levels (over 10,000), dates_as_text, left_out (types that cannot be used, columns without the right to read them). Where nothing is found: one row, rule ok.
columns_per_rule: a rule of severity info is told of the columns with the most rows, so many at most, and the others are one last row without column_name, whose affected is the most of any; NULL tells all.
Values are compared as double precision. Memory within echolon.max_memory. Errors: no such relation or column, no right to it; iqr_factor of 0 or below; columns_per_rule below 1; a relation that does not fit into the memory.
SELECT rule, severity, column_name, message FROM echolon_validate(''sales'', ''revenue'');
Source of the outlier rule: Tukey, Exploratory Data Analysis (1977)';

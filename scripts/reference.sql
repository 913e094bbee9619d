/*
 * reference.sql: docs/reference.md, from the catalog of a database that has the
 * extension in schema public; run by scripts/make-reference with psql -At.
 *
 * A comment's first sentence is what tables show; line breaks in it are kept.
 * Nothing here depends on the PostgreSQL version, on order of creation or on OIDs.
 */
SET search_path = pg_catalog, public;

CREATE TEMP VIEW members AS
SELECT d.classid, d.objid
FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'echolon' AND d.deptype = 'e';

-- The functions by the room they belong to, in the order a reader meets them.
CREATE TEMP TABLE chapters (place int, title text, kinds text, pattern text);
INSERT INTO chapters VALUES
	(1, 'Training', 'f', '^echolon_(train_|parameters|check_leakage)'),
	(2, 'Prediction', 'f', '^echolon_predict'),
	(3, 'Evaluation', 'f', '^echolon_(metrics|classification_report|confusion_matrix|feature_importance|permutation_importance|evaluate|roc_curve|precision_recall_curve|calibration|residuals|learning_curve)$'),
	(4, 'Feature sets', 'f', '^echolon_(create_features|feature_|refresh_features|drop_features|features_at|frequency|label|percentile|bucket|standardize|minmax|robust|high_value)'),
	(5, 'Features of windows', 'aw', '^echolon_(rolling|ewma|pct_change|difference)'),
	(6, 'Features of a row', 'f', '^echolon_(temporal_features|year|quarter|month|week|day_|hour|is_|product|ratio|add|subtract|power|churn_|engagement_score)'),
	(7, 'Aggregates', 'a', '^echolon_'),
	(8, 'Models and rights', 'f', '^echolon_'),
	(9, 'Used by the views', 'f', '.');

CREATE TEMP VIEW functions AS
SELECT p.oid, p.proname, n.nspname, p.prokind,
	(SELECT min(place) FROM chapters
	 WHERE p.proname ~ pattern AND strpos(kinds, p.prokind::text) > 0 AND (place = 9 OR n.nspname <> 'echolon')) AS chapter,
	-- one argument a line where there are many; regclass and the like without a schema
	format(E'%s(%s)', CASE WHEN n.nspname = 'echolon' THEN 'echolon.' ELSE '' END || p.proname,
		CASE WHEN p.pronargs > 5 THEN E'\n    ' ELSE '' END
		|| regexp_replace(arguments, ', (?=[a-z_0-9]+ )', CASE WHEN p.pronargs > 5 THEN E',\n    ' ELSE ', ' END, 'g')
		|| CASE WHEN p.pronargs > 5 THEN E'\n' ELSE '' END) AS signature,
	CASE
		WHEN t.typrelid <> 0 AND t.typtype = 'c' THEN (
			SELECT CASE WHEN p.proretset THEN 'rows of (' ELSE 'one row (' END
				|| string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) || ')'
			FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0)
		WHEN 't' = ANY (p.proargmodes) OR 'o' = ANY (p.proargmodes) THEN (
			SELECT CASE WHEN p.proretset THEN 'rows of (' ELSE 'one row (' END
				|| string_agg(format('%s %s', p.proargnames[k], format_type(p.proallargtypes[k], NULL)), ', ' ORDER BY k) || ')'
			FROM generate_subscripts(p.proargmodes, 1) AS k WHERE p.proargmodes[k] IN ('t', 'o'))
		ELSE CASE WHEN p.proretset THEN 'rows of ' ELSE '' END || format_type(p.prorettype, NULL) END AS returns,
	obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc AS p JOIN members ON classid = 'pg_proc'::regclass AND objid = p.oid
	JOIN pg_namespace AS n ON n.oid = p.pronamespace
	JOIN pg_type AS t ON t.oid = p.prorettype,
	LATERAL (SELECT string_agg(
			concat_ws(' ', name, CASE WHEN mode = 'v' THEN 'VARIADIC' END, format_type(type, NULL))
			|| CASE WHEN k > p.pronargs - p.pronargdefaults
				-- quoted text without its type, as one would write it
				THEN ' DEFAULT ' || regexp_replace(regexp_replace(pg_get_function_arg_default(p.oid, k::int), '::[a-z ]+(\[\])?$', ''), '^\((.*)\)$', '\1')
				ELSE '' END, ', ' ORDER BY k) AS arguments
		FROM (SELECT p.proargnames[k] AS name, CASE WHEN p.proallargtypes IS NULL THEN p.proargtypes[k - 1] ELSE p.proallargtypes[k] END AS type,
				coalesce(p.proargmodes[k], 'i') AS mode, k
			FROM generate_series(1, coalesce(array_length(p.proallargtypes, 1), p.pronargs)) AS k) AS a
		WHERE mode IN ('i', 'b', 'v')) AS a;

SELECT $$# Echolon's functions, views and settings

Made from the extension's `COMMENT`s by `make docs`; the same text is in the database (`\df+ echolon_*`, `\d+ echolon.models`). Arguments after the
first two or three are best given by name: `echolon_train_rf('sales', 'revenue', n_estimators => 200)`.
$$;

SELECT coalesce(format(E'## %s\n', title), '') || string_agg(
		format(E'\n### %s%s\n\n```\n%s\n```\nReturns %s.\n\n%s\n',
			CASE WHEN nspname = 'echolon' THEN 'echolon.' ELSE '' END || proname,
			CASE prokind WHEN 'a' THEN ' (aggregate)' WHEN 'w' THEN ' (window function)' ELSE '' END, signature, returns,
			-- a sentence ends with a full stop
			regexp_replace(comment, '([^.!?:;])$', '\1.')), '' ORDER BY proname COLLATE "C", signature COLLATE "C")
FROM functions JOIN chapters ON chapter = place
-- parts of aggregates are not for calling
WHERE NOT EXISTS (SELECT FROM pg_aggregate AS a WHERE functions.oid IN (aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn))
GROUP BY place, title ORDER BY place;

SELECT E'## Parameters\n\nFrom `echolon_parameters()`, with the names scikit-learn, LightGBM and XGBoost have for the same thing.\n';
SELECT E'\n### ' || training_function || E'\n\n| parameter | type | default | range | meaning | scikit-learn | LightGBM | XGBoost |\n|---|---|---|---|---|---|---|---|\n'
	|| string_agg(format('| `%s` | %s | %s | %s | %s | %s | %s | %s |', parameter, type, coalesce(default_value, ''), coalesce(replace(range, '|', '\|'), ''),
		replace(meaning, '|', '\|'), coalesce(scikit_learn, ''), coalesce(lightgbm, ''), coalesce(xgboost, '')), E'\n' ORDER BY ordinality) || E'\n'
FROM echolon_parameters() WITH ORDINALITY GROUP BY training_function ORDER BY training_function DESC;

SELECT E'## Views\n\nThey are described, column by column, in [views.md](views.md), with queries for Grafana and Metabase.\n';

-- Settings exist once the library is loaded.
LOAD 'echolon';
SELECT E'## Settings\n';
SELECT E'| setting | default | context | meaning |\n|---|---|---|---|\n'
	|| string_agg(format('| `%s` | %s | %s | %s |', name, boot_val || coalesce(' (' || unit || ')', ''), context,
		concat_ws(' ', regexp_replace(short_desc, '([^.!?:;])$', '\1.'), extra_desc)), E'\n' ORDER BY name)
FROM pg_settings WHERE name LIKE 'echolon.%';

-- The interface stands as documented: names, arguments, volatility, comments.
\ir setup.psql
SELECT * FROM no_plan();

-- What belongs to the extension.
CREATE TEMP VIEW members AS
SELECT d.classid, d.objid
FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'echolon' AND d.deptype = 'e';
CREATE TEMP VIEW functions AS
SELECT p.* FROM pg_proc AS p JOIN members ON classid = 'pg_proc'::regclass AND objid = p.oid;

-- ---- there
SELECT has_extension('echolon');
SELECT has_schema('echolon');
SELECT has_function(name) FROM unnest(ARRAY[
	'echolon_train_rf', 'echolon_train_gb', 'echolon_parameters',
	'echolon_predict', 'echolon_predict_class', 'echolon_predict_proba',
	'echolon_predict_json', 'echolon_predict_json_class', 'echolon_predict_json_proba',
	'echolon_predict_model', 'echolon_predict_model_class', 'echolon_predict_model_proba',
	'echolon_metrics', 'echolon_classification_report', 'echolon_confusion_matrix',
	'echolon_feature_importance', 'echolon_permutation_importance', 'echolon_evaluate',
	'echolon_roc_curve', 'echolon_precision_recall_curve', 'echolon_calibration', 'echolon_residuals',
	'echolon_learning_curve', 'echolon_rmse', 'echolon_mae', 'echolon_r2', 'echolon_accuracy',
	'echolon_log_loss', 'echolon_roc_auc', 'echolon_activate', 'echolon_drop_model', 'echolon_grant_model']) AS name;
SELECT has_view('echolon', name, 'view echolon.' || name) FROM unnest(ARRAY['models', 'model_versions']) AS name;
SELECT columns_are('echolon', 'models', ARRAY['model', 'task', 'algorithm', 'relation', 'target', 'version', 'metric',
	'score', 'train_score', 'baseline', 'rows_used', 'trained_at', 'trained_by', 'owner', 'state']);
SELECT columns_are('echolon', 'model_versions', ARRAY['model', 'version', 'active', 'algorithm', 'task', 'metric',
	'score', 'train_score', 'baseline', 'rows_used', 'seconds', 'parameters', 'metrics', 'fingerprint', 'digest',
	'bytes', 'notes', 'trained_at', 'trained_by', 'activated_at', 'retired_at']);

-- ---- training: the first arguments, and defaults for all but two
SELECT is((proargnames)[1:5], '{relation,target,features,exclude,model}', proname || ': first arguments'),
	is((pronargs - pronargdefaults)::int, 2, proname || ': only two have no default'),
	is(provolatile, 'v', proname || ' is volatile'), is(proparallel, 'u', proname || ' is parallel unsafe')
FROM functions WHERE proname IN ('echolon_train_rf', 'echolon_train_gb') ORDER BY proname;
SELECT results_eq(
	$$SELECT column_name FROM (SELECT * FROM echolon_train_rf('pg_class', 'nope')) AS f
		RIGHT JOIN (VALUES ('model'), ('version'), ('task'), ('rows_used'), ('metric'), ('score'), ('train_score'),
			('baseline'), ('seconds'), ('notes'), ('details')) AS expected (column_name) ON false$$,
	$$SELECT 'never'$$, 'not reached') WHERE false;
SELECT is(array_agg(attname::text ORDER BY attnum),
	'{model,version,task,rows_used,metric,score,train_score,baseline,seconds,notes,details}'::text[],
	proname || ': columns of the result')
FROM functions JOIN pg_type AS t ON t.oid = prorettype JOIN pg_attribute AS a ON a.attrelid = t.typrelid AND attnum > 0
WHERE proname IN ('echolon_train_rf', 'echolon_train_gb') GROUP BY proname;

-- The defaults of the signatures are those of the one table in the code.
SELECT is(coalesce(trim('()' FROM regexp_replace(pg_get_function_arg_default(f.oid, k::int), '::[a-z \[\]]+$', '')), '(none)'),
	coalesce(CASE WHEN p.default_value ~ '^[-0-9.]+$' OR p.default_value IN ('true', 'false', 'NULL')
		THEN p.default_value ELSE quote_literal(p.default_value) END, '(none)'),
	format('%s: default of %s', f.proname, p.parameter))
FROM functions AS f, unnest(proargnames) WITH ORDINALITY AS a (name, k), echolon_parameters() AS p
WHERE f.proname = p.training_function AND p.parameter = a.name AND k > 2
	AND pg_get_function_arg_default(f.oid, k::int) !~ '^NULL' ORDER BY f.proname, k;
SELECT set_eq(
	format('SELECT parameter FROM echolon_parameters(%L)', proname),
	proargnames[1:pronargs], proname || ': echolon_parameters lists each parameter')
FROM functions WHERE proname IN ('echolon_train_rf', 'echolon_train_gb', 'echolon_create_features');

-- ---- prediction reads only
SELECT is(provolatile, 's', format('%s is stable', oid::regprocedure)),
	is(proparallel, 's', format('%s is parallel safe', oid::regprocedure)),
	-- by bytes there is no version => NULL to allow
	is(proisstrict, proname ~ '_model', format('%s: NULL', oid::regprocedure))
FROM functions WHERE proname ~ '^echolon_predict(_json|_model)?(_class|_proba)?$' ORDER BY oid::regprocedure::text;
SELECT is(count(*), 0::bigint, 'one function a name and kind of row: literals are never ambiguous')
FROM (SELECT proname, pronargs - pronargdefaults FROM functions WHERE proname ~ '^echolon_predict'
	  GROUP BY 1, 2 HAVING count(*) > 1) AS ambiguous;
SELECT is(proparallel, 's', format('aggregate %s is parallel safe', p.oid::regprocedure)),
	isnt(aggcombinefn::oid, 0::oid, format('aggregate %s can be combined', p.oid::regprocedure))
FROM functions AS p JOIN pg_aggregate ON aggfnoid = p.oid
-- those keep the order of their rows, or their values
WHERE proname !~ '^echolon_(ewma|rolling_features|rolling_median|rolling_slope)$' ORDER BY p.oid::regprocedure::text;

-- ---- safety
SELECT is(count(*), 0::bigint, 'no function is SECURITY DEFINER') FROM functions WHERE prosecdef;
SELECT is(string_agg(oid::regprocedure::text, ', '), NULL, 'functions in SQL or PL/pgSQL have a fixed search_path or a bound body')
FROM functions
WHERE prolang IN (SELECT oid FROM pg_language WHERE lanname IN ('sql', 'plpgsql'))
	AND prosqlbody IS NULL AND NOT coalesce(proconfig::text ~ 'search_path=', false);
SELECT is(string_agg(c.relname, ', '), NULL, 'nobody but the owner has a privilege on a table')
FROM pg_class AS c JOIN members ON classid = 'pg_class'::regclass AND objid = c.oid, aclexplode(c.relacl) AS a
WHERE c.relkind IN ('r', 'S') AND a.grantee <> c.relowner;
SELECT is(string_agg(c.relname, ', '), NULL, 'views that everyone may read are security barriers')
FROM pg_class AS c JOIN members ON classid = 'pg_class'::regclass AND objid = c.oid
WHERE c.relkind = 'v' AND NOT coalesce('security_barrier=true' = ANY (c.reloptions), false);
SELECT is(string_agg(c.relname, ', '), NULL, 'every table and sequence is dumped')
FROM pg_class AS c JOIN members ON classid = 'pg_class'::regclass AND objid = c.oid
WHERE c.relkind IN ('r', 'S')
	AND c.oid NOT IN (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'echolon');
SELECT is(string_agg(format('%I.%I', n.nspname, p.proname), ', '), NULL, 'functions in the user''s schema begin with echolon_')
FROM functions AS p JOIN pg_namespace AS n ON n.oid = pronamespace
WHERE nspname <> 'echolon' AND proname !~ '^echolon_';

-- ---- comments
SELECT is(string_agg(pg_describe_object(classid, objid, 0), ', '), NULL, 'everything has a comment')
FROM members
WHERE obj_description(objid, classid::regclass::text) IS NULL
	AND classid <> 'pg_cast'::regclass
	-- what comes with a table, a view or an identity column
	AND NOT (classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class WHERE oid = objid AND relkind = 'S'))
	AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid
		WHERE t.oid = objid AND c.relkind <> 'c'))
	AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type WHERE oid = objid AND typcategory = 'A'));
SELECT is(string_agg(format('%s.%I', c.oid::regclass, attname), ', '), NULL, 'every column of a view has a comment')
FROM pg_class AS c JOIN members ON classid = 'pg_class'::regclass AND objid = c.oid
	JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
WHERE c.relkind = 'v' AND col_description(c.oid, attnum) IS NULL;
SELECT is(string_agg(pg_describe_object(classid, objid, 0), ', '), NULL, 'no comment is empty or a note to ourselves')
FROM members
WHERE obj_description(objid, classid::regclass::text) ~* '^\s*$|todo|fixme|xxx|not implemented';

SELECT * FROM finish();
ROLLBACK;

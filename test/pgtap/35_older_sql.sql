-- A library that is newer than the SQL of the extension: every C function, defined as if it had had fewer arguments
-- before, says that the extension is to be updated, and reads nothing that it was not given.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE points AS SELECT * FROM pg_temp.rows(300);
SELECT lives_ok($$SELECT echolon_train_rf('points', 'y', features => '{a,b}', n_estimators => 2, model => 'm')$$, 'a model');

-- All of the extension but what SQL does not call: window functions, and those of internal values.
CREATE TABLE functions AS
SELECT p.oid, p.prosrc, p.probin, p.proargtypes[0]::regtype::text AS first, p.pronargs, p.prokind, p.proisstrict AS is_strict,
	regexp_replace(pg_get_function_result(p.oid), '^(SETOF )?any\w+', '\1integer') AS result, p.prorettype = 'record'::regtype AND pg_get_function_result(p.oid) !~ '^TABLE' AS is_record
FROM pg_depend AS d JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'echolon') AND d.deptype = 'e'
	AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c') AND p.pronargs > 0 AND p.prokind IN ('f', 'p')
	AND NOT p.proargtypes::oid[] @> ARRAY['internal'::regtype::oid] AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype);
SELECT cmp_ok((SELECT count(*)::int FROM functions), '>', 80, 'most functions are in C');

CREATE FUNCTION pg_temp.called(f functions, narguments int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	type text := CASE WHEN f.first ~ '^"?any' THEN 'integer' ELSE f.first END;
	argument text := CASE WHEN narguments = 0 THEN '' ELSE format('%L::%s', CASE WHEN type ~ '\[\]$' THEN '{}' WHEN type ~ '^(integer|bigint|double|numeric)' THEN '1' WHEN type = 'text' THEN 'm'
		WHEN type = 'regclass' THEN 'points' WHEN type = 'name' THEN 'y' WHEN type = 'bytea' THEN '\x00' WHEN type = 'jsonb' THEN '{}' WHEN type = 'boolean' THEN 't' END, type) END;
BEGIN
	EXECUTE format('CREATE %s pg_temp.older(%s) %s AS %L, %L LANGUAGE c %s', CASE f.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, CASE narguments WHEN 1 THEN type END,
		'RETURNS ' || f.result, f.probin, f.prosrc, CASE WHEN f.is_strict THEN 'STRICT' END);
	result := pg_temp.error_of(format(CASE WHEN f.prokind = 'p' THEN 'CALL pg_temp.older(%s)' WHEN f.is_record THEN 'SELECT * FROM pg_temp.older(%s) AS t (x integer)' ELSE 'SELECT * FROM pg_temp.older(%s)' END, argument));
	RAISE EXCEPTION SQLSTATE 'ROLLB' USING MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'ROLLB' THEN
	RETURN SQLERRM;
END $$;
CREATE TABLE answers AS SELECT f.oid::regprocedure::text AS function, f.pronargs, n, pg_temp.called(f, n) AS said
FROM functions AS f, generate_series(0, 1) AS n WHERE n < f.pronargs;
-- Of none of its arguments a function can say anything else.
SELECT is(said, '55000 function "older" of the extension echolon is older than its library | It has 0 arguments, and the library reads another one. | Run ALTER EXTENSION echolon UPDATE in this database.', function)
FROM answers WHERE n = 0 ORDER BY function;
-- With the first one it may.
SELECT doesnt_match(said, '^(XX000|58|57)', function) FROM answers WHERE n = 1 ORDER BY function;
SELECT cmp_ok((SELECT count(*)::int FROM answers WHERE n = 1 AND said ~ 'ALTER EXTENSION echolon UPDATE'), '>', 10, 'many read a second one');

SELECT * FROM finish();
ROLLBACK;

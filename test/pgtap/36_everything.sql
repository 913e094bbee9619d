-- Every function, view, table and sequence of the extension, as the catalog lists them, so that a new one is covered by
-- itself: called by a role without any right on the models and sets of another one, which learns nothing of them; and with
-- NULL, or with nonsense, for every argument, by that role and by a superuser, which gives an error of a sentence or an
-- answer, and never an internal error.
\ir setup.psql
SELECT * FROM no_plan();

CREATE ROLE regress_silent;
CREATE ROLE regress_stranger;
CREATE SCHEMA regress_vault AUTHORIZATION regress_silent;
SET LOCAL ROLE regress_silent;
SET LOCAL search_path = regress_vault, public;
-- what the stranger may not find in anything: what rows say, and what was said of the model
CREATE TABLE regress_vault.points AS SELECT id, a, b, 'hush_' || colour AS colour, y, label, 'hush_' || label AS said, date '2024-01-01' + id AS day FROM pg_temp.rows(300);
DO $$ BEGIN
	PERFORM echolon_train_rf('regress_vault.points', 'y', features => '{a,b,colour}', n_estimators => 2, model => 'silent');
	PERFORM echolon_train_gb('regress_vault.points', 'said', features => '{a,b,colour}', n_estimators => 2, model => 'silent_classes');
	PERFORM echolon_set_alias('silent', 'hush_alias', 1);
	PERFORM echolon_add_note('silent', 1, 'hush_note');
	PERFORM echolon_retrain_when('silent', every_rows => 7777);
	PERFORM echolon_create_features('silent_set', 'regress_vault.points', date_column => 'day');
	PERFORM echolon_preprocess('silent_clean', 'regress_vault.points', target => 'y');
	PERFORM echolon_retrain('silent', promote => true);
END $$;
CREATE TABLE regress_vault.bytes AS SELECT echolon_export_model('silent', with_record => true) AS bytes;
RESET ROLE;
RESET search_path;

CREATE TABLE members AS
SELECT d.classid, d.objid FROM pg_depend AS d
WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'echolon') AND d.deptype = 'e';
CREATE TABLE functions AS
SELECT p.oid, p.oid::regprocedure::text AS signature, p.prokind, p.proretset, p.prorettype, p.pronargs, p.pronargdefaults, p.proargnames, p.proargtypes::oid[]::regtype[]::text[] AS types,
	p.prorettype = 'record'::regtype AND p.proallargtypes IS NULL AS is_record
FROM members AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
WHERE NOT p.proargtypes::oid[] @> ARRAY['internal'::regtype::oid] AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype);
SELECT cmp_ok((SELECT count(*)::int FROM functions), '>', 120, 'there are many functions');

-- An argument: NULL, what is known of the other's model, or nonsense of its type.
CREATE FUNCTION pg_temp.argument(name text, type text, mode text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN type = 'record' AND mode <> 'nulls' THEN '(SELECT r FROM (SELECT 1.0::float8 AS a, 2.0::float8 AS b, ''x''::text AS colour) AS r)'
		WHEN type ~ '^"?any' THEN CASE mode WHEN 'nulls' THEN 'NULL::integer' WHEN 'nonsense' THEN '-1' ELSE '2' END ELSE format('%L::%s', CASE
		WHEN mode = 'nulls' OR name IN ('path', 'file', 'content') THEN NULL
		WHEN mode = 'nonsense' THEN CASE WHEN type ~ '\[\]$' THEN '{}' WHEN type ~ '^(integer|bigint|smallint)' THEN '-2147483648' WHEN type ~ '^(double|real|numeric)' THEN 'NaN'
			WHEN type IN ('regclass', 'oid') THEN '4294967295' WHEN type = 'bytea' THEN '\x4543484f' WHEN type = 'jsonb' THEN '[1]' WHEN type = 'boolean' THEN 'f' WHEN type ~ '^(text|name)' THEN '' END
		WHEN name ~ '^(model|source)$' AND type = 'text' THEN 'silent'
		WHEN name ~ '^(feature_set|set_name)$' THEN 'silent_set'
		WHEN name IN ('role', 'new_role') THEN 'regress_stranger'
		WHEN name = 'old_role' THEN 'regress_silent'
		WHEN name = 'privilege' THEN 'own'
		WHEN name = 'alias' THEN 'hush_alias'
		WHEN name = 'schedule' THEN '0 3 * * *'
		WHEN name = 'target' THEN 'y'
		WHEN type = 'regclass' THEN 'regress_vault.points'
		WHEN type ~ '\[\]$' THEN '{}'
		WHEN type = 'jsonb' THEN '{"a": 1, "b": 2, "colour": "x"}'
		WHEN type ~ '^(integer|bigint|smallint|double|real|numeric)' THEN '1'
		WHEN type = 'boolean' THEN 't'
		WHEN type = 'bytea' THEN '\x00'
		WHEN type = 'text' THEN 'silent'
		WHEN type = 'name' THEN 'a' END, type) END
$$;
-- A statement that calls a function: "known" leaves defaults out, the other modes give all arguments.
CREATE FUNCTION pg_temp.call_of(f functions, mode text) RETURNS text LANGUAGE sql AS $$
	SELECT format(CASE f.prokind WHEN 'p' THEN 'CALL %s(%s)' WHEN 'w' THEN 'SELECT %s(%s) OVER ()' WHEN 'a' THEN 'SELECT %s(%s)'
			ELSE CASE WHEN f.is_record THEN 'SELECT * FROM %s(%s) AS t (x integer)' ELSE 'SELECT * FROM %s(%s)' END END,
		f.oid::regproc, string_agg(pg_temp.argument(f.proargnames[i], f.types[i - 1], mode), ', ' ORDER BY i))
	FROM generate_series(1, CASE mode WHEN 'known' THEN f.pronargs - f.pronargdefaults ELSE f.pronargs END) AS i
$$;
-- What a role is told: an error, or all that comes back.  Nothing of it stays.
CREATE FUNCTION pg_temp.told(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	detail text;
	hint text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	IF statement ~ '^SELECT' THEN
		EXECUTE format('SELECT string_agg(t::text, '' '') FROM (%s) AS t', statement) INTO answer;
	ELSE
		EXECUTE statement;
	END IF;
	RAISE EXCEPTION SQLSTATE 'ROLLB' USING MESSAGE = 'answer: ' || coalesce(answer, 'NULL');
EXCEPTION
	WHEN SQLSTATE 'ROLLB' THEN
		RETURN SQLERRM;
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS answer = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
		RETURN concat_ws(' | ', SQLSTATE || ' ' || answer, nullif(detail, ''), nullif(hint, ''));
END $$;
CREATE FUNCTION pg_temp.secret(told text) RETURNS boolean LANGUAGE sql AS $$ SELECT told ~* 'hush_|7777|regress_silent' $$;
SELECT ok(pg_temp.secret(pg_temp.told('regress_silent', 'SELECT * FROM echolon.model_aliases')), 'the owner is told what a stranger must not be');

SET LOCAL client_min_messages = error;
CREATE TABLE answers AS
SELECT f.signature, f.proargnames[1:f.pronargs - f.pronargdefaults] AS required, role, mode, statement, pg_temp.told(role, statement) AS told
FROM functions AS f, unnest(ARRAY['regress_stranger', current_user]::name[]) AS role, unnest(ARRAY['nulls', 'nonsense', 'known']) AS mode,
	LATERAL (SELECT coalesce(pg_temp.call_of(f, mode), format('SELECT * FROM %s()', f.oid::regproc)) AS statement) AS s;
SET LOCAL client_min_messages = warning;
SELECT doesnt_match(told, '^(XX00[02]|57|58|53100)|cache lookup', format('%s: %s', role, statement)) FROM answers ORDER BY role, signature, mode;
SELECT cmp_ok((SELECT count(*)::int FROM answers WHERE told !~ '^42883'), '>', (SELECT count(*)::int * 5 FROM functions), 'nearly all calls are calls');

-- ---- the stranger learns nothing
SELECT ok(NOT pg_temp.secret(replace(told, '"regress_silent"', CASE WHEN statement !~ 'regress_silent' THEN '"regress_silent"' ELSE '' END)), format('told nothing: %s', statement)) FROM answers WHERE role = 'regress_stranger' ORDER BY signature, mode;
SELECT matches(told, '^(42704 model "silent" does not exist|42501|22004 parameter "(path|older_than)")', statement)
FROM answers WHERE role = 'regress_stranger' AND mode = 'known' AND required && '{model}' AND signature !~ '^(echolon_import_model|echolon_train_|echolon\.)|\(bytea' ORDER BY signature;
SELECT cmp_ok((SELECT count(*)::int FROM answers WHERE role <> 'regress_stranger' AND mode = 'known' AND required && '{model}' AND told ~ '^answer'), '>', 20, 'a superuser is answered, so the calls are good ones');

-- ---- relations: private, as is the view that the views of models are made of, or a view without the other's rows
CREATE TABLE relations AS
SELECT c.oid, c.oid::regclass::text AS name, c.relkind FROM members AS m JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND m.objid = c.oid WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S');
SELECT cmp_ok((SELECT count(*)::int FROM relations WHERE relkind = 'r'), '>', 8, 'there are tables'), cmp_ok((SELECT count(*)::int FROM relations WHERE relkind = 'v'), '>', 8, 'and views');
SELECT matches(pg_temp.told('regress_stranger', format('SELECT * FROM %s', name)), '^42501 permission denied', name || ' is private') FROM relations WHERE relkind NOT IN ('v', 'S') ORDER BY name;
SELECT ok(told ~ CASE name WHEN 'echolon.visible_models' THEN '^42501 permission denied' ELSE '^answer' END AND NOT pg_temp.secret(told), name || ' has nothing of another''s') FROM relations, LATERAL (SELECT pg_temp.told('regress_stranger', format('SELECT * FROM %s', name)) AS told OFFSET 0) AS t WHERE relkind = 'v' ORDER BY name;
SELECT matches(pg_temp.told('regress_stranger', format(statement, name)), '^42501 permission denied', format(statement, name))
FROM relations, unnest(ARRAY['DELETE FROM %s', 'INSERT INTO %s DEFAULT VALUES', 'TRUNCATE %s', 'LOCK TABLE %s']) AS statement WHERE relkind = 'r' ORDER BY name, statement;
SELECT matches(pg_temp.told('regress_stranger', format('SELECT pg_catalog.%s', format(call, name))), '^42501 permission denied', format(call, name))
FROM relations, unnest(ARRAY['nextval(%L)', 'setval(%L, 1)']) AS call WHERE relkind = 'S' ORDER BY name, call;
-- nor do a function of the stranger's own in a condition, and what a plan knows of columns
SET LOCAL ROLE regress_stranger;
CREATE FUNCTION pg_temp.peek(row_of text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE EXCEPTION 'saw %', row_of; END $$;
RESET ROLE;
SELECT unalike(pg_temp.told('regress_stranger', format('SELECT 1 FROM %s AS v WHERE pg_temp.peek(v::text)', name)), '%saw %', name || ' is a barrier') FROM relations
WHERE relkind = 'v' AND pg_temp.told('regress_stranger', format('SELECT * FROM %s', name)) = 'answer: NULL' ORDER BY name;
SELECT is((SELECT count(*)::int FROM echolon.models WHERE owner = 'regress_silent'), 2, 'after all of which the models are there');

SELECT * FROM finish();
ROLLBACK;

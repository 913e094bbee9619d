-- Models of years: owners that go, rights that are given and taken, relations that change hands, and whose code runs as whom.
\ir setup.psql
SELECT * FROM no_plan();

CREATE ROLE regress_keeper;
CREATE ROLE regress_helper;
CREATE ROLE regress_heir;
CREATE TABLE points AS SELECT * FROM pg_temp.rows(600);
GRANT SELECT ON points TO regress_keeper, regress_helper, regress_heir;
CREATE FUNCTION pg_temp.more(n int) RETURNS void LANGUAGE sql SECURITY INVOKER AS $$
	INSERT INTO points SELECT id + (SELECT max(id) FROM points), a + 0.001, b, colour, y, label FROM pg_temp.rows(n)
$$;
CREATE FUNCTION pg_temp.last_run(name text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', state, sqlstate, run_by) FROM echolon.training_runs WHERE model = name AND kind = 'retraining' ORDER BY run DESC LIMIT 1
$$;

SET LOCAL ROLE regress_keeper;
SELECT lives_ok($$SELECT echolon_train_rf('points', 'y', features => '{a,b}', n_estimators => 2, model => 'kept')$$, 'a model');
RESET ROLE;

-- ---- each right, to a role and to everyone, and taken back
SELECT lives_ok($$SELECT echolon_grant_model('kept', 'regress_helper', 'own')$$, 'own');
SET LOCAL ROLE regress_helper;
SELECT is(echolon_keep_versions('kept', 3), 0, 'own: what owners may');
RESET ROLE;
SELECT lives_ok($$SELECT echolon_revoke_model('kept', 'regress_helper', 'own')$$, 'own is taken back');
SELECT pg_temp.more(100);
SET LOCAL ROLE regress_helper;
SELECT matches(pg_temp.error_of($$SELECT echolon_keep_versions('kept', 3)$$), '^42501 permission denied for model "kept"', 'no more');
SELECT lives_ok($$SELECT echolon_retrain('kept', promote => true)$$, 'but train is left');
SELECT is(echolon_rollback('kept'), 1, 'and all that goes with it');
RESET ROLE;
SELECT lives_ok($$SELECT echolon_revoke_model('kept', 'regress_helper', 'train')$$, 'train is taken back');
SET LOCAL ROLE regress_helper;
SELECT matches(pg_temp.error_of($$SELECT echolon_retrain('kept')$$), '^42501 permission denied for model "kept"', 'no more');
SELECT is(echolon_version('kept'), 1, 'predict is left');
RESET ROLE;
SELECT lives_ok($$SELECT echolon_revoke_model('kept', 'regress_helper')$$, 'predict is taken back');
SET LOCAL ROLE regress_helper;
SELECT matches(pg_temp.error_of($$SELECT echolon_version('kept')$$), '^42704 model "kept" does not exist', 'nothing is left');
RESET ROLE;
SELECT lives_ok($$SELECT echolon_grant_model('kept', 'public', 'train')$$, 'train for everyone');
SELECT pg_temp.more(100);
SET LOCAL ROLE regress_helper;
SELECT lives_ok($$SELECT echolon_retrain('kept')$$, 'is for everyone');
RESET ROLE;
SELECT lives_ok($$SELECT echolon_revoke_model('kept', 'public', 'predict')$$, 'and taken back from everyone');

-- ---- an owner who goes
SELECT lives_ok($$SELECT echolon_retrain_when('kept', every => '1 microsecond')$$, 'due at any time');
DROP OWNED BY regress_keeper;
DROP ROLE regress_keeper;
SELECT matches(pg_temp.error_of($$SELECT echolon_retrain('kept')$$), '^42704 the owner of model "kept" does not exist .*echolon_reassign_models\(''regress_keeper'', new_role\)', 'nobody can act as who is gone');
SELECT matches(pg_temp.error_of($$SELECT echolon_compare('kept', 1, 2)$$), '^42704 the owner of model "kept" does not exist', 'nor compare');
SET LOCAL client_min_messages = error;
SELECT lives_ok('CALL echolon_retrain_due()', 'the procedure goes on');
SET LOCAL client_min_messages = warning;
SELECT is(pg_temp.last_run('kept'), 'failed 42704 ' || current_user, 'and records it');
SELECT is((SELECT count(*)::int FROM (SELECT echolon_predict('kept', p) FROM points AS p LIMIT 5) AS x), 5, 'a model outlives its owner');
CREATE ROLE regress_keeper;
SET LOCAL ROLE regress_keeper;
SELECT is((SELECT count(*)::int FROM echolon.models), 0, 'another role of the name is another one');
RESET ROLE;
SELECT matches(pg_temp.error_of($$SELECT echolon_retrain('kept')$$), '^42704 the owner of model "kept" does not exist', 'and not the owner');
SELECT is(echolon_reassign_models('regress_keeper', 'regress_heir'), 1, 'given away');
SELECT pg_temp.more(100);
SELECT lives_ok('CALL echolon_retrain_due()', 'it is trained again');
SELECT matches(pg_temp.last_run('kept'), '^(promoted|kept|unchanged) ', 'as somebody');
SELECT is((SELECT trained_by FROM echolon.model_versions WHERE model = 'kept' ORDER BY version DESC LIMIT 1), 'regress_heir', 'the new owner');
REVOKE SELECT ON points FROM regress_heir;
SELECT matches(pg_temp.error_of($$SELECT echolon_retrain('kept')$$), '^42501 permission denied for table points', 'who reads what that role may read, though a superuser calls');
GRANT SELECT ON points TO regress_heir;

-- ---- a view or a policy of a third role runs code as the owner: only the owner may have it read
GRANT CREATE ON SCHEMA public TO regress_helper;
SET LOCAL ROLE regress_helper;
CREATE FUNCTION public.regress_grab(float8) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		EXECUTE 'ALTER ROLE regress_helper SUPERUSER';
	EXCEPTION WHEN insufficient_privilege THEN NULL;
	END;
	RETURN $1;
END $$;
CREATE VIEW public.lent AS SELECT a, b, y FROM public.points;
CREATE TABLE public.policed AS SELECT a, b, y FROM public.points;
RESET ROLE;
SELECT lives_ok($$SELECT echolon_train_rf('lent', 'y', n_estimators => 2, model => 'of_lent')$$, 'a superuser trains on a view of another''s, harmless as yet');
SELECT lives_ok($$SELECT echolon_train_rf('policed', 'y', n_estimators => 2, model => 'of_policed')$$, 'and on a table');
SELECT echolon_grant_model(m, 'regress_helper', 'train') FROM unnest(ARRAY['of_lent', 'of_policed']) AS m;
SET LOCAL ROLE regress_helper;
INSERT INTO policed SELECT a, b + 1, y FROM points;
SELECT lives_ok($$SELECT echolon_retrain('of_policed', promote => true)$$, 'a plain table runs no code');
CREATE OR REPLACE VIEW public.lent AS SELECT public.regress_grab(a) AS a, b, y FROM public.points;
SELECT is(pg_temp.error_of($$SELECT echolon_retrain('of_lent')$$),
	'42501 permission denied to read the relation of model "of_lent" as its owner | Reading public.lent runs code of "regress_helper", which would have the rights of "' || (SELECT owner FROM echolon.models WHERE model = 'of_lent')
	|| '". | The owner of the model or a superuser can do this.', 'a view does');
CREATE POLICY grab ON policed USING (public.regress_grab(a) IS NOT NULL);
ALTER TABLE policed ENABLE ROW LEVEL SECURITY;
ALTER TABLE policed FORCE ROW LEVEL SECURITY;
SELECT matches(pg_temp.error_of(s), '^42501 permission denied to read the relation of model', s) FROM unnest(ARRAY[
	$$SELECT echolon_retrain('of_policed')$$, $$SELECT echolon_compare('of_policed', 1, 2)$$]) AS s;
SET LOCAL client_min_messages = error;
SELECT lives_ok($$CALL echolon_retrain_due('of_lent', force => true)$$, 'the procedure is no way round');
SET LOCAL client_min_messages = warning;
RESET ROLE;
SELECT is(pg_temp.last_run('of_lent'), 'failed 42501 regress_helper', 'and records it');
SELECT is((SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_helper'), false, 'nobody has become a superuser');

-- ---- another relation of the same name: whose it is decides, for the owner and for superusers as well
CREATE ROLE regress_usurper;
CREATE ROLE regress_loader;
GRANT CREATE ON SCHEMA public TO regress_usurper, regress_loader, regress_heir;
GRANT SELECT ON points TO regress_usurper, regress_loader;
CREATE FUNCTION pg_temp.retrain_as(role name, model text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	result := pg_temp.error_of(format('SELECT echolon_retrain(%L)', model));
	RESET ROLE;
	RETURN result;
END $$;
CREATE FUNCTION pg_temp.state(name text) RETURNS text LANGUAGE sql AS $$ SELECT state FROM echolon.models WHERE model = name $$;
SET LOCAL ROLE regress_loader;
CREATE TABLE public.fed AS SELECT a, b, y FROM public.points;
GRANT SELECT ON public.fed TO regress_heir, regress_helper;
SET LOCAL ROLE regress_heir;
SELECT lives_ok($$SELECT echolon_train_rf('fed', 'y', n_estimators => 2, model => 'of_fed')$$, 'a model of a table of another role, which loads it');
SELECT lives_ok($$SELECT echolon_grant_model('of_fed', 'regress_helper', 'train')$$, 'that a third role may train');
SET LOCAL ROLE regress_loader;
DROP TABLE public.fed;
CREATE TABLE public.fed AS SELECT a, b + 1 AS b, y FROM public.points;
GRANT SELECT ON public.fed TO regress_heir, regress_helper;
RESET ROLE;
SELECT is(pg_temp.state('of_fed'), 'ready', 'made again by the role that owned it');
SELECT is(pg_temp.retrain_as('regress_heir', 'of_fed'), 'no error', 'it is read as before');
DROP TABLE public.fed;
SET LOCAL ROLE regress_usurper;
CREATE VIEW public.fed AS SELECT public.regress_grab(a) AS a, b, y FROM public.points;
GRANT SELECT ON public.fed TO regress_heir, regress_helper;
RESET ROLE;
SELECT is(pg_temp.state('of_fed'), 'relation of another role', 'made again by a third role: the state says so');
SELECT is(pg_temp.error_of($$SELECT echolon_retrain('of_fed')$$),
	'42501 the relation of model "of_fed" is not the one it was trained on | public.fed was dropped or renamed since, and the one of that name now is of "regress_usurper".'
	|| ' | If it is to be trusted, train the model on it once as "regress_heir": echolon_train_rf or echolon_train_gb, with model => ''of_fed''.', 'a superuser does not have it read');
SELECT matches(pg_temp.retrain_as(r, 'of_fed'), '^42501 the relation of model "of_fed" is not the one it was trained on', 'nor has ' || r) FROM unnest(ARRAY['regress_heir', 'regress_helper']::name[]) AS r;
SELECT matches(pg_temp.error_of($$SELECT echolon_compare('of_fed', 1, 2)$$), '^42501 the relation of model "of_fed" is not the one', 'comparing reads it neither');
SET LOCAL client_min_messages = error;
SELECT lives_ok($$CALL echolon_retrain_due('of_fed', force => true)$$, 'nor the procedure');
SET LOCAL client_min_messages = warning;
SELECT is(pg_temp.last_run('of_fed'), 'failed 42501 ' || current_user, 'which records it');
SET LOCAL ROLE regress_helper;
SELECT lives_ok($$SELECT echolon_train_rf('fed', 'y', n_estimators => 2, model => 'of_fed')$$, 'who may train reads it for themselves');
RESET ROLE;
SELECT is(pg_temp.state('of_fed'), 'relation of another role', 'and decides nothing for the owner');
SET LOCAL ROLE regress_heir;
SELECT lives_ok($$SELECT echolon_train_rf('fed', 'y', n_estimators => 3, model => 'of_fed')$$, 'the owner trains on it once');
RESET ROLE;
SELECT is(pg_temp.state('of_fed'), 'ready', 'and so says that it is the one');
SELECT is(pg_temp.retrain_as('regress_heir', 'of_fed'), 'no error', 'from then on');
SELECT matches(pg_temp.retrain_as('regress_helper', 'of_fed'), '^42501 permission denied to read the relation of model', 'though not at the will of those who may train: it runs code');
-- made in its place by the owner, or by a superuser
DROP VIEW public.fed;
SET LOCAL ROLE regress_heir;
CREATE VIEW public.fed AS SELECT a, b + 2 AS b, y FROM public.points;
RESET ROLE;
SELECT is(pg_temp.retrain_as('regress_helper', 'of_fed'), 'no error', 'the owner''s own is the owner''s');
ALTER VIEW public.fed RENAME TO fed_before;
CREATE VIEW public.fed AS SELECT a, b + 3 AS b, y FROM public.points;
GRANT SELECT ON public.fed TO regress_heir;
SELECT is(pg_temp.retrain_as('regress_helper', 'of_fed'), 'no error', 'and a superuser''s is trusted');
-- a restored store was stamped elsewhere: the name decides until it is written again
UPDATE echolon.model_store SET relation_stamp = '1' || relation_stamp, relation_owner_stamp = '1' || relation_owner_stamp WHERE model = 'of_fed';
DROP VIEW public.fed;
SET LOCAL ROLE regress_usurper;
CREATE TABLE public.fed AS SELECT a, b + 4 AS b, y FROM public.points;
GRANT SELECT ON public.fed TO regress_heir;
RESET ROLE;
SELECT is(pg_temp.state('of_fed'), 'ready', 'stamped elsewhere');
SELECT is(pg_temp.retrain_as('regress_heir', 'of_fed'), 'no error', 'the name decides');
SELECT is((SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_helper'), false, 'nobody has become a superuser');

-- ---- a relation that changes: the state says so before anything fails
SELECT is((SELECT state FROM echolon.models WHERE model = 'kept'), 'ready', 'ready');
ALTER TABLE points RENAME COLUMN b TO c;
SELECT is((SELECT state FROM echolon.models WHERE model = 'kept'), 'column missing: b', 'a column renamed');
ALTER TABLE points RENAME COLUMN c TO b;
ALTER TABLE points RENAME COLUMN y TO z;
SELECT is((SELECT state FROM echolon.models WHERE model = 'kept'), 'column missing: y', 'the target renamed');
ALTER TABLE points RENAME TO elsewhere;
SELECT is((SELECT state FROM echolon.models WHERE model = 'kept'), 'relation missing', 'a relation renamed');

SELECT * FROM finish();
ROLLBACK;

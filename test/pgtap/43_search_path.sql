-- Whatever a role puts before pg_catalog in its search_path never runs as somebody else: operators and functions of the names that
-- Echolon's own statements could mean, called while it writes its tables, as their owner.
\ir setup.psql
SELECT * FROM no_plan();

CREATE ROLE regress_pathfinder;
CREATE SCHEMA regress_before AUTHORIZATION regress_pathfinder;
SET LOCAL ROLE regress_pathfinder;
CREATE FUNCTION regress_before.look() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	IF current_user <> 'regress_pathfinder' THEN
		RAISE EXCEPTION 'it runs as %', current_user;
	END IF;
END $$;
-- comparisons and arithmetic of the types that the tables have; each is right but for the look
DO $$
DECLARE
	t text;
	o text;
	n int := 0;
BEGIN
	FOREACH t IN ARRAY ARRAY['int4', 'int8', 'float8', 'text', 'timestamptz', 'bool', 'bytea', 'interval', 'name', 'regclass', 'oid', 'jsonb'] LOOP
		FOREACH o IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>='] LOOP
			n := n + 1;
			CONTINUE WHEN NOT EXISTS (SELECT FROM pg_operator WHERE oprname = o AND oprleft = t::regtype AND oprright = t::regtype AND oprnamespace = 'pg_catalog'::regnamespace);
			EXECUTE format('CREATE FUNCTION regress_before.f%s(%s, %2$s) RETURNS bool LANGUAGE plpgsql SET search_path = pg_catalog AS $f$ BEGIN PERFORM regress_before.look(); RETURN $1 %s $2; END $f$', n, t, o);
			EXECUTE format('CREATE OPERATOR regress_before.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = regress_before.f%s)', o, t, n);
		END LOOP;
	END LOOP;
	FOREACH t IN ARRAY ARRAY['int4', 'int8'] LOOP
		n := n + 1;
		EXECUTE format('CREATE FUNCTION regress_before.f%s(%s, %2$s) RETURNS %2$s LANGUAGE plpgsql SET search_path = pg_catalog AS $f$ BEGIN PERFORM regress_before.look(); RETURN $1 + $2; END $f$', n, t);
		EXECUTE format('CREATE OPERATOR regress_before.+ (LEFTARG = %s, RIGHTARG = %1$s, FUNCTION = regress_before.f%s)', t, n);
	END LOOP;
END $$;
CREATE FUNCTION regress_before.now() RETURNS timestamptz LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN PERFORM regress_before.look(); RETURN now(); END $$;
CREATE FUNCTION regress_before.split_part(text, text, int) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN PERFORM regress_before.look(); RETURN split_part($1, $2, $3); END $$;
CREATE TABLE regress_before.points AS SELECT *, date '2024-01-01' + id AS day FROM pg_temp.rows(600);
CREATE VIEW regress_before.lately AS SELECT * FROM regress_before.points WHERE id % 2 OPERATOR(pg_catalog.=) 0;

SET LOCAL search_path = regress_before, pg_catalog, public;
SELECT matches(pg_temp.error_of(format('SET LOCAL ROLE %I; SELECT 1.0::float8 = 2', session_user)), 'it runs as', 'they do come before');
SELECT public.is(pg_temp.error_of(s), 'no error', s) FROM unnest(ARRAY[
	$$SELECT public.echolon_train_rf('points', 'y', features => '{a,b,colour}', n_estimators => 2, model => 'path')$$,
	$$SELECT public.echolon_train_gb('points', 'label', features => '{a,b,colour}', n_estimators => 2, model => 'path_classes')$$,
	$$SELECT public.echolon_monitor('path')$$,
	$$SELECT public.echolon_monitor('path', 'lately')$$,
	$$SELECT public.echolon_monitor('path_classes', 'lately')$$,
	$$SELECT public.echolon_log_predictions('path', 'points', 'id')$$,
	$$SELECT public.echolon_log_predictions('path_classes', 'points', 'id', sample_fraction => 0.5)$$,
	$$SELECT public.echolon_retrain_when('path', every_rows => 1, drift_above => 0.1, error_above => 0.1, every => '1 day')$$,
	$$INSERT INTO regress_before.points SELECT id + 1000, a + 0.1, b, colour, y, label, day FROM regress_before.points WHERE id < 100$$,
	$$SELECT public.echolon_retrain('path', promote => true)$$,
	$$CALL public.echolon_retrain_due('path', force => true)$$,
	$$SELECT public.echolon_update('path_classes', 'points', n_estimators => 2)$$,
	$$SELECT public.echolon_compare('path', 1, 2)$$,
	$$SELECT public.echolon_activate('path', 1)$$,
	$$SELECT public.echolon_set_alias('path', 'first', 1)$$,
	$$SELECT public.echolon_drop_alias('path', 'first')$$,
	$$SELECT public.echolon_add_note('path', 1, 'x')$$,
	$$SELECT public.echolon_keep_versions('path', 1)$$,
	$$SELECT public.echolon_grant_model('path', 'public')$$,
	$$SELECT public.echolon_revoke_model('path', 'public')$$,
	$$SELECT public.echolon_import_model('path_again', public.echolon_export_model('path'))$$,
	$$SELECT public.echolon_create_features('path_set', 'points', date_column => 'day')$$,
	$$SELECT public.echolon_refresh_features('path_set')$$,
	$$SELECT public.echolon_drop_features('path_set')$$,
	$$SELECT public.echolon_preprocess('path_clean', 'points', target => 'y')$$,
	$$SELECT public.echolon_load_csv('path_loaded', content => E'a,b\n1,2\n3,4\n')$$,
	$$SELECT public.echolon_prune_monitoring('path', '0')$$,
	$$SELECT public.echolon_prune_predictions('path', '0')$$,
	$$SELECT count(*) FROM echolon.model_health, echolon.monitoring, echolon.predictions_log, echolon.training_runs$$,
	$$SELECT public.echolon_drop_model('path')$$]) AS s;
SELECT public.is(current_setting('search_path'), 'regress_before, pg_catalog, public', 'and the path is what it was');

SELECT * FROM public.finish();
ROLLBACK;

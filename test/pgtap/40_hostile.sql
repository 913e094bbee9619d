-- What an attacker, or bad luck, may bring: an error of a sentence, never a crash and never a wrong answer.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE points AS SELECT * FROM pg_temp.rows(400);

-- ---- recipes that came with a model: whoever exports may write anything into them

SELECT lives_ok($$SELECT echolon_train_rf('points', 'y', exclude => '{id}', n_estimators => 3, max_depth => 3, model => 'forest')$$, 'a forest');
SELECT lives_ok($$SELECT echolon_train_gb('points', 'colour', exclude => '{id}', n_estimators => 3, max_depth => 2, model => 'classes')$$, 'and a model of classes');
CREATE FUNCTION pg_temp.forge(name text, parameter text, value jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	UPDATE echolon.version_store v SET recipe = jsonb_set(recipe, ARRAY['parameters', parameter], value)
	FROM echolon.model_store m WHERE m.id = v.model_id AND m.model = name;
	result := pg_temp.error_of(format('SELECT echolon_update(%L, ''points'', activate => false)', name));
	RAISE EXCEPTION SQLSTATE 'ROLLB' USING MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'ROLLB' THEN
	RETURN SQLERRM;
END
$$;
-- all that have a default, and those that have none
SELECT is(pg_temp.forge(m, p.parameter, 'null'), 'no error', format('%s: %s is null', m, p.parameter))
FROM unnest('{forest,classes}'::text[]) AS m,
	LATERAL echolon_parameters(CASE m WHEN 'forest' THEN 'echolon_train_rf' ELSE 'echolon_train_gb' END) AS p
WHERE p.parameter NOT IN ('relation', 'target', 'model');
SELECT matches(pg_temp.forge('forest', 'class_weight', w), 'parameter "class_weight" needs a classification', format('weights of classes of a number: %s', w))
FROM unnest('{"\"balanced\"","\"{}\"","\"{\\\"a\\\": 1}\"","\"x\""}'::jsonb[]) AS w;
SELECT matches(pg_temp.forge(m, 'threshold', '"f1"'), 'needs a target of two classes', 'a threshold to be searched without two classes: ' || m)
FROM unnest('{forest,classes}'::text[]) AS m;

-- ---- what is said runs, and is true

SELECT lives_ok($$SELECT echolon_import_model('nowhere', echolon_export_model('forest'))$$, 'a model of which no relation is known');
SELECT is((SELECT sentence FROM echolon_report('nowhere') WHERE topic = 'model'), 'nowhere version 1 predicts "y" (a number) from 4 columns, by a random forest of 3 trees.', 'its report speaks of none');
SELECT is((SELECT sentence FROM echolon_report('nowhere') WHERE topic = 'use'), 'SELECT t.*, echolon_predict(''nowhere'', t) FROM relation AS t;', 'and says where to put one');

CREATE FUNCTION pg_temp.load_note(style text, second text, first text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('datestyle', style, true);
	SELECT array_to_string(notes, '; ') INTO result FROM echolon_load_csv('noted', content => E'd\n' || first || E'\n' || second || E'\n');
	DROP TABLE noted;
	RETURN result;
END
$$;
SELECT is(pg_temp.load_note('ISO, MDY', '2024-01-01 10:00:00', '2024-01-01T10:00:00Z'), '', 'a time without an offset among others is no matter of DateStyle');
SELECT is(pg_temp.load_note('ISO, MDY', '2024-01-01 10:00:00+01', '2024-01-01T10:00:00'), '', 'nor is one with an offset');
SELECT is(pg_temp.load_note('ISO, DMY', 'Jan 5 2024 10:00 Europe/Paris', '2024-01-01'), '', 'in words');
SELECT matches(pg_temp.load_note('ISO, MDY', '31/12/2024', '01/02/2024'), 'SET datestyle = ''ISO, DMY'' reads it', 'but this is');

SELECT * FROM finish();
ROLLBACK;

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

SELECT * FROM finish();
ROLLBACK;

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

-- ---- records that are no JSON: damage that says so

-- CRC-32C (docs/model-format.md), as one who forges bytes would set it
CREATE FUNCTION pg_temp.seal(bytes bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	crc bigint := x'FFFFFFFF'::bigint;
BEGIN
	bytes := overlay(bytes PLACING '\x00000000'::bytea FROM 13);
	FOR i IN 0 .. octet_length(bytes) - 1 LOOP
		crc := crc # get_byte(bytes, i);
		FOR k IN 1 .. 8 LOOP
			crc := (crc >> 1) # (CASE WHEN crc & 1 = 1 THEN x'82F63B78'::bigint ELSE 0 END);
		END LOOP;
	END LOOP;
	crc := crc # x'FFFFFFFF'::bigint;
	FOR k IN 0 .. 3 LOOP
		bytes := set_byte(bytes, 12 + k, ((crc >> (8 * k)) & 255)::int);
	END LOOP;
	RETURN bytes;
END
$$;
CREATE TEMP TABLE export AS SELECT echolon_export_model('forest', with_record => true) AS bytes;
SELECT is(pg_temp.seal(bytes), bytes, 'the checksum is the one that is documented') FROM export;
SELECT is(pg_temp.error_of(format('SELECT echolon_import_model(''forged'', %L::bytea)', pg_temp.seal(overlay(bytes PLACING damage::bytea FROM 49)))),
	'XX001 the bytes are not a model that can be used | The record of the export is damaged: "record" is not JSON. | Pass what echolon_export_model returned.', format('a record that begins with %s', damage))
FROM export, unnest(ARRAY['x', '[1,', '{"a": "', '{\\']) AS damage;

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

CREATE TABLE texts AS SELECT i AS id, CASE WHEN i % 20 = 0 THEN 'bad ''' || i ELSE (i % 50)::text END AS many, CASE WHEN i % 20 = 0 THEN repeat('long ', 20) ELSE i % 40 || '.5' END AS long,
	CASE WHEN i % 10 = 0 THEN 'n/a' ELSE ' -' || i % 30 || '.e1 ' END AS few, CASE WHEN i % 30 = 0 THEN ' PARIS' ELSE 'Paris' END AS city, '2024-01-' || 1 + i % 28 AS day,
	CASE WHEN i % 2 = 0 THEN 'Infinity'::float8 ELSE 1 END AS half, i % 5 AS y FROM generate_series(1, 1000) AS i;
CREATE VIEW seen AS SELECT * FROM texts;
CREATE MATERIALIZED VIEW stored AS SELECT * FROM texts;
CREATE TABLE hints AS SELECT r.relation, v.* FROM unnest('{texts,seen,stored}'::regclass[]) AS r (relation), LATERAL echolon_validate(r.relation, 'y') AS v;
SELECT is(array_agg(column_name::text ORDER BY column_name), '{few,long,many}', 'numbers as text are found') FROM hints WHERE relation = 'texts'::regclass AND rule = 'numbers_as_text';
SELECT is((SELECT count(*)::int FROM hints WHERE rule = 'constant'), 0, 'a column of a number and infinity is not constant');
DROP VIEW seen;
DROP MATERIALIZED VIEW stored;
SELECT is(pg_temp.error_of(hint), 'no error', hint) FROM hints WHERE relation::text = 'texts' AND hint ~ '^(UPDATE|ALTER)';
SELECT is((SELECT array_agg(format_type(atttypid, atttypmod) ORDER BY attname) FROM pg_attribute WHERE attrelid = 'texts'::regclass AND attname IN ('few', 'long', 'many', 'day')), '{date,numeric,numeric,text}', 'and mended, but for a column of many different texts, which is to be looked at');
SELECT is((SELECT (count(many), count(long), count(few), sum(few))::text FROM texts), (SELECT (1000, 950, 900, -10 * sum(i % 30))::text FROM generate_series(1, 1000) AS i WHERE i % 10 <> 0), 'losing nothing but what is no number');
SELECT is((SELECT count(*)::int FROM hints WHERE relation::text <> 'texts' AND hint ~ '^(UPDATE|ALTER)'), 0, 'nobody is told to alter a view');

-- ---- a file of which every second row is there already: the work, and what it leaves behind, is that of few rows a bad one

CREATE TABLE unique_rows (a int PRIMARY KEY);
SELECT is((SELECT (rows_loaded, rows_refused)::text FROM echolon_load_csv('unique_rows', content => (SELECT E'a\n' || string_agg((i / 2)::text, E'\n' ORDER BY i) FROM generate_series(0, 7999) AS i), max_errors => 100000)), '(4000,4000)', 'every second row is refused');
SELECT is((SELECT (count(*), min(line), max(line), count(DISTINCT line % 2))::text FROM echolon.load_errors WHERE table_name = 'public.unique_rows'), '(4000,3,8001,1)', 'by its line');
SELECT cmp_ok(pg_relation_size('unique_rows'), '<', 2000000::bigint, 'rows are not copied a thousand times to be taken back');
SELECT is((SELECT (count(*), min(a), max(a))::text FROM unique_rows), '(4000,0,3999)', 'the others are there');

SELECT * FROM finish();
ROLLBACK;

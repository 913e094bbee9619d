-- Models exported, imported and written as JSON: what comes in predicts what went out, bit for bit; a scorer in
-- PL/pgSQL that knows docs/model-json.md alone agrees with echolon_predict; and bytes that are something else
-- are refused with a message that says what they are.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE goods AS SELECT id, a, CASE WHEN id % 9 <> 0 THEN b END AS b, CASE WHEN id % 11 <> 0 THEN colour END AS colour, y, label,
	date '2023-01-01' + id % 500 AS day, timestamptz '2023-01-01 00:00+00' + id * interval '7 hours' AS at,
	(ARRAY['low', 'middle', 'high'])[1 + least(2, floor(a / 4)::int)] AS kind, 'town ' || id % 23 AS town,
	round(abs(a))::int AS events
FROM pg_temp.rows(600);
INSERT INTO goods SELECT id + 1000, NULL, NULL, 'violet', y, label, NULL, NULL, kind, NULL, events FROM goods WHERE id <= 20;
SET timezone = 'Europe/Paris';
CREATE TEMP TABLE models (model text PRIMARY KEY, kind text);
DO $$
DECLARE
	f name[] := '{a,b,colour,day,at,town}';
BEGIN
	PERFORM echolon_train_rf('goods', 'y', features => f, model => 'forest', n_estimators => 5, max_depth => 6);
	PERFORM echolon_train_rf('goods', 'y', features => f, model => 'encoded', n_estimators => 3, encode => 'target', max_depth => 6);
	PERFORM echolon_train_rf('goods', 'label', features => f, model => 'two', n_estimators => 5, max_depth => 6, threshold => 'f1');
	PERFORM echolon_train_rf('goods', 'kind', features => f, model => 'three', n_estimators => 5, max_depth => 4);
	PERFORM echolon_train_gb('goods', 'y', features => f, model => 'boosted', n_estimators => 10);
	PERFORM echolon_train_gb('goods', 'events', features => f, model => 'counts', n_estimators => 10, loss => 'poisson', task => 'regression');
	PERFORM echolon_train_gb('goods', 'label', features => f, model => 'logistic', n_estimators => 10);
	PERFORM echolon_train_gb('goods', 'kind', features => f, model => 'softmax', n_estimators => 5, encode => 'target', sample_weight => 'events');
	PERFORM echolon_train_gb('goods', 'y', features => f, model => 'treated', n_estimators => 5, impute => 'median', outliers => 'clip', scale => 'robust');
	PERFORM echolon_train_gb('goods', 'y', features => f, model => 'grouped', n_estimators => 5, group_by => '{colour}');
	PERFORM echolon_train_rf('goods', 'kind', features => f, model => 'grouped_classes', n_estimators => 3, max_depth => 4, group_by => '{colour}', encode => 'target', impute => 'mean', scale => 'standard');
END $$;
INSERT INTO models SELECT model, task FROM echolon.models;

-- ---- a scorer in PL/pgSQL, of docs/model-json.md
CREATE FUNCTION pg_temp.feature_value(feature jsonb, col jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	v text := input ->> (col ->> 'name');
	t timestamp;
	n float8;
	place int;
BEGIN
	IF col ->> 'kind' = 'category' THEN
		v := coalesce(v, col ->> 'fill');
		SELECT ord - 1 INTO place FROM jsonb_array_elements_text(col -> 'categories') WITH ORDINALITY AS c(name, ord) WHERE name = v;
		IF feature ->> 'part' = 'target_mean' THEN
			RETURN CASE WHEN v IS NULL THEN feature -> 'mean_missing' WHEN place IS NULL THEN feature -> 'mean_unknown' ELSE feature -> 'means' -> place END;
		END IF;
		RETURN CASE WHEN v IS NULL THEN NULL WHEN place IS NULL AND (col ->> 'last_is_other')::boolean THEN col -> 'categories' -> -1 ELSE to_jsonb(v) END;
	END IF;
	IF col ->> 'kind' = 'number' THEN
		n := coalesce(least(greatest(v::float8, (col ->> 'clip_low')::float8), (col ->> 'clip_high')::float8), (col ->> 'fill')::float8);
		IF v IS NULL THEN
			n := (col ->> 'fill')::float8;
		END IF;
		RETURN to_jsonb(CASE WHEN col ? 'scale' THEN (n - (col ->> 'center')::float8) / (col ->> 'width')::float8 ELSE n END);
	ELSIF v IS NULL AND col ? 'fill' THEN
		v := CASE col ->> 'kind' WHEN 'date' THEN (date '2000-01-01' + (col ->> 'fill')::int)::text
			ELSE (timestamptz '2000-01-01 00:00+00' + (col ->> 'fill')::float8 * interval '1 microsecond')::text END;
	ELSIF v IS NULL THEN
		RETURN NULL;
	END IF;
	t := CASE WHEN col ->> 'kind' = 'timestamptz' THEN v::timestamptz AT TIME ZONE (col ->> 'time_zone') ELSE v::timestamp END;
	RETURN to_jsonb(CASE feature ->> 'part' WHEN 'year' THEN extract(year FROM t) WHEN 'month' THEN extract(month FROM t)
		WHEN 'day' THEN extract(day FROM t) WHEN 'day_of_week' THEN extract(isodow FROM t) - 1
		WHEN 'day_of_year' THEN extract(doy FROM t) WHEN 'hour' THEN extract(hour FROM t) END);
END $$;

CREATE FUNCTION pg_temp.leaf(nodes jsonb, x jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	node jsonb := nodes -> 0;
	v jsonb;
	missing_left boolean;
	goes_left boolean;
BEGIN
	WHILE node ? 'feature' LOOP
		v := x -> (node ->> 'feature');
		missing_left := node ->> 'missing' = 'left';
		IF v IS NULL OR v = 'null' THEN
			goes_left := missing_left;
		ELSIF node ? 'threshold' THEN
			goes_left := (v #>> '{}')::float8 <= (node ->> 'threshold')::float8;
		ELSE	-- the categories that are listed go against missing
			goes_left := (node -> 'categories' @> v) <> missing_left;
		END IF;
		node := nodes -> (node ->> CASE WHEN goes_left THEN 'left' ELSE 'right' END)::int;
	END LOOP;
	RETURN node -> 'value';
END $$;

-- The model of the row's group in the place of the model; without one the model.
CREATE FUNCTION pg_temp.of_group(m jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT coalesce((SELECT m || CASE WHEN g ? 'base' THEN jsonb_build_object('base', g -> 'base') ELSE '{}' END || jsonb_build_object('trees', g -> 'trees',
			'columns', (SELECT jsonb_agg((c - '{clip_low,clip_high,impute,fill,scale,center,width}'::text[]) || own) FROM jsonb_array_elements(m -> 'columns') AS c, jsonb_array_elements(g -> 'columns') AS own WHERE own -> 'name' = c -> 'name'),
			'features', (SELECT jsonb_agg(f || own) FROM jsonb_array_elements(m -> 'features') AS f, jsonb_array_elements(g -> 'features') AS own WHERE own -> 'name' = f -> 'name'))
		FROM jsonb_array_elements(m #> '{groups,models}') AS g
		WHERE g -> 'key' = (SELECT jsonb_agg(input -> name ORDER BY ord) FROM jsonb_array_elements_text(m #> '{groups,columns}') WITH ORDINALITY AS c(name, ord))), m)
$$;

-- The value of a regression, or the probabilities in the order of the labels.
CREATE FUNCTION pg_temp.score(m jsonb, input jsonb) RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
	x jsonb := '{}';
	f jsonb;
	tree jsonb;
	value jsonb;
	width int := CASE WHEN jsonb_typeof(m #> '{trees,0,nodes,-1,value}') = 'array' THEN jsonb_array_length(m -> 'labels') ELSE (m ->> 'scores')::int END;
	sums float8[];
	total float8;
BEGIN
	SELECT coalesce(array_agg(b::float8 ORDER BY ord), array_fill(0::float8, ARRAY[width])) INTO sums
	FROM jsonb_array_elements_text(m -> 'base') WITH ORDINALITY AS e(b, ord);
	FOR f IN SELECT jsonb_array_elements(m -> 'features') LOOP
		x := x || jsonb_build_object(f ->> 'name', pg_temp.feature_value(f,
			(SELECT c FROM jsonb_array_elements(m -> 'columns') AS c WHERE c -> 'name' = f -> 'column'), input));
	END LOOP;
	FOR tree IN SELECT jsonb_array_elements(m -> 'trees') LOOP
		value := pg_temp.leaf(tree -> 'nodes', x);
		IF jsonb_typeof(value) = 'array' THEN
			FOR k IN 1 .. width LOOP
				sums[k] := sums[k] + (value ->> k - 1)::float8;
			END LOOP;
		ELSE
			sums[coalesce((tree ->> 'score')::int, 0) + 1] := sums[coalesce((tree ->> 'score')::int, 0) + 1] + (value #>> '{}')::float8;
		END IF;
	END LOOP;
	IF m ->> 'combine' = 'mean' THEN
		SELECT array_agg(s / jsonb_array_length(m -> 'trees') ORDER BY ord) INTO sums FROM unnest(sums) WITH ORDINALITY AS u(s, ord);
		RETURN CASE WHEN m ->> 'task' = 'classification' AND width = 1 THEN ARRAY[1 - sums[1], sums[1]] ELSE sums END;
	END IF;
	CASE m ->> 'link'
		WHEN 'identity' THEN RETURN sums;
		WHEN 'log' THEN RETURN ARRAY[exp(sums[1])];
		WHEN 'logistic' THEN RETURN ARRAY[1 - 1 / (1 + exp(-sums[1])), 1 / (1 + exp(-sums[1]))];
		WHEN 'softmax' THEN
			SELECT sum(exp(s)) INTO total FROM unnest(sums) AS s;
			RETURN (SELECT array_agg(exp(s) / total ORDER BY ord) FROM unnest(sums) WITH ORDINALITY AS u(s, ord));
	END CASE;
END $$;

CREATE FUNCTION pg_temp.predicted(model text, g goods) RETURNS float8[] LANGUAGE sql AS $$
	SELECT CASE WHEN m.kind = 'regression' THEN ARRAY[echolon_predict($1, g)]
		ELSE (SELECT array_agg(p.v::float8 ORDER BY ord) FROM jsonb_array_elements_text(echolon_model_to_json($1) -> 'labels') WITH ORDINALITY AS l(name, ord)
			  JOIN jsonb_each_text(echolon_predict_proba($1, g)) AS p(k, v) ON p.k = l.name) END
	FROM models AS m WHERE m.model = $1
$$;
CREATE TEMP TABLE documents AS SELECT model, echolon_model_to_json(model) AS m FROM models;
SELECT ok(max(abs(pair.scored - pair.v) / greatest(1, abs(pair.v))) < 1e-12 AND count(*) >= 60, model || ': a scorer of the JSON predicts what the model does')
FROM documents AS d, goods AS g, unnest(pg_temp.score(pg_temp.of_group(d.m, to_jsonb(g)), to_jsonb(g)), pg_temp.predicted(d.model, g)) AS pair(scored, v)
WHERE g.id % 12 = 0 OR g.id > 1008 GROUP BY model ORDER BY model;

SELECT ok(jsonb_array_length(m #> '{groups,models}') >= 2, model || ' has models of groups'), is(m -> 'format_version', '2', 'which is version 2 of the format') FROM documents WHERE model LIKE 'grouped%' ORDER BY model;
SELECT is(m -> 'format_version', '1', model || ' is version 1') FROM documents WHERE model NOT LIKE 'grouped%' ORDER BY model;
SELECT is(m ->> 'format', 'echolon-model', 'the document says what it is') FROM documents WHERE model = 'two';
SELECT is(m -> 'threshold', to_jsonb((SELECT (r ->> 'threshold')::numeric FROM (SELECT m AS r FROM documents WHERE model = 'two') AS x)), 'a threshold of two classes is in it'),
	is(m ->> 'positive_class', 'yes', 'and the positive class') FROM documents WHERE model = 'two';
SELECT is((SELECT sum(jsonb_array_length(t -> 'nodes')) FROM jsonb_array_elements(m -> 'trees') AS t), 10 + 2 * sum((f ->> 'splits')::int), 'boosting: nodes are leaves and splits, and the splits are those of the features')
FROM documents, jsonb_array_elements(m -> 'features') AS f WHERE model = 'boosted' GROUP BY m;
SELECT is((m #>> '{trees,0,nodes,0,cover}')::float8, (SELECT rows_used FROM echolon.models WHERE model = 'boosted') - (SELECT count(*) FROM echolon_residuals('boosted'))::float8, 'the cover of a root is the rows it was fitted to')
FROM documents WHERE model = 'boosted';
SELECT is(pg_temp.error_of($$SELECT echolon_model_to_json('boosted', 9)$$), '42704 model "boosted" has no version 9 | Its last version is 1. | SELECT * FROM echolon.model_versions WHERE model = ''boosted'' lists them.', 'a version that is not there');
SELECT ok(echolon_train_rf('goods', 'y', features => '{a,b}', model => 'large', n_estimators => 30) IS NOT NULL, 'trained');
SET LOCAL echolon.max_memory = '1MB';
SELECT matches(pg_temp.error_of($$SELECT echolon_model_to_json('large')$$), '^54000 version 1 of model "large" needs up to .* MB to be made a jsonb, echolon.max_memory allows 1 MB \| It has \d+ nodes in 30 trees\. \| .*n_estimators', 'what does not fit into memory says how many nodes it has');
RESET echolon.max_memory;

-- ---- out and in again: the same predictions to the last bit, with what is known of the training
CREATE FUNCTION pg_temp.everything(m text) RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(pg_temp.predicted(m, g)::text, ',' ORDER BY id)) FROM goods AS g
$$;
SET LOCAL extra_float_digits = 1;
CREATE TEMP TABLE before AS
SELECT model, pg_temp.everything(model) AS predictions, echolon_export_model(model) AS bare, echolon_export_model(model, with_record => true) AS whole,
	(SELECT jsonb_agg(x) FROM echolon_metrics(model) AS x) AS metrics, (SELECT jsonb_agg(x) FROM echolon_learning_curve(model) AS x) AS curve,
	(SELECT to_jsonb(v) - '{trained_at,notes,active,activated_at}'::text[] FROM echolon.model_versions AS v WHERE v.model = models.model) AS version
FROM models;
SELECT isnt(bare, whole, model || ': bytes, and bytes with the record') FROM before ORDER BY model;
SELECT is(pg_temp.everything(model), predictions, model || ': predict_model takes both, like the store')
FROM before WHERE model = 'forest';
SELECT is(md5(string_agg(echolon_predict_model(whole, g)::text, ',' ORDER BY id)), md5(string_agg(echolon_predict('boosted', g)::text, ',' ORDER BY id)), 'echolon_predict_model takes an export with its record')
FROM goods AS g, before WHERE model = 'boosted';
CREATE TEMP TABLE groups_before AS SELECT g::text FROM echolon_group_metrics('grouped') AS g;
SELECT is(echolon_drop_model(model), 1, model || ': dropped') FROM models ORDER BY model;
SELECT is((i).version, 1, model || ': imported') FROM before, LATERAL (SELECT echolon_import_model(model, whole, relation => 'goods') AS i OFFSET 0) AS x ORDER BY model;
SELECT is(pg_temp.everything(model), predictions, model || ': predicts what it did, to the last bit') FROM before ORDER BY model;
SELECT is((SELECT jsonb_agg(x) FROM echolon_metrics(model) AS x), metrics, model || ': metrics came with it'),
	is((SELECT jsonb_agg(x) FROM echolon_learning_curve(model) AS x), curve, model || ': so did the learning curve'),
	is((SELECT to_jsonb(v) - '{trained_at,notes,active,activated_at}'::text[] FROM echolon.model_versions AS v WHERE v.model = before.model), version, model || ': and everything else of the version')
FROM before ORDER BY model;
SELECT is(echolon_export_model(model), bare, model || ': its bytes are the same') FROM before ORDER BY model;
SELECT bag_eq('SELECT * FROM groups_before', $$SELECT g::text FROM echolon_group_metrics('grouped') AS g$$, 'the scores of groups came with it');
SELECT ok((SELECT count(*) FROM groups_before) >= 2, 'which are of several groups');
SELECT ok((SELECT count(*) FROM echolon_confusion_matrix('three')) = 9, 'the held-out sample came with it');
SELECT is(state, 'ready', 'with a relation, an imported model is ready'), is(relation, current_schema || '.goods', 'and has that relation') FROM echolon.models WHERE model = 'two';
SELECT is(v.notes[1], 'imported: its scores were measured where it was trained', 'a note says so') FROM echolon.model_versions AS v WHERE model = 'two';

-- a training of the same name is the next version
SELECT is((echolon_train_rf('goods', 'y', features => '{a,b}', model => 'forest', n_estimators => 3)).version, 2, 'a training goes on with it');
-- and an import too
SELECT is(i.version, 3, 'an import is the next version'), ok(i.active, 'and active'), is(i.exported_as, 'forest version 1', 'and says what it was')
FROM before, echolon_import_model('forest', whole) AS i WHERE before.model = 'forest';
SELECT is(i.version, 4, 'or stands beside it'), ok(NOT i.active, 'where that is wanted') FROM before, echolon_import_model('forest', bare, activate => false) AS i WHERE before.model = 'forest';
SELECT is(version, 3, 'the active version stays') FROM echolon.models WHERE model = 'forest';
SELECT is(relation, current_schema || '.goods', 'and so does the relation') FROM echolon.models WHERE model = 'forest';

-- bare bytes: a model without a past, bound to no relation
SELECT is(i.version, 1, 'bare bytes are a model'), is(i.metric, NULL, 'nothing is known of its scores'), is(i.exported_as, NULL, 'nor what it was called')
FROM before, echolon_import_model('bare', bare) AS i WHERE before.model = 'boosted';
SELECT is(state, 'imported, no relation', 'its state says so'), is(relation, NULL, 'it has none'), is(rows_used, NULL, 'nor rows') FROM echolon.models WHERE model = 'bare';
SELECT is((SELECT count(*) FROM echolon_metrics('bare')), 0::bigint, 'no metrics');
SELECT is((SELECT count(*) FROM echolon_evaluate('bare', 'goods') WHERE metric = 'r2' AND value > 0.5), 1::bigint, 'it can be measured');
SELECT matches(pg_temp.error_of($$SELECT * FROM echolon_residuals('bare')$$), '^55000 version 1 of model "bare" has no held-out rows', 'no sample');
SELECT is((echolon_train_gb('goods', 'y', features => '{a,b}', model => 'bare', n_estimators => 3)).version, 2, 'a training gives it a relation');
SELECT is(relation, current_schema || '.goods', 'which it keeps') FROM echolon.models WHERE model = 'bare';
CREATE TABLE others AS SELECT * FROM goods;
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('others', 'y', model => 'bare')$$), '^42710 a model named "bare" exists already for another relation', 'from then on it is that one''s');

-- ---- refused
SELECT matches(pg_temp.error_of($$SELECT echolon_import_model('three', (SELECT bare FROM before WHERE model = 'two'))$$), '^42710 a model named "three" exists already for another target', 'another target');
CREATE TABLE fewer AS SELECT a, b, kind FROM goods WHERE kind <> 'middle';
SELECT ok(echolon_train_rf('fewer', 'kind', model => 'fewer', n_estimators => 3) IS NOT NULL, 'trained');
SELECT matches(pg_temp.error_of($$SELECT echolon_import_model('three', echolon_export_model('fewer'))$$), '^55000 model "three" has other classes than the one to be imported \| Class 3 is ''middle'' in the first, and none in the second', 'other classes');
CREATE TABLE numbered AS SELECT a, b, a * b AS kind FROM goods;
SELECT ok(echolon_train_rf('numbered', 'kind', model => 'numbered', n_estimators => 3) IS NOT NULL, 'trained');
SELECT matches(pg_temp.error_of($$SELECT echolon_import_model('three', echolon_export_model('numbered'))$$), '^42809 model "three" is for classification, not regression', 'another task');
SELECT matches(pg_temp.error_of($$SELECT echolon_import_model(NULL, '\x')$$), '^22004 parameter "model" must not be null', 'no name');
SELECT matches(pg_temp.error_of($$SELECT echolon_import_model('')$$), '^22023 there is nothing to import', 'no bytes');
SELECT matches(pg_temp.error_of($$SELECT echolon_import_model('', (SELECT bare FROM before WHERE model = 'two'))$$), '^22023 a model needs a name', 'an empty name');
SELECT matches(pg_temp.error_of($$SELECT echolon_import_model('x', '\x00', 'y')$$), '^22023 bytes and path cannot be given together', 'both');
SELECT is(pg_temp.error_of(format('SELECT echolon_import_model(''x'', %L::bytea)', bytes)),
	concat_ws(' | ', 'XX001 the bytes are not a model that can be used', 'They look like ' || what || '.', coalesce(hint, 'Pass what echolon_export_model returned.')), 'not a model: ' || what)
FROM (VALUES
	('\x89504e470d0a1a0a'::bytea, 'a PNG image', NULL),
	('\x80049500', 'a Python pickle (as those of scikit-learn and joblib are)', 'Models of other systems cannot be imported: train on the same data with echolon_train_gb or echolon_train_rf.'),
	('tree' || E'\\012'::bytea || 'version=v4', 'a model of LightGBM', 'Models of other systems cannot be imported: train on the same data with echolon_train_gb or echolon_train_rf.'),
	('{"learner":{}}', 'a model of XGBoost as JSON', 'Models of other systems cannot be imported: train on the same data with echolon_train_gb or echolon_train_rf.'),
	('\x1f8b0800', 'a file compressed by gzip', 'Decompress it first.'),
	(convert_to('id,price' || chr(10) || '1,2', 'UTF8'), 'text', NULL),
	(convert_to('\x4543484f4c4f4e00', 'UTF8'), 'a bytea as text', 'Convert it with decode(text, ''hex'') after the \x, or decode(text, ''base64'').'),
	((SELECT convert_to(encode(whole, 'base64'), 'UTF8') FROM before WHERE model = 'two'), 'an export in base64', 'Convert it with decode(text, ''hex'') after the \x, or decode(text, ''base64'').')
) AS v(bytes, what, hint);
SELECT matches(pg_temp.error_of($$SELECT echolon_import_model('x', '\x')$$), '^XX001 .*these are not the bytes of an Echolon model', 'no bytes at all');

-- ---- exports that lie: sealed again, so that only their content can give them away
CREATE FUNCTION pg_temp.crc32c(b bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	crc bigint := 4294967295;
	lookup bigint[];
	c bigint;
BEGIN
	FOR i IN 0 .. 255 LOOP
		c := i;
		FOR k IN 1 .. 8 LOOP
			c := CASE WHEN c & 1 = 1 THEN (c >> 1) # 2197175160 ELSE c >> 1 END;
		END LOOP;
		lookup[i] := c;
	END LOOP;
	FOR i IN 0 .. length(b) - 1 LOOP
		crc := lookup[(crc # get_byte(b, i)) & 255] # (crc >> 8);
	END LOOP;
	RETURN crc # 4294967295;
END $$;
CREATE FUNCTION pg_temp.little(v bigint, n int) RETURNS bytea LANGUAGE sql AS $$
	SELECT string_agg(set_byte('\x00', 0, (v >> (8 * i) & 255)::int), '' ORDER BY i) FROM generate_series(0, n - 1) AS i
$$;
CREATE FUNCTION pg_temp.pad(b bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT b || substr('\x00000000000000'::bytea, 1, (8 - length(b) % 8) % 8) $$;
-- An export of a record, a sample and a model, with a checksum that fits.
CREATE FUNCTION pg_temp.envelope(record text, sample bytea, model bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	r bytea := convert_to(record, 'UTF8');
	b bytea;
BEGIN
	b := pg_temp.pad(r) || sample || pg_temp.pad(model);
	b := convert_to('ECHOPKG', 'UTF8') || '\x0001000000' || '\x00000000' || pg_temp.little(48 + length(b), 8) || pg_temp.little(length(r), 8)
		|| pg_temp.little(length(sample), 8) || pg_temp.little(length(model), 8) || b;
	RETURN overlay(b PLACING pg_temp.little(pg_temp.crc32c(b), 4) FROM 13 FOR 4);
END $$;
SELECT ok(echolon_train_rf('goods', 'label', features => '{a}', model => 'small', n_estimators => 1, max_depth => 2) IS NOT NULL, 'trained');
CREATE TEMP TABLE small AS SELECT echolon_export_model('small') AS bytes;
SELECT is((echolon_import_model('good', pg_temp.envelope('{}', '', bytes))).version, 1, 'an export made by hand is one') FROM small;
SELECT matches(pg_temp.error_of(format('SELECT echolon_import_model(''liar'', %L::bytea)', pg_temp.envelope(record, '', bytes))), problem, 'a record that lies: ' || left(record, 60))
FROM small, (VALUES
	('[]', 'XX001 .*"record" is not an object'), ('17', 'XX001 .*"record" is not an object'), ('', 'XX001.*"record" is not JSON'), ('{"a"', 'XX001.*"record" is not JSON'), ('{"metric": "\u0000"}', 'XX001.*"record" is not JSON'),
	(repeat('[', 200000), '54001|XX001'),
	('{"model": 1}', 'XX001 .*"model" is not a string'), ('{"version": "1"}', '"version" is not a number'), ('{"version": 1e400}', '"version" is not a number in its range'), ('{"version": -1}', '"version" is not a number in its range'),
	('{"score": "0.9"}', '"score" is not a number'), ('{"score": 1e999}', '"score" is not a number in its range'), ('{"rows_used": 1e18}', '"rows_used"'), ('{"seconds": -1}', '"seconds"'),
	('{"metric": ["r2"]}', '"metric" is not a string'), ('{"fingerprint": {}}', '"fingerprint" is not a string'), (format('{"fingerprint": %s}', to_json(repeat('x', 1000))), '"fingerprint"'),
	('{"parameters": []}', '"parameters" is not an object'), ('{"parameters": {"a": {"b": {"c": 1}}}}', '"parameters" is not as flat as it is written'),
	('{"metrics": [1]}', '"metrics" is not an object'), ('{"metrics": {"score": 1}}', '"score" is not an object'),
	('{"metrics": {"score": {"r2": [1]}}}', '"score" is not as flat as it is written'), ('{"metrics": {"groups": []}}', '"groups" is not an object'),
	('{"metrics": {"groups": {"columns": 1}}}', '"columns" is not an array'), ('{"metrics": {"groups": {"columns": [1], "each": []}}}', '"columns" is not made of names'),
	('{"metrics": {"groups": {"columns": ["a"], "each": [1]}}}', '"groups" is not a list of objects'), ('{"metrics": {"groups": {"columns": ["a"], "each": [{"key": [1, 2]}]}}}', '"key" is not of the columns of its groups'),
	('{"metrics": {"groups": {"columns": ["a"], "each": [{"key": [1], "rows": 1e300}]}}}', '"rows" is not a number in its range'), ('{"metrics": {"measured_on": {}}}', '"measured_on" is not a string'),
	('{"curve": {}}', '"curve" is not an array'), ('{"curve": [1]}', '"curve" is not made of points'), ('{"curve": [[1, 2]]}', '"curve" is not made of points'), ('{"curve": [["1", 2, 3]]}', '"curve" is not made of numbers'), ('{"curve": [[null, 2, 3]]}', '"curve" is not made of points'),
	('{"curve": 1}', '"curve" is not an array'), ('{"notes": "x"}', '"notes" is not an array'), ('{"notes": [1]}', '"notes" is not made of strings'), ('{"recipe": 3}', '"recipe" is not an object'), ('{"recipe": {"split": []}}', '"split" is not an object'), ('{"recipe": {"updates": {}}}', '"updates" is not an array')
) AS v(record, problem);
-- records of a split that are no split: retraining and comparing say so, and read nothing that is not there
DO $$ BEGIN
	PERFORM echolon_train_rf('goods', 'y', features => '{a,b}', model => 'numbers', n_estimators => 2, max_depth => 3);
	PERFORM echolon_train_rf('goods', 'label', features => '{a,b}', model => 'classes', n_estimators => 2, max_depth => 3);
END $$;
CREATE TEMP TABLE originals AS SELECT m AS model, echolon_export_model(m) AS bytes FROM unnest('{numbers,classes}'::text[]) AS m;
-- What echolon_compare and echolon_retrain say of two versions of which the newer one has this recipe.
CREATE FUNCTION pg_temp.with_split(m text, recipe jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	SELECT m || ': ' || (echolon_import_model(m, pg_temp.envelope(jsonb_build_object('recipe', recipe)::text, '', bytes), relation => 'goods')).version INTO result
	FROM originals WHERE model = m;
	UPDATE echolon.version_store AS v SET recipe = (SELECT o.recipe FROM echolon.version_store AS o WHERE o.model_id = v.model_id AND o.version = 1) || v.recipe
	FROM echolon.model_store AS s WHERE s.id = v.model_id AND s.model = m AND v.version = 2;
	INSERT INTO goods SELECT * FROM goods WHERE id <= 5;	-- so that a retraining has something to do
	result := concat_ws(E'\n', result, (SELECT c.verdict FROM echolon_compare(m, 1, 2) AS c), (SELECT r.state || '; ' || r.reason FROM echolon_retrain(m) AS r));
	RAISE EXCEPTION SQLSTATE 'ROLLB' USING MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'ROLLB' THEN
	RETURN SQLERRM;
END $$;
SELECT is(pg_temp.with_split(model, recipe), model || E': 2\nnot comparable: of version 2 ' || problem || E'\nnot comparable; not comparable: of version 2 ' || problem, format('%s: %s', model, left(recipe::text, 80)))
FROM originals, (VALUES
	('the record of its split is damaged', jsonb '{"split": {"kind": "hash", "seed": "42", "thresholds": [""]}}'),
	('the record of its split is damaged', '{"split": {"kind": "hash", "seed": "42", "thresholds": ["", ""]}}'),
	('the record of its split is damaged', '{"split": {"kind": "hash", "seed": "42", "thresholds": ["no", "1", "yes", "2"]}}'),
	('the record of its split is damaged', '{"split": {"kind": "hash", "seed": "42", "thresholds": []}}'),
	('the record of its split is damaged', '{"split": {"kind": "hash", "seed": "42", "thresholds": 1}}'),
	('the record of its split is damaged', '{"split": {"kind": "hash", "seed": "42"}}'),
	('it is not recorded what it was fitted to', '{"split": {"kind": ["hash"], "seed": "42"}}'),
	('it is not recorded what it was fitted to', '{"split": {"kind": "hash", "seed": ["42"]}}'),
	('the record of its split is damaged', '{"split": {"kind": "groups", "seed": "42", "threshold": [""]}}'),
	('it is not recorded up to when it was fitted', '{"split": {"kind": "time", "after": ["1"]}}')
) AS v(problem, recipe);
-- numbers have one threshold; without it nothing is known, rather than that it was fitted to no row
SELECT matches(pg_temp.with_split('numbers', '{"split": {"kind": "hash", "seed": "42", "thresholds": {"a": "1"}}}'), 'of version 2 the record of its split is damaged', 'a threshold of a class, of a number');

-- samples: rows held out, n, outputs, weighted, reserved, then the numbers
SELECT matches(pg_temp.error_of(format('SELECT echolon_import_model(''liar'', %L::bytea)', pg_temp.envelope('{}', sample, bytes))), problem, 'a sample that lies: ' || name)
FROM small, (VALUES
	('short', '\x0000000000000000'::bytea, 'its held-out sample is wrong'),
	('no rows', pg_temp.little(0, 24), 'its held-out sample is wrong'),
	('more rows than numbers', pg_temp.little(9, 8) || pg_temp.little(9, 4) || pg_temp.little(2, 4) || pg_temp.little(0, 8), 'its held-out sample is wrong'),
	('fewer held out than kept', pg_temp.little(0, 8) || pg_temp.little(1, 4) || pg_temp.little(2, 4) || pg_temp.little(0, 8) || pg_temp.little(0, 24), 'its held-out sample is wrong'),
	('products that overflow', pg_temp.little(9, 8) || pg_temp.little(2147483647, 4) || pg_temp.little(1000, 4) || pg_temp.little(0, 8), 'its held-out sample is wrong'),
	('not finite', pg_temp.little(1, 8) || pg_temp.little(1, 4) || pg_temp.little(2, 4) || pg_temp.little(0, 8) || '\x000000000000f07f'::bytea || pg_temp.little(0, 16), 'its held-out sample is wrong'),
	('of other outputs', pg_temp.little(1, 8) || pg_temp.little(1, 4) || pg_temp.little(3, 4) || pg_temp.little(0, 8) || pg_temp.little(0, 32), '"sample" is not of the model''s outputs'),
	('of class 0.5', pg_temp.little(1, 8) || pg_temp.little(1, 4) || pg_temp.little(2, 4) || pg_temp.little(0, 8) || '\x000000000000e03f'::bytea || pg_temp.little(0, 16), '"sample" is not of the model''s classes')
) AS v(name, sample, problem);
SELECT is(count(*), 0::bigint, 'nothing of a liar was stored') FROM echolon.models WHERE model IN ('liar', 'x');
-- every bit of an export counts, wherever it is read
SELECT is(string_agg(DISTINCT left(pg_temp.error_of(format('SELECT echolon_import_model(''liar'', %L::bytea)', set_bit(whole, bit, 1 - get_bit(whole, bit)))), 5), ' '), 'XX001', 'every flipped bit of an export is noticed')
FROM (SELECT echolon_export_model('small', with_record => true) AS whole) AS e, generate_series(0, length(whole)::bigint * 8 - 1, 97) AS bit;
SELECT is(string_agg(DISTINCT left(pg_temp.error_of(format('SELECT echolon_predict_model(%L::bytea, g) FROM goods AS g LIMIT 1', substr(whole, 1, n))), 5), ' '), 'XX001', 'every truncation too')
FROM (SELECT echolon_export_model('small', with_record => true) AS whole) AS e, generate_series(0, length(whole) - 1, 41) AS n;

SELECT * FROM finish();
ROLLBACK;

-- encode => 'target': the means in a model are those of plain SQL, no row sees its own target, and
-- every way to predict uses them.
\ir setup.psql
SELECT * FROM no_plan();

-- ---- numbers out of a model's bytes, docs/model-format.md
CREATE FUNCTION pg_temp.u64(b bytea, at int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT sum(get_byte(b, at + i)::bigint << (8 * i))::bigint FROM generate_series(0, 7) AS i
$$;
CREATE FUNCTION pg_temp.f8(b bytea, at int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN exponent = 0 AND fraction = 0 THEN 0
		ELSE (1 - 2 * sign) * (1 + fraction * 2::float8 ^ -52) * 2::float8 ^ (exponent - 1023) END
	FROM (SELECT get_byte(b, at + 7) >> 7 AS sign, ((get_byte(b, at + 7) & 127) << 4) | (get_byte(b, at + 6) >> 4) AS exponent,
		pg_temp.u64(set_byte(set_byte(substr(b, at + 1, 8), 7, 0), 6, get_byte(b, at + 6) & 15), 0)::float8 AS fraction) AS parts
$$;
CREATE FUNCTION pg_temp.section(b bytea, kind int, OUT at int, OUT length int) LANGUAGE sql IMMUTABLE AS $$
	SELECT pg_temp.u64(b, 32 + 24 * (kind - 1) + 8)::int, pg_temp.u64(b, 32 + 24 * (kind - 1) + 16)::int
$$;
-- All means: of each encoded feature the levels in the order of the codes, an unknown one's, a missing one's.
CREATE FUNCTION pg_temp.means(model text) RETURNS float8[] LANGUAGE sql AS $$
	SELECT array_agg(pg_temp.f8(b, s.at + 8 * i) ORDER BY i)
	FROM (SELECT echolon_export_model(model) AS b OFFSET 0) AS m, LATERAL pg_temp.section(b, 21) AS s, generate_series(0, s.length / 8 - 1) AS i
$$;
-- What a feature looked like on the training rows.
CREATE FUNCTION pg_temp.stats(model text, feature int, OUT count bigint, OUT missing bigint, OUT low float8, OUT high float8, OUT mean float8, OUT stddev float8) LANGUAGE sql AS $$
	SELECT pg_temp.u64(b, s.at + 56 * feature), pg_temp.u64(b, s.at + 56 * feature + 8), pg_temp.f8(b, s.at + 56 * feature + 16),
		pg_temp.f8(b, s.at + 56 * feature + 24), pg_temp.f8(b, s.at + 56 * feature + 32), pg_temp.f8(b, s.at + 56 * feature + 40)
	FROM (SELECT echolon_export_model(model) AS b OFFSET 0) AS m, LATERAL pg_temp.section(b, 6) AS s
$$;
-- Are they the same to 1e-9?
CREATE FUNCTION pg_temp.near(a float8[], b float8[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	SELECT cardinality(a) = cardinality(b) AND bool_and((abs(x - y) <= 1e-9 * greatest(1, abs(y))) IS TRUE) FROM unnest(a, b) AS u (x, y)
$$;
SELECT is(pg_temp.f8('\x182d4454fb210940', 0), pi(), 'bytes are read as PostgreSQL reads them'), is(pg_temp.f8('\x000000000000e0bf', 0), -0.5::float8, 'also below zero');

-- Levels of very different size, some missing; the target depends on them.
CREATE TABLE orders AS
SELECT i AS id, CASE WHEN i % 23 = 0 THEN NULL ELSE 'city ' || (sqrt(i % 400))::int END AS city, (ARRAY['a', 'b', 'c', 'd'])[1 + i % 4] AS quarter,
	date '2024-01-01' + i / 10 AS day, (1 + i % 5)::float8 AS w, (i::int8 * 7919 % 1009) / 100.0::float8 AS a,
	(sqrt(i % 400))::int * 3 + (i::int8 * 104729 % 997) / 50.0 AS y
FROM generate_series(1, 2000) AS i;
ALTER TABLE orders ADD COLUMN won boolean, ADD COLUMN grade text;
UPDATE orders SET won = y > 40, grade = CASE WHEN y < 25 THEN 'low' WHEN y < 50 THEN 'mid' ELSE 'top' END;

-- (n * mean + m * global) / (n + m) of a target in each level, then the mean of all, then of missing.
CREATE FUNCTION pg_temp.smoothed(target text, weight text, m float8, condition text DEFAULT 'true') RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
	result float8[];
BEGIN
	EXECUTE format($q$
		WITH used AS (SELECT city, (%1$s)::float8 AS y, (%2$s)::float8 / avg((%2$s)::float8) OVER () AS w FROM orders WHERE %4$s),
		total AS (SELECT sum(w * y) / sum(w) AS mean FROM used),
		level AS (SELECT l.city, (coalesce(sum(w * y), 0) + %3$s * total.mean) / (coalesce(sum(w), 0) + %3$s) AS smoothed
				  FROM (SELECT DISTINCT city FROM orders) AS l CROSS JOIN total LEFT JOIN used USING (city) WHERE l.city IS NOT NULL GROUP BY l.city, total.mean)
		SELECT (SELECT array_agg(smoothed ORDER BY city COLLATE "C") FROM level) || mean
			|| (SELECT (sum(w * y) + %3$s * mean) / (sum(w) + %3$s) FROM used WHERE city IS NULL)
		FROM total $q$, target, weight, m, condition) INTO result;
	RETURN result;
END
$$;

-- ---- the full fit
SELECT lives_ok($$SELECT echolon_train_gb('orders', 'y', features => '{a,city,quarter}', encode => 'target', test_fraction => 0, n_estimators => 20, model => 'full')$$, 'regression');
SELECT ok(pg_temp.near(pg_temp.means('full'), pg_temp.smoothed('y', '1', 10)), 'its means are the smoothed means of all rows');
SELECT is((SELECT array_agg(feature ORDER BY feature COLLATE "C") FROM echolon_feature_importance('full')), '{a,city_target,quarter}', 'four levels stay a category, more are encoded');
SELECT is(details->'encoded', '["city"]'::jsonb, 'details say which columns'), is(details->'parameters'->>'encode', 'target', 'and the parameters'), is(details->'parameters'->>'target_smoothing', '2.5', 'how smooth')
FROM echolon_train_rf('orders', 'y', features => '{city}', encode => 'target', target_smoothing => 2.5, test_fraction => 0, n_estimators => 3, model => 'less');
SELECT ok(pg_temp.near(pg_temp.means('less'), pg_temp.smoothed('y', '1', 2.5)), 'target_smoothing 2.5');
SELECT lives_ok($$SELECT echolon_train_rf('orders', 'y', features => '{city}', encode => 'target', target_smoothing => 0, test_fraction => 0, n_estimators => 3, model => 'none')$$, 'target_smoothing 0');
SELECT ok(pg_temp.near(pg_temp.means('none'), pg_temp.smoothed('y', '1', 0)), 'gives the plain means');
SELECT lives_ok($$SELECT echolon_train_rf('orders', 'y', features => '{city}', encode => 'target', sample_weight => 'w', test_fraction => 0, n_estimators => 3, model => 'weighted')$$, 'with weights');
SELECT ok(pg_temp.near(pg_temp.means('weighted'), pg_temp.smoothed('y', 'w', 10)), 'rows count by their weight, in units of the mean weight');
UPDATE orders SET w = w * 1024;
SELECT lives_ok($$SELECT echolon_train_rf('orders', 'y', features => '{city}', encode => 'target', sample_weight => 'w', test_fraction => 0, n_estimators => 3, model => 'heavier')$$, 'with greater weights');
SELECT ok(pg_temp.near(pg_temp.means('heavier'), pg_temp.means('weighted')), 'only their proportions matter');
SELECT lives_ok($$SELECT echolon_train_gb('orders', 'won', features => '{city}', encode => 'target', test_fraction => 0, n_estimators => 3, model => 'binary')$$, 'two classes');
SELECT ok(pg_temp.near(pg_temp.means('binary'), pg_temp.smoothed('won::int', '1', 10)), 'the share of the positive class');
SELECT lives_ok($$SELECT echolon_train_gb('orders', 'won', features => '{city}', encode => 'target', positive_class => 'false', test_fraction => 0, n_estimators => 3, model => 'other')$$, 'the other class');
SELECT ok(pg_temp.near(pg_temp.means('other'), pg_temp.smoothed('1 - won::int', '1', 10)), 'is the positive one');
SELECT lives_ok($$SELECT echolon_train_rf('orders', 'grade', features => '{city}', encode => 'target', test_fraction => 0, class_weight => 'balanced', n_estimators => 3, model => 'classes')$$, 'three classes');
SELECT ok(pg_temp.near(pg_temp.means('classes'), pg_temp.smoothed('(grade = ''low'')::int', '1', 10) || pg_temp.smoothed('(grade = ''mid'')::int', '1', 10) || pg_temp.smoothed('(grade = ''top'')::int', '1', 10)),
	'a share of each class; class weights change none');
SELECT is((SELECT array_agg(feature ORDER BY feature COLLATE "C") FROM echolon_feature_importance('classes')), '{city_target_low,city_target_mid,city_target_top}', 'a feature a class, named after it');
-- the recorded reference
\set shared `printf %s "${ECHOLON_SHARED:-../../../shared}"`
\set reference `cat "${ECHOLON_SHARED:-../../../shared}/data/refs/encoding_superstore_sub_category.csv" 2>/dev/null | cut -d, -f2,3,7 | tail -n +2`
SELECT :'reference' <> '' AS found \gset
\if :found
	CREATE TABLE superstore AS SELECT split_part(line, ',', 1) AS sub_category, split_part(line, ',', 2)::float8 AS sales, split_part(line, ',', 3)::float8 AS expected, (place % 7)::float8 AS x
	FROM regexp_split_to_table(:'reference', '\n') WITH ORDINALITY AS l (line, place);
	SELECT lives_ok($$SELECT echolon_train_gb('superstore', 'sales', features => '{x,sub_category}', encode => 'target', test_fraction => 0, n_estimators => 3, model => 'superstore')$$, 'superstore');
	SELECT ok(pg_temp.near((pg_temp.means('superstore'))[1:17], expected), 'its means are pandas'' target_smooth10')
	FROM (SELECT array_agg(expected ORDER BY sub_category COLLATE "C") AS expected FROM (SELECT DISTINCT sub_category, expected FROM superstore) AS d) AS o;
\else
	SELECT skip('the recorded reference is not here: ' || :'shared', 2);
\endif

-- ---- who is left out of the means
SELECT lives_ok($$SELECT echolon_train_gb('orders', 'y', features => '{a,city}', encode => 'target', split_by => 'day', refit => false, n_estimators => 20, model => 'past')$$, 'split in time, not fitted again');
SELECT ok(pg_temp.near(pg_temp.means('past'), pg_temp.smoothed('y', '1', 10, 'id < 1600')), 'held-out rows are in no mean');
SELECT lives_ok($$SELECT echolon_train_gb('orders', 'y', features => '{a,city}', encode => 'target', split_by => 'day', n_estimators => 20, model => 'again')$$, 'fitted again to all rows');
SELECT ok(pg_temp.near(pg_temp.means('again'), pg_temp.smoothed('y', '1', 10)), 'so are the means');
SELECT ok(pg_temp.near(pg_temp.means('stopped'), pg_temp.smoothed('y', '1', 10)), 'with early stopping as well')
FROM echolon_train_gb('orders', 'y', features => '{a,city}', encode => 'target', split_by => 'day', early_stopping_rounds => 3, n_estimators => 50, model => 'stopped');
SELECT isnt(pg_temp.means('inner'), pg_temp.means('past'), 'validation rows are in no mean either')
FROM echolon_train_gb('orders', 'y', features => '{a,city}', encode => 'target', split_by => 'day', refit => false, early_stopping_rounds => 3, n_estimators => 50, model => 'inner');

-- Past only: what the training rows were given is the smoothed mean of earlier days, smoothed towards the mean of the past.
CREATE TEMP TABLE past AS
SELECT (coalesce(level.n * level.mean, 0) + 10 * total.mean) / (coalesce(level.n, 0) + 10) AS encoded
FROM (SELECT * FROM orders WHERE id < 1600) AS r,
	LATERAL (SELECT count(*) AS n, avg(y)::float8 AS mean FROM orders AS o WHERE o.day < r.day) AS total,
	LATERAL (SELECT count(*) AS n, avg(y)::float8 AS mean FROM orders AS o WHERE o.day < r.day AND o.city IS NOT DISTINCT FROM r.city) AS level;
SELECT is(s.count, 1599::bigint, 'at prediction every row has a mean'), is(s.missing, 0::bigint, 'those of the first day too'),
	ok(pg_temp.near(ARRAY[s.low, s.high, s.mean, s.stddev], ARRAY[o.low, o.high, o.mean, o.stddev]), 'past only: what the learner saw is the mean of earlier days')
FROM pg_temp.stats('past', 0) AS s, (SELECT min(encoded) AS low, max(encoded) AS high, avg(encoded) AS mean, stddev_samp(encoded) AS stddev FROM past) AS o;

-- Out of fold: rows that are equal are in one fold, so a level of equal rows sees the mean of the others.
CREATE TABLE pairs AS SELECT 'level ' || i / 4 AS level, (i % 2)::float8 AS x, (hashint4(i / 4) & 1023)::float8 AS y FROM generate_series(0, 3999) AS i;
SELECT lives_ok($$SELECT echolon_train_gb('pairs', 'y', features => '{level}', encode => 'target', test_fraction => 0, n_estimators => 3, model => 'pairs')$$, 'levels of four equal rows');
SELECT ok(s.high - s.low < 30 AND s.missing = 0, 'out of fold: no row sees the target of an equal one'), ok(m.high - m.low > 250, 'though the means of the levels lie far apart')
FROM pg_temp.stats('pairs', 0) AS s, (SELECT min(v) AS low, max(v) AS high FROM unnest(pg_temp.means('pairs')) AS v) AS m;
-- In a split by groups whole groups are in one fold: what is the same in a whole group tells nothing.
CREATE TABLE visits AS SELECT 'customer ' || id % 200 AS customer, 'trait ' || id % 200 AS trait, (hashint4(id) & 1023)::float8 AS a, (hashint4(id % 200) & 1023)::float8 + random() AS y FROM generate_series(1, 2000) AS id;
SELECT lives_ok($$SELECT echolon_train_gb('visits', 'y', features => '{trait,a}', encode => 'target', split_groups => 'customer', refit => false, n_estimators => 3, model => 'visits')$$, 'a split by groups');
SELECT ok(s.high - s.low < 60, 'whole groups are in one fold') FROM pg_temp.stats('visits', 0) AS s;

-- Drift: rows are compared by the means that they have at prediction, whatever the learner saw; of many levels as of few.
SELECT cmp_ok(psi, '<', 1e-9::float8, 'no drift of unchanged rows: ' || m), is((kind, ks, unseen_rate)::text, '(category,,0)', 'of a category: ' || m)
FROM unnest(ARRAY['full', 'less', 'weighted', 'again', 'pairs']) AS m, LATERAL (SELECT * FROM echolon_drift(m, CASE m WHEN 'pairs' THEN 'pairs' ELSE 'orders' END::regclass)) AS d
WHERE feature LIKE '%\_target';
-- psi in ten bins of about equal mass, by where the middle of a level lies, the levels in the order of their means; one that was never seen is apart
CREATE VIEW moved AS SELECT a, quarter, CASE WHEN id % 4 = 0 THEN 'elsewhere' ELSE city END AS city FROM orders;
WITH means AS (
	SELECT city, count(*) AS n, (sum(y) + 10 * (SELECT avg(y) FROM orders)) / (count(*) + 10) AS mean FROM orders GROUP BY city),
bins AS (
	SELECT city, floor((sum(n) OVER (ORDER BY mean) - n + n / 2) / (sum(n) OVER ()) * 10) AS bin FROM means),
counts AS (
	SELECT coalesce(b.bin, -1) AS bin, sum((NOT today)::int) AS t, sum(today::int) AS n
	FROM (SELECT false AS today, city FROM orders UNION ALL SELECT true, city FROM moved) AS r LEFT JOIN bins AS b ON b.city IS NOT DISTINCT FROM r.city GROUP BY 1),
shares AS (
	SELECT (t + 0.5) / (sum(t) OVER () + 0.5 * count(*) OVER ()) AS p, (n + 0.5) / (sum(n) OVER () + 0.5 * count(*) OVER ()) AS q FROM counts)
SELECT is(round(d.psi::numeric, 9), (SELECT round(sum((q - p) * ln(q / p)), 9) FROM shares), 'psi of levels that moved'), is(d.unseen_rate, 0.25::float8, 'and one that was never seen'), is(d.verdict, 'drift', 'is drift')
FROM echolon_drift('full', 'moved') AS d WHERE feature = 'city_target';

-- ---- noise stays noise
CREATE TABLE noise AS SELECT id, (hashint4(id) & 1023)::float8 AS a, (hashint4(id + 1000000) & 1023)::float8 AS b, 'level ' || (hashint4(id + 2000000) & 2147483647) % 500 AS level,
	(hashint4(id) & 1023) / 4.0 + (hashint4(id + 3000000) & 1023)::float8 AS y, CASE WHEN hashint4(id + 4000000) % 2 = 0 THEN 'yes' ELSE 'no' END AS label FROM generate_series(1, 1000) AS id;
CREATE TEMP TABLE noisy AS
SELECT 'level' AS what, (SELECT avg((t).score) FROM (SELECT echolon_train_gb('noise', 'y', features => '{a,level}', encode => 'target', seed => s, model => 'noise_level') AS t FROM generate_series(1, 3) AS s) AS r) AS score,
	(SELECT avg((t).train_score) FROM (SELECT echolon_train_gb('noise', 'y', features => '{a,level}', encode => 'target', seed => s, model => 'noise_level') AS t FROM generate_series(1, 3) AS s) AS r) AS train_score
UNION ALL SELECT 'number', (SELECT avg((t).score) FROM (SELECT echolon_train_gb('noise', 'y', features => '{a,b}', seed => s, model => 'noise_number') AS t FROM generate_series(1, 3) AS s) AS r),
	(SELECT avg((t).train_score) FROM (SELECT echolon_train_gb('noise', 'y', features => '{a,b}', seed => s, model => 'noise_number') AS t FROM generate_series(1, 3) AS s) AS r);
SELECT cmp_ok(l.train_score, '<', n.train_score + 0.02, '500 levels of noise: no better on training rows than a number of noise'),
	cmp_ok(l.score, '>', n.score - 0.1, 'and no worse on others')
FROM noisy AS l, noisy AS n WHERE l.what = 'level' AND n.what = 'number';
SELECT cmp_ok(abs(score - 0.5), '<', 0.1::float8, 'nothing but noise: an area of one half, ' || f) FROM (
	SELECT 'forest' AS f, * FROM echolon_train_rf('noise', 'label', features => '{level,b}', encode => 'target', model => 'noise_rf')
	UNION ALL SELECT 'out of bag', * FROM echolon_train_rf('noise', 'label', features => '{level,b}', encode => 'target', test_fraction => 0, model => 'noise_oob')
	UNION ALL SELECT 'boosting', * FROM echolon_train_gb('noise', 'label', features => '{level,b}', encode => 'target', early_stopping_rounds => 5, model => 'noise_gb')) AS r;

-- ---- many levels that matter: better than the trees alone, on rows not seen
CREATE TABLE shops AS SELECT id, (hashint4(id) & 1023)::float8 AS a, 'shop ' || id % 400 AS shop, (hashint4(id % 400) & 1023)::float8 + (hashint4(id + 1000000) & 1023) AS y FROM generate_series(1, 8000) AS id;
SELECT cmp_ok((SELECT score FROM echolon_train_rf('shops', 'y', features => '{a,shop}', max_features => 1, min_samples_leaf => 20, encode => 'target', model => 'shops_encoded')), '>',
	(SELECT score FROM echolon_train_rf('shops', 'y', features => '{a,shop}', max_features => 1, min_samples_leaf => 20, model => 'shops_native')), '400 levels that matter: encoded ones are learned better');

-- ---- predictions: a tree on the means alone, counted by hand
CREATE TABLE plain AS SELECT (ARRAY['p', 'q', 'r', 's', 't', NULL])[1 + i % 6] AS c, (ARRAY[10, 10, 20, 40, 80, 160])[1 + i % 6] + (i / 6 % 100) / 100.0::float8 AS y FROM generate_series(0, 599) AS i;
SELECT lives_ok($$SELECT echolon_train_rf('plain', 'y', encode => 'target', bootstrap => false, n_estimators => 1, max_leaf_nodes => 5, max_features => 1, test_fraction => 0, model => 'plain')$$, 'one tree on one encoded column');
SELECT is(round(echolon_predict('plain', v)::numeric, 9), v.expected, 'prediction of ' || coalesce(v.c, 'NULL'))
FROM (SELECT c, round(avg(y)::numeric, 9) AS expected FROM plain GROUP BY c ORDER BY c) AS v;
SELECT is(echolon_predict('plain', p), echolon_predict('plain', q), 'two levels of equal means are predicted alike') FROM (SELECT 'p'::text AS c) AS p, (SELECT 'q'::text AS c) AS q;
SELECT is(echolon_predict('plain', u), echolon_predict('plain', s), 'a level never seen is predicted as the level whose mean is nearest to the mean of all')
FROM (SELECT 'never'::text AS c) AS u, (SELECT 's'::text AS c) AS s;
SELECT is(count(*) FILTER (WHERE echolon_predict('full', o) IS DISTINCT FROM echolon_predict_json('full', to_jsonb(o))), 0::bigint, 'rows and documents are predicted alike'),
	is(count(*) FILTER (WHERE echolon_predict('full', o) IS DISTINCT FROM echolon_predict_model(b, o)), 0::bigint, 'names and bytes too')
FROM orders AS o, (SELECT echolon_export_model('full') AS b OFFSET 0) AS m;
SELECT is(round(value::numeric, 9), round(oracle::numeric, 9), 'echolon_evaluate')
FROM echolon_evaluate('full', 'orders'), (SELECT echolon_r2(y, echolon_predict('full', o)) AS oracle FROM orders AS o) AS r WHERE metric = 'r2';
CREATE TABLE fresh AS SELECT id, a, CASE WHEN id % 10 = 0 THEN 'new town' ELSE city END AS city, quarter, y FROM orders;
SELECT is(value, 200::float8, 'echolon_evaluate counts levels never seen') FROM echolon_evaluate('full', 'fresh') WHERE metric = 'unseen_categories';
SELECT is(echolon_predict('full', n), echolon_predict('full', o), 'two levels never seen are predicted alike') FROM (SELECT 1.5::float8 AS a, 'new town'::text AS city, 'a'::text AS quarter) AS n, (SELECT 1.5::float8 AS a, 'old town'::text AS city, 'a'::text AS quarter) AS o;
SELECT is((SELECT array_agg(column_name::text ORDER BY column_name) FROM echolon_permutation_importance('full', 'orders')), '{a,city,quarter}', 'permutation importance is of columns');
SELECT is((SELECT column_name::text FROM echolon_permutation_importance('full', 'orders') WHERE rank = 1), 'city', 'and the encoded one matters most');

-- ---- levels that are pooled
SELECT lives_ok($$SELECT echolon_train_gb('orders', 'y', features => '{city}', encode => 'target', max_categories => 8, test_fraction => 0, n_estimators => 5, model => 'pooled')$$, 'rare levels pooled');
SELECT is(cardinality(pg_temp.means('pooled')), 8 + 2, 'one mean for all pooled ones');
SELECT is(echolon_predict('pooled', u), echolon_predict('pooled', r), 'a level never seen is one of them')
FROM (SELECT 'never'::text AS city) AS u, (SELECT city FROM orders WHERE city IS NOT NULL GROUP BY city ORDER BY count(*) LIMIT 1) AS r;

-- ---- the same bytes
CREATE TABLE shuffled AS SELECT * FROM orders ORDER BY md5(id::text);
SELECT lives_ok($$SELECT echolon_train_gb('shuffled', 'grade', features => '{a,city}', encode => 'target', n_estimators => 5, model => 'same_1'), echolon_train_gb('orders', 'grade', features => '{a,city}', encode => 'target', n_estimators => 5, model => 'same_2'),
	echolon_train_gb('shuffled', 'y', features => '{a,city}', encode => 'target', split_by => 'day', n_estimators => 5, model => 'same_3'), echolon_train_gb('orders', 'y', features => '{a,city}', encode => 'target', split_by => 'day', n_estimators => 5, model => 'same_4')$$, 'the rows in another order');
SELECT is(count(DISTINCT digest), 2::bigint, 'give the same bytes') FROM echolon.model_versions WHERE model ~ '^same_';

-- ---- what is refused, what is said
SELECT is(pg_temp.error_of($$SELECT echolon_train_rf('orders', 'y', encode => 'onehot', model => 'x')$$), '22023 parameter "encode" is out of range | It is ''onehot''; allowed is target. | SELECT * FROM echolon_parameters() lists every parameter with its range.', 'another encoding');
SELECT matches(pg_temp.error_of($$SELECT echolon_train_rf('orders', 'y', encode => 'target', target_smoothing => -1, model => 'x')$$), '^22023 parameter "target_smoothing" is out of range', 'smoothing below 0');
SELECT matches(pg_temp.error_of($$SELECT echolon_train_rf('orders', 'y', encode => 'target', target_smoothing => 'NaN', model => 'x')$$), '^22023 parameter "target_smoothing" is out of range', 'smoothing of NaN');
CREATE TABLE many AS SELECT 'class ' || i % 300 AS label, 'a' || i % 7 AS a, 'b' || i % 11 AS b, 'c' || i % 13 AS c, 'd' || i % 17 AS d FROM generate_series(1, 3000) AS i;
SELECT is(pg_temp.error_of($$SELECT echolon_train_rf('many', 'label', encode => 'target', model => 'x')$$),
	'54000 encode => ''target'' gives too many features: 1200, at most 1000 are possible | Each of 4 columns has one for each of 300 classes. | Leave encode out, name fewer columns in features, or predict a coarser column.', 'too many features');
SELECT ok('encode => ''target'' changed nothing: no category column has more than 4 levels' = ANY (notes), 'nothing to encode') FROM echolon_train_gb('orders', 'y', features => '{a,quarter}', encode => 'target', n_estimators => 3, model => 'nothing');
SELECT is((SELECT get_byte(echolon_export_model('nothing'), 8)), 1, 'and the model is of format version 1'), is((SELECT get_byte(echolon_export_model('full'), 8)), 2, 'with means it is of version 2');
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('orders', 'y', features => '{a,city}', encode => 'target', monotone_increasing => '{city}', model => 'x')$$), '^22023 column "city" cannot be monotone', 'an encoded column has no direction');
SET LOCAL echolon.max_memory = '1MB';
SELECT matches(pg_temp.error_of($$SELECT echolon_train_gb('many', 'label', features => '{a,b}', encode => 'target', model => 'x')$$), '^54000 encode => ''target'' needs about \d+ MB, echolon.max_memory allows 1 MB', 'more memory than there may be');
RESET echolon.max_memory;

SELECT * FROM finish();
ROLLBACK;

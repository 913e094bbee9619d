-- The direct path and the features of one row against the view: the same bits, on every kind of
-- group, date, value and family.
\ir setup.psql
SELECT * FROM no_plan();

-- Rows of every kind: dates missing, infinite and repeated; groups missing, and equal though written in
-- different ways; values missing, NaN, infinite, zeros of both signs, and near one another.
CREATE TABLE base AS
SELECT i AS id,
	CASE WHEN i % 31 = 0 THEN NULL ELSE 'g' || i % 7 END AS grp,
	(CASE WHEN i % 2 = 0 THEN 'ab' ELSE 'c' END || repeat(' ', i % 3))::char(6) AS kind,
	('{1,1.0,1.00,2.5,2.50,NULL,NaN}'::numeric[])[1 + i % 7] AS rate,
	('{0,-0,1,NaN,NULL,Infinity}'::float8[])[1 + i % 6] AS level,
	(ARRAY['x', 'X', 'y', NULL])[1 + i % 4]::varchar(5) AS letter,
	i % 3 = 0 AS flag, ('00000000-0000-0000-0000-00000000000' || i % 4)::uuid AS token,
	CASE WHEN i % 97 = 0 THEN NULL WHEN i % 101 = 0 THEN 'infinity' WHEN i % 103 = 0 THEN '-infinity'
		ELSE date '2023-01-01' + (i::int8 * 7919 % 400)::int END AS day,
	CASE WHEN i % 97 = 0 THEN NULL WHEN i % 101 = 0 THEN 'infinity' WHEN i % 103 = 0 THEN '-infinity'
		ELSE timestamptz '2024-03-25 00:00Z' + i::int8 * 7919 % 400 * interval '37 minutes' END AS at,
	CASE WHEN i % 13 = 0 THEN NULL ELSE (i::int8 * 104729 % 1009) / 7.0::float8 END AS x,
	CASE WHEN i % 211 = 0 THEN 'NaN'::float8 WHEN i % 223 = 0 THEN 'Infinity' WHEN i % 227 = 0 THEN '-Infinity' WHEN i % 17 = 0 THEN NULL
		WHEN i % 19 = 0 THEN 0 WHEN i % 23 = 0 THEN '-0' ELSE i::int8 * 7727 % 97 END AS odd,
	((i::int8 * 15485863 % 2003) / 10.0)::numeric(12, 3) AS n, (i * 31 % 50)::smallint AS small,
	9007199254740992 + i % 5 AS big, (i % 40) * interval '1 day 3 hours' AS span,
	(ARRAY['a', 'b', 'c', NULL])[1 + i % 4] AS cat, repeat('long ', i % 9 * 300) AS remark
FROM generate_series(1, 1200) AS i;
ALTER TABLE base ADD PRIMARY KEY (id);

-- A feature set of it, by the arguments of echolon_create_features as text.
CREATE FUNCTION pg_temp.make(name text, relation text, more text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n int;
BEGIN
	EXECUTE format('SELECT features FROM echolon_create_features(%L, %L, %s)', name, relation, more) INTO n;
	RETURN n;
END
$$;

-- "(id integer, …)" of a view
CREATE FUNCTION pg_temp.definitions(relation text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = relation::regclass AND attnum > 0 AND NOT attisdropped
$$;

-- How many rows are only in the view or only in the direct path, to the last bit.
CREATE FUNCTION pg_temp.differing(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('WITH v AS MATERIALIZED (SELECT v::text AS t FROM %1$I AS v), d AS MATERIALIZED (SELECT d::text AS t FROM echolon_feature_rows(%1$L) AS d (%2$s))
		SELECT (SELECT count(*) FROM (TABLE v EXCEPT ALL TABLE d) AS a) + (SELECT count(*) FROM (TABLE d EXCEPT ALL TABLE v) AS b)',
		name, pg_temp.definitions(name)) INTO n;
	RETURN n;
END
$$;

-- Of how many stored rows the features are other ones than the view's.
CREATE FUNCTION pg_temp.differing_at(name text, relation text, part int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('WITH v AS MATERIALIZED (SELECT id, v::text AS t FROM %1$I AS v), r AS MATERIALIZED (SELECT * FROM %2$I WHERE id %% %3$s = 0)
		SELECT count(*) FILTER (WHERE echolon_features_at(%1$L, input, NULL::%1$I)::text IS DISTINCT FROM v.t) + (count(*) = 0)::int
		FROM r AS input JOIN v USING (id)', name, relation, part) INTO n;
	RETURN n;
END
$$;

-- The same of rows that are not stored when they are asked for.
CREATE FUNCTION pg_temp.differing_new(name text, relation text, part int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	row_id int;
	n bigint := 0;
	one text;
	two text;
BEGIN
	EXECUTE format('CREATE TEMP TABLE saved AS SELECT * FROM %I WHERE id %% %s = 0', relation, part);
	FOR row_id IN SELECT id FROM saved LOOP
		EXECUTE format('SELECT v::text FROM %I AS v WHERE id = $1', name) INTO one USING row_id;
		EXECUTE format('DELETE FROM %I WHERE id = $1', relation) USING row_id;
		EXECUTE format('SELECT echolon_features_at(%1$L, input, NULL::%1$I)::text FROM saved AS input WHERE id = $1', name) INTO two USING row_id;
		EXECUTE format('INSERT INTO %I SELECT * FROM saved WHERE id = $1', relation) USING row_id;
		n := n + (one IS DISTINCT FROM two)::int;
	END LOOP;
	DROP TABLE saved;
	RETURN n;
END
$$;

-- ---- groups of every type, keys of every kind
CREATE FUNCTION pg_temp.windows() RETURNS text LANGUAGE sql AS $$
	SELECT $a$families => '{rolling}', rolling_windows => '{3,40 days}', statistics => '{count,sum,stddev,median,first}', min_periods => 1$a$
$$;
SELECT is(pg_temp.make('by_' || replace(g, ',', '_'), 'base', format('date_column => ''day'', numeric_columns => ''{x,n,odd}'', category_columns => ''{}'', group_by => ''{%s}'', %s', g, pg_temp.windows())) > 20
	AND pg_temp.differing('by_' || replace(g, ',', '_')) = 0, true, 'groups by ' || g)
FROM unnest(ARRAY['grp', 'kind', 'rate', 'level', 'letter', 'flag', 'token', 'span', 'small', 'at', 'grp,kind,rate', '']) AS g;
SELECT is(pg_temp.differing_at('by_' || g, 'base', 11), 0::bigint, 'rows of groups by ' || g)
FROM unnest(ARRAY['grp', 'kind', 'rate', 'level', 'letter', 'flag', 'token', 'span', 'small', 'grp_kind_rate', '']) AS g;
SELECT is(pg_temp.differing_new('by_grp_kind_rate', 'base', 37), 0::bigint, 'new rows of groups by three columns');
DO $$ BEGIN PERFORM echolon_drop_features(feature_set) FROM echolon.feature_sets WHERE feature_set ~ '^by_'; END $$;

-- a collation under which different texts are one, where there is one
CREATE FUNCTION pg_temp.any_case() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	EXCEPTION WHEN OTHERS THEN
		RETURN QUERY SELECT skip('no ICU', 2);
		RETURN;
	END;
	CREATE TABLE cased AS SELECT id, letter COLLATE any_case AS letter, day, x FROM base;
	ALTER TABLE cased ADD PRIMARY KEY (id);
	PERFORM pg_temp.make('by_letter', 'cased', $a$'day', '{x}', '{letter}', '{letter}', families => '{rolling,categorical}', rolling_windows => '{3}'$a$);
	RETURN NEXT is(pg_temp.differing('by_letter'), 0::bigint, 'groups by a collation that ignores case');
	RETURN NEXT is(pg_temp.differing_at('by_letter', 'cased', 11), 0::bigint, 'and rows of them');
END
$$;
SELECT pg_temp.any_case();

-- a key of text; a key of two columns, one of them the group's; no key at all; many rows of a date, in and out of order
CREATE TABLE text_key AS SELECT 'k' || md5(id::text) AS code, id, grp, day, x, n FROM base;
ALTER TABLE text_key ADD PRIMARY KEY (code);
CREATE TABLE two_keys AS SELECT id, coalesce(grp, '') AS grp, day, x, n FROM base;
ALTER TABLE two_keys ADD PRIMARY KEY (grp, id);
CREATE TABLE daily AS SELECT DISTINCT ON (grp, day) id, coalesce(grp, '') AS grp, day, x, n FROM base WHERE day IS NOT NULL ORDER BY grp, day, id;
ALTER TABLE daily ADD PRIMARY KEY (grp, day);
CREATE TABLE no_key AS SELECT grp, day, x, n, id FROM base;
INSERT INTO no_key SELECT grp, day, x, n, id FROM base WHERE id <= 40;
CREATE TABLE dense AS SELECT id, date '2024-01-01' + id % 3 AS day, x, n FROM base ORDER BY md5(id::text);
ALTER TABLE dense ADD PRIMARY KEY (id);
SELECT is(pg_temp.make(t || '_f', t, format('date_column => ''day'', numeric_columns => ''{x,n}'', category_columns => ''{}'', group_by => ''{%s}'', families => ''{rolling,period}'', rolling_windows => ''{3,40 days}'', running => ''{sum}''', g)) > 10
	AND pg_temp.differing(t || '_f') = 0, true, 'direct: ' || t)
FROM (VALUES ('text_key', 'grp'), ('two_keys', 'grp'), ('daily', 'grp'), ('no_key', 'grp'), ('dense', '')) AS v (t, g);
SELECT is(pg_temp.differing_at(t || '_f', t, 11), 0::bigint, 'one row: ' || t) FROM unnest(ARRAY['text_key', 'two_keys', 'daily', 'dense']) AS t;
SELECT is(pg_temp.differing_new(t || '_f', t, 37), 0::bigint, 'new rows: ' || t) FROM unnest(ARRAY['text_key', 'two_keys', 'daily', 'dense']) AS t;
SELECT is((SELECT count(*) FROM no_key_f AS v JOIN no_key AS input USING (id) WHERE id > 40 AND id % 11 = 0 AND echolon_features_at('no_key_f', input, NULL::no_key_f)::text IS DISTINCT FROM v::text), 0::bigint, 'one row: no key');
DO $$ BEGIN PERFORM echolon_drop_features(feature_set) FROM echolon.feature_sets; END $$;

-- times so far apart that they leave no room for the groups in one word of the sort
CREATE TABLE ages AS SELECT i AS id, i % 5 AS grp, CASE WHEN i % 3 = 0 THEN timestamp '4713-01-02 00:00 BC' WHEN i % 3 = 1 THEN timestamp '294276-12-31 23:59' ELSE timestamp '2024-01-01' END
	+ (i * 7919 % 100) * interval '1 second' * CASE WHEN i % 3 = 1 THEN -1 ELSE 1 END AS at, i::float8 AS x FROM generate_series(1, 600) AS i;
ALTER TABLE ages ADD PRIMARY KEY (id);
SELECT ok(pg_temp.make('ages_f', 'ages', $$'at', '{x}', '{}', '{grp}', families => '{rolling,period}', rolling_windows => '{3,1 hour}'$$) > 5, 'times of all ages');
SELECT is(pg_temp.differing('ages_f'), 0::bigint, 'direct: times of all ages');
SELECT is(pg_temp.differing_at('ages_f', 'ages', 11), 0::bigint, 'one row: times of all ages');

-- ---- every family, statistic and option; dates of all kinds
SELECT ok(pg_temp.make('every', 'base', $$'day', '{x,n,small,big}', '{grp,cat,kind,flag}', '{grp}', rolling_windows => '{7,7 days,1 month}',
	statistics => '{count,sum,mean,stddev,variance,min,max,first,last,median,slope,zscore}', lags => '{1,7}', min_periods => 2, ewma_spans => '{7}',
	running => '{sum,mean,stddev}', families => '{temporal,rolling,interaction,categorical,business,polynomial,scaling,period}',
	interactions => '{product,ratio,sum,difference}', scalings => '{standard,minmax,robust,percentile,bucket}', encodings => '{frequency,label,onehot}', revenue_column => 'n'$$) > 250, 'a set of everything');
SELECT is(pg_temp.differing('every'), 0::bigint, 'direct: everything');
SELECT is(pg_temp.differing_at('every', 'base', 17), 0::bigint, 'one row: everything');
SELECT is(pg_temp.differing_new('every', 'base', 97), 0::bigint, 'new rows: everything');
SELECT ok(pg_temp.make('odd_values', 'base', $$'day', '{odd}', '{}', '{grp}', rolling_windows => '{5,9 days}', statistics => '{count,sum,mean,stddev,min,max,median,slope,zscore}',
	min_periods => 1, running => '{sum,mean}', families => '{rolling,period}'$$) > 20, 'NaN and infinities');
SELECT is(pg_temp.differing('odd_values'), 0::bigint, 'direct: odd values');
SELECT is(pg_temp.differing_at('odd_values', 'base', 7), 0::bigint, 'one row: odd values');
SELECT ok(pg_temp.make('filled', 'base', $$'day', '{x,n,odd}', '{}', '{grp}', target => 'x', rolling_windows => '{3,20 days}', lags => '{1,5}', statistics => '{count,mean,first,zscore}', fill => 'forward', horizon => 2,
	ewma_spans => '{3}', families => '{rolling,period}'$$) > 20, 'filled, and two rows ahead');
SELECT is(pg_temp.differing('filled'), 0::bigint, 'direct: filled');
SELECT is(pg_temp.differing_at('filled', 'base', 7), 0::bigint, 'one row: filled');
SELECT is(pg_temp.differing_new('filled', 'base', 53), 0::bigint, 'new rows: filled');
SET TimeZone = 'Asia/Tokyo';
SELECT ok(pg_temp.make('zoned', 'base', $$'at', '{x}', '{}', '{flag}', rolling_windows => '{1 day,90 minutes}', statistics => '{count,mean}', min_periods => 1, families => '{temporal,rolling,period}', time_zone => 'Europe/Berlin'$$) > 20, 'timestamptz');
SET TimeZone = 'America/New_York';
SELECT is(pg_temp.differing('zoned'), 0::bigint, 'direct: over the change of the clocks of the set''s zone');
SELECT is(pg_temp.differing_at('zoned', 'base', 7), 0::bigint, 'one row: the same');
SET TimeZone = 'UTC';
SELECT ok(pg_temp.make('dateless', 'base', $$numeric_columns => '{x,n}', category_columns => '{cat}', families => '{interaction,categorical,polynomial}'$$) > 5, 'no date');
SELECT is(pg_temp.differing('dateless'), 0::bigint, 'direct: no date');
SELECT is(pg_temp.differing_at('dateless', 'base', 7), 0::bigint, 'one row: no date');
CREATE TABLE nothing (id int PRIMARY KEY, grp text, day date, x float8);
SELECT ok(pg_temp.make('of_nothing', 'nothing', $$'day', '{x}', '{}', '{grp}', families => '{rolling,period}'$$) > 5, 'no rows');
SELECT is(pg_temp.differing('of_nothing'), 0::bigint, 'direct: no rows');
INSERT INTO nothing VALUES (1, 'a', '2024-01-01', 2);
SELECT is(echolon_features_at('of_nothing', n, NULL::of_nothing)::text, (SELECT v::text FROM of_nothing AS v), 'the only row') FROM nothing AS n;

-- ---- with little memory the view is read
SET echolon.max_memory = '64kB';
SELECT is(pg_temp.differing('every'), 0::bigint, 'rows that do not fit into echolon.max_memory');
RESET echolon.max_memory;

-- ---- a column of other names, other relations
CREATE TABLE "odd ""names""" AS SELECT id AS "Id", grp AS "group", day AS "order", x AS "select", n AS "a""b" FROM base;
ALTER TABLE "odd ""names""" ADD PRIMARY KEY ("Id");
SELECT ok(pg_temp.make('quoted', '"odd ""names"""', $$'order', '{select,"a\"b"}', '{group}', '{group}', families => '{rolling,interaction,categorical,period}'$$) > 10, 'names that need quotes');
SELECT is(pg_temp.differing('quoted'), 0::bigint, 'direct: such names');
SELECT is((SELECT count(*) FROM quoted AS v JOIN "odd ""names""" AS o USING ("Id") WHERE "Id" % 17 = 0 AND echolon_features_at('quoted', o, NULL::quoted)::text IS DISTINCT FROM v::text), 0::bigint, 'one row: such names');
CREATE VIEW base_view AS SELECT id, grp, day, x, n FROM base;
CREATE TABLE parts (id int, grp text, day date, x float8, n numeric, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (500);
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT id, grp, day, x, n FROM base;
SELECT is(pg_temp.make(t || '_f', t, $$'day', '{x,n}', '{}', '{grp}', families => '{rolling,period}'$$) > 10 AND pg_temp.differing(t || '_f') = 0, true, 'direct: ' || t),
	is(pg_temp.differing_at(t || '_f', t, 17), 0::bigint, 'one row: ' || t) FROM unnest(ARRAY['base_view', 'parts']) AS t;

-- ---- what a materialized set stores
SELECT ok(pg_temp.make('stored', 'base', $$'day', '{x,n}', '{cat}', '{grp}', families => '{temporal,rolling,categorical,period}', materialized => true$$) > 20, 'a materialized set');
SELECT ok(pg_temp.make('computed', 'base', $$'day', '{x,n}', '{cat}', '{grp}', families => '{temporal,rolling,categorical,period}'$$) > 20, 'and the same as a view');
SELECT is_empty('(SELECT v::text FROM computed AS v) EXCEPT ALL (SELECT v::text FROM stored AS v)', 'it has the view''s rows');
SELECT is((SELECT count(*) FROM stored), (SELECT count(*) FROM base), 'and no others');
SELECT is((SELECT count(*) FROM base AS b WHERE id % 29 = 0 AND echolon_features_at('stored', b, NULL::stored)::text IS DISTINCT FROM echolon_features_at('computed', b, NULL::computed)::text), 0::bigint, 'one row of it');

-- ---- rows as people have them
SELECT is((SELECT echolon_features_at('computed', i, NULL::computed)::text FROM (SELECT id::bigint, day::timestamp, x::numeric, n::float8, 'more' AS more, grp::varchar, cat FROM base WHERE id = 500) AS i),
	(SELECT echolon_features_at('computed', i, NULL::computed)::text FROM (SELECT id, day, x, n, grp, cat FROM base WHERE id = 500) AS i), 'values are cast as by an INSERT');
SELECT is((SELECT to_jsonb(f) FROM echolon_features_at('computed', b, NULL::computed) AS f), to_jsonb(echolon_features_at('computed', b)), 'a record has the view''s columns') FROM base AS b WHERE id = 500;
SELECT is(pg_typeof(echolon_features_at('computed', b, NULL::computed)), 'computed'::regtype, 'and its type') FROM base AS b WHERE id = 500;
SELECT ok(echolon_features_at('computed', NULL::base) IS NULL AND echolon_features_at(NULL, b) IS NULL, 'NULL for a NULL row or name') FROM base AS b WHERE id = 500;
CREATE FUNCTION pg_temp.pick(id int) RETURNS record LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	IF id % 2 = 0 THEN
		SELECT * INTO r FROM base AS b WHERE b.id = pick.id;
	ELSE
		SELECT n, x, day, cat, grp, b.id INTO r FROM base AS b WHERE b.id = pick.id;
	END IF;
	RETURN r;
END
$$;
SELECT is((SELECT array_agg((echolon_features_at('computed', pg_temp.pick(i), NULL::computed)).x_roll7_mean ORDER BY i) FROM generate_series(490, 495) AS i), (SELECT array_agg(x_roll7_mean ORDER BY id) FROM computed AS v WHERE id BETWEEN 490 AND 495), 'row types that change within a call site');
CREATE TYPE narrow AS (x_lag1 float8, id int);
SELECT is((echolon_features_at('computed', b, NULL::narrow)).x_lag1, (SELECT x_lag1 FROM computed WHERE id = 500), 'some of the columns') FROM base AS b WHERE id = 500;
SELECT is((SELECT echolon_features_at('computed', i)::text FROM (SELECT day, grp, x, n, cat FROM base WHERE id = 500) AS i), (SELECT echolon_features_at('computed', i)::text FROM (SELECT NULL::int AS id, day, grp, x, n, cat FROM base WHERE id = 500) AS i), 'a column that is not there is NULL');
SELECT lives_ok($$SELECT echolon_train_gb('computed', 'n', n_estimators => 3, model => 'by_features')$$, 'trained on the set');
SELECT is(echolon_predict('by_features', echolon_features_at('computed', b)), echolon_predict('by_features', c), 'predictions of both')
FROM base AS b JOIN computed AS c USING (id) WHERE id = 500;

SELECT is(pg_temp.error_of(statement), expected, what) FROM (VALUES
	('SELECT echolon_features_at(''computed'', i) FROM (SELECT id, grp, x FROM base) AS i', '42703 column "day" that feature set "computed" needs is not in the row | The row''s columns are "id", "grp", "x". | Columns are matched by name: add it to the row, as in FROM (SELECT ... AS day, ...) AS input.', 'no date'),
	('SELECT echolon_features_at(''computed'', i) FROM (SELECT id, grp AS grb, day FROM base) AS i', '42703 column "grp" that feature set "computed" needs is not in the row | The row''s columns are "id", "grb", "day". | Columns are matched by name: if "grb" is meant, rename it in a subquery, as in FROM (SELECT grb AS grp, ...) AS input.', 'no group'),
	('SELECT echolon_features_at(''computed'', i) FROM (SELECT id, grp, day, x, x FROM base) AS i', '42702 column "x" is in the row more than once | Select only one of them, or rename the others in the subquery.', 'twice'),
	('SELECT echolon_features_at(''computed'', i) FROM (SELECT id, grp, day, flag AS x FROM base) AS i', '42804 column "x" is of type boolean in the row, but double precision in public.base | Cast it in a subquery, as in FROM (SELECT ... x::double precision, ...) AS input.', 'another type'),
	('SELECT echolon_features_at(''computed'', i) FROM (SELECT id, grp, day, ''1'' AS x FROM base) AS i', '42804 column "x" is of type text in the row, but double precision in public.base | Cast it in a subquery, as in FROM (SELECT ... x::double precision, ...) AS input.', 'a text'),
	('SELECT echolon_features_at(''computed'', b, 1) FROM base AS b', '42804 the third argument of echolon_features_at is of type integer, which is no named row type | Give a NULL of the view''s row type: NULL::public.computed.', 'no row type'),
	('SELECT echolon_features_at(''computed'', b, NULL::text_key) FROM base AS b', '42804 feature set "computed" has no column "code" of type text | It is a column of the row type text_key. | Give a NULL of the view''s row type: NULL::public.computed.', 'another row type'),
	('SELECT * FROM echolon_feature_rows(''computed'') AS f (id int)', '42804 the column definitions are not the columns of feature set "computed" | Column 2, "grp" text, is not defined. | The view of the set has these columns, and is easier to read.', 'too few columns'),
	('SELECT * FROM echolon_feature_rows(''of_nothing'') AS f (id int, grp text, x float8, day date)', '42804 the column definitions are not the columns of feature set "of_nothing" | Column 3 is "day" date, defined is "x" double precision. | The view of the set has these columns, and is easier to read.', 'columns of another order')
	) AS v (statement, expected, what);
SELECT matches(pg_temp.error_of('SELECT echolon_features_at(''computes'', b) FROM base AS b'), 'feature set "computes" does not exist', 'no such set');
SELECT is((SELECT ROW(f.id, f.x, f.n, f.cat)::text FROM (SELECT 1 AS id, 'g1' AS grp, date '2024-01-01' AS day, NULL AS x, '2' AS cat, 3 AS n) AS i,
	LATERAL echolon_features_at('computed', i, NULL::computed) AS f), '(1,,3.000,2)', 'an untyped NULL is none of a text');

-- ---- sums that leave the range of double precision: an error in both
CREATE TABLE huge AS SELECT i AS id, date '2024-01-01' + i AS day, 1.7e308::float8 AS v FROM generate_series(1, 4) AS i;
ALTER TABLE huge ADD PRIMARY KEY (id);
SELECT ok(pg_temp.make('overflowing', 'huge', $$'day', '{v}', '{}', families => '{rolling}', rolling_windows => '{2}', statistics => '{sum}'$$) > 0, 'a sum of huge values');
SELECT is(pg_temp.error_of('SELECT * FROM overflowing'), '22003 value out of range: overflow', 'the view''s error');
SELECT is(pg_temp.error_of(format('SELECT * FROM echolon_feature_rows(''overflowing'') AS f (%s)', pg_temp.definitions('overflowing'))), '22003 value out of range: overflow', 'the direct path''s');
SELECT is(pg_temp.error_of('SELECT echolon_features_at(''overflowing'', h) FROM huge AS h WHERE id = 4'), '22003 value out of range: overflow', 'that of one row');

-- ---- rights are the caller's
CREATE ROLE echolon_direct_reader;
GRANT SELECT ON computed, every TO echolon_direct_reader;
CREATE FUNCTION pg_temp.rows(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM echolon_feature_rows(%L) AS f (%s)', name, pg_temp.definitions(name)) INTO n;
	RETURN n;
END
$$;
SELECT lives_ok('SELECT echolon_features_at(''computed'', i) FROM (SELECT 1 AS id, ''g1'' AS grp, date ''2023-06-01'' AS day, 2.0 AS x, 3 AS n, ''a'' AS cat) AS i', 'its owner reads');
SET ROLE echolon_direct_reader;
SELECT is(pg_temp.error_of('SELECT pg_temp.rows(''computed'')'), '42501 permission denied for table base', 'no right to the relation: direct');
SELECT is(pg_temp.error_of('SELECT echolon_features_at(''computed'', i) FROM (SELECT 1 AS id, ''g1'' AS grp, date ''2023-06-01'' AS day, 2.0 AS x, 3 AS n, ''a'' AS cat) AS i'),
	'42501 permission denied for table base', 'one row');
SELECT matches(pg_temp.error_of('SELECT echolon_features_at(''odd_values'', i) FROM (SELECT 1 AS id) AS i'), 'does not exist', 'no right to the view');
RESET ROLE;
GRANT SELECT ON base TO echolon_direct_reader;
ALTER TABLE base ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON base FOR SELECT TO echolon_direct_reader USING (id % 2 = 0);
SET ROLE echolon_direct_reader;
SELECT is(pg_temp.differing('computed'), 0::bigint, 'row-level security: direct as the view');
SELECT is(pg_temp.rows('computed'), 600::bigint, 'half of the rows');
SELECT is(pg_temp.differing_at('computed', 'base', 22), 0::bigint, 'one row as the view');
RESET ROLE;
SELECT is(pg_temp.rows('computed'), 1200::bigint, 'the owner reads all of them');
SELECT is(pg_temp.differing_at('computed', 'base', 11), 0::bigint, 'also one row, by the plan that was the other role''s');
ALTER TABLE base DISABLE ROW LEVEL SECURITY;

-- ---- it stands for the view only while the view is what the set says: what is learned is what the view shows
CREATE FUNCTION pg_temp.learned(relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	digest text;
BEGIN
	PERFORM echolon_train_rf(relation::regclass, 'n', features => '{x,x_lag1,x_roll7_mean}', n_estimators => 3, test_fraction => 0, model => 'learned');
	SELECT v.digest INTO digest FROM echolon.model_versions AS v WHERE model = 'learned';
	PERFORM echolon_drop_model('learned');
	RETURN digest;
END
$$;
-- One who may read only some columns of the relation gets them by the direct path, and nothing by the view.
CREATE TEMP TABLE first AS SELECT pg_temp.learned('computed') AS digest, rtrim(pg_get_viewdef('computed'::regclass), ';') AS definition;
REVOKE SELECT ON base FROM echolon_direct_reader;
GRANT SELECT (id, grp, day, x, n) ON base TO echolon_direct_reader;
CREATE FUNCTION pg_temp.reader_learned() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	SET LOCAL ROLE echolon_direct_reader;
	BEGIN
		result := pg_temp.learned('computed');
	EXCEPTION WHEN OTHERS THEN
		result := SQLERRM;
	END;
	RESET ROLE;
	RETURN result;
END
$$;
CREATE FUNCTION pg_temp.replace_view(before text, after text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE (SELECT format('CREATE OR REPLACE VIEW computed WITH (security_invoker = true) AS %s', replace(definition, before, after)) FROM first);
END
$$;
SELECT is(pg_temp.reader_learned(), digest, 'the direct path reads no more columns than are asked for') FROM first;
SELECT pg_temp.replace_view('', '') \g /dev/null
SELECT is(pg_temp.reader_learned(), digest, 'replaced by the same query') FROM first;
SELECT pg_temp.replace_view('x_windows[1]', 'x_windows[2]') \g /dev/null
SELECT is(pg_temp.reader_learned(), 'permission denied for table base', 'another number: the view is read');
SELECT isnt(pg_temp.learned('computed'), digest, 'and shows it') FROM first;
DO $$ BEGIN EXECUTE (SELECT format('CREATE OR REPLACE VIEW computed WITH (security_invoker = true) AS SELECT * FROM (%s) AS v WHERE id > 100', definition) FROM first); END $$;
SELECT is(pg_temp.reader_learned(), 'permission denied for table base', 'a condition');
SELECT pg_temp.replace_view('', '') \g /dev/null
ALTER VIEW computed RENAME COLUMN x_lag1 TO x_before;
ALTER VIEW computed RENAME COLUMN x_roll7_mean TO x_lag1;
ALTER VIEW computed RENAME COLUMN x_before TO x_roll7_mean;
SELECT is(pg_temp.reader_learned(), 'permission denied for table base', 'columns that have changed names');
ALTER VIEW computed RENAME COLUMN x_lag1 TO x_before;
ALTER VIEW computed RENAME COLUMN x_roll7_mean TO x_lag1;
ALTER VIEW computed RENAME COLUMN x_before TO x_roll7_mean;
SELECT is(pg_temp.reader_learned(), digest, 'and back') FROM first;
ALTER VIEW computed RESET (security_invoker);
SELECT is(pg_temp.reader_learned(), digest, 'a view with its owner''s rights is read with them') FROM first;
REVOKE ALL (id, grp, day, x, n) ON base FROM echolon_direct_reader;
SELECT is(pg_temp.reader_learned(), digest, 'by one without any') FROM first;
ALTER VIEW computed SET (security_invoker = true);
SELECT is(pg_temp.reader_learned(), 'permission denied for table base', 'which are gone again');
ALTER TABLE base RENAME COLUMN small TO smaller;
SELECT is(pg_temp.learned('computed'), digest, 'a column of the relation has another name: the view is read') FROM first;
ALTER TABLE base RENAME COLUMN x TO z;
ALTER TABLE base RENAME COLUMN smaller TO small;
ALTER TABLE base ADD COLUMN x text;
SELECT is(pg_temp.learned('computed'), digest, 'another column, of another type, has taken its name') FROM first;

SELECT * FROM finish();
ROLLBACK;

-- Feature sets where nothing is as it should be: relations altered under them, odd types and names, settings,
-- and numbers at the end of their range.
\ir setup.psql
SELECT * FROM no_plan();

-- How many rows differ between a set's view, the direct path and echolon_features_at of each of its rows, to the last bit.
CREATE FUNCTION pg_temp.differences(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	v regclass;
	relation regclass;
	columns text;
	n bigint;
BEGIN
	SELECT s.view::regclass, s.relation::regclass INTO v, relation FROM echolon.feature_sets AS s WHERE feature_set = name;
	SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) INTO columns
	FROM pg_attribute WHERE attrelid = v AND attnum > 0;
	EXECUTE format('WITH v__ AS (SELECT record_send(v__) AS bytes, count(*) FROM %1$s AS v__ GROUP BY 1),
		d__ AS (SELECT record_send(d__), count(*) FROM echolon_feature_rows(%3$L) AS d__ (%4$s) GROUP BY 1),
		a__ AS (SELECT record_send(echolon_features_at(%3$L, a__, NULL::%1$s)), count(*) FROM %2$s AS a__ GROUP BY 1)
		SELECT (SELECT count(*) FROM (SELECT * FROM v__ EXCEPT SELECT * FROM d__) AS x)
			+ (SELECT count(*) FROM (SELECT * FROM v__ EXCEPT SELECT * FROM a__) AS y)', v, relation, name, columns) INTO n;
	RETURN n;
END
$$;

-- ---- a relation that is altered under a session

CREATE TABLE place (id int PRIMARY KEY, day date, v numeric, n int, grp text);
INSERT INTO place SELECT i, date '2024-01-01' + i / 2, i * 1.5, -i, 'g' || i % 3 FROM generate_series(1, 60) AS i;
SELECT lives_ok($$SELECT echolon_create_features('altered', 'place', 'day', '{v,n}', '{grp}', '{grp}', families => '{rolling,categorical,period}')$$, 'a set');
SELECT is(pg_temp.differences('altered'), 0::bigint, 'of which three ways agree');
ALTER TABLE place RENAME TO old_place;
CREATE TABLE place (LIKE old_place INCLUDING ALL);
INSERT INTO place SELECT id, day, 1000, 1000, grp FROM old_place;
SELECT is(pg_temp.differences('altered'), 0::bigint, 'another table at the place of a renamed one is not read');
CREATE SCHEMA elsewhere;
ALTER TABLE old_place SET SCHEMA elsewhere;
SELECT is(pg_temp.differences('altered'), 0::bigint, 'nor after it has moved');
ALTER SCHEMA elsewhere RENAME TO somewhere;
SELECT is(pg_temp.differences('altered'), 0::bigint, 'or its schema was renamed');
ALTER TABLE somewhere.old_place DROP CONSTRAINT place_pkey, ADD PRIMARY KEY (day, id);
SELECT is(pg_temp.differences('altered'), 0::bigint, 'another key');

-- columns change their names, so that what was a number by reference is one by value
CREATE FUNCTION pg_temp.swap() RETURNS int LANGUAGE sql AS $$
	ALTER TABLE somewhere.old_place RENAME v TO x;
	ALTER TABLE somewhere.old_place RENAME n TO v;
	ALTER TABLE somewhere.old_place RENAME x TO n;
	SELECT 1;
$$;
SELECT pg_temp.swap() \g /dev/null
SELECT matches(pg_temp.error_of($$SELECT echolon_features_at('altered', p, NULL::altered) FROM somewhere.old_place AS p$$), 'column "v" of somewhere.old_place was renamed',
	'columns that have exchanged their names are no longer those of the view');
SELECT pg_temp.swap() \g /dev/null
SELECT is(pg_temp.differences('altered'), 0::bigint, 'and are again when they are back');
SELECT matches(pg_temp.error_of($$SELECT echolon_features_at('altered', p, NULL::altered), pg_temp.swap()
	FROM (SELECT 1000 + i AS id, date '2025-01-01' AS day, 1.0 AS v, 1 AS n, 'g1' AS grp FROM generate_series(1, 3) AS i) AS p$$), 'was altered while',
	'also where that happens within a statement');
SELECT is(pg_temp.differences('altered'), 0::bigint, 'which is undone');

-- a column is renamed, and another one gets its name: the view goes on, the rest must not take the other one
ALTER TABLE somewhere.old_place RENAME v TO old_v;
ALTER TABLE somewhere.old_place ADD v numeric DEFAULT 7;
SELECT is((SELECT state FROM echolon.feature_sets WHERE feature_set = 'altered'), 'column "v" renamed', 'a column that is no longer what it was');
SELECT matches(pg_temp.error_of(statement), 'column "v" of somewhere.old_place was renamed .*"old_v"', 'is not read by: ' || statement)
FROM unnest(ARRAY['SELECT echolon_refresh_features(''altered'')', 'SELECT pg_temp.differences(''altered'')',
	'SELECT echolon_features_at(''altered'', p) FROM somewhere.old_place AS p']) AS statement;
SELECT is((SELECT sum(v) FROM altered), (SELECT sum(old_v) FROM somewhere.old_place), 'though the view shows it');
ALTER TABLE somewhere.old_place DROP v;
ALTER TABLE somewhere.old_place RENAME old_v TO v;
SELECT is((SELECT state FROM echolon.feature_sets WHERE feature_set = 'altered'), 'ready', 'all is well when it has its name again');
SELECT is(pg_temp.differences('altered'), 0::bigint, 'in every way');

-- ---- settings of the session

SET intervalstyle = postgres_verbose;
SELECT lives_ok($$SELECT echolon_create_features('verbose', 'place', 'day', '{v}', families => '{rolling}', rolling_window => interval '7 days')$$,
	'an interval is a window in any IntervalStyle');
SET intervalstyle = iso_8601;
SELECT lives_ok($$SELECT echolon_create_features('iso', 'place', 'day', '{v}', families => '{rolling}', rolling_window => interval '7 days')$$, 'as in this one');
SELECT is((SELECT array_agg(expression ORDER BY feature) FROM echolon_feature_summary('iso')),
	(SELECT array_agg(expression ORDER BY feature) FROM echolon_feature_summary('verbose')), 'and the features are the same');
RESET intervalstyle;

-- ---- types that are no numbers, not of one word, of variable length, that have no order

CREATE DOMAIN day_of_ours AS date;
CREATE DOMAIN positive AS numeric CHECK (value > -1e6);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE odd (id bigserial, day day_of_ours, pos positive, m mood, numbers int[], j json, jb jsonb, p pair, ch char(5), vc varchar(7), cash money,
	span interval, x xid, x8 xid8, n numeric, f4 float4, b bool, u uuid, bytes bytea, pt point, r int4range, bits bit(3), nm name, o oid, words tsvector,
	t time, address inet, at timestamptz, c "char", gone int, made float8 GENERATED ALWAYS AS (f4 * 2) STORED);
ALTER TABLE odd DROP COLUMN gone;
INSERT INTO odd (day, pos, m, numbers, j, jb, p, ch, vc, cash, span, x, x8, n, f4, b, u, bytes, pt, r, bits, nm, o, words, t, address, at, c)
SELECT CASE WHEN i % 17 = 0 THEN date 'infinity' WHEN i % 19 = 0 THEN '-infinity' WHEN i % 23 <> 0 THEN date '2020-01-01' + i / 3 END,
	CASE WHEN i % 11 = 0 THEN 'NaN'::numeric ELSE i END, (ARRAY['sad', 'ok', 'glad'])[1 + i % 3]::mood, ARRAY[i % 4], '{}', '{}', ROW(i % 3, 'x')::pair, 'c' || i % 4,
	'v' || i % 5, i::money, i % 5 * interval '1 day', '1', '1',
	CASE WHEN i % 13 = 0 THEN 'Infinity'::numeric WHEN i % 29 = 0 THEN '1e300' WHEN i % 7 = 0 THEN '-Infinity' ELSE i * 1.1 END,
	CASE WHEN i % 31 = 0 THEN 'NaN'::float4 ELSE i END, i % 2 = 0, ('00000000-0000-0000-0000-00000000000' || i % 9)::uuid, 'x', '(1,2)',
	int4range(1, 2 + i % 3), B'101', 'n' || i % 3, i % 4, 'a b', '10:00', '10.0.0.1', '2020-01-01'::timestamptz + i * interval '5 hours', 'a'
FROM generate_series(1, 300) AS i;
SELECT lives_ok($$SELECT echolon_create_features('odd_all', 'odd', 'day', families => '{temporal,rolling,interaction,categorical,business,polynomial,scaling,period}',
	encodings => '{frequency,label,onehot}', scalings => '{standard,minmax,robust,percentile,bucket}', fill => 'forward', group_by => '{m,b}',
	rolling_windows => '{3,7 days}', running => '{sum,median}')$$, 'odd types');
SELECT is(pg_temp.differences('odd_all'), 0::bigint, 'all families of them');
SELECT is((SELECT sum(pg_temp.differences(feature_set)) FROM (
		SELECT feature_set FROM unnest(ARRAY['{r}', '{numbers,cash}', '{p,span}', '{x8,f4,words,bits,n}', '{ch,u}', '{nm,c,t,address}']) WITH ORDINALITY AS g (columns, i),
			LATERAL echolon_create_features('odd_' || i, 'odd', 'at', '{n,pos,f4}', '{}', columns::name[], families => '{rolling,period}', time_zone => 'America/New_York') AS f) AS sets), 0::numeric,
	'groups of odd types');
SELECT matches(pg_temp.error_of($$SELECT echolon_create_features('odd_j', 'odd', 'at', group_by => '{j}')$$), 'column "j" cannot be in group_by', 'json has no order');

-- ---- names

CREATE SCHEMA "Sch ""q'x";
CREATE TABLE "Sch ""q'x"."<script>alert('x')</script>" (s int PRIMARY KEY, w text, "a""b" float8, "c'd\e" float8, "select" numeric,
	"日本語日本語日本語日本語日本語日本語日本" float8, at timestamptz, "{a,b}" text, "new
line" text, "$1" float8, "%s" float8, " " text, revenue float8, revenue_windows float8, revenue_windows_ float8, revenue_total float8, revenue_place float8);
INSERT INTO "Sch ""q'x"."<script>alert('x')</script>"
SELECT i, 'g' || i % 2, i, -i, i * 1.5, i * 2, timestamptz '2024-01-01' + i * interval '1 hour', 'x' || i % 2, 'y' || i % 3, i, i, ' ' || i % 4, i, -i, 2 * i, 3 * i, 4 * i
FROM generate_series(1, 50) AS i;
SELECT lives_ok($$SELECT echolon_create_features('"Sch ""q''x"."set ''q"" \ <b>"', '"Sch ""q''x"."<script>alert(''x'')</script>"', 'at', group_by => '{w}',
	families => '{temporal,rolling,interaction,categorical,business,polynomial,scaling,period}', encodings => '{frequency,label,onehot}',
	scalings => '{standard,minmax,robust,percentile,bucket}', engagement_columns => ARRAY['%s', 'a"b']::name[], revenue_column => '$1', time_zone => 'UTC')$$, 'odd names');
SELECT is(pg_temp.differences('"Sch ""q''x"."set ''q"" \ <b>"'), 0::bigint, 'are of no importance');
SELECT is(echolon_refresh_features('"Sch ""q''x"."set ''q"" \ <b>"'), 50::bigint, 'nor for a refresh');

-- ---- what would be made and could not be used

CREATE TABLE weighed AS SELECT i AS id, i::float8 AS a, -i::float8 AS b FROM generate_series(1, 10) AS i;
SELECT matches(pg_temp.error_of($$SELECT echolon_create_features('heavy', 'weighed', engagement_columns => '{a,b}', engagement_weights => '{1e308,1e308}')$$),
	'sum of engagement_weights is out of range', 'weights that no mean can be made by');
SELECT matches(pg_temp.error_of($$SELECT echolon_create_features('pg_temp.passing', 'weighed')$$), 'cannot be a temporary one', 'a view that ends with the session');

-- a date that is no timestamp is an error where there are windows, and only there
CREATE TABLE late AS SELECT i AS id, CASE WHEN i = 5 THEN date '5874897-12-31' ELSE date '2024-01-01' + i END AS day, i AS n FROM generate_series(1, 9) AS i;
SELECT lives_ok($$SELECT echolon_create_features('late_parts', 'late', 'day', families => '{temporal}')$$, 'a date beyond all timestamps');
SELECT is(pg_temp.differences('late_parts'), 0::bigint, 'has calendar parts');

-- the view of a materialized set does not see that a column of the relation is renamed: the refresh does
CREATE TABLE kept AS SELECT i AS id, date '2024-01-01' + i AS day, i % 7 AS v FROM generate_series(1, 50) AS i;
SELECT echolon_create_features('kept_set', 'kept', 'day', '{v}', '{}', materialized => true);
ALTER TABLE kept RENAME COLUMN v TO w;
SELECT matches(pg_temp.error_of($$SELECT echolon_refresh_features('kept_set')$$),
	'column "v" of public.kept, which feature set "kept_set" is made of, does not exist any more .*give it its name again',
	'a materialized set says which column is gone');
ALTER TABLE kept RENAME COLUMN w TO v;
SELECT lives_ok($$SELECT echolon_refresh_features('kept_set')$$, 'and is refreshed when it is back');

SELECT * FROM finish();
ROLLBACK;

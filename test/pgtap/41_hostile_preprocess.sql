-- Views of cleaned rows under names, types and search paths that nobody expects.
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE goods (id int, price float8, code char(4), label varchar(6), note text);
INSERT INTO goods
SELECT i, CASE WHEN i % 9 = 0 THEN NULL WHEN i % 50 = 0 THEN 1e6 ELSE i * 37 % 101 END, CASE WHEN i % 4 = 0 THEN NULL ELSE 'c' || i % 3 END,
	CASE WHEN i % 5 = 0 THEN NULL ELSE 'l' || i % 2 END, 'n' || i % 7
FROM generate_series(1, 300) AS i;
INSERT INTO goods SELECT * FROM goods WHERE id <= 5;

-- ---- a column that comes later

SELECT lives_ok($$SELECT echolon_preprocess('goods_clean', 'goods', exclude => '{id}')$$, 'a view without duplicates');
CREATE TEMP TABLE before AS SELECT pg_get_viewdef('goods_clean'::regclass) AS definition, (SELECT count(*) FROM goods_clean) AS n;
ALTER TABLE goods ADD duplicate_number int DEFAULT 7, ADD stranger xml;
SET client_min_messages = error;
SELECT is(pg_temp.error_of($$SELECT echolon_refresh_preprocess('goods_clean')$$), 'no error', 'a new column may have the name that the view uses itself');
SET client_min_messages = warning;
SELECT is(pg_get_viewdef('goods_clean'::regclass), definition, 'and leaves the view as it was') FROM before;
SELECT is((SELECT count(*) FROM goods_clean), n, 'its rows too') FROM before;
SELECT is(pg_temp.error_of('ALTER TABLE goods DROP duplicate_number, DROP stranger'), 'no error', 'which does not hold on to it');

-- ---- one row is what the view shows

SELECT is((SELECT count(*)::int FROM goods_clean), 300, 'of 305 rows five are duplicates');
SELECT is((SELECT count(*)::int FROM goods_clean AS v JOIN (SELECT DISTINCT * FROM goods) AS g USING (id) WHERE echolon_preprocess_row('goods_clean', ROW(g.*)::goods) IS DISTINCT FROM to_jsonb(v)), 0, 'also where character(4) was filled');
CREATE TEMP TABLE usual AS SELECT mode() WITHIN GROUP (ORDER BY code)::text AS code FROM (SELECT DISTINCT * FROM goods) AS g;
SELECT is(echolon_preprocess_row('goods_clean', s) ->> 'code', (SELECT code FROM usual), 'a text has no blanks')
FROM (SELECT 1 AS id, 2.0::float8 AS price, NULL::text AS code, 'x' AS label, 'n' AS note) AS s;
SELECT is(echolon_preprocess_row('goods_clean', s) ->> 'code', (SELECT code FROM usual), 'a type that is too short for it is no error')
FROM (SELECT 1 AS id, 2.0::float8 AS price, NULL::char(1) AS code, 'x' AS label, 'n' AS note) AS s;

-- ---- operators of others

CREATE SCHEMA shadow;
CREATE FUNCTION shadow.hit(float8, float8) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'an operator of the search path was called'; END$$;
CREATE FUNCTION shadow.hit(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'an operator of the search path was called'; END$$;
CREATE OPERATOR shadow.>= (FUNCTION = shadow.hit, LEFTARG = float8, RIGHTARG = float8);
CREATE OPERATOR shadow.<= (FUNCTION = shadow.hit, LEFTARG = float8, RIGHTARG = float8);
CREATE OPERATOR shadow.= (FUNCTION = shadow.hit, LEFTARG = float8, RIGHTARG = float8);
CREATE OPERATOR shadow.= (FUNCTION = shadow.hit, LEFTARG = text, RIGHTARG = text);
CREATE TYPE shadow.float8 AS (a int);
CREATE FUNCTION pg_temp.shadowed(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	path text := current_setting('search_path');
	result text;
BEGIN
	PERFORM set_config('search_path', 'shadow, pg_catalog, public', true);
	result := pg_temp.error_of(statement);
	PERFORM set_config('search_path', path, true);
	RETURN result;
END
$$;
SELECT is(pg_temp.shadowed($$SELECT public.echolon_preprocess('public.goods_fenced', 'public.goods', outliers => 'remove', scale => 'standard', missing_indicators => true, exclude => '{id}')$$), 'no error', 'a view made under a search path with operators of its own');
SELECT is((SELECT count(*)::int FROM public.goods_fenced), (SELECT count(*)::int FROM (SELECT DISTINCT * FROM goods WHERE price IS NULL OR price < 1e6) AS g), 'calls none of them');
SELECT is(pg_temp.shadowed($$SELECT public.echolon_refresh_preprocess('public.goods_fenced')$$), 'no error', 'nor does a refresh');
SELECT is(pg_temp.error_of('SELECT count(*) FROM public.goods_fenced'), 'no error', 'bring them in');

SELECT * FROM finish();
ROLLBACK;

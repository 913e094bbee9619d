-- 26: the plan node that stands for echolon_feature_rows in FROM gives the view's rows, whichever columns are wanted,
-- from memory, by the view's query, and without an order; as the function does.
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.plan(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan jsonb; BEGIN EXECUTE 'EXPLAIN (FORMAT JSON, COSTS OFF) ' || query INTO plan; RETURN plan; END $$;
CREATE FUNCTION pg_temp.is_node(query text) RETURNS boolean LANGUAGE sql AS $$
SELECT jsonb_path_exists(pg_temp.plan(query), 'strict $.** ? (@."Custom Plan Provider" == "EcholonFeatureRows")') $$;
-- "name type, …" of a view's columns
CREATE FUNCTION pg_temp.definitions(view regclass) RETURNS text LANGUAGE sql AS $$
SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = view AND attnum > 0 $$;
-- how many rows of these columns, under this condition, are in one of view and function only
CREATE FUNCTION pg_temp.differ(view text, columns text, condition text DEFAULT 'true') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	direct text := format('SELECT %s FROM echolon_feature_rows(%L) AS f (%s) WHERE %s', columns, view, pg_temp.definitions(view), condition);
	plain text := format('SELECT %s FROM %s AS f WHERE %s', columns, view, condition);
	different bigint;
BEGIN
	IF NOT pg_temp.is_node(direct) THEN
		RAISE 'no node';
	END IF;
	EXECUTE format('SELECT count(*) FROM ((%1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL %1$s)) AS s', direct, plain) INTO different;
	RETURN different;
END $$;

CREATE TABLE base AS
SELECT id, 'shop ' || id % 7 AS shop, CASE WHEN id % 97 > 0 THEN date '2024-01-01' + id * 31 % 200 END AS day,
	CASE WHEN id % 11 > 0 THEN id * 7919 % 997 / 7.0::float8 END AS v, (id * 31 % 89)::numeric / 10 AS n, repeat('long ', id % 9 * 300) AS remark
FROM generate_series(1, 1500) AS id;
ALTER TABLE base ADD PRIMARY KEY (id);
SELECT features > 20 AS ok FROM echolon_create_features('f', 'base', 'day', '{v,n}', '{shop}', '{shop}', families => '{temporal,rolling,period,categorical}', running => '{sum,mean}') \gset
SELECT ok(:'ok', 'a set');

-- ---- each column alone, beside others, under conditions
SELECT is(pg_temp.differ('f', quote_ident(attname)), 0::bigint, attname || ' alone')
FROM pg_attribute WHERE attrelid = 'f'::regclass AND attnum > 0 ORDER BY attnum;
SELECT is(pg_temp.differ('f', columns, condition), 0::bigint, concat_ws(' WHERE ', columns, condition)) FROM (VALUES
	('v_roll7_mean, id', 'true'), ('n_share, remark, v_cumsum, id', 'v_lag1 > 50'), ('id, v_roll7_mean + n_lag1 AS sum', 'day_month = 3 AND shop <> ''shop 3'''),
	('count(*), sum(id)', 'v_rank < 4'), ('1 AS one', 'true'), ('id', 'v_roll7_mean IS NULL'), ('shop, count(*), max(n_cumsum) OVER ()', 'true GROUP BY shop, n_cumsum'),
	('remark, day, id', 'id BETWEEN 3 AND 30')) AS v (columns, condition);

-- ---- where it cannot stand, the function does
SELECT pg_temp.definitions('f') AS definitions \gset
SELECT NOT pg_temp.is_node($$SELECT f FROM echolon_feature_rows('f') AS f ($$ || :'definitions' || ')') AS ok \gset
SELECT ok(:'ok', 'the whole row');
SELECT NOT pg_temp.is_node($$SELECT id FROM ROWS FROM (echolon_feature_rows('f') AS ($$ || :'definitions' || ')) WITH ORDINALITY') AS ok \gset
SELECT ok(:'ok', 'WITH ORDINALITY');
SELECT is((SELECT count(*) FROM (SELECT f FROM echolon_feature_rows('f') AS f (:definitions)) AS d JOIN f ON (d.f).id = f.id
	WHERE (d.f).v_roll7_mean IS NOT DISTINCT FROM f.v_roll7_mean AND (d.f).n_cumsum IS NOT DISTINCT FROM f.n_cumsum), 1500::bigint, 'the same rows');

-- ---- names: of a parameter, an outer row, NULL, none
PREPARE named(text) AS SELECT count(*), sum(v_lag1) FROM echolon_feature_rows($1) AS f (:definitions);
SET plan_cache_mode = force_generic_plan;
CREATE FUNCTION pg_temp.named(name text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE format('EXECUTE named(%L)', name) INTO n; RETURN n; END $$;
SELECT is(pg_temp.named('f'), 1500::bigint, 'a parameter');
SELECT is(pg_temp.named(NULL), 0::bigint, 'NULL: no rows');
SELECT throws_ok($$EXECUTE named('none')$$, '42704', NULL, 'no such set');
RESET plan_cache_mode;
SELECT is(array_agg(n), '{1500,0,1500}'::bigint[], 'of an outer row, read again for each') FROM (SELECT (SELECT count(v_cumsum) + count(*) - count(v_cumsum) FROM echolon_feature_rows(name) AS f (:definitions)) AS n
	FROM unnest('{f,NULL,f}'::text[]) AS name) AS s;
-- the same rows several times
SELECT is(count(*), 3 * 1500::bigint, 'read once, given again') FROM generate_series(1, 3) AS k LEFT JOIN (SELECT id, v_lag1 FROM echolon_feature_rows('f') AS f (:definitions) OFFSET 0) AS s ON s.id + k > 0;
SET enable_material = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SELECT is(count(*) FILTER (WHERE s.v_lag1 IS NOT DISTINCT FROM f.v_lag1), 1200::bigint, 'a nested loop over it') FROM (SELECT * FROM f LIMIT 1200) AS f, echolon_feature_rows('f') AS s (:definitions) WHERE s.id = f.id;
RESET enable_material; RESET enable_hashjoin; RESET enable_mergejoin;

-- ---- other ways to the rows
SET echolon.max_memory = '64kB';
SELECT is(pg_temp.differ('f', 'id, v_roll7_mean, n_cumsum, remark'), 0::bigint, 'by the view''s query, where they do not fit into memory');
SELECT is(count(*) FILTER (WHERE s.v_lag1 IS NOT DISTINCT FROM f.v_lag1), 20::bigint, 'and again') FROM (SELECT * FROM f LIMIT 20) AS f CROSS JOIN LATERAL (SELECT * FROM echolon_feature_rows('f') AS s (:definitions) WHERE s.id = f.id OFFSET 0) AS s;
RESET echolon.max_memory;
SELECT is(pg_temp.differ('f', 'id, day_month, shop_freq'), 0::bigint, 'without an order');
DELETE FROM base;
SELECT is(pg_temp.named('f'), 0::bigint, 'an empty table');

-- ---- definitions are checked, whatever is wanted; rights are those of the function
SELECT throws_ok($$SELECT count(*) FROM echolon_feature_rows('f') AS f (id int)$$, '42804', NULL, 'too few');
REVOKE EXECUTE ON FUNCTION echolon_feature_rows FROM PUBLIC;
CREATE ROLE echolon_reader26;
GRANT SELECT ON f, base TO echolon_reader26;
SET ROLE echolon_reader26;
SELECT throws_ok($$SELECT id FROM echolon_feature_rows('f') AS f (id int)$$, '42501', NULL, 'no right to the function');
RESET ROLE;
GRANT EXECUTE ON FUNCTION echolon_feature_rows TO echolon_reader26;
REVOKE SELECT ON base FROM echolon_reader26;
SET ROLE echolon_reader26;
SELECT pg_temp.error_of($$SELECT id FROM echolon_feature_rows('f') AS f ($$ || :'definitions' || ')') AS error \gset
SELECT matches(:'error'::text, '^42501', 'none to the relation');
RESET ROLE;

-- ---- a materialized set is filled by it
INSERT INTO base SELECT id, 'shop ' || id % 3, date '2024-01-01' + id, id, id, 'x' FROM generate_series(1, 300) AS id;
SELECT rows = 300 AS ok FROM echolon_create_features('m', 'base', 'day', '{v}', '{}', '{shop}', families => '{rolling}', materialized => true) AS c (a, b, c, rows, e, f) \gset
SELECT is(count(*), 300::bigint, 'materialized') FROM m;
SELECT is(count(*), 0::bigint, 'with the same rows') FROM (SELECT id, v_roll7_mean FROM m EXCEPT SELECT id, v_roll7_mean FROM f) AS s;
SELECT * FROM finish();

-- 25: the plan node that stands for the Sort and the WindowAgg below echolon_rolling gives the same rows, to the bit,
-- is chosen only where it can stand for them, and keeps to work_mem.
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.plan(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan jsonb; BEGIN EXECUTE 'EXPLAIN (FORMAT JSON, COSTS OFF) ' || query INTO plan; RETURN plan; END $$;
CREATE FUNCTION pg_temp.scans(query text) RETURNS bigint LANGUAGE sql AS $$
SELECT count(*) FROM jsonb_path_query(pg_temp.plan(query), 'strict $.** ? (@."Custom Plan Provider" == "EcholonRolling")') $$;
-- rows of a query that are not those PostgreSQL's own nodes give, and of those that it gave
CREATE FUNCTION pg_temp.differ(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE different bigint;
BEGIN
	EXECUTE 'CREATE TEMP TABLE ours AS ' || query;
	SET LOCAL echolon.enable_rolling_scan = off;
	EXECUTE 'CREATE TEMP TABLE theirs AS ' || query;
	RESET echolon.enable_rolling_scan;
	SELECT count(*) INTO different FROM ((TABLE ours EXCEPT ALL TABLE theirs) UNION ALL (TABLE theirs EXCEPT ALL TABLE ours)) AS s;
	DROP TABLE ours, theirs;
	RETURN different;
END $$;

-- names, days that repeat, are missing, infinite; values that are NULL, NaN, huge
CREATE TABLE series AS
SELECT id, CASE WHEN id % 97 > 0 THEN 'group ' || id % 89 END AS g, (id % 7)::smallint AS h,
	CASE WHEN id % 1013 = 0 THEN NULL WHEN id % 1019 = 0 THEN '-infinity' WHEN id % 1021 = 0 THEN 'infinity' ELSE date '2020-01-01' + (id::int8 * 7919 % 701)::int END AS day,
	CASE WHEN id % 11 = 0 THEN NULL WHEN id % 2003 = 0 THEN 'NaN' WHEN id % 3001 = 0 THEN '-Infinity' ELSE (id::int8 * 104729 % 99991) / 7.0::float8 * CASE WHEN id % 501 = 0 THEN 1e12 ELSE 1 END END AS v,
	(id::int8 * 104729 % 9973)::numeric / 100 AS n, repeat('x', id % 50) || id AS label
FROM generate_series(1, 30000) AS id;
ALTER TABLE series ADD PRIMARY KEY (id);
ANALYZE series;
SET work_mem = '32MB';

CREATE TABLE queries (name text, query text);
INSERT INTO queries VALUES
('dates', $$SELECT id, g, day, echolon_rolling(v, day, '{mean 7,stddev 7 min_periods 1,mean 7 days,sum expanding,pct_change 1,median 9,min 30,lag 7 days,ewma 5}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM series$$),
('numeric, and a column twice', $$SELECT label, n, n AS again, echolon_rolling(n, day, '{mean 7,slope 5,first 3,last 4}') OVER (PARTITION BY g, h ORDER BY day, id DESC NULLS LAST) AS r FROM (SELECT *, 1 AS one FROM series) AS s$$),
('two columns, one call twice', $$SELECT id, echolon_rolling(v, day, '{sum 3}') OVER w AS a, echolon_rolling(n, day, '{count 5 days,max 5}') OVER w AS b, (echolon_rolling(v, day, '{sum 3}') OVER w)[1] + 1 AS c FROM series WINDOW w AS (PARTITION BY h ORDER BY day, id)$$),
('no groups, a text behind the date', $$SELECT id, echolon_rolling(v, day, '{mean 50,sum 30 days end 1}', fill => 'forward') OVER (ORDER BY day, label, id) AS r FROM series$$),
('moments in a zone', $$SELECT id, echolon_rolling(v, moment, '{mean 1 day,sum ytd,count mtd}', zone => 'Europe/Berlin') OVER (PARTITION BY h ORDER BY moment, id) AS r FROM (SELECT id, h, v, day::timestamptz + interval '1 hour' * (id % 24) AS moment FROM series OFFSET 0) AS s$$),
('over groups', $$SELECT id, count(*), echolon_rolling(count(*) + min(h), day, '{sum 7 days,lag 1}') OVER w AS r, echolon_rolling(count(*), day, '{sum 7 days,lag 1}') OVER w AS c FROM series GROUP BY id WINDOW w AS (PARTITION BY g ORDER BY day, id)$$),
('of an aggregate', $$SELECT id, count(*), echolon_rolling(count(*), day, '{sum 7 days,lag 1}') OVER (PARTITION BY g ORDER BY day, id) AS c FROM series GROUP BY id$$),
('wide', $$SELECT s, echolon_rolling(v, day, '{mean 3}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM series AS s$$);
SELECT is(pg_temp.differ(query), 0::bigint, name || ': the same rows') FROM queries;
SELECT is(pg_temp.scans(query), CASE WHEN name ~ 'numeric|over groups' THEN 0 ELSE 1 END::bigint, name || ': by the node, or not where the order or the columns are others') FROM queries;
SELECT is(pg_temp.scans($$SELECT id, echolon_rolling(n, day, '{mean 7}') OVER (PARTITION BY g, h ORDER BY day, id) AS r FROM series$$), 1::bigint, 'numeric');
SELECT is(pg_temp.differ($$SELECT id, label, n, echolon_rolling(n, day, '{mean 7,slope 5}') OVER (PARTITION BY g, h ORDER BY day, id) AS r FROM series$$), 0::bigint, 'numeric: the same rows');

-- where it is not
SELECT is(pg_temp.scans(query), 0::bigint, name) FROM (VALUES
	('beside another window function', $$SELECT echolon_rolling(v, day, '{mean 7}') OVER w, sum(v) OVER w FROM series WINDOW w AS (PARTITION BY g ORDER BY day, id)$$),
	('descending', $$SELECT echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day DESC, id) FROM series$$),
	('NULLs first', $$SELECT echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day NULLS FIRST, id) FROM series$$),
	('by no date', $$SELECT echolon_rolling(v, NULL, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) FROM series$$),
	('by another date', $$SELECT echolon_rolling(v, day + 1, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) FROM series$$),
	('terms that are no constant', $$SELECT echolon_rolling(v, day, ARRAY['mean ' || h]) OVER (PARTITION BY g ORDER BY day, id) FROM series$$),
	('a value that is computed', $$SELECT echolon_rolling(v + 1, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) FROM series$$),
	('few rows', $$SELECT echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) FROM series WHERE id < 500$$)) AS v (name, query);
SET echolon.enable_rolling_scan = off;
SELECT is(pg_temp.scans($$SELECT echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) FROM series$$), 0::bigint, 'switched off');
RESET echolon.enable_rolling_scan;
SET work_mem = '32MB';

-- an order asked for is kept; a filter on the group reaches the table
SELECT results_eq($$SELECT id, (echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id))[1] FROM series ORDER BY id LIMIT 100$$,
	$$SELECT id, mean FROM (SELECT id, (echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id))[1] AS mean FROM series OFFSET 0) AS s ORDER BY id LIMIT 100$$, 'ORDER BY above it');
SELECT ok(jsonb_path_exists(pg_temp.plan($$SELECT * FROM (SELECT h, echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY h ORDER BY day, id) AS r FROM (TABLE series UNION ALL TABLE series UNION ALL TABLE series) AS s) AS s WHERE h = 3$$),
	'$.** ? (@."Node Type" == "Seq Scan" && @."Filter" like_regex "h = 3")'), 'a filter on the group');

-- sets' views are made so
SELECT lives_ok($$SELECT echolon_create_features('scanned', 'series', 'day', '{v,n}', '{}', '{g}', families => '{rolling}', rolling_windows => '{7,30 days}', running => '{sum}')$$, 'a set');
SELECT is(pg_temp.scans('SELECT * FROM scanned'), 1::bigint, 'its view has the node');
SELECT is(pg_temp.differ('SELECT * FROM scanned'), 0::bigint, 'with the same rows');

-- EXPLAIN shows it, by itself, under nodes that refer to its calls, and from a plan that is kept
CREATE FUNCTION pg_temp.shows(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE plan jsonb; BEGIN EXECUTE 'EXPLAIN (FORMAT JSON, COSTS OFF, VERBOSE) ' || query INTO plan; RETURN plan::text LIKE '%echolon_rolling(%' AND plan::text LIKE '%EcholonRolling%'; END $$;
PREPARE kept AS SELECT id, echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM series;
SELECT ok(pg_temp.shows(query), 'EXPLAIN VERBOSE: ' || query) FROM (VALUES
	($$SELECT id, echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM series$$),
	($$SELECT id, echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM series ORDER BY r$$),
	($$SELECT DISTINCT (echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id))[1] + h AS r FROM series LIMIT 3$$),
	($$SELECT * FROM (SELECT id, echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM series) AS s JOIN series USING (id) WHERE s.r[1] > 3$$),
	('EXECUTE kept'), ('EXECUTE kept')) AS v (query);

-- rights are those of the function
CREATE ROLE echolon_reader25;
GRANT SELECT ON series TO echolon_reader25;
REVOKE EXECUTE ON FUNCTION echolon_rolling FROM PUBLIC;
SET ROLE echolon_reader25;
SELECT throws_ok($$SELECT id, echolon_rolling(v, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM series$$, '42501', NULL, 'no right to the function');
RESET ROLE;
GRANT EXECUTE ON FUNCTION echolon_rolling TO PUBLIC;

-- rescans: the same rows again, and others
SELECT is(pg_temp.differ($$SELECT k, s.* FROM generate_series(0, 3) AS k, LATERAL (SELECT id, echolon_rolling(n, day, '{sum 2 min_periods 1}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM series WHERE id % 4 <> k OFFSET 0) AS s$$), 0::bigint, 'rows that depend on an outer one');
SELECT is(pg_temp.differ($$SELECT k, (SELECT array_agg(r ORDER BY id) FROM (SELECT id, echolon_rolling(n, day, '{sum 2 min_periods 1}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM series) AS s WHERE id % 1000 = k) FROM generate_series(0, 3) AS k$$), 0::bigint, 'the same rows for several outer ones');
-- an empty table raises nothing, the first row what is wrong
CREATE TABLE empty AS TABLE series WITH NO DATA;
SELECT is_empty($$SELECT echolon_rolling(v, day, '{mean}') OVER (PARTITION BY g ORDER BY day) FROM empty$$, 'no rows');
SELECT throws_ok($$SELECT echolon_rolling(v, day, '{nonsense}') OVER (PARTITION BY g ORDER BY day) FROM series$$, '22023', NULL, 'a term that is none');
SELECT throws_ok($$SELECT echolon_rolling(v * 1e300, day, '{sum expanding}') OVER (PARTITION BY h ORDER BY day, id) FROM (SELECT h, id, day, v FROM series WHERE v < 1e300) AS s$$, '22003', NULL, 'a result out of range');

-- ---- rows that the planner did not expect go to a file
CREATE FUNCTION pg_temp.many(above int) RETURNS SETOF series LANGUAGE sql VOLATILE ROWS 10000 AS $$ SELECT * FROM series WHERE id > above $$;
SET work_mem = '1MB';
SET hash_mem_multiplier = 1.5;
CREATE TEMP TABLE spilled AS SELECT * FROM queries WHERE false;
INSERT INTO spilled VALUES
('names', $$SELECT id, label, g, day, echolon_rolling(v, day, '{mean 7,sum expanding,lag 1}') OVER (PARTITION BY g, h ORDER BY day, label, id) AS r FROM pg_temp.many(0)$$),
('no groups', $$SELECT id, n, echolon_rolling(n, day, '{mean 7,sum expanding,lag 1}') OVER (ORDER BY day, id) AS r FROM pg_temp.many(0)$$),
('twice', $$SELECT k, s.* FROM generate_series(1, 2) AS k, LATERAL (SELECT id, echolon_rolling(n, day, '{mean 7}') OVER (PARTITION BY g ORDER BY day, id) AS r FROM pg_temp.many(k) OFFSET 0) AS s$$);
SELECT is(pg_temp.scans(query), 1::bigint, name || ': by the node') FROM spilled;
SELECT is(pg_temp.differ(query), 0::bigint, name || ': the same rows by way of a file') FROM spilled;
CREATE FUNCTION pg_temp.method(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan jsonb; BEGIN EXECUTE 'EXPLAIN (FORMAT JSON, ANALYZE, TIMING OFF) ' || query INTO plan; RETURN jsonb_path_query_first(plan, 'strict $.** ? (@."Custom Plan Provider" == "EcholonRolling")."Sort Method"') #>> '{}'; END $$;
SELECT is(pg_temp.method(query), 'external', 'EXPLAIN says so') FROM spilled WHERE name = 'names';
-- so do rows of which it knows that they do not fit
SET work_mem = '64kB';
SELECT is(pg_temp.method(query), 'external', 'as for ' || name), is(pg_temp.differ(query), 0::bigint, name || ': the same rows') FROM queries WHERE name IN ('dates', 'two columns, one call twice');
SET work_mem = '32MB';
SELECT is(pg_temp.method(query), 'radix', 'and where they were kept') FROM queries WHERE name = 'dates';
SELECT is(jsonb_path_query_first(pg_temp.plan(query), 'strict $.** ? (@."Custom Plan Provider" == "EcholonRolling")."Sort Key"'), '["g", "day", "id"]', 'and by what') FROM queries WHERE name = 'dates';
SELECT * FROM finish();

-- Moving aggregates agree with PostgreSQL's own aggregates over the same rows, in any frame, group and plan.
\ir setup.psql
SELECT * FROM no_plan();

-- Days with gaps and repetitions, three groups, NULLs.  v has all digits; n is its numeric.
CREATE TABLE series AS
SELECT i, i % 3 AS g, date '2023-01-01' + (i * 7 / 11 + CASE WHEN i % 200 > 190 THEN i % 40 ELSE 0 END) AS day,
	CASE WHEN hashint4(i) % 9 <> 0 THEN (hashint4(i + 1000) % 1000000) / 7.0 / (10 ^ (i % 4))::float8 END AS v
FROM generate_series(1, 600) AS i;
ALTER TABLE series ALTER v TYPE float8, ADD n numeric, ADD s float8;
UPDATE series SET n = round(v::numeric, 3);
-- s has everything else: NaN, infinities, whole runs of NULL, huge and tiny values, ties, zeros of both signs
UPDATE series SET s = CASE WHEN i % 100 BETWEEN 20 AND 26 THEN NULL WHEN i % 97 = 3 THEN 'NaN' WHEN i % 61 = 3 THEN 'Infinity' WHEN i % 61 IN (6, 33) THEN '-Infinity'
	WHEN i % 53 = 1 THEN 1e300 WHEN i % 53 = 2 THEN 1e-300 WHEN i % 10 = 5 THEN '-0'::float8 ELSE hashint4(i) % 4 END;
ANALYZE series;

CREATE FUNCTION pg_temp.near(a float8, b float8) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	SELECT a IS NOT DISTINCT FROM b OR coalesce(abs(a - b) <= 1e-9 * greatest(abs(a), abs(b)), false)
$$;

-- What PostgreSQL's plain aggregates say of the values of a frame, in its order.
CREATE FUNCTION pg_temp.oracle(vs float8[], OUT f echolon.rolling_features) LANGUAGE plpgsql AS $$
BEGIN
	SELECT count(x), avg(x), stddev_samp(x), var_samp(x), min(x), max(x), sum(x), (array_agg(x ORDER BY k))[1], (array_agg(x ORDER BY k DESC))[1],
		percentile_cont(0.5) WITHIN GROUP (ORDER BY x), regr_slope(x, k) INTO f
	FROM (SELECT x, row_number() OVER (ORDER BY i) AS k FROM unnest(vs) WITH ORDINALITY AS u(x, i) WHERE x IS NOT NULL) AS s;
	-- what the regression functions make of one value, or of infinities, is not the standard deviation's
	IF f.count > 1 AND f.stddev = 'NaN' THEN
		f.slope := 'NaN';
	END IF;
	IF f.stddev <> 0 THEN
		f.zscore := (vs[cardinality(vs)] - f.mean) / f.stddev;
	END IF;
END
$$;

CREATE TABLE frame (frame text);
INSERT INTO frame VALUES ('ORDER BY day, i ROWS 6 PRECEDING'), ('ORDER BY day, i ROWS BETWEEN 10 PRECEDING AND 3 PRECEDING'), ('ORDER BY day, i ROWS BETWEEN CURRENT ROW AND 5 FOLLOWING'),
	('ORDER BY day, i ROWS BETWEEN 2 FOLLOWING AND 4 FOLLOWING'), ('ORDER BY day, i ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING'), ('ORDER BY day, i ROWS CURRENT ROW'),
	('ORDER BY day RANGE ''6 days'' PRECEDING'), ('ORDER BY day RANGE BETWEEN ''10 days'' PRECEDING AND ''5 days'' PRECEDING'), ('ORDER BY day RANGE BETWEEN ''1 month'' PRECEDING AND ''1 week'' FOLLOWING'),
	('ORDER BY day GROUPS 3 PRECEDING'), ('ORDER BY day GROUPS BETWEEN 1 FOLLOWING AND 2 FOLLOWING'), ('ORDER BY day'), ('ORDER BY day, i ROWS UNBOUNDED PRECEDING'),
	('ORDER BY day, i ROWS BETWEEN 40 PRECEDING AND UNBOUNDED FOLLOWING'), ('PARTITION BY g ORDER BY day, i ROWS 20 PRECEDING'), ('PARTITION BY g ORDER BY day DESC, i ROWS BETWEEN 8 PRECEDING AND 8 FOLLOWING'),
	('ORDER BY day, i ROWS 6 PRECEDING EXCLUDE CURRENT ROW'), ('ORDER BY day GROUPS 2 PRECEDING EXCLUDE TIES'), ('ORDER BY day RANGE ''6 days'' PRECEDING EXCLUDE GROUP'),
	('PARTITION BY g ORDER BY day, i ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW');

-- Rows whose features over a frame are not those of the oracle.
CREATE FUNCTION pg_temp.differing(col text, frame text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT s.i || ': ' || f || ' and not ' || o FROM (
			SELECT i, echolon_rolling_features(%1$s) OVER w AS f, array_agg(%1$s::float8) OVER w AS vs FROM series WINDOW w AS (%2$s)) AS s, pg_temp.oracle(vs) AS o
		WHERE ((f).count = (o).count AND pg_temp.near((f).mean, (o).mean) AND pg_temp.near((f).stddev, (o).stddev) AND pg_temp.near((f).variance, (o).variance)
			AND (f).min IS NOT DISTINCT FROM (o).min AND (f).max IS NOT DISTINCT FROM (o).max AND pg_temp.near((f).sum, (o).sum)
			AND (f).first IS NOT DISTINCT FROM (o).first AND (f).last IS NOT DISTINCT FROM (o).last AND pg_temp.near((f).median, (o).median)
			AND (pg_temp.near((f).slope, (o).slope) OR abs((f).slope - (o).slope) < 1e-12) AND (pg_temp.near((f).zscore, (o).zscore) OR abs((f).zscore - (o).zscore) < 1e-12)) IS NOT TRUE ORDER BY s.i$q$, col, frame);
END
$$;
SELECT is((SELECT min(d) FROM pg_temp.differing('v', frame) AS d), NULL, 'as PostgreSQL''s aggregates: ' || frame) FROM frame;
SELECT is((SELECT min(d) FROM pg_temp.differing('n', frame) AS d), NULL, 'of numeric: ' || frame) FROM frame;
-- huge values swamp the oracle's sums: it sees the exact ones without them
UPDATE series SET s = i % 5 WHERE s IN (1e300, 1e-300);
SELECT is((SELECT min(d) FROM pg_temp.differing('s', frame) AS d), NULL, 'NaN, infinities, NULLs, ties: ' || frame) FROM frame;

-- Each light aggregate is an attribute of the composite, bit for bit; numeric is float8 after one conversion.
CREATE FUNCTION pg_temp.light(col text, frame text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT s.i || ': ' || f FROM (
			SELECT i, echolon_rolling_features(%1$s) OVER w AS f, echolon_rolling_features(%1$s::float8) OVER w AS of_float, ROW(echolon_rolling_mean(%1$s) OVER w, echolon_rolling_stddev(%1$s) OVER w, echolon_rolling_variance(%1$s) OVER w,
				echolon_rolling_min(%1$s) OVER w, echolon_rolling_max(%1$s) OVER w, echolon_rolling_sum(%1$s) OVER w, echolon_rolling_median(%1$s) OVER w, echolon_rolling_slope(%1$s) OVER w) AS light
			FROM series WINDOW w AS (%2$s)) AS s
		WHERE light::text <> ROW((f).mean, (f).stddev, (f).variance, (f).min, (f).max, (f).sum, (f).median, (f).slope)::text OR f::text IS DISTINCT FROM of_float::text ORDER BY s.i$q$, col, frame);
END
$$;
SELECT is((SELECT min(d) FROM pg_temp.light(c, frame) AS d), NULL, 'one by one, ' || c || ': ' || frame) FROM frame, unnest('{n,s}'::text[]) AS c;

-- A frame has the bits of its rows alone, whatever was in it before: huge, tiny, infinite values.
UPDATE series SET s = 1e300 WHERE i % 53 = 1;
UPDATE series SET s = 5e-324 WHERE i % 53 = 2;
SELECT is(count(*), 0::bigint, 'nothing stays behind') FROM (
	SELECT echolon_rolling_sum(s) OVER w AS sum, echolon_rolling_stddev(s) OVER w AS stddev, array_agg(s) OVER w AS vs FROM series WINDOW w AS (ORDER BY i ROWS 4 PRECEDING)) AS f,
	LATERAL (SELECT echolon_rolling_sum(x) AS sum, echolon_rolling_stddev(x) AS stddev FROM unnest(vs) AS u(x)) AS o
WHERE ROW(f.sum, f.stddev)::text <> ROW(o.sum, o.stddev)::text;
CREATE TABLE long AS SELECT i, i % 7 AS g, (CASE WHEN i > 1000000 THEN 0 WHEN i % 3 = 0 THEN 1e15 WHEN i % 3 = 1 THEN -3e14 ELSE 1e-5 END + (hashint4(i) % 1000) / 1000.0)::float8 AS v FROM generate_series(1, 1000200) AS i;
SELECT is(f::text, o::text, 'after a million removals the bits are those of the last rows')
FROM (SELECT echolon_rolling_features(v) OVER (ORDER BY i ROWS 99 PRECEDING) AS f FROM long OFFSET 1000199) AS s, (SELECT echolon_rolling_features(v ORDER BY i) AS o FROM long WHERE i > 1000100) AS o;
SELECT ok(pg_temp.near(mean, a) AND pg_temp.near(stddev, s), 'and agree with numeric sums') FROM (SELECT echolon_rolling_mean(v) OVER w AS mean, echolon_rolling_stddev(v) OVER w AS stddev FROM long WINDOW w AS (ORDER BY i ROWS 99 PRECEDING) OFFSET 1000199) AS f,
	(SELECT avg(v::numeric) AS a, stddev_samp(v::numeric) AS s FROM long WHERE i > 1000100) AS o;

-- GROUP BY, hashed and sorted, more groups than work_mem holds, GROUPING SETS, DISTINCT, FILTER.
CREATE TEMP TABLE grouped AS SELECT g, (pg_temp.oracle(array_agg(v ORDER BY i))).* FROM (SELECT i, i % 70 AS g, v FROM series) AS s GROUP BY g;
CREATE FUNCTION pg_temp.groups_differing() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM (SELECT i % 70 AS g, echolon_rolling_features(v ORDER BY i) AS f, echolon_rolling_sum(n) AS n, echolon_rolling_median(v) AS median, echolon_rolling_max(v) AS max, echolon_rolling_mean(v) FILTER (WHERE i > 300) AS mean,
			avg(v) FILTER (WHERE i > 300) AS avg, sum(n) AS exact FROM series GROUP BY 1) AS s JOIN grouped AS o USING (g)
	WHERE (pg_temp.near((f).sum, o.sum) AND pg_temp.near((f).stddev, o.stddev) AND (f).min = o.min AND (f).max = o.max AND s.max = o.max AND pg_temp.near((f).median, o.median) AND (f).median = s.median
		AND pg_temp.near((f).slope, o.slope) AND (f).first = o.first AND (f).count = o.count AND pg_temp.near(s.mean, avg) AND pg_temp.near(s.n, exact::float8)) IS NOT TRUE
$$;
SELECT is(pg_temp.groups_differing(), 0::bigint, 'groups');
SET LOCAL enable_hashagg = off;
SELECT is(pg_temp.groups_differing(), 0::bigint, 'groups, sorted');
SET LOCAL enable_hashagg = on;
SET LOCAL enable_sort = off;
SET LOCAL work_mem = '64kB';
CREATE FUNCTION pg_temp.plan_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || statement LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RETURN plan;
END
$$;
SELECT is(count(*), 33340::bigint, 'many groups, hashed in little memory') FROM (SELECT i % 33340 AS g, echolon_rolling_sum(v) AS s, echolon_rolling_median(v) AS m, echolon_rolling_features(v) AS f, sum(v::numeric) AS exact FROM long GROUP BY 1) AS t
WHERE pg_temp.near(s, exact::float8) AND (f).sum = s AND (f).median = m;
RESET enable_sort;
RESET work_mem;
SELECT is(array_agg(s ORDER BY g), (SELECT array_agg(s ORDER BY g) FROM (SELECT NULL::int AS g, echolon_rolling_sum(v) AS s FROM series UNION ALL SELECT g, echolon_rolling_sum(v) FROM series GROUP BY g) AS o), 'grouping sets')
FROM (SELECT g, echolon_rolling_sum(v) AS s FROM series GROUP BY GROUPING SETS ((), (g))) AS t;
SELECT is(echolon_rolling_sum(DISTINCT g), 3::float8, 'distinct') FROM series;

-- Parallel plans: the same bits.
ALTER TABLE long SET (parallel_workers = 2);
UPDATE long SET v = v * 1e-7 WHERE i % 2 = 0 AND i < 100000;
UPDATE long SET v = -0.0::float8 WHERE i % 2 = 1 AND i < 100000;
ANALYZE long;
CREATE TEMP VIEW many AS
SELECT g, echolon_rolling_sum(v) AS sum, echolon_rolling_mean(v) AS mean, echolon_rolling_stddev(v) AS stddev, echolon_rolling_variance(v) AS variance, echolon_rolling_min(v) AS min, echolon_rolling_max(v) AS max,
	echolon_rolling_sum(v::numeric) AS of_numeric, echolon_rolling_stddev(i) AS of_integer, echolon_rolling_min(v) FILTER (WHERE i < 100000 AND i % 2 = 1) AS zero, echolon_rolling_sum(v) FILTER (WHERE false) AS nothing
FROM public.long GROUP BY 1;
SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE serial AS SELECT * FROM many;
SELECT unalike(pg_temp.plan_of('SELECT * FROM many'), '%Partial%', 'a serial plan');
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT alike(pg_temp.plan_of('SELECT * FROM many'), '%Partial%Aggregate%', 'a parallel plan');
SELECT is((SELECT string_agg(m::text, ' ' ORDER BY g) FROM many AS m), (SELECT string_agg(s::text, ' ' ORDER BY g) FROM serial AS s), 'in parallel as in series, bit for bit');
SELECT is((SELECT ROW(echolon_rolling_sum(v), echolon_rolling_variance(v), echolon_rolling_max(v))::text FROM long), (SELECT ROW((f).sum, (f).variance, (f).max)::text FROM (SELECT echolon_rolling_features(v) AS f FROM long) AS t), 'without groups');
SELECT unalike(pg_temp.plan_of('SELECT echolon_rolling_slope(v) FROM long'), '%Partial%', 'what depends on the order of rows does not run in parallel: slope');
SELECT unalike(pg_temp.plan_of('SELECT echolon_ewma(v, 0.5) FROM long'), '%Partial%', 'ewma');
SELECT unalike(pg_temp.plan_of('SELECT echolon_rolling_features(v) FROM long'), '%Partial%', 'features');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- A function that is called immutable and is not: no crash, whatever comes out.
CREATE FUNCTION pg_temp.liar(i int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT NULL::float8 $$;
CREATE SEQUENCE turn;
CREATE OR REPLACE FUNCTION pg_temp.liar(i int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RETURN CASE WHEN nextval('turn') % 5 < 2 THEN NULL ELSE hashint4(currval('turn')::int) END;
END
$$;
SELECT lives_ok(format('SELECT count(x) FROM (SELECT %s OVER (ORDER BY i ROWS %s PRECEDING) AS x FROM series) AS s', replace(f, '(v)', '(pg_temp.liar(i))'), n), 'a value that leaves and never came: ' || f)
FROM unnest('{echolon_rolling_features(v),echolon_rolling_sum(v),echolon_rolling_stddev(v),echolon_rolling_slope(v),echolon_rolling_min(v),echolon_rolling_max(v),echolon_rolling_median(v)}'::text[]) AS f, unnest('{0,2}'::int[]) AS n;

-- The running family.
SELECT is(count(*), 0::bigint, 'difference and percent change: lag()') FROM (
	SELECT v, n, echolon_difference(v) OVER w AS d1, v - lag(v) OVER w AS o1, echolon_difference(n, 7) OVER w AS d7, n::float8 - lag(n::float8, 7) OVER w AS o7, echolon_pct_change(i, 3) OVER w AS p3, i::float8 / lag(i, 3) OVER w - 1 AS q3,
		echolon_pct_change(v, g + 1) OVER w AS pg, v / nullif(lag(v, g + 1) OVER w, 0) - 1 AS qg, echolon_difference(v, 100000) OVER w AS far
	FROM series WINDOW w AS (PARTITION BY i % 4 ORDER BY day, i)) AS s
WHERE d1 IS DISTINCT FROM o1 OR d7 IS DISTINCT FROM o7 OR p3 IS DISTINCT FROM q3 OR pg IS DISTINCT FROM qg OR far IS NOT NULL;
SELECT is(count(*), 0::bigint, 'ewma: the weighted mean by its definition') FROM (
	SELECT echolon_ewma(v, 0.25) OVER w AS ours, echolon_ewma(n, 0.25, true) OVER w AS of_numeric, array_agg(v) OVER w AS vs, array_agg(n) OVER w AS ns FROM series WINDOW w AS (PARTITION BY g ORDER BY day, i ROWS UNBOUNDED PRECEDING)) AS s,
	LATERAL (SELECT sum(x * 0.75 ^ (cardinality(vs) - k)) / sum(0.75 ^ (cardinality(vs) - k)) FILTER (WHERE x IS NOT NULL) AS oracle FROM unnest(vs) WITH ORDINALITY AS u(x, k)) AS o,
	LATERAL (SELECT sum(x * 0.75 ^ (cardinality(ns) - k)) / sum(0.75 ^ (cardinality(ns) - k)) FILTER (WHERE x IS NOT NULL) AS oracle FROM unnest(ns) WITH ORDINALITY AS u(x, k)) AS p
WHERE NOT pg_temp.near(ours, o.oracle) OR NOT pg_temp.near(of_numeric, p.oracle::float8);
-- without adjustment: alpha v + (1 - alpha) mean; a gap of NULLs lets the old weight fall, and both are weighed anew
SELECT is(count(*), 0::bigint, 'ewma without adjustment: the recursion') FROM (
	WITH RECURSIVE r AS (
		SELECT i, v, v AS mean, 1.0::float8 AS weight FROM series WHERE i = (SELECT min(i) FROM series WHERE v IS NOT NULL)
		UNION ALL SELECT s.i, s.v, CASE WHEN s.v IS NULL THEN r.mean ELSE (r.weight * 0.9 * r.mean + 0.1 * s.v) / (r.weight * 0.9 + 0.1) END, CASE WHEN s.v IS NULL THEN r.weight * 0.9 ELSE 1 END FROM r JOIN series AS s ON s.i = r.i + 1)
	SELECT r.mean, e.ours FROM r JOIN (SELECT i, echolon_ewma(v, 0.1, false) OVER (ORDER BY i) AS ours FROM series) AS e USING (i)) AS t WHERE NOT pg_temp.near(mean, ours);
-- the window function behind views says the same
SELECT is(count(*), 0::bigint, 'the views'' window function has the same bits') FROM (
	SELECT echolon_rolling(v, day, '{mean 7 min_periods 1,stddev 7 min_periods 1,min 7 min_periods 1,max 7 min_periods 1,sum 7 min_periods 1,median 7 min_periods 1,slope 7 min_periods 1,zscore 7 min_periods 1,ewma alpha 0.25,diff 1,pct_change 7}') OVER w AS terms,
		echolon_rolling_features(v) OVER (w ROWS 6 PRECEDING) AS f, echolon_ewma(v, 0.25) OVER (w ROWS UNBOUNDED PRECEDING) AS ewma, echolon_difference(v) OVER w AS diff, echolon_pct_change(v, 7) OVER w AS pct FROM series WINDOW w AS (ORDER BY day, i)) AS s
WHERE terms IS DISTINCT FROM ARRAY[(f).mean, (f).stddev, (f).min, (f).max, (f).sum, (f).median, (f).slope, (f).zscore, ewma, diff, pct];

-- What people may call is commented.
SELECT is(array_agg(p.oid::regprocedure::text), NULL, 'every function and aggregate has a comment')
FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'echolon'
WHERE obj_description(p.oid, 'pg_proc') IS NULL;

SELECT * FROM finish();
ROLLBACK;

-- Metrics as aggregates: against scikit-learn, plain SQL and parallel plans.
\pset null '(null)'
SET client_min_messages = warning;

-- ---- scikit-learn's numbers (1.9) ------------------------------------------------------

CREATE TABLE estimate (actual float8, predicted float8);
INSERT INTO estimate VALUES (3, 2.5), (-0.5, 0.0), (2, 2), (7, 8), (4.25, 5), (NULL, 1), (1, NULL), (NULL, NULL);
SELECT abs(echolon_rmse(actual, predicted) - 0.6422616289332564) < 1e-15 AS rmse,
	   abs(echolon_mae(actual, predicted) - 0.55) < 1e-15 AS mae,
	   abs(echolon_r2(actual, predicted) - 0.9328175895765473) < 1e-15 AS r2
FROM estimate;

CREATE TABLE chance (actual boolean, predicted float8);
INSERT INTO chance VALUES (true, 0.9), (false, 0.4), (true, 0.4), (false, 0.1), (true, 0.65), (false, 0.65),
	(false, 0.3), (true, 0.8), (false, 0), (true, 1), (NULL, 0.5), (true, NULL);
SELECT abs(echolon_log_loss(actual, predicted) - 0.3698260922799874) < 1e-15 AS log_loss,
	   abs(echolon_roc_auc(actual, predicted) - 0.92) < 1e-15 AS roc_auc,
	   abs(echolon_accuracy(actual, predicted >= 0.5) - 0.8) < 1e-15 AS accuracy
FROM chance;
-- 0 and 1 in any type of number are the same as false and true
SELECT echolon_log_loss(actual::int, predicted) = echolon_log_loss(actual, predicted) AS log_loss,
	   echolon_log_loss(actual::int::numeric, predicted::numeric) = echolon_log_loss(actual, predicted) AS log_loss_numeric,
	   echolon_roc_auc(actual::int::float4, predicted) = echolon_roc_auc(actual, predicted) AS roc_auc
FROM chance;
-- a certain and wrong probability is clipped: -ln(1e-15), not infinity
SELECT echolon_log_loss(true, 0), echolon_log_loss(0, 1) = echolon_log_loss(false, 1) AS same,
	   echolon_log_loss(true, 1) < 1.2e-15 AS nothing
FROM generate_series(1, 1);

-- ---- plain SQL, alone and in parallel ------------------------------------------------------

CREATE TABLE many AS
SELECT i AS id, i % 7 AS team, i % 3 = 0 AS yes,
	   (i * 7919 % 10007) / 100.0 + (i % 11) AS actual,
	   (i * 7919 % 10007) / 100.0 + (i * 104729 % 13) AS predicted,
	   floor((i * 15485863 % 1000003) / 1000003.0 * 200 + (i % 3 = 0)::int * 20) / 221 AS p,
	   (ARRAY['a', 'b', 'c'])[1 + i % 3] AS label,
	   (ARRAY['a', 'b', 'c', 'd'])[1 + (i * 31 % 101) % 4] AS guess
FROM generate_series(1::bigint, 20000) AS i;
ALTER TABLE many SET (parallel_workers = 2);
UPDATE many SET predicted = NULL WHERE id % 100 = 17;
UPDATE many SET p = NULL WHERE id % 100 = 18;
ANALYZE many;

CREATE VIEW mine AS
SELECT team, echolon_rmse(actual, predicted) AS rmse, echolon_mae(actual, predicted) AS mae,
	   echolon_r2(actual, predicted) AS r2, echolon_accuracy(label, guess) AS accuracy,
	   echolon_log_loss(yes, p) AS log_loss, echolon_roc_auc(yes, p) AS roc_auc
FROM many GROUP BY team
UNION ALL
SELECT -1, echolon_rmse(actual, predicted), echolon_mae(actual, predicted), echolon_r2(actual, predicted),
	   echolon_accuracy(label, guess), echolon_log_loss(yes, p), echolon_roc_auc(yes, p)
FROM many;
-- numeric sums are exact; the area is the rank sum of Mann and Whitney
CREATE TABLE plain AS
WITH g AS (
	SELECT t.team, m.yes, m.label, m.guess, m.p, m.actual::numeric AS a, m.predicted::numeric AS q
	FROM many m, LATERAL (VALUES (m.team), (-1)) AS t(team)
), e AS (
	SELECT team, sqrt(avg((a - q) ^ 2))::float8 AS rmse, avg(abs(a - q))::float8 AS mae,
		   (1 - sum((a - q) ^ 2) / (sum(a * a) - sum(a) ^ 2 / count(*)))::float8 AS r2
	FROM g WHERE q IS NOT NULL GROUP BY team
), l AS (
	SELECT team, avg((label = guess)::int)::float8 AS accuracy FROM g GROUP BY team
), c AS (
	SELECT team, -avg(ln(CASE WHEN yes THEN greatest(p, 1e-15) ELSE greatest(1 - p, 1e-15) END)) AS log_loss,
		   ((sum(place) FILTER (WHERE yes) - count(*) FILTER (WHERE yes) * (count(*) FILTER (WHERE yes) + 1) / 2.0)
			/ count(*) FILTER (WHERE yes) / count(*) FILTER (WHERE NOT yes))::float8 AS roc_auc
	FROM (SELECT g.*, rank() OVER (PARTITION BY team ORDER BY p)
				 + (count(*) OVER (PARTITION BY team, p) - 1) / 2.0 AS place
		  FROM g WHERE p IS NOT NULL) AS ranked
	GROUP BY team
)
SELECT team, rmse, mae, r2, accuracy, log_loss, roc_auc FROM e JOIN l USING (team) JOIN c USING (team);
-- groups (-1: all rows), and those that agree in every number
CREATE VIEW agreement AS
SELECT count(*) AS groups, count(*) FILTER (WHERE
	abs(m.rmse - p.rmse) < 1e-12 AND abs(m.mae - p.mae) < 1e-12 AND abs(m.r2 - p.r2) < 1e-12 AND
	abs(m.accuracy - p.accuracy) < 1e-12 AND abs(m.log_loss - p.log_loss) < 1e-12 AND abs(m.roc_auc - p.roc_auc) < 1e-12) AS agreeing
FROM mine m JOIN plain p USING (team);

SET max_parallel_workers_per_gather = 0;
SELECT * FROM agreement;
SELECT round(rmse::numeric, 9) AS rmse, round(mae::numeric, 9) AS mae, round(r2::numeric, 9) AS r2,
	   round(accuracy::numeric, 9) AS accuracy, round(log_loss::numeric, 9) AS log_loss, round(roc_auc::numeric, 9) AS roc_auc
FROM mine WHERE team = -1;

CREATE FUNCTION partial_plans(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%Partial%Aggregate%' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END
$$;
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET enable_sort = off;
-- every aggregate can be planned in parts
SELECT name, partial_plans(format('SELECT team, %s FROM many GROUP BY team', name)) AS in_parts
FROM unnest('{echolon_rmse(actual::float8\,predicted::float8),echolon_mae(actual::float8\,predicted::float8),
	echolon_r2(actual::float8\,predicted::float8),echolon_accuracy(label\,guess),echolon_accuracy(id\,team),
	echolon_log_loss(yes\,p),echolon_log_loss(yes::int\,p),echolon_roc_auc(yes\,p),echolon_roc_auc(yes::int\,p)}'::text[]) AS name;
SELECT partial_plans('SELECT * FROM agreement') AS in_parts;
SELECT * FROM agreement;
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT * FROM agreement;
SELECT count(set_config(name, 'off', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
-- workers that saw no row of a group, or none at all
SELECT team, echolon_rmse(id, id + 1), echolon_accuracy(id, 5), echolon_log_loss(yes, 0.5) = -ln(0.5::float8) AS log_loss,
	   echolon_roc_auc(yes, p)
FROM many WHERE id < 6 GROUP BY team ORDER BY team;
SELECT echolon_rmse(id, id), echolon_r2(id, id), echolon_accuracy(id, id), echolon_log_loss(yes, 0.5), echolon_roc_auc(yes, p)
FROM many WHERE id < 0;
RESET enable_sort;
RESET parallel_tuple_cost;
RESET parallel_setup_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- ---- nothing, and little ----------------------------------------------------------------------

SELECT echolon_rmse(NULL, 1), echolon_mae(1, NULL), echolon_r2(NULL, NULL), echolon_accuracy(NULL, 'a'),
	   echolon_log_loss(NULL::boolean, 0.5), echolon_roc_auc(NULL::boolean, 0.5)
FROM generate_series(1, 3);
-- one row, and a constant target, have an error but nothing to explain; one class has no order
SELECT echolon_rmse(2, 1), echolon_mae(2, 1), echolon_r2(2, 1), echolon_roc_auc(true, 0.5) FROM generate_series(1, 1);
SELECT echolon_rmse(0.1, i), echolon_r2(0.1, i) FROM generate_series(0, 0) AS i;
SELECT echolon_r2(0.1, i), echolon_roc_auc(0, i) FROM generate_series(1, 1000) AS i;
-- values far from 0 keep their digits
SELECT echolon_r2(1e9 + i % 2, 1e9 + 0.25 + i % 2 * 0.5) AS r2 FROM generate_series(1, 10000) AS i;
-- NaN and infinities are numbers of float8
SELECT echolon_rmse(i, 'NaN'), echolon_mae(i, 'Infinity') FROM generate_series(1, 2) AS i;
SELECT echolon_roc_auc(y, s) FROM (VALUES (true, 'Infinity'::float8), (false, '-Infinity'), (true, -0.0), (false, 0.0)) AS t(y, s);

-- ---- any query ------------------------------------------------------------------------------

SELECT id, echolon_mae(actual, predicted) FILTER (WHERE team < 3) OVER (ORDER BY id) IS NOT NULL AS mae,
	   round(echolon_roc_auc(yes, p) OVER (ORDER BY id)::numeric, 6) AS roc_auc,
	   round(echolon_accuracy(label, guess) OVER (ORDER BY id ROWS 2 PRECEDING)::numeric, 6) AS accuracy
FROM many WHERE id BETWEEN 3 AND 8 ORDER BY id;
SELECT team FROM many GROUP BY team HAVING echolon_rmse(actual, predicted) > 1000;
SELECT echolon_accuracy(DISTINCT label, guess) FROM many;

-- ---- accuracy compares as the type does ----------------------------------------------------------

CREATE TYPE size AS ENUM ('small', 'large');
SELECT echolon_accuracy('a '::char(3), 'a'::char(3)) AS char, echolon_accuracy('a '::text, 'a'::text) AS text,
	   echolon_accuracy(1.0, 1.00) AS numeric, echolon_accuracy(1, 1.5) AS mixed, echolon_accuracy('small'::size, 'large') AS enum,
	   echolon_accuracy(date '2020-02-29', '2020-02-29 00:00'::timestamp) AS date, echolon_accuracy('NaN'::float8, 'NaN') AS nan,
	   echolon_accuracy('{1,2}'::int[], '{1,2}') AS array, echolon_accuracy(ROW(1, 'x'::text), ROW(1, 'y'::text)) AS record
FROM generate_series(1, 1);
-- and with the input's collation, where the server has collations that ignore case
DO $$
DECLARE
	accuracy float8;
BEGIN
	BEGIN
		CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	EXCEPTION WHEN OTHERS THEN
		RETURN;
	END;
	SELECT echolon_accuracy(a COLLATE caseless, b) INTO accuracy FROM (VALUES ('Yes', 'yes'), ('No', 'yes')) AS t(a, b);
	ASSERT accuracy = 0.5;
	DROP COLLATION caseless;
END
$$;

-- ---- errors --------------------------------------------------------------------------------------

SELECT echolon_log_loss(true, 1.5) FROM generate_series(1, 1);
SELECT echolon_log_loss(false, -1e-9) FROM generate_series(1, 1);
SELECT echolon_log_loss(1, 'NaN') FROM generate_series(1, 1);
SELECT echolon_log_loss(2, 0.5) FROM generate_series(1, 1);
SELECT echolon_log_loss('NaN'::float8, 0.5) FROM generate_series(1, 1);
SELECT echolon_roc_auc(-1, 0.5) FROM generate_series(1, 1);
SELECT echolon_roc_auc(true, 'NaN') FROM generate_series(1, 1);
SELECT echolon_accuracy('{}'::json, '{}') FROM generate_series(1, 1);
SELECT echolon_accuracy('(1,2)'::point, '(1,2)') FROM generate_series(1, 1);
SELECT echolon_accuracy('a'::cstring, 'a'::cstring) FROM generate_series(1, 1);
-- the parts of an aggregate are no functions for users: PostgreSQL finds none, or (before 15.20) knows no value of such a type
CREATE FUNCTION pg_temp.is_refused(part regprocedure) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	arguments text := (SELECT string_agg(CASE type WHEN 'internal'::regtype THEN 'NULL' WHEN 'anycompatible'::regtype THEN '1'
			ELSE format('NULL::%s', type) END, ', ' ORDER BY place)
		FROM pg_proc AS p, unnest(p.proargtypes::regtype[]) WITH ORDINALITY AS a(type, place) WHERE p.oid = part);
BEGIN
	EXECUTE format('SELECT %s(%s)', part::regproc, arguments);
	RETURN false;
EXCEPTION WHEN undefined_function OR feature_not_supported THEN
	RETURN true;
END $$;
SELECT count(*) > 50 AS many, bool_and(pg_temp.is_refused(oid)) AS all_refused FROM pg_proc
WHERE pronamespace = 'echolon'::regnamespace AND 'internal'::regtype = ANY (proargtypes);

-- memory: where rows are ranked, and where they are kept
SET max_parallel_workers_per_gather = 0;
SET echolon.max_memory = '1MB';
SELECT echolon_roc_auc(i % 2, i) FROM generate_series(1, 10000) AS i;
SELECT echolon_roc_auc(i % 2, i) FROM generate_series(1, 60000) AS i;
\set VERBOSITY sqlstate
SELECT echolon_roc_auc(i % 2, i) FROM generate_series(1, 200000) AS i;
-- of all groups together
SET enable_sort = off;
SELECT count(area) FROM (SELECT echolon_roc_auc(i % 2, i) AS area FROM generate_series(1, 200000) AS i GROUP BY i % 1000) AS g;
\set VERBOSITY default
RESET enable_sort;
RESET echolon.max_memory;
RESET max_parallel_workers_per_gather;
SELECT echolon_roc_auc(i % 2, i) FROM generate_series(1, 200000) AS i;

DROP VIEW agreement, mine;
DROP TABLE estimate, chance, many, plain;
DROP FUNCTION partial_plans;
DROP TYPE size;

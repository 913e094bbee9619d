-- echolon_check_leakage: what it finds, what it lets pass, what it refuses.
\set VERBOSITY default
CREATE TABLE deals AS
SELECT i AS id, (i * 7919 % 1009) / 100.0::float8 AS a, (i * 104729 % 997)::int AS b,
	(ARRAY['north', 'south', 'east', 'west'])[1 + (i % 4)::int] AS region, 'shop ' || i % 120 AS shop,
	3 * (i * 7919 % 1009) / 100.0 + CASE WHEN i * 104729 % 997 > 500 THEN 20 ELSE 0 END + (i * 15485863 % 101) / 10.0 AS revenue
FROM generate_series(1::bigint, 3000) AS i;
ALTER TABLE deals ADD PRIMARY KEY (id);

-- An honest table: nothing is flagged.
SELECT column_name, metric, round(score::numeric, 2) + 0 AS score, verdict, reason FROM echolon_check_leakage('deals', 'revenue');
SELECT column_name, metric, round(score::numeric, 2) AS score, verdict FROM echolon_check_leakage('deals', 'region');

-- Copies of the target in all their forms, each caught.
CREATE VIEW leaky AS
SELECT d.*, revenue AS copy, -exp(revenue / 10) AS falling, (revenue * 100)::bigint AS cents, CASE WHEN b % 3 > 0 THEN revenue END AS refund,
	revenue + a / 10 AS nearly, revenue + b / 100.0 AS close, row_number() OVER (ORDER BY revenue, id) AS ticket,
	timestamp '2024-01-01' + row_number() OVER (ORDER BY revenue, id) * interval '1 min' AS written, 'band ' || (revenue / 2)::int AS band,
	revenue > 25 AS big, timestamp '2024-01-01 12:00' AS same, 'invoice ' || id AS invoice, ARRAY[a] AS list, NULL::int AS nothing
FROM deals AS d;
SELECT column_name, round(score::numeric, 2) + 0 AS score, verdict, reason FROM echolon_check_leakage('leaky', 'revenue');
-- Classes: what tells them by itself.
SELECT column_name, metric, round(score::numeric, 2) AS score, verdict FROM echolon_check_leakage('leaky', 'big') WHERE verdict <> 'ok' ORDER BY column_name COLLATE "C";
-- A level of many that goes with the class, learned as shares of the classes.
CREATE VIEW coded AS SELECT b, (ARRAY['low', 'mid', 'high'])[1 + (hashint4((id % 200)::int) & 1023) % 3] AS grade, 'code ' || id % 200 AS code FROM deals;
SELECT column_name, metric, round(score::numeric, 2) AS score, verdict, reason FROM echolon_check_leakage('coded', 'grade');

-- A sample of the rows finds the same leaks.
SELECT count(*) FILTER (WHERE s.verdict = 'leak') AS leaks, count(*) FILTER (WHERE s.verdict = 'leak' AND f.verdict = 'leak') AS both
FROM echolon_check_leakage('leaky', 'revenue', max_rows => 500) AS s JOIN echolon_check_leakage('leaky', 'revenue') AS f USING (column_name);

-- Refused.
SELECT * FROM echolon_check_leakage(NULL, 'revenue');
SELECT * FROM echolon_check_leakage('deals', NULL);
SELECT * FROM echolon_check_leakage('deals', 'revenue', max_rows => 99);
SELECT * FROM echolon_check_leakage('deals', 'revenu');
SELECT * FROM echolon_check_leakage('leaky', 'list');
SELECT * FROM echolon_check_leakage('leaky', 'nothing');
CREATE TABLE few AS SELECT * FROM deals WHERE id < 50;
SELECT * FROM echolon_check_leakage('few', 'revenue');
CREATE TABLE names AS SELECT 'name ' || id AS name, revenue FROM deals;
SELECT * FROM echolon_check_leakage('names', 'revenue');
CREATE ROLE regress_echolon_leakage;
GRANT SELECT (id, a, revenue) ON deals TO regress_echolon_leakage;
SET ROLE regress_echolon_leakage;
SELECT column_name, verdict, reason FROM echolon_check_leakage('deals', 'revenue') ORDER BY column_name COLLATE "C";
SELECT * FROM echolon_check_leakage('deals', 'b');
RESET ROLE;
DROP VIEW leaky, coded;
DROP TABLE deals, few, names;
DROP ROLE regress_echolon_leakage;

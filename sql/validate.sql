-- What echolon_validate says of a table with one of each fault.
CREATE TABLE shop (
	id integer PRIMARY KEY,
	day date,
	city text,
	price text,
	delivered text,
	visits integer,
	spare float8,
	country text,
	revenue float8,
	revenue_eur float8,
	visits_again integer,
	place point,
	segment text
);
INSERT INTO shop
SELECT i, date '2020-01-01' + (i - 1) / 3, (ARRAY['Paris', 'Rome', 'Oslo'])[1 + i % 3], CASE WHEN i % 100 = 0 THEN 'n/a' ELSE (i * 7919 % 1000 / 10.0)::numeric(10, 1)::text END,
	CASE WHEN i % 50 = 0 THEN 'soon' ELSE to_char(date '2021-01-01' + i % 300, 'YYYY-MM-DD') END,
	CASE WHEN i % 2 = 0 OR i % 5 = 0 THEN NULL ELSE i * 31 % 97 END, NULL, 'FR', round((i::int8 * 104729 % 9973) / 10.0, 1), round((i::int8 * 104729 % 9973) / 10.0, 1) * 0.9,
	CASE WHEN i % 2 = 0 OR i % 5 = 0 THEN NULL ELSE i * 31 % 97 END, point(i, i), CASE WHEN i <= 2 THEN 'vip' WHEN i % 2 = 0 THEN 'a' ELSE 'b' END
FROM generate_series(1, 600) AS i;
UPDATE shop SET city = 'PARIS' WHERE id IN (3, 30);
UPDATE shop SET city = ' paris' WHERE id = 300;
UPDATE shop SET day = '2999-01-01' WHERE id = 600;
UPDATE shop SET revenue = 1e6 WHERE id IN (10, 11);
UPDATE shop SET revenue = 'Infinity' WHERE id = 13;
UPDATE shop SET revenue_eur = revenue * 0.9;
UPDATE shop SET revenue = NULL, revenue_eur = NULL WHERE id > 590;
INSERT INTO shop SELECT id + 1000, day, city, price, delivered, visits, spare, country, revenue, revenue_eur, visits_again, place, segment FROM shop WHERE id IN (20, 21);

SELECT rule, severity, column_name, affected, message FROM echolon_validate('shop', 'revenue');
SELECT column_name, hint FROM echolon_validate('shop', 'revenue') WHERE severity = 'warning';

-- classes
SELECT rule, severity, affected, message FROM echolon_validate('shop', 'segment') WHERE column_name = 'segment';

-- nothing is wrong
CREATE TABLE fine AS SELECT i AS id, (i::int8 * 7919 % 101)::int AS a, (ARRAY['red', 'green', 'blue'])[1 + i % 3] AS b, (i::int8 * 104729 % 997) + i % 3 AS y FROM generate_series(1, 500) AS i;
ALTER TABLE fine ADD PRIMARY KEY (id);
SELECT rule, severity, affected, message FROM echolon_validate('fine', 'y');

-- not enough
CREATE VIEW few AS SELECT * FROM fine WHERE id <= 30;
SELECT rule, severity, affected, message FROM echolon_validate('few', 'y');
CREATE VIEW nothing AS SELECT * FROM fine WHERE false;
SELECT rule, severity, affected, message FROM echolon_validate('nothing');
SELECT * FROM echolon_validate('fine', 'z');
SELECT * FROM echolon_validate('fine', 'y', 0);
-- series: a group that is a number, a gap, a date twice
CREATE TABLE visits AS SELECT date '2020-01-01' + i AS day, s AS store, (i::int8 * 7919 + s * 104729) % 997 AS y
FROM generate_series(0, 199) AS i, generate_series(1, 3) AS s WHERE i NOT BETWEEN 50 AND 54;
SELECT rule, severity, column_name, affected, message FROM echolon_validate('visits', 'y');
INSERT INTO visits VALUES ('2020-02-01', 2, 500);
SELECT rule, severity, column_name, affected, message, hint FROM echolon_validate('visits', 'y');

-- digits that are codes are no numbers, integers of two values are classes, types that cannot be compared
CREATE TABLE codes AS SELECT lpad((i * 31 % 997)::text, 5, '0') AS zip, (i % 100 = 0)::int AS fraud, (i::int8 * 7919 % 1009) / 7.0::float8 AS amount, jsonb_build_object('i', i) AS doc
FROM generate_series(1, 1000) AS i;
SELECT rule, severity, column_name, affected, message FROM echolon_validate('codes', 'fraud');
INSERT INTO codes SELECT zip, fraud, amount, '{}' FROM codes WHERE fraud = 1;
SELECT rule, severity, affected, message, hint FROM echolon_validate('codes', 'fraud') WHERE rule = 'duplicate_rows';

-- many columns of one rule
CREATE TABLE repeated_kinds AS SELECT i AS id, 1 AS a, 2 AS b, 3 AS c, (i::int8 * 104729 % 997) AS y FROM generate_series(1, 500) AS i;
SELECT rule, severity, column_name, affected, message, hint FROM echolon_validate('repeated_kinds', 'y', columns_per_rule => 1);
SELECT * FROM echolon_validate('repeated_kinds', 'y', columns_per_rule => 0);
DROP VIEW few, nothing;
DROP TABLE shop, fine, visits, codes, repeated_kinds;

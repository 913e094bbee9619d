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

SELECT * FROM finish();
ROLLBACK;

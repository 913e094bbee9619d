-- What a user sees of views of cleaned rows.
CREATE TABLE orders (id integer PRIMARY KEY, day date, amount float8, items integer, city text, paid boolean);
INSERT INTO orders SELECT i, date '2024-01-01' + i, CASE WHEN i % 8 = 0 THEN NULL WHEN i = 50 THEN 9000 ELSE i * 7 % 40 + 1 END,
	CASE WHEN i % 6 = 0 THEN NULL ELSE i % 4 END, CASE WHEN i % 5 = 0 THEN NULL ELSE (ARRAY['Oslo', 'Rome', 'Rome'])[1 + i % 3] END, i % 3 = 0
FROM generate_series(1, 80) AS i;
INSERT INTO orders SELECT 1000 + id, day, amount, items, city, paid FROM orders WHERE id <= 3;

SELECT preprocessing, view, columns_treated, rows_read, rows_fitted, notes FROM echolon_preprocess('orders_clean', 'orders', target => 'paid', split_by => 'day',
	overrides => '{"items": {"impute": "constant", "impute_value": 0}}', missing_indicators => true);
\x on
SELECT * FROM echolon_preprocess_summary('orders_clean');
\x off
-- the view's text differs between versions of PostgreSQL, what it says of its columns does not
SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 'orders_clean'::regclass AND attnum > 0 ORDER BY attnum;
SELECT * FROM orders_clean WHERE id IN (1, 30, 40, 50, 1001) ORDER BY id;
SELECT echolon_preprocess_row('orders_clean', ROW(0, NULL, 1e6, NULL, NULL, NULL)::orders);

-- a refresh changes numbers; a newer column stays out
ALTER TABLE orders ADD COLUMN later text;
UPDATE orders SET amount = amount * 10;
SELECT echolon_refresh_preprocess('orders_clean');
SELECT column_name, treatment FROM echolon_preprocess_summary('orders_clean') WHERE column_name = 'amount';

-- mistakes
SELECT echolon_preprocess('other', 'orders', target => 'payed');
SELECT echolon_preprocess('other', 'orders', impute => 'average');
SELECT echolon_preprocess('other', 'orders', overrides => '{"items": {"impute": "constant", "impute_value": "none"}}');
SELECT echolon_preprocess('other', 'orders', target => 'paid', overrides => '{"paid": {"impute": "mode"}}');
SELECT echolon_preprocess('orders_clean', 'orders');
SELECT echolon_preprocess_summary('orders_cleaned');
SELECT echolon_drop_preprocess('orders_clean');
DROP TABLE orders;

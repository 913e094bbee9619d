-- Feature sets: made, shown, queried, refreshed, dropped; and everything that is refused.
SET client_min_messages = notice;
SET DateStyle = 'ISO';
SET extra_float_digits = 0;

CREATE TABLE shop_sales (
	id integer PRIMARY KEY,
	store text NOT NULL,
	day date,
	revenue numeric(10,2),
	units integer,
	remark text
);
INSERT INTO shop_sales
SELECT i, (ARRAY['north', 'south', 'west'])[1 + i % 3], date '2024-01-01' + i / 3,
	100 + i * 7 % 50 + (i % 3) * 20, 1 + i * 5 % 9, 'remark ' || i
FROM generate_series(0, 299) AS i;
COMMENT ON COLUMN shop_sales.revenue IS 'Net, in dollars';

-- ---- made: what is chosen by itself, what is said
SELECT feature_set, view, features, rows_fitted, notes FROM echolon_create_features('shop_features', 'shop_sales',
	date_column => 'day', group_by => '{store}', target => 'revenue');

SELECT feature, family, sources, uses_current_row, fitted, description FROM echolon_feature_summary('shop_features');
SELECT feature, expression FROM echolon_feature_summary('shop_features') WHERE feature IN ('day_month', 'revenue_roll7_mean', 'store_freq', 'revenue_x_units', 'revenue_per_units', 'units_pow2');

-- the view has the rights of who reads it, and comments
SELECT reloptions FROM pg_class WHERE oid = 'shop_features'::regclass;
SELECT obj_description('shop_features'::regclass, 'pg_class');
SELECT attname, col_description(attrelid, attnum) FROM pg_attribute
WHERE attrelid = 'shop_features'::regclass AND attname IN ('revenue', 'revenue_lag1', 'units_roll7_mean', 'day_day_of_week', 'store_code') ORDER BY attnum;

-- and its numbers
SELECT id, store, day, revenue, revenue_lag1, revenue_diff1, round(revenue_pct1::numeric, 4) AS pct1, round(revenue_roll7_mean::numeric, 3) AS mean7,
	units, units_roll7_min, units_roll7_max, store_freq, store_code, revenue_x_units
FROM shop_features WHERE store = 'north' ORDER BY day LIMIT 9;

SELECT feature_set, relation, date_column, features, temporal, rolling, interaction, categorical, business, polynomial, scaling, period, materialized_view, rows_fitted, state
FROM echolon.feature_sets;

-- ---- families, windows, horizons
SELECT features, notes FROM echolon_create_features('shop_windows', 'shop_sales', 'day', '{revenue,units}', '{}', '{store}',
	families => '{rolling}', rolling_windows => '{3,7 days,1 month}', lags => '{1,7}', statistics => '{mean,median,slope}', ewma_spans => '{7}',
	running => '{sum,mean,stddev}', horizon => 2, min_periods => 1);
SELECT feature, uses_current_row, description FROM echolon_feature_summary('shop_windows') WHERE sources = '{revenue}';
SELECT echolon_drop_features('shop_windows');
SELECT features FROM echolon_create_features('shop_period', 'shop_sales', 'day', '{revenue}', '{store}', '{store}',
	families => '{period,scaling,categorical}', scalings => '{standard,minmax,robust,percentile,bucket}', buckets => 4, encodings => '{frequency,label,onehot}');
SELECT feature, uses_current_row, fitted, expression FROM echolon_feature_summary('shop_period');
SELECT id, day, store, revenue, revenue_ytd, round(revenue_share::numeric, 4) AS share, revenue_rank, store_is_north, store_is_south, revenue_bucket
FROM shop_period WHERE day = '2024-02-01' ORDER BY id;
SELECT echolon_drop_features('shop_period');

-- products to a degree
SELECT features FROM echolon_create_features('shop_products', 'shop_sales', numeric_columns => '{revenue,units,id}', category_columns => '{}',
	families => '{interaction,polynomial}', interactions => '{product,ratio,sum,difference}', interaction_degree => 3, polynomial_degree => 3);
SELECT feature, family, expression FROM echolon_feature_summary('shop_products');
SELECT echolon_drop_features('shop_products');

-- ---- new rows get the features of the fit; a refresh fits again
INSERT INTO shop_sales VALUES (1000, 'east', '2024-05-01', 500, 3, 'a new store');
SELECT store, store_freq, store_code, revenue_lag1, revenue_roll7_mean FROM shop_features WHERE id = 1000;
SELECT echolon_refresh_features('shop_features');
SELECT store, round(store_freq::numeric, 5) AS freq, store_code FROM shop_features WHERE id = 1000;
DELETE FROM shop_sales WHERE id = 1000;

-- ---- materialized: the same rows, and a key
SELECT feature_set, view, features, notes FROM echolon_create_features('shop_stored', 'shop_sales', 'day', group_by => '{store}', target => 'revenue', materialized => true);
SELECT materialized_view FROM echolon.feature_sets WHERE feature_set = 'shop_stored';
SELECT indexdef FROM pg_indexes WHERE tablename = 'shop_stored_materialized';
SELECT echolon_refresh_features('shop_features');
SELECT count(*) AS different FROM (SELECT * FROM shop_stored EXCEPT ALL SELECT * FROM shop_features) AS d;
INSERT INTO shop_sales VALUES (1001, 'north', '2024-05-02', 400, 3, 'late');
SELECT count(*) FROM shop_stored WHERE id = 1001;
SELECT echolon_refresh_features('shop_stored');
SELECT count(*) FROM shop_stored WHERE id = 1001;
REFRESH MATERIALIZED VIEW CONCURRENTLY shop_stored_materialized;
DELETE FROM shop_sales WHERE id = 1001;

-- ---- dates that repeat
SELECT features FROM echolon_create_features('shop_ungrouped', 'shop_sales', 'day', '{revenue}', '{}', families => '{rolling}');
SELECT echolon_drop_features('shop_ungrouped');

-- ---- what depends on what
ALTER TABLE shop_sales DROP COLUMN units;
DROP TABLE shop_sales;
CREATE VIEW on_top AS SELECT id, revenue_lag1 FROM shop_features;
SELECT echolon_drop_features('shop_features');
DROP VIEW on_top;

-- ---- refused
SELECT echolon_create_features('shop_features', 'shop_sales', 'day');
SELECT echolon_create_features('', 'shop_sales', 'day');
SELECT echolon_create_features(NULL, 'shop_sales', 'day');
SELECT echolon_create_features('x', NULL, 'day');
SELECT echolon_create_features('shop_sales', 'shop_sales', 'day', '{revenue}', '{}', families => '{temporal}');
SELECT echolon_create_features('x', 'shop_sales', 'dya');
SELECT echolon_create_features('x', 'shop_sales', 'store');
SELECT echolon_create_features('x', 'shop_sales', 'day', '{store}');
SELECT echolon_create_features('x', 'shop_sales', 'day', '{revenue,revenue}');
SELECT echolon_create_features('x', 'shop_sales', 'day', '{revenue,NULL}');
SELECT echolon_create_features('x', 'shop_sales', 'day', category_columns => '{revenue}');
SELECT echolon_create_features('x', 'shop_sales', 'day', group_by => '{shop}');
SELECT echolon_create_features('x', 'shop_sales', 'day', group_by => '{day}');
SELECT echolon_create_features('x', 'shop_sales', group_by => '{store}');
SELECT echolon_create_features('x', 'shop_sales', 'day', target => 'revenu');
SELECT echolon_create_features('x', 'shop_sales', 'day', families => '{temporal,roling}');
SELECT echolon_create_features('x', 'shop_sales', 'day', families => '{}');
SELECT echolon_create_features('x', 'shop_sales', 'day', rolling_window => 0);
SELECT echolon_create_features('x', 'shop_sales', 'day', rolling_window => -7);
SELECT echolon_create_features('x', 'shop_sales', 'day', rolling_window => 2.5);
SELECT echolon_create_features('x', 'shop_sales', 'day', rolling_window => '-7 days');
SELECT echolon_create_features('x', 'shop_sales', 'day', rolling_window => 'soon');
SELECT echolon_create_features('x', 'shop_sales', 'day', rolling_window => '7 end 1');
SELECT echolon_create_features('x', 'shop_sales', 'day', rolling_window => true);
SELECT echolon_create_features('x', 'shop_sales', 'day', lags => '{0}');
SELECT echolon_create_features('x', 'shop_sales', 'day', statistics => '{mean,mode}');
SELECT echolon_create_features('x', 'shop_sales', 'day', horizon => -1);
SELECT echolon_create_features('x', 'shop_sales', 'day', horizon => 2, include_current => true);
SELECT echolon_create_features('x', 'shop_sales', 'day', min_periods => 0);
SELECT echolon_create_features('x', 'shop_sales', 'day', fill => 'backward');
SELECT echolon_create_features('x', 'shop_sales', 'day', polynomial_degree => 9);
SELECT echolon_create_features('x', 'shop_sales', 'day', time_zone => 'Europe/Berlin');
SELECT echolon_create_features('x', 'shop_sales', 'day', churn_days => '{90,30}');
SELECT echolon_create_features('x', 'shop_sales', 'day', engagement_columns => '{units}', engagement_weights => '{1,2}');
SELECT echolon_create_features('x', 'shop_sales', 'day', engagement_columns => '{units}', engagement_weights => '{-1}');
SELECT echolon_create_features('x', 'shop_sales', 'day', high_value_percentile => 1);
SELECT echolon_create_features('x', 'shop_sales', numeric_columns => '{}', category_columns => '{}', families => '{interaction,categorical}');
SELECT echolon_feature_summary('shop_featurse');
SELECT echolon_refresh_features('nothing');
SELECT echolon_drop_features('nothing');
BEGIN READ ONLY;
SELECT echolon_create_features('x', 'shop_sales', 'day');
ROLLBACK;

-- names that clash, and too many of them
CREATE TABLE clash (id integer PRIMARY KEY, day date, revenue float8, revenue_lag1 float8);
SELECT echolon_create_features('x', 'clash', 'day', '{revenue}', families => '{rolling}');
DO $$ BEGIN EXECUTE 'CREATE TABLE wide (' || (SELECT string_agg('c' || i || ' float8', ', ') FROM generate_series(1, 60) AS i) || ')'; END $$;
SELECT echolon_create_features('x', 'wide');
CREATE TEMP TABLE fleeting (day date, v float8);
SELECT echolon_create_features('x', 'fleeting', 'day');
SELECT count(*) FROM echolon.feature_sets WHERE feature_set = 'x';

-- an empty table has features, and no rows
CREATE TABLE empty_sales (LIKE shop_sales);
SELECT features > 20 AS many, rows_fitted FROM echolon_create_features('empty_features', 'empty_sales', 'day', target => 'revenue');
SELECT count(*) FROM empty_features;

-- ---- in another schema
CREATE SCHEMA mart;
SELECT view FROM echolon_create_features('mart.shop', 'shop_sales', 'day', '{revenue}', '{}', '{store}');
SELECT count(*) FROM mart.shop;
SELECT echolon_drop_features('mart.shop');

-- ---- dropped
SELECT echolon_drop_features('shop_features'), echolon_drop_features('shop_stored'), echolon_drop_features('empty_features');
SELECT count(*) FROM echolon.feature_sets;
SELECT relname FROM pg_class WHERE relname LIKE 'shop\_%' AND relkind IN ('v', 'm');
DROP TABLE shop_sales, clash, wide, empty_sales;
DROP SCHEMA mart;

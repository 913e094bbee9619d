-- superstore.sql: from the orders themselves: windows of time on irregular dates, months and years, shares and
-- ranks, codes and frequencies. The table is echolon_data.superstore.
\set QUIET on
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE VIEW parity.superstore_region_daily_ours AS
SELECT region, order_date, sales, quantity, orders, r[1] AS r7d_sum, r[2] AS r7d_mean, r[3] AS r7d_std, r[4] AS r7d_count, r[5] AS r30d_mean,
	r[6] AS exp_sum, r[7] AS pct_change_1, r[8] AS row7_mean
FROM (SELECT *, echolon_rolling(sales, order_date,
		'{sum 7 days,mean 7 days,stddev 7 days,count 7 days,mean 30 days,sum expanding,pct_change 1,mean 7 min_periods 1}') OVER (PARTITION BY region ORDER BY order_date) AS r
	FROM (SELECT region, order_date, sum(sales) AS sales, sum(quantity) AS quantity, count(DISTINCT order_id) AS orders
		FROM echolon_data.superstore GROUP BY region, order_date) AS daily) AS s;
-- pandas' running sum of squares is the inexact side here
CALL parity.compare('superstore_region_daily', '{region,order_date}', looser => '{"r7d_std": 3e-9}');

CREATE VIEW parity.monthly AS
SELECT date_trunc('month', order_date)::date AS month, category, sum(sales) AS sales FROM echolon_data.superstore GROUP BY 1, 2;
DO $$
BEGIN
	PERFORM echolon_create_features('parity_monthly', 'parity.monthly', 'month', '{sales}', '{}', '{category}',
		families => '{rolling,period}', rolling_window => 3, statistics => '{mean}');
END
$$;
CREATE VIEW parity.superstore_category_monthly_ours AS
SELECT month, category, sales, sales_mom AS mom, sales_yoy AS yoy, sales_roll3_mean AS roll3_mean, sales_ytd AS ytd_sum,
	sales_share AS share, sales_rank AS rank
FROM parity_monthly;
CALL parity.compare('superstore_category_monthly', '{month,category}');

-- what a feature set learns of a category, and means of the target by category: of all rows, smoothed by ten rows of the whole
-- table's mean, of all other rows, of the rows before (with one row of the whole table's mean)
DO $$
BEGIN
	PERFORM echolon_create_features('parity_sub_category', 'echolon_data.superstore', category_columns => '{sub_category}', families => '{categorical}');
END
$$;
CREATE VIEW parity.superstore_sub_category_ours AS
SELECT row_id, sub_category, echolon_label('parity_sub_category', 'sub_category', sub_category) AS label_code,
	echolon_frequency('parity_sub_category', 'sub_category', sub_category) AS freq,
	echolon_rolling_mean(sales) OVER same AS target_mean,
	(echolon_rolling_sum(sales) OVER same + 10 * overall) / (count(*) OVER same + 10) AS target_smooth10,
	echolon_rolling_mean(sales) OVER (PARTITION BY sub_category ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) AS target_loo,
	(coalesce(echolon_rolling_sum(sales) OVER before, 0) + overall) / (count(*) OVER before + 1) AS target_ordered
FROM echolon_data.superstore, (SELECT echolon_rolling_mean(sales) AS overall FROM echolon_data.superstore) AS o
WINDOW same AS (PARTITION BY sub_category), before AS (PARTITION BY sub_category ORDER BY row_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);
CALL parity.compare('superstore_sub_category', '{row_id,sub_category}', '{sales}');

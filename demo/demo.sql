-- demo.sql: a walk through Echolon; run by "make demo" after load.sql, or by
-- psql in any database that has the demo's tables.
\set QUIET on
\set ON_ERROR_STOP on
\pset footer off
\pset null '-'
\pset linestyle ascii
\pset border 1
\pset pager off
\timing off

CREATE EXTENSION IF NOT EXISTS echolon;

\echo
\echo '=== 1. Which customers will leave?  Gradient boosting on 5,000 customers of a telephone company ==='
\echo
\echo 'SELECT * FROM echolon_train_gb(''customers'', ''churn'');'
\echo
SELECT task, metric, round(score::numeric, 3) AS score, round(baseline::numeric, 3) AS baseline, rows_used,
	round(seconds::numeric, 2) AS seconds
FROM echolon_train_gb('customers', 'churn');
\echo 'The score comes from the fifth of the customers that was held out.  On those:'
\echo
\echo 'SELECT * FROM echolon_classification_report(''customers_churn'');'
\echo
SELECT label, round(precision::numeric, 3) AS precision, round(recall::numeric, 3) AS recall, round(f1::numeric, 3) AS f1,
	support FROM echolon_classification_report('customers_churn');
\echo 'What tells them apart:'
\echo
\echo 'SELECT * FROM echolon_feature_importance(''customers_churn'') LIMIT 5;'
\echo
SELECT rank, feature, round(importance::numeric, 3) AS importance FROM echolon_feature_importance('customers_churn') LIMIT 5;
\echo 'Of the hundred held-out customers with the highest risk, this share had left (of all customers, 14 %):'
\echo
SELECT round(100 * precision) || ' %' AS of_100_left, round(threshold::numeric, 3) AS risk_from
FROM echolon_precision_recall_curve('customers_churn') AS curve,
	(SELECT support FROM echolon_classification_report('customers_churn') WHERE label = 'yes') AS left_us
WHERE recall * support / nullif(precision, 0) <= 100 ORDER BY recall DESC LIMIT 1;
\echo 'The hundred to call: the most likely to leave of those who are still there (ten of them shown; the model was'
\echo 'trained on four fifths of them as ones who stayed, which makes their risk look lower than it is)'
\echo
\echo 'SELECT c.*, echolon_predict_proba(''customers_churn'', c, ''yes'') AS risk'
\echo 'FROM customers AS c WHERE churn = ''no'' ORDER BY risk DESC LIMIT 100;'
\echo
CREATE TABLE at_risk AS
SELECT c.*, echolon_predict_proba('customers_churn', c, 'yes') AS risk
FROM customers AS c WHERE churn = 'no' ORDER BY risk DESC LIMIT 100;
SELECT row_id AS customer, state, international_plan AS abroad, round(total_day_minutes) AS day_minutes,
	number_customer_service_calls AS complaints, round(risk::numeric, 3) AS risk
FROM at_risk ORDER BY risk DESC LIMIT 10;

\echo '=== 2. What is a house worth?  A random forest on 2,930 sales in Ames, Iowa, with 73 columns ==='
\echo
\echo 'SELECT * FROM echolon_train_rf(''house_sales'', ''sale_price'');'
\echo
SELECT task, metric, round(score::numeric, 3) AS score, round(baseline::numeric, 3) AS baseline, rows_used,
	round(seconds::numeric, 2) AS seconds
FROM echolon_train_rf('house_sales', 'sale_price');
\echo 'SELECT * FROM echolon_metrics(''house_sales_sale_price'');'
\echo
SELECT metric, round(score::numeric, 3) AS score, round(train_score::numeric, 3) AS train_score,
	round(baseline::numeric, 3) AS baseline FROM echolon_metrics('house_sales_sale_price');
SELECT rank, feature, round(importance::numeric, 3) AS importance FROM echolon_feature_importance('house_sales_sale_price') LIMIT 5;
\echo 'A house that was never built, as a JSON document, one room at a time:'
\echo
SELECT area AS living_area_sq_ft, round(echolon_predict_json('house_sales_sale_price',
		to_jsonb(h) || jsonb_build_object('gr_liv_area', area, 'first_flr_sf', area))) AS worth
FROM (SELECT * FROM house_sales WHERE row_id = 1) AS h, unnest(ARRAY[1000, 1500, 2000, 2500]) AS area;

\echo '=== 3. Next month''s home sales in 46 Texas cities: what not to believe ==='
\echo
\echo 'Units times median price nearly is the revenue, so these columns of the same month must not be used;'
\echo 'and a random split would let the model look at next month to predict this one.  So:'
\echo
\echo 'SELECT * FROM echolon_train_rf(''sales'', ''revenue'', split_by => ''month'','
\echo '  exclude => ''{row_id,units,median_price,listings,inventory}'');'
\echo
SELECT metric, round(score::numeric, 3) AS score, details->'metrics'->'baseline'->>'name' AS baseline_is,
	round(baseline::numeric, 3) AS baseline, rows_used
FROM echolon_train_rf('sales', 'revenue', split_by => 'month', exclude => '{row_id,units,median_price,listings,inventory}');
\echo 'The baseline is what anyone can say without a model: the last month''s value of the same city, or that of a year'
\echo 'before, whichever is better.  In plain SQL, on the same months:'
\echo
SELECT round((1 - sum((revenue - last_month) ^ 2) / regr_sxx(revenue, revenue))::numeric, 3) AS r2_of_last_month,
	round((1 - sum((revenue - last_year) ^ 2) / regr_sxx(revenue, revenue))::numeric, 3) AS r2_of_last_year
FROM (SELECT month, revenue, lag(revenue) OVER city AS last_month, lag(revenue, 12) OVER city AS last_year
	FROM sales WINDOW city AS (PARTITION BY city ORDER BY month)) AS s
WHERE month >= date '2012-09-01' AND num_nulls(revenue, last_month, last_year) = 0;
\echo 'A model that knows only the city and the date does not come near that, and Echolon says so.  What it lacks are'
\echo 'the months before, and a trend goes on beyond what a tree has seen.  So: each month as a share of the mean of the'
\echo 'twelve before it, in a view, from past months only.'
\echo
\echo 'CREATE VIEW sales_shares AS SELECT city, month, revenue / mean_of_12_months AS share, …'
\echo 'SELECT * FROM echolon_train_rf(''sales_shares'', ''share'', split_by => ''month'', refit => false,'
\echo '  features => ''{city,month,share_last_month,share_last_year}'');'
\echo
CREATE VIEW sales_shares AS
SELECT *, revenue / mean_of_12_months AS share, last_month / mean_of_12_months AS share_last_month,
	last_year / mean_of_12_months AS share_last_year
FROM (SELECT city, month, revenue, lag(revenue) OVER city AS last_month, lag(revenue, 12) OVER city AS last_year,
		avg(revenue) OVER (city ROWS BETWEEN 12 PRECEDING AND 1 PRECEDING) AS mean_of_12_months
	FROM sales WINDOW city AS (PARTITION BY city ORDER BY month)) AS s;
SELECT metric, round(score::numeric, 3) AS score, details->'metrics'->'baseline'->>'name' AS baseline_is,
	round(baseline::numeric, 3) AS baseline, rows_used
FROM echolon_train_rf('sales_shares', 'share', split_by => 'month', refit => false,
	features => '{city,month,share_last_month,share_last_year}');
\echo 'Back in dollars, on the months since September 2012, which the model has not seen:'
\echo
\echo 'SELECT echolon_r2(revenue, mean_of_12_months * echolon_predict(''sales_shares_share'', s)), … FROM sales_shares AS s …'
\echo
SELECT who, round(echolon_r2(revenue, predicted)::numeric, 3) AS r2,
	round(echolon_mae(revenue, predicted)::numeric / 1000000, 1) AS mean_error_in_millions
FROM sales_shares AS s, LATERAL (VALUES ('the model', mean_of_12_months * echolon_predict('sales_shares_share', s)),
	('last month''s value', last_month), ('that of a year before', last_year)) AS v (who, predicted)
WHERE month >= date '2012-09-01' AND num_nulls(revenue, last_month, last_year) = 0
GROUP BY who ORDER BY 2 DESC;

\echo '=== The models ==='
\echo
\echo 'SELECT * FROM echolon.models;'
\echo
SELECT model, algorithm, version, metric, round(score::numeric, 3) AS score, round(baseline::numeric, 3) AS baseline, state
FROM echolon.models ORDER BY model;

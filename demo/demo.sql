-- demo.sql: a walk through Echolon; run by "make demo" in demo/data after load.sql, or by psql
-- there, in any database that has the demo's tables.
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
\echo '=== 1. From a file to an answer: house sales in Ames, Iowa ==='
\echo
\echo 'A file that nobody has described.  (A file on the server is read by its path; this one comes from the client.)'
\echo
\echo '\\set file `cat ames.csv`'
\echo 'SELECT * FROM echolon_load_csv(''houses'', content => :''file'', null_marks => ''{\\N,""}'');'
\echo
\set file `cat ames.csv`
SELECT table_name, rows_loaded, rows_refused, array_length(columns, 1) AS columns, columns[1:4] AS the_first_four
FROM echolon_load_csv('houses', content => :'file', null_marks => '{\\N,""}');
\echo 'What is wrong with it?  (Nothing that would stop a training; what is merely worth knowing is left out here.)'
\echo
\echo 'SELECT * FROM echolon_validate(''houses'', ''sale_price'') WHERE severity <> ''info'';'
\echo
SELECT rule, severity, column_name, message FROM echolon_validate('houses', 'sale_price') WHERE severity <> 'info';
SELECT rule, count(*) AS columns, min(message) AS such_as FROM echolon_validate('houses', 'sale_price') GROUP BY rule ORDER BY 2 DESC;
\echo 'Features that might help: areas put together, and how common a neighborhood is:'
\echo
\echo 'SELECT * FROM echolon_create_features(''house_features'', ''houses'', numeric_columns => ''{gr_liv_area,total_bsmt_sf,garage_area}'','
\echo '  category_columns => ''{neighborhood}'', families => ''{interaction,categorical}'', interactions => ''{sum,ratio}'');'
\echo
SELECT feature_set, features FROM echolon_create_features('house_features', 'houses', numeric_columns => '{gr_liv_area,total_bsmt_sf,garage_area}',
	category_columns => '{neighborhood}', families => '{interaction,categorical}', interactions => '{sum,ratio}');
\echo 'Clean, train, measure, report: a forest for the price, boosted trees for whether it is in the upper quarter'
\echo
\echo 'SELECT * FROM echolon_fine_tune(''house_features'', ''sale_price'');'
\echo
CREATE TABLE report AS SELECT * FROM echolon_fine_tune('house_features', 'sale_price');
SELECT section, item, value, note FROM report WHERE (section, item) IN (('data', 'rows'), ('data', 'held-out rows'),
	('regression', 'mae'), ('regression', 'r2'), ('classification', 'accuracy'), ('classification', 'roc_auc'), ('classification', 'class high'));
\echo 'The same in words:'
\echo
SELECT note AS sentence FROM report WHERE section = 'summary' AND item IN ('score', 'error', 'ranking', 'classes', 'features');
\echo 'And the answer:'
\echo
\echo 'SELECT sale_price, echolon_predict(''house_features_sale_price_regression'', h), … FROM house_features AS h;'
\echo
SELECT row_id AS house, neighborhood, sale_price AS sold_for, round(echolon_predict('house_features_sale_price_regression', h)) AS worth,
	round(echolon_predict_proba('house_features_sale_price_classification', h, 'high')::numeric, 2) AS upper_quarter
FROM house_features AS h ORDER BY row_id LIMIT 5;

\echo
\echo '=== 2. Which customers will leave?  Gradient boosting on 5,000 customers of a telephone company ==='
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

\echo '=== 3. What is a house worth?  A random forest on 2,930 sales in Ames, Iowa, with 73 columns ==='
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

\echo '=== 4. Next month''s home sales in 46 Texas cities: features of the months before ==='
\echo
\echo 'Units times median price nearly is the revenue, so these columns of the same month must not be used.  What is left'
\echo 'are the city and the date:'
\echo
\echo 'SELECT * FROM echolon_train_rf(''sales'', ''revenue'', split_by => ''month'','
\echo '  exclude => ''{row_id,units,median_price,listings,inventory}'');'
\echo
SELECT metric, round(score::numeric, 3) AS score, details->'metrics'->'baseline'->>'name' AS baseline_is,
	round(baseline::numeric, 3) AS baseline, rows_used
FROM echolon_train_rf('sales', 'revenue', split_by => 'month', exclude => '{row_id,units,median_price,listings,inventory}');
\echo 'The split is in time: the model is scored on months after all that it has seen.  The baseline is what anyone can say'
\echo 'without a model, last month''s value of the same city or that of a year before.  A model that knows only the city and'
\echo 'the date does not come near it, and Echolon says so: it lacks the months before, and a trend goes on beyond what a'
\echo 'tree has seen.  So predict each month as a share of the mean of the twelve before it, from the shares before it:'
\echo
\echo 'CREATE VIEW sales_shares AS SELECT …, revenue / usual AS share FROM (SELECT *, avg(revenue) OVER'
\echo '  (PARTITION BY city ORDER BY month ROWS BETWEEN 12 PRECEDING AND 1 PRECEDING) AS usual FROM sales) AS s;'
\echo 'SELECT * FROM echolon_create_features(''share_features'', ''sales_shares'', date_column => ''month'','
\echo '  numeric_columns => ''{share}'', category_columns => ''{city}'', group_by => ''{city}'', target => ''share'','
\echo '  families => ''{temporal,rolling}'', lags => ''{1,2,3,12}'', rolling_windows => ''{3,12}'');'
\echo
CREATE VIEW sales_shares AS
SELECT row_id, city, month, revenue, usual, revenue / usual AS share
FROM (SELECT *, avg(revenue) OVER (PARTITION BY city ORDER BY month ROWS BETWEEN 12 PRECEDING AND 1 PRECEDING) AS usual
	FROM sales) AS s;
SELECT feature_set, features, rows_fitted
FROM echolon_create_features('share_features', 'sales_shares', date_column => 'month',
	numeric_columns => '{share}', category_columns => '{city}', group_by => '{city}', target => 'share',
	families => '{temporal,rolling}', lags => '{1,2,3,12}', rolling_windows => '{3,12}');
\echo 'That is a view.  Its windows stay within a city and end at the month before:'
\echo
SELECT feature, description FROM echolon_feature_summary('share_features') WHERE feature ~ 'lag|mean';
SELECT month, round(revenue / 1000000) AS millions, round(share::numeric, 2) AS share, round(share_lag1::numeric, 2) AS share_lag1,
	round(share_lag12::numeric, 2) AS share_lag12, round(share_roll3_mean::numeric, 2) AS share_roll3_mean
FROM share_features WHERE city = 'Austin' ORDER BY month DESC LIMIT 4;
\echo 'A training on it is split in time by itself (and would leave out features that contain the share it is to predict):'
\echo
\echo 'SELECT * FROM echolon_train_rf(''share_features'', ''share'', exclude => ''{revenue}'', refit => false);'
\echo
SELECT metric, round(score::numeric, 3) AS score, details->'metrics'->'baseline'->>'name' AS baseline_is,
	round(baseline::numeric, 3) AS baseline, rows_used
FROM echolon_train_rf('share_features', 'share', exclude => '{revenue}', refit => false);
SELECT rank, feature, round(importance::numeric, 3) AS importance FROM echolon_feature_importance('share_features_share') LIMIT 5;
\echo 'Back in dollars, on the months since September 2012, which the model has not seen:'
\echo
\echo 'SELECT echolon_r2(revenue, usual * echolon_predict(''share_features_share'', f)), … FROM share_features AS f …'
\echo
SELECT who, round(echolon_r2(revenue, predicted)::numeric, 3) AS r2,
	round(echolon_mae(revenue, predicted)::numeric / 1000000, 1) AS mean_error_in_millions
FROM (SELECT *, lag(revenue) OVER city AS last_month, lag(revenue, 12) OVER city AS last_year
	FROM share_features WINDOW city AS (PARTITION BY city ORDER BY month)) AS f,
	LATERAL (VALUES ('the model', usual * echolon_predict('share_features_share', f)),
		('last month''s value', last_month), ('the value a year before', last_year),
		('last year''s share of the mean', usual * share_lag12)) AS v (who, predicted)
WHERE month >= date '2012-09-01' AND num_nulls(revenue, last_month, last_year, share_lag12) = 0
GROUP BY who ORDER BY 2 DESC;

\echo '=== The models ==='
\echo
\echo 'SELECT * FROM echolon.models;'
\echo
SELECT model, algorithm, version, metric, round(score::numeric, 3) AS score, round(baseline::numeric, 3) AS baseline, state
FROM echolon.models ORDER BY model;

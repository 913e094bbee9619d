-- group_by: a model for each group, one model, and what is said of it.
SET client_min_messages = warning;
CREATE TABLE branches AS
SELECT i AS id, (ARRAY['north', 'south', 'east'])[1 + i % 3] AS branch, (i::int8 * 7919 % 1009) / 100.0::float8 AS price, (i::int8 * 104729 % 997) / 10.0::float8 AS visits, 0.0::float8 AS revenue
FROM generate_series(1, 900) AS i;
INSERT INTO branches SELECT 2000 + i, 'kiosk', i / 10.0, i, 0 FROM generate_series(1, 20) AS i;
UPDATE branches SET revenue = CASE branch WHEN 'north' THEN 3 * price WHEN 'south' THEN 40 - 2 * price WHEN 'east' THEN visits / 4 ELSE 10 END;
SELECT model, version, rows_used, metric, round(score::numeric, 2) AS score, notes FROM echolon_train_gb('branches', 'revenue', exclude => '{id}', group_by => '{branch}', model => 'by_branch');
SELECT group_key, rows_used, training_rows, measured_rows, metric, round(score::numeric, 2) AS score, score > common_score AS better FROM echolon_group_metrics('by_branch');
SELECT feature, splits > 0 AS used FROM echolon_feature_importance('by_branch') ORDER BY importance DESC, feature;
SELECT branch, round(avg(revenue)::numeric) AS revenue, round(avg(echolon_predict('by_branch', b))::numeric) AS predicted FROM branches AS b GROUP BY branch ORDER BY branch;
-- all share one model where none has enough rows
SELECT notes FROM echolon_train_gb('branches', 'revenue', exclude => '{id}', group_by => '{branch}', min_group_rows => 1000, model => 'shared');
SELECT group_key, rows_used, training_rows, measured_rows, round(score::numeric, 2) AS score, score = common_score AS same FROM echolon_group_metrics('shared');
-- what cannot be done
\set VERBOSITY default
SELECT echolon_group_metrics('by_branch', 2);
SELECT echolon_train_gb('branches', 'revenue', group_by => '{brunch}', model => 'wrong');
SELECT echolon_train_gb('branches', 'revenue', group_by => '{branch}', split_groups => 'branch', model => 'wrong');
SELECT echolon_train_gb('branches', 'revenue', group_by => '{branch}', exclude => '{branch}', model => 'wrong');
SELECT echolon_update('by_branch', 'branches');
SELECT echolon_drop_model(m) FROM unnest('{by_branch,shared}'::text[]) AS m;
DROP TABLE branches;

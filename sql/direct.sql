-- The direct path: rows of a feature set at once, and the features of one row.
SET client_min_messages = warning;
SET DateStyle = 'ISO';

CREATE TABLE visits (id integer PRIMARY KEY, shop text, day date, visitors integer, spent numeric(10, 2));
INSERT INTO visits VALUES
	(1, 'north', '2024-01-01', 10, 100), (2, 'south', '2024-01-01', 4, 25.50), (3, 'north', '2024-01-02', 12, 90),
	(4, 'south', '2024-01-03', NULL, 30), (5, 'north', '2024-01-03', 11, NULL), (6, 'north', '2024-01-03', 15, 150),
	(7, 'south', '2024-01-04', 8, 64), (8, NULL, '2024-01-04', 1, 5), (9, 'north', NULL, 99, 999), (10, 'north', '2024-01-08', 20, 240);
SELECT features FROM echolon_create_features('visit_features', 'visits', 'day', '{visitors,spent}', '{shop}', '{shop}',
	families => '{rolling,period}', rolling_windows => '{3,2 days}', statistics => '{mean,sum}', min_periods => 1, lags => '{1}');

-- ---- all rows
SELECT id, shop, day, visitors, visitors_lag1, round(visitors_roll3_mean::numeric, 2) AS mean3, visitors_roll2d_sum AS sum2d, visitors_rank AS rank,
	spent, round(spent_pct1::numeric, 2) AS pct1, round(spent_share::numeric, 3) AS share, spent_ytd AS ytd
FROM visit_features ORDER BY id;
SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) AS definitions
FROM pg_attribute WHERE attrelid = 'visit_features'::regclass AND attnum > 0 \gset
SELECT count(*) AS rows, count(*) FILTER (WHERE v IS NOT DISTINCT FROM d) AS same FROM visit_features AS v FULL JOIN echolon_feature_rows('visit_features') AS d (:definitions) USING (id);
SELECT * FROM echolon_feature_rows('visit_features') AS d (id integer, shop text);
SELECT * FROM echolon_feature_rows('visit_features') AS d (id integer, shop text, day text);
SELECT echolon_feature_rows('visit_features');
SELECT * FROM echolon_feature_rows('no_features') AS d (id integer);

-- ---- one row: a stored one, one to be stored, one that replaces another
SELECT (echolon_features_at('visit_features', v, NULL::visit_features)) = f AS same FROM visits AS v JOIN visit_features AS f USING (id) ORDER BY id;
SELECT f.id, f.visitors_lag1, f.visitors_roll3_mean, f.visitors_roll2d_sum, f.visitors_rank, f.spent, f.spent_share
FROM (SELECT 'south' AS shop, timestamp '2024-01-04 00:00' AS day, 20 AS visitors, 36.004 AS spent) AS new,
	LATERAL echolon_features_at('visit_features', new, NULL::visit_features) AS f;
SELECT f.id, f.visitors_lag1, f.visitors_roll3_mean, f.visitors_roll2d_sum, f.visitors_rank, f.spent, f.spent_share
FROM (SELECT 7 AS id, 'south' AS shop, date '2024-01-04' AS day, 20 AS visitors, 36.004 AS spent) AS new,
	LATERAL echolon_features_at('visit_features', new, NULL::visit_features) AS f;
SELECT to_jsonb(echolon_features_at('visit_features', v)) ->> 'visitors_roll2d_sum' AS sum2d FROM visits AS v WHERE id = 6;
SELECT echolon_features_at('visit_features', NULL::visits) IS NULL AS nothing;
PREPARE one(integer) AS SELECT (echolon_features_at('visit_features', v, NULL::visit_features)).visitors_roll3_mean AS mean3 FROM visits AS v WHERE id = $1;
EXECUTE one(6);
UPDATE visits SET visitors = 30 WHERE id = 3;
EXECUTE one(6);

SELECT echolon_features_at('visit_features', v) FROM (SELECT 1 AS id, 'north' AS shop) AS v;
SELECT echolon_features_at('visit_features', v) FROM (SELECT 1 AS id, date '2024-01-01' AS day, 'north' AS shops) AS v;
SELECT echolon_features_at('visit_features', v) FROM (SELECT date '2024-01-01' AS day, 'north' AS shop, true AS visitors) AS v;
SELECT echolon_features_at('visit_features', v) FROM (SELECT date '2024-01-01' AS day, 'north' AS shop, 1e10 AS visitors) AS v;
SELECT echolon_features_at('visit_features', v, 1) FROM visits AS v;
SELECT echolon_features_at('visit_features', v, NULL::pg_class) FROM visits AS v;

-- ---- a set that was dropped and made again is another one
SELECT echolon_drop_features('visit_features');
EXECUTE one(6);
DEALLOCATE one;
SELECT features FROM echolon_create_features('visit_features', 'visits', 'day', '{visitors}', '{}', families => '{rolling}', rolling_windows => '{2}', statistics => '{sum}', min_periods => 1);
SELECT id, (echolon_features_at('visit_features', v, NULL::visit_features)).visitors_roll2_sum FROM visits AS v WHERE id IN (6, 10) ORDER BY id;
SELECT echolon_drop_features('visit_features');
DROP TABLE visits;

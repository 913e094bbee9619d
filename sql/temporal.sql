--
-- features of one row: calendar parts, interactions and powers, business
--
\pset null '(null)'
\set SHOW_CONTEXT never
\set VERBOSITY default
SET timezone = 'Europe/Berlin';
SET datestyle = 'ISO';
CREATE SCHEMA temporal;
SET search_path = temporal, public;

-- ---- calendar ----

SELECT d, echolon_year(d) AS year, echolon_quarter(d) AS quarter, echolon_month(d) AS month, echolon_week(d) AS week,
	echolon_day_of_month(d) AS day, echolon_day_of_week(d) AS dow, echolon_day_of_year(d) AS doy,
	echolon_is_weekend(d) AS weekend, echolon_is_month_start(d) AS "start", echolon_is_month_end(d) AS "end"
FROM unnest('{2024-01-01,2024-02-28,2024-02-29,2023-02-28,2023-01-01,2021-01-03,2020-12-31,1900-02-28,2000-02-29,1999-12-31,
	0001-01-01,0001-12-31 BC,0005-02-29 BC,4713-11-24 BC,5874897-12-31,infinity,-infinity,NULL}'::date[]) WITH ORDINALITY AS u(d, i)
ORDER BY i;
-- a date has no hour; an instant has one in its zone
SELECT echolon_hour(date '2024-03-31') AS of_a_date, echolon_hour(timestamp '2024-03-31 23:59:59.999999') AS of_a_timestamp,
	echolon_hour(timestamptz '2024-03-31 00:30:00+00') AS berlin, echolon_hour(timestamptz '2024-03-31 01:30:00+00') AS an_hour_later_there,
	echolon_hour(timestamptz '2024-03-31 01:30:00+00', 'America/New_York') AS new_york,
	echolon_day_of_month(timestamptz '2024-03-31 01:30:00+00', 'America/New_York') AS the_day_before,
	echolon_hour(timestamptz '2024-03-31 01:30:00+00', 'Asia/Kolkata') AS kolkata, echolon_hour(timestamptz 'infinity') AS never;
SET timezone = 'Asia/Tokyo';
SELECT echolon_hour(timestamptz '2024-03-31 01:30:00+00') AS tokyo, echolon_month(timestamptz '2024-12-31 15:00:00+00') AS january;
SET timezone = 'Europe/Berlin';
-- the last microsecond of a far year is not the next year's first
SELECT echolon_year(timestamp '9999-12-31 23:59:59.999999') AS year, echolon_is_month_end(timestamp '294276-12-31 23:59:59.999999') AS last_of_all;
-- circles: the quarters of a turn are exact
SELECT m, echolon_month_sin(make_date(2024, m, 1)) AS sine, echolon_month_cos(make_date(2024, m, 1)) AS cosine FROM generate_series(1, 12, 3) AS m;
SELECT h, echolon_hour_sin(make_timestamp(2024, 1, 1, h, 0, 0)) AS sine, echolon_hour_cos(make_timestamp(2024, 1, 1, h, 0, 0)) AS cosine
FROM generate_series(0, 23, 6) AS h;
SELECT echolon_day_of_week(d) AS dow, echolon_day_of_week_sin(d) AS sine, echolon_day_of_week_cos(d) AS cosine
FROM generate_series(date '2024-01-01', date '2024-01-07', interval '1 day') AS g(t), LATERAL (SELECT t::date) AS l(d);
-- all in one
\x on
SELECT * FROM echolon_temporal_features(date '2024-02-29');
SELECT t.* FROM (VALUES (timestamptz '2024-12-31 23:30:00+00')) AS v(at), LATERAL echolon_temporal_features(v.at) AS t;
SELECT t.* FROM (VALUES (timestamptz '2024-12-31 23:30:00+00')) AS v(at), LATERAL echolon_temporal_features(v.at, 'UTC') AS t;
\x off
SELECT echolon_temporal_features(date 'infinity') IS NULL AS infinite, echolon_temporal_features(NULL::timestamp) IS NULL AS "null",
	(echolon_temporal_features(timestamp '2024-05-06 07:08:09')).hour;
-- zones that are none, at any row
SELECT echolon_month(timestamptz '2024-01-01', 'Europe/Nowhere');
SELECT echolon_month(timestamptz '2024-01-01', zone) FROM (VALUES ('UTC'), ('UTC'), ('')) AS z(zone);
SELECT echolon_temporal_features(timestamptz '2024-01-01', repeat('x', 300));
SELECT echolon_month(text '2024-01-01');
-- what an index may be made of
CREATE TABLE event (day date, at timestamptz);
CREATE INDEX ON event (echolon_month(day), echolon_hour(at, 'UTC'));
CREATE INDEX ON event (echolon_hour(at));
DROP TABLE event;

-- ---- arithmetic ----

SELECT echolon_product(2, 3.5) AS product, echolon_product(2::smallint, 3::bigint, 1.5::real, 2::float8, 0.5) AS of_all_types,
	echolon_product(7) AS of_one, echolon_product(VARIADIC '{1,2,3}'::numeric[]) AS of_an_array,
	echolon_product(VARIADIC '{1,NULL}'::float8[]) AS with_null, echolon_product(VARIADIC '{}'::int[]) AS of_none,
	echolon_product(2, NULL::int) AS "null", echolon_product(interval '1 minute', 2) AS seconds;
SELECT echolon_ratio(1, 4) AS ratio, echolon_ratio(1, 0) AS by_zero, echolon_ratio(0.0, -0.0::float8) AS zeros, echolon_ratio(NULL, 1) AS "null",
	echolon_ratio(1, 'NaN'::numeric) AS nan, echolon_ratio('Infinity'::float8, 2) AS infinite, echolon_ratio(1e308, 1e-10) AS too_large;
SELECT echolon_add(1, 0.5) AS sum, echolon_subtract(1, 0.5) AS difference, echolon_add(1e308::float8, 1e308) AS too_large,
	echolon_subtract(-1e308::float8, 1e308) AS too_small, echolon_subtract('Infinity'::float8, 'Infinity'::numeric) AS nothing,
	echolon_add(9223372036854775807, 9223372036854775807) AS no_bigint_overflow, echolon_product(1e200::float8, 1e200) AS product_too_large;
SELECT n, echolon_power(-1.5, n) AS power FROM generate_series(1, 10) AS n;
SELECT echolon_power(1e200::float8, 3) AS too_large, echolon_power(NULL::int, 2) AS "null", echolon_power(2, NULL) AS null_too, echolon_power('NaN'::float8, 2) AS nan;
CREATE DOMAIN price AS numeric CHECK (VALUE >= 0);
CREATE DOMAIN prices AS price[];
SELECT echolon_product(2.5::price, 4) AS of_a_domain, echolon_product(VARIADIC '{2.5,4}'::prices) AS of_an_array_of_them;
DROP DOMAIN prices;
DROP DOMAIN price;
SELECT echolon_add('1', 2);
SELECT echolon_add(1, text '2');
SELECT echolon_product(1, true, 2);
SELECT echolon_ratio(date '2024-01-01', 2);
SELECT echolon_product(VARIADIC '{a}'::text[]);
SELECT echolon_product();
SELECT echolon_power(2, 0);
SELECT echolon_power(2, 11);
SELECT echolon_power(point '(1,2)', 2);

-- ---- business ----

SELECT d AS days, echolon_churn_risk(d) AS risk, echolon_churn_risk(d, 30) AS of_30, echolon_churn_segment(d) AS segment, echolon_churn_segment(d, 0, 7.5) AS faster
FROM unnest('{-5,0,1,7.5,30,30.5,45,90,90.5,1e9,Infinity,-Infinity,NaN,NULL}'::float8[]) WITH ORDINALITY AS u(d, i) ORDER BY i;
SELECT echolon_churn_risk(45::bigint) AS "bigint", echolon_churn_risk(22.5) AS "numeric", echolon_churn_risk(current_date - current_date) AS days, echolon_churn_risk(1, NULL) AS "null";
SELECT echolon_churn_risk(1, 0);
SELECT echolon_churn_risk(1, 'Infinity');
SELECT echolon_churn_segment(1, 90, 30);
SELECT echolon_churn_segment(1, 'NaN', 90);
SELECT echolon_engagement_score('{0.5,1}') AS score, echolon_engagement_score('{0.5,1}', '{3,1}') AS weighted,
	echolon_engagement_score('{0.5,NULL,1}', '{3,5,1}') AS without_the_missing, echolon_engagement_score('{NULL,NULL}') AS all_missing,
	echolon_engagement_score('{}') AS empty, echolon_engagement_score(NULL) AS "null", echolon_engagement_score('{0.5,NULL}', '{0,1}') AS none_counts,
	echolon_engagement_score('{0.5,NaN}', '{1,0}') AS weight_of_zero, echolon_engagement_score('{0.2,0.4}', NULL) AS no_weights;
SELECT echolon_engagement_score('{0.5,1}', '{1}');
SELECT echolon_engagement_score('{0.5,1}', '{1,-1}');
SELECT echolon_engagement_score('{0.5,1}', '{1,NULL}');
SELECT echolon_engagement_score('{0.5,1}', '{1,NaN}');
SELECT echolon_engagement_score('{0.5,1}', '{0,0}');
SELECT echolon_engagement_score('{0.5,1}', '{1e308,1e308}');
SELECT echolon_engagement_score('{{0.5,1}}');

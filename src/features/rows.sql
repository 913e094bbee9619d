-- rows: features of one row; calendar parts, interactions and powers, business.

-- ---- calendar: one function a part, for views ----------------------------------------------
-- Of a date, a timestamp, a timestamptz in the session's zone, and a timestamptz in a zone.

CREATE FUNCTION echolon_year(at date) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_year_date';
COMMENT ON FUNCTION echolon_year(date) IS
'Calendar year of a date: EXTRACT(year), so 1 BC is -1. NULL of an infinite date';

CREATE FUNCTION echolon_year(at timestamp) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_year_timestamp';
COMMENT ON FUNCTION echolon_year(timestamp) IS
'Of a timestamp, as echolon_year(date)';

CREATE FUNCTION echolon_year(at timestamptz) RETURNS integer
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_year_timestamptz';
COMMENT ON FUNCTION echolon_year(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_year(date)';

CREATE FUNCTION echolon_year(at timestamptz, zone text) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_year_timestamptz';
COMMENT ON FUNCTION echolon_year(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_year(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_quarter(at date) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_quarter_date';
COMMENT ON FUNCTION echolon_quarter(date) IS
'Quarter of the year of a date, 1 to 4: EXTRACT(quarter). NULL of an infinite date';

CREATE FUNCTION echolon_quarter(at timestamp) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_quarter_timestamp';
COMMENT ON FUNCTION echolon_quarter(timestamp) IS
'Of a timestamp, as echolon_quarter(date)';

CREATE FUNCTION echolon_quarter(at timestamptz) RETURNS integer
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_quarter_timestamptz';
COMMENT ON FUNCTION echolon_quarter(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_quarter(date)';

CREATE FUNCTION echolon_quarter(at timestamptz, zone text) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_quarter_timestamptz';
COMMENT ON FUNCTION echolon_quarter(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_quarter(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_month(at date) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_date';
COMMENT ON FUNCTION echolon_month(date) IS
'Month of a date, 1 to 12: EXTRACT(month). NULL of an infinite date';

CREATE FUNCTION echolon_month(at timestamp) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_timestamp';
COMMENT ON FUNCTION echolon_month(timestamp) IS
'Of a timestamp, as echolon_month(date)';

CREATE FUNCTION echolon_month(at timestamptz) RETURNS integer
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_timestamptz';
COMMENT ON FUNCTION echolon_month(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_month(date)';

CREATE FUNCTION echolon_month(at timestamptz, zone text) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_timestamptz';
COMMENT ON FUNCTION echolon_month(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_month(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_week(at date) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_week_date';
COMMENT ON FUNCTION echolon_week(date) IS
'ISO 8601 week of a date, 1 to 53: EXTRACT(week). It begins on Monday and belongs to the year its Thursday is in, so the first days of January can be in week 52 or 53. NULL of an infinite date';

CREATE FUNCTION echolon_week(at timestamp) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_week_timestamp';
COMMENT ON FUNCTION echolon_week(timestamp) IS
'Of a timestamp, as echolon_week(date)';

CREATE FUNCTION echolon_week(at timestamptz) RETURNS integer
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_week_timestamptz';
COMMENT ON FUNCTION echolon_week(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_week(date)';

CREATE FUNCTION echolon_week(at timestamptz, zone text) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_week_timestamptz';
COMMENT ON FUNCTION echolon_week(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_week(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_day_of_month(at date) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_month_date';
COMMENT ON FUNCTION echolon_day_of_month(date) IS
'Day of the month of a date, 1 to 31: EXTRACT(day). NULL of an infinite date';

CREATE FUNCTION echolon_day_of_month(at timestamp) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_month_timestamp';
COMMENT ON FUNCTION echolon_day_of_month(timestamp) IS
'Of a timestamp, as echolon_day_of_month(date)';

CREATE FUNCTION echolon_day_of_month(at timestamptz) RETURNS integer
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_month_timestamptz';
COMMENT ON FUNCTION echolon_day_of_month(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_day_of_month(date)';

CREATE FUNCTION echolon_day_of_month(at timestamptz, zone text) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_month_timestamptz';
COMMENT ON FUNCTION echolon_day_of_month(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_day_of_month(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_day_of_week(at date) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_date';
COMMENT ON FUNCTION echolon_day_of_week(date) IS
'Day of the week of a date, Monday 0 to Sunday 6 (pandas dayofweek; EXTRACT(isodow) - 1). NULL of an infinite date';

CREATE FUNCTION echolon_day_of_week(at timestamp) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_timestamp';
COMMENT ON FUNCTION echolon_day_of_week(timestamp) IS
'Of a timestamp, as echolon_day_of_week(date)';

CREATE FUNCTION echolon_day_of_week(at timestamptz) RETURNS integer
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_timestamptz';
COMMENT ON FUNCTION echolon_day_of_week(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_day_of_week(date)';

CREATE FUNCTION echolon_day_of_week(at timestamptz, zone text) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_timestamptz';
COMMENT ON FUNCTION echolon_day_of_week(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_day_of_week(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_day_of_year(at date) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_year_date';
COMMENT ON FUNCTION echolon_day_of_year(date) IS
'Day of the year of a date, 1 to 366: EXTRACT(doy). NULL of an infinite date';

CREATE FUNCTION echolon_day_of_year(at timestamp) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_year_timestamp';
COMMENT ON FUNCTION echolon_day_of_year(timestamp) IS
'Of a timestamp, as echolon_day_of_year(date)';

CREATE FUNCTION echolon_day_of_year(at timestamptz) RETURNS integer
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_year_timestamptz';
COMMENT ON FUNCTION echolon_day_of_year(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_day_of_year(date)';

CREATE FUNCTION echolon_day_of_year(at timestamptz, zone text) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_year_timestamptz';
COMMENT ON FUNCTION echolon_day_of_year(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_day_of_year(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_hour(at date) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_date';
COMMENT ON FUNCTION echolon_hour(date) IS
'Hour of a date: NULL, as a date has none. Here so that it does not become a timestamp unseen';

CREATE FUNCTION echolon_hour(at timestamp) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_timestamp';
COMMENT ON FUNCTION echolon_hour(timestamp) IS
'Hour of a timestamp, 0 to 23: EXTRACT(hour). NULL of an infinite timestamp';

CREATE FUNCTION echolon_hour(at timestamptz) RETURNS integer
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_timestamptz';
COMMENT ON FUNCTION echolon_hour(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_hour(timestamp)';

CREATE FUNCTION echolon_hour(at timestamptz, zone text) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_timestamptz';
COMMENT ON FUNCTION echolon_hour(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_hour(timestamp). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_is_weekend(at date) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_weekend_date';
COMMENT ON FUNCTION echolon_is_weekend(date) IS
'Whether a date is a Saturday or a Sunday. NULL of an infinite date';

CREATE FUNCTION echolon_is_weekend(at timestamp) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_weekend_timestamp';
COMMENT ON FUNCTION echolon_is_weekend(timestamp) IS
'Of a timestamp, as echolon_is_weekend(date)';

CREATE FUNCTION echolon_is_weekend(at timestamptz) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_weekend_timestamptz';
COMMENT ON FUNCTION echolon_is_weekend(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_is_weekend(date)';

CREATE FUNCTION echolon_is_weekend(at timestamptz, zone text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_weekend_timestamptz';
COMMENT ON FUNCTION echolon_is_weekend(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_is_weekend(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_is_month_start(at date) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_month_start_date';
COMMENT ON FUNCTION echolon_is_month_start(date) IS
'Whether a date is the first day of its month. NULL of an infinite date';

CREATE FUNCTION echolon_is_month_start(at timestamp) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_month_start_timestamp';
COMMENT ON FUNCTION echolon_is_month_start(timestamp) IS
'Of a timestamp, as echolon_is_month_start(date)';

CREATE FUNCTION echolon_is_month_start(at timestamptz) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_month_start_timestamptz';
COMMENT ON FUNCTION echolon_is_month_start(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_is_month_start(date)';

CREATE FUNCTION echolon_is_month_start(at timestamptz, zone text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_month_start_timestamptz';
COMMENT ON FUNCTION echolon_is_month_start(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_is_month_start(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_is_month_end(at date) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_month_end_date';
COMMENT ON FUNCTION echolon_is_month_end(date) IS
'Whether a date is the last day of its month. NULL of an infinite date';

CREATE FUNCTION echolon_is_month_end(at timestamp) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_month_end_timestamp';
COMMENT ON FUNCTION echolon_is_month_end(timestamp) IS
'Of a timestamp, as echolon_is_month_end(date)';

CREATE FUNCTION echolon_is_month_end(at timestamptz) RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_month_end_timestamptz';
COMMENT ON FUNCTION echolon_is_month_end(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_is_month_end(date)';

CREATE FUNCTION echolon_is_month_end(at timestamptz, zone text) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_is_month_end_timestamptz';
COMMENT ON FUNCTION echolon_is_month_end(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_is_month_end(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_month_sin(at date) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_sin_date';
COMMENT ON FUNCTION echolon_month_sin(date) IS
'Sine of a date''s month on the circle of the year, sin(2 * pi * (month - 1) / 12): with echolon_month_cos, December is next to January. NULL of an infinite date';

CREATE FUNCTION echolon_month_sin(at timestamp) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_sin_timestamp';
COMMENT ON FUNCTION echolon_month_sin(timestamp) IS
'Of a timestamp, as echolon_month_sin(date)';

CREATE FUNCTION echolon_month_sin(at timestamptz) RETURNS double precision
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_sin_timestamptz';
COMMENT ON FUNCTION echolon_month_sin(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_month_sin(date)';

CREATE FUNCTION echolon_month_sin(at timestamptz, zone text) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_sin_timestamptz';
COMMENT ON FUNCTION echolon_month_sin(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_month_sin(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_month_cos(at date) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_cos_date';
COMMENT ON FUNCTION echolon_month_cos(date) IS
'Cosine of a date''s month on the circle of the year, cos(2 * pi * (month - 1) / 12); see echolon_month_sin. NULL of an infinite date';

CREATE FUNCTION echolon_month_cos(at timestamp) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_cos_timestamp';
COMMENT ON FUNCTION echolon_month_cos(timestamp) IS
'Of a timestamp, as echolon_month_cos(date)';

CREATE FUNCTION echolon_month_cos(at timestamptz) RETURNS double precision
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_cos_timestamptz';
COMMENT ON FUNCTION echolon_month_cos(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_month_cos(date)';

CREATE FUNCTION echolon_month_cos(at timestamptz, zone text) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_month_cos_timestamptz';
COMMENT ON FUNCTION echolon_month_cos(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_month_cos(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_day_of_week_sin(at date) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_sin_date';
COMMENT ON FUNCTION echolon_day_of_week_sin(date) IS
'Sine of a date''s day on the circle of the week, sin(2 * pi * day_of_week / 7), Monday 0: with echolon_day_of_week_cos, Sunday is next to Monday. NULL of an infinite date';

CREATE FUNCTION echolon_day_of_week_sin(at timestamp) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_sin_timestamp';
COMMENT ON FUNCTION echolon_day_of_week_sin(timestamp) IS
'Of a timestamp, as echolon_day_of_week_sin(date)';

CREATE FUNCTION echolon_day_of_week_sin(at timestamptz) RETURNS double precision
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_sin_timestamptz';
COMMENT ON FUNCTION echolon_day_of_week_sin(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_day_of_week_sin(date)';

CREATE FUNCTION echolon_day_of_week_sin(at timestamptz, zone text) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_sin_timestamptz';
COMMENT ON FUNCTION echolon_day_of_week_sin(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_day_of_week_sin(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_day_of_week_cos(at date) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_cos_date';
COMMENT ON FUNCTION echolon_day_of_week_cos(date) IS
'Cosine of a date''s day on the circle of the week, cos(2 * pi * day_of_week / 7), Monday 0; see echolon_day_of_week_sin. NULL of an infinite date';

CREATE FUNCTION echolon_day_of_week_cos(at timestamp) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_cos_timestamp';
COMMENT ON FUNCTION echolon_day_of_week_cos(timestamp) IS
'Of a timestamp, as echolon_day_of_week_cos(date)';

CREATE FUNCTION echolon_day_of_week_cos(at timestamptz) RETURNS double precision
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_cos_timestamptz';
COMMENT ON FUNCTION echolon_day_of_week_cos(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_day_of_week_cos(date)';

CREATE FUNCTION echolon_day_of_week_cos(at timestamptz, zone text) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_day_of_week_cos_timestamptz';
COMMENT ON FUNCTION echolon_day_of_week_cos(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_day_of_week_cos(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_hour_sin(at date) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_sin_date';
COMMENT ON FUNCTION echolon_hour_sin(date) IS
'Sine of the hour of a date: NULL, as a date has none';

CREATE FUNCTION echolon_hour_sin(at timestamp) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_sin_timestamp';
COMMENT ON FUNCTION echolon_hour_sin(timestamp) IS
'Sine of a timestamps hour on the circle of the day, sin(2 * pi * hour / 24): with echolon_hour_cos, 23 is next to 0. NULL of an infinite timestamp';

CREATE FUNCTION echolon_hour_sin(at timestamptz) RETURNS double precision
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_sin_timestamptz';
COMMENT ON FUNCTION echolon_hour_sin(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_hour_sin(timestamp)';

CREATE FUNCTION echolon_hour_sin(at timestamptz, zone text) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_sin_timestamptz';
COMMENT ON FUNCTION echolon_hour_sin(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_hour_sin(timestamp). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

CREATE FUNCTION echolon_hour_cos(at date) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_cos_date';
COMMENT ON FUNCTION echolon_hour_cos(date) IS
'Cosine of the hour of a date: NULL, as a date has none';

CREATE FUNCTION echolon_hour_cos(at timestamp) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_cos_timestamp';
COMMENT ON FUNCTION echolon_hour_cos(timestamp) IS
'Cosine of a timestamps hour on the circle of the day, cos(2 * pi * hour / 24); see echolon_hour_sin. NULL of an infinite timestamp';

CREATE FUNCTION echolon_hour_cos(at timestamptz) RETURNS double precision
LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_cos_timestamptz';
COMMENT ON FUNCTION echolon_hour_cos(timestamptz) IS
'Of a timestamptz in the session''s time zone, as echolon_hour_cos(timestamp)';

CREATE FUNCTION echolon_hour_cos(at timestamptz, zone text) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_hour_cos_timestamptz';
COMMENT ON FUNCTION echolon_hour_cos(timestamptz, text) IS
'Of a timestamptz in a time zone, as echolon_hour_cos(timestamp). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

-- ---- calendar: all parts, for people ---------------------------------------------------------

CREATE TYPE echolon.temporal_features AS (
	year integer,
	quarter integer,
	month integer,
	week integer,
	day_of_month integer,
	day_of_week integer,
	day_of_year integer,
	hour integer,
	is_weekend boolean,
	is_month_start boolean,
	is_month_end boolean,
	month_sin double precision,
	month_cos double precision,
	day_of_week_sin double precision,
	day_of_week_cos double precision,
	hour_sin double precision,
	hour_cos double precision
);
COMMENT ON TYPE echolon.temporal_features IS
'What echolon_temporal_features gives: the calendar parts of a date or timestamp. Later versions add attributes at the end';

COMMENT ON COLUMN echolon.temporal_features.year IS '1 BC is -1';
COMMENT ON COLUMN echolon.temporal_features.quarter IS '1 to 4';
COMMENT ON COLUMN echolon.temporal_features.month IS '1 to 12';
COMMENT ON COLUMN echolon.temporal_features.week IS 'ISO 8601, 1 to 53';
COMMENT ON COLUMN echolon.temporal_features.day_of_month IS '1 to 31';
COMMENT ON COLUMN echolon.temporal_features.day_of_week IS 'Monday 0 to Sunday 6';
COMMENT ON COLUMN echolon.temporal_features.day_of_year IS '1 to 366';
COMMENT ON COLUMN echolon.temporal_features.hour IS '0 to 23; NULL of a date';
COMMENT ON COLUMN echolon.temporal_features.is_weekend IS 'Saturday or Sunday';
COMMENT ON COLUMN echolon.temporal_features.is_month_start IS 'First day of its month';
COMMENT ON COLUMN echolon.temporal_features.is_month_end IS 'Last day of its month';
COMMENT ON COLUMN echolon.temporal_features.month_sin IS 'sin(2 * pi * (month - 1) / 12)';
COMMENT ON COLUMN echolon.temporal_features.month_cos IS 'cos(2 * pi * (month - 1) / 12)';
COMMENT ON COLUMN echolon.temporal_features.day_of_week_sin IS 'sin(2 * pi * day_of_week / 7)';
COMMENT ON COLUMN echolon.temporal_features.day_of_week_cos IS 'cos(2 * pi * day_of_week / 7)';
COMMENT ON COLUMN echolon.temporal_features.hour_sin IS 'sin(2 * pi * hour / 24); NULL of a date';
COMMENT ON COLUMN echolon.temporal_features.hour_cos IS 'cos(2 * pi * hour / 24); NULL of a date';

CREATE FUNCTION echolon_temporal_features(at date) RETURNS echolon.temporal_features
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'echolon_temporal_features_date';
COMMENT ON FUNCTION echolon_temporal_features(date) IS
'All calendar parts of a date: year, quarter, month, week (ISO 8601), day_of_month, day_of_week (Monday 0 to Sunday 6), day_of_year, hour (NULL of a date), is_weekend, is_month_start, is_month_end, and sine and cosine of month, day of week and hour on their circles. They are what EXTRACT says, before our era too. NULL of NULL and of an infinite date.
Write it in FROM, where it is called once a row; (echolon_temporal_features(day)).* would call it once for each of its columns. Views use the functions of single parts, echolon_year and so on.
SELECT s.*, t.* FROM sales s, LATERAL echolon_temporal_features(s.day) t;';

CREATE FUNCTION echolon_temporal_features(at timestamp) RETURNS echolon.temporal_features
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'echolon_temporal_features_timestamp';
COMMENT ON FUNCTION echolon_temporal_features(timestamp) IS
'All calendar parts of a timestamp, as echolon_temporal_features(date)';

CREATE FUNCTION echolon_temporal_features(at timestamptz) RETURNS echolon.temporal_features
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'echolon_temporal_features_timestamptz';
COMMENT ON FUNCTION echolon_temporal_features(timestamptz) IS
'All calendar parts of a timestamptz in the session''s time zone, as echolon_temporal_features(date)';

CREATE FUNCTION echolon_temporal_features(at timestamptz, zone text) RETURNS echolon.temporal_features
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'echolon_temporal_features_timestamptz';
COMMENT ON FUNCTION echolon_temporal_features(timestamptz, text) IS
'All calendar parts of a timestamptz in a time zone, as echolon_temporal_features(date). zone is a name of pg_timezone_names, such as Europe/Berlin. Error: a zone that there is not';

-- ---- interactions and powers: arithmetic that cannot fail on a row ------------------------------

CREATE FUNCTION echolon_product(VARIADIC numbers "any") RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_product';
COMMENT ON FUNCTION echolon_product("any") IS
'Product of two numbers or more, of any types of number (numeric is converted once, intervals are seconds), in double precision from left to right. NULL where one is NULL. Beyond the largest number it is Infinity and not an error, so that a view does not break on one row; NaN and Infinity as in double precision. VARIADIC takes an array; the product of an empty one is NULL. Error: an argument that is no number.
SELECT echolon_product(price, quantity, 1 - discount) FROM sales;';

CREATE FUNCTION echolon_ratio(a "any", b "any") RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_ratio';
COMMENT ON FUNCTION echolon_ratio("any", "any") IS
'a / b in double precision, of any types of number; NULL where b is 0, or one of them NULL. Too large is Infinity and not an error. Error: an argument that is no number.
SELECT echolon_ratio(revenue, visits) FROM sales;';

CREATE FUNCTION echolon_add(a "any", b "any") RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_add';
COMMENT ON FUNCTION echolon_add("any", "any") IS
'a + b in double precision, of any types of number; NULL where one is NULL. Too large is Infinity and not an error. Error: an argument that is no number';

CREATE FUNCTION echolon_subtract(a "any", b "any") RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_subtract';
COMMENT ON FUNCTION echolon_subtract("any", "any") IS
'a - b in double precision, of any types of number; NULL where one is NULL. Too large is Infinity and not an error. Error: an argument that is no number';

CREATE FUNCTION echolon_power(a "any", n integer) RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_power';
COMMENT ON FUNCTION echolon_power("any", integer) IS
'a to the power of n, 1 to 10, in double precision by repeated multiplication: the same bits on every machine. NULL where one is NULL. Too large is Infinity and not an error. Errors: a is no number; n is out of range';

-- ---- business ----------------------------------------------------------------------------------

CREATE FUNCTION echolon_churn_risk(days double precision, horizon double precision DEFAULT 90)
RETURNS double precision
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_churn_risk';
COMMENT ON FUNCTION echolon_churn_risk(double precision, double precision) IS
'Risk, 0 to 1, that a customer is gone, by the days since the last purchase: least(1, greatest(0, days / horizon)). NULL where one is NULL. Error: a horizon that is not above 0.
SELECT customer, echolon_churn_risk(current_date - max(day)) FROM orders GROUP BY customer;';

CREATE FUNCTION echolon_churn_segment(days double precision, low double precision DEFAULT 30, high double precision DEFAULT 90)
RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'echolon_churn_segment';
COMMENT ON FUNCTION echolon_churn_segment(double precision, double precision, double precision) IS
'Segment of a customer by the days since the last purchase: ''active'' up to low, ''at risk'' up to high, ''churned'' over it. NULL where one is NULL. Error: low is above high';

CREATE FUNCTION echolon_engagement_score(percent_ranks double precision[], weights double precision[] DEFAULT NULL)
RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 3 AS 'MODULE_PATHNAME', 'echolon_engagement_score';
COMMENT ON FUNCTION echolon_engagement_score(double precision[], double precision[]) IS
'Engagement from 0 to 100: 100 * weighted mean of percent ranks (0 to 1) of what a customer does. A rank that is NULL is left out together with its weight; NULL where no rank with a weight is left. weights NULL: all count the same. Errors: as many weights as ranks are needed; a weight that is negative, NULL, NaN or infinite; all weights 0.
SELECT echolon_engagement_score(ARRAY[percent_rank() OVER (ORDER BY visits), percent_rank() OVER (ORDER BY orders)], ''{1,2}'') FROM customers;';

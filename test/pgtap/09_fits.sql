-- What a feature set learns from the rows, and the functions that use it, against PostgreSQL's own
-- percent_rank(), percentile_cont, stddev_samp and counts.
\ir setup.psql
SELECT * FROM no_plan();

-- ---- numbers: ties, NULLs, negative values, every numeric type
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN price AS numeric CHECK (VALUE > -1000);
CREATE TABLE sold AS
SELECT i AS id, ((i::int8 * 7919 % 211) - 50) / 8.0::float8 AS f8, CASE WHEN i % 7 <> 0 THEN (i::int8 * 104729 % 53)::int - 20 END AS n,
	((i::int8 * 7919 % 997) / 7.0)::price AS amount, (i::int8 * 31 % 17)::smallint AS few,
	(i::int8 * 7919 % 1009)::real / 3 AS f4, CASE WHEN i % 11 <> 0 THEN (ARRAY['red', 'Green', 'blue', 'grün', ''])[1 + (i::int8 * i % 13)::int % 5] END AS colour,
	(ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::mood AS mood, i % 5 = 0 AS flag, (ARRAY['a', 'bb', 'ccc'])[1 + i * 5 % 3]::char(6) AS code,
	(ARRAY['x', 'yy'])[1 + i % 2]::varchar(9) AS short, (ARRAY[2, 10, -1, 100])[1 + i % 4] AS size, ('00000000-0000-0000-0000-00000000000' || i % 3)::uuid AS token
FROM generate_series(1, 2000) AS i;
SELECT lives_ok($$SELECT echolon_create_features('sold_set', 'sold', families => '{scaling,categorical}',
	numeric_columns => '{f8,n,amount,few,f4}', category_columns => '{colour,mood,flag,code,short,size,token}',
	scalings => '{standard,minmax,robust,percentile,bucket}')$$, 'a set with every type');

SELECT is((SELECT count(*) FROM (SELECT echolon_percentile('sold_set', 'f8', f8) AS ours, percent_rank() OVER (ORDER BY f8) AS theirs FROM sold) AS s WHERE ours IS DISTINCT FROM theirs),
	0::bigint, 'percentile is percent_rank(), to the last bit');
SELECT is((SELECT count(*) FROM (SELECT echolon_percentile('sold_set', 'n', n) AS ours, percent_rank() OVER (ORDER BY n) AS theirs FROM sold WHERE n IS NOT NULL) AS s WHERE ours IS DISTINCT FROM theirs),
	0::bigint, 'percentile of an integer with NULLs');
SELECT is((SELECT count(*) FROM (SELECT echolon_percentile('sold_set', 'amount', amount) AS ours, percent_rank() OVER (ORDER BY amount) AS theirs FROM sold) AS s WHERE ours IS DISTINCT FROM theirs),
	0::bigint, 'percentile of a domain over numeric');
SELECT is((SELECT count(*) FROM (SELECT echolon_percentile('sold_set', 'f4', f4) AS ours, percent_rank() OVER (ORDER BY f4) AS theirs FROM sold) AS s WHERE ours IS DISTINCT FROM theirs),
	0::bigint, 'percentile of a real');
SELECT matches(pg_temp.error_of($$SELECT echolon_percentile('sold_set', 'n', interval '1 day')$$), '42804 echolon_percentile cannot take a value of type interval', 'an interval is no number');
SELECT is(echolon_percentile('sold_set', 'n', NULL::int), NULL, 'percentile of NULL');
SELECT is(echolon_percentile('sold_set', 'n', 'NaN'::float8), NULL, 'percentile of NaN');
SELECT is(ARRAY[echolon_percentile('sold_set', 'n', -21), echolon_percentile('sold_set', 'n', '-Infinity'::float8), echolon_percentile('sold_set', 'n', 33), echolon_percentile('sold_set', 'n', 'Infinity'::numeric)],
	'{0,0,1,1}'::float8[], 'percentile outside of the fitted values');
SELECT is(echolon_percentile('sold_set', 'few', 3.5), (echolon_percentile('sold_set', 'few', 3) + echolon_percentile('sold_set', 'few', 4)) / 2, 'percentile between two values is on a line');
SELECT is(echolon_percentile('sold_set', 'few', '3'), echolon_percentile('sold_set', 'few', 3::bigint), 'a literal is a number where a number is needed');

-- points of the distribution, as stored
SELECT is((SELECT row(n, minimum, maximum, q1, median, q3) FROM echolon.feature_fit_store WHERE kind = 'number' AND column_name = 'f8'),
	(SELECT row(count(f8), min(f8), max(f8), percentile_cont(0.25) WITHIN GROUP (ORDER BY f8), percentile_cont(0.5) WITHIN GROUP (ORDER BY f8), percentile_cont(0.75) WITHIN GROUP (ORDER BY f8)) FROM sold),
	'count, minimum, maximum and quartiles are PostgreSQL''s');
SELECT is((SELECT row(n, q1, median, q3) FROM echolon.feature_fit_store WHERE kind = 'number' AND column_name = 'n'),
	(SELECT row(count(n), percentile_cont(0.25) WITHIN GROUP (ORDER BY n), percentile_cont(0.5) WITHIN GROUP (ORDER BY n), percentile_cont(0.75) WITHIN GROUP (ORDER BY n)) FROM sold),
	'with NULLs too');
SELECT ok((SELECT abs(f.mean - a.mean) <= 1e-14 * abs(a.mean) AND abs(f.stddev - a.stddev) <= 1e-14 * a.stddev FROM echolon.feature_fit_store AS f,
	(SELECT avg(f8::numeric)::float8 AS mean, stddev_samp(f8::numeric)::float8 AS stddev FROM sold) AS a WHERE kind = 'number' AND column_name = 'f8'),
	'mean and standard deviation are those of exact decimals');
SELECT is((SELECT max(abs(echolon_standardize('sold_set', 'f8', f8) - (f8 - mean) / stddev)) < 1e-12 FROM sold, (SELECT avg(f8) AS mean, stddev_samp(f8) AS stddev FROM sold) AS a), true, 'standardize');
SELECT is((SELECT max(abs(echolon_minmax('sold_set', 'f8', f8) - (f8 - low) / (high - low))) < 1e-15 FROM sold, (SELECT min(f8) AS low, max(f8) AS high FROM sold) AS a), true, 'minmax');
SELECT is((SELECT max(abs(echolon_robust('sold_set', 'f8', f8) - (f8 - q[2]) / (q[3] - q[1]))) < 1e-14 FROM sold, (SELECT percentile_cont('{0.25,0.5,0.75}'::float8[]) WITHIN GROUP (ORDER BY f8) AS q FROM sold) AS a), true, 'robust');
SELECT is(ARRAY[echolon_standardize('sold_set', 'n', NULL::int), echolon_minmax('sold_set', 'n', 'NaN'::float8), echolon_robust('sold_set', 'n', NULL::numeric)], '{NULL,NULL,NULL}'::float8[], 'scaling of NULL and NaN');
SELECT is(ARRAY[echolon_standardize('sold_set', 'n', 'Infinity'::float8), echolon_minmax('sold_set', 'n', '-Infinity'::float8)], '{Infinity,-Infinity}'::float8[], 'scaling of infinities');
SELECT is((SELECT count(*) FROM sold, (SELECT percentile_cont('{0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9}'::float8[]) WITHIN GROUP (ORDER BY f8) AS q FROM sold) AS a
	WHERE echolon_bucket('sold_set', 'f8', f8) IS DISTINCT FROM 1 + (SELECT count(*) FROM unnest(q) AS bound WHERE bound < f8)), 0::bigint, 'ten buckets');
SELECT is((SELECT count(*) FROM sold, (SELECT array_agg(q) AS q FROM generate_series(1, 6) AS k, LATERAL (SELECT percentile_cont(k / 7.0::float8) WITHIN GROUP (ORDER BY n) AS q FROM sold) AS s) AS a
	WHERE n IS NOT NULL AND echolon_bucket('sold_set', 'n', n, 7) IS DISTINCT FROM 1 + (SELECT count(*) FROM unnest(q) AS bound WHERE bound < n)), 0::bigint, 'seven buckets, with ties');
SELECT is(ARRAY[echolon_bucket('sold_set', 'n', -1000, 4), echolon_bucket('sold_set', 'n', 1000, 4), echolon_bucket('sold_set', 'n', 1000, 1), echolon_bucket('sold_set', 'n', 'NaN'::float8)], '{1,4,1,NULL}'::int[], 'buckets outside, one bucket, NaN');
SELECT is((SELECT array_agg(DISTINCT echolon_bucket('sold_set', 'f8', 3, k)) FROM (VALUES (1), (1), (1)) AS v(k)), '{1}'::int[], 'the number of buckets may come from a row');
SELECT is((SELECT string_agg(echolon_bucket('sold_set', 'f8', 100, k)::text, ' ' ORDER BY k) FROM generate_series(1, 5) AS k), '1 2 3 4 5', 'and change');
SELECT is((SELECT count(*) FROM sold WHERE echolon_high_value('sold_set', 'f8', f8) IS DISTINCT FROM (f8 > (SELECT percentile_cont(0.75) WITHIN GROUP (ORDER BY f8) FROM sold))), 0::bigint, 'high value');
SELECT is((SELECT count(*) FROM sold WHERE echolon_high_value('sold_set', 'f8', f8, 0.9) IS DISTINCT FROM (f8 > (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY f8) FROM sold))), 0::bigint, 'high value at another percentile');
SELECT is((SELECT array_agg(DISTINCT v ORDER BY v) FROM (SELECT (f8_standard, f8_minmax, f8_robust, f8_percentile, f8_bucket) IS NOT DISTINCT FROM (echolon_standardize('sold_set', 'f8', f8), echolon_minmax('sold_set', 'f8', f8),
	echolon_robust('sold_set', 'f8', f8), echolon_percentile('sold_set', 'f8', f8), echolon_bucket('sold_set', 'f8', f8)) AS v FROM sold_set) AS s), '{t}'::boolean[], 'the view calls the functions');

-- ---- categories
SELECT is((SELECT count(*) FROM sold JOIN (SELECT colour, count(*) / sum(count(*)) OVER () AS share, row_number() OVER (ORDER BY colour COLLATE "C") - 1 AS place FROM sold WHERE colour IS NOT NULL GROUP BY colour) AS c USING (colour)
	WHERE abs(echolon_frequency('sold_set', 'colour', sold.colour) - share) > 1e-15 OR echolon_label('sold_set', 'colour', sold.colour) IS DISTINCT FROM place), 0::bigint, 'frequency and label of a text, NULLs and the empty string');
SELECT is((SELECT array_agg(echolon_label('sold_set', 'mood', m) ORDER BY m) FROM unnest(enum_range(NULL::mood)) AS m), '{0,1,2}'::int[], 'codes of an enum are in its order');
SELECT is(ARRAY[echolon_label('sold_set', 'flag', false), echolon_label('sold_set', 'flag', true), echolon_label('sold_set', 'flag', 'true')], '{0,1,1}'::int[], 'codes of a boolean, and of its text');
SELECT is(ARRAY[echolon_label('sold_set', 'code', 'bb'), echolon_label('sold_set', 'code', 'bb   '::char(5)), echolon_label('sold_set', 'code', 'bb'::varchar)], '{1,1,1}'::int[], 'char(n) without its blanks');
SELECT is(ARRAY[echolon_label('sold_set', 'short', 'yy'::text), echolon_label('sold_set', 'short', 'yy'::name), echolon_label('sold_set', 'short', 'yy'::varchar(2))], '{1,1,1}'::int[], 'varchar, name and text are one');
SELECT is(ARRAY[echolon_label('sold_set', 'size', -1), echolon_label('sold_set', 'size', 2::bigint), echolon_label('sold_set', 'size', 10.0), echolon_label('sold_set', 'size', 100::float8), echolon_label('sold_set', 'size', '100')], '{0,1,2,3,3}'::int[], 'integers as categories are in their own order, whatever their type');
SELECT is(ARRAY[echolon_label('sold_set', 'token', '00000000-0000-0000-0000-000000000002'::uuid), echolon_label('sold_set', 'token', '00000000-0000-0000-0000-000000000000')], '{2,0}'::int[], 'uuid');
SELECT is(ROW(echolon_frequency('sold_set', 'colour', 'purple'), echolon_label('sold_set', 'colour', 'purple'), echolon_frequency('sold_set', 'colour', NULL::text), echolon_label('sold_set', 'colour', NULL::text))::text, '(0,,,)', 'a new category, and NULL');
SET extra_float_digits = -15;
SELECT is(ARRAY[echolon_label('sold_set', 'size', 100.000001::float8), echolon_label('sold_set', 'size', 10.50), echolon_label('sold_set', 'size', '-0'::float8), echolon_label('sold_set', 'size', 'NaN'::float8), echolon_label('sold_set', 'size', 'Infinity'::numeric)],
	'{NULL,NULL,NULL,NULL,NULL}'::int[], 'numbers that were not there, whatever the session''s settings');
RESET extra_float_digits;

-- ---- little, and odd
CREATE TABLE odd (id int, nothing float8, one float8, same int, wild float8, gone text, huge float8, tiny float8);
INSERT INTO odd SELECT i, NULL, CASE WHEN i = 3 THEN 5 END, 7, CASE i % 5 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' ELSE i::float8 END, NULL,
	CASE WHEN i % 2 = 0 THEN 1.7e308 ELSE -1.7e308 END, i * 4.9e-324 FROM generate_series(1, 20) AS i;
SELECT lives_ok($$SELECT echolon_create_features('odd_set', 'odd', families => '{scaling,categorical}', numeric_columns => '{nothing,one,same,wild,huge,tiny}', category_columns => '{gone}', scalings => '{standard,minmax,robust,percentile,bucket}')$$, 'columns with nothing in them');
SELECT is(ROW(echolon_percentile('odd_set', 'nothing', 1), echolon_bucket('odd_set', 'nothing', 1), echolon_standardize('odd_set', 'nothing', 1), echolon_minmax('odd_set', 'nothing', 1), echolon_robust('odd_set', 'nothing', 1), echolon_high_value('odd_set', 'nothing', 1))::text, '(,,,,,)', 'all NULL: NULL');
SELECT is(ROW(echolon_frequency('odd_set', 'gone', 'a'), echolon_label('odd_set', 'gone', 'a'))::text, '(0,)', 'all NULL: every category is new');
SELECT is(ROW(echolon_percentile('odd_set', 'one', 5), echolon_percentile('odd_set', 'one', 4), echolon_percentile('odd_set', 'one', 6), echolon_bucket('odd_set', 'one', 5), echolon_bucket('odd_set', 'one', 6), echolon_standardize('odd_set', 'one', 5), echolon_minmax('odd_set', 'one', 5), echolon_robust('odd_set', 'one', 5), echolon_high_value('odd_set', 'one', 5), echolon_high_value('odd_set', 'one', 6))::text,
	'(0,0,1,1,10,,,,f,t)', 'one value');
SELECT is(ROW(echolon_percentile('odd_set', 'same', 7), echolon_standardize('odd_set', 'same', 8), echolon_minmax('odd_set', 'same', 7), echolon_robust('odd_set', 'same', 7), echolon_high_value('odd_set', 'same', 7))::text, '(0,,,,f)', 'one value in every row: no scale');
SELECT is((SELECT row(n, minimum, maximum, mean, stddev) FROM echolon.feature_fit_store JOIN echolon.feature_set_store AS s ON s.id = set_id WHERE s.name = 'odd_set' AND column_name = 'wild'),
	(SELECT row(count(wild), min(wild), max(wild), avg(wild), stddev_samp(wild)) FROM odd WHERE wild BETWEEN '-1e308' AND '1e308'), 'NaN and infinities are left out of the fit');
SELECT is(ROW(echolon_percentile('odd_set', 'huge', 0), echolon_minmax('odd_set', 'huge', 0), echolon_standardize('odd_set', 'huge', 1.7e308) < 1)::text, (SELECT ROW((count(*) FILTER (WHERE huge < 0)) / 2.0::float8 / 19, NULL::float8, true)::text FROM odd), 'values whose range no double holds');
SELECT is(echolon_percentile('odd_set', 'tiny', 4.9e-324 * 11), 10 / 19.0::float8, 'denormal values');
CREATE TABLE empty_table (id int, v float8, c text);
SELECT lives_ok($$SELECT echolon_create_features('empty_set', 'empty_table', families => '{scaling,categorical}', numeric_columns => '{v}', category_columns => '{c}')$$, 'an empty table');
SELECT is(ROW(echolon_standardize('empty_set', 'v', 1), echolon_frequency('empty_set', 'c', 'a'), echolon_label('empty_set', 'c', 'a'))::text, '(,0,)', 'an empty table: nothing is known');
INSERT INTO empty_table SELECT i, i, 'a' FROM generate_series(1, 3) AS i;
SELECT is(echolon_refresh_features('empty_set'), 3::bigint, 'refreshed');
SELECT is(ROW(echolon_standardize('empty_set', 'v', 1), echolon_frequency('empty_set', 'c', 'a'), echolon_label('empty_set', 'c', 'a'))::text, '(-1,1,0)', 'then it is known');

DELETE FROM empty_table;
SELECT is(echolon_refresh_features('empty_set'), 0::bigint, 'and emptied again');
SELECT is(ROW(echolon_standardize('empty_set', 'v', 1), echolon_frequency('empty_set', 'c', 'a'), echolon_label('empty_set', 'c', 'a'))::text, '(,0,0)', 'a level that is gone has no share of no rows, and keeps its code');

-- ---- ties decide what is a high value
CREATE TABLE tied AS SELECT i AS id, CASE WHEN i <= 70 THEN 0 ELSE 10 END AS top, CASE WHEN i <= 50 THEN 0 ELSE 1 END AS half, CASE WHEN i <= 98 THEN 0 ELSE 1 END AS rare,
	CASE WHEN i <= 60 THEN 1 WHEN i <= 75 THEN 2 WHEN i <= 95 THEN 3 ELSE 4 END AS steps, 1 AS same, CASE WHEN i <= 20 THEN i ELSE 50 END AS low FROM generate_series(1, 100) AS i;
SELECT lives_ok($$SELECT echolon_create_features('tied_set', 'tied', families => '{scaling}', numeric_columns => '{top,half,rare,steps,same,low}')$$, 'a set of ties');
SELECT is((SELECT count(*) FILTER (WHERE echolon_high_value('tied_set', 'top', top)) FROM tied), 30::bigint, 'none above the percentile: the next smaller value leaves 30 %');
SELECT is((SELECT count(*) FILTER (WHERE echolon_high_value('tied_set', 'half', half)) FROM tied), 50::bigint, 'none above it and no value that mends it: the next one all the same');
SELECT is((SELECT count(*) FILTER (WHERE echolon_high_value('tied_set', 'rare', rare)) FROM tied), 2::bigint, 'few above it and no smaller value: they stay');
SELECT is((SELECT count(*) FILTER (WHERE echolon_high_value('tied_set', 'steps', steps)) FROM tied), 25::bigint, 'between 10 % and 40 %: the percentile itself');
SELECT is((SELECT count(*) FILTER (WHERE echolon_high_value('tied_set', 'steps', steps, 0.9)) FROM tied), 5::bigint, 'in proportion at another percentile');
SELECT is((SELECT count(*) FILTER (WHERE echolon_high_value('tied_set', 'steps', steps, 0.95)) FROM tied), 5::bigint, 'and at the edge of a tie');
SELECT is((SELECT count(*) FILTER (WHERE echolon_high_value('tied_set', 'same', same)) FROM tied), 0::bigint, 'one value: none is high');
SELECT is((SELECT count(*) FILTER (WHERE echolon_high_value('tied_set', 'low', low)) FROM tied), 80::bigint, 'all the rest above the next smaller value');

-- ---- more than 10,000 different values, some of them in many rows
CREATE TABLE large AS
SELECT i AS id, CASE WHEN i % 5 = 0 THEN 1000 WHEN i % 17 = 0 THEN 2 ELSE exp((i::int8 * 7919 % 40009) / 4000.0) END::float8 AS v
FROM generate_series(1, 40000) AS i;
SELECT lives_ok($$SELECT echolon_create_features('large_set', 'large', families => '{scaling}', numeric_columns => '{v}', scalings => '{percentile,bucket}')$$, 'a set of many values');
SELECT ok((SELECT array_length(points, 1) <= 10000 AND array_length(points, 1) > 5000 FROM echolon.feature_fit_store JOIN echolon.feature_set_store AS s ON s.id = set_id WHERE s.name = 'large_set'), 'at most 10,000 points');
SELECT ok((SELECT bool_and((abs(ours - theirs) < 0.0003) IS TRUE) FROM (SELECT echolon_percentile('large_set', 'v', v) AS ours, percent_rank() OVER (ORDER BY v) AS theirs FROM large) AS s), 'percentile within 0.0003, also beside ties');
SELECT is((SELECT count(*) FROM (SELECT echolon_percentile('large_set', 'v', v) AS p, lag(echolon_percentile('large_set', 'v', v)) OVER (ORDER BY v) AS before FROM large) AS s WHERE p < before), 0::bigint, 'and never falls');
SELECT is((SELECT count(*) FROM large, (SELECT array_agg(q ORDER BY k) AS q FROM generate_series(1, 99) AS k, LATERAL (SELECT percentile_cont(k / 100.0::float8) WITHIN GROUP (ORDER BY v) AS q FROM large) AS s) AS a
	WHERE id <= 2000 AND echolon_bucket('large_set', 'v', v, 100) IS DISTINCT FROM 1 + (SELECT count(*) FROM unnest(q) AS bound WHERE bound < v)), 0::bigint, 'a hundred buckets are exact');
SELECT is((SELECT count(*) FROM large WHERE echolon_high_value('large_set', 'v', v) IS DISTINCT FROM (v > (SELECT percentile_cont(0.75) WITHIN GROUP (ORDER BY v) FROM large))), 0::bigint, 'high value is exact');

-- the points hold every rank: no gap of more than 1/4890 between neighbours that are not next to each other
SELECT is((SELECT count(*) FROM (SELECT smaller - lag(smaller + counts) OVER w AS between, smaller - lag(smaller) OVER w AS gap FROM (SELECT unnest(points) AS p, unnest(smaller) AS smaller, unnest(counts) AS counts
	FROM echolon.feature_fit_store JOIN echolon.feature_set_store AS s ON s.id = set_id WHERE s.name = 'large_set') AS u WINDOW w AS (ORDER BY p)) AS g WHERE between > 0 AND gap > 40000 / 4890.0 + 1), 0::bigint, 'no gap is wider than it may be');

-- ---- a category of 100,000 levels
CREATE TABLE levels AS SELECT i AS id, 'customer ' || (i::int8 * 7919 % 100000) AS customer FROM generate_series(1, 150000) AS i;
SELECT lives_ok($$SELECT echolon_create_features('levels_set', 'levels', families => '{categorical}', category_columns => '{customer}')$$, 'a set with 100,000 levels');
SELECT is((SELECT row(sum(array_length(labels, 1)), count(*)) FROM echolon.feature_fit_store JOIN echolon.feature_set_store AS s ON s.id = set_id WHERE s.name = 'levels_set'), row(100000::bigint, 2::bigint), 'stored in two pieces');
SELECT is((SELECT count(*) FROM (SELECT customer, count(*) / sum(count(*)) OVER () AS share, row_number() OVER (ORDER BY customer COLLATE "C") - 1 AS code FROM levels GROUP BY customer) AS c
	WHERE abs(echolon_frequency('levels_set', 'customer', customer) - share) > 1e-15 OR echolon_label('levels_set', 'customer', customer) IS DISTINCT FROM code), 0::bigint, 'each has its frequency and code');
SELECT is(ROW(echolon_frequency('levels_set', 'customer', 'customer 100000'), echolon_label('levels_set', 'customer', 'customer'))::text, '(0,)', 'and others have none');

-- ---- more levels than can be kept
CREATE TABLE too_many AS SELECT i AS id, 'x' || i AS c, 'y' || i % 3 AS d FROM generate_series(1, 1000001) AS i;
SELECT matches(pg_temp.error_of($$SELECT echolon_create_features('too_many_set', 'too_many', families => '{categorical}', category_columns => '{c}')$$), '54000 column "c" is too large for a category . It has more than 1000000 different values', 'more than a million levels, asked for');
SELECT is((SELECT ROW(features, notes)::text FROM echolon_create_features('too_many_set', 'too_many', families => '{categorical}', numeric_columns => '{}')),
	ROW(2, ARRAY['"c" left out: more than 1000000 different values'])::text, 'and not asked for: left out');
SELECT is((SELECT array_agg(column_name) FROM echolon.feature_fit_store JOIN echolon.feature_set_store AS s ON s.id = set_id WHERE s.name = 'too_many_set'), '{d}'::text[], 'nothing is kept of it');

-- ---- a refresh, a rollback, a statement that began before
CREATE TABLE changing (id int, c text, v float8);
INSERT INTO changing VALUES (1, 'b', 1), (2, 'b', 2), (3, 'c', 3);
SELECT lives_ok($$SELECT echolon_create_features('changing_set', 'changing', families => '{categorical,scaling}', category_columns => '{c}', numeric_columns => '{v}')$$, 'a set that changes');
CREATE FUNCTION pg_temp.steps() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seen text := '';
BEGIN
	FOR step IN 1 .. 4 LOOP
		-- one call site, one fn_extra
		seen := seen || (4 * echolon_frequency('changing_set', 'c', 'b'))::numeric(4, 2) || ' ';
		BEGIN
			INSERT INTO changing VALUES (10 + step, 'a', 1);
			PERFORM echolon_refresh_features('changing_set');
			IF step = 2 THEN
				RAISE EXCEPTION 'back';
			END IF;
		EXCEPTION WHEN raise_exception THEN
			seen := seen || 'back ';
		END;
	END LOOP;
	RETURN seen || echolon_frequency('changing_set', 'c', 'a');
END
$$;
SELECT is(pg_temp.steps(), '2.67 2.00 back 2.00 1.60 0.5', 'a call site follows a refresh and a rollback');
SELECT is(ARRAY[echolon_label('changing_set', 'c', 'a'), echolon_label('changing_set', 'c', 'b'), echolon_label('changing_set', 'c', 'c')], '{2,0,1}'::int[], 'levels keep their codes, new ones get the next');
SELECT is((SELECT string_agg(echolon_label('changing_set', n, 'b')::text, ' ') FROM (VALUES ('c'), ('c')) AS v(n)), '0 0', 'names may come from a row');
SELECT is((SELECT string_agg(coalesce(echolon_frequency(s, n, 'a')::text, '-'), ' ' ORDER BY o) FROM (VALUES (1, 'changing_set', 'c'), (2, 'levels_set', 'customer'), (3, NULL, 'c'), (4, 'changing_set', NULL), (5, 'changing_set', 'c')) AS v(o, s, n)), '0.5 0 - - 0.5', 'and change');

-- ---- which view is whose
ALTER VIEW changing_set RENAME TO renamed;
SELECT is((SELECT ROW(view, state)::text FROM echolon.feature_sets WHERE feature_set = 'changing_set'), '(public.renamed,ready)', 'a view that was renamed is still the set''s');
SELECT is(echolon_label('changing_set', 'c', 'b'), 0, 'and lets its set be used');
CREATE SCHEMA elsewhere;
ALTER VIEW renamed SET SCHEMA elsewhere;
ALTER TABLE changing RENAME TO "Changed";
SELECT is((SELECT ROW(view, relation, state)::text FROM echolon.feature_sets WHERE feature_set = 'changing_set'), '(elsewhere.renamed,"public.""Changed""",ready)', 'moved, and its relation renamed');
SELECT is(echolon_refresh_features('changing_set'), 6::bigint, 'refreshed by its new names');
SELECT is((SELECT ROW(view, relation)::text FROM echolon.feature_set_store WHERE name = 'changing_set'), '(elsewhere.renamed,"public.""Changed""")', 'which are stored then');
ALTER TABLE "Changed" RENAME COLUMN v TO w;
SELECT is((SELECT state FROM echolon.feature_sets WHERE feature_set = 'changing_set'), 'column "v" renamed', 'a column that is not found any more');
SELECT is((SELECT echolon_label('changing_set', 'c', 'b')), 0, 'what was fitted can still be used');
SELECT matches(pg_temp.error_of($$SELECT echolon_refresh_features('changing_set')$$), '42703 column "v" of public."Changed" was renamed', 'but not fitted again');
ALTER TABLE "Changed" RENAME COLUMN w TO v;
-- restored where everything has another number: the name decides
SAVEPOINT restored;
UPDATE echolon.feature_set_store SET view_stamp = '1.2.3:4', relation_stamp = '1.2.3:4' WHERE name = 'changing_set';
SELECT is((SELECT ROW(view, relation, state)::text FROM echolon.feature_sets WHERE feature_set = 'changing_set'), '(elsewhere.renamed,"public.""Changed""",ready)', 'stamps from elsewhere: the names decide');
SELECT is(echolon_refresh_features('changing_set'), 6::bigint, 'refreshed, and stamped again');
SELECT isnt((SELECT view_stamp FROM echolon.feature_set_store WHERE name = 'changing_set'), '1.2.3:4', 'with the numbers of here');
ROLLBACK TO restored;
CREATE TEMP TABLE text_of_view AS SELECT pg_get_viewdef('elsewhere.renamed'::regclass) AS sql;
DROP VIEW elsewhere.renamed;
SELECT is((SELECT ROW(view, owner, state)::text FROM echolon.feature_sets WHERE feature_set = 'changing_set'), '(elsewhere.renamed,,"view dropped")', 'a set that has lost its view');
SELECT matches(pg_temp.error_of($$SELECT echolon_label('changing_set', 'c', 'b')$$), '42P01 the view of feature set "changing_set" was dropped.*echolon_create_features', 'cannot be used');
CREATE VIEW elsewhere.renamed AS SELECT 1 AS v;
SELECT is((SELECT state FROM echolon.feature_sets WHERE feature_set = 'changing_set'), 'view dropped', 'and another view of the name is not its own');
SELECT is((SELECT features FROM echolon_create_features('changing_set', '"Changed"', families => '{categorical}', category_columns => '{c}')), 2, 'its name is free');
SELECT is((SELECT ROW(count(*), min(state))::text FROM echolon.feature_sets WHERE feature_set = 'changing_set'), '(1,ready)', 'and the new set takes its place');
SELECT matches(pg_temp.error_of($$SELECT echolon_standardize('changing_set', 'v', 1)$$), 'has fitted no number "v"', 'without what the old one had fitted');
DROP VIEW changing_set;
SELECT is(echolon_drop_features('changing_set'), 2, 'a superuser drops a set that has lost its view');
SELECT is((SELECT count(*) FROM echolon.feature_fit_store AS f LEFT JOIN echolon.feature_set_store AS s ON s.id = f.set_id WHERE s.id IS NULL), 0::bigint, 'and with a set goes what it has fitted');

-- ---- errors
SELECT matches(pg_temp.error_of($$SELECT echolon_frequency('sold_se', 'colour', 'red')$$), '42704 feature set "sold_se" does not exist . Did you mean "sold_set"', 'no such set');
SELECT matches(pg_temp.error_of($$SELECT echolon_frequency('', 'colour', 'red')$$), '42704 feature set "" does not exist . SELECT \* FROM echolon.feature_sets', 'no set at all');
SELECT matches(pg_temp.error_of($$SELECT echolon_frequency('sold_set', 'color', 'red')$$), '42703 feature set "sold_set" has fitted no category "color".*Its categories: code, colour, flag, mood, .*Did you mean "colour"', 'no such category');
SELECT matches(pg_temp.error_of($$SELECT echolon_label('sold_set', 'f8', 1)$$), '42703 .*no category "f8" . It has fitted "f8" as a number', 'a number is no category');
SELECT matches(pg_temp.error_of($$SELECT echolon_percentile('sold_set', 'colour', 1)$$), '42703 .*no number "colour" . It has fitted "colour" as a category', 'a category is no number');
SELECT matches(pg_temp.error_of($$SELECT echolon_percentile('sold_set', 'unheard', 1)$$), 'Its numbers: amount, f4, f8, few, n', 'no such number');
SELECT matches(pg_temp.error_of($$SELECT echolon_percentile('sold_set', 'n', 'red'::text)$$), '42804 echolon_percentile cannot take a value of type text', 'a text is no number');
SELECT matches(pg_temp.error_of($$SELECT echolon_percentile('sold_set', 'n', 'red')$$), '22P02 ', 'nor is a literal that is none');
SELECT matches(pg_temp.error_of($$SELECT echolon_percentile('sold_set', 'n', true)$$), '42804 echolon_percentile cannot take a value of type boolean', 'nor a boolean');
SELECT matches(pg_temp.error_of($$SELECT echolon_minmax('sold_set', 'n', date '2024-01-01')$$), '42804 echolon_minmax cannot take a value of type date', 'nor a date');
SELECT matches(pg_temp.error_of($$SELECT echolon_frequency('sold_set', 'colour', ARRAY['red'])$$), '42804 echolon_frequency cannot take a value of type text\[\]', 'an array is no category');
SELECT matches(pg_temp.error_of($$SELECT echolon_frequency('sold_set', 'colour', interval '1 day')$$), '42804 echolon_frequency cannot take a value of type interval', 'nor is an interval');
SELECT matches(pg_temp.error_of($$SELECT echolon_bucket('sold_set', 'n', 1, 0)$$), '22023 buckets must be between 1 and 10000 . It is 0', 'no buckets');
SELECT matches(pg_temp.error_of($$SELECT echolon_high_value('sold_set', 'n', 1, 75)$$), '22023 percentile must be above 0 and below 1 . It is 75. . It is a share of the values: 0.75', 'a percentile in per cent');
SELECT matches(pg_temp.error_of($$SELECT echolon_high_value('sold_set', 'n', 1, 'NaN')$$), '22023 percentile must be above 0 and below 1', 'a percentile that is no number');
SELECT matches(pg_temp.error_of($$SELECT echolon_create_features('sold_set', 'sold')$$), '42710 feature set "sold_set" exists already . Its view is public.sold_set', 'a name that is taken');
SELECT matches(pg_temp.error_of($$SELECT echolon_create_features('', 'sold')$$), '22023 a feature set needs a name', 'an empty name');
SELECT matches(pg_temp.error_of(format($$SELECT echolon_create_features(%L, 'sold')$$, 'a.' || repeat('b', 254))), '42622 the name of a feature set cannot be longer', 'a name that is too long');
SAVEPOINT damaged;
UPDATE echolon.feature_fit_store SET counts = '{1}' WHERE column_name = 'colour';
UPDATE echolon.feature_fit_store SET smaller = '{1,NULL}' WHERE column_name = 'n';
UPDATE echolon.feature_set_store SET fit = gen_random_uuid();
SELECT matches(pg_temp.error_of($$SELECT echolon_frequency('sold_set', 'colour', 'red')$$), 'XX001 what feature set "sold_set" has fitted of "colour" is damaged.*echolon_refresh_features', 'levels that do not fit their counts');
SELECT matches(pg_temp.error_of($$SELECT echolon_minmax('sold_set', 'n', 1)$$), 'XX001 what feature set "sold_set" has fitted of "n" is damaged', 'points that do not fit');
ROLLBACK TO damaged;
SET echolon.max_memory = '1MB';
SELECT matches(pg_temp.error_of($$SELECT echolon_refresh_features('levels_set')$$), '54000 ', 'not enough memory for the levels');
RESET echolon.max_memory;
SELECT is(echolon_label('levels_set', 'customer', 'customer 0'), 0, 'what was fitted before stays');

SELECT * FROM finish();
ROLLBACK;

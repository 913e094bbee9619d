-- Loading: what values become, against the types' own input functions; tables of every kind; hostile input.
\ir setup.psql
SELECT * FROM no_plan();
SET datestyle = 'ISO, MDY';
SET timezone = 'UTC';

-- ---- every value alone in its column: whatever type is chosen, the value is what that type's input makes of it
CREATE TABLE odd (v text);
INSERT INTO odd SELECT unnest(ARRAY[
	'0', '-0', '00', '007', '-07', '+5', '1', '12345678901', '2147483647', '2147483648', '-2147483648', '-2147483649', '9223372036854775807',
	'9223372036854775808', '-9223372036854775808', '-9223372036854775809', '99999999999999999999', repeat('9', 300), repeat('9', 1001), repeat('9', 131073),
	'1.5', '.5', '5.', '-.5', '.', '-', '1.2.3', '1e5', '1E-5', '1e400', '1e-400', '1e5000', '1e-320', '4.9e-324', '2e-324', '1e308', '1.8e308', '1e', '1e+', 'e5', '1.e5', '.e5',
	'0.00000001', '123456789012345678.9', '0.' || repeat('0', 400) || '1', '1_000', '0x1F', '0o7', '1,5', '$5', '5%',
	'NaN', 'nan', '-nan', 'Infinity', '-infinity', 'inf', '-inf', '+inf', 'infinit', ' 5 ', '5 ', ' ', '  ', E'\t7', E'5\n', '5 5', '- 5',
	'true', 'TRUE', 't', 'f', 'F', 'False', 'yes', 'no', 'on', 'off', 'tru', ' true ', 'T ',
	'2024-02-29', '2023-02-29', '1900-02-29', '2000-02-29', '2024-04-31', '2024-13-01', '2024-00-10', '2024-01-00', '0000-01-01', '0001-01-01', '9999-12-31', '2024-1-5', '2024-01-05 ', ' 2024-01-05',
	'2024-01-05T10:00', '2024-01-05 10:00:00', '2024-01-05 24:00:00', '2024-01-05 24:00:01', '2024-01-05 25:00:00', '2024-01-05 10:60', '2024-01-05 10:00:60', '2024-01-05 10:00:61',
	'2024-01-05 10:00:00.', '2024-01-05 10:00:00.123456789', '2024-01-05 10:00:00.1234567890123', '2024-01-05 10:00:00,5', '2024-01-05T10:00:00Z', '2024-01-05T10:00:00+14:59',
	'2024-01-05T10:00:00+15:59', '2024-01-05T10:00:00+16', '2024-01-05T10:00:00+0530', '2024-01-05T10:00:00+05:3', '2024-01-05T10:00:00+5', '2024-01-05 10:00:00 +02', '2024-01-05T10:00:00z', '2024-01-05Z', '2024-01-05+02',
	'2024-01-05 BC', '0044-03-15 BC', '12/31/2024', '31/12/2024', '31.12.24', '12.31.24', '10-12-24', '12-34-56', '10:20:30', '05-JAN-24', '5-Jan-24', '24-Jan-5', '5 may 6', '1 now 24', 'today 24 01', '10 now 24', '01 epoch 24', 'J 24 12', 'T 24 12', 'y 24 12', '24 h 12', '12/31/24', '1/2/24', '13/13/2024', '31.12.2024', '12.31.2024', '5-Jan-2024', 'Jan 5, 2024', 'January 5 2024', '5 January 2024',
	'Mon Jan 5 2024', 'Jan 2024', '2024-Jan-05', '20240105', '20240105T101010', 'now', 'today', 'tomorrow', 'yesterday', 'epoch', 'infinity', 'allballs', 'J2451187', '1999-123', '1999.123', '1.2.2024', '1.10.2024',
	'10.0.0.1', '192.168.2024.1', '2024-W05-1', '555-123-4567', '800-555-1234', '2024-01', '12:30', '12:30:45', '10:00 2024-01-05', '2024-01-05 10:00 PM', '2024-01-05 13:00 PM',
	'2024-01-05 10:00:00 Europe/Berlin', '2024-01-05 10:00:00 CET', '2024-01-05 10:00:00 FOO', '12345-01-01', '294276-12-31', '294277-01-01', '5874897-12-31', '4713-01-01 BC', '4714-01-01 BC', '2024 01 05',
	'2024-01-05 w+jan', '2024-01-05 Nowhere/City', '2024-01-05 10:00 e.', '2024-01-05 10:00 Europe/Berlin', '2024-01-05 10:00 Europe/Berlintoday', 'Jan-05-2024 10:00 CET', 'today 2024 01', 'now/2024/01', '2024/now/01', '2024-01-now', 'epoch 2024 1', 'a 2024 b', 'I am 2024 years', 'M/2024/5', '5/2024/M', 'room 2024 block 5', 'May 2024 5th', 'Thursday May 5 2024', '2024-05-05 00:00:00.0000001',
	'[1,2]', '{}', 'null', 'NULL', 'NA', '\N', '\.', '\', '\\', '\t', '"', 'a"b', 'a\b', E'a\nb', E'a\rb', E'a\r\nb', E'a\tb', E'\n', E'\r', E'\x01', E'\x7f', 'é', '日本', 'a,b', ';', '--', '''', '$$', repeat('x', 70000)]);
CREATE FUNCTION pg_temp.differs(value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	type text;
	got text;
	wanted text;
BEGIN
	DROP TABLE IF EXISTS one;
	PERFORM echolon_load_csv('one', content => E'v,w\n"' || replace(value, '"', '""') || E'",x\n');
	SELECT format_type(atttypid, atttypmod) INTO type FROM pg_attribute WHERE attrelid = 'one'::regclass AND attname = 'v';
	EXECUTE 'SELECT v::text FROM one' INTO got;
	EXECUTE format('SELECT %L::%s::text', value, type) INTO wanted;
	RETURN CASE WHEN got IS DISTINCT FROM wanted THEN format('%s: %s, not %s', type, left(got, 40), left(wanted, 40)) END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT is(pg_temp.differs(v), NULL, 'alone in its column: ' || left(quote_literal(v), 40)) FROM odd;

-- the same under another DateStyle, and all values of one kind in one column
SET datestyle = 'ISO, DMY';
SELECT is(pg_temp.differs(v), NULL, 'DMY: ' || v) FROM odd WHERE v ~ '[0-9][-/.][0-9]' AND length(v) < 40;
SET datestyle = 'ISO, YMD';
SELECT is(pg_temp.differs(v), NULL, 'YMD: ' || v) FROM odd WHERE v ~ '[0-9][-/.][0-9]' AND length(v) < 40;
SET datestyle = 'ISO, MDY';

CREATE FUNCTION pg_temp.type_of(VARIADIC v text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	type text;
BEGIN
	DROP TABLE IF EXISTS one;
	SELECT substr(columns[1], 3) INTO type FROM echolon_load_csv('one', content => E'v,w\n' || (SELECT string_agg('"' || x || '",', E'\n') FROM unnest(v) AS x));
	RETURN type;
END
$$;
SELECT is(pg_temp.type_of(VARIADIC v), type, array_to_string(v, ' ')) FROM (VALUES
	('integer', '{1,"",-2}'::text[]), ('bigint', '{1,3000000000}'), ('numeric', '{1,99999999999999999999}'), ('numeric', '{1,2.5}'), ('numeric', '{1.2345}'),
	('double precision', '{1.23456}'), ('double precision', '{1,1e3}'), ('double precision', '{1,NaN}'), ('numeric', '{1,0.123456789012345678}'), ('numeric', '{9007199254740993,NaN}'),
	('double precision', '{1.5,99999,0.00001}'), ('numeric', '{0.00001,99999999999999999999}'), ('text', '{1,x}'), ('text', '{x,1}'), ('text', '{1,true}'), ('boolean', '{true,f,T}'), ('text', '{t,yes}'), ('text', '{1,2024-01-01}'),
	('date', '{2024-01-01,01/31/2024}'), ('date', '{5-Jan-24,31-DEC-99}'), ('date', '{12.31.24,01.01.25}'), ('text', '{1.2.3,10.2.14}'), ('timestamp without time zone', '{2024-01-01,2024-01-01 10:00}'), ('timestamp with time zone', '{2024-01-01 10:00Z,2024-01-01 10:00+02}'),
	('text', '{2024-01-01 10:00Z,2024-01-01 10:00}'), ('text', '{2024-01-01,2024-02-30}'), ('text', '{01,2}'), ('text', '{""}'), ('integer', '{" 1",2}')) AS t (type, v);

-- ---- tables of every kind; Oracle: COPY does the same, by its documentation
CREATE TABLE parts (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
SELECT is((SELECT (rows_loaded, rows_refused)::text FROM echolon_load_csv('parts', content => E'id,day\n1,2024-05-05\n2,2030-01-01\n3,2024-06-06\n', max_errors => 1)), '(2,1)', 'partitions; a row of none is refused');
SELECT matches(pg_temp.error_of($$SELECT echolon_load_csv('parts', content => E'id,day\n1,2024-05-05\n2,2030-01-01\n')$$), '23514 no partition of relation "parts" found for row .*Line 3\.', 'it says which line');
SELECT is((SELECT array_agg(id ORDER BY id) FROM parts_1), '{1,3}', 'rows are in the partition');

CREATE TABLE base (id int, v text);
CREATE VIEW over AS SELECT * FROM base;
SELECT matches(pg_temp.error_of($$SELECT echolon_load_csv('over', content => E'id,v\n1,x\n')$$), 'cannot copy to view', 'a view');
CREATE FUNCTION pg_temp.instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO base VALUES (NEW.id, 'by ' || NEW.v); RETURN NEW; END $$;
CREATE TRIGGER instead INSTEAD OF INSERT ON over FOR EACH ROW EXECUTE FUNCTION pg_temp.instead();
SELECT is((SELECT rows_loaded FROM echolon_load_csv('over', content => E'id,v\n1,x\n', max_errors => 1)), 1::bigint, 'a view with a trigger');
SELECT is((SELECT v FROM base), 'by x', 'the trigger did it');

SELECT is((SELECT table_name ~ '^pg_temp' AND created FROM echolon_load_csv('pg_temp.mine', content => E'a\n1\n')), true, 'a temporary table');
SELECT is((SELECT created FROM echolon_load_csv('mine', content => E'a\n2\n')), false, 'is found by its name');
CREATE SCHEMA "My Shop";
SELECT is((SELECT table_name FROM echolon_load_csv('"My Shop"."Big Sales"', content => E'a\n2\n')), '"My Shop"."Big Sales"', 'schema.name, quoted');
SET search_path = "My Shop", public;
SELECT is((SELECT table_name FROM echolon_load_csv('here', content => E'a\n2\n')), '"My Shop".here', 'the first schema of the search_path');
RESET search_path;
SELECT matches(pg_temp.error_of($$DO 'BEGIN SET LOCAL search_path = pg_catalog; PERFORM public.echolon_load_csv(''nowhere'', content => E''a\n2\n''); END'$$), '3F000|42501', 'no schema to make it in');
-- operators and types of the user must not get in
CREATE SCHEMA trap;
CREATE FUNCTION trap.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT 1 / 0 = 1';
CREATE OPERATOR trap.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.yes);
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.yes);
CREATE DOMAIN trap.text AS pg_catalog.text CHECK (false);
CREATE DOMAIN trap.date AS pg_catalog.date CHECK (false);
CREATE FUNCTION pg_temp.trapped() RETURNS bigint LANGUAGE plpgsql SET search_path = trap, pg_catalog, public AS $$
BEGIN
	RETURN (SELECT rows_refused FROM echolon_load_csv('trap.caught', content => E'a,d\n1,2024-01-01\nx,2024-01-01\n3\n', max_errors => 5));
END
$$;
SELECT is(pg_temp.trapped(), 1::bigint, 'nothing of the search_path gets in');

CREATE DOMAIN positive AS int CHECK (VALUE > 0) NOT NULL;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE kinds (id int GENERATED ALWAYS AS IDENTITY, p positive, m mood, at timestamptz DEFAULT '2020-01-01', a int[], j jsonb);
SELECT is((SELECT (rows_loaded, rows_refused)::text FROM echolon_load_csv('kinds', content => E'p,m,a,j\n1,good,"{1,2}","{""x"": 1}"\n0,good,,\n,bad,,\n2,ugly,,\n3,bad,{,\n4,bad,,x\n5,,,\n', max_errors => 9)), '(2,5)', 'domains, enums, arrays, jsonb');
SELECT is((SELECT string_agg(line || ' ' || coalesce(column_name, '') || ' ' || coalesce(value, ''), ', ' ORDER BY line) FROM echolon.load_errors WHERE table_name = 'public.kinds'), '3 p 0, 4 p , 5 m ugly, 6 a {, 7 j x', 'each with line, column, value');
SELECT is((SELECT string_agg(concat_ws(' ', p, m, at::date, a, j), ', ' ORDER BY id) FROM kinds), '1 good 2020-01-01 {1,2} {"x": 1}, 5 2020-01-01', 'the rest is there, defaults as well');
SELECT is((SELECT rows_loaded FROM echolon_load_csv('kinds', content => E'id,p\n77,9\n')), 1::bigint, 'an identity column takes what the file says, as in COPY');

-- foreign keys are looked at when all rows are there: never one line's error
CREATE TABLE shops (id int PRIMARY KEY);
INSERT INTO shops VALUES (1);
CREATE TABLE sold (shop int REFERENCES shops);
SELECT matches(pg_temp.error_of($$SELECT echolon_load_csv('sold', content => E'shop\n1\n2\n', max_errors => 5)$$), '^23503 .*violates foreign key constraint', 'a foreign key');
SELECT is((SELECT count(*) FROM sold), 0::bigint, 'nothing is there');

-- triggers: their exceptions refuse a line, NULL skips it, and one may load itself
CREATE TABLE log (note text);
CREATE TABLE watched (id int, v text);
CREATE FUNCTION pg_temp.watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.id = 2 THEN RAISE EXCEPTION 'not two'; END IF;
	IF NEW.id = 3 THEN RETURN NULL; END IF;
	PERFORM echolon_load_csv('log', content => E'note\nsaw ' || NEW.id || E'\n', max_errors => NEW.id % 2);
	RETURN NEW;
END
$$;
CREATE TRIGGER watch BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION pg_temp.watch();
SELECT is((SELECT (rows_loaded, rows_refused)::text FROM echolon_load_csv('watched', content => E'id,v\n1,a\n2,b\n3,c\n4,d\n', max_errors => 5)), '(2,1)', 'a trigger that raises, skips and loads');
SELECT is((SELECT string_agg(note, ', ' ORDER BY note) FROM log), 'saw 1, saw 4', 'and its own loads are there once');
SELECT is((SELECT message FROM echolon.load_errors WHERE table_name = 'public.watched'), 'not two', 'its exception is kept');
SELECT matches(pg_temp.error_of($$SELECT echolon_load_csv('watched', content => E'id,v\n1,a\n2,b\n')$$), '^P0001 not two \| Line 3\.', 'or raised, with the line');

CREATE TABLE after_it (id int);
CREATE FUNCTION pg_temp.refuse_two() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 2 THEN RAISE EXCEPTION 'no two here'; END IF; RETURN NULL; END $$;
CREATE TRIGGER after_it AFTER INSERT ON after_it FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse_two();
SELECT is(pg_temp.error_of($$SELECT echolon_load_csv('after_it', content => E'id\n1\n2\n3\n', max_errors => 5)$$), 'P0001 no two here', 'what shows after the rows ends the load');
SELECT is((SELECT count(*) FROM after_it), 0::bigint, 'nothing is there');

-- an error that is passed on leaves whoever catches it in his own subtransaction, whose work is undone and no more
CREATE FUNCTION pg_temp.caught() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text := '';
BEGIN
	INSERT INTO log VALUES ('before');
	FOR i IN 1..3 LOOP
		BEGIN
			INSERT INTO log VALUES ('undone');
			PERFORM echolon_load_csv('after_it', content => E'id\n1\n2\n', max_errors => 5);
		EXCEPTION WHEN raise_exception THEN
			said := said || SQLERRM || '; ';
		END;
		INSERT INTO log VALUES ('between');
	END LOOP;
	RETURN said;
END
$$;
TRUNCATE log;
SELECT is(pg_temp.caught(), 'no two here; no two here; no two here; ', 'an error that is caught again and again');
SELECT is((SELECT string_agg(note, ' ' ORDER BY ctid) FROM log), 'before between between between', 'undoes what it should');

-- ---- one transaction: what fails leaves nothing, what is rolled back neither
SELECT matches(pg_temp.error_of($$SELECT echolon_load_csv('never', content => E'a\n1\nx\n', column_types => '{"a": "int"}')$$), '22P02', 'an error at the end');
SELECT is(to_regclass('never'), NULL, 'leaves no table');
SELECT is((SELECT count(*) FROM generate_series(1, 200) AS i, LATERAL echolon_load_csv('many', content => E'a\n' || i || E'\nx\n', column_types => CASE WHEN i = 1 THEN '{"a": "int"}'::jsonb END, max_errors => 1)), 200::bigint, 'two hundred loads in one query');
SELECT is((SELECT count(*) FROM many), 200::bigint, 'each with its row');
SELECT is((SELECT count(DISTINCT load) FROM echolon.load_errors WHERE table_name = 'public.many'), 200::bigint, 'and its refused line');
SELECT is(echolon_clear_load_errors('many'), 200::bigint, 'which can be forgotten');

-- ---- lines and quotes
SELECT matches(pg_temp.error_of($$SELECT echolon_load_csv('never', content => E'a,b\n1,2\n\\.\n3,4\n')$$), 'ends the data|has no value', 'an end of data in the middle is never silent');
SELECT is((SELECT rows_loaded FROM echolon_load_csv('quoted_end', content => E'a,b\n"\\.",2\n')), 1::bigint, 'quoted it is a value');
SELECT is((SELECT rows_loaded FROM echolon_load_csv('other_quotes', content => E'a;b\n''x;y'';''it\\''s''\n', delimiter => ';', quote => '''', escape => '\')), 1::bigint, 'other quotes');
SELECT is((SELECT (a, b)::text FROM other_quotes), '(x;y,it''s)', 'and what they hold');
SELECT is((SELECT line FROM echolon_load_csv('counted', content => E'a,b\n1,"x\ny\nz"\n\n2\n', max_errors => 1), echolon.load_errors WHERE load_errors.table_name = 'public.counted'), NULL, 'a view is read as of the statement''s beginning');
SELECT is((SELECT line FROM echolon.load_errors WHERE table_name = 'public.counted'), 6::bigint, 'lines are counted as in an editor');
SELECT is((SELECT rows_loaded FROM echolon_load_csv('one_column', content => E'a\n1\n\n2\n')), 3::bigint, 'a blank line of one column is a NULL');
SELECT is((SELECT rows_loaded FROM echolon_load_csv('widest', content => (SELECT string_agg('c' || i, ',') || E'\n' || string_agg((i % 10)::text, ',') FROM generate_series(1, 1600) AS i))), 1::bigint, '1,600 columns');
SELECT is((SELECT rows_loaded FROM echolon_load_csv('same_names', content => (SELECT string_agg('c', ',') || E'\n' || string_agg('1', ',') FROM generate_series(1, 1600) AS i))), 1::bigint, 'all of one name');
SELECT is((SELECT count(*) FROM echolon_load_csv('same_names_2', content => repeat('é', 50) || ',' || repeat('é', 51) || ',' || repeat('é', 31) || E'\n1,2,3\n'), unnest(columns) AS c WHERE octet_length(c) < 90), 3::bigint, 'names are cut between characters');

-- ---- JSON; Oracle: PostgreSQL's own functions on the same documents
SELECT setseed(0.5);
CREATE TABLE documents AS
SELECT i, jsonb_build_object('id', i, 'n', (i % 7) / 2.0, 'flag', i % 2 = 0, 'text', E'é "quoted" \\ \t\n' || i, 'none', NULL,
	'sub', jsonb_build_object('x', i * 1000000000::bigint, 'deep', jsonb_build_object('y', md5(i::text))),
	'list', jsonb_build_array(i, jsonb_build_object('k', i), NULL))
	|| CASE WHEN i % 3 = 0 THEN jsonb_build_object('rare', i) ELSE '{}' END AS d
FROM generate_series(1, 500) AS i;
SELECT is((SELECT rows_loaded FROM echolon_load_json('from_array', content => (SELECT jsonb_agg(d ORDER BY i)::text FROM documents))), 500::bigint, 'an array');
SELECT is((SELECT rows_loaded FROM echolon_load_json('from_lines', content => (SELECT string_agg(d::text, E'\n' ORDER BY i) FROM documents))), 500::bigint, 'lines');
SELECT is((SELECT rows_loaded FROM echolon_load_json('from_pretty', content => (SELECT string_agg(jsonb_pretty(d), E'\n' ORDER BY i) FROM documents))), 500::bigint, 'objects of many lines');
SELECT results_eq(format('SELECT id, n, flag, "text", "sub.x", "sub.deep.y", list, rare, "none" FROM %s ORDER BY id', t),
	$$SELECT i, (d ->> 'n')::numeric, (d ->> 'flag')::boolean, d ->> 'text', (d #>> '{sub,x}')::bigint, d #>> '{sub,deep,y}', d -> 'list', (d ->> 'rare')::int, NULL::text FROM documents ORDER BY i$$,
	'the same values and types: ' || t) FROM unnest('{from_array,from_lines,from_pretty}'::text[]) AS t;
CREATE FUNCTION pg_temp.json_type(VARIADIC v text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	type text;
BEGIN
	DROP TABLE IF EXISTS one;
	SELECT substr(columns[1], 3) INTO type FROM echolon_load_json('one', content => (SELECT string_agg('{"v": ' || x || '}', E'\n') FROM unnest(v) AS x));
	RETURN type;
END
$$;
SELECT is(pg_temp.json_type(VARIADIC v), type, array_to_string(v, ' ')) FROM (VALUES
	('integer', '{1,"null"}'::text[]), ('numeric', '{1,1.5}'), ('double precision', '{1,1e2}'), ('text', '{1,"\"1\""}'), ('text', '{"\"1\"","\"2\""}'), ('date', '{"\"2024-01-01\""}'),
	('text', '{"\"true\""}'), ('boolean', '{true,false}'), ('text', '{true,1}'), ('jsonb', '{[],"[1]"}'), ('text', '{"[1]",1}'), ('text', '{"null"}'), ('text', '{"\"\""}'), ('numeric', '{-0.5,12345678901234567890}')) AS t (type, v);
SELECT is((SELECT rows_loaded FROM echolon_load_json('deep', content => repeat('{"a":', 999) || '1' || repeat('}', 999))), 1::bigint, '999 levels');
SELECT matches(pg_temp.error_of($$SELECT echolon_load_json('never', content => repeat('{"a":', 1000000) || '1' || repeat('}', 1000000))$$), 'nested deeper than 1000 levels', 'a million levels');
SELECT matches(pg_temp.error_of($$SELECT echolon_load_json('never', content => repeat('[', 1000000))$$), 'nested deeper than 1000 levels|not closed', 'a million brackets');
SELECT is((SELECT (rows_loaded, rows_refused)::text FROM echolon_load_json('mixed_in', content => '[{"a": 1}, 5, "x,]", [1], null, {"a": [1}, {"a": 2}]', max_errors => 9)), '(2,5)', 'what is no object in an array');
SELECT matches(pg_temp.error_of($$SELECT echolon_load_json('never', content => '[{"a": 1},]')$$), 'an object is missing in line 1', 'a comma too many');
SELECT is((SELECT (rows_loaded, rows_refused, columns)::text FROM echolon_load_json('left_out', content => E'{"a": 1}\n{"b": 1, "c": tru}\n{"d": 2}\n', max_errors => 1)), '(2,1,"{""a integer"",""d integer""}")', 'columns of refused objects are none');
SELECT is((SELECT columns FROM echolon_load_json('dotted', content => '[{"a.b": 1, "a": {"b": 2}}, {"": 3, "A": 4}]')), '{"\"a.b\" integer","column_2 integer","\"A\" integer"}', 'a dot in a name; no name');
SELECT matches(pg_temp.error_of($$SELECT echolon_load_json('never', content => '{"' || repeat('k', 100000) || '": {"a": 1, "b": 2}}')$$), '42622 object 1, in line 1, has a name of more than 8192 bytes', 'a name of 100,000 letters');
CREATE TABLE target (a int DEFAULT 5, "b.c" text);
SELECT is((SELECT rows_loaded FROM echolon_load_json('target', content => E'{"b": {"c": "x"}}\n{"a": null}\n{}\n')), 3::bigint, 'into an existing table');
SELECT is((SELECT count(*) FROM target WHERE a IS NULL), 3::bigint, 'a name that appears somewhere is NULL where it is missing');
SELECT is((SELECT rows_loaded FROM echolon_load_json('target', content => '[]')), 0::bigint, 'no object for an existing table');

SELECT is((SELECT columns FROM echolon_load_json('large', content => '[{"a": [1], "b": [1]}, {"a": [' || repeat('1,', 2200000) || '1]}]')), '{"a json","b jsonb"}', 'large arrays are json, which is read faster');
-- the parameters are where \df shows them, and misspelt words are errors
SELECT matches(pg_temp.error_of($$SELECT echolon_load_csv('never', content => 'a', delimter => ';')$$), '42883', 'a misspelt parameter');
SELECT matches(pg_temp.error_of($$SELECT echolon_load_csv('never', content => 'a', null_marks => '{a,NULL}')$$), '22004', 'a NULL among the marks');
SELECT * FROM finish();
ROLLBACK;

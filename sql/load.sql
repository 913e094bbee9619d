-- Loading: types from all values, names, appending, refused lines, JSON, and what bad input is told.
-- Oracle: COPY and the types' own input functions; what is loaded is looked at as it is.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';
CREATE SCHEMA load;
SET search_path = load, public;

-- ---- the tour: a new table, its types and values
\set sales 'id,day,at,zone,price,ratio,units,big,postal,open,city,empty\n1,2024-02-29,2024-02-29 10:00:00,2024-02-29T10:00:00Z,19.90,0.123456789,3,3000000000,01234,true,"Paris, 1st",\n2,2024-03-01,2024-03-01T11:30,2024-03-01T11:30:00+02:00,5,1e-3,,4,99999,f,"two\nlines",\n'
SELECT table_name, created, rows_loaded, rows_refused, columns, notes FROM echolon_load_csv('sales', content => :'sales');
SELECT * FROM sales;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'sales'::regclass AND attnum > 0 ORDER BY attnum;

-- ---- appending by name: order does not matter, what the file lacks gets its default
ALTER TABLE sales ALTER COLUMN units SET DEFAULT 7;
SELECT created, rows_loaded, columns FROM echolon_load_csv('sales', content => E'city,id\nRome,3\n');
SELECT id, city, units, price FROM sales WHERE id = 3;
SELECT echolon_load_csv('sales', content => E'id,ctiy\n4,Oslo\n');
SELECT echolon_load_csv('sales', content => E'id,city,id\n4,Oslo,4\n');
SELECT echolon_load_csv('sales', content => E'id,,city\n4,,Oslo\n');
SELECT echolon_load_csv('sales', content => E'4,Oslo\n', header => false);
SELECT echolon_load_csv('sales', content => E'id\n4\n', column_types => '{"id": "text"}');

-- ---- types that are given
SELECT columns, rows_loaded FROM echolon_load_csv('given', content => E'id,price,code\n1,2.5,x\n', column_types => '{"id": "bigint", "price": "numeric(10,2)", "code": "varchar(5)"}');
SELECT * FROM given;
SELECT echolon_load_csv('g2', content => E'id,price\n1,2\n', column_types => '{"prise": "text"}');
SELECT echolon_load_csv('g2', content => E'id,price\n1,2\n', column_types => '{"price": "monkey"}');
SELECT echolon_load_csv('g2', content => E'id,price\n1,2\n', column_types => '{"price": "int); DROP TABLE sales; --"}');
SELECT echolon_load_csv('g2', content => E'id,price\n1,2\n', column_types => '{"price": 5}');
SELECT echolon_load_csv('g2', content => E'id,price\n1,2\n', column_types => '["text"]');
SELECT echolon_load_csv('g2', content => E'id,price\n1,2x\n', column_types => '{"price": "integer"}');

-- ---- what a person should know
SELECT notes FROM echolon_load_csv('noted', content => 'a,b,c' || E'\n' || (SELECT string_agg(i || ',' || i || ',', E'\n' ORDER BY i) FROM generate_series(1, 12) AS i) || E'\n13,n/a,\n');
SELECT notes FROM echolon_load_csv('noted_dates', content => E'd\n31/12/2024\n');
SET datestyle = 'ISO, DMY';
SELECT columns FROM echolon_load_csv('dates', content => E'd,e,f\n31/12/2024,31.12.2024,"5 January 2024 10:30"\n');
SELECT * FROM dates;
SET datestyle = 'ISO, MDY';
SELECT notes FROM echolon_load_csv('semicolons', content => E'a;b\n1;2\n');
SELECT notes FROM echolon_load_csv('no_json', content => E'{"a": 1}\n');
SELECT columns FROM echolon_load_csv('semicolons2', content => E'a;b\n1;2\n', delimiter => ';');
SELECT columns FROM echolon_load_csv('tabs', content => E'a\tb\n1\t2\n', delimiter => '\t');
SELECT columns FROM echolon_load_csv('marks', content => E'a,b\n1,NA\nNULL,2\n"","x"\n', null_marks => '{"",NA,NULL}');
SELECT columns FROM echolon_load_csv('marks', content => E'a,b\n1,NA\nNULL,2\n"","x"\n', null_marks => '{"",NA,"NULL"}');
SELECT a, b FROM marks;

-- ---- names
SELECT columns, notes FROM echolon_load_csv('names', content => E' a ,a,,"A",ctid,a_2,"x""y"\n1,2,3,4,5,6,7\n');
SELECT columns, notes FROM echolon_load_csv('long_names', content => repeat('n', 100) || ',' || repeat('n', 101) || E'\n1,2\n');
SELECT columns FROM echolon_load_csv('headless', content => E'1,x\n2,y\n', header => false);
SELECT rows_loaded FROM echolon_load_csv('headless', content => E'3,z\n', header => false);

-- ---- bad input
SELECT echolon_load_csv('bad', content => '');
SELECT echolon_load_csv('bad', content => E'\n\n');
SELECT columns, rows_loaded, notes FROM echolon_load_csv('header_only', content => 'a,b');
SELECT echolon_load_csv('bad', content => E'a,b\n1,2\n3\n');
SELECT echolon_load_csv('bad', content => E'a,b\n1,2\n3,4,5\n');
SELECT echolon_load_csv('bad', content => E'a,b\n1,"2\n3,4\n');
SELECT echolon_load_csv('bad', content => E'a,b\r\n1,2\n');
SELECT echolon_load_csv('bad', content => (SELECT string_agg('c' || i, ',') FROM generate_series(1, 2000) AS i));
SELECT echolon_load_csv('bad');
SELECT echolon_load_csv('bad', '/nowhere/file.csv', content => 'a');
SELECT echolon_load_csv(NULL, content => 'a');
SELECT echolon_load_csv('', content => 'a');
SELECT echolon_load_csv('nowhere.bad', content => E'a\n1\n');
SELECT echolon_load_csv('bad', content => 'a', max_errors => -1);
SELECT echolon_load_csv('bad', content => 'a', encoding => 'LATIN1');
SELECT echolon_load_csv('bad', content => 'a', delimiter => ';;');
SELECT echolon_load_csv('bad', '/nowhere/file.csv');
SELECT echolon_load_csv('bad', '/');
SELECT echolon_load_csv('bad', '');
CREATE SEQUENCE counter;
SELECT echolon_load_csv('counter', content => E'a\n1\n');
SELECT to_regclass('bad');
-- a byte order mark and line ends of Windows are no data
SELECT columns FROM echolon_load_csv('windows', content => E'\uFEFFa,b\r\n1,"x\r\ny"\r\n\r\n2,z\r\n');
SELECT a, replace(b, E'\r\n', '<CRLF>') FROM windows;
-- integers for long, then text: it is text
SELECT columns FROM echolon_load_csv('late', content => E'a\n' || (SELECT string_agg(i::text, E'\n') FROM generate_series(1, 20000) AS i) || E'\nend\n');
SELECT count(*), min(length(a)), max(a) FROM late;

-- ---- refused lines
CREATE TABLE strict (id integer PRIMARY KEY, price numeric CHECK (price >= 0), city text NOT NULL, twice integer GENERATED ALWAYS AS (id * 2) STORED);
\set bad 'id,price,city\n1,10,Oslo\nx,1,Rome\n2,-5,Rome\n3,1\n4,1,Rome,9\n1,1,Bonn\n5,1,\n6,abc,Paris\n7,7,Kyiv\n'
SELECT echolon_load_csv('strict', content => :'bad');
SELECT echolon_load_csv('strict', content => :'bad', max_errors => 3);
SELECT count(*) FROM strict;
SELECT count(*) FROM echolon.load_errors;
SELECT rows_loaded, rows_refused FROM echolon_load_csv('strict', content => :'bad', max_errors => 10);
SELECT * FROM strict ORDER BY id;
SELECT table_name, source, unit, line, column_name, value, message, loaded_by = current_user AS mine FROM echolon.load_errors;
SELECT echolon_load_csv('strict', content => E'id,twice\n1,2\n');
SELECT echolon_clear_load_errors('strict'), echolon_clear_load_errors();

-- ---- JSON
SELECT columns, rows_loaded, notes FROM echolon_load_json('events', content =>
	'[{"id": 1, "user": {"name": "Ann", "address": {"zip": "01234"}}, "tags": ["a", {"b": 1}], "at": "2024-01-01T10:00:00Z", "ok": true},
	  {"id": 2.5, "user": {"name": null}, "extra": "late", "mixed": 1, "number": "7", "day": "2024-02-29"}, {"mixed": "x", "id": -1e2, "mixed": "last"}]');
SELECT * FROM events;
-- Oracle: what PostgreSQL's own functions make of the same documents.
\set lines '{"a": 1, "b": {"c": "x\\ty\\u00e9", "d": [1, 2]}}\n\n{"b": {"c": "\\\\N"}, "a": 20000000000}\n{"a": null, "b": {}}\n'
SELECT columns, rows_loaded FROM echolon_load_json('lines', content => :'lines');
SELECT a, "b.c", "b.d" FROM lines
EXCEPT ALL
SELECT (d ->> 'a')::bigint, d #>> '{b,c}', d #> '{b,d}' FROM unnest(string_to_array(:'lines', E'\n')) AS l, CAST(nullif(l, '') AS jsonb) AS d WHERE l <> '';
SELECT rows_loaded FROM echolon_load_json('lines', content => '{"b": {"c": "more"}}');
SELECT echolon_load_json('lines', content => '{"b": {"cc": "more"}}');
SELECT echolon_load_json('bad', content => '');
SELECT echolon_load_json('bad', content => '[]');
SELECT echolon_load_json('bad', content => '[1, 2]');
SELECT echolon_load_json('bad', content => '[{"a": 1}, {"a": NaN}]');
SELECT echolon_load_json('bad', content => '[{"a": 1} {"a": 2}]');
SELECT echolon_load_json('bad', content => '[{"a": 1}');
SELECT echolon_load_json('bad', content => '[{"a": 1}] x');
SELECT echolon_load_json('bad', content => '{"a": "\u0000"}');
SELECT echolon_load_json('bad', content => '{"a": ' || repeat('[', 2000) || repeat(']', 2000) || '}');
SELECT echolon_load_json('bad', content => (SELECT string_agg(format('{"k%s": 1}', i), E'\n') FROM generate_series(1, 1601) AS i));
SELECT rows_loaded, rows_refused, columns FROM echolon_load_json('partly', content => E'{"a": 1}\n{"a": Infinity, "b": 1}\n{"a": \n{"a": 2}\n"text"\n{"a": 3}}\n{"c": 5}\n', max_errors => 10);
SELECT * FROM partly;
SELECT line, value, message FROM echolon.load_errors;
SELECT echolon_load_json('typed', content => E'{"a": 1}\n{"a": "x"}\n', column_types => '{"a": "integer"}');
SELECT rows_loaded, columns FROM echolon_load_json('typed', content => E'{"a": 1, "b": [1]}\n{"a": 2}\n', column_types => '{"a": "smallint", "b": "json"}');
SELECT echolon_load_json('typed2', content => E'{"a": 1}\n', column_types => '{"b": "integer"}');

SELECT echolon_clear_load_errors();
SET client_min_messages = warning;
DROP SCHEMA load CASCADE;

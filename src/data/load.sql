-- load: files into tables, and what was refused of them.

/*
 * Private, as every store: no grants, no row security.  The view shows everyone what their own loads refused.
 * References to roles and relations are text with a stamp (src/model/table.h).
 */
CREATE TABLE echolon.load_store (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	relation text COLLATE "C" NOT NULL,
	relation_stamp text COLLATE "C" NOT NULL,
	source text NOT NULL,
	unit text COLLATE "C" NOT NULL,
	refused bigint NOT NULL,
	loaded_by text COLLATE "C" NOT NULL,
	loaded_by_stamp text COLLATE "C" NOT NULL,
	loaded_at timestamptz NOT NULL
);
COMMENT ON TABLE echolon.load_store IS 'Private: one row a load that refused something. People see echolon.load_errors';
COMMENT ON COLUMN echolon.load_store.id IS 'Number of the load in this database';
COMMENT ON COLUMN echolon.load_store.relation IS 'Table that was loaded: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.load_store.relation_stamp IS 'Database and number of that table when it was written';
COMMENT ON COLUMN echolon.load_store.source IS 'Path of the file, or content';
COMMENT ON COLUMN echolon.load_store.unit IS 'What is counted: line or object';
COMMENT ON COLUMN echolon.load_store.refused IS 'How many were refused';
COMMENT ON COLUMN echolon.load_store.loaded_by IS 'Name of the role that loaded';
COMMENT ON COLUMN echolon.load_store.loaded_by_stamp IS 'Cluster and number of that role when it was written, so that a new role of the same name sees nothing';
COMMENT ON COLUMN echolon.load_store.loaded_at IS 'When';

CREATE TABLE echolon.load_error_store (
	load_id bigint NOT NULL,
	place bigint NOT NULL,
	column_name text COLLATE "C",
	value text,
	message text NOT NULL
);
CREATE INDEX load_error_store_load ON echolon.load_error_store (load_id);
COMMENT ON TABLE echolon.load_error_store IS 'Private: one row a refused line. People see echolon.load_errors';
COMMENT ON INDEX echolon.load_error_store_load IS 'What one load refused';
COMMENT ON COLUMN echolon.load_error_store.load_id IS 'Its load';
COMMENT ON COLUMN echolon.load_error_store.place IS 'Line of the file in which the record ends, or number of the object';
COMMENT ON COLUMN echolon.load_error_store.column_name IS 'Column; NULL where it is about the whole row';
COMMENT ON COLUMN echolon.load_error_store.value IS 'Value that was refused, or the row; at most 1,000 bytes';
COMMENT ON COLUMN echolon.load_error_store.message IS 'What PostgreSQL or Echolon said';

REVOKE ALL ON echolon.load_store FROM PUBLIC;
REVOKE ALL ON echolon.load_error_store FROM PUBLIC;
REVOKE ALL ON SEQUENCE echolon.load_store_id_seq FROM PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('echolon.load_store', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.load_store_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.load_error_store', '');

CREATE VIEW echolon.load_errors WITH (security_barrier) AS
SELECT l.id AS load, l.relation AS table_name, l.source, l.unit, e.place AS line, e.column_name, e.value, e.message, l.loaded_at, l.loaded_by
FROM echolon.load_store l
	JOIN echolon.load_error_store e ON e.load_id OPERATOR(pg_catalog.=) l.id
WHERE echolon.has_model_role(l.loaded_by, l.loaded_by_stamp);
COMMENT ON VIEW echolon.load_errors IS
'Lines and objects that echolon_load_csv and echolon_load_json refused under max_errors: those of the current user, and of roles it is a member of. echolon_clear_load_errors forgets them';
COMMENT ON COLUMN echolon.load_errors.load IS 'Number of the load';
COMMENT ON COLUMN echolon.load_errors.table_name IS 'Table that was loaded: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.load_errors.source IS 'Path of the file, or content';
COMMENT ON COLUMN echolon.load_errors.unit IS 'What line counts: line of a file, or object of JSON';
COMMENT ON COLUMN echolon.load_errors.line IS 'Line of the file in which the record ends, as COPY counts; of JSON the number of the object';
COMMENT ON COLUMN echolon.load_errors.column_name IS 'Column; NULL where it is about the whole row';
COMMENT ON COLUMN echolon.load_errors.value IS 'Value that was refused, or the row; at most 1,000 bytes';
COMMENT ON COLUMN echolon.load_errors.message IS 'What was wrong';
COMMENT ON COLUMN echolon.load_errors.loaded_at IS 'When it was loaded';
COMMENT ON COLUMN echolon.load_errors.loaded_by IS 'Role that loaded';
GRANT SELECT ON echolon.load_errors TO PUBLIC;

CREATE TYPE echolon.load_result AS (
	table_name text,
	created boolean,
	rows_loaded bigint,
	rows_refused bigint,
	columns text[],
	seconds double precision,
	notes text[]
);
COMMENT ON TYPE echolon.load_result IS
'What a load returns: the table (schema.name), whether it was created, rows that are in it now, lines or objects that were refused (echolon.load_errors), its columns as "name type", seconds, and notes a person should read';

CREATE FUNCTION echolon_load_csv(
	table_name text,
	path text DEFAULT NULL,
	content text DEFAULT NULL,
	column_types jsonb DEFAULT NULL,
	max_errors integer DEFAULT 0,
	delimiter text DEFAULT ',',
	header boolean DEFAULT true,
	null_marks text[] DEFAULT '{""}',
	quote text DEFAULT '"',
	escape text DEFAULT NULL,
	encoding text DEFAULT NULL
) RETURNS echolon.load_result
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
AS 'MODULE_PATHNAME', 'echolon_load_csv';
COMMENT ON FUNCTION echolon_load_csv IS
'Load CSV into a table: a file of the server (path; for those who may COPY from files: pg_read_server_files) or a text (content; psql: \set c `cat sales.csv`, then content => :''c''). A table that does not exist is created; its types follow from all values: boolean (true, false, t, f), integer, bigint, numeric (no exponent, at most 4 decimals, or more than 17 digits), double precision, date and timestamp (ISO and what DateStyle reads), timestamp with time zone (an offset in every value), else text. Leading zeros stay text. column_types => ''{"zip": "text"}'' decides itself. Into a table that exists columns go by name, the others get their defaults; rights, triggers and constraints are those of COPY, which does the loading. null_marks: values that are NULL, in quotes or not, for example ''{"",NA,"NULL"}''. encoding: of the file; NULL is client_encoding, or UTF8 after a byte order mark. delimiter, quote, escape: as in COPY. header => false: columns by place, named column_1, ... in a new table. Blank lines are skipped. A bad line (other number of fields, a value its type or a constraint does not take, an exception of a BEFORE trigger) is an error with line, column and value; max_errors allows that many, which stand in echolon.load_errors. Always errors are what COPY cannot split (an open quote, bytes that cannot be converted, a line above 128 MB) and what shows when all rows are there (foreign keys, AFTER triggers). With max_errors rows are loaded at most 10,000 at a time, so triggers of a statement fire as often. Returns echolon.load_result; pg_stat_progress_copy shows how far it is: first reading, then loading. Needs room for a temporary copy of the data (temp_file_limit). Example: SELECT * FROM echolon_load_csv(''sales'', ''/data/sales.csv'', max_errors => 10)';

CREATE FUNCTION echolon_load_json(
	table_name text,
	path text DEFAULT NULL,
	content text DEFAULT NULL,
	column_types jsonb DEFAULT NULL,
	max_errors integer DEFAULT 0
) RETURNS echolon.load_result
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
AS 'MODULE_PATHNAME', 'echolon_load_json';
COMMENT ON FUNCTION echolon_load_json IS
'Load JSON into a table: an array of objects, or one object a line, from a file of the server in UTF-8 (path; for those who may COPY from files: pg_read_server_files) or a text (content). Objects inside objects are flattened: {"a": {"b": 1}} is column "a.b". Arrays are jsonb (json where one is larger than 4 MB). A missing name is NULL. Columns are in the order in which names appear. A table that does not exist is created; types follow from all values as in echolon_load_csv, where a value in quotes is a date, a timestamp or a text, never a number; mixed ones are text. column_types => ''{"a.b": "bigint"}'' decides itself. Into a table that exists values go by name. A bad object (no JSON, no object, nested deeper than 1,000 levels, a value its type or a constraint does not take) is an error with its number; max_errors allows that many, which stand in echolon.load_errors. JSON has no NaN. Returns echolon.load_result. Example: SELECT * FROM echolon_load_json(''events'', content => ''[{"id": 1, "user": {"name": "Ann"}}]'')';

CREATE FUNCTION echolon_clear_load_errors(relation regclass DEFAULT NULL) RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'echolon_clear_load_errors';
COMMENT ON FUNCTION echolon_clear_load_errors IS
'Forget what loads of the current user refused: of one table, or of all. Returns how many lines were forgotten. Example: SELECT echolon_clear_load_errors(''sales'')';

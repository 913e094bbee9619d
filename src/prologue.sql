/* Echolon: machine learning next to the data.  Made from the .sql files of src/ by the Makefile. */

-- complain if the script is sourced in psql rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION echolon" to load this file. \quit

DO $$
BEGIN
	IF '@extschema@' IN ('echolon', '"echolon"') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_schema_name',
			MESSAGE = 'extension "echolon" cannot be created in schema "echolon"',
			DETAIL = 'That schema is for its tables and views.',
			HINT = 'Use CREATE EXTENSION echolon, or WITH SCHEMA another one.';
	END IF;
END
$$;

CREATE SCHEMA echolon;
GRANT USAGE ON SCHEMA echolon TO PUBLIC;
COMMENT ON SCHEMA echolon IS 'Echolon''s views of models for people and BI tools, and its private tables';


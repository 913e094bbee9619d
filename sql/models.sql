-- The store of models: versions, activation, dropping, the views, names, where the extension lives.
-- Oracles: PostgreSQL's own sha256(), catalogs and transactions.
SET client_min_messages = warning;
-- a database of its own, so that it matters neither what other tests left nor what encoding they have
SELECT current_database() AS db \gset
CREATE DATABASE regress_echolon_models TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
\c regress_echolon_models
SET client_encoding = 'UTF8';
SET client_min_messages = warning;
CREATE EXTENSION echolon;
CREATE SCHEMA shop;
SET search_path = shop, public;

-- a training needs 100 usable rows; units and city say what revenue is
CREATE TABLE sales AS
SELECT i AS id, (ARRAY['Oslo', 'Paris', 'Rome'])[1 + i % 3] AS city, i * 7 % 40 AS units,
	(i * 7 % 40) * 10.0 + CASE i % 3 WHEN 0 THEN 0 WHEN 1 THEN 100 ELSE 250 END AS revenue
FROM generate_series(1, 400) i;

-- a library that was not preloaded
SELECT current_setting('shared_preload_libraries') !~ 'echolon' AS not_preloaded;

-- the first version, then others: the newest one is active
SELECT model, version, task FROM echolon_train_rf('sales', 'revenue', n_estimators => 5);
SELECT model, version FROM echolon_train_rf('sales', 'revenue', n_estimators => 5);
SELECT model, version FROM echolon_train_gb('sales', 'revenue', n_estimators => 3);
SELECT model, task, algorithm, relation, target, version, metric, score IS NOT NULL AS scored,
	baseline IS NOT NULL AS compared, rows_used, trained_by = current_user AS mine,
	owner = current_user AS own, state
FROM echolon.models;
SELECT version, active, algorithm, rows_used, parameters ->> 'n_estimators' AS trees,
	metrics ->> 'measured_on' AS measured_on, seconds >= 0 AS timed
FROM echolon.model_versions ORDER BY version;

-- the same data, parameters and seed: the same bytes and fingerprint; others: others
SELECT count(*) AS versions, count(DISTINCT digest) AS digests, count(DISTINCT fingerprint) AS fingerprints
FROM echolon.model_versions;

-- the digest is of the bytes
SELECT version,
	digest = left(encode(sha256(echolon_export_model(model, version)), 'hex'), 32) AS digest,
	bytes = octet_length(echolon_export_model(model, version)) AS bytes,
	encode(substr(echolon_export_model(model, version), 1, 7), 'escape') AS magic
FROM echolon.model_versions ORDER BY version;
SELECT echolon_export_model('sales_revenue') = echolon_export_model('sales_revenue', 3) AS active_one;
SELECT echolon_export_model('sales_revenue', 4);
SELECT echolon_export_model('sales_revenue', 0);
SELECT echolon_export_model(NULL) IS NULL AS nothing;

-- activation, and what predicts
CREATE TABLE asked AS SELECT * FROM sales WHERE id = 7;
SELECT echolon_predict('sales_revenue', a) = echolon_predict('sales_revenue', a, version => 3) AS third FROM asked a;
SELECT echolon_activate('sales_revenue', 1) AS before;
SELECT echolon_activate('sales_revenue', 1) AS before;
SELECT version, active FROM echolon.model_versions ORDER BY version;
SELECT echolon_predict('sales_revenue', a) = echolon_predict('sales_revenue', a, version => 1) AS first,
	echolon_predict('sales_revenue', a) <> echolon_predict('sales_revenue', a, version => 3) AS differs FROM asked a;
SELECT echolon_activate('sales_revenue', 9);
SELECT echolon_activate('sales_revenue', -1);
SELECT echolon_activate('sale_revenue', 1);
SELECT echolon_activate('nothing like it', 1);

-- a prepared statement sees a promotion
PREPARE ask AS SELECT echolon_predict('sales_revenue', a) = echolon_predict('sales_revenue', a, version => 2) AS second
FROM asked a;
EXECUTE ask;
SELECT echolon_activate('sales_revenue', 3) AS before;
EXECUTE ask;
SELECT echolon_activate('sales_revenue', 2) AS before;
EXECUTE ask;
DEALLOCATE ask;

-- so does a function, version by version, and what is rolled back was never there
DO $$
DECLARE
	a asked := (SELECT t FROM asked t);
	first float8 := echolon_predict('sales_revenue', a, version => 1);
	third float8 := echolon_predict('sales_revenue', a, version => 3);
BEGIN
	PERFORM echolon_activate('sales_revenue', 1);
	ASSERT echolon_predict('sales_revenue', a) = first;
	BEGIN
		PERFORM echolon_activate('sales_revenue', 3);
		ASSERT echolon_predict('sales_revenue', a) = third;
		RAISE EXCEPTION 'never mind';
	EXCEPTION WHEN raise_exception THEN
		ASSERT echolon_predict('sales_revenue', a) = first;
	END;
END
$$;

-- an aborted transaction leaves nothing
SELECT count(*) AS versions FROM echolon.version_store \gset before_
BEGIN;
SELECT version FROM echolon_train_rf('sales', 'revenue', n_estimators => 2);
SAVEPOINT s;
SELECT version FROM echolon_train_rf('sales', 'revenue', n_estimators => 2, model => 'another');
ROLLBACK TO s;
SELECT model, version FROM echolon.models;
SELECT echolon_drop_model('sales_revenue') AS versions;
SELECT count(*) AS models FROM echolon.models;
ROLLBACK;
SELECT model, version FROM echolon.models;
SELECT count(*) = :before_versions AS versions FROM echolon.version_store;
SELECT count(*) AS orphans FROM echolon.chunk_store c
WHERE NOT EXISTS (SELECT FROM echolon.version_store v WHERE v.id = c.version_id);

-- a read-only transaction is refused before any work
BEGIN READ ONLY;
SELECT version FROM echolon_train_rf('sales', 'revenue');
ROLLBACK;
BEGIN READ ONLY;
SELECT echolon_activate('sales_revenue', 1);
ROLLBACK;
BEGIN READ ONLY;
SELECT echolon_drop_model('sales_revenue');
ROLLBACK;
BEGIN READ ONLY;
SELECT echolon_grant_model('sales_revenue', 'public');
ROLLBACK;

-- a name belongs to one relation and target
CREATE SCHEMA "o ther";
CREATE TABLE "o ther".sales AS TABLE sales;
SELECT version FROM echolon_train_rf('"o ther".sales', 'revenue', n_estimators => 2);
SELECT version FROM echolon_train_rf('sales', 'units', model => 'sales_revenue', n_estimators => 2);
SELECT model, version FROM echolon_train_rf('"o ther".sales', 'revenue', model => 'o ther_sales_revenue', n_estimators => 2);
SELECT model, version FROM echolon_train_rf('sales', 'revenue', model => '', n_estimators => 2);
SELECT model, version FROM echolon_train_rf('sales', 'revenue', model => repeat('x', 256), n_estimators => 2);

-- names that mean harm, and names that are merely long or foreign
SELECT length(model) AS length, version
FROM echolon_train_rf('sales', 'revenue', n_estimators => 2, model => E'x\'; DROP TABLE echolon.model_store; --"%s\n\\');
SELECT length(model) AS length, version FROM echolon_train_rf('sales', 'revenue', n_estimators => 2, model => repeat('y', 255));
SELECT count(*) AS models FROM echolon.models;
SELECT echolon_activate(E'x\'; DROP TABLE echolon.model_store; --"%s\n\\', 1) AS before;
SELECT echolon_drop_model(E'x\'; DROP TABLE echolon.model_store; --"%s\n\\') AS versions;
SELECT echolon_drop_model(repeat('y', 255)) AS versions;
SELECT echolon_drop_model('o ther_sales_revenue') AS versions;
SELECT echolon_drop_model('x'' OR true --');

-- state follows the catalog
SELECT state FROM echolon.models;
ALTER TABLE sales RENAME city TO "Mixed ""Case";
SELECT state FROM echolon.models;
ALTER TABLE sales RENAME "Mixed ""Case" TO city;
ALTER TABLE sales RENAME revenue TO turnover;
SELECT state FROM echolon.models;
ALTER TABLE sales RENAME turnover TO revenue;
ALTER TABLE sales DROP COLUMN units;
SELECT state FROM echolon.models;
ALTER TABLE sales RENAME TO "Sales";
SELECT state FROM echolon.models;
SELECT echolon_predict('sales_revenue', a) IS NOT NULL AS predicts FROM asked a;

-- damage in the store is an error, and the session goes on
BEGIN;
UPDATE echolon.chunk_store SET bytes = set_byte(bytes, 600, get_byte(bytes, 600) # 1);
SELECT echolon_predict('sales_revenue', a, version => 2) IS NOT NULL AS loaded_before FROM asked a;
\c -
SET client_encoding = 'UTF8';
SET client_min_messages = warning;
SET search_path = shop, public;
BEGIN;
UPDATE echolon.chunk_store SET bytes = set_byte(bytes, 600, get_byte(bytes, 600) # 1);
SELECT echolon_predict('sales_revenue', a) FROM asked a;
ROLLBACK;
BEGIN;
UPDATE echolon.chunk_store SET bytes = substr(bytes, 1, octet_length(bytes) - 8);
SELECT echolon_predict('sales_revenue', a) FROM asked a;
ROLLBACK;
BEGIN;
DELETE FROM echolon.chunk_store;
SELECT echolon_predict('sales_revenue', a) FROM asked a;
ROLLBACK;
SELECT echolon_predict('sales_revenue', a) IS NOT NULL AS predicts FROM asked a;

-- no model stays loaded where there is no room for one, and predictions are the same
SELECT echolon_predict('sales_revenue', a) AS value FROM asked a \gset
SET echolon.model_cache = 0;
SELECT echolon_predict('sales_revenue', a) = :value AS same FROM asked a;
SELECT count(*) AS loaded FROM pg_backend_memory_contexts WHERE name = 'echolon model';
RESET echolon.model_cache;
SELECT echolon_predict('sales_revenue', a) = :value AS same FROM asked a;
SELECT count(*) AS loaded FROM pg_backend_memory_contexts WHERE name = 'echolon model';
SET echolon.no_such_setting = 1;

-- dropping
SELECT echolon_drop_model('sales_revenue') AS versions;
SELECT echolon_drop_model('sales_revenue') AS versions;
SELECT (SELECT count(*) FROM echolon.models) AS models, (SELECT count(*) FROM echolon.version_store) AS versions,
	(SELECT count(*) FROM echolon.chunk_store) AS chunks, (SELECT count(*) FROM echolon.holdout_store) AS samples;

-- labels beyond ASCII: any encoding that has them will do
CREATE TABLE places AS SELECT U&'Z\00FCrich' AS city, i % 40 AS units, (i % 40) * 2.0 AS price FROM generate_series(1, 200) i;
UPDATE places SET city = 'Bern' WHERE units > 20;
SELECT version FROM echolon_train_rf('places', 'price', n_estimators => 3);
SELECT echolon_export_model('places_price') AS zurich,
	echolon_predict('places_price', p) AS value FROM places p WHERE units = 7 LIMIT 1 \gset
UPDATE places SET city = U&'10 \20AC' WHERE city = 'Bern';
SELECT version FROM echolon_train_rf('places', 'price', n_estimators => 3);
SELECT echolon_export_model('places_price') AS euro \gset
DROP SCHEMA shop, "o ther" CASCADE;

-- everything has a comment: functions, views and their columns, tables and theirs
SELECT d.classid::regclass AS catalog, pg_describe_object(d.classid, d.objid, 0) AS object
FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'echolon')
	AND (d.classid = 'pg_proc'::regclass
		OR d.classid = 'pg_class'::regclass AND (SELECT relkind IN ('r', 'v') FROM pg_class WHERE oid = d.objid))
	AND obj_description(d.objid, d.classid::regclass::name) IS NULL;
SELECT a.attrelid::regclass AS relation, a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'echolon'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0
	AND col_description(a.attrelid, a.attnum) IS NULL;

-- a dump carries every table and sequence
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'echolon'::regnamespace AND c.relkind IN ('r', 'S')
	AND NOT c.oid = ANY ((SELECT extconfig FROM pg_extension WHERE extname = 'echolon')::oid[]);

-- in a schema of its own; never in that of its tables
CREATE DATABASE regress_echolon_schema TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
\c regress_echolon_schema
SET client_encoding = 'UTF8';
SET client_min_messages = warning;
CREATE SCHEMA echolon;
\set VERBOSITY terse
CREATE EXTENSION echolon SCHEMA echolon;
CREATE EXTENSION echolon;
\set VERBOSITY default
DROP SCHEMA echolon;
CREATE SCHEMA "My ML";
CREATE EXTENSION echolon WITH SCHEMA "My ML";
CREATE TABLE public.t AS SELECT i % 50 AS a, (i % 50) * 2.5 AS b FROM generate_series(1, 200) i;
SELECT model, version FROM "My ML".echolon_train_rf('public.t', 'b', n_estimators => 2);
SELECT model, state FROM echolon.models;
SELECT count(*) AS predicted FROM public.t WHERE "My ML".echolon_predict('t_b', t) IS NOT NULL;
SELECT "My ML".echolon_drop_model('t_b') AS versions;

-- this database is LATIN1, which has one of the two labels
SELECT "My ML".echolon_predict_model(:'zurich'::bytea, p) = :value AS same
FROM (SELECT U&'Z\00FCrich' AS city, 7 AS units) p;
SELECT "My ML".echolon_predict_model(:'euro'::bytea, p) FROM (SELECT 'Bern' AS city, 7 AS units) p;
DROP EXTENSION echolon;
SELECT count(*) AS left_behind FROM pg_namespace WHERE nspname = 'echolon';
\c :db
DROP DATABASE regress_echolon_schema;
DROP DATABASE regress_echolon_models;

-- the script holds nothing that an encoding could lack
CREATE DATABASE regress_echolon_encoding TEMPLATE template0 ENCODING 'EUC_JP' LOCALE 'C';
\c regress_echolon_encoding
CREATE EXTENSION echolon;
\c :db
DROP DATABASE regress_echolon_encoding;

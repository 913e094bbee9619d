/* ---- models out of the store and into it ---- */

CREATE FUNCTION echolon_export_model(
	model text,
	version integer DEFAULT NULL,
	with_record boolean DEFAULT false
) RETURNS bytea
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_export_model';
COMMENT ON FUNCTION echolon_export_model(text, integer, boolean) IS
'The bytes of a model, which echolon_predict_model and echolon_import_model take and docs/model-format.md describes.
version: NULL is the active one. with_record: together with the record of its training (scores, parameters, learning curve, held-out sample, notes), so that echolon_metrics and the like work after an import; both functions take that as well. Without it the same data, parameters and seed give the same bytes. Needs the right own: the bytes hold labels and categories of the training data.
Errors: no such model or version; no right to it; more than 500 MB (echolon_export_model_file has no such limit).
SELECT echolon_export_model(''sales_revenue'', with_record => true);';

CREATE FUNCTION echolon_export_model_file(
	model text,
	path text,
	version integer DEFAULT NULL,
	with_record boolean DEFAULT true
) RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'echolon_export_model_file';
COMMENT ON FUNCTION echolon_export_model_file(text, text, integer, boolean) IS
'Write a model to a file on the server, with the record of its training. Returns the bytes written.
path: absolute, as for COPY ... TO; needs the privileges of pg_write_server_files, and the right own to the model. A regular file of this name is replaced, all at once; the new one can be read by the server''s user alone (mode 0600). version: NULL is the active one. with_record: as in echolon_export_model.
Errors: no such model or version; no right to it or to files; a relative path; a directory or anything else that is no regular file.
SELECT echolon_export_model_file(''sales_revenue'', ''/var/lib/postgresql/sales_revenue.model'');';

CREATE TYPE echolon.import_result AS (
	model text,
	version integer,
	active boolean,
	task text,
	algorithm text,
	target text,
	trees integer,
	metric text,
	score double precision,
	exported_as text,
	notes text[]
);
COMMENT ON TYPE echolon.import_result IS
'What echolon_import_model returns: the version it stored and whether it predicts now (active); what the model is; the headline metric measured where it was trained (NULL without a record); name and version it was exported as; notes a person should read';

CREATE FUNCTION echolon_import_model(
	model text,
	bytes bytea DEFAULT NULL,
	path text DEFAULT NULL,
	relation regclass DEFAULT NULL,
	activate boolean DEFAULT true
) RETURNS echolon.import_result
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_import_model';
COMMENT ON FUNCTION echolon_import_model(text, bytea, text, regclass, boolean) IS
'Store a model that was exported, here or elsewhere: as the first version of a new model of yours, or as a new version of an existing one that has the same target, task and classes. Predictions are the same, bit for bit.
model: its name here. bytes: what echolon_export_model returned, with or without record. path: a file of the server in their place, which needs the privileges of pg_read_server_files. relation: what it is to be retrained on; without it echolon.models.state is "imported, no relation" until a training or import under the name brings one. activate: false stores the version beside the active one. Every byte is checked before anything is stored; scores are what the record says, and echolon_evaluate measures them anew. Owner, grants and relation of the exported model do not travel.
Returns echolon.import_result. Errors: bytes that are damaged or no model; a file that cannot be read; a label or category that the database''s encoding does not have; a model of this name that is another role''s, or has another target, task or other classes; a read-only transaction or a standby.
SELECT * FROM echolon_import_model(''sales_revenue'', bytes => echolon_export_model(''old_revenue'', with_record => true), relation => ''sales'');';

CREATE FUNCTION echolon_model_to_json(model text, version integer DEFAULT NULL) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_model_to_json';
COMMENT ON FUNCTION echolon_model_to_json(text, integer) IS
'A model as a document that anyone can score with: columns, categories, features, labels, threshold, start values, link, and every node of every tree (feature, threshold or categories, where missing goes, children, value, cover). docs/model-json.md describes it; within a format_version, members are only added.
version: NULL is the active one. Numbers read back as they are, so that sums in the same order are the same. Needs the right own: it holds labels and categories of the training data.
Errors: no such model or version; no right to it; more nodes than a jsonb of 256 MB, or echolon.max_memory, can hold (about a million).
SELECT jsonb_pretty(echolon_model_to_json(''sales_revenue'') -> ''features'');';

-- predict: predictions of one row, and what its columns are worth.

CREATE FUNCTION echolon.predict_support(internal) RETURNS internal
LANGUAGE C STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'echolon_predict_support';
COMMENT ON FUNCTION echolon.predict_support(internal) IS
'Planner support of predictions by a model''s name: what they cost, by the size of the model. Not to be called.';

-- by name, of a row

CREATE FUNCTION echolon_predict(model text, input record, version integer DEFAULT NULL)
RETURNS double precision
LANGUAGE C STABLE PARALLEL SAFE COST 500 SUPPORT echolon.predict_support
AS 'MODULE_PATHNAME', 'echolon_predict';
COMMENT ON FUNCTION echolon_predict(text, record, integer) IS
'What a model predicts for a row, as a number: a regression''s value, or the class of a classifier whose classes are numbers.
The row is any composite (a table''s alias, ROW of a named type, a subquery, NEW); its columns are matched by name, extra ones and their order do not matter, NULL is a missing value, a category never seen at training counts as missing. Where a column has the name of the table''s alias write alias.*. version asks for an older version than the active one.
NULL for a NULL row.
Errors: no such model or version, or no right to it; a column is missing, twice in the row or of another kind of type; a classifier whose classes are not numbers.
SELECT s.*, echolon_predict(''sales_revenue'', s) FROM sales s;';

CREATE FUNCTION echolon_predict_class(model text, input record, version integer DEFAULT NULL)
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE COST 500 SUPPORT echolon.predict_support
AS 'MODULE_PATHNAME', 'echolon_predict_class';
COMMENT ON FUNCTION echolon_predict_class(text, record, integer) IS
'The class that a classifier predicts for a row: the most probable one, or with two classes the positive one where its probability reaches the model''s threshold.
The row and the errors are as for echolon_predict; a regression is an error.
SELECT echolon_predict_class(''customers_churn'', c) FROM customers c;';

CREATE FUNCTION echolon_predict_proba(model text, input record, version integer DEFAULT NULL)
RETURNS jsonb
LANGUAGE C STABLE PARALLEL SAFE COST 500 SUPPORT echolon.predict_support
AS 'MODULE_PATHNAME', 'echolon_predict_proba';
COMMENT ON FUNCTION echolon_predict_proba(text, record, integer) IS
'A classifier''s probabilities for a row: {class: probability}, which sum to 1.
The row and the errors are as for echolon_predict; a regression is an error. For one class, as a number to sort by, give its label as text: echolon_predict_proba(model, input, label).
SELECT echolon_predict_proba(''customers_churn'', c) FROM customers c;';

CREATE FUNCTION echolon_predict_proba(model text, input record, label text, version integer DEFAULT NULL)
RETURNS double precision
LANGUAGE C STABLE PARALLEL SAFE COST 500 SUPPORT echolon.predict_support
AS 'MODULE_PATHNAME', 'echolon_predict_proba_label';
COMMENT ON FUNCTION echolon_predict_proba(text, record, text, integer) IS
'A classifier''s probability, 0 to 1, that a row is of the class label.
The row and the errors are as for echolon_predict; a regression, or a label that the model does not have, is an error.
SELECT c.*, echolon_predict_proba(''customers_churn'', c, ''yes'') AS risk FROM customers c ORDER BY risk DESC LIMIT 100;';

-- by name, of a document

CREATE FUNCTION echolon_predict_json(model text, input jsonb, version integer DEFAULT NULL)
RETURNS double precision
LANGUAGE C STABLE PARALLEL SAFE COST 500 SUPPORT echolon.predict_support
AS 'MODULE_PATHNAME', 'echolon_predict_json';
COMMENT ON FUNCTION echolon_predict_json(text, jsonb, integer) IS
'What a model predicts for a jsonb object, as a number: echolon_predict for a row that came as a document.
Keys are the model''s column names, null is a missing value, extra keys do not matter. Numbers may be strings; categories may be strings, booleans or numbers; dates are ISO 8601 strings, and a timestamp with time zone without an offset is in the model''s zone.
NULL for a NULL document.
Errors: those of echolon_predict; not an object; a key is missing; a value that its column cannot have.
SELECT echolon_predict_json(''sales_revenue'', ''{"month": "2024-05-01", "city": "Austin", "units": 120}'');';

CREATE FUNCTION echolon_predict_json_class(model text, input jsonb, version integer DEFAULT NULL)
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE COST 500 SUPPORT echolon.predict_support
AS 'MODULE_PATHNAME', 'echolon_predict_json_class';
COMMENT ON FUNCTION echolon_predict_json_class(text, jsonb, integer) IS
'The class that a classifier predicts for a jsonb object.
The document and the errors are as for echolon_predict_json; a regression is an error.';

CREATE FUNCTION echolon_predict_json_proba(model text, input jsonb, version integer DEFAULT NULL)
RETURNS jsonb
LANGUAGE C STABLE PARALLEL SAFE COST 500 SUPPORT echolon.predict_support
AS 'MODULE_PATHNAME', 'echolon_predict_json_proba';
COMMENT ON FUNCTION echolon_predict_json_proba(text, jsonb, integer) IS
'A classifier''s probabilities for a jsonb object: {class: probability}, which sum to 1.
The document and the errors are as for echolon_predict_json; a regression is an error.';

CREATE FUNCTION echolon_predict_json_proba(model text, input jsonb, label text, version integer DEFAULT NULL)
RETURNS double precision
LANGUAGE C STABLE PARALLEL SAFE COST 500 SUPPORT echolon.predict_support
AS 'MODULE_PATHNAME', 'echolon_predict_json_proba_label';
COMMENT ON FUNCTION echolon_predict_json_proba(text, jsonb, text, integer) IS
'A classifier''s probability, 0 to 1, that a jsonb object is of the class label.
The document and the errors are as for echolon_predict_json; a regression, or a label that the model does not have, is an error.';

-- by bytes, of a row; these read no table

CREATE FUNCTION echolon_predict_model(model bytea, input record)
RETURNS double precision
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 500
AS 'MODULE_PATHNAME', 'echolon_predict_model';
COMMENT ON FUNCTION echolon_predict_model(bytea, record) IS
'What the model in the bytes predicts for a row, as a number; no table is read, so the bytes may come from anywhere.
The row and the errors are as for echolon_predict; bytes that are not an undamaged model are an error.
SELECT echolon_predict_model(m.bytes, s) FROM my_models m, sales s;';

CREATE FUNCTION echolon_predict_model_class(model bytea, input record)
RETURNS text
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 500
AS 'MODULE_PATHNAME', 'echolon_predict_model_class';
COMMENT ON FUNCTION echolon_predict_model_class(bytea, record) IS
'The class that the classifier in the bytes predicts for a row.
Errors as for echolon_predict_model; a regression is an error.';

CREATE FUNCTION echolon_predict_model_proba(model bytea, input record)
RETURNS jsonb
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 500
AS 'MODULE_PATHNAME', 'echolon_predict_model_proba';
COMMENT ON FUNCTION echolon_predict_model_proba(bytea, record) IS
'The probabilities {class: probability} that the classifier in the bytes gives a row.
Errors as for echolon_predict_model; a regression is an error.';

CREATE FUNCTION echolon_predict_model_proba(model bytea, input record, label text)
RETURNS double precision
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 500
AS 'MODULE_PATHNAME', 'echolon_predict_model_proba_label';
COMMENT ON FUNCTION echolon_predict_model_proba(bytea, record, text) IS
'The probability, 0 to 1, that a row is of the class label, by the classifier in the bytes.
Errors as for echolon_predict_model; a regression, or a label that the model does not have, is an error.';

-- of a whole relation

CREATE FUNCTION echolon_predict_batch(
	model text,
	relation regclass,
	key name,
	version integer DEFAULT NULL,
	OUT key text,
	OUT prediction double precision,
	OUT class text,
	OUT probability double precision
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 100000
AS 'MODULE_PATHNAME', 'echolon_predict_batch';
COMMENT ON FUNCTION echolon_predict_batch(text, regclass, name, integer) IS
'What a model predicts for all rows of a relation, by the text of its column key: the number that echolon_predict gives (NULL where classes are not numbers), and of a classifier the class and its probability.
The same bits as echolon_predict and echolon_predict_class, sooner where the model is a large forest: blocks of rows go through one tree after the other. The relation is read once, in one process, as the calling user; the result is in work_mem, then in a temporary file. For a part of a relation, or with rows that a query makes, name a view.
Errors: as for echolon_predict; model, relation or key is NULL; the relation has no such column.
SELECT s.id, b.prediction FROM echolon_predict_batch(''sales_revenue'', ''sales'', ''id'') b JOIN sales s ON s.id = b.key::bigint;';

-- what the columns are worth

CREATE FUNCTION echolon_permutation_importance(
	model text,
	relation regclass,
	n_repeats integer DEFAULT 5,
	max_rows integer DEFAULT 10000,
	seed bigint DEFAULT 42,
	version integer DEFAULT NULL,
	OUT rank integer,
	OUT column_name text,
	OUT importance double precision,
	OUT stddev double precision
) RETURNS SETOF record
LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 20
AS 'MODULE_PATHNAME', 'echolon_permutation_importance';
COMMENT ON FUNCTION echolon_permutation_importance(text, regclass, integer, integer, bigint, integer) IS
'What a model loses on a relation when a column is shuffled among its rows: mean (importance) and standard deviation over n_repeats shuffles of the fall in r2, or for classes of the rise in log loss, by source column, the most important first.
The relation must have the model''s columns and its target; of more than max_rows rows a sample by content is taken, so that neither their order nor the plan matters; rows without a target, or of a class the model does not have, are left out. On rows that the model was trained on, importance flatters what was learned by heart.
Errors: as for echolon_predict; a column does not exist; no or constant target.
Source: Breiman, Random Forests, Machine Learning 45 (2001); Fisher, Rudin, Dominici, Journal of Machine Learning Research 20 (2019).
SELECT * FROM echolon_permutation_importance(''sales_revenue'', ''sales'');';

/* ---- a model that goes on with new rows ---- */

CREATE TYPE echolon.update_result AS (
	model text,
	version integer,
	active boolean,
	updated_version integer,
	rows_used bigint,
	held_out bigint,
	metric text,
	score_before double precision,
	score_after double precision,
	trees_before integer,
	trees_after integer,
	seconds double precision,
	notes text[],
	details jsonb
);
COMMENT ON TYPE echolon.update_result IS
'What echolon_update returns: the version it stored, whether it predicts now (active), the version it was made of; usable rows and those of them that were held out; the headline metric of the older and of the new version on these held-out rows; trees of both; notes a person should read; details: parameters, all metrics, rows';

CREATE FUNCTION echolon_update(
	model text,
	relation regclass,
	n_estimators integer DEFAULT NULL,
	learning_rate double precision DEFAULT NULL,
	test_fraction double precision DEFAULT NULL,
	version integer DEFAULT NULL,
	activate boolean DEFAULT NULL,
	seed bigint DEFAULT NULL
) RETURNS echolon.update_result
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
	AS 'MODULE_PATHNAME', 'echolon_update';
COMMENT ON FUNCTION echolon_update(text, regclass, integer, double precision, double precision, integer, boolean, bigint) IS
'Go on from a model with new rows, as a new version of it: gradient boosting gets more rounds that are fitted to what its trees leave over on these rows, a random forest gets new trees fitted to them in place of its oldest.
The relation has the model''s columns and target; it need not be the one the model was trained on. The model''s features, categories, encodings and classes stay as they are: an unknown category counts as missing (or as the pooled one), as in a prediction, and an unknown class is an error. A share of the rows is held out, split as the model''s training was (by content, time or groups), and both versions are measured on it.
n_estimators: rounds to add or trees to replace; NULL: a tenth of those there are. learning_rate (boosting), test_fraction, seed: NULL is what the model was trained with (test_fraction 0.2 where nothing was held out); the training''s other parameters are used again, early stopping and refit aside. version: the one to go on from; NULL is the active one. activate: NULL activates the new version where it is at least as good on the held-out rows and the older one is active; true or false decides. The same model, rows, parameters and seed give the same bytes; on the rows a boosted model was fitted to it gives what a training of all rounds would.
Returns echolon.update_result. Needs the right train. Errors: no such model or version; a column that is missing or has another type; fewer than 100 usable rows; a class the model does not know; more trees to replace than a forest has; a parameter out of range. Source: Friedman, Greedy function approximation, Annals of Statistics 29 (2001)
SELECT * FROM echolon_update(''sales_revenue'', ''sales_of_may'');';

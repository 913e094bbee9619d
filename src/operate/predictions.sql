/* ---- predictions that are kept ---- */

CREATE TABLE echolon.prediction_store (
	model_id bigint NOT NULL,
	version integer NOT NULL,
	at timestamptz NOT NULL,
	relation text NOT NULL,
	key text NOT NULL,
	prediction double precision,
	class text,
	probability double precision,
	probabilities jsonb,
	role text COLLATE "C" NOT NULL,
	role_stamp text COLLATE "C" NOT NULL
);
CREATE INDEX prediction_store_model_id ON echolon.prediction_store (model_id, at);
COMMENT ON TABLE echolon.prediction_store IS 'Private: logged predictions. People see echolon.predictions_log; echolon_log_predictions writes it';
COMMENT ON INDEX echolon.prediction_store_model_id IS 'The predictions of a model, by time';
COMMENT ON COLUMN echolon.prediction_store.model_id IS 'The model';
COMMENT ON COLUMN echolon.prediction_store.version IS 'Its version that predicted';
COMMENT ON COLUMN echolon.prediction_store.at IS 'When';
COMMENT ON COLUMN echolon.prediction_store.relation IS 'Relation of the row: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.prediction_store.key IS 'The row, by the text of its key';
COMMENT ON COLUMN echolon.prediction_store.prediction IS 'The number that was predicted';
COMMENT ON COLUMN echolon.prediction_store.class IS 'The class that was predicted';
COMMENT ON COLUMN echolon.prediction_store.probability IS 'Of that class';
COMMENT ON COLUMN echolon.prediction_store.probabilities IS 'Of all classes';
COMMENT ON COLUMN echolon.prediction_store.role IS 'Name of the role that logged it';
COMMENT ON COLUMN echolon.prediction_store.role_stamp IS 'Cluster and number of that role when it was written';

REVOKE ALL ON echolon.prediction_store FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('echolon.prediction_store', '');

CREATE VIEW echolon.predictions_log WITH (security_barrier) AS
SELECT m.model, p.version, p.at, p.relation, p.key, p.prediction, p.class, p.probability, p.probabilities, p.role
FROM echolon.model_store m
	JOIN echolon.prediction_store p ON p.model_id OPERATOR(pg_catalog.=) m.id
WHERE echolon.has_model_role(m.owner, m.owner_stamp)
	OR EXISTS (SELECT 1 FROM echolon.grant_store g
		WHERE g.model_id OPERATOR(pg_catalog.=) m.id
			AND g.privilege OPERATOR(pg_catalog.>=) 3
			AND echolon.has_model_role(g.grantee, g.grantee_stamp))
	OR echolon.has_model_role(p.role, p.role_stamp);
COMMENT ON VIEW echolon.predictions_log IS
'Predictions that were logged by echolon_log_predictions: those the current user has logged, and all of the models it owns. Join it with the relation, by key, once the target has arrived';
COMMENT ON COLUMN echolon.predictions_log.model IS 'Name of the model';
COMMENT ON COLUMN echolon.predictions_log.version IS 'Its version that predicted';
COMMENT ON COLUMN echolon.predictions_log.at IS 'When; the same for all rows of a call';
COMMENT ON COLUMN echolon.predictions_log.relation IS 'Relation of the row: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.predictions_log.key IS 'The row: the value of its key column, as text';
COMMENT ON COLUMN echolon.predictions_log.prediction IS 'The number that was predicted, as echolon_predict gives it; NULL where classes are not numbers';
COMMENT ON COLUMN echolon.predictions_log.class IS 'The class that was predicted; NULL of a regression';
COMMENT ON COLUMN echolon.predictions_log.probability IS 'The probability of that class, 0 to 1; NULL of a regression';
COMMENT ON COLUMN echolon.predictions_log.probabilities IS 'Those of all classes, {class: probability}; NULL of a regression';
COMMENT ON COLUMN echolon.predictions_log.role IS 'Role that logged it';
GRANT SELECT ON echolon.predictions_log TO PUBLIC;

CREATE FUNCTION echolon_log_predictions(
	model text,
	relation regclass,
	key text,
	sample_fraction double precision DEFAULT 1,
	seed bigint DEFAULT 42,
	version integer DEFAULT NULL
) RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
	AS 'MODULE_PATHNAME', 'echolon_log_predictions';
COMMENT ON FUNCTION echolon_log_predictions(text, regclass, text, double precision, bigint, integer) IS
'Predict the rows of a relation and keep the predictions in echolon.predictions_log; returns how many were kept.
key: the column that tells a row, of text, integer, numeric, uuid, boolean, enum or date type, which is kept as text (a date as 2024-05-01); rows without one are left out, with a notice. sample_fraction: above 0, up to 1; which rows are in the sample depends on key and seed alone, so it is the same each time and in all relations, and a larger one contains a smaller one. version NULL is the active one. Each call adds rows, whatever is there already. The relation needs the columns of the model, and is read as the calling user; the right needed is predict. Who owns the model sees what is logged with it.
When the targets have arrived, join by key:
SELECT echolon_rmse(s.revenue, l.prediction) FROM echolon.predictions_log AS l JOIN sales AS s ON s.id::text = l.key WHERE l.model = ''sales_revenue'';
Errors: as for echolon_predict; a key column that does not exist or of another type; a sample_fraction out of range; a read-only transaction or a standby.
SELECT echolon_log_predictions(''sales_revenue'', ''sales'', ''id'', sample_fraction => 0.1);';

CREATE FUNCTION echolon_prune_predictions(model text, older_than interval) RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_prune_predictions';
COMMENT ON FUNCTION echolon_prune_predictions(text, interval) IS
'Delete logged predictions of a model that are at least so old; returns how many.
An owner of the model deletes those of all roles, others (with the right predict) those that they have logged themselves. older_than: 0 or more; 0 deletes all.
Errors: no such model or no right to it; a time below 0; a read-only transaction or a standby.
SELECT echolon_prune_predictions(''sales_revenue'', ''90 days'');';

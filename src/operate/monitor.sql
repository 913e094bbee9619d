/* ---- points in time: how far a model's data have drifted, and how good it is ---- */

CREATE TABLE echolon.point_store (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model_id bigint NOT NULL,
	version integer NOT NULL,
	at timestamptz NOT NULL,
	relation text NOT NULL,
	rows bigint NOT NULL,
	threshold double precision NOT NULL,
	drifted integer NOT NULL,
	worst_feature text,
	worst_psi double precision,
	drift_verdict text COLLATE "C" NOT NULL,
	rows_measured bigint NOT NULL,
	metric text COLLATE "C" NOT NULL,
	score double precision,
	training_score double precision,
	baseline double precision,
	score_verdict text COLLATE "C",
	reason text NOT NULL,
	monitored_by text COLLATE "C" NOT NULL
);
CREATE INDEX point_store_model_id ON echolon.point_store (model_id);
COMMENT ON TABLE echolon.point_store IS 'Private: one row a call of echolon_monitor. People see echolon.monitoring and echolon.model_health';
COMMENT ON INDEX echolon.point_store_model_id IS 'The points of a model';
COMMENT ON COLUMN echolon.point_store.id IS 'Number of the point in this database';
COMMENT ON COLUMN echolon.point_store.model_id IS 'The model';
COMMENT ON COLUMN echolon.point_store.version IS 'Its version that was looked at';
COMMENT ON COLUMN echolon.point_store.at IS 'When';
COMMENT ON COLUMN echolon.point_store.relation IS 'Relation that was read: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.point_store.rows IS 'Its rows';
COMMENT ON COLUMN echolon.point_store.threshold IS 'Of psi';
COMMENT ON COLUMN echolon.point_store.drifted IS 'Features that have drifted, the predictions among them and parts of dates aside';
COMMENT ON COLUMN echolon.point_store.worst_feature IS 'The most drifted one';
COMMENT ON COLUMN echolon.point_store.worst_psi IS 'Its psi';
COMMENT ON COLUMN echolon.point_store.drift_verdict IS 'stable, drift, too few rows or no rows';
COMMENT ON COLUMN echolon.point_store.rows_measured IS 'Rows with a target on which the scores were measured';
COMMENT ON COLUMN echolon.point_store.metric IS 'Name of the metric that the scores are: r2 or roc_auc';
COMMENT ON COLUMN echolon.point_store.score IS 'Now';
COMMENT ON COLUMN echolon.point_store.training_score IS 'When the version was trained';
COMMENT ON COLUMN echolon.point_store.baseline IS 'Of the naive prediction, then';
COMMENT ON COLUMN echolon.point_store.score_verdict IS 'stable, worse, worse than the baseline or too few rows; NULL: not measured';
COMMENT ON COLUMN echolon.point_store.reason IS 'What was found, or why there is no score';
COMMENT ON COLUMN echolon.point_store.monitored_by IS 'Name of the role that called';

CREATE TABLE echolon.monitor_store (
	point_id bigint NOT NULL,
	place integer NOT NULL,
	kind text COLLATE "C" NOT NULL,
	feature text,
	metric text COLLATE "C" NOT NULL,
	value double precision NOT NULL,
	threshold double precision,
	verdict text COLLATE "C",
	PRIMARY KEY (point_id, place)
);
COMMENT ON TABLE echolon.monitor_store IS 'Private: the numbers of a point. People see echolon.monitoring';
COMMENT ON COLUMN echolon.monitor_store.point_id IS 'The point';
COMMENT ON COLUMN echolon.monitor_store.place IS 'Order of the numbers';
COMMENT ON COLUMN echolon.monitor_store.kind IS 'feature, calendar, prediction, score or rows';
COMMENT ON COLUMN echolon.monitor_store.feature IS 'Of which feature';
COMMENT ON COLUMN echolon.monitor_store.metric IS 'What is measured';
COMMENT ON COLUMN echolon.monitor_store.value IS 'How much it is';
COMMENT ON COLUMN echolon.monitor_store.threshold IS 'From where on the verdict is another one';
COMMENT ON COLUMN echolon.monitor_store.verdict IS 'What it means';

REVOKE ALL ON echolon.point_store FROM PUBLIC;
REVOKE ALL ON echolon.monitor_store FROM PUBLIC;
REVOKE ALL ON SEQUENCE echolon.point_store_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('echolon.point_store', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.point_store_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.monitor_store', '');

CREATE VIEW echolon.monitoring WITH (security_barrier) AS
SELECT m.model, p.version, p.at, p.relation, s.kind, s.feature, s.metric, s.value, s.threshold, s.verdict,
	p.id AS point, p.monitored_by
FROM echolon.model_store m
	JOIN echolon.point_store p ON p.model_id OPERATOR(pg_catalog.=) m.id
	JOIN echolon.monitor_store s ON s.point_id OPERATOR(pg_catalog.=) p.id
WHERE echolon.has_model_role(m.owner, m.owner_stamp)
	OR EXISTS (SELECT 1 FROM echolon.grant_store g
		WHERE g.model_id OPERATOR(pg_catalog.=) m.id
			AND echolon.has_model_role(g.grantee, g.grantee_stamp));
COMMENT ON VIEW echolon.monitoring IS
'What echolon_monitor has found, of the models the current user may see: one row a number, for charts over at';
COMMENT ON COLUMN echolon.monitoring.model IS 'Name of the model';
COMMENT ON COLUMN echolon.monitoring.version IS 'Its version that was looked at';
COMMENT ON COLUMN echolon.monitoring.at IS 'When';
COMMENT ON COLUMN echolon.monitoring.relation IS 'Relation that was read: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.monitoring.kind IS 'feature; calendar (a part of a date, which drifts by nature); prediction; score, on rows whose target has arrived; rows';
COMMENT ON COLUMN echolon.monitoring.feature IS 'Name of the feature, (prediction) for the predictions; NULL of scores and rows';
COMMENT ON COLUMN echolon.monitoring.metric IS 'psi, jensen_shannon, ks, missing_rate, training_missing_rate, unseen_rate as echolon_drift has them; names of scores as echolon_metrics has them; rows, rows_measured, rows_without_target, rows_of_unknown_class';
COMMENT ON COLUMN echolon.monitoring.value IS 'How much it is';
COMMENT ON COLUMN echolon.monitoring.threshold IS 'Of psi: above it is drift. Of the headline score: below it half of the lead over the baseline is lost. Of rmse or log_loss: error_above of echolon_retrain_when; NULL: none';
COMMENT ON COLUMN echolon.monitoring.verdict IS 'stable; drift; worse; worse than the baseline; too few rows (under 30); NULL where there is nothing to compare with';
COMMENT ON COLUMN echolon.monitoring.point IS 'Number of the call, the same for all that it found';
COMMENT ON COLUMN echolon.monitoring.monitored_by IS 'Role that called';
GRANT SELECT ON echolon.monitoring TO PUBLIC;

CREATE TYPE echolon.monitor_result AS (
	model text,
	version integer,
	at timestamptz,
	relation text,
	rows bigint,
	drifted integer,
	worst_feature text,
	worst_psi double precision,
	drift_verdict text,
	rows_measured bigint,
	metric text,
	score double precision,
	training_score double precision,
	baseline double precision,
	score_verdict text,
	reason text
);
COMMENT ON TYPE echolon.monitor_result IS
'What echolon_monitor returns. drifted: features that have drifted, the predictions among them and parts of dates aside; worst_feature and worst_psi: the most drifted one. drift_verdict: stable, drift, too few rows (under 30) or no rows. score: the headline metric (r2 or roc_auc) on rows_measured rows; training_score and baseline: that of the version and of the naive prediction when it was trained. score_verdict: stable, worse (half of the lead over the baseline is lost, or the error is above error_above of echolon_retrain_when), worse than the baseline, too few rows; NULL where there is no score';

CREATE FUNCTION echolon_monitor(
	model text,
	relation regclass DEFAULT NULL,
	version integer DEFAULT NULL,
	threshold double precision DEFAULT 0.2
) RETURNS echolon.monitor_result
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
	AS 'MODULE_PATHNAME', 'echolon_monitor';
COMMENT ON FUNCTION echolon_monitor(text, regclass, integer, double precision) IS
'Record how a model is doing: drift of each feature and of the predictions, as echolon_drift has it, and scores where the target has arrived. What it finds is in echolon.monitoring, number by number, and decides the light in echolon.model_health.
relation NULL is the model''s own, read with the rights of the model''s owner, in a security-restricted operation; another one is read as the calling user. Of the model''s own relation the scores are measured on the rows that the version was not fitted to, of another one on all rows with a target; a relation without the target''s column has no scores. version NULL is the active one, threshold is that of psi. Needs the right train.
Errors: no such model or version, or no right to it; a relation or column that is gone or of another type; a threshold of 0 or below; a read-only transaction or a standby.
SELECT drift_verdict, score_verdict, reason FROM echolon_monitor(''customers_churn'');';

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
COMMENT ON COLUMN echolon.point_store.score_verdict IS 'stable, worse, worse than the baseline or too few rows; NULL: not measured, or held to nothing';
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
FROM echolon.visible_models m
	JOIN echolon.point_store p ON p.model_id OPERATOR(pg_catalog.=) m.id
	JOIN echolon.monitor_store s ON s.point_id OPERATOR(pg_catalog.=) p.id;
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

CREATE VIEW echolon.drift WITH (security_barrier) AS
SELECT m.model, p.version, p.at, p.relation, s.kind, s.feature,
	pg_catalog.max(s.value) FILTER (WHERE s.metric OPERATOR(pg_catalog.=) 'psi') AS psi,
	pg_catalog.max(s.value) FILTER (WHERE s.metric OPERATOR(pg_catalog.=) 'jensen_shannon') AS jensen_shannon,
	pg_catalog.max(s.value) FILTER (WHERE s.metric OPERATOR(pg_catalog.=) 'ks') AS ks,
	pg_catalog.max(s.value) FILTER (WHERE s.metric OPERATOR(pg_catalog.=) 'missing_rate') AS missing_rate,
	pg_catalog.max(s.value) FILTER (WHERE s.metric OPERATOR(pg_catalog.=) 'training_missing_rate') AS training_missing_rate,
	pg_catalog.max(s.value) FILTER (WHERE s.metric OPERATOR(pg_catalog.=) 'unseen_rate') AS unseen_rate,
	pg_catalog.max(s.threshold) FILTER (WHERE s.metric OPERATOR(pg_catalog.=) 'psi') AS threshold,
	pg_catalog.max(s.verdict) FILTER (WHERE s.metric OPERATOR(pg_catalog.=) 'psi') AS verdict
FROM echolon.visible_models m
	CROSS JOIN LATERAL (
		SELECT t.id, t.version, t.at, t.relation FROM echolon.point_store t
		WHERE t.model_id OPERATOR(pg_catalog.=) m.id ORDER BY t.id DESC LIMIT 1) p
	JOIN echolon.monitor_store s ON s.point_id OPERATOR(pg_catalog.=) p.id AND s.feature IS NOT NULL
GROUP BY m.model, p.version, p.at, p.relation, s.kind, s.feature;
COMMENT ON VIEW echolon.drift IS
'How far the data of each model have drifted, feature by feature, when echolon_monitor last looked: of the models the current user may see';
COMMENT ON COLUMN echolon.drift.model IS 'Name of the model';
COMMENT ON COLUMN echolon.drift.version IS 'Its version that was looked at';
COMMENT ON COLUMN echolon.drift.at IS 'When';
COMMENT ON COLUMN echolon.drift.relation IS 'Relation that was read: schema.name, quoted where needed';
COMMENT ON COLUMN echolon.drift.kind IS 'feature; calendar (a part of a date, which drifts by nature); prediction';
COMMENT ON COLUMN echolon.drift.feature IS 'Name of the feature, (prediction) for the predictions';
COMMENT ON COLUMN echolon.drift.psi IS 'Population stability index, as echolon_drift has it';
COMMENT ON COLUMN echolon.drift.jensen_shannon IS 'Jensen-Shannon divergence over the same bins in bits, 0 to 1';
COMMENT ON COLUMN echolon.drift.ks IS 'Kolmogorov-Smirnov distance of numbers, 0 to 1; NULL of categories';
COMMENT ON COLUMN echolon.drift.missing_rate IS 'Share of rows without a value, 0 to 1';
COMMENT ON COLUMN echolon.drift.training_missing_rate IS 'The same of the rows of the training';
COMMENT ON COLUMN echolon.drift.unseen_rate IS 'Share of rows with a category that the training never saw, 0 to 1';
COMMENT ON COLUMN echolon.drift.threshold IS 'Of psi: above it is drift';
COMMENT ON COLUMN echolon.drift.verdict IS 'stable, drift or too few rows; NULL where there is nothing to compare with';
GRANT SELECT ON echolon.drift TO PUBLIC;

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
'What echolon_monitor returns. drifted: features that have drifted, the predictions among them and parts of dates aside; worst_feature and worst_psi: the most drifted one. drift_verdict: stable, drift, too few rows (under 30) or no rows. score: the headline metric (r2 or roc_auc) on rows_measured rows; training_score and baseline: that of the version and of the naive prediction when it was trained. score_verdict: stable, worse (half of the lead over the baseline is lost, or the error is above error_above of echolon_retrain_when), worse than the baseline, too few rows; NULL where there is no score, or neither a score of the training nor error_above to hold it to';

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

CREATE FUNCTION echolon_prune_monitoring(model text, older_than interval) RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_prune_monitoring';
COMMENT ON FUNCTION echolon_prune_monitoring(text, interval) IS
'Delete what echolon_monitor recorded of a model at least so long ago; returns how many points. echolon.model_health then knows no more than is left.
older_than: 0 or more; 0 deletes all. Needs the right train.
Errors: no such model or no right to it; a time below 0; a read-only transaction or a standby.
SELECT echolon_prune_monitoring(''sales_revenue'', ''2 years'');';

/* ---- one line a model ---- */

CREATE VIEW echolon.model_health WITH (security_barrier) AS
SELECT h.model, l.light, l.reason, h.state, h.version, h.trained_at AS last_trained,
	p.at AS last_monitored, p.rows AS rows_monitored, p.drifted AS drifted_features, p.worst_feature, p.worst_psi,
	s.at AS last_scored, s.rows_measured AS rows_scored, h.metric AS score_metric, h.score AS training_score,
	s.score AS monitored_score, h.baseline AS baseline_score, r.state AS last_run_state, r.finished_at AS last_run,
	c.schedule, d.due_at AS retraining_due
FROM (
		SELECT m.id, m.model, v.version, v.metric, v.score, v.baseline, v.trained_at,
			echolon.model_state(m.relation, m.relation_stamp, m.relation_owner_stamp, m.owner, m.owner_stamp, v.columns, m.target) AS state
		FROM echolon.visible_models m
			JOIN echolon.version_store v ON v.model_id OPERATOR(pg_catalog.=) m.id AND v.active
	) h
	LEFT JOIN LATERAL (
		SELECT t.* FROM echolon.point_store t
		WHERE t.model_id OPERATOR(pg_catalog.=) h.id AND t.version OPERATOR(pg_catalog.=) h.version
		ORDER BY t.id DESC LIMIT 1
	) p ON true
	LEFT JOIN LATERAL (
		SELECT t.* FROM echolon.point_store t
		WHERE t.model_id OPERATOR(pg_catalog.=) h.id AND t.version OPERATOR(pg_catalog.=) h.version
			AND (t.score_verdict OPERATOR(pg_catalog.<>) 'too few rows' OR (t.score_verdict IS NULL AND t.score IS NOT NULL))
		ORDER BY t.id DESC LIMIT 1
	) s ON true
	LEFT JOIN LATERAL (
		SELECT t.state, t.finished_at FROM echolon.run_store t
		WHERE t.model_id OPERATOR(pg_catalog.=) h.id
		ORDER BY t.id DESC LIMIT 1
	) r ON true
	LEFT JOIN echolon.schedules c ON c.model OPERATOR(pg_catalog.=) h.model
	LEFT JOIN LATERAL (
		-- as retrain_runs.c finds what is due by the clock
		SELECT LEAST(CASE WHEN t.at OPERATOR(pg_catalog.>) l.last THEN t.at END, l.last OPERATOR(pg_catalog.+) t.every) AS due_at
		FROM echolon.retrain_store t CROSS JOIN (SELECT GREATEST(r.finished_at, h.trained_at) AS last) l
		WHERE t.model_id OPERATOR(pg_catalog.=) h.id
	) d ON true
	CROSS JOIN LATERAL (
		SELECT c.light, c.reason
		FROM (VALUES
			(1, 'red', h.state OPERATOR(pg_catalog.<>) ALL (ARRAY['ready', 'imported, no relation']),
				pg_catalog.format('it can be neither monitored nor trained again: %s', h.state)),
			(2, 'red', s.score_verdict OPERATOR(pg_catalog.=) 'worse than the baseline',
				pg_catalog.format('it is worse than the naive prediction: %s', s.reason)),
			(3, 'red', h.score OPERATOR(pg_catalog.<) h.baseline,
				'it was worse than the naive prediction when it was trained'),
			(4, 'yellow', s.score_verdict OPERATOR(pg_catalog.=) 'worse',
				pg_catalog.format('it is worse than at its training: %s', s.reason)),
			(5, 'yellow', p.drift_verdict OPERATOR(pg_catalog.=) 'drift', p.reason),
			(6, 'yellow', r.state OPERATOR(pg_catalog.=) 'failed', 'its last retraining failed, see echolon.training_runs'),
			(7, 'yellow', c.job OPERATOR(pg_catalog.=) ANY (ARRAY['missing', 'inactive']),
				pg_catalog.format('the job that trains it again is %s, see echolon.schedules', c.job)),
			(8, 'yellow', c.job_status OPERATOR(pg_catalog.=) 'failed',
				'the job that trains it again has failed, see echolon.schedules'),
			(9, 'yellow', d.due_at OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '1 day'::pg_catalog.interval),
				pg_catalog.format('it was to be trained again on %s', d.due_at::pg_catalog.date)),
			(10, 'grey', p.id IS NULL, pg_catalog.format('version %s has not been monitored', h.version)),
			(11, 'grey', p.drift_verdict OPERATOR(pg_catalog.<>) 'stable',
				pg_catalog.format('too few rows to say: %s', p.reason)),
			(12, 'grey', h.score IS NULL AND s.id IS NULL, 'how good it is has never been measured'),
			(13, 'grey', h.score IS NULL AND s.score_verdict IS NULL,
				pg_catalog.format('its training has no score to compare with, error_above of echolon_retrain_when could be one: %s', s.reason)),
			(14, 'green', true, p.reason)
		) AS c (place, light, holds, reason)
		WHERE c.holds
		ORDER BY c.place LIMIT 1
	) l;
COMMENT ON VIEW echolon.model_health IS
'The models the current user may see, one line each, with a traffic light: what echolon_monitor found last of the active version, and what is recorded besides. A grey one is made to speak by echolon_monitor';
COMMENT ON COLUMN echolon.model_health.model IS 'Name of the model';
COMMENT ON COLUMN echolon.model_health.light IS 'red: its relation or a column is gone, or it is worse than the naive prediction; yellow: it has lost half of its lead over that, data have drifted, its error is above error_above, its last retraining failed, or is a day overdue, or its job has failed or is gone; green: none of this; grey: not known, since the active version was not monitored, or on under 30 rows, or was never measured, or its score has nothing to be compared with';
COMMENT ON COLUMN echolon.model_health.reason IS 'Why the light is what it is';
COMMENT ON COLUMN echolon.model_health.state IS 'As in echolon.models: ready, or what is missing';
COMMENT ON COLUMN echolon.model_health.version IS 'The active version, which all else is about';
COMMENT ON COLUMN echolon.model_health.last_trained IS 'When it was stored';
COMMENT ON COLUMN echolon.model_health.last_monitored IS 'When it was monitored last; NULL: never';
COMMENT ON COLUMN echolon.model_health.rows_monitored IS 'Rows there were then';
COMMENT ON COLUMN echolon.model_health.drifted_features IS 'Features that had drifted, the predictions among them and parts of dates aside';
COMMENT ON COLUMN echolon.model_health.worst_feature IS 'The most drifted one, whether it has drifted or not';
COMMENT ON COLUMN echolon.model_health.worst_psi IS 'Its psi, in nats';
COMMENT ON COLUMN echolon.model_health.last_scored IS 'When it was last measured on 30 rows or more whose target had arrived; NULL: never';
COMMENT ON COLUMN echolon.model_health.rows_scored IS 'Rows it was measured on then';
COMMENT ON COLUMN echolon.model_health.score_metric IS 'Name of the metric that the scores are';
COMMENT ON COLUMN echolon.model_health.training_score IS 'The metric when it was trained, on rows it was not fitted on';
COMMENT ON COLUMN echolon.model_health.monitored_score IS 'The metric when it was last scored';
COMMENT ON COLUMN echolon.model_health.baseline_score IS 'The metric of the naive prediction it must beat, when it was trained';
COMMENT ON COLUMN echolon.model_health.last_run_state IS 'What came of the last retraining of the model: promoted, kept, not comparable, unchanged or failed; NULL: there was none';
COMMENT ON COLUMN echolon.model_health.last_run IS 'When that ended';
COMMENT ON COLUMN echolon.model_health.schedule IS 'When pg_cron trains it again, as in echolon.schedules; NULL: it does not';
COMMENT ON COLUMN echolon.model_health.retraining_due IS 'When echolon_retrain_when makes it due by the clock (at, every); NULL: never';
GRANT SELECT ON echolon.model_health TO PUBLIC;

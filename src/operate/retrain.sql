/* ---- models trained again: now, when they are due, and the record of it ---- */

CREATE TABLE echolon.retrain_store (
	model_id bigint PRIMARY KEY,
	every_rows bigint,
	every interval,
	at timestamptz,
	drift_above double precision,
	error_above double precision,
	tolerance double precision,
	max_seconds integer,
	max_memory integer
);
COMMENT ON TABLE echolon.retrain_store IS 'Private: when models are trained again. People see echolon.retrain_policies; echolon_retrain_when writes it';
COMMENT ON COLUMN echolon.retrain_store.model_id IS 'The model';
COMMENT ON COLUMN echolon.retrain_store.every_rows IS 'After so many new rows';
COMMENT ON COLUMN echolon.retrain_store.every IS 'After so much time';
COMMENT ON COLUMN echolon.retrain_store.at IS 'Once, at this time';
COMMENT ON COLUMN echolon.retrain_store.drift_above IS 'When the drift (psi) of a feature or of the predictions is above';
COMMENT ON COLUMN echolon.retrain_store.error_above IS 'When rmse (regression) or log_loss (classification) is above';
COMMENT ON COLUMN echolon.retrain_store.tolerance IS 'How much worse the new version may be and still be promoted';
COMMENT ON COLUMN echolon.retrain_store.max_seconds IS 'Seconds a retraining may take';
COMMENT ON COLUMN echolon.retrain_store.max_memory IS 'kB a retraining may take';

CREATE TABLE echolon.run_store (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model_id bigint NOT NULL,
	started_by text NOT NULL,
	state text COLLATE "C" NOT NULL,
	champion integer,
	version integer,
	rows_used bigint,
	rows_compared bigint,
	metric text COLLATE "C",
	score double precision,
	champion_score double precision,
	baseline double precision,
	seconds double precision,
	reason text,
	sqlstate text COLLATE "C",
	error text,
	run_by text COLLATE "C" NOT NULL,
	finished_at timestamptz NOT NULL
);
CREATE INDEX run_store_model_id ON echolon.run_store (model_id);
COMMENT ON TABLE echolon.run_store IS 'Private: one row a retraining. People see echolon.training_runs';
COMMENT ON INDEX echolon.run_store_model_id IS 'The runs of a model';
COMMENT ON COLUMN echolon.run_store.id IS 'Number of the run in this database';
COMMENT ON COLUMN echolon.run_store.model_id IS 'Its model';
COMMENT ON COLUMN echolon.run_store.started_by IS 'asked for, or what made the model due';
COMMENT ON COLUMN echolon.run_store.state IS 'promoted, kept, not comparable, unchanged or failed';
COMMENT ON COLUMN echolon.run_store.champion IS 'The version that was active';
COMMENT ON COLUMN echolon.run_store.version IS 'The version that was stored';
COMMENT ON COLUMN echolon.run_store.rows_used IS 'Usable rows, held-out ones included';
COMMENT ON COLUMN echolon.run_store.rows_compared IS 'Rows both versions were measured on';
COMMENT ON COLUMN echolon.run_store.metric IS 'Name of the metric that the scores are';
COMMENT ON COLUMN echolon.run_store.score IS 'Of the new version';
COMMENT ON COLUMN echolon.run_store.champion_score IS 'Of the version that was active';
COMMENT ON COLUMN echolon.run_store.baseline IS 'Of the naive prediction';
COMMENT ON COLUMN echolon.run_store.seconds IS 'How long it took';
COMMENT ON COLUMN echolon.run_store.reason IS 'Why the state is what it is';
COMMENT ON COLUMN echolon.run_store.sqlstate IS 'Of a failure';
COMMENT ON COLUMN echolon.run_store.error IS 'Of a failure: message, detail and hint';
COMMENT ON COLUMN echolon.run_store.run_by IS 'Name of the role that called';
COMMENT ON COLUMN echolon.run_store.finished_at IS 'When it ended';

REVOKE ALL ON echolon.retrain_store FROM PUBLIC;
REVOKE ALL ON echolon.run_store FROM PUBLIC;
REVOKE ALL ON SEQUENCE echolon.run_store_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('echolon.retrain_store', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.run_store', '');
SELECT pg_catalog.pg_extension_config_dump('echolon.run_store_id_seq', '');

CREATE VIEW echolon.training_runs WITH (security_barrier) AS
SELECT m.model, r.run, r.kind, r.started_by, r.state, r.version, r.champion, r.rows_used, r.rows_compared,
	r.metric, r.score, r.champion_score, r.baseline, r.seconds, r.reason, r.sqlstate, r.error, r.run_by, r.finished_at
FROM echolon.visible_models m
	JOIN (
		SELECT s.model_id, s.id AS run, 'retraining'::pg_catalog.text AS kind, s.started_by, s.state, s.version, s.champion,
			s.rows_used, s.rows_compared, s.metric, s.score, s.champion_score, s.baseline, s.seconds, s.reason, s.sqlstate,
			s.error, s.run_by, s.finished_at
		FROM echolon.run_store s
		UNION ALL
		SELECT v.model_id, NULL, 'training', 'asked for', CASE WHEN v.active THEN 'active' ELSE 'stored' END, v.version, NULL,
			v.rows_used, NULL, v.metric, v.score, NULL, v.baseline, v.seconds, NULL, NULL, NULL, v.trained_by, v.trained_at
		FROM echolon.version_store v
		WHERE NOT EXISTS (SELECT 1 FROM echolon.run_store s
			WHERE s.model_id OPERATOR(pg_catalog.=) v.model_id AND s.version OPERATOR(pg_catalog.=) v.version)
	) r ON r.model_id OPERATOR(pg_catalog.=) m.id;
COMMENT ON VIEW echolon.training_runs IS
'Trainings and retrainings of the models the current user may see: what came of each. A failed call of a function leaves no row; what failed within echolon_retrain_due does';
COMMENT ON COLUMN echolon.training_runs.model IS 'Name of the model';
COMMENT ON COLUMN echolon.training_runs.run IS 'Number of a retraining, in the order of their ends; NULL for a training, an update or an import';
COMMENT ON COLUMN echolon.training_runs.kind IS 'training (also an update or an import), or retraining';
COMMENT ON COLUMN echolon.training_runs.started_by IS 'asked for, or what made the model due: new rows, a date, drift, error; looked at, where even that failed';
COMMENT ON COLUMN echolon.training_runs.state IS 'Of a retraining promoted, kept, not comparable (then the champion stays as well), unchanged (the same rows: no new version), or failed; of a training active or stored';
COMMENT ON COLUMN echolon.training_runs.version IS 'The version that was stored';
COMMENT ON COLUMN echolon.training_runs.champion IS 'The version that was active before';
COMMENT ON COLUMN echolon.training_runs.rows_used IS 'Usable rows, held-out ones included';
COMMENT ON COLUMN echolon.training_runs.rows_compared IS 'Rows that neither version was fitted to, on which both were measured';
COMMENT ON COLUMN echolon.training_runs.metric IS 'Name of the metric that score, champion_score and baseline are';
COMMENT ON COLUMN echolon.training_runs.score IS 'The metric of the new version, on the rows compared; where there are none, on all it held out';
COMMENT ON COLUMN echolon.training_runs.champion_score IS 'The metric of the champion on the rows compared';
COMMENT ON COLUMN echolon.training_runs.baseline IS 'The metric of the naive prediction it must beat';
COMMENT ON COLUMN echolon.training_runs.seconds IS 'How long it took';
COMMENT ON COLUMN echolon.training_runs.reason IS 'Why the new version was promoted, or was not';
COMMENT ON COLUMN echolon.training_runs.sqlstate IS 'SQLSTATE of a failure';
COMMENT ON COLUMN echolon.training_runs.error IS 'Message, detail and hint of a failure';
COMMENT ON COLUMN echolon.training_runs.run_by IS 'Role that called; a retraining itself runs as the owner of the model';
COMMENT ON COLUMN echolon.training_runs.finished_at IS 'When it ended';
GRANT SELECT ON echolon.training_runs TO PUBLIC;

CREATE VIEW echolon.retrain_policies WITH (security_barrier) AS
SELECT m.model, p.every_rows, p.every, p.at, p.drift_above, p.error_above, p.tolerance, p.max_seconds,
	p.max_memory, m.keep_versions
FROM echolon.visible_models m
	JOIN echolon.retrain_store p ON p.model_id OPERATOR(pg_catalog.=) m.id;
COMMENT ON VIEW echolon.retrain_policies IS
'When the models the current user may see are trained again by echolon_retrain_due, as echolon_retrain_when says it';
COMMENT ON COLUMN echolon.retrain_policies.model IS 'Name of the model';
COMMENT ON COLUMN echolon.retrain_policies.every_rows IS 'After so many new rows';
COMMENT ON COLUMN echolon.retrain_policies.every IS 'After so much time';
COMMENT ON COLUMN echolon.retrain_policies.at IS 'Once, at this time';
COMMENT ON COLUMN echolon.retrain_policies.drift_above IS 'When the drift (psi) of a feature or of the predictions is above';
COMMENT ON COLUMN echolon.retrain_policies.error_above IS 'When rmse (regression) or log_loss (classification), on rows the active version was not fitted to, is above';
COMMENT ON COLUMN echolon.retrain_policies.tolerance IS 'How much worse the new version may be and still be promoted; NULL: nothing';
COMMENT ON COLUMN echolon.retrain_policies.max_seconds IS 'Seconds a retraining may take; NULL: any number';
COMMENT ON COLUMN echolon.retrain_policies.max_memory IS 'kB a retraining may take; NULL: echolon.max_memory';
COMMENT ON COLUMN echolon.retrain_policies.keep_versions IS 'How many of its newest versions the model keeps (echolon_keep_versions); 0: all';
GRANT SELECT ON echolon.retrain_policies TO PUBLIC;

CREATE TYPE echolon.retrain_result AS (
	model text,
	state text,
	champion integer,
	version integer,
	promoted boolean,
	rows_used bigint,
	rows_compared bigint,
	metric text,
	champion_score double precision,
	score double precision,
	baseline double precision,
	seconds double precision,
	reason text
);
COMMENT ON TYPE echolon.retrain_result IS
'What echolon_retrain returns; its fields are those of echolon.training_runs';

CREATE FUNCTION echolon_retrain(model text, tolerance double precision DEFAULT NULL, promote boolean DEFAULT NULL)
	RETURNS echolon.retrain_result
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
	AS 'MODULE_PATHNAME', 'echolon_retrain';
COMMENT ON FUNCTION echolon_retrain(text, double precision, boolean) IS
'Train a model again by its recipe (parameters, columns, seed, split) on its relation as it is now, as a new version, and promote it where it is at least as good.
The active version (the champion) and the new one (the challenger) are measured on the same rows, those that neither was fitted to: what both held out, or rows later than what both learned from. promoted: the challenger is as good there, within tolerance, and no worse than its baseline on all it held out. kept: it is not. not comparable: fewer than 30 such rows, or the champion was fitted to all; it stays. unchanged: rows and parameters are those of a version that is there already, nothing is stored. What was stored and not promoted is model@challenger. promote: true or false decides instead. tolerance: how much lower the headline metric (r2, roc_auc) may be; NULL is what echolon_retrain_when says, or 0.
It runs with the rights of the model''s owner, in a security-restricted operation, whoever calls; the right needed is train. Who has not the rights of the owner cannot have a view, or a table with row-level security, of a third role read. A relation that was made in the place of the one it was trained on, by a role that neither owned that one nor has the rights of the owner, is read for nobody: train on it once under the model''s name. Retrainings of one model wait for each other. Columns that came to the relation since stay out. Of an updated model the first training is repeated on all rows.
Errors: no such model or no right to it; an imported model without relation or recipe; a relation or column that is gone, a target or column of another type; too few rows; too little memory or time (echolon_retrain_when). A failed call records nothing: CALL echolon_retrain_due(model, force => true) does.
SELECT state, reason FROM echolon_retrain(''sales_revenue'');';

CREATE FUNCTION echolon_retrain_when(
	model text,
	every_rows bigint DEFAULT NULL,
	every interval DEFAULT NULL,
	at timestamptz DEFAULT NULL,
	drift_above double precision DEFAULT NULL,
	error_above double precision DEFAULT NULL,
	tolerance double precision DEFAULT NULL,
	max_seconds integer DEFAULT NULL,
	max_memory text DEFAULT NULL
) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_retrain_when';
COMMENT ON FUNCTION echolon_retrain_when(text, bigint, interval, timestamptz, double precision, double precision, double precision, integer, text) IS
'Say when echolon_retrain_due trains a model again, and within which limits; it replaces what was said before, and nothing but the model''s name takes all of it away.
Any of these makes a model due: every_rows rows with a target more than at its last run (or training); every: so long after it; at: once, when this time has come; drift_above: psi of a feature (a part of a date aside) or of the predictions, by echolon_drift, is above (0.2 is usual); error_above: rmse of a regression or log_loss of a classification, on rows it was not fitted to, is above. The last two count only where the number of rows has changed since the last run. tolerance: as for echolon_retrain. max_seconds, max_memory (as ''512MB''): a retraining that needs more fails. Needs the right train.
Errors: no such model; no right to it; a number out of range.
SELECT echolon_retrain_when(''sales_revenue'', every_rows => 1000, every => ''30 days'', drift_above => 0.25, max_seconds => 600);';

CREATE PROCEDURE echolon_retrain_due(model text DEFAULT NULL, force boolean DEFAULT false)
	LANGUAGE C
	AS 'MODULE_PATHNAME', 'echolon_retrain_due';
COMMENT ON PROCEDURE echolon_retrain_due(text, boolean) IS
'Train again what is due by echolon_retrain_when: of all models the caller may train, or of one; force trains that one whether it is due or not.
Each model is a transaction of its own, committed before the next, and runs as its owner. A failure is a WARNING and a row in echolon.training_runs, and the next model follows; a cancel ends the call. Models that another session trains or changes are skipped. In a transaction block it runs without committing. A scheduled job is this one CALL.
Errors: no such model; no right to it; force without a model; a read-only transaction or a standby.
CALL echolon_retrain_due();';

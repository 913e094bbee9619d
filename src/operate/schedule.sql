/* ---- retraining by the clock: pg_cron ---- */

CREATE TABLE echolon.schedule_store (
	model_id bigint PRIMARY KEY,
	job_id bigint NOT NULL,
	schedule text NOT NULL,
	only_when_due boolean NOT NULL,
	scheduled_by text COLLATE "C" NOT NULL,
	scheduled_at timestamptz NOT NULL
);
COMMENT ON TABLE echolon.schedule_store IS 'Private: which models pg_cron trains again. People see echolon.schedules; echolon_schedule_retrain writes it';
COMMENT ON COLUMN echolon.schedule_store.model_id IS 'The model';
COMMENT ON COLUMN echolon.schedule_store.job_id IS 'Its job in cron.job';
COMMENT ON COLUMN echolon.schedule_store.schedule IS 'When, as pg_cron reads it';
COMMENT ON COLUMN echolon.schedule_store.only_when_due IS 'Only where echolon_retrain_when makes it due';
COMMENT ON COLUMN echolon.schedule_store.scheduled_by IS 'Name of the role whose job it is';
COMMENT ON COLUMN echolon.schedule_store.scheduled_at IS 'When it was scheduled';
REVOKE ALL ON echolon.schedule_store FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('echolon.schedule_store', '');

CREATE FUNCTION echolon.cron_jobs(
	OUT job_id bigint,
	OUT active boolean,
	OUT started_at timestamptz,
	OUT status text,
	OUT message text
) RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'echolon_cron_jobs';
COMMENT ON FUNCTION echolon.cron_jobs() IS
'Jobs of pg_cron which echolon_schedule_retrain made, as far as the current user may see them, each with its last run; no rows where pg_cron is not in this database.';
GRANT EXECUTE ON FUNCTION echolon.cron_jobs() TO PUBLIC;

CREATE VIEW echolon.schedules WITH (security_barrier) AS
SELECT m.model, s.schedule, s.only_when_due, s.job_id,
	CASE WHEN j.active THEN 'active' WHEN NOT j.active THEN 'inactive'
		WHEN s.scheduled_by OPERATOR(pg_catalog.=) CURRENT_USER::pg_catalog.text THEN 'missing'
		ELSE 'unknown' END AS job,
	j.started_at AS job_started_at, j.status AS job_status, j.message AS job_message,
	r.run AS last_run, r.state AS last_state, r.finished_at AS last_finished_at, r.error AS last_error,
	s.scheduled_by, s.scheduled_at
FROM echolon.schedule_store s
	JOIN echolon.visible_models m ON m.id OPERATOR(pg_catalog.=) s.model_id
	LEFT JOIN echolon.cron_jobs() j ON j.job_id OPERATOR(pg_catalog.=) s.job_id
	LEFT JOIN LATERAL (
		SELECT x.id AS run, x.state, x.finished_at, x.error FROM echolon.run_store x
		WHERE x.model_id OPERATOR(pg_catalog.=) m.id ORDER BY x.id DESC LIMIT 1) r ON true;
COMMENT ON VIEW echolon.schedules IS
'Models the current user may see which pg_cron trains again, with what came of it last';
COMMENT ON COLUMN echolon.schedules.model IS 'Name of the model';
COMMENT ON COLUMN echolon.schedules.schedule IS 'When, as pg_cron reads it: minute, hour, day, month, day of the week, by the server''s GMT (cron.timezone)';
COMMENT ON COLUMN echolon.schedules.only_when_due IS 'True: only where echolon_retrain_when makes the model due at that time; false: always';
COMMENT ON COLUMN echolon.schedules.job_id IS 'Its job in cron.job';
COMMENT ON COLUMN echolon.schedules.job IS 'active; inactive (cron.alter_job); missing: the job was deleted, or the database restored without it; unknown: it is missing or another role''s, which only that role and superusers see';
COMMENT ON COLUMN echolon.schedules.job_started_at IS 'When the job ran last';
COMMENT ON COLUMN echolon.schedules.job_status IS 'What pg_cron says of that: succeeded, failed, running; a retraining that fails is recorded by a job that succeeds, see last_state';
COMMENT ON COLUMN echolon.schedules.job_message IS 'What the job returned';
COMMENT ON COLUMN echolon.schedules.last_run IS 'The model''s last run in echolon.training_runs, scheduled or not';
COMMENT ON COLUMN echolon.schedules.last_state IS 'What came of it: promoted, kept, not comparable, unchanged or failed';
COMMENT ON COLUMN echolon.schedules.last_finished_at IS 'When it ended';
COMMENT ON COLUMN echolon.schedules.last_error IS 'Message, detail and hint, where it failed';
COMMENT ON COLUMN echolon.schedules.scheduled_by IS 'Role whose job it is, and as which it connects; the retraining itself runs as the owner of the model';
COMMENT ON COLUMN echolon.schedules.scheduled_at IS 'When it was scheduled';
GRANT SELECT ON echolon.schedules TO PUBLIC;

CREATE FUNCTION echolon_schedule_retrain(model text, schedule text, only_when_due boolean DEFAULT false)
	RETURNS bigint
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_schedule_retrain';
COMMENT ON FUNCTION echolon_schedule_retrain(text, text, boolean) IS
'Have pg_cron (1.4 or later) train a model again: CALL echolon_retrain_due at those times, in a session of the current role; it replaces what was scheduled for the model before.
schedule: as pg_cron reads it, ''0 3 * * *'' is 3:00 every night (GMT unless cron.timezone says otherwise). only_when_due: only where echolon_retrain_when makes the model due then; otherwise always. Returns the number of the job in cron.job. Needs the right train, and USAGE on schema cron.
Errors: no such model; no right to it; a schedule that pg_cron does not understand; pg_cron is not there, or is in another database: the hint has the line for a crontab, or the SELECT to execute there.
SELECT echolon_schedule_retrain(''sales_revenue'', ''0 3 * * *'');';

CREATE FUNCTION echolon_unschedule(model text) RETURNS boolean
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'echolon_unschedule';
COMMENT ON FUNCTION echolon_unschedule(text) IS
'Take away what echolon_schedule_retrain scheduled for a model.
Returns false where nothing was. Needs the right train; a job is its role''s, so only that role and superusers can take it away.
Errors: no such model; no right to it; a job of another role.
SELECT echolon_unschedule(''sales_revenue'');';

/* ---- long calls while they run ---- */

CREATE FUNCTION echolon.running(
	OUT pid integer,
	OUT datname text,
	OUT usename text,
	OUT command text,
	OUT model text,
	OUT relation text,
	OUT phase text,
	OUT done bigint,
	OUT total bigint,
	OUT fraction double precision,
	OUT seconds double precision,
	OUT remaining_seconds double precision,
	OUT workers integer,
	OUT memory_bytes bigint
) RETURNS SETOF record
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10
	AS 'MODULE_PATHNAME', 'echolon_running';
COMMENT ON FUNCTION echolon.running() IS
'What the sessions that the current user may see are at in Echolon: the rows of echolon.progress.';
GRANT EXECUTE ON FUNCTION echolon.running() TO PUBLIC;

CREATE VIEW echolon.progress WITH (security_barrier) AS
SELECT r.pid, r.datname, r.usename, r.command, r.model, r.relation, r.phase, r.done, r.total, r.fraction,
	r.seconds, r.remaining_seconds, r.workers, r.memory_bytes
FROM echolon.running() r;
COMMENT ON VIEW echolon.progress IS
'Long calls that are running now, in the sessions whose activity the current user may see: its own role''s, those of roles it is a member of, all for pg_read_all_stats and superusers. It needs the setting track_activities';
COMMENT ON COLUMN echolon.progress.pid IS 'Process of the session; pg_cancel_backend(pid) ends the call, and nothing is stored';
COMMENT ON COLUMN echolon.progress.datname IS 'Its database';
COMMENT ON COLUMN echolon.progress.usename IS 'Role that the session is logged in as';
COMMENT ON COLUMN echolon.progress.command IS 'train, retrain, fine_tune, update, load, create_features, refresh_features or permutation_importance';
COMMENT ON COLUMN echolon.progress.model IS 'Name of the model, its first 112 bytes; NULL where there is none';
COMMENT ON COLUMN echolon.progress.relation IS 'Relation that is read, or loaded into: schema.name, quoted where needed; NULL of a new table, and of another database';
COMMENT ON COLUMN echolon.progress.phase IS 'starting, reading, preparing, growing trees, boosting, out of bag, scoring, comparing outliers, fitting groups, shuffling columns, writing or reporting';
COMMENT ON COLUMN echolon.progress.done IS 'How much of the phase is done: rows (of a load bytes), features, trees, rounds, or blocks of rows';
COMMENT ON COLUMN echolon.progress.total IS 'Of how much; of rows what the catalog says of the relation; of rounds at most, where training may stop early; NULL: not known';
COMMENT ON COLUMN echolon.progress.fraction IS 'done / total, 0 to 1';
COMMENT ON COLUMN echolon.progress.seconds IS 'Since the call began';
COMMENT ON COLUMN echolon.progress.remaining_seconds IS 'Until the phase ends, at its speed so far; NULL: not known';
COMMENT ON COLUMN echolon.progress.workers IS 'Parallel workers that take part, beside the session itself';
COMMENT ON COLUMN echolon.progress.memory_bytes IS 'Memory the call has, shared memory of its workers included';
GRANT SELECT ON echolon.progress TO PUBLIC;

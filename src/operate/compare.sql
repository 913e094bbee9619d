/* ---- two versions of a model on the same rows ---- */

CREATE TYPE echolon.comparison AS (
	model text,
	version_a integer,
	version_b integer,
	rows bigint,
	metric text,
	score_a double precision,
	score_b double precision,
	verdict text,
	metrics jsonb
);
COMMENT ON TYPE echolon.comparison IS
'What echolon_compare says: on how many rows both versions were measured, the headline metric (r2, or roc_auc) of each there; verdict: version n is better, equal, or not comparable and why; metrics: all of both, under a and b';

CREATE FUNCTION echolon_compare(model text, version_a integer, version_b integer) RETURNS echolon.comparison
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000
	AS 'MODULE_PATHNAME', 'echolon_compare';
COMMENT ON FUNCTION echolon_compare(text, integer, integer) IS
'Measure two versions of a model on the same rows: those of its relation, as it is now, that neither of them was fitted to.
Of a split by content or groups these are the rows that both held out, of a split in time those later than what both learned from. Fewer than 30 rows, a version that was fitted to all rows, or versions trained on different columns (of a split by content) are not comparable, and the verdict says so. A version that does not know a class gives it probability 0. echolon_version(model, alias) gives the number of an alias.
The relation is read with the rights of the model''s owner, whatever it is; the right needed is predict. It writes nothing.
Errors: no such model or version; a version whose bytes are gone, or that has no recipe; a relation or column that is gone or of another type.
SELECT verdict, score_a, score_b, rows FROM echolon_compare(''sales_revenue'', 1, 2);';

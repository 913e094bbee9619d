-- operate: has the data moved away from what a model was trained on?

CREATE TYPE echolon.feature_drift AS (
	feature text,
	kind text,
	rows bigint,
	psi double precision,
	jensen_shannon double precision,
	ks double precision,
	missing_rate double precision,
	training_missing_rate double precision,
	unseen_rate double precision,
	threshold double precision,
	verdict text
);
COMMENT ON TYPE echolon.feature_drift IS
'What echolon_drift says of one feature. kind: number, category, calendar (a part of a date, which drifts by nature: neither echolon_retrain_when nor echolon.model_health takes it for a reason), or prediction. psi: population stability index over at most ten bins of about equal training mass (of a category its largest levels and the rest; of a target-encoded one its levels in the order of their means), numbers below and above all of them, missing values and categories never seen; its unit is nats, 0 is no change. jensen_shannon: divergence over the same bins in bits, 0 to 1. ks: largest distance of the cumulative shares of numbers, over at most 64 bins. missing_rate, training_missing_rate, unseen_rate: shares of the rows. verdict: stable, drift, or too few rows (under 30)';

CREATE FUNCTION echolon.drift_accum(state internal, model text, input record, version integer, threshold double precision) RETURNS internal
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_drift_accum';
COMMENT ON FUNCTION echolon.drift_accum(internal, text, record, integer, double precision) IS 'Transition function of echolon_drift_counts';
CREATE FUNCTION echolon.drift_combine(state internal, other internal) RETURNS internal
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_drift_combine';
COMMENT ON FUNCTION echolon.drift_combine(internal, internal) IS 'Combine function of echolon_drift_counts';
CREATE FUNCTION echolon.drift_serialize(state internal) RETURNS bytea
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_drift_serialize';
COMMENT ON FUNCTION echolon.drift_serialize(internal) IS 'Serialization function of echolon_drift_counts';
CREATE FUNCTION echolon.drift_deserialize(bytes bytea, state internal) RETURNS internal
	LANGUAGE C STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_drift_deserialize';
COMMENT ON FUNCTION echolon.drift_deserialize(bytea, internal) IS 'Deserialization function of echolon_drift_counts';
CREATE FUNCTION echolon.drift_final(state internal) RETURNS echolon.feature_drift[]
	LANGUAGE C STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'echolon_drift_final';
COMMENT ON FUNCTION echolon.drift_final(internal) IS 'Final function of echolon_drift_counts';

CREATE AGGREGATE echolon_drift_counts(model text, input record, version integer, threshold double precision) (
	SFUNC = echolon.drift_accum, STYPE = internal, SSPACE = 65536, FINALFUNC = echolon.drift_final,
	COMBINEFUNC = echolon.drift_combine, SERIALFUNC = echolon.drift_serialize,
	DESERIALFUNC = echolon.drift_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE echolon_drift_counts(text, record, integer, double precision) IS
'How far rows are from what a model was trained on, as echolon_drift says it of a relation, in any query: by group, with a filter, in a parallel plan. One element a feature, then one of the predictions. version NULL is the active one, threshold NULL 0.2. NULL of no rows. Errors: as for echolon_predict; more than one model in an aggregate.
SELECT d.* FROM (SELECT echolon_drift_counts(''customers_churn'', c, NULL, NULL) AS drift FROM customers AS c WHERE state = ''TX'') AS t, unnest(t.drift) AS d;';

CREATE FUNCTION echolon_drift(
	model text,
	relation regclass,
	version integer DEFAULT NULL,
	threshold double precision DEFAULT 0.2
) RETURNS SETOF echolon.feature_drift
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 20
AS 'MODULE_PATHNAME', 'echolon_drift';
COMMENT ON FUNCTION echolon_drift(text, regclass, integer, double precision) IS
'Has the data of a relation moved away from what a model was trained on? One row a feature, the most drifted first, and one of the predictions (compared with those of the rows that were held out; left out where none were), from statistics that are stored in the model, in one pass over the relation, which may be a parallel one.
psi: sum of (now - then) * ln(now / then) over bins, see echolon.feature_drift; up to 0.1 is usually called stable, above 0.25 a change. verdict is drift where psi is above threshold by more than the (bins - 1) * (1 / n + 1 / n0) that chance gives on n rows after n0 training rows. The relation needs the columns of the model, and is read as the calling user; the right needed is predict.
Errors: as for echolon_evaluate; a version below 1; a threshold of 0 or below.
SELECT feature, psi, verdict FROM echolon_drift(''customers_churn'', ''customers'');
Sources: Siddiqi, Credit Risk Scorecards (2006), for psi; Lin, IEEE Trans. Information Theory 37 (1991)';

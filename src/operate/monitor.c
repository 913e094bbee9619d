/*
 * monitor.c
 *		echolon_monitor: a point in time of a model, with its drift and, where the target has arrived, its scores.
 *
 * What is found is judged here, once: echolon.monitoring and echolon.model_health show stored verdicts.  The
 * model's own relation is read as the model's owner (replay.c), another one as the caller.  Drift and scores are those of
 * echolon_drift, echolon_evaluate and retrainings, by their code.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "data/words.h"
#include "function.h"
#include "model/lookup.h"
#include "operate/drift.h"
#include "operate/monitor.h"
#include "operate/retrain.h"
#include "predict/evaluation.h"

#define VERDICT_NO_ROWS		"no rows"
#define VERDICT_WORSE		"worse"
#define VERDICT_BASELINE	"worse than the baseline"

PG_FUNCTION_INFO_V1(echolon_monitor);
PG_FUNCTION_INFO_V1(echolon_prune_monitoring);

/* One row of monitor_store. */
typedef struct MonitorLine
{
	const char *kind;
	const char *feature;		/* NULL: of none */
	const char *metric;
	double		value;
	double		threshold;		/* NaN: none */
	const char *verdict;		/* NULL: none */
} MonitorLine;

/* One row of point_store, and its lines. */
typedef struct Point
{
	const ModelVersion *version;
	TimestampTz at;
	char	   *relation;
	int64		rows;
	double		threshold;		/* of psi */
	int32		drifted;
	const DriftLine *worst;		/* NULL: no rows */
	const char *drift_verdict;
	int64		rows_measured;
	const char *metric;
	double		score,			/* NaN: not known, as the next two */
				training_score,
				baseline;
	const char *score_verdict;	/* NULL: not measured */
	const char *why_not;		/* it was not, a clause */
	char	   *error;			/* what is above error_above, a clause; NULL */
	char	   *reason;
	int			nlines;
	int			room;
	MonitorLine *lines;
} Point;

/* ---- what is found --------------------------------------------------------------------- */

/* Keep a number; of one that is not known there is no line. */
static void
add_line(Point *p, const char *kind, const char *feature, const char *metric, double value, double threshold,
		 const char *verdict)
{
	if (isnan(value))
		return;
	if (p->nlines == p->room)
	{
		p->room = Max(p->room * 2, 64);
		p->lines = p->lines == NULL ? palloc(mul_size(sizeof(MonitorLine), p->room)) :
			repalloc(p->lines, mul_size(sizeof(MonitorLine), p->room));
	}
	p->lines[p->nlines++] = (MonitorLine) {kind, feature, metric, value, threshold, verdict};
}

/* The drift of the relation, as lines and as a verdict. */
static void
point_drift(Point *p, Oid relid)
{
	int			n;
	const DriftLine *lines = drift_of_relation(p->version, relid, p->threshold, &n);

	p->worst = drift_worst(lines, n);
	p->rows = n == 0 ? 0 : lines[0].rows;
	for (int i = 0; i < n; i++)
	{
		const DriftLine *line = &lines[i];
		const char *kind = strcmp(line->kind, DRIFT_PREDICTION) == 0 || strcmp(line->kind, DRIFT_CALENDAR) == 0 ?
			line->kind : "feature";

		p->drifted += drift_found(line);
		add_line(p, kind, line->feature, "psi", line->psi, p->threshold, line->verdict);
		add_line(p, kind, line->feature, "jensen_shannon", line->jensen_shannon, NAN, NULL);
		add_line(p, kind, line->feature, "ks", line->ks, NAN, NULL);
		add_line(p, kind, line->feature, "missing_rate", line->missing, NAN, NULL);
		add_line(p, kind, line->feature, "training_missing_rate", line->training_missing, NAN, NULL);
		add_line(p, kind, line->feature, "unseen_rate", line->unseen, NAN, NULL);
	}
	if (p->rows == 0)
		p->drift_verdict = VERDICT_NO_ROWS;
	else if (strcmp(lines[0].verdict, VERDICT_FEW_ROWS) == 0)
		p->drift_verdict = VERDICT_FEW_ROWS;
	else
		p->drift_verdict = p->drifted > 0 ? VERDICT_DRIFT : VERDICT_STABLE;
	add_line(p, "rows", NULL, "rows", (double) p->rows, NAN, NULL);
}

/*
 * Judge a score.  What the headline metric was at training says nothing of how far it may fall, but its lead over
 * the naive prediction does: half of it may be lost.  Of a version that was fitted to all its rows neither is known,
 * and its score is held to nothing.  An error is held to what echolon_retrain_when says.
 */
static void
add_score(Point *p, const char *metric, double value, double error_above)
{
	double		threshold = NAN;
	const char *verdict = NULL;
	bool		headline = strcmp(metric, p->metric) == 0;

	if (headline)
	{
		p->score = value;
		if (!isnan(p->training_score) && !isnan(p->baseline))
		{
			threshold = (p->training_score + Min(p->baseline, p->training_score)) / 2;
			verdict = value < p->baseline ? VERDICT_BASELINE : value < threshold ? VERDICT_WORSE : VERDICT_STABLE;
		}
	}
	else if (compare_is_error(metric) && !isnan(error_above))
	{
		threshold = error_above;
		verdict = value > threshold ? VERDICT_WORSE : VERDICT_STABLE;
		if (value > threshold)
			p->error = psprintf("%s is %s, above %s", metric, compare_number(value), compare_number(threshold));
	}
	/* the headline metric of too few rows says so even where it is held to nothing */
	if ((verdict != NULL || headline) && p->rows_measured < COMPARE_MIN_ROWS)
		verdict = VERDICT_FEW_ROWS;
	add_line(p, "score", NULL, metric, value, threshold, verdict);

	/* the worst one is the point's; a headline metric without a value judges nothing */
	if (verdict == NULL || isnan(value))
		return;
	if (p->score_verdict == NULL || strcmp(verdict, VERDICT_BASELINE) == 0 ||
		(strcmp(verdict, VERDICT_WORSE) == 0 && strcmp(p->score_verdict, VERDICT_STABLE) == 0))
		p->score_verdict = verdict;
}

/* Scores of the rows of the model's own relation that the version was not fitted to. */
static void
score_own(Point *p, ReplayUser *replay, double error_above)
{
	Scores		scores;
	size_t		rows;

	p->why_not = compare_alone(replay, p->version, &scores, &rows);
	p->rows_measured = (int64) rows;
	for (int i = 0; p->why_not == NULL && i < scores.n; i++)
		add_score(p, scores.names[i], scores.values[i], error_above);
}

/* Scores of all rows of another relation that have a target. */
static void
score_other(Point *p, Oid relid, double error_above)
{
	Measured	measured;

	if (get_attnum(relid, p->version->target) == InvalidAttrNumber)
	{
		p->why_not = psprintf("the relation has no column \"%s\"", p->version->target);
		return;
	}
	evaluation_measure(p->version, relid, &measured);
	p->rows_measured = (int64) measured.rows;
	if (measured.rows == 0)
		p->why_not = "no target has arrived";
	for (int i = 0; p->why_not == NULL && i < measured.n; i++)
		add_score(p, measured.names[i], measured.values[i], error_above);
	add_line(p, "rows", NULL, "rows_without_target", (double) measured.without_target, NAN, NULL);
	if (measured.classification)
		add_line(p, "rows", NULL, "rows_of_unknown_class", (double) measured.unknown_class, NAN, NULL);
}

/* What was found, as a sentence without its end. */
static char *
point_reason(const Point *p)
{
	StringInfoData text;

	initStringInfo(&text);
	if (p->rows == 0)
		return pstrdup("the relation has no rows");
	if (p->rows < COMPARE_MIN_ROWS)
		appendStringInfo(&text, "%s %s", words_count(p->rows), p->rows == 1 ? "row" : "rows");
	else if (p->drifted > 0)
		appendStringInfo(&text, "drift of %s is %s, above %s", p->worst->feature, compare_number(p->worst->psi),
						 compare_number(p->threshold));
	else
		appendStringInfoString(&text, "nothing has drifted");
	if (p->drifted > 1)
		appendStringInfo(&text, ", and %d more", p->drifted - 1);
	if (p->why_not != NULL)
		appendStringInfo(&text, "; no score: %s", p->why_not);
	else if (isnan(p->score))
		appendStringInfo(&text, "; %s has no meaning on these rows", p->metric);
	else
	{
		appendStringInfo(&text, "; %s is %s on %s rows, ", p->metric, compare_number(p->score), words_count(p->rows_measured));
		if (isnan(p->training_score))
			appendStringInfoString(&text, "not known at training");
		else
			appendStringInfo(&text, "%s at training", compare_number(p->training_score));
	}
	if (p->error != NULL)
		appendStringInfo(&text, "; %s", p->error);
	return text.data;
}

/* ---- keeping it --------------------------------------------------------------------------- */

/* An array of texts, NULL where there is none. */
static StoreValue
optional_texts(const Point *p, size_t offset)
{
	StoreValue	value = {TEXTARRAYOID, (Datum) 0, false};
	Datum	   *datums = palloc(mul_size(sizeof(Datum), Max(p->nlines, 1)));
	bool	   *nulls = palloc(Max(p->nlines, 1));
	int			lower = 1;

	for (int i = 0; i < p->nlines; i++)
	{
		const char *text = *(const char *const *) ((const char *) &p->lines[i] + offset);

		nulls[i] = text == NULL;
		datums[i] = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
	}
	value.value = PointerGetDatum(construct_md_array(datums, nulls, 1, unconstify(int *, &p->nlines), &lower,
													 TEXTOID, -1, false, TYPALIGN_INT));
	return value;
}

/* Numbers; NaN is turned into NULL by the statement. */
static StoreValue
line_numbers(const Point *p, size_t offset)
{
	double	   *numbers = palloc(mul_size(sizeof(double), Max(p->nlines, 1)));

	for (int i = 0; i < p->nlines; i++)
		numbers[i] = *(const double *) ((const char *) &p->lines[i] + offset);
	return value_numbers(numbers, p->nlines);
}

/* Write a point, and its lines. */
static void
point_store(const Point *p)
{
	const char *user = GetUserNameFromId(GetUserId(), false);
	StoreUser	before = store_begin_write();
	StoreValue	values[] = {
		value_int8(p->version->model_id),
		value_int4(p->version->version),
		{TIMESTAMPTZOID, TimestampTzGetDatum(p->at), false},
		value_text(p->relation),
		value_int8(p->rows),
		value_float8(p->threshold),
		value_int4(p->drifted),
		value_text(p->worst ? p->worst->feature : NULL),
		value_float8(p->worst ? p->worst->psi : NAN),
		value_text(p->drift_verdict),
		value_int8(p->rows_measured),
		value_text(p->metric),
		value_float8(p->score),
		value_float8(p->training_score),
		value_float8(p->baseline),
		value_text(p->score_verdict),
		value_text(p->reason),
		value_text(user)
	};

	store_keep_model(p->version->model_id);
	store_execute("INSERT INTO echolon.point_store (model_id, version, at, relation, rows, threshold, drifted,"
				  " worst_feature, worst_psi, drift_verdict, rows_measured, metric, score, training_score, baseline,"
				  " score_verdict, reason, monitored_by)"
				  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
				  " RETURNING id", lengthof(values), values);

	StoreValue	lines[] = {
		value_int8(store_returned(1)),
		optional_texts(p, offsetof(MonitorLine, kind)),
		optional_texts(p, offsetof(MonitorLine, feature)),
		optional_texts(p, offsetof(MonitorLine, metric)),
		line_numbers(p, offsetof(MonitorLine, value)),
		line_numbers(p, offsetof(MonitorLine, threshold)),
		optional_texts(p, offsetof(MonitorLine, verdict))
	};

	(void) store_execute_any("INSERT INTO echolon.monitor_store (point_id, place, kind, feature, metric, value, threshold, verdict)"
							 " SELECT $1, l.place, l.kind, l.feature, l.metric, l.value,"
							 " CASE WHEN l.threshold OPERATOR(pg_catalog.<>) 'NaN'::pg_catalog.float8 THEN l.threshold END, l.verdict"
							 " FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),"
							 " pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7)) WITH ORDINALITY"
							 " AS l (kind, feature, metric, value, threshold, verdict, place)",
							 lengthof(lines), lines);
	store_end_write(before);
}

/* An echolon.monitor_result. */
static HeapTuple
point_row(const Point *p, TupleDesc desc)
{
	Datum		row[16];
	bool		nulls[16] = {false};

	row[0] = CStringGetTextDatum(p->version->model);
	row[1] = Int32GetDatum(p->version->version);
	row[2] = TimestampTzGetDatum(p->at);
	row[3] = CStringGetTextDatum(p->relation);
	row[4] = Int64GetDatum(p->rows);
	row[5] = Int32GetDatum(p->drifted);
	nulls[6] = nulls[7] = p->worst == NULL;
	row[6] = p->worst ? CStringGetTextDatum(p->worst->feature) : (Datum) 0;
	row[7] = p->worst ? Float8GetDatum(p->worst->psi) : (Datum) 0;
	row[8] = CStringGetTextDatum(p->drift_verdict);
	row[9] = Int64GetDatum(p->rows_measured);
	row[10] = CStringGetTextDatum(p->metric);
	row[11] = evaluation_number(p->score, &nulls[11]);
	row[12] = evaluation_number(p->training_score, &nulls[12]);
	row[13] = evaluation_number(p->baseline, &nulls[13]);
	nulls[14] = p->score_verdict == NULL;
	row[14] = p->score_verdict ? CStringGetTextDatum(p->score_verdict) : (Datum) 0;
	row[15] = CStringGetTextDatum(p->reason);
	return heap_form_tuple(BlessTupleDesc(desc), row, nulls);
}

/* ---- the function --------------------------------------------------------------------------- */

/* Look at a relation, or where relid is InvalidOid at the model's own as its owner. */
static void
point_take(Point *p, Oid relid)
{
	const CachedModel *model = cache_get(p->version, CurrentMemoryContext);
	Jsonb	   *metrics = store_read_metrics(p->version);
	ReplayUser	reader = {0};
	bool		replayed = !OidIsValid(relid);
	RetrainPolicy policy;

	p->metric = model->file.task == TASK_REGRESSION ? "r2" : "roc_auc";
	p->training_score = evaluation_metric(metrics, "score", p->metric);
	p->baseline = evaluation_metric(metrics, "baseline", p->metric);
	p->score = NAN;
	(void) retrain_policy(p->version->model_id, GetActiveSnapshot(), &policy);
	if (replayed)
	{
		reader = replay_begin(p->version->model);
		relid = replay_relation(&reader, p->version);
	}
	else
		reader.relid = relid;
	p->relation = relation_name(relid);
	point_drift(p, relid);
	if (p->rows == 0)
		p->why_not = "there are none";
	else if (replayed || relid == stored_relation(p->version->relation))
		score_own(p, &reader, policy.error_above);
	else
		score_other(p, relid, policy.error_above);
	if (replayed)
		replay_end(&reader);
	add_line(p, "rows", NULL, "rows_measured", (double) p->rows_measured, NAN, NULL);
	p->reason = point_reason(p);
}

/* echolon_monitor(model text, relation regclass, version integer, threshold double precision) returns echolon.monitor_result */
Datum
echolon_monitor(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "Echolon monitoring", ALLOCSET_DEFAULT_SIZES);
	Point		point = {0};
	TupleDesc	desc;
	HeapTuple	row;
	Datum		result;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function returns no row type");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"model\" must not be null")));
	store_prevent("echolon_monitor()");
	MemoryContextSwitchTo(context);
	point.version = store_lookup(text_to_cstring(PG_GETARG_TEXT_PP(0)), version_argument(fcinfo, 2), MODEL_TRAIN);
	point.threshold = PG_ARGISNULL(3) ? DRIFT_THRESHOLD : PG_GETARG_FLOAT8(3);
	drift_check_threshold(point.threshold);
	point.at = GetCurrentTimestamp();
	point_take(&point, PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1));
	point_store(&point);
	row = point_row(&point, desc);

	MemoryContextSwitchTo(caller);
	result = HeapTupleGetDatum(heap_copytuple(row));
	MemoryContextDelete(context);
	return result;
}

/* ---- an end to it ------------------------------------------------------------------------ */

TimestampTz
monitor_older_than(Datum older_than)
{
	Interval	zero = {0};

	if (DatumGetBool(DirectFunctionCall2(interval_lt, older_than, IntervalPGetDatum(&zero))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"older_than\" is out of range"),
				 errdetail("It is %s.", DatumGetCString(DirectFunctionCall1(interval_out, older_than))),
				 errhint("Give a time of 0 or more, such as '90 days'.")));
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(GetCurrentTimestamp()),
												   older_than));
}

/* echolon_prune_monitoring(model text, older_than interval) returns bigint */
Datum
echolon_prune_monitoring(PG_FUNCTION_ARGS)
{
	static const char *const needed[] = {"model", "older_than"};
	StoredModel model;
	int32		version;
	TimestampTz until;
	StoreUser	before;
	uint64		points;

	for (int i = 0; i < lengthof(needed); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("parameter \"%s\" must not be null", needed[i])));
	store_prevent("echolon_prune_monitoring()");
	until = monitor_older_than(PG_GETARG_DATUM(1));
	store_resolve_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), GetActiveSnapshot(), &model, &version);
	store_check_right(&model, MODEL_TRAIN, GetActiveSnapshot());

	StoreValue	values[] = {value_int8(model.id), {TIMESTAMPTZOID, TimestampTzGetDatum(until), false}};

	before = store_begin_write();
	(void) store_execute_any("DELETE FROM echolon.monitor_store WHERE point_id OPERATOR(pg_catalog.=) ANY (ARRAY("
							 "SELECT id FROM echolon.point_store WHERE model_id OPERATOR(pg_catalog.=) $1"
							 " AND at OPERATOR(pg_catalog.<=) $2))", lengthof(values), values);
	points = store_execute_any("DELETE FROM echolon.point_store WHERE model_id OPERATOR(pg_catalog.=) $1"
							   " AND at OPERATOR(pg_catalog.<=) $2", lengthof(values), values);
	store_end_write(before);
	PG_RETURN_INT64((int64) points);
}

/*
 * measure.c
 *		echolon_evaluate: a model's metrics on the rows of any relation; for monitoring in C as well.
 *
 * The relation is read once as the calling user, with the model's columns and
 * its target alone. Each row is encoded and predicted as it arrives; what is kept of it is the
 * actual value and the prediction, checked against echolon.max_memory as room is made.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "data/frame.h"
#include "function.h"
#include "learn/metrics.h"
#include "predict/actual.h"
#include "predict/encoder.h"
#include "predict/evaluation.h"

#define MEASURE_MIN		1024	/* rows there is room for at first */
#define METRICS_BYTES	64		/* that metrics.c needs a row at its peak, rounded up */

PG_FUNCTION_INFO_V1(echolon_evaluate);

typedef struct Measure
{
	const CachedModel *model;
	const char *name;			/* the model's */
	const ModelFile *file;
	MemoryContext context;		/* outlives the scan */
	Encoder    *encoder;		/* made at the first row */
	ActualReader actual_reader;
	int			target;			/* its place in a row */
	double	   *x;				/* [nfeatures] */
	uint32_t   *codes;			/* [nfeatures] */
	uint32		noutputs;
	Size		n;
	Size		room;
	double	   *actual;			/* [room] */
	double	   *predicted;		/* [room * noutputs] */
	uint64		without_target; /* rows left out: NULL, NaN, for a regression infinities */
	uint64		unknown_class;	/* rows left out: a class the model does not have */
	uint64		unseen;			/* categories never seen at training */
} Measure;

/* ---- reading ----------------------------------------------------------------------- */

/* At the first row: match the relation's columns to the model's, and its target to the task. */
static void
measure_begin(Measure *measure, TupleDesc desc)
{
	MemoryContext caller = MemoryContextSwitchTo(measure->context);

	actual_begin(&measure->actual_reader, measure->model, measure->name,
				 TupleDescAttr(desc, measure->target)->atttypid);
	measure->encoder = encoder_create_named(measure->model, measure->name, desc, measure->context);
	MemoryContextSwitchTo(caller);
}

/* Make room for twice the rows, within what echolon.max_memory allows for all of them. */
static void
measure_grow(Measure *measure)
{
	Size		room = measure->room == 0 ? MEASURE_MIN : mul_size(measure->room, 2);
	Size		width = mul_size(sizeof(double), measure->noutputs);
	Size		need = mul_size(room, add_size(add_size(sizeof(double), width), METRICS_BYTES));
	Size		limit = max_memory_bytes();

	if (need > limit || room > LEARN_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("echolon_evaluate needs %zu MB, echolon.max_memory allows %zu MB",
						(need >> 20) + 1, limit >> 20),
				 errdetail("The relation has more than %zu rows with a target.", measure->room),
				 errhint("Raise echolon.max_memory, or evaluate a view of fewer rows.")));
	if (measure->room == 0)
	{
		measure->actual = MemoryContextAllocHuge(measure->context, mul_size(room, sizeof(double)));
		measure->predicted = MemoryContextAllocHuge(measure->context, mul_size(room, width));
	}
	else
	{
		measure->actual = repalloc_huge(measure->actual, mul_size(room, sizeof(double)));
		measure->predicted = repalloc_huge(measure->predicted, mul_size(room, width));
	}
	measure->room = room;
}

/* RelationRow: predict a row and keep what it is measured by. */
static void
measure_row(void *arg, TupleDesc desc, Datum *values, bool *nulls)
{
	Measure    *measure = arg;
	double		actual;

	if (measure->encoder == NULL)
		measure_begin(measure, desc);
	switch (actual_read(&measure->actual_reader, values[measure->target], nulls[measure->target], &actual))
	{
		case ACTUAL_VALUE:
			break;
		case ACTUAL_MISSING:
			measure->without_target++;
			return;
		case ACTUAL_UNKNOWN:
			measure->unknown_class++;
			return;
	}
	if (measure->n == measure->room)
		measure_grow(measure);
	encoder_row(measure->encoder, values, nulls, measure->x, &measure->unseen);
	learn_predict_row(encoder_model(measure->encoder), measure->x, measure->codes,
					  measure->predicted + measure->n * measure->noutputs);
	measure->actual[measure->n++] = actual;

	/* a large forest takes long for one row, and the scan looks at every 1,024th only */
	CHECK_FOR_INTERRUPTS();
}

/* Read the relation's rows: the model's columns, and the target. */
static void
measure_read(Measure *measure, Oid relid)
{
	List	   *columns = encoder_columns(measure->model, relid, measure->model->target, &measure->target);

	relation_scan(relid, columns, measure_row, measure);
}

/* ---- metrics --------------------------------------------------------------------------- */

static void
measured_add(Measured *measured, const char *metric, double value)
{
	Assert(measured->n < lengthof(measured->names));
	measured->names[measured->n] = metric;
	measured->values[measured->n++] = value;
}

/* The metrics of a regression, in the order of the interface. */
static void
measure_regression(const Measure *measure, Measured *measured)
{
	RegressionMetrics m;

	metrics_regression(backend_env(), measure->actual, measure->predicted, NULL, measure->n, &m);
	measured_add(measured, "mse", m.mse);
	measured_add(measured, "rmse", m.rmse);
	measured_add(measured, "mae", m.mae);
	measured_add(measured, "median_absolute_error", m.median_absolute_error);
	measured_add(measured, "mape", m.mape);
	measured_add(measured, "r2", m.r2);
}

/* The metrics of a classifier, in the order of the interface. */
static void
measure_classification(const Measure *measure, Measured *measured)
{
	ClassMetrics m;

	metrics_classification(backend_env(), measure->actual, measure->predicted, NULL, measure->n,
						   measure->file->nlabels, measure->file->positive, measure->file->threshold, &m);
	measured_add(measured, "accuracy", m.accuracy);
	measured_add(measured, "balanced_accuracy", m.balanced_accuracy);
	measured_add(measured, "log_loss", m.log_loss);
	measured_add(measured, "roc_auc", m.roc_auc);
	measured_add(measured, "average_precision", m.average_precision);
	measured_add(measured, "f1", m.f1);
	measured_add(measured, "mcc", m.mcc);
	measured_add(measured, "brier", m.brier);
}

void
evaluation_measure(const ModelVersion *version, Oid relid, Measured *measured)
{
	Measure		measure = {0};

	memset(measured, 0, sizeof(*measured));
	measure.context = AllocSetContextCreate(CurrentMemoryContext, "echolon evaluate", ALLOCSET_DEFAULT_SIZES);
	measure.model = cache_get(version, measure.context);
	measure.name = version->model;
	measure.file = &measure.model->file;
	measure.noutputs = learn_noutputs(&measure.file->learn);
	measure.x = palloc(mul_size(Max(measure.file->nfeatures, 1), sizeof(double)));
	measure.codes = palloc(mul_size(Max(measure.file->nfeatures, 1), sizeof(uint32_t)));

	measure_read(&measure, relid);
	measured->classification = measure.file->task == TASK_CLASSIFICATION;
	if (measured->classification)
		measure_classification(&measure, measured);
	else
		measure_regression(&measure, measured);
	measured->rows = measure.n;
	measured->without_target = measure.without_target;
	measured->unknown_class = measure.unknown_class;
	measured->unseen = measure.unseen;
	MemoryContextDelete(measure.context);
}

/* ---- the function ---------------------------------------------------------------------- */

/* One row of the result; NaN becomes NULL. */
static void
measure_put(Evaluation *evaluation, const char *metric, double value)
{
	Datum		values[2];
	bool		nulls[2] = {false};

	values[0] = CStringGetTextDatum(metric);
	values[1] = evaluation_number(value, &nulls[1]);
	evaluation_put(evaluation, values, nulls);
}

/* (model, relation, version) -> (metric, value): metrics, then counts of rows and categories */
Datum
echolon_evaluate(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation;
	Measured	measured;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"relation\" must not be null")));
	evaluation_begin(fcinfo, 2, &evaluation);
	evaluation_measure(evaluation.version, PG_GETARG_OID(1), &measured);
	for (int m = 0; m < measured.n; m++)
		measure_put(&evaluation, measured.names[m], measured.values[m]);
	measure_put(&evaluation, "rows", (double) measured.rows);
	measure_put(&evaluation, "rows_without_target", (double) measured.without_target);
	if (measured.classification)
		measure_put(&evaluation, "rows_of_unknown_class", (double) measured.unknown_class);
	measure_put(&evaluation, "unseen_categories", (double) measured.unseen);
	return (Datum) 0;
}

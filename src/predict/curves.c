/*
 * curves.c
 *		Curves of the held-out predictions as tables for charts.
 *
 * A curve has at most CURVE_POINTS rows: of more, evenly spaced ones and both ends are
 * kept.  Of a ROC curve the points inside a straight piece go first, which changes
 * neither its shape nor the area under it.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "data/column.h"
#include "function.h"
#include "learn/metrics.h"
#include "predict/evaluation.h"

#define CURVE_POINTS	1000
#define BINS_MIN		1
#define BINS_MAX		1000

PG_FUNCTION_INFO_V1(echolon_roc_curve);
PG_FUNCTION_INFO_V1(echolon_precision_recall_curve);
PG_FUNCTION_INFO_V1(echolon_calibration);
PG_FUNCTION_INFO_V1(echolon_residuals);
PG_FUNCTION_INFO_V1(echolon_learning_curve);

/* How many of n points are shown. */
static Size
curve_shown(Size n)
{
	return Min(n, CURVE_POINTS);
}

/* Which one of n points is shown in place i: the first, the last, and evenly between. */
static Size
curve_point(Size i, Size n)
{
	return n <= CURVE_POINTS ? i : i * (n - 1) / (CURVE_POINTS - 1);
}

/* The sample's rows as (is of the class, its probability); evaluation's model is a classifier. */
static void
class_scores(const Evaluation *evaluation, uint32 class, bool **positive, double **score)
{
	const HoldoutSample *sample = evaluation->sample;

	*positive = palloc(mul_size(sample->n, sizeof(bool)));
	*score = palloc(mul_size(sample->n, sizeof(double)));
	for (int i = 0; i < sample->n; i++)
	{
		(*positive)[i] = sample->actual[i] == class;
		(*score)[i] = sample->predicted[(Size) i * sample->noutputs + class];
	}
}

/* Drop points inside horizontal and vertical pieces; returns how many are left. */
static Size
roc_corners(CurvePoint *points, Size n)
{
	Size		kept = 0;

	for (Size i = 0; i < n; i++)
	{
		if (kept > 1 && i > 0 &&
			((points[kept - 1].x == points[i].x && points[kept - 2].x == points[i].x) ||
			 (points[kept - 1].y == points[i].y && points[kept - 2].y == points[i].y)))
			kept--;
		points[kept++] = points[i];
	}
	return kept;
}

/* A curve over thresholds: (model, label, version) -> (threshold, x or y, the other) */
static Datum
threshold_curve(FunctionCallInfo fcinfo, bool roc)
{
	Evaluation	evaluation;
	CurvePoint *points;
	bool	   *positive;
	double	   *score;
	uint32		class;
	Size		n;

	evaluation_begin(fcinfo, 2, &evaluation);
	evaluation_model(&evaluation, TASK_CLASSIFICATION);
	class = evaluation_label(fcinfo, 1, &evaluation);
	evaluation_sample(&evaluation);
	class_scores(&evaluation, class, &positive, &score);
	points = palloc(mul_size(add_size(evaluation.sample->n, 1), sizeof(CurvePoint)));
	if (roc)
		n = roc_corners(points, metrics_roc_curve(backend_env(), positive, score, NULL,
												  evaluation.sample->n, points));
	else
		n = metrics_pr_curve(backend_env(), positive, score, NULL, evaluation.sample->n, points);
	if (n == 0)
		ereport(NOTICE,
				(errmsg("%s held-out row is of class '%s': there is no curve",
						positive[0] ? "every" : "no", evaluation.model->labels[class])));

	for (Size i = 0; i < curve_shown(n); i++)
	{
		const CurvePoint *point = &points[curve_point(i, n)];
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = Float8GetDatum(point->threshold);
		values[1] = Float8GetDatum(roc ? point->x : point->y);
		values[2] = Float8GetDatum(roc ? point->y : point->x);
		evaluation_put(&evaluation, values, nulls);
	}
	return (Datum) 0;
}

/* (model, label, version) -> (threshold, false_positive_rate, true_positive_rate) */
Datum
echolon_roc_curve(PG_FUNCTION_ARGS)
{
	return threshold_curve(fcinfo, true);
}

/* (model, label, version) -> (threshold, precision, recall) */
Datum
echolon_precision_recall_curve(PG_FUNCTION_ARGS)
{
	return threshold_curve(fcinfo, false);
}

/* The bin, of equal width, that a probability falls into: (b / nbins, (b + 1) / nbins], 0 in the first. */
static int
calibration_bin(double p, int nbins)
{
	int			bin = (int) Min(Max(ceil(p * nbins) - 1.0, 0.0), nbins - 1.0);

	/* p * nbins is rounded: let the edges themselves decide */
	while (bin > 0 && p <= (double) bin / nbins)
		bin--;
	while (bin < nbins - 1 && p > (double) (bin + 1) / nbins)
		bin++;
	return bin;
}

/* (model, label, bins, version) -> (bin, mean_predicted, fraction_positive, count) */
Datum
echolon_calibration(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation;
	bool	   *positive;
	double	   *score;
	double	   *sums;
	int64	   *rows,
			   *hits;
	uint32		class;
	int			nbins;

	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"bins\" must not be null")));
	nbins = PG_GETARG_INT32(2);
	if (nbins < BINS_MIN || nbins > BINS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"bins\" is out of range"),
				 errdetail("It is %d and must be from %d to %d.", nbins, BINS_MIN, BINS_MAX)));
	evaluation_begin(fcinfo, 3, &evaluation);
	evaluation_model(&evaluation, TASK_CLASSIFICATION);
	class = evaluation_label(fcinfo, 1, &evaluation);
	evaluation_sample(&evaluation);
	class_scores(&evaluation, class, &positive, &score);

	sums = palloc0(sizeof(double) * nbins);
	rows = palloc0(sizeof(int64) * nbins);
	hits = palloc0(sizeof(int64) * nbins);
	for (int i = 0; i < evaluation.sample->n; i++)
	{
		int			bin = calibration_bin(score[i], nbins);

		sums[bin] += score[i];
		hits[bin] += positive[i];
		rows[bin]++;
	}
	for (int b = 0; b < nbins; b++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = Int32GetDatum(b + 1);
		values[1] = evaluation_number(rows[b] > 0 ? sums[b] / rows[b] : NAN, &nulls[1]);
		values[2] = evaluation_number(rows[b] > 0 ? (double) hits[b] / rows[b] : NAN, &nulls[2]);
		values[3] = Int64GetDatum(rows[b]);
		evaluation_put(&evaluation, values, nulls);
	}
	return (Datum) 0;
}

/* (model, version) -> (actual, predicted, residual) */
Datum
echolon_residuals(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation;

	evaluation_begin(fcinfo, 1, &evaluation);
	evaluation_model(&evaluation, TASK_REGRESSION);
	evaluation_sample(&evaluation);
	for (int i = 0; i < evaluation.sample->n; i++)
	{
		double		actual = evaluation.sample->actual[i];
		double		predicted = evaluation.sample->predicted[i];
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = Float8GetDatum(actual);
		values[1] = Float8GetDatum(predicted);
		values[2] = Float8GetDatum(actual - predicted);
		evaluation_put(&evaluation, values, nulls);
	}
	return (Datum) 0;
}

/* A number of an array's element; *null where it is none. */
static Datum
element_number(JsonbContainer *array, uint32 i, bool *null)
{
	JsonbValue *value = getIthJsonbValueFromContainer(array, i);

	*null = value == NULL || value->type != jbvNumeric;
	return *null ? (Datum) 0 : Float8GetDatum(numeric_to_double(NumericGetDatum(value->val.numeric)));
}

/* (model, version) -> (n_estimators, train, held_out) */
Datum
echolon_learning_curve(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation;
	Jsonb	   *curve;
	Size		n;

	evaluation_begin(fcinfo, 1, &evaluation);
	curve = store_read_curve(evaluation.version);
	n = curve != NULL && JB_ROOT_IS_ARRAY(curve) ? JB_ROOT_COUNT(curve) : 0;
	if (n == 0)
		ereport(NOTICE,
				(errmsg("version %d of model \"%s\" has no learning curve",
						evaluation.version->version, evaluation.version->model)));
	for (Size i = 0; i < curve_shown(n); i++)
	{
		JsonbValue *point = getIthJsonbValueFromContainer(&curve->root, curve_point(i, n));
		Datum		values[3];
		bool		nulls[3] = {false};

		CHECK_FOR_INTERRUPTS();
		if (point == NULL || point->type != jbvBinary || !JsonContainerIsArray(point->val.binary.data))
			elog(ERROR, "learning curve of model \"%s\" is not an array of arrays",
				 evaluation.version->model);
		values[0] = element_number(point->val.binary.data, 0, &nulls[0]);
		if (!nulls[0])
			values[0] = Int32GetDatum((int32) DatumGetFloat8(values[0]));
		values[1] = element_number(point->val.binary.data, 1, &nulls[1]);
		values[2] = element_number(point->val.binary.data, 2, &nulls[2]);
		evaluation_put(&evaluation, values, nulls);
	}
	return (Datum) 0;
}

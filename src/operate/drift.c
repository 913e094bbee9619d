/*
 * drift.c
 *		echolon_drift_counts: have rows moved away from what a model was trained on?
 *
 * A model holds how its training rows were distributed over bins (LearnStats).  Rows of today are
 * encoded as for a prediction, and counted in the same bins; both counts are compared.  The
 * counting is an aggregate, so that it can be asked of groups and run in parallel; a
 * state that comes from a worker holds counts alone, and the final function looks the model up again.
 *
 * A target-encoded category is compared by its levels' means, each level where it is at prediction: the training keeps it
 * that way (train/encode.c).  Its values lie between those means, so none is below or above them; a level that was never
 * seen has a mean too, and is told apart from those that have it.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "data/aggregate.h"
#include "data/row.h"
#include "function.h"
#include "learn/mathfn.h"
#include "learn/metrics.h"
#include "model/lookup.h"
#include "model/model.h"
#include "operate/drift.h"
#include "predict/encoder.h"
#include "train/train.h"

#define COMPARED_BINS	10		/* bins that psi is computed over, EXTRA_BINS or unseen not counted */
#define FEWEST_ROWS		30		/* below it nothing is said */
#define SMOOTHING		0.5		/* rows added to each bin, so that an empty one has a logarithm */

PG_FUNCTION_INFO_V1(echolon_drift_accum);
PG_FUNCTION_INFO_V1(echolon_drift_combine);
PG_FUNCTION_INFO_V1(echolon_drift_serialize);
PG_FUNCTION_INFO_V1(echolon_drift_deserialize);
PG_FUNCTION_INFO_V1(echolon_drift_final);

/*
 * What rows are counted in, made from the model alone, so that every worker makes the same.  Feature f has
 * its bins from first[f] on, and behind them EXTRA_BINS more; after all features come the
 * predictions' bins.
 */
enum
{
	BIN_MISSING,				/* a level of a category never seen too */
	BIN_BELOW,					/* a number below all training values */
	BIN_ABOVE,
	EXTRA_BINS
};

typedef struct DriftBins
{
	const CachedModel *model;
	uint32		nfeatures;
	uint32	   *first;			/* [nfeatures + 1] */
	uint32		npredicted;		/* bins of predictions; 0: there is nothing to compare them with */
	double	   *upper;			/* regression: [npredicted] */
	uint64	   *held_out;		/* [npredicted] held-out rows in them */
	uint64		nheld_out;
	uint32		ncounts;		/* of all bins */
} DriftBins;

typedef struct DriftState
{
	char	   *name;			/* the model's, */
	int32		version;		/* and its number */
	double		threshold;
	uint32		ncounts;
	uint32		ncolumns;
	uint64		rows;
	uint64	   *counts;			/* [ncounts] */
	uint64	   *unseen;			/* [ncolumns] */
	/* while rows are counted */
	DriftBins  *bins;
	InputRow	row;
	Encoder    *encoder;
	uint64	   *unseen_before;	/* [ncolumns] unseen without the row that is counted */
	double	   *x;
	uint32_t   *codes;
	double	   *out;
} DriftState;

/* ---- bins ------------------------------------------------------------------------------ */

/* Deciles of the held-out predictions of a regression, equal ones in one bin. */
static void
value_bins(const HoldoutSample *sample, DriftBins *bins)
{
	double	   *sorted = palloc(mul_size(sizeof(double), Max(sample->n, 1)));

	memcpy(sorted, sample->predicted, sizeof(double) * sample->n);
	qsort(sorted, sample->n, sizeof(double), compare_doubles);
	bins->upper = palloc(sizeof(double) * COMPARED_BINS);
	bins->held_out = palloc0(sizeof(uint64) * COMPARED_BINS);
	for (int b = 1; b <= COMPARED_BINS; b++)
	{
		double		upper = sorted[((Size) sample->n * b + COMPARED_BINS - 1) / COMPARED_BINS - 1];

		if (bins->npredicted == 0 || upper > bins->upper[bins->npredicted - 1])
			bins->upper[bins->npredicted++] = upper;
	}
}

/* The bin of a prediction. */
static uint32
predicted_bin(const DriftBins *bins, const double *prediction)
{
	const ModelFile *file = &bins->model->file;

	if (file->task == TASK_CLASSIFICATION)
		return metrics_predicted_class(prediction, file->nlabels, file->positive, file->threshold);
	for (uint32 b = 0; b + 1 < bins->npredicted; b++)
		if (prediction[0] <= bins->upper[b])
			return b;
	return bins->npredicted - 1;
}

/* The bins of a version; allocates in the current context. */
static DriftBins *
drift_bins(const ModelVersion *version)
{
	DriftBins  *bins = palloc0(sizeof(DriftBins));
	HoldoutSample *sample = store_read_holdout(version);
	const ModelFile *file;
	Size		n = 0;

	bins->model = cache_get(version, CurrentMemoryContext);
	file = &bins->model->file;
	bins->nfeatures = file->nfeatures;
	bins->first = palloc(mul_size(sizeof(uint32), add_size(file->nfeatures, 1)));
	for (uint32 f = 0; f < file->nfeatures; f++)
	{
		bins->first[f] = (uint32) n;
		n += file->stats[f].nbins + EXTRA_BINS;
	}
	bins->first[file->nfeatures] = (uint32) n;
	if (sample && sample->n > 0 && sample->noutputs == (int) learn_noutputs(&file->learn))
	{
		if (file->task == TASK_REGRESSION)
			value_bins(sample, bins);
		else
		{
			bins->npredicted = file->nlabels;
			bins->held_out = palloc0(mul_size(sizeof(uint64), file->nlabels));
		}
		for (int i = 0; i < sample->n; i++)
			bins->held_out[predicted_bin(bins, &sample->predicted[(Size) i * sample->noutputs])]++;
		bins->nheld_out = sample->n;
		n += bins->npredicted;
	}
	/* 16,383 features of at most 65,534 categories are below 2^31 */
	bins->ncounts = (uint32) n;
	return bins;
}

/* The bin of a feature's value, counted from its first. */
static uint32
value_bin(const ModelFile *file, uint32 f, double x)
{
	const LearnStats *stats = &file->stats[f];
	uint32		low = 0,
				high = stats->nbins;

	if (isnan(x))
		return stats->nbins + BIN_MISSING;
	if (file->learn.features[f].kind == LEARN_CATEGORY)
		return x < stats->nbins ? (uint32) x : stats->nbins + BIN_MISSING;
	if (stats->nbins == 0)
		return BIN_ABOVE;
	/* within the means of all levels, though a mean of means may be rounded; their minimum is that of other folds */
	if (file->features[f].part == PART_TARGET_MEAN)
		x = fmin(x, stats->upper[stats->nbins - 1]);
	else if (x > stats->upper[stats->nbins - 1])
		return stats->nbins + BIN_ABOVE;
	/* the smallest finite value; an infinite one would be the upper bound of the first bin */
	else if (x < stats->minimum && x < stats->upper[0])
		return stats->nbins + BIN_BELOW;
	while (low + 1 < high)
	{
		uint32		middle = (low + high - 1) / 2;

		if (x <= stats->upper[middle])
			high = middle + 1;
		else
			low = middle + 1;
	}
	return low;
}

/* ---- the aggregate ------------------------------------------------------------------------ */

/* Room for the counts of a model; the strings are copied. */
static DriftState *
new_state(const char *name, int32 version, double threshold, uint32 ncounts, uint32 ncolumns)
{
	DriftState *state = palloc0(sizeof(DriftState));

	state->name = pstrdup(name);
	state->version = version;
	state->threshold = threshold;
	state->ncounts = ncounts;
	state->ncolumns = ncolumns;
	state->counts = palloc0(mul_size(sizeof(uint64), Max(ncounts, 1)));
	state->unseen = palloc0(mul_size(sizeof(uint64), Max(ncolumns, 1)));
	return state;
}

/* A state that can count rows of the model. */
static DriftState *
counting_state(const char *name, int32 wanted, double threshold)
{
	ModelVersion *version = store_lookup(name, wanted, MODEL_PREDICT);
	DriftBins  *bins = drift_bins(version);
	const ModelFile *file = &bins->model->file;
	DriftState *state = new_state(name, version->version, threshold, bins->ncounts, file->ncolumns);

	state->bins = bins;
	state->unseen_before = palloc(mul_size(sizeof(uint64), Max(file->ncolumns, 1)));
	state->x = palloc(mul_size(sizeof(double), Max(file->nfeatures, 1)));
	state->codes = palloc(mul_size(sizeof(uint32_t), Max(file->nfeatures, 1)));
	state->out = palloc(mul_size(sizeof(double), learn_noutputs(&file->learn)));
	return state;
}

void
drift_check_threshold(double threshold)
{
	if (!(threshold > 0) || isinf(threshold))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"threshold\" is out of range"),
				 errdetail("It is %s; allowed are numbers above 0.", float8out_internal(threshold))));
}

/* Count a row in the bins of its features, and of its prediction. */
static void
count_row(DriftState *state, HeapTupleHeader input, MemoryContext context)
{
	const DriftBins *bins = state->bins;
	const ModelFile *file = &bins->model->file;

	if (input_row_type(&state->row, input, context))
		state->encoder = NULL;
	if (state->encoder == NULL)
	{
		state->encoder = encoder_create_named(bins->model, state->name, state->row.desc, state->row.context);
		encoder_count_unseen(state->encoder, state->unseen);
	}
	input_row_deform(&state->row, input);
	memcpy(state->unseen_before, state->unseen, sizeof(uint64) * state->ncolumns);
	encoder_row(state->encoder, state->row.values, state->row.nulls, state->x, NULL);
	if (bins->npredicted > 0)
	{
		learn_predict_row(encoder_model(state->encoder), state->x, state->codes, state->out);
		state->counts[bins->first[bins->nfeatures] + predicted_bin(bins, state->out)]++;
	}
	/* statistics are of all rows, as the model itself treats them */
	encoder_common(state->encoder, state->x);
	for (uint32 f = 0; f < bins->nfeatures; f++)
	{
		uint32		column = file->features[f].column;
		bool		unseen = state->unseen[column] > state->unseen_before[column];

		state->counts[bins->first[f] + (unseen ? file->stats[f].nbins + BIN_MISSING :
										value_bin(file, f, state->x[f]))]++;
	}
	state->rows++;
}

Datum
echolon_drift_accum(PG_FUNCTION_ARGS)
{
	DriftState *state = state_argument(fcinfo, 0);
	MemoryContext context = state_context(fcinfo);
	MemoryContext caller;
	int32		version = version_argument(fcinfo, 3);
	char	   *name;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		RETURN_STATE(state);
	name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	caller = MemoryContextSwitchTo(context);
	if (state == NULL)
	{
		double		threshold = PG_ARGISNULL(4) ? DRIFT_THRESHOLD : PG_GETARG_FLOAT8(4);

		drift_check_threshold(threshold);
		state = counting_state(name, version, threshold);
		MemoryContextSwitchTo(caller);
	}
	else
	{
		MemoryContextSwitchTo(caller);
		if (strcmp(state->name, name) != 0 || (version != 0 && version != state->version))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("echolon_drift_counts takes one model at a time"),
					 errdetail("A row names \"%s\" after rows of \"%s\" version %d.", name, state->name, state->version),
					 errhint("GROUP BY the model and the version.")));
	}
	count_row(state, PG_GETARG_HEAPTUPLEHEADER(2), context);
	pfree(name);
	PG_RETURN_POINTER(state);
}

Datum
echolon_drift_combine(PG_FUNCTION_ARGS)
{
	DriftState *state = state_argument(fcinfo, 0);
	DriftState *other = state_argument(fcinfo, 1);

	if (other == NULL)
		RETURN_STATE(state);
	if (state == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(state_context(fcinfo));

		state = new_state(other->name, other->version, other->threshold, other->ncounts, other->ncolumns);
		MemoryContextSwitchTo(caller);
	}
	if (strcmp(state->name, other->name) != 0 || state->version != other->version ||
		state->ncounts != other->ncounts || state->ncolumns != other->ncolumns)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("echolon_drift_counts takes one model at a time"),
				 errhint("GROUP BY the model and the version.")));
	for (uint32 i = 0; i < state->ncounts; i++)
		state->counts[i] += other->counts[i];
	for (uint32 c = 0; c < state->ncolumns; c++)
		state->unseen[c] += other->unseen[c];
	state->rows += other->rows;
	PG_RETURN_POINTER(state);
}

Datum
echolon_drift_serialize(PG_FUNCTION_ARGS)
{
	DriftState *state = (DriftState *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	(void) state_context(fcinfo);
	pq_begintypsend(&buf);
	pq_sendstring(&buf, state->name);
	pq_sendint32(&buf, state->version);
	pq_sendfloat8(&buf, state->threshold);
	pq_sendint32(&buf, state->ncounts);
	pq_sendint32(&buf, state->ncolumns);
	pq_sendint64(&buf, state->rows);
	for (uint32 i = 0; i < state->ncounts; i++)
		pq_sendint64(&buf, state->counts[i]);
	for (uint32 c = 0; c < state->ncolumns; c++)
		pq_sendint64(&buf, state->unseen[c]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
echolon_drift_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	DriftState *state;
	const char *name;
	int32		version;
	double		threshold;
	uint32		ncounts,
				ncolumns;

	deserialize_begin(fcinfo, &buf);
	name = pq_getmsgstring(&buf);
	version = (int32) pq_getmsgint(&buf, 4);
	threshold = pq_getmsgfloat8(&buf);
	ncounts = pq_getmsgint(&buf, 4);
	ncolumns = pq_getmsgint(&buf, 4);
	state = new_state(name, version, threshold, ncounts, ncolumns);
	state->rows = pq_getmsgint64(&buf);
	for (uint32 i = 0; i < ncounts; i++)
		state->counts[i] = pq_getmsgint64(&buf);
	for (uint32 c = 0; c < ncolumns; c++)
		state->unseen[c] = pq_getmsgint64(&buf);
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* Two histograms over the same bins. */
typedef struct Compared
{
	int			n;
	double		then[COMPARED_BINS + EXTRA_BINS];
	double		now[COMPARED_BINS + EXTRA_BINS];
} Compared;

static void
compared_add(Compared *compared, double then, double now)
{
	Assert(compared->n < lengthof(compared->then));
	compared->then[compared->n] = then;
	compared->now[compared->n++] = now;
}

/* Neighbouring bins joined to at most COMPARED_BINS of about equal mass then. */
static void
join_neighbours(const uint64 *then, const uint64 *now, uint32 nbins, Compared *compared)
{
	uint64		total = 0,
				below = 0;
	int			place = -1;

	for (uint32 b = 0; b < nbins; b++)
		total += then[b];
	for (uint32 b = 0; b < nbins; b++)
	{
		int			to = nbins <= COMPARED_BINS ? (int) b :
			(int) ((double) (below + then[b] / 2) / (double) Max(total, 1) * COMPARED_BINS);

		to = Min(to, COMPARED_BINS - 1);
		if (to != place)
		{
			compared_add(compared, 0, 0);
			place = to;
		}
		compared->then[compared->n - 1] += then[b];
		compared->now[compared->n - 1] += now[b];
		below += then[b];
	}
}

typedef struct LevelCount
{
	uint64		then;
	uint32		level;
} LevelCount;

/* The most rows first, then by number. */
static int
compare_levels(const void *a, const void *b)
{
	const LevelCount *x = a;
	const LevelCount *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->then != y->then)
		return x->then > y->then ? -1 : 1;
	return (x->level > y->level) - (x->level < y->level);
}

/* The levels with most rows then, and all others as one. */
static void
join_levels(const uint64 *then, const uint64 *now, uint32 nbins, Compared *compared)
{
	LevelCount *levels = palloc(mul_size(sizeof(LevelCount), Max(nbins, 1)));

	for (uint32 b = 0; b < nbins; b++)
		levels[b] = (LevelCount) {then[b], b};
	qsort(levels, nbins, sizeof(LevelCount), compare_levels);
	for (uint32 i = 0; i < nbins; i++)
	{
		if (i < COMPARED_BINS)
			compared_add(compared, 0, 0);
		compared->then[compared->n - 1] += then[levels[i].level];
		compared->now[compared->n - 1] += now[levels[i].level];
	}
	pfree(levels);
}

/* The population stability index and the Jensen-Shannon divergence; how many bins have a row at all. */
static int
divergences(const Compared *compared, double *psi, double *jensen_shannon)
{
	double		then = 0,
				now = 0;
	int			used = 0;

	*psi = *jensen_shannon = 0;
	for (int b = 0; b < compared->n; b++)
	{
		used += compared->then[b] + compared->now[b] > 0;
		then += compared->then[b];
		now += compared->now[b];
	}
	if (then == 0 || now == 0)
		return used;
	for (int b = 0; b < compared->n; b++)
	{
		double		p = compared->then[b] / then,
					q = compared->now[b] / now,
					m = (p + q) / 2;
		double		smooth_p = (compared->then[b] + SMOOTHING) / (then + SMOOTHING * used);
		double		smooth_q = (compared->now[b] + SMOOTHING) / (now + SMOOTHING * used);

		if (m == 0)
			continue;
		*psi += (smooth_q - smooth_p) * math_log(smooth_q / smooth_p);
		if (p > 0)
			*jensen_shannon += p / 2 * math_log(p / m);
		if (q > 0)
			*jensen_shannon += q / 2 * math_log(q / m);
	}
	*jensen_shannon = fmax(*jensen_shannon / M_LN2, 0);
	return used;
}

/*
 * The largest distance of the cumulative shares (Kolmogorov, Smirnov) at the bins' edges; below and above: rows
 * now outside of all bins.  NaN without values.
 */
static double
kolmogorov_smirnov(const uint64 *then, const uint64 *now, uint32 nbins, uint64 below, uint64 above)
{
	double		total_then = 0,
				total_now = (double) (below + above),
				below_then = 0,
				below_now = (double) below,
				largest;

	for (uint32 b = 0; b < nbins; b++)
	{
		total_then += then[b];
		total_now += now[b];
	}
	if (total_then == 0 || total_now == 0)
		return NAN;
	largest = below_now / total_now;
	for (uint32 b = 0; b < nbins; b++)
	{
		below_then += then[b];
		below_now += now[b];
		largest = fmax(largest, fabs(below_then / total_then - below_now / total_now));
	}
	return largest;
}

/* What is said of a feature. */
typedef struct Drift
{
	char	   *feature;
	const char *kind;
	uint64		rows;
	double		psi,
				jensen_shannon,
				ks,				/* NaN is NULL, as the next three */
				missing,
				training_missing,
				unseen;
	double		chance;			/* psi that chance gives */
} Drift;

static double
rate(uint64 part, uint64 all)
{
	return all == 0 ? NAN : (double) part / (double) all;
}

static void
drift_measure(const Compared *compared, double then, double now, Drift *drift)
{
	int			used = divergences(compared, &drift->psi, &drift->jensen_shannon);

	drift->chance = then > 0 && now > 0 ? (used - 1) * (1 / then + 1 / now) : 0;
}

static void
drift_of_feature(const DriftState *state, const DriftBins *bins, uint32 f, Drift *drift)
{
	const ModelFile *file = &bins->model->file;
	const LearnStats *stats = &file->stats[f];
	const uint64 *now = &state->counts[bins->first[f]];
	const uint64 *extra = &now[stats->nbins];
	bool		category = file->learn.features[f].kind == LEARN_CATEGORY;
	uint32		part = file->features[f].part;
	bool		encoded = part == PART_TARGET_MEAN;
	uint64		unseen = category || encoded ? state->unseen[file->features[f].column] : 0;
	uint64		trained = stats->count + stats->missing;
	Compared	compared = {0};

	memset(drift, 0, sizeof(*drift));
	drift->feature = pg_any_to_server(file->features[f].name, strlen(file->features[f].name), PG_UTF8);
	drift->kind = category || encoded ? "category" : part >= PART_YEAR && part <= PART_LAST ? DRIFT_CALENDAR : "number";
	drift->rows = state->rows;
	if (category)
	{
		join_levels(stats->counts, now, stats->nbins, &compared);
		drift->ks = NAN;
	}
	else if (encoded)
	{
		/* levels have no order of their own: that of their means is for the bins */
		join_neighbours(stats->counts, now, stats->nbins, &compared);
		drift->ks = NAN;
	}
	else
	{
		join_neighbours(stats->counts, now, stats->nbins, &compared);
		compared_add(&compared, 0, extra[BIN_BELOW]);
		compared_add(&compared, 0, extra[BIN_ABOVE]);
		drift->ks = kolmogorov_smirnov(stats->counts, now, stats->nbins, extra[BIN_BELOW], extra[BIN_ABOVE]);
	}
	if (category || encoded)
		compared_add(&compared, 0, unseen);
	compared_add(&compared, stats->missing, extra[BIN_MISSING] - unseen);
	drift_measure(&compared, trained, state->rows, drift);
	drift->missing = rate(extra[BIN_MISSING] - unseen, state->rows);
	drift->training_missing = rate(stats->missing, trained);
	drift->unseen = category || encoded ? rate(unseen, state->rows) : NAN;
}

static void
drift_of_predictions(const DriftState *state, const DriftBins *bins, Drift *drift)
{
	const uint64 *now = &state->counts[bins->first[bins->nfeatures]];
	bool		regression = bins->model->file.task == TASK_REGRESSION;
	Compared	compared = {0};

	memset(drift, 0, sizeof(*drift));
	drift->feature = "(prediction)";
	drift->kind = DRIFT_PREDICTION;
	drift->rows = state->rows;
	if (regression)
		join_neighbours(bins->held_out, now, bins->npredicted, &compared);
	else
		join_levels(bins->held_out, now, bins->npredicted, &compared);
	drift_measure(&compared, bins->nheld_out, state->rows, drift);
	drift->ks = regression ? kolmogorov_smirnov(bins->held_out, now, bins->npredicted, 0, 0) : NAN;
	drift->missing = drift->training_missing = drift->unseen = NAN;
}

/* An echolon.feature_drift. */
static Datum
drift_datum(const Drift *drift, double threshold, TupleDesc desc)
{
	const double numbers[] = {drift->psi, drift->jensen_shannon, drift->ks, drift->missing,
	drift->training_missing, drift->unseen, threshold};
	Datum		values[11];
	bool		nulls[11] = {false};

	values[0] = CStringGetTextDatum(drift->feature);
	values[1] = CStringGetTextDatum(drift->kind);
	values[2] = Int64GetDatum((int64) drift->rows);
	for (int i = 0; i < lengthof(numbers); i++)
	{
		nulls[3 + i] = isnan(numbers[i]);
		values[3 + i] = Float8GetDatum(numbers[i]);
	}
	values[10] = CStringGetTextDatum(drift->rows < FEWEST_ROWS ? VERDICT_FEW_ROWS :
									 drift->psi - drift->chance > threshold ? VERDICT_DRIFT : VERDICT_STABLE);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* All features and the predictions, in the model's order; the number of them. */
static Drift *
drift_all(const DriftState *state, int *n)
{
	ModelVersion *version = store_lookup(state->name, state->version, MODEL_PREDICT);
	DriftBins  *bins = drift_bins(version);
	Drift	   *drifts = palloc(mul_size(sizeof(Drift), add_size(bins->nfeatures, 1)));

	if (bins->ncounts != state->ncounts || bins->model->file.ncolumns != state->ncolumns)
		elog(ERROR, "model \"%s\" changed while its drift was counted", state->name);
	*n = 0;
	for (uint32 f = 0; f < bins->nfeatures; f++)
		drift_of_feature(state, bins, f, &drifts[(*n)++]);
	if (bins->npredicted > 0)
		drift_of_predictions(state, bins, &drifts[(*n)++]);
	return drifts;
}

Datum
echolon_drift_final(PG_FUNCTION_ARGS)
{
	DriftState *state = state_argument(fcinfo, 0);
	TupleDesc	desc;
	Drift	   *drifts;
	Datum	   *elements;
	int			n;

	(void) state_context(fcinfo);
	if (state == NULL)
		PG_RETURN_NULL();
	desc = lookup_rowtype_tupdesc(get_element_type(get_fn_expr_rettype(fcinfo->flinfo)), -1);
	drifts = drift_all(state, &n);
	elements = palloc(mul_size(sizeof(Datum), Max(n, 1)));
	for (int i = 0; i < n; i++)
		elements[i] = drift_datum(&drifts[i], state->threshold, desc);
	ReleaseTupleDesc(desc);
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, n, get_element_type(get_fn_expr_rettype(fcinfo->flinfo)),
										  -1, false, TYPALIGN_DOUBLE));
}

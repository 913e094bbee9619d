/*
 * encode.c
 *		Categories as smoothed means of the target: encode => 'target' (Micci-Barreca 2001).
 *
 *		(n * mean + m * prior) / (n + m)
 *
 * of the target in a level of n rows; m is target_smoothing, the prior is the mean of all rows.
 * For two classes it is the share of the positive one, for more a share of each.  Missing is a level
 * of its own.  Rows count by their sample weight, in units of the mean weight; class weights steer
 * the trees and change no mean.
 *
 * A row must not see its own target, or the trees would trust what is no more than memory.  So a
 * training row gets the means of other training rows: of four of five folds, or, where the rows
 * are split in time, of all earlier ones.  Every other row, and every row at prediction, gets the
 * means of all training rows.  Folds are made of identical rows, or of whole groups with split_groups.
 *
 * What drift compares rows of later with must be those means too: the statistics that a model keeps of an encoded feature
 * have bins of the levels' means (encode_stats).
 *
 * Sums of a fold's rows are never taken out of a sum of all: that would leave a rounding error
 * behind which tells the row's own target.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "learn/hash.h"
#include "learn/sum.h"
#include "train/train.h"

#define FOLDS				5
#define STREAM_FOLDS		3	/* of hash_random; holdout_split has 1 and 2 */
#define CHECK_ROWS			(64 * 1024)

/* Rows and targets of a level, or of all levels. */
typedef struct Cell
{
	double		n;				/* weight, in units of the mean weight */
	Sum			sum;			/* of weight times target */
} Cell;

/* What the columns and outputs of one fit share. */
typedef struct EncodeFit
{
	const Frame *frame;
	const Target *target;
	const uint32 *rows;			/* training rows */
	size_t		nrows;
	double		smoothing;
	double		unit;			/* the mean weight of the training rows */
	const double *weights;		/* by row of the frame; NULL: all 1 */
	uint8	   *folds;			/* [nrows]; NULL: by time */
	uint32	   *order;			/* by time: places in rows, from the earliest */
} EncodeFit;

/* ---- sums ------------------------------------------------------------------------- */

static inline void
cell_add(Cell *cell, double weight, double target)
{
	cell->n += weight;
	sum_add(&cell->sum, weight * target);
}

/* Add another cell's rows. */
static inline void
cell_join(Cell *cell, const Cell *other)
{
	cell->n += other->n;
	sum_add(&cell->sum, sum_get(&other->sum));
}

/* The mean of all rows; NaN of none. */
static double
cell_mean(const Cell *cell, bool share)
{
	double		mean = cell->n > 0 ? sum_get(&cell->sum) / cell->n : NAN;

	return share ? Min(mean, 1.0) : mean;	/* a sum of rounded weights may be a little above theirs */
}

/* The smoothed mean of a level; no product can leave the range that the means are in. */
static double
cell_smoothed(const Cell *cell, double prior, double smoothing, bool share)
{
	double		own = cell->n / (cell->n + smoothing);
	double		smoothed;

	if (!(cell->n > 0))
		return prior;
	smoothed = cell_mean(cell, share) * own + prior * (smoothing / (cell->n + smoothing));
	return share ? Min(smoothed, 1.0) : smoothed;
}

/* ---- rows --------------------------------------------------------------------------- */

/* Level of a row: missing is the last one. */
static inline uint32
row_level(const FrameColumn *column, uint32 row)
{
	return column->codes[row] == LEARN_MISSING ? column->ncategories : column->codes[row];
}

static inline double
row_weight(const EncodeFit *fit, uint32 row)
{
	return fit->weights ? fit->weights[row] / fit->unit : 1.0;
}

/* What is averaged: the target, or whether it is the class. */
static inline double
row_target(const EncodeFit *fit, uint32 row, uint32 label)
{
	double		y = fit->target->values[row];

	return fit->target->nclasses == 0 ? y : y == label;
}

/* ---- who may see whom ------------------------------------------------------------------ */

typedef struct TimedRow
{
	double		at;
	uint32		place;
} TimedRow;

static int
compare_timed(const void *a, const void *b)
{
	const TimedRow *x = a;
	const TimedRow *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* The training rows from the earliest to the latest. */
static void
order_by_time(EncodeFit *fit)
{
	const double *at = fit->frame->columns[fit->frame->split_by].values;
	TimedRow   *timed = palloc_rows(fit->nrows, sizeof(TimedRow));

	for (size_t i = 0; i < fit->nrows; i++)
	{
		timed[i].at = at[fit->rows[i]];
		timed[i].place = (uint32) i;
	}
	qsort(timed, fit->nrows, sizeof(TimedRow), compare_timed);
	fit->order = palloc_rows(fit->nrows, sizeof(uint32));
	for (size_t i = 0; i < fit->nrows; i++)
		fit->order[i] = timed[i].place;
	pfree(timed);
}

/* The fold of each training row, by what is in it. */
static void
make_folds(EncodeFit *fit, uint64 seed)
{
	const Frame *frame = fit->frame;
	const uint64 *content = frame->split_groups < 0 ? frame->row_hash : holdout_group_contents(frame);

	fit->folds = palloc_rows(fit->nrows, sizeof(uint8));
	for (size_t i = 0; i < fit->nrows; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		fit->folds[i] = hash_below(hash_random(seed, STREAM_FOLDS, content[fit->rows[i]]), FOLDS);
	}
	if (content != frame->row_hash)
		pfree(unconstify(uint64 *, content));
}

/* ---- one feature ------------------------------------------------------------------------- */

/*
 * Means of all training rows by level, into means as a model stores them, and into the values of
 * every row.
 */
static void
fill_full(const EncodeFit *fit, const FrameColumn *column, const Cell *levels, const Cell *all,
		  double *means, double *values)
{
	bool		share = fit->target->nclasses > 0;
	uint32		n = column->ncategories;
	double		prior = cell_mean(all, share);

	for (uint32 c = 0; c < n; c++)
		means[c] = cell_smoothed(&levels[c], prior, fit->smoothing, share);
	means[model_mean_unknown(n)] = prior;
	means[model_mean_missing(n)] = cell_smoothed(&levels[n], prior, fit->smoothing, share);
	for (size_t i = 0; i < fit->frame->nrows; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		values[i] = means[column->codes[i] == LEARN_MISSING ? model_mean_missing(n) : column->codes[i]];
	}
}

/* Out of fold: a training row gets the means of the other four folds; NaN where they weigh nothing. */
static void
encode_by_folds(const EncodeFit *fit, const FrameColumn *column, uint32 label, double *means,
				double *values)
{
	bool		share = fit->target->nclasses > 0;
	uint32		nlevels = column->ncategories + 1;
	Cell	   *levels = palloc0(mul_size(mul_size(nlevels, FOLDS + 1), sizeof(Cell)));
	Cell		totals[FOLDS + 1] = {{0}};
	Cell	   *full = &levels[(size_t) nlevels * FOLDS];
	double	   *others = palloc_rows((size_t) nlevels * FOLDS, sizeof(double));

	for (size_t i = 0; i < fit->nrows; i++)
	{
		uint32		row = fit->rows[i];
		uint32		fold = fit->folds[i];
		double		weight = row_weight(fit, row);
		double		y = row_target(fit, row, label);

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		cell_add(&levels[(size_t) nlevels * fold + row_level(column, row)], weight, y);
		cell_add(&totals[fold], weight, y);
	}
	for (uint32 fold = 0; fold < FOLDS; fold++)
	{
		Cell		total = {0};
		double		prior;

		for (uint32 g = 0; g < FOLDS; g++)
			if (g != fold)
				cell_join(&total, &totals[g]);
		prior = cell_mean(&total, share);
		for (uint32 c = 0; c < nlevels; c++)
		{
			Cell		level = {0};

			for (uint32 g = 0; g < FOLDS; g++)
				if (g != fold)
					cell_join(&level, &levels[(size_t) nlevels * g + c]);
			others[(size_t) nlevels * fold + c] = cell_smoothed(&level, prior, fit->smoothing, share);
		}
		CHECK_FOR_INTERRUPTS();
	}
	for (uint32 fold = 0; fold < FOLDS; fold++)
	{
		cell_join(&totals[FOLDS], &totals[fold]);
		for (uint32 c = 0; c < nlevels; c++)
			cell_join(&full[c], &levels[(size_t) nlevels * fold + c]);
	}
	fill_full(fit, column, full, &totals[FOLDS], means, values);
	for (size_t i = 0; i < fit->nrows; i++)
	{
		uint32		row = fit->rows[i];

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		values[row] = others[(size_t) nlevels * fit->folds[i] + row_level(column, row)];
	}
	pfree(levels);
	pfree(others);
}

/* Past only: a training row gets the means of the rows before its date; NaN where there are none. */
static void
encode_by_time(const EncodeFit *fit, const FrameColumn *column, uint32 label, double *means,
			   double *values)
{
	bool		share = fit->target->nclasses > 0;
	const double *at = fit->frame->columns[fit->frame->split_by].values;
	Cell	   *levels = palloc0(mul_size((size_t) column->ncategories + 1, sizeof(Cell)));
	Cell		total = {0};
	double	   *past = palloc_rows(fit->nrows, sizeof(double));

	for (size_t first = 0, end; first < fit->nrows; first = end)
	{
		double		date = at[fit->rows[fit->order[first]]];
		double		prior = cell_mean(&total, share);

		for (end = first; end < fit->nrows; end++)
		{
			uint32		place = fit->order[end];
			uint32		row = fit->rows[place];

			if (at[row] != date)
				break;
			if (end % CHECK_ROWS == 0)
				CHECK_FOR_INTERRUPTS();
			past[place] = cell_smoothed(&levels[row_level(column, row)], prior, fit->smoothing, share);
		}
		for (size_t i = first; i < end; i++)
		{
			uint32		row = fit->rows[fit->order[i]];
			double		weight = row_weight(fit, row);
			double		y = row_target(fit, row, label);

			if (i % CHECK_ROWS == 0)
				CHECK_FOR_INTERRUPTS();
			cell_add(&levels[row_level(column, row)], weight, y);
			cell_add(&total, weight, y);
		}
	}
	fill_full(fit, column, levels, &total, means, values);
	for (size_t i = 0; i < fit->nrows; i++)
		values[fit->rows[i]] = past[i];
	pfree(levels);
	pfree(past);
}

/* ---- the door ------------------------------------------------------------------------------- */

void
encode_fit(const Frame *frame, const Target *target, const ParamValues *values, const uint32 *rows,
		   size_t n, TrainFeatures *set)
{
	EncodeFit	fit;

	if (set->nencoded == 0)
		return;
	memset(&fit, 0, sizeof(fit));
	fit.frame = frame;
	fit.target = target;
	fit.rows = rows;
	fit.nrows = n;
	fit.smoothing = values->value[PARAM_TARGET_SMOOTHING].number;
	fit.weights = frame->weight < 0 ? NULL : frame->columns[frame->weight].values;
	if (fit.weights)
	{
		Sum			total = {0};

		for (size_t i = 0; i < n; i++)
			sum_add(&total, fit.weights[rows[i]]);
		fit.unit = sum_get(&total) / n;
	}
	if (frame->split_by >= 0)
		order_by_time(&fit);
	else
		make_folds(&fit, (uint64) values->value[PARAM_SEED].integer);

	for (int e = 0; e < set->nencoded; e++)
	{
		const EncodedColumn *encoded = &set->encoded[e];

		for (uint32 k = 0; k < encoded->nfeatures; k++)
		{
			uint32		label = set->features[encoded->first + k].label;

			if (fit.order)
				encode_by_time(&fit, encoded->column, label, encoded->means[k], encoded->values[k]);
			else
				encode_by_folds(&fit, encoded->column, label, encoded->means[k], encoded->values[k]);
		}
	}
	if (fit.order)
		pfree(fit.order);
	if (fit.folds)
		pfree(fit.folds);
}

/* ---- statistics for drift ---------------------------------------------------------------------- */

typedef struct EncodedLevel
{
	double		mean;
	uint64		rows;
} EncodedLevel;

static int
compare_encoded(const void *a, const void *b)
{
	const EncodedLevel *x = a;
	const EncodedLevel *y = b;

	CHECK_FOR_INTERRUPTS();
	return (x->mean > y->mean) - (x->mean < y->mean);
}

/* Bins of levels with rows, in the order of their means, equal ones in one: at most LEARN_STATS_BINS of about equal mass. */
static void
encoded_bins(EncodedLevel *levels, uint32 nlevels, size_t nrows, LearnStats *stats)
{
	double	   *upper = palloc(sizeof(double) * LEARN_STATS_BINS);
	uint64_t   *counts = palloc0(sizeof(uint64_t) * LEARN_STATS_BINS);
	uint64		below = 0;
	uint32		distinct = 0;
	uint32		n = 0;
	uint64		place = UINT64_MAX;

	qsort(levels, nlevels, sizeof(EncodedLevel), compare_encoded);
	for (uint32 c = 0; c < nlevels; c++)
	{
		if (levels[c].rows == 0)
			continue;
		if (distinct > 0 && levels[distinct - 1].mean == levels[c].mean)
			levels[distinct - 1].rows += levels[c].rows;
		else
			levels[distinct++] = levels[c];
	}
	for (uint32 c = 0; c < distinct; c++)
	{
		uint64		to = distinct <= LEARN_STATS_BINS ? c :
			(below + (levels[c].rows - 1) / 2) * LEARN_STATS_BINS / nrows;

		if (to != place)
		{
			place = to;
			n++;
		}
		upper[n - 1] = levels[c].mean;
		counts[n - 1] += levels[c].rows;
		below += levels[c].rows;
	}
	stats->count = nrows;
	stats->missing = 0;
	stats->nbins = n;
	stats->upper = upper;
	stats->counts = counts;
}

void
encode_stats(const TrainFeatures *set, const uint32 *rows, size_t n, LearnStats *stats)
{
	for (int e = 0; e < set->nencoded; e++)
	{
		const EncodedColumn *encoded = &set->encoded[e];
		uint32		ncategories = encoded->column->ncategories;
		uint64	   *counts = palloc0(mul_size(add_size(ncategories, 1), sizeof(uint64)));
		EncodedLevel *levels = palloc(mul_size(add_size(ncategories, 1), sizeof(EncodedLevel)));

		for (size_t i = 0; i < n; i++)
		{
			if (i % CHECK_ROWS == 0)
				CHECK_FOR_INTERRUPTS();
			counts[row_level(encoded->column, rows[i])]++;
		}
		for (uint32 k = 0; k < encoded->nfeatures; k++)
		{
			for (uint32 c = 0; c <= ncategories; c++)
			{
				levels[c].rows = counts[c];
				levels[c].mean = encoded->means[k][c < ncategories ? c : model_mean_missing(ncategories)];
			}
			encoded_bins(levels, ncategories + 1, n, &stats[encoded->first + k]);
		}
		pfree(counts);
		pfree(levels);
	}
}

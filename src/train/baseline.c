/*
 * baseline.c
 *		What a model has to beat: the mean or the class shares of the training rows;
 *		for a split in time also the last value, and the value one season before.
 *
 * A series is told by the feature set's group_by, else by a category column that makes the dates
 * unique: store, city, product.  The value before a held-out row may itself be held out: this
 * is the forecast one step ahead (or as far ahead as the feature set looks) that anyone can make
 * without a model.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "learn/hash.h"
#include "train/train.h"

#define DAY_USECS 86400e6

typedef struct SeriesRow
{
	uint64		group;
	double		at;
	uint32		row;
} SeriesRow;

static int
compare_series(const void *a, const void *b)
{
	const SeriesRow *x = a;
	const SeriesRow *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/* Take a column into what tells the groups apart. */
static void
series_group(const FrameColumn *column, SeriesRow *series, size_t nrows)
{
	for (size_t i = 0; i < nrows; i++)
	{
		uint64		bits;

		if (column->type.kind == COLUMN_CATEGORY)
			bits = column->codes[i];
		else
			memcpy(&bits, &column->values[i], sizeof(bits));
		series[i].group = hash_pair(series[i].group, bits);
	}
}

/*
 * All rows sorted by (group, date), groups being told by columns [ngroups]; NULL where two rows of a group
 * have one date.
 */
static SeriesRow *
series_sort(const Frame *frame, const double *at, const int *groups, int ngroups)
{
	SeriesRow  *series = palloc_rows(frame->nrows, sizeof(SeriesRow));

	for (size_t i = 0; i < frame->nrows; i++)
	{
		series[i].group = 0;
		series[i].at = at[i];
		series[i].row = (uint32) i;
	}
	for (int g = 0; g < ngroups; g++)
		series_group(&frame->columns[groups[g]], series, frame->nrows);
	qsort(series, frame->nrows, sizeof(SeriesRow), compare_series);
	CHECK_FOR_INTERRUPTS();
	for (size_t i = 1; i < frame->nrows; i++)
		if (compare_series(&series[i - 1], &series[i]) == 0)
		{
			pfree(series);
			return NULL;
		}
	return series;
}

/* The column of this name, if its values were kept; -1. */
static int
kept_column(const Frame *frame, const char *name)
{
	for (int c = 0; c < frame->ncolumns; c++)
		if (strcmp(frame->columns[c].name, name) == 0 &&
			(frame->columns[c].values != NULL || frame->columns[c].codes != NULL))
			return c;
	return -1;
}

/* The columns of these names; NULL where the frame has not kept them all. */
static int *
kept_columns(const Frame *frame, List *names)
{
	int		   *columns = palloc(mul_size(sizeof(int), Max(list_length(names), 1)));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, names)
		if ((columns[n++] = kept_column(frame, lfirst(cell))) < 0)
			return NULL;
	return columns;
}

bool
baseline_dates_repeat(const Frame *frame, const char *date, List *groups)
{
	int			at = kept_column(frame, date);
	int		   *columns = kept_columns(frame, groups);
	SeriesRow  *series;

	if (at < 0 || frame->columns[at].values == NULL || columns == NULL)
		return false;
	series = series_sort(frame, frame->columns[at].values, columns, list_length(groups));
	if (series == NULL)
		return true;
	pfree(series);
	return false;
}

/*
 * The series of a relation: by the columns named; else alone, or by the first category column that
 * makes dates unique.
 */
static SeriesRow *
series_find(const Frame *frame, List *names)
{
	const double *at = frame->columns[frame->split_by].values;
	int		   *groups = names == NIL ? NULL : kept_columns(frame, names);
	SeriesRow  *series = groups == NULL ? NULL : series_sort(frame, at, groups, list_length(names));

	if (series == NULL)
		series = series_sort(frame, at, NULL, 0);
	for (int c = 0; series == NULL && c < frame->ncolumns; c++)
		if (frame->columns[c].codes != NULL && c != frame->target &&
			frame->columns[c].ncategories < frame->nrows / 2)
			series = series_sort(frame, at, &c, 1);
	return series;
}

/* Median distance of neighbours in a series, in days; NaN where split_by is no date. */
static double
series_spacing(const Frame *frame, const SeriesRow *series)
{
	ColumnKind	kind = frame->columns[frame->split_by].type.kind;
	double	   *gaps;
	size_t		n = 0;
	double		median;

	if (kind == COLUMN_NUMBER)
		return NAN;
	gaps = palloc_rows(frame->nrows, sizeof(double));
	for (size_t i = 1; i < frame->nrows; i++)
		if (series[i].group == series[i - 1].group)
			gaps[n++] = series[i].at - series[i - 1].at;
	if (n == 0)
		median = NAN;
	else
	{
		qsort(gaps, n, sizeof(double), compare_doubles);
		median = gaps[n / 2] / (kind == COLUMN_DATE ? 1.0 : DAY_USECS);
	}
	pfree(gaps);
	return median;
}

/* Mean, or class shares, of the training rows: the same prediction for every row. */
static void
baseline_constant(const Target *target, const Holdout *holdout, double threshold, Baseline *baseline)
{
	uint32		width = Max(target->nclasses, 1);
	double	   *constant = palloc0(sizeof(double) * width);
	double	   *predictions;

	for (size_t i = 0; i < holdout->ntrain; i++)
	{
		double		y = target->values[holdout->train[i]];

		if (target->nclasses == 0)
			constant[0] += (y - constant[0]) / (i + 1);
		else
			constant[(uint32) y] += 1.0 / holdout->ntrain;
	}
	predictions = palloc_rows(holdout->ntest, sizeof(double) * width);
	for (size_t i = 0; i < holdout->ntest; i++)
		memcpy(&predictions[i * width], constant, sizeof(double) * width);
	baseline->name = target->nclasses == 0 ? "the mean" : "the class shares";
	scores_measure(target, threshold, holdout->test, holdout->ntest, predictions, &baseline->scores);
	pfree(predictions);
}

/*
 * The value lag rows before in its series as the prediction; a row without one is
 * predicted by the mean of the training rows.  Replaces *baseline where better.
 */
static void
baseline_lagged(const Target *target, const Holdout *holdout, size_t nrows,
				const SeriesRow *series, size_t lag, const char *name, Baseline *baseline)
{
	double	   *lagged = palloc_rows(nrows, sizeof(double));
	double	   *predictions = palloc_rows(holdout->ntest, sizeof(double));
	double		mean = 0;
	Scores		scores;

	for (size_t i = 0; i < holdout->ntrain; i++)
		mean += (target->values[holdout->train[i]] - mean) / (i + 1);
	for (size_t i = 0; i < nrows; i++)
		lagged[series[i].row] = i >= lag && series[i - lag].group == series[i].group
			? target->values[series[i - lag].row] : mean;
	for (size_t i = 0; i < holdout->ntest; i++)
		predictions[i] = lagged[holdout->test[i]];
	scores_measure(target, 0.5, holdout->test, holdout->ntest, predictions, &scores);
	if (scores_value(&scores, "mse") < scores_value(&baseline->scores, "mse"))
	{
		baseline->name = name;
		baseline->scores = scores;
	}
	pfree(lagged);
	pfree(predictions);
}

void
baseline_measure(const Frame *frame, const Target *target, const Holdout *holdout,
				 double threshold, List *series_names, int horizon, Baseline *baseline)
{
	static const struct
	{
		double		from,
					to;			/* spacing in days */
		size_t		season;		/* rows */
		const char *last;
		const char *seasonal;
	}			spacings[] = {
		{0.03, 0.06, 24, "last hour's value", "the value 24 hours before"},
		{0.9, 1.5, 7, "yesterday's value", "the value a week before"},
		{6.5, 7.5, 52, "last week's value", "the value 52 weeks before"},
		{28, 31, 12, "last month's value", "the value a year before"},
		{89, 93, 4, "last quarter's value", "the value a year before"},
		{364, 367, 0, "last year's value", NULL},
	};
	SeriesRow  *series;
	const char *last = "the last value";
	const char *seasonal = NULL;
	size_t		season = 0;
	double		days;

	memset(baseline, 0, sizeof(*baseline));
	if (holdout->ntest == 0)
		return;
	baseline_constant(target, holdout, threshold, baseline);
	if (holdout->kind != HOLDOUT_TIME || target->task != TASK_REGRESSION ||
		(series = series_find(frame, series_names)) == NULL)
		return;
	days = series_spacing(frame, series);
	for (int i = 0; i < lengthof(spacings); i++)
		if (days >= spacings[i].from && days <= spacings[i].to)
		{
			last = spacings[i].last;
			seasonal = spacings[i].seasonal;
			season = spacings[i].season;
		}
	if (horizon > 1)
		last = psprintf("the value %d rows before", horizon);
	baseline_lagged(target, holdout, frame->nrows, series, horizon, last, baseline);
	if (seasonal && season >= (size_t) horizon)
		baseline_lagged(target, holdout, frame->nrows, series, season, seasonal, baseline);
	pfree(series);
}

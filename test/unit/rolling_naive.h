/*
 * rolling_naive.h
 *		The rolling engine's slow twin: each term of each row from its definition, from all
 *		rows of the group, by sums in long double.
 *
 * Where the values are small multiples of 1/8 all of these sums are exact, and the twin's results
 * must be the engine's to the bit.
 */
#ifndef ECHOLON_ROLLING_NAIVE_H
#define ECHOLON_ROLLING_NAIVE_H

#include <math.h>
#include <stdlib.h>

#include "features/rolling.h"

typedef struct NaiveRow
{
	double		value;
	bool		isnull;
	int64_t		at;
} NaiveRow;

/* A result, and how far from it a rounded sum of the same values may be. */
typedef struct NaiveResult
{
	double		value;
	bool		isnull;
	double		tolerance;
} NaiveResult;

#define NAIVE_NULL	((NaiveResult) {.isnull = true})

static int
naive_compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	if (isnan(x) || isnan(y))
		return (isnan(x) != 0) - (isnan(y) != 0);
	return (x > y) - (x < y);
}

/* Value, tolerance relative to a size. */
static NaiveResult
naive_near(long double value, long double size)
{
	return (NaiveResult) {(double) value, false, (double) (fabsl(size) * 1e-14L)};
}

/* The rows of a term's window that ends with row last: those with a value. */
static size_t
naive_window(const NaiveRow *rows, size_t last, const RollingTerm *term, const RollingClock *clock, double *values)
{
	size_t		n = 0;
	int64_t		bound = INT64_MIN;

	/* what has left a window by time does not come back */
	if (term->extent == ROLLING_SPAN)
		for (size_t i = 0; i <= last; i++)
		{
			int64_t		before = clock->before(clock->arg, rows[i].at, &term->span);

			bound = before > bound ? before : bound;
		}
	for (size_t i = 0; i <= last; i++)
	{
		bool		in = true;

		if (term->extent == ROLLING_ROWS)
			in = last - i < (size_t) term->rows;
		else if (term->extent == ROLLING_SPAN)
			in = rows[i].at > bound;
		else if (term->extent != ROLLING_EXPANDING)
			in = clock->period(clock->arg, rows[i].at, term->extent) ==
				clock->period(clock->arg, rows[last].at, term->extent);
		if (in && !rows[i].isnull)
			values[n++] = rows[i].value;
	}
	return n;
}

/* Sum, mean, variance, stddev, slope, z-score of values, as PostgreSQL has them. */
static NaiveResult
naive_moment(RollingStat stat, const double *values, size_t n, const NaiveRow *last)
{
	long double sum = 0,
				size = 0,
				squares = 0,
				products = 0,
				product_size = 0,
				count = (long double) n,
				mean,
				variance;
	bool		nan = false,
				positive = false,
				negative = false;

	for (size_t i = 0; i < n; i++)
	{
		nan = nan || isnan(values[i]);
		positive = positive || values[i] == INFINITY;
		negative = negative || values[i] == -INFINITY;
	}
	if (nan || positive || negative)
	{
		if (stat != ROLLING_SUM && stat != ROLLING_MEAN)
			return n < 2 || (stat == ROLLING_ZSCORE && last->isnull) ? NAIVE_NULL : (NaiveResult) {.value = NAN};
		if (nan || (positive && negative))
			return (NaiveResult) {.value = NAN};
		return (NaiveResult) {.value = positive ? INFINITY : -INFINITY};
	}
	for (size_t i = 0; i < n; i++)
	{
		sum += values[i];
		size += fabsl((long double) values[i]);
	}
	mean = sum / count;
	for (size_t i = 0; i < n; i++)
	{
		long double k = (long double) i - (count - 1) / 2;

		squares += (values[i] - mean) * (values[i] - mean);
		products += k * values[i];
		product_size += fabsl(k * values[i]);
	}
	switch (stat)
	{
		case ROLLING_SUM:
			return naive_near(sum, size);
		case ROLLING_MEAN:
			return naive_near(mean, size / count);
		default:
			break;
	}
	if (n < 2)
		return NAIVE_NULL;
	variance = squares / (count - 1);
	switch (stat)
	{
		case ROLLING_VARIANCE:
			return naive_near(variance, variance);
		case ROLLING_STDDEV:
			return naive_near(sqrtl(variance), sqrtl(variance));
		case ROLLING_SLOPE:
			return naive_near(products / (count * (count * count - 1) / 12),
							  product_size / (count * (count * count - 1) / 12));
		default:
			if (last->isnull || variance == 0)
				return NAIVE_NULL;
			return naive_near((last->value - mean) / sqrtl(variance),
							  (fabsl((long double) last->value) + size / count) / sqrtl(variance));
	}
}

/*
 * The same where all values are multiples of 1/8 below 2^16, n below 2^8: sums as integers, and the very
 * operations that round which the engine has.
 */
static NaiveResult
naive_exact(RollingStat stat, const double *values, size_t n, const NaiveRow *last)
{
	int64_t		sum = 0,
				squares = 0,
				products = 0,
				m = (int64_t) n;
	double		mean,
				variance;

	for (size_t i = 0; i < n; i++)
	{
		int64_t		x = (int64_t) (8 * values[i]);

		sum += x;
		squares += x * x;
		products += (int64_t) i * x;
	}
	mean = (double) sum / 8 / (double) m;
	if (stat == ROLLING_SUM)
		return (NaiveResult) {.value = (double) sum / 8};
	if (stat == ROLLING_MEAN)
		return (NaiveResult) {.value = mean};
	if (n < 2)
		return NAIVE_NULL;
	variance = (double) (m * squares - sum * sum) / 64 / (double) (m * (m - 1));
	if (stat == ROLLING_VARIANCE)
		return (NaiveResult) {.value = variance};
	if (stat == ROLLING_STDDEV)
		return (NaiveResult) {.value = sqrt(variance)};
	if (stat == ROLLING_SLOPE)
		return (NaiveResult) {.value = (double) (2 * products - (m - 1) * sum) / 8 / (double) (m * (m * m - 1) / 6)};
	if (last->isnull || variance == 0)
		return NAIVE_NULL;
	return (NaiveResult) {.value = (last->value - mean) / sqrt(variance)};
}

/* The exponentially weighted mean of rows 0 .. last, by the weights of its definition. */
static NaiveResult
naive_ewma(const NaiveRow *rows, size_t last, const RollingTerm *term)
{
	long double mean = 0,
				weights = 0,
				size = 0;
	int64_t		count = 0;
	size_t		previous = 0,
				latest = last;
	bool		strange = false;

	/* rows without a value at the end change no proportion of weights */
	while (latest > 0 && rows[latest].isnull)
		latest--;

	for (size_t i = 0; i <= last; i++)
	{
		long double weight;

		if (rows[i].isnull)
			continue;
		if (!isfinite(rows[i].value))
			strange = true;
		size = fmaxl(size, fabsl((long double) rows[i].value));
		if (term->adjust)
		{
			/* (sum of (1 - alpha)^age x) / (sum of (1 - alpha)^age) */
			weight = powl(1 - (long double) term->alpha, (long double) (latest - i));
			mean += weight * rows[i].value;
			weights += weight;
		}
		else
		{
			/* all before weigh (1 - alpha)^distance together, this one alpha */
			weight = powl(1 - (long double) term->alpha, (long double) (i - previous));
			mean = count == 0 ? rows[i].value :
				(weight * mean + term->alpha * (long double) rows[i].value) / (weight + term->alpha);
		}
		previous = i;
		count++;
	}
	if (count == 0 || count < term->min_periods)
		return NAIVE_NULL;
	if (strange)
		return (NaiveResult) {.value = NAN, .tolerance = INFINITY};
	return naive_near(term->adjust ? mean / weights : mean, 100 * size);
}

/* The lag of row last; false where there is no such row. */
static bool
naive_lag(const NaiveRow *rows, size_t last, const RollingTerm *term, const RollingClock *clock, size_t *lag)
{
	int64_t		target;

	if (term->extent == ROLLING_ROWS)
	{
		if (last < (size_t) term->rows)
			return false;
		*lag = last - (size_t) term->rows;
		return true;
	}
	target = clock->before(clock->arg, rows[last].at, &term->span);
	for (size_t i = last + 1; i-- > 0;)
		if (rows[i].at == target)
		{
			*lag = i;
			return true;
		}
	return false;
}

/* A term at row now.  rows are filled already; exact: they are values for naive_exact. */
static NaiveResult
naive_term(const NaiveRow *rows, size_t now, const RollingTerm *term, const RollingClock *clock, bool exact)
{
	double	   *values;
	size_t		last,
				lag,
				n;
	NaiveResult result = NAIVE_NULL;

	if (now < (size_t) term->end)
		return term->stat == ROLLING_COUNT && term->min_periods <= 0 ? (NaiveResult) {.value = 0} : NAIVE_NULL;
	last = now - (size_t) term->end;
	switch (term->stat)
	{
		case ROLLING_VALUE:
			return (NaiveResult) {.value = rows[last].value, .isnull = rows[last].isnull};
		case ROLLING_EWMA:
			return naive_ewma(rows, last, term);
		case ROLLING_LAG:
		case ROLLING_DIFF:
		case ROLLING_PCT_CHANGE:
			if (!naive_lag(rows, last, term, clock, &lag) || rows[lag].isnull)
				return NAIVE_NULL;
			if (term->stat == ROLLING_LAG)
				return (NaiveResult) {.value = rows[lag].value};
			if (rows[last].isnull || (term->stat == ROLLING_PCT_CHANGE && rows[lag].value == 0))
				return NAIVE_NULL;
			if (term->stat == ROLLING_DIFF)
				return (NaiveResult) {.value = rows[last].value - rows[lag].value};
			return (NaiveResult) {.value = rows[last].value / rows[lag].value - 1};
		default:
			break;
	}

	values = malloc((last + 1) * sizeof(*values));
	n = naive_window(rows, last, term, clock, values);
	if ((int64_t) n < term->min_periods || (n == 0 && term->stat != ROLLING_COUNT))
	{
		free(values);
		return NAIVE_NULL;
	}
	result.isnull = false;
	switch (term->stat)
	{
		case ROLLING_COUNT:
			result.value = (double) n;
			break;
		case ROLLING_FIRST:
			result.value = values[0];
			break;
		case ROLLING_LAST:
			result.value = values[n - 1];
			break;
		case ROLLING_MIN:
		case ROLLING_MAX:
		case ROLLING_MEDIAN:
			qsort(values, n, sizeof(*values), naive_compare);
			if (term->stat != ROLLING_MEDIAN)
				result.value = values[term->stat == ROLLING_MIN ? 0 : n - 1];
			else if (n % 2 == 1 || (isfinite(values[n / 2]) && values[n / 2] == values[n / 2 - 1]))
				result.value = values[n / 2];
			else
				result = naive_near(values[n / 2 - 1] + 0.5L * ((long double) values[n / 2] - values[n / 2 - 1]),
									fabs(values[n / 2 - 1]) + fabs(values[n / 2]));
			break;
		default:
			result = exact ? naive_exact(term->stat, values, n, &rows[last]) :
				naive_moment(term->stat, values, n, &rows[last]);
			break;
	}
	free(values);
	return result;
}

#endif							/* ECHOLON_ROLLING_NAIVE_H */

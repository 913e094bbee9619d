/*
 * distribution.c
 *		What is asked of a number's fitted distribution: quantiles, percentiles, thresholds.
 *
 * Ranks count from 0 in ascending order: the value of rank r is larger than r others or equal to
 * some of them.  Point j holds the ranks smaller[j] to smaller[j] + counts[j] - 1.  Where
 * points are not all distinct values, ranks and values between two of them are on a line.
 */
#include "postgres.h"

#include <math.h>

#include "features/fit.h"

/* Bounds of a share of high values, in parts of what is wanted: 10 % and 40 % where 25 % are. */
#define SHARE_LEAST		0.4
#define SHARE_MOST		1.6

/* How far value is on the way from one point to another, 0 to 1. */
static double
way(double value, double from, double to)
{
	double		width = to - from;

	/* numbers of opposite sign may lie further apart than the largest one */
	if (isinf(width))
		return (value / 2 - from / 2) / (to / 2 - from / 2);
	return (value - from) / width;
}

/* A share of the way from one value to another, as PostgreSQL computes it. */
static double
between(double from, double to, double share)
{
	double		width = to - from;

	if (isinf(width))
		return from * (1 - share) + to * share;
	return from + share * width;
}

/* The last point that is value or less; -1: they are all larger. */
static int
point_at(const NumberFit *fit, double value)
{
	int			low = -1,
				high = fit->npoints;

	while (high - low > 1)
	{
		int			middle = low + (high - low) / 2;

		if (fit->points[middle] <= value)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* The value of a rank, 0 .. n-1. */
static double
value_of_rank(const NumberFit *fit, uint64 rank)
{
	int			low = 0,
				high = fit->npoints;
	uint64		last;

	while (high - low > 1)
	{
		int			middle = low + (high - low) / 2;

		if (fit->smaller[middle] <= rank)
			low = middle;
		else
			high = middle;
	}
	last = fit->smaller[low] + fit->counts[low] - 1;
	if (rank <= last || low + 1 == fit->npoints)
		return fit->points[low];
	return between(fit->points[low], fit->points[low + 1],
				   (double) (rank - last) / (double) (fit->smaller[low + 1] - last));
}

double
fit_quantile(const NumberFit *fit, double share)
{
	double		place;
	double		below;
	double		low,
				high;

	if (fit->n == 0)
		return NAN;
	place = share * (double) (fit->n - 1);
	below = floor(place);
	low = value_of_rank(fit, (uint64) below);
	if (ceil(place) == below)
		return low;
	high = value_of_rank(fit, (uint64) ceil(place));
	return between(low, high, place - below);
}

/* percent_rank() of a point. */
static double
point_percentile(const NumberFit *fit, int point)
{
	return fit->n < 2 ? 0 : (double) fit->smaller[point] / (double) (fit->n - 1);
}

double
fit_percentile(const NumberFit *fit, double value)
{
	int			point;
	double		low;

	if (fit->n == 0 || isnan(value))
		return NAN;
	point = point_at(fit, value);
	if (point < 0)
		return 0;
	if (value == fit->points[point])
		return point_percentile(fit, point);
	if (point + 1 == fit->npoints)
		return 1;
	low = point_percentile(fit, point);
	return low + (point_percentile(fit, point + 1) - low) *
		way(value, fit->points[point], fit->points[point + 1]);
}

/* The share of the values above one. */
static double
share_above(const NumberFit *fit, double value)
{
	int			point = point_at(fit, value);
	double		not_above;

	if (point < 0)
		return 1;
	not_above = (double) (fit->smaller[point] + fit->counts[point]);
	if (value > fit->points[point] && point + 1 < fit->npoints)
		not_above = between(not_above, (double) fit->smaller[point + 1],
							way(value, fit->points[point], fit->points[point + 1]));
	return ((double) fit->n - not_above) / (double) fit->n;
}

double
fit_high_value(const NumberFit *fit, double share, double *above, bool *moved)
{
	double		threshold = fit_quantile(fit, share);
	double		least = SHARE_LEAST * (1 - share);
	double		most = SHARE_MOST * (1 - share);
	int			point;
	int			step;

	*moved = false;
	*above = 0;
	if (fit->n == 0)
		return threshold;
	*above = share_above(fit, threshold);
	if (*above >= least && *above <= most)
		return threshold;

	/* too few above: the next smaller value, and so on; too many: the next larger one */
	step = *above < least ? -1 : 1;
	point = point_at(fit, threshold);
	if (step > 0 || (point >= 0 && fit->points[point] == threshold))
		point += step;
	for (; point >= 0 && point < fit->npoints; point += step)
	{
		double		other = share_above(fit, fit->points[point]);
		bool		beyond = step < 0 ? other > most : other < least;

		/* the first one that mends it; one that does not, where else there were no high values */
		if ((other >= least && other <= most) || (beyond && *above == 0))
		{
			*moved = true;
			*above = other;
			return fit->points[point];
		}
		if (beyond)
			break;
	}
	return threshold;
}

double
fit_scaled(double value, double from, double width)
{
	double		distance = value - from;

	if (!(width > 0) || isinf(width))
		return NAN;
	if (isinf(distance) && !isinf(value))
		return (value / 2 - from / 2) / width * 2;
	return distance / width;
}

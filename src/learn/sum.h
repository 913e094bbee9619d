/*
 * sum.h
 *		Compensated sums: as good as twice the precision, in the order given.
 */
#ifndef ECHOLON_SUM_H
#define ECHOLON_SUM_H

#include <math.h>

typedef struct Sum
{
	double		total;
	double		lost;			/* what rounding took from total */
} Sum;

/* Add a value (Neumaier 1974). */
static inline void
sum_add(Sum *sum, double value)
{
	double		next = sum->total + value;

	if (fabs(sum->total) >= fabs(value))
		sum->lost += (sum->total - next) + value;
	else
		sum->lost += (value - next) + sum->total;
	sum->total = next;
}

/* The sum.  Where it has left the range of numbers, the compensation is none. */
static inline double
sum_get(const Sum *sum)
{
	return isfinite(sum->total) ? sum->total + sum->lost : sum->total;
}

#endif							/* ECHOLON_SUM_H */

/*
 * ewma.h
 *		Exponentially weighted means.  Plain C without a server.
 *
 * As pandas, ewm(alpha, adjust, ignore_na = False).mean(): weights fall at every row, NULL ones
 * included.  With adjust the weights of the values are 1, 1 - alpha, (1 - alpha)^2, … back in
 * time; without, a value weighs alpha and all before it what is left of 1 after that many rows.
 */
#ifndef ECHOLON_EWMA_H
#define ECHOLON_EWMA_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* All zero: no value yet. */
typedef struct Ewma
{
	uint64_t	count;			/* values that are not NULL */
	double		mean;			/* where there is one */
	double		weight;			/* of all values in it */
} Ewma;

/* The next row. */
static inline void
ewma_add(Ewma *ewma, double alpha, bool adjust, double x, bool isnull)
{
	double		weight = adjust ? 1.0 : alpha;

	ewma->weight *= 1.0 - alpha;
	if (isnull)
		return;
	if (ewma->count++ == 0)
	{
		ewma->mean = x;
		ewma->weight = 1.0;
		return;
	}
	/* a constant stays what it is; and what weighs nothing counts for nothing, if it is infinite too */
	if (ewma->weight == 0.0)
		ewma->mean = x;
	else if (ewma->mean != x)
	{
		double		total = ewma->weight + weight;
		double		mean = (ewma->weight * ewma->mean + weight * x) / total;

		if (!isfinite(mean) && isfinite(ewma->mean) && isfinite(x))
			mean = ewma->mean * (ewma->weight / total) + x * (weight / total);
		ewma->mean = mean;
	}
	ewma->weight = adjust ? ewma->weight + weight : 1.0;
}

#endif							/* ECHOLON_EWMA_H */

/*
 * fit.h
 *		What a feature set learns from all rows of its relation, in one pass: distributions of
 *		numbers, levels of categories.
 */
#ifndef ECHOLON_FIT_H
#define ECHOLON_FIT_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* A number's distribution.  NULL, NaN and infinite values are not in it. */
typedef struct NumberFit
{
	char	   *column;
	uint64		n;				/* values in it */
	double		mean,
				stddev,			/* of a sample, as stddev_samp; NaN below two values */
				minimum,
				maximum,
				q1,				/* percentile_cont */
				median,
				q3;
	int			npoints;		/* all distinct values where they are 10,000 at most (then percentiles are
								 * exact), else that many quantiles */
	double	   *points;			/* ascending */
	double	   *below;			/* share of the other rows that are smaller: percent_rank() of the point */
} NumberFit;

typedef struct CategoryFit
{
	char	   *column;
	uint64		n;				/* values that are not NULL */
	uint32		nlevels;
	char	  **labels;			/* C collation, or the enum's or boolean's own order: a level's place is its code */
	uint64	   *counts;
} CategoryFit;

typedef struct Fit
{
	uint64		rows;
	List	   *numbers;		/* of NumberFit * */
	List	   *categories;		/* of CategoryFit * */
} Fit;

/* One pass over the relation as the caller; memory within echolon.max_memory. */
extern Fit *fit_relation(Oid relid, List *numeric, List *category);

/* Replace the fits of a set by these. */
extern void fit_store(int64 set_id, const Fit *fit);

/* The number below which a share of the fitted values lies, as percentile_cont. */
extern double fit_quantile(const NumberFit *fit, double share);

/*
 * The threshold above which a value is high: fit_quantile(share); where ties leave under 10 % or over
 * 40 % of the values above it (for a share of 0.75; in proportion for others), the next distinct value that mends it: *moved.
 * *above: the share of values above.
 */
extern double fit_high_value(const NumberFit *fit, double share, double *above, bool *moved);

#endif							/* ECHOLON_FIT_H */

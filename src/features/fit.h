/*
 * fit.h
 *		What a feature set learns from all rows of its relation, in one pass: distributions of
 *		numbers, levels of categories.
 *
 *		fit.c			read and summarised
 *		distribution.c	what is asked of a number's distribution
 *		fit_store.c		stored and loaded
 */
#ifndef ECHOLON_FIT_H
#define ECHOLON_FIT_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "features/feature.h"

#define FIT_MAX_POINTS	10000
#define FIT_MAX_LEVELS	1000000

/* A number's distribution.  NULL, NaN and infinite values are not in it. */
typedef struct NumberFit
{
	char	   *column;
	uint64		n;				/* values in it */
	uint64		ndistinct;		/* different ones; known to fit_relation only */
	double		mean,			/* NaN without a value, as all up to q3 */
				stddev,			/* of a sample, as stddev_samp; NaN below two values, and where no double
								 * holds it */
				minimum,
				maximum,
				q1,				/* percentile_cont */
				median,
				q3;

	/*
	 * All distinct values where they are FIT_MAX_POINTS at most: then percentiles are exact.  Else
	 * as many of them that hold what no others can tell: the smallest and the largest one, those
	 * around each hundredth part, the ones next to a value of many rows; between two
	 * neighbours lies less than 1/4890 of the values.
	 */
	int			npoints;
	double	   *points;			/* ascending */
	uint64	   *smaller;		/* values smaller than the point: its percent_rank() is smaller / (n - 1) */
	uint64	   *counts;			/* values equal to it */
} NumberFit;

typedef struct CategoryFit
{
	char	   *column;
	uint64		n;				/* values that are not NULL */
	uint32		nlevels;
	char	  **labels;			/* C collation, or the enum's, boolean's or number's own order: a level's place
								 * is its code */
	uint64	   *counts;
	char	   *too_large;		/* why there are no labels: "more than 1000000 different values"; else NULL */
} CategoryFit;

typedef struct Fit
{
	uint64		rows;
	List	   *numbers;		/* of NumberFit * */
	List	   *categories;		/* of CategoryFit * */
} Fit;

/* ---- fit.c -------------------------------------------------------------------- */

/*
 * One pass over the relation as the caller; memory within echolon.max_memory.  Raises for columns
 * that are no numbers, or no categories; integers and other numbers may be either.
 */
extern Fit *fit_relation(Oid relid, List *numeric, List *category);

/*
 * The same of a locked set's relation, of rows committed by now, as the owner of its view: whoever else
 * may fit it again must not run with their own rights what the relation, if it is a view, calls.
 */
extern Fit *fit_set(const FeatureSet *set, List *numeric, List *category);

/* The distribution of values[rows[0 .. n)] (rows NULL: of the first n); column is left NULL. */
extern NumberFit *fit_values(const double *values, const uint32 *rows, size_t n);

/* Raise where a column has too many levels to be stored. */
extern void fit_check_category(const CategoryFit *fit);

/* Leave out the fits of columns that are not among these. */
extern void fit_keep(Fit *fit, List *numbers, List *categories);

/* ---- fit_store.c ---------------------------------------------------------------- */

/* Replace the fits of a set by these.  Raises for a category that is too large. */
extern void fit_store(int64 set_id, const Fit *fit);

/*
 * Give the levels of a new fit the codes that the set's last one gave them, and new levels the next
 * ones: a model that was trained on codes goes on to mean the same by them.  Levels that are gone stay, with
 * no rows.
 */
extern void fit_keep_codes(const FeatureSet *set, Fit *fit);

/* ---- distribution.c ------------------------------------------------------------- */

/*
 * The number below which a share (0 to 1) of the fitted values lies, as percentile_cont; the very
 * same where points hold all values, and at hundredth parts.  NaN without a value.
 */
extern double fit_quantile(const NumberFit *fit, double share);

/*
 * percent_rank() of a value among the fitted ones, 0 to 1; linear between points, 0 or 1 outside.
 * NaN for NaN, and without a fitted value.
 */
extern double fit_percentile(const NumberFit *fit, double value);

/*
 * The threshold above which a value is high: fit_quantile(share).  Where ties leave under 10 % or over
 * 40 % of the values above it (for a share of 0.75; in proportion for others), it is the next distinct
 * value that mends it: *moved.  Where none does, it stays, unless nothing at all is above it.
 * *above: the share of values above.
 */
extern double fit_high_value(const NumberFit *fit, double share, double *above, bool *moved);

/* (value - from) / width, without an overflow on the way; NaN where width is 0 or not finite. */
extern double fit_scaled(double value, double from, double width);

#endif							/* ECHOLON_FIT_H */

/*
 * rolling.h
 *		The engine of rolling features: one pass over a group's rows in their order, many windows
 *		at once.  Plain C without a server.
 *
 * It is used in two ways: by the window function echolon_rolling (window.c), and by the direct
 * path (direct.c).  Both push the same rows in the same order, so both give the same bits.
 */
#ifndef ECHOLON_ROLLING_H
#define ECHOLON_ROLLING_H

#include "learn/learn.h"

typedef enum RollingStat
{
	ROLLING_COUNT,				/* values that are not NULL */
	ROLLING_SUM,
	ROLLING_MEAN,
	ROLLING_STDDEV,				/* of a sample: NULL below two values */
	ROLLING_VARIANCE,
	ROLLING_MIN,
	ROLLING_MAX,
	ROLLING_FIRST,				/* of the values that are not NULL, as is LAST */
	ROLLING_LAST,
	ROLLING_MEDIAN,
	ROLLING_SLOPE,				/* least squares against 0, 1, … of the values that are not NULL; NULL below two */
	ROLLING_ZSCORE,				/* (value of the window's last row - mean) / stddev; NULL where stddev is 0 */
	ROLLING_LAG,				/* value of the row so many rows, or exactly so long, before (of several rows
								 * of that time the last one) */
	ROLLING_DIFF,				/* value - lag */
	ROLLING_PCT_CHANGE,			/* value / lag - 1; NULL where lag is 0 */
	ROLLING_EWMA,				/* exponentially weighted mean, as pandas (ignore_na = false) */
	ROLLING_VALUE				/* the value itself, after filling */
} RollingStat;

typedef enum RollingExtent
{
	ROLLING_ROWS,				/* so many rows */
	ROLLING_SPAN,				/* rows whose time is later than that of the last row - span, by row order: 7 days of a
								 * daily series are 7 rows */
	ROLLING_EXPANDING,			/* all rows up to here */
	ROLLING_YEAR,				/* all rows of the last row's calendar year up to here (year to date) */
	ROLLING_QUARTER,
	ROLLING_MONTH
} RollingExtent;

typedef struct RollingSpan
{
	int32_t		months;
	int32_t		days;
	int64_t		micros;
} RollingSpan;

/* One output: a statistic of one window. */
typedef struct RollingTerm
{
	RollingStat stat;
	RollingExtent extent;
	int64_t		rows;			/* ROLLING_ROWS: length of the window, or the distance of a lag; 1 or more */
	RollingSpan span;			/* ROLLING_SPAN */
	int64_t		end;			/* the window's last row is so many rows before the current one; 0: it is the current one */
	int64_t		min_periods;	/* fewer values that are not NULL: NULL; 0 for a count that never is.  Not
								 * of LAG, DIFF, PCT_CHANGE, VALUE */
	double		alpha;			/* ROLLING_EWMA: above 0, at most 1 */
	bool		adjust;			/* ROLLING_EWMA: weights of the values there are, or a recursion */
} RollingTerm;

#define ROLLING_MAX_TERMS	1600
#define ROLLING_MAX_ROWS	INT64_C(1000000000)	/* of a window, a lag, an end, min_periods */

/*
 * Calendar arithmetic, which needs a server's time zones.  Times are microseconds since 2000-01-01
 * (a date is its midnight).  NULL: spans have no months and days are 24 hours; no calendar extents.
 */
typedef struct RollingClock
{
	/*
	 * at - span, not after at; INT64_MIN where the calendar ends before.  Where clocks are changed it may
	 * be a little earlier for a later row: a window that has left a row behind does not take it back.
	 */
	int64_t		(*before) (void *arg, int64_t at, const RollingSpan *span);
	int64_t		(*period) (void *arg, int64_t at, RollingExtent extent);	/* first moment of its year, quarter or month */
	void	   *arg;
} RollingClock;

typedef struct RollingState RollingState;

/*
 * All memory comes from env.  terms are copied.  fill: a NULL is taken for the last value that
 * is not (forward fill within the group).
 */
extern RollingState *rolling_create(const LearnEnv *env, const RollingTerm *terms, int nterms,
									const RollingClock *clock, bool fill);

/* Before the first row of a group. */
extern void rolling_restart(RollingState *state);

/*
 * The next row of a group, in order of time: its terms' values into out[nterms], isnull[nterms].
 * at counts only where a term has a time.  NaN and infinities count as PostgreSQL's aggregates
 * count them.
 */
extern void rolling_push(RollingState *state, double value, bool value_isnull, int64_t at,
						 double *out, bool *isnull);

/*
 * Did a value of the last push become infinite though nothing that went into it is?  Where
 * PostgreSQL's own aggregates and operators raise "value out of range: overflow", so does the caller.
 */
extern bool rolling_overflowed(const RollingState *state);

/* What it has allocated, in bytes; grows with windows by time. */
extern size_t rolling_memory(const RollingState *state);

extern void rolling_free(RollingState *state);

#endif							/* ECHOLON_ROLLING_H */

/*
 * rolling_state.h
 *		What the engine of rolling features keeps, for its own files.
 *
 *		rolling.c			terms -> windows, the ring of rows, the push of a row
 *		rolling_windows.c	what a row does to a window: statistics, lags, weighted means
 */
#ifndef ECHOLON_ROLLING_STATE_H
#define ECHOLON_ROLLING_STATE_H

#include "features/ewma.h"
#include "features/exact.h"
#include "features/extremes.h"
#include "features/median.h"
#include "features/rolling.h"

/* A long gap can make a million rows leave at once: the cancel check comes each so many. */
#define CHECK_MASK		0xFFF

/* What a window has to keep for its terms. */
#define NEEDS_SUM		0x01
#define NEEDS_SQUARES	0x02
#define NEEDS_SLOPE		0x04
#define NEEDS_MIN		0x08
#define NEEDS_MAX		0x10
#define NEEDS_MEDIAN	0x20
#define NEEDS_ORDER		(NEEDS_MIN | NEEDS_MAX | NEEDS_MEDIAN)

typedef enum WindowKind
{
	WINDOW_VALUES,				/* statistics of many values */
	WINDOW_LAG,					/* one earlier value */
	WINDOW_EWMA,
	WINDOW_ROW					/* the row itself */
} WindowKind;

/* A row of the group. */
typedef struct Row
{
	int64_t		number;			/* from 0 on */
	double		value;
	bool		isnull;
	int64_t		at;
} Row;

/* One term of a window. */
typedef struct Output
{
	RollingStat stat;
	int			index;			/* in out */
	int64_t		min_periods;
} Output;

typedef struct Window
{
	WindowKind	kind;
	RollingExtent extent;
	int64_t		rows;
	RollingSpan span;
	int64_t		end;
	double		alpha;
	bool		adjust;
	uint32_t	needs;
	int			noutputs;
	Output	   *outputs;

	/* the state; all 0 at the first row of a group */
	int64_t		count;			/* values that are not NULL */
	int64_t		first;			/* span: the oldest row that it holds, or that a lag may need */
	int64_t		first_value;	/* rows, span: no row before this one is the first with a value */
	int64_t		later;			/* lag by span: the first row that is later than so long before */
	int64_t		target;			/* lag by span: the latest time so long before, */
	bool		started;		/* if there was one yet */
	int64_t		period;			/* to date: when it began */
	double		earliest;		/* expanding, to date: the first value */
	double		latest;			/* the last value */
	Ewma		ewma;

	Moments    *moments;		/* NULL where none are needed, as the median */
	Extreme		min,
				max;
	Median	   *median;

	/* of the current row, where they have been computed */
	bool		mean_known,
				stddev_known,
				stddev_isnull;
	double		mean,
				stddev;
} Window;

struct RollingState
{
	const LearnEnv *env;
	RollingClock clock;			/* before and period NULL: none */
	bool		fill;
	int			nterms;
	int			nwindows;
	Window	   *windows;
	Output	   *outputs;		/* all windows', one after the other */

	int64_t		nrows;			/* of the group, before the current one */
	bool		overflowed;
	bool		any_value;		/* fill: filler is one */
	double		filler;

	/* the ring: rows oldest .. nrows, row r at r & (room - 1) */
	bool		keeps_rows,
				keeps_times;
	bool		spans;			/* a window's rows are known only when their times are */
	int64_t		keep;			/* rows before the current one that the others need */
	int64_t		oldest;
	int64_t		room;			/* a power of two, or 0 */
	double	   *values;
	bool	   *nulls;
	int64_t    *times;			/* NULL: keeps_times is false */
};

/* Do values leave the window one by one? */
static inline bool
window_moves(const Window *window)
{
	return window->extent == ROLLING_ROWS || window->extent == ROLLING_SPAN;
}

static inline int64_t
ring_time(const RollingState *state, int64_t row)
{
	return state->times[row & (state->room - 1)];
}

static inline bool
ring_isnull(const RollingState *state, int64_t row)
{
	return state->nulls[row & (state->room - 1)];
}

static inline double
ring_value(const RollingState *state, int64_t row)
{
	return state->values[row & (state->room - 1)];
}

/* ---- rolling_windows.c: the values of a window's terms; last is its last row, NULL: it has none yet ---- */

extern void rolling_values_push(RollingState *state, Window *window, const Row *last, double *out, bool *isnull);
extern void rolling_lag_push(RollingState *state, Window *window, const Row *last, double *out, bool *isnull);
extern void rolling_ewma_push(Window *window, const Row *last, double *out, bool *isnull);

/* No values again: a new group, or a new period. */
extern void rolling_window_clear(Window *window);

#endif							/* ECHOLON_ROLLING_STATE_H */

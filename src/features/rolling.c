/*
 * rolling.c
 *		The engine of rolling features.
 *
 * Terms of the same window share one state: its sums, its extremes, its median, each only if a term
 * needs it.  All windows share one ring of past rows, from which they take the rows that leave.  It
 * starts small and doubles up to what the longest window needs, so a window of a million rows
 * costs nothing in a group of ten.
 *
 * A row costs O(1) for each window and term (sums, lags, first, last), amortised O(1) for minimum,
 * maximum and spans of time, O(log window) for the median.  Windows that nothing leaves (expanding,
 * to date) keep no rows; an "end" makes the row that enters a window an earlier one, from the ring.
 */
#include <math.h>
#include <string.h>

#include "features/exact.h"
#include "features/extremes.h"
#include "features/median.h"
#include "features/rolling.h"

#define FIRST_ROOM		64		/* rows */

/* A long gap can make a million rows leave at once: the cancel check comes each so many. */
#define CHECK_MASK		0xFFF

#define DAY_MICROS		(INT64_C(24) * 3600 * 1000000)

/*
 * Where clocks are set back, the time a day before is less for a later row, by at most so much: a
 * lag by days keeps rows for that long.
 */
#define CLOCK_SET_BACK	(INT64_C(3) * 3600 * 1000000)

/* What a window has to keep for its terms. */
#define NEEDS_SUM		0x01
#define NEEDS_SQUARES	0x02
#define NEEDS_SLOPE		0x04
#define NEEDS_MIN		0x08
#define NEEDS_MAX		0x10
#define NEEDS_MEDIAN	0x20

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
	int64_t		bound;			/* span: the earliest time in the window, or that of the lag */
	int64_t		period;			/* to date: when it began */
	bool		started;		/* bound and period are valid */
	double		earliest;		/* expanding, to date: the first value */
	double		latest;			/* the last value */
	double		ewma;
	double		weight;			/* of all values in ewma */

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

	/* the ring: rows oldest .. nrows, row r at r & mask */
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

/* ---- windows -------------------------------------------------------------------- */

static uint32_t
stat_needs(RollingStat stat)
{
	switch (stat)
	{
		case ROLLING_SUM:
		case ROLLING_MEAN:
			return NEEDS_SUM;
		case ROLLING_STDDEV:
		case ROLLING_VARIANCE:
		case ROLLING_ZSCORE:
			return NEEDS_SUM | NEEDS_SQUARES;
		case ROLLING_SLOPE:
			return NEEDS_SUM | NEEDS_SLOPE;
		case ROLLING_MIN:
			return NEEDS_MIN;
		case ROLLING_MAX:
			return NEEDS_MAX;
		case ROLLING_MEDIAN:
			return NEEDS_MEDIAN;
		default:
			return 0;
	}
}

static WindowKind
stat_kind(RollingStat stat)
{
	switch (stat)
	{
		case ROLLING_LAG:
		case ROLLING_DIFF:
		case ROLLING_PCT_CHANGE:
			return WINDOW_LAG;
		case ROLLING_EWMA:
			return WINDOW_EWMA;
		case ROLLING_VALUE:
			return WINDOW_ROW;
		default:
			return WINDOW_VALUES;
	}
}

/* The window of a term, without a state; fields that don't matter to it are 0. */
static Window
window_of(const RollingTerm *term)
{
	Window		window;

	memset(&window, 0, sizeof(window));
	window.kind = stat_kind(term->stat);
	window.end = term->end;
	if (window.kind == WINDOW_EWMA)
	{
		window.alpha = term->alpha;
		window.adjust = term->adjust;
	}
	if (window.kind == WINDOW_VALUES || window.kind == WINDOW_LAG)
	{
		window.extent = term->extent;
		if (term->extent == ROLLING_ROWS)
			window.rows = term->rows;
		if (term->extent == ROLLING_SPAN)
			window.span = term->span;
	}
	return window;
}

static bool
same_window(const Window *a, const Window *b)
{
	return a->kind == b->kind && a->extent == b->extent && a->rows == b->rows && a->end == b->end &&
		a->span.months == b->span.months && a->span.days == b->span.days && a->span.micros == b->span.micros &&
		a->alpha == b->alpha && a->adjust == b->adjust;
}

/* Do values leave the window one by one? */
static inline bool
window_moves(const Window *window)
{
	return window->extent == ROLLING_ROWS || window->extent == ROLLING_SPAN;
}

/* Does the window look at the times of rows? */
static bool
window_needs_time(const Window *window)
{
	return window->extent != ROLLING_ROWS && window->extent != ROLLING_EXPANDING;
}

/* Can the engine compute the term?  The caller has checked it; out of range it would not be safe. */
static void
check_term(const LearnEnv *env, const RollingTerm *term, const RollingClock *clock)
{
	WindowKind	kind = stat_kind(term->stat);
	bool		windowed = kind == WINDOW_VALUES || kind == WINDOW_LAG;

	if (term->stat < ROLLING_COUNT || term->stat > ROLLING_VALUE ||
		term->end < 0 || term->end > ROLLING_MAX_ROWS ||
		(kind == WINDOW_EWMA && !(term->alpha > 0.0 && term->alpha <= 1.0)) ||
		(windowed && (term->extent < ROLLING_ROWS || term->extent > ROLLING_MONTH)) ||
		(windowed && term->extent == ROLLING_ROWS && (term->rows < 1 || term->rows > ROLLING_MAX_ROWS)) ||
		(windowed && term->extent == ROLLING_SPAN && term->span.months != 0 && clock == NULL) ||
		(windowed && term->extent > ROLLING_EXPANDING && clock == NULL) ||
		(kind == WINDOW_LAG && term->extent > ROLLING_SPAN))
		env->fail(env->arg, "a rolling term is out of range");
}

/* Group the terms by their windows. */
static void
make_windows(RollingState *state, const RollingTerm *terms)
{
	int		   *window_number = env_alloc(state->env, (size_t) state->nterms, sizeof(*window_number));
	Output	   *output;

	for (int i = 0; i < state->nterms; i++)
	{
		Window		window = window_of(&terms[i]);
		int			w = 0;

		while (w < state->nwindows && !same_window(&state->windows[w], &window))
			w++;
		if (w == state->nwindows)
			state->windows[state->nwindows++] = window;
		state->windows[w].needs |= stat_needs(terms[i].stat);
		state->windows[w].noutputs++;
		window_number[i] = w;
	}
	output = state->outputs;
	for (int w = 0; w < state->nwindows; w++)
	{
		Window	   *window = &state->windows[w];

		window->outputs = output;
		for (int i = 0; i < state->nterms; i++)
			if (window_number[i] == w)
				*output++ = (Output) {terms[i].stat, i, terms[i].min_periods};
	}
	env_free(state->env, window_number);
}

/* Which sums a window has. */
static uint32_t
moments_flags(const Window *window)
{
	return ((window->needs & NEEDS_SQUARES) ? MOMENTS_SQUARES : 0) |
		((window->needs & NEEDS_SLOPE) ? MOMENTS_SLOPE : 0);
}

/* The states of a window, and how many rows before the current one it needs. */
static void
window_begin(RollingState *state, Window *window)
{
	int64_t		keep = window->end;

	if (window->needs & NEEDS_SUM)
	{
		window->moments = env_alloc(state->env, 1, moments_size(moments_flags(window)));
		moments_init(window->moments, moments_flags(window));
	}
	extreme_init(&window->min, state->env, false);
	extreme_init(&window->max, state->env, true);
	if (window->needs & NEEDS_MEDIAN)
	{
		window->median = env_alloc(state->env, 1, sizeof(*window->median));
		median_init(window->median, state->env);
	}

	/* the row behind the window is the one that leaves, or the one of the lag */
	if (window->kind <= WINDOW_LAG && window->extent == ROLLING_ROWS)
		keep += window->rows;
	if (window->kind <= WINDOW_LAG && window_needs_time(window))
		state->keeps_times = true;
	if (window->kind <= WINDOW_LAG && window->extent == ROLLING_SPAN)
		state->spans = true;
	if (keep > state->keep)
		state->keep = keep;
}

RollingState *
rolling_create(const LearnEnv *env, const RollingTerm *terms, int nterms,
			   const RollingClock *clock, bool fill)
{
	RollingState *state;

	if (nterms < 1 || nterms > ROLLING_MAX_TERMS)
		env->fail(env->arg, "there are no rolling terms, or too many");
	for (int i = 0; i < nterms; i++)
		check_term(env, &terms[i], clock);
	state = env_alloc0(env, 1, sizeof(*state));
	state->env = env;
	if (clock != NULL)
		state->clock = *clock;
	state->fill = fill;
	state->nterms = nterms;
	state->windows = env_alloc(env, (size_t) nterms, sizeof(*state->windows));
	state->outputs = env_alloc(env, (size_t) nterms, sizeof(*state->outputs));
	make_windows(state, terms);
	for (int w = 0; w < state->nwindows; w++)
		window_begin(state, &state->windows[w]);
	state->keeps_rows = state->keep > 0 || state->spans;
	return state;
}

/* No values again. */
static void
window_clear(Window *window)
{
	window->count = 0;
	if (window->moments != NULL)
		moments_reset(window->moments);
	extreme_reset(&window->min);
	extreme_reset(&window->max);
	if (window->median != NULL)
		median_reset(window->median);
}

void
rolling_restart(RollingState *state)
{
	for (int w = 0; w < state->nwindows; w++)
	{
		Window	   *window = &state->windows[w];

		window_clear(window);
		window->first = window->first_value = window->later = 0;
		window->started = false;
	}
	state->nrows = 0;
	state->oldest = 0;
	state->any_value = false;
}

size_t
rolling_memory(const RollingState *state)
{
	size_t		bytes = sizeof(*state) + (size_t) state->nterms * (sizeof(Window) + sizeof(Output));

	bytes += (size_t) state->room * (sizeof(double) + sizeof(bool) + (state->keeps_times ? sizeof(int64_t) : 0));
	for (int w = 0; w < state->nwindows; w++)
	{
		const Window *window = &state->windows[w];

		if (window->moments != NULL)
			bytes += moments_size(window->moments->flags);
		bytes += extreme_memory(&window->min) + extreme_memory(&window->max);
		if (window->median != NULL)
			bytes += sizeof(*window->median) + median_memory(window->median);
	}
	return bytes;
}

void
rolling_free(RollingState *state)
{
	const LearnEnv *env = state->env;

	for (int w = 0; w < state->nwindows; w++)
	{
		Window	   *window = &state->windows[w];

		env_free(env, window->moments);
		extreme_free(&window->min);
		extreme_free(&window->max);
		if (window->median != NULL)
			median_free(window->median);
		env_free(env, window->median);
	}
	env_free(env, state->values);
	env_free(env, state->nulls);
	env_free(env, state->times);
	env_free(env, state->windows);
	env_free(env, state->outputs);
	env_free(env, state);
}

/* ---- the ring of rows ------------------------------------------------------------- */

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

/* The same entries in an array of twice the size. */
static void *
ring_copy(const RollingState *state, void *old, size_t size)
{
	char	   *new = env_alloc(state->env, (size_t) (state->room > 0 ? 2 * state->room : FIRST_ROOM), size);

	for (int64_t row = state->oldest; row < state->nrows; row++)
	{
		memcpy(new + size * (size_t) (row & (2 * state->room - 1)),
			   (char *) old + size * (size_t) (row & (state->room - 1)), size);
		if ((row & CHECK_MASK) == 0)
			state->env->check(state->env->arg);
	}
	env_free(state->env, old);
	return new;
}

/* Forget rows that no window needs; and double the room where that is not enough. */
static void
ring_make_room(RollingState *state)
{
	int64_t		spare = 0;

	state->oldest = state->nrows > state->keep ? state->nrows - state->keep : 0;
	if (state->spans)
	{
		for (int w = 0; w < state->nwindows; w++)
			if (state->windows[w].extent == ROLLING_SPAN && state->windows[w].first < state->oldest)
				state->oldest = state->windows[w].first;
		/* or all windows would have to be asked again at each of the next rows */
		spare = state->room / 4;
	}
	if (state->nrows - state->oldest + spare < state->room)
		return;
	state->values = ring_copy(state, state->values, sizeof(*state->values));
	state->nulls = ring_copy(state, state->nulls, sizeof(*state->nulls));
	if (state->keeps_times)
		state->times = ring_copy(state, state->times, sizeof(*state->times));
	state->room = state->room > 0 ? 2 * state->room : FIRST_ROOM;
}

/* The current row into the ring. */
static inline void
ring_add(RollingState *state, const Row *row)
{
	int64_t		place;

	if (row->number - state->oldest >= state->room)
		ring_make_room(state);
	place = row->number & (state->room - 1);
	state->values[place] = row->value;
	state->nulls[place] = row->isnull;
	if (state->keeps_times)
		state->times[place] = row->at;
}

/* ---- windows of values --------------------------------------------------------------- */

/* The value of a window's last row goes into it. */
static inline void
window_enter(Window *window, double value)
{
	if (window->count++ == 0)
		window->earliest = value;
	window->latest = value;
	if (window->moments != NULL)
		moments_add(window->moments, value);
	if (window->needs & (NEEDS_MIN | NEEDS_MAX | NEEDS_MEDIAN))
	{
		void		(*add) (Extreme *, double) = window_moves(window) ? extreme_add : extreme_add_forever;

		if (window->needs & NEEDS_MIN)
			add(&window->min, value);
		if (window->needs & NEEDS_MAX)
			add(&window->max, value);
		if (window->needs & NEEDS_MEDIAN)
			median_add(window->median, value);
	}
}

/* A row leaves it. */
static inline void
window_leave(const RollingState *state, Window *window, int64_t row)
{
	if (ring_isnull(state, row))
		return;
	window->count--;
	if (window->moments != NULL)
		moments_remove(window->moments, ring_value(state, row));
	if (window->needs & NEEDS_MIN)
		extreme_remove(&window->min);
	if (window->needs & NEEDS_MAX)
		extreme_remove(&window->max);
	if (window->needs & NEEDS_MEDIAN)
		median_remove(window->median);
}

/* Time so long before; never after it. */
static int64_t
time_before(const RollingState *state, int64_t at, const RollingSpan *span)
{
	int64_t		length,
				before;

	if (state->clock.before != NULL)
		before = state->clock.before(state->clock.arg, at, span);
	else if (__builtin_mul_overflow((int64_t) span->days, DAY_MICROS, &length) ||
			 __builtin_add_overflow(length, span->micros, &length) ||
			 __builtin_sub_overflow(at, length, &before))
		before = INT64_MIN;
	return before < at ? before : at;
}

/*
 * Rows up to the time leave.  What has left stays out, even where times go back; the last row itself is always
 * in.
 */
static void
window_move_span(const RollingState *state, Window *window, const Row *last)
{
	int64_t		bound = time_before(state, last->at, &window->span);

	if (window->started && bound < window->bound)
		bound = window->bound;
	window->started = true;
	window->bound = bound;
	while (window->first < last->number && ring_time(state, window->first) <= bound)
	{
		window_leave(state, window, window->first);
		if ((++window->first & CHECK_MASK) == 0)
			state->env->check(state->env->arg);
	}
}

/* Move a window on to its next last row. */
static inline void
window_move(const RollingState *state, Window *window, const Row *last)
{
	if (window->extent == ROLLING_ROWS)
	{
		if (last->number >= window->rows)
			window_leave(state, window, last->number - window->rows);
		window->first = last->number >= window->rows ? last->number - window->rows + 1 : 0;
	}
	else if (window->extent == ROLLING_SPAN)
		window_move_span(state, window, last);
	else if (window->extent != ROLLING_EXPANDING)
	{
		int64_t		period = state->clock.period(state->clock.arg, last->at, window->extent);

		if (!window->started || period != window->period)
			window_clear(window);
		window->started = true;
		window->period = period;
	}
	if (!last->isnull)
		window_enter(window, last->value);
	window->mean_known = window->stddev_known = false;
}

/* The first value of a window that has one. */
static double
window_earliest(const RollingState *state, Window *window)
{
	if (!window_moves(window))
		return window->earliest;
	if (window->first_value < window->first)
		window->first_value = window->first;
	while (ring_isnull(state, window->first_value))
		if ((++window->first_value & CHECK_MASK) == 0)
			state->env->check(state->env->arg);
	return ring_value(state, window->first_value);
}

static double
window_mean(Window *window)
{
	if (!window->mean_known)
		moments_mean(window->moments, &window->mean);
	window->mean_known = true;
	return window->mean;
}

/* False: NULL. */
static bool
window_stddev(Window *window, double *result)
{
	if (!window->stddev_known)
		window->stddev_isnull = !moments_stddev(window->moments, &window->stddev);
	window->stddev_known = true;
	*result = window->stddev;
	return !window->stddev_isnull;
}

/* One statistic of a window with a value at least; false: NULL. */
static inline bool
window_value(RollingState *state, Window *window, RollingStat stat, const Row *last, double *result)
{
	double		stddev;

	switch (stat)
	{
		case ROLLING_SUM:
			moments_sum(window->moments, result);
			break;
		case ROLLING_MEAN:
			*result = window_mean(window);
			return true;
		case ROLLING_STDDEV:
			return window_stddev(window, result);
		case ROLLING_VARIANCE:
			if (!moments_variance(window->moments, result))
				return false;
			break;
		case ROLLING_ZSCORE:
			if (last->isnull || !window_stddev(window, &stddev) || stddev == 0.0)
				return false;
			*result = (last->value - window_mean(window)) / stddev;
			break;
		case ROLLING_SLOPE:
			if (!moments_slope(window->moments, result))
				return false;
			break;
		case ROLLING_MIN:
			return extreme_get(&window->min, result);
		case ROLLING_MAX:
			return extreme_get(&window->max, result);
		case ROLLING_MEDIAN:
			return median_get(window->median, result);
		case ROLLING_FIRST:
			*result = window_earliest(state, window);
			return true;
		case ROLLING_LAST:
			*result = window->latest;
			return true;
		default:
			return false;
	}
	/* made of sums */
	if (isinf(*result) && moments_finite(window->moments))
		state->overflowed = true;
	return true;
}

/* All terms of a window of values; last is NULL: it has no row yet. */
static inline void
values_push(RollingState *state, Window *window, const Row *last, double *out, bool *isnull)
{
	int64_t		count = 0;

	if (last != NULL)
	{
		window_move(state, window, last);
		count = window->count;
	}
	for (int i = 0; i < window->noutputs; i++)
	{
		const Output *output = &window->outputs[i];

		if (output->stat == ROLLING_COUNT)
		{
			out[output->index] = (double) count;
			isnull[output->index] = count < output->min_periods;
		}
		else
			isnull[output->index] = count == 0 || count < output->min_periods ||
				!window_value(state, window, output->stat, last, &out[output->index]);
	}
}

/* ---- lags ------------------------------------------------------------------------------ */

/* The first row of first .. behind-1 that is later than a time; behind where none is. */
static int64_t
search_later(const RollingState *state, int64_t first, int64_t behind, int64_t time)
{
	while (first < behind)
	{
		int64_t		middle = first + (behind - first) / 2;

		if (ring_time(state, middle) <= time)
			first = middle + 1;
		else
			behind = middle;
	}
	return first;
}

/* The last row whose time is exactly the span before that of the window's last row; -1: there is none. */
static int64_t
lag_by_span(const RollingState *state, Window *window, const Row *last)
{
	int64_t		target = time_before(state, last->at, &window->span);
	int64_t		later,
				kept;

	if (window->started && target < window->bound)
		later = search_later(state, window->first, window->later, target);
	else
	{
		window->started = true;
		window->bound = target;
		while (window->later <= last->number && ring_time(state, window->later) <= target)
			if ((++window->later & CHECK_MASK) == 0)
				state->env->check(state->env->arg);
		later = window->later;

		kept = target;
		if (window->span.months != 0 || window->span.days != 0)
			kept = target < INT64_MIN + CLOCK_SET_BACK ? INT64_MIN : target - CLOCK_SET_BACK;
		while (window->first < window->later && ring_time(state, window->first) < kept)
			if ((++window->first & CHECK_MASK) == 0)
				state->env->check(state->env->arg);
	}
	if (later <= window->first || ring_time(state, later - 1) != target)
		return -1;
	return later - 1;
}

/* All terms of a lag. */
static inline void
lag_push(RollingState *state, Window *window, const Row *last, double *out, bool *isnull)
{
	int64_t		row = -1;
	bool		lag_isnull;
	double		lag = 0.0;

	if (last != NULL && window->extent == ROLLING_ROWS)
		row = last->number - window->rows;
	else if (last != NULL)
		row = lag_by_span(state, window, last);
	lag_isnull = row < 0 || ring_isnull(state, row);
	if (!lag_isnull)
		lag = ring_value(state, row);

	for (int i = 0; i < window->noutputs; i++)
	{
		const Output *output = &window->outputs[i];
		double		result = lag;
		bool		missing = lag_isnull;

		if (output->stat != ROLLING_LAG && !missing)
		{
			missing = last->isnull || (output->stat == ROLLING_PCT_CHANGE && lag == 0.0);
			if (!missing)
			{
				result = output->stat == ROLLING_DIFF ? last->value - lag : last->value / lag - 1.0;
				if (isinf(result) && isfinite(last->value) && isfinite(lag))
					state->overflowed = true;
			}
		}
		out[output->index] = result;
		isnull[output->index] = missing;
	}
}

/* ---- exponentially weighted means ---------------------------------------------------- */

/*
 * As pandas, ewm(alpha, adjust, ignore_na = False).mean(): weights fall at every row, NULL ones
 * included.  With adjust the weights of the values are 1, 1 - alpha, (1 - alpha)^2, … back in
 * time; without, a value weighs alpha and all before it what is left of 1 after that many rows.
 */
static void
ewma_enter(Window *window, const Row *last)
{
	double		weight = window->adjust ? 1.0 : window->alpha;

	window->weight *= 1.0 - window->alpha;
	if (last->isnull)
		return;
	if (window->count++ == 0)
	{
		window->ewma = last->value;
		window->weight = 1.0;
		return;
	}
	/* a constant stays what it is; and what weighs nothing counts for nothing, if it is infinite too */
	if (window->weight == 0.0)
		window->ewma = last->value;
	else if (window->ewma != last->value)
	{
		double		total = window->weight + weight;
		double		mean = (window->weight * window->ewma + weight * last->value) / total;

		if (!isfinite(mean) && isfinite(window->ewma) && isfinite(last->value))
			mean = window->ewma * (window->weight / total) + last->value * (weight / total);
		window->ewma = mean;
	}
	window->weight = window->adjust ? window->weight + weight : 1.0;
}

/* All terms of an exponentially weighted mean: that of the last value, at NULLs too. */
static inline void
ewma_push(Window *window, const Row *last, double *out, bool *isnull)
{
	if (last != NULL)
		ewma_enter(window, last);
	for (int i = 0; i < window->noutputs; i++)
	{
		const Output *output = &window->outputs[i];

		out[output->index] = window->ewma;
		isnull[output->index] = window->count == 0 || window->count < output->min_periods;
	}
}

/* ---- rows ---------------------------------------------------------------------------------- */

void
rolling_push(RollingState *state, double value, bool value_isnull, int64_t at,
			 double *out, bool *isnull)
{
	Row			current = {.number = state->nrows, .value = value, .isnull = value_isnull, .at = at};

	state->overflowed = false;
	if (state->fill)
	{
		if (!value_isnull)
		{
			state->filler = value;
			state->any_value = true;
		}
		else if (state->any_value)
		{
			current.value = state->filler;
			current.isnull = false;
		}
	}
	if (state->keeps_rows)
		ring_add(state, &current);

	for (int w = 0; w < state->nwindows; w++)
	{
		Window	   *window = &state->windows[w];
		const Row  *last = &current;
		Row			earlier;

		if (window->end > 0)
		{
			last = NULL;
			if (current.number >= window->end)
			{
				earlier.number = current.number - window->end;
				earlier.value = ring_value(state, earlier.number);
				earlier.isnull = ring_isnull(state, earlier.number);
				earlier.at = state->keeps_times ? ring_time(state, earlier.number) : 0;
				last = &earlier;
			}
		}
		switch (window->kind)
		{
			case WINDOW_VALUES:
				values_push(state, window, last, out, isnull);
				break;
			case WINDOW_LAG:
				lag_push(state, window, last, out, isnull);
				break;
			case WINDOW_EWMA:
				ewma_push(window, last, out, isnull);
				break;
			case WINDOW_ROW:
				for (int i = 0; i < window->noutputs; i++)
				{
					out[window->outputs[i].index] = last != NULL ? last->value : 0.0;
					isnull[window->outputs[i].index] = last == NULL || last->isnull;
				}
				break;
		}
	}
	state->nrows++;
}

bool
rolling_overflowed(const RollingState *state)
{
	return state->overflowed;
}

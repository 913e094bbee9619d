/*
 * rolling_windows.c
 *		What a row does to one window of the rolling engine, and what its terms are then.
 */
#include <math.h>
#include <string.h>

#include "features/rolling_state.h"

#define DAY_MICROS		(INT64_C(24) * 3600 * 1000000)

/*
 * Where clocks are set back, the time a day before is less for a later row, by at most so much: a
 * lag by days keeps rows for that long.
 */
#define CLOCK_SET_BACK	(INT64_C(3) * 3600 * 1000000)

/* ---- windows of values --------------------------------------------------------------- */

void
rolling_window_clear(Window *window)
{
	window->count = 0;
	memset(&window->ewma, 0, sizeof(window->ewma));
	if (window->moments != NULL)
		moments_reset(window->moments);
	extreme_reset(&window->min);
	extreme_reset(&window->max);
	if (window->median != NULL)
		median_reset(window->median);
}

/* The value of a window's last row goes into it. */
static inline void
window_enter(Window *window, double value)
{
	if (window->count++ == 0)
		window->earliest = value;
	window->latest = value;
	if (window->moments != NULL)
		moments_add(window->moments, value);
	if (!(window->needs & NEEDS_ORDER))
		return;
	if (window->needs & (NEEDS_MIN | NEEDS_MAX))
	{
		void		(*add) (Extreme *, double) = window_moves(window) ? extreme_add : extreme_add_forever;

		if (window->needs & NEEDS_MIN)
			add(&window->min, value);
		if (window->needs & NEEDS_MAX)
			add(&window->max, value);
	}
	if (window->needs & NEEDS_MEDIAN)
		median_add(window->median, value);
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
	if (!(window->needs & NEEDS_ORDER))
		return;
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
 * Rows up to the time leave.  What has left stays out, even where times go back; the last row itself is
 * always in.
 */
static void
window_move_span(const RollingState *state, Window *window, const Row *last)
{
	int64_t		bound = time_before(state, last->at, &window->span);

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

		if (period != window->period)
			rolling_window_clear(window);
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
void
rolling_values_push(RollingState *state, Window *window, const Row *last, double *out, bool *isnull)
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

	if (window->started && target < window->target)
		later = search_later(state, window->first, window->later, target);
	else
	{
		window->started = true;
		window->target = target;
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
void
rolling_lag_push(RollingState *state, Window *window, const Row *last, double *out, bool *isnull)
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

/* All terms of an exponentially weighted mean: that of the last value, at NULLs too. */
void
rolling_ewma_push(Window *window, const Row *last, double *out, bool *isnull)
{
	if (last != NULL)
		ewma_add(&window->ewma, window->alpha, window->adjust, last->value, last->isnull);
	for (int i = 0; i < window->noutputs; i++)
	{
		const Output *output = &window->outputs[i];

		out[output->index] = window->ewma.mean;
		isnull[output->index] = window->ewma.count == 0 || (int64_t) window->ewma.count < output->min_periods;
	}
}

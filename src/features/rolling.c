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
#include <string.h>

#include "features/rolling_state.h"

#define FIRST_ROOM		64		/* rows */

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

void
rolling_restart(RollingState *state)
{
	for (int w = 0; w < state->nwindows; w++)
	{
		Window	   *window = &state->windows[w];

		rolling_window_clear(window);
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
				rolling_values_push(state, window, last, out, isnull);
				break;
			case WINDOW_LAG:
				rolling_lag_push(state, window, last, out, isnull);
				break;
			case WINDOW_EWMA:
				rolling_ewma_push(window, last, out, isnull);
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

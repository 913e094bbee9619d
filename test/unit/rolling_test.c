/*
 * rolling_test.c
 *		The rolling engine against its slow twin on thousands of random groups, against numbers of
 *		pandas, and at its limits.
 */
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

#include "features/rolling.h"
#include "learn/hash.h"

#include "rolling_naive.h"
#include "unit.h"

#define NCASES		2500
#define MAX_ROWS	150
#define MAX_TERMS	24

#define HOUR		(INT64_C(3600) * 1000000)
#define DAY			(24 * HOUR)
#define WINTER		(400 * DAY + 3 * HOUR)	/* clocks are set back an hour */

#define lengthof(a) (sizeof(a) / sizeof((a)[0]))

/* ---- a calendar: months of 30 days, years of 12 of them; clocks change once, if arg is set ---- */

static int64_t
clock_before(void *arg, int64_t at, const RollingSpan *span)
{
	/* hours are hours on any day */
	bool		changes = arg != NULL && (span->days != 0 || span->months != 0);
	int64_t		local = changes && at < WINTER ? at + HOUR : at;

	local -= DAY * (span->days + INT64_C(30) * span->months);
	/* of an hour that there is twice, the first one */
	return (changes && local - HOUR < WINTER ? local - HOUR : local) - span->micros;
}

static int64_t
clock_period(void *arg, int64_t at, RollingExtent extent)
{
	int64_t		length = DAY * (extent == ROLLING_MONTH ? 30 : extent == ROLLING_QUARTER ? 90 : 360);

	(void) arg;
	return at - ((at % length) + length) % length;
}

static int	change_of_clocks;
static const RollingClock plain_clock = {clock_before, clock_period, NULL};
static const RollingClock changing_clock = {clock_before, clock_period, &change_of_clocks};

/* ---- memory that is counted ------------------------------------------------------------------ */

static size_t allocated = 0;
static jmp_buf failed;

static void *
counting_alloc(void *arg, size_t size)
{
	size_t	   *pointer = unit_alloc(arg, size + 16);

	pointer[0] = size;
	allocated += size;
	return (char *) pointer + 16;
}

static void
counting_release(void *arg, void *pointer)
{
	if (pointer == NULL)
		return;
	pointer = (char *) pointer - 16;
	allocated -= *(size_t *) pointer;
	unit_release(arg, pointer);
}

static void
jumping_fail(void *arg, const char *message)
{
	(void) arg;
	(void) message;
	longjmp(failed, 1);
}

static const LearnEnv counting_env = {
	.alloc = counting_alloc,
	.release = counting_release,
	.check = unit_check,
	.progress = unit_progress,
	.fail = jumping_fail
};

/* ---- random cases ------------------------------------------------------------------------------ */

typedef enum ValueKind
{
	EIGHTHS,					/* sums in long double and in integers are exact */
	CONSTANTS,					/* the same, few different ones */
	REALS,
	SPECIALS,					/* NaN and infinities among them */
	SPIKES,						/* 1e300 among them */
	NKINDS
} ValueKind;

typedef struct Random
{
	uint64_t	seed,
				next;
} Random;

static uint64_t
below(Random *random, uint64_t n)
{
	return hash_below(hash_random(random->seed, 5, random->next++), n);
}

static double
random_value(Random *random, ValueKind kind)
{
	static const double specials[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0};
	static const double spikes[] = {1e300, -1e300, 1e-300, 1e17, 1e150, 5e-324};
	double		eighths = ((double) below(random, 100001) - 50000) / 8;

	switch (kind)
	{
		case CONSTANTS:
			return (double) below(random, 3);
		case REALS:
			return eighths * (1 + hash_unit(hash_random(random->seed, 6, random->next++)));
		case SPECIALS:
			return below(random, 8) == 0 ? specials[below(random, lengthof(specials))] : eighths;
		case SPIKES:
			return below(random, 12) == 0 ? spikes[below(random, lengthof(spikes))] : eighths;
		default:
			return eighths;
	}
}

static RollingTerm
random_term(Random *random)
{
	RollingTerm term = {.stat = (RollingStat) below(random, ROLLING_VALUE + 1)};

	term.extent = (RollingExtent) below(random, ROLLING_MONTH + 1);
	if (below(random, 2) == 0)
		term.extent = (RollingExtent) below(random, 2);
	if (term.stat == ROLLING_LAG || term.stat == ROLLING_DIFF || term.stat == ROLLING_PCT_CHANGE)
		term.extent = (RollingExtent) below(random, 2);
	term.rows = below(random, 10) == 0 ? 1000000 : 1 + (int64_t) below(random, below(random, 2) ? 100 : 9);
	switch (below(random, 3))
	{
		case 0:
			term.span.micros = HOUR * (int64_t) (1 + below(random, 30));
			break;
		case 1:
			term.span.days = (int32_t) (1 + below(random, 10));
			break;
		default:
			term.span.months = (int32_t) below(random, 2);
			term.span.days = (int32_t) (1 + below(random, 3));
			term.span.micros = HOUR * (int64_t) below(random, 3);
	}
	term.end = below(random, 2) ? 0 : (int64_t) below(random, 12);
	term.min_periods = (int64_t) below(random, below(random, 2) ? 9 : 2);
	term.alpha = below(random, 10) == 0 ? 1.0 : 0.02 + 0.9 * hash_unit(hash_random(random->seed, 7, random->next++));
	term.adjust = below(random, 2) == 0;
	return term;
}

static bool
agrees(double got, bool isnull, const NaiveResult *expected, bool exact)
{
	if (isnull || expected->isnull)
		return isnull == expected->isnull;
	if (isinf(expected->tolerance))
		return true;
	if (isnan(got) || isnan(expected->value))
		return isnan(got) && isnan(expected->value);
	if (got == expected->value)
		return true;
	/* below the normal numbers the twin rounds twice */
	return isfinite(got) && fabs(got - expected->value) <= expected->tolerance + (exact ? 0 : 1e-310);
}

/* Rows of a group, in order of time. */
static size_t
random_group(Random *random, NaiveRow *rows, ValueKind kind)
{
	size_t		n = below(random, 8) == 0 ? 1 + below(random, 2) : 1 + below(random, MAX_ROWS);
	uint64_t	nulls = below(random, 3) == 0 ? 0 : below(random, 101);
	int64_t		step = below(random, 2) == 0 ? DAY : HOUR / (1 + (int64_t) below(random, 3));
	int64_t		at = WINTER - step * (int64_t) below(random, n + 30);

	for (size_t i = 0; i < n; i++)
	{
		rows[i].value = random_value(random, kind);
		rows[i].isnull = below(random, 100) < nulls;
		rows[i].at = at;
		if (below(random, 4) > 0)	/* else two at the same time */
			at += step * (int64_t) (below(random, 12) == 0 ? below(random, 40) : 1);
	}
	return n;
}

/* Some groups through one engine; how many results are not the twin's. */
static int
case_differs(uint64_t seed, size_t *nresults)
{
	static NaiveRow rows[MAX_ROWS];
	Random		random = {.seed = seed};
	ValueKind	kind = (ValueKind) (seed % NKINDS);
	bool		exact = kind == EIGHTHS || kind == CONSTANTS;
	bool		fill = below(&random, 3) == 0;
	const RollingClock *clock = below(&random, 2) ? &plain_clock : &changing_clock;
	int			nterms = 1 + (int) below(&random, MAX_TERMS);
	RollingTerm terms[MAX_TERMS];
	double		out[MAX_TERMS];
	bool		isnull[MAX_TERMS];
	RollingState *state;
	int			different = 0;

	for (int t = 0; t < nterms; t++)
	{
		terms[t] = t > 0 && below(&random, 4) == 0 ? terms[t - 1] : random_term(&random);
		if (below(&random, 8) == 0)
			terms[t].adjust = !terms[t].adjust;
	}
	/* more than one term of a window */
	for (int t = 1; t < nterms; t++)
		if (below(&random, 3) == 0 && terms[t - 1].stat < ROLLING_LAG && terms[t].stat < ROLLING_LAG)
		{
			RollingStat stat = terms[t].stat;

			terms[t] = terms[t - 1];
			terms[t].stat = stat;
		}
	state = rolling_create(&counting_env, terms, nterms, clock, fill);
	for (uint64_t group = 1 + below(&random, 3); group > 0; group--)
	{
		size_t		n = random_group(&random, rows, kind);

		rolling_restart(state);
		for (size_t i = 0; i < n; i++)
		{
			memset(isnull, 0xFF, sizeof(isnull));
			rolling_push(state, rows[i].value, rows[i].isnull, rows[i].at, out, isnull);
			if (fill && rows[i].isnull && i > 0 && !rows[i - 1].isnull)
			{
				rows[i].value = rows[i - 1].value;
				rows[i].isnull = false;
			}
			for (int t = 0; t < nterms; t++)
			{
				NaiveResult expected = naive_term(rows, i, &terms[t], clock, exact);

				(*nresults)++;
				if (agrees(out[t], isnull[t], &expected, exact))
					continue;
				if (different++ == 0)
					note("case %d, row %zu: stat %d extent %d rows %lld span %d months %d days %lld hours end %lld "
						 "min_periods %lld alpha %g adjust %d: %.17g%s, not %.17g%s", (int) seed, i,
						 terms[t].stat, terms[t].extent, (long long) terms[t].rows, terms[t].span.months,
						 terms[t].span.days, (long long) (terms[t].span.micros / HOUR), (long long) terms[t].end,
						 (long long) terms[t].min_periods, terms[t].alpha, terms[t].adjust,
						 out[t], isnull[t] ? " (null)" : "", expected.value, expected.isnull ? " (null)" : "");
			}
		}
		if (rolling_memory(state) != allocated && different++ == 0)
			note("case %d: %zu bytes, not %zu", (int) seed, rolling_memory(state), allocated);
	}
	rolling_free(state);
	if (allocated != 0 && different++ == 0)
		note("case %d: %zu bytes are still there", (int) seed, allocated);
	return different;
}

/* ---- one term over some values -------------------------------------------------------------------- */

#define NULLVALUE	(-987654321.0)	/* stands for NULL in the lists below */

/* Do these values (a day each) give these results? */
static bool
gives(RollingTerm term, const double *values, const double *expected, size_t n, double tolerance)
{
	RollingState *state = rolling_create(&unit_env, &term, 1, &plain_clock, false);
	bool		good = true;

	for (size_t i = 0; i < n; i++)
	{
		double		out = 0;
		bool		isnull;

		rolling_push(state, values[i], values[i] == NULLVALUE, (int64_t) i * DAY, &out, &isnull);
		if (isnull != (expected[i] == NULLVALUE) ||
			(!isnull && !(out == expected[i] || (isnan(out) && isnan(expected[i])) ||
						  fabs(out - expected[i]) <= tolerance)))
		{
			note("row %zu: %.17g%s, not %.17g", i, out, isnull ? " (null)" : "", expected[i]);
			good = false;
		}
	}
	rolling_free(state);
	return good;
}

#define LIST(...) ((double[]) {__VA_ARGS__})
#define _ NULLVALUE

/* Formulas and rules, by numbers that were not made by C. */
static void
known_numbers(void)
{
	static const double doc[] = {0, 1, 2, _, 4};	/* of pandas' documentation of ewm(com = 0.5) */

	ok(gives((RollingTerm) {.stat = ROLLING_EWMA, .alpha = 2.0 / 3, .adjust = true, .min_periods = 1}, doc,
			 LIST(0, 0.75, 1.615385, 1.615385, 3.670213), 5, 5e-7), "ewma as in pandas' documentation");
	ok(gives((RollingTerm) {.stat = ROLLING_EWMA, .alpha = 2.0 / 3, .min_periods = 1}, doc,
			 LIST(0, 0.666667, 1.555556, 1.555556, 3.650794), 5, 5e-7), "and without adjustment");
	ok(gives((RollingTerm) {.stat = ROLLING_EWMA, .alpha = 0.5, .adjust = true, .min_periods = 2, .end = 1}, doc,
			 LIST(_, _, 2.0 / 3, 10.0 / 7, 10.0 / 7), 5, 1e-15), "ewma that ends a row before, of two values at least");
	ok(gives((RollingTerm) {.stat = ROLLING_EWMA, .alpha = 0.01, .adjust = true, .min_periods = 1},
			 LIST(1.7e308, 1.7e308, -1.7e308, 1.7e308), LIST(1.7e308, 1.7e308, 0.5553e308, 0.8458e308), 4, 0.0001e308),
	   "ewma of huge values does not overflow");
	ok(gives((RollingTerm) {.stat = ROLLING_EWMA, .alpha = 1, .min_periods = 1},
			 LIST(INFINITY, 1, _, 2), LIST(INFINITY, 1, 1, 2), 4, 0), "ewma with alpha 1 is the last value");

	ok(gives((RollingTerm) {.stat = ROLLING_MEAN, .rows = 3, .min_periods = 3}, LIST(1, 2, 6, _, 4, 5),
			 LIST(_, _, 3, _, _, _), 6, 0), "a NULL takes a row's place in a window of rows");
	ok(gives((RollingTerm) {.stat = ROLLING_MEAN, .rows = 3, .min_periods = 1, .end = 1}, LIST(1, 2, 6, _, 4, 5),
			 LIST(_, 1, 1.5, 3, 4, 5), 6, 0), "a window that ends a row before");
	ok(gives((RollingTerm) {.stat = ROLLING_SUM, .extent = ROLLING_SPAN, .span.days = 2, .min_periods = 1},
			 LIST(1, 2, 6, _, 4, 5), LIST(1, 3, 8, 6, 4, 9), 6, 0), "two days are two, of days");
	ok(gives((RollingTerm) {.stat = ROLLING_COUNT, .rows = 2, .end = 2}, LIST(1, 2, _, _, 4, 5),
			 LIST(0, 0, 1, 2, 1, 0), 6, 0), "a count without min_periods is never NULL");
	ok(gives((RollingTerm) {.stat = ROLLING_COUNT, .rows = 2, .end = 2, .min_periods = 1}, LIST(1, 2, _, _, 4, 5),
			 LIST(_, _, 1, 2, 1, _), 6, 0), "a count of one at least");
	ok(gives((RollingTerm) {.stat = ROLLING_PCT_CHANGE, .rows = 1}, LIST(4, 5, 0, 3, _, 7),
			 LIST(_, 0.25, -1, _, _, _), 6, 0), "percent change, NULL from 0");
	ok(gives((RollingTerm) {.stat = ROLLING_LAG, .extent = ROLLING_SPAN, .span.months = 1, .end = 1},
			 LIST(1, 2, 3), LIST(_, _, _), 3, 0), "a lag of a month where there is none");
	ok(gives((RollingTerm) {.stat = ROLLING_DIFF, .extent = ROLLING_SPAN, .span.days = 2, .end = 1, .min_periods = 9},
			 LIST(1, 2, 6, 9, 4, 5), LIST(_, _, _, 5, 7, -2), 6, 0), "a difference by days, a row before");
	ok(gives((RollingTerm) {.stat = ROLLING_ZSCORE, .extent = ROLLING_EXPANDING, .min_periods = 1},
			 LIST(5, 5, 5, _, 9, NAN, 1), LIST(_, _, _, _, 1.5, NAN, NAN), 7, 0), "a z-score, NULL where all values are one");
	ok(gives((RollingTerm) {.stat = ROLLING_SLOPE, .extent = ROLLING_EXPANDING, .min_periods = 1},
			 LIST(3, 5, _, 7, 9), LIST(_, 2, 2, 2, 2), 5, 0), "a slope goes over values, not over rows");
	ok(gives((RollingTerm) {.stat = ROLLING_MAX, .rows = 2, .min_periods = 1}, LIST(1, NAN, 2, 1),
			 LIST(1, NAN, NAN, 2), 4, 0), "NaN is the greatest value, and leaves");
	ok(gives((RollingTerm) {.stat = ROLLING_SUM, .rows = 2, .min_periods = 1}, LIST(1, INFINITY, 2, 1, NAN, 1, 1),
			 LIST(1, INFINITY, INFINITY, 3, NAN, NAN, 2), 7, 0), "infinity and NaN leave nothing behind");
	ok(gives((RollingTerm) {.stat = ROLLING_STDDEV, .rows = 2, .min_periods = 1}, LIST(1e300, -1e300, 2, 1, 3),
			 LIST(_, 1.4142135623730951e300, 0.70710678118654757e300, 0.70710678118654757, 1.4142135623730951), 5, 0),
	   "nor does 1e300, whose square is no double");
}

/* ---- more rules ------------------------------------------------------------------------------------- */

/* After spikes of any size a window's results are those of its own values alone, bit for bit. */
static bool
leaves_no_trace(void)
{
	static const RollingStat stats[] = {ROLLING_SUM, ROLLING_MEAN, ROLLING_STDDEV, ROLLING_VARIANCE, ROLLING_SLOPE};
	RollingTerm moving[lengthof(stats)];
	RollingTerm growing[lengthof(stats)];
	const int	n = lengthof(stats);
	Random		random = {.seed = 77};
	double		values[200];
	RollingState *moves;
	RollingState *grows;
	bool		good = true;

	for (int s = 0; s < n; s++)
	{
		moving[s] = (RollingTerm) {.stat = stats[s], .rows = 30, .min_periods = 30};
		growing[s] = (RollingTerm) {.stat = stats[s], .extent = ROLLING_EXPANDING, .min_periods = 1};
	}
	moves = rolling_create(&unit_env, moving, n, NULL, false);
	grows = rolling_create(&unit_env, growing, n, NULL, false);
	for (int i = 0; i < 200; i++)
	{
		double		a[lengthof(stats)],
					b[lengthof(stats)];
		bool		nulls[lengthof(stats)];

		values[i] = random_value(&random, below(&random, 2) ? REALS : SPIKES);
		rolling_push(moves, values[i], false, 0, a, nulls);
		if (i < 29)
			continue;
		rolling_restart(grows);
		for (int j = i - 29; j <= i; j++)
			rolling_push(grows, values[j], false, 0, b, nulls);
		good = good && memcmp(a, b, sizeof(a)) == 0;
	}
	rolling_free(moves);
	rolling_free(grows);
	return good;
}

/* Which of the values overflow a term? */
static bool
overflows(RollingTerm term, const double *values, const bool *expected, size_t n)
{
	RollingState *state = rolling_create(&unit_env, &term, 1, NULL, false);
	bool		good = true;

	for (size_t i = 0; i < n; i++)
	{
		double		out;
		bool		isnull;

		rolling_push(state, values[i], false, 0, &out, &isnull);
		good = good && rolling_overflowed(state) == expected[i];
	}
	rolling_free(state);
	return good;
}

/* Times that go back and forth, and to the ends of their range: no crash, and the same twice. */
static bool
survives_hostile_times(bool with_clock)
{
	static const RollingStat stats[] = {ROLLING_SUM, ROLLING_MIN, ROLLING_MEDIAN, ROLLING_FIRST, ROLLING_LAG, ROLLING_DIFF};
	RollingTerm terms[24];
	double		first[24],
				second[24];
	uint64_t	digest[2] = {0, 0};

	for (int t = 0; t < 24; t++)
		terms[t] = (RollingTerm) {.stat = stats[t % 6], .extent = ROLLING_SPAN, .end = t % 5, .min_periods = 1,
			.span.micros = with_clock || t >= 6 ? HOUR : INT64_MAX, .span.days = with_clock || t >= 12 ? t : INT32_MAX};
	for (int run = 0; run < 2; run++)
	{
		RollingState *state = rolling_create(&unit_env, terms, 24, with_clock ? &changing_clock : NULL, false);
		double	   *out = run == 0 ? first : second;
		bool		isnull[24];

		for (uint64_t i = 0; i < 20000; i++)
		{
			uint64_t	h = hash_random(11, 0, i);
			int64_t		at = (int64_t) (hash_below(h, 1000) * (uint64_t) HOUR);

			if (!with_clock && h % 50 == 0)
				at = h % 100 == 0 ? INT64_MIN + (int64_t) (h % 7) : INT64_MAX - (int64_t) (h % 7);
			rolling_push(state, (double) i, h % 9 == 0, at, out, isnull);
			for (int t = 0; t < 24; t++)
				if (!isnull[t])
				{
					uint64_t	bits;

					memcpy(&bits, &out[t], sizeof(bits));
					digest[run] = hash_pair(digest[run], bits);
				}
		}
		rolling_free(state);
	}
	return digest[0] == digest[1] && digest[0] != 0;
}

static bool
refuses(RollingTerm term, const RollingClock *clock)
{
	if (setjmp(failed) != 0)
		return true;
	rolling_free(rolling_create(&counting_env, &term, 1, clock, false));
	return false;
}

/* Windows of a million rows, in a group longer than that; and their memory in one of ten. */
static void
long_windows(void)
{
	static const RollingStat stats[] = {ROLLING_MEAN, ROLLING_MIN, ROLLING_MEDIAN, ROLLING_FIRST};
	RollingTerm terms[8];
	RollingState *state;
	double		out[8];
	bool		isnull[8];
	bool		good = true;

	for (int t = 0; t < 8; t++)
		terms[t] = (RollingTerm) {.stat = stats[t % 4], .extent = t < 4 ? ROLLING_ROWS : ROLLING_SPAN,
			.rows = 1000000, .span.micros = 1000000, .min_periods = 1000000};
	state = rolling_create(&counting_env, terms, 8, NULL, false);
	for (int64_t i = 0; i < 1200000; i++)
	{
		rolling_push(state, (double) i, false, i, out, isnull);
		if (i == 10 && allocated > 40000)
			good = false;
		for (int t = 0; t < 8; t++)
			good = good && isnull[t] == (i < 999999);
		if (i >= 999999 && i % 50000 == 49999)
			for (int t = 0; t < 8; t += 4)
				good = good && out[t] == (double) i - 499999.5 && out[t + 1] == (double) i - 999999 &&
					out[t + 2] == (double) i - 499999.5 && out[t + 3] == (double) i - 999999;
	}
	ok(good, "windows of a million rows and of a million microseconds");
	okf(rolling_memory(state) == allocated && allocated < 120000000, "%zu bytes for them", allocated);
	good = true;
	for (int64_t i = 0; i < 3; i++)
	{
		/* all but the last row leave at once */
		unit_checks = 0;
		rolling_push(state, 1, false, 2000000000 + 5000000 * i, out, isnull);
		good = good && isnull[4] && !isnull[0] && (i > 0 || unit_checks > 100);
	}
	ok(good, "a long gap empties a window by time, with cancel checks");
	rolling_free(state);
}

/* As many terms as there may be, all of different windows. */
static bool
many_terms(void)
{
	static RollingTerm terms[ROLLING_MAX_TERMS];
	static double out[ROLLING_MAX_TERMS];
	static bool isnull[ROLLING_MAX_TERMS];
	RollingState *state;
	bool		good = true;

	for (int t = 0; t < ROLLING_MAX_TERMS; t++)
		terms[t] = (RollingTerm) {.stat = (RollingStat) (t % ROLLING_LAG), .rows = 1 + t / ROLLING_LAG, .min_periods = 1};
	state = rolling_create(&unit_env, terms, ROLLING_MAX_TERMS, NULL, false);
	for (int i = 0; i < 300; i++)
		rolling_push(state, i, false, 0, out, isnull);
	for (int t = 0; t < ROLLING_MAX_TERMS; t++)
		if (terms[t].stat == ROLLING_MEAN)
			good = good && out[t] == 299 - (double) (terms[t].rows - 1) / 2;
		else if (terms[t].stat == ROLLING_COUNT)
			good = good && out[t] == (double) terms[t].rows;
	rolling_free(state);
	return good;
}

int
main(void)
{
	size_t		nresults = 0;
	int			different = 0;

	for (uint64_t seed = 0; seed < NCASES; seed++)
		different += case_differs(seed, &nresults) > 0;
	okf(different == 0, "%zu results of %d random cases are the twin's (%d cases differ)", nresults, NCASES, different);
	known_numbers();
	ok(leaves_no_trace(), "a moving window has the bits of its values alone, whatever was there before");
	ok(overflows((RollingTerm) {.stat = ROLLING_SUM, .rows = 2, .min_periods = 1}, LIST(1e308, 1e308, 1, INFINITY),
				 (bool[]) {false, true, false, false}, 4), "a sum that leaves the range of doubles is told");
	ok(overflows((RollingTerm) {.stat = ROLLING_DIFF, .rows = 1}, LIST(1e308, -1e308, INFINITY, 1),
				 (bool[]) {false, true, false, false}, 4), "and a difference");
	ok(overflows((RollingTerm) {.stat = ROLLING_MEAN, .rows = 2, .min_periods = 1}, LIST(1.7e308, 1.7e308, 1, INFINITY),
				 (bool[]) {false, false, false, false}, 4), "a mean never leaves it");
	ok(survives_hostile_times(false) && survives_hostile_times(true), "times in any order, and the same result twice");
	long_windows();
	ok(many_terms(), "1600 terms of different windows");
	ok(refuses((RollingTerm) {.stat = ROLLING_MEAN, .rows = 0}, NULL) &&
	   refuses((RollingTerm) {.stat = ROLLING_MEAN, .rows = 7, .end = -1}, NULL) &&
	   refuses((RollingTerm) {.stat = ROLLING_MEAN, .rows = ROLLING_MAX_ROWS + 1}, NULL) &&
	   refuses((RollingTerm) {.stat = ROLLING_EWMA, .alpha = NAN}, NULL) &&
	   refuses((RollingTerm) {.stat = ROLLING_MEAN, .extent = ROLLING_YEAR}, NULL) &&
	   refuses((RollingTerm) {.stat = ROLLING_LAG, .extent = ROLLING_EXPANDING}, &plain_clock) &&
	   refuses((RollingTerm) {.stat = ROLLING_LAG, .extent = ROLLING_SPAN, .span.months = 1}, NULL) &&
	   !refuses((RollingTerm) {.stat = ROLLING_MEAN, .rows = ROLLING_MAX_ROWS, .end = ROLLING_MAX_ROWS}, NULL),
	   "terms that are out of range are refused");
	return done();
}

/*
 * extremes_test.c
 *		Sliding minimum, maximum and median against windows that are sorted anew for each value.
 */
#include <math.h>
#include <stdlib.h>

#include "features/extremes.h"
#include "features/median.h"
#include "learn/hash.h"

#include "unit.h"

#define NCASES		600
#define NSTEPS		400

/* In the order of floats, NaN last. */
static int
compare_values(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	if (isnan(x) || isnan(y))
		return isnan(x) - isnan(y);
	return (x > y) - (x < y);
}

static bool
same(double a, double b)
{
	return (isnan(a) && isnan(b)) || a == b;
}

/* percentile_cont(0.5), infinities as PostgreSQL has them. */
static double
naive_median(const double *window, size_t n)
{
	double	   *sorted = malloc(n * sizeof(*sorted));
	double		low,
				high;

	memcpy(sorted, window, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_values);
	low = sorted[(n - 1) / 2];
	high = sorted[n / 2];
	free(sorted);
	if (n % 2 == 1)
		return low;
	if (isfinite(low) && isfinite(high))
		return (double) (((long double) low + high) / 2);
	return low + 0.5 * (high - low);
}

/* Near enough: one rounding apart. */
static bool
near(double a, double b)
{
	return same(a, b) || fabs(a - b) <= 4e-16 * fmax(fabs(a), fabs(b)) || fabs(a - b) <= 5e-324;
}

/* Values of many kinds: few different ones, special ones, any bits. */
static double
some_value(uint64_t h, int kind)
{
	static const double special[] = {INFINITY, -INFINITY, NAN, -NAN, 0.0, -0.0, 1e308, -1e308, 5e-324};
	uint64_t	bits = hash_mix(h);
	double		x;

	if (kind == 0 || hash_below(hash_mix(h + 1), 10) > 1)
		return (double) hash_below(bits, 20) - 10;
	if (kind == 1)
		return hash_unit(bits) * 1000 - 500;
	if (kind == 2)
		return special[hash_below(bits, 9)];
	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* One window that grows and shrinks as chance has it. */
static bool
case_agrees(uint64_t seed)
{
	static double values[NSTEPS];
	int			kind = (int) hash_below(hash_random(seed, 0, 0), 4);
	uint64_t	grows = 40 + hash_below(hash_random(seed, 0, 1), 50);
	size_t		first = 0,
				last = 0;
	Extreme		least,
				largest;
	Median		median;
	bool		good = true;

	extreme_init(&least, &unit_env, false);
	extreme_init(&largest, &unit_env, true);
	median_init(&median, &unit_env);
	for (uint64_t step = 0; good && last < NSTEPS; step++)
	{
		double		minimum,
					maximum,
					middle,
					oldest;
		bool		any = first < last;

		if (hash_below(hash_random(seed, 1, step), 150) == 0)
		{
			extreme_reset(&least);
			extreme_reset(&largest);
			median_reset(&median);
			first = last;
		}
		else if (any && hash_below(hash_random(seed, 2, step), 100) >= grows)
		{
			extreme_remove(&least);
			extreme_remove(&largest);
			median_remove(&median);
			first++;
		}
		else
		{
			values[last] = some_value(hash_random(seed, 3, step), kind);
			extreme_add(&least, values[last]);
			extreme_add(&largest, values[last]);
			median_add(&median, values[last]);
			last++;
		}
		any = first < last;
		if (extreme_get(&least, &minimum) != any || extreme_get(&largest, &maximum) != any ||
			median_get(&median, &middle) != any || median_first(&median, &oldest) != any)
			good = false;
		else if (any)
		{
			double		low = values[first],
						high = values[first];

			for (size_t i = first; i < last; i++)
			{
				if (compare_values(&values[i], &low) <= 0)
					low = values[i];
				if (compare_values(&values[i], &high) >= 0)
					high = values[i];
			}
			good = same(minimum, low) && signbit(minimum) == signbit(low) && same(maximum, high) &&
				(isnan(high) || signbit(maximum) == signbit(high)) &&
				near(middle, naive_median(values + first, last - first)) && same(oldest, values[first]);
		}
	}
	extreme_free(&least);
	extreme_free(&largest);
	median_free(&median);
	return good;
}

static double
median_of(const double *values, size_t n)
{
	Median		median;
	double		result = -1;

	median_init(&median, &unit_env);
	for (size_t i = 0; i < n; i++)
		median_add(&median, values[i]);
	median_get(&median, &result);
	median_free(&median);
	return result;
}

#define MEDIAN(...) median_of((double[]) {__VA_ARGS__}, sizeof((double[]) {__VA_ARGS__}) / sizeof(double))

int
main(void)
{
	int			bad = 0;
	Extreme		extreme;
	Median		median;
	double		result;

	for (uint64_t seed = 0; seed < NCASES; seed++)
		bad += !case_agrees(seed);
	okf(bad == 0, "minimum, maximum and median are those of the sorted window (%d of %d cases differ)", bad, NCASES);

	ok(MEDIAN(1, 2) == 1.5, "an even number of values: the mean of the middle ones");
	ok(MEDIAN(0.1, 0.1, 0.1, 0.1) == 0.1, "equal middle ones: exactly that");
	ok(MEDIAN(1.7e308, 1.7e308) == 1.7e308 && MEDIAN(1.5e308, -1.7e308) == 0.75e308 - 0.85e308, "the mean does not overflow");
	ok(MEDIAN(1, INFINITY) == INFINITY && isnan(MEDIAN(-INFINITY, 1)) && isnan(MEDIAN(INFINITY, INFINITY)) &&
	   MEDIAN(-INFINITY, 1, INFINITY) == 1, "infinities as percentile_cont has them");
	ok(isnan(MEDIAN(1, NAN)) && MEDIAN(1, NAN, 0) == 1 && isnan(MEDIAN(-NAN, -NAN, 0)), "NaN sorts last");

	/* a window of a million, in and out */
	median_init(&median, &unit_env);
	for (int i = 0; i < 1000000; i++)
		median_add(&median, (double) ((i * INT64_C(7919)) % 1000003));
	ok(median_memory(&median) <= 21 * (1 << 20), "a million values in 21 MB");
	for (int i = 0; i < 999999; i++)
		median_remove(&median);
	ok(median_get(&median, &result) && result == (double) ((999999 * INT64_C(7919)) % 1000003),
	   "a million values, the last one is left");
	median_remove(&median);
	ok(!median_get(&median, &result), "no value, no median");
	median_free(&median);

	extreme_init(&extreme, &unit_env, true);
	for (int i = 1000000; i > 0; i--)
		extreme_add(&extreme, i);
	for (int i = 0; i < 500000; i++)
		extreme_remove(&extreme);
	ok(extreme_get(&extreme, &result) && result == 500000, "the maximum of a falling million");
	extreme_reset(&extreme);
	for (int i = 1000000; i > 0; i--)
		extreme_add_forever(&extreme, i % 1000);
	ok(extreme_get(&extreme, &result) && result == 999, "a maximum for ever");
	extreme_free(&extreme);
	ok(extreme_memory(&extreme) == 0 && !extreme_get(&extreme, &result), "freed");
	extreme_init(&extreme, &unit_env, false);
	for (int i = 1000000; i > 0; i--)
		extreme_add_forever(&extreme, i % 1000);
	ok(extreme_get(&extreme, &result) && result == 0 && extreme_memory(&extreme) < 1000,
	   "a minimum for ever, in the memory of a few values");
	extreme_free(&extreme);
	return done();
}

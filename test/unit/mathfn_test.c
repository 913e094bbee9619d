/*
 * mathfn_test.c
 *		exp, log and log1p against the C library's long double, and bit for bit
 *		against themselves as they were: no CPU or compiler may change them.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learn/hash.h"
#include "learn/mathfn.h"

#include "unit.h"

#define NVALUES 200000

static double
uniform(uint64_t stream, uint64_t i, double low, double high)
{
	return low + (high - low) * hash_unit(hash_random(1, stream, i));
}

/* A double of any exponent and sign. */
static double
any_double(uint64_t i)
{
	uint64_t	u = hash_random(1, 99, i);
	double		x;

	memcpy(&x, &u, sizeof(x));
	return x;
}

/* Distance from the true value in units of the last place. */
static double
ulps(double got, long double truth)
{
	double		rounded = (double) truth;
	double		ulp;

	if (isnan(rounded) || isinf(rounded) || isnan(got) || isinf(got))
		return (isnan(rounded) && isnan(got)) || rounded == got ? 0.0 : 1e9;
	ulp = nextafter(fabs(rounded), INFINITY) - fabs(rounded);
	return (double) (fabsl((long double) got - truth) / ulp);
}

static double
worst(double (*f) (double), long double (*truth) (long double), uint64_t stream, double low, double high)
{
	double		most = 0.0;

	for (uint64_t i = 0; i < NVALUES; i++)
	{
		double		x = low < high ? uniform(stream, i, low, high) : any_double(i);
		double		u = ulps(f(x), truth(x));

		if (u > most)
			most = u;
	}
	return most;
}

static long double
logistic_truth(long double x)
{
	return 1.0L / (1.0L + expl(-x));
}

static double
logistic_sum(double x)
{
	return math_logistic(x) + math_logistic(-x);
}

static long double
one(long double x)
{
	return 1.0L;
}

/* FNV-1a of the results' bits. */
static uint64_t
bits_of(double (*f) (double), uint64_t stream, double low, double high)
{
	uint64_t	h = UINT64_C(0xcbf29ce484222325);

	for (uint64_t i = 0; i < 10000; i++)
	{
		double		y = f(uniform(stream, i, low, high));
		uint64_t	u;

		memcpy(&u, &y, sizeof(u));
		h = (h ^ u) * UINT64_C(0x100000001b3);
	}
	return h;
}

static void
test_accuracy(void)
{
	ok(worst(math_exp, expl, 1, -745, 709.7) < 1, "exp over its whole range");
	ok(worst(math_exp, expl, 2, -1, 1) < 1, "exp near 0");
	ok(worst(math_exp, expl, 3, 1, 1) < 1, "exp of any bits");
	ok(worst(math_log, logl, 4, 0, 2) < 1, "log near 1");
	ok(worst(math_log, logl, 5, 0, 1e6) < 1, "log of thousands");
	ok(worst(math_log, logl, 6, 1, 1) < 1, "log of any bits");
	ok(worst(math_log1p, log1pl, 7, -1, 1) < 1, "log1p near 0");
	ok(worst(math_log1p, log1pl, 8, -1e-9, 1e-9) < 1, "log1p very near 0");
	ok(worst(math_log1p, log1pl, 9, 0, 1000) < 1, "log1p of thousands");
	ok(worst(math_log1p, log1pl, 10, 1, 1) < 1, "log1p of any bits");
	ok(worst(math_logistic, logistic_truth, 11, -40, 40) < 3, "logistic");
	ok(worst(logistic_sum, one, 12, -40, 40) == 0, "logistic of x and of -x sum to 1");
}

static void
test_special(void)
{
	ok(math_exp(0) == 1 && math_exp(INFINITY) == INFINITY && math_exp(-INFINITY) == 0 &&
	   isnan(math_exp(NAN)) && math_exp(709.79) == INFINITY && math_exp(-745.2) == 0 &&
	   math_exp(-745.1) == 0x1p-1074, "exp of 0, infinities, NaN and beyond its range");
	ok(math_log(1) == 0 && math_log(0) == -INFINITY && math_log(-0.0) == -INFINITY &&
	   math_log(INFINITY) == INFINITY && isnan(math_log(-1)) && isnan(math_log(-INFINITY)) && isnan(math_log(NAN)) &&
	   ulps(math_log(0x1p-1074), logl(0x1p-1074L)) < 1, "log of 1, 0, infinity, negatives and the least number");
	ok(math_log1p(0) == 0 && signbit(math_log1p(-0.0)) && math_log1p(-1) == -INFINITY &&
	   math_log1p(INFINITY) == INFINITY && isnan(math_log1p(-1.5)) && isnan(math_log1p(NAN)) &&
	   math_log1p(1e-300) == 1e-300, "log1p of 0, -1, infinity, below -1 and tiny");
	ok(math_logistic(0) == 0.5 && math_logistic(1000) == 1 && math_logistic(-1000) == 0 &&
	   math_logistic(-700) > 0 && isnan(math_logistic(NAN)), "logistic without overflow");
}

static void
test_bits(void)
{
	double		x[1000],
				y[1000];
	bool		same = true;

	ok(bits_of(math_exp, 1, -50, 50) == UINT64_C(0x12cbaf5997e28523) &&
	   bits_of(math_log, 2, 0, 50) == UINT64_C(0xa42dda9555d15a3f) &&
	   bits_of(math_log1p, 3, -1, 50) == UINT64_C(0x7608247bcebd83d2) &&
	   bits_of(math_logistic, 4, -50, 50) == UINT64_C(0xcff9a7c1ee6996a), "the bits they have always had");

	for (int beyond = 0; beyond < 2; beyond++)
	{
		for (int i = 0; i < 1000; i++)
			x[i] = beyond && i % 10 == 0 ? any_double(i) : uniform(5, i, -690, 690);
		math_exp_many(x, y, 1000);
		for (int i = 0; i < 1000; i++)
		{
			double		e = math_exp(x[i]);

			same = same && (memcmp(&e, &y[i], sizeof(e)) == 0 || (isnan(e) && isnan(y[i])));
		}
	}
	ok(same, "many at a time have the bits of one at a time");
	math_exp_many(x, x, 1000);
	ok(memcmp(x, y, sizeof(y)) == 0, "in place");
}

int
main(void)
{
	test_accuracy();
	test_special();
	test_bits();
	return done();
}

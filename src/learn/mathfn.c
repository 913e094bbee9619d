/*
 * mathfn.c
 *		exp and log of the learner's own, from + - * / alone.
 *
 * Both reduce their argument by powers of two and then evaluate a minimax
 * polynomial (Remez exchange, computed at 300 bits) of a range so small that
 * what is lost in the last place is the final addition's rounding.  exp's core
 * is free of branches, so that a compiler can do several at once; vector or
 * scalar, the operations and therefore the bits are the same.
 *
 * Rounding is to nearest, and no product is fused with a sum
 * (-ffp-contract=off): both are assumed throughout.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "learn/mathfn.h"

/* ln 2 in two parts; the first has 42 bits, so that k * LN2_HIGH is exact for |k| < 2048 */
#define LN2_HIGH	0x1.62e42fefa3800p-1
#define LN2_LOW		0x1.ef35793c76730p-45
#define LOG2_E		0x1.71547652b82fep+0

/* Added and subtracted, it rounds to an integer, which then stands in the low bits. */
#define ROUNDER		0x1.8p52

/* (exp(r) - 1 - r - r^2/2) / r^3 for |r| <= ln 2 / 2, error of the whole 2^-57 */
#define EXP_0	0x1.555555555555cp-3
#define EXP_1	0x1.5555555553167p-5
#define EXP_2	0x1.111111110e577p-7
#define EXP_3	0x1.6c16c17cf5472p-10
#define EXP_4	0x1.a01a01b675607p-13
#define EXP_5	0x1.a019aa91f2e17p-16
#define EXP_6	0x1.71dde87acb8b1p-19
#define EXP_7	0x1.28a022927ae68p-22
#define EXP_8	0x1.af793d539cd81p-26

/* (2 atanh(s) / s - 2) / s^2 as a polynomial in s^2 for |s| <= 0.1716, error of the whole 2^-58 */
#define LOG_0	0x1.5555555555592p-1
#define LOG_1	0x1.999999997fd36p-2
#define LOG_2	0x1.24924941f8d50p-2
#define LOG_3	0x1.c71c5202b0694p-3
#define LOG_4	0x1.7466405c57792p-3
#define LOG_5	0x1.39a1932baaaa4p-3
#define LOG_6	0x1.2f0705f16d764p-3

#define SQRT_HALF_BITS	UINT64_C(0x3fe6a09e667f3bcd)

static inline uint64_t
double_bits(double x)
{
	uint64_t	u;

	memcpy(&u, &x, sizeof(u));
	return u;
}

static inline double
bits_double(uint64_t u)
{
	double		x;

	memcpy(&x, &u, sizeof(x));
	return x;
}

/* 2^k for an integral k in -1022 .. 1023. */
static inline double
power_of_two(double k)
{
	return bits_double(double_bits(k + (ROUNDER + 1023.0)) << 52);
}

/*
 * exp(x) = 2^k exp(r), r = x - k ln 2, for |x| <= 746.  The power is applied in two halves, so
 * that overflow and subnormal results come out of the multiplications by themselves.
 */
static inline double
exp_core(double x)
{
	double		k,
				half,
				high,
				low,
				r,
				r2,
				r4,
				tail,
				q;

	k = (x * LOG2_E + ROUNDER) - ROUNDER;
	high = x - k * LN2_HIGH;
	low = k * LN2_LOW;
	r = high - low;
	tail = (high - r) - low;	/* what rounding took from r */
	r2 = r * r;
	r4 = r2 * r2;
	q = ((EXP_0 + r * EXP_1) + r2 * (EXP_2 + r * EXP_3)) +
		r4 * (((EXP_4 + r * EXP_5) + r2 * (EXP_6 + r * EXP_7)) + r4 * EXP_8);
	q = 1.0 + (r + (r2 * (0.5 + r * q) + tail));
	half = (k * 0.5 + ROUNDER) - ROUNDER;
	return q * power_of_two(half) * power_of_two(k - half);
}

/* e to the x. */
double
math_exp(double x)
{
	/* beyond these, the result is infinite or zero anyway; NaN passes */
	if (x > 710.0)
		x = 710.0;
	if (x < -746.0)
		x = -746.0;
	return exp_core(x);
}

/*
 * e to each of x[0 .. n).  Without the two comparisons, which C's rules for
 * floating-point exceptions keep out of vector code, the loop is twice as fast;
 * so they are done beforehand, on the bits.
 */
void
math_exp_many(const double *x, double *out, size_t n)
{
	const uint64_t limit = double_bits(700.0);
	uint64_t	beyond = 0;

	for (size_t i = 0; i < n; i++)
		beyond |= limit - (double_bits(x[i]) & (UINT64_MAX >> 1));
	if (beyond >> 63)
		for (size_t i = 0; i < n; i++)
			out[i] = math_exp(x[i]);
	else
		for (size_t i = 0; i < n; i++)
			out[i] = exp_core(x[i]);
}

/* log(2^k (1 + f) ) + c for 1 + f in [sqrt(1/2), sqrt(2)) and a tiny c. */
static inline double
log_core(double k, double f, double c)
{
	double		s = f / (2.0 + f);
	double		z = s * s;
	double		z2 = z * z;
	double		half = 0.5 * f * f;
	double		series;

	series = z * ((LOG_0 + z * LOG_1) + z2 * ((LOG_2 + z * LOG_3) + z2 * ((LOG_4 + z * LOG_5) + z2 * LOG_6)));
	/* log(1 + f) = f - f^2/2 + s (f^2/2 + series): f is exact, the rest is small */
	return k * LN2_HIGH + (f - (half - (s * (half + series) + (k * LN2_LOW + c))));
}

/* Split a positive normal number into 2^k m, m in [sqrt(1/2), sqrt(2)). */
static inline double
log_split(double x, double *k)
{
	uint64_t	u = double_bits(x);
	int64_t		above = (int64_t) (u - SQRT_HALF_BITS);
	int64_t		exponent = above >= 0 ? above >> 52 : -((-above + ((INT64_C(1) << 52) - 1)) >> 52);

	*k = (double) exponent;
	return bits_double(u - ((uint64_t) exponent << 52));
}

/* Natural logarithm: -inf of 0, NaN below. */
double
math_log(double x)
{
	double		k;
	double		shift = 0.0;

	if (!(x > 0.0))
		return x == 0.0 ? -INFINITY : NAN;
	if (x > 0x1.fffffffffffffp+1023)
		return x;
	if (x < 0x1p-1022)
	{
		x *= 0x1p54;
		shift = -54.0;
	}
	x = log_split(x, &k);
	return log_core(k + shift, x - 1.0, 0.0);
}

/* log(1 + x), exact where x is tiny: -inf of -1, NaN below. */
double
math_log1p(double x)
{
	double		u,
				c,
				k;

	if (!(x > -1.0))
		return x == -1.0 ? -INFINITY : NAN;
	if (x > 0x1.fffffffffffffp+1023)
		return x;
	if (x > -0x1p-54 && x < 0x1p-54)
		return x;
	if (x > -0.2928 && x < 0.4142)
		return log_core(0.0, x, 0.0);
	u = 1.0 + x;
	c = x >= 1.0 ? 1.0 - (u - x) : x - (u - 1.0);	/* what rounding took from u */
	c /= u;
	u = log_split(u, &k);
	return log_core(k, u - 1.0, c);
}

/*
 * 1 / (1 + exp(-x)).  The smaller of it and its complement is computed, the
 * other is 1 minus that: both are accurate and their sum is exactly 1.
 */
double
math_logistic(double x)
{
	double		z = math_exp(x < 0.0 ? x : -x);
	double		small = z / (1.0 + z);

	return x < 0.0 ? small : 1.0 - small;
}

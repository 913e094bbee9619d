/*
 * scale.h
 *		Powers of two that make real numbers integers whose sums can't overflow.
 */
#ifndef ECHOLON_SCALE_H
#define ECHOLON_SCALE_H

#include <math.h>
#include <stdint.h>

#define MAX_SCALE	1000		/* so that 2^scale and 2^-scale are normal doubles */

/* The smallest x with value < 2^x; value is finite and above 0. */
static inline int
exponent_above(double value)
{
	int			x;

	frexp(value, &x);
	return x;
}

/* The power of two that makes |values| up to largest, above 0, at most 2^bits. */
static inline int
scale_within(double largest, int bits)
{
	int			x;

	/* the largest one may be that power itself */
	return bits - (frexp(largest, &x) == 0.5 ? x - 1 : x);
}

static inline int
clamp_scale(int e)
{
	return e > MAX_SCALE ? MAX_SCALE : e < -MAX_SCALE ? -MAX_SCALE : e;
}

/* The smallest bits with n < 2^bits. */
static inline uint32_t
bits_for(uint64_t n)
{
	return n == 0 ? 0 : 64 - (uint32_t) __builtin_clzll(n);
}

/* The nearest integer; |x| < 2^62. */
static inline int64_t
round_integer(double x)
{
	return (int64_t) (x + (x < 0.0 ? -0.5 : 0.5));
}

#endif							/* ECHOLON_SCALE_H */

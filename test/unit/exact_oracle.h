/*
 * exact_oracle.h
 *		Whole numbers of thousands of bits, as one would do it with a pencil: the oracle of exact.c.
 *
 * Digits of 16 bits, carried after each operation, schoolbook multiplication, rounding bit by bit.
 */
#ifndef ECHOLON_EXACT_ORACLE_H
#define ECHOLON_EXACT_ORACLE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BIG_DIGITS	300

/* sum of digit[i] 2^(16 i); every digit but the last is 0 .. 65535, the last one has the sign. */
typedef struct Big
{
	int64_t		digit[BIG_DIGITS];
} Big;

static void
big_carry(Big *big)
{
	for (int i = 0; i + 1 < BIG_DIGITS; i++)
	{
		int64_t		low = big->digit[i] & 0xFFFF;

		big->digit[i + 1] += (big->digit[i] - low) / 65536;
		big->digit[i] = low;
	}
}

/* big += factor 2^shift */
static void
big_add(Big *big, int64_t factor, int shift)
{
	/* pieces of 16 bits, each spread over two digits */
	bool		negative = factor < 0;
	uint64_t	rest = negative ? -(uint64_t) factor : (uint64_t) factor;

	for (; rest != 0; rest >>= 16, shift += 16)
	{
		int64_t		piece = (int64_t) (rest & 0xFFFF) << (shift % 16);

		big->digit[shift / 16] += negative ? -(piece & 0xFFFF) : piece & 0xFFFF;
		big->digit[shift / 16 + 1] += negative ? -(piece >> 16) : piece >> 16;
	}
}

/* x as a multiple of 2^-1074 */
static Big
big_of(double x)
{
	Big			big = {{0}};
	int			exponent;
	double		fraction = frexp(x, &exponent);
	int			down = exponent - 53 < -1074 ? -1074 - (exponent - 53) : 0;

	big_add(&big, (int64_t) ldexp(fraction, 53 - down), exponent - 53 + down + 1074);
	big_carry(&big);
	return big;
}

/* a + factor b */
static Big
big_plus(const Big *a, const Big *b, int64_t factor)
{
	Big			result = *a;

	for (int i = 0; i < BIG_DIGITS; i++)
		result.digit[i] += factor * b->digit[i];
	big_carry(&result);
	return result;
}

static bool
big_negative(const Big *big)
{
	return big->digit[BIG_DIGITS - 1] < 0;
}

static Big
big_times(const Big *a, const Big *b)
{
	Big			zero = {{0}};
	Big			x = big_negative(a) ? big_plus(&zero, a, -1) : *a;
	Big			y = big_negative(b) ? big_plus(&zero, b, -1) : *b;
	Big			result = {{0}};

	for (int i = 0; i < BIG_DIGITS; i++)
	{
		if (x.digit[i] == 0)
			continue;
		for (int j = 0; i + j < BIG_DIGITS; j++)
			result.digit[i + j] += x.digit[i] * y.digit[j];
		big_carry(&result);
	}
	return big_negative(a) != big_negative(b) ? big_plus(&zero, &result, -1) : result;
}

/*
 * big 2^-scale = fraction 2^*exponent; fraction of 1 .. 2 or 0, rounded to 53 bits, or fewer where the last would
 * be below 2^lowest.  Ties to even.
 */
static double
big_fraction(const Big *big, int scale, int lowest, int *exponent)
{
	Big			zero = {{0}};
	Big			x = big_negative(big) ? big_plus(&zero, big, -1) : *big;
	int			top = 16 * BIG_DIGITS - 1;
	int			last;
	double		fraction = 0.0;
	bool		half,
				more = false,
				odd;

#define BIT(i) ((i) >= 0 && (x.digit[(i) / 16] >> ((i) % 16)) & 1)
	while (top >= 0 && !BIT(top))
		top--;
	*exponent = 0;
	if (top < 0)
		return 0.0;
	*exponent = top - scale;
	last = top - 52;
	if (last - scale < lowest)
		last = lowest + scale;
	/* Horner from the first bit to the last; none of it is rounded */
	for (int i = top; i >= last; i--)
		fraction = 2 * fraction + BIT(i);
	half = BIT(last - 1);
	for (int i = 0; i < last - 1; i++)
		more = more || BIT(i);
	odd = BIT(last) && last <= top;
	if (half && (more || odd))
		fraction += 1;
	fraction = ldexp(fraction, last - top);
	return big_negative(big) ? -fraction : fraction;
#undef BIT
}

/* big 2^-scale as a double. */
static double
big_round(const Big *big, int scale)
{
	int			exponent;
	double		fraction = big_fraction(big, scale, -1074, &exponent);

	return ldexp(fraction, exponent);
}

/* big 2^-scale / divisor: the numerator rounded, then the quotient. */
static double
big_quotient(const Big *big, int scale, double divisor)
{
	int			exponent;
	double		fraction = big_fraction(big, scale, -9999, &exponent);

	return ldexp(fraction / divisor, exponent);
}

/* The root of that. */
static double
big_root(const Big *big, int scale, double divisor)
{
	int			exponent;
	double		fraction = big_fraction(big, scale, -9999, &exponent);

	if (exponent % 2 != 0)
	{
		fraction *= 2;
		exponent--;
	}
	return ldexp(sqrt(fraction / divisor), exponent / 2);
}

#endif							/* ECHOLON_EXACT_ORACLE_H */

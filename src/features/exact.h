/*
 * exact.h
 *		Sums of doubles without any rounding, so that values can leave a window again
 *		and nothing of them stays behind.
 *
 * Plain C without a server.  A sum is one long fixed-point number, wide enough for every
 * double and every product of two (Kulisch, "Computer Arithmetic and Validity", 2008), of
 * which only the words in use are touched.  Adding and subtracting are a few integer
 * operations, the order does not matter, and the one rounding is the one of the result.
 *
 * Neal's accumulators (2015), whose carries wait until the sum is read, were not taken: a window
 * is read at each row.
 *
 * Moments are what rolling windows and moving aggregates need: such sums of the values, their
 * squares and their products with 0, 1, 2, …, and the results made of them.
 */
#ifndef ECHOLON_EXACT_H
#define ECHOLON_EXACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Word i of a sum weighs 2^(64 (i - EXACT_ONE)).  The lowest product of two doubles is 2^-2148, in
 * word 0; the highest ones, below 2^2048, end in word 66; the last word has room for 2^62 of them.
 * The word of 2^0 begins at a word's edge, and so the square of a sum lies on the same words.
 */
#define EXACT_ONE	34
#define EXACT_WORDS	68

/*
 * In two's complement; words below low are 0, words from high on are 0 too, but stand for the
 * sign of words[high - 1].  All zero is the sum 0.  It may be copied as bytes.
 */
typedef struct ExactSum
{
	int32_t		low,
				high;
	uint64_t	words[EXACT_WORDS];
} ExactSum;

/* A finite double: mantissa 2^(position - 64 EXACT_ONE), with a sign. */
typedef struct ExactNumber
{
	uint64_t	mantissa;		/* below 2^53 */
	int32_t		position;
	bool		negative;
} ExactNumber;

/* Make words low .. high-1 usable, and one above for the carry: for the functions below. */
extern void exact_widen(ExactSum *sum, int low, int high);

static inline ExactNumber
exact_split(double x)
{
	ExactNumber number;
	uint64_t	bits;
	int32_t		exponent;

	memcpy(&bits, &x, sizeof(bits));
	exponent = (int32_t) (bits >> 52) & 0x7FF;
	number.mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | (uint64_t) (exponent != 0) << 52;
	number.position = exponent + (exponent == 0) + 64 * EXACT_ONE - 1075;
	number.negative = (bits >> 63) != 0;
	return number;
}

/* Carry into the words from word first on, or borrow from them: for the functions below. */
extern void exact_carry(ExactSum *sum, int first, bool negative);

/* exact_put where words have to be made usable first. */
extern void exact_put_wide(ExactSum *sum, int first, uint64_t low, uint64_t high, const uint64_t *third,
						   bool negative);

/* a + b + *carry, and its carry: in words, as 128-bit sums of them cost compilers twice as much. */
static inline uint64_t
exact_add_words(uint64_t a, uint64_t b, bool *carry)
{
	uint64_t	sum;
	bool		first = __builtin_add_overflow(a, b, &sum);
	bool		second = __builtin_add_overflow(sum, (uint64_t) *carry, &sum);

	*carry = first | second;
	return sum;
}

/*
 * Add two words from word first on, and a third one where there may be one, or subtract them.  All that is
 * above would get the sign of what is added, and the carry: mostly nothing.
 */
static inline __attribute__((always_inline)) void
exact_put(ExactSum *sum, int first, uint64_t low, uint64_t high, const uint64_t *third, bool negative)
{
	const int	n = third != NULL ? 3 : 2;
	uint64_t	flip = -(uint64_t) negative;
	bool		carry = negative;
	uint64_t   *own;

	if (__builtin_expect(first < sum->low || first + n >= sum->high, 0))
	{
		exact_put_wide(sum, first, low, high, third, negative);
		return;
	}
	own = sum->words + first;
	own[0] = exact_add_words(own[0], low ^ flip, &carry);
	own[1] = exact_add_words(own[1], high ^ flip, &carry);
	if (third != NULL)
		own[2] = exact_add_words(own[2], *third ^ flip, &carry);
	if (__builtin_expect(carry != negative, 0))
		exact_carry(sum, first + n, negative);
}

/* Add, or subtract, a number. */
static inline void
exact_put_number(ExactSum *sum, ExactNumber x, bool subtract)
{
	int			shift = x.position & 63;

	if (x.mantissa != 0)
		exact_put(sum, x.position >> 6, x.mantissa << shift, x.mantissa >> 1 >> (63 - shift), NULL,
				  x.negative != subtract);
}

/* Add, or subtract, factor 2^(position - 64 EXACT_ONE) times a mantissa: a product below 2^128. */
static inline void
exact_put_product(ExactSum *sum, uint64_t mantissa, uint64_t factor, int position, bool negative)
{
	unsigned __int128 product = (unsigned __int128) mantissa * factor;
	uint64_t	low = (uint64_t) product;
	uint64_t	high = (uint64_t) (product >> 64);
	int			shift = position & 63;
	uint64_t	third = high >> 1 >> (63 - shift);

	if (product != 0)
		exact_put(sum, position >> 6, low << shift, high << shift | low >> 1 >> (63 - shift), &third,
				  negative);
}

/* sum + x; x is finite. */
static inline void
exact_add(ExactSum *sum, double x)
{
	exact_put_number(sum, exact_split(x), false);
}

/* sum + a b and sum - a b, of the exact product; a and b are finite. */
static inline void
exact_add_product(ExactSum *sum, double a, double b)
{
	ExactNumber x = exact_split(a);
	ExactNumber y = exact_split(b);

	exact_put_product(sum, x.mantissa, y.mantissa, x.position + y.position - 64 * EXACT_ONE,
					  x.negative != y.negative);
}

static inline void
exact_subtract_product(ExactSum *sum, double a, double b)
{
	exact_add_product(sum, -a, b);
}

/* Make it 0; a sum that was never used must be zeroed as bytes instead. */
extern void exact_reset(ExactSum *sum);

/* Give up words that large or small values needed which have left. */
extern void exact_trim(ExactSum *sum);

/* sum + other. */
extern void exact_merge(ExactSum *sum, const ExactSum *other);

/* The sum to the nearest double, ties to even; an infinity where it has left their range. */
extern double exact_round(const ExactSum *sum);

/* The sum / n, rounded; never overflows where the mean does not. */
extern double exact_mean(const ExactSum *sum, uint64_t n);

/*
 * Variance and standard deviation of a sample of n >= 2 from the sums of its values and of their squares:
 * (n squares - sum^2) / (n (n - 1)), the numerator exact and rounded once.  The standard deviation
 * does not overflow, or vanish, where only its square does.
 */
extern double exact_variance(const ExactSum *sum, const ExactSum *squares, uint64_t n);
extern double exact_stddev(const ExactSum *sum, const ExactSum *squares, uint64_t n);

/*
 * Slope of the least-squares line through n >= 2 values at first, first + 1, …, from the sums of
 * the values and of value times place.  It does not depend on first, which with n stays below 2^62.
 */
extern double exact_slope(const ExactSum *sum, const ExactSum *products, uint64_t first, uint64_t n);

/* Are these bytes, which may come from anywhere, a sum? */
extern bool exact_valid(const ExactSum *sum);

/* ---- moments ------------------------------------------------------------- */

#define MOMENTS_SQUARES	1		/* for variance, stddev, zscore */
#define MOMENTS_SLOPE	2		/* for slope: values are removed in the order they were added */

#define MOMENTS_MAX_COUNT	(UINT64_C(1) << 53)

/*
 * Values that are not NULL, of a window or an aggregate.  NaN and infinities are counted beside the
 * sums and decide the results as in PostgreSQL's aggregates.  moments_size(flags) bytes, which may
 * be copied.
 */
typedef struct Moments
{
	uint32_t	flags;
	uint32_t	unused;			/* 0 */
	uint64_t	n;				/* all values, those that are not finite included */
	uint64_t	nan,
				positive,		/* infinities */
				negative;
	uint64_t	next;			/* place of the next value, for the slope */
	ExactSum	sums[];			/* of values; of squares; of products with their places: those there are */
} Moments;

static inline size_t
moments_size(uint32_t flags)
{
	return offsetof(Moments, sums) +
		sizeof(ExactSum) * (1 + ((flags & MOMENTS_SQUARES) != 0) + ((flags & MOMENTS_SLOPE) != 0));
}

/* Begin, in moments_size(flags) bytes of any content. */
extern void moments_init(Moments *moments, uint32_t flags);

/* No values again. */
extern void moments_reset(Moments *moments);

/* One value more; one less, of those that were added. */
extern void moments_add(Moments *moments, double x);
extern void moments_remove(Moments *moments, double x);

/* All of another one's values as well; of the same flags, without MOMENTS_SLOPE. */
extern void moments_merge(Moments *moments, const Moments *other);

/*
 * Results; false is NULL: no value at all, fewer than two for variance, stddev and slope; for the
 * z-score of x also a standard deviation of 0.  An infinity though every value is finite
 * (moments_finite) means that the result has left the range of doubles.
 */
extern bool moments_sum(const Moments *moments, double *result);
extern bool moments_mean(const Moments *moments, double *result);
extern bool moments_variance(const Moments *moments, double *result);
extern bool moments_stddev(const Moments *moments, double *result);
extern bool moments_slope(const Moments *moments, double *result);
extern bool moments_zscore(const Moments *moments, double x, double *result);

static inline bool
moments_finite(const Moments *moments)
{
	return (moments->nan | moments->positive | moments->negative) == 0;
}

/* Are these bytes, which may come from anywhere, moments with these flags? */
extern bool moments_valid(const void *bytes, size_t size, uint32_t flags);

#endif							/* ECHOLON_EXACT_H */

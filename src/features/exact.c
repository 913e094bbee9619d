/*
 * exact.c
 *		Rounding of exact sums, and the statistics made of them.
 *
 * Variance and slope come from differences in which all digits can cancel, so their
 * numerators are computed as integers of as many words as the sums have, two or three for
 * ordinary data, and rounded once.
 */
#include <math.h>

#include "features/exact.h"

/* Words that ordinary data need for squares; beyond, a removal looks if there are some to give up. */
#define TRIM_WORDS	10

/* Words of an ordinary sum, at most. */
#define FEW_WORDS	5

/* Room for the numerators of ordinary data. */
#define FEW_PLACES	8

/*
 * Places of the numerators: the square of a sum goes from twice its lowest word to twice its highest.
 * Bytes from outside may name any words, so there is room for all.
 */
#define WIDE_WORDS	(3 * EXACT_WORDS)

/* A number without its sign: n words, words[0] weighs 2^(64 (low - EXACT_ONE)); the last is not 0. */
typedef struct Magnitude
{
	const uint64_t *words;
	int			n;
	int			low;
	bool		negative;
} Magnitude;

/* ---- sums ------------------------------------------------------------------ */

void
exact_widen(ExactSum *sum, int low, int high)
{
	/* the sign goes on above; 0 where there was nothing */
	uint64_t	sign = sum->high > 0 && sum->words[sum->high - 1] >> 63 ? UINT64_MAX : 0;

	if (sum->high == 0)
		sum->low = sum->high = low;
	if (low < sum->low)
		sum->low = low;
	for (; sum->high < high + 1; sum->high++)
		sum->words[sum->high] = sign;
}

void
exact_carry(ExactSum *sum, int first, bool negative)
{
	for (int i = first; i < sum->high; i++)
	{
		sum->words[i] += negative ? UINT64_MAX : 1;
		if (sum->words[i] != (negative ? UINT64_MAX : 0))
			break;
	}
}

void
exact_put_wide(ExactSum *sum, int first, uint64_t low, uint64_t high, const uint64_t *third, bool negative)
{
	exact_widen(sum, first, first + (third != NULL ? 3 : 2));
	if (third != NULL)
		exact_put(sum, first, low, high, third, negative);
	else
		exact_put(sum, first, low, high, NULL, negative);
}

void
exact_reset(ExactSum *sum)
{
	for (int i = sum->low; i < sum->high; i++)
		sum->words[i] = 0;
	sum->low = sum->high = 0;
}

void
exact_trim(ExactSum *sum)
{
	int			low = sum->low;
	int			high = sum->high;
	uint64_t	sign;

	if (high == 0)
		return;
	/* two words of room stay, or each second value would have to widen it again */
	sign = sum->words[high - 1] >> 63 ? UINT64_MAX : 0;
	while (high - low > 3 && sum->words[high - 1] == sign && sum->words[high - 2] == sign &&
		   sum->words[high - 3] == sign)
		sum->words[--high] = 0;
	while (high - low > 3 && sum->words[low] == 0)
		low++;
	sum->low = low;
	sum->high = high;
}

void
exact_merge(ExactSum *sum, const ExactSum *other)
{
	uint64_t	sign,
				carry = 0;

	if (other->high == 0)
		return;
	/* the other's highest word is room for carries, and so this one's needs no more */
	exact_widen(sum, other->low, other->high - 1);
	sign = other->words[other->high - 1] >> 63 ? UINT64_MAX : 0;
	for (int i = other->low; i < sum->high; i++)
	{
		unsigned __int128 digit = (unsigned __int128) sum->words[i] +
			(i < other->high ? other->words[i] : sign) + carry;

		sum->words[i] = (uint64_t) digit;
		carry = (uint64_t) (digit >> 64);
	}
}

bool
exact_valid(const ExactSum *sum)
{
	uint64_t	outside = 0;
	int64_t		top;

	if (sum->low < 0 || sum->low > sum->high || sum->high > EXACT_WORDS)
		return false;
	if (sum->high == 0 ? sum->low != 0 : sum->low == sum->high)
		return false;
	for (int i = 0; i < EXACT_WORDS; i++)
		if (i < sum->low || i >= sum->high)
			outside |= sum->words[i];
	if (outside != 0)
		return false;
	if (sum->high == 0)
		return true;
	top = (int64_t) sum->words[sum->high - 1];
	return top >= -(INT64_C(1) << 62) && top <= INT64_C(1) << 62;
}

/* ---- rounding ----------------------------------------------------------------- */

/* Drop zeros in front; at the other end only where there may be many: for a few it costs more than it saves. */
static inline void
magnitude_trim(Magnitude *number)
{
	while (number->n > 0 && number->words[number->n - 1] == 0)
		number->n--;
	if (number->n > FEW_WORDS)
		while (number->n > 0 && number->words[0] == 0)
		{
			number->words++;
			number->low++;
			number->n--;
		}
}

/* The value of n words in two's complement; buffer is for that of a negative one, and may be words. */
static inline Magnitude
magnitude_of(const uint64_t *words, int n, int low, uint64_t *buffer)
{
	Magnitude	number = {.words = words, .n = n, .low = low};

	if (n > 0 && words[n - 1] >> 63)
	{
		bool		carry = true;

		for (int i = 0; i < n; i++)
		{
			buffer[i] = ~words[i] + carry;
			carry = carry && buffer[i] == 0;
		}
		number.words = buffer;
		number.negative = true;
	}
	magnitude_trim(&number);
	return number;
}

static inline Magnitude
sum_magnitude(const ExactSum *sum, uint64_t *buffer)
{
	return magnitude_of(sum->words + sum->low, sum->high - sum->low, sum->low, buffer);
}

/* The highest 64 bits of a number that is not 0, and the power of two that the first of them is. */
static inline uint64_t
leading_bits(const Magnitude *number, int *exponent)
{
	int			last = number->n - 1;
	int			zeros = __builtin_clzll(number->words[last]);
	uint64_t	bits = number->words[last] << zeros;

	if (zeros > 0 && last > 0)
		bits |= number->words[last - 1] >> (64 - zeros);
	*exponent = 64 * (number->low + last - EXACT_ONE) + 63 - zeros;
	return bits;
}

/* Is there anything below the highest 64 bits? */
static bool
more_bits(const Magnitude *number)
{
	int			last = number->n - 1;
	int			zeros = __builtin_clzll(number->words[last]);

	if (zeros > 0 && last > 0)
	{
		last--;
		if (number->words[last] << zeros != 0)
			return true;
	}
	while (last > 0)
		if (number->words[--last] != 0)
			return true;
	return false;
}

/* The highest 53 bits, rounded: 2^52 .. 2^53.  What is below counts only where it breaks a tie. */
static inline uint64_t
leading_mantissa(const Magnitude *number, int *exponent)
{
	uint64_t	bits = leading_bits(number, exponent);
	uint64_t	mantissa = (bits >> 11) + ((bits >> 10) & 1);

	if ((bits & 0x7FF) == 0x400 && !more_bits(number))
		mantissa &= ~UINT64_C(1);
	return mantissa;
}

/* The same as a double of 1 .. 2, with the sign: the number is that times 2^exponent. */
static inline double
leading_fraction(const Magnitude *number, int *exponent)
{
	uint64_t	bits = leading_mantissa(number, exponent) + (UINT64_C(1022) << 52);
	double		fraction;

	memcpy(&fraction, &bits, sizeof(fraction));
	return number->negative ? -fraction : fraction;
}

/* A number below the normal doubles, in units of the smallest one. */
static uint64_t
subnormal_mantissa(const Magnitude *number)
{
	int			exponent;
	uint64_t	bits = leading_bits(number, &exponent);
	int			drop = 63 - (exponent + 1074);	/* bits below the unit; 12 at least */
	uint64_t	rest,
				half,
				mantissa;

	if (drop > 64)
		return 0;
	half = UINT64_C(1) << (drop - 1);
	mantissa = drop == 64 ? 0 : bits >> drop;
	rest = drop == 64 ? bits : bits & ((UINT64_C(1) << drop) - 1);
	if (rest > half || (rest == half && (more_bits(number) || (mantissa & 1))))
		mantissa++;
	return mantissa;
}

double
exact_round(const ExactSum *sum)
{
	uint64_t	buffer[EXACT_WORDS];
	Magnitude	number = sum_magnitude(sum, buffer);
	uint64_t	bits;
	int			exponent;
	double		result;

	if (number.n == 0)
		return 0.0;
	bits = leading_mantissa(&number, &exponent);
	if (exponent > 1023)
		return number.negative ? -INFINITY : INFINITY;
	/* a mantissa that was rounded up to 2^53 carries into the exponent */
	if (exponent >= -1022)
		bits += (uint64_t) (exponent + 1022) << 52;
	else
		bits = subnormal_mantissa(&number);
	bits |= (uint64_t) number.negative << 63;
	memcpy(&result, &bits, sizeof(result));
	return result;
}

/* x 2^exponent; one multiplication wherever that power is a double. */
static inline double
scale(double x, int exponent)
{
	uint64_t	bits = (uint64_t) (exponent + 1023) << 52;
	double		power;

	if (exponent < -1022 || exponent > 1023)
		return ldexp(x, exponent);
	memcpy(&power, &bits, sizeof(power));
	return x * power;
}

double
exact_mean(const ExactSum *sum, uint64_t n)
{
	uint64_t	buffer[EXACT_WORDS];
	Magnitude	number = sum_magnitude(sum, buffer);
	int			exponent;
	double		fraction;

	if (number.n == 0)
		return 0.0;
	fraction = leading_fraction(&number, &exponent);
	return scale(fraction / (double) n, exponent);
}

/* ---- variance and slope ---------------------------------------------------------- */

/* An unsigned number as a double; small ones need no call. */
static inline double
as_double(unsigned __int128 x)
{
	return x >> 63 == 0 ? (double) (int64_t) x : (double) x;
}

/* out += factor number, or -= that; in two's complement, out[0] weighs as word low of a sum. */
static void
add_multiple(uint64_t *out, int n, int low, const Magnitude *number, uint64_t factor, bool subtract)
{
	uint64_t	carry = 0;
	int			place = number->low - low;

	for (int i = 0; i < number->n; i++, place++)
	{
		unsigned __int128 product = (unsigned __int128) number->words[i] * factor + carry;
		uint64_t	digit = (uint64_t) product;

		carry = (uint64_t) (product >> 64);
		if (subtract)
		{
			carry += out[place] < digit;
			out[place] -= digit;
		}
		else
		{
			out[place] += digit;
			carry += out[place] < digit;
		}
	}
	for (; carry != 0 && place < n; place++)
	{
		uint64_t	before = out[place];

		out[place] = subtract ? before - carry : before + carry;
		carry = subtract ? before < carry : out[place] < carry;
	}
}

/* Twice a word, and a carry; the carry of that. */
static inline uint64_t
double_word(uint64_t word, uint64_t *carry)
{
	uint64_t	result = word << 1 | *carry;

	*carry = word >> 63;
	return result;
}

/* a - b - *borrow, and its borrow. */
static inline uint64_t
subtract_words(uint64_t a, uint64_t b, bool *borrow)
{
	uint64_t	difference;
	bool		first = __builtin_sub_overflow(a, b, &difference);
	bool		second = __builtin_sub_overflow(difference, (uint64_t) *borrow, &difference);

	*borrow = first | second;
	return difference;
}

/*
 * n xx - x^2 of a sum of two words and squares of few, which is not negative, into out.  False: they have more, or it
 * is negative.
 */
static inline bool
few_words_numerator(const Magnitude *x, const Magnitude *xx, uint64_t n, uint64_t *out, Magnitude *result)
{
	int			x_low = 2 * x->low - EXACT_ONE;
	int			low = x_low < xx->low ? x_low : xx->low;
	int			x_place = x_low - low;
	int			xx_place = xx->low - low;
	int			places = x_place + 4 > xx_place + xx->n + 1 ? x_place + 4 : xx_place + xx->n + 1;
	uint64_t	carry = 0;
	bool		up = false;
	bool		borrow = false;
	uint64_t	square[4];
	unsigned __int128 bottom;
	unsigned __int128 middle;
	unsigned __int128 top;

	if (x->n != 2 || xx->n == 0 || xx->negative || places > FEW_PLACES)
		return false;

	for (int i = 0; i < FEW_PLACES; i++)
		out[i] = 0;
	for (int i = 0; i < xx->n; i++)
	{
		unsigned __int128 product = (unsigned __int128) xx->words[i] * n + carry;

		out[xx_place + i] = (uint64_t) product;
		carry = (uint64_t) (product >> 64);
	}
	out[xx_place + xx->n] = carry;

	bottom = (unsigned __int128) x->words[0] * x->words[0];
	middle = (unsigned __int128) x->words[0] * x->words[1];
	top = (unsigned __int128) x->words[1] * x->words[1];
	carry = 0;
	square[0] = (uint64_t) bottom;
	square[1] = exact_add_words((uint64_t) (bottom >> 64), double_word((uint64_t) middle, &carry), &up);
	square[2] = exact_add_words((uint64_t) top, double_word((uint64_t) (middle >> 64), &carry), &up);
	square[3] = exact_add_words((uint64_t) (top >> 64), carry, &up);

	for (int i = 0; i < 4; i++)
		out[x_place + i] = subtract_words(out[x_place + i], square[i], &borrow);
	for (int i = x_place + 4; borrow && i < places; i++)
		borrow = out[i]-- == 0;
	*result = (Magnitude) {.words = out, .n = places, .low = low};
	magnitude_trim(result);
	return !borrow;
}

/* n squares - sum^2 = fraction 2^exponent, fraction of 1 .. 2; false where that is 0. */
static bool
variance_numerator(const ExactSum *sum, const ExactSum *squares, uint64_t n, double *fraction, int *exponent)
{
	uint64_t	out[WIDE_WORDS];
	uint64_t	sum_buffer[EXACT_WORDS];
	uint64_t	squares_buffer[EXACT_WORDS];
	Magnitude	x = sum_magnitude(sum, sum_buffer);
	Magnitude	xx = sum_magnitude(squares, squares_buffer);
	int			low;
	int			high = xx.low + xx.n + 1;
	Magnitude	result;

	if (few_words_numerator(&x, &xx, n, out, &result))
	{
		if (result.n == 0)
			return false;
		*fraction = leading_fraction(&result, exponent);
		return true;
	}
	low = xx.low;
	if (x.n > 0)
	{
		int			x_low = 2 * x.low - EXACT_ONE;
		int			x_high = x_low + 2 * x.n;

		low = x_low < low ? x_low : low;
		high = x_high > high ? x_high : high;
	}
	high++;						/* for the sign */
	for (int i = 0; i < high - low; i++)
		out[i] = 0;
	add_multiple(out, high - low, low, &xx, n, false);
	for (int i = 0; i < x.n; i++)
	{
		Magnitude	row = {.words = x.words, .n = x.n, .low = 2 * x.low - EXACT_ONE + i};

		add_multiple(out, high - low, low, &row, x.words[i], true);
	}
	result = magnitude_of(out, high - low, low, out);
	/* below 0: sums that belong to no values, from outside */
	if (result.n == 0 || result.negative || xx.negative)
		return false;
	*fraction = leading_fraction(&result, exponent);
	return true;
}

double
exact_variance(const ExactSum *sum, const ExactSum *squares, uint64_t n)
{
	double		fraction;
	int			exponent;

	if (!variance_numerator(sum, squares, n, &fraction, &exponent))
		return 0.0;
	return scale(fraction / as_double((unsigned __int128) n * (n - 1)), exponent);
}

double
exact_stddev(const ExactSum *sum, const ExactSum *squares, uint64_t n)
{
	double		fraction;
	int			exponent;

	if (!variance_numerator(sum, squares, n, &fraction, &exponent))
		return 0.0;
	/* the root halves an even exponent; the bits are those of sqrt(variance) */
	if (exponent & 1)
	{
		fraction *= 2;
		exponent--;
	}
	return scale(sqrt(fraction / as_double((unsigned __int128) n * (n - 1))), exponent / 2);
}

/*
 * With k = first, first + 1, …: (n Skx - Sk Sx) / (n Skk - Sk^2), which is
 * (2 Skx - (2 first + n - 1) Sx) / (n (n^2 - 1) / 6).
 */
double
exact_slope(const ExactSum *sum, const ExactSum *products, uint64_t first, uint64_t n)
{
	uint64_t	out[EXACT_WORDS + 4];
	uint64_t	sum_buffer[EXACT_WORDS];
	uint64_t	products_buffer[EXACT_WORDS];
	Magnitude	x = sum_magnitude(sum, sum_buffer);
	Magnitude	kx = sum_magnitude(products, products_buffer);
	int			low = x.n == 0 || (kx.n > 0 && kx.low < x.low) ? kx.low : x.low;
	int			high = x.n == 0 || (kx.n > 0 && kx.low + kx.n > x.low + x.n) ? kx.low + kx.n : x.low + x.n;
	Magnitude	result;
	int			exponent;
	double		fraction,
				divisor;

	high += 2;					/* for the factors, and the sign */
	for (int i = 0; i < high - low; i++)
		out[i] = 0;
	add_multiple(out, high - low, low, &kx, 2, kx.negative);
	add_multiple(out, high - low, low, &x, 2 * first + n - 1, !x.negative);
	result = magnitude_of(out, high - low, low, out);
	if (result.n == 0)
		return 0.0;
	fraction = leading_fraction(&result, &exponent);
	/* an integer; its cube fits in 128 bits up to here */
	if (n < UINT64_C(1) << 42)
		divisor = as_double((unsigned __int128) n * (n - 1) * (n + 1) / 6);
	else
		divisor = (double) n * (double) n * (double) n / 6;
	return scale(fraction / divisor, exponent);
}

/* ---- moments ------------------------------------------------------------------------ */

static inline ExactSum *
moments_squares(const Moments *moments)
{
	return (ExactSum *) &moments->sums[1];
}

static inline ExactSum *
moments_products(const Moments *moments)
{
	return (ExactSum *) &moments->sums[1 + (moments->flags & MOMENTS_SQUARES)];
}

void
moments_init(Moments *moments, uint32_t flags)
{
	memset(moments, 0, moments_size(flags));
	moments->flags = flags;
}

void
moments_reset(Moments *moments)
{
	exact_reset(&moments->sums[0]);
	if (moments->flags & MOMENTS_SQUARES)
		exact_reset(moments_squares(moments));
	if (moments->flags & MOMENTS_SLOPE)
		exact_reset(moments_products(moments));
	moments->n = moments->nan = moments->positive = moments->negative = moments->next = 0;
}

/* Count a value that is not finite, up or down. */
static void
count_special(Moments *moments, double x, uint64_t step)
{
	if (isnan(x))
		moments->nan += step;
	else if (x > 0)
		moments->positive += step;
	else
		moments->negative += step;
}

/* A finite value into the sums, or out of them; place is its place. */
static inline void
moments_put(Moments *moments, double x, uint64_t place, const bool subtract)
{
	ExactNumber number = exact_split(x);

	exact_put_number(&moments->sums[0], number, subtract);
	if (moments->flags & MOMENTS_SQUARES)
		exact_put_product(moments_squares(moments), number.mantissa, number.mantissa,
						  2 * number.position - 64 * EXACT_ONE, subtract);
	if (moments->flags & MOMENTS_SLOPE)
		exact_put_product(moments_products(moments), number.mantissa, place, number.position,
						  number.negative != subtract);
}

void
moments_add(Moments *moments, double x)
{
	uint64_t	place = moments->next++;

	moments->n++;
	if (isfinite(x))
		moments_put(moments, x, place, false);
	else
		count_special(moments, x, 1);
}

void
moments_remove(Moments *moments, double x)
{
	uint64_t	place = moments->next - moments->n;

	moments->n--;
	if (!isfinite(x))
	{
		count_special(moments, x, UINT64_MAX);
		return;
	}
	moments_put(moments, x, place, true);
	if (moments->sums[0].high - moments->sums[0].low > TRIM_WORDS)
		exact_trim(&moments->sums[0]);
	if (moments->flags & MOMENTS_SQUARES &&
		moments_squares(moments)->high - moments_squares(moments)->low > TRIM_WORDS)
		exact_trim(moments_squares(moments));
	if (moments->flags & MOMENTS_SLOPE &&
		moments_products(moments)->high - moments_products(moments)->low > TRIM_WORDS)
		exact_trim(moments_products(moments));
}

void
moments_merge(Moments *moments, const Moments *other)
{
	moments->n += other->n;
	moments->nan += other->nan;
	moments->positive += other->positive;
	moments->negative += other->negative;
	moments->next += other->next;
	exact_merge(&moments->sums[0], &other->sums[0]);
	if (moments->flags & MOMENTS_SQUARES)
		exact_merge(moments_squares(moments), moments_squares(other));
}

bool
moments_sum(const Moments *moments, double *result)
{
	if (moments->n == 0)
		return false;
	if (moments_finite(moments))
		*result = exact_round(&moments->sums[0]);
	else if (moments->nan > 0 || (moments->positive > 0 && moments->negative > 0))
		*result = NAN;
	else
		*result = moments->positive > 0 ? INFINITY : -INFINITY;
	return true;
}

bool
moments_mean(const Moments *moments, double *result)
{
	if (moments->n == 0 || !moments_finite(moments))
		return moments_sum(moments, result);
	*result = exact_mean(&moments->sums[0], moments->n);
	return true;
}

bool
moments_variance(const Moments *moments, double *result)
{
	if (moments->n < 2)
		return false;
	*result = moments_finite(moments) ?
		exact_variance(&moments->sums[0], moments_squares(moments), moments->n) : NAN;
	return true;
}

bool
moments_stddev(const Moments *moments, double *result)
{
	if (moments->n < 2)
		return false;
	*result = moments_finite(moments) ?
		exact_stddev(&moments->sums[0], moments_squares(moments), moments->n) : NAN;
	return true;
}

bool
moments_slope(const Moments *moments, double *result)
{
	if (moments->n < 2)
		return false;
	*result = moments_finite(moments) ?
		exact_slope(&moments->sums[0], moments_products(moments), moments->next - moments->n, moments->n) : NAN;
	return true;
}

bool
moments_zscore(const Moments *moments, double x, double *result)
{
	double		mean,
				stddev;

	if (!moments_stddev(moments, &stddev) || stddev == 0.0)
		return false;
	moments_mean(moments, &mean);
	*result = (x - mean) / stddev;
	return true;
}

bool
moments_valid(const void *bytes, size_t size, uint32_t flags)
{
	const Moments *moments = bytes;

	if (size != moments_size(flags) || moments->flags != flags || moments->unused != 0)
		return false;
	if (moments->n > MOMENTS_MAX_COUNT || moments->next > MOMENTS_MAX_COUNT || moments->n > moments->next ||
		moments->nan > moments->n || moments->positive > moments->n - moments->nan ||
		moments->negative > moments->n - moments->nan - moments->positive)
		return false;
	return exact_valid(&moments->sums[0]) &&
		(!(flags & MOMENTS_SQUARES) || exact_valid(moments_squares(moments))) &&
		(!(flags & MOMENTS_SLOPE) || exact_valid(moments_products(moments)));
}

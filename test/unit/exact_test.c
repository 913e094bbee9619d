/*
 * exact_test.c
 *		Exact sums and moments against arithmetic of thousands of bits (exact_oracle.h), to the bit.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "features/exact.h"
#include "learn/hash.h"

#include "exact_oracle.h"
#include "unit.h"

#define NCASES		300
#define NSTEPS		60
#define NLONG		3000000

#define ALL			(MOMENTS_SQUARES | MOMENTS_SLOPE)

#define lengthof(a) (sizeof(a) / sizeof((a)[0]))

static bool
same(double a, double b)
{
	return (isnan(a) && isnan(b)) || a == b;
}

static Moments *
moments_new(uint32_t flags)
{
	Moments    *moments = malloc(moments_size(flags));

	memset(moments, 0xA5, moments_size(flags));
	moments_init(moments, flags);
	return moments;
}

/* Finite doubles of many kinds. */
static double
some_value(uint64_t seed, uint64_t i)
{
	static const double special[] = {1e300, -1e300, DBL_MAX, -DBL_MAX, 5e-324, -5e-324, DBL_MIN, 0.0, -0.0, 1e154, 1e17,
	0x1p53, 1.0, -1.0, 0x1p-53, 0x1p-1073};
	uint64_t	h = hash_random(seed, 1, i);
	uint64_t	kind = hash_below(hash_mix(h), 20) == 0 ? hash_below(hash_mix(h + 1), 5) : seed % 5;
	double		x;

	switch (kind)
	{
		case 0:
			memcpy(&x, &h, sizeof(x));
			return isfinite(x) ? x : 1.0;
		case 1:
			return special[hash_below(h, lengthof(special))];
		case 2:
			return (double) hash_below(h, 2001) - 1000;
		case 3:
			return (hash_unit(h) - 0.5) * 1e-310;
		default:
			return (hash_unit(h) - 0.25) * 1000;
	}
}

/* Sums of values [first, last) as the oracle has them; values and places at 2^-1074, squares at 2^-2148. */
typedef struct Oracle
{
	Big			sum,
				squares,
				products;
} Oracle;

static void
oracle_put(Oracle *oracle, double x, int64_t place, int64_t sign)
{
	Big			value = big_of(x);
	Big			square = big_times(&value, &value);

	oracle->sum = big_plus(&oracle->sum, &value, sign);
	oracle->squares = big_plus(&oracle->squares, &square, sign);
	oracle->products = big_plus(&oracle->products, &value, sign * place);
}

/* Are all results of the moments the oracle's? */
static bool
results_agree(const Moments *moments, const Oracle *oracle, int64_t first, int64_t n)
{
	double		got;
	Big			numerator,
				square;

	if (n == 0)
		return !moments_sum(moments, &got) && !moments_mean(moments, &got) &&
			exact_round(&moments->sums[0]) == 0.0 && exact_round(&moments->sums[1]) == 0.0;
	if (!moments_sum(moments, &got) || !same(got, big_round(&oracle->sum, 1074)) ||
		!same(exact_round(&moments->sums[1]), big_round(&oracle->squares, 2148)))
		return false;
	if (!moments_mean(moments, &got) || !same(got, big_quotient(&oracle->sum, 1074, (double) n)))
		return false;
	if (n == 1)
		return !moments_variance(moments, &got) && !moments_stddev(moments, &got) && !moments_slope(moments, &got);

	square = big_times(&oracle->sum, &oracle->sum);
	numerator = (Big) {{0}};
	numerator = big_plus(&numerator, &oracle->squares, n);
	numerator = big_plus(&numerator, &square, -1);
	if (!moments_variance(moments, &got) || !same(got, big_quotient(&numerator, 2148, (double) (n * (n - 1)))))
		return false;
	if (!moments_stddev(moments, &got) || !same(got, big_root(&numerator, 2148, (double) (n * (n - 1)))))
		return false;

	/* 2 Skx - (2 first + n - 1) Sx over n (n^2 - 1) / 6 */
	numerator = big_plus(&oracle->products, &oracle->products, 1);
	numerator = big_plus(&numerator, &oracle->sum, -(2 * first + n - 1));
	return moments_slope(moments, &got) &&
		same(got, big_quotient(&numerator, 1074, (double) (n * (n * n - 1) / 6)));
}

/* A window that grows and shrinks. */
static bool
window_agrees(uint64_t seed)
{
	static const Oracle zero;
	Oracle	   *oracle = malloc(sizeof(*oracle));
	Moments    *moments = moments_new(ALL);
	double		values[NSTEPS];
	int64_t		first = 0,
				last = 0;
	uint64_t	grows = 40 + hash_below(hash_random(seed, 2, 0), 40);
	bool		good = true;

	*oracle = zero;
	for (uint64_t step = 0; good && step < NSTEPS; step++)
	{
		if (first < last && hash_below(hash_random(seed, 3, step), 100) >= grows)
		{
			moments_remove(moments, values[first]);
			oracle_put(oracle, values[first], first, -1);
			first++;
		}
		else
		{
			values[last] = some_value(seed, step);
			moments_add(moments, values[last]);
			oracle_put(oracle, values[last], last, 1);
			last++;
		}
		good = results_agree(moments, oracle, first, last - first) &&
			moments_valid(moments, moments_size(ALL), ALL);
	}
	free(moments);
	free(oracle);
	return good;
}

/* Products of any two doubles. */
static bool
products_agree(uint64_t seed)
{
	ExactSum	sum;
	Big			oracle = {{0}};
	bool		good = true;

	memset(&sum, 0, sizeof(sum));
	for (uint64_t i = 0; good && i < 40; i++)
	{
		double		a = some_value(seed, 2 * i);
		double		b = some_value(seed + i % 5, 2 * i + 1);
		Big			x = big_of(a);
		Big			y = big_of(b);
		Big			product = big_times(&x, &y);

		if (i % 3 == 2)
			exact_subtract_product(&sum, a, b);
		else
			exact_add_product(&sum, a, b);
		oracle = big_plus(&oracle, &product, i % 3 == 2 ? -1 : 1);
		good = same(exact_round(&sum), big_round(&oracle, 2148)) && exact_valid(&sum);
	}
	return good;
}

/* ---- rounding -------------------------------------------------------------- */

static double
sum_of(const double *values, size_t n)
{
	ExactSum	sum;

	memset(&sum, 0, sizeof(sum));
	for (size_t i = 0; i < n; i++)
		exact_add(&sum, values[i]);
	return exact_round(&sum);
}

#define SUM(...) sum_of((double[]) {__VA_ARGS__}, lengthof(((double[]) {__VA_ARGS__})))

static double
product_of(double a, double b, double c, double d)
{
	ExactSum	sum;

	memset(&sum, 0, sizeof(sum));
	exact_add_product(&sum, a, b);
	exact_add_product(&sum, c, d);
	return exact_round(&sum);
}

static void
roundings(void)
{
	const double ulp = 0x1p-52;

	ok(SUM(1, 0x1p-53) == 1 && SUM(1 + ulp, 0x1p-53) == 1 + 2 * ulp && SUM(-1, -0x1p-53) == -1 &&
	   SUM(-1 - ulp, -0x1p-53) == -1 - 2 * ulp, "ties go to the even neighbour");
	ok(SUM(1, 0x1p-53, 5e-324) == 1 + ulp && SUM(1 + ulp, 0x1p-53, -5e-324) == 1 + ulp &&
	   SUM(-1, -0x1p-53, -5e-324) == -1 - ulp, "the smallest number breaks them");
	ok(SUM(2, -0x1p-53) == 2 && SUM(2, -0x1p-52) == 2 - ulp && SUM(0x1p53, 1) == 0x1p53 && SUM(0x1p53, 3) == 0x1p53 + 4,
	   "and where a rounding carries into the exponent");
	ok(SUM(DBL_MAX, 0x1p969) == DBL_MAX && SUM(DBL_MAX, 0x1p970) == INFINITY && SUM(-DBL_MAX, -0x1p970) == -INFINITY &&
	   SUM(DBL_MAX, 0x1p970, -5e-324) == DBL_MAX, "infinity begins half a unit above the greatest number");
	ok(SUM(DBL_MAX, DBL_MAX, DBL_MAX, -DBL_MAX, -DBL_MAX) == DBL_MAX, "what overflows on the way does no harm");
	ok(SUM(1e16, 1, -1e16) == 1 && SUM(1e300, 1, -1e300, 1e-300) == 1 && SUM(5e-324, -5e-324) == 0,
	   "cancellation loses nothing");
	ok(SUM(5e-324, 5e-324) == 1e-323 && SUM(DBL_MIN, -5e-324) == DBL_MIN - 5e-324, "subnormal sums");
	ok(product_of(0x1p-537, 0x1p-538, 0, 0) == 0 && product_of(0x1p-537, 0x1p-538, 5e-324, 5e-324) == 5e-324 &&
	   product_of(0x1p-537, 0x1p-538, 5e-324, -5e-324) == 0 && product_of(0x3p-537, 0x1p-538, 0, 0) == 1e-323 &&
	   product_of(5e-324, 5e-324, 0, 0) == 0, "products below the subnormal numbers");
	ok(product_of(0x1p-511, 0x1p-511, 0x1p-538, -0x1p-538) == DBL_MIN &&
	   product_of(0x1p-511, 0x1p-511, 0x1p-537, -0x1p-538) == DBL_MIN &&
	   product_of(0x1p-511, 0x1p-511, 0x1p-537, -0x1p-537) == DBL_MIN - 5e-324,
	   "and where they end");
	ok(product_of(DBL_MAX, DBL_MAX, 1, 1) == INFINITY && product_of(DBL_MAX, DBL_MAX, -DBL_MAX, DBL_MAX) == 0 &&
	   product_of(DBL_MAX, DBL_MAX, DBL_MAX, -1) == INFINITY, "the greatest products");
}

/* ---- moments ------------------------------------------------------------------ */

/* Millions of values of any size, added, then removed in another order: nothing is left. */
static bool
leaves_nothing(void)
{
	Moments    *moments = moments_new(MOMENTS_SQUARES);
	Oracle	   *oracle = calloc(1, sizeof(*oracle));
	double		got;
	uint64_t	left = 0;
	bool		good = true;

	for (uint64_t i = 0; i < NLONG; i++)
	{
		double		x = i % 1000 == 7 ? (i % 2 ? 1e300 : -1e300) : some_value(i % 5, i);

		moments_add(moments, x);
		if (i >= NLONG - 50)
			oracle_put(oracle, x, 0, 1);
	}
	/* 7919 is prime to the number of those that leave */
	for (uint64_t i = 0; i < NLONG - 50; i++)
	{
		uint64_t	j = i * 7919 % (NLONG - 50);

		moments_remove(moments, j % 1000 == 7 ? (j % 2 ? 1e300 : -1e300) : some_value(j % 5, j));
	}
	good = moments_sum(moments, &got) && got == big_round(&oracle->sum, 1074) && moments->n == 50 &&
		exact_round(&moments->sums[1]) == big_round(&oracle->squares, 2148);
	for (uint64_t j = NLONG - 50; j < NLONG; j++)
		moments_remove(moments, j % 1000 == 7 ? (j % 2 ? 1e300 : -1e300) : some_value(j % 5, j));
	for (int s = 0; s < 2; s++)
		for (int i = 0; i < EXACT_WORDS; i++)
			left |= moments->sums[s].words[i];
	good = good && moments->n == 0 && left == 0;
	free(oracle);
	free(moments);
	return good;
}

/* Any parts in any order make the same whole, their bytes copied on the way. */
static bool
merges(uint64_t seed)
{
	Moments    *whole = moments_new(MOMENTS_SQUARES);
	Moments    *parts[4];
	Moments    *copy = malloc(moments_size(MOMENTS_SQUARES));
	double		a,
				b;
	bool		good = true;

	for (int p = 0; p < 4; p++)
		parts[p] = moments_new(MOMENTS_SQUARES);
	for (uint64_t i = 0; i < 100; i++)
	{
		double		x = i % 40 == 13 && seed % 2 ? INFINITY : some_value(seed, i);
		uint64_t	p = hash_below(hash_random(seed, 4, i), 3);

		moments_add(whole, x);
		moments_add(parts[p], x);
	}
	for (int p = 3; p > 0; p--)
	{
		memcpy(copy, parts[p], moments_size(MOMENTS_SQUARES));
		good = good && moments_valid(copy, moments_size(MOMENTS_SQUARES), MOMENTS_SQUARES);
		moments_merge(parts[p - 1], copy);
	}
	good = good && parts[0]->n == whole->n && moments_valid(parts[0], moments_size(MOMENTS_SQUARES), MOMENTS_SQUARES) &&
		moments_sum(parts[0], &a) && moments_sum(whole, &b) && same(a, b) &&
		moments_stddev(parts[0], &a) && moments_stddev(whole, &b) && same(a, b) &&
		exact_round(&parts[0]->sums[1]) == exact_round(&whole->sums[1]);
	for (int p = 0; p < 4; p++)
		free(parts[p]);
	free(copy);
	free(whole);
	return good;
}

/* Bytes that were changed are refused, or are numbers like any others. */
static int
survives_bytes(void)
{
	size_t		size = moments_size(ALL);
	Moments    *moments = moments_new(ALL);
	Moments    *other = moments_new(ALL);
	int			accepted = 0;

	for (uint64_t round = 0; round < 20000; round++)
	{
		double		result;
		uint64_t	nchanges = 1 + hash_below(hash_random(9, 0, round), 4);

		moments_init(moments, ALL);
		for (uint64_t i = 0; i < 5; i++)
			moments_add(moments, some_value(round % 5, 100 * round + i));
		for (uint64_t c = 0; c < nchanges; c++)
		{
			uint64_t	h = hash_random(9, 1 + c, round);
			/* half of them where the fields are */
			size_t		place = h % 2 ? hash_below(hash_mix(h), size) : hash_below(hash_mix(h), sizeof(Moments) + 8);

			((unsigned char *) moments)[place] = (unsigned char) (h >> 32);
		}
		if (!moments_valid(moments, size, ALL))
			continue;
		accepted++;
		moments_sum(moments, &result);
		moments_mean(moments, &result);
		moments_variance(moments, &result);
		moments_stddev(moments, &result);
		moments_slope(moments, &result);
		moments_zscore(moments, 1.0, &result);
		if (moments->n > 0)
			moments_remove(moments, 1e300);
		moments_add(moments, -1e-300);
		memcpy(other, moments, size);
		moments_merge(other, moments);
		exact_round(&other->sums[1]);
	}
	free(moments);
	free(other);
	return accepted;
}

/* Is this change of a field noticed? */
#define REFUSES(change) \
	(moments_init(moments, ALL), moments_add(moments, 3), moments_add(moments, NAN), (change), \
	 !moments_valid(moments, moments_size(ALL), ALL))

static void
refusals(void)
{
	Moments    *moments = moments_new(ALL);
	ExactSum   *sum = &moments->sums[0];

	ok(!REFUSES((void) 0) && !moments_valid(moments, moments_size(ALL) - 1, ALL) &&
	   !moments_valid(moments, moments_size(MOMENTS_SQUARES), MOMENTS_SQUARES), "another size, other flags");
	ok(REFUSES(moments->n = 0) && REFUSES(moments->nan = 3) && REFUSES(moments->positive = UINT64_MAX) &&
	   REFUSES(moments->negative = 2) && REFUSES(moments->next = 1) && REFUSES(moments->unused = 1) &&
	   REFUSES(moments->n = moments->next = UINT64_C(1) << 60), "counts that can't be");
	ok(REFUSES(sum->low = -1) && REFUSES(sum->high = EXACT_WORDS + 1) && REFUSES(sum->low = sum->high) &&
	   REFUSES(sum->high = 0) && REFUSES(sum->low = INT32_MAX), "words that are not there");
	ok(REFUSES(sum->words[0] = 1) && REFUSES(sum->words[EXACT_WORDS - 1] = 1) && REFUSES(moments->sums[2].words[9] = 1) &&
	   REFUSES(moments->sums[1].words[moments->sums[1].high - 1] = UINT64_C(1) << 63), "words beside the sum, a sum without room");
	free(moments);
}

/* Sum, mean, variance, stddev, slope, z-score of 2: which is NULL, and what it is. */
static bool
rules(const double *values, size_t n, const char *expected)
{
	Moments    *moments = moments_new(ALL);
	bool		(*results[]) (const Moments *, double *) = {
		moments_sum, moments_mean, moments_variance, moments_stddev, moments_slope
	};
	char		text[200] = "";
	double		result;
	bool		good;

	for (size_t i = 0; i < n; i++)
		moments_add(moments, values[i]);
	for (size_t i = 0; i <= lengthof(results); i++)
	{
		bool		any = i < lengthof(results) ? results[i] (moments, &result) : moments_zscore(moments, n > 1 && values[0] < 1e-300 ? 1e-310 : 2, &result);

		snprintf(text + strlen(text), sizeof(text) - strlen(text), isnan(result) && any ? " nan" : any ? " %g" : " -", result);
	}
	good = strcmp(text + 1, expected) == 0;
	if (!good)
		note("%s, not %s", text + 1, expected);
	free(moments);
	return good;
}

#define RULES(expected, ...) rules((double[]) {__VA_ARGS__}, lengthof(((double[]) {__VA_ARGS__})), expected)

/* The slope does not depend on how many values have passed before. */
static bool
slope_moves(void)
{
	Moments    *late = moments_new(MOMENTS_SLOPE);
	Moments    *fresh = moments_new(MOMENTS_SLOPE);
	double		a,
				b;
	bool		good;

	for (uint64_t i = 0; i < 1000000; i++)
	{
		moments_add(late, some_value(4, i));
		if (i >= 7)
			moments_remove(late, some_value(4, i - 7));
		if (i >= 1000000 - 7)
			moments_add(fresh, some_value(4, i));
	}
	good = moments_slope(late, &a) && moments_slope(fresh, &b) && a == b;
	/* as if it had been used for ages */
	moments_reset(late);
	late->next = UINT64_C(1) << 52;
	for (uint64_t i = 1000000 - 7; i < 1000000; i++)
		moments_add(late, some_value(4, i));
	good = good && moments_slope(late, &a) && a == b;
	free(late);
	free(fresh);
	return good;
}

int
main(void)
{
	int			bad = 0;
	int			accepted;

	for (uint64_t seed = 0; seed < NCASES; seed++)
		bad += !window_agrees(seed);
	okf(bad == 0, "sum, mean, variance, stddev, slope of growing and shrinking windows (%d of %d differ)", bad, NCASES);
	bad = 0;
	for (uint64_t seed = 0; seed < NCASES; seed++)
		bad += !products_agree(seed);
	okf(bad == 0, "sums of products of any two doubles (%d of %d differ)", bad, NCASES);
	roundings();

	ok(leaves_nothing(), "three million values of any size, added and removed, leave nothing");
	bad = 0;
	for (uint64_t seed = 0; seed < NCASES; seed++)
		bad += !merges(seed);
	okf(bad == 0, "parts are merged into the whole (%d of %d differ)", bad, NCASES);
	accepted = survives_bytes();
	okf(accepted > 100 && accepted < 19000, "changed bytes are refused, or do no harm (%d of 20000 accepted)", accepted);
	refusals();
	ok(slope_moves(), "a slope does not depend on what has passed");

	/* PostgreSQL 15: select sum(x), avg(x), var_samp(x), stddev_samp(x), regr_slope(x, k) */
	ok(rules(NULL, 0, "- - - - - -"), "no value");
	ok(RULES("3 3 - - - -", 3), "one value");
	ok(RULES("nan nan - - - -", NAN), "one NaN");
	ok(RULES("6 3 0 0 0 -", 3, 3), "a constant");
	ok(RULES("9 3 1 1 1 -1", 2, 3, 4), "three values");
	ok(RULES("inf inf nan nan nan nan", 2, INFINITY, 4), "an infinity");
	ok(RULES("-inf -inf nan nan nan nan", 2, -INFINITY), "a negative one");
	ok(RULES("nan nan nan nan nan nan", INFINITY, -INFINITY), "both");
	ok(RULES("nan nan nan nan nan nan", INFINITY, NAN, 1), "NaN and infinity");
	/* fractions.Fraction of Python: 0.1 + 0.2 + 0.3, and about them */
	ok(RULES("0.6 0.2 0.01 0.1 0.1 18", 0.1, 0.2, 0.3), "decimals");
	ok(RULES("inf 1.6e+308 inf 1.41421e+307 -2e+307 -11.3137", 1.7e308, 1.5e308),
	   "mean and stddev of what is too large for a sum and a variance");
	ok(RULES("3e-310 1.5e-310 0 1.41421e-310 2e-310 -0.353553", 0.5e-310, 2.5e-310), "and too small for a variance");
	return done();
}

/*
 * loss_test.c
 *		loss.c: start values and mean losses against scikit-learn 1.9, gradients and
 *		hessians against finite differences, quantiles and leaves against sorting.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learn/hash.h"
#include "learn/loss.h"

#include "unit.h"

static const double weight[7] = {1, 2, 0.5, 1, 0, 3, 1.25};
static const double score[7] = {-1, 0.5, 0.25, 1.5, -3, 2, 0};
static const double two[7] = {0, 1, 1, 0, 1, 1, 1};
static const double three[7] = {0, 1, 2, 2, 1, 2, 2};
static const double counts[7] = {0, 1, 2, 5, 0, 1, 3};

static bool
near(double a, double b, double tolerance)
{
	if (fabs(a - b) <= tolerance * fmax(1.0, fabs(b)))
		return true;
	printf("# %.17g is not %.17g\n", a, b);
	return false;
}

static double
start_of(LearnLoss kind, double quantile, const double *y, const double *w, size_t n)
{
	Loss		loss = {kind, quantile, 0, 0};
	double		base[1];

	loss_start(&unit_env, &loss, y, w, n, base);
	return base[0];
}

static void
test_start(void)
{
	const double far[4] = {1e16, 1, 1, -1e16};
	const double same[3] = {0, 0, 0};
	double		base[4];

	ok(start_of(LOSS_SQUARED_ERROR, 0, far, NULL, 4) == 0.5, "the mean is a compensated sum");
	ok(near(start_of(LOSS_SQUARED_ERROR, 0, counts, weight, 7), 14.75 / 8.75, 1e-15), "weighted mean");
	ok(start_of(LOSS_ABSOLUTE_ERROR, 0, counts, NULL, 7) == 1 && start_of(LOSS_HUBER, 0, counts, weight, 7) == 1, "median");
	ok(start_of(LOSS_QUANTILE, 0.9, counts, NULL, 7) == 5 && start_of(LOSS_QUANTILE, 0.1, counts, weight, 7) == 0, "quantile");
	ok(near(start_of(LOSS_POISSON, 0, counts, NULL, 7), log(12.0 / 7), 1e-15), "poisson: log of the mean");
	ok(isfinite(start_of(LOSS_POISSON, 0, same, NULL, 3)), "poisson: finite where all are 0");
	ok(near(start_of(LOSS_LOGISTIC, 0, two, NULL, 7), 0.9162907318741551, 1e-15) &&
	   near(start_of(LOSS_LOGISTIC, 0, two, weight, 7), 1.2163953243244934, 1e-15), "logistic: log-odds");
	ok(start_of(LOSS_LOGISTIC, 0, same, NULL, 3) < -15 && start_of(LOSS_LOGISTIC, 0, same, NULL, 3) > -17, "logistic: one class only");

	loss_start(&unit_env, &(Loss) {.kind = LOSS_SOFTMAX, .nclasses = 3}, three, weight, 7, base);
	ok(near(base[0], log(1 / 8.75), 1e-15) && near(base[1] - base[0], 0.6931471805599453, 1e-15) &&
	   near(base[2] - base[0], 0.9350841763528578 + 0.8141156784564013, 1e-15), "softmax: log-priors");
	loss_start(&unit_env, &(Loss) {.kind = LOSS_SOFTMAX, .nclasses = 4}, three, NULL, 7, base);
	ok(isfinite(base[3]) && base[3] < base[0] && near(base[2], log(4 / 7.0), 1e-15), "softmax: an absent class is unlikely, not impossible");
}

static void
test_mean(void)
{
	const double y[7] = {0, 1, 2, 5, 0, 1, 30};
	double		scores[21];
	double		h[21];

	ok(near(loss_mean(&(Loss) {.kind = LOSS_SQUARED_ERROR}, counts, weight, 7, score),
			(1 + 2 * .25 + .5 * 3.0625 + 12.25 + 3 + 1.25 * 9) / 8.75, 1e-15), "squared error");
	ok(near(loss_mean(&(Loss) {.kind = LOSS_ABSOLUTE_ERROR}, counts, NULL, 7, score), 13.75 / 7, 1e-15), "absolute error");
	ok(near(loss_mean(&(Loss) {.kind = LOSS_QUANTILE, .quantile = 0.8}, counts, weight, 7, score), 0.9942857142857144, 1e-15), "pinball loss");
	ok(near(loss_mean(&(Loss) {LOSS_HUBER, 0, 0, 2.0}, y, NULL, 7, score),
			(0.5 * (1 + .25 + 1.75 * 1.75 + 1) + 2 * (3.5 - 1) + 2 * (3 - 1) + 2 * (30 - 1)) / 7, 1e-15), "huber loss");
	ok(near(loss_mean(&(Loss) {.kind = LOSS_POISSON}, counts, weight, 7, score), 3.558017116178616, 1e-14), "poisson deviance");
	ok(near(loss_mean(&(Loss) {.kind = LOSS_LOGISTIC}, two, weight, 7, score), 0.5140590460147954, 1e-14) &&
	   near(loss_mean(&(Loss) {.kind = LOSS_LOGISTIC}, two, NULL, 7, score), 0.9904791303909407, 1e-14), "log loss, two classes");
	for (int i = 0; i < 7; i++)
	{
		scores[i] = score[i];
		scores[7 + i] = score[6 - i];
		scores[14 + i] = score[i] * 0.5;
	}
	ok(near(loss_mean(&(Loss) {.kind = LOSS_SOFTMAX, .nclasses = 3}, three, weight, 7, scores), 1.1272635093845418, 1e-14) &&
	   near(loss_mean(&(Loss) {.kind = LOSS_SOFTMAX, .nclasses = 3}, three, NULL, 7, scores), 0.9952540802516662, 1e-14), "log loss, three classes");
	for (int i = 0; i < 21; i++)
		h[i] = i % 2 ? 2000 : -2000;
	ok(near(loss_mean(&(Loss) {.kind = LOSS_LOGISTIC}, two, NULL, 7, h), 2000 * 4.0 / 7, 1e-14) &&
	   isfinite(loss_mean(&(Loss) {.kind = LOSS_SOFTMAX, .nclasses = 3}, three, NULL, 7, h)) &&
	   isfinite(loss_mean(&(Loss) {.kind = LOSS_POISSON}, counts, NULL, 7, h)), "huge scores do not overflow");
	ok(isnan(loss_mean(&(Loss) {.kind = LOSS_LOGISTIC}, two, NULL, 0, score)), "of no rows: NaN");
}

#define N 600
#define K 4

/* Gradient and hessian of score k; the probabilities are computed anew. */
static void
gradient_of(Loss *loss, const double *y, const double *s, uint32_t k, double *g, double *h)
{
	static double prob[K * N];

	for (uint32_t j = 0; j <= k; j++)
		loss_gradients(&unit_env, loss, y, NULL, N, s, j, prob, g, h);
}

/*
 * Gradient and hessian of every score against central differences: of the loss
 * of single rows, which is scale times what the gradient is of (2 for squares and
 * deviance), and of the gradient.
 */
static bool
gradients_agree(Loss *loss, const double *values, double scale)
{
	const double e = 1e-5;
	double		s[K * N],
				y[N],
				g[N],
				h[N],
				below[N],
				above[N],
				unused[N];

	for (uint64_t i = 0; i < N; i++)
	{
		y[i] = values ? values[i % 7] : (double) (hash_random(3, 9, i) % loss->nclasses);
		for (uint64_t k = 0; k < loss_nscores(loss); k++)
			s[k * N + i] = hash_unit(hash_random(3, k, i)) * 8 - 4;
	}
	for (uint32_t k = 0; k < loss_nscores(loss); k++)
	{
		gradient_of(loss, y, s, k, g, h);
		for (int i = 0; i < N; i++)
		{
			double		row[K],
						change;

			for (uint32_t j = 0; j < loss_nscores(loss); j++)
				row[j] = s[j * N + i];
			row[k] += e;
			change = loss_mean(loss, &y[i], NULL, 1, row);
			row[k] -= 2 * e;
			change -= loss_mean(loss, &y[i], NULL, 1, row);
			if (!near(g[i] * scale, -change / (2 * e), 1e-6))
				return false;
		}
		if (loss_constant_hessian(loss))
		{
			for (int i = 0; i < N; i++)
				if (h[i] != 1.0)
					return false;
			continue;
		}
		for (int i = 0; i < N; i++)
			s[k * N + i] -= e;
		gradient_of(loss, y, s, k, below, unused);
		for (int i = 0; i < N; i++)
			s[k * N + i] += 2 * e;
		gradient_of(loss, y, s, k, above, unused);
		for (int i = 0; i < N; i++)
			if (!near(h[i], (below[i] - above[i]) / (2 * e), 1e-6))
				return false;
		for (int i = 0; i < N; i++)
			s[k * N + i] -= e;
	}
	return true;
}

static void
test_gradients(void)
{
	const double y[7] = {0, 1, 2, 5, 0, 1, 30};
	double		g[7],
				h[7];
	Loss		loss = {LOSS_HUBER, 0, 0, -1};

	ok(gradients_agree(&(Loss) {.kind = LOSS_SQUARED_ERROR}, y, 2), "gradient of squared error");
	ok(gradients_agree(&(Loss) {.kind = LOSS_ABSOLUTE_ERROR}, y, 1), "gradient of absolute error");
	ok(gradients_agree(&(Loss) {.kind = LOSS_QUANTILE, .quantile = 0.8}, y, 1), "gradient of pinball loss");
	ok(gradients_agree(&(Loss) {.kind = LOSS_HUBER}, y, 1), "gradient of huber loss");
	ok(gradients_agree(&(Loss) {.kind = LOSS_POISSON}, y, 2), "gradient and hessian of poisson deviance");
	ok(gradients_agree(&(Loss) {.kind = LOSS_LOGISTIC, .nclasses = 2}, NULL, 1), "gradient and hessian of log loss, two classes");
	ok(gradients_agree(&(Loss) {.kind = LOSS_SOFTMAX, .nclasses = 4}, NULL, 1), "gradient and hessian of log loss, four classes");

	loss_gradients(&unit_env, &loss, y, NULL, 7, (double[7]) {0}, 0, NULL, g, h);
	ok(loss.huber_delta == 30, "huber: delta is the 0.9 quantile of the residuals");
	loss_gradients(&unit_env, &loss, y, (double[7]) {3, 3, 3, 3, 3, 3, 1}, 7, (double[7]) {0}, 0, NULL, g, h);
	ok(loss.huber_delta == 5 && g[6] == 5 && g[2] == 2, "huber: weighted, and residuals clipped at it");
	loss.kind = LOSS_QUANTILE;
	loss.quantile = 0.75;
	loss_gradients(&unit_env, &loss, y, NULL, 7, (double[7]) {0, 2, 0, 0, 0, 0, 0}, 0, NULL, g, h);
	ok(g[0] == 0 && g[1] == -0.25 && g[2] == 0.75, "quantile: a residual of 0 has no direction");
	loss.kind = LOSS_LOGISTIC;
	loss_gradients(&unit_env, &loss, two, NULL, 7, (double[7]) {40, 40, -800, 800, 0, 0, 0}, 0, NULL, g, h);
	ok(g[0] < -0.999 && near(g[1] * 1e17, exp(-40) * 1e17, 1e-12) && near(h[1] * 1e17, exp(-40) * 1e17, 1e-12) &&
	   g[2] == 1 && g[3] == -1 && h[2] >= 0, "logistic: what is nearly certain keeps its digits");
}

static int
compare_pairs(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (x[0] > y[0]) - (x[0] < y[0]);
}

/* By sorting; weights are multiples of 1/4, so that sums are exact. */
static double
quantile_by_sort(const double *values, const double *w, size_t n, double q)
{
	double		(*pairs)[2] = malloc(n * sizeof(*pairs));
	double		total = 0,
				sum = 0,
				result = NAN;

	for (size_t i = 0; i < n; i++)
	{
		pairs[i][0] = values[i];
		pairs[i][1] = w ? w[i] : 1.0;
		total += pairs[i][1];
	}
	qsort(pairs, n, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < n && isnan(result); i++)
	{
		sum += pairs[i][1];
		if (pairs[i][1] > 0 && sum >= q * total * (1 - 1e-12))
			result = pairs[i][0];
	}
	free(pairs);
	return result;
}

static bool
quantiles_agree(int kind, bool weighted)
{
	static double values[5000],
				w[5000];
	const size_t sizes[] = {1, 2, 3, 7, 24, 25, 100, 1000, 5000};
	const double shares[] = {0, 0.01, 0.07, 0.25, 0.5, 0.9, 0.999, 1};

	for (size_t a = 0; a < sizeof(sizes) / sizeof(sizes[0]); a++)
	{
		for (size_t i = 0; i < sizes[a]; i++)
		{
			uint64_t	h = hash_random((uint64_t) kind, a, i);

			switch (kind)
			{
				case 0:			/* any sign and size */
					values[i] = (hash_unit(h) - 0.5) * pow(10, (double) (hash_mix(h) % 40) - 20);
					break;
				case 1:			/* ties, 0 and -0 among them */
					values[i] = (double) (h % 9) * 0.5 - 2.0;
					values[i] = values[i] == 0 && h % 2 ? -0.0 : values[i];
					break;
				case 2:			/* all equal */
					values[i] = 7.25;
					break;
				default:		/* differing in the last bits only */
					values[i] = 1.0 + (double) (h % 500) * 0x1p-52;
					break;
			}
			w[i] = (double) (hash_mix(h + 5) % 5) * 0.25;
		}
		w[0] = 0.5;
		for (size_t b = 0; b < sizeof(shares) / sizeof(shares[0]); b++)
		{
			double		got = weighted_quantile(&unit_env, values, weighted ? w : NULL, sizes[a], shares[b]);
			double		expected = quantile_by_sort(values, weighted ? w : NULL, sizes[a], shares[b]);

			if (got != expected)
			{
				printf("# %zu values, share %g: %.17g is not %.17g\n", sizes[a], shares[b], got, expected);
				return false;
			}
		}
	}
	return true;
}

static void
test_quantiles(void)
{
	const double hundred = 100;
	double		up[100],
				none[3] = {0, 0, 0};

	ok(quantiles_agree(0, false) && quantiles_agree(0, true), "quantiles of any numbers");
	ok(quantiles_agree(1, false) && quantiles_agree(1, true), "quantiles with ties");
	ok(quantiles_agree(2, false) && quantiles_agree(2, true), "quantiles of equal values");
	ok(quantiles_agree(3, false) && quantiles_agree(3, true), "quantiles of close values");
	for (int i = 0; i < 100; i++)
		up[i] = i + 1;
	ok(weighted_quantile(&unit_env, up, NULL, 100, 0.07) == 7 && 0.07 * hundred > 7, "0.07 of 100 is 7, rounding or not");
	ok(weighted_quantile(&unit_env, up, none, 3, 0.5) == 2, "where nothing has weight, all have the same");
	ok(isnan(weighted_quantile(&unit_env, NULL, NULL, 0, 0.5)), "a quantile of nothing is NaN");
}

static void
test_leaf(void)
{
	const double y[7] = {0, 1, 2, 5, 0, 1, 30};
	const uint32_t rows[5] = {0, 2, 3, 5, 6};
	const double zero[7] = {0};
	Loss		huber = {LOSS_HUBER, 0, 0, 3.0};
	double		many[300],
				shifted[300];
	uint32_t	all[300];

	/* residuals of rows: 1, 1.75, 3.5, -1, 30 */
	ok(loss_leaf(&unit_env, &(Loss) {.kind = LOSS_ABSOLUTE_ERROR}, y, NULL, score, rows, 5) == 1.75, "leaf of absolute error");
	ok(loss_leaf(&unit_env, &(Loss) {.kind = LOSS_QUANTILE, .quantile = 0.8}, y, NULL, score, rows, 5) == 3.5, "leaf of a quantile");
	ok(loss_leaf(&unit_env, &(Loss) {.kind = LOSS_ABSOLUTE_ERROR}, y, (double[7]) {1, 9, 1, 1, 9, 5, 1}, score, rows, 5) == -1, "weighted leaf");
	ok(near(loss_leaf(&unit_env, &huber, y, NULL, score, rows, 5), 1.75 + (-0.75 + 0 + 1.75 - 2.75 + 3) / 5, 1e-15), "leaf of huber loss");
	huber.huber_delta = 29;
	ok(near(loss_leaf(&unit_env, &huber, y, NULL, zero, (uint32_t[7]) {0, 1, 2, 3, 4, 5, 6}, 7), 5.571428571428571, 1e-15),
	   "leaf of huber loss as scikit-learn's only leaf");
	for (uint32_t i = 0; i < 300; i++)
	{
		all[i] = i;
		many[i] = hash_unit(hash_random(8, 8, i));
		shifted[i] = -1.0;
	}
	ok(loss_leaf(&unit_env, &(Loss) {.kind = LOSS_ABSOLUTE_ERROR}, many, NULL, shifted, all, 300) == quantile_by_sort(many, NULL, 300, 0.5) + 1,
	   "a leaf of many rows");
	ok(loss_leaf_limit(&(Loss) {.kind = LOSS_POISSON}) == 20 && loss_leaf_limit(&huber) == INFINITY, "bounds of leaves");
	ok(loss_renews_leaves(&huber) && !loss_renews_leaves(&(Loss) {.kind = LOSS_POISSON}) && !loss_renews_leaves(&(Loss) {.kind = LOSS_SQUARED_ERROR}),
	   "which losses renew leaves");
}

static void
test_links(void)
{
	double		out[3];
	double		prob[3];

	link_outputs(LINK_IDENTITY, 1, (double[]) {-3.5}, out);
	ok(out[0] == -3.5, "identity");
	link_outputs(LINK_LOG, 1, (double[]) {2}, out);
	link_outputs(LINK_LOG, 1, (double[]) {5000}, out + 1);
	ok(near(out[0], exp(2), 1e-15) && isfinite(out[1]), "log link, always finite");
	link_outputs(LINK_LOGISTIC, 1, (double[]) {1.5}, out);
	ok(near(out[1], 1 / (1 + exp(-1.5)), 1e-15) && out[0] + out[1] == 1, "logistic link");
	link_outputs(LINK_SOFTMAX, 3, (double[]) {1000, 1001, 999}, out);
	for (int k = 0; k < 3; k++)
		prob[k] = exp((double[]) {-1, 0, -2}[k]) / (1 + exp(-1) + exp(-2));
	ok(near(out[0], prob[0], 1e-15) && near(out[1], prob[1], 1e-15) && near(out[2], prob[2], 1e-15), "softmax link");
	ok(loss_link_kind(&(Loss) {.kind = LOSS_POISSON}) == LINK_LOG && loss_link_kind(&(Loss) {.kind = LOSS_HUBER}) == LINK_IDENTITY &&
	   loss_nscores(&(Loss) {.kind = LOSS_SOFTMAX, .nclasses = 5}) == 5 && loss_nscores(&(Loss) {.kind = LOSS_LOGISTIC, .nclasses = 2}) == 1, "links and numbers of scores");
}

int
main(void)
{
	test_start();
	test_mean();
	test_gradients();
	test_quantiles();
	test_leaf();
	test_links();
	return done();
}

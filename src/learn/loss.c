/*
 * loss.c
 *		Losses of gradient boosting: start values, gradients, leaves, links.
 *
 * Gradients are negative ones, the direction in which the score should go:
 * y - score, y - p.  A leaf is therefore G / (H + l2).  Everything is summed
 * in the order of the rows, and exp and log are those of mathfn.c, so the same
 * rows give the same bits everywhere.
 *
 * Quantiles are selected in linear time by radix: a double's bits, with the sign
 * made to sort, are examined eight at a time from the highest that differs, and only
 * the values that share the answer's prefix are looked at again.  There is no bad
 * case, and no pivot that data could choose.
 */
#include <math.h>
#include <string.h>

#include "learn/loss.h"
#include "learn/mathfn.h"
#include "learn/sort.h"
#include "learn/sum.h"

#define LOSS_BLOCK			256		/* rows whose exponentials are taken together */
#define CHECK_ROWS			65536	/* rows between two cancel checks */
#define HUBER_QUANTILE		0.9		/* Friedman 2001, and scikit-learn's alpha */
#define POISSON_LIMIT		20.0	/* of a leaf: e^20 in one step */
#define POISSON_MAX_SCORE	700.0	/* exp of it is finite */
#define PRIOR_MIN			0x1p-23 /* of a class that no training row has */
#define QUANTILE_SLACK		1e-12	/* so that 0.07 of 100 rows is 7 of them, not 8 */
#define SELECT_SMALL		24		/* values that are simply sorted */

/* ---- selection -------------------------------------------------------------- */

typedef struct SelectItem
{
	uint64_t	key;			/* order_key of the value */
	double		weight;
} SelectItem;

/* The key of a double; -0 and 0 are the same. */
static inline uint64_t
order_key(double value)
{
	return sort_key(value + 0.0);
}

/* The key at which the weight, cumulated from below, reaches want; items is reordered. */
static uint64_t
select_sorted(SelectItem *items, size_t n, double want)
{
	double		sum = 0.0;

	for (size_t i = 1; i < n; i++)
	{
		SelectItem	item = items[i];
		size_t		j = i;

		for (; j > 0 && items[j - 1].key > item.key; j--)
			items[j] = items[j - 1];
		items[j] = item;
	}
	for (size_t i = 0; i < n; i++)
	{
		sum += items[i].weight;
		if (sum >= want)
			return items[i].key;
	}
	return items[n - 1].key;
}

/*
 * Smallest key whose cumulative weight reaches the share q of the total.  Items
 * of no weight don't count, unless there are no others; items is reordered.
 */
static double
select_quantile(const LearnEnv *env, SelectItem *items, size_t n, double q)
{
	uint64_t	lowest = UINT64_MAX,
				highest = 0;
	double		total = 0.0,
				want;
	size_t		kept = 0;
	int			shift;

	for (size_t i = 0; i < n; i++)
		if (items[i].weight > 0.0)
			items[kept++] = items[i];
	if (kept == 0)
	{
		for (size_t i = 0; i < n; i++)
			items[i].weight = 1.0;
		kept = n;
	}
	n = kept;

	for (size_t i = 0; i < n; i++)
	{
		total += items[i].weight;
		if (items[i].key < lowest)
			lowest = items[i].key;
		if (items[i].key > highest)
			highest = items[i].key;
	}
	want = q * total - QUANTILE_SLACK * total;
	if (want <= 0.0)
		return sort_value(lowest);

	shift = 64;
	while (shift > 8 && (lowest ^ highest) >> (shift - 8) == 0)
		shift -= 8;
	for (shift -= 8; n > SELECT_SMALL && shift >= 0; shift -= 8)
	{
		double		bucket[256] = {0.0};
		unsigned	b = 0,
					last = 0;

		env->check(env->arg);
		for (size_t i = 0; i < n; i++)
			bucket[(items[i].key >> shift) & 255] += items[i].weight;
		/* rounding may leave a want that no bucket reaches: then it is the last one's */
		for (; b < 256; b++)
		{
			if (bucket[b] <= 0.0)
				continue;
			last = b;
			if (bucket[b] >= want)
				break;
			want -= bucket[b];
		}
		kept = 0;
		for (size_t i = 0; i < n; i++)
			if (((items[i].key >> shift) & 255) == last)
				items[kept++] = items[i];
		n = kept;
	}
	return sort_value(select_sorted(items, n, want));
}

double
weighted_quantile(const LearnEnv *env, const double *values, const double *w, size_t n, double q)
{
	SelectItem *items;
	double		result;

	if (n == 0)
		return NAN;
	items = env_alloc(env, n, sizeof(SelectItem));
	for (size_t i = 0; i < n; i++)
	{
		items[i].key = order_key(values[i]);
		items[i].weight = w ? w[i] : 1.0;
	}
	result = select_quantile(env, items, n, q);
	env_free(env, items);
	return result;
}

/* ---- the kinds ---------------------------------------------------------------- */

uint32_t
loss_nscores(const Loss *loss)
{
	return loss->kind == LOSS_SOFTMAX ? loss->nclasses : 1;
}

LearnLink
loss_link_kind(const Loss *loss)
{
	switch (loss->kind)
	{
		case LOSS_POISSON:
			return LINK_LOG;
		case LOSS_LOGISTIC:
			return LINK_LOGISTIC;
		case LOSS_SOFTMAX:
			return LINK_SOFTMAX;
		default:
			return LINK_IDENTITY;
	}
}

bool
loss_constant_hessian(const Loss *loss)
{
	return loss->kind == LOSS_SQUARED_ERROR || loss->kind == LOSS_ABSOLUTE_ERROR ||
		loss->kind == LOSS_QUANTILE || loss->kind == LOSS_HUBER;
}

bool
loss_renews_leaves(const Loss *loss)
{
	return loss->kind == LOSS_ABSOLUTE_ERROR || loss->kind == LOSS_QUANTILE ||
		loss->kind == LOSS_HUBER;
}

double
loss_leaf_limit(const Loss *loss)
{
	return loss->kind == LOSS_POISSON ? POISSON_LIMIT : INFINITY;
}

/* Share that the losses of order statistics look for. */
static double
loss_share(const Loss *loss)
{
	return loss->kind == LOSS_QUANTILE ? loss->quantile : 0.5;
}

/* Mean of a log-linear score, finite whatever the score. */
static inline double
poisson_mean(double score)
{
	return math_exp(score > POISSON_MAX_SCORE ? POISSON_MAX_SCORE : score);
}

/* ---- start values ------------------------------------------------------------------ */

/* Weighted mean of y. */
static double
start_mean(const double *y, const double *w, size_t n)
{
	Sum			sum = {0.0, 0.0},
				weight = {0.0, 0.0};

	for (size_t i = 0; i < n; i++)
	{
		sum_add(&sum, w ? w[i] * y[i] : y[i]);
		sum_add(&weight, w ? w[i] : 1.0);
	}
	return sum_get(&weight) > 0.0 ? sum_get(&sum) / sum_get(&weight) : 0.0;
}

/*
 * Share of each class.  One that no row has gets PRIOR_MIN, so that its logarithm
 * is finite and a held-out row of it costs 16, not infinitely much.
 */
static void
start_shares(const double *y, const double *w, size_t n, uint32_t nclasses, double *share)
{
	Sum			total = {0.0, 0.0};

	for (uint32_t k = 0; k < nclasses; k++)
	{
		Sum			sum = {0.0, 0.0};

		for (size_t i = 0; i < n; i++)
			if (y[i] == (double) k)
				sum_add(&sum, w ? w[i] : 1.0);
		share[k] = sum_get(&sum);
		sum_add(&total, share[k]);
	}
	for (uint32_t k = 0; k < nclasses; k++)
	{
		share[k] = sum_get(&total) > 0.0 ? share[k] / sum_get(&total) : 1.0 / nclasses;
		if (!(share[k] > 0.0))
			share[k] = PRIOR_MIN;
	}
}

void
loss_start(const LearnEnv *env, const Loss *loss, const double *y, const double *w, size_t n,
		   double *base)
{
	double		share[2],
				mean;

	switch (loss->kind)
	{
		case LOSS_SQUARED_ERROR:
			base[0] = start_mean(y, w, n);
			break;
		case LOSS_ABSOLUTE_ERROR:
		case LOSS_QUANTILE:
		case LOSS_HUBER:
			base[0] = n > 0 ? weighted_quantile(env, y, w, n, loss_share(loss)) : 0.0;
			break;
		case LOSS_POISSON:
			mean = start_mean(y, w, n);
			base[0] = mean > 0.0 ? math_log(mean) : -POISSON_LIMIT;
			break;
		case LOSS_LOGISTIC:
			start_shares(y, w, n, 2, share);
			base[0] = math_log(share[1] / share[0]);
			break;
		case LOSS_SOFTMAX:
			start_shares(y, w, n, loss->nclasses, base);
			for (uint32_t k = 0; k < loss->nclasses; k++)
				base[k] = math_log(base[k]);
			break;
	}
}

/* ---- gradients ------------------------------------------------------------------------ */

/* Logistic: y - p and p (1 - p), each from the smaller of p and 1 - p. */
static void
gradients_logistic(const LearnEnv *env, const double *y, size_t n, const double *score,
				   double *gradient, double *hessian)
{
	double		z[LOSS_BLOCK];

	for (size_t first = 0; first < n; first += LOSS_BLOCK)
	{
		size_t		m = n - first < LOSS_BLOCK ? n - first : LOSS_BLOCK;

		if (first % CHECK_ROWS == 0)
			env->check(env->arg);
		for (size_t i = 0; i < m; i++)
			z[i] = -fabs(score[first + i]);
		math_exp_many(z, z, m);
		for (size_t i = 0; i < m; i++)
		{
			double		small = z[i] / (1.0 + z[i]);
			double		large = 1.0 - small;
			bool		likely = (score[first + i] >= 0.0) == (y[first + i] > 0.5);
			double		step = likely ? small : large;

			gradient[first + i] = y[first + i] > 0.5 ? step : -step;
			hessian[first + i] = small * large;
		}
	}
}

/* Poisson with log link: y - mu and mu. */
static void
gradients_poisson(const LearnEnv *env, const double *y, size_t n, const double *score,
				  double *gradient, double *hessian)
{
	for (size_t first = 0; first < n; first += LOSS_BLOCK)
	{
		size_t		m = n - first < LOSS_BLOCK ? n - first : LOSS_BLOCK;
		double	   *mu = hessian + first;

		if (first % CHECK_ROWS == 0)
			env->check(env->arg);
		for (size_t i = 0; i < m; i++)
			mu[i] = score[first + i] > POISSON_MAX_SCORE ? POISSON_MAX_SCORE : score[first + i];
		math_exp_many(mu, mu, m);
		for (size_t i = 0; i < m; i++)
			gradient[first + i] = y[first + i] - mu[i];
	}
}

/* All probabilities of count rows, class-major with n rows a class, from scores less the row's largest. */
static void
softmax_probabilities(const LearnEnv *env, uint32_t nclasses, size_t n, size_t count, const double *score,
					  double *prob)
{
	double		top[LOSS_BLOCK],
				sum[LOSS_BLOCK];

	for (size_t first = 0; first < count; first += LOSS_BLOCK)
	{
		size_t		m = count - first < LOSS_BLOCK ? count - first : LOSS_BLOCK;

		env->check(env->arg);
		for (size_t i = 0; i < m; i++)
			top[i] = score[first + i];
		for (uint32_t k = 1; k < nclasses; k++)
			for (size_t i = 0; i < m; i++)
				top[i] = score[k * n + first + i] > top[i] ? score[k * n + first + i] : top[i];
		for (size_t i = 0; i < m; i++)
			sum[i] = 0.0;
		for (uint32_t k = 0; k < nclasses; k++)
		{
			double	   *p = prob + k * n + first;

			for (size_t i = 0; i < m; i++)
				p[i] = score[k * n + first + i] - top[i];
			math_exp_many(p, p, m);
			for (size_t i = 0; i < m; i++)
				sum[i] += p[i];
		}
		for (uint32_t k = 0; k < nclasses; k++)
			for (size_t i = 0; i < m; i++)
				prob[k * n + first + i] /= sum[i];
	}
}

/* The 0.9 quantile of the absolute residuals: beyond it, a residual is an outlier this round. */
static double
huber_scale(const LearnEnv *env, const double *y, const double *w, size_t n, const double *score)
{
	SelectItem *items;
	double		delta;

	if (n == 0)
		return 0.0;
	items = env_alloc(env, n, sizeof(SelectItem));
	for (size_t i = 0; i < n; i++)
	{
		items[i].key = order_key(fabs(y[i] - score[i]));
		items[i].weight = w ? w[i] : 1.0;
	}
	delta = select_quantile(env, items, n, HUBER_QUANTILE);
	env_free(env, items);
	return delta;
}

/* A residual no longer than delta. */
static inline double
clip_residual(double residual, double delta)
{
	return residual > delta ? delta : residual < -delta ? -delta : residual;
}

void
loss_begin(const LearnEnv *env, Loss *loss, const double *y, const double *w, size_t n, const double *score)
{
	if (loss->kind == LOSS_HUBER)
		loss->huber_delta = huber_scale(env, y, w, n, score);
}

void
loss_gradients_part(const LearnEnv *env, const Loss *loss, const double *y, size_t n, size_t first, size_t count,
					const double *score, uint32_t k, double *prob, double *gradient, double *hessian)
{
	double		q = loss_share(loss);

	env->check(env->arg);
	y += first;
	score += first;
	if (prob)
		prob += first;
	if (loss_constant_hessian(loss))
		for (size_t i = 0; i < count; i++)
			hessian[i] = 1.0;

	switch (loss->kind)
	{
		case LOSS_SQUARED_ERROR:
			for (size_t i = 0; i < count; i++)
				gradient[i] = y[i] - score[i];
			break;
		case LOSS_ABSOLUTE_ERROR:
			for (size_t i = 0; i < count; i++)
				gradient[i] = (double) (y[i] > score[i]) - (double) (y[i] < score[i]);
			break;
		case LOSS_QUANTILE:
			/* a residual of 0 has no direction: many have it where leaves are quantiles */
			for (size_t i = 0; i < count; i++)
				gradient[i] = y[i] > score[i] ? q : y[i] < score[i] ? q - 1.0 : 0.0;
			break;
		case LOSS_HUBER:
			for (size_t i = 0; i < count; i++)
				gradient[i] = clip_residual(y[i] - score[i], loss->huber_delta);
			break;
		case LOSS_POISSON:
			gradients_poisson(env, y, count, score, gradient, hessian);
			break;
		case LOSS_LOGISTIC:
			gradients_logistic(env, y, count, score, gradient, hessian);
			break;
		case LOSS_SOFTMAX:
			if (k == 0)
				softmax_probabilities(env, loss->nclasses, n, count, score, prob);
			for (size_t i = 0; i < count; i++)
			{
				double		p = prob[k * n + i];

				gradient[i] = (double) (y[i] == (double) k) - p;
				hessian[i] = p * (1.0 - p);
			}
			break;
	}
}

void
loss_gradients(const LearnEnv *env, Loss *loss, const double *y, const double *w, size_t n,
			   const double *score, uint32_t k, double *prob, double *gradient, double *hessian)
{
	loss_begin(env, loss, y, w, n, score);
	loss_gradients_part(env, loss, y, n, 0, n, score, k, prob, gradient, hessian);
}

/* ---- leaves -------------------------------------------------------------------------------- */

double
loss_leaf(const LearnEnv *env, const Loss *loss, const double *y, const double *w,
		  const double *score, const uint32_t *rows, size_t n)
{
	SelectItem	few[64];
	SelectItem *items = few;
	Sum			sum = {0.0, 0.0},
				weight = {0.0, 0.0};
	double		middle;

	if (n == 0)
		return 0.0;
	if (n > sizeof(few) / sizeof(few[0]))
		items = env_alloc(env, n, sizeof(SelectItem));
	for (size_t i = 0; i < n; i++)
	{
		items[i].key = order_key(y[rows[i]] - score[rows[i]]);
		items[i].weight = w ? w[rows[i]] : 1.0;
	}
	middle = select_quantile(env, items, n, loss_share(loss));
	if (items != few)
		env_free(env, items);
	if (loss->kind != LOSS_HUBER)
		return middle;

	for (size_t i = 0; i < n; i++)
	{
		double		residual = y[rows[i]] - score[rows[i]] - middle;
		double		wi = w ? w[rows[i]] : 1.0;

		sum_add(&sum, wi * clip_residual(residual, loss->huber_delta));
		sum_add(&weight, wi);
	}
	return sum_get(&weight) > 0.0 ? middle + sum_get(&sum) / sum_get(&weight) : middle;
}

/* ---- mean loss ---------------------------------------------------------------------------------- */

/* Huber's loss: a parabola up to delta, a line beyond. */
static inline double
huber_loss(double residual, double delta)
{
	double		a = fabs(residual);

	return a <= delta ? 0.5 * a * a : delta * (a - 0.5 * delta);
}

/* Deviance of one row: 2 (y log(y / mu) - y + mu). */
static inline double
poisson_loss(double y, double score)
{
	double		mu = poisson_mean(score);

	return 2.0 * ((y > 0.0 ? y * (math_log(y) - score) : 0.0) - y + mu);
}

/*
 * Sum of the log losses of a binary classifier, log(1 + e^-|s|) + max((1 - 2 y) s, 0).
 * Without weights the logarithms of a block are one: each factor is in (1, 2], so
 * 256 of them stay far from overflow.
 */
static double
sum_logistic(const double *y, const double *w, size_t n, const double *score)
{
	double		z[LOSS_BLOCK],
				wrong[LOSS_BLOCK];
	Sum			sum = {0.0, 0.0};

	for (size_t first = 0; first < n; first += LOSS_BLOCK)
	{
		size_t		m = n - first < LOSS_BLOCK ? n - first : LOSS_BLOCK;
		double		product = 1.0,
					linear = 0.0;

		for (size_t i = 0; i < m; i++)
		{
			double		side = (1.0 - 2.0 * y[first + i]) * score[first + i];

			z[i] = -fabs(side);
			wrong[i] = 0.5 * (side - z[i]); /* max(side, 0), exactly */
		}
		math_exp_many(z, z, m);
		if (w)
		{
			for (size_t i = 0; i < m; i++)
				linear += w[first + i] * (wrong[i] + math_log1p(z[i]));
		}
		else
		{
			for (size_t i = 0; i < m; i++)
			{
				linear += wrong[i];
				product *= 1.0 + z[i];
			}
			linear += math_log(product);
		}
		sum_add(&sum, linear);
	}
	return sum_get(&sum);
}

/* Sum of the log losses of a softmax, log(sum of e^(s_k - top)) + top - s_y, of count rows; n rows a class. */
static double
sum_softmax(uint32_t nclasses, const double *y, const double *w, size_t n, size_t count, const double *score)
{
	double		top[LOSS_BLOCK],
				total[LOSS_BLOCK],
				z[LOSS_BLOCK];
	Sum			sum = {0.0, 0.0};

	for (size_t first = 0; first < count; first += LOSS_BLOCK)
	{
		size_t		m = count - first < LOSS_BLOCK ? count - first : LOSS_BLOCK;
		double		block = 0.0;

		for (size_t i = 0; i < m; i++)
		{
			top[i] = score[first + i];
			total[i] = 0.0;
		}
		for (uint32_t k = 1; k < nclasses; k++)
			for (size_t i = 0; i < m; i++)
				top[i] = score[k * n + first + i] > top[i] ? score[k * n + first + i] : top[i];
		for (uint32_t k = 0; k < nclasses; k++)
		{
			for (size_t i = 0; i < m; i++)
				z[i] = score[k * n + first + i] - top[i];
			math_exp_many(z, z, m);
			for (size_t i = 0; i < m; i++)
				total[i] += z[i];
		}
		for (size_t i = 0; i < m; i++)
		{
			size_t		k = (size_t) y[first + i];
			double		row = math_log(total[i]) + (top[i] - score[k * n + first + i]);

			block += w ? w[first + i] * row : row;
		}
		sum_add(&sum, block);
	}
	return sum_get(&sum);
}

/* Loss of one row of a regression. */
static inline double
regression_loss(const Loss *loss, double y, double score)
{
	double		residual = y - score;

	switch (loss->kind)
	{
		case LOSS_SQUARED_ERROR:
			return residual * residual;
		case LOSS_ABSOLUTE_ERROR:
			return fabs(residual);
		case LOSS_QUANTILE:
			return residual > 0.0 ? loss->quantile * residual : (loss->quantile - 1.0) * residual;
		case LOSS_HUBER:
			return huber_loss(residual, loss->huber_delta);
		default:
			return poisson_loss(y, score);
	}
}

double
loss_sum_part(const Loss *loss, const double *y, const double *w, size_t n, size_t first, size_t count,
			  const double *score)
{
	Sum			sum = {0.0, 0.0};

	y += first;
	score += first;
	if (w)
		w += first;
	if (loss->kind == LOSS_LOGISTIC)
		return sum_logistic(y, w, count, score);
	if (loss->kind == LOSS_SOFTMAX)
		return sum_softmax(loss->nclasses, y, w, n, count, score);
	for (size_t i = 0; i < count; i++)
	{
		double		row = regression_loss(loss, y[i], score[i]);

		sum_add(&sum, w ? w[i] * row : row);
	}
	return sum_get(&sum);
}

double
loss_weight(const double *w, size_t n)
{
	Sum			weight = {0.0, 0.0};

	if (w == NULL)
		return (double) n;
	for (size_t i = 0; i < n; i++)
		sum_add(&weight, w[i]);
	return sum_get(&weight);
}

double
loss_mean(const Loss *loss, const double *y, const double *w, size_t n, const double *score)
{
	double		weight = loss_weight(w, n);

	return weight > 0.0 ? loss_sum_part(loss, y, w, n, 0, n, score) / weight : NAN;
}

/* ---- links --------------------------------------------------------------------------------------- */

void
link_outputs(LearnLink link, uint32_t nscores, const double *score, double *out)
{
	double		top,
				sum = 0.0;

	switch (link)
	{
		case LINK_IDENTITY:
			for (uint32_t k = 0; k < nscores; k++)
				out[k] = score[k];
			break;
		case LINK_LOG:
			out[0] = poisson_mean(score[0]);
			break;
		case LINK_LOGISTIC:
			out[1] = math_logistic(score[0]);
			out[0] = math_logistic(-score[0]);
			break;
		case LINK_SOFTMAX:
			top = score[0];
			for (uint32_t k = 1; k < nscores; k++)
				if (score[k] > top)
					top = score[k];
			for (uint32_t k = 0; k < nscores; k++)
			{
				out[k] = math_exp(score[k] - top);
				sum += out[k];
			}
			for (uint32_t k = 0; k < nscores; k++)
				out[k] /= sum;
			break;
	}
}

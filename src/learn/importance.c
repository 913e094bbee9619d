/*
 * importance.c
 *		Permutation importance: what is lost when a feature says nothing.
 *
 * Rows are encoded once; then a group of features is shuffled among the rows of the
 * codes, the rows are predicted, and the codes are put back.
 */
#include <math.h>
#include <string.h>

#include "learn/hash.h"
#include "learn/mathfn.h"
#include "learn/predict.h"
#include "learn/sum.h"
#include "learn/tree.h"

#define SMALLEST_SHARE	1e-15	/* probabilities are clipped here, as in log loss elsewhere */

typedef struct Scorer
{
	const LearnEnv *env;
	const LearnModel *model;
	const double *target;
	size_t		nrows;
	size_t		block;
	LearnNode  *leaves;
	double	   *sums;
	double	   *out;
	double		spread;			/* regression: sum of squares about the mean */
} Scorer;

/* r2, or the mean log likelihood, of encoded rows. */
static double
score_codes(Scorer *scorer, const uint32_t *codes)
{
	const LearnModel *model = scorer->model;
	uint32_t	noutputs = learn_noutputs(model);
	Sum			sum = {0.0, 0.0};

	for (size_t first = 0; first < scorer->nrows; first += scorer->block)
	{
		size_t		n = scorer->nrows - first < scorer->block ? scorer->nrows - first : scorer->block;

		predict_block(scorer->env, model, codes + first * model->nfeatures, n, scorer->leaves,
					  scorer->sums, scorer->out);
		for (size_t i = 0; i < n; i++)
		{
			double		y = scorer->target[first + i];

			if (model->nclasses == 0)
				sum_add(&sum, (y - scorer->out[i]) * (y - scorer->out[i]));
			else
			{
				double		p = scorer->out[i * noutputs + (size_t) y];

				p = p < SMALLEST_SHARE ? SMALLEST_SHARE : p > 1.0 - SMALLEST_SHARE ? 1.0 - SMALLEST_SHARE : p;
				sum_add(&sum, math_log(p));
			}
		}
	}
	if (model->nclasses > 0)
		return sum_get(&sum) / (double) scorer->nrows;
	return scorer->spread > 0.0 ? 1.0 - sum_get(&sum) / scorer->spread : NAN;
}

/* Sum of squares of the target about its mean. */
static double
target_spread(const double *target, size_t n)
{
	Sum			sum = {0.0, 0.0},
				squares = {0.0, 0.0};
	double		mean;

	for (size_t i = 0; i < n; i++)
		sum_add(&sum, target[i]);
	mean = sum_get(&sum) / (double) n;
	for (size_t i = 0; i < n; i++)
		sum_add(&squares, (target[i] - mean) * (target[i] - mean));
	return sum_get(&squares);
}

/* A permutation of 0 .. n-1 (Fisher-Yates) from its own stream of numbers. */
static void
permute(uint32_t *order, size_t n, uint64_t seed, uint64_t stream)
{
	uint64_t	key = hash_pair(seed, stream);

	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t) i;
	for (size_t i = n; i-- > 1;)
	{
		size_t		j = hash_below(hash_pair(key, i), i + 1);
		uint32_t	swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
}

void
learn_permutation_importance(const LearnEnv *env, const LearnModel *model, const double *x,
							 const double *target, size_t nrows, const uint32_t *group,
							 uint32_t ngroups, uint32_t n_repeats, uint64_t seed,
							 double *mean, double *stddev)
{
	uint32_t	nfeatures = model->nfeatures;
	Scorer		scorer = {.env = env, .model = model, .target = target, .nrows = nrows};
	uint32_t   *codes,
			   *shuffled,
			   *order;
	double	   *losses;
	double		score;

	if (nrows == 0)
	{
		for (uint32_t g = 0; g < ngroups; g++)
			mean[g] = stddev[g] = NAN;
		return;
	}
	scorer.block = predict_block_rows(model);
	if (scorer.block > nrows)
		scorer.block = nrows;
	scorer.leaves = env_alloc(env, scorer.block, sizeof(LearnNode));
	scorer.sums = env_alloc(env, scorer.block * predict_nsums(model), sizeof(double));
	scorer.out = env_alloc(env, scorer.block * learn_noutputs(model), sizeof(double));
	scorer.spread = model->nclasses == 0 ? target_spread(target, nrows) : 0.0;
	codes = env_alloc(env, nrows * nfeatures, sizeof(uint32_t));
	shuffled = env_alloc(env, nrows * nfeatures, sizeof(uint32_t));
	order = env_alloc(env, nrows, sizeof(uint32_t));
	losses = env_alloc(env, n_repeats, sizeof(double));
	for (size_t i = 0; i < nrows; i++)
		predict_encode_row(model, x + i * nfeatures, codes + i * nfeatures);
	memcpy(shuffled, codes, nrows * nfeatures * sizeof(uint32_t));

	score = score_codes(&scorer, codes);
	for (uint32_t g = 0; g < ngroups; g++)
	{
		double		sum = 0.0,
					squares = 0.0;

		for (uint32_t r = 0; r < n_repeats; r++)
		{
			permute(order, nrows, seed, stream_of(STREAM_PERMUTE, (uint64_t) g * n_repeats + r));
			for (uint32_t f = 0; f < nfeatures; f++)
				if (group[f] == g)
					for (size_t i = 0; i < nrows; i++)
						shuffled[i * nfeatures + f] = codes[(size_t) order[i] * nfeatures + f];
			losses[r] = score - score_codes(&scorer, shuffled);
			sum += losses[r];
			env->progress(env->arg, LEARN_SHUFFLING, g * n_repeats + r + 1, ngroups * n_repeats);
		}
		for (uint32_t f = 0; f < nfeatures; f++)
			if (group[f] == g)
				for (size_t i = 0; i < nrows; i++)
					shuffled[i * nfeatures + f] = codes[i * nfeatures + f];
		mean[g] = sum / n_repeats;
		for (uint32_t r = 0; r < n_repeats; r++)
			squares += (losses[r] - mean[g]) * (losses[r] - mean[g]);
		stddev[g] = sqrt(squares / n_repeats);
	}
	env_free(env, losses);
	env_free(env, order);
	env_free(env, shuffled);
	env_free(env, codes);
	env_free(env, scorer.out);
	env_free(env, scorer.sums);
	env_free(env, scorer.leaves);
}

/*
 * forest.c
 *		Random forests (Breiman 2001), and extremely randomized trees (Geurts,
 *		Ernst, Wehenkel 2006).
 *
 * A tree sees a bag of the training rows, each with a multiplicity that
 * multiplies its weight.  The target is made an integer once, for all trees; two classes are
 * a target of 0 and 1, whose variance is the Gini impurity and whose mean is the share of
 * the second class.
 */
#include <string.h>

#include "learn/forest.h"
#include "learn/mathfn.h"
#include "learn/predict.h"
#include "learn/scale.h"
#include "learn/split.h"
#include "learn/sum.h"

#define MAX_TIMES		63		/* of a row in a bag; a bootstrap of n rows has log n / log log n */
#define WEIGHT_BITS		16		/* of a scaled weight */
#define CATEGORY_L2		10.0	/* rows of mean weight */

struct ForestWorker
{
	const LearnEnv *env;
	const ForestPlan *plan;
	const GrowMethod *method;
	void	   *grower;
	uint8_t    *times;			/* by training row */
	uint32_t   *rows;			/* in the bag */
	uint32_t	max_rows;
};

/* ---- plan ------------------------------------------------------------------------ */

/* Distinct rows that a bag may have: far beyond what chance makes, yet less than all of a bootstrap's. */
uint32_t
forest_max_bag(const LearnParams *params, uint32_t npick)
{
	double		n = npick;
	double		most = n;

	if (params->bootstrap)
		most = n * (1.0 - math_exp(-params->max_samples)) + 10.0 * sqrt(n) + 10.0;
	else if (params->max_samples < 1.0)
		most = n * params->max_samples + 10.0 * sqrt(n) + 10.0;
	return most < n ? (uint32_t) most : npick;
}

/*
 * Weights as integers: as they are where they are small integers, else scaled by a power of
 * two.  Returns that power (a weight of 1 is 2^power), and in *largest the largest integer.
 */
static int
scale_weights(const LearnEnv *env, const LearnData *data, const uint32_t *train, size_t ntrain,
			  int bits, ForestPlan *plan, uint64_t *largest)
{
	double		most = 0.0;
	bool		integers = true;
	int			power = 0;

	*largest = 1;
	if (data->weight == NULL)
		return 0;
	for (size_t i = 0; i < ntrain; i++)
	{
		double		w = data->weight[train[i]];

		check_rows(env, i);
		most = w > most ? w : most;
		integers = integers && w <= 0x1p16 && w == (double) (uint32_t) w;
	}
	if (!integers || most >= ldexp(1.0, bits))
		power = bits - exponent_above(most);
	plan->weight = env_alloc(env, ntrain, sizeof(uint32_t));
	for (size_t i = 0; i < ntrain; i++)
	{
		double		w = ldexp(data->weight[train[i]], power);
		uint32_t	integer = (uint32_t) (w + 0.5);

		check_rows(env, i);
		plan->weight[i] = w > 0.0 && integer == 0 ? 1 : integer;
		if (plan->weight[i] > *largest)
			*largest = plan->weight[i];
	}
	return power;
}

/* Regression: centre and scale of the target; fills plan->target. */
static void
scale_target(const LearnEnv *env, const LearnData *data, const uint32_t *train, uint64_t bound,
			 ForestPlan *plan)
{
	Sum			sum = {0.0, 0.0},
				weights = {0.0, 0.0};
	double		largest = 0.0,
				spread = 0.0,
				deviations = 0.0,
				centre = 0.0;
	int			above,
				scale = 0;

	for (uint32_t i = 0; i < plan->npick; i++)
	{
		double		y = data->target[train[plan->pick[i]]];

		largest = fabs(y) > largest ? fabs(y) : largest;
	}
	if (largest < 0x1p900)
	{
		for (uint32_t i = 0; i < plan->npick; i++)
		{
			double		w = plan->weight ? plan->weight[plan->pick[i]] : 1;

			check_rows(env, i);
			sum_add(&sum, w * data->target[train[plan->pick[i]]]);
			sum_add(&weights, w);
		}
		centre = sum_get(&sum) / sum_get(&weights);
	}
	for (uint32_t i = 0; i < plan->npick; i++)
	{
		double		d = fabs(data->target[train[plan->pick[i]]] - centre);

		check_rows(env, i);
		spread = d > spread ? d : spread;
	}
	if (spread > 0.0)
	{
		/*
		 * No bag's sum is above bound times the largest deviation, nor above the sum of all as often as
		 * a row can be in a bag; the latter is much less where one value is far from the others.
		 */
		above = exponent_above(spread);
		for (uint32_t i = 0; i < plan->npick; i++)
		{
			check_rows(env, i);
			deviations += (plan->weight ? plan->weight[plan->pick[i]] : 1) *
				ldexp(fabs(data->target[train[plan->pick[i]]] - centre), -above);
		}
		deviations *= plan->params->bootstrap ? MAX_TIMES : 1;
		scale = clamp_scale(SUM_BITS - above - (deviations < (double) bound ?
												exponent_above(deviations) : exponent_above((double) bound)));
	}
	for (size_t i = 0; i < plan->ntrain; i++)
		plan->target[i] = 0;
	for (uint32_t i = 0; i < plan->npick; i++)
	{
		check_rows(env, i);
		plan->target[plan->pick[i]] =
			round_integer(ldexp(data->target[train[plan->pick[i]]] - centre, scale));
	}
	plan->rule.value_offset = centre;
	plan->rule.value_scale = ldexp(1.0, -scale);
	plan->rule.gain_exponent = -2 * scale;
}

/* Prepare everything that trees share. */
void
forest_plan_make(const LearnEnv *env, const LearnData *data, const uint32_t *train, size_t ntrain,
				 const Bins *bins, const Matrix *matrix, const LearnParams *params, ForestPlan *plan)
{
	SplitRule  *rule = &plan->rule;
	uint64_t	largest,
				bound,
				total = 0;
	uint32_t	count_bits = bits_for(ntrain);
	uint32_t	row_bits;
	int			power;

	memset(plan, 0, sizeof(*plan));
	plan->params = params;
	plan->ntrain = ntrain;
	plan->pick = env_alloc(env, ntrain, sizeof(uint32_t));
	for (size_t i = 0; i < ntrain; i++)
		if (data->weight == NULL || data->weight[train[i]] > 0.0)
			plan->pick[plan->npick++] = (uint32_t) i;
	if (plan->npick == 0)
		env->fail(env->arg, "no training row has a weight above zero");
	plan->draws = plan->npick;
	if (params->bootstrap && params->max_samples < 1.0)
		plan->draws = (uint32_t) fmax(1.0, floor((double) plan->npick * params->max_samples + 0.5));
	plan->setup.max_rows = forest_max_bag(params, plan->npick);

	/* sums of weights must leave room for the count, and for the target's own bits */
	row_bits = bits_for(plan->draws);
	power = scale_weights(env, data, train, ntrain,
						  count_bits + row_bits + WEIGHT_BITS <= 62 ? WEIGHT_BITS :
						  count_bits + row_bits < 62 ? (int) (62 - count_bits - row_bits) : 1,
						  plan, &largest);
	for (uint32_t i = 0; i < plan->npick; i++)
		total += plan->weight ? plan->weight[plan->pick[i]] : 1;
	bound = (uint64_t) plan->draws * largest;
	if (bound > total * (params->bootstrap ? MAX_TIMES : 1))
		bound = total * (params->bootstrap ? MAX_TIMES : 1);

	rule->nclasses = data->nclasses > 2 ? data->nclasses : 0;
	rule->noise_weighted = true;
	rule->random = params->split_rule == SPLIT_RANDOM;
	rule->cshift = count_bits;
	rule->min_samples_leaf = params->min_samples_leaf;
	rule->min_samples_split = params->min_samples_split;
	rule->max_depth = params->max_depth > 0 && params->max_depth < MAX_TREE_DEPTH ?
		params->max_depth : MAX_TREE_DEPTH;
	rule->max_leaf_nodes = params->max_leaf_nodes;
	rule->max_features = params->max_features;
	rule->min_h = 1;
	rule->category_l2 = CATEGORY_L2 * ((double) total / plan->npick);
	rule->value_limit = INFINITY;
	rule->gain_factor = ldexp(1.0, -power);
	rule->cover_scale = ldexp(1.0, -power);
	for (uint32_t f = 0; f < bins->nfeatures; f++)
		rule->monotone = rule->monotone || bins->features[f].monotone != 0;

	if (params->criterion == CRITERION_ENTROPY)
	{
		plan->xlogx = env_alloc(env, ENTROPY_TABLE, sizeof(double));
		plan->xlogx[0] = 0.0;
		for (uint32_t n = 1; n < ENTROPY_TABLE; n++)
			plan->xlogx[n] = n * math_log(n);
		rule->xlogx = plan->xlogx;
	}
	if (rule->nclasses > 0)
	{
		rule->kind = params->criterion == CRITERION_ENTROPY ? GAIN_CLASSES_ENTROPY : GAIN_CLASSES_GINI;
		plan->label = env_alloc(env, ntrain, sizeof(uint16_t));
		for (size_t i = 0; i < ntrain; i++)
			plan->label[i] = (uint16_t) data->target[train[i]];
	}
	else
	{
		plan->target = env_alloc(env, ntrain, sizeof(int64_t));
		rule->kind = params->criterion == CRITERION_ENTROPY ? GAIN_ENTROPY : GAIN_CENTRED;
		if (data->nclasses == 2)
		{
			int			shift = SUM_BITS - (int) bits_for(bound);

			for (size_t i = 0; i < ntrain; i++)
				plan->target[i] = data->target[train[i]] > 0.5 ? INT64_C(1) << shift : 0;
			rule->unit_shift = (uint32_t) shift;
			rule->value_scale = ldexp(1.0, -shift);
			if (rule->kind == GAIN_CENTRED)
			{
				/* the Gini impurity of two classes is twice the variance */
				rule->gain_exponent = -2 * shift;
				rule->gain_factor *= 2.0;
			}
		}
		else
			scale_target(env, data, train, bound, plan);
	}

	plan->setup.bins = bins;
	plan->setup.matrix = matrix;
	plan->setup.monotone = rule->monotone;
	plan->setup.nclasses = rule->nclasses;
	plan->setup.max_leaf_nodes = params->max_leaf_nodes;
	plan->setup.max_features = params->max_features;
}

void
forest_plan_free(const LearnEnv *env, ForestPlan *plan)
{
	env_free(env, plan->pick);
	env_free(env, plan->target);
	env_free(env, plan->label);
	env_free(env, plan->weight);
	env_free(env, plan->xlogx);
}

/* ---- trees -------------------------------------------------------------------------- */

ForestWorker *
forest_worker_create(const LearnEnv *env, const ForestPlan *plan, const GrowMethod *method)
{
	ForestWorker *worker = env_alloc0(env, 1, sizeof(ForestWorker));

	worker->env = env;
	worker->plan = plan;
	worker->method = method;
	worker->max_rows = plan->setup.max_rows;
	worker->times = env_alloc0(env, plan->ntrain, sizeof(uint8_t));
	worker->rows = env_alloc(env, worker->max_rows, sizeof(uint32_t));
	worker->grower = method->create(env, &plan->setup);
	return worker;
}

/* Draw the bag of a tree: how often each row is in it, and the list of those that are. */
static uint32_t
draw_bag(ForestWorker *worker, uint32_t tree_index)
{
	const ForestPlan *plan = worker->plan;
	const LearnParams *params = plan->params;
	uint64_t	key = hash_pair(params->seed, stream_of(STREAM_BAG, tree_index));
	uint8_t    *times = worker->times;
	uint32_t	distinct = 0,
				n = 0;

	memset(times, 0, plan->ntrain);
	if (params->bootstrap)
		for (uint32_t d = 0; d < plan->draws; d++)
		{
			uint32_t	row = plan->pick[hash_below(hash_pair(key, d), plan->npick)];

			check_rows(worker->env, d);
			/* the limits are far beyond what chance makes */
			if (times[row] == MAX_TIMES || (times[row] == 0 && distinct == worker->max_rows))
				continue;
			distinct += times[row] == 0;
			times[row]++;
		}
	else
		for (uint32_t i = 0; i < plan->npick; i++)
		{
			uint32_t	row = plan->pick[i];

			check_rows(worker->env, i);
			if (params->max_samples < 1.0 &&
				(hash_unit(hash_pair(key, row)) >= params->max_samples || distinct == worker->max_rows))
				continue;
			distinct++;
			times[row] = 1;
		}
	worker->env->check(worker->env->arg);
	if (distinct == 0)
		times[plan->pick[hash_below(key, plan->npick)]] = 1;
	for (uint32_t i = 0; i < plan->npick; i++)
		if (times[plan->pick[i]] > 0)
			worker->rows[n++] = plan->pick[i];
	return n;
}

void
forest_grow_tree(ForestWorker *worker, uint32_t tree_index, uint64_t *bag, GrownTree *tree)
{
	const ForestPlan *plan = worker->plan;
	GrowTask	task = {
		.rule = &plan->rule,
		.key = hash_pair(plan->params->seed, stream_of(STREAM_TREE, tree_index)),
		.rows = worker->rows,
		.target = plan->target,
		.label = plan->label,
		.weight = plan->weight,
		.times = worker->times
	};

	worker->env->check(worker->env->arg);
	task.nrows = draw_bag(worker, tree_index);
	if (bag)
		for (uint32_t i = 0; i < task.nrows; i++)
			bag[task.rows[i] / 64] |= UINT64_C(1) << (task.rows[i] % 64);
	worker->method->grow(worker->grower, &task, tree);
}

void
forest_worker_free(ForestWorker *worker)
{
	const LearnEnv *env = worker->env;

	worker->method->free(worker->grower);
	env_free(env, worker->times);
	env_free(env, worker->rows);
	env_free(env, worker);
}

/* ---- out of bag ------------------------------------------------------------------------ */

/* The numbers of trees at which the curve has points: 1, 2, 5, 10, …, and all. */
static uint32_t
curve_points(uint32_t ntrees, uint32_t *points)
{
	static const uint32_t steps[] = {1, 2, 5};
	uint32_t	n = 0;

	for (uint64_t power = 1; power < ntrees; power *= 10)
		for (int i = 0; i < 3; i++)
			if (steps[i] * power < ntrees)
				points[n++] = (uint32_t) (steps[i] * power);
	points[n++] = ntrees;
	return n;
}

#define MAX_CURVE_POINTS 31

/* A row's error: squared, or 1 where the class is wrong. */
static double
oob_error(const LearnModel *model, double y, const double *out)
{
	uint32_t	best = 0;

	if (model->nclasses == 0)
		return (y - out[0]) * (y - out[0]);
	for (uint32_t k = 1; k < model->nclasses; k++)
		if (out[k] > out[best])
			best = k;
	return best == (uint32_t) y ? 0.0 : 1.0;
}

void
forest_oob(const LearnEnv *env, const LearnModel *model, const LearnData *data,
		   const uint32_t *train, size_t ntrain, const uint64_t *bag, double *oob,
		   LearnCurvePoint **curve, uint32_t *ncurve)
{
	size_t		words = (ntrain + 63) / 64;
	size_t		block = predict_block_rows(model) / 64 * 64;
	uint32_t	nsums = predict_nsums(model);
	uint32_t	noutputs = learn_noutputs(model);
	uint32_t	points[MAX_CURVE_POINTS];
	uint32_t	npoints = curve_points(model->ntrees, points);
	double		error[MAX_CURVE_POINTS] = {0.0},
				weight[MAX_CURVE_POINTS] = {0.0};
	uint32_t   *codes,
			   *select,
			   *count;
	LearnNode  *leaves;
	double	   *sums;

	if (block > ntrain)
		block = ntrain;
	codes = env_alloc(env, block * model->nfeatures, sizeof(uint32_t));
	select = env_alloc(env, block, sizeof(uint32_t));
	count = env_alloc(env, block, sizeof(uint32_t));
	leaves = env_alloc(env, block, sizeof(LearnNode));
	sums = env_alloc(env, block * nsums, sizeof(double));
	for (size_t first = 0; first < ntrain; first += block)
	{
		size_t		n = ntrain - first < block ? ntrain - first : block;
		uint32_t	point = 0;

		predict_encode_columns(model, data->columns, train, first, n, codes);
		memset(count, 0, n * sizeof(uint32_t));
		for (size_t i = 0; i < n; i++)
			predict_start(model, sums + i * nsums);
		for (uint32_t t = 0; t < model->ntrees; t++)
		{
			uint32_t	out = 0;

			env->check(env->arg);
			for (size_t i = 0; i < n; i++)
			{
				select[out] = (uint32_t) i;
				out += !(bag[t * words + (first + i) / 64] >> ((first + i) % 64) & 1);
			}
			predict_leaves(model, t, codes, select, out, leaves);
			for (uint32_t i = 0; i < out; i++)
			{
				count[select[i]]++;
				predict_add(model, t, leaves[i], sums + select[i] * nsums);
			}
			if (t + 1 != points[point])
				continue;
			for (size_t i = 0; i < n; i++)
			{
				double	   *own = oob + (first + i) * noutputs;
				double		w = data->weight ? data->weight[train[first + i]] : 1.0;

				if (count[i] == 0)
					continue;
				predict_finish(model, sums + i * nsums, count[i], own);
				error[point] += w * oob_error(model, data->target[train[first + i]], own);
				weight[point] += w;
			}
			point++;
		}
		for (size_t i = 0; i < n; i++)
			if (count[i] == 0)
				for (uint32_t k = 0; k < noutputs; k++)
					oob[(first + i) * noutputs + k] = NAN;
	}
	env_free(env, sums);
	env_free(env, leaves);
	env_free(env, count);
	env_free(env, select);
	env_free(env, codes);

	*ncurve = npoints;
	*curve = env_alloc0(env, npoints, sizeof(LearnCurvePoint));
	for (uint32_t p = 0; p < npoints; p++)
	{
		(*curve)[p].n_estimators = points[p];
		(*curve)[p].train = NAN;
		(*curve)[p].watched = weight[p] > 0.0 ? error[p] / weight[p] : NAN;
	}
}

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
#include "learn/scale.h"
#include "learn/split.h"
#include "learn/sum.h"

#define MAX_TIMES		63		/* of a row in a bag; a bootstrap of n rows has log n / log log n */
#define WEIGHT_BITS		16		/* of a scaled weight */
#define CATEGORY_L2		10.0	/* rows of mean weight */
#define COST_VISIT		1.2		/* nanoseconds a row and feature on each level of a tree */

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

/* ---- trees as items ---------------------------------------------------------------------- */

typedef struct ForestPart
{
	const LearnEnv *env;
	const ForestHead *head;
	Bins		bins;
	Matrix		matrix;
	ForestPlan	plan;
	uint64_t   *bags;
	ForestWorker *worker;
} ForestPart;

void
forest_task(const LearnData *data, size_t ntrain, const Bins *bins, const LearnParams *params, bool bags,
			size_t each, LearnTask *task)
{
	size_t		code_size = bins->max_codes > 256 ? 2 : 1;
	double		draws = (double) ntrain * params->max_samples;
	double		levels = bits_for((uint64_t) (draws / params->min_samples_leaf) + 1);
	size_t		bins_size = 0;

	if (params->max_depth > 0 && params->max_depth < levels)
		levels = params->max_depth;
	memset(task, 0, sizeof(*task));
	task->work = WORK_FOREST;
	task->cost = COST_VISIT * params->n_estimators * draws * levels * (params->max_features + 2.0);
	task->items = params->n_estimators;
	task->each = each;

	/* codes, pick, target or label, weight, n log n, bags: the leader needs them anyway, unlike copies of bins */
	crew_part(&task->shared, ntrain * code_size, data->nfeatures);
	crew_part(&task->shared, ntrain, sizeof(uint32_t));
	crew_part(&task->shared, ntrain, data->nclasses > 2 ? sizeof(uint16_t) : sizeof(int64_t));
	if (data->weight)
		crew_part(&task->shared, ntrain, sizeof(uint32_t));
	if (params->criterion == CRITERION_ENTROPY)
		crew_part(&task->shared, ENTROPY_TABLE, sizeof(double));
	if (bags)
		crew_part(&task->shared, params->n_estimators * ((ntrain + 63) / 64), sizeof(uint64_t));
	crew_bins_size(bins, &bins_size);
	crew_part(&task->shared, 1, bins_size);
	task->extra = bins_size;
}

static void *
forest_join(const LearnEnv *env, CrewHead *crew, uint32_t participant, const GrowMethod *method)
{
	ForestPart *part = env_alloc0(env, 1, sizeof(ForestPart));
	const ForestHead *head = (const ForestHead *) (const void *) crew;
	ForestPlan *plan = &part->plan;

	part->env = env;
	part->head = head;
	part->bags = crew_here(crew, head->bags);
	crew_bins_join(env, crew, &head->bins, &part->bins);
	part->matrix = head->matrix;
	part->matrix.codes = crew_here(crew, head->matrix.codes);
	*plan = head->plan;
	plan->params = &head->params;
	plan->pick = crew_here(crew, plan->pick);
	plan->target = crew_here(crew, plan->target);
	plan->label = crew_here(crew, plan->label);
	plan->weight = crew_here(crew, plan->weight);
	plan->xlogx = crew_here(crew, plan->xlogx);
	plan->rule.xlogx = plan->xlogx;
	plan->setup.bins = &part->bins;
	plan->setup.matrix = &part->matrix;
	part->worker = forest_worker_create(env, plan, method);
	return part;
}

/* A tree, by its number; its bag is written in place. */
static void
forest_item(void *state, LearnPart *own, uint32_t phase, uint32_t item)
{
	ForestPart *part = state;
	GrownTree	tree;

	forest_grow_tree(part->worker, part->head->first + item,
					 part->bags ? part->bags + item * part->head->words : NULL, &tree);
	learn_part_put(own, item, tree.block, tree.size);
}

static void
forest_leave(void *state)
{
	ForestPart *part = state;
	const LearnEnv *env = part->env;

	forest_worker_free(part->worker);
	env_free(env, part->bins.features);
	env_free(env, part);
}

const WorkMethods forest_work = {
	.join = forest_join,
	.item = forest_item,
	.leave = forest_leave
};

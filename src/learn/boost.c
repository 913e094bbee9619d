/*
 * boost.c
 *		Gradient boosting (Friedman 2001; leaf-wise with histograms, Ke et al. 2017).
 *
 * A round: gradients and hessians of the loss, made integers by powers of two;
 * a tree; its leaves' values; the scores brought up to date.  Rows in the tree are
 * updated by the leaf they lie in, the others (left out by subsample, or watched) by walking
 * the tree with their own values, as the finished model would.
 *
 * A leaf is a Newton step, G / (H + l2).  Where a class is rare, H is so small at
 * first that a step overshoots by orders of magnitude: hence a smallest hessian of a child
 * (1, as XGBoost's min_child_weight: log loss falls by 5 to 18 % on small tables), one of a leaf,
 * and a largest step (as the z_max of LogitBoost; Friedman, Hastie, Tibshirani 2000).
 */
#include <string.h>

#include "learn/boost.h"
#include "learn/loss.h"
#include "learn/predict.h"
#include "learn/scale.h"
#include "learn/split.h"
#include "learn/sum.h"

#define MIN_HESSIAN		1e-3	/* of a leaf, times the mean weight, as the next three */
#define MIN_CHILD_HESSIAN 1.0	/* of either side of a split, for classes */
#define MAX_STEP		20.0	/* of a leaf in log-odds, before the learning rate */
#define CATEGORY_L2		10.0	/* of many levels in an order of choice */
#define CATEGORY_L2_CLASSES 100.0	/* the same for classes, whose gradients are mostly noise */

/* Rows that are not in the trees' sums are scored by value. */
typedef struct ScoredRows
{
	size_t		n;
	const uint32_t *rows;		/* of the data */
	double	   *y;
	double	   *w;				/* NULL: all 1 */
	double	   *score;			/* [nscores * n] */
} ScoredRows;

typedef struct Booster
{
	const LearnEnv *env;
	const LearnData *data;
	const LearnParams *params;
	const Bins *bins;
	Loss		loss;
	uint32_t	nscores;
	ScoredRows	train,
				watch;
	uint32_t   *pick;			/* training rows that have weight */
	uint32_t	npick;
	double		mean_weight;
	bool		newton;			/* cells hold hessians; else weights, and leaf_hessian has the former */
	bool		fixed_scale;	/* |gradient| <= 1, hessian <= 1/4 */
	uint32_t	cshift;
	double	   *gradient;
	double	   *hessian;
	double	   *prob;
	Cell	   *cells;
	int64_t    *leaf_hessian;	/* friedman_mse with a hessian: scaled as cells would be */
	int			leaf_hessian_scale;
	int			g_scale;		/* powers of two of the cells of this tree */
	int			h_scale;
	uint32_t   *rows;			/* of this round's trees */
	uint32_t	nrows;
	uint8_t    *in_tree;		/* subsample: is a row in this round's trees? */
	uint32_t   *order;
	double	   *thresholds;		/* by node of the tree at hand */
	uint32_t	threshold_capacity;
} Booster;

/* ---- preparation -------------------------------------------------------------- */

static void
rows_take(const LearnEnv *env, const LearnData *data, const uint32_t *rows, size_t n,
		  uint32_t nscores, ScoredRows *scored)
{
	scored->n = n;
	scored->rows = rows;
	scored->y = env_alloc(env, n, sizeof(double));
	scored->w = data->weight ? env_alloc(env, n, sizeof(double)) : NULL;
	scored->score = env_alloc(env, n * nscores, sizeof(double));
	for (size_t i = 0; i < n; i++)
	{
		check_rows(env, i);
		scored->y[i] = data->target[rows[i]];
	}
	if (data->weight)
		for (size_t i = 0; i < n; i++)
			scored->w[i] = data->weight[rows[i]];
}

static void
rows_give(const LearnEnv *env, ScoredRows *scored)
{
	env_free(env, scored->y);
	env_free(env, scored->w);
	env_free(env, scored->score);
}

static void
fill_scores(ScoredRows *scored, const double *base, uint32_t nscores)
{
	for (uint32_t k = 0; k < nscores; k++)
		for (size_t i = 0; i < scored->n; i++)
			scored->score[k * scored->n + i] = base[k];
}

/* ---- integers -------------------------------------------------------------------- */

/* The power of two that makes sums of values, whose absolute sum this is, smaller than 2^bits. */
static int
scale_for(double sum, int bits)
{
	if (!(sum > 0.0))
		return 0;
	return clamp_scale(bits - exponent_above(sum < DBL_MAX ? sum : DBL_MAX));
}

/* Choose the scales of this tree, and make the cells of all rows. */
static void
make_cells(Booster *b)
{
	size_t		n = b->train.n;
	const double *w = b->train.w;
	const double *gradient = b->gradient;
	const double *hessian = b->hessian;
	int			h_bits = 62 - (int) b->cshift;
	double		g_sum = 0.0,
				h_sum = 0.0,
				weights = b->mean_weight * b->npick,
				g_factor,
				h_factor;

	if (b->fixed_scale)
	{
		g_sum = weights;
		h_sum = weights / 4.0;
	}
	else
		for (size_t i = 0; i < n; i++)
		{
			check_rows(b->env, i);
			g_sum += fabs(gradient[i]) * (w ? w[i] : 1.0);
			h_sum += hessian[i] * (w ? w[i] : 1.0);
		}
	b->leaf_hessian_scale = scale_for(h_sum, h_bits);
	b->g_scale = scale_for(g_sum, SUM_BITS);
	b->h_scale = b->newton ? b->leaf_hessian_scale : scale_for(weights, h_bits);
	g_factor = ldexp(1.0, b->g_scale);
	h_factor = ldexp(1.0, b->h_scale);
	for (size_t first = 0; first < n; first += CHECK_ROWS)
	{
		size_t		end = n - first < CHECK_ROWS ? n : first + CHECK_ROWS;

		b->env->check(b->env->arg);
		for (size_t i = first; i < end; i++)
		{
			double		weight = w ? w[i] : 1.0;

			b->cells[i].g = round_integer(gradient[i] * weight * g_factor);
			b->cells[i].hc = (uint64_t) round_integer((b->newton ? hessian[i] * weight : weight) * h_factor)
				<< b->cshift | 1;
		}
	}
	if (b->leaf_hessian)
	{
		h_factor = ldexp(1.0, b->leaf_hessian_scale);
		for (size_t i = 0; i < n; i++)
		{
			check_rows(b->env, i);
			b->leaf_hessian[i] = round_integer(hessian[i] * (w ? w[i] : 1.0) * h_factor);
		}
	}
}

/* The rule of this tree, in the units of its cells. */
static void
make_rule(const Booster *b, SplitRule *rule)
{
	const LearnParams *params = b->params;
	double		unit = ldexp(b->mean_weight, b->h_scale);
	bool		classes = b->fixed_scale;
	double		limit = loss_leaf_limit(&b->loss);
	double		least = classes ? MIN_CHILD_HESSIAN : MIN_HESSIAN;

	memset(rule, 0, sizeof(*rule));
	rule->random = params->split_rule == SPLIT_RANDOM;
	for (uint32_t f = 0; f < b->bins->nfeatures; f++)
		rule->monotone = rule->monotone || b->bins->features[f].monotone != 0;
	rule->cshift = b->cshift;
	rule->min_samples_leaf = params->min_samples_leaf;
	rule->min_samples_split = params->min_samples_split;
	rule->max_depth = params->max_depth > 0 && params->max_depth < MAX_TREE_DEPTH ?
		params->max_depth : MAX_TREE_DEPTH;
	rule->max_leaf_nodes = params->max_leaf_nodes;
	rule->max_features = params->max_features;
	rule->min_h = 1;
	if (b->newton && !loss_constant_hessian(&b->loss) && least * unit > 1.0)
		rule->min_h = (uint64_t) (least * unit);
	rule->value_min_h = MIN_HESSIAN * unit > 1.0 ? MIN_HESSIAN * unit : 1.0;
	rule->l2 = ldexp(params->l2_regularization, b->h_scale);
	rule->kind = params->criterion == CRITERION_FRIEDMAN_MSE || !(rule->l2 > 0.0) ?
		GAIN_CENTRED : GAIN_L2;
	rule->category_l2 = (classes ? CATEGORY_L2_CLASSES : CATEGORY_L2) * unit;
	rule->value_scale = ldexp(1.0, b->h_scale - b->g_scale);
	rule->value_limit = b->fixed_scale && MAX_STEP < limit ? MAX_STEP : limit;
	rule->gain_exponent = b->h_scale - 2 * b->g_scale;
	rule->gain_factor = 1.0;
}

/* ---- rows that are scored by value -------------------------------------------------- */

/* Thresholds of a grown tree's numeric nodes. */
static void
tree_thresholds(Booster *b, const GrownTree *tree)
{
	if (tree->nnodes > b->threshold_capacity)
	{
		env_free(b->env, b->thresholds);
		b->threshold_capacity = tree->nnodes;
		b->thresholds = env_alloc(b->env, tree->nnodes, sizeof(double));
	}
	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		const FeatureBins *fb;

		if (tree->beyond[i] == NODE_IS_LEAF)
			continue;
		fb = &b->bins->features[tree->nodes[i].split.feature & NODE_FEATURE_MASK];
		if (fb->kind == LEARN_NUMERIC)
			b->thresholds[i] = bins_threshold(fb, tree->nodes[i].split.rank, tree->beyond[i]);
	}
}

/* The value that a row of the data gets from a grown tree. */
static double
tree_value(const Booster *b, const GrownTree *tree, uint32_t row)
{
	uint32_t	at = 0;

	while (tree->beyond[at] != NODE_IS_LEAF)
	{
		LearnNode	node = tree->nodes[at];
		const LearnColumn *column = &b->data->columns[node.split.feature & NODE_FEATURE_MASK];
		bool		missing_left = (node.split.child & NODE_MISSING_LEFT) != 0;
		bool		left;

		if (column->kind == LEARN_NUMERIC)
		{
			double		v = column->values[row];

			left = v != v ? missing_left : v <= b->thresholds[at];
		}
		else
		{
			uint32_t	code = column->codes[row];

			left = missing_left;
			if (code < column->ncategories &&
				set_has(tree->set_words + tree->set_first[node.split.rank], code))
				left = !missing_left;
		}
		at = (node.split.child & NODE_CHILD_MASK) + !left;
	}
	return tree->nodes[at].value;
}

/* Bring the scores of rows up to date that are not in the tree (skip NULL: of all). */
static void
score_by_value(Booster *b, const GrownTree *tree, ScoredRows *scored, uint32_t k,
			   const uint8_t *skip)
{
	double	   *score = scored->score + k * scored->n;

	for (size_t i = 0; i < scored->n; i++)
	{
		if (i % (CHECK_ROWS / 16) == 0)
			b->env->check(b->env->arg);
		if (skip == NULL || !skip[i])
			score[i] += tree_value(b, tree, scored->rows[i]);
	}
}

/* ---- a tree ------------------------------------------------------------------------------ */

/* A leaf's value before the learning rate, where it is not what the cells say. */
static double
leaf_value(const Booster *b, const GrownTree *tree, const SplitRule *rule, uint32_t node,
		   const double *score)
{
	const uint32_t *rows = b->order + tree->first[node];
	uint32_t	n = tree->count[node];
	double		value;

	if (loss_renews_leaves(&b->loss))
		value = loss_leaf(b->env, &b->loss, b->train.y, b->train.w, score, rows, n);
	else
	{
		double		unit = ldexp(1.0, b->leaf_hessian_scale);
		double		smallest = MIN_HESSIAN * b->mean_weight;
		int64_t		g = 0,
					h = 0;
		double		hessian;

		for (uint32_t i = 0; i < n; i++)
		{
			check_rows(b->env, i);
			g += b->cells[rows[i]].g;
			h += b->leaf_hessian[rows[i]];
		}
		hessian = (double) h / unit;
		hessian = hessian < smallest ? smallest : hessian;
		value = (double) g * ldexp(1.0, -b->g_scale) / (hessian + b->params->l2_regularization);
		value = value > rule->value_limit ? rule->value_limit : value;
		value = value < -rule->value_limit ? -rule->value_limit : value;
	}
	if (tree->bounds)
	{
		value = value < tree->bounds[2 * node] ? tree->bounds[2 * node] : value;
		value = value > tree->bounds[2 * node + 1] ? tree->bounds[2 * node + 1] : value;
	}
	return value;
}

/* Weights of the rows in each node: those of the leaves, and then of their parents. */
static void
weigh_nodes(const Booster *b, GrownTree *tree)
{
	double	   *cover = env_alloc(b->env, tree->nnodes, sizeof(double));

	for (uint32_t i = tree->nnodes; i-- > 0;)
	{
		cover[i] = 0.0;
		if (tree->beyond[i] == NODE_IS_LEAF)
			for (uint32_t j = 0; j < tree->count[i]; j++)
			{
				check_rows(b->env, j);
				cover[i] += b->train.w[b->order[tree->first[i] + j]];
			}
		else
		{
			uint32_t	child = tree->nodes[i].split.child & NODE_CHILD_MASK;

			cover[i] = cover[child] + cover[child + 1];
		}
		tree->covers[i] = (float) cover[i];
	}
	env_free(b->env, cover);
}

/* Leaves of a grown tree get their values, and the training rows in them theirs. */
static void
finish_tree(Booster *b, const SplitRule *rule, uint32_t k, GrownTree *tree)
{
	double	   *score = b->train.score + k * b->train.n;

	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		const uint32_t *rows = b->order + tree->first[i];
		double		value;

		if (tree->beyond[i] != NODE_IS_LEAF)
			continue;
		if (loss_renews_leaves(&b->loss) || b->leaf_hessian)
			tree->nodes[i].value = leaf_value(b, tree, rule, i, score);
		value = tree->nodes[i].value *= b->params->learning_rate;
		for (uint32_t j = 0; j < tree->count[i]; j++)
		{
			check_rows(b->env, j);
			score[rows[j]] += value;
		}
	}
	b->env->check(b->env->arg);
	if (b->train.w)
		weigh_nodes(b, tree);
	if (b->watch.n > 0 || b->in_tree)
		tree_thresholds(b, tree);
	if (b->in_tree)
		score_by_value(b, tree, &b->train, k, b->in_tree);
	if (b->watch.n > 0)
		score_by_value(b, tree, &b->watch, k, NULL);
	env_free(b->env, tree->first);
	env_free(b->env, tree->count);
	env_free(b->env, tree->bounds);
	tree->first = tree->count = NULL;
	tree->bounds = NULL;
}

/* The rows of this round's trees: those with weight, or a part of them chosen by hash. */
static void
choose_rows(Booster *b, uint32_t round)
{
	uint64_t	key = hash_pair(b->params->seed, stream_of(STREAM_SUBSAMPLE, round));

	if (b->params->subsample >= 1.0)
		return;
	b->nrows = 0;
	memset(b->in_tree, 0, b->train.n);
	for (uint32_t i = 0; i < b->npick; i++)
	{
		check_rows(b->env, i);
		if (hash_unit(hash_pair(key, b->pick[i])) < b->params->subsample)
			b->rows[b->nrows++] = b->pick[i];
	}
	if (b->nrows == 0)
		b->rows[b->nrows++] = b->pick[hash_below(key, b->npick)];
	for (uint32_t i = 0; i < b->nrows; i++)
		b->in_tree[b->rows[i]] = 1;
}

/* ---- the fit --------------------------------------------------------------------------------- */

static void
booster_init(Booster *b, const uint32_t *train, size_t ntrain, const uint32_t *watch, size_t nwatch)
{
	const LearnEnv *env = b->env;
	const LearnParams *params = b->params;
	Sum			weights = {0.0, 0.0};

	b->loss.kind = params->loss;
	b->loss.quantile = params->quantile;
	b->loss.nclasses = b->data->nclasses;
	b->nscores = loss_nscores(&b->loss);
	rows_take(env, b->data, train, ntrain, b->nscores, &b->train);
	rows_take(env, b->data, watch, nwatch, b->nscores, &b->watch);
	b->pick = env_alloc(env, ntrain, sizeof(uint32_t));
	env->check(env->arg);
	for (size_t i = 0; i < ntrain; i++)
		if (b->train.w == NULL || b->train.w[i] > 0.0)
		{
			b->pick[b->npick++] = (uint32_t) i;
			sum_add(&weights, b->train.w ? b->train.w[i] : 1.0);
		}
	if (b->npick == 0)
		env->fail(env->arg, "no training row has a weight above zero");
	b->mean_weight = sum_get(&weights) / b->npick;
	b->newton = params->criterion != CRITERION_FRIEDMAN_MSE;
	b->fixed_scale = params->loss == LOSS_LOGISTIC || params->loss == LOSS_SOFTMAX;
	b->cshift = bits_for(ntrain);
	b->gradient = env_alloc(env, ntrain, sizeof(double));
	b->hessian = env_alloc(env, ntrain, sizeof(double));
	if (params->loss == LOSS_SOFTMAX)
		b->prob = env_alloc(env, ntrain * b->nscores, sizeof(double));
	b->cells = env_alloc(env, ntrain, sizeof(Cell));
	if (!b->newton && !loss_renews_leaves(&b->loss))
		b->leaf_hessian = env_alloc(env, ntrain, sizeof(int64_t));
	b->rows = b->pick;
	b->nrows = b->npick;
	b->order = env_alloc(env, b->npick, sizeof(uint32_t));
	if (params->subsample < 1.0)
		b->rows = env_alloc(env, b->npick, sizeof(uint32_t));
	if (params->subsample < 1.0 || b->npick < ntrain)
	{
		b->in_tree = env_alloc0(env, ntrain, sizeof(uint8_t));
		for (uint32_t i = 0; i < b->npick; i++)
			b->in_tree[b->pick[i]] = 1;
	}
}

static void
booster_free(Booster *b)
{
	const LearnEnv *env = b->env;

	rows_give(env, &b->train);
	rows_give(env, &b->watch);
	if (b->rows != b->pick)
		env_free(env, b->rows);
	env_free(env, b->pick);
	env_free(env, b->gradient);
	env_free(env, b->hessian);
	env_free(env, b->prob);
	env_free(env, b->cells);
	env_free(env, b->leaf_hessian);
	env_free(env, b->order);
	env_free(env, b->in_tree);
	env_free(env, b->thresholds);
}

/* One tree a score. */
static void
boost_round(Booster *b, const GrowMethod *method, void *grower, uint32_t round, GrownTree *trees)
{
	choose_rows(b, round);
	for (uint32_t k = 0; k < b->nscores; k++)
	{
		SplitRule	rule;
		GrowTask	task = {
			.rule = &rule,
			.key = hash_pair(b->params->seed,
							 stream_of(STREAM_TREE, (uint64_t) round * b->nscores + k)),
			.nrows = b->nrows,
			.rows = b->rows,
			.cells = b->cells,
			.order = b->order
		};

		b->env->check(b->env->arg);
		loss_gradients(b->env, &b->loss, b->train.y, b->train.w, b->train.n, b->train.score, k,
					   b->prob, b->gradient, b->hessian);
		make_cells(b);
		make_rule(b, &rule);
		method->grow(grower, &task, &trees[k]);
		finish_tree(b, &rule, k, &trees[k]);
	}
}

/* What the scores begin with: the loss's start values, or those of a model and all its trees. */
static void
start_scores(Booster *b, const LearnModel *from, double *base)
{
	if (from)
	{
		memcpy(base, from->base, b->nscores * sizeof(double));
		predict_scores(b->env, from, b->data->columns, b->train.rows, b->train.n, b->train.score);
		predict_scores(b->env, from, b->data->columns, b->watch.rows, b->watch.n, b->watch.score);
		return;
	}
	loss_start(b->env, &b->loss, b->train.y, b->train.w, b->train.n, base);
	fill_scores(&b->train, base, b->nscores);
	fill_scores(&b->watch, base, b->nscores);
}

/* Fit a boosted model's trees.  The curve has every round that was made; trees after the best one are dropped. */
void
boost_fit(const LearnEnv *env, const GrowMethod *method, const LearnData *data,
		  const uint32_t *train, size_t ntrain, const uint32_t *watch, size_t nwatch,
		  const Bins *bins, const Matrix *matrix, const LearnParams *params,
		  const LearnModel *from, uint32_t first, BoostResult *result)
{
	Booster		b = {.env = env, .data = data, .params = params, .bins = bins};
	GrowSetup	setup = {.bins = bins, .matrix = matrix, .boosting = true,
		.max_leaf_nodes = params->max_leaf_nodes, .max_features = params->max_features};
	bool		stopping = params->early_stopping_rounds > 0 && nwatch > 0;
	double		best = INFINITY;
	uint32_t	best_round = 1,
				round;
	void	   *grower;

	booster_init(&b, train, ntrain, watch, nwatch);
	setup.max_rows = b.npick;
	for (uint32_t f = 0; f < bins->nfeatures; f++)
		setup.monotone = setup.monotone || bins->features[f].monotone != 0;
	result->nscores = b.nscores;
	result->link = loss_link_kind(&b.loss);
	result->base = env_alloc(env, b.nscores, sizeof(double));
	result->trees = env_alloc0(env, (size_t) params->n_estimators * b.nscores, sizeof(GrownTree));
	result->curve = env_alloc0(env, params->n_estimators, sizeof(LearnCurvePoint));
	start_scores(&b, from, result->base);

	grower = method->create(env, &setup);
	for (round = 0; round < params->n_estimators;)
	{
		LearnCurvePoint *point = &result->curve[round];

		boost_round(&b, method, grower, first + round, result->trees + (size_t) round * b.nscores);
		round++;
		point->n_estimators = first + round;
		point->train = loss_mean(&b.loss, b.train.y, b.train.w, ntrain, b.train.score);
		point->watched = nwatch > 0 ?
			loss_mean(&b.loss, b.watch.y, b.watch.w, nwatch, b.watch.score) : NAN;
		env->progress(env->arg, round, params->n_estimators);
		if (!stopping)
			continue;
		if (round == 1 || point->watched < best)
		{
			best = point->watched;
			best_round = round;
		}
		else if (round - best_round >= params->early_stopping_rounds)
			break;
	}
	method->free(grower);
	booster_free(&b);
	result->ncurve = round;
	result->rounds = stopping ? best_round : round;
	for (size_t t = (size_t) result->rounds * b.nscores; t < (size_t) round * b.nscores; t++)
		grown_tree_free(env, &result->trees[t]);
}

/* Bytes that boost_fit takes beside bins, matrix and grower, at most. */
size_t
boost_memory(const LearnData *data, size_t ntrain, size_t nwatch, const LearnParams *params)
{
	size_t		nscores = params->loss == LOSS_SOFTMAX ? data->nclasses : 1;
	size_t		bytes;

	/* target, weight, gradient, hessian, cell, leaf hessian; pick, rows, order; in_tree */
	bytes = ntrain * (8 + 8 + 8 + 8 + sizeof(Cell) + 8 + 12 + 1) + nwatch * 16;
	bytes += (ntrain + nwatch) * 8 * nscores;
	if (params->loss == LOSS_SOFTMAX)
		bytes += ntrain * 8 * nscores;

	/* quantiles are selected from copies */
	bytes += ntrain * 24;
	return bytes + params->n_estimators * (sizeof(LearnCurvePoint) + nscores * sizeof(GrownTree));
}

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
 *
 * This file is the leader's part; what is done to rows, by all who take part, is in boost_work.c.
 */
#include <string.h>

#include "learn/boost.h"
#include "learn/histogram.h"
#include "learn/predict.h"
#include "learn/scale.h"
#include "learn/sort.h"
#include "learn/split.h"
#include "learn/sum.h"

#define MIN_HESSIAN		1e-3	/* of a leaf, times the mean weight, as the next three */
#define MIN_CHILD_HESSIAN 1.0	/* of either side of a split, for classes */
#define MAX_STEP		20.0	/* of a leaf in log-odds, before the learning rate */
#define PACKED_LEAST_ROWS 8192	/* few rows are summed exactly, and soon */
#define PACKED_SPREAD_G	8		/* the largest gradient is at most 2^this times their root mean square, */
#define PACKED_SPREAD_H	6		/* and the largest hessian their mean */
#define CATEGORY_L2		10.0	/* of many levels in an order of choice */
#define CATEGORY_L2_CLASSES 100.0	/* the same for classes, whose gradients are mostly noise */

#define PACKABLE_UNKNOWN	0
#define PACKABLE_NO			1
#define PACKABLE_YES		2

typedef struct Booster
{
	const LearnEnv *env;
	Crew	   *crew;
	BoostHead  *head;
	const LearnData *data;
	const LearnParams *params;
	const Bins *bins;
	uint32_t   *pick;			/* training rows that have weight */
	uint32_t	npick;
	double		mean_weight;
	double		train_weight,	/* of all rows */
				watch_weight;
	double		max_weight;
	int			g_scale;		/* powers of two of the cells of this tree */
	int			h_scale;
	uint8_t    *packable;		/* [nscores] fixed scales: PACKABLE_, by the last round's gradients */
	uint32_t   *rows;			/* of this round's trees */
	uint32_t	nrows;
	uint32_t	leaf_capacity;
	uint64_t   *leaf_keys;		/* [leaf_capacity] first row and node of a leaf, and scratch to sort them */
	uint64_t   *leaf_scratch;
	double	   *thresholds;		/* by node of the tree at hand */
	uint32_t	threshold_capacity;
	GrowHelp	help;
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

/* Do packed cells say enough?  Not where the largest are so far above the others that these would vanish beside them. */
static bool
may_pack(const Booster *b, const GradientSums *sums)
{
	double		n = b->npick;

	return b->npick >= PACKED_LEAST_ROWS && sums->g_max > 0.0 && sums->h_max > 0.0 &&
		sums->g_max < DBL_MAX && sums->h_max < DBL_MAX &&
		sqrt(sums->g2 / n) >= ldexp(sums->g_max, -PACKED_SPREAD_G) && sums->h / n >= ldexp(sums->h_max, -PACKED_SPREAD_H);
}

/* The form of this tree's cells, and scales for gradients and hessians that are no larger than sums says. */
static void
choose_scales(Booster *b, const GradientSums *sums, bool packed)
{
	BoostHead  *head = b->head;

	head->packed = packed;
	if (packed)
	{
		b->g_scale = clamp_scale(scale_within(sums->g_max, PACKED_ROW_G_BITS));
		b->h_scale = clamp_scale(scale_within(sums->h_max, PACKED_ROW_H_BITS));
	}
	else
	{
		b->g_scale = scale_for(sums->g, SUM_BITS);
		b->h_scale = scale_for(sums->h, 62 - (int) head->cshift);
	}
	head->g_factor = ldexp(1.0, b->g_scale);
	head->h_factor = ldexp(1.0, b->h_scale);
	head->own_values = packed || head->renews || !head->newton;
}

/*
 * Gradients and hessians of score k, and the cells of all rows.  Where the loss bounds both, the scale is known beforehand, so
 * that one pass does it; whether cells are packed is then decided by the score's gradients of the round before.
 */
static void
make_cells(Booster *b, uint32_t k)
{
	BoostHead  *head = b->head;
	uint32_t	blocks = count_blocks(head->train.n, ROW_BLOCK);
	double		weights = b->mean_weight * b->npick;
	double		hessian = head->newton ? 0.25 : 1.0;
	GradientSums bounds = {.g = weights, .g_max = b->max_weight, .h = hessian * weights, .h_max = hessian * b->max_weight};
	GradientSums sums = {0.0, 0.0, 0.0, 0.0, 0.0};

	head->score = k;
	if (k == 0)
		loss_begin(b->env, &head->loss, head->train.y, head->train.w, head->train.n, head->train.score);
	head->scale_known = head->fixed_scale && b->packable[k] != PACKABLE_UNKNOWN;
	if (head->scale_known)
		choose_scales(b, &bounds, b->packable[k] == PACKABLE_YES);
	crew_run(b->crew, BOOST_GRADIENTS, blocks);
	for (uint32_t i = 0; i < blocks; i++)
	{
		const GradientSums *some = &head->sums_of[i];

		sums.g += some->g;
		sums.g2 += some->g2;
		sums.g_max = some->g_max > sums.g_max ? some->g_max : sums.g_max;
		sums.h += some->h;
		sums.h_max = some->h_max > sums.h_max ? some->h_max : sums.h_max;
	}
	if (head->fixed_scale)
	{
		/* what bounds say holds for all rounds */
		sums.g_max = bounds.g_max;
		sums.h_max = bounds.h_max;
		b->packable[k] = may_pack(b, &sums) ? PACKABLE_YES : PACKABLE_NO;
	}
	if (head->scale_known)
		return;
	choose_scales(b, head->fixed_scale ? &bounds : &sums, may_pack(b, &sums));
	crew_run(b->crew, BOOST_CELLS, blocks);
}

/* The rule of this tree, in the units of its cells. */
static void
make_rule(const Booster *b, SplitRule *rule)
{
	const LearnParams *params = b->params;
	double		unit = ldexp(b->mean_weight, b->h_scale);
	bool		classes = b->head->fixed_scale;
	double		limit = loss_leaf_limit(&b->head->loss);
	double		least = classes ? MIN_CHILD_HESSIAN : MIN_HESSIAN;

	memset(rule, 0, sizeof(*rule));
	rule->random = params->split_rule == SPLIT_RANDOM;
	for (uint32_t f = 0; f < b->bins->nfeatures; f++)
		rule->monotone = rule->monotone || b->bins->features[f].monotone != 0;
	rule->cshift = b->head->cshift;
	rule->min_samples_leaf = params->min_samples_leaf;
	rule->min_samples_split = params->min_samples_split;
	rule->max_depth = params->max_depth > 0 && params->max_depth < MAX_TREE_DEPTH ?
		params->max_depth : MAX_TREE_DEPTH;
	rule->max_leaf_nodes = params->max_leaf_nodes;
	rule->max_features = params->max_features;
	rule->min_h = 1;
	if (b->head->newton && !loss_constant_hessian(&b->head->loss) && least * unit > 1.0)
		rule->min_h = (uint64_t) (least * unit);
	rule->value_min_h = MIN_HESSIAN * unit > 1.0 ? MIN_HESSIAN * unit : 1.0;
	rule->l2 = ldexp(params->l2_regularization, b->h_scale);
	rule->kind = params->criterion == CRITERION_FRIEDMAN_MSE || !(rule->l2 > 0.0) ?
		GAIN_CENTRED : GAIN_L2;
	rule->category_l2 = (classes ? CATEGORY_L2_CLASSES : CATEGORY_L2) * unit;
	rule->value_scale = ldexp(1.0, b->h_scale - b->g_scale);
	rule->value_limit = b->head->fixed_scale && MAX_STEP < limit ? MAX_STEP : limit;
	rule->gain_exponent = b->h_scale - 2 * b->g_scale;
	rule->gain_factor = 1.0;
}

/* ---- rows of large nodes ---------------------------------------------------------------- */

/* Sums of a node's rows: each participant's are added. */
static void
help_sum(void *arg, uint32_t first, uint32_t n, Cell *cells)
{
	Booster    *b = arg;
	BoostHead  *head = b->head;
	size_t		total = b->bins->total_codes;
	bool		some = false;

	head->first = first;
	head->n = n;
	head->sum++;
	head->by_features = total > n || n < 2 * head->grain;
	if (head->by_features)
	{
		crew_run(b->crew, BOOST_SUM, head->npasses);
		memcpy(cells, head->sums, total * sizeof(Cell));
		return;
	}
	crew_run(b->crew, BOOST_SUM, count_blocks(n, head->grain));
	for (uint32_t p = 0; p < b->crew->participants; p++)
	{
		const Cell *part = head->sums + p * total;

		if (head->marks[p] != head->sum)
			continue;
		if (!some)
			memcpy(cells, part, total * sizeof(Cell));
		else
			for (size_t c = 0; c < total; c++)
				*(CellVector *) &cells[c] += *(const CellVector *) &part[c];
		some = true;
	}
}

/* Part a node's rows: each part for itself, and then to the places that all parts before it decide. */
static uint32_t
help_part(void *arg, uint32_t first, uint32_t n, uint32_t feature, const CodeSide *side)
{
	Booster    *b = arg;
	BoostHead  *head = b->head;
	uint32_t	parts = count_blocks(n, head->grain);
	uint32_t	left = 0;

	if (parts < 2)
		return order_part(&head->matrix, head->order + first, n, feature, side, head->order + first, head->moved);
	head->first = first;
	head->n = n;
	head->feature = feature;
	head->side = *side;
	if (side->left)
		memcpy(head->side_left, side->left, feature_ncodes(&b->bins->features[feature]));
	crew_run(b->crew, BOOST_PART, parts);
	for (uint32_t i = 0; i < parts; i++)
	{
		head->places[i] = left;
		left += head->lefts[i];
	}
	head->nlefts = left;
	crew_run(b->crew, BOOST_PLACE, parts);
	return left;
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

/* Add what a tree says of the values of rows. */
static void
score_by_value(Booster *b, const GrownTree *tree, ScoredRows *scored, const uint32_t *rows)
{
	double	   *score = scored->score + b->head->score * scored->n;

	for (size_t i = 0; i < scored->n; i++)
	{
		if (i % (CHECK_ROWS / 16) == 0)
			b->env->check(b->env->arg);
		score[i] += tree_value(tree, b->thresholds, b->data->columns, rows[i]);
	}
}

/* Put a tree where all see it; false where it is too large. */
static bool
show_tree(Booster *b, const GrownTree *tree)
{
	BoostHead  *head = b->head;
	size_t		place = (tree->size + 7) / 8 * 8;

	if (crew_alone(b->crew))
	{
		head->tree = tree->block;
		head->thresholds = b->thresholds;
		return true;
	}
	if (place + tree->nnodes * sizeof(double) > head->tree_room)
		return false;
	memcpy(head->tree, tree->block, tree->size);
	head->thresholds = (double *) (void *) ((uint8_t *) head->tree + place);
	memcpy(head->thresholds, b->thresholds, tree->nnodes * sizeof(double));
	return true;
}

/* Bring the scores of the training rows up to date that are not in the tree. */
static void
score_left_out(Booster *b, const GrownTree *tree, bool shown)
{
	BoostHead  *head = b->head;
	double	   *score = head->train.score + head->score * head->train.n;

	if (shown)
		crew_run(b->crew, BOOST_LEFT_OUT, count_blocks(head->train.n, ROW_BLOCK));
	for (size_t i = 0; i < head->train.n; i++)
	{
		if (i % (CHECK_ROWS / 16) == 0)
			b->env->check(b->env->arg);
		if (head->in_tree[i] == ROW_BY_VALUE || (!shown && head->in_tree[i] == ROW_LEFT_OUT))
		{
			score[i] += tree_value(tree, b->thresholds, b->data->columns, head->train.rows[i]);
			head->in_tree[i] = ROW_LEFT_OUT;
		}
	}
}

/* ---- a tree ------------------------------------------------------------------------------ */

/* The leaves of a grown tree in the order of their rows; b->leaf_keys has their nodes in the low words. */
static const uint64_t *
list_leaves(Booster *b, const GrownTree *tree)
{
	BoostHead  *head = b->head;
	uint64_t   *sorted;
	uint32_t	n = 0;

	for (uint32_t i = 0; i < tree->nnodes; i++)
		if (tree->beyond[i] == NODE_IS_LEAF)
		{
			if (n == b->leaf_capacity)
				b->env->fail(b->env->arg, "a tree has more leaves than it may");
			b->leaf_keys[n++] = (uint64_t) tree->first[i] << 32 | i;
		}
	sorted = sort_keys(b->env, b->leaf_keys, b->leaf_scratch, n);
	head->nleaves = n;
	for (uint32_t l = 0; l < n; l++)
		head->leaf_first[l] = (uint32_t) (sorted[l] >> 32);
	head->leaf_first[n] = b->nrows;
	return sorted;
}

/* Weights of the rows in each node: those of the leaves, and then of their parents. */
static void
weigh_nodes(const Booster *b, const uint64_t *leaves, GrownTree *tree)
{
	double	   *cover = env_alloc(b->env, tree->nnodes, sizeof(double));

	for (uint32_t l = 0; l < b->head->nleaves; l++)
		cover[(uint32_t) leaves[l]] = b->head->leaf_cover[l];
	for (uint32_t i = tree->nnodes; i-- > 0;)
	{
		if (tree->beyond[i] != NODE_IS_LEAF)
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
finish_tree(Booster *b, const SplitRule *rule, const uint32_t *watch, GrownTree *tree)
{
	BoostHead  *head = b->head;
	const uint64_t *leaves = list_leaves(b, tree);
	bool		own_values = head->own_values;

	head->value_limit = rule->value_limit;
	if (own_values || head->train.w)
		crew_run(b->crew, BOOST_LEAVES, head->nleaves);
	for (uint32_t l = 0; l < head->nleaves; l++)
	{
		uint32_t	node = (uint32_t) leaves[l];
		double		value = own_values ? head->leaf_value[l] : tree->nodes[node].value;

		if (own_values && tree->bounds)
		{
			value = value < tree->bounds[2 * node] ? tree->bounds[2 * node] : value;
			value = value > tree->bounds[2 * node + 1] ? tree->bounds[2 * node + 1] : value;
		}
		head->leaf_value[l] = tree->nodes[node].value = value * b->params->learning_rate;
	}
	head->first = 0;
	head->n = b->nrows;
	crew_run(b->crew, BOOST_SCORES, count_blocks(b->nrows, head->grain));
	if (head->train.w)
		weigh_nodes(b, leaves, tree);
	if (head->watch.n > 0 || head->in_tree)
	{
		bool		shown;

		tree_thresholds(b, tree);
		shown = show_tree(b, tree);
		if (head->in_tree)
			score_left_out(b, tree, shown);
		if (shown)
			crew_run(b->crew, BOOST_WATCH, count_blocks(head->watch.n, ROW_BLOCK));
		else
			score_by_value(b, tree, &head->watch, watch);
	}
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
	memset(b->head->in_tree, 0, b->head->train.n);
	for (uint32_t i = 0; i < b->npick; i++)
	{
		check_rows(b->env, i);
		if (hash_unit(hash_pair(key, b->pick[i])) < b->params->subsample)
			b->rows[b->nrows++] = b->pick[i];
	}
	if (b->nrows == 0)
		b->rows[b->nrows++] = b->pick[hash_below(key, b->npick)];
	for (uint32_t i = 0; i < b->nrows; i++)
		b->head->in_tree[b->rows[i]] = ROW_IN_TREE;
}

/* Mean losses of the training rows and of the watched ones, from sums of blocks. */
static void
mean_losses(Booster *b, LearnCurvePoint *point)
{
	BoostHead  *head = b->head;
	uint32_t	blocks = count_blocks(head->train.n, ROW_BLOCK);
	uint32_t	all = blocks + count_blocks(head->watch.n, ROW_BLOCK);
	Sum			train = {0.0, 0.0},
				watch = {0.0, 0.0};

	crew_run(b->crew, BOOST_LOSS, all);
	for (uint32_t i = 0; i < all; i++)
		sum_add(i < blocks ? &train : &watch, head->loss_sums[i]);
	point->train = b->train_weight > 0.0 ? sum_get(&train) / b->train_weight : NAN;
	point->watched = b->watch_weight > 0.0 ? sum_get(&watch) / b->watch_weight : NAN;
}

/* ---- the fit --------------------------------------------------------------------------------- */

/* What is needed where there are others: copies of what they read, and room for what they write. */
static void
share_with_others(Booster *b, const uint32_t *watch, size_t nwatch)
{
	BoostHead  *head = b->head;
	const LearnEnv *shared = &b->crew->shared;
	uint32_t	nfeatures = b->bins->nfeatures;
	uint32_t	parts = count_blocks(b->npick, head->grain);
	LearnColumn *columns;

	columns = env_alloc(shared, nfeatures, sizeof(LearnColumn));
	for (uint32_t f = 0; f < nfeatures; f++)
	{
		const LearnColumn *column = &b->data->columns[f];
		double	   *values = NULL;
		uint32_t   *codes = NULL;

		if (column->kind == LEARN_NUMERIC)
			values = env_alloc(shared, nwatch, sizeof(double));
		else
			codes = env_alloc(shared, nwatch, sizeof(uint32_t));
		for (size_t i = 0; i < nwatch; i++)
		{
			check_rows(b->env, i);
			if (values)
				values[i] = column->values[watch[i]];
			else
				codes[i] = column->codes[watch[i]];
		}
		columns[f] = *column;
		columns[f].values = values;
		columns[f].codes = codes;
	}
	head->watch_columns = columns;
	head->watch.rows = NULL;

	head->offsets = env_alloc(shared, nfeatures, sizeof(uint32_t));
	order_offsets(b->bins, head->offsets);
	head->passes = env_alloc(shared, (size_t) nfeatures + 1, sizeof(uint32_t));
	for (uint32_t f = 0; f < nfeatures; f += order_pass(b->bins, &head->matrix, f))
		head->passes[head->npasses++] = f;
	head->passes[head->npasses] = nfeatures;
	head->moved = env_alloc(shared, b->npick, sizeof(uint32_t));
	head->sums = env_alloc(shared, b->crew->participants * b->bins->total_codes, sizeof(Cell));
	head->marks = env_alloc0(shared, b->crew->participants, sizeof(uint32_t));
	head->lefts = env_alloc(shared, parts, sizeof(uint32_t));
	head->places = env_alloc(shared, parts, sizeof(uint32_t));
	head->side_left = env_alloc(shared, b->bins->max_codes, sizeof(uint8_t));
	head->tree_room = TREE_ROOM;
	head->tree = env_alloc(shared, 1, TREE_ROOM);

	b->help.sum = help_sum;
	b->help.part = help_part;
	b->help.arg = b;
	b->help.least_rows = 2 * head->grain;
	if (nfeatures > GRAIN_FEATURES)
		b->help.least_rows = (uint32_t) ((uint64_t) b->help.least_rows * GRAIN_FEATURES / nfeatures) + 1;
}

static void
booster_init(Booster *b, const uint32_t *train, size_t ntrain, const uint32_t *watch, size_t nwatch)
{
	const LearnEnv *env = b->env;
	const LearnEnv *shared = &b->crew->shared;
	const LearnParams *params = b->params;
	BoostHead  *head = b->head;
	uint32_t	blocks = count_blocks(ntrain, ROW_BLOCK);
	Sum			weights = {0.0, 0.0};

	head->loss.kind = params->loss;
	head->loss.quantile = params->quantile;
	head->loss.nclasses = b->data->nclasses;
	head->nscores = loss_nscores(&head->loss);
	head->renews = loss_renews_leaves(&head->loss);
	head->grain = boost_grain(env);
	rows_take(shared, b->data, train, ntrain, head->nscores, &head->train);
	rows_take(shared, b->data, watch, nwatch, head->nscores, &head->watch);
	b->train_weight = loss_weight(head->train.w, ntrain);
	b->watch_weight = loss_weight(head->watch.w, nwatch);
	b->pick = env_alloc(env, ntrain, sizeof(uint32_t));
	env->check(env->arg);
	for (size_t i = 0; i < ntrain; i++)
	{
		double		weight = head->train.w ? head->train.w[i] : 1.0;

		if (!(weight > 0.0))
			continue;
		b->pick[b->npick++] = (uint32_t) i;
		b->max_weight = weight > b->max_weight ? weight : b->max_weight;
		sum_add(&weights, weight);
	}
	if (b->npick == 0)
		env->fail(env->arg, "no training row has a weight above zero");
	b->mean_weight = sum_get(&weights) / b->npick;
	head->smallest = MIN_HESSIAN * b->mean_weight;
	head->l2 = params->l2_regularization;
	head->newton = params->criterion != CRITERION_FRIEDMAN_MSE;
	head->fixed_scale = params->loss == LOSS_LOGISTIC || params->loss == LOSS_SOFTMAX;
	head->cshift = bits_for(ntrain);
	head->gradient = env_alloc(shared, ntrain, sizeof(double));
	head->hessian = env_alloc(shared, ntrain, sizeof(double));
	if (params->loss == LOSS_SOFTMAX)
		head->prob = env_alloc(shared, ntrain * head->nscores, sizeof(double));
	head->cells = env_alloc(shared, ntrain, sizeof(Cell));
	head->order = env_alloc(shared, b->npick, sizeof(uint32_t));
	head->sums_of = env_alloc(shared, blocks, sizeof(GradientSums));
	b->packable = env_alloc0(env, head->nscores, sizeof(uint8_t));
	head->loss_sums = env_alloc(shared, blocks + count_blocks(nwatch, ROW_BLOCK), sizeof(double));
	b->leaf_capacity = boost_most_leaves(params, b->npick);
	b->leaf_keys = env_alloc(env, b->leaf_capacity, sizeof(uint64_t));
	b->leaf_scratch = env_alloc(env, b->leaf_capacity, sizeof(uint64_t));
	head->leaf_first = env_alloc(shared, (size_t) b->leaf_capacity + 1, sizeof(uint32_t));
	head->leaf_value = env_alloc(shared, b->leaf_capacity, sizeof(double));
	head->leaf_cover = env_alloc(shared, b->leaf_capacity, sizeof(double));
	crew_bins_share(b->crew, b->bins, &head->bins);
	if (crew_alone(b->crew))
		head->watch_columns = b->data->columns;
	else
		share_with_others(b, watch, nwatch);

	b->rows = b->pick;
	b->nrows = b->npick;
	if (params->subsample < 1.0)
		b->rows = env_alloc(env, b->npick, sizeof(uint32_t));
	if (params->subsample < 1.0 || b->npick < ntrain)
	{
		head->in_tree = env_alloc0(shared, ntrain, sizeof(uint8_t));
		for (uint32_t i = 0; i < b->npick; i++)
			head->in_tree[b->pick[i]] = ROW_IN_TREE;
	}
}

static void
booster_free(Booster *b)
{
	const LearnEnv *env = b->env;
	const LearnEnv *shared = &b->crew->shared;
	BoostHead  *head = b->head;

	rows_give(shared, &head->train);
	rows_give(shared, &head->watch);
	env_free(shared, head->gradient);
	env_free(shared, head->hessian);
	env_free(shared, head->prob);
	env_free(shared, head->cells);
	env_free(shared, head->order);
	env_free(shared, head->sums_of);
	env_free(env, b->packable);
	env_free(shared, head->loss_sums);
	env_free(shared, head->leaf_first);
	env_free(shared, head->leaf_value);
	env_free(shared, head->leaf_cover);
	if (b->rows != b->pick)
		env_free(env, b->rows);
	env_free(env, b->pick);
	env_free(shared, head->in_tree);
	env_free(env, b->leaf_keys);
	env_free(env, b->leaf_scratch);
	env_free(env, b->thresholds);
}

/* One tree a score. */
static void
boost_round(Booster *b, const GrowMethod *method, void *grower, const uint32_t *watch, uint32_t round,
			GrownTree *trees)
{
	choose_rows(b, round);
	for (uint32_t k = 0; k < b->head->nscores; k++)
	{
		SplitRule	rule;
		GrowTask	task = {
			.rule = &rule,
			.key = hash_pair(b->params->seed,
							 stream_of(STREAM_TREE, (uint64_t) round * b->head->nscores + k)),
			.nrows = b->nrows,
			.rows = b->rows,
			.order = b->head->order
		};

		b->env->check(b->env->arg);
		make_cells(b, k);
		make_rule(b, &rule);
		task.cells = cells_of(b->head);
		method->grow(grower, &task, &trees[k]);
		finish_tree(b, &rule, watch, &trees[k]);
	}
}

/* What the scores begin with: the loss's start values, or those of a model and all its trees. */
static void
start_scores(Booster *b, const LearnModel *from, const uint32_t *watch, double *base)
{
	BoostHead  *head = b->head;

	if (from)
	{
		memcpy(base, from->base, head->nscores * sizeof(double));
		predict_scores(b->env, from, b->data->columns, head->train.rows, head->train.n, head->train.score);
		predict_scores(b->env, from, b->data->columns, watch, head->watch.n, head->watch.score);
		return;
	}
	loss_start(b->env, &head->loss, head->train.y, head->train.w, head->train.n, base);
	fill_scores(&head->train, base, head->nscores);
	fill_scores(&head->watch, base, head->nscores);
}

/* Fit a boosted model's trees.  The curve has every round that was made; trees after the best one are dropped. */
void
boost_fit(const LearnEnv *env, Crew *crew, const GrowMethod *method, const LearnData *data,
		  const uint32_t *train, size_t ntrain, const uint32_t *watch, size_t nwatch,
		  const Bins *bins, const LearnParams *params, const LearnModel *from, uint32_t first,
		  BoostResult *result)
{
	Booster		b = {.env = env, .crew = crew, .head = (BoostHead *) (void *) crew->head, .data = data,
		.params = params, .bins = bins};
	GrowSetup	setup = {.bins = bins, .matrix = &b.head->matrix, .boosting = true,
		.max_leaf_nodes = params->max_leaf_nodes, .max_features = params->max_features};
	bool		stopping = params->early_stopping_rounds > 0 && nwatch > 0;
	double		best = INFINITY;
	uint32_t	best_round = 1,
				nscores,
				round;
	void	   *grower;

	booster_init(&b, train, ntrain, watch, nwatch);
	nscores = b.head->nscores;
	setup.max_rows = b.npick;
	if (!crew_alone(crew))
		setup.help = &b.help;
	for (uint32_t f = 0; f < bins->nfeatures; f++)
		setup.monotone = setup.monotone || bins->features[f].monotone != 0;
	result->nscores = nscores;
	result->link = loss_link_kind(&b.head->loss);
	result->base = env_alloc(env, nscores, sizeof(double));
	result->trees = env_alloc0(env, (size_t) params->n_estimators * nscores, sizeof(GrownTree));
	result->curve = env_alloc0(env, params->n_estimators, sizeof(LearnCurvePoint));
	start_scores(&b, from, watch, result->base);

	grower = method->create(env, &setup);
	crew_start(crew, method);
	for (round = 0; round < params->n_estimators;)
	{
		LearnCurvePoint *point = &result->curve[round];

		boost_round(&b, method, grower, watch, first + round, result->trees + (size_t) round * nscores);
		round++;
		point->n_estimators = first + round;
		mean_losses(&b, point);
		env->progress(env->arg, LEARN_ROUNDS, round, params->n_estimators);
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
	crew_finish(crew);
	method->free(grower);
	booster_free(&b);
	result->ncurve = round;
	result->rounds = stopping ? best_round : round;
	for (size_t t = (size_t) result->rounds * nscores; t < (size_t) round * nscores; t++)
		grown_tree_free(env, &result->trees[t]);
}

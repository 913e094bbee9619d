/*
 * naive.c
 *		Growing trees as the definition says, to test how they are grown for use.
 *
 * Every candidate split of every feature is tried by a loop over the node's rows: no
 * histogram, no subtraction, no moving sums, no records.  Shared with the fast way are the
 * arithmetic of split.h, the order of levels, and the builder.  Trees must be equal bit for bit.
 * Compiled for the unit tests only.
 */
#include <string.h>

#include "learn/split.h"

typedef struct NaiveNode
{
	uint32_t	place,
				depth,
				n;
	uint32_t   *rows;			/* a part of the grower's order */
	uint64_t	key;
	double		lower,
				upper;
	bool		found;
	double		gain;
	uint32_t	feature,
				bin,
				beyond;
	bool		missing_left,
				category;
	bool	   *left;			/* by code: goes left */
	bool	   *present;		/* by code: occurs in the node */
} NaiveNode;

typedef struct Naive
{
	const LearnEnv *env;
	const GrowSetup *setup;
	const GrowTask *task;
	const SplitRule *rule;
	TreeBuilder builder;
	uint32_t   *order;
	/* of the node at hand */
	NaiveNode  *node;
	SplitNode	sums;
	uint64_t   *classes;
	uint64_t   *left_classes;
	uint16_t   *codes;			/* values that occur, ascending */
	uint32_t	ncodes;
	uint32_t	nmissing;
	/* of the feature at hand */
	uint32_t	feature;
	bool	   *left;			/* the candidate, by code */
	double		best_gain;
	bool	   *best_left;
	uint32_t	best_bin,
				best_beyond,
				best_n;
	bool		best_missing_left;
} Naive;

static void *
naive_create(const LearnEnv *env, const GrowSetup *setup)
{
	Naive	   *naive = env_alloc0(env, 1, sizeof(Naive));
	uint32_t	max_codes = setup->bins->max_codes;

	naive->env = env;
	naive->setup = setup;
	builder_init(env, setup, &naive->builder);
	naive->order = env_alloc(env, setup->max_rows, sizeof(uint32_t));
	naive->classes = env_alloc(env, setup->nclasses, sizeof(uint64_t));
	naive->left_classes = env_alloc(env, setup->nclasses, sizeof(uint64_t));
	naive->codes = env_alloc(env, max_codes, sizeof(uint16_t));
	naive->left = env_alloc(env, max_codes, sizeof(bool));
	naive->best_left = env_alloc(env, max_codes, sizeof(bool));
	return naive;
}

static void
naive_free(void *arg)
{
	Naive	   *naive = arg;
	const LearnEnv *env = naive->env;

	builder_free(&naive->builder);
	env_free(env, naive->order);
	env_free(env, naive->classes);
	env_free(env, naive->left_classes);
	env_free(env, naive->codes);
	env_free(env, naive->left);
	env_free(env, naive->best_left);
	env_free(env, naive);
}

/* ---- rows ------------------------------------------------------------------- */

static uint32_t
row_code(const Naive *naive, uint32_t row, uint32_t feature)
{
	return matrix_code(naive->setup->matrix, row, feature);
}

static void
row_sums(const Naive *naive, uint32_t row, int64_t *g, uint64_t *h)
{
	const GrowTask *task = naive->task;

	if (naive->setup->boosting)
	{
		Cell		cell = row_cell(&task->cells, row);

		*g = cell.g;
		*h = cell.hc >> naive->rule->cshift;
		return;
	}
	*h = task_weight(task, row);
	*g = task->target ? task->target[row] * (int64_t) *h : 0;
}

/* Sums over the rows whose code of the feature goes left; all where left is NULL. */
static void
sum_rows(const Naive *naive, const bool *left, uint32_t *n, int64_t *g, uint64_t *h,
		 uint64_t *classes)
{
	*n = 0;
	*g = 0;
	*h = 0;
	for (uint32_t k = 0; k < naive->setup->nclasses; k++)
		classes[k] = 0;
	for (uint32_t i = 0; i < naive->node->n; i++)
	{
		uint32_t	row = naive->node->rows[i];
		int64_t		row_g;
		uint64_t	row_h;

		if (left && !left[row_code(naive, row, naive->feature)])
			continue;
		row_sums(naive, row, &row_g, &row_h);
		*n += 1;
		*g += row_g;
		*h += row_h;
		if (naive->setup->nclasses > 0)
			classes[naive->task->label[row]] += row_h;
	}
}

/* ---- candidates ---------------------------------------------------------------- */

/* Try what naive->left says. */
static void
try_left(Naive *naive, bool ordered, int direction, uint32_t bin, uint32_t beyond)
{
	const SplitNode *node = &naive->sums;
	const FeatureBins *fb = &naive->setup->bins->features[naive->feature];
	uint32_t	n;
	int64_t		g;
	uint64_t	h;
	double		gain;

	sum_rows(naive, naive->left, &n, &g, &h, naive->left_classes);
	if (!split_sides(node, n, h))
		return;
	if (direction != 0 && !split_keeps_direction(node, direction, g, h))
		return;
	if (naive->setup->nclasses > 0)
		gain = ordered ? classes_gain_ordered(node, naive->left_classes, h) :
			classes_gain(node, naive->left_classes, h);
	else
		gain = ordered ? split_gain_ordered(node, g, h) : split_gain(node->rule->kind, node, g, h);
	if (!(gain > naive->best_gain))
		return;
	naive->best_gain = gain;
	naive->best_bin = bin;
	naive->best_beyond = beyond;
	naive->best_n = n;
	naive->best_missing_left = naive->left[fb->nbins];
	memcpy(naive->best_left, naive->left, feature_ncodes(fb) * sizeof(bool));
}

/* Try the present codes in naive->left with missing rows right, then left. */
static void
try_both(Naive *naive, bool ordered, int direction, uint32_t bin, uint32_t beyond)
{
	uint32_t	missing = naive->setup->bins->features[naive->feature].nbins;

	naive->left[missing] = false;
	try_left(naive, ordered, direction, bin, beyond);
	if (naive->nmissing == 0)
		return;
	naive->left[missing] = true;
	try_left(naive, ordered, direction, bin, beyond);
}

static void
clear_left(Naive *naive)
{
	memset(naive->left, 0, feature_ncodes(&naive->setup->bins->features[naive->feature]) * sizeof(bool));
}

static void
try_numeric(Naive *naive)
{
	const FeatureBins *fb = &naive->setup->bins->features[naive->feature];
	uint32_t	m = naive->ncodes;
	uint32_t	only = naive->rule->random && m > 1 ?
		random_place(&naive->sums, fb, naive->feature, naive->codes, m) : UINT32_MAX;

	for (uint32_t i = 0; i + 1 < m; i++)
	{
		if (only != UINT32_MAX && i != only)
			continue;
		clear_left(naive);
		for (uint32_t c = 0; c <= naive->codes[i]; c++)
			naive->left[c] = true;
		try_both(naive, false, fb->monotone, naive->codes[i], naive->codes[i + 1]);
	}
	if (naive->nmissing > 0 && m > 0 && fb->upper[naive->codes[m - 1]] < DBL_MAX)
	{
		clear_left(naive);
		for (uint32_t c = 0; c < fb->nbins; c++)
			naive->left[c] = true;
		try_left(naive, false, 0, naive->codes[m - 1], BIN_NONE);
	}
	else if (naive->nmissing > 0 && m > 0 && fb->lower[naive->codes[0]] > -DBL_MAX)
	{
		clear_left(naive);
		naive->left[fb->nbins] = true;
		try_left(naive, false, 0, BIN_NONE, NODE_IS_SPLIT);
	}
}

static void
try_few_levels(Naive *naive)
{
	uint32_t	nleft = 0;

	clear_left(naive);
	if (!naive->rule->random)
	{
		for (uint32_t i = 0; i < naive->ncodes; i++)
		{
			clear_left(naive);
			naive->left[naive->codes[i]] = true;
			try_both(naive, false, 0, 0, NODE_IS_SPLIT);
		}
		return;
	}
	for (uint32_t i = 0; i < naive->ncodes; i++)
	{
		naive->left[naive->codes[i]] = random_level(&naive->sums, naive->feature, naive->codes[i]);
		nleft += naive->left[naive->codes[i]];
	}
	if (nleft == 0 || nleft == naive->ncodes)
	{
		clear_left(naive);
		naive->left[naive->codes[0]] = true;
	}
	try_both(naive, false, 0, 0, NODE_IS_SPLIT);
}

static void
try_many_levels(Naive *naive)
{
	const LearnEnv *env = naive->env;
	uint32_t	m = naive->ncodes,
				n = 0,
				nclasses = naive->setup->nclasses;
	LevelKey   *keys = env_alloc(env, m + 1, sizeof(LevelKey));
	bool	   *pooled = env_alloc0(env, LEVEL_POOL, sizeof(bool));
	uint64_t   *sums = env_alloc(env, (size_t) (m + 1) * nclasses, sizeof(uint64_t));
	uint64_t   *weights = env_alloc(env, m + 1, sizeof(uint64_t));
	double	   *axis = env_alloc(env, 2 * (size_t) nclasses, sizeof(double));
	bool		pool = false;

	/* one level after the other, and the pooled ones last */
	for (uint32_t i = 0; i <= m; i++)
	{
		uint32_t	count;
		int64_t		g;

		if (i == m && !pool)
			break;
		clear_left(naive);
		if (i < m)
			naive->left[naive->codes[i]] = true;
		else
			for (uint32_t j = 0; j < m; j++)
				naive->left[naive->codes[j]] = pooled[naive->codes[j]];
		sum_rows(naive, naive->left, &count, &g, &weights[n], sums + (size_t) n * nclasses);
		if (i < m && count < POOL_ROWS)
		{
			pooled[naive->codes[i]] = pool = true;
			continue;
		}
		keys[n].code = i < m ? naive->codes[i] : LEVEL_POOL;
		if (nclasses == 0)
			keys[n].key = level_key(&naive->sums, g, weights[n]);
		n++;
	}
	if (nclasses > 0)
		classes_keys(&naive->sums, sums, weights, n, axis, keys);
	level_sort(keys, n);

	for (uint32_t i = 1; i <= n; i++)
	{
		if (i > MAX_SIDE_LEVELS && n - i > MAX_SIDE_LEVELS)
			continue;
		clear_left(naive);
		for (uint32_t j = 0; j < i; j++)
			for (uint32_t c = 0; c < m; c++)
				if (keys[j].code == LEVEL_POOL ? pooled[naive->codes[c]] : keys[j].code == naive->codes[c])
					naive->left[naive->codes[c]] = true;
		try_both(naive, true, 0, 0, NODE_IS_SPLIT);
	}
	env_free(env, axis);
	env_free(env, weights);
	env_free(env, sums);
	env_free(env, pooled);
	env_free(env, keys);
}

/* Search one feature of the node; false where it is constant. */
static bool
try_feature(Naive *naive, uint32_t feature)
{
	NaiveNode  *node = naive->node;
	const FeatureBins *fb = &naive->setup->bins->features[feature];
	const LearnEnv *env = naive->env;

	if (fb->kind == LEARN_CATEGORY && naive->builder.nsets >= MAX_TREE_SETS)
		return false;
	naive->feature = feature;
	naive->ncodes = naive->nmissing = 0;
	for (uint32_t c = 0; c <= fb->nbins; c++)
	{
		uint32_t	count = 0;

		for (uint32_t i = 0; i < node->n; i++)
			count += row_code(naive, node->rows[i], feature) == c;
		if (c == fb->nbins)
			naive->nmissing = count;
		else if (count > 0)
			naive->codes[naive->ncodes++] = (uint16_t) c;
	}
	if (naive->ncodes + (naive->nmissing > 0) < 2)
		return false;

	naive->best_gain = naive->sums.min_gain;
	if (fb->kind == LEARN_NUMERIC)
		try_numeric(naive);
	else if (naive->rule->random || naive->ncodes <= MAX_SINGLE_LEVELS)
		try_few_levels(naive);
	else
		try_many_levels(naive);
	if (!(naive->best_gain > naive->sums.min_gain))
		return true;
	if (node->found && !(naive->best_gain > node->gain ||
						 (naive->best_gain == node->gain && feature < node->feature)))
		return true;

	node->found = true;
	node->gain = naive->best_gain;
	node->feature = feature;
	node->bin = naive->best_bin;
	node->beyond = naive->best_beyond;
	node->category = fb->kind == LEARN_CATEGORY;
	node->missing_left = naive->nmissing > 0 ? naive->best_missing_left :
		default_left(&naive->sums, naive->best_n);
	env_free(env, node->left);
	env_free(env, node->present);
	node->left = env_alloc(env, feature_ncodes(fb), sizeof(bool));
	node->present = env_alloc0(env, feature_ncodes(fb), sizeof(bool));
	memcpy(node->left, naive->best_left, feature_ncodes(fb) * sizeof(bool));
	node->left[fb->nbins] = node->missing_left;
	for (uint32_t i = 0; i < naive->ncodes; i++)
		node->present[naive->codes[i]] = true;
	return true;
}

/* ---- nodes ------------------------------------------------------------------------ */

static void
node_sums(Naive *naive, NaiveNode *node)
{
	naive->node = node;
	memset(&naive->sums, 0, sizeof(naive->sums));
	sum_rows(naive, NULL, &naive->sums.n, &naive->sums.g, &naive->sums.h, naive->classes);
	naive->sums.rule = naive->rule;
	naive->sums.key = node->key;
	naive->sums.lower = node->lower;
	naive->sums.upper = node->upper;
	naive->sums.classes = naive->classes;
	split_node_init(&naive->sums);
}

/* Find a new node's best split, and note its cover and place. */
static void
search_node(Naive *naive, NaiveNode *node)
{
	const SplitRule *rule = naive->rule;
	uint32_t	nfeatures = naive->setup->bins->nfeatures;
	uint32_t   *features = env_alloc(naive->env, nfeatures, sizeof(uint32_t));
	bool		varies = false;

	node_sums(naive, node);
	builder_node(&naive->builder, node->place,
				 rule->cover_scale > 0.0 ? (double) naive->sums.h * rule->cover_scale : node->n,
				 (uint32_t) (node->rows - naive->order), node->n, node->lower, node->upper);
	for (uint32_t f = 0; f < nfeatures; f++)
		features[f] = f;
	if (node->depth < rule->max_depth && node->n >= rule->min_samples_split)
		for (uint32_t i = 0; i < nfeatures && (i < rule->max_features || !varies); i++)
		{
			if (rule->max_features < nfeatures)
			{
				uint32_t	j = i + (uint32_t) hash_below(node_random(node->key, i), nfeatures - i);
				uint32_t	f = features[j];

				features[j] = features[i];
				features[i] = f;
			}
			varies |= try_feature(naive, features[i]);
		}
	env_free(naive->env, features);
}

static void
naive_leaf(Naive *naive, NaiveNode *node)
{
	node_sums(naive, node);
	if (naive->setup->nclasses > 0)
		builder_class_leaf(&naive->builder, node->place, naive->classes, naive->sums.h);
	else
		builder_leaf(&naive->builder, node->place,
					 rule_value(naive->rule, naive->sums.g, naive->sums.h, node->lower, node->upper));
}

/* Part a node's rows into those of two children, in their order. */
static void
make_children(Naive *naive, NaiveNode *node, NaiveNode *left, NaiveNode *right)
{
	const SplitRule *rule = naive->rule;
	const FeatureBins *fb = &naive->setup->bins->features[node->feature];
	uint32_t   *rows = env_alloc(naive->env, node->n, sizeof(uint32_t));
	uint32_t	n = 0;
	int64_t		gl;
	uint64_t	hl;

	for (uint32_t i = 0; i < node->n; i++)
		if (node->left[row_code(naive, node->rows[i], node->feature)])
			rows[n++] = node->rows[i];
	memset(left, 0, sizeof(*left));
	memset(right, 0, sizeof(*right));
	left->n = n;
	right->n = node->n - n;
	for (uint32_t i = 0; i < node->n; i++)
		if (!node->left[row_code(naive, node->rows[i], node->feature)])
			rows[n++] = node->rows[i];

	node_sums(naive, node);
	naive->feature = node->feature;
	sum_rows(naive, node->left, &n, &gl, &hl, naive->left_classes);
	left->lower = right->lower = node->lower;
	left->upper = right->upper = node->upper;
	if (rule->monotone)
		split_bounds(rule, fb->monotone, node->bin, node->beyond, gl, hl, naive->sums.g - gl,
					 naive->sums.h - hl, node->lower, node->upper, &left->lower, &left->upper,
					 &right->lower, &right->upper);
	memcpy(node->rows, rows, node->n * sizeof(uint32_t));
	env_free(naive->env, rows);
	left->rows = node->rows;
	right->rows = node->rows + left->n;
	left->depth = right->depth = node->depth + 1;
	left->key = child_key(node->key, false);
	right->key = child_key(node->key, true);
}

/* Write a node's split; false where the tree can't have another category set. */
static bool
write_split(Naive *naive, const NaiveNode *node, uint32_t *child)
{
	const FeatureBins *fb = &naive->setup->bins->features[node->feature];
	uint32_t	rank = node->bin;

	if (node->category)
	{
		uint16_t   *codes;
		uint32_t	n = 0;

		if (naive->builder.nsets >= MAX_TREE_SETS)
			return false;
		codes = env_alloc(naive->env, fb->nbins, sizeof(uint16_t));
		for (uint32_t c = 0; c < fb->nbins; c++)
			if (node->present[c] && node->left[c] != node->missing_left)
				codes[n++] = (uint16_t) c;
		rank = builder_set(&naive->builder, codes, n);
		env_free(naive->env, codes);
	}
	*child = builder_children(&naive->builder);
	builder_split(&naive->builder, node->place, node->feature, rank, node->beyond,
				  node->missing_left, *child, rule_natural_gain(naive->rule, node->gain));
	return true;
}

/* A node waits for its split, or is a leaf. */
static void
settle_node(Naive *naive, NaiveNode *node, NaiveNode *open, uint32_t *nopen)
{
	if (node->found)
		open[(*nopen)++] = *node;
	else
		naive_leaf(naive, node);
}

static void
naive_grow(void *arg, const GrowTask *task, GrownTree *tree)
{
	Naive	   *naive = arg;
	const LearnEnv *env = naive->env;
	const SplitRule *rule = task->rule;
	NaiveNode  *open = env_alloc(env, (size_t) task->nrows * 2 + 2, sizeof(NaiveNode));
	NaiveNode	root = {.n = task->nrows, .rows = naive->order, .key = task->key,
	.lower = -INFINITY, .upper = INFINITY};
	uint32_t	nopen = 0,
				nleaves = 1;

	naive->task = task;
	naive->rule = rule;
	memcpy(naive->order, task->rows, task->nrows * sizeof(uint32_t));
	builder_start(&naive->builder);
	search_node(naive, &root);
	settle_node(naive, &root, open, &nopen);
	while (nopen > 0)
	{
		NaiveNode	node,
					left,
					right;
		uint32_t	at = nopen - 1,
					child;

		if (rule->max_leaf_nodes > 0)
			for (uint32_t i = 0; i < nopen; i++)
				if (open[i].gain > open[at].gain ||
					(open[i].gain == open[at].gain && open[i].place < open[at].place))
					at = i;
		node = open[at];
		open[at] = open[--nopen];
		if ((rule->max_leaf_nodes > 0 && nleaves >= rule->max_leaf_nodes) ||
			!write_split(naive, &node, &child))
			naive_leaf(naive, &node);
		else
		{
			nleaves++;
			make_children(naive, &node, &left, &right);
			left.place = child;
			right.place = child + 1;
			search_node(naive, &left);
			search_node(naive, &right);
			settle_node(naive, left.n <= right.n ? &right : &left, open, &nopen);
			settle_node(naive, left.n <= right.n ? &left : &right, open, &nopen);
		}
		env_free(env, node.left);
		env_free(env, node.present);
	}
	if (task->order)
		memcpy(task->order, naive->order, task->nrows * sizeof(uint32_t));
	env_free(env, open);
	builder_finish(&naive->builder, tree);
}

const GrowMethod grow_naive = {
	.create = naive_create,
	.grow = naive_grow,
	.free = naive_free
};

/* learn_fit, the slow way. */
void
learn_fit_naive(const LearnEnv *env, const LearnData *data, const uint32_t *train, size_t ntrain,
				const uint32_t *watch, size_t nwatch, const LearnParams *params, LearnFit *fit)
{
	fit_run(env, &grow_naive, data, train, ntrain, watch, nwatch, params, NULL, fit);
}

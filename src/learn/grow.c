/*
 * grow.c
 *		A tree, from its root down.
 *
 * Nodes that can be split wait in one list: best first where leaves are limited (a
 * heap by gain), else depth first with the smaller child next, which keeps the
 * list shorter than the logarithm of the rows.  A node's best split is found
 * when the node is made; its rows are parted when its turn comes.
 *
 * Boosting with all features in play keeps the histogram of a waiting node: of two
 * children the smaller one is summed, and the larger is its parent less that,
 * exactly.  Histograms come from a pool of bounded size; a node without one is summed anew, with the
 * same result.
 */
#include <string.h>

#include "learn/few.h"

#define POOL_BYTES		((size_t) 256 << 20)	/* of histograms kept */
#define HISTOGRAM_ROWS	256		/* nodes of fewer rows don't need a histogram of all features */
#define CHECK_NODES		32		/* nodes between two cancel checks */
#define CHECK_FEATURES	64		/* the same for features of a node */

typedef struct GrowNode
{
	uint32_t	place;			/* in the tree */
	uint32_t	first;			/* its rows */
	uint32_t	n;
	uint32_t	depth;
	int64_t		g;
	uint64_t	h;
	double		lower,			/* bounds of its leaves */
				upper;
	uint64_t	key;
	int			slot;			/* its histogram in the pool, or NO_SLOT */
	bool		few;			/* few rows: its subtree is grown at once */
	Split		split;			/* levels are allocated for it alone */
} GrowNode;

#define NO_SLOT		(-1)

typedef struct Grower
{
	const LearnEnv *env;
	const GrowSetup *setup;
	const GrowTask *task;
	const SplitRule *rule;
	RowStore	rows;
	TreeBuilder builder;
	SplitScratch scratch;
	uint16_t   *levels;			/* of the split that is being sought */
	uint8_t    *left;			/* by code: does it go left? */
	uint64_t   *classes;		/* sums by class of the node at hand */
	uint32_t   *features;		/* all of them; drawing moves some to the front, and back */
	uint32_t   *swaps;
	GrowNode   *open;			/* waiting nodes */
	uint32_t	nopen,
				open_capacity;
	uint32_t	nodes_since_check;
	/* boosting */
	bool		use_pool;
	int			nslots;
	int			nfree;
	Cell	  **slots;			/* allocated when first used; one more than nslots, for passing use */
	int		   *free_slots;
	/* forests */
	Few		   *few;			/* grows subtrees of few rows; NULL where they are grown as any */
	bool		few_suits;		/* the rule at hand */
} Grower;

/* ---- creation -------------------------------------------------------------- */

/* Histograms that may be kept at a time. */
static size_t
pool_slots(const GrowSetup *setup, size_t total_codes)
{
	size_t		want = 34;		/* depth first: the smaller side halves each time */
	size_t		most = POOL_BYTES / (total_codes * sizeof(Cell));

	if (!setup->boosting)
		return 0;
	if (setup->max_leaf_nodes > 0)
		want = setup->max_leaf_nodes < setup->max_rows ? setup->max_leaf_nodes : setup->max_rows;
	return want < most ? want : most;
}

/* Words for the class sums of a category's levels. */
static size_t
level_sums_size(const GrowSetup *setup, size_t max_codes)
{
	size_t		levels = (size_t) setup->max_rows / POOL_ROWS + 1;
	size_t		size;

	if (levels > max_codes)
		levels = max_codes;
	size = levels * (setup->nclasses + 1);
	return size < MAX_LEVEL_SUMS ? size : MAX_LEVEL_SUMS;
}

static void *
grower_create(const LearnEnv *env, const GrowSetup *setup)
{
	Grower	   *grower = env_alloc0(env, 1, sizeof(Grower));
	uint32_t	nfeatures = setup->bins->nfeatures;
	uint32_t	max_codes = setup->bins->max_codes;

	grower->env = env;
	grower->setup = setup;
	rows_init(env, setup, &grower->rows);
	builder_init(env, setup, &grower->builder);
	grower->scratch.keys = env_alloc(env, max_codes, sizeof(LevelKey));
	grower->scratch.pool = env_alloc(env, max_codes, sizeof(uint16_t));
	grower->levels = env_alloc(env, max_codes, sizeof(uint16_t));
	grower->left = env_alloc0(env, max_codes, sizeof(uint8_t));
	if (setup->nclasses > 0)
	{
		grower->scratch.left = env_alloc(env, setup->nclasses, sizeof(uint64_t));
		grower->scratch.left_missing = env_alloc(env, setup->nclasses, sizeof(uint64_t));
		grower->scratch.level_sums = env_alloc(env, level_sums_size(setup, max_codes),
											   sizeof(uint64_t));
		grower->scratch.axis = env_alloc(env, (size_t) setup->nclasses * 2, sizeof(double));
		grower->classes = env_alloc(env, setup->nclasses, sizeof(uint64_t));
	}
	grower->features = env_alloc(env, nfeatures, sizeof(uint32_t));
	grower->swaps = env_alloc(env, nfeatures, sizeof(uint32_t));
	for (uint32_t f = 0; f < nfeatures; f++)
		grower->features[f] = f;

	grower->few = few_create(env, setup, &(FewLoan) {.rows = &grower->rows, .builder = &grower->builder,
		.scratch = &grower->scratch, .features = grower->features, .swaps = grower->swaps,
		.levels = grower->levels, .left = grower->left});
	grower->use_pool = setup->boosting && setup->max_features >= nfeatures &&
		setup->bins->total_codes * sizeof(Cell) <= POOL_BYTES;
	if (grower->use_pool)
	{
		grower->nslots = (int) pool_slots(setup, setup->bins->total_codes);
		grower->slots = env_alloc0(env, (size_t) grower->nslots + 1, sizeof(Cell *));
		grower->free_slots = env_alloc(env, (size_t) grower->nslots + 1, sizeof(int));
		for (int i = 0; i < grower->nslots; i++)
			grower->free_slots[grower->nfree++] = grower->nslots - 1 - i;
	}
	return grower;
}

static void
grower_free(void *arg)
{
	Grower	   *grower = arg;
	const LearnEnv *env = grower->env;

	rows_free(&grower->rows);
	builder_free(&grower->builder);
	few_free(grower->few);
	env_free(env, grower->scratch.keys);
	env_free(env, grower->scratch.pool);
	env_free(env, grower->scratch.left);
	env_free(env, grower->scratch.left_missing);
	env_free(env, grower->scratch.level_sums);
	env_free(env, grower->scratch.axis);
	env_free(env, grower->levels);
	env_free(env, grower->left);
	env_free(env, grower->classes);
	env_free(env, grower->features);
	env_free(env, grower->swaps);
	env_free(env, grower->open);
	if (grower->slots)
		for (int i = 0; i <= grower->nslots; i++)
			env_free(env, grower->slots[i]);
	env_free(env, grower->slots);
	env_free(env, grower->free_slots);
	env_free(env, grower);
}

/* Bytes that a grower takes, at most, with the tree it is growing. */
size_t
grow_memory(const GrowSetup *setup, size_t nfeatures, size_t total_codes, size_t max_codes,
			size_t code_size)
{
	size_t		bytes = sizeof(Grower) + nfeatures * 32 + max_codes * (sizeof(LevelKey) + 8);

	bytes += rows_memory(setup, nfeatures, max_codes, code_size);
	if (!setup->boosting)
		bytes += few_memory(nfeatures);
	if (setup->nclasses > 0)
		bytes += level_sums_size(setup, max_codes) * 8 + (size_t) setup->nclasses * 48;
	if (setup->max_features >= nfeatures && total_codes * sizeof(Cell) <= POOL_BYTES)
		bytes += (pool_slots(setup, total_codes) + 1) * (total_codes * sizeof(Cell) + 16);
	if (setup->max_leaf_nodes > 0)
		bytes += (setup->max_leaf_nodes < setup->max_rows ? setup->max_leaf_nodes : setup->max_rows) *
			2 * sizeof(GrowNode);
	return bytes;
}

/* ---- histograms of waiting nodes ---------------------------------------------- */

/* A free slot; the passing one (nslots), which no node may keep, where there is none. */
static int
take_slot(Grower *grower)
{
	int			slot = grower->nfree > 0 ? grower->free_slots[--grower->nfree] : grower->nslots;

	if (grower->slots[slot] == NULL)
		grower->slots[slot] = env_alloc(grower->env, grower->setup->bins->total_codes, sizeof(Cell));
	return slot;
}

static void
give_slot(Grower *grower, int slot)
{
	if (slot >= 0 && slot < grower->nslots)
		grower->free_slots[grower->nfree++] = slot;
}

/* ---- the best split of a node ----------------------------------------------------- */

/* The best split from a histogram of all features. */
static void
search_histogram(Grower *grower, const SplitNode *node, const Cell *cells, Split *best)
{
	const Bins *bins = grower->setup->bins;

	for (uint32_t f = 0; f < bins->nfeatures; f++)
	{
		const FeatureBins *fb = &bins->features[f];
		const Cell *own = cells + grower->rows.offsets[f];
		uint32_t	m;

		if (f % CHECK_FEATURES == 0)
			grower->env->check(grower->env->arg);
		if (fb->kind == LEARN_CATEGORY && grower->builder.nsets >= MAX_TREE_SETS)
			continue;
		m = cells_present(own, fb->nbins, grower->rows.present);
		split_scan(node, fb, f, own, grower->rows.present, m, own[fb->nbins], &grower->scratch, best);
	}
}

/* Search one feature whose cells have been summed; false where it is constant in the node. */
static bool
search_cells(Grower *grower, const SplitNode *node, uint32_t feature, const Cell *cells, uint32_t m,
			 Split *best)
{
	const FeatureBins *fb = &grower->setup->bins->features[feature];
	const uint16_t *present = grower->rows.present;
	Cell		missing = {0, 0};

	if (m < 2)
		return false;
	if (present[m - 1] == fb->nbins)
		missing = cells[present[--m]];
	split_scan(node, fb, feature, cells, present, m, missing, &grower->scratch, best);
	return true;
}

/* Sum a group of features in one pass over the rows, and search them. */
static bool
search_group(Grower *grower, const GrowNode *at, const SplitNode *node, const uint32_t *group,
			 uint32_t ngroup, Split *best)
{
	const Bins *bins = grower->setup->bins;
	RowStore   *rows = &grower->rows;
	bool		varies = false;

	rows_sum_dense(rows, at->first, at->n, group, ngroup);
	for (uint32_t i = 0; i < ngroup; i++)
	{
		const Cell *cells = rows->cells + (size_t) i * bins->max_codes;
		uint32_t	m = cells_present(cells, feature_ncodes(&bins->features[group[i]]), rows->present);

		varies |= search_cells(grower, node, group[i], cells, m, best);
	}
	return varies;
}

/* Search one feature of a node of few rows; false where it is constant in the node. */
static bool
search_sparse(Grower *grower, const GrowNode *at, const SplitNode *node, uint32_t feature, Split *best)
{
	RowStore   *rows = &grower->rows;
	const FeatureBins *fb = &grower->setup->bins->features[feature];

	if (grower->setup->nclasses > 0)
		return rows_scan_classes(rows, at->first, node, fb, feature, &grower->scratch, best);
	if (at->n <= FEW_ROWS && fb->kind == LEARN_NUMERIC && fb->nbins < 256 && !node->rule->random)
	{
		uint8_t		codes[FEW_ROWS];

		if (!rows_few_codes(rows, at->first, at->n, feature, fb->nbins, codes))
			return split_scan_few(node, fb, feature, rows->row_cells, codes, at->n, best);
	}
	return search_cells(grower, node, feature, rows->cells,
						rows_sum_sparse(rows, at->first, at->n, feature, feature_ncodes(fb)), best);
}

/*
 * Two rows, a third of all nodes of a full tree: every feature that parts them gains the same, so the
 * lowest one that is allowed to is the best.
 */
static bool
search_pair(Grower *grower, const GrowNode *at, const SplitNode *node, const uint32_t *features,
			uint32_t nfeatures, Split *best)
{
	bool		sets_full = grower->builder.nsets >= MAX_TREE_SETS;
	bool		varies = false;
	uint32_t	least = 0;

	while (!best->found)
	{
		uint32_t	lowest = UINT32_MAX;

		for (uint32_t i = 0; i < nfeatures; i++)
			if (features[i] >= least && features[i] < lowest &&
				rows_pair_differs(&grower->rows, at->first, features[i]) &&
				!(sets_full && grower->setup->bins->features[features[i]].kind == LEARN_CATEGORY))
				lowest = features[i];
		if (lowest == UINT32_MAX)
			break;
		varies |= search_sparse(grower, at, node, lowest, best);
		least = lowest + 1;
	}
	return varies;
}

/* Search features one by one, or a few at a time; false where all are constant in the node. */
static bool
search_features(Grower *grower, const GrowNode *at, const SplitNode *node, const uint32_t *features,
				uint32_t nfeatures, Split *best)
{
	const Bins *bins = grower->setup->bins;
	uint32_t	group[DENSE_FEATURES];
	uint32_t	ngroup = 0;
	bool		varies = false;

	if (at->n == 2)
		return search_pair(grower, at, node, features, nfeatures, best);
	for (uint32_t i = 0; i < nfeatures; i++)
	{
		uint32_t	f = features[i];
		const FeatureBins *fb = &bins->features[f];

		if (i % CHECK_FEATURES == CHECK_FEATURES - 1)
			grower->env->check(grower->env->arg);
		if (fb->kind == LEARN_CATEGORY && grower->builder.nsets >= MAX_TREE_SETS)
			continue;
		if (grower->setup->nclasses > 0 || sums_sparsely(feature_ncodes(fb), at->n))
			varies |= search_sparse(grower, at, node, f, best);
		else
		{
			group[ngroup++] = f;
			if (ngroup == DENSE_FEATURES)
			{
				varies |= search_group(grower, at, node, group, ngroup, best);
				ngroup = 0;
			}
		}
	}
	if (ngroup > 0)
		varies |= search_group(grower, at, node, group, ngroup, best);
	return varies;
}

/*
 * Draw max_features features by the node's own random numbers, without replacement, and
 * search them; draw on until one that is not constant in the node is seen.
 */
static void
search_drawn(Grower *grower, const GrowNode *at, const SplitNode *node, Split *best)
{
	uint32_t	nfeatures = grower->setup->bins->nfeatures;
	uint32_t   *features = grower->features;
	uint32_t	drawn = 0,
				searched = 0;
	bool		varies = false;

	while (!varies && searched < nfeatures)
	{
		uint32_t	until = searched == 0 ? grower->rule->max_features : searched + 1;

		for (; drawn < until; drawn++)
			draw_feature(node->key, nfeatures, drawn, features, grower->swaps);
		varies = search_features(grower, at, node, features + searched, drawn - searched, best);
		searched = drawn;
	}
	undraw_features(drawn, features, grower->swaps);
}

/* Give the split that was found, if there is one, levels of its own. */
static bool
keep_split(Grower *grower, Split *best)
{
	best->levels = NULL;
	if (best->found && best->category)
	{
		best->levels = env_alloc(grower->env, best->npresent, sizeof(uint16_t));
		memcpy(best->levels, grower->levels, best->npresent * sizeof(uint16_t));
	}
	return best->found;
}

/*
 * Find the best split of a node; false where there is none.  cells: its histogram, or NULL.
 */
static bool
node_search(Grower *grower, GrowNode *at, const Cell *cells)
{
	const GrowSetup *setup = grower->setup;
	SplitNode	node = {.rule = grower->rule, .key = at->key, .n = at->n, .g = at->g, .h = at->h,
	.classes = grower->classes, .lower = at->lower, .upper = at->upper};
	Split	   *best = &at->split;

	if (++grower->nodes_since_check >= CHECK_NODES || at->n >= HISTOGRAM_ROWS)
	{
		grower->nodes_since_check = 0;
		grower->env->check(grower->env->arg);
	}
	if (grower->few_suits && at->n <= few_search_rows(grower->few))
	{
		few_search(grower->few, grower->rule, &(FewNode) {.n = at->n, .g = at->g, .h = at->h, .key = at->key},
				   at->first, best);
		return keep_split(grower, best);
	}
	if (setup->nclasses > 0)
	{
		rows_gather_classes(&grower->rows, at->first, at->n, grower->classes);
		for (uint32_t k = 0; k < setup->nclasses; k++)
			if (grower->classes[k] == at->h)
				return false;
	}
	split_node_init(&node);
	if (!setup->boosting && setup->nclasses == 0 && node.rest == 0 &&
		rows_same_target(&grower->rows, at->first, at->n, node.mean))
		return false;

	memset(best, 0, sizeof(*best));
	best->gain = node.min_gain;
	best->levels = grower->levels;
	if (cells)
		search_histogram(grower, &node, cells, best);
	else
	{
		if (setup->nclasses == 0 && at->n <= grower->rows.sparse_rows)
			rows_gather(&grower->rows, at->first, at->n);
		if (grower->rule->max_features < setup->bins->nfeatures)
			search_drawn(grower, at, &node, best);
		else
			search_features(grower, at, &node, grower->features, setup->bins->nfeatures, best);
	}
	return keep_split(grower, best);
}

/* ---- waiting nodes ---------------------------------------------------------------- */

/* Does a come before b?  Only asked where leaves are limited. */
static bool
node_before(const GrowNode *a, const GrowNode *b)
{
	return a->split.gain > b->split.gain ||
		(a->split.gain == b->split.gain && a->place < b->place);
}

static void
open_push(Grower *grower, const GrowNode *node)
{
	uint32_t	at = grower->nopen;

	if (at == grower->open_capacity)
	{
		uint32_t	more = at * 2 + 64;
		GrowNode   *open = env_alloc(grower->env, more, sizeof(GrowNode));

		if (at > 0)
			memcpy(open, grower->open, at * sizeof(GrowNode));
		env_free(grower->env, grower->open);
		grower->open = open;
		grower->open_capacity = more;
	}
	grower->nopen++;
	if (grower->rule->max_leaf_nodes > 0)
		for (; at > 0 && node_before(node, &grower->open[(at - 1) / 2]); at = (at - 1) / 2)
			grower->open[at] = grower->open[(at - 1) / 2];
	grower->open[at] = *node;
}

static GrowNode
open_pop(Grower *grower)
{
	GrowNode   *open = grower->open;
	GrowNode	top,
				last;
	uint32_t	at = 0,
				n = --grower->nopen;

	if (grower->rule->max_leaf_nodes == 0)
		return open[n];
	top = open[0];
	last = open[n];
	for (uint32_t child = 1; child < n; child = 2 * at + 1)
	{
		if (child + 1 < n && node_before(&open[child + 1], &open[child]))
			child++;
		if (!node_before(&open[child], &last))
			break;
		open[at] = open[child];
		at = child;
	}
	open[at] = last;
	return top;
}

/* ---- growing -------------------------------------------------------------------- */

static void
make_leaf(Grower *grower, GrowNode *node)
{
	if (grower->setup->nclasses > 0)
	{
		rows_gather_classes(&grower->rows, node->first, node->n, grower->classes);
		builder_class_leaf(&grower->builder, node->place, grower->classes, node->h);
	}
	else
		builder_leaf(&grower->builder, node->place,
					 rule_value(grower->rule, node->g, node->h, node->lower, node->upper));
	env_free(grower->env, node->split.levels);
	node->split.levels = NULL;
	give_slot(grower, node->slot);
	node->slot = NO_SLOT;
}

/* A node becomes a leaf, or waits with its best split. */
static void
settle_node(Grower *grower, GrowNode *node, bool found)
{
	if (found)
		open_push(grower, node);
	else
		make_leaf(grower, node);
}

/* Sums by code of a node's rows, of all features. */
static void
sum_node(Grower *grower, const GrowNode *node, Cell *cells)
{
	const GrowHelp *help = grower->setup->help;

	if (help && node->n >= help->least_rows)
		help->sum(help->arg, node->first, node->n, cells);
	else
		rows_sum_all(&grower->rows, node->first, node->n, cells);
}

/* Find the best splits of two children with the help of their parent's histogram. */
static void
search_children(Grower *grower, GrowNode *small, GrowNode *large, bool *small_found,
				bool *large_found, int slot)
{
	const SplitRule *rule = grower->rule;
	bool		open[2] = {may_split(rule, small->n, small->h, small->depth),
		may_split(rule, large->n, large->h, large->depth)};
	GrowNode   *nodes[2] = {small, large};
	bool	   *found[2] = {small_found, large_found};

	if (slot != NO_SLOT && open[1] && large->n >= HISTOGRAM_ROWS)
	{
		size_t		total = grower->setup->bins->total_codes;
		Cell	   *sum = grower->slots[slot];
		int			other = take_slot(grower);
		const Cell *part = grower->slots[other];

		sum_node(grower, small, grower->slots[other]);
		for (size_t c = 0; c < total; c++)
			*(CellVector *) &sum[c] -= *(const CellVector *) &part[c];
		large->slot = slot;
		*large_found = node_search(grower, large, sum);
		open[1] = false;
		if (open[0] && small->n >= HISTOGRAM_ROWS)
		{
			small->slot = other < grower->nslots ? other : NO_SLOT;
			*small_found = node_search(grower, small, part);
			open[0] = false;
		}
		else
			give_slot(grower, other);
	}
	else
		give_slot(grower, slot);

	for (int i = 0; i < 2; i++)
	{
		if (!open[i])
			continue;
		if (grower->few_suits && nodes[i]->n <= FEW_ROWS)
			*found[i] = nodes[i]->few = true;	/* its search waits for its turn */
		else if (grower->use_pool && nodes[i]->n >= HISTOGRAM_ROWS)
		{
			int			own = take_slot(grower);

			sum_node(grower, nodes[i], grower->slots[own]);
			nodes[i]->slot = own < grower->nslots ? own : NO_SLOT;
			*found[i] = node_search(grower, nodes[i], grower->slots[own]);
		}
		else
			*found[i] = node_search(grower, nodes[i], NULL);
	}
}

/* Part a node's rows by its split.  left: how many belong there. */
static void
part_rows(Grower *grower, const GrowNode *node)
{
	const Split *split = &node->split;
	const FeatureBins *fb = &grower->setup->bins->features[split->feature];
	const GrowHelp *help = grower->setup->help;
	CodeSide	side = {.below = split->bin == BIN_NONE ? 0 : split->bin + 1,
	.missing = split->missing_left ? fb->nbins : UINT32_MAX};
	uint32_t	nl;

	if (split->category)
	{
		for (uint32_t i = 0; i < split->nleft; i++)
			grower->left[split->levels[i]] = 1;
		grower->left[fb->nbins] = split->missing_left;
		side.left = grower->left;
	}
	if (help && node->n >= help->least_rows)
		nl = help->part(help->arg, node->first, node->n, split->feature, &side);
	else
		nl = rows_part(&grower->rows, node->first, node->n, split->feature, &side);
	if (split->category)
	{
		for (uint32_t i = 0; i < split->nleft; i++)
			grower->left[split->levels[i]] = 0;
		grower->left[fb->nbins] = 0;
	}
	if (nl != split->left_n)
		grower->env->fail(grower->env->arg, "rows of a node do not add up");
}

/* Split a node; returns false where it had to become a leaf instead. */
static bool
grow_node(Grower *grower, GrowNode *node)
{
	const SplitRule *rule = grower->rule;
	TreeBuilder *builder = &grower->builder;
	Split	   *split = &node->split;
	GrowNode	left = {.slot = NO_SLOT},
				right = {.slot = NO_SLOT};
	bool		left_found = false,
				right_found = false;
	uint32_t	rank = split->bin;
	uint32_t	child;

	if (split->category)
	{
		if (builder->nsets >= MAX_TREE_SETS)
		{
			make_leaf(grower, node);
			return false;
		}

		/* part_rows needs the levels in place: the set is sorted in a copy */
		Split		copy = *split;

		copy.levels = grower->levels;
		memcpy(grower->levels, split->levels, split->npresent * sizeof(uint16_t));
		rank = split_set(builder, &copy);
	}
	child = builder_children(builder);
	builder_split(builder, node->place, split->feature, rank, split->beyond, split->missing_left,
				  child, rule_natural_gain(rule, split->gain));

	left.place = child;
	left.first = node->first;
	left.n = split->left_n;
	left.g = split->left_g;
	left.h = split->left_h;
	left.key = child_key(node->key, false);
	right.place = child + 1;
	right.first = node->first + left.n;
	right.n = node->n - left.n;
	right.g = node->g - left.g;
	right.h = node->h - left.h;
	right.key = child_key(node->key, true);
	left.depth = right.depth = node->depth + 1;
	left.lower = right.lower = node->lower;
	left.upper = right.upper = node->upper;
	if (rule->monotone)
		split_bounds(rule, grower->setup->bins->features[split->feature].monotone, split->bin, split->beyond,
					 left.g, left.h, right.g, right.h, node->lower, node->upper,
					 &left.lower, &left.upper, &right.lower, &right.upper);
	builder_node(builder, left.place, rule->cover_scale > 0.0 ? (double) left.h * rule->cover_scale : left.n,
				 left.first, left.n, left.lower, left.upper);
	builder_node(builder, right.place,
				 rule->cover_scale > 0.0 ? (double) right.h * rule->cover_scale : right.n,
				 right.first, right.n, right.lower, right.upper);

	/* rows of two leaves need not be parted where sums alone give their values */
	if (grower->setup->boosting || grower->setup->nclasses > 0 ||
		may_split(rule, left.n, left.h, left.depth) || may_split(rule, right.n, right.h, right.depth))
		part_rows(grower, node);
	env_free(grower->env, split->levels);

	/* the smaller child is taken up next: it is put last */
	if (left.n <= right.n)
	{
		search_children(grower, &left, &right, &left_found, &right_found, node->slot);
		settle_node(grower, &right, right_found);
		settle_node(grower, &left, left_found);
	}
	else
	{
		search_children(grower, &right, &left, &right_found, &left_found, node->slot);
		settle_node(grower, &left, left_found);
		settle_node(grower, &right, right_found);
	}
	return true;
}

static void
grower_grow(void *arg, const GrowTask *task, GrownTree *tree)
{
	Grower	   *grower = arg;
	const SplitRule *rule = task->rule;
	uint32_t	nleaves = 1;
	GrowNode	root = {.slot = NO_SLOT, .n = task->nrows, .key = task->key,
	.lower = -INFINITY, .upper = INFINITY};
	GrowNode	none = {.slot = NO_SLOT};
	bool		found = false,
				none_found = false;

	grower->task = task;
	grower->rule = rule;
	grower->nopen = 0;
	grower->few_suits = grower->few != NULL && few_suits(rule);
	rows_load(&grower->rows, task);
	rows_totals(&grower->rows, 0, root.n, &root.g, &root.h);
	builder_start(&grower->builder);
	builder_node(&grower->builder, 0, rule->cover_scale > 0.0 ? (double) root.h * rule->cover_scale : root.n,
				 0, root.n, root.lower, root.upper);
	if (rule->max_leaf_nodes != 1)
		search_children(grower, &none, &root, &none_found, &found, NO_SLOT);
	settle_node(grower, &root, found);
	while (grower->nopen > 0)
	{
		GrowNode	node = open_pop(grower);

		if (node.few)
			few_grow(grower->few, rule, &(FewNode) {.place = node.place, .n = node.n, .depth = node.depth,
					 .g = node.g, .h = node.h, .key = node.key}, node.first);
		else if (rule->max_leaf_nodes > 0 && nleaves >= rule->max_leaf_nodes)
			make_leaf(grower, &node);
		else
			nleaves += grow_node(grower, &node);
	}
	builder_finish(&grower->builder, tree);
}

const GrowMethod grow_fast = {
	.create = grower_create,
	.grow = grower_grow,
	.free = grower_free
};

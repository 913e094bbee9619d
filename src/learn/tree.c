/*
 * tree.c
 *		A tree while it is built: nodes, category sets, leaves, importance.
 *
 * The builder's arrays are scratch that grows and is used again for the next tree;
 * builder_finish copies what there is into arrays of the right size.
 */
#include <string.h>

#include "learn/tree.h"

#define FIRST_CAPACITY	64

/* Grow an array to hold at least n elements of size bytes; used of them are kept. */
static void *
grow_array(const LearnEnv *env, void *old, size_t used, size_t n, size_t size)
{
	void	   *array = env_alloc(env, n, size);

	if (used > 0)
		memcpy(array, old, used * size);
	env_free(env, old);
	return array;
}

/* An array of the right size with n elements of the scratch one. */
static void *
copy_array(const LearnEnv *env, const void *from, size_t n, size_t size)
{
	void	   *array = env_alloc(env, n, size);

	if (n > 0)
		memcpy(array, from, n * size);
	return array;
}

void
builder_init(const LearnEnv *env, const GrowSetup *setup, TreeBuilder *builder)
{
	bool		sets = false;

	memset(builder, 0, sizeof(*builder));
	builder->env = env;
	builder->setup = setup;
	builder->gain = env_alloc0(env, setup->bins->nfeatures, sizeof(double));
	builder->splits = env_alloc0(env, setup->bins->nfeatures, sizeof(uint32_t));
	for (uint32_t f = 0; f < setup->bins->nfeatures; f++)
		sets = sets || setup->bins->features[f].kind == LEARN_CATEGORY;
	if (sets)
		builder->set_table = env_alloc0(env, SET_TABLE, sizeof(uint32_t));
}

/* Begin a tree with its root. */
void
builder_start(TreeBuilder *builder)
{
	builder->nnodes = 0;
	builder->nsets = 0;
	builder->nwords = 0;
	builder->nleaves = 0;
	builder_children(builder);
	builder->nnodes = 1;
}

/* Places for two children, side by side: the first one. */
uint32_t
builder_children(TreeBuilder *builder)
{
	uint32_t	n = builder->nnodes;

	if (n + 2 > builder->node_capacity)
	{
		const LearnEnv *env = builder->env;
		uint32_t	more = builder->node_capacity + builder->node_capacity / 2 + FIRST_CAPACITY;

		if (more > NODE_CHILD_MASK)
			env->fail(env->arg, "a tree has more nodes than a model can hold");
		builder->nodes = grow_array(env, builder->nodes, n, more, sizeof(LearnNode));
		builder->beyond = grow_array(env, builder->beyond, n, more, sizeof(uint16_t));
		builder->covers = grow_array(env, builder->covers, n, more, sizeof(float));
		if (builder->setup->boosting)
		{
			builder->first = grow_array(env, builder->first, n, more, sizeof(uint32_t));
			builder->count = grow_array(env, builder->count, n, more, sizeof(uint32_t));
			if (builder->setup->monotone)
				builder->bounds = grow_array(env, builder->bounds, n, more, 2 * sizeof(double));
		}
		builder->node_capacity = more;
	}
	builder->nnodes += 2;
	return n;
}

/* What is known of a node before it is split or made a leaf. */
void
builder_node(TreeBuilder *builder, uint32_t place, double cover, uint32_t first, uint32_t count,
			 double lower, double upper)
{
	builder->covers[place] = (float) cover;
	if (!builder->setup->boosting)
		return;
	builder->first[place] = first;
	builder->count[place] = count;
	if (builder->setup->monotone)
	{
		builder->bounds[2 * place] = lower;
		builder->bounds[2 * place + 1] = upper;
	}
}

void
builder_leaf(TreeBuilder *builder, uint32_t place, double value)
{
	builder->nodes[place].value = value;
	builder->beyond[place] = NODE_IS_LEAF;
}

/* A leaf of more than two classes with these sums: pure ones by label, others by their shares. */
void
builder_class_leaf(TreeBuilder *builder, uint32_t place, const uint64_t *classes, uint64_t h)
{
	uint32_t	nclasses = builder->setup->nclasses;
	double	   *share;

	builder->beyond[place] = NODE_IS_LEAF;
	for (uint32_t k = 0; k < nclasses; k++)
		if (classes[k] == h)
		{
			builder->nodes[place].number = k;
			return;
		}
	if (builder->nleaves == builder->leaf_capacity)
	{
		uint32_t	more = builder->nleaves < FIRST_CAPACITY ? FIRST_CAPACITY : builder->nleaves * 2;

		builder->leaf_table = grow_array(builder->env, builder->leaf_table,
										 (size_t) builder->nleaves * nclasses,
										 (size_t) more * nclasses, sizeof(double));
		builder->leaf_capacity = more;
	}
	share = builder->leaf_table + (size_t) builder->nleaves * nclasses;
	for (uint32_t k = 0; k < nclasses; k++)
		share[k] = (double) classes[k] / (double) h;
	builder->nodes[place].number = (uint64_t) nclasses + builder->nleaves++;
}

/* Make a node a split; gain is in natural units. */
void
builder_split(TreeBuilder *builder, uint32_t place, uint32_t feature, uint32_t rank,
			  uint32_t beyond, bool missing_left, uint32_t child, double gain)
{
	LearnNode  *node = &builder->nodes[place];

	node->split.feature = (uint16_t) feature;
	node->split.rank = (uint16_t) rank;
	node->split.child = child | (missing_left ? NODE_MISSING_LEFT : 0);
	builder->beyond[place] = (uint16_t) beyond;
	builder->gain[feature] += gain;
	builder->splits[feature]++;
}

/* Sift codes[at] down the heap of codes[0 .. n). */
static void
sift_down(uint16_t *codes, uint32_t at, uint32_t n)
{
	uint16_t	value = codes[at];

	for (uint32_t child = 2 * at + 1; child < n; child = 2 * at + 1)
	{
		if (child + 1 < n && codes[child + 1] > codes[child])
			child++;
		if (codes[child] <= value)
			break;
		codes[at] = codes[child];
		at = child;
	}
	codes[at] = value;
}

/*
 * The number of the set of these codes (n > 0; they are sorted in place): a bitmap or an ascending list,
 * whichever is shorter.  A set that the tree has already is used again.  The
 * caller sees to it that there are fewer than MAX_TREE_SETS.
 */
uint32_t
builder_set(TreeBuilder *builder, uint16_t *codes, uint32_t n)
{
	const LearnEnv *env = builder->env;
	uint32_t	nbitmap,
				length,
				slot;
	uint32_t   *words;
	uint64_t	hash;

	for (uint32_t i = n / 2; i-- > 0;)
		sift_down(codes, i, n);
	for (uint32_t i = n; i-- > 1;)
	{
		uint16_t	largest = codes[0];

		codes[0] = codes[i];
		codes[i] = largest;
		sift_down(codes, 0, i);
	}

	nbitmap = codes[n - 1] / 32 + 1;
	length = 1 + (nbitmap <= n ? nbitmap : n);
	if (builder->nsets + 2 > builder->set_capacity)
	{
		uint32_t	more = builder->nsets * 2 + FIRST_CAPACITY;

		builder->set_first = grow_array(env, builder->set_first,
										builder->nsets > 0 ? builder->nsets + 1 : 0, more,
										sizeof(uint32_t));
		builder->set_capacity = more;
	}
	if (length > builder->word_capacity - builder->nwords)
	{
		uint32_t	more = builder->nwords * 2 + length + FIRST_CAPACITY;

		if (more < builder->nwords)
			env->fail(env->arg, "the category sets of a tree are larger than a model can hold");
		builder->set_words = grow_array(env, builder->set_words, builder->nwords, more,
										sizeof(uint32_t));
		builder->word_capacity = more;
	}
	words = builder->set_words + builder->nwords;
	if (nbitmap <= n)
	{
		words[0] = SET_BITMAP | nbitmap;
		memset(words + 1, 0, nbitmap * sizeof(uint32_t));
		for (uint32_t i = 0; i < n; i++)
			words[1 + codes[i] / 32] |= 1u << (codes[i] % 32);
	}
	else
	{
		words[0] = n;
		for (uint32_t i = 0; i < n; i++)
			words[1 + i] = codes[i];
	}

	/* the same set, if the tree has it */
	hash = hash_bytes(words, length * sizeof(uint32_t), 0);
	for (slot = (uint32_t) (hash % SET_TABLE); builder->set_table[slot] != 0;
		 slot = (slot + 1) % SET_TABLE)
	{
		uint32_t	set = builder->set_table[slot] - 1;
		uint32_t	first = builder->set_first[set];

		if (builder->set_first[set + 1] - first == length &&
			memcmp(builder->set_words + first, words, length * sizeof(uint32_t)) == 0)
			return set;
	}
	builder->set_first[builder->nsets] = builder->nwords;
	builder->nwords += length;
	builder->nsets++;
	builder->set_first[builder->nsets] = builder->nwords;
	builder->set_table[slot] = builder->nsets;
	return builder->nsets - 1;
}

/* What a tree's block begins with; its arrays follow, the widest elements first. */
typedef struct TreeHead
{
	uint32_t	nnodes;
	uint32_t	ngains;
	uint32_t	nleaves;
	uint32_t	nclasses;
	uint32_t	nsets;
	uint32_t	nwords;
} TreeHead;

/* The next array of a block: its place, counted on. */
static void *
next_array(uint8_t *block, size_t *used, size_t n, size_t size)
{
	uint8_t    *place = block ? block + *used : NULL;

	*used += n * size;
	return n > 0 ? place : NULL;
}

/* Find the arrays that head tells of in a block (NULL: it is only measured). */
static void
lay_out(const TreeHead *head, uint8_t *block, GrownTree *tree)
{
	size_t		used = sizeof(TreeHead);

	tree->block = block;
	tree->nnodes = head->nnodes;
	tree->ngains = head->ngains;
	tree->nleaves = head->nleaves;
	tree->nsets = head->nsets;
	tree->nodes = next_array(block, &used, head->nnodes, sizeof(LearnNode));
	tree->gains = next_array(block, &used, head->ngains, sizeof(TreeGain));
	tree->leaf_table = next_array(block, &used, (size_t) head->nleaves * head->nclasses, sizeof(double));
	tree->covers = next_array(block, &used, head->nnodes, sizeof(float));
	tree->set_first = next_array(block, &used, head->nsets > 0 ? head->nsets + 1 : 0, sizeof(uint32_t));
	tree->set_words = next_array(block, &used, head->nwords, sizeof(uint32_t));
	tree->beyond = next_array(block, &used, head->nnodes, sizeof(uint16_t));
	tree->size = used;
}

void
grown_tree_view(void *block, GrownTree *tree)
{
	memset(tree, 0, sizeof(*tree));
	lay_out(block, block, tree);
}

/* Copy n elements of scratch into the place they have in a block. */
static void
fill_array(void *to, const void *from, size_t n, size_t size)
{
	if (n > 0)
		memcpy(to, from, n * size);
}

/* The tree in a block of its own; the builder is ready for the next. */
void
builder_finish(TreeBuilder *builder, GrownTree *tree)
{
	const LearnEnv *env = builder->env;
	uint32_t	n = builder->nnodes;
	uint32_t	nfeatures = builder->setup->bins->nfeatures;
	TreeHead	head = {.nnodes = n, .nleaves = builder->nleaves, .nclasses = builder->setup->nclasses,
		.nsets = builder->nsets, .nwords = builder->nsets > 0 ? builder->nwords : 0};
	uint32_t	gains = 0;

	memset(tree, 0, sizeof(*tree));
	for (uint32_t i = 0; i < n; i++)
	{
		LearnNode  *node = &builder->nodes[i];
		uint32_t	child;

		if (builder->beyond[i] == NODE_IS_LEAF)
			continue;
		child = node->split.child & NODE_CHILD_MASK;
		if (builder->beyond[child] == NODE_IS_LEAF)
			node->split.feature |= NODE_LEFT_LEAF;
		if (builder->beyond[child + 1] == NODE_IS_LEAF)
			node->split.feature |= NODE_RIGHT_LEAF;
	}
	for (uint32_t f = 0; f < nfeatures; f++)
		head.ngains += builder->splits[f] > 0;
	lay_out(&head, NULL, tree);
	lay_out(&head, env_alloc(env, 1, tree->size), tree);
	memcpy(tree->block, &head, sizeof(head));
	fill_array(tree->nodes, builder->nodes, n, sizeof(LearnNode));
	fill_array(tree->beyond, builder->beyond, n, sizeof(uint16_t));
	fill_array(tree->covers, builder->covers, n, sizeof(float));
	fill_array(tree->leaf_table, builder->leaf_table, (size_t) head.nleaves * head.nclasses, sizeof(double));
	if (head.nsets > 0)
	{
		fill_array(tree->set_first, builder->set_first, head.nsets + 1, sizeof(uint32_t));
		fill_array(tree->set_words, builder->set_words, head.nwords, sizeof(uint32_t));
		memset(builder->set_table, 0, SET_TABLE * sizeof(uint32_t));
	}
	for (uint32_t f = 0; f < nfeatures; f++)
	{
		if (builder->splits[f] == 0)
			continue;
		tree->gains[gains].feature = f;
		tree->gains[gains].splits = builder->splits[f];
		tree->gains[gains++].gain = builder->gain[f];
		builder->splits[f] = 0;
		builder->gain[f] = 0.0;
	}
	if (builder->setup->boosting)
	{
		tree->first = copy_array(env, builder->first, n, sizeof(uint32_t));
		tree->count = copy_array(env, builder->count, n, sizeof(uint32_t));
		if (builder->setup->monotone)
			tree->bounds = copy_array(env, builder->bounds, n, 2 * sizeof(double));
	}
}

void
builder_free(TreeBuilder *builder)
{
	const LearnEnv *env = builder->env;

	env_free(env, builder->nodes);
	env_free(env, builder->beyond);
	env_free(env, builder->covers);
	env_free(env, builder->first);
	env_free(env, builder->count);
	env_free(env, builder->bounds);
	env_free(env, builder->set_first);
	env_free(env, builder->set_words);
	env_free(env, builder->set_table);
	env_free(env, builder->leaf_table);
	env_free(env, builder->gain);
	env_free(env, builder->splits);
}

void
grown_tree_free(const LearnEnv *env, GrownTree *tree)
{
	env_free(env, tree->block);
	env_free(env, tree->first);
	env_free(env, tree->count);
	env_free(env, tree->bounds);
	memset(tree, 0, sizeof(*tree));
}

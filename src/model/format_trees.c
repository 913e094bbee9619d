/*
 * format_trees.c
 *		The trees of a model's bytes checked and read: what predict would have to check at each node of each row.
 */
#include "model/format_reader.h"

#include <math.h>
#include <string.h>


/* An array of n + 1 places that ascend from 0 to total; strictly where step is 1. */
static bool
ascending_places(Reader *reader, const uint64_t *places, uint64_t n, uint64_t total, uint64_t step)
{
	if (places[0] != 0 || places[n] != total)
		return false;
	for (uint64_t i = 0; i < n; i++)
	{
		reader_check_cancel(reader, 1);
		if (places[i + 1] < places[i] || places[i + 1] - places[i] < step)
			return false;
	}
	return true;
}

/*
 * Every category set: its header, its body, and in limits[] one more than its largest
 * code, to be compared with the number of categories of the feature that uses it.
 */
static bool
read_sets(Reader *reader, const LearnModel *learn, uint32_t *limits)
{
	for (uint64_t s = 0; s < learn->nsets; s++)
	{
		const uint32_t *word = learn->set_words + learn->set_first[s];
		uint64_t	n = learn->set_first[s + 1] - learn->set_first[s] - 1;
		uint32_t	header = *word++;

		reader_check_cancel(reader, 1 + n);
		limits[s] = 0;
		if (n < 1 || n > LEARN_MAX_CATEGORIES || (header & SET_LENGTH_MASK) != n)
			return reader_damaged(reader, "category set %llu has a wrong length", (unsigned long long) s);
		if (header & SET_BITMAP)
		{
			/* The last word holds the largest code. */
			if (word[n - 1] == 0)
				return reader_damaged(reader, "the bitmap of category set %llu is too long",
							   (unsigned long long) s);
			limits[s] = (uint32_t) (32 * n) - (uint32_t) __builtin_clz(word[n - 1]);
			continue;
		}
		for (uint32_t i = 0; i < n; i++)
		{
			if (word[i] >= LEARN_MAX_CATEGORIES || (i > 0 && word[i - 1] >= word[i]))
				return reader_damaged(reader, "the codes of category set %llu do not ascend",
							   (unsigned long long) s);
			limits[s] = word[i] + 1;
		}
	}
	return true;
}

#define STATE_LEAF			0x80000000u /* else its depth: 1 for the root; 0: not reached */

/* Is this a leaf that predict can use? */
static bool
leaf_fits(const LearnModel *learn, LearnNode node)
{
	if (learn->algorithm == LEARN_FOREST && learn->nclasses > 2)
		return node.number < learn->nclasses + learn->nleaves;
	return isfinite(node.value);
}

/*
 * One tree.  Children stand behind their parent, so one pass over the nodes in order
 * reaches each before it is looked at: state[] says how.
 */
static bool
read_tree(Reader *reader, const LearnModel *learn, uint32_t tree, const uint32_t *limits,
		  uint32_t *state)
{
	const LearnNode *nodes = learn->nodes + learn->tree_first[tree];
	uint64_t	n = learn->tree_first[tree + 1] - learn->tree_first[tree];
	uint64_t	nsets = learn->tree_first_set[tree + 1] - learn->tree_first_set[tree];

	limits += learn->tree_first_set[tree];
	memset(state, 0, n * sizeof(uint32_t));
	state[0] = n == 1 ? STATE_LEAF : 1;
	for (uint64_t i = 0; i < n; i++)
	{
		uint32_t	f = nodes[i].split.feature & NODE_FEATURE_MASK;
		uint32_t	rank = nodes[i].split.rank;
		uint64_t	child = nodes[i].split.child & NODE_CHILD_MASK;
		uint32_t	depth = state[i] + 1;

		reader_check_cancel(reader, 1);
		if (state[i] == 0)
			return reader_damaged(reader, "node %llu of tree %u has no parent", (unsigned long long) i,
						   tree);
		if (state[i] & STATE_LEAF)
		{
			if (!leaf_fits(learn, nodes[i]))
				return reader_damaged(reader, "leaf %llu of tree %u is wrong", (unsigned long long) i,
							   tree);
			continue;
		}
		if (child <= i || child + 1 >= n)
			return reader_damaged(reader, "the children of node %llu of tree %u are out of range",
						   (unsigned long long) i, tree);
		if (state[child] != 0 || state[child + 1] != 0)
			return reader_damaged(reader, "node %llu of tree %u has a child with two parents",
						   (unsigned long long) i, tree);
		if (depth > FORMAT_MAX_DEPTH)
			return reader_damaged(reader, "tree %u is deeper than %d", tree, FORMAT_MAX_DEPTH);
		if (f >= learn->nfeatures)
			return reader_damaged(reader, "node %llu of tree %u splits feature %u of %u",
						   (unsigned long long) i, tree, f, learn->nfeatures);
		if (learn->features[f].kind == LEARN_NUMERIC)
		{
			if (rank >= learn->features[f].nvalues)
				return reader_damaged(reader, "node %llu of tree %u has threshold %u of %u",
							   (unsigned long long) i, tree, rank, learn->features[f].nvalues);
		}
		else if (rank >= nsets || limits[rank] > learn->features[f].nvalues)
			return reader_damaged(reader, "node %llu of tree %u has a wrong category set",
						   (unsigned long long) i, tree);
		state[child] = nodes[i].split.feature & NODE_LEFT_LEAF ? STATE_LEAF : depth;
		state[child + 1] = nodes[i].split.feature & NODE_RIGHT_LEAF ? STATE_LEAF : depth;
	}
	return true;
}

/* Are n numbers finite, and not negative where they must not be? */
static bool
finite_numbers(Reader *reader, const double *values, uint64_t n, double least)
{
	for (uint64_t i = 0; i < n; i++)
	{
		reader_check_cancel(reader, 1);
		if (!isfinite(values[i]) || values[i] < least)
			return false;
	}
	return true;
}

/* Their places, covers, start values, leaf table, importance. */
bool
reader_arrays(Reader *reader, LearnModel *learn)
{
	uint64_t	nleaf_values = section_length(reader, SECTION_LEAF_TABLE) / sizeof(double);
	uint64_t	nset_words = section_length(reader, SECTION_SET_WORDS) / sizeof(uint32_t);
	bool		leaf_table = learn->algorithm == LEARN_FOREST && learn->nclasses > 2;

	learn->nnodes = section_length(reader, SECTION_NODES) / sizeof(LearnNode);
	if (!reader_expect_count(reader, SECTION_BASE, learn->nscores, "start values") ||
		!reader_expect_count(reader, SECTION_TREE_FIRST, (uint64_t) learn->ntrees + 1, "places of trees") ||
		!reader_expect_count(reader, SECTION_COVERS, learn->nnodes, "covers") ||
		!reader_expect_count(reader, SECTION_TREE_FIRST_SET, (uint64_t) learn->ntrees + 1,
					  "places of sets of trees") ||
		!reader_expect_count(reader, SECTION_GAIN, learn->nfeatures, "gains") ||
		!reader_expect_count(reader, SECTION_SPLITS, learn->nfeatures, "numbers of splits"))
		return false;
	if (section_length(reader, SECTION_SET_FIRST) == 0)
		return reader_damaged(reader, "it has no places of category sets");
	learn->nsets = section_length(reader, SECTION_SET_FIRST) / sizeof(uint64_t) - 1;
	if (leaf_table ? nleaf_values % learn->nclasses != 0 : nleaf_values != 0)
		return reader_damaged(reader, "its leaf table has %llu numbers for %u classes",
					   (unsigned long long) nleaf_values, learn->nclasses);
	learn->nleaves = leaf_table ? nleaf_values / learn->nclasses : 0;

	learn->base = section_data(reader, SECTION_BASE);
	learn->tree_first = section_data(reader, SECTION_TREE_FIRST);
	learn->nodes = section_data(reader, SECTION_NODES);
	learn->covers = section_data(reader, SECTION_COVERS);
	learn->tree_first_set = section_data(reader, SECTION_TREE_FIRST_SET);
	learn->set_first = section_data(reader, SECTION_SET_FIRST);
	learn->set_words = section_data(reader, SECTION_SET_WORDS);
	learn->leaf_table = section_data(reader, SECTION_LEAF_TABLE);
	learn->gain = section_data(reader, SECTION_GAIN);
	learn->splits = section_data(reader, SECTION_SPLITS);

	if (!ascending_places(reader, learn->tree_first, learn->ntrees, learn->nnodes, 1))
		return reader_damaged(reader, "the places of its trees are wrong");
	if (!ascending_places(reader, learn->tree_first_set, learn->ntrees, learn->nsets, 0) ||
		!ascending_places(reader, learn->set_first, learn->nsets, nset_words, 1))
		return reader_damaged(reader, "the places of its category sets are wrong");
	for (uint64_t i = 0; i < learn->nnodes; i++)
	{
		reader_check_cancel(reader, 1);
		if (!isfinite(learn->covers[i]) || learn->covers[i] < 0)
			return reader_damaged(reader, "the cover of node %llu is wrong", (unsigned long long) i);
	}
	if (learn->algorithm == LEARN_FOREST && learn->base[0] != 0)
		return reader_damaged(reader, "a forest has a start value");
	if (!finite_numbers(reader, learn->base, learn->nscores, -INFINITY) ||
		!finite_numbers(reader, learn->leaf_table, nleaf_values, 0) ||
		!finite_numbers(reader, learn->gain, learn->nfeatures, -INFINITY))
		return reader_damaged(reader, "a start value, leaf or gain is not a finite number");
	return true;
}

bool
reader_trees(Reader *reader, LearnModel *learn)
{
	uint64_t	largest = 1;
	uint32_t   *limits,
			   *state;
	bool		good;

	for (uint32_t t = 0; t < learn->ntrees; t++)
	{
		uint64_t	n = learn->tree_first[t + 1] - learn->tree_first[t];

		if (n > NODE_CHILD_MASK)
			return reader_damaged(reader, "tree %u has too many nodes", t);
		if (n > largest)
			largest = n;
	}
	limits = env_alloc(reader->env, learn->nsets > 0 ? learn->nsets : 1, sizeof(uint32_t));
	state = env_alloc(reader->env, largest, sizeof(uint32_t));
	good = read_sets(reader, learn, limits);
	for (uint32_t t = 0; t < learn->ntrees && good; t++)
	{
		good = read_tree(reader, learn, t, limits, state);
	}
	env_free(reader->env, limits);
	env_free(reader->env, state);
	return good;
}

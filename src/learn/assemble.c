/*
 * assemble.c
 *		From grown trees to a model.
 *
 * A grown tree's numeric split names two bins, where its left rows end and where its right rows begin.
 * The thresholds that these pairs stand for, all trees together, become a
 * feature's sorted list, and nodes keep a rank in it.
 */
#include <string.h>

#include "learn/sort.h"
#include "learn/tree.h"

#define MAX_THRESHOLDS	65535	/* of a feature: a rank has 16 bits */
#define TABLE_BINS		512		/* of a feature whose pairs have a table */
#define CHECK_NODES		65536	/* nodes between two cancel checks */

/* The pairs of bins that one feature is split at. */
typedef struct FeaturePairs
{
	uint32_t	n;
	uint32_t   *pairs;			/* ascending; see pair_of */
	uint16_t   *ranks;			/* of their thresholds */
	uint32_t   *first;			/* [nbins + 2] by left bin counted from 1, its first pair */
	uint16_t   *table;			/* of few bins: [(nbins + 1) * nbins] ranks by left bin counted from 1, and by right one */
	uint32_t	nbins;
	bool		edges;			/* too many: thresholds between neighbouring bins are used */
} FeaturePairs;

/* Two bins in a word; the left one is counted from 1, so that BIN_NONE is 0. */
static inline uint32_t
pair_of(uint32_t bin, uint32_t beyond, bool edges)
{
	if (edges && bin != BIN_NONE && beyond != BIN_NONE)
		beyond = bin + 1;
	return ((bin + 1) & 0xFFFF) << 16 | beyond;
}

#define pair_bin(pair)		((((pair) >> 16) - 1) & 0xFFFF)
#define pair_beyond(pair)	((pair) & 0xFFFF)

static inline double
pair_threshold(const FeatureBins *fb, uint32_t pair)
{
	return bins_threshold(fb, pair_bin(pair), pair_beyond(pair));
}

/* Sort pairs and drop repeated ones, in place; how many remain. */
static uint32_t
distinct_pairs(const LearnEnv *env, uint32_t *pairs, uint32_t *other, size_t n)
{
	uint32_t   *from = pairs,
			   *to = other;
	uint32_t	distinct = 0;

	for (int shift = 0; shift < 32; shift += 8)
	{
		size_t		place[256] = {0};
		size_t		sum = 0;
		uint32_t   *swap;

		env->check(env->arg);
		for (size_t i = 0; i < n; i++)
			place[(from[i] >> shift) & 255]++;
		if (place[(from[0] >> shift) & 255] == n)
			continue;
		for (int b = 0; b < 256; b++)
		{
			size_t		count = place[b];

			place[b] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			to[place[(from[i] >> shift) & 255]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	for (size_t i = 0; i < n; i++)
		if (i == 0 || from[i] != from[i - 1])
			other[distinct++] = from[i];
	memcpy(pairs, other, distinct * sizeof(uint32_t));
	return distinct;
}

/* Thresholds of distinct pairs, ascending and distinct, into *thresholds (allocated); how many. */
static size_t
pair_thresholds(const LearnEnv *env, const FeatureBins *fb, const uint32_t *pairs, uint32_t n,
				double **thresholds)
{
	uint64_t   *keys = env_alloc(env, n, sizeof(uint64_t)),
			   *other = env_alloc(env, n, sizeof(uint64_t)),
			   *sorted;
	double	   *out;
	size_t		distinct = 0;

	for (uint32_t i = 0; i < n; i++)
		keys[i] = sort_key(pair_threshold(fb, pairs[i]) + 0.0);
	sorted = sort_keys(env, keys, other, n);
	out = env_alloc(env, n, sizeof(double));
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || sorted[i] != sorted[i - 1])
			out[distinct++] = sort_value(sorted[i]);
	env_free(env, other);
	env_free(env, keys);
	*thresholds = out;
	return distinct;
}

/* Everything about one feature's thresholds, from its n pairs as they occur. */
static size_t
feature_thresholds(const LearnEnv *env, const FeatureBins *fb, uint32_t *pairs, uint32_t *other,
				   size_t n, FeaturePairs *fp, double **thresholds)
{
	size_t		nthresholds;
	uint32_t	bin = 0;

	fp->n = distinct_pairs(env, pairs, other, n);
	nthresholds = pair_thresholds(env, fb, pairs, fp->n, thresholds);
	if (nthresholds > MAX_THRESHOLDS)
	{
		env_free(env, *thresholds);
		fp->edges = true;
		for (uint32_t i = 0; i < fp->n; i++)
			pairs[i] = pair_of(pair_bin(pairs[i]), pair_beyond(pairs[i]), true);
		fp->n = distinct_pairs(env, pairs, other, fp->n);
		nthresholds = pair_thresholds(env, fb, pairs, fp->n, thresholds);
	}
	fp->pairs = env_alloc(env, fp->n, sizeof(uint32_t));
	fp->ranks = env_alloc(env, fp->n, sizeof(uint16_t));
	fp->first = env_alloc(env, fb->nbins + 2, sizeof(uint32_t));
	memcpy(fp->pairs, pairs, fp->n * sizeof(uint32_t));
	for (uint32_t i = 0; i < fp->n; i++)
	{
		fp->ranks[i] = (uint16_t) count_below(*thresholds, (uint32_t) nthresholds,
											  pair_threshold(fb, pairs[i]));
		while (bin <= pairs[i] >> 16)
			fp->first[bin++] = i;
	}
	while (bin <= fb->nbins + 1)
		fp->first[bin++] = fp->n;

	/* many nodes look up their ranks: at once, where there is room for all pairs */
	fp->nbins = fb->nbins;
	if (fb->nbins <= TABLE_BINS && n > (size_t) fb->nbins * fb->nbins)
	{
		fp->table = env_alloc(env, (size_t) (fb->nbins + 1) * fb->nbins, sizeof(uint16_t));
		for (uint32_t i = 0; i < fp->n; i++)
			if (pair_beyond(pairs[i]) < fb->nbins)
				fp->table[(size_t) (pairs[i] >> 16) * fb->nbins + pair_beyond(pairs[i])] = fp->ranks[i];
	}
	return nthresholds;
}

/* The rank of a split's threshold. */
static inline uint16_t
pair_rank(const FeaturePairs *fp, uint32_t bin, uint32_t beyond)
{
	uint32_t	pair = pair_of(bin, beyond, fp->edges);
	uint32_t	low,
				high;

	if (fp->table && (pair & 0xFFFF) < fp->nbins)
		return fp->table[(size_t) (pair >> 16) * fp->nbins + (pair & 0xFFFF)];
	low = fp->first[pair >> 16];
	high = fp->first[(pair >> 16) + 1];
	while (high - low > 1)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (fp->pairs[middle] <= pair)
			low = middle;
		else
			high = middle;
	}
	return fp->ranks[low];
}

static inline bool
is_numeric_split(const Bins *bins, const GrownTree *tree, uint32_t node)
{
	return tree->beyond[node] != NODE_IS_LEAF &&
		bins->features[tree->nodes[node].split.feature & NODE_FEATURE_MASK].kind == LEARN_NUMERIC;
}

/* Thresholds of all features, into the model; pairs[nfeatures] for looking up ranks. */
static void
collect_thresholds(const LearnEnv *env, const Bins *bins, const GrownTree *trees, uint32_t ntrees,
				   FeaturePairs *pairs, LearnModel *model)
{
	uint32_t	nfeatures = bins->nfeatures;
	size_t	   *place = env_alloc0(env, nfeatures + 1, sizeof(size_t));
	LearnFeature *features = env_alloc0(env, nfeatures, sizeof(LearnFeature));
	double	  **own = env_alloc0(env, nfeatures, sizeof(double *));
	double	   *thresholds;
	uint32_t   *all,
			   *other;
	size_t		total = 0,
				most = 0;

	for (uint32_t t = 0; t < ntrees; t++)
	{
		env->check(env->arg);
		for (uint32_t i = 0; i < trees[t].nnodes; i++)
			if (is_numeric_split(bins, &trees[t], i))
				place[(trees[t].nodes[i].split.feature & NODE_FEATURE_MASK) + 1]++;
	}
	for (uint32_t f = 0; f < nfeatures; f++)
	{
		most = place[f + 1] > most ? place[f + 1] : most;
		place[f + 1] += place[f];
	}
	all = env_alloc(env, place[nfeatures], sizeof(uint32_t));
	other = env_alloc(env, most, sizeof(uint32_t));
	for (uint32_t t = 0; t < ntrees; t++)
	{
		env->check(env->arg);
		for (uint32_t i = 0; i < trees[t].nnodes; i++)
			if (is_numeric_split(bins, &trees[t], i))
				all[place[trees[t].nodes[i].split.feature & NODE_FEATURE_MASK]++] =
					pair_of(trees[t].nodes[i].split.rank, trees[t].beyond[i], false);
	}

	/* place[f] is now where feature f ends */
	for (uint32_t f = 0; f < nfeatures; f++)
	{
		size_t		first = f > 0 ? place[f - 1] : 0;
		const FeatureBins *fb = &bins->features[f];

		features[f].kind = fb->kind;
		if (fb->kind == LEARN_CATEGORY)
		{
			features[f].nvalues = fb->nbins;
			continue;
		}
		features[f].first_threshold = total;
		if (place[f] > first)
			features[f].nvalues = (uint32_t) feature_thresholds(env, fb, all + first, other,
																place[f] - first, &pairs[f], &own[f]);
		total += features[f].nvalues;
	}
	thresholds = env_alloc(env, total, sizeof(double));
	for (uint32_t f = 0; f < nfeatures; f++)
	{
		if (own[f] == NULL)
			continue;
		memcpy(thresholds + features[f].first_threshold, own[f], features[f].nvalues * sizeof(double));
		env_free(env, own[f]);
	}
	env_free(env, other);
	env_free(env, all);
	env_free(env, own);
	env_free(env, place);
	model->features = features;
	model->nthresholds = total;
	model->thresholds = thresholds;
}

/* Sums of gains and numbers of splits a feature, in the order of the trees. */
static void
collect_gains(const LearnEnv *env, const GrownTree *trees, uint32_t ntrees, uint32_t nfeatures,
			  const double *before, LearnModel *model)
{
	double	   *gain = env_alloc0(env, nfeatures, sizeof(double));
	uint64_t   *splits = env_alloc0(env, nfeatures, sizeof(uint64_t));

	if (before)
		memcpy(gain, before, nfeatures * sizeof(double));
	for (uint32_t t = 0; t < ntrees; t++)
		for (uint32_t i = 0; i < trees[t].ngains; i++)
		{
			gain[trees[t].gains[i].feature] += trees[t].gains[i].gain;
			splits[trees[t].gains[i].feature] += trees[t].gains[i].splits;
		}
	for (uint32_t f = 0; f < nfeatures; f++)
		if (!(gain[f] <= DBL_MAX))
			gain[f] = DBL_MAX;
	model->gain = gain;
	model->splits = splits;
}

/* Join trees[0 .. ntrees) into model's arrays; the trees are freed one by one as they are copied. */
void
assemble_model(const LearnEnv *env, const LearnData *data, const Bins *bins, GrownTree *trees,
			   uint32_t ntrees, uint32_t nscores, const double *gain, LearnModel *model)
{
	uint32_t	nfeatures = bins->nfeatures;
	uint32_t	nclasses = data->nclasses;
	FeaturePairs *pairs = env_alloc0(env, nfeatures, sizeof(FeaturePairs));
	uint64_t   *tree_first = env_alloc(env, (size_t) ntrees + 1, sizeof(uint64_t)),
			   *tree_first_set = env_alloc(env, (size_t) ntrees + 1, sizeof(uint64_t)),
			   *set_first;
	uint64_t	nwords = 0;
	LearnNode  *nodes;
	float	   *covers;
	uint32_t   *set_words;
	double	   *leaf_table;

	collect_gains(env, trees, ntrees, nfeatures, gain, model);
	collect_thresholds(env, bins, trees, ntrees, pairs, model);
	model->nfeatures = nfeatures;
	model->nclasses = nclasses;
	model->ntrees = ntrees;
	model->nscores = nscores;
	model->nnodes = model->nsets = model->nleaves = 0;
	for (uint32_t t = 0; t < ntrees; t++)
	{
		model->nnodes += trees[t].nnodes;
		model->nsets += trees[t].nsets;
		model->nleaves += trees[t].nleaves;
		nwords += trees[t].nsets > 0 ? trees[t].set_first[trees[t].nsets] : 0;
	}
	nodes = env_alloc(env, model->nnodes, sizeof(LearnNode));
	covers = env_alloc(env, model->nnodes, sizeof(float));
	set_first = env_alloc(env, model->nsets + 1, sizeof(uint64_t));
	set_words = env_alloc(env, nwords, sizeof(uint32_t));
	leaf_table = env_alloc(env, model->nleaves * nclasses, sizeof(double));

	model->nnodes = model->nsets = model->nleaves = 0;
	nwords = 0;
	for (uint32_t t = 0; t < ntrees; t++)
	{
		GrownTree  *tree = &trees[t];
		LearnNode  *own = nodes + model->nnodes;

		tree_first[t] = model->nnodes;
		tree_first_set[t] = model->nsets;
		memcpy(own, tree->nodes, tree->nnodes * sizeof(LearnNode));
		memcpy(covers + model->nnodes, tree->covers, tree->nnodes * sizeof(float));
		for (uint32_t i = 0; i < tree->nnodes; i++)
		{
			if (i % CHECK_NODES == 0)
				env->check(env->arg);
			if (is_numeric_split(bins, tree, i))
				own[i].split.rank = pair_rank(&pairs[own[i].split.feature & NODE_FEATURE_MASK],
											  own[i].split.rank, tree->beyond[i]);
			else if (tree->nleaves > 0 && tree->beyond[i] == NODE_IS_LEAF && own[i].number >= nclasses)
				own[i].number += model->nleaves;
		}
		for (uint32_t s = 0; s < tree->nsets; s++)
			set_first[model->nsets + s] = nwords + tree->set_first[s];
		if (tree->nsets > 0)
		{
			memcpy(set_words + nwords, tree->set_words, tree->set_first[tree->nsets] * sizeof(uint32_t));
			nwords += tree->set_first[tree->nsets];
		}
		if (tree->nleaves > 0)
			memcpy(leaf_table + model->nleaves * nclasses, tree->leaf_table,
				   (size_t) tree->nleaves * nclasses * sizeof(double));
		model->nnodes += tree->nnodes;
		model->nsets += tree->nsets;
		model->nleaves += tree->nleaves;
		grown_tree_free(env, tree);
	}
	tree_first[ntrees] = model->nnodes;
	tree_first_set[ntrees] = model->nsets;
	set_first[model->nsets] = nwords;

	for (uint32_t f = 0; f < nfeatures; f++)
	{
		env_free(env, pairs[f].pairs);
		env_free(env, pairs[f].ranks);
		env_free(env, pairs[f].first);
		env_free(env, pairs[f].table);
	}
	env_free(env, pairs);
	model->tree_first = tree_first;
	model->nodes = nodes;
	model->covers = covers;
	model->tree_first_set = tree_first_set;
	model->set_first = set_first;
	model->set_words = set_words;
	model->leaf_table = leaf_table;
}

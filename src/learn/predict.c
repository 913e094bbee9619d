/*
 * predict.c
 *		Predictions of a model, for one row or many.
 *
 * A row is encoded once: each value becomes the number of its feature's thresholds
 * below it, so that a node compares two small integers.  Walking a tree is a
 * chain of loads that wait for each other; the processor is kept busy by
 * walking several chains in turn: many rows through one tree, or one row through many trees.
 * Leaves are summed in the order of the trees on either path, so the bits are the same.
 */
#include "learn/loss.h"
#include "learn/matrix.h"
#include "learn/predict.h"

#define LANES	16				/* chains walked in turn */

/* ---- encoding ----------------------------------------------------------------- */

static inline uint32_t
encode_number(const LearnModel *model, const LearnFeature *feature, double v)
{
	if (v != v)
		return CODE_MISSING;
	return count_below(model->thresholds + feature->first_threshold, feature->nvalues, v);
}

void
predict_encode_row(const LearnModel *model, const double *x, uint32_t *codes)
{
	for (uint32_t f = 0; f < model->nfeatures; f++)
	{
		const LearnFeature *feature = &model->features[f];

		if (feature->kind == LEARN_NUMERIC)
			codes[f] = encode_number(model, feature, x[f]);
		else
			codes[f] = x[f] >= 0.0 && x[f] < (double) feature->nvalues ? (uint32_t) x[f] : CODE_MISSING;
	}
}

void
predict_encode_columns(const LearnModel *model, const LearnColumn *columns, const uint32_t *rows,
					   size_t first, size_t n, uint32_t *codes)
{
	uint32_t	nfeatures = model->nfeatures;

	for (uint32_t f = 0; f < nfeatures; f++)
	{
		const LearnFeature *feature = &model->features[f];
		const LearnColumn *column = &columns[f];
		uint32_t   *out = codes + f;

		if (feature->kind == LEARN_NUMERIC)
			for (size_t i = 0; i < n; i++)
				out[i * nfeatures] = encode_number(model, feature,
												   column->values[rows ? rows[first + i] : first + i]);
		else
			for (size_t i = 0; i < n; i++)
			{
				uint32_t	code = column->codes[rows ? rows[first + i] : first + i];

				out[i * nfeatures] = code < feature->nvalues ? code : CODE_MISSING;
			}
	}
}

size_t
predict_block_rows(const LearnModel *model)
{
	bool		large = model->ntrees > 0 &&
		model->nnodes / model->ntrees * sizeof(LearnNode) > LARGE_TREE_BYTES;
	size_t		rows = (large ? PREDICT_LARGE_BYTES : PREDICT_BLOCK_BYTES) /
		(model->nfeatures * sizeof(uint32_t) + 16);
	size_t		most = large ? 32768 : 8192;

	return rows < 256 ? 256 : rows > most ? most : rows;
}

/* ---- walking ---------------------------------------------------------------------- */

/* Does a row go right here?  sets: the first set of the tree, or NULL where the model has no categories. */
static inline __attribute__((always_inline)) uint32_t
goes_right(const LearnModel *model, LearnNode node, const uint32_t *codes, const uint64_t *sets)
{
	uint32_t	f = node.split.feature & NODE_FEATURE_MASK;
	uint32_t	code = codes[f];
	uint32_t	missing_left = node.split.child >> 31;

	if (sets && model->features[f].kind == LEARN_CATEGORY)
	{
		bool		against = code != CODE_MISSING &&
			set_has(model->set_words + sets[node.split.rank], code);

		return against == (missing_left == 1);
	}
	return (code > node.split.rank) & ~((code == CODE_MISSING) & missing_left);
}

/* One step down: the child's place, and whether it is a leaf. */
static inline __attribute__((always_inline)) uint32_t
step_down(const LearnModel *model, LearnNode node, const uint32_t *codes, const uint64_t *sets,
		  bool *leaf)
{
	uint32_t	right = goes_right(model, node, codes, sets);

	*leaf = node.split.feature & (NODE_LEFT_LEAF << right);
	return (node.split.child & NODE_CHILD_MASK) + right;
}

/* Rows of a block through one tree; a lane that is done takes the next row. */
static inline __attribute__((always_inline)) void
walk_rows(const LearnModel *model, const LearnNode *nodes, const uint64_t *sets,
		  const uint32_t *codes, const uint32_t *select, size_t n, LearnNode *leaves)
{
	const uint32_t *row[LANES];
	size_t		to[LANES];
	uint32_t	place[LANES];
	bool		leaf[LANES];
	uint32_t	nfeatures = model->nfeatures;
	size_t		next = 0;
	uint32_t	lanes = 0;

	for (; lanes < LANES && next < n; lanes++, next++)
	{
		row[lanes] = codes + (select ? select[next] : next) * nfeatures;
		to[lanes] = next;
		place[lanes] = 0;
		leaf[lanes] = false;
	}
	while (lanes > 0)
	{
		for (uint32_t l = 0; l < lanes; l++)
		{
			LearnNode	node = nodes[place[l]];

			if (leaf[l])
			{
				leaves[to[l]] = node;
				if (next == n)
				{
					/* the last lane moves here, to be looked at in the next turn */
					lanes--;
					row[l] = row[lanes];
					to[l] = to[lanes];
					place[l] = place[lanes];
					leaf[l] = leaf[lanes];
					continue;
				}
				row[l] = codes + (select ? select[next] : next) * nfeatures;
				to[l] = next++;
				node = nodes[0];
			}
			place[l] = step_down(model, node, row[l], sets, &leaf[l]);
			__builtin_prefetch(&nodes[place[l]]);
		}
	}
}

void
predict_leaves(const LearnModel *model, uint32_t tree, const uint32_t *codes,
			   const uint32_t *select, size_t n, LearnNode *leaves)
{
	const LearnNode *nodes = model->nodes + model->tree_first[tree];

	if (model->tree_first[tree + 1] - model->tree_first[tree] == 1)
	{
		for (size_t i = 0; i < n; i++)
			leaves[i] = nodes[0];
	}
	else if (model->nsets > 0)
		walk_rows(model, nodes, model->set_first + model->tree_first_set[tree], codes, select, n, leaves);
	else
		walk_rows(model, nodes, NULL, codes, select, n, leaves);
}

/* One row through trees first .. first + count - 1 (count <= LANES). */
static inline __attribute__((always_inline)) void
walk_trees(const LearnModel *model, uint32_t first, uint32_t count, const uint32_t *codes,
		   bool sets, LearnNode *leaves)
{
	const LearnNode *nodes[LANES];
	const uint64_t *tree_sets[LANES];
	uint32_t	place[LANES];
	uint32_t	lane[LANES];	/* those still on their way */
	uint32_t	lanes = 0;

	for (uint32_t l = 0; l < count; l++)
	{
		nodes[l] = model->nodes + model->tree_first[first + l];
		tree_sets[l] = sets ? model->set_first + model->tree_first_set[first + l] : NULL;
		place[l] = 0;
		if (model->tree_first[first + l + 1] - model->tree_first[first + l] == 1)
			leaves[l] = nodes[l][0];
		else
			lane[lanes++] = l;
	}
	while (lanes > 0)
	{
		uint32_t	still = 0;

		for (uint32_t i = 0; i < lanes; i++)
		{
			uint32_t	l = lane[i];
			bool		leaf;

			place[l] = step_down(model, nodes[l][place[l]], codes, tree_sets[l], &leaf);
			lane[still] = l;
			still += !leaf;
			__builtin_prefetch(&nodes[l][place[l]]);
		}
		lanes = still;
	}
	for (uint32_t l = 0; l < count; l++)
		leaves[l] = nodes[l][place[l]];
}

/* ---- sums --------------------------------------------------------------------------- */

static inline bool
sums_classes(const LearnModel *model)
{
	return model->algorithm == LEARN_FOREST && model->nclasses > 2;
}

uint32_t
predict_nsums(const LearnModel *model)
{
	return sums_classes(model) ? model->nclasses : model->nscores;
}

/* What a row's sum begins with. */
void
predict_start(const LearnModel *model, double *sums)
{
	for (uint32_t k = 0; k < predict_nsums(model); k++)
		sums[k] = model->algorithm == LEARN_FOREST ? 0.0 : model->base[k];
}

/* Add what a leaf says to a row's sum. */
void
predict_add(const LearnModel *model, uint32_t tree, LearnNode leaf, double *sums)
{
	uint32_t	nclasses = model->nclasses;

	if (!sums_classes(model))
		sums[model->nscores > 1 ? tree % model->nscores : 0] += leaf.value;
	else if (leaf.number < nclasses)
		sums[leaf.number] += 1.0;
	else
	{
		const double *share = model->leaf_table + (leaf.number - nclasses) * nclasses;

		for (uint32_t k = 0; k < nclasses; k++)
			sums[k] += share[k];
	}
}

void
predict_finish(const LearnModel *model, const double *sums, uint32_t ntrees, double *out)
{
	if (model->algorithm != LEARN_FOREST)
		link_outputs((LearnLink) model->link, model->nscores, sums, out);
	else if (model->nclasses > 2)
		for (uint32_t k = 0; k < model->nclasses; k++)
			out[k] = sums[k] / ntrees;
	else if (model->nclasses == 2)
	{
		out[1] = sums[0] / ntrees;
		out[0] = 1.0 - out[1];
	}
	else
		out[0] = sums[0] / ntrees;
}

void
predict_block(const LearnEnv *env, const LearnModel *model, const uint32_t *codes, size_t n,
			  LearnNode *leaves, double *sums, double *out)
{
	uint32_t	nsums = predict_nsums(model);
	uint32_t	noutputs = learn_noutputs(model);

	for (size_t i = 0; i < n; i++)
		predict_start(model, sums + i * nsums);
	for (uint32_t t = 0; t < model->ntrees; t++)
	{
		env->check(env->arg);
		predict_leaves(model, t, codes, NULL, n, leaves);
		if (nsums == 1)
			for (size_t i = 0; i < n; i++)
				sums[i] += leaves[i].value;
		else
			for (size_t i = 0; i < n; i++)
				predict_add(model, t, leaves[i], sums + i * nsums);
	}
	for (size_t i = 0; i < n; i++)
		predict_finish(model, sums + i * nsums, model->ntrees, out + i * noutputs);
}

void
predict_scores(const LearnEnv *env, const LearnModel *model, const LearnColumn *columns,
			   const uint32_t *rows, size_t nrows, double *scores)
{
	uint32_t	nsums = predict_nsums(model);
	size_t		block = predict_block_rows(model);
	uint32_t   *codes;
	LearnNode  *leaves;
	double	   *sums;

	if (block > nrows)
		block = nrows;
	codes = env_alloc(env, block * model->nfeatures, sizeof(uint32_t));
	leaves = env_alloc(env, block, sizeof(LearnNode));
	sums = env_alloc(env, block * nsums, sizeof(double));
	for (size_t first = 0; first < nrows; first += block)
	{
		size_t		n = nrows - first < block ? nrows - first : block;

		predict_encode_columns(model, columns, rows, first, n, codes);
		for (size_t i = 0; i < n; i++)
			predict_start(model, sums + i * nsums);
		for (uint32_t t = 0; t < model->ntrees; t++)
		{
			env->check(env->arg);
			predict_leaves(model, t, codes, NULL, n, leaves);
			for (size_t i = 0; i < n; i++)
				predict_add(model, t, leaves[i], sums + i * nsums);
		}
		for (size_t i = 0; i < n; i++)
			for (uint32_t k = 0; k < nsums; k++)
				scores[k * nrows + first + i] = sums[i * nsums + k];
	}
	env_free(env, sums);
	env_free(env, leaves);
	env_free(env, codes);
}

/* ---- the door ------------------------------------------------------------------------- */

void
learn_predict_row(const LearnModel *model, const double *x, uint32_t *codes, double *out)
{
	double		sums[LEARN_MAX_CLASSES];
	LearnNode	leaves[LANES];

	predict_encode_row(model, x, codes);
	predict_start(model, sums);
	for (uint32_t t = 0; t < model->ntrees; t += LANES)
	{
		uint32_t	count = model->ntrees - t < LANES ? model->ntrees - t : LANES;

		if (model->nsets > 0)
			walk_trees(model, t, count, codes, true, leaves);
		else
			walk_trees(model, t, count, codes, false, leaves);
		for (uint32_t l = 0; l < count; l++)
			predict_add(model, t + l, leaves[l], sums);
	}
	predict_finish(model, sums, model->ntrees, out);
}

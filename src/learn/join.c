/*
 * join.c
 *		Two models of the same features as one: older trees that stay, and newer ones behind them.
 *
 * Nodes hold ranks into the sorted thresholds of their feature.  The joined model has the thresholds that either
 * part uses, sorted and each once, and nodes get their ranks in these.  Category sets count within
 * their tree, so they move as they are; entries of the leaf table count within the model, and those that only
 * dropped trees used go.
 */
#include <math.h>
#include <string.h>

#include "learn/tree.h"

#define MAX_THRESHOLDS	65535	/* of a feature: a rank has 16 bits */
#define CHECK_NODES		65536	/* nodes between two cancel checks */

/* One of the two models, and where its numbers go. */
typedef struct Part
{
	const LearnModel *model;
	uint32_t	first_tree;		/* earlier ones are dropped */
	uint8_t    *used;			/* [nthresholds] does a node of the trees that stay use it? */
	uint16_t   *rank;			/* [nthresholds] in the joined model */
	uint64_t   *entry;			/* [nleaves] place in the joined leaf table; UINT64_MAX: not used */
} Part;

#define NOT_USED		UINT64_MAX

typedef void (*NodeVisit) (const Part *part, const LearnNode *node, bool leaf, void *arg);

/* Is it a model whose leaves may be entries of the leaf table? */
static inline bool
has_leaf_table(const LearnModel *m)
{
	return m->algorithm == LEARN_FOREST && m->nclasses > 2;
}

/* The largest tree's nodes. */
static uint64_t
largest_tree(const LearnModel *m)
{
	uint64_t	most = 1;

	for (uint32_t t = 0; t < m->ntrees; t++)
		if (m->tree_first[t + 1] - m->tree_first[t] > most)
			most = m->tree_first[t + 1] - m->tree_first[t];
	return most;
}

/* Visit the nodes of the trees that stay, in order; a parent says of its children whether they are leaves. */
static void
visit_nodes(const LearnEnv *env, const Part *part, NodeVisit visit, void *arg)
{
	const LearnModel *m = part->model;
	uint8_t    *leaf = env_alloc(env, largest_tree(m), 1);

	for (uint32_t t = part->first_tree; t < m->ntrees; t++)
	{
		const LearnNode *nodes = m->nodes + m->tree_first[t];
		uint64_t	n = m->tree_first[t + 1] - m->tree_first[t];

		env->check(env->arg);
		leaf[0] = n == 1;
		for (uint64_t i = 0; i < n; i++)
		{
			if (i % CHECK_NODES == CHECK_NODES - 1)
				env->check(env->arg);
			if (!leaf[i])
			{
				uint32_t	child = nodes[i].split.child & NODE_CHILD_MASK;

				leaf[child] = (nodes[i].split.feature & NODE_LEFT_LEAF) != 0;
				leaf[child + 1] = (nodes[i].split.feature & NODE_RIGHT_LEAF) != 0;
			}
			visit(part, &nodes[i], leaf[i], arg);
		}
	}
	env_free(env, leaf);
}

/* ---- what is used ---------------------------------------------------------------- */

/* Place of a numeric split's threshold; the node's feature is numeric. */
static inline uint64_t
threshold_of(const LearnModel *m, const LearnNode *node)
{
	return m->features[node->split.feature & NODE_FEATURE_MASK].first_threshold + node->split.rank;
}

static inline bool
is_numeric(const LearnModel *m, const LearnNode *node)
{
	return m->features[node->split.feature & NODE_FEATURE_MASK].kind == LEARN_NUMERIC;
}

/* Note the threshold or leaf entry of a node. */
static void
note_used(const Part *part, const LearnNode *node, bool leaf, void *arg)
{
	const LearnModel *m = part->model;

	if (!leaf)
	{
		if (is_numeric(m, node))
			part->used[threshold_of(m, node)] = 1;
	}
	else if (has_leaf_table(m) && node->number >= m->nclasses)
		part->entry[node->number - m->nclasses] = 0;
}

static void
part_init(const LearnEnv *env, const LearnModel *model, uint32_t first_tree, Part *part)
{
	part->model = model;
	part->first_tree = first_tree;
	part->used = env_alloc0(env, model->nthresholds, sizeof(uint8_t));
	part->rank = env_alloc(env, model->nthresholds, sizeof(uint16_t));
	part->entry = env_alloc(env, model->nleaves, sizeof(uint64_t));
	for (uint64_t i = 0; i < model->nleaves; i++)
		part->entry[i] = NOT_USED;
	visit_nodes(env, part, note_used, NULL);
}

static void
part_free(const LearnEnv *env, Part *part)
{
	env_free(env, part->used);
	env_free(env, part->rank);
	env_free(env, part->entry);
}

/* ---- thresholds -------------------------------------------------------------------- */

/* Merge the used thresholds of one feature; how many there are.  out NULL: count only. */
static uint64_t
merge_feature(Part *older, Part *newer, uint32_t f, double *out)
{
	const LearnFeature *a = &older->model->features[f];
	const LearnFeature *b = &newer->model->features[f];
	uint64_t	i = 0,
				j = 0,
				n = 0;

	for (;;)
	{
		uint64_t	p = a->first_threshold + i,
					q = b->first_threshold + j;
		double		v;

		if (i < a->nvalues && !older->used[p])
		{
			i++;
			continue;
		}
		if (j < b->nvalues && !newer->used[q])
		{
			j++;
			continue;
		}
		if (i == a->nvalues && j == b->nvalues)
			return n;
		if (j == b->nvalues)
			v = older->model->thresholds[p];
		else if (i == a->nvalues)
			v = newer->model->thresholds[q];
		else
			v = older->model->thresholds[p] < newer->model->thresholds[q] ?
				older->model->thresholds[p] : newer->model->thresholds[q];
		if (i < a->nvalues && older->model->thresholds[p] == v)
		{
			older->rank[p] = (uint16_t) n;
			i++;
		}
		if (j < b->nvalues && newer->model->thresholds[q] == v)
		{
			newer->rank[q] = (uint16_t) n;
			j++;
		}
		if (out)
			out[n] = v;
		n++;
	}
}

static void
merge_thresholds(const LearnEnv *env, Part *older, Part *newer, LearnModel *joined)
{
	uint32_t	nfeatures = older->model->nfeatures;
	LearnFeature *features = env_alloc0(env, nfeatures, sizeof(LearnFeature));
	double	   *thresholds;
	uint64_t	total = 0;

	for (uint32_t f = 0; f < nfeatures; f++)
	{
		uint64_t	n;

		env->check(env->arg);
		features[f] = older->model->features[f];
		if (features[f].kind != LEARN_NUMERIC)
			continue;
		n = merge_feature(older, newer, f, NULL);
		if (n > MAX_THRESHOLDS)
			env->fail(env->arg, "a feature would have more than 65535 thresholds: train the model anew");
		features[f].nvalues = (uint32_t) n;
		features[f].first_threshold = total;
		total += n;
	}
	thresholds = env_alloc(env, total, sizeof(double));
	for (uint32_t f = 0; f < nfeatures; f++)
	{
		env->check(env->arg);
		if (features[f].kind == LEARN_NUMERIC)
			(void) merge_feature(older, newer, f, thresholds + features[f].first_threshold);
	}
	joined->features = features;
	joined->nthresholds = total;
	joined->thresholds = thresholds;
}

/* ---- trees ----------------------------------------------------------------------------- */

/* Where the next of each kind goes. */
typedef struct Target
{
	LearnNode  *nodes;
	uint64_t	nnodes;
	uint64_t   *splits;
	uint32_t	nclasses;
} Target;

/* Copy a node with the ranks and entries of the joined model. */
static void
copy_node(const Part *part, const LearnNode *node, bool leaf, void *arg)
{
	const LearnModel *m = part->model;
	Target	   *to = arg;
	LearnNode  *copy = &to->nodes[to->nnodes++];

	*copy = *node;
	if (!leaf)
	{
		to->splits[node->split.feature & NODE_FEATURE_MASK]++;
		if (is_numeric(m, node))
			copy->split.rank = part->rank[threshold_of(m, node)];
	}
	else if (has_leaf_table(m) && node->number >= m->nclasses)
		copy->number = m->nclasses + part->entry[node->number - m->nclasses];
}

/* Number the used entries of a part's leaf table, from first on; the number behind the last. */
static uint64_t
number_entries(Part *part, uint64_t first)
{
	for (uint64_t i = 0; i < part->model->nleaves; i++)
		if (part->entry[i] != NOT_USED)
			part->entry[i] = first++;
	return first;
}

static void
copy_entries(const Part *part, double *table)
{
	uint32_t	nclasses = part->model->nclasses;

	for (uint64_t i = 0; i < part->model->nleaves; i++)
		if (part->entry[i] != NOT_USED)
			memcpy(table + part->entry[i] * nclasses, part->model->leaf_table + i * nclasses,
				   nclasses * sizeof(double));
}

/* Copy places, less where the first of them was, plus where they begin now; one behind the last is written too. */
static void
copy_places(const uint64_t *from, uint64_t n, uint64_t now, uint64_t *to)
{
	for (uint64_t i = 0; i <= n; i++)
		to[i] = from[i] - from[0] + now;
}

void
join_models(const LearnEnv *env, const LearnModel *older, uint32_t dropped, LearnModel *newer,
			LearnModel *joined)
{
	Part		a,
				b;
	uint32_t	kept = older->ntrees - dropped;
	uint64_t	first_node = older->tree_first[dropped];
	uint64_t	first_set = older->tree_first_set[dropped];
	uint64_t	first_word = older->set_first[first_set];
	uint64_t	nodes = older->nnodes - first_node;
	uint64_t	sets = older->nsets - first_set;
	uint64_t	words = older->set_first[older->nsets] - first_word;
	uint64_t	new_words = newer->set_first[newer->nsets];
	uint64_t   *tree_first,
			   *tree_first_set,
			   *set_first;
	uint32_t   *set_words;
	float	   *covers;
	double	   *table;
	Target		to = {.nclasses = older->nclasses};

	part_init(env, older, dropped, &a);
	part_init(env, newer, 0, &b);
	memset(joined, 0, sizeof(*joined));
	joined->algorithm = older->algorithm;
	joined->link = older->link;
	joined->nclasses = older->nclasses;
	joined->nfeatures = older->nfeatures;
	joined->nscores = older->nscores;
	joined->ntrees = kept + newer->ntrees;
	joined->nnodes = nodes + newer->nnodes;
	joined->nsets = sets + newer->nsets;
	joined->nleaves = number_entries(&b, number_entries(&a, 0));
	merge_thresholds(env, &a, &b, joined);

	to.nodes = env_alloc(env, joined->nnodes, sizeof(LearnNode));
	to.splits = env_alloc0(env, joined->nfeatures, sizeof(uint64_t));
	visit_nodes(env, &a, copy_node, &to);
	visit_nodes(env, &b, copy_node, &to);
	covers = env_alloc(env, joined->nnodes, sizeof(float));
	memcpy(covers, older->covers + first_node, nodes * sizeof(float));
	memcpy(covers + nodes, newer->covers, newer->nnodes * sizeof(float));
	table = env_alloc(env, joined->nleaves * joined->nclasses, sizeof(double));
	copy_entries(&a, table);
	copy_entries(&b, table);

	tree_first = env_alloc(env, (size_t) joined->ntrees + 1, sizeof(uint64_t));
	copy_places(older->tree_first + dropped, kept, 0, tree_first);
	copy_places(newer->tree_first, newer->ntrees, nodes, tree_first + kept);
	tree_first_set = env_alloc(env, (size_t) joined->ntrees + 1, sizeof(uint64_t));
	copy_places(older->tree_first_set + dropped, kept, 0, tree_first_set);
	copy_places(newer->tree_first_set, newer->ntrees, sets, tree_first_set + kept);
	set_first = env_alloc(env, joined->nsets + 1, sizeof(uint64_t));
	copy_places(older->set_first + first_set, sets, 0, set_first);
	copy_places(newer->set_first, newer->nsets, words, set_first + sets);
	set_words = env_alloc(env, words + new_words, sizeof(uint32_t));
	if (words > 0)
		memcpy(set_words, older->set_words + first_word, words * sizeof(uint32_t));
	if (new_words > 0)
		memcpy(set_words + words, newer->set_words, new_words * sizeof(uint32_t));
	part_free(env, &a);
	part_free(env, &b);

	joined->tree_first = tree_first;
	joined->nodes = to.nodes;
	joined->covers = covers;
	joined->tree_first_set = tree_first_set;
	joined->set_first = set_first;
	joined->set_words = set_words;
	joined->leaf_table = table;
	joined->splits = to.splits;
	joined->gain = newer->gain;
	for (uint32_t f = 0; f < joined->nfeatures; f++)
		if (joined->splits[f] == 0)
			((double *) joined->gain)[f] = 0.0;

	env_free(env, (void *) newer->features);
	env_free(env, (void *) newer->thresholds);
	env_free(env, (void *) newer->tree_first);
	env_free(env, (void *) newer->nodes);
	env_free(env, (void *) newer->covers);
	env_free(env, (void *) newer->tree_first_set);
	env_free(env, (void *) newer->set_first);
	env_free(env, (void *) newer->set_words);
	env_free(env, (void *) newer->leaf_table);
	env_free(env, (void *) newer->splits);
}

/* ---- statistics ---------------------------------------------------------------------------- */

/* Mean and deviation of two sets of rows together (Chan, Golub, LeVeque 1983), in units of the largest number. */
static void
join_moments(const LearnStats *a, const LearnStats *b, LearnStats *out)
{
	double		na = (double) a->count,
				nb = (double) b->count,
				n = na + nb;
	double		scale = fmax(fmax(fabs(a->mean), fabs(b->mean)), fmax(a->stddev, b->stddev));
	double		d,
				sum;

	out->minimum = fmin(a->minimum, b->minimum);
	out->maximum = fmax(a->maximum, b->maximum);
	out->mean = a->mean * (na / n) + b->mean * (nb / n);
	out->stddev = 0.0;
	if (!(scale > 0.0))
		return;
	d = b->mean / scale - a->mean / scale;
	sum = (na - 1.0) * (a->stddev / scale) * (a->stddev / scale) +
		(nb - 1.0) * (b->stddev / scale) * (b->stddev / scale) + d * d * (na * (nb / n));
	out->stddev = sqrt(sum / (n - 1.0)) * scale;
	if (!(out->stddev <= DBL_MAX))
		out->stddev = DBL_MAX;
}

/*
 * Statistics of one feature of older rows and of rows[0 .. n) together: newer's become those of both.  A
 * numeric feature keeps the older bins, whose last one reaches as far as any value.
 */
static void
join_feature(const LearnEnv *env, const LearnColumn *column, const uint32_t *rows, size_t n,
			 const LearnStats *older, LearnStats *newer)
{
	LearnStats	both = *newer;
	uint64_t   *counts;
	double	   *upper;

	both.missing += older->missing;
	both.count += older->count;
	if (column->kind == LEARN_CATEGORY)
	{
		counts = (uint64_t *) newer->counts;
		for (uint32_t i = 0; i < newer->nbins; i++)
			counts[i] += older->counts[i];
	}
	else if (older->nbins > 0)
	{
		counts = env_alloc(env, LEARN_STATS_BINS, sizeof(uint64_t));
		upper = env_alloc(env, LEARN_STATS_BINS, sizeof(double));
		memcpy(counts, older->counts, older->nbins * sizeof(uint64_t));
		memcpy(upper, older->upper, older->nbins * sizeof(double));
		for (size_t i = 0; i < n; i++)
		{
			double		v = column->values[rows[i]];
			uint32_t	bin;

			check_rows(env, i);
			if (v != v)
				continue;
			bin = count_below(upper, older->nbins, v);
			counts[bin < older->nbins ? bin : older->nbins - 1]++;
		}
		if (newer->nbins > 0)
		{
			upper[older->nbins - 1] = fmax(upper[older->nbins - 1], newer->upper[newer->nbins - 1]);
			join_moments(older, newer, &both);
		}
		else
		{
			both.minimum = older->minimum;
			both.maximum = older->maximum;
			both.mean = older->mean;
			both.stddev = older->stddev;
		}
		env_free(env, (void *) newer->counts);
		env_free(env, (void *) newer->upper);
		both.nbins = older->nbins;
		both.counts = counts;
		both.upper = upper;
	}
	*newer = both;
}

void
join_stats(const LearnEnv *env, const LearnData *data, const uint32_t *rows, size_t n,
		   const LearnStats *older, LearnStats *newer)
{
	/* more rows than there can be are those of a model made by hand: nothing is added to them */
	const uint64_t most = UINT64_MAX / 4;

	for (uint32_t f = 0; f < data->nfeatures; f++)
	{
		env->check(env->arg);
		if (older[f].count <= most && older[f].missing <= most)
			join_feature(env, &data->columns[f], rows, n, &older[f], &newer[f]);
	}
}

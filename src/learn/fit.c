/*
 * fit.c
 *		From columns to a model: the learner's door for training.
 */
#include <string.h>

#include "learn/boost.h"
#include "learn/forest.h"
#include "learn/histogram.h"
#include "learn/loss.h"
#include "learn/predict.h"
#include "learn/prepare.h"
#include "learn/scale.h"

/* Bytes of a code where the largest feature has so many. */
static size_t
code_bytes(size_t max_codes)
{
	return max_codes > 256 ? 2 : 1;
}

/* ---- memory -------------------------------------------------------------------------- */

/* Add count * size to *sum; once it does not fit, the sum stays SIZE_MAX. */
static void
add_product(size_t *sum, size_t count, size_t size)
{
	size_t		product;

	if (__builtin_mul_overflow(count, size, &product) || __builtin_add_overflow(*sum, product, sum))
		*sum = SIZE_MAX;
}

/* Nodes that a tree on so many rows can have. */
static size_t
tree_nodes(size_t rows, const LearnParams *params)
{
	size_t		leaves = rows / params->min_samples_leaf + 1;

	if (params->max_leaf_nodes > 0 && params->max_leaf_nodes < leaves)
		leaves = params->max_leaf_nodes;
	if (params->max_depth > 0 && params->max_depth < 40 && ((size_t) 1 << params->max_depth) < leaves)
		leaves = (size_t) 1 << params->max_depth;
	return 2 * leaves;
}

/* Sizes that decide how much memory a fit takes. */
typedef struct FitSizes
{
	size_t		max_codes;		/* of a feature, */
	size_t		total_codes;	/* and of all */
	size_t		nodes;			/* of a tree */
	size_t		node_bytes;		/* of a node as it is kept */
	size_t		set_bytes;		/* of a tree's category sets */
	size_t		growing;		/* bytes that a tree takes while it grows */
} FitSizes;

static void
fit_sizes(const LearnData *data, size_t ntrain, const LearnParams *params, FitSizes *sizes)
{
	bool		boosting = params->algorithm == LEARN_BOOSTING;
	size_t		bins = ntrain < params->max_bins ? ntrain : params->max_bins;
	size_t		categories = 0;
	Bins		some = {.nfeatures = data->nfeatures};
	GrowSetup	setup = {.bins = &some, .boosting = boosting, .max_leaf_nodes = params->max_leaf_nodes,
		.max_features = params->max_features, .max_rows = (uint32_t) ntrain};

	memset(sizes, 0, sizeof(*sizes));
	sizes->max_codes = 1;
	sizes->node_bytes = sizeof(LearnNode) + sizeof(float);
	for (size_t f = 0; f < data->nfeatures; f++)
	{
		size_t		codes = 1 + (data->columns[f].kind == LEARN_NUMERIC ? bins :
								 data->columns[f].ncategories);

		sizes->max_codes = codes > sizes->max_codes ? codes : sizes->max_codes;
		sizes->total_codes += codes;
		if (data->columns[f].kind == LEARN_CATEGORY && codes > categories)
			categories = codes;
	}
	if (!boosting)
	{
		setup.nclasses = data->nclasses > 2 ? data->nclasses : 0;
		setup.max_rows = forest_max_bag(params, (uint32_t) ntrain);
	}
	sizes->nodes = tree_nodes(setup.max_rows, params);
	add_product(&sizes->growing, grow_memory(&setup, data->nfeatures, sizes->total_codes, sizes->max_codes,
											 code_bytes(sizes->max_codes)), 1);

	/* arrays that grow by half are copied: at most three times what is needed, and a little to begin with */
	add_product(&sizes->growing, sizes->nodes, 3 * (sizes->node_bytes + sizeof(uint16_t) + (boosting ? 24 : 0)));
	add_product(&sizes->growing, 1, 1 << 16);

	/*
	 * A set is a bitmap, or a list of no more levels than its rows.  Where none are missing, these are the
	 * rows of the smaller child, and all smaller children of a tree have at most n log2(n) / 2 rows.
	 */
	if (categories > 0)
	{
		size_t		sets = sizes->nodes / 2 < MAX_TREE_SETS ? sizes->nodes / 2 : MAX_TREE_SETS;
		size_t		rows = (size_t) setup.max_rows * (bits_for(setup.max_rows) + 1) / 2;
		size_t		words = sets * (categories / 32 + 2);

		sizes->set_bytes = sets * 12 + (words < rows + 2 * sets ? words : rows + 2 * sets) * sizeof(uint32_t);
		add_product(&sizes->growing, SET_TABLE, sizeof(uint32_t));
		add_product(&sizes->growing, sizes->set_bytes, 3);
	}

	/* the bag of a forest's tree */
	if (!boosting)
		add_product(&sizes->growing, ntrain, 1 + 4);

	/* a tree's leaf of more than two classes is a row of the leaf table */
	if (setup.nclasses > 0)
		sizes->node_bytes += setup.nclasses * sizeof(double) / 2;
}

/* Bytes that a further participant in a forest takes: a tree that grows, and one that is handed over. */
static size_t
growing_memory(const LearnData *data, size_t ntrain, const LearnParams *params)
{
	FitSizes	sizes;

	fit_sizes(data, ntrain, params, &sizes);
	add_product(&sizes.growing, sizes.nodes, sizes.node_bytes + sizeof(uint16_t));
	add_product(&sizes.growing, sizes.set_bytes, 1);
	return sizes.growing;
}

size_t
learn_fit_memory(const LearnData *data, size_t ntrain, size_t nwatch, const LearnParams *params)
{
	size_t		nfeatures = data->nfeatures;
	size_t		bytes = 0,
				trees = params->n_estimators;
	FitSizes	sizes;

	/* bins, matrix, statistics, and what a tree takes while it grows */
	fit_sizes(data, ntrain, params, &sizes);
	add_product(&bytes, bins_memory(data, ntrain, params->max_bins), 1);
	add_product(&bytes, ntrain * code_bytes(sizes.max_codes), nfeatures);
	add_product(&bytes, nfeatures, sizeof(LearnStats) + LEARN_STATS_BINS * 16);
	add_product(&bytes, sizes.total_codes, sizeof(uint64_t));
	add_product(&bytes, sizes.growing, 1);

	/* all trees, grown and then assembled: each is freed when it has been copied */
	if (params->algorithm == LEARN_BOOSTING && params->loss == LOSS_SOFTMAX)
		trees *= data->nclasses;
	add_product(&bytes, trees, sizes.nodes * (2 * sizes.node_bytes + 6) + sizeof(GrownTree) + 64);
	add_product(&bytes, trees, 2 * sizes.set_bytes);
	add_product(&bytes, trees,
				(nfeatures < sizes.nodes / 2 ? nfeatures : sizes.nodes / 2) * sizeof(TreeGain));
	if (params->algorithm == LEARN_BOOSTING)
	{
		add_product(&bytes, boost_memory(data, ntrain, nwatch, params), 1);
		return bytes;
	}
	add_product(&bytes, ntrain, 4 + 8 + 4);
	if (params->bootstrap)
	{
		/* bags; predictions out of bag, and the target and weight of their rows */
		add_product(&bytes, trees, ntrain / 8 + 8);
		add_product(&bytes, ntrain * sizeof(double), (data->nclasses > 0 ? data->nclasses : 1) + 2);
	}
	return bytes;
}

size_t
learn_continue_memory(const LearnStart *start, const LearnData *data, size_t ntrain, size_t nwatch,
					  const LearnParams *params)
{
	const LearnModel *m = start->model;
	size_t		bytes = learn_fit_memory(data, ntrain, nwatch, params);
	size_t		rows = predict_block_rows(m);

	/* the joined model's arrays; its new part is assembled beside, which learn_fit_memory has counted once */
	add_product(&bytes, m->nnodes, sizeof(LearnNode) + sizeof(float) + 1);
	add_product(&bytes, m->ntrees + params->n_estimators * m->nscores, 2 * sizeof(uint64_t));
	add_product(&bytes, m->nsets, sizeof(uint64_t));
	add_product(&bytes, m->nsets > 0 ? m->set_first[m->nsets] : 0, sizeof(uint32_t));
	add_product(&bytes, m->nleaves * (m->nclasses + 1), sizeof(double));
	add_product(&bytes, m->nthresholds, 2 * sizeof(double) + sizeof(uint16_t) + 1);

	/* and what scoring by the older trees takes */
	add_product(&bytes, rows, m->nfeatures * sizeof(uint32_t) + sizeof(LearnNode) + m->nscores * sizeof(double));
	return bytes;
}

/* ---- fits ------------------------------------------------------------------------------ */

/*
 * Gains that the new trees' are added to: the older model's, less the share of trees that are dropped; NULL
 * without an older model.
 */
static double *
kept_gains(const LearnEnv *env, const LearnStart *start)
{
	double	   *gain;

	if (start == NULL)
		return NULL;
	gain = env_alloc(env, start->model->nfeatures, sizeof(double));
	for (uint32_t f = 0; f < start->model->nfeatures; f++)
		gain[f] = start->dropped == 0 ? start->model->gain[f] :
			start->model->gain[f] * ((double) (start->model->ntrees - start->dropped) / start->model->ntrees);
	return gain;
}

/* The model of the grown trees, behind those that stay of an older one. */
static void
finish_model(const LearnEnv *env, const LearnData *data, const Bins *bins, GrownTree *trees,
			 uint32_t ntrees, uint32_t nscores, const LearnStart *start, LearnModel *model)
{
	double	   *gain = kept_gains(env, start);
	LearnModel	newer = *model;

	assemble_model(env, data, bins, trees, ntrees, nscores, gain, &newer);
	env_free(env, gain);
	if (start)
		join_models(env, start->model, start->dropped, &newer, model);
	else
		*model = newer;
}

/* The rows as codes, in memory of shared's, and what they say about each feature. */
static void
code_rows(const LearnEnv *env, const LearnEnv *shared, const LearnData *data, const uint32_t *train, size_t ntrain,
		  const LearnParams *params, const Bins *bins, Prepared *prepared, const LearnStart *start,
		  Matrix *matrix, LearnFit *fit)
{
	prepare_matrix(shared, data, train, ntrain, params, bins, prepared, matrix);
	matrix_stats(env, data, train, ntrain, bins, matrix, fit->stats);
	if (start && start->stats)
		join_stats(env, data, train, ntrain, start->stats, fit->stats);
}

static void
fit_forest(const LearnEnv *env, const GrowMethod *method, const LearnData *data,
		   const uint32_t *train, size_t ntrain, const Bins *bins, Prepared *prepared,
		   const LearnParams *params, const LearnStart *start, LearnFit *fit)
{
	uint32_t	ntrees = params->n_estimators;
	bool		wants_bags = params->bootstrap && !start;
	GrownTree  *trees = env_alloc0(env, ntrees, sizeof(GrownTree));
	LearnTask	task;
	Crew		crew;
	ForestHead *head;

	forest_task(data, ntrain, bins, params, wants_bags, growing_memory(data, ntrain, params), &task);
	crew_open(env, &task, sizeof(ForestHead), ntrees, &crew);
	head = (ForestHead *) (void *) crew.head;
	code_rows(env, &crew.shared, data, train, ntrain, params, bins, prepared, start, &head->matrix, fit);
	head->params = *params;
	head->first = start ? start->first : 0;
	head->words = (ntrain + 63) / 64;
	if (wants_bags)
		head->bags = env_alloc0(&crew.shared, ntrees * head->words, sizeof(uint64_t));
	crew_bins_share(&crew, bins, &head->bins);
	forest_plan_make(&crew.shared, data, train, ntrain, bins, &head->matrix, &head->params, &head->plan);

	crew_start(&crew, method);
	crew_run(&crew, 0, ntrees);
	crew_finish(&crew);
	forest_plan_free(&crew.shared, &head->plan);
	for (uint32_t t = 0; t < ntrees; t++)
		grown_tree_view(crew.results[t], &trees[t]);
	finish_model(env, data, bins, trees, ntrees, 1, start, &fit->model);
	env_free(env, trees);
	fit->model.base = env_alloc0(env, 1, sizeof(double));
	fit->model.link = LINK_IDENTITY;
	fit->rounds = ntrees;
	if (wants_bags)
	{
		fit->oob = env_alloc(env, ntrain * learn_noutputs(&fit->model), sizeof(double));
		forest_oob(env, &fit->model, data, train, ntrain, head->bags, fit->oob, &fit->curve, &fit->ncurve);
		env_free(&crew.shared, head->bags);
	}
	matrix_free(&crew.shared, &head->matrix);
	crew_close(&crew);
}

static void
fit_boosting(const LearnEnv *env, const GrowMethod *method, const LearnData *data,
			 const uint32_t *train, size_t ntrain, const uint32_t *watch, size_t nwatch,
			 const Bins *bins, Prepared *prepared, const LearnParams *params, const LearnStart *start,
			 LearnFit *fit)
{
	BoostResult boost;
	LearnTask	task;
	Crew		crew;
	BoostHead  *head;

	boost_task(env, data, ntrain, nwatch, bins, params, &task);
	crew_open(env, &task, sizeof(BoostHead), 0, &crew);
	head = (BoostHead *) (void *) crew.head;
	code_rows(env, &crew.shared, data, train, ntrain, params, bins, prepared, start, &head->matrix, fit);
	boost_fit(env, &crew, method, data, train, ntrain, watch, nwatch, bins, params,
			  start ? start->model : NULL, start ? start->first : 0, &boost);
	finish_model(env, data, bins, boost.trees, boost.rounds * boost.nscores, boost.nscores, start,
				 &fit->model);
	env_free(env, boost.trees);
	fit->model.base = boost.base;
	fit->model.link = boost.link;
	fit->curve = boost.curve;
	fit->ncurve = boost.ncurve;
	fit->rounds = boost.rounds;
	matrix_free(&crew.shared, &head->matrix);
	crew_close(&crew);
}

/* Raise where a model is not one that can be gone on from with these data and parameters. */
static void
check_start(const LearnEnv *env, const LearnStart *start, const LearnData *data, const LearnParams *params)
{
	const LearnModel *m = start->model;
	const Loss	loss = {.kind = params->loss, .nclasses = data->nclasses};

	if (m->algorithm != params->algorithm || m->nclasses != data->nclasses || m->nfeatures != data->nfeatures)
		env->fail(env->arg, "the model to go on from has another algorithm, other classes or other features");
	for (uint32_t f = 0; f < m->nfeatures; f++)
		if (m->features[f].kind != data->columns[f].kind ||
			(m->features[f].kind == LEARN_CATEGORY && m->features[f].nvalues != data->columns[f].ncategories))
			env->fail(env->arg, "the model to go on from has other features or categories");
	if (params->algorithm == LEARN_BOOSTING &&
		(m->link != loss_link_kind(&loss) || m->nscores != loss_nscores(&loss)))
		env->fail(env->arg, "the model to go on from was fitted by another loss");
	if (start->dropped > m->ntrees || (params->algorithm == LEARN_BOOSTING && start->dropped > 0))
		env->fail(env->arg, "more trees are dropped than there are");
	if (start->first > UINT32_MAX / 2 || params->n_estimators > UINT32_MAX / 2 / m->nscores - m->ntrees / m->nscores)
		env->fail(env->arg, "there would be too many trees");
}

/* learn_fit with a method of growing trees; start: what is gone on from, or NULL. */
void
fit_run(const LearnEnv *env, const GrowMethod *method, const LearnData *data,
		const uint32_t *train, size_t ntrain, const uint32_t *watch, size_t nwatch,
		const LearnParams *params, const LearnStart *start, LearnFit *fit)
{
	Bins		bins;
	Prepared	prepared;

	memset(fit, 0, sizeof(*fit));
	fit->model.algorithm = params->algorithm;
	if (ntrain == 0)
		env->fail(env->arg, "there are no training rows");
	if (data->nfeatures == 0)
		env->fail(env->arg, "there are no features");
	if (start)
		check_start(env, start, data, params);
	prepare_bins(env, data, train, ntrain, params, &bins, &prepared);
	fit->stats = env_alloc(env, data->nfeatures, sizeof(LearnStats));
	if (params->algorithm == LEARN_BOOSTING)
		fit_boosting(env, method, data, train, ntrain, watch, nwatch, &bins, &prepared, params, start, fit);
	else
		fit_forest(env, method, data, train, ntrain, &bins, &prepared, params, start, fit);
	bins_free(env, &bins);
}

void
learn_fit(const LearnEnv *env, const LearnData *data, const uint32_t *train, size_t ntrain,
		  const uint32_t *watch, size_t nwatch, const LearnParams *params, LearnFit *fit)
{
	fit_run(env, &grow_fast, data, train, ntrain, watch, nwatch, params, NULL, fit);
}

void
learn_continue(const LearnEnv *env, const LearnStart *start, const LearnData *data,
			   const uint32_t *train, size_t ntrain, const uint32_t *watch, size_t nwatch,
			   const LearnParams *params, LearnFit *fit)
{
	LearnParams all = *params;

	all.early_stopping_rounds = 0;
	fit_run(env, &grow_fast, data, train, ntrain, watch, nwatch, &all, start, fit);
}

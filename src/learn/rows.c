/*
 * rows.c
 *		Predictions of many rows, by blocks that participants share, and out-of-bag estimates.
 *
 * A block's rows are coded just before they are predicted, from the columns, or with others from copies of the rows in
 * memory that all see, beside those parts of the model that walking needs.  A block is predicted by one participant, and sums over blocks are added in their order.
 */
#include <math.h>
#include <string.h>

#include "learn/forest.h"
#include "learn/predict.h"
#include "learn/scale.h"

#define MAX_CURVE_POINTS 31
#define SHARED_BLOCKS	6		/* at least, where there are rows for them */
#define LEAST_BLOCK		8192	/* rows of one that are worth a pass over large trees */
#define COST_STEP		2.5		/* nanoseconds a row on each level of a tree */

enum
{
	PHASE_PREDICT,
	PHASE_OOB
};

/*
 * What participants share.  The leader writes it before others join; out, error and weight are then written by
 * whoever takes a block, for that block.
 */
typedef struct PredictHead
{
	CrewHead	crew;
	LearnModel	model;			/* with others, what is not needed is NULL */
	size_t		nrows;
	size_t		block;			/* rows of one */
	const LearnColumn *columns; /* alone: rows are coded from them */
	const uint32_t *rows;
	double	   *x;				/* with others: [nrows * nfeatures] as for learn_predict_row */
	double	   *out;			/* [nrows * noutputs] */
	/* out of bag */
	const uint64_t *bags;
	double	   *y;				/* [nrows] */
	double	   *w;				/* [nrows], or NULL: all 1 */
	uint32_t	npoints;		/* of the curve: numbers of trees */
	uint32_t	points[MAX_CURVE_POINTS];
	double	   *error;			/* [nblocks * npoints] sums of a block's rows: weighted errors, */
	double	   *weight;			/* and weights */
} PredictHead;

/* ---- a participant ------------------------------------------------------------------ */

typedef struct PredictPart
{
	const LearnEnv *env;
	PredictHead view;			/* with pointers of this participant */
	uint32_t   *codes;			/* scratch of a block */
	LearnNode  *leaves;
	double	   *sums;
	uint32_t   *select;			/* out of bag: rows that are, for a tree, */
	uint32_t   *count;			/* and how often each was */
} PredictPart;

static void *
predict_join(const LearnEnv *env, CrewHead *crew, uint32_t participant, const GrowMethod *method)
{
	PredictPart *part = env_alloc0(env, 1, sizeof(PredictPart));
	PredictHead *view = &part->view;
	LearnModel *m = &view->model;

	part->env = env;
	*view = *(const PredictHead *) (const void *) crew;
	m->base = crew_here(crew, m->base);
	m->features = crew_here(crew, m->features);
	m->thresholds = crew_here(crew, m->thresholds);
	m->tree_first = crew_here(crew, m->tree_first);
	m->nodes = crew_here(crew, m->nodes);
	m->tree_first_set = crew_here(crew, m->tree_first_set);
	m->set_first = crew_here(crew, m->set_first);
	m->set_words = crew_here(crew, m->set_words);
	m->leaf_table = crew_here(crew, m->leaf_table);
	view->x = crew_here(crew, view->x);
	view->out = crew_here(crew, view->out);
	view->bags = crew_here(crew, view->bags);
	view->y = crew_here(crew, view->y);
	view->w = crew_here(crew, view->w);
	view->error = crew_here(crew, view->error);
	view->weight = crew_here(crew, view->weight);
	part->codes = env_alloc(env, view->block * m->nfeatures, sizeof(uint32_t));
	part->leaves = env_alloc(env, view->block, sizeof(LearnNode));
	part->sums = env_alloc(env, view->block * predict_nsums(m), sizeof(double));
	if (view->bags)
	{
		part->select = env_alloc(env, view->block, sizeof(uint32_t));
		part->count = env_alloc(env, view->block, sizeof(uint32_t));
	}
	return part;
}

/* A row's error: squared, or 1 where the class is wrong. */
static double
oob_error(const LearnModel *model, double y, const double *out)
{
	uint32_t	best = 0;

	if (model->nclasses == 0)
		return (y - out[0]) * (y - out[0]);
	for (uint32_t k = 1; k < model->nclasses; k++)
		if (out[k] > out[best])
			best = k;
	return best == (uint32_t) y ? 0.0 : 1.0;
}

/* Rows first .. first + n - 1 through the trees that they were not in the bag of, summed in the order of the trees. */
static void
predict_oob(PredictPart *part, uint32_t item, size_t first, size_t n, const uint32_t *codes)
{
	const PredictHead *view = &part->view;
	const LearnModel *model = &view->model;
	size_t		words = (view->nrows + 63) / 64;
	uint32_t	nsums = predict_nsums(model);
	uint32_t	noutputs = learn_noutputs(model);
	uint32_t	point = 0;

	memset(part->count, 0, n * sizeof(uint32_t));
	for (size_t i = 0; i < n; i++)
		predict_start(model, part->sums + i * nsums);
	for (uint32_t t = 0; t < model->ntrees; t++)
	{
		uint32_t	out = 0;
		double		error = 0.0,
					weight = 0.0;

		part->env->check(part->env->arg);
		for (size_t i = 0; i < n; i++)
		{
			part->select[out] = (uint32_t) i;
			out += !(view->bags[t * words + (first + i) / 64] >> ((first + i) % 64) & 1);
		}
		predict_leaves(model, t, codes, part->select, out, part->leaves);
		for (uint32_t i = 0; i < out; i++)
		{
			part->count[part->select[i]]++;
			predict_add(model, t, part->leaves[i], part->sums + part->select[i] * nsums);
		}
		if (t + 1 != view->points[point])
			continue;
		for (size_t i = 0; i < n; i++)
		{
			double	   *own = view->out + (first + i) * noutputs;
			double		w = view->w ? view->w[first + i] : 1.0;

			if (part->count[i] == 0)
				continue;
			predict_finish(model, part->sums + i * nsums, part->count[i], own);
			error += w * oob_error(model, view->y[first + i], own);
			weight += w;
		}
		view->error[item * view->npoints + point] = error;
		view->weight[item * view->npoints + point] = weight;
		point++;
	}
	for (size_t i = 0; i < n; i++)
		if (part->count[i] == 0)
			for (uint32_t k = 0; k < noutputs; k++)
				view->out[(first + i) * noutputs + k] = NAN;
}

static void
predict_item(void *state, LearnPart *own, uint32_t phase, uint32_t item)
{
	PredictPart *part = state;
	const PredictHead *view = &part->view;
	const LearnModel *model = &view->model;
	size_t		first = item * view->block;
	size_t		n = view->nrows - first < view->block ? view->nrows - first : view->block;

	if (view->x)
		for (size_t i = 0; i < n; i++)
			predict_encode_row(model, view->x + (first + i) * model->nfeatures, part->codes + i * model->nfeatures);
	else
		predict_encode_columns(model, view->columns, view->rows, first, n, part->codes);
	if (phase == PHASE_OOB)
		predict_oob(part, item, first, n, part->codes);
	else
		predict_block(part->env, model, part->codes, n, part->leaves, part->sums,
					  view->out + first * learn_noutputs(model));
}

static void
predict_leave(void *state)
{
	PredictPart *part = state;
	const LearnEnv *env = part->env;

	env_free(env, part->codes);
	env_free(env, part->leaves);
	env_free(env, part->sums);
	env_free(env, part->select);
	env_free(env, part->count);
	env_free(env, part);
}

/* Items are blocks of rows. */
static LearnStage
predict_stage(uint32_t phase)
{
	return phase == PHASE_OOB ? LEARN_OUT_OF_BAG : LEARN_PREDICTING;
}

const WorkMethods predict_work = {
	.stage = predict_stage,
	.join = predict_join,
	.item = predict_item,
	.leave = predict_leave
};

/* ---- the leader ----------------------------------------------------------------------- */

#define whole_blocks(head)	((uint32_t) (((head)->nrows + (head)->block - 1) / (head)->block))

/* Copy an array to where all see it. */
static const void *
share(const Crew *crew, const void *array, size_t n, size_t size)
{
	void	   *copy;

	if (n == 0 || array == NULL)
		return NULL;
	copy = env_alloc(&crew->shared, n, size);
	memcpy(copy, array, n * size);
	return copy;
}

/* Rows of columns as numbers side by side. */
static void
copy_rows(const LearnEnv *env, const LearnColumn *columns, uint32_t nfeatures, const uint32_t *rows, size_t nrows,
		  double *x)
{
	for (uint32_t f = 0; f < nfeatures; f++)
	{
		const LearnColumn *column = &columns[f];

		for (size_t i = 0; i < nrows; i++)
		{
			size_t		row = rows ? rows[i] : i;

			check_rows(env, i);
			if (column->kind == LEARN_NUMERIC)
				x[i * nfeatures + f] = column->values[row];
			else
				x[i * nfeatures + f] = column->codes[row] == LEARN_MISSING ? NAN : column->codes[row];
		}
	}
}

static uint64_t
model_words(const LearnModel *m)
{
	return m->nsets > 0 ? m->set_first[m->nsets] : 0;
}

/* Begin to predict nrows rows, of columns; with bags out of bag. */
static PredictHead *
predict_open(const LearnEnv *env, const LearnModel *model, const LearnColumn *columns, const uint32_t *rows,
			 size_t nrows, const uint64_t *bags, double *out, Crew *crew)
{
	size_t		block = predict_block_rows(model);
	size_t		even = (nrows + SHARED_BLOCKS - 1) / SHARED_BLOCKS;
	size_t		nbags = bags ? model->ntrees * ((nrows + 63) / 64) : 0;
	LearnTask	task = {.work = WORK_PREDICT};
	PredictHead *head;
	LearnModel *m;

	/* enough of them to be shared evenly, whoever takes part */
	if (even < LEAST_BLOCK)
		even = LEAST_BLOCK;
	if (block > even)
		block = even;
	if (block > nrows)
		block = nrows;
	task.items = (uint32_t) ((nrows + block - 1) / block);
	if (model->ntrees > 0)
		task.cost = COST_STEP * (double) nrows * model->ntrees * (bits_for(model->nnodes / model->ntrees) + 1);
	task.each = block * (model->nfeatures * sizeof(uint32_t) + (predict_nsums(model) + 2) * sizeof(double));
	crew_part(&task.shared, model->nscores, sizeof(double));
	crew_part(&task.shared, model->nfeatures, sizeof(LearnFeature));
	crew_part(&task.shared, (size_t) model->ntrees + 1, sizeof(uint64_t));
	crew_part(&task.shared, (size_t) model->ntrees + 1, sizeof(uint64_t));
	crew_part(&task.shared, model->nnodes, sizeof(LearnNode));
	crew_part(&task.shared, model->nsets + 1, sizeof(uint64_t));
	crew_part(&task.shared, model_words(model), sizeof(uint32_t));
	crew_part(&task.shared, model->nleaves * model->nclasses, sizeof(double));
	crew_part(&task.shared, model->nthresholds, sizeof(double));
	crew_part(&task.shared, nrows * model->nfeatures, sizeof(double));
	crew_part(&task.shared, nrows * learn_noutputs(model), sizeof(double));
	crew_part(&task.shared, nbags, sizeof(uint64_t));
	if (bags)
	{
		crew_part(&task.shared, nrows, sizeof(double));
		crew_part(&task.shared, nrows, sizeof(double));
		crew_part(&task.shared, task.items * MAX_CURVE_POINTS, sizeof(double));
		crew_part(&task.shared, task.items * MAX_CURVE_POINTS, sizeof(double));
	}
	task.extra = task.shared;

	crew_open(env, &task, sizeof(PredictHead), 0, crew);
	head = (PredictHead *) (void *) crew->head;
	head->nrows = nrows;
	head->block = block;
	head->model = *model;
	head->out = out;
	head->bags = bags;
	if (crew_alone(crew))
	{
		head->columns = columns;
		head->rows = rows;
		return head;
	}
	m = &head->model;
	m->covers = NULL;
	m->gain = NULL;
	m->splits = NULL;
	m->base = share(crew, model->base, model->base ? model->nscores : 0, sizeof(double));
	m->thresholds = share(crew, model->thresholds, model->nthresholds, sizeof(double));
	m->features = share(crew, model->features, model->nfeatures, sizeof(LearnFeature));
	m->tree_first = share(crew, model->tree_first, (size_t) model->ntrees + 1, sizeof(uint64_t));
	m->nodes = share(crew, model->nodes, model->nnodes, sizeof(LearnNode));
	m->tree_first_set = share(crew, model->tree_first_set, (size_t) model->ntrees + 1, sizeof(uint64_t));
	m->set_first = share(crew, model->set_first, model->nsets + 1, sizeof(uint64_t));
	m->set_words = share(crew, model->set_words, model_words(model), sizeof(uint32_t));
	m->leaf_table = share(crew, model->leaf_table, model->nleaves * model->nclasses, sizeof(double));
	head->x = env_alloc(&crew->shared, nrows * model->nfeatures, sizeof(double));
	head->out = env_alloc(&crew->shared, nrows * learn_noutputs(model), sizeof(double));
	head->bags = share(crew, bags, nbags, sizeof(uint64_t));
	copy_rows(env, columns, model->nfeatures, rows, nrows, head->x);
	return head;
}

/* All blocks, and the outputs to where they are wanted. */
static void
predict_run(Crew *crew, PredictHead *head, uint32_t phase, double *out)
{
	crew_start(crew, NULL);
	crew_run(crew, phase, whole_blocks(head));
	crew_finish(crew);
	if (head->out != out)
		memcpy(out, head->out, head->nrows * learn_noutputs(&head->model) * sizeof(double));
}

void
learn_predict_columns(const LearnEnv *env, const LearnModel *model, const LearnColumn *columns,
					  const uint32_t *rows, size_t nrows, double *out)
{
	Crew		crew;

	if (nrows == 0)
		return;
	predict_run(&crew, predict_open(env, model, columns, rows, nrows, NULL, out, &crew), PHASE_PREDICT, out);
	crew_close(&crew);
}

/* ---- out of bag --------------------------------------------------------------------------- */

/* The numbers of trees at which the curve has points: 1, 2, 5, 10, …, and all. */
static uint32_t
curve_points(uint32_t ntrees, uint32_t *points)
{
	static const uint32_t steps[] = {1, 2, 5};
	uint32_t	n = 0;

	for (uint64_t power = 1; power < ntrees; power *= 10)
		for (int i = 0; i < 3; i++)
			if (steps[i] * power < ntrees)
				points[n++] = (uint32_t) (steps[i] * power);
	points[n++] = ntrees;
	return n;
}

void
forest_oob(const LearnEnv *env, const LearnModel *model, const LearnData *data,
		   const uint32_t *train, size_t ntrain, const uint64_t *bags, double *oob,
		   LearnCurvePoint **curve, uint32_t *ncurve)
{
	Crew		crew;
	PredictHead *head = predict_open(env, model, data->columns, train, ntrain, bags, oob, &crew);
	uint32_t	nblocks = whole_blocks(head);

	head->npoints = curve_points(model->ntrees, head->points);
	head->y = env_alloc(&crew.shared, ntrain, sizeof(double));
	head->w = data->weight ? env_alloc(&crew.shared, ntrain, sizeof(double)) : NULL;
	head->error = env_alloc(&crew.shared, (size_t) nblocks * head->npoints, sizeof(double));
	head->weight = env_alloc(&crew.shared, (size_t) nblocks * head->npoints, sizeof(double));
	for (size_t i = 0; i < ntrain; i++)
	{
		check_rows(env, i);
		head->y[i] = data->target[train[i]];
		if (head->w)
			head->w[i] = data->weight[train[i]];
	}
	predict_run(&crew, head, PHASE_OOB, oob);

	*ncurve = head->npoints;
	*curve = env_alloc0(env, head->npoints, sizeof(LearnCurvePoint));
	for (uint32_t p = 0; p < head->npoints; p++)
	{
		double		error = 0.0,
					weight = 0.0;

		for (uint32_t b = 0; b < nblocks; b++)
		{
			error += head->error[b * head->npoints + p];
			weight += head->weight[b * head->npoints + p];
		}
		(*curve)[p].n_estimators = head->points[p];
		(*curve)[p].train = NAN;
		(*curve)[p].watched = weight > 0.0 ? error / weight : NAN;
	}
	env_free(&crew.shared, head->weight);
	env_free(&crew.shared, head->error);
	env_free(&crew.shared, head->w);
	env_free(&crew.shared, head->y);
	crew_close(&crew);
}

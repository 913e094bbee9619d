/*
 * tables.h
 *		Random tables and parameters of every kind, and whether two fits are the same in every bit.
 */
#ifndef ECHOLON_UNIT_TABLES_H
#define ECHOLON_UNIT_TABLES_H

#include "fits.h"

#include "learn/hash.h"

#define lengthof(a) ((int) (sizeof(a) / sizeof((a)[0])))

/* ---- random data --------------------------------------------------------- */

#define MAX_ROWS		1500
#define MAX_FEATURES	10

/* Data that owns its columns, and the stream its random numbers come from. */
typedef struct Table
{
	LearnData	data;
	LearnColumn columns[MAX_FEATURES];
	double		values[MAX_FEATURES][MAX_ROWS];
	uint32_t	codes[MAX_FEATURES][MAX_ROWS];
	double		target[MAX_ROWS];
	double		weight[MAX_ROWS];
	uint32_t	train[MAX_ROWS],
				watch[MAX_ROWS];
	size_t		ntrain,
				nwatch;
	uint64_t	seed;
	uint64_t	drawn;
} Table;

static UNIT_UNUSED uint64_t
draw(Table *t, uint64_t below)
{
	return hash_below(hash_random(t->seed, 7, t->drawn++), below);
}

static UNIT_UNUSED double
draw_unit(Table *t)
{
	return hash_unit(hash_random(t->seed, 7, t->drawn++));
}

/* A numeric column of one of many kinds. */
static UNIT_UNUSED void
make_numeric(Table *t, uint32_t f, size_t n)
{
	uint64_t	kind = draw(t, 9);
	double		missing = draw(t, 3) == 0 ? draw_unit(t) * 0.6 : 0.0;

	t->columns[f].kind = LEARN_NUMERIC;
	t->columns[f].values = t->values[f];
	t->columns[f].monotone = 0;
	for (size_t i = 0; i < n; i++)
	{
		double		v;

		switch (kind)
		{
			case 0:				/* constant */
				v = 3.25;
				break;
			case 1:				/* two values */
				v = draw(t, 2) ? 1.0 : -1.0;
				break;
			case 2:				/* few values */
				v = (double) draw(t, 6);
				break;
			case 3:				/* infinities, and 0 with either sign */
				v = draw(t, 8) == 0 ? INFINITY : draw(t, 8) == 0 ? -INFINITY : draw(t, 4) == 0 ? -0.0 :
					(double) draw(t, 4);
				break;
			case 4:				/* all missing */
				v = NAN;
				break;
			case 5:				/* one value with most of the mass */
				v = draw(t, 3) ? 0.0 : draw_unit(t);
				break;
			case 6:				/* enormous and tiny */
				v = ldexp(draw_unit(t) - 0.5, (int) draw(t, 2000) - 1000);
				break;
			default:			/* all different */
				v = draw_unit(t) * 20.0 - 10.0;
		}
		if (draw_unit(t) < missing)
			v = NAN;
		t->values[f][i] = v;
	}
}

static UNIT_UNUSED void
make_category(Table *t, uint32_t f, size_t n)
{
	uint32_t	levels = (uint32_t) (draw(t, 3) == 0 ? 1 + draw(t, 4) : 1 + draw(t, 60));
	double		missing = draw(t, 3) == 0 ? draw_unit(t) * 0.6 : 0.0;
	bool		skewed = draw(t, 2) == 0;

	t->columns[f].kind = LEARN_CATEGORY;
	t->columns[f].codes = t->codes[f];
	t->columns[f].ncategories = levels;
	t->columns[f].monotone = 0;
	for (size_t i = 0; i < n; i++)
	{
		uint64_t	code = draw(t, levels);

		if (skewed)
			code = draw(t, code + 1);
		t->codes[f][i] = draw_unit(t) < missing ? LEARN_MISSING : (uint32_t) code;
	}
}

/* A number that a row's features say something about. */
static UNIT_UNUSED double
row_signal(const Table *t, size_t i)
{
	double		sum = 0.0;

	for (uint32_t f = 0; f < t->data.nfeatures; f++)
	{
		if (t->columns[f].kind == LEARN_CATEGORY)
			sum += t->codes[f][i] == LEARN_MISSING ? 0.7 : (double) (t->codes[f][i] * 7 % 5);
		else if (isnan(t->values[f][i]))
			sum -= 0.9;
		else
			sum += tanh(t->values[f][i]) * (f % 2 ? 1.5 : -1.0);
	}
	return sum;
}

/* Random data; nclasses as in LearnData. */
static UNIT_UNUSED void
make_table(Table *t, uint64_t seed, uint32_t nclasses)
{
	size_t		n;
	uint64_t	target_kind;

	memset(t, 0, sizeof(*t));
	t->seed = seed;
	n = 1 + draw(t, draw(t, 3) ? 60 : draw(t, 3) ? 300 : MAX_ROWS);
	t->data.nrows = n;
	t->data.nfeatures = (uint32_t) (1 + draw(t, MAX_FEATURES));
	t->data.columns = t->columns;
	t->data.target = t->target;
	t->data.nclasses = nclasses;
	for (uint32_t f = 0; f < t->data.nfeatures; f++)
		if (draw(t, 3) == 0)
			make_category(t, f, n);
		else
			make_numeric(t, f, n);
	target_kind = draw(t, 5);
	for (size_t i = 0; i < n; i++)
	{
		double		y = row_signal(t, i) + draw_unit(t) * 2.0;

		if (nclasses > 0)
			y = target_kind == 0 ? (double) draw(t, nclasses) :
				(double) ((uint32_t) (fabs(y) * 2.0) % nclasses);
		else if (target_kind == 0)
			y = floor(y);		/* ties */
		else if (target_kind == 1)
			y = draw_unit(t) * 1e6; /* noise */
		else if (target_kind == 2 && draw(t, 40) == 0)
			y *= 1e9;
		t->target[i] = y;
	}
	if (draw(t, 3) == 0)
	{
		uint64_t	kind = draw(t, 3);

		t->data.weight = t->weight;
		for (size_t i = 0; i < n; i++)
			t->weight[i] = kind == 0 ? (double) draw(t, 4) : kind == 1 ? draw_unit(t) * 3.0 :
				draw(t, 10) ? 1.0 : 250.0;
		t->weight[0] = 1.5;
	}
	for (size_t i = 0; i < n; i++)
	{
		if (i > 0 && draw(t, 5) == 0)
			t->watch[t->nwatch++] = (uint32_t) i;
		else
			t->train[t->ntrain++] = (uint32_t) i;
	}
}

/* Random parameters that suit the data. */
static UNIT_UNUSED LearnParams
make_params(Table *t, LearnAlgorithm algorithm)
{
	static const LearnLoss losses[] = {LOSS_SQUARED_ERROR, LOSS_SQUARED_ERROR, LOSS_ABSOLUTE_ERROR,
	LOSS_QUANTILE, LOSS_HUBER, LOSS_POISSON};
	const LearnData *data = &t->data;
	LearnParams p = algorithm == LEARN_FOREST ? forest_params(data, 3) : boosting_params(data, 4);

	p.seed = draw(t, 1000);
	p.max_depth = draw(t, 2) ? 0 : (uint32_t) (1 + draw(t, 6));
	p.max_leaf_nodes = draw(t, 2) ? 0 : (uint32_t) (1 + draw(t, 20));
	p.max_features = draw(t, 2) ? data->nfeatures : (uint32_t) (1 + draw(t, data->nfeatures));
	p.min_samples_leaf = draw(t, 2) ? 1 : (uint32_t) (1 + draw(t, 10));
	p.min_samples_split = draw(t, 2) ? 2 : (uint32_t) (2 + draw(t, 10));
	p.max_bins = draw(t, 3) ? 255 : (uint32_t) (2 + draw(t, 40));
	p.split_rule = draw(t, 4) ? SPLIT_BEST : SPLIT_RANDOM;
	if (draw(t, 3) == 0 && data->nclasses <= 2)
		for (uint32_t f = 0; f < data->nfeatures; f++)
			if (t->columns[f].kind == LEARN_NUMERIC)
				t->columns[f].monotone = (int8_t) ((int) draw(t, 3) - 1);
	if (algorithm == LEARN_FOREST)
	{
		p.bootstrap = draw(t, 3) > 0;
		p.max_samples = draw(t, 3) ? 1.0 : 0.1 + 0.9 * draw_unit(t);
		if (data->nclasses > 0 && draw(t, 2))
			p.criterion = CRITERION_ENTROPY;
		return p;
	}
	p.subsample = draw(t, 3) ? 1.0 : 0.1 + 0.9 * draw_unit(t);
	p.l2_regularization = draw(t, 2) ? 0.0 : draw_unit(t) * 5.0;
	p.learning_rate = 0.05 + draw_unit(t);
	p.early_stopping_rounds = draw(t, 3) ? 0 : 1;
	if (draw(t, 4) == 0)
		p.criterion = CRITERION_FRIEDMAN_MSE;
	if (data->nclasses == 0)
	{
		p.loss = losses[draw(t, lengthof(losses))];
		p.quantile = 0.1 + 0.8 * draw_unit(t);
		if (p.loss == LOSS_POISSON)
			for (size_t i = 0; i < data->nrows; i++)
				t->target[i] = floor(fabs(t->target[i]));
	}
	return p;
}

/* ---- comparison ------------------------------------------------------------ */

static UNIT_UNUSED bool
same(const void *a, const void *b, size_t n, size_t size, const char *what)
{
	if (n == 0 || memcmp(a, b, n * size) == 0)
		return true;
	note("%s differ", what);
	return false;
}

/* Are two fits the same in every bit? */
static UNIT_UNUSED bool
same_fit(const LearnFit *a, const LearnFit *b, size_t ntrain)
{
	const LearnModel *m = &a->model,
			   *o = &b->model;
	uint32_t	k = m->nclasses;

	if (m->ntrees != o->ntrees || m->nnodes != o->nnodes || m->nthresholds != o->nthresholds ||
		m->nsets != o->nsets || m->nleaves != o->nleaves || a->ncurve != b->ncurve ||
		m->nscores != o->nscores)
	{
		note("trees %u %u, nodes %u %u, thresholds %u %u, sets %u %u, leaves %u %u",
			 m->ntrees, o->ntrees, (unsigned) m->nnodes, (unsigned) o->nnodes,
			 (unsigned) m->nthresholds, (unsigned) o->nthresholds, (unsigned) m->nsets,
			 (unsigned) o->nsets, (unsigned) m->nleaves, (unsigned) o->nleaves);
		return false;
	}
	return same(m->nodes, o->nodes, m->nnodes, sizeof(LearnNode), "nodes") &&
		same(m->thresholds, o->thresholds, m->nthresholds, sizeof(double), "thresholds") &&
		same(m->features, o->features, m->nfeatures, sizeof(LearnFeature), "features") &&
		same(m->covers, o->covers, m->nnodes, sizeof(float), "covers") &&
		same(m->tree_first, o->tree_first, m->ntrees + 1, sizeof(uint64_t), "places of trees") &&
		same(m->tree_first_set, o->tree_first_set, m->ntrees + 1, sizeof(uint64_t), "places of sets") &&
		same(m->set_first, o->set_first, m->nsets + 1, sizeof(uint64_t), "sets") &&
		same(m->set_words, o->set_words, m->set_first[m->nsets], sizeof(uint32_t), "words of sets") &&
		same(m->leaf_table, o->leaf_table, m->nleaves * k, sizeof(double), "leaf tables") &&
		same(m->base, o->base, m->nscores, sizeof(double), "start values") &&
		same(m->gain, o->gain, m->nfeatures, sizeof(double), "gains") &&
		same(m->splits, o->splits, m->nfeatures, sizeof(uint64_t), "numbers of splits") &&
		same(a->curve, b->curve, a->ncurve, sizeof(LearnCurvePoint), "curves") &&
		(a->oob == NULL) == (b->oob == NULL) &&
		(a->oob == NULL || same(a->oob, b->oob, ntrain * (k > 0 ? k : 1), sizeof(double), "out-of-bag estimates"));
}

#endif							/* ECHOLON_UNIT_TABLES_H */

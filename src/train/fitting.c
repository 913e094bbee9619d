/*
 * fitting.c
 *		The middle of a training: split, fit, measure, and fit again where that is asked for.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "learn/metrics.h"
#include "train/train.h"

/* Rows of the held-out sample, and rows that train_score is measured on. */
#define SAMPLE_ROWS		20000
#define TRAIN_SCORE_ROWS	5000

/* Trees or rounds that suffice to tell which of two fits is the better one. */
#define TRIAL_TREES		25
#define TRIAL_ROUNDS	50

HoldoutKind
holdout_kind(const ParamValues *values)
{
	if (values->value[PARAM_SPLIT_BY].given && values->value[PARAM_SPLIT_GROUPS].given)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("split_by and split_groups cannot be used together"),
				 errhint("A split in time already measures every group on its later rows.")));
	if (values->value[PARAM_SPLIT_BY].given)
		return HOLDOUT_TIME;
	return values->value[PARAM_SPLIT_GROUPS].given ? HOLDOUT_GROUPS : HOLDOUT_HASH;
}

/* Row weights for a fit to these rows: sample_weight times the class's weight; NULL: all 1. */
static const double *
fit_weights(Training *t, const uint32 *rows, size_t n)
{
	const double *sample = t->frame->weight < 0 ? NULL : t->frame->columns[t->frame->weight].values;
	double	   *weights;

	if (sample == NULL && t->class_weights == NULL)
		return NULL;
	if (t->balanced)
	{
		uint64	   *counts = palloc0(sizeof(uint64) * t->target.nclasses);

		for (size_t i = 0; i < n; i++)
			counts[(uint32) t->target.values[rows[i]]]++;
		for (uint32 k = 0; k < t->target.nclasses; k++)
			t->class_weights[k] = counts[k] == 0 ? 1.0
				: (double) n / ((double) t->target.nclasses * (double) counts[k]);
	}
	weights = palloc_rows(t->frame->nrows, sizeof(double));
	for (size_t i = 0; i < t->frame->nrows; i++)
		weights[i] = (sample ? sample[i] : 1.0) *
			(t->class_weights ? t->class_weights[(uint32) t->target.values[i]] : 1.0);
	return weights;
}

void
training_check_memory(MemoryContext context, size_t need, const char *what, const char *detail, const char *hint)
{
	size_t		used = MemoryContextMemAllocated(context, true);
	size_t		limit = max_memory_bytes();

	if (need > limit || used > limit - need)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s about %zu MB, echolon.max_memory allows %zu MB", what,
						need > SIZE_MAX - used ? SIZE_MAX >> 20 : (need + used) >> 20, limit >> 20),
				 errdetail_internal("%s", detail),
				 errhint("%s", hint)));
}

/* The weights of a fit must be such that their sum is a number that a tree can hold. */
static void
check_weights(const Training *t, const uint32 *rows, size_t n)
{
	double		total = 0;

	for (size_t i = 0; i < n; i++)
		total += t->data.weight[rows[i]];
	/* a node's cover is a float, and a bootstrap may draw the heaviest row n times */
	if (!(total <= FLT_MAX / (double) n))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the weights of the training rows are too large"),
				 errdetail("They add up to %g; at most %g is possible for %zu rows.",
						   total, FLT_MAX / (double) n, n),
				 errhint("Divide sample_weight or class_weight by a constant: only their proportions matter.")));
	if (total == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("every training row has weight 0"),
				 errhint("Check column \"%s\".", t->values.value[PARAM_SAMPLE_WEIGHT].word)));
}

/* What every fit begins with: weights, treatments and means of these rows, and the memory for it. */
static void
fit_prepare(Training *t, const uint32 *rows, size_t n, size_t nwatch, const LearnParams *params)
{
	size_t		need;

	t->data.weight = fit_weights(t, rows, n);
	if (t->data.weight)
		check_weights(t, rows, n);
	/* what goes on from a model uses that one's treatments and means */
	if (!t->from)
	{
		clean_fit(t, rows, n);
		encode_fit(t->frame, &t->target, &t->values, rows, n, &t->set);
	}
	need = t->from ? learn_continue_memory(&t->from->start, &t->data, n, nwatch, params) :
		learn_fit_memory(&t->data, n, nwatch, params);
	training_check_memory(t->context, need, "training needs",
						  psprintf("%zu rows, %u features, %u trees.", n, t->set.nfeatures, params->n_estimators),
						  "Raise echolon.max_memory, or train on fewer rows, fewer trees, smaller trees (max_depth, max_leaf_nodes, min_samples_leaf).");
	workers_prepare(t, need);
}

static void
fit_rows(Training *t, const uint32 *rows, size_t n, const uint32 *watch, size_t nwatch)
{
	fit_prepare(t, rows, n, nwatch, &t->params);
	if (t->from)
		learn_continue(training_env(t), &t->from->start, &t->data, rows, n, watch, nwatch, &t->params, &t->fit);
	else
	{
		learn_fit(training_env(t), &t->data, rows, n, watch, nwatch, &t->params, &t->fit);
		encode_stats(&t->set, rows, n, t->fit.stats);
	}
}

double
fit_trial(Training *t, const uint32 *rows, size_t n, const uint32 *test, size_t ntest)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "Echolon trial", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	LearnParams params = t->params;
	LearnFit	fit;
	Scores		scores;
	double	   *predictions;

	params.n_estimators = Min(params.n_estimators,
							  params.algorithm == LEARN_FOREST ? TRIAL_TREES : TRIAL_ROUNDS);
	params.early_stopping_rounds = 0;
	fit_prepare(t, rows, n, 0, &params);
	learn_fit(training_env(t), &t->data, rows, n, NULL, 0, &params, &fit);
	predictions = palloc_rows(ntest, sizeof(double) * learn_noutputs(&fit.model));
	learn_predict_columns(training_env(t), &fit.model, t->set.columns, test, ntest, predictions);
	scores_measure(&t->target, 0.5, test, ntest, predictions, &scores);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return scores_value(&scores, t->target.nclasses > 0 ? "log_loss" : "r2");
}

/* A held-out part of the training rows must know all classes, or the fit would not. */
static void
check_classes(const Training *t, const uint32 *rows, size_t n)
{
	bool	   *seen;

	if (t->target.nclasses == 0)
		return;
	seen = palloc0(t->target.nclasses);
	for (size_t i = 0; i < n; i++)
		seen[(uint32) t->target.values[rows[i]]] = true;
	for (uint32 k = 0; k < t->target.nclasses; k++)
		if (!seen[k])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("class '%s' has no training row", t->target.labels[k]),
					 errdetail("All its rows are held out by the split."),
					 errhint("Use another split, a smaller test_fraction, or merge rare classes.")));
}

static double *
predict_rows(const Training *t, const uint32 *rows, size_t n)
{
	double	   *out = palloc_extended(mul_size(sizeof(double) * learn_noutputs(&t->fit.model), Max(n, 1)),
									  MCXT_ALLOC_HUGE);

	learn_predict_columns(training_env(t), &t->fit.model, t->set.columns, rows, n, out);
	return out;
}

/* Rows with an out-of-bag prediction; the predictions are moved together. */
static uint32 *
oob_rows(const Training *t, double **predictions, size_t *n)
{
	uint32		width = learn_noutputs(&t->fit.model);
	uint32	   *rows = palloc_rows(t->nfitted, sizeof(uint32));

	*predictions = palloc_rows(t->nfitted, sizeof(double) * width);
	*n = 0;
	for (size_t i = 0; i < t->nfitted; i++)
		if (!isnan(t->fit.oob[i * width]))
		{
			memcpy(&(*predictions)[*n * width], &t->fit.oob[i * width], sizeof(double) * width);
			rows[(*n)++] = t->fitted[i];
		}
	return rows;
}

/* The threshold of two classes: as given, or found on rows the model was not fitted to. */
static double
find_threshold(const Training *t, const Holdout *inner)
{
	const ParamValue *wanted = &t->values.value[PARAM_THRESHOLD];
	uint32	   *rows = inner->test;
	size_t		n = inner->ntest;
	double	   *predictions;
	double	   *score;
	bool	   *positive;

	if (wanted->is_number)
		return wanted->number;
	if (t->fit.oob)
		rows = oob_rows(t, &predictions, &n);
	else
		predictions = predict_rows(t, rows, n);
	score = palloc_rows(n, sizeof(double));
	positive = palloc_rows(n, sizeof(bool));
	for (size_t i = 0; i < n; i++)
	{
		score[i] = predictions[i * 2 + t->target.positive];
		positive[i] = t->target.values[rows[i]] == t->target.positive;
	}
	return metrics_best_threshold(backend_env(), positive, score, NULL, n,
								  strcmp(wanted->word, "balanced") == 0);
}

/* Keep at most SAMPLE_ROWS held-out predictions: rows are in hash order, so the first are a sample. */
static void
keep_sample(Training *t, const Predicted *predicted)
{
	t->sample.rows = predicted->n;
	t->sample.n = (int) Min(predicted->n, SAMPLE_ROWS);
	t->sample.noutputs = learn_noutputs(&t->fit.model);
	t->sample.predicted = predicted->values;
	t->sample.actual = palloc(sizeof(double) * Max(t->sample.n, 1));
	for (int i = 0; i < t->sample.n; i++)
		t->sample.actual[i] = t->target.values[predicted->rows[i]];
}

/* Predict what the fit is measured on: training, out-of-bag and held-out rows. */
static void
predict_measured(Training *t)
{
	t->on_train.rows = t->fitted;
	t->on_train.n = Min(t->nfitted, TRAIN_SCORE_ROWS);
	t->on_train.values = predict_rows(t, t->fitted, t->on_train.n);
	if (t->fit.oob)
		t->on_oob.rows = oob_rows(t, &t->on_oob.values, &t->on_oob.n);
	if (t->outer.ntest > 0)
	{
		t->on_test.rows = t->outer.test;
		t->on_test.n = t->outer.ntest;
		t->on_test.values = predict_rows(t, t->outer.test, t->outer.ntest);
	}
}

void
predicted_scores(const Training *t, const Predicted *predicted, Scores *scores)
{
	memset(scores, 0, sizeof(*scores));
	if (predicted->n > 0)
		scores_measure(&t->target, t->threshold, predicted->rows, predicted->n, predicted->values, scores);
}

Predicted *
training_measured(Training *t)
{
	return t->outer.ntest > 0 ? &t->on_test : &t->on_oob;
}

void
training_baseline(Training *t)
{
	if (t->outer.ntest > 0)
		baseline_measure(t->frame, &t->target, &t->outer, t->threshold,
						 t->feature_set ? t->feature_set->group_by : NIL, set_horizon(t), &t->baseline);
}

/* Scores of the predictions on held-out, training and out-of-bag rows, and the baseline. */
static void
score_measured(Training *t)
{
	const Predicted *measured = training_measured(t);

	predicted_scores(t, &t->on_train, &t->train_score);
	predicted_scores(t, &t->on_oob, &t->oob_score);
	t->measured_on = "none";
	if (measured->n > 0)
	{
		t->measured_on = t->outer.ntest == 0 ? "oob" : t->refitted ? "holdout_before_refit" : "holdout";
		predicted_scores(t, measured, &t->score);
		t->nmeasured = measured->n;
		keep_sample(t, measured);
	}
	training_baseline(t);
}

void
split_rows(Training *t)
{
	const ParamValue *v = t->values.value;

	holdout_split(t->frame, &t->target, NULL, 0, holdout_kind(&t->values), v[PARAM_TEST_FRACTION].number,
				  (uint64) v[PARAM_SEED].integer, STREAM_OUTER,
				  holdout_known(t->recipe, &t->target, v[PARAM_TEST_FRACTION].number, v[PARAM_SEED].integer),
				  &t->outer);
	if (v[PARAM_HIGH_VALUE_PERCENTILE].given && !t->from)
		target_cut(t->frame, v[PARAM_HIGH_VALUE_PERCENTILE].number, t->outer.train, t->outer.ntrain, &t->target);
}

/* Hold out some of the training rows for early stopping, or to find the threshold. */
static void
split_inner(Training *t)
{
	const ParamValue *v = t->values.value;
	bool		searching = t->target.nclasses == 2 && !v[PARAM_THRESHOLD].is_number && !t->params.bootstrap;

	if (t->params.early_stopping_rounds > 0 || searching)
		holdout_split(t->frame, &t->target, t->outer.train, t->outer.ntrain, holdout_kind(&t->values),
					  v[PARAM_VALIDATION_FRACTION].number, t->params.seed, STREAM_INNER, NULL, &t->inner);
}

void
fit_measured(Training *t)
{
	const Holdout *inner = &t->inner;
	bool		stopping = t->params.early_stopping_rounds > 0;

	t->fitted = inner->ntest > 0 ? inner->train : t->outer.train;
	t->nfitted = inner->ntest > 0 ? inner->ntrain : t->outer.ntrain;
	t->fitted = clean_rows(t, t->fitted, &t->nfitted);
	check_classes(t, t->fitted, t->nfitted);
	if (stopping)
		fit_rows(t, t->fitted, t->nfitted, inner->test, inner->ntest);
	else if (t->params.algorithm == LEARN_FOREST || t->whole)
		fit_rows(t, t->fitted, t->nfitted, NULL, 0);
	else						/* the learning curve watches the held-out rows; nothing is decided by them */
		fit_rows(t, t->fitted, t->nfitted, t->outer.test, t->outer.ntest);
	t->curve = t->fit.curve;
	t->ncurve = t->fit.ncurve;
	t->threshold = t->target.nclasses == 2 ? find_threshold(t, inner) : 0.5;
	predict_measured(t);
}

void
fit_again(Training *t)
{
	LearnParams found = t->params;
	Holdout		all;
	const uint32 *all_rows;

	if (!t->refitted)
		return;
	if (t->params.early_stopping_rounds > 0)
	{
		t->params.n_estimators = Max(t->fit.rounds, 1);
		t->params.early_stopping_rounds = 0;
	}
	holdout_split(t->frame, &t->target, NULL, 0, HOLDOUT_NONE, 0, t->params.seed, STREAM_OUTER,
				  NULL, &all);
	all_rows = clean_rows(t, all.train, &all.ntrain);
	fit_rows(t, all_rows, all.ntrain, NULL, 0);
	found.n_estimators = t->params.n_estimators;
	t->params = found;
}

void
fit_and_measure(Training *t)
{
	const ParamValue *refit = &t->values.value[PARAM_REFIT];

	t->refitted = refit->given ? refit->boolean && t->outer.ntest > 0 : t->outer.kind == HOLDOUT_TIME;
	split_inner(t);
	fit_measured(t);
	groups_fit(t);
	score_measured(t);
	fit_again(t);
}

void
continue_and_measure(Training *t)
{
	Continuation *from = t->from;

	t->fitted = t->outer.train;
	t->nfitted = t->outer.ntrain;
	t->threshold = from->model->file.threshold;
	if (t->outer.ntest > 0)
	{
		double	   *predictions = palloc_rows(t->outer.ntest, sizeof(double) * learn_noutputs(from->start.model));

		learn_predict_columns(backend_env(), from->start.model, t->set.columns, t->outer.test, t->outer.ntest,
							  predictions);
		scores_measure(&t->target, t->threshold, t->outer.test, t->outer.ntest, predictions, &from->before);
		pfree(predictions);
	}
	fit_rows(t, t->fitted, t->nfitted, t->outer.test, t->outer.ntest);
	t->curve = t->fit.curve;
	t->ncurve = t->fit.ncurve;
	predict_measured(t);
	score_measured(t);
	if (t->outer.ntest > 0)
		t->measured_on = "holdout_of_update";
}

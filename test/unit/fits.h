/*
 * fits.h
 *		Parameters to start from, and what the tests do with a fit.
 */
#ifndef ECHOLON_UNIT_FITS_H
#define ECHOLON_UNIT_FITS_H

#include "unit.h"

/* A forest of n full trees on all rows and features: no randomness. */
static UNIT_UNUSED LearnParams
forest_params(const LearnData *data, uint32_t n)
{
	return (LearnParams) {
		.algorithm = LEARN_FOREST, .n_estimators = n, .max_features = data->nfeatures,
		.min_samples_leaf = 1, .min_samples_split = 2, .max_samples = 1.0, .learning_rate = 0.1,
		.subsample = 1.0, .max_bins = 255, .seed = 42,
		.criterion = data->nclasses > 0 ? CRITERION_GINI : CRITERION_SQUARED_ERROR
	};
}

/* Boosting as echolon_train_gb has it by default, but for min_samples_leaf 1. */
static UNIT_UNUSED LearnParams
boosting_params(const LearnData *data, uint32_t n)
{
	LearnParams params = forest_params(data, n);

	params.algorithm = LEARN_BOOSTING;
	params.max_leaf_nodes = 31;
	params.criterion = CRITERION_NEWTON;
	params.loss = data->nclasses == 0 ? LOSS_SQUARED_ERROR :
		data->nclasses == 2 ? LOSS_LOGISTIC : LOSS_SOFTMAX;
	params.quantile = 0.5;
	return params;
}

static UNIT_UNUSED void
fit_free(LearnFit *fit, uint32_t nfeatures)
{
	LearnModel *m = &fit->model;

	for (uint32_t f = 0; f < nfeatures; f++)
	{
		free((void *) fit->stats[f].upper);
		free((void *) fit->stats[f].counts);
	}
	free(fit->stats);
	free(fit->oob);
	free(fit->curve);
	free((void *) m->base);
	free((void *) m->features);
	free((void *) m->thresholds);
	free((void *) m->tree_first);
	free((void *) m->nodes);
	free((void *) m->covers);
	free((void *) m->tree_first_set);
	free((void *) m->set_first);
	free((void *) m->set_words);
	free((void *) m->leaf_table);
	free((void *) m->gain);
	free((void *) m->splits);
}

/* The first n row numbers; for free(). */
static UNIT_UNUSED uint32_t *
first_rows(size_t n)
{
	uint32_t   *rows = malloc(n * sizeof(uint32_t) + 1);

	for (size_t i = 0; i < n; i++)
		rows[i] = (uint32_t) i;
	return rows;
}

/* Fit all rows. */
static UNIT_UNUSED LearnFit
fit_all(const LearnData *data, const LearnParams *params)
{
	uint32_t   *rows = first_rows(data->nrows);
	LearnFit	fit;

	learn_fit(&unit_env, data, rows, data->nrows, NULL, 0, params, &fit);
	free(rows);
	return fit;
}

/* One row of columns as learn_predict_row takes it. */
static UNIT_UNUSED void
row_numbers(const LearnData *data, size_t row, double *x)
{
	for (uint32_t f = 0; f < data->nfeatures; f++)
	{
		const LearnColumn *column = &data->columns[f];

		if (column->kind == LEARN_NUMERIC)
			x[f] = column->values[row];
		else
			x[f] = column->codes[row] == LEARN_MISSING ? NAN : column->codes[row];
	}
}

#endif							/* ECHOLON_UNIT_FITS_H */

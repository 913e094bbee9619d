/*
 * scores.c
 *		Metrics of a set of rows as a named list, and as JSON.
 *
 * Scores count rows: a sample_weight steers training and no score.
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"

#include "learn/metrics.h"
#include "train/train.h"

static const char *const regression_names[] = {"mse", "rmse", "mae", "median_absolute_error", "mape", "r2"};
static const char *const class_names[] = {"accuracy", "balanced_accuracy", "log_loss", "roc_auc",
"average_precision", "f1", "mcc", "brier"};

void
scores_measure(const Target *target, double threshold, const uint32 *rows, size_t n,
			   const double *predictions, Scores *scores)
{
	double	   *actual;

	memset(scores, 0, sizeof(*scores));
	if (n == 0)
		return;
	actual = palloc_rows(n, sizeof(double));
	for (size_t i = 0; i < n; i++)
		actual[i] = target->values[rows[i]];

	if (target->task == TASK_REGRESSION)
	{
		RegressionMetrics m;

		metrics_regression(backend_env(), actual, predictions, NULL, n, &m);
		scores->n = lengthof(regression_names);
		scores->names = regression_names;
		scores->values[0] = m.mse;
		scores->values[1] = m.rmse;
		scores->values[2] = m.mae;
		scores->values[3] = m.median_absolute_error;
		scores->values[4] = m.mape;
		scores->values[5] = m.r2;
	}
	else
	{
		ClassMetrics m;

		metrics_classification(backend_env(), actual, predictions, NULL, n, target->nclasses,
							   target->positive, threshold, &m);
		scores->n = lengthof(class_names);
		scores->names = class_names;
		scores->values[0] = m.accuracy;
		scores->values[1] = m.balanced_accuracy;
		scores->values[2] = m.log_loss;
		scores->values[3] = m.roc_auc;
		scores->values[4] = m.average_precision;
		scores->values[5] = m.f1;
		scores->values[6] = m.mcc;
		scores->values[7] = m.brier;
	}
	pfree(actual);
}

const char *
scores_headline(const Target *target)
{
	return target->task == TASK_REGRESSION ? "r2" : "roc_auc";
}

double
scores_value(const Scores *scores, const char *name)
{
	for (int i = 0; i < scores->n; i++)
		if (strcmp(scores->names[i], name) == 0)
			return scores->values[i];
	return NAN;
}

/* A JSON string, of text in the database's encoding. */
void
json_string(StringInfo out, const char *text)
{
	appendStringInfoChar(out, '"');
	for (const char *p = text; *p; p++)
	{
		if (*p == '"' || *p == '\\')
			appendStringInfoChar(out, '\\');
		if ((unsigned char) *p < 0x20)
			appendStringInfo(out, "\\u%04x", *p);
		else
			appendStringInfoChar(out, *p);
	}
	appendStringInfoChar(out, '"');
}

/* A JSON number: the shortest text that reads back the same, whatever extra_float_digits is; null for NaN and infinities. */
void
json_number(StringInfo out, double value)
{
	if (isfinite(value))
		appendStringInfoString(out, double_to_shortest_decimal(value));
	else
		appendStringInfoString(out, "null");
}

void
scores_json(const Scores *scores, const char *extra_name, const char *extra_value, StringInfo out)
{
	const char *separator = "";

	appendStringInfoChar(out, '{');
	if (extra_name)
	{
		appendStringInfo(out, "\"%s\": ", extra_name);
		json_string(out, extra_value);
		separator = ", ";
	}
	for (int i = 0; i < scores->n; i++)
	{
		appendStringInfo(out, "%s\"%s\": ", separator, scores->names[i]);
		json_number(out, scores->values[i]);
		separator = ", ";
	}
	appendStringInfoChar(out, '}');
}

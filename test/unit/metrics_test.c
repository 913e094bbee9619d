/*
 * metrics_test.c
 *		metrics.c against scikit-learn's numbers and against definitions spelled out.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learn/hash.h"
#include "learn/metrics.h"

#include "metrics_oracle.h"
#include "unit.h"

#define lengthof(a) (sizeof(a) / sizeof((a)[0]))

/* Equal to 1e-12 relative, NaN to NaN. */
static bool
near(double a, double b)
{
	if (isnan(a) || isnan(b))
		return isnan(a) && isnan(b);
	return fabs(a - b) <= 1e-12 * fmax(1.0, fabs(b));
}

static bool
all_near(const double *a, const double *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!near(a[i], b[i]))
		{
			printf("# number %zu is %.17g, not %.17g\n", i, a[i], b[i]);
			return false;
		}
	return true;
}

static bool
regression_is(const double *actual, const double *predicted, const double *w, size_t n,
			  const double *expected)
{
	RegressionMetrics m;

	metrics_regression(&unit_env, actual, predicted, w, n, &m);
	return m.n == n &&
		all_near((double[]) {m.mse, m.rmse, m.mae, m.median_absolute_error, m.mape, m.r2}, expected, 6);
}

static bool
classification_is(const double *actual, const double *proba, const double *w, size_t n,
				  uint32_t nclasses, uint32_t positive, double threshold, const double *expected)
{
	ClassMetrics m;

	metrics_classification(&unit_env, actual, proba, w, n, nclasses, positive, threshold, &m);
	return m.n == n &&
		all_near((double[]) {m.accuracy, m.balanced_accuracy, m.log_loss, m.roc_auc,
				m.average_precision, m.f1, m.mcc, m.brier}, expected, 8);
}

static bool
report_is(const double *actual, const double *proba, const double *w, size_t n, uint32_t nclasses,
		  const double *expected)
{
	double		confusion[16];
	ClassReport rows[6];

	metrics_confusion(actual, proba, w, n, nclasses, nclasses == 2 ? 1 : 0, 0.5, confusion);
	metrics_report(confusion, nclasses, rows, &rows[nclasses], &rows[nclasses + 1]);
	return all_near(&rows[0].precision, expected, 4 * (nclasses + 2));
}

/* Curve points as x, y pairs; the first threshold is infinite, the others fall. */
static bool
curve_is(const CurvePoint *points, size_t n, const double *expected, size_t nexpected)
{
	if (n != nexpected || points[0].threshold != INFINITY)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		if (!near(points[i].x, expected[2 * i]) || !near(points[i].y, expected[2 * i + 1]))
			return false;
		if (i > 0 && !(points[i].threshold < points[i - 1].threshold))
			return false;
	}
	return true;
}

static void
test_regression(void)
{
	const double constant[] = {3, 3, 3};
	const double guess[] = {2, 3, 5};
	const double zero[] = {0, 1, 3};
	const double none[] = {0, 0, 0};
	const double last[] = {0, 0, 2};
	RegressionMetrics m;

	ok(regression_is(reg_actual, reg_predicted, NULL, 10, reg_plain), "regression, even number of rows");
	ok(regression_is(reg_actual, reg_predicted, NULL, 9, reg_odd), "regression, odd number of rows");
	ok(regression_is(reg_actual, reg_predicted, reg_weight, 10, reg_weighted), "regression, weights, some of them 0");
	metrics_regression(&unit_env, constant, guess, NULL, 3, &m);
	ok(isnan(m.r2) && near(m.mse, 5.0 / 3) && near(m.mape, 1.0 / 3), "a constant target has no r2");
	metrics_regression(&unit_env, zero, guess, NULL, 3, &m);
	ok(isnan(m.mape) && near(m.r2, 1 - 12 / (14.0 / 3)), "an actual value of 0 has no mape");
	metrics_regression(&unit_env, zero, guess, last, 3, &m);
	ok(near(m.mape, 2.0 / 3) && isnan(m.r2) && near(m.median_absolute_error, 2), "rows of weight 0 count for nothing");
	metrics_regression(&unit_env, zero, guess, none, 3, &m);
	ok(isnan(m.mse) && isnan(m.median_absolute_error), "no weight at all: NaN");
	metrics_regression(&unit_env, NULL, NULL, NULL, 0, &m);
	ok(m.n == 0 && isnan(m.rmse), "no rows: NaN");
}

/* Squares whose plain sum would lose every digit of r2. */
static void
test_large_offset(void)
{
	enum
	{
		N = 10000
	};
	double		actual[N],
				predicted[N];
	RegressionMetrics m;

	for (int i = 0; i < N; i++)
	{
		actual[i] = 1e9 + (i % 2 ? 1.0 : -1.0);
		predicted[i] = 1e9 + (i % 2 ? 0.5 : -0.5);
	}
	metrics_regression(&unit_env, actual, predicted, NULL, N, &m);
	ok(near(m.r2, 0.75) && near(m.mse, 0.25), "r2 of values far from 0");
}

static void
test_classes(void)
{
	const double one[] = {1, 1};
	const double proba[] = {0.5, 0.5, 0.25, 0.75};
	const double three[] = {0.25, 0.25, 0.5, 0.4, 0.4, 0.2};
	CurvePoint	points[32];
	bool		positive[24];
	double		score[24];
	ClassMetrics m;
	size_t		n;

	ok(classification_is(two_actual, two_proba, NULL, 24, 2, 1, 0.5, two_plain), "two classes, ties");
	ok(classification_is(two_actual, two_proba, two_weight, 24, 2, 1, 0.5, two_weighted), "two classes, weights");
	ok(classification_is(two_actual, two_proba, NULL, 24, 2, 0, 0.35, two_other), "two classes, the other positive, a threshold");
	ok(report_is(two_actual, two_proba, NULL, 24, 2, two_report_plain), "report of two classes");
	ok(report_is(two_actual, two_proba, two_weight, 24, 2, two_report_weighted), "report of two classes, weights");
	ok(classification_is(four_actual, four_proba, NULL, 30, 4, 0, 0.5, four_plain), "four classes, one absent");
	ok(classification_is(four_actual, four_proba, four_weight, 30, 4, 0, 0.5, four_weighted), "four classes, weights");
	ok(report_is(four_actual, four_proba, NULL, 30, 4, four_report_plain), "report of four classes");
	ok(report_is(four_actual, four_proba, four_weight, 30, 4, four_report_weighted), "report of four classes, weights");

	{
		double		confusion[16];

		metrics_confusion(four_actual, four_proba, NULL, 30, 4, 0, 0.5, confusion);
		ok(all_near(confusion, four_confusion, 16), "confusion matrix");
	}

	for (int i = 0; i < 24; i++)
	{
		positive[i] = two_actual[i] == 1;
		score[i] = two_proba[2 * i + 1];
	}
	n = metrics_roc_curve(&unit_env, positive, score, NULL, 24, points);
	ok(curve_is(points, n, two_roc, lengthof(two_roc) / 2), "ROC curve");
	n = metrics_roc_curve(&unit_env, positive, score, two_weight, 24, points);
	ok(curve_is(points, n, two_roc_weighted, lengthof(two_roc_weighted) / 2), "ROC curve, weights");
	n = metrics_pr_curve(&unit_env, positive, score, NULL, 24, points);
	ok(curve_is(points, n, two_pr, lengthof(two_pr) / 2), "precision and recall");

	ok(metrics_predicted_class(three, 3, 0, 0.5) == 2 && metrics_predicted_class(three + 3, 3, 0, 0.5) == 0,
	   "the most likely class, of equal ones the first");
	ok(metrics_predicted_class(proba, 2, 1, 0.5) == 1 && metrics_predicted_class(proba, 2, 0, 0.5) == 0 &&
	   metrics_predicted_class(proba + 2, 2, 1, 0.76) == 0, "two classes: positive from the threshold on");

	metrics_classification(&unit_env, one, proba, NULL, 2, 2, 1, 0.5, &m);
	ok(isnan(m.roc_auc) && m.average_precision == 1 && m.accuracy == 1 && m.balanced_accuracy == 1 && m.mcc == 0,
	   "one class only: no roc_auc, mcc 0");
	metrics_classification(&unit_env, NULL, NULL, NULL, 0, 3, 0, 0.5, &m);
	ok(m.n == 0 && isnan(m.accuracy) && isnan(m.log_loss) && isnan(m.roc_auc), "no rows: NaN");
	for (int i = 0; i < 24; i++)
		positive[i] = true;
	ok(metrics_roc_curve(&unit_env, positive, score, NULL, 24, points) == 0 &&
	   metrics_pr_curve(&unit_env, positive, score, NULL, 24, points) > 1, "curves of one class");
}

/* A certain and wrong prediction costs -log(1e-15), not infinitely much. */
static void
test_clip(void)
{
	const double actual[] = {0, 1};
	const double proba[] = {0, 1, 0, 1};
	ClassMetrics m;

	metrics_classification(&unit_env, actual, proba, NULL, 2, 2, 1, 0.5, &m);
	ok(near(m.log_loss, (-log(1e-15) - log1p(-1e-15)) / 2) && m.brier == 0.5, "probabilities of 0 and 1");
}

/* Area, precision and threshold of many rows by their definitions: every pair, every cut. */
static void
test_ranking(size_t n, int levels, bool weighted, const char *name)
{
	bool	   *positive = malloc(n * sizeof(bool));
	double	   *score = malloc(n * sizeof(double));
	double	   *w = malloc(n * sizeof(double));
	double		pairs = 0,
				wins = 0,
				hits = 0,
				precision = 0,
				best[2] = {-1, -1},
				got[2];
	char		label[100];

	for (size_t i = 0; i < n; i++)
	{
		uint64_t	h = hash_random(5, (uint64_t) levels, i);

		positive[i] = h % 3 == 0;
		score[i] = (hash_unit(hash_mix(h)) + (positive[i] ? 0.2 : 0.0)) / 1.2;
		if (levels > 0)
			score[i] = floor(score[i] * levels) / levels - 0.25;
		w[i] = weighted ? (double) (hash_mix(h + 1) % 4) : 1.0;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; positive[i] && j < n; j++)
			if (!positive[j])
			{
				pairs += w[i] * w[j];
				wins += w[i] * w[j] * (score[i] > score[j] ? 1.0 : score[i] == score[j] ? 0.5 : 0.0);
			}
	for (size_t i = 0; i < n; i++)
	{
		double		above = 0,
					taken = 0,
					all = 0,
					total = 0;

		for (size_t j = 0; j < n; j++)
		{
			above += score[j] >= score[i] && positive[j] ? w[j] : 0.0;
			taken += score[j] >= score[i] ? w[j] : 0.0;
			all += positive[j] ? w[j] : 0.0;
			total += w[j];
		}
		if (positive[i] && w[i] > 0)
		{
			precision += w[i] * above / taken;
			hits += w[i];
		}
		if (taken < total && taken > 0)
		{
			best[0] = fmax(best[0], 2 * above / (all + taken));
			best[1] = fmax(best[1], 0.5 * (above / all + 1 - (taken - above) / (total - all)));
		}
	}
	for (int b = 0; b < 2; b++)
	{
		double		t = metrics_best_threshold(&unit_env, positive, score, weighted ? w : NULL, n, b == 1);
		double		above = 0,
					taken = 0,
					all = 0,
					total = 0;

		for (size_t j = 0; j < n; j++)
		{
			above += score[j] >= t && positive[j] ? w[j] : 0.0;
			taken += score[j] >= t ? w[j] : 0.0;
			all += positive[j] ? w[j] : 0.0;
			total += w[j];
		}
		got[b] = b ? 0.5 * (above / all + 1 - (taken - above) / (total - all)) : 2 * above / (all + taken);
	}
	snprintf(label, sizeof(label), "roc_auc is the share of ordered pairs: %s", name);
	ok(fabs(metrics_roc_auc(&unit_env, positive, score, weighted ? w : NULL, n) - wins / pairs) < 1e-12, label);
	snprintf(label, sizeof(label), "average precision by its definition: %s", name);
	ok(fabs(metrics_average_precision(&unit_env, positive, score, weighted ? w : NULL, n) - precision / hits) < 1e-12, label);
	snprintf(label, sizeof(label), "no cut is better than the best threshold: %s", name);
	ok(near(got[0], best[0]) && near(got[1], best[1]), label);
	free(positive);
	free(score);
	free(w);
}

static void
test_threshold(void)
{
	const double score[] = {0.1, 0.2, 0.3, 0.6, 0.7, 0.9};
	const bool	separable[] = {false, false, false, true, true, true};
	const bool	all[] = {true, true, true, true, true, true};
	const double same[] = {0.2, 0.2, 0.2, 0.2, 0.2, 0.2};
	const double close[] = {0.3, 0.3, 0.3, nextafter(0.3, 1), nextafter(0.3, 1), nextafter(0.3, 1)};
	double		t;

	ok(near(metrics_best_threshold(&unit_env, separable, score, NULL, 6, false), 0.45), "the threshold is a midpoint");
	ok(metrics_best_threshold(&unit_env, all, score, NULL, 6, false) == 0.5 &&
	   metrics_best_threshold(&unit_env, separable, same, NULL, 6, true) == 0.5 &&
	   metrics_best_threshold(&unit_env, NULL, NULL, NULL, 0, true) == 0.5, "0.5 where there is nothing to choose");
	t = metrics_best_threshold(&unit_env, separable, close, NULL, 6, true);
	ok(close[0] < t && t <= close[3], "neighbouring numbers are told apart");
}

/* Scores of any sign and size, infinities too, in the order numbers have. */
static void
test_order(void)
{
	const double score[] = {-INFINITY, -1e300, -2.0, -1e-320, -0.0, 0.0, 5e-324, 1.0, 1e300, INFINITY};
	const bool	positive[] = {false, true, false, true, false, true, true, false, true, true};
	CurvePoint	points[11];
	size_t		n = metrics_roc_curve(&unit_env, positive, score, NULL, 10, points);

	ok(n == 10 && points[n - 1].threshold == -INFINITY && points[1].threshold == INFINITY,
	   "0 and -0 are one score, infinities are scores");
	/* 24 pairs; how many of the 4 negatives each positive beats, from the highest score down */
	ok(near(metrics_roc_auc(&unit_env, positive, score, NULL, 10), (4 + 4 + 3 + 2.5 + 2 + 1) / 24.0),
	   "area over scores of every size");
}

int
main(void)
{
	test_regression();
	test_large_offset();
	test_classes();
	test_clip();
	test_ranking(400, 0, false, "distinct scores");
	test_ranking(400, 10, false, "many ties, some below 0");
	test_ranking(400, 10, true, "ties and weights");
	test_ranking(40, 4, true, "few rows");
	test_threshold();
	test_order();
	return done();
}

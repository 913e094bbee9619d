/*
 * metrics.h
 *		How good predictions are.  Names and definitions as in scikit-learn.
 *
 * w may be NULL everywhere.  Sums run in the order given (compensated), so
 * the same rows in the same order give the same bits.  What has no meaning (of no
 * rows, or where the comment says so) is NaN.
 */
#ifndef ECHOLON_METRICS_H
#define ECHOLON_METRICS_H

#include "learn/learn.h"

typedef struct RegressionMetrics
{
	size_t		n;
	double		mse,
				rmse,
				mae,
				median_absolute_error,
				mape,			/* a share, not per cent; NaN where an actual value is 0 */
				r2;				/* NaN where the target is constant */
} RegressionMetrics;

typedef struct ClassMetrics
{
	size_t		n;
	double		accuracy,
				balanced_accuracy,	/* mean recall of the classes that occur */
				log_loss,		/* probabilities clipped at 1e-15 */
				roc_auc,		/* binary, or macro one-vs-rest over the classes that
								 * occur; NaN where only one class occurs */
				average_precision,	/* of the positive class, or macro */
				f1,				/* of the positive class, or macro */
				mcc,
				brier;			/* binary: mean (p - y)^2; else the sum over classes */
} ClassMetrics;

typedef struct ClassReport		/* one class */
{
	double		precision,
				recall,
				f1;				/* 0 where not defined, as scikit-learn */
	double		support;		/* weight of the rows of this class */
} ClassReport;

extern void metrics_regression(const LearnEnv *env, const double *actual, const double *predicted,
							   const double *w, size_t n, RegressionMetrics *out);

/*
 * actual: class numbers; proba [n * nclasses].  The predicted class is the one of
 * the largest probability (ties: the first), but for two classes positive
 * where its probability reaches threshold.
 */
extern void metrics_classification(const LearnEnv *env, const double *actual, const double *proba,
								   const double *w, size_t n, uint32_t nclasses,
								   uint32_t positive, double threshold, ClassMetrics *out);
extern uint32_t metrics_predicted_class(const double *proba, uint32_t nclasses,
										uint32_t positive, double threshold);

/* counts[actual * nclasses + predicted] */
extern void metrics_confusion(const double *actual, const double *proba, const double *w, size_t n,
							  uint32_t nclasses, uint32_t positive, double threshold, double *counts);
/*
 * macro: the mean of the classes that occur, as actual or as predicted; weighted:
 * by support.  Their support is the total weight.
 */
extern void metrics_report(const double *confusion, uint32_t nclasses, ClassReport *classes,
						   ClassReport *macro, ClassReport *weighted);

/* Area under the ROC curve with ties counted half; NaN where one class is missing. */
extern double metrics_roc_auc(const LearnEnv *env, const bool *positive, const double *score,
							  const double *w, size_t n);
/* Sum of precision times the rise of recall; NaN where no row is positive. */
extern double metrics_average_precision(const LearnEnv *env, const bool *positive,
										const double *score, const double *w, size_t n);

typedef struct CurvePoint
{
	double		x,				/* roc: false positive rate; pr: recall */
				y,				/* roc: true positive rate; pr: precision */
				threshold;
} CurvePoint;

/*
 * At most n + 1 points: a first one with an infinite threshold, at (0, 0) of the
 * ROC curve and (0, 1) of the other, then one a distinct score; thresholds fall.
 * Returns how many: 0 where a class is missing (pr: the positive one).
 */
extern size_t metrics_roc_curve(const LearnEnv *env, const bool *positive, const double *score,
								const double *w, size_t n, CurvePoint *points);
extern size_t metrics_pr_curve(const LearnEnv *env, const bool *positive, const double *score,
							   const double *w, size_t n, CurvePoint *points);

/*
 * The threshold for two classes: the one that maximises f1 ('f1') or balanced
 * accuracy ('balanced') of the positive class on these rows; midpoint between
 * neighbouring scores.  0.5 where there is nothing to choose.
 */
extern double metrics_best_threshold(const LearnEnv *env, const bool *positive, const double *score,
									 const double *w, size_t n, bool balanced);

#endif							/* ECHOLON_METRICS_H */

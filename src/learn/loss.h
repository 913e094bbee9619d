/*
 * loss.h
 *		Losses of gradient boosting: start values, gradients, leaves, links.
 *
 * Scores of several classes are class-major: score[k * n + i].
 */
#ifndef ECHOLON_LOSS_H
#define ECHOLON_LOSS_H

#include "learn/learn.h"

typedef struct Loss
{
	LearnLoss	kind;
	double		quantile;		/* LOSS_QUANTILE */
	uint32_t	nclasses;		/* 0 for regression */
	double		huber_delta;	/* LOSS_HUBER: set by loss_begin each round, the weighted
								 * 0.9 quantile of |y - score| (Friedman 2001) */
} Loss;

/* Trees a round: nclasses for softmax, else 1. */
extern uint32_t loss_nscores(const Loss *loss);
extern LearnLink loss_link_kind(const Loss *loss);

/* base[nscores]: mean, median or quantile, log of the mean, log-odds, log-priors. */
extern void loss_start(const LearnEnv *env, const Loss *loss, const double *y, const double *w,
					   size_t n, double *base);

/*
 * Negative gradients and hessians of score k, unweighted (the caller
 * multiplies by the weight).  score: [nscores * n].  prob: scratch [nscores * n] for softmax,
 * filled when k == 0 and read for the others; NULL for the other losses.
 */
extern void loss_gradients(const LearnEnv *env, Loss *loss, const double *y, const double *w,
						   size_t n, const double *score, uint32_t k,
						   double *prob, double *gradient, double *hessian);

/*
 * The same in two steps: once a round, what needs all rows; then rows first .. first + count - 1 of the n, whose
 * results are gradient[0 .. count) and hessian[0 .. count).
 */
extern void loss_begin(const LearnEnv *env, Loss *loss, const double *y, const double *w, size_t n,
					   const double *score);
extern void loss_gradients_part(const LearnEnv *env, const Loss *loss, const double *y, size_t n, size_t first,
								size_t count, const double *score, uint32_t k, double *prob, double *gradient,
								double *hessian);

/* Is the hessian 1 for every row (squared, absolute, quantile, huber)? */
extern bool loss_constant_hessian(const Loss *loss);

/* Are leaf values computed anew from residuals (absolute, quantile, huber)? */
extern bool loss_renews_leaves(const Loss *loss);

/*
 * The renewed value of a leaf that holds rows[0 .. n): weighted lower quantile of
 * y - score (the smallest value whose cumulative weight reaches q); huber: median
 * plus the mean of the residuals from it clipped at delta.
 */
extern double loss_leaf(const LearnEnv *env, const Loss *loss, const double *y, const double *w,
						const double *score, const uint32_t *rows, size_t n);

/* Weighted mean loss, for learning curves and early stopping. */
extern double loss_mean(const Loss *loss, const double *y, const double *w, size_t n,
						const double *score);

/* Its parts: the weighted losses of rows first .. first + count - 1 of the n, and the sum of all weights. */
extern double loss_sum_part(const Loss *loss, const double *y, const double *w, size_t n, size_t first, size_t count,
							const double *score);
extern double loss_weight(const double *w, size_t n);

/* Bounds on a leaf's value before the learning rate (poisson: +-20; else +-inf). */
extern double loss_leaf_limit(const Loss *loss);

/*
 * Scores of one row to outputs, in place of what is written: identity, exp,
 * (1-p, p), softmax.  score and out may not overlap.
 */
extern void link_outputs(LearnLink link, uint32_t nscores, const double *score, double *out);

/*
 * Smallest value whose cumulative weight reaches q of the total; w may be NULL. NaN of
 * none.  Selects in a copy, in linear time.
 */
extern double weighted_quantile(const LearnEnv *env, const double *values, const double *w,
								size_t n, double q);

#endif							/* ECHOLON_LOSS_H */

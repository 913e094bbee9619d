/*
 * mathfn.h
 *		exp and log of the learner's own, from + - * / alone.
 *
 * The C library picks its variants by CPU and rounds differently with and
 * without fused multiply-add; a model must not.  Compiled with
 * -ffp-contract=off, these give the same bits everywhere.  Error below 1 ulp
 * or so; NaN, infinities and subnormals as in C99.
 */
#ifndef ECHOLON_MATHFN_H
#define ECHOLON_MATHFN_H

#include <stddef.h>

extern double math_exp(double x);
extern double math_log(double x);
extern double math_log1p(double x);
/* 1 / (1 + exp(-x)), without overflow. */
extern double math_logistic(double x);
/* out[i] = math_exp(x[i]), bit for bit, several at a time; out may be x. */
extern void math_exp_many(const double *x, double *out, size_t n);

#endif							/* ECHOLON_MATHFN_H */

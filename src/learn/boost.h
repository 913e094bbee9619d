/*
 * boost.h
 *		Gradient boosting, from coded rows to grown trees.
 */
#ifndef ECHOLON_BOOST_H
#define ECHOLON_BOOST_H

#include "learn/boost_work.h"

typedef struct BoostResult
{
	GrownTree  *trees;			/* [rounds * nscores], leaves scaled by the learning rate */
	uint32_t	rounds;			/* kept */
	uint32_t	nscores;
	LearnLink	link;
	double	   *base;			/* [nscores] */
	LearnCurvePoint *curve;		/* of every round, the dropped ones too */
	uint32_t	ncurve;
} BoostResult;

/*
 * crew: of a boost_task whose head, a BoostHead, has the matrix.
 * from: a model that is gone on from, whose trees are not in the result: the scores begin with its own, and
 * rounds are counted from first.  NULL: begin anew, with first 0.
 */
extern void boost_fit(const LearnEnv *env, Crew *crew, const GrowMethod *method, const LearnData *data,
					  const uint32_t *train, size_t ntrain, const uint32_t *watch, size_t nwatch,
					  const Bins *bins, const LearnParams *params,
					  const LearnModel *from, uint32_t first, BoostResult *result);
extern void boost_task(const LearnEnv *env, const LearnData *data, size_t ntrain, size_t nwatch, const Bins *bins,
					   const LearnParams *params, LearnTask *task);
extern size_t boost_memory(const LearnData *data, size_t ntrain, size_t nwatch,
						   const LearnParams *params);

#endif							/* ECHOLON_BOOST_H */

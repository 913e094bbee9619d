/*
 * forest.h
 *		A forest as tasks: one plan that is only read, one worker a process.
 */
#ifndef ECHOLON_FOREST_H
#define ECHOLON_FOREST_H

#include "learn/crew.h"

/* Everything that trees share.  Written by forest_plan_make alone. */
typedef struct ForestPlan
{
	const LearnParams *params;
	GrowSetup	setup;
	SplitRule	rule;
	size_t		ntrain;
	uint32_t   *pick;			/* training rows that have weight, ascending */
	uint32_t	npick;
	uint32_t	draws;			/* bootstrap: rows drawn a tree */
	int64_t    *target;			/* by training row: scaled, or 0 and 1 scaled for two classes */
	uint16_t   *label;			/* more than two classes */
	uint32_t   *weight;			/* integers; NULL: all 1 */
	double	   *xlogx;			/* entropy: n log n */
} ForestPlan;

typedef struct ForestWorker ForestWorker;

extern void forest_plan_make(const LearnEnv *env, const LearnData *data, const uint32_t *train,
							 size_t ntrain, const Bins *bins, const Matrix *matrix,
							 const LearnParams *params, ForestPlan *plan);
extern void forest_plan_free(const LearnEnv *env, ForestPlan *plan);
extern uint32_t forest_max_bag(const LearnParams *params, uint32_t npick);

extern ForestWorker *forest_worker_create(const LearnEnv *env, const ForestPlan *plan,
										  const GrowMethod *method);
/*
 * Tree number tree_index, whatever was grown before: it depends on the plan and the number
 * alone.  bag: a bit a training row that is in it, (ntrain + 63) / 64 words, zeroed; may be NULL.
 */
extern void forest_grow_tree(ForestWorker *worker, uint32_t tree_index, uint64_t *bag,
							 GrownTree *tree);
extern void forest_worker_free(ForestWorker *worker);

/*
 * What participants in a forest share.  The leader writes it all before others join; then each tree's bag is
 * written by whoever grows the tree.
 */
typedef struct ForestHead
{
	CrewHead	crew;
	LearnParams params;
	ForestPlan	plan;
	Bins		bins;
	Matrix		matrix;
	uint32_t	first;			/* number of the first tree */
	size_t		words;			/* of a bag */
	uint64_t   *bags;			/* [trees * words], zeroed; NULL: not wanted */
} ForestHead;

/* The task of growing a forest, whose memory is a ForestHead and what it points to.  each: bytes of a worker. */
extern void forest_task(const LearnData *data, size_t ntrain, const Bins *bins, const LearnParams *params, bool bags,
						size_t each, LearnTask *task);

/* Out-of-bag predictions of the finished model; bags: the bits of all trees, one after the other. */
extern void forest_oob(const LearnEnv *env, const LearnModel *model, const LearnData *data,
					   const uint32_t *train, size_t ntrain, const uint64_t *bags, double *oob,
					   LearnCurvePoint **curve, uint32_t *ncurve);

#endif							/* ECHOLON_FOREST_H */

/*
 * compare.h
 *		Versions of a model on rows that none of them was fitted to.
 */
#ifndef ECHOLON_COMPARE_H
#define ECHOLON_COMPARE_H

#include "postgres.h"

#include "operate/replay.h"

#define COMPARE_MIN_ROWS	30	/* fewer rows tell nothing */

/* Rows of a frame that versions of a model may be measured on. */
typedef struct Unseen
{
	const char *why_not;		/* they may not: a whole clause; NULL: they may */
	uint32	   *rows;			/* [n] ascending; NULL where why_not says why */
	size_t		n;
} Unseen;

/*
 * The rows that no version with one of these recipes was fitted to.  versions: for why_not.  At least COMPARE_MIN_ROWS,
 * or why_not.
 */
extern void compare_unseen(const Frame *frame, const Target *target, const ModelVersion *const *versions,
						   const Jsonb *const *recipes, int n, Unseen *unseen);

/* Scores of a version on rows of a frame. */
extern void compare_score(const ModelVersion *version, const CachedModel *model, const Frame *frame,
						  const Target *target, const Unseen *unseen, Scores *scores);

/*
 * Scores of a version on those rows of the relation being replayed that it was not fitted to; why there are none, a whole
 * clause, or NULL.
 */
extern const char *compare_alone(ReplayUser *replay, const ModelVersion *version, Scores *scores, size_t *rows);

/* The target of a frame that was read for a version of a model, as that one has it. */
extern void compare_target(const Training *t, const CachedModel *model, Target *target);

/* Is this the metric that echolon_retrain_when's error_above is about: rmse, or log_loss of classes? */
extern bool compare_is_error(const char *metric);

/* A score as text for a sentence. */
extern char *compare_number(double value);

#endif							/* ECHOLON_COMPARE_H */

/*
 * direct.h
 *		What the two forms of the direct path share: all rows (direct.c), and one row (at.c).
 */
#ifndef ECHOLON_DIRECT_H
#define ECHOLON_DIRECT_H

#include "nodes/parsenodes.h"

#include "features/feature.h"
#include "features/rowstore.h"
#include "features/terms.h"

/* One SELECT, analyzed; nothing of it is executed. */
extern Query *direct_analyze(const char *sql);

/* Names of all columns of a set's view. */
extern List *feature_set_columns(const FeatureSet *set);

/* The calendar of a set's dates. */
extern RollingClock *direct_clock(const FeatureSet *set);

/* Push a row and raise where a result overflowed, as the window function does. */
extern void direct_push(RollingState *state, double value, bool isnull, int64 time,
						double *numbers, bool *isnulls);

#endif							/* ECHOLON_DIRECT_H */

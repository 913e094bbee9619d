/*
 * extremes.h
 *		The smallest or largest value of a window whose values leave in the order they came.
 *
 * Plain C without a server.  NaN is the greatest value, as in PostgreSQL; of equal values (0 and -0)
 * the last one is given, as by min() and max().
 */
#ifndef ECHOLON_EXTREMES_H
#define ECHOLON_EXTREMES_H

#include "learn/learn.h"

typedef struct ExtremeEntry
{
	double		value;
	uint64_t	place;			/* how many values were added before it */
} ExtremeEntry;

/* One end of the values.  Two make minimum and maximum. */
typedef struct Extreme
{
	const LearnEnv *env;
	bool		largest;
	uint64_t	added,			/* values so far */
				removed;
	ExtremeEntry *ring;			/* values that no later one beats, the best one first */
	uint64_t	mask;			/* places of the ring - 1, a power of two */
	uint64_t	first,			/* in the ring, before the mask */
				last;			/* one behind */
} Extreme;

/*
 * Begin, the largest or the smallest one.  Memory comes from env, in the aggregate's context where
 * that is the current one at each call that adds.
 */
extern void extreme_init(Extreme *extreme, const LearnEnv *env, bool largest);

/* No values again. */
extern void extreme_reset(Extreme *extreme);

/* One value more.  Amortised O(1). */
extern void extreme_add(Extreme *extreme, double x);

/* Where no value will ever leave: keeps the best one only. */
extern void extreme_add_forever(Extreme *extreme, double x);

/* The value that was added first leaves; there must be one. */
extern void extreme_remove(Extreme *extreme);

/* The smallest, or largest; false where there is no value. */
extern bool extreme_get(const Extreme *extreme, double *result);

/* Bytes allocated beside the struct. */
extern size_t extreme_memory(const Extreme *extreme);

extern void extreme_free(Extreme *extreme);

#endif							/* ECHOLON_EXTREMES_H */

/*
 * median.h
 *		The median of a window whose values leave in the order they came.
 *
 * Plain C without a server.  NaN sorts last.  Of an even number of values it is the mean of the two
 * in the middle, as percentile_cont(0.5): NaN where one of them is infinite and they are not a finite
 * number and Infinity (percentile_cont takes the difference of the two).
 */
#ifndef ECHOLON_MEDIAN_H
#define ECHOLON_MEDIAN_H

#include "learn/learn.h"

typedef struct MedianEntry
{
	uint64_t	key;			/* ascends away from the middle */
	uint32_t	place;			/* of the value, in Median.where */
} MedianEntry;

/* The lower and the upper half of the values, as heaps with their middle ones on top. */
typedef struct Median
{
	const LearnEnv *env;
	uint64_t	added,			/* values so far */
				removed;
	uint32_t	mask;			/* room for values - 1, a power of two */
	uint32_t   *where;			/* [mask + 1] by number of the value: 2 * index in its heap + which heap */
	uint32_t	n[2];			/* the lower half has one more where their number is odd */
	MedianEntry *heap[2];		/* [(mask + 1) / 2 + 1] */
} Median;

#define MEDIAN_MAX_VALUES	(UINT32_C(1) << 30)

/*
 * Begin.  Memory comes from env, in the aggregate's context where that is the current one at each
 * call that adds: 20 bytes a value.
 */
extern void median_init(Median *median, const LearnEnv *env);

/* No values again. */
extern void median_reset(Median *median);

/* One value more; O(log n).  Fails beyond MEDIAN_MAX_VALUES. */
extern void median_add(Median *median, double x);

/* The value that was added first leaves; there must be one.  O(log n). */
extern void median_remove(Median *median);

/* The median; false where there is no value. */
extern bool median_get(const Median *median, double *result);

/* The value that was added first of those there are; false where there is none. */
extern bool median_first(const Median *median, double *result);

/* Bytes allocated beside the struct. */
extern size_t median_memory(const Median *median);

extern void median_free(Median *median);

#endif							/* ECHOLON_MEDIAN_H */

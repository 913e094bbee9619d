/*
 * sort.h
 *		Doubles in order, by radix.
 */
#ifndef ECHOLON_SORT_H
#define ECHOLON_SORT_H

#include <string.h>

#include "learn/learn.h"

/* A double's bits as an integer that sorts alike; NaN, and -0 beside 0, are the caller's to avoid. */
static inline uint64_t
sort_key(double v)
{
	uint64_t	u;

	memcpy(&u, &v, sizeof(u));
	return (u >> 63) ? ~u : u | (UINT64_C(1) << 63);
}

static inline double
sort_value(uint64_t key)
{
	double		v;

	key = (key >> 63) ? key & (UINT64_MAX >> 1) : ~key;
	memcpy(&v, &key, sizeof(v));
	return v;
}

/* Sort n keys; other is scratch as large.  The result is in one of the two: the returned one. */
extern uint64_t *sort_keys(const LearnEnv *env, uint64_t *keys, uint64_t *other, size_t n);

#endif							/* ECHOLON_SORT_H */

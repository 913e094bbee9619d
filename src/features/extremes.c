/*
 * extremes.c
 *		Sliding minimum and maximum by a monotone deque.
 *
 * A value that a later one beats can never be the answer again, so it is dropped when that one
 * comes; what is left is sorted, and the answer stands in front.
 */
#include <math.h>
#include <string.h>

#include "features/extremes.h"

#define FIRST_PLACES	8

/* Does a stand before b in the order of floats, NaN last? */
static inline bool
before(double a, double b)
{
	return a < b || (isnan(b) && !isnan(a));
}

/* Is the kept value still better than a new one?  Not if they are equal: the later one stays longer. */
static inline bool
beats(const Extreme *extreme, double kept, double x)
{
	return extreme->largest ? before(x, kept) : before(kept, x);
}

void
extreme_init(Extreme *extreme, const LearnEnv *env, bool largest)
{
	memset(extreme, 0, sizeof(*extreme));
	extreme->env = env;
	extreme->largest = largest;
}

void
extreme_reset(Extreme *extreme)
{
	extreme->added = extreme->removed = 0;
	extreme->first = extreme->last = 0;
}

/* Room for twice as many. */
static void
grow(Extreme *extreme)
{
	uint64_t	n = extreme->last - extreme->first;
	uint64_t	places = extreme->ring == NULL ? FIRST_PLACES : 2 * (extreme->mask + 1);
	ExtremeEntry *ring = env_alloc(extreme->env, places, sizeof(*ring));

	for (uint64_t i = 0; i < n; i++)
		ring[i] = extreme->ring[(extreme->first + i) & extreme->mask];
	env_free(extreme->env, extreme->ring);
	extreme->ring = ring;
	extreme->mask = places - 1;
	extreme->first = 0;
	extreme->last = n;
}

void
extreme_add(Extreme *extreme, double x)
{
	while (extreme->last > extreme->first &&
		   !beats(extreme, extreme->ring[(extreme->last - 1) & extreme->mask].value, x))
		extreme->last--;
	if (extreme->ring == NULL || extreme->last - extreme->first > extreme->mask)
		grow(extreme);
	extreme->ring[extreme->last++ & extreme->mask] = (ExtremeEntry) {x, extreme->added++};
}

void
extreme_add_forever(Extreme *extreme, double x)
{
	if (extreme->last > extreme->first &&
		beats(extreme, extreme->ring[extreme->first & extreme->mask].value, x))
	{
		extreme->added++;
		return;
	}
	extreme->first = extreme->last;
	extreme_add(extreme, x);
}

void
extreme_remove(Extreme *extreme)
{
	uint64_t	place = extreme->removed++;

	if (extreme->last > extreme->first && extreme->ring[extreme->first & extreme->mask].place == place)
		extreme->first++;
}

bool
extreme_get(const Extreme *extreme, double *result)
{
	if (extreme->last == extreme->first)
		return false;
	*result = extreme->ring[extreme->first & extreme->mask].value;
	return true;
}

size_t
extreme_memory(const Extreme *extreme)
{
	return extreme->ring == NULL ? 0 : (extreme->mask + 1) * sizeof(ExtremeEntry);
}

void
extreme_free(Extreme *extreme)
{
	env_free(extreme->env, extreme->ring);
	extreme->ring = NULL;
	extreme_reset(extreme);
}

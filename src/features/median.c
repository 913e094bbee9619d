/*
 * median.c
 *		Sliding median by two heaps that know where each value lies.
 *
 * Values are compared as integers: the bits of a double, turned so that they ascend with it.  In the
 * lower half they are turned around once more, so that both are heaps with the least key on top.
 */
#include <math.h>
#include <string.h>

#include "features/median.h"
#include "learn/sort.h"

#define FIRST_PLACES	16

enum
{
	LOWER = 0,
	UPPER = 1
};

/* In the order of floats, NaN last. */
static inline uint64_t
key_of(double x)
{
	return isnan(x) ? UINT64_MAX : sort_key(x);
}

static inline double
value_of(uint64_t key)
{
	return key == UINT64_MAX ? NAN : sort_value(key);
}

void
median_init(Median *median, const LearnEnv *env)
{
	memset(median, 0, sizeof(*median));
	median->env = env;
}

void
median_reset(Median *median)
{
	median->added = median->removed = 0;
	median->n[LOWER] = median->n[UPPER] = 0;
}

/* An entry into its place of a heap. */
static inline void
put(Median *median, int half, uint32_t i, MedianEntry entry)
{
	median->heap[half][i] = entry;
	median->where[entry.place] = 2 * i + (uint32_t) half;
}

/* Move an entry up from i to where it belongs. */
static void
sift_up(Median *median, int half, uint32_t i, MedianEntry entry)
{
	const MedianEntry *heap = median->heap[half];

	while (i > 0 && entry.key < heap[(i - 1) / 2].key)
	{
		put(median, half, i, heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(median, half, i, entry);
}

/* Move an entry down from i to where it belongs. */
static void
sift_down(Median *median, int half, uint32_t i, MedianEntry entry)
{
	const MedianEntry *heap = median->heap[half];
	uint32_t	n = median->n[half];

	for (;;)
	{
		uint32_t	child = 2 * i + 1;

		if (child + 1 < n && heap[child + 1].key < heap[child].key)
			child++;
		if (child >= n || entry.key <= heap[child].key)
			break;
		put(median, half, i, heap[child]);
		i = child;
	}
	put(median, half, i, entry);
}

/* Add to one half. */
static void
push(Median *median, int half, uint64_t key, uint32_t place)
{
	MedianEntry entry = {half == LOWER ? ~key : key, place};

	sift_up(median, half, median->n[half]++, entry);
}

/* Take the entry at i out of a half. */
static void
take(Median *median, int half, uint32_t i)
{
	MedianEntry last = median->heap[half][--median->n[half]];

	if (i == median->n[half])
		return;
	if (i > 0 && last.key < median->heap[half][(i - 1) / 2].key)
		sift_up(median, half, i, last);
	else
		sift_down(median, half, i, last);
}

/* Move the middle value of one half to the other. */
static void
move(Median *median, int from)
{
	MedianEntry entry = median->heap[from][0];

	take(median, from, 0);
	entry.key = ~entry.key;
	sift_up(median, 1 - from, median->n[1 - from]++, entry);
}

/* Halves of the same size, or the lower one with one more. */
static void
balance(Median *median)
{
	if (median->n[LOWER] > median->n[UPPER] + 1)
		move(median, LOWER);
	else if (median->n[UPPER] > median->n[LOWER])
		move(median, UPPER);
}

/* Room for twice as many: each value's number modulo the room is another one then. */
static void
grow(Median *median)
{
	uint32_t	old_mask = median->mask;
	uint64_t	room = median->where == NULL ? FIRST_PLACES : 2 * ((uint64_t) old_mask + 1);
	uint32_t   *where;

	if (room > MEDIAN_MAX_VALUES)
		median->env->fail(median->env->arg, "a moving median can have 1073741824 values at most");
	where = env_alloc(median->env, room, sizeof(*where));
	for (int half = LOWER; half <= UPPER; half++)
	{
		/* one more: a value is added before the halves are balanced */
		MedianEntry *heap = env_alloc(median->env, room / 2 + 1, sizeof(*heap));

		for (uint32_t i = 0; i < median->n[half]; i++)
		{
			MedianEntry entry = median->heap[half][i];
			uint64_t	number = median->removed + ((entry.place - median->removed) & old_mask);

			entry.place = (uint32_t) (number & (room - 1));
			heap[i] = entry;
			where[entry.place] = 2 * i + (uint32_t) half;
		}
		env_free(median->env, median->heap[half]);
		median->heap[half] = heap;
		median->env->check(median->env->arg);
	}
	env_free(median->env, median->where);
	median->where = where;
	median->mask = (uint32_t) (room - 1);
}

void
median_add(Median *median, double x)
{
	uint64_t	key = key_of(x);

	if (median->where == NULL || median->added - median->removed > median->mask)
		grow(median);
	push(median, median->n[LOWER] > 0 && key > ~median->heap[LOWER][0].key ? UPPER : LOWER,
		 key, (uint32_t) (median->added++ & median->mask));
	balance(median);
}

void
median_remove(Median *median)
{
	uint32_t	where = median->where[median->removed++ & median->mask];

	take(median, (int) (where & 1), where / 2);
	balance(median);
}

bool
median_get(const Median *median, double *result)
{
	double		low,
				high;

	if (median->n[LOWER] == 0)
		return false;
	low = value_of(~median->heap[LOWER][0].key);
	if (median->n[LOWER] > median->n[UPPER])
	{
		*result = low;
		return true;
	}
	high = value_of(median->heap[UPPER][0].key);
	if (!isfinite(low) || !isfinite(high))
		*result = low + 0.5 * (high - low);
	else if (isfinite(low + high))
		*result = 0.5 * (low + high);
	else
		*result = 0.5 * low + 0.5 * high;
	return true;
}

bool
median_first(const Median *median, double *result)
{
	uint32_t	where;
	uint64_t	key;

	if (median->n[LOWER] == 0)
		return false;
	where = median->where[median->removed & median->mask];
	key = median->heap[where & 1][where / 2].key;
	*result = value_of((where & 1) == LOWER ? ~key : key);
	return true;
}

size_t
median_memory(const Median *median)
{
	size_t		room = (size_t) median->mask + 1;

	if (median->where == NULL)
		return 0;
	return room * sizeof(*median->where) + 2 * (room / 2 + 1) * sizeof(MedianEntry);
}

void
median_free(Median *median)
{
	for (int half = LOWER; half <= UPPER; half++)
	{
		env_free(median->env, median->heap[half]);
		median->heap[half] = NULL;
	}
	env_free(median->env, median->where);
	median->where = NULL;
	median->mask = 0;
	median_reset(median);
}

/*
 * format_text.c
 *		What is checked of a model's strings: UTF-8, numbers, no two the same.
 */
#include "model/format_layout.h"

#include <string.h>

#define CHECK_EVERY			4096	/* strings between cancel checks */

bool
format_utf8(const uint8_t *s, size_t length)
{
	const uint8_t *end = s + length;

	while (s < end)
	{
		uint8_t		low = 0x80,
					high = 0xBF;
		int			more;

		if (*s == 0)
			return false;
		if (*s < 0x80)
			more = 0;
		else if (*s >= 0xC2 && *s <= 0xDF)
			more = 1;
		else if (*s >= 0xE0 && *s <= 0xEF)
		{
			more = 2;
			if (*s == 0xE0)
				low = 0xA0;		/* no overlong form */
			else if (*s == 0xED)
				high = 0x9F;	/* no surrogate */
		}
		else if (*s >= 0xF0 && *s <= 0xF4)
		{
			more = 3;
			if (*s == 0xF0)
				low = 0x90;
			else if (*s == 0xF4)
				high = 0x8F;	/* up to U+10FFFF */
		}
		else
			return false;
		s++;
		while (more-- > 0)
		{
			if (s >= end || *s < low || *s > high)
				return false;
			low = 0x80;
			high = 0xBF;
			s++;
		}
	}
	return true;
}

/* Merge the sorted runs [from, middle) and [middle, to) of numbers of strings. */
static void
merge_runs(const char *const *strings, const uint32_t *in, uint32_t *out, uint64_t from,
		   uint64_t middle, uint64_t to)
{
	uint64_t	a = from,
				b = middle;

	for (uint64_t i = from; i < to; i++)
	{
		if (a < middle && (b >= to || strcmp(strings[in[a]], strings[in[b]]) <= 0))
			out[i] = in[a++];
		else
			out[i] = in[b++];
	}
}

bool
format_distinct(const LearnEnv *env, const char *const *strings, uint64_t n)
{
	uint32_t   *order,
			   *other;
	uint64_t	i = 1;
	bool		distinct = true;

	while (i < n && strcmp(strings[i - 1], strings[i]) < 0)
	{
		if (i % CHECK_EVERY == 0)
			env->check(env->arg);
		i++;
	}
	if (i >= n)
		return true;
	if (n > UINT32_MAX / 2)
		return false;

	order = env_alloc(env, n, sizeof(uint32_t));
	other = env_alloc(env, n, sizeof(uint32_t));
	for (i = 0; i < n; i++)
		order[i] = (uint32_t) i;
	for (uint64_t width = 1; width < n; width *= 2)
	{
		uint32_t   *swap = order;

		for (uint64_t from = 0; from < n; from += 2 * width)
		{
			uint64_t	middle = from + width < n ? from + width : n;
			uint64_t	to = from + 2 * width < n ? from + 2 * width : n;

			if (from % CHECK_EVERY == 0)
				env->check(env->arg);
			merge_runs(strings, order, other, from, middle, to);
		}
		order = other;
		other = swap;
	}
	for (i = 1; i < n && distinct; i++)
		distinct = strcmp(strings[order[i - 1]], strings[order[i]]) != 0;
	env_free(env, order);
	env_free(env, other);
	return distinct;
}

bool
format_number(const char *s)
{
	bool		digits = false;

	if (*s == '-' || *s == '+')
		s++;
	if (strcmp(s, "Infinity") == 0)
		return true;
	for (; *s >= '0' && *s <= '9'; s++)
		digits = true;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++)
			digits = true;
	if (!digits)
		return false;
	if (*s == 'e' || *s == 'E')
	{
		s++;
		if (*s == '-' || *s == '+')
			s++;
		for (digits = false; *s >= '0' && *s <= '9'; s++)
			digits = true;
		if (!digits)
			return false;
	}
	return *s == '\0';
}

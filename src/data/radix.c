/*
 * radix.c
 *		Rows sorted by an integer key, by radix.
 *
 * From the lowest digit to the highest, 11 bits at most a pass: the places of 2,048 digits are as
 * many as the first-level cache takes well.
 */
#include "postgres.h"

#include "data/radix.h"
#include "miscadmin.h"

#define CHECK_ROWS		(64 * 1024) /* a few milliseconds of moving rows */
#define DIGIT_BITS		11

SortRow *
radix_sort(SortRow *rows, SortRow *spare, size_t n, int low, int high)
{
	int			npasses = (high - low + DIGIT_BITS - 1) / DIGIT_BITS;
	size_t		places[1 << DIGIT_BITS];

	for (int pass = 0; pass < npasses && n > 1; pass++)
	{
		int			shift = low + pass * DIGIT_BITS;
		uint64		mask = (UINT64CONST(1) << Min(DIGIT_BITS, high - shift)) - 1;
		size_t		total = 0;
		SortRow    *swap;

		CHECK_FOR_INTERRUPTS();
		memset(places, 0, sizeof(places));
		for (size_t i = 0; i < n; i++)
			places[rows[i].key >> shift & mask]++;
		if (places[rows[0].key >> shift & mask] == n)
			continue;			/* all have the same digit */
		for (size_t digit = 0; digit <= mask; digit++)
		{
			size_t		count = places[digit];

			places[digit] = total;
			total += count;
		}
		for (size_t from = 0; from < n; from += CHECK_ROWS)
		{
			size_t		until = Min(from + CHECK_ROWS, n);

			CHECK_FOR_INTERRUPTS();
			for (size_t i = from; i < until; i++)
				spare[places[rows[i].key >> shift & mask]++] = rows[i];
		}
		swap = rows;
		rows = spare;
		spare = swap;
	}
	return rows;
}
